/* SPDX-License-Identifier: Apache-2.0 */
/* spelling.h - how far apart two words are spelled, for "did you mean".  Any thread. */
#ifndef STEME_SPELLING_H
#define STEME_SPELLING_H

#include "core/str.h"

/*
 * Characters put in, left out or changed, and neighbours swapped, that lead from one to the
 * other; bound if that is not below bound.  A to Z count as a to z.  Of each the first
 * STEME_SEGMENT_MAX characters count.
 */
unsigned steme_spelling_distance(struct steme_str a, struct steme_str b, unsigned bound);

#endif
