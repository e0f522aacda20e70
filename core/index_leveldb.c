/* SPDX-License-Identifier: Apache-2.0 */
/* index_leveldb.c - the index in LevelDB 1.23: opening, writing, numbers. */
#include "config.h"
#include "core/index_files.h"
#include "core/index_leveldb.h"
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITE_BUFFER	(32u << 20)
#define BLOCK_CACHE	(16u << 20)
#define MAX_FILE	(32u << 20)
#define BLOOM_BITS	10
#define BUCKET_BITS	12	/* of ids: a batch has some thousand */
#define BUCKETS		(1u << BUCKET_BITS)
#define SORT_MIN	256	/* ids of a batch: of fewer, sorting costs more than it saves */

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN	1
#endif
#endif
#ifdef UNDER_TSAN
/*
 * Debian's LevelDB is not built for ThreadSanitizer: its atomics are invisible, so every
 * memcmp() it makes, itself or by way of its strings, looks like a race.  Whatever
 * links this file needs this.
 */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "called_from_lib:libleveldb.so\n"
	    "called_from_lib:libsnappy.so\n"
	    "called_from_lib:libstdc++.so\n";
}
#endif

int
steme_ldb_error(struct steme_ldb *l, char *text)
{
	int err = steme_index_err(text);

	if (text == NULL)
		return STEME_OK;
	MUST(pthread_mutex_lock(&l->errmu));
	snprintf(l->error, sizeof(l->error), "%s", text);
	MUST(pthread_mutex_unlock(&l->errmu));
	leveldb_free(text);
	return err;
}

static void
last_error(struct steme_ldb *l, char out[200])
{
	MUST(pthread_mutex_lock(&l->errmu));
	memcpy(out, l->error, 200);
	MUST(pthread_mutex_unlock(&l->errmu));
}

/* ---- open and close ---- */

static int
open_db(struct steme_ldb *l, struct steme_why *why)
{
	char *text = NULL, said[200];
	int err;

	l->db = leveldb_open(l->options, l->dir, &text);
	err = steme_ldb_error(l, text);
	last_error(l, said);
	switch (err) {
	case STEME_OK:
		return STEME_OK;
	case STEME_ECORRUPT:
		return steme_fail(why, err, "the index in %s is damaged (%s); "
		    "nothing is lost: make it again from the log with "
		    "`steme rebuild`", l->dir, said);
	case STEME_EBUSY:
		return steme_fail(why, err, "the index in %s is already held by "
		    "another process (%s)", l->dir, l->error);
	default:
		return steme_fail(why, err, "cannot open the index in %s: %s",
		    l->dir, said);
	}
}

static void
set_options(struct steme_ldb *l, const struct steme_index_opts *o)
{
	leveldb_options_t *lo = l->options;

	l->write_buffer = o->write_buffer != 0 ? o->write_buffer : WRITE_BUFFER;
	l->paranoid = o->paranoid;
	leveldb_options_set_create_if_missing(lo, !o->must_exist);
	leveldb_options_set_paranoid_checks(lo, o->paranoid);
	leveldb_options_set_write_buffer_size(lo, l->write_buffer);
	leveldb_options_set_max_file_size(lo,
	    o->max_file != 0 ? o->max_file : MAX_FILE);
	if (o->block_size != 0)
		leveldb_options_set_block_size(lo, o->block_size);
	leveldb_options_set_compression(lo, o->no_compression ?
	    leveldb_no_compression : leveldb_snappy_compression);
	l->cache = leveldb_cache_create_lru(
	    o->block_cache != 0 ? o->block_cache : BLOCK_CACHE);
	leveldb_options_set_cache(lo, l->cache);
	l->bloom = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
	leveldb_options_set_filter_policy(lo, l->bloom);
	leveldb_readoptions_set_verify_checksums(l->read, o->paranoid);
	leveldb_writeoptions_set_sync(l->synced, 1);
}

