/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c - a record of the log becomes index entries. */
#include "config.h"
#include "core/apply.h"
#include "core/clock.h"
#include "core/path.h"
#include "core/util.h"
#include "core/world.h"
#include "core/wr.h"

#include <stdlib.h>
#include <string.h>

int
steme_apply_init(struct steme_apply *a, struct steme_index *ix,
    struct steme_known *known, const struct steme_applied *at)
{
	memset(a, 0, sizeof(*a));
	a->ix = ix;
	a->known = known;
	a->at = *at;
	a->segment = at->segment;
	a->agents.sorted = a->sources.sorted = true;
	a->source.n = SIZE_MAX;		/* none */
	a->batch = steme_batch_new();
	return a->batch == NULL ? STEME_ENOMEM : STEME_OK;
}

void
steme_apply_fini(struct steme_apply *a)
{
	steme_batch_free(a->batch);
	a->batch = NULL;
	steme_buf_fini(&a->log_ids);
	steme_buf_fini(&a->val);
	free(a->agents.v);
	free(a->sources.v);
	memset(&a->agents, 0, sizeof(a->agents));
	memset(&a->sources, 0, sizeof(a->sources));
}

static void
fail(struct steme_apply *a, int err)
{
	if (a->err == STEME_OK)
		a->err = err;
}

static void
put(struct steme_apply *a, const void *val, size_t n)
{
	steme_batch_put(a->batch, a->key.b, a->key.n, val, n);
	a->bytes += a->key.n + n + 16;
	a->put_bytes += a->key.n + n;
	a->puts++;
}

static void
known(struct steme_apply *a, char family, struct steme_str x, struct steme_str y,
    unsigned flags, uint64_t v)
{
	if (steme_known_add(a->known, family, x, y, flags, v) != STEME_OK)
		fail(a, STEME_ENOMEM);
}

static const struct steme_str none = { NULL, 0 };

uint64_t
steme_hlc_floor(const struct steme_object *o)
{
	return steme_hlc_from_us(o->time_us - STEME_SKEW_US);
}

int
steme_object_of(struct steme_object *o, const struct steme_record *r,
    struct steme_why *why)
{
	int err = steme_object_parse(o, r->bytes.p, r->bytes.n, why);

	return err == STEME_EVERSION ? STEME_OK : err;
}

/* ---- names ---- */

/* Is all known that is below one of its ancestors?  Then what is not, is not there. */
static bool
is_below_young(struct steme_apply *a, struct steme_str concept)
{
	unsigned flags = 0;

	while (flags == 0 && (concept = steme_concept_parent(concept)).n > 0)
		flags = steme_known_get(a->known, 'N', concept, none, NULL);
	return (flags & STEME_KNOWN_YOUNG) != 0;
}

/* What is known of a concept, from the cache or from 'N'.  0: not there below lsn. */
static unsigned
name_get(struct steme_apply *a, struct steme_str concept, uint64_t lsn,
    struct steme_name *n)
{
	unsigned flags = steme_known_get(a->known, 'N', concept, none, &n->first_lsn);
	uint8_t *val = NULL;
	size_t len;
	int err;

	n->has_assertions = flags & STEME_KNOWN_ASSERTIONS;
	if (flags != 0)
		return flags;
	if (is_below_young(a, concept))
		return 0;
	steme_key_name(&a->key, concept);
	err = a->ix->ops->get(a->ix, NULL, a->key.b, a->key.n, &val, &len);
	if (err == STEME_OK)
		err = steme_name_decode(n, val, len);
	free(val);
	if (err != STEME_OK) {
		if (err != STEME_ENOTFOUND)
			fail(a, err);
		n->has_assertions = false;
		return 0;
	}
	/* left by an earlier run of the record that is being applied: new, then as now */
	if (n->first_lsn >= lsn)
		return 0;
	return STEME_KNOWN | (n->has_assertions ? STEME_KNOWN_ASSERTIONS : 0);
}

/*
 * Makes 'N' say that concept exists, with (has) or without assertions of its own.
 * True if the record with this lsn is the one that brought it into being.
 */
static bool
name_put(struct steme_apply *a, struct steme_str concept, uint64_t lsn, bool has)
{
	struct steme_name n;
	unsigned flags = name_get(a, concept, lsn, &n);
	bool is_new = flags == 0;
	uint8_t enc[9];

	if (is_new)
		n.first_lsn = lsn;
	/* Where nothing was asserted below lsn, every predicate known is new. */
	if (is_new || !n.has_assertions)
		flags |= STEME_KNOWN_COMPLETE;
	if (is_new)
		flags |= STEME_KNOWN_YOUNG;
	if (has)
		flags |= STEME_KNOWN_ASSERTIONS;
	if (is_new || (has && !n.has_assertions)) {
		n.has_assertions |= has;
		steme_name_encode(enc, &n);
		steme_key_name(&a->key, concept);
		put(a, enc, sizeof(enc));
	}
	known(a, 'N', concept, none, flags, n.first_lsn);
	return is_new;
}

