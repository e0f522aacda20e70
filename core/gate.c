/* SPDX-License-Identifier: Apache-2.0 */
/* gate.c - caps on the whole node, and drain. */
#include "config.h"
#include "core/gate.h"
#include "core/log.h"
#include "core/path.h"
#include "core/setting.h"
#include "core/util.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND	INT64_C(1000000)
#define DRAINED	STEME_LIT("drained")

/* Counted in millionths, so that a microsecond is worth `cap` of them. */
struct bucket {
	uint64_t cap;			/* a second; 0: no cap */
	int64_t level;			/* at most cap * SECOND; may be below 0 */
	int64_t at_us;			/* monotonic, of level */
	uint64_t refused;
};

struct steme_gate {
	const struct steme_clock *clock;
	char node[STEME_SEGMENT_MAX + sizeof(STEME_NODES_PREFIX)];	/* its concept, or "" */
	atomic_bool drained, capped;
	pthread_mutex_t mu;		/* leaf */
	struct bucket b[STEME_NCAPS];	/* (mu) */
};

static const char *const names[STEME_NCAPS] = {
	[STEME_CAP_WRITES] = "max_writes_per_sec",
	[STEME_CAP_ASSERTIONS] = "max_assertions_per_sec",
};

const char *
steme_cap_name(enum steme_cap c)
{
	return names[c];
}

int
steme_gate_new(struct steme_gate **out, const char *node_name,
    const struct steme_clock *clock)
{
	struct steme_gate *g = calloc(1, sizeof(*g));
	char segment[STEME_SEGMENT_MAX + 1];

	*out = g;
	if (g == NULL)
		return STEME_ENOMEM;
	g->clock = clock;
	if (node_name != NULL && steme_segment_encode(segment,
	    steme_str_from(node_name)) == STEME_OK)
		snprintf(g->node, sizeof(g->node), STEME_NODES_PREFIX "%s", segment);
	MUST(pthread_mutex_init(&g->mu, NULL));
	return STEME_OK;
}

void
steme_gate_free(struct steme_gate *g)
{
	if (g == NULL)
		return;
	MUST(pthread_mutex_destroy(&g->mu));
	free(g);
}

/* ---- settings ---- */

static bool
is_limits(struct steme_str concept)
{
	return steme_str_eq(concept, STEME_LIT(STEME_LIMITS_CONCEPT));
}

static bool
is_node(struct steme_str concept)
{
	size_t n = strlen(STEME_NODES_PREFIX);

	return concept.n > n && memcmp(concept.p, STEME_NODES_PREFIX, n) == 0;
}

bool
steme_gate_wants(const struct steme_object *o)
{
	return o->concept.p != NULL && (is_limits(o->concept) || is_node(o->concept));
}

/* A whole number from 1 to STEME_CAP_MAX in plain digits; 0: it is none. */
static uint64_t
cap_of(enum steme_type type, struct steme_str v)
{
	uint64_t n = 0;

	if (type != STEME_NUMBER || v.n == 0 || v.n > 10)
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	return n <= STEME_CAP_MAX ? n : 0;
}

int
steme_gate_check(struct steme_str concept, struct steme_str predicate,
    enum steme_type type, struct steme_str value, struct steme_why *why)
{
	for (int c = 0; c < STEME_NCAPS && is_limits(concept); c++)
		if (steme_str_eq(predicate, steme_str_from(names[c])) &&
		    cap_of(type, value) == 0)
			return steme_fail(why, STEME_EINVAL, "%s must be a whole number "
			    "from 1 to %d: to stop writes drain the node, to lift the "
			    "cap clear it", names[c], STEME_CAP_MAX);
	if (is_node(concept) && steme_str_eq(predicate, DRAINED) &&
	    type != STEME_BOOLEAN)
		return steme_fail(why, STEME_EINVAL, "drained must be true or false");
	return STEME_OK;
}

static int
load_cap(struct steme_gate *g, struct steme_store *s, enum steme_cap c)
{
	struct bucket *b = &g->b[c];
	struct steme_setting v;
	uint64_t cap = 0;
	char text[32];
	bool has;
	int err = steme_setting_get(s, STEME_LIT(STEME_LIMITS_CONCEPT),
	    steme_str_from(names[c]), text, sizeof(text), &v, &has);

	if (err != STEME_OK)
		return err;
	if (has && (cap = cap_of(v.type, v.value)) == 0)
		steme_log(STEME_WARN, "%s/%s is no whole number from 1 to %d: there is no "
		    "such cap until it is set anew", STEME_LIMITS_CONCEPT, names[c],
		    STEME_CAP_MAX);
	MUST(pthread_mutex_lock(&g->mu));
	if (b->cap != cap) {
		b->cap = cap;
		b->level = (int64_t)cap * SECOND;
		b->at_us = steme_mono_us(g->clock);
	}
	MUST(pthread_mutex_unlock(&g->mu));
	return STEME_OK;
}

