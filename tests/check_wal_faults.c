/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_wal_faults.c - the log when calls fail or the machine stops: at each call of a
 * history that opens, commits, rotates, relocates, closes and opens again.  What was acknowledged
 * or served is there afterwards, in order and byte for byte; nothing that was
 * not is taken for damage.
 */
#include "config.h"
#include "core/util.h"
#include "tests/wal_util.h"

#define SYNCS	(FIO_DATASYNC | FIO_SYNC | FIO_SYNCDIR)

static int
commits(struct wt *t, const size_t *n, size_t count)
{
	int first = STEME_OK;

	for (size_t i = 0; i < count; i++) {
		int err = wt_commit(t, n[i]);

		if (first == STEME_OK)
			first = err;
	}
	return first;
}

/* A life of the log with every kind of step; errors are met as a daemon would. */
static void
history(struct wt *t)
{
	static const size_t a[] = { 1, 3, 2, 8, 1, 4 }, b[] = { 2, 7, 1, 5 };
	uint64_t lost;

	if (wt_open(t) != STEME_OK)
		return;
	(void)commits(t, a, STEME_NELEM(a));
	(void)steme_wal_rotate(t->w, NULL);
	(void)commits(t, b, STEME_NELEM(b));
	(void)steme_wal_tick(t->w, NULL);
	wt_close(t);
	/* a clean start in the same segment */
	if (wt_open(t) != STEME_OK)
		return;
	(void)commits(t, a, 2);
	/* the open segment loses its name */
	lost = steme_wal_end(t->w).segment;
	faultio_move(t->f, wt_path(lost, ".wal"), "/elsewhere");
	(void)commits(t, b, 2);
	(void)steme_wal_tick(t->w, NULL);
	/* unclean: the next start writes the last group again */
	wt_crash(t, FIO_KILLED, 0);
	/* who moved it brings it back, needed or not */
	faultio_move(t->f, "/elsewhere", wt_path(lost, ".wal"));
}

static unsigned long
calls_of(unsigned mask, size_t (*len)(uint64_t))
{
	struct wt t;
	unsigned long n;

	wt_init(&t);
	t.len = len;
	t.zeros = true;
	t.segment_bytes = 8192;
	history(&t);
	wt_must_open(&t);
	wt_close(&t);
	n = faultio_calls(t.f, mask);
	wt_fini(&t);
	return n;
}

/* Everything acknowledged is there, twice; and the log goes on. */
static void
check_after(struct wt *t, enum faultio_crash how, unsigned seed)
{
	static const size_t more[] = { 2, 1 };

	faultio_crash(t->f, how, seed);
	wt_must_open(t);
	/* what was served must outlive a power cut that comes at once */
	wt_crash(t, FIO_LOSE, seed);
	wt_must_open(t);
	ck_assert_int_eq(commits(t, more, 2), STEME_OK);
	wt_crash(t, FIO_SOME, seed + 1);
	wt_must_open(t);
	wt_close(t);
	faultio_crash(t->f, FIO_LOSE, seed);
	wt_must_open(t);
	wt_close(t);
}

static void
one_life(unsigned mask, unsigned long k, int err, size_t cut, bool stop,
    enum faultio_crash how)
{
	struct wt t;

	wt_init(&t);
	t.zeros = true;
	t.segment_bytes = 8192;
	faultio_fail(t.f, mask, k, err, cut, stop);
	history(&t);
	/* the fault may lie in the start after the crash */
	if (!faultio_failed(t.f) && wt_open(&t) == STEME_OK)
		wt_close(&t);
	if (t.w != NULL)
		wt_crash(&t, FIO_KILLED, 0);
	check_after(&t, how, (unsigned)k * 7 + (unsigned)cut);
	wt_fini(&t);
}

START_TEST(a_stop_at_any_call_loses_nothing_acknowledged)
{
	static const enum faultio_crash hows[] = { FIO_KILLED, FIO_LOSE,
	    FIO_SOME };
	static const size_t cuts[] = { 0, 1, 63, 512, 700, 1536 };
	unsigned long n = calls_of(FIO_CHANGES, NULL);

	ck_assert_uint_gt(n, 80);
	for (unsigned long k = 1; k <= n; k++)
		for (size_t c = 0; c < STEME_NELEM(cuts); c++)
			one_life(FIO_CHANGES, k, STEME_EIO, cuts[c], true,
			    hows[_i]);
}
END_TEST

/* The page cache goes on showing what a failed sync did not write. */
START_TEST(a_sync_that_fails_ends_all_commits_and_is_never_repeated)
{
	unsigned long n = calls_of(SYNCS, NULL);

	ck_assert_uint_gt(n, 20);
	for (unsigned long k = 1; k <= n; k++) {
		one_life(SYNCS, k, STEME_EIO, 0, false, FIO_KILLED);
		one_life(SYNCS, k, STEME_EIO, 0, false, FIO_LOSE);
		one_life(SYNCS, k, STEME_EIO, 0, false, FIO_SOME);
	}
}
END_TEST

