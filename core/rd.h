/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rd.h - a cursor over outside bytes that cannot overrun.
 *
 * The first failure sticks: numbers read as 0, pointers as NULL, and steme_rd_ok()
 * is false from then on, so a decoder needs one check at its end.
 */
#ifndef STEME_RD_H
#define STEME_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct steme_rd {
	const uint8_t *p;
	size_t n;		/* bytes left */
	bool bad;
};

static inline struct steme_rd
steme_rd_from(const void *data, size_t n)
{
	return (struct steme_rd){ data, n, false };
}

static inline bool
steme_rd_ok(const struct steme_rd *r)
{
	return !r->bad;
}

/* True if nothing failed and nothing is left. */
static inline bool
steme_rd_done(const struct steme_rd *r)
{
	return !r->bad && r->n == 0;
}

/* Pointer to the next n bytes, in place; NULL if fewer are left. */
static inline const uint8_t *
steme_rd_take(struct steme_rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

/* Little-endian unsigned number of 1 to 8 bytes. */
static inline uint64_t
steme_rd_le(struct steme_rd *r, unsigned bytes)
{
	const uint8_t *p = steme_rd_take(r, bytes);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

/* Big-endian unsigned number of 1 to 8 bytes (ordered keys). */
static inline uint64_t
steme_rd_be(struct steme_rd *r, unsigned bytes)
{
	const uint8_t *p = steme_rd_take(r, bytes);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

/* Bytes preceded by their length (little-endian, lbytes wide). */
static inline const uint8_t *
steme_rd_bytes(struct steme_rd *r, unsigned lbytes, size_t *len)
{
	*len = (size_t)steme_rd_le(r, lbytes);
	if (r->bad)
		*len = 0;
	return steme_rd_take(r, *len);
}

#endif
