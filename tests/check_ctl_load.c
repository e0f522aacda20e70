/* SPDX-License-Identifier: Apache-2.0 */
/* check_ctl_load.c - the control socket: many clients, and limits. */
#include "config.h"
#include "fs/ctl_impl.h"
#include "core/store_impl.h"
#include "tests/ctl_util.h"

/* ---- many at once ---- */

START_TEST(a_pipeline_is_answered_whatever_the_order)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct made *m = calloc(2000, sizeof(*m));
	uint64_t *req = calloc(2000, sizeof(*req)), status;
	struct steme_answer a;
	struct steme_buf b = {0};

	for (int i = 0; i < 2000; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		m[i] = make_claim(&D.g.ann, "pipe/line", "p", v, T0 - i);
	}
	/* A slow one first: what comes after it is not held up. */
	ck_assert_int_eq(steme_client_submit(c, STEME_MSG_STATUS, "", 0, &status), 0);
	for (int i = 0; i < 2000; i++) {
		steme_buf_clear(&b);
		steme_msg_put_puts(&b, 1);
		put_made(&b, &m[i]);
		ck_assert_int_eq(steme_client_submit(c, STEME_MSG_PUT, b.data, b.len,
		    &req[i]), STEME_OK);
	}
	/* Backwards: those that came before are kept. */
	for (int i = 1999; i >= 0; i--) {
		struct steme_msg_put_result r;
		struct steme_rd rd;

		ck_assert_int_eq(steme_client_wait(c, req[i], &a), STEME_OK);
		ck_assert_int_eq(a.err, STEME_OK);
		rd = steme_rd_from(a.data, a.len);
		ck_assert_int_eq(steme_msg_next_result(&rd, &r), STEME_OK);
		ck_assert_int_eq(r.err, STEME_OK);
		ck_assert(steme_id_eq(&r.id, &m[i].id));
		made_free(&m[i]);
	}
	ck_assert_int_eq(steme_client_wait(c, status, &a), STEME_OK);
	ck_assert_int_eq(a.err, STEME_OK);
	steme_client_close(c);
	steme_buf_fini(&b);
	free(m);
	free(req);
}
END_TEST

struct writer {
	pthread_t t;
	int n, bad;
	unsigned id;
};

static void *
write_some(void *arg)
{
	struct writer *w = arg;
	struct steme_client *c = client(&D, STEME_ROLE_WRITER);
	struct steme_msg_put_result r;
	struct steme_why why;

	for (int i = 0; i < w->n; i++) {
		struct steme_query q;
		struct steme_buf b = {0};
		struct made m;
		char v[32], path[32];

		snprintf(v, sizeof(v), "w%u-%d", w->id, i);
		snprintf(path, sizeof(path), "many/%u", w->id);
		m = make_claim(&D.g.ann, path, "p", v, T0 - 1000 + i);
		if (steme_client_put(c, (struct steme_str){ (const char *)m.bytes, m.n },
		    &m.sig, &r, &why) != STEME_OK || r.status != STEME_CREATED)
			w->bad++;
		made_free(&m);
		/* An acknowledged write is seen by the next read. */
		steme_query_init(&q);
		q.concept = steme_str_from(path);
		if (steme_client_query(c, &q, &b, &why) != STEME_OK ||
		    strstr((const char *)b.data, v) == NULL)
			w->bad++;
		steme_buf_fini(&b);
	}
	steme_client_close(c);
	return NULL;
}

