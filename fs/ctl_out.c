/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_out.c - answers: from any thread into a connection's buffer, out with few writes. */
#include "config.h"
#include "fs/ctl_impl.h"

#include "core/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BODY_CUT	(256u << 10)	/* a frame of a long answer */
#define COPY_MAX	(32u << 10)	/* answers up to this are copied */
#define KEEP_MAX	(256u << 10)	/* larger buffers are given back */

size_t
steme_conn_unread_locked(const struct ctl_conn *c)
{
	return c->out.len + c->tx.len - c->tx_sent;
}

size_t
steme_conn_owed_locked(const struct ctl_conn *c)
{
	size_t n = steme_conn_unread_locked(c);

	for (const struct ctl_body *b = c->bodies; b != NULL; b = b->next)
		n += b->b.len - b->off;
	return n;
}

bool
steme_conn_may_read_locked(const struct ctl_conn *c)
{
	return !c->dead && !c->ending && c->bodies == NULL &&
	    c->nreqs < c->t->ctl->o.max_inflight && c->held < CTL_HELD &&
	    steme_conn_unread_locked(c) < CTL_HIGH;
}

/* ---- frames ---- */

static void
append_locked(struct ctl_conn *c, uint64_t req, unsigned type, unsigned flags,
    const void *p, size_t n)
{
	struct steme_frame f = { (uint32_t)n, (uint16_t)type,
	    (uint16_t)(flags | STEME_F_REPLY), req };
	uint8_t h[STEME_FRAME_HDR];

	if (c->dead)
		return;
	if (steme_conn_unread_locked(c) == 0)
		c->progress_ms = steme_ctl_now_ms();
	steme_frame_encode(h, &f);
	steme_buf_put(&c->out, h, sizeof(h));
	steme_buf_put(&c->out, p, n);
	if (steme_buf_err(&c->out) == STEME_OK &&
	    steme_conn_unread_locked(c) <= c->t->ctl->o.max_unread)
		return;
	/* The owner sees the shutdown, and closes. */
	c->dead = true;
	shutdown(c->fd, SHUT_RDWR);
	atomic_fetch_add_explicit(&c->t->ctl->overflows, 1, memory_order_relaxed);
}

static void
drop_bodies(struct ctl_body **list)
{
	struct ctl_body *b;

	while ((b = *list) != NULL) {
		*list = b->next;
		steme_buf_fini(&b->b);
		free(b);
	}
}

/* The next frame of the first long answer.  True: that was its last. */
static bool
cut_body_locked(struct ctl_conn *c)
{
	struct ctl_body *b = c->bodies;
	size_t n = STEME_MIN(b->b.len - b->off, BODY_CUT);
	bool last = b->off + n == b->b.len;

	append_locked(c, b->req, b->type, last ? 0 : STEME_F_MORE, b->b.data + b->off,
	    n);
	b->off += n;
	if (!last)
		return false;
	if ((c->bodies = b->next) == NULL)
		c->bodies_end = &c->bodies;
	b->next = NULL;
	drop_bodies(&b);
	return true;
}

/* ---- the socket ---- */

