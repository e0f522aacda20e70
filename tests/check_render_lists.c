/* SPDX-License-Identifier: Apache-2.0 */
/* check_render_lists.c - histories, differences, objects, proofs and lists as JSON. */
#include "config.h"
#include "core/merkle.h"
#include "tests/view_util.h"

#include <json-c/json.h>

static char want[16384];

START_TEST(history_tells_all_newest_first_with_their_states)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "h", "p");
	const char *g1 = hex(&fix.agent[1].agent), *g2 = hex(&fix.agent[2].agent);
	const struct steme_view *view;
	char line[4][1024], *p = want;
	struct steme_object o;
	struct steme_id id[4];

	id[0] = fix_assert(1, "h", "p", STEME_TEXT, "one", "2026-01-01");
	o = fix_claim(1, "h", "p", STEME_TEXT, "two", "2026-01-02");
	o.nsupersedes = 1;
	o.supersedes[0] = id[0];
	id[1] = fix_put(&o, 1);
	id[2] = fix_assert(2, "h", "p", STEME_TEXT, "three", "2026-01-03");
	retract(2, "h", &id[2], "2026-01-04");
	o = fix_claim(2, "h", "p", STEME_TEXT, "four", "2026-01-05");
	o.lifecycle = STEME_DEPRECATED;
	o.confidence = 2500;
	id[3] = fix_put(&o, 2);
	vote(3, "h", &id[0], STEME_ONE, "2026-01-06");
	for (int i = 0; i < 4; i++) {
		static const char *const value[] = { "one", "two", "three", "four" };
		static const char *const state[] = { "superseded", "current",
		    "retracted", "deprecated" };
		static const char *const day[] = { "01", "02", "03", "05" };
		char sup[80] = "";

		if (i == 1)
			snprintf(sup, sizeof(sup), "\"%s\"", hex(&id[0]));
		snprintf(line[i], sizeof(line[i]), "{\"concept_path\":\"h\","
		    "\"predicate\":\"p\",\"object\":{\"type\":\"text\",\"value\":"
		    "\"%s\"},\"confidence\":%s,\"conflict_score\":0,\"candidates\":1,"
		    "\"assertion_id\":\"%s\",\"agent_id\":\"%s\",\"source\":null,"
		    "\"source_class\":\"expert\",\"time\":"
		    "\"2026-01-%sT00:00:00.000000Z\",\"lifecycle\":\"%s\","
		    "\"supersedes\":[%s],\"state\":\"%s\"}", value[i],
		    i == 3 ? "0.25" : "1", hex(&id[i]), i < 2 ? g1 : g2, day[i],
		    i == 3 ? "deprecated" : "approved", sup, state[i]);
	}
	for (int i = 3; i >= 0; i--)
		p += sprintf(p, "%s\n", line[i]);
	ck_assert_int_eq(steme_view_history_file(fix.v, &q, &view), STEME_OK);
	ck_assert_int_eq(view->len, strlen(want));
	ck_assert_mem_eq(view->data, want, view->len);
	steme_view_put(view);
	snprintf(want, sizeof(want), "{\"concept_path\":\"h\",\"results\":[%s,%s,%s,"
	    "%s],\"next_cursor\":null}\n", line[3], line[2], line[1], line[0]);
	ck_assert_str_eq(history(&q), want);
	/* narrowed, states stay */
	q.lifecycle = STEME_DEPRECATED;
	snprintf(want, sizeof(want), "{\"concept_path\":\"h\",\"results\":[%s],"
	    "\"next_cursor\":null}\n", line[3]);
	ck_assert_str_eq(history(&q), want);
}
END_TEST

START_TEST(narrowing_a_history_changes_no_item)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "h2", NULL);
	struct steme_object o;

	fix_assert(1, "h2", "p", STEME_TEXT, "x", T1);
	fix_assert(2, "h2", "p", STEME_TEXT, "x", T1);
	o = fix_claim(3, "h2", "p", STEME_TEXT, "y", T2);
	o.lifecycle = STEME_DEPRECATED;
	o.epoch = STEME_LIT("e");
	fix_put(&o, 3);
	for (int i = 0; i < 2; i++) {
		q.lifecycle = i == 0 ? STEME_DEPRECATED : -1;
		if (i == 1)
			q.epoch = STEME_LIT("e");
		ck_assert_ptr_nonnull(strstr(history(&q), "\"value\":\"y\"},"
		    "\"confidence\":1,\"conflict_score\":0,\"candidates\":2,"));
		ck_assert_ptr_nonnull(strstr((char *)body.data,
		    "\"state\":\"deprecated\"}],"));
		ck_assert_ptr_null(strstr((char *)body.data, "\"value\":\"x\""));
	}
	q = fix_query(STEME_LENS_RECENCY, "h2", NULL);
	q.include = 31;
	q.decay = true;
	ck_assert_ptr_nonnull(strstr(history(&q), "\"candidates\":2,"));
	q.since_hlc = UINT64_MAX;
	ck_assert_ptr_nonnull(strstr(history(&q), "\"results\":[],"));
}
END_TEST

