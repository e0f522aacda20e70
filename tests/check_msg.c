/* SPDX-License-Identifier: Apache-2.0 */
/* check_msg.c - payloads of greetings and questions: round trips, and every flaw. */
#include "config.h"
#include "tests/msg_util.h"

/* ---- HELLO ---- */

static int
d_hello(const void *p, size_t n)
{
	struct steme_msg_hello m;

	return steme_msg_get_hello(&m, p, n);
}

START_TEST(hello_comes_back)
{
	static const uint8_t want[] = { 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	    4, 'e', 'x', ' ', '1' };
	struct steme_msg_hello m = { 1, 1, 0, STEME_ROLE_WRITER,
	    STEME_LIT("ex 1") }, g;
	struct steme_buf b = {0};

	steme_msg_put_hello(&b, &m);
	ck_assert_uint_eq(b.len, sizeof(want));
	ck_assert_mem_eq(b.data, want, sizeof(want));
	ck_assert_int_eq(steme_msg_get_hello(&g, b.data, b.len), STEME_OK);
	ck_assert_int_eq(g.role, STEME_ROLE_WRITER);
	ck_assert(steme_str_eq(g.program, m.program));
	no_prefix_is_good(&b, d_hello);
	byte_is_bad(&b, 0, 0, d_hello);		/* version 0 */
	byte_is_bad(&b, 0, 2, d_hello);		/* lowest over highest */
	byte_is_bad(&b, 12, 5, d_hello);	/* no such role */
	steme_buf_fini(&b);
}
END_TEST

static int
d_welcome(const void *p, size_t n)
{
	struct steme_msg_welcome m;

	return steme_msg_get_welcome(&m, p, n);
}

START_TEST(welcome_comes_back)
{
	struct steme_msg_welcome m = { .version = 1, .features = 3,
	    .role = STEME_ROLE_ADMIN, .store = "0123456789abcde", .node = 5,
	    .boot = 6, .lsn = 7, .max_frame = STEME_FRAME_MAX,
	    .node_name = STEME_LIT("n1"), .changes_path = STEME_LIT("/x/run/changes") },
	    g;
	struct steme_buf b = {0};

	steme_msg_put_welcome(&b, &m);
	ck_assert_int_eq(steme_msg_get_welcome(&g, b.data, b.len), STEME_OK);
	ck_assert_uint_eq(g.version, 1);
	ck_assert_uint_eq(g.features, 3);
	ck_assert_int_eq(g.role, STEME_ROLE_ADMIN);
	ck_assert_mem_eq(g.store, m.store, 16);
	ck_assert_uint_eq(g.node, 5);
	ck_assert_uint_eq(g.boot, 6);
	ck_assert_uint_eq(g.lsn, 7);
	ck_assert_uint_eq(g.max_frame, STEME_FRAME_MAX);
	ck_assert(steme_str_eq(g.node_name, m.node_name));
	ck_assert(steme_str_eq(g.changes_path, m.changes_path));
	no_prefix_is_good(&b, d_welcome);
	steme_buf_fini(&b);
}
END_TEST

/* ---- questions ---- */

static int
d_query(const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_query q;
	int err = steme_msg_get_query(&q, &r);

	return err != STEME_OK || steme_rd_done(&r) ? err : STEME_EPROTO;
}

static struct steme_query
a_query(void)
{
	struct steme_query q;

	steme_query_init(&q);
	q.lens = STEME_LENS_LAYERED;
	q.concept = STEME_LIT("a/b");
	q.epoch = STEME_LIT("");
	q.as_of_us = -5;
	q.known_at = 6;
	q.max_lsn = 7;
	q.since_hlc = 8;
	q.include = 31;
	q.lifecycle = STEME_REJECTED;
	q.decay = true;
	q.limit = 9;
	q.cursor = STEME_LIT("cur");
	return q;
}

static void
same_query(const struct steme_query *a, const struct steme_query *b)
{
	ck_assert_int_eq(a->lens, b->lens);
	ck_assert(steme_str_eq(a->concept, b->concept));
	ck_assert_int_eq(a->predicate.p == NULL, b->predicate.p == NULL);
	ck_assert_int_eq(a->prefix.p == NULL, b->prefix.p == NULL);
	ck_assert_int_eq(a->epoch.p == NULL, b->epoch.p == NULL);
	ck_assert(steme_str_eq(a->cursor, b->cursor));
	ck_assert_int_eq(a->as_of_us, b->as_of_us);
	ck_assert_uint_eq(a->known_at, b->known_at);
	ck_assert_uint_eq(a->max_lsn, b->max_lsn);
	ck_assert_uint_eq(a->since_hlc, b->since_hlc);
	ck_assert_uint_eq(a->include, b->include);
	ck_assert_int_eq(a->lifecycle, b->lifecycle);
	ck_assert_int_eq(a->decay, b->decay);
	ck_assert_uint_eq(a->limit, b->limit);
}

START_TEST(a_query_comes_back_and_absent_is_not_empty)
{
	struct steme_query q = a_query(), g;
	struct steme_buf b = {0};
	struct steme_rd r;

	steme_msg_put_query(&b, &q);
	r = steme_rd_from(b.data, b.len);
	ck_assert_int_eq(steme_msg_get_query(&g, &r), STEME_OK);
	same_query(&q, &g);
	ck_assert_ptr_nonnull(g.epoch.p);
	no_prefix_is_good(&b, d_query);
	byte_is_bad(&b, 0, 8, d_query);		/* lens */
	byte_is_bad(&b, 1, 2, d_query);		/* flags */
	byte_is_bad(&b, 2, 32, d_query);	/* include */
	byte_is_bad(&b, 3, 5, d_query);		/* lifecycle */
	byte_is_bad(&b, 4 + 32 + 2, 1, d_query);	/* limit */
	steme_buf_fini(&b);
}
END_TEST

