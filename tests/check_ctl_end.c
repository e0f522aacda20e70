/* SPDX-License-Identifier: Apache-2.0 */
/* check_ctl_end.c - the control socket: how streams, connections and the socket itself end. */
#include "config.h"
#include "fs/ctl_impl.h"
#include "core/store_impl.h"
#include "tests/ctl_util.h"

static int
see_two(void *arg, const struct steme_record *r)
{
	int *n = arg;

	ck_assert_uint_eq(r->lsn, 2 + (unsigned)*n);
	return ++*n == 2 ? 7 : 0;
}

START_TEST(a_watch_is_ended_by_its_client_and_the_connection_stays)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_why why = { "" };
	int n = 0;

	fill(5, 10);
	ck_assert_int_eq(steme_client_watch(c, 2, see_two, &n, &why), 7);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, &why), 0);
	steme_client_close(c);
}
END_TEST

START_TEST(cancel_says_whether_there_was_anything)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_buf b = {0}, out = {0};
	struct steme_answer a;
	uint64_t watch;

	steme_msg_put_log(&b, &m);
	ck_assert_int_eq(steme_client_submit(c, STEME_MSG_WATCH, b.data, b.len,
	    &watch), 0);
	for (int i = 0; i < 2; i++) {
		steme_buf_clear(&b);
		steme_buf_clear(&out);
		steme_msg_put_cancel(&b, i == 0 ? watch : watch + 1000);
		ck_assert_int_eq(steme_client_ask(c, STEME_MSG_CANCEL, b.data, b.len,
		    &out, NULL), STEME_OK);
		ck_assert_uint_eq(out.len, 1);
		ck_assert_uint_eq(out.data[0], i == 0);
	}
	ck_assert_int_eq(steme_client_wait(c, watch, &a), STEME_OK);
	ck_assert_int_eq(a.err, STEME_ECANCELED);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_CANCEL, "x", 1, NULL, NULL),
	    STEME_EPROTO);
	steme_buf_fini(&b);
	steme_buf_fini(&out);
	steme_client_close(c);
}
END_TEST

START_TEST(watchers_that_vanish_leave_nothing_behind)
{
	struct steme_msg_log m = { 1, UINT64_MAX, 0 };
	struct steme_buf b = {0};

	fill(3, 50000);
	steme_msg_put_log(&b, &m);
	/* More than may be open at once, one after the other. */
	for (int i = 0; i < 400; i++) {
		int fd = raw_connect(&D);

		raw_greet(fd);
		raw_frame(fd, STEME_MSG_WATCH, 0, 1, b.data, b.len);
		close(fd);
	}
	for (int i = 0; i < 500 && stats().connections > 0; i++)
		usleep(10000);
	ck_assert_uint_eq(stats().connections, 0);
	usleep(50000);
	/* A place is free. */
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	int n = 0;

	ck_assert_int_eq(steme_client_watch(c, 2, see_two, &n, NULL), 7);
	steme_client_close(c);
	steme_buf_fini(&b);
}
END_TEST

/* A PUT long enough for a worker, so that another thread than the connection's answers. */
static void
put_five(struct steme_buf *b)
{
	steme_msg_put_puts(b, 5);
	for (int i = 0; i < 5; i++) {
		char v[12];
		struct made m;

		snprintf(v, sizeof(v), "%d", i);
		m = make_claim(&D.g.ann, "slow", "p", v, T0);
		put_made(b, &m);
		made_free(&m);
	}
}

START_TEST(a_client_that_sends_no_more_still_gets_its_answers)
{
	struct steme_buf b = {0};
	int fd = raw_connect(&D);
	struct steme_frame f;

	atomic_store(&D.g.commit_us, 50000);
	raw_greet(fd);
	put_five(&b);
	raw_frame(fd, STEME_MSG_PUT, 0, 1, b.data, b.len);
	raw_frame(fd, STEME_MSG_PING, 0, 2, "", 0);
	shutdown(fd, SHUT_WR);
	ck_assert_int_eq(raw_error(fd, &f), STEME_OK);
	ck_assert_int_eq(raw_error(fd, &f), STEME_OK);
	raw_is_closed(fd);
	steme_buf_fini(&b);
}
END_TEST

static void *
close_it(void *arg)
{
	steme_ctl_close(arg);
	return NULL;
}

