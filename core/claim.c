/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c - the way of a claim from fields to a signed object. */
#include "config.h"
#include "core/claim.h"
#include "core/claim_impl.h"
#include "core/path.h"
#include "core/util.h"

void
steme_claim_init(struct steme_claim *c)
{
	memset(c, 0, sizeof(*c));
}

void
steme_claim_fini(struct steme_claim *c)
{
	steme_buf_fini(&c->bytes);
	steme_buf_fini(&c->arena);
	steme_claim_init(c);
}

int
claim_begin(struct steme_claim *c, enum steme_kind kind, size_t n,
    struct steme_why *why)
{
	memset(&c->o, 0, sizeof(c->o));
	c->o.kind = kind;
	c->o.class_ = STEME_CLASS_NONE;
	c->has_time = c->has_agent = false;
	c->has_confidence = c->has_class = c->has_source = false;
	c->is_signed = false;
	c->agent_name[0] = '\0';
	steme_buf_clear(&c->bytes);
	steme_buf_clear(&c->arena);
	if (steme_buf_reserve(&c->arena, n) == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	return STEME_OK;
}

struct steme_str
claim_keep(struct steme_claim *c, struct steme_str s)
{
	size_t at = c->arena.len;

	/* Growing would move the slices handed out before. */
	MUST(at + s.n >= c->arena.cap);
	steme_buf_put(&c->arena, s.p, s.n);
	return (struct steme_str){ (char *)c->arena.data + at, s.n };
}

int
claim_concept(struct steme_claim *c, struct steme_str s, struct steme_str *out,
    enum steme_class *cls, struct steme_why *why)
{
	char path[STEME_CONCEPT_MAX + 1];
	enum steme_class of_scheme;
	int err;

	err = steme_concept_from_scheme(s, path, &of_scheme, why);
	if (err != STEME_OK)
		return err;
	*out = claim_keep(c, steme_str_from(path));
	if (cls != NULL && of_scheme != STEME_CLASS_NONE)
		*cls = of_scheme;
	return STEME_OK;
}

static int
parse_back(struct steme_claim *c, struct steme_why *why)
{
	int err = steme_object_parse(&c->o, c->bytes.data, c->bytes.len, why);

	if (err != STEME_OK) {
		steme_buf_clear(&c->bytes);
		return err;
	}
	c->has_time = c->has_agent = true;
	c->has_confidence = c->has_class = c->o.kind == STEME_ASSERTION;
	c->has_source = c->o.source.p != NULL;
	return STEME_OK;
}

int
claim_build(struct steme_claim *c, const struct steme_object *o,
    struct steme_why *why)
{
	int err;

	steme_buf_clear(&c->bytes);
	if ((err = steme_object_write(o, &c->bytes, why)) != STEME_OK)
		return err;
	return parse_back(c, why);
}

enum steme_type
steme_value_guess(struct steme_str value)
{
	if (steme_number_valid(value))
		return STEME_NUMBER;
	if (steme_str_eq(value, STEME_LIT("true")) ||
	    steme_str_eq(value, STEME_LIT("false")))
		return STEME_BOOLEAN;
	return STEME_TEXT;
}

/* What an assertion does not say itself: from the profile, else the defaults. */
static void
add_defaults(const struct steme_claim *c, struct steme_object *o,
    const struct steme_profile *p)
{
	if (!c->has_confidence)
		o->confidence = p == NULL ? STEME_ONE : p->confidence;
	if (!c->has_class)
		o->class_ = p == NULL || p->class_ == STEME_CLASS_NONE ?
		    STEME_ANECDOTAL : p->class_;
	if (!c->has_source && p != NULL && p->source[0] != '\0')
		o->source = steme_str_from(p->source);
}

int
steme_claim_write(struct steme_claim *c, const struct steme_id *agent,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why)
{
	struct steme_object o;
	char hex[STEME_ID_HEX + 1];
	int err;

	if (c->is_signed)
		return steme_fail(why, STEME_EINVAL,
		    "the claim is signed already; its bytes cannot change");
	if (c->has_agent && !steme_id_eq(&c->o.agent, agent)) {
		steme_id_hex(hex, &c->o.agent);
		return steme_fail(why, STEME_EPERM, "the claim names agent_id "
		    "%s, which is not the key at hand; sign it with that key, "
		    "or leave agent_id out", hex);
	}
	/* Written already, by this agent: nothing is left to add. */
	if (c->bytes.len > 0)
		return STEME_OK;
	o = c->o;
	o.agent = *agent;
	if (!c->has_time)
		o.time_us = now_us;
	if (o.kind == STEME_ASSERTION)
		add_defaults(c, &o, profile);
	if ((err = steme_object_write(&o, &c->bytes, why)) != STEME_OK) {
		steme_buf_clear(&c->bytes);
		return err;
	}
	c->o.agent = o.agent;
	c->o.time_us = o.time_us;
	c->has_agent = c->has_time = true;
	return STEME_OK;
}

int
steme_claim_complete(struct steme_claim *c, const struct steme_id *agent,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why)
{
	int err = steme_claim_write(c, agent, profile, now_us, why);

	/* its slices point into the bytes already if it was complete before */
	if (err == STEME_OK && c->o.bytes.p == NULL)
		err = parse_back(c, why);
	return err;
}

int
steme_claim_sign(struct steme_claim *c, const struct steme_key *key,
    const struct steme_profile *profile, int64_t now_us, struct steme_why *why)
{
	int err = steme_claim_complete(c, &key->agent, profile, now_us, why);

	if (err != STEME_OK)
		return err;
	steme_sign(&c->sig, key, c->bytes.data, c->bytes.len);
	c->is_signed = true;
	return STEME_OK;
}
