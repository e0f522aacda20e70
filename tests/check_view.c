/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_view.c - the cache never shows what is no longer so, and keeps to its bound;
 * versions, pages and names.
 */
#include "config.h"
#include "tests/view_fixture.h"

#include "core/render.h"
#include "core/view_cache.h"

#include <check.h>
#include <json-c/json.h>
#include <pthread.h>

#define T1	"2026-01-01T00:00:00.000000Z"
#define T2	"2026-02-01T00:00:00.000000Z"

static struct steme_why why;
static struct steme_buf body;

static void
setup(void)
{
	fix_open(4 << 20);
}

static void
teardown(void)
{
	steme_buf_fini(&body);
	fix_close();
}

static const struct steme_view *
file(const struct steme_query *q)
{
	const struct steme_view *view;

	ck_assert_int_eq(steme_view_file(fix.v, q, &view), STEME_OK);
	return view;
}

static uint64_t
hits(void)
{
	struct steme_views_stats st;

	steme_views_stats(fix.v, &st);
	return st.hits;
}

/* ---- the cache ---- */

START_TEST(the_second_time_it_comes_from_the_cache)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", "p");
	const struct steme_view *a, *b;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	a = file(&q);
	b = file(&q);
	ck_assert_ptr_eq(a, b);
	ck_assert_uint_eq(hits(), 1);
	steme_view_put(a);
	steme_view_put(b);
	/* a write elsewhere changes nothing here */
	fix_assert(1, "d", "p", STEME_TEXT, "v", T1);
	b = file(&q);
	ck_assert_uint_eq(hits(), 2);
	steme_view_put(b);
}
END_TEST

START_TEST(a_write_makes_the_next_look_new_and_leaves_the_old_whole)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", "p");
	const struct steme_view *a, *b;

	fix_assert(1, "c", "p", STEME_TEXT, "old", T1);
	a = file(&q);
	fix_assert(1, "c", "p", STEME_TEXT, "new", T2);
	b = file(&q);
	ck_assert_ptr_ne(a, b);
	ck_assert_int_eq(memcmp(a->data, "old\n", 4), 0);
	ck_assert_int_eq(memcmp(b->data, "new\n", 4), 0);
	ck_assert_uint_lt(a->version, b->version);
	steme_view_put(a);
	steme_view_put(b);
}
END_TEST

START_TEST(that_there_is_no_winner_is_kept_too_until_there_is_one)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", "p");
	const struct steme_view *view;

	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
	ck_assert_uint_eq(hits(), 1);
	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	view = file(&q);
	steme_view_put(view);
}
END_TEST

START_TEST(rules_of_ancestors_are_seen_at_once_at_any_depth)
{
	struct steme_query q = fix_query(STEME_LENS_CONSTRAINTS, "a/b/c/d", "must_use");
	static const char *const at[] = { "a/b/c/d", "a/b/c", "a/b", "a" };
	const struct steme_view *view;
	char value[16];

	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
	for (int i = 0; i < 4; i++) {
		snprintf(value, sizeof(value), "v%d", i);
		fix_assert(1, at[i], "must_use", STEME_TEXT, value, T1);
		view = file(&q);
		ck_assert_ptr_nonnull(memmem(view->data, view->len, value, 2));
		ck_assert_uint_eq(view->version, steme_store_lsn(fix.s));
		steme_view_put(view);
	}
}
END_TEST

static void
put_alias(const char *from, const char *to)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_ALIAS;
	o.from = steme_str_from(from);
	o.to = steme_str_from(to);
	o.value = STEME_LIT("");
	o.time_us = FIX_NOW_US;
	o.agent = fix.agent[0].agent;
	fix_put(&o, 0);
}

