/* SPDX-License-Identifier: Apache-2.0 */
/* check_index_leveldb.c - what only the index on disk promises. */
#include "config.h"
#include "tests/index_kinds.h"
#include "core/index_files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- helpers ---- */

static void
path_of(char out[600], const char *name)
{
	snprintf(out, 600, "%s/%s", kv, name);
}

static void
make_file(const char *name, const char *text)
{
	char path[600];
	FILE *f;

	path_of(path, name);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
}

static bool
there(const char *name)
{
	char path[600];

	path_of(path, name);
	return access(path, F_OK) == 0;
}

/* The name of the nth file of a kind, in kv; false if there are fewer. */
static bool
nth_file(enum steme_index_file kind, unsigned nth, char out[600])
{
	DIR *d = opendir(kv);
	struct dirent *e;
	bool found = false;

	while (!found && (e = readdir(d)) != NULL)
		if (steme_index_file_kind(e->d_name) == kind && nth-- == 0) {
			path_of(out, e->d_name);
			found = true;
		}
	closedir(d);
	return found;
}

/* LevelDB's logs as a power cut may leave them: there, but without their bytes. */
static void
cut_logs(void)
{
	char path[600];
	unsigned n = 0;

	while (nth_file(STEME_FILE_LOG, n, path)) {
		ck_assert_int_eq(truncate(path, 0), 0);
		n++;
	}
	ck_assert_uint_gt(n, 0);
}

static void
flip(const char *path, off_t off)
{
	int fd = open(path, O_RDWR);
	uint8_t b;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &b, 1, off), 1);
	b ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &b, 1, off), 1);
	close(fd);
}

static void
key_of(char key[16], unsigned i)
{
	snprintf(key, 16, "k%06u", i);
}

/* Keys k..from to k..to-1, with values of n bytes that do not compress. */
static int
put_many(unsigned from, unsigned to, size_t n)
{
	struct steme_batch *b = steme_batch_new();
	uint8_t val[1024];
	char key[16];
	int err = STEME_OK;

	for (unsigned i = from; err == STEME_OK && i < to; i++) {
		uint32_t r = i * 2654435761u + 1;

		for (size_t j = 0; j < n; j++) {
			r = r * 1664525 + 1013904223;
			val[j] = (uint8_t)(r >> 24);
		}
		key_of(key, i);
		steme_batch_put(b, key, 7, val, n);
		if (i % 10 == 9 || i + 1 == to)
			err = ix->ops->write(ix, b, false);
	}
	steme_batch_free(b);
	return err;
}

/* How many of the keys k..0 to k..n-1 are there. */
static unsigned
count_many(unsigned n)
{
	unsigned found = 0;
	uint8_t *val;
	char key[16];
	size_t len;
	int err;

	for (unsigned i = 0; i < n; i++) {
		key_of(key, i);
		err = ix->ops->get(ix, NULL, key, 7, &val, &len);
		free(val);
		ck_assert(err == STEME_OK || err == STEME_ENOTFOUND);
		found += err == STEME_OK;
	}
	return found;
}

/* ---- durability ---- */

START_TEST(what_was_written_is_there_after_reopening)
{
	open_kind(LEVELDB);
	put("a", "1");
	put("b", "2");
	del("a");
	reopen();
	ck_assert_str_eq(range(NULL, NULL, false), "b=2");
	put("c", "3");
	reopen();
	ck_assert_str_eq(range(NULL, NULL, false), "b=2 c=3");
}
END_TEST

START_TEST(a_checkpoint_does_not_need_leveldbs_logs)
{
	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 5000, 100), STEME_OK);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	put("later", "1");
	shut();
	cut_logs();
	open_kind(LEVELDB);
	ck_assert_uint_eq(count_many(5000), 5000);
	ck_assert_ptr_null(get("later"));
}
END_TEST

START_TEST(without_a_checkpoint_cut_logs_lose_keys)
{
	/* the test above proves nothing unless this one holds */
	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 5000, 100), STEME_OK);
	shut();
	cut_logs();
	open_kind(LEVELDB);
	ck_assert_uint_eq(count_many(5000), 0);
}
END_TEST

