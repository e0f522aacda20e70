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
struct api_conn;

/* One listening socket with its libmicrohttpd thread. */
struct api_listener {
	struct api *api;
	struct MHD_Daemon *mhd;
	struct api_hot *hot;		/* of this thread alone */
	char address[64];
	uint16_t port;
	bool loopback;
};

struct api {
	struct steme_instance in;
	struct steme_conf conf;
	struct steme_aclient *client;
	struct steme_metrics *metrics;
	struct api_listener *listeners;
	unsigned nlisteners;
	int64_t start_us;
	_Atomic(struct steme_changes *) changes;	/* NULL until the daemon was seen */
	/* metrics */
	struct steme_family *http_requests, *http_duration;
	struct steme_series *up, *query_total, *query_latency, *query_duration;
	struct steme_series *query_timeouts, *hot_hits, *hot_misses;
	/* connections and suspended requests: server.c */
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t idle;
	struct api_conn *conns;		/* (mu) */
	unsigned nconns, suspended;	/* (mu) */
	bool stopping;			/* (mu) */
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
	int64_t start_us;		/* monotonic */
	struct steme_buf body;
	bool too_large;
	bool dispatched, ready;
	/* the daemon's answer (noted by the client's thread, read after resume) */
	int err;
	char why[512];
	struct steme_buf answer;
	void (*then)(struct api_request *r);	/* goes on after an answer */
	void *state;			/* a handler's own, freed by free_state */
	void (*free_state)(void *state);
	/* hot answers */
	struct steme_str hot_concept;
	bool hot_any, hot_ok;
	struct steme_stamp stamp;
	/* the answer as queued, for metrics and the log */
	unsigned status;
	bool queued;
};

/* ---- routes: route.c ---- */

enum api_access {
	API_OPEN,	/* anybody; from loopback the Host rule applies */
	API_HEALTH	/* anybody, whatever the Host */
};
struct api_route {
	const char *method;		/* GET also serves HEAD */
	const char *pattern;		/* a final `*` matches the rest */
	enum api_access access;
	void (*handler)(struct api_request *r);
	/* Bodies as they arrive; NULL: gathered in r->body.  Returns bytes taken. */
	size_t (*upload)(struct api_request *r, const char *data, size_t n);
	const char *label;		/* of metrics */
};
extern const struct api_route api_routes[];
extern const size_t api_nroutes;
/*
 * The route, with r->arg set.  NULL: *allow is "" (404) or the methods the path has (405).
 */
const struct api_route *api_route_find(struct api_request *r, char allow[64]);

/* ---- answering: reply.c ---- */

/* Queues a whole answer; body is copied.  etag, cache: header values or NULL. */
void api_reply(struct api_request *r, unsigned status, const char *type,
    const void *body, size_t len);
/* The same, taking b's bytes over. */
void api_reply_buf(struct api_request *r, unsigned status, const char *type,
    struct steme_buf *b);
/* RFC 9457 problem+json; title from the status, detail says what to do. */
void api_problem(struct api_request *r, unsigned status, const char *kind,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A problem for an error of ours, with the sentence that came with it. */
void api_problem_err(struct api_request *r, int err, const char *why);
unsigned api_status_of(int err);
const char *api_kind_of(int err);
/* Queues resp and gives the caller's reference back. */
void api_queue(struct api_request *r, unsigned status, struct MHD_Response *resp);

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
/* Suspends r until api_wake(): for handlers with several questions under way. */
void api_suspend(struct api_request *r);
void api_wake(struct api_request *r);
unsigned api_deadline_ms(const struct api *a);

int api_server_start(struct api *a, struct steme_why *why);
void api_server_stop(struct api *a);

/* ---- who may: access.c ---- */

/*
 * The Host rule of reads: from loopback, Host must name this machine.
 * False: the problem was queued.
 */
bool api_host_ok(struct api_request *r);
/*
 * Is the caller local (doc/api.md, "Local callers")?  True: *uid owns the peer's
 * socket and may write.  False: the problem (401, 403 naming the header) was queued.
 */
bool api_local_writer(struct api_request *r, uid_t *uid);
/* The same question without an answer queued. */
bool api_local_uid(struct api_request *r, uid_t *uid);

/* ---- hot answers: hot.c ---- */

struct api_hot *api_hot_new(void);
void api_hot_free(struct api_hot *h);
/* Queues a kept answer to r->uri if it still holds. */
bool api_hot_reply(struct api_request *r);
/* Keeps resp for r->uri under the stamp taken when it was asked.  True: the caller's
 * reference went to the table. */
bool api_hot_keep(struct api_request *r, struct MHD_Response *resp, size_t len);

/* ---- handlers ---- */

void api_query(struct api_request *r);
void api_history(struct api_request *r);
void api_object(struct api_request *r);
void api_assert(struct api_request *r);
void api_bulk(struct api_request *r);
size_t api_bulk_upload(struct api_request *r, const char *data, size_t n);
void api_health(struct api_request *r);
void api_healthz(struct api_request *r);
void api_readyz(struct api_request *r);
void api_metrics(struct api_request *r);

#endif