START_TEST(as_of_history_says_future_by_the_api_and_nothing_on_the_mount)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "drug/sema", "dose");
	const struct steme_view *view;

	put_dose();
	ck_assert_int_eq(steme_time_parse_loose(STEME_LIT("2026-02-15"), &q.as_of_us),
	    STEME_OK);
	ck_assert_ptr_nonnull(strstr(history(&q), "\"state\":\"future\"}"));
	ck_assert_int_eq(steme_view_history_file(fix.v, &q, &view), STEME_OK);
	ck_assert_ptr_null(memmem(view->data, view->len, "future", 6));
	ck_assert_ptr_null(memmem(view->data, view->len, "2.0 mg", 6));
	ck_assert_ptr_nonnull(memmem(view->data, view->len, "2.4 mg", 6));
	steme_view_put(view);
	ck_assert_int_eq(steme_time_parse_loose(STEME_LIT("2025-01-01"), &q.as_of_us),
	    STEME_OK);
	ck_assert_int_eq(steme_view_history_file(fix.v, &q, &view), STEME_ENOTFOUND);
}
END_TEST

START_TEST(a_diff_tells_where_answers_differ_by_value)
{
	struct steme_query a = fix_query(STEME_LENS_RECENCY, "d", NULL), b = a;
	struct json_object *o, *list, *it;

	fix_assert(1, "d", "same", STEME_NUMBER, "10", T1);
	fix_assert(2, "d", "same", STEME_NUMBER, "10.0", T2);
	fix_assert(1, "d", "moved", STEME_TEXT, "old", T1);
	fix_assert(2, "d", "moved", STEME_TEXT, "new", T3);
	fix_assert(1, "d", "came", STEME_TEXT, "x", T3);
	b.as_of_us = INT64_C(1771000000000000);	/* 2026-02-13 */
	steme_buf_clear(&body);
	o = json_tokener_parse(text(steme_json_diff(fix.v, &b, &a, &body, &why)));
	ck_assert_ptr_nonnull(o);
	ck_assert_str_eq(json_object_get_string(json_object_object_get(o,
	    "concept_path")), "d");
	ck_assert_str_eq(json_object_to_json_string_ext(json_object_object_get(o,
	    "b"), 0), "{\"lens\":\"recency\",\"as_of\":null,\"known_at\":null}");
	list = json_object_object_get(o, "differences");
	ck_assert_uint_eq(json_object_array_length(list), 2);
	it = json_object_array_get_idx(list, 0);
	ck_assert_str_eq(json_object_get_string(json_object_object_get(it,
	    "predicate")), "came");
	ck_assert(json_object_object_get_ex(it, "a", NULL));
	ck_assert_ptr_null(json_object_object_get(it, "a"));
	ck_assert_ptr_nonnull(json_object_object_get(it, "b"));
	it = json_object_array_get_idx(list, 1);
	ck_assert_ptr_nonnull(strstr(json_object_get_string(
	    json_object_object_get(it, "a")), "old"));
	ck_assert_ptr_nonnull(strstr(json_object_get_string(
	    json_object_object_get(it, "b")), "new"));
	json_object_put(o);
	/* a skeptic agrees with a lens where nobody contradicts */
	b = a;
	b.lens = STEME_LENS_SKEPTIC;
	steme_buf_clear(&body);
	o = json_tokener_parse(text(steme_json_diff(fix.v, &a, &b, &body, &why)));
	list = json_object_object_get(o, "differences");
	ck_assert_uint_eq(json_object_array_length(list), 1);
	json_object_put(o);
	b.concept = STEME_LIT("e");
	ck_assert_int_eq(steme_json_diff(fix.v, &a, &b, &body, &why), STEME_EINVAL);
	b = a;
	b.lens = STEME_LENS_CONSTRAINTS;
	ck_assert_int_eq(steme_json_diff(fix.v, &a, &b, &body, &why), STEME_EINVAL);
}
END_TEST

