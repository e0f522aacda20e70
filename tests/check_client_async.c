/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_async.c - the pipelined client: each request completes once, come what may. */
#include "config.h"
#include "core/client_async.h"
#include "tests/fake_daemon.h"

struct tally {
	atomic_int done, ok, lost, late, other;
	atomic_size_t bytes;
};

static void
tally_one(void *arg, const struct steme_reply *r)
{
	struct tally *t = arg;

	if (r->err == STEME_OK)
		atomic_fetch_add(&t->ok, 1);
	else if (r->err == STEME_ECONN)
		atomic_fetch_add(&t->lost, 1);
	else if (r->err == STEME_ETIMEOUT)
		atomic_fetch_add(&t->late, 1);
	else
		atomic_fetch_add(&t->other, 1);
	atomic_fetch_add(&t->bytes, r->len);
	atomic_fetch_add(&t->done, 1);
}

/* Counts that come before the awaited one (done, ended) are final then. */
static void
await(atomic_int *v, int n)
{
	for (int i = 0; i < 10000 && atomic_load(v) < n; i++)
		usleep(1000);
	ck_assert_int_eq(atomic_load(v), n);
}

struct states {
	atomic_int ups, downs;
	_Atomic uint64_t boot;
};

static void
on_state(void *arg, const struct steme_msg_welcome *w)
{
	struct states *s = arg;

	if (w != NULL) {
		atomic_store(&s->boot, w->boot);
		atomic_fetch_add(&s->ups, 1);
	} else {
		atomic_fetch_add(&s->downs, 1);
	}
}

static struct steme_aclient *
async(struct states *st)
{
	struct steme_aclient_opts o = { .path = D.path, .program = "test 1",
	    .state = st == NULL ? NULL : on_state, .arg = st };
	struct steme_why why = { "" };
	struct steme_aclient *c;

	ck_assert_int_eq(steme_aclient_new(&c, &o, &why), STEME_OK);
	ck_assert_msg(steme_aclient_wait_up(c, 5000, &why) == 0, "%s", why.text);
	return c;
}

struct pusher {
	pthread_t t;
	struct steme_aclient *c;
	struct tally *tally;
	int n, refused;
	unsigned flags;
};

static void *
push_some(void *arg)
{
	struct pusher *p = arg;

	for (int i = 0; i < p->n; i++) {
		unsigned flags = i % 8 == 7 || i == p->n - 1 ? 0 : p->flags;
		int err;

		do {
			err = steme_aclient_submit(p->c, STEME_MSG_PING, "hello", 5,
			    flags, 10000, tally_one, p->tally, NULL);
			if (err == STEME_EAGAIN)
				usleep(100);
		} while (err == STEME_EAGAIN);
		p->refused += err != STEME_OK;
	}
	return NULL;
}

START_TEST(requests_of_many_threads_complete_once_each)
{
	struct steme_aclient_stats st;
	struct tally tally = { 0 };
	struct steme_aclient *c = async(NULL);
	struct pusher p[8];

	for (int i = 0; i < 8; i++) {
		p[i] = (struct pusher){ .c = c, .tally = &tally, .n = 5000,
		    .flags = i % 2 ? STEME_SUBMIT_LATER : 0 };
		pthread_create(&p[i].t, NULL, push_some, &p[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(p[i].t, NULL);
		ck_assert_int_eq(p[i].refused, 0);
	}
	await(&tally.done, 40000);
	usleep(20000);
	ck_assert_int_eq(atomic_load(&tally.done), 40000);
	ck_assert_int_eq(atomic_load(&tally.ok), 40000);
	ck_assert_uint_eq(atomic_load(&tally.bytes), 200000);
	steme_aclient_stats(c, &st);
	ck_assert_uint_eq(st.submitted, 40000);
	ck_assert_uint_eq(st.completed, 40000);
	ck_assert_uint_eq(st.inflight, 0);
	/* Gathered: far fewer system calls than requests. */
	ck_assert_uint_lt(st.writes, 30000);
	steme_aclient_free(c);
}
END_TEST

/* n requests one after the other; the time they took, in milliseconds. */
static int64_t
one_by_one(struct steme_aclient *c, int n)
{
	int64_t from = steme_mono_us(&steme_clock_system);
	struct tally tally = { 0 };

	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 0,
		    tally_one, &tally, NULL), STEME_OK);
		while (atomic_load(&tally.done) <= i)
			usleep(100);
	}
	ck_assert_int_eq(atomic_load(&tally.ok), n);
	return (steme_mono_us(&steme_clock_system) - from) / 1000;
}

