/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - objects: what is stored, hashed and signed.
 * doc/object-format.md is the grammar; this parser accepts exactly that.
 *
 * A parsed object borrows: every slice points into the bytes that were parsed,
 * which must outlive it.  Parsing allocates nothing.  Any thread.
 */
#ifndef STEME_OBJECT_H
#define STEME_OBJECT_H

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/number.h"
#include "core/str.h"

#include <stdint.h>

#define STEME_OBJECT_MAX	(1 << 20)	/* bytes of an object */
#define STEME_HEADERS_MAX	(16 << 10)	/* first line to blank line */
#define STEME_CONCEPT_MAX	1024
#define STEME_SEGMENT_MAX	255
#define STEME_SEGMENTS_MAX	32
#define STEME_SOURCE_MAX	1024
#define STEME_META_MAX		1024
#define STEME_META_KEY_MAX	64
#define STEME_LIST_MAX		16		/* supersedes, meta-* */
#define STEME_BATCH_MAX		4096

/* Numbers are stored in the index and on the wire: never change them. */
enum steme_kind {
	STEME_ASSERTION = 1,
	STEME_VOTE = 2,
	STEME_RETRACTION = 3,
	STEME_EPOCH = 4,
	STEME_ALIAS = 5,
	STEME_TRUST = 6,
	STEME_REVOCATION = 7,
	STEME_BATCH = 8,
	STEME_OPAQUE = 255	/* kind or version not known here: kept as bytes */
};

enum steme_type {
	STEME_TEXT = 1,
	STEME_NUMBER = 2,
	STEME_BOOLEAN = 3,
	STEME_REFERENCE = 4,
	STEME_SEALED = 5	/* reserved: refused by the parser */
};

/* The tier is the number: 0 regulatory .. 5 anecdotal. */
enum steme_class {
	STEME_REGULATORY,
	STEME_CLINICAL,
	STEME_OBSERVATIONAL,
	STEME_EXPERT,
	STEME_COMMUNITY,
	STEME_ANECDOTAL,
	STEME_NCLASS,
	STEME_CLASS_NONE = 255	/* optional header absent */
};

enum steme_lifecycle {
	STEME_APPROVED,		/* the default, never written */
	STEME_PROPOSED,
	STEME_UNDER_REVIEW,
	STEME_DEPRECATED,
	STEME_REJECTED
};

enum steme_source_state {
	STEME_STATE_NONE,
	STEME_STATE_RETRACTED,
	STEME_STATE_REINSTATED
};

struct steme_meta {
	struct steme_str key;		/* without "meta-" */
	struct steme_str value;
};

/*
 * Headers that a kind does not have are zero; class_ is STEME_CLASS_NONE where
 * there is none, and must be when one is written.  `agent` is the author's public
 * key, `of` that of the agent a trust or revocation speaks about.
 */
struct steme_object {
	enum steme_kind kind;
	struct steme_str bytes;		/* the whole object */
	struct steme_str value;		/* after the blank line */
	struct steme_str concept;	/* assertion, vote, retraction */
	struct steme_str predicate;
	enum steme_type type;
	int32_t confidence;		/* 1/10,000 */
	int32_t weight;			/* 1/10,000; vote -1..1, trust 0..1 */
	enum steme_class class_;	/* assertion; trust (may be NONE) */
	struct steme_str source;	/* assertion, source retraction */
	struct steme_str source_hash;
	enum steme_lifecycle lifecycle;
	struct steme_str epoch;
	bool has_parent;
	struct steme_id parent;
	unsigned nsupersedes, nmeta;
	bool has_assertion;		/* vote; retraction of one assertion */
	struct steme_id assertion;
	enum steme_source_state state;	/* retraction of a source */
	struct steme_str name;		/* epoch */
	struct steme_str superseded;	/* epoch: the name it supersedes */
	struct steme_str from, to;	/* alias */
	struct steme_id of;		/* trust, revocation */
	struct steme_str prefix;	/* trust */
	int64_t since_us;		/* revocation */
	uint32_t count;			/* batch */
	struct steme_id root;		/* batch */
	int64_t time_us;
	struct steme_id agent;
	/*
	 * Last, since the parser leaves what lies beyond their numbers as it was, and who
	 * keeps many objects leaves it out (core/found.h).
	 */
	struct steme_id supersedes[STEME_LIST_MAX];
	struct steme_meta meta[STEME_LIST_MAX];
};

/*
 * Parses the exact bytes of an object.
 * STEME_OK; STEME_EINVAL or STEME_EUTF8 (why names line and rule);
 * STEME_ETOOBIG (over a hard limit, why names it); STEME_EVERSION: a well-formed first
 * line `steme KIND VERSION` that this version does not know: *o is STEME_OPAQUE
 * with bytes set.  On any other failure *o is not touched.
 */
int steme_object_parse(struct steme_object *o, const void *bytes, size_t len,
    struct steme_why *why);

/*
 * Appends the canonical bytes of o (fields only; o->bytes is not read) to b.
 * Checks every rule of the format, so what comes out always parses.
 * supersedes and meta are sorted here; duplicates are refused.
 * A retraction is of a source if has_assertion is false.
 * STEME_OK; STEME_EINVAL, STEME_EUTF8, STEME_ETOOBIG (why names header and rule)
 * or STEME_ENOMEM.  On failure b holds what it held before, unless its own
 * failure stuck.
 */
int steme_object_write(const struct steme_object *o, struct steme_buf *b,
    struct steme_why *why);

/* Static names as they stand in objects: "assertion", "text", "regulatory", ... */
const char *steme_kind_name(enum steme_kind kind);
const char *steme_type_name(enum steme_type type);
const char *steme_class_name(enum steme_class c);
const char *steme_lifecycle_name(enum steme_lifecycle l);
/* And back; STEME_EINVAL if unknown. */
int steme_kind_parse(struct steme_str s, enum steme_kind *out);
int steme_type_parse(struct steme_str s, enum steme_type *out);
int steme_class_parse(struct steme_str s, enum steme_class *out);
int steme_lifecycle_parse(struct steme_str s, enum steme_lifecycle *out);

/* Kinds that name a concept (and so live in its shard): assertion, vote,
 * retraction of an assertion.  The others belong to every node. */
static inline bool
steme_object_is_global(const struct steme_object *o)
{
	return o->concept.p == NULL;
}

#endif
