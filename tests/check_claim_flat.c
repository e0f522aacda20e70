/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_claim_flat.c - the short way of plain JSON gives what the long way gives, and
 * leaves everything else to it.
 */
#include "config.h"
#include "core/claim.h"
#include "core/claim_impl.h"
#include "core/util.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct steme_id agent = { { 1, 2, 3 } };

/* Both ways, completed: the same bytes. */
static void
ck_same(const char *json, size_t n)
{
	struct steme_claim flat, tree;
	struct steme_why why = { { 0 } };
	int a, b;

	steme_claim_init(&flat);
	steme_claim_init(&tree);
	ck_assert_msg(claim_take_flat(&flat, json, n), "not taken: %s", json);
	ck_assert_msg(claim_from_tree(&tree, json, n, 0, &why) == STEME_OK, "%s: %s",
	    json, why.text);
	ck_assert_str_eq(flat.agent_name, tree.agent_name);
	ck_assert_int_eq(flat.has_time, tree.has_time);
	ck_assert_int_eq(flat.has_class, tree.has_class);
	ck_assert_int_eq(flat.has_confidence, tree.has_confidence);
	ck_assert_int_eq(flat.has_source, tree.has_source);
	ck_assert_int_eq(flat.has_agent, tree.has_agent);
	ck_assert_int_eq(flat.is_signed, tree.is_signed);
	a = steme_claim_complete(&flat, &agent, NULL, 5, NULL);
	b = steme_claim_complete(&tree, &agent, NULL, 5, NULL);
	ck_assert_int_eq(a, b);
	ck_assert_uint_eq(flat.bytes.len, tree.bytes.len);
	if (flat.bytes.len > 0)
		ck_assert_int_eq(memcmp(flat.bytes.data, tree.bytes.data,
		    flat.bytes.len), 0);
	steme_claim_fini(&flat);
	steme_claim_fini(&tree);
}

#define MIN	"\"concept_path\":\"a/b\",\"predicate\":\"p\",\"object\":"

static const char *const plain[] = {
	"{" MIN "\"x\"}",
	"{" MIN "\"\"}",
	"{" MIN "12}",
	"{" MIN "-1.50e3 }",
	"{" MIN "123456789012345678901234567890}",
	"{" MIN "true}",
	" { \"object\" : false , \"predicate\" : \"p\" ,\t\"concept_path\":\"a\" } \r\n",
	"{" MIN "\"\xe6\x97\xa5\",\"confidence\":0.95,\"source_class\":\"expert\","
	    "\"source\":\"https://example.org/a?b=c\",\"time\":\"2026-01-02\","
	    "\"agent\":\"mdn\"}",
	"{" MIN "\"{}[],:\",\"confidence\":1,\"time\":\"2026-01-02T03:04:05.6Z\"}",
	"{" MIN "\"del \x7f\"}",
};

START_TEST(plain_claims_go_the_short_way_with_the_same_result)
{
	ck_same(plain[_i], strlen(plain[_i]));
}
END_TEST

/* Valid or not: the long way decides. */
static const char *const other[] = {
	"", "{}", "[]", "null", "{" MIN "\"x\"", "{" MIN "\"x\"} x", "{" MIN "\"x\",}",
	"{" MIN "null}", "{" MIN "[1]}", "{" MIN "{\"type\":\"text\",\"value\":\"x\"}}",
	"{" MIN "01}", "{" MIN "1.}", "{" MIN "NaN}", "{" MIN "True}", "{" MIN "}",
	"{" MIN "\"a\\nb\"}", "{" MIN "\"a\nb\"}", "{" MIN "\"\xff\"}",
	"{" MIN "\"x\",\"object\":\"y\"}",
	"{" MIN "\"x\",\"kind\":\"assertion\"}",
	"{" MIN "\"x\",\"lifecycle\":\"approved\"}",
	"{" MIN "\"x\",\"unknown\":1}",
	"{" MIN "\"x\",\"confidence\":1.5}", "{" MIN "\"x\",\"confidence\":-0.1}",
	"{" MIN "\"x\",\"confidence\":\"1\"}", "{" MIN "\"x\",\"confidence\":0.12345}",
	"{" MIN "\"x\",\"source_class\":\"king\"}", "{" MIN "\"x\",\"source\":\"\"}",
	"{" MIN "\"x\",\"time\":\"yesterday\"}", "{" MIN "\"x\",\"agent\":\"a/b\"}",
	"{" MIN "\"x\",\"agent_id\":\"00\"}",
	"{\"concept_path\":\"a\",\"predicate\":\"p\"}",
	"{\"concept_path\":\"fda://a/b\",\"predicate\":\"p\",\"object\":1}",
	"{\"concept_path\":\"a:b\",\"predicate\":\"p\",\"object\":1}",
	"{\"concept_path\":\"a//b\",\"predicate\":\"p\",\"object\":1}",
	"{\"concept_path\":\"@a\",\"predicate\":\"p\",\"object\":1}",
	"{\"concept\":\"a\",\"predicate\":\"p\",\"object\":1}",
	"{\"concept_path\":\"a\",\"predicate\":\" p\",\"object\":1}",
	"{\"concept_p\\u0061th\":\"a\",\"predicate\":\"p\",\"object\":1}",
};

START_TEST(anything_else_is_left_to_the_long_way)
{
	struct steme_claim c;

	steme_claim_init(&c);
	ck_assert_msg(!claim_take_flat(&c, other[_i], strlen(other[_i])), "taken: %s",
	    other[_i]);
	steme_claim_fini(&c);
}
END_TEST

START_TEST(every_beginning_of_a_claim_is_safe)
{
	const char *s = plain[7];
	struct steme_claim c;
	char *copy;

	steme_claim_init(&c);
	for (size_t n = 0; n < strlen(s); n++) {
		copy = malloc(n + 1);
		memcpy(copy, s, n);
		ck_assert(!claim_take_flat(&c, copy, n));
		free(copy);
	}
	steme_claim_fini(&c);
}
END_TEST

START_TEST(a_claim_used_again_keeps_nothing_of_the_one_before)
{
	struct steme_claim c;

	steme_claim_init(&c);
	ck_assert(claim_take_flat(&c, plain[7], strlen(plain[7])));
	ck_assert_int_eq(steme_claim_complete(&c, &agent, NULL, 5, NULL), STEME_OK);
	ck_assert(claim_take_flat(&c, plain[0], strlen(plain[0])));
	ck_assert(!c.has_time && !c.has_class && !c.has_source && !c.has_confidence);
	ck_assert_str_eq(c.agent_name, "");
	ck_assert(c.o.source.p == NULL);
	ck_assert_uint_eq(c.bytes.len, 0);
	steme_claim_fini(&c);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("claim_flat");
	TCase *t = tcase_create("flat");

	tcase_add_loop_test(t,
	    plain_claims_go_the_short_way_with_the_same_result, 0,
	    (int)STEME_NELEM(plain));
	tcase_add_loop_test(t, anything_else_is_left_to_the_long_way, 0,
	    (int)STEME_NELEM(other));
	tcase_add_test(t, every_beginning_of_a_claim_is_safe);
	tcase_add_test(t, a_claim_used_again_keeps_nothing_of_the_one_before);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
