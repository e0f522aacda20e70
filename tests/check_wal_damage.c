/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_wal_damage.c - changed and missing bytes: torn by the rule of doc/wal-format.md,
 * section 10, or damage that is named; never a wrong record.
 */
#include "config.h"
#include "tests/wal_util.h"

/* Groups of segment 1 as written by the tests below. */
struct places {
	uint64_t off[32];	/* of each group, and the end */
	size_t n;		/* groups */
};

static void
commit_noting(struct wt *t, struct places *p, size_t records)
{
	wt_must_commit(t, records);
	p->off[++p->n] = steme_wal_end(t->w).offset;
}

/* Opens a log of five groups; the last is `last` records long. */
static void
five_groups(struct wt *t, struct places *p, size_t last)
{
	wt_init(t);
	wt_must_open(t);
	p->n = 0;
	p->off[0] = STEME_WAL_HEADER;
	commit_noting(t, p, 1);
	commit_noting(t, p, 3);
	commit_noting(t, p, 2);
	commit_noting(t, p, 1);
	commit_noting(t, p, last);
	ck_assert_uint_eq(steme_wal_end(t->w).segment, 1);
}

/* The start of the group that byte off belongs to. */
static uint64_t
group_of(const struct places *p, uint64_t off)
{
	size_t i = p->n;

	while (i > 0 && p->off[i] > off)
		i--;
	return off < p->off[0] ? 0 : p->off[i];
}

/* The offset that a message names. */
static uint64_t
named_offset(const struct wt *t, const char *path)
{
	const char *p = strstr(t->why.text, path);
	unsigned long long off;

	ck_assert_msg(p != NULL, "no %s in: %s", path, t->why.text);
	ck_assert_msg(sscanf(p + strlen(path), ", offset %llu:", &off) == 1,
	    "%s", t->why.text);
	return off;
}

/* ---- flipped bytes ---- */

static const uint8_t flips[] = { 0x01, 0x80, 0xff };

START_TEST(a_changed_byte_before_the_end_is_damage_that_is_named)
{
	struct places p;
	struct wt t;
	uint8_t *good;
	size_t len;

	five_groups(&t, &p, 4);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	ck_assert_uint_gt(len, p.off[5]);
	for (uint64_t off = 0; off < p.off[5]; off++) {
		uint8_t bits = flips[(off + (unsigned)_i) % 3];
		uint64_t group = group_of(&p, off), named;
		int err;

		faultio_put(t.f, wt_path(1, ".wal"), good, len);
		/* a last byte of zero is a tail cut one byte short */
		if (off == p.off[5] - 1 && bits == 0xff)
			bits = 0xfe;
		faultio_flip(t.f, wt_path(1, ".wal"), off, bits);
		err = wt_open(&t);
		ck_assert_msg(err == STEME_ECORRUPT, "offset %lu: %s",
		    (unsigned long)off, steme_errname(err));
		named = named_offset(&t, WT_DIR "/segment.001.wal");
		ck_assert_uint_ge(named, group);
		ck_assert_uint_le(named, off);
		/* nothing was written but the lock's text */
		ck_assert(!faultio_exists(t.f, wt_path(2, ".wal")));
	}
	free(good);
	wt_fini(&t);
}
END_TEST

/* What lies behind the last group: the mark of a clean stop, or zeros. */
START_TEST(a_changed_byte_behind_the_end_never_makes_a_wrong_record)
{
	struct places p;
	struct wt t;
	uint8_t *good;
	size_t len;
	unsigned torn = 0, damaged = 0, last;

	five_groups(&t, &p, 4);
	if (_i == 0)
		wt_close(&t);
	else
		wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	for (uint64_t off = p.off[5]; off < p.off[5] + 1536; off++) {
		int err;

		faultio_put(t.f, wt_path(1, ".wal"), good, len);
		faultio_remove(t.f, wt_path(2, ".wal"));
		last = off == p.off[5] + 511;
		faultio_flip(t.f, wt_path(1, ".wal"), off,
		    last ? 0xff : flips[off % 3]);
		err = wt_open(&t);
		if (err == STEME_OK) {
			ck_assert_uint_eq(t.acked, 11);
			torn += wt_stats(&t).torn_bytes_cut > 0;
			wt_crash(&t, FIO_KILLED, 0);
			continue;
		}
		ck_assert_int_eq(err, STEME_ECORRUPT);
		ck_assert_uint_eq(named_offset(&t, WT_DIR "/segment.001.wal") /
		    STEME_WAL_SECTOR, p.off[5] / STEME_WAL_SECTOR);
		damaged++;
	}
	if (_i == 0) {
		/* the mark; its last byte, now zero, was cut; behind it nobody looks */
		ck_assert_uint_eq(damaged, 511);
		ck_assert_uint_eq(torn, 1);
	} else {
		/*
		 * Only in the first sector, and there from byte 63 on; but 0xff at
		 * its end is what is left of a mark that zeros were written over.
		 */
		ck_assert_uint_eq(damaged, 512 - 63 - 1);
		ck_assert_uint_eq(torn, 1536 - damaged);
	}
	free(good);
	wt_fini(&t);
}
END_TEST