/* The folder entry of a concept that this record brought into being. */
static void
child_put(struct steme_apply *a, struct steme_str concept, uint64_t lsn)
{
	struct steme_str leaf = steme_concept_leaf(concept);

	steme_key_child(&a->key, steme_concept_parent(concept), lsn);
	put(a, leaf.p, leaf.n);
	a->at.counts.concepts++;
}

static bool
names(struct steme_apply *a, struct steme_str concept, uint64_t lsn)
{
	unsigned f = steme_known_get(a->known, 'N', concept, none, NULL);
	struct steme_str c = concept;

	if (f & STEME_KNOWN_ASSERTIONS)
		return false;
	if (!name_put(a, concept, lsn, true))
		return false;
	child_put(a, concept, lsn);
	for (c = steme_concept_parent(c); c.n > 0; c = steme_concept_parent(c)) {
		if (!name_put(a, c, lsn, false))
			break;
		child_put(a, c, lsn);
	}
	return true;
}

/* Has anything below lsn this concept and predicate? */
static bool
pair_in_index(struct steme_apply *a, const struct steme_object *o, uint64_t lsn)
{
	struct steme_index *ix = a->ix;
	struct steme_keybuf to;
	struct steme_record r;
	struct steme_iter it;
	bool found = false;
	int err;

	steme_key_range_predicate(&a->key, &to, o->concept, o->predicate);
	err = ix->ops->iter_open(ix, NULL, a->key.b, a->key.n, to.b, to.n, false,
	    &it);
	if (err != STEME_OK) {
		fail(a, err);
		return false;
	}
	while (!found && (err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_record_decode_value(&r, it.val, it.vlen);
		if (err != STEME_OK)
			break;
		found = r.lsn < lsn;
	}
	ix->ops->iter_close(ix, &it);
	if (err != STEME_OK && err != STEME_ENOTFOUND)
		fail(a, err);
	return found;
}

static bool
predicate(struct steme_apply *a, const struct steme_object *o, uint64_t lsn)
{
	bool is_new;

	if (steme_known_get(a->known, 'P', o->concept, o->predicate, NULL) != 0)
		return false;
	is_new = (steme_known_get(a->known, 'N', o->concept, none, NULL) &
	    STEME_KNOWN_COMPLETE) || !pair_in_index(a, o, lsn);
	known(a, 'P', o->concept, o->predicate, 0, 0);
	if (is_new)
		a->at.counts.predicates++;
	return is_new;
}

/* ---- lists ---- */

static void
list_add(struct steme_apply *a, struct steme_list *l, const uint8_t *key,
    size_t klen, uint64_t lsn, uint64_t mark)
{
	struct steme_listed *e;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 64 : l->cap * 2;
		struct steme_listed *v = realloc(l->v, cap * sizeof(*v));

		if (v == NULL) {
			fail(a, STEME_ENOMEM);
			return;
		}
		l->v = v;
		l->cap = cap;
	}
	e = &l->v[l->n];
	memset(e->key, 0, sizeof(e->key));
	memcpy(e->key, key, klen);
	e->lsn = lsn;
	e->mark = mark;
	/* lsns only grow, so a run of one key (one author's batch) stays sorted */
	if (l->n > 0 && memcmp(e[-1].key, e->key, sizeof(e->key)) > 0)
		l->sorted = false;
	l->n++;
}

static int
listed_cmp(const void *x, const void *y)
{
	const struct steme_listed *a = x, *b = y;
	int c = memcmp(a->key, b->key, sizeof(a->key));

	return c != 0 ? c : (a->lsn > b->lsn) - (a->lsn < b->lsn);
}

static void
list_flush(struct steme_apply *a, struct steme_list *l, char family)
{
	uint8_t val[STEME_LIST_CHUNK * 8];

	if (!l->sorted)
		qsort(l->v, l->n, sizeof(*l->v), listed_cmp);
	for (size_t i = 0, j; i < l->n; i = j) {
		struct steme_id id;

		for (j = i; j < l->n && j - i < STEME_LIST_CHUNK &&
		    memcmp(l->v[j].key, l->v[i].key, sizeof(l->v[i].key)) == 0; j++)
			steme_put_le(val + (j - i) * 8, l->v[j].lsn |
			    l->v[j].mark, 8);
		if (family == 'A') {
			memcpy(id.b, l->v[i].key, sizeof(id.b));
			steme_key_agent(&a->key, &id, l->v[i].lsn);
		} else {
			steme_key_source(&a->key, l->v[i].key, l->v[i].lsn);
		}
		put(a, val, (j - i) * 8);
	}
	l->n = 0;
	l->sorted = true;
}

