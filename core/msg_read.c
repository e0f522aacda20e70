/* SPDX-License-Identifier: Apache-2.0 */
/* msg_read.c - payloads of questions, streams, upkeep and profiles. */
#include "config.h"
#include "core/msg_impl.h"

#include <string.h>

#define ABSENT		0xffff
#define PATH_BYTES_MAX	1100		/* a concept, also in its scheme form */
#define CURSOR_MAX	STEME_CURSOR_MAX
#define QUERY_DECAY	1
#define LIMIT_MAX	10000
#define LIST_DEFAULT	1000

/* ---- optional strings ---- */

static void
put_opt(struct steme_buf *b, struct steme_str s)
{
	if (s.p == NULL)
		steme_wr_le(b, ABSENT, 2);
	else
		steme_wr_str(b, 2, s);
}

static struct steme_str
get_opt(struct steme_rd *r, size_t max)
{
	if (r->n >= 2 && r->p[0] == 0xff && r->p[1] == 0xff) {
		steme_rd_take(r, 2);
		return (struct steme_str){ NULL, 0 };
	}
	return steme_rd_str(r, 2, max);
}

/* ---- QUERY, HISTORY, DIFF ---- */

void
steme_msg_put_query(struct steme_buf *b, const struct steme_query *q)
{
	steme_wr_le(b, q->lens, 1);
	steme_wr_le(b, q->decay ? QUERY_DECAY : 0, 1);
	steme_wr_le(b, q->include, 1);
	steme_wr_le(b, (uint64_t)(int64_t)q->lifecycle, 1);
	steme_wr_le(b, (uint64_t)q->as_of_us, 8);
	steme_wr_le(b, q->known_at, 8);
	steme_wr_le(b, q->max_lsn, 8);
	steme_wr_le(b, q->since_hlc, 8);
	steme_wr_le(b, q->limit, 4);
	put_opt(b, q->concept);
	put_opt(b, q->predicate);
	put_opt(b, q->prefix);
	put_opt(b, q->epoch);
	put_opt(b, q->cursor);
}

int
steme_msg_get_query(struct steme_query *q, struct steme_rd *r)
{
	unsigned lens, flags, lifecycle;
	struct steme_query t;

	steme_query_init(&t);
	lens = (unsigned)steme_rd_le(r, 1);
	flags = (unsigned)steme_rd_le(r, 1);
	t.include = (unsigned)steme_rd_le(r, 1);
	lifecycle = (unsigned)steme_rd_le(r, 1);
	t.as_of_us = (int64_t)steme_rd_le(r, 8);
	t.known_at = steme_rd_le(r, 8);
	t.max_lsn = steme_rd_le(r, 8);
	t.since_hlc = steme_rd_le(r, 8);
	t.limit = (uint32_t)steme_rd_le(r, 4);
	t.concept = get_opt(r, PATH_BYTES_MAX);
	t.predicate = get_opt(r, STEME_SEGMENT_MAX);
	t.prefix = get_opt(r, PATH_BYTES_MAX);
	t.epoch = get_opt(r, STEME_SEGMENT_MAX);
	t.cursor = get_opt(r, CURSOR_MAX);
	if (lens >= STEME_NLENS || (flags & ~(unsigned)QUERY_DECAY) ||
	    t.include > 2 * STEME_INC_OLD_EPOCHS - 1 || t.limit > LIMIT_MAX ||
	    (lifecycle > STEME_REJECTED && lifecycle != 0xff))
		r->bad = true;
	if (!steme_rd_ok(r))
		return STEME_EPROTO;
	t.lens = (enum steme_lens)lens;
	t.decay = flags & QUERY_DECAY;
	t.lifecycle = lifecycle == 0xff ? -1 : (int)lifecycle;
	*q = t;
	return STEME_OK;
}