static const char *
member(struct json_object *o, const char *key)
{
	struct json_object *v;

	ck_assert_msg(json_object_object_get_ex(o, key, &v), "no member %s", key);
	return v == NULL ? "null" : json_object_to_json_string_ext(v,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

START_TEST(an_object_is_told_with_all_that_is_known)
{
	struct steme_object c = fix_claim(1, "o/p", "q", STEME_NUMBER, "-0.5e3", T1);
	struct steme_id id, none, v, r;
	struct json_object *o;

	c.nmeta = 1;
	c.meta[0].key = STEME_LIT("reason");
	c.meta[0].value = STEME_LIT("because");
	c.epoch = STEME_LIT("e1");
	id = fix_put(&c, 1);
	v = vote(2, "o/p", &id, -2500, T2);
	r = retract(1, "o/p", &id, T3);
	steme_buf_clear(&body);
	o = json_tokener_parse(text(steme_json_object(fix.s, &id, &body, &why)));
	ck_assert_str_eq(member(o, "kind"), "\"assertion\"");
	ck_assert_str_eq(member(o, "object"), "{\"type\":\"number\",\"value\":-0.5e3}");
	ck_assert_str_eq(member(o, "meta"), "{\"reason\":\"because\"}");
	ck_assert_str_eq(member(o, "epoch"), "\"e1\"");
	ck_assert_str_eq(member(o, "parent"), "null");
	ck_assert_str_eq(member(o, "batch"), "null");
	ck_assert_str_eq(member(o, "state"), "\"retracted\"");
	ck_assert_str_eq(member(o, "recorded_at"), "\"2026-11-21T02:00:00.000000Z\"");
	ck_assert_uint_eq(strlen(member(o, "signature")), STEME_SIG_HEX + 2);
	json_object_put(o);
	steme_buf_clear(&body);
	o = json_tokener_parse(text(steme_json_object(fix.s, &v, &body, &why)));
	ck_assert_str_eq(member(o, "kind"), "\"vote\"");
	ck_assert_str_eq(member(o, "weight"), "-0.25");
	ck_assert_str_eq(member(o, "state"), "null");
	json_object_put(o);
	steme_buf_clear(&body);
	o = json_tokener_parse(text(steme_json_object(fix.s, &r, &body, &why)));
	ck_assert_str_eq(member(o, "reason"), "\"mistaken\"");
	ck_assert_str_eq(member(o, "source"), "null");
	json_object_put(o);
	memset(&none, 7, sizeof(none));
	ck_assert_int_eq(steme_json_object(fix.s, &none, &body, &why),
	    STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, hex(&none)));
}
END_TEST

/* Puts n claims of agent 1 as one batch; ids ascending in ids. */
static struct steme_id
put_batch(size_t n, struct steme_id *ids)
{
	static struct steme_buf bytes[64];
	struct steme_put puts[64];
	struct steme_object o, batch;
	struct steme_buf b = { 0 };
	struct steme_write w;
	char name[32];

	memset(&w, 0, sizeof(w));
	memset(puts, 0, sizeof(puts));
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%02zu", i);
		o = fix_claim(1, "batched", name, STEME_TEXT, "v", T1);
		steme_buf_clear(&bytes[i]);
		ck_assert_int_eq(steme_object_write(&o, &bytes[i], &why), STEME_OK);
		puts[i].bytes = (struct steme_str){ (char *)bytes[i].data,
		    bytes[i].len };
		puts[i].sigkind = STEME_SIG_BATCH;
		ids[i] = steme_hash(bytes[i].data, bytes[i].len);
	}
	for (size_t i = 1; i < n; i++)		/* insertion sort */
		for (size_t k = i; k > 0 && steme_id_cmp(&ids[k], &ids[k - 1]) < 0;
		    k--) {
			struct steme_id t = ids[k];

			ids[k] = ids[k - 1];
			ids[k - 1] = t;
		}
	memset(&batch, 0, sizeof(batch));
	batch.kind = STEME_BATCH;
	batch.count = (uint32_t)n;
	batch.agent = fix.agent[1].agent;
	batch.time_us = FIX_NOW_US;
	batch.value = STEME_LIT("");
	ck_assert_int_eq(steme_merkle_root(ids, n, &batch.root), STEME_OK);
	ck_assert_int_eq(steme_object_write(&batch, &b, &why), STEME_OK);
	w.puts = puts;
	w.n = n;
	w.has_batch = true;
	w.batch.bytes = (struct steme_str){ (char *)b.data, b.len };
	w.batch.sigkind = STEME_SIG_OWN;
	steme_sign(&w.batch.sig, &fix.agent[1], b.data, b.len);
	w.batch_ids = ids;
	w.nbatch_ids = n;
	ck_assert_msg(steme_store_write_wait(fix.s, &w) == STEME_OK, "%s", w.why.text);
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(puts[i].err == STEME_OK, "%s", puts[i].why.text);
		steme_buf_fini(&bytes[i]);
	}
	steme_buf_fini(&b);
	return w.batch.id;
}

