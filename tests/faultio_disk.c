/* SPDX-License-Identifier: Apache-2.0 */
/* faultio_disk.c - names and files of faultio in both their states, and what a crash leaves. */
#include "config.h"
#include "tests/faultio_impl.h"

#include "core/util.h"

#include <stdlib.h>
#include <string.h>

void *
fio_must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* ---- names ---- */

struct inode *
fio_new_inode(struct faultio *f, bool dir)
{
	struct inode *i = fio_must(calloc(1, sizeof(*i)));

	i->dir = dir;
	f->inodes = fio_must(realloc(f->inodes,
	    (f->ninodes + 1) * sizeof(f->inodes[0])));
	f->inodes[f->ninodes++] = i;
	i->number = f->ninodes;
	return i;
}

struct name *
fio_name(struct faultio *f, const char *path)
{
	struct name *n;

	for (size_t i = 0; i < f->nnames; i++)
		if (strcmp(f->names[i]->path, path) == 0)
			return f->names[i];
	n = fio_must(calloc(1, sizeof(*n)));
	n->path = fio_must(strdup(path));
	f->names = fio_must(realloc(f->names,
	    (f->nnames + 1) * sizeof(f->names[0])));
	f->names[f->nnames++] = n;
	return n;
}

void
fio_change(struct faultio *f, struct name *a, struct inode *to_a, struct name *b,
    struct inode *to_b)
{
	f->changes = fio_must(realloc(f->changes,
	    (f->nchanges + 1) * sizeof(f->changes[0])));
	f->changes[f->nchanges++] = (struct change){ { a, b }, { to_a, to_b } };
	a->now = to_a;
	if (b != NULL)
		b->now = to_b;
}

void
fio_apply(const struct change *c)
{
	for (int k = 0; k < 2; k++)
		if (c->n[k] != NULL)
			c->n[k]->disk = c->to[k];
}

uint64_t
faultio_used(struct faultio *f)
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

size_t
fio_grant(struct faultio *f, const struct inode *i, size_t len)
{
	uint64_t have = faultio_used(f), left;

	if (f->space == 0 || len <= i->len)
		return len;
	left = f->space > have ? f->space - have : 0;
	left += (i->len + SECTOR - 1) / SECTOR * SECTOR - i->len;
	return len - i->len <= left ? len : i->len + (size_t)left;
}

/* ---- inodes ---- */

void
fio_back(struct inode *i, size_t len)
{
	size_t cap = i->cap;

	if (len > cap) {
		cap = (STEME_MAX(len, cap * 2) + SECTOR - 1) / SECTOR * SECTOR;
		i->data = fio_must(realloc(i->data, cap));
		i->disk = fio_must(realloc(i->disk, cap));
		i->dirty = fio_must(realloc(i->dirty, cap / SECTOR));
		memset(i->data + i->cap, 0, cap - i->cap);
		memset(i->disk + i->cap, 0, cap - i->cap);
		memset(i->dirty + i->cap / SECTOR, 0, (cap - i->cap) / SECTOR);
		i->cap = cap;
	}
}

void
fio_grow(struct inode *i, size_t len)
{
	if (len > i->len)
		i->len = len;
}

void
fio_dirty(struct inode *i, size_t from, size_t to)
{
	to = STEME_MIN(to, i->cap);
	if (to > from)
		memset(i->dirty + from / SECTOR, 1,
		    (to + SECTOR - 1) / SECTOR - from / SECTOR);
}

void
fio_set_len(struct inode *i, size_t len)
{
	if (len < i->len) {
		if (len < i->cap)
			memset(i->data + len, 0, i->cap - len);
		fio_dirty(i, len, i->len);
		i->len = len;
	}
	fio_grow(i, len);
}

void
fio_copy_out(const struct inode *i, void *buf, size_t at, size_t n)
{
	size_t have = at < i->cap ? STEME_MIN(n, i->cap - at) : 0;

	if (have > 0)
		memcpy(buf, i->data + at, have);
	if (n > have)
		memset((uint8_t *)buf + have, 0, n - have);
}

void
fio_settle(struct inode *i, bool really)
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

/* ---- for tests ---- */

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
			fio_apply(&f->changes[k]);
		f->nchanges = 0;
		for (size_t k = 0; k < f->nnames; k++)
			f->names[k]->now = f->names[k]->disk;
	}
	MUST(pthread_mutex_unlock(&f->mu));
}

uint8_t *
faultio_get(struct faultio *f, const char *path, size_t *len)
{
	struct inode *i = fio_name(f, path)->now;
	uint8_t *copy;

	*len = 0;
	if (i == NULL)
		return NULL;
	copy = fio_must(malloc(i->len + 1));
	fio_copy_out(i, copy, 0, i->len);
	*len = i->len;
	return copy;
}

void
faultio_put(struct faultio *f, const char *path, const void *data, size_t len)
{
	struct name *n = fio_name(f, path);

	/* always a new file, as cp and mv leave it */
	n->now = n->disk = fio_new_inode(f, false);
	fio_grow(n->now, len);
	fio_back(n->now, len);
	if (len > 0)
		memcpy(n->now->data, data, len);
	fio_dirty(n->now, 0, len);
	fio_settle(n->now, true);
}

void
faultio_flip(struct faultio *f, const char *path, size_t off, uint8_t bits)
{
	struct inode *i = fio_name(f, path)->now;

	fio_back(i, off + 1);
	i->data[off] ^= bits;
	i->disk[off] ^= bits;
}

bool
faultio_exists(struct faultio *f, const char *path)
{
	return fio_name(f, path)->now != NULL;
}

void
faultio_move(struct faultio *f, const char *from, const char *to)
{
	struct name *a = fio_name(f, from), *b = fio_name(f, to);

	b->now = a->now;
	b->disk = a->disk;
	a->now = a->disk = NULL;
}

void
faultio_remove(struct faultio *f, const char *path)
{
	struct name *n = fio_name(f, path);

	n->now = n->disk = NULL;
}