START_TEST(a_submit_goes_out_at_once_whatever_else_is_out)
{
	struct steme_aclient *c = async(NULL);
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct tally tally = { 0 };
	struct steme_aclient_stats st;
	struct steme_buf b = {0};

	/* Alone: this thread writes, nobody is woken, nobody waits for a tick. */
	ck_assert_int_lt(one_by_one(c, 40), 1500);
	steme_aclient_stats(c, &st);
	ck_assert_uint_eq(st.wakeups, 0);
	/* Among others that take their time: the client's thread is woken. */
	steme_msg_put_log(&b, &m);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_WATCH, b.data, b.len,
		    STEME_SUBMIT_STREAM, 0, tally_one, &tally, NULL), STEME_OK);
	ck_assert_int_lt(one_by_one(c, 40), 1500);
	steme_aclient_stats(c, &st);
	ck_assert_uint_gt(st.wakeups, 0);
	steme_aclient_free(c);
	ck_assert_int_eq(atomic_load(&tally.done), 20);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_lost_daemon_fails_what_is_out_and_is_found_again)
{
	struct states st = { 0 };
	struct tally tally = { 0 };
	struct steme_aclient *c = async(&st);
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_buf b = {0};

	await(&st.ups, 1);
	steme_msg_put_log(&b, &m);
	for (int i = 0; i < 10; i++)	/* never answered by itself */
		ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_WATCH, b.data,
		    b.len, STEME_SUBMIT_STREAM, 0, tally_one, &tally, NULL), 0);
	stop_serving();
	await(&tally.done, 10);
	ck_assert_int_eq(atomic_load(&tally.lost) + atomic_load(&tally.other), 10);
	await(&st.downs, 1);
	ck_assert(!steme_aclient_up(c));
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_ECONN);
	struct steme_why why = { "" };
	ck_assert_int_eq(steme_aclient_wait_up(c, 50, &why), STEME_ETIMEOUT);
	ck_assert_msg(strstr(why.text, D.path) != NULL, "%s", why.text);
	serve_at(&D, NULL);
	ck_assert_int_eq(steme_aclient_wait_up(c, 5000, &why), STEME_OK);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_OK);
	await(&tally.done, 11);
	ck_assert_int_eq(atomic_load(&tally.ok), 1);
	await(&st.ups, 2);
	steme_aclient_free(c);
	ck_assert_int_eq(atomic_load(&tally.done), 11);
	steme_buf_fini(&b);
}
END_TEST

static void *
restarts(void *arg)
{
	atomic_bool *go = arg;

	while (atomic_load(go)) {
		usleep(30000);
		steme_ctl_close(D.ctl);
		usleep(5000);
		serve_at(&D, NULL);
	}
	return NULL;
}

