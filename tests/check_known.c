/* SPDX-License-Identifier: Apache-2.0 */
/* check_known.c - what is known of the index without looking: never too much. */
#include "config.h"
#include "core/store_impl.h"
#include "tests/store_util.h"

#define CONCEPTS	120
#define VALUES		3
#define WRITES		6000

static const struct steme_str none = { NULL, 0 };

static struct steme_str
numbered(char buf[16], const char *prefix, unsigned i)
{
	snprintf(buf, 16, "%s%u", prefix, i);
	return steme_str_from(buf);
}

/* ---- the table ---- */

START_TEST(trimmed_it_keeps_concepts_but_none_is_complete)
{
	struct steme_known *k = steme_known_new(256);
	const unsigned all = STEME_KNOWN | STEME_KNOWN_ASSERTIONS |
	    STEME_KNOWN_COMPLETE | STEME_KNOWN_YOUNG;
	char b[16];
	uint64_t v;

	steme_known_add(k, 'N', STEME_LIT("a"), none, all, 7);
	steme_known_add(k, 'N', STEME_LIT("b"), none, STEME_KNOWN_COMPLETE, 8);
	for (unsigned i = 0; !steme_known_full(k); i++)
		steme_known_add(k, 'P', STEME_LIT("a"), numbered(b, "p", i), 0, 0);
	ck_assert(steme_known_trim(k));
	ck_assert(!steme_known_full(k));
	ck_assert_uint_eq(steme_known_get(k, 'N', STEME_LIT("a"), none, &v),
	    all & ~(unsigned)STEME_KNOWN_COMPLETE);
	ck_assert_uint_eq(v, 7);
	/* this one has no predicate that could be forgotten */
	ck_assert_uint_eq(steme_known_get(k, 'N', STEME_LIT("b"), none, &v),
	    STEME_KNOWN | STEME_KNOWN_COMPLETE);
	ck_assert_uint_eq(v, 8);
	for (unsigned i = 0; i < 128; i++)
		ck_assert_uint_eq(steme_known_get(k, 'P', STEME_LIT("a"),
		    numbered(b, "p", i), NULL), 0);
	steme_known_free(k);
}
END_TEST

/* Memory that runs out: calls to calloc() fail (the linker sends them here). */
static bool no_memory;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

START_TEST(without_room_for_one_nothing_counts_as_complete_or_young)
{
	struct steme_known *k = steme_known_new(256);
	const unsigned all = STEME_KNOWN | STEME_KNOWN_COMPLETE | STEME_KNOWN_YOUNG;
	char b[16];
	int err = STEME_OK;

	steme_known_add(k, 'N', STEME_LIT("a"), none, all, 0);
	no_memory = true;
	for (unsigned i = 0; i < 256 && err == STEME_OK; i++) {
		ck_assert_uint_eq(steme_known_get(k, 'N', STEME_LIT("a"), none, NULL),
		    all);
		err = steme_known_add(k, 'N', numbered(b, "a/", i), none, all, 0);
	}
	no_memory = false;
	ck_assert_int_eq(err, STEME_ENOMEM);
	ck_assert_uint_eq(steme_known_get(k, 'N', STEME_LIT("a"), none, NULL),
	    STEME_KNOWN);
	ck_assert(!steme_known_trim(k));
	steme_known_clear(k);
	steme_known_add(k, 'N', STEME_LIT("a"), none, all, 0);
	ck_assert_uint_eq(steme_known_get(k, 'N', STEME_LIT("a"), none, NULL), all);
	steme_known_free(k);
}
END_TEST

START_TEST(too_many_concepts_are_not_trimmed_but_cleared)
{
	struct steme_known *k = steme_known_new(256);
	char b[16];
	unsigned n = 0;

	for (; !steme_known_full(k); n++)
		steme_known_add(k, 'N', numbered(b, "c", n), none, 0, n);
	ck_assert(!steme_known_trim(k));
	for (unsigned i = 0; i < n; i++)
		ck_assert_uint_ne(steme_known_get(k, 'N', numbered(b, "c", i), none,
		    NULL), 0);
	steme_known_clear(k);
	for (unsigned i = 0; i < n; i++)
		ck_assert_uint_eq(steme_known_get(k, 'N', numbered(b, "c", i), none,
		    NULL), 0);
	steme_known_free(k);
}
END_TEST

/* ---- the store that relies on it ---- */

static unsigned
dice(unsigned *state, unsigned n)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 16) % n;
}

