/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.c - the parser of objects (doc/object-format.md).  One pass, no
 * allocation; everything is borrowed from the bytes.
 */
#include "config.h"
#include "core/object.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#define KIND_NAME_MAX	32

struct cursor {
	const char *p;
	const char *end;	/* of the part that may hold headers */
	bool cut;		/* the object goes on after end */
	unsigned line;		/* number of the line at p, from 1 */
};

/* What is wrong with the line end of a header: too long, or missing. */
static int
no_line_end(const struct cursor *c, struct steme_why *why)
{
	if (c->cut)
		return steme_fail(why, STEME_ETOOBIG, "line %u: the headers "
		    "have more than %d bytes", c->line, STEME_HEADERS_MAX);
	return steme_fail(why, STEME_EINVAL, "line %u: the object ends within "
	    "its headers; a blank line must follow them", c->line);
}

/* The rest of the line, without its LF; moves to the next line. */
static int
take_line(struct cursor *c, struct steme_str *s, struct steme_why *why)
{
	const char *lf = memchr(c->p, '\n', (size_t)(c->end - c->p));

	if (lf == NULL)
		return no_line_end(c, why);
	*s = (struct steme_str){ c->p, (size_t)(lf - c->p) };
	c->p = lf + 1;
	c->line++;
	return STEME_OK;
}

/* A line that is not the header wanted: says what is there instead. */
static int
expected(const struct cursor *c, const struct field *f, struct steme_why *why)
{
	size_t n = (size_t)(c->end - c->p);
	const char *lf = n == 0 ? NULL : memchr(c->p, '\n', n);
	struct steme_str s = { c->p, n };
	const char *blank;

	if (lf == NULL)
		return no_line_end(c, why);
	s.n = (size_t)(lf - c->p);
	if (s.n == 0)
		return steme_fail(why, STEME_EINVAL,
		    "line %u: header '%s' is missing", c->line, f->key);
	if (s.n == f->keylen && memcmp(s.p, f->key, f->keylen) == 0)
		return steme_fail(why, STEME_EINVAL, "line %u: one blank and "
		    "a value must follow '%s'", c->line, f->key);
	if ((blank = memchr(s.p, ' ', s.n)) != NULL)
		s.n = (size_t)(blank - s.p);
	return steme_fail(why, STEME_EINVAL, "line %u: expected header '%s', "
	    "found '%s' (unknown, twice, or out of order)", c->line, f->key,
	    steme_quote(s).s);
}

/* True if the line at c starts with the key of f and what follows a key. */
static bool
at_field(const struct cursor *c, const struct field *f)
{
	size_t n = (size_t)(c->end - c->p);

	if (n <= f->keylen || memcmp(c->p, f->key, f->keylen) != 0)
		return false;
	return f->type == F_META || c->p[f->keylen] == ' ';
}

static int
parse_count(struct steme_str s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.n < 1 || s.n > 4 || s.p[0] == '0')
		return STEME_EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return STEME_EINVAL;
		v = v * 10 + (uint32_t)(s.p[i] - '0');
	}
	if (v > STEME_BATCH_MAX)
		return STEME_EINVAL;
	*out = v;
	return STEME_OK;
}

static int
parse_state(struct steme_str s, enum steme_source_state *out)
{
	if (steme_str_eq(s, STEME_LIT("retracted")))
		*out = STEME_STATE_RETRACTED;
	else if (steme_str_eq(s, STEME_LIT("reinstated")))
		*out = STEME_STATE_REINSTATED;
	else
		return STEME_EINVAL;
	return STEME_OK;
}

/* A header of text: borrowed once it keeps its rule. */
static int
parse_text(uint8_t type, struct steme_str s, struct steme_str *out,
    struct steme_why *why)
{
	int err;

	if (type == F_CONCEPT)
		err = steme_concept_check(s, why);
	else if (type == F_SEGMENT)
		err = steme_segment_check(s, why);
	else if (type == F_SOURCE)
		err = steme_source_check(s, why);
	else
		err = steme_source_hash_check(s, why);
	if (err == STEME_OK)
		*out = s;
	return err;
}