struct found {
	struct wt *t;
	struct steme_wal_trouble last;
	unsigned n;
	uint64_t told;
};

static int
count_told(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct found *f = arg;

	f->told++;
	return wt_visit(f->t, rec, pos);
}

static int
accept(void *arg, const struct steme_wal_trouble *trouble)
{
	struct found *f = arg;

	f->last = *trouble;
	f->n++;
	return STEME_OK;
}

static int
scan(struct wt *t, struct found *f, bool forgive)
{
	struct steme_segments *s = wt_segments(t);
	int err;

	*f = (struct found){ .t = t };
	t->next = 1;
	err = steme_wal_scan(&s, 1, (struct steme_wal_pos){ 0 }, count_told,
	    forgive ? accept : NULL, f, &t->why);
	steme_segments_close(s);
	return err;
}

START_TEST(a_scan_that_goes_on_behind_damage_loses_only_what_is_hurt)
{
	struct places p;
	struct found f;
	struct wt t;

	five_groups(&t, &p, 4);
	wt_must_commit(&t, 1);
	wt_close(&t);
	ck_assert_int_eq(scan(&t, &f, false), STEME_OK);
	ck_assert_uint_eq(f.told, 12);
	for (uint64_t off = STEME_WAL_HEADER; off < p.off[5]; off++) {
		faultio_flip(t.f, wt_path(1, ".wal"), off, 0x10);
		ck_assert_int_eq(scan(&t, &f, false), STEME_ECORRUPT);
		ck_assert_int_eq(scan(&t, &f, true), STEME_OK);
		ck_assert_uint_eq(f.n, 1);
		ck_assert_int_eq(f.last.err, STEME_ECORRUPT);
		ck_assert_uint_eq(f.last.segment, 1);
		ck_assert_uint_ge(f.last.offset, group_of(&p, off));
		ck_assert_uint_le(f.last.offset, off);
		/* told and affected make up the whole */
		ck_assert_uint_eq(f.told + (f.last.last_lsn + 1 -
		    f.last.first_lsn), 12);
		faultio_flip(t.f, wt_path(1, ".wal"), off, 0x10);
	}
	wt_fini(&t);
}
END_TEST

START_TEST(a_closed_segment_is_never_torn)
{
	static const uint8_t zeros[16384];
	struct places p;
	struct wt t;
	uint8_t *good;
	size_t len;

	five_groups(&t, &p, 4);
	ck_assert_int_eq(steme_wal_rotate(t.w, NULL), STEME_OK);
	wt_must_commit(&t, 2);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	ck_assert_uint_eq(len, p.off[5]);
	for (size_t n = 0; n < len; n += 64) {
		uint8_t *bad = malloc(len);

		/* cut off, or zeros from there on */
		memcpy(bad, good, n);
		memcpy(bad + n, zeros, len - n);
		faultio_put(t.f, wt_path(1, ".wal"), bad,
		    n / 64 % 2 == 0 ? n : len);
		free(bad);
		ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
		ck_assert_uint_eq(named_offset(&t, WT_DIR "/segment.001.wal") <=
		    n, true);
	}
	free(good);
	wt_fini(&t);
}
END_TEST

/* ---- torn tails ---- */

static void
torn_is_cut(struct wt *t, uint64_t keeps)
{
	uint64_t torn;

	t->acked = keeps;
	wt_must_open(t);
	ck_assert_uint_eq(t->acked, keeps);
	torn = wt_stats(t).torn_bytes_cut;
	ck_assert_uint_gt(torn, 0);
	ck_assert_uint_eq(torn % STEME_WAL_SECTOR, 0);
	/* that was the end of it */
	wt_crash(t, FIO_LOSE, 0);
	wt_must_open(t);
	ck_assert_uint_eq(t->acked, keeps);
	ck_assert_uint_eq(wt_stats(t).torn_bytes_cut, 0);
	wt_crash(t, FIO_LOSE, 0);
}

