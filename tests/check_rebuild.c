/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_rebuild.c - an index made anew beside the old one, with nobody running: the same
 * index, refused if it holds less, and cut at every step on the disk.
 */
#include "config.h"
#include "core/repair.h"
#include "tests/store_util.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CLAIMS	30
#define CUT	77			/* exit status of a child that was cut off */

static struct place P;
static struct steme_key ann;
static struct steme_id ids[CLAIMS];
/* The child ends at this many changes of the disk from now; 0: never. */
static int cut_after;

/* ---- what changes the disk, LevelDB's calls, too ---- */

int rename(const char *from, const char *to);
int renameat2(int fd, const char *from, int tofd, const char *to, unsigned flags);
int unlink(const char *path);
int rmdir(const char *path);
int mkdir(const char *path, mode_t mode);
int fdatasync(int fd);
int fsync(int fd);

static bool no_exchange;		/* as file systems that cannot */

static void
step(void)
{
	if (cut_after > 0 && __atomic_sub_fetch(&cut_after, 1, __ATOMIC_RELAXED) == 0)
		_exit(CUT);
}

int
rename(const char *from, const char *to)
{
	step();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
renameat2(int fd, const char *from, int tofd, const char *to, unsigned flags)
{
	step();
	if (no_exchange) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, fd, from, tofd, to, flags);
}

int
unlink(const char *path)
{
	step();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	step();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdir(const char *path, mode_t mode)
{
	step();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int
fdatasync(int fd)
{
	step();
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	step();
	return (int)syscall(SYS_fsync, fd);
}

/* ---- a store with something in it ---- */

static void
fill(void)
{
	struct steme_store *s = place_open(&P);
	char concept[32];

	for (unsigned i = 0; i < CLAIMS; i++) {
		snprintf(concept, sizeof(concept), "a/b%u", i % 7);
		ids[i] = must_claim(s, &ann, concept, "p", "v", T0 + i);
	}
	steme_store_close(s);
}

static void
setup_empty(void)
{
	no_exchange = false;
	place_make(&P, false, false);
	P.o.segment_bytes = 64 << 10;
	key_of(&ann, 1);
}

static void
setup(void)
{
	setup_empty();
	fill();
}

static void
teardown(void)
{
	place_remove(&P);
}

static int
rebuild(struct steme_applied *at, struct steme_why *why)
{
	uint64_t us;

	why->text[0] = '\0';
	return steme_rebuild_offline(&P.o, true, at, &us, why);
}

static bool
is_there(const char *suffix)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", P.kv, suffix);
	return access(path, F_OK) == 0;
}

/* Opens the store, which has everything.  Records of the log that it had to read. */
static uint64_t
must_hold_all(void)
{
	struct steme_store *s = place_open(&P);
	struct steme_store_stats st;

	for (unsigned i = 0; i < CLAIMS; i++)
		ck_assert(has(s, &ids[i]));
	must_verify(s);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.counts.assertions, CLAIMS);
	steme_store_close(s);
	return st.replayed_records;
}

START_TEST(the_new_index_takes_the_place_of_the_old_one)
{
	struct steme_applied at;
	struct steme_why why;
	struct stat before, after;

	no_exchange = _i == 1;
	ck_assert_int_eq(stat(P.kv, &before), 0);
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	ck_assert_uint_eq(at.counts.assertions, CLAIMS);
	ck_assert_int_eq(stat(P.kv, &after), 0);
	ck_assert_uint_ne(before.st_ino, after.st_ino);
	ck_assert(!is_there(".new") && !is_there(".old"));
	/* the last group is read again: it may not have been on disk */
	ck_assert_uint_le(must_hold_all(), 1);
}
END_TEST

