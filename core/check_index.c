/* SPDX-License-Identifier: Apache-2.0 */
/* check_index.c - every index entry against what the log said, and the other way round. */
#include "config.h"
#include "core/check_impl.h"
#include "core/path.h"
#include "core/rd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key as people can read it: text stays, the rest becomes \xHH. */
static const char *
show_key(char out[160], const struct steme_iter *it)
{
	size_t n = 0;

	for (size_t i = 0; i < it->klen && n + 8 < 160; i++)
		n += (size_t)snprintf(out + n, 160 - n, it->key[i] >= 0x20 &&
		    it->key[i] < 0x7f && it->key[i] != '\\' ? "%c" : "\\x%02x",
		    it->key[i]);
	return out;
}

static void
bad_entry(struct steme_checkrun *c, const struct steme_iter *it, const char *what)
{
	char key[160];

	steme_check_tell(c, STEME_ECORRUPT, 0, NULL, "index entry %s: %s",
	    show_key(key, it), what);
}

static int
get(struct steme_checkrun *c, const struct steme_keybuf *k, uint8_t **val, size_t *n)
{
	return c->ix->ops->get(c->ix, c->snap, k->b, k->n, val, n);
}

/* ---- records ---- */

/* A record that only the index has: it must be right by itself. */
static void
check_lost(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_seen *e = &c->seen[r->lsn];

	c->rep->lost_segment_records++;
	steme_check_note(e, r, o);
	e->flags |= SEEN_LOG;
	if (o->kind != STEME_OPAQUE && r->sigkind == STEME_SIG_OWN &&
	    !c->o->skip_signatures) {
		c->rep->signatures++;
		if (steme_verify(&r->sig, &o->agent, r->bytes.p, r->bytes.n) !=
		    STEME_OK)
			steme_check_tell(c, STEME_ESIG, r->lsn, &r->id,
			    "signature verification failed");
	}
}

/* The record at it, home or inline: it is what the log has under its lsn. */
static bool
check_value(struct steme_checkrun *c, const struct steme_iter *it,
    const struct steme_record *r, struct steme_object *o)
{
	struct steme_seen *e = &c->seen[r->lsn], now = {0};

	if (steme_record_check_id(r) != STEME_OK ||
	    steme_object_of(o, r, NULL) != STEME_OK) {
		bad_entry(c, it, "the record does not have its hash");
		return false;
	}
	if (!(e->flags & SEEN_LOG) && (e->flags & SEEN_LOST))
		check_lost(c, r, o);
	steme_check_note(&now, r, o);
	if (!(e->flags & SEEN_LOG) || !steme_check_same(e, r->id.b)) {
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "the index has this object, the log has another or none");
		return false;
	}
	if (o->kind == STEME_BATCH && !steme_check_batch_ids(c, r, o))
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "the index has another id list of this batch than it signs");
	if (e->sig != now.sig)
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "the index and the log have different signatures");
	if (e->envelope != now.envelope && !(e->flags & SEEN_ENVELOPED))
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "the index and the log have different envelopes");
	e->flags |= SEEN_AT_HOME;
	return true;
}

static void
count_object(struct steme_checkrun *c, const struct steme_object *o)
{
	c->counts.objects++;
	c->counts.assertions += o->kind == STEME_ASSERTION;
	c->counts.votes += o->kind == STEME_VOTE;
	c->counts.retractions += o->kind == STEME_RETRACTION;
	c->counts.batches += o->kind == STEME_BATCH;
	c->counts.globals += o->kind != STEME_BATCH && steme_object_is_global(o);
	c->counts.value_bytes += o->value.n;
}

/* 'R' id must point to the key of this entry. */
static void
check_pointer(struct steme_checkrun *c, const struct steme_iter *it,
    const struct steme_record *r)
{
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t n;
	int err;

	steme_key_record(&k, &r->id);
	err = get(c, &k, &val, &n);
	if (err != STEME_OK || n != it->klen + 1 || val[0] != STEME_R_POINTER ||
	    memcmp(val + 1, it->key, it->klen) != 0)
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "the index does not find it by its id");
	free(val);
}

/* What is remembered from one 'C' entry to the next. */
struct c_state {
	char concept[STEME_CONCEPT_MAX + 1], predicate[STEME_SEGMENT_MAX + 1];
	struct steme_str last, last_predicate;
};