void
steme_msg_put_diff(struct steme_buf *b, const struct steme_query *q1,
    const struct steme_query *q2)
{
	const struct steme_query *q[2] = { q1, q2 };

	for (int i = 0; i < 2; i++) {
		size_t at = b->len;

		steme_wr_le(b, 0, 4);
		steme_msg_put_query(b, q[i]);
		if (steme_buf_err(b) == STEME_OK)
			steme_put_le(b->data + at, b->len - at - 4, 4);
	}
}

int
steme_msg_get_diff(struct steme_query *q1, struct steme_query *q2, const void *p,
    size_t n)
{
	struct steme_rd r = steme_rd_from(p, n), in[2];
	struct steme_query q[2];

	for (int i = 0; i < 2; i++) {
		struct steme_str s = steme_rd_str(&r, 4, STEME_FRAME_MAX);

		if (s.p == NULL)
			return STEME_EPROTO;
		in[i] = steme_rd_from(s.p, s.n);
		if (steme_msg_get_query(&q[i], &in[i]) != STEME_OK ||
		    !steme_rd_done(&in[i]))
			return STEME_EPROTO;
	}
	if (!steme_rd_done(&r))
		return STEME_EPROTO;
	*q1 = q[0];
	*q2 = q[1];
	return STEME_OK;
}

/* ---- OBJECT, lists, KEYS ---- */

void
steme_msg_put_object(struct steme_buf *b, enum steme_object_want want,
    const struct steme_id *id)
{
	steme_wr_le(b, want, 1);
	steme_buf_put(b, id->b, STEME_ID_LEN);
}

int
steme_msg_get_object(enum steme_object_want *want, struct steme_id *id, const void *p,
    size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	unsigned w = (unsigned)steme_rd_le(&r, 1);
	struct steme_id t;

	steme_rd_id(&r, &t);
	if (!steme_rd_done(&r) || w > STEME_WANT_ORIGIN)
		return STEME_EPROTO;
	*want = (enum steme_object_want)w;
	*id = t;
	return STEME_OK;
}

void
steme_msg_put_list(struct steme_buf *b, const struct steme_msg_list *m)
{
	steme_wr_le(b, m->after_lsn, 8);
	steme_wr_le(b, m->limit, 4);
	steme_wr_le(b, m->counts, 1);
	steme_wr_str(b, 2, m->text);
	put_opt(b, m->after);
}

