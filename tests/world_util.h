/* SPDX-License-Identifier: Apache-2.0 */
/* world_util.h - global objects by few agents, as records. */
#ifndef STEME_WORLD_UTIL_H
#define STEME_WORLD_UTIL_H

#include "core/clock.h"
#include "core/world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY	INT64_C(86400000000)
#define AGENTS	6

static inline struct steme_id
id_of(const char *what, uint64_t i)
{
	char text[64];

	return steme_hash(text, (size_t)snprintf(text, sizeof(text), "%s %llu", what,
	    (unsigned long long)i));
}

static inline struct steme_id
agent(uint64_t i)
{
	return id_of("agent", i);
}

static char hexes[AGENTS][STEME_ID_HEX + 1];

static inline struct steme_str
agent_hex(unsigned i)
{
	struct steme_id id = agent(i);

	steme_id_hex(hexes[i], &id);
	return steme_str_from(hexes[i]);
}

/* An object and its record, made to be filled in.  Agent 0 is the operator. */
struct sample {
	struct steme_object o;
	struct steme_record r;
};

static inline struct sample
sample(enum steme_kind kind, unsigned by, uint64_t number)
{
	struct sample s;

	memset(&s, 0, sizeof(s));
	s.o.kind = kind;
	s.o.agent = agent(by);
	s.o.class_ = STEME_CLASS_NONE;
	s.o.time_us = (int64_t)number * DAY;
	s.r.id = id_of("object", number);
	s.r.lsn = number;
	s.r.hlc = steme_hlc_from_us(s.o.time_us);
	s.r.node = 5;
	return s;
}

static inline struct sample
setting(uint64_t number, struct steme_str concept, struct steme_str predicate)
{
	struct sample s = sample(STEME_ASSERTION, 0, number);

	s.o.concept = concept;
	s.o.predicate = predicate;
	s.o.type = STEME_BOOLEAN;
	s.o.value = STEME_LIT("true");
	s.o.class_ = STEME_EXPERT;
	return s;
}

static inline struct sample
alias(uint64_t number, unsigned by, struct steme_str from, struct steme_str to)
{
	struct sample s = sample(STEME_ALIAS, by, number);

	s.o.from = from;
	s.o.to = to;
	return s;
}

static inline struct steme_globals *
new_globals(void)
{
	struct steme_id operator_ = agent(0);
	struct steme_globals *g = steme_globals_new(&operator_);

	ck_assert_ptr_nonnull(g);
	return g;
}

static inline void
add(struct steme_globals *g, const struct sample *s)
{
	ck_assert(steme_globals_wants(&s->o));
	ck_assert_int_eq(steme_globals_add(g, &s->r, &s->o), STEME_OK);
}

static inline const struct steme_world *
unbounded(struct steme_globals *g)
{
	const struct steme_world *w;
	struct steme_bounds b;

	steme_bounds_init(&b);
	ck_assert_ptr_nonnull(w = steme_world_at(g, &b));
	return w;
}

#endif
