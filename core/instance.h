/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - where one StemeDB lives on a machine: everything below one folder D.
 *
 *   D/wal  D/kv  D/keys  D/run/control.sock  D/run/changes  D/run/NAME.pid
 *   D/log/{stemefs,stemedb-api,storage}.log  D/api.toml (optional)
 *
 * D may hold foreign files and the mount point.  Pure paths, but for the pid files.
 */
#ifndef STEME_INSTANCE_H
#define STEME_INSTANCE_H

#include "core/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STEME_DEFAULT_DIR	"/var/lib/stemedb"
#define STEME_DEFAULT_MOUNT	"/mnt/steme"
#define STEME_DEFAULT_PORT	18180
#define STEME_DEFAULT_CLUSTER_PORT 18181
#define STEME_DEFAULT_CONF	"/etc/stemedb/api.toml"
#define STEME_SOCKET_MAX	107	/* bytes of a socket path that the kernel takes */

struct steme_instance {
	char dir[PATH_MAX];		/* absolute */
	char wal[PATH_MAX], kv[PATH_MAX], keys[PATH_MAX], run[PATH_MAX];
	char log[PATH_MAX];
	char socket[PATH_MAX], changes[PATH_MAX];
	char conf[PATH_MAX];		/* D/api.toml, or /etc/stemedb/api.toml for the
					   default D; may not exist */
	bool is_default;
};

/*
 * Paths for dir; NULL: STEME_DIR from the environment, else the default.  dir is made
 * absolute, and need not exist.  STEME_ETOOBIG: the socket's path would pass
 * STEME_SOCKET_MAX; why says so and what to do.
 */
int steme_instance_init(struct steme_instance *in, const char *dir,
    struct steme_why *why);
/*
 * May this be the mount point (absolute)?  STEME_EINVAL: it would hide D, or lies in a
 * folder of D that the daemon works in: it would wait for itself.
 */
int steme_instance_mount(const struct steme_instance *in, const char *mount,
    struct steme_why *why);
/* Makes D (0755), wal, kv, keys (0700), run (0755), log where absent. */
int steme_instance_make(const struct steme_instance *in, struct steme_why *why);

/*
 * A process recorded as D/run/NAME.pid: "pid starttime\n", so that a reused pid is
 * never taken for it.
 */
struct steme_pid {
	pid_t pid;
	uint64_t start;			/* field 22 of /proc/PID/stat */
};
/* Records the calling process; atomically. */
int steme_pid_write(const struct steme_instance *in, const char *name,
    struct steme_why *why);
/* STEME_ENOTFOUND: none recorded, or it no longer runs (then *p is what was recorded). */
int steme_pid_read(const struct steme_instance *in, const char *name,
    struct steme_pid *p);
/*
 * Does exactly this process still run?  A zombie does while a thread of it is left: one that
 * was killed gives its locks back with the last.
 */
bool steme_pid_alive(const struct steme_pid *p);
void steme_pid_remove(const struct steme_instance *in, const char *name);

#endif
