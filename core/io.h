/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h - the POSIX calls that decide what survives a crash, behind a table.
 *
 * The log's local segments, checkpoint markers and key files go through it, so
 * that its twin (tests/faultio.h) can fail, cut or delay the n-th call and drop
 * whatever was not synced.  Every function returns 0 or a count, or a negative
 * enum steme_err; short writes are completed by write(), except that STEME_ENOSPC
 * may leave a part.  Any thread.
 */
#ifndef STEME_IO_H
#define STEME_IO_H

#include "core/err.h"

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct steme_io;

struct steme_io_ops {
	/* open(2) with O_CLOEXEC added; the descriptor, or an error. */
	int (*open)(struct steme_io *io, const char *path, int flags, mode_t mode);
	/* Reads up to n bytes at off; the count (short only at the end of the file). */
	ssize_t (*pread)(struct steme_io *io, int fd, void *buf, size_t n, off_t off);
	/* Writes all n bytes at off, or fails. */
	int (*pwrite)(struct steme_io *io, int fd, const void *buf, size_t n, off_t off);
	int (*datasync)(struct steme_io *io, int fd);
	int (*sync)(struct steme_io *io, int fd);
	int (*close)(struct steme_io *io, int fd);
	int (*truncate)(struct steme_io *io, int fd, off_t len);
	/* Reserves blocks and sets the length to at least len (fallocate, mode 0). */
	int (*allocate)(struct steme_io *io, int fd, off_t len);
	int (*rename)(struct steme_io *io, const char *from, const char *to);
	int (*unlink)(struct steme_io *io, const char *path);
	int (*syncdir)(struct steme_io *io, const char *path);
	int (*stat)(struct steme_io *io, const char *path, struct stat *st);
	int (*fstat)(struct steme_io *io, int fd, struct stat *st);
	/* STEME_EEXIST if something of that name is there. */
	int (*mkdir)(struct steme_io *io, const char *path, mode_t mode);
	/* Every name in a folder but . and .., in no order; each() != 0 stops and is passed on. */
	int (*readdir)(struct steme_io *io, const char *path,
	    int (*each)(void *arg, const char *name), void *arg);
	/* Exclusive lock, until close, not waiting: STEME_EBUSY if another holds it. */
	int (*lock)(struct steme_io *io, int fd);
};

struct steme_io {
	const struct steme_io_ops *ops;
};

/* The operating system's own calls. */
extern struct steme_io steme_io_posix;

#endif
