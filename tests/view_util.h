/* SPDX-License-Identifier: Apache-2.0 */
/* view_util.h - for tests of views: what is rendered, and claims to render. */
#ifndef STEME_VIEW_UTIL_H
#define STEME_VIEW_UTIL_H

#include "core/render.h"
#include "tests/view_fixture.h"

#include <check.h>

#define T1	"2026-01-01T00:00:00.000000Z"
#define T2	"2026-02-01T00:00:00.000000Z"
#define T3	"2026-03-01T00:00:00.000000Z"

static struct steme_why why;
static struct steme_buf body;

static inline void
setup(void)
{
	fix_open(4 << 20);
}

static inline void
teardown(void)
{
	steme_buf_fini(&body);
	fix_close();
}

/* What was rendered into body, with err. */
static inline const char *
text(int err)
{
	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
	return body.data == NULL ? "" : (const char *)body.data;
}

static inline const char *
query(const struct steme_query *q)
{
	steme_buf_clear(&body);
	return text(steme_json_query(fix.v, q, &body, &why));
}

static inline const char *
history(const struct steme_query *q)
{
	steme_buf_clear(&body);
	return text(steme_json_history(fix.v, q, &body, &why));
}

static inline struct steme_id
vote(int agent, const char *concept, const struct steme_id *id, int32_t weight,
    const char *time)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_VOTE;
	o.concept = steme_str_from(concept);
	o.value = STEME_LIT("");
	o.has_assertion = true;
	o.assertion = *id;
	o.weight = weight;
	o.agent = fix.agent[agent].agent;
	ck_assert_int_eq(steme_time_parse_loose(steme_str_from(time), &o.time_us),
	    STEME_OK);
	return fix_put(&o, agent);
}

static inline struct steme_id
retract(int agent, const char *concept, const struct steme_id *id, const char *time)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_RETRACTION;
	o.concept = steme_str_from(concept);
	o.value = STEME_LIT("mistaken");
	o.has_assertion = true;
	o.assertion = *id;
	o.agent = fix.agent[agent].agent;
	ck_assert_int_eq(steme_time_parse_loose(steme_str_from(time), &o.time_us),
	    STEME_OK);
	return fix_put(&o, agent);
}

/* Two say 2.4 mg, one says 2.0 mg; a regulator is the oldest. */
static struct steme_id a1, a2, a3;

static inline void
put_dose(void)
{
	struct steme_object o;

	o = fix_claim(1, "drug/sema", "dose", STEME_TEXT, "2.4 mg", T1);
	o.class_ = STEME_REGULATORY;
	o.confidence = 9500;
	o.source = STEME_LIT("https://example.org/label.pdf");
	a1 = fix_put(&o, 1);
	o = fix_claim(2, "drug/sema", "dose", STEME_TEXT, "2.4 mg", T2);
	o.confidence = 5000;
	a2 = fix_put(&o, 2);
	o = fix_claim(3, "drug/sema", "dose", STEME_TEXT, "2.0 mg", T3);
	o.class_ = STEME_ANECDOTAL;
	o.confidence = 4000;
	a3 = fix_put(&o, 3);
}

static inline const struct steme_view *
file(const struct steme_query *q)
{
	const struct steme_view *view;

	ck_assert_int_eq(steme_view_file(fix.v, q, &view), STEME_OK);
	return view;
}

static inline uint64_t
hits(void)
{
	struct steme_views_stats st;

	steme_views_stats(fix.v, &st);
	return st.hits;
}

static inline void
put_alias(const char *from, const char *to)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_ALIAS;
	o.from = steme_str_from(from);
	o.to = steme_str_from(to);
	o.value = STEME_LIT("");
	o.time_us = FIX_NOW_US;
	o.agent = fix.agent[0].agent;
	fix_put(&o, 0);
}

static uint64_t rng = 88172645463325252u;

static inline unsigned
any(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng % n);
}

/* One random object about one of few concepts and predicates. */
static inline void
put_any(void)
{
	static const char *const concepts[] = { "v", "v/w", "v/x", "z" };
	static const char *const predicates[] = { "p", "q", "must_use" };
	static struct steme_id ids[256];
	static unsigned nids;
	const char *concept = concepts[any(4)];
	struct steme_object o;
	char value[16], day[16];
	int agent = 1 + (int)any(4);

	snprintf(value, sizeof(value), "%u", any(4));
	snprintf(day, sizeof(day), "2026-%02u-%02u", 1 + any(9), 1 + any(28));
	if (any(12) == 0) {
		put_alias(concepts[any(4)], concepts[any(4)]);
		return;
	}
	if (nids > 0 && any(4) == 0) {
		memset(&o, 0, sizeof(o));
		o.kind = any(2) == 0 ? STEME_VOTE : STEME_RETRACTION;
		o.concept = steme_str_from(concept);
		o.value = STEME_LIT("");
		o.has_assertion = true;
		o.assertion = ids[any(nids)];
		o.weight = (int32_t)any(20001) - 10000;
		o.agent = fix.agent[agent].agent;
		o.time_us = FIX_NOW_US - any(1000000);
		fix_put(&o, agent);
		return;
	}
	o = fix_claim(agent, concept, predicates[any(3)], STEME_NUMBER, value, day);
	o.confidence = (int32_t)any(10001);
	o.class_ = (enum steme_class)any(STEME_NCLASS);
	if (nids > 0 && any(5) == 0) {
		o.nsupersedes = 1;
		o.supersedes[0] = ids[any(nids)];
	}
	ids[nids++ % 256] = fix_put(&o, agent);
	if (nids > 256)
		nids = 256;
}

#endif
