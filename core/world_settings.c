/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_settings.c - what the operator's assertions below _steme/ say, and who is
 * revoked.  doc/lenses.md, "Settings" and "Revocation".
 */
#include "config.h"
#include "core/world_impl.h"

#include <stdlib.h>

#define TRUST_UNIT	100000		/* 1/10,000 in 1/10^9 */
#define HALF_LIFE_MAX	1000000		/* days */

enum what { STEWARD, ROOT, UNKNOWN_TRUST, DEFAULT_TRUST, HALF_LIFE };

/* A well-formed setting: (what, about) is its key. */
struct setting {
	const struct gent *e;
	enum what what;
	struct steme_id about;	/* agent, or the class in the first byte */
	uint32_t value;
};

static bool
parse_bool(const struct gent *e, uint32_t *value)
{
	*value = steme_str_eq(e->value, STEME_LIT("true"));
	return e->type == STEME_BOOLEAN;
}

static bool
parse_trust(const struct gent *e, uint32_t *value)
{
	int32_t v;

	if (e->type != STEME_NUMBER ||
	    steme_dec4_parse_loose(e->value, &v) != STEME_OK || v < 0)
		return false;
	*value = (uint32_t)v * TRUST_UNIT;
	return true;
}

/* A whole number of days, in any spelling (730, 7.3e2), or "never". */
static bool
parse_days(const struct gent *e, uint32_t *value)
{
	char key[STEME_NUMBER_KEY];
	uint64_t days = 0;
	size_t n, i;
	long exp;

	*value = 0;
	if (e->type == STEME_TEXT)
		return steme_str_eq(e->value, STEME_LIT("never"));
	if (e->type != STEME_NUMBER)
		return false;
	n = steme_number_key(e->value, key);
	for (i = 0; i < n && i < 7 && key[i] >= '0' && key[i] <= '9'; i++)
		days = days * 10 + (uint64_t)(key[i] - '0');
	if (i == 0 || i == n || key[i] != 'e')
		return false;
	/* the key's digits have no zeros behind: a negative exponent is a fraction */
	for (exp = strtol(key + i + 1, NULL, 10); exp > 0 && days <= HALF_LIFE_MAX; exp--)
		days *= 10;
	if (exp < 0 || days == 0 || days > HALF_LIFE_MAX)
		return false;
	*value = (uint32_t)days;
	return true;
}

static bool
parse_agent(struct steme_str s, struct steme_id *id)
{
	return steme_id_parse(id, s.p, s.n) == STEME_OK;
}

static bool
parse_class(struct steme_str s, struct steme_id *about)
{
	enum steme_class c;

	if (steme_class_parse(s, &c) != STEME_OK)
		return false;
	about->b[0] = (uint8_t)c;
	return true;
}

/* False: this says nothing, or says it wrongly. */
static bool
parse_setting(struct setting *s, const struct gent *e)
{
	memset(s, 0, sizeof(*s));
	s->e = e;
	if (steme_str_eq(e->a, STEME_LIT("_steme/stewards"))) {
		s->what = STEWARD;
		return parse_agent(e->b, &s->about) && parse_bool(e, &s->value);
	}
	if (steme_str_eq(e->a, STEME_LIT("_steme/roots"))) {
		s->what = ROOT;
		return parse_agent(e->b, &s->about) && parse_bool(e, &s->value);
	}
	if (steme_str_eq(e->a, STEME_LIT("_steme/half_life"))) {
		s->what = HALF_LIFE;
		return parse_class(e->b, &s->about) && parse_days(e, &s->value);
	}
	if (!steme_str_eq(e->a, STEME_LIT("_steme/lens")))
		return false;
	s->what = UNKNOWN_TRUST;
	if (steme_str_eq(e->b, STEME_LIT("default_trust")))
		s->what = DEFAULT_TRUST;
	else if (!steme_str_eq(e->b, STEME_LIT("unknown_trust")))
		return false;
	return parse_trust(e, &s->value);
}

