/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_conn.c - one connection: greeting, requests in, end. */
#include "config.h"
#include "fs/ctl_impl.h"

#include "core/log.h"
#include "core/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_TURN	4		/* then others have their turn */

struct ctl_conn *
steme_conn_new(struct ctl_thread *t, int fd, const struct steme_caller *who)
{
	struct ctl_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->t = t;
	c->fresh = true;
	atomic_fetch_add(&t->ctl->refs, 1);
	atomic_init(&c->refs, 1);
	c->fd = fd;
	c->caller = *who;
	c->max_role = who->role;
	c->caller.role = STEME_ROLE_NONE;
	c->bodies_end = &c->bodies;
	c->since_ms = steme_ctl_now_ms();
	steme_frames_init(&c->frames, &t->spare);
	MUST(pthread_mutex_init(&c->mu, NULL));
	MUST(pthread_cond_init(&c->idle, NULL));
	return c;
}

void
steme_conn_hold(struct ctl_conn *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void
steme_conn_put(struct ctl_conn *c)
{
	struct steme_ctl *ctl = c->t->ctl;

	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	steme_buf_fini(&c->out);
	steme_buf_fini(&c->tx);
	MUST(pthread_mutex_destroy(&c->mu));
	MUST(pthread_cond_destroy(&c->idle));
	free(c);
	steme_ctl_put(ctl);
}

/* ---- the end ---- */

static void
drop_output_locked(struct ctl_conn *c)
{
	struct ctl_body *b;

	steme_buf_fini(&c->out);
	steme_buf_fini(&c->tx);
	c->tx_sent = 0;
	while ((b = c->bodies) != NULL) {
		c->bodies = b->next;
		steme_buf_fini(&b->b);
		free(b);
	}
	c->bodies_end = &c->bodies;
}

void
steme_conn_close(struct ctl_conn *c)
{
	struct ctl_thread *t = c->t;
	unsigned n;
	bool any;
	int fd;

	if (!c->listed && !c->fresh)
		return;
	MUST(pthread_mutex_lock(&c->mu));
	c->dead = true;
	while (c->flushing)
		MUST(pthread_cond_wait(&c->idle, &c->mu));
	fd = c->fd;
	c->fd = -1;
	drop_output_locked(c);
	any = c->reqs != NULL;
	for (struct ctl_req *q = c->reqs; q != NULL; q = q->next)
		atomic_store(&q->r.gone, true);
	MUST(pthread_mutex_unlock(&c->mu));
	close(fd);
	steme_frames_fini(&c->frames);
	if (any)
		steme_service_kick(t->ctl->o.service);
	if (c->listed) {
		if (c->prev != NULL)
			c->prev->next = c->next;
		else
			t->conns = c->next;
		if (c->next != NULL)
			c->next->prev = c->prev;
	}
	c->listed = c->fresh = false;
	atomic_fetch_sub(&t->nconns, 1);
	n = atomic_fetch_sub(&t->ctl->nconns, 1) - 1;
	if (t->ctl->m_connections != NULL)
		steme_set(t->ctl->m_connections, n);
	steme_conn_put(c);
}

bool
steme_conn_settle(struct ctl_conn *c)
{
	bool over;

	if (!c->listed)
		return false;
	MUST(pthread_mutex_lock(&c->mu));
	if (c->eof && c->nreqs == 0)
		c->ending = true;
	over = c->dead || (c->ending && c->bodies == NULL &&
	    steme_conn_unread_locked(c) == 0);
	MUST(pthread_mutex_unlock(&c->mu));
	if (over)
		steme_conn_close(c);
	return !over;
}

bool
steme_conn_wants(struct ctl_conn *c)
{
	bool wants;

	if (!c->readable)
		return false;
	MUST(pthread_mutex_lock(&c->mu));
	wants = !c->paused && !c->dead && !c->ending && !c->eof;
	MUST(pthread_mutex_unlock(&c->mu));
	return wants;
}

/* Says why under the frame's id, then ends the connection. */
static void
end_with(struct ctl_conn *c, const struct steme_frame *f, int err, const char *text)
{
	struct steme_buf b = {0};

	steme_msg_put_error(&b, err, text);
	steme_conn_answer(c, f, STEME_F_ERROR, b.data, b.len);
	steme_buf_fini(&b);
	MUST(pthread_mutex_lock(&c->mu));
	c->ending = true;
	MUST(pthread_mutex_unlock(&c->mu));
}

/* ---- requests ---- */

static void
hello(struct ctl_conn *c, const struct steme_frame *f, const uint8_t *payload)
{
	struct steme_buf b = {0};
	int err;

	if (f->type != STEME_MSG_HELLO) {
		end_with(c, f, STEME_EPROTO, "the first message must be HELLO");
		return;
	}
	err = steme_service_hello(c->t->ctl->o.service, payload, f->len, c->max_role,
	    &c->caller.role, &b);
	if (err == STEME_OK) {
		c->greeted = true;
		steme_conn_answer(c, f, 0, b.data, b.len);
	} else {
		steme_conn_answer(c, f, STEME_F_ERROR, b.data, b.len);
		MUST(pthread_mutex_lock(&c->mu));
		c->ending = true;
		MUST(pthread_mutex_unlock(&c->mu));
	}
	steme_buf_fini(&b);
}

static void
cancel(struct ctl_conn *c, const struct steme_frame *f, const uint8_t *payload)
{
	struct steme_buf b = {0};
	uint8_t found = 0;
	uint64_t req;

	if (steme_msg_get_cancel(&req, payload, f->len) != STEME_OK) {
		steme_msg_put_error(&b, STEME_EPROTO, "malformed CANCEL");
		steme_conn_answer(c, f, STEME_F_ERROR, b.data, b.len);
		steme_buf_fini(&b);
		return;
	}
	MUST(pthread_mutex_lock(&c->mu));
	for (struct ctl_req *q = c->reqs; q != NULL; q = q->next)
		if (q->r.id == req) {
			atomic_store(&q->r.gone, true);
			found = 1;
		}
	MUST(pthread_mutex_unlock(&c->mu));
	steme_conn_answer(c, f, 0, &found, 1);
	if (found)
		steme_service_kick(c->t->ctl->o.service);
}

static void
request(struct ctl_conn *c, const struct steme_frame *f, const uint8_t *payload)
{
	bool small = f->len <= CTL_SMALL;
	struct ctl_req *q = malloc(sizeof(*q) + (small ? f->len : 0));

	if (q == NULL) {
		end_with(c, f, STEME_ENOMEM, "out of memory");
		return;
	}
	memset(q, 0, sizeof(*q));
	q->r.ops = &steme_conn_ops;
	q->r.caller = c->caller;
	q->r.type = f->type;
	q->r.id = f->req;
	q->r.len = f->len;
	if (small) {
		memcpy(q->small, payload, f->len);
		q->r.payload = q->small;
	} else {
		q->r.payload = payload;
		q->slab = c->frames.slab;
		steme_slab_hold(q->slab);
	}
	q->c = c;
	steme_conn_hold(c);
	if (steme_ctl_waits_for(f->type))
		atomic_fetch_add(&c->t->ctl->inhand, 1);
	MUST(pthread_mutex_lock(&c->mu));
	q->next = c->reqs;
	if (c->reqs != NULL)
		c->reqs->prev = q;
	c->reqs = q;
	c->nreqs++;
	c->held += f->len;
	MUST(pthread_mutex_unlock(&c->mu));
	steme_service_handle(c->t->ctl->o.service, &q->r);
}

static void
bad_frame(struct ctl_conn *c, struct steme_frame *f, int err)
{
	char text[96];

	atomic_fetch_add_explicit(&c->t->ctl->bad_frames, 1, memory_order_relaxed);
	if (err == STEME_ETOOBIG)
		snprintf(text, sizeof(text), "a payload of %u bytes is over the limit "
		    "of %u", f->len, STEME_FRAME_MAX);
	else
		snprintf(text, sizeof(text), "malformed frame: flags %#x", f->flags);
	end_with(c, f, err, text);
}

/* Pauses c if it has enough in hand.  True: do not read or handle more. */
static bool
hold_back(struct ctl_conn *c)
{
	bool may;

	MUST(pthread_mutex_lock(&c->mu));
	may = steme_conn_may_read_locked(c);
	c->paused = !may;
	MUST(pthread_mutex_unlock(&c->mu));
	return !may;
}

/* Handles the whole frames at hand.  False: paused, or the connection ends. */
static bool
handle_frames(struct ctl_conn *c)
{
	const uint8_t *payload = NULL;
	struct steme_frame f;
	int err;

	while (!hold_back(c)) {
		err = steme_frames_next(&c->frames, &f, &payload);
		if (err == STEME_EAGAIN) {
			bool waits = steme_frames_pending(&c->frames) > 0;

			if (!waits && c->greeted)
				c->since_ms = 0;
			else if (c->since_ms == 0)
				c->since_ms = steme_ctl_now_ms();
			return true;
		}
		if (err != STEME_OK) {
			bad_frame(c, &f, err);
			return false;
		}
		c->since_ms = 0;
		atomic_fetch_add_explicit(&c->t->ctl->requests, 1,
		    memory_order_relaxed);
		if (!c->greeted)
			hello(c, &f, payload);
		else if (f.type == STEME_MSG_CANCEL)
			cancel(c, &f, payload);
		else
			request(c, &f, payload);
	}
	/* What waits because of us is not late. */
	c->since_ms = 0;
	return false;
}

/* True: there may be more to read. */
static bool
read_once(struct ctl_conn *c)
{
	size_t room;
	uint8_t *p = steme_frames_space(&c->frames, &room);
	ssize_t n;

	if (p == NULL) {
		steme_conn_close(c);
		return false;
	}
	n = recv(c->fd, p, room, MSG_DONTWAIT);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		c->readable = false;
		return false;
	}
	if (n < 0) {
		steme_conn_close(c);
		return false;
	}
	if (n == 0) {
		/* It sends no more, but may still read what it asked for. */
		MUST(pthread_mutex_lock(&c->mu));
		c->eof = true;
		MUST(pthread_mutex_unlock(&c->mu));
		c->readable = false;
		return false;
	}
	steme_frames_got(&c->frames, (size_t)n);
	if (!handle_frames(c))
		return false;
	/* A short read has emptied the socket; epoll tells when more comes. */
	if ((size_t)n < room)
		c->readable = false;
	return c->readable;
}

