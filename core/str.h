/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str.h - a slice of somebody else's bytes (pointer and length, no NUL promised).
 * An absent string has p == NULL; an empty one has p != NULL and n == 0.
 */
#ifndef STEME_STR_H
#define STEME_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct steme_str {
	const char *p;
	size_t n;
};

/* For printf: "%.*s", STEME_STR(s) */
#define STEME_STR(s)	(int)(s).n, (s).p == NULL ? "" : (s).p
#define STEME_LIT(lit)	((struct steme_str){ "" lit, sizeof(lit) - 1 })

static inline struct steme_str
steme_str_from(const char *s)
{
	return (struct steme_str){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool
steme_str_eq(struct steme_str a, struct steme_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order by bytes; a prefix sorts first. */
static inline int
steme_str_cmp(struct steme_str a, struct steme_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

#endif
