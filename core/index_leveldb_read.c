/* SPDX-License-Identifier: Apache-2.0 */
/* index_leveldb_read.c - reading the index in LevelDB: entries, iterators, snapshots. */
#include "config.h"
#include "core/index_leveldb.h"

#include <stdlib.h>
#include <string.h>

struct ldb_snapshot {
	const leveldb_snapshot_t *snap;
	leveldb_readoptions_t *read;
};

struct ldb_iter {
	leveldb_iterator_t *it;
	uint8_t *bound;		/* of the far side, or NULL */
	size_t nbound;
	bool backwards;
	bool started;
};

static const leveldb_readoptions_t *
read_options(struct steme_ldb *l, const struct steme_snapshot *snap)
{
	return snap == NULL ? l->read : ((const struct ldb_snapshot *)snap)->read;
}

int
steme_ldb_get(struct steme_index *ix, const struct steme_snapshot *snap, const void *key,
    size_t klen, uint8_t **val, size_t *vlen)
{
	struct steme_ldb *l = steme_ldb_of(ix);
	char *text = NULL;
	size_t n = 0;
	int err;

	*val = NULL;
	*vlen = 0;
	if ((err = steme_ldb_enter(l)) != STEME_OK)
		return err;
	*val = (uint8_t *)leveldb_get(l->db, read_options(l, snap), key, klen, &n,
	    &text);
	steme_ldb_leave(l);
	atomic_fetch_add_explicit(&l->gets, 1, memory_order_relaxed);
	if (text != NULL)
		return steme_ldb_error(l, text);
	if (*val == NULL)
		return STEME_ENOTFOUND;
	*vlen = n;
	return STEME_OK;
}

static void
iter_free(struct ldb_iter *i)
{
	if (i == NULL)
		return;
	if (i->it != NULL)
		leveldb_iter_destroy(i->it);
	free(i->bound);
	free(i);
}

int
steme_ldb_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen,
    bool backwards, struct steme_iter *it)
{
	const void *bound = backwards ? from : to;
	size_t nbound = backwards ? fromlen : tolen;
	struct steme_ldb *l = steme_ldb_of(ix);
	struct ldb_iter *i;
	int err;

	memset(it, 0, sizeof(*it));
	if ((i = calloc(1, sizeof(*i))) == NULL)
		return STEME_ENOMEM;
	i->backwards = backwards;
	if (bound != NULL) {
		if ((i->bound = malloc(nbound + 1)) == NULL) {
			iter_free(i);
			return STEME_ENOMEM;
		}
		if (nbound > 0)
			memcpy(i->bound, bound, nbound);
		i->nbound = nbound;
	}
	if ((err = steme_ldb_enter(l)) != STEME_OK) {
		iter_free(i);
		return err;
	}
	i->it = leveldb_create_iterator(l->db, read_options(l, snap));
	atomic_fetch_add(&l->readers, 1);
	steme_ldb_leave(l);
	if (!backwards) {
		leveldb_iter_seek(i->it, from == NULL ? "" : from, fromlen);
	} else if (to == NULL) {
		leveldb_iter_seek_to_last(i->it);
	} else {
		/* the first key behind the range, or the end; then one back */
		leveldb_iter_seek(i->it, to, tolen);
		if (leveldb_iter_valid(i->it))
			leveldb_iter_prev(i->it);
		else
			leveldb_iter_seek_to_last(i->it);
	}
	it->impl = i;
	return STEME_OK;
}

/*
 * LevelDB steps over a bad block and only notes it: without asking each time, a
 * damaged block would look like missing keys.
 */
static int
iter_error(struct steme_ldb *l, struct ldb_iter *i)
{
	char *text = NULL;

	leveldb_iter_get_error(i->it, &text);
	return steme_ldb_error(l, text);
}

int
steme_ldb_iter_next(struct steme_index *ix, struct steme_iter *it)
{
	struct ldb_iter *i = it->impl;
	bool in;
	int err, c;

	it->key = it->val = NULL;
	it->klen = it->vlen = 0;
	in = leveldb_iter_valid(i->it);
	if (i->started && in) {
		if (i->backwards)
			leveldb_iter_prev(i->it);
		else
			leveldb_iter_next(i->it);
		in = leveldb_iter_valid(i->it);
	}
	i->started = true;
	if ((err = iter_error(steme_ldb_of(ix), i)) != STEME_OK)
		return err;
	if (!in)
		return STEME_ENOTFOUND;
	it->key = (const uint8_t *)leveldb_iter_key(i->it, &it->klen);
	if (i->bound != NULL) {
		c = steme_key_cmp(it->key, it->klen, i->bound, i->nbound);
		if (i->backwards ? c < 0 : c >= 0) {
			/* stay outside: the next call must not step on */
			i->started = false;
			it->key = NULL;
			it->klen = 0;
			return STEME_ENOTFOUND;
		}
	}
	it->val = (const uint8_t *)leveldb_iter_value(i->it, &it->vlen);
	return STEME_OK;
}

void
steme_ldb_iter_close(struct steme_index *ix, struct steme_iter *it)
{
	if (it->impl == NULL)
		return;
	iter_free(it->impl);
	atomic_fetch_sub(&steme_ldb_of(ix)->readers, 1);
	memset(it, 0, sizeof(*it));
}

int
steme_ldb_snapshot(struct steme_index *ix, struct steme_snapshot **out)
{
	struct steme_ldb *l = steme_ldb_of(ix);
	struct ldb_snapshot *s;
	int err;

	*out = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return STEME_ENOMEM;
	if ((err = steme_ldb_enter(l)) != STEME_OK) {
		free(s);
		return err;
	}
	s->snap = leveldb_create_snapshot(l->db);
	atomic_fetch_add(&l->readers, 1);
	steme_ldb_leave(l);
	s->read = leveldb_readoptions_create();
	leveldb_readoptions_set_verify_checksums(s->read, l->paranoid);
	leveldb_readoptions_set_snapshot(s->read, s->snap);
	*out = (struct steme_snapshot *)s;
	return STEME_OK;
}

void
steme_ldb_release(struct steme_index *ix, struct steme_snapshot *snap)
{
	struct ldb_snapshot *s = (struct ldb_snapshot *)snap;
	struct steme_ldb *l = steme_ldb_of(ix);

	if (s == NULL)
		return;
	/* the handle cannot change while readers counts this snapshot */
	leveldb_release_snapshot(l->db, s->snap);
	leveldb_readoptions_destroy(s->read);
	free(s);
	atomic_fetch_sub(&l->readers, 1);
}
