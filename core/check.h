/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - verify and offline rebuild: every hash, signature, chain and
 * index entry.
 */
#ifndef STEME_CHECK_H
#define STEME_CHECK_H

#include "core/store.h"

struct steme_finding {
	int err;		/* STEME_ECORRUPT, STEME_ESIG, STEME_EGAP, ... */
	uint64_t lsn;		/* 0: not about one record */
	struct steme_id id;	/* zero: not about one object */
	char text[384];		/* names the place: file, offset, key or id */
};

struct steme_check_report {
	uint64_t records, objects, signatures, batches, segments, index_entries;
	uint64_t lost_segment_records;
	uint64_t problems;
	uint64_t us;		/* time taken */
};

struct steme_check_opts {
	bool skip_signatures;
	unsigned threads;	/* 0: number of CPUs */
	void (*finding)(void *arg, const struct steme_finding *f);
	void (*progress)(void *arg, unsigned permille);
	/* Asked for every record and entry; true: give up with STEME_ECANCELED.  May be
	 * NULL. */
	bool (*stop)(void *arg);
	void *arg;
};

/*
 * Checks an open store up to the lsn visible when it starts: log chain and CRCs,
 * ids, signatures and batch proofs, then every index entry both ways (each record
 * has its entries, each entry its record).  STEME_OK: all good; STEME_ECORRUPT: see
 * findings; other errors: could not check.
 */
int steme_store_verify(struct steme_store *s, const struct steme_check_opts *o,
    struct steme_check_report *rep, struct steme_why *why);

/*
 * Makes the index in kv_dir anew from wal_dir (and more_wal_dirs) with nobody running.
 * replace: one that is there stays in its place, and closed, until the new one, built in
 * kv_dir.new, is whole; without, kv_dir must be absent or empty: STEME_EEXIST.
 * STEME_EBUSY: another process holds the log or the index.  STEME_EGAP without
 * accept_gaps: the log is not whole, or gives less than the old index holds.  Also with it,
 * STEME_ECORRUPT, STEME_EGAP: the next start would refuse this log; why names what to do.
 * On any error the old index is as it was.
 * Files get the owner of wal_dir.  *result: what was built, in *us microseconds.
 */
int steme_rebuild_offline(const struct steme_store_opts *o, bool replace,
    struct steme_applied *result, uint64_t *us, struct steme_why *why);

#endif
