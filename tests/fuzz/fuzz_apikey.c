/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_apikey.c - tokens from callers, and the text of keys from the store. */
#include "config.h"
#include "core/apikey.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_apikey k = { .id = "0123456789abcdef" }, again = k;
	struct steme_str text = { (const char *)data, size };
	char id[STEME_APIKEY_ID + 1];
	struct steme_buf b = { 0 };

	if (steme_apikey_id(id, text.p, text.n))
		MUST(strlen(id) != STEME_APIKEY_ID);
	if (steme_apikey_read(&k, text) != STEME_OK)
		return 0;
	/* what is taken comes back, but for members that are not ours */
	steme_apikey_write(&b, &k);
	MUST(steme_apikey_read(&again, (struct steme_str){ (char *)b.data, b.len }));
	MUST(memcmp(&k, &again, sizeof(k)));
	steme_buf_clear(&b);
	steme_apikey_show(&b, &k);
	steme_buf_fini(&b);
	return 0;
}
