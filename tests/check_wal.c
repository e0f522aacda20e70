/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_wal.c - the log as its callers know it: commits, clean and unclean restarts,
 * rotation, checkpoints, the lock.
 */
#include "config.h"
#include "core/clock.h"
#include "tests/wal_util.h"

#include <unistd.h>

/* ---- commits and restarts ---- */

START_TEST(an_empty_log_begins_with_record_1)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	ck_assert_uint_eq(steme_wal_next_lsn(t.w), 1);
	ck_assert_uint_eq(steme_wal_end(t.w).segment, 0);
	ck_assert_uint_eq(steme_wal_node(t.w), WT_NODE);
	wt_must_commit(&t, 1);
	ck_assert_uint_eq(steme_wal_next_lsn(t.w), 2);
	ck_assert_uint_eq(steme_wal_last_hlc(t.w), 7003);
	wt_fini(&t);
}
END_TEST

START_TEST(a_commit_is_one_write_and_one_sync)
{
	struct wt t;
	unsigned long writes, syncs;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 1);
	writes = faultio_calls(t.f, FIO_PWRITE);
	syncs = faultio_calls(t.f, FIO_DATASYNC | FIO_SYNC | FIO_SYNCDIR);
	wt_fill(&t, 4);
	ck_assert_uint_eq(faultio_calls(t.f, FIO_PWRITE), writes + 4);
	ck_assert_uint_eq(faultio_calls(t.f, FIO_DATASYNC | FIO_SYNC |
	    FIO_SYNCDIR), syncs + 4);
	ck_assert_uint_eq(wt_stats(&t).syncs, 5);
	ck_assert_uint_eq(wt_stats(&t).records, 13);
	wt_fini(&t);
}
END_TEST

START_TEST(a_clean_restart_goes_on_in_the_same_segment)
{
	struct wt t;
	struct steme_wal_pos end;

	wt_init(&t);
	t.segment_bytes = 1 << 20;
	wt_must_open(&t);
	for (int i = 0; i < 20; i++) {
		wt_fill(&t, 2);
		end = steme_wal_end(t.w);
		wt_reopen(&t);
		ck_assert_uint_eq(steme_wal_end(t.w).segment, end.segment);
		ck_assert_uint_eq(steme_wal_end(t.w).offset, end.offset);
		ck_assert_uint_eq(steme_wal_last_hlc(t.w), 7000 + t.acked * 3);
		ck_assert_uint_eq(wt_stats(&t).recovered_records, 0);
		ck_assert(!wt_stats(&t).unclean);
	}
	ck_assert_uint_eq(wt_stats(&t).segments, 1);
	/* two starts without a commit write nothing */
	{
		unsigned long n;

		wt_reopen(&t);
		n = faultio_calls(t.f, FIO_PWRITE);
		wt_close(&t);
		ck_assert_uint_eq(faultio_calls(t.f, FIO_PWRITE), n);
	}
	wt_fini(&t);
}
END_TEST

START_TEST(an_unclean_restart_writes_the_last_group_again_to_a_new_segment)
{
	struct wt t;

	wt_init(&t);
	t.segment_bytes = 1 << 20;
	wt_must_open(&t);
	wt_fill(&t, 4);
	for (int i = 0; i < 5; i++) {
		wt_crash(&t, FIO_KILLED, 0);
		wt_must_open(&t);
		ck_assert_uint_eq(wt_stats(&t).recovered_records,
		    i == 0 ? 3 : 0);
		ck_assert(wt_stats(&t).unclean);
		ck_assert_uint_eq(steme_wal_end(t.w).segment, 2);
		ck_assert_uint_eq(t.acked, 12);
	}
	wt_fill(&t, 1);
	wt_fini(&t);
}
END_TEST

START_TEST(segments_rotate_when_they_are_full_or_when_asked)
{
	struct wt t;
	struct steme_wal_stats st;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 60);
	st = wt_stats(&t);
	ck_assert_uint_gt(st.rotations, 3);
	ck_assert_uint_eq(st.segments, st.rotations + 1);
	ck_assert_uint_eq(st.first_segment, 1);
	ck_assert_int_eq(steme_wal_rotate(t.w, NULL), STEME_OK);
	ck_assert_int_eq(steme_wal_rotate(t.w, NULL), STEME_OK);
	ck_assert_uint_eq(wt_stats(&t).rotations, st.rotations + 1);
	wt_reopen(&t);
	ck_assert_uint_eq(t.acked, 180);
	wt_fini(&t);
}
END_TEST

static int64_t now_us;

static int64_t
told_time(const struct steme_clock *c)
{
	(void)c;
	return now_us;
}

static const struct steme_clock told_clock = { told_time, told_time };

