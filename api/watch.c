/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - the stream of new records, the ring of events, and the feeds behind it.
 *
 * The ring is complete from lsn `lo` to `hi`.  A feed whose next lsn is below lo asks the log for
 * what is missing, a piece at a time, while it is suspended.  A feed that was up to date
 * and then fell behind the ring is a slow one: it is told so and ended, for otherwise one
 * client that never reads again would be read to from the log for ever.
 */
#include "config.h"
#include "api/watch.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/msg.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define RING_EVENTS	32768
#define RING_BYTES	(8u << 20)
#define FILL_BYTES	(32u << 10)	/* that a feed takes out of the ring at a time */
#define LOG_PIECE	256		/* lsns asked of the log at a time */
#define BEAT_US		INT64_C(15000000)
#define TICK_MS		500

struct event {
	char *text;
	uint32_t len;
	uint32_t concept, nconcept;	/* place of the bare concept behind the text */
	uint64_t lsn;
};

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

struct api_watch {
	struct api *a;
	pthread_mutex_t mu;
	pthread_cond_t tick_cv;
	pthread_t ticker;
	bool ticking, stopping;
	struct api_feed *feeds;
	unsigned nfeeds, max_feeds;
	/* the stream */
	bool started;			/* lo and hi stand */
	bool streaming;			/* a WATCH is under way */
	uint64_t lo, hi;
	struct event ring[RING_EVENTS];	/* from first, n of them, lsns ascending */
	size_t first, n, bytes;
};

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

/* ---- events ---- */

static void
put_string(struct steme_buf *b, struct steme_str s)
{
	struct json_object *o = s.p == NULL ? NULL :
	    json_object_new_string_len(s.p, (int)s.n);

	steme_buf_puts(b, o == NULL ? "null" : json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* The event of a record; *o is its object. */
static void
put_event(struct steme_buf *b, const struct steme_record *r,
    const struct steme_object *o)
{
	const char *kind = o->kind == STEME_OPAQUE ? "opaque" : steme_kind_name(o->kind);
	char hex[STEME_ID_HEX + 1], t[STEME_TIME_LEN + 1];

	steme_id_hex(hex, &r->id);
	steme_buf_printf(b, "id: %" PRIu64 "\nevent: %s\ndata: {\"lsn\":%" PRIu64
	    ",\"hlc\":\"%" PRIu64 "\",\"kind\":\"%s\",\"id\":\"%s\",\"concept_path\":",
	    r->lsn, kind, r->lsn, r->hlc, kind, hex);
	put_string(b, o->concept);
	steme_buf_puts(b, ",\"predicate\":");
	put_string(b, o->predicate);
	if (o->kind == STEME_OPAQUE) {
		steme_buf_puts(b, ",\"agent_id\":null,\"time\":null}\n\n");
		return;
	}
	steme_id_hex(hex, &o->agent);
	steme_time_format(t, o->time_us);
	steme_buf_printf(b, ",\"agent_id\":\"%s\",\"time\":\"%s\"}\n\n", hex, t);
}

/* STEME_OK, also of a kind not known here; a stored object always parses. */
static int
object_of(struct steme_object *o, const struct steme_record *r)
{
	int err;

	memset(o, 0, sizeof(*o));
	err = steme_object_parse(o, r->bytes.p, r->bytes.n, NULL);
	return err == STEME_EVERSION ? STEME_OK : err;
}

static bool
wants(const struct api_feed *f, struct steme_str concept)
{
	if (f->prefix == NULL)
		return true;
	return concept.n >= f->nprefix && memcmp(concept.p, f->prefix,
	    f->nprefix) == 0 && (concept.n == f->nprefix ||
	    concept.p[f->nprefix] == '/');
}

/* ---- the ring (mu) ---- */

static struct event *
ring_at(struct api_watch *w, size_t i)
{
	return &w->ring[(w->first + i) % RING_EVENTS];
}

static void
ring_drop(struct api_watch *w)
{
	struct event *e = ring_at(w, 0);

	w->lo = e->lsn + 1;
	w->bytes -= e->len + e->nconcept;
	free(e->text);
	w->first = (w->first + 1) % RING_EVENTS;
	w->n--;
}

static void
ring_clear(struct api_watch *w)
{
	while (w->n > 0)
		ring_drop(w);
	w->lo = w->hi + 1;
}

static int
ring_add(struct api_watch *w, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_buf b = { 0 };
	struct event e = { .lsn = r->lsn };
	uint8_t *data;
	size_t len;
	int err;

	put_event(&b, r, o);
	e.len = e.concept = (uint32_t)b.len;
	e.nconcept = (uint32_t)o->concept.n;
	steme_buf_put(&b, o->concept.p, o->concept.n);
	if ((err = steme_buf_take(&b, &data, &len)) != STEME_OK)
		return err;
	e.text = (char *)data;
	while (w->n == RING_EVENTS || (w->n > 0 && w->bytes + len > RING_BYTES))
		ring_drop(w);
	*ring_at(w, w->n++) = e;
	w->bytes += len;
	return STEME_OK;
}

/* The first event with this lsn or a later one. */
static size_t
ring_find(struct api_watch *w, uint64_t lsn)
{
	size_t lo = 0, hi = w->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ring_at(w, mid)->lsn < lsn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- the stream ---- */

/* Resumes f, if it sleeps (mu). */
static void
wake(struct api_feed *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	MHD_resume_connection(f->c);
}

static void
wake_all(struct api_watch *w, enum end end)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (end != END_NOT && f->end == END_NOT)
			f->end = end;
		if (!f->asking || end != END_NOT)
			wake(f);
	}
}

/* A record came: whoever sleeps and does not want it moves on without waking (mu). */
static void
tell(struct api_watch *w, const struct steme_record *r, struct steme_str concept)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (!f->suspended || f->asking)
			continue;
		if (wants(f, concept) || f->want < w->lo)
			wake(f);
		else if (f->want <= r->lsn)
			f->want = r->lsn + 1;
	}
}