static void
ldb_close(struct steme_index *ix)
{
	struct steme_ldb *l = steme_ldb_of(ix);

	if (l == NULL)
		return;
	if (l->db != NULL)
		leveldb_close(l->db);
	leveldb_options_destroy(l->options);
	leveldb_readoptions_destroy(l->read);
	leveldb_writeoptions_destroy(l->lazy);
	leveldb_writeoptions_destroy(l->synced);
	leveldb_writebatch_destroy(l->wb);
	/* these two must outlive the database, and do not know NULL */
	if (l->cache != NULL)
		leveldb_cache_destroy(l->cache);
	if (l->bloom != NULL)
		leveldb_filterpolicy_destroy(l->bloom);
	if (l->lockfd >= 0)
		close(l->lockfd);
	pthread_rwlock_destroy(&l->mu);
	pthread_mutex_destroy(&l->errmu);
	steme_index_log_close(&l->log);
	free(l->dir);
	free(l);
}

/*
 * LevelDB takes the disk for full for ever; opening it again is the only cure.  Its
 * own log holds all that was written before (nothing was, after the failure),
 * so nothing that a reader saw goes away.  Called before a write; needs nobody inside.
 */
static int
recover(struct steme_ldb *l)
{
	struct steme_index_measure m;
	int err = atomic_load(&l->failed);

	if (err != STEME_ENOSPC)
		return err;
	/*
	 * Opening again writes what the logs hold as tables.  If that failed, reads
	 * would be gone too: so first make sure that there is room.
	 */
	if (steme_index_measure(l->dir, &m) != STEME_OK ||
	    steme_index_try_room(l->dir, m.log_bytes + l->write_buffer / 4) !=
	    STEME_OK)
		return err;
	if (pthread_rwlock_trywrlock(&l->mu) != 0)
		return err;
	if (atomic_load(&l->readers) == 0) {
		if (l->db != NULL)
			leveldb_close(l->db);
		if (open_db(l, NULL) == STEME_OK) {
			atomic_store(&l->failed, STEME_OK);
			err = STEME_OK;
		}
	}
	MUST(pthread_rwlock_unlock(&l->mu));
	if (err == STEME_OK)
		steme_log(STEME_INFO | STEME_LOG_STORAGE,
		    "index accepts writes again");
	return err;
}

/* ---- writing ---- */

static void
fail_writes(struct steme_ldb *l, int err)
{
	int ok = STEME_OK;
	char said[200];

	if (err == STEME_OK || !atomic_compare_exchange_strong(&l->failed, &ok, err))
		return;
	last_error(l, said);
	steme_log(STEME_ERROR | STEME_LOG_STORAGE, "index refuses writes: %s", said);
}

static bool
is_id(const struct steme_batch_op *op)
{
	return op->klen > 2 && op->key[0] == 'R';
}

static unsigned
bucket(const struct steme_batch_op *op)
{
	return (unsigned)op->key[1] << (BUCKET_BITS - 8) |
	    op->key[2] >> (16 - BUCKET_BITS);
}

static void
copy_op(leveldb_writebatch_t *wb, const struct steme_batch_op *op)
{
	if (op->del)
		leveldb_writebatch_delete(wb, (const char *)op->key, op->klen);
	else
		leveldb_writebatch_put(wb, (const char *)op->key, op->klen,
		    (const char *)op->val, op->vlen);
}

/* Puts in order[0..n) the numbers of ids as their first bits follow one another. */
static void
sort_ids(uint32_t *order, const struct steme_batch_op *ids, uint32_t n)
{
	uint32_t at[BUCKETS + 1] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		at[bucket(&ids[i]) + 1]++;
	for (unsigned i = 0; i < BUCKETS; i++)
		at[i + 1] += at[i];
	for (uint32_t i = 0; i < n; i++)
		order[at[bucket(&ids[i])]++] = i;
}

/*
 * Copies b to LevelDB's form: first all keys but the records by id, then those, about in
 * their order if there are many.  The others lie side by side in the memtable anyway, ids
 * anywhere: in order, their ways through it are the same for longer, and in the processor's
 * cache.  What is said of one key keeps its order.
 */
