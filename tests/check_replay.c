/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_replay.c - LevelDB's own files after a power cut: holes in its log, bytes of it
 * changed, tables gone.  Whatever they hold, the store has everything.
 */
#include "config.h"
#include "core/crc.h"
#include "tests/store_util.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct place P;
static struct steme_key ann;
static struct steme_id ids[4000];
static size_t nids;

static void
write_claims(struct steme_store *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct steme_object o;
		struct steme_put p;
		struct made m;
		char concept[64], value[300];

		snprintf(concept, sizeof(concept), "c%zu/d%zu", nids % 7, nids % 30);
		snprintf(value, sizeof(value), "%zu %0200d", nids, 0);
		o = claim(concept, nids % 2 ? "p" : "q", value, T0);
		if (nids % 3 == 0)
			o.source = STEME_LIT("src");
		m = make(&o, &ann);
		ck_assert_int_eq(write_one(s, &m, &p), STEME_OK);
		ids[nids++] = p.id;
		made_free(&m);
	}
}

static void
copy_file(const char *from, const char *to)
{
	char buf[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0640);
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		ck_assert_int_eq(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

/* The folder as it would be found if the power went now: then close has no effect. */
static void
copy_dir(const char *from, const char *to)
{
	DIR *d = opendir(from);
	const struct dirent *e;
	char a[512], b[512];

	ck_assert_int_eq(mkdir(to, 0750), 0);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(a, sizeof(a), "%s/%s", from, e->d_name);
		snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
		copy_file(a, b);
	}
	closedir(d);
}

/* The largest file of the index whose name ends so; its length. */
static off_t
largest(const char *kv, const char *suffix, char out[512])
{
	DIR *d = opendir(kv);
	const struct dirent *e;
	off_t best = -1;
	struct stat st;
	char path[512];

	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), k = strlen(suffix);

		if (n < k || strcmp(e->d_name + n - k, suffix) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", kv, e->d_name);
		if (stat(path, &st) == 0 && st.st_size > best) {
			best = st.st_size;
			snprintf(out, 512, "%s", path);
		}
	}
	closedir(d);
	return best;
}

/* A copy of wal and kv taken while the store was open, kept for many damages. */
static char wal0[128], kv0[128];
static struct steme_store_stats good;

static void
setup(void)
{
	struct steme_store *s;

	place_make(&P, false, false);
	key_of(&ann, 1);
	nids = 0;
	s = place_open(&P);
	write_claims(s, 200);
	steme_store_checkpoint(s);
	write_claims(s, 400);
	steme_store_stats(s, &good);
	snprintf(wal0, sizeof(wal0), "%s/wal0", P.dir);
	snprintf(kv0, sizeof(kv0), "%s/kv0", P.dir);
	copy_dir(P.kv, kv0);
	copy_dir(P.wal, wal0);
	steme_store_close(s);
}

static void
teardown(void)
{
	place_remove(&P);
}

static void
restore(void)
{
	remove_tree(P.kv);
	remove_tree(P.wal);
	copy_dir(kv0, P.kv);
	copy_dir(wal0, P.wal);
}

static void
all_is_there(struct steme_store_stats *st)
{
	struct steme_store *s = place_open(&P);

	for (size_t i = 0; i < nids; i++)
		ck_assert_msg(has(s, &ids[i]), "claim %zu is gone", i);
	steme_store_stats(s, st);
	ck_assert_uint_eq(st->lsn, good.lsn);
	ck_assert_mem_eq(&st->counts, &good.counts, sizeof(st->counts));
	must_verify(s);
	write_claims(s, 2);
	nids -= 2;
	steme_store_close(s);
	s = place_open(&P);
	must_verify(s);
	steme_store_close(s);
}

static void
zero(const char *path, off_t at, size_t n)
{
	char *z = calloc(1, n);
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, z, n, at), (ssize_t)n);
	close(fd);
	free(z);
}

