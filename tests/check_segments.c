/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_segments.c - segments as files, by the operating system's own calls: names,
 * room, cuts, gzip(1), the lock between processes.
 */
#include "config.h"
#include "core/segments.h"
#include "core/util.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[256];
static struct steme_segments *segs;
static struct steme_why why;

static const char *
at(const char *name)
{
	static char path[2][512];
	static int k;

	k = !k;
	snprintf(path[k], sizeof(path[k]), "%s/wal/%s", dir, name);
	return path[k];
}

static struct steme_segments *
open_folder(void)
{
	struct steme_segments *s;
	char path[300];

	snprintf(path, sizeof(path), "%s/wal//", dir);
	ck_assert_int_eq(steme_segments_local(&s, &steme_io_posix, path, true,
	    &why), STEME_OK);
	return s;
}

static void
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/steme-segments-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	why.text[0] = '\0';
	segs = open_folder();
}

static void
finish(void)
{
	char path[300], name[600];
	struct dirent *e;
	DIR *d;

	steme_segments_close(segs);
	snprintf(path, sizeof(path), "%s/wal", dir);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		(void)unlink(name);
	}
	closedir(d);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void
create(uint64_t number, const char *text)
{
	int err = segs->ops->create(segs, number, 65536, text, strlen(text),
	    &why);

	ck_assert_msg(err == STEME_OK, "%s", why.text);
}

START_TEST(segments_are_listed_by_number_and_nothing_else_is)
{
	struct steme_segment_info *v;
	size_t n;

	create(2, "two");
	create(1000, "thousand");
	put("segment.010.wal.gz", "x");
	put("segment.002.wal.gz", "half done by gzip");
	put("segment.1.wal", "x");
	put("segment.0003.wal", "x");
	put("test.dat", "x");
	ck_assert_int_eq(mkdir(at("segment.005.wal"), 0700), 0);
	ck_assert_int_eq(segs->ops->list(segs, &v, &n), STEME_OK);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(v[0].number, 2);
	ck_assert(!v[0].compressed);
	ck_assert_uint_eq(v[0].bytes, 65536);
	ck_assert_uint_eq(v[1].number, 10);
	ck_assert(v[1].compressed);
	ck_assert_uint_eq(v[2].number, 1000);
	free(v);
	ck_assert_int_eq(rmdir(at("segment.005.wal")), 0);
}
END_TEST

START_TEST(a_segment_has_its_room_from_the_start_and_is_cut_to_its_bytes)
{
	struct stat st;
	char b[16];

	create(1, "header");
	ck_assert_int_eq(stat(at("segment.001.wal"), &st), 0);
	ck_assert_int_eq(st.st_size, 65536);
	ck_assert_int_ge(st.st_blocks * 512, 65536);
	ck_assert_int_eq(segs->ops->append(segs, "more", 4, 512, NULL, &why),
	    STEME_OK);
	ck_assert_int_eq(stat(at("segment.001.wal"), &st), 0);
	ck_assert_int_eq(st.st_size, 65536);
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 4, 512), 4);
	ck_assert_mem_eq(b, "more", 4);
	create(2, "next");
	ck_assert_int_eq(segs->ops->cut(segs, 1, 1024, &why), STEME_OK);
	ck_assert_int_eq(segs->ops->cut(segs, 1, 2048, &why), STEME_OK);
	ck_assert_int_eq(segs->ops->cut(segs, 9, 1, &why), STEME_OK);
	ck_assert_int_eq(stat(at("segment.001.wal"), &st), 0);
	ck_assert_int_eq(st.st_size, 1024);
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 16, 1020), 4);
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 16, 5000), 0);
	ck_assert_int_eq(segs->ops->read(segs, 7, b, 16, 0), STEME_ENOTFOUND);
	ck_assert_int_eq(access(at("segment.new"), F_OK), -1);
}
END_TEST

