/* SPDX-License-Identifier: Apache-2.0 */
/* check_cli.c - what the command is made of: JSON slices, tables, lines of input. */
#include "config.h"
#include "cli/import.h"
#include "cli/jv.h"
#include "cli/nfc.h"
#include "cli/out.h"
#include "core/spelling.h"

#include <check.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- JSON ---- */

static struct steme_str
root(const char *text)
{
	return jv_root(text, strlen(text));
}

#define ck_text(v, want)	do { \
	char t_[200]; \
	ck_assert_str_eq(jv_copy(t_, sizeof(t_), v), want); \
} while (0)

START_TEST(members_are_found_at_any_depth)
{
	struct steme_str r = root(" {\"a\": {\"b\" : [1, {\"c\":\"}\"}, 3]},"
	    "\"n\":-1.50e3,\"t\":true,\"z\":null} ");
	struct steme_str at = { 0 }, item;

	ck_text(jv_at(r, "n"), "-1.50e3");
	ck_assert(jv_true(jv_at(r, "t")));
	ck_assert(jv_none(jv_at(r, "z")));
	ck_assert(jv_none(jv_at(r, "a.x")));
	ck_assert_uint_eq(jv_count(jv_at(r, "a.b")), 3);
	ck_assert(jv_each(jv_at(r, "a.b"), &at, &item));
	ck_text(item, "1");
	ck_assert(jv_each(jv_at(r, "a.b"), &at, &item));
	ck_text(jv_get(item, "c"), "}");
	ck_assert(jv_each(jv_at(r, "a.b"), &at, &item));
	ck_assert(!jv_each(jv_at(r, "a.b"), &at, &item));
}
END_TEST

START_TEST(long_numbers_keep_their_spelling)
{
	const char *n = "123456789012345678901234567890.10";
	char text[100];

	snprintf(text, sizeof(text), "{\"v\":%s}", n);
	ck_text(jv_get(root(text), "v"), n);
}
END_TEST

START_TEST(strings_are_decoded)
{
	ck_text(root("\"a\\n\\t\\\\ \\\"\\u00e9\\ud83d\\ude00\""),
	    "a\n\t\\ \"\xc3\xa9\xf0\x9f\x98\x80");
	/* lone halves and cut escapes stand for no character */
	ck_text(root("\"\\ud83dx\""), "\xef\xbf\xbdx");
	ck_text(root("\"\\u12\""), "\xef\xbf\xbd" "12");
}
END_TEST

START_TEST(every_beginning_of_a_text_is_safe)
{
	static const char text[] = "{\"a\":[{\"b\":\"\\u00e9\\\"\",\"c\":[]},"
	    "null,12],\"d\":{\"e\":false}}";
	struct steme_str at, item, key, v;
	struct steme_buf b = { 0 };
	char *copy;

	for (size_t n = 0; n < sizeof(text); n++) {
		/* a block of its own, so that the sanitizer sees a step beyond */
		copy = malloc(n + 1);
		memcpy(copy, text, n);
		at = (struct steme_str){ 0 };
		while (jv_members(jv_root(copy, n), &at, &key, &v))
			jv_text(&b, v);
		at = (struct steme_str){ 0 };
		while (jv_each(jv_get(jv_root(copy, n), "a"), &at, &item))
			jv_text(&b, jv_get(item, "b"));
		free(copy);
	}
	steme_buf_fini(&b);
}
END_TEST

START_TEST(numbers_beyond_64_bits_read_as_zero)
{
	ck_assert_uint_eq(jv_uint(root("18446744073709551615")), 0);
	ck_assert_uint_eq(jv_uint(root("9999999999999999999")),
	    UINT64_C(9999999999999999999));
	ck_assert_uint_eq(jv_uint(root("\"42\"")), 42);
	ck_assert_uint_eq(jv_uint(root("-1")), 0);
	ck_assert_uint_eq(jv_uint(root("1.5")), 0);
}
END_TEST

/* ---- text ---- */

static void
ck_clean(const char *s, size_t n, const char *want)
{
	struct steme_buf b = { 0 };

	out_clean(&b, (struct steme_str){ s, n });
	ck_assert_str_eq(b.data == NULL ? "" : (char *)b.data, want);
	steme_buf_fini(&b);
}

START_TEST(nothing_reaches_a_terminal_that_could_steer_it)
{
	ck_clean("a\033[2J\r\n\tb\x7f", 10, "a\\x1b[2J\\x0d\\n\\tb\\x7f");
	ck_clean("\xc2\x9b" "31m", 5, "\\x9b31m");		/* C1 */
	ck_clean("\xe2\x80\xae" "x", 4, "\\u{202e}x");	/* turns text around */
	ck_clean("\xff\xc3", 2, "\\xff\\xc3");		/* no UTF-8 */
	ck_clean("\xc0\xaf", 2, "\\xc0\\xaf");		/* overlong */
	ck_clean("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");	/* surrogate */
	ck_clean("\xc3\xa9\xe6\x97\xa5", 5, "\xc3\xa9\xe6\x97\xa5");
	ck_clean("", 0, "");
}
END_TEST

