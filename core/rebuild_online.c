/* SPDX-License-Identifier: Apache-2.0 */
/* rebuild_online.c - the whole index again from the log, beside the one that serves. */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

/* Rounds of catching up with the log before writes have to wait. */
#define CATCH_UP_ROUNDS	5
#define CATCH_UP_NEAR	2000
#define RETIRED_WAIT_MS	10000

struct online {
	struct steme_gen *gen;		/* the new one */
	struct steme_feed f;
	struct steme_segments **tables;
	size_t ntables;
	bool mem;			/* there is no folder */
};

/*
 * The index that the last rebuild replaced lies in kv.new until its last reader lets go
 * of it, and is removed then, by that name: a new one must not be there yet.
 */
static int
wait_retired(struct steme_store *s, struct steme_why *why)
{
	const struct timespec nap = { 0, 2000000 };

	for (int i = 0; atomic_load(&s->retired) > 0; i++) {
		if (i == RETIRED_WAIT_MS / 2)
			return steme_fail(why, STEME_EBUSY, "somebody still reads the "
			    "index that the last rebuild replaced; try again later");
		nanosleep(&nap, NULL);
	}
	return STEME_OK;
}

static int
online_open(struct steme_store *s, struct online *on, struct steme_why *why)
{
	static const struct steme_applied start = { .next_lsn = 1 };
	struct steme_index *ix;
	char fresh[PATH_MAX];
	int err;

	if ((err = steme_log_tables(s, &on->tables, &on->ntables, why)) != STEME_OK)
		return err;
	if ((err = wait_retired(s, why)) != STEME_OK)
		return err;
	on->mem = s->kv_dir == NULL;
	if (on->mem) {
		if ((err = steme_index_mem(&ix)) != STEME_OK)
			return err;
		if ((err = steme_gen_borrow(&on->gen, ix)) != STEME_OK) {
			ix->ops->close(ix);
			return err;
		}
		on->gen->owned = true;
	} else {
		steme_kv_new_path(s, fresh);
		if ((err = steme_kv_remove(fresh, why)) != STEME_OK ||
		    (err = steme_gen_open(&on->gen, s, fresh, why)) != STEME_OK)
			return err;
	}
	err = steme_feed_init(&on->f, on->gen->ix, &start, STEME_KNOWN_REBUILD);
	on->f.permille = &s->rebuild_permille;
	steme_rebuild_extent(on->tables, on->ntables, &on->f.first_segment, &on->f.last_segment);
	return err;
}

/* Feeds what the log has up to stop_lsn, which is durable. */
static int
catch_up(struct online *on, uint64_t stop_lsn, struct steme_why *why)
{
	struct steme_wal_pos from = on->f.group;

	if (on->f.apply.at.next_lsn >= stop_lsn)
		return STEME_OK;
	from.lsn = on->f.apply.at.next_lsn;
	on->f.stop_lsn = stop_lsn;
	return steme_rebuild_scan(on->tables, on->ntables, &on->f, from, why);
}

/* The last step, as the leader: nothing more comes, the new index takes over. */
static int
online_swap(struct steme_store *s, struct online *on, int64_t start,
    struct steme_why *why)
{
	struct steme_wal_pos end = steme_wal_end(s->wal);
	struct steme_index *ix = on->gen->ix;
	struct steme_applied at;
	struct steme_gen *old;
	int err;

