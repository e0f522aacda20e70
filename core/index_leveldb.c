/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_leveldb.c - the index in LevelDB 1.23; the only file that knows its header.
 *
 * Locks: mu guards the handle db, which only recover() exchanges: every call holds it
 * for reading; iterators and snapshots are counted instead (readers), and
 * recover() needs none of them.
 */
#include "config.h"
#include "core/index_files.h"
#include "core/index_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <errno.h>
#include <leveldb/c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WRITE_BUFFER	(32u << 20)
#define BLOCK_CACHE	(16u << 20)
#define MAX_FILE	(32u << 20)
#define BLOOM_BITS	10

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

struct ldb {
	struct steme_index base;
	char *dir;
	int lockfd;
	size_t write_buffer;
	leveldb_options_t *options;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *bloom;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *lazy, *synced;
	leveldb_writebatch_t *wb;	/* of the one writer; kept for its memory */
	bool paranoid;
	pthread_rwlock_t mu;
	leveldb_t *db;			/* (mu) NULL after a failed recover() */
	atomic_int failed;		/* why writes are refused, or STEME_OK */
	atomic_uint readers;		/* open snapshots and iterators */
	atomic_ullong puts, put_bytes, gets;
	pthread_mutex_t errmu;
	char error[200];		/* (errmu) */
};

struct ldb_snapshot {
	const leveldb_snapshot_t *snap;
	leveldb_readoptions_t *read;
};

struct ldb_iter {
	leveldb_iterator_t *it;
	uint8_t *bound;		/* of the far side, or NULL */
	size_t nbound;
	bool backwards;
	bool started;
};

static struct ldb *
ldb_of(struct steme_index *ix)
{
	return (struct ldb *)ix;
}

/* Takes LevelDB's error text (may be NULL): notes it, frees it, gives the number. */
static int
take_error(struct ldb *l, char *text)
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
last_error(struct ldb *l, char out[200])
{
	MUST(pthread_mutex_lock(&l->errmu));
	memcpy(out, l->error, 200);
	MUST(pthread_mutex_unlock(&l->errmu));
}

/* ---- open and close ---- */

static int
open_db(struct ldb *l, struct steme_why *why)
{
	char *text = NULL, said[200];
	int err;

	l->db = leveldb_open(l->options, l->dir, &text);
	err = take_error(l, text);
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
set_options(struct ldb *l, const struct steme_index_opts *o)
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
	struct ldb *l = ldb_of(ix);

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
	free(l->dir);
	free(l);
}

/*
 * LevelDB takes the disk for full for ever; opening it again is the only cure.  Its
 * own log holds all that was written before (nothing was, after the failure),
 * so nothing that a reader saw goes away.  Called before a write; needs nobody inside.
 */
static int
recover(struct ldb *l)
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

/* ---- reading ---- */

/* Enters a call: holds the handle until leave(). */
static int
enter(struct ldb *l)
{
	MUST(pthread_rwlock_rdlock(&l->mu));
	if (l->db != NULL)
		return STEME_OK;
	MUST(pthread_rwlock_unlock(&l->mu));
	return atomic_load(&l->failed);
}

static void
leave(struct ldb *l)
{
	MUST(pthread_rwlock_unlock(&l->mu));
}

static const leveldb_readoptions_t *
read_options(struct ldb *l, const struct steme_snapshot *snap)
{
	return snap == NULL ? l->read : ((const struct ldb_snapshot *)snap)->read;
}

static int
ldb_get(struct steme_index *ix, const struct steme_snapshot *snap, const void *key,
    size_t klen, uint8_t **val, size_t *vlen)
{
	struct ldb *l = ldb_of(ix);
	char *text = NULL;
	size_t n = 0;
	int err;

	*val = NULL;
	*vlen = 0;
	if ((err = enter(l)) != STEME_OK)
		return err;
	*val = (uint8_t *)leveldb_get(l->db, read_options(l, snap), key, klen, &n,
	    &text);
	leave(l);
	atomic_fetch_add_explicit(&l->gets, 1, memory_order_relaxed);
	if (text != NULL)
		return take_error(l, text);
	if (*val == NULL)
		return STEME_ENOTFOUND;
	*vlen = n;
	return STEME_OK;
}

static void
iter_free(struct ldb_iter *i)
{
	if (i == NULL)
		return;
	if (i->it != NULL)
		leveldb_iter_destroy(i->it);
	free(i->bound);
	free(i);
}

