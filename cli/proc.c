/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c - daemons as processes. */
#include "config.h"
#include "cli/proc.h"
#include "cli/jv.h"
#include "core/clock.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAIL_MAX	(64 << 10)

void
proc_sleep_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

int
proc_find(char out[PATH_MAX], const char *name, struct steme_why *why)
{
	static const char *const beside[] = { "", "../sbin/", "../bin/",
	    "../libexec/stemedb/", "../../bin/", "../../sbin/" };
	static const char *const fixed[] = { STEME_SBINDIR, STEME_BINDIR,
	    STEME_LIBEXECDIR "/stemedb" };
	char self[PATH_MAX], path[2 * PATH_MAX + 64], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(self, '/')) != NULL)
		slash[1] = '\0';
	for (size_t i = 0; slash != NULL && i < STEME_NELEM(beside); i++) {
		snprintf(path, sizeof(path), "%s%s%s", self, beside[i], name);
		if (access(path, X_OK) == 0 && realpath(path, out) != NULL)
			return STEME_OK;
	}
	for (size_t i = 0; i < STEME_NELEM(fixed); i++) {
		snprintf(path, sizeof(path), "%s/%s", fixed[i], name);
		if (access(path, X_OK) == 0 && realpath(path, out) != NULL)
			return STEME_OK;
	}
	return steme_fail(why, STEME_ENOTFOUND, "the program %s is missing: it is "
	    "neither in %s nor in %s; build it (make) or install it (make install)",
	    name, slash == NULL ? "steme's own folder" : self, STEME_SBINDIR);
}

/* In the child.  Tells errno through report and never returns. */
static void
become(const char *const argv[], int log, int report)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int e, null;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 65; s++)
		if (s != SIGKILL && s != SIGSTOP)
			sigaction(s, &sa, NULL);
	umask(022);
	if ((null = open("/dev/null", O_RDWR)) < 0 || chdir("/") < 0)
		goto failed;
	if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 ||
	    dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		goto failed;
	report = 3;
	if (syscall(SYS_close_range, 4U, ~0U, 0U) < 0)
		for (int fd = 4; fd < 65536; fd++)
			close(fd);
	execv(argv[0], (char *const *)argv);
failed:
	e = errno;
	while (write(report, &e, sizeof(e)) < 0 && errno == EINTR)
		;
	_exit(127);
}

int
proc_start(pid_t *pid, const char *const argv[], const char *log, int64_t *log_from,
    struct steme_why *why)
{
	int report[2] = { -1, -1 }, fd = -1, e = 0, err = STEME_EIO;
	struct stat st;
	ssize_t n;

	/* above 3, so that the child's dup2() cannot hit them */
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd >= 0 && fd < 10) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

		close(fd);
		fd = high;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		err = steme_fail(why, steme_err_from_errno(errno),
		    "cannot write %s: %s", log, strerror(errno));
		goto out;
	}
	*log_from = st.st_size;
	if (pipe2(report, O_CLOEXEC) < 0)
		goto failed;
	if (report[1] < 10 && (e = fcntl(report[1], F_DUPFD_CLOEXEC, 10)) >= 0) {
		close(report[1]);
		report[1] = e;
	}
	e = 0;
	if ((*pid = fork()) < 0)
		goto failed;
	if (*pid == 0)
		become(argv, fd, report[1]);
	close(report[1]);
	report[1] = -1;
	while ((n = read(report[0], &e, sizeof(e))) < 0 && errno == EINTR)
		;
	err = STEME_OK;
	if (n == (ssize_t)sizeof(e)) {
		waitpid(*pid, NULL, 0);
		err = steme_fail(why, steme_err_from_errno(e), "cannot run %s: %s",
		    argv[0], strerror(e));
	}
	goto out;
failed:
	err = steme_fail(why, steme_err_from_errno(errno), "cannot start %s: %s",
	    argv[0], strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	if (report[0] >= 0)
		close(report[0]);
	if (report[1] >= 0)
		close(report[1]);
	return err;
}

