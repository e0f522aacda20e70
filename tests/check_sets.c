/* SPDX-License-Identifier: Apache-2.0 */
/* check_sets.c - sets of kept claims by themselves: begun, filled, added to, dropped. */
#include "config.h"
#include "core/sets.h"
#include "tests/store_util.h"

#include <sched.h>
#include <stdatomic.h>

static struct steme_sets_stats
stats_of(struct steme_sets *sets)
{
	struct steme_sets_stats st;

	steme_sets_stats(sets, &st);
	return st;
}

/* A claim as a commit tells of it. */
struct told {
	struct made m;
	struct steme_object o;
	struct steme_record r;
	struct steme_commit_item item;
};

static void
tell(struct told *t, const char *concept, const char *predicate, uint64_t lsn)
{
	struct steme_key k;
	char value[32];

	key_of(&k, 1);
	memset(t, 0, sizeof(*t));
	snprintf(value, sizeof(value), "value %" PRIu64, lsn);
	t->m = make_claim(&k, concept, predicate, value, T0);
	ck_assert_int_eq(steme_object_parse(&t->o, t->m.bytes, t->m.n, NULL), STEME_OK);
	t->r = (struct steme_record){ .lsn = lsn, .id = t->m.id,
	    .bytes = { (char *)t->m.bytes, t->m.n } };
	t->item = (struct steme_commit_item){ &t->r, &t->o, false, false };
}

static void
add(struct steme_sets *s, const char *concept, const char *predicate, uint64_t lsn)
{
	struct told t;

	tell(&t, concept, predicate, lsn);
	steme_sets_add(s, &t.item, 1, lsn);
	made_free(&t.m);
}

/* Fills the set of ("c", "p") with n claims, lsns from 1. */
static struct steme_claims
fill(struct steme_sets *s, struct steme_set *set, size_t n)
{
	size_t cap = n + STEME_SET_MIN;
	const struct steme_found **v = calloc(cap, sizeof(*v));
	struct steme_arena a = { NULL, 0 };
	struct steme_claims out;
	struct told t;

	for (size_t i = 0; i < n; i++) {
		tell(&t, "c", "p", i + 1);
		ck_assert_int_eq(steme_found_new(&a, &t.r, &v[i]), STEME_OK);
		made_free(&t.m);
	}
	steme_sets_fill(s, set, &a, v, n, cap, &out);
	ck_assert_ptr_null(a.newest);
	return out;
}

static struct steme_set *
begin(struct steme_sets *s, uint64_t want_lsn)
{
	uint64_t lsn = 0;
	struct steme_set *set = steme_sets_begin(s, STEME_LIT("c"), STEME_LIT("p"), &lsn);

	ck_assert_ptr_nonnull(set);
	ck_assert_uint_eq(lsn, want_lsn);
	return set;
}

/* How many claims the set of ("c", "p") has; their lsns are 1, 2, ...  -1: none is kept. */
static int
kept(struct steme_sets *s)
{
	struct steme_claims k;

	if (!steme_sets_get(s, STEME_LIT("c"), STEME_LIT("p"), &k))
		return -1;
	for (size_t i = 0; i < k.n; i++) {
		ck_assert_uint_eq(k.v[i]->lsn, i + 1);
		ck_assert(steme_str_eq(k.v[i]->o->concept, STEME_LIT("c")));
	}
	steme_set_put(k.set);
	return (int)k.n;
}

START_TEST(what_is_added_while_a_set_is_filled_is_in_it)
{
	struct steme_sets *s = steme_sets_new(1 << 20, 3);
	struct steme_set *set = begin(s, 3);
	struct steme_claims k;

	ck_assert_int_eq(kept(s), -1);
	add(s, "c", "p", 4);
	add(s, "c", "other", 5);
	add(s, "c/p", "p", 5);
	ck_assert_int_eq(kept(s), -1);
	k = fill(s, set, 3);
	ck_assert_uint_eq(k.n, 3);
	ck_assert_int_eq(kept(s), 4);
	add(s, "c", "p", 5);
	ck_assert_int_eq(kept(s), 5);
	/* who holds it still has what it was */
	ck_assert_uint_eq(k.n, 3);
	ck_assert_uint_eq(k.v[2]->lsn, 3);
	steme_set_put(k.set);
	steme_sets_free(s);
}
END_TEST

