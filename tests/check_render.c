/* SPDX-License-Identifier: Apache-2.0 */
/* check_render.c - the exact bytes of every file and every JSON shape. */
#include "config.h"
#include "tests/view_fixture.h"

#include "core/merkle.h"
#include "core/render.h"

#include <check.h>
#include <json-c/json.h>

#define T1	"2026-01-01T00:00:00.000000Z"
#define T2	"2026-02-01T00:00:00.000000Z"
#define T3	"2026-03-01T00:00:00.000000Z"

static struct steme_why why;

static void
setup(void)
{
	fix_open(1 << 20);
}

static struct steme_buf body;

static const char *
text(int err)
{
	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
	return body.data == NULL ? "" : (const char *)body.data;
}

static const char *
query(const struct steme_query *q)
{
	steme_buf_clear(&body);
	return text(steme_json_query(fix.v, q, &body, &why));
}

static const char *
history(const struct steme_query *q)
{
	steme_buf_clear(&body);
	return text(steme_json_history(fix.v, q, &body, &why));
}

static void
teardown(void)
{
	steme_buf_fini(&body);
	fix_close();
}

static void
bytes_are(enum steme_lens lens, const char *concept, const char *predicate,
    const char *want, size_t len)
{
	struct steme_query q = fix_query(lens, concept, predicate);
	const struct steme_view *view;
	int err = steme_view_file(fix.v, &q, &view);

	if (want == NULL) {
		ck_assert_int_eq(err, STEME_ENOTFOUND);
		ck_assert_ptr_null(view);
		return;
	}
	ck_assert_int_eq(err, STEME_OK);
	ck_assert_msg(view->len == len && memcmp(view->data, want, len) == 0,
	    "%s: got '%.*s', want '%s'", steme_lens_name(lens), (int)view->len,
	    view->data, want);
	steme_view_put(view);
}

static void
file_is(enum steme_lens lens, const char *concept, const char *predicate,
    const char *want)
{
	bytes_are(lens, concept, predicate, want, want == NULL ? 0 : strlen(want));
}

#define FILE_IS(lens, concept, predicate, want) \
	file_is(STEME_LENS_##lens, concept, predicate, want)

static struct steme_id
vote(int agent, const char *concept, const struct steme_id *id, int32_t weight,
    const char *time)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_VOTE;
	o.concept = steme_str_from(concept);
	o.value = STEME_LIT("");
	o.has_assertion = true;
	o.assertion = *id;
	o.weight = weight;
	o.agent = fix.agent[agent].agent;
	ck_assert_int_eq(steme_time_parse_loose(steme_str_from(time), &o.time_us),
	    STEME_OK);
	return fix_put(&o, agent);
}

static struct steme_id
retract(int agent, const char *concept, const struct steme_id *id, const char *time)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_RETRACTION;
	o.concept = steme_str_from(concept);
	o.value = STEME_LIT("mistaken");
	o.has_assertion = true;
	o.assertion = *id;
	o.agent = fix.agent[agent].agent;
	ck_assert_int_eq(steme_time_parse_loose(steme_str_from(time), &o.time_us),
	    STEME_OK);
	return fix_put(&o, agent);
}

/* Two say 2.4 mg, one says 2.0 mg; a regulator is the oldest. */
static struct steme_id a1, a2, a3;

static void
put_dose(void)
{
	struct steme_object o;

	o = fix_claim(1, "drug/sema", "dose", STEME_TEXT, "2.4 mg", T1);
	o.class_ = STEME_REGULATORY;
	o.confidence = 9500;
	o.source = STEME_LIT("https://example.org/label.pdf");
	a1 = fix_put(&o, 1);
	o = fix_claim(2, "drug/sema", "dose", STEME_TEXT, "2.4 mg", T2);
	o.confidence = 5000;
	a2 = fix_put(&o, 2);
	o = fix_claim(3, "drug/sema", "dose", STEME_TEXT, "2.0 mg", T3);
	o.class_ = STEME_ANECDOTAL;
	o.confidence = 4000;
	a3 = fix_put(&o, 3);
}

