/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_world.c - worlds: what is kept and shared is what would be made anew, whatever
 * the order of adding, the bounds and the threads.  The rules themselves are in
 * vectors/lenses.json (check_lens).
 */
#include "config.h"
#include "core/world.h"

#include "core/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY	INT64_C(86400000000)
#define AGENTS	6

static struct steme_id
id_of(const char *what, uint64_t i)
{
	char text[64];

	return steme_hash(text, (size_t)snprintf(text, sizeof(text), "%s %llu", what,
	    (unsigned long long)i));
}

static struct steme_id
agent(uint64_t i)
{
	return id_of("agent", i);
}

static char hexes[AGENTS][STEME_ID_HEX + 1];

static struct steme_str
agent_hex(unsigned i)
{
	struct steme_id id = agent(i);

	steme_id_hex(hexes[i], &id);
	return steme_str_from(hexes[i]);
}

/* An object and its record, made to be filled in.  Agent 0 is the operator. */
struct sample {
	struct steme_object o;
	struct steme_record r;
};

static struct sample
sample(enum steme_kind kind, unsigned by, uint64_t number)
{
	struct sample s;

	memset(&s, 0, sizeof(s));
	s.o.kind = kind;
	s.o.agent = agent(by);
	s.o.class_ = STEME_CLASS_NONE;
	s.o.time_us = (int64_t)number * DAY;
	s.r.id = id_of("object", number);
	s.r.lsn = number;
	s.r.hlc = steme_hlc_from_us(s.o.time_us);
	s.r.node = 5;
	return s;
}

static struct sample
setting(uint64_t number, struct steme_str concept, struct steme_str predicate)
{
	struct sample s = sample(STEME_ASSERTION, 0, number);

	s.o.concept = concept;
	s.o.predicate = predicate;
	s.o.type = STEME_BOOLEAN;
	s.o.value = STEME_LIT("true");
	s.o.class_ = STEME_EXPERT;
	return s;
}

static struct sample
alias(uint64_t number, unsigned by, struct steme_str from, struct steme_str to)
{
	struct sample s = sample(STEME_ALIAS, by, number);

	s.o.from = from;
	s.o.to = to;
	return s;
}

static struct steme_globals *
new_globals(void)
{
	struct steme_id operator_ = agent(0);
	struct steme_globals *g = steme_globals_new(&operator_);

	ck_assert_ptr_nonnull(g);
	return g;
}

static void
add(struct steme_globals *g, const struct sample *s)
{
	ck_assert(steme_globals_wants(&s->o));
	ck_assert_int_eq(steme_globals_add(g, &s->r, &s->o), STEME_OK);
}

static const struct steme_world *
unbounded(struct steme_globals *g)
{
	const struct steme_world *w;
	struct steme_bounds b;

	steme_bounds_init(&b);
	ck_assert_ptr_nonnull(w = steme_world_at(g, &b));
	return w;
}

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

/* ---- random histories: what is kept and shared against what is made anew ---- */

static uint64_t seed;

static uint64_t
next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned
below(unsigned n)
{
	return (unsigned)(next_random() % n);
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
	tcase_add_loop_test(t, what_is_kept_is_what_would_be_made_anew, 0, 12);
	tcase_add_test(t, a_hundred_thousand_endorsements_take_no_quadratic_time);
	tcase_add_test(t, many_who_accredit_each_other_are_walked_once);
	tcase_add_test(t, readers_see_whole_worlds_while_objects_arrive);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
