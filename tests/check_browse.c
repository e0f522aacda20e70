/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_browse.c - sources, agents, marks and counts: what people browse by.  Every
 * test on both kinds of index (_i: 1 memory).
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/util.h"
#include "core/view.h"
#include "tests/store_fixture.h"

#include <json-c/json.h>

/* A claim that cites source; its id. */
static struct steme_id
cite(struct steme_store *s, const struct steme_key *k, const char *concept,
    const char *predicate, const char *value, const char *source, int64_t time_us)
{
	struct steme_object o = claim(concept, predicate, value, time_us);

	o.source = steme_str_from(source);
	return must_write(s, make(&o, k));
}

/* ---- the store's lists ---- */

struct told {
	char text[4096];
	unsigned n, stop_at;
};

static int
tell_source(void *arg, struct steme_str source)
{
	struct told *t = arg;

	sprintf(t->text + strlen(t->text), "%.*s;", STEME_STR(source));
	return ++t->n == t->stop_at ? 7 : 0;
}

static const char *
sources(struct steme_store *s, const char *prefix, const char *after, unsigned stop_at)
{
	static struct told t;

	memset(&t, 0, sizeof(t));
	t.stop_at = stop_at;
	ck_assert_int_eq(steme_store_sources(s, steme_str_from(prefix),
	    steme_str_from(after), tell_source, &t), stop_at > 0 ? 7 : 0);
	return t.text;
}

START_TEST(sources_come_in_byte_order_by_prefix_and_from_any_place)
{
	struct steme_store *s = fresh(_i);

	cite(s, &ann, "a", "p", "1", "https://b.example/2", T0);
	cite(s, &ann, "b", "p", "1", "https://a.example", T0);
	cite(s, &ann, "c", "p", "1", "https://b.example/10", T0);
	cite(s, &bob, "d", "p", "1", "https://a.example", T0);
	cite(s, &bob, "e", "p", "1", "\xc3\xbf" "z", T0);
	ck_assert_str_eq(sources(s, "", "", 0), "https://a.example;"
	    "https://b.example/10;https://b.example/2;\xc3\xbf" "z;");
	ck_assert_str_eq(sources(s, "https://b", "", 0),
	    "https://b.example/10;https://b.example/2;");
	ck_assert_str_eq(sources(s, "https://b", "https://b.example/10", 0),
	    "https://b.example/2;");
	ck_assert_str_eq(sources(s, "https://b", "https://a.example", 0),
	    "https://b.example/10;https://b.example/2;");
	ck_assert_str_eq(sources(s, "https://a", "https://b.example/2", 0), "");
	ck_assert_str_eq(sources(s, "", "https://b.example/10", 1),
	    "https://b.example/2;");
	ck_assert_str_eq(sources(s, "https://a.example", "https://a.example", 0), "");
	ck_assert_str_eq(sources(s, "\xff\xff", "", 0), "");
	done_with(s);
}
END_TEST

struct listed {
	uint64_t assertions, others;
};

static int
count_listed(void *arg, uint64_t lsn, bool is_assertion)
{
	struct listed *l = arg;

	(void)lsn;
	*(is_assertion ? &l->assertions : &l->others) += 1;
	return 0;
}

static int
tell_agent(void *arg, const struct steme_id *agent)
{
	struct told *t = arg;

	sprintf(t->text + strlen(t->text), "%s;",
	    steme_id_eq(agent, &ann.agent) ? "ann" :
	    steme_id_eq(agent, &bob.agent) ? "bob" : "?");
	return ++t->n == t->stop_at ? 7 : 0;
}

