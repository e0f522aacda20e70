/* SPDX-License-Identifier: Apache-2.0 */
/* faultio.c - the io table over files in memory, with faults on demand. */
#include "config.h"
#include "tests/faultio_impl.h"

#include "core/util.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- faults ---- */

/* Locks and counts a call; the error it shall have, or STEME_OK. */
static int
begin(struct faultio *f, unsigned op)
{
	int err = STEME_OK;

	if (f->delay_mask & op)
		usleep(f->delay_us);
	MUST(pthread_mutex_lock(&f->mu));
	for (int i = 0; i < 16; i++)
		f->calls[i] += op >> i & 1;
	if (f->failed && f->stop)
		err = STEME_EIO;
	else if ((f->mask & op) && f->left > 0 && --f->left == 0) {
		f->failed = true;
		err = f->err;
	}
	return err;
}

static int
end(struct faultio *f, int err)
{
	MUST(pthread_mutex_unlock(&f->mu));
	return err;
}

/* ---- the table ---- */

/* Is path directly below dir? */
static bool
below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		n = 0;
	return strncmp(path, dir, n) == 0 && path[n] == '/' &&
	    path[n + 1] != '\0' && strchr(path + n + 1, '/') == NULL;
}

static struct inode *
inode_of(struct faultio *f, int fd)
{
	if (fd < FD_BASE || fd >= FD_BASE + FDS)
		return NULL;
	return f->fd[fd - FD_BASE];
}

static int
fio_open(struct steme_io *io, const char *path, int flags, mode_t mode)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_OPEN);
	struct name *n = fio_name(f, path);
	int k = 0;

	(void)mode;
	if (err != STEME_OK)
		return end(f, err);
	if (n->now == NULL && !(flags & O_CREAT))
		return end(f, STEME_ENOTFOUND);
	if (n->now != NULL && (flags & O_CREAT) && (flags & O_EXCL))
		return end(f, STEME_EEXIST);
	if (n->now == NULL)
		fio_change(f, n, fio_new_inode(f, false), NULL, NULL);
	if (flags & O_TRUNC)
		fio_set_len(n->now, 0);
	while (k < FDS && f->fd[k] != NULL)
		k++;
	assert(k < FDS);	/* a leak of descriptors */
	f->fd[k] = n->now;
	f->fd_lock[k] = false;
	n->now->fds++;
	return end(f, FD_BASE + k);
}

static ssize_t
fio_pread(struct steme_io *io, int fd, void *buf, size_t n, off_t off)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_PREAD);
	struct inode *i = inode_of(f, fd);
	size_t at = (size_t)off;

	if (err == STEME_OK && i == NULL)
		err = STEME_EIO;
	if (err != STEME_OK)
		return end(f, err);
	n = at >= i->len ? 0 : STEME_MIN(n, i->len - at);
	fio_copy_out(i, buf, at, n);
	end(f, STEME_OK);
	return (ssize_t)n;
}

static int
fio_pwrite(struct steme_io *io, int fd, const void *buf, size_t n, off_t off)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_PWRITE);
	struct inode *i = inode_of(f, fd);
	size_t at = (size_t)off, upto;

	if (i == NULL)
		return end(f, STEME_EIO);
	if (err != STEME_OK)
		n = f->failed && f->left == 0 && err == f->err ?
		    STEME_MIN(n, f->cut) : 0;
	upto = fio_grant(f, i, at + n);
	if (upto < at + n) {
		n = upto > at ? upto - at : 0;
		if (err == STEME_OK)
			err = STEME_ENOSPC;
	}
	if (n > 0) {
		fio_grow(i, at + n);
		fio_back(i, at + n);
		memcpy(i->data + at, buf, n);
		fio_dirty(i, at, at + n);
	}
	/* a cut happens once */
	f->cut = err != STEME_OK ? 0 : f->cut;
	return end(f, err);
}

static int
fio_flush(struct faultio *f, int fd, unsigned op)
{
	bool stopped = f->failed && f->stop;
	int err = begin(f, op);
	struct inode *i = inode_of(f, fd);

	if (i == NULL)
		return end(f, STEME_EIO);
	/* a process that has ended makes no call, so nothing is marked clean */
	if (err == STEME_OK || (!stopped && !f->stop))
		fio_settle(i, err == STEME_OK);
	return end(f, err);
}