START_TEST(a_write_to_an_alias_is_seen_at_once)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", "p");
	const struct steme_view *view;

	fix_assert(1, "c", "p", STEME_TEXT, "mine", T1);
	view = file(&q);
	steme_view_put(view);
	fix_assert(1, "k", "p", STEME_TEXT, "other", T2);
	put_alias("k", "c");
	view = file(&q);
	ck_assert_int_eq(memcmp(view->data, "other\n", 6), 0);
	steme_view_put(view);
	fix_assert(1, "k", "p", STEME_TEXT, "newest", "2026-03-01");
	view = file(&q);
	ck_assert_int_eq(memcmp(view->data, "newest\n", 7), 0);
	steme_view_put(view);
}
END_TEST

START_TEST(what_depends_on_the_hour_is_not_kept)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	struct steme_views_stats st;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	q.decay = true;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	steme_views_stats(fix.v, &st);
	ck_assert_uint_eq(st.entries, 0);
	q.as_of_us = FIX_NOW_US;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	steme_views_stats(fix.v, &st);
	ck_assert_uint_eq(st.entries, 1);
}
END_TEST

START_TEST(the_cache_keeps_to_its_bound)
{
	struct steme_query q;
	struct steme_views *v;
	struct steme_views_stats st;
	const struct steme_view *view;
	char name[32];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "p%03d", i);
		fix_assert(1, "c", name, STEME_TEXT, "a value of some length", T1);
	}
	ck_assert_int_eq(steme_views_new(&v, fix.s, 20000), STEME_OK);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "p%03d", i);
			q = fix_query(STEME_LENS_RECENCY, "c", name);
			ck_assert_int_eq(steme_view_file(v, &q, &view), STEME_OK);
			steme_views_stats(v, &st);
			ck_assert_uint_le(st.bytes, 20000);
			steme_view_put(view);
		}
	ck_assert_uint_gt(st.evictions, 400);
	ck_assert_uint_gt(st.entries, 20);
	/* larger than a shard may hold: answered, not kept */
	q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	ck_assert_int_eq(steme_view_json_file(v, &q, &view), STEME_OK);
	ck_assert_uint_gt(view->len, 20000);
	steme_view_put(view);
	steme_views_stats(v, &st);
	ck_assert_uint_le(st.bytes, 20000);
	steme_views_free(v);
	/* no cache at all */
	ck_assert_int_eq(steme_views_new(&v, fix.s, 0), STEME_OK);
	q = fix_query(STEME_LENS_RECENCY, "c", "p001");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(steme_view_file(v, &q, &view), STEME_OK);
		steme_view_put(view);
	}
	steme_views_stats(v, &st);
	ck_assert_uint_eq(st.entries + st.hits, 0);
	steme_views_free(v);
}
END_TEST

START_TEST(the_least_used_goes_first)
{
	struct steme_stamp st = { 1, 2, 3 };
	struct steme_ventry *e;
	struct steme_vcache *c;
	struct steme_view view;
	uint8_t k[2] = { 0, 0 };
	char data[2000] = "";

	memset(&view, 0, sizeof(view));
	ck_assert_int_eq(steme_vcache_new(&c, 20000), STEME_OK);
	for (int i = 0; i < 50; i++) {
		k[1] = (uint8_t)i;
		e = steme_ventry_new((struct steme_vkey){ k, 2 }, &view,
		    STEME_LIT(""), (struct steme_str){ data, sizeof(data) });
		e->stamp = st;
		steme_vcache_put(c, e);
		steme_ventry_put(e);
		k[1] = 0;
		e = steme_vcache_get(c, (struct steme_vkey){ k, 2 }, &st);
		ck_assert_msg(e != NULL, "lost after %d", i);
		steme_ventry_put(e);
	}
	k[1] = 1;
	ck_assert_ptr_null(steme_vcache_get(c, (struct steme_vkey){ k, 2 }, &st));
	k[1] = 49;
	st.slot++;
	ck_assert_ptr_null(steme_vcache_get(c, (struct steme_vkey){ k, 2 }, &st));
	ck_assert_ptr_nonnull(e = steme_vcache_get_old(c, (struct steme_vkey){ k, 2 },
	    10));
	steme_ventry_put(e);
	steme_vcache_free(c);
}
END_TEST

