/* SPDX-License-Identifier: Apache-2.0 */
/* ctl.c - accepting, and the threads that own connections. */
#include "config.h"
#include "fs/ctl_impl.h"

#include "core/log.h"
#include "core/util.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS		64
#define TICK_MS		1000

_Thread_local struct ctl_thread *steme_ctl_self;

int64_t
steme_ctl_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- between threads ---- */

void
steme_ctl_poke(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* Only a full counter can fail, and then it was poked already. */
	(void)n;
}

void
steme_conn_call_owner(struct ctl_conn *c)
{
	struct ctl_thread *t = c->t;
	bool was;

	MUST(pthread_mutex_lock(&t->mu));
	was = c->remote || t->stopped;
	if (!was) {
		steme_conn_hold(c);
		c->remote = true;
		c->next_remote = t->remote;
		t->remote = c;
	}
	MUST(pthread_mutex_unlock(&t->mu));
	/* The owner says that it sleeps, and then looks at the list. */
	if (!was && t != steme_ctl_self && atomic_exchange(&t->asleep, false))
		steme_ctl_poke(t->wake);
}

void
steme_conn_mark_dirty(struct ctl_conn *c)
{
	struct ctl_thread *t = steme_ctl_self;
	bool was;

	if (t == NULL || t->ctl != c->t->ctl) {
		steme_conn_call_owner(c);
		return;
	}
	MUST(pthread_mutex_lock(&c->mu));
	was = c->dirty;
	c->dirty = true;
	MUST(pthread_mutex_unlock(&c->mu));
	if (was)
		return;
	if (t->ndirty == t->dirty_cap) {
		size_t cap = t->dirty_cap * 2 + 64;
		void *p = realloc(t->dirty, cap * sizeof(*t->dirty));

		if (p == NULL) {
			MUST(pthread_mutex_lock(&c->mu));
			c->dirty = false;
			MUST(pthread_mutex_unlock(&c->mu));
			steme_conn_call_owner(c);
			return;
		}
		t->dirty = p;
		t->dirty_cap = cap;
	}
	steme_conn_hold(c);
	t->dirty[t->ndirty++] = c;
}

/* Sends all that this turn has made, one write a connection. */
void
steme_ctl_flush_dirty(struct ctl_thread *t)
{
	for (size_t i = 0; i < t->ndirty; i++) {
		struct ctl_conn *c = t->dirty[i];

		MUST(pthread_mutex_lock(&c->mu));
		c->dirty = false;
		MUST(pthread_mutex_unlock(&c->mu));
		steme_conn_flush(c);
		if (c->t == t)
			steme_conn_settle(c);
		steme_conn_put(c);
	}
	t->ndirty = 0;
}

/* ---- a thread's turn ---- */

static void
make_ready(struct ctl_conn *c)
{
	struct ctl_thread *t = c->t;

	if (c->queued)
		return;
	c->queued = true;
	steme_conn_hold(c);
	c->next_ready = NULL;
	*t->ready_end = c;
	t->ready_end = &c->next_ready;
}

