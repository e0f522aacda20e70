/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_msg.c - payloads of the control socket.  The first byte says which decoder; what
 * it takes must come out of the encoder as the same bytes.
 */
#include "config.h"
#include "tests/fuzz/fuzz_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		fuzz_payload(data[0], data + 1, size - 1);
	return 0;
}
