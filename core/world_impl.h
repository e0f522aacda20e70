/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_impl.h - what the world files share.  Not for other modules.
 *
 * Globals are six lists of objects, one for each part of a world.  A part is made from
 * its list, the settings and the revocations; it is immutable and counted, and
 * worlds share those parts that are the same.
 */
#ifndef STEME_WORLD_IMPL_H
#define STEME_WORLD_IMPL_H

#include "core/clock.h"
#include "core/htab.h"
#include "core/util.h"
#include "core/world.h"

#include <pthread.h>
#include <stdatomic.h>

/* In the order in which they are made: later ones read earlier ones. */
enum part_kind {
	PART_SETTINGS,		/* _steme/: stewards, roots, trust defaults, half-lives */
	PART_REVOKED,
	PART_ALIASES,
	PART_EPOCHS,
	PART_SOURCES,
	PART_TRUST,
	NPART
};
#define ALL_PARTS	((1u << NPART) - 1)

/* One global object.  Strings live in the arena. */
struct gent {
	struct steme_id id;
	uint64_t hlc, node, lsn;
	int64_t time_us;
	uint32_t agent;		/* place in globals.agents */
	uint32_t of;		/* trust, revocation: place in globals.agents */
	uint32_t next;		/* trust: the endorser's one before; NONE ends */
	int32_t weight;		/* trust */
	int64_t since_us;	/* revocation */
	uint8_t kind;		/* enum steme_kind */
	uint8_t class_;		/* trust */
	uint8_t type;		/* setting */
	uint8_t lifecycle;	/* setting */
	uint8_t state;		/* source */
	struct steme_id assertion;	/* retraction of a setting */
	/*
	 * setting: concept, predicate; its retraction: concept; alias: from, to;
	 * epoch: name, the name it supersedes; source: a; trust: a is the prefix
	 */
	struct steme_str a, b;
	struct steme_str value;	/* setting */
};

struct glist {
	struct gent *e;
	uint32_t n, cap;
	/* the greatest of all, to see at once that all are within bounds */
	uint64_t max_lsn, max_hlc;
	int64_t max_time_us;
	bool skewed;		/* some rank is not its time */
};

#define BOUNDED_WORLDS	8

struct bounded {
	const struct steme_world *w;	/* counted; NULL: free */
	uint64_t used;
};

struct chunk;			/* of the arena */

struct steme_globals {
	struct steme_id operator_;
	atomic_uint refs;		/* one of the owner, one for each world */
	atomic_uint_least64_t lsn;	/* written under both locks */

	pthread_mutex_t build_mu;	/* first: one builds at a time */

	pthread_rwlock_t lock;		/* second: the lists and what they point to */
	struct glist list[NPART];
	struct steme_htab by_id;	/* part << PART_SHIFT | place */
	struct steme_id *agents;
	uint32_t nagents, agents_cap;
	struct steme_htab agent_tab;
	uint32_t *trust_head;		/* per agent: its newest trust object added */
	struct chunk *arena;

	pthread_mutex_t mu;		/* last: the worlds kept */
	const struct steme_world *cur;	/* unbounded; counted */
	unsigned dirty;			/* parts of cur that are out of date */
	struct bounded bounded[BOUNDED_WORLDS];
	uint64_t uses;
};

#define PART_SHIFT	29
#define PLACE_MASK	((1u << PART_SHIFT) - 1)

/* Gives one of g->refs back. */
void steme_globals_unref(struct steme_globals *g);

/* ---- sets of ids and of strings ---- */

struct idset {
	struct steme_id *ids;
	uint32_t n, cap;
	struct steme_htab tab;
};

struct strset {
	struct steme_str *strs;
	uint32_t n, cap;
	struct steme_htab tab;
};

/* The place of what is there, or STEME_HTAB_NONE. */
uint32_t steme_idset_find(const struct idset *s, const struct steme_id *id);
uint32_t steme_strset_find(const struct strset *s, struct steme_str str);
/* Adds it if it is not there; *at is its place.  STEME_OK or STEME_ENOMEM. */
int steme_idset_add(struct idset *s, const struct steme_id *id, uint32_t *at);
int steme_strset_add(struct strset *s, struct steme_str str, uint32_t *at);
void steme_idset_fini(struct idset *s);
void steme_strset_fini(struct strset *s);
/* Room for one more element in an array; STEME_OK or STEME_ENOMEM. */
int steme_array_grow(void *array, size_t size, uint32_t n, uint32_t *cap);

/* ---- parts ---- */

struct part {
	atomic_uint refs;
	enum part_kind kind;
};

