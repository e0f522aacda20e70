/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter.h - what the sidecar counts of requests: stemedb_http_*, stemedb_query_*,
 * stemedb_write_*, rates of concepts and shards, errors by type.
 *
 * Label values are bounded: paths are those of routes, statuses those that exist, agents
 * the first 1,000 that were verified (then `other`), concepts the hottest 50.
 *
 * Threads: any.
 */
#ifndef STEME_API_METER_H
#define STEME_API_METER_H

#include "core/buf.h"
#include "core/metrics.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define API_SHARDS	64

struct api_meter;

/* A request that was answered. */
struct api_seen {
	unsigned route;			/* index; nroutes: none matched */
	const char *path;		/* its label */
	const char *method;
	unsigned status;
	const char *who;		/* verified agent or key; "": nobody */
	int64_t us;			/* taken */
	bool is_query, is_write;
	int shard;			/* of the concept asked about, or -1 */
};

/* Makes the families.  NULL: no memory.  m must outlive it. */
struct api_meter *api_meter_new(struct steme_metrics *m, const char *node,
    unsigned nroutes);
void api_meter_free(struct api_meter *t);

void api_meter_seen(struct api_meter *t, const struct api_seen *s);
/* A query about one concept came; returns its shard. */
int api_meter_concept(struct api_meter *t, struct steme_str concept);
/* A failure, by the kind of its error; those that are nobody's fault are not counted. */
void api_meter_error(struct api_meter *t, int err);
/* "StorageError" and its like; NULL for errors that are not counted. */
const char *api_error_type(int err);

/*
 * The hottest five concepts as comments of the text format: label values cannot be
 * sorted by, these can.
 */
void api_meter_comments(struct api_meter *t, struct steme_buf *b);
/* Queries a second by shard, over about the last minute. */
void api_meter_shard_rates(struct api_meter *t, double rates[API_SHARDS]);
/* The shard of a concept: its path's BLAKE2b-256, first byte, modulo 64. */
int api_shard_of(struct steme_str concept);

#endif
