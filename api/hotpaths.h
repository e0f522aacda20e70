/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotpaths.h - which concepts are asked about most, in bounded memory.
 *
 * A space-saving sketch over counts that fade (time constant one minute): `cap` names are
 * counted; a new one takes the place of the least asked, and inherits its count as its
 * possible error.  Rates are told without that error, so none is overstated.
 *
 * Threads: none of its own; the caller locks.
 */
#ifndef STEME_API_HOTPATHS_H
#define STEME_API_HOTPATHS_H

#include "core/str.h"

#include <stdint.h>

struct api_hotpaths;

struct api_hotpath {
	struct steme_str name;		/* until the next note */
	double rate;			/* a second, over about the last minute */
};

/* NULL: no memory.  now_us: monotonic. */
struct api_hotpaths *api_hotpaths_new(unsigned cap, int64_t now_us);
void api_hotpaths_free(struct api_hotpaths *h);
/*
 * The name was asked for.  Returns the number kept with it, which is tag(name) made when
 * its counting began; tag(name) where there is no memory to count it.
 */
int api_hotpaths_note(struct api_hotpaths *h, struct steme_str name, int64_t now_us,
    int (*tag)(struct steme_str name));
/* The n most asked, most first; returns how many there are. */
unsigned api_hotpaths_top(const struct api_hotpaths *h, int64_t now_us,
    struct api_hotpath *out, unsigned n);
/* Of all names together. */
double api_hotpaths_total(const struct api_hotpaths *h, int64_t now_us);

#endif
