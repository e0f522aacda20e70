/* SPDX-License-Identifier: Apache-2.0 */
/* check_changes.c - change counters, in one process and between two. */
#include "config.h"
#include "core/changes.h"
#include "core/clock.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[256], path[300];
static struct steme_changes *w, *r;

static int64_t
now(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
setup(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/steme-changes-XXXXXX",
	    base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/changes", dir);
	w = r = NULL;
}

static void
teardown(void)
{
	steme_changes_close(r);
	steme_changes_close(w);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);	/* nothing else was left behind */
}

static void
both(void)
{
	ck_assert_int_eq(steme_changes_create(&w, path), STEME_OK);
	ck_assert_int_eq(steme_changes_open(&r, path), STEME_OK);
}

static bool
same(struct steme_stamp a, struct steme_stamp b)
{
	return steme_stamp_eq(&a, &b);
}

START_TEST(a_write_changes_its_concepts_stamp_and_any_and_no_other)
{
	struct steme_stamp a, b, any;

	both();
	a = steme_changes_stamp(r, STEME_LIT("drug/a"));
	b = steme_changes_stamp(r, STEME_LIT("drug/b"));
	any = steme_changes_stamp_any(r);
	ck_assert(same(a, steme_changes_stamp(r, STEME_LIT("drug/a"))));
	steme_changes_bump(w, STEME_LIT("drug/a"));
	ck_assert(!same(a, steme_changes_stamp(r, STEME_LIT("drug/a"))));
	ck_assert(same(b, steme_changes_stamp(r, STEME_LIT("drug/b"))));
	ck_assert(!same(any, steme_changes_stamp_any(r)));
}
END_TEST

START_TEST(a_global_write_changes_every_stamp)
{
	struct steme_stamp a, any;

	both();
	a = steme_changes_stamp(r, STEME_LIT("a"));
	any = steme_changes_stamp_any(r);
	steme_changes_bump_global(w);
	ck_assert(!same(a, steme_changes_stamp(r, STEME_LIT("a"))));
	ck_assert(!same(any, steme_changes_stamp_any(r)));
}
END_TEST

START_TEST(bump_any_leaves_single_concepts_alone)
{
	struct steme_stamp a, any;

	both();
	a = steme_changes_stamp(r, STEME_LIT("a"));
	any = steme_changes_stamp_any(r);
	steme_changes_bump_any(w);
	ck_assert(same(a, steme_changes_stamp(r, STEME_LIT("a"))));
	ck_assert(!same(any, steme_changes_stamp_any(r)));
}
END_TEST

START_TEST(a_new_writer_makes_every_old_stamp_unequal)
{
	struct steme_stamp before, after;
	struct steme_changes *r2;

	both();
	before = steme_changes_stamp(r, STEME_LIT("a"));
	steme_changes_heartbeat(w, now());
	ck_assert(steme_changes_fresh(r, now()));
	steme_changes_close(w);
	/* the old page stays readable and says that it is dead */
	ck_assert(!steme_changes_fresh(r, now()));
	ck_assert_int_eq(steme_changes_create(&w, path), STEME_OK);
	ck_assert(!steme_changes_fresh(r, now()));
	ck_assert_int_eq(steme_changes_open(&r2, path), STEME_OK);
	after = steme_changes_stamp(r2, STEME_LIT("a"));
	ck_assert(!same(before, after));
	ck_assert_uint_eq(before.slot, after.slot);
	steme_changes_close(r2);
}
END_TEST

/* Killed and started again within the second that a heartbeat is good for. */
START_TEST(a_new_writer_stops_the_heartbeat_of_one_that_was_killed)
{
	struct steme_changes *next;

	both();
	steme_changes_heartbeat(w, now());
	ck_assert(steme_changes_fresh(r, now()));
	ck_assert_int_eq(steme_changes_create(&next, path), STEME_OK);
	ck_assert(!steme_changes_fresh(r, now()));
	steme_changes_close(w);		/* as the kernel does to a killed one */
	w = next;
}
END_TEST

