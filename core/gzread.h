/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzread.h - reading a gzip file at any offset, without a temporary file.
 *
 * Reading forward costs what inflating costs; going back starts again at the
 * beginning.  Concatenated members read as one.  Not shared between threads.
 */
#ifndef STEME_GZREAD_H
#define STEME_GZREAD_H

#include "core/io.h"

#include <stdbool.h>

struct steme_gzread;

/* io is borrowed.  STEME_ENOTFOUND: no such file. */
int steme_gzread_open(struct steme_gzread **out, struct steme_io *io,
    const char *path);
/* NULL is allowed. */
void steme_gzread_close(struct steme_gzread *g);
/*
 * Up to n uncompressed bytes at off; the count, short at the end and before damage.
 * STEME_ECORRUPT: the file is no gzip file, or there it is damaged or cut short.
 */
ssize_t steme_gzread_at(struct steme_gzread *g, void *buf, size_t n,
    uint64_t off);

#endif
