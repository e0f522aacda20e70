/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what stands around the handlers: metrics, the request log, limits, circuit
 * breakers, slow requests, the audit trail.  The parts have headers of their own and know
 * nothing of requests; this joins them to requests.
 *
 * Threads: functions that take a request, its listener's thread only.
 */
#ifndef STEME_API_GUARD_H
#define STEME_API_GUARD_H

#include "api/api.h"
#include "api/meter.h"

struct api_guard {
	struct api_meter *meter;
};

/* What a route is to limits, breakers and the audit trail. */
enum api_class {
	API_CLASS_FREE,		/* health, metrics, files: neither limited nor kept */
	API_CLASS_QUERY, API_CLASS_WRITE, API_CLASS_ADMIN
};
enum api_class api_class_of(const struct api_route *route);

/* NULL: no memory.  Needs a->metrics and a->conf. */
struct api_guard *api_guard_new(struct api *a);
void api_guard_free(struct api_guard *g);

/* ---- told by handlers ---- */

/* The request asks about this concept (counted for queries; copied). */
void api_guard_concept(struct api_request *r, struct steme_str concept);
/* One line of a bulk upload failed. */
void api_guard_line_failed(struct api_request *r, int err, const char *why);

/* ---- told by the life of a request ---- */

/* A problem is about to be queued. */
void api_guard_problem(struct api_request *r, unsigned status, const char *kind,
    const char *detail);
/* The request is over, answered or not. */
void api_guard_done(struct api_request *r);

/* ---- the request log: reqlog.c ---- */

/* The peer's address as text. */
void api_address(const struct api_request *r, char out[64]);
/* The lines of a request that was answered; us: time taken. */
void api_reqlog(const struct api_request *r, int64_t us);
/* "Error: TYPE: why", and for signatures the words that are searched for. */
void api_reqlog_error(int err, const char *why);

#endif
