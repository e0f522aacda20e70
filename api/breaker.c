/* SPDX-License-Identifier: Apache-2.0 */
/* breaker.c - circuit breakers, and the table of agents'. */
#include "config.h"
#include "api/breaker.h"
#include "core/htab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS	4096
#define WAYS	8
#define TRIAL_WAIT_US	1000000	/* till somebody else's trial may have ended */

const char *
api_breaker_name(enum api_breaker_state s)
{
	return s == API_BREAKER_CLOSED ? "closed" : s == API_BREAKER_OPEN ? "open" : "half-open";
}

enum api_verdict
api_breaker_ask(struct api_breaker *b, const struct api_breaker_rule *rule,
    int64_t now_us, int64_t *wait_us)
{
	int64_t left = b->at_us + rule->reset_us - now_us;

	*wait_us = 0;
	if (b->state == API_BREAKER_CLOSED)
		return API_GO;
	if (left > 0) {
		*wait_us = b->state == API_BREAKER_OPEN || left < TRIAL_WAIT_US ? left :
		    TRIAL_WAIT_US;
		return API_STOP;
	}
	b->state = API_BREAKER_HALF_OPEN;
	b->at_us = now_us;
	return API_TRIAL;
}

static void
open_it(struct api_breaker *b, int64_t now_us, int64_t wall_us)
{
	if (b->state == API_BREAKER_CLOSED) {
		b->since_us = wall_us;
		b->trips++;
	}
	b->state = API_BREAKER_OPEN;
	b->at_us = now_us;
}

void
api_breaker_tell(struct api_breaker *b, const struct api_breaker_rule *rule, bool trial,
    enum api_outcome how, int64_t now_us, int64_t wall_us)
{
	trial = trial && b->state == API_BREAKER_HALF_OPEN;
	/* what was under way when it opened says nothing new */
	if (!trial && b->state != API_BREAKER_CLOSED)
		return;
	if (how == API_FAILURE) {
		b->failures++;
		if (trial || (rule->threshold > 0 && b->failures >= rule->threshold))
			open_it(b, now_us, wall_us);
	} else if (how == API_SUCCESS) {
		b->state = API_BREAKER_CLOSED;
		b->failures = 0;
	} else if (trial) {
		b->state = API_BREAKER_OPEN;
		b->at_us = now_us - rule->reset_us;
	}
}

/* ---- of agents ---- */

struct slot {
	char agent[129];		/* "": free */
	int64_t touched_us;
	struct api_breaker b;
};

struct api_breakers {
	struct api_breaker_rule rule;
	pthread_mutex_t mu;		/* leaf; guards all below */
	struct slot *slots;
	struct api_trip *trips;
	size_t ntrips;
	uint64_t opened;
	unsigned used;			/* slots */
};

struct api_breakers *
api_breakers_new(const struct api_breaker_rule *rule)
{
	struct api_breakers *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->slots = calloc(SLOTS, sizeof(*t->slots))) == NULL) {
		free(t);
		return NULL;
	}
	t->rule = *rule;
	pthread_mutex_init(&t->mu, NULL);
	return t;
}

void
api_breakers_free(struct api_breakers *t)
{
	if (t == NULL)
		return;
	pthread_mutex_destroy(&t->mu);
	free(t->slots);
	free(t->trips);
	free(t);
}

static struct slot *
find_locked(struct api_breakers *t, const char *agent, bool make)
{
	uint32_t h = steme_hash_bytes(agent, strlen(agent));
	struct slot *set = &t->slots[h % (SLOTS / WAYS) * WAYS], *old = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (strcmp(set[i].agent, agent) == 0)
			return &set[i];
		/* a free one, else a closed one, else the one longest untouched */
		if (old->agent[0] != '\0' && (set[i].agent[0] == '\0' ||
		    (set[i].b.state == API_BREAKER_CLOSED) > (old->b.state == API_BREAKER_CLOSED) ||
		    ((set[i].b.state == API_BREAKER_CLOSED) == (old->b.state == API_BREAKER_CLOSED) &&
		    set[i].touched_us < old->touched_us)))
			old = &set[i];
	}
	if (!make)
		return NULL;
	t->used += old->agent[0] == '\0';
	memset(old, 0, sizeof(*old));
	snprintf(old->agent, sizeof(old->agent), "%s", agent);
	return old;
}

