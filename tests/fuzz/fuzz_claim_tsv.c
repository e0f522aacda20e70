/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_claim_tsv.c - claims from hostile TSV. */
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
	if (steme_claim_from_tsv(&c, (const char *)data, size,
	    &why) == STEME_OK)
		check_claim(&c);
	steme_claim_fini(&c);
	return 0;
}