static int
fill(leveldb_writebatch_t *wb, const struct steme_batch *b)
{
	size_t room = steme_batch_count(b) + 1, pos = 0;
	struct steme_batch_op *ids, op;
	uint32_t *order, n = 0;

	if (room > UINT32_MAX)
		return STEME_ETOOBIG;
	if ((ids = malloc(room * (sizeof(*ids) + sizeof(*order)))) == NULL)
		return STEME_ENOMEM;
	order = (uint32_t *)(ids + room);
	while (steme_batch_next(b, &pos, &op)) {
		if (is_id(&op)) {
			order[n] = n;
			ids[n++] = op;
		} else {
			copy_op(wb, &op);
		}
	}
	if (n >= SORT_MIN)
		sort_ids(order, ids, n);
	for (uint32_t i = 0; i < n; i++)
		copy_op(wb, &ids[order[i]]);
	free(ids);
	return STEME_OK;
}

static int
ldb_write(struct steme_index *ix, struct steme_batch *b, bool sync)
{
	struct steme_ldb *l = steme_ldb_of(ix);
	char *text = NULL;
	int err;

	if ((err = steme_batch_err(b)) != STEME_OK ||
	    (err = recover(l)) != STEME_OK || (err = steme_ldb_enter(l)) != STEME_OK)
		return err;
	leveldb_writebatch_clear(l->wb);
	if ((err = fill(l->wb, b)) != STEME_OK) {
		steme_ldb_leave(l);
		return err;
	}
	leveldb_write(l->db, sync ? l->synced : l->lazy, l->wb, &text);
	steme_ldb_leave(l);
	if ((err = steme_ldb_error(l, text)) != STEME_OK) {
		fail_writes(l, err);
		return err;
	}
	atomic_fetch_add_explicit(&l->puts, steme_batch_count(b),
	    memory_order_relaxed);
	atomic_fetch_add_explicit(&l->put_bytes, steme_batch_bytes(b),
	    memory_order_relaxed);
	steme_batch_clear(b);
	return STEME_OK;
}

/*
 * Compactions report their failure only to the next write, so one that writes nothing asks.
 */
static int
background_error(struct steme_ldb *l)
{
	leveldb_writebatch_t *none = leveldb_writebatch_create();
	char *text = NULL;
	int err;

	leveldb_write(l->db, l->lazy, none, &text);
	leveldb_writebatch_destroy(none);
	if ((err = steme_ldb_error(l, text)) != STEME_OK)
		fail_writes(l, err);
	return err;
}

/* Waits until LevelDB has removed its logs up to number `last`. */
static int
logs_gone(struct steme_ldb *l, uint64_t last)
{
	const struct timespec tick = { 0, 1000000 };
	struct steme_index_measure m;
	int err;

	for (unsigned tries = 0; tries < 1000; tries++) {
		if ((err = steme_index_measure(l->dir, &m)) != STEME_OK)
			return err;
		if (m.oldest_log == UINT64_MAX || m.oldest_log > last)
			return STEME_OK;
		nanosleep(&tick, NULL);
	}
	return STEME_EIO;
}

/*
 * LevelDB has no flush.  Compacting a range first writes the memtable, whatever the
 * range, as a table: synced, then named by a synced manifest, then its log is
 * removed.  0xFF lies behind every key, so nothing else is compacted.  The call reports no
 * error; that the logs of before are gone is the proof that it did all this.
 */
static int
ldb_checkpoint(struct steme_index *ix)
{
	struct steme_ldb *l = steme_ldb_of(ix);
	struct steme_index_measure m;
	int err;

	if ((err = recover(l)) != STEME_OK || (err = steme_ldb_enter(l)) != STEME_OK)
		return err;
	if ((err = steme_index_measure(l->dir, &m)) != STEME_OK)
		goto out;
	leveldb_compact_range(l->db, "\xff", 1, "\xff", 1);
	if ((err = background_error(l)) == STEME_OK && m.newest_log != 0)
		err = logs_gone(l, m.newest_log);
out:
	steme_ldb_leave(l);
	return err;
}

