/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_browse.c - sources, agents, marks and counts: what people browse by.  Every
 * test on both kinds of index (_i: 1 memory).
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/view.h"
#include "tests/store_util.h"

#include <json-c/json.h>

static struct place P;
static struct steme_key ann, bob;

static struct steme_store *
fresh(int mem)
{
	place_make(&P, mem == 1, false);
	key_of(&ann, 1);
	key_of(&bob, 2);
	return place_open(&P);
}

static void
done_with(struct steme_store *s)
{
	must_verify(s);
	steme_store_close(s);
	place_remove(&P);
}

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
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a/b"), UINT64_MAX, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a"), UINT64_MAX, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(steme_store_count(s, STEME_LIT("a/b"), 2, &n), 0);
	ck_assert_uint_eq(n, 1);
	done_with(s);
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
	suite_add_tcase(su, t);
	return su;
}

#include "tests/runner.h"