START_TEST(checkpoints_follow_each_other_and_may_have_nothing_to_do)
{
	open_kind(LEVELDB);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_eq(put_many(i * 10, i * 10 + 10, 50), STEME_OK);
		ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
		ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	}
	shut();
	cut_logs();
	open_kind(LEVELDB);
	ck_assert_uint_eq(count_many(200), 200);
}
END_TEST

/* ---- one owner ---- */

START_TEST(a_second_open_is_refused_and_names_the_process)
{
	struct steme_index *second;
	struct steme_why why = { "" };
	char pid[32];

	open_kind(LEVELDB);
	put("a", "1");
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(steme_index_leveldb(&second, kv, NULL, &why),
		    STEME_EBUSY);
		ck_assert_ptr_null(second);
		ck_assert_ptr_nonnull(strstr(why.text, "already held by"));
		ck_assert_ptr_nonnull(strstr(why.text, pid));
	}
	ck_assert_int_eq(steme_index_leveldb_destroy(kv, &why), STEME_EBUSY);
	put("b", "2");
	reopen();
	ck_assert_str_eq(range(NULL, NULL, false), "a=1 b=2");
}
END_TEST

START_TEST(another_process_is_refused_even_after_a_refused_open_here)
{
	struct steme_index *second;
	struct steme_why why = { "" };
	int status;
	pid_t pid;

	open_kind(LEVELDB);
	steme_index_leveldb(&second, kv, NULL, &why);
	if ((pid = fork()) == 0) {
		int err = steme_index_leveldb(&second, kv, NULL, &why);

		_exit(err == STEME_EBUSY ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(must_exist_makes_nothing)
{
	const struct steme_index_opts o = { .must_exist = true, .paranoid = true };
	struct steme_why why = { "" };

	ck_assert_int_eq(steme_index_leveldb(&ix, kv, &o, &why), STEME_ENOTFOUND);
	ck_assert_ptr_null(ix);
	ck_assert_ptr_nonnull(strstr(why.text, kv));
	ck_assert_int_ne(access(kv, F_OK), 0);
	open_kind(LEVELDB);
	put("a", "1");
	shut();
	open_opts(LEVELDB, &o);
	ck_assert_str_eq(get("a"), "1");
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_is_named)
{
	struct steme_why why = { "" };
	char path[400];

	snprintf(path, sizeof(path), "%s/none/kv", dir);
	ck_assert_int_eq(steme_index_leveldb(&ix, path, NULL, &why),
	    STEME_ENOTFOUND);
	ck_assert_ptr_nonnull(strstr(why.text, path));
}
END_TEST

/* ---- destroy ---- */

START_TEST(destroy_removes_leveldbs_files_and_no_others)
{
	static const char *const foreign[] = { "notes.txt", "12.gz", "LOG.bak",
	    "MANIFEST-", "MANIFEST-1x", ".log", "x.ldb", "CURRENT.old" };
	struct steme_why why = { "" };
	struct stat st;

	open_kind(LEVELDB);
	put("a", "1");
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	reopen();
	shut();
	for (size_t i = 0; i < 8; i++)
		make_file(foreign[i], "keep");
	ck_assert_int_eq(steme_index_leveldb_destroy(kv, &why), STEME_OK);
	for (size_t i = 0; i < 8; i++)
		ck_assert_msg(there(foreign[i]), "%s", foreign[i]);
	ck_assert_int_eq(stat(kv, &st), 0);
	ck_assert(!there("CURRENT") && !there("LOCK") && !there("LOG"));
	ck_assert_int_eq(steme_index_leveldb_destroy(kv, &why), STEME_OK);
	open_kind(LEVELDB);
	ck_assert_str_eq(range(NULL, NULL, false), "");
}
END_TEST

START_TEST(destroy_of_nothing_is_fine)
{
	struct steme_why why = { "" };

	ck_assert_int_eq(steme_index_leveldb_destroy(kv, &why), STEME_OK);
}
END_TEST

START_TEST(file_kinds_are_told_by_name)
{
	ck_assert_int_eq(steme_index_file_kind("000012.ldb"), STEME_FILE_TABLE);
	ck_assert_int_eq(steme_index_file_kind("7.sst"), STEME_FILE_TABLE);
	ck_assert_int_eq(steme_index_file_kind("000012.log"), STEME_FILE_LOG);
	ck_assert_int_eq(steme_index_file_kind("CURRENT"), STEME_FILE_CURRENT);
	ck_assert_int_eq(steme_index_file_kind("MANIFEST-000002"), STEME_FILE_OTHER);
	ck_assert_int_eq(steme_index_file_kind("000009.dbtmp"), STEME_FILE_OTHER);
	ck_assert_int_eq(steme_index_file_kind("LOG.old"), STEME_FILE_OTHER);
	ck_assert_int_eq(steme_index_file_kind("000012.ldb.gz"), STEME_FILE_FOREIGN);
	ck_assert_int_eq(steme_index_file_kind("ldb"), STEME_FILE_FOREIGN);
	ck_assert_int_eq(steme_index_file_kind(""), STEME_FILE_FOREIGN);
}
END_TEST

/* ---- damage ---- */

/* A table of 2,000 keys with one bit flipped in the middle of its blocks. */
static void
make_damaged(void)
{
	char path[600];
	struct stat st;

	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 2000, 100), STEME_OK);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	shut();
	ck_assert(nth_file(STEME_FILE_TABLE, 0, path));
	ck_assert_int_eq(stat(path, &st), 0);
	flip(path, st.st_size / 2);
	open_kind(LEVELDB);
}

START_TEST(a_damaged_block_is_an_error_for_get_never_a_missing_key)
{
	struct steme_index_stats stats;
	unsigned damaged = 0;
	uint8_t *val;
	char key[16];
	size_t n;
	int err;

	make_damaged();
	for (unsigned i = 0; i < 2000; i++) {
		key_of(key, i);
		err = ix->ops->get(ix, NULL, key, 7, &val, &n);
		ck_assert_msg(err == STEME_OK || err == STEME_ECORRUPT, "%s: %s",
		    key, steme_errname(err));
		damaged += err == STEME_ECORRUPT;
		free(val);
	}
	ck_assert_uint_gt(damaged, 0);
	ck_assert_uint_lt(damaged, 200);
	ck_assert_int_eq(ix->ops->stats(ix, &stats), STEME_OK);
	ck_assert_ptr_nonnull(strstr(stats.error, "Corruption"));
}
END_TEST

START_TEST(an_iterator_stops_at_a_damaged_block_instead_of_stepping_over_it)
{
	struct steme_iter it;
	char key[16];
	unsigned n = 0;
	int err;

	make_damaged();
	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, _i == 1, &it);
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		key_of(key, _i == 1 ? 1999 - n : n);
		ck_assert_mem_eq(it.key, key, 7);
		n++;
	}
	ck_assert_int_eq(err, STEME_ECORRUPT);
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_lt(n, 1900);
	ix->ops->iter_close(ix, &it);
}
END_TEST

