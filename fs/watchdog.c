/* SPDX-License-Identifier: Apache-2.0 */
/* watchdog.c - ends the mount's connection when the daemon no longer lives. */
#include "config.h"
#include "fs/watchdog.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Silence is counted in so many parts: one that we slept through ourselves is but one. */
#define PARTS	4

struct fs_watchdog {
	int fd;			/* our end of the pipe */
	pid_t pid;
};

/* What goes through the pipe; at most PIPE_BUF, so each arrives whole. */
struct message {
	char what;		/* 'm' mounted, 'h' beat, 'b' bye */
	unsigned connection;
	char mountpoint[2048];
};

static void
end_mount(const struct message *m)
{
	char path[128];
	int fd;

	if (m->what != 'm')
		return;
	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort",
	    m->connection);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) >= 0) {
		ssize_t n = write(fd, "1", 1);

		(void)n;
		close(fd);
	}
	/* by force: where no one mounted fusectl, that is what ends the connection */
	if (umount2(m->mountpoint, MNT_FORCE | MNT_DETACH) == 0 || geteuid() == 0)
		return;
	execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--",
	    m->mountpoint, (char *)NULL);
}

/* Until there is a mount nobody can hang on it: a start may read its log for minutes. */
static void
watch(int fd, int hang_ms)
{
	struct message m, mounted = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc, silent = 0;

	for (;;) {
		rc = poll(&p, 1, mounted.what == 'm' ? hang_ms / PARTS : -1);
		if ((rc < 0 && errno == EINTR) || (rc == 0 && ++silent < PARTS))
			continue;
		if (rc <= 0 || read(fd, &m, sizeof(m)) != (ssize_t)sizeof(m)) {
			end_mount(&mounted);
			return;
		}
		if (m.what == 'b')
			return;
		if (m.what == 'm')
			mounted = m;
		silent = 0;
	}
}

static void
child(int fd, int hang_ms)
{
	/* signals meant for the daemon's group are not for us: we outlive it */
	setsid();
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "stemefs-watch", 0, 0, 0);
	if (fd != 3) {
		dup2(fd, 3);
		fd = 3;
	}
	close_range(4, ~0U, 0);
	/* hold none of the daemon's log files or terminals open */
	for (int i = 0; i < 3; i++) {
		int n = open("/dev/null", O_RDWR);

		if (n >= 0 && n != i) {
			dup2(n, i);
			close(n);
		}
	}
	if (chdir("/") != 0)
		_exit(1);
	watch(fd, hang_ms);
	_exit(0);
}

struct fs_watchdog *
fs_watchdog_start(int hang_ms)
{
	struct fs_watchdog *w = calloc(1, sizeof(*w));
	int fds[2];

	if (w == NULL || pipe2(fds, O_CLOEXEC) < 0) {
		free(w);
		steme_log(STEME_WARN, "no watchdog: %s", strerror(errno));
		return NULL;
	}
	if ((w->pid = fork()) == 0) {
		close(fds[1]);
		child(fds[0], hang_ms);
	}
	close(fds[0]);
	w->fd = fds[1];
	if (w->pid < 0) {
		steme_log(STEME_WARN, "no watchdog: fork: %s", strerror(errno));
		close(w->fd);
		free(w);
		return NULL;
	}
	/* a full pipe means that nobody reads: never wait for it */
	fcntl(w->fd, F_SETFL, O_NONBLOCK);
	return w;
}

static void
tell(struct fs_watchdog *w, const struct message *m)
{
	ssize_t n;

	if (w == NULL)
		return;
	n = write(w->fd, m, sizeof(*m));
	(void)n;
}

void
fs_watchdog_mounted(struct fs_watchdog *w, unsigned connection,
    const char *mountpoint)
{
	struct message m = { .what = 'm', .connection = connection };

	snprintf(m.mountpoint, sizeof(m.mountpoint), "%s", mountpoint);
	tell(w, &m);
}

void
fs_watchdog_beat(struct fs_watchdog *w)
{
	struct message m = { .what = 'h' };

	tell(w, &m);
}

void
fs_watchdog_stop(struct fs_watchdog *w)
{
	struct message m = { .what = 'b' };

	if (w == NULL)
		return;
	tell(w, &m);
	close(w->fd);
	waitpid(w->pid, NULL, 0);
	free(w);
}
