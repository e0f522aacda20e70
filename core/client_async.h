/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_async.h - the pipelined client of the control socket for programs that keep
 * many requests in flight (the sidecar): few connections, one thread of its own,
 * no thread per request.
 *
 * A submit while little is in flight writes to the socket itself (no thread is woken);
 * under load requests are gathered and go out with one write.  Answers are told by
 * the client's thread, many per wake-up.  It connects, and connects again after a
 * loss (10 ms, doubling to 1 s; sooner when something is submitted), by itself.
 *
 * Every request that submit accepted completes exactly once: with the answer, the
 * daemon's error, STEME_ETIMEOUT at its deadline, or STEME_ECONN when the connection is
 * lost or the client freed.  After STEME_ECONN or STEME_ETIMEOUT a write may be sent again
 * (content-addressed: at worst the answer is `exists`).
 *
 * Threads: any, callbacks included.  No lock is held while a callback runs; callbacks
 * must not block, for they hold up all others.
 */
#ifndef STEME_CLIENT_ASYNC_H
#define STEME_CLIENT_ASYNC_H

#include "core/msg.h"

struct steme_aclient;

struct steme_aclient_opts {
	const char *path;		/* of the socket; copied */
	enum steme_role role;		/* wanted; NONE: all that is granted */
	const char *program;		/* "stemedb-api 0.1.0"; copied */
	unsigned connections;		/* 0: 2 */
	unsigned max_inflight;		/* of all connections; 0: 8,192 */
	size_t max_answer;		/* joined; 0: 64 MiB */
	/*
	 * Told by the client's thread when the first connection came up (welcome
	 * set, valid during the call; boot tells whether the daemon is a new one) and when the
	 * last went down (NULL).  May be NULL.
	 */
	void (*state)(void *arg, const struct steme_msg_welcome *w);
	void *arg;
};

/*
 * Starts the client; the daemon need not be there.  STEME_ETOOBIG: path over 107 bytes.
 * steme_aclient_wait_up() waits for it.
 */
int steme_aclient_new(struct steme_aclient **out, const struct steme_aclient_opts *o,
    struct steme_why *why);
/*
 * Completes all that is outstanding with STEME_ECONN and ends the thread; what is submitted
 * later is refused (STEME_ECONN).  For programs whose other threads may still submit.
 * Not from a callback.  A second call does nothing.
 */
void steme_aclient_stop(struct steme_aclient *c);
/* steme_aclient_stop(), then frees.  Not from a
 * callback.  NULL is allowed. */
void steme_aclient_free(struct steme_aclient *c);
/* Is a connection up?  Any thread, one load. */
bool steme_aclient_up(const struct steme_aclient *c);
/* STEME_OK, or STEME_ETIMEOUT with the reason the last attempt failed. */
int steme_aclient_wait_up(struct steme_aclient *c, int timeout_ms,
    struct steme_why *why);

/* Live during the callback only. */
struct steme_reply {
	int err;			/* STEME_OK or as above */
	const char *why;		/* "" if STEME_OK */
	bool more;			/* STREAM: further calls follow */
	bool late;			/* STEME_ETIMEOUT: of deadline_ms, not the daemon's word */
	const uint8_t *data;
	size_t len;
};
typedef void steme_aclient_done(void *arg, const struct steme_reply *r);

enum {
	STEME_SUBMIT_STREAM = 1,	/* done is called for each frame, not once joined */
	STEME_SUBMIT_LATER = 2		/* more submits follow at once: gather; the last
					   one goes without this flag, or _flush() */
};

/*
 * Sends one request (payload is copied before this returns).  deadline_ms from now,
 * kept to about 100 ms; 0: none.  *ticket (may be NULL) is for steme_aclient_cancel().
 * STEME_OK: done will be called, perhaps before this returns.  Otherwise it is not:
 * STEME_ECONN (no connection), STEME_EAGAIN (max_inflight), STEME_ETOOBIG, STEME_ENOMEM.
 */
int steme_aclient_submit(struct steme_aclient *c, enum steme_msg type,
    const void *payload, size_t len, unsigned flags, unsigned deadline_ms,
    steme_aclient_done *done, void *arg, uint64_t *ticket);
void steme_aclient_flush(struct steme_aclient *c);
/*
 * Asks the daemon to end a request (a WATCH); it completes as any other, with
 * STEME_ECANCELED.  No effect if it is complete.
 */
void steme_aclient_cancel(struct steme_aclient *c, uint64_t ticket);

struct steme_aclient_stats {
	uint64_t submitted, completed, failed, timeouts, reconnects;
	uint64_t writes, reads, wakeups;	/* system calls made */
	unsigned inflight, connections;		/* now */
};
void steme_aclient_stats(struct steme_aclient *c, struct steme_aclient_stats *out);

#endif