START_TEST(text_is_cut_by_columns_not_by_bytes)
{
	struct steme_buf b = { 0 };
	/* two wide characters and a letter with an accent that takes no column */
	struct steme_str s = STEME_LIT("\xe6\x97\xa5\xe6\x9c\xac" "e\xcc\x81" "x");

	ck_assert_uint_eq(out_width(s), 6);
	out_cut(&b, s, 4);
	ck_assert_str_eq((char *)b.data, "\xe6\x97\xa5\xe2\x80\xa6");
	steme_buf_clear(&b);
	out_cut(&b, s, 6);
	ck_assert_uint_eq(b.len, s.n);
	steme_buf_fini(&b);
}
END_TEST

static char *
print_table(unsigned width)
{
	static const char *const heads[] = { "A", ">NUM", "LONG", "LAST" };
	struct out_table t;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	out_table_init(&t, heads, 4);
	t.narrow = 2;
	out_cell(&t, STEME_LIT("x"));
	out_cellf(&t, "%d", 7);
	out_cell(&t, STEME_LIT("a value of some length"));
	out_cell(&t, STEME_LIT("end"));
	out_cell(&t, STEME_LIT("\xc3\xa9\xc3\xa9"));
	out_cellf(&t, "%d", 1234);
	out_cell(&t, STEME_LIT(""));
	out_cell(&t, STEME_LIT(""));
	out_table_print(&t, f, width, false);
	out_table_fini(&t);
	fclose(f);
	return text;
}

START_TEST(tables_line_up)
{
	char *t = print_table(0);

	ck_assert_str_eq(t,
	    "A    NUM  LONG                    LAST\n"
	    "x      7  a value of some length  end\n"
	    "\xc3\xa9\xc3\xa9  1234\n");
	free(t);
	t = print_table(30);
	ck_assert_str_eq(t,
	    "A    NUM  LONG            LAST\n"
	    "x      7  a value of so\xe2\x80\xa6  end\n"
	    "\xc3\xa9\xc3\xa9  1234\n");
	free(t);
}
END_TEST

START_TEST(sizes_and_durations_read_well)
{
	char b[16], s[32];

	ck_assert_str_eq(out_bytes(b, 1023), "1023 B");
	ck_assert_str_eq(out_bytes(b, 1024), "1.0 KiB");
	ck_assert_str_eq(out_bytes(b, UINT64_C(1) << 30), "1.0 GiB");
	ck_assert_str_eq(out_bytes(b, UINT64_MAX), "15.9 EiB");
	ck_assert_str_eq(out_seconds(s, 59), "59 s");
	ck_assert_str_eq(out_seconds(s, 3661), "1 h 1 min");
	ck_assert_str_eq(out_seconds(s, 90000), "1 d 1 h");
}
END_TEST

static unsigned
far(const char *a, const char *b)
{
	return steme_spelling_distance(steme_str_from(a), steme_str_from(b), 9);
}

START_TEST(mistyped_words_are_near)
{
	ck_assert_uint_eq(far("stauts", "status"), 1);
	ck_assert_uint_eq(far("qurey", "query"), 1);
	ck_assert_uint_eq(far("", "ls"), 2);
	ck_assert_uint_eq(far("same", "SAME"), 0);
	ck_assert_uint_eq(far("gr\xc3\xb6sse", "gr\xc3\xa4sse"), 1);
	ck_assert_uint_eq(far("cut off here: \xf0\x9f", "\xf0"), 9);
	ck_assert_uint_eq(far("a word that is longer than any command", "up"), 9);
}
END_TEST

START_TEST(json_strings_are_escaped)
{
	struct steme_buf b = { 0 };

	out_json_str(&b, STEME_LIT("a\"\\\n\xff\xc3\xa9"));
	ck_assert_str_eq((char *)b.data,
	    "\"a\\\"\\\\\\u000a\xef\xbf\xbd\xc3\xa9\"");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(text_that_is_not_nfc_is_suspected)
{
	ck_assert(nfc_is_certain(STEME_LIT("plain")));
	ck_assert(nfc_is_certain(STEME_LIT("caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac")));
	ck_assert(!nfc_is_certain(STEME_LIT("cafe\xcc\x81")));
	ck_assert(!nfc_is_certain(STEME_LIT("\xe2\x84\xab")));	/* Angstrom sign */
	ck_assert(!nfc_is_certain(STEME_LIT("\xef\xa4\x80")));	/* U+F900 */
	ck_assert(nfc_is_certain(STEME_LIT("\xea\xb0\x80")));	/* Hangul GA */
	ck_assert(!nfc_is_certain(STEME_LIT("\xe1\x84\x80\xe1\x85\xa1")));
	ck_assert(nfc_is_certain(STEME_LIT("cut\xcc")));
}
END_TEST

/* ---- lines ---- */

static const volatile sig_atomic_t go_on = 0;

/* Lines of the bytes given, in a file. */
static void
open_lines(struct lines *l, const char *bytes, size_t n)
{
	char path[] = "/tmp/check_cli.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	ck_assert_int_eq(lines_open(l, path, NULL), STEME_OK);
	unlink(path);
}

START_TEST(lines_come_one_by_one_with_their_number)
{
	static const char text[] = "one\n\nthree\nlast";
	struct steme_str s;
	struct lines l;

	open_lines(&l, text, sizeof(text) - 1);
	ck_assert_uint_eq(l.total, sizeof(text) - 1);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
	ck_assert(steme_str_eq(s, STEME_LIT("one")));
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
	ck_assert(steme_str_eq(s, STEME_LIT("three")));
	ck_assert_uint_eq(l.number, 3);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
	ck_assert(steme_str_eq(s, STEME_LIT("last")));
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 0);
	ck_assert_uint_eq(l.bytes, sizeof(text) - 1);
	lines_close(&l);
}
END_TEST

