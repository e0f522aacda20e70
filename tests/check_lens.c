/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_lens.c - lenses against vectors/lenses.json, and what must hold of any
 * candidates.  lens_reference.sh compares them with a second implementation.
 */
#include "config.h"
#include "core/lens.h"
#include "tests/lens_case.h"
#include "tests/random.h"

#include "core/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define VECTORS	SRCDIR "/tests/vectors/lenses.json"

static struct json_object *table, *cases;

static void
load(void)
{
	table = json_object_from_file(VECTORS);
	ck_assert_msg(table != NULL, "%s: %s", VECTORS, json_util_get_last_err());
	ck_assert(json_object_object_get_ex(table, "cases", &cases));
}

static void
unload(void)
{
	json_object_put(table);
}

static struct json_object *
member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, name, &v);
	return v;
}

START_TEST(every_vector_is_answered_as_it_says)
{
	size_t n = json_object_array_length(cases), bad = 0;
	char why[256];

	ck_assert_uint_ge(n, 60);
	for (size_t i = 0; i < n; i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		struct json_object *got = lens_case_eval(c, 0);

		if (lens_case_compare(member(c, "expect"), got, why,
		    sizeof(why)) != 0) {
			bad++;
			printf("%s: %s\n", json_object_get_string(member(c, "name")),
			    why);
		}
		json_object_put(got);
	}
	ck_assert_uint_eq(bad, 0);
}
END_TEST

START_TEST(the_order_of_arrival_never_changes_an_answer)
{
	size_t n = json_object_array_length(cases);

	for (size_t i = 0; i < n; i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		struct json_object *first = lens_case_eval(c, 0);

		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct json_object *again = lens_case_eval(c, seed);

			ck_assert_msg(strcmp(json_object_to_json_string(first),
			    json_object_to_json_string(again)) == 0,
			    "%s, order %d:\n%s\n%s",
			    json_object_get_string(member(c, "name")), (int)seed,
			    json_object_to_json_string(first),
			    json_object_to_json_string(again));
			json_object_put(again);
		}
		json_object_put(first);
	}
}
END_TEST

/* ---- many candidates, made here ---- */

struct many {
	struct steme_globals *g;
	struct steme_lens_ctx ctx;
	struct steme_cand *c;
	struct steme_object *o;
	struct steme_mark *votes;
	char (*text)[24];
	size_t n;
};

static uint64_t seed;

static struct steme_id
id_of(const char *what, uint64_t i)
{
	char text[64];

	return steme_hash(text, (size_t)snprintf(text, sizeof(text), "%s %llu", what,
	    (unsigned long long)i));
}

/* n assertions by `agents` agents on `values` values, with a vote each. */
static void
make_many(struct many *m, size_t n, unsigned agents, unsigned values)
{
	struct steme_id operator_ = id_of("operator", 0);

	memset(m, 0, sizeof(*m));
	seed = 42;
	m->n = n;
	m->c = calloc(n, sizeof(*m->c));
	m->o = calloc(n, sizeof(*m->o));
	m->votes = calloc(n, sizeof(*m->votes));
	m->text = calloc(n, sizeof(*m->text));
	m->g = steme_globals_new(&operator_);
	ck_assert(m->c != NULL && m->o != NULL && m->votes != NULL && m->text != NULL && m->g != NULL);
	steme_bounds_init(&m->ctx.bounds);
	m->ctx.world = steme_world_at(m->g, &m->ctx.bounds);
	m->ctx.lifecycle = -1;
	for (size_t i = 0; i < n; i++) {
		struct steme_cand *c = &m->c[i];
		struct steme_object *o = &m->o[i];

		c->o = o;
		c->id = id_of("claim", i);
		c->lsn = i + 1;
		o->kind = STEME_ASSERTION;
		o->concept = STEME_LIT("c");
		o->predicate = STEME_LIT("p");
		o->agent = id_of("agent", random_next(&seed) % agents);
		o->class_ = (enum steme_class)(random_next(&seed) % STEME_NCLASS);
		o->confidence = (int32_t)(random_next(&seed) % 10001);
		o->time_us = (int64_t)(random_next(&seed) % 1000) * 1000000;
		c->hlc = steme_hlc_from_us(o->time_us);
		o->type = random_next(&seed) % 2 == 0 ? STEME_NUMBER : STEME_TEXT;
		o->value.p = m->text[i];
		o->value.n = (size_t)snprintf(m->text[i], sizeof(m->text[i]),
		    "%u.%.*s", (unsigned)(random_next(&seed) % values),
		    (int)(random_next(&seed) % 3 + 1), "000");
		if (i > 0 && random_next(&seed) % 4 == 0) {
			o->nsupersedes = 1;
			o->supersedes[0] = m->c[random_next(&seed) % i].id;
		}
		m->votes[i] = (struct steme_mark){
			.id = id_of("vote", i),
			.assertion = m->c[random_next(&seed) % (i + 1)].id,
			.agent = id_of("agent", random_next(&seed) % agents),
			.weight = (int32_t)(random_next(&seed) % 20001) - 10000,
			.time_us = (int64_t)(random_next(&seed) % 50) * 1000000 };
	}
}

