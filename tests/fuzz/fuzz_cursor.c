/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cursor.c - cursors come from clients: garbage is refused, and whatever is
 * taken goes out again as it came in.
 */
#include "config.h"
#include "core/render.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct steme_cursor c, again;
	struct steme_buf b = { 0 };
	struct steme_query q;
	struct steme_why why;

	memset(&q, 0, sizeof(q));
	q.concept = STEME_LIT("a/b");
	/* as text: the check stops nearly all */
	(void)steme_cursor_decode(&c, (struct steme_str){ (const char *)data, size },
	    'q', &q, 1, &why);
	/* behind the check */
	memset(&c, 0, sizeof(c));
	if (size > 1400 || steme_cursor_parse(&c, data, size, 'h') != STEME_OK)
		return 0;
	steme_cursor_encode(&b, &c, 'h', &q, 7);
	if (steme_cursor_decode(&again, (struct steme_str){ (char *)b.data, b.len },
	    'h', &q, 7, &why) != STEME_OK ||
	    again.lsn != c.lsn || again.now_us != c.now_us ||
	    again.offset != c.offset || !steme_str_eq(again.concept, c.concept) ||
	    !steme_str_eq(again.predicate, c.predicate))
		abort();
	/* of another node, kind or question */
	if (steme_cursor_decode(&again, (struct steme_str){ (char *)b.data, b.len },
	    'h', &q, 8, &why) == STEME_OK ||
	    steme_cursor_decode(&again, (struct steme_str){ (char *)b.data, b.len },
	    'q', &q, 7, &why) == STEME_OK)
		abort();
	q.decay = true;
	if (steme_cursor_decode(&again, (struct steme_str){ (char *)b.data, b.len },
	    'h', &q, 7, &why) == STEME_OK)
		abort();
	steme_buf_fini(&b);
	return 0;
}