/* Sends c->tx from at on, without the lock; returns how much went out. */
static size_t
push(struct ctl_conn *c, int fd, size_t at, bool *broken)
{
	size_t from = at;

	while (at < c->tx.len) {
		ssize_t n = send(fd, c->tx.data + at, c->tx.len - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		atomic_fetch_add_explicit(&c->t->ctl->writes, 1,
		    memory_order_relaxed);
		if (n > 0) {
			at += (size_t)n;
		} else if (errno != EINTR) {
			*broken = errno != EAGAIN;
			break;
		}
	}
	return at - from;
}

/* Moves the next bytes to tx.  False: there are none. */
static bool
refill_locked(struct ctl_conn *c)
{
	struct steme_buf t = c->tx;

	if (c->tx_sent < c->tx.len)
		return true;
	while (c->out.len == 0 && c->bodies != NULL && !c->dead)
		cut_body_locked(c);
	steme_buf_clear(&t);
	if (t.cap > KEEP_MAX)
		steme_buf_fini(&t);
	c->tx = c->out;
	c->out = t;
	c->tx_sent = 0;
	return c->tx.len > 0;
}

/* What the end of a flush has to tell, once the lock is released. */
struct after {
	bool owner, kick;
};

static struct after
look_locked(struct ctl_conn *c)
{
	struct after a = { false, false };

	if (c->starved && c->bodies == NULL &&
	    steme_conn_unread_locked(c) < CTL_STREAM_HIGH) {
		c->starved = false;
		a.kick = true;
	}
	if (c->paused && steme_conn_may_read_locked(c)) {
		c->paused = false;
		a.owner = true;
	}
	if (c->eof && c->nreqs == 0)
		c->ending = true;
	if (c->ending && c->bodies == NULL && steme_conn_unread_locked(c) == 0)
		a.owner = true;
	return a;
}

static void
tell(struct ctl_conn *c, struct after a)
{
	if (a.kick)
		steme_service_kick(c->t->ctl->o.service);
	if (a.owner)
		steme_conn_call_owner(c);
}

void
steme_conn_flush(struct ctl_conn *c)
{
	struct after a;

	MUST(pthread_mutex_lock(&c->mu));
	if (c->flushing || (c->blocked && !c->writable)) {
		MUST(pthread_mutex_unlock(&c->mu));
		return;
	}
	c->flushing = true;
	c->blocked = false;
	while (!c->dead && refill_locked(c)) {
		size_t at = c->tx_sent, n;
		bool broken = false;
		int fd = c->fd;

		c->writable = false;
		MUST(pthread_mutex_unlock(&c->mu));
		n = push(c, fd, at, &broken);
		MUST(pthread_mutex_lock(&c->mu));
		c->tx_sent += n;
		if (n > 0)
			c->progress_ms = steme_ctl_now_ms();
		if (broken) {
			c->dead = true;
			shutdown(fd, SHUT_RDWR);
		} else if (c->tx_sent < c->tx.len && !c->writable) {
			c->blocked = true;
			break;
		}
	}
	c->flushing = false;
	MUST(pthread_cond_broadcast(&c->idle));
	a = look_locked(c);
	MUST(pthread_mutex_unlock(&c->mu));
	tell(c, a);
}

/* ---- what the service calls ---- */

static void
unlink_locked(struct ctl_conn *c, struct ctl_req *q)
{
	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		c->reqs = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	c->nreqs--;
	c->held -= q->r.len;
}

static void
end_request(struct ctl_req *q)
{
	struct ctl_conn *c = q->c;

	if (steme_ctl_waits_for(q->r.type))
		atomic_fetch_sub(&c->t->ctl->inhand, 1);
	steme_slab_put(q->slab);
	free(q);
	steme_conn_mark_dirty(c);
	steme_conn_put(c);
}

static void
reply(struct steme_request *r, unsigned flags, const void *p, size_t n)
{
	struct ctl_req *q = (struct ctl_req *)r;
	struct ctl_conn *c = q->c;
	bool last = !(flags & STEME_F_MORE);

	MUST(pthread_mutex_lock(&c->mu));
	append_locked(c, r->id, r->type, flags, p, n);
	if (last)
		unlink_locked(c, q);
	MUST(pthread_mutex_unlock(&c->mu));
	if (last)
		end_request(q);
	else
		steme_conn_mark_dirty(c);
}

static void
reply_buf(struct steme_request *r, struct steme_buf *b)
{
	struct ctl_req *q = (struct ctl_req *)r;
	struct ctl_conn *c = q->c;
	struct ctl_body *body = NULL;

	if (b->len <= COPY_MAX) {
		reply(r, 0, b->data, b->len);
		steme_buf_fini(b);
		return;
	}
	body = calloc(1, sizeof(*body));
	MUST(pthread_mutex_lock(&c->mu));
	if (body != NULL && !c->dead) {
		body->req = r->id;
		body->type = r->type;
		body->b = *b;
		memset(b, 0, sizeof(*b));
		*c->bodies_end = body;
		c->bodies_end = &body->next;
		body = NULL;
	} else if (!c->dead) {
		/* No memory for the answer: the connection's end is the answer. */
		c->dead = true;
		shutdown(c->fd, SHUT_RDWR);
	}
	unlink_locked(c, q);
	MUST(pthread_mutex_unlock(&c->mu));
	free(body);
	steme_buf_fini(b);
	end_request(q);
}

static size_t
room(struct steme_request *r)
{
	struct ctl_conn *c = ((struct ctl_req *)r)->c;
	size_t n = 0, unread;

	MUST(pthread_mutex_lock(&c->mu));
	unread = steme_conn_unread_locked(c);
	if (c->bodies == NULL && unread < CTL_STREAM_HIGH)
		n = CTL_STREAM_HIGH - unread;
	else
		c->starved = true;
	MUST(pthread_mutex_unlock(&c->mu));
	return n;
}

const struct steme_request_ops steme_conn_ops = { reply, reply_buf, room };

void
steme_conn_answer(struct ctl_conn *c, const struct steme_frame *f, unsigned flags,
    const void *p, size_t n)
{
	MUST(pthread_mutex_lock(&c->mu));
	append_locked(c, f->req, f->type, flags, p, n);
	MUST(pthread_mutex_unlock(&c->mu));
	steme_conn_mark_dirty(c);
}
