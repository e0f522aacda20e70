/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_feed.c - LOG and WATCH: one thread reads the log by lsn for all of them, a
 * chunk for each in turn, and only where there is room.
 */
#include "config.h"
#include "core/service_impl.h"
#include "core/cond.h"
#include "core/util.h"

#include <stdlib.h>

#define CHUNK		(128u << 10)
#define RECORD_EXTRA	256		/* above what a record adds to its bytes and ids */
#define LOST_KICK_MS	200		/* looks anyway after this */

struct stream {
	struct stream *next;
	struct steme_request *r;
	bool watch;
	uint64_t lsn, max;		/* next to send; last */
	uint64_t left;			/* records still wanted */
};

enum step { STEP_MOVED, STEP_WAITS, STEP_ENDED };

struct filling {
	struct stream *st;
	struct steme_buf b;
	size_t room;
};

/* Stops with 1 when the chunk is full or enough were told. */
static int
add_record(void *arg, const struct steme_record *r)
{
	struct filling *f = arg;
	size_t n = r->bytes.n + (size_t)r->nids * STEME_ID_LEN + RECORD_EXTRA;

	if (f->b.len > 0 && f->b.len + n > f->room)
		return 1;
	steme_msg_put_record(&f->b, r);
	f->st->lsn = r->lsn + 1;
	return --f->st->left == 0;
}

static enum step
end(struct steme_service *s, struct stream *st, int err, struct steme_buf *b)
{
	struct steme_request *r = st->r;

	/* The place is free before the asker can know that its stream ended. */
	atomic_fetch_sub(&s->nstreams, 1);
	free(st);
	if (err == STEME_OK) {
		steme_svc_end_buf(s, r, b);
		return STEP_ENDED;
	}
	steme_buf_fini(b);
	steme_svc_error(s, r, err, "%s", err == STEME_ECANCELED ? "cancelled" :
	    steme_strerror(err));
	return STEP_ENDED;
}

/* Sends a stream's next chunk. */
static enum step
step(struct steme_service *s, struct stream *st)
{
	struct filling f = { .st = st };
	uint64_t to = STEME_MIN(steme_store_lsn(s->o.store), st->max);
	int err;

	if (atomic_load(&st->r->gone) || atomic_load(&s->stopping))
		return end(s, st, STEME_ECANCELED, &f.b);
	if (st->lsn > to)
		return st->watch && st->lsn <= st->max ? STEP_WAITS :
		    end(s, st, STEME_OK, &f.b);
	if ((f.room = STEME_MIN(st->r->ops->room(st->r), CHUNK)) == 0)
		return STEP_WAITS;
	err = steme_store_log(s->o.store, st->lsn, to, add_record, &f);
	if (err == STEME_OK)
		st->lsn = to + 1;	/* all there is, whatever the last one was */
	if (err >= 0)
		err = steme_buf_err(&f.b);
	if (err != STEME_OK || st->left == 0 || st->lsn > st->max)
		return end(s, st, err, &f.b);
	if (f.b.len > 0)
		st->r->ops->reply(st->r, STEME_F_MORE, f.b.data, f.b.len);
	steme_buf_fini(&f.b);
	return STEP_MOVED;
}

/* Waits for a kick that was not seen yet. */
static void
wait_locked(struct steme_service *s, uint64_t seen, bool any)
{
	int64_t until;

	if (!any) {
		while (s->kicks == seen && !atomic_load(&s->stopping))
			MUST(pthread_cond_wait(&s->feed_cv, &s->feed_mu));
		return;
	}
	until = steme_mono_us(&steme_clock_system) + LOST_KICK_MS * 1000;
	while (s->kicks == seen && !atomic_load(&s->stopping))
		if (!steme_cond_wait_until(&s->feed_cv, &s->feed_mu, until))
			return;
}

static void *
feeder(void *arg)
{
	struct steme_service *s = arg;
	struct stream *streams = NULL, **p;
	uint64_t seen = 0;
	bool moved = true;

	for (;;) {
		MUST(pthread_mutex_lock(&s->feed_mu));
		if (!moved)
			wait_locked(s, seen, streams != NULL);
		seen = s->kicks;
		for (p = &streams; *p != NULL; p = &(*p)->next)
			;
		*p = s->incoming;
		s->incoming = NULL;
		MUST(pthread_mutex_unlock(&s->feed_mu));
		if (streams == NULL && atomic_load(&s->stopping))
			return NULL;
		moved = false;
		for (p = &streams; *p != NULL; ) {
			struct stream *next = (*p)->next;
			enum step did = step(s, *p);

			moved |= did == STEP_MOVED;
			if (did == STEP_ENDED)
				*p = next;
			else
				p = &(*p)->next;
		}
	}
}

void
steme_svc_stream(struct steme_service *s, struct steme_request *r)
{
	uint64_t now = steme_store_lsn(s->o.store);
	struct stream *st;
	struct steme_msg_log m;
	bool late;

	if (steme_msg_get_log(&m, r->payload, r->len) != STEME_OK) {
		steme_svc_error(s, r, STEME_EPROTO, "malformed %s",
		    steme_msg_name(r->type));
		return;
	}
	if (atomic_fetch_add(&s->nstreams, 1) >= STREAMS_MAX ||
	    (st = calloc(1, sizeof(*st))) == NULL) {
		atomic_fetch_sub(&s->nstreams, 1);
		steme_svc_error(s, r, STEME_ELIMIT, "%u streams (LOG, WATCH) are open "
		    "already", STREAMS_MAX);
		return;
	}
	st->r = r;
	st->watch = r->type == STEME_MSG_WATCH;
	st->lsn = st->watch && m.from_lsn == 0 ? now + 1 : m.from_lsn;
	st->max = st->watch ? m.max_lsn : STEME_MIN(m.max_lsn, now);
	st->left = m.limit == 0 ? UINT64_MAX : m.limit;
	MUST(pthread_mutex_lock(&s->feed_mu));
	late = atomic_load(&s->stopping);
	if (!late) {
		st->next = s->incoming;
		s->incoming = st;
		s->kicks++;
		MUST(pthread_cond_signal(&s->feed_cv));
	}
	MUST(pthread_mutex_unlock(&s->feed_mu));
	if (late) {
		struct steme_buf none = {0};

		end(s, st, STEME_ECANCELED, &none);
	}
}

void
steme_service_kick(struct steme_service *s)
{
	if (atomic_load(&s->nstreams) == 0)
		return;
	MUST(pthread_mutex_lock(&s->feed_mu));
	s->kicks++;
	MUST(pthread_cond_signal(&s->feed_cv));
	MUST(pthread_mutex_unlock(&s->feed_mu));
}

int
steme_svc_feed_start(struct steme_service *s)
{
	if (pthread_create(&s->feeder, NULL, feeder, s) != 0)
		return STEME_EAGAIN;
	s->feeder_started = true;
	return STEME_OK;
}

void
steme_svc_feed_stop(struct steme_service *s)
{
	if (!s->feeder_started)
		return;
	MUST(pthread_mutex_lock(&s->feed_mu));
	s->kicks++;
	MUST(pthread_cond_broadcast(&s->feed_cv));
	MUST(pthread_mutex_unlock(&s->feed_mu));
	MUST(pthread_join(s->feeder, NULL));
}