/* ---- storage that fails ---- */

/* The index's own table, but for reads that can be made to fail. */
static const struct steme_index_ops *real_ops;
static atomic_bool fail_reads;

static int
failing_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen, bool backwards,
    struct steme_iter *it)
{
	if (atomic_load(&fail_reads))
		return STEME_EIO;
	return real_ops->iter_open(ix, snap, from, fromlen, to, tolen, backwards, it);
}

START_TEST(a_storage_error_shows_the_last_answer_marked_stale_if_asked_to)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	struct steme_query f = fix_query(STEME_LENS_RECENCY, "c", "p");
	struct steme_index_ops ops = *fix.ix->ops;
	const struct steme_view *view;

	real_ops = fix.ix->ops;
	ops.iter_open = failing_iter_open;
	fix_assert(1, "c", "p", STEME_TEXT, "old", T1);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	view = file(&f);
	steme_view_put(view);
	fix_assert(1, "c", "p", STEME_TEXT, "new", T2);
	fix.ix->ops = &ops;
	atomic_store(&fail_reads, true);
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EIO);
	ck_assert_uint_eq(body.len, 0);
	ck_assert_uint_gt(strlen(why.text), 0);
	steme_views_fallback(fix.v, 300);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	ck_assert_ptr_nonnull(strstr((char *)body.data, "\"old\""));
	ck_assert_ptr_nonnull(strstr((char *)body.data, ",\"stale\":true}\n"));
	/* value files say the truth */
	ck_assert_int_eq(steme_view_file(fix.v, &f, &view), STEME_EIO);
	atomic_store(&fail_reads, false);
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	ck_assert_ptr_nonnull(strstr((char *)body.data, "\"new\""));
	ck_assert_ptr_nonnull(strstr((char *)body.data, ",\"stale\":false}\n"));
	fix.ix->ops = real_ops;
}
END_TEST

/* ---- versions ---- */

static uint64_t rng = 88172645463325252u;

static unsigned
any(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng % n);
}

/* One random object about one of few concepts and predicates. */
static void
put_any(void)
{
	static const char *const concepts[] = { "v", "v/w", "v/x", "z" };
	static const char *const predicates[] = { "p", "q", "must_use" };
	static struct steme_id ids[256];
	static unsigned nids;
	const char *concept = concepts[any(4)];
	struct steme_object o;
	char value[16], day[16];
	int agent = 1 + (int)any(4);

	snprintf(value, sizeof(value), "%u", any(4));
	snprintf(day, sizeof(day), "2026-%02u-%02u", 1 + any(9), 1 + any(28));
	if (any(12) == 0) {
		put_alias(concepts[any(4)], concepts[any(4)]);
		return;
	}
	if (nids > 0 && any(4) == 0) {
		memset(&o, 0, sizeof(o));
		o.kind = any(2) == 0 ? STEME_VOTE : STEME_RETRACTION;
		o.concept = steme_str_from(concept);
		o.value = STEME_LIT("");
		o.has_assertion = true;
		o.assertion = ids[any(nids)];
		o.weight = (int32_t)any(20001) - 10000;
		o.agent = fix.agent[agent].agent;
		o.time_us = FIX_NOW_US - any(1000000);
		fix_put(&o, agent);
		return;
	}
	o = fix_claim(agent, concept, predicates[any(3)], STEME_NUMBER, value, day);
	o.confidence = (int32_t)any(10001);
	o.class_ = (enum steme_class)any(STEME_NCLASS);
	if (nids > 0 && any(5) == 0) {
		o.nsupersedes = 1;
		o.supersedes[0] = ids[any(nids)];
	}
	ids[nids++ % 256] = fix_put(&o, agent);
	if (nids > 256)
		nids = 256;
}