START_TEST(the_heartbeat_ages_within_a_second)
{
	both();
	ck_assert(!steme_changes_fresh(r, 5000000));	/* none yet */
	steme_changes_heartbeat(w, 5000000);
	ck_assert(steme_changes_fresh(r, 5000000));
	ck_assert(steme_changes_fresh(r, 5999999));
	ck_assert(!steme_changes_fresh(r, 6000000));
	ck_assert(!steme_changes_fresh(r, 3000000));	/* of an earlier boot */
}
END_TEST

START_TEST(without_a_path_it_is_private_memory)
{
	struct steme_stamp a;

	ck_assert_int_eq(steme_changes_create(&w, NULL), STEME_OK);
	a = steme_changes_stamp(w, STEME_LIT("a"));
	steme_changes_bump(w, STEME_LIT("a"));
	ck_assert(!same(a, steme_changes_stamp(w, STEME_LIT("a"))));
}
END_TEST

START_TEST(a_file_that_is_no_page_set_is_refused)
{
	uint64_t head[6];
	FILE *f;
	int fd;

	ck_assert_int_eq(steme_changes_open(&r, path), STEME_ENOTFOUND);
	ck_assert_ptr_null(r);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fclose(f);
	ck_assert_int_eq(steme_changes_open(&r, path), STEME_EVERSION);
	ck_assert_int_eq(steme_changes_create(&w, path), STEME_OK);
	/* cut short after the head: must not become a SIGBUS in the reader */
	steme_changes_close(w);
	w = NULL;
	ck_assert_int_eq(truncate(path, 4096), 0);
	ck_assert_int_eq(steme_changes_open(&r, path), STEME_EVERSION);
	/* a head that promises slots which the file has not, or an odd number */
	fd = open(path, O_RDWR);
	ck_assert_int_eq(pread(fd, head, sizeof(head), 0), sizeof(head));
	for (uint64_t slots = 0; slots < 8; slots += 3) {
		head[5] = slots == 6 ? 1ull << 40 : slots;
		ck_assert_int_eq(pwrite(fd, head, sizeof(head), 0), sizeof(head));
		ck_assert_int_eq(steme_changes_open(&r, path), STEME_EVERSION);
	}
	head[5] = 16;
	head[0]++;
	ck_assert_int_eq(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(steme_changes_open(&r, path), STEME_EVERSION);
	head[0]--;
	ck_assert_int_eq(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(steme_changes_open(&r, path), STEME_OK);
	close(fd);
}
END_TEST

START_TEST(the_file_is_laid_out_as_documented)
{
	uint64_t head[6];
	struct stat st;
	int fd;

	both();
	steme_changes_bump_global(w);
	steme_changes_heartbeat(w, 123456);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, head, sizeof(head), 0), sizeof(head));
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	ck_assert_mem_eq(head, "stemechg", 8);
	ck_assert_uint_ne(head[1], 0);
	ck_assert_uint_eq(head[2], 123456);
	ck_assert_uint_eq(head[3], 1);
	ck_assert_uint_eq(head[4], 1);
	ck_assert_uint_eq(head[5], STEME_CHANGES_SLOTS);
	ck_assert_int_eq(st.st_size, (6 + STEME_CHANGES_SLOTS) * 8);
	ck_assert_uint_eq(st.st_mode & 0222, 0200);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	ck_assert_int_eq(steme_changes_create(&w, "/nonexistent/changes"),
	    STEME_ENOTFOUND);
	ck_assert_ptr_null(w);
}
END_TEST

/* ---- publication order, between threads and between processes ---- */

#define ROUNDS	20000

/*
 * The writer makes value i visible, then bumps.  Whoever takes a stamp first and then
 * reads a value below the truth must see the stamp change.
 */
struct shared {
	struct steme_changes *c;
	uint64_t value;		/* atomic */
	uint64_t wrong;		/* atomic */
	uint64_t done;		/* atomic */
};

