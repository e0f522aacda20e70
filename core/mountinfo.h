/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo.h - what is mounted where, from the kernel's table: the mount itself is not asked. */
#ifndef STEME_MOUNTINFO_H
#define STEME_MOUNTINFO_H

#include <stdbool.h>

struct steme_mountinfo {
	char type[64];		/* of its file system */
	unsigned minor;		/* of its device; for FUSE: the connection */
};

/*
 * What was mounted last at path (absolute; links on the way to its last part are
 * followed).  False: nothing, or the table cannot be read.
 */
bool steme_mountinfo_find(const char *path, struct steme_mountinfo *out);

#endif
