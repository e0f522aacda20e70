/* SPDX-License-Identifier: Apache-2.0 */
/* check_path.c - UTF-8, the text rule, segments, concepts, quoting. */
#include "config.h"
#include "core/path.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* UTF-8 of any number, also of one that must not be encoded. */
static size_t
encode(uint32_t cp, uint8_t out[4])
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xC0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (uint8_t)(0xE0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (uint8_t)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (uint8_t)(0xF0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (uint8_t)(0x80 | (cp & 0x3F));
	return 4;
}

static bool
forbidden(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0x2028 ||
	    cp == 0x2029 || cp == 0xFEFF || (cp >= 0x202A && cp <= 0x202E) ||
	    (cp >= 0x2066 && cp <= 0x2069);
}

START_TEST(every_code_point_is_judged_by_the_rule)
{
	/* Between letters, at two alignments of the 8-byte steps. */
	uint8_t buf[40] = "abcdefghijklmnopqrstuvwxyzabcdefghijklm";
	struct steme_why why;
	bool valid;
	int want;

	for (uint32_t cp = 0; cp < 0x1FFFFF; cp++) {
		size_t at = cp % 16, n = encode(cp, buf + at);
		struct steme_str s = { (char *)buf, at + n + 9 };

		valid = cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
		ck_assert_msg(steme_utf8_valid(s) == valid, "U+%04X", cp);
		want = !valid ? STEME_EUTF8 : forbidden(cp) ||
		    (cp == ' ' && at == 0) ? STEME_EINVAL : STEME_OK;
		ck_assert_msg(steme_text_check(s, &why) == want, "U+%04X", cp);
		memcpy(buf + at, "abcd", 4);
	}
}
END_TEST

START_TEST(every_two_and_three_bytes_are_judged_like_a_decoder)
{
	uint8_t b[3];

	/* Valid sequences are those that encode() makes of valid numbers. */
	for (uint32_t v = 0; v < 1 << 24; v++) {
		uint8_t e[4];
		uint32_t cp;

		b[0] = (uint8_t)(v >> 16);
		b[1] = (uint8_t)(v >> 8);
		b[2] = (uint8_t)v;
		if (b[0] < 0xE0 || b[0] > 0xEF)
			continue;
		cp = (b[0] & 15u) << 12 | (b[1] & 63u) << 6 | (b[2] & 63u);
		bool want = cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF) &&
		    encode(cp, e) == 3 && memcmp(b, e, 3) == 0;

		ck_assert(steme_utf8_valid((struct steme_str){ (char *)b, 3 })
		    == want);
	}
	for (uint32_t v = 0; v < 1 << 16; v++) {
		b[0] = (uint8_t)(v >> 8);
		b[1] = (uint8_t)v;
		bool want = (b[0] < 0x80 && b[1] < 0x80) ||
		    (b[0] >= 0xC2 && b[0] <= 0xDF && (b[1] & 0xC0) == 0x80);

		ck_assert(steme_utf8_valid((struct steme_str){ (char *)b, 2 })
		    == want);
	}
}
END_TEST

START_TEST(what_is_no_utf_8_becomes_question_marks)
{
	static const char odd[] = "a\0b\xc3\xa9\xff\xc0\xaf\xed\xa0\x80z\xe2\x82";
	static const char mended[] = "a?b\xc3\xa9??" "????z??";
	char b[sizeof(odd)];

	memcpy(b, odd, sizeof(odd));
	steme_utf8_mend(b, sizeof(odd) - 1);
	ck_assert_mem_eq(b, mended, sizeof(mended));
	steme_utf8_mend(b, 0);
	ck_assert_mem_eq(b, mended, sizeof(mended));
	/* what lies behind is not looked at: a character cut there is none */
	memcpy(b, "\xe2\x82\xac", 4);
	steme_utf8_mend(b, 2);
	ck_assert_mem_eq(b, "??\xac", 4);
}
END_TEST

