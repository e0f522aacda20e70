/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what the control socket can do, without the socket: one message in,
 * one or more reply frames out.  The daemon's ctl.c and tests call it.
 *
 * Writes complete when the store's done() comes.  A caller that reads many requests in
 * one turn hands each to steme_service_handle() and then calls steme_service_turn()
 * once: they share one sync, and a lone writer pays no change of threads.
 *
 * Long work never runs in the caller's thread: big puts, histories, prefix queries
 * go to a few workers; VERIFY, REBUILD, COMPACT to a thread each (one of a kind at a
 * time: STEME_EBUSY); LOG and WATCH to one feeder that reads the log by lsn and sends while
 * the asker has room, so it keeps nothing in memory.
 *
 * Threads: any.  No lock is held while a reply is made.
 */
#ifndef STEME_SERVICE_H
#define STEME_SERVICE_H

#include "core/keyring.h"
#include "core/metrics.h"
#include "core/msg.h"
#include "core/store.h"
#include "core/view.h"

#include <stdatomic.h>
#include <stdint.h>

/* Who asks. */
struct steme_caller {
	uid_t uid;
	pid_t pid;
	enum steme_role role;
};

struct steme_service_opts {
	/* All borrowed, and longer-lived than the service. */
	struct steme_store *store;
	struct steme_views *views;
	struct steme_keyring *keyring;	/* NULL: ASSERT, PROFILE and KEYS are refused */
	struct steme_metrics *metrics;	/* NULL: none; else families are added to it */
	const struct steme_clock *clock;	/* NULL: steme_clock_system */
	const char *node_name;		/* [node] name */
	const char *changes_path;	/* told to clients; "" if private */
	const char *version;		/* "0.1.0" */
	unsigned workers;		/* 0: 2 */
	uint64_t wal_failures_before;	/* of the log, of earlier processes: for metrics */
	/* Appends members to STATUS: `,"mount":{...}`.  May be NULL. */
	void (*status)(void *arg, struct steme_buf *b);
	/* STOP: begin to end the process; the answer has been made.  May be NULL. */
	void (*stop)(void *arg);
	void *arg;
};

struct steme_service;
int steme_service_new(struct steme_service **out, const struct steme_service_opts *o);
/*
 * Refuses new work, cancels streams and long work, and waits until every request
 * it was handed has ended.  NULL is allowed.
 */
void steme_service_free(struct steme_service *s);

/*
 * One request.  Belongs to the asker; payload and caller must stay valid until it ends:
 * with the reply that lacks STEME_F_MORE, after which the service does not touch it.
 */
struct steme_request {
	const struct steme_request_ops *ops;
	struct steme_caller caller;
	uint16_t type;
	uint64_t id;
	const uint8_t *payload;
	size_t len;
	atomic_bool gone;	/* set by the asker, who then calls
				   steme_service_kick(): answers are no longer wanted;
				   it still ends with a reply */
	struct steme_request *next;	/* the service's, while it has the request */
};
struct steme_request_ops {
	/*
	 * Queues one frame of the answer; p is copied.  flags: STEME_F_MORE, STEME_F_ERROR.
	 * Any thread, never blocks.
	 */
	void (*reply)(struct steme_request *r, unsigned flags, const void *p, size_t n);
	/*
	 * The last of the answer, of any length: bytes are taken over (b is empty
	 * afterwards) and cut into frames.
	 */
	void (*reply_buf)(struct steme_request *r, struct steme_buf *b);
	/*
	 * Bytes that may be queued now without harm.  0: none; then the asker calls
	 * steme_service_kick() when there is room again.
	 */
	size_t (*room)(struct steme_request *r);
};

/*
 * HELLO: decides version and role (the lower of what is wanted and max_role).
 * Writes the reply's payload to b.  STEME_EPROTO, STEME_EVERSION: an error's payload is
 * in b, and the connection is to be ended.
 */
int steme_service_hello(struct steme_service *s, const void *payload, size_t len,
    enum steme_role max_role, enum steme_role *granted, struct steme_buf *b);
/* Checks right and payload, and does it; r ends by a reply, perhaps before this returns. */
void steme_service_handle(struct steme_service *s, struct steme_request *r);
/* Call after a turn: commits what this thread's turn queued. */
void steme_service_turn(struct steme_service *s);
/* New records are visible (from the store's on_commit), or a request is gone: wakes
 * the feeder.  Cheap when nobody watches. */
void steme_service_kick(struct steme_service *s);

/* The answer to STATUS, appended to b: for doors without a request (the mount). */
int steme_service_status(struct steme_service *s, struct steme_buf *b);

#endif
