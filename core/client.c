/* SPDX-License-Identifier: Apache-2.0 */
/* client.c - the blocking client: one connection, pipelined.  client_calls.c has the
 * calls by message. */
#include "config.h"
#include "core/client.h"
#include "core/client_sock.h"
#include "core/clock.h"
#include "core/util.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_AT		(256u << 10)	/* submit sends when this much is queued */
#define READ_CHUNK	(64u << 10)
#define JOIN_MAX	(256u << 20)

/* A frame that came while another was waited for. */
struct kept {
	struct kept *next;
	struct steme_frame f;
	uint8_t data[];
};

struct steme_client {
	int fd;
	int err;			/* sticky */
	struct steme_why why;		/* of err */
	int timeout_ms;
	uint64_t next_req;
	struct steme_buf out;
	size_t sent;			/* of out */
	struct steme_buf in;
	size_t pos;			/* of in: the next frame */
	struct kept *kept, **kept_end;
	struct kept *lent;		/* handed out; freed by the next call */
	struct steme_buf joined;
	struct steme_msg_welcome welcome;
	uint8_t *welcome_bytes;
};

static int
broken(struct steme_client *c, int err, const char *text)
{
	if (c->err == STEME_OK) {
		c->err = err;
		steme_fail(&c->why, err, "%s", text);
	}
	return c->err;
}

/* ---- bytes ---- */

/* What is there now; STEME_OK also if nothing was. */
static int
read_some(struct steme_client *c)
{
	uint8_t *p;
	ssize_t n;

	if (c->pos > 0 && (c->pos == c->in.len || c->pos > READ_CHUNK)) {
		c->in.len -= c->pos;
		memmove(c->in.data, c->in.data + c->pos, c->in.len);
		c->pos = 0;
	}
	p = steme_buf_reserve(&c->in, READ_CHUNK);
	if (p == NULL)
		return broken(c, STEME_ENOMEM, "out of memory");
	n = recv(c->fd, p, READ_CHUNK, MSG_DONTWAIT);
	if (n == 0)
		return broken(c, STEME_ECONN, "the daemon closed the connection");
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return STEME_OK;
		return broken(c, STEME_ECONN, "the connection to the daemon was lost");
	}
	c->in.len += (size_t)n;
	return STEME_OK;
}

/* Waits until the socket is ready for events; deadline < 0: for ever. */
static int
wait_for(struct steme_client *c, short events, int64_t deadline, short *got)
{
	struct pollfd p = { c->fd, events, 0 };
	int64_t left = -1;
	int n;

	do {
		if (deadline >= 0)
			left = STEME_MAX(deadline - steme_mono_ms(), 0);
		n = poll(&p, 1, (int)STEME_MIN(left, INT32_MAX));
	} while (n < 0 && errno == EINTR);
	*got = p.revents;
	return n > 0 ? STEME_OK : n == 0 ? STEME_ETIMEOUT :
	    broken(c, STEME_EIO, "poll failed");
}

static int64_t
deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : steme_mono_ms() + timeout_ms;
}

int
steme_client_flush(struct steme_client *c)
{
	int64_t deadline = deadline_of(c->timeout_ms);
	short got;
	ssize_t n;
	int err;

	while (c->err == STEME_OK && c->sent < c->out.len) {
		n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			c->sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return broken(c, STEME_ECONN,
			    "the connection to the daemon was lost");
		/* Read too: the daemon may be waiting for us to take answers. */
		err = wait_for(c, POLLIN | POLLOUT, deadline, &got);
		if (err == STEME_ETIMEOUT)
			return broken(c, err, "the daemon takes no requests");
		if (err == STEME_OK && (got & POLLIN))
			read_some(c);
	}
	if (c->err == STEME_OK) {
		steme_buf_clear(&c->out);
		c->sent = 0;
	}
	return c->err;
}

/* ---- frames ---- */

/* The next frame from the socket.  STEME_ETIMEOUT leaves the connection good. */
static int
next_frame(struct steme_client *c, int64_t deadline, struct steme_frame *f,
    const uint8_t **data)
{
	short got;
	int err;

	for (;;) {
		if (c->err != STEME_OK && c->err != STEME_ECONN)
			return c->err;
		/* What came before the end of the connection is still good. */
		err = steme_frame_next_reply(&c->in, &c->pos, f, data);
		if (err == STEME_EPROTO)
			return broken(c, err, "the daemon sent a malformed frame");
		if (err != STEME_EAGAIN)
			return err;
		if (c->err != STEME_OK)
			return c->err;
		if ((err = wait_for(c, POLLIN, deadline, &got)) != STEME_OK)
			return err;
		read_some(c);
	}
}

static int
keep(struct steme_client *c, const struct steme_frame *f, const uint8_t *data)
{
	struct kept *k = malloc(sizeof(*k) + f->len);

	if (k == NULL)
		return broken(c, STEME_ENOMEM, "out of memory");
	k->next = NULL;
	k->f = *f;
	memcpy(k->data, data, f->len);
	*c->kept_end = k;
	c->kept_end = &k->next;
	return STEME_OK;
}

