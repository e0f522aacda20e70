/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_wal.c - the bytes of one or two segments through scan and open.  The first byte
 * says how: 1: set the checksums right, so that what lies behind them is reached; 2: two
 * segments, cut at the sector that the second byte names; 4: the first one is called
 * .gz; 8: start from a checkpoint; 16: stop without closing; 32: repair it first, with 64
 * accepting what is lost.
 *
 * What must hold: records come in order; if the log opens, then it takes a record, and after
 * a power cut it opens again and tells the same records and that one; a log that was
 * repaired has nothing left to repair, and one that is refused is left as it was.
 */
#include "config.h"
#include "core/crc.h"
#include "core/log.h"
#include "core/repair.h"
#include "core/segments.h"
#include "core/util.h"
#include "core/walrec.h"
#include "core/wr.h"
#include "tests/faultio.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX	16384
#define PAST		(UINT64_C(1) << 60)	/* numbers may end there */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	uint64_t next, n;
	uint32_t sum;
};

static int
visit(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct told *t = arg;

	if (rec->lsn < t->next || pos->lsn > rec->lsn)
		abort();
	t->next = rec->lsn + 1;
	t->n++;
	t->sum = steme_crc32c(t->sum, &rec->lsn, sizeof(rec->lsn));
	t->sum = steme_crc32c(t->sum, rec->payload, rec->len);
	return STEME_OK;
}

static int
trouble(void *arg, const struct steme_wal_trouble *t)
{
	(void)arg;
	if ((t->err != STEME_ECORRUPT && t->err != STEME_EGAP) ||
	    t->text[0] == '\0')
		abort();
	return STEME_OK;
}

/* The checksums of a group's records, as far as their lengths make sense. */
static uint32_t
repair_records(uint8_t *p, size_t n, uint32_t chain)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_wal_rec rec;

	while (r.n > 0) {
		uint8_t *at = p + (n - r.n);

		if (steme_walrec_next(&r, &rec) != STEME_OK)
			break;
		chain = steme_crc32c(chain, at, STEME_WAL_REC_HEAD + rec.len);
		steme_put_le(at + STEME_WAL_REC_HEAD + rec.len, chain, 4);
	}
	return chain;
}

/* Makes every checksum right; the chain goes through all groups. */
static void
repair(uint8_t *p, size_t n)
{
	uint32_t seed, chain;
	uint64_t length;

	if (n < STEME_WAL_HEADER)
		return;
	seed = chain = steme_crc32c(0, p, STEME_WAL_HEADER - 4);
	steme_put_le(p + STEME_WAL_HEADER - 4, seed, 4);
	for (size_t off = STEME_WAL_HEADER; off + STEME_WAL_GROUP <= n;
	    off += STEME_WAL_SECTOR) {
		struct steme_rd r = steme_rd_from(p + off + 48, 4);

		if (memcmp(p + off, "SGRP", 4) != 0)
			continue;
		steme_put_le(p + off + 56, chain, 4);
		chain = steme_crc32c(seed, p + off, 60);
		steme_put_le(p + off + 60, chain, 4);
		length = steme_rd_le(&r, 4);
		if (length <= n - off - STEME_WAL_GROUP)
			chain = repair_records(p + off + STEME_WAL_GROUP,
			    (size_t)length, chain);
	}
}

static struct steme_segments *
folder(struct faultio *f)
{
	struct steme_segments *s;

	MUST(steme_segments_local(&s, faultio_io(f), "/wal", true, NULL));
	return s;
}

static int
repair_log(struct faultio *f, bool accept, struct steme_repair_report *rep)
{
	struct steme_store_opts o = { .wal_dir = "/wal", .io = faultio_io(f),
	    .segment_bytes = 8192, .accept_gaps = accept };
	struct steme_why why = { "" };
	int err;

	MUST(steme_index_mem(&o.index));
	err = steme_repair(&o, NULL, NULL, rep, &why);
	o.index->ops->close(o.index);
	if (err != STEME_OK && why.text[0] == '\0')
		abort();
	return err;
}