static int
fio_datasync(struct steme_io *io, int fd)
{
	return fio_flush((struct faultio *)io, fd, FIO_DATASYNC);
}

static int
fio_sync(struct steme_io *io, int fd)
{
	return fio_flush((struct faultio *)io, fd, FIO_SYNC);
}

static int
fio_close(struct steme_io *io, int fd)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_CLOSE);
	struct inode *i = inode_of(f, fd);

	if (i == NULL)
		return end(f, STEME_EIO);
	if (f->fd_lock[fd - FD_BASE])
		i->locked = false;
	f->fd[fd - FD_BASE] = NULL;
	i->fds--;
	return end(f, err);
}

static int
fio_truncate(struct steme_io *io, int fd, off_t len)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_TRUNCATE);
	struct inode *i = inode_of(f, fd);

	if (err == STEME_OK && i == NULL)
		err = STEME_EIO;
	if (err == STEME_OK)
		fio_set_len(i, (size_t)len);
	return end(f, err);
}

static int
fio_allocate(struct steme_io *io, int fd, off_t len)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_ALLOCATE);
	struct inode *i = inode_of(f, fd);
	size_t upto;

	if (err == STEME_OK && i == NULL)
		err = STEME_EIO;
	if (err == STEME_OK) {
		upto = fio_grant(f, i, (size_t)len);
		if (upto < (size_t)len)
			err = STEME_ENOSPC;
		fio_grow(i, upto);	/* a part stays, as on ext4 */
	}
	return end(f, err);
}

static int
fio_rename(struct steme_io *io, const char *from, const char *to)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_RENAME);
	struct name *a = fio_name(f, from), *b = fio_name(f, to);

	if (err == STEME_OK && a->now == NULL)
		err = STEME_ENOTFOUND;
	if (err == STEME_OK)
		fio_change(f, a, NULL, b, a->now);
	return end(f, err);
}

static int
fio_unlink(struct steme_io *io, const char *path)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_UNLINK);
	struct name *n = fio_name(f, path);

	if (err == STEME_OK && n->now == NULL)
		err = STEME_ENOTFOUND;
	if (err == STEME_OK)
		fio_change(f, n, NULL, NULL, NULL);
	return end(f, err);
}

/* All names below path, as they are now, are on disk. */
static int
fio_syncdir(struct steme_io *io, const char *path)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_SYNCDIR);
	size_t kept = 0;

	if (err != STEME_OK)
		return end(f, err);
	for (size_t k = 0; k < f->nchanges; k++) {
		if (below(f->changes[k].n[0]->path, path))
			fio_apply(&f->changes[k]);
		else
			f->changes[kept++] = f->changes[k];
	}
	f->nchanges = kept;
	return end(f, STEME_OK);
}

static void
fill_stat(const struct inode *i, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = 1;
	st->st_ino = i->number;
	st->st_mode = i->dir ? S_IFDIR | 0750 : S_IFREG | 0640;
	st->st_size = (off_t)i->len;
	st->st_nlink = 1;
}

static int
fio_stat(struct steme_io *io, const char *path, struct stat *st)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_STAT);
	struct name *n = fio_name(f, path);

	if (err == STEME_OK && n->now == NULL)
		err = STEME_ENOTFOUND;
	if (err == STEME_OK)
		fill_stat(n->now, st);
	return end(f, err);
}

static int
fio_fstat(struct steme_io *io, int fd, struct stat *st)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_FSTAT);
	struct inode *i = inode_of(f, fd);

	if (err == STEME_OK && i == NULL)
		err = STEME_EIO;
	if (err == STEME_OK)
		fill_stat(i, st);
	return end(f, err);
}

static int
fio_mkdir(struct steme_io *io, const char *path, mode_t mode)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_MKDIR);
	struct name *n = fio_name(f, path);

	(void)mode;
	if (err == STEME_OK && n->now != NULL)
		err = STEME_EEXIST;
	if (err == STEME_OK)
		fio_change(f, n, fio_new_inode(f, true), NULL, NULL);
	return end(f, err);
}

