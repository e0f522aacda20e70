/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - builders and parsers of index keys; doc/index-keys.md has the bytes. */
#include "config.h"
#include "core/key.h"
#include "core/rd.h"
#include "core/wr.h"

#include <string.h>

/* ---- building ---- */

/*
 * Everything a caller passes has been through the object parser, so it fits; the
 * check is for a caller that broke that rule, before bytes behind k are touched.
 */
static void
add(struct steme_keybuf *k, const void *p, size_t n)
{
	MUST(n > sizeof(k->b) - k->n);
	if (n > 0)
		memcpy(k->b + k->n, p, n);
	k->n += n;
}

static void
add_byte(struct steme_keybuf *k, uint8_t c)
{
	add(k, &c, 1);
}

static void
add_be64(struct steme_keybuf *k, uint64_t v)
{
	uint8_t t[8];

	steme_put_be(t, v, 8);
	add(k, t, 8);
}

static void
add_id(struct steme_keybuf *k, const struct steme_id *id)
{
	add(k, id->b, STEME_ID_LEN);
}

/* Newest first: what is later sorts lower. */
static void
add_time(struct steme_keybuf *k, int64_t time_us)
{
	add_be64(k, (uint64_t)INT64_MAX - (uint64_t)time_us);
}

static void
start(struct steme_keybuf *k, char family)
{
	k->n = 0;
	add_byte(k, (uint8_t)family);
}

static void
start_str(struct steme_keybuf *k, char family, struct steme_str s)
{
	start(k, family);
	add(k, s.p, s.n);
}

/* family, s, NUL */
static void
start_name(struct steme_keybuf *k, char family, struct steme_str s)
{
	start_str(k, family, s);
	add_byte(k, 0);
}

static void
start_mark(struct steme_keybuf *k, struct steme_str concept, char mark,
    const struct steme_id *assertion)
{
	start_name(k, 'C', concept);
	add_byte(k, 1);
	add_byte(k, (uint8_t)mark);
	add_id(k, assertion);
}

static void
family_number(struct steme_keybuf *k, char family, uint64_t v)
{
	start(k, family);
	add_be64(k, v);
}

/*
 * Makes [from, to) all keys that begin with from: to is from with its last byte
 * plus one.  That byte is never 0xFF here: it is a family, a NUL, 0x01 or '/'.
 */
static void
range_prefix(const struct steme_keybuf *from, struct steme_keybuf *to)
{
	to->n = 0;
	add(to, from->b, from->n);
	MUST(to->b[to->n - 1] == 0xFF);
	to->b[to->n - 1]++;
}

/* The same where from may end in 0xFF: those have no next one of their length. */
static void
range_any(const struct steme_keybuf *from, struct steme_keybuf *to)
{
	size_t n = from->n;

	while (from->b[n - 1] == 0xFF)
		n--;
	to->n = 0;
	add(to, from->b, n);
	to->b[n - 1]++;
}

void
steme_key_record(struct steme_keybuf *k, const struct steme_id *id)
{
	start(k, 'R');
	add_id(k, id);
}

void
steme_key_assertion(struct steme_keybuf *k, struct steme_str concept,
    struct steme_str predicate, int64_t time_us, const struct steme_id *id)
{
	start_name(k, 'C', concept);
	add(k, predicate.p, predicate.n);
	add_byte(k, 0);
	add_time(k, time_us);
	add_id(k, id);
}

void
steme_key_retraction(struct steme_keybuf *k, struct steme_str concept,
    const struct steme_id *assertion, const struct steme_id *id)
{
	start_mark(k, concept, 'r', assertion);
	add_id(k, id);
}

void
steme_key_vote(struct steme_keybuf *k, struct steme_str concept,
    const struct steme_id *assertion, const struct steme_id *agent,
    int64_t time_us, const struct steme_id *id)
{
	start_mark(k, concept, 'v', assertion);
	add_id(k, agent);
	add_time(k, time_us);
	add_id(k, id);
}

void
steme_key_home(struct steme_keybuf *k, const struct steme_object *o,
    const struct steme_id *id)
{
	k->n = 0;
	if (o->kind == STEME_ASSERTION)
		steme_key_assertion(k, o->concept, o->predicate, o->time_us, id);
	else if (o->kind == STEME_VOTE)
		steme_key_vote(k, o->concept, &o->assertion, &o->agent,
		    o->time_us, id);
	else if (o->kind == STEME_RETRACTION && o->has_assertion)
		steme_key_retraction(k, o->concept, &o->assertion, id);
}

void
steme_key_range_predicate(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept, struct steme_str predicate)
{
	start_name(from, 'C', concept);
	add(from, predicate.p, predicate.n);
	add_byte(from, 0);
	range_prefix(from, to);
}

void
steme_key_range_marks(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept)
{
	start_name(from, 'C', concept);
	add_byte(from, 1);
	range_prefix(from, to);
}

