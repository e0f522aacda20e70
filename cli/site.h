/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - where an instance is mounted and listens: D/run/instance.json, written by
 * `steme up`, so that restart, down and status need no options.
 *
 *   {"mount":"/mnt/steme","port":18180,"cluster_port":18181,
 *    "given":["mount","port"]}
 *
 * "mount": null: none.  "given": what a command line said; it holds until another one
 * says otherwise, while the rest follows the configuration at each start.
 */
#ifndef STEME_CLI_SITE_H
#define STEME_CLI_SITE_H

#include "core/conf.h"
#include "core/instance.h"

struct site {
	bool recorded;			/* instance.json was there */
	char mount[PATH_MAX];		/* "": no mount */
	uint64_t port, cluster_port;	/* cluster_port 0: none */
	bool mount_given, port_given, cluster_given;
	char host[256];			/* to reach the sidecar at */
	bool tls;			/* by https */
};

/* What options say; NULL and UINT64_MAX: nothing. */
struct site_options {
	const char *mount;
	bool no_mount;
	uint64_t port, cluster_port;
};

/*
 * Options over what is recorded, over the configuration, over the defaults.
 * STEME_EINVAL: ports out of range, a bad configuration, a mount that cannot be.
 */
int site_find(struct site *s, const struct steme_instance *in,
    const struct site_options *o, struct steme_why *why);
int site_save(const struct site *s, const struct steme_instance *in,
    struct steme_why *why);

#endif
