/* SPDX-License-Identifier: Apache-2.0 */
/* timefmt.h - RFC 3339 UTC times.  Pure functions, any thread. */
#ifndef STEME_TIMEFMT_H
#define STEME_TIMEFMT_H

#include "core/err.h"
#include "core/str.h"

#include <stdint.h>

#define STEME_TIME_LEN	27	/* 2026-11-21T02:00:00.000000Z */

/* The canonical form: exactly six decimals, Z.  us within years 1970..9999. */
void steme_time_format(char out[STEME_TIME_LEN + 1], int64_t us);
/* The canonical form only (objects): a valid date, years 1970..9999, no second 60. */
int steme_time_parse(struct steme_str s, int64_t *us);
/*
 * What people may write (as_of, JSON time, @at): the canonical form with 0 to 6
 * decimals, or a bare date, which means its first microsecond.
 */
int steme_time_parse_loose(struct steme_str s, int64_t *us);

#endif
