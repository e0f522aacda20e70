/* SPDX-License-Identifier: Apache-2.0 */
/* crc.c - CRC-32C: eight tables of 256 entries, or SSE 4.2 if the CPU has it. */
#include "config.h"
#include "core/crc.h"

#include "core/err.h"

#include <pthread.h>
#include <string.h>

#define POLY 0x82f63b78u	/* 0x1edc6f41, bits reversed */

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* table[k][b]: the CRC of byte b followed by k zero bytes. */
static void
fill_tables(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t c = b;

		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? POLY : 0);
		table[0][b] = c;
	}
	for (int k = 1; k < 8; k++)
		for (uint32_t b = 0; b < 256; b++)
			table[k][b] = table[k - 1][b] >> 8 ^
			    table[0][table[k - 1][b] & 0xff];
}

uint32_t
steme_crc32c_portable(uint32_t seed, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t c = ~seed;

	MUST(pthread_once(&once, fill_tables));
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
		    (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

		c = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^
		    table[5][lo >> 16 & 0xff] ^ table[4][lo >> 24] ^
		    table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		    table[0][p[7]];
	}
	for (; n > 0; n--, p++)
		c = c >> 8 ^ table[0][(c ^ *p) & 0xff];
	return ~c;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
crc_sse42(uint32_t seed, const uint8_t *p, size_t n)
{
	uint64_t c = (uint32_t)~seed;
	uint64_t v;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&v, p, 8);
		c = __builtin_ia32_crc32di(c, v);
	}
	for (; n > 0; n--, p++)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p);
	return ~(uint32_t)c;
}

uint32_t
steme_crc32c(uint32_t seed, const void *data, size_t n)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_sse42(seed, data, n);
	return steme_crc32c_portable(seed, data, n);
}

#else

uint32_t
steme_crc32c(uint32_t seed, const void *data, size_t n)
{
	return steme_crc32c_portable(seed, data, n);
}

#endif
