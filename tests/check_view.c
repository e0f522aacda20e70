/* SPDX-License-Identifier: Apache-2.0 */
/* check_view.c - the cache never shows what is no longer so, and keeps to its bound. */
#include "config.h"
#include "core/view_cache.h"
#include "tests/view_util.h"

#include <pthread.h>

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
	tcase_add_test(t, after_an_acknowledged_write_nobody_gets_an_older_view);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
