/* SPDX-License-Identifier: Apache-2.0 */
/* walrec.c - encoding, decoding and judging the log's bytes (doc/wal-format.md). */
#include "config.h"
#include "core/walrec.h"

#include "core/crc.h"
#include "core/util.h"
#include "core/wr.h"

#include <string.h>

static const char segment_magic[8] = "STEMEWAL";
static const char group_magic[4] = "SGRP";

#define CRC_AT	(STEME_WAL_HEADER - 4)

void
steme_walrec_put_segment(uint8_t *out, struct steme_wal_seghdr *h)
{
	memset(out, 0xff, STEME_WAL_HEADER);
	memcpy(out, segment_magic, 8);
	steme_put_le(out + 8, h->version, 4);
	steme_put_le(out + 12, STEME_WAL_HEADER, 4);
	steme_put_le(out + 16, h->node, 8);
	steme_put_le(out + 24, h->number, 8);
	steme_put_le(out + 32, h->first_lsn, 8);
	steme_put_le(out + 40, h->first_group, 8);
	steme_put_le(out + 48, h->hlc, 8);
	steme_put_le(out + 56, h->prev_segment, 8);
	steme_put_le(out + 64, h->prev_offset, 8);
	steme_put_le(out + 72, h->prev_chain, 4);
	steme_put_le(out + 76, 0, 4);
	steme_put_le(out + 80, h->born, 8);
	steme_put_le(out + 88, h->created_us, 8);
	steme_put_le(out + 96, h->salt, 8);
	h->crc = steme_crc32c(0, out, CRC_AT);
	steme_put_le(out + CRC_AT, h->crc, 4);
}

/* What a program of our version may rely on, the checksum being right. */
static bool
segment_makes_sense(const struct steme_wal_seghdr *h, uint32_t size,
    uint32_t flags)
{
	if (size != STEME_WAL_HEADER || flags != 0 || h->node == 0 ||
	    h->number == 0 || h->first_lsn == 0 || h->first_group == 0)
		return false;
	if (h->born < STEME_WAL_HEADER || h->born % STEME_WAL_SECTOR != 0)
		return false;
	if (h->prev_segment == 0)
		return h->prev_offset == 0 && h->first_lsn == 1;
	return h->prev_segment < h->number &&
	    h->prev_offset >= STEME_WAL_HEADER &&
	    h->prev_offset % STEME_WAL_SECTOR == 0;
}

static uint32_t
crc_at_end(const uint8_t *p)
{
	struct steme_rd r = steme_rd_from(p + CRC_AT, 4);

	return (uint32_t)steme_rd_le(&r, 4);
}

int
steme_walrec_get_segment(struct steme_wal_seghdr *h, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	const uint8_t *magic = steme_rd_take(&r, 8);
	uint32_t size, flags;

	memset(h, 0, sizeof(*h));
	if (magic == NULL || memcmp(magic, segment_magic, 8) != 0)
		return STEME_ECORRUPT;
	h->version = (uint32_t)steme_rd_le(&r, 4);
	/* the place of the checksum is the same in every version */
	if (n < STEME_WAL_HEADER || steme_crc32c(0, p, CRC_AT) !=
	    crc_at_end(p))
		return STEME_ECORRUPT;
	if (h->version > STEME_WAL_VERSION)
		return STEME_EVERSION;
	size = (uint32_t)steme_rd_le(&r, 4);
	h->node = steme_rd_le(&r, 8);
	h->number = steme_rd_le(&r, 8);
	h->first_lsn = steme_rd_le(&r, 8);
	h->first_group = steme_rd_le(&r, 8);
	h->hlc = steme_rd_le(&r, 8);
	h->prev_segment = steme_rd_le(&r, 8);
	h->prev_offset = steme_rd_le(&r, 8);
	h->prev_chain = (uint32_t)steme_rd_le(&r, 4);
	flags = (uint32_t)steme_rd_le(&r, 4);
	h->born = steme_rd_le(&r, 8);
	h->created_us = steme_rd_le(&r, 8);
	h->salt = steme_rd_le(&r, 8);
	(void)steme_rd_take(&r, CRC_AT - 104);
	h->crc = (uint32_t)steme_rd_le(&r, 4);
	if (!steme_rd_ok(&r) || h->version != STEME_WAL_VERSION ||
	    !segment_makes_sense(h, size, flags))
		return STEME_ECORRUPT;
	return STEME_OK;
}

size_t
steme_walrec_length(const struct steme_wal_rec *recs, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (recs[i].len > STEME_WAL_PAYLOAD_MAX)
			return 0;
		sum += recs[i].len + STEME_WAL_REC_EXTRA;
		if (sum > STEME_WAL_LENGTH_MAX)
			return 0;
	}
	return sum;
}