/* All that fd gives; the last n - 1 bytes stay in out. */
static void
read_tail(int fd, char *out, size_t n)
{
	char piece[4096];
	size_t have = 0, keep;
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) > 0 ||
	    (got < 0 && errno == EINTR))
		for (ssize_t i = 0; i < got; i++) {
			if (have == n - 1) {
				keep = (n - 1) / 2;
				memmove(out, out + have - keep, keep);
				have = keep;
			}
			out[have++] = piece[i];
		}
	out[have] = '\0';
}

int
proc_run(const char *const argv[], char *out, size_t n)
{
	posix_spawn_file_actions_t fa;
	int pipefd[2], status = 0, e;
	pid_t pid;

	out[0] = '\0';
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return steme_err_from_errno(errno);
	MUST(posix_spawn_file_actions_init(&fa));
	MUST(posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0));
	MUST(posix_spawn_file_actions_adddup2(&fa, pipefd[1], 1));
	MUST(posix_spawn_file_actions_adddup2(&fa, pipefd[1], 2));
	e = posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv,
	    environ);
	MUST(posix_spawn_file_actions_destroy(&fa));
	close(pipefd[1]);
	if (e == 0)
		read_tail(pipefd[0], out, n);
	close(pipefd[0]);
	if (e != 0)
		return steme_err_from_errno(e);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool
proc_ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

int64_t
proc_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : 0;
}

bool
proc_last_message(const char *log, int64_t from, char *out, size_t n)
{
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	struct steme_str line, root, message;
	char *text, level[16], *p, *end;
	bool found = false, found_error = false, is_error;
	int64_t size = proc_size(log);
	ssize_t got = -1;

	if (fd < 0 || (text = malloc(TAIL_MAX + 1)) == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	from = STEME_MAX(from, size - TAIL_MAX);
	got = pread(fd, text, TAIL_MAX, from);
	close(fd);
	end = text + (got > 0 ? got : 0);
	for (p = text; p < end; p += line.n + 1) {
		line.p = p;
		line.n = (size_t)((char *)memchr(p, '\n', (size_t)(end - p)) - p);
		if (memchr(p, '\n', (size_t)(end - p)) == NULL)
			line.n = (size_t)(end - p);
		root = jv_root(line.p, line.n);
		message = jv_get(root, "message");
		jv_copy(level, sizeof(level), jv_get(root, "level"));
		is_error = strcmp(level, "ERROR") == 0;
		if (line.n == 0 || (found_error && !is_error))
			continue;
		/* a line that is no JSON is what the loader or libc said */
		if (message.p != NULL)
			jv_copy(out, n, message);
		else
			snprintf(out, n, "%.*s", (int)STEME_MIN(line.n, 400), line.p);
		found = true;
		found_error |= is_error;
	}
	free(text);
	return found;
}

/* Waits until the process of pidfd ends. */
static bool
wait_gone(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t until = steme_mono_us(&steme_clock_system) + (int64_t)ms * 1000;
	int64_t left;

	do {
		left = until - steme_mono_us(&steme_clock_system);
		if (poll(&p, 1, left <= 0 ? 0 : (int)(left / 1000) + 1) > 0)
			return true;
	} while (left > 0);
	return false;
}

int
proc_stop(const struct steme_pid *p, int term_ms, bool *killed)
{
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	int err = STEME_OK;

	*killed = false;
	if (fd < 0)
		return errno == ESRCH ? STEME_OK : steme_err_from_errno(errno);
	/* the descriptor is fixed to a process: now see that it is the one recorded */
	if (!steme_pid_alive(p))
		goto out;
	if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) < 0) {
		err = errno == ESRCH ? STEME_OK : steme_err_from_errno(errno);
		goto out;
	}
	if (wait_gone(fd, term_ms))
		goto out;
	*killed = true;
	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	if (!wait_gone(fd, 5000))
		err = STEME_ETIMEOUT;
out:
	close(fd);
	return err;
}
