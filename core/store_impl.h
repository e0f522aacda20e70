/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_impl.h - what the files of the store share.  Private to them.
 *
 * Leadership: one thread at a time is the leader (s->leading, guarded by s->mu). Only
 * the leader touches what is marked (lead): the log and what is going into it.  When the
 * log has a group, the leader takes s->indexing and gives leadership up, so that the next
 * group is logged while this one goes into the index.  Only who holds s->indexing
 * touches what is marked (index): the index for writing, the apply state.  A leader that
 * sees s->indexing free may do so, too, for nobody else can take it;
 * steme_lead_acquire() waits for that.  Neither holds a lock while it works.
 */
#ifndef STEME_STORE_IMPL_H
#define STEME_STORE_IMPL_H

#include "core/apply.h"
#include "core/segments.h"
#include "core/sets.h"
#include "core/store.h"

#include <pthread.h>
#include <stdatomic.h>

#define STEME_SYNC_SAMPLES	1024
/* A checkpoint is due after so many bytes put, or so long after the last one. */
#define STEME_CHECKPOINT_BYTES	(UINT64_C(256) << 20)
#define STEME_CHECKPOINT_US	(INT64_C(300) * 1000000)
/* One write, and the most group_max_bytes can be: together below a log group's limit. */
#define STEME_WRITE_BYTES	(40u << 20)
#define STEME_GROUP_BYTES	(16u << 20)
/* A batch of a long replay. */
#define STEME_REPLAY_BATCH	(4u << 20)

/*
 * One open index.  Readers hold a reference while they read; an online rebuild
 * replaces s->gen, and the last reader closes the old one.
 */
struct steme_gen {
	struct steme_index *ix;
	int dirfd;			/* LevelDB is opened through it; or -1 */
	bool owned;
	char destroy[4096];		/* folder to remove once closed; "" : none */
	_Atomic unsigned *retired;	/* counts those that are still to go; or NULL */
	_Atomic unsigned refs;
};

struct steme_meta_rebuilt {
	int64_t at_us;
	uint64_t assertions;
	uint64_t ms;
	bool told;		/* an offline rebuild was logged by a later start */
};

struct steme_group;		/* commit.c */

struct steme_store {
	/* set by open */
	char *wal_dir, *kv_dir;
	char **more_wal_dirs;		/* NULL-ended, or NULL */
	struct steme_io *io;
	const struct steme_clock *clock;
	struct steme_genesis genesis;
	uint64_t node;
	uint64_t segment_bytes;
	uint32_t group_max_wait_ms, group_max_bytes, value_max;
	size_t write_buffer, block_cache;
	uint32_t lock_timeout_ms;
	uint64_t compact_trigger;
	bool accept_gaps;
	struct steme_gate *gate;	/* locks itself */
	void (*progress)(void *arg, const char *what, unsigned permille);
	void (*on_commit)(void *arg, const struct steme_commit_item *items, size_t n);
	void (*on_time)(void *arg, enum steme_timed what, int64_t us);
	void *arg;
	struct steme_globals *globals;	/* locks itself */
	struct steme_changes *changes;	/* (index) writes, all read */
	struct steme_sets *sets;	/* locks itself; NULL: no claims are kept */
	int64_t created_us;

	struct steme_wal *wal;		/* (lead) but its stats */
	struct steme_segments *segments;	/* (lead) but list and read; the log's own */
	struct steme_apply apply;	/* (index) */
	struct steme_known *known;	/* (index) */
	struct steme_group *group;	/* (lead) being filled */
	struct steme_group *logged;	/* (lead) the one before: read only once logged */
	uint64_t logged_next;		/* (lead) first lsn behind it */
	/*
	 * (lead) Concepts: was there an assertion about it in the index when it was first
	 * asked?  Of those without, the predicates staged since.  True only while every
	 * assertion comes into the log through steme_stage(): whoever adds another way in
	 * has to clear this table.
	 */
	struct steme_known *fresh;
	uint64_t hlc_last;		/* (lead) */
	_Atomic bool behind;		/* (index) writes: apply.batch has to be written */
	int64_t slow_told_us;		/* (lead) monotonic: last line about a slow sync */
	_Atomic int64_t full_until_us;	/* monotonic: no try before it */
	struct steme_applied checkpoint;	/* (index) */
	bool checkpoint_due;		/* (index) with the next tick */
	int64_t checkpoint_us;		/* (index) monotonic */
	uint64_t checkpoint_put_bytes;	/* (index) apply.put_bytes then */
	uint64_t space_put_bytes;	/* (index) apply.put_bytes when space was looked at */

