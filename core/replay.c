/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - opening: where the index stands, what of the log it lacks.
 *
 * LevelDB is written without sync, so after a power cut some of its batches may be gone,
 * in the middle, too.  Batch k holds the entry 'W' k: from the checkpoint on these must
 * be contiguous.  Where the first is missing, the log is replayed from the one before.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/path.h"
#include "core/rd.h"
#include "core/wr.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
steme_meta_get(struct steme_index *ix, const char *name, uint8_t **val, size_t *len)
{
	struct steme_keybuf k;

	*val = NULL;
	steme_key_meta(&k, name);
	return ix->ops->get(ix, NULL, k.b, k.n, val, len);
}

void
steme_meta_put(struct steme_batch *b, const char *name, const void *val, size_t len)
{
	struct steme_keybuf k;

	steme_key_meta(&k, name);
	steme_batch_put(b, k.b, k.n, val, len);
}

/* A number of 4 or 8 bytes; 0 if it is not there. */
static int
meta_number(struct steme_index *ix, const char *name, unsigned bytes, uint64_t *out)
{
	uint8_t *val;
	size_t len;
	int err = steme_meta_get(ix, name, &val, &len);
	struct steme_rd rd = steme_rd_from(val, err == STEME_OK ? len : 0);

	*out = 0;
	if (err == STEME_OK) {
		*out = steme_rd_le(&rd, bytes);
		if (!steme_rd_done(&rd))
			err = STEME_ECORRUPT;
	}
	free(val);
	return err;
}

void
steme_rebuilt_encode(uint8_t out[25], const struct steme_meta_rebuilt *m)
{
	steme_put_le(out, (uint64_t)m->at_us, 8);
	steme_put_le(out + 8, m->assertions, 8);
	steme_put_le(out + 16, m->ms, 8);
	out[24] = m->told;
}

static void
rebuilt_decode(struct steme_meta_rebuilt *m, const uint8_t *val, size_t len)
{
	struct steme_rd rd = steme_rd_from(val, len);
	struct steme_meta_rebuilt t;

	t.at_us = (int64_t)steme_rd_le(&rd, 8);
	t.assertions = steme_rd_le(&rd, 8);
	t.ms = steme_rd_le(&rd, 8);
	t.told = steme_rd_le(&rd, 1) != 0;
	if (steme_rd_done(&rd))
		*m = t;
}

int
steme_checkpoint_put(struct steme_index *ix, const struct steme_applied *at, bool sync)
{
	struct steme_batch *b = steme_batch_new();
	struct steme_keybuf from, to;
	struct steme_buf v = {0};
	struct steme_iter it;
	uint64_t number;
	int err = STEME_ENOMEM;

	if (b == NULL)
		return STEME_ENOMEM;
	steme_applied_encode(&v, at);
	if (steme_buf_err(&v) != STEME_OK)
		goto out;
	steme_meta_put(b, "checkpoint", v.data, v.len);
	steme_key_range_family(&from, &to, 'W');
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it);
	if (err != STEME_OK)
		goto out;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_key_parse_applied(&number, it.key, it.klen);
		if (err != STEME_OK || number > at->number)
			break;
		steme_batch_del(b, it.key, it.klen);
	}
	ix->ops->iter_close(ix, &it);
	if (err == STEME_OK || err == STEME_ENOTFOUND)
		err = steme_batch_err(b);
	if (err == STEME_OK)
		err = ix->ops->write(ix, b, sync);
out:
	steme_buf_fini(&v);
	steme_batch_free(b);
	return err;
}

/* ---- where the index stands ---- */

struct standing {
	struct steme_applied checkpoint;	/* durable for sure */
	struct steme_applied at;	/* the last of the contiguous batches */
	bool gap;			/* batches after it were lost */
	bool empty;			/* nothing in it */
	const char *rebuild;		/* why the index cannot be used; NULL: it can */
};

static void
standing_none(struct standing *st, const char *rebuild)
{
	memset(st, 0, sizeof(*st));
	st->at.next_lsn = 1;
	st->rebuild = rebuild;
}

/* Follows 'W' from the checkpoint; what lies beyond a gap is forgotten, durably. */
static int
read_applied(struct steme_index *ix, struct standing *st)
{
	struct steme_batch *beyond = steme_batch_new();
	struct steme_keybuf from, to;
	struct steme_iter it;
	struct steme_applied a;
	uint64_t number;
	int err;

	if (beyond == NULL)
		return STEME_ENOMEM;
	steme_key_range_family(&from, &to, 'W');
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it);
	if (err != STEME_OK)
		goto out;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_key_parse_applied(&number, it.key, it.klen);
		if (err == STEME_OK)
			err = steme_applied_decode(&a, it.val, it.vlen);
		if (err == STEME_OK && a.number != number)
			err = STEME_ECORRUPT;
		if (err != STEME_OK)
			break;
		if (number <= st->at.number)
			continue;
		if (number == st->at.number + 1 && !st->gap) {
			st->at = a;
			continue;
		}
		st->gap = true;
		steme_batch_del(beyond, it.key, it.klen);
	}
	ix->ops->iter_close(ix, &it);
	if (err != STEME_ENOTFOUND)
		goto out;
	/*
	 * The replay numbers its batches from here again.  Were the old ones there
	 * still, the next start could take them for its continuation.
	 */
	err = st->gap ? ix->ops->write(ix, beyond, true) : STEME_OK;
