/* SPDX-License-Identifier: Apache-2.0 */
/* segments_local.c - segments as files in one folder, by the io table: listing, reading. */
#include "config.h"
#include "core/segments_local.h"

#include "core/gzread.h"
#include "core/util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS	18		/* at most, so that it fits and can grow */

static const char *const suffix[] = { ".wal", ".wal.gz" };

void
steme_seglocal_path(const struct steme_seglocal *l, char out[PATH_MAX], const char *name)
{
	snprintf(out, PATH_MAX, "%s/%s", l->dir, name);
}

void
steme_seglocal_segment(const struct steme_seglocal *l, char out[PATH_MAX], uint64_t number, bool gz)
{
	snprintf(out, PATH_MAX, "%s/segment.%03" PRIu64 "%s", l->dir, number,
	    suffix[gz]);
}
static void
local_name(struct steme_segments *s, uint64_t number, char *buf, size_t size)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	char path[PATH_MAX];
	struct stat st;

	steme_seglocal_segment(l, path, number, true);
	if (l->io->ops->stat(l->io, path, &st) == STEME_OK) {
		char plain[PATH_MAX];

		steme_seglocal_segment(l, plain, number, false);
		if (l->io->ops->stat(l->io, plain, &st) == STEME_ENOTFOUND) {
			snprintf(buf, size, "%s", path);
			return;
		}
	}
	steme_seglocal_segment(l, path, number, false);
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
	struct steme_seglocal *l;
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
	steme_seglocal_segment(g->l, path, info.number, info.compressed);
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
	struct steme_seglocal *l = (struct steme_seglocal *)s;
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
read_gz(struct steme_seglocal *l, uint64_t number, void *buf, size_t n, uint64_t off)
{
	char path[PATH_MAX];
	ssize_t r = STEME_OK;

	MUST(pthread_mutex_lock(&l->gz_mu));
	if (l->gz == NULL || l->gz_number != number) {
		steme_gzread_close(l->gz);
		steme_seglocal_segment(l, path, number, true);
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
	struct steme_seglocal *l = (struct steme_seglocal *)s;
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
	steme_seglocal_segment(l, path, number, false);
	fd = l->io->ops->open(l->io, path, O_RDONLY, 0);
	if (fd == STEME_ENOTFOUND)
		return read_gz(l, number, buf, n, off);
	if (fd < 0)
		return fd;
	r = l->io->ops->pread(l->io, fd, buf, n, (off_t)off);
	(void)l->io->ops->close(l->io, fd);	/* was only read */
	return r;
}

static void
local_close(struct steme_segments *s)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	const struct steme_segfile *files[] = { &l->open, &l->before, &l->lock };

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
	.lock = steme_seglocal_lock,
	.list = local_list,
	.read = local_read,
	.name = local_name,
	.create = steme_seglocal_create,
	.reopen = steme_seglocal_reopen,
	.append = steme_seglocal_append,
	.extend = steme_seglocal_extend,
	.check = steme_seglocal_check,
	.cut = steme_seglocal_cut,
	.settle = steme_seglocal_settle,
	.take = steme_seglocal_take,
	.set_aside = steme_seglocal_set_aside,
	.reserve = steme_seglocal_reserve,
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
	struct steme_seglocal *l = NULL;
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