	pthread_mutex_t gen_mu;		/* rank 3, leaf */
	struct steme_gen *gen;		/* (gen_mu) to read; changed by the leader only */

	pthread_mutex_t mu;		/* rank 2 */
	pthread_cond_t work;		/* the committer has something to do */
	pthread_cond_t lead_free;	/* leadership, or the index, was given up */
	pthread_cond_t index_free;	/* the index was given up: for the leader */
	pthread_cond_t more;		/* a write was queued (group_max_wait_ms) */
	struct steme_write *head, **tail;	/* (mu) */
	size_t queued_bytes;		/* (mu) */
	bool leading, indexing, stop;	/* (mu) */
	unsigned lead_waiters;		/* (mu) */
	enum steme_write_state writes;	/* (mu) */
	char reason[256];		/* (mu) */
	uint64_t commits, commit_records, exists;	/* (mu) */
	struct steme_counts counts;	/* (mu) as published */
	uint64_t hlc;			/* (mu) as published */
	uint32_t sync_samples[STEME_SYNC_SAMPLES];	/* (mu) */
	uint64_t sync_count;		/* (mu) */
	int64_t sync_us_sum;		/* (mu) */
	struct steme_meta_rebuilt rebuilt;	/* (mu) */
	bool full_rebuild;		/* (mu) */
	bool was_damaged;		/* the index, when this process opened it */
	char rebuild_error[512];	/* (mu) */
	uint64_t globals_lsn, globals_hlc;	/* (mu) of the newest global looked up */

	/* two: one logs while the other indexes */
	pthread_t committers[2];
	unsigned ncommitters;

	pthread_mutex_t upkeep_mu;	/* rank 1: one checkpoint, tick or rebuild at a time */
	int64_t lost_checked_us;	/* (upkeep_mu) */

	_Atomic uint64_t lsn;		/* published; set with mu held, for the sums' sake */
	_Atomic uint64_t lost_records;
	_Atomic bool rebuilding;
	_Atomic unsigned rebuild_permille;
	_Atomic unsigned retired;	/* replaced generations that readers still hold */
	_Atomic bool index_error;
	_Atomic uint64_t puts, put_errors, gets, get_errors;
	_Atomic uint64_t lock_timeouts, compactions, compaction_errors;
	_Atomic bool compacting, compact_stop;
	pthread_t compactor;		/* (upkeep_mu) */
	bool has_compactor;		/* (upkeep_mu) to be joined */
	_Atomic bool compactor_done;
	int64_t compact_checked_us;	/* (upkeep_mu) */
	int64_t trouble_told_us;	/* (upkeep_mu) */
	pthread_t watcher;		/* of writes that wait too long */
	bool has_watcher;
	pthread_cond_t stopping;	/* (mu) the watcher should end */
	uint64_t replayed_records, applied_gaps;
	bool has_genesis;		/* a scan has found it */
	bool fresh_kv;			/* open builds beside kv_dir */
};

/* ---- store.c ---- */
/* A store that touched nothing yet: its options, no log, no index. */
int steme_store_new(struct steme_store **out, const struct steme_store_opts *o);
void steme_store_free(struct steme_store *s);
void steme_store_count_lost(struct steme_store *s);
static inline void
steme_store_timed(struct steme_store *s, enum steme_timed what, int64_t us)
{
	if (s->on_time != NULL)
		s->on_time(s->arg, what, us);
}
/* ---- trouble.c ---- */
/*
 * Logs a storage error in two lines: `what` (fixed words that operators look for) and detail,
 * then the error in the form of the storage layer.
 */
void steme_trouble(struct steme_store *s, int err, const char *what, const char *detail);
/* A standing error of the index is told again now and then. */
void steme_trouble_again(struct steme_store *s, int64_t now);
/* ---- compact.c ---- */
/* (upkeep_mu) Follows what the index does by itself; begins a compaction when one is due. */
void steme_compact_tick(struct steme_store *s, int64_t now);
/* Ends the one that runs by itself. */
void steme_compact_end(struct steme_store *s);
/* ---- gen.c ---- */
struct steme_gen *steme_gen_get(struct steme_store *s);
void steme_gen_put(struct steme_gen *g);
/* Opens the LevelDB folder dir as a generation. */
int steme_gen_open(struct steme_gen **out, const struct steme_store *s,
    const char *dir, struct steme_why *why);
/* The same around an index that stays the caller's. */
int steme_gen_borrow(struct steme_gen **out, struct steme_index *ix);
/* ---- queue.c, store.c ---- */
/* Becomes the leader, with nobody indexing, whatever is queued; the queue waits until it
 * is given up. */
