/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_query.h - a question: which lens, about what, within which bounds.
 * In libsteme_base, because every program asks; the store answers (view.h).
 */
#ifndef STEME_VIEW_QUERY_H
#define STEME_VIEW_QUERY_H

#include "core/err.h"
#include "core/lens_names.h"
#include "core/object.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define STEME_CURSOR_MAX	2048	/* bytes of a cursor: it may hold a concept and more */

/* What may be asked; zero-initialise with steme_query_init(). */
struct steme_query {
	enum steme_lens lens;
	struct steme_str concept;	/* absent: none (GET without parameters) */
	struct steme_str predicate;	/* absent: all */
	struct steme_str prefix;	/* instead of concept: every concept at or below */
	int64_t as_of_us;		/* INT64_MAX: now */
	uint64_t known_at;		/* UINT64_MAX: now */
	uint64_t max_lsn;		/* UINT64_MAX: all that is visible */
	uint64_t since_hlc;		/* exclusive; 0: any */
	unsigned include;		/* STEME_INC_* */
	int lifecycle;			/* enum steme_lifecycle or -1 */
	struct steme_str epoch;
	bool decay;
	uint32_t limit;			/* 0: 100; at most 10,000 */
	struct steme_str cursor;	/* as given out; absent: first page */
};
void steme_query_init(struct steme_query *q);

/*
 * Parses one parameter as HTTP and the command line spell it: lens, concept_path,
 * predicate, prefix, as_of, known_at, since, lifecycle, epoch, include (comma list), decay,
 * limit, cursor.  Slices in q borrow from value.  STEME_EINVAL: why names parameter and rule;
 * STEME_ENOTFOUND: no such parameter.
 */
int steme_query_set(struct steme_query *q, struct steme_str name,
    struct steme_str value, struct steme_why *why);

#endif
