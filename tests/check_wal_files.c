/* SPDX-License-Identifier: Apache-2.0 */
/* check_wal_files.c - files of the log that move, are compressed or are read under its feet. */
#include "config.h"
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

/* ---- operators ---- */

START_TEST(compressed_segments_are_read_like_others)
{
	struct wt t;
	struct scan s;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 40);
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
	wt_fill(&t, 2);
	wt_reopen(&t);
	wt_fini(&t);
}
END_TEST

START_TEST(the_newest_segment_may_be_compressed_after_an_unclean_stop)
{
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 3);
	wt_crash(&t, FIO_KILLED, 0);
	gzip_one(&t, 1);
	wt_must_open(&t);
	ck_assert_uint_eq(wt_stats(&t).recovered_records, 3);
	wt_fill(&t, 1);
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
	wt_fill(&t, 40);
	wt_close(&t);
	gzip_one(&t, 2);
	gz = faultio_get(t.f, wt_path(2, ".wal.gz"), &len);
	/* cut short at many lengths */
	for (size_t n = 0; n < len; n += len / 16 + 1) {
		faultio_put(t.f, wt_path(2, ".wal.gz"), gz, n);
		ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
		ck_assert_ptr_nonnull(strstr(t.why.text, "segment.002.wal.gz"));
		/* and whoever goes on has what lies behind it, to the last record */
		s = scan(&t, one_dir, 1);
		ck_assert_uint_gt(s.troubles, 0);
		ck_assert_uint_lt(s.told, t.acked);
		ck_assert_uint_eq(t.next, t.acked + 1);
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

START_TEST(the_newest_segment_cut_short_in_its_gz_is_no_end_of_the_log)
{
	struct wt t;
	uint8_t *gz;
	size_t len;

	wt_init(&t);
	wt_must_open(&t);
	wt_fill(&t, 3);
	wt_crash(&t, FIO_KILLED, 0);
	gzip_one(&t, 1);
	gz = faultio_get(t.f, wt_path(1, ".wal.gz"), &len);
	for (size_t n = 0; n < len; n += len / 16 + 1) {
		faultio_put(t.f, wt_path(1, ".wal.gz"), gz, n);
		ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
	}
	faultio_put(t.f, wt_path(1, ".wal.gz"), gz, len);
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
	wt_fill(&t, 2);
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
	wt_fill(&t, 40);
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
		wt_fill(&t, 3);
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
		wt_fill(&t, 2);
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
	wt_fill(&t, 3);
	faultio_remove(t.f, wt_path(1, ".wal"));
	wt_close(&t);
	faultio_crash(t.f, FIO_LOSE, 0);
	wt_must_open(&t);
	ck_assert_uint_eq(wt_stats(&t).recovered_records, 0);
	/* and before the first commit after a clean start */
	faultio_remove(t.f, wt_path(2, ".wal"));
	wt_fill(&t, 1);
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
	wt_fill(&t, 30);
	wt_crash(&t, FIO_KILLED, 0);
	wt_must_open(&t);
	wt_reopen(&t);
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
	Suite *s = suite_create("wal_files");
	TCase *tc = tcase_create("wal");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, compressed_segments_are_read_like_others);
	tcase_add_test(tc,
	    the_newest_segment_may_be_compressed_after_an_unclean_stop);
	tcase_add_test(tc, a_damaged_gz_is_damage_that_names_it);
	tcase_add_test(tc,
	    the_newest_segment_cut_short_in_its_gz_is_no_end_of_the_log);
	tcase_add_test(tc, a_missing_segment_is_a_gap_that_is_named);
	tcase_add_test(tc, a_scan_of_several_folders_is_whole_again);
	tcase_add_loop_test(tc, the_open_segment_may_lose_its_name, 0, 4);
	tcase_add_test(tc,
	    the_open_segment_may_lose_its_name_before_a_clean_stop);
	tcase_add_test(tc, foreign_files_are_neither_read_nor_touched);
	tcase_add_test(tc,
	    a_scan_beside_a_writer_takes_no_new_group_for_damage);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