static void
put_back(struct wt *t, const uint8_t *data, size_t len)
{
	faultio_put(t->f, wt_path(1, ".wal"), data, len);
	faultio_remove(t->f, wt_path(2, ".wal"));
	faultio_remove(t->f, wt_path(3, ".wal"));
	t->tried = 15;
}

/* _i: the file goes on with zeros, or ends there. */
START_TEST(a_tail_torn_at_any_length_is_cut_and_reported)
{
	struct places p;
	struct wt t;
	uint8_t *good, *torn;
	size_t len;

	five_groups(&t, &p, 4);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	torn = calloc(1, len);
	memcpy(torn, good, p.off[4]);
	for (size_t n = p.off[4] + 1; n < p.off[5]; n++) {
		torn[n - 1] = good[n - 1];
		put_back(&t, torn, _i == 0 ? len : n);
		torn_is_cut(&t, 7);
	}
	/* nothing, and all of it, is not torn */
	t.acked = 7;
	put_back(&t, good, p.off[4]);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 7);
	ck_assert_uint_eq(wt_stats(&t).torn_bytes_cut, 0);
	wt_crash(&t, FIO_LOSE, 0);
	put_back(&t, good, p.off[5]);
	wt_must_open(&t);
	ck_assert_uint_eq(t.acked, 11);
	ck_assert_uint_eq(wt_stats(&t).torn_bytes_cut, 0);
	free(good);
	free(torn);
	wt_fini(&t);
}
END_TEST

START_TEST(any_lost_sectors_of_the_last_group_are_torn)
{
	struct places p;
	struct wt t;
	uint8_t *good, *torn;
	size_t len, sectors;

	five_groups(&t, &p, 8);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	torn = malloc(len);
	sectors = (p.off[5] - p.off[4]) / STEME_WAL_SECTOR;
	ck_assert_uint_ge(sectors, 6);
	for (unsigned mask = 1; mask + 1 < 1u << sectors; mask++) {
		memcpy(torn, good, len);
		for (size_t s = 0; s < sectors; s++)
			if (mask >> s & 1)
				memset(torn + p.off[4] + s * STEME_WAL_SECTOR, 0,
				    STEME_WAL_SECTOR);
		put_back(&t, torn, len);
		torn_is_cut(&t, 7);
	}
	free(good);
	free(torn);
	wt_fini(&t);
}
END_TEST

/* The checkpoint knows better: what was acknowledged cannot be torn. */
START_TEST(a_torn_group_before_the_checkpoint_refuses_the_start)
{
	struct places p;
	struct wt t;
	uint8_t *good;
	size_t len;

	five_groups(&t, &p, 4);
	t.from = steme_wal_end(t.w);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	memset(good + p.off[5] - 1024, 0, 1024);
	faultio_put(t.f, wt_path(1, ".wal"), good, len);
	ck_assert_int_eq(wt_open(&t), STEME_EGAP);
	ck_assert_ptr_nonnull(strstr(t.why.text, "records 8 to 11"));
	ck_assert(!faultio_exists(t.f, wt_path(2, ".wal")));
	free(good);
	wt_fini(&t);
}
END_TEST

START_TEST(zeros_with_a_later_group_behind_them_are_damage)
{
	struct places p;
	struct wt t;
	uint8_t *good;
	size_t len;

	five_groups(&t, &p, 4);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	for (size_t g = 0; g < 4; g++) {
		uint8_t *bad = malloc(len);

		memcpy(bad, good, len);
		memset(bad + p.off[g], 0, p.off[g + 1] - p.off[g]);
		faultio_put(t.f, wt_path(1, ".wal"), bad, len);
		free(bad);
		ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
		ck_assert_uint_eq(named_offset(&t, WT_DIR "/segment.001.wal"),
		    p.off[g]);
	}
	free(good);
	wt_fini(&t);
}
END_TEST

/* A group put in another's place is right by itself, but not there. */
START_TEST(groups_that_changed_places_are_damage)
{
	struct places p;
	struct wt t;
	uint8_t *good, *bad;
	size_t len;

	five_groups(&t, &p, 1);
	wt_crash(&t, FIO_LOSE, 0);
	good = faultio_get(t.f, wt_path(1, ".wal"), &len);
	bad = malloc(len);
	for (size_t to = 0; to < 5; to++)
		for (size_t from = 0; from < 5; from++) {
			size_t n = p.off[from + 1] - p.off[from];

			if (to == from || p.off[to] + n > len)
				continue;
			memcpy(bad, good, len);
			memmove(bad + p.off[to], good + p.off[from], n);
			faultio_put(t.f, wt_path(1, ".wal"), bad, len);
			ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
		}
	free(good);
	free(bad);
	wt_fini(&t);
}
END_TEST

