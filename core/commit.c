/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - a group into the log, then into the index. */
#include "config.h"
#include "core/commit_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A sync that took so long is worth a line, but not more often than that. */
#define SLOW_SYNC_US	100000
#define SLOW_SYNC_EVERY	(INT64_C(10) * 1000000)
/* What operators look for when the index cannot be written. */
#define KV_FAILED	"Failed to write to KV store: Index update failed"
/* What those are told whose write was not begun because of that. */
#define INDEX_FULL	"the disk that holds the index is full; nothing was stored: free " \
	"some space and writes go on by themselves"
/* Free space is looked at after so many bytes put into the index. */
#define SPACE_EVERY	(4u << 20)

/* ---- the log: (lead) ---- */

static void
note_sync(struct steme_store *s, int64_t us)
{
	int64_t now = steme_mono_us(s->clock);

	pthread_mutex_lock(&s->mu);
	s->sync_samples[s->sync_count % STEME_SYNC_SAMPLES] =
	    (uint32_t)STEME_MIN(us, (int64_t)UINT32_MAX);
	s->sync_count++;
	s->sync_us_sum += us;
	pthread_mutex_unlock(&s->mu);
	steme_store_timed(s, STEME_TIMED_SYNC, us);
	if (us < SLOW_SYNC_US || now - s->slow_told_us < SLOW_SYNC_EVERY)
		return;
	s->slow_told_us = now;
	steme_log(STEME_WARN | STEME_LOG_STORAGE, "slow fsync: the log took %" PRId64
	    " ms to reach the disk", us / 1000);
}

static void
set_state(struct steme_store *s, enum steme_write_state st, const char *reason)
{
	bool was_full;

	pthread_mutex_lock(&s->mu);
	was_full = s->writes == STEME_WRITES_FULL;
	if (s->writes != STEME_WRITES_FAILED) {
		s->writes = st;
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
	}
	pthread_mutex_unlock(&s->mu);
	/* whose disk it is matters not: room for the log, gzip, and what must be merged */
	if ((st == STEME_WRITES_FULL) != was_full)
		steme_wal_reserve(s->wal, was_full);
	if (st == STEME_WRITES_OK && was_full)
		steme_log(STEME_INFO | STEME_LOG_STORAGE,
		    "storage: there is room again; writes go on");
	if (st == STEME_WRITES_FULL && !was_full)
		steme_trouble(s, STEME_ENOSPC, "writes are refused", reason);
}

/* Writes stop for good; why has words already. */
static void
index_failed(struct steme_store *s, int err, const struct steme_why *why)
{
	struct steme_why reason;

	steme_trouble(s, err, KV_FAILED, why->text);
	steme_fail(&reason, err, "the index could not be written (%s)",
	    steme_strerror(err));
	steme_store_failed(s, reason.text);
}

/* reason: what is told to who comes before the next try, so of a write that is not begun. */
static void
now_full(struct steme_store *s, const char *reason)
{
	s->full_until_us = steme_mono_us(s->clock) + 1000000;
	set_state(s, STEME_WRITES_FULL, reason);
}

/* The group that the log has and the index had no room for. */
static int
catch_up(struct steme_store *s, struct steme_why *why)
{
	struct steme_index *ix = s->gen->ix;
	int err = ix->ops->write(ix, s->apply.batch, false);

	if (err == STEME_OK) {
		s->behind = false;
		err = steme_publish_late(s);
	} else if (err == STEME_ENOSPC) {
		steme_fail(why, err, "%s", INDEX_FULL);
		now_full(s, INDEX_FULL);
		return err;
	}
	if (err == STEME_OK)
		return err;
	steme_fail(why, err, "the index could not be written (%s); nothing was stored",
	    steme_strerror(err));
	index_failed(s, err, why);
	return err;
}

