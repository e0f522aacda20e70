/* SPDX-License-Identifier: Apache-2.0 */
/* check_impl.h - what the files of verify share.  Private to them. */
#ifndef STEME_CHECK_IMPL_H
#define STEME_CHECK_IMPL_H

#include "core/check.h"
#include "core/store_impl.h"

/* What the log says about one lsn, small enough to keep for all of them. */
struct steme_seen {
	uint8_t id[16];			/* first half */
	uint32_t id_rest;		/* a hash of the other half; the next are, too */
	uint32_t agent, source;
	uint32_t sig, envelope;
	uint16_t flags;			/* SEEN_* */
};

enum {
	SEEN_LOG = 1,			/* the log has the record */
	SEEN_NONE = 2,			/* it is no object: genesis, envelope or lost */
	SEEN_HAS_AGENT = 4,		/* it must be in 'A' */
	SEEN_HAS_SOURCE = 8,		/* it must be in 'S' */
	SEEN_WANTS_G = 16,		/* it must be in 'G' */
	SEEN_ENVELOPED = 32,		/* its envelope was lowered later */
	SEEN_IN_L = 64,
	SEEN_IN_A = 128,
	SEEN_IN_S = 256,
	SEEN_IN_G = 512,
	SEEN_AT_HOME = 1024,		/* the record itself was found, and 'R' */
	SEEN_ASSERTION = 4096,
	SEEN_LOST = 2048		/* only the index has it: its segment is gone */
};

struct steme_sigpool;

struct steme_checkrun {
	struct steme_store *s;
	const struct steme_check_opts *o;
	struct steme_check_report *rep;
	uint64_t target;		/* lsns up to here are looked at */
	uint64_t lost;			/* records that a repair could not have */
	struct steme_seen *seen;	/* target + 1 of them */
	struct steme_sigpool *pool;	/* NULL: no signatures */
	/* the batch whose members come now */
	struct steme_id batch;
	struct steme_id batch_agent;
	uint8_t *batch_ids;		/* nbatch_ids * 32, own copy */
	uint32_t nbatch_ids;
	uint64_t segment;		/* being read */
	uint64_t first_segment, last_segment;
	/* the index side */
	struct steme_index *ix;
	struct steme_snapshot *snap;
	struct steme_counts counts;	/* found */
	uint64_t pointers, homes;	/* 'R' pointers, 'C' entries */
	uint64_t children, asserting;	/* 'H'; concepts that 'C' says assert */
	uint64_t asserting_names;	/* 'N' entries that say so */
	int err;			/* could not check: sticky */
};

/* Tells one problem.  Any err; lsn 0 and id NULL: not about a record. */
void steme_check_tell(struct steme_checkrun *c, int err, uint64_t lsn,
    const struct steme_id *id, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* A short keyless hash; damage changes it, that is all it must do. */
uint32_t steme_check_hash(const void *data, size_t n);
/* Is that the id noted? */
bool steme_check_same(const struct steme_seen *e, const uint8_t id[STEME_ID_LEN]);
void steme_check_note(struct steme_seen *e, const struct steme_record *r,
    const struct steme_object *o);

/* ---- check_sigs.c ---- */
int steme_sigpool_new(struct steme_sigpool **out, unsigned threads);
/* Queues one signature (the bytes are copied); waits while the queue is full. */
int steme_sigpool_add(struct steme_sigpool *p, uint64_t lsn, const struct steme_id *id,
    const struct steme_id *agent, const struct steme_sig *sig, struct steme_str bytes);
/* Waits for all; bad(arg, lsn, id) for each that does not verify; frees. */
void steme_sigpool_finish(struct steme_sigpool *p, uint64_t *verified,
    void (*bad)(void *arg, uint64_t lsn, const struct steme_id *id), void *arg);
/* Does the id list of the batch give the root that it signs? */
bool steme_check_batch_ids(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o);
/* Checks how a record is signed (queues its signature, or its membership now). */
void steme_check_signed(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o);

/* ---- check_index.c ---- */
/* Every entry of the index, once, in order; then what it lacks. */
int steme_check_index(struct steme_checkrun *c);

#endif
