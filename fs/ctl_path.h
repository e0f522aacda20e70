/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_path.h - taking over the path of the control socket, and giving it back.
 * doc/wire-protocol.md, "Taking the path".
 */
#ifndef STEME_CTL_PATH_H
#define STEME_CTL_PATH_H

#include "core/err.h"

#include <sys/types.h>

struct steme_ctl_path {
	int fd;			/* listens; non-blocking */
	int lock;		/* path.lock, held */
	dev_t dev;
	ino_t ino;		/* of the socket that we made */
	char path[108];
};

/* Errors as steme_ctl_open(). */
int steme_ctl_path_take(struct steme_ctl_path *p, const char *path,
    struct steme_why *why);
/* Removes the socket if it is still ours. */
void steme_ctl_path_leave(struct steme_ctl_path *p);

#endif
