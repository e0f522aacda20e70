/* SPDX-License-Identifier: Apache-2.0 */
/* check_key.c - keys of the index: their order is the meaning; doc/index-keys.md is true. */
#include "config.h"
#include "tests/key_util.h"

#include <stdio.h>
#include <stdlib.h>

static bool
in_range(const struct steme_keybuf *k, const struct steme_keybuf *from,
    const struct steme_keybuf *to)
{
	return cmp(from, k) <= 0 && cmp(k, to) < 0;
}

/* ---- order ---- */

START_TEST(entries_of_concepts_sort_as_intended)
{
	/* marks before predicates, newest first, a concept before what is below it */
	const struct steme_keybuf k[] = {
		retraction("a", 1, 9), retraction("a", 2, 1),
		vote("a", 1, 1, 50, 1), vote("a", 1, 1, 40, 0),
		vote("a", 1, 2, 99, 0), vote("a", 2, 0, 0, 0),
		assertion("a", " ", 1, 1), assertion("a", "p", 200, 1),
		assertion("a", "p", 200, 2), assertion("a", "p", 199, 0),
		assertion("a", "p", 0, 0xFF), assertion("a", "p ", 300, 0),
		assertion("a", "pp", 300, 0), assertion("a", "\xc3\xa9", 1, 1),
		retraction("a ", 0, 0), retraction("a!", 0, 0),
		assertion("a-b", "p", 1, 1), assertion("a/b", "p", 1, 1),
		assertion("a/b/c", "p", 1, 1), assertion("a0", "p", 1, 1),
		assertion("aa", "p", 1, 1), retraction("b", 1, 1),
	};

	for (size_t i = 1; i < STEME_NELEM(k); i++)
		ck_assert_msg(cmp(&k[i - 1], &k[i]) < 0, "%zu", i);
}
END_TEST

START_TEST(times_sort_newest_first_over_their_whole_range)
{
	static const int64_t t[] = { INT64_MAX, 253402300799999999, 1795226400000000,
	    1795226399999999, 1000000, 1, 0 };
	struct steme_keybuf a, b;

	for (size_t i = 1; i < STEME_NELEM(t); i++) {
		a = assertion("c", "p", t[i - 1], 0xFF);
		b = assertion("c", "p", t[i], 0);
		ck_assert_msg(cmp(&a, &b) < 0, "%zu", i);
	}
}
END_TEST

START_TEST(numbers_sort_as_numbers)
{
	static const uint64_t v[] = { 0, 1, 255, 256, 65535, 65536, 1ull << 32,
	    1ull << 63, UINT64_MAX };
	struct steme_id agent = id_of(7);
	uint8_t h[16] = { 1 };
	struct steme_keybuf a, b;

	for (size_t i = 1; i < STEME_NELEM(v); i++) {
#define BOTH(call_a, call_b)	do { call_a; call_b; \
		ck_assert_int_lt(cmp(&a, &b), 0); } while (0)
		BOTH(steme_key_log(&a, v[i - 1]), steme_key_log(&b, v[i]));
		BOTH(steme_key_segment(&a, v[i - 1]), steme_key_segment(&b, v[i]));
		BOTH(steme_key_applied(&a, v[i - 1]), steme_key_applied(&b, v[i]));
		BOTH(steme_key_agent(&a, &agent, v[i - 1]),
		    steme_key_agent(&b, &agent, v[i]));
		BOTH(steme_key_source(&a, h, v[i - 1]),
		    steme_key_source(&b, h, v[i]));
		BOTH(steme_key_child(&a, STEME_LIT("x/y"), v[i - 1]),
		    steme_key_child(&b, STEME_LIT("x/y"), v[i]));
		BOTH(steme_key_global(&a, STEME_TRUST, v[i - 1], &agent),
		    steme_key_global(&b, STEME_TRUST, v[i], &agent));
#undef BOTH
	}
}
END_TEST

/* ---- ranges ---- */

START_TEST(a_range_of_a_predicate_holds_its_assertions_only)
{
	struct steme_keybuf from, to, k;

	steme_key_range_predicate(&from, &to, STEME_LIT("a/b"), STEME_LIT("p"));
	k = assertion("a/b", "p", 0, 0xFF);
	ck_assert(in_range(&k, &from, &to));
	k = assertion("a/b", "p", INT64_MAX, 0);
	ck_assert(in_range(&k, &from, &to));
	k = assertion("a/b", "p ", 5, 0);
	ck_assert(!in_range(&k, &from, &to));
	k = assertion("a/b", "o", 5, 0);
	ck_assert(!in_range(&k, &from, &to));
	k = assertion("a/b/c", "p", 5, 0);
	ck_assert(!in_range(&k, &from, &to));
	k = vote("a/b", 1, 1, 1, 1);
	ck_assert(!in_range(&k, &from, &to));
}
END_TEST

