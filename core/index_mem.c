/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_mem.c - the index in memory: for tests and small stores.
 *
 * A skip list of keys; each key carries its values, newest first, each with the number
 * of the write that made it.  A reader has a number too and sees the newest value not
 * above it.  Values that no open reader can see are freed by the write that replaces
 * them, keys that only say "deleted" by a sweep once there are enough of them
 * and nobody reads.
 *
 * Locks: mu guards everything.  Iterators rest on a key between calls: keys are only
 * freed when no iterator or snapshot is open.
 */
#include "config.h"
#include "core/index_impl.h"

#include <pthread.h>
#include <stdlib.h>

#define HEIGHT_MAX	20		/* enough for 4^20 keys */
#define SWEEP_MIN	64

struct value {
	struct value *older;
	uint64_t seq;
	bool del;
	size_t n;
	uint8_t b[];
};

struct node {
	struct value *newest;
	struct node *prev;	/* the list head before the first key */
	const uint8_t *key;	/* behind next[] */
	size_t klen;
	bool dead;		/* one value left, a delete */
	unsigned height;
	struct node *next[];
};

/* An open reader; the list is in order of seq, because seq only grows. */
struct reader {
	struct reader *prev, *next;
	uint64_t seq;
};

struct mem {
	struct steme_index base;
	pthread_rwlock_t mu;
	struct node *head;		/* (mu) no key; height HEIGHT_MAX */
	struct node *last;		/* (mu) head if empty */
	uint64_t seq;			/* (mu) of the last write */
	struct reader oldest;		/* (mu) list head: next is the oldest */
	size_t keys, dead, bytes;	/* (mu) */
	uint64_t puts, put_bytes;	/* (mu) */
	uint64_t gets;			/* atomic, relaxed */
	uint64_t nreaders;		/* (mu) */
	uint32_t random;		/* (mu) */
};

struct mem_snapshot {
	struct reader r;
};

struct mem_iter {
	struct reader r;	/* of its own, so that it outlives its snapshot */
	struct node *at;	/* the next key to look at; NULL: none */
	bool backwards;
	size_t nbound;
	bool bounded;
	uint8_t bound[];	/* the far side */
};

static struct mem *
mem_of(struct steme_index *ix)
{
	return (struct mem *)ix;
}

static int
node_cmp(const struct node *n, const uint8_t *key, size_t klen)
{
	return steme_key_cmp(n->key, n->klen, key, klen);
}

/*
 * The first key not below (key, klen), or NULL.  before, if not NULL, receives the last
 * node below it on each level.
 */
static struct node *
find(const struct mem *m, const uint8_t *key, size_t klen, struct node **before)
{
	struct node *n = m->head, *next;

	for (int h = HEIGHT_MAX - 1; h >= 0; h--) {
		while ((next = n->next[h]) != NULL && node_cmp(next, key, klen) < 0)
			n = next;
		if (before != NULL)
			before[h] = n;
	}
	return n->next[0];
}

static struct value *
value_at(const struct node *n, uint64_t seq)
{
	struct value *v = n->newest;

	while (v != NULL && v->seq > seq)
		v = v->older;
	return v == NULL || v->del ? NULL : v;
}

/* ---- readers ---- */

/* Beside another reader, with its number; or the newest (like == NULL). */
static void
reader_add_locked(struct mem *m, struct reader *r, struct reader *like)
{
	r->seq = like == NULL ? m->seq : like->seq;
	r->next = like == NULL ? &m->oldest : like;
	r->prev = r->next->prev;
	r->prev->next = r;
	r->next->prev = r;
	m->nreaders++;
}

static struct reader *
reader_of(const struct steme_snapshot *snap)
{
	return snap == NULL ? NULL : &((struct mem_snapshot *)snap)->r;
}

static void
reader_remove_locked(struct mem *m, struct reader *r)
{
	r->prev->next = r->next;
	r->next->prev = r->prev;
	m->nreaders--;
}

/* Values that are not the newest at or below this number can be seen by nobody. */
static uint64_t
floor_locked(const struct mem *m)
{
	return m->oldest.next == &m->oldest ? m->seq : m->oldest.next->seq;
}