/* Sums over assertions: they come by concept, then predicate. */
static void
check_assertion(struct steme_checkrun *c, struct c_state *st,
    const struct steme_iter *it, const struct steme_object *o)
{
	struct steme_name name;
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t n;
	int err;

	if (steme_str_eq(st->last, o->concept)) {
		if (!steme_str_eq(st->last_predicate, o->predicate))
			c->counts.predicates++;
	} else {
		c->counts.predicates++;
		c->asserting++;
		steme_key_name(&k, o->concept);
		err = get(c, &k, &val, &n);
		if (err == STEME_OK)
			err = steme_name_decode(&name, val, n);
		if (err != STEME_OK || !name.has_assertions)
			bad_entry(c, it, "its concept has no name entry that says "
			    "so");
		free(val);
	}
	memcpy(st->concept, o->concept.p, o->concept.n);
	memcpy(st->predicate, o->predicate.p, o->predicate.n);
	st->last = (struct steme_str){ st->concept, o->concept.n };
	st->last_predicate = (struct steme_str){ st->predicate, o->predicate.n };
}

static void
check_c(struct steme_checkrun *c, const struct steme_iter *it, struct c_state *st)
{
	struct steme_keybuf home;
	struct steme_record r;
	struct steme_object o;
	struct steme_ckey key;

	if (steme_key_parse_c(&key, it->key, it->klen) != STEME_OK ||
	    steme_record_decode_value(&r, it->val, it->vlen) != STEME_OK) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	if (r.lsn > c->target)
		return;
	c->homes++;
	if (!check_value(c, it, &r, &o))
		return;
	steme_key_home(&home, &o, &r.id);
	if (home.n != it->klen || memcmp(home.b, it->key, home.n) != 0) {
		bad_entry(c, it, "the object belongs under another key");
		return;
	}
	count_object(c, &o);
	check_pointer(c, it, &r);
	if (o.kind == STEME_ASSERTION)
		check_assertion(c, st, it, &o);
}

static void
check_r(struct steme_checkrun *c, const struct steme_iter *it)
{
	struct steme_record r;
	struct steme_object o;
	struct steme_id id;

	if (steme_key_parse_record(&id, it->key, it->klen) != STEME_OK ||
	    it->vlen == 0) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	if (it->val[0] == STEME_R_POINTER) {
		c->pointers++;
		return;
	}
	if (it->val[0] != STEME_R_INLINE ||
	    steme_record_decode_value(&r, it->val + 1, it->vlen - 1) != STEME_OK ||
	    !steme_id_eq(&r.id, &id)) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	if (r.lsn <= c->target && check_value(c, it, &r, &o))
		count_object(c, &o);
}

/* There are more pointers than records: this one leads nowhere? */
static void
check_dangling(struct steme_checkrun *c, const struct steme_iter *it)
{
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t n;

	if (it->vlen < 2 || it->val[0] != STEME_R_POINTER ||
	    it->vlen - 1 > sizeof(k.b))
		return;
	memcpy(k.b, it->val + 1, it->vlen - 1);
	k.n = it->vlen - 1;
	if (get(c, &k, &val, &n) == STEME_ENOTFOUND)
		bad_entry(c, it, "it points to an entry that is not there");
	free(val);
}

/* ---- lists ---- */

/*
 * Marks lsn as listed with the `same` object, agent or source; false: the log says
 * otherwise.  What the log lost cannot contradict.
 */
static bool
mark(struct steme_checkrun *c, uint64_t lsn, uint16_t flag, bool same)
{
	struct steme_seen *e = &c->seen[lsn];

	if (lsn == 0 || !(e->flags & (SEEN_LOG | SEEN_LOST)))
		return false;
	e->flags |= flag;
	return same || !(e->flags & SEEN_LOG);
}

static void
check_l(struct steme_checkrun *c, const struct steme_iter *it)
{
	static const uint8_t zero[STEME_ID_LEN];
	uint64_t first;

	if (steme_key_parse_log(&first, it->key, it->klen) != STEME_OK ||
	    it->vlen % STEME_ID_LEN != 0) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	for (size_t i = 0; i < it->vlen / STEME_ID_LEN; i++) {
		uint64_t lsn = first + i;
		const uint8_t *id = it->val + i * STEME_ID_LEN;

		if (lsn > c->target)
			return;
		if (!mark(c, lsn, SEEN_IN_L, c->seen[lsn].flags & SEEN_NONE ?
		    memcmp(id, zero, sizeof(zero)) == 0 :
		    steme_check_same(&c->seen[lsn], id)))
			steme_check_tell(c, STEME_ECORRUPT, lsn, NULL,
			    "the index lists another object for this lsn");
	}
}