START_TEST(marks_and_predicates_together_are_the_concept)
{
	struct steme_keybuf from, to, mfrom, mto, k;

	steme_key_range_concept(&from, &to, STEME_LIT("a"));
	steme_key_range_marks(&mfrom, &mto, STEME_LIT("a"));
	k = vote("a", 0xFF, 0xFF, 0, 0xFF);
	ck_assert(in_range(&k, &from, &to) && in_range(&k, &mfrom, &mto));
	k = retraction("a", 0, 0);
	ck_assert(in_range(&k, &from, &to) && in_range(&k, &mfrom, &mto));
	k = assertion("a", " ", 1, 1);
	ck_assert(in_range(&k, &from, &to) && !in_range(&k, &mfrom, &mto));
	k = assertion("a", "\xf4\x8f\xbf\xbf", 1, 1);
	ck_assert(in_range(&k, &from, &to) && !in_range(&k, &mfrom, &mto));
	k = assertion("a/b", "p", 1, 1);
	ck_assert(!in_range(&k, &from, &to));
	k = retraction("a ", 1, 1);
	ck_assert(!in_range(&k, &from, &to));
}
END_TEST

START_TEST(below_means_deeper_not_longer_and_not_itself)
{
	struct steme_keybuf from, to, k;

	steme_key_range_below(&from, &to, STEME_LIT("a/b"));
	k = assertion("a/b/c", "p", 1, 1);
	ck_assert(in_range(&k, &from, &to));
	k = retraction("a/b/\xf4\x8f\xbf\xbf/d", 1, 1);
	ck_assert(in_range(&k, &from, &to));
	k = assertion("a/b", "p", 1, 1);
	ck_assert(!in_range(&k, &from, &to));
	k = assertion("a/bc", "p", 1, 1);
	ck_assert(!in_range(&k, &from, &to));
	k = assertion("a/b-", "p", 1, 1);
	ck_assert(!in_range(&k, &from, &to));
	steme_key_range_below(&from, &to, STEME_LIT(""));
	k = assertion("a", "p", 1, 1);
	ck_assert(in_range(&k, &from, &to));
	k = retraction("\xf4\x8f\xbf\xbf", 1, 1);
	ck_assert(in_range(&k, &from, &to));

	steme_key_range_names(&from, &to, STEME_LIT("a/b"));
	steme_key_name(&k, STEME_LIT("a/b/c"));
	ck_assert(in_range(&k, &from, &to));
	steme_key_name(&k, STEME_LIT("a/b"));
	ck_assert(!in_range(&k, &from, &to));
	steme_key_name(&k, STEME_LIT("a/b.c"));
	ck_assert(!in_range(&k, &from, &to));
	steme_key_range_names(&from, &to, STEME_LIT(""));
	steme_key_name(&k, STEME_LIT(" x"));
	ck_assert(in_range(&k, &from, &to));

	steme_key_range_names_from(&from, &to, STEME_LIT("a/b"));
	steme_key_name(&k, STEME_LIT("a/b"));
	ck_assert(in_range(&k, &from, &to));
	steme_key_name(&k, STEME_LIT("a/bc/d"));
	ck_assert(in_range(&k, &from, &to));
	steme_key_name(&k, STEME_LIT("a/c"));
	ck_assert(!in_range(&k, &from, &to));
	steme_key_name(&k, STEME_LIT("a/a"));
	ck_assert(!in_range(&k, &from, &to));
	steme_key_range_names_from(&from, &to, STEME_LIT(""));
	steme_key_name(&k, STEME_LIT("\xf4\x8f\xbf\xbf"));
	ck_assert(in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT("a"), 1);
	ck_assert(!in_range(&k, &from, &to));
}
END_TEST

