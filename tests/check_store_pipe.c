/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_store_pipe.c - two groups on their way: one is held on its way into the index while
 * the next is logged.
 */
#include "config.h"
#include "tests/lossy.h"
#include "tests/store_util.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* Holds the writes to the index, one at a time, until they are let go. */
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t cond;
	bool held;
	unsigned entered;
};

static struct place P;
static struct lossy *ix;
static struct steme_store *S;
static struct gate G;
static struct steme_key ann;

static void
wait_at_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->mu);
	g->entered++;
	pthread_cond_broadcast(&g->cond);
	while (g->held)
		pthread_cond_wait(&g->cond, &g->mu);
	pthread_mutex_unlock(&g->mu);
}

static void
hold(bool on)
{
	pthread_mutex_lock(&G.mu);
	G.held = on;
	if (on)
		G.entered = 0;
	pthread_cond_broadcast(&G.cond);
	pthread_mutex_unlock(&G.mu);
}

static void
await_entry(void)
{
	pthread_mutex_lock(&G.mu);
	while (G.entered == 0)
		pthread_cond_wait(&G.cond, &G.mu);
	pthread_mutex_unlock(&G.mu);
}

static void
setup(void)
{
	place_make(&P, false, true);
	ix = lossy_new();
	P.o.kv_dir = NULL;
	P.o.index = &ix->base;
	key_of(&ann, 1);
	S = place_open(&P);
	pthread_mutex_init(&G.mu, NULL);
	pthread_cond_init(&G.cond, NULL);
	G.held = false;
	ix->before_write = wait_at_gate;
	ix->arg = &G;
}

static void
teardown(void)
{
	steme_store_close(S);
	ix->base.ops->close(&ix->base);
	pthread_cond_destroy(&G.cond);
	pthread_mutex_destroy(&G.mu);
	place_remove(&P);
}

static uint64_t
syncs(void)
{
	struct steme_store_stats st;

	steme_store_stats(S, &st);
	return st.wal.syncs;
}

/* A write in a thread of its own. */
struct job {
	pthread_t t;
	struct steme_put p[2];
	struct steme_write w;
	_Atomic bool done;
};

static void *
run_job(void *arg)
{
	struct job *j = arg;

	steme_store_write_wait(S, &j->w);
	atomic_store(&j->done, true);
	return NULL;
}

static void
start(struct job *j, const struct made *a, const struct made *b)
{
	memset(j, 0, sizeof(*j));
	j->p[0] = put_of(a);
	j->p[1] = put_of(b == NULL ? a : b);
	j->w = (struct steme_write){ .puts = j->p, .n = b == NULL ? 1 : 2,
	    .hand_in = true };
	pthread_create(&j->t, NULL, run_job, j);
}

/*
 * One group with m is on its way into the index; the write of m (and n) behind it is
 * as far as it can get.
 */
static void
two_on_their_way(struct job *first, struct job *second, const struct made *m,
    const struct made *n)
{
	uint64_t before;

	hold(true);
	start(first, m, NULL);
	await_entry();
	before = syncs();
	start(second, m, n);
	while (n != NULL && syncs() == before)
		usleep(1000);
	usleep(30000);
	ck_assert(!atomic_load(&first->done));
	ck_assert(!atomic_load(&second->done));
	ck_assert(!has(S, &m->id));
}

static void
finish(struct job *first, struct job *second)
{
	hold(false);
	pthread_join(first->t, NULL);
	pthread_join(second->t, NULL);
}

START_TEST(a_group_is_logged_while_the_one_before_goes_into_the_index)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct made n = make_claim(&ann, "a", "p", "2", T0);
	struct job a, b;

	two_on_their_way(&a, &b, &m, &n);
	finish(&a, &b);
	ck_assert_int_eq(a.p[0].status, STEME_CREATED);
	ck_assert_uint_eq(a.p[0].lsn, 2);
	ck_assert_int_eq(b.p[0].status, STEME_EXISTS);
	ck_assert_uint_eq(b.p[0].lsn, 2);
	ck_assert_int_eq(b.p[1].status, STEME_CREATED);
	ck_assert_uint_eq(b.p[1].lsn, 3);
	ck_assert(has(S, &m.id) && has(S, &n.id));
	ck_assert_uint_eq(counting(S, "a", "p"), 2);
	must_verify(S);
	made_free(&m);
	made_free(&n);
}
END_TEST