START_TEST(agents_are_listed_once_and_their_lists_tell_assertions_from_the_rest)
{
	struct steme_store *s = fresh(_i);
	bool ann_first = steme_id_cmp(&ann.agent, &bob.agent) < 0;
	const struct steme_id *first = ann_first ? &ann.agent : &bob.agent;
	struct told t = { .stop_at = 0 };
	struct listed l = { 0, 0 };
	struct steme_id id;

	for (int i = 0; i < 300; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		id = must_claim(s, &ann, "a/b", "p", v, T0 + i);
	}
	must_write(s, make_vote(&bob, "a/b", &id, 10000, T0));
	must_claim(s, &bob, "a/c", "p", "1", T0);
	ck_assert_int_eq(steme_store_agents(s, NULL, tell_agent, &t), 0);
	ck_assert_str_eq(t.text, ann_first ? "ann;bob;" : "bob;ann;");
	memset(&t, 0, sizeof(t));
	ck_assert_int_eq(steme_store_agents(s, first, tell_agent, &t), 0);
	ck_assert_str_eq(t.text, ann_first ? "bob;" : "ann;");
	memset(&t, 0, sizeof(t));
	t.stop_at = 1;
	ck_assert_int_eq(steme_store_agents(s, NULL, tell_agent, &t), 7);
	steme_store_by_agent(s, &ann.agent, 0, count_listed, &l);
	ck_assert(l.assertions == 300 && l.others == 0);
	memset(&l, 0, sizeof(l));
	steme_store_by_agent(s, &bob.agent, 0, count_listed, &l);
	ck_assert(l.assertions == 1 && l.others == 1);
	done_with(s);
}
END_TEST

static int
tell_id(void *arg, const struct steme_record *r)
{
	struct told *t = arg;
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, &r->id);
	sprintf(t->text + strlen(t->text), "%s;", hex);
	t->n++;
	return 0;
}

START_TEST(marks_are_those_of_the_assertion_alone_and_counts_leave_them_out)
{
	struct steme_store *s = fresh(_i);
	struct steme_id a = must_claim(s, &ann, "a/b", "p", "1", T0);
	struct steme_id b = must_claim(s, &ann, "a/b", "q", "2", T0);
	struct steme_id r;
	struct told t = { .stop_at = 0 };
	char hex[STEME_ID_HEX + 2];
	uint64_t n;

	must_claim(s, &ann, "a/b/c", "p", "1", T0);
	must_write(s, make_vote(&bob, "a/b", &a, 10000, T0));
	must_write(s, make_vote(&ann, "a/b", &a, 10000, T0));
	must_write(s, make_vote(&bob, "a/b", &b, 10000, T0));
	r = must_write(s, make_retraction(&ann, "a/b", &b, T0 + 1));
	ck_assert_int_eq(steme_store_marks(s, STEME_LIT("a/b"), &a, 'v', tell_id, &t), 0);
	ck_assert_uint_eq(t.n, 2);
	memset(&t, 0, sizeof(t));
	steme_store_marks(s, STEME_LIT("a/b"), &a, 'r', tell_id, &t);
	ck_assert_uint_eq(t.n, 0);
	steme_store_marks(s, STEME_LIT("a/b"), &b, 'r', tell_id, &t);
	steme_id_hex(hex, &r);
	strcat(hex, ";");
	ck_assert_str_eq(t.text, hex);
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a/b"), UINT64_MAX, 9, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a"), UINT64_MAX, 9, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a/b"), 2, 9, &n), 0);
	ck_assert_uint_eq(n, 1);
	/* no further than asked for */
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a/b"), UINT64_MAX, 1, &n), 0);
	ck_assert_uint_eq(n, 1);
	done_with(s);
}
END_TEST

