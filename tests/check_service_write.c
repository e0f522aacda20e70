/* SPDX-License-Identifier: Apache-2.0 */
/* check_service_write.c - what the daemon writes and signs, without a socket. */
#include "config.h"
#include "core/util.h"
#include "tests/service_util.h"

/* ---- writes ---- */

START_TEST(a_put_is_created_then_exists_and_is_read_back)
{
	struct made m = make_claim(&G.ann, "drug/sema", "dose", "2.4 mg", T0 - 5);
	struct steme_msg_put_result r;
	struct steme_buf b = {0};
	struct steme_query q;
	struct ask a;

	for (int i = 0; i < 2; i++) {
		steme_msg_put_puts(&b, 1);
		put_made(&b, &m);
		ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_PUT, &b,
		    NULL), STEME_OK);
		r = result_at(&a, 0);
		ck_assert_int_eq(r.err, STEME_OK);
		ck_assert_int_eq(r.status, i == 0 ? STEME_CREATED : STEME_EXISTS);
		ck_assert_uint_eq(r.lsn, 2);
		ck_assert(steme_id_eq(&r.id, &m.id));
		ask_fini(&a);
	}
	steme_query_init(&q);
	q.concept = STEME_LIT("drug/sema");
	steme_msg_put_query(&b, &q);
	ask_text(&G, STEME_MSG_QUERY, &b, "2.4 mg");
	q.concept = STEME_LIT("drug://");	/* no such scheme */
	steme_msg_put_query(&b, &q);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_QUERY, &b, NULL),
	    STEME_EINVAL);
	ask_fini(&a);
	steme_buf_fini(&b);
	made_free(&m);
}
END_TEST

START_TEST(a_refused_object_does_not_hold_back_the_others)
{
	struct made m[8];
	struct steme_buf b = {0};
	struct ask a;

	/* 8 objects go to a worker, 2 are done here. */
	for (uint32_t n = 2; n <= 8; n += 6) {
		steme_msg_put_puts(&b, n);
		for (uint32_t i = 0; i < n; i++) {
			char v[16];

			snprintf(v, sizeof(v), "%u-%u", n, i);
			m[i] = make_claim(&G.ann, "a", "p", v, T0 - 5);
			m[i].sig.b[0] ^= i == 1;
			put_made(&b, &m[i]);
		}
		ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_PUT, &b,
		    NULL), STEME_OK);
		for (uint32_t i = 0; i < n; i++) {
			struct steme_msg_put_result r = result_at(&a, i);

			ck_assert_int_eq(r.err, i == 1 ? STEME_ESIG : STEME_OK);
			ck_assert_int_eq(r.why.n > 0, i == 1);
			made_free(&m[i]);
		}
		ask_fini(&a);
	}
	steme_buf_fini(&b);
}
END_TEST

START_TEST(writes_of_one_turn_share_one_sync)
{
	struct steme_store_stats before, after;
	struct ask a[20];

	/* A thread that has just answered reads would not lead. */
	usleep(150000);
	steme_store_stats(G.s, &before);
	for (int i = 0; i < 20; i++) {
		struct steme_buf b = {0};
		struct made m;
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		m = make_claim(&G.ann, "a/b", "p", v, T0 - i);
		steme_msg_put_puts(&b, 1);
		put_made(&b, &m);
		ask_init(&a[i], STEME_ROLE_WRITER, STEME_MSG_PUT, b.data, b.len);
		steme_service_handle(G.svc, &a[i].r);
		steme_buf_fini(&b);
		made_free(&m);
	}
	steme_service_turn(G.svc);
	for (int i = 0; i < 20; i++) {
		/* The committer answers them all. */
		ask_wait(&a[i]);
		ck_assert_int_eq(result_at(&a[i], 0).status, STEME_CREATED);
		ask_fini(&a[i]);
	}
	steme_store_stats(G.s, &after);
	ck_assert_uint_eq(after.wal.syncs, before.wal.syncs + 1);
}
END_TEST

