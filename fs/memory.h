/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h - how much memory malloc() holds for the daemon. */
#ifndef STEMEFS_MEMORY_H
#define STEMEFS_MEMORY_H

#include <stdbool.h>

/* Before the first thread: how many arenas there may be. */
void fs_memory_init(void);
/*
 * Gives pages back to the kernel if those that malloc() holds without need are worth it:
 * after a burst, what one thread freed lies in an arena that others do not use.  True:
 * it did.  Any thread; takes some milliseconds then, in which others may wait in malloc().
 */
bool fs_memory_give_back(void);

#endif
