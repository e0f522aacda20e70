/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_peer.h - who is at the other end, and what may they do.  One thread. */
#ifndef STEME_CTL_PEER_H
#define STEME_CTL_PEER_H

#include "core/service.h"

struct steme_peers {
	uid_t self, owner, overflow;
	const char *group;		/* "" : none */
	gid_t gid;			/* of group */
	bool has_gid;
	int64_t looked_up_ms;		/* groups may be made while we run */
};

void steme_peers_init(struct steme_peers *p, uid_t owner, const char *group);
/* Fills uid, pid and the highest role.  STEME_EIO: the kernel does not say. */
int steme_peer_of(struct steme_peers *p, int fd, struct steme_caller *out);
/* The role of one who has these; ngroups supplementary groups beside gid. */
enum steme_role steme_peer_role(const struct steme_peers *p, uid_t uid, gid_t gid,
    const gid_t *groups, size_t ngroups);

#endif
