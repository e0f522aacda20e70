/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_batch.c - puts and deletes in one flat buffer.
 *
 * Operation: head (4 bytes: key length, top bit set for a delete), value length
 * (4 bytes; puts only), key, value; both in the machine's byte order, because
 * a batch never leaves the process.  A kind replays it with steme_batch_next(): for
 * LevelDB that is one more copy of the bytes, about 1/50 of what its write costs.
 */
#include "config.h"
#include "core/index_impl.h"

#include <stdlib.h>

#define DELETE_BIT	0x80000000u
#define LEN_MAX		0x7fffffffu
#define KEEP_MAX	(8u << 20)	/* memory kept by an emptied batch */

struct steme_batch {
	struct steme_buf ops;
	size_t count;
	size_t bytes;
	int err;		/* first failure that is not ops.err */
};

struct steme_batch *
steme_batch_new(void)
{
	return calloc(1, sizeof(struct steme_batch));
}

void
steme_batch_free(struct steme_batch *b)
{
	if (b == NULL)
		return;
	steme_buf_fini(&b->ops);
	free(b);
}

void
steme_batch_clear(struct steme_batch *b)
{
	if (b->ops.cap > KEEP_MAX)
		steme_buf_fini(&b->ops);
	else
		steme_buf_clear(&b->ops);
	b->count = b->bytes = 0;
	b->err = STEME_OK;
}

static void
add(struct steme_batch *b, bool del, const void *key, size_t klen,
    const void *val, size_t vlen)
{
	uint32_t head[2] = { (uint32_t)klen | (del ? DELETE_BIT : 0), (uint32_t)vlen };
	size_t hlen = del ? sizeof(head[0]) : sizeof(head);
	uint8_t *p;

	if (b->err != STEME_OK)
		return;
	if (klen > LEN_MAX || vlen > LEN_MAX) {
		b->err = STEME_ETOOBIG;
		return;
	}
	if ((p = steme_buf_reserve(&b->ops, hlen + klen + vlen)) == NULL) {
		b->err = steme_buf_err(&b->ops);
		return;
	}
	memcpy(p, head, hlen);
	if (klen > 0)
		memcpy(p + hlen, key, klen);
	if (vlen > 0)
		memcpy(p + hlen + klen, val, vlen);
	b->ops.len += hlen + klen + vlen;
	b->bytes += klen + vlen;
	b->count++;
}

void
steme_batch_put(struct steme_batch *b, const void *key, size_t klen,
    const void *val, size_t vlen)
{
	add(b, false, key, klen, val, vlen);
}

void
steme_batch_del(struct steme_batch *b, const void *key, size_t klen)
{
	add(b, true, key, klen, NULL, 0);
}

struct steme_batch_mark
steme_batch_mark(const struct steme_batch *b)
{
	return (struct steme_batch_mark){ b->ops.len, b->count, b->bytes };
}

void
steme_batch_rewind(struct steme_batch *b, struct steme_batch_mark m)
{
	b->ops.len = m.len;
	b->count = m.count;
	b->bytes = m.bytes;
}

size_t
steme_batch_count(const struct steme_batch *b)
{
	return b->count;
}

size_t
steme_batch_bytes(const struct steme_batch *b)
{
	return b->bytes;
}

int
steme_batch_err(const struct steme_batch *b)
{
	return b->err;
}

bool
steme_batch_next(const struct steme_batch *b, size_t *pos, struct steme_batch_op *op)
{
	const uint8_t *p = b->ops.data + *pos;
	uint32_t head, vlen = 0;

	if (*pos >= b->ops.len)
		return false;
	memcpy(&head, p, sizeof(head));
	p += sizeof(head);
	op->del = (head & DELETE_BIT) != 0;
	if (!op->del) {
		memcpy(&vlen, p, sizeof(vlen));
		p += sizeof(vlen);
	}
	op->key = p;
	op->klen = head & LEN_MAX;
	op->val = p + op->klen;
	op->vlen = vlen;
	*pos = (size_t)(op->val + vlen - b->ops.data);
	return true;
}