START_TEST(nothing_is_lost_or_told_twice_while_the_daemon_comes_and_goes)
{
	struct steme_aclient *c = async(NULL);
	struct tally tally = { 0 };
	struct pusher p[4];
	atomic_bool go = true;
	int accepted = 0;
	pthread_t t;

	pthread_create(&t, NULL, restarts, &go);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 4; i++) {
			p[i] = (struct pusher){ .c = c, .tally = &tally, .n = 200 };
			pthread_create(&p[i].t, NULL, push_some, &p[i]);
		}
		for (int i = 0; i < 4; i++) {
			pthread_join(p[i].t, NULL);
			accepted += p[i].n - p[i].refused;
		}
		usleep(5000);
	}
	atomic_store(&go, false);
	pthread_join(t, NULL);
	await(&tally.done, accepted);
	ck_assert_int_eq(atomic_load(&tally.ok) + atomic_load(&tally.lost), accepted);
	ck_assert_int_gt(atomic_load(&tally.ok), 0);
	steme_aclient_free(c);
	ck_assert_int_eq(atomic_load(&tally.done), accepted);
}
END_TEST

START_TEST(deadlines_are_kept_and_late_answers_dropped)
{
	struct tally tally = { 0 };
	struct steme_aclient_opts o = { .path = D.path, .connections = 1 };
	struct steme_aclient *c;
	struct steme_frame h, old, third;
	struct fake f;
	int fd;

	stop_serving();
	fake_listen(&f, D.path);
	ck_assert_int_eq(steme_aclient_new(&c, &o, NULL), STEME_OK);
	fd = fake_accept(&f);
	ck_assert_int_eq(steme_aclient_wait_up(c, 5000, NULL), STEME_OK);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 50,
	    tally_one, &tally, NULL), STEME_OK);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_STATUS, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_OK);
	ck_assert(fake_request(fd, &old));
	ck_assert(fake_request(fd, &h));
	ck_assert_uint_eq(h.type, STEME_MSG_STATUS);
	await(&tally.done, 1);
	ck_assert_int_eq(atomic_load(&tally.late), 1);
	/* Its place is taken by another, which the late answer must not reach. */
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_METRICS, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_OK);
	ck_assert(fake_request(fd, &third));
	ck_assert_uint_eq(third.req & 0xffff, old.req & 0xffff);
	fake_reply(fd, &old, 0, "late", 4);
	fake_reply(fd, &old, 0, "twice", 5);
	usleep(20000);
	ck_assert_int_eq(atomic_load(&tally.done), 1);
	fake_reply(fd, &third, STEME_F_ERROR, "\xfe\xff\xff\xff\0\0", 6);
	await(&tally.done, 2);
	ck_assert_int_eq(atomic_load(&tally.other), 1);
	fake_reply(fd, &h, STEME_F_MORE, "ab", 2);
	fake_reply(fd, &h, STEME_F_MORE, "", 0);
	fake_reply(fd, &h, 0, "cd", 2);
	await(&tally.done, 3);
	ck_assert_int_eq(atomic_load(&tally.ok), 1);
	ck_assert_uint_eq(atomic_load(&tally.bytes), 4);
	/* Its freeing completes what is out. */
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_OK);
	steme_aclient_free(c);
	ck_assert_int_eq(atomic_load(&tally.lost), 1);
	close(fd);
	close(f.listens);
}
END_TEST

struct seen {
	atomic_int frames, ended, err;
	atomic_uint_fast64_t last;
};

static void
see(void *arg, const struct steme_reply *r)
{
	struct seen *s = arg;
	struct steme_rd rd = steme_rd_from(r->data, r->len);
	struct steme_record rec;

	while (r->err == STEME_OK && rd.n > 0 &&
	    steme_msg_next_record(&rd, &rec) == STEME_OK)
		atomic_store(&s->last, rec.lsn);
	atomic_fetch_add(&s->frames, 1);
	if (!r->more) {
		atomic_store(&s->err, r->err);
		atomic_fetch_add(&s->ended, 1);
	}
}