START_TEST(no_concept_is_counted_beyond_its_bound_nor_a_page_beyond_its_own)
{
	static const struct steme_count_bounds two_each = { 2, 100 }, page_of_three = { 9, 3 };
	struct steme_str none = { NULL, 0 };
	struct steme_store *s = fresh(_i);
	struct steme_buf b = { 0 };
	struct steme_why why;
	char value[8];

	for (int i = 0; i < 3; i++) {
		snprintf(value, sizeof(value), "%d", i);
		must_claim(s, &ann, "x/a", "p", value, T0 + i);
		must_claim(s, &ann, "x/c", "p", value, T0 + i);
	}
	must_claim(s, &ann, "x/b", "p", "1", T0);
	must_claim(s, &ann, "x/b", "q", "1", T0);
	ck_assert_int_eq(steme_json_concepts_counted(s, STEME_LIT("x/"), none, 10,
	    two_each, &b, &why), STEME_OK);
	ck_assert_str_eq((char *)b.data, "{\"prefix\":\"x/\",\"concepts\":["
	    "{\"concept_path\":\"x/a\",\"name\":\"a\",\"assertions\":2,"
	    "\"assertions_more\":true,\"children\":false},"
	    "{\"concept_path\":\"x/b\",\"name\":\"b\",\"assertions\":2,\"children\":false},"
	    "{\"concept_path\":\"x/c\",\"name\":\"c\",\"assertions\":2,"
	    "\"assertions_more\":true,\"children\":false}],\"next_cursor\":null}\n");
	/* a short page says where the next begins */
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_json_concepts_counted(s, STEME_LIT("x/"), none, 10,
	    page_of_three, &b, &why), STEME_OK);
	ck_assert_str_eq((char *)b.data, "{\"prefix\":\"x/\",\"concepts\":["
	    "{\"concept_path\":\"x/a\",\"name\":\"a\",\"assertions\":3,\"children\":false}],"
	    "\"next_cursor\":\"x/a\"}\n");
	/* children in the order they came: a, c, b */
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_json_children_counted(s, STEME_LIT("x"), 0, 10,
	    page_of_three, &b, &why), STEME_OK);
	ck_assert_ptr_nonnull(strstr((char *)b.data, "\"name\":\"a\",\"assertions\":3,"));
	ck_assert_ptr_null(strstr((char *)b.data, "\"name\":\"c\""));
	ck_assert_ptr_null(strstr((char *)b.data, "\"next_cursor\":null"));
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_json_concepts_counted(s, STEME_LIT("x/"), STEME_LIT("x/a"),
	    10, page_of_three, &b, &why), STEME_OK);
	ck_assert_ptr_nonnull(strstr((char *)b.data, "\"name\":\"b\",\"assertions\":2,"));
	ck_assert_ptr_nonnull(strstr((char *)b.data, "\"name\":\"c\",\"assertions\":3,"));
	steme_buf_fini(&b);
	done_with(s);
}
END_TEST

/* ---- as the API shows it ---- */

static struct steme_store *S;
static struct steme_views *V;		/* of S */
static struct steme_buf body;

static struct steme_store *
fresh_views(int mem)
{
	/* ann is the operator: what she says of sources counts */
	key_of(&ann, 1);
	key_of(&bob, 2);
	place_make(&P, mem == 1, false);
	P.o.operator_ = ann.agent;
	S = place_open(&P);
	ck_assert_int_eq(steme_views_new(&V, S, 0), STEME_OK);
	return S;
}

static void
views_done(struct steme_store *s)
{
	steme_buf_fini(&body);
	steme_views_free(V);
	done_with(s);
}

/* The body as json-c reads it; the caller's. */
static struct json_object *
parsed(void)
{
	struct json_object *o;

	ck_assert_int_eq(steme_buf_err(&body), STEME_OK);
	steme_buf_putc(&body, 0);
	o = json_tokener_parse((const char *)body.data);
	ck_assert_ptr_nonnull(o);
	steme_buf_clear(&body);
	return o;
}

static struct json_object *
impact_of(const char *source, enum steme_lens lens, uint32_t limit)
{
	struct steme_why why = { "" };
	int err = steme_json_impact(S, steme_str_from(source), lens, limit, &body, &why);

	ck_assert_msg(err == STEME_OK, "%s", why.text);
	return parsed();
}

/* "concept predicate id" of every winner, by lens, one a line. */
static void
winners(enum steme_lens lens, char *out, size_t size)
{
	static const char *const concepts[] = { "a", "a/b", "c", "d", "e" };
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < STEME_NELEM(concepts); i++) {
		struct steme_query q;
		struct json_object *o, *list, *item;
		struct steme_why why;

		steme_query_init(&q);
		q.lens = lens;
		q.concept = steme_str_from(concepts[i]);
		ck_assert_int_eq(steme_json_query(V, &q, &body, &why), STEME_OK);
		o = parsed();
		list = json_object_object_get(o, "results");
		for (size_t k = 0; k < json_object_array_length(list); k++) {
			item = json_object_array_get_idx(list, k);
			used += (size_t)snprintf(out + used, size - used, "%s %s %s\n",
			    concepts[i], json_object_get_string(
			    json_object_object_get(item, "predicate")),
			    json_object_get_string(json_object_object_get(item,
			    "assertion_id")));
		}
		json_object_put(o);
	}
}