void
steme_key_range_marks_on(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept, const struct steme_id *assertion, char kind)
{
	start_mark(from, concept, kind, assertion);
	range_any(from, to);
}

void
steme_key_range_concept(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept)
{
	start_name(from, 'C', concept);
	range_prefix(from, to);
}

/* family, path, '/': whatever lies deeper than path; path "": the whole family. */
static void
range_deeper(struct steme_keybuf *from, struct steme_keybuf *to, char family,
    struct steme_str path)
{
	start_str(from, family, path);
	if (path.n > 0)
		add_byte(from, '/');
	range_prefix(from, to);
}

void
steme_key_range_below(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept)
{
	range_deeper(from, to, 'C', concept);
}

void
steme_key_name(struct steme_keybuf *k, struct steme_str concept)
{
	start_str(k, 'N', concept);
}

void
steme_key_range_names(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str prefix)
{
	range_deeper(from, to, 'N', prefix);
}

void
steme_key_range_names_from(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str begins)
{
	start_str(from, 'N', begins);
	range_any(from, to);
}

void
steme_key_child(struct steme_keybuf *k, struct steme_str parent, uint64_t lsn)
{
	start_name(k, 'H', parent);
	add_be64(k, lsn);
}

void
steme_key_range_children(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str parent, uint64_t after_lsn)
{
	start_name(from, 'H', parent);
	range_prefix(from, to);
	if (after_lsn == UINT64_MAX)	/* nothing comes after it */
		*from = *to;
	else
		add_be64(from, after_lsn + 1);
}

void
steme_key_log(struct steme_keybuf *k, uint64_t lsn)
{
	family_number(k, 'L', lsn);
}

void
steme_key_agent(struct steme_keybuf *k, const struct steme_id *agent, uint64_t lsn)
{
	start(k, 'A');
	add_id(k, agent);
	add_be64(k, lsn);
}

void
steme_key_source(struct steme_keybuf *k, const uint8_t h[16], uint64_t lsn)
{
	start(k, 'S');
	add(k, h, 16);
	add_be64(k, lsn);
}

void
steme_key_source_text(struct steme_keybuf *k, struct steme_str source)
{
	start(k, 's');
	add(k, source.p, source.n);
}

void
steme_key_global(struct steme_keybuf *k, enum steme_kind kind, uint64_t lsn,
    const struct steme_id *id)
{
	start(k, 'G');
	add_byte(k, (uint8_t)kind);
	add_be64(k, lsn);
	add_id(k, id);
}

void
steme_key_segment(struct steme_keybuf *k, uint64_t segment)
{
	family_number(k, 'Z', segment);
}

void
steme_key_applied(struct steme_keybuf *k, uint64_t number)
{
	family_number(k, 'W', number);
}

void
steme_key_meta(struct steme_keybuf *k, const char *name)
{
	start_str(k, 'M', steme_str_from(name));
}

void
steme_key_range_family(struct steme_keybuf *from, struct steme_keybuf *to, char c)
{
	start(from, c);
	range_prefix(from, to);
}

void
steme_key_range_sources(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str prefix)
{
	steme_key_source_text(from, prefix);
	range_any(from, to);
}

/* ---- parsing ---- */

static void
take_family(struct steme_rd *r, char family)
{
	if (steme_rd_le(r, 1) != (uint8_t)family)
		r->bad = true;
}

static struct steme_id
take_id(struct steme_rd *r)
{
	const uint8_t *p = steme_rd_take(r, STEME_ID_LEN);
	struct steme_id id = { { 0 } };

	if (p != NULL)
		memcpy(id.b, p, STEME_ID_LEN);
	return id;
}

static int64_t
take_time(struct steme_rd *r)
{
	uint64_t v = steme_rd_be(r, 8);

	if (v > INT64_MAX)	/* before 1970: no object can say that */
		r->bad = true;
	return INT64_MAX - (int64_t)(v & INT64_MAX);
}

/* n bytes of path or segment: not empty, within the limit, no control bytes. */
static struct steme_str
take_text(struct steme_rd *r, size_t n, size_t max)
{
	const uint8_t *p = steme_rd_take(r, n);
	unsigned low = 0;

	if (p == NULL || n == 0 || n > max) {
		r->bad = true;
		return (struct steme_str){ NULL, 0 };
	}
	for (size_t i = 0; i < n; i++)
		low |= p[i] < 0x20;
	if (low)
		r->bad = true;
	return (struct steme_str){ (const char *)p, n };
}

/* Text up to a NUL, and the NUL. */
static struct steme_str
take_name(struct steme_rd *r, size_t max)
{
	const uint8_t *nul = r->bad || r->n == 0 ? NULL : memchr(r->p, 0, r->n);
	struct steme_str s = { NULL, 0 };

	if (nul == NULL) {
		r->bad = true;
		return s;
	}
	s = take_text(r, (size_t)(nul - r->p), max);
	steme_rd_take(r, 1);
	return s;
}

