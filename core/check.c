/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - verify: the log is read once, in order, and what it says about each lsn is
 * kept in a few bytes; then the index is read once, in order, and held against it.
 */
#include "config.h"
#include "core/check_impl.h"
#include "core/log.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
steme_check_tell(struct steme_checkrun *c, int err, uint64_t lsn,
    const struct steme_id *id, const char *fmt, ...)
{
	struct steme_finding f = { .err = err, .lsn = lsn };
	char hex[STEME_ID_HEX + 1] = "";
	size_t n = 0;
	va_list ap;

	if (id != NULL) {
		f.id = *id;
		steme_id_hex(hex, id);
	}
	if (lsn != 0 && id != NULL)
		n = (size_t)snprintf(f.text, sizeof(f.text), "record %" PRIu64
		    ", object %s: ", lsn, hex);
	else if (lsn != 0)
		n = (size_t)snprintf(f.text, sizeof(f.text), "record %" PRIu64 ": ",
		    lsn);
	va_start(ap, fmt);
	vsnprintf(f.text + n, sizeof(f.text) - n, fmt, ap);
	va_end(ap);
	c->rep->problems++;
	if (c->o->finding != NULL)
		c->o->finding(c->o->arg, &f);
}

uint32_t
steme_check_hash(const void *data, size_t n)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES];
	uint8_t out[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(out, data, n, key);
	memcpy(&h, out, sizeof(h));
	return h;
}

bool
steme_check_same(const struct steme_seen *e, const uint8_t id[STEME_ID_LEN])
{
	return memcmp(e->id, id, 16) == 0 &&
	    e->id_rest == steme_check_hash(id + 16, 16);
}

void
steme_check_note(struct steme_seen *e, const struct steme_record *r,
    const struct steme_object *o)
{
	uint64_t env[2] = { r->hlc, r->node };

	memcpy(e->id, r->id.b, sizeof(e->id));
	e->id_rest = steme_check_hash(r->id.b + 16, 16);
	e->sig = r->sigkind == STEME_SIG_OWN ?
	    steme_check_hash(r->sig.b, sizeof(r->sig.b)) :
	    ~steme_check_hash(r->batch.b, sizeof(r->batch.b));
	e->envelope = steme_check_hash(env, sizeof(env));
	if (o->kind != STEME_OPAQUE) {
		e->flags |= SEEN_HAS_AGENT;
		e->agent = steme_check_hash(o->agent.b, sizeof(o->agent.b));
	}
	if (o->kind == STEME_ASSERTION)
		e->flags |= SEEN_ASSERTION;
	if (o->kind == STEME_ASSERTION && o->source.p != NULL) {
		uint8_t h[16];

		steme_source_hash16(h, o->source);
		e->flags |= SEEN_HAS_SOURCE;
		e->source = steme_check_hash(h, sizeof(h));
	}
	if (steme_globals_wants(o) ||
	    (steme_object_is_global(o) && o->kind != STEME_BATCH))
		e->flags |= SEEN_WANTS_G;
}

/* ---- the log ---- */

static void
progress(struct steme_checkrun *c, unsigned from, unsigned to, uint64_t done,
    uint64_t all)
{
	if (c->o->progress != NULL && all > 0)
		c->o->progress(c->o->arg, from + (unsigned)((to - from) * done / all));
}

static void
check_genesis(struct steme_checkrun *c, const struct steme_wal_rec *rec)
{
	struct steme_genesis g;

	if (steme_genesis_decode(&g, rec->payload, rec->len) != STEME_OK)
		steme_check_tell(c, STEME_ECORRUPT, rec->lsn, NULL,
		    "the genesis record does not decode");
	else if (memcmp(g.store, c->s->genesis.store, sizeof(g.store)) != 0 ||
	    !steme_id_eq(&g.operator_, &c->s->genesis.operator_))
		steme_check_tell(c, STEME_ECORRUPT, rec->lsn, NULL,
		    "the log's genesis is not that of the index: they belong to "
		    "different stores");
}

static void
check_envelope(struct steme_checkrun *c, const struct steme_record *r)
{
	struct steme_record old;
	uint8_t *backing;

	if (steme_store_get(c->s, &r->id, &old, &backing) == STEME_OK &&
	    old.lsn <= c->target)
		c->seen[old.lsn].flags |= SEEN_ENVELOPED;
	else
		steme_check_tell(c, STEME_ECORRUPT, r->lsn, &r->id,
		    "an envelope of an object that is not in the store");
	free(backing);
}

static void
check_record(struct steme_checkrun *c, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct steme_seen *e = &c->seen[rec->lsn];
	struct steme_why why = { "" };
	struct steme_record r;
	struct steme_object o;
	int err;

	e->flags = SEEN_LOG;
	if (rec->type == STEME_WAL_GENESIS) {
		e->flags |= SEEN_NONE;
		check_genesis(c, rec);
		return;
	}
	if (rec->type == STEME_WAL_LOST) {
		e->flags |= SEEN_NONE;
		c->lost++;
		return;
	}
	err = steme_record_decode(&r, rec->type, rec->payload, rec->len);
	r.lsn = rec->lsn;
	r.hlc = rec->hlc;
	if (err == STEME_OK && rec->type == STEME_WAL_ENVELOPE) {
		e->flags |= SEEN_NONE;
		check_envelope(c, &r);
		return;
	}
	if (err == STEME_OK && steme_record_check_id(&r) != STEME_OK) {
		steme_check_tell(c, STEME_ECORRUPT, rec->lsn, &r.id, "segment %"
		    PRIu64 ", group at offset %" PRIu64 ": the bytes do not have "
		    "this hash", pos->segment, pos->offset);
		return;
	}
	if (err == STEME_OK)
		err = steme_object_of(&o, &r, &why);
	if (err != STEME_OK) {
		steme_check_tell(c, STEME_ECORRUPT, rec->lsn, NULL, "segment %"
		    PRIu64 ", group at offset %" PRIu64 ": it is no object: %s",
		    pos->segment, pos->offset, why.text);
		return;
	}
	c->rep->objects++;
	steme_check_note(e, &r, &o);
	steme_check_signed(c, &r, &o);
}