START_TEST(a_damaged_log_of_leveldb_refuses_to_open)
{
	struct steme_why why = { "" };
	char path[600];

	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 2000, 100), STEME_OK);
	shut();
	ck_assert(nth_file(STEME_FILE_LOG, 0, path));
	flip(path, 60000);
	ck_assert_int_eq(steme_index_leveldb(&ix, kv, NULL, &why), STEME_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(why.text, "steme rebuild"));
	ck_assert_ptr_nonnull(strstr(why.text, kv));
	ck_assert_int_eq(steme_index_leveldb_destroy(kv, &why), STEME_OK);
}
END_TEST

START_TEST(a_missing_table_refuses_to_open)
{
	struct steme_why why = { "" };
	char path[600];

	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 100, 100), STEME_OK);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	shut();
	ck_assert(nth_file(STEME_FILE_TABLE, 0, path));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(steme_index_leveldb(&ix, kv, NULL, &why), STEME_ECORRUPT);
}
END_TEST

START_TEST(a_lost_manifest_refuses_to_open)
{
	struct steme_why why = { "" };
	char path[600];

	open_kind(LEVELDB);
	put("a", "1");
	shut();
	for (unsigned n = 0; nth_file(STEME_FILE_OTHER, n, path); n++)
		if (strstr(path, "MANIFEST") != NULL)
			break;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(steme_index_leveldb(&ix, kv, NULL, &why), STEME_ECORRUPT);
}
END_TEST

/* ---- a full disk ---- */

