/* SPDX-License-Identifier: Apache-2.0 */
/* check_guard.c - limits, breakers. */
#include "config.h"
#include "api/breaker.h"
#include "api/limits.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S	INT64_C(1000000)
#define DAY	(86400 * S)

/* ---- limits ---- */

static struct steme_conf conf;
static struct api_room room;
static const char *scope;

static bool
ask(struct api_limits *l, const char *address, int64_t now)
{
	return api_limits_request(l, 0, address, 4, now, &room, &scope);
}

START_TEST(a_second_lets_in_its_number_then_one_at_a_time)
{
	struct api_limits *l;
	unsigned in = 0;

	steme_conf_defaults(&conf);
	conf.per_address_per_sec = 10;
	l = api_limits_new(&conf);
	for (int i = 0; i < 50; i++)
		in += ask(l, "aaaa", S);
	ck_assert_uint_eq(in, 10);
	ck_assert_str_eq(scope, "address");
	ck_assert_uint_eq(room.limit, 10);
	ck_assert_uint_eq(room.remaining, 0);
	ck_assert_int_gt(room.wait_us, 99000);
	ck_assert_int_le(room.wait_us, 100001);
	ck_assert(!ask(l, "aaaa", S + room.wait_us - 10));
	ck_assert(ask(l, "aaaa", S + 100001));
	ck_assert(!ask(l, "aaaa", S + 100002));
	/* others have their own */
	ck_assert(ask(l, "bbbb", S + 100002));
	/* never more than a second's worth, however long they waited */
	for (in = 0; ask(l, "aaaa", 1000 * S); in++)
		continue;
	ck_assert_uint_eq(in, 10);
	api_limits_free(l);
}
END_TEST

START_TEST(a_class_is_full_for_everybody_and_others_are_not_charged)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	conf.query_per_sec = 2;
	conf.per_address_per_sec = 3;
	l = api_limits_new(&conf);
	ck_assert(ask(l, "aaaa", S));
	ck_assert(ask(l, "bbbb", S));
	ck_assert(!ask(l, "cccc", S));
	ck_assert_str_eq(scope, "query");
	/* refused by the class: the address paid nothing */
	ck_assert(api_limits_request(l, 1, "cccc", 4, S, &room, &scope));
	ck_assert(api_limits_request(l, 1, "cccc", 4, S, &room, &scope));
	ck_assert(api_limits_request(l, 1, "cccc", 4, S, &room, &scope));
	ck_assert(!api_limits_request(l, 1, "cccc", 4, S, &room, &scope));
	ck_assert_str_eq(scope, "address");
	api_limits_free(l);
}
END_TEST

START_TEST(an_ipv6_address_counts_by_its_64_bits)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	conf.per_address_per_sec = 1;
	l = api_limits_new(&conf);
	ck_assert(api_limits_request(l, 0, "networkAhost-001", 16, S, &room, &scope));
	ck_assert(!api_limits_request(l, 0, "networkAhost-002", 16, S, &room, &scope));
	ck_assert(api_limits_request(l, 0, "networkBhost-002", 16, S, &room, &scope));
	api_limits_free(l);
}
END_TEST

START_TEST(who_cannot_prove_who_they_are_pays_with_their_address)
{
	struct api_limits *l;
	unsigned in = 0;

	steme_conf_defaults(&conf);
	conf.per_address_per_sec = 10;
	l = api_limits_new(&conf);
	api_limits_punish(l, "aaaa", 4, S);
	ck_assert(!ask(l, "aaaa", S));
	/* into debt by no more than a second */
	for (int i = 0; i < 100; i++)
		api_limits_punish(l, "aaaa", 4, S);
	ck_assert(!ask(l, "aaaa", 2 * S));
	for (int i = 0; i < 50; i++)
		in += ask(l, "aaaa", 3 * S);
	ck_assert_uint_eq(in, 10);
	api_limits_free(l);
}
END_TEST

static void
own_limit(struct api_limits *l, const char *agent, uint64_t per_min)
{
	struct api_agent_limit *v = calloc(3, sizeof(*v));

	snprintf(v[0].agent, sizeof(v[0].agent), "zz");
	v[0].per_min = 1;
	snprintf(v[1].agent, sizeof(v[1].agent), "%s", agent);
	v[1].per_min = per_min;
	snprintf(v[2].agent, sizeof(v[2].agent), "aa");
	v[2].per_min = 1;
	api_limits_set_agents(l, v, 3);
}

