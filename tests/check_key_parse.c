/* SPDX-License-Identifier: Apache-2.0 */
/* check_key_parse.c - keys and values of the index come back, and nothing else does. */
#include "config.h"
#include "tests/key_util.h"

#include <stdlib.h>

/* ---- round trips ---- */

START_TEST(assertion_keys_come_back)
{
	struct steme_keybuf k = assertion("drug/x", "max dose", 1795226400000000, 3);
	struct steme_ckey c;

	ck_assert_int_eq(steme_key_parse_c(&c, k.b, k.n), STEME_OK);
	ck_assert_int_eq(c.mark, 0);
	ck_assert(steme_str_eq(c.concept, STEME_LIT("drug/x")));
	ck_assert(steme_str_eq(c.predicate, STEME_LIT("max dose")));
	ck_assert_int_eq(c.time_us, 1795226400000000);
	ck_assert_int_eq(c.id.b[31], 3);
}
END_TEST

START_TEST(mark_keys_come_back)
{
	struct steme_keybuf k = vote("c", 1, 2, 77, 3);
	struct steme_ckey c;

	ck_assert_int_eq(steme_key_parse_c(&c, k.b, k.n), STEME_OK);
	ck_assert_int_eq(c.mark, 'v');
	ck_assert_ptr_null(c.predicate.p);
	ck_assert_int_eq(c.assertion.b[0], 1);
	ck_assert_int_eq(c.agent.b[31], 2);
	ck_assert_int_eq(c.time_us, 77);
	ck_assert_int_eq(c.id.b[0], 3);
	k = retraction("c", 4, 5);
	ck_assert_int_eq(steme_key_parse_c(&c, k.b, k.n), STEME_OK);
	ck_assert_int_eq(c.mark, 'r');
	ck_assert(steme_str_eq(c.concept, STEME_LIT("c")));
	ck_assert_int_eq(c.assertion.b[0], 4);
	ck_assert_int_eq(c.id.b[31], 5);
}
END_TEST

START_TEST(the_longest_key_fits)
{
	static char concept[STEME_CONCEPT_MAX], predicate[STEME_SEGMENT_MAX];
	struct steme_str c = { concept, sizeof(concept) };
	struct steme_str p = { predicate, sizeof(predicate) };
	struct steme_id id = id_of(1);
	struct steme_keybuf k, to;
	struct steme_ckey parsed;

	memset(concept, 'c', sizeof(concept));
	memset(predicate, 'p', sizeof(predicate));
	steme_key_assertion(&k, c, p, 1, &id);
	ck_assert_uint_eq(k.n, STEME_KEY_MAX);
	ck_assert_int_eq(steme_key_parse_c(&parsed, k.b, k.n), STEME_OK);
	steme_key_vote(&k, c, &id, &id, 1, &id);
	ck_assert_uint_lt(k.n, STEME_KEY_MAX);
	ck_assert_int_eq(steme_key_parse_c(&parsed, k.b, k.n), STEME_OK);
	steme_key_range_predicate(&k, &to, c, p);
	steme_key_range_children(&k, &to, c, 9);
}
END_TEST

