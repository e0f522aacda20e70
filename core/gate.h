/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - who may hand in now: the caps on the whole node, and drain.  Both are settings
 * below `_steme/`, so every door obeys them, whoever wrote:
 *   _steme/limits         max_writes_per_sec, max_assertions_per_sec   whole numbers
 *   _steme/nodes/NODE     drained                                      boolean
 * What is replayed, rebuilt or replicated does not pass here, nor do settings themselves.
 *
 * A cap is a bucket that holds one second's worth and may be overdrawn by the write that is
 * let in while it holds something: so a group larger than the cap passes, and those behind it
 * wait until it is paid for.
 *
 * Threads: any.  The lock is a leaf, and not taken while nothing is limited.
 */
#ifndef STEME_GATE_H
#define STEME_GATE_H

#include "core/clock.h"
#include "core/err.h"
#include "core/object.h"

struct steme_gate;
struct steme_store;

#define STEME_LIMITS_CONCEPT	"_steme/limits"
#define STEME_NODES_PREFIX	"_steme/nodes/"
#define STEME_CAP_MAX		1000000000	/* the highest cap taken */

enum steme_cap { STEME_CAP_WRITES, STEME_CAP_ASSERTIONS, STEME_NCAPS };
/* The predicate: "max_writes_per_sec". */
const char *steme_cap_name(enum steme_cap c);

/* node_name: whose drain counts here; NULL or "": no node is ever drained. */
int steme_gate_new(struct steme_gate **out, const char *node_name,
    const struct steme_clock *clock);
void steme_gate_free(struct steme_gate *g);

/* May this object change what the gate knows? */
bool steme_gate_wants(const struct steme_object *o);
/* Reads the settings from s.  After a failure (logged) those known before go on. */
void steme_gate_load(struct steme_gate *g, struct steme_store *s);

/*
 * Is the node drained?  STEME_EDRAINED, why says what to do.  Asked before anything is
 * checked.
 */
int steme_gate_open(struct steme_gate *g, struct steme_why *why);
/*
 * Takes n[] writes and assertions from the buckets.  STEME_ELIMIT: nothing was taken; why names
 * the cap, its value and when there is room again.
 */
int steme_gate_admit(struct steme_gate *g, const uint64_t n[STEME_NCAPS],
    struct steme_why *why);

struct steme_gate_state {
	bool drained;
	uint64_t cap[STEME_NCAPS];	/* 0: none */
	uint64_t refused[STEME_NCAPS];	/* writes, since the start */
};
void steme_gate_state(struct steme_gate *g, struct steme_gate_state *out);

/*
 * The rules of the settings that the store itself obeys: a cap is a whole number from 1 to
 * STEME_CAP_MAX, drained is a boolean.  STEME_OK for all others.  STEME_EINVAL, why names it.
 */
int steme_gate_check(struct steme_str concept, struct steme_str predicate,
    enum steme_type type, struct steme_str value, struct steme_why *why);

#endif