static void
put_group_header(uint8_t *out, struct steme_wal_group *g, uint32_t seed)
{
	memcpy(out, group_magic, 4);
	steme_put_le(out + 4, g->flags, 4);
	steme_put_le(out + 8, g->group, 8);
	steme_put_le(out + 16, g->offset, 8);
	steme_put_le(out + 24, g->durable, 8);
	steme_put_le(out + 32, g->first_lsn, 8);
	steme_put_le(out + 40, g->hlc, 8);
	steme_put_le(out + 48, g->length, 4);
	steme_put_le(out + 52, g->count, 4);
	steme_put_le(out + 56, g->chain, 4);
	g->crc = steme_crc32c(seed, out, 60);
	steme_put_le(out + 60, g->crc, 4);
}

uint32_t
steme_walrec_put_group(uint8_t *out, struct steme_wal_group *g, uint32_t seed,
    const struct steme_wal_rec *recs, size_t n)
{
	uint8_t *p = out + STEME_WAL_GROUP;
	uint32_t chain;

	g->length = (uint32_t)steme_walrec_length(recs, n);
	g->count = (uint32_t)n;
	put_group_header(out, g, seed);
	chain = g->crc;
	for (size_t i = 0; i < n; i++) {
		size_t len = recs[i].len;

		steme_put_le(p, len, 4);
		p[4] = (uint8_t)recs[i].type;
		steme_put_le(p + 5, recs[i].lsn, 8);
		steme_put_le(p + 13, recs[i].hlc, 8);
		if (len > 0)
			memcpy(p + STEME_WAL_REC_HEAD, recs[i].payload, len);
		chain = steme_crc32c(chain, p, STEME_WAL_REC_HEAD + len);
		steme_put_le(p + STEME_WAL_REC_HEAD + len, chain, 4);
		p += STEME_WAL_REC_EXTRA + len;
	}
	memset(p, 0xff, (size_t)(out + steme_walrec_size(g->length) - p));
	return chain;
}

int
steme_walrec_get_group(struct steme_wal_group *g, const void *p, size_t n,
    uint64_t offset, uint32_t seed)
{
	struct steme_rd r = steme_rd_from(p, n);
	const uint8_t *magic = steme_rd_take(&r, 4);

	if (magic == NULL || memcmp(magic, group_magic, 4) != 0)
		return STEME_ECORRUPT;
	g->flags = (uint32_t)steme_rd_le(&r, 4);
	g->group = steme_rd_le(&r, 8);
	g->offset = steme_rd_le(&r, 8);
	g->durable = steme_rd_le(&r, 8);
	g->first_lsn = steme_rd_le(&r, 8);
	g->hlc = steme_rd_le(&r, 8);
	g->length = (uint32_t)steme_rd_le(&r, 4);
	g->count = (uint32_t)steme_rd_le(&r, 4);
	g->chain = (uint32_t)steme_rd_le(&r, 4);
	g->crc = (uint32_t)steme_rd_le(&r, 4);
	if (!steme_rd_ok(&r) || steme_crc32c(seed, p, 60) != g->crc)
		return STEME_ECORRUPT;
	if (g->offset != offset || g->durable > offset ||
	    g->durable < STEME_WAL_HEADER ||
	    g->durable % STEME_WAL_SECTOR != 0 ||
	    g->length > STEME_WAL_LENGTH_MAX || g->first_lsn == 0 ||
	    g->flags > STEME_WAL_CLEAN)
		return STEME_ECORRUPT;
	if (g->flags == STEME_WAL_CLEAN)
		return g->count == 0 && g->length == 0 ? STEME_OK :
		    STEME_ECORRUPT;
	if (g->count == 0 || g->count > g->length / STEME_WAL_REC_EXTRA)
		return STEME_ECORRUPT;
	return STEME_OK;
}

int
steme_walrec_next(struct steme_rd *r, struct steme_wal_rec *rec)
{
	if (r->n == 0)
		return STEME_ENOTFOUND;
	rec->len = (size_t)steme_rd_le(r, 4);
	rec->type = (enum steme_wal_type)steme_rd_le(r, 1);
	rec->lsn = steme_rd_le(r, 8);
	rec->hlc = steme_rd_le(r, 8);
	if (rec->len > STEME_WAL_PAYLOAD_MAX)
		return STEME_ECORRUPT;
	rec->payload = steme_rd_take(r, rec->len);
	(void)steme_rd_take(r, 4);
	return steme_rd_ok(r) ? STEME_OK : STEME_ECORRUPT;
}