static int
take_record(struct api_watch *w, const struct steme_record *r)
{
	struct steme_object o;
	int err;

	if (r->lsn <= w->hi)
		return STEME_OK;	/* seen before the stream was lost */
	if ((err = object_of(&o, r)) != STEME_OK)
		return err;
	if (w->nfeeds > 0 && (err = ring_add(w, r, &o)) != STEME_OK)
		return err;
	w->hi = r->lsn;
	if (w->nfeeds == 0)
		ring_clear(w);
	tell(w, r, o.concept);
	return STEME_OK;
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
		/* what could not be kept is read from the log */
		if (err != STEME_OK) {
			steme_log(STEME_WARN, "feeds: a record could not be taken: %s",
			    steme_strerror(err));
			if (steme_rd_ok(&rd))
				w->hi = STEME_MAX(w->hi, r.lsn);
			ring_clear(w);
			for (struct api_feed *f = w->feeds; f != NULL; f = f->next)
				f->live = false;
			wake_all(w, END_NOT);
		}
	}
	if (rep->err != STEME_OK || !rep->more)
		w->streaming = false;	/* the ticker begins anew */
	pthread_mutex_unlock(&w->mu);
}

/* (mu) is held, and given up for the call. */
static void
stream(struct api_watch *w)
{
	struct steme_msg_log m = { .from_lsn = w->hi + 1, .max_lsn = UINT64_MAX };
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
	if (w->started && lsn < w->hi) {
		w->hi = lsn;
		ring_clear(w);
		wake_all(w, END_RESET);
	}
	wake_all(w, END_NOT);		/* who had asked the log asks again */
	pthread_mutex_unlock(&w->mu);
}

/*
 * libmicrohttpd does not look at a suspended connection: has the client gone?  What it
 * sent last (a TLS alert, another request) may still be unread, so the kernel is asked.
 */
static bool
gone(const struct api_feed *f)
{
	struct tcp_info ti;
	socklen_t n = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	return f->fd >= 0 &&
	    getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &ti, &n) == 0 &&
	    ti.tcpi_state != TCP_ESTABLISHED;
}

/* Wakes who has something to say, if only that it is there (mu). */
static void
look_after(struct api_watch *w, int64_t now)
{
	for (struct api_feed *f = w->feeds; f != NULL; f = f->next) {
		if (!f->suspended)
			continue;
		if (gone(f))
			f->end = END_DONE;
		if (f->end == END_DONE || now - f->said_us >= BEAT_US)
			wake(f);
	}
}

static void *
tick(void *arg)
{
	struct api_watch *w = arg;
	struct timespec ts;

	pthread_mutex_lock(&w->mu);
	while (!w->stopping) {
		stream(w);
		look_after(w, mono());
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += TICK_MS * 1000000L;
		ts.tv_sec += ts.tv_nsec / 1000000000;
		ts.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w->tick_cv, &w->mu, &ts);
	}
	pthread_mutex_unlock(&w->mu);
	return NULL;
}

/* ---- catching up from the log ---- */

