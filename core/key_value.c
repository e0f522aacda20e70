/* SPDX-License-Identifier: Apache-2.0 */
/* key_value.c - the small values of the index; doc/index-keys.md has the bytes. */
#include "config.h"
#include "core/key.h"
#include "core/rd.h"
#include "core/wr.h"

#include <string.h>

void
steme_source_hash16(uint8_t h[16], struct steme_str source)
{
	struct steme_id id = steme_hash(source.p == NULL ? "" : source.p, source.n);

	memcpy(h, id.b, 16);
}

void
steme_name_encode(uint8_t out[9], const struct steme_name *n)
{
	steme_put_le(out, n->first_lsn, 8);
	out[8] = n->has_assertions;
}

int
steme_name_decode(struct steme_name *n, const uint8_t *val, size_t len)
{
	struct steme_rd r = steme_rd_from(val, len);
	uint64_t lsn = steme_rd_le(&r, 8);
	uint64_t flags = steme_rd_le(&r, 1);

	if (!steme_rd_done(&r) || flags > 1)
		return STEME_ECORRUPT;
	n->first_lsn = lsn;
	n->has_assertions = flags == 1;
	return STEME_OK;
}

void
steme_applied_encode(struct steme_buf *b, const struct steme_applied *a)
{
	const struct steme_counts *c = &a->counts;

	steme_wr_le(b, a->number, 8);
	steme_wr_le(b, a->next_lsn, 8);
	steme_wr_le(b, a->segment, 8);
	steme_wr_le(b, a->offset, 8);
	steme_wr_le(b, a->hlc, 8);
	steme_wr_le(b, c->objects, 8);
	steme_wr_le(b, c->assertions, 8);
	steme_wr_le(b, c->concepts, 8);
	steme_wr_le(b, c->predicates, 8);
	steme_wr_le(b, c->votes, 8);
	steme_wr_le(b, c->retractions, 8);
	steme_wr_le(b, c->globals, 8);
	steme_wr_le(b, c->batches, 8);
	steme_wr_le(b, c->value_bytes, 8);
}

int
steme_applied_decode(struct steme_applied *a, const uint8_t *val, size_t len)
{
	struct steme_rd r = steme_rd_from(val, len);
	struct steme_applied t;

	t.number = steme_rd_le(&r, 8);
	t.next_lsn = steme_rd_le(&r, 8);
	t.segment = steme_rd_le(&r, 8);
	t.offset = steme_rd_le(&r, 8);
	t.hlc = steme_rd_le(&r, 8);
	t.counts.objects = steme_rd_le(&r, 8);
	t.counts.assertions = steme_rd_le(&r, 8);
	t.counts.concepts = steme_rd_le(&r, 8);
	t.counts.predicates = steme_rd_le(&r, 8);
	t.counts.votes = steme_rd_le(&r, 8);
	t.counts.retractions = steme_rd_le(&r, 8);
	t.counts.globals = steme_rd_le(&r, 8);
	t.counts.batches = steme_rd_le(&r, 8);
	t.counts.value_bytes = steme_rd_le(&r, 8);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*a = t;
	return STEME_OK;
}