static void
adopt(struct ctl_thread *t, struct ctl_conn *c)
{
	struct epoll_event ev = { .data.ptr = c,
	    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	c->fresh = false;
	c->listed = true;
	c->prev = NULL;
	if ((c->next = t->conns) != NULL)
		c->next->prev = c;
	t->conns = c;
	if (epoll_ctl(t->ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		steme_conn_close(c);
}

/* Connections that other threads want looked after, new ones among them. */
static void
take_remote(struct ctl_thread *t)
{
	struct ctl_conn *c, *next;

	MUST(pthread_mutex_lock(&t->mu));
	c = t->remote;
	t->remote = NULL;
	MUST(pthread_mutex_unlock(&t->mu));
	for (; c != NULL; c = next) {
		/*
		 * Until here a further call finds it listed, and is served by what
		 * follows; from here on it lists it anew.
		 */
		MUST(pthread_mutex_lock(&t->mu));
		next = c->next_remote;
		c->remote = false;
		MUST(pthread_mutex_unlock(&t->mu));
		if (c->fresh)
			adopt(t, c);
		steme_conn_flush(c);
		if (steme_conn_settle(c))
			make_ready(c);
		steme_conn_put(c);
	}
}

static void
read_ready(struct ctl_thread *t)
{
	struct ctl_conn *c = t->ready, *next;

	t->ready = NULL;
	t->ready_end = &t->ready;
	for (; c != NULL; c = next) {
		next = c->next_ready;
		c->queued = false;
		steme_conn_read(c);
		if (steme_conn_settle(c) && steme_conn_wants(c))
			make_ready(c);
		steme_conn_put(c);
	}
}

static void
on_event(struct ctl_conn *c, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR)) {
		steme_conn_close(c);
		return;
	}
	if (events & EPOLLOUT) {
		MUST(pthread_mutex_lock(&c->mu));
		c->writable = true;
		MUST(pthread_mutex_unlock(&c->mu));
		steme_conn_flush(c);
	}
	if (events & (EPOLLIN | EPOLLRDHUP))
		c->readable = true;
	if (steme_conn_settle(c) && c->readable)
		make_ready(c);
}

static void
tick(struct ctl_thread *t)
{
	int64_t now = steme_ctl_now_ms();
	struct ctl_conn *next;

	for (struct ctl_conn *c = t->conns; c != NULL; c = next) {
		next = c->next;
		steme_conn_tick(c, now);
	}
}

/* Waits for events, unless something is at hand. */
static int
wait_events(struct ctl_thread *t, struct epoll_event *ev, int timeout_ms)
{
	bool any = t->ready != NULL && !atomic_load(&t->ctl->draining);
	int n;

	atomic_store(&t->asleep, true);
	MUST(pthread_mutex_lock(&t->mu));
	any |= t->remote != NULL;
	MUST(pthread_mutex_unlock(&t->mu));
	n = epoll_wait(t->ep, ev, EVENTS, any ? 0 : timeout_ms);
	atomic_store(&t->asleep, false);
	return n;
}

static void *
thread_main(void *arg)
{
	struct ctl_thread *t = arg;
	struct epoll_event ev[EVENTS];
	unsigned period = STEME_MIN(TICK_MS, t->ctl->o.half_frame_ms / 4 + 1);
	int64_t next_tick = steme_ctl_now_ms() + period;
	uint64_t v;
	ssize_t got;

	steme_ctl_self = t;
	while (!atomic_load(&t->ctl->stop)) {
		int n = wait_events(t, ev, (int)period);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr != NULL)
				on_event(ev[i].data.ptr, ev[i].events);
			else if ((got = read(t->wake, &v, sizeof(v))) < 0)
				continue;	/* somebody's poke was seen already */
		}
		take_remote(t);
		if (atomic_load(&t->ctl->draining))
			atomic_store(&t->quiet, true);
		else
			read_ready(t);
		/* Answers that are there do not wait for the disk. */
		steme_ctl_flush_dirty(t);
		steme_service_turn(t->ctl->o.service);
		steme_ctl_flush_dirty(t);
		atomic_fetch_add_explicit(&t->ctl->turns, 1, memory_order_relaxed);
		if (steme_ctl_now_ms() >= next_tick) {
			tick(t);
			next_tick = steme_ctl_now_ms() + period;
		}
	}
	steme_ctl_leave(t);
	return NULL;
}

/* ---- accepting ---- */

