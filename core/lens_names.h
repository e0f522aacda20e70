/* SPDX-License-Identifier: Apache-2.0 */
/* lens_names.h - the lenses by number and name; in libsteme_base. */
#ifndef STEME_LENS_NAMES_H
#define STEME_LENS_NAMES_H

#include "core/err.h"
#include "core/str.h"

enum steme_lens {
	STEME_LENS_RECENCY,
	STEME_LENS_CONFIDENCE,
	STEME_LENS_CONSENSUS,
	STEME_LENS_VOTES,
	STEME_LENS_AUTHORITY,
	STEME_LENS_LAYERED,
	STEME_LENS_SKEPTIC,
	STEME_LENS_CONSTRAINTS,
	STEME_NLENS
};

/* "recency" and so on; static. */
const char *steme_lens_name(enum steme_lens l);
/* STEME_EINVAL: no such lens; why lists them. */
int steme_lens_parse(struct steme_str s, enum steme_lens *out, struct steme_why *why);

/* What may be asked back in (`include`), and optional narrowing. */
enum {
	STEME_INC_RETRACTED = 1,
	STEME_INC_SUPERSEDED = 2,
	STEME_INC_DEPRECATED = 4,
	STEME_INC_REJECTED = 8,
	STEME_INC_OLD_EPOCHS = 16
};

#endif
