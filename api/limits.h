/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - how many requests: by endpoint class, address, agent; assertions by agent
 * and day.
 *
 * Rates are token buckets that hold one period's worth (a second's, a minute's), kept as
 * the time at which each would be full again.  Tables have a fixed size; one that is full
 * forgets the entry of eight that has been full or idle longest.  Keys are hashed with
 * random bytes of this process, so nobody chooses whom they push out.
 *
 * Only verified agents are charged: the caller asks before (room) and charges after (take).
 *
 * Threads: any.  Times are passed in: now_us monotonic, wall_us since 1970.
 */
#ifndef STEME_API_LIMITS_H
#define STEME_API_LIMITS_H

#include "core/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_LIMIT_CLASSES	3	/* query, write, admin */

/* What RateLimit-* headers tell. */
struct api_room {
	uint64_t limit, remaining;
	int64_t wait_us;		/* until one fits; 0: now */
	int64_t reset_us;		/* until all is free again */
};

/* A run-time limit of one agent. */
struct api_agent_limit {
	char agent[129];
	uint64_t per_min;		/* 0: none are let in */
};

struct api_limits;

/* [rate_limit] of c; NULL: no memory. */
struct api_limits *api_limits_new(const struct steme_conf *c);
void api_limits_free(struct api_limits *l);

/*
 * A request of a class (0 to 2) from an address (its bytes; an IPv6 address counts by its
 * /64).  True: charged to both.  False: charged to neither, *room says who is full, *scope
 * ("address", "query", "write", "admin") which.
 */
bool api_limits_request(struct api_limits *l, unsigned class, const void *address,
    size_t n, int64_t now_us, struct api_room *room, const char **scope);
/* Somebody there could not prove who they claim to be: ten requests' worth. */
void api_limits_punish(struct api_limits *l, const void *address, size_t n,
    int64_t now_us);

/* May agent make another request?  A limit of its own goes before per_agent_per_min. */
bool api_limits_agent_room(struct api_limits *l, const char *agent, int64_t now_us,
    struct api_room *room);
void api_limits_agent_take(struct api_limits *l, const char *agent, int64_t now_us);
/* May it store another assertion today (UTC)? */
bool api_limits_quota_room(struct api_limits *l, const char *agent, int64_t wall_us,
    struct api_room *room);
void api_limits_quota_take(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us);
/*
 * For many at once: charges n now, if there is room for all of them; of those that are not
 * stored after all the rest is given back.  False: nothing was charged.
 */
bool api_limits_quota_reserve(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us, struct api_room *room);
void api_limits_quota_give(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us);
/* Is there a quota at all? */
bool api_limits_has_quota(const struct api_limits *l);

/* Is any agent limited at all? */
bool api_limits_active(struct api_limits *l);
/*
 * All run-time limits, replacing those before; v is malloc()ed and taken over, and sorted.
 * Of an agent that stands there twice, either counts.
 */
void api_limits_set_agents(struct api_limits *l, struct api_agent_limit *v, size_t n);

#endif