out:
	steme_batch_free(beyond);
	return err;
}

/* Does the index hold anything at all? */
static int
is_empty(struct steme_index *ix, bool *empty)
{
	struct steme_iter it;
	int err = ix->ops->iter_open(ix, NULL, "", 0, NULL, 0, false, &it);

	if (err != STEME_OK)
		return err;
	err = ix->ops->iter_next(ix, &it);
	ix->ops->iter_close(ix, &it);
	*empty = err == STEME_ENOTFOUND;
	return *empty ? STEME_OK : err;
}

/* Reads where ix stands.  An error: its entries cannot be read. */
static int
read_standing(struct steme_index *ix, struct standing *st)
{
	uint64_t format;
	uint8_t *val = NULL;
	size_t len;
	int err;

	standing_none(st, NULL);
	if ((err = is_empty(ix, &st->empty)) != STEME_OK)
		return err;
	if (st->empty) {
		st->rebuild = "there is none";
		return STEME_OK;
	}
	err = meta_number(ix, "format", 4, &format);
	if (err == STEME_ENOTFOUND || (err == STEME_OK &&
	    format != STEME_INDEX_FORMAT)) {
		st->rebuild = "it has another format version";
		return STEME_OK;
	}
	if (err != STEME_OK)
		return err;
	err = steme_meta_get(ix, "checkpoint", &val, &len);
	if (err == STEME_OK)
		err = steme_applied_decode(&st->at, val, len);
	else if (err == STEME_ENOTFOUND)
		err = STEME_OK;
	free(val);
	st->checkpoint = st->at;
	return err != STEME_OK ? err : read_applied(ix, st);
}

/* ---- opening the index ---- */

/* Another process has the index; the log's lock knows which. */
static int
busy(struct steme_store *s, const struct steme_why *what, struct steme_why *why)
{
	struct steme_segments *segs = NULL;
	int err = steme_segments_local(&segs, s->io, s->wal_dir, false, NULL);

	if (err == STEME_OK)
		err = segs->ops->lock(segs, why);
	steme_segments_close(segs);
	if (err != STEME_EBUSY)
		steme_fail(why, STEME_EBUSY, "%s", what->text);
	return STEME_EBUSY;
}

/*
 * The folder of the index, if it can be used; else *st says why not and *out is NULL.
 * locked: the log's lock is held here, so it knows nobody else.
 */
static int
open_present(struct steme_store *s, bool locked, struct standing *st,
    struct steme_gen **out, struct steme_why *why)
{
	struct steme_why what = { "" };
	struct steme_gen *g = NULL;
	int err;

	*out = NULL;
	if (steme_marked_rebuild(s)) {
		standing_none(st, "it was marked by an index error");
		return STEME_OK;
	}
	err = steme_gen_open(&g, s, s->kv_dir, &what);
	if (err == STEME_OK)
		err = read_standing(g->ix, st);
	if (err == STEME_OK && (st->rebuild == NULL || st->empty)) {
		*out = g;
		return STEME_OK;
	}
	if (g != NULL)
		steme_gen_put(g);
	if (err == STEME_ECORRUPT) {
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "index error: %s is damaged: %s", s->kv_dir,
		    what.text[0] != '\0' ? what.text :
		    "its records of itself cannot be read");
		standing_none(st, "it is damaged");
		return STEME_OK;
	}
	if (err == STEME_EBUSY && !locked)
		return busy(s, &what, why);
	if (err != STEME_OK)
		return steme_fail(why, err, "the index in %s cannot be opened: %s",
		    s->kv_dir, what.text[0] ? what.text : steme_strerror(err));
	return STEME_OK;
}

/*
 * Opens the index and says where it stands.  One that cannot be used is left alone until
 * the new one beside it, which is opened then, is complete.
 */
static int
open_index(struct steme_store *s, const struct steme_store_opts *o,
    struct standing *st, struct steme_why *why)
{
	char fresh[PATH_MAX];
	int err;