/* `text` with the changes of an impact applied: lines of "before" go or become others. */
static void
apply_changes(struct json_object *impact, char *text, size_t size)
{
	struct json_object *list = json_object_object_get(impact, "changes");

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);
		struct json_object *was = json_object_object_get(c, "before");
		struct json_object *is = json_object_object_get(c, "after");
		char line[512], other[512], rest[8192], *at;

		ck_assert_ptr_nonnull(was);
		snprintf(line, sizeof(line), "%s %s %s\n", json_object_get_string(
		    json_object_object_get(c, "concept_path")), json_object_get_string(
		    json_object_object_get(c, "predicate")), json_object_get_string(
		    json_object_object_get(was, "assertion_id")));
		other[0] = '\0';
		if (is != NULL)
			snprintf(other, sizeof(other), "%s %s %s\n",
			    json_object_get_string(json_object_object_get(c,
			    "concept_path")), json_object_get_string(
			    json_object_object_get(c, "predicate")),
			    json_object_get_string(json_object_object_get(is,
			    "assertion_id")));
		at = strstr(text, line);
		ck_assert_ptr_nonnull(at);
		snprintf(rest, sizeof(rest), "%s", at + strlen(line));
		snprintf(at, size - (size_t)(at - text), "%s%s", other, rest);
	}
}

static unsigned
next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

/* A store of claims, votes, aliases and supersessions by chance. */
static void
populate(struct steme_store *s, unsigned seed)
{
	static const char *const concepts[] = { "a", "a/b", "c", "d", "e" };
	static const char *const predicates[] = { "p", "q" };
	static const char *const cited[] = { "src:x", "src:y", NULL };
	struct steme_id last;
	bool any = false;

	for (int i = 0; i < 60; i++) {
		const struct steme_key *k = next_random(&seed) % 2 ? &ann : &bob;
		const char *c = concepts[next_random(&seed) % 5];
		struct steme_object o;
		char v[16];

		snprintf(v, sizeof(v), "%u", next_random(&seed) % 4);
		o = claim(c, predicates[next_random(&seed) % 2], v, T0 + i);
		o.confidence = (int32_t)(next_random(&seed) % 10001);
		o.source = (struct steme_str){ NULL, 0 };
		if (cited[next_random(&seed) % 3] != NULL)
			o.source = steme_str_from(cited[next_random(&seed) % 2]);
		if (any && next_random(&seed) % 4 == 0) {
			o.nsupersedes = 1;
			o.supersedes[0] = last;
		}
		last = must_write(s, make(&o, k));
		any = true;
		if (next_random(&seed) % 3 == 0)
			must_write(s, make_vote(&bob, c, &last, (int32_t)(next_random(
			    &seed) % 20001) - 10000, T0 + i));
	}
	/* one that surely goes */
	cite(s, &ann, "e", "only", "1", "src:x", T0);
	must_write(s, make_alias(&ann, "c", "d", T0));
}

static void
retract_source(struct steme_store *s, const char *source)
{
	struct steme_object o = { .kind = STEME_RETRACTION,
		.source = steme_str_from(source), .state = STEME_STATE_RETRACTED,
		.time_us = T0 + 1000, .value = STEME_LIT(""),
		.class_ = STEME_CLASS_NONE };

	must_write(s, make(&o, &ann));
}

START_TEST(what_an_impact_tells_is_what_a_retraction_changes)
{
	struct steme_store *s = fresh_views(_i % 2);
	enum steme_lens lens = (enum steme_lens)(_i / 2 % 6);
	static char before[8192], after[8192];
	struct json_object *impact;

	populate(s, (unsigned)_i);
	winners(lens, before, sizeof(before));
	impact = impact_of("src:x", lens, 0);
	winners(lens, after, sizeof(after));
	ck_assert_str_eq(before, after);
	retract_source(s, "src:x");
	winners(lens, after, sizeof(after));
	ck_assert_str_ne(before, after);
	apply_changes(impact, before, sizeof(before));
	ck_assert_str_eq(before, after);
	ck_assert(!json_object_get_boolean(json_object_object_get(impact, "truncated")));
	json_object_put(impact);
	impact = impact_of("src:x", lens, 0);
	ck_assert_str_eq(json_object_get_string(json_object_object_get(impact,
	    "state")), "retracted");
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(impact,
	    "changes")), 0);
	json_object_put(impact);
	views_done(s);
}
END_TEST