START_TEST(a_proof_checks_with_hash_and_signature_alone)
{
	struct json_object *o, *path, *text_;
	struct steme_id ids[37], batch = put_batch(37, ids), root, got, own;
	struct steme_proof proof;
	struct steme_sig sig;

	for (size_t i = 0; i < 37; i++) {
		steme_buf_clear(&body);
		o = json_tokener_parse(text(steme_json_proof(fix.s, &ids[i], &body,
		    &why)));
		memset(&proof, 0, sizeof(proof));
		proof.index = (uint32_t)atoi(member(o, "index"));
		proof.count = (uint32_t)atoi(member(o, "count"));
		ck_assert_uint_eq(proof.index, i);
		path = json_object_object_get(o, "path");
		proof.n = (unsigned)json_object_array_length(path);
		for (unsigned k = 0; k < proof.n; k++)
			ck_assert_int_eq(steme_id_parse(&proof.path[k],
			    json_object_get_string(json_object_array_get_idx(path,
			    k)), 64), STEME_OK);
		ck_assert_int_eq(steme_id_parse(&root, member(o, "root") + 1, 64),
		    STEME_OK);
		ck_assert_int_eq(steme_merkle_check(&proof, &ids[i], &root), STEME_OK);
		text_ = json_object_object_get(o, "batch_object");
		got = steme_hash(json_object_get_string(text_),
		    (size_t)json_object_get_string_len(text_));
		ck_assert(steme_id_eq(&got, &batch));
		ck_assert_int_eq(steme_unhex(sig.b, 64, member(o, "signature") + 1,
		    128), STEME_OK);
		ck_assert_int_eq(steme_verify(&sig, &fix.agent[1].agent,
		    json_object_get_string(text_),
		    (size_t)json_object_get_string_len(text_)), STEME_OK);
		json_object_put(o);
	}
	own = fix_assert(1, "x", "y", STEME_TEXT, "z", T1);
	ck_assert_int_eq(steme_json_proof(fix.s, &own, &body, &why), STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, ".sig"));
	memset(&own, 1, sizeof(own));
	ck_assert_int_eq(steme_json_proof(fix.s, &own, &body, &why), STEME_ENOTFOUND);
}
END_TEST

