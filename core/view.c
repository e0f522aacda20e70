/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c - the doors to rendered views: ask the cache, else render and keep.
 *
 * Order matters in fetch(): the change counters are read before anything else, so
 * that a write that becomes visible while we render makes what we keep unusable.
 */
#include "config.h"
#include "core/view.h"

#include "core/clock.h"
#include "core/path.h"
#include "core/render.h"
#include "core/view_cache.h"
#include "core/wr.h"

#include <stdlib.h>

struct steme_views {
	struct steme_store *s;
	struct steme_changes *changes;
	struct steme_vcache *cache;	/* NULL: none */
	atomic_uint fallback_s;		/* 0: errors are errors */
};

enum kind { K_FILE = 1, K_QUERY, K_HISTORY_FILE, K_HISTORY, K_NAMES, K_HISTORY_NAMES };

#define VKEY_MAX	(13 + STEME_QKEY_MAX + STEME_CURSOR_MAX)

int
steme_views_new(struct steme_views **out, struct steme_store *s, size_t cache_bytes)
{
	struct steme_views *v;
	int err;

	*out = NULL;
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return STEME_ENOMEM;
	v->s = s;
	v->changes = steme_store_changes(s);
	if (cache_bytes > 0 &&
	    (err = steme_vcache_new(&v->cache, cache_bytes)) != STEME_OK) {
		free(v);
		return err;
	}
	*out = v;
	return STEME_OK;
}

void
steme_views_free(struct steme_views *v)
{
	if (v == NULL)
		return;
	steme_vcache_free(v->cache);
	free(v);
}

void
steme_views_stats(struct steme_views *v, struct steme_views_stats *out)
{
	uint64_t bytes, limit;

	memset(out, 0, sizeof(*out));
	if (v->cache != NULL)
		steme_vcache_stats(v->cache, out);
	steme_store_kept(v->s, &bytes, &limit);
	out->bytes += bytes;
	out->limit += limit;
}

void
steme_views_fallback(struct steme_views *v, uint32_t max_stale_s)
{
	atomic_store_explicit(&v->fallback_s, max_stale_s, memory_order_relaxed);
}

/* What a view's bytes depend on, as one stamp. */
static struct steme_stamp
take_stamp(const struct steme_views *v, const struct steme_query *q)
{
	struct steme_stamp sum, st;
	struct steme_str at = q->concept;

	if (q->concept.p == NULL)
		return steme_changes_stamp_any(v->changes);
	sum = steme_changes_stamp(v->changes, at);
	if (q->lens != STEME_LENS_CONSTRAINTS)
		return sum;
	/*
	 * Ancestors count, too.  Counters only grow, so their sum stands exactly
	 * when each of them stands.
	 */
	while ((at = steme_concept_parent(at)).n > 0) {
		st = steme_changes_stamp(v->changes, at);
		sum.slot += st.slot;
	}
	return sum;
}

static struct steme_vkey
make_key(uint8_t buf[VKEY_MAX], enum kind kind, const struct steme_query *q,
    uint32_t limit, uint64_t max_lsn)
{
	size_t n;

	buf[0] = (uint8_t)kind;
	steme_put_le(buf + 1, limit, 4);
	steme_put_le(buf + 5, max_lsn, 8);
	n = 13 + steme_query_key(buf + 13, q);
	if (q->cursor.n > 0)
		memcpy(buf + n, q->cursor.p, q->cursor.n);
	return (struct steme_vkey){ buf, n + q->cursor.n };
}

/* Room for what scheme forms ("fda://a/b") come to. */
struct paths {
	struct steme_query q;
	char concept[STEME_CONCEPT_MAX + 1], prefix[STEME_CONCEPT_MAX + 1];
};

static bool
is_scheme(struct steme_str s)
{
	return s.n > 0 && memmem(s.p, s.n, "://", 3) != NULL;
}

static int
resolve_one(struct steme_str *s, char *buf, struct steme_why *why)
{
	enum steme_class c;
	int err;

	if (!is_scheme(*s))
		return STEME_OK;
	if ((err = steme_concept_from_scheme(*s, buf, &c, why)) != STEME_OK)
		return STEME_EINVAL;
	*s = steme_str_from(buf);
	return STEME_OK;
}

/* *q becomes a copy in p if it names a scheme form. */
static int
resolve(const struct steme_query **q, struct paths *p, struct steme_why *why)
{
	int err;

	if (!is_scheme((*q)->concept) && !is_scheme((*q)->prefix))
		return STEME_OK;
	p->q = **q;
	if ((err = resolve_one(&p->q.concept, p->concept, why)) != STEME_OK ||
	    (err = resolve_one(&p->q.prefix, p->prefix, why)) != STEME_OK)
		return err;
	*q = &p->q;
	return STEME_OK;
}

