/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - the queue and thread that tell the kernel what to forget. */
#include "fs/fs.h"
#include "core/cond.h"
#include "core/log.h"
#include "core/path.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * A write waits for its notifications: after a second a name has expired by itself, so no
 * read is stale even then.  While the kernel keeps the notifier longer than that, later
 * writes wait 50 ms only.
 */
#define WAIT_US		1000000
#define WAIT_STUCK_US	50000
#define QUEUE_MAX	100000	/* beyond it, changes are merged into "everything" */

struct fs_notify {
	struct fuse_session *se;
	struct fs_nodes *nodes;
	struct steme_store *store;
	pthread_t thread;
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t work, done;
	struct fs_invals queue;		/* (mu) */
	uint64_t queued, sent_upto;	/* (mu) tickets */
	uint64_t sent, late;		/* (mu) counters */
	bool stuck;			/* (mu) a wait was given up, and nothing was sent since */
	bool stop;			/* (mu) */
};

/* Errors are expected: ENOENT when the kernel does not know the name any more. */
static void
send_one(struct fs_notify *n, const struct fs_inval *v)
{
	if (v->nname == 0)
		fuse_lowlevel_notify_inval_inode(n->se, v->dir, 0, 0);
	else
		fuse_lowlevel_notify_inval_entry(n->se, v->dir, v->name,
		    v->nname);
}

static void *
run(void *arg)
{
	struct fs_notify *n = arg;
	struct fs_invals mine;
	uint64_t upto;

	pthread_mutex_lock(&n->mu);
	for (;;) {
		while (!n->stop && n->queue.n == 0)
			pthread_cond_wait(&n->work, &n->mu);
		if (n->stop)
			break;
		mine = n->queue;
		memset(&n->queue, 0, sizeof(n->queue));
		upto = n->queued;
		pthread_mutex_unlock(&n->mu);
		for (size_t i = 0; i < mine.n; i++)
			send_one(n, &mine.v[i]);
		pthread_mutex_lock(&n->mu);
		n->sent += mine.n;
		n->sent_upto = upto;
		n->stuck = false;
		pthread_cond_broadcast(&n->done);
		free(mine.v);
	}
	pthread_mutex_unlock(&n->mu);
	return NULL;
}

int
fs_notify_start(struct fs_notify **out, struct fuse_session *se,
    struct fs_nodes *nodes, struct steme_store *store)
{
	struct fs_notify *n = calloc(1, sizeof(*n));

	*out = NULL;
	if (n == NULL)
		return STEME_ENOMEM;
	n->se = se;
	n->nodes = nodes;
	n->store = store;
	pthread_mutex_init(&n->mu, NULL);
	pthread_cond_init(&n->work, NULL);
	steme_cond_init(&n->done);
	if (pthread_create(&n->thread, NULL, run, n) != 0) {
		free(n);
		return STEME_EAGAIN;
	}
	*out = n;
	return STEME_OK;
}

void
fs_notify_stop(struct fs_notify *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->mu);
	n->stop = true;
	pthread_cond_broadcast(&n->work);
	pthread_cond_broadcast(&n->done);
	pthread_mutex_unlock(&n->mu);
	pthread_join(n->thread, NULL);
	free(n->queue.v);
	pthread_cond_destroy(&n->work);
	pthread_cond_destroy(&n->done);
	pthread_mutex_destroy(&n->mu);
	free(n);
}

/* Everything a concept's change reaches: itself and its alias class. */
static void
concept_changed(struct fs_notify *n, const struct steme_world *w,
    struct steme_str concept, struct steme_str predicate, bool listing,
    struct fs_invals *out)
{
	bool below = predicate.p == NULL ||
	    steme_str_eq(predicate, STEME_LIT("must_use")) ||
	    steme_str_eq(predicate, STEME_LIT("forbidden"));
	const struct steme_str *names = NULL;
	size_t count = 0;

	if (w != NULL)
		steme_world_aliases(w, concept, &names, &count);
	if (count == 0)
		fs_nodes_changed(n->nodes, concept, predicate, listing, below,
		    out);
	for (size_t i = 0; i < count; i++)
		fs_nodes_changed(n->nodes, names[i], predicate, listing, below,
		    out);
}