static int
mem_get(struct steme_index *ix, const struct steme_snapshot *snap, const void *key,
    size_t klen, uint8_t **val, size_t *vlen)
{
	struct mem *m = mem_of(ix);
	struct value *v = NULL;
	struct node *n;
	int err = STEME_ENOTFOUND;

	*val = NULL;
	*vlen = 0;
	__atomic_fetch_add(&m->gets, 1, __ATOMIC_RELAXED);
	MUST(pthread_rwlock_rdlock(&m->mu));
	n = find(m, key, klen, NULL);
	if (n != NULL && node_cmp(n, key, klen) == 0)
		v = value_at(n, snap == NULL ? m->seq : reader_of(snap)->seq);
	if (v != NULL) {
		err = STEME_ENOMEM;
		if ((*val = malloc(v->n + 1)) != NULL) {
			memcpy(*val, v->b, v->n);
			*vlen = v->n;
			err = STEME_OK;
		}
	}
	MUST(pthread_rwlock_unlock(&m->mu));
	return err;
}

static int
mem_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen,
    bool backwards, struct steme_iter *it)
{
	const void *bound = backwards ? from : to;
	size_t nbound = bound == NULL ? 0 : backwards ? fromlen : tolen;
	struct mem *m = mem_of(ix);
	struct mem_iter *i;
	struct node *n;

	memset(it, 0, sizeof(*it));
	if ((i = calloc(1, sizeof(*i) + nbound)) == NULL)
		return STEME_ENOMEM;
	i->backwards = backwards;
	i->bounded = bound != NULL;
	i->nbound = nbound;
	if (nbound > 0)
		memcpy(i->bound, bound, nbound);
	MUST(pthread_rwlock_wrlock(&m->mu));
	reader_add_locked(m, &i->r, reader_of(snap));
	if (!backwards) {
		i->at = from == NULL ? m->head->next[0] :
		    find(m, from, fromlen, NULL);
	} else {
		n = to == NULL ? NULL : find(m, to, tolen, NULL);
		i->at = n == NULL ? m->last : n->prev;
	}
	MUST(pthread_rwlock_unlock(&m->mu));
	it->impl = i;
	return STEME_OK;
}

/* Is n inside the far bound?  The near one was met by the start. */
static bool
inside(const struct mem *m, const struct mem_iter *i, const struct node *n)
{
	int c;

	if (n == NULL || n == m->head)
		return false;
	if (!i->bounded)
		return true;
	c = node_cmp(n, i->bound, i->nbound);
	return i->backwards ? c >= 0 : c < 0;
}

static int
mem_iter_next(struct steme_index *ix, struct steme_iter *it)
{
	struct mem *m = mem_of(ix);
	struct mem_iter *i = it->impl;
	struct value *v = NULL;
	struct node *n;

	it->key = it->val = NULL;
	it->klen = it->vlen = 0;
	MUST(pthread_rwlock_rdlock(&m->mu));
	n = i->at;
	while (inside(m, i, n) && (v = value_at(n, i->r.seq)) == NULL)
		n = i->backwards ? n->prev : n->next[0];
	i->at = n;
	if (v != NULL) {
		it->key = n->key;
		it->klen = n->klen;
		it->val = v->b;
		it->vlen = v->n;
		i->at = i->backwards ? n->prev : n->next[0];
	}
	MUST(pthread_rwlock_unlock(&m->mu));
	return v != NULL ? STEME_OK : STEME_ENOTFOUND;
}

static void
mem_iter_close(struct steme_index *ix, struct steme_iter *it)
{
	struct mem *m = mem_of(ix);
	struct mem_iter *i = it->impl;

	if (i == NULL)
		return;
	MUST(pthread_rwlock_wrlock(&m->mu));
	reader_remove_locked(m, &i->r);
	MUST(pthread_rwlock_unlock(&m->mu));
	free(i);
	memset(it, 0, sizeof(*it));
}

static int
mem_snapshot(struct steme_index *ix, struct steme_snapshot **out)
{
	struct mem *m = mem_of(ix);
	struct mem_snapshot *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return STEME_ENOMEM;
	MUST(pthread_rwlock_wrlock(&m->mu));
	reader_add_locked(m, &s->r, NULL);
	MUST(pthread_rwlock_unlock(&m->mu));
	*out = (struct steme_snapshot *)s;
	return STEME_OK;
}

static void
mem_release(struct steme_index *ix, struct steme_snapshot *snap)
{
	struct mem_snapshot *s = (struct mem_snapshot *)snap;
	struct mem *m = mem_of(ix);

	if (s == NULL)
		return;
	MUST(pthread_rwlock_wrlock(&m->mu));
	reader_remove_locked(m, &s->r);
	MUST(pthread_rwlock_unlock(&m->mu));
	free(s);
}

/* ---- writing ---- */

