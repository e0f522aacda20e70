/* SPDX-License-Identifier: Apache-2.0 */
/* key_util.h - keys of the index by few ids. */
#ifndef STEME_KEY_UTIL_H
#define STEME_KEY_UTIL_H

#include "core/index_impl.h"
#include "core/key.h"
#include "core/util.h"

#include <check.h>

static inline struct steme_id
id_of(uint8_t c)
{
	struct steme_id id;

	memset(id.b, c, sizeof(id.b));
	return id;
}

static inline int
cmp(const struct steme_keybuf *a, const struct steme_keybuf *b)
{
	return steme_key_cmp(a->b, a->n, b->b, b->n);
}

static inline struct steme_keybuf
assertion(const char *concept, const char *predicate, int64_t t, uint8_t id)
{
	struct steme_id i = id_of(id);
	struct steme_keybuf k;

	steme_key_assertion(&k, steme_str_from(concept), steme_str_from(predicate),
	    t, &i);
	return k;
}

static inline struct steme_keybuf
vote(const char *concept, uint8_t target, uint8_t agent, int64_t t, uint8_t id)
{
	struct steme_id a = id_of(target), g = id_of(agent), i = id_of(id);
	struct steme_keybuf k;

	steme_key_vote(&k, steme_str_from(concept), &a, &g, t, &i);
	return k;
}

static inline struct steme_keybuf
retraction(const char *concept, uint8_t target, uint8_t id)
{
	struct steme_id a = id_of(target), i = id_of(id);
	struct steme_keybuf k;

	steme_key_retraction(&k, steme_str_from(concept), &a, &i);
	return k;
}

#endif
