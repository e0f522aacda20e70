/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments_local.c - segments as files in one folder, by the io table.
 *
 * Owns the descriptors of the open segment, of the one before until it is cut, of
 * the lock, and a gzip cursor.  Labels in brackets: doc/wal-format.md.
 */
#include "config.h"
#include "core/segments.h"

#include "core/clock.h"
#include "core/gzread.h"
#include "core/util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESERVE_BYTES	(8 << 20)
#define FILE_MODE	0640
#define NUMBER_DIGITS	18		/* at most, so that it fits and can grow */

struct file {
	int fd;				/* -1: none */
	uint64_t number;
	dev_t dev;
	ino_t ino;
};

struct local {
	struct steme_segments base;	/* first */
	struct steme_io *io;
	char *dir;
	pthread_mutex_t mu;		/* the open file, against readers */
	struct file open;		/* (mu) to change; the writer's to use */
	struct file before;		/* kept until it is cut */
	struct file lock;		/* number: the fencing token */
	uint64_t room;			/* of the open segment */
	uint64_t cut_at;		/* its length if its room was given back, or 0 */
	bool reserved;			/* the reserve file is there */
	pthread_mutex_t gz_mu;
	struct steme_gzread *gz;	/* (gz_mu) NULL or that of gz_number */
	uint64_t gz_number;		/* (gz_mu) */
};

static const char *const suffix[] = { ".wal", ".wal.gz" };

/* A path in the folder.  The folder's length is checked when it is opened. */
static void
path_of(const struct local *l, char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", l->dir, name);
}

static void
segment_path(const struct local *l, char out[PATH_MAX], uint64_t number, bool gz)
{
	snprintf(out, PATH_MAX, "%s/segment.%03" PRIu64 "%s", l->dir, number,
	    suffix[gz]);
}

static void
local_name(struct steme_segments *s, uint64_t number, char *buf, size_t size)
{
	struct local *l = (struct local *)s;
	char path[PATH_MAX];
	struct stat st;

	segment_path(l, path, number, true);
	if (l->io->ops->stat(l->io, path, &st) == STEME_OK) {
		char plain[PATH_MAX];

		segment_path(l, plain, number, false);
		if (l->io->ops->stat(l->io, plain, &st) == STEME_ENOTFOUND) {
			snprintf(buf, size, "%s", path);
			return;
		}
	}
	segment_path(l, path, number, false);
	snprintf(buf, size, "%s", path);
}

/* Is name that of a segment, in its only spelling? */
static bool
parse_name(const char *name, uint64_t *number, bool *gz)
{
	const char *p = name + 8;
	char again[64];
	size_t digits;

	if (strncmp(name, "segment.", 8) != 0)
		return false;
	digits = strspn(p, "0123456789");
	if (digits < 3 || digits > NUMBER_DIGITS)
		return false;
	*number = strtoull(p, NULL, 10);
	*gz = strcmp(p + digits, suffix[true]) == 0;
	snprintf(again, sizeof(again), "segment.%03" PRIu64 "%s", *number,
	    suffix[*gz]);
	return *number > 0 && strcmp(name, again) == 0;
}

/* ---- listing ---- */

struct listing {
	struct local *l;
	struct steme_segment_info *v;
	size_t n, cap;
	bool raced;			/* a file went away meanwhile */
};

static int
list_one(void *arg, const char *name)
{
	struct listing *g = arg;
	struct steme_segment_info info = { 0 };
	char path[PATH_MAX];
	struct stat st;
	int err;

	if (!parse_name(name, &info.number, &info.compressed))
		return STEME_OK;
	segment_path(g->l, path, info.number, info.compressed);
	err = g->l->io->ops->stat(g->l->io, path, &st);
	if (err == STEME_ENOTFOUND)
		g->raced = true;
	if (err == STEME_ENOTFOUND || (err == STEME_OK && !S_ISREG(st.st_mode)))
		return STEME_OK;
	if (err != STEME_OK)
		return err;
	info.bytes = (uint64_t)st.st_size;
	info.mtime_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
	    st.st_mtim.tv_nsec / 1000;
	if (g->n == g->cap) {
		size_t cap = g->cap == 0 ? 64 : g->cap * 2;
		struct steme_segment_info *v = realloc(g->v, cap * sizeof(*v));

		if (v == NULL)
			return STEME_ENOMEM;
		g->v = v;
		g->cap = cap;
	}
	g->v[g->n++] = info;
	return STEME_OK;
}

