/* SPDX-License-Identifier: Apache-2.0 */
/* client_async.c - the asynchronous client: life, and what callers' threads do. */
#include "config.h"
#include "core/client_async_impl.h"
#include "core/client_sock.h"
#include "core/clock.h"
#include "core/cond.h"
#include "core/instance.h"
#include "core/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIRECT_MAX	4		/* in flight up to which a submit sends itself */
#define OUT_MAX		(64u << 20)	/* gathered bytes of one connection */
#define KEEP_MAX	(1u << 20)	/* larger buffers are given back */

/* ---- life ---- */

static int
init_conn(struct steme_aclient *c, struct aconn *cn, uint32_t nslots)
{
	cn->c = c;
	cn->fd = -1;
	MUST(pthread_mutex_init(&cn->mu, NULL));
	MUST(pthread_cond_init(&cn->idle, NULL));
	cn->nslots = nslots;
	if ((cn->slots = calloc(nslots, sizeof(*cn->slots))) == NULL)
		return STEME_ENOMEM;
	for (uint32_t i = 0; i < nslots; i++) {
		cn->slots[i].gen = 1;
		cn->slots[i].next_free = i + 1;
	}
	return STEME_OK;
}

static int
copy_opts(struct steme_aclient *c, const struct steme_aclient_opts *o)
{
	c->o = *o;
	c->o.path = strdup(o->path);
	c->o.program = o->program == NULL ? NULL : strdup(o->program);
	if (c->o.path == NULL || (o->program != NULL && c->o.program == NULL))
		return STEME_ENOMEM;
	if (c->o.connections == 0)
		c->o.connections = 2;
	if (c->o.max_inflight == 0)
		c->o.max_inflight = 8192;
	if (c->o.max_answer == 0)
		c->o.max_answer = 64u << 20;
	c->o.connections = STEME_MIN(c->o.connections, ACONNS_MAX);
	c->nconns = c->o.connections;
	return STEME_OK;
}

int
steme_aclient_new(struct steme_aclient **out, const struct steme_aclient_opts *o,
    struct steme_why *why)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct steme_aclient *c;
	int err = STEME_ENOMEM;

	*out = NULL;
	if (strlen(o->path) > STEME_SOCKET_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the control socket's path %s "
		    "is over %d bytes: use a shorter --dir", o->path,
		    STEME_SOCKET_MAX);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return steme_fail(why, err, "out of memory");
	c->ep = c->wake = -1;
	MUST(pthread_mutex_init(&c->mu, NULL));
	steme_cond_init(&c->came_up);
	steme_fail(&c->why, STEME_ECONN, "not connected yet");
	err = copy_opts(c, o);
	for (unsigned i = 0; err == STEME_OK && i < c->nconns; i++)
		err = init_conn(c, &c->conns[i], STEME_MIN(SLOTS_MAX,
		    (c->o.max_inflight + c->nconns - 1) / c->nconns));
	if (err != STEME_OK) {
		steme_fail(why, err, "out of memory");
		goto out;
	}
	err = STEME_EIO;
	if ((c->ep = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    (c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, c->wake, &ev) < 0) {
		err = steme_err_from_errno(errno);
		steme_fail(why, err, "cannot make an event queue: %s",
		    strerror(errno));
		goto out;
	}
	if (pthread_create(&c->thread, NULL, steme_aclient_thread, c) != 0) {
		steme_fail(why, err, "cannot start a thread");
		goto out;
	}
	c->started = true;
	*out = c;
	c = NULL;
	err = STEME_OK;
out:
	steme_aclient_free(c);
	return err;
}

static void
wake(struct steme_aclient *c)
{
	uint64_t one = 1;
	ssize_t n = write(c->wake, &one, sizeof(one));

	/* Only a full counter can fail, and then the thread is woken already. */
	(void)n;
	atomic_fetch_add_explicit(&c->wakeups, 1, memory_order_relaxed);
}

void
steme_aclient_stop(struct steme_aclient *c)
{
	if (c == NULL || !c->started)
		return;
	c->started = false;
	atomic_store(&c->stop, true);
	wake(c);
	MUST(pthread_join(c->thread, NULL));
}

void
steme_aclient_free(struct steme_aclient *c)
{
	if (c == NULL)
		return;
	steme_aclient_stop(c);
	for (unsigned i = 0; i < c->nconns; i++) {
		struct aconn *cn = &c->conns[i];

		if (cn->c == NULL)
			continue;
		steme_buf_fini(&cn->out);
		steme_buf_fini(&cn->tx);
		steme_buf_fini(&cn->in);
		free(cn->slots);
		MUST(pthread_mutex_destroy(&cn->mu));
		MUST(pthread_cond_destroy(&cn->idle));
	}
	if (c->ep >= 0)
		close(c->ep);
	if (c->wake >= 0)
		close(c->wake);
	MUST(pthread_mutex_destroy(&c->mu));
	MUST(pthread_cond_destroy(&c->came_up));
	free((char *)c->o.path);
	free((char *)c->o.program);
	free(c);
}

