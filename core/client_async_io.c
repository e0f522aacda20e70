/* SPDX-License-Identifier: Apache-2.0 */
/* client_async_io.c - the thread of the asynchronous client: connects, reads answers,
 * tells them, keeps deadlines. */
#include "config.h"
#include "core/client.h"
#include "core/client_async_impl.h"
#include "core/client_sock.h"
#include "core/clock.h"
#include "core/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS		100
#define HELLO_MS	5000
#define BACKOFF_MIN_MS	10
#define BACKOFF_MAX_MS	1000
#define READ_CHUNK	(256u << 10)
#define TOLD		64		/* answers told per locking */

/* One call of a callback, to be made without a lock. */
struct tell {
	steme_aclient_done *done;
	void *arg;
	struct steme_reply r;
	struct steme_why why;
	struct steme_buf joined;	/* owned, when data points into it */
};

static void
tell(struct steme_aclient *c, struct tell *t)
{
	if (!t->r.more) {
		atomic_fetch_add_explicit(&c->completed, 1, memory_order_relaxed);
		if (t->r.err != STEME_OK)
			atomic_fetch_add_explicit(&c->failed, 1,
			    memory_order_relaxed);
	}
	t->r.why = t->why.text;
	t->done(t->arg, &t->r);
	steme_buf_fini(&t->joined);
}

/* ---- the end of a connection ---- */

/* The first slot from i on that is active and, if now_ms > 0, past its deadline. */
static uint32_t
find_locked(const struct aconn *cn, uint32_t i, int64_t now_ms)
{
	for (; cn->inflight > 0 && i < cn->nslots; i++) {
		const struct aslot *s = &cn->slots[i];

		if (s->active && (now_ms == 0 ||
		    (s->deadline_ms != 0 && s->deadline_ms <= now_ms)))
			return i;
	}
	return cn->nslots;
}

/* Completes all active slots (those past their deadline only, if now_ms > 0) with err. */
static void
fail_slots(struct aconn *cn, int64_t now_ms, int err, const char *text)
{
	for (uint32_t i = 0; ; i++) {
		struct tell t = { .r = { .err = err, .late = err == STEME_ETIMEOUT } };
		struct aslot *s;

		MUST(pthread_mutex_lock(&cn->mu));
		i = find_locked(cn, i, now_ms);
		if (i == cn->nslots) {
			MUST(pthread_mutex_unlock(&cn->mu));
			return;
		}
		s = &cn->slots[i];
		t.done = s->done;
		t.arg = s->arg;
		steme_buf_fini(&s->joined);
		if (now_ms > 0 && (s->flags & STEME_SUBMIT_STREAM)) {
			steme_sock_header(&cn->out, 8, STEME_MSG_CANCEL, CANCEL_REQ);
			steme_msg_put_cancel(&cn->out, s->gen << 16 | i);
		}
		steme_aconn_release_locked(cn, s);
		MUST(pthread_mutex_unlock(&cn->mu));
		steme_fail(&t.why, err, "%s", text);
		if (err == STEME_ETIMEOUT)
			atomic_fetch_add_explicit(&cn->c->timeouts, 1,
			    memory_order_relaxed);
		tell(cn->c, &t);
	}
}

static void
note_why(struct steme_aclient *c, const struct steme_why *why)
{
	MUST(pthread_mutex_lock(&c->mu));
	c->why = *why;
	MUST(pthread_mutex_unlock(&c->mu));
}

static void
conn_down(struct aconn *cn, const char *text)
{
	struct steme_aclient *c = cn->c;
	struct steme_why why;
	bool was_up;
	int fd;

	MUST(pthread_mutex_lock(&cn->mu));
	if (cn->state == ACONN_DOWN) {
		MUST(pthread_mutex_unlock(&cn->mu));
		return;
	}
	was_up = cn->state == ACONN_UP;
	cn->state = ACONN_DOWN;
	/* A sender uses the descriptor without the lock, but never blocks. */
	while (cn->sending)
		MUST(pthread_cond_wait(&cn->idle, &cn->mu));
	fd = cn->fd;
	cn->fd = -1;
	cn->blocked = false;
	steme_buf_fini(&cn->out);
	steme_buf_fini(&cn->tx);
	cn->tx_sent = 0;
	MUST(pthread_mutex_unlock(&cn->mu));
	if (fd >= 0)
		close(fd);
	steme_buf_fini(&cn->in);
	cn->pos = 0;
	cn->backoff_ms = STEME_MIN(STEME_MAX(cn->backoff_ms * 2, BACKOFF_MIN_MS),
	    BACKOFF_MAX_MS);
	cn->retry_at_ms = steme_mono_ms() + cn->backoff_ms;
	c->next_ms = 0;
	steme_fail(&why, STEME_ECONN, "%s: %s", c->o.path, text);
	note_why(c, &why);
	if (was_up && atomic_fetch_sub(&c->up, 1) == 1 && c->o.state != NULL)
		c->o.state(c->o.arg, NULL);
	fail_slots(cn, 0, STEME_ECONN, text);
}

