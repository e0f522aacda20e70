/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compact.c - compaction of the index: when asked for, by itself when much is pending, and
 * what LevelDB does on its own.  All of it is told with the word compaction.
 *
 * One step is one family of keys, or a sixteenth of the records by id, so that stopping the
 * daemon need not wait for the whole.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LEVEL		(STEME_INFO | STEME_LOG_STORAGE)
#define CHECK_EVERY_US	(INT64_C(10) * 1000000)
#define FIRST		'A'
#define LAST		'Z'
#define SPLIT		'R'		/* records by id: most of the bytes */
#define PARTS		16
#define STEPS		(LAST - FIRST + PARTS)

/* The key at which step i begins. */
static size_t
step_key(uint8_t out[2], unsigned i)
{
	const unsigned split = SPLIT - FIRST;

	if (i <= split || i >= split + PARTS) {
		out[0] = (uint8_t)(FIRST + i - (i > split ? PARTS - 1 : 0));
		return 1;
	}
	out[0] = SPLIT;
	out[1] = (uint8_t)((i - split) * 256 / PARTS);
	return 2;
}

static int
all_steps(struct steme_store *s, bool (*go_on)(void *arg, unsigned permille), void *arg)
{
	struct steme_gen *g = steme_gen_get(s);
	uint8_t from[2], to[2];
	int err = STEME_OK;

	for (unsigned i = 0; i < STEPS && err == STEME_OK; i++) {
		size_t nfrom = step_key(from, i), nto = step_key(to, i + 1);

		if (go_on != NULL && !go_on(arg, i * 1000 / STEPS))
			err = STEME_ECANCELED;
		else
			err = g->ix->ops->compact(g->ix, from, nfrom, to, nto);
		if (err == STEME_OK && (i + 1) % 10 == 0)
			steme_log(LEVEL, "storage: compaction: %u of %u key ranges done",
			    i + 1, STEPS);
	}
	steme_gen_put(g);
	return err;
}

static bool
index_tells(struct steme_store *s)
{
	struct steme_gen *g = steme_gen_get(s);
	bool tells = g->ix->ops->events != NULL;

	steme_gen_put(g);
	return tells;
}

static void
stats_of(struct steme_store *s, struct steme_index_stats *st)
{
	struct steme_gen *g = steme_gen_get(s);

	memset(st, 0, sizeof(*st));
	g->ix->ops->stats(g->ix, st);
	steme_gen_put(g);
}

static int
compact(struct steme_store *s, const char *cause,
    bool (*go_on)(void *arg, unsigned permille), void *arg, struct steme_why *why)
{
	int64_t began = steme_mono_us(s->clock), us;
	struct steme_index_stats st;
	bool tells;			/* the index counts its own compactions */
	int err;

	stats_of(s, &st);
	tells = index_tells(s);
	steme_log(LEVEL, "storage: compaction started (%s): %" PRIu64 " files, %" PRIu64
	    " bytes, %" PRIu64 " bytes pending", cause, st.files, st.bytes,
	    st.pending_compaction_bytes);
	err = all_steps(s, go_on, arg);
	us = steme_mono_us(s->clock) - began;
	if (err == STEME_ECANCELED) {
		steme_log(LEVEL, "storage: compaction ended early after %" PRId64 " ms",
		    us / 1000);
		return steme_fail(why, err, "the compaction was ended early");
	}
	if (err != STEME_OK) {
		if (!tells)
			atomic_fetch_add(&s->compaction_errors, 1);
		steme_fail(why, err, "the compaction failed: %s", steme_strerror(err));
		steme_trouble(s, err, "LSM tree compaction failed", why->text);
		return err;
	}
	if (!tells) {
		atomic_fetch_add(&s->compactions, 1);
		steme_store_timed(s, STEME_TIMED_COMPACTION, us);
	}
	stats_of(s, &st);
	steme_log(LEVEL, "storage: compaction complete in %" PRId64 " ms: %" PRIu64
	    " files, %" PRIu64 " bytes", us / 1000, st.files, st.bytes);
	return STEME_OK;
}

int
steme_store_compact(struct steme_store *s, bool force,
    bool (*go_on)(void *arg, unsigned permille), void *arg, struct steme_why *why)
{
	struct steme_why local = { "" };
	struct steme_index_stats st;
	bool idle = false;
	int err;

	why = why == NULL ? &local : why;
	stats_of(s, &st);
	if (!force && st.pending_compaction_bytes == 0) {
		steme_log(LEVEL, "storage: compaction: nothing is pending");
		return STEME_OK;
	}
	if (!force && steme_store_space_low(s, why))
		return steme_fail(why, STEME_ENOSPC, "too little room for a compaction in "
		    "%s: free some space, or force it", s->kv_dir);
	if (!atomic_compare_exchange_strong(&s->compacting, &idle, true))
		return steme_fail(why, STEME_EBUSY, "a compaction is running already: "
		    "wait until it ends");
	err = compact(s, force ? "forced" : "asked for", go_on, arg, why);
	atomic_store(&s->compacting, false);
	return err;
}

/* ---- by itself ---- */

static bool
may_go_on(void *arg, unsigned permille)
{
	struct steme_store *s = arg;

	(void)permille;
	return !atomic_load(&s->compact_stop);
}

static void *
compactor(void *arg)
{
	struct steme_store *s = arg;
	struct steme_why why;

	/* a failure is logged, and tried again when it is due again */
	compact(s, "compaction_trigger_mb", may_go_on, s, &why);
	atomic_store(&s->compacting, false);
	atomic_store(&s->compactor_done, true);
	return NULL;
}

static void
begin(struct steme_store *s)
{
	bool idle = false;

	if (!atomic_compare_exchange_strong(&s->compacting, &idle, true))
		return;
	atomic_store(&s->compactor_done, false);
	s->has_compactor = pthread_create(&s->compactor, NULL, compactor, s) == 0;
	if (!s->has_compactor)
		atomic_store(&s->compacting, false);
}

static void
on_event(void *arg, const struct steme_index_event *e)
{
	struct steme_store *s = arg;

	if (e->err != STEME_OK) {
		atomic_fetch_add(&s->compaction_errors, 1);
		steme_trouble(s, e->err, "LSM tree compaction failed", e->text);
		return;
	}
	atomic_fetch_add(&s->compactions, 1);
	steme_store_timed(s, STEME_TIMED_COMPACTION, e->us);
	steme_log(LEVEL, "storage: compaction: %s, %" PRId64 " ms", e->text, e->us / 1000);
}

void
steme_compact_tick(struct steme_store *s, int64_t now)
{
	struct steme_index *ix = s->gen->ix;	/* upkeep_mu: no rebuild replaces it */
	struct steme_index_stats st;

	if (ix->ops->events != NULL)
		ix->ops->events(ix, on_event, s);
	if (s->has_compactor && atomic_load(&s->compactor_done)) {
		pthread_join(s->compactor, NULL);
		s->has_compactor = false;
	}
	if (s->compact_trigger == 0 || s->has_compactor ||
	    now - s->compact_checked_us < CHECK_EVERY_US)
		return;
	s->compact_checked_us = now;
	stats_of(s, &st);
	if (st.pending_compaction_bytes >= s->compact_trigger)
		begin(s);
}

void
steme_compact_end(struct steme_store *s)
{
	atomic_store(&s->compact_stop, true);
	if (s->has_compactor)
		pthread_join(s->compactor, NULL);
	s->has_compactor = false;
}
