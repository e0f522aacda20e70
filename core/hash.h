/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - BLAKE2b-256 (RFC 7693), the one content hash: what
 * `b2sum -l 256` prints.  Pure functions, any thread; nothing allocates.  The same
 * before and after steme_sign_init(), which picks the CPU's fast code.
 */
#ifndef STEME_HASH_H
#define STEME_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STEME_ID_LEN	32
#define STEME_ID_HEX	64

/* The hash of an object, or an agent's public key: 32 bytes either way. */
struct steme_id {
	uint8_t b[STEME_ID_LEN];
};

struct steme_id steme_hash(const void *data, size_t len);
/* H(prefix byte, a, b): the node hash of Merkle trees; b may be NULL (a leaf). */
struct steme_id steme_hash_node(uint8_t prefix, const struct steme_id *a,
    const struct steme_id *b);

static inline int
steme_id_cmp(const struct steme_id *a, const struct steme_id *b)
{
	return memcmp(a->b, b->b, STEME_ID_LEN);
}

static inline bool
steme_id_eq(const struct steme_id *a, const struct steme_id *b)
{
	return steme_id_cmp(a, b) == 0;
}

bool steme_id_is_zero(const struct steme_id *id);

/* Lower-case hex of n bytes into out (2n + 1 bytes, NUL-terminated). */
void steme_hex(char *out, const void *data, size_t n);
/* n bytes from exactly 2n lower-case hex digits; STEME_EINVAL otherwise. */
int steme_unhex(void *out, size_t n, const char *hex, size_t hexlen);
/* steme_hex/steme_unhex for an id: 64 digits. */
void steme_id_hex(char out[STEME_ID_HEX + 1], const struct steme_id *id);
int steme_id_parse(struct steme_id *id, const char *hex, size_t hexlen);

#endif
