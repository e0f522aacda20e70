/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the log and the index as one thing: writes go in, become durable, become
 * visible, are acknowledged; reads see every acknowledged write.
 *
 * Write path: verify (caller's thread) -> queue -> one leader takes all that is
 * queued -> log group, sync -> index batch -> globals -> change counters ->
 * on_commit -> done().  An object already stored is answered `exists` only when
 * its record is durable.
 *
 * Threads: every function may be called from any thread unless said otherwise.
 * Locks: doc/locking.md.  No lock is held during the sync, on_commit or done().
 */
#ifndef STEME_STORE_H
#define STEME_STORE_H

#include "core/changes.h"
#include "core/clock.h"
#include "core/gate.h"
#include "core/index.h"
#include "core/io.h"
#include "core/key.h"
#include "core/lens.h"
#include "core/record.h"
#include "core/wal.h"
#include "core/world.h"

struct steme_store;

/* One committed record, as told to on_commit (views, watchers). */
struct steme_commit_item {
	const struct steme_record *r;
	const struct steme_object *o;
	bool new_concept;		/* a path component came into being */
	bool new_predicate;		/* first assertion of (concept, predicate) */
};

/* What is timed. */
enum steme_timed {
	STEME_TIMED_SYNC,		/* a sync of the log */
	STEME_TIMED_PUT,		/* a group, from the log to being visible */
	STEME_TIMED_LOCK,		/* a write, until its turn or its refusal */
	STEME_TIMED_COMPACTION,		/* of the index */
	STEME_NTIMED
};

struct steme_store_opts {
	const char *wal_dir, *kv_dir;	/* created if absent */
	const char *const *more_wal_dirs;	/* NULL-ended; read only (rebuild) */
	const char *changes_path;	/* NULL: private */
	struct steme_io *io;		/* NULL: steme_io_posix */
	const struct steme_clock *clock;	/* NULL: steme_clock_system */
	struct steme_index *index;	/* NULL: LevelDB in kv_dir; else borrowed */
	struct steme_id operator_;	/* for the genesis of a fresh log; ignored otherwise */
	const char *node_name;		/* whose drain counts (core/gate.h); NULL: nobody's */
	uint64_t segment_bytes;		/* 0: 64 MiB */
	uint32_t group_max_wait_ms;	/* 0: never wait on purpose */
	uint32_t group_max_bytes;	/* 0: 1 MiB */
	uint32_t value_max;		/* hand-in limit; 0: 64 KiB */
	uint32_t lock_timeout_ms;	/* a write waits so long for its turn; 0: for ever */
	uint64_t compact_trigger;	/* bytes pending that start a compaction; 0: none does */
	size_t write_buffer, block_cache;
	size_t kept_claims;		/* bytes of claims that are kept parsed; 0: none are */
	bool accept_gaps;		/* rebuild offline, repair: what is lost is lost */
	/* Progress of a long replay (0..1,000 per mille), may be NULL. */
	void (*progress)(void *arg, const char *what, unsigned permille);
	/*
	 * After a commit is visible, before it is acknowledged; one at a time, in log
	 * order, while the next group is logged.  May wait for a second at most (the
	 * mount: until the kernel was told, doc/mount.md); acknowledgements wait too.
	 */
	void (*on_commit)(void *arg, const struct steme_commit_item *items, size_t n);
	/* Something took us microseconds; any thread, also while on_commit runs.  May be NULL. */
	void (*on_time)(void *arg, enum steme_timed what, int64_t us);
	void *arg;
};

/*
 * Opens (or makes) a store: lock, index, replay, genesis.  Errors as from
 * steme_wal_open() and the index; a damaged index is rebuilt, and said so in the log.
 */
int steme_store_open(struct steme_store **out, const struct steme_store_opts *o,
    struct steme_why *why);
/* Waits for queued writes, checkpoints, marks a clean stop, frees.  NULL is allowed. */
void steme_store_close(struct steme_store *s);

const struct steme_genesis *steme_store_genesis(const struct steme_store *s);
uint64_t steme_store_node(const struct steme_store *s);
/* Highest lsn visible to readers; every read below is bounded by it. */
uint64_t steme_store_lsn(const struct steme_store *s);
struct steme_changes *steme_store_changes(struct steme_store *s);

/* ---- writing ---- */

/* One object of a write.  bytes must stay valid until done(). */
struct steme_put {
	struct steme_str bytes;
	enum steme_sigkind sigkind;
	struct steme_sig sig;		/* STEME_SIG_OWN */
	bool verified;			/* the signature was checked (or made) here */
	/* result */
	int err;
	enum steme_put_status status;
	struct steme_id id;
	uint64_t lsn;
	struct steme_why why;
	/* private to the store */
	struct steme_object o;
};

/*
 * A request: its puts are committed in one group.  All or each?  Each: a put that
 * is refused has its err set and the others go on.  With a batch, its members
 * are the puts with STEME_SIG_BATCH; if the batch itself is refused all members are.
 */
struct steme_write {
	struct steme_put *puts;
	size_t n;
	bool has_batch;
	struct steme_put batch;		/* the batch object and its signature */
	const struct steme_id *batch_ids;	/* its id list, ascending */
	size_t nbatch_ids;
	bool hand_in;			/* client limits, clock and gate apply (not replication) */
	bool system;			/* may write below _steme/ whatever the key, past the gate */
	int err;			/* of the commit as a whole */
	struct steme_why why;
	void (*done)(struct steme_write *w);	/* called once, by any thread */
	void *arg;
	struct steme_write *next;	/* private */
	uint64_t private_[2];
};

/*
 * Checks and verifies in this thread, then queues.  may_lead: this thread may run the
 * commit itself if nobody is leading (saves a lone writer two wake-ups); false:
 * never blocks on the disk.  done() is always called, possibly before this returns.
 */
void steme_store_write(struct steme_store *s, struct steme_write *w, bool may_lead);
/* The same, and waits; w->done is ignored.  Returns w->err. */
int steme_store_write_wait(struct steme_store *s, struct steme_write *w);

/*
 * Queue now, lead later: a loop that reads many requests queues each with
 * steme_store_queue() and calls steme_store_lead() once, so that they share one
 * sync.  lead() commits a lone write itself and returns; several, and what was queued
 * meanwhile, are handed to the committer thread, so that the caller reads on while that
 * waits for the disk.
 */
void steme_store_queue(struct steme_store *s, struct steme_write *w);
void steme_store_lead(struct steme_store *s);

/* ---- reading ---- */

/*
 * The assertions of one (concept, predicate), or of every predicate of a concept.
 * Memory belongs to the set; steme_cands_fini() frees.  `bounds.max_lsn` of the
 * context is lowered to what is visible.
 */
struct steme_cand_group {
	struct steme_str predicate;
	struct steme_cand *c;
	size_t n;			/* all, whatever their state */
	size_t counting;		/* those that count come first */
	uint64_t version;		/* highest lsn among what this view depends on */
	uint64_t version_hlc;		/* hlc of that record: the view's mtime */
};
struct steme_cands {
	struct steme_cand_group *groups;	/* predicates in byte order */
	size_t ngroups;
	void *private_[2];
};
/*
 * Collects within ctx (world and aliases are those of ctx->world; the candidates of the
 * whole alias class), runs steme_lens_filter().  predicate absent: all.
 * constraints: of must_use and forbidden only, those of the concept's ancestors (and
 * their alias classes), too.
 */
int steme_store_collect(struct steme_store *s, const struct steme_lens_ctx *ctx,
    struct steme_str concept, struct steme_str predicate, bool constraints,
    struct steme_cands *out);
void steme_cands_fini(struct steme_cands *c);

/* The world within b (max_lsn lowered to what is visible).  steme_world_put(). */
const struct steme_world *steme_store_world(struct steme_store *s,
    struct steme_bounds *b);
/* hlc of the newest global object at or below max_lsn, with its lsn. */
uint64_t steme_store_globals_version(struct steme_store *s,
    const struct steme_bounds *b, uint64_t *hlc);

/* A record by id or lsn; *backing is malloc()ed and holds the slices' bytes. */
int steme_store_get(struct steme_store *s, const struct steme_id *id,
    struct steme_record *r, uint8_t **backing);
int steme_store_get_lsn(struct steme_store *s, uint64_t lsn, struct steme_record *r,
    uint8_t **backing);

/* Does a concept exist (itself or as an inner folder) at or below max_lsn? */
int steme_store_name(struct steme_store *s, struct steme_str concept,
    uint64_t max_lsn, struct steme_name *out);
/*
 * Children of parent ("" : the root) in order of their first lsn, after_lsn
 * exclusive; a non-zero return of visit stops and is passed on.
 */
typedef int steme_child_visit(void *arg, struct steme_str child, uint64_t first_lsn,
    bool has_assertions);
int steme_store_children(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint64_t max_lsn, steme_child_visit *visit, void *arg);
/* First lsn of the newest child of parent; 0: it has none. */
int steme_store_newest_child(struct steme_store *s, struct steme_str parent,
    uint64_t *first_lsn);
/* Concepts with assertions at or below prefix ("" : all), in byte order, after `after`. */
typedef int steme_concept_visit(void *arg, struct steme_str concept);
int steme_store_concepts(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint64_t max_lsn, steme_concept_visit *visit, void *arg);
/* The same of all whose path begins with these bytes: "world/bu" is no segment. */
int steme_store_concepts_from(struct steme_store *s, struct steme_str begins,
    struct steme_str after, uint64_t max_lsn, steme_concept_visit *visit, void *arg);
/* Records in log order from lsn on; r and its slices live during the call. */
typedef int steme_record_visit(void *arg, const struct steme_record *r);
int steme_store_log(struct steme_store *s, uint64_t from_lsn, uint64_t max_lsn,
    steme_record_visit *visit, void *arg);
/* lsns of an agent's objects, or of the assertions citing a source, ascending. */
typedef int steme_lsn_visit(void *arg, uint64_t lsn, bool is_assertion);
int steme_store_by_agent(struct steme_store *s, const struct steme_id *agent,
    uint64_t from_lsn, steme_lsn_visit *visit, void *arg);
int steme_store_by_source(struct steme_store *s, struct steme_str source,
    uint64_t from_lsn, steme_lsn_visit *visit, void *arg);
/*
 * Sources that are cited and begin with prefix ("": all), in byte order, after `after`
 * ("": from the first).  One that is not visible yet may be among them: no lsn is listed.
 */
typedef int steme_source_visit(void *arg, struct steme_str source);
int steme_store_sources(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, steme_source_visit *visit, void *arg);
/* Agents that signed something, ascending, after `after` (NULL: from the first).  As above. */
typedef int steme_agent_visit(void *arg, const struct steme_id *agent);
int steme_store_agents(struct steme_store *s, const struct steme_id *after,
    steme_agent_visit *visit, void *arg);
/*
 * How many assertions a concept itself has, whatever their state.  Reads them one by one,
 * and stops at `most` (at least 1).
 */
int steme_store_count(struct steme_store *s, struct steme_str concept, uint64_t max_lsn,
    uint64_t most, uint64_t *n);
/* Retractions ('r') or votes ('v') that name this assertion below its concept. */
int steme_store_marks(struct steme_store *s, struct steme_str concept,
    const struct steme_id *assertion, char kind, steme_record_visit *visit, void *arg);

/* ---- state, upkeep ---- */

enum steme_write_state { STEME_WRITES_OK, STEME_WRITES_FULL, STEME_WRITES_FAILED };

struct steme_store_stats {
	uint64_t lsn, hlc;
	struct steme_counts counts;
	struct steme_wal_stats wal;
	struct steme_index_stats index;
	enum steme_write_state writes;
	char reason[256];		/* why writes are stopped; "" if they are not */
	uint64_t commits, commit_records, exists;
	uint64_t lost_segment_records;	/* records whose segment is gone */
	uint64_t replayed_records;	/* by the open of this process */
	uint64_t applied_gaps;		/* found by the open of this process */
	int64_t index_created_us, last_rebuild_us;
	bool index_error;		/* damage was found; the next start rebuilds */
	bool rebuilding;
	unsigned rebuild_permille;
	bool index_was_damaged;		/* this start found it so, and made it anew */
	bool full_rebuild;		/* this start, or a rebuild since, read the whole log */
	char rebuild_error[512];	/* of the last online rebuild; "": it went well */
	uint64_t disk_free, disk_total;	/* of the disk with the index; bytes */
	struct steme_gate_state gate;
	/* by this process: groups committed and reads; errors are among them */
	uint64_t puts, put_errors, gets, get_errors;
	uint64_t lock_timeouts, compactions, compaction_errors;
	bool compacting;
	int64_t sync_us_sum;
	uint64_t sync_count;
};
void steme_store_stats(struct steme_store *s, struct steme_store_stats *out);
/* Memory of the claims that are kept, and the most it may be. */
void steme_store_kept(struct steme_store *s, uint64_t *bytes, uint64_t *limit);
/* Recent syncs for quantiles: copies up to n durations (us), returns how many. */
size_t steme_store_sync_samples(struct steme_store *s, uint32_t *us, size_t n);

/* Makes the index durable up to now and moves the checkpoint.  Called at rotation, too. */
int steme_store_checkpoint(struct steme_store *s);
/* Once a second, by the daemon's housekeeping thread. */
void steme_store_tick(struct steme_store *s);
/*
 * Rebuilds the index from the log beside the old one and swaps; reads and writes go on.
 * Returns when done.  STEME_EBUSY: one is running.  STEME_EGAP: would hold less.
 */
int steme_store_rebuild_online(struct steme_store *s, struct steme_why *why);
/*
 * Compacts the index, in steps between which go_on (may be NULL) is told how far it is and
 * may end it: STEME_ECANCELED.  Without force nothing is done when nothing is pending, and
 * STEME_ENOSPC is the answer when there is little room.  STEME_EBUSY: one is running.
 */
int steme_store_compact(struct steme_store *s, bool force,
    bool (*go_on)(void *arg, unsigned permille), void *arg, struct steme_why *why);

#endif
