/* SPDX-License-Identifier: Apache-2.0 */
/* check_repair.c - a damaged log becomes a whole one, and loses only what nobody has. */
#include "config.h"
#include "core/repair.h"
#include "core/util.h"
#include "core/walrec.h"
#include "tests/store_util.h"

#define CLAIMS	24
#define SEGMENTS	9	/* none of the tests makes more */

static struct place P;
static struct steme_key ann, bob;
static struct steme_id ids[CLAIMS + 4];
static size_t nids, batch_at;	/* ids[batch_at]: the batch object */
static struct steme_why why;

/* A log of a few segments with claims, a batch and a vote; closed. */
static void
setup(void)
{
	struct made *m = calloc(2, sizeof(*m));
	struct steme_store *s;
	struct steme_write w;
	struct batch b;

	place_make(&P, true, true);
	P.o.segment_bytes = 4096;
	key_of(&ann, 1);
	key_of(&bob, 2);
	nids = 0;
	s = place_open(&P);
	for (int i = 0; i < CLAIMS; i++) {
		char value[400];

		snprintf(value, sizeof(value), "%d %0*d", i, 40 + 70 * (i % 5), 0);
		ids[nids++] = must_claim(s, &ann, i % 2 ? "a/b" : "c", "p", value,
		    T0);
		if (i != CLAIMS / 2)
			continue;
		m[0] = make_claim(&bob, "other", "p", "1", T0);
		m[1] = make_claim(&bob, "other", "p", "2", T0);
		b = make_batch(&bob, m, 2, T0);
		ids[nids++] = m[0].id;
		ids[nids++] = m[1].id;
		batch_at = nids;
		ids[nids++] = b.object.id;
		w = batch_write(&b);
		ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
		free(w.puts);
		batch_free(&b);
	}
	must_write(s, make_vote(&bob, "c", &ids[0], 100, T0));
	steme_store_close(s);
}

static void
teardown(void)
{
	place_remove(&P);
}

static const char *
segment(unsigned n, const char *suffix)
{
	static char path[2][64];
	static int k;

	k = !k;
	snprintf(path[k], sizeof(path[k]), "/wal/segment.%03u.wal%s", n, suffix);
	return path[k];
}

/* The log as it was: what the tests did to it is gone, from the disk as well. */
static void
restore(uint8_t *const good[], const size_t len[], unsigned last)
{
	struct steme_io *io = faultio_io(P.fio);

	/* nothing may be waiting that a later crash would undo */
	ck_assert_int_eq(io->ops->syncdir(io, "/wal"), STEME_OK);
	ck_assert_int_eq(io->ops->syncdir(io, "/wal/repair"), STEME_OK);
	for (unsigned k = 1; k <= 40; k++) {
		faultio_remove(P.fio, segment(k, ""));
		faultio_remove(P.fio, segment(k, ".replaced"));
		if (k <= last)
			faultio_put(P.fio, segment(k, ""), good[k], len[k]);
	}
}

/* The store as somebody finds it who has the log only. */
static void
lose_index(void)
{
	P.mem->ops->close(P.mem);
	ck_assert_int_eq(steme_index_mem(&P.mem), STEME_OK);
	P.o.index = P.mem;
}

static unsigned
newest(void)
{
	unsigned n = 40;

	while (n > 1 && !faultio_exists(P.fio, segment(n, "")))
		n--;
	return n;
}

static char found[8192];

static void
note(void *arg, const struct steme_finding *f)
{
	char hex[STEME_ID_HEX + 1];
	size_t n = strlen(found);

	(void)arg;
	steme_id_hex(hex, &f->id);
	snprintf(found + n, sizeof(found) - n, "%s %s\n", f->text, hex);
}

static int
repair(struct steme_repair_report *r)
{
	found[0] = '\0';
	return steme_repair(&P.o, note, NULL, r, &why);
}

static struct steme_repair_report
must_repair(void)
{
	struct steme_repair_report r;
	int err = repair(&r);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
	return r;
}

