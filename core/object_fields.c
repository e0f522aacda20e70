/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object_fields.c - the headers of each kind in their order, the names that
 * stand in them, and the rules of values that parser and writer share.
 */
#include "config.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/util.h"

#define OFF(m)		offsetof(struct steme_object, m)
#define MUST_HAVE(key, type, m)	{ key, sizeof(key) - 1, type, false, OFF(m), 0 }
#define MAY_HAVE(key, type, m)	{ key, sizeof(key) - 1, type, true, OFF(m), 0 }
#define FLAGGED(key, type, opt, m) \
	{ key, sizeof(key) - 1, type, opt, OFF(m), OFF(has_##m) }
#define AUTHOR	MUST_HAVE("time", F_TIME, time_us), \
		MUST_HAVE("agent", F_ID, agent)

static const struct field assertion_fields[] = {
	MUST_HAVE("concept", F_CONCEPT, concept),
	MUST_HAVE("predicate", F_SEGMENT, predicate),
	MUST_HAVE("type", F_TYPE, type),
	MUST_HAVE("confidence", F_UNIT, confidence),
	MUST_HAVE("class", F_CLASS, class_),
	MAY_HAVE("source", F_SOURCE, source),
	MAY_HAVE("source-hash", F_SOURCE_HASH, source_hash),
	MAY_HAVE("lifecycle", F_LIFECYCLE, lifecycle),
	MAY_HAVE("epoch", F_SEGMENT, epoch),
	FLAGGED("parent", F_ID, true, parent),
	MAY_HAVE("supersedes", F_IDS, supersedes),
	MAY_HAVE("meta-", F_META, meta),
	AUTHOR
};

static const struct field vote_fields[] = {
	MUST_HAVE("concept", F_CONCEPT, concept),
	FLAGGED("assertion", F_ID, false, assertion),
	MUST_HAVE("weight", F_WEIGHT, weight),
	AUTHOR
};

static const struct field retraction_fields[] = {
	MUST_HAVE("concept", F_CONCEPT, concept),
	FLAGGED("assertion", F_ID, false, assertion),
	AUTHOR
};

static const struct field source_retraction_fields[] = {
	MUST_HAVE("source", F_SOURCE, source),
	MUST_HAVE("state", F_STATE, state),
	AUTHOR
};

static const struct field epoch_fields[] = {
	MUST_HAVE("name", F_SEGMENT, name),
	MAY_HAVE("supersedes", F_SEGMENT, superseded),
	AUTHOR
};

static const struct field alias_fields[] = {
	MUST_HAVE("from", F_CONCEPT, from),
	MUST_HAVE("to", F_CONCEPT, to),
	AUTHOR
};

static const struct field trust_fields[] = {
	MUST_HAVE("of", F_ID, of),
	MUST_HAVE("weight", F_UNIT, weight),
	MAY_HAVE("class", F_CLASS, class_),
	MAY_HAVE("prefix", F_CONCEPT, prefix),
	AUTHOR
};

static const struct field revocation_fields[] = {
	MUST_HAVE("of", F_ID, of),
	MUST_HAVE("since", F_TIME, since_us),
	AUTHOR
};

static const struct field batch_fields[] = {
	MUST_HAVE("count", F_COUNT, count),
	MUST_HAVE("root", F_ID, root),
	AUTHOR
};

#define FIELDS(k)	{ k##_fields, STEME_NELEM(k##_fields) }

static const struct {
	const struct field *f;
	unsigned n;
} kinds[] = {
	[STEME_ASSERTION] = FIELDS(assertion),
	[STEME_VOTE] = FIELDS(vote),
	[STEME_RETRACTION] = FIELDS(retraction),
	[STEME_EPOCH] = FIELDS(epoch),
	[STEME_ALIAS] = FIELDS(alias),
	[STEME_TRUST] = FIELDS(trust),
	[STEME_REVOCATION] = FIELDS(revocation),
	[STEME_BATCH] = FIELDS(batch),
};

const struct field *
steme_object_fields(enum steme_kind kind, bool source_form, unsigned *n)
{
	if (kind == STEME_RETRACTION && source_form) {
		*n = STEME_NELEM(source_retraction_fields);
		return source_retraction_fields;
	}
	*n = kinds[kind].n;
	return kinds[kind].f;
}

/* Names, in the order of their numbers; an absent one has no name. */
static const struct steme_str kind_names[] = {
	[STEME_ASSERTION] = { "assertion", 9 },
	[STEME_VOTE] = { "vote", 4 },
	[STEME_RETRACTION] = { "retraction", 10 },
	[STEME_EPOCH] = { "epoch", 5 },
	[STEME_ALIAS] = { "alias", 5 },
	[STEME_TRUST] = { "trust", 5 },
	[STEME_REVOCATION] = { "revocation", 10 },
	[STEME_BATCH] = { "batch", 5 },
};

static const struct steme_str type_names[] = {
	[STEME_TEXT] = { "text", 4 },
	[STEME_NUMBER] = { "number", 6 },
	[STEME_BOOLEAN] = { "boolean", 7 },
	[STEME_REFERENCE] = { "reference", 9 },
	[STEME_SEALED] = { "sealed", 6 },
};

static const struct steme_str class_names[] = {
	[STEME_REGULATORY] = { "regulatory", 10 },
	[STEME_CLINICAL] = { "clinical", 8 },
	[STEME_OBSERVATIONAL] = { "observational", 13 },
	[STEME_EXPERT] = { "expert", 6 },
	[STEME_COMMUNITY] = { "community", 9 },
	[STEME_ANECDOTAL] = { "anecdotal", 9 },
};

static const struct steme_str lifecycle_names[] = {
	[STEME_APPROVED] = { "approved", 8 },
	[STEME_PROPOSED] = { "proposed", 8 },
	[STEME_UNDER_REVIEW] = { "under_review", 12 },
	[STEME_DEPRECATED] = { "deprecated", 10 },
	[STEME_REJECTED] = { "rejected", 8 },
};

/* Index of s in names[0..n), or -1. */
static int
lookup(const struct steme_str *names, size_t n, struct steme_str s)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].p != NULL && steme_str_eq(names[i], s))
			return (int)i;
	return -1;
}

