/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_claim_json.c - claims from hostile JSON. */
#include "config.h"
#include "tests/fuzz/fuzz_claim.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_claim c;
	struct steme_why why;

	steme_claim_init(&c);
	if (steme_claim_from_json(&c, (const char *)data, size, 0,
	    &why) == STEME_OK)
		check_claim(&c);
	steme_claim_fini(&c);
	return 0;
}