static int
visit(void *arg, const struct steme_wal_rec *rec, const struct steme_wal_pos *pos)
{
	struct steme_checkrun *c = arg;

	if (rec->lsn > c->target)
		return STEME_FEED_STOP;
	if (c->o->stop != NULL && c->o->stop(c->o->arg))
		return STEME_ECANCELED;
	if (pos->segment != c->segment) {
		c->segment = pos->segment;
		c->rep->segments++;
		if (pos->segment >= c->first_segment)
			progress(c, 0, 600, pos->segment - c->first_segment,
			    c->last_segment - c->first_segment + 1);
	}
	c->rep->records++;
	check_record(c, rec, pos);
	return c->err;
}

/* Gaps are records whose segment is gone: counted from the index, not damage by itself. */
static int
trouble(void *arg, const struct steme_wal_trouble *t)
{
	struct steme_checkrun *c = arg;

	if (t->first_lsn > c->target && t->first_lsn != 0)
		return STEME_FEED_STOP;
	if (t->err == STEME_EGAP) {
		uint64_t last = t->last_lsn == 0 || t->last_lsn > c->target ?
		    c->target : t->last_lsn;

		for (uint64_t i = t->first_lsn; i <= last; i++)
			c->seen[i].flags |= SEEN_LOST;
		steme_log(STEME_WARN | STEME_LOG_STORAGE, "verify: storage: %s",
		    t->text);
		return STEME_OK;
	}
	steme_check_tell(c, t->err, t->first_lsn, NULL, "%s", t->text);
	return STEME_OK;
}

static int
check_log(struct steme_checkrun *c, struct steme_why *why)
{
	struct steme_wal_pos start = { 0, 0, 0 };
	struct steme_segment_info *list = NULL;
	struct steme_segments **t;
	size_t n, len = 0;
	int err;

	if ((err = steme_log_tables(c->s, &t, &n, why)) != STEME_OK)
		return err;
	if (t[0]->ops->list(t[0], &list, &len) == STEME_OK && len > 0) {
		c->first_segment = list[0].number;
		c->last_segment = list[len - 1].number;
	}
	free(list);
	err = steme_wal_scan(t, n, start, visit, trouble, c, why);
	steme_log_tables_close(t, n);
	return err == STEME_FEED_STOP ? STEME_OK : err;
}

static void
bad_signature(void *arg, uint64_t lsn, const struct steme_id *id)
{
	steme_check_tell(arg, STEME_ESIG, lsn, id, lsn != 0 ?
	    "signature verification failed" :
	    "signature verification failed for more objects than memory could keep");
}

/* ---- all of it ---- */

static int
run(struct steme_checkrun *c, struct steme_why *why)
{
	struct steme_gen *g;
	int err = check_log(c, why);

	steme_sigpool_finish(c->pool, &c->rep->signatures, bad_signature, c);
	c->pool = NULL;
	if (err == STEME_OK)
		err = c->err;
	/* what ended the reading is a finding, too: nothing behind it was checked */
	if (err == STEME_ECORRUPT)
		steme_check_tell(c, err, 0, NULL, "the log could not be read to its "
		    "end: %s", why->text[0] != '\0' ? why->text :
		    steme_strerror(err));
	if (err != STEME_OK)
		return err;
	progress(c, 0, 1000, 600, 1000);
	g = steme_gen_get(c->s);
	c->ix = g->ix;
	if ((err = c->ix->ops->snapshot(c->ix, &c->snap)) == STEME_OK) {
		err = steme_check_index(c);
		c->ix->ops->release(c->ix, c->snap);
	}
	steme_gen_put(g);
	progress(c, 0, 1000, 1, 1);
	return err;
}

int
steme_store_verify(struct steme_store *s, const struct steme_check_opts *o,
    struct steme_check_report *rep, struct steme_why *why)
{
	struct steme_checkrun c = { .s = s, .o = o, .rep = rep };
	int64_t start = steme_mono_us(s->clock);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = o->threads != 0 ? o->threads :
	    cpus > 0 ? (unsigned)cpus : 1;
	struct steme_why local = { "" };
	int err = STEME_ENOMEM;

	if (why == NULL)
		why = &local;
	why->text[0] = '\0';
	memset(rep, 0, sizeof(*rep));
	c.target = steme_store_lsn(s);
	c.seen = calloc(c.target + 1, sizeof(*c.seen));
	if (c.seen == NULL)
		goto out;
	if (!o->skip_signatures &&
	    (err = steme_sigpool_new(&c.pool, threads)) != STEME_OK)
		goto out;
	err = run(&c, why);
out:
	free(c.seen);
	free(c.batch_ids);
	rep->us = (uint64_t)(steme_mono_us(s->clock) - start);
	if (err != STEME_OK && why->text[0] == '\0')
		steme_fail(why, err, "verify could not finish: %s",
		    steme_strerror(err));
	if (c.lost > 0)
		steme_log(STEME_WARN | STEME_LOG_STORAGE, "verify: storage: %" PRIu64
		    " records of the log were lost to damage before; a repair keeps "
		    "their places", c.lost);
	if (err == STEME_OK && rep->problems > 0)
		err = steme_fail(why, STEME_ECORRUPT, "%" PRIu64 " problems were "
		    "found", rep->problems);
	return err;
}
