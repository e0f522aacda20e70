/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pem.c - key files: what is taken is a key that can be written again. */
#include "config.h"
#include "core/sign.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char pem[STEME_KEY_PEM_MAX];
	struct steme_key k, again;
	struct steme_why why;

	if (steme_key_parse(&k, (const char *)data, size, &why) != STEME_OK)
		return 0;
	steme_key_pem(pem, &k);
	MUST(steme_key_parse(&again, pem, strlen(pem), &why));
	MUST(memcmp(&k, &again, sizeof(k)));
	return 0;
}
