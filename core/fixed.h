/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixed.h - decay and entropy in integers, the same on every CPU.
 * Pure functions, any thread.
 */
#ifndef STEME_FIXED_H
#define STEME_FIXED_H

#include <stdint.h>

/* 2^-(age/half_life) in 1/2^32, rounded to nearest; age < 0 counts as 0,
 * half_life 0 (never) gives 2^32. */
uint64_t steme_fixed_decay(int64_t age_us, uint32_t half_life_days);
/* v * steme_fixed_decay(), half up; v in 1/10,000. */
int32_t steme_fixed_decayed(int32_t v, int64_t age_us, uint32_t half_life_days);
/* log2(num/den) * 2^32 for num >= den > 0. */
uint64_t steme_fixed_log2(uint64_t num, uint64_t den);
/*
 * Normalised entropy of the weights w[0..k-1] (all 0: equal weights), k >= 2,
 * H / log k, in 1/10,000, half up; 0 for k < 2.
 */
int32_t steme_fixed_conflict(const int64_t *w, uint32_t k);

#endif