struct snap {
	enum steme_lens lens;
	int kind;			/* 0 file, 1 json, 2 history */
	const char *concept, *predicate;
	const struct steme_view *view;
};

static int
take(struct steme_views *v, const struct steme_query *q, int kind,
    const struct steme_view **out)
{
	return kind == 0 ? steme_view_file(v, q, out) :
	    kind == 1 ? steme_view_json_file(v, q, out) :
	    steme_view_history_file(v, q, out);
}

START_TEST(an_old_version_rendered_again_has_the_same_bytes)
{
	static const char *const concepts[] = { "v", "v/w", "v/x", "z" };
	static const char *const predicates[] = { "p", "q", "must_use" };
	static struct snap snaps[4000];
	struct steme_views *fresh;
	const struct steme_view *again;
	struct steme_query q;
	size_t n = 0;

	ck_assert_int_eq(steme_views_new(&fresh, fix.s, 0), STEME_OK);
	for (int i = 0; i < 400; i++) {
		put_any();
		for (int k = 0; k < 10; k++) {
			struct snap *s = &snaps[n];

			s->lens = (enum steme_lens)any(STEME_NLENS);
			s->kind = (int)any(3);
			s->concept = concepts[any(4)];
			s->predicate = predicates[any(3)];
			q = fix_query(s->lens, s->concept, s->predicate);
			n += take(fix.v, &q, s->kind, &s->view) == STEME_OK;
		}
	}
	ck_assert_uint_gt(n, 1000);
	for (size_t i = 0; i < n; i++) {
		struct snap *s = &snaps[i];

		q = fix_query(s->lens, s->concept, s->predicate);
		q.max_lsn = s->view->version;
		for (int k = 0; k < 2; k++) {
			ck_assert_int_eq(take(k ? fresh : fix.v, &q, s->kind,
			    &again), STEME_OK);
			ck_assert_msg(again->len == s->view->len &&
			    memcmp(again->data, s->view->data, again->len) == 0,
			    "lens %s kind %d of %s/%s at %u:\n%.*s\nnow:\n%.*s",
			    steme_lens_name(s->lens), s->kind, s->concept,
			    s->predicate, (unsigned)s->view->version,
			    (int)s->view->len, s->view->data, (int)again->len,
			    again->data);
			ck_assert_uint_eq(again->version, s->view->version);
			ck_assert_int_eq(again->mtime_us, s->view->mtime_us);
			steme_view_put(again);
		}
		steme_view_put(s->view);
	}
	steme_views_free(fresh);
}
END_TEST

START_TEST(a_version_just_rendered_is_not_rendered_twice)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", "p");
	const struct steme_view *a, *b;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	a = file(&q);
	fix_assert(1, "c", "p", STEME_TEXT, "w", T2);
	q.max_lsn = a->version;
	b = file(&q);
	ck_assert_ptr_eq(a, b);
	steme_view_put(a);
	steme_view_put(b);
}
END_TEST

/* ---- names ---- */

static char names[65536];

static int
add_name(void *arg, struct steme_str name)
{
	(void)arg;
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ",
	    STEME_STR(name));
	return 0;
}

static int
stop_at_second(void *arg, struct steme_str name)
{
	int *n = arg;

	(void)name;
	return ++*n == 2 ? 77 : 0;
}

static const char *
list(enum steme_lens lens, const char *concept, bool history)
{
	struct steme_query q = fix_query(lens, concept, NULL);

	names[0] = '\0';
	ck_assert_int_eq(steme_view_names(fix.v, &q, history, add_name, NULL),
	    STEME_OK);
	return names;
}

