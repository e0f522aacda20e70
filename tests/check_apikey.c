/* SPDX-License-Identifier: Apache-2.0 */
/* check_apikey.c - tokens of API keys, and what the store keeps of them. */
#include "config.h"
#include "core/apikey.h"
#include "core/sign.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct steme_apikey
a_key(char token[STEME_APIKEY_TOKEN + 1])
{
	struct steme_apikey k = { .role = STEME_ROLE_WRITER, .enabled = true,
	    .expires_at = STEME_APIKEY_NEVER, .created_at = 1700000000 };

	MUST(steme_sign_init());
	strcpy(k.name, "a \"name\"");
	memset(k.agent.b, 7, sizeof(k.agent.b));
	steme_apikey_make(&k, token);
	return k;
}

START_TEST(a_token_matches_its_key_and_no_other)
{
	char token[STEME_APIKEY_TOKEN + 1] = "", other[STEME_APIKEY_TOKEN + 1] = "";
	char id[STEME_APIKEY_ID + 1];
	struct steme_apikey k = a_key(token), k2 = a_key(other);

	ck_assert_uint_eq(strlen(token), STEME_APIKEY_TOKEN);
	ck_assert(steme_apikey_id(id, token, strlen(token)));
	ck_assert_str_eq(id, k.id);
	ck_assert_str_ne(k.id, k2.id);
	ck_assert(steme_apikey_matches(&k, token, strlen(token)));
	ck_assert(!steme_apikey_matches(&k, other, strlen(other)));
	for (size_t i = 0; i < STEME_APIKEY_TOKEN; i++) {
		char bent[STEME_APIKEY_TOKEN + 1];

		strcpy(bent, token);
		bent[i] = bent[i] == '0' ? '1' : '0';
		ck_assert(!steme_apikey_matches(&k, bent, strlen(bent)));
	}
	ck_assert(!steme_apikey_matches(&k, token, strlen(token) - 1));
}
END_TEST

START_TEST(what_is_no_token_has_no_id)
{
	static const char *const bad[] = { "", "x", "steme_0123456789abcdef_",
	    "STEME_0123456789abcdef_0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef",
	    "steme_0123456789ABCDEF_0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef",
	    "steme_0123456789abcdef-0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef",
	    "steme_0123456789abcdef_0123456789abcdef0123456789abcdef0123456789abcdef"
	    "0123456789abcdef0" };
	char id[STEME_APIKEY_ID + 1];

	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(!steme_apikey_id(id, bad[i], strlen(bad[i])), "%s",
		    bad[i]);
}
END_TEST

START_TEST(the_stored_text_comes_back_and_holds_no_token)
{
	char token[STEME_APIKEY_TOKEN + 1] = "";
	struct steme_apikey k = a_key(token), got = { 0 };
	struct steme_buf b = { 0 };

	strcpy(got.id, k.id);
	steme_apikey_write(&b, &k);
	ck_assert_ptr_null(strstr((char *)b.data, token));
	ck_assert_ptr_null(strstr((char *)b.data, token + 23));
	ck_assert_int_eq(steme_apikey_read(&got, (struct steme_str){
	    (char *)b.data, b.len }), STEME_OK);
	ck_assert_str_eq(got.id, k.id);
	ck_assert_str_eq(got.name, k.name);
	ck_assert(steme_id_eq(&got.hash, &k.hash) && steme_id_eq(&got.agent, &k.agent));
	ck_assert(got.role == k.role && got.enabled &&
	    got.expires_at == k.expires_at && got.created_at == k.created_at);
	steme_buf_clear(&b);
	steme_apikey_show(&b, &k);
	ck_assert_ptr_nonnull(strstr((char *)b.data,
	    "\"expires_at_iso\":\"9999-12-31T23:59:59Z\""));
	ck_assert_ptr_null(strstr((char *)b.data, "hash"));
	steme_buf_fini(&b);
}
END_TEST

#define HEX64	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD(name, hash, role, enabled, expires)	"{\"name\":" name ",\"hash\":\"" hash \
	"\",\"role\":\"" role "\",\"agent\":\"" HEX64 "\",\"enabled\":" enabled \
	",\"expires_at\":" expires ",\"created_at\":1}"

START_TEST(text_that_is_no_key_is_refused_and_changes_nothing)
{
	static const char good[] = GOOD("\"n\"", HEX64, "admin", "true", "2");
	static const char *const bad[] = { "", "null", "{}", "[]",
	    GOOD("\"\"", HEX64, "admin", "true", "2"),
	    GOOD("7", HEX64, "admin", "true", "2"),
	    GOOD("\"a\\u0000b\"", HEX64, "admin", "true", "2"),
	    GOOD("\"a\\nb\"", HEX64, "admin", "true", "2"),
	    GOOD("\"n\"", "00", "admin", "true", "2"),
	    GOOD("\"n\"", HEX64, "replica", "true", "2"),
	    GOOD("\"n\"", HEX64, "none", "true", "2"),
	    GOOD("\"n\"", HEX64, "root", "true", "2"),
	    GOOD("\"n\"", HEX64, "admin", "1", "2"),
	    GOOD("\"n\"", HEX64, "admin", "true", "-1"),
	    GOOD("\"n\"", HEX64, "admin", "true", "\"2\""),
	    GOOD("\"n\"", HEX64, "admin", "true", "253402300800"),
	    GOOD("\"n\"", HEX64, "admin", "true", "1.5") };
	struct steme_apikey k = { .id = "kept" }, before;

	ck_assert_int_eq(steme_apikey_read(&k, steme_str_from(good)), STEME_OK);
	ck_assert_int_eq(k.role, STEME_ROLE_ADMIN);
	ck_assert_str_eq(k.id, "kept");
	before = k;
	for (size_t i = 0; i < STEME_NELEM(bad); i++) {
		ck_assert_msg(steme_apikey_read(&k, steme_str_from(bad[i])) ==
		    STEME_EINVAL, "%s", bad[i]);
		ck_assert_mem_eq(&k, &before, sizeof(k));
	}
	ck_assert_int_eq(steme_apikey_read(&k, (struct steme_str){ NULL, 0 }),
	    STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("apikey");
	TCase *t = tcase_create("apikey");

	tcase_add_test(t, a_token_matches_its_key_and_no_other);
	tcase_add_test(t, what_is_no_token_has_no_id);
	tcase_add_test(t, the_stored_text_comes_back_and_holds_no_token);
	tcase_add_test(t, text_that_is_no_key_is_refused_and_changes_nothing);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