START_TEST(each_lens_has_its_file)
{
	struct steme_id v;

	put_dose();
	FILE_IS(RECENCY, "drug/sema", "dose", "2.0 mg\n");
	FILE_IS(CONFIDENCE, "drug/sema", "dose", "2.4 mg\n");
	FILE_IS(CONSENSUS, "drug/sema", "dose", "2.4 mg\n");
	FILE_IS(AUTHORITY, "drug/sema", "dose", "2.4 mg\n");
	FILE_IS(VOTES, "drug/sema", "dose", NULL);
	v = vote(4, "drug/sema", &a3, STEME_ONE, T3);
	(void)v;
	FILE_IS(VOTES, "drug/sema", "dose", "2.0 mg\n");
	FILE_IS(SKEPTIC, "drug/sema", "dose",
	    "0.7838\t2\t\"2.4 mg\"\n0.2162\t1\t\"2.0 mg\"\n");
	FILE_IS(LAYERED, "drug/sema", "dose", "0\tregulatory\t\"2.4 mg\"\n"
	    "3\texpert\t\"2.4 mg\"\n5\tanecdotal\t\"2.0 mg\"\n");
	FILE_IS(CONSTRAINTS, "drug/sema", "dose", NULL);
	FILE_IS(RECENCY, "drug/sema", "other", NULL);
	FILE_IS(RECENCY, "drug/none", "dose", NULL);
}
END_TEST

START_TEST(a_value_keeps_its_bytes_and_gets_exactly_one_newline)
{
	char zeros[600] = "1e", long_line[700];
	struct steme_object o;

	memset(zeros + 2, '0', 500);
	strcpy(zeros + 502, "7");
	fix_assert(1, "c", "zeros", STEME_NUMBER, zeros, T1);
	snprintf(long_line, sizeof(long_line), "1\t1\t%s\n", zeros);
	FILE_IS(SKEPTIC, "c", "zeros", long_line);
	fix_assert(1, "c", "plain", STEME_TEXT, "x", T1);
	fix_assert(1, "c", "ends", STEME_TEXT, "x\n", T1);
	fix_assert(1, "c", "empty", STEME_TEXT, "", T1);
	fix_assert(1, "c", "number", STEME_NUMBER, "1.50E+2", T1);
	fix_assert(1, "c", "truth", STEME_BOOLEAN, "true", T1);
	fix_assert(1, "c", "ref", STEME_REFERENCE, "drug/sema", T1);
	o = fix_claim(1, "c", "nul", STEME_TEXT, "", T1);
	o.value = STEME_LIT("a\0b");
	fix_put(&o, 1);
	FILE_IS(RECENCY, "c", "plain", "x\n");
	FILE_IS(RECENCY, "c", "ends", "x\n\n");
	FILE_IS(RECENCY, "c", "empty", "\n");
	FILE_IS(RECENCY, "c", "number", "1.50E+2\n");
	FILE_IS(RECENCY, "c", "truth", "true\n");
	FILE_IS(RECENCY, "c", "ref", "drug/sema\n");
	bytes_are(STEME_LENS_RECENCY, "c", "nul", "a\0b\n", 4);
	FILE_IS(SKEPTIC, "c", "number", "1\t1\t1.50E+2\n");
	FILE_IS(SKEPTIC, "c", "truth", "1\t1\ttrue\n");
	FILE_IS(SKEPTIC, "c", "nul", "1\t1\t\"a\\u0000b\"\n");
	FILE_IS(LAYERED, "c", "ends", "3\texpert\t\"x\\n\"\n");
}
END_TEST

START_TEST(rules_stand_nearest_first_with_their_reasons)
{
	struct steme_object o;

	o = fix_claim(1, "drug", "forbidden", STEME_TEXT, "guessing\tdoses", T3);
	o.nmeta = 1;
	o.meta[0].key = STEME_LIT("reason");
	o.meta[0].value = STEME_LIT("lives depend on it");
	fix_put(&o, 1);
	fix_assert(2, "drug/sema", "forbidden", STEME_TEXT, "mixing", T1);
	fix_assert(2, "drug/sema", "must_use", STEME_REFERENCE, "unit/mg", T1);
	FILE_IS(CONSTRAINTS, "drug/sema", "forbidden",
	    "\"mixing\"\t\n\"guessing\\tdoses\"\tlives depend on it\n");
	FILE_IS(CONSTRAINTS, "drug/sema", "must_use", "\"unit/mg\"\t\n");
	FILE_IS(CONSTRAINTS, "drug", "must_use", NULL);
	FILE_IS(CONSTRAINTS, "drug/other/deep", "forbidden",
	    "\"guessing\\tdoses\"\tlives depend on it\n");
}
END_TEST

