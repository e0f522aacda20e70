/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - the queue of writes, who leads, and the doors that writers come in by. */
#include "config.h"
#include "core/commit_impl.h"
#include "core/cond.h"
#include "core/util.h"

#include <stdio.h>

static struct steme_write *
take_locked(struct steme_store *s)
{
	struct steme_write *list = s->head, *w, **end = &s->head;
	size_t bytes = 0, records = 0;

	while ((w = *end) != NULL) {
		bytes += w->private_[0];
		records += w->n + w->has_batch;
		if (end != &s->head && (bytes > s->group_max_bytes ||
		    records > STEME_GROUP_RECORDS))
			break;
		s->queued_bytes -= w->private_[0];
		end = &w->next;
	}
	s->head = *end;
	*end = NULL;
	if (s->head == NULL)
		s->tail = &s->head;
	return list;
}

/* group_max_wait_ms: company for the first write, if it comes soon. */
static void
wait_locked(struct steme_store *s)
{
	int64_t until = steme_mono_us(&steme_clock_system) +
	    (int64_t)s->group_max_wait_ms * 1000;

	while (!s->stop && s->queued_bytes < s->group_max_bytes)
		if (!steme_cond_wait_until(&s->more, &s->mu, until))
			break;
}

/*
 * Gives leadership up, and unlocks.  Others are woken after that: they would only run
 * into the lock.
 */
static void
release_and_unlock(struct steme_store *s)
{
	bool waiters = s->lead_waiters > 0, work = s->head != NULL;

	s->leading = false;
	pthread_mutex_unlock(&s->mu);
	if (waiters)
		pthread_cond_broadcast(&s->lead_free);
	else if (work)
		pthread_cond_signal(&s->work);
}

static bool
may_lead_locked(const struct steme_store *s)
{
	return !s->leading && s->lead_waiters == 0 && s->head != NULL;
}

/* How long each waited until its turn came. */
static void
note_waits(struct steme_store *s, const struct steme_write *list)
{
	int64_t now = steme_mono_us(s->clock);

	for (; list != NULL; list = list->next)
		steme_store_timed(s, STEME_TIMED_LOCK, now - (int64_t)list->private_[1]);
}

/* One commit of what is queued, then done() for each.  mu is held, but not on return. */
static void
lead_and_unlock(struct steme_store *s)
{
	struct steme_write *list, *next;

	s->leading = true;
	if (s->group_max_wait_ms > 0)
		wait_locked(s);
	list = take_locked(s);
	s->group->before = s->indexing ? s->logged : NULL;
	s->group->retry = false;
	s->group->first_lsn = s->indexing ? s->logged_next : s->apply.at.next_lsn;
	pthread_mutex_unlock(&s->mu);
	note_waits(s, list);
	steme_commit(s, list);
	for (struct steme_write *w = list; w != NULL; w = next) {
		next = w->next;
		w->done(w);
	}
}

