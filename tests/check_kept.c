/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_kept.c - a store that keeps claims: whatever is written, read and forgotten in
 * between, and by how many threads, a look finds what the index has.  TSan clean.
 */
#include "config.h"
#include "core/store_impl.h"
#include "tests/random.h"
#include "tests/store_util.h"

#include <stdatomic.h>

static struct place P;

static struct steme_store *
fresh(size_t kept, bool mem)
{
	place_make(&P, mem, true);
	P.o.kept_claims = kept;
	return place_open(&P);
}

static void
done_with(struct steme_store *s)
{
	steme_store_close(s);
	place_remove(&P);
}

static struct steme_sets_stats
stats_of(struct steme_sets *sets)
{
	struct steme_sets_stats st;

	steme_sets_stats(sets, &st);
	return st;
}

/* n claims in one write; they are new. */
static void
write_many(struct steme_store *s, const struct steme_key *k, const char *concept,
    const char *predicate, int first, int n)
{
	struct made *m = calloc((size_t)n, sizeof(*m));
	struct steme_put *puts = calloc((size_t)n, sizeof(*puts));
	struct steme_write w = { .puts = puts, .n = (size_t)n, .hand_in = true };
	char value[32];

	for (int i = 0; i < n; i++) {
		snprintf(value, sizeof(value), "%d", first + i);
		m[i] = make_claim(k, concept, predicate, value, T0 - i);
		puts[i] = put_of(&m[i]);
	}
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(puts[i].err, STEME_OK);
		ck_assert_int_eq(puts[i].status, STEME_CREATED);
		made_free(&m[i]);
	}
	free(puts);
	free(m);
}

static uint64_t seed;

static unsigned
dice(unsigned n)
{
	return (unsigned)(random_next(&seed) % n);
}

static const char *const concepts[] = { "a", "a/b", "a/c" };
static const char *const predicates[] = { "p", "must_use" };

static void
random_claims(struct steme_store *s, const struct steme_key *k, struct steme_id *ids,
    unsigned *n)
{
	unsigned many = dice(8) == 0 ? 1 + dice(60) : 1;

	for (unsigned i = 0; i < many; i++) {
		struct steme_object o = claim(concepts[dice(3)], predicates[dice(2)], "",
		    T0 - (int64_t)dice(1000) * 1000000);
		char value[32];

		snprintf(value, sizeof(value), "%u", *n % 9);
		o.value = steme_str_from(value);
		o.confidence = (int32_t)dice(10001);
		o.class_ = (enum steme_class)dice(6);
		if (dice(6) == 0)
			o.lifecycle = (enum steme_lifecycle)(1 + dice(4));
		if (dice(6) == 0)
			o.epoch = STEME_LIT("e1");
		if (dice(4) == 0)
			o.source = dice(2) ? STEME_LIT("src") : STEME_LIT("other");
		if (dice(6) == 0) {
			o.nmeta = 1;
			o.meta[0] = (struct steme_meta){ STEME_LIT("reason"), o.value };
		}
		if (*n > 0 && dice(4) == 0) {
			o.nsupersedes = 1;
			o.supersedes[0] = ids[dice(*n)];
		}
		ids[(*n)++] = must_write(s, make(&o, &k[dice(4)]));
	}
}

/* Anything that may be written: mostly claims. */
static void
random_write(struct steme_store *s, struct steme_id *ids, unsigned *n)
{
	struct steme_key k[4];
	const char *c = concepts[dice(3)];
	int64_t t = T0 - (int64_t)dice(1000) * 1000000;
	struct steme_object o = { .time_us = t, .value = STEME_LIT("") };

	for (unsigned i = 0; i < 3; i++)
		key_of(&k[i], (uint8_t)(20 + i));
	k[3] = P.op;
	switch (dice(20)) {
	case 0: case 1:
		must_write(s, make_vote(&k[dice(4)], c, &ids[dice(*n)],
		    (int32_t)dice(20001) - 10000, t));
		return;
	case 2: case 3:
		must_write(s, make_retraction(&k[dice(4)], c, &ids[dice(*n)], t));
		return;
	case 4:
		must_write(s, make_alias(&k[dice(4)], c, concepts[dice(3)], t));
		return;
	case 5:
		o.kind = STEME_RETRACTION;
		o.source = STEME_LIT("src");
		o.state = dice(2) ? STEME_STATE_RETRACTED : STEME_STATE_REINSTATED;
		break;
	case 6:
		o.kind = STEME_EPOCH;
		o.name = STEME_LIT("e2");
		o.superseded = STEME_LIT("e1");
		break;
	case 7:
		o.kind = STEME_REVOCATION;
		o.of = k[dice(3)].agent;
		o.since_us = T0 - 500000000;
		break;
	default:
		random_claims(s, k, ids, n);
		return;
	}
	must_write(s, make(&o, &k[3]));
}

