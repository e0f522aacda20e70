/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what stands around the handlers: metrics, the request log, limits, circuit
 * breakers, slow requests, the audit trail.  The parts have headers of their own and know
 * nothing of requests; this joins them to requests.  doc/api.md has the rules.
 *
 * Threads: functions that take a request, its listener's thread only, but for
 * api_guard_answered().
 */
#ifndef STEME_API_GUARD_H
#define STEME_API_GUARD_H

#include "api/api.h"
#include "api/audit.h"
#include "api/breaker.h"
#include "api/limits.h"
#include "api/meter.h"
#include "api/slowlog.h"

struct api_guard {
	struct api *api;
	struct api_meter *meter;
	struct api_limits *limits;
	struct api_breakers *breakers;
	struct api_slowlog *slow;
	struct api_audit *audit;
	struct steme_family *limited;	/* stemedb_rate_limited_total{scope} */
	struct steme_series *storage_state, *storage_trips, *agents_open, *agents_trips;
	pthread_mutex_t mu;		/* leaf */
	struct api_breaker storage;	/* (mu) */
	struct api_breaker_rule rule;
	pthread_mutex_t settings_mu;	/* above the settings' and the tables' */
	_Atomic uint64_t settings;	/* version that was taken over (settings_mu) */
};

/* What a route is to limits, breakers and the audit trail. */
enum api_class {
	API_CLASS_QUERY, API_CLASS_WRITE, API_CLASS_ADMIN,
	API_CLASS_FREE		/* health, metrics, files: neither limited nor kept */
};
enum api_class api_class_of(const struct api_route *route);

/* NULL: no memory.  Needs a->metrics, a->conf, a->in. */
struct api_guard *api_guard_new(struct api *a);
void api_guard_free(struct api_guard *g);
/* The daemon is there (again): its breaker starts afresh. */
void api_guard_daemon_up(struct api_guard *g);

/* ---- told by the life of a request ---- */

/*
 * Limits and breakers of the request, once it is known who calls.  Refused: r->note.refused,
 * to be answered by api_guard_refuse().
 */
void api_guard_admit(struct api_request *r);
void api_guard_refuse(struct api_request *r);
/* A problem is about to be queued; headers of its answer. */
void api_guard_problem(struct api_request *r, unsigned status, const char *kind,
    const char *detail);
void api_guard_headers(const struct api_request *r, struct MHD_Response *resp,
    unsigned status);
/* A question to the daemon.  False: its breaker is open, r->err and r->why are set. */
bool api_guard_ask(struct api_request *r);
/* A question to the store ended so; late: it took too long.  Any thread. */
void api_guard_store(struct api_guard *g, bool trial, int err, bool late);
/* It was answered; any thread.  Once for each api_guard_ask(). */
void api_guard_answered(struct api_request *r, int err);
/* Its answer is queued: it no longer runs, though a stream may go on. */
void api_guard_queued(struct api_request *r);
/* The request is over, answered or not. */
void api_guard_done(struct api_request *r);

/* Whole seconds for Retry-After: rounded up, 1 to a day. */
unsigned api_seconds_up(int64_t us);

/* ---- told by handlers ---- */

/* What the request asks about, or writes; absent: nothing in particular.  Copied. */
void api_guard_about(struct api_request *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str lens);
/* A query about this concept: for the rates of concepts. */
void api_guard_concept(struct api_request *r, struct steme_str concept);
/*
 * The caller was found to be somebody (auth.h): may they?  False: refused; for handlers
 * that asked only then who calls.
 */
bool api_guard_caller(struct api_request *r);
/*
 * The object at hand claims to be this agent's.  False: refused, nothing was charged.  An
 * agent is charged, and named in metrics, once its signature was verified: _verified().
 */
bool api_guard_author(struct api_request *r, const struct steme_id *agent);
void api_guard_verified(struct api_request *r, bool created);
/* Its signature, or a line's, does not verify: the address is charged. */
void api_guard_forged(struct api_request *r);
/*
 * A line of a bulk upload: STEME_OK, or STEME_ELIMIT or STEME_EPERM with the reason.  It is
 * charged to the agent's quota, so where there is one (_has_quota) its signature must have
 * been verified.
 */
int api_guard_line(struct api_request *r, const struct steme_id *agent,
    struct steme_why *why);
/* It was stored, or was there, which is not charged; agent NULL: signed here, for the caller. */
void api_guard_line_stored(struct api_request *r, const struct steme_id *agent,
    bool created);
/*
 * A line, or a member of a batch, was refused: counted and logged as a request would be, for
 * the answer to all of them may be 200.
 */
void api_guard_line_failed(struct api_request *r, int err, const char *why);
/* It was not stored: what it was charged is given back. */
void api_guard_line_unspent(struct api_request *r, const struct steme_id *agent);
bool api_guard_has_quota(const struct api_request *r);
/*
 * n members of a batch, as with lines.  False: refused, nothing was charged.  Those that nobody
 * told of (_line_stored, _line_unspent) are given back by _members_unspent().
 */
bool api_guard_members(struct api_request *r, const struct steme_id *agent, uint64_t n);
void api_guard_members_unspent(struct api_guard *g, const struct steme_id *agent,
    uint64_t n);
/* Does it matter whose a line is?  If not, nobody needs to remember. */
bool api_guard_counts_lines(const struct api_request *r);
/* Takes limits and trips over from the settings, if they moved. */
void api_guard_settings(struct api_guard *g);

/* ---- the request log: reqlog.c ---- */

/* The lines of a request that was answered; us: time taken. */
void api_reqlog(const struct api_request *r, int64_t us);
/* "Error: TYPE: why", and for signatures the words that are searched for. */
void api_reqlog_error(int err, const char *why);

/* ---- handlers: h_guard.c ---- */

void api_rate_limit_get(struct api_request *r);
void api_rate_limit_post(struct api_request *r);
void api_rate_limit_delete(struct api_request *r);
void api_breakers_get(struct api_request *r);
void api_tripped_get(struct api_request *r);
void api_trip_post(struct api_request *r);
void api_reset_post(struct api_request *r);
void api_slow_queries_get(struct api_request *r);
void api_audit_get(struct api_request *r);

#endif