/* A concept came into being: every level above it may list a new child. */
static void
parents_changed(struct fs_notify *n, struct steme_str concept,
    struct fs_invals *out)
{
	struct steme_str p = concept;

	do {
		p = steme_concept_parent(p);
		fs_nodes_child_added(n->nodes, p, out);
	} while (p.n > 0);
	/* @recency and the rest appear in the concept itself */
	fs_nodes_child_added(n->nodes, concept, out);
}

static void
item_changed(struct fs_notify *n, const struct steme_world *w,
    const struct steme_commit_item *it, struct fs_invals *out)
{
	const struct steme_object *o = it->o;
	struct steme_str none = { 0 };

	if (o->kind == STEME_BATCH || o->kind == STEME_OPAQUE)
		return;
	if (steme_object_is_global(o) ||
	    (o->concept.n >= 6 && memcmp(o->concept.p, "_steme", 6) == 0)) {
		fs_nodes_all_changed(n->nodes, out);
		if (steme_object_is_global(o))
			return;
	}
	if (it->new_concept)
		parents_changed(n, o->concept, out);
	if (o->kind == STEME_ASSERTION)
		concept_changed(n, w, o->concept, o->predicate,
		    it->new_predicate, out);
	else
		concept_changed(n, w, o->concept, none, true, out);
}

static void
wait_sent_locked(struct fs_notify *n, uint64_t ticket)
{
	int64_t until = steme_mono_us(&steme_clock_system) +
	    (n->stuck ? WAIT_STUCK_US : WAIT_US);

	while (n->sent_upto < ticket && !n->stop) {
		if (!steme_cond_wait_until(&n->done, &n->mu, until)) {
			n->late++;
			n->stuck = true;
			break;
		}
	}
}

/* What was queued before, for names that this commit changes again. */
static void
wait_pending(struct fs_notify *n)
{
	pthread_mutex_lock(&n->mu);
	wait_sent_locked(n, n->queued);
	pthread_mutex_unlock(&n->mu);
}

void
fs_notify_commit(struct fs_notify *n, const struct steme_commit_item *items,
    size_t count)
{
	struct fs_invals l = { 0 };
	struct steme_bounds b;
	const struct steme_world *w;
	size_t i;

	steme_bounds_init(&b);
	w = steme_store_world(n->store, &b);
	for (i = 0; i < count && !l.all && l.n < QUEUE_MAX; i++)
		item_changed(n, w, &items[i], &l);
	if (l.all || i < count) {
		l.n = 0;
		l.all = false;
		fs_nodes_all_changed(n->nodes, &l);
	}
	if (w != NULL)
		steme_world_put(w);
	if (l.n == 0) {
		if (l.pending)
			wait_pending(n);
		free(l.v);
		return;
	}
	pthread_mutex_lock(&n->mu);
	if (n->queue.n == 0) {
		n->queue = l;
		l.v = NULL;
	} else {
		for (i = 0; i < l.n; i++)
			fs_invals_add(&n->queue, l.v[i].dir,
			    (struct steme_str){ l.v[i].name, l.v[i].nname });
	}
	n->queued++;
	pthread_cond_signal(&n->work);
	wait_sent_locked(n, n->queued);
	pthread_mutex_unlock(&n->mu);
	free(l.v);
}

void
fs_notify_forget(struct fs_notify *n, const struct fs_inval *v)
{
	pthread_mutex_lock(&n->mu);
	/* not taken: the kernel forgets it when it likes to */
	if (n->queue.n < QUEUE_MAX) {
		fs_invals_add(&n->queue, v->dir,
		    (struct steme_str){ v->name, v->nname });
		pthread_cond_signal(&n->work);
	}
	pthread_mutex_unlock(&n->mu);
}

void
fs_notify_stats(struct fs_notify *n, struct fs_notify_stats *out)
{
	pthread_mutex_lock(&n->mu);
	out->sent = n->sent;
	out->late = n->late;
	pthread_mutex_unlock(&n->mu);
}
