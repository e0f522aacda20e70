/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what the store says below `_steme/` about this sidecar's callers: API
 * keys, limits and trips of agents, kept in memory.
 *
 * They are assertions by the operator (doc/api.md, "Settings"), so any program may change
 * them.  The copy is as good as the daemon's change counters say (core/changes.h): api_admit()
 * has it loaded again as soon as `global` has moved, and whoever depends on it to the
 * letter (an API key, a handler that answers from it or has just set something) waits
 * for that.
 *
 * Threads: any.  One lock (leaf), held while something is looked up.
 */
#ifndef STEME_API_SETTINGS_H
#define STEME_API_SETTINGS_H

#include "api/auth.h"
#include "core/apikey.h"

struct api;
struct api_settings;

/* `_steme/limits/agents/NAME` max_requests_per_min, `_steme/breakers/NAME` tripped. */
struct api_agent_setting {
	char agent[STEME_NAME_MAX + 1];	/* decoded; NUL-terminated */
	int64_t per_min;		/* limits; else 0 */
	char reason[256];		/* trips; else "" */
	char since[32];			/* when it was set, RFC 3339 */
};

int api_settings_new(struct api_settings **out, struct api *a);
/* After the client has been stopped.  NULL is allowed. */
void api_settings_free(struct api_settings *s);

/* Counts the copies there were; 0: none yet.  Who derives something looks whether it moved. */
uint64_t api_settings_version(const struct api_settings *s);
/* Copies out; false: there is none. */
bool api_settings_key(struct api_settings *s, const char *id, struct steme_apikey *out);
bool api_settings_limit(struct api_settings *s, const char *agent,
    struct api_agent_setting *out);
bool api_settings_trip(struct api_settings *s, const char *agent,
    struct api_agent_setting *out);
/* Each, by name; fn runs under the lock: it only copies. */
void api_settings_each_key(struct api_settings *s,
    void (*fn)(void *arg, const struct steme_apikey *k), void *arg);
void api_settings_each_limit(struct api_settings *s,
    void (*fn)(void *arg, const struct api_agent_setting *a), void *arg);
void api_settings_each_trip(struct api_settings *s,
    void (*fn)(void *arg, const struct api_agent_setting *a), void *arg);

/* ---- for api_admit(), main ---- */

/* Is the copy what the store says now?  A few loads. */
bool api_settings_fresh(const struct api_settings *s);
/* Loads it again, unless that is under way or there is no daemon.  Does not wait. */
void api_settings_load(struct api_settings *s);
/*
 * Suspends r until a copy is there that was begun after this call.  r->then is called if
 * r->ready was set before.  False: the sidecar is ending.  r->err tells how it went.
 */
bool api_settings_wait(struct api_settings *s, struct api_request *r);

/*
 * Calls then() once the copy is what the store says (at once, if it is): for handlers
 * that answer from it.  r->err: it could not be read.
 */
void api_settings_sync(struct api_request *r, void (*then)(struct api_request *r));

/* ---- changing them ---- */

/*
 * Suspends r, has the daemon set `_steme/...` predicate to value (a JSON scalar; empty: clear
 * it), waits until the copy has it, and calls then() with r->err and r->why.
 */
void api_set(struct api_request *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str value,
    void (*then)(struct api_request *r));

#endif