START_TEST(segments_and_concepts_keep_their_rules)
{
	static const char *const good[] = { "a", "a/b", "...", ".x", "a@b",
	    "a b/c d", "\u00fc/\u6771\u4eac", "fda:/x" };
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", ".",
	    "..", "a/.", "a/../b", "@", "@a", "a/@b", " a", "a ", "a /b",
	    "a/ b", "a\tb", "a\nb", "fda://x" };
	char many[1200];

	for (size_t i = 0; i < STEME_NELEM(good); i++)
		ck_assert_int_eq(steme_concept_check(steme_str_from(good[i]),
		    NULL), STEME_OK);
	for (size_t i = 0; i < STEME_NELEM(bad); i++) {
		ck_assert_msg(steme_concept_check(steme_str_from(bad[i]),
		    NULL) == STEME_EINVAL, "took '%s'", bad[i]);
		ck_assert_int_eq(steme_segment_check(steme_str_from(bad[i]),
		    NULL), STEME_EINVAL);
	}
	ck_assert_int_eq(steme_segment_check(STEME_LIT("a/b"), NULL),
	    STEME_EINVAL);
	memset(many, 'x', sizeof(many));
	ck_assert_int_eq(steme_segment_check((struct steme_str){ many, 255 },
	    NULL), STEME_OK);
	ck_assert_int_eq(steme_segment_check((struct steme_str){ many, 256 },
	    NULL), STEME_ETOOBIG);
	for (size_t i = 204; i < sizeof(many); i += 205)
		many[i] = '/';
	ck_assert_int_eq(steme_concept_check((struct steme_str){ many, 1024 },
	    NULL), STEME_OK);
	ck_assert_int_eq(steme_concept_check((struct steme_str){ many, 1026 },
	    NULL), STEME_ETOOBIG);
	for (size_t i = 0; i < 80; i++)
		many[i] = i % 2 ? '/' : 'x';
	ck_assert_int_eq(steme_concept_check((struct steme_str){ many, 63 },
	    NULL), STEME_OK);
	ck_assert_int_eq(steme_concept_check((struct steme_str){ many, 65 },
	    NULL), STEME_ETOOBIG);
}
END_TEST

START_TEST(paths_come_apart_at_slashes)
{
	struct steme_str s = STEME_LIT("a/b/c"), rest;

	ck_assert(steme_str_eq(steme_concept_first(s, &rest), STEME_LIT("a")));
	ck_assert(steme_str_eq(rest, STEME_LIT("b/c")));
	steme_concept_first(rest, &rest);
	ck_assert(steme_str_eq(steme_concept_first(rest, &rest),
	    STEME_LIT("c")));
	ck_assert_ptr_null(rest.p);
	ck_assert(steme_str_eq(steme_concept_parent(s), STEME_LIT("a/b")));
	ck_assert(steme_str_eq(steme_concept_leaf(s), STEME_LIT("c")));
	s = STEME_LIT("abc");
	ck_assert_ptr_nonnull(steme_concept_parent(s).p);
	ck_assert_uint_eq(steme_concept_parent(s).n, 0);
	ck_assert(steme_str_eq(steme_concept_leaf(s), s));
}
END_TEST

START_TEST(a_scheme_form_may_not_break_the_rules_of_a_concept)
{
	char out[STEME_CONCEPT_MAX + 1], in[1100];
	enum steme_class c = STEME_NCLASS;

	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("a/b"), out, &c,
	    NULL), STEME_OK);
	ck_assert_str_eq(out, "a/b");
	ck_assert_int_eq(c, STEME_CLASS_NONE);
	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("fda://a/b"), out,
	    &c, NULL), STEME_OK);
	ck_assert_str_eq(out, "fda/a/b");
	ck_assert_int_eq(c, STEME_REGULATORY);
	c = STEME_NCLASS;
	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("FDA://a"), out,
	    &c, NULL), STEME_EINVAL);
	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("fda:///a"), out,
	    &c, NULL), STEME_EINVAL);
	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("://a"), out, &c,
	    NULL), STEME_EINVAL);
	ck_assert_int_eq(steme_concept_from_scheme(STEME_LIT("fda://../a"),
	    out, &c, NULL), STEME_EINVAL);
	ck_assert_int_eq(c, STEME_NCLASS);
	memset(in, 'x', sizeof(in));
	memcpy(in, "fda://", 6);
	for (size_t i = 200; i < sizeof(in); i += 200)
		in[i] = '/';
	/* The path is two bytes shorter than the scheme form. */
	ck_assert_int_eq(steme_concept_from_scheme((struct steme_str){ in,
	    1026 }, out, &c, NULL), STEME_OK);
	ck_assert_uint_eq(strlen(out), 1024);
	ck_assert_int_eq(steme_concept_from_scheme((struct steme_str){ in,
	    1027 }, out, &c, NULL), STEME_ETOOBIG);
}
END_TEST