struct settings {
	struct part part;
	struct idset stewards, roots;
	bool operator_is_steward;
	uint32_t unknown_trust, default_trust;	/* 1/10^9 */
	uint32_t half_life[STEME_NCLASS];	/* days; 0: never */
};

struct revoked {
	struct part part;
	struct idset agents;
	int64_t *since_us;
};

struct aliases {
	struct part part;
	struct strset names;
	uint32_t *class_of;		/* per name */
	uint32_t nclasses;
	uint32_t *start;		/* per class, and the end */
	struct steme_str *members;	/* by class, ascending */
};

struct epochs {
	struct part part;
	struct strset superseded;
};

struct sources {
	struct part part;
	struct strset retracted;
};

/* An accreditation: `from` is accredited for class_ itself, within `depth` steps. */
struct tlink {
	uint32_t from;
	uint8_t class_;
	uint8_t depth;
	struct steme_str prefix;	/* absent: everywhere */
};

struct tnode {
	uint32_t trust;			/* 1/10^9 */
	uint32_t links, nlinks;		/* who accredit it */
	uint8_t classes;		/* bit per class among them */
	bool root;
};

struct trust {
	struct part part;
	struct idset agents;		/* reached by a chain; nodes[] goes with it */
	struct tnode *nodes;
	struct tlink *links;
};

struct steme_world {
	atomic_uint refs;
	struct steme_globals *g;	/* counted: strings live there */
	struct steme_bounds bounds;
	uint64_t lsn;			/* highest within the bounds */
	struct part *part[NPART];
};

/* What a part is made from; g->lock is held for reading. */
struct making {
	const struct steme_globals *g;
	const struct steme_bounds *b;
	const struct settings *set;	/* NULL while it is made itself */
	const struct revoked *rev;
};

/* STEME_OK or STEME_ENOMEM; refs is 1. */
int steme_settings_make(const struct making *m, struct part **out);
int steme_revoked_make(const struct making *m, struct part **out);
int steme_aliases_make(const struct making *m, struct part **out);
int steme_epochs_make(const struct making *m, struct part **out);
int steme_sources_make(const struct making *m, struct part **out);
int steme_trust_make(const struct making *m, struct part **out);
/* Those of `from`, and source. */
int steme_sources_and(const struct part *from, struct steme_str source,
    struct part **out);
/* Frees what is inside; p may be half made. */
void steme_settings_fini(struct part *p);
void steme_revoked_fini(struct part *p);
void steme_aliases_fini(struct part *p);
void steme_epochs_fini(struct part *p);
void steme_sources_fini(struct part *p);
void steme_trust_fini(struct part *p);
/* Allocates a part of this size; NULL: out of memory.  steme_part_put() frees. */
struct part *steme_part_new(enum part_kind kind, size_t size);
void steme_part_put(struct part *p);

bool steme_settings_is_steward(const struct settings *s, const struct steme_globals *g,
    const struct steme_id *agent);
bool steme_revoked_counts(const struct revoked *r, const struct steme_id *agent,
    uint64_t hlc);

static inline const struct steme_id *
agent_of(const struct steme_globals *g, uint32_t place)
{
	return &g->agents[place];
}

static inline bool
gent_within(const struct making *m, const struct gent *e)
{
	return steme_bounds_has(m->b, e->time_us, e->hlc, e->lsn);
}

/* Within the bounds, and not of a revoked agent. */
static inline bool
gent_counts(const struct making *m, const struct gent *e)
{
	return gent_within(m, e) &&
	    steme_revoked_counts(m->rev, agent_of(m->g, e->agent), e->hlc);
}

/* The same, and of a steward. */
static inline bool
gent_of_steward(const struct making *m, const struct gent *e)
{
	return gent_counts(m, e) &&
	    steme_settings_is_steward(m->set, m->g, agent_of(m->g, e->agent));
}

/* What "newest" goes by: without as_of nobody wins from the future. */
static inline int64_t
gent_rank(const struct steme_bounds *b, const struct gent *e)
{
	int64_t latest = steme_hlc_us(e->hlc) + STEME_SKEW_US;

	if (b->as_of_us != INT64_MAX)
		return e->time_us;
	return STEME_MIN(e->time_us, latest);
}

/* < 0: a is newer (then of lower id). */
static inline int
gent_newer(const struct steme_bounds *b, const struct gent *x, const struct gent *y)
{
	int64_t rx = gent_rank(b, x), ry = gent_rank(b, y);

	if (rx != ry)
		return rx > ry ? -1 : 1;
	return steme_id_cmp(&x->id, &y->id);
}

#endif