/* Takes the first kept frame (of req, unless any). */
static struct kept *
take_kept(struct steme_client *c, bool any, uint64_t req)
{
	for (struct kept **p = &c->kept; *p != NULL; p = &(*p)->next) {
		struct kept *k = *p;

		if (!any && k->f.req != req)
			continue;
		*p = k->next;
		if (*p == NULL)
			c->kept_end = p;
		return k;
	}
	return NULL;
}

static void
give_back(struct steme_client *c)
{
	free(c->lent);
	c->lent = NULL;
}

static void
make_answer(struct steme_answer *a, const struct steme_frame *f, const uint8_t *data)
{
	a->req = f->req;
	a->type = f->type;
	a->more = f->flags & STEME_F_MORE;
	a->err = STEME_OK;
	a->data = data;
	a->len = f->len;
	a->why.text[0] = '\0';
	if (f->flags & STEME_F_ERROR) {
		a->err = steme_msg_get_error(&a->why, data, f->len);
		a->more = false;
		a->data = NULL;
		a->len = 0;
	}
}

/* The next frame of req (or of any), kept ones first. */
static int
next_of(struct steme_client *c, bool any, uint64_t req, int64_t deadline,
    struct steme_answer *a)
{
	struct steme_frame f;
	const uint8_t *data = NULL;
	int err;

	give_back(c);
	if ((c->lent = take_kept(c, any, req)) != NULL) {
		make_answer(a, &c->lent->f, c->lent->data);
		return STEME_OK;
	}
	for (;;) {
		if ((err = next_frame(c, deadline, &f, &data)) != STEME_OK)
			return err;
		if (any || f.req == req)
			break;
		if ((err = keep(c, &f, data)) != STEME_OK)
			return err;
	}
	make_answer(a, &f, data);
	return STEME_OK;
}

/* ---- requests ---- */

int
steme_client_submit(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, uint64_t *req)
{
	if (c->err != STEME_OK)
		return c->err;
	if (len > STEME_FRAME_MAX)
		return STEME_ETOOBIG;
	*req = c->next_req++;
	steme_sock_header(&c->out, len, type, *req);
	steme_buf_put(&c->out, payload, len);
	if (steme_buf_err(&c->out) != STEME_OK)
		return broken(c, STEME_ENOMEM, "out of memory");
	return c->out.len >= SEND_AT ? steme_client_flush(c) : STEME_OK;
}

/*
 * A failed send must not hide answers that came before it: a daemon that refuses a
 * connection says why, then closes.
 */
static int
flush_unless_readable(struct steme_client *c)
{
	int err = steme_client_flush(c);

	if (err == STEME_ECONN)
		while (read_some(c) == STEME_OK)
			;
	return err == STEME_ECONN ? STEME_OK : err;
}

int
steme_client_wait(struct steme_client *c, uint64_t req, struct steme_answer *a)
{
	int err = flush_unless_readable(c);
	bool first = true;

	steme_buf_clear(&c->joined);
	while (err == STEME_OK) {
		err = next_of(c, false, req, deadline_of(c->timeout_ms), a);
		if (err == STEME_ETIMEOUT)
			broken(c, err, "the daemon did not answer in time");
		if (err != STEME_OK || a->err != STEME_OK || (first && !a->more))
			break;
		first = false;
		steme_buf_put(&c->joined, a->data, a->len);
		if (c->joined.len > JOIN_MAX)
			return broken(c, STEME_ETOOBIG, "the answer is too long");
		if (steme_buf_err(&c->joined) != STEME_OK)
			return broken(c, STEME_ENOMEM, "out of memory");
		if (!a->more) {
			a->data = c->joined.data;
			a->len = c->joined.len;
			break;
		}
	}
	return err;
}

int
steme_client_next(struct steme_client *c, int timeout_ms, struct steme_answer *a)
{
	int err = flush_unless_readable(c);

	return err != STEME_OK ? err :
	    next_of(c, true, 0, deadline_of(timeout_ms), a);
}

int
steme_client_cancel(struct steme_client *c, uint64_t req)
{
	struct steme_buf b = {0};
	uint64_t own;
	int err;

	steme_msg_put_cancel(&b, req);
	err = steme_client_submit(c, STEME_MSG_CANCEL, b.data, b.len, &own);
	steme_buf_fini(&b);
	return err != STEME_OK ? err : steme_client_flush(c);
}

int
steme_client_fd(const struct steme_client *c)
{
	return c->fd;
}

void
steme_client_set_timeout(struct steme_client *c, int ms)
{
	c->timeout_ms = ms;
}

const struct steme_msg_welcome *
steme_client_welcome(const struct steme_client *c)
{
	return &c->welcome;
}

/* ---- calls ---- */

/* Work of unknown length: only the end of the connection ends the wait. */
static int
patience(const struct steme_client *c, enum steme_msg type)
{
	switch (type) {
	case STEME_MSG_WATCH:
	case STEME_MSG_VERIFY:
	case STEME_MSG_REBUILD:
	case STEME_MSG_COMPACT:
		return -1;
	default:
		return c->timeout_ms;
	}
}

