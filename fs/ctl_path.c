/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_path.c - who owns the socket's path. */
#include "config.h"
#include "fs/ctl_path.h"

#include "core/client_sock.h"
#include "core/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG	1024

static int
fail(struct steme_why *why, const char *what, const char *path)
{
	int e = errno;

	return steme_fail(why, steme_err_from_errno(e), "cannot %s %s: %s", what, path,
	    strerror(e));
}

/* Two daemons that start at once: one gets the lock. */
static int
take_lock(struct steme_ctl_path *p, struct steme_why *why)
{
	char lock[sizeof(p->path) + 8];

	snprintf(lock, sizeof(lock), "%s.lock", p->path);
	p->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->lock < 0)
		return fail(why, "make", lock);
	if (flock(p->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return steme_fail(why, STEME_EBUSY, "another daemon holds %s: "
			    "`steme status` says which, `steme down` ends it", lock);
		return fail(why, "lock", lock);
	}
	return STEME_OK;
}

/* What is at the path goes, unless somebody answers there or it is no socket. */
static int
clear_path(struct steme_ctl_path *p, struct steme_why *why)
{
	struct stat st;
	int fd, sys;

	if (lstat(p->path, &st) < 0)
		return errno == ENOENT ? STEME_OK : fail(why, "look at", p->path);
	if (!S_ISSOCK(st.st_mode))
		return steme_fail(why, STEME_EEXIST, "%s is in the way: it is not a "
		    "socket, so it is not removed", p->path);
	if (steme_sock_connect(&fd, p->path, &sys) == STEME_OK) {
		close(fd);
		return steme_fail(why, STEME_EBUSY, "another daemon answers at %s: "
		    "`steme status` says which, `steme down` ends it", p->path);
	}
	if (sys != ECONNREFUSED && sys != ENOENT)
		return steme_fail(why, STEME_EBUSY, "cannot tell whether a daemon "
		    "answers at %s: %s", p->path, strerror(sys));
	if (unlink(p->path) < 0 && errno != ENOENT)
		return fail(why, "remove", p->path);
	return STEME_OK;
}

static int
listen_there(struct steme_ctl_path *p, struct steme_why *why)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;

	memcpy(sa.sun_path, p->path, strlen(p->path) + 1);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return fail(why, "make a socket for", p->path);
	if (bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return fail(why, "bind", p->path);
	if (lstat(p->path, &st) < 0)
		return fail(why, "look at", p->path);
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	/* Whoever reaches the folder may connect; rights come from who it is. */
	if (chmod(p->path, 0666) < 0)
		return fail(why, "open up", p->path);
	if (listen(p->fd, BACKLOG) < 0)
		return fail(why, "listen at", p->path);
	return STEME_OK;
}

int
steme_ctl_path_take(struct steme_ctl_path *p, const char *path,
    struct steme_why *why)
{
	int err;

	memset(p, 0, sizeof(*p));
	p->fd = p->lock = -1;
	if (path[0] == '\0' || strlen(path) > STEME_SOCKET_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the control socket's path %s has "
		    "%zu bytes, and the kernel takes 1 to %d: use a shorter --dir",
		    path, strlen(path), STEME_SOCKET_MAX);
	strcpy(p->path, path);
	if ((err = take_lock(p, why)) == STEME_OK &&
	    (err = clear_path(p, why)) == STEME_OK)
		err = listen_there(p, why);
	if (err != STEME_OK)
		steme_ctl_path_leave(p);
	return err;
}

void
steme_ctl_path_leave(struct steme_ctl_path *p)
{
	struct stat st;

	if (p->ino != 0 && lstat(p->path, &st) == 0 && st.st_dev == p->dev &&
	    st.st_ino == p->ino)
		unlink(p->path);
	if (p->fd >= 0)
		close(p->fd);
	/* The lock's file stays: removing it would let two hold different ones. */
	if (p->lock >= 0)
		close(p->lock);
	p->fd = p->lock = -1;
	p->ino = 0;
}
