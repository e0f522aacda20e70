/* SPDX-License-Identifier: Apache-2.0 */
/* faultio.c - a file system in memory with two states and faults on demand. */
#include "config.h"
#include "tests/faultio.h"

#include "core/util.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR	512u
#define FDS	256
#define FD_BASE	1000	/* unlike any real descriptor of a test */

struct inode {
	bool dir;
	ino_t number;
	uint8_t *data, *disk;	/* cap bytes each; zero behind their length */
	uint8_t *dirty;		/* a byte per sector */
	size_t cap, len, disk_len;
	bool locked;
	unsigned fds;
};

struct name {
	char *path;
	struct inode *now, *disk;	/* NULL: not there */
};

/* A change of names not yet on disk: at most two at once (rename). */
struct change {
	struct name *n[2];
	struct inode *to[2];
};

struct faultio {
	struct steme_io io;	/* first */
	pthread_mutex_t mu;
	struct inode **inodes;
	size_t ninodes;
	struct name **names;
	size_t nnames;
	struct change *changes;
	size_t nchanges;
	struct inode *fd[FDS];
	bool fd_lock[FDS];
	unsigned long calls[16];
	unsigned mask, delay_mask, delay_us;
	unsigned long left;	/* matching calls until the fault; 0: none */
	int err;
	size_t cut;
	bool stop, failed;
	uint64_t space;
};

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

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

/* ---- names and inodes ---- */

static struct inode *
new_inode(struct faultio *f, bool dir)
{
	struct inode *i = must(calloc(1, sizeof(*i)));

	i->dir = dir;
	f->inodes = must(realloc(f->inodes,
	    (f->ninodes + 1) * sizeof(f->inodes[0])));
	f->inodes[f->ninodes++] = i;
	i->number = f->ninodes;
	return i;
}

static struct name *
name_of(struct faultio *f, const char *path)
{
	struct name *n;

	for (size_t i = 0; i < f->nnames; i++)
		if (strcmp(f->names[i]->path, path) == 0)
			return f->names[i];
	n = must(calloc(1, sizeof(*n)));
	n->path = must(strdup(path));
	f->names = must(realloc(f->names,
	    (f->nnames + 1) * sizeof(f->names[0])));
	f->names[f->nnames++] = n;
	return n;
}

static void
change(struct faultio *f, struct name *a, struct inode *to_a, struct name *b,
    struct inode *to_b)
{
	f->changes = must(realloc(f->changes,
	    (f->nchanges + 1) * sizeof(f->changes[0])));
	f->changes[f->nchanges++] = (struct change){ { a, b }, { to_a, to_b } };
	a->now = to_a;
	if (b != NULL)
		b->now = to_b;
}

static void
apply(const struct change *c)
{
	for (int k = 0; k < 2; k++)
		if (c->n[k] != NULL)
			c->n[k]->disk = c->to[k];
}

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

static uint64_t
used(struct faultio *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->ninodes; i++) {
		bool held = f->inodes[i]->fds > 0;

		for (size_t k = 0; k < f->nnames && !held; k++)
			held = f->names[k]->now == f->inodes[i];
		if (held)
			sum += (f->inodes[i]->len + SECTOR - 1) / SECTOR *
			    SECTOR;
	}
	return sum;
}

/* Memory for the first n bytes; what was never written takes none. */
static void
back(struct inode *i, size_t len)
{
	size_t cap = i->cap;

	if (len > cap) {
		cap = (STEME_MAX(len, cap * 2) + SECTOR - 1) / SECTOR * SECTOR;
		i->data = must(realloc(i->data, cap));
		i->disk = must(realloc(i->disk, cap));
		i->dirty = must(realloc(i->dirty, cap / SECTOR));
		memset(i->data + i->cap, 0, cap - i->cap);
		memset(i->disk + i->cap, 0, cap - i->cap);
		memset(i->dirty + i->cap / SECTOR, 0, (cap - i->cap) / SECTOR);
		i->cap = cap;
	}
}

static void
grow(struct inode *i, size_t len)
{
	if (len > i->len)
		i->len = len;
}

static void
dirty(struct inode *i, size_t from, size_t to)
{
	to = STEME_MIN(to, i->cap);
	if (to > from)
		memset(i->dirty + from / SECTOR, 1,
		    (to + SECTOR - 1) / SECTOR - from / SECTOR);
}

