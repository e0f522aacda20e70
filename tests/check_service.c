/* SPDX-License-Identifier: Apache-2.0 */
/* check_service.c - what the daemon answers, without a socket. */
#include "config.h"
#include "core/util.h"
#include "tests/service_util.h"

/* ---- rights ---- */

START_TEST(each_message_needs_its_role)
{
	struct steme_why why;
	struct ask a;

	for (unsigned t = STEME_MSG_PING; t < STEME_NMSG; t++) {
		enum steme_role need = steme_msg_role(t);

		if (need == STEME_ROLE_READER)
			continue;
		ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, t, "", 0, &why),
		    STEME_EPERM);
		ck_assert_msg(strstr(why.text, steme_role_name(need)) != NULL, "%s",
		    why.text);
		ask_fini(&a);
	}
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_WRITER, STEME_MSG_STOP, "", 0, &why),
	    STEME_EPERM);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_NONE, STEME_MSG_PING, "", 0, &why),
	    STEME_EPERM);
	ask_fini(&a);
	ck_assert_int_eq(atomic_load(&G.stops), 0);
}
END_TEST

START_TEST(an_unknown_message_is_bad_input_not_the_end)
{
	struct ask a;

	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, 9999, "", 0, NULL),
	    STEME_EINVAL);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, 0, "", 0, NULL), STEME_EINVAL);
	ask_fini(&a);
}
END_TEST

START_TEST(a_malformed_payload_is_refused_by_every_message)
{
	struct ask a;
	int err;

	for (unsigned t = STEME_MSG_PING + 1; t < STEME_NMSG; t++) {
		if (t == STEME_MSG_CANCEL)
			continue;	/* the socket's, not the service's */
		err = ask(&G, &a, STEME_ROLE_ADMIN, t, "\xff\xff\xff", 3, NULL);
		ck_assert_msg(err == STEME_EPROTO, "%s: %d", steme_msg_name(t), err);
		ask_fini(&a);
	}
}
END_TEST

START_TEST(hello_settles_version_and_role)
{
	struct steme_msg_hello h = { 1, 3, 0, STEME_ROLE_ADMIN, STEME_LIT("x") };
	enum steme_role role = STEME_ROLE_NONE;
	struct steme_buf in = {0}, out = {0};
	struct steme_msg_welcome w;
	struct steme_why why;

	steme_msg_put_hello(&in, &h);
	ck_assert_int_eq(steme_service_hello(G.svc, in.data, in.len,
	    STEME_ROLE_READER, &role, &out), STEME_OK);
	ck_assert_int_eq(role, STEME_ROLE_READER);
	ck_assert_int_eq(steme_msg_get_welcome(&w, out.data, out.len), STEME_OK);
	ck_assert_uint_eq(w.version, 1);
	ck_assert_uint_eq(w.lsn, 1);
	ck_assert_uint_ne(w.boot, 0);
	ck_assert(steme_str_eq(w.node_name, STEME_LIT("n1")));
	steme_buf_clear(&in);
	steme_buf_clear(&out);
	h.role = STEME_ROLE_NONE;
	steme_msg_put_hello(&in, &h);
	ck_assert_int_eq(steme_service_hello(G.svc, in.data, in.len,
	    STEME_ROLE_ADMIN, &role, &out), STEME_OK);
	ck_assert_int_eq(role, STEME_ROLE_ADMIN);
	steme_buf_clear(&in);
	steme_buf_clear(&out);
	h.min_version = 2;
	steme_msg_put_hello(&in, &h);
	ck_assert_int_eq(steme_service_hello(G.svc, in.data, in.len,
	    STEME_ROLE_ADMIN, &role, &out), STEME_EVERSION);
	ck_assert_int_eq(steme_msg_get_error(&why, out.data, out.len),
	    STEME_EVERSION);
	ck_assert_ptr_nonnull(strstr(why.text, "version 1"));
	ck_assert_ptr_nonnull(strstr(why.text, "2 to 3"));
	steme_buf_fini(&in);
	steme_buf_fini(&out);
}
END_TEST

/* ---- reading ---- */