/* No file may grow beyond bytes (RLIM_INFINITY: as before). */
static void
limit_files(rlim_t bytes)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	if (bytes == RLIM_INFINITY)
		r.rlim_cur = r.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
	signal(SIGXFSZ, SIG_IGN);
}

START_TEST(when_its_log_cannot_grow_writes_stop_reads_go_on_and_writes_resume)
{
	struct steme_batch *b;
	struct steme_iter it;
	unsigned n = 0;

	open_kind(LEVELDB);
	b = steme_batch_new();
	limit_files(1 << 20);
	while (put_many(n, n + 10, 1000) == STEME_OK)
		n += 10;
	ck_assert_uint_gt(n, 500);
	steme_batch_put(b, "kept", 4, "1", 1);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_ENOSPC);
	ck_assert_uint_eq(steme_batch_count(b), 1);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_ENOSPC);
	ck_assert_uint_eq(count_many(n), n);
	limit_files(RLIM_INFINITY);
	/* an open iterator holds the handle that must be exchanged */
	ix->ops->iter_open(ix, NULL, NULL, 0, NULL, 0, false, &it);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_ENOSPC);
	ck_assert_int_eq(ix->ops->iter_next(ix, &it), STEME_OK);
	ix->ops->iter_close(ix, &it);
	ck_assert_int_eq(ix->ops->write(ix, b, false), STEME_OK);
	steme_batch_free(b);
	ck_assert_int_eq(put_many(n, n + 10, 1000), STEME_OK);
	ck_assert_uint_eq(count_many(n + 10), n + 10);
	reopen();
	ck_assert_uint_eq(count_many(n + 10), n + 10);
	ck_assert_str_eq(get("kept"), "1");
}
END_TEST

START_TEST(when_a_table_cannot_be_written_the_checkpoint_fails_and_later_succeeds)
{
	open_kind(LEVELDB);
	ck_assert_int_eq(put_many(0, 1000, 1000), STEME_OK);
	limit_files(256 << 10);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_ENOSPC);
	ck_assert_int_eq(put_many(1000, 1010, 1000), STEME_ENOSPC);
	ck_assert_uint_eq(count_many(1000), 1000);
	limit_files(RLIM_INFINITY);
	ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	ck_assert_int_eq(put_many(1000, 1010, 1000), STEME_OK);
	shut();
	cut_logs();
	open_kind(LEVELDB);
	ck_assert_uint_eq(count_many(1000), 1000);
}
END_TEST

/* ---- texts of LevelDB ---- */

START_TEST(error_texts_map_to_numbers)
{
	char text[200];

	ck_assert_int_eq(steme_index_err(NULL), STEME_OK);
	ck_assert_int_eq(steme_index_err("Corruption: block checksum mismatch: x"),
	    STEME_ECORRUPT);
	ck_assert_int_eq(steme_index_err("IO error: lock /a/LOCK: already held by "
	    "process"), STEME_EBUSY);
	ck_assert_int_eq(steme_index_err("IO error: lock /a/LOCK: Resource "
	    "temporarily unavailable"), STEME_EBUSY);
	ck_assert_int_eq(steme_index_err("Invalid argument: x: comparator"),
	    STEME_ECORRUPT);
	ck_assert_int_eq(steme_index_err("IO error: strange"), STEME_EIO);
	snprintf(text, sizeof(text), "IO error: /a/1.log: %s", strerror(ENOSPC));
	ck_assert_int_eq(steme_index_err(text), STEME_ENOSPC);
	snprintf(text, sizeof(text), "IO error: /a/1.log: %s", strerror(EIO));
	ck_assert_int_eq(steme_index_err(text), STEME_EIO);
	snprintf(text, sizeof(text), "IO error: /a/1.ldb: %s", strerror(ENOENT));
	ck_assert_int_eq(steme_index_err(text), STEME_ECORRUPT);
	snprintf(text, sizeof(text), "IO error: /a/1.ldb: %s", strerror(EACCES));
	ck_assert_int_eq(steme_index_err(text), STEME_EPERM);
}
END_TEST