static void
set_len(struct inode *i, size_t len)
{
	if (len < i->len) {
		if (len < i->cap)
			memset(i->data + len, 0, i->cap - len);
		dirty(i, len, i->len);
		i->len = len;
	}
	grow(i, len);
}

/* Room for growing to len; less than that if the disk is full. */
static size_t
grant(struct faultio *f, const struct inode *i, size_t len)
{
	uint64_t have = used(f), left;

	if (f->space == 0 || len <= i->len)
		return len;
	left = f->space > have ? f->space - have : 0;
	left += (i->len + SECTOR - 1) / SECTOR * SECTOR - i->len;
	return len - i->len <= left ? len : i->len + (size_t)left;
}

static struct inode *
inode_of(struct faultio *f, int fd)
{
	if (fd < FD_BASE || fd >= FD_BASE + FDS)
		return NULL;
	return f->fd[fd - FD_BASE];
}

/* ---- the table ---- */

static int
fio_open(struct steme_io *io, const char *path, int flags, mode_t mode)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_OPEN);
	struct name *n = name_of(f, path);
	int k = 0;

	(void)mode;
	if (err != STEME_OK)
		return end(f, err);
	if (n->now == NULL && !(flags & O_CREAT))
		return end(f, STEME_ENOTFOUND);
	if (n->now != NULL && (flags & O_CREAT) && (flags & O_EXCL))
		return end(f, STEME_EEXIST);
	if (n->now == NULL)
		change(f, n, new_inode(f, false), NULL, NULL);
	if (flags & O_TRUNC)
		set_len(n->now, 0);
	while (k < FDS && f->fd[k] != NULL)
		k++;
	assert(k < FDS);	/* a leak of descriptors */
	f->fd[k] = n->now;
	f->fd_lock[k] = false;
	n->now->fds++;
	return end(f, FD_BASE + k);
}

static void
copy_out(const struct inode *i, void *buf, size_t at, size_t n)
{
	size_t have = at < i->cap ? STEME_MIN(n, i->cap - at) : 0;

	if (have > 0)
		memcpy(buf, i->data + at, have);
	if (n > have)
		memset((uint8_t *)buf + have, 0, n - have);
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
	copy_out(i, buf, at, n);
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
	upto = grant(f, i, at + n);
	if (upto < at + n) {
		n = upto > at ? upto - at : 0;
		if (err == STEME_OK)
			err = STEME_ENOSPC;
	}
	if (n > 0) {
		grow(i, at + n);
		back(i, at + n);
		memcpy(i->data + at, buf, n);
		dirty(i, at, at + n);
	}
	/* a cut happens once */
	f->cut = err != STEME_OK ? 0 : f->cut;
	return end(f, err);
}

static void
flush(struct inode *i, bool really)
{
	for (size_t s = 0; s < i->cap / SECTOR; s++) {
		if (i->dirty[s] && really)
			memcpy(i->disk + s * SECTOR, i->data + s * SECTOR,
			    SECTOR);
		i->dirty[s] = 0;
	}
	if (really)
		i->disk_len = i->len;
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
		flush(i, err == STEME_OK);
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
		set_len(i, (size_t)len);
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
		upto = grant(f, i, (size_t)len);
		if (upto < (size_t)len)
			err = STEME_ENOSPC;
		grow(i, upto);	/* a part stays, as on ext4 */
	}
	return end(f, err);
}

static int
fio_rename(struct steme_io *io, const char *from, const char *to)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_RENAME);
	struct name *a = name_of(f, from), *b = name_of(f, to);

	if (err == STEME_OK && a->now == NULL)
		err = STEME_ENOTFOUND;
	if (err == STEME_OK)
		change(f, a, NULL, b, a->now);
	return end(f, err);
}