START_TEST(objects_lists_history_and_diff_are_answered)
{
	struct made m = make_claim(&G.ann, "drug/sema", "dose", "2.4 mg", T0 - 5);
	struct steme_msg_list l = { .text = STEME_LIT("drug") };
	struct steme_buf b = {0};
	struct steme_query q, q2;
	struct steme_id none = { { 1 } };
	struct ask a;

	steme_msg_put_puts(&b, 1);
	put_made(&b, &m);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_PUT, &b, NULL), 0);
	ask_fini(&a);
	steme_msg_put_object(&b, STEME_WANT_BYTES, &m.id);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_OBJECT, &b, NULL), 0);
	ck_assert_uint_eq(a.all.len, m.n);
	ck_assert_mem_eq(a.all.data, m.bytes, m.n);
	ask_fini(&a);
	steme_msg_put_object(&b, STEME_WANT_SIG, &m.id);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_OBJECT, &b, NULL), 0);
	ck_assert_uint_eq(a.all.len, 64);
	ck_assert_mem_eq(a.all.data, m.sig.b, 64);
	ask_fini(&a);
	steme_msg_put_object(&b, STEME_WANT_JSON, &m.id);
	ask_text(&G, STEME_MSG_OBJECT, &b, "2.4 mg");
	steme_msg_put_object(&b, STEME_WANT_BYTES, &none);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_OBJECT, &b, NULL),
	    STEME_ENOTFOUND);
	ask_fini(&a);
	steme_msg_put_list(&b, &l);
	ask_text(&G, STEME_MSG_CHILDREN, &b, "sema");
	steme_msg_put_list(&b, &l);
	ask_text(&G, STEME_MSG_CONCEPTS, &b, "drug/sema");
	l.text = STEME_LIT("dru");
	steme_msg_put_list(&b, &l);
	ask_text(&G, STEME_MSG_CONCEPTS, &b, "\"drug/sema\"");
	l.text = STEME_LIT("fda://");
	steme_msg_put_list(&b, &l);
	ask_text(&G, STEME_MSG_CONCEPTS, &b, "{\"prefix\":\"fda/\",\"concepts\":[]");
	l.text = STEME_LIT("drug/smea");
	steme_msg_put_list(&b, &l);
	ask_text(&G, STEME_MSG_NEIGHBOURS, &b, "drug/sema");
	steme_query_init(&q);
	q.concept = STEME_LIT("drug/sema");
	steme_msg_put_query(&b, &q);
	ask_text(&G, STEME_MSG_HISTORY, &b, "2.4 mg");
	q2 = q;
	q2.lens = STEME_LENS_AUTHORITY;
	steme_msg_put_diff(&b, &q, &q2);
	ask_text(&G, STEME_MSG_DIFF, &b, "differences");
	steme_query_init(&q);
	q.prefix = STEME_LIT("drug");
	steme_msg_put_query(&b, &q);
	ask_text(&G, STEME_MSG_QUERY, &b, "2.4 mg");
	q.limit = 5000;
	steme_msg_put_query(&b, &q);
	ask_text(&G, STEME_MSG_QUERY, &b, "2.4 mg");
	steme_buf_fini(&b);
	made_free(&m);
}
END_TEST

START_TEST(status_is_json_with_everything_documented)
{
	static const char *const want[] = { "version", "wire_version", "pid", "boot",
	    "uptime_seconds", "node", "store", "operator", "lsn", "hlc", "writes",
	    "counts", "wal", "index", "cache", "commits", "mount" };
	struct json_object *o, *x;
	struct ask a;

	must_claim(G.s, &G.ann, "a", "p", "v", T0);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, STEME_MSG_STATUS, "", 0,
	    NULL), STEME_OK);
	o = json_tokener_parse((const char *)a.all.data);
	ck_assert_msg(o != NULL, "%s", (const char *)a.all.data);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_msg(json_object_object_get_ex(o, want[i], &x), "%s", want[i]);
	ck_assert(json_object_object_get_ex(o, "counts", &x));
	ck_assert(json_object_object_get_ex(x, "assertions", &x));
	ck_assert_int_eq(json_object_get_int(x), 1);
	json_object_put(o);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, STEME_MSG_METRICS, "", 0,
	    NULL), STEME_OK);
	ck_assert_ptr_nonnull(strstr((const char *)a.all.data,
	    "stemedb_control_requests_total{message=\"STATUS\"} 1"));
	ask_fini(&a);
}
END_TEST

START_TEST(ping_answers_with_its_bytes_and_stop_tells_the_daemon)
{
	char big[4097] = "";
	struct ask a;

	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, STEME_MSG_PING, "hi", 2, NULL),
	    STEME_OK);
	ck_assert_uint_eq(a.all.len, 2);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, STEME_MSG_PING, big,
	    sizeof(big), NULL), STEME_EPROTO);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, STEME_MSG_STOP, "", 0, NULL),
	    STEME_OK);
	ask_fini(&a);
	ck_assert_int_eq(atomic_load(&G.stops), 1);
}
END_TEST

/* ---- streams ---- */