START_TEST(names_are_those_with_a_winner_in_byte_order)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	struct steme_object o;
	struct steme_id id;
	int n = 0;

	fix_assert(1, "c", "b", STEME_TEXT, "v", T1);
	id = fix_assert(1, "c", "a", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "Z", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "must_use", STEME_TEXT, "v", T1);
	o = fix_claim(1, "c", "dead", STEME_TEXT, "v", T1);
	o.lifecycle = STEME_REJECTED;
	fix_put(&o, 1);
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "c", false), "Z a b must_use ");
	ck_assert_str_eq(list(STEME_LENS_SKEPTIC, "c", false), "Z a b must_use ");
	ck_assert_str_eq(list(STEME_LENS_VOTES, "c", false), "");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c", false), "must_use ");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c/below", false), "must_use ");
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "c", true), "Z a b dead must_use ");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c", true),
	    "Z a b dead must_use ");
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "none", false), "");
	/* a predicate in the question does not matter */
	q.predicate = STEME_LIT("a");
	names[0] = '\0';
	ck_assert_int_eq(steme_view_names(fix.v, &q, false, add_name, NULL), STEME_OK);
	ck_assert_str_eq(names, "Z a b must_use ");
	memset(&o, 0, sizeof(o));
	o.kind = STEME_VOTE;
	o.concept = STEME_LIT("c");
	o.value = STEME_LIT("");
	o.has_assertion = true;
	o.assertion = id;
	o.weight = 1;
	o.time_us = FIX_NOW_US;
	o.agent = fix.agent[2].agent;
	fix_put(&o, 2);
	ck_assert_str_eq(list(STEME_LENS_VOTES, "c", false), "a ");
	ck_assert_int_eq(steme_view_names(fix.v, &q, false, stop_at_second, &n), 77);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(every_name_has_a_file_and_no_other_has)
{
	static const char *const concepts[] = { "v", "v/w", "v/x", "z" };
	static const char *const predicates[] = { "p", "q", "must_use" };
	const struct steme_view *view;
	struct steme_query q;
	char one[32];
	int err;

	for (int i = 0; i < 150; i++) {
		put_any();
		for (int lens = 0; lens < STEME_NLENS; lens++)
			for (int k = 0; k < 12; k++) {
				list((enum steme_lens)lens, concepts[k % 4], false);
				q = fix_query((enum steme_lens)lens,
				    concepts[k % 4], predicates[k / 4]);
				err = steme_view_file(fix.v, &q, &view);
				snprintf(one, sizeof(one), "%s ",
				    predicates[k / 4]);
				ck_assert_int_eq(err == STEME_OK,
				    strstr(names, one) != NULL);
				if (err == STEME_OK)
					steme_view_put(view);
			}
	}
}
END_TEST

START_TEST(names_no_object_can_have_are_not_there)
{
	static const char *const bad[] = { "", "a//b", "a\nb", "@x", ".", "\xff" };
	const struct steme_view *view;
	struct steme_query q;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		q = fix_query(STEME_LENS_RECENCY, "c", bad[i]);
		ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
		q = fix_query(STEME_LENS_RECENCY, bad[i], "p");
		ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
	}
	q = fix_query(STEME_LENS_RECENCY, "c", "p");
	q.concept = (struct steme_str){ "a\0b", 3 };
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
	q = fix_query(STEME_LENS_RECENCY, "c", "p");
	q.limit = 10001;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

START_TEST(a_scheme_form_names_the_same_concept)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "fda://a/b", NULL);
	char first[1024];

	fix_assert(1, "fda/a/b", "p", STEME_TEXT, "v", T1);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	snprintf(first, sizeof(first), "%s", (char *)body.data);
	ck_assert_ptr_nonnull(strstr(first, "{\"concept_path\":\"fda/a/b\","));
	q.concept = STEME_LIT("fda/a/b");
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	ck_assert_str_eq((char *)body.data, first);
	ck_assert_uint_eq(hits(), 1);
	q.concept = STEME_LIT("nobody://a/b");
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

/* ---- pages ---- */

