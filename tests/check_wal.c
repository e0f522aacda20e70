/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_wal.c - the log as its callers and its operators know it: commits, clean and
 * unclean restarts, rotation, checkpoints, and files that move under its feet.
 */
#include "config.h"
#include "core/clock.h"
#include "tests/wal_util.h"

#include <unistd.h>
#include <zlib.h>

/* ---- helpers ---- */

static void
gzip_one(struct wt *t, uint64_t number)
{
	size_t len, room;
	uint8_t *plain = faultio_get(t->f, wt_path(number, ".wal"), &len);
	uint8_t *out;
	z_stream z = { 0 };

	ck_assert_ptr_nonnull(plain);
	room = len + 4096;
	out = malloc(room);
	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = plain;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	faultio_put(t->f, wt_path(number, ".wal.gz"), out,
	    room - z.avail_out);
	deflateEnd(&z);
	faultio_remove(t->f, wt_path(number, ".wal"));
	free(out);
	free(plain);
}

/* n commits of three records into small segments. */
static void
fill(struct wt *t, int n)
{
	for (int i = 0; i < n; i++)
		wt_must_commit(t, 3);
}

static void
reopen(struct wt *t)
{
	wt_close(t);
	wt_must_open(t);
}

struct scan {
	struct wt *t;
	struct steme_wal_trouble last;
	unsigned troubles;
	uint64_t told;
};

static int
scan_visit(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct scan *s = arg;

	s->told++;
	return wt_visit(s->t, rec, pos);
}

static int
scan_trouble(void *arg, const struct steme_wal_trouble *trouble)
{
	struct scan *s = arg;

	s->troubles++;
	s->last = *trouble;
	return STEME_OK;
}

static struct scan
scan(struct wt *t, const char *const *dirs, size_t n)
{
	struct steme_segments *s[4] = { NULL };
	struct scan out = { .t = t };
	int err;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(steme_segments_local(&s[i], faultio_io(t->f),
		    dirs[i], false, &t->why), STEME_OK);
	t->next = 1;
	err = steme_wal_scan(s, n, (struct steme_wal_pos){ 0 }, scan_visit,
	    scan_trouble, &out, &t->why);
	ck_assert_msg(err == STEME_OK, "%s", t->why.text);
	for (size_t i = 0; i < n; i++)
		steme_segments_close(s[i]);
	return out;
}

static const char *const one_dir[] = { WT_DIR };

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
	fill(&t, 4);
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
		fill(&t, 2);
		end = steme_wal_end(t.w);
		reopen(&t);
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

		reopen(&t);
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
	fill(&t, 4);
	for (int i = 0; i < 5; i++) {
		wt_crash(&t, FIO_KILLED, 0);
		wt_must_open(&t);
		ck_assert_uint_eq(wt_stats(&t).recovered_records,
		    i == 0 ? 3 : 0);
		ck_assert(wt_stats(&t).unclean);
		ck_assert_uint_eq(steme_wal_end(t.w).segment, 2);
		ck_assert_uint_eq(t.acked, 12);
	}
	fill(&t, 1);
	wt_fini(&t);
}
END_TEST

START_TEST(segments_rotate_when_they_are_full_or_when_asked)
{
	struct wt t;
	struct steme_wal_stats st;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 60);
	st = wt_stats(&t);
	ck_assert_uint_gt(st.rotations, 3);
	ck_assert_uint_eq(st.segments, st.rotations + 1);
	ck_assert_uint_eq(st.first_segment, 1);
	ck_assert_int_eq(steme_wal_rotate(t.w, NULL), STEME_OK);
	ck_assert_int_eq(steme_wal_rotate(t.w, NULL), STEME_OK);
	ck_assert_uint_eq(wt_stats(&t).rotations, st.rotations + 1);
	reopen(&t);
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
		fill(&t, 1);
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
	fill(&t, 60);
	t.from = steme_wal_end(t.w);
	fill(&t, 1);
	wt_close(&t);
	/* damage and loss far before it are not even noticed */
	faultio_flip(t.f, wt_path(2, ".wal"), 700, 1);
	faultio_remove(t.f, wt_path(1, ".wal"));
	wt_must_open(&t);
	wt_fini(&t);
}
END_TEST

/* ---- operators ---- */

START_TEST(compressed_segments_are_read_like_others)
{
	struct wt t;
	struct scan s;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 40);
	gzip_one(&t, 1);
	gzip_one(&t, 2);
	wt_must_commit(&t, 2);
	s = scan(&t, one_dir, 1);
	ck_assert_uint_eq(s.told, t.acked);
	ck_assert_uint_eq(s.troubles, 0);
	wt_crash(&t, FIO_KILLED, 0);
	wt_must_open(&t);
	/* all of them, the newest too */
	wt_close(&t);
	for (uint64_t n = 1; n < 20; n++)
		if (faultio_exists(t.f, wt_path(n, ".wal")))
			gzip_one(&t, n);
	wt_must_open(&t);
	fill(&t, 2);
	reopen(&t);
	wt_fini(&t);
}
END_TEST