START_TEST(a_segment_that_holds_records_is_closed_after_seven_days)
{
	struct steme_wal_opts o = { .node = WT_NODE, .clock = &told_clock };
	struct wt t;

	wt_init(&t);
	now_us = INT64_C(1700000000000000);
	o.segments = wt_segments(&t);
	ck_assert_int_eq(steme_wal_open(&t.w, &o, &t.why), STEME_OK);
	wt_must_commit(&t, 1);
	now_us += INT64_C(6) * 86400 * 1000000;
	ck_assert_int_eq(steme_wal_tick(t.w, &t.why), STEME_OK);
	ck_assert_uint_eq(wt_stats(&t).rotations, 0);
	now_us += INT64_C(2) * 86400 * 1000000;
	ck_assert_int_eq(steme_wal_tick(t.w, &t.why), STEME_OK);
	ck_assert_uint_eq(wt_stats(&t).rotations, 1);
	now_us += INT64_C(9) * 86400 * 1000000;
	ck_assert_int_eq(steme_wal_tick(t.w, &t.why), STEME_OK);
	ck_assert_uint_eq(wt_stats(&t).rotations, 1);	/* it is empty */
	wt_must_commit(&t, 1);
	wt_fini(&t);
}
END_TEST

START_TEST(records_that_break_a_rule_are_refused_and_nothing_is_written)
{
	static uint8_t big[STEME_WAL_PAYLOAD_MAX + 1];
	struct steme_wal_rec r = { STEME_WAL_OBJECT, 4, 9, big, 10 };
	struct wt t;
	unsigned long n;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 3);
	n = faultio_calls(t.f, FIO_PWRITE);
	ck_assert_int_eq(steme_wal_commit(t.w, &r, 0, NULL, &t.why),
	    STEME_EINVAL);
	r.lsn = 5;
	ck_assert_int_eq(steme_wal_commit(t.w, &r, 1, NULL, &t.why),
	    STEME_EINVAL);
	r.lsn = 4;
	r.type = STEME_WAL_LOST + 1;
	ck_assert_int_eq(steme_wal_commit(t.w, &r, 1, NULL, &t.why),
	    STEME_EINVAL);
	r.type = STEME_WAL_OBJECT;
	r.len = sizeof(big);
	ck_assert_int_eq(steme_wal_commit(t.w, &r, 1, NULL, &t.why),
	    STEME_ETOOBIG);
	ck_assert_uint_eq(faultio_calls(t.f, FIO_PWRITE), n);
	wt_must_commit(&t, 1);
	wt_fini(&t);
}
END_TEST

START_TEST(the_largest_payload_fits_a_small_segment)
{
	static uint8_t big[STEME_WAL_PAYLOAD_MAX];
	struct steme_wal_rec r = { STEME_WAL_OBJECT, 1, 9, big, sizeof(big) };
	struct steme_segments *s;
	struct wt t;
	ssize_t got;

	memset(big, 'x', sizeof(big));
	wt_init(&t);
	wt_must_open(&t);
	ck_assert_int_eq(steme_wal_commit(t.w, &r, 1, NULL, &t.why), STEME_OK);
	s = wt_segments(&t);
	got = s->ops->read(s, 1, big, sizeof(big), 0);
	ck_assert_int_eq(got, sizeof(big));
	steme_segments_close(s);
	wt_fini(&t);
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(a_start_from_any_acknowledged_end_tells_only_what_follows)
{
	struct steme_wal_pos ends[64];
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	for (int i = 0; i < 64; i++) {
		wt_fill(&t, 1);
		ends[i] = steme_wal_end(t.w);
	}
	wt_close(&t);
	for (int i = 0; i < 64; i++) {
		t.from = ends[i];
		wt_must_open(&t);
		ck_assert_uint_eq(steme_wal_last_hlc(t.w), 7000 + t.acked * 3);
		wt_crash(&t, i % 2 ? FIO_KILLED : FIO_LOSE, 0);
		/* a place that is wrong costs time only */
		t.from.offset += 512;
		wt_must_open(&t);
		wt_close(&t);
		t.from.segment += 7;
		wt_must_open(&t);
		wt_close(&t);
		/* what a clean stop knew is known to the next start */
		t.from = ends[63];
		wt_must_open(&t);
		ck_assert_uint_eq(steme_wal_last_hlc(t.w), 7000 + t.acked * 3);
		wt_close(&t);
	}
	wt_fini(&t);
}
END_TEST

START_TEST(only_what_follows_the_checkpoint_is_read)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 60);
	t.from = steme_wal_end(t.w);
	wt_fill(&t, 1);
	wt_close(&t);
	/* damage and loss far before it are not even noticed */
	faultio_flip(t.f, wt_path(2, ".wal"), 700, 1);
	faultio_remove(t.f, wt_path(1, ".wal"));
	wt_must_open(&t);
	wt_fini(&t);
}
END_TEST

/* ---- the lock ---- */