/* The caller has seen enough: ends req and throws away what still comes for it. */
static void
abandon(struct steme_client *c, uint64_t req)
{
	struct steme_answer a;
	uint64_t cancel = c->next_req;
	bool ended = false, answered = false;

	if (steme_client_cancel(c, req) != STEME_OK)
		return;
	while (!ended || !answered) {
		uint64_t id = ended ? cancel : req;

		if (next_of(c, false, id, deadline_of(c->timeout_ms), &a) != STEME_OK) {
			broken(c, STEME_ETIMEOUT, "the daemon did not end a request");
			return;
		}
		if (!a.more && id == req)
			ended = true;
		else if (id == cancel)
			answered = true;
	}
}

static int
call(struct steme_client *c, enum steme_msg type, const void *payload, size_t len,
    steme_client_frame *frame, void *arg, struct steme_why *why)
{
	struct steme_answer a;
	uint64_t req;
	int err;

	if (len > STEME_FRAME_MAX)
		return steme_fail(why, STEME_ETOOBIG, "a request has at most %u bytes, "
		    "this one has %zu", STEME_FRAME_MAX, len);
	err = steme_client_submit(c, type, payload, len, &req);
	if (err == STEME_OK)
		err = flush_unless_readable(c);
	while (err == STEME_OK) {
		err = next_of(c, false, req, deadline_of(patience(c, type)), &a);
		if (err == STEME_ETIMEOUT)
			broken(c, err, "the daemon did not answer in time");
		if (err != STEME_OK)
			break;
		if (a.err != STEME_OK)
			return steme_fail(why, a.err, "%s", a.why.text);
		err = frame == NULL ? 0 : frame(arg, a.data, a.len);
		if (err != 0) {
			if (a.more)
				abandon(c, req);
			return err;
		}
		if (!a.more)
			return STEME_OK;
	}
	return steme_fail(why, err, "%s", c->err != STEME_OK ? c->why.text :
	    steme_strerror(err));
}

int
steme_client_call(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, steme_client_frame *frame, void *arg,
    struct steme_why *why)
{
	return call(c, type, payload, len, frame, arg, why);
}

static int
append_frame(void *arg, const uint8_t *data, size_t len)
{
	struct steme_buf *b = arg;

	steme_buf_put(b, data, len);
	return steme_buf_err(b);
}

int
steme_client_ask(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, struct steme_buf *out, struct steme_why *why)
{
	return call(c, type, payload, len, out == NULL ? NULL : append_frame, out,
	    why);
}

/* ---- life ---- */

static int
say_hello(struct steme_client *c, const char *path, enum steme_role role,
    struct steme_why *why)
{
	struct steme_answer a;
	int err;

	steme_sock_hello(&c->out, role, NULL);
	c->next_req = 1;
	if ((err = steme_client_wait(c, 0, &a)) != STEME_OK)
		return steme_fail(why, err == STEME_ETIMEOUT ? STEME_ECONN : err,
		    "the daemon at %s does not answer: %s", path,
		    c->err != STEME_OK ? c->why.text : steme_strerror(err));
	if (a.err != STEME_OK)
		return steme_fail(why, a.err, "the daemon at %s: %s", path,
		    a.why.text);
	/* The strings of welcome point into these bytes. */
	if ((c->welcome_bytes = malloc(a.len + 1)) == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	memcpy(c->welcome_bytes, a.data, a.len);
	err = steme_msg_get_welcome(&c->welcome, c->welcome_bytes, a.len);
	if (err != STEME_OK)
		return steme_fail(why, err, "the daemon at %s sent a malformed "
		    "greeting", path);
	return STEME_OK;
}

int
steme_client_open(struct steme_client **out, const char *path,
    enum steme_role role, struct steme_why *why)
{
	return steme_client_open_within(out, path, role, STEME_CLIENT_TIMEOUT_MS,
	    why);
}

int
steme_client_open_within(struct steme_client **out, const char *path,
    enum steme_role role, int timeout_ms, struct steme_why *why)
{
	struct steme_client *c = calloc(1, sizeof(*c));
	int err = STEME_ENOMEM, sys;

	*out = NULL;
	if (c == NULL) {
		steme_fail(why, err, "out of memory");
		goto out;
	}
	c->fd = -1;
	c->kept_end = &c->kept;
	c->timeout_ms = timeout_ms;
	if ((err = steme_sock_connect(&c->fd, path, &sys)) != STEME_OK) {
		err = steme_client_explain(path, sys, why);
		goto out;
	}
	if ((err = say_hello(c, path, role, why)) != STEME_OK)
		goto out;
	c->timeout_ms = STEME_CLIENT_TIMEOUT_MS;
	*out = c;
	c = NULL;
out:
	steme_client_close(c);
	return err;
}

void
steme_client_close(struct steme_client *c)
{
	struct kept *k;

	if (c == NULL)
		return;
	if (c->fd >= 0)
		close(c->fd);
	while ((k = c->kept) != NULL) {
		c->kept = k->next;
		free(k);
	}
	free(c->lent);
	free(c->welcome_bytes);
	steme_buf_fini(&c->out);
	steme_buf_fini(&c->in);
	steme_buf_fini(&c->joined);
	free(c);
}
