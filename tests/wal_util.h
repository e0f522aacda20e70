/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_util.h - a log in the memory of faultio whose records say by themselves whether
 * they are right: type, hlc and length follow from the lsn, bytes from it and the try.
 */
#ifndef STEME_TESTS_WAL_UTIL_H
#define STEME_TESTS_WAL_UTIL_H

#include "core/segments.h"
#include "core/util.h"
#include "core/wal.h"
#include "core/walrec.h"
#include "tests/faultio.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WT_DIR	"/wal"
#define WT_NODE	UINT64_C(0x1122334455667788)
#define WT_GROUP_MAX	8
#define WT_LEN_MAX	4096
#define WT_TRIES	16384

struct wt {
	struct faultio *f;
	struct steme_wal *w;
	uint64_t segment_bytes;
	uint64_t node;
	struct steme_wal_pos from;
	size_t (*len)(uint64_t lsn);	/* of a payload; NULL: wt_len */
	bool zeros;			/* payloads may hold runs of zeros */
	uint8_t tries[WT_TRIES];	/* of each lsn: each has bytes of its own */
	uint64_t next;			/* lsn expected by the visitor */
	uint64_t acked;			/* last record acknowledged or served */
	uint64_t tried;			/* last record handed to a commit */
	struct steme_why why;
};

static inline size_t
wt_len(uint64_t lsn)
{
	static const size_t some[] = { 40, 0, 600, 462, 1, 1500, 399, 463 };

	return some[lsn % 8];
}

/* The record that belongs to lsn; payload has WT_LEN_MAX bytes. */
static inline struct steme_wal_rec
wt_rec(const struct wt *t, uint64_t lsn, uint8_t *payload)
{
	uint64_t x = lsn * UINT64_C(0x9e3779b97f4a7c15) + 1 +
	    t->tries[lsn % WT_TRIES];
	size_t n = (t->len != NULL ? t->len : wt_len)(lsn);

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		payload[i] = (uint8_t)(x >> 24) | 1;	/* not zero */
	}
	if (t->zeros && lsn % 3 == 0)
		memset(payload + n / 4, 0, n / 2);
	return (struct steme_wal_rec){ STEME_WAL_GENESIS + lsn % 5, lsn,
	    7000 + lsn * 3, payload, n };
}

static inline int
wt_visit(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct wt *t = arg;
	uint8_t payload[WT_LEN_MAX];
	struct steme_wal_rec want = wt_rec(t, rec->lsn, payload);

	ck_assert_uint_ge(rec->lsn, t->next);
	ck_assert_uint_eq(rec->type, want.type);
	ck_assert_uint_eq(rec->hlc, want.hlc);
	ck_assert_uint_eq(rec->len, want.len);
	if (want.len > 0)
		ck_assert_mem_eq(rec->payload, payload, want.len);
	ck_assert_uint_le(pos->lsn, rec->lsn);
	ck_assert_uint_ge(pos->offset, STEME_WAL_HEADER);
	t->next = rec->lsn + 1;
	return STEME_OK;
}

static inline void
wt_init(struct wt *t)
{
	*t = (struct wt){ .f = faultio_new(), .segment_bytes = 16384,
	    .node = WT_NODE };
}

static inline struct steme_segments *
wt_segments(struct wt *t)
{
	struct steme_segments *s;

	t->why.text[0] = '\0';
	if (steme_segments_local(&s, faultio_io(t->f), WT_DIR, true, &t->why) !=
	    STEME_OK)
		return NULL;
	return s;
}

/* Opens and checks each record told; what was told counts as acknowledged. */
static inline int
wt_open(struct wt *t)
{
	struct steme_wal_opts o = { .node = t->node,
	    .segment_bytes = t->segment_bytes, .from = t->from,
	    .visit = wt_visit, .arg = t };
	uint64_t last;
	int err;

	t->w = NULL;
	t->next = t->from.lsn == 0 ? 1 : t->from.lsn;
	if ((o.segments = wt_segments(t)) == NULL)
		return STEME_EIO;
	err = steme_wal_open(&t->w, &o, &t->why);
	if (err != STEME_OK) {
		ck_assert(t->why.text[0] != '\0');
		steme_segments_close(o.segments);
		return err;
	}
	last = steme_wal_next_lsn(t->w) - 1;
	ck_assert_uint_eq(t->next, last + 1);
	ck_assert_uint_ge(last, t->acked);
	ck_assert_uint_le(last, STEME_MAX(t->tried, t->acked));
	t->acked = t->tried = last;
	return STEME_OK;
}

/* The same where it must succeed. */
static inline void
wt_must_open(struct wt *t)
{
	int err = wt_open(t);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err),
	    t->why.text);
}

static inline int
wt_commit(struct wt *t, size_t n)
{
	uint8_t payload[WT_GROUP_MAX][WT_LEN_MAX];
	struct steme_wal_rec recs[WT_GROUP_MAX];
	uint64_t lsn = steme_wal_next_lsn(t->w);
	int err;

	for (size_t i = 0; i < n; i++) {
		/* a record that failed must not come back in another's place */
		t->tries[(lsn + i) % WT_TRIES]++;
		recs[i] = wt_rec(t, lsn + i, payload[i]);
	}
	if (lsn + n - 1 > t->tried)
		t->tried = lsn + n - 1;
	t->why.text[0] = '\0';
	err = steme_wal_commit(t->w, recs, n, NULL, &t->why);
	if (err == STEME_OK) {
		t->acked = lsn + n - 1;
		return err;
	}
	ck_assert(t->why.text[0] != '\0');
	/* nothing of it may remain, so what was in doubt before still is */
	if (err == STEME_ENOSPC || err == STEME_EREADONLY)
		for (size_t i = 0; i < n; i++)
			t->tries[(lsn + i) % WT_TRIES]--;
	return err;
}

static inline void
wt_must_commit(struct wt *t, size_t n)
{
	int err = wt_commit(t, n);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err),
	    t->why.text);
}

static inline void
wt_close(struct wt *t)
{
	steme_wal_close(t->w);
	t->w = NULL;
}

/* The process ends without a word; memory is not leaked. */
static inline void
wt_crash(struct wt *t, enum faultio_crash how, unsigned seed)
{
	faultio_fail(t->f, FIO_ALL, 1, STEME_EIO, 0, true);
	wt_close(t);
	faultio_crash(t->f, how, seed);
}

static inline void
wt_fini(struct wt *t)
{
	wt_close(t);
	faultio_free(t->f);
}

static inline struct steme_wal_stats
wt_stats(struct wt *t)
{
	struct steme_wal_stats st;

	steme_wal_stats(t->w, &st);
	return st;
}

static inline const char *
wt_path(uint64_t number, const char *suffix)
{
	static char path[2][64];
	static int k;

	k = !k;
	snprintf(path[k], sizeof(path[k]), WT_DIR "/segment.%03" PRIu64 "%s",
	    number, suffix);
	return path[k];
}

/* n commits of three records into small segments. */
static inline void
wt_fill(struct wt *t, int n)
{
	for (int i = 0; i < n; i++)
		wt_must_commit(t, 3);
}

static inline void
wt_reopen(struct wt *t)
{
	wt_close(t);
	wt_must_open(t);
}

#endif
