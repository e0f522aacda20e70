/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - opening: the index, and from the log what it lacks. */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/wr.h"

#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>

/*
 * Opens the index and says where it stands.  One that cannot be used is left alone until
 * the new one beside it, which is opened then, is complete.
 */
static int
open_index(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_standing *st, struct steme_why *why)
{
	char fresh[PATH_MAX];
	int err;

	if (o->index != NULL) {
		err = steme_gen_borrow(&s->gen, o->index);
		return err != STEME_OK ? err : steme_standing_read(o->index, st);
	}
	steme_kv_heal(s);
	if ((err = steme_standing_open(s, false, st, &s->gen, why)) != STEME_OK ||
	    s->gen != NULL)
		return err;
	steme_kv_new_path(s, fresh);
	if ((err = steme_kv_remove(fresh, why)) != STEME_OK)
		return err;
	s->fresh_kv = true;
	return steme_gen_open(&s->gen, s, fresh, why);
}

/* The genesis: told by the log, or kept by the index; the first record of a new log. */
static int
find_genesis(struct steme_store *s, const struct steme_feed *f, struct steme_why *why)
{
	if (steme_wal_next_lsn(s->wal) == 1) {
		s->genesis.node = s->node;
		return steme_commit_genesis(s, why);
	}
	if (f->has_genesis) {
		s->genesis = f->genesis;
		return STEME_OK;
	}
	if (steme_kept_genesis(s, s->gen->ix) == STEME_OK)
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

static int
read_log(struct steme_store *s, struct steme_feed *f, const struct steme_standing *st,
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
	if (steme_meta_number(s->gen->ix, "created", 8, &created) != STEME_OK) {
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
		steme_rebuilt_decode(&s->rebuilt, val, len);
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
settle(struct steme_store *s, const struct steme_standing *st, struct steme_applied *at,
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

/* The index is whole: it has its name, and the only one. */
static int
take_place(struct steme_store *s, struct steme_why *why)
{
	int err = s->fresh_kv ? steme_kv_swap(s, NULL, why) : STEME_OK;

	if (err == STEME_OK)
		steme_kv_tidy(s);
	return err;
}

int
steme_recover(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_why *why)
{
	int64_t start = steme_mono_us(s->clock);
	struct steme_feed f = {0};
	struct steme_applied at;
	struct steme_standing st;
	bool full;
	int err;

	steme_new_genesis(s, &o->operator_, 0);
	s->known = steme_known_new(STEME_KNOWN_SLOTS);
	if (s->known == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	if ((err = open_index(s, o, &st, why)) != STEME_OK)
		return err;
	s->full_rebuild = full = st.rebuild != NULL;
	s->was_damaged = st.damaged;
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
	err = find_genesis(s, &f, why);
	if (err == STEME_OK && o->index == NULL)
		err = take_place(s, why);
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
