/* SPDX-License-Identifier: Apache-2.0 */
/* view_query.c - a question's parameters, as HTTP and the command line spell them. */
#include "config.h"
#include "core/view_query.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#define LIMIT_MAX	10000
#define CURSOR_MAX	STEME_CURSOR_MAX

void
steme_query_init(struct steme_query *q)
{
	*q = (struct steme_query){
		.lens = STEME_LENS_RECENCY,
		.as_of_us = INT64_MAX,
		.known_at = UINT64_MAX,
		.max_lsn = UINT64_MAX,
		.lifecycle = -1,
	};
}

/* Decimal digits only, at most max. */
static int
parse_u64(struct steme_str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 20)
		return STEME_EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return STEME_EINVAL;
		v = v * 10 + d;
	}
	if (v > max)
		return STEME_EINVAL;
	*out = v;
	return STEME_OK;
}

static int
parse_concept(struct steme_str value, struct steme_str *out, const char *name,
    struct steme_why *why)
{
	char path[STEME_CONCEPT_MAX + 1];
	enum steme_class c;
	struct steme_why w;

	/* A scheme form is checked here, and resolved by the store. */
	if (memmem(value.p, value.n, "://", 3) != NULL ?
	    steme_concept_from_scheme(value, path, &c, &w) != STEME_OK :
	    steme_concept_check(value, &w) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "%s: %s", name, w.text);
	*out = value;
	return STEME_OK;
}

static int
set_concept(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	return parse_concept(v, &q->concept, "concept_path", why);
}

static int
set_prefix(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	/* Everything: the empty prefix. */
	if (v.n == 0) {
		q->prefix = STEME_LIT("");
		return STEME_OK;
	}
	return parse_concept(v, &q->prefix, "prefix", why);
}

static int
set_segment(struct steme_str *out, struct steme_str v, const char *name,
    struct steme_why *why)
{
	struct steme_why w;

	if (steme_segment_check(v, &w) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "%s: %s", name, w.text);
	*out = v;
	return STEME_OK;
}

static int
set_predicate(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	return set_segment(&q->predicate, v, "predicate", why);
}

static int
set_epoch(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	return set_segment(&q->epoch, v, "epoch", why);
}

static int
set_lens(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	return steme_lens_parse(v, &q->lens, why);
}

static int
set_as_of(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	if (steme_time_parse_loose(v, &q->as_of_us) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "as_of: a time such as "
		    "2026-01-31T12:00:00Z or a date such as 2026-01-31, in UTC");
	return STEME_OK;
}

static int
set_known_at(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	int64_t us;

	/* An hlc as answers show it, or a time: all that was known by then. */
	if (parse_u64(v, UINT64_MAX, &q->known_at) == STEME_OK)
		return STEME_OK;
	if (steme_time_parse_loose(v, &us) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "known_at: an hlc (a whole "
		    "number) or a time such as 2026-01-31T12:00:00Z");
	q->known_at = (uint64_t)(us / 1000) << 16 | 0xffff;
	return STEME_OK;
}

static int
set_since(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	if (parse_u64(v, UINT64_MAX, &q->since_hlc) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "since: an hlc, a whole number "
		    "as answers show it");
	return STEME_OK;
}

static int
set_lifecycle(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	enum steme_lifecycle l;

	if (steme_lifecycle_parse(v, &l) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "lifecycle: one of approved, "
		    "proposed, under_review, deprecated, rejected");
	q->lifecycle = (int)l;
	return STEME_OK;
}

static int
set_include(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	static const char *const names[] = {
		"retracted", "superseded", "deprecated", "rejected", "old_epochs"
	};
	unsigned include = 0;

	while (v.n > 0) {
		const char *comma = memchr(v.p, ',', v.n);
		struct steme_str one = { v.p,
		    comma == NULL ? v.n : (size_t)(comma - v.p) };
		size_t i = 0;

		while (i < STEME_NELEM(names) &&
		    !steme_str_eq(one, steme_str_from(names[i])))
			i++;
		if (i == STEME_NELEM(names))
			return steme_fail(why, STEME_EINVAL, "include: a list of "
			    "retracted, superseded, deprecated, rejected, "
			    "old_epochs, separated by commas");
		include |= 1u << i;
		v.p += one.n + (comma != NULL);
		v.n -= one.n + (comma != NULL);
	}
	q->include = include;
	return STEME_OK;
}

static int
set_decay(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	if (steme_str_eq(v, STEME_LIT("on")) || steme_str_eq(v, STEME_LIT("true")) ||
	    steme_str_eq(v, STEME_LIT("1")))
		q->decay = true;
	else if (steme_str_eq(v, STEME_LIT("off")) ||
	    steme_str_eq(v, STEME_LIT("false")) || steme_str_eq(v, STEME_LIT("0")))
		q->decay = false;
	else
		return steme_fail(why, STEME_EINVAL, "decay: on or off");
	return STEME_OK;
}

static int
set_limit(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	uint64_t n;

	if (parse_u64(v, LIMIT_MAX, &n) != STEME_OK || n == 0)
		return steme_fail(why, STEME_EINVAL, "limit: 1 to %d", LIMIT_MAX);
	q->limit = (uint32_t)n;
	return STEME_OK;
}

static int
set_cursor(struct steme_query *q, struct steme_str v, struct steme_why *why)
{
	if (v.n == 0 || v.n > CURSOR_MAX)
		return steme_fail(why, STEME_EINVAL, "cursor: the next_cursor of the "
		    "page before, as it was given");
	q->cursor = v;
	return STEME_OK;
}

int
steme_query_set(struct steme_query *q, struct steme_str name,
    struct steme_str value, struct steme_why *why)
{
	static const struct {
		const char *name;
		int (*set)(struct steme_query *, struct steme_str,
		    struct steme_why *);
	} params[] = {
		{ "lens", set_lens },
		{ "concept_path", set_concept },
		{ "predicate", set_predicate },
		{ "prefix", set_prefix },
		{ "as_of", set_as_of },
		{ "known_at", set_known_at },
		{ "since", set_since },
		{ "lifecycle", set_lifecycle },
		{ "epoch", set_epoch },
		{ "include", set_include },
		{ "decay", set_decay },
		{ "limit", set_limit },
		{ "cursor", set_cursor },
	};

	if (value.p == NULL)
		value = STEME_LIT("");
	for (size_t i = 0; i < STEME_NELEM(params); i++)
		if (steme_str_eq(name, steme_str_from(params[i].name)))
			return params[i].set(q, value, why);
	return steme_fail(why, STEME_ENOTFOUND, "no parameter '%.*s'",
	    (int)STEME_MIN(name.n, 64), name.p == NULL ? "" : name.p);
}
