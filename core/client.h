/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the blocking client of the control socket, for commands and tests.
 * doc/wire-protocol.md is the protocol; client_async.h serves event-driven programs.
 *
 * One connection, any number of requests in flight: steme_client_submit() many,
 * then steme_client_wait() for each by its id, or steme_client_next() as they come.
 * What comes for others meanwhile is kept until it is asked for.  The client reads
 * while it writes, so a long pipeline cannot lock up.
 *
 * Retry: objects are content-addressed, so a write whose answer was lost may be sent
 * again; the second answer is `exists`.  A connection that failed stays failed
 * (STEME_ECONN): close it and open another.
 *
 * Threads: one at a time.  SIGPIPE is never raised.
 */
#ifndef STEME_CLIENT_H
#define STEME_CLIENT_H

#include "core/buf.h"
#include "core/msg.h"

struct steme_client;

#define STEME_CLIENT_TIMEOUT_MS	30000

/*
 * Connects to the socket at path and says HELLO.  role: wanted; the daemon may grant
 * less (steme_client_welcome()); STEME_ROLE_NONE: all that it would grant.
 * STEME_ECONN: why names the socket, says whether a daemon lives, and has the command that
 * starts it.  STEME_EVERSION: both versions are named.
 */
int steme_client_open(struct steme_client **out, const char *path,
    enum steme_role role, struct steme_why *why);
/* The same; the daemon must greet within timeout_ms (for those who only look). */
int steme_client_open_within(struct steme_client **out, const char *path,
    enum steme_role role, int timeout_ms, struct steme_why *why);
/* NULL is allowed.  What is in flight is forgotten. */
void steme_client_close(struct steme_client *c);
/* What the daemon said on connecting; valid until close. */
const struct steme_msg_welcome *steme_client_welcome(const struct steme_client *c);
/*
 * The longest wait for a single frame; default STEME_CLIENT_TIMEOUT_MS; -1: for ever.
 * A request that passes it is STEME_ETIMEOUT, and the connection is no longer used.
 */
void steme_client_set_timeout(struct steme_client *c, int ms);

/* ---- pipelined ---- */

/* An answer; the bytes belong to the client until its next call. */
struct steme_answer {
	uint64_t req;
	uint16_t type;
	bool more;		/* a further frame of this answer follows */
	int err;		/* the daemon's, or STEME_OK */
	const uint8_t *data;	/* payload; of an error: none */
	size_t len;
	struct steme_why why;	/* of an error: its sentence */
};

/* Queues one request (payload is copied) and sends when enough is queued. */
int steme_client_submit(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, uint64_t *req);
/* Sends all that is queued. */
int steme_client_flush(struct steme_client *c);
/*
 * The whole answer to req (MORE frames joined, at most 256 MiB).  Flushes first.
 * Returns STEME_OK when there is an answer, also one that is an error (a->err).
 */
int steme_client_wait(struct steme_client *c, uint64_t req, struct steme_answer *a);
/*
 * The next frame of any request.  Flushes first.  timeout_ms -1: for ever.
 * STEME_ETIMEOUT: none came (the connection is still good).
 */
int steme_client_next(struct steme_client *c, int timeout_ms, struct steme_answer *a);
/* Tells the daemon to end req (WATCH, LOG, VERIFY); its last frame says STEME_ECANCELED. */
int steme_client_cancel(struct steme_client *c, uint64_t req);
/* For poll(2) in a caller that also waits for other things. */
int steme_client_fd(const struct steme_client *c);

/* ---- one call at a time ---- */

/* A frame of an answer; a non-zero return cancels the request and is passed on. */
typedef int steme_client_frame(void *arg, const uint8_t *data, size_t len);
/*
 * Sends and waits; frame is called for every frame of the answer in order, may be NULL.
 * Returns the daemon's error, if that is the answer, with its sentence in why.
 */
int steme_client_call(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, steme_client_frame *frame, void *arg,
    struct steme_why *why);
/* The same; the answer's bytes are appended to out (may be NULL). */
int steme_client_ask(struct steme_client *c, enum steme_msg type,
    const void *payload, size_t len, struct steme_buf *out, struct steme_why *why);

/*
 * One result of PUT, BATCH or ASSERT, in the order of what was sent (of BATCH: the
 * batch object first).  A non-zero return stops and is passed on.
 */
typedef int steme_client_result(void *arg, size_t index,
    const struct steme_msg_put_result *r);
/* One object.  Returns the put's own error (why: its sentence), too; r may be NULL, and
 * r->why is always "". */
int steme_client_put(struct steme_client *c, struct steme_str bytes,
    const struct steme_sig *sig, struct steme_msg_put_result *r,
    struct steme_why *why);
/* JSON texts to be signed by the daemon with the key of uid (UINT32_MAX: the caller's). */
int steme_client_assert(struct steme_client *c, uint32_t uid, enum steme_kind kind,
    const struct steme_str *json, size_t n, steme_client_result *result, void *arg,
    struct steme_why *why);
/* Walks the results in an answer's bytes. */
int steme_client_results(const void *data, size_t len, steme_client_result *result,
    void *arg);

/* JSON bodies, appended to out. */
int steme_client_query(struct steme_client *c, const struct steme_query *q,
    struct steme_buf *out, struct steme_why *why);
int steme_client_history(struct steme_client *c, const struct steme_query *q,
    struct steme_buf *out, struct steme_why *why);
int steme_client_diff(struct steme_client *c, const struct steme_query *a,
    const struct steme_query *b, struct steme_buf *out, struct steme_why *why);
int steme_client_object(struct steme_client *c, enum steme_object_want want,
    const struct steme_id *id, struct steme_buf *out, struct steme_why *why);
int steme_client_children(struct steme_client *c, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_buf *out, struct steme_why *why);
int steme_client_concepts(struct steme_client *c, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *out,
    struct steme_why *why);
int steme_client_neighbours(struct steme_client *c, struct steme_str concept,
    uint32_t limit, struct steme_buf *out, struct steme_why *why);
/*
 * Sets `_steme/...` predicate to a JSON scalar (empty: clears it), signed by the store's operator.
 * The put's own error, too.  It holds for everybody once this returns.
 */
int steme_client_set(struct steme_client *c, struct steme_str concept,
    struct steme_str predicate, struct steme_str value, struct steme_why *why);
int steme_client_storage(struct steme_client *c, struct steme_buf *out,
    struct steme_why *why);
int steme_client_index(struct steme_client *c, struct steme_buf *out,
    struct steme_why *why);
/* Local names of agents: {"keys":[{"agent","name"}]}, those without a name left out. */
int steme_client_keys(struct steme_client *c, const struct steme_id *agents,
    uint32_t n, struct steme_buf *out, struct steme_why *why);

/*
 * Records in log order: LOG (ends at max_lsn, or at what is visible now) or WATCH (goes
 * on until visit returns non-zero; that is passed on).  Slices live during the call.
 */
typedef int steme_client_record(void *arg, const struct steme_record *r);
int steme_client_log(struct steme_client *c, const struct steme_msg_log *m,
    steme_client_record *visit, void *arg, struct steme_why *why);
int steme_client_watch(struct steme_client *c, uint64_t from_lsn,
    steme_client_record *visit, void *arg, struct steme_why *why);

/*
 * Why nobody answers at path: names the socket, says whether the daemon of that
 * folder lives, and how to start it.  sys: errno of the failed connect.  Returns STEME_ECONN
 * (STEME_ETOOBIG if the path is too long for a socket).
 */
int steme_client_explain(const char *path, int sys, struct steme_why *why);

#endif
