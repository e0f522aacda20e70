/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_impl.h - what watch.c (the stream, who listens), watch_ring.c (events, the newest of
 * them) and feed.c (one listener) share.  All of it under w->mu.
 */
#ifndef STEME_API_WATCH_IMPL_H
#define STEME_API_WATCH_IMPL_H

#include "api/watch.h"
#include "core/object.h"
#include "core/record.h"

#include <pthread.h>

#define RING_EVENTS	32768
#define RING_BYTES	(8u << 20)
#define BEAT_US		INT64_C(15000000)	/* a silent feed shows that it is there */

/* ---- watch_ring.c ---- */

struct event {
	char *text;
	uint32_t len;
	uint32_t concept, nconcept;	/* place of the bare concept behind the text */
	uint64_t lsn;
};

/* Complete from lsn lo to hi: what has no event there is no object. */
struct watch_ring {
	uint64_t lo, hi;
	struct event event[RING_EVENTS];	/* from first, n of them, lsns ascending */
	size_t first, n, bytes;
};

/* STEME_OK, also of a kind not known here; a stored object always parses. */
int watch_object_of(struct steme_object *o, const struct steme_record *r);
/* Appends the event of a record, o being its object. */
void watch_put_event(struct steme_buf *b, const struct steme_record *r,
    const struct steme_object *o);
/* The next event; the oldest make room.  STEME_ENOMEM: none was added. */
int watch_ring_add(struct watch_ring *g, const struct steme_record *r,
    const struct steme_object *o);
/* Drops all: complete from hi + 1 on. */
void watch_ring_clear(struct watch_ring *g);
/* The index of the first event with this lsn or a later one; n: none. */
size_t watch_ring_find(struct watch_ring *g, uint64_t lsn);
struct event *watch_ring_at(struct watch_ring *g, size_t i);

/* ---- watch.c ---- */

struct api_watch {
	struct api *a;
	pthread_mutex_t mu;
	pthread_cond_t tick_cv;
	pthread_t ticker;
	bool ticking, stopping;
	struct api_feed *feeds;
	unsigned nfeeds, max_feeds;
	bool started;			/* the ring's lo and hi stand */
	bool streaming;			/* a WATCH is under way */
	struct watch_ring ring;
};

/* Takes f in; errors as of api_feed_open().  mu is given up on the way. */
int watch_join(struct api_watch *w, struct api_feed *f, uint64_t visible);
void watch_leave(struct api_watch *w, struct api_feed *f);

/* ---- feed.c ---- */

enum end { END_NOT, END_SLOW, END_CLOSING, END_RESET, END_ERROR, END_DONE };

struct api_feed {
	struct api_watch *w;
	struct api_feed *next, *prev;
	struct MHD_Connection *c;
	int fd;				/* of c */
	char *prefix;			/* NULL: all objects */
	size_t nprefix;
	uint64_t want;			/* the lsn it wants next */
	uint64_t log_to;		/* what it asked the log for goes up to there */
	struct steme_buf out;
	size_t at;			/* of out */
	int64_t said_us;		/* when it last had something to say */
	enum end end;
	bool live;			/* has been up to date */
	bool suspended, asking, closed;
};

bool feed_wants(const struct api_feed *f, struct steme_str concept);
/* Resumes f, if it sleeps. */
void feed_wake(struct api_feed *f);
/* Has its client gone? */
bool feed_gone(const struct api_feed *f);

#endif
