/* SPDX-License-Identifier: Apache-2.0 */
/* check_client.c - the blocking client against a real socket: calls, loss, deadlines. */
#include "config.h"
#include "core/instance.h"
#include "tests/fake_daemon.h"

/* ---- connecting ---- */

START_TEST(why_nobody_answers_is_explained)
{
	struct steme_client *c;
	struct steme_instance in;
	struct steme_why why;
	char path[200], dir[100];

	snprintf(dir, sizeof(dir), "%s", D.g.p.dir);
	ck_assert_int_eq(steme_instance_init(&in, dir, NULL), STEME_OK);
	/* Never started. */
	stop_serving();
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_ECONN);
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(why.text, D.path));
	ck_assert_ptr_nonnull(strstr(why.text, "no daemon runs"));
	snprintf(path, sizeof(path), "steme up --dir %s", dir);
	ck_assert_msg(strstr(why.text, path) != NULL, "%s", why.text);
	/* A process that lives and does not listen. */
	ck_assert_int_eq(steme_pid_write(&in, "stemefs", NULL), STEME_OK);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_ECONN);
	ck_assert_ptr_nonnull(strstr(why.text, "does not answer"));
	/* One that died. */
	snprintf(path, sizeof(path), "%.90s/run/stemefs.pid", dir);
	FILE *f = fopen(path, "w");
	fprintf(f, "%d 12345\n", getpid());
	fclose(f);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_ECONN);
	ck_assert_msg(strstr(why.text, "has ended without cleaning up") != NULL, "%s",
	    why.text);
	/* The default folder needs no --dir. */
	ck_assert_int_eq(steme_client_explain(STEME_DEFAULT_DIR "/run/control.sock",
	    ENOENT, &why), STEME_ECONN);
	ck_assert_ptr_null(strstr(why.text, "--dir"));
	memset(path, 'p', 150);
	path[0] = '/';
	path[150] = '\0';
	ck_assert_int_eq(steme_client_open(&c, path, 0, &why), STEME_ETOOBIG);
}
END_TEST

static void *
fake_greets_badly(void *arg)
{
	struct fake *f = arg;
	struct steme_frame h;
	int fd;

	/* One that closes, one that sends a greeting that is none. */
	for (int i = 0; i < 2; i++) {
		fd = accept(f->listens, NULL, NULL);
		ck_assert(fake_request(fd, &h));
		if (i == 1)
			fake_reply(fd, &h, 0, "welcome", 7);
		close(fd);
	}
	return NULL;
}

START_TEST(a_daemon_that_does_not_greet_is_given_up)
{
	struct steme_client *c;
	struct steme_why why = { "" };
	struct fake f;

	fake_stands_in(&f, fake_greets_badly);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_ECONN);
	ck_assert_ptr_nonnull(strstr(why.text, "does not answer"));
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_EPROTO);
	ck_assert_ptr_nonnull(strstr(why.text, "greeting"));
	fake_end(&f);
}
END_TEST

/* ---- calls ---- */

static int
count_results(void *arg, size_t i, const struct steme_msg_put_result *r)
{
	int *n = arg;

	ck_assert_uint_eq(i, (unsigned)*n);
	ck_assert_int_eq(r->err, STEME_OK);
	++*n;
	return 0;
}

static int
count_records(void *arg, const struct steme_record *r)
{
	(void)r;
	++*(int *)arg;
	return 0;
}

START_TEST(every_call_is_answered)
{
	struct made m = make_claim(&D.g.ann, "drug/sema", "dose", "2.4 mg", T0);
	struct steme_str json[2] = {
	    STEME_LIT("{\"concept_path\":\"drug/x\",\"predicate\":\"p\",\"object\":1}"),
	    STEME_LIT("{\"concept_path\":\"drug/x\",\"predicate\":\"q\",\"object\":2}") };
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_msg_log all = { 1, UINT64_MAX, 0 };
	struct steme_msg_put_result r;
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	struct steme_query q, q2;
	struct steme_str bytes = { (const char *)m.bytes, m.n };
	int n = 0;

	ck_assert_int_eq(steme_client_put(c, bytes, &m.sig, &r, &why), STEME_OK);
	ck_assert_int_eq(r.status, STEME_CREATED);
	ck_assert_int_eq(steme_client_put(c, bytes, &m.sig, NULL, &why), STEME_OK);
	m.sig.b[0] ^= 1;
	ck_assert_int_eq(steme_client_put(c, bytes, &m.sig, &r, &why), STEME_ESIG);
	ck_assert(why.text[0] != '\0');
	ck_assert_int_eq(steme_client_assert(c, UINT32_MAX, 0, json, 2, count_results,
	    &n, &why), STEME_OK);
	ck_assert_int_eq(n, 2);
	steme_query_init(&q);
	q.concept = STEME_LIT("drug/sema");
	q2 = q;
	q2.lens = STEME_LENS_VOTES;
	ck_assert_int_eq(steme_client_query(c, &q, &b, &why), STEME_OK);
	ck_assert_int_eq(steme_client_history(c, &q, &b, &why), STEME_OK);
	ck_assert_int_eq(steme_client_diff(c, &q, &q2, &b, &why), STEME_OK);
	ck_assert_int_eq(steme_client_object(c, STEME_WANT_JSON, &m.id, &b, &why), 0);
	ck_assert_int_eq(steme_client_children(c, STEME_LIT("drug"), 0, 0, &b, &why),
	    STEME_OK);
	ck_assert_int_eq(steme_client_concepts(c, STEME_LIT(""), STEME_LIT(""), 0, &b,
	    &why), STEME_OK);
	ck_assert_int_eq(steme_client_neighbours(c, STEME_LIT("drug/sima"), 3, &b,
	    &why), STEME_OK);
	ck_assert_int_eq(steme_client_keys(c, &D.g.ann.agent, 1, &b, &why), STEME_OK);
	n = 0;
	ck_assert_int_eq(steme_client_log(c, &all, count_records, &n, &why), STEME_OK);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(steme_client_object(c, STEME_WANT_BYTES,
	    &(struct steme_id){ { 0 } }, &b, &why), STEME_ENOTFOUND);
	ck_assert(strstr(why.text, "no object 00000000") != NULL);
	steme_buf_fini(&b);
	steme_client_close(c);
	made_free(&m);
}
END_TEST