/* Writes n claims with values of len bytes. */
static void
fill(int n, size_t len)
{
	char *v = malloc(len + 1);

	memset(v, 'x', len);
	v[len] = '\0';
	for (int i = 0; i < n; i++) {
		char c[32];

		snprintf(c, sizeof(c), "fill/%d", i);
		must_claim(G.s, &G.ann, c, "p", v, T0 - i);
	}
	free(v);
}

/* The lsns in an answer must be from, from + 1, ... to. */
static void
lsns_are(const struct ask *a, uint64_t from, uint64_t to)
{
	struct steme_rd r = steme_rd_from(a->all.data, a->all.len);
	struct steme_record rec;

	for (; from <= to; from++) {
		ck_assert_int_eq(steme_msg_next_record(&r, &rec), STEME_OK);
		ck_assert_uint_eq(rec.lsn, from);
	}
	ck_assert(steme_rd_done(&r));
}

static void
log_is(uint64_t from, uint64_t max, uint32_t limit, uint64_t first, uint64_t last)
{
	struct steme_msg_log m = { from, max, limit };
	struct steme_buf b = {0};
	struct ask a;

	steme_msg_put_log(&b, &m);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_LOG, &b, NULL),
	    STEME_OK);
	lsns_are(&a, first, last);
	ask_fini(&a);
	steme_buf_fini(&b);
}

START_TEST(the_log_is_read_in_parts)
{
	fill(30, 30000);	/* lsn 2 .. 31, well over one chunk */
	log_is(0, UINT64_MAX, 0, 2, 31);
	log_is(5, UINT64_MAX, 0, 5, 31);
	log_is(5, 9, 0, 5, 9);
	log_is(5, UINT64_MAX, 3, 5, 7);
	log_is(31, UINT64_MAX, 0, 31, 31);
	log_is(32, UINT64_MAX, 0, 1, 0);
	log_is(9, 5, 0, 1, 0);
	log_is(UINT64_MAX, UINT64_MAX, 0, 1, 0);
}
END_TEST

START_TEST(a_stream_waits_while_there_is_no_room)
{
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_buf b = {0};
	struct ask a;

	fill(10, 30000);
	steme_msg_put_log(&b, &m);
	ask_init(&a, STEME_ROLE_READER, STEME_MSG_LOG, b.data, b.len);
	a.room = 0;
	steme_service_handle(G.svc, &a.r);
	usleep(30000);
	pthread_mutex_lock(&a.mu);
	ck_assert_uint_eq(a.frames, 0);
	a.room = 40000;		/* one record at a time */
	pthread_mutex_unlock(&a.mu);
	steme_service_kick(G.svc);
	ask_wait(&a);
	lsns_are(&a, 2, 11);
	ck_assert_uint_ge(a.frames, 10);
	ask_fini(&a);
	steme_buf_fini(&b);
}
END_TEST

static void
wait_frames(struct ask *a, unsigned n)
{
	pthread_mutex_lock(&a->mu);
	while (a->frames < n)
		pthread_cond_wait(&a->cv, &a->mu);
	pthread_mutex_unlock(&a->mu);
}

START_TEST(a_watcher_sees_what_is_committed_and_can_be_cancelled)
{
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct steme_buf b = {0};
	struct steme_why why;
	struct ask now, old;

	fill(1, 10);
	steme_msg_put_log(&b, &m);
	ask_init(&now, STEME_ROLE_READER, STEME_MSG_WATCH, b.data, b.len);
	steme_service_handle(G.svc, &now.r);
	steme_buf_clear(&b);
	m.from_lsn = 1;
	steme_msg_put_log(&b, &m);
	ask_init(&old, STEME_ROLE_READER, STEME_MSG_WATCH, b.data, b.len);
	steme_service_handle(G.svc, &old.r);
	wait_frames(&old, 1);
	must_claim(G.s, &G.bob, "w", "p", "1", T0);
	wait_frames(&now, 1);
	wait_frames(&old, 2);
	must_claim(G.s, &G.bob, "w", "p", "2", T0);
	wait_frames(&now, 2);
	wait_frames(&old, 3);
	lsns_are(&now, 3, 4);
	lsns_are(&old, 2, 4);
	steme_buf_clear(&now.all);
	atomic_store(&now.r.gone, true);
	steme_service_kick(G.svc);
	ask_wait(&now);
	ck_assert_uint_eq(now.flags, STEME_F_ERROR);
	ck_assert_int_eq(steme_msg_get_error(&why, now.all.data, now.all.len),
	    STEME_ECANCELED);
	/* The other one ends with the service. */
	steme_buf_clear(&old.all);
	steme_buf_fini(&b);
	close_rig();
	ck_assert(old.done);
	ck_assert_int_eq(steme_msg_get_error(&why, old.all.data, old.all.len),
	    STEME_ECANCELED);
	ask_fini(&now);
	ask_fini(&old);
	open_rig();
}
END_TEST

