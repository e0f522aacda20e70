/* SPDX-License-Identifier: Apache-2.0 */
/* msg_util.h - good payloads of the control socket, made bad. */
#ifndef STEME_MSG_UTIL_H
#define STEME_MSG_UTIL_H

#include "core/msg.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Decodes one payload of a kind completely; the error of the decoder. */
typedef int decode(const void *p, size_t n);

/*
 * Every prefix of a good payload, and the payload with a byte more, is refused.  Each try is
 * in memory of its own, so that a read past the end is found by the sanitizer.
 */
static inline void
no_prefix_is_good(const struct steme_buf *b, decode *d)
{
	for (size_t n = 0; n <= b->len + 1; n++) {
		uint8_t *p = malloc(n + (n == 0));

		ck_assert_ptr_nonnull(p);
		memset(p, 0, n + (n == 0));
		memcpy(p, b->data, n > b->len ? b->len : n);
		ck_assert_msg(d(p, n) == (n == b->len ? STEME_OK : STEME_EPROTO),
		    "%zu of %zu bytes: %d", n, b->len, d(p, n));
		free(p);
	}
}

/* A good payload with one byte set to v must be refused. */
static inline void
byte_is_bad(const struct steme_buf *b, size_t at, uint8_t v, decode *d)
{
	uint8_t was = b->data[at];

	b->data[at] = v;
	ck_assert_msg(d(b->data, b->len) == STEME_EPROTO, "byte %zu = %u", at, v);
	b->data[at] = was;
}

static inline struct steme_id
id_of(uint8_t c)
{
	struct steme_id id;

	memset(id.b, c, sizeof(id.b));
	return id;
}

static inline struct steme_sig
sig_of(uint8_t c)
{
	struct steme_sig s;

	memset(s.b, c, sizeof(s.b));
	return s;
}

#endif