static void
refuse(struct steme_ctl *ctl, int fd, int err, const char *text)
{
	struct steme_frame f = { .type = STEME_MSG_HELLO,
	    .flags = STEME_F_REPLY | STEME_F_ERROR };
	uint8_t h[STEME_FRAME_HDR];
	struct steme_buf b = {0}, p = {0};

	atomic_fetch_add_explicit(&ctl->refused, 1, memory_order_relaxed);
	if (ctl->m_refused != NULL)
		steme_add(ctl->m_refused, 1);
	steme_msg_put_error(&p, err, text);
	f.len = (uint32_t)p.len;
	steme_frame_encode(h, &f);
	steme_buf_put(&b, h, sizeof(h));
	steme_buf_put(&b, p.data, p.len);
	/* A courtesy: an empty socket takes these few bytes, or they are lost. */
	if (steme_buf_err(&b) == STEME_OK &&
	    send(fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		steme_log(STEME_DEBUG, "control socket: a refused client has gone");
	steme_buf_fini(&b);
	steme_buf_fini(&p);
	close(fd);
}

static struct ctl_thread *
least_loaded(struct steme_ctl *ctl)
{
	struct ctl_thread *best = &ctl->threads[0];

	for (unsigned i = 1; i < ctl->nthreads; i++)
		if (atomic_load(&ctl->threads[i].nconns) <
		    atomic_load(&best->nconns))
			best = &ctl->threads[i];
	return best;
}

static void
welcome(struct steme_ctl *ctl, int fd)
{
	unsigned n = atomic_load(&ctl->nconns), max = ctl->o.max_connections;
	struct steme_caller who;
	struct ctl_thread *t;
	struct ctl_conn *c;

	if (steme_peer_of(&ctl->peers, fd, &who) != STEME_OK) {
		refuse(ctl, fd, STEME_EIO, "cannot tell who is calling");
		return;
	}
	if (n >= max || (who.role < STEME_ROLE_WRITER && n >= max - max / 4)) {
		refuse(ctl, fd, STEME_ELIMIT, "too many connections: close some, or "
		    "send more requests over each");
		return;
	}
	t = least_loaded(ctl);
	if ((c = steme_conn_new(t, fd, &who)) == NULL) {
		refuse(ctl, fd, STEME_ENOMEM, "out of memory");
		return;
	}
	atomic_fetch_add(&t->nconns, 1);
	n = atomic_fetch_add(&ctl->nconns, 1) + 1;
	atomic_fetch_add_explicit(&ctl->accepted, 1, memory_order_relaxed);
	if (ctl->m_connections != NULL) {
		steme_set(ctl->m_connections, n);
		steme_add(ctl->m_accepted, 1);
	}
	steme_conn_call_owner(c);
}

static void *
acceptor_main(void *arg)
{
	struct steme_ctl *ctl = arg;
	struct pollfd p[2] = { { ctl->path.fd, POLLIN, 0 },
	    { ctl->stop_fd, POLLIN, 0 } };
	bool logged = false;

	for (;;) {
		int fd;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			poll(NULL, 0, 100);
		if (p[1].revents != 0)
			return NULL;
		while ((fd = accept4(ctl->path.fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
			welcome(ctl, fd);
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			continue;
		/* Out of descriptors: those who wait stay in the backlog. */
		if (!logged)
			steme_log(STEME_WARN, "control socket: cannot accept: %s",
			    strerror(errno));
		logged = true;
		poll(NULL, 0, 100);
	}
}

/* ---- life ---- */

static void
fill_in(struct steme_ctl *ctl, const struct steme_ctl_opts *o)
{
	ctl->o = *o;
	ctl->nthreads = o->threads == 0 ? 2 : STEME_MIN(o->threads, CTL_THREADS_MAX);
	if (o->max_connections == 0)
		ctl->o.max_connections = 1024;
	if (o->max_inflight == 0)
		ctl->o.max_inflight = 256;
	if (o->max_unread == 0)
		ctl->o.max_unread = 8u << 20;
	if (o->half_frame_ms == 0)
		ctl->o.half_frame_ms = 30000;
}

static void
init_thread(struct steme_ctl *ctl, struct ctl_thread *t)
{
	t->ctl = ctl;
	t->ep = t->wake = -1;
	t->ready_end = &t->ready;
	MUST(pthread_mutex_init(&t->mu, NULL));
}

static int
start_thread(struct ctl_thread *t)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if ((t->ep = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    (t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
	    epoll_ctl(t->ep, EPOLL_CTL_ADD, t->wake, &ev) < 0)
		return steme_err_from_errno(errno);
	if (pthread_create(&t->thread, NULL, thread_main, t) != 0)
		return STEME_EAGAIN;
	t->started = true;
	return STEME_OK;
}

static void
make_metrics(struct steme_ctl *ctl)
{
	struct steme_metrics *m = ctl->o.metrics;

	if (m == NULL)
		return;
	ctl->m_connections = steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_control_connections",
	    "Connections on the control socket", NULL));
	ctl->m_accepted = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_control_accepted_total",
	    "Connections accepted on the control socket", NULL));
	ctl->m_refused = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_control_refused_total",
	    "Connections refused on the control socket", NULL));
}

