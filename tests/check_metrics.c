/* SPDX-License-Identifier: Apache-2.0 */
/* check_metrics.c - the registry and its text form. */
#include "config.h"
#include "core/metrics.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct steme_metrics *m;

static void
setup(void)
{
	ck_assert_int_eq(steme_metrics_new(&m), 0);
}

static void
teardown(void)
{
	steme_metrics_free(m);
}

static char *
text(void)
{
	static char out[65536];
	struct steme_buf b = {0};

	steme_metrics_write(m, &b);
	ck_assert_int_eq(steme_buf_err(&b), 0);
	ck_assert_uint_lt(b.len, sizeof(out));
	memcpy(out, b.data == NULL ? (const uint8_t *)"" : b.data, b.len + 1);
	steme_buf_fini(&b);
	return out;
}

START_TEST(counters_and_gauges_are_written_with_help_type_and_labels)
{
	struct steme_family *c = steme_family(m, STEME_COUNTER, "a_total",
	    "Things.", "node,path");

	steme_add(steme_series(c, "n1", "/x"), 3);
	steme_add(steme_series(c, "n1", "/x"), 2);
	steme_set(steme_series0(steme_family(m, STEME_GAUGE, "g", "G.", NULL)),
	    0.25);
	ck_assert_str_eq(text(), "# HELP a_total Things.\n"
	    "# TYPE a_total counter\na_total{node=\"n1\",path=\"/x\"} 5\n"
	    "# HELP g G.\n# TYPE g gauge\ng 0.25\n");
}
END_TEST

START_TEST(label_values_are_escaped)
{
	struct steme_family *c = steme_family(m, STEME_COUNTER, "a_total", "A.",
	    "v");
	char out[64];

	steme_add(steme_series(c, "a\"b\\c\nd"), 1);
	ck_assert_ptr_nonnull(strstr(text(), "a_total{v=\"a\\\"b\\\\c\\nd\"} 1"));
	steme_label_encode(out, sizeof(out), "a b\"\xc3\xa9%", 7);
	ck_assert_str_eq(out, "a%20b%22%C3%A9%25");
	steme_label_encode(out, 4, "a b", 3);
	ck_assert_str_eq(out, "a");
}
END_TEST

START_TEST(a_family_over_its_cap_puts_the_rest_under_other)
{
	struct steme_family *c = steme_family(m, STEME_COUNTER, "a_total", "A.",
	    "v");

	steme_family_cap(c, 2);
	steme_add(steme_series(c, "1"), 1);
	steme_add(steme_series(c, "2"), 1);
	steme_add(steme_series(c, "3"), 1);
	steme_add(steme_series(c, "4"), 1);
	steme_add(steme_series(c, "1"), 1);
	ck_assert_ptr_nonnull(strstr(text(), "a_total{v=\"1\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text(), "a_total{v=\"other\"} 2\n"));
	ck_assert_ptr_null(strstr(text(), "v=\"3\""));
}
END_TEST

START_TEST(a_histogram_is_cumulative)
{
	static const double bounds[] = { 1, 2 };
	struct steme_family *h = steme_family(m, STEME_HISTOGRAM, "h_seconds",
	    "H.", NULL);
	struct steme_series *s;

	steme_family_buckets(h, bounds, 2);
	s = steme_series0(h);
	steme_observe(s, 1);
	steme_observe(s, 1.5);
	steme_observe(s, 9);
	ck_assert_str_eq(text(), "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
	    "h_seconds_bucket{le=\"1\"} 1\nh_seconds_bucket{le=\"2\"} 2\n"
	    "h_seconds_bucket{le=\"+Inf\"} 3\nh_seconds_sum 11.5\n"
	    "h_seconds_count 3\n");
}
END_TEST

START_TEST(a_summary_gives_quantiles_within_five_percent)
{
	struct steme_series *s = steme_series0(steme_family(m, STEME_SUMMARY,
	    "s_seconds", "S.", NULL));
	double q;

	ck_assert_ptr_nonnull(strstr(text(), "s_seconds{quantile=\"0.99\"} 0\n"));
	for (int i = 1; i <= 1000; i++)
		steme_observe(s, i / 1000.0);
	ck_assert_int_eq(sscanf(strstr(text(), "s_seconds{quantile=\"0.99\"} "),
	    "s_seconds{quantile=\"0.99\"} %lf", &q), 1);
	ck_assert_double_ge(q, 0.94);
	ck_assert_double_le(q, 1.04);
	ck_assert_int_eq(sscanf(strstr(text(), "s_seconds{quantile=\"0.5\"} "),
	    "s_seconds{quantile=\"0.5\"} %lf", &q), 1);
	ck_assert_double_ge(q, 0.475);
	ck_assert_double_le(q, 0.525);
	ck_assert_ptr_nonnull(strstr(text(), "s_seconds_count 1000\n"));
}
END_TEST

static void *
add_many(void *arg)
{
	struct steme_family *f = arg;

	for (int i = 0; i < 10000; i++)
		steme_add(steme_series(f, i % 2 ? "a" : "b"), 1);
	return NULL;
}

START_TEST(threads_lose_no_increment)
{
	struct steme_family *f = steme_family(m, STEME_COUNTER, "a_total", "A.",
	    "v");
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, add_many, f);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_ptr_nonnull(strstr(text(), "a_total{v=\"a\"} 20000\n"));
}
END_TEST

START_TEST(the_process_tells_its_memory_and_descriptors)
{
	steme_process_metrics(m, "stemefs");
	ck_assert_ptr_nonnull(strstr(text(),
	    "process_resident_memory_bytes{process=\"stemefs\"} "));
	ck_assert_ptr_null(strstr(text(), "process_open_fds{process=\"stemefs\"} 0\n"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, counters_and_gauges_are_written_with_help_type_and_labels);
	tcase_add_test(t, label_values_are_escaped);
	tcase_add_test(t, a_family_over_its_cap_puts_the_rest_under_other);
	tcase_add_test(t, a_histogram_is_cumulative);
	tcase_add_test(t, a_summary_gives_quantiles_within_five_percent);
	tcase_add_test(t, threads_lose_no_increment);
	tcase_add_test(t, the_process_tells_its_memory_and_descriptors);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