START_TEST(two_hundred_connections_write_and_read_their_own_writes)
{
	struct writer w[200];

	for (unsigned i = 0; i < 200; i++) {
		w[i] = (struct writer){ .n = 5, .id = i };
		ck_assert_int_eq(pthread_create(&w[i].t, NULL, write_some, &w[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		pthread_join(w[i].t, NULL);
		ck_assert_int_eq(w[i].bad, 0);
	}
	ck_assert_uint_eq(stats().accepted, 200);
}
END_TEST

START_TEST(writers_that_write_at_once_share_syncs)
{
	struct steme_store_stats before, after;
	struct writer w[32];

	/* each group takes a while: the next gathers whoever comes meanwhile */
	atomic_store(&D.g.commit_us, 20000);
	steme_store_stats(D.g.s, &before);
	for (unsigned i = 0; i < 32; i++) {
		w[i] = (struct writer){ .n = 20, .id = i };
		ck_assert_int_eq(pthread_create(&w[i].t, NULL, write_some, &w[i]), 0);
	}
	for (unsigned i = 0; i < 32; i++) {
		pthread_join(w[i].t, NULL);
		ck_assert_int_eq(w[i].bad, 0);
	}
	steme_store_stats(D.g.s, &after);
	ck_assert_uint_eq(after.commit_records - before.commit_records, 640);
	ck_assert_uint_lt(after.wal.syncs - before.wal.syncs, 400);
}
END_TEST

/* ---- limits ---- */

START_TEST(too_many_connections_are_told_so)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1, .max_connections = 8 };
	struct steme_client *c[8], *more = NULL;
	struct steme_why why = { "" };

	again(&o);
	for (int i = 0; i < 8; i++)
		c[i] = client(&D, STEME_ROLE_NONE);
	ck_assert_int_eq(steme_client_open(&more, D.path, STEME_ROLE_NONE, &why),
	    STEME_ELIMIT);
	ck_assert_ptr_nonnull(strstr(why.text, "too many connections"));
	steme_client_close(c[0]);
	for (int i = 0; more == NULL && i < 500; i++) {
		if (steme_client_open(&more, D.path, STEME_ROLE_NONE, &why) != 0)
			usleep(10000);
	}
	ck_assert_ptr_nonnull(more);
	steme_client_close(more);
	for (int i = 1; i < 8; i++)
		steme_client_close(c[i]);
	if (getuid() != 0)
		return;
	/* Readers leave a quarter to those who may write. */
	again(&o);
	for (int i = 0; i < 6; i++)
		c[i] = client(&D, STEME_ROLE_NONE);
	ck_assert_int_eq(role_of(&D, 23456, NULL, 0), 99);
	c[6] = client(&D, STEME_ROLE_NONE);
	for (int i = 0; i < 7; i++)
		steme_client_close(c[i]);
}
END_TEST

START_TEST(requests_in_hand_are_bounded_and_none_is_lost)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1, .max_inflight = 4 };
	struct steme_client *c;
	uint64_t req[500];
	struct steme_answer a;

	again(&o);
	c = client(&D, STEME_ROLE_NONE);
	for (int i = 0; i < 500; i++)	/* STATUS goes to a worker */
		ck_assert_int_eq(steme_client_submit(c, i % 2 ? STEME_MSG_STATUS :
		    STEME_MSG_PING, "", 0, &req[i]), STEME_OK);
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(steme_client_wait(c, req[i], &a), STEME_OK);
		ck_assert_int_eq(a.err, STEME_OK);
	}
	steme_client_close(c);
}
END_TEST

