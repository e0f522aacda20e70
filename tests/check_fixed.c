/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_fixed.c - integer decay and entropy against references in long double, which
 * only tests may use.
 */
#include "config.h"
#include "core/fixed.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define DAY	INT64_C(86400000000)
#define UNIT	4294967296.0L
#define ROUNDS	200000

static uint64_t seed = 20261121;

static long double
distance(uint64_t got, long double want)
{
	return fabsl((long double)got - want);
}

START_TEST(decay_halves_with_each_half_life)
{
	ck_assert_uint_eq(steme_fixed_decay(0, 30), UINT64_C(1) << 32);
	for (unsigned i = 0; i <= 32; i++)
		ck_assert_uint_eq(steme_fixed_decay(30 * DAY * i, 30),
		    (UINT64_C(1) << 32) >> i);
	/* half of the last unit rounds up, a quarter does not */
	ck_assert_uint_eq(steme_fixed_decay(30 * DAY * 33, 30), 1);
	ck_assert_uint_eq(steme_fixed_decay(30 * DAY * 34, 30), 0);
	ck_assert_uint_eq(steme_fixed_decay(INT64_MAX, 1), 0);
}
END_TEST

START_TEST(what_never_decays_or_is_of_the_future_keeps_all)
{
	ck_assert_uint_eq(steme_fixed_decay(INT64_MAX, 0), UINT64_C(1) << 32);
	ck_assert_uint_eq(steme_fixed_decay(-5, 30), UINT64_C(1) << 32);
	ck_assert_uint_eq(steme_fixed_decay(INT64_MIN, 30), UINT64_C(1) << 32);
	ck_assert_int_eq(steme_fixed_decayed(9500, 400 * DAY, 0), 9500);
}
END_TEST

START_TEST(decay_is_within_its_bound_of_the_true_value)
{
	long double worst = 0, d;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t days = (uint32_t)(random_next(&seed) % 4000 + 1);
		int64_t age = (int64_t)(random_next(&seed) % ((uint64_t)DAY * 40000));

		d = distance(steme_fixed_decay(age, days),
		    exp2l(-(long double)age / ((long double)days * DAY)) * UNIT);
		worst = fmaxl(worst, d);
	}
	ck_assert_msg(worst < 0.501L, "off by %Lf units", worst);
}
END_TEST

START_TEST(an_extreme_half_life_does_not_overflow)
{
	long double want = exp2l(-(long double)INT64_MAX /
	    ((long double)UINT32_MAX * DAY)) * UNIT;

	ck_assert(distance(steme_fixed_decay(INT64_MAX, UINT32_MAX), want) < 0.501L);
}
END_TEST

START_TEST(decay_never_grows_with_age)
{
	uint64_t before = UINT64_C(1) << 32, now;

	for (int64_t age = 0; age < 200 * DAY; age += DAY / 97) {
		now = steme_fixed_decay(age, 30);
		ck_assert_uint_le(now, before);
		before = now;
	}
}
END_TEST

START_TEST(a_decayed_confidence_is_rounded_half_up)
{
	ck_assert_int_eq(steme_fixed_decayed(10000, 30 * DAY, 30), 5000);
	ck_assert_int_eq(steme_fixed_decayed(1, 30 * DAY, 30), 1);
	ck_assert_int_eq(steme_fixed_decayed(3, 30 * DAY, 30), 2);
	ck_assert_int_eq(steme_fixed_decayed(1, 60 * DAY, 30), 0);
	ck_assert_int_eq(steme_fixed_decayed(-1, 30 * DAY, 30), 0);
	ck_assert_int_eq(steme_fixed_decayed(-3, 30 * DAY, 30), -1);
	/* the predecessor's table: 0.95, clinical, at 200 days */
	ck_assert_int_eq(steme_fixed_decayed(10000, 200 * DAY, 730), 8270);
}
END_TEST

START_TEST(log2_is_within_its_bound_of_the_true_value)
{
	long double worst = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t num = random_next(&seed) >> (random_next(&seed) % 60) | 1;
		uint64_t den = random_next(&seed) % num + 1;

		worst = fmaxl(worst, distance(steme_fixed_log2(num, den),
		    (log2l((long double)num) - log2l((long double)den)) * UNIT));
	}
	ck_assert_msg(worst < 0.501L, "off by %Lf units", worst);
}
END_TEST