START_TEST(numbered_keys_come_back)
{
	const uint64_t v = 0x0102030405060708;
	struct steme_id agent = id_of(9), id;
	uint8_t h[16], h2[16];
	struct steme_keybuf k;
	struct steme_str s;
	uint64_t n;

	steme_source_hash16(h, STEME_LIT("https://example.org"));
	steme_key_log(&k, v);
	ck_assert(steme_key_parse_log(&n, k.b, k.n) == 0 && n == v);
	steme_key_segment(&k, v);
	ck_assert(steme_key_parse_segment(&n, k.b, k.n) == 0 && n == v);
	steme_key_applied(&k, v);
	ck_assert(steme_key_parse_applied(&n, k.b, k.n) == 0 && n == v);
	steme_key_child(&k, STEME_LIT(""), v);
	ck_assert(steme_key_parse_child(&n, k.b, k.n) == 0 && n == v);
	steme_key_child(&k, STEME_LIT("a/b"), v);
	ck_assert(steme_key_parse_child(&n, k.b, k.n) == 0 && n == v);
	steme_key_agent(&k, &agent, v);
	ck_assert(steme_key_parse_agent(&id, &n, k.b, k.n) == 0 && n == v);
	ck_assert(steme_id_eq(&id, &agent));
	steme_key_source(&k, h, v);
	ck_assert(steme_key_parse_source(h2, &n, k.b, k.n) == 0 && n == v);
	ck_assert_mem_eq(h, h2, 16);
	steme_key_source_text(&k, STEME_LIT("https://example.org"));
	ck_assert_int_eq(steme_key_parse_source_text(&s, k.b, k.n), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("https://example.org")));
	steme_key_global(&k, STEME_ALIAS, v, &agent);
	ck_assert_int_eq(steme_key_parse_global(&id, k.b, k.n), STEME_OK);
	ck_assert(steme_id_eq(&id, &agent));
	steme_key_record(&k, &agent);
	ck_assert_int_eq(steme_key_parse_record(&id, k.b, k.n), STEME_OK);
	ck_assert(steme_id_eq(&id, &agent));
	steme_key_name(&k, STEME_LIT("a/b"));
	ck_assert_int_eq(steme_key_parse_name(&s, k.b, k.n), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("a/b")));
	steme_key_meta(&k, "checkpoint");
	ck_assert_int_eq(steme_key_parse_meta(&s, k.b, k.n), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("checkpoint")));
}
END_TEST

START_TEST(the_source_hash_is_the_start_of_blake2b_256)
{
	/* printf abc | b2sum -l 256 */
	static const uint8_t want[16] = { 0xbd, 0xdd, 0x81, 0x3c, 0x63, 0x42, 0x39,
	    0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b };
	uint8_t h[16];

	steme_source_hash16(h, STEME_LIT("abc"));
	ck_assert_mem_eq(h, want, 16);
}
END_TEST

START_TEST(home_keys_follow_the_kind)
{
	struct steme_id id = id_of(5);
	struct steme_object o;
	struct steme_keybuf k, want;

	memset(&o, 0, sizeof(o));
	o.concept = STEME_LIT("a/b");
	o.predicate = STEME_LIT("p");
	o.time_us = 12;
	o.agent = id_of(2);
	o.assertion = id_of(3);
	o.has_assertion = true;
	o.kind = STEME_ASSERTION;
	steme_key_home(&k, &o, &id);
	want = assertion("a/b", "p", 12, 5);
	ck_assert_int_eq(cmp(&k, &want), 0);
	o.kind = STEME_VOTE;
	steme_key_home(&k, &o, &id);
	want = vote("a/b", 3, 2, 12, 5);
	ck_assert_int_eq(cmp(&k, &want), 0);
	o.kind = STEME_RETRACTION;
	steme_key_home(&k, &o, &id);
	want = retraction("a/b", 3, 5);
	ck_assert_int_eq(cmp(&k, &want), 0);
	o.has_assertion = false;	/* of a source */
	steme_key_home(&k, &o, &id);
	ck_assert_uint_eq(k.n, 0);
	for (int kind = STEME_EPOCH; kind <= STEME_BATCH; kind++) {
		o.kind = kind;
		steme_key_home(&k, &o, &id);
		ck_assert_uint_eq(k.n, 0);
	}
}
END_TEST

/* ---- strictness ---- */

