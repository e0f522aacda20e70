/* SPDX-License-Identifier: Apache-2.0 */
/* check_render.c - the exact bytes of every file and every answer, as in doc/views.md. */
#include "config.h"
#include "tests/view_util.h"

#include <json-c/json.h>

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
	tcase_add_test(t, the_examples_of_the_document_are_true);
	tcase_add_test(t, every_byte_of_a_string_is_read_back_by_json_c);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
