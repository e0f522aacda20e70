/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_lens_memory.c - globals, worlds and lenses when memory runs out at the n-th
 * allocation, for every n: a clean failure that leaves nothing half-done, or the right
 * answer.  Linked with --wrap for malloc, calloc and realloc.
 */
#include "config.h"
#include "core/lens.h"

#include "core/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static long left;		/* allocations until one fails */
static bool armed;		/* not while Check allocates */

static bool
fails(void)
{
	return armed && left-- == 0;
}

/* Evaluates call with memory that may run out. */
#define TIGHT(var, call)	(armed = true, var = (call), armed = false, var)

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

static struct steme_id
id_of(const char *what, unsigned i)
{
	char text[64];

	return steme_hash(text, (size_t)snprintf(text, sizeof(text), "%s %u", what, i));
}

#define OBJECTS	60

/* The i-th object of a store that uses every part of a world. */
static void
make(unsigned i, struct steme_record *r, struct steme_object *o, char text[2][80])
{
	struct steme_id root = id_of("agent", 1);

	memset(r, 0, sizeof(*r));
	memset(o, 0, sizeof(*o));
	r->id = id_of("object", i);
	r->lsn = i + 1;
	o->agent = id_of("agent", 0);
	o->class_ = STEME_CLASS_NONE;
	snprintf(text[0], 80, "name %u", i);
	snprintf(text[1], 80, "name %u", i + 6);
	switch (i == 0 ? 0 : i % 6) {
	case 0:
		o->kind = STEME_ASSERTION;
		o->concept = STEME_LIT("_steme/roots");
		steme_id_hex(text[0], &root);
		o->predicate = steme_str_from(text[0]);
		o->type = STEME_BOOLEAN;
		o->value = STEME_LIT("true");
		break;
	case 1:
		o->kind = STEME_ALIAS;
		o->from = steme_str_from(text[0]);
		o->to = steme_str_from(text[1]);
		break;
	case 2:
		o->kind = STEME_EPOCH;
		o->name = steme_str_from(text[0]);
		o->superseded = steme_str_from(text[1]);
		break;
	case 3:
		o->kind = STEME_RETRACTION;
		o->source = steme_str_from(text[0]);
		o->state = STEME_STATE_RETRACTED;
		break;
	case 4:
		o->kind = STEME_REVOCATION;
		o->of = id_of("agent", 1000 + i);
		break;
	default:
		o->kind = STEME_TRUST;
		o->agent = id_of("agent", i < 30 ? 1 : i - 24);
		o->of = id_of("agent", i);
		o->weight = 9000;
		o->class_ = STEME_EXPERT;
		break;
	}
}

static void
assert_right(const struct steme_world *w)
{
	struct steme_id five = id_of("agent", 5), thirtyfive = id_of("agent", 35);
	struct steme_id gone = id_of("agent", 1004);
	const struct steme_str *names;
	size_t n;

	ck_assert(steme_world_has_roots(w));
	ck_assert_uint_eq(steme_world_trust(w, &five), 900000000);
	ck_assert_uint_eq(steme_world_trust(w, &thirtyfive), 810000000);
	ck_assert_int_eq(steme_world_class(w, &thirtyfive, STEME_EXPERT,
	    STEME_LIT("c")), STEME_EXPERT);
	steme_world_aliases(w, STEME_LIT("name 1"), &names, &n);
	ck_assert_uint_eq(n, 11);
	ck_assert(steme_world_epoch_superseded(w, STEME_LIT("name 8")));
	ck_assert(steme_world_source_retracted(w, STEME_LIT("name 3")));
	ck_assert(steme_world_revoked(w, &gone, NULL));
}

