/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_number.c - two numbers, split at the first blank: keys are equal exactly
 * where the numbers are, the order is antisymmetric, decimals come back.
 */
#include "config.h"
#include "core/number.h"
#include "core/timefmt.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one(struct steme_str s)
{
	char text[8], time[STEME_TIME_LEN + 1];
	int64_t us, again;
	int32_t v;

	if (steme_dec4_parse(s, true, &v) == STEME_OK)
		MUST(!steme_str_eq(s, steme_str_from(steme_dec4_format(text,
		    v))));
	if (steme_dec4_parse_loose(s, &v) == STEME_OK)
		MUST(v < -STEME_ONE || v > STEME_ONE ||
		    steme_number_cmp(s, steme_str_from(steme_dec4_format(text,
		    v))) != 0);
	if (steme_time_parse_loose(s, &us) == STEME_OK) {
		steme_time_format(time, us);
		MUST(steme_time_parse(steme_str_from(time), &again));
		MUST(us != again);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = size == 0 ? "" : (const char *)data;
	const char *blank = memchr(p, ' ', size);
	struct steme_str a = { p, blank == NULL ? size : (size_t)(blank - p) };
	struct steme_str b = { blank == NULL ? "" : blank + 1,
	    blank == NULL ? 0 : size - a.n - 1 };
	char ka[STEME_NUMBER_KEY], kb[STEME_NUMBER_KEY];
	int c;

	one(a);
	one(b);
	if (!steme_number_valid(a))
		return 0;
	MUST(steme_number_key(a, ka) >= sizeof(ka));
	MUST(steme_number_cmp(a, a));
	if (!steme_number_valid(b))
		return 0;
	MUST(steme_number_key(b, kb) >= sizeof(kb));
	c = steme_number_cmp(a, b);
	MUST((c == 0) != (strcmp(ka, kb) == 0));
	MUST((c > 0) != (steme_number_cmp(b, a) < 0));
	return 0;
}
