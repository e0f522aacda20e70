/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg.h - payloads of the control socket: encode and decode, one pair each.
 * doc/wire-protocol.md has the bytes.  Decoders borrow from the payload, check every
 * limit and return STEME_EPROTO on any flaw.
 */
#ifndef STEME_MSG_H
#define STEME_MSG_H

#include "core/object.h"
#include "core/record.h"
#include "core/sign.h"
#include "core/view_query.h"
#include "core/wire.h"

#include <sys/types.h>

struct steme_msg_hello {
	uint16_t min_version, max_version;
	uint64_t features;
	enum steme_role role;		/* wanted; in the reply: granted */
	struct steme_str program;	/* "steme 0.1.0" */
};
struct steme_msg_welcome {
	uint16_t version;
	uint64_t features;
	enum steme_role role;
	uint8_t store[16];
	uint64_t node;
	uint64_t boot;			/* changes with every start of the daemon */
	uint64_t lsn;
	uint32_t max_frame;
	struct steme_str node_name;
	struct steme_str changes_path;	/* the page set of change counters */
};

/* PUT: up to 4,096 signed objects. */
struct steme_msg_put_item {
	struct steme_str bytes;
	struct steme_sig sig;
};
#define STEME_BATCH_BYTES_MAX	(64 << 10)	/* of a batch object on the wire */
/* BATCH: a batch object, its signature, its whole id list, any of its members. */
struct steme_msg_batch {
	struct steme_str bytes;
	struct steme_sig sig;
	const uint8_t *ids;		/* n * 32, ascending */
	uint32_t nids;
	uint32_t nmembers;		/* follow as counted bytes */
	struct steme_rd members;
};
/* Reply of PUT, BATCH, ASSERT: one a put. */
struct steme_msg_put_result {
	int err;
	uint8_t status;			/* enum steme_put_status */
	uint64_t lsn;
	struct steme_id id;
	struct steme_str why;		/* "" unless err */
};
/*
 * ASSERT and PROFILE say whose key is meant: a uid's (UINT32_MAX: the caller's), or
 * with STEME_UID_NAMED the one called `key`.  Anything but the caller's own needs role admin
 * (the sidecar).
 */
#define STEME_UID_NAMED	(UINT32_MAX - 1)
/* ASSERT: JSON to be signed here. */
struct steme_msg_assert {
	uint32_t uid;
	struct steme_str key;		/* absent unless STEME_UID_NAMED */
	uint8_t kind;			/* expected kind, 0: any */
	uint32_t n;			/* JSON texts that follow */
	struct steme_rd items;
};
enum steme_object_want {
	STEME_WANT_BYTES, STEME_WANT_SIG, STEME_WANT_PROOF, STEME_WANT_JSON,
	STEME_WANT_ORIGIN
};

void steme_msg_put_hello(struct steme_buf *b, const struct steme_msg_hello *m);
int steme_msg_get_hello(struct steme_msg_hello *m, const void *p, size_t n);
void steme_msg_put_welcome(struct steme_buf *b, const struct steme_msg_welcome *m);
int steme_msg_get_welcome(struct steme_msg_welcome *m, const void *p, size_t n);

/* PUT: begin with a count, add items; the decoder is an iterator. */
void steme_msg_put_puts(struct steme_buf *b, uint32_t n);
void steme_msg_put_item(struct steme_buf *b, struct steme_str bytes,
    const struct steme_sig *sig);
int steme_msg_get_puts(struct steme_rd *r, const void *p, size_t len, uint32_t *n);
int steme_msg_next_put(struct steme_rd *r, struct steme_msg_put_item *it);

void steme_msg_put_batch(struct steme_buf *b, struct steme_str bytes,
    const struct steme_sig *sig, const struct steme_id *ids, uint32_t nids,
    uint32_t nmembers);		/* then steme_wr_bytes(b, 4, ...) a member */
int steme_msg_get_batch(struct steme_msg_batch *m, const void *p, size_t n);
int steme_msg_next_member(struct steme_rd *r, struct steme_str *bytes);

void steme_msg_put_assert(struct steme_buf *b, uint32_t uid, uint8_t kind,
    uint32_t n);		/* then steme_wr_bytes(b, 4, ...) a JSON text */
void steme_msg_put_assert_key(struct steme_buf *b, struct steme_str key, uint8_t kind,
    uint32_t n);		/* the same, by STEME_UID_NAMED */
int steme_msg_get_assert(struct steme_msg_assert *m, const void *p, size_t n);

void steme_msg_put_result(struct steme_buf *b, const struct steme_msg_put_result *m);
int steme_msg_next_result(struct steme_rd *r, struct steme_msg_put_result *m);

void steme_msg_put_query(struct steme_buf *b, const struct steme_query *q);
int steme_msg_get_query(struct steme_query *q, struct steme_rd *r);

/* DIFF: two queries, each counted, so that either may grow. */
void steme_msg_put_diff(struct steme_buf *b, const struct steme_query *q1,
    const struct steme_query *q2);
int steme_msg_get_diff(struct steme_query *q1, struct steme_query *q2, const void *p,
    size_t n);

