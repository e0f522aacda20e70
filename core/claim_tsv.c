/* SPDX-License-Identifier: Apache-2.0 */
/* claim_tsv.c - one line of tab-separated columns to a claim. */
#include "config.h"
#include "core/claim.h"
#include "core/claim_impl.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

enum column { CONCEPT, PREDICATE, VALUE, CONFIDENCE, CLASS, SOURCE, TIME, NCOL };

static const char *const names[NCOL] = {
	"concept", "predicate", "value", "confidence", "class", "source", "time"
};

/* Splits at tabs; returns the number of columns, NCOL + 1 if there are more. */
static unsigned
split(struct steme_str line, struct steme_str col[NCOL])
{
	const char *tab;
	unsigned n = 0;
	size_t len;

	for (;;) {
		if (n == NCOL)
			return NCOL + 1;
		tab = line.n == 0 ? NULL : memchr(line.p, '\t', line.n);
		len = tab == NULL ? line.n : (size_t)(tab - line.p);
		col[n++] = (struct steme_str){ line.p, len };
		if (tab == NULL)
			return n;
		line = (struct steme_str){ tab + 1, line.n - len - 1 };
	}
}

/* Takes the escapes out of *s, the result in the arena. */
static int
unescape(struct steme_claim *c, struct steme_str *s, const char *name,
    struct steme_why *why)
{
	size_t n = 0;
	char *out;
	char e;

	*s = claim_keep(c, *s);
	if (memchr(s->p, '\\', s->n) == NULL)
		return STEME_OK;
	/* The copy is ours and shrinks in place. */
	out = (char *)c->arena.data + (s->p - (char *)c->arena.data);
	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i] != '\\') {
			out[n++] = s->p[i];
			continue;
		}
		e = ++i < s->n ? s->p[i] : '\0';
		if (e != 't' && e != 'n' && e != '\\')
			return steme_fail(why, STEME_EINVAL, "column %s has a "
			    "backslash that starts no escape; write \\t, \\n "
			    "or \\\\", name);
		out[n++] = e == 't' ? '\t' : e == 'n' ? '\n' : '\\';
	}
	s->n = n;
	return STEME_OK;
}

static int
set_optional(struct steme_claim *c, unsigned i, struct steme_str s,
    struct steme_why *why)
{
	struct steme_object *o = &c->o;
	struct steme_why sub;
	int err = STEME_OK;

	if (i == CONFIDENCE) {
		if (steme_dec4_parse_loose(s, &o->confidence) != STEME_OK ||
		    o->confidence < 0)
			return steme_fail(why, STEME_EINVAL, "column "
			    "confidence must be a number from 0 to 1 with at "
			    "most 4 decimals, not '%s'", steme_quote(s).s);
		c->has_confidence = true;
	} else if (i == CLASS) {
		if (steme_class_parse(s, &o->class_) != STEME_OK)
			return steme_fail(why, STEME_EINVAL, "column class "
			    "must be regulatory, clinical, observational, "
			    "expert, community or anecdotal, not '%s'",
			    steme_quote(s).s);
		c->has_class = true;
	} else if (i == SOURCE) {
		if ((err = steme_source_check(s, &sub)) != STEME_OK)
			return steme_fail(why, err, "column source %s",
			    sub.text);
		o->source = s;
		c->has_source = true;
	} else {
		if (steme_time_parse_loose(s, &o->time_us) != STEME_OK)
			return steme_fail(why, STEME_EINVAL, "column time must "
			    "be a date or a time like 2026-11-21T02:00:00Z, not "
			    "'%s'", steme_quote(s).s);
		c->has_time = true;
	}
	return err;
}

static int
set_required(struct steme_claim *c, struct steme_str col[NCOL],
    struct steme_why *why)
{
	struct steme_object *o = &c->o;
	struct steme_why sub;
	int err;

	err = claim_concept(c, col[CONCEPT], &o->concept, &o->class_, &sub);
	if (err != STEME_OK)
		return steme_fail(why, err, "column concept %s", sub.text);
	c->has_class = o->class_ != STEME_CLASS_NONE;
	if ((err = steme_segment_check(col[PREDICATE], &sub)) != STEME_OK)
		return steme_fail(why, err, "column predicate %s", sub.text);
	o->predicate = col[PREDICATE];
	o->value = col[VALUE];
	o->type = steme_value_guess(o->value);
	return steme_object_check_value(o, why);
}

int
steme_claim_from_tsv(struct steme_claim *c, const char *line, size_t len,
    struct steme_why *why)
{
	struct steme_str col[NCOL];
	struct steme_str s = { len == 0 ? "" : line, len };
	unsigned n;
	int err;

	if (len > 2 * (size_t)STEME_OBJECT_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the line has %zu bytes; "
		    "at most %d are allowed", len, 2 * STEME_OBJECT_MAX);
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		return steme_fail(why, STEME_EINVAL, "the line ends in CR LF; "
		    "remove the CRs, for example with: tr -d '\\r'");
	n = split(s, col);
	if (n < 3 || n > NCOL)
		return steme_fail(why, STEME_EINVAL, "a line has 3 to 7 "
		    "columns between tabs (concept, predicate, value, "
		    "confidence, class, source, time); this one has %s",
		    n > NCOL ? "more" : n == 2 ? "2" : "1");
	/* Columns once, and the concept again as a path. */
	err = claim_begin(c, STEME_ASSERTION, s.n + col[CONCEPT].n, why);
	for (unsigned i = 0; err == STEME_OK && i < n; i++)
		err = unescape(c, &col[i], names[i], why);
	if (err == STEME_OK)
		err = set_required(c, col, why);
	for (unsigned i = CONFIDENCE; err == STEME_OK && i < n; i++)
		if (col[i].n > 0)
			err = set_optional(c, i, col[i], why);
	return err;
}