static struct node *
node_new(unsigned height, const uint8_t *key, size_t klen)
{
	size_t head = sizeof(struct node) + height * sizeof(struct node *);
	struct node *n = calloc(1, head + klen);

	if (n == NULL)
		return NULL;
	n->height = height;
	n->klen = klen;
	n->key = (uint8_t *)n + head;
	if (klen > 0)
		memcpy((uint8_t *)n + head, key, klen);
	return n;
}

/* One key in four is a level higher. */
static unsigned
height_locked(struct mem *m)
{
	unsigned h = 1;

	m->random = m->random * 1664525 + 1013904223;
	for (uint32_t r = m->random >> 8; h < HEIGHT_MAX && (r & 3) == 0; r >>= 2)
		h++;
	return h;
}

/* The node of key, made without a value if it was not there; NULL: no memory. */
static struct node *
node_get_locked(struct mem *m, const uint8_t *key, size_t klen)
{
	struct node *before[HEIGHT_MAX];
	struct node *n = find(m, key, klen, before);

	if (n != NULL && node_cmp(n, key, klen) == 0)
		return n;
	if ((n = node_new(height_locked(m), key, klen)) == NULL)
		return NULL;
	for (unsigned h = 0; h < n->height; h++) {
		n->next[h] = before[h]->next[h];
		before[h]->next[h] = n;
	}
	n->prev = before[0];
	if (n->next[0] != NULL)
		n->next[0]->prev = n;
	else
		m->last = n;
	m->keys++;
	m->bytes += klen + sizeof(*n);
	return n;
}

static void
value_drop(struct mem *m, struct value **p)
{
	struct value *v = *p;

	*p = v->older;
	m->bytes -= v->n + sizeof(*v);
	free(v);
}

static void
set_dead(struct mem *m, struct node *n)
{
	bool dead = n->newest == NULL ||
	    (n->newest->del && n->newest->older == NULL);

	m->dead += (size_t)dead - (size_t)n->dead;
	n->dead = dead;
}

/* Frees the values of n that no reader can see. */
static void
prune_locked(struct mem *m, struct node *n)
{
	uint64_t floor = floor_locked(m);
	struct value **p = &n->newest;

	while (*p != NULL && (*p)->seq > floor)
		p = &(*p)->older;
	if (*p != NULL) {	/* the one the oldest reader sees stays */
		p = &(*p)->older;
		while (*p != NULL)
			value_drop(m, p);
	}
	/* of several in one write the newest counts */
	for (p = &n->newest; *p != NULL && (*p)->older != NULL;)
		if ((*p)->older->seq == (*p)->seq)
			value_drop(m, &(*p)->older);
		else
			p = &(*p)->older;
	set_dead(m, n);
}

/* Unlinks and frees dead keys; nobody may be reading. */
static void
sweep_locked(struct mem *m)
{
	struct node *before[HEIGHT_MAX], *n, *next;

	for (unsigned h = 0; h < HEIGHT_MAX; h++)
		before[h] = m->head;
	for (n = m->head->next[0]; n != NULL; n = next) {
		next = n->next[0];
		if (!n->dead) {
			n->prev = before[0];
			for (unsigned h = 0; h < n->height; h++) {
				before[h]->next[h] = n;
				before[h] = n;
			}
			continue;
		}
		while (n->newest != NULL)
			value_drop(m, &n->newest);
		m->bytes -= n->klen + sizeof(*n);
		m->keys--;
		free(n);
	}
	for (unsigned h = 0; h < HEIGHT_MAX; h++)
		before[h]->next[h] = NULL;
	m->last = before[0];
	m->dead = 0;
}

static void
maybe_sweep_locked(struct mem *m)
{
	if (m->nreaders == 0 && m->dead > SWEEP_MIN && m->dead > m->keys / 4)
		sweep_locked(m);
}

/* Adds one value under number seq. */
static int
apply_locked(struct mem *m, const struct steme_batch_op *op, uint64_t seq,
    struct node **touched)
{
	struct value *v = malloc(sizeof(*v) + op->vlen);
	struct node *n;

	if (v == NULL)
		return STEME_ENOMEM;
	if ((n = node_get_locked(m, op->key, op->klen)) == NULL) {
		free(v);
		return STEME_ENOMEM;
	}
	v->seq = seq;
	v->del = op->del;
	v->n = op->vlen;
	if (op->vlen > 0)
		memcpy(v->b, op->val, op->vlen);
	v->older = n->newest;
	n->newest = v;
	m->bytes += v->n + sizeof(*v);
	*touched = n;
	return STEME_OK;
}