static int
ldb_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen,
    bool backwards, struct steme_iter *it)
{
	const void *bound = backwards ? from : to;
	size_t nbound = backwards ? fromlen : tolen;
	struct ldb *l = ldb_of(ix);
	struct ldb_iter *i;
	int err;

	memset(it, 0, sizeof(*it));
	if ((i = calloc(1, sizeof(*i))) == NULL)
		return STEME_ENOMEM;
	i->backwards = backwards;
	if (bound != NULL) {
		if ((i->bound = malloc(nbound + 1)) == NULL) {
			iter_free(i);
			return STEME_ENOMEM;
		}
		if (nbound > 0)
			memcpy(i->bound, bound, nbound);
		i->nbound = nbound;
	}
	if ((err = enter(l)) != STEME_OK) {
		iter_free(i);
		return err;
	}
	i->it = leveldb_create_iterator(l->db, read_options(l, snap));
	atomic_fetch_add(&l->readers, 1);
	leave(l);
	if (!backwards) {
		leveldb_iter_seek(i->it, from == NULL ? "" : from, fromlen);
	} else if (to == NULL) {
		leveldb_iter_seek_to_last(i->it);
	} else {
		/* the first key behind the range, or the end; then one back */
		leveldb_iter_seek(i->it, to, tolen);
		if (leveldb_iter_valid(i->it))
			leveldb_iter_prev(i->it);
		else
			leveldb_iter_seek_to_last(i->it);
	}
	it->impl = i;
	return STEME_OK;
}

/*
 * LevelDB steps over a bad block and only notes it: without asking each time, a
 * damaged block would look like missing keys.
 */
static int
iter_error(struct ldb *l, struct ldb_iter *i)
{
	char *text = NULL;

	leveldb_iter_get_error(i->it, &text);
	return take_error(l, text);
}

static int
ldb_iter_next(struct steme_index *ix, struct steme_iter *it)
{
	struct ldb_iter *i = it->impl;
	bool in;
	int err, c;

	it->key = it->val = NULL;
	it->klen = it->vlen = 0;
	in = leveldb_iter_valid(i->it);
	if (i->started && in) {
		if (i->backwards)
			leveldb_iter_prev(i->it);
		else
			leveldb_iter_next(i->it);
		in = leveldb_iter_valid(i->it);
	}
	i->started = true;
	if ((err = iter_error(ldb_of(ix), i)) != STEME_OK)
		return err;
	if (!in)
		return STEME_ENOTFOUND;
	it->key = (const uint8_t *)leveldb_iter_key(i->it, &it->klen);
	if (i->bound != NULL) {
		c = steme_key_cmp(it->key, it->klen, i->bound, i->nbound);
		if (i->backwards ? c < 0 : c >= 0) {
			/* stay outside: the next call must not step on */
			i->started = false;
			it->key = NULL;
			it->klen = 0;
			return STEME_ENOTFOUND;
		}
	}
	it->val = (const uint8_t *)leveldb_iter_value(i->it, &it->vlen);
	return STEME_OK;
}

static void
ldb_iter_close(struct steme_index *ix, struct steme_iter *it)
{
	if (it->impl == NULL)
		return;
	iter_free(it->impl);
	atomic_fetch_sub(&ldb_of(ix)->readers, 1);
	memset(it, 0, sizeof(*it));
}

static int
ldb_snapshot(struct steme_index *ix, struct steme_snapshot **out)
{
	struct ldb *l = ldb_of(ix);
	struct ldb_snapshot *s;
	int err;

	*out = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return STEME_ENOMEM;
	if ((err = enter(l)) != STEME_OK) {
		free(s);
		return err;
	}
	s->snap = leveldb_create_snapshot(l->db);
	atomic_fetch_add(&l->readers, 1);
	leave(l);
	s->read = leveldb_readoptions_create();
	leveldb_readoptions_set_verify_checksums(s->read, l->paranoid);
	leveldb_readoptions_set_snapshot(s->read, s->snap);
	*out = (struct steme_snapshot *)s;
	return STEME_OK;
}

static void
ldb_release(struct steme_index *ix, struct steme_snapshot *snap)
{
	struct ldb_snapshot *s = (struct ldb_snapshot *)snap;
	struct ldb *l = ldb_of(ix);

	if (s == NULL)
		return;
	/* the handle cannot change while readers counts this snapshot */
	leveldb_release_snapshot(l->db, s->snap);
	leveldb_readoptions_destroy(s->read);
	free(s);
	atomic_fetch_sub(&l->readers, 1);
}

/* ---- writing ---- */

