/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failures.h - how often the log could not be written, over restarts.
 *
 * After such a failure the daemon ends within a second, mostly before anybody reads
 * its metrics: so the number is kept in D/run/wal-failures, a byte for each.  Best
 * effort, for the disk may not take that either.
 */
#ifndef STEME_FS_FAILURES_H
#define STEME_FS_FAILURES_H

#include "core/instance.h"

/* Failures of earlier processes. */
uint64_t fs_failures_before(const struct steme_instance *in);
/* Remembers n more for the next process. */
void fs_failures_add(const struct steme_instance *in, uint64_t n);

#endif