/* As it lies there, for whoever must not change it. */
static uint32_t
sum_of(struct faultio *f)
{
	static const char *const names[] = { "/wal/segment.001.wal",
	    "/wal/segment.001.wal.gz", "/wal/segment.002.wal" };
	uint32_t sum = 0;

	for (size_t i = 0; i < STEME_NELEM(names); i++) {
		size_t len = 0;
		uint8_t *p = faultio_get(f, names[i], &len);

		sum = steme_crc32c(sum, &len, sizeof(len));
		if (p != NULL)
			sum = steme_crc32c(sum, p, len);
		free(p);
	}
	return sum;
}

static void
repair_twice(struct faultio *f, bool accept)
{
	struct steme_repair_report rep;
	uint32_t before = sum_of(f);

	if (repair_log(f, accept, &rep) != STEME_OK || rep.troubles == 0) {
		if (sum_of(f) != before)
			abort();
		return;
	}
	if (rep.lost > 0 && !accept)
		abort();
	MUST(repair_log(f, false, &rep));
	if (rep.troubles != 0 || rep.lost != 0)
		abort();
}

static int
open_log(struct faultio *f, struct steme_wal **w, struct steme_wal_pos from,
    struct told *told)
{
	struct steme_why why = { "" };
	struct steme_wal_opts o = { .node = 0, .segment_bytes = 8192,
	    .from = from, .visit = visit, .arg = told, .segments = folder(f) };
	int err;

	*told = (struct told){ .next = from.lsn };
	err = steme_wal_open(w, &o, &why);
	if (err != STEME_OK) {
		if (why.text[0] == '\0')
			abort();
		steme_segments_close(o.segments);
	}
	return err;
}

static void
write_and_reopen(struct faultio *f, struct steme_wal *w,
    struct steme_wal_pos from, const struct told *before, bool crash)
{
	struct steme_wal_rec rec = { STEME_WAL_OBJECT, steme_wal_next_lsn(w), 1,
	    (const uint8_t *)"new", 3 };
	bool takes = steme_wal_node(w) != 0;
	struct steme_wal_pos at = { 0, 0, rec.lsn };
	struct told again = *before;

	if (takes) {
		MUST(steme_wal_commit(w, &rec, 1, NULL, NULL));
		MUST(visit(&again, &rec, &at));
	}
	if (crash)
		faultio_fail(f, FIO_ALL, 1, STEME_EIO, 0, true);
	steme_wal_close(w);
	faultio_crash(f, FIO_LOSE, 0);
	{
		struct told after;

		MUST(open_log(f, &w, from, &after));
		if (after.n != again.n || after.sum != again.sum)
			abort();
		steme_wal_close(w);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t b[BYTES_MAX];
	struct steme_wal_pos from = { 0, 0, 0 };
	struct steme_segments *s;
	struct faultio *f;
	struct steme_wal *w;
	struct told told = { 0 };
	size_t n, cut;

	if (size < 2 || size - 2 > BYTES_MAX)
		return 0;
	n = size - 2;
	cut = (data[0] & 2) && data[1] * STEME_WAL_SECTOR < n ?
	    data[1] * STEME_WAL_SECTOR : n;
	memcpy(b, data + 2, n);
	if (data[0] & 1) {
		repair(b, cut);
		repair(b + cut, n - cut);
	}
	steme_log_set_level(STEME_ERROR + 1);
	f = faultio_new();
	s = folder(f);
	faultio_put(f, data[0] & 4 ? "/wal/segment.001.wal.gz" :
	    "/wal/segment.001.wal", b, cut);
	if (cut < n)
		faultio_put(f, "/wal/segment.002.wal", b + cut, n - cut);
	(void)steme_wal_scan(&s, 1, from, visit, trouble, &told, NULL);
	steme_segments_close(s);
	if (data[0] & 32)
		repair_twice(f, data[0] & 64);
	if (data[0] & 8)
		from = (struct steme_wal_pos){ 1, data[1] * 512u,
		    1 + data[1] % 4u };
	if (open_log(f, &w, from, &told) == STEME_OK) {
		if (steme_wal_next_lsn(w) > PAST)
			steme_wal_close(w);
		else
			write_and_reopen(f, w, from, &told, data[0] & 16);
	}
	faultio_free(f);
	return 0;
}
