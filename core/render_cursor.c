/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_cursor.c - where a page ended, as text to be handed back.
 *
 * Bytes (base64url without padding, RFC 4648): version 1, kind, lsn u64, now i64,
 * offset u32, concept u16 + bytes, predicate u8 + bytes, then the first 8 bytes of
 * H(node u64, question, all before).  Not a secret: the check only refuses what was
 * garbled, or given out by another node or for another question.
 */
#include "config.h"
#include "core/render.h"

#include "core/rd.h"
#include "core/wr.h"

#include <sodium.h>

#define CURSOR_VERSION	1
#define CHECK_LEN	8

static uint8_t *
key_str(uint8_t *p, struct steme_str s)
{
	/* 0xffff keeps an absent string apart from an empty one */
	steme_put_le(p, s.p == NULL ? 0xffff : s.n, 2);
	p += 2;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

size_t
steme_query_key(uint8_t out[STEME_QKEY_MAX], const struct steme_query *q)
{
	uint8_t *p = out;

	*p++ = (uint8_t)q->lens;
	*p++ = (uint8_t)q->decay;
	*p++ = (uint8_t)q->include;
	*p++ = (uint8_t)q->lifecycle;
	steme_put_le(p, (uint64_t)q->as_of_us, 8);
	steme_put_le(p + 8, q->known_at, 8);
	steme_put_le(p + 16, q->since_hlc, 8);
	p = key_str(p + 24, q->concept);
	p = key_str(p, q->predicate);
	p = key_str(p, q->prefix);
	p = key_str(p, q->epoch);
	return (size_t)(p - out);
}

static struct steme_id
check_of(const uint8_t *body, size_t len, const struct steme_query *q, uint64_t node)
{
	uint8_t buf[8 + STEME_QKEY_MAX + STEME_CURSOR_MAX], *p = buf;

	steme_put_le(p, node, 8);
	p += 8;
	p += steme_query_key(p, q);
	memcpy(p, body, len);
	return steme_hash(buf, (size_t)(p - buf) + len);
}

void
steme_cursor_encode(struct steme_buf *b, const struct steme_cursor *c, char kind,
    const struct steme_query *q, uint64_t node)
{
	uint8_t raw[STEME_CURSOR_MAX], *p = raw;
	char text[STEME_CURSOR_MAX + 1];
	struct steme_id check;

	*p++ = CURSOR_VERSION;
	*p++ = (uint8_t)kind;
	steme_put_le(p, c->lsn, 8);
	steme_put_le(p + 8, (uint64_t)c->now_us, 8);
	steme_put_le(p + 16, c->offset, 4);
	steme_put_le(p + 20, c->concept.n, 2);
	p += 22;
	if (c->concept.n > 0)
		memcpy(p, c->concept.p, c->concept.n);
	p += c->concept.n;
	*p++ = (uint8_t)c->predicate.n;
	if (c->predicate.n > 0)
		memcpy(p, c->predicate.p, c->predicate.n);
	p += c->predicate.n;
	check = check_of(raw, (size_t)(p - raw), q, node);
	memcpy(p, check.b, CHECK_LEN);
	p += CHECK_LEN;
	/* at most 1,312 bytes, so 1,750 characters */
	sodium_bin2base64(text, sizeof(text), raw, (size_t)(p - raw),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	steme_buf_puts(b, text);
}

int
steme_cursor_parse(struct steme_cursor *c, const uint8_t *body, size_t len, char kind)
{
	struct steme_rd r = steme_rd_from(body, len);
	const uint8_t *concept, *predicate;
	size_t clen, plen;

	if (steme_rd_le(&r, 1) != CURSOR_VERSION ||
	    steme_rd_le(&r, 1) != (uint8_t)kind)
		return STEME_EINVAL;
	c->lsn = steme_rd_le(&r, 8);
	c->now_us = (int64_t)steme_rd_le(&r, 8);
	c->offset = (uint32_t)steme_rd_le(&r, 4);
	concept = steme_rd_bytes(&r, 2, &clen);
	predicate = steme_rd_bytes(&r, 1, &plen);
	if (!steme_rd_done(&r) || clen > STEME_CONCEPT_MAX)
		return STEME_EINVAL;
	memcpy(c->store, concept, clen);
	memcpy(c->store + clen, predicate, plen);
	c->concept = (struct steme_str){ (char *)c->store, clen };
	c->predicate = (struct steme_str){ (char *)c->store + clen, plen };
	return STEME_OK;
}

static int
decode(struct steme_cursor *c, struct steme_str text, char kind,
    const struct steme_query *q, uint64_t node)
{
	uint8_t raw[STEME_CURSOR_MAX];
	struct steme_id check;
	size_t len;

	if (text.n == 0 || text.n > STEME_CURSOR_MAX ||
	    sodium_base642bin(raw, sizeof(raw), text.p, text.n, NULL, &len, NULL,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 || len <= CHECK_LEN)
		return STEME_EINVAL;
	len -= CHECK_LEN;
	check = check_of(raw, len, q, node);
	if (memcmp(check.b, raw + len, CHECK_LEN) != 0)
		return STEME_EINVAL;
	return steme_cursor_parse(c, raw, len, kind);
}

int
steme_cursor_decode(struct steme_cursor *c, struct steme_str text, char kind,
    const struct steme_query *q, uint64_t node, struct steme_why *why)
{
	memset(c, 0, offsetof(struct steme_cursor, store));
	if (decode(c, text, kind, q, node) == STEME_OK)
		return STEME_OK;
	return steme_fail(why, STEME_EINVAL, "this cursor was not given out by this "
	    "node for this question: repeat the question without a cursor");
}
