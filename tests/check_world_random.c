/* SPDX-License-Identifier: Apache-2.0 */
/* check_world_random.c - what is kept and shared against what is made anew; size. */
#include "config.h"
#include "tests/world_util.h"
#include "tests/random.h"

#include <time.h>

/* ---- random histories: what is kept and shared against what is made anew ---- */

static uint64_t seed;

static unsigned
below(unsigned n)
{
	return (unsigned)(random_next(&seed) % n);
}

static struct steme_str
word(void)
{
	static const char *const words[] = { "a", "b", "c", "d", "a/b", "a/b/c" };

	return steme_str_from(words[below(6)]);
}

static struct sample
random_sample(uint64_t number)
{
	static const enum steme_kind kinds[] = { STEME_ASSERTION, STEME_EPOCH,
	    STEME_ALIAS, STEME_TRUST, STEME_TRUST, STEME_TRUST, STEME_REVOCATION,
	    STEME_RETRACTION };
	unsigned by = below(3) == 0 ? 0 : below(AGENTS);
	enum steme_kind kind = kinds[below(8)];
	struct sample s = sample(kind, by, number);

	s.o.time_us = below(30) * DAY;
	s.r.hlc = steme_hlc_from_us(below(30) * DAY);
	switch (kind) {
	case STEME_ASSERTION:
		s = setting(number, below(2) == 0 ? STEME_LIT("_steme/roots") :
		    STEME_LIT("_steme/stewards"), agent_hex(below(AGENTS)));
		if (below(4) == 0)
			s.o.value = STEME_LIT("false");
		break;
	case STEME_EPOCH:
		s.o.name = word();
		s.o.superseded = word();
		break;
	case STEME_ALIAS:
		s.o.from = word();
		s.o.to = word();
		break;
	case STEME_REVOCATION:
		s.o.of = agent(below(4) == 0 ? by : below(AGENTS));
		s.o.since_us = (20 + below(20)) * DAY;
		break;
	case STEME_RETRACTION:
		s.o.source = word();
		s.o.state = below(2) == 0 ? STEME_STATE_RETRACTED :
		    STEME_STATE_REINSTATED;
		break;
	default:
		s.o.of = agent(below(AGENTS));
		s.o.weight = (int32_t)below(6) * 2000;
		if (below(2) == 0) {
			s.o.class_ = (enum steme_class)below(2);
			if (below(2) == 0)
				s.o.prefix = word();
		}
		break;
	}
	return s;
}

static void
assert_same_aliases(const struct steme_world *x, const struct steme_world *y,
    struct steme_str concept)
{
	const struct steme_str *p, *q;
	size_t n, m;

	steme_world_aliases(x, concept, &p, &n);
	steme_world_aliases(y, concept, &q, &m);
	ck_assert_uint_eq(n, m);
	for (size_t i = 0; i < n; i++)
		ck_assert(steme_str_eq(p[i], q[i]));
}

static void
assert_same_world(const struct steme_world *x, const struct steme_world *y)
{
	static const char *const names[] = { "a", "b", "c", "d", "a/b", "a/b/c" };

	ck_assert_int_eq(steme_world_has_roots(x), steme_world_has_roots(y));
	for (unsigned i = 0; i < AGENTS; i++) {
		struct steme_id id = agent(i);
		int64_t sx = 0, sy = 0;

		ck_assert_int_eq(steme_world_is_steward(x, &id),
		    steme_world_is_steward(y, &id));
		ck_assert_uint_eq(steme_world_trust(x, &id),
		    steme_world_trust(y, &id));
		ck_assert_int_eq(steme_world_revoked(x, &id, &sx),
		    steme_world_revoked(y, &id, &sy));
		ck_assert_int_eq(sx, sy);
		for (size_t k = 0; k < 6; k++)
			for (int c = 0; c < 2; c++)
				ck_assert_int_eq(steme_world_class(x, &id,
				    (enum steme_class)c, steme_str_from(names[k])),
				    steme_world_class(y, &id, (enum steme_class)c,
				    steme_str_from(names[k])));
	}
	for (size_t k = 0; k < 6; k++) {
		struct steme_str name = steme_str_from(names[k]);

		ck_assert_int_eq(steme_world_epoch_superseded(x, name),
		    steme_world_epoch_superseded(y, name));
		ck_assert_int_eq(steme_world_source_retracted(x, name),
		    steme_world_source_retracted(y, name));
		assert_same_aliases(x, y, name);
	}
}

/* The same objects into fresh globals, backwards: nothing kept, another order. */
static void
assert_as_made_anew(struct steme_globals *g, const struct sample *all, size_t n,
    const struct steme_bounds *b)
{
	struct steme_globals *fresh = new_globals();
	const struct steme_world *x, *y;

	while (n-- > 0)
		add(fresh, &all[n]);
	ck_assert_ptr_nonnull(x = steme_world_at(g, b));
	ck_assert_ptr_nonnull(y = steme_world_at(fresh, b));
	assert_same_world(x, y);
	ck_assert_uint_eq(steme_globals_lsn_at(g, b), steme_globals_lsn_at(fresh, b));
	steme_world_put(x);
	steme_world_put(y);
	steme_globals_free(fresh);
}

