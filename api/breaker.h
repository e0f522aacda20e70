/* SPDX-License-Identifier: Apache-2.0 */
/*
 * breaker.h - circuit breakers.
 *
 *   closed --- `threshold` failures in a row ---> open
 *   open ----- after reset_us, one trial --------> half-open
 *   half-open - the trial succeeds --------------> closed
 *             - it fails ------------------------> open
 *
 * A trial that ends without a verdict (whoever it was could not be verified, or the answer
 * never came within reset_us) leaves room for another.
 *
 * Threads: one breaker belongs to its caller's lock; the table of agents locks itself.
 */
#ifndef STEME_API_BREAKER_H
#define STEME_API_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum api_breaker_state { API_BREAKER_CLOSED, API_BREAKER_OPEN, API_BREAKER_HALF_OPEN };
enum api_verdict { API_GO, API_TRIAL, API_STOP };
enum api_outcome { API_SUCCESS, API_FAILURE, API_NO_VERDICT };

struct api_breaker_rule {
	unsigned threshold;		/* 0: never opens */
	int64_t reset_us;
};

struct api_breaker {
	enum api_breaker_state state;
	unsigned failures;		/* in a row, while closed */
	int64_t at_us;			/* opened, or the trial began; monotonic */
	int64_t since_us;		/* wall time when it opened first */
	uint64_t trips;
};

/* STOP: *wait_us until it is worth asking again. */
enum api_verdict api_breaker_ask(struct api_breaker *b,
    const struct api_breaker_rule *rule, int64_t now_us, int64_t *wait_us);
/* How what was let through ended; trial as it was told. */
void api_breaker_tell(struct api_breaker *b, const struct api_breaker_rule *rule,
    bool trial, enum api_outcome how, int64_t now_us, int64_t wall_us);
const char *api_breaker_name(enum api_breaker_state s);

/* ---- of agents, by name; 4,096 of those that failed last ---- */

struct api_breakers;
/* A trip by hand: lasts until it is reset. */
struct api_trip {
	char agent[129];
	char reason[256];
	int64_t since_us;		/* wall; 0: unknown */
};

struct api_breakers *api_breakers_new(const struct api_breaker_rule *rule);
void api_breakers_free(struct api_breakers *t);
/* *trip: set for one tripped by hand, its reason copied (256 bytes) into reason. */
enum api_verdict api_breakers_ask(struct api_breakers *t, const char *agent,
    int64_t now_us, int64_t *wait_us, bool *trip, char reason[256]);
void api_breakers_tell(struct api_breakers *t, const char *agent, bool trial,
    enum api_outcome how, int64_t now_us, int64_t wall_us);
/* Closes what failures opened (not a trip by hand). */
void api_breakers_reset(struct api_breakers *t, const char *agent);
/* All trips by hand, replacing those before; v is malloc()ed and taken over. */
void api_breakers_set_trips(struct api_breakers *t, struct api_trip *v, size_t n);

/* Tells of each that is tripped, or that counts failures; under the lock: be short. */
struct api_breaker_info {
	const char *agent, *reason;
	enum api_breaker_state state;
	bool by_hand;
	unsigned failures;
	int64_t since_us;
};
void api_breakers_each(struct api_breakers *t,
    void (*fn)(void *arg, const struct api_breaker_info *i), void *arg);
/* Is any tripped, or does one count failures? */
bool api_breakers_active(struct api_breakers *t);
/* How many are not closed; how often any opened. */
void api_breakers_count(struct api_breakers *t, unsigned *open, uint64_t *trips);

#endif