START_TEST(a_lone_write_of_a_turn_is_committed_by_the_asking_thread)
{
	struct steme_buf b = {0};
	struct made m;
	struct ask a;

	/* A thread that has just answered reads would not lead. */
	usleep(150000);
	m = make_claim(&G.ann, "a/b", "p", "lone", T0);
	steme_msg_put_puts(&b, 1);
	put_made(&b, &m);
	ask_init(&a, STEME_ROLE_WRITER, STEME_MSG_PUT, b.data, b.len);
	steme_service_handle(G.svc, &a.r);
	steme_service_turn(G.svc);
	ck_assert(a.done);
	ck_assert_int_eq(result_at(&a, 0).status, STEME_CREATED);
	ask_fini(&a);
	steme_buf_fini(&b);
	made_free(&m);
}
END_TEST

/* ---- batches ---- */

static void
put_batch(struct steme_buf *b, const struct batch *t, size_t from, size_t to)
{
	steme_msg_put_batch(b, (struct steme_str){ (const char *)t->object.bytes,
	    t->object.n }, &t->object.sig, t->ids, (uint32_t)t->n,
	    (uint32_t)(to - from));
	for (size_t i = from; i < to; i++)
		steme_wr_bytes(b, 4, t->members[i].bytes, t->members[i].n);
}

START_TEST(a_batch_may_come_in_two_messages)
{
	size_t n = 50;
	struct made *m = calloc(n, sizeof(*m));
	struct steme_buf b = {0};
	struct batch t;
	struct ask a;

	for (size_t i = 0; i < n; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%zu", i);
		m[i] = make_claim(&G.bob, "x/y", "p", v, T0 - (int64_t)i);
	}
	t = make_batch(&G.bob, m, n, T0);
	put_batch(&b, &t, 0, 40);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_BATCH, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).status, STEME_CREATED);
	ck_assert_int_eq(result_at(&a, 40).status, STEME_CREATED);
	ask_fini(&a);
	put_batch(&b, &t, 40, n);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_BATCH, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).status, STEME_EXISTS);
	ck_assert_int_eq(result_at(&a, 10).status, STEME_CREATED);
	ask_fini(&a);
	/* A member has a proof, and no signature of its own. */
	steme_msg_put_object(&b, STEME_WANT_PROOF, &m[45].id);
	ask_text(&G, STEME_MSG_OBJECT, &b, "\"path\"");
	steme_msg_put_object(&b, STEME_WANT_SIG, &m[45].id);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_READER, STEME_MSG_OBJECT, &b, NULL),
	    STEME_ENOTFOUND);
	ask_fini(&a);
	steme_buf_fini(&b);
	batch_free(&t);
}
END_TEST

START_TEST(a_refused_batch_refuses_its_members)
{
	struct made *m = calloc(2, sizeof(*m));
	struct steme_buf b = {0};
	struct batch t;
	struct ask a;

	m[0] = make_claim(&G.bob, "x", "p", "1", T0);
	m[1] = make_claim(&G.bob, "x", "p", "2", T0);
	t = make_batch(&G.bob, m, 2, T0);
	t.object.sig.b[5] ^= 1;
	put_batch(&b, &t, 0, 2);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_BATCH, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).err, STEME_ESIG);
	ck_assert_int_ne(result_at(&a, 1).err, STEME_OK);
	ck_assert_int_ne(result_at(&a, 2).err, STEME_OK);
	ask_fini(&a);
	steme_buf_fini(&b);
	batch_free(&t);
}
END_TEST

/* ---- signing here ---- */

static void
put_asserts(struct steme_buf *b, uint32_t uid, uint8_t kind, const char *const *json,
    uint32_t n)
{
	steme_msg_put_assert(b, uid, kind, n);
	for (uint32_t i = 0; i < n; i++)
		steme_wr_bytes(b, 4, json[i], strlen(json[i]));
}