START_TEST(an_intact_copy_needs_no_replay)
{
	struct steme_store_stats st;

	restore();
	all_is_there(&st);
	ck_assert_uint_eq(st.replayed_records, 0);
	ck_assert_uint_eq(st.applied_gaps, 0);
}
END_TEST

START_TEST(a_hole_in_leveldbs_log_is_filled_from_ours)
{
	struct steme_store_stats st;
	unsigned replays = 0;
	char path[512];
	off_t len, step;

	restore();
	len = largest(P.kv, ".log", path);
	ck_assert_int_gt(len, 100000);
	step = len / 25;
	for (off_t at = 0; at + 4096 < len; at += step) {
		restore();
		largest(P.kv, ".log", path);
		/* a page that never got to the disk reads as zeros */
		zero(path, at & ~(off_t)4095, 4096);
		all_is_there(&st);
		replays += st.replayed_records > 0;
	}
	ck_assert_uint_gt(replays, 20);
}
END_TEST

START_TEST(whole_blocks_missing_in_leveldbs_log_are_no_loss)
{
	struct steme_store_stats st;
	unsigned gaps = 0, rebuilds = 0;
	const off_t block = 32768;
	char path[512];
	off_t len;

	restore();
	len = largest(P.kv, ".log", path);
	for (off_t at = 0; at + 2 * block < len; at += block) {
		restore();
		largest(P.kv, ".log", path);
		zero(path, at, (size_t)block);
		all_is_there(&st);
		gaps += st.applied_gaps > 0;
		rebuilds += st.replayed_records == good.lsn;
	}
	/* either LevelDB has noticed, or the numbers of the batches tell */
	if (getenv("V") != NULL)
		fprintf(stderr, "%u gaps, %u rebuilds\n", gaps, rebuilds);
	ck_assert_uint_gt(gaps + rebuilds, 3);
}
END_TEST

/* ---- LevelDB's log, taken apart: blocks of 32 KiB, fragments of 7 bytes and data ---- */

struct logical {
	uint8_t *data;
	size_t n;
};

static size_t
read_leveldb_log(const char *path, struct logical *out, size_t max)
{
	static uint8_t buf[4 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, buf, sizeof(buf));
	size_t n = 0, at = 0;

	close(fd);
	ck_assert_int_gt(len, 0);
	while (at + 7 <= (size_t)len) {
		size_t left = 32768 - at % 32768;
		size_t k = buf[at + 4] | (size_t)buf[at + 5] << 8;
		uint8_t type = buf[at + 6];

		if (left < 7) {
			at += left;
			continue;
		}
		if (type == 0)
			break;
		if (type == 1 || type == 2) {
			ck_assert_uint_lt(n, max);
			out[n++] = (struct logical){ NULL, 0 };
		}
		out[n - 1].data = realloc(out[n - 1].data, out[n - 1].n + k);
		memcpy(out[n - 1].data + out[n - 1].n, buf + at + 7, k);
		out[n - 1].n += k;
		at += 7 + k;
	}
	return n;
}

static void
put_fragment(int fd, uint8_t type, const uint8_t *data, size_t n)
{
	uint8_t h[7] = { 0, 0, 0, 0, (uint8_t)n, (uint8_t)(n >> 8), type };
	uint32_t crc = steme_crc32c(steme_crc32c(0, &type, 1), data, n);

	crc = (crc >> 15 | crc << 17) + 0xa282ead8u;
	for (int i = 0; i < 4; i++)
		h[i] = (uint8_t)(crc >> 8 * i);
	ck_assert_int_eq(write(fd, h, 7), 7);
	ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
}