/* Runs every parser of keys over the bytes; how many accept them. */
static unsigned
accepted(const uint8_t *key, size_t n)
{
	struct steme_ckey c;
	struct steme_str s;
	struct steme_id id;
	uint8_t h[16];
	uint64_t v;

	return (steme_key_parse_c(&c, key, n) == STEME_OK) +
	    (steme_key_parse_name(&s, key, n) == STEME_OK) +
	    (steme_key_parse_child(&v, key, n) == STEME_OK) +
	    (steme_key_parse_log(&v, key, n) == STEME_OK) +
	    (steme_key_parse_agent(&id, &v, key, n) == STEME_OK) +
	    (steme_key_parse_record(&id, key, n) == STEME_OK) +
	    (steme_key_parse_source(h, &v, key, n) == STEME_OK) +
	    (steme_key_parse_source_text(&s, key, n) == STEME_OK) +
	    (steme_key_parse_global(&id, key, n) == STEME_OK) +
	    (steme_key_parse_segment(&v, key, n) == STEME_OK) +
	    (steme_key_parse_applied(&v, key, n) == STEME_OK) +
	    (steme_key_parse_meta(&s, key, n) == STEME_OK);
}

/* Keys whose length follows from their bytes: no prefix and no longer one is one. */
static void
refuses_all_but(const struct steme_keybuf *k)
{
	uint8_t longer[sizeof(k->b) + 1], *exact;

	ck_assert_uint_eq(accepted(k->b, k->n), 1);
	for (size_t n = 0; n < k->n; n++) {
		/* of its own size, so that a sanitizer sees a read too far */
		exact = malloc(n + 1);
		memcpy(exact, k->b, n);
		ck_assert_msg(accepted(exact, n) == 0, "%c %zu", k->b[0], n);
		free(exact);
	}
	memcpy(longer, k->b, k->n);
	longer[k->n] = 'x';
	ck_assert_uint_eq(accepted(longer, k->n + 1), 0);
}

START_TEST(every_prefix_and_every_longer_key_is_refused)
{
	struct steme_id id = id_of(0x41);
	uint8_t h[16] = { 'h' };
	struct steme_keybuf k;

	k = assertion("drug/x", "dose", 1795226400000000, 0x41);
	refuses_all_but(&k);
	k = vote("drug/x", 0x42, 0x43, 1795226400000000, 0x44);
	refuses_all_but(&k);
	k = retraction("drug/x", 0x42, 0x44);
	refuses_all_but(&k);
	steme_key_child(&k, STEME_LIT(""), 77);
	refuses_all_but(&k);
	steme_key_child(&k, STEME_LIT("drug"), 77);
	refuses_all_but(&k);
	steme_key_log(&k, 77);
	refuses_all_but(&k);
	steme_key_agent(&k, &id, 77);
	refuses_all_but(&k);
	steme_key_record(&k, &id);
	refuses_all_but(&k);
	steme_key_source(&k, h, 77);
	refuses_all_but(&k);
	steme_key_global(&k, STEME_EPOCH, 77, &id);
	refuses_all_but(&k);
	steme_key_segment(&k, 77);
	refuses_all_but(&k);
	steme_key_applied(&k, 77);
	refuses_all_but(&k);
}
END_TEST

START_TEST(flawed_keys_are_refused)
{
	static char deep[STEME_CONCEPT_MAX + 2];
	struct steme_keybuf k;

	/* open-ended ones: empty, control bytes, too long */
	ck_assert_uint_eq(accepted((const uint8_t *)"N", 1), 0);
	ck_assert_uint_eq(accepted((const uint8_t *)"Na\x1f", 3), 0);
	ck_assert_uint_eq(accepted((const uint8_t *)"Na\0b", 4), 0);
	ck_assert_uint_eq(accepted((const uint8_t *)"M", 1), 0);
	memset(deep, 'd', sizeof(deep));
	deep[0] = 'N';
	ck_assert_uint_eq(accepted((uint8_t *)deep, sizeof(deep) - 1), 1);
	ck_assert_uint_eq(accepted((uint8_t *)deep, sizeof(deep)), 0);
	/* a time before 1970 */
	k = assertion("a", "p", 0, 1);
	ck_assert_uint_eq(k.b[5], 0x7F);
	k.b[5] = 0x80;
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	/* no concept, no predicate, a control byte in either, an unknown mark */
	k = assertion("", "p", 1, 1);
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	k = assertion("a", "", 1, 1);
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	k = assertion("a\x02", "p", 1, 1);
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	k = assertion("a", "p\x01", 1, 1);
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	k = retraction("a", 1, 1);
	k.b[4] = 'q';
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
	/* a kind that cannot be there */
	steme_key_global(&k, STEME_VOTE, 1, &(struct steme_id){ { 0 } });
	ck_assert_uint_eq(accepted(k.b, k.n), 0);
}
END_TEST

