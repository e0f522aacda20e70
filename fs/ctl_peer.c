/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_peer.c - roles from the kernel's word (details: doc/wire-protocol.md, "Roles"). */
#include "config.h"
#include "fs/ctl_peer.h"
#include "core/clock.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_UP_MS	10000
#define GROUPS_MAX	65536		/* NGROUPS_MAX of Linux */

static uid_t
overflow_uid(void)
{
	FILE *f = fopen("/proc/sys/kernel/overflowuid", "re");
	unsigned v = 65534;

	if (f != NULL) {
		if (fscanf(f, "%u", &v) != 1)
			v = 65534;
		fclose(f);
	}
	return (uid_t)v;
}

static void
look_up_group(struct steme_peers *p)
{
	struct group g, *found = NULL;
	char buf[16384];

	p->looked_up_ms = steme_mono_ms();
	p->has_gid = p->group[0] != '\0' &&
	    getgrnam_r(p->group, &g, buf, sizeof(buf), &found) == 0 && found != NULL;
	if (p->has_gid)
		p->gid = g.gr_gid;
}

void
steme_peers_init(struct steme_peers *p, uid_t owner, const char *group)
{
	memset(p, 0, sizeof(*p));
	p->self = geteuid();
	p->owner = owner;
	p->overflow = overflow_uid();
	p->group = group == NULL ? "stemedb" : group;
	look_up_group(p);
}

enum steme_role
steme_peer_role(const struct steme_peers *p, uid_t uid, gid_t gid,
    const gid_t *groups, size_t ngroups)
{
	/* Whoever the kernel cannot name here may be anybody. */
	if (uid == p->overflow || uid == (uid_t)65534 || uid == (uid_t)-1)
		return STEME_ROLE_READER;
	if (uid == 0 || uid == p->self || uid == p->owner)
		return STEME_ROLE_ADMIN;
	if (!p->has_gid)
		return STEME_ROLE_READER;
	if (gid == p->gid)
		return STEME_ROLE_ADMIN;
	for (size_t i = 0; i < ngroups; i++)
		if (groups[i] == p->gid)
			return STEME_ROLE_ADMIN;
	return STEME_ROLE_READER;
}

/* The supplementary groups; *groups is to be freed. */
static int
peer_groups(int fd, gid_t **groups, size_t *n)
{
	gid_t few[64], *many;
	socklen_t len = sizeof(few);

	*groups = NULL;
	*n = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &len) == 0) {
		if ((*groups = malloc(sizeof(few))) == NULL)
			return STEME_ENOMEM;
		memcpy(*groups, few, len);
		*n = len / sizeof(gid_t);
		return STEME_OK;
	}
	/* ERANGE: len says how much it takes. */
	if (errno != ERANGE || len > GROUPS_MAX * sizeof(gid_t))
		return STEME_EIO;
	if ((many = malloc(len)) == NULL)
		return STEME_ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &len) < 0) {
		free(many);
		return STEME_EIO;
	}
	*groups = many;
	*n = len / sizeof(gid_t);
	return STEME_OK;
}

int
steme_peer_of(struct steme_peers *p, int fd, struct steme_caller *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	gid_t *groups;
	size_t n;
	int err;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    len != sizeof(cred))
		return STEME_EIO;
	if ((err = peer_groups(fd, &groups, &n)) != STEME_OK)
		return err;
	if (steme_mono_ms() - p->looked_up_ms > LOOK_UP_MS)
		look_up_group(p);
	out->uid = cred.uid;
	out->pid = cred.pid;
	out->role = steme_peer_role(p, cred.uid, cred.gid, groups, n);
	free(groups);
	return STEME_OK;
}
