/* SPDX-License-Identifier: Apache-2.0 */
/* check_cond.c - waits that end by a signal or by the monotonic clock. */
#include "config.h"
#include "core/cond.h"

#include "core/clock.h"
#include "core/err.h"

#include <check.h>

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static bool said;

static void
setup(void)
{
	steme_cond_init(&cond);
	MUST(pthread_mutex_lock(&mu));
}

static void
teardown(void)
{
	MUST(pthread_mutex_unlock(&mu));
	MUST(pthread_cond_destroy(&cond));
}

START_TEST(a_wait_that_nobody_ends_lasts_its_time)
{
	int64_t begin = steme_mono_us(&steme_clock_system), until = begin + 30000;

	while (steme_cond_wait_until(&cond, &mu, until))
		;
	ck_assert_int_ge(steme_mono_us(&steme_clock_system), until);
	while (steme_cond_wait_us(&cond, &mu, 30000))
		;
	ck_assert_int_ge(steme_mono_us(&steme_clock_system) - begin, 60000);
}
END_TEST

START_TEST(a_wait_until_a_time_that_was_is_over)
{
	ck_assert(!steme_cond_wait_until(&cond, &mu, 1999999));
	ck_assert(!steme_cond_wait_us(&cond, &mu, 0));
}
END_TEST

static void *
say(void *arg)
{
	(void)arg;
	MUST(pthread_mutex_lock(&mu));
	said = true;
	MUST(pthread_cond_signal(&cond));
	MUST(pthread_mutex_unlock(&mu));
	return NULL;
}

START_TEST(a_signal_ends_a_wait)
{
	bool in_time = true;
	pthread_t t;

	said = false;
	MUST(pthread_create(&t, NULL, say, NULL));
	while (!said && in_time)
		in_time = steme_cond_wait_us(&cond, &mu, INT64_C(3600000000));
	ck_assert(said && in_time);
	MUST(pthread_mutex_unlock(&mu));
	MUST(pthread_join(t, NULL));
	MUST(pthread_mutex_lock(&mu));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("cond");
	TCase *t = tcase_create("cond");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_wait_that_nobody_ends_lasts_its_time);
	tcase_add_test(t, a_wait_until_a_time_that_was_is_over);
	tcase_add_test(t, a_signal_ends_a_wait);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
