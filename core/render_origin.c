/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_origin.c - where an object comes from: are hash and signature right, what did it
 * grow out of, what was said of it since.
 */
#include "config.h"
#include "core/render.h"

#include "core/clock.h"
#include "core/merkle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PARENTS_MAX	32

/* An object with all that is needed to judge it. */
struct origin {
	struct steme_store *s;
	struct steme_record r;
	struct steme_object o;
	uint8_t *backing;
	/* how a batch covers it */
	struct steme_record batch;
	struct steme_object batch_o;
	uint8_t *batch_backing;
	struct steme_buf proof;		/* JSON; empty: singly signed */
	bool hash_valid, signature_valid;
};

/* The batch is signed, and the proof leads from this id to what it signs. */
static int
check_batch(struct origin *g, struct steme_why *why)
{
	struct steme_id root, *ids;
	int err;

	if ((err = steme_render_load(g->s, &g->r.batch, &g->batch, &g->batch_o,
	    &g->batch_backing, why)) != STEME_OK)
		return err;
	if ((ids = calloc((size_t)g->batch.nids + 1, sizeof(*ids))) == NULL)
		return STEME_ENOMEM;
	if (g->batch.nids > 0)
		memcpy(ids, g->batch.ids, (size_t)g->batch.nids * STEME_ID_LEN);
	g->signature_valid = g->batch.nids == g->batch_o.count &&
	    steme_merkle_root(ids, g->batch.nids, &root) == STEME_OK &&
	    steme_id_eq(&root, &g->batch_o.root) &&
	    steme_id_eq(&g->o.agent, &g->batch_o.agent) &&
	    steme_record_check_id(&g->batch) == STEME_OK &&
	    steme_verify(&g->batch.sig, &g->batch_o.agent, g->batch.bytes.p,
	    g->batch.bytes.n) == STEME_OK;
	free(ids);
	return steme_json_proof(g->s, &g->r.id, &g->proof, why);
}

static int
load(struct origin *g, const struct steme_id *id, struct steme_why *why)
{
	int err = steme_render_load(g->s, id, &g->r, &g->o, &g->backing, why);

	if (err != STEME_OK)
		return err;
	g->hash_valid = steme_record_check_id(&g->r) == STEME_OK;
	if (g->r.sigkind == STEME_SIG_BATCH)
		return check_batch(g, why);
	/* who signed an object of a kind not known here cannot be told */
	g->signature_valid = g->o.kind != STEME_OPAQUE && steme_verify(&g->r.sig,
	    &g->o.agent, g->r.bytes.p, g->r.bytes.n) == STEME_OK;
	return STEME_OK;
}

static void
unload(struct origin *g)
{
	free(g->backing);
	free(g->batch_backing);
	steme_buf_fini(&g->proof);
}

static const char *
kind_of(const struct steme_object *o)
{
	return o->kind == STEME_OPAQUE ? "opaque" : steme_kind_name(o->kind);
}

/* ---- parents ---- */

static void
put_parent(struct steme_jo *items, const struct steme_id *id,
    const struct steme_object *o)
{
	struct steme_jo j;

	steme_ja_next(items);
	steme_jo_begin(&j, items->b);
	steme_jo_id(&j, "id", id);
	steme_jo_bool(&j, "found", o != NULL);
	if (o != NULL) {
		steme_jo_cstr(&j, "kind", kind_of(o));
		if (o->kind != STEME_OPAQUE) {
			steme_jo_id(&j, "agent_id", &o->agent);
			steme_jo_time(&j, "time", o->time_us);
		}
		steme_jo_opt(&j, "concept_path", o->concept);
		steme_jo_opt(&j, "predicate", o->predicate);
	}
	steme_jo_end(&j);
}

/* The parent, its parent and so on; ids are hashes, so there is no circle. */
static int
put_parents(struct origin *g, struct steme_jo *j)
{
	struct steme_object o = g->o;
	struct steme_record r;
	struct steme_jo items;
	uint8_t *backing = NULL, *last = NULL;
	int err = STEME_OK;

	steme_jo_key(j, "parents");
	steme_ja_begin(&items, j->b);
	for (unsigned n = 0; n < PARENTS_MAX && o.has_parent; n++) {
		struct steme_id id = o.parent;

		memset(&o, 0, sizeof(o));
		err = steme_render_load(g->s, &id, &r, &o, &backing, NULL);
		put_parent(&items, &id, err == STEME_OK ? &o : NULL);
		free(last);
		last = backing;
		backing = NULL;
		if (err != STEME_OK)
			break;
	}
	free(last);
	steme_ja_end(&items);
	return err == STEME_ENOTFOUND ? STEME_OK : err;
}

/* ---- what was said of it ---- */

struct marks {
	struct steme_jo items;
	const struct steme_id *author;	/* only theirs count; NULL: anybody's */
	uint64_t n;
};

static int
put_mark(void *arg, const struct steme_record *r)
{
	struct marks *m = arg;
	struct steme_object o;

	if (steme_object_parse(&o, r->bytes.p, r->bytes.n, NULL) != STEME_OK)
		return STEME_ECORRUPT;
	if (m->author != NULL && !steme_id_eq(&o.agent, m->author))
		return 0;
	m->n++;
	if (m->items.b != NULL) {
		steme_ja_next(&m->items);
		steme_json_id(m->items.b, &r->id);
	}
	return 0;
}