START_TEST(a_file_carries_its_winner_for_xattrs)
{
	struct steme_query q = fix_query(STEME_LENS_AUTHORITY, "drug/sema", "dose");
	const struct steme_view *view;

	put_dose();
	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_OK);
	ck_assert(view->has_winner);
	ck_assert(steme_id_eq(&view->id, &a1));
	ck_assert(steme_id_eq(&view->agent, &fix.agent[1].agent));
	ck_assert_int_eq(view->confidence, 4750);	/* 0.95 of trust 0.5 */
	ck_assert_int_eq(view->class_, STEME_REGULATORY);
	ck_assert_str_eq(view->source, "https://example.org/label.pdf");
	ck_assert_uint_eq(view->candidates, 3);
	ck_assert_int_gt(view->conflict, 0);
	ck_assert_uint_eq(view->version, steme_store_lsn(fix.s));
	ck_assert_int_eq(view->mtime_us, FIX_NOW_US);
	steme_view_put(view);
	q.lens = STEME_LENS_SKEPTIC;
	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_OK);
	ck_assert(!view->has_winner);
	ck_assert_str_eq(view->source, "");
	ck_assert_uint_eq(view->candidates, 3);
	steme_view_put(view);
}
END_TEST

START_TEST(a_query_without_parameters_has_exactly_these_bytes)
{
	struct steme_query q;

	steme_query_init(&q);
	ck_assert_str_eq(query(&q), "{\"concept_path\":null,\"lens\":\"recency\","
	    "\"results\":[],\"next_cursor\":null,\"stale\":false}\n");
	q.concept = STEME_LIT("no/such");
	ck_assert_str_eq(query(&q), "{\"concept_path\":\"no/such\",\"lens\":"
	    "\"recency\",\"results\":[],\"next_cursor\":null,\"stale\":false}\n");
}
END_TEST

static char want[16384];

START_TEST(a_winner_has_exactly_these_bytes)
{
	struct steme_query q = fix_query(STEME_LENS_AUTHORITY, "drug/sema", NULL);
	const struct steme_view *view;

	put_dose();
	snprintf(want, sizeof(want), "{\"concept_path\":\"drug/sema\",\"lens\":"
	    "\"authority\",\"results\":[{\"concept_path\":\"drug/sema\","
	    "\"predicate\":\"dose\",\"object\":{\"type\":\"text\",\"value\":"
	    "\"2.4 mg\"},\"confidence\":0.475,\"conflict_score\":0.7532,"
	    "\"candidates\":3,\"assertion_id\":\"%s\",\"agent_id\":\"%s\","
	    "\"source\":\"https://example.org/label.pdf\",\"source_class\":"
	    "\"regulatory\",\"time\":\"" T1 "\"}],\"next_cursor\":null,"
	    "\"stale\":false}\n", hex(&a1), hex(&fix.agent[1].agent));
	ck_assert_str_eq(query(&q), want);
	/* the file is the same */
	ck_assert_int_eq(steme_view_json_file(fix.v, &q, &view), STEME_OK);
	ck_assert_uint_eq(view->len, strlen(want));
	ck_assert_mem_eq(view->data, want, view->len);
	steme_view_put(view);
	/* no source is null; a certain, undisputed claim has 1 and 0 */
	a1 = fix_assert(1, "n", "p", STEME_NUMBER, "10.0", T1);
	q = fix_query(STEME_LENS_RECENCY, "n", "p");
	snprintf(want, sizeof(want), "{\"concept_path\":\"n\",\"lens\":\"recency\","
	    "\"results\":[{\"concept_path\":\"n\",\"predicate\":\"p\",\"object\":"
	    "{\"type\":\"number\",\"value\":10.0},\"confidence\":1,"
	    "\"conflict_score\":0,\"candidates\":1,\"assertion_id\":\"%s\","
	    "\"agent_id\":\"%s\",\"source\":null,\"source_class\":\"expert\","
	    "\"time\":\"" T1 "\"}],\"next_cursor\":null,\"stale\":false}\n",
	    hex(&a1), hex(&fix.agent[1].agent));
	ck_assert_str_eq(query(&q), want);
}
END_TEST

