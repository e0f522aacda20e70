/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - what the files of the HTTP sidecar share: a request, the route table,
 * how answers are made.
 *
 * Threads: each listener has one libmicrohttpd thread, which runs handlers.  A handler
 * answers at once, or suspends the request (api_ask) and is resumed when the daemon's
 * answer is there.  Answers come in the async client's thread, which only notes them.
 */
#ifndef STEME_API_API_H
#define STEME_API_API_H

#include "api/auth.h"
#include "api/note.h"
#include "core/changes.h"
#include "core/client_async.h"
#include "core/conf.h"
#include "core/instance.h"
#include "core/metrics.h"
#include "core/view_query.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct api;
struct api_route;
struct api_request;
struct api_hot;
struct api_watch;
struct api_guard;
struct api_settings;
struct api_tls;

/* One listening socket with its libmicrohttpd thread. */
struct api_listener {
	struct api *api;
	struct MHD_Daemon *mhd;
	char address[64];
	uint16_t port;
	bool loopback;
};

/* Where a connection is; each step has a limit of its own (listen.c). */
enum api_step {
	API_WAITING_FIRST, API_WAITING_NEXT, API_HEADERS, API_BODY, API_WORKING,
	API_ANSWERING,
	API_FEEDING		/* an event is on its way; between events: WORKING */
};
struct api_request;
struct api_conn {
	struct api_conn *next, *prev;	/* (api.mu) */
	int fd;				/* (api.mu); -1 once cut off */
	_Atomic enum api_step step;
	_Atomic int64_t since_us;	/* start of the step, or of its window */
	_Atomic uint64_t bytes;		/* of a body in this window */
	uint64_t taken_before;		/* the sweeper's: bytes of answers before it */
	char address[64];		/* of the peer, as text */
	struct api_request *pending;	/* its headers are not complete yet */
};

/* Work that outlives the request that began it (h_admin.c). */
enum api_job { API_JOB_REBUILD, API_JOB_COMPACT, API_NJOBS };

struct api {
	struct steme_instance in;
	struct steme_conf conf;
	struct steme_aclient *client;
	struct api_settings *settings;
	struct api_tls *tls;		/* NULL: plain HTTP */
	struct steme_metrics *metrics;
	struct api_hot *hot;
	struct api_listener *listeners;
	unsigned nlisteners;
	int64_t start_us;
	_Atomic(struct steme_changes *) changes;	/* NULL until the daemon was seen */
	struct api_guard *guard;
	struct api_watch *watch;
	_Atomic uint64_t node;			/* the daemon's id; 0 until it was seen */
	atomic_bool jobs[API_NJOBS];		/* under way, begun here */
	/* metrics */
	struct steme_series *up, *hot_hits, *hot_misses;
	struct steme_series *slow_cut, *connections, *feeds, *members_up;
	/* connections: listen.c; suspended requests: server.c */
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t changed;		/* suspended became 0, or stopping */
	struct api_conn *conns;		/* (mu) */
	unsigned nconns, suspended;	/* (mu) */
	bool stopping;			/* (mu) nothing is suspended from now on */
	bool sweeping;
	_Atomic bool ending;		/* losing the daemon is no news */
	_Atomic unsigned bulk_uploads;	/* under way: bulk.h */
	_Atomic uint64_t spooled;	/* bytes of their results in files */
	pthread_t sweeper;
};

