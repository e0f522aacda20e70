/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - what lenses know besides the candidates: stewards, roots, trust,
 * aliases, epochs, retracted sources, revoked agents, half-lives.
 *
 * struct steme_globals holds the objects that decide it (all trust, epoch, alias,
 * revocation and source-retraction objects, and the operator's assertions below
 * `_steme/`), each with its time, hlc and lsn.  It only grows.  A struct
 * steme_world is the state they make within given bounds; immutable and counted.
 * doc/lenses.md has the rules.  No floating point.
 */
#ifndef STEME_WORLD_H
#define STEME_WORLD_H

#include "core/object.h"
#include "core/record.h"

/* What may count.  Zero-initialise, then steme_bounds_init(). */
struct steme_bounds {
	int64_t as_of_us;	/* time <= it; INT64_MAX: no bound */
	uint64_t known_at;	/* hlc <= it; UINT64_MAX: no bound */
	uint64_t max_lsn;	/* lsn <= it; UINT64_MAX: no bound */
};
void steme_bounds_init(struct steme_bounds *b);
bool steme_bounds_has(const struct steme_bounds *b, int64_t time_us, uint64_t hlc,
    uint64_t lsn);

struct steme_globals;
struct steme_world;

/*
 * Threads: any function from any thread; adding excludes making.  Rank of the locks
 * inside: leaves, nothing else is taken under them.  Worlds may outlive their globals.
 */

/* operator_: the key whose assertions below `_steme/` count. */
struct steme_globals *steme_globals_new(const struct steme_id *operator_);
void steme_globals_free(struct steme_globals *g);
/* Does this object belong here?  (Global kinds but batches; `_steme/` assertions.) */
bool steme_globals_wants(const struct steme_object *o);
/*
 * Adds one object (copied).  Idempotent by id; a lower (hlc, node) for a known id
 * replaces its envelope.  Takes a write lock.
 */
int steme_globals_add(struct steme_globals *g, const struct steme_record *r,
    const struct steme_object *o);
/* Highest lsn added, excluding nothing: a view's version is at least this. */
uint64_t steme_globals_lsn(const struct steme_globals *g);
/* The same within bounds (for re-rendering old versions).  As fast as steme_world_at(). */
uint64_t steme_globals_lsn_at(struct steme_globals *g, const struct steme_bounds *b);

/*
 * The world within bounds; counted, release with steme_world_put().  The unbounded
 * one and the last few bounded ones are kept; max_lsn at or beyond steme_globals_lsn()
 * is no bound.  A kept one costs some 20 ns; what a new object cannot change is not
 * made again.  NULL only when out of memory.
 */
const struct steme_world *steme_world_at(struct steme_globals *g,
    const struct steme_bounds *b);
void steme_world_put(const struct steme_world *w);
/*
 * w as it would be if this source were retracted (or w itself, if it is).  Counted, as
 * above; source is borrowed for as long.  NULL: out of memory.
 */
const struct steme_world *steme_world_without_source(const struct steme_world *w,
    struct steme_str source);

bool steme_world_is_steward(const struct steme_world *w, const struct steme_id *agent);
bool steme_world_has_roots(const struct steme_world *w);
/* trust(agent) in 1/1,000,000,000. */
uint32_t steme_world_trust(const struct steme_world *w, const struct steme_id *agent);
/* The class an agent's claim counts as for concept: claimed, or anecdotal when roots
 * exist and no chain accredits the agent for it there. */
enum steme_class steme_world_class(const struct steme_world *w,
    const struct steme_id *agent, enum steme_class claimed, struct steme_str concept);
/* Revoked, and since when (objects first recorded after it do not count). */
bool steme_world_revoked(const struct steme_world *w, const struct steme_id *agent,
    int64_t *since_us);
/* Does what agent did count, if it was first recorded at hlc? */
bool steme_world_counts(const struct steme_world *w, const struct steme_id *agent,
    uint64_t hlc);
bool steme_world_source_retracted(const struct steme_world *w, struct steme_str source);
bool steme_world_epoch_superseded(const struct steme_world *w, struct steme_str epoch);
/*
 * The alias class of concept: *names is an array of *n paths, ascending, concept included; borrowed
 * from w.  No alias: *n == 0 and *names == NULL (the concept alone).
 */
void steme_world_aliases(const struct steme_world *w, struct steme_str concept,
    const struct steme_str **names, size_t *n);
/* Half-life of a class in days; 0: never. */
uint32_t steme_world_half_life(const struct steme_world *w, enum steme_class c);

#endif