static void *
reading(void *arg)
{
	struct shared *s = arg;
	struct steme_stamp kept, next;
	uint64_t value, truth;

	while (!__atomic_load_n(&s->done, __ATOMIC_ACQUIRE)) {
		kept = steme_changes_stamp(s->c, STEME_LIT("a"));
		value = __atomic_load_n(&s->value, __ATOMIC_RELAXED);
		/* value was acknowledged by the bump that follows it */
		truth = kept.slot;
		if (value < truth)
			__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
		next = steme_changes_stamp(s->c, STEME_LIT("a"));
		if (next.slot < kept.slot)
			__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

START_TEST(a_stamp_never_runs_ahead_of_what_it_stands_for)
{
	struct shared s = { 0 };
	pthread_t t[2];

	ck_assert_int_eq(steme_changes_create(&w, NULL), STEME_OK);
	s.c = w;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, reading, &s), 0);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&s.value, i, __ATOMIC_RELAXED);
		steme_changes_bump(w, STEME_LIT("a"));
	}
	__atomic_store_n(&s.done, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ck_assert_uint_eq(s.wrong, 0);
}
END_TEST

/* The other process: answers each byte on `in` with its stamp on `out`. */
static void
child(int in, int out)
{
	struct steme_changes *c;
	struct steme_stamp s;
	char op;

	if (steme_changes_open(&c, path) != STEME_OK)
		_exit(1);
	while (read(in, &op, 1) == 1) {
		s = op == 'a' ? steme_changes_stamp(c, STEME_LIT("a")) :
		    steme_changes_stamp_any(c);
		if (op == 'f')
			s.slot = steme_changes_fresh(c, now());
		if (write(out, &s, sizeof(s)) != (ssize_t)sizeof(s))
			_exit(2);
	}
	steme_changes_close(c);
	_exit(0);
}

static struct steme_stamp
ask(int to, int from, char op)
{
	struct steme_stamp s;

	ck_assert_int_eq(write(to, &op, 1), 1);
	ck_assert_int_eq(read(from, &s, sizeof(s)), sizeof(s));
	return s;
}

START_TEST(another_process_sees_every_acknowledged_write)
{
	struct steme_stamp before, after;
	int to[2], from[2], status;
	pid_t pid;

	ck_assert_int_eq(steme_changes_create(&w, path), STEME_OK);
	ck_assert(pipe(to) == 0 && pipe(from) == 0);
	if ((pid = fork()) == 0) {
		close(to[1]);
		child(to[0], from[1]);
	}
	before = ask(to[1], from[0], 'a');
	for (int i = 0; i < 1000; i++) {
		steme_changes_bump(w, STEME_LIT("a"));
		after = ask(to[1], from[0], 'a');
		ck_assert(!same(before, after));
		before = after;
	}
	ck_assert(!ask(to[1], from[0], 'f').slot);
	steme_changes_heartbeat(w, now());
	ck_assert(ask(to[1], from[0], 'f').slot);
	steme_changes_close(w);
	w = NULL;
	ck_assert(!ask(to[1], from[0], 'f').slot);
	close(to[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(to[0]);
	close(from[0]);
	close(from[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("changes");
	TCase *tc = tcase_create("changes");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_write_changes_its_concepts_stamp_and_any_and_no_other);
	tcase_add_test(tc, a_global_write_changes_every_stamp);
	tcase_add_test(tc, bump_any_leaves_single_concepts_alone);
	tcase_add_test(tc, a_new_writer_makes_every_old_stamp_unequal);
	tcase_add_test(tc,
	    a_new_writer_stops_the_heartbeat_of_one_that_was_killed);
	tcase_add_test(tc, the_heartbeat_ages_within_a_second);
	tcase_add_test(tc, without_a_path_it_is_private_memory);
	tcase_add_test(tc, a_file_that_is_no_page_set_is_refused);
	tcase_add_test(tc, the_file_is_laid_out_as_documented);
	tcase_add_test(tc, a_folder_that_is_not_there_is_an_error);
	tcase_add_test(tc, a_stamp_never_runs_ahead_of_what_it_stands_for);
	tcase_add_test(tc, another_process_sees_every_acknowledged_write);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