/* What a handler's answer is made of. */
struct api_request {
	struct api *api;
	struct api_listener *listener;
	struct MHD_Connection *c;
	struct api_conn *conn;
	const struct api_route *route;
	char *uri;			/* as sent, with the query string */
	const char *allow;		/* of a 405 */
	struct steme_str path;		/* within uri */
	struct steme_str arg;		/* what the route's `*` matched */
	char method[12];
	int64_t start_us;		/* monotonic: the request was whole */
	int64_t queued_us;		/* its answer was */
	struct steme_buf body;
	uint64_t drained;		/* bytes of body, taken or not */
	bool too_large;
	bool dispatched, ready;
	/* who calls (auth.h) */
	bool admitted;			/* decided: denied says how */
	bool asked_settings;		/* waited for them once */
	int denied;			/* with why; the body is drained */
	struct api_caller caller;
	/* settings.c: waiting for a load; what follows api_set() */
	struct api_request *next_waiting;
	uint64_t needs_load;
	void (*after_set)(struct api_request *r);
	/* the daemon's answer (noted by the client's thread, read after resume) */
	int err;
	char why[512];
	struct steme_buf answer;
	unsigned patience_ms;		/* 0: request_timeout_seconds */
	void (*then)(struct api_request *r);	/* goes on after an answer */
	void *state;			/* a handler's own, freed by free_state */
	void (*free_state)(void *state);
	/* hot answers */
	struct steme_str hot_concept;
	bool hot_any, hot_ok;
	struct steme_stamp stamp;
	struct api_note note;		/* of the guards: guard.h */
	/* the answer as queued, for metrics and the log */
	unsigned status;
	bool queued;
};

/* ---- routes: route.c ---- */

/* What a route asks of its caller (auth.h). */
enum api_access {
	API_OPEN,	/* anybody; from loopback the Host rule applies */
	API_HEALTH,	/* anybody, whatever the Host; keys are not looked at */
	API_WRITE,	/* as API_OPEN; objects without a signature need a caller that
			   may write, which the handler asks (api_signer) */
	API_ADMIN	/* a local caller or an API key, with the role admin */
};
struct api_route {
	const char *method;		/* GET also serves HEAD */
	const char *pattern;		/* a final `*` matches the rest */
	enum api_access access;
	void (*handler)(struct api_request *r);
	/* Bodies as they arrive; NULL: gathered in r->body.  Returns bytes taken. */
	size_t (*upload)(struct api_request *r, const char *data, size_t n);
	const char *label;		/* of metrics */
	bool is_query;			/* counted by stemedb_query_* */
};
extern const struct api_route api_routes[];
extern const size_t api_nroutes;
/*
 * The route, with r->arg set.  NULL: *allow is "" (404) or the methods the path has (405).
 */
const struct api_route *api_route_find(struct api_request *r, char allow[64]);

/* ---- answering: reply.c ---- */

/* Queues a whole answer; body is copied. */
void api_reply(struct api_request *r, unsigned status, const char *type,
    const void *body, size_t len);
/* The same, taking b's bytes over. */
void api_reply_buf(struct api_request *r, unsigned status, const char *type,
    struct steme_buf *b);
