/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg.c - payloads of HELLO, writes and errors.  msg_read.c has those of
 * questions and streams.  doc/wire-protocol.md has the bytes.
 */
#include "config.h"
#include "core/msg_impl.h"
#include "core/util.h"

#include <string.h>

struct steme_str
steme_rd_str(struct steme_rd *r, unsigned lbytes, size_t max)
{
	struct steme_str s = { NULL, 0 };
	const uint8_t *p = steme_rd_bytes(r, lbytes, &s.n);

	if (p == NULL || s.n > max) {
		r->bad = true;
		s.n = 0;
		return s;
	}
	s.p = (const char *)p;
	return s;
}

void
steme_wr_str(struct steme_buf *b, unsigned lbytes, struct steme_str s)
{
	size_t max = lbytes >= 4 ? UINT32_MAX : ((size_t)1 << 8 * lbytes) - 1;

	steme_wr_bytes(b, lbytes, s.p, STEME_MIN(s.n, max));
}

static void
take(struct steme_rd *r, void *out, size_t n)
{
	const uint8_t *p = steme_rd_take(r, n);

	if (p != NULL)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

void
steme_rd_id(struct steme_rd *r, struct steme_id *id)
{
	take(r, id->b, STEME_ID_LEN);
}

void
steme_rd_sig(struct steme_rd *r, struct steme_sig *sig)
{
	take(r, sig->b, STEME_SIG_LEN);
}

int
steme_rd_ids(const uint8_t *ids, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (memcmp(ids + (i - 1) * STEME_ID_LEN, ids + i * STEME_ID_LEN,
		    STEME_ID_LEN) >= 0)
			return STEME_EPROTO;
	return STEME_OK;
}

/* ---- HELLO ---- */

void
steme_msg_put_hello(struct steme_buf *b, const struct steme_msg_hello *m)
{
	steme_wr_le(b, m->min_version, 2);
	steme_wr_le(b, m->max_version, 2);
	steme_wr_le(b, m->features, 8);
	steme_wr_le(b, m->role, 1);
	steme_wr_str(b, 1, m->program);
}

int
steme_msg_get_hello(struct steme_msg_hello *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_hello t = {0};
	unsigned role;

	t.min_version = (uint16_t)steme_rd_le(&r, 2);
	t.max_version = (uint16_t)steme_rd_le(&r, 2);
	t.features = steme_rd_le(&r, 8);
	role = (unsigned)steme_rd_le(&r, 1);
	t.program = steme_rd_str(&r, 1, 255);
	if (!steme_rd_done(&r) || role > STEME_ROLE_ADMIN ||
	    t.min_version == 0 || t.min_version > t.max_version)
		return STEME_EPROTO;
	t.role = (enum steme_role)role;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_welcome(struct steme_buf *b, const struct steme_msg_welcome *m)
{
	steme_wr_le(b, m->version, 2);
	steme_wr_le(b, m->features, 8);
	steme_wr_le(b, m->role, 1);
	steme_buf_put(b, m->store, sizeof(m->store));
	steme_wr_le(b, m->node, 8);
	steme_wr_le(b, m->boot, 8);
	steme_wr_le(b, m->lsn, 8);
	steme_wr_le(b, m->max_frame, 4);
	steme_wr_str(b, 1, m->node_name);
	steme_wr_str(b, 2, m->changes_path);
}

int
steme_msg_get_welcome(struct steme_msg_welcome *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_welcome t = {0};
	unsigned role;

	t.version = (uint16_t)steme_rd_le(&r, 2);
	t.features = steme_rd_le(&r, 8);
	role = (unsigned)steme_rd_le(&r, 1);
	take(&r, t.store, sizeof(t.store));
	t.node = steme_rd_le(&r, 8);
	t.boot = steme_rd_le(&r, 8);
	t.lsn = steme_rd_le(&r, 8);
	t.max_frame = (uint32_t)steme_rd_le(&r, 4);
	t.node_name = steme_rd_str(&r, 1, 255);
	t.changes_path = steme_rd_str(&r, 2, 4096);
	if (!steme_rd_done(&r) || role > STEME_ROLE_ADMIN || t.version == 0)
		return STEME_EPROTO;
	t.role = (enum steme_role)role;
	*m = t;
	return STEME_OK;
}

/* ---- PUT ---- */

void
steme_msg_put_puts(struct steme_buf *b, uint32_t n)
{
	steme_wr_le(b, n, 4);
}

void
steme_msg_put_item(struct steme_buf *b, struct steme_str bytes,
    const struct steme_sig *sig)
{
	steme_wr_str(b, 4, bytes);
	steme_buf_put(b, sig->b, STEME_SIG_LEN);
}

/* A count of at least 1 whose items of at least `least` bytes can be in r. */
static int
get_count(struct steme_rd *r, uint32_t *n, uint32_t max, size_t least)
{
	*n = (uint32_t)steme_rd_le(r, 4);
	if (!steme_rd_ok(r) || *n == 0 || *n > max || *n > r->n / least) {
		*n = 0;
		return STEME_EPROTO;
	}
	return STEME_OK;
}

int
steme_msg_get_puts(struct steme_rd *r, const void *p, size_t len, uint32_t *n)
{
	struct steme_msg_put_item it;
	struct steme_rd walk;

	*r = steme_rd_from(p, len);
	if (get_count(r, n, STEME_BATCH_MAX, 4 + STEME_SIG_LEN) != STEME_OK)
		return STEME_EPROTO;
	walk = *r;
	for (uint32_t i = 0; i < *n; i++)
		if (steme_msg_next_put(&walk, &it) != STEME_OK)
			return STEME_EPROTO;
	return steme_rd_done(&walk) ? STEME_OK : STEME_EPROTO;
}

int
steme_msg_next_put(struct steme_rd *r, struct steme_msg_put_item *it)
{
	it->bytes = steme_rd_str(r, 4, STEME_OBJECT_MAX);
	steme_rd_sig(r, &it->sig);
	return steme_rd_ok(r) ? STEME_OK : STEME_EPROTO;
}

/* ---- BATCH ---- */

void
steme_msg_put_batch(struct steme_buf *b, struct steme_str bytes,
    const struct steme_sig *sig, const struct steme_id *ids, uint32_t nids,
    uint32_t nmembers)
{
	steme_wr_str(b, 4, bytes);
	steme_buf_put(b, sig->b, STEME_SIG_LEN);
	steme_wr_le(b, nids, 4);
	steme_buf_put(b, ids, (size_t)nids * STEME_ID_LEN);
	steme_wr_le(b, nmembers, 4);
}

/* n counted byte strings and nothing after them. */
static int
check_strings(struct steme_rd r, uint32_t n, size_t max)
{
	for (uint32_t i = 0; i < n; i++)
		steme_rd_str(&r, 4, max);
	return steme_rd_done(&r) ? STEME_OK : STEME_EPROTO;
}

int
steme_msg_get_batch(struct steme_msg_batch *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_batch t = {0};

	t.bytes = steme_rd_str(&r, 4, STEME_BATCH_BYTES_MAX);
	steme_rd_sig(&r, &t.sig);
	if (get_count(&r, &t.nids, STEME_BATCH_MAX, STEME_ID_LEN) != STEME_OK)
		return STEME_EPROTO;
	t.ids = steme_rd_take(&r, (size_t)t.nids * STEME_ID_LEN);
	t.nmembers = (uint32_t)steme_rd_le(&r, 4);
	if (!steme_rd_ok(&r) || t.nmembers > t.nids ||
	    steme_rd_ids(t.ids, t.nids) != STEME_OK)
		return STEME_EPROTO;
	t.members = r;
	if (check_strings(r, t.nmembers, STEME_OBJECT_MAX) != STEME_OK)
		return STEME_EPROTO;
	*m = t;
	return STEME_OK;
}

int
steme_msg_next_member(struct steme_rd *r, struct steme_str *bytes)
{
	*bytes = steme_rd_str(r, 4, STEME_FRAME_MAX);
	return steme_rd_ok(r) ? STEME_OK : STEME_EPROTO;
}

/* ---- ASSERT ---- */

void
steme_msg_put_assert(struct steme_buf *b, uint32_t uid, uint8_t kind, uint32_t n)
{
	steme_wr_le(b, uid, 4);
	steme_wr_le(b, kind, 1);
	steme_wr_le(b, n, 4);
}

void
steme_msg_put_assert_key(struct steme_buf *b, struct steme_str key, uint8_t kind,
    uint32_t n)
{
	steme_msg_put_assert(b, STEME_UID_NAMED, kind, n);
	steme_wr_str(b, 1, key);
}

int
steme_msg_get_assert(struct steme_msg_assert *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_assert t = {0};

	t.uid = (uint32_t)steme_rd_le(&r, 4);
	t.kind = (uint8_t)steme_rd_le(&r, 1);
	if (t.kind > STEME_BATCH ||
	    get_count(&r, &t.n, STEME_BATCH_MAX, 4) != STEME_OK)
		return STEME_EPROTO;
	if (t.uid == STEME_UID_NAMED)
		t.key = steme_rd_str(&r, 1, 255);
	if (check_strings(r, t.n, STEME_FRAME_MAX) != STEME_OK)
		return STEME_EPROTO;
	t.items = r;
	*m = t;
	return STEME_OK;
}

/* ---- results, errors ---- */

void
steme_msg_put_result(struct steme_buf *b, const struct steme_msg_put_result *m)
{
	steme_wr_le(b, (uint64_t)(int64_t)m->err, 4);
	steme_wr_le(b, m->err == STEME_OK ? m->status : 0, 1);
	steme_wr_le(b, m->lsn, 8);
	steme_buf_put(b, m->id.b, STEME_ID_LEN);
	steme_wr_str(b, 2, m->why);
}

/* A negative error number that we know, or 0; others become EIO of a newer daemon. */
int
steme_rd_err(struct steme_rd *r)
{
	int32_t e = (int32_t)(uint32_t)steme_rd_le(r, 4);

	if (e > 0)
		r->bad = true;
	return e < STEME_ERR_MIN ? STEME_EIO : (int)e;
}

int
steme_msg_next_result(struct steme_rd *r, struct steme_msg_put_result *m)
{
	m->err = steme_rd_err(r);
	m->status = (uint8_t)steme_rd_le(r, 1);
	m->lsn = steme_rd_le(r, 8);
	steme_rd_id(r, &m->id);
	m->why = steme_rd_str(r, 2, UINT16_MAX);
	if (m->status > 2 || (m->err == STEME_OK) != (m->status != 0))
		r->bad = true;
	return steme_rd_ok(r) ? STEME_OK : STEME_EPROTO;
}

void
steme_msg_put_error(struct steme_buf *b, int err, const char *why)
{
	steme_wr_le(b, (uint64_t)(int64_t)err, 4);
	steme_wr_str(b, 2, steme_str_from(why));
}

int
steme_msg_get_error(struct steme_why *out, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	int err = steme_rd_err(&r);
	struct steme_str s = steme_rd_str(&r, 2, UINT16_MAX);

	out->text[0] = '\0';
	if (!steme_rd_done(&r) || err == STEME_OK)
		return STEME_EPROTO;
	s.n = STEME_MIN(s.n, sizeof(out->text) - 1);
	memcpy(out->text, s.p, s.n);
	out->text[s.n] = '\0';
	return err;
}
