/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.h - the store's housekeeping, once a second.  It waits for the disk, and for who
 * waits for the disk, so it has a thread of its own: the daemon shows meanwhile that it lives.
 */
#ifndef STEME_FS_UPKEEP_H
#define STEME_FS_UPKEEP_H

#include "core/store.h"

struct fs_upkeep;

/* s is borrowed.  STEME_OK, STEME_ENOMEM or STEME_EAGAIN (no thread is to be had). */
int fs_upkeep_start(struct fs_upkeep **out, struct steme_store *s);
/* Returns when a turn under way has ended, and none comes any more.  NULL is allowed. */
void fs_upkeep_stop(struct fs_upkeep *u);

#endif