int
steme_ctl_open(struct steme_ctl **out, const struct steme_ctl_opts *o,
    struct steme_why *why)
{
	struct steme_ctl *ctl = calloc(1, sizeof(*ctl));
	int err = STEME_ENOMEM;

	*out = NULL;
	if (ctl == NULL)
		return steme_fail(why, err, "out of memory");
	atomic_init(&ctl->refs, 1);
	fill_in(ctl, o);
	ctl->path.fd = ctl->path.lock = ctl->stop_fd = -1;
	for (unsigned i = 0; i < ctl->nthreads; i++)
		init_thread(ctl, &ctl->threads[i]);
	steme_peers_init(&ctl->peers, o->owner, o->group);
	if ((err = steme_ctl_path_take(&ctl->path, o->path, why)) != STEME_OK)
		goto out;
	make_metrics(ctl);
	for (unsigned i = 0; i < ctl->nthreads; i++)
		if ((err = start_thread(&ctl->threads[i])) != STEME_OK) {
			steme_fail(why, err, "cannot start a thread of the control "
			    "socket: %s", steme_strerror(err));
			goto out;
		}
	if ((ctl->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
	    pthread_create(&ctl->acceptor, NULL, acceptor_main, ctl) != 0) {
		err = steme_fail(why, STEME_EAGAIN, "cannot start the acceptor of the "
		    "control socket");
		goto out;
	}
	ctl->accepting = true;
	*out = ctl;
	ctl = NULL;
	err = STEME_OK;
out:
	steme_ctl_close(ctl);
	return err;
}

void
steme_ctl_put(struct steme_ctl *ctl)
{
	if (atomic_fetch_sub(&ctl->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < ctl->nthreads; i++) {
		struct ctl_thread *t = &ctl->threads[i];

		MUST(pthread_mutex_destroy(&t->mu));
		free(t->dirty);
		steme_slab_put(t->spare);
	}
	free(ctl);
}

/*
 * Requests that outlive this (a VERIFY) hold their connection, and that holds ctl: the
 * last of them frees it.
 */
void
steme_ctl_close(struct steme_ctl *ctl)
{
	if (ctl == NULL)
		return;
	if (ctl->accepting) {
		steme_ctl_poke(ctl->stop_fd);
		MUST(pthread_join(ctl->acceptor, NULL));
	}
	steme_ctl_path_leave(&ctl->path);
	steme_ctl_end_threads(ctl);
	if (ctl->stop_fd >= 0)
		close(ctl->stop_fd);
	steme_ctl_put(ctl);
}

void
steme_ctl_stats(struct steme_ctl *ctl, struct steme_ctl_stats *out)
{
	*out = (struct steme_ctl_stats){
		.accepted = atomic_load(&ctl->accepted),
		.refused = atomic_load(&ctl->refused),
		.requests = atomic_load(&ctl->requests),
		.bad_frames = atomic_load(&ctl->bad_frames),
		.timeouts = atomic_load(&ctl->timeouts),
		.overflows = atomic_load(&ctl->overflows),
		.turns = atomic_load(&ctl->turns),
		.writes = atomic_load(&ctl->writes),
		.connections = atomic_load(&ctl->nconns),
	};
}
