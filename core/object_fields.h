/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object_fields.h - the headers of each kind in their order; private to
 * object.c (parse) and object_write.c (write), so that the two cannot differ.
 */
#ifndef STEME_OBJECT_FIELDS_H
#define STEME_OBJECT_FIELDS_H

#include "core/object.h"

enum field_type {
	F_CONCEPT,	/* struct steme_str */
	F_SEGMENT,	/* struct steme_str */
	F_SOURCE,	/* struct steme_str */
	F_SOURCE_HASH,	/* struct steme_str */
	F_TYPE,		/* enum steme_type */
	F_UNIT,		/* int32_t, 0..1 */
	F_WEIGHT,	/* int32_t, -1..1 */
	F_CLASS,	/* enum steme_class */
	F_LIFECYCLE,	/* enum steme_lifecycle */
	F_STATE,	/* enum steme_source_state */
	F_ID,		/* struct steme_id */
	F_IDS,		/* supersedes[] and nsupersedes */
	F_META,		/* meta[] and nmeta; the key is a prefix */
	F_TIME,		/* int64_t */
	F_COUNT		/* uint32_t, 1..STEME_BATCH_MAX */
};

struct field {
	const char *key;
	uint8_t keylen;
	uint8_t type;		/* enum field_type */
	bool optional;
	uint16_t off;		/* of the member in struct steme_object */
	uint16_t has;		/* of its bool; 0: it has none */
};

/*
 * The headers of a known kind, and how many.  source_form: of a retraction,
 * those of a whole source instead of one assertion.
 */
const struct field *steme_object_fields(enum steme_kind kind, bool source_form,
    unsigned *n);
/*
 * A value that does not fit its type (STEME_EINVAL, STEME_EUTF8) or is no UTF-8.
 */
int steme_object_check_value(const struct steme_object *o,
    struct steme_why *why);
int steme_source_check(struct steme_str s, struct steme_why *why);
int steme_source_hash_check(struct steme_str s, struct steme_why *why);
int steme_meta_check(const struct steme_meta *m, struct steme_why *why);
/* Static text: "retracted", "reinstated". */
const char *steme_source_state_name(enum steme_source_state s);

#endif