/* Names that no object can have never reach the index. */
static int
check_names(const struct steme_query *q, struct steme_why *why)
{
	int err = STEME_OK;

	if (q->concept.p != NULL)
		err = steme_concept_check(q->concept, why);
	else if (q->prefix.p != NULL && q->prefix.n > 0)
		err = steme_concept_check(q->prefix, why);
	if (err == STEME_OK && q->predicate.p != NULL)
		err = steme_segment_check(q->predicate, why);
	return err == STEME_OK ? err : STEME_EINVAL;
}

static int
render_kind(struct steme_render *r, enum kind kind, uint32_t limit,
    struct steme_buf *b, struct steme_view *view, struct steme_buf *source,
    struct steme_why *why)
{
	switch (kind) {
	case K_FILE:
		return steme_render_file(r, b, view, source);
	case K_QUERY:
		return steme_render_query(r, limit, b, why);
	case K_HISTORY_FILE:
		return steme_render_history_file(r, b);
	case K_HISTORY:
		return steme_render_history(r, limit, b, why);
	case K_NAMES:
	case K_HISTORY_NAMES:
		break;
	}
	return steme_render_names(r, kind == K_HISTORY_NAMES, b);
}

static struct steme_str
buf_str(const struct steme_buf *b)
{
	return (struct steme_str){ (const char *)b->data, b->len };
}

/* Renders now.  "No winner" is an answer like any other: an entry with its err set. */
static int
render(struct steme_views *v, enum kind kind, const struct steme_query *q,
    uint32_t limit, struct steme_vkey key, struct steme_ventry **out,
    struct steme_why *why)
{
	struct steme_buf b = { 0 }, source = { 0 };
	struct steme_render r;
	struct steme_view view;
	int err, answer;

	memset(&view, 0, sizeof(view));
	if ((err = check_names(q, why)) != STEME_OK)
		return err;
	if ((err = steme_render_begin(&r, v->s, q)) != STEME_OK)
		return err;
	answer = render_kind(&r, kind, limit, &b, &view, &source, why);
	if (answer != STEME_OK && answer != STEME_ENOTFOUND) {
		err = answer;
		goto out;
	}
	err = STEME_ENOMEM;
	if (answer == STEME_ENOTFOUND) {
		steme_buf_fini(&b);
		memset(&view, 0, sizeof(view));
	}
	view.version = r.version;
	view.mtime_us = steme_hlc_us(r.version_hlc);
	if (steme_buf_err(&source) != STEME_OK ||
	    (*out = steme_ventry_new(key, &view, buf_str(&source),
	    buf_str(&b))) == NULL)
		goto out;
	(*out)->err = answer;
	(*out)->rendered_lsn = r.ctx.bounds.max_lsn;
	err = STEME_OK;
out:
	steme_render_end(&r);
	steme_buf_fini(&b);
	steme_buf_fini(&source);
	return err;
}

/*
 * The storage failed: the last body there is, marked stale, if fallback is on and it
 * was right not too long ago.  NULL: none.
 */
static struct steme_ventry *
fall_back(struct steme_views *v, enum kind kind, struct steme_vkey key, int err)
{
	static const char was[] = "\"stale\":false}\n", is[] = "\"stale\":true}\n";
	unsigned max_age = atomic_load_explicit(&v->fallback_s,
	    memory_order_relaxed);
	struct steme_ventry *e, *marked = NULL;
	struct steme_buf b = { 0 };

	if ((err != STEME_EIO && err != STEME_ECORRUPT) || kind != K_QUERY ||
	    max_age == 0 || v->cache == NULL ||
	    (e = steme_vcache_get_old(v->cache, key, max_age)) == NULL)
		return NULL;
	if (e->view.len >= sizeof(was) - 1) {
		steme_buf_put(&b, e->view.data, e->view.len - (sizeof(was) - 1));
		steme_buf_puts(&b, is);
		if (steme_buf_err(&b) == STEME_OK)
			marked = steme_ventry_new(key, &e->view,
			    steme_str_from(e->view.source), buf_str(&b));
	}
	steme_buf_fini(&b);
	steme_ventry_put(e);
	return marked;
}

/* What depends on the hour is not kept, nor what depends on nothing. */
static bool
is_kept(const struct steme_views *v, const struct steme_query *q)
{
	if (v->cache == NULL || (q->concept.p == NULL && q->prefix.p == NULL))
		return false;
	return !q->decay || q->as_of_us != INT64_MAX;
}

/* An old version may be what was rendered last, before the newest write. */
static struct steme_ventry *
fetch_version(struct steme_views *v, enum kind kind, const struct steme_query *q,
    uint32_t limit)
{
	uint8_t buf[VKEY_MAX];

	if (q->max_lsn == UINT64_MAX || q->prefix.p != NULL)
		return NULL;
	return steme_vcache_get_at(v->cache, make_key(buf, kind, q, limit,
	    UINT64_MAX), q->max_lsn);
}

