/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_store_threads.c - many writers and readers at once: each reads its own writes,
 * nobody keeps a stale answer, upkeep and rebuilds disturb nobody.  TSan clean.
 */
#include "config.h"
#include "tests/store_util.h"

#include <stdatomic.h>

#define WRITERS	4
#define EACH	60

static struct place P;
static struct steme_store *S;
static _Atomic bool stop;
static _Atomic unsigned told;

static void
on_commit(void *arg, const struct steme_commit_item *items, size_t n)
{
	(void)arg;
	(void)items;
	atomic_fetch_add(&told, (unsigned)n);
}

struct who {
	pthread_t t;
	unsigned n;
	struct steme_key k;
};

/* libcheck's asserts are not for threads. */
static void
must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void *
writer(void *arg)
{
	struct who *w = arg;
	char concept[32], value[32];

	for (unsigned i = 0; i < EACH; i++) {
		struct steme_stamp before, after;
		struct steme_object o;
		struct steme_buf b = {0};
		struct made m;
		struct steme_put p;
		struct steme_cands c;
		struct steme_lens_ctx ctx;
		bool seen = false;

		snprintf(concept, sizeof(concept), "c%u/d%u", i % 3, w->n);
		snprintf(value, sizeof(value), "%u %u", w->n, i);
		o = claim(concept, "p", value, T0);
		o.agent = w->k.agent;
		must(steme_object_write(&o, &b, NULL) == STEME_OK, "object");
		must(steme_buf_take(&b, &m.bytes, &m.n) == STEME_OK, "bytes");
		m.id = steme_hash(m.bytes, m.n);
		steme_sign(&m.sig, &w->k, m.bytes, m.n);
		before = steme_changes_stamp(steme_store_changes(S),
		    steme_str_from(concept));
		must(write_one(S, &m, &p) == STEME_OK, p.why.text);
		after = steme_changes_stamp(steme_store_changes(S),
		    steme_str_from(concept));
		must(!steme_stamp_eq(&before, &after), "the counters did not change");
		/* read your writes */
		memset(&ctx, 0, sizeof(ctx));
		steme_bounds_init(&ctx.bounds);
		ctx.lifecycle = -1;
		ctx.world = steme_store_world(S, &ctx.bounds);
		must(ctx.bounds.max_lsn >= p.lsn, "acknowledged, but not visible");
		must(steme_store_collect(S, &ctx, steme_str_from(concept),
		    STEME_LIT("p"), false, &c) == STEME_OK, "collect");
		for (size_t j = 0; j < c.groups[0].n; j++)
			seen |= steme_id_eq(&c.groups[0].c[j].id, &m.id);
		must(seen, "acknowledged, but not collected");
		must(c.groups[0].version >= p.lsn, "the version is too old");
		steme_cands_fini(&c);
		steme_world_put(ctx.world);
		made_free(&m);
	}
	return NULL;
}

static int
count_child(void *arg, struct steme_str child, uint64_t lsn, bool has)
{
	(void)child;
	(void)has;
	*(uint64_t *)arg = lsn;
	return 0;
}

/* Reads all the while; what it sees only grows. */
static void *
reader(void *arg)
{
	struct who *w = arg;
	uint64_t version = 0, children;
	char concept[32];
	size_t n = 0;

	snprintf(concept, sizeof(concept), "c0/d%u", w->n);
	while (!atomic_load(&stop)) {
		struct steme_lens_ctx ctx = { .lifecycle = -1 };
		struct steme_store_stats st;
		struct steme_cands c;

		steme_bounds_init(&ctx.bounds);
		ctx.world = steme_store_world(S, &ctx.bounds);
		must(steme_store_collect(S, &ctx, steme_str_from(concept),
		    STEME_LIT("p"), false, &c) == STEME_OK, "collect");
		if (c.ngroups > 0) {
			must(c.groups[0].n >= n, "claims went away");
			must(c.groups[0].version >= version, "the version went back");
			must(c.groups[0].version <= steme_store_lsn(S),
			    "a version that is not visible");
			n = c.groups[0].n;
			version = c.groups[0].version;
		}
		steme_cands_fini(&c);
		steme_world_put(ctx.world);
		must(steme_store_children(S, STEME_LIT(""), 0, UINT64_MAX, count_child,
		    &children) == 0, "children");
		steme_store_stats(S, &st);
		must(st.counts.assertions <= st.lsn, "sums");
	}
	return NULL;
}