/* A header with one spelling per meaning: *rule is what it must be. */
static int
parse_coded(uint8_t type, struct steme_str s, void *out, const char **rule)
{
	switch (type) {
	case F_TYPE:
		*rule = "must be text, number, boolean or reference";
		return steme_type_parse(s, out);
	case F_UNIT:
		*rule = "must be 0, 1, or 0. and 1 to 4 digits of which the "
		    "last is not 0";
		return steme_dec4_parse(s, false, out);
	case F_WEIGHT:
		*rule = "must be 0, 1, -1, or 0. or -0. and 1 to 4 digits of "
		    "which the last is not 0";
		return steme_dec4_parse(s, true, out);
	case F_CLASS:
		*rule = "must be regulatory, clinical, observational, expert, "
		    "community or anecdotal";
		return steme_class_parse(s, out);
	case F_LIFECYCLE:
		*rule = "must be proposed, under_review, deprecated or "
		    "rejected (approved is the default, which is not written)";
		if (steme_lifecycle_parse(s, out) != STEME_OK)
			return STEME_EINVAL;
		return *(enum steme_lifecycle *)out == STEME_APPROVED ?
		    STEME_EINVAL : STEME_OK;
	case F_STATE:
		*rule = "must be retracted or reinstated";
		return parse_state(s, out);
	case F_TIME:
		*rule = "must be a valid time like 2026-11-21T02:00:00.000000Z "
		    "(years 1970 to 9999, six decimals, UTC, no second 60)";
		return steme_time_parse(s, out);
	case F_COUNT:
		*rule = "must be a number from 1 to 4096";
		return parse_count(s, out);
	default:
		*rule = "must be 64 lower-case hex digits";
		return steme_id_parse(out, s.p, s.n);
	}
}

static int
parse_one(struct cursor *c, const struct field *f, struct steme_object *o,
    struct steme_why *why)
{
	void *out = (char *)o + f->off;
	const char *rule = NULL;
	struct steme_why sub;
	struct steme_str s;
	int err;

	c->p += f->keylen + 1;
	if ((err = take_line(c, &s, why)) != STEME_OK)
		return err;
	if (f->type <= F_SOURCE_HASH) {
		if ((err = parse_text(f->type, s, out, &sub)) != STEME_OK)
			return steme_fail(why, err, "line %u: %s %s",
			    c->line - 1, f->key, sub.text);
		return STEME_OK;
	}
	if (parse_coded(f->type, s, out, &rule) != STEME_OK)
		return steme_fail(why, STEME_EINVAL,
		    "line %u: %s %s, not '%s'", c->line - 1, f->key, rule,
		    steme_quote(s).s);
	if (f->has != 0)
		*(bool *)((char *)o + f->has) = true;
	return STEME_OK;
}

/* All supersedes lines: ascending, distinct, at most STEME_LIST_MAX. */
static int
parse_ids(struct cursor *c, const struct field *f, struct steme_object *o,
    struct steme_why *why)
{
	struct field one = *f;
	struct steme_id *ids = o->supersedes;
	unsigned n = 0;
	int err;

	one.type = F_ID;
	for (; at_field(c, f); n++) {
		if (n == STEME_LIST_MAX)
			return steme_fail(why, STEME_ETOOBIG,
			    "line %u: more than %d supersedes", c->line,
			    STEME_LIST_MAX);
		if ((err = parse_one(c, &one, o, why)) != STEME_OK)
			return err;
		one.off = (uint16_t)(one.off + sizeof(struct steme_id));
		if (n > 0 && steme_id_cmp(&ids[n - 1], &ids[n]) >= 0)
			return steme_fail(why, STEME_EINVAL, "line %u: "
			    "supersedes must be ascending and distinct",
			    c->line - 1);
	}
	o->nsupersedes = n;
	return STEME_OK;
}

/* All meta-KEY lines: keys ascending by bytes, distinct, at most STEME_LIST_MAX. */
static int
parse_meta(struct cursor *c, const struct field *f, struct steme_object *o,
    struct steme_why *why)
{
	struct steme_why sub;
	struct steme_meta m;
	struct steme_str s;
	const char *blank;
	unsigned n = 0;
	int err;

	for (; at_field(c, f); n++) {
		if (n == STEME_LIST_MAX)
			return steme_fail(why, STEME_ETOOBIG,
			    "line %u: more than %d meta headers", c->line,
			    STEME_LIST_MAX);
		c->p += f->keylen;
		if ((err = take_line(c, &s, why)) != STEME_OK)
			return err;
		if ((blank = memchr(s.p, ' ', s.n)) == NULL)
			return steme_fail(why, STEME_EINVAL, "line %u: header "
			    "'meta-%s' needs a value", c->line - 1,
			    steme_quote(s).s);
		m.key = (struct steme_str){ s.p, (size_t)(blank - s.p) };
		m.value = (struct steme_str){ blank + 1, s.n - m.key.n - 1 };
		if ((err = steme_meta_check(&m, &sub)) != STEME_OK)
			return steme_fail(why, err, "line %u: meta-%s %s",
			    c->line - 1, steme_quote(m.key).s, sub.text);
		if (n > 0 && steme_str_cmp(o->meta[n - 1].key, m.key) >= 0)
			return steme_fail(why, STEME_EINVAL, "line %u: meta "
			    "keys must be ascending and distinct", c->line - 1);
		o->meta[n] = m;
	}
	o->nmeta = n;
	return STEME_OK;
}