START_TEST(a_set_is_begun_by_one_at_a_time_and_told_what_came_before)
{
	struct steme_sets *s = steme_sets_new(1 << 20, 3);
	struct steme_claims k;
	struct steme_set *set;
	uint64_t lsn;

	add(s, "d", "q", 7);
	set = begin(s, 7);
	ck_assert_ptr_null(steme_sets_begin(s, STEME_LIT("c"), STEME_LIT("p"), &lsn));
	steme_sets_abandon(s, set);
	ck_assert_uint_eq(stats_of(s).sets, 0);
	ck_assert_uint_eq(stats_of(s).bytes, 0);
	set = begin(s, 7);
	add(s, "d", "q", 9);
	k = fill(s, set, 2);
	steme_set_put(k.set);
	ck_assert_ptr_null(steme_sets_begin(s, STEME_LIT("c"), STEME_LIT("p"), &lsn));
	ck_assert_uint_eq(lsn, 9);
	steme_sets_free(s);
}
END_TEST

START_TEST(a_set_without_room_is_dropped_not_left_short)
{
	struct steme_sets *s = steme_sets_new(1 << 20, 0);
	struct steme_set *set = begin(s, 0);
	struct steme_claims k;
	uint64_t lsn = 0;

	/* while it is filled */
	while (lsn < STEME_SET_MIN)
		add(s, "c", "p", ++lsn);
	ck_assert_uint_eq(stats_of(s).sets, 1);
	add(s, "c", "p", ++lsn);
	ck_assert_uint_eq(stats_of(s).sets, 0);
	k = fill(s, set, 2);
	ck_assert_uint_eq(k.n, 2);
	ck_assert_int_eq(kept(s), -1);
	steme_set_put(k.set);
	/* and afterwards */
	set = begin(s, lsn);
	k = fill(s, set, lsn);
	steme_set_put(k.set);
	for (int i = 0; i < STEME_SET_MIN; i++)
		add(s, "c", "p", ++lsn);
	ck_assert_int_eq(kept(s), (int)lsn);
	add(s, "c", "p", ++lsn);
	ck_assert_int_eq(kept(s), -1);
	ck_assert_uint_eq(stats_of(s).bytes, 0);
	steme_sets_free(s);
}
END_TEST

START_TEST(what_was_begun_before_all_was_forgotten_is_not_found_after)
{
	struct steme_sets *s = steme_sets_new(1 << 20, 5);
	struct steme_set *set = begin(s, 5);
	struct steme_claims k;

	steme_sets_forget(s);
	k = fill(s, set, 5);
	ck_assert_uint_eq(k.n, 5);
	ck_assert_int_eq(kept(s), -1);
	steme_set_put(k.set);
	k = fill(s, begin(s, 5), 5);
	ck_assert_int_eq(kept(s), 5);
	steme_sets_forget(s);
	ck_assert_int_eq(kept(s), -1);
	/* still held */
	ck_assert_uint_eq(k.v[4]->lsn, 5);
	steme_set_put(k.set);
	steme_sets_free(s);
}
END_TEST

