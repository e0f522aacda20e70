/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_json.h - what claim_json.c (which members there are) and
 * claim_members.c (what each may say) share; private to them.
 */
#ifndef STEME_CLAIM_JSON_H
#define STEME_CLAIM_JSON_H

#include "core/claim.h"
#include "core/jsonin.h"

enum member_type {
	M_KIND, M_CONCEPT, M_SEGMENT, M_SOURCE, M_SOURCE_HASH, M_OBJECT, M_UNIT,
	M_WEIGHT, M_CLASS, M_LIFECYCLE, M_STATE, M_ID, M_IDS, M_META, M_TIME,
	M_COUNT, M_REASON, M_SIGNATURE, M_AGENT_NAME
};

struct member {
	const char *name, *also;
	uint8_t type;		/* enum member_type */
	uint16_t kinds;		/* bit 1 << kind: may stand there */
	uint16_t needed;	/* bit 1 << kind: must */
	uint16_t off;		/* of its field in struct steme_object */
};

struct reader {
	struct steme_claim *c;
	struct steme_json json;
	unsigned number;	/* of the next number in the walk */
	uint32_t seen;		/* bit i: members[i] */
	bool has_sig;
	struct steme_why *why;
};

/*
 * Takes the member m with value v (NULL is JSON's null) into r->c.
 * Members must be taken in the order of the text.  STEME_OK, or an error with r->why.
 */
int claim_take_member(struct reader *r, const struct member *m,
    struct json_object *v);
/* The string of v, in json-c's memory; absent if v is none. */
struct steme_str claim_string(struct json_object *v);

#endif