START_TEST(exists_waits_for_the_group_that_brings_it)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct job a, b;

	two_on_their_way(&a, &b, &m, NULL);
	finish(&a, &b);
	ck_assert_int_eq(a.p[0].status, STEME_CREATED);
	ck_assert_int_eq(b.p[0].status, STEME_EXISTS);
	ck_assert_uint_eq(b.p[0].lsn, a.p[0].lsn);
	made_free(&m);
}
END_TEST

START_TEST(without_room_in_the_index_both_groups_come_later)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct made n = make_claim(&ann, "b", "p", "2", T0);
	struct steme_put p;
	struct job a, b;

	ix->fail = STEME_ENOSPC;
	two_on_their_way(&a, &b, &m, _i == 0 ? &n : NULL);
	finish(&a, &b);
	ck_assert_int_eq(a.w.err, STEME_ENOSPC);
	ck_assert_int_eq(b.w.err, STEME_ENOSPC);
	ck_assert_int_eq(b.p[0].err, STEME_ENOSPC);
	ck_assert(!has(S, &m.id) && !has(S, &n.id));
	ix->fail = 0;
	P.clock.mono += 1100000;
	steme_store_tick(S);
	ck_assert(has(S, &m.id));
	ck_assert_int_eq(has(S, &n.id), _i == 0);
	ck_assert_int_eq(write_one(S, &n, &p), STEME_OK);
	ck_assert_int_eq(p.status, _i == 0 ? STEME_EXISTS : STEME_CREATED);
	ck_assert_uint_eq(p.lsn, 3);
	must_verify(S);
	made_free(&m);
	made_free(&n);
}
END_TEST

/* There is room again just then: but what comes first must be told first. */
static void
room_after_first(void *arg)
{
	struct gate *g = arg;
	bool again;

	pthread_mutex_lock(&g->mu);
	again = g->entered > 0;
	pthread_mutex_unlock(&g->mu);
	if (again)
		ix->fail = 0;
	wait_at_gate(g);
}

START_TEST(a_group_does_not_overtake_one_without_room)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct made n = make_claim(&ann, "b", "p", "2", T0);
	struct job a, b;

	ix->fail = STEME_ENOSPC;
	ix->before_write = room_after_first;
	two_on_their_way(&a, &b, &m, &n);
	finish(&a, &b);
	ck_assert_int_eq(a.w.err, STEME_ENOSPC);
	ck_assert_int_eq(b.w.err, STEME_ENOSPC);
	ix->fail = 0;
	P.clock.mono += 1100000;
	steme_store_tick(S);
	ck_assert(has(S, &m.id) && has(S, &n.id));
	must_verify(S);
	made_free(&m);
	made_free(&n);
}
END_TEST

START_TEST(a_broken_index_refuses_both_groups_and_a_restart_has_them)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct made n = make_claim(&ann, "b", "p", "2", T0);
	struct job a, b;

	ix->fail = STEME_EIO;
	two_on_their_way(&a, &b, &m, _i == 0 ? &n : NULL);
	finish(&a, &b);
	ck_assert_int_eq(a.w.err, STEME_EIO);
	ck_assert_int_ne(b.w.err, STEME_OK);
	ck_assert_int_ne(b.p[0].err, STEME_OK);
	steme_store_close(S);
	ix->fail = 0;
	S = place_open(&P);
	ck_assert(has(S, &m.id));
	ck_assert_int_eq(has(S, &n.id), _i == 0);
	must_verify(S);
	made_free(&m);
	made_free(&n);
}
END_TEST

START_TEST(a_failed_log_does_not_take_the_group_before_with_it)
{
	struct made m = make_claim(&ann, "a", "p", "1", T0);
	struct made n = make_claim(&ann, "b", "p", "2", T0);
	struct job a, b;

	hold(true);
	start(&a, &m, NULL);
	await_entry();
	faultio_fail(P.fio, FIO_DATASYNC, 1, STEME_EIO, 0, false);
	start(&b, &n, NULL);
	pthread_join(b.t, NULL);
	ck_assert_int_eq(b.w.err, STEME_EIO);
	ck_assert(!atomic_load(&a.done));
	hold(false);
	pthread_join(a.t, NULL);
	ck_assert_int_eq(a.p[0].status, STEME_CREATED);
	ck_assert(has(S, &m.id) && !has(S, &n.id));
	made_free(&m);
	made_free(&n);
}
END_TEST

