/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_profile.c - a profile that is taken can be written, and read again as it was. */
#include "config.h"
#include "core/keyring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct steme_profile p, again;
	struct steme_buf b = { 0 };
	struct steme_why why;
	char *copy;

	/* a copy of its own, so that reading past its end is seen */
	if ((copy = malloc(size + 1)) == NULL)
		return 0;
	memcpy(copy, data, size);
	if (steme_profile_parse(&p, copy, size, &why) == STEME_OK) {
		if (steme_profile_format(&b, &p, &why) != STEME_OK ||
		    steme_profile_parse(&again, (char *)b.data, b.len, &why) !=
		    STEME_OK || again.class_ != p.class_ ||
		    again.confidence != p.confidence ||
		    strcmp(again.source, p.source) != 0)
			abort();
	}
	steme_buf_fini(&b);
	free(copy);
	return 0;
}