START_TEST(folders_and_concepts_are_listed_a_page_at_a_time)
{
	static const struct steme_count_bounds many = { 1000, 1000 };
	uint64_t lsn;

	fix_assert(1, "b/y", "p", STEME_TEXT, "v", T1);
	lsn = steme_store_lsn(fix.s);
	fix_assert(1, "a", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "b/x/deep", "p", STEME_TEXT, "v", T1);
	steme_buf_clear(&body);
	snprintf(want, sizeof(want), "{\"parent\":\"\",\"children\":[{\"name\":\"b\","
	    "\"concept_path\":\"b\",\"has_assertions\":false,\"first_lsn\":%u}],"
	    "\"next_cursor\":\"%u\"}\n", (unsigned)lsn, (unsigned)lsn);
	ck_assert_str_eq(text(steme_json_children(fix.s, STEME_LIT(""), 0, 1, &body,
	    &why)), want);
	steme_buf_clear(&body);
	snprintf(want, sizeof(want), "{\"parent\":\"b\",\"children\":[{\"name\":\"y\","
	    "\"concept_path\":\"b/y\",\"has_assertions\":true,\"first_lsn\":%u},"
	    "{\"name\":\"x\",\"concept_path\":\"b/x\",\"has_assertions\":false,"
	    "\"first_lsn\":%u}],\"next_cursor\":null}\n", (unsigned)lsn,
	    (unsigned)lsn + 2);
	ck_assert_str_eq(text(steme_json_children(fix.s, STEME_LIT("b"), 0, 0, &body,
	    &why)), want);
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_children(fix.s, STEME_LIT("none"), 0, 0,
	    &body, &why)), "{\"parent\":\"none\",\"children\":[],\"next_cursor\":"
	    "null}\n");
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_concepts(fix.s, STEME_LIT("b"),
	    STEME_LIT(""), 1, &body, &why)), "{\"prefix\":\"b\",\"concepts\":"
	    "[\"b/x/deep\"],\"next_cursor\":\"b/x/deep\"}\n");
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_concepts(fix.s, STEME_LIT("b"),
	    STEME_LIT("b/x/deep"), 1, &body, &why)), "{\"prefix\":\"b\",\"concepts\":"
	    "[\"b/y\"],\"next_cursor\":null}\n");
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_concepts(fix.s, STEME_LIT("b/x/de"),
	    STEME_LIT(""), 1, &body, &why)), "{\"prefix\":\"b/x/de\",\"concepts\":"
	    "[\"b/x/deep\"],\"next_cursor\":null}\n");
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_concepts_counted(fix.s, STEME_LIT("b/x/"),
	    STEME_LIT(""), 1, many, &body, &why)), "{\"prefix\":\"b/x/\",\"concepts\":"
	    "[{\"concept_path\":\"b/x/deep\",\"name\":\"deep\",\"assertions\":1,"
	    "\"children\":false}],\"next_cursor\":null}\n");
	ck_assert_int_eq(steme_json_concepts(fix.s, STEME_LIT("a//b"), STEME_LIT(""),
	    1, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_concepts_counted(fix.s, STEME_LIT("a//b"),
	    STEME_LIT(""), 1, many, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_children_counted(fix.s, STEME_LIT("a//b"), 0, 1,
	    many, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_children(fix.s, STEME_LIT(""), 0, 10001, &body,
	    &why), STEME_EINVAL);
}
END_TEST

static void
near_is(const char *concept, uint32_t n, const char *expect)
{
	steme_buf_clear(&body);
	ck_assert_str_eq(text(steme_json_neighbours(fix.s, steme_str_from(concept), n,
	    &body)), expect);
}

START_TEST(a_mistyped_concept_has_neighbours)
{
	fix_assert(1, "country/france/region", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "country/finland", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "country/\xc3\xb6sterreich", "p", STEME_TEXT, "v", T1);
	near_is("country/frnace", 5, "[\"country/france\"]\n");
	near_is("Country/france", 5, "[\"country/france\"]\n");
	near_is("contry/france/region", 5, "[\"country/france/region\"]\n");
	near_is("contry/atlantis", 5, "[\"country\"]\n");
	near_is("country/osterreich", 5, "[\"country/\xc3\xb6sterreich\"]\n");
	near_is("country/france", 5, "[]\n");
	near_is("country/zz", 5, "[]\n");
	near_is("country/france/regoin", 1, "[\"country/france/region\"]\n");
	near_is("country/frnace", 0, "[]\n");
	near_is("a//b", 5, "[]\n");
	/* one swap is one slip, so it counts even in a short name */
	fix_assert(1, "t/abc", "p", STEME_TEXT, "v", T1);
	near_is("t/acb", 5, "[\"t/abc\"]\n");
	near_is("t/axy", 5, "[]\n");
	fix_assert(1, "s/aaaab", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "s/aaaaa", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "s/aaabb", "p", STEME_TEXT, "v", T1);
	near_is("s/aaaac", 5, "[\"s/aaaab\",\"s/aaaaa\",\"s/aaabb\"]\n");
	near_is("s/aaaac", 2, "[\"s/aaaab\",\"s/aaaaa\"]\n");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("render_lists");
	TCase *t = tcase_create("lists");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, history_tells_all_newest_first_with_their_states);
	tcase_add_test(t, narrowing_a_history_changes_no_item);
	tcase_add_test(t, as_of_history_says_future_by_the_api_and_nothing_on_the_mount);
	tcase_add_test(t, a_diff_tells_where_answers_differ_by_value);
	tcase_add_test(t, an_object_is_told_with_all_that_is_known);
	tcase_add_test(t, a_proof_checks_with_hash_and_signature_alone);
	tcase_add_test(t, folders_and_concepts_are_listed_a_page_at_a_time);
	tcase_add_test(t, a_mistyped_concept_has_neighbours);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