START_TEST(pending_compaction_follows_leveldbs_limits)
{
	struct steme_index_stats st;

	memset(&st, 0, sizeof(st));
	steme_index_parse_stats(&st, "--- level 0 ---\n"
	    " 10:1000['a' @ 1 : 1 .. 'b' @ 2 : 1]\n 11:1000['a' .. 'b']\n"
	    " 12:1000['a' .. 'b']\n--- level 1 ---\n 7:10485769['a' .. 'b']\n"
	    "--- level 2 ---\n 5:100000000['a' .. 'b']\n 6:5000000['\\x00' .. 'b']\n"
	    "--- level 3 ---\n",
	    "                               Compactions\n"
	    "Level  Files Size(MB) Time(sec) Read(MB) Write(MB)\n"
	    "--------------------------------------------------\n"
	    "  0        3        0         0        0         7\n"
	    "  1        1       10         1       20        19\n");
	ck_assert_uint_eq(st.level0_files, 3);
	/* level 0 counts from four files on, level n above 10^n MiB */
	ck_assert_uint_eq(st.pending_compaction_bytes,
	    10485769 - (10 << 20) + 105000000 - (100 << 20));
	ck_assert_uint_eq(st.compaction_written_bytes, 26 << 20);
	steme_index_parse_stats(&st, "--- level 0 ---\n 1:10[\n 2:10[\n 3:10[\n"
	    " 4:10[\n", NULL);
	ck_assert_uint_eq(st.pending_compaction_bytes, 40);
	steme_index_parse_stats(&st, NULL, NULL);
	ck_assert_uint_eq(st.level0_files, 0);
}
END_TEST

START_TEST(stats_of_a_real_index_agree_with_its_folder)
{
	struct steme_index_stats st;

	open_kind(LEVELDB);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(put_many(0, 1000, 100), STEME_OK);
		ck_assert_int_eq(ix->ops->checkpoint(ix), STEME_OK);
	}
	ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
	ck_assert_uint_eq(st.puts, 3000);
	ck_assert_uint_eq(st.put_bytes, 3000 * 107);
	ck_assert_uint_ge(st.files, 1);
	ck_assert_uint_le(st.files, 3);
	ck_assert_uint_gt(st.bytes, 100000);
	ck_assert_int_eq(ix->ops->compact(ix, NULL, 0, NULL, 0), STEME_OK);
	ck_assert_int_eq(ix->ops->stats(ix, &st), STEME_OK);
	ck_assert_uint_eq(st.files, 1);
	ck_assert_uint_eq(st.level0_files, 0);
	ck_assert_uint_eq(st.pending_compaction_bytes, 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("index_leveldb");
	TCase *tc = tcase_create("leveldb");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_written_is_there_after_reopening);
	tcase_add_test(tc, a_checkpoint_does_not_need_leveldbs_logs);
	tcase_add_test(tc, without_a_checkpoint_cut_logs_lose_keys);
	tcase_add_test(tc, checkpoints_follow_each_other_and_may_have_nothing_to_do);
	tcase_add_test(tc, a_second_open_is_refused_and_names_the_process);
	tcase_add_test(tc, another_process_is_refused_even_after_a_refused_open_here);
	tcase_add_test(tc, must_exist_makes_nothing);
	tcase_add_test(tc, a_folder_that_cannot_be_made_is_named);
	tcase_add_test(tc, destroy_removes_leveldbs_files_and_no_others);
	tcase_add_test(tc, destroy_of_nothing_is_fine);
	tcase_add_test(tc, file_kinds_are_told_by_name);
	tcase_add_test(tc, a_damaged_block_is_an_error_for_get_never_a_missing_key);
	tcase_add_loop_test(tc,
	    an_iterator_stops_at_a_damaged_block_instead_of_stepping_over_it, 0, 2);
	tcase_add_test(tc, a_damaged_log_of_leveldb_refuses_to_open);
	tcase_add_test(tc, a_missing_table_refuses_to_open);
	tcase_add_test(tc, a_lost_manifest_refuses_to_open);
	tcase_add_test(tc,
	    when_its_log_cannot_grow_writes_stop_reads_go_on_and_writes_resume);
	tcase_add_test(tc,
	    when_a_table_cannot_be_written_the_checkpoint_fails_and_later_succeeds);
	tcase_add_test(tc, error_texts_map_to_numbers);
	tcase_add_test(tc, pending_compaction_follows_leveldbs_limits);
	tcase_add_test(tc, stats_of_a_real_index_agree_with_its_folder);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