/* Number i of the concepts: every one has its parent among them. */
static struct steme_str
concept(char buf[32], unsigned i)
{
	size_t n = 0;

	for (i++; i > 0; i = (i - 1) / 4) {
		if (n > 0)
			buf[n++] = '/';
		buf[n++] = (char)('a' + (i - 1) % 4);
	}
	/* written from the leaf upwards: turn it round */
	for (size_t j = 0; j < n / 2; j++) {
		char c = buf[j];

		buf[j] = buf[n - 1 - j];
		buf[n - 1 - j] = c;
	}
	return (struct steme_str){ buf, n };
}

/*
 * Claims come and come again while the tables are trimmed (_i odd) or cleared all the
 * time; the index must be what the log says, and nothing may be stored twice.
 */
START_TEST(what_is_forgotten_is_found_again)
{
	static const struct steme_str sources[] = { { NULL, 0 }, { "a", 1 }, { "b", 1 } };
	static bool stored[CONCEPTS][2][VALUES];
	struct place p;
	struct steme_key ann;
	struct steme_store *s;
	size_t slots = _i % 2 ? 512 : 64;
	unsigned rnd = (unsigned)_i + 1;

	memset(stored, 0, sizeof(stored));
	place_make(&p, _i < 2, false);
	key_of(&ann, 1);
	s = place_open(&p);
	steme_known_free(s->known);
	steme_known_free(s->fresh);
	s->apply.known = s->known = steme_known_new(slots);
	s->fresh = steme_known_new(slots);
	for (unsigned i = 0; i < WRITES; i++) {
		unsigned c = dice(&rnd, CONCEPTS), q = dice(&rnd, 2);
		unsigned v = dice(&rnd, VALUES);
		char path[32], value[16];
		struct steme_object o = { .kind = STEME_ASSERTION,
		    .concept = concept(path, c), .type = STEME_TEXT,
		    .predicate = q ? STEME_LIT("q") : STEME_LIT("p"),
		    .value = numbered(value, "v", v), .confidence = STEME_ONE,
		    .class_ = STEME_EXPERT, .time_us = T0 };
		struct steme_put put;
		struct steme_write w = { .puts = &put, .n = 1, .hand_in = true };
		struct made m;

		o.source = sources[(c + q + v) % 3];
		m = make(&o, &ann);
		put = put_of(&m);
		put.verified = true;	/* so that the index is not asked before */
		ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
		ck_assert_int_eq(put.err, STEME_OK);
		ck_assert_int_eq(put.status, stored[c][q][v] ? STEME_EXISTS :
		    STEME_CREATED);
		stored[c][q][v] = true;
		made_free(&m);
	}
	must_verify(s);
	steme_store_close(s);
	place_remove(&p);
}
END_TEST

/* A lookup in LevelDB costs more than itself: files that are asked often are merged. */
START_TEST(below_a_new_concept_nothing_is_looked_up)
{
	struct steme_index_stats before, after;
	struct place p;
	struct steme_key ann;
	struct steme_store *s;

	place_make(&p, false, false);
	key_of(&ann, 1);
	s = place_open(&p);
	s->gen->ix->ops->stats(s->gen->ix, &before);
	for (unsigned i = 0; i < 500; i++) {
		char path[64];
		struct made m;
		struct steme_put put;
		struct steme_write w = { .puts = &put, .n = 1, .hand_in = true };

		snprintf(path, sizeof(path), "root/branch%u/leaf%u", i / 50, i);
		m = make_claim(&ann, path, i % 2 ? "p" : "q", "v", T0);
		put = put_of(&m);
		put.verified = true;
		ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
		ck_assert_int_eq(put.status, STEME_CREATED);
		made_free(&m);
	}
	s->gen->ix->ops->stats(s->gen->ix, &after);
	/* the first claim's: its root before it is logged, and all three for the index */
	ck_assert_uint_le(after.gets - before.gets, 4);
	must_verify(s);
	steme_store_close(s);
	place_remove(&p);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("known");
	TCase *t = tcase_create("known");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, trimmed_it_keeps_concepts_but_none_is_complete);
	tcase_add_test(t, without_room_for_one_nothing_counts_as_complete_or_young);
	tcase_add_test(t, too_many_concepts_are_not_trimmed_but_cleared);
	tcase_add_loop_test(t, what_is_forgotten_is_found_again, 0, 4);
	tcase_add_test(t, below_a_new_concept_nothing_is_looked_up);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