/* What is known of concepts saves lookups, and must never say "new" of what is there. */
START_TEST(a_repeated_claim_exists_however_it_is_repeated)
{
	struct made m[5];
	struct steme_put p[5];
	struct steme_write w = { .puts = p, .n = 5, .hand_in = true };
	char value[12];

	for (int i = 0; i < 5; i++) {
		snprintf(value, sizeof(value), "%d", i / 2);
		m[i] = make_claim(&ann, i == 4 ? "a/b" : "a", i % 2 ? "p" : "q",
		    value, T0);
	}
	for (int round = 0; round < 3; round++) {
		/* first one by one, then together, then after a restart */
		for (int i = 0; i < 5; i++) {
			if (round == 0) {
				ck_assert_int_eq(write_one(S, &m[i], &p[i]), STEME_OK);
				ck_assert_int_eq(p[i].status, STEME_CREATED);
			}
			p[i] = put_of(&m[i]);
			p[i].verified = true;
		}
		ck_assert_int_eq(steme_store_write_wait(S, &w), STEME_OK);
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(p[i].status, STEME_EXISTS);
			ck_assert_uint_eq(p[i].lsn, (uint64_t)i + 2);
		}
		if (round > 0)
			continue;
		steme_store_close(S);
		S = place_open(&P);
	}
	for (int i = 0; i < 5; i++)
		made_free(&m[i]);
}
END_TEST

/* Of i: concept i with one predicate, then the one 50 before with another. */
static struct made
interleaved(unsigned i)
{
	struct steme_object o;
	struct steme_buf b = {0};
	struct made m = { 0 };
	char concept[16];
	bool second = i % 2 && i > 100;

	snprintf(concept, sizeof(concept), second || i % 2 == 0 ? "c%u" : "d%u", second ?
	    i / 2 - 50 : i / 2);
	o = claim(concept, second ? "q" : "p", "v", T0);
	o.agent = ann.agent;
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_OK);
	ck_assert_int_eq(steme_buf_take(&b, &m.bytes, &m.n), STEME_OK);
	return m;
}

/* That table is emptied when it is full, at whatever place of a group that is. */
START_TEST(a_claim_is_stored_once_though_what_was_known_is_forgotten_meanwhile)
{
	enum { GROUPS = 3, N = 8000 };
	struct made *m = calloc(N, sizeof(*m));
	struct steme_put *p = calloc(N, sizeof(*p));
	struct steme_write w = { .puts = p, .n = N };
	struct steme_store_stats st;

	for (unsigned g = 0; g < GROUPS; g++) {
		for (unsigned i = 0; i < N; i++)
			m[i] = interleaved(g * N + i);
		/* the last group is handed in again, as who got no answer does */
		for (int again = 0; again <= (g == GROUPS - 1); again++) {
			for (unsigned i = 0; i < N; i++) {
				p[i] = put_of(&m[i]);
				p[i].verified = true;
			}
			ck_assert_int_eq(steme_store_write_wait(S, &w), STEME_OK);
			for (unsigned i = 0; i < N; i++)
				ck_assert_int_eq(p[i].status, again ?
				    STEME_EXISTS : STEME_CREATED);
		}
		for (unsigned i = 0; i < N; i++)
			made_free(&m[i]);
	}
	steme_store_stats(S, &st);
	ck_assert_uint_eq(st.lsn, 1 + GROUPS * N);
	free(m);
	free(p);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store, two groups");
	TCase *t = tcase_create("pipe");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_group_is_logged_while_the_one_before_goes_into_the_index);
	tcase_add_test(t, exists_waits_for_the_group_that_brings_it);
	tcase_add_loop_test(t, without_room_in_the_index_both_groups_come_later, 0, 2);
	tcase_add_test(t, a_group_does_not_overtake_one_without_room);
	tcase_add_loop_test(t, a_broken_index_refuses_both_groups_and_a_restart_has_them,
	    0, 2);
	tcase_add_test(t, a_failed_log_does_not_take_the_group_before_with_it);
	tcase_add_test(t, a_repeated_claim_exists_however_it_is_repeated);
	tcase_add_test(t,
	    a_claim_is_stored_once_though_what_was_known_is_forgotten_meanwhile);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
