/* SPDX-License-Identifier: Apache-2.0 */
/* check_number.c - header decimals and number values. */
#include "config.h"
#include "core/number.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct steme_str
str(const char *s)
{
	return steme_str_from(s);
}

START_TEST(every_header_decimal_is_read_as_it_is_written)
{
	char text[8];
	int32_t back;

	for (int32_t v = -STEME_ONE; v <= STEME_ONE; v++) {
		ck_assert_ptr_eq(steme_dec4_format(text, v), text);
		ck_assert_int_eq(steme_dec4_parse(str(text), true, &back),
		    STEME_OK);
		ck_assert_int_eq(back, v);
		ck_assert_int_eq(steme_dec4_parse(str(text), false, &back),
		    v < 0 ? STEME_EINVAL : STEME_OK);
		back = 77;
		ck_assert_int_eq(steme_dec4_parse_loose(str(text), &back), 0);
		ck_assert_int_eq(back, v);
	}
	ck_assert_str_eq(steme_dec4_format(text, 9500), "0.95");
	ck_assert_str_eq(steme_dec4_format(text, -1), "-0.0001");
	ck_assert_str_eq(steme_dec4_format(text, 2 * STEME_ONE), "1");
	ck_assert_str_eq(steme_dec4_format(text, INT32_MIN), "-1");
}
END_TEST

START_TEST(a_header_decimal_has_one_spelling)
{
	static const char *const bad[] = { "", "-", "00", "01", "1.0", "0.0",
	    "0.10", "0.", ".5", "2", "-0", "-0.0", "+1", "--1", "1e0", "0.12345",
	    "0.00001", "0,5", " 1", "1 ", "0.5 ", "0x1", "0.a", "-2", "10",
	    "0.5.", "0.-5" };
	int32_t v = 77;

	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(steme_dec4_parse(str(bad[i]), true, &v) ==
		    STEME_EINVAL, "took '%s'", bad[i]);
	ck_assert_int_eq(v, 77);
}
END_TEST

START_TEST(loose_decimals_are_exact_or_refused)
{
	static const struct { const char *s; int32_t v; } good[] = {
		{ "1.0", 10000 }, { "0.50", 5000 }, { "5e-1", 5000 },
		{ "1E0", 10000 }, { "-0", 0 }, { "-0.0e5", 0 },
		{ "0.00010", 1 }, { "1e-4", 1 }, { "10e-5", 1 },
		{ "100e-2", 10000 }, { "-0.2500", -2500 }, { "0e999", 0 },
		{ "1000000000000000000000e-25", 1 }, { "0.01e2", 10000 },
	};
	static const char *const bad[] = { "", "1.1", "-1.0001", "0.00001",
	    "1e-5", "1e1", "2", "0.12345", "1e999", "1e-999", "12345e-5",
	    "9.9999", ".5", "1.", "NaN", "1e1000" };
	int32_t v;

	for (size_t i = 0; i < STEME_NELEM(good); i++) {
		v = 77;
		ck_assert_int_eq(steme_dec4_parse_loose(str(good[i].s), &v),
		    STEME_OK);
		ck_assert_int_eq(v, good[i].v);
	}
	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(steme_dec4_parse_loose(str(bad[i]), &v) ==
		    STEME_EINVAL, "took '%s'", bad[i]);
}
END_TEST

START_TEST(a_number_is_what_rfc_8259_says_within_limits)
{
	static const char *const bad[] = { "", "-", "+1", "01", "-01", "00",
	    ".5", "5.", "1.e5", "1e", "1e+", "1e-", "e5", "1e5.0", "0x10",
	    "1_0", "1 ", " 1", "1\n", "--1", "1-", "NaN", "Infinity", "1ee5",
	    "1.2.3", "1e1000", "1e-1000", "1e99999999999999999999" };
	char many[80];

	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(!steme_number_valid(str(bad[i])), "took '%s'",
		    bad[i]);
	memset(many, '1', sizeof(many));
	ck_assert(steme_number_valid((struct steme_str){ many, 64 }));
	ck_assert(!steme_number_valid((struct steme_str){ many, 65 }));
	many[1] = '.';
	ck_assert(steme_number_valid((struct steme_str){ many, 65 }));
	ck_assert(!steme_number_valid((struct steme_str){ many, 66 }));
	ck_assert(!steme_number_valid((struct steme_str){ "1\0", 2 }));
	ck_assert(steme_number_valid(str("1e+0000000000000999")));
	ck_assert(steme_number_valid(str("-0.0E-0")));
}
END_TEST

