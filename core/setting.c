/* SPDX-License-Identifier: Apache-2.0 */
/* setting.c - the operator's assertions below `_steme/`. */
#include "config.h"
#include "core/setting.h"
#include "core/claim.h"
#include "core/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The assertions of one setting, with the world that judges them. */
struct found {
	const struct steme_world *world;
	struct steme_cands cands;
	struct steme_cand *c;		/* those that count come first */
	size_t n, counting;
};

static int
find(struct steme_store *s, struct steme_str concept, struct steme_str predicate,
    struct found *f)
{
	struct steme_lens_ctx ctx = { .lifecycle = -1 };
	int err;

	memset(f, 0, sizeof(*f));
	steme_bounds_init(&ctx.bounds);
	if ((f->world = steme_store_world(s, &ctx.bounds)) == NULL)
		return STEME_ENOMEM;
	ctx.world = f->world;
	err = steme_store_collect(s, &ctx, concept, predicate, false, &f->cands);
	if (err == STEME_OK && f->cands.ngroups > 0) {
		f->c = f->cands.groups[0].c;
		f->n = f->cands.groups[0].n;
		f->counting = f->cands.groups[0].counting;
	}
	return err;
}

static void
found_fini(struct found *f)
{
	steme_cands_fini(&f->cands);
	if (f->world != NULL)
		steme_world_put(f->world);
}

int
steme_setting_get(struct steme_store *s, struct steme_str concept,
    struct steme_str predicate, char *buf, size_t buflen, struct steme_setting *out,
    bool *has)
{
	const struct steme_id *op = &steme_store_genesis(s)->operator_;
	const struct steme_cand *best = NULL;
	struct found f;
	int err = find(s, concept, predicate, &f);

	*has = false;
	for (size_t i = 0; i < f.counting && err == STEME_OK; i++)
		if (steme_id_eq(&f.c[i].o->agent, op) &&
		    (best == NULL || steme_cand_newer(&f.c[i], best) < 0))
			best = &f.c[i];
	if (best != NULL) {
		*has = true;
		out->type = best->o->type;
		out->value.p = buf;
		out->value.n = STEME_MIN(best->o->value.n, buflen - 1);
		memcpy(buf, best->o->value.p, out->value.n);
		buf[out->value.n] = '\0';
	}
	found_fini(&f);
	return err;
}

/* A change under way: retractions of what holds now, then the new value. */
struct change {
	struct steme_claim *claims;
	struct steme_put *puts;
	size_t n;
	const struct steme_key *op;
	int64_t now_us;
};

/* Signs what is in the next claim and makes it the next put. */
static int
add(struct change *ch, struct steme_why *why)
{
	struct steme_profile p = { .class_ = STEME_REGULATORY, .confidence = STEME_ONE };
	struct steme_claim *c = &ch->claims[ch->n];
	struct steme_put *put = &ch->puts[ch->n++];
	int err = steme_claim_sign(c, ch->op, c->o.kind == STEME_ASSERTION ? &p : NULL,
	    ch->now_us, why);

	put->bytes = (struct steme_str){ (const char *)c->bytes.data, c->bytes.len };
	put->sigkind = STEME_SIG_OWN;
	put->sig = c->sig;
	put->verified = true;
	return err;
}

/* Did the operator assert this setting at this moment before? */
static bool
is_taken(const struct change *ch, const struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->c[i].o->time_us == ch->now_us &&
		    steme_id_eq(&f->c[i].o->agent, &ch->op->agent))
			return true;
	return false;
}

/* Signs a value as the next put. */
static int
add_value(struct change *ch, struct steme_str concept, struct steme_str predicate,
    const struct steme_setting *v, struct steme_why *why)
{
	struct steme_claim *c = &ch->claims[ch->n];

	c->o.kind = STEME_ASSERTION;
	c->o.concept = concept;
	c->o.predicate = predicate;
	c->o.type = v->type;
	c->o.value = v->value;
	return add(ch, why);
}

static int
fill(struct change *ch, const struct found *f, struct steme_str concept,
    struct steme_str predicate, const struct steme_setting *v, struct steme_why *why)
{
	struct steme_claim *c;
	int err = STEME_OK;

