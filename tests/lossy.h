/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lossy.h - an index that loses, in a power cut, batches that were not made durable; any
 * of them, in the middle, too, as LevelDB does when it is written without sync.  It can
 * also refuse a write on demand.  One thread writes; reading from any.
 */
#ifndef STEME_LOSSY_H
#define STEME_LOSSY_H

#include "core/index_impl.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct lossy {
	struct steme_index base;
	struct steme_index *now;	/* what programs see */
	struct steme_index *disk;	/* what is durable */
	struct steme_batch **pending;	/* since then, in order */
	size_t n, cap;
	int fail;			/* the next writes fail with this */
	unsigned skip;			/* after so many good ones */
	void (*before_write)(void *arg);	/* may wait; or NULL */
	void *arg;
};

static struct steme_batch *
copy_batch(const struct steme_batch *b)
{
	struct steme_batch *c = steme_batch_new();
	struct steme_batch_op op;
	size_t pos = 0;

	while (steme_batch_next(b, &pos, &op)) {
		if (op.del)
			steme_batch_del(c, op.key, op.klen);
		else
			steme_batch_put(c, op.key, op.klen, op.val, op.vlen);
	}
	return c;
}

static struct lossy *
lossy_of(struct steme_index *ix)
{
	return (struct lossy *)ix;
}

static void
lossy_flush(struct lossy *l)
{
	for (size_t i = 0; i < l->n; i++) {
		ck_assert_int_eq(l->disk->ops->write(l->disk, l->pending[i], true), 0);
		steme_batch_free(l->pending[i]);
	}
	l->n = 0;
}

static int
lossy_get(struct steme_index *ix, const struct steme_snapshot *snap, const void *key,
    size_t klen, uint8_t **val, size_t *vlen)
{
	struct steme_index *now = lossy_of(ix)->now;

	return now->ops->get(now, snap, key, klen, val, vlen);
}

static int
lossy_write(struct steme_index *ix, struct steme_batch *b, bool sync)
{
	struct lossy *l = lossy_of(ix);

	if (l->before_write != NULL)
		l->before_write(l->arg);
	if (l->fail != 0 && l->skip-- == 0) {
		l->skip = 0;
		return l->fail;
	}
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 16;
		l->pending = realloc(l->pending, l->cap * sizeof(*l->pending));
	}
	l->pending[l->n++] = copy_batch(b);
	if (sync)
		lossy_flush(l);
	return l->now->ops->write(l->now, b, sync);
}

static int
lossy_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen, bool backwards,
    struct steme_iter *it)
{
	struct steme_index *now = lossy_of(ix)->now;

	return now->ops->iter_open(now, snap, from, fromlen, to, tolen, backwards, it);
}

static int
lossy_iter_next(struct steme_index *ix, struct steme_iter *it)
{
	return lossy_of(ix)->now->ops->iter_next(lossy_of(ix)->now, it);
}

static void
lossy_iter_close(struct steme_index *ix, struct steme_iter *it)
{
	lossy_of(ix)->now->ops->iter_close(lossy_of(ix)->now, it);
}

static int
lossy_snapshot(struct steme_index *ix, struct steme_snapshot **out)
{
	return lossy_of(ix)->now->ops->snapshot(lossy_of(ix)->now, out);
}

static void
lossy_release(struct steme_index *ix, struct steme_snapshot *snap)
{
	lossy_of(ix)->now->ops->release(lossy_of(ix)->now, snap);
}

static int
lossy_checkpoint(struct steme_index *ix)
{
	if (lossy_of(ix)->fail != 0)
		return lossy_of(ix)->fail;
	lossy_flush(lossy_of(ix));
	return 0;
}

static int
lossy_compact(struct steme_index *ix, const void *from, size_t fromlen, const void *to,
    size_t tolen)
{
	struct steme_index *now = lossy_of(ix)->now;

	if (lossy_of(ix)->fail != 0)
		return lossy_of(ix)->fail;
	return now->ops->compact(now, from, fromlen, to, tolen);
}

static int
lossy_stats(struct steme_index *ix, struct steme_index_stats *out)
{
	return lossy_of(ix)->now->ops->stats(lossy_of(ix)->now, out);
}

static void
lossy_close(struct steme_index *ix)
{
	struct lossy *l = lossy_of(ix);

	for (size_t i = 0; i < l->n; i++)
		steme_batch_free(l->pending[i]);
	free(l->pending);
	l->now->ops->close(l->now);
	l->disk->ops->close(l->disk);
	free(l);
}

static const struct steme_index_ops lossy_ops = {
	lossy_get, lossy_write, lossy_iter_open, lossy_iter_next, lossy_iter_close,
	lossy_snapshot, lossy_release, lossy_checkpoint, lossy_compact, lossy_stats,
	lossy_close, NULL
};

static inline struct lossy *
lossy_new(void)
{
	struct lossy *l = calloc(1, sizeof(*l));

	l->base.ops = &lossy_ops;
	ck_assert_int_eq(steme_index_mem(&l->now), 0);
	ck_assert_int_eq(steme_index_mem(&l->disk), 0);
	return l;
}

/* A power cut: keep(arg, i) says whether pending batch i got to the disk. */
static inline void
lossy_crash(struct lossy *l, bool (*keep)(void *arg, size_t i), void *arg)
{
	struct steme_index *now;
	struct steme_batch *all = steme_batch_new();
	struct steme_iter it;
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (keep(arg, i))
			l->pending[kept++] = l->pending[i];
		else
			steme_batch_free(l->pending[i]);
	}
	l->n = kept;
	lossy_flush(l);
	ck_assert_int_eq(steme_index_mem(&now), 0);
	ck_assert_int_eq(l->disk->ops->iter_open(l->disk, NULL, "", 0, NULL, 0, false,
	    &it), 0);
	while (l->disk->ops->iter_next(l->disk, &it) == 0)
		steme_batch_put(all, it.key, it.klen, it.val, it.vlen);
	l->disk->ops->iter_close(l->disk, &it);
	ck_assert_int_eq(now->ops->write(now, all, false), 0);
	steme_batch_free(all);
	l->now->ops->close(l->now);
	l->now = now;
	l->fail = 0;
}

#endif