START_TEST(a_watch_streams_and_is_cancelled)
{
	struct steme_msg_log m = { 1, UINT64_MAX, 0 };
	struct steme_aclient *c = async(NULL);
	struct seen seen = { 0 };
	struct steme_buf b = {0};
	uint64_t ticket;

	steme_msg_put_log(&b, &m);
	must_claim(D.g.s, &D.g.ann, "a", "p", "1", T0);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_WATCH, b.data, b.len,
	    STEME_SUBMIT_STREAM, 0, see, &seen, &ticket), STEME_OK);
	for (int i = 2; i < 50; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		must_claim(D.g.s, &D.g.ann, "a", "p", v, T0);
	}
	for (int i = 0; i < 5000 && atomic_load(&seen.last) < 50; i++)
		usleep(1000);
	ck_assert_uint_eq(atomic_load(&seen.last), 50);
	ck_assert_int_eq(atomic_load(&seen.ended), 0);
	steme_aclient_cancel(c, ticket);
	await(&seen.ended, 1);
	ck_assert_int_eq(atomic_load(&seen.err), STEME_ECANCELED);
	steme_aclient_cancel(c, ticket);	/* no effect */
	steme_aclient_cancel(c, UINT64_MAX);
	steme_aclient_free(c);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(limits_are_told_at_once)
{
	struct steme_aclient_opts o = { .path = D.path, .connections = 1,
	    .max_inflight = 3, .max_answer = 100 };
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_aclient *c;
	struct tally tally = { 0 };
	struct steme_buf b = {0};
	uint8_t *big = calloc(1, STEME_FRAME_MAX + 1);
	char path[200];

	ck_assert_int_eq(steme_aclient_new(&c, &o, NULL), STEME_OK);
	ck_assert_int_eq(steme_aclient_wait_up(c, 5000, NULL), STEME_OK);
	steme_msg_put_log(&b, &m);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_WATCH, b.data,
		    b.len, 0, 0, tally_one, &tally, NULL), STEME_OK);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, "", 0, 0, 0,
	    tally_one, &tally, NULL), STEME_EAGAIN);
	ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PING, big,
	    STEME_FRAME_MAX + 1, 0, 0, tally_one, &tally, NULL), STEME_ETOOBIG);
	/* Joined beyond max_answer: refused whole, not cut. */
	must_claim(D.g.s, &D.g.ann, "a", "p", "1", T0);
	usleep(50000);
	steme_aclient_free(c);
	ck_assert_int_eq(atomic_load(&tally.done), 3);
	memset(path, 'p', 150);
	path[150] = '\0';
	o.path = path;
	ck_assert_int_eq(steme_aclient_new(&c, &o, NULL), STEME_ETOOBIG);
	ck_assert_ptr_null(c);
	free(big);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(writes_come_back_with_their_results)
{
	struct steme_aclient *c = async(NULL);
	struct tally tally = { 0 };

	for (int i = 0; i < 300; i++) {
		struct steme_buf b = {0};
		struct made m;
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		m = make_claim(&D.g.bob, "async", "p", v, T0 - i);
		steme_msg_put_puts(&b, 1);
		put_made(&b, &m);
		ck_assert_int_eq(steme_aclient_submit(c, STEME_MSG_PUT, b.data, b.len,
		    0, 10000, tally_one, &tally, NULL), STEME_OK);
		steme_buf_fini(&b);
		made_free(&m);
	}
	await(&tally.done, 300);
	ck_assert_int_eq(atomic_load(&tally.ok), 300);
	ck_assert_uint_eq(steme_store_lsn(D.g.s), 301);
	steme_aclient_free(c);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("client_async");
	TCase *t = tcase_create("asynchronous");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, requests_of_many_threads_complete_once_each);
	tcase_add_test(t, a_submit_goes_out_at_once_whatever_else_is_out);
	tcase_add_test(t, a_lost_daemon_fails_what_is_out_and_is_found_again);
	tcase_add_test(t,
	    nothing_is_lost_or_told_twice_while_the_daemon_comes_and_goes);
	tcase_add_test(t, deadlines_are_kept_and_late_answers_dropped);
	tcase_add_test(t, a_watch_streams_and_is_cancelled);
	tcase_add_test(t, limits_are_told_at_once);
	tcase_add_test(t, writes_come_back_with_their_results);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
