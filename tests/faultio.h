/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faultio.h - the twin of the io table: a file system in memory that fails on
 * demand and forgets what was not synced.
 *
 * It keeps two states: what programs see (the page cache) and what is on disk.  A sync
 * copies one file's changed sectors (512 bytes) and length to the disk, a syncdir the
 * names below one folder.  A sync that is made to fail marks the sectors clean
 * without writing them, as file systems do: programs go on seeing the new bytes.
 *
 * Paths are compared as text; "/" exists.  Any thread.
 */
#ifndef STEME_FAULTIO_H
#define STEME_FAULTIO_H

#include "core/io.h"

#include <stdbool.h>

enum faultio_op {
	FIO_OPEN = 1 << 0, FIO_PREAD = 1 << 1, FIO_PWRITE = 1 << 2,
	FIO_DATASYNC = 1 << 3, FIO_SYNC = 1 << 4, FIO_CLOSE = 1 << 5,
	FIO_TRUNCATE = 1 << 6, FIO_ALLOCATE = 1 << 7, FIO_RENAME = 1 << 8,
	FIO_UNLINK = 1 << 9, FIO_SYNCDIR = 1 << 10, FIO_STAT = 1 << 11,
	FIO_FSTAT = 1 << 12, FIO_MKDIR = 1 << 13, FIO_READDIR = 1 << 14,
	FIO_LOCK = 1 << 15,
	FIO_ALL = (1 << 16) - 1,
	/* what changes something, or tells whether a change is safe */
	FIO_CHANGES = FIO_OPEN | FIO_PWRITE | FIO_DATASYNC | FIO_SYNC |
	    FIO_CLOSE | FIO_TRUNCATE | FIO_ALLOCATE | FIO_RENAME | FIO_UNLINK |
	    FIO_SYNCDIR | FIO_MKDIR | FIO_LOCK
};

enum faultio_crash {
	FIO_KILLED,	/* the process ended: the page cache stays */
	FIO_LOSE,	/* power cut: everything not synced is gone */
	FIO_SOME	/* power cut: a random part of it got to the disk */
};

struct faultio;

struct faultio *faultio_new(void);
void faultio_free(struct faultio *f);
struct steme_io *faultio_io(struct faultio *f);

/* Calls so far of the operations in mask. */
unsigned long faultio_calls(struct faultio *f, unsigned mask);
/*
 * The n-th call from now (1: the next) of the operations in mask fails with err.
 * If it writes, its first `cut` bytes are written before.  stop: every later call
 * fails too, as if the process had ended there.  n 0: nothing fails any more.
 */
void faultio_fail(struct faultio *f, unsigned mask, unsigned long n, int err,
    size_t cut, bool stop);
/* Has that happened? */
bool faultio_failed(struct faultio *f);
/* Every call of the operations in mask takes us microseconds more. */
void faultio_delay(struct faultio *f, unsigned mask, unsigned us);
/* Bytes the disk has in all; 0: no end. */
void faultio_space(struct faultio *f, uint64_t bytes);
uint64_t faultio_used(struct faultio *f);

/* Ends the process: descriptors and locks go, faults are off. */
void faultio_crash(struct faultio *f, enum faultio_crash how, unsigned seed);

/* Files as an operator sees them; these never fail on demand and are durable at once. */
uint8_t *faultio_get(struct faultio *f, const char *path, size_t *len);
void faultio_put(struct faultio *f, const char *path, const void *data,
    size_t len);
void faultio_flip(struct faultio *f, const char *path, size_t off,
    uint8_t bits);
bool faultio_exists(struct faultio *f, const char *path);
void faultio_move(struct faultio *f, const char *from, const char *to);
void faultio_remove(struct faultio *f, const char *path);

#endif