static unsigned
agent_gets(struct api_limits *l, const char *agent, int64_t now)
{
	unsigned in = 0;

	while (in < 1000 && api_limits_agent_room(l, agent, now, &room)) {
		api_limits_agent_take(l, agent, now);
		in++;
	}
	return in;
}

START_TEST(an_agents_own_limit_goes_before_the_common_one)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	l = api_limits_new(&conf);
	ck_assert(!api_limits_active(l));
	ck_assert_uint_eq(agent_gets(l, "mm", S), 1000);
	own_limit(l, "mm", 60);
	ck_assert(api_limits_active(l));
	ck_assert_uint_eq(agent_gets(l, "mm", S), 60);
	ck_assert_uint_eq(agent_gets(l, "zz", S), 1);
	ck_assert_uint_eq(agent_gets(l, "aa", S), 1);
	ck_assert_uint_eq(agent_gets(l, "nn", S), 1000);
	/* one a second from now on */
	ck_assert_uint_eq(agent_gets(l, "mm", 2 * S), 1);
	own_limit(l, "mm", 0);
	ck_assert_uint_eq(agent_gets(l, "mm", 1000 * S), 0);
	ck_assert_int_gt(room.wait_us, 0);
	api_limits_set_agents(l, NULL, 0);
	ck_assert_uint_eq(agent_gets(l, "mm", S), 1000);
	api_limits_free(l);
	conf.per_agent_per_min = 5;
	l = api_limits_new(&conf);
	own_limit(l, "mm", 7);
	ck_assert_uint_eq(agent_gets(l, "mm", S), 7);
	ck_assert_uint_eq(agent_gets(l, "nn", S), 5);
	api_limits_free(l);
}
END_TEST

START_TEST(a_limit_beyond_all_measure_limits_nobody)
{
	static const uint64_t high[] = { UINT64_C(60000000000), UINT64_C(60000000001),
	    INT64_MAX, UINT64_MAX };
	struct api_limits *l;

	steme_conf_defaults(&conf);
	l = api_limits_new(&conf);
	for (size_t i = 0; i < STEME_NELEM(high); i++) {
		own_limit(l, "busy", high[i]);
		ck_assert_uint_eq(agent_gets(l, "busy", 1000 * S), 1000);
		ck_assert_uint_eq(room.limit, high[i]);
	}
	api_limits_free(l);
}
END_TEST

START_TEST(asking_for_room_charges_nobody)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	conf.per_agent_per_min = 1;
	conf.quota_assertions_per_day = 1;
	l = api_limits_new(&conf);
	for (int i = 0; i < 10; i++) {
		ck_assert(api_limits_agent_room(l, "victim", S, &room));
		ck_assert(api_limits_quota_room(l, "victim", S, &room));
	}
	api_limits_free(l);
}
END_TEST

START_TEST(a_quota_lasts_until_the_day_ends)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	conf.quota_assertions_per_day = 3;
	l = api_limits_new(&conf);
	ck_assert(api_limits_quota_room(l, "a", 10 * DAY, &room));
	ck_assert_uint_eq(room.remaining, 3);
	api_limits_quota_take(l, "a", 3, 10 * DAY + 5 * S);
	ck_assert(!api_limits_quota_room(l, "a", 11 * DAY - S, &room));
	ck_assert_int_eq(room.wait_us, S);
	ck_assert(api_limits_quota_room(l, "b", 11 * DAY - S, &room));
	ck_assert(api_limits_quota_room(l, "a", 11 * DAY, &room));
	ck_assert_uint_eq(room.remaining, 3);
	api_limits_free(l);
}
END_TEST

