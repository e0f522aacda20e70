/* SPDX-License-Identifier: Apache-2.0 */
/* check_service.c - what the daemon answers, without a socket. */
#include "config.h"
#include "tests/service_util.h"
#include "core/util.h"

static struct rig G;

static void
open_rig(void)
{
	rig_open(&G);
}

static void
close_rig(void)
{
	rig_close(&G);
}

static int
ask_as(struct ask *a, enum steme_role role, unsigned type, struct steme_buf *b,
    struct steme_why *why)
{
	int err = ask(&G, a, role, type, b->data, b->len, why);

	steme_buf_clear(b);
	return err;
}

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
