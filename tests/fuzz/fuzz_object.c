/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_object.c - whatever the parser takes, the writer writes the same. */
#include "config.h"
#include "core/object.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_object o;
	struct steme_buf b = { 0 };
	struct steme_why why;
	int err = steme_object_parse(&o, data, size, &why);

	if (err == STEME_OK) {
		MUST(steme_object_write(&o, &b, &why));
		MUST(b.len != size || memcmp(b.data, data, size) != 0);
	} else if (err == STEME_EVERSION) {
		MUST(o.kind != STEME_OPAQUE || o.bytes.n != size);
	}
	steme_buf_fini(&b);
	return 0;
}
