/* SPDX-License-Identifier: Apache-2.0 */
/* check_index.c - the contract of core/index.h, over every kind. */
#include "config.h"
#include "tests/index_kinds.h"

#include <pthread.h>
#include <stdatomic.h>

START_TEST(an_empty_value_is_found)
{
	uint8_t *val = NULL;
	size_t n = 9;

	open_kind(_i);
	ck_assert_int_eq(put("e", ""), STEME_OK);
	ck_assert_int_eq(ix->ops->get(ix, NULL, "e", 1, &val, &n), STEME_OK);
	ck_assert_ptr_nonnull(val);
	ck_assert_uint_eq(n, 0);
	free(val);
}
END_TEST

START_TEST(what_was_not_put_is_not_found)
{
	open_kind(_i);
	ck_assert_ptr_null(get("a"));
	ck_assert_int_eq(put("ab", "1"), STEME_OK);
	ck_assert_ptr_null(get("a"));
	ck_assert_ptr_null(get("abc"));
	ck_assert_str_eq(get("ab"), "1");
}
END_TEST

START_TEST(a_put_replaces_and_a_delete_removes)
{
	open_kind(_i);
	put("a", "1");
	put("a", "22");
	ck_assert_str_eq(get("a"), "22");
	ck_assert_int_eq(del("a"), STEME_OK);
	ck_assert_ptr_null(get("a"));
	ck_assert_int_eq(del("a"), STEME_OK);
	put("a", "3");
	ck_assert_str_eq(get("a"), "3");
}
END_TEST

START_TEST(in_a_batch_the_last_word_on_a_key_counts)
{
	struct steme_batch *b = steme_batch_new();

	open_kind(_i);
	put("c", "old");
	steme_batch_put(b, "a", 1, "1", 1);
	steme_batch_put(b, "a", 1, "2", 1);
	steme_batch_put(b, "b", 1, "1", 1);
	steme_batch_del(b, "b", 1);
	steme_batch_del(b, "c", 1);
	steme_batch_put(b, "c", 1, "new", 3);
	ck_assert_uint_eq(steme_batch_count(b), 6);
	ck_assert_int_eq(ix->ops->write(ix, b, true), STEME_OK);
	ck_assert_uint_eq(steme_batch_count(b), 0);
	ck_assert_str_eq(range(NULL, NULL, false), "a=2 c=new");
	/* emptied, and good for the next use */
	steme_batch_put(b, "d", 1, "4", 1);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	ck_assert_str_eq(range(NULL, NULL, false), "a=2 c=new d=4");
	steme_batch_free(b);
}
END_TEST

/* Id i of round k, all different; in no order. */
static size_t
id_key(char key[8], unsigned i, unsigned k)
{
	unsigned id = i * 7919 % 65536;

	key[0] = 'R';
	key[1] = (char)(id >> 8);
	key[2] = (char)id;
	key[3] = (char)k;
	return 4;
}

/* A kind may put many ids into their order.  Every third is said twice, every fifth deleted. */
START_TEST(a_batch_of_ids_few_or_many_leaves_the_last_word_on_each)
{
	static const unsigned counts[] = { 3, 200, 3000 };
	struct steme_batch *b = steme_batch_new();
	char key[8];

	open_kind(_i);
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < counts[k]; i++)
			steme_batch_put(b, key, id_key(key, i, k), &i, sizeof(i));
		for (unsigned i = 0, twice; i < counts[k]; i += 3) {
			twice = i + 1;
			steme_batch_put(b, key, id_key(key, i, k), &twice, sizeof(twice));
		}
		for (unsigned i = 0; i < counts[k]; i += 5)
			steme_batch_del(b, key, id_key(key, i, k));
		ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
		for (unsigned i = 0, want; i < counts[k]; i++) {
			size_t n = id_key(key, i, k), len = 0;
			uint8_t *got = NULL;
			int err = ix->ops->get(ix, NULL, key, n, &got, &len);

			ck_assert_int_eq(err, i % 5 == 0 ? STEME_ENOTFOUND : STEME_OK);
			want = i + (i % 3 == 0);
			if (err == STEME_OK)
				ck_assert_mem_eq(got, &want, sizeof(want));
			free(got);
		}
	}
	steme_batch_free(b);
}
END_TEST

START_TEST(an_empty_batch_changes_nothing)
{
	struct steme_batch *b = steme_batch_new();

	open_kind(_i);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	ck_assert_str_eq(range(NULL, NULL, false), "");
	steme_batch_free(b);
}
END_TEST