static int
parse_headers(struct cursor *c, struct steme_object *o, struct steme_why *why)
{
	bool source_form = (size_t)(c->end - c->p) > 7 &&
	    memcmp(c->p, "source ", 7) == 0;
	const struct field *f;
	unsigned n;
	int err;

	f = steme_object_fields(o->kind, source_form, &n);
	for (; n > 0; n--, f++) {
		if (f->type == F_IDS)
			err = parse_ids(c, f, o, why);
		else if (f->type == F_META)
			err = parse_meta(c, f, o, why);
		else if (at_field(c, f))
			err = parse_one(c, f, o, why);
		else
			err = f->optional ? STEME_OK : expected(c, f, why);
		if (err != STEME_OK)
			return err;
	}
	if (c->p == c->end)
		return no_line_end(c, why);
	if (*c->p != '\n')
		return steme_fail(why, STEME_EINVAL, "line %u: a blank line "
		    "must follow the agent", c->line);
	c->p++;
	return STEME_OK;
}

static bool
kind_wellformed(struct steme_str s)
{
	if (s.n < 1 || s.n > KIND_NAME_MAX || s.p[0] < 'a' || s.p[0] > 'z')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '-')
			return false;
	return true;
}

static bool
version_wellformed(struct steme_str s)
{
	if (s.n < 1 || s.n > 9 || s.p[0] == '0')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* `steme KIND VERSION`: STEME_OK, STEME_EINVAL or STEME_EVERSION. */
static int
parse_first_line(struct cursor *c, struct steme_object *o,
    struct steme_why *why)
{
	static const struct steme_str magic = { "steme ", 6 };
	struct steme_str s, kind, version;
	const char *blank = NULL;
	int err;

	if ((size_t)(c->end - c->p) < magic.n ||
	    memcmp(c->p, magic.p, magic.n) != 0)
		return steme_fail(why, STEME_EINVAL,
		    "line 1: an object starts with 'steme ', a kind and a "
		    "version");
	if ((err = take_line(c, &s, why)) != STEME_OK)
		return err;
	s = (struct steme_str){ s.p + magic.n, s.n - magic.n };
	if (s.n > 0)
		blank = memchr(s.p, ' ', s.n);
	if (blank == NULL)
		return steme_fail(why, STEME_EINVAL, "line 1: a kind, one "
		    "blank and a version must follow 'steme '");
	kind = (struct steme_str){ s.p, (size_t)(blank - s.p) };
	version = (struct steme_str){ blank + 1, s.n - kind.n - 1 };
	if (!kind_wellformed(kind) || !version_wellformed(version))
		return steme_fail(why, STEME_EINVAL, "line 1: '%s' is no kind "
		    "(a-z and '-') and version (digits) with one blank between",
		    steme_quote(s).s);
	if (steme_kind_parse(kind, &o->kind) == STEME_OK &&
	    version.n == 1 && version.p[0] == '1')
		return STEME_OK;
	return steme_fail(why, STEME_EVERSION, "line 1: kind and version '%s' "
	    "are not known to this release", steme_quote(s).s);
}

#define HEAD	offsetof(struct steme_object, supersedes)

/* The lists are most of an object's bytes, and mostly empty. */
static void
copy_parsed(struct steme_object *o, const struct steme_object *t)
{
	memcpy(o, t, HEAD);
	memcpy(o->supersedes, t->supersedes, t->nsupersedes * sizeof(*t->supersedes));
	memcpy(o->meta, t->meta, t->nmeta * sizeof(*t->meta));
}

int
steme_object_parse(struct steme_object *o, const void *bytes, size_t len,
    struct steme_why *why)
{
	struct steme_object t;
	const char *start = len == 0 ? "" : bytes;
	struct cursor c = {
		.p = start,
		.end = start + STEME_MIN(len, STEME_HEADERS_MAX),
		.cut = len > STEME_HEADERS_MAX,
		.line = 1,
	};
	int err;

	memset(&t, 0, HEAD);
	if (len > STEME_OBJECT_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the object has %zu "
		    "bytes; at most %d are allowed", len, STEME_OBJECT_MAX);
	t.bytes = (struct steme_str){ start, len };
	err = parse_first_line(&c, &t, why);
	if (err == STEME_EVERSION) {
		*o = (struct steme_object){ .kind = STEME_OPAQUE,
		    .bytes = t.bytes, .class_ = STEME_CLASS_NONE };
		return err;
	}
	if (err != STEME_OK)
		return err;
	t.class_ = STEME_CLASS_NONE;
	if ((err = parse_headers(&c, &t, why)) != STEME_OK)
		return err;
	t.value = (struct steme_str){ c.p, len - (size_t)(c.p - start) };
	if ((err = steme_object_check_value(&t, why)) != STEME_OK)
		return err;
	copy_parsed(o, &t);
	return STEME_OK;
}