static int
cand_by_id(const void *a, const void *b)
{
	return steme_id_cmp(&((const struct steme_cand *)a)->id,
	    &((const struct steme_cand *)b)->id);
}

static void
collect_in(struct steme_store *s, const struct steme_lens_ctx *ctx, const char *concept,
    const char *predicate, bool constraints, struct steme_cands *c)
{
	ck_assert_int_eq(steme_store_collect(s, ctx, steme_str_from(concept),
	    steme_str_from(predicate), constraints, c), STEME_OK);
	for (size_t i = 0; i < c->ngroups; i++) {
		qsort(c->groups[i].c, c->groups[i].counting, sizeof(*c->groups[i].c),
		    cand_by_id);
		qsort(c->groups[i].c + c->groups[i].counting,
		    c->groups[i].n - c->groups[i].counting, sizeof(*c->groups[i].c),
		    cand_by_id);
	}
}

static void
same_cand(const struct steme_cand *a, const struct steme_cand *b)
{
	ck_assert(steme_id_eq(&a->id, &b->id));
	ck_assert(steme_str_eq(a->o->bytes, b->o->bytes));
	ck_assert_uint_eq(a->lsn, b->lsn);
	ck_assert_uint_eq(a->hlc, b->hlc);
	ck_assert_uint_eq(a->node, b->node);
	ck_assert_int_eq(a->rank_us, b->rank_us);
	ck_assert_int_eq(a->confidence, b->confidence);
	ck_assert_int_eq(a->votes, b->votes);
	ck_assert_int_eq(a->state, b->state);
	ck_assert_uint_eq(a->reasons, b->reasons);
	ck_assert_uint_eq(a->o->nmeta, b->o->nmeta);
	if (a->o->nmeta > 0)
		ck_assert(steme_str_eq(a->o->meta[0].value, b->o->meta[0].value));
	ck_assert_uint_eq(a->o->nsupersedes, b->o->nsupersedes);
	if (a->o->nsupersedes > 0)
		ck_assert(steme_id_eq(&a->o->supersedes[0], &b->o->supersedes[0]));
}

/* One question, with what is kept and without. */
static void
ask_both(struct steme_store *s, const struct steme_lens_ctx *ctx, const char *concept,
    const char *predicate, bool constraints)
{
	struct steme_sets *sets = s->sets;
	struct steme_cands with, without;

	collect_in(s, ctx, concept, predicate, constraints, &with);
	s->sets = NULL;
	collect_in(s, ctx, concept, predicate, constraints, &without);
	s->sets = sets;
	ck_assert_uint_eq(with.ngroups, without.ngroups);
	for (size_t g = 0; g < with.ngroups; g++) {
		const struct steme_cand_group *a = &with.groups[g];
		const struct steme_cand_group *b = &without.groups[g];

		ck_assert(steme_str_eq(a->predicate, b->predicate));
		ck_assert_uint_eq(a->n, b->n);
		ck_assert_uint_eq(a->counting, b->counting);
		ck_assert_uint_eq(a->version, b->version);
		ck_assert_uint_eq(a->version_hlc, b->version_hlc);
		for (size_t i = 0; i < a->n; i++)
			same_cand(&a->c[i], &b->c[i]);
	}
	steme_cands_fini(&with);
	steme_cands_fini(&without);
}

static void
ask_anything(struct steme_store *s)
{
	struct steme_lens_ctx ctx = { .lifecycle = -1, .now_us = T0 };

	steme_bounds_init(&ctx.bounds);
	if (dice(4) == 0)
		ctx.bounds.max_lsn = 1 + dice((unsigned)steme_store_lsn(s));
	if (dice(4) == 0)
		ctx.bounds.as_of_us = T0 - (int64_t)dice(1000) * 1000000;
	if (dice(6) == 0)
		ctx.bounds.known_at = steme_hlc_from_us(T0 + dice(2) * 1000);
	ctx.decay = dice(4) == 0;
	ctx.include = dice(4) == 0 ? dice(32) : 0;
	ctx.world = steme_store_world(s, &ctx.bounds);
	ck_assert_ptr_nonnull(ctx.world);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			ask_both(s, &ctx, concepts[i], predicates[j], false);
	ask_both(s, &ctx, "a/b", NULL, true);
	steme_world_put(ctx.world);
}