static int
mem_write(struct steme_index *ix, struct steme_batch *b, bool sync)
{
	struct mem *m = mem_of(ix);
	struct node **touched;
	struct steme_batch_op op;
	size_t pos = 0, n = 0;
	uint64_t seq;
	int err;

	(void)sync;		/* nothing here outlives the process */
	if ((err = steme_batch_err(b)) != STEME_OK)
		return err;
	touched = calloc(steme_batch_count(b) + 1, sizeof(*touched));
	if (touched == NULL)
		return STEME_ENOMEM;
	MUST(pthread_rwlock_wrlock(&m->mu));
	seq = m->seq + 1;
	while (err == STEME_OK && steme_batch_next(b, &pos, &op))
		if ((err = apply_locked(m, &op, seq, &touched[n])) == STEME_OK)
			n++;
	if (err == STEME_OK) {
		m->seq = seq;
		m->puts += steme_batch_count(b);
		m->put_bytes += steme_batch_bytes(b);
		for (size_t i = 0; i < n; i++)
			prune_locked(m, touched[i]);
		maybe_sweep_locked(m);
	} else {
		/* all or nothing: take back what was added, newest first */
		while (n-- > 0) {
			value_drop(m, &touched[n]->newest);
			set_dead(m, touched[n]);
		}
	}
	MUST(pthread_rwlock_unlock(&m->mu));
	free(touched);
	if (err == STEME_OK)
		steme_batch_clear(b);
	return err;
}

static int
mem_checkpoint(struct steme_index *ix)
{
	(void)ix;
	return STEME_OK;
}

static int
mem_compact(struct steme_index *ix, const void *from, size_t fromlen, const void *to,
    size_t tolen)
{
	struct mem *m = mem_of(ix);

	/* all is as quick as a part */
	(void)from;
	(void)fromlen;
	(void)to;
	(void)tolen;
	MUST(pthread_rwlock_wrlock(&m->mu));
	for (struct node *n = m->head->next[0]; n != NULL; n = n->next[0])
		prune_locked(m, n);
	if (m->nreaders == 0)
		sweep_locked(m);
	MUST(pthread_rwlock_unlock(&m->mu));
	return STEME_OK;
}

static int
mem_stats(struct steme_index *ix, struct steme_index_stats *out)
{
	struct mem *m = mem_of(ix);

	memset(out, 0, sizeof(*out));
	MUST(pthread_rwlock_rdlock(&m->mu));
	out->bytes = out->memory = m->bytes;
	out->puts = m->puts;
	out->put_bytes = m->put_bytes;
	out->readers = m->nreaders;
	MUST(pthread_rwlock_unlock(&m->mu));
	out->gets = __atomic_load_n(&m->gets, __ATOMIC_RELAXED);
	return STEME_OK;
}

static void
mem_close(struct steme_index *ix)
{
	struct mem *m = mem_of(ix);
	struct node *n, *next;

	for (n = m->head; n != NULL; n = next) {
		next = n->next[0];
		while (n->newest != NULL)
			value_drop(m, &n->newest);
		free(n);
	}
	pthread_rwlock_destroy(&m->mu);
	free(m);
}

static const struct steme_index_ops mem_ops = {
	.get = mem_get,
	.write = mem_write,
	.iter_open = mem_iter_open,
	.iter_next = mem_iter_next,
	.iter_close = mem_iter_close,
	.snapshot = mem_snapshot,
	.release = mem_release,
	.checkpoint = mem_checkpoint,
	.compact = mem_compact,
	.stats = mem_stats,
	.close = mem_close,
};

int
steme_index_mem(struct steme_index **out)
{
	struct mem *m = calloc(1, sizeof(*m));
	pthread_rwlockattr_t attr;

	*out = NULL;
	if (m == NULL)
		return STEME_ENOMEM;
	if ((m->head = node_new(HEIGHT_MAX, NULL, 0)) == NULL) {
		free(m);
		return STEME_ENOMEM;
	}
	m->base.ops = &mem_ops;
	m->last = m->head;
	m->oldest.prev = m->oldest.next = &m->oldest;
	m->random = 1;
	/* by default a stream of readers would keep the writer out for ever */
	MUST(pthread_rwlockattr_init(&attr));
	MUST(pthread_rwlockattr_setkind_np(&attr,
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
	MUST(pthread_rwlock_init(&m->mu, &attr));
	pthread_rwlockattr_destroy(&attr);
	*out = &m->base;
	return STEME_OK;
}
