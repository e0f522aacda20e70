/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_leveldb.h - the index in LevelDB, as its two files share it: the only ones that
 * know LevelDB's header.
 *
 * Locks: mu guards the handle db, which only recover() exchanges: every call holds it
 * for reading; iterators and snapshots are counted instead (readers), and
 * recover() needs none of them.
 */
#ifndef STEME_INDEX_LEVELDB_H
#define STEME_INDEX_LEVELDB_H

#include "core/index_impl.h"
#include "core/index_log.h"
#include "core/util.h"

#include <leveldb/c.h>
#include <pthread.h>
#include <stdatomic.h>

struct steme_ldb {
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
	struct steme_index_log log;	/* of one thread (index.h: events) */
};

static inline struct steme_ldb *
steme_ldb_of(struct steme_index *ix)
{
	return (struct steme_ldb *)ix;
}

/* Takes LevelDB's error text (may be NULL): notes it, frees it, gives the number. */
int steme_ldb_error(struct steme_ldb *l, char *text);

/* Enters a call: holds the handle until steme_ldb_leave(). */
static inline int
steme_ldb_enter(struct steme_ldb *l)
{
	MUST(pthread_rwlock_rdlock(&l->mu));
	if (l->db != NULL)
		return STEME_OK;
	MUST(pthread_rwlock_unlock(&l->mu));
	return atomic_load(&l->failed);
}

static inline void
steme_ldb_leave(struct steme_ldb *l)
{
	MUST(pthread_rwlock_unlock(&l->mu));
}

/* ---- reading: index_leveldb_read.c; contracts: index.h ---- */

int steme_ldb_get(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *key, size_t klen, uint8_t **val, size_t *vlen);
int steme_ldb_iter_open(struct steme_index *ix, const struct steme_snapshot *snap,
    const void *from, size_t fromlen, const void *to, size_t tolen,
    bool backwards, struct steme_iter *it);
int steme_ldb_iter_next(struct steme_index *ix, struct steme_iter *it);
void steme_ldb_iter_close(struct steme_index *ix, struct steme_iter *it);
int steme_ldb_snapshot(struct steme_index *ix, struct steme_snapshot **out);
void steme_ldb_release(struct steme_index *ix, struct steme_snapshot *snap);

#endif
