/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - mount points, looked at so that a dead file system cannot hang us: the kernel's
 * table is read, and every call on the mount itself is made by a child.
 */
#ifndef STEME_CLI_MOUNTS_H
#define STEME_CLI_MOUNTS_H

#include "core/err.h"

#include <stdbool.h>

enum mount_state {
	MOUNT_NONE,		/* nothing is mounted there */
	MOUNT_LIVE,		/* our kind; it answers, or lets only its user ask */
	MOUNT_DEAD,		/* our kind, but its daemon is gone */
	MOUNT_SLOW,		/* our kind; no answer in time */
	MOUNT_FOREIGN		/* another file system */
};

/* type (may be NULL): its file system, 64 bytes.  wait_ms: for an answer. */
enum mount_state mount_look(const char *path, int wait_ms, char *type);
/* Detaches what is mounted at path (also if somebody is in it). */
int mount_detach(const char *path, struct steme_why *why);
/* Makes the folder if it is not there.  STEME_EINVAL: it cannot be a mount point. */
int mount_prepare(const char *path, struct steme_why *why);
const char *mount_state_name(enum mount_state s);

#endif