START_TEST(an_impact_is_cut_at_its_limit_and_says_so)
{
	struct steme_store *s = fresh_views(_i);
	struct steme_why why = { "" };
	struct json_object *o;

	cite(s, &bob, "a", "p", "1", "src:x", T0);
	cite(s, &bob, "a", "q", "1", "src:x", T0);
	cite(s, &bob, "c", "p", "1", "src:x", T0);
	o = impact_of("src:x", STEME_LENS_RECENCY, 2);
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "changes")), 2);
	ck_assert(json_object_get_boolean(json_object_object_get(o, "truncated")));
	ck_assert_int_eq(json_object_get_int(json_object_object_get(o, "assertions")), 3);
	ck_assert_int_eq(json_object_get_int(json_object_object_get(o, "concepts")), 2);
	json_object_put(o);
	o = impact_of("src:x", STEME_LENS_RECENCY, 3);
	ck_assert(!json_object_get_boolean(json_object_object_get(o, "truncated")));
	json_object_put(o);
	ck_assert_int_eq(steme_json_impact(S, STEME_LIT("src:x"), STEME_LENS_SKEPTIC, 0,
	    &body, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "skeptic"));
	views_done(s);
}
END_TEST

START_TEST(sources_and_agents_page_by_their_cursors)
{
	struct steme_store *s = fresh_views(_i);
	struct steme_why why = { "" };

	cite(s, &bob, "a", "p", "1", "src:b", T0);
	cite(s, &bob, "a", "q", "1", "src:a", T0);
	cite(s, &ann, "c", "p", "1", "src:a", T0);
	retract_source(s, "src:b");
	ck_assert_int_eq(steme_json_sources(S, STEME_LIT("src:"), STEME_LIT(""), 1, &body,
	    &why), STEME_OK);
	steme_buf_putc(&body, 0);
	ck_assert_str_eq((char *)body.data, "{\"sources\":[{\"source\":\"src:a\","
	    "\"assertions\":2,\"state\":\"active\"}],\"next_cursor\":\"src:a\"}\n");
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_sources(S, STEME_LIT("src:"), STEME_LIT("src:a"), 1,
	    &body, &why), STEME_OK);
	steme_buf_putc(&body, 0);
	ck_assert_str_eq((char *)body.data, "{\"sources\":[{\"source\":\"src:b\","
	    "\"assertions\":1,\"state\":\"retracted\"}],\"next_cursor\":null}\n");
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_agents(S, NULL, NULL, STEME_LIT("xyz"), 1, &body,
	    &why), STEME_EINVAL);
	views_done(s);
}
END_TEST

static Suite *
suite(void)
{
	Suite *su = suite_create("browse");
	TCase *t = tcase_create("lists");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, sources_come_in_byte_order_by_prefix_and_from_any_place,
	    0, 2);
	tcase_add_loop_test(t,
	    agents_are_listed_once_and_their_lists_tell_assertions_from_the_rest, 0, 2);
	tcase_add_loop_test(t,
	    marks_are_those_of_the_assertion_alone_and_counts_leave_them_out, 0, 2);
	tcase_add_loop_test(t,
	    no_concept_is_counted_beyond_its_bound_nor_a_page_beyond_its_own, 0, 2);
	tcase_add_loop_test(t, what_an_impact_tells_is_what_a_retraction_changes, 0, 24);
	tcase_add_loop_test(t, an_impact_is_cut_at_its_limit_and_says_so, 0, 2);
	tcase_add_loop_test(t, sources_and_agents_page_by_their_cursors, 0, 2);
	suite_add_tcase(su, t);
	return su;
}

#include "tests/runner.h"
