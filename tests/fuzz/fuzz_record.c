/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record.c - log payloads, index values and genesis records: what is taken
 * encodes to the same bytes.  The first byte chooses: a log type, 0 for an index
 * value.
 */
#include "config.h"
#include "core/record.h"
#include "core/wal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(struct steme_buf *b, const uint8_t *data, size_t size)
{
	MUST(steme_buf_err(b));
	MUST(b->len != size || memcmp(b->data, data, size) != 0);
	steme_buf_fini(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_buf b = { 0 };
	struct steme_record r;
	struct steme_genesis g;
	int type;

	if (size == 0)
		return 0;
	type = *data++ % 8;
	size--;
	if (type == STEME_WAL_GENESIS) {
		if (steme_genesis_decode(&g, data, size) == STEME_OK) {
			steme_genesis_encode(&b, &g);
			same(&b, data, size);
		}
		return 0;
	}
	if (type == 0) {
		if (steme_record_decode_value(&r, data, size) != STEME_OK)
			return 0;
		steme_record_encode_value(&b, &r);
		same(&b, data, size);
	} else {
		if (steme_record_decode(&r, type, data, size) != STEME_OK)
			return 0;
		MUST(steme_record_wal_type(&r) != type);
		steme_record_encode(&b, &r);
		same(&b, data, size);
	}
	/* reads all of the object, and so its whole slice */
	(void)steme_record_check_id(&r);
	return 0;
}