int
steme_msg_get_list(struct steme_msg_list *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_list t = {0};
	unsigned counts;

	t.after_lsn = steme_rd_le(&r, 8);
	t.limit = (uint32_t)steme_rd_le(&r, 4);
	counts = (unsigned)steme_rd_le(&r, 1);
	t.text = steme_rd_str(&r, 2, PATH_BYTES_MAX);
	t.after = get_opt(&r, PATH_BYTES_MAX);
	if (!steme_rd_done(&r) || t.limit > LIMIT_MAX || counts > 1)
		return STEME_EPROTO;
	t.counts = counts;
	if (t.limit == 0)
		t.limit = LIST_DEFAULT;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_impact(struct steme_buf *b, const struct steme_msg_impact *m)
{
	steme_wr_le(b, m->lens, 1);
	steme_wr_le(b, m->limit, 4);
	steme_wr_str(b, 2, m->source);
}

int
steme_msg_get_impact(struct steme_msg_impact *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_impact t = {0};
	unsigned lens = (unsigned)steme_rd_le(&r, 1);

	t.limit = (uint32_t)steme_rd_le(&r, 4);
	t.source = steme_rd_str(&r, 2, STEME_SOURCE_MAX);
	if (!steme_rd_done(&r) || lens >= STEME_NLENS || t.limit > LIMIT_MAX ||
	    t.source.n == 0)
		return STEME_EPROTO;
	t.lens = (enum steme_lens)lens;
	if (t.limit == 0)
		t.limit = LIST_DEFAULT;
	*m = t;
	return STEME_OK;
}

int
steme_msg_get_ids(const uint8_t **ids, uint32_t *n, const void *p, size_t len)
{
	if (len == 0 || len % STEME_ID_LEN != 0 ||
	    len / STEME_ID_LEN > STEME_BATCH_MAX)
		return STEME_EPROTO;
	*ids = p;
	*n = (uint32_t)(len / STEME_ID_LEN);
	return STEME_OK;
}

/* ---- LOG, WATCH ---- */

void
steme_msg_put_log(struct steme_buf *b, const struct steme_msg_log *m)
{
	steme_wr_le(b, m->from_lsn, 8);
	steme_wr_le(b, m->max_lsn, 8);
	steme_wr_le(b, m->limit, 4);
}

int
steme_msg_get_log(struct steme_msg_log *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_log t;

	t.from_lsn = steme_rd_le(&r, 8);
	t.max_lsn = steme_rd_le(&r, 8);
	t.limit = (uint32_t)steme_rd_le(&r, 4);
	if (!steme_rd_done(&r))
		return STEME_EPROTO;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_record(struct steme_buf *b, const struct steme_record *r)
{
	steme_wr_le(b, r->lsn, 8);
	steme_wr_le(b, r->hlc, 8);
	steme_wr_le(b, r->node, 8);
	steme_buf_put(b, r->id.b, STEME_ID_LEN);
	steme_wr_le(b, r->sigkind, 1);
	if (r->sigkind == STEME_SIG_BATCH)
		steme_buf_put(b, r->batch.b, STEME_ID_LEN);
	else
		steme_buf_put(b, r->sig.b, STEME_SIG_LEN);
	steme_wr_le(b, r->nids, 4);
	steme_buf_put(b, r->ids, (size_t)r->nids * STEME_ID_LEN);
	steme_wr_str(b, 4, r->bytes);
}

int
steme_msg_next_record(struct steme_rd *r, struct steme_record *rec)
{
	struct steme_record t;
	unsigned kind;

	memset(&t, 0, sizeof(t));
	t.lsn = steme_rd_le(r, 8);
	t.hlc = steme_rd_le(r, 8);
	t.node = steme_rd_le(r, 8);
	steme_rd_id(r, &t.id);
	kind = (unsigned)steme_rd_le(r, 1);
	if (kind == STEME_SIG_BATCH)
		steme_rd_id(r, &t.batch);
	else if (kind == STEME_SIG_OWN)
		steme_rd_sig(r, &t.sig);
	else
		r->bad = true;
	t.nids = (uint32_t)steme_rd_le(r, 4);
	if (t.nids > STEME_BATCH_MAX)
		r->bad = true;
	if (!r->bad && t.nids > 0)
		t.ids = steme_rd_take(r, (size_t)t.nids * STEME_ID_LEN);
	t.bytes = steme_rd_str(r, 4, STEME_OBJECT_MAX);
	if (!steme_rd_ok(r) ||
	    (t.ids != NULL && steme_rd_ids(t.ids, t.nids) != STEME_OK)) {
		r->bad = true;
		return STEME_EPROTO;
	}
	t.sigkind = (enum steme_sigkind)kind;
	*rec = t;
	return STEME_OK;
}

/* ---- VERIFY, REBUILD, COMPACT ---- */

void
steme_msg_put_work(struct steme_buf *b, const struct steme_msg_work *m)
{
	steme_wr_le(b, m->tag, 1);
	switch (m->tag) {
	case STEME_WORK_PROGRESS:
		steme_wr_le(b, m->permille, 4);
		break;
	case STEME_WORK_FINDING:
		steme_wr_le(b, (uint64_t)(int64_t)m->err, 4);
		steme_wr_le(b, m->lsn, 8);
		steme_buf_put(b, m->id.b, STEME_ID_LEN);
		steme_wr_str(b, 2, m->text);
		break;
	case STEME_WORK_REPORT:
		steme_wr_le(b, (uint64_t)(int64_t)m->err, 4);
		for (int i = 0; i < STEME_WORK_NUMBERS; i++)
			steme_wr_le(b, m->n[i], 8);
		steme_wr_str(b, 2, m->text);
		break;
	}
}

int
steme_msg_get_work(struct steme_msg_work *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_work t;

	memset(&t, 0, sizeof(t));
	t.tag = (enum steme_work_tag)steme_rd_le(&r, 1);
	switch (t.tag) {
	case STEME_WORK_PROGRESS:
		t.permille = (uint32_t)steme_rd_le(&r, 4);
		if (t.permille > 1000)
			r.bad = true;
		break;
	case STEME_WORK_FINDING:
		t.err = steme_rd_err(&r);
		t.lsn = steme_rd_le(&r, 8);
		steme_rd_id(&r, &t.id);
		t.text = steme_rd_str(&r, 2, UINT16_MAX);
		break;
	case STEME_WORK_REPORT:
		t.err = steme_rd_err(&r);
		for (int i = 0; i < STEME_WORK_NUMBERS; i++)
			t.n[i] = steme_rd_le(&r, 8);
		t.text = steme_rd_str(&r, 2, UINT16_MAX);
		break;
	default:
		r.bad = true;
	}
	if (!steme_rd_done(&r))
		return STEME_EPROTO;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_flag(struct steme_buf *b, bool set)
{
	steme_wr_le(b, set, 1);
}

int
steme_msg_get_flag(bool *set, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	unsigned v = (unsigned)steme_rd_le(&r, 1);

	if (!steme_rd_done(&r) || v > 1)
		return STEME_EPROTO;
	*set = v == 1;
	return STEME_OK;
}

/* ---- PROFILE, SET, CANCEL ---- */

void
steme_msg_put_profile(struct steme_buf *b, const struct steme_msg_profile *m)
{
	steme_wr_le(b, m->uid, 4);
	steme_wr_le(b, m->set, 1);
	steme_wr_le(b, m->class_, 1);
	steme_wr_le(b, (uint64_t)(int64_t)m->confidence, 4);
	steme_wr_str(b, 2, m->source);
	steme_buf_put(b, m->agent.b, STEME_ID_LEN);
	if (m->uid == STEME_UID_NAMED)
		steme_wr_str(b, 1, m->key);
}

int
steme_msg_get_profile(struct steme_msg_profile *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_profile t;
	unsigned set, class_;

	memset(&t, 0, sizeof(t));
	t.uid = (uint32_t)steme_rd_le(&r, 4);
	set = (unsigned)steme_rd_le(&r, 1);
	class_ = (unsigned)steme_rd_le(&r, 1);
	t.confidence = (int32_t)(uint32_t)steme_rd_le(&r, 4);
	t.source = steme_rd_str(&r, 2, STEME_SOURCE_MAX);
	steme_rd_id(&r, &t.agent);
	if (t.uid == STEME_UID_NAMED)
		t.key = steme_rd_str(&r, 1, 255);
	if (!steme_rd_done(&r) || set > 1 ||
	    (class_ >= STEME_NCLASS && class_ != STEME_CLASS_NONE) ||
	    t.confidence < 0 || t.confidence > 10000)
		return STEME_EPROTO;
	t.set = set == 1;
	t.class_ = (enum steme_class)class_;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_set(struct steme_buf *b, const struct steme_msg_set *m)
{
	steme_wr_str(b, 2, m->concept);
	steme_wr_str(b, 1, m->predicate);
	steme_wr_str(b, 4, m->value);
}

int
steme_msg_get_set(struct steme_msg_set *m, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_set t;

	t.concept = steme_rd_str(&r, 2, STEME_CONCEPT_MAX);
	t.predicate = steme_rd_str(&r, 1, STEME_SEGMENT_MAX);
	t.value = steme_rd_str(&r, 4, STEME_OBJECT_MAX);
	if (!steme_rd_done(&r) || t.concept.n == 0 || t.predicate.n == 0)
		return STEME_EPROTO;
	*m = t;
	return STEME_OK;
}

void
steme_msg_put_cancel(struct steme_buf *b, uint64_t req)
{
	steme_wr_le(b, req, 8);
}

int
steme_msg_get_cancel(uint64_t *req, const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	uint64_t v = steme_rd_le(&r, 8);

	if (!steme_rd_done(&r))
		return STEME_EPROTO;
	*req = v;
	return STEME_OK;
}
