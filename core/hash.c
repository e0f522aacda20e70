/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c - BLAKE2b-256 by libsodium, and lower-case hex. */
#include "config.h"
#include "core/hash.h"
#include "core/err.h"

#include <sodium.h>

struct steme_id
steme_hash(const void *data, size_t len)
{
	struct steme_id id;

	/* Fails only for an output size out of range. */
	MUST(crypto_generichash(id.b, sizeof(id.b), data, len, NULL, 0));
	return id;
}

struct steme_id
steme_hash_node(uint8_t prefix, const struct steme_id *a,
    const struct steme_id *b)
{
	uint8_t in[1 + 2 * STEME_ID_LEN];
	size_t n = 1 + STEME_ID_LEN;

	in[0] = prefix;
	memcpy(in + 1, a->b, STEME_ID_LEN);
	if (b != NULL) {
		memcpy(in + n, b->b, STEME_ID_LEN);
		n += STEME_ID_LEN;
	}
	return steme_hash(in, n);
}

bool
steme_id_is_zero(const struct steme_id *id)
{
	static const struct steme_id zero;

	return steme_id_eq(id, &zero);
}

void
steme_hex(char *out, const void *data, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++) {
		*out++ = digit[p[i] >> 4];
		*out++ = digit[p[i] & 15];
	}
	*out = '\0';
}

/* One more than what a lower-case hex digit stands for; 0: it is none. */
static const uint8_t nibbles[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7,
	['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13,
	['d'] = 14, ['e'] = 15, ['f'] = 16
};

int
steme_unhex(void *out, size_t n, const char *hex, size_t hexlen)
{
	const uint8_t *h = (const uint8_t *)hex;
	uint8_t *p = out;
	bool bad = false;

	if (hexlen / 2 != n || hexlen % 2 != 0)
		return STEME_EINVAL;
	for (size_t i = 0; i < n; i++)
		bad |= nibbles[h[2 * i]] == 0 || nibbles[h[2 * i + 1]] == 0;
	if (bad)
		return STEME_EINVAL;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((nibbles[h[2 * i]] - 1) << 4 |
		    (nibbles[h[2 * i + 1]] - 1));
	return STEME_OK;
}

void
steme_id_hex(char out[STEME_ID_HEX + 1], const struct steme_id *id)
{
	steme_hex(out, id->b, STEME_ID_LEN);
}

int
steme_id_parse(struct steme_id *id, const char *hex, size_t hexlen)
{
	return steme_unhex(id->b, STEME_ID_LEN, hex, hexlen);
}