static int
by_number(const void *a, const void *b)
{
	const struct steme_segment_info *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (int)x->compressed - (int)y->compressed;
}

static int
local_list(struct steme_segments *s, struct steme_segment_info **out, size_t *n)
{
	struct local *l = (struct local *)s;
	struct listing g = { .l = l };
	size_t kept = 0;
	int err;

	*out = NULL;
	*n = 0;
	/* gzip may finish between a name's listing and its stat: look again */
	for (int round = 0; round < 3; round++) {
		g.n = 0;
		g.raced = false;
		err = l->io->ops->readdir(l->io, l->dir, list_one, &g);
		if (err != STEME_OK) {
			free(g.v);
			return err;
		}
		if (!g.raced)
			break;
	}
	if (g.n > 0)
		qsort(g.v, g.n, sizeof(g.v[0]), by_number);
	for (size_t i = 0; i < g.n; i++)
		if (kept == 0 || g.v[kept - 1].number != g.v[i].number)
			g.v[kept++] = g.v[i];
	*out = g.v;
	*n = kept;
	return STEME_OK;
}

/* ---- reading ---- */

static ssize_t
read_gz(struct local *l, uint64_t number, void *buf, size_t n, uint64_t off)
{
	char path[PATH_MAX];
	ssize_t r = STEME_OK;

	MUST(pthread_mutex_lock(&l->gz_mu));
	if (l->gz == NULL || l->gz_number != number) {
		steme_gzread_close(l->gz);
		segment_path(l, path, number, true);
		r = steme_gzread_open(&l->gz, l->io, path);
		l->gz_number = number;
	}
	if (r == STEME_OK)
		r = steme_gzread_at(l->gz, buf, n, off);
	if (r < (ssize_t)n) {
		/* at the end or failed: hold no file that is not being read */
		steme_gzread_close(l->gz);
		l->gz = NULL;
	}
	MUST(pthread_mutex_unlock(&l->gz_mu));
	return r;
}

static ssize_t
local_read(struct steme_segments *s, uint64_t number, void *buf, size_t n,
    uint64_t off)
{
	struct local *l = (struct local *)s;
	char path[PATH_MAX];
	ssize_t r = STEME_ENOTFOUND;
	int fd;

	MUST(pthread_mutex_lock(&l->mu));
	if (l->open.fd >= 0 && l->open.number == number) {
		r = l->io->ops->pread(l->io, l->open.fd, buf, n, (off_t)off);
		MUST(pthread_mutex_unlock(&l->mu));
		return r;
	}
	MUST(pthread_mutex_unlock(&l->mu));
	segment_path(l, path, number, false);
	fd = l->io->ops->open(l->io, path, O_RDONLY, 0);
	if (fd == STEME_ENOTFOUND)
		return read_gz(l, number, buf, n, off);
	if (fd < 0)
		return fd;
	r = l->io->ops->pread(l->io, fd, buf, n, (off_t)off);
	(void)l->io->ops->close(l->io, fd);	/* was only read */
	return r;
}

/* ---- the lock ---- */

