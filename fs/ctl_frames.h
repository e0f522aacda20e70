/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_frames.h - bytes of one connection to frames, without copying payloads: they lie
 * in counted buffers, which a request keeps until it ends.  Knows no socket.
 *
 * Threads: one at a time, but for steme_slab_put(): any.
 */
#ifndef STEME_CTL_FRAMES_H
#define STEME_CTL_FRAMES_H

#include "core/wire.h"

#include <stdatomic.h>

#define STEME_SLAB_SIZE	(64u << 10)

struct steme_slab {
	atomic_uint refs;
	size_t cap;
	uint8_t data[];
};
void steme_slab_hold(struct steme_slab *s);
void steme_slab_put(struct steme_slab *s);	/* NULL is allowed */

struct steme_frames {
	struct steme_slab *slab;	/* NULL while no bytes are pending */
	size_t pos, len;		/* of slab: the next frame, the end of the bytes */
	struct steme_slab **spare;	/* one kept by the thread; may hold NULL */
};

/* spare is borrowed: where an unused slab is kept for the next who needs one. */
void steme_frames_init(struct steme_frames *f, struct steme_slab **spare);
void steme_frames_fini(struct steme_frames *f);
/*
 * Where to read to, and at most how much; NULL: out of memory.  Call only after
 * steme_frames_next() said STEME_EAGAIN (or nothing was read yet).
 */
uint8_t *steme_frames_space(struct steme_frames *f, size_t *n);
void steme_frames_got(struct steme_frames *f, size_t n);
/*
 * The next whole frame; the payload lies in f->slab.  STEME_EAGAIN: more bytes are
 * needed.  STEME_EPROTO, STEME_ETOOBIG: *h says what was read of it, if anything.
 */
int steme_frames_next(struct steme_frames *f, struct steme_frame *h,
    const uint8_t **payload);
/* Bytes of a frame that is not whole yet. */
static inline size_t
steme_frames_pending(const struct steme_frames *f)
{
	return f->len - f->pos;
}

#endif