START_TEST(the_query_of_the_document_has_these_bytes)
{
	uint8_t want[59] = { 0, 0, 0, 0xff };
	struct steme_query q;
	struct steme_buf b = {0};

	memset(want + 4, 0xff, 24);
	want[11] = 0x7f;
	memset(want + 28, 0, 12);
	memcpy(want + 40, "\003\000a/b\377\377\377\377\377\377\377\377", 13);
	steme_query_init(&q);
	q.concept = STEME_LIT("a/b");
	steme_msg_put_query(&b, &q);
	ck_assert_uint_eq(b.len, 53);
	ck_assert_mem_eq(b.data, want, 53);
	steme_buf_fini(&b);
}
END_TEST

static int
d_diff(const void *p, size_t n)
{
	struct steme_query a, b;

	return steme_msg_get_diff(&a, &b, p, n);
}

START_TEST(a_diff_has_two_queries)
{
	struct steme_query q = a_query(), q2 = a_query(), g, h;
	struct steme_buf b = {0};

	q2.lens = STEME_LENS_VOTES;
	steme_msg_put_diff(&b, &q, &q2);
	ck_assert_int_eq(steme_msg_get_diff(&g, &h, b.data, b.len), STEME_OK);
	same_query(&q, &g);
	same_query(&q2, &h);
	no_prefix_is_good(&b, d_diff);
	steme_buf_fini(&b);
}
END_TEST

static int
d_object(const void *p, size_t n)
{
	enum steme_object_want w;
	struct steme_id id;

	return steme_msg_get_object(&w, &id, p, n);
}

static int
d_list(const void *p, size_t n)
{
	struct steme_msg_list m;

	return steme_msg_get_list(&m, p, n);
}

static int
d_ids(const void *p, size_t n)
{
	const uint8_t *ids;
	uint32_t nids;
	int err = steme_msg_get_ids(&ids, &nids, p, n);

	/* Two ids are a good payload, too: only uneven lengths are flaws. */
	return err == STEME_OK && nids != 3 ? STEME_EPROTO : err;
}

START_TEST(object_list_and_keys_come_back)
{
	struct steme_msg_list m = { .after_lsn = 5, .text = STEME_LIT("a/b") }, g;
	struct steme_id id = id_of(3), got, three[3] = { id_of(1), id_of(2), id_of(2) };
	enum steme_object_want w;
	struct steme_buf b = {0};

	steme_msg_put_object(&b, STEME_WANT_PROOF, &id);
	ck_assert_int_eq(steme_msg_get_object(&w, &got, b.data, b.len), STEME_OK);
	ck_assert_int_eq(w, STEME_WANT_PROOF);
	ck_assert(steme_id_eq(&id, &got));
	no_prefix_is_good(&b, d_object);
	byte_is_bad(&b, 0, STEME_WANT_ORIGIN + 1, d_object);
	steme_buf_clear(&b);
	steme_msg_put_list(&b, &m);
	ck_assert_int_eq(steme_msg_get_list(&g, b.data, b.len), STEME_OK);
	ck_assert_uint_eq(g.after_lsn, 5);
	ck_assert_uint_eq(g.limit, 1000);
	ck_assert(steme_str_eq(g.text, m.text));
	ck_assert_ptr_null(g.after.p);
	no_prefix_is_good(&b, d_list);
	byte_is_bad(&b, 10, 1, d_list);		/* limit */
	byte_is_bad(&b, 12, 2, d_list);		/* counts */
	ck_assert(!g.counts);
	b.data[12] = 1;
	ck_assert_int_eq(steme_msg_get_list(&g, b.data, b.len), STEME_OK);
	ck_assert(g.counts);
	steme_buf_clear(&b);
	steme_buf_put(&b, three, sizeof(three));
	no_prefix_is_good(&b, d_ids);
	steme_buf_fini(&b);
}
END_TEST

static int
d_impact(const void *p, size_t n)
{
	struct steme_msg_impact m;

	return steme_msg_get_impact(&m, p, n);
}

START_TEST(an_impact_comes_back_and_names_a_source)
{
	struct steme_msg_impact m = { .lens = STEME_LENS_VOTES,
	    .source = STEME_LIT("https://example.org") }, g;
	struct steme_buf b = {0};

	steme_msg_put_impact(&b, &m);
	ck_assert_int_eq(steme_msg_get_impact(&g, b.data, b.len), STEME_OK);
	ck_assert_int_eq(g.lens, STEME_LENS_VOTES);
	ck_assert_uint_eq(g.limit, 1000);
	ck_assert(steme_str_eq(g.source, m.source));
	no_prefix_is_good(&b, d_impact);
	byte_is_bad(&b, 0, STEME_NLENS, d_impact);
	byte_is_bad(&b, 3, 1, d_impact);	/* limit */
	steme_buf_clear(&b);
	m.source = STEME_LIT("");
	steme_msg_put_impact(&b, &m);
	ck_assert_int_eq(steme_msg_get_impact(&g, b.data, b.len), STEME_EPROTO);
	steme_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("msg");
	TCase *t = tcase_create("payloads");

	tcase_add_test(t, hello_comes_back);
	tcase_add_test(t, welcome_comes_back);
	tcase_add_test(t, a_query_comes_back_and_absent_is_not_empty);
	tcase_add_test(t, the_query_of_the_document_has_these_bytes);
	tcase_add_test(t, a_diff_has_two_queries);
	tcase_add_test(t, object_list_and_keys_come_back);
	tcase_add_test(t, an_impact_comes_back_and_names_a_source);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