	if (o->index != NULL) {
		err = steme_gen_borrow(&s->gen, o->index);
		return err != STEME_OK ? err : read_standing(o->index, st);
	}
	steme_kv_heal(s);
	if ((err = open_present(s, false, st, &s->gen, why)) != STEME_OK ||
	    s->gen != NULL)
		return err;
	steme_kv_new_path(s, fresh);
	if ((err = steme_kv_remove(fresh, why)) != STEME_OK)
		return err;
	s->fresh_kv = true;
	return steme_gen_open(&s->gen, s, fresh, why);
}

/* ---- log and index together ---- */

/* The genesis that ix keeps. */
static int
kept_genesis(struct steme_store *s, struct steme_index *ix)
{
	uint8_t *val;
	size_t len;
	int err = steme_meta_get(ix, "genesis", &val, &len);

	if (err == STEME_OK)
		err = steme_genesis_decode(&s->genesis, val, len);
	free(val);
	return err;
}

/* The genesis of a log that was there: told by the log, or kept by the index. */
static int
find_genesis(struct steme_store *s, const struct steme_feed *f, struct steme_why *why)
{
	if (f->has_genesis) {
		s->genesis = f->genesis;
		return STEME_OK;
	}
	if (kept_genesis(s, s->gen->ix) == STEME_OK)
		return STEME_OK;
	return steme_fail(why, STEME_EGAP, "the log's first record, which says whose store "
	    "this is, is missing: restore segment.001.wal, or go on without it: steme "
	    "rebuild --accept-gaps");
}

void
steme_new_genesis(struct steme_store *s, const struct steme_id *operator_,
    uint64_t node)
{
	randombytes_buf(s->genesis.store, sizeof(s->genesis.store));
	while (node == 0)
		randombytes_buf(&node, sizeof(node));
	s->genesis.node = node;
	s->genesis.operator_ = *operator_;
	s->genesis.time_us = steme_wall_us(s->clock);
}

int
steme_standing_of_old(struct steme_store *s, struct steme_applied *at,
    struct steme_why *why)
{
	struct steme_gen *g = NULL;
	struct standing st;
	int err;

	memset(at, 0, sizeof(*at));
	if ((err = open_present(s, true, &st, &g, why)) != STEME_OK || g == NULL)
		return err;
	*at = st.at;
	s->has_genesis = kept_genesis(s, g->ix) == STEME_OK;
	steme_gen_put(g);
	return STEME_OK;
}

static int
read_log(struct steme_store *s, struct steme_feed *f, const struct standing *st,
    struct steme_why *why)
{
	struct steme_wal_opts w = { .segment_bytes = s->segment_bytes,
	    .clock = s->clock, .visit = steme_feed_visit, .arg = f };
	struct steme_segment_info *list = NULL;
	size_t n = 0;
	int err;

	err = steme_segments_local(&s->segments, s->io, s->wal_dir, true, why);
	if (err != STEME_OK)
		return err;
	w.segments = s->segments;
	if (s->segments->ops->list(s->segments, &list, &n) == STEME_OK && n > 0) {
		f->last_segment = list[n - 1].number;
		f->first_segment = st->at.segment > list[0].number ?
		    st->at.segment : list[0].number;
	} else {
		/* A fresh log: this node's id goes into its first header. */
		w.node = s->genesis.node;
	}
	free(list);
	if (st->at.next_lsn > 1)
		w.from = (struct steme_wal_pos){ st->at.segment, st->at.offset,
		    st->at.next_lsn };
	err = steme_wal_open(&s->wal, &w, why);
	if (err != STEME_OK) {
		steme_segments_close(s->segments);
		s->segments = NULL;
		if (f->why.text[0] != '\0')
			steme_fail(why, err, "%s", f->why.text);
	}
	return err;
}

/* Meta entries every index has. */
static int
put_meta(struct steme_store *s, bool full, uint64_t assertions, int64_t us)
{
	struct steme_batch *b = steme_batch_new();
	uint8_t v[25];
	uint64_t created = 0;
	int err;

	if (b == NULL)
		return STEME_ENOMEM;
	if (meta_number(s->gen->ix, "created", 8, &created) != STEME_OK) {
		created = (uint64_t)steme_wall_us(s->clock);
		steme_put_le(v, STEME_INDEX_FORMAT, 4);
		steme_meta_put(b, "format", v, 4);
		steme_put_le(v, created, 8);
		steme_meta_put(b, "created", v, 8);
	}
	s->created_us = (int64_t)created;
	if (full) {
		s->rebuilt = (struct steme_meta_rebuilt){ steme_wall_us(s->clock),
		    assertions, (uint64_t)us / 1000, true };
		steme_rebuilt_encode(v, &s->rebuilt);
		steme_meta_put(b, "rebuilt", v, sizeof(v));
	}
	err = steme_batch_err(b);
	if (err == STEME_OK && steme_batch_count(b) > 0)
		err = s->gen->ix->ops->write(s->gen->ix, b, false);
	steme_batch_free(b);
	return err;
}