static int
prefix_err(const char *s)
{
	struct steme_why why = { "" };
	int err = steme_prefix_check(steme_str_from(s), &why);

	ck_assert((err == STEME_OK) == (why.text[0] == '\0'));
	return err;
}

START_TEST(a_prefix_is_what_some_concept_begins_with)
{
	static const char *const fine[] = { "", "a", "a/", "a/b", "a b", "a ", "a/b ",
	    ".", "..", "a/.", "a/..", "a@", "\xc3\xa4" };
	static const char *const none[] = { "/", "a//", "a//b", "@", "a/@b", " a", "a/ b",
	    "a /b", "./a", "../", "a\nb", "a\x7f" };
	char text[STEME_CONCEPT_MAX + 2];

	for (size_t i = 0; i < STEME_NELEM(fine); i++)
		ck_assert_msg(prefix_err(fine[i]) == STEME_OK, "%s", fine[i]);
	for (size_t i = 0; i < STEME_NELEM(none); i++)
		ck_assert_msg(prefix_err(none[i]) == STEME_EINVAL, "%s", none[i]);
	ck_assert_int_eq(prefix_err("a\xc3"), STEME_EUTF8);
	/* as long as a concept can be, a segment as long as one, as many as there may be */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 200 == 199 ? '/' : 'a';
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    STEME_CONCEPT_MAX }, NULL), STEME_OK);
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    STEME_CONCEPT_MAX + 1 }, NULL), STEME_ETOOBIG);
	memset(text, 'a', sizeof(text));
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    STEME_SEGMENT_MAX }, NULL), STEME_OK);
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    STEME_SEGMENT_MAX + 1 }, NULL), STEME_ETOOBIG);
	for (size_t i = 0; i < STEME_SEGMENTS_MAX; i++)
		memcpy(text + 2 * i, "a/", 2);
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    2 * STEME_SEGMENTS_MAX - 1 }, NULL), STEME_OK);
	ck_assert_int_eq(steme_prefix_check((struct steme_str){ text,
	    2 * STEME_SEGMENTS_MAX }, NULL), STEME_ETOOBIG);
}
END_TEST

START_TEST(a_prefix_may_have_a_scheme)
{
	char out[STEME_CONCEPT_MAX + 1];
	char in[STEME_CONCEPT_MAX + 10];

	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT("fda://"), out, NULL), 0);
	ck_assert_str_eq(out, "fda/");
	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT("rfc://7/se"), out, NULL), 0);
	ck_assert_str_eq(out, "rfc/7/se");
	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT("wor"), out, NULL), 0);
	ck_assert_str_eq(out, "wor");
	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT(""), out, NULL), 0);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT("xyz://a"), out, NULL),
	    STEME_EINVAL);
	ck_assert_int_eq(steme_prefix_from_scheme(STEME_LIT("fda:///"), out, NULL),
	    STEME_EINVAL);
	memset(in, 'a', sizeof(in));
	memcpy(in, "fda://", 6);
	ck_assert_int_eq(steme_prefix_from_scheme((struct steme_str){ in,
	    STEME_CONCEPT_MAX + 3 }, out, NULL), STEME_ETOOBIG);
}
END_TEST

START_TEST(a_quote_is_short_and_printable)
{
	char noise[300];
	struct steme_quoted q;

	ck_assert_str_eq(steme_quote(STEME_LIT("a\tb\xff\u202e!")).s,
	    "a?b?" "?!");
	ck_assert_str_eq(steme_quote((struct steme_str){ NULL, 0 }).s, "");
	srandom(1);
	for (int i = 0; i < 100000; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (char)(random() % 4 == 0 ? random() : 'a');
		q = steme_quote((struct steme_str){ noise,
		    (size_t)random() % sizeof(noise) });
		ck_assert_uint_lt(strlen(q.s), sizeof(q.s));
		ck_assert(steme_utf8_valid(steme_str_from(q.s)));
	}
	memset(noise, 'x', sizeof(noise));
	q = steme_quote((struct steme_str){ noise, 60 });
	ck_assert_uint_eq(strlen(q.s), 60);
	q = steme_quote((struct steme_str){ noise, 61 });
	ck_assert_str_eq(q.s + 59, "x...");
}
END_TEST