/* May a commit be tried now?  If not, why says what is wrong. */
static int
may_commit(struct steme_store *s, struct steme_why *why)
{
	enum steme_write_state st;
	char reason[256];
	int err;

	pthread_mutex_lock(&s->mu);
	st = s->writes;
	memcpy(reason, s->reason, sizeof(reason));
	pthread_mutex_unlock(&s->mu);
	if (st == STEME_WRITES_FAILED)
		return steme_fail(why, STEME_EREADONLY, "%s; nothing was stored", reason);
	/* a try costs a write and a sync: at most one a second while the disk is full */
	if (st == STEME_WRITES_FULL &&
	    steme_mono_us(s->clock) < s->full_until_us)
		return steme_fail(why, STEME_ENOSPC, "%s", reason);
	if (st == STEME_WRITES_OK && !s->behind)
		return STEME_OK;
	/* alone from here on: nothing is on its way into the index */
	steme_index_drain(s);
	s->group->retry = true;
	if (s->behind && (err = catch_up(s, why)) != STEME_OK)
		return err;
	if (!steme_store_space_low(s, why))
		return STEME_OK;
	now_full(s, why->text);
	return STEME_ENOSPC;
}

/* Room to finish what was begun: stop before LevelDB has none. */
static void
watch_space(struct steme_store *s)
{
	struct steme_why why;

	if (s->apply.put_bytes - s->space_put_bytes < SPACE_EVERY)
		return;
	s->space_put_bytes = s->apply.put_bytes;
	if (steme_store_space_low(s, &why))
		now_full(s, why.text);
}

static int
log_group(struct steme_store *s, struct steme_group *g, struct steme_why *why)
{
	int64_t us = 0;
	int err;

	err = steme_wal_commit(s->wal, g->recs, g->n, &us, why);
	if (err == STEME_OK) {
		note_sync(s, us);
		g->end = steme_wal_end(s->wal);
		/* what the group before finds out meanwhile is not to be undone */
		if (g->retry)
			set_state(s, STEME_WRITES_OK, "");
		return STEME_OK;
	}
	if (err == STEME_ENOSPC) {
		steme_fail(why, err, "the disk that holds the log is full; nothing "
		    "was stored: free some space and writes go on by themselves");
		now_full(s, why->text);
		return err;
	}
	/* these leave the log as it was */
	if (err != STEME_EINVAL && err != STEME_ETOOBIG) {
		steme_trouble(s, err, "Failed to write to WAL", why->text);
		steme_store_failed(s, why->text);
	}
	return err;
}

/* ---- index and readers: (index) ---- */

static int
index_group(struct steme_store *s, struct steme_group *g)
{
	struct steme_apply *a = &s->apply;
	int err = STEME_OK;

	for (size_t i = 0; i < g->n && err == STEME_OK; i++) {
		const struct steme_staged *t = &g->staged[i];
		struct steme_commit_item *it = &g->items[i];
		unsigned news = 0;

		err = steme_apply_record(a, &t->r, &t->put->o, &news);
		it->r = &t->r;
		it->o = &t->put->o;
		it->new_concept = news & STEME_NEW_CONCEPT;
		it->new_predicate = news & STEME_NEW_PREDICATE;
	}
	if (err == STEME_OK)
		err = steme_apply_end_group(a, g->staged[0].r.lsn, &g->end);
	/* the group before has no place there: this one waits with it */
	if (err == STEME_OK && s->behind)
		return steme_apply_seal(a) == STEME_OK ? STEME_ENOSPC : a->err;
	if (err == STEME_OK)
		err = steme_apply_write(a);
	for (size_t i = 0; i < g->n && err == STEME_OK; i++)
		if (steme_globals_wants(g->items[i].o))
			err = steme_globals_add(s->globals, g->items[i].r,
			    g->items[i].o);
	if (err == STEME_OK && steme_known_full(s->known) &&
	    !steme_known_trim(s->known))
		steme_known_clear(s->known);
	return err;
}

/* The log has the group for good, the index has not: nobody is told that it is stored. */
static void
not_indexed(struct steme_store *s, int err, struct steme_why *why)
{
	if (err == STEME_ENOSPC) {
		steme_fail(why, err, "the disk that holds the index is full; what was "
		    "written is in the log and appears by itself when there is room");
		s->behind = true;
		now_full(s, INDEX_FULL);
		steme_trouble(s, err, KV_FAILED, why->text);
		return;
	}
	/* the group behind, in the log perhaps, must not pass by this one */
	s->apply.err = err;
	steme_fail(why, err, "the index could not be written (%s); the log has the "
	    "record, a restart replays it", steme_strerror(err));
	index_failed(s, err, why);
}