static int
ldb_compact(struct steme_index *ix, const void *from, size_t fromlen, const void *to,
    size_t tolen)
{
	struct steme_ldb *l = steme_ldb_of(ix);
	int err;

	if ((err = recover(l)) != STEME_OK || (err = steme_ldb_enter(l)) != STEME_OK)
		return err;
	leveldb_compact_range(l->db, from, fromlen, to, tolen);
	err = background_error(l);
	steme_ldb_leave(l);
	return err;
}

/* ---- numbers ---- */

static int
ldb_stats(struct steme_index *ix, struct steme_index_stats *out)
{
	char *sstables, *stats, *memory;
	struct steme_ldb *l = steme_ldb_of(ix);
	struct steme_index_measure m;
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = steme_index_measure(l->dir, &m)) != STEME_OK ||
	    (err = steme_ldb_enter(l)) != STEME_OK)
		return err;
	sstables = leveldb_property_value(l->db, "leveldb.sstables");
	stats = leveldb_property_value(l->db, "leveldb.stats");
	memory = leveldb_property_value(l->db, "leveldb.approximate-memory-usage");
	steme_ldb_leave(l);
	steme_index_parse_stats(out, sstables, stats);
	out->memory = memory == NULL ? 0 : strtoull(memory, NULL, 10);
	leveldb_free(sstables);
	leveldb_free(stats);
	leveldb_free(memory);
	out->files = m.tables;
	out->bytes = m.bytes;
	out->puts = atomic_load(&l->puts);
	out->put_bytes = atomic_load(&l->put_bytes);
	out->gets = atomic_load(&l->gets);
	out->readers = atomic_load(&l->readers);
	last_error(l, out->error);
	return STEME_OK;
}

static void
ldb_events(struct steme_index *ix, steme_index_tell *tell, void *arg)
{
	struct steme_ldb *l = steme_ldb_of(ix);

	steme_index_log_follow(&l->log, l->dir, tell, arg);
}

static const struct steme_index_ops ldb_ops = {
	.get = steme_ldb_get,
	.write = ldb_write,
	.iter_open = steme_ldb_iter_open,
	.iter_next = steme_ldb_iter_next,
	.iter_close = steme_ldb_iter_close,
	.snapshot = steme_ldb_snapshot,
	.release = steme_ldb_release,
	.checkpoint = ldb_checkpoint,
	.compact = ldb_compact,
	.stats = ldb_stats,
	.close = ldb_close,
	.events = ldb_events,
};

/* Memory and handles only; nothing is opened yet. */
static struct steme_ldb *
ldb_new(const char *dir)
{
	struct steme_ldb *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->base.ops = &ldb_ops;
	l->lockfd = -1;
	MUST(pthread_rwlock_init(&l->mu, NULL));
	MUST(pthread_mutex_init(&l->errmu, NULL));
	l->options = leveldb_options_create();
	l->read = leveldb_readoptions_create();
	l->lazy = leveldb_writeoptions_create();
	l->synced = leveldb_writeoptions_create();
	l->wb = leveldb_writebatch_create();
	if ((l->dir = strdup(dir)) == NULL) {
		ldb_close(&l->base);
		return NULL;
	}
	return l;
}

int
steme_index_leveldb(struct steme_index **out, const char *dir,
    const struct steme_index_opts *opts, struct steme_why *why)
{
	const struct steme_index_opts defaults = { .paranoid = true };
	const struct steme_index_opts *o = opts != NULL ? opts : &defaults;
	struct steme_ldb *l = NULL;
	int err, e;

	*out = NULL;
	if (o->must_exist && !steme_index_present(dir))
		return steme_fail(why, STEME_ENOTFOUND, "there is no index in %s",
		    dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
		e = errno;
		return steme_fail(why, steme_err_from_errno(e),
		    "cannot make the index folder %s: %s", dir, strerror(e));
	}
	if ((l = ldb_new(dir)) == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	set_options(l, o);
	if ((err = steme_index_lock(&l->lockfd, dir, why)) != STEME_OK ||
	    (err = open_db(l, why)) != STEME_OK) {
		ldb_close(&l->base);
		return err;
	}
	*out = &l->base;
	return STEME_OK;
}