void *
steme_committer(void *store)
{
	struct steme_store *s = store;

	for (;;) {
		pthread_mutex_lock(&s->mu);
		while (!may_lead_locked(s) && !(s->stop && s->head == NULL))
			pthread_cond_wait(&s->work, &s->mu);
		if (s->head == NULL)
			break;
		lead_and_unlock(s);
	}
	/* the other one may have gone to sleep while something was queued */
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

/* ---- writes that wait too long ---- */

/* Takes what is overdue off the queue, whose head is the oldest. */
static struct steme_write *
overdue_locked(struct steme_store *s, int64_t now)
{
	int64_t limit = (int64_t)s->lock_timeout_ms * 1000;
	struct steme_write *list = s->head, **end = &list;

	while (s->head != NULL && now - (int64_t)s->head->private_[1] >= limit) {
		s->queued_bytes -= s->head->private_[0];
		end = &s->head->next;
		s->head = s->head->next;
	}
	if (s->head == NULL)
		s->tail = &s->head;
	if (end == &list)
		return NULL;
	*end = NULL;
	return list;
}

static void
refuse_overdue(struct steme_store *s, struct steme_write *list)
{
	struct steme_write *next;
	char text[160];
	unsigned n = 0;

	snprintf(text, sizeof(text), "lock timeout: nobody could write for %u ms ([storage] "
	    "lock_timeout_ms); nothing was stored: try again", s->lock_timeout_ms);
	note_waits(s, list);
	for (struct steme_write *w = list; w != NULL; w = next, n++) {
		next = w->next;
		steme_refuse(w, STEME_ETIMEOUT, text);
		w->done(w);
	}
	atomic_fetch_add(&s->lock_timeouts, n);
	atomic_fetch_add(&s->puts, n);
	atomic_fetch_add(&s->put_errors, n);
	snprintf(text, sizeof(text), "%u writes waited %u ms for the disk", n,
	    s->lock_timeout_ms);
	steme_trouble(s, STEME_ETIMEOUT, "lock timeout", text);
}

void *
steme_queue_watcher(void *store)
{
	struct steme_store *s = store;
	int64_t period = STEME_MIN((int64_t)s->lock_timeout_ms, 1000) * 1000 / 4;
	struct steme_write *list;

	pthread_mutex_lock(&s->mu);
	while (!s->stop) {
		list = overdue_locked(s, steme_mono_us(s->clock));
		if (list != NULL) {
			pthread_mutex_unlock(&s->mu);
			refuse_overdue(s, list);
			pthread_mutex_lock(&s->mu);
			continue;
		}
		steme_cond_wait_us(&s->stopping, &s->mu, period + 1000);
	}
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

void
steme_lead_acquire(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	s->lead_waiters++;
	while (s->leading || s->indexing)
		pthread_cond_wait(&s->lead_free, &s->mu);
	s->lead_waiters--;
	s->leading = true;
	pthread_mutex_unlock(&s->mu);
}

void
steme_lead_release(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	release_and_unlock(s);
}

static void
drain_locked(struct steme_store *s)
{
	/* only a leader begins, and that is the caller */
	while (s->indexing)
		pthread_cond_wait(&s->index_free, &s->mu);
}

void
steme_index_drain(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	drain_locked(s);
	pthread_mutex_unlock(&s->mu);
}

void
steme_index_begin(struct steme_store *s)
{
	struct steme_group *g = s->group;

	pthread_mutex_lock(&s->mu);
	drain_locked(s);
	s->indexing = true;
	s->group = s->logged;		/* that one is in the index now */
	s->logged = g;
	if (g->n > 0)
		s->logged_next = g->first_lsn + g->n;
	else
		s->logged_next = s->apply.at.next_lsn;
	release_and_unlock(s);
}

void
steme_index_end(struct steme_store *s)
{
	bool waiters;

	pthread_mutex_lock(&s->mu);
	s->indexing = false;
	waiters = s->lead_waiters > 0;
	pthread_mutex_unlock(&s->mu);
	pthread_cond_signal(&s->index_free);
	if (waiters)
		pthread_cond_broadcast(&s->lead_free);
}

/* ---- the doors ---- */

static void
count_exists(struct steme_store *s, const struct steme_write *w)
{
	uint64_t n = w->has_batch && w->batch.status == STEME_EXISTS;

	for (size_t i = 0; i < w->n; i++)
		n += w->puts[i].err == STEME_OK;
	if (n == 0)
		return;
	pthread_mutex_lock(&s->mu);
	s->exists += n;
	pthread_mutex_unlock(&s->mu);
}

/* Checks, then queues.  False: w was answered already. */
static bool
enqueue(struct steme_store *s, struct steme_write *w, bool wake, bool lead)
{
	bool idle;

	if (!steme_intake(s, w)) {
		if (w->err != STEME_OK)
			steme_refuse(w, w->err, w->why.text);
		else
			count_exists(s, w);
		w->done(w);
		return false;
	}
	w->private_[1] = (uint64_t)steme_mono_us(s->clock);
	pthread_mutex_lock(&s->mu);
	*s->tail = w;
	s->tail = &w->next;
	s->queued_bytes += w->private_[0];
	if (s->group_max_wait_ms > 0)
		pthread_cond_signal(&s->more);
	if (lead && may_lead_locked(s)) {
		lead_and_unlock(s);
		return true;
	}
	idle = may_lead_locked(s);
	pthread_mutex_unlock(&s->mu);
	if (wake && idle)
		pthread_cond_signal(&s->work);
	return true;
}

void
steme_store_write(struct steme_store *s, struct steme_write *w, bool may_lead)
{
	enqueue(s, w, true, may_lead);
}

void
steme_store_queue(struct steme_store *s, struct steme_write *w)
{
	enqueue(s, w, false, false);
}

void
steme_store_lead(struct steme_store *s)
{
	bool idle;

	pthread_mutex_lock(&s->mu);
	idle = may_lead_locked(s);
	if (idle && s->head->next == NULL) {
		lead_and_unlock(s);
		return;
	}
	pthread_mutex_unlock(&s->mu);
	/*
	 * Writers in parallel: this thread has more of them to read, and their
	 * signatures to check while the committer waits for the disk.
	 */
	if (idle)
		pthread_cond_signal(&s->work);
}

struct waiter {
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t cond;
	bool done;
};

static void
wake_waiter(struct steme_write *w)
{
	struct waiter *t = w->arg;

	pthread_mutex_lock(&t->mu);
	t->done = true;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->mu);
}

int
steme_store_write_wait(struct steme_store *s, struct steme_write *w)
{
	struct waiter t = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
	    false };
	void (*done)(struct steme_write *) = w->done;
	void *arg = w->arg;

	w->done = wake_waiter;
	w->arg = &t;
	enqueue(s, w, true, true);
	pthread_mutex_lock(&t.mu);
	while (!t.done)
		pthread_cond_wait(&t.cond, &t.mu);
	pthread_mutex_unlock(&t.mu);
	pthread_cond_destroy(&t.cond);
	pthread_mutex_destroy(&t.mu);
	w->done = done;
	w->arg = arg;
	return w->err;
}