START_TEST(a_segment_that_exists_is_not_made_again)
{
	create(3, "three");
	put("segment.004.wal.gz", "x");
	ck_assert_int_eq(segs->ops->create(segs, 3, 4096, "y", 1, &why),
	    STEME_EEXIST);
	ck_assert_int_eq(segs->ops->create(segs, 4, 4096, "y", 1, &why),
	    STEME_EEXIST);
	ck_assert_int_eq(access(at("segment.004.wal"), F_OK), -1);
}
END_TEST

START_TEST(what_a_crash_left_unnamed_is_overwritten)
{
	char b[8];

	put("segment.new", "left by a crash, and much longer than what follows");
	create(1, "new");
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 8, 0), 8);
	ck_assert_mem_eq(b, "new\0\0\0\0\0", 8);
}
END_TEST

static void
run(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd '%s/wal' && %s", dir, command);
	ck_assert_int_eq(system(line), 0);
}

START_TEST(what_gzip_made_is_read_at_any_place)
{
	size_t n = 300000;
	char *text = malloc(n + 1), *b = malloc(n);
	uint32_t x = 7;
	ssize_t got;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + ((x = x * 1664525u + 1013904223u) >> 28));
	text[n] = '\0';
	put("segment.001.wal", text);
	run("gzip segment.001.wal");
	ck_assert_int_eq(segs->ops->read(segs, 1, b, n, 0), (ssize_t)n);
	ck_assert_mem_eq(b, text, n);
	/* forward, back, and over the end */
	for (size_t i = 0; i < 40; i++) {
		size_t off = (i * 92821) % n;
		size_t want = STEME_MIN(n - off, (size_t)5000);

		ck_assert_int_eq(segs->ops->read(segs, 1, b, 5000, off),
		    (ssize_t)want);
		ck_assert_mem_eq(b, text + off, want);
	}
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 9, n + 5), 0);
	/* members one after the other, and the zeros of a tape */
	run("head -c 1000 /dev/zero > z && cat segment.001.wal.gz "
	    "segment.001.wal.gz z > segment.002.wal.gz && rm z");
	ck_assert_int_eq(segs->ops->read(segs, 2, b, 100, n - 50), 100);
	ck_assert_mem_eq(b, text + n - 50, 50);
	ck_assert_mem_eq(b + 50, text, 50);
	ck_assert_int_eq(segs->ops->read(segs, 2, b, 100, 2 * n - 50), 50);
	run("gzip -dc segment.002.wal.gz > /dev/null 2>&1; "
	    "head -c 9000 segment.001.wal.gz > segment.003.wal.gz");
	/* what stands before the cut is had; what follows is damage, and no end */
	got = segs->ops->read(segs, 3, b, n, 0);
	ck_assert_int_gt(got, 0);
	ck_assert_int_lt(got, (ssize_t)n);
	ck_assert_mem_eq(b, text, (size_t)got);
	ck_assert_int_eq(segs->ops->read(segs, 3, b, n, (uint64_t)got),
	    STEME_ECORRUPT);
	ck_assert_int_eq(segs->ops->read(segs, 3, b, 9, n + 5), STEME_ECORRUPT);
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 10, 0), 10);
	free(text);
	free(b);
}
END_TEST