/* In ascending order; equal ones share a line. */
static const char *const order[][5] = {
	{ "-1e999" }, { "-10.5", "-1.05e1" }, { "-10", "-1E1", "-10.000" },
	{ "-1" }, { "-0.1", "-1e-1" }, { "-1e-999" },
	{ "0", "-0", "0.0", "0e5", "-0e-999" },
	{ "1e-999" }, { "0.09" }, { "0.1", "100e-3", "0.10" },
	{ "0.1000000000000000000000000000000000001" }, { "0.11" },
	{ "1", "1.0", "10e-1", "0.001e3" }, { "9.99" },
	{ "10", "10.0", "1e1", "1.0E+1" }, { "10.01" }, { "99" }, { "100" },
	{ "9007199254740992" }, { "9007199254740993" },
	{ "18446744073709551615" }, { "18446744073709551616" },
	{ "9e998" }, { "1e999", "10e998" },
};

START_TEST(numbers_are_ordered_as_exact_decimals)
{
	size_t n = STEME_NELEM(order);
	char ka[STEME_NUMBER_KEY], kb[STEME_NUMBER_KEY];
	int want, got;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			for (int a = 0; a < 5 && order[i][a]; a++)
				for (int b = 0; b < 5 && order[j][b]; b++) {
			want = i < j ? -1 : i > j;
			got = steme_number_cmp(str(order[i][a]),
			    str(order[j][b]));
			ck_assert_msg((got < 0) == (want < 0) &&
			    (got > 0) == (want > 0), "%s against %s: %d",
			    order[i][a], order[j][b], got);
			steme_number_key(str(order[i][a]), ka);
			steme_number_key(str(order[j][b]), kb);
			ck_assert_msg((strcmp(ka, kb) == 0) == (want == 0),
			    "%s has key %s, %s has %s", order[i][a], ka,
			    order[j][b], kb);
		}
}
END_TEST

START_TEST(a_key_is_short_and_a_number_itself)
{
	char longest[80] = "-", key[STEME_NUMBER_KEY];
	size_t n;

	for (int i = 1; i <= 64; i++)
		longest[i] = '9';
	memcpy(longest + 65, "e-999", 6);
	n = steme_number_key(str(longest), key);
	ck_assert_uint_eq(n, strlen(key));
	ck_assert_uint_lt(n, STEME_NUMBER_KEY);
	ck_assert_str_eq(key, longest);
	ck_assert_uint_eq(steme_number_key(str("-0.00"), key), 1);
	ck_assert_str_eq(key, "0");
	ck_assert_uint_eq(steme_number_key(str("1200.50"), key), 8);
	ck_assert_str_eq(key, "12005e-1");
}
END_TEST

/* Scaled integers give the truth for random small decimals. */
START_TEST(random_decimals_compare_as_scaled_integers)
{
	char a[32], b[32];
	long x, y;
	int dx, dy, want, got;

	srandom(4711);
	for (int i = 0; i < 200000; i++) {
		x = random() % 2001 - 1000;
		y = random() % 2001 - 1000;
		dx = (int)(random() % 4);
		dy = (int)(random() % 4);
		snprintf(a, sizeof(a), "%lde-%d", x, dx);
		snprintf(b, sizeof(b), "%lde-%d", y, dy);
		for (; dx < 3; dx++)
			x *= 10;
		for (; dy < 3; dy++)
			y *= 10;
		want = (x > y) - (x < y);
		got = steme_number_cmp(str(a), str(b));
		ck_assert_msg((got > 0) - (got < 0) == want, "%s, %s", a, b);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("number");
	TCase *t = tcase_create("decimals");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_header_decimal_is_read_as_it_is_written);
	tcase_add_test(t, a_header_decimal_has_one_spelling);
	tcase_add_test(t, loose_decimals_are_exact_or_refused);
	tcase_add_test(t, a_number_is_what_rfc_8259_says_within_limits);
	tcase_add_test(t, numbers_are_ordered_as_exact_decimals);
	tcase_add_test(t, a_key_is_short_and_a_number_itself);
	tcase_add_test(t, random_decimals_compare_as_scaled_integers);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