static void
free_many(struct many *m)
{
	steme_world_put(m->ctx.world);
	steme_globals_free(m->g);
	free(m->c);
	free(m->o);
	free(m->votes);
	free(m->text);
}

static void
shuffle(void *array, size_t n, size_t size)
{
	uint8_t *a = array, *t = malloc(size);

	ck_assert_ptr_nonnull(t);
	for (size_t i = n; i-- > 1;) {
		size_t j = random_next(&seed) % (i + 1);

		memcpy(t, a + i * size, size);
		memcpy(a + i * size, a + j * size, size);
		memcpy(a + j * size, t, size);
	}
	free(t);
}

/* What a lens says, in ids instead of places. */
struct said {
	struct steme_id winner, first;
	int32_t confidence, conflict, cross;
	uint32_t candidates;
	size_t nshares, ntiers;
};

static struct said
ask(struct many *m, enum steme_lens lens, size_t n)
{
	struct steme_result r;
	struct said s;

	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(steme_lens_resolve(lens, &m->ctx, m->c, n, &r), STEME_OK);
	if (r.winner >= 0)
		s.winner = m->c[r.winner].id;
	if (r.nshares > 0)
		s.first = m->c[r.shares[0].first].id;
	s.confidence = r.confidence;
	s.conflict = r.conflict;
	s.cross = r.cross_tier_conflict;
	s.candidates = r.candidates;
	s.nshares = r.nshares;
	s.ntiers = r.ntiers;
	steme_result_fini(&r);
	return s;
}

START_TEST(few_and_many_candidates_are_resolved_alike_in_any_order)
{
	/* around the sizes where the ways part: on the stack, sorted, hashed */
	static const size_t sizes[] = { 2, 15, 16, 17, 18, 33, 200, 3000 };
	size_t n = sizes[_i];
	struct many m;
	struct said want[STEME_LENS_CONSTRAINTS], got;

	make_many(&m, n, (unsigned)(n / 3 + 1), (unsigned)(n / 4 + 1));
	for (int turn = 0; turn < 12; turn++) {
		size_t k;

		k = steme_lens_filter(&m.ctx, m.c, n, NULL, 0, m.votes, n);
		ck_assert_uint_le(k, n);
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(m.c[i].state == STEME_CURRENT, i < k);
		for (int l = 0; l < STEME_LENS_CONSTRAINTS; l++) {
			got = ask(&m, (enum steme_lens)l, k);
			if (turn == 0)
				want[l] = got;
			ck_assert_mem_eq(&got, &want[l], sizeof(got));
		}
		shuffle(m.c, n, sizeof(*m.c));
		shuffle(m.votes, n, sizeof(*m.votes));
	}
	free_many(&m);
}
END_TEST

START_TEST(the_same_vote_twice_counts_once)
{
	struct many m;
	struct steme_mark twice[80];
	size_t n[] = { 2, 80 };

	make_many(&m, 1, 1, 1);
	for (size_t i = 0; i < 80; i++) {
		twice[i] = m.votes[0];
		twice[i].weight = 2500;
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(steme_lens_filter(&m.ctx, m.c, 1, NULL, 0, twice,
		    n[i]), 1);
		ck_assert_int_eq(m.c[0].votes, 2500);
	}
	free_many(&m);
}
END_TEST

