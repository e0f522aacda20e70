/* SPDX-License-Identifier: Apache-2.0 */
/* claim_impl.h - what claim.c, claim_json.c and claim_tsv.c share; private. */
#ifndef STEME_CLAIM_IMPL_H
#define STEME_CLAIM_IMPL_H

#include "core/claim.h"

/*
 * Empties c for a new claim of that kind and reserves n bytes of arena.
 * STEME_OK or STEME_ENOMEM.
 */
int claim_begin(struct steme_claim *c, enum steme_kind kind, size_t n,
    struct steme_why *why);
/*
 * A copy of s in the arena, which never moves.  All copies together must fit into
 * what claim_begin() reserved.
 */
struct steme_str claim_keep(struct steme_claim *c, struct steme_str s);
/*
 * Checks a concept path or scheme form and keeps its path in *out; cls (may be
 * NULL) receives the scheme's class if it has one.
 */
int claim_concept(struct steme_claim *c, struct steme_str s,
    struct steme_str *out, enum steme_class *cls, struct steme_why *why);
/*
 * Takes an assertion of the plainest form (claim_flat.c).  True: as claim_json.c would
 * have.  False: c holds nothing of use, and claim_json.c has to decide.
 */
bool claim_take_flat(struct steme_claim *c, const char *json, size_t len);
/* The general form of steme_claim_from_json(), without the shortcut. */
int claim_from_tree(struct steme_claim *c, const char *json, size_t len,
    enum steme_kind expect, struct steme_why *why);
/* Writes c->o to c->bytes and parses it back, so that c->o points there. */
int claim_build(struct steme_claim *c, const struct steme_object *o,
    struct steme_why *why);

#endif