static int
setting_order(const void *va, const void *vb, void *bounds)
{
	const struct setting *a = va, *b = vb;
	int d;

	if (a->what != b->what)
		return a->what < b->what ? -1 : 1;
	if ((d = steme_id_cmp(&a->about, &b->about)) != 0)
		return d;
	return gent_newer(bounds, a->e, b->e);
}

static int
apply(struct settings *set, const struct steme_globals *g, const struct setting *s)
{
	uint32_t at;

	switch (s->what) {
	case STEWARD:
		if (steme_id_eq(&s->about, &g->operator_))
			set->operator_is_steward = s->value;
		else if (s->value)
			return steme_idset_add(&set->stewards, &s->about, &at);
		break;
	case ROOT:
		if (s->value)
			return steme_idset_add(&set->roots, &s->about, &at);
		break;
	case UNKNOWN_TRUST:
		set->unknown_trust = s->value;
		break;
	case DEFAULT_TRUST:
		set->default_trust = s->value;
		break;
	case HALF_LIFE:
		set->half_life[s->about.b[0]] = s->value;
		break;
	}
	return STEME_OK;
}

/* The ids of settings their author, the operator, has retracted. */
static int
collect_retracted(const struct making *m, uint32_t operator_, struct idset *out)
{
	const struct glist *l = &m->g->list[PART_SETTINGS];
	uint32_t at;
	int err = STEME_OK;

	for (uint32_t i = 0; i < l->n && err == STEME_OK; i++)
		if (l->e[i].kind == STEME_RETRACTION && l->e[i].agent == operator_ &&
		    gent_within(m, &l->e[i]))
			err = steme_idset_add(out, &l->e[i].assertion, &at);
	return err;
}

static bool
stands(const struct making *m, const struct gent *e, uint32_t operator_,
    const struct idset *retracted)
{
	return e->kind == STEME_ASSERTION && e->agent == operator_ &&
	    e->lifecycle != STEME_DEPRECATED && e->lifecycle != STEME_REJECTED &&
	    gent_within(m, e) && steme_idset_find(retracted, &e->id) == STEME_HTAB_NONE;
}

static int
read_settings(const struct making *m, struct settings *set)
{
	const struct glist *l = &m->g->list[PART_SETTINGS];
	struct setting *s = NULL;
	struct idset retracted = {0};
	uint32_t n = 0, operator_ = 0;
	int err = STEME_ENOMEM;

	/* the operator is agent 0: steme_globals_new() put it there */
	if (l->n > 0 && (s = malloc(l->n * sizeof(*s))) == NULL)
		goto out;
	if ((err = collect_retracted(m, operator_, &retracted)) != STEME_OK)
		goto out;
	for (uint32_t i = 0; i < l->n; i++)
		if (stands(m, &l->e[i], operator_, &retracted))
			n += parse_setting(&s[n], &l->e[i]);
	if (n > 1)
		qsort_r(s, n, sizeof(*s), setting_order, (void *)(uintptr_t)m->b);
	for (uint32_t i = 0; i < n && err == STEME_OK; i++)
		if (i == 0 || s[i].what != s[i - 1].what ||
		    !steme_id_eq(&s[i].about, &s[i - 1].about))
			err = apply(set, m->g, &s[i]);
out:
	steme_idset_fini(&retracted);
	free(s);
	return err;
}

int
steme_settings_make(const struct making *m, struct part **out)
{
	static const uint32_t half_lives[STEME_NCLASS] = {
		[STEME_REGULATORY] = 0,
		[STEME_CLINICAL] = 730,
		[STEME_OBSERVATIONAL] = 365,
		[STEME_EXPERT] = 180,
		[STEME_COMMUNITY] = 90,
		[STEME_ANECDOTAL] = 30,
	};
	struct settings *s;

	if ((*out = steme_part_new(PART_SETTINGS, sizeof(*s))) == NULL)
		return STEME_ENOMEM;
	s = (struct settings *)*out;
	s->operator_is_steward = true;
	s->unknown_trust = 1000 * TRUST_UNIT;
	s->default_trust = 5000 * TRUST_UNIT;
	memcpy(s->half_life, half_lives, sizeof(half_lives));
	return read_settings(m, s);
}

