/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - the stream of new records: into the ring, and to the feeds that sleep. */
#include "config.h"
#include "api/watch_impl.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/cond.h"
#include "core/log.h"
#include "core/msg.h"
#include "core/util.h"

#include <stdlib.h>

#define TICK_US		500000

/* ---- the stream (mu) ---- */

static void
wake_all(struct api_watch *w, enum end end)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (end != END_NOT && f->end == END_NOT)
			f->end = end;
		if (!f->asking || end != END_NOT)
			feed_wake(f);
	}
}

/* A record came: whoever sleeps and does not want it moves on without waking (mu). */
static void
tell(struct api_watch *w, const struct steme_record *r, struct steme_str concept)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (!f->suspended || f->asking)
			continue;
		if (feed_wants(f, concept) || f->want < w->ring.lo)
			feed_wake(f);
		else if (f->want <= r->lsn)
			f->want = r->lsn + 1;
	}
}

static int
take_record(struct api_watch *w, const struct steme_record *r)
{
	struct steme_object o;
	int err;

	if (r->lsn <= w->ring.hi)
		return STEME_OK;	/* seen before the stream was lost */
	if ((err = watch_object_of(&o, r)) != STEME_OK)
		return err;
	if (w->nfeeds > 0 && (err = watch_ring_add(&w->ring, r, &o)) != STEME_OK)
		return err;
	w->ring.hi = r->lsn;
	if (w->nfeeds == 0)
		watch_ring_clear(&w->ring);
	tell(w, r, o.concept);
	return STEME_OK;
}

/* What could not be kept, with all that came beside it, is read from the log (mu). */
static void
read_from_log(struct api_watch *w, struct steme_rd *rd, struct steme_record *r, int err)
{
	steme_log(STEME_WARN, "feeds: a record could not be taken: %s",
	    steme_strerror(err));
	if (steme_rd_ok(rd)) {
		while (rd->n > 0 && steme_msg_next_record(rd, r) == STEME_OK)
			;
		w->ring.hi = STEME_MAX(w->ring.hi, r->lsn);
	}
	watch_ring_clear(&w->ring);
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next)
		f->live = false;
	wake_all(w, END_NOT);
}

static void
on_watch(void *arg, const struct steme_reply *rep)
{
	struct api_watch *w = arg;
	struct steme_record r;
	struct steme_rd rd;
	int err = rep->err;

	pthread_mutex_lock(&w->mu);
	if (err == STEME_OK) {
		rd = steme_rd_from(rep->data, rep->len);
		while (err == STEME_OK && rd.n > 0)
			if ((err = steme_msg_next_record(&rd, &r)) == STEME_OK)
				err = take_record(w, &r);
		if (err != STEME_OK)
			read_from_log(w, &rd, &r, err);
	}
	if (rep->err != STEME_OK || !rep->more)
		w->streaming = false;	/* the ticker begins anew */
	pthread_mutex_unlock(&w->mu);
}

/* (mu) is held, and given up for the call. */
static void
stream(struct api_watch *w)
{
	struct steme_msg_log m = { .from_lsn = w->ring.hi + 1, .max_lsn = UINT64_MAX };
	struct steme_buf b = { 0 };
	int err;

	if (w->streaming || w->stopping || !w->started ||
	    !steme_aclient_up(w->a->client))
		return;
	w->streaming = true;
	pthread_mutex_unlock(&w->mu);
	steme_msg_put_log(&b, &m);
	err = steme_buf_err(&b);
	if (err == STEME_OK)
		err = steme_aclient_submit(w->a->client, STEME_MSG_WATCH, b.data,
		    b.len, STEME_SUBMIT_STREAM, 0, on_watch, w, NULL);
	steme_buf_fini(&b);
	pthread_mutex_lock(&w->mu);
	if (err != STEME_OK)
		w->streaming = false;
}

void
api_watch_up(struct api_watch *w, uint64_t lsn)
{
	pthread_mutex_lock(&w->mu);
	/* another store, or one put back to an earlier day */
	if (w->started && lsn < w->ring.hi) {
		w->ring.hi = lsn;
		watch_ring_clear(&w->ring);
		wake_all(w, END_RESET);
	}
	wake_all(w, END_NOT);		/* who had asked the log asks again */
	pthread_mutex_unlock(&w->mu);
}

/* Wakes who has something to say, if only that it is there (mu). */
static void
look_after(struct api_watch *w, int64_t now)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (!f->suspended)
			continue;
		if (feed_gone(f))
			f->end = END_DONE;
		if (f->end == END_DONE || now - f->said_us >= BEAT_US)
			feed_wake(f);
	}
}

static void *
tick(void *arg)
{
	struct api_watch *w = arg;

	pthread_mutex_lock(&w->mu);
	while (!w->stopping) {
		stream(w);
		look_after(w, steme_mono_us(&steme_clock_system));
		steme_cond_wait_us(&w->tick_cv, &w->mu, TICK_US);
	}
	pthread_mutex_unlock(&w->mu);
	return NULL;
}

/* ---- who listens ---- */

int
watch_join(struct api_watch *w, struct api_feed *f, uint64_t visible)
{
	if (w->stopping)
		return STEME_ECANCELED;
	if (w->nfeeds >= w->max_feeds)
		return STEME_EBUSY;
	if (!w->ticking && pthread_create(&w->ticker, NULL, tick, w) != 0)
		return STEME_EAGAIN;
	w->ticking = true;
	if (!w->started) {
		w->started = true;
		w->ring.hi = visible;
		w->ring.lo = visible + 1;
	}
	f->next = w->feeds;
	if (w->feeds != NULL)
		w->feeds->prev = f;
	w->feeds = f;
	w->nfeeds++;
	stream(w);
	return STEME_OK;
}

void
watch_leave(struct api_watch *w, struct api_feed *f)
{
	if (f->next != NULL)
		f->next->prev = f->prev;
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		w->feeds = f->next;
	w->nfeeds--;
}

/* ---- life ---- */

struct api_watch *
api_watch_new(struct api *a, unsigned max_feeds)
{
	struct api_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->a = a;
	w->max_feeds = max_feeds;
	MUST(pthread_mutex_init(&w->mu, NULL));
	steme_cond_init(&w->tick_cv);
	return w;
}

void
api_watch_stop(struct api_watch *w)
{
	pthread_mutex_lock(&w->mu);
	w->stopping = true;
	wake_all(w, END_CLOSING);
	pthread_cond_broadcast(&w->tick_cv);
	pthread_mutex_unlock(&w->mu);
	if (w->ticking)
		pthread_join(w->ticker, NULL);
}

unsigned
api_watch_feeds(struct api_watch *w)
{
	unsigned n;

	pthread_mutex_lock(&w->mu);
	n = w->nfeeds;
	pthread_mutex_unlock(&w->mu);
	return n;
}

void
api_watch_free(struct api_watch *w)
{
	if (w == NULL)
		return;
	watch_ring_clear(&w->ring);
	pthread_mutex_destroy(&w->mu);
	pthread_cond_destroy(&w->tick_cv);
	free(w);
}