/* 'A' and 'S': lsns below a key whose hash is h. */
static void
check_list(struct steme_checkrun *c, const struct steme_iter *it, uint32_t h, bool agent)
{
	struct steme_rd rd = steme_rd_from(it->val, it->vlen);

	if (it->vlen % 8 != 0)
		bad_entry(c, it, "it does not decode");
	while (rd.n >= 8) {
		uint64_t listed = steme_rd_le(&rd, 8);
		uint64_t lsn = agent ? listed & ~STEME_LISTED_OTHER : listed;

		if (lsn > c->target)
			return;
		if (agent && (c->seen[lsn].flags & SEEN_LOG) &&
		    !(c->seen[lsn].flags & SEEN_ASSERTION) != (lsn != listed))
			steme_check_tell(c, STEME_ECORRUPT, lsn, NULL,
			    "the index lists it under its agent as another kind");
		if (!mark(c, lsn, agent ? SEEN_IN_A : SEEN_IN_S,
		    h == (agent ? c->seen[lsn].agent : c->seen[lsn].source)))
			steme_check_tell(c, STEME_ECORRUPT, lsn, NULL,
			    "the index lists it under another %s",
			    agent ? "agent" : "source");
	}
}

static void
check_g(struct steme_checkrun *c, const struct steme_iter *it)
{
	struct steme_rd rd = steme_rd_from(it->key, it->klen);
	struct steme_id id;
	uint64_t lsn;

	steme_rd_take(&rd, 2);
	lsn = steme_rd_be(&rd, 8);
	if (steme_key_parse_global(&id, it->key, it->klen) != STEME_OK) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	if (lsn <= c->target && !mark(c, lsn, SEEN_IN_G,
	    steme_check_same(&c->seen[lsn], id.b)))
		bad_entry(c, it, "the log has another object there");
}

/* ---- names ---- */

static void
check_n(struct steme_checkrun *c, const struct steme_iter *it)
{
	struct steme_str concept, leaf;
	struct steme_name n;
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t len;

	if (steme_key_parse_name(&concept, it->key, it->klen) != STEME_OK ||
	    steme_name_decode(&n, it->val, it->vlen) != STEME_OK) {
		bad_entry(c, it, "it does not decode");
		return;
	}
	c->counts.concepts++;
	c->asserting_names += n.has_assertions;
	if (n.first_lsn <= c->target && !(c->seen[n.first_lsn].flags & SEEN_LOG))
		bad_entry(c, it, "the log has no record that made this concept");
	leaf = steme_concept_leaf(concept);
	steme_key_child(&k, steme_concept_parent(concept), n.first_lsn);
	if (get(c, &k, &val, &len) != STEME_OK || len != leaf.n ||
	    memcmp(val, leaf.p, len) != 0)
		bad_entry(c, it, "its folder does not list it");
	free(val);
}

/* ---- all ---- */

static void
check_entry(struct steme_checkrun *c, const struct steme_iter *it, struct c_state *st)
{
	uint8_t h[16];
	struct steme_id id;
	struct steme_str source;
	struct steme_applied a;
	uint64_t lsn;
	uint32_t n;

	c->rep->index_entries++;
	switch (it->key[0]) {
	case 'C':
		check_c(c, it, st);
		return;
	case 'R':
		check_r(c, it);
		return;
	case 'L':
		check_l(c, it);
		return;
	case 'N':
		check_n(c, it);
		return;
	case 'H':
		c->children++;
		return;
	case 'G':
		check_g(c, it);
		return;
	case 'A':
		if (steme_key_parse_agent(&id, &lsn, it->key, it->klen) == STEME_OK) {
			n = steme_check_hash(id.b, sizeof(id.b));
			check_list(c, it, n, true);
			return;
		}
		break;
	case 'S':
		if (steme_key_parse_source(h, &lsn, it->key, it->klen) == STEME_OK) {
			check_list(c, it, steme_check_hash(h, sizeof(h)), false);
			return;
		}
		break;
	case 's':
		if (steme_key_parse_source_text(&source, it->key, it->klen) ==
		    STEME_OK) {
			steme_source_hash16(h, source);
			if (it->vlen == sizeof(h) &&
			    memcmp(it->val, h, sizeof(h)) == 0)
				return;
		}
		break;
	case 'W':
		if (steme_applied_decode(&a, it->val, it->vlen) == STEME_OK)
			return;
		break;
	case 'M':
	case 'Z':
		return;
	default:
		bad_entry(c, it, "no family has such keys");
		return;
	}
	bad_entry(c, it, "it does not decode");
}

