/* SPDX-License-Identifier: Apache-2.0 */
/* check_time.c - RFC 3339 times against the C library's calendar. */
#include "config.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LAST	INT64_C(253402300799999999)

START_TEST(every_day_until_9999_is_the_c_librarys_day)
{
	char ours[STEME_TIME_LEN + 1], theirs[40];
	struct tm tm;
	int64_t us;
	time_t t;

	for (int64_t day = 0; day <= LAST / 86400000000; day++) {
		/* Another second of each day. */
		t = (time_t)(day * 86400 + day * 7919 % 86400);
		ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
		steme_time_format(ours, (int64_t)t * 1000000 + day % 1000000);
		ck_assert_msg(strncmp(ours, theirs, 19) == 0, "%s %s", ours,
		    theirs);
		ck_assert_int_eq(steme_time_parse(steme_str_from(ours), &us),
		    STEME_OK);
		ck_assert_int_eq(us, (int64_t)t * 1000000 + day % 1000000);
	}
}
END_TEST

START_TEST(the_bounds_are_1970_and_9999)
{
	char s[STEME_TIME_LEN + 1];
	int64_t us = -1;

	steme_time_format(s, 0);
	ck_assert_str_eq(s, "1970-01-01T00:00:00.000000Z");
	steme_time_format(s, LAST);
	ck_assert_str_eq(s, "9999-12-31T23:59:59.999999Z");
	ck_assert_int_eq(steme_time_parse(steme_str_from(s), &us), STEME_OK);
	ck_assert_int_eq(us, LAST);
	/* Out of contract: still 27 bytes. */
	steme_time_format(s, -1);
	ck_assert_str_eq(s, "1970-01-01T00:00:00.000000Z");
	steme_time_format(s, INT64_MAX);
	ck_assert_str_eq(s, "9999-12-31T23:59:59.999999Z");
}
END_TEST

START_TEST(people_may_leave_out_decimals_or_the_clock)
{
	static const struct { const char *s; int64_t us; } good[] = {
		{ "1970-01-02", 86400000000 },
		{ "1970-01-01T00:00:01Z", 1000000 },
		{ "1970-01-01T00:00:01.5Z", 1500000 },
		{ "1970-01-01T00:00:01.05Z", 1050000 },
		{ "1970-01-01T00:00:01.000001Z", 1000001 },
		{ "2000-02-29", 951782400000000 },
	};
	static const char *const bad[] = { "", "1970", "1970-01", "1970-1-1",
	    "1970-01-01T", "1970-01-01Z", "1970-01-01T00:00Z",
	    "1970-01-01T00:00:01", "1970-01-01T00:00:01.Z",
	    "1970-01-01T00:00:01.1234567Z", "1970-01-01T00:00:01.5",
	    "1970-01-01T00:00:01+00:00", "1970-01-01 00:00:01Z",
	    "1970-01-01t00:00:01z", "1900-02-29", "1969-12-31", "2026-02-29",
	    "2026-06-31", "2026-12-31T23:59:60Z", "1970-01-01T00:00:01,5Z",
	    "now", "          ", "19x0-01-01", "1970/01/01", "+970-01-01" };
	int64_t us;

	for (size_t i = 0; i < STEME_NELEM(good); i++) {
		us = -1;
		ck_assert_int_eq(steme_time_parse_loose(
		    steme_str_from(good[i].s), &us), STEME_OK);
		ck_assert_int_eq(us, good[i].us);
		ck_assert_int_eq(steme_time_parse(steme_str_from(good[i].s),
		    &us), strlen(good[i].s) == 27 ? STEME_OK : STEME_EINVAL);
	}
	for (size_t i = 0; i < STEME_NELEM(bad); i++) {
		us = -7;
		ck_assert_msg(steme_time_parse_loose(steme_str_from(bad[i]),
		    &us) == STEME_EINVAL, "took '%s'", bad[i]);
		ck_assert_int_eq(us, -7);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("time");
	TCase *t = tcase_create("rfc3339");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_day_until_9999_is_the_c_librarys_day);
	tcase_add_test(t, the_bounds_are_1970_and_9999);
	tcase_add_test(t, people_may_leave_out_decimals_or_the_clock);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
