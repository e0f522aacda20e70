/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - an object on its way in: from JSON or TSV, signed or to be signed.
 * Every door (HTTP, @assert, steme import) uses this, so they all accept the same.
 * doc/object-format.md, "JSON" and "TSV", has the forms member by member:
 *   {"text": "<exact object>", "signature": "<128 hex>"}
 *   {"kind"?, "concept_path", "predicate", "object": {"type","value"} | scalar,
 *    "confidence", "source_class", "source", "source_hash", "lifecycle", "epoch",
 *    "parent", "supersedes": [...], "meta": {...}, "time", "agent_id", "signature",
 *    "agent"}       "agent" is a key's local name: for import only
 *   and the fields of the other kinds under the names of their headers, their
 *   free text as "reason".
 * Unknown members are refused, with their name; null is as good as absent.
 *
 * A claim belongs to one thread.  It may be parsed into again and again: memory
 * is kept until steme_claim_fini().  An all-zero claim is an initialised one.
 */
#ifndef STEME_CLAIM_H
#define STEME_CLAIM_H

#include "core/object.h"
#include "core/sign.h"

/* What a writer's key profile says where the claim itself is silent. */
struct steme_profile {
	enum steme_class class_;	/* STEME_CLASS_NONE: anecdotal */
	int32_t confidence;		/* 1/10,000 */
	char source[STEME_SOURCE_MAX + 1];	/* "": none */
};

struct steme_claim {
	struct steme_object o;		/* slices point into arena or bytes */
	bool has_time, has_agent;
	bool has_confidence, has_class, has_source;
	bool is_signed;			/* sig came with it; bytes are exact */
	struct steme_sig sig;
	char agent_name[256];		/* member "agent"; "" if absent */
	struct steme_buf bytes;		/* the canonical object, once it is complete */
	struct steme_buf arena;		/* backing of slices; of fixed size once parsed */
};

void steme_claim_init(struct steme_claim *c);
void steme_claim_fini(struct steme_claim *c);

/*
 * Parses one JSON object.  expect: the kind an endpoint takes, or 0 for any
 * (then "kind" decides, default assertion).  With a signature nothing is filled
 * in (so all that the format needs must be there), the bytes are built, and
 * is_signed is set; the signature is not verified here.  Numbers keep the
 * author's spelling.  Limits: depth 8, STEME_OBJECT_MAX * 2 bytes.
 * STEME_OK; STEME_EINVAL, STEME_EUTF8, STEME_ETOOBIG, STEME_EVERSION (a "text" of a
 * kind or version not known here), STEME_ENOMEM; why names the member and the rule.
 * After a failure c may only be parsed into again, or freed.
 */
int steme_claim_from_json(struct steme_claim *c, const char *json, size_t len,
    enum steme_kind expect, struct steme_why *why);

/*
 * Parses one TSV line: concept, predicate, value, then optional columns
 * confidence, class, source, time; \t \n \\ are escapes.  The value's type as by
 * steme_value_guess().  An empty optional column is an absent one.  One LF at the
 * end is allowed.  Errors as steme_claim_from_json(); why names the column.
 */
int steme_claim_from_tsv(struct steme_claim *c, const char *line, size_t len,
    struct steme_why *why);

/*
 * A JSON number (within the limits of number values) becomes a number,
 * true/false a boolean, anything else text: the rule of @assert, of
 * `steme assert` and of TSV.
 */
enum steme_type steme_value_guess(struct steme_str value);

/*
 * Completes an unsigned claim with key's agent, the profile's defaults (may be
 * NULL) and now_us where it has no time, and writes c->bytes; of c->o only agent and
 * time change.  Does not sign.  A claim whose agent_id is another key's: STEME_EPERM;
 * one that came signed: STEME_EINVAL.  Once written, it stays as it is: a second
 * call by the same agent changes nothing.  After a failure c is as before.
 */
int steme_claim_write(struct steme_claim *c, const struct steme_id *agent,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why);
/* The same, and parses c->bytes back into c->o. */
int steme_claim_complete(struct steme_claim *c, const struct steme_id *agent,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why);
/* steme_claim_complete(), then signs; is_signed is true afterwards. */
int steme_claim_sign(struct steme_claim *c, const struct steme_key *key,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why);

#endif
