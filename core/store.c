/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - opening, closing, state and upkeep of a store. */
#include "config.h"
#include "core/store_impl.h"
#include "core/cond.h"
#include "core/log.h"
#include "core/rd.h"
#include "core/util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOST_EVERY_US	(INT64_C(30) * 1000000)

/* ---- open and close ---- */

static char **
copy_list(const char *const *list)
{
	size_t n = 0;
	char **out;

	while (list[n] != NULL)
		n++;
	if ((out = calloc(n + 1, sizeof(*out))) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		out[i] = strdup(list[i]);
	return out;
}

static void
free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

/* A store that touched nothing yet. */
int
steme_store_new(struct steme_store **out, const struct steme_store_opts *o)
{
	struct steme_store *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return STEME_ENOMEM;
	pthread_mutex_init(&s->gen_mu, NULL);
	pthread_mutex_init(&s->mu, NULL);
	pthread_mutex_init(&s->upkeep_mu, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->lead_free, NULL);
	pthread_cond_init(&s->index_free, NULL);
	steme_cond_init(&s->more);
	steme_cond_init(&s->stopping);
	s->tail = &s->head;
	s->io = o->io != NULL ? o->io : &steme_io_posix;
	s->clock = o->clock != NULL ? o->clock : &steme_clock_system;
	s->segment_bytes = o->segment_bytes;
	s->group_max_wait_ms = o->group_max_wait_ms;
	s->group_max_bytes = o->group_max_bytes != 0 ? o->group_max_bytes : 1 << 20;
	s->group_max_bytes = STEME_MIN(s->group_max_bytes, STEME_GROUP_BYTES);
	s->value_max = o->value_max != 0 ? o->value_max : 64 << 10;
	s->write_buffer = o->write_buffer;
	s->block_cache = o->block_cache;
	s->accept_gaps = o->accept_gaps;
	s->progress = o->progress;
	s->on_commit = o->on_commit;
	s->on_time = o->on_time;
	s->lock_timeout_ms = o->lock_timeout_ms;
	s->compact_trigger = o->compact_trigger;
	s->arg = o->arg;
	s->wal_dir = strdup(o->wal_dir);
	s->kv_dir = o->kv_dir == NULL ? NULL : strdup(o->kv_dir);
	s->more_wal_dirs = o->more_wal_dirs == NULL ? NULL :
	    copy_list(o->more_wal_dirs);
	if (steme_gate_new(&s->gate, o->node_name, s->clock) != STEME_OK ||
	    s->wal_dir == NULL || (o->kv_dir != NULL && s->kv_dir == NULL) ||
	    (o->more_wal_dirs != NULL && s->more_wal_dirs == NULL)) {
		steme_store_free(s);
		return STEME_ENOMEM;
	}
	*out = s;
	return STEME_OK;
}

void
steme_store_free(struct steme_store *s)
{
	steme_wal_close(s->wal);
	if (s->gen != NULL)
		steme_gen_put(s->gen);
	steme_apply_fini(&s->apply);
	steme_known_free(s->known);
	steme_known_free(s->fresh);
	steme_group_free(s->group);
	steme_group_free(s->logged);
	steme_globals_free(s->globals);
	steme_sets_free(s->sets);
	steme_gate_free(s->gate);
	steme_changes_close(s->changes);
	free(s->wal_dir);
	free(s->kv_dir);
	free_list(s->more_wal_dirs);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->lead_free);
	pthread_cond_destroy(&s->index_free);
	pthread_cond_destroy(&s->more);
	pthread_cond_destroy(&s->stopping);
	pthread_mutex_destroy(&s->mu);
	pthread_mutex_destroy(&s->gen_mu);
	pthread_mutex_destroy(&s->upkeep_mu);
	free(s);
}

/* All that lenses know besides candidates, from the 'G' entries. */
static int
load_globals(struct steme_store *s)
{
	struct steme_index *ix = s->gen->ix;
	struct steme_keybuf from, to;
	struct steme_record r;
	struct steme_object o;
	struct steme_iter it;
	struct steme_id id;
	uint8_t *backing;
	int err;

	steme_key_range_family(&from, &to, 'G');
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it);
	if (err != STEME_OK)
		return err;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		backing = NULL;
		err = steme_key_parse_global(&id, it.key, it.klen);
		if (err == STEME_OK)
			err = steme_index_record(ix, &id, &r, &backing, NULL);
		if (err == STEME_OK)
			err = steme_object_of(&o, &r, NULL);
		if (err == STEME_OK && steme_globals_wants(&o))
			err = steme_globals_add(s->globals, &r, &o);
		free(backing);
		if (err != STEME_OK)
			break;
	}
	ix->ops->iter_close(ix, &it);
	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	return steme_store_index_error(s, err, "loading trust, aliases and epochs");
}