static void
fail_writes(struct ldb *l, int err)
{
	int ok = STEME_OK;
	char said[200];

	if (err == STEME_OK || !atomic_compare_exchange_strong(&l->failed, &ok, err))
		return;
	last_error(l, said);
	steme_log(STEME_ERROR | STEME_LOG_STORAGE, "index refuses writes: %s", said);
}

/*
 * Copies b to LevelDB's form: first all keys but the records by id, then those.  Ids lie
 * anywhere in the memtable, the others side by side: apart, their way through it
 * stays in the processor's cache (a fifth of the writer's time).  What is said of one key
 * keeps its order.
 */
static void
fill(leveldb_writebatch_t *wb, const struct steme_batch *b, bool ids)
{
	struct steme_batch_op op;
	size_t pos = 0;

	while (steme_batch_next(b, &pos, &op)) {
		if ((op.klen > 0 && op.key[0] == 'R') != ids)
			continue;
		if (op.del)
			leveldb_writebatch_delete(wb, (const char *)op.key, op.klen);
		else
			leveldb_writebatch_put(wb, (const char *)op.key, op.klen,
			    (const char *)op.val, op.vlen);
	}
}

static int
ldb_write(struct steme_index *ix, struct steme_batch *b, bool sync)
{
	struct ldb *l = ldb_of(ix);
	char *text = NULL;
	int err;

	if ((err = steme_batch_err(b)) != STEME_OK ||
	    (err = recover(l)) != STEME_OK || (err = enter(l)) != STEME_OK)
		return err;
	leveldb_writebatch_clear(l->wb);
	fill(l->wb, b, false);
	fill(l->wb, b, true);
	leveldb_write(l->db, sync ? l->synced : l->lazy, l->wb, &text);
	leave(l);
	if ((err = take_error(l, text)) != STEME_OK) {
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
background_error(struct ldb *l)
{
	leveldb_writebatch_t *none = leveldb_writebatch_create();
	char *text = NULL;
	int err;

	leveldb_write(l->db, l->lazy, none, &text);
	leveldb_writebatch_destroy(none);
	if ((err = take_error(l, text)) != STEME_OK)
		fail_writes(l, err);
	return err;
}

/* Waits until LevelDB has removed its logs up to number `last`. */
static int
logs_gone(struct ldb *l, uint64_t last)
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
	struct ldb *l = ldb_of(ix);
	struct steme_index_measure m;
	int err;

	if ((err = recover(l)) != STEME_OK || (err = enter(l)) != STEME_OK)
		return err;
	if ((err = steme_index_measure(l->dir, &m)) != STEME_OK)
		goto out;
	leveldb_compact_range(l->db, "\xff", 1, "\xff", 1);
	if ((err = background_error(l)) == STEME_OK && m.newest_log != 0)
		err = logs_gone(l, m.newest_log);
out:
	leave(l);
	return err;
}

static int
ldb_compact(struct steme_index *ix)
{
	struct ldb *l = ldb_of(ix);
	int err;

	if ((err = recover(l)) != STEME_OK || (err = enter(l)) != STEME_OK)
		return err;
	leveldb_compact_range(l->db, NULL, 0, NULL, 0);
	err = background_error(l);
	leave(l);
	return err;
}

/* ---- numbers ---- */

static int
ldb_stats(struct steme_index *ix, struct steme_index_stats *out)
{
	char *sstables, *stats, *memory;
	struct ldb *l = ldb_of(ix);
	struct steme_index_measure m;
	int err;

	memset(out, 0, sizeof(*out));
	if ((err = steme_index_measure(l->dir, &m)) != STEME_OK ||
	    (err = enter(l)) != STEME_OK)
		return err;
	sstables = leveldb_property_value(l->db, "leveldb.sstables");
	stats = leveldb_property_value(l->db, "leveldb.stats");
	memory = leveldb_property_value(l->db, "leveldb.approximate-memory-usage");
	leave(l);
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

static const struct steme_index_ops ldb_ops = {
	.get = ldb_get,
	.write = ldb_write,
	.iter_open = ldb_iter_open,
	.iter_next = ldb_iter_next,
	.iter_close = ldb_iter_close,
	.snapshot = ldb_snapshot,
	.release = ldb_release,
	.checkpoint = ldb_checkpoint,
	.compact = ldb_compact,
	.stats = ldb_stats,
	.close = ldb_close,
};

/* Memory and handles only; nothing is opened yet. */
static struct ldb *
ldb_new(const char *dir)
{
	struct ldb *l = calloc(1, sizeof(*l));

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
	struct ldb *l = NULL;
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