START_TEST(worlds_fail_cleanly_wherever_memory_runs_out)
{
	struct steme_id op = id_of("agent", 0);
	struct steme_globals *g;
	const struct steme_world *w;
	struct steme_record r;
	struct steme_object o;
	struct steme_bounds b;
	char text[2][80];
	bool failed = true;
	int err;

	steme_bounds_init(&b);
	for (long n = 0; failed; n++) {
		failed = false;
		left = n;
		while (TIGHT(g, steme_globals_new(&op)) == NULL)
			failed = true;
		for (unsigned i = 0; i < OBJECTS; i++) {
			make(i, &r, &o, text);
			/* what failed can be tried again */
			while (TIGHT(err, steme_globals_add(g, &r, &o)) != STEME_OK)
				failed = true;
		}
		b.max_lsn = UINT64_MAX;
		while (TIGHT(w, steme_world_at(g, &b)) == NULL)
			failed = true;
		assert_right(w);
		steme_world_put(w);
		b.max_lsn = 40;
		while (TIGHT(w, steme_world_at(g, &b)) == NULL)
			failed = true;
		ck_assert(steme_world_has_roots(w));
		steme_world_put(w);
		steme_globals_free(g);
		ck_assert_int_lt(n, 10000);
	}
}
END_TEST

START_TEST(lenses_fail_cleanly_wherever_memory_runs_out)
{
	enum { N = 40 };
	struct steme_id op = id_of("agent", 0);
	struct steme_globals *g = steme_globals_new(&op);
	struct steme_lens_ctx ctx = { .lifecycle = -1 };
	struct steme_cand c[N];
	struct steme_object o[N];
	struct steme_mark votes[N];
	struct steme_result want, got;
	int64_t votes_of[N];
	bool failed;
	size_t k, m;
	int err;

	memset(c, 0, sizeof(c));
	memset(o, 0, sizeof(o));
	memset(votes, 0, sizeof(votes));
	steme_bounds_init(&ctx.bounds);
	ctx.world = steme_world_at(g, &ctx.bounds);
	for (unsigned i = 0; i < N; i++) {
		c[i].id = id_of("claim", i);
		c[i].o = &o[i];
		o[i].agent = id_of("agent", i / 2);
		o[i].concept = o[i].predicate = STEME_LIT("x");
		o[i].type = STEME_NUMBER;
		o[i].value = i % 3 == 0 ? STEME_LIT("1.0") : STEME_LIT("1");
		if (i % 5 == 0)
			o[i].value = STEME_LIT("2");
		o[i].confidence = (int32_t)i * 100;
		o[i].class_ = (enum steme_class)(i % 3);
		o[i].time_us = i;
		votes[i].id = id_of("vote", i);
		votes[i].agent = id_of("agent", i % 3);
		votes[i].assertion = id_of("claim", i % 7);
		votes[i].weight = (int32_t)i;
		votes[i].time_us = i;
	}
	for (int l = 0; l < STEME_LENS_CONSTRAINTS; l++) {
		k = steme_lens_filter(&ctx, c, N, NULL, 0, votes, N);
		ck_assert_int_eq(steme_lens_resolve((enum steme_lens)l, &ctx, c, k,
		    &want), STEME_OK);
		for (unsigned i = 0; i < N; i++)
			votes_of[i] = c[i].votes;
		failed = true;
		for (long n = 0; failed; n++) {
			left = n;
			/* without memory the filter is slower, and says the same */
			ck_assert_uint_eq(TIGHT(m, steme_lens_filter(&ctx, c, N, NULL,
			    0, votes, N)), k);
			for (unsigned i = 0; i < N; i++)
				ck_assert_int_eq(c[i].votes, votes_of[i]);
			left = n;
			failed = TIGHT(err, steme_lens_resolve((enum steme_lens)l,
			    &ctx, c, k, &got)) != STEME_OK;
			if (failed) {
				ck_assert(got.shares == NULL && got.members == NULL);
				continue;
			}
			ck_assert_int_eq(got.winner, want.winner);
			ck_assert_int_eq(got.conflict, want.conflict);
			ck_assert_uint_eq(got.nshares, want.nshares);
			steme_result_fini(&got);
		}
		steme_result_fini(&want);
	}
	steme_world_put(ctx.world);
	steme_globals_free(g);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("lens memory");
	TCase *t = tcase_create("memory");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, worlds_fail_cleanly_wherever_memory_runs_out);
	tcase_add_test(t, lenses_fail_cleanly_wherever_memory_runs_out);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
