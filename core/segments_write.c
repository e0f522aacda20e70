/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments_write.c - making, appending to and cutting segments in a folder.
 * Labels in brackets are those of doc/wal-format.md.
 */
#include "config.h"
#include "core/segments_local.h"

#include "core/clock.h"
#include "core/util.h"

#include <fcntl.h>
#include <inttypes.h>

/* Puts a new open file in place; the one that was open waits to be cut. */
static int
adopt(struct steme_seglocal *l, struct steme_segfile *f, uint64_t room)
{
	struct steme_segfile old;
	struct stat st;
	int err = l->io->ops->fstat(l->io, f->fd, &st);

	if (err != STEME_OK)
		return err;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	if (l->before.fd >= 0) {
		err = l->io->ops->close(l->io, l->before.fd);
		l->before.fd = -1;
	}
	MUST(pthread_mutex_lock(&l->mu));
	old = l->open;
	l->open = *f;
	MUST(pthread_mutex_unlock(&l->mu));
	f->fd = -1;
	l->before = old;
	l->room = room;
	l->cut_at = (uint64_t)st.st_size < room ? (uint64_t)st.st_size : 0;
	return err;
}

static int
absent(struct steme_seglocal *l, const char *path)
{
	struct stat st;
	int err = l->io->ops->stat(l->io, path, &st);

	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	return err == STEME_OK ? STEME_EEXIST : err;
}

/* [MAKE-1] to [MAKE-5] */
int
steme_seglocal_create(struct steme_segments *s, uint64_t number, uint64_t room,
    const void *data, size_t n, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	const struct steme_io_ops *ops = l->io->ops;
	struct steme_segfile f = { .fd = -1, .number = number };
	char tmp[PATH_MAX], path[PATH_MAX];
	const char *step = "make";
	int err;

	steme_seglocal_path(l, tmp, "segment.new");
	steme_seglocal_segment(l, path, number, true);
	if ((err = absent(l, path)) != STEME_OK)
		goto out;
	steme_seglocal_segment(l, path, number, false);
	if ((err = absent(l, path)) != STEME_OK)
		goto out;
	err = f.fd = ops->open(l->io, tmp, O_RDWR | O_CREAT | O_TRUNC,
	    STEME_SEGFILE_MODE);
	if (err < 0)
		goto out;
	step = "allocate";
	room = STEME_MAX(room, n);
	if ((err = ops->allocate(l->io, f.fd, (off_t)room)) != STEME_OK)
		goto out;
	step = "write";
	if ((err = ops->pwrite(l->io, f.fd, data, n, 0)) != STEME_OK)
		goto out;
	step = "sync";
	if ((err = ops->sync(l->io, f.fd)) != STEME_OK)
		goto out;
	/* crash here: segment.new is whole and has no name yet */
	step = "rename";
	if ((err = ops->rename(l->io, tmp, path)) != STEME_OK)
		goto out;
	/* crash here: named or not, whole if named */
	step = "sync the folder of";
	if ((err = ops->syncdir(l->io, l->dir)) == STEME_OK) {
		step = "open";
		err = adopt(l, &f, room);
	}
	/* it has its name, so ENOSPC's promise (nothing changed) is broken */
	if (err == STEME_ENOSPC)
		err = STEME_EIO;
out:
	if (f.fd >= 0) {
		(void)ops->close(l->io, f.fd);
		(void)ops->unlink(l->io, tmp);
	}
	if (err == STEME_EEXIST)
		return steme_fail(why, err, "%s is already there", path);
	if (err != STEME_OK)
		steme_fail(why, err, "cannot %s a new log segment, %s: %s",
		    step, path, steme_strerror(err));
	return err;
}

int
steme_seglocal_reopen(struct steme_segments *s, uint64_t number, uint64_t room,
    struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	struct steme_segfile f = { .fd = -1, .number = number };
	char path[PATH_MAX];
	int err;

	steme_seglocal_segment(l, path, number, false);
	f.fd = l->io->ops->open(l->io, path, O_RDWR, 0);
	err = f.fd < 0 ? f.fd : adopt(l, &f, room);
	if (f.fd >= 0)
		(void)l->io->ops->close(l->io, f.fd);
	if (err != STEME_OK)
		steme_fail(why, err, "cannot open %s for writing: %s", path,
		    steme_strerror(err));
	return err;
}

int
steme_seglocal_check(struct steme_segments *s, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	char path[PATH_MAX];
	struct stat st;
	int err = steme_seglocal_check_lock(l, why);

	if (err != STEME_OK || l->open.fd < 0)
		return err;
	steme_seglocal_segment(l, path, l->open.number, false);
	err = l->io->ops->stat(l->io, path, &st);
	if (err == STEME_OK && st.st_dev == l->open.dev &&
	    st.st_ino == l->open.ino)
		return STEME_OK;
	if (err == STEME_OK || err == STEME_ENOTFOUND)
		return steme_fail(why, STEME_ESTALE,
		    "%s was moved, removed or replaced while in use", path);
	return steme_fail(why, err, "cannot look at %s: %s", path,
	    steme_strerror(err));
}

/* Cuts by descriptor, durably. */
static int
cut_file(struct steme_seglocal *l, const struct steme_segfile *f, uint64_t bytes,
    struct steme_why *why)
{
	struct stat st;
	int err = l->io->ops->fstat(l->io, f->fd, &st);