static const char *
name_of(const struct steme_str *names, size_t n, unsigned i)
{
	return i < n && names[i].p != NULL ? names[i].p : "unknown";
}

const char *
steme_kind_name(enum steme_kind kind)
{
	return kind == STEME_OPAQUE ? "opaque" :
	    name_of(kind_names, STEME_NELEM(kind_names), kind);
}

const char *
steme_type_name(enum steme_type type)
{
	return name_of(type_names, STEME_NELEM(type_names), type);
}

const char *
steme_class_name(enum steme_class c)
{
	return c == STEME_CLASS_NONE ? "none" :
	    name_of(class_names, STEME_NELEM(class_names), c);
}

const char *
steme_lifecycle_name(enum steme_lifecycle l)
{
	return name_of(lifecycle_names, STEME_NELEM(lifecycle_names), l);
}

const char *
steme_source_state_name(enum steme_source_state s)
{
	return s == STEME_STATE_RETRACTED ? "retracted" :
	    s == STEME_STATE_REINSTATED ? "reinstated" : "none";
}

int
steme_kind_parse(struct steme_str s, enum steme_kind *out)
{
	int i = lookup(kind_names, STEME_NELEM(kind_names), s);

	if (i < 0)
		return STEME_EINVAL;
	*out = (enum steme_kind)i;
	return STEME_OK;
}

int
steme_type_parse(struct steme_str s, enum steme_type *out)
{
	int i = lookup(type_names, STEME_NELEM(type_names), s);

	if (i < 0)
		return STEME_EINVAL;
	*out = (enum steme_type)i;
	return STEME_OK;
}