static int
each(struct steme_checkrun *c, char family, void (*f)(struct steme_checkrun *c,
    const struct steme_iter *it, struct c_state *st), struct c_state *st)
{
	struct steme_keybuf from, to;
	struct steme_iter it;
	int err;

	if (family != 0)
		steme_key_range_family(&from, &to, family);
	else
		from.n = 0;
	err = c->ix->ops->iter_open(c->ix, c->snap, from.b, from.n,
	    family != 0 ? to.b : NULL, family != 0 ? to.n : 0, false, &it);
	if (err != STEME_OK)
		return err;
	while ((err = c->ix->ops->iter_next(c->ix, &it)) == STEME_OK) {
		if (c->o->stop != NULL && c->o->stop(c->o->arg)) {
			err = STEME_ECANCELED;
			break;
		}
		if (it.klen > 0)
			f(c, &it, st);
	}
	c->ix->ops->iter_close(c->ix, &it);
	return err == STEME_ENOTFOUND ? STEME_OK : err;
}

static void
dangling(struct steme_checkrun *c, const struct steme_iter *it, struct c_state *st)
{
	(void)st;
	check_dangling(c, it);
}

/* What the log has and the index lacks. */
static void
missing(struct steme_checkrun *c)
{
	for (uint64_t lsn = 1; lsn <= c->target; lsn++) {
		const struct steme_seen *e = &c->seen[lsn];
		const char *what = NULL;

		if (!(e->flags & SEEN_LOG))
			continue;
		if (!(e->flags & SEEN_IN_L))
			what = "the index does not list it in log order";
		else if (e->flags & SEEN_NONE)
			continue;
		else if (!(e->flags & SEEN_AT_HOME))
			what = "the index lacks the object";
		else if ((e->flags & SEEN_HAS_AGENT) && !(e->flags & SEEN_IN_A))
			what = "the index does not list it under its agent";
		else if ((e->flags & SEEN_HAS_SOURCE) && !(e->flags & SEEN_IN_S))
			what = "the index does not list it under its source";
		else if ((e->flags & SEEN_WANTS_G) && !(e->flags & SEEN_IN_G))
			what = "the index does not list it among the global objects";
		if (what != NULL)
			steme_check_tell(c, STEME_ECORRUPT, lsn, NULL, "%s", what);
	}
}

/* The sums, if nothing was written meanwhile. */
static void
sums(struct steme_checkrun *c)
{
	struct steme_counts now;
	bool same;

	pthread_mutex_lock(&c->s->mu);
	now = c->s->counts;
	pthread_mutex_unlock(&c->s->mu);
	if (c->children != c->counts.concepts)
		steme_check_tell(c, STEME_ECORRUPT, 0, NULL, "the folders of the index "
		    "list %" PRIu64 " concepts, it has %" PRIu64, c->children,
		    c->counts.concepts);
	if (steme_store_lsn(c->s) != c->target)
		return;
	same = now.objects == c->counts.objects &&
	    now.assertions == c->counts.assertions &&
	    now.concepts == c->counts.concepts &&
	    now.predicates == c->counts.predicates &&
	    now.votes == c->counts.votes &&
	    now.retractions == c->counts.retractions &&
	    now.globals == c->counts.globals &&
	    now.batches == c->counts.batches &&
	    now.value_bytes == c->counts.value_bytes;
	if (!same)
		steme_check_tell(c, STEME_ECORRUPT, 0, NULL, "the sums of the index are "
		    "wrong: %" PRIu64 " objects, %" PRIu64 " assertions, %" PRIu64
		    " concepts, %" PRIu64 " predicates instead of %" PRIu64 ", %"
		    PRIu64 ", %" PRIu64 ", %" PRIu64, now.objects, now.assertions,
		    now.concepts, now.predicates, c->counts.objects,
		    c->counts.assertions, c->counts.concepts, c->counts.predicates);
	if (c->asserting_names != c->asserting)
		steme_check_tell(c, STEME_ECORRUPT, 0, NULL, "%" PRIu64 " concepts are "
		    "named as having assertions, %" PRIu64 " have some",
		    c->asserting_names, c->asserting);
}

int
steme_check_index(struct steme_checkrun *c)
{
	struct c_state *st = calloc(1, sizeof(*st));
	int err = STEME_ENOMEM;

	if (st == NULL)
		return err;
	err = each(c, 0, check_entry, st);
	if (err == STEME_OK && c->pointers != c->homes)
		err = each(c, 'R', dangling, st);
	free(st);
	if (err == STEME_ECORRUPT) {
		steme_check_tell(c, err, 0, NULL, "index checksum mismatch: LevelDB "
		    "cannot read all of its files; `steme rebuild` makes a new index");
		return STEME_OK;
	}
	if (err != STEME_OK)
		return err;
	missing(c);
	sums(c);
	return STEME_OK;
}