void steme_msg_put_object(struct steme_buf *b, enum steme_object_want want,
    const struct steme_id *id);
int steme_msg_get_object(enum steme_object_want *want, struct steme_id *id,
    const void *p, size_t n);

/*
 * CHILDREN (text: parent), CONCEPTS (text: what paths begin with), NEIGHBOURS (text: concept),
 * SOURCES (text: prefix), AGENTS (text: empty).
 */
struct steme_msg_list {
	uint64_t after_lsn;		/* CHILDREN */
	uint32_t limit;			/* 0: 1,000; at most 10,000 */
	bool counts;			/* CHILDREN, CONCEPTS: with numbers, as the API */
	/* after: CONCEPTS, SOURCES, AGENTS (64 hex digits); may be absent */
	struct steme_str text, after;
};
void steme_msg_put_list(struct steme_buf *b, const struct steme_msg_list *m);
int steme_msg_get_list(struct steme_msg_list *m, const void *p, size_t n);

/* IMPACT: source retracted, what changes under lens; at most limit changes told. */
struct steme_msg_impact {
	enum steme_lens lens;
	uint32_t limit;			/* 0: 1,000; at most 10,000 */
	struct steme_str source;	/* 1 to 1,024 bytes */
};
void steme_msg_put_impact(struct steme_buf *b, const struct steme_msg_impact *m);
int steme_msg_get_impact(struct steme_msg_impact *m, const void *p, size_t n);

/* KEYS: agents asked about, n * 32 bytes. */
int steme_msg_get_ids(const uint8_t **ids, uint32_t *n, const void *p, size_t len);

/* LOG and WATCH.  The answer's frames are runs of records. */
struct steme_msg_log {
	uint64_t from_lsn;		/* inclusive; WATCH 0: from the next commit on */
	uint64_t max_lsn;		/* LOG: inclusive; UINT64_MAX: what is visible now */
	uint32_t limit;			/* records; 0: no limit */
};
void steme_msg_put_log(struct steme_buf *b, const struct steme_msg_log *m);
int steme_msg_get_log(struct steme_msg_log *m, const void *p, size_t n);
void steme_msg_put_record(struct steme_buf *b, const struct steme_record *r);
int steme_msg_next_record(struct steme_rd *r, struct steme_record *rec);

/* VERIFY and REBUILD: progress and findings in MORE frames, then the report. */
enum steme_work_tag {
	STEME_WORK_PROGRESS = 1, STEME_WORK_FINDING = 2, STEME_WORK_REPORT = 3
};
#define STEME_WORK_NUMBERS	9
struct steme_msg_work {
	enum steme_work_tag tag;
	uint32_t permille;		/* PROGRESS */
	int err;			/* FINDING, REPORT */
	uint64_t lsn;			/* FINDING; 0: not about one record */
	struct steme_id id;		/* FINDING; zero: not about one object */
	/*
	 * REPORT.  VERIFY: records, objects, signatures, batches, segments, index
	 * entries, records whose segment is gone, problems, us taken.
	 * REBUILD, COMPACT: objects now, us taken, then zeros.
	 */
	uint64_t n[STEME_WORK_NUMBERS];
	struct steme_str text;		/* FINDING, REPORT (of an error) */
};
void steme_msg_put_work(struct steme_buf *b, const struct steme_msg_work *m);
int steme_msg_get_work(struct steme_msg_work *m, const void *p, size_t n);
/* VERIFY (set: without signatures), COMPACT (set: forced; an empty payload is not). */
void steme_msg_put_flag(struct steme_buf *b, bool set);
int steme_msg_get_flag(bool *set, const void *p, size_t n);

/* PROFILE: reads, or sets and reads, the profile of a key; makes the key if absent. */
struct steme_msg_profile {
	uint32_t uid;			/* as in ASSERT */
	bool set;
	enum steme_class class_;	/* STEME_CLASS_NONE: anecdotal */
	int32_t confidence;		/* 1/10,000 */
	struct steme_str source;	/* "": none */
	struct steme_id agent;		/* in the reply: the key's public half */
	struct steme_str key;		/* absent unless STEME_UID_NAMED */
};
void steme_msg_put_profile(struct steme_buf *b, const struct steme_msg_profile *m);
int steme_msg_get_profile(struct steme_msg_profile *m, const void *p, size_t n);

/* SET: one setting below `_steme/`.  The answer is one put's result. */
struct steme_msg_set {
	struct steme_str concept, predicate;
	struct steme_str value;		/* a JSON scalar; empty: clear it */
};
void steme_msg_put_set(struct steme_buf *b, const struct steme_msg_set *m);
int steme_msg_get_set(struct steme_msg_set *m, const void *p, size_t n);

/* CANCEL: the request to end. */
void steme_msg_put_cancel(struct steme_buf *b, uint64_t req);
int steme_msg_get_cancel(uint64_t *req, const void *p, size_t n);

void steme_msg_put_error(struct steme_buf *b, int err, const char *why);
/* *why is NUL-terminated into out. */
int steme_msg_get_error(struct steme_why *out, const void *p, size_t n);

#endif
