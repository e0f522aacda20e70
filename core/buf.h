/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a byte buffer that grows, with a sticky failure.
 *
 * Appending after a failure does nothing, so a row of appends needs one check
 * at its end: steme_buf_err().  Not shared between threads.
 */
#ifndef STEME_BUF_H
#define STEME_BUF_H

#include <stddef.h>
#include <stdint.h>

struct steme_buf {
	uint8_t	*data;		/* len bytes, then one NUL not counted in len;
				   NULL while nothing was appended */
	size_t	 len;
	size_t	 cap;
	size_t	 max;		/* limit for len; 0: no limit */
	int	 err;		/* first failure, or STEME_OK */
};

/* An empty buffer; max 0 means no limit.  `struct steme_buf b = {0}` also is one. */
void steme_buf_init(struct steme_buf *b, size_t max);
/* Frees the bytes and makes b empty again (the limit stays). */
void steme_buf_fini(struct steme_buf *b);
/* Empties b, keeps its memory, clears the failure. */
void steme_buf_clear(struct steme_buf *b);
/* STEME_OK, STEME_ENOMEM or STEME_ETOOBIG (the limit was hit). */
int steme_buf_err(const struct steme_buf *b);
/* Room for n more bytes; NULL on failure.  The caller then sets b->len. */
uint8_t *steme_buf_reserve(struct steme_buf *b, size_t n);
void steme_buf_put(struct steme_buf *b, const void *data, size_t n);
void steme_buf_putc(struct steme_buf *b, uint8_t c);
void steme_buf_puts(struct steme_buf *b, const char *s);
void steme_buf_printf(struct steme_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Hands the bytes over: *data (malloc()ed, NUL-terminated, the caller frees)
 * and *len.  b is empty afterwards.  On a failure noted in b: that error, *data NULL.
 */
int steme_buf_take(struct steme_buf *b, uint8_t **data, size_t *len);

#endif
