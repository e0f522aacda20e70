/* SPDX-License-Identifier: Apache-2.0 */
/* spelling.c - how far apart two words are spelled. */
#include "config.h"
#include "core/spelling.h"

#include "core/object.h"
#include "core/util.h"

/* The next code point, ASCII folded to lower case: case is the commonest slip. */
static uint32_t
next_char(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *)*p;
	uint32_t c = *s++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more > 0)
		c &= 0x3fU >> more;
	while (more-- > 0 && s < (const unsigned char *)end)
		c = c << 6 | (*s++ & 0x3fU);
	*p = (const char *)s;
	return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

static size_t
to_chars(uint32_t out[STEME_SEGMENT_MAX], struct steme_str s)
{
	const char *p = s.p, *end = s.p + s.n;
	size_t n = 0;

	while (p < end && n < STEME_SEGMENT_MAX)
		out[n++] = next_char(&p, end);
	return n;
}

/* Optimal string alignment. */
unsigned
steme_spelling_distance(struct steme_str sa, struct steme_str sb, unsigned bound)
{
	uint32_t a[STEME_SEGMENT_MAX], b[STEME_SEGMENT_MAX];
	unsigned rows[3][STEME_SEGMENT_MAX + 1], *row, *up, *up2, best;
	size_t na = to_chars(a, sa), nb = to_chars(b, sb);

	if ((na > nb ? na - nb : nb - na) >= bound)
		return bound;
	for (size_t k = 0; k <= nb; k++)
		rows[0][k] = (unsigned)k;
	for (size_t i = 1; i <= na; i++) {
		row = rows[i % 3];
		up = rows[(i + 2) % 3];
		up2 = rows[(i + 1) % 3];
		best = row[0] = (unsigned)i;
		for (size_t k = 1; k <= nb; k++) {
			unsigned d = up[k - 1] + (a[i - 1] != b[k - 1]);

			d = STEME_MIN(d, up[k] + 1);
			d = STEME_MIN(d, row[k - 1] + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] &&
			    a[i - 2] == b[k - 1])
				d = STEME_MIN(d, up2[k - 2] + 1);
			row[k] = d;
			best = STEME_MIN(best, d);
		}
		/* a swap may still step over one row, so only give up past it */
		if (best > bound)
			return bound;
	}
	return STEME_MIN(rows[na % 3][nb], bound);
}