static void
run(bool fault, bool mem)
{
	struct who w[WRITERS], r[2];
	struct steme_store_stats st;

	place_make(&P, mem, fault);
	P.o.on_commit = on_commit;
	P.o.segment_bytes = 32 << 10;
	P.o.clock = NULL;
	atomic_store(&stop, false);
	atomic_store(&told, 0);
	S = place_open(&P);
	for (unsigned i = 0; i < 2; i++) {
		r[i].n = i;
		pthread_create(&r[i].t, NULL, reader, &r[i]);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i].n = i;
		key_of(&w[i].k, (uint8_t)(i + 1));
		pthread_create(&w[i].t, NULL, writer, &w[i]);
	}
	for (int i = 0; i < 4; i++) {
		usleep(20000);
		ck_assert_int_eq(steme_store_checkpoint(S), STEME_OK);
		steme_store_tick(S);
		ck_assert_int_eq(steme_store_rebuild_online(S, NULL), STEME_OK);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w[i].t, NULL);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(r[i].t, NULL);
	steme_store_stats(S, &st);
	ck_assert_uint_eq(st.counts.assertions, WRITERS * EACH);
	ck_assert_uint_eq(atomic_load(&told), WRITERS * EACH);
	must_verify(S);
	steme_store_close(S);
	place_remove(&P);
}

START_TEST(writers_read_their_writes_and_readers_never_go_back)
{
	run(false, _i == 1);
}
END_TEST

START_TEST(the_same_with_slow_syncs)
{
	run(true, true);
}
END_TEST

/* ---- exists waits ---- */

struct late {
	pthread_t t;
	struct made *m;
	struct steme_put p;
	struct steme_write w;
	pthread_barrier_t *go;
	uint64_t lsn_then;
	uint64_t syncs_then;
};

static void *
write_same(void *arg)
{
	struct late *l = arg;
	struct steme_store_stats st;

	l->p = put_of(l->m);
	l->p.verified = true;
	l->w = (struct steme_write){ .puts = &l->p, .n = 1, .hand_in = true };
	pthread_barrier_wait(l->go);
	steme_store_write_wait(S, &l->w);
	l->lsn_then = steme_store_lsn(S);
	steme_store_stats(S, &st);
	l->syncs_then = st.sync_count;
	return NULL;
}

START_TEST(exists_is_answered_only_when_it_is_on_disk_and_visible)
{
	struct steme_key ann;
	pthread_barrier_t go;

	place_make(&P, true, true);
	key_of(&ann, 1);
	S = place_open(&P);
	for (unsigned round = 0; round < 20; round++) {
		struct late l[4];
		char value[16];
		struct made m;
		unsigned created = 0;

		snprintf(value, sizeof(value), "%u", round);
		m = make_claim(&ann, "a", "p", value, T0);
		faultio_delay(P.fio, FIO_DATASYNC, 3000);
		pthread_barrier_init(&go, NULL, 4);
		for (int i = 0; i < 4; i++) {
			l[i].m = &m;
			l[i].go = &go;
			pthread_create(&l[i].t, NULL, write_same, &l[i]);
		}
		for (int i = 0; i < 4; i++)
			pthread_join(l[i].t, NULL);
		for (int i = 0; i < 4; i++) {
			ck_assert_int_eq(l[i].p.err, STEME_OK);
			ck_assert_uint_eq(l[i].p.lsn, round + 2);
			ck_assert_uint_ge(l[i].lsn_then, round + 2);
			ck_assert_uint_eq(l[i].syncs_then, round + 1);
			created += l[i].p.status == STEME_CREATED;
		}
		ck_assert_uint_eq(created, 1);
		pthread_barrier_destroy(&go);
		made_free(&m);
	}
	faultio_delay(P.fio, FIO_DATASYNC, 0);
	steme_store_close(S);
	place_remove(&P);
}
END_TEST

START_TEST(writers_share_syncs_when_syncs_are_slow)
{
	struct steme_store_stats st;
	struct who w[WRITERS];

	place_make(&P, true, true);
	P.o.clock = NULL;
	S = place_open(&P);
	faultio_delay(P.fio, FIO_DATASYNC, 2000);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i].n = i;
		key_of(&w[i].k, (uint8_t)(i + 1));
		pthread_create(&w[i].t, NULL, writer, &w[i]);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w[i].t, NULL);
	steme_store_stats(S, &st);
	ck_assert_uint_eq(st.commit_records, WRITERS * EACH);
	ck_assert_uint_lt(st.commits, WRITERS * EACH * 3 / 4);
	steme_store_close(S);
	place_remove(&P);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store, threads");
	TCase *t = tcase_create("threads");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, writers_read_their_writes_and_readers_never_go_back, 0, 2);
	tcase_add_test(t, the_same_with_slow_syncs);
	tcase_add_test(t, exists_is_answered_only_when_it_is_on_disk_and_visible);
	tcase_add_test(t, writers_share_syncs_when_syncs_are_slow);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