START_TEST(an_index_that_is_damaged_or_marked_is_replaced)
{
	struct steme_applied at;
	struct steme_why why;
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", P.kv, _i == 0 ? "REBUILD" : "CURRENT");
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs("nonsense\n", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	ck_assert(!is_there("/REBUILD") && !is_there(".new"));
	ck_assert_uint_le(must_hold_all(), 1);
}
END_TEST

START_TEST(an_index_that_another_process_holds_is_left_alone)
{
	struct steme_why why = { "" };
	struct steme_applied at;
	struct steme_index *ix;
	struct stat before, after;

	ck_assert_int_eq(stat(P.kv, &before), 0);
	ck_assert_int_eq(steme_index_leveldb(&ix, P.kv, NULL, &why), STEME_OK);
	ck_assert_int_eq(rebuild(&at, &why), STEME_EBUSY);
	ck_assert_msg(strstr(why.text, P.kv) != NULL, "%s", why.text);
	ix->ops->close(ix);
	ck_assert_int_eq(stat(P.kv, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	must_hold_all();
}
END_TEST

/* A log whose end is missing reads as whole: only the old index knows better. */
START_TEST(less_than_the_old_index_holds_is_refused)
{
	struct steme_applied at;
	struct steme_store *s;
	struct steme_why why;
	struct stat st, before, after;
	char path[128];
	char *log;
	FILE *f;

	snprintf(path, sizeof(path), "%s/segment.001.wal", P.wal);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_ptr_nonnull(log = malloc((size_t)st.st_size));
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	ck_assert_uint_eq(fread(log, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	s = place_open(&P);
	must_claim(s, &ann, "the/last", "p", "v", T0);
	steme_store_close(s);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	ck_assert_uint_eq(fwrite(log, 1, (size_t)st.st_size, f), st.st_size);
	ck_assert_int_eq(fclose(f), 0);
	free(log);
	ck_assert_int_eq(stat(P.kv, &before), 0);
	ck_assert_int_eq(rebuild(&at, &why), STEME_EGAP);
	ck_assert_msg(strstr(why.text, "the index stays as it is") != NULL, "%s",
	    why.text);
	ck_assert_int_eq(stat(P.kv, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert(!is_there(".new"));
	P.o.accept_gaps = true;
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	P.o.accept_gaps = false;
	ck_assert_uint_eq(at.counts.assertions, CLAIMS);
	must_hold_all();
}
END_TEST

/* ---- logs that the next start would refuse ---- */

static int
copy_file(const char *from, const char *to)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "cp '%s' '%s'", from, to);
	return system(cmd);
}

/* The last place of text in the newest segment gets another byte. */
static void
damage_last(const char *text)
{
	char path[128];
	size_t n = strlen(text), len, at = 0;
	static char log[64 << 10];
	FILE *f;

	snprintf(path, sizeof(path), "%s/segment.001.wal", P.wal);
	ck_assert_ptr_nonnull(f = fopen(path, "r+"));
	len = fread(log, 1, sizeof(log), f);
	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(log + i, text, n) == 0)
			at = i;
	ck_assert_uint_gt(at, 0);
	ck_assert_int_eq(fseek(f, (long)at, SEEK_SET), 0);
	ck_assert_int_eq(fputc('X', f), 'X');
	ck_assert_int_eq(fclose(f), 0);
}

/* 0: the index is lost, too.  1: it is there, and has what the log lacks. */
START_TEST(a_log_damaged_at_its_end_is_repaired_first)
{
	struct steme_repair_report rep;
	struct steme_applied at;
	struct steme_store *s;
	struct steme_why why;
	uint64_t lost = _i == 0;
	char away[96];

	snprintf(away, sizeof(away), "%s.away", P.kv);
	damage_last("concept a/b1\n");
	if (lost)
		ck_assert_int_eq(rename(P.kv, away), 0);
	P.o.accept_gaps = true;
	ck_assert_int_eq(rebuild(&at, &why), STEME_ECORRUPT);
	ck_assert_msg(strstr(why.text, "the next start would refuse this log") != NULL &&
	    strstr(why.text, "`steme repair`") != NULL, "%s", why.text);
	ck_assert(!is_there(".new") && is_there("") != lost);
	/* as it says */
	ck_assert_msg(steme_repair(&P.o, NULL, NULL, &rep, &why) == STEME_OK, "%s",
	    why.text);
	ck_assert_uint_eq(rep.lost, lost);
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	P.o.accept_gaps = false;
	ck_assert_uint_eq(at.counts.assertions, CLAIMS - lost);
	s = place_open(&P);
	for (unsigned i = 0; i < CLAIMS; i++)
		ck_assert_int_eq(has(s, &ids[i]), i < CLAIMS - lost);
	must_verify(s);
	must_claim(s, &ann, "after/the", "repair", "v", T0);
	steme_store_close(s);
}
END_TEST

/* What lies before the last group hinders no start, so that index is made. */
START_TEST(damage_further_back_costs_its_records_if_that_is_accepted)
{
	struct steme_applied at;
	struct steme_store *s;
	struct steme_why why;

	damage_last("concept a/b0\n");
	ck_assert_int_eq(rebuild(&at, &why), STEME_ECORRUPT);
	P.o.accept_gaps = true;
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	P.o.accept_gaps = false;
	ck_assert_uint_eq(at.counts.assertions, CLAIMS - 1);
	s = place_open(&P);
	for (unsigned i = 0; i < CLAIMS; i++)
		ck_assert_int_eq(has(s, &ids[i]), i != CLAIMS - 2);
	must_claim(s, &ann, "after/the", "gap", "v", T0);
	steme_store_close(s);
}
END_TEST

/* The log's own folder is what a start reads: its end must be there. */
START_TEST(the_end_of_the_log_must_be_in_its_own_folder)
{
	const char *more[] = { NULL, NULL };
	char path[128], copy[128], dir[96];
	struct steme_applied at;
	struct steme_why why;

	snprintf(dir, sizeof(dir), "%s/more", P.dir);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/segment.001.wal", P.wal);
	snprintf(copy, sizeof(copy), "%s/segment.001.wal", dir);
	ck_assert_int_eq(rename(path, copy), 0);
	more[0] = dir;
	P.o.more_wal_dirs = more;
	ck_assert_int_eq(rebuild(&at, &why), STEME_EGAP);
	ck_assert_msg(strstr(why.text, "Bring it back") != NULL, "%s", why.text);
	ck_assert_int_eq(rename(copy, path), 0);
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	must_hold_all();
}
END_TEST

/* The last group may not be on disk: what the power took with it is not stored. */
START_TEST(a_group_that_the_log_loses_is_not_in_the_new_index)
{
	struct made m = make_claim(&ann, "the/last", "p", "v", T0);
	char path[128], before[128];
	struct steme_applied at;
	struct steme_store *s;
	struct steme_put p;
	struct steme_why why;

	snprintf(path, sizeof(path), "%s/segment.001.wal", P.wal);
	snprintf(before, sizeof(before), "%s/before", P.dir);
	ck_assert_int_eq(copy_file(path, before), 0);
	s = place_open(&P);
	ck_assert_int_eq(write_one(s, &m, &p), STEME_OK);
	steme_store_close(s);
	ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
	ck_assert_uint_eq(at.counts.assertions, CLAIMS + 1);
	ck_assert_int_eq(rename(before, path), 0);
	s = place_open(&P);
	ck_assert(!has(s, &m.id));
	/* so it is stored when it comes again, and not said to be there */
	ck_assert_int_eq(write_one(s, &m, &p), STEME_OK);
	ck_assert_int_eq(p.status, STEME_CREATED);
	must_verify(s);
	steme_store_close(s);
	made_free(&m);
}
END_TEST

/* Segments that the index in kv knows. */
static unsigned
segments_known(void)
{
	struct steme_index *ix;
	struct steme_iter it;
	unsigned n = 0;

	ck_assert_int_eq(steme_index_leveldb(&ix, P.kv, NULL, NULL), STEME_OK);
	ck_assert_int_eq(ix->ops->iter_open(ix, NULL, "Z", 1, "[", 1, false, &it), 0);
	while (ix->ops->iter_next(ix, &it) == STEME_OK)
		n++;
	ix->ops->iter_close(ix, &it);
	ix->ops->close(ix);
	return n;
}

START_TEST(each_segment_is_known_whichever_the_last_group_lies_in)
{
	struct steme_applied at;
	struct steme_store *s;
	struct steme_why why;
	unsigned most = 0, n;

	P.o.segment_bytes = 4096;
	for (int i = 0; i < 12; i++) {
		s = place_open(&P);
		must_claim(s, &ann, "small/segments", "p", "v", T0 + i);
		steme_store_close(s);
		n = segments_known();
		ck_assert_msg(rebuild(&at, &why) == STEME_OK, "%s", why.text);
		steme_store_close(place_open(&P));
		ck_assert_uint_eq(segments_known(), n);
		most = n > most ? n : most;
	}
	ck_assert_uint_gt(most, 2);
}
END_TEST

/* ---- cut at every step ---- */

/*
 * LevelDB's thread does not come along into a child: this process must not have it, so all
 * of it happens in children.
 */
static int
in_child(int (*run)(int n), int n)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(run(n));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
run_fill(int n)
{
	(void)n;
	fill();
	return 0;
}

static int
run_rebuild(int n)
{
	struct steme_applied at;
	struct steme_why why;

	cut_after = n;
	if (rebuild(&at, &why) == STEME_OK)
		return 0;
	fprintf(stderr, "cut %d: %s\n", n, why.text);
	return 1;
}

/* 0: all is there, and was not read again from the log. */
static int
run_look(int n)
{
	struct steme_store *s;
	struct steme_store_stats st;
	struct steme_check_report rep;
	struct steme_check_opts k = { .finding = tell_finding, .threads = 1 };
	struct steme_why why = { "" };
	struct made m;
	int bad = 0;

	if (steme_store_open(&s, &P.o, &why) != STEME_OK) {
		fprintf(stderr, "cut %d: %s\n", n, why.text);
		return 1;
	}
	steme_store_stats(s, &st);
	if (st.replayed_records > 1 || st.counts.assertions != CLAIMS)
		bad = 2;
	for (unsigned i = 0; i < CLAIMS; i++) {
		char concept[32];

		snprintf(concept, sizeof(concept), "a/b%u", i % 7);
		m = make_claim(&ann, concept, "p", "v", T0 + i);
		if (!has(s, &m.id))
			bad = 3;
		made_free(&m);
	}
	if (steme_store_verify(s, &k, &rep, &why) != STEME_OK)
		bad = 4;
	steme_store_close(s);
	return bad;
}

START_TEST(cut_at_any_step_the_index_is_there)
{
	struct stat before, after;
	int n, exchanged = 0, status;

	no_exchange = _i == 1;
	ck_assert_int_eq(in_child(run_fill, 0), 0);
	for (n = 1;; n++) {
		ck_assert_int_eq(stat(P.kv, &before), 0);
		if ((status = in_child(run_rebuild, n)) != CUT)
			break;
		ck_assert_msg((status = in_child(run_look, n)) == 0,
		    "cut %d: no usable index (%d)", n, status);
		ck_assert_msg(!is_there(".new") && !is_there(".old"),
		    "cut %d: half an index is left", n);
		ck_assert_int_eq(stat(P.kv, &after), 0);
		exchanged += before.st_ino != after.st_ino;
	}
	ck_assert_int_eq(status, 0);
	/* from before the new folder is made to the old one's last file */
	ck_assert_int_gt(n, 20);
	ck_assert_int_gt(exchanged, 3);
	ck_assert(!is_there(".new") && !is_there(".old"));
	ck_assert_int_eq(in_child(run_look, n), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("rebuild");
	TCase *cut = tcase_create("cut");
	TCase *t = tcase_create("beside the old index");

	/* first: see in_child() */
	tcase_set_timeout(cut, 120);
	tcase_add_checked_fixture(cut, setup_empty, teardown);
	tcase_add_loop_test(cut, cut_at_any_step_the_index_is_there, 0, 2);
	suite_add_tcase(s, cut);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_new_index_takes_the_place_of_the_old_one, 0, 2);
	tcase_add_loop_test(t, an_index_that_is_damaged_or_marked_is_replaced, 0, 2);
	tcase_add_test(t, an_index_that_another_process_holds_is_left_alone);
	tcase_add_test(t, less_than_the_old_index_holds_is_refused);
	tcase_add_loop_test(t, a_log_damaged_at_its_end_is_repaired_first, 0, 2);
	tcase_add_test(t, damage_further_back_costs_its_records_if_that_is_accepted);
	tcase_add_test(t, the_end_of_the_log_must_be_in_its_own_folder);
	tcase_add_test(t, a_group_that_the_log_loses_is_not_in_the_new_index);
	tcase_add_test(t, each_segment_is_known_whichever_the_last_group_lies_in);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