static int
fio_unlink(struct steme_io *io, const char *path)
{
	struct faultio *f = (struct faultio *)io;
	int err = begin(f, FIO_UNLINK);
	struct name *n = name_of(f, path);

	if (err == STEME_OK && n->now == NULL)
		err = STEME_ENOTFOUND;
	if (err == STEME_OK)
		change(f, n, NULL, NULL, NULL);
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
			apply(&f->changes[k]);
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
	struct name *n = name_of(f, path);

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
	struct name *n = name_of(f, path);

	(void)mode;
	if (err == STEME_OK && n->now != NULL)
		err = STEME_EEXIST;
	if (err == STEME_OK)
		change(f, n, new_inode(f, true), NULL, NULL);
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

	if (err == STEME_OK && name_of(f, path)->now == NULL)
		err = STEME_ENOTFOUND;
	for (size_t k = 0; k < f->nnames && err == STEME_OK; k++)
		if (f->names[k]->now != NULL &&
		    below(f->names[k]->path, path)) {
			v = must(realloc(v, (n + 1) * sizeof(*v)));
			v[n++] = must(strdup(
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
	struct faultio *f = must(calloc(1, sizeof(*f)));
	struct name *root;

	f->io.ops = &fio_ops;
	MUST(pthread_mutex_init(&f->mu, NULL));
	root = name_of(f, "/");
	root->now = root->disk = new_inode(f, true);
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

uint64_t
faultio_used(struct faultio *f)
{
	return used(f);
}

/* After a power cut both states are one. */
static void
settle_inode(struct inode *i, enum faultio_crash how, unsigned *seed)
{
	bool some = how == FIO_SOME;

	if (some && rand_r(seed) % 2 == 0)
		i->disk_len = i->len;
	for (size_t s = 0; s < i->cap / SECTOR; s++) {
		if (i->dirty[s] && some && rand_r(seed) % 2 == 0)
			memcpy(i->disk + s * SECTOR, i->data + s * SECTOR,
			    SECTOR);
		i->dirty[s] = 0;
	}
	if (i->cap > i->disk_len)
		memset(i->disk + i->disk_len, 0, i->cap - i->disk_len);
	if (i->cap > 0)
		memcpy(i->data, i->disk, i->cap);
	i->len = i->disk_len;
}

void
faultio_crash(struct faultio *f, enum faultio_crash how, unsigned seed)
{
	size_t keep = 0;

	MUST(pthread_mutex_lock(&f->mu));
	memset(f->fd, 0, sizeof(f->fd));
	memset(f->fd_lock, 0, sizeof(f->fd_lock));
	f->left = 0;
	f->failed = f->stop = false;
	f->delay_mask = 0;
	for (size_t k = 0; k < f->ninodes; k++) {
		f->inodes[k]->locked = false;
		f->inodes[k]->fds = 0;
		if (how != FIO_KILLED)
			settle_inode(f->inodes[k], how, &seed);
	}
	if (how == FIO_SOME && f->nchanges > 0)
		keep = (size_t)rand_r(&seed) % (f->nchanges + 1);
	if (how != FIO_KILLED) {
		for (size_t k = 0; k < keep; k++)
			apply(&f->changes[k]);
		f->nchanges = 0;
		for (size_t k = 0; k < f->nnames; k++)
			f->names[k]->now = f->names[k]->disk;
	}
	MUST(pthread_mutex_unlock(&f->mu));
}

uint8_t *
faultio_get(struct faultio *f, const char *path, size_t *len)
{
	struct inode *i = name_of(f, path)->now;
	uint8_t *copy;

	*len = 0;
	if (i == NULL)
		return NULL;
	copy = must(malloc(i->len + 1));
	copy_out(i, copy, 0, i->len);
	*len = i->len;
	return copy;
}

void
faultio_put(struct faultio *f, const char *path, const void *data, size_t len)
{
	struct name *n = name_of(f, path);

	/* always a new file, as cp and mv leave it */
	n->now = n->disk = new_inode(f, false);
	grow(n->now, len);
	back(n->now, len);
	if (len > 0)
		memcpy(n->now->data, data, len);
	dirty(n->now, 0, len);
	flush(n->now, true);
}

void
faultio_flip(struct faultio *f, const char *path, size_t off, uint8_t bits)
{
	struct inode *i = name_of(f, path)->now;

	back(i, off + 1);
	i->data[off] ^= bits;
	i->disk[off] ^= bits;
}

bool
faultio_exists(struct faultio *f, const char *path)
{
	return name_of(f, path)->now != NULL;
}

void
faultio_move(struct faultio *f, const char *from, const char *to)
{
	struct name *a = name_of(f, from), *b = name_of(f, to);

	b->now = a->now;
	b->disk = a->disk;
	a->now = a->disk = NULL;
}

void
faultio_remove(struct faultio *f, const char *path)
{
	struct name *n = name_of(f, path);

	n->now = n->disk = NULL;
}