/* How many of the objects are there, in a store that verifies, also without its index. */
static size_t
count_good(void)
{
	struct steme_repair_report r;
	size_t n = 0;

	for (int round = 0; round < 2; round++) {
		struct steme_store *s = place_open(&P);

		n = 0;
		for (size_t i = 0; i < nids; i++)
			n += has(s, &ids[i]);
		/* what a batch signed cannot be checked without it */
		if (has(s, &ids[batch_at]))
			must_verify(s);
		must_claim(s, &bob, "after", "p", round ? "x" : "y", T0 + 1);
		steme_store_close(s);
		lose_index();
	}
	/* and there is nothing more to repair */
	r = must_repair();
	ck_assert_uint_eq(r.troubles, 0);
	ck_assert_uint_eq(r.written, 0);
	return n;
}

static int
open_err(void)
{
	struct steme_store *s;
	int err;

	why.text[0] = '\0';
	err = steme_store_open(&s, &P.o, &why);
	if (err == STEME_OK)
		steme_store_close(s);
	return err;
}

/* Offset of the last group of the newest segment. */
static size_t
last_group(unsigned seg)
{
	size_t len, at = 0;
	uint8_t *p = faultio_get(P.fio, segment(seg, ""), &len);
	struct steme_wal_seghdr h;
	struct steme_wal_group g;

	ck_assert_int_eq(steme_walrec_get_segment(&h, p, len), STEME_OK);
	for (size_t off = STEME_WAL_HEADER; off + STEME_WAL_SECTOR <= len;
	    off += STEME_WAL_SECTOR)
		if (steme_walrec_get_group(&g, p + off, len - off, off, h.crc) ==
		    STEME_OK && g.flags == 0)
			at = off;
	free(p);
	ck_assert_uint_gt(at, 0);
	return at;
}

