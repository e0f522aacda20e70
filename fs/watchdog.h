/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog.h - a small process, forked before anything else is opened, that ends the
 * mount's connection when the daemon dies or stops answering, so that nobody
 * hangs on a dead mount.
 */
#ifndef STEME_FS_WATCHDOG_H
#define STEME_FS_WATCHDOG_H

#include "core/err.h"

struct fs_watchdog;

/* Forks.  Call before threads and LevelDB exist.  NULL on failure (logged). */
struct fs_watchdog *fs_watchdog_start(void);
/* The mount is up: which connection (/sys/fs/fuse/connections/N) and where. */
void fs_watchdog_mounted(struct fs_watchdog *w, unsigned connection,
    const char *mountpoint);
/* Once a second at most; 60 s without one count as a hang. */
void fs_watchdog_beat(struct fs_watchdog *w);
/* A clean end: the watchdog goes without touching the mount.  NULL is allowed. */
void fs_watchdog_stop(struct fs_watchdog *w);

#endif