START_TEST(who_does_not_read_does_not_make_the_daemon_swell)
{
	struct steme_query q;
	struct steme_buf b = {0}, frame = {0};
	uint64_t handled;
	int fd = raw_connect(&D);

	fill(1, 60000);
	raw_greet(fd);
	steme_query_init(&q);
	q.concept = STEME_LIT("fill/a");
	steme_msg_put_query(&b, &q);
	for (int i = 0; i < 1000; i++) {	/* 60 MB of answers, if all were made */
		steme_sock_header(&frame, b.len, STEME_MSG_QUERY, 1 + (uint64_t)i);
		steme_buf_put(&frame, b.data, b.len);
	}
	ck_assert(send(fd, frame.data, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
	usleep(300000);
	handled = stats().requests;
	ck_assert_msg(handled < 60, "%lu handled", (unsigned long)handled);
	ck_assert_uint_eq(stats().overflows, 0);
	still_serves();
	/* When it reads at last, everything comes. */
	for (int i = 0; i < 1000; i++) {
		struct steme_frame f;

		steme_buf_clear(&b);
		ck_assert(raw_answer(fd, &f, &b));
		ck_assert_uint_eq(f.flags & ~STEME_F_MORE, STEME_F_REPLY);
		if (f.flags & STEME_F_MORE)
			i--;
	}
	close(fd);
	steme_buf_fini(&b);
	steme_buf_fini(&frame);
}
END_TEST

START_TEST(small_answers_that_nobody_reads_pause_reading_too)
{
	uint8_t pad[4000] = { 0 };
	struct steme_buf b = {0};
	int fd = raw_connect(&D);

	raw_greet(fd);
	for (int i = 0; i < 2000; i++) {	/* 8 MB, there and back */
		steme_sock_header(&b, sizeof(pad), STEME_MSG_PING, 1);
		steme_buf_put(&b, pad, sizeof(pad));
	}
	for (size_t at = 0; at < b.len; ) {
		ssize_t n = send(fd, b.data + at, b.len - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0) {
			struct pollfd p = { fd, POLLOUT, 0 };

			if (poll(&p, 1, 300) <= 0)
				break;
			continue;
		}
		at += (size_t)n;
	}
	ck_assert_uint_lt(stats().requests, 1000);
	ck_assert_uint_eq(stats().overflows, 0);
	close(fd);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(no_more_is_taken_in_hand_than_the_limit)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1, .max_inflight = 4 };
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_buf b = {0};
	struct steme_frame f;
	int fd;

	again(&o);
	fd = raw_connect(&D);
	raw_greet(fd);
	steme_msg_put_log(&b, &m);
	for (unsigned i = 0; i < 20; i++)
		raw_frame(fd, STEME_MSG_WATCH, 0, i, b.data, b.len);
	for (int i = 0; i < 100 && stats().requests < 5; i++)
		usleep(10000);
	usleep(50000);
	ck_assert_uint_eq(stats().requests, 5);	/* HELLO, and four */
	/* One that ends makes place for the next. */
	must_claim(D.g.s, &D.g.ann, "a", "p", "v", T0);
	for (int i = 0; i < 4; i++) {
		steme_buf_clear(&b);
		ck_assert(raw_answer(fd, &f, &b));
		ck_assert_uint_eq(f.flags, STEME_F_REPLY | STEME_F_MORE);
	}
	close(fd);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(large_requests_are_bounded_by_their_bytes)
{
	enum { FRAMES = 40, CLAIMS = 16, VALUE = 60000 };
	struct made m[CLAIMS];
	struct steme_buf b = {0}, frame = {0};
	struct steme_frame f;
	size_t at = 0;
	char *v = malloc(VALUE + 1);
	int fd = raw_connect(&D), done = 0;

	raw_greet(fd);
	memset(v, 'x', VALUE);
	v[VALUE] = '\0';
	steme_msg_put_puts(&b, CLAIMS);
	for (int i = 0; i < CLAIMS; i++) {
		m[i] = make_claim(&D.g.ann, "a/b", "p", v, T0 - i);
		steme_msg_put_item(&b, (struct steme_str){ (const char *)m[i].bytes,
		    m[i].n }, &m[i].sig);
	}
	for (unsigned i = 0; i < FRAMES; i++) {
		steme_sock_header(&frame, b.len, STEME_MSG_PUT, i + 1);
		steme_buf_put(&frame, b.data, b.len);
	}
	/* nobody commits meanwhile, so nothing is answered */
	steme_lead_acquire(D.g.s);
	while (at < frame.len) {
		struct pollfd p = { fd, POLLOUT, 0 };
		ssize_t n = send(fd, frame.data + at, frame.len - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			at += (size_t)n;
		else if (poll(&p, 1, 500) <= 0)
			break;
	}
	ck_assert_uint_lt(stats().requests, 12);	/* HELLO, and 8 MiB of them */
	steme_lead_release(D.g.s);
	while (done < FRAMES) {
		ssize_t n = at < frame.len ? send(fd, frame.data + at, frame.len - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
		struct pollfd p = { fd, POLLIN, 0 };

		at += n > 0 ? (size_t)n : 0;
		if (poll(&p, 1, 10) <= 0)
			continue;
		steme_buf_clear(&b);
		ck_assert(raw_answer(fd, &f, &b));
		ck_assert_uint_eq(f.flags & STEME_F_ERROR, 0);
		done += !(f.flags & STEME_F_MORE);
	}
	close(fd);
	for (int i = 0; i < CLAIMS; i++)
		made_free(&m[i]);
	free(v);
	steme_buf_fini(&b);
	steme_buf_fini(&frame);
}
END_TEST

START_TEST(a_long_answer_comes_in_frames)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	struct steme_query q;

	fill(60, 60000);
	steme_query_init(&q);
	q.concept = STEME_LIT("fill/a");
	ck_assert_msg(steme_client_history(c, &q, &b, &why) == 0, "%s", why.text);
	ck_assert_uint_gt(b.len, 3600000);
	ck_assert_ptr_nonnull(strstr((const char *)b.data, "\"next_cursor\""));
	steme_buf_fini(&b);
	steme_client_close(c);
}
END_TEST

START_TEST(too_much_unread_ends_the_connection)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1, .max_unread = 256 << 10 };
	struct steme_buf b = {0}, frame = {0};
	uint8_t pad[4000] = { 0 };
	int fd, small = 4096;

	/* Less than what pauses reading: answers of one turn go over it. */
	again(&o);
	fd = raw_connect(&D);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	raw_greet(fd);
	for (int i = 0; i < 2000; i++) {
		steme_sock_header(&frame, sizeof(pad), STEME_MSG_PING, 1);
		steme_buf_put(&frame, pad, sizeof(pad));
	}
	raw_send(fd, frame.data, frame.len);
	for (int i = 0; i < 500 && stats().overflows == 0; i++)
		usleep(10000);
	ck_assert_uint_eq(stats().overflows, 1);
	for (int i = 0; i < 500 && stats().connections > 0; i++)
		usleep(10000);
	ck_assert_uint_eq(stats().connections, 0);
	close(fd);
	still_serves();
	steme_buf_fini(&b);
	steme_buf_fini(&frame);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ctl_load");
	TCase *t = tcase_create("many");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_pipeline_is_answered_whatever_the_order);
	tcase_add_test(t, two_hundred_connections_write_and_read_their_own_writes);
	tcase_add_test(t, writers_that_write_at_once_share_syncs);
	tcase_add_test(t, too_many_connections_are_told_so);
	tcase_add_test(t, requests_in_hand_are_bounded_and_none_is_lost);
	tcase_add_test(t, who_does_not_read_does_not_make_the_daemon_swell);
	tcase_add_test(t, small_answers_that_nobody_reads_pause_reading_too);
	tcase_add_test(t, no_more_is_taken_in_hand_than_the_limit);
	tcase_add_test(t, large_requests_are_bounded_by_their_bytes);
	tcase_add_test(t, a_long_answer_comes_in_frames);
	tcase_add_test(t, too_much_unread_ends_the_connection);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