/* Follows q to its end; the predicates (and concepts) go to names. */
static unsigned
walk(struct steme_query q, bool history, int (*between)(unsigned page))
{
	struct json_object *o, *list_, *it;
	char cursor[2100] = "";
	const char *next;
	unsigned pages = 0;

	names[0] = '\0';
	do {
		steme_buf_clear(&body);
		if (cursor[0] != '\0')
			q.cursor = steme_str_from(cursor);
		ck_assert_msg((history ? steme_json_history(fix.v, &q, &body, &why) :
		    steme_json_query(fix.v, &q, &body, &why)) == STEME_OK, "%s",
		    why.text);
		o = json_tokener_parse((char *)body.data);
		ck_assert_ptr_nonnull(o);
		list_ = json_object_object_get(o, "results");
		for (size_t i = 0; i < json_object_array_length(list_); i++) {
			it = json_object_array_get_idx(list_, i);
			snprintf(names + strlen(names), sizeof(names) -
			    strlen(names), "%s:%s=%s ", json_object_get_string(
			    json_object_object_get(it, "concept_path")),
			    json_object_get_string(json_object_object_get(it,
			    "predicate")), json_object_get_string(
			    json_object_object_get(json_object_object_get(it,
			    "object"), "value")));
		}
		next = json_object_get_string(json_object_object_get(o,
		    "next_cursor"));
		snprintf(cursor, sizeof(cursor), "%s", next == NULL ? "" : next);
		json_object_put(o);
		if (between != NULL)
			between(pages);
		ck_assert_uint_lt(++pages, 100);
	} while (cursor[0] != '\0');
	return pages;
}

static int
write_between(unsigned page)
{
	char name[16];

	/* before, at and after wherever the page ended */
	snprintf(name, sizeof(name), "a%u", page);
	fix_assert(1, "c", name, STEME_TEXT, "late", T2);
	snprintf(name, sizeof(name), "qq%u", page);
	fix_assert(1, "c", name, STEME_TEXT, "late", T2);
	fix_assert(1, "b/d", name, STEME_TEXT, "late", T2);
	fix_assert(1, "b", "late", STEME_TEXT, "late", T2);
	for (char p = 'k'; p < 'r'; p++) {
		name[0] = p;
		name[1] = '\0';
		fix_assert(1, "c", name, STEME_TEXT, "late", T2);
		fix_assert(1, "b/d", name, STEME_TEXT, "late", T2);
	}
	return 0;
}

START_TEST(pages_fit_together_whatever_is_written_meanwhile)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	static char all[sizeof(names)];

	for (char p = 'k'; p < 'r'; p++) {
		char name[2] = { p, 0 };

		fix_assert(1, "c", name, STEME_TEXT, name, T1);
		fix_assert(1, "b/d", name, STEME_TEXT, name, T1);
	}
	fix_assert(1, "bb", "n", STEME_TEXT, "not below b", T1);
	ck_assert_uint_eq(walk(q, false, NULL), 1);
	strcpy(all, names);
	for (uint32_t limit = 1; limit < 9; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, false, NULL), (7 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
	q.limit = 2;
	walk(q, false, write_between);
	ck_assert_str_eq(names, all);
	/* a prefix query, over concepts */
	q = fix_query(STEME_LENS_RECENCY, NULL, NULL);
	q.prefix = STEME_LIT("b");
	walk(q, false, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "b:late=late b/d:k=late b/d:l=late "));
	ck_assert_ptr_null(strstr(all, "bb:"));
	for (uint32_t limit = 1; limit < 9; limit++) {
		q.limit = 0;
		walk(q, false, NULL);
		strcpy(all, names);
		q.limit = limit;
		walk(q, false, write_between);
		ck_assert_str_eq(names, all);
	}
}
END_TEST