static void
log_flush(struct steme_apply *a)
{
	if (a->log_ids.len == 0)
		return;
	steme_key_log(&a->key, a->first_lsn);
	put(a, a->log_ids.data, a->log_ids.len);
	steme_buf_clear(&a->log_ids);
}

/* Every lsn has a place in 'L'; one that is no object has zeroes there. */
static void
log_add(struct steme_apply *a, uint64_t lsn, uint64_t hlc, const struct steme_id *id)
{
	static const struct steme_id zero;

	if (lsn < a->at.next_lsn) {
		fail(a, STEME_EINVAL);
		return;
	}
	if (lsn != a->at.next_lsn ||
	    a->log_ids.len == STEME_LIST_CHUNK * sizeof(*id))
		log_flush(a);
	if (a->log_ids.len == 0)
		a->first_lsn = lsn;
	steme_buf_put(&a->log_ids, id == NULL ? zero.b : id->b, sizeof(zero.b));
	if (steme_buf_err(&a->log_ids) != STEME_OK)
		fail(a, STEME_ENOMEM);
	a->at.next_lsn = lsn + 1;
	if (hlc > a->at.hlc)
		a->at.hlc = hlc;
}

static void
source_add(struct steme_apply *a, struct steme_str source, uint64_t lsn)
{
	uint8_t *h = a->source.hash;
	struct steme_str hs = { (const char *)h, sizeof(a->source.hash) };

	if (source.n == a->source.n && memcmp(source.p, a->source.text, source.n) == 0) {
		list_add(a, &a->sources, h, sizeof(a->source.hash), lsn, 0);
		return;
	}
	steme_source_hash16(h, source);
	a->source.n = source.n;
	memcpy(a->source.text, source.p, source.n);
	list_add(a, &a->sources, h, sizeof(a->source.hash), lsn, 0);
	if (steme_known_get(a->known, 'S', hs, none, NULL) != 0)
		return;
	known(a, 'S', hs, none, 0, 0);
	steme_key_source_text(&a->key, source);
	put(a, h, sizeof(a->source.hash));
}

/* ---- records ---- */

static void
count(struct steme_counts *c, const struct steme_object *o)
{
	c->objects++;
	c->value_bytes += o->value.n;
	switch (o->kind) {
	case STEME_ASSERTION:
		c->assertions++;
		break;
	case STEME_VOTE:
		c->votes++;
		break;
	case STEME_RETRACTION:
		c->retractions++;
		break;
	case STEME_BATCH:
		c->batches++;
		break;
	default:
		break;
	}
	if (o->kind != STEME_BATCH && steme_object_is_global(o))
		c->globals++;
}

/* The record itself: at home below its concept, or with its id. */
static void
record_put(struct steme_apply *a, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_keybuf home;

	steme_buf_clear(&a->val);
	steme_key_home(&home, o, &r->id);
	if (home.n == 0)
		steme_buf_putc(&a->val, STEME_R_INLINE);
	steme_record_encode_value(&a->val, r);
	if (steme_buf_err(&a->val) != STEME_OK) {
		fail(a, STEME_ENOMEM);
		return;
	}
	if (home.n == 0) {
		steme_key_record(&a->key, &r->id);
		put(a, a->val.data, a->val.len);
		return;
	}
	a->key = home;
	put(a, a->val.data, a->val.len);
	steme_key_record(&a->key, &r->id);
	/* the byte before the home key: pointer */
	memmove(home.b + 1, home.b, home.n);
	home.b[0] = STEME_R_POINTER;
	put(a, home.b, home.n + 1);
}

int
steme_apply_record(struct steme_apply *a, const struct steme_record *r,
    const struct steme_object *o, unsigned *news)
{
	/* A clock from the future must not drag ours along: what was raised is left out. */
	bool raised = o->kind != STEME_OPAQUE && r->hlc == steme_hlc_floor(o);
	unsigned n = 0;

	log_add(a, r->lsn, raised ? 0 : r->hlc, &r->id);
	if (o->kind == STEME_ASSERTION) {
		if (names(a, o->concept, r->lsn))
			n |= STEME_NEW_CONCEPT;
		if (predicate(a, o, r->lsn))
			n |= STEME_NEW_PREDICATE;
		if (o->source.p != NULL)
			source_add(a, o->source, r->lsn);
	}
	record_put(a, r, o);
	if (o->kind != STEME_OPAQUE)
		list_add(a, &a->agents, o->agent.b, sizeof(o->agent.b), r->lsn,
		    o->kind == STEME_ASSERTION ? 0 : STEME_LISTED_OTHER);
	if (steme_globals_wants(o) ||
	    (steme_object_is_global(o) && o->kind != STEME_BATCH)) {
		steme_key_global(&a->key, o->kind, r->lsn, &r->id);
		put(a, "", 0);
	}
	count(&a->at.counts, o);
	if (news != NULL)
		*news = n;
	return a->err;
}