int
steme_store_open(struct steme_store **out, const struct steme_store_opts *o,
    struct steme_why *why)
{
	struct steme_why local = { "" };
	struct steme_store *s = NULL;
	int err;

	*out = NULL;
	if (why == NULL)
		why = &local;
	if ((err = steme_store_new(&s, o)) != STEME_OK)
		return steme_fail(why, err, "out of memory");
	if ((err = steme_recover(s, o, why)) != STEME_OK)
		goto out;
	why->text[0] = '\0';
	err = STEME_ENOMEM;
	s->globals = steme_globals_new(&s->genesis.operator_);
	s->fresh = steme_known_new(STEME_FRESH_SLOTS);
	if (o->kept_claims > 0)
		s->sets = steme_sets_new(o->kept_claims, s->apply.at.next_lsn - 1);
	if (s->globals == NULL || s->fresh == NULL ||
	    (o->kept_claims > 0 && s->sets == NULL) ||
	    steme_group_new(&s->group) != STEME_OK ||
	    steme_group_new(&s->logged) != STEME_OK)
		goto out;
	if ((err = load_globals(s)) != STEME_OK)
		goto out;
	err = steme_changes_create(&s->changes, o->changes_path);
	if (err != STEME_OK) {
		steme_fail(why, err, "the change counters %s cannot be made: %s",
		    o->changes_path == NULL ? "" : o->changes_path,
		    steme_strerror(err));
		goto out;
	}
	s->hlc_last = s->hlc = s->apply.at.hlc;
	s->counts = s->apply.at.counts;
	s->checkpoint_us = steme_mono_us(s->clock);
	atomic_store(&s->lsn, s->apply.at.next_lsn - 1);
	steme_store_count_lost(s);
	steme_gate_load(s->gate, s);
	err = STEME_ENOMEM;
	for (; s->ncommitters < STEME_NELEM(s->committers); s->ncommitters++)
		if (pthread_create(&s->committers[s->ncommitters], NULL,
		    steme_committer, s) != 0)
			break;
	if (s->ncommitters == 0)
		goto out;
	s->has_watcher = s->lock_timeout_ms > 0 &&
	    pthread_create(&s->watcher, NULL, steme_queue_watcher, s) == 0;
	*out = s;
	s = NULL;
	err = STEME_OK;
out:
	if (err != STEME_OK && why->text[0] == '\0')
		steme_fail(why, err, "the store cannot be opened: %s",
		    steme_strerror(err));
	if (s != NULL)
		steme_store_free(s);
	return err;
}

/* Everything so far is durable in the index.  For close: nobody else is there. */
static void
last_checkpoint(struct steme_store *s)
{
	struct steme_index *ix = s->gen->ix;
	int err;

	if (s->writes == STEME_WRITES_FAILED || s->behind ||
	    s->checkpoint.number == s->apply.at.number)
		return;
	err = ix->ops->checkpoint(ix);
	if (err == STEME_OK)
		err = steme_checkpoint_put(ix, &s->apply.at, true);
	if (err != STEME_OK)
		steme_log(STEME_WARN | STEME_LOG_STORAGE, "index: the last checkpoint "
		    "failed (%s); the next start reads the log from the one before",
		    steme_strerror(err));
}

void
steme_store_close(struct steme_store *s)
{
	if (s == NULL)
		return;
	steme_compact_end(s);
	pthread_mutex_lock(&s->mu);
	s->stop = true;
	pthread_cond_broadcast(&s->stopping);
	pthread_cond_broadcast(&s->work);
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->mu);
	for (unsigned i = 0; i < s->ncommitters; i++)
		pthread_join(s->committers[i], NULL);
	if (s->has_watcher)
		pthread_join(s->watcher, NULL);
	last_checkpoint(s);
	steme_store_free(s);
}

/* ---- what it is and how it does ---- */

const struct steme_genesis *
steme_store_genesis(const struct steme_store *s)
{
	return &s->genesis;
}

uint64_t
steme_store_node(const struct steme_store *s)
{
	return s->node;
}

uint64_t
steme_store_lsn(const struct steme_store *s)
{
	return atomic_load_explicit(&s->lsn, memory_order_acquire);
}

struct steme_changes *
steme_store_changes(struct steme_store *s)
{
	return s->changes;
}