static void
free_feed(struct api_feed *f)
{
	steme_buf_fini(&f->out);
	free(f->prefix);
	free(f);
}

static int
take_logged(struct api_feed *f, const struct steme_reply *rep)
{
	struct steme_rd rd = steme_rd_from(rep->data, rep->len);
	struct steme_record r;
	struct steme_object o;
	int err = STEME_OK;

	while (err == STEME_OK && rd.n > 0) {
		if ((err = steme_msg_next_record(&rd, &r)) != STEME_OK ||
		    (err = object_of(&o, &r)) != STEME_OK)
			break;
		if (r.lsn >= f->want && r.lsn <= f->log_to) {
			f->want = r.lsn + 1;
			if (wants(f, o.concept))
				put_event(&f->out, &r, &o);
		}
	}
	return err != STEME_OK ? err : steme_buf_err(&f->out);
}

static void
on_log(void *arg, const struct steme_reply *rep)
{
	struct api_feed *f = arg;
	struct api_watch *w = f->w;
	int err = rep->err;
	bool last = rep->err != STEME_OK || !rep->more, free_it;

	pthread_mutex_lock(&w->mu);
	if (err == STEME_OK && !f->closed)
		err = take_logged(f, rep);
	if (last) {
		f->asking = false;
		/* lsns above the last record told are of no objects */
		if (err == STEME_OK)
			f->want = STEME_MAX(f->want, f->log_to + 1);
	}
	/* without the daemon the feed waits: the ticker wakes it for its beat */
	if (err != STEME_OK && err != STEME_ECONN && f->end == END_NOT)
		f->end = END_ERROR;
	if (last && err != STEME_ECONN)
		wake(f);
	free_it = last && f->closed;
	pthread_mutex_unlock(&w->mu);
	if (free_it)
		free_feed(f);
}

/* f sleeps (or is about to); (mu) is held, and given up for the call. */
static void
ask_log(struct api_feed *f)
{
	struct api_watch *w = f->w;
	struct steme_msg_log m = { .from_lsn = f->want };
	struct steme_buf b = { 0 };
	int err;

	f->log_to = m.max_lsn = STEME_MIN(w->lo - 1, f->want + LOG_PIECE - 1);
	f->asking = true;
	pthread_mutex_unlock(&w->mu);
	steme_msg_put_log(&b, &m);
	err = steme_buf_err(&b);
	if (err == STEME_OK)
		err = steme_aclient_submit(w->a->client, STEME_MSG_LOG, b.data, b.len,
		    STEME_SUBMIT_STREAM, api_deadline_ms(w->a), on_log, f, NULL);
	steme_buf_fini(&b);
	pthread_mutex_lock(&w->mu);
	if (err != STEME_OK)
		f->asking = false;	/* the ticker's beat tries again */
}

/* ---- what a feed says ---- */

static void
put_end(struct api_feed *f)
{
	static const struct {
		const char *reason, *detail;
	} ends[] = {
		[END_SLOW] = { "slow", "this client reads more slowly than claims come "
		    "in: ask again with Last-Event-ID, which reads from the log" },
		[END_CLOSING] = { "closing", "the sidecar is ending: ask again with "
		    "Last-Event-ID when it is back" },
		[END_RESET] = { "reset", "the store is another one now: ask again "
		    "without Last-Event-ID" },
		[END_ERROR] = { "error", "the log could not be read: ask again with "
		    "Last-Event-ID, or see the daemon's log" },
	};

	/* ids told so far stay the client's last: it resumes behind them */
	steme_buf_printf(&f->out, "event: end\ndata: {\"reason\":\"%s\",\"detail\":\"%s\","
	    "\"resume_after\":%" PRIu64 "}\n\n", ends[f->end].reason,
	    ends[f->end].detail, f->want - 1);
	f->end = END_DONE;
}

/* Fills out from the ring (mu). */
static void
fill(struct api_feed *f)
{
	struct api_watch *w = f->w;

	for (size_t i = ring_find(w, f->want); i < w->n && f->out.len < FILL_BYTES; i++) {
		const struct event *e = ring_at(w, i);
		struct steme_str concept = { e->text + e->concept, e->nconcept };

		if (wants(f, concept))
			steme_buf_put(&f->out, e->text, e->len);
		f->want = e->lsn + 1;
	}
	/* what was a feed's to see up to here, it has: lsns in between are no objects */
	if (f->out.len < FILL_BYTES && f->want <= w->hi)
		f->want = w->hi + 1;
	f->live |= f->want > w->hi;
}