	/*
	 * Never the id of a value that was taken back: its time is not used again.  Nor is it
	 * gone beyond, for a clock that was ahead would keep its settings until then.
	 */
	while (is_taken(ch, f))
		ch->now_us++;
	for (size_t i = 0; i < f->counting && err == STEME_OK; i++) {
		if (!steme_id_eq(&f->c[i].o->agent, &ch->op->agent))
			continue;
		c = &ch->claims[ch->n];
		c->o.kind = STEME_RETRACTION;
		c->o.class_ = STEME_CLASS_NONE;
		c->o.concept = concept;
		c->o.has_assertion = true;
		c->o.assertion = f->c[i].id;
		err = add(ch, why);
	}
	return v == NULL || err != STEME_OK ? err :
	    add_value(ch, concept, predicate, v, why);
}

static int
write_all(struct steme_store *s, struct change *ch, struct steme_put *out,
    struct steme_why *why)
{
	struct steme_write w = { .puts = ch->puts, .n = ch->n, .hand_in = true,
	    .system = true };
	int err;

	if (ch->n == 0) {
		out->status = STEME_EXISTS;
		return STEME_OK;
	}
	err = steme_store_write_wait(s, &w);
	if (err != STEME_OK && why != NULL)
		*why = w.why;
	for (size_t i = 0; i < ch->n && err == STEME_OK; i++) {
		err = ch->puts[i].err;
		if (err != STEME_OK && why != NULL)
			*why = ch->puts[i].why;
	}
	out->err = err;
	out->status = ch->puts[ch->n - 1].status;
	out->id = ch->puts[ch->n - 1].id;
	out->lsn = ch->puts[ch->n - 1].lsn;
	return err;
}

/* Room for n puts by op, who must be the operator. */
static int
change_init(struct change *ch, struct steme_store *s, const struct steme_key *op,
    int64_t now_us, size_t n, struct steme_why *why)
{
	*ch = (struct change){ .op = op, .now_us = now_us };
	if (!steme_id_eq(&op->agent, &steme_store_genesis(s)->operator_))
		return steme_fail(why, STEME_EPERM, "the key kept here as operator.pem is "
		    "not this store's operator: put the store's own operator.pem back");
	ch->claims = calloc(n, sizeof(*ch->claims));
	ch->puts = calloc(n, sizeof(*ch->puts));
	return ch->claims == NULL || ch->puts == NULL ? STEME_ENOMEM : STEME_OK;
}

/* Returns err, with words. */
static int
change_fini(struct change *ch, int err, struct steme_why *why)
{
	for (size_t i = 0; i < ch->n; i++)
		steme_claim_fini(&ch->claims[i]);
	free(ch->claims);
	free(ch->puts);
	if (err != STEME_OK && why != NULL && why->text[0] == '\0')
		steme_fail(why, err, "the setting cannot be changed: %s",
		    steme_strerror(err));
	return err;
}

int
steme_setting_put(struct steme_store *s, const struct steme_key *op, int64_t now_us,
    struct steme_str concept, struct steme_str predicate, const struct steme_setting *v,
    struct steme_put *out, struct steme_why *why)
{
	struct change ch = {0};
	struct found f = {0};
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = find(s, concept, predicate, &f)) == STEME_OK)
		err = change_init(&ch, s, op, now_us, f.counting + 1, why);
	if (err == STEME_OK)
		err = fill(&ch, &f, concept, predicate, v, why);
	if (err == STEME_OK)
		err = write_all(s, &ch, out, why);
	found_fini(&f);
	return change_fini(&ch, err, why);
}

int
steme_setting_put_first(struct steme_store *s, const struct steme_key *op, int64_t now_us,
    const struct steme_setting_of *v, size_t n, struct steme_why *why)
{
	struct steme_put last;
	struct change ch;
	int err = change_init(&ch, s, op, now_us, n, why);

	for (size_t i = 0; i < n && err == STEME_OK; i++)
		err = add_value(&ch, v[i].concept, v[i].predicate, &v[i].v, why);
	if (err == STEME_OK)
		err = write_all(s, &ch, &last, why);
	return change_fini(&ch, err, why);
}
