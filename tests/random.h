/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - numbers that are the same in every run. */
#ifndef STEME_TESTS_RANDOM_H
#define STEME_TESTS_RANDOM_H

#include <stdint.h>

/* The next of the numbers that a seed gives (splitmix64). */
static inline uint64_t
random_next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif
