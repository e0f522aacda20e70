/* SPDX-License-Identifier: Apache-2.0 */
/* check_admin.c - settings, caps, drain, and what STORAGE and INDEX say. */
#include "config.h"
#include "core/gate.h"
#include "core/setting.h"
#include "core/util.h"
#include "tests/service_util.h"

/* SET; *r is the result of one that went well. */
static int
set(const char *concept, const char *predicate, const char *json,
    struct steme_msg_put_result *r, struct steme_why *why)
{
	struct steme_msg_set m = { steme_str_from(concept), steme_str_from(predicate),
	    steme_str_from(json) };
	struct steme_why local = { "" };
	struct steme_buf b = {0};
	struct ask a;
	int err;

	steme_msg_put_set(&b, &m);
	err = ask(&G, &a, STEME_ROLE_ADMIN, STEME_MSG_SET, b.data, b.len,
	    why == NULL ? &local : why);
	if (err == STEME_OK && r != NULL) {
		*r = result_at(&a, 0);
		r->why = STEME_LIT("");
	}
	ask_fini(&a);
	steme_buf_fini(&b);
	return err;
}

static void
must_set(const char *concept, const char *predicate, const char *json)
{
	struct steme_why why = { "" };
	int err = set(concept, predicate, json, NULL, &why);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
}

/* Its value as "TYPE VALUE", "" if there is none. */
static const char *
value(const char *concept, const char *predicate)
{
	static char out[128];
	struct steme_setting v;
	char text[64];
	bool has;

	out[0] = '\0';
	ck_assert_int_eq(steme_setting_get(G.s, steme_str_from(concept),
	    steme_str_from(predicate), text, sizeof(text), &v, &has), STEME_OK);
	if (has)
		snprintf(out, sizeof(out), "%s %.*s", steme_type_name(v.type),
		    STEME_STR(v.value));
	return out;
}

/* Hands in n new claims in one write; the write's error. */
static int
hand_in(unsigned n, struct steme_why *why)
{
	static unsigned serial;
	struct made *m = calloc(n, sizeof(*m));
	struct steme_put *p = calloc(n, sizeof(*p));
	struct steme_write w = { .puts = p, .n = n, .hand_in = true };

	for (unsigned i = 0; i < n; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%u", serial++);
		m[i] = make_claim(&G.ann, "a/b", "p", v, T0 - 5);
		p[i] = put_of(&m[i]);
	}
	steme_store_write_wait(G.s, &w);
	if (why != NULL)
		*why = w.why;
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(p[i].err, w.err);
		made_free(&m[i]);
	}
	free(m);
	free(p);
	return w.err;
}

static void
pass_ms(int64_t ms)
{
	__atomic_fetch_add(&G.p.clock.mono, ms * 1000, __ATOMIC_RELAXED);
}

/* ---- settings ---- */

START_TEST(a_setting_is_set_changed_and_cleared)
{
	struct steme_msg_put_result r, first;

	ck_assert_str_eq(value("_steme/breakers/x", "tripped"), "");
	ck_assert_int_eq(set("_steme/breakers/x", "tripped", "\"abuse\"", &first, NULL),
	    STEME_OK);
	ck_assert_int_eq(first.status, STEME_CREATED);
	ck_assert_str_eq(value("_steme/breakers/x", "tripped"), "text abuse");
	must_set("_steme/breakers/x", "tripped", "true");
	must_set("_steme/breakers/x", "tripped", "2.50");
	ck_assert_str_eq(value("_steme/breakers/x", "tripped"), "number 2.50");
	/* one holds, however often it was set */
	ck_assert_uint_eq(counting(G.s, "_steme/breakers/x", "tripped"), 1);
	ck_assert_int_eq(set("_steme/breakers/x", "tripped", "", &r, NULL), STEME_OK);
	ck_assert_int_eq(r.status, STEME_CREATED);
	ck_assert_str_eq(value("_steme/breakers/x", "tripped"), "");
	ck_assert_uint_eq(counting(G.s, "_steme/breakers/x", "tripped"), 0);
	/* there is nothing to take back */
	ck_assert_int_eq(set("_steme/breakers/x", "tripped", "", &r, NULL), STEME_OK);
	ck_assert_int_eq(r.status, STEME_EXISTS);
	ck_assert_uint_eq(r.lsn, 0);
	/* the same value at the same moment is another assertion than the one taken back */
	ck_assert_int_eq(set("_steme/breakers/x", "tripped", "\"abuse\"", &r, NULL),
	    STEME_OK);
	ck_assert(!steme_id_eq(&r.id, &first.id));
	ck_assert_str_eq(value("_steme/breakers/x", "tripped"), "text abuse");
	must_verify(G.s);
}
END_TEST

START_TEST(what_was_set_while_the_clock_was_ahead_is_changed_when_it_is_right_again)
{
	struct steme_msg_put_result first, second;

	G.p.clock.wall += INT64_C(86400000000);
	ck_assert_int_eq(set("_steme/nodes/n1", "drained", "true", &first, NULL),
	    STEME_OK);
	ck_assert_int_eq(hand_in(1, NULL), STEME_EDRAINED);
	G.p.clock.wall -= INT64_C(86400000000);
	must_set("_steme/nodes/n1", "drained", "false");
	ck_assert_str_eq(value("_steme/nodes/n1", "drained"), "boolean false");
	ck_assert_uint_eq(counting(G.s, "_steme/nodes/n1", "drained"), 1);
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	/* the same value at the same moment once more is another assertion, now too */
	G.p.clock.wall += INT64_C(86400000000);
	ck_assert_int_eq(set("_steme/nodes/n1", "drained", "true", &second, NULL),
	    STEME_OK);
	ck_assert(!steme_id_eq(&first.id, &second.id));
	G.p.clock.wall -= INT64_C(86400000000);
	must_set("_steme/nodes/n1", "drained", "");
	ck_assert_str_eq(value("_steme/nodes/n1", "drained"), "");
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	must_verify(G.s);
}
END_TEST

START_TEST(the_first_settings_of_a_store_come_in_one_group)
{
	const struct steme_setting yes = { STEME_BOOLEAN, STEME_LIT("true") };
	const struct steme_setting_of v[] = {
		{ STEME_LIT("_steme/roots"), STEME_LIT("r1"), yes },
		{ STEME_LIT("_steme/roots"), STEME_LIT("r2"), yes },
		/* named twice, it is there once */
		{ STEME_LIT("_steme/roots"), STEME_LIT("r1"), yes },
		{ STEME_LIT("_steme/lens"), STEME_LIT("unknown_trust"),
		    { STEME_NUMBER, STEME_LIT("0.3") } },
	};
	struct steme_store_stats before, after;
	struct steme_why why = { "" };

	steme_store_stats(G.s, &before);
	ck_assert_int_eq(steme_setting_put_first(G.s, &G.ann, T0, v, 4, &why),
	    STEME_EPERM);
	ck_assert_int_eq(steme_setting_put_first(G.s, &G.p.op, T0, v, 4, &why), STEME_OK);
	steme_store_stats(G.s, &after);
	/* a group is in the log whole, or not at all */
	ck_assert_uint_eq(after.commits, before.commits + 1);
	ck_assert_uint_eq(after.lsn, before.lsn + 3);
	ck_assert_str_eq(value("_steme/roots", "r1"), "boolean true");
	ck_assert_str_eq(value("_steme/roots", "r2"), "boolean true");
	ck_assert_str_eq(value("_steme/lens", "unknown_trust"), "number 0.3");
	must_verify(G.s);
}
END_TEST

START_TEST(a_setting_is_the_operators_and_below_steme)
{
	struct steme_why why;
	struct steme_record rec;
	struct steme_msg_put_result r;
	uint8_t *backing;
	char path[128];

	ck_assert_int_eq(set("_steme/limits/agents/x", "max_requests_per_min", "60", &r,
	    NULL), STEME_OK);
	ck_assert_int_eq(steme_store_get(G.s, &r.id, &rec, &backing), STEME_OK);
	free(backing);
	ck_assert_uint_eq(rec.lsn, r.lsn);
	ck_assert_int_eq(set("drug/sema", "dose", "1", NULL, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "_steme/"));
	ck_assert_int_eq(set("_steme/", "dose", "1", NULL, &why), STEME_EINVAL);
	ck_assert_int_eq(set("_steme/a//b", "dose", "1", NULL, &why), STEME_EINVAL);
	ck_assert_int_eq(set("_steme/a", "x/y", "1", NULL, &why), STEME_EINVAL);
	/* another key than the store's operator signs no settings */
	snprintf(path, sizeof(path), "%s/operator.pem", G.keys);
	G.p.op = G.bob;
	ck_assert_int_eq(unlink(path), 0);
	rig_operator(&G);
	ck_assert_int_eq(set("_steme/a", "b", "1", NULL, &why), STEME_EPERM);
	ck_assert_ptr_nonnull(strstr(why.text, "operator.pem"));
}
END_TEST

START_TEST(what_is_no_scalar_or_breaks_a_rule_is_refused)
{
	static const char *const bad[] = { "null", "[1]", "{}", "1 2", "tru", "NaN",
	    "{\"type\":\"text\",\"value\":\"x\"}" };
	static const char *const caps[] = { "0", "-1", "1.5", "1e3", "\"5\"", "true",
	    "1000000001", "99999999999999999999" };
	struct steme_why why;

	for (size_t i = 0; i < STEME_NELEM(bad); i++)
		ck_assert_msg(set("_steme/a", "b", bad[i], NULL, &why) == STEME_EINVAL,
		    "%s", bad[i]);
	for (size_t i = 0; i < STEME_NELEM(caps); i++) {
		ck_assert_msg(set("_steme/limits", "max_writes_per_sec", caps[i], NULL,
		    &why) == STEME_EINVAL, "%s", caps[i]);
		ck_assert_ptr_nonnull(strstr(why.text, "max_writes_per_sec"));
	}
	ck_assert_int_eq(set("_steme/nodes/n1", "drained", "1", NULL, &why),
	    STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "drained"));
}
END_TEST

/* ---- caps ---- */

START_TEST(a_cap_holds_for_a_second_and_is_then_refilled)
{
	struct steme_why why;
	struct steme_store_stats st;

	must_set("_steme/limits", "max_assertions_per_sec", "10");
	ck_assert_int_eq(hand_in(4, NULL), STEME_OK);
	ck_assert_int_eq(hand_in(6, NULL), STEME_OK);
	ck_assert_int_eq(hand_in(1, &why), STEME_ELIMIT);
	ck_assert_ptr_nonnull(strstr(why.text, "max_assertions_per_sec = 10"));
	ck_assert_ptr_nonnull(strstr(why.text, "try again in 101 ms"));
	ck_assert_int_eq(steme_again_ms(why.text), 101);
	pass_ms(99);
	ck_assert_int_eq(hand_in(1, &why), STEME_ELIMIT);
	pass_ms(2);
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	ck_assert_int_eq(hand_in(1, &why), STEME_ELIMIT);
	/* never more than a second's worth */
	pass_ms(3600 * 1000);
	ck_assert_int_eq(hand_in(10, NULL), STEME_OK);
	ck_assert_int_eq(hand_in(1, &why), STEME_ELIMIT);
	steme_store_stats(G.s, &st);
	ck_assert_uint_eq(st.gate.cap[STEME_CAP_ASSERTIONS], 10);
	ck_assert_uint_eq(st.gate.refused[STEME_CAP_ASSERTIONS], 4);
	ck_assert_uint_eq(st.gate.cap[STEME_CAP_WRITES], 0);
	/* settings pass, and the cap goes */
	must_set("_steme/limits", "max_assertions_per_sec", "");
	ck_assert_int_eq(hand_in(100, NULL), STEME_OK);
}
END_TEST

START_TEST(a_group_larger_than_the_cap_passes_and_is_paid_for_later)
{
	must_set("_steme/limits", "max_writes_per_sec", "10");
	ck_assert_int_eq(hand_in(25, NULL), STEME_OK);
	ck_assert_int_eq(hand_in(1, NULL), STEME_ELIMIT);
	pass_ms(1500);
	ck_assert_int_eq(hand_in(1, NULL), STEME_ELIMIT);
	pass_ms(101);
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
}
END_TEST

START_TEST(the_tighter_of_two_caps_wins_and_takes_nothing_from_the_other)
{
	struct steme_why why;
	struct steme_id target = must_claim(G.s, &G.ann, "a/b", "q", "v", T0 - 9);
	struct steme_put p;
	struct made m;

	must_set("_steme/limits", "max_assertions_per_sec", "2");
	must_set("_steme/limits", "max_writes_per_sec", "5");
	ck_assert_int_eq(hand_in(2, NULL), STEME_OK);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(hand_in(1, &why), STEME_ELIMIT);
		ck_assert_ptr_nonnull(strstr(why.text, "max_assertions_per_sec"));
	}
	/* votes are writes, but no assertions: three are left */
	for (int i = 0; i < 4; i++) {
		m = make_vote(&G.ann, "a/b", &target, 10000, T0 - 5 + i);
		ck_assert_int_eq(write_one(G.s, &m, &p), i < 3 ? STEME_OK :
		    STEME_ELIMIT);
		made_free(&m);
	}
}
END_TEST

START_TEST(a_replay_costs_nothing_and_a_refused_object_neither)
{
	struct made m = make_claim(&G.ann, "a/b", "p", "same", T0 - 5);
	struct steme_put p;

	must_set("_steme/limits", "max_writes_per_sec", "1");
	ck_assert_int_eq(write_one(G.s, &m, &p), STEME_OK);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(write_one(G.s, &m, &p), STEME_OK);
		ck_assert_int_eq(p.status, STEME_EXISTS);
	}
	m.sig.b[0] ^= 1;
	ck_assert_int_eq(write_one(G.s, &m, &p), STEME_ESIG);
	made_free(&m);
	ck_assert_int_eq(hand_in(1, NULL), STEME_ELIMIT);
}
END_TEST

/* ---- drain ---- */

START_TEST(a_drained_node_takes_no_writes_but_settings)
{
	struct steme_why why;
	struct made m = make_claim(&G.ann, "a/b", "p", "peer", T0 - 5);
	struct steme_put p = put_of(&m);
	struct steme_write w = { .puts = &p, .n = 1 };
	struct steme_buf b = {0};

	must_set("_steme/nodes/n2", "drained", "true");
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	must_set("_steme/nodes/n1", "drained", "true");
	ck_assert_int_eq(hand_in(1, &why), STEME_EDRAINED);
	ck_assert_ptr_nonnull(strstr(why.text, "node is draining"));
	ask_text(&G, STEME_MSG_STATUS, &b, "\"drained\":true");
	must_set("_steme/limits", "max_writes_per_sec", "7");
	ask_text(&G, STEME_MSG_STATUS, &b, "\"max_writes_per_sec\":7");
	ask_text(&G, STEME_MSG_STATUS, &b, "\"max_assertions_per_sec\":null");
	/* what peers send is not handed in here */
	ck_assert_int_eq(steme_store_write_wait(G.s, &w), STEME_OK);
	ck_assert_int_eq(p.err, STEME_OK);
	made_free(&m);
	must_set("_steme/nodes/n1", "drained", "false");
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	must_set("_steme/nodes/n1", "drained", "true");
	must_set("_steme/nodes/n1", "drained", "");
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(drain_and_caps_survive_a_restart_and_a_rebuild)
{
	struct steme_store_stats st;

	must_set("_steme/nodes/n1", "drained", "true");
	must_set("_steme/limits", "max_assertions_per_sec", "12");
	steme_service_free(G.svc);
	G.svc = NULL;
	steme_views_free(G.v);
	G.v = NULL;
	steme_store_close(G.s);
	G.s = place_open(&G.p);
	steme_store_stats(G.s, &st);
	ck_assert(st.gate.drained);
	ck_assert_uint_eq(st.gate.cap[STEME_CAP_ASSERTIONS], 12);
	ck_assert_int_eq(hand_in(1, NULL), STEME_EDRAINED);
	ck_assert_int_eq(steme_store_rebuild_online(G.s, NULL), STEME_OK);
	steme_store_stats(G.s, &st);
	ck_assert(st.gate.drained && st.full_rebuild);
}
END_TEST

/* Only the operator's word counts, also if somebody's else lies there. */
START_TEST(the_gate_obeys_the_operator_only)
{
	struct made m = make_claim(&G.bob, "_steme/nodes/n1", "drained", "true", T0 - 5);
	struct steme_put p = put_of(&m);
	struct steme_write w = { .puts = &p, .n = 1, .system = true };

	ck_assert_int_eq(write_one(G.s, &m, NULL), STEME_EPERM);
	ck_assert_int_eq(steme_store_write_wait(G.s, &w), STEME_OK);
	ck_assert_int_eq(p.err, STEME_OK);
	ck_assert_int_eq(hand_in(1, NULL), STEME_OK);
	made_free(&m);
}
END_TEST

/* ---- numbers ---- */

static struct json_object *
json(unsigned type)
{
	struct json_object *o;
	struct ask a;

	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_READER, type, "", 0, NULL), STEME_OK);
	steme_buf_putc(&a.all, '\0');
	ck_assert_ptr_nonnull(o = json_tokener_parse((const char *)a.all.data));
	ask_fini(&a);
	return o;
}

static struct json_object *
member(struct json_object *o, const char *name)
{
	struct json_object *v;

	ck_assert_msg(json_object_object_get_ex(o, name, &v), "no %s", name);
	return v;
}

START_TEST(storage_has_every_number)
{
	static const char *const names[] = { "sst_file_count", "total_bytes",
	    "pending_compaction_bytes", "wal_bytes", "wal_segments",
	    "wal_missing_segment_records", "memory_bytes", "cache_bytes",
	    "cache_limit_bytes", "disk_free_bytes", "disk_total_bytes",
	    "write_amplification" };
	struct json_object *o = json(STEME_MSG_STORAGE);

	for (size_t i = 0; i < STEME_NELEM(names); i++) {
		enum json_type t = json_object_get_type(member(o, names[i]));

		ck_assert_msg(t == json_type_int || t == json_type_double, "%s",
		    names[i]);
	}
	ck_assert_int_eq(json_object_get_int64(member(o, "cache_limit_bytes")), 1 << 20);
	ck_assert_int_gt(json_object_get_int64(member(o, "disk_total_bytes")), 0);
	ck_assert_int_gt(json_object_get_int64(member(o, "wal_bytes")), 0);
	json_object_put(o);
}
END_TEST

START_TEST(index_says_ready_with_its_creation_as_the_first_rebuild)
{
	struct json_object *o, *e;
	struct ask a;

	must_claim(G.s, &G.ann, "a/b", "p", "1", T0 - 9);
	must_claim(G.s, &G.ann, "a/b", "q", "1", T0 - 8);
	o = json(STEME_MSG_INDEX);
	ck_assert_str_eq(json_object_get_string(member(o, "status")), "ready");
	ck_assert_str_eq(json_object_get_string(member(o, "last_rebuild")),
	    "2026-09-21T14:13:20Z");
	ck_assert(json_object_get_double(member(o, "progress")) == 1.0);
	ck_assert(json_object_is_type(member(o, "error"), json_type_null));
	e = member(o, "entries");
	ck_assert_int_eq(json_object_get_int64(member(e, "predicate")), 2);
	ck_assert_int_eq(json_object_get_int64(member(e, "concept")), 2);
	json_object_put(o);
	G.p.clock.wall += INT64_C(61000000);
	ck_assert_int_eq(ask(&G, &a, STEME_ROLE_ADMIN, STEME_MSG_REBUILD, "", 0, NULL),
	    STEME_OK);
	ask_fini(&a);
	o = json(STEME_MSG_INDEX);
	ck_assert_str_eq(json_object_get_string(member(o, "last_rebuild")),
	    "2026-09-21T14:14:21Z");
	ck_assert(json_object_get_boolean(member(o, "full_rebuild")));
	json_object_put(o);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("admin");
	TCase *t = tcase_create("settings");

	tcase_add_checked_fixture(t, open_rig, close_rig);
	tcase_add_test(t, a_setting_is_set_changed_and_cleared);
	tcase_add_test(t,
	    what_was_set_while_the_clock_was_ahead_is_changed_when_it_is_right_again);
	tcase_add_test(t, the_first_settings_of_a_store_come_in_one_group);
	tcase_add_test(t, a_setting_is_the_operators_and_below_steme);
	tcase_add_test(t, what_is_no_scalar_or_breaks_a_rule_is_refused);
	tcase_add_test(t, a_cap_holds_for_a_second_and_is_then_refilled);
	tcase_add_test(t, a_group_larger_than_the_cap_passes_and_is_paid_for_later);
	tcase_add_test(t, the_tighter_of_two_caps_wins_and_takes_nothing_from_the_other);
	tcase_add_test(t, a_replay_costs_nothing_and_a_refused_object_neither);
	tcase_add_test(t, a_drained_node_takes_no_writes_but_settings);
	tcase_add_test(t, drain_and_caps_survive_a_restart_and_a_rebuild);
	tcase_add_test(t, the_gate_obeys_the_operator_only);
	tcase_add_test(t, storage_has_every_number);
	tcase_add_test(t, index_says_ready_with_its_creation_as_the_first_rebuild);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
