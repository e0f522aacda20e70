/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_end.c - how the control socket ends: nothing more is read, what is in hand is
 * answered, and clients read their answers.  Each for as long as it goes on, on a slow
 * machine, too.
 */
#include "config.h"
#include "fs/ctl_impl.h"

#include "core/log.h"
#include "core/util.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS		64
#define READING_MS	5000		/* in all, for clients to read what is left */
#define LOOK_MS		50

bool
steme_ctl_waited(struct ctl_patience *p, uint64_t left, int64_t now_ms)
{
	if (left != p->left) {
		p->left = left;
		p->since_ms = now_ms;
	}
	return left == 0 || now_ms - p->since_ms >= CTL_QUIET_MS;
}

/* ---- a thread's end ---- */

static uint64_t
owed(struct ctl_thread *t)
{
	uint64_t n = 0;

	for (struct ctl_conn *c = t->conns; c != NULL; c = c->next) {
		MUST(pthread_mutex_lock(&c->mu));
		n += c->dead ? 0 : steme_conn_owed_locked(c);
		MUST(pthread_mutex_unlock(&c->mu));
	}
	return n;
}

static void
on_event(struct ctl_conn *c, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR)) {
		steme_conn_close(c);
		return;
	}
	if (!(events & EPOLLOUT))
		return;
	MUST(pthread_mutex_lock(&c->mu));
	c->writable = true;
	MUST(pthread_mutex_unlock(&c->mu));
	steme_conn_flush(c);
}

/* Answers that the sockets did not take at once. */
static void
send_rest(struct ctl_thread *t)
{
	int64_t now = steme_ctl_now_ms(), until = now + READING_MS;
	struct ctl_patience p = CTL_PATIENT;
	struct epoll_event ev[EVENTS];

	/* a poke that nobody answers any more would wake us again and again */
	if (epoll_ctl(t->ep, EPOLL_CTL_DEL, t->wake, NULL) < 0)
		return;
	while (now < until && !steme_ctl_waited(&p, owed(t), now)) {
		int n = epoll_wait(t->ep, ev, EVENTS, LOOK_MS);

		for (int i = 0; i < n; i++)
			if (ev[i].data.ptr != NULL)
				on_event(ev[i].data.ptr, ev[i].events);
		now = steme_ctl_now_ms();
	}
}

void
steme_ctl_leave(struct ctl_thread *t)
{
	struct ctl_conn *c;

	MUST(pthread_mutex_lock(&t->mu));
	t->stopped = true;
	MUST(pthread_mutex_unlock(&t->mu));
	while ((c = t->remote) != NULL) {
		t->remote = c->next_remote;
		if (c->fresh)
			steme_conn_close(c);
		steme_conn_put(c);
	}
	while ((c = t->ready) != NULL) {
		t->ready = c->next_ready;
		steme_conn_put(c);
	}
	steme_ctl_flush_dirty(t);
	for (c = t->conns; c != NULL; c = c->next)
		steme_conn_flush(c);
	send_rest(t);
	while ((c = t->conns) != NULL)
		steme_conn_close(c);
}

/* ---- all of them ---- */

/* Requests in hand, and threads that may just be taking more. */
static uint64_t
left(struct steme_ctl *ctl)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ctl->nthreads; i++)
		n += ctl->threads[i].started && !atomic_load(&ctl->threads[i].quiet);
	return n + atomic_load(&ctl->inhand);
}

void
steme_ctl_end_threads(struct steme_ctl *ctl)
{
	const struct timespec ms = { 0, 1000000 };
	struct ctl_patience p = CTL_PATIENT;
	unsigned n;

	atomic_store(&ctl->draining, true);
	for (unsigned i = 0; i < ctl->nthreads; i++)
		if (ctl->threads[i].started)
			steme_ctl_poke(ctl->threads[i].wake);
	while (!steme_ctl_waited(&p, left(ctl), steme_ctl_now_ms()))
		nanosleep(&ms, NULL);
	if ((n = atomic_load(&ctl->inhand)) > 0)
		steme_log(STEME_WARN, "control socket: %u requests in hand go unanswered: "
		    "none was answered for %d s", n, CTL_QUIET_MS / 1000);
	atomic_store(&ctl->stop, true);
	for (unsigned i = 0; i < ctl->nthreads; i++) {
		struct ctl_thread *t = &ctl->threads[i];

		if (t->started) {
			steme_ctl_poke(t->wake);
			MUST(pthread_join(t->thread, NULL));
		}
		if (t->ep >= 0)
			close(t->ep);
		if (t->wake >= 0)
			close(t->wake);
	}
}