/* ---- work ---- */

static struct steme_msg_work
report_of(const struct ask *a, unsigned frames_at_least)
{
	struct steme_msg_work m;
	size_t n = 1 + 4 + STEME_WORK_NUMBERS * 8 + 2;

	/* An error's report would have a sentence behind it. */
	ck_assert_uint_ge(a->frames, frames_at_least);
	ck_assert_uint_ge(a->all.len, n);
	ck_assert_int_eq(steme_msg_get_work(&m, a->all.data + a->all.len - n, n),
	    STEME_OK);
	ck_assert_int_eq(m.tag, STEME_WORK_REPORT);
	return m;
}

START_TEST(verify_rebuild_and_compact_report)
{
	struct steme_msg_work m;
	struct ask a;

	fill(20, 100);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, STEME_MSG_VERIFY, "\0", 1,
	    NULL), STEME_OK);
	m = report_of(&a, 1);
	ck_assert_int_eq(m.err, STEME_OK);
	ck_assert_uint_eq(m.n[1], 20);
	ck_assert_uint_eq(m.n[2], 20);
	ck_assert_uint_eq(m.n[7], 0);
	ask_fini(&a);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, STEME_MSG_COMPACT, "", 0,
	    NULL), STEME_OK);
	m = report_of(&a, 1);
	ck_assert_int_eq(m.err, STEME_OK);
	ck_assert_uint_eq(m.n[0], 20);
	ask_fini(&a);
}
END_TEST

START_TEST(a_verify_that_nobody_waits_for_ends_early)
{
	struct steme_msg_work m;
	struct ask a;
	size_t text = sizeof("verify could not finish: ") - 1;

	fill(20, 100);
	ask_init(&a, STEME_ROLE_ADMIN, STEME_MSG_VERIFY, "\0", 1);
	atomic_store(&a.r.gone, true);
	steme_service_handle(G.svc, &a.r);
	ask_wait(&a);
	ck_assert_int_eq(steme_msg_get_work(&m, a.all.data, a.all.len), STEME_OK);
	ck_assert_int_eq(m.tag, STEME_WORK_REPORT);
	ck_assert_int_eq(m.err, STEME_ECANCELED);
	ck_assert_uint_gt(m.text.n, text);
	ck_assert_uint_lt(m.n[1], 20);
	ask_fini(&a);
}
END_TEST

START_TEST(requests_in_hand_are_answered_before_the_service_goes)
{
	struct ask a[30];
	struct steme_buf b = {0};
	struct steme_query q;

	fill(50, 1000);
	steme_query_init(&q);
	q.prefix = STEME_LIT("");
	steme_msg_put_query(&b, &q);
	for (int i = 0; i < 30; i++) {
		ask_init(&a[i], STEME_ROLE_ADMIN, i % 3 == 0 ? STEME_MSG_STATUS :
		    i % 3 == 1 ? STEME_MSG_QUERY : STEME_MSG_VERIFY,
		    i % 3 == 0 ? (const void *)"" : i % 3 == 1 ? b.data :
		    (const void *)"\1", i % 3 == 0 ? 0 : i % 3 == 1 ? b.len : 1);
		steme_service_handle(G.svc, &a[i].r);
	}
	close_rig();
	for (int i = 0; i < 30; i++) {
		ck_assert(a[i].done);
		ask_fini(&a[i]);
	}
	steme_buf_fini(&b);
	open_rig();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("service");
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, open_rig, close_rig);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_message_needs_its_role);
	tcase_add_test(t, an_unknown_message_is_bad_input_not_the_end);
	tcase_add_test(t, a_malformed_payload_is_refused_by_every_message);
	tcase_add_test(t, hello_settles_version_and_role);
	tcase_add_test(t, objects_lists_history_and_diff_are_answered);
	tcase_add_test(t, status_is_json_with_everything_documented);
	tcase_add_test(t, ping_answers_with_its_bytes_and_stop_tells_the_daemon);
	tcase_add_test(t, the_log_is_read_in_parts);
	tcase_add_test(t, a_stream_waits_while_there_is_no_room);
	tcase_add_test(t, a_watcher_sees_what_is_committed_and_can_be_cancelled);
	tcase_add_test(t, verify_rebuild_and_compact_report);
	tcase_add_test(t, a_verify_that_nobody_waits_for_ends_early);
	tcase_add_test(t, requests_in_hand_are_answered_before_the_service_goes);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