void
steme_store_failed(struct steme_store *s, const char *what)
{
	bool first;

	pthread_mutex_lock(&s->mu);
	first = s->writes != STEME_WRITES_FAILED;
	if (first) {
		s->writes = STEME_WRITES_FAILED;
		snprintf(s->reason, sizeof(s->reason), "%s", what);
	}
	pthread_mutex_unlock(&s->mu);
	if (first)
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "storage error: writes have stopped: %s; a restart replays the "
		    "log", what);
}

static void
disk_room(const struct steme_store *s, struct steme_store_stats *out)
{
	struct statvfs v;

	if (statvfs(s->kv_dir != NULL ? s->kv_dir : s->wal_dir, &v) != 0)
		return;
	out->disk_free = (uint64_t)v.f_bavail * v.f_frsize;
	out->disk_total = (uint64_t)v.f_blocks * v.f_frsize;
}

void
steme_store_stats(struct steme_store *s, struct steme_store_stats *out)
{
	struct steme_gen *g = steme_gen_get(s);

	memset(out, 0, sizeof(*out));
	g->ix->ops->stats(g->ix, &out->index);
	steme_gen_put(g);
	steme_wal_stats(s->wal, &out->wal);
	pthread_mutex_lock(&s->mu);
	out->lsn = steme_store_lsn(s);
	out->hlc = s->hlc;
	out->counts = s->counts;
	out->writes = s->writes;
	memcpy(out->reason, s->reason, sizeof(out->reason));
	out->commits = s->commits;
	out->commit_records = s->commit_records;
	out->exists = s->exists;
	out->sync_us_sum = s->sync_us_sum;
	out->sync_count = s->sync_count;
	out->last_rebuild_us = s->rebuilt.at_us != 0 ? s->rebuilt.at_us :
	    s->created_us;
	out->full_rebuild = s->full_rebuild;
	memcpy(out->rebuild_error, s->rebuild_error, sizeof(out->rebuild_error));
	pthread_mutex_unlock(&s->mu);
	out->index_created_us = s->created_us;
	out->lost_segment_records = atomic_load(&s->lost_records);
	out->replayed_records = s->replayed_records;
	out->applied_gaps = s->applied_gaps;
	out->index_was_damaged = s->was_damaged;
	out->rebuilding = atomic_load(&s->rebuilding);
	out->rebuild_permille = atomic_load(&s->rebuild_permille);
	out->index_error = atomic_load(&s->index_error);
	out->puts = atomic_load(&s->puts);
	out->put_errors = atomic_load(&s->put_errors);
	out->gets = atomic_load(&s->gets);
	out->get_errors = atomic_load(&s->get_errors);
	out->lock_timeouts = atomic_load(&s->lock_timeouts);
	out->compactions = atomic_load(&s->compactions);
	out->compaction_errors = atomic_load(&s->compaction_errors);
	out->compacting = atomic_load(&s->compacting);
	disk_room(s, out);
	steme_gate_state(s->gate, &out->gate);
}

void
steme_store_kept(struct steme_store *s, uint64_t *bytes, uint64_t *limit)
{
	struct steme_sets_stats st = { 0 };

	if (s->sets != NULL)
		steme_sets_stats(s->sets, &st);
	*bytes = st.bytes;
	*limit = st.limit;
}

size_t
steme_store_sync_samples(struct steme_store *s, uint32_t *us, size_t n)
{
	pthread_mutex_lock(&s->mu);
	n = STEME_MIN(n, STEME_MIN((size_t)STEME_SYNC_SAMPLES,
	    (size_t)s->sync_count));
	for (size_t i = 0; i < n; i++)
		us[i] = s->sync_samples[(s->sync_count - 1 - i) %
		    STEME_SYNC_SAMPLES];
	pthread_mutex_unlock(&s->mu);
	return n;
}

/* ---- upkeep ---- */

/* Is a segment of this number present?  list ascends. */
static bool
present(const struct steme_segment_info *list, size_t n, uint64_t number)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && list[lo].number == number;
}

/* Counts the records whose segment is gone: 'Z' says where each begins. */
void
steme_store_count_lost(struct steme_store *s)
{
	struct steme_gen *g = steme_gen_get(s);
	struct steme_index *ix = g->ix;
	struct steme_segment_info *list = NULL;
	struct steme_keybuf from, to;
	uint64_t lost = 0, begin = 0;
	bool gone = false;
	struct steme_iter it;
	size_t n = 0;

	steme_key_range_family(&from, &to, 'Z');
	if (s->segments->ops->list(s->segments, &list, &n) != STEME_OK)
		goto out;
	if (ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false,
	    &it) != STEME_OK)
		goto out;
	while (ix->ops->iter_next(ix, &it) == STEME_OK) {
		struct steme_rd key = steme_rd_from(it.key, it.klen);
		struct steme_rd val = steme_rd_from(it.val, it.vlen);
		uint64_t first = steme_rd_le(&val, 8);

		steme_rd_take(&key, 1);
		if (gone && first > begin)
			lost += first - begin;
		gone = !present(list, n, steme_rd_be(&key, 8));
		begin = first;
	}
	ix->ops->iter_close(ix, &it);
	if (gone && steme_store_lsn(s) >= begin)
		lost += steme_store_lsn(s) + 1 - begin;
	atomic_store(&s->lost_records, lost);
