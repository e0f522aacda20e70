/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - one client's feed: what it is told, out of the ring, and out of the daemon's log
 * where the ring begins too late.
 *
 * A feed whose next lsn is below the ring's lo asks the log for what is missing, a piece at
 * a time, while it is suspended.  A feed that was up to date and then fell behind the ring
 * is a slow one: it is told so and ended, for otherwise one client that never reads again
 * would be read to from the log for ever.
 */
#include "config.h"
#include "api/watch_impl.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/msg.h"
#include "core/util.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FILL_BYTES	(32u << 10)	/* that a feed takes out of the ring at a time */
#define LOG_PIECE	256		/* lsns asked of the log at a time */

/* ---- what the stream asks of a feed (mu) ---- */

bool
feed_wants(const struct api_feed *f, struct steme_str concept)
{
	if (f->prefix == NULL)
		return true;
	return concept.n >= f->nprefix && memcmp(concept.p, f->prefix,
	    f->nprefix) == 0 && (concept.n == f->nprefix ||
	    concept.p[f->nprefix] == '/');
}

void
feed_wake(struct api_feed *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	MHD_resume_connection(f->c);
}

/*
 * libmicrohttpd does not look at a suspended connection: has the client gone?  What it
 * sent last (a TLS alert, another request) may still be unread, so the kernel is asked.
 */
bool
feed_gone(const struct api_feed *f)
{
	struct tcp_info ti;
	socklen_t n = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	return f->fd >= 0 &&
	    getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &ti, &n) == 0 &&
	    ti.tcpi_state != TCP_ESTABLISHED;
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
		    (err = watch_object_of(&o, &r)) != STEME_OK)
			break;
		if (r.lsn >= f->want && r.lsn <= f->log_to) {
			f->want = r.lsn + 1;
			if (feed_wants(f, o.concept))
				watch_put_event(&f->out, &r, &o);
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
		feed_wake(f);
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

	f->log_to = m.max_lsn = STEME_MIN(w->ring.lo - 1, f->want + LOG_PIECE - 1);
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
	struct watch_ring *g = &f->w->ring;

	for (size_t i = watch_ring_find(g, f->want);
	    i < g->n && f->out.len < FILL_BYTES; i++) {
		const struct event *e = watch_ring_at(g, i);
		struct steme_str concept = { e->text + e->concept, e->nconcept };

		if (feed_wants(f, concept))
			steme_buf_put(&f->out, e->text, e->len);
		f->want = e->lsn + 1;
	}
	/* what was a feed's to see up to here, it has: lsns in between are no objects */
	if (f->out.len < FILL_BYTES && f->want <= g->hi)
		f->want = g->hi + 1;
	f->live |= f->want > g->hi;
}

/* Something to say, or nothing (mu). */
static void
next_words(struct api_feed *f)
{
	int64_t now = steme_mono_us(&steme_clock_system);
	struct api_watch *w = f->w;

	if (f->end == END_NOT && w->stopping)
		f->end = END_CLOSING;
	if (f->end == END_NOT && f->want < w->ring.lo && f->live && !f->asking)
		f->end = END_SLOW;
	if (f->end == END_NOT && !f->asking && f->want >= w->ring.lo)
		fill(f);
	if (f->out.len == 0 && f->end != END_NOT && f->end != END_DONE)
		put_end(f);
	if (f->out.len == 0 && f->end == END_NOT && now - f->said_us >= BEAT_US)
		steme_buf_puts(&f->out, ":\n\n");
}

/* Sends the connection to sleep, if need be after a question to the log (mu). */
static void
sleep_on(struct api_feed *f)
{
	f->suspended = true;
	MHD_suspend_connection(f->c);
	if (f->want < f->w->ring.lo && !f->asking)
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
		f->said_us = steme_mono_us(&steme_clock_system);
	} else if (f->end == END_DONE || steme_buf_err(&f->out) != STEME_OK) {
		n = API_FEED_ENDED;
	} else {
		sleep_on(f);
	}
	pthread_mutex_unlock(&w->mu);
	return n;
}

/* ---- life ---- */

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
	f->said_us = steme_mono_us(&steme_clock_system);
	f->nprefix = prefix.n;
	if (prefix.n > 0 && (f->prefix = strndup(prefix.p, prefix.n)) == NULL)
		goto fail;
	/* tells the client where it is, without an event */
	steme_buf_printf(&f->out, "retry: 1000\nid: %" PRIu64 "\n: begins here\n\n", after);
	if ((err = steme_buf_err(&f->out)) != STEME_OK)
		goto fail;
	pthread_mutex_lock(&w->mu);
	err = watch_join(w, f, visible);
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
	watch_leave(w, f);
	f->closed = true;
	f->suspended = false;
	free_it = !f->asking;
	pthread_mutex_unlock(&w->mu);
	if (free_it)
		free_feed(f);
}