START_TEST(a_whole_log_is_left_alone)
{
	struct steme_repair_report r = must_repair();

	ck_assert_uint_eq(r.troubles, 0);
	ck_assert_uint_eq(r.written + r.aside + r.lost + r.refilled, 0);
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

START_TEST(the_refusal_to_open_names_the_command)
{
	unsigned n = newest();

	lose_index();
	faultio_flip(P.fio, segment(n, ""), last_group(n) + 150, 1);
	ck_assert_int_eq(open_err(), STEME_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(why.text, "steme repair"));
}
END_TEST

START_TEST(a_damaged_last_group_is_taken_from_the_index)
{
	struct steme_repair_report r;
	unsigned n = newest();

	faultio_flip(P.fio, segment(n, ""), last_group(n) + 150, 1);
	r = must_repair();
	ck_assert_uint_eq(r.troubles, 1);
	ck_assert_uint_eq(r.refilled, 1);
	ck_assert_uint_eq(r.lost, 0);
	ck_assert_uint_eq(r.written, 1);
	ck_assert_uint_eq(r.aside, 1);
	ck_assert(!faultio_exists(P.fio, segment(n, "")));
	ck_assert(faultio_exists(P.fio, segment(n, ".replaced")));
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

START_TEST(what_nobody_has_is_lost_only_when_that_is_accepted)
{
	struct steme_repair_report r;
	unsigned n = newest();
	size_t len, len2;
	uint8_t *before, *after;
	char hex[STEME_ID_HEX + 1] = "none", lost[sizeof(found)];
	bool there;

	lose_index();
	/* in a claim's text: its id is still legible */
	faultio_flip(P.fio, segment(2, ""), last_group(2) + 64 + 21 + 200, 1);
	before = faultio_get(P.fio, segment(2, ""), &len);
	ck_assert_int_eq(repair(&r), STEME_EGAP);
	ck_assert_uint_eq(r.lost, 1);
	ck_assert_ptr_nonnull(strstr(why.text, "--accept-gaps"));
	ck_assert_ptr_nonnull(strstr(found, segment(2, "")));
	ck_assert_ptr_nonnull(strstr(found, "is lost"));
	memcpy(lost, found, sizeof(lost));
	ck_assert_uint_eq(newest(), n);
	after = faultio_get(P.fio, segment(2, ""), &len2);
	ck_assert_uint_eq(len, len2);
	ck_assert_mem_eq(before, after, len);

	P.o.accept_gaps = true;
	r = must_repair();
	ck_assert_uint_eq(r.lost, 1);
	ck_assert_uint_eq(r.aside, n - 1);
	free(after);
	after = faultio_get(P.fio, segment(2, ".replaced"), &len2);
	ck_assert_mem_eq(before, after, len);
	P.o.accept_gaps = false;
	ck_assert_uint_eq(count_good(), nids - 1);
	for (size_t i = 0; i < nids; i++) {
		struct steme_store *s = place_open(&P);

		there = has(s, &ids[i]);
		steme_store_close(s);
		if (!there)
			steme_id_hex(hex, &ids[i]);
	}
	ck_assert_msg(strstr(lost, hex) != NULL, "%s is not in: %s", hex, lost);
	free(before);
	free(after);
}
END_TEST

/* Under AddressSanitizer, which makes all of it several times slower, one in four. */
#ifdef __SANITIZE_ADDRESS__
#define THIN	4
#else
#define THIN	1
#endif

/* Every 7th byte of every segment, with and without the index. */
START_TEST(a_changed_byte_anywhere_is_repaired)
{
	uint8_t *good[SEGMENTS + 1] = { NULL };
	size_t len[SEGMENTS + 1] = { 0 }, n, most = 0, tried = 0;
	unsigned last = newest();
	bool with = _i < 4;

	ck_assert_uint_le(last, SEGMENTS);
	for (unsigned i = 1; i <= last; i++)
		good[i] = faultio_get(P.fio, segment(i, ""), &len[i]);
	for (unsigned i = 1; i <= last; i++)
		most = STEME_MAX(most, len[i]);
	for (size_t off = (size_t)_i % 7; off < most; off += 7 * 37 * THIN) {
		for (unsigned i = 1; i <= last; i++) {
			struct steme_repair_report r;

			if (off >= len[i])
				continue;
			restore(good, len, last);
			lose_index();
			if (with)
				ck_assert_int_eq(open_err(), STEME_OK);
			faultio_flip(P.fio, segment(i, ""), off, 0x5a);
			P.o.accept_gaps = !with;
			r = must_repair();
			P.o.accept_gaps = false;
			if (with)
				ck_assert_uint_eq(r.lost, 0);
			n = count_good();
			/* a group is lost at most: the batch has three objects */
			ck_assert_uint_ge(n, with ? nids : nids - 12);
			tried++;
		}
	}
	ck_assert_uint_gt(tried, 50 / THIN);
	for (unsigned i = 1; i <= last; i++)
		free(good[i]);
}
END_TEST

START_TEST(segments_that_are_missing_come_back_from_the_index)
{
	struct steme_repair_report r;
	unsigned n = newest();

	/* one in the middle, or the last one */
	faultio_remove(P.fio, segment(_i == 0 ? 2 : n, ""));
	r = must_repair();
	ck_assert_uint_gt(r.refilled, 1);
	ck_assert_uint_eq(r.lost, 0);
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

START_TEST(segments_moved_away_in_front_are_left_where_they_are)
{
	struct steme_repair_report r;
	unsigned n = newest();

	faultio_move(P.fio, segment(1, ""), "/elsewhere");
	faultio_flip(P.fio, segment(n, ""), last_group(n) + 150, 1);
	r = must_repair();
	ck_assert_uint_eq(r.refilled, 1);
	ck_assert(faultio_exists(P.fio, segment(2, "")));
	faultio_move(P.fio, "/elsewhere", segment(1, ""));
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

START_TEST(a_store_whose_first_record_is_lost_gets_a_new_identity)
{
	struct steme_genesis was, is;
	struct steme_store *s = place_open(&P);

	was = *steme_store_genesis(s);
	steme_store_close(s);
	/* the genesis' group header */
	faultio_flip(P.fio, segment(1, ""), STEME_WAL_HEADER + 64 + 30, 1);
	if (_i == 0)
		lose_index();
	P.o.accept_gaps = true;
	must_repair();
	P.o.accept_gaps = false;
	s = place_open(&P);
	is = *steme_store_genesis(s);
	steme_store_close(s);
	ck_assert_int_eq(memcmp(was.store, is.store, sizeof(is.store)) == 0, _i == 1);
	ck_assert(steme_id_eq(&was.operator_, &is.operator_));
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

/*
 * Stopped before any call that changes something; the power goes, or does not; and nobody
 * has an index that could hide that the log lost its end.
 */
START_TEST(a_repair_that_is_interrupted_is_done_by_the_next_one)
{
	struct steme_repair_report r;
	unsigned last = newest(), stops = 0;
	uint8_t *good[SEGMENTS + 1] = { NULL };
	size_t len[SEGMENTS + 1] = { 0 };
	bool done = false, bare = _i >= 3;

	for (unsigned i = 1; i <= last; i++)
		good[i] = faultio_get(P.fio, segment(i, ""), &len[i]);
	for (unsigned long at = 1; !done; at += THIN) {
		restore(good, len, last);
		lose_index();
		if (!bare)
			ck_assert_int_eq(open_err(), STEME_OK);
		P.o.accept_gaps = bare;
		faultio_flip(P.fio, segment(2, ""), last_group(2) + 150, 1);
		faultio_fail(P.fio, FIO_CHANGES, at, STEME_EIO, 0, true);
		done = repair(&r) == STEME_OK && !faultio_failed(P.fio);
		faultio_crash(P.fio, (enum faultio_crash)(_i % 3), (unsigned)at);
		stops += !done;
		must_repair();
		P.o.accept_gaps = false;
		ck_assert_uint_eq(count_good(), bare ? nids - 1 : nids);
	}
	ck_assert_uint_gt(stops, 20 / THIN);
	for (unsigned i = 1; i <= last; i++)
		free(good[i]);
}
END_TEST

/* One of the things that happen to files. */
static void
spoil(unsigned *seed, unsigned last)
{
	unsigned seg = 1 + (unsigned)rand_r(seed) % last;
	size_t len, at, n;
	uint8_t *p = faultio_get(P.fio, segment(seg, ""), &len);

	if (p == NULL)
		return;
	at = len == 0 ? 0 : (size_t)rand_r(seed) % len;
	n = 1 + (size_t)rand_r(seed) % 1500;
	n = STEME_MIN(n, len - at);
	switch (rand_r(seed) % 6) {
	case 0:
		faultio_remove(P.fio, segment(seg, ""));
		break;
	case 1:
		faultio_put(P.fio, segment(seg, ""), p, at);
		break;
	case 2:
		memset(p + at, 0, n);
		faultio_put(P.fio, segment(seg, ""), p, len);
		break;
	case 3:		/* a part of it lies elsewhere, too */
		memmove(p + at / 512 * 512, p + len / 1024 * 512,
		    STEME_MIN(len - at, len - len / 1024 * 512));
		faultio_put(P.fio, segment(seg, ""), p, len);
		break;
	default:
		for (size_t i = 0; i < n; i++)
			p[at + i] ^= (uint8_t)rand_r(seed);
		faultio_put(P.fio, segment(seg, ""), p, len);
	}
	free(p);
}

/* Whatever is left of it, the log is whole afterwards, and with an index nothing is lost. */
START_TEST(a_log_that_was_spoiled_at_random_is_repaired)
{
	uint8_t *good[SEGMENTS + 1] = { NULL };
	size_t len[SEGMENTS + 1] = { 0 };
	unsigned last = newest(), seed = 1 + (unsigned)_i, repaired = 0;

	for (unsigned i = 1; i <= last; i++)
		good[i] = faultio_get(P.fio, segment(i, ""), &len[i]);
	for (int round = 0; round < 40 / THIN; round++) {
		struct steme_repair_report r;
		bool with = round % 2 == 0;
		int err;

		restore(good, len, last);
		lose_index();
		if (with)
			ck_assert_int_eq(open_err(), STEME_OK);
		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			spoil(&seed, last);
		P.o.accept_gaps = true;
		err = repair(&r);
		P.o.accept_gaps = false;
		/* nothing at all is left */
		if (!with && (err == STEME_ENOTFOUND || strstr(why.text,
		    "nothing of this log can be had") != NULL))
			continue;
		ck_assert_msg(err == STEME_OK, "seed %d, round %d: %s", _i, round,
		    why.text);
		/* segments that are gone in front were moved away, says the repair */
		if (!faultio_exists(P.fio, segment(1, "")) && r.troubles == 0)
			continue;
		ck_assert_msg(!with || r.lost == 0, "seed %d, round %d: %s", _i,
		    round, found);
		lose_index();
		if (open_err() == STEME_EGAP && !faultio_exists(P.fio,
		    segment(1, "")))
			continue;
		ck_assert_msg(open_err() == STEME_OK, "seed %d, round %d: %s", _i,
		    round, why.text);
		r = must_repair();
		ck_assert_uint_eq(r.troubles, 0);
		repaired++;
	}
	ck_assert_uint_gt(repaired, 12 / THIN);
	for (unsigned i = 1; i <= last; i++)
		free(good[i]);
}
END_TEST

/* Nothing could be written: without its segments the folder would become another store. */
START_TEST(a_log_without_one_legible_record_is_left_alone)
{
	struct steme_repair_report r;
	size_t len = 0, kept;
	uint8_t *p = faultio_get(P.fio, segment(1, ""), &len), *now;

	ck_assert_uint_gt(len, 2048);
	memset(p + 512, 0xff, 1536);
	for (unsigned i = newest(); i > 0; i--)
		faultio_remove(P.fio, segment(i, ""));
	faultio_put(P.fio, segment(1, ""), p, 2048);
	lose_index();
	P.o.accept_gaps = true;
	ck_assert_int_eq(repair(&r), STEME_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(why.text, "nothing of this log can be had"));
	now = faultio_get(P.fio, segment(1, ""), &kept);
	ck_assert_uint_eq(kept, 2048);
	ck_assert_mem_eq(now, p, 2048);
	free(now);
	free(p);
}
END_TEST

START_TEST(a_full_disk_leaves_the_log_as_it_was)
{
	struct steme_repair_report r;
	unsigned n = newest();

	faultio_flip(P.fio, segment(1, ""), last_group(1) + 150, 1);
	faultio_space(P.fio, faultio_used(P.fio) + 6000);
	ck_assert_int_eq(repair(&r), STEME_ENOSPC);
	ck_assert_uint_eq(newest(), n);
	faultio_space(P.fio, 0);
	r = must_repair();
	ck_assert_uint_eq(r.lost, 0);
	ck_assert_uint_eq(count_good(), nids);
}
END_TEST

START_TEST(a_running_daemon_is_not_disturbed)
{
	struct steme_repair_report r;
	struct steme_store *s = place_open(&P);

	ck_assert_int_eq(repair(&r), STEME_EBUSY);
	steme_store_close(s);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("repair");
	TCase *t = tcase_create("repair");

	tcase_set_timeout(t, 240);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_whole_log_is_left_alone);
	tcase_add_test(t, the_refusal_to_open_names_the_command);
	tcase_add_test(t, a_damaged_last_group_is_taken_from_the_index);
	tcase_add_test(t, what_nobody_has_is_lost_only_when_that_is_accepted);
	tcase_add_loop_test(t, a_changed_byte_anywhere_is_repaired, 0, 8);
	tcase_add_loop_test(t, segments_that_are_missing_come_back_from_the_index,
	    0, 2);
	tcase_add_test(t, segments_moved_away_in_front_are_left_where_they_are);
	tcase_add_loop_test(t, a_store_whose_first_record_is_lost_gets_a_new_identity,
	    0, 2);
	tcase_add_loop_test(t, a_repair_that_is_interrupted_is_done_by_the_next_one,
	    0, 6);
	tcase_add_loop_test(t, a_log_that_was_spoiled_at_random_is_repaired, 0, 4);
	tcase_add_test(t, a_log_without_one_legible_record_is_left_alone);
	tcase_add_test(t, a_full_disk_leaves_the_log_as_it_was);
	tcase_add_test(t, a_running_daemon_is_not_disturbed);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