START_TEST(closing_answers_what_is_in_hand)
{
	struct steme_client *c = client(&D, STEME_ROLE_WRITER);
	struct steme_buf b = {0};
	struct steme_answer a;
	uint64_t req[101];
	uint64_t seen = stats().requests;
	pthread_t closer;
	int answered = 0;

	atomic_store(&D.g.commit_us, 100000);
	put_five(&b);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(steme_client_submit(c, STEME_MSG_STATUS, "", 0,
		    &req[i]), 0);
	ck_assert_int_eq(steme_client_submit(c, STEME_MSG_PUT, b.data, b.len,
	    &req[100]), 0);
	ck_assert_int_eq(steme_client_flush(c), 0);
	while (stats().requests < seen + 101)
		usleep(1000);
	/* in a thread of its own: more answers than a socket takes if nobody reads */
	ck_assert_int_eq(pthread_create(&closer, NULL, close_it, D.ctl), 0);
	D.ctl = NULL;
	for (int i = 0; i <= 100; i++)
		if (steme_client_wait(c, req[i], &a) == STEME_OK && a.err == 0)
			answered++;
	pthread_join(closer, NULL);
	ck_assert_int_eq(answered, 101);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, NULL),
	    STEME_ECONN);
	steme_client_close(c);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(the_end_waits_as_long_as_less_is_left)
{
	struct ctl_patience p = CTL_PATIENT;
	int64_t now = 1000000;

	/* a whole day, if it must be */
	for (uint64_t left = 100000; left > 0; left--, now += CTL_QUIET_MS - 1)
		ck_assert(!steme_ctl_waited(&p, left, now));
	ck_assert(steme_ctl_waited(&p, 0, now));
	p = CTL_PATIENT;
	ck_assert(!steme_ctl_waited(&p, 7, now));
	ck_assert(!steme_ctl_waited(&p, 7, now + CTL_QUIET_MS - 1));
	ck_assert(steme_ctl_waited(&p, 7, now + CTL_QUIET_MS));
}
END_TEST

START_TEST(closing_lets_a_long_answer_be_read_to_its_end)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_ctl *ctl = D.ctl;
	struct steme_query q;
	struct steme_buf b = {0};
	struct steme_answer a;
	pthread_t closer;
	uint64_t req;

	fill(60, 60000);
	steme_query_init(&q);
	q.concept = STEME_LIT("fill/a");
	steme_msg_put_query(&b, &q);
	ck_assert_int_eq(steme_client_submit(c, STEME_MSG_HISTORY, b.data, b.len, &req),
	    0);
	ck_assert_int_eq(steme_client_flush(c), 0);
	while (stats().requests < 2)
		usleep(1000);
	atomic_fetch_add(&ctl->refs, 1);	/* to be looked at though it is closed */
	ck_assert_int_eq(pthread_create(&closer, NULL, close_it, ctl), 0);
	D.ctl = NULL;
	while (!atomic_load(&ctl->stop))
		usleep(1000);
	ck_assert_int_eq(steme_client_wait(c, req, &a), STEME_OK);
	ck_assert_int_eq(a.err, STEME_OK);
	ck_assert_uint_gt(a.len, 3600000);
	pthread_join(closer, NULL);
	steme_ctl_put(ctl);
	steme_client_close(c);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(work_that_outlives_the_socket_is_no_harm)
{
	struct steme_client *c = client(&D, STEME_ROLE_ADMIN);
	uint64_t req;

	fill(200, 1000);
	ck_assert_int_eq(steme_client_submit(c, STEME_MSG_VERIFY, "\0", 1, &req), 0);
	ck_assert_int_eq(steme_client_flush(c), 0);
	while (stats().requests < 2)
		usleep(100);
	stop_serving();
	steme_client_close(c);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ctl_end");
	TCase *t = tcase_create("ends");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_watch_is_ended_by_its_client_and_the_connection_stays);
	tcase_add_test(t, cancel_says_whether_there_was_anything);
	tcase_add_test(t, watchers_that_vanish_leave_nothing_behind);
	tcase_add_test(t, a_client_that_sends_no_more_still_gets_its_answers);
	tcase_add_test(t, closing_answers_what_is_in_hand);
	tcase_add_test(t, the_end_waits_as_long_as_less_is_left);
	tcase_add_test(t, closing_lets_a_long_answer_be_read_to_its_end);
	tcase_add_test(t, work_that_outlives_the_socket_is_no_harm);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