/* superseded_by and state, from the assertions of the same concept and predicate. */
static int
put_siblings(struct origin *g, struct steme_jo *j)
{
	const char *state = NULL;
	struct steme_cands cands;
	struct steme_render r;
	struct steme_query q;
	struct steme_jo items;
	int err;

	steme_query_init(&q);
	q.concept = g->o.concept;
	q.predicate = g->o.predicate;
	if ((err = steme_render_begin(&r, g->s, &q)) != STEME_OK)
		return err;
	err = steme_render_collect(&r, q.concept, q.predicate, &cands);
	steme_render_end(&r);
	if (err != STEME_OK)
		return err;
	steme_jo_key(j, "superseded_by");
	steme_ja_begin(&items, j->b);
	for (size_t i = 0; cands.ngroups > 0 && i < cands.groups[0].n; i++) {
		const struct steme_cand *c = &cands.groups[0].c[i];

		if (steme_id_eq(&c->id, &g->r.id))
			state = steme_state_name(c->state);
		for (unsigned k = 0; k < c->o->nsupersedes; k++)
			if (steme_id_eq(&c->o->supersedes[k], &g->r.id)) {
				steme_ja_next(&items);
				steme_json_id(j->b, &c->id);
			}
	}
	steme_ja_end(&items);
	steme_jo_opt(j, "state", state == NULL ? (struct steme_str){ NULL, 0 } :
	    steme_str_from(state));
	steme_cands_fini(&cands);
	return STEME_OK;
}

static int
put_said(struct origin *g, struct steme_jo *j)
{
	struct marks retractions = { .author = &g->o.agent }, votes = { .n = 0 };
	bool assertion = g->o.kind == STEME_ASSERTION;
	int err;

	if (assertion && (err = put_siblings(g, j)) != STEME_OK)
		return err;
	if (!assertion) {
		steme_jo_ids(j, "superseded_by", NULL, 0);
		steme_jo_null(j, "state");
	}
	steme_jo_key(j, "retracted_by");
	steme_ja_begin(&retractions.items, j->b);
	if (assertion && (err = steme_store_marks(g->s, g->o.concept, &g->r.id, 'r',
	    put_mark, &retractions)) != STEME_OK)
		return err;
	steme_ja_end(&retractions.items);
	if (assertion && (err = steme_store_marks(g->s, g->o.concept, &g->r.id, 'v',
	    put_mark, &votes)) != STEME_OK)
		return err;
	steme_jo_uint(j, "votes", votes.n);
	return STEME_OK;
}

/* ---- all ---- */

static void
put_signed(struct origin *g, struct steme_jo *j)
{
	char hex[STEME_SIG_HEX + 1];

	if (g->r.sigkind == STEME_SIG_OWN) {
		steme_hex(hex, g->r.sig.b, STEME_SIG_LEN);
		steme_jo_cstr(j, "signature", hex);
	} else {
		steme_jo_null(j, "signature");
	}
	steme_jo_bool(j, "signature_valid", g->signature_valid);
	steme_jo_bool(j, "hash_valid", g->hash_valid);
	steme_jo_key(j, "batch");
	if (g->proof.len > 0)	/* without its newline */
		steme_buf_put(j->b, g->proof.data, g->proof.len - 1);
	else
		steme_buf_puts(j->b, "null");
}

static void
put_recorded(struct origin *g, struct steme_jo *j)
{
	struct steme_jo o;
	char t[24];

	steme_jo_key(j, "recorded");
	steme_jo_begin(&o, j->b);
	steme_jo_uint(&o, "lsn", g->r.lsn);
	/* as text: it does not fit the numbers of most JSON readers */
	snprintf(t, sizeof(t), "%" PRIu64, g->r.hlc);
	steme_jo_cstr(&o, "hlc", t);
	snprintf(t, sizeof(t), "%016" PRIx64, g->r.node);
	steme_jo_cstr(&o, "node", t);
	steme_jo_time(&o, "at", steme_hlc_us(g->r.hlc));
	steme_jo_end(&o);
}

int
steme_json_origin(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why)
{
	struct origin g;
	struct steme_jo j;
	int err;

	memset(&g, 0, sizeof(g));
	g.s = s;
	if ((err = load(&g, id, why)) != STEME_OK)
		goto out;
	steme_jo_begin(&j, b);
	steme_jo_id(&j, "id", id);
	steme_jo_cstr(&j, "kind", kind_of(&g.o));
	if (g.o.kind == STEME_OPAQUE) {
		steme_jo_null(&j, "agent_id");
		steme_jo_null(&j, "time");
	} else {
		steme_jo_id(&j, "agent_id", &g.o.agent);
		steme_jo_time(&j, "time", g.o.time_us);
	}
	put_signed(&g, &j);
	if ((err = put_parents(&g, &j)) != STEME_OK)
		goto out;
	steme_jo_ids(&j, "supersedes", g.o.supersedes, g.o.nsupersedes);
	if ((err = put_said(&g, &j)) != STEME_OK)
		goto out;
	put_recorded(&g, &j);
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	err = steme_buf_err(b);
out:
	unload(&g);
	return err;
}