/* A segment that was made with records in it had them before it had its name. */
START_TEST(what_a_segment_was_born_with_is_never_torn_nor_the_end)
{
	static const uint8_t zeros[16384];
	uint8_t *good, *bad;
	uint64_t born;
	struct wt t;
	size_t len;

	for (int how = 0; how < 3; how++) {
		wt_init(&t);
		wt_must_open(&t);
		wt_must_commit(&t, 2);
		wt_must_commit(&t, 5);
		if (how == 0) {		/* copied, for it lost its name */
			faultio_remove(t.f, wt_path(1, ".wal"));
			ck_assert_int_eq(steme_wal_tick(t.w, NULL), STEME_OK);
		} else {		/* written again */
			wt_crash(&t, FIO_LOSE, 0);
			wt_must_open(&t);
		}
		born = steme_wal_end(t.w).offset;
		ck_assert_uint_eq(steme_wal_end(t.w).segment, 2);
		if (how == 2)
			wt_must_commit(&t, 1);
		wt_crash(&t, FIO_LOSE, 0);
		good = faultio_get(t.f, wt_path(2, ".wal"), &len);
		bad = malloc(len);
		for (size_t n = 0; n < born; n += 256) {
			memcpy(bad, good, n);
			memcpy(bad + n, zeros, len - n);
			faultio_put(t.f, wt_path(2, ".wal"), bad,
			    n / 256 % 2 ? n : len);
			ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
		}
		free(good);
		free(bad);
		wt_fini(&t);
	}
}
END_TEST

/* Two pasts of one segment: each group is right, but the chain tells them apart. */
START_TEST(a_group_of_another_past_is_damage)
{
	uint8_t *base, *one, *other;
	uint64_t from, to;
	size_t n, len;
	struct wt t;

	wt_init(&t);
	wt_must_open(&t);
	wt_must_commit(&t, 2);
	wt_close(&t);
	base = faultio_get(t.f, wt_path(1, ".wal"), &n);
	wt_must_open(&t);
	from = steme_wal_end(t.w).offset;
	wt_must_commit(&t, 1);
	to = steme_wal_end(t.w).offset;
	wt_must_commit(&t, 1);
	wt_close(&t);
	one = faultio_get(t.f, wt_path(1, ".wal"), &len);
	faultio_put(t.f, wt_path(1, ".wal"), base, n);
	t.zeros = true;		/* record 3 is another one now */
	t.acked = 2;
	wt_must_open(&t);
	wt_must_commit(&t, 1);
	wt_close(&t);
	other = faultio_get(t.f, wt_path(1, ".wal"), &n);
	ck_assert_mem_ne(one + from, other + from, to - from);
	memcpy(one + from, other + from, to - from);
	faultio_put(t.f, wt_path(1, ".wal"), one, len);
	ck_assert_int_eq(wt_open(&t), STEME_ECORRUPT);
	ck_assert_uint_eq(named_offset(&t, WT_DIR "/segment.001.wal"), to);
	ck_assert_ptr_nonnull(strstr(t.why.text, "does not continue"));
	free(base);
	free(one);
	free(other);
	wt_fini(&t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("wal damage");
	TCase *tc = tcase_create("damage");

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc,
	    a_changed_byte_before_the_end_is_damage_that_is_named, 0, 3);
	tcase_add_loop_test(tc,
	    a_changed_byte_behind_the_end_never_makes_a_wrong_record, 0, 2);
	tcase_add_test(tc,
	    a_scan_that_goes_on_behind_damage_loses_only_what_is_hurt);
	tcase_add_test(tc, a_closed_segment_is_never_torn);
	tcase_add_loop_test(tc,
	    a_tail_torn_at_any_length_is_cut_and_reported, 0, 2);
	tcase_add_test(tc, any_lost_sectors_of_the_last_group_are_torn);
	tcase_add_test(tc,
	    a_torn_group_before_the_checkpoint_refuses_the_start);
	tcase_add_test(tc, zeros_with_a_later_group_behind_them_are_damage);
	tcase_add_test(tc, groups_that_changed_places_are_damage);
	tcase_add_test(tc,
	    what_a_segment_was_born_with_is_never_torn_nor_the_end);
	tcase_add_test(tc, a_group_of_another_past_is_damage);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