START_TEST(any_call_may_fail_once)
{
	unsigned long n = calls_of(FIO_ALL, NULL);

	for (unsigned long k = 1; k <= n; k++)
		one_life(FIO_ALL, k, STEME_EIO, 100, false, FIO_LOSE);
}
END_TEST

START_TEST(any_call_may_find_the_disk_full)
{
	static const size_t cuts[] = { 0, 512, 900 };
	unsigned long n = calls_of(FIO_CHANGES, NULL);

	for (unsigned long k = 1; k <= n; k++)
		for (size_t c = 0; c < STEME_NELEM(cuts); c++) {
			one_life(FIO_CHANGES, k, STEME_ENOSPC, cuts[c], false,
			    FIO_KILLED);
			one_life(FIO_CHANGES, k, STEME_ENOSPC, cuts[c], false,
			    FIO_LOSE);
		}
}
END_TEST

START_TEST(random_lives_with_random_faults_lose_nothing)
{
	unsigned seed = 4711;

	for (int round = 0; round < 60; round++) {
		struct wt t;

		wt_init(&t);
		t.zeros = round % 2 == 0;
		t.segment_bytes = 4096u << round % 3;
		for (int life = 0; life < 12; life++) {
			faultio_fail(t.f, FIO_CHANGES,
			    1 + (unsigned)rand_r(&seed) % 120,
			    rand_r(&seed) % 4 == 0 ? STEME_ENOSPC : STEME_EIO,
			    (size_t)rand_r(&seed) % 2000,
			    rand_r(&seed) % 2 == 0);
			history(&t);
			if (t.w != NULL)
				wt_crash(&t, FIO_KILLED, 0);
			faultio_crash(t.f, (enum faultio_crash)
			    (rand_r(&seed) % 3), (unsigned)rand_r(&seed));
			wt_must_open(&t);
			if (rand_r(&seed) % 2)
				wt_close(&t);
			else
				wt_crash(&t, FIO_LOSE, 0);
		}
		wt_fini(&t);
	}
}
END_TEST

/* ---- one fault, looked at closely ---- */

START_TEST(after_a_failed_sync_every_commit_says_why_it_is_refused)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 2);
	faultio_fail(t.f, FIO_DATASYNC, 1, STEME_EIO, 0, false);
	ck_assert_int_eq(wt_commit(&t, 1), STEME_EIO);
	ck_assert_ptr_nonnull(strstr(t.why.text, "cannot sync segment 1"));
	ck_assert(wt_stats(&t).failed);
	ck_assert_uint_eq(wt_stats(&t).sync_errors, 1);
	for (int i = 0; i < 3; i++) {
		unsigned long before = faultio_calls(t.f, SYNCS);

		ck_assert_int_eq(wt_commit(&t, 1), STEME_EREADONLY);
		ck_assert_ptr_nonnull(strstr(t.why.text, "cannot sync"));
		ck_assert_int_eq(steme_wal_rotate(t.w, &t.why),
		    STEME_EREADONLY);
		ck_assert_int_eq(steme_wal_tick(t.w, &t.why), STEME_EREADONLY);
		ck_assert_uint_eq(faultio_calls(t.f, SYNCS), before);
	}
	wt_close(&t);
	/* no clean mark: the tail is not trusted */
	wt_must_open(&t);
	ck_assert_uint_eq(wt_stats(&t).recovered_records, 1);
	ck_assert_uint_eq(t.acked, 3);
	wt_fini(&t);
}
END_TEST

START_TEST(what_a_failed_sync_left_in_the_cache_is_written_anew_before_it_is_served)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 2);
	faultio_fail(t.f, FIO_DATASYNC, 1, STEME_EIO, 0, false);
	ck_assert_int_eq(wt_commit(&t, 3), STEME_EIO);
	wt_crash(&t, FIO_KILLED, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 5);
	wt_crash(&t, FIO_LOSE, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 5);
	wt_fini(&t);
}
END_TEST

/* ---- a full disk ---- */

static size_t
len_large(uint64_t lsn)
{
	return 3000 + lsn % 7;
}

START_TEST(a_full_disk_refuses_commits_until_there_is_room)
{
	struct wt t;
	uint64_t last;
	int err;

	wt_init(&t);
	t.len = len_large;
	wt_must_open(&t);
	ck_assert(faultio_exists(t.f, WT_DIR "/reserve"));
	faultio_space(t.f, faultio_used(t.f) + 3000);
	for (int i = 0; (err = wt_commit(&t, 1)) == STEME_OK; i++)
		ck_assert_int_lt(i, 1000);
	ck_assert_int_eq(err, STEME_ENOSPC);
	ck_assert(wt_stats(&t).full && !wt_stats(&t).failed);
	/* the reserve was given back for others, who take it */
	ck_assert(!faultio_exists(t.f, WT_DIR "/reserve"));
	faultio_space(t.f, faultio_used(t.f));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wt_commit(&t, 1), STEME_ENOSPC);
		ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_ENOSPC);
		ck_assert(wt_stats(&t).full);
	}
	last = t.acked;
	faultio_space(t.f, faultio_used(t.f) + (32 << 20));
	ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
	ck_assert(!wt_stats(&t).full);
	wt_must_commit(&t, 1);
	ck_assert_uint_eq(t.acked, last + 1);
	ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
	ck_assert(faultio_exists(t.f, WT_DIR "/reserve"));
	wt_crash(&t, FIO_LOSE, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, last + 1);
	wt_fini(&t);
}
END_TEST