START_TEST(what_is_kept_is_what_would_be_made_anew)
{
	enum { N = 60 };
	struct sample all[N];
	struct steme_bounds b;

	seed = (uint64_t)_i + 1;
	for (int round = 0; round < 10; round++) {
		struct steme_globals *g = new_globals();

		for (size_t n = 0; n < N; n++) {
			all[n] = random_sample(n + 1);
			add(g, &all[n]);
			if (below(3) == 0) {	/* known earlier elsewhere */
				struct sample *s = &all[below((unsigned)n + 1)];

				uint64_t hlc = steme_hlc_from_us(below(30) * DAY);

				if (hlc < s->r.hlc)
					s->r.hlc = hlc;
				add(g, s);
			}
			if (below(3) == 0)
				continue;
			steme_bounds_init(&b);
			if (below(3) == 0)
				b.as_of_us = below(30) * DAY;
			if (below(3) == 0)
				b.known_at = steme_hlc_from_us(below(40) * DAY);
			if (below(3) == 0)
				b.max_lsn = below((unsigned)n + 3);
			assert_as_made_anew(g, all, n + 1, &b);
		}
		steme_globals_free(g);
	}
}
END_TEST

/* ---- size and speed ---- */

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

START_TEST(a_hundred_thousand_endorsements_take_no_quadratic_time)
{
	enum { N = 100000 };
	struct steme_globals *g = new_globals();
	const struct steme_world *w;
	struct steme_id id;
	struct sample s;
	int64_t start = now_ns();

	s = setting(1, STEME_LIT("_steme/roots"), agent_hex(1));
	add(g, &s);
	for (unsigned i = 0; i < N; i++) {
		/* a hub, a chain of hubs, and accreditations */
		s = sample(STEME_TRUST, i % 2 == 0 ? 1 : 10 + i / 1000, i + 2);
		s.o.of = agent(10 + i);
		s.o.weight = 9000;
		s.o.class_ = i % 3 == 0 ? STEME_EXPERT : STEME_CLASS_NONE;
		add(g, &s);
	}
	w = unbounded(g);
	id = agent(10);
	ck_assert_uint_eq(steme_world_trust(w, &id), 900000000);
	id = agent(10 + N - 1);
	ck_assert_uint_gt(steme_world_trust(w, &id), 100000000);
	steme_world_put(w);
	/* strangers among themselves leave the world as it is */
	w = unbounded(g);
	for (unsigned i = 0; i < 1000; i++) {
		const struct steme_world *same;

		s = sample(STEME_TRUST, 2 * N + i, N + 10 + i);
		s.o.of = agent(3 * N + i);
		add(g, &s);
		same = unbounded(g);
		ck_assert_ptr_eq(same, w);
		steme_world_put(same);
	}
	steme_world_put(w);
	steme_globals_free(g);
	ck_assert_int_lt(now_ns() - start, INT64_C(30000000000));
}
END_TEST

START_TEST(many_who_accredit_each_other_are_walked_once)
{
	enum { N = 300 };
	struct steme_globals *g = new_globals();
	const struct steme_world *w;
	struct steme_id id = agent(10);
	struct sample s;
	uint64_t number = 1;
	int64_t start;

	s = setting(number++, STEME_LIT("_steme/roots"), agent_hex(1));
	add(g, &s);
	s = sample(STEME_TRUST, 1, number++);
	s.o.of = agent(10 + N - 1);
	s.o.weight = 10000;
	s.o.class_ = STEME_EXPERT;
	s.o.prefix = STEME_LIT("a");
	add(g, &s);
	/* everybody everybody, but only the last one is accredited, and only below a */
	for (unsigned i = 0; i < N; i++)
		for (unsigned k = 0; k < N; k++) {
			s = sample(STEME_TRUST, 10 + i, number++);
			s.o.of = agent(10 + k);
			s.o.weight = 10000;
			s.o.class_ = STEME_EXPERT;
			add(g, &s);
		}
	w = unbounded(g);
	start = now_ns();
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(steme_world_class(w, &id, STEME_EXPERT,
		    STEME_LIT("a/b")), STEME_EXPERT);
		ck_assert_int_eq(steme_world_class(w, &id, STEME_EXPERT,
		    STEME_LIT("b")), STEME_ANECDOTAL);
	}
	ck_assert_int_lt(now_ns() - start, INT64_C(5000000000));
	steme_world_put(w);
	steme_globals_free(g);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("world_random");
	TCase *t = tcase_create("random");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, what_is_kept_is_what_would_be_made_anew, 0, 12);
	tcase_add_test(t, a_hundred_thousand_endorsements_take_no_quadratic_time);
	tcase_add_test(t, many_who_accredit_each_other_are_walked_once);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
