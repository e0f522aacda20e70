/* SPDX-License-Identifier: Apache-2.0 */
/*
 * browse.h - routes to look around by, the routes of objects that are no assertions, and
 * parameters of routes that are no queries.
 */
#ifndef STEME_API_BROWSE_H
#define STEME_API_BROWSE_H

#include "api/api.h"

/* One parameter of the query string. */
struct api_arg {
	const char *name;
	struct steme_str value;		/* absent: not given; lives as long as r */
};
/*
 * Reads the query string into args.  Unknown, or given twice: STEME_EINVAL, why names it.
 */
int api_args(struct api_request *r, struct api_arg *args, size_t n,
    struct steme_why *why);
/* A limit: 1 to 10,000; absent: 100. */
int api_arg_limit(const struct api_arg *arg, uint32_t *out, struct steme_why *why);
/* A text of at most max bytes; longer: STEME_EINVAL, why names it and the limit. */
int api_arg_text(const struct api_arg *arg, size_t max, struct steme_str *out,
    struct steme_why *why);
/* A whole number of 64 bits; absent: stays as it is. */
int api_arg_u64(const struct api_arg *arg, uint64_t *out, struct steme_why *why);

/* ---- handlers: h_browse.c ---- */
void api_diff(struct api_request *r);
void api_origin(struct api_request *r);
void api_concepts(struct api_request *r);
void api_agents(struct api_request *r);
void api_sources(struct api_request *r);
void api_impact(struct api_request *r);
/* ---- h_assert.c ---- */
void api_kind(struct api_request *r);
/* ---- h_batch.c ---- */
void api_batch(struct api_request *r);
/* ---- h_feed.c ---- */
void api_feed(struct api_request *r);
/* ---- h_query.c ---- */
void api_skeptic(struct api_request *r);
void api_layered(struct api_request *r);
void api_constraints(struct api_request *r);

#endif