/* Something to say, or nothing (mu). */
static void
next_words(struct api_feed *f)
{
	struct api_watch *w = f->w;

	if (f->end == END_NOT && w->stopping)
		f->end = END_CLOSING;
	if (f->end == END_NOT && f->want < w->lo && f->live && !f->asking)
		f->end = END_SLOW;
	if (f->end == END_NOT && !f->asking && f->want >= w->lo)
		fill(f);
	if (f->out.len == 0 && f->end != END_NOT && f->end != END_DONE)
		put_end(f);
	if (f->out.len == 0 && f->end == END_NOT && mono() - f->said_us >= BEAT_US)
		steme_buf_puts(&f->out, ":\n\n");
}

/* Sends the connection to sleep, if need be after a question to the log (mu). */
static void
sleep_on(struct api_feed *f)
{
	f->suspended = true;
	MHD_suspend_connection(f->c);
	if (f->want < f->w->lo && !f->asking)
		ask_log(f);
}

long
api_feed_read(struct api_feed *f, char *out, size_t max)
{
	struct api_watch *w = f->w;
	long n = 0;

	pthread_mutex_lock(&w->mu);
	if (f->at == f->out.len) {
		steme_buf_fini(&f->out);
		f->at = 0;
		next_words(f);
	}
	if (f->out.len > f->at) {
		n = (long)STEME_MIN(f->out.len - f->at, max);
		memcpy(out, f->out.data + f->at, (size_t)n);
		f->at += (size_t)n;
		f->said_us = mono();
	} else if (f->end == END_DONE || steme_buf_err(&f->out) != STEME_OK) {
		n = API_FEED_ENDED;
	} else {
		sleep_on(f);
	}
	pthread_mutex_unlock(&w->mu);
	return n;
}

/* ---- life ---- */

static int
add_feed(struct api_watch *w, struct api_feed *f, uint64_t visible)
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
		w->hi = visible;
		w->lo = visible + 1;
	}
	f->next = w->feeds;
	if (w->feeds != NULL)
		w->feeds->prev = f;
	w->feeds = f;
	w->nfeeds++;
	stream(w);
	return STEME_OK;
}

int
api_feed_open(struct api_feed **out, struct api_watch *w, struct MHD_Connection *c,
    uint64_t after, uint64_t visible, struct steme_str prefix)
{
	struct api_feed *f = calloc(1, sizeof(*f));
	const union MHD_ConnectionInfo *info;
	int err = STEME_ENOMEM;

	if (f == NULL)
		return err;
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	f->fd = info == NULL ? -1 : info->connect_fd;
	f->w = w;
	f->c = c;
	f->want = after + 1;
	f->said_us = mono();
	f->nprefix = prefix.n;
	if (prefix.n > 0 && (f->prefix = strndup(prefix.p, prefix.n)) == NULL)
		goto fail;
	/* tells the client where it is, without an event */
	steme_buf_printf(&f->out, "retry: 1000\nid: %" PRIu64 "\n: begins here\n\n", after);
	if ((err = steme_buf_err(&f->out)) != STEME_OK)
		goto fail;
	pthread_mutex_lock(&w->mu);
	err = add_feed(w, f, visible);
	pthread_mutex_unlock(&w->mu);
	if (err != STEME_OK)
		goto fail;
	*out = f;
	return STEME_OK;
fail:
	free_feed(f);
	return err;
}

void
api_feed_close(struct api_feed *f)
{
	struct api_watch *w = f->w;
	bool free_it;

	pthread_mutex_lock(&w->mu);
	if (f->next != NULL)
		f->next->prev = f->prev;
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		w->feeds = f->next;
	w->nfeeds--;
	f->closed = true;
	f->suspended = false;
	free_it = !f->asking;
	pthread_mutex_unlock(&w->mu);
	if (free_it)
		free_feed(f);
}

struct api_watch *
api_watch_new(struct api *a, unsigned max_feeds)
{
	struct api_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t ca;

	if (w == NULL)
		return NULL;
	w->a = a;
	w->max_feeds = max_feeds;
	MUST(pthread_mutex_init(&w->mu, NULL));
	MUST(pthread_condattr_init(&ca));
	MUST(pthread_condattr_setclock(&ca, CLOCK_MONOTONIC));
	MUST(pthread_cond_init(&w->tick_cv, &ca));
	MUST(pthread_condattr_destroy(&ca));
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
	ring_clear(w);
	pthread_mutex_destroy(&w->mu);
	pthread_cond_destroy(&w->tick_cv);
	free(w);
}