int
steme_apply_genesis(struct steme_apply *a, uint64_t lsn, uint64_t hlc,
    const uint8_t *payload, size_t len)
{
	log_add(a, lsn, hlc, NULL);
	steme_key_meta(&a->key, "genesis");
	put(a, payload, len);
	return a->err;
}

int
steme_apply_lost(struct steme_apply *a, uint64_t lsn)
{
	log_add(a, lsn, 0, NULL);
	return a->err;
}

int
steme_index_record(struct steme_index *ix, const struct steme_id *id,
    struct steme_record *r, uint8_t **backing, struct steme_keybuf *home)
{
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t len;
	int err;

	*backing = NULL;
	steme_key_record(&k, id);
	if ((err = ix->ops->get(ix, NULL, k.b, k.n, &val, &len)) != STEME_OK)
		return err;
	err = STEME_ECORRUPT;
	if (len == 0)
		goto out;
	if (val[0] == STEME_R_POINTER && len - 1 <= sizeof(k.b)) {
		memcpy(k.b, val + 1, len - 1);
		k.n = len - 1;
		free(val);
		val = NULL;
		err = ix->ops->get(ix, NULL, k.b, k.n, &val, &len);
		if (err == STEME_ENOTFOUND)
			err = STEME_ECORRUPT;
		if (err != STEME_OK)
			goto out;
		err = steme_record_decode_value(r, val, len);
	} else if (val[0] == STEME_R_INLINE) {
		err = steme_record_decode_value(r, val + 1, len - 1);
	}
	if (err == STEME_OK && !steme_id_eq(&r->id, id))
		err = STEME_ECORRUPT;
	if (err != STEME_OK)
		goto out;
	if (home != NULL)
		*home = k;
	*backing = val;
	val = NULL;
out:
	free(val);
	return err;
}

int
steme_apply_envelope(struct steme_apply *a, const struct steme_record *r)
{
	struct steme_keybuf home;
	struct steme_record old;
	uint8_t *backing = NULL;
	int err;

	log_add(a, r->lsn, 0, NULL);
	err = steme_index_record(a->ix, &r->id, &old, &backing, &home);
	if (err == STEME_OK &&
	    (r->hlc < old.hlc || (r->hlc == old.hlc && r->node < old.node))) {
		old.hlc = r->hlc;
		old.node = r->node;
		steme_buf_clear(&a->val);
		if (home.b[0] == 'R')
			steme_buf_putc(&a->val, STEME_R_INLINE);
		steme_record_encode_value(&a->val, &old);
		if ((err = steme_buf_err(&a->val)) == STEME_OK) {
			a->key = home;
			put(a, a->val.data, a->val.len);
		}
	}
	free(backing);
	/* an object whose segment is gone has no envelope to lower */
	if (err != STEME_OK && err != STEME_ENOTFOUND)
		fail(a, err);
	return a->err;
}

int
steme_apply_end_group(struct steme_apply *a, uint64_t first_lsn,
    const struct steme_wal_pos *pos)
{
	uint8_t lsn[8];

	log_flush(a);
	list_flush(a, &a->agents, 'A');
	list_flush(a, &a->sources, 'S');
	a->at.segment = pos->segment;
	a->at.offset = pos->offset;
	if (pos->segment != a->segment) {
		steme_put_le(lsn, first_lsn, 8);
		steme_key_segment(&a->key, pos->segment);
		put(a, lsn, sizeof(lsn));
		a->segment = pos->segment;
	}
	return a->err;
}

int
steme_apply_seal(struct steme_apply *a)
{
	a->at.number++;
	steme_buf_clear(&a->val);
	steme_applied_encode(&a->val, &a->at);
	if (steme_buf_err(&a->val) != STEME_OK)
		fail(a, STEME_ENOMEM);
	steme_key_applied(&a->key, a->at.number);
	put(a, a->val.data, a->val.len);
	if (steme_batch_err(a->batch) != STEME_OK)
		fail(a, steme_batch_err(a->batch));
	a->bytes = 0;
	return a->err;
}

int
steme_apply_write(struct steme_apply *a)
{
	int err = steme_apply_seal(a);

	if (err == STEME_OK)
		err = a->ix->ops->write(a->ix, a->batch, false);
	/* no room: the batch is kept, and may be written later */
	if (err != STEME_ENOSPC)
		fail(a, err);
	return err;
}