START_TEST(any_name_becomes_one_segment_and_comes_back)
{
	static const struct { const char *name, *segment; } cases[] = {
		{ "d5bf4a3f", "d5bf4a3f" }, { "a/b", "a%2Fb" }, { "50%", "50%25" },
		{ "@x", "%40x" }, { "x@y", "x@y" }, { ".", "%2E" }, { "..", "%2E." },
		{ "a b\"\\", "a%20b%22%5C" }, { "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xff\xc3", "%FF%C3" }, { "\n", "%0A" }, { "\x7f", "%7F" },
	};
	char segment[STEME_SEGMENT_MAX + 1], name[STEME_NAME_MAX + 1], rnd[STEME_NAME_MAX];
	size_t n;

	for (size_t i = 0; i < STEME_NELEM(cases); i++) {
		ck_assert_int_eq(steme_segment_encode(segment,
		    steme_str_from(cases[i].name)), STEME_OK);
		ck_assert_str_eq(segment, cases[i].segment);
		ck_assert_int_eq(steme_segment_check(steme_str_from(segment), NULL),
		    STEME_OK);
		ck_assert_int_eq(steme_segment_decode(name, &n,
		    steme_str_from(segment)), STEME_OK);
		ck_assert_str_eq(name, cases[i].name);
	}
	srandom(2);
	for (int i = 0; i < 100000; i++) {
		struct steme_str s = { rnd, 1 + (size_t)random() % 80 };

		for (size_t k = 0; k < s.n; k++)
			rnd[k] = (char)(random() % 3 == 0 ? random() : 'a');
		ck_assert_int_eq(steme_segment_encode(segment, s), STEME_OK);
		ck_assert_int_eq(steme_segment_check(steme_str_from(segment), NULL),
		    STEME_OK);
		ck_assert_int_eq(steme_segment_decode(name, &n,
		    steme_str_from(segment)), STEME_OK);
		ck_assert(steme_str_eq(s, (struct steme_str){ name, n }));
	}
}
END_TEST

START_TEST(a_name_has_one_segment_only)
{
	static const char *const bad[] = { "", "%", "%2", "%2f", "%41", "a/b", "%GG",
	    "a b", "@x", "." };
	char segment[STEME_SEGMENT_MAX + 1], name[STEME_NAME_MAX + 1], longer[129];
	size_t n;

	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(steme_segment_decode(name, &n, steme_str_from(bad[i])) ==
		    STEME_EINVAL, "%s", bad[i]);
	memset(longer, '/', sizeof(longer));
	ck_assert_int_eq(steme_segment_encode(segment, STEME_LIT("")), STEME_EINVAL);
	ck_assert_int_eq(steme_segment_encode(segment,
	    (struct steme_str){ longer, 129 }), STEME_EINVAL);
	ck_assert_int_eq(steme_segment_encode(segment,
	    (struct steme_str){ longer, 128 }), STEME_ETOOBIG);
	ck_assert_int_eq(steme_segment_encode(segment,
	    (struct steme_str){ longer, 85 }), STEME_OK);
	memset(longer, 'x', sizeof(longer));
	ck_assert_int_eq(steme_segment_decode(name, &n,
	    (struct steme_str){ longer, 129 }), STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("path");
	TCase *t = tcase_create("text");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_code_point_is_judged_by_the_rule);
	tcase_add_test(t,
	    every_two_and_three_bytes_are_judged_like_a_decoder);
	tcase_add_test(t, what_is_no_utf_8_becomes_question_marks);
	tcase_add_test(t, segments_and_concepts_keep_their_rules);
	tcase_add_test(t, paths_come_apart_at_slashes);
	tcase_add_test(t,
	    a_scheme_form_may_not_break_the_rules_of_a_concept);
	tcase_add_test(t, a_quote_is_short_and_printable);
	tcase_add_test(t, a_prefix_is_what_some_concept_begins_with);
	tcase_add_test(t, a_prefix_may_have_a_scheme);
	tcase_add_test(t, any_name_becomes_one_segment_and_comes_back);
	tcase_add_test(t, a_name_has_one_segment_only);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