void
steme_settings_fini(struct part *p)
{
	struct settings *s = (struct settings *)p;

	steme_idset_fini(&s->stewards);
	steme_idset_fini(&s->roots);
}

bool
steme_settings_is_steward(const struct settings *s, const struct steme_globals *g,
    const struct steme_id *agent)
{
	if (steme_id_eq(agent, &g->operator_))
		return s->operator_is_steward;
	return steme_idset_find(&s->stewards, agent) != STEME_HTAB_NONE;
}

/* ---- revocations ---- */

static int
revoke(struct revoked *r, uint32_t *cap, const struct steme_id *of, int64_t since_us)
{
	uint32_t at, n = r->agents.n;
	int err;

	/* room first, so that since_us[] has an element for every agent */
	if ((err = steme_array_grow(&r->since_us, sizeof(*r->since_us), n, cap)) != STEME_OK ||
	    (err = steme_idset_add(&r->agents, of, &at)) != STEME_OK)
		return err;
	if (at == n || since_us < r->since_us[at])
		r->since_us[at] = since_us;
	return STEME_OK;
}

/* By the agent itself, or by the operator: these hold whatever others say. */
static bool
is_first(const struct making *m, const struct gent *e)
{
	return e->agent == e->of ||
	    (e->agent == 0 && m->set->operator_is_steward);
}

/*
 * First those that agents and the operator made, then those of stewards who were not
 * themselves revoked by the first: so revocations never form a circle.
 */
static int
read_revocations(const struct making *m, struct revoked *r)
{
	const struct glist *l = &m->g->list[PART_REVOKED];
	uint32_t cap = 0, first;
	int64_t *since = NULL;
	int err = STEME_OK;

	for (uint32_t i = 0; i < l->n && err == STEME_OK; i++)
		if (is_first(m, &l->e[i]) && gent_within(m, &l->e[i]))
			err = revoke(r, &cap, agent_of(m->g, l->e[i].of),
			    l->e[i].since_us);
	first = r->agents.n;
	if (err != STEME_OK || first == 0)
		goto others;
	if ((since = malloc(first * sizeof(*since))) == NULL)
		return STEME_ENOMEM;
	memcpy(since, r->since_us, first * sizeof(*since));
others:
	for (uint32_t i = 0; i < l->n && err == STEME_OK; i++) {
		const struct gent *e = &l->e[i];
		const struct steme_id *by = agent_of(m->g, e->agent);
		uint32_t at;

		if (is_first(m, e) || !gent_within(m, e) ||
		    !steme_settings_is_steward(m->set, m->g, by))
			continue;
		at = steme_idset_find(&r->agents, by);
		if (at == STEME_HTAB_NONE || at >= first ||
		    steme_hlc_us(e->hlc) <= since[at])
			err = revoke(r, &cap, agent_of(m->g, e->of), e->since_us);
	}
	free(since);
	return err;
}

int
steme_revoked_make(const struct making *m, struct part **out)
{
	if ((*out = steme_part_new(PART_REVOKED, sizeof(struct revoked))) == NULL)
		return STEME_ENOMEM;
	return read_revocations(m, (struct revoked *)*out);
}

void
steme_revoked_fini(struct part *p)
{
	struct revoked *r = (struct revoked *)p;

	steme_idset_fini(&r->agents);
	free(r->since_us);
}

bool
steme_revoked_counts(const struct revoked *r, const struct steme_id *agent, uint64_t hlc)
{
	uint32_t at = steme_idset_find(&r->agents, agent);

	return at == STEME_HTAB_NONE || steme_hlc_us(hlc) <= r->since_us[at];
}