START_TEST(an_empty_file_has_no_line)
{
	struct steme_str s;
	struct lines l;

	open_lines(&l, "", 0);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 0);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 0);
	lines_close(&l);
}
END_TEST

/* Loop: with and without a newline at the end of the long line. */
START_TEST(a_line_beyond_the_limit_is_skipped_and_the_next_is_right)
{
	size_t n = LINE_MAX_BYTES + 5000000;
	char *text = malloc(n + 20);
	struct steme_str s;
	struct lines l;

	memset(text, 'x', n);
	memcpy(text + n, "\nnext\n", 6);
	open_lines(&l, text, _i == 0 ? n + 6 : n);
	ck_assert_int_eq(lines_next(&l, &go_on, &s), STEME_ETOOBIG);
	ck_assert_uint_eq(l.number, 1);
	if (_i == 0) {
		ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
		ck_assert(steme_str_eq(s, STEME_LIT("next")));
		ck_assert_uint_eq(l.number, 2);
	}
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 0);
	ck_assert_uint_eq(l.bytes, _i == 0 ? n + 6 : n);
	lines_close(&l);
	free(text);
}
END_TEST

/* Loop: lengths around the size of a read, where lines straddle. */
START_TEST(lines_that_straddle_reads_are_whole)
{
	size_t len = ((size_t)1 << 20) - 3 + (size_t)_i, total = 0;
	char *text = malloc(4 * (len + 1));
	struct steme_str s;
	struct lines l;

	for (int k = 0; k < 4; k++) {
		memset(text + total, 'a' + k, len);
		text[total + len] = '\n';
		total += len + 1;
	}
	open_lines(&l, text, total);
	for (int k = 0; k < 4; k++) {
		ck_assert_int_eq(lines_next(&l, &go_on, &s), 1);
		ck_assert_uint_eq(s.n, len);
		ck_assert_int_eq(s.p[0], 'a' + k);
		ck_assert_int_eq(s.p[len - 1], 'a' + k);
	}
	ck_assert_int_eq(lines_next(&l, &go_on, &s), 0);
	lines_close(&l);
	free(text);
}
END_TEST

START_TEST(what_is_no_file_is_named)
{
	struct steme_why why;
	struct lines l;

	ck_assert_int_eq(lines_open(&l, "/nonexistent/x", &why), STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, "/nonexistent/x"));
	ck_assert_int_eq(lines_open(&l, "/tmp", &why), STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("cli");
	TCase *t = tcase_create("json");

	setlocale(LC_CTYPE, "C.UTF-8");
	tcase_add_test(t, members_are_found_at_any_depth);
	tcase_add_test(t, long_numbers_keep_their_spelling);
	tcase_add_test(t, strings_are_decoded);
	tcase_add_test(t, every_beginning_of_a_text_is_safe);
	tcase_add_test(t, numbers_beyond_64_bits_read_as_zero);
	suite_add_tcase(s, t);
	t = tcase_create("text");
	tcase_add_test(t, nothing_reaches_a_terminal_that_could_steer_it);
	tcase_add_test(t, text_is_cut_by_columns_not_by_bytes);
	tcase_add_test(t, tables_line_up);
	tcase_add_test(t, sizes_and_durations_read_well);
	tcase_add_test(t, mistyped_words_are_near);
	tcase_add_test(t, json_strings_are_escaped);
	tcase_add_test(t, text_that_is_not_nfc_is_suspected);
	suite_add_tcase(s, t);
	t = tcase_create("lines");
	tcase_add_test(t, lines_come_one_by_one_with_their_number);
	tcase_add_test(t, an_empty_file_has_no_line);
	tcase_add_loop_test(t,
	    a_line_beyond_the_limit_is_skipped_and_the_next_is_right, 0, 2);
	tcase_add_loop_test(t, lines_that_straddle_reads_are_whole, 0, 5);
	tcase_add_test(t, what_is_no_file_is_named);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