START_TEST(memory_stays_within_the_limit_and_the_oldest_go_first)
{
	struct steme_sets *s = steme_sets_new(1 << 20, 100);
	struct steme_set *set;
	struct steme_claims k;
	char concept[16];
	uint64_t lsn;

	/* too large by itself */
	k = fill(s, begin(s, 100), 1000);
	ck_assert_uint_eq(k.n, 1000);
	steme_set_put(k.set);
	ck_assert_int_eq(kept(s), -1);
	k = fill(s, begin(s, 100), 100);
	steme_set_put(k.set);
	for (int i = 0; i < 30; i++) {
		snprintf(concept, sizeof(concept), "d%d", i);
		set = steme_sets_begin(s, steme_str_from(concept), STEME_LIT("p"), &lsn);
		k = fill(s, set, 100);
		steme_set_put(k.set);
		ck_assert_uint_le(stats_of(s).bytes, 1 << 20);
		/* in use all the time */
		ck_assert_int_eq(kept(s), 100);
	}
	ck_assert_uint_lt(stats_of(s).sets, 25);
	ck_assert(!steme_sets_get(s, STEME_LIT("d0"), STEME_LIT("p"), &k));
	ck_assert(steme_sets_get(s, STEME_LIT("d29"), STEME_LIT("p"), &k));
	steme_set_put(k.set);
	steme_sets_free(s);
}
END_TEST

/* ---- begun while something is added ---- */

#define GROUP	50

static _Atomic bool stop;
static struct steme_sets *sets_of_adder;
static _Atomic bool adding;

static void *
adder(void *arg)
{
	struct told t[GROUP];
	struct steme_commit_item items[GROUP];
	uint64_t lsn = 0;

	(void)arg;
	for (unsigned i = 0; i < GROUP; i++)
		tell(&t[i], "c", "p", i + 1);
	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < GROUP; i++) {
			t[i].r.lsn = ++lsn;
			items[i] = t[i].item;
		}
		atomic_store(&adding, true);
		steme_sets_add(sets_of_adder, items, GROUP, lsn);
		atomic_store(&adding, false);
		usleep(100);
	}
	for (unsigned i = 0; i < GROUP; i++)
		made_free(&t[i].m);
	return NULL;
}

START_TEST(a_set_begun_amid_a_write_gets_the_rest_of_it)
{
	struct steme_sets *s = steme_sets_new(16 << 20, 0);
	struct steme_claims k;
	struct steme_set *other, *set;
	unsigned amid = 0;
	uint64_t lsn;
	pthread_t t;

	/* so that there is one, and each claim is looked for */
	other = steme_sets_begin(s, STEME_LIT("other"), STEME_LIT("p"), &lsn);
	sets_of_adder = s;
	atomic_store(&stop, false);
	pthread_create(&t, NULL, adder, NULL);
	/* chance decides when: on a busy machine it may take longer, until Check ends it */
	for (int round = 0; amid == 0 || (round < 200000 && amid < 20); round++) {
		set = steme_sets_begin(s, STEME_LIT("c"), STEME_LIT("p"), &lsn);
		ck_assert_ptr_nonnull(set);
		while (atomic_load(&adding))
			sched_yield();
		k = fill(s, set, 0);
		steme_set_put(k.set);
		/* more than wait in a set may have come meanwhile: then it is gone */
		if (!steme_sets_get(s, STEME_LIT("c"), STEME_LIT("p"), &k))
			continue;
		amid += k.n > 0 && lsn % GROUP != 0;
		for (size_t i = 0; i < k.n; i++)
			ck_assert_uint_eq(k.v[i]->lsn, lsn + i + 1);
		steme_sets_abandon(s, k.set);
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ck_assert_uint_gt(amid, 0);
	steme_sets_abandon(s, other);
	steme_sets_free(s);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sets");
	TCase *t = tcase_create("sets");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, what_is_added_while_a_set_is_filled_is_in_it);
	tcase_add_test(t, a_set_is_begun_by_one_at_a_time_and_told_what_came_before);
	tcase_add_test(t, a_set_without_room_is_dropped_not_left_short);
	tcase_add_test(t, what_was_begun_before_all_was_forgotten_is_not_found_after);
	tcase_add_test(t, memory_stays_within_the_limit_and_the_oldest_go_first);
	tcase_add_test(t, a_set_begun_amid_a_write_gets_the_rest_of_it);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
