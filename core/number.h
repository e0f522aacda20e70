/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h - exact decimals.
 *
 * Header decimals (confidence, weight) are integers of 1/10,000.  Number values
 * are RFC 8259 numbers of at most 64 digits and |exponent| <= 999, kept as
 * written and compared as exact decimals; never as double.
 */
#ifndef STEME_NUMBER_H
#define STEME_NUMBER_H

#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define STEME_ONE	10000	/* 1.0 in units of 1/10,000 */

/*
 * The canonical spelling only: 0, 1, or 0. with 1 to 4 digits not ending in 0;
 * with allow_minus also -1 and -0.x, never -0.  STEME_EINVAL otherwise.
 */
int steme_dec4_parse(struct steme_str s, bool allow_minus, int32_t *out);
/* The canonical spelling; v within -10,000..10,000.  Returns out. */
char *steme_dec4_format(char out[8], int32_t v);
/*
 * For JSON and command lines: any RFC 8259 number that has an exact value in
 * 1/10,000 within -1..1.  STEME_EINVAL otherwise.
 */
int steme_dec4_parse_loose(struct steme_str s, int32_t *out);

/* True if s is a number value (see above). */
bool steme_number_valid(struct steme_str s);
/* <0, 0, >0 as a < b, a == b, a > b; both must be valid.  -0 equals 0. */
int steme_number_cmp(struct steme_str a, struct steme_str b);
/*
 * A spelling that is the same for equal numbers (for hashing and grouping):
 * sign, digits without outer zeros, 'e', exponent.  s must be valid; out has room
 * for STEME_NUMBER_KEY bytes.  Returns the length.
 */
#define STEME_NUMBER_KEY	80
size_t steme_number_key(struct steme_str s, char out[STEME_NUMBER_KEY]);

#endif
