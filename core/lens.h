/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens.h - pure functions of a candidate set and a context.  The same input gives the
 * same bytes on every node: integers only.  doc/lenses.md has each rule with a worked
 * example; tests/vectors/lenses.json is the table.
 *
 * Any thread; nothing is kept between calls.
 */
#ifndef STEME_LENS_H
#define STEME_LENS_H

#include "core/lens_names.h"
#include "core/object.h"
#include "core/world.h"

/*
 * Why an assertion does not count: the first of these that holds.  FUTURE goes before
 * all others, because outside of the bounds nothing is known of it.
 */
enum steme_state {
	STEME_CURRENT,
	STEME_RETRACTED,	/* by its author, its source, or its agent revoked */
	STEME_SUPERSEDED,
	STEME_STATE_DEPRECATED,
	STEME_STATE_REJECTED,
	STEME_OLD_EPOCH,
	STEME_FUTURE		/* outside of the bounds */
};
const char *steme_state_name(enum steme_state s);

/* One assertion as lenses see it.  The object and its bytes belong to the caller. */
struct steme_cand {
	const struct steme_object *o;
	struct steme_id id;
	uint64_t lsn, hlc, node;
	int64_t rank_us;	/* newest: min(time, hlc + 300 s), or time under as_of */
	int32_t confidence;	/* after decay, if asked for; 1/10,000 */
	uint32_t above;		/* constraints: levels up from the concept asked about to
				   that which it is of, or an alias of; else 0 */
	int64_t votes;		/* sum of newest vote weights per agent; 1/10,000 */
	enum steme_state state;
	unsigned reasons;	/* all that stands against it: STEME_INC_* */
};

/* A vote or retraction as the filter sees it. */
struct steme_mark {
	struct steme_id id, assertion, agent;
	int32_t weight;
	int64_t time_us;
	uint64_t hlc, lsn;
};

struct steme_lens_ctx {
	const struct steme_world *world;
	struct steme_bounds bounds;
	int64_t now_us;			/* age for decay, when as_of is unbounded */
	bool decay;
	unsigned include;		/* STEME_INC_* */
	int lifecycle;			/* enum steme_lifecycle, or -1: any */
	struct steme_str epoch;		/* only this epoch; absent: any */
	uint64_t since_hlc;		/* hlc > it; 0: any */
};

/*
 * Settles state, reasons, rank, votes and decayed confidence of all assertions of one
 * (concept class, predicate), and moves those that count to the front (the order is
 * otherwise not kept).  votes/retractions: those whose concept is that of the
 * assertion they name (the caller drops others); ones about assertions not among the n are
 * passed over.  Ids of candidates are distinct.  ctx->world must be that of ctx->bounds.
 * A candidate counts if each of its reasons is in ctx->include and it is what ctx
 * narrows to; narrowing to a lifecycle or an epoch includes it.
 * Returns how many count.
 */
size_t steme_lens_filter(const struct steme_lens_ctx *ctx, struct steme_cand *c,
    size_t n, const struct steme_mark *retractions, size_t nretr,
    const struct steme_mark *votes, size_t nvotes);

/* One distinct value among the candidates (skeptic). */
struct steme_share {
	uint32_t first;			/* index of the candidate with the lowest id */
	uint32_t agents;		/* of an agent only its newest assertion speaks */
	int64_t weight;			/* summed confidence, 1/10,000 */
	int32_t share;			/* 1/10,000, half up */
	uint32_t nmembers;		/* who speak for it: members[first_member..],
					   ascending by id */
	uint32_t first_member;
};

struct steme_tier {
	enum steme_class class_;	/* as counted */
	uint32_t winner;		/* candidate index */
	int32_t confidence;		/* 1/10,000 */
	int32_t conflict;		/* inside the tier, 1/10,000 */
	uint32_t candidates;
};

enum steme_status { STEME_UNANIMOUS, STEME_AGREED, STEME_CONTESTED };

struct steme_result {
	int32_t winner;			/* candidate index, or -1 */
	int32_t confidence;		/* 1/10,000, half up */
	int32_t conflict;		/* 1/10,000, half up */
	uint32_t candidates;		/* those that count */
	enum steme_status status;
	struct steme_share *shares;	/* skeptic: by share descending, then lowest id */
	size_t nshares;
	uint32_t *members;		/* skeptic: candidate indexes by share */
	struct steme_tier tiers[STEME_NCLASS];	/* layered: present tiers, ascending */
	size_t ntiers;
	int32_t cross_tier_conflict;	/* layered: skeptic's, among the tiers' winners */
};

/*
 * Applies one lens (not constraints: see steme_lens_constraints) to the n candidates
 * that count.  STEME_OK or STEME_ENOMEM.  steme_result_fini() frees.
 */
int steme_lens_resolve(enum steme_lens lens, const struct steme_lens_ctx *ctx,
    const struct steme_cand *c, size_t n, struct steme_result *out);
void steme_result_fini(struct steme_result *r);

/*
 * Constraints: is this predicate one (must_use, forbidden)?  Their order: by
 * predicate (forbidden first), nearest concept first (above), then as
 * steme_cand_newer().  The reason is meta-reason, else "".
 */
bool steme_constraint_is(struct steme_str predicate);
int steme_constraint_cmp(const struct steme_cand *a, const struct steme_cand *b);
void steme_lens_constraints(const struct steme_cand **c, size_t n);
struct steme_str steme_constraint_reason(const struct steme_object *o);

/*
 * Newest first, then higher confidence, then lower id: the order of recency and
 * history.  < 0: a stands before b.
 */
int steme_cand_newer(const struct steme_cand *a, const struct steme_cand *b);
/* Equal by type and meaning: numbers as exact decimals, text by its bytes. */
bool steme_value_eq(const struct steme_object *a, const struct steme_object *b);

#endif
