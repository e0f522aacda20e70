/* SPDX-License-Identifier: Apache-2.0 */
/* render_object.c - one object with everything known about it; batch proofs. */
#include "config.h"
#include "core/render.h"

#include "core/clock.h"
#include "core/merkle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void
add_opt_id(struct steme_jo *j, const char *key, bool has, const struct steme_id *id)
{
	if (has)
		steme_jo_id(j, key, id);
	else
		steme_jo_null(j, key);
}

static void
add_meta(struct steme_jo *j, const struct steme_object *o)
{
	struct steme_jo m;

	steme_jo_key(j, "meta");
	steme_jo_begin(&m, j->b);
	for (unsigned i = 0; i < o->nmeta; i++) {
		steme_jo_str_key(&m, o->meta[i].key);
		steme_json_str(j->b, o->meta[i].value);
	}
	steme_jo_end(&m);
}

static void
add_assertion(struct steme_jo *j, const struct steme_object *o)
{
	steme_jo_str(j, "concept_path", o->concept);
	steme_jo_str(j, "predicate", o->predicate);
	steme_jo_value(j, "object", o);
	steme_jo_dec4(j, "confidence", o->confidence);
	steme_jo_cstr(j, "source_class", steme_class_name(o->class_));
	steme_jo_opt(j, "source", o->source);
	steme_jo_opt(j, "source_hash", o->source_hash);
	steme_jo_cstr(j, "lifecycle", steme_lifecycle_name(o->lifecycle));
	steme_jo_opt(j, "epoch", o->epoch);
	add_opt_id(j, "parent", o->has_parent, &o->parent);
	steme_jo_ids(j, "supersedes", o->supersedes, o->nsupersedes);
	add_meta(j, o);
}

static void
add_other(struct steme_jo *j, const struct steme_object *o)
{
	switch (o->kind) {
	case STEME_VOTE:
		steme_jo_str(j, "concept_path", o->concept);
		steme_jo_id(j, "assertion", &o->assertion);
		steme_jo_dec4(j, "weight", o->weight);
		break;
	case STEME_RETRACTION:
		steme_jo_opt(j, "concept_path", o->concept);
		add_opt_id(j, "assertion", o->has_assertion, &o->assertion);
		steme_jo_opt(j, "source", o->source);
		if (o->state == STEME_STATE_NONE)
			steme_jo_null(j, "source_state");
		else
			steme_jo_cstr(j, "source_state",
			    o->state == STEME_STATE_RETRACTED ? "retracted" :
			    "reinstated");
		break;
	case STEME_EPOCH:
		steme_jo_str(j, "name", o->name);
		steme_jo_opt(j, "supersedes", o->superseded);
		break;
	case STEME_ALIAS:
		steme_jo_str(j, "from", o->from);
		steme_jo_str(j, "to", o->to);
		break;
	case STEME_TRUST:
		steme_jo_id(j, "of", &o->of);
		steme_jo_dec4(j, "weight", o->weight);
		if (o->class_ == STEME_CLASS_NONE)
			steme_jo_null(j, "class");
		else
			steme_jo_cstr(j, "class", steme_class_name(o->class_));
		steme_jo_opt(j, "prefix", o->prefix);
		break;
	case STEME_REVOCATION:
		steme_jo_id(j, "of", &o->of);
		steme_jo_time(j, "since", o->since_us);
		break;
	case STEME_BATCH:
		steme_jo_uint(j, "count", o->count);
		steme_jo_id(j, "root", &o->root);
		break;
	case STEME_ASSERTION:
	case STEME_OPAQUE:
		return;
	}
	steme_jo_str(j, "reason", o->value);
}

/* How it is signed, and its envelope. */
static void
add_record(struct steme_jo *j, const struct steme_record *r)
{
	char t[STEME_SIG_HEX + 1];

	if (r->sigkind == STEME_SIG_OWN) {
		steme_hex(t, r->sig.b, STEME_SIG_LEN);
		steme_jo_cstr(j, "signature", t);
		steme_jo_null(j, "batch");
	} else {
		steme_jo_null(j, "signature");
		steme_jo_id(j, "batch", &r->batch);
	}
	steme_jo_uint(j, "lsn", r->lsn);
	/* as text: an hlc does not fit the numbers of most JSON readers */
	snprintf(t, sizeof(t), "%" PRIu64, r->hlc);
	steme_jo_cstr(j, "hlc", t);
	steme_jo_time(j, "recorded_at", steme_hlc_us(r->hlc));
	snprintf(t, sizeof(t), "%016" PRIx64, r->node);
	steme_jo_cstr(j, "node", t);
}

/* The state of an assertion now; NULL if it is not among its own concept's. */
static int
find_state(struct steme_store *s, const struct steme_object *o,
    const struct steme_id *id, const char **state)
{
	struct steme_render r;
	struct steme_query q;
	struct steme_cands cands;
	int err;

	*state = NULL;
	steme_query_init(&q);
	q.concept = o->concept;
	q.predicate = o->predicate;
	if ((err = steme_render_begin(&r, s, &q)) != STEME_OK)
		return err;
	if ((err = steme_render_collect(&r, q.concept, q.predicate,
	    &cands)) != STEME_OK)
		goto out;
	for (size_t i = 0; i < cands.ngroups; i++)
		for (size_t k = 0; k < cands.groups[i].n; k++)
			if (steme_id_eq(&cands.groups[i].c[k].id, id))
				*state = steme_state_name(
				    cands.groups[i].c[k].state);
	steme_cands_fini(&cands);
out:
	steme_render_end(&r);
	return err;
}

