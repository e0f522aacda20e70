/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_claim.h - what must hold of every claim that a door lets in. */
#ifndef STEME_FUZZ_CLAIM_H
#define STEME_FUZZ_CLAIM_H

#include "core/claim.h"

/*
 * Completes the claim if it is unsigned (which may fail: the headers can be too
 * long together, or agent_id another's) and wants its bytes to parse.
 */
static inline void
check_claim(struct steme_claim *c)
{
	static const struct steme_id agent = { { 1, 2, 3 } };
	struct steme_object o;
	struct steme_why why;

	if (!c->is_signed && steme_claim_complete(c, &agent, NULL, 0,
	    &why) != STEME_OK)
		return;
	MUST(steme_object_parse(&o, c->bytes.data, c->bytes.len, &why));
	MUST(o.kind != c->o.kind || o.time_us != c->o.time_us);
	MUST(!steme_id_eq(&o.agent, &c->o.agent));
	MUST(!steme_str_eq(o.value, c->o.value));
}

#endif