START_TEST(what_is_under_way_counts_for_a_quota_until_it_is_given_back)
{
	struct api_limits *l;

	steme_conf_defaults(&conf);
	conf.quota_assertions_per_day = 10;
	l = api_limits_new(&conf);
	ck_assert(api_limits_quota_reserve(l, "a", 7, DAY, &room));
	ck_assert(!api_limits_quota_reserve(l, "a", 4, DAY, &room));
	ck_assert_uint_eq(room.remaining, 3);
	ck_assert(api_limits_quota_reserve(l, "a", 3, DAY, &room));
	ck_assert(!api_limits_quota_room(l, "a", DAY, &room));
	ck_assert(api_limits_quota_reserve(l, "b", 10, DAY, &room));
	api_limits_quota_give(l, "a", 2, DAY);
	ck_assert(!api_limits_quota_reserve(l, "a", 3, DAY, &room));
	ck_assert(api_limits_quota_reserve(l, "a", 2, DAY, &room));
	/* what is given back on the next day was not that day's */
	api_limits_quota_give(l, "a", 9, 2 * DAY);
	ck_assert(!api_limits_quota_reserve(l, "a", 11, 2 * DAY, &room));
	ck_assert(api_limits_quota_reserve(l, "a", 10, 2 * DAY, &room));
	api_limits_free(l);
	conf.quota_assertions_per_day = 0;
	l = api_limits_new(&conf);
	ck_assert(api_limits_quota_reserve(l, "a", UINT64_MAX, DAY, &room));
	api_limits_quota_give(l, "a", 1, DAY);
	api_limits_free(l);
}
END_TEST

START_TEST(a_flood_of_addresses_does_not_free_one_that_is_full)
{
	struct api_limits *l;
	uint32_t a;
	unsigned in = 0;

	steme_conf_defaults(&conf);
	conf.per_address_per_sec = 2;
	l = api_limits_new(&conf);
	while (ask(l, "aaaa", S))
		continue;
	/* half the table, each once: those with more room left go first */
	for (a = 0; a < 30000; a++)
		ask(l, (const char *)&a, S);
	for (int i = 0; i < 10; i++)
		in += ask(l, "aaaa", S);
	ck_assert_uint_eq(in, 0);
	api_limits_free(l);
}
END_TEST

/* ---- breakers ---- */

static const struct api_breaker_rule rule = { .threshold = 3, .reset_us = 30 * S };
static int64_t waits;

static void
fails(struct api_breaker *b, unsigned n, int64_t now)
{
	while (n-- > 0)
		api_breaker_tell(b, &rule, false, API_FAILURE, now, now);
}

START_TEST(failures_in_a_row_open_it_and_a_success_between_does_not_count)
{
	struct api_breaker b = { 0 };

	fails(&b, 2, S);
	api_breaker_tell(&b, &rule, false, API_SUCCESS, S, S);
	fails(&b, 2, S);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, S, &waits), API_GO);
	api_breaker_tell(&b, &rule, false, API_NO_VERDICT, S, S);
	fails(&b, 1, S);
	ck_assert_int_eq(b.state, API_BREAKER_OPEN);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 2 * S, &waits), API_STOP);
	ck_assert_int_eq(waits, 29 * S);
	ck_assert_uint_eq(b.trips, 1);
}
END_TEST

START_TEST(after_the_time_one_trial_decides)
{
	struct api_breaker b = { 0 };

	fails(&b, 3, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 30 * S, &waits), API_TRIAL);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 30 * S, &waits), API_STOP);
	ck_assert_int_eq(b.state, API_BREAKER_HALF_OPEN);
	/* what began before it opened says nothing */
	api_breaker_tell(&b, &rule, false, API_SUCCESS, 31 * S, 0);
	ck_assert_int_eq(b.state, API_BREAKER_HALF_OPEN);
	api_breaker_tell(&b, &rule, true, API_FAILURE, 31 * S, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 60 * S, &waits), API_STOP);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 61 * S, &waits), API_TRIAL);
	api_breaker_tell(&b, &rule, true, API_SUCCESS, 61 * S, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 61 * S, &waits), API_GO);
	ck_assert_uint_eq(b.failures, 0);
	ck_assert_uint_eq(b.trips, 1);
}
END_TEST

START_TEST(a_trial_without_a_verdict_leaves_room_for_another)
{
	struct api_breaker b = { 0 };

	fails(&b, 3, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 30 * S, &waits), API_TRIAL);
	api_breaker_tell(&b, &rule, true, API_NO_VERDICT, 31 * S, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 31 * S, &waits), API_TRIAL);
	/* nobody ever tells of this one */
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 60 * S, &waits), API_STOP);
	ck_assert_int_eq(api_breaker_ask(&b, &rule, 61 * S, &waits), API_TRIAL);
}
END_TEST

START_TEST(threshold_0_never_opens)
{
	const struct api_breaker_rule never = { 0, 30 * S };
	struct api_breaker b = { 0 };

	for (int i = 0; i < 1000; i++)
		api_breaker_tell(&b, &never, false, API_FAILURE, 0, 0);
	ck_assert_int_eq(api_breaker_ask(&b, &never, 0, &waits), API_GO);
}
END_TEST