START_TEST(a_page_that_ends_early_has_the_same_bytes_when_rendered_again)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	const struct steme_view *a, *b;
	struct steme_views *fresh;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "q", STEME_TEXT, "v", T1);
	fix_assert(1, "d", "q", STEME_TEXT, "v", T1);
	q.limit = 1;
	ck_assert_int_eq(steme_view_json_file(fix.v, &q, &a), STEME_OK);
	ck_assert_ptr_null(memmem(a->data, a->len, "\"next_cursor\":null", 18));
	ck_assert_uint_lt(a->version, steme_store_lsn(fix.s));
	fix_assert(1, "c", "r", STEME_TEXT, "v", T1);
	ck_assert_int_eq(steme_views_new(&fresh, fix.s, 0), STEME_OK);
	q.max_lsn = a->version;
	ck_assert_int_eq(steme_view_json_file(fresh, &q, &b), STEME_OK);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->data, b->data, a->len);
	steme_view_put(a);
	steme_view_put(b);
	steme_views_free(fresh);
}
END_TEST

START_TEST(history_and_rules_are_paged_within_a_predicate)
{
	struct steme_query q = fix_query(STEME_LENS_CONSTRAINTS, "c/d", NULL);
	static char all[sizeof(names)];
	char day[32], value[16];

	for (int i = 0; i < 7; i++) {
		snprintf(day, sizeof(day), "2026-01-%02d", i + 1);
		snprintf(value, sizeof(value), "%d", i);
		fix_assert(1 + i % 3, i % 2 ? "c" : "c/d", "must_use", STEME_TEXT,
		    value, day);
		fix_assert(1, "c/d", "forbidden", STEME_TEXT, value, day);
	}
	walk(q, false, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "must_use=6 "));
	for (uint32_t limit = 1; limit < 16; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, false, NULL), (14 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
	q = fix_query(STEME_LENS_RECENCY, "c/d", NULL);
	walk(q, true, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "forbidden=6 c/d:forbidden=5 "));
	for (uint32_t limit = 1; limit < 13; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, true, NULL), (11 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
}
END_TEST

START_TEST(a_cursor_is_good_for_its_question_only)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL), other;
	struct json_object *o;
	char cursor[2100], bad[2100];
	size_t n;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "q", STEME_TEXT, "v", T1);
	q.limit = 1;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	o = json_tokener_parse((char *)body.data);
	snprintf(cursor, sizeof(cursor), "%s", json_object_get_string(
	    json_object_object_get(o, "next_cursor")));
	json_object_put(o);
	n = strlen(cursor);
	q.cursor = (struct steme_str){ cursor, n };
	q.limit = 50;		/* the limit may change */
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	other = q;
	other.lens = STEME_LENS_CONFIDENCE;
	ck_assert_int_eq(steme_json_query(fix.v, &other, &body, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "cursor"));
	other = q;
	other.concept = STEME_LIT("d");
	ck_assert_int_eq(steme_json_query(fix.v, &other, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_history(fix.v, &q, &body, &why), STEME_EINVAL);
	/* no character may change, none may be missing */
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, cursor, n);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		q.cursor = (struct steme_str){ bad, n };
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
		q.cursor = (struct steme_str){ cursor, i };
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
	}
	memset(bad, 'A', sizeof(bad));
	q.cursor = (struct steme_str){ bad, sizeof(bad) };
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

START_TEST(concepts_of_the_store_itself_are_concepts_like_any)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "_steme/lens", "roots");
	const struct steme_view *view;
	struct steme_object o = fix_claim(0, "_steme/lens", "roots", STEME_TEXT,
	    "none", T1);

	fix_put(&o, 0);
	view = file(&q);
	ck_assert_int_eq(memcmp(view->data, "none\n", 5), 0);
	steme_view_put(view);
}
END_TEST

/* ---- threads ---- */

#define ROUNDS	10000
#define READERS	4
#define A_CONCEPT	50	/* rounds of one: few candidates, so reading stays quick */

static atomic_int acked;	/* the last number whose write was acknowledged */
static atomic_bool stop;
static atomic_int older;	/* times a reader got less than was acknowledged */
static atomic_ulong reads;

