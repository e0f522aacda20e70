/* SPDX-License-Identifier: Apache-2.0 */
/* check_world.c - what a world is made of, when it is kept, who reads it meanwhile. */
#include "config.h"
#include "tests/world_util.h"

#include <pthread.h>

START_TEST(an_empty_store_has_its_operator_as_only_steward)
{
	struct steme_globals *g = new_globals();
	const struct steme_world *w = unbounded(g);
	struct steme_id op = agent(0), other = agent(1);
	const struct steme_str *names;
	size_t n;

	ck_assert(steme_world_is_steward(w, &op));
	ck_assert(!steme_world_is_steward(w, &other));
	ck_assert(!steme_world_has_roots(w));
	ck_assert_uint_eq(steme_world_trust(w, &other), 500000000);
	ck_assert_int_eq(steme_world_class(w, &other, STEME_REGULATORY,
	    STEME_LIT("c")), STEME_REGULATORY);
	ck_assert(!steme_world_revoked(w, &other, NULL));
	ck_assert(!steme_world_source_retracted(w, STEME_LIT("s")));
	ck_assert(!steme_world_epoch_superseded(w, STEME_LIT("e")));
	steme_world_aliases(w, STEME_LIT("c"), &names, &n);
	ck_assert(names == NULL && n == 0);
	ck_assert_uint_eq(steme_world_half_life(w, STEME_REGULATORY), 0);
	ck_assert_uint_eq(steme_world_half_life(w, STEME_CLINICAL), 730);
	ck_assert_uint_eq(steme_world_half_life(w, STEME_ANECDOTAL), 30);
	ck_assert_uint_eq(steme_globals_lsn(g), 0);
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

START_TEST(only_global_kinds_and_settings_are_wanted)
{
	struct steme_globals *g = new_globals();
	struct sample s = setting(1, STEME_LIT("_steme/lens"), STEME_LIT("x"));

	ck_assert(steme_globals_wants(&s.o));
	s.o.concept = STEME_LIT("_steme");
	ck_assert(steme_globals_wants(&s.o));
	s.o.concept = STEME_LIT("_stemes/lens");
	ck_assert(!steme_globals_wants(&s.o));
	ck_assert_int_eq(steme_globals_add(g, &s.r, &s.o), STEME_EINVAL);
	s = sample(STEME_BATCH, 0, 1);
	ck_assert(!steme_globals_wants(&s.o));
	s = sample(STEME_OPAQUE, 0, 1);
	ck_assert(!steme_globals_wants(&s.o));
	s = sample(STEME_RETRACTION, 0, 1);
	s.o.source = STEME_LIT("s");
	ck_assert(steme_globals_wants(&s.o));
	s.o.source = (struct steme_str){0};
	s.o.has_assertion = true;
	s.o.concept = STEME_LIT("c");
	ck_assert(!steme_globals_wants(&s.o));
	s.o.concept = STEME_LIT("_steme/roots");
	ck_assert(steme_globals_wants(&s.o));
	s = sample(STEME_VOTE, 0, 1);
	s.o.concept = STEME_LIT("_steme/roots");
	ck_assert(!steme_globals_wants(&s.o));
	steme_globals_free(g);
}
END_TEST

START_TEST(a_world_never_changes_and_outlives_its_globals)
{
	struct steme_globals *g = new_globals();
	const struct steme_world *before = unbounded(g), *after;
	struct sample s = alias(1, 0, STEME_LIT("a"), STEME_LIT("b"));
	char text[] = "changes after it was added";
	const struct steme_str *names;
	size_t n;

	add(g, &s);
	s = alias(2, 0, STEME_LIT("b"), steme_str_from(text));
	add(g, &s);
	text[0] = 'X';		/* it was copied */
	after = unbounded(g);
	steme_globals_free(g);
	steme_world_aliases(before, STEME_LIT("a"), &names, &n);
	ck_assert_uint_eq(n, 0);
	steme_world_aliases(after, STEME_LIT("b"), &names, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert(steme_str_eq(names[0], STEME_LIT("a")));
	ck_assert(steme_str_eq(names[1], STEME_LIT("b")));
	ck_assert(steme_str_eq(names[2], STEME_LIT("changes after it was added")));
	steme_world_put(before);
	steme_world_put(after);
}
END_TEST

START_TEST(an_unbounded_world_is_kept_until_something_matters)
{
	struct steme_globals *g = new_globals();
	const struct steme_world *w = unbounded(g), *again;
	struct sample s = alias(7, 3, STEME_LIT("a"), STEME_LIT("b"));

	/* of somebody who is no steward: no effect, the world stays */
	add(g, &s);
	again = unbounded(g);
	ck_assert_ptr_eq(w, again);
	ck_assert_uint_eq(steme_globals_lsn(g), 7);
	steme_world_put(again);
	s = alias(8, 0, STEME_LIT("a"), STEME_LIT("b"));
	add(g, &s);
	again = unbounded(g);
	ck_assert_ptr_ne(w, again);
	steme_world_put(again);
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

START_TEST(max_lsn_at_or_beyond_the_last_is_no_bound)
{
	struct steme_globals *g = new_globals();
	struct sample s = alias(7, 0, STEME_LIT("a"), STEME_LIT("b"));
	const struct steme_world *w, *same, *old;
	const struct steme_str *names;
	struct steme_bounds b;
	size_t n;

	add(g, &s);
	w = unbounded(g);
	steme_bounds_init(&b);
	b.max_lsn = 7;
	ck_assert_uint_eq(steme_globals_lsn_at(g, &b), 7);
	same = steme_world_at(g, &b);
	ck_assert_ptr_eq(w, same);
	b.max_lsn = 6;
	ck_assert_uint_eq(steme_globals_lsn_at(g, &b), 0);
	old = steme_world_at(g, &b);
	ck_assert_ptr_ne(w, old);
	steme_world_aliases(old, STEME_LIT("a"), &names, &n);
	ck_assert_uint_eq(n, 0);
	steme_world_put(old);
	/* kept, too */
	same = (steme_world_put(same), steme_world_at(g, &b));
	ck_assert_ptr_eq(same, old);
	steme_world_put(same);
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

START_TEST(adding_twice_changes_nothing_and_a_lower_envelope_replaces)
{
	struct steme_globals *g = new_globals();
	struct sample s = alias(7, 0, STEME_LIT("a"), STEME_LIT("b"));
	const struct steme_world *w, *again;
	const struct steme_str *names;
	struct steme_bounds b;
	size_t n;

	add(g, &s);
	w = unbounded(g);
	s.r.node = 9;		/* a higher one is ignored */
	s.r.lsn = 8;
	add(g, &s);
	again = unbounded(g);
	ck_assert_ptr_eq(w, again);
	steme_world_put(again);
	ck_assert_uint_eq(steme_globals_lsn(g), 7);

	steme_bounds_init(&b);
	b.known_at = s.r.hlc - 1;
	again = steme_world_at(g, &b);
	steme_world_aliases(again, STEME_LIT("a"), &names, &n);
	ck_assert_uint_eq(n, 0);
	steme_world_put(again);
	s.r.hlc--;
	add(g, &s);
	again = steme_world_at(g, &b);
	steme_world_aliases(again, STEME_LIT("a"), &names, &n);
	ck_assert_uint_eq(n, 2);
	steme_world_put(again);
	ck_assert_uint_eq(steme_globals_lsn(g), 8);
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

START_TEST(long_chains_of_aliases_and_epochs_need_no_stack)
{
	enum { N = 50000 };
	struct steme_globals *g = new_globals();
	const struct steme_world *w;
	const struct steme_str *names;
	char a[24], b[24];
	struct sample s;
	size_t n;

	for (unsigned i = 0; i < N; i++) {
		snprintf(a, sizeof(a), "n%u", i);
		snprintf(b, sizeof(b), "n%u", i + 1);
		s = alias(2 * i + 1, 0, steme_str_from(a), steme_str_from(b));
		add(g, &s);
		s = sample(STEME_EPOCH, 0, 2 * i + 2);
		s.o.name = steme_str_from(a);
		s.o.superseded = steme_str_from(b);
		add(g, &s);
	}
	w = unbounded(g);
	steme_world_aliases(w, STEME_LIT("n777"), &names, &n);
	ck_assert_uint_eq(n, N + 1);
	for (size_t i = 1; i < n; i++)
		ck_assert_int_lt(steme_str_cmp(names[i - 1], names[i]), 0);
	ck_assert(!steme_world_epoch_superseded(w, STEME_LIT("n0")));
	ck_assert(steme_world_epoch_superseded(w, STEME_LIT("n1")));
	ck_assert(steme_world_epoch_superseded(w, STEME_LIT("n50000")));
	steme_world_put(w);
	/* closed to a circle, none is old any more */
	s = sample(STEME_EPOCH, 0, 2 * N + 1);
	s.o.name = STEME_LIT("n50000");
	s.o.superseded = STEME_LIT("n0");
	add(g, &s);
	w = unbounded(g);
	ck_assert(!steme_world_epoch_superseded(w, STEME_LIT("n1")));
	ck_assert(!steme_world_epoch_superseded(w, STEME_LIT("n50000")));
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

/* ---- threads ---- */

struct shared {
	struct steme_globals *g;
	uint64_t last;			/* lsn to reach */
};

static void *
reader(void *arg)
{
	struct shared *sh = arg;
	struct steme_id one = agent(1);
	size_t before = 0, n;
	const struct steme_str *names;
	struct steme_bounds b;

	for (unsigned i = 0; steme_globals_lsn(sh->g) < sh->last; i++) {
		const struct steme_world *w;

		steme_bounds_init(&b);
		if (i % 3 == 1)
			b.max_lsn = i % 50;
		w = steme_world_at(sh->g, &b);
		ck_assert_ptr_nonnull(w);
		steme_world_trust(w, &one);
		steme_world_aliases(w, STEME_LIT("n0"), &names, &n);
		for (size_t k = 1; k < n; k++)
			ck_assert_int_lt(steme_str_cmp(names[k - 1], names[k]), 0);
		if (i % 3 == 0) {
			ck_assert_uint_ge(n, before);
			before = n;
		} else if (i % 3 == 1) {
			ck_assert_uint_le(n, b.max_lsn + 1);
		}
		steme_world_put(w);
	}
	return NULL;
}

START_TEST(readers_see_whole_worlds_while_objects_arrive)
{
	enum { N = 600, READERS = 4 };
	pthread_t t[READERS];
	struct shared sh = { new_globals(), N };
	char to[24];

	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, reader, &sh), 0);
	for (unsigned i = 1; i <= N; i++) {
		struct sample s;

		snprintf(to, sizeof(to), "n%u", i);
		s = alias(i, 0, STEME_LIT("n0"), steme_str_from(to));
		add(sh.g, &s);
	}
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	steme_globals_free(sh.g);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("world");
	TCase *t = tcase_create("world");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, an_empty_store_has_its_operator_as_only_steward);
	tcase_add_test(t, only_global_kinds_and_settings_are_wanted);
	tcase_add_test(t, a_world_never_changes_and_outlives_its_globals);
	tcase_add_test(t, an_unbounded_world_is_kept_until_something_matters);
	tcase_add_test(t, max_lsn_at_or_beyond_the_last_is_no_bound);
	tcase_add_test(t, adding_twice_changes_nothing_and_a_lower_envelope_replaces);
	tcase_add_test(t, long_chains_of_aliases_and_epochs_need_no_stack);
	tcase_add_test(t, readers_see_whole_worlds_while_objects_arrive);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