int
steme_walrec_check(const struct steme_wal_group *g, const uint8_t *p,
    uint32_t *chain, struct steme_wal_bad *bad)
{
	struct steme_rd r = steme_walrec_records(g, p);
	size_t end = STEME_WAL_GROUP + g->length;
	size_t size = steme_walrec_size(g->length);
	struct steme_wal_rec rec;
	uint32_t c = g->crc;

	for (uint32_t i = 0; i < g->count; i++) {
		const uint8_t *at = r.p;
		size_t len = 0;

		bad->lsn = g->first_lsn + i;
		bad->from = (size_t)(at - p);
		bad->what = "a record does not match its checksum";
		if (steme_walrec_next(&r, &rec) == STEME_OK) {
			len = rec.len + STEME_WAL_REC_HEAD;
			c = steme_crc32c(c, at, len);
			if (rec.lsn == bad->lsn && rec.type != 0 &&
			    memcmp(at + len, &(uint8_t[4]){ (uint8_t)c,
			    (uint8_t)(c >> 8), (uint8_t)(c >> 16),
			    (uint8_t)(c >> 24) }, 4) == 0)
				continue;
			len += 4;
		} else {
			/* the length itself is not to be believed */
			len = STEME_WAL_REC_EXTRA;
		}
		bad->to = STEME_MIN(bad->from + len, size);
		return STEME_ECORRUPT;
	}
	bad->from = end - r.n;
	bad->to = size;
	bad->lsn = g->first_lsn;
	bad->what = "the group's padding was changed";
	for (size_t i = bad->from; i < size; i++)
		if (p[i] != 0xff)
			return STEME_ECORRUPT;
	if (r.n != 0)
		return STEME_ECORRUPT;
	*chain = c;
	return STEME_OK;
}

int
steme_walrec_rechain(uint8_t *buf, size_t n, uint64_t from, uint32_t seed,
    struct steme_wal_seghdr *h, uint32_t *chain, struct steme_wal_group *last)
{
	size_t off = STEME_WAL_HEADER;
	struct steme_wal_group g;
	struct steme_wal_bad bad;
	uint32_t ignored;

	for (; off < n; off += steme_walrec_size(g.length)) {
		if (steme_walrec_get_group(&g, buf + off, n - off,
		    from + off - STEME_WAL_HEADER, seed) != STEME_OK ||
		    g.flags != 0 || steme_walrec_size(g.length) > n - off ||
		    steme_walrec_check(&g, buf + off, &ignored, &bad) != STEME_OK)
			return STEME_ECORRUPT;
		if (off == STEME_WAL_HEADER) {
			h->first_lsn = g.first_lsn;
			h->first_group = g.group;
		}
	}
	h->born = n;
	steme_walrec_put_segment(buf, h);
	*chain = h->crc;
	for (off = STEME_WAL_HEADER; off < n;
	    off += steme_walrec_size(g.length)) {
		uint8_t *p = buf + off + STEME_WAL_GROUP;

		/* cannot fail: checked above */
		(void)steme_walrec_get_group(&g, buf + off, n - off,
		    from + off - STEME_WAL_HEADER, seed);
		g.offset = off;
		g.durable = STEME_WAL_HEADER;
		g.chain = *chain;
		put_group_header(buf + off, &g, h->crc);
		*chain = g.crc;
		for (uint32_t i = 0; i < g.count; i++) {
			struct steme_rd r = steme_rd_from(p, 4);
			size_t len = STEME_WAL_REC_HEAD +
			    (size_t)steme_rd_le(&r, 4);

			*chain = steme_crc32c(*chain, p, len);
			steme_put_le(p + len, *chain, 4);
			p += len + 4;
		}
		*last = g;
	}
	return STEME_OK;
}

bool
steme_walrec_is_zero(const uint8_t *p, size_t n)
{
	/* a byte is zero and each equals the one before: memcmp is fast */
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

bool
steme_walrec_torn(const uint8_t *p, size_t n, size_t bad_from, size_t bad_to)
{
	size_t edge = bad_from / STEME_WAL_SECTOR * STEME_WAL_SECTOR;

	for (edge += STEME_WAL_SECTOR; edge <= n; edge += STEME_WAL_SECTOR) {
		size_t a = edge, b = edge;

		/* the run of zeros that covers this end of a sector */
		while (a > bad_from && p[a - 1] == 0)
			a--;
		if (a == edge)
			continue;
		while (b < n && p[b] == 0)
			b++;
		if (a < bad_to && (b - a >= STEME_WAL_ZERO_RUN || b == n))
			return true;
		if (a >= bad_to)
			break;
	}
	return false;
}