static void *
reader(void *arg)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "t", "n");
	struct steme_buf b = { 0 };
	const struct steme_view *view;
	bool json = (size_t)arg % 2;
	char concept[16];
	const char *at;
	int want, got;

	while (!atomic_load(&stop)) {
		want = atomic_load(&acked);
		if (want == 0)
			continue;
		snprintf(concept, sizeof(concept), "t/%d", want / A_CONCEPT);
		q.concept = steme_str_from(concept);
		if (json) {
			steme_buf_clear(&b);
			MUST(steme_json_query(fix.v, &q, &b, NULL));
			at = strstr((char *)b.data, "\"value\":");
			got = at == NULL ? 0 : atoi(at + 8);
		} else {
			MUST(steme_view_file(fix.v, &q, &view));
			/* the data ends in a newline, so atoi stops */
			got = atoi((const char *)view->data);
			steme_view_put(view);
		}
		if (got < want)
			atomic_fetch_add(&older, 1);
		atomic_fetch_add(&reads, 1);
	}
	steme_buf_fini(&b);
	return NULL;
}

START_TEST(after_an_acknowledged_write_nobody_gets_an_older_view)
{
	pthread_t t[READERS];
	struct steme_object o;
	char concept[16], value[16];

	for (size_t i = 0; i < READERS; i++)
		MUST(pthread_create(&t[i], NULL, reader, (void *)i));
	for (int i = 1; i <= ROUNDS; i++) {
		snprintf(concept, sizeof(concept), "t/%d", i / A_CONCEPT);
		o = fix_claim(1, concept, "n", STEME_NUMBER, "0", T1);
		snprintf(value, sizeof(value), "%d", i);
		o.value = steme_str_from(value);
		o.time_us += i;
		fix_put(&o, 1);
		atomic_store(&acked, i);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < READERS; i++)
		MUST(pthread_join(t[i], NULL));
	ck_assert_int_eq(atomic_load(&older), 0);
	ck_assert_uint_gt(atomic_load(&reads), 1000);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("view");
	TCase *t = tcase_create("view");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, the_second_time_it_comes_from_the_cache);
	tcase_add_test(t, a_write_makes_the_next_look_new_and_leaves_the_old_whole);
	tcase_add_test(t, that_there_is_no_winner_is_kept_too_until_there_is_one);
	tcase_add_test(t, rules_of_ancestors_are_seen_at_once_at_any_depth);
	tcase_add_test(t, a_write_to_an_alias_is_seen_at_once);
	tcase_add_test(t, what_depends_on_the_hour_is_not_kept);
	tcase_add_test(t, the_cache_keeps_to_its_bound);
	tcase_add_test(t, the_least_used_goes_first);
	tcase_add_test(t, a_storage_error_shows_the_last_answer_marked_stale_if_asked_to);
	tcase_add_test(t, an_old_version_rendered_again_has_the_same_bytes);
	tcase_add_test(t, a_version_just_rendered_is_not_rendered_twice);
	tcase_add_test(t, names_are_those_with_a_winner_in_byte_order);
	tcase_add_test(t, every_name_has_a_file_and_no_other_has);
	tcase_add_test(t, names_no_object_can_have_are_not_there);
	tcase_add_test(t, a_scheme_form_names_the_same_concept);
	tcase_add_test(t, pages_fit_together_whatever_is_written_meanwhile);
	tcase_add_test(t, a_page_that_ends_early_has_the_same_bytes_when_rendered_again);
	tcase_add_test(t, history_and_rules_are_paged_within_a_predicate);
	tcase_add_test(t, a_cursor_is_good_for_its_question_only);
	tcase_add_test(t, concepts_of_the_store_itself_are_concepts_like_any);
	tcase_add_test(t, after_an_acknowledged_write_nobody_gets_an_older_view);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