START_TEST(children_begin_after_the_one_named)
{
	struct steme_keybuf from, to, k;

	steme_key_range_children(&from, &to, STEME_LIT("a"), 0);
	steme_key_child(&k, STEME_LIT("a"), 1);
	ck_assert(in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT("a"), UINT64_MAX);
	ck_assert(in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT("a/b"), 1);
	ck_assert(!in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT(""), 1);
	ck_assert(!in_range(&k, &from, &to));
	steme_key_range_children(&from, &to, STEME_LIT("a"), 5);
	steme_key_child(&k, STEME_LIT("a"), 5);
	ck_assert(!in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT("a"), 6);
	ck_assert(in_range(&k, &from, &to));
	steme_key_range_children(&from, &to, STEME_LIT("a"), UINT64_MAX);
	ck_assert_int_eq(cmp(&from, &to), 0);
	steme_key_range_children(&from, &to, STEME_LIT(""), 0);
	steme_key_child(&k, STEME_LIT(""), 1);
	ck_assert(in_range(&k, &from, &to));
	steme_key_child(&k, STEME_LIT(" "), 1);
	ck_assert(!in_range(&k, &from, &to));
}
END_TEST

START_TEST(families_do_not_touch)
{
	static const char families[] = "ACGHLMNRSTWZs";
	struct steme_keybuf from, to, k;

	for (const char *f = families; *f != '\0'; f++) {
		steme_key_range_family(&from, &to, *f);
		ck_assert_uint_eq(from.n, 1);
		for (const char *g = families; *g != '\0'; g++) {
			k.n = 40;
			memset(k.b, 0xFF, 40);
			k.b[0] = (uint8_t)*g;
			ck_assert(in_range(&k, &from, &to) == (f == g));
		}
	}
}
END_TEST

/* ---- the document ---- */

static char *doc;	/* doc/index-keys.md without white space */

static void
read_doc(void)
{
	FILE *f = fopen(SRCDIR "/doc/index-keys.md", "r");
	size_t n = 0;
	int c;

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(doc = calloc(1, 1 << 20));
	while ((c = getc(f)) != EOF && n < (1 << 20) - 1)
		if (c != ' ' && c != '\n')
			doc[n++] = (char)c;
	fclose(f);
}

static void
in_doc(const void *bytes, size_t n)
{
	char hex[2 * sizeof(((struct steme_keybuf *)0)->b) + 1];

	steme_hex(hex, bytes, n);
	ck_assert_msg(strstr(doc, hex) != NULL, "%s is not in the document", hex);
}

START_TEST(the_examples_of_the_document_are_true)
{
	const struct steme_str c = STEME_LIT("drug/semaglutide");
	const struct steme_id id = id_of(0x11), agent = id_of(0x22);
	const struct steme_name name = { 7, true };
	struct steme_keybuf k[15];
	uint8_t h[16], n[9];

	read_doc();
	k[0] = assertion("drug/semaglutide", "max_weekly_dose", 1795226400000000,
	    0x11);
	k[1] = retraction("drug/semaglutide", 0x33, 0x11);
	k[2] = vote("drug/semaglutide", 0x33, 0x22, 1795226400000000, 0x11);
	steme_key_record(&k[3], &id);
	steme_key_name(&k[4], c);
	steme_key_child(&k[5], STEME_LIT("drug"), 7);
	steme_key_child(&k[6], STEME_LIT(""), 7);
	steme_key_log(&k[7], 7);
	steme_key_agent(&k[8], &agent, 7);
	steme_source_hash16(h, STEME_LIT("https://example.org/label.pdf"));
	steme_key_source(&k[9], h, 7);
	steme_key_source_text(&k[10], STEME_LIT("https://example.org/label.pdf"));
	steme_key_segment(&k[11], 3);
	steme_key_global(&k[12], STEME_TRUST, 7, &id);
	steme_key_applied(&k[13], 9);
	steme_key_meta(&k[14], "checkpoint");
	for (size_t i = 0; i < STEME_NELEM(k); i++)
		in_doc(k[i].b, k[i].n);
	steme_name_encode(n, &name);
	in_doc(n, sizeof(n));
	free(doc);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("key");
	TCase *tc = tcase_create("key");

	tcase_add_test(tc, entries_of_concepts_sort_as_intended);
	tcase_add_test(tc, times_sort_newest_first_over_their_whole_range);
	tcase_add_test(tc, numbers_sort_as_numbers);
	tcase_add_test(tc, a_range_of_a_predicate_holds_its_assertions_only);
	tcase_add_test(tc, marks_and_predicates_together_are_the_concept);
	tcase_add_test(tc, below_means_deeper_not_longer_and_not_itself);
	tcase_add_test(tc, children_begin_after_the_one_named);
	tcase_add_test(tc, families_do_not_touch);
	tcase_add_test(tc, the_examples_of_the_document_are_true);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