START_TEST(ranges_take_from_and_leave_out_to)
{
	open_kind(_i);
	ck_assert_str_eq(range(NULL, NULL, false), "");
	ck_assert_str_eq(range(NULL, NULL, true), "");
	put("b", "2");
	put("d", "4");
	put("a", "1");
	put("c", "3");
	ck_assert_str_eq(range(NULL, NULL, false), "a=1 b=2 c=3 d=4");
	ck_assert_str_eq(range("b", "d", false), "b=2 c=3");
	ck_assert_str_eq(range("b", NULL, false), "b=2 c=3 d=4");
	ck_assert_str_eq(range(NULL, "b", false), "a=1");
	ck_assert_str_eq(range("aa", "cc", false), "b=2 c=3");
	ck_assert_str_eq(range("c", "c", false), "");
	ck_assert_str_eq(range("d", "b", false), "");
	ck_assert_str_eq(range("e", NULL, false), "");
	ck_assert_str_eq(range("", "", false), "");
}
END_TEST

START_TEST(backwards_gives_the_same_range_from_its_end)
{
	open_kind(_i);
	put("b", "2");
	put("d", "4");
	put("a", "1");
	put("c", "3");
	del("b");
	put("b", "5");
	del("c");
	ck_assert_str_eq(range(NULL, NULL, true), "d=4 b=5 a=1");
	ck_assert_str_eq(range("b", "d", true), "b=5");
	ck_assert_str_eq(range("b", NULL, true), "d=4 b=5");
	ck_assert_str_eq(range(NULL, "b", true), "a=1");
	ck_assert_str_eq(range(NULL, "zz", true), "d=4 b=5 a=1");
	ck_assert_str_eq(range("c", "c", true), "");
	ck_assert_str_eq(range("d", "b", true), "");
	ck_assert_str_eq(range(NULL, "a", true), "");
	ck_assert_str_eq(range(NULL, "", true), "");
}
END_TEST

START_TEST(keys_are_ordered_as_unsigned_bytes_and_may_hold_any)
{
	static const char *const keys[] = { "", "\x00", "\x00\x00", "\x00\x01",
	    "a", "a\x00", "a\x00z", "a\x01", "aa", "\x7f", "\x80", "\xff",
	    "\xff\x00", "\xff\xff" };
	static const size_t len[] = { 0, 1, 2, 2, 1, 2, 3, 2, 2, 1, 1, 1, 2, 2 };
	const size_t n = sizeof(len) / sizeof(len[0]);
	struct steme_batch *b = steme_batch_new();
	struct steme_iter it;
	uint8_t *val;
	size_t vlen;

	open_kind(_i);
	for (size_t i = 0; i < n; i++) {
		size_t j = (i * 5 + 3) % n;

		steme_batch_put(b, keys[j], len[j], keys[j], len[j]);
	}
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	steme_batch_free(b);
	ck_assert_int_eq(ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, false,
	    &it), STEME_OK);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(ix->ops->iter_next(ix, &it), STEME_OK);
		ck_assert_mem_eq(it.key, keys[i], len[i]);
		ck_assert_uint_eq(it.klen, len[i]);
		ck_assert_uint_eq(it.vlen, len[i]);
		ck_assert_int_eq(ix->ops->get(ix, NULL, keys[i], len[i], &val,
		    &vlen), STEME_OK);
		ck_assert_uint_eq(vlen, len[i]);
		ck_assert_mem_eq(val, keys[i], len[i]);
		free(val);
	}
	ck_assert_int_eq(ix->ops->iter_next(ix, &it), STEME_ENOTFOUND);
	ix->ops->iter_close(ix, &it);
}
END_TEST

