/* SPDX-License-Identifier: Apache-2.0 */
/* lens_constraints.c - rules for agents: which claims are some, and their order. */
#include "config.h"
#include "core/lens.h"

#include <stdlib.h>

bool
steme_constraint_is(struct steme_str predicate)
{
	return steme_str_eq(predicate, STEME_LIT("must_use")) ||
	    steme_str_eq(predicate, STEME_LIT("forbidden"));
}

int
steme_constraint_cmp(const struct steme_cand *a, const struct steme_cand *b)
{
	int d;

	if ((d = steme_str_cmp(a->o->predicate, b->o->predicate)) != 0)
		return d;
	if (a->above != b->above)
		return a->above < b->above ? -1 : 1;
	return steme_cand_newer(a, b);
}

static int
order(const void *va, const void *vb)
{
	return steme_constraint_cmp(*(const struct steme_cand *const *)va,
	    *(const struct steme_cand *const *)vb);
}

void
steme_lens_constraints(const struct steme_cand **c, size_t n)
{
	if (n > 1)
		qsort(c, n, sizeof(*c), order);
}

struct steme_str
steme_constraint_reason(const struct steme_object *o)
{
	for (unsigned i = 0; i < o->nmeta; i++)
		if (steme_str_eq(o->meta[i].key, STEME_LIT("reason")))
			return o->meta[i].value;
	return STEME_LIT("");
}