/* A counted entry whose err is STEME_OK or STEME_ENOTFOUND. */
static int
fetch(struct steme_views *v, enum kind kind, const struct steme_query *q,
    uint32_t limit, struct steme_ventry **out, struct steme_why *why)
{
	uint8_t buf[VKEY_MAX];
	struct steme_stamp stamp;
	struct steme_vkey key;
	struct paths paths;
	bool kept;
	int err;

	*out = NULL;
	if (why != NULL)
		why->text[0] = '\0';
	if ((err = resolve(&q, &paths, why)) != STEME_OK ||
	    (err = steme_render_check(q, why)) != STEME_OK)
		return err;
	kept = is_kept(v, q);
	stamp = take_stamp(v, q);
	key = make_key(buf, kind, q, limit, q->max_lsn);
	if (kept && ((*out = steme_vcache_get(v->cache, key, &stamp)) != NULL ||
	    (*out = fetch_version(v, kind, q, limit)) != NULL))
		return STEME_OK;
	err = render(v, kind, q, limit, key, out, why);
	if (err != STEME_OK) {
		*out = fall_back(v, kind, key, err);
		if (*out == NULL && why != NULL && why->text[0] == '\0')
			steme_fail(why, err, "%s", steme_strerror(err));
		return *out == NULL ? err : STEME_OK;
	}
	if (kept) {
		(*out)->stamp = stamp;
		steme_vcache_put(v->cache, *out);
	}
	return STEME_OK;
}

/* fetch() for the mount: a name nobody can have is a file that is not there. */
static int
fetch_view(struct steme_views *v, enum kind kind, const struct steme_query *q,
    uint32_t limit, const struct steme_view **out)
{
	struct steme_ventry *e;
	int err;

	*out = NULL;
	if (q->concept.p == NULL)
		return STEME_EINVAL;
	if ((err = fetch(v, kind, q, limit, &e, NULL)) != STEME_OK)
		return err == STEME_EINVAL ? STEME_ENOTFOUND : err;
	if ((err = e->err) != STEME_OK)
		steme_ventry_put(e);
	else
		*out = &e->view;
	return err;
}

int
steme_view_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out)
{
	*out = NULL;
	if (q->predicate.p == NULL)
		return STEME_EINVAL;
	return fetch_view(v, K_FILE, q, 0, out);
}

int
steme_view_json_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out)
{
	return fetch_view(v, K_QUERY, q, q->limit == 0 ? STEME_LIMIT_MAX :
	    q->limit, out);
}

int
steme_view_history_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out)
{
	struct steme_query h = *q;

	*out = NULL;
	if (q->predicate.p == NULL)
		return STEME_EINVAL;
	h.lens = STEME_LENS_RECENCY;
	h.decay = false;
	return fetch_view(v, K_HISTORY_FILE, &h, 0, out);
}

void
steme_view_put(const struct steme_view *view)
{
	/* view is the first member of an entry, which is never const */
	steme_ventry_put((struct steme_ventry *)(uintptr_t)view);
}

int
steme_view_names(struct steme_views *v, const struct steme_query *q, bool history,
    steme_name_visit *visit, void *arg)
{
	struct steme_query h = *q;
	const struct steme_view *view;
	const uint8_t *p, *end;
	int err;

	h.predicate = (struct steme_str){ NULL, 0 };
	if (history) {
		h.lens = STEME_LENS_RECENCY;
		h.decay = false;
	}
	err = fetch_view(v, history ? K_HISTORY_NAMES : K_NAMES, &h, 0, &view);
	if (err != STEME_OK)
		return err == STEME_ENOTFOUND ? STEME_OK : err;
	p = view->data;
	end = p + view->len;
	for (; p < end && err == STEME_OK; p += 1 + *p)
		err = visit(arg, (struct steme_str){ (const char *)p + 1, *p });
	steme_view_put(view);
	return err;
}

/* Appends the body of a JSON answer. */
static int
put_body(struct steme_views *v, enum kind kind, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why)
{
	struct steme_ventry *e;
	int err;

	err = fetch(v, kind, q, q->limit == 0 ? STEME_LIMIT_DEFAULT : q->limit, &e,
	    why);
	if (err != STEME_OK)
		return err;
	steme_buf_put(b, e->view.data, e->view.len);
	steme_ventry_put(e);
	return steme_buf_err(b);
}

int
steme_json_query(struct steme_views *v, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why)
{
	return put_body(v, K_QUERY, q, b, why);
}

int
steme_json_history(struct steme_views *v, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why)
{
	struct steme_query h = *q;

	h.lens = STEME_LENS_RECENCY;
	h.decay = false;
	return put_body(v, K_HISTORY, &h, b, why);
}

int
steme_json_diff(struct steme_views *v, const struct steme_query *a,
    const struct steme_query *q2, struct steme_buf *b, struct steme_why *why)
{
	struct paths pa, pb;
	int err;

	if ((err = resolve(&a, &pa, why)) != STEME_OK ||
	    (err = resolve(&q2, &pb, why)) != STEME_OK ||
	    (err = check_names(a, why)) != STEME_OK)
		return err;
	return steme_render_diff(v->s, a, q2, b, why);
}
