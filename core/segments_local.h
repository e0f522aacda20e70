/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments_local.h - the table of segments in a folder, as its files share it.  Labels
 * in brackets there: doc/wal-format.md.
 *
 * It owns the descriptors of the open segment, of the one before until it is cut, of
 * the lock, and a gzip cursor.
 */
#ifndef STEME_SEGMENTS_LOCAL_H
#define STEME_SEGMENTS_LOCAL_H

#include "core/segments.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define STEME_SEGFILE_MODE	0640

struct steme_segfile {
	int fd;				/* -1: none */
	uint64_t number;
	dev_t dev;
	ino_t ino;
};

struct steme_seglocal {
	struct steme_segments base;	/* first */
	struct steme_io *io;
	char *dir;
	pthread_mutex_t mu;		/* the open file, against readers */
	struct steme_segfile open;	/* (mu) to change; the writer's to use */
	struct steme_segfile before;	/* kept until it is cut */
	struct steme_segfile lock;	/* number: the fencing token */
	uint64_t room;			/* of the open segment */
	uint64_t cut_at;		/* its length if its room was given back, or 0 */
	atomic_bool reserved;		/* the reserve file is there */
	pthread_mutex_t gz_mu;
	struct steme_gzread *gz;	/* (gz_mu) NULL or that of gz_number */
	uint64_t gz_number;		/* (gz_mu) */
};

/* A path in the folder, whose length was checked when it was opened. */
void steme_seglocal_path(const struct steme_seglocal *l, char out[PATH_MAX],
    const char *name);
void steme_seglocal_segment(const struct steme_seglocal *l, char out[PATH_MAX],
    uint64_t number, bool gz);

/* ---- the lock: segments_lock.c ---- */

int steme_seglocal_lock(struct steme_segments *s, struct steme_why *why);
/* Still the holder?  A lock file that was removed, and taken by nobody, is made again. */
int steme_seglocal_check_lock(struct steme_seglocal *l, struct steme_why *why);

/* ---- writing: segments_write.c; contracts: segments.h ---- */

int steme_seglocal_create(struct steme_segments *s, uint64_t number, uint64_t room,
    const void *data, size_t n, struct steme_why *why);
int steme_seglocal_reopen(struct steme_segments *s, uint64_t number, uint64_t room,
    struct steme_why *why);
int steme_seglocal_append(struct steme_segments *s, const void *data, size_t n,
    uint64_t off, int64_t *sync_us, struct steme_why *why);
int steme_seglocal_extend(struct steme_segments *s, struct steme_why *why);
int steme_seglocal_check(struct steme_segments *s, struct steme_why *why);
int steme_seglocal_cut(struct steme_segments *s, uint64_t number, uint64_t bytes,
    struct steme_why *why);
int steme_seglocal_settle(struct steme_segments *s, struct steme_why *why);
void steme_seglocal_reserve(struct steme_segments *s, bool hold);

/* ---- moving: segments_move.c; contracts: segments.h ---- */

int steme_seglocal_take(struct steme_segments *s, struct steme_segments *from,
    struct steme_why *why);
int steme_seglocal_set_aside(struct steme_segments *s, uint64_t number,
    struct steme_why *why);

#endif