	if (err == STEME_OK && (uint64_t)st.st_size > bytes) {
		err = l->io->ops->truncate(l->io, f->fd, (off_t)bytes);
		if (err == STEME_OK)
			err = l->io->ops->sync(l->io, f->fd);
	}
	if (err != STEME_OK)
		steme_fail(why, err,
		    "cannot cut segment %" PRIu64 " in %s to %" PRIu64
		    " bytes: %s", f->number, l->dir, bytes,
		    steme_strerror(err));
	return err;
}

int
steme_seglocal_extend(struct steme_segments *s, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	int err, cerr;

	if (l->open.fd < 0 || l->cut_at == 0)
		return STEME_OK;
	err = l->io->ops->allocate(l->io, l->open.fd, (off_t)l->room);
	if (err == STEME_OK) {
		l->cut_at = 0;
		return STEME_OK;
	}
	/* what was had of it goes back, or it would fill the disk for nothing */
	if (err == STEME_ENOSPC &&
	    (cerr = cut_file(l, &l->open, l->cut_at, why)) != STEME_OK)
		return cerr;
	return steme_fail(why, err, "cannot allocate %" PRIu64
	    " bytes for segment %" PRIu64 " in %s: %s", l->room,
	    l->open.number, l->dir, steme_strerror(err));
}

int
steme_seglocal_append(struct steme_segments *s, const void *data, size_t n, uint64_t off,
    int64_t *sync_us, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	int64_t start;
	int err, cerr;

	if (l->cut_at != 0 && (err = steme_seglocal_extend(s, why)) != STEME_OK)
		return err;
	err = l->io->ops->pwrite(l->io, l->open.fd, data, n, (off_t)off);
	if (err == STEME_ENOSPC) {
		if ((cerr = cut_file(l, &l->open, off, why)) != STEME_OK)
			return cerr == STEME_ENOSPC ? STEME_EIO : cerr;
		l->cut_at = off;
	}
	if (err != STEME_OK)
		return steme_fail(why, err,
		    "cannot write to segment %" PRIu64 " in %s: %s",
		    l->open.number, l->dir, steme_strerror(err));
	start = steme_mono_us(&steme_clock_system);
	err = l->io->ops->datasync(l->io, l->open.fd);
	if (sync_us != NULL)
		*sync_us = steme_mono_us(&steme_clock_system) - start;
	/* a full disk told by a sync leaves unknown pages: no way back */
	if (err != STEME_OK)
		return steme_fail(why, err == STEME_ENOSPC ? STEME_EIO : err,
		    "cannot sync segment %" PRIu64 " in %s: %s",
		    l->open.number, l->dir, steme_strerror(err));
	return steme_seglocal_check(s, why);
}

int
steme_seglocal_cut(struct steme_segments *s, uint64_t number, uint64_t bytes,
    struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	struct steme_segfile f = { .fd = -1, .number = number };
	char path[PATH_MAX];
	int err, cerr;

	if (l->open.fd >= 0 && l->open.number == number) {
		err = cut_file(l, &l->open, bytes, why);
		if (err == STEME_OK && bytes < l->room)
			l->cut_at = bytes;
		return err;
	}
	if (l->before.fd >= 0 && l->before.number == number) {
		f = l->before;
		l->before.fd = -1;
	} else {
		steme_seglocal_segment(l, path, number, false);
		f.fd = l->io->ops->open(l->io, path, O_RDWR, 0);
		if (f.fd == STEME_ENOTFOUND)
			return STEME_OK;
		if (f.fd < 0)
			return steme_fail(why, f.fd, "cannot open %s: %s", path,
			    steme_strerror(f.fd));
	}
	err = cut_file(l, &f, bytes, why);
	cerr = l->io->ops->close(l->io, f.fd);
	if (err == STEME_OK && cerr != STEME_OK)
		err = steme_fail(why, cerr, "cannot close segment %" PRIu64
		    " in %s: %s", number, l->dir, steme_strerror(cerr));
	return err;
}

int
steme_seglocal_settle(struct steme_segments *s, struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	int err = l->io->ops->syncdir(l->io, l->dir);

	if (err != STEME_OK)
		steme_fail(why, err, "cannot sync the folder %s: %s", l->dir,
		    steme_strerror(err));
	return err;
}

/* The reserve is a comfort: failing to have it is no error. */
void
steme_seglocal_reserve(struct steme_segments *s, bool hold)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	const struct steme_io_ops *ops = l->io->ops;
	char path[PATH_MAX];
	struct stat st;
	int fd, err;

	steme_seglocal_path(l, path, "reserve");
	if (!hold) {
		(void)ops->unlink(l->io, path);
		l->reserved = false;
		return;
	}
	if (l->reserved)
		return;
	if (ops->stat(l->io, path, &st) == STEME_OK &&
	    st.st_size >= STEME_RESERVE_BYTES) {
		l->reserved = true;
		return;
	}
	fd = ops->open(l->io, path, O_RDWR | O_CREAT, STEME_SEGFILE_MODE);
	if (fd < 0)
		return;
	err = ops->allocate(l->io, fd, STEME_RESERVE_BYTES);
	(void)ops->close(l->io, fd);
	if (err != STEME_OK)
		(void)ops->unlink(l->io, path);
	l->reserved = err == STEME_OK;
}