START_TEST(a_skeptic_item_has_exactly_these_bytes)
{
	struct steme_query q = fix_query(STEME_LENS_SKEPTIC, "drug/sema", "dose");
	const struct steme_id *lo = &a1, *hi = &a2;

	put_dose();
	if (steme_id_cmp(&a1, &a2) > 0) {
		lo = &a2;
		hi = &a1;
	}
	snprintf(want, sizeof(want), "{\"concept_path\":\"drug/sema\",\"lens\":"
	    "\"skeptic\",\"results\":[{\"concept_path\":\"drug/sema\","
	    "\"predicate\":\"dose\",\"status\":\"contested\",\"conflict_score\":"
	    "0.7532,\"candidates\":3,\"values\":[{\"object\":{\"type\":\"text\","
	    "\"value\":\"2.4 mg\"},\"share\":0.7838,\"agents\":2,"
	    "\"assertion_ids\":[\"%s\",\"%s\"]},{\"object\":{\"type\":\"text\","
	    "\"value\":\"2.0 mg\"},\"share\":0.2162,\"agents\":1,"
	    "\"assertion_ids\":[\"%s\"]}]}],\"next_cursor\":null,"
	    "\"stale\":false}\n", hex(lo), hex(hi), hex(&a3));
	ck_assert_str_eq(query(&q), want);
}
END_TEST

START_TEST(a_layered_item_has_exactly_these_bytes)
{
	struct steme_query q = fix_query(STEME_LENS_LAYERED, "l", "p");
	struct steme_object o;

	o = fix_claim(1, "l", "p", STEME_BOOLEAN, "true", T1);
	o.class_ = STEME_CLINICAL;
	o.source = STEME_LIT("s");
	a1 = fix_put(&o, 1);
	a2 = fix_assert(2, "l", "p", STEME_BOOLEAN, "false", T2);
	snprintf(want, sizeof(want), "{\"concept_path\":\"l\",\"lens\":\"layered\","
	    "\"results\":[{\"concept_path\":\"l\",\"predicate\":\"p\",\"object\":"
	    "{\"type\":\"boolean\",\"value\":true},\"confidence\":0.5,"
	    "\"conflict_score\":1,\"candidates\":2,\"assertion_id\":\"%s\","
	    "\"agent_id\":\"%s\",\"source\":\"s\",\"source_class\":\"clinical\","
	    "\"time\":\"" T1 "\",\"tiers\":[{\"tier\":1,\"source_class\":"
	    "\"clinical\",\"object\":{\"type\":\"boolean\",\"value\":true},"
	    "\"confidence\":0.5,\"candidates\":1,\"assertion_id\":\"%s\","
	    "\"agent_id\":\"%s\",\"source\":\"s\",\"time\":\"" T1 "\","
	    "\"conflict_score\":0},{\"tier\":3,\"source_class\":\"expert\","
	    "\"object\":{\"type\":\"boolean\",\"value\":false},\"confidence\":0.5,"
	    "\"candidates\":1,\"assertion_id\":\"%s\",\"agent_id\":\"%s\","
	    "\"source\":null,\"time\":\"" T2 "\",\"conflict_score\":0}],"
	    "\"cross_tier_conflict\":1}],\"next_cursor\":null,\"stale\":false}\n",
	    hex(&a1), hex(&fix.agent[1].agent), hex(&a1),
	    hex(&fix.agent[1].agent), hex(&a2), hex(&fix.agent[2].agent));
	ck_assert_str_eq(query(&q), want);
}
END_TEST