bool
steme_aclient_up(const struct steme_aclient *c)
{
	return atomic_load_explicit(&c->up, memory_order_acquire) > 0;
}

int
steme_aclient_wait_up(struct steme_aclient *c, int timeout_ms,
    struct steme_why *why)
{
	int64_t until = (steme_mono_ms() + timeout_ms) * 1000;
	int err = STEME_OK;

	MUST(pthread_mutex_lock(&c->mu));
	while (!steme_aclient_up(c) && err == STEME_OK)
		if (!steme_cond_wait_until(&c->came_up, &c->mu, until))
			err = STEME_ETIMEOUT;
	if (err != STEME_OK && steme_aclient_up(c))
		err = STEME_OK;
	if (err != STEME_OK && why != NULL)
		*why = c->why;
	MUST(pthread_mutex_unlock(&c->mu));
	return err;
}

/* ---- sending ---- */

/* Sends cn->tx without the lock.  False: the socket takes no more now, or is broken. */
static bool
push(struct aconn *cn, int fd)
{
	while (cn->tx_sent < cn->tx.len) {
		ssize_t n = send(fd, cn->tx.data + cn->tx_sent,
		    cn->tx.len - cn->tx_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		atomic_fetch_add_explicit(&cn->c->writes, 1, memory_order_relaxed);
		if (n > 0) {
			cn->tx_sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* A broken socket makes the thread's epoll report it. */
		if (errno != EAGAIN)
			shutdown(fd, SHUT_RDWR);
		return false;
	}
	return true;
}

void
steme_aconn_send_locked(struct aconn *cn)
{
	if (cn->sending || cn->blocked || cn->state == ACONN_DOWN)
		return;
	cn->sending = true;
	while (cn->state != ACONN_DOWN) {
		int fd = cn->fd;
		bool all;

		if (cn->tx_sent == cn->tx.len) {
			struct steme_buf t = cn->tx;

			if (cn->out.len == 0)
				break;
			cn->tx = cn->out;
			cn->out = t;
			steme_buf_clear(&cn->out);
			if (cn->out.cap > KEEP_MAX)
				steme_buf_fini(&cn->out);
			cn->tx_sent = 0;
		}
		cn->writable = false;
		MUST(pthread_mutex_unlock(&cn->mu));
		all = push(cn, fd);
		MUST(pthread_mutex_lock(&cn->mu));
		if (!all && !cn->writable) {
			cn->blocked = true;
			break;
		}
	}
	cn->sending = false;
	MUST(pthread_cond_broadcast(&cn->idle));
}

/* Frames lie in cn->out: send them now, or have the thread do it with others. */
static void
send_or_wake(struct aconn *cn, bool direct)
{
	struct steme_aclient *c = cn->c;

	if (direct)
		steme_aconn_send_locked(cn);
	MUST(pthread_mutex_unlock(&cn->mu));
	/*
	 * The thread sets asleep and then looks for gathered frames; we gathered and
	 * then look at asleep: one of both sees the other.
	 */
	if (!direct && atomic_exchange(&c->asleep, false))
		wake(c);
}

/* ---- requests ---- */

/* The connection with the least in flight; ties, and gathering, by thread. */
static struct aconn *
choose(struct steme_aclient *c, unsigned flags)
{
	static atomic_uint next;
	static _Thread_local unsigned mine;
	static _Thread_local bool gathering;
	struct aconn *best;
	bool stay = gathering;

	if (mine == 0)
		mine = atomic_fetch_add(&next, 1) + 1;
	best = &c->conns[mine % c->nconns];
	/* What ends a gathering goes where the rest of it went. */
	gathering = flags & STEME_SUBMIT_LATER;
	if (gathering || stay)
		return best;
	for (unsigned i = 0; i < c->nconns; i++)
		if (atomic_load_explicit(&c->conns[i].hint, memory_order_relaxed) <
		    atomic_load_explicit(&best->hint, memory_order_relaxed))
			best = &c->conns[i];
	return best;
}

static uint64_t
take_slot(struct aconn *cn, unsigned flags, unsigned deadline_ms,
    steme_aclient_done *done, void *arg)
{
	uint32_t i = cn->free;
	struct aslot *s = &cn->slots[i];

	cn->free = s->next_free;
	s->active = true;
	s->flags = (uint8_t)flags;
	s->deadline_ms = deadline_ms == 0 ? 0 :
	    steme_mono_ms() + deadline_ms;
	s->done = done;
	s->arg = arg;
	cn->inflight++;
	atomic_store_explicit(&cn->hint, cn->inflight, memory_order_relaxed);
	return s->gen << 16 | i;
}

void
steme_aconn_release_locked(struct aconn *cn, struct aslot *s)
{
	s->active = false;
	s->gen++;
	s->next_free = cn->free;
	cn->free = (uint32_t)(s - cn->slots);
	cn->inflight--;
	atomic_store_explicit(&cn->hint, cn->inflight, memory_order_relaxed);
}

/* STEME_OK: cn->mu is released.  Else it is still held and nothing was done. */
static int
submit_on(struct aconn *cn, enum steme_msg type, const void *payload, size_t len,
    unsigned flags, unsigned deadline_ms, steme_aclient_done *done, void *arg,
    uint64_t *ticket)
{
	struct steme_aclient *c = cn->c;
	uint64_t req;

	if (cn->state != ACONN_UP)
		return STEME_ECONN;
	if (cn->free == cn->nslots || cn->out.len + len > OUT_MAX)
		return STEME_EAGAIN;
	if (steme_buf_reserve(&cn->out, STEME_FRAME_HDR + len) == NULL) {
		cn->out.err = STEME_OK;
		return STEME_ENOMEM;
	}
	req = take_slot(cn, flags, deadline_ms, done, arg);
	steme_sock_header(&cn->out, len, type, req);
	steme_buf_put(&cn->out, payload, len);
	if (ticket != NULL)
		*ticket = (uint64_t)(cn - c->conns) << 60 | req;
	atomic_fetch_add_explicit(&c->submitted, 1, memory_order_relaxed);
	if (flags & STEME_SUBMIT_LATER)
		MUST(pthread_mutex_unlock(&cn->mu));
	else
		send_or_wake(cn, cn->inflight <= DIRECT_MAX);
	return STEME_OK;
}

int
steme_aclient_submit(struct steme_aclient *c, enum steme_msg type,
    const void *payload, size_t len, unsigned flags, unsigned deadline_ms,
    steme_aclient_done *done, void *arg, uint64_t *ticket)
{
	struct aconn *first = choose(c, flags);
	int err = STEME_ECONN;

	if (len > STEME_FRAME_MAX)
		return STEME_ETOOBIG;
	for (unsigned i = 0; i < c->nconns; i++) {
		struct aconn *cn = &c->conns[((unsigned)(first - c->conns) + i) %
		    c->nconns];
		int e;

		MUST(pthread_mutex_lock(&cn->mu));
		e = submit_on(cn, type, payload, len, flags, deadline_ms, done, arg,
		    ticket);
		if (e == STEME_OK)
			return e;
		MUST(pthread_mutex_unlock(&cn->mu));
		/* Full says more than not connected. */
		if (e != STEME_ECONN)
			err = e;
		flags &= ~(unsigned)STEME_SUBMIT_LATER;
	}
	/* somebody waits for the daemon: it may be there again */
	if (err == STEME_ECONN && !atomic_exchange(&c->wanted, true))
		wake(c);
	return err;
}

void
steme_aclient_flush(struct steme_aclient *c)
{
	for (unsigned i = 0; i < c->nconns; i++) {
		struct aconn *cn = &c->conns[i];

		MUST(pthread_mutex_lock(&cn->mu));
		if (cn->out.len > 0)
			steme_aconn_send_locked(cn);
		MUST(pthread_mutex_unlock(&cn->mu));
	}
}

void
steme_aclient_cancel(struct steme_aclient *c, uint64_t ticket)
{
	uint64_t req = ticket & ((UINT64_C(1) << 60) - 1);
	unsigned i = (unsigned)(ticket >> 60);
	struct aconn *cn;
	struct aslot *s;

	if (i >= c->nconns)
		return;
	cn = &c->conns[i];
	MUST(pthread_mutex_lock(&cn->mu));
	s = &cn->slots[(req & 0xffff) < cn->nslots ? req & 0xffff : 0];
	if (cn->state == ACONN_UP && s->active && s->gen == req >> 16) {
		steme_sock_header(&cn->out, 8, STEME_MSG_CANCEL, CANCEL_REQ);
		steme_msg_put_cancel(&cn->out, req);
		send_or_wake(cn, true);
	} else {
		MUST(pthread_mutex_unlock(&cn->mu));
	}
}

void
steme_aclient_stats(struct steme_aclient *c, struct steme_aclient_stats *out)
{
	*out = (struct steme_aclient_stats){
		.submitted = atomic_load(&c->submitted),
		.completed = atomic_load(&c->completed),
		.failed = atomic_load(&c->failed),
		.timeouts = atomic_load(&c->timeouts),
		.reconnects = atomic_load(&c->reconnects),
		.writes = atomic_load(&c->writes),
		.reads = atomic_load(&c->reads),
		.wakeups = atomic_load(&c->wakeups),
		.connections = atomic_load(&c->up),
	};
	for (unsigned i = 0; i < c->nconns; i++)
		out->inflight += atomic_load(&c->conns[i].hint);
}