/* ---- the begin of a connection ---- */

static void
conn_try(struct aconn *cn, int64_t now)
{
	struct steme_aclient *c = cn->c;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP,
	    .data.ptr = cn };
	struct steme_why why;
	int fd, sys, err;

	cn->tried_at_ms = now;
	if ((err = steme_sock_connect(&fd, c->o.path, &sys)) == STEME_OK &&
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, fd, &ev) < 0) {
		sys = errno;
		close(fd);
		err = STEME_ECONN;
	}
	if (err != STEME_OK) {
		steme_client_explain(c->o.path, sys, &why);
		note_why(c, &why);
		cn->backoff_ms = STEME_MIN(STEME_MAX(cn->backoff_ms * 2,
		    BACKOFF_MIN_MS), BACKOFF_MAX_MS);
		cn->retry_at_ms = now + cn->backoff_ms;
		return;
	}
	cn->hello_by_ms = now + HELLO_MS;
	MUST(pthread_mutex_lock(&cn->mu));
	cn->fd = fd;
	cn->state = ACONN_HELLO;
	steme_sock_hello(&cn->out, c->o.role, c->o.program);
	steme_aconn_send_locked(cn);
	MUST(pthread_mutex_unlock(&cn->mu));
}

static void
conn_welcome(struct aconn *cn, const struct steme_frame *f, const uint8_t *data)
{
	struct steme_aclient *c = cn->c;
	struct steme_msg_welcome w;
	struct steme_why why;
	bool first;

	if (f->flags & STEME_F_ERROR || f->req != 0 ||
	    steme_msg_get_welcome(&w, data, f->len) != STEME_OK) {
		if (!(f->flags & STEME_F_ERROR) ||
		    steme_msg_get_error(&why, data, f->len) == STEME_EPROTO)
			steme_fail(&why, STEME_EPROTO, "the daemon at %s sent a "
			    "malformed greeting", c->o.path);
		note_why(c, &why);
		conn_down(cn, why.text);
		return;
	}
	MUST(pthread_mutex_lock(&cn->mu));
	cn->state = ACONN_UP;
	MUST(pthread_mutex_unlock(&cn->mu));
	cn->backoff_ms = 0;
	if (cn->was_up)
		atomic_fetch_add_explicit(&c->reconnects, 1, memory_order_relaxed);
	cn->was_up = true;
	MUST(pthread_mutex_lock(&c->mu));
	first = atomic_fetch_add(&c->up, 1) == 0;
	MUST(pthread_cond_broadcast(&c->came_up));
	MUST(pthread_mutex_unlock(&c->mu));
	if (first && c->o.state != NULL)
		c->o.state(c->o.arg, &w);
}

/* ---- answers ---- */

/* Settles one frame for slot s: *t is to be told if true. */
static bool
settle_locked(struct aconn *cn, struct aslot *s, const struct steme_frame *f,
    const uint8_t *data, struct tell *t)
{
	bool more = f->flags & STEME_F_MORE, stream = s->flags & STEME_SUBMIT_STREAM;
	size_t limit = cn->c->o.max_answer;

	memset(&t->r, 0, sizeof(t->r));
	memset(&t->joined, 0, sizeof(t->joined));
	t->why.text[0] = '\0';
	t->done = s->done;
	t->arg = s->arg;
	t->r.data = data;
	t->r.len = f->len;
	if (f->flags & STEME_F_ERROR) {
		t->r.err = steme_msg_get_error(&t->why, data, f->len);
		t->r.len = 0;
		more = false;
	} else if (!stream && (more || s->joined.len > 0)) {
		if (s->joined.len + f->len > limit && s->joined.err == STEME_OK)
			s->joined.err = STEME_ETOOBIG;
		steme_buf_put(&s->joined, data, f->len);
		if (more)
			return false;
		if ((t->r.err = steme_buf_err(&s->joined)) != STEME_OK)
			steme_fail(&t->why, t->r.err, "the answer is too long");
		t->joined = s->joined;
		t->r.data = t->joined.data;
		t->r.len = t->r.err == STEME_OK ? t->joined.len : 0;
		memset(&s->joined, 0, sizeof(s->joined));
	}
	t->r.more = more;
	if (!more) {
		steme_buf_fini(&s->joined);
		steme_aconn_release_locked(cn, s);
	}
	return true;
}

/* Up to TOLD answers: found under the lock, told without it. */
static int
tell_some(struct aconn *cn)
{
	struct tell told[TOLD];
	unsigned n = 0;
	int err = STEME_OK;

	MUST(pthread_mutex_lock(&cn->mu));
	while (n < TOLD) {
		struct steme_frame f;
		const uint8_t *data;
		struct aslot *s;

		if ((err = steme_frame_next_reply(&cn->in, &cn->pos, &f,
		    &data)) != STEME_OK)
			break;
		if (cn->state == ACONN_HELLO) {
			MUST(pthread_mutex_unlock(&cn->mu));
			conn_welcome(cn, &f, data);
			return cn->state == ACONN_UP ? STEME_OK : STEME_ECONN;
		}
		if ((f.req & 0xffff) >= cn->nslots)
			continue;
		s = &cn->slots[f.req & 0xffff];
		/* Not ours any more: its deadline passed. */
		if (!s->active || s->gen != f.req >> 16)
			continue;
		if (settle_locked(cn, s, &f, data, &told[n]))
			n++;
	}
	MUST(pthread_mutex_unlock(&cn->mu));
	for (unsigned i = 0; i < n; i++)
		tell(cn->c, &told[i]);
	return err;
}

