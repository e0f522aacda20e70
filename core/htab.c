/* SPDX-License-Identifier: Apache-2.0 */
/* htab.c - keyed hash and growing table. */
#include "config.h"
#include "core/htab.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define MIN_SLOTS	16

static uint64_t key[4];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void
make_key(void)
{
	randombytes_buf(key, sizeof(key));
	key[3] |= 1;
}

/* The two halves of a 128-bit product, folded: every bit of a and b stirs the result. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t
word(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	if (n > 0)
		memcpy(&v, p, n);
	return v;
}

uint32_t
steme_hash_bytes(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t h;

	pthread_once(&key_once, make_key);
	h = key[0] ^ n;
	for (; n > 16; n -= 16, p += 16)
		h = fold(word(p, 8) ^ key[1], word(p + 8, 8) ^ h ^ key[2]);
	h = fold(word(p, n < 8 ? n : 8) ^ key[1],
	    (n > 8 ? word(p + 8, n - 8) : 0) ^ h ^ key[2]);
	return (uint32_t)(fold(h, key[3]) >> 16);
}

uint32_t
steme_hash_id(const struct steme_id *id)
{
	return steme_hash_bytes(id->b, STEME_ID_LEN);
}

void
steme_htab_fini(struct steme_htab *t)
{
	free(t->slots);
	*t = (struct steme_htab){0};
}

static void
put(struct steme_hslot *slots, uint32_t mask, struct steme_hslot s)
{
	uint32_t i = s.hash;

	while (slots[i & mask].at != 0)
		i++;
	slots[i & mask] = s;
}

static int
grow(struct steme_htab *t)
{
	uint32_t size = t->slots == NULL ? MIN_SLOTS : (t->mask + 1) * 2;
	struct steme_hslot *slots;

	if (size == 0 || (slots = calloc(size, sizeof(*slots))) == NULL)
		return STEME_ENOMEM;
	for (uint32_t i = 0; t->slots != NULL && i <= t->mask; i++)
		if (t->slots[i].at != 0)
			put(slots, size - 1, t->slots[i]);
	free(t->slots);
	t->slots = slots;
	t->mask = size - 1;
	return STEME_OK;
}

int
steme_htab_add(struct steme_htab *t, uint32_t hash, uint32_t at)
{
	int err;

	/* at most half full: short runs, and always an empty slot */
	if (t->slots == NULL || t->n * 2 > t->mask)
		if ((err = grow(t)) != STEME_OK)
			return err;
	put(t->slots, t->mask, (struct steme_hslot){ hash, at + 1 });
	t->n++;
	return STEME_OK;
}