/* The pid and token in the lock file; 0 where there is none. */
static void
read_lock(struct local *l, int fd, long *pid, uint64_t *token)
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
try_lock(struct local *l, const char *path, int flags, struct steme_why *why)
{
	const struct steme_io_ops *ops = l->io->ops;
	struct file f = { .fd = -1 };
	struct stat st, named;
	char text[64];
	long pid = 0;
	int err, len;

	f.fd = ops->open(l->io, path, O_RDWR | O_CREAT | flags, FILE_MODE);
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

static int
local_lock(struct steme_segments *s, struct steme_why *why)
{
	struct local *l = (struct local *)s;
	char path[PATH_MAX];
	int err = STEME_EAGAIN;

	path_of(l, path, "lock");
	for (int i = 0; i < 100 && err == STEME_EAGAIN; i++)
		err = try_lock(l, path, 0, why);
	if (err == STEME_EAGAIN)
		return steme_fail(why, STEME_EBUSY,
		    "%s is exchanged again and again; who does that?", path);
	return err;
}

/* Still the holder?  A lock file that was removed, and taken by nobody, is made again. */
static int
check_lock(struct local *l, struct steme_why *why)
{
	char path[PATH_MAX];
	struct stat st;
	int err;

	if (l->lock.fd < 0)
		return STEME_OK;
	path_of(l, path, "lock");
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

/* ---- writing ---- */

/* Puts a new open file in place; the one that was open waits to be cut. */
static int
adopt(struct local *l, struct file *f, uint64_t room)
{
	struct file old;
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
absent(struct local *l, const char *path)
{
	struct stat st;
	int err = l->io->ops->stat(l->io, path, &st);

	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	return err == STEME_OK ? STEME_EEXIST : err;
}

/* [MAKE-1] to [MAKE-5] */
static int
local_create(struct steme_segments *s, uint64_t number, uint64_t room,
    const void *data, size_t n, struct steme_why *why)
{
	struct local *l = (struct local *)s;
	const struct steme_io_ops *ops = l->io->ops;
	struct file f = { .fd = -1, .number = number };
	char tmp[PATH_MAX], path[PATH_MAX];
	const char *step = "make";
	int err;

	path_of(l, tmp, "segment.new");
	segment_path(l, path, number, true);
	if ((err = absent(l, path)) != STEME_OK)
		goto out;
	segment_path(l, path, number, false);
	if ((err = absent(l, path)) != STEME_OK)
		goto out;
	err = f.fd = ops->open(l->io, tmp, O_RDWR | O_CREAT | O_TRUNC,
	    FILE_MODE);
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

static int
local_reopen(struct steme_segments *s, uint64_t number, uint64_t room,
    struct steme_why *why)
{
	struct local *l = (struct local *)s;
	struct file f = { .fd = -1, .number = number };
	char path[PATH_MAX];
	int err;

	segment_path(l, path, number, false);
	f.fd = l->io->ops->open(l->io, path, O_RDWR, 0);
	err = f.fd < 0 ? f.fd : adopt(l, &f, room);
	if (f.fd >= 0)
		(void)l->io->ops->close(l->io, f.fd);
	if (err != STEME_OK)
		steme_fail(why, err, "cannot open %s for writing: %s", path,
		    steme_strerror(err));
	return err;
}

static int
local_check(struct steme_segments *s, struct steme_why *why)
{
	struct local *l = (struct local *)s;
	char path[PATH_MAX];
	struct stat st;
	int err = check_lock(l, why);

	if (err != STEME_OK || l->open.fd < 0)
		return err;
	segment_path(l, path, l->open.number, false);
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
cut_file(struct local *l, const struct file *f, uint64_t bytes,
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

static int
local_extend(struct steme_segments *s, struct steme_why *why)
{
	struct local *l = (struct local *)s;
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

static int
local_append(struct steme_segments *s, const void *data, size_t n, uint64_t off,
    int64_t *sync_us, struct steme_why *why)
{
	struct local *l = (struct local *)s;
	int64_t start;
	int err, cerr;

	if (l->cut_at != 0 && (err = local_extend(s, why)) != STEME_OK)
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
	return local_check(s, why);
}

static int
local_cut(struct steme_segments *s, uint64_t number, uint64_t bytes,
    struct steme_why *why)
{
	struct local *l = (struct local *)s;
	struct file f = { .fd = -1, .number = number };
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
		segment_path(l, path, number, false);
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

static int
local_settle(struct steme_segments *s, struct steme_why *why)
{
	struct local *l = (struct local *)s;
	int err = l->io->ops->syncdir(l->io, l->dir);

	if (err != STEME_OK)
		steme_fail(why, err, "cannot sync the folder %s: %s", l->dir,
		    steme_strerror(err));
	return err;
}

/* The reserve is a comfort: failing to have it is no error. */
static void
local_reserve(struct steme_segments *s, bool hold)
{
	struct local *l = (struct local *)s;
	const struct steme_io_ops *ops = l->io->ops;
	char path[PATH_MAX];
	struct stat st;
	int fd, err;

	path_of(l, path, "reserve");
	if (!hold) {
		(void)ops->unlink(l->io, path);
		l->reserved = false;
		return;
	}
	if (l->reserved)
		return;
	if (ops->stat(l->io, path, &st) == STEME_OK &&
	    st.st_size >= RESERVE_BYTES) {
		l->reserved = true;
		return;
	}
	fd = ops->open(l->io, path, O_RDWR | O_CREAT, FILE_MODE);
	if (fd < 0)
		return;
	err = ops->allocate(l->io, fd, RESERVE_BYTES);
	(void)ops->close(l->io, fd);
	if (err != STEME_OK)
		(void)ops->unlink(l->io, path);
	l->reserved = err == STEME_OK;
}

static void
local_close(struct steme_segments *s)
{
	struct local *l = (struct local *)s;
	const struct file *files[] = { &l->open, &l->before, &l->lock };

	/* every byte that matters was synced, or the log has failed already */
	for (size_t i = 0; i < STEME_NELEM(files); i++)
		if (files[i]->fd >= 0)
			(void)l->io->ops->close(l->io, files[i]->fd);
	steme_gzread_close(l->gz);
	pthread_mutex_destroy(&l->gz_mu);
	pthread_mutex_destroy(&l->mu);
	free(l->dir);
	free(l);
}

static const struct steme_segments_ops local_ops = {
	.lock = local_lock,
	.list = local_list,
	.read = local_read,
	.name = local_name,
	.create = local_create,
	.reopen = local_reopen,
	.append = local_append,
	.extend = local_extend,
	.check = local_check,
	.cut = local_cut,
	.settle = local_settle,
	.reserve = local_reserve,
	.close = local_close,
};

/* Makes the folder if it is absent, and its entry durable. */
static int
make_dir(struct steme_io *io, const char *dir, struct steme_why *why)
{
	char *parent = strdup(dir);
	char *slash;
	bool there;
	int err;

	if (parent == NULL)
		return STEME_ENOMEM;
	slash = strrchr(parent, '/');
	if (slash != NULL)
		slash[slash == parent] = '\0';
	err = io->ops->mkdir(io, dir, 0750);
	there = err == STEME_EEXIST;
	/* also if it is there: who made it may have died before this */
	if (err == STEME_OK || there)
		err = io->ops->syncdir(io, slash != NULL ? parent : ".");
	if (there && err == STEME_EPERM)
		err = STEME_OK;		/* a parent of somebody else's making */
	free(parent);
	if (err != STEME_OK)
		steme_fail(why, err, "cannot make the folder %s: %s", dir,
		    steme_strerror(err));
	return err;
}

int
steme_segments_local(struct steme_segments **out, struct steme_io *io,
    const char *dir, bool create, struct steme_why *why)
{
	struct local *l = NULL;
	size_t len = strlen(dir);
	struct stat st;
	int err = STEME_ENOMEM;

	*out = NULL;
	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len == 0 || len > PATH_MAX - 64)
		return steme_fail(why, STEME_EINVAL,
		    "the name of the log's folder is %zu bytes long", len);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		return STEME_ENOMEM;
	l->base.ops = &local_ops;
	l->io = io;
	l->open.fd = l->before.fd = l->lock.fd = -1;
	MUST(pthread_mutex_init(&l->mu, NULL));
	MUST(pthread_mutex_init(&l->gz_mu, NULL));
	if ((l->dir = strndup(dir, len)) == NULL)
		goto out;
	if (create && (err = make_dir(io, l->dir, why)) != STEME_OK)
		goto out;
	err = io->ops->stat(io, l->dir, &st);
	if (err == STEME_OK && !S_ISDIR(st.st_mode))
		err = STEME_EINVAL;
	if (err != STEME_OK) {
		steme_fail(why, err, "%s is no folder that can be read: %s",
		    l->dir, steme_strerror(err));
		goto out;
	}
	*out = &l->base;
	l = NULL;
out:
	if (l != NULL)
		local_close(&l->base);
	return err;
}
