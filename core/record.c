/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - records as log payloads and index values.
 *
 * Log payload, little-endian (lsn, hlc and type stand in the log record):
 *   node 8, id 32, then by type
 *   object    signature 64, object
 *   member    id of the batch 32, object
 *   batch     signature 64, count 4, count ids of 32, object
 *   envelope  nothing
 * Index value: form 1 (the log type's number), lsn 8, hlc 8, then as above.
 */
#include "config.h"
#include "core/record.h"

#include "core/rd.h"
#include "core/wal_type.h"
#include "core/wr.h"

#include <string.h>

#define GENESIS_LEN	64

int
steme_record_wal_type(const struct steme_record *r)
{
	if (r->bytes.p == NULL)
		return STEME_WAL_ENVELOPE;
	if (r->sigkind == STEME_SIG_BATCH)
		return STEME_WAL_MEMBER;
	return r->nids > 0 ? STEME_WAL_BATCH : STEME_WAL_OBJECT;
}

void
steme_record_encode(struct steme_buf *b, const struct steme_record *r)
{
	int type = steme_record_wal_type(r);

	steme_wr_le(b, r->node, 8);
	steme_buf_put(b, r->id.b, STEME_ID_LEN);
	if (type == STEME_WAL_ENVELOPE)
		return;
	if (type == STEME_WAL_MEMBER)
		steme_buf_put(b, r->batch.b, STEME_ID_LEN);
	else
		steme_buf_put(b, r->sig.b, STEME_SIG_LEN);
	if (type == STEME_WAL_BATCH) {
		steme_wr_le(b, r->nids, 4);
		steme_buf_put(b, r->ids, (size_t)r->nids * STEME_ID_LEN);
	}
	steme_buf_put(b, r->bytes.p, r->bytes.n);
}

static void
take(struct steme_rd *rd, void *out, size_t n)
{
	const uint8_t *p = steme_rd_take(rd, n);

	if (p != NULL)
		memcpy(out, p, n);
}

static void
take_ids(struct steme_rd *rd, struct steme_record *r)
{
	r->nids = (uint32_t)steme_rd_le(rd, 4);
	if (r->nids == 0 || r->nids > STEME_BATCH_MAX) {
		rd->bad = true;
		return;
	}
	r->ids = steme_rd_take(rd, (size_t)r->nids * STEME_ID_LEN);
	for (uint32_t i = 1; r->ids != NULL && i < r->nids; i++)
		if (memcmp(r->ids + (size_t)(i - 1) * STEME_ID_LEN,
		    r->ids + (size_t)i * STEME_ID_LEN, STEME_ID_LEN) >= 0) {
			rd->bad = true;
			return;
		}
}

/* What follows node and id, to the end of the data. */
static void
take_body(struct steme_rd *rd, struct steme_record *r, int type)
{
	switch (type) {
	case STEME_WAL_ENVELOPE:
		r->sigkind = STEME_SIG_OWN;
		rd->bad |= rd->n != 0;
		return;
	case STEME_WAL_MEMBER:
		r->sigkind = STEME_SIG_BATCH;
		take(rd, r->batch.b, STEME_ID_LEN);
		break;
	case STEME_WAL_OBJECT:
	case STEME_WAL_BATCH:
		r->sigkind = STEME_SIG_OWN;
		take(rd, r->sig.b, STEME_SIG_LEN);
		if (type == STEME_WAL_BATCH)
			take_ids(rd, r);
		break;
	default:
		rd->bad = true;
		return;
	}
	if (rd->n == 0 || rd->n > STEME_OBJECT_MAX)
		rd->bad = true;
	r->bytes.n = rd->n;
	r->bytes.p = (const char *)steme_rd_take(rd, rd->n);
}

static int
take_record(struct steme_record *out, struct steme_record *r, struct steme_rd *rd,
    int type)
{
	r->node = steme_rd_le(rd, 8);
	take(rd, r->id.b, STEME_ID_LEN);
	take_body(rd, r, type);
	if (!steme_rd_done(rd))
		return STEME_ECORRUPT;
	*out = *r;
	return STEME_OK;
}

int
steme_record_decode(struct steme_record *r, int wal_type, const uint8_t *data,
    size_t len)
{
	struct steme_rd rd = steme_rd_from(data, len);
	struct steme_record t;

	memset(&t, 0, sizeof(t));
	return take_record(r, &t, &rd, wal_type);
}

int
steme_record_check_id(const struct steme_record *r)
{
	struct steme_id id = steme_hash(r->bytes.p, r->bytes.n);

	return steme_id_eq(&id, &r->id) ? STEME_OK : STEME_ECORRUPT;
}

void
steme_record_encode_value(struct steme_buf *b, const struct steme_record *r)
{
	steme_wr_le(b, (uint64_t)steme_record_wal_type(r), 1);
	steme_wr_le(b, r->lsn, 8);
	steme_wr_le(b, r->hlc, 8);
	steme_record_encode(b, r);
}

int
steme_record_decode_value(struct steme_record *r, const uint8_t *data, size_t len)
{
	struct steme_rd rd = steme_rd_from(data, len);
	struct steme_record t;
	int type;

	memset(&t, 0, sizeof(t));
	type = (int)steme_rd_le(&rd, 1);
	t.lsn = steme_rd_le(&rd, 8);
	t.hlc = steme_rd_le(&rd, 8);
	/* an envelope alone is no value */
	if (type == STEME_WAL_ENVELOPE)
		return STEME_ECORRUPT;
	return take_record(r, &t, &rd, type);
}

void
steme_genesis_encode(struct steme_buf *b, const struct steme_genesis *g)
{
	steme_buf_put(b, g->store, sizeof(g->store));
	steme_wr_le(b, g->node, 8);
	steme_buf_put(b, g->operator_.b, STEME_ID_LEN);
	steme_wr_le(b, (uint64_t)g->time_us, 8);
}

int
steme_genesis_decode(struct steme_genesis *g, const uint8_t *data, size_t len)
{
	struct steme_rd rd = steme_rd_from(data, len);
	struct steme_genesis t;

	if (len != GENESIS_LEN)
		return STEME_ECORRUPT;
	memset(&t, 0, sizeof(t));
	take(&rd, t.store, sizeof(t.store));
	t.node = steme_rd_le(&rd, 8);
	take(&rd, t.operator_.b, STEME_ID_LEN);
	t.time_us = (int64_t)steme_rd_le(&rd, 8);
	if (!steme_rd_done(&rd))
		return STEME_ECORRUPT;
	*g = t;
	return STEME_OK;
}