START_TEST(a_snapshot_does_not_see_what_comes_later)
{
	struct steme_snapshot *old, *mid;

	open_kind(_i);
	put("a", "1");
	put("b", "1");
	ck_assert_int_eq(ix->ops->snapshot(ix, &old), STEME_OK);
	put("a", "2");
	del("b");
	put("c", "2");
	ck_assert_int_eq(ix->ops->snapshot(ix, &mid), STEME_OK);
	put("a", "3");
	put("b", "3");
	del("c");
	ck_assert_str_eq(get_at(old, "a"), "1");
	ck_assert_ptr_null(get_at(old, "c"));
	ck_assert_str_eq(range_at(old, NULL, NULL, false), "a=1 b=1");
	ck_assert_str_eq(range_at(old, NULL, NULL, true), "b=1 a=1");
	ck_assert_str_eq(range_at(mid, NULL, NULL, false), "a=2 c=2");
	ck_assert_str_eq(range(NULL, NULL, false), "a=3 b=3");
	ck_assert_int_eq(ix->ops->compact(ix, NULL, 0, NULL, 0), STEME_OK);
	ck_assert_str_eq(range_at(old, NULL, NULL, false), "a=1 b=1");
	ck_assert_str_eq(range_at(mid, NULL, NULL, false), "a=2 c=2");
	ix->ops->release(ix, old);
	ck_assert_str_eq(range_at(mid, NULL, NULL, false), "a=2 c=2");
	put("a", "4");
	ck_assert_str_eq(range_at(mid, NULL, NULL, false), "a=2 c=2");
	ix->ops->release(ix, mid);
	ck_assert_str_eq(range(NULL, NULL, false), "a=4 b=3");
}
END_TEST

START_TEST(an_iterator_survives_writes_and_the_release_of_its_snapshot)
{
	struct steme_snapshot *snap;
	struct steme_iter now, then, back;

	open_kind(_i);
	put("a", "1");
	put("c", "1");
	put("e", "1");
	ck_assert_int_eq(ix->ops->snapshot(ix, &snap), STEME_OK);
	put("c", "2");
	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, false, &now);
	ix->ops->iter_open(ix, snap, NULL, 0, NULL, 0, false, &then);
	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, true, &back);
	ck_assert_int_eq(ix->ops->iter_next(ix, &now), STEME_OK);
	ck_assert_int_eq(ix->ops->iter_next(ix, &back), STEME_OK);
	ix->ops->release(ix, snap);
	put("a", "3");
	put("b", "3");
	put("c", "3");
	put("d", "3");
	del("e");
	for (int i = 0; i < 300; i++) {		/* enough to tempt a clean-up */
		put("x", "y");
		del("x");
		put("c", i % 2 ? "4" : "5");
	}
	/* the entry in hand stays as it was */
	ck_assert_mem_eq(now.key, "a", 1);
	ck_assert_mem_eq(now.val, "1", 1);
	ck_assert_str_eq(drain(&now), "c=2 e=1");
	ck_assert_str_eq(drain(&then), "a=1 c=1 e=1");
	ck_assert_str_eq(drain(&back), "c=2 a=1");
	ix->ops->iter_close(ix, &now);
	ix->ops->iter_close(ix, &then);
	ix->ops->iter_close(ix, &back);
	ix->ops->iter_close(ix, &back);
	ck_assert_str_eq(range(NULL, NULL, false), "a=3 b=3 c=4 d=3");
}
END_TEST

START_TEST(an_iterator_may_rest_on_a_deleted_key_while_others_are_cleared_away)
{
	struct steme_batch *b = steme_batch_new();
	struct steme_iter it;
	char key[16];

	open_kind(_i);
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "a%03d", i);
		put(key, "");
	}
	for (int i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "a%03d", i);
		del(key);
	}
	ix->ops->iter_open(ix, NULL, "a000", 4, "a061", 4, false, &it);
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "b%03d", i);
		steme_batch_put(b, key, 4, "", 0);
		steme_batch_del(b, key, 4);
		ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	}
	ck_assert_str_eq(drain(&it), "a060=");
	ix->ops->iter_close(ix, &it);
	put("c", "");
	ck_assert_str_eq(range("b", NULL, false), "c=");
	steme_batch_free(b);
}
END_TEST

START_TEST(big_values_come_back_whole)
{
	const size_t n = 3 << 20;
	struct steme_batch *b = steme_batch_new();
	uint8_t *big = malloc(n), *val;
	size_t vlen;

	open_kind(_i);
	for (size_t i = 0; i < n; i++)
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	steme_batch_put(b, "big", 3, big, n);
	steme_batch_put(b, "after", 5, "x", 1);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	steme_batch_free(b);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	ck_assert_int_eq(ix->ops->get(ix, NULL, "big", 3, &val, &vlen), STEME_OK);
	ck_assert_uint_eq(vlen, n);
	ck_assert_mem_eq(val, big, n);
	free(val);
	free(big);
	ck_assert_str_eq(get("after"), "x");
}
END_TEST