START_TEST(a_second_opener_is_refused_and_told_the_pid)
{
	struct steme_wal_opts o = { .node = WT_NODE };
	struct steme_wal *w;
	char pid[32];
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 1);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	o.segments = wt_segments(&t);
	ck_assert_int_eq(steme_wal_open(&w, &o, &t.why), STEME_EBUSY);
	ck_assert_ptr_null(w);
	ck_assert_msg(strstr(t.why.text, pid) != NULL, "%s", t.why.text);
	steme_segments_close(o.segments);
	wt_must_commit(&t, 1);
	wt_reopen(&t);
	wt_fini(&t);
}
END_TEST

START_TEST(a_writer_whose_lock_was_taken_acknowledges_nothing_more)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 1);
	/* removed, and taken by nobody: it is made again */
	faultio_remove(t.f, WT_DIR "/lock");
	wt_must_commit(&t, 1);
	ck_assert(faultio_exists(t.f, WT_DIR "/lock"));
	faultio_put(t.f, WT_DIR "/lock", "1 99\n", 5);
	ck_assert_int_eq(wt_commit(&t, 1), STEME_EBUSY);
	ck_assert_ptr_nonnull(strstr(t.why.text, "another process"));
	ck_assert_int_eq(wt_commit(&t, 1), STEME_EREADONLY);
	wt_fini(&t);
}
END_TEST

START_TEST(a_newer_format_is_refused_before_anything_is_touched)
{
	struct steme_wal_seghdr h = { .version = STEME_WAL_VERSION + 1,
	    .node = WT_NODE, .number = 1, .first_lsn = 1, .first_group = 1,
	    .born = STEME_WAL_HEADER };
	uint8_t bytes[STEME_WAL_HEADER], *after;
	struct wt t;
	size_t len;

	wt_init(&t);
	steme_segments_close(wt_segments(&t));
	steme_walrec_put_segment(bytes, &h);
	faultio_put(t.f, wt_path(1, ".wal"), bytes, sizeof(bytes));
	ck_assert_int_eq(wt_open(&t), STEME_EVERSION);
	ck_assert_ptr_nonnull(strstr(t.why.text, "version 2"));
	ck_assert_ptr_nonnull(strstr(t.why.text, "version 1"));
	ck_assert(!faultio_exists(t.f, WT_DIR "/lock"));
	ck_assert(!faultio_exists(t.f, WT_DIR "/reserve"));
	after = faultio_get(t.f, wt_path(1, ".wal"), &len);
	ck_assert_uint_eq(len, sizeof(bytes));
	ck_assert_mem_eq(after, bytes, len);
	free(after);
	wt_fini(&t);
}
END_TEST

START_TEST(a_version_that_was_changed_by_hand_is_damage_that_names_both_versions)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 1);
	wt_close(&t);
	faultio_flip(t.f, wt_path(1, ".wal"), 8, 1 ^ 9);
	ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(t.why.text, "version 9"));
	ck_assert_ptr_nonnull(strstr(t.why.text, "version 1"));
	wt_fini(&t);
}
END_TEST

START_TEST(the_log_of_another_node_is_refused)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 1);
	wt_close(&t);
	t.node++;
	ck_assert_int_eq(wt_open(&t), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(t.why.text, "1122334455667788"));
	t.node = 0;
	wt_must_open(&t);
	ck_assert_uint_eq(steme_wal_node(t.w), WT_NODE);
	wt_fini(&t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("wal");
	TCase *tc = tcase_create("wal");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, an_empty_log_begins_with_record_1);
	tcase_add_test(tc, a_commit_is_one_write_and_one_sync);
	tcase_add_test(tc, a_clean_restart_goes_on_in_the_same_segment);
	tcase_add_test(tc,
	    an_unclean_restart_writes_the_last_group_again_to_a_new_segment);
	tcase_add_test(tc, segments_rotate_when_they_are_full_or_when_asked);
	tcase_add_test(tc,
	    a_segment_that_holds_records_is_closed_after_seven_days);
	tcase_add_test(tc,
	    records_that_break_a_rule_are_refused_and_nothing_is_written);
	tcase_add_test(tc, the_largest_payload_fits_a_small_segment);
	tcase_add_test(tc,
	    a_start_from_any_acknowledged_end_tells_only_what_follows);
	tcase_add_test(tc, only_what_follows_the_checkpoint_is_read);
	tcase_add_test(tc, a_second_opener_is_refused_and_told_the_pid);
	tcase_add_test(tc,
	    a_writer_whose_lock_was_taken_acknowledges_nothing_more);
	tcase_add_test(tc,
	    a_newer_format_is_refused_before_anything_is_touched);
	tcase_add_test(tc,
	    a_version_that_was_changed_by_hand_is_damage_that_names_both_versions);
	tcase_add_test(tc, the_log_of_another_node_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