static int
fio_readdir(struct steme_io *io, const char *path,
    int (*each)(void *arg, const char *name), void *arg)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_READDIR);
	char **v = NULL;
	size_t n = 0;

	if (err == STEME_OK && fio_name(f, path)->now == NULL)
		err = STEME_ENOTFOUND;
	for (size_t k = 0; k < f->nnames && err == STEME_OK; k++)
		if (f->names[k]->now != NULL &&
		    below(f->names[k]->path, path)) {
			v = fio_must(realloc(v, (n + 1) * sizeof(*v)));
			v[n++] = fio_must(strdup(
			    strrchr(f->names[k]->path, '/') + 1));
		}
	end(f, STEME_OK);
	/* each() may call the table again: not under the lock */
	for (size_t k = 0; k < n; k++) {
		if (err == STEME_OK)
			err = each(arg, v[k]);
		free(v[k]);
	}
	free(v);
	return err;
}

static int
fio_lock(struct steme_io *io, int fd)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_LOCK);
	struct inode *i = inode_of(f, fd);

	if (err == STEME_OK && i == NULL)
		err = STEME_EIO;
	if (err == STEME_OK && i->locked)
		err = STEME_EBUSY;
	if (err == STEME_OK)
		i->locked = f->fd_lock[fd - FD_BASE] = true;
	return end(f, err);
}

static const struct steme_io_ops fio_ops = {
	.open = fio_open, .pread = fio_pread, .pwrite = fio_pwrite,
	.datasync = fio_datasync, .sync = fio_sync, .close = fio_close,
	.truncate = fio_truncate, .allocate = fio_allocate,
	.rename = fio_rename, .unlink = fio_unlink, .syncdir = fio_syncdir,
	.stat = fio_stat, .fstat = fio_fstat, .mkdir = fio_mkdir,
	.readdir = fio_readdir, .lock = fio_lock,
};

/* ---- for tests ---- */

struct faultio *
faultio_new(void)
{
	struct faultio *f = fio_must(calloc(1, sizeof(*f)));
	struct name *root;

	f->io.ops = &fio_ops;
	MUST(pthread_mutex_init(&f->mu, NULL));
	root = fio_name(f, "/");
	root->now = root->disk = fio_new_inode(f, true);
	return f;
}

void
faultio_free(struct faultio *f)
{
	if (f == NULL)
		return;
	for (size_t k = 0; k < f->ninodes; k++) {
		free(f->inodes[k]->data);
		free(f->inodes[k]->disk);
		free(f->inodes[k]->dirty);
		free(f->inodes[k]);
	}
	for (size_t k = 0; k < f->nnames; k++) {
		free(f->names[k]->path);
		free(f->names[k]);
	}
	free(f->inodes);
	free(f->names);
	free(f->changes);
	pthread_mutex_destroy(&f->mu);
	free(f);
}

struct steme_io *
faultio_io(struct faultio *f)
{
	return &f->io;
}

unsigned long
faultio_calls(struct faultio *f, unsigned mask)
{
	unsigned long sum = 0;

	MUST(pthread_mutex_lock(&f->mu));
	for (int i = 0; i < 16; i++)
		if (mask >> i & 1)
			sum += f->calls[i];
	MUST(pthread_mutex_unlock(&f->mu));
	return sum;
}

void
faultio_fail(struct faultio *f, unsigned mask, unsigned long n, int err,
    size_t cut, bool stop)
{
	MUST(pthread_mutex_lock(&f->mu));
	f->mask = mask;
	f->left = n;
	f->err = err;
	f->cut = cut;
	f->stop = stop;
	f->failed = false;
	MUST(pthread_mutex_unlock(&f->mu));
}

bool
faultio_failed(struct faultio *f)
{
	bool failed;

	MUST(pthread_mutex_lock(&f->mu));
	failed = f->failed;
	MUST(pthread_mutex_unlock(&f->mu));
	return failed;
}

void
faultio_delay(struct faultio *f, unsigned mask, unsigned us)
{
	f->delay_mask = mask;
	f->delay_us = us;
}

void
faultio_space(struct faultio *f, uint64_t bytes)
{
	f->space = bytes;
}
