/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit_impl.h - a group on its way: stage.c fills it, commit.c logs and indexes it,
 * publish.c tells of it, queue.c decides who does that.  Private to them.
 *
 * Two groups may be on their way: while one goes into the index (index), the next is
 * filled and logged (lead).  They overtake each other nowhere.
 */
#ifndef STEME_COMMIT_IMPL_H
#define STEME_COMMIT_IMPL_H

#include "core/store_impl.h"

/* A record of the group that is being committed. */
struct steme_staged {
	struct steme_put *put;
	struct steme_record r;
	size_t payload;			/* its place in group.payloads */
};

struct steme_group {
	struct steme_group *before;	/* still on its way into the index, or NULL */
	uint64_t first_lsn;
	bool retry;			/* writes were refused before; goes alone */
	struct steme_wal_pos end;	/* where the log stands behind it */
	struct steme_staged *staged;
	struct steme_wal_rec *recs;
	struct steme_commit_item *items;
	size_t n, cap;
	struct steme_buf payloads;
	uint32_t *slots;		/* staged index + 1, hashed by id; 0: empty */
	size_t nslots;			/* a power of two */
	uint64_t exists;
};

/* (lead) Fills s->group from the list.  STEME_ENOMEM: nothing can be committed. */
int steme_stage(struct steme_store *s, struct steme_write *list);
/* The whole write fails; what was refused for its own sake keeps its reason. */
void steme_refuse(struct steme_write *w, int err, const char *why);

/* (index) Readers see the items, and know that what they kept is old. */
void steme_publish(struct steme_store *s, const struct steme_commit_item *items,
    size_t n, uint64_t exists);
/*
 * The same for records that came into the index late: from the published lsn to
 * where the index stands.
 */
int steme_publish_late(struct steme_store *s);

/*
 * As the leader: commits the writes of the list; each has its results then.  Gives
 * leadership up as soon as the log has them.
 */
void steme_commit(struct steme_store *s, struct steme_write *list);
/* Of the leader: waits until the group before is in the index. */
void steme_index_drain(struct steme_store *s);
/*
 * The same, and becomes the one who writes the index, for the group just logged, and no
 * longer the leader.
 */
void steme_index_begin(struct steme_store *s);
void steme_index_end(struct steme_store *s);

#endif