/* The same log without records [from, to): batches that are gone without a trace. */
static void
write_leveldb_log(const char *path, const struct logical *r, size_t n, size_t from,
    size_t to)
{
	static const uint8_t zeros[7];
	int fd = open(path, O_WRONLY | O_TRUNC);
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t done = 0;

		if (i >= from && i < to)
			continue;
		do {
			size_t left = 32768 - at % 32768, k;
			bool first = done == 0, last;

			if (left < 7) {
				ck_assert_int_eq(write(fd, zeros, left),
				    (ssize_t)left);
				at += left;
				continue;
			}
			k = r[i].n - done < left - 7 ? r[i].n - done : left - 7;
			last = done + k == r[i].n;
			put_fragment(fd, first ? last ? 1 : 2 : last ? 4 : 3,
			    r[i].data + done, k);
			done += k;
			at += 7 + k;
		} while (done < r[i].n);
	}
	close(fd);
}

START_TEST(batches_that_vanished_without_a_trace_are_noticed_by_their_numbers)
{
	static struct logical r[2000];
	struct steme_store_stats st;
	char path[512];
	size_t n;

	restore();
	largest(P.kv, ".log", path);
	n = read_leveldb_log(path, r, 2000);
	ck_assert_uint_gt(n, 300);
	for (size_t i = 0; i < 12; i++) {
		size_t from = 5 + i * (n / 13), to = from + 1 + i * 3;

		restore();
		largest(P.kv, ".log", path);
		write_leveldb_log(path, r, n, from, to);
		all_is_there(&st);
		ck_assert_uint_eq(st.applied_gaps, 1);
		ck_assert_uint_gt(st.replayed_records, 0);
		ck_assert_uint_lt(st.replayed_records, good.lsn);
	}
	for (size_t i = 0; i < n; i++)
		free(r[i].data);
}
END_TEST

START_TEST(a_log_of_leveldb_that_was_cut_is_made_up_from_ours)
{
	struct steme_store_stats st;
	char path[512];
	off_t len;

	for (int i = 0; i < 12; i++) {
		restore();
		len = largest(P.kv, ".log", path);
		ck_assert_int_eq(truncate(path, len * i / 12), 0);
		all_is_there(&st);
		ck_assert_uint_gt(st.replayed_records, 0);
	}
}
END_TEST

START_TEST(changed_bytes_of_leveldbs_log_are_no_wrong_answers)
{
	struct steme_store_stats st;
	char path[512], c;
	off_t len, at;
	int fd;

	for (int i = 0; i < 16; i++) {
		restore();
		len = largest(P.kv, ".log", path);
		at = len * i / 16 + i * 13;
		fd = open(path, O_RDWR);
		ck_assert_int_eq(pread(fd, &c, 1, at), 1);
		c ^= 0x20;
		ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
		close(fd);
		all_is_there(&st);
	}
}
END_TEST

START_TEST(a_damaged_index_is_rebuilt_from_the_log)
{
	static const char *suffix[] = { ".ldb", "CURRENT", "000", ".log" };
	struct steme_store_stats st;
	char path[512];

	restore();
	if (_i == 2) {
		/* the manifest: whatever its number */
		DIR *d = opendir(P.kv);
		const struct dirent *e;

		while ((e = readdir(d)) != NULL)
			if (strncmp(e->d_name, "MANIFEST", 8) == 0)
				snprintf(path, sizeof(path), "%s/%s", P.kv,
				    e->d_name);
		closedir(d);
		ck_assert_int_eq(truncate(path, 20), 0);
	} else {
		ck_assert_int_ge(largest(P.kv, suffix[_i], path), 0);
		ck_assert_int_eq(unlink(path), 0);
	}
	all_is_there(&st);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("replay");
	TCase *t = tcase_create("replay");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_intact_copy_needs_no_replay);
	tcase_add_test(t, a_hole_in_leveldbs_log_is_filled_from_ours);
	tcase_add_test(t, whole_blocks_missing_in_leveldbs_log_are_no_loss);
	tcase_add_test(t,
	    batches_that_vanished_without_a_trace_are_noticed_by_their_numbers);
	tcase_add_test(t, a_log_of_leveldb_that_was_cut_is_made_up_from_ours);
	tcase_add_test(t, changed_bytes_of_leveldbs_log_are_no_wrong_answers);
	tcase_add_loop_test(t, a_damaged_index_is_rebuilt_from_the_log, 0, 4);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