void steme_lead_acquire(struct steme_store *s);
void steme_lead_release(struct steme_store *s);
/* Writes stop for good; logged.  Any thread. */
void steme_store_failed(struct steme_store *s, const char *what);
/*
 * Notes that the index gave err while doing `what`: damage is logged and the next
 * start rebuilds.  Returns err.
 */
int steme_store_index_error(struct steme_store *s, int err, const char *what);
/* Is there too little room for the index to go on?  why says where. */
bool steme_store_space_low(struct steme_store *s, struct steme_why *why);

/* ---- walk.c ---- */
/*
 * A walk over the index as it is now, in the order of its keys:
 *
 *	steme_walk_begin(&w, s, &from, &to);
 *	while (steme_walk_next(&w))
 *		(look at w.it; an error in w.err ends the walk, as does w.stopped)
 *	return steme_walk_end(&w, "listing something");
 */
struct steme_walk {
	struct steme_store *s;
	struct steme_gen *g;		/* held until the end */
	struct steme_iter it;
	int err;
	int stopped;			/* what a visitor said: 0 is go on */
};
/* Keys in [from, to).  Every walk that was begun must be ended. */
void steme_walk_begin(struct steme_walk *w, struct steme_store *s,
    const struct steme_keybuf *from, const struct steme_keybuf *to);
/* False: nothing more, stopped, or an error. */
bool steme_walk_next(struct steme_walk *w);
/* w->stopped if it is not 0, else the error (noted as of `what`), else STEME_OK. */
int steme_walk_end(struct steme_walk *w, const char *what);

/* ---- read.c ---- */
/* The record with this lsn, visible or not. */
int steme_index_record_at(struct steme_index *ix, uint64_t lsn,
    struct steme_record *r, uint8_t **backing);

/* ---- intake.c ---- */
/* Checks and verifies w.  True: something is left to commit. */
bool steme_intake(struct steme_store *s, struct steme_write *w);

/* ---- stage.c, commit.c, queue.c ---- */
int steme_group_new(struct steme_group **out);
void steme_group_free(struct steme_group *g);
void *steme_committer(void *store);
/* Refuses writes that wait longer than lock_timeout_ms. */
void *steme_queue_watcher(void *store);
/* As the leader: is there too little room, or if writes are refused for that, enough again? */
void steme_commit_retry(struct steme_store *s);
/* Commits the first record of a fresh log. */
int steme_commit_genesis(struct steme_store *s, struct steme_why *why);

/* ---- meta.c ---- */
/* Meta entries: 0, STEME_ENOTFOUND, or an error; val is malloc()ed. */
int steme_meta_get(struct steme_index *ix, const char *name, uint8_t **val,
    size_t *len);
void steme_meta_put(struct steme_batch *b, const char *name, const void *val,
    size_t len);
/* A number of 4 or 8 bytes; 0 if it is not there. */
int steme_meta_number(struct steme_index *ix, const char *name, unsigned bytes,
    uint64_t *out);
/* Writes checkpoint `at` and forgets 'W' up to at.number (leader, or nobody else writes). */
int steme_checkpoint_put(struct steme_index *ix, const struct steme_applied *at,
    bool sync);
void steme_rebuilt_encode(uint8_t out[25], const struct steme_meta_rebuilt *m);
/* Leaves m as it is if val does not decode. */
void steme_rebuilt_decode(struct steme_meta_rebuilt *m, const uint8_t *val, size_t len);
/* The genesis that ix keeps, into s. */
int steme_kept_genesis(struct steme_store *s, struct steme_index *ix);

/* ---- standing.c ---- */
struct steme_standing {
	struct steme_applied checkpoint;	/* durable for sure */
	struct steme_applied at;	/* the last of the contiguous batches */
	bool gap;			/* batches after it were lost */
	bool empty;			/* nothing in it */
	const char *rebuild;		/* why the index cannot be used; NULL: it can */
	bool damaged;			/* because of an error in it */
};

/* Where ix stands.  An error: its entries cannot be read. */
int steme_standing_read(struct steme_index *ix, struct steme_standing *st);
/*
 * The folder of the index, if it can be used; else *st says why not and *out is NULL.
 * locked: the log's lock is held here, so it knows nobody else.
 */
int steme_standing_open(struct steme_store *s, bool locked, struct steme_standing *st,
    struct steme_gen **out, struct steme_why *why);
/*
 * How far the index in kv_dir is and what it holds, all 0 if it cannot be used; it is closed
 * again.  A genesis that it keeps goes to s.  The caller holds the log's lock.
 */
int steme_standing_of_old(struct steme_store *s, struct steme_applied *at,
    struct steme_why *why);