static void
take_mark(struct steme_rd *r, struct steme_ckey *c)
{
	steme_rd_take(r, 1);
	c->mark = (char)steme_rd_le(r, 1);
	c->assertion = take_id(r);
	if (c->mark == 'v') {
		c->agent = take_id(r);
		c->time_us = take_time(r);
	} else if (c->mark != 'r') {
		r->bad = true;
	}
}

int
steme_key_parse_c(struct steme_ckey *out, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	struct steme_ckey c;

	memset(&c, 0, sizeof(c));
	take_family(&r, 'C');
	c.concept = take_name(&r, STEME_CONCEPT_MAX);
	if (!r.bad && r.n > 0 && *r.p == 1) {
		take_mark(&r, &c);
	} else {
		c.predicate = take_name(&r, STEME_SEGMENT_MAX);
		c.time_us = take_time(&r);
	}
	c.id = take_id(&r);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*out = c;
	return STEME_OK;
}

/* A family of which each key is one text. */
static int
parse_text(struct steme_str *out, char family, size_t max, const uint8_t *key,
    size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	struct steme_str s;

	take_family(&r, family);
	s = take_text(&r, r.n, max);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*out = s;
	return STEME_OK;
}

int
steme_key_parse_name(struct steme_str *concept, const uint8_t *key, size_t n)
{
	return parse_text(concept, 'N', STEME_CONCEPT_MAX, key, n);
}

int
steme_key_parse_child(uint64_t *lsn, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	uint64_t v;

	take_family(&r, 'H');
	if (!r.bad && r.n > 0 && *r.p == 0)
		steme_rd_take(&r, 1);	/* the root has no name */
	else
		take_name(&r, STEME_CONCEPT_MAX);
	v = steme_rd_be(&r, 8);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*lsn = v;
	return STEME_OK;
}

static int
parse_number(uint64_t *out, char family, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	uint64_t v;

	take_family(&r, family);
	v = steme_rd_be(&r, 8);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*out = v;
	return STEME_OK;
}

int
steme_key_parse_log(uint64_t *lsn, const uint8_t *key, size_t n)
{
	return parse_number(lsn, 'L', key, n);
}

int
steme_key_parse_segment(uint64_t *segment, const uint8_t *key, size_t n)
{
	return parse_number(segment, 'Z', key, n);
}

int
steme_key_parse_applied(uint64_t *number, const uint8_t *key, size_t n)
{
	return parse_number(number, 'W', key, n);
}

int
steme_key_parse_record(struct steme_id *id, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	struct steme_id t;

	take_family(&r, 'R');
	t = take_id(&r);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*id = t;
	return STEME_OK;
}

int
steme_key_parse_agent(struct steme_id *agent, uint64_t *lsn, const uint8_t *key,
    size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	struct steme_id id;
	uint64_t v;

	take_family(&r, 'A');
	id = take_id(&r);
	v = steme_rd_be(&r, 8);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*agent = id;
	*lsn = v;
	return STEME_OK;
}

int
steme_key_parse_source(uint8_t h[16], uint64_t *lsn, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	const uint8_t *p;
	uint64_t v;

	take_family(&r, 'S');
	p = steme_rd_take(&r, 16);
	v = steme_rd_be(&r, 8);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	memcpy(h, p, 16);
	*lsn = v;
	return STEME_OK;
}

int
steme_key_parse_source_text(struct steme_str *source, const uint8_t *key, size_t n)
{
	return parse_text(source, 's', STEME_SOURCE_MAX, key, n);
}

/* Kinds without a concept; one this version does not know is kept as opaque. */
static bool
is_global_kind(uint64_t kind)
{
	switch (kind) {
	case STEME_RETRACTION:
	case STEME_EPOCH:
	case STEME_ALIAS:
	case STEME_TRUST:
	case STEME_REVOCATION:
	case STEME_BATCH:
	case STEME_OPAQUE:
	case STEME_ASSERTION:	/* below _steme/: what lenses are told */
		return true;
	default:
		return false;
	}
}

int
steme_key_parse_global(struct steme_id *id, const uint8_t *key, size_t n)
{
	struct steme_rd r = steme_rd_from(key, n);
	struct steme_id t;

	take_family(&r, 'G');
	if (!is_global_kind(steme_rd_le(&r, 1)))
		r.bad = true;
	steme_rd_be(&r, 8);
	t = take_id(&r);
	if (!steme_rd_done(&r))
		return STEME_ECORRUPT;
	*id = t;
	return STEME_OK;
}

int
steme_key_parse_meta(struct steme_str *name, const uint8_t *key, size_t n)
{
	return parse_text(name, 'M', STEME_SEGMENT_MAX, key, n);
}