START_TEST(a_pipeline_longer_than_every_buffer_does_not_lock_up)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	uint8_t pad[4096] = { 0 };
	uint64_t req[4000];
	struct steme_answer a;

	/* 16 MB out and 16 MB back, nothing read in between. */
	for (int i = 0; i < 4000; i++)
		ck_assert_int_eq(steme_client_submit(c, STEME_MSG_PING, pad,
		    sizeof(pad), &req[i]), STEME_OK);
	for (int i = 0; i < 4000; i++) {
		ck_assert_int_eq(steme_client_wait(c, req[i], &a), STEME_OK);
		ck_assert_uint_eq(a.len, sizeof(pad));
	}
	ck_assert_int_eq(steme_client_next(c, 10, &a), STEME_ETIMEOUT);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, NULL), 0);
	steme_client_close(c);
}
END_TEST

/* ---- loss ---- */

static void *
fake_dies(void *arg)
{
	struct fake *f = arg;
	int fd = fake_accept(f);
	struct steme_frame h;

	ck_assert(fake_request(fd, &h));
	fake_reply(fd, &h, STEME_F_MORE, "half", 4);
	close(fd);
	return NULL;
}

START_TEST(a_daemon_that_dies_in_the_middle_is_a_lost_connection)
{
	struct steme_client *c;
	struct steme_why why = { "" };
	struct fake f;

	fake_stands_in(&f, fake_dies);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_OK);
	ck_assert_uint_eq(steme_client_welcome(c)->boot, 99);
	ck_assert(steme_str_eq(steme_client_welcome(c)->node_name, STEME_LIT("fake")));
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_STATUS, "", 0, NULL, &why),
	    STEME_ECONN);
	ck_assert(why.text[0] != '\0');
	/* It stays so. */
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_STATUS, "", 0, NULL, &why),
	    STEME_ECONN);
	fake_end(&f);
	steme_client_close(c);
}
END_TEST

static void *
fake_silent(void *arg)
{
	struct fake *f = arg;
	int fd = fake_accept(f);
	struct steme_frame h;

	while (fake_request(fd, &h))
		if (h.type == STEME_MSG_PING)
			fake_reply(fd, &h, 0, "", 0);
	close(fd);
	return NULL;
}

START_TEST(a_request_has_a_deadline)
{
	struct steme_client *c;
	struct steme_why why = { "" };
	struct fake f;

	fake_stands_in(&f, fake_silent);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_OK);
	steme_client_set_timeout(c, 100);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, &why), 0);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_STATUS, "", 0, NULL, &why),
	    STEME_ETIMEOUT);
	ck_assert_ptr_nonnull(strstr(why.text, "in time"));
	steme_client_close(c);
	fake_end(&f);
}
END_TEST

static void *
fake_garbles(void *arg)
{
	struct fake *f = arg;
	int fd = fake_accept(f);
	struct steme_frame h;

	ck_assert(fake_request(fd, &h));
	raw_frame(fd, STEME_MSG_PING, 0, h.req, "", 0);	/* no REPLY flag */
	fake_request(fd, &h);
	close(fd);
	return NULL;
}

START_TEST(a_malformed_answer_ends_the_connection)
{
	struct steme_client *c;
	struct steme_why why = { "" };
	struct fake f;

	fake_stands_in(&f, fake_garbles);
	ck_assert_int_eq(steme_client_open(&c, D.path, 0, &why), STEME_OK);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, &why),
	    STEME_EPROTO);
	steme_client_close(c);
	fake_end(&f);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("client");
	TCase *t = tcase_create("blocking");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, why_nobody_answers_is_explained);
	tcase_add_test(t, a_daemon_that_does_not_greet_is_given_up);
	tcase_add_test(t, every_call_is_answered);
	tcase_add_test(t, a_pipeline_longer_than_every_buffer_does_not_lock_up);
	tcase_add_test(t, a_daemon_that_dies_in_the_middle_is_a_lost_connection);
	tcase_add_test(t, a_request_has_a_deadline);
	tcase_add_test(t, a_malformed_answer_ends_the_connection);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