START_TEST(kept_claims_are_what_the_index_has_whatever_is_written)
{
	/* room for all, for some and for hardly any of them */
	static const size_t limits[] = { 64 << 20, 512 << 10, 160 << 10 };
	struct steme_store *s = fresh(limits[_i % 3], _i % 2);
	struct steme_id *ids = calloc(200000, sizeof(*ids));
	struct steme_key k;
	struct steme_why why;
	uint64_t hits = 0;
	unsigned n = 0;

	seed = (uint64_t)_i + 1;
	key_of(&k, 20);
	for (int i = 0; i < 3; i++)
		write_many(s, &k, concepts[i], "p", i * 1000, 50 + i * 40);
	ids[n++] = must_claim(s, &k, "a", "p", "first", T0);
	for (int round = 0; round < 150; round++) {
		random_write(s, ids, &n);
		if (dice(3) != 0)
			ask_anything(s);
		if (dice(50) == 0)
			ck_assert_int_eq(steme_store_rebuild_online(s, &why), STEME_OK);
		if (dice(100) == 0) {
			hits += stats_of(s->sets).hits;
			steme_store_close(s);
			s = place_open(&P);
		}
		ck_assert_uint_le(stats_of(s->sets).bytes, limits[_i % 3]);
	}
	hits += stats_of(s->sets).hits;
	ck_assert_uint_gt(hits, 100);
	free(ids);
	done_with(s);
}
END_TEST

START_TEST(few_claims_are_not_kept_and_many_are)
{
	struct steme_store *s = fresh(1 << 20, true);
	struct steme_key k;

	key_of(&k, 20);
	write_many(s, &k, "c", "p", 0, STEME_SET_MIN);
	ck_assert_uint_eq(counting(s, "c", "p"), STEME_SET_MIN);
	ck_assert_uint_eq(stats_of(s->sets).sets, 0);
	write_many(s, &k, "c", "p", 1000, 1);
	ck_assert_uint_eq(counting(s, "c", "p"), STEME_SET_MIN + 1);
	ck_assert_uint_eq(stats_of(s->sets).sets, 1);
	ck_assert_uint_eq(stats_of(s->sets).hits, 0);
	write_many(s, &k, "c", "p", 2000, 1);
	ck_assert_uint_eq(counting(s, "c", "p"), STEME_SET_MIN + 2);
	ck_assert_uint_eq(stats_of(s->sets).hits, 1);
	/* more at once than it has room for: begun anew with the next look */
	write_many(s, &k, "c", "p", 3000, 300);
	ck_assert_uint_eq(stats_of(s->sets).sets, 0);
	ck_assert_uint_eq(counting(s, "c", "p"), STEME_SET_MIN + 302);
	ck_assert_uint_eq(stats_of(s->sets).sets, 1);
	done_with(s);
}
END_TEST

/* ---- threads ---- */

#define WRITERS	3
#define READERS	3
#define EACH	8		/* writes */
#define GROUP	50		/* claims in one */
#define FIRST	450		/* claims of each predicate before */

static const char *const pqr[] = { "p", "q", "r" };
static struct steme_store *S;
static _Atomic bool stop;

/* libcheck's asserts are not for threads. */
static void
must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* All claims of predicate that are visible at lsn. */
static size_t
count_at(const struct steme_lens_ctx *ctx, const char *predicate,
    const struct steme_id *wanted, bool *seen)
{
	struct steme_cands c;
	size_t n = 0;

	must(steme_store_collect(S, ctx, STEME_LIT("c"), steme_str_from(predicate), false,
	    &c) == STEME_OK, "collect");
	for (size_t g = 0; g < c.ngroups; g++) {
		n += c.groups[g].n;
		for (size_t i = 0; i < c.groups[g].n; i++) {
			must(c.groups[g].c[i].lsn <= ctx->bounds.max_lsn, "too new");
			*seen |= wanted != NULL &&
			    steme_id_eq(&c.groups[g].c[i].id, wanted);
		}
	}
	steme_cands_fini(&c);
	return n;
}

/*
 * Every record but the first is a claim of one of three predicates: so at any lsn there
 * are exactly lsn - 1 of them, neither less nor one twice.
 */
static bool
look(const struct steme_id *wanted)
{
	struct steme_lens_ctx ctx = { .lifecycle = -1, .now_us = T0 };
	bool seen = false;
	size_t n = 0;

	steme_bounds_init(&ctx.bounds);
	ctx.world = steme_store_world(S, &ctx.bounds);
	for (int i = 0; i < 3; i++)
		n += count_at(&ctx, pqr[i], wanted, &seen);
	must(n == ctx.bounds.max_lsn - 1, "a look has too few claims, or too many");
	steme_world_put(ctx.world);
	return seen;
}

static struct made
made_by(const struct steme_key *k, unsigned i)
{
	struct steme_object o = claim("c", pqr[i % 3], "", T0 + i);
	struct steme_buf b = {0};
	struct made m;
	char value[32];

	snprintf(value, sizeof(value), "%u", i);
	o.value = steme_str_from(value);
	o.agent = k->agent;
	must(steme_object_write(&o, &b, NULL) == STEME_OK, "object");
	must(steme_buf_take(&b, &m.bytes, &m.n) == STEME_OK, "bytes");
	m.id = steme_hash(m.bytes, m.n);
	steme_sign(&m.sig, k, m.bytes, m.n);
	return m;
}