/* The bytes of cn->in before pos are done with. */
static void
compact(struct aconn *cn)
{
	cn->in.len -= cn->pos;
	if (cn->pos > 0 && cn->in.len > 0)
		memmove(cn->in.data, cn->in.data + cn->pos, cn->in.len);
	cn->pos = 0;
}

/* hup: read to the very end.  False: the connection is gone. */
static bool
conn_read(struct aconn *cn, bool hup)
{
	for (;;) {
		uint8_t *p;
		ssize_t n;
		int err;

		compact(cn);
		if ((p = steme_buf_reserve(&cn->in, READ_CHUNK)) == NULL) {
			conn_down(cn, "out of memory");
			return false;
		}
		n = recv(cn->fd, p, READ_CHUNK, MSG_DONTWAIT);
		atomic_fetch_add_explicit(&cn->c->reads, 1, memory_order_relaxed);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			conn_down(cn, "the connection to the daemon was lost");
			return false;
		}
		cn->in.len += (size_t)n;
		do {
			err = tell_some(cn);
		} while (err == STEME_OK);
		if (err == STEME_EPROTO)
			conn_down(cn, "the daemon sent a malformed frame");
		if (err != STEME_EAGAIN)
			return false;
		/* Less than asked for: the socket is empty (else epoll says so). */
		if ((size_t)n < READ_CHUNK && !hup)
			return true;
	}
}

/* ---- the thread ---- */

static void
conn_event(struct aconn *cn, uint32_t events)
{
	const uint32_t end = EPOLLHUP | EPOLLERR | EPOLLRDHUP;

	if ((events & (EPOLLIN | end)) && !conn_read(cn, events & end))
		return;
	if (events & EPOLLOUT) {
		MUST(pthread_mutex_lock(&cn->mu));
		cn->writable = true;
		cn->blocked = false;
		steme_aconn_send_locked(cn);
		MUST(pthread_mutex_unlock(&cn->mu));
	}
}

/* Connects, keeps deadlines.  Returns when it wants to be called again at the latest. */
static int64_t
upkeep(struct steme_aclient *c)
{
	int64_t now = steme_mono_ms(), next = now + TICK_MS;
	bool wanted = atomic_exchange(&c->wanted, false);

	for (unsigned i = 0; i < c->nconns; i++) {
		struct aconn *cn = &c->conns[i];

		if (wanted)
			cn->retry_at_ms = STEME_MIN(cn->retry_at_ms,
			    cn->tried_at_ms + BACKOFF_MIN_MS);
		if (cn->state == ACONN_DOWN && cn->retry_at_ms <= now)
			conn_try(cn, now);
		else if (cn->state == ACONN_HELLO && cn->hello_by_ms <= now)
			conn_down(cn, "the daemon does not greet");
		else if (cn->state == ACONN_UP &&
		    atomic_load_explicit(&cn->hint, memory_order_relaxed) > 0)
			fail_slots(cn, now, STEME_ETIMEOUT,
			    "the daemon did not answer in time");
		if (cn->state == ACONN_DOWN)
			next = STEME_MIN(next, cn->retry_at_ms);
	}
	return next;
}

static void
drain_wake(struct steme_aclient *c)
{
	uint64_t v;
	ssize_t n = read(c->wake, &v, sizeof(v));

	(void)n;
}

void *
steme_aclient_thread(void *arg)
{
	struct steme_aclient *c = arg;
	struct epoll_event ev[ACONNS_MAX + 1];
	int n;

	while (!atomic_load(&c->stop)) {
		int64_t now = steme_mono_ms();

		if (now >= c->next_ms || atomic_load(&c->wanted)) {
			int64_t due;

			c->next_ms = INT64_MAX;
			due = upkeep(c);
			c->next_ms = STEME_MIN(due, c->next_ms);
			now = steme_mono_ms();
		}
		atomic_store(&c->asleep, true);
		/* what callers gathered while the thread was awake */
		steme_aclient_flush(c);
		n = epoll_wait(c->ep, ev, (int)STEME_NELEM(ev),
		    (int)STEME_MAX(c->next_ms - now, 1));
		atomic_store(&c->asleep, false);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				drain_wake(c);
			else
				conn_event(ev[i].data.ptr, ev[i].events);
		}
	}
	for (unsigned i = 0; i < c->nconns; i++)
		conn_down(&c->conns[i], "the client was closed");
	return NULL;
}