/* After api_ask(): the daemon's answer, which is JSON, as it came; or its error. */
void api_reply_answer(struct api_request *r);
/* RFC 9457 problem+json; title from the status, detail says what to do. */
void api_problem(struct api_request *r, unsigned status, const char *kind,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A problem for an error of ours, with the sentence that came with it. */
void api_problem_err(struct api_request *r, int err, const char *why);
unsigned api_status_of(int err);
const char *api_kind_of(int err);
void api_too_large(struct api_request *r);
/* What to tell of a question that could not be sent. */
const char *api_why_of(int err);
/*
 * A response with the headers every answer has.  data is malloc()ed and taken over, also
 * on failure (NULL).
 */
struct MHD_Response *api_response(const char *type, void *data, size_t len);
/* Queues resp with status 200; the reference stays with the caller. */
void api_queue_kept(struct api_request *r, struct MHD_Response *resp);
/* Queues resp and gives the caller's reference back. */
void api_queue(struct api_request *r, unsigned status, struct MHD_Response *resp);
/*
 * Answers 200, or 304 to an If-None-Match.  name: the bytes are those of that name for
 * ever, and it is the ETag; NULL: the ETag is a hash of the bytes, which may change.
 * Takes b's bytes over.
 */
void api_reply_tagged(struct api_request *r, const char *type, const char *name,
    struct steme_buf *b);
/*
 * Is etag (with its quotes) among those of If-None-Match?  Weak and strong compare alike
 * there.
 */
bool api_etag_matches(const struct api_request *r, const char *etag);

#define API_JSON	"application/json"
#define API_NDJSON	"application/x-ndjson"
#define API_TEXT	"text/plain; charset=utf-8"

/* ---- asking the daemon: server.c ---- */

/*
 * Suspends r, sends the message, and calls then() in the listener's thread when the
 * answer is in r->err, r->why, r->answer.  On a failure to send, then() is called
 * at once with the error.
 */
void api_ask(struct api_request *r, enum steme_msg type, const void *payload,
    size_t len, void (*then)(struct api_request *r));
/* The same with what was encoded into b, which is freed; its failure is given to then(). */
void api_ask_buf(struct api_request *r, enum steme_msg type, struct steme_buf *b,
    void (*then)(struct api_request *r));
/*
 * Suspends r until api_wake(): for handlers with several questions under way.  After
 * it r->then is called, if r->ready; else upload goes on.  False: the sidecar is ending,
 * r is not suspended.
 */
bool api_suspend(struct api_request *r) __attribute__((warn_unused_result));
/* Any thread; r must not be touched afterwards. */
void api_wake(struct api_request *r);
unsigned api_deadline_ms(const struct api *a);

/* ---- listeners, connections: listen.c ---- */

/* May these addresses be bound, given [api] admin?  STEME_EINVAL, STEME_EPERM with the reason. */
int api_check_bind(const struct steme_conf *c, struct steme_why *why);
int api_server_start(struct api *a, struct steme_why *why);
/* Ends all; also stops a->client (but does not free it). */
void api_server_stop(struct api *a);
/* k (may be NULL) begins a step. */
void api_conn_step(struct api_conn *k, enum api_step step);
/* n bytes of a body came. */
void api_conn_moved(struct api_conn *k, size_t n);
/* NULL is allowed. */
void api_request_free(struct api_request *r);
/* Callbacks of libmicrohttpd; cls is the listener.  In server.c. */
void *api_on_uri(void *cls, const char *uri, struct MHD_Connection *c);
enum MHD_Result api_on_request(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **ctx);
void api_on_completed(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_RequestTerminationCode code);

/* ---- who may: access.c ---- */

/* The Host rule: from loopback, Host must name this machine. */
bool api_host_ok(const struct api_request *r);
/* Does the connection come from this machine?  By itself that is no right to anything. */
bool api_from_loopback(const struct api_request *r);

/* ---- hot answers: hot.c ---- */

/* limit: bytes of all answers with what goes with them. */
struct api_hot *api_hot_new(size_t limit);
void api_hot_free(struct api_hot *h);
/* Queues a kept answer to r->uri if it still holds. */
bool api_hot_reply(struct api_request *r);
/* Is r's answer of len bytes worth keeping? */
bool api_hot_may_keep(const struct api_request *r, const void *data, size_t len);
/*
 * Queues resp (status 200), and keeps it for r->uri under the stamp taken when it was
 * asked: the caller's reference went to the table.  False (no memory): nothing was done.
 */
bool api_hot_keep(struct api_request *r, struct MHD_Response *resp, size_t len);

/* ---- handlers ---- */

void api_query(struct api_request *r);
void api_history(struct api_request *r);
void api_object(struct api_request *r);
void api_assert(struct api_request *r);
void api_bulk(struct api_request *r);
size_t api_bulk_upload(struct api_request *r, const char *data, size_t n);
void api_keys_list(struct api_request *r);
void api_keys_add(struct api_request *r);
void api_keys_change(struct api_request *r);
void api_keys_remove(struct api_request *r);
void api_health(struct api_request *r);
void api_healthz(struct api_request *r);
void api_readyz(struct api_request *r);
void api_metrics(struct api_request *r);

#endif
