/* SPDX-License-Identifier: Apache-2.0 */
/* check_journal.c - log lines as journalctl shows them, members lifted, times. */
#include "config.h"
#include "cli/journal.h"
#include "core/jsonin.h"
#include "core/timefmt.h"

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE	"{\"timestamp\":\"2026-11-21T08:00:00.250000Z\",\"level\":\"ERROR\"," \
		"\"message\":\"Error: \\\"x\\\"\"}"

static int64_t
at(const char *text)
{
	int64_t us;

	ck_assert_int_eq(steme_time_parse_loose(steme_str_from(text), &us), STEME_OK);
	return us;
}

static const char *
text_of(struct steme_buf *b)
{
	ck_assert_int_eq(steme_buf_err(b), STEME_OK);
	return b->data == NULL ? "" : (const char *)b->data;
}

static const char *
lifted(struct steme_buf *b, const char *object)
{
	steme_buf_clear(b);
	journal_lift(b, steme_str_from(object));
	return text_of(b);
}

/* The member as text, of what must be JSON. */
static void
has(const char *json, const char *name, const char *value)
{
	struct steme_json j;
	struct steme_why why = {{0}};
	struct json_object *v;

	ck_assert_msg(steme_json_parse(&j, json, strcspn(json, "\n"), 8, &why) ==
	    STEME_OK, "%s: %s", json, why.text);
	ck_assert_msg(json_object_object_get_ex(j.root, name, &v), "%s has no %s", json,
	    name);
	ck_assert_str_eq(json_object_get_string(v), value);
	steme_json_fini(&j);
}

START_TEST(a_line_tells_its_time_and_priority)
{
	struct journal_line l = { .us = 5 };

	journal_read(&l, steme_str_from(LINE));
	ck_assert_int_eq(l.us, at("2026-11-21T08:00:00.25Z"));
	ck_assert_int_eq(l.priority, 3);
	journal_read(&l, steme_str_from("{\"level\":\"WARN\"}"));
	ck_assert_int_eq(l.priority, 4);
	journal_read(&l, steme_str_from("a library says something"));
	ck_assert_int_eq(l.priority, 6);
	/* it stays where the line before it stood */
	ck_assert_int_eq(l.us, at("2026-11-21T08:00:00.25Z"));
}
END_TEST