int
steme_class_parse(struct steme_str s, enum steme_class *out)
{
	int i = lookup(class_names, STEME_NELEM(class_names), s);

	if (i < 0)
		return STEME_EINVAL;
	*out = (enum steme_class)i;
	return STEME_OK;
}

int
steme_lifecycle_parse(struct steme_str s, enum steme_lifecycle *out)
{
	int i = lookup(lifecycle_names, STEME_NELEM(lifecycle_names), s);

	if (i < 0)
		return STEME_EINVAL;
	*out = (enum steme_lifecycle)i;
	return STEME_OK;
}

int
steme_source_check(struct steme_str s, struct steme_why *why)
{
	if (s.n > STEME_SOURCE_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "has %zu bytes; at most %d are allowed", s.n,
		    STEME_SOURCE_MAX);
	return steme_text_check(s, why);
}

int
steme_source_hash_check(struct steme_str s, struct steme_why *why)
{
	static const struct steme_str prefix[] = {
		{ "blake2b-256:", 12 }, { "sha256:", 7 }
	};
	struct steme_id id;

	for (size_t i = 0; i < STEME_NELEM(prefix); i++)
		if (s.n > prefix[i].n &&
		    memcmp(s.p, prefix[i].p, prefix[i].n) == 0 &&
		    steme_id_parse(&id, s.p + prefix[i].n,
		    s.n - prefix[i].n) == STEME_OK)
			return STEME_OK;
	return steme_fail(why, STEME_EINVAL,
	    "must be blake2b-256: or sha256: and 64 lower-case hex digits");
}

int
steme_meta_check(const struct steme_meta *m, struct steme_why *why)
{
	bool ok = m->key.n >= 1 && m->key.n <= STEME_META_KEY_MAX;

	for (size_t i = 0; ok && i < m->key.n; i++) {
		char c = m->key.p[i];

		ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-';
	}
	if (!ok)
		return steme_fail(why, STEME_EINVAL,
		    "needs a key of 1 to %d characters a-z, 0-9 and '-'",
		    STEME_META_KEY_MAX);
	if (m->value.n > STEME_META_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "has %zu bytes; at most %d are allowed", m->value.n,
		    STEME_META_MAX);
	return steme_text_check(m->value, why);
}

int
steme_object_check_value(const struct steme_object *o, struct steme_why *why)
{
	struct steme_str v = o->value;
	struct steme_why sub;
	int err;

	if (!steme_utf8_valid(v))
		return steme_fail(why, STEME_EUTF8,
		    "the %s is not valid UTF-8",
		    o->kind == STEME_ASSERTION ? "value" : "reason");
	if (o->kind != STEME_ASSERTION)
		return STEME_OK;
	switch (o->type) {
	case STEME_TEXT:
		return STEME_OK;
	case STEME_NUMBER:
		if (steme_number_valid(v))
			return STEME_OK;
		return steme_fail(why, STEME_EINVAL,
		    "the value '%s' is no number: RFC 8259 spelling, at most "
		    "64 digits, exponent within -999..999, no newline after it",
		    steme_quote(v).s);
	case STEME_BOOLEAN:
		if (steme_str_eq(v, STEME_LIT("true")) ||
		    steme_str_eq(v, STEME_LIT("false")))
			return STEME_OK;
		return steme_fail(why, STEME_EINVAL,
		    "the value of type boolean must be true or false, with no "
		    "newline after it, not '%s'", steme_quote(v).s);
	case STEME_REFERENCE:
		if ((err = steme_concept_check(v, &sub)) == STEME_OK)
			return STEME_OK;
		return steme_fail(why, err, "the value of type reference, a "
		    "concept path, %s", sub.text);
	case STEME_SEALED:
		break;
	}
	return steme_fail(why, STEME_EINVAL,
	    "type sealed is reserved for a later version");
}