	if ((err = catch_up(on, s->apply.at.next_lsn, why)) != STEME_OK)
		return err;
	if ((err = steme_feed_end(&on->f, &at)) != STEME_OK)
		return err;
	if (at.counts.objects < s->apply.at.counts.objects ||
	    at.next_lsn != s->apply.at.next_lsn)
		return steme_rebuild_less(&at.counts, &s->apply.at.counts, why);
	at.segment = end.segment;
	at.offset = end.offset;
	at.hlc = s->apply.at.hlc;
	if ((err = steme_rebuild_meta(s, ix, true, steme_mono_us(s->clock) - start,
	    at.counts.assertions)) != STEME_OK ||
	    (err = ix->ops->checkpoint(ix)) != STEME_OK ||
	    (err = steme_checkpoint_put(ix, &at, true)) != STEME_OK)
		return err;
	old = s->gen;
	/* crash here: the old index is in its place, and right */
	if (!on->mem && (err = steme_kv_swap(s, old, why)) != STEME_OK)
		return err;
	steme_mark_rebuild(s, false);
	steme_apply_fini(&s->apply);
	steme_known_clear(s->known);
	steme_known_clear(s->fresh);
	err = steme_apply_init(&s->apply, ix, s->known, &at);
	pthread_mutex_lock(&s->gen_mu);
	s->gen = on->gen;
	pthread_mutex_unlock(&s->gen_mu);
	if (s->sets != NULL)
		steme_sets_forget(s->sets);
	on->gen = NULL;
	s->checkpoint = at;
	s->checkpoint_put_bytes = s->space_put_bytes = 0;
	pthread_mutex_lock(&s->mu);
	s->counts = at.counts;
	pthread_mutex_unlock(&s->mu);
	atomic_store(&s->index_error, false);
	old->retired = &s->retired;
	atomic_fetch_add(&s->retired, 1);
	steme_gen_put(old);
	return err;
}

static int
online(struct steme_store *s, struct online *on, struct steme_why *why)
{
	int64_t start = steme_mono_us(s->clock);
	struct steme_counts c;
	uint64_t stop;
	int err;

	steme_log_index_start(true, "asked for; the old one serves until then", 1);
	if ((err = online_open(s, on, why)) != STEME_OK)
		return err;
	for (int i = 0; i < CATCH_UP_ROUNDS; i++) {
		stop = steme_store_lsn(s) + 1;
		if ((err = catch_up(on, stop, why)) != STEME_OK)
			return err;
		if (steme_store_lsn(s) + 1 - stop < CATCH_UP_NEAR)
			break;
	}
	/* most of the work of the checkpoint, while writes go on */
	if ((err = on->gen->ix->ops->checkpoint(on->gen->ix)) != STEME_OK)
		return err;
	steme_lead_acquire(s);
	err = online_swap(s, on, start, why);
	c = s->apply.at.counts;
	steme_lead_release(s);
	if (err == STEME_OK)
		steme_log_index_done(&c, true, on->f.records,
		    steme_mono_us(s->clock) - start);
	return err;
}

int
steme_store_rebuild_online(struct steme_store *s, struct steme_why *why)
{
	struct steme_why local = { "" };
	struct online on = {0};
	bool idle = false;
	char fresh[PATH_MAX];
	int err;

	if (why == NULL)
		why = &local;
	why->text[0] = '\0';
	if (!atomic_compare_exchange_strong(&s->rebuilding, &idle, true))
		return steme_fail(why, STEME_EBUSY, "a rebuild is running already");
	atomic_store(&s->rebuild_permille, 0);
	pthread_mutex_lock(&s->upkeep_mu);
	err = online(s, &on, why);
	steme_feed_fini(&on.f);
	if (on.gen != NULL) {
		if (!on.mem) {
			steme_kv_new_path(s, fresh);
			snprintf(on.gen->destroy, sizeof(on.gen->destroy), "%s",
			    fresh);
		}
		steme_gen_put(on.gen);
	}
	steme_log_tables_close(on.tables, on.ntables);
	pthread_mutex_unlock(&s->upkeep_mu);
	pthread_mutex_lock(&s->mu);
	s->full_rebuild |= err == STEME_OK;
	snprintf(s->rebuild_error, sizeof(s->rebuild_error), "%s", err == STEME_OK ? "" :
	    why->text[0] != '\0' ? why->text : steme_strerror(err));
	pthread_mutex_unlock(&s->mu);
	atomic_store(&s->rebuild_permille, 1000);
	atomic_store(&s->rebuilding, false);
	if (err == STEME_OK)
		return STEME_OK;
	if (why->text[0] == '\0')
		steme_fail(why, err, "the new index could not be written: %s",
		    steme_strerror(err));
	steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: storage: "
	    "index rebuild failed: %s", why->text);
	return err;
}
