/* SPDX-License-Identifier: Apache-2.0 */
/* check_watchdog.c - the process that ends a hung mount: when it has to be there. */
#include "config.h"
#include "fs/watchdog.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

#define HANG_MS	20

/* Has the watchdog, our only child, gone? */
static bool
is_gone(void)
{
	siginfo_t si = { 0 };

	ck_assert_int_eq(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT), 0);
	return si.si_pid != 0;
}

START_TEST(a_start_that_takes_long_has_its_watchdog_still)
{
	struct fs_watchdog *w = fs_watchdog_start(HANG_MS);

	ck_assert_ptr_nonnull(w);
	/* no beat: the log is being read */
	poll(NULL, 0, 20 * HANG_MS);
	ck_assert(!is_gone());
	fs_watchdog_stop(w);
}
END_TEST

START_TEST(it_goes_when_it_is_told_to_and_when_silence_is_too_long)
{
	struct fs_watchdog *w = fs_watchdog_start(HANG_MS);

	signal(SIGPIPE, SIG_IGN);	/* as the daemon does */
	fs_watchdog_stop(w);		/* waits for its end */
	ck_assert_int_eq(waitid(P_ALL, 0, NULL, WEXITED | WNOHANG), -1);
	w = fs_watchdog_start(HANG_MS);
	/* no such connection or folder: there is nothing for it to end */
	fs_watchdog_mounted(w, 4294967295u, "/nonexistent/mount");
	while (!is_gone())
		poll(NULL, 0, HANG_MS);
	fs_watchdog_stop(w);
}
END_TEST

/* The watchdog, our only child. */
static pid_t
child_pid(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

START_TEST(when_all_were_frozen_the_daemon_may_still_speak)
{
	struct fs_watchdog *w = fs_watchdog_start(100 * HANG_MS);
	pid_t pid = child_pid();

	signal(SIGPIPE, SIG_IGN);
	fs_watchdog_mounted(w, 4294967295u, "/nonexistent/mount");
	poll(NULL, 0, HANG_MS);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	poll(NULL, 0, 110 * HANG_MS);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	/* it comes to before the daemon does */
	poll(NULL, 0, HANG_MS);
	fs_watchdog_beat(w);
	poll(NULL, 0, HANG_MS);
	ck_assert(!is_gone());
	fs_watchdog_stop(w);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("watchdog");
	TCase *t = tcase_create("watchdog");

	tcase_add_test(t, a_start_that_takes_long_has_its_watchdog_still);
	tcase_add_test(t, it_goes_when_it_is_told_to_and_when_silence_is_too_long);
	tcase_add_test(t, when_all_were_frozen_the_daemon_may_still_speak);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
