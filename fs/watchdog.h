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

#define FS_HANG_MS	60000

/*
 * Forks.  Call before threads and LevelDB exist.  Once there is a mount, hang_ms without a
 * beat count as a hang.  NULL on failure (logged).
 */
struct fs_watchdog *fs_watchdog_start(int hang_ms);
/* The mount is up: which connection (/sys/fs/fuse/connections/N) and where. */
void fs_watchdog_mounted(struct fs_watchdog *w, unsigned connection,
    const char *mountpoint);
/* Once a second at most. */
void fs_watchdog_beat(struct fs_watchdog *w);
/* A clean end, nothing is mounted any more: the watchdog goes.  NULL is allowed. */
void fs_watchdog_stop(struct fs_watchdog *w);

#endif
