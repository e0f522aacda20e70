/* SPDX-License-Identifier: Apache-2.0 */
/* segments_lock.c - who may write to a folder of segments: its lock file. */
#include "config.h"
#include "core/segments_local.h"

#include "core/util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The pid and token in the lock file; 0 where there is none. */
static void
read_lock(struct steme_seglocal *l, int fd, long *pid, uint64_t *token)
{
	char text[64] = "";
	char *end;
	ssize_t r = l->io->ops->pread(l->io, fd, text, sizeof(text) - 1, 0);

	*pid = 0;
	*token = 0;
	if (r <= 0)
		return;
	*pid = strtol(text, &end, 10);
	*token = strtoull(end, NULL, 10);
}

/* One try to own the file at path; STEME_EAGAIN if it was exchanged meanwhile. */
static int
try_lock(struct steme_seglocal *l, const char *path, int flags, struct steme_why *why)
{
	const struct steme_io_ops *ops = l->io->ops;
	struct steme_segfile f = { .fd = -1 };
	struct stat st, named;
	char text[64];
	long pid = 0;
	int err, len;

	f.fd = ops->open(l->io, path, O_RDWR | O_CREAT | flags, STEME_SEGFILE_MODE);
	if (f.fd < 0)
		return steme_fail(why, f.fd, "cannot open %s: %s", path,
		    steme_strerror(f.fd));
	err = ops->lock(l->io, f.fd);
	read_lock(l, f.fd, &pid, &f.number);
	if (err == STEME_EBUSY)
		steme_fail(why, err, "the log in %s is in use by process %ld; "
		    "stop it first (steme down)", l->dir, pid);
	if (err == STEME_OK)
		err = ops->fstat(l->io, f.fd, &st);
	if (err == STEME_OK)
		err = ops->stat(l->io, path, &named);
	if (err == STEME_ENOTFOUND || (err == STEME_OK &&
	    (st.st_dev != named.st_dev || st.st_ino != named.st_ino)))
		err = STEME_EAGAIN;
	if (err == STEME_OK) {
		f.number = STEME_MAX(f.number, l->lock.number) + 1;
		len = snprintf(text, sizeof(text), "%ld %" PRIu64 "\n",
		    (long)getpid(), f.number);
		err = ops->pwrite(l->io, f.fd, text, (size_t)len, 0);
		if (err == STEME_OK)
			err = ops->truncate(l->io, f.fd, len);
		if (err == STEME_ENOSPC)
			err = STEME_OK;	/* the lock holds without its text */
	}
	if (err != STEME_OK) {
		(void)ops->close(l->io, f.fd);
		if (err != STEME_EBUSY && err != STEME_EAGAIN)
			steme_fail(why, err, "cannot lock %s: %s", path,
			    steme_strerror(err));
		return err;
	}
	f.dev = st.st_dev;
	f.ino = st.st_ino;
	if (l->lock.fd >= 0)
		(void)ops->close(l->io, l->lock.fd);
	l->lock = f;
	return STEME_OK;
}

int
steme_seglocal_lock(struct steme_segments *s, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	char path[PATH_MAX];
	int err = STEME_EAGAIN;

	steme_seglocal_path(l, path, "lock");
	for (int i = 0; i < 100 && err == STEME_EAGAIN; i++)
		err = try_lock(l, path, 0, why);
	if (err == STEME_EAGAIN)
		return steme_fail(why, STEME_EBUSY,
		    "%s is exchanged again and again; who does that?", path);
	return err;
}

int
steme_seglocal_check_lock(struct steme_seglocal *l, struct steme_why *why)
{
	char path[PATH_MAX];
	struct stat st;
	int err;

	if (l->lock.fd < 0)
		return STEME_OK;
	steme_seglocal_path(l, path, "lock");
	err = l->io->ops->stat(l->io, path, &st);
	if (err == STEME_OK && st.st_dev == l->lock.dev &&
	    st.st_ino == l->lock.ino)
		return STEME_OK;
	if (err == STEME_ENOTFOUND)
		err = try_lock(l, path, O_EXCL, why);
	else if (err == STEME_OK)
		err = STEME_EEXIST;
	if (err == STEME_EEXIST || err == STEME_EAGAIN)
		err = steme_fail(why, STEME_EBUSY,
		    "%s was replaced: another process took this log", path);
	else if (err != STEME_OK)
		steme_fail(why, err, "cannot look at %s: %s", path,
		    steme_strerror(err));
	return err;
}