START_TEST(shares_have_their_members_ascending_and_each_once)
{
	struct many m;
	struct steme_result r;
	size_t k, seen = 0;

	make_many(&m, 500, 300, 20);
	k = steme_lens_filter(&m.ctx, m.c, m.n, NULL, 0, NULL, 0);
	ck_assert_int_eq(steme_lens_resolve(STEME_LENS_SKEPTIC, &m.ctx, m.c, k, &r),
	    STEME_OK);
	for (size_t g = 0; g < r.nshares; g++) {
		const struct steme_share *s = &r.shares[g];
		int64_t weight = 0;

		ck_assert_uint_eq(s->first, r.members[s->first_member]);
		ck_assert_uint_eq(s->agents, s->nmembers);
		for (uint32_t i = 0; i < s->nmembers; i++) {
			const struct steme_cand *c = &m.c[r.members[s->first_member + i]];

			weight += c->confidence;
			ck_assert(steme_value_eq(c->o, m.c[s->first].o));
			if (i > 0)
				ck_assert_int_lt(steme_id_cmp(
				    &m.c[r.members[s->first_member + i - 1]].id,
				    &c->id), 0);
		}
		ck_assert_int_eq(weight, s->weight);
		if (g > 0)
			ck_assert_int_le(s->weight, r.shares[g - 1].weight);
		seen += s->nmembers;
	}
	ck_assert_uint_le(seen, 300);
	steme_result_fini(&r);
	free_many(&m);
}
END_TEST

START_TEST(a_hundred_thousand_candidates_take_no_quadratic_time)
{
	struct timespec a, b;
	struct many m;
	size_t k;

	make_many(&m, 100000, 50000, 70000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	k = steme_lens_filter(&m.ctx, m.c, m.n, NULL, 0, m.votes, m.n);
	for (int l = 0; l < STEME_LENS_CONSTRAINTS; l++)
		ask(&m, (enum steme_lens)l, k);
	clock_gettime(CLOCK_MONOTONIC, &b);
	/* some hundreds of ms; quadratic would be minutes */
	ck_assert_int_lt(b.tv_sec - a.tv_sec, 30);
	free_many(&m);
}
END_TEST

START_TEST(lenses_are_found_by_name_and_unknown_ones_listed)
{
	struct steme_why why;
	enum steme_lens l;

	for (int i = 0; i < STEME_NLENS; i++) {
		ck_assert_int_eq(steme_lens_parse(steme_str_from(
		    steme_lens_name((enum steme_lens)i)), &l, NULL), STEME_OK);
		ck_assert_int_eq(l, i);
	}
	ck_assert_int_eq(steme_lens_parse(STEME_LIT("majority"), &l, &why),
	    STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "consensus"));
}
END_TEST

START_TEST(constraints_is_no_lens_to_resolve)
{
	struct steme_lens_ctx ctx;
	struct steme_result r;

	memset(&ctx, 0, sizeof(ctx));
	ck_assert_int_eq(steme_lens_resolve(STEME_LENS_CONSTRAINTS, &ctx, NULL, 0, &r),
	    STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("lens");
	TCase *t = tcase_create("lens");

	tcase_add_checked_fixture(t, load, unload);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, every_vector_is_answered_as_it_says);
	tcase_add_test(t, the_order_of_arrival_never_changes_an_answer);
	tcase_add_loop_test(t, few_and_many_candidates_are_resolved_alike_in_any_order,
	    0, 8);
	tcase_add_test(t, the_same_vote_twice_counts_once);
	tcase_add_test(t, shares_have_their_members_ascending_and_each_once);
	tcase_add_test(t, a_hundred_thousand_candidates_take_no_quadratic_time);
	tcase_add_test(t, lenses_are_found_by_name_and_unknown_ones_listed);
	tcase_add_test(t, constraints_is_no_lens_to_resolve);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