START_TEST(a_refused_key_leaves_the_results_alone)
{
	struct steme_ckey c, before;
	uint64_t v = 42;

	memset(&c, 0x5A, sizeof(c));
	before = c;
	ck_assert_int_eq(steme_key_parse_c(&c, (const uint8_t *)"Ca", 2),
	    STEME_ECORRUPT);
	ck_assert_mem_eq(&c, &before, sizeof(c));
	ck_assert_int_eq(steme_key_parse_log(&v, (const uint8_t *)"Labc", 4),
	    STEME_ECORRUPT);
	ck_assert_uint_eq(v, 42);
}
END_TEST

/* ---- values ---- */

START_TEST(names_come_back_and_nothing_else_does)
{
	struct steme_name n = { 0x1122334455667788, true }, out;
	uint8_t b[10] = { 0 };

	steme_name_encode(b, &n);
	ck_assert_uint_eq(b[0], 0x88);
	ck_assert_uint_eq(b[8], 1);
	ck_assert_int_eq(steme_name_decode(&out, b, 9), STEME_OK);
	ck_assert_uint_eq(out.first_lsn, n.first_lsn);
	ck_assert(out.has_assertions);
	for (size_t i = 0; i < 11; i++)
		if (i != 9 && i <= sizeof(b))
			ck_assert_int_eq(steme_name_decode(&out, b, i),
			    STEME_ECORRUPT);
	b[8] = 2;
	ck_assert_int_eq(steme_name_decode(&out, b, 9), STEME_ECORRUPT);
	n.has_assertions = false;
	steme_name_encode(b, &n);
	ck_assert_int_eq(steme_name_decode(&out, b, 9), STEME_OK);
	ck_assert(!out.has_assertions);
}
END_TEST

START_TEST(applied_entries_come_back_field_by_field)
{
	const struct steme_applied a = { 1, 2, 3, 4, 5,
	    { 6, 7, 8, 9, 10, 11, 12, 13, UINT64_MAX } };
	struct steme_applied out;
	struct steme_buf b;

	steme_buf_init(&b, 0);
	steme_applied_encode(&b, &a);
	ck_assert_int_eq(steme_buf_err(&b), STEME_OK);
	ck_assert_uint_eq(b.len, 112);
	for (size_t i = 0; i < 13; i++)		/* the order is the format */
		ck_assert_uint_eq(b.data[i * 8], i + 1);
	memset(&out, 0, sizeof(out));
	ck_assert_int_eq(steme_applied_decode(&out, b.data, b.len), STEME_OK);
	ck_assert_mem_eq(&out, &a, sizeof(a));
	for (size_t i = 0; i < b.len; i++)
		ck_assert_int_eq(steme_applied_decode(&out, b.data, i),
		    STEME_ECORRUPT);
	steme_buf_putc(&b, 0);
	ck_assert_int_eq(steme_applied_decode(&out, b.data, b.len), STEME_ECORRUPT);
	steme_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("key_parse");
	TCase *tc = tcase_create("parse");

	tcase_add_test(tc, assertion_keys_come_back);
	tcase_add_test(tc, mark_keys_come_back);
	tcase_add_test(tc, the_longest_key_fits);
	tcase_add_test(tc, numbered_keys_come_back);
	tcase_add_test(tc, the_source_hash_is_the_start_of_blake2b_256);
	tcase_add_test(tc, home_keys_follow_the_kind);
	tcase_add_test(tc, every_prefix_and_every_longer_key_is_refused);
	tcase_add_test(tc, flawed_keys_are_refused);
	tcase_add_test(tc, a_refused_key_leaves_the_results_alone);
	tcase_add_test(tc, names_come_back_and_nothing_else_does);
	tcase_add_test(tc, applied_entries_come_back_field_by_field);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