out:
	free(list);
	steme_gen_put(g);
}

bool
steme_store_space_low(struct steme_store *s, struct steme_why *why)
{
	uint64_t need, room, size;
	struct statvfs v;
	bool full;

	if (s->kv_dir == NULL || statvfs(s->kv_dir, &v) != 0)
		return false;
	room = (uint64_t)v.f_bavail * v.f_frsize;
	size = (uint64_t)v.f_blocks * v.f_frsize;
	/* a write buffer on its way out, one in the log, and what they are merged into */
	need = 3 * (s->write_buffer != 0 ? s->write_buffer : 32u << 20);
	need = STEME_MIN(need, size / 16);
	/* the reserve was given back: to go on there must be room for it, too */
	pthread_mutex_lock(&s->mu);
	full = s->writes == STEME_WRITES_FULL;
	pthread_mutex_unlock(&s->mu);
	if (full)
		need += STEME_RESERVE_BYTES;
	if (room >= need)
		return false;
	steme_fail(why, STEME_ENOSPC, "only %" PRIu64 " MiB are free on the disk of "
	    "%s, the index needs %" PRIu64 " MiB to go on; nothing was stored: free "
	    "some space and writes go on by themselves", room >> 20, s->kv_dir,
	    need >> 20);
	return true;
}

static int
checkpoint_locked(struct steme_store *s)
{
	struct steme_applied at;
	struct steme_index *ix;
	bool failed;
	int err;

	steme_lead_acquire(s);
	at = s->apply.at;
	ix = s->gen->ix;
	pthread_mutex_lock(&s->mu);
	failed = s->writes == STEME_WRITES_FAILED || s->behind;
	pthread_mutex_unlock(&s->mu);
	steme_lead_release(s);
	/* after a failure the sums may be ahead of what was written */
	if (at.number == s->checkpoint.number || failed)
		return failed ? STEME_EREADONLY : STEME_OK;
	/* gen cannot change: rebuilds hold upkeep_mu, too */
	err = ix->ops->checkpoint(ix);
	/* crash here: more is durable than the checkpoint says */
	steme_lead_acquire(s);
	if (err == STEME_OK)
		err = steme_checkpoint_put(ix, &at, false);
	if (err == STEME_OK) {
		s->checkpoint = at;
		s->checkpoint_due = false;
		s->checkpoint_us = steme_mono_us(s->clock);
		s->checkpoint_put_bytes = s->apply.put_bytes;
	}
	steme_lead_release(s);
	if (err != STEME_OK)
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "storage: index error: the checkpoint failed: %s",
		    steme_strerror(err));
	return err;
}

int
steme_store_checkpoint(struct steme_store *s)
{
	int err;

	pthread_mutex_lock(&s->upkeep_mu);
	err = checkpoint_locked(s);
	pthread_mutex_unlock(&s->upkeep_mu);
	return err;
}

void
steme_store_tick(struct steme_store *s)
{
	struct steme_why why = { "" };
	int64_t now = steme_mono_us(s->clock);
	bool due;
	int err;

	steme_lead_acquire(s);
	err = steme_wal_tick(s->wal, &why);
	steme_commit_retry(s);
	due = s->checkpoint_due ||
	    now - s->checkpoint_us >= STEME_CHECKPOINT_US ||
	    s->apply.put_bytes - s->checkpoint_put_bytes >= STEME_CHECKPOINT_BYTES;
	steme_lead_release(s);
	if (err != STEME_OK && err != STEME_ENOSPC && err != STEME_EREADONLY)
		steme_store_failed(s, why.text);
	/* a rebuild is running, or a checkpoint: that one does what is needed */
	if (pthread_mutex_trylock(&s->upkeep_mu) != 0)
		return;
	if (due)
		checkpoint_locked(s);
	if (now - s->lost_checked_us >= LOST_EVERY_US) {
		steme_store_count_lost(s);
		s->lost_checked_us = now;
	}
	steme_compact_tick(s, now);
	steme_trouble_again(s, now);
	pthread_mutex_unlock(&s->upkeep_mu);
}