START_TEST(claims_are_signed_with_the_callers_key_and_profile)
{
	static const char *const json[] = {
	    "{\"concept_path\":\"a/b\",\"predicate\":\"p\",\"object\":42}",
	    "{\"concept_path\":\"a/b\",\"predicate\":\"p\"",
	    "{\"concept_path\":\"a/b\",\"predicate\":\"q\",\"object\":\"x\","
	    "\"agent\":\"operator\"}" };
	struct steme_msg_profile p = { UINT32_MAX, true, STEME_EXPERT, 7500,
	    STEME_LIT("https://me.example"), { { 0 } }, { 0 } };
	struct steme_profile got;
	struct steme_buf b = {0};
	struct steme_query q;
	struct steme_key key;
	struct ask a;

	steme_msg_put_profile(&b, &p);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_PROFILE, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(steme_msg_get_profile(&p, a.all.data, a.all.len), STEME_OK);
	ck_assert_uint_eq(p.uid, 1000);
	ck_assert_int_eq(p.class_, STEME_EXPERT);
	ask_fini(&a);
	put_asserts(&b, UINT32_MAX, 0, json, 3);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).err, STEME_OK);
	ck_assert_int_eq(result_at(&a, 1).err, STEME_EINVAL);
	ck_assert_int_eq(result_at(&a, 2).err, STEME_EINVAL);
	ck_assert_ptr_nonnull(memmem(result_at(&a, 2).why.p, result_at(&a, 2).why.n,
	    "agent", 5));
	ask_fini(&a);
	ck_assert_int_eq(steme_keyring_get(G.k, "uid-1000", false, &key, &got, NULL),
	    STEME_OK);
	ck_assert(steme_id_eq(&p.agent, &key.agent));
	steme_query_init(&q);
	q.concept = STEME_LIT("a/b");
	steme_msg_put_query(&b, &q);
	ask_text(&G, STEME_MSG_QUERY, &b, "https://me.example");
	/* All refused: still an answer, one result each. */
	put_asserts(&b, UINT32_MAX, 0, json + 1, 2);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 1).err, STEME_EINVAL);
	ask_fini(&a);
	steme_buf_put(&b, key.agent.b, 32);
	ask_text(&G, STEME_MSG_KEYS, &b, "uid-1000");
	steme_buf_put(&b, G.ann.agent.b, 32);
	ask_text(&G, STEME_MSG_KEYS, &b, "{\"keys\":[]}");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(only_an_admin_signs_for_another_user)
{
	static const char *const json[] = {
	    "{\"concept_path\":\"a\",\"predicate\":\"p\",\"object\":true}" };
	struct steme_msg_profile p = { 7, false, STEME_EXPERT, 0, STEME_LIT(""),
	    { { 0 } }, { 0 } };
	struct steme_buf b = {0};
	struct steme_why why;
	struct ask a;

	put_asserts(&b, 7, STEME_ASSERTION, json, 1);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b, &why),
	    STEME_EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "admin"));
	ask_fini(&a);
	ck_assert_int_eq(steme_keyring_get(G.k, "uid-7", false,
	    &(struct steme_key){ 0 }, NULL, NULL), STEME_ENOTFOUND);
	steme_msg_put_profile(&b, &p);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_PROFILE, &b, NULL),
	    STEME_EPERM);
	ask_fini(&a);
	put_asserts(&b, 7, STEME_ASSERTION, json, 1);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_ADMIN, STEME_MSG_ASSERT, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).status, STEME_CREATED);
	ask_fini(&a);
	ck_assert_int_eq(steme_keyring_get(G.k, "uid-7", false,
	    &(struct steme_key){ 0 }, NULL, NULL), STEME_OK);
	/* The kind an endpoint takes is kept to. */
	put_asserts(&b, UINT32_MAX, STEME_VOTE, json, 1);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(result_at(&a, 0).err, STEME_EINVAL);
	ask_fini(&a);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(only_an_admin_uses_keys_by_name_and_only_those_of_api_keys)
{
	static const struct { const char *name; int err; } cases[] = {
		{ "apikey-0123", STEME_OK }, { "operator", STEME_EINVAL },
		{ "uid-0", STEME_EINVAL }, { "apikey-", STEME_EINVAL },
		{ "apikey-../operator", STEME_EINVAL }, { "", STEME_EINVAL }
	};
	static const char json[] =
	    "{\"concept_path\":\"a\",\"predicate\":\"p\",\"object\":true}";
	struct steme_msg_profile p = { .uid = STEME_UID_NAMED,
	    .source = STEME_LIT(""), .key = STEME_LIT("apikey-0123") }, got;
	struct steme_buf b = {0};
	struct steme_key key;
	struct ask a;

	for (size_t i = 0; i < STEME_NELEM(cases); i++) {
		steme_msg_put_assert_key(&b, steme_str_from(cases[i].name), 0, 1);
		steme_wr_bytes(&b, 4, json, sizeof(json) - 1);
		ck_assert_int_eq(ask_as(&a, STEME_ROLE_ADMIN, STEME_MSG_ASSERT, &b,
		    NULL), cases[i].err);
		ask_fini(&a);
	}
	ck_assert_int_eq(steme_keyring_get(G.k, "apikey-0123", false, &key, NULL,
	    NULL), STEME_OK);
	steme_msg_put_profile(&b, &p);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_ADMIN, STEME_MSG_PROFILE, &b, NULL),
	    STEME_OK);
	ck_assert_int_eq(steme_msg_get_profile(&got, a.all.data, a.all.len),
	    STEME_OK);
	ck_assert(steme_id_eq(&got.agent, &key.agent));
	ask_fini(&a);
	steme_msg_put_assert_key(&b, STEME_LIT("apikey-0123"), 0, 1);
	steme_wr_bytes(&b, 4, json, sizeof(json) - 1);
	ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b, NULL),
	    STEME_EPERM);
	ask_fini(&a);
	steme_key_wipe(&key);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_signed_claim_keeps_its_author)
{
	struct made m = make_claim(&G.bob, "s/t", "p", "v", T0 - 9);
	struct steme_buf b = {0}, json = {0};
	char hex[STEME_SIG_HEX + 1];
	const char *texts[1];
	struct json_object *o = json_object_new_object();
	struct ask a;

	steme_hex(hex, m.sig.b, STEME_SIG_LEN);
	json_object_object_add(o, "text",
	    json_object_new_string_len((const char *)m.bytes, (int)m.n));
	json_object_object_add(o, "signature", json_object_new_string(hex));
	for (int bad = 0; bad < 2; bad++) {
		if (bad) {
			hex[0] = hex[0] == '0' ? '1' : '0';
			json_object_object_add(o, "signature",
			    json_object_new_string(hex));
		}
		texts[0] = json_object_to_json_string(o);
		put_asserts(&b, UINT32_MAX, 0, texts, 1);
		ck_assert_int_eq(ask_as(&a, STEME_ROLE_WRITER, STEME_MSG_ASSERT, &b,
		    NULL), STEME_OK);
		ck_assert_int_eq(result_at(&a, 0).err, bad ? STEME_ESIG : STEME_OK);
		if (!bad)
			ck_assert_uint_eq(result_at(&a, 0).lsn, 2);
		ask_fini(&a);
	}
	json_object_put(o);
	steme_buf_fini(&b);
	steme_buf_fini(&json);
	made_free(&m);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("service_write");
	TCase *t = tcase_create("service_write");

	tcase_add_checked_fixture(t, open_rig, close_rig);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_put_is_created_then_exists_and_is_read_back);
	tcase_add_test(t, a_refused_object_does_not_hold_back_the_others);
	tcase_add_test(t, writes_of_one_turn_share_one_sync);
	tcase_add_test(t, a_lone_write_of_a_turn_is_committed_by_the_asking_thread);
	tcase_add_test(t, a_batch_may_come_in_two_messages);
	tcase_add_test(t, a_refused_batch_refuses_its_members);
	tcase_add_test(t, claims_are_signed_with_the_callers_key_and_profile);
	tcase_add_test(t, only_an_admin_signs_for_another_user);
	tcase_add_test(t, only_an_admin_uses_keys_by_name_and_only_those_of_api_keys);
	tcase_add_test(t, a_signed_claim_keeps_its_author);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
