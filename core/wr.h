/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wr.h - numbers and counted bytes into a growing buffer; the mirror of rd.h.
 */
#ifndef STEME_WR_H
#define STEME_WR_H

#include "core/buf.h"

static inline void
steme_put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void
steme_put_be(uint8_t *p, uint64_t v, unsigned bytes)
{
	while (bytes-- > 0) {
		p[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

static inline void
steme_wr_le(struct steme_buf *b, uint64_t v, unsigned bytes)
{
	uint8_t t[8];

	steme_put_le(t, v, bytes);
	steme_buf_put(b, t, bytes);
}

static inline void
steme_wr_be(struct steme_buf *b, uint64_t v, unsigned bytes)
{
	uint8_t t[8];

	steme_put_be(t, v, bytes);
	steme_buf_put(b, t, bytes);
}

/* Bytes preceded by their length (little-endian, lbytes wide). */
static inline void
steme_wr_bytes(struct steme_buf *b, unsigned lbytes, const void *data, size_t n)
{
	steme_wr_le(b, n, lbytes);
	steme_buf_put(b, data, n);
}

#endif