START_TEST(log2_of_powers_of_two_is_exact)
{
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(steme_fixed_log2(UINT64_C(1) << i, 1),
		    (uint64_t)i << 32);
	ck_assert_uint_eq(steme_fixed_log2(7, 7), 0);
	ck_assert_uint_eq(steme_fixed_log2(UINT64_MAX, UINT64_MAX), 0);
}
END_TEST

START_TEST(log2_depends_on_the_quotient_only)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t k = random_next(&seed) % 100000 + 1;
		uint64_t w = random_next(&seed) % 100000000 + 1;

		ck_assert_uint_eq(steme_fixed_log2(k * w, w), steme_fixed_log2(k, 1));
	}
}
END_TEST

START_TEST(equal_weights_conflict_fully_and_one_value_not_at_all)
{
	int64_t w[300];

	for (uint32_t k = 2; k <= 300; k++) {
		int64_t each = (int64_t)(random_next(&seed) % 100000);

		for (uint32_t i = 0; i < k; i++)
			w[i] = each;
		ck_assert_int_eq(steme_fixed_conflict(w, k), 10000);
	}
	w[0] = 9;
	w[1] = w[2] = 0;
	ck_assert_int_eq(steme_fixed_conflict(w, 0), 0);
	ck_assert_int_eq(steme_fixed_conflict(w, 1), 0);
	ck_assert_int_eq(steme_fixed_conflict(w, 3), 0);
}
END_TEST

START_TEST(known_entropies_come_out)
{
	/* 70 to 30: 0.8813; 90 to 10: 0.4690; 1 to 2 to 3: 0.9206 */
	ck_assert_int_eq(steme_fixed_conflict((int64_t[]){ 7000, 3000 }, 2), 8813);
	ck_assert_int_eq(steme_fixed_conflict((int64_t[]){ 9000, 1000 }, 2), 4690);
	ck_assert_int_eq(steme_fixed_conflict((int64_t[]){ 1, 2, 3 }, 3), 9206);
}
END_TEST

START_TEST(entropy_agrees_with_the_formula)
{
	for (int i = 0; i < 20000; i++) {
		uint32_t k = (uint32_t)(random_next(&seed) % 20 + 2);
		long double sum = 0, h = 0, got, want;
		int64_t w[21];

		for (uint32_t j = 0; j < k; j++)
			sum += w[j] = (int64_t)(random_next(&seed) % 30000);
		for (uint32_t j = 0; j < k; j++)
			if (w[j] > 0)
				h -= w[j] / sum * log2l(w[j] / sum);
		want = h / log2l(k) * 10000;
		got = steme_fixed_conflict(w, k);
		ck_assert_msg(fabsl(got - want) < 0.50001L, "%Lf, not %Lf", got, want);
	}
}
END_TEST

START_TEST(large_sums_do_not_overflow)
{
	enum { K = 100000 };
	int64_t *w = malloc(K * sizeof(*w));

	ck_assert_ptr_nonnull(w);
	for (int i = 0; i < K; i++)
		w[i] = INT64_C(10000) * 10000000;
	ck_assert_int_eq(steme_fixed_conflict(w, K), 10000);
	free(w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("fixed");
	TCase *t = tcase_create("fixed");

	tcase_add_test(t, decay_halves_with_each_half_life);
	tcase_add_test(t, what_never_decays_or_is_of_the_future_keeps_all);
	tcase_add_test(t, decay_is_within_its_bound_of_the_true_value);
	tcase_add_test(t, an_extreme_half_life_does_not_overflow);
	tcase_add_test(t, decay_never_grows_with_age);
	tcase_add_test(t, a_decayed_confidence_is_rounded_half_up);
	tcase_add_test(t, log2_is_within_its_bound_of_the_true_value);
	tcase_add_test(t, log2_of_powers_of_two_is_exact);
	tcase_add_test(t, log2_depends_on_the_quotient_only);
	tcase_add_test(t, equal_weights_conflict_fully_and_one_value_not_at_all);
	tcase_add_test(t, known_entropies_come_out);
	tcase_add_test(t, entropy_agrees_with_the_formula);
	tcase_add_test(t, large_sums_do_not_overflow);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