int
steme_render_load(struct steme_store *s, const struct steme_id *id,
    struct steme_record *r, struct steme_object *o, uint8_t **backing,
    struct steme_why *why)
{
	char hex[STEME_ID_HEX + 1];
	int err;

	*backing = NULL;
	steme_id_hex(hex, id);
	if ((err = steme_store_get(s, id, r, backing)) == STEME_ENOTFOUND)
		return steme_fail(why, err, "no object %s is stored here", hex);
	if (err != STEME_OK)
		return err;
	err = steme_object_parse(o, r->bytes.p, r->bytes.n, why);
	if (err != STEME_OK && err != STEME_EVERSION)
		return steme_fail(why, STEME_ECORRUPT, "object %s, lsn %" PRIu64
		    ", does not parse: run steme verify", hex, r->lsn);
	return STEME_OK;
}

int
steme_json_object(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why)
{
	uint8_t *backing = NULL;
	const char *state = NULL;
	struct steme_object o;
	struct steme_record r;
	struct steme_jo j;
	int err;

	memset(&o, 0, sizeof(o));
	if ((err = steme_render_load(s, id, &r, &o, &backing,
	    why)) != STEME_OK)
		goto out;
	if (o.kind == STEME_ASSERTION &&
	    (err = find_state(s, &o, id, &state)) != STEME_OK)
		goto out;
	steme_jo_begin(&j, b);
	steme_jo_cstr(&j, "kind", o.kind == STEME_OPAQUE ? "opaque" :
	    steme_kind_name(o.kind));
	steme_jo_id(&j, "id", id);
	if (o.kind == STEME_ASSERTION)
		add_assertion(&j, &o);
	else
		add_other(&j, &o);
	if (o.kind != STEME_OPAQUE) {
		steme_jo_time(&j, "time", o.time_us);
		steme_jo_id(&j, "agent_id", &o.agent);
	}
	add_record(&j, &r);
	if (state != NULL)
		steme_jo_cstr(&j, "state", state);
	else
		steme_jo_null(&j, "state");
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	err = steme_buf_err(b);
out:
	free(backing);
	return err;
}

static int
find_index(const struct steme_record *batch, const struct steme_id *id, size_t *index)
{
	size_t lo = 0, hi = batch->nids, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = memcmp(batch->ids + mid * STEME_ID_LEN, id->b, STEME_ID_LEN);
		if (c == 0) {
			*index = mid;
			return STEME_OK;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return STEME_ECORRUPT;
}

static void
put_proof(struct steme_buf *b, const struct steme_id *id, const struct steme_record *batch,
    const struct steme_object *o, const struct steme_proof *proof)
{
	char hex[STEME_SIG_HEX + 1];
	struct steme_jo j;

	steme_jo_begin(&j, b);
	steme_jo_id(&j, "id", id);
	steme_jo_id(&j, "batch", &batch->id);
	steme_jo_str(&j, "batch_object", batch->bytes);
	steme_hex(hex, batch->sig.b, STEME_SIG_LEN);
	steme_jo_cstr(&j, "signature", hex);
	steme_jo_id(&j, "agent", &o->agent);
	steme_jo_uint(&j, "index", proof->index);
	steme_jo_uint(&j, "count", proof->count);
	steme_jo_id(&j, "root", &o->root);
	steme_jo_ids(&j, "path", proof->path, proof->n);
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
}

int
steme_json_proof(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why)
{
	uint8_t *member_bytes = NULL, *batch_bytes = NULL;
	struct steme_record member, batch;
	struct steme_object o;
	struct steme_proof proof;
	struct steme_id *ids = NULL;
	size_t index;
	int err;

	if ((err = steme_store_get(s, id, &member, &member_bytes)) != STEME_OK) {
		err = steme_fail(why, err, err == STEME_ENOTFOUND ?
		    "no such object is stored here" : "cannot read the object");
		goto out;
	}
	if (member.sigkind != STEME_SIG_BATCH) {
		err = steme_fail(why, STEME_ENOTFOUND, "this object carries its own "
		    "signature, no batch: ask for .sig");
		goto out;
	}
	memset(&o, 0, sizeof(o));
	if ((err = steme_render_load(s, &member.batch, &batch, &o, &batch_bytes,
	    why)) != STEME_OK)
		goto out;
	err = STEME_ENOMEM;
	if ((ids = calloc((size_t)batch.nids + 1, sizeof(*ids))) == NULL)
		goto out;
	/* the stored list is bytes: no alignment, no padding */
	if (batch.nids > 0)
		memcpy(ids, batch.ids, (size_t)batch.nids * STEME_ID_LEN);
	if ((err = find_index(&batch, id, &index)) != STEME_OK ||
	    (err = steme_merkle_prove(ids, batch.nids, index, &proof)) != STEME_OK) {
		err = steme_fail(why, STEME_ECORRUPT, "the batch of this object "
		    "does not list it: run steme verify");
		goto out;
	}
	put_proof(b, id, &batch, &o, &proof);
	err = steme_buf_err(b);
out:
	free(ids);
	free(member_bytes);
	free(batch_bytes);
	return err;
}