static void *
writer(void *arg)
{
	struct made m[GROUP];
	struct steme_put puts[GROUP];
	struct steme_write w = { .puts = puts, .n = GROUP, .hand_in = true };
	struct steme_key k;

	key_of(&k, (uint8_t)(30 + *(unsigned *)arg));
	for (unsigned i = 0; i < EACH; i++) {
		for (unsigned j = 0; j < GROUP; j++) {
			m[j] = made_by(&k, i * GROUP + j);
			puts[j] = put_of(&m[j]);
		}
		must(steme_store_write_wait(S, &w) == STEME_OK, w.why.text);
		must(look(&m[0].id), "acknowledged, but not seen");
		for (unsigned j = 0; j < GROUP; j++)
			made_free(&m[j]);
	}
	return NULL;
}

static void *
reader(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		look(NULL);
	return NULL;
}

/* Takes the index away from under them now and then. */
static void *
rebuilder(void *arg)
{
	struct steme_why why;

	(void)arg;
	while (!atomic_load(&stop))
		must(steme_store_rebuild_online(S, &why) == STEME_OK, "rebuild");
	return NULL;
}

START_TEST(a_look_beside_writers_misses_nothing_and_sees_nothing_twice)
{
	/* room for all three, for two, and then with rebuilds */
	static const size_t limits[] = { 16 << 20, 1200 << 10, 16 << 20 };
	pthread_t w[WRITERS], r[READERS], b;
	unsigned who[WRITERS];
	struct steme_key k;
	bool rebuilds = _i == 2;

	S = fresh(limits[_i], true);
	atomic_store(&stop, false);
	key_of(&k, 20);
	for (int i = 0; i < 3; i++)
		write_many(S, &k, "c", pqr[i], 0, FIRST);
	for (unsigned i = 0; i < READERS; i++)
		pthread_create(&r[i], NULL, reader, NULL);
	if (rebuilds)
		pthread_create(&b, NULL, rebuilder, NULL);
	for (unsigned i = 0; i < WRITERS; i++) {
		who[i] = i;
		pthread_create(&w[i], NULL, writer, &who[i]);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(w[i], NULL);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(r[i], NULL);
	if (rebuilds)
		pthread_join(b, NULL);
	ck_assert(!look(NULL));
	ck_assert_uint_eq(counting(S, "c", "p") + counting(S, "c", "q") +
	    counting(S, "c", "r"), 3 * FIRST + WRITERS * EACH * GROUP);
	ck_assert_uint_gt(stats_of(S->sets).hits, 0);
	done_with(S);
}
END_TEST

/* How many claims of ("c", "p") are kept with lsns of at most lsn.  -1: none is kept. */
static int
kept_up_to(uint64_t lsn)
{
	struct steme_claims k;
	int n = 0;

	if (!steme_sets_get(S->sets, STEME_LIT("c"), STEME_LIT("p"), &k))
		return -1;
	for (size_t i = 0; i < k.n; i++)
		n += k.v[i]->lsn <= lsn;
	steme_set_put(k.set);
	return n;
}

static void *
poller(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		uint64_t lsn = steme_store_lsn(S);
		int n = kept_up_to(lsn);

		/* every record but the first is a claim of "p" */
		must(n == -1 || (uint64_t)n == lsn - 1, "what is visible is not kept");
	}
	return NULL;
}

START_TEST(what_is_visible_is_kept_before)
{
	struct steme_key k;
	pthread_t t;

	S = fresh(16 << 20, true);
	atomic_store(&stop, false);
	key_of(&k, 20);
	write_many(S, &k, "c", "p", 0, 1000);
	write_many(S, &k, "c", "p", 1000, 1000);
	pthread_create(&t, NULL, poller, NULL);
	for (int i = 0; i < 30; i++) {
		ck_assert_uint_gt(counting(S, "c", "p"), 0);
		write_many(S, &k, "c", "p", 2000 + i * 500, 500);
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	ck_assert_uint_gt(stats_of(S->sets).hits, 0);
	done_with(S);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("kept claims");
	TCase *t = tcase_create("kept"), *threads = tcase_create("threads");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, few_claims_are_not_kept_and_many_are);
	tcase_add_loop_test(t, kept_claims_are_what_the_index_has_whatever_is_written,
	    0, 6);
	suite_add_tcase(s, t);
	tcase_set_timeout(threads, 240);
	tcase_add_loop_test(threads,
	    a_look_beside_writers_misses_nothing_and_sees_nothing_twice, 0, 3);
	tcase_add_test(threads, what_is_visible_is_kept_before);
	suite_add_tcase(s, threads);
	return s;
}

#include "tests/runner.h"