void
steme_commit_retry(struct steme_store *s)
{
	struct steme_wal_stats log;
	enum steme_write_state st;
	struct steme_why why;

	pthread_mutex_lock(&s->mu);
	st = s->writes;
	pthread_mutex_unlock(&s->mu);
	/* others fill the disk, too */
	if (st == STEME_WRITES_OK && steme_store_space_low(s, &why))
		now_full(s, why.text);
	if (st != STEME_WRITES_FULL || may_commit(s, &why) != STEME_OK)
		return;
	/* the log's own tick has found out whether it has room */
	steme_wal_stats(s->wal, &log);
	if (!log.full)
		set_state(s, STEME_WRITES_OK, "");
}

/* The group is in the log.  Into the index, and out to the readers. */
static int
index_and_publish(struct steme_store *s, struct steme_group *g, struct steme_why *why)
{
	int err = s->apply.err;

	if (g->n > 0) {
		if ((err = index_group(s, g)) != STEME_OK) {
			not_indexed(s, err, why);
			return err;
		}
		watch_space(s);
		steme_publish(s, g->items, g->n, g->exists);
		return STEME_OK;
	}
	/* what is there already may have come with the group before: is that one whole? */
	if (s->behind)
		err = STEME_ENOSPC;
	if (err != STEME_OK)
		return steme_fail(why, err, "the index could not be written; what was "
		    "written is in the log");
	pthread_mutex_lock(&s->mu);
	s->exists += g->exists;
	pthread_mutex_unlock(&s->mu);
	return STEME_OK;
}

/* ---- the leader ---- */

static void
refuse_all(struct steme_write *list, int err, const struct steme_why *why)
{
	for (struct steme_write *w = list; w != NULL; w = w->next)
		steme_refuse(w, err, why->text);
}

/* One put of the storage layer ended. */
static void
count_put(struct steme_store *s, int err, int64_t began)
{
	atomic_fetch_add_explicit(&s->puts, 1, memory_order_relaxed);
	if (err != STEME_OK)
		atomic_fetch_add_explicit(&s->put_errors, 1, memory_order_relaxed);
	steme_store_timed(s, STEME_TIMED_PUT, steme_mono_us(s->clock) - began);
}

void
steme_commit(struct steme_store *s, struct steme_write *list)
{
	int64_t began = steme_mono_us(s->clock);
	struct steme_group *g = s->group;
	struct steme_why why = { "" };
	int err;

	if ((err = may_commit(s, &why)) == STEME_OK &&
	    (err = steme_stage(s, list)) != STEME_OK)
		steme_fail(&why, err, "out of memory; nothing was stored");
	if (err == STEME_OK && g->n > 0)
		err = log_group(s, g, &why);
	if (err != STEME_OK) {
		refuse_all(list, err, &why);
		steme_lead_release(s);
		count_put(s, err, began);
		return;
	}
	steme_index_begin(s);
	/* from here on the next group may be on its way into the log */
	if ((err = index_and_publish(s, g, &why)) != STEME_OK)
		refuse_all(list, err, &why);
	steme_index_end(s);
	count_put(s, err, began);
}

int
steme_commit_genesis(struct steme_store *s, struct steme_why *why)
{
	struct steme_buf b = {0};
	struct steme_wal_rec rec = { STEME_WAL_GENESIS, 1, 0, NULL, 0 };
	struct steme_wal_pos end;
	int err;

	s->hlc_last = steme_hlc_next(s->hlc_last, s->genesis.time_us);
	rec.hlc = s->hlc_last;
	steme_genesis_encode(&b, &s->genesis);
	if ((err = steme_buf_err(&b)) != STEME_OK)
		goto out;
	rec.payload = b.data;
	rec.len = b.len;
	err = steme_wal_commit(s->wal, &rec, 1, NULL, why);
	if (err != STEME_OK)
		goto out;
	end = steme_wal_end(s->wal);
	err = steme_apply_genesis(&s->apply, 1, rec.hlc, b.data, b.len);
	if (err == STEME_OK)
		err = steme_apply_end_group(&s->apply, 1, &end);
	if (err == STEME_OK)
		err = steme_apply_write(&s->apply);
	if (err != STEME_OK)
		steme_fail(why, err, "the index of the new store could not be "
		    "written: %s", steme_strerror(err));
out:
	steme_buf_fini(&b);
	return err;
}