static char listed[4096];

static void
list_one(void *arg, const struct api_breaker_info *i)
{
	(void)arg;
	snprintf(listed + strlen(listed), sizeof(listed) - strlen(listed), "%s:%s%s ",
	    i->agent, api_breaker_name(i->state), i->by_hand ? "!" : "");
}

static enum api_verdict
breakers_ask(struct api_breakers *t, const char *who, int64_t now)
{
	char reason[256];
	bool trip;

	return api_breakers_ask(t, who, now, &waits, &trip, reason);
}

START_TEST(agents_have_breakers_of_their_own_and_trips_by_hand_last)
{
	struct api_breakers *t = api_breakers_new(&rule);
	struct api_trip *v = calloc(1, sizeof(*v));
	unsigned open;
	uint64_t trips;

	ck_assert(!api_breakers_active(t));
	for (int i = 0; i < 3; i++)
		api_breakers_tell(t, "bad", false, API_FAILURE, 0, 0);
	api_breakers_tell(t, "good", false, API_SUCCESS, 0, 0);
	snprintf(v->agent, sizeof(v->agent), "evil");
	api_breakers_set_trips(t, v, 1);
	ck_assert(api_breakers_active(t));
	ck_assert_int_eq(breakers_ask(t, "bad", S), API_STOP);
	ck_assert_int_eq(breakers_ask(t, "good", S), API_GO);
	ck_assert_int_eq(breakers_ask(t, "evil", 1000 * S), API_STOP);
	api_breakers_tell(t, "evil", true, API_SUCCESS, 0, 0);
	ck_assert_int_eq(breakers_ask(t, "evil", 1000 * S), API_STOP);
	listed[0] = '\0';
	api_breakers_each(t, list_one, NULL);
	ck_assert_str_eq(listed, "evil:open! bad:open ");
	api_breakers_count(t, &open, &trips);
	ck_assert_uint_eq(open, 2);
	ck_assert_uint_eq(trips, 1);
	api_breakers_reset(t, "bad");
	api_breakers_reset(t, "nobody");
	api_breakers_set_trips(t, NULL, 0);
	ck_assert_int_eq(breakers_ask(t, "bad", S), API_GO);
	ck_assert_int_eq(breakers_ask(t, "evil", S), API_GO);
	ck_assert(!api_breakers_active(t));
	api_breakers_free(t);
}
END_TEST

START_TEST(a_hundred_thousand_failing_agents_do_not_push_out_an_open_breaker)
{
	struct api_breakers *t = api_breakers_new(&rule);
	char name[32];

	for (int i = 0; i < 3; i++)
		api_breakers_tell(t, "bad", false, API_FAILURE, 0, 0);
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "agent-%d", i);
		api_breakers_tell(t, name, false, API_FAILURE, i, 0);
	}
	ck_assert_int_eq(breakers_ask(t, "bad", S), API_STOP);
	api_breakers_free(t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_second_lets_in_its_number_then_one_at_a_time);
	tcase_add_test(t, a_class_is_full_for_everybody_and_others_are_not_charged);
	tcase_add_test(t, an_ipv6_address_counts_by_its_64_bits);
	tcase_add_test(t, who_cannot_prove_who_they_are_pays_with_their_address);
	tcase_add_test(t, an_agents_own_limit_goes_before_the_common_one);
	tcase_add_test(t, a_limit_beyond_all_measure_limits_nobody);
	tcase_add_test(t, asking_for_room_charges_nobody);
	tcase_add_test(t, a_quota_lasts_until_the_day_ends);
	tcase_add_test(t, what_is_under_way_counts_for_a_quota_until_it_is_given_back);
	tcase_add_test(t, a_flood_of_addresses_does_not_free_one_that_is_full);
	tcase_add_test(t, failures_in_a_row_open_it_and_a_success_between_does_not_count);
	tcase_add_test(t, after_the_time_one_trial_decides);
	tcase_add_test(t, a_trial_without_a_verdict_leaves_room_for_another);
	tcase_add_test(t, threshold_0_never_opens);
	tcase_add_test(t, agents_have_breakers_of_their_own_and_trips_by_hand_last);
	tcase_add_test(t,
	    a_hundred_thousand_failing_agents_do_not_push_out_an_open_breaker);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