/* A permutation of 0..N-1 without a table: N and the factor share no divisor. */
#define MANY	50000
static unsigned
shuffled(unsigned i)
{
	return (unsigned)((uint64_t)i * 27449u % MANY);
}

static void
check_many(void)
{
	struct steme_iter it;
	char want[16];
	unsigned i = 0;

	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, false, &it);
	for (; ix->ops->iter_next(ix, &it) == STEME_OK; i++) {
		while (i % 3 == 0)
			i++;
		snprintf(want, sizeof(want), "k%06u", i);
		ck_assert_mem_eq(it.key, want, 7);
	}
	ix->ops->iter_close(ix, &it);
	ck_assert_uint_eq(i, MANY);
	for (i = 0; i < MANY; i += 997) {
		snprintf(want, sizeof(want), "k%06u", i);
		if (i % 3 == 0)
			ck_assert_ptr_null(get(want));
		else
			ck_assert_str_eq(get(want), want + 1);
	}
}

START_TEST(many_keys_in_any_order_come_back_in_order)
{
	struct steme_batch *b = steme_batch_new();
	char key[16];

	open_kind(_i);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "k%06u", shuffled(i));
		steme_batch_put(b, key, 7, key + 1, 6);
		if (i % 100 == 99)
			ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	}
	for (unsigned i = 0; i < MANY; i += 3) {
		snprintf(key, sizeof(key), "k%06u", i);
		steme_batch_del(b, key, 7);
	}
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	steme_batch_free(b);
	check_many();
	ck_assert_int_eq(ix->ops->compact(ix, NULL, 0, NULL, 0), STEME_OK);
	check_many();
	if (_i == LEVELDB) {
		reopen();
		check_many();
	}
}
END_TEST

START_TEST(stats_count_what_was_done)
{
	struct steme_index_stats st;
	struct steme_iter it;

	open_kind(_i);
	put("key", "value");
	put("key2", "value");
	get("key");
	ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
	ck_assert_uint_eq(st.puts, 2);
	ck_assert_uint_eq(st.put_bytes, 17);
	ck_assert_uint_eq(st.gets, 1);
	ck_assert_uint_eq(st.readers, 0);
	ck_assert_uint_gt(st.bytes, 17);
	ck_assert_uint_gt(st.memory, 17);
	ck_assert_str_eq(st.error, "");
	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, false, &it);
	ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
	ck_assert_uint_eq(st.readers, 1);
	ix->ops->iter_close(ix, &it);
}
END_TEST

/* ---- random operations against a plain table ---- */

#define SLOTS	200

START_TEST(random_operations_agree_with_a_plain_table)
{
	static char model[SLOTS][12], frozen[SLOTS][12];
	struct steme_snapshot *snap = NULL;
	struct steme_batch *b = steme_batch_new();
	char key[8];
	unsigned seed = 20240229;

	memset(model, 0, sizeof(model));
	open_kind(_i);
	for (unsigned round = 0; round < 3000; round++) {
		for (unsigned n = (unsigned)rand_r(&seed) % 5; n > 0; n--) {
			unsigned i = (unsigned)rand_r(&seed) % SLOTS;

			snprintf(key, sizeof(key), "%03u", i);
			if (rand_r(&seed) % 3 == 0) {
				steme_batch_del(b, key, 3);
				model[i][0] = '\0';
			} else {
				snprintf(model[i], sizeof(model[i]), "%u", round + 1);
				steme_batch_put(b, key, 3, model[i],
				    strlen(model[i]));
			}
		}
		ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
		if (round % 97 == 0) {
			ix->ops->release(ix, snap);
			ck_assert_int_eq(ix->ops->snapshot(ix, &snap), STEME_OK);
			memcpy(frozen, model, sizeof(model));
		}
		if (round % 499 == 0)
			ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
		for (unsigned i = round % 7; i < SLOTS; i += 7) {
			snprintf(key, sizeof(key), "%03u", i);
			if (model[i][0] == '\0')
				ck_assert_ptr_null(get(key));
			else
				ck_assert_str_eq(get(key), model[i]);
			if (frozen[i][0] == '\0')
				ck_assert_ptr_null(get_at(snap, key));
			else
				ck_assert_str_eq(get_at(snap, key), frozen[i]);
		}
	}
	ix->ops->release(ix, snap);
	steme_batch_free(b);
}
END_TEST

/* ---- readers beside a writer ---- */

#define PAIRS	64
#define ROUNDS	2000

