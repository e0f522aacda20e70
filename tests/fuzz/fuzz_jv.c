/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jv.c - JSON slices and clean text over any bytes. */
#include "config.h"
#include "cli/jv.h"
#include "cli/out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct steme_str v, int depth, struct steme_buf *b)
{
	struct steme_str at = { 0 }, item, key;
	struct steme_id id;

	jv_text(b, v);
	jv_uint(v);
	jv_id(v, &id);
	if (depth == 0)
		return;
	while (jv_each(v, &at, &item))
		walk(item, depth - 1, b);
	at = (struct steme_str){ 0 };
	while (jv_members(v, &at, &key, &item))
		walk(item, depth - 1, b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_buf b = { 0 }, clean = { 0 }, again = { 0 };

	walk(jv_root(data, size), 4, &b);
	jv_at(jv_root(data, size), "a.b.c");
	/* what was cleaned is clean, whatever it was */
	out_clean(&clean, (struct steme_str){ (const char *)data, size });
	out_clean(&again, (struct steme_str){ (char *)clean.data, clean.len });
	MUST(clean.len != again.len);
	MUST(clean.len > 0 && memcmp(clean.data, again.data, clean.len) != 0);
	steme_buf_clear(&again);
	out_cut(&again, (struct steme_str){ (char *)clean.data, clean.len }, 10);
	MUST(out_width((struct steme_str){ (char *)again.data, again.len }) > 10);
	steme_buf_fini(&b);
	steme_buf_fini(&clean);
	steme_buf_fini(&again);
	return 0;
}
