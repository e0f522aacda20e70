/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_flat.c - the plainest JSON of an assertion without a tree: one level, no escapes,
 * the value a bare scalar.  That is what bulk data looks like, and reading it so
 * takes a quarter of the time.
 *
 * It only ever says yes.  Whatever is not plain, or breaks a rule, is left to
 * claim_json.c, which decides and has the words for it; a test and a fuzz target hold
 * the two together.
 */
#include "config.h"
#include "core/claim_impl.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

struct flat {
	const char *p, *end;
	struct steme_claim *c;
	unsigned seen;
};

enum {
	SEEN_CONCEPT = 1, SEEN_PREDICATE = 2, SEEN_OBJECT = 4,
	SEEN_NEEDED = SEEN_CONCEPT | SEEN_PREDICATE | SEEN_OBJECT,
	SEEN_CONFIDENCE = 8, SEEN_CLASS = 16, SEEN_SOURCE = 32, SEEN_TIME = 64,
	SEEN_AGENT = 128
};

static void
skip_blanks(struct flat *f)
{
	while (f->p < f->end && (*f->p == ' ' || *f->p == '\t' || *f->p == '\n' ||
	    *f->p == '\r'))
		f->p++;
}

static bool
take_char(struct flat *f, char want)
{
	skip_blanks(f);
	if (f->p == f->end || *f->p != want)
		return false;
	f->p++;
	return true;
}

/* A string without escapes and raw controls. */
static bool
take_string(struct flat *f, struct steme_str *s)
{
	const char *p;

	if (!take_char(f, '"'))
		return false;
	for (p = f->p; p < f->end && *p != '"'; p++)
		if (*p == '\\' || (unsigned char)*p < 0x20)
			return false;
	if (p == f->end)
		return false;
	*s = (struct steme_str){ f->p, (size_t)(p - f->p) };
	f->p = p + 1;
	return true;
}

/* A number, true, false: up to what ends it. */
static bool
take_word(struct flat *f, struct steme_str *s)
{
	const char *p;

	skip_blanks(f);
	for (p = f->p; p < f->end && *p != ',' && *p != '}' && *p > ' '; p++)
		;
	*s = (struct steme_str){ f->p, (size_t)(p - f->p) };
	f->p = p;
	return s->n > 0;
}

static bool
take_object(struct flat *f)
{
	struct steme_object *o = &f->c->o;

	skip_blanks(f);
	if (f->p < f->end && *f->p == '"') {
		o->type = STEME_TEXT;
		return take_string(f, &o->value) && steme_utf8_valid(o->value);
	}
	if (!take_word(f, &o->value))
		return false;
	if (steme_str_eq(o->value, STEME_LIT("true")) ||
	    steme_str_eq(o->value, STEME_LIT("false")))
		o->type = STEME_BOOLEAN;
	else if (steme_number_valid(o->value))
		o->type = STEME_NUMBER;
	else
		return false;
	return true;
}

static bool
take_concept(struct flat *f)
{
	struct steme_str *s = &f->c->o.concept;

	/* a colon may be a scheme's */
	return take_string(f, s) && memchr(s->p, ':', s->n) == NULL &&
	    steme_concept_check(*s, NULL) == STEME_OK;
}

static bool
take_confidence(struct flat *f)
{
	struct steme_str s;

	f->c->has_confidence = true;
	return take_word(f, &s) &&
	    steme_dec4_parse_loose(s, &f->c->o.confidence) == STEME_OK &&
	    f->c->o.confidence >= 0;
}

static bool
take_class(struct flat *f)
{
	struct steme_str s;

	f->c->has_class = true;
	return take_string(f, &s) &&
	    steme_class_parse(s, &f->c->o.class_) == STEME_OK;
}

static bool
take_source(struct flat *f)
{
	f->c->has_source = true;
	return take_string(f, &f->c->o.source) &&
	    steme_source_check(f->c->o.source, NULL) == STEME_OK;
}

static bool
take_time(struct flat *f)
{
	struct steme_str s;

	f->c->has_time = true;
	return take_string(f, &s) &&
	    steme_time_parse_loose(s, &f->c->o.time_us) == STEME_OK;
}

static bool
take_agent(struct flat *f)
{
	struct steme_str s;

	if (!take_string(f, &s) || steme_segment_check(s, NULL) != STEME_OK)
		return false;
	memcpy(f->c->agent_name, s.p, s.n);
	f->c->agent_name[s.n] = '\0';
	return true;
}

static bool
take_predicate(struct flat *f)
{
	struct steme_str *s = &f->c->o.predicate;

	return take_string(f, s) && steme_segment_check(*s, NULL) == STEME_OK;
}

static bool
take_member(struct flat *f, struct steme_str name)
{
	static const struct {
		struct steme_str name;
		unsigned bit;
		bool (*take)(struct flat *f);
	} members[] = {
		{ { "concept_path", 12 }, SEEN_CONCEPT, take_concept },
		{ { "predicate", 9 }, SEEN_PREDICATE, take_predicate },
		{ { "object", 6 }, SEEN_OBJECT, take_object },
		{ { "confidence", 10 }, SEEN_CONFIDENCE, take_confidence },
		{ { "source_class", 12 }, SEEN_CLASS, take_class },
		{ { "source", 6 }, SEEN_SOURCE, take_source },
		{ { "time", 4 }, SEEN_TIME, take_time },
		{ { "agent", 5 }, SEEN_AGENT, take_agent },
	};

	for (size_t i = 0; i < STEME_NELEM(members); i++)
		if (steme_str_eq(members[i].name, name)) {
			if ((f->seen & members[i].bit) != 0)
				return false;
			f->seen |= members[i].bit;
			return take_char(f, ':') && members[i].take(f);
		}
	return false;
}

bool
claim_take_flat(struct steme_claim *c, const char *json, size_t len)
{
	struct flat f = { .c = c };
	struct steme_str text, name;

	if (len == 0 || claim_begin(c, STEME_ASSERTION, len, NULL) != STEME_OK)
		return false;
	/* kept as a whole: slices of it are slices of the arena */
	text = claim_keep(c, (struct steme_str){ json, len });
	f.p = text.p;
	f.end = text.p + text.n;
	if (!take_char(&f, '{'))
		return false;
	do {
		if (!take_string(&f, &name) || !take_member(&f, name))
			return false;
	} while (take_char(&f, ','));
	if (!take_char(&f, '}'))
		return false;
	skip_blanks(&f);
	return f.p == f.end && (f.seen & SEEN_NEEDED) == SEEN_NEEDED;
}