/* ---- kvdir.c ---- */
/* Completes a swap that a crash cut in two. */
void steme_kv_heal(const struct steme_store *s);
bool steme_marked_rebuild(const struct steme_store *s);
/* Asks the next start to rebuild the index, or takes that back. */
void steme_mark_rebuild(struct steme_store *s, bool on);
/* kv_dir is in use, and the log locked: what a crash left beside it goes. */
void steme_kv_tidy(const struct steme_store *s);
void steme_kv_new_path(const struct steme_store *s, char out[4096]);
/* Removes an index folder; fine if there is none. */
int steme_kv_remove(const char *dir, struct steme_why *why);
/*
 * kv_dir.new takes the place of kv_dir; the old folder goes with old (NULL: at once), or stays
 * beside it where the names cannot be synced.
 */
int steme_kv_swap(struct steme_store *s, struct steme_gen *old,
    struct steme_why *why);

/* ---- rebuild.c ---- */
/* dir and its files get the owner of the log, whoever runs this. */
int steme_give_to_owner(const char *wal_dir, const char *dir, struct steme_why *why);

/* The log's folders as tables to scan; steme_log_tables_close() frees. */
int steme_log_tables(struct steme_store *s, struct steme_segments ***out, size_t *n,
    struct steme_why *why);
void steme_log_tables_close(struct steme_segments **t, size_t n);
/* The numbers of the first and the last segment, for progress.  False: there is none. */
bool steme_rebuild_extent(struct steme_segments *const *t, size_t n, uint64_t *first,
    uint64_t *last);

/* ---- feed.c ---- */
/* Slots of the tables of known things: 3 MB each, and for rebuilds 48 MB. */
#define STEME_KNOWN_SLOTS	(1u << 17)
#define STEME_FRESH_SLOTS	(1u << 17)
#define STEME_KNOWN_REBUILD	(1u << 21)

/* Feeds log records to an index; with a second thread that writes when it gets long. */
struct steme_feed {
	struct steme_apply apply;
	struct steme_known *known;
	struct steme_pipe *pipe;	/* NULL until the first full batch */
	struct steme_wal_pos group;	/* the one being read */
	bool in_group;
	uint64_t group_first_lsn;
	struct steme_applied at_group;	/* before the group */
	struct steme_batch_mark mark;	/* before the group */
	uint64_t stop_lsn;		/* records from here on are left out; 0: none */
	uint64_t first_lsn;		/* of the first record seen */
	uint64_t records;
	bool accept_gaps;		/* go on after trouble */
	uint64_t troubles;
	bool has_genesis;
	struct steme_genesis genesis;
	uint64_t first_segment, last_segment;	/* for progress; 0: no progress */
	void (*progress)(void *arg, const char *what, unsigned permille);
	void *arg;
	_Atomic unsigned *permille;	/* may be NULL */
	struct steme_why why;
};
int steme_feed_init(struct steme_feed *f, struct steme_index *ix,
    const struct steme_applied *at, size_t known_slots);
/* A steme_wal_visit: arg is the feed.  Returns STEME_FEED_STOP at stop_lsn. */
#define STEME_FEED_STOP	1
int steme_feed_visit(void *feed, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos);
/* A steme_wal_on_trouble: goes on if gaps are accepted. */
int steme_feed_trouble(void *feed, const struct steme_wal_trouble *t);
/* Takes the last group out again.  Before steme_feed_end(), if at all. */
int steme_feed_leave_last(struct steme_feed *f);
/* Writes what is left and joins the writer.  at: where the index stands then. */
int steme_feed_end(struct steme_feed *f, struct steme_applied *at);
void steme_feed_fini(struct steme_feed *f);
/* All records of the tables from the feed's place to its stop_lsn, or to the end. */
int steme_rebuild_scan(struct steme_segments *const *t, size_t n, struct steme_feed *f,
    struct steme_wal_pos from, struct steme_why *why);
/* The entries 'M' of a new index.  told: its rebuild is logged already. */
int steme_rebuild_meta(struct steme_store *s, struct steme_index *ix, bool told,
    int64_t us, uint64_t assertions);
/* STEME_EGAP, and why. */
int steme_rebuild_less(const struct steme_counts *now, const struct steme_counts *before,
    struct steme_why *why);
/* The lines that every start writes about its index. */
void steme_log_index_start(bool full, const char *cause, uint64_t from_lsn);
void steme_log_index_done(const struct steme_counts *c, bool full, uint64_t records,
    int64_t us);

/* ---- replay.c ---- */
/* Index, log, replay, genesis: everything of open that reads the disk. */
int steme_recover(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_why *why);
/* What a store is that has no log yet.  node 0: any. */
void steme_new_genesis(struct steme_store *s, const struct steme_id *operator_,
    uint64_t node);

#endif