START_TEST(a_reserve_that_others_need_stays_away_until_it_may_come_back)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	ck_assert(faultio_exists(t.f, WT_DIR "/reserve"));
	steme_wal_reserve(t.w, false);
	ck_assert(!faultio_exists(t.f, WT_DIR "/reserve"));
	ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
	ck_assert(!faultio_exists(t.f, WT_DIR "/reserve"));
	steme_wal_reserve(t.w, true);
	ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
	ck_assert(faultio_exists(t.f, WT_DIR "/reserve"));
	wt_fini(&t);
}
END_TEST

START_TEST(a_short_write_is_cut_back_and_nothing_of_it_remains)
{
	struct wt t;
	uint8_t *before, *after;
	size_t len, n;

	for (size_t cut = 0; cut < 2048; cut += 256) {
		wt_init(&t);
		wt_must_open(&t);
		wt_must_commit(&t, 2);
		faultio_fail(t.f, FIO_PWRITE, 1, STEME_ENOSPC, cut, false);
		ck_assert_int_eq(wt_commit(&t, 3), STEME_ENOSPC);
		before = faultio_get(t.f, wt_path(1, ".wal"), &len);
		ck_assert_uint_eq(len, steme_wal_end(t.w).offset);
		/* also on the disk */
		wt_crash(&t, FIO_LOSE, 0);
		after = faultio_get(t.f, wt_path(1, ".wal"), &n);
		ck_assert_uint_eq(n, len);
		ck_assert_mem_eq(before, after, len);
		free(before);
		free(after);
		t.tried = 2;
		wt_must_open(&t);
		wt_must_commit(&t, 1);
		ck_assert_uint_eq(t.acked, 3);
		wt_fini(&t);
	}
}
END_TEST

/*
 * A folder's sync that says "full" comes after the new segment has its name: that segment
 * bounds the one before, so the log must not go on there.
 */
START_TEST(a_named_segment_whose_folder_cannot_be_synced_ends_all_commits)
{
	struct wt t;

	wt_init(&t);
	t.segment_bytes = 4096;
	wt_must_open(&t);
	wt_must_commit(&t, 2);
	faultio_fail(t.f, FIO_SYNCDIR, 1, STEME_ENOSPC, 0, false);
	ck_assert_int_eq(wt_commit(&t, 8), STEME_EIO);
	ck_assert_int_eq(wt_commit(&t, 1), STEME_EREADONLY);
	wt_crash(&t, FIO_KILLED, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 2);
	wt_fini(&t);
}
END_TEST

START_TEST(a_segment_that_lost_its_name_on_a_full_disk_is_copied_later)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 3);
	faultio_move(t.f, wt_path(1, ".wal"), "/elsewhere");
	faultio_remove(t.f, WT_DIR "/reserve");
	faultio_space(t.f, faultio_used(t.f) + 1000);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wt_commit(&t, 1), STEME_ENOSPC);
		ck_assert_uint_eq(steme_wal_next_lsn(t.w), 4);
	}
	faultio_space(t.f, 0);
	wt_must_commit(&t, 2);
	ck_assert_uint_eq(wt_stats(&t).relocations, 1);
	wt_crash(&t, FIO_LOSE, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 5);
	wt_fini(&t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("wal faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, a_stop_at_any_call_loses_nothing_acknowledged,
	    0, 3);
	tcase_add_test(tc,
	    a_sync_that_fails_ends_all_commits_and_is_never_repeated);
	tcase_add_test(tc, any_call_may_fail_once);
	tcase_add_test(tc, any_call_may_find_the_disk_full);
	tcase_add_test(tc, random_lives_with_random_faults_lose_nothing);
	tcase_add_test(tc,
	    after_a_failed_sync_every_commit_says_why_it_is_refused);
	tcase_add_test(tc,
	    what_a_failed_sync_left_in_the_cache_is_written_anew_before_it_is_served);
	tcase_add_test(tc, a_full_disk_refuses_commits_until_there_is_room);
	tcase_add_test(tc, a_reserve_that_others_need_stays_away_until_it_may_come_back);
	tcase_add_test(tc, a_short_write_is_cut_back_and_nothing_of_it_remains);
	tcase_add_test(tc,
	    a_named_segment_whose_folder_cannot_be_synced_ends_all_commits);
	tcase_add_test(tc,
	    a_segment_that_lost_its_name_on_a_full_disk_is_copied_later);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