static void
free_locked(struct api_breakers *t, struct slot *s)
{
	memset(s, 0, sizeof(*s));
	t->used--;
}

enum api_verdict
api_breakers_ask(struct api_breakers *t, const char *agent, int64_t now_us,
    int64_t *wait_us, bool *trip, char reason[256])
{
	enum api_verdict v = API_GO;
	struct slot *s;

	*trip = false;
	*wait_us = 0;
	pthread_mutex_lock(&t->mu);
	for (size_t i = 0; i < t->ntrips && !*trip; i++)
		if (strcmp(t->trips[i].agent, agent) == 0) {
			*trip = true;
			*wait_us = t->rule.reset_us;
			memcpy(reason, t->trips[i].reason, 256);
			v = API_STOP;
		}
	if (!*trip && (s = find_locked(t, agent, false)) != NULL) {
		s->touched_us = now_us;
		v = api_breaker_ask(&s->b, &t->rule, now_us, wait_us);
	}
	pthread_mutex_unlock(&t->mu);
	return v;
}

void
api_breakers_tell(struct api_breakers *t, const char *agent, bool trial,
    enum api_outcome how, int64_t now_us, int64_t wall_us)
{
	struct slot *s;
	uint64_t before;

	pthread_mutex_lock(&t->mu);
	/* success of one that never failed leaves no trace */
	s = find_locked(t, agent, how == API_FAILURE);
	if (s != NULL) {
		before = s->b.trips;
		s->touched_us = now_us;
		api_breaker_tell(&s->b, &t->rule, trial, how, now_us, wall_us);
		t->opened += s->b.trips - before;
		if (s->b.state == API_BREAKER_CLOSED && s->b.failures == 0)
			free_locked(t, s);
	}
	pthread_mutex_unlock(&t->mu);
}

void
api_breakers_reset(struct api_breakers *t, const char *agent)
{
	struct slot *s;

	pthread_mutex_lock(&t->mu);
	if ((s = find_locked(t, agent, false)) != NULL)
		free_locked(t, s);
	pthread_mutex_unlock(&t->mu);
}

void
api_breakers_set_trips(struct api_breakers *t, struct api_trip *v, size_t n)
{
	struct api_trip *old;

	pthread_mutex_lock(&t->mu);
	old = t->trips;
	t->trips = v;
	t->ntrips = n;
	pthread_mutex_unlock(&t->mu);
	free(old);
}

void
api_breakers_each(struct api_breakers *t,
    void (*fn)(void *arg, const struct api_breaker_info *i), void *arg)
{
	pthread_mutex_lock(&t->mu);
	for (size_t i = 0; i < t->ntrips; i++)
		fn(arg, &(struct api_breaker_info){ .agent = t->trips[i].agent,
		    .reason = t->trips[i].reason, .state = API_BREAKER_OPEN, .by_hand = true,
		    .since_us = t->trips[i].since_us });
	for (size_t i = 0; i < SLOTS; i++)
		if (t->slots[i].agent[0] != '\0')
			fn(arg, &(struct api_breaker_info){
			    .agent = t->slots[i].agent,
			    .reason = "failed too often in a row",
			    .state = t->slots[i].b.state,
			    .failures = t->slots[i].b.failures,
			    .since_us = t->slots[i].b.since_us });
	pthread_mutex_unlock(&t->mu);
}

void
api_breakers_count(struct api_breakers *t, unsigned *open, uint64_t *trips)
{
	pthread_mutex_lock(&t->mu);
	*open = (unsigned)t->ntrips;
	for (size_t i = 0; i < SLOTS; i++)
		*open += t->slots[i].b.state != API_BREAKER_CLOSED;
	*trips = t->opened;
	pthread_mutex_unlock(&t->mu);
}

bool
api_breakers_active(struct api_breakers *t)
{
	bool any;

	pthread_mutex_lock(&t->mu);
	any = t->ntrips > 0 || t->used > 0;
	pthread_mutex_unlock(&t->mu);
	return any;
}
