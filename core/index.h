/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - ordered keys to values, behind a table.  Disposable: whatever is in it
 * can be made again from the log.  Kinds: LevelDB (index_leveldb.h, the only file that
 * includes LevelDB's header) and memory (index_mem.c).  doc/index-keys.md has the
 * keys.
 *
 * Threads: every call may be made from any thread; batches by one at a time.
 * Memory: get() and iterators hand out as said below.
 * Process: only one process may have the LevelDB kind open; open it after the last fork().
 */
#ifndef STEME_INDEX_H
#define STEME_INDEX_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct steme_index;
struct steme_snapshot;		/* opaque; of the kind that made it */

/* A list of puts and deletes that becomes visible at once. */
struct steme_batch;

/* One key and value, valid until the next call on the iterator. */
struct steme_iter {
	const uint8_t *key;
	size_t klen;
	const uint8_t *val;
	size_t vlen;
	void *impl;
};

struct steme_index_stats {
	uint64_t files;			/* table files */
	uint64_t bytes;			/* on disk (approximate in memory) */
	uint64_t memory;		/* caches and write buffers */
	uint64_t level0_files;
	uint64_t pending_compaction_bytes;
	uint64_t put_bytes, puts, gets;	/* by this process */
	uint64_t compaction_written_bytes;	/* whole MiB */
	uint64_t readers;		/* snapshots and iterators open now */
	char error[200];		/* the last error in its own words; "": none */
};

/* A compaction that ended. */
struct steme_index_event {
	int err;			/* STEME_OK, or why it failed */
	int64_t us;			/* it took; 0: not known */
	uint64_t bytes;			/* written */
	const char *text;		/* in the index's own words; lives during the call */
};
typedef void steme_index_tell(void *arg, const struct steme_index_event *e);

struct steme_index_ops {
	/*
	 * STEME_OK: *val is malloc()ed (never NULL), the caller frees.
	 * STEME_ENOTFOUND; STEME_ECORRUPT, STEME_EIO.  snap may be NULL: newest state.
	 */
	int (*get)(struct steme_index *ix, const struct steme_snapshot *snap,
	    const void *key, size_t klen, uint8_t **val, size_t *vlen);
	/*
	 * Applies b at once; sync: durable before it returns.  b is emptied on
	 * success and kept on failure, when it may or may not have been applied.
	 * STEME_ENOSPC: later calls try again by themselves once there is room
	 * (reads go on meanwhile).  After any other error all further writes fail
	 * until the index is opened anew.
	 */
	int (*write)(struct steme_index *ix, struct steme_batch *b, bool sync);
	/*
	 * An iterator over the keys in [from, to), as they are now or in snap; to
	 * NULL: no upper end.  Writes do not disturb it.  Not shared by threads.
	 * Ask iter_next() for the first key.  Close it soon: it keeps old files alive.
	 */
	int (*iter_open)(struct steme_index *ix, const struct steme_snapshot *snap,
	    const void *from, size_t fromlen, const void *to, size_t tolen,
	    bool backwards, struct steme_iter *it);
	/*
	 * STEME_OK: it->key.. are set; STEME_ENOTFOUND: past the end (again and
	 * again); or an error: STEME_ECORRUPT as soon as any block on the way was bad.
	 */
	int (*iter_next)(struct steme_index *ix, struct steme_iter *it);
	/* Harmless after a failed iter_open(), and twice. */
	void (*iter_close)(struct steme_index *ix, struct steme_iter *it);
	/* A view of what is there now.  Every one must be released before close(). */
	int (*snapshot)(struct steme_index *ix, struct steme_snapshot **out);
	void (*release)(struct steme_index *ix, struct steme_snapshot *snap);
	/*
	 * Everything written so far is durable when this returns (LevelDB: the
	 * memtable is flushed to synced tables, not only its log).  May wait for a
	 * running compaction; reads and writes go on.
	 */
	int (*checkpoint)(struct steme_index *ix);
	/*
	 * Compacts the keys in [from, to), NULL: no bound; may take long; reads and
	 * writes go on.
	 */
	int (*compact)(struct steme_index *ix, const void *from, size_t fromlen,
	    const void *to, size_t tolen);
	int (*stats)(struct steme_index *ix, struct steme_index_stats *out);
	/* No call may be under way, no iterator or snapshot open. */
	void (*close)(struct steme_index *ix);
	/*
	 * Tells what the index did by itself since the last call, oldest first.  One thread
	 * at a time.  NULL: this kind does nothing by itself.
	 */
	void (*events)(struct steme_index *ix, steme_index_tell *tell, void *arg);
};

struct steme_index {
	const struct steme_index_ops *ops;
};

struct steme_index_opts {
	size_t write_buffer;	/* bytes; 0: 32 MiB */
	size_t block_cache;	/* bytes; 0: 16 MiB */
	bool paranoid;		/* check blocks on read, refuse damaged logs */
	bool must_exist;	/* STEME_ENOTFOUND instead of making a new one */
	bool no_compression;
	size_t max_file;	/* bytes of a table file; 0: 32 MiB */
	size_t block_size;	/* bytes; 0: 4 KiB */
};

/*
 * Opens the index in dir (made 0750 if absent); opts NULL: defaults, paranoid.
 * STEME_EBUSY: open already, why names the process; STEME_ECORRUPT: rebuild it (why
 * says how); STEME_ENOTFOUND: opts->must_exist and there is none.
 */
int steme_index_leveldb(struct steme_index **out, const char *dir,
    const struct steme_index_opts *opts, struct steme_why *why);
int steme_index_mem(struct steme_index **out);
/*
 * Removes the LevelDB files in dir (nothing else, not dir), durably.  No dir: STEME_OK.
 * STEME_EBUSY: it is open.  A crash in between leaves an older state or none, not a mix.
 */
int steme_index_leveldb_destroy(const char *dir, struct steme_why *why);

/*
 * Batches: plain memory, one thread, for any kind of index.  Later operations on a key
 * win.  A failure sticks (steme_batch_err()), and write() then returns it.
 */
struct steme_batch *steme_batch_new(void);
void steme_batch_free(struct steme_batch *b);
void steme_batch_put(struct steme_batch *b, const void *key, size_t klen,
    const void *val, size_t vlen);
void steme_batch_del(struct steme_batch *b, const void *key, size_t klen);
/* A place to go back to: what was added since goes, unless b was written meanwhile. */
struct steme_batch_mark {
	size_t len, count, bytes;
};
struct steme_batch_mark steme_batch_mark(const struct steme_batch *b);
void steme_batch_rewind(struct steme_batch *b, struct steme_batch_mark m);
size_t steme_batch_count(const struct steme_batch *b);
int steme_batch_err(const struct steme_batch *b);

#endif