static int
load_drained(struct steme_gate *g, struct steme_store *s)
{
	struct steme_setting v;
	bool has, drained, was;
	char text[8];
	int err;

	if (g->node[0] == '\0')
		return STEME_OK;
	err = steme_setting_get(s, steme_str_from(g->node), DRAINED, text, sizeof(text),
	    &v, &has);
	if (err != STEME_OK)
		return err;
	drained = has && v.type == STEME_BOOLEAN && steme_str_eq(v.value,
	    STEME_LIT("true"));
	was = atomic_exchange(&g->drained, drained);
	if (drained != was)
		steme_log(STEME_WARN, drained ? "node is draining: writes are refused "
		    "until it is undrained" : "node is undrained: writes are taken");
	return STEME_OK;
}

void
steme_gate_load(struct steme_gate *g, struct steme_store *s)
{
	bool capped = false;
	int err = load_drained(g, s);

	for (int c = 0; c < STEME_NCAPS && err == STEME_OK; c++)
		err = load_cap(g, s, (enum steme_cap)c);
	MUST(pthread_mutex_lock(&g->mu));
	for (int c = 0; c < STEME_NCAPS; c++)
		capped |= g->b[c].cap != 0;
	MUST(pthread_mutex_unlock(&g->mu));
	atomic_store(&g->capped, capped);
	if (err != STEME_OK)
		steme_log(STEME_ERROR, "Error: StorageError: storage error: the limits "
		    "and the drain of this node cannot be read (%s): those of before "
		    "stay", steme_strerror(err));
}

/* ---- at the door ---- */

int
steme_gate_open(struct steme_gate *g, struct steme_why *why)
{
	if (!atomic_load_explicit(&g->drained, memory_order_relaxed))
		return STEME_OK;
	return steme_fail(why, STEME_EDRAINED, "node is draining: it takes no writes; "
	    "write to another node, or undrain this one");
}

static void
refill(struct bucket *b, int64_t now)
{
	int64_t full = (int64_t)b->cap * SECOND, us = now - b->at_us;

	b->at_us = now;
	/* what is missing is at most full and a group's worth: no product overflows */
	if (us >= (full - b->level) / (int64_t)b->cap + 1)
		b->level = full;
	else if (us > 0)
		b->level += us * (int64_t)b->cap;
}

int
steme_gate_admit(struct steme_gate *g, const uint64_t n[STEME_NCAPS],
    struct steme_why *why)
{
	int err = STEME_OK;
	int64_t now;

	if (!atomic_load_explicit(&g->capped, memory_order_relaxed))
		return STEME_OK;
	now = steme_mono_us(g->clock);
	MUST(pthread_mutex_lock(&g->mu));
	for (int c = 0; c < STEME_NCAPS && err == STEME_OK; c++) {
		struct bucket *b = &g->b[c];
		int64_t missing;

		if (b->cap == 0 || n[c] == 0)
			continue;
		refill(b, now);
		if ((missing = SECOND - b->level) <= 0)
			continue;
		b->refused++;
		err = steme_fail(why, STEME_ELIMIT, "the cap %s = %" PRIu64 " of this "
		    "node is used up: " STEME_AGAIN_MS, names[c], b->cap,
		    missing / (int64_t)b->cap / 1000 + 1);
	}
	for (int c = 0; c < STEME_NCAPS && err == STEME_OK; c++)
		if (g->b[c].cap != 0)
			g->b[c].level -= (int64_t)n[c] * SECOND;
	MUST(pthread_mutex_unlock(&g->mu));
	return err;
}

void
steme_gate_state(struct steme_gate *g, struct steme_gate_state *out)
{
	memset(out, 0, sizeof(*out));
	out->drained = atomic_load(&g->drained);
	MUST(pthread_mutex_lock(&g->mu));
	for (int c = 0; c < STEME_NCAPS; c++) {
		out->cap[c] = g->b[c].cap;
		out->refused[c] = g->b[c].refused;
	}
	MUST(pthread_mutex_unlock(&g->mu));
}