void
steme_conn_read(struct ctl_conn *c)
{
	if (!c->listed)
		return;
	/* Frames that were held back while the connection was paused. */
	if (steme_frames_pending(&c->frames) > 0 && !handle_frames(c))
		return;
	for (int i = 0; i < READS_A_TURN && c->readable; i++)
		if (!read_once(c))
			return;
}

/* ---- deadlines ---- */

void
steme_conn_tick(struct ctl_conn *c, int64_t now)
{
	struct steme_ctl *ctl = c->t->ctl;
	bool stalled;

	MUST(pthread_mutex_lock(&c->mu));
	stalled = (c->bodies != NULL || steme_conn_unread_locked(c) >= CTL_HIGH ||
	    c->ending) && now - c->progress_ms > CTL_STALL_MS;
	MUST(pthread_mutex_unlock(&c->mu));
	if (!stalled && (c->since_ms == 0 || now - c->since_ms <=
	    (int64_t)ctl->o.half_frame_ms))
		return;
	atomic_fetch_add_explicit(&ctl->timeouts, 1, memory_order_relaxed);
	steme_log(STEME_DEBUG, "control socket: user %u (pid %ld) %s: connection ended",
	    (unsigned)c->caller.uid, (long)c->caller.pid, stalled ?
	    "does not read its answers" : "did not finish a frame in time");
	steme_conn_close(c);
}