START_TEST(the_lock_holds_between_processes_and_ends_with_its_process)
{
	char want[64], b[64] = "";
	int ready[2], done[2], status;
	pid_t child;
	FILE *f;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(done), 0);
	if ((child = fork()) == 0) {
		char c;

		close(done[1]);
		if (segs->ops->lock(segs, NULL) != STEME_OK ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(done[0], &c, 1) == 0 ? 0 : 1);
	}
	close(done[0]);
	ck_assert_int_eq(read(ready[0], b, 1), 1);
	ck_assert_int_eq(segs->ops->lock(segs, &why), STEME_EBUSY);
	snprintf(want, sizeof(want), "process %ld;", (long)child);
	ck_assert_msg(strstr(why.text, want) != NULL, "%s", why.text);
	close(done[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(segs->ops->lock(segs, &why), STEME_OK);
	f = fopen(at("lock"), "r");
	ck_assert_ptr_nonnull(fgets(b, sizeof(b), f));
	fclose(f);
	/* our pid, and the second token */
	snprintf(want, sizeof(want), "%ld 2\n", (long)getpid());
	ck_assert_str_eq(b, want);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(a_removed_lock_is_made_again_with_a_later_token)
{
	char b[64] = "", want[64];
	FILE *f;

	ck_assert_int_eq(segs->ops->lock(segs, &why), STEME_OK);
	create(1, "x");
	ck_assert_int_eq(unlink(at("lock")), 0);
	ck_assert_int_eq(segs->ops->check(segs, &why), STEME_OK);
	f = fopen(at("lock"), "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(b, sizeof(b), f));
	fclose(f);
	snprintf(want, sizeof(want), "%ld 2\n", (long)getpid());
	ck_assert_str_eq(b, want);
}
END_TEST

START_TEST(a_segment_that_lost_its_name_is_noticed_and_can_still_be_read)
{
	char b[4];

	create(1, "x");
	ck_assert_int_eq(segs->ops->check(segs, &why), STEME_OK);
	ck_assert_int_eq(rename(at("segment.001.wal"), at("away")), 0);
	ck_assert_int_eq(segs->ops->check(segs, &why), STEME_ESTALE);
	ck_assert_int_eq(segs->ops->append(segs, "data", 4, 512, NULL, &why),
	    STEME_ESTALE);
	ck_assert_int_eq(segs->ops->read(segs, 1, b, 4, 512), 4);
	ck_assert_mem_eq(b, "data", 4);
	/* a copy under its name is another file */
	put("segment.001.wal", "x");
	ck_assert_int_eq(segs->ops->check(segs, &why), STEME_ESTALE);
}
END_TEST

START_TEST(the_reserve_is_there_and_goes_when_asked)
{
	struct stat st;

	segs->ops->reserve(segs, true);
	ck_assert_int_eq(stat(at("reserve"), &st), 0);
	ck_assert_int_eq(st.st_size, 8 << 20);
	segs->ops->reserve(segs, false);
	ck_assert_int_eq(stat(at("reserve"), &st), -1);
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_refused_with_a_sentence)
{
	struct steme_segments *s;
	char path[600];

	ck_assert_int_eq(steme_segments_local(&s, &steme_io_posix,
	    "/nonexistent/wal", true, &why), STEME_ENOTFOUND);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(why.text, "/nonexistent/wal"));
	put("file", "x");
	snprintf(path, sizeof(path), "%s", at("file"));
	ck_assert_int_ne(steme_segments_local(&s, &steme_io_posix, path, false,
	    &why), STEME_OK);
	ck_assert_int_eq(steme_segments_local(&s, &steme_io_posix, "", true,
	    &why), STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("segments");
	TCase *tc = tcase_create("segments");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, finish);
	tcase_add_test(tc, segments_are_listed_by_number_and_nothing_else_is);
	tcase_add_test(tc,
	    a_segment_has_its_room_from_the_start_and_is_cut_to_its_bytes);
	tcase_add_test(tc, a_segment_that_exists_is_not_made_again);
	tcase_add_test(tc, what_a_crash_left_unnamed_is_overwritten);
	tcase_add_test(tc, what_gzip_made_is_read_at_any_place);
	tcase_add_test(tc,
	    the_lock_holds_between_processes_and_ends_with_its_process);
	tcase_add_test(tc, a_removed_lock_is_made_again_with_a_later_token);
	tcase_add_test(tc,
	    a_segment_that_lost_its_name_is_noticed_and_can_still_be_read);
	tcase_add_test(tc, the_reserve_is_there_and_goes_when_asked);
	tcase_add_test(tc, a_folder_that_cannot_be_is_refused_with_a_sentence);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