/* An offline rebuild is told once by the start that follows it. */
static void
tell_offline(struct steme_store *s)
{
	struct steme_batch *b;
	uint8_t *val, v[25];
	size_t len;

	if (steme_meta_get(s->gen->ix, "rebuilt", &val, &len) == STEME_OK)
		rebuilt_decode(&s->rebuilt, val, len);
	free(val);
	if (s->rebuilt.at_us == 0 || s->rebuilt.told)
		return;
	steme_log(STEME_INFO | STEME_LOG_STORAGE, "WAL rebuild complete: %" PRIu64
	    " assertions in %" PRIu64 "ms", s->rebuilt.assertions, s->rebuilt.ms);
	s->rebuilt.told = true;
	if ((b = steme_batch_new()) == NULL)
		return;
	steme_rebuilt_encode(v, &s->rebuilt);
	steme_meta_put(b, "rebuilt", v, sizeof(v));
	s->gen->ix->ops->write(s->gen->ix, b, false);
	steme_batch_free(b);
}

/*
 * After the log was read the index is complete.  A new one is made durable before it is
 * used; what a replay added is left to the first tick: until then the next start
 * would find the same gap, or the same end, and read the log from there again.
 */
static int
settle(struct steme_store *s, const struct standing *st, struct steme_applied *at,
    struct steme_why *why)
{
	struct steme_wal_pos end = steme_wal_end(s->wal);
	struct steme_index *ix = s->gen->ix;
	int err = STEME_OK;

	at->segment = end.segment;
	at->offset = end.offset;
	s->checkpoint = st->checkpoint;
	if (st->rebuild != NULL) {
		err = ix->ops->checkpoint(ix);
		if (err == STEME_OK)
			err = steme_checkpoint_put(ix, at, false);
		s->checkpoint = *at;
	}
	s->checkpoint_due = at->number != s->checkpoint.number;
	if (err == STEME_OK)
		err = steme_apply_init(&s->apply, ix, s->known, at);
	if (err != STEME_OK)
		steme_fail(why, err, "the index could not be made durable: %s",
		    steme_strerror(err));
	return err;
}

int
steme_recover(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_why *why)
{
	int64_t start = steme_mono_us(s->clock);
	struct steme_feed f = {0};
	struct steme_applied at;
	struct standing st;
	bool full;
	int err;

	steme_new_genesis(s, &o->operator_, 0);
	s->known = steme_known_new(STEME_KNOWN_SLOTS);
	if (s->known == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	if ((err = open_index(s, o, &st, why)) != STEME_OK)
		return err;
	s->full_rebuild = full = st.rebuild != NULL;
	s->applied_gaps = st.gap;
	if (st.gap)
		steme_log(STEME_WARN | STEME_LOG_STORAGE, "index: batches after %"
		    PRIu64 " were lost by an unclean stop; the log is replayed "
		    "from lsn %" PRIu64, st.at.number, st.at.next_lsn);
	steme_log_index_start(full, st.rebuild, st.at.next_lsn);
	err = steme_feed_init(&f, s->gen->ix, &st.at,
	    full ? STEME_KNOWN_REBUILD : STEME_KNOWN_SLOTS);
	if (err != STEME_OK)
		goto out;
	f.progress = s->progress;
	f.arg = s->arg;
	if ((err = read_log(s, &f, &st, why)) != STEME_OK)
		goto out;
	if ((err = steme_feed_end(&f, &at)) != STEME_OK) {
		steme_fail(why, err, "the index could not be written: %s",
		    steme_strerror(err));
		goto out;
	}
	s->replayed_records = f.records;
	s->node = steme_wal_node(s->wal);
	err = put_meta(s, full, at.counts.assertions,
	    steme_mono_us(s->clock) - start);
	if (err == STEME_OK)
		err = settle(s, &st, &at, why);
	if (err != STEME_OK)
		goto out;
	if (steme_wal_next_lsn(s->wal) == 1) {
		s->genesis.node = s->node;
		err = steme_commit_genesis(s, why);
	} else {
		err = find_genesis(s, &f, why);
	}
	if (err == STEME_OK && s->fresh_kv)
		err = steme_kv_swap(s, NULL, why);
	if (err != STEME_OK)
		goto out;
	tell_offline(s);
	steme_log_index_done(&s->apply.at.counts, full, f.records,
	    steme_mono_us(s->clock) - start);
out:
	steme_feed_fini(&f);
	if (err != STEME_OK && st.empty && s->gen->owned) {
		/* what was begun here must not pass for an index that was there */
		steme_gen_put(s->gen);
		s->gen = NULL;
		steme_kv_remove(s->kv_dir, NULL);
	}
	return err;
}