START_TEST(a_constraint_has_exactly_these_bytes)
{
	struct steme_query q = fix_query(STEME_LENS_CONSTRAINTS, "a/b", NULL);
	struct steme_object o;

	o = fix_claim(1, "a", "must_use", STEME_REFERENCE, "unit/mg", T1);
	o.nmeta = 1;
	o.meta[0].key = STEME_LIT("reason");
	o.meta[0].value = STEME_LIT("one unit everywhere");
	a1 = fix_put(&o, 1);
	snprintf(want, sizeof(want), "{\"concept_path\":\"a/b\",\"lens\":"
	    "\"constraints\",\"results\":[{\"predicate\":\"must_use\",\"object\":"
	    "{\"type\":\"reference\",\"value\":\"unit/mg\"},\"reason\":"
	    "\"one unit everywhere\",\"declared_at\":\"a\",\"assertion_id\":\"%s\","
	    "\"agent_id\":\"%s\",\"source_class\":\"expert\",\"time\":\"" T1
	    "\"}],\"next_cursor\":null,\"stale\":false}\n", hex(&a1),
	    hex(&fix.agent[1].agent));
	ck_assert_str_eq(query(&q), want);
}
END_TEST

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
	    STEME_LIT(""), 1, &body, &why)), "{\"prefix\":\"b/x/\",\"concepts\":"
	    "[{\"concept_path\":\"b/x/deep\",\"name\":\"deep\",\"assertions\":1,"
	    "\"children\":false}],\"next_cursor\":null}\n");
	ck_assert_int_eq(steme_json_concepts(fix.s, STEME_LIT("a//b"), STEME_LIT(""),
	    1, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_concepts_counted(fix.s, STEME_LIT("a//b"),
	    STEME_LIT(""), 1, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_children_counted(fix.s, STEME_LIT("a//b"), 0, 1,
	    &body, &why), STEME_EINVAL);
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

/* ---- doc/views.md ---- */

static char *document;

/*
 * An example of the document: it must stand there as a block.  With STEME_EXAMPLES set it is
 * printed instead, to be put there.
 */
static void
example(const char *name, const char *output, size_t len)
{
	char block[8192];

	if (getenv("STEME_EXAMPLES") != NULL) {
		printf("{{%s}}\n%.*s{{}}\n", name, (int)len, output);
		return;
	}
	snprintf(block, sizeof(block), "\n%.*s```\n", (int)len, output);
	ck_assert_msg(strstr(document, block) != NULL,
	    "doc/views.md: the example %s is not true; it is: %s", name, block);
}

static void
example_file(const char *name, enum steme_lens lens, const char *predicate)
{
	struct steme_query q = fix_query(lens, "drug/semaglutide", predicate);
	const struct steme_view *view;

	ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_OK);
	example(name, (const char *)view->data, view->len);
	steme_view_put(view);
}

static void
example_query(const char *name, enum steme_lens lens)
{
	struct steme_query q = fix_query(lens, "drug/semaglutide", NULL);

	query(&q);
	example(name, (char *)body.data, body.len);
}

static void
load_document(void)
{
	FILE *f = fopen(SRCDIR "/doc/views.md", "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(document = calloc(1, 1 << 20));
	n = fread(document, 1, (1 << 20) - 1, f);
	ck_assert_uint_gt(n, 0);
	fclose(f);
}

static struct steme_id
put_example(void)
{
	struct steme_object o;
	struct steme_id id;

	o = fix_claim(1, "drug/semaglutide", "max_weekly_dose", STEME_TEXT, "2.4 mg",
	    T1);
	o.class_ = STEME_REGULATORY;
	o.confidence = 9500;
	o.source = STEME_LIT("https://example.org/label.pdf");
	id = fix_put(&o, 1);
	o = fix_claim(2, "drug/semaglutide", "max_weekly_dose", STEME_TEXT, "2.4 mg",
	    T2);
	o.confidence = 5000;
	fix_put(&o, 2);
	o = fix_claim(3, "drug/semaglutide", "max_weekly_dose", STEME_TEXT, "2.0 mg",
	    T3);
	o.class_ = STEME_ANECDOTAL;
	o.confidence = 4000;
	fix_put(&o, 3);
	o = fix_claim(1, "drug", "must_use", STEME_REFERENCE, "unit/mg", T1);
	o.class_ = STEME_REGULATORY;
	o.nmeta = 1;
	o.meta[0].key = STEME_LIT("reason");
	o.meta[0].value = STEME_LIT("one unit everywhere");
	fix_put(&o, 1);
	return id;
}

static void
example_json(const char *name, int err)
{
	text(err);
	example(name, (char *)body.data, body.len);
	steme_buf_clear(&body);
}

START_TEST(the_examples_of_the_document_are_true)
{
	struct steme_query q, b;
	const struct steme_view *view;
	struct steme_id id = put_example();

	load_document();
	example_file("recency", STEME_LENS_RECENCY, "max_weekly_dose");
	example_file("authority", STEME_LENS_AUTHORITY, "max_weekly_dose");
	example_file("skeptic", STEME_LENS_SKEPTIC, "max_weekly_dose");
	example_file("layered", STEME_LENS_LAYERED, "max_weekly_dose");
	example_file("constraints", STEME_LENS_CONSTRAINTS, "must_use");
	q = fix_query(STEME_LENS_RECENCY, "drug/semaglutide", "max_weekly_dose");
	ck_assert_int_eq(steme_view_history_file(fix.v, &q, &view), STEME_OK);
	example("history", (const char *)view->data, view->len);
	steme_view_put(view);
	example_query("json_recency", STEME_LENS_RECENCY);
	example_query("json_skeptic", STEME_LENS_SKEPTIC);
	example_query("json_layered", STEME_LENS_LAYERED);
	example_query("json_constraints", STEME_LENS_CONSTRAINTS);
	steme_query_init(&q);
	query(&q);
	example_json("json_empty", STEME_OK);
	q = fix_query(STEME_LENS_RECENCY, "drug/semaglutide", NULL);
	ck_assert_int_eq(steme_json_history(fix.v, &q, &body, &why), STEME_OK);
	example_json("json_history", STEME_OK);
	b = q;
	b.lens = STEME_LENS_AUTHORITY;
	example_json("json_diff", steme_json_diff(fix.v, &q, &b, &body, &why));
	/* the node's number is random */
	ck_assert_int_eq(steme_json_object(fix.s, &id, &body, &why), STEME_OK);
	memcpy(strstr((char *)body.data, "\"node\":\"") + 8, "00000000000000a1", 16);
	example_json("json_object", STEME_OK);
	example_json("json_children", steme_json_children(fix.s, STEME_LIT("drug"), 0,
	    0, &body, &why));
	example_json("json_concepts", steme_json_concepts(fix.s, STEME_LIT("drug"),
	    STEME_LIT(""), 0, &body, &why));
	example_json("json_near", steme_json_neighbours(fix.s,
	    STEME_LIT("drug/semaglutid"), 5, &body));
	free(document);
}
END_TEST

START_TEST(every_byte_of_a_string_is_read_back_by_json_c)
{
	struct steme_buf b = { 0 };
	struct json_object *o;
	char s[3] = "a?b";

	for (int c = 0; c < 128; c++) {
		s[1] = (char)c;
		steme_buf_clear(&b);
		steme_json_str(&b, (struct steme_str){ s, sizeof(s) });
		/* as short as can be: what needs no escape has none */
		if (c >= ' ' && c != '"' && c != '\\')
			ck_assert_uint_eq(b.len, 5);
		o = json_tokener_parse((const char *)b.data);
		ck_assert_msg(o != NULL && json_object_get_string_len(o) == 3 &&
		    memcmp(json_object_get_string(o), s, 3) == 0,
		    "byte %d became %s", c, (const char *)b.data);
		json_object_put(o);
	}
	steme_buf_clear(&b);
	steme_json_str(&b, STEME_LIT("\"\\\b\f\n\r\t\x1f/\x7f\xc3\xa9"));
	ck_assert_str_eq((const char *)b.data,
	    "\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f/\x7f\xc3\xa9\"");
	steme_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("render");
	TCase *t = tcase_create("render");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_lens_has_its_file);
	tcase_add_test(t, a_value_keeps_its_bytes_and_gets_exactly_one_newline);
	tcase_add_test(t, rules_stand_nearest_first_with_their_reasons);
	tcase_add_test(t, a_file_carries_its_winner_for_xattrs);
	tcase_add_test(t, a_query_without_parameters_has_exactly_these_bytes);
	tcase_add_test(t, a_winner_has_exactly_these_bytes);
	tcase_add_test(t, a_skeptic_item_has_exactly_these_bytes);
	tcase_add_test(t, a_layered_item_has_exactly_these_bytes);
	tcase_add_test(t, a_constraint_has_exactly_these_bytes);
	tcase_add_test(t, history_tells_all_newest_first_with_their_states);
	tcase_add_test(t, narrowing_a_history_changes_no_item);
	tcase_add_test(t, as_of_history_says_future_by_the_api_and_nothing_on_the_mount);
	tcase_add_test(t, a_diff_tells_where_answers_differ_by_value);
	tcase_add_test(t, an_object_is_told_with_all_that_is_known);
	tcase_add_test(t, a_proof_checks_with_hash_and_signature_alone);
	tcase_add_test(t, folders_and_concepts_are_listed_a_page_at_a_time);
	tcase_add_test(t, a_mistyped_concept_has_neighbours);
	tcase_add_test(t, the_examples_of_the_document_are_true);
	tcase_add_test(t, every_byte_of_a_string_is_read_back_by_json_c);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
