/* SPDX-License-Identifier: Apache-2.0 */
/* check_log.c - lines of the log: JSON whatever is said, levels, storage.log. */
#include "config.h"
#include "core/log.h"
#include "core/jsonin.h"

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], said[128], storage[128], older[128];
static int was;				/* stderr of the program */

static void
setup(void)
{
	strcpy(dir, "/tmp/check_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(said, sizeof(said), "%s/said", dir);
	snprintf(storage, sizeof(storage), "%s/storage.log", dir);
	snprintf(older, sizeof(older), "%s/storage.log.1", dir);
	was = dup(STDERR_FILENO);
	ck_assert_ptr_nonnull(freopen(said, "a", stderr));
	steme_log_set_level(STEME_INFO);
}

static void
teardown(void)
{
	dup2(was, STDERR_FILENO);
	close(was);
	unlink(said);
	unlink(storage);
	unlink(older);
	rmdir(dir);
}

/* The file as a string; "" if it is not there. */
static const char *
content(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");
	size_t n = f == NULL ? 0 : fread(text, 1, sizeof(text) - 1, f);

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return text;
}

/* The only line of stderr must be JSON; its member name. */
static const char *
member(const char *name)
{
	static char out[4096];
	const char *text = content(said);
	struct steme_json j;
	struct steme_why why = {{0}};
	struct json_object *v;

	ck_assert_msg(steme_json_parse(&j, text, strlen(text), 2, &why) == STEME_OK,
	    "%s: %s", text, why.text);
	ck_assert(json_object_object_get_ex(j.root, name, &v));
	snprintf(out, sizeof(out), "%s", json_object_get_string(v));
	steme_json_fini(&j);
	return out;
}

START_TEST(a_line_has_timestamp_level_and_message)
{
	steme_log(STEME_ERROR, "Error: StorageError: \"%s\"\n\033[31m", "x");
	ck_assert_str_eq(member("message"), "Error: StorageError: \"x\"\n\033[31m");
	ck_assert_str_eq(member("level"), "ERROR");
	ck_assert_uint_eq(strlen(member("timestamp")), 27);
	/* one line, and no byte that a terminal obeys */
	ck_assert_ptr_eq(strchr(content(said), '\n') + 1, strchr(content(said), '\0'));
	ck_assert_ptr_null(strchr(content(said), '\033'));
}
END_TEST

START_TEST(a_message_that_is_not_utf_8_is_a_line_of_json)
{
	steme_log(STEME_INFO, "path /a%s/b", "\xff\xc3");
	ck_assert_str_eq(member("message"), "path /a\?\?/b");
}
END_TEST

START_TEST(a_message_cut_within_a_character_is_a_line_of_json)
{
	char text[3000];

	memset(text, 'a', 2046);
	strcpy(text + 2046, "\xc3\xa9\xc3\xa9");
	steme_log(STEME_INFO, "%s", text);
	ck_assert_uint_eq(strlen(member("message")), 2047);
}
END_TEST

START_TEST(lines_below_the_level_are_dropped)
{
	steme_log(STEME_DEBUG, "nothing");
	ck_assert_str_eq(content(said), "");
	ck_assert(!steme_log_wants(STEME_DEBUG));
	steme_log_set_level(STEME_DEBUG);
	steme_log(STEME_DEBUG, "something");
	ck_assert_str_eq(member("level"), "DEBUG");
}
END_TEST

START_TEST(what_concerns_the_storage_is_in_both_places)
{
	ck_assert_int_eq(steme_log_storage_open(storage), STEME_OK);
	steme_log(STEME_INFO, "not this");
	steme_log(STEME_WARN | STEME_LOG_STORAGE, "storage: this");
	ck_assert_ptr_nonnull(strstr(content(said), "storage: this"));
	ck_assert_ptr_nonnull(strstr(content(storage), "storage: this"));
	ck_assert_ptr_null(strstr(content(storage), "not this"));
}
END_TEST

START_TEST(the_storage_log_is_rotated_once_it_is_large)
{
	struct stat st;

	ck_assert_int_eq(steme_log_storage_open(storage), STEME_OK);
	ck_assert_int_eq(truncate(storage, 16 << 20), 0);
	steme_log(STEME_INFO | STEME_LOG_STORAGE, "the first of a new one");
	ck_assert_int_eq(stat(older, &st), 0);
	ck_assert_int_eq(st.st_size, 16 << 20);
	ck_assert_ptr_nonnull(strstr(content(storage), "the first of a new one"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_line_has_timestamp_level_and_message);
	tcase_add_test(t, a_message_that_is_not_utf_8_is_a_line_of_json);
	tcase_add_test(t, a_message_cut_within_a_character_is_a_line_of_json);
	tcase_add_test(t, lines_below_the_level_are_dropped);
	tcase_add_test(t, what_concerns_the_storage_is_in_both_places);
	tcase_add_test(t, the_storage_log_is_rotated_once_it_is_large);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
