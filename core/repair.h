/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.h - a store whose log is damaged, or lacks segments, gets a whole log again, with
 * nobody running.  What the log cannot give is taken from the index, if that is there
 * and can be read.  Nothing is deleted: what is replaced is kept under another name.
 */
#ifndef STEME_REPAIR_H
#define STEME_REPAIR_H

#include "core/check.h"

struct steme_repair_report {
	uint64_t troubles;	/* places of the log; 0: nothing to do, nothing done */
	uint64_t refilled;	/* records taken from the index */
	uint64_t lost;		/* records that neither has */
	uint64_t written, aside;	/* segments made, and kept under another name */
};

/*
 * o: wal_dir, kv_dir (or index), more_wal_dirs, segment_bytes, operator_ and accept_gaps
 * count.  finding (may be NULL) is told every trouble and every lost record.
 * STEME_EGAP: something is lost and accept_gaps is not set: nothing was changed, *rep
 * says how much.  STEME_EBUSY: a daemon holds the log.  STEME_ENOTFOUND: there is no log.
 * Interrupted, it can be run again.
 */
int steme_repair(const struct steme_store_opts *o,
    void (*finding)(void *arg, const struct steme_finding *f), void *arg,
    struct steme_repair_report *rep, struct steme_why *why);

#endif