static atomic_bool stop;
static atomic_uint reads;

/* Every batch sets all PAIRS keys to one number; a reader must never see two. */
static void *
reader(void *arg)
{
	struct steme_snapshot *snap = NULL;
	struct steme_iter it;
	uint8_t first[8], *val;
	unsigned n;
	size_t len;
	bool backwards = arg != NULL;

	while (!atomic_load(&stop)) {
		if (backwards)
			MUST(ix->ops->snapshot(ix, &snap));
		MUST(ix->ops->iter_open(ix, snap, "p", 1, "q", 1, backwards, &it));
		for (n = 0; ix->ops->iter_next(ix, &it) == STEME_OK; n++) {
			MUST(it.vlen != sizeof(first));
			if (n == 0)
				memcpy(first, it.val, sizeof(first));
			MUST(memcmp(first, it.val, sizeof(first)));
		}
		MUST(n != PAIRS);
		if (backwards) {
			MUST(ix->ops->get(ix, snap, "p07", 3, &val, &len));
			MUST(memcmp(val, first, sizeof(first)));
			free(val);
		}
		ix->ops->iter_close(ix, &it);
		ix->ops->release(ix, snap);
		snap = NULL;
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

static void
write_round(struct steme_batch *b, uint64_t round)
{
	char key[8];

	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof(key), "p%02u", i);
		steme_batch_put(b, key, 3, &round, sizeof(round));
	}
	snprintf(key, sizeof(key), "x%04u", (unsigned)round % 1000);
	if (round % 2)
		steme_batch_put(b, key, 5, "", 0);
	else
		steme_batch_del(b, key, 5);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
}

START_TEST(readers_beside_a_writer_see_whole_batches_only)
{
	struct steme_batch *b = steme_batch_new();
	struct steme_index_stats st;
	pthread_t t[4];
	unsigned before;

	open_kind(_i);
	write_round(b, 0);
	atomic_store(&stop, false);
	atomic_store(&reads, 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, reader,
		    i % 2 ? &t : NULL), 0);
	for (uint64_t r = 1; r <= ROUNDS; r++) {
		write_round(b, r);
		if (r % 500 == 0) {
			ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
			ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
			before = atomic_load(&reads);
			while (atomic_load(&reads) < before + 4)
				usleep(100);
		}
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(ix->ops->compact(ix, NULL, 0, NULL, 0), STEME_OK);
	ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
	ck_assert_uint_eq(st.readers, 0);
	steme_batch_free(b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("index");
	TCase *tc = tcase_create("contract");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, an_empty_value_is_found, 0, KINDS);
	tcase_add_loop_test(tc, what_was_not_put_is_not_found, 0, KINDS);
	tcase_add_loop_test(tc, a_put_replaces_and_a_delete_removes, 0, KINDS);
	tcase_add_loop_test(tc, in_a_batch_the_last_word_on_a_key_counts, 0, KINDS);
	tcase_add_loop_test(tc, a_batch_of_ids_few_or_many_leaves_the_last_word_on_each, 0,
	    KINDS);
	tcase_add_loop_test(tc, an_empty_batch_changes_nothing, 0, KINDS);
	tcase_add_loop_test(tc, ranges_take_from_and_leave_out_to, 0, KINDS);
	tcase_add_loop_test(tc, backwards_gives_the_same_range_from_its_end, 0,
	    KINDS);
	tcase_add_loop_test(tc,
	    keys_are_ordered_as_unsigned_bytes_and_may_hold_any, 0, KINDS);
	tcase_add_loop_test(tc, a_snapshot_does_not_see_what_comes_later, 0, KINDS);
	tcase_add_loop_test(tc,
	    an_iterator_survives_writes_and_the_release_of_its_snapshot, 0, KINDS);
	tcase_add_loop_test(tc,
	    an_iterator_may_rest_on_a_deleted_key_while_others_are_cleared_away, 0,
	    KINDS);
	tcase_add_loop_test(tc, big_values_come_back_whole, 0, KINDS);
	tcase_add_loop_test(tc, many_keys_in_any_order_come_back_in_order, 0, KINDS);
	tcase_add_loop_test(tc, stats_count_what_was_done, 0, KINDS);
	tcase_add_loop_test(tc, random_operations_agree_with_a_plain_table, 0, KINDS);
	tcase_add_loop_test(tc, readers_beside_a_writer_see_whole_batches_only, 0,
	    KINDS);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