START_TEST(the_newest_segment_may_be_compressed_after_an_unclean_stop)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 3);
	wt_crash(&t, FIO_KILLED, 0);
	gzip_one(&t, 1);
	wt_must_open(&t);
	ck_assert_uint_eq(wt_stats(&t).recovered_records, 3);
	fill(&t, 1);
	wt_crash(&t, FIO_LOSE, 0);
	wt_must_open(&t);
	wt_fini(&t);
}
END_TEST

START_TEST(a_damaged_gz_is_damage_that_names_it)
{
	struct wt t;
	struct scan s;
	uint8_t *gz;
	size_t len;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 40);
	wt_close(&t);
	gzip_one(&t, 2);
	gz = faultio_get(t.f, wt_path(2, ".wal.gz"), &len);
	/* cut short at many lengths */
	for (size_t n = 0; n < len; n += len / 16 + 1) {
		faultio_put(t.f, wt_path(2, ".wal.gz"), gz, n);
		ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
	}
	faultio_put(t.f, wt_path(2, ".wal.gz"), "not gzip", 8);
	ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(t.why.text, "segment.002.wal.gz, offset 0"));
	s = scan(&t, one_dir, 1);
	ck_assert_uint_gt(s.troubles, 0);
	faultio_put(t.f, wt_path(2, ".wal.gz"), gz, len);
	wt_must_open(&t);
	free(gz);
	wt_fini(&t);
}
END_TEST

START_TEST(a_missing_segment_is_a_gap_that_is_named)
{
	struct wt t;
	struct scan s;
	uint64_t first, last;

	wt_init(&t);
	wt_must_open(&t);
	while (steme_wal_end(t.w).segment < 2)
		wt_must_commit(&t, 1);
	first = t.acked;
	while (steme_wal_end(t.w).segment < 3)
		wt_must_commit(&t, 1);
	last = t.acked - 1;
	fill(&t, 2);
	wt_close(&t);
	faultio_move(t.f, wt_path(2, ".wal"), "/old/segment.002.wal");
	ck_assert_int_eq(wt_open(&t), STEME_EGAP);
	ck_assert_ptr_nonnull(strstr(t.why.text, "segment.002.wal"));
	s = scan(&t, one_dir, 1);
	ck_assert_uint_eq(s.troubles, 1);
	ck_assert_int_eq(s.last.err, STEME_EGAP);
	ck_assert_uint_eq(s.last.segment, 2);
	ck_assert_uint_eq(s.last.first_lsn, first);
	ck_assert_uint_eq(s.last.last_lsn, last);
	ck_assert_uint_eq(s.told, t.acked - (last - first + 1));
	wt_fini(&t);
}
END_TEST

static void
move_dir_of_two(struct wt *t)
{
	struct steme_segments *s;

	ck_assert_int_eq(steme_segments_local(&s, faultio_io(t->f), "/old", true,
	    NULL), STEME_OK);
	steme_segments_close(s);
	faultio_move(t->f, wt_path(2, ".wal"), "/old/segment.002.wal");
}

START_TEST(a_scan_of_several_folders_is_whole_again)
{
	static const char *const dirs[] = { WT_DIR, "/old" };
	struct wt t;
	struct scan s;
	uint8_t *copy;
	size_t len;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 40);
	wt_close(&t);
	move_dir_of_two(&t);
	s = scan(&t, dirs, 2);
	ck_assert_uint_eq(s.troubles, 0);
	ck_assert_uint_eq(s.told, t.acked);
	/* a damaged copy is made up for by a whole one */
	copy = faultio_get(t.f, "/old/segment.002.wal", &len);
	faultio_put(t.f, wt_path(2, ".wal"), copy, len);
	faultio_flip(t.f, wt_path(2, ".wal"), 600, 4);
	faultio_flip(t.f, "/old/segment.002.wal", len - 600, 4);
	s = scan(&t, dirs, 2);
	ck_assert_uint_eq(s.troubles, 0);
	ck_assert_uint_eq(s.told, t.acked);
	free(copy);
	wt_fini(&t);
}
END_TEST

/* _i: moved away, deleted, compressed, another file in its place */
START_TEST(the_open_segment_may_lose_its_name)
{
	struct wt t;
	struct scan s;

	for (int tick = 0; tick < 2; tick++) {
		wt_init(&t);
		wt_must_open(&t);
		fill(&t, 3);
		if (_i == 0)
			faultio_move(t.f, wt_path(1, ".wal"), "/away");
		else if (_i == 1)
			faultio_remove(t.f, wt_path(1, ".wal"));
		else if (_i == 2)
			gzip_one(&t, 1);
		else
			faultio_put(t.f, wt_path(1, ".wal"), "other", 5);
		if (tick)
			ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
		else
			wt_must_commit(&t, 1);
		ck_assert_uint_eq(wt_stats(&t).relocations, 1);
		ck_assert_uint_eq(steme_wal_end(t.w).segment, 2);
		s = scan(&t, one_dir, 1);
		ck_assert_uint_eq(s.told, t.acked);
		fill(&t, 2);
		ck_assert_uint_eq(wt_stats(&t).relocations, 1);
		wt_crash(&t, FIO_LOSE, 0);
		if (_i == 0)	/* it comes back, and is not read any more */
			faultio_move(t.f, "/away", wt_path(1, ".wal"));
		wt_must_open(&t);
		wt_fini(&t);
	}
}
END_TEST

