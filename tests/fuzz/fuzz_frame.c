/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_frame.c - what a connection sends: through the frame reader in pieces, each
 * frame's payload through its decoder.  Cut in two ways, the same frames come out.
 */
#include "config.h"
#include "fs/ctl_frames.h"
#include "tests/fuzz/fuzz_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds data in pieces of at most step bytes; a sum over all that came out. */
static uint64_t
feed(const uint8_t *data, size_t size, size_t step)
{
	struct steme_slab *spare = NULL, *held = NULL;
	uint64_t sum = 0;
	struct steme_frames fr;
	struct steme_frame f;
	const uint8_t *p;
	int err = STEME_EAGAIN;

	steme_frames_init(&fr, &spare);
	while (size > 0 && err == STEME_EAGAIN) {
		size_t n;
		uint8_t *to = steme_frames_space(&fr, &n);

		if (to == NULL || n == 0)
			abort();
		n = n < step ? n : step;
		n = n < size ? n : size;
		memcpy(to, data, n);
		data += n;
		size -= n;
		steme_frames_got(&fr, n);
		while ((err = steme_frames_next(&fr, &f, &p)) == STEME_OK) {
			sum = sum * 31 + f.req + f.type + f.len;
			for (uint32_t i = 0; i < f.len; i++)
				sum = sum * 31 + p[i];
			fuzz_payload(f.type, p, f.len);
			/* A request may outlive what is read after it. */
			steme_slab_put(held);
			held = fr.slab;
			steme_slab_hold(held);
		}
	}
	if (err != STEME_EAGAIN && err != STEME_EPROTO && err != STEME_ETOOBIG)
		abort();
	steme_slab_put(held);
	steme_frames_fini(&fr);
	steme_slab_put(spare);
	return sum * 31 + (uint64_t)-err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && feed(data + 1, size - 1, 1 + data[0]) !=
	    feed(data + 1, size - 1, SIZE_MAX))
		abort();
	return 0;
}