START_TEST(a_line_is_shown_in_each_format)
{
	struct journal_line l = { .us = 0 };
	struct steme_buf b = { 0 };

	setenv("TZ", "UTC", 1);
	tzset();
	journal_read(&l, steme_str_from(LINE));
	journal_show(&b, &l, JOURNAL_SHORT, "stemefs", "h", false);
	ck_assert_str_eq(text_of(&b), "Nov 21 08:00:00 h stemefs: " LINE "\n");
	steme_buf_clear(&b);
	journal_show(&b, &l, JOURNAL_ISO, "stemefs", "h", false);
	ck_assert_str_eq(text_of(&b), "2026-11-21T08:00:00+0000 h stemefs: " LINE "\n");
	steme_buf_clear(&b);
	journal_show(&b, &l, JOURNAL_CAT, "stemefs", "h", false);
	ck_assert_str_eq(text_of(&b), LINE "\n");
	steme_buf_clear(&b);
	journal_show(&b, &l, JOURNAL_JSON, "stemefs", "h", false);
	has(text_of(&b), "level", "ERROR");
	has(text_of(&b), "message", "Error: \"x\"");
	has(text_of(&b), "timestamp", "2026-11-21T08:00:00.250000Z");
	has(text_of(&b), "MESSAGE", LINE);
	has(text_of(&b), "PRIORITY", "3");
	has(text_of(&b), "__REALTIME_TIMESTAMP", "1795248000250000");
	has(text_of(&b), "SYSLOG_IDENTIFIER", "stemefs");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(nothing_of_a_line_reaches_a_terminal_raw)
{
	struct journal_line l = { .us = 0 };
	struct steme_buf b = { 0 };

	journal_read(&l, steme_str_from("red \033[31m"));
	journal_show(&b, &l, JOURNAL_CAT, "stemefs", "h", true);
	ck_assert_ptr_null(strchr(text_of(&b), '\033'));
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_line_that_is_not_json_is_json_all_the_same)
{
	struct journal_line l = { .us = 1000000, .priority = 6 };
	struct steme_buf b = { 0 };
	static const char *const bad[] = { "plain", "{\"a\":tru}", "{", "{\"a\":1,\"a\":2}",
		"[1]", "\xff\xfe", "" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		l.us = 1000000;
		journal_read(&l, steme_str_from(bad[i]));
		steme_buf_clear(&b);
		journal_show(&b, &l, JOURNAL_JSON, "stemefs", "h", false);
		has(text_of(&b), "level", "INFO");
		has(text_of(&b), "timestamp", "1970-01-01T00:00:01.000000Z");
	}
	steme_buf_fini(&b);
}
END_TEST

START_TEST(members_of_a_message_are_lifted)
{
	struct steme_buf b = { 0 };
	const char *j = lifted(&b, "{\"PRIORITY\":\"6\",\"MESSAGE\":\"{\\\"timestamp\\\":"
	    "\\\"2026-11-21T08:00:00.250000Z\\\",\\\"level\\\":\\\"ERROR\\\",\\\"message\\\":"
	    "\\\"a b\\\"}\",\"_PID\":\"7\"}");

	has(j, "level", "ERROR");
	has(j, "timestamp", "2026-11-21T08:00:00.250000Z");
	has(j, "message", "a b");
	has(j, "PRIORITY", "6");
	has(j, "_PID", "7");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_line_does_not_pass_for_the_journal)
{
	struct steme_buf b = { 0 };
	const char *j = lifted(&b, "{\"MESSAGE\":\"{\\\"_PID\\\":1,\\\"PRIORITY\\\":9,"
	    "\\\"level\\\":\\\"INFO\\\"}\",\"_PID\":\"7\",\"PRIORITY\":\"6\"}");

	has(j, "level", "INFO");
	has(j, "_PID", "7");
	has(j, "PRIORITY", "6");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(of_other_messages_level_timestamp_and_message_are_made)
{
	struct steme_buf b = { 0 };
	const char *j = lifted(&b, "{\"MESSAGE\":\"Started stemedb-api.\",\"PRIORITY\":\"3\","
	    "\"__REALTIME_TIMESTAMP\":\"1000000\"}");

	has(j, "level", "ERROR");
	has(j, "message", "Started stemedb-api.");
	has(j, "timestamp", "1970-01-01T00:00:01.000000Z");
	j = lifted(&b, "{\"MESSAGE\":[104,105],\"PRIORITY\":\"4\"}");
	has(j, "level", "WARN");
	has(j, "message", "hi");
	j = lifted(&b, "{\"MESSAGE\":null}");
	has(j, "level", "INFO");
	has(j, "message", "");
	has(lifted(&b, "{}"), "message", "");
	ck_assert_str_eq(lifted(&b, "-- No entries --"), "-- No entries --");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(times_are_taken_as_from_journalctl)
{
	static const struct { const char *text, *want; } t[] = {
		{ "now", "2026-11-21T08:00:00Z" },
		{ "5 min ago", "2026-11-21T07:55:00Z" },
		{ "1 hour ago", "2026-11-21T07:00:00Z" },
		{ "1h 30min ago", "2026-11-21T06:30:00Z" },
		{ "-90s", "2026-11-21T07:58:30Z" },
		{ "-1d2h", "2026-11-20T06:00:00Z" },
		{ "+10", "2026-11-21T08:00:10Z" },
		{ "today", "2026-11-21T00:00:00Z" },
		{ "yesterday", "2026-11-20T00:00:00Z" },
		{ "07:30", "2026-11-21T07:30:00Z" },
		{ "2026-11-20", "2026-11-20T00:00:00Z" },
		{ "2026-11-20 07:30", "2026-11-20T07:30:00Z" },
		{ "2026-11-20 07:30:15", "2026-11-20T07:30:15Z" },
		{ "2026-11-20T07:30:15.5Z", "2026-11-20T07:30:15.5Z" },
		{ "@1000000", "1970-01-12T13:46:40Z" },
	};
	int64_t us;

	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		ck_assert_msg(journal_time(t[i].text, at("2026-11-21T08:00:00Z"), &us) ==
		    STEME_OK, "%s", t[i].text);
		ck_assert_msg(us == at(t[i].want), "%s: %lld", t[i].text, (long long)us);
	}
}
END_TEST

START_TEST(what_is_no_time_is_refused)
{
	static const char *const bad[] = { "", "soon", "5 min", "5 parsecs ago", "-", "ago",
		"5 min ago x", "2026-13-01", "2026-11-20 25:00", "@", "@x", "@-1",
		"99999999999999999999 years ago", "-9223372036854775807y" };
	int64_t us;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(journal_time(bad[i], 0, &us) != STEME_OK, "%s", bad[i]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("all");

	tcase_add_test(t, a_line_tells_its_time_and_priority);
	tcase_add_test(t, a_line_is_shown_in_each_format);
	tcase_add_test(t, nothing_of_a_line_reaches_a_terminal_raw);
	tcase_add_test(t, a_line_that_is_not_json_is_json_all_the_same);
	tcase_add_test(t, members_of_a_message_are_lifted);
	tcase_add_test(t, a_line_does_not_pass_for_the_journal);
	tcase_add_test(t, of_other_messages_level_timestamp_and_message_are_made);
	tcase_add_test(t, times_are_taken_as_from_journalctl);
	tcase_add_test(t, what_is_no_time_is_refused);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