START_TEST(the_open_segment_may_lose_its_name_before_a_clean_stop)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	fill(&t, 3);
	faultio_remove(t.f, wt_path(1, ".wal"));
	wt_close(&t);
	faultio_crash(t.f, FIO_LOSE, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(wt_stats(&t).recovered_records, 0);
	/* and before the first commit after a clean start */
	faultio_remove(t.f, wt_path(2, ".wal"));
	fill(&t, 1);
	wt_crash(&t, FIO_LOSE, 0);
	wt_must_open(&t);
	wt_fini(&t);
}
END_TEST

START_TEST(foreign_files_are_neither_read_nor_touched)
{
	static const char *const names[] = { "test.dat", "segment.1.wal",
	    "segment.0001.wal", "segment.000.wal", "segment.00x.wal",
	    "segment.001.wal.bak", "Segment.009.wal", "segment.009.wal.tmp",
	    "segment.9999999999999999999.wal", "core", ".hidden" };
	struct wt t;
	char path[64];

	wt_init(&t);
	wt_must_open(&t);
	for (size_t i = 0; i < STEME_NELEM(names); i++) {
		snprintf(path, sizeof(path), WT_DIR "/%s", names[i]);
		faultio_put(t.f, path, names[i], strlen(names[i]));
	}
	fill(&t, 30);
	wt_crash(&t, FIO_KILLED, 0);
	wt_must_open(&t);
	reopen(&t);
	for (size_t i = 0; i < STEME_NELEM(names); i++) {
		size_t len;
		uint8_t *p;

		snprintf(path, sizeof(path), WT_DIR "/%s", names[i]);
		p = faultio_get(t.f, path, &len);
		ck_assert_uint_eq(len, strlen(names[i]));
		ck_assert_mem_eq(p, names[i], len);
		free(p);
	}
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
	reopen(&t);
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
	fill(&t, 1);
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

/* ---- reading beside the writer ---- */

static int
write_while_reading(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct scan *s = arg;
	uint64_t next = s->t->next;
	int err;

	s->told++;
	/* far beyond what the reader has in memory */
	while (rec->lsn == 2 && s->t->acked < 3000)
		wt_must_commit(s->t, 8);
	s->t->next = next;
	err = wt_visit(s->t, rec, pos);
	return err;
}

START_TEST(a_scan_beside_a_writer_takes_no_new_group_for_damage)
{
	struct wt t;
	struct scan s = { .t = &t };
	struct steme_segments *segs;
	int err;

	wt_init(&t);
	t.segment_bytes = 8 << 20;
	wt_must_open(&t);
	wt_must_commit(&t, 2);
	segs = wt_segments(&t);
	t.next = 1;
	err = steme_wal_scan(&segs, 1, (struct steme_wal_pos){ 0 },
	    write_while_reading, NULL, &s, &t.why);
	ck_assert_msg(err == STEME_OK, "%s", t.why.text);
	ck_assert_uint_ge(s.told, 2);
	steme_segments_close(segs);
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
	tcase_add_test(tc, compressed_segments_are_read_like_others);
	tcase_add_test(tc,
	    the_newest_segment_may_be_compressed_after_an_unclean_stop);
	tcase_add_test(tc, a_damaged_gz_is_damage_that_names_it);
	tcase_add_test(tc, a_missing_segment_is_a_gap_that_is_named);
	tcase_add_test(tc, a_scan_of_several_folders_is_whole_again);
	tcase_add_loop_test(tc, the_open_segment_may_lose_its_name, 0, 4);
	tcase_add_test(tc,
	    the_open_segment_may_lose_its_name_before_a_clean_stop);
	tcase_add_test(tc, foreign_files_are_neither_read_nor_touched);
	tcase_add_test(tc, a_second_opener_is_refused_and_told_the_pid);
	tcase_add_test(tc,
	    a_writer_whose_lock_was_taken_acknowledges_nothing_more);
	tcase_add_test(tc,
	    a_newer_format_is_refused_before_anything_is_touched);
	tcase_add_test(tc,
	    a_version_that_was_changed_by_hand_is_damage_that_names_both_versions);
	tcase_add_test(tc, the_log_of_another_node_is_refused);
	tcase_add_test(tc,
	    a_scan_beside_a_writer_takes_no_new_group_for_damage);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
