/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_frames.c - bytes to frames. */
#include "config.h"
#include "fs/ctl_frames.h"

#include "core/util.h"

#include <stdlib.h>
#include <string.h>

static struct steme_slab *
new_slab(size_t cap)
{
	struct steme_slab *s = malloc(sizeof(*s) + cap);

	if (s != NULL) {
		atomic_init(&s->refs, 1);
		s->cap = cap;
	}
	return s;
}

void
steme_slab_hold(struct steme_slab *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

void
steme_slab_put(struct steme_slab *s)
{
	if (s != NULL &&
	    atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

static bool
is_only_ours(const struct steme_slab *s)
{
	return atomic_load_explicit(&s->refs, memory_order_acquire) == 1;
}

void
steme_frames_init(struct steme_frames *f, struct steme_slab **spare)
{
	memset(f, 0, sizeof(*f));
	f->spare = spare;
}

/* Gives the slab up: to the spare place if it is unused and of the usual size. */
static void
let_go(struct steme_frames *f)
{
	struct steme_slab *s = f->slab;

	f->slab = NULL;
	f->pos = f->len = 0;
	if (s != NULL && *f->spare == NULL && s->cap == STEME_SLAB_SIZE &&
	    is_only_ours(s))
		*f->spare = s;
	else
		steme_slab_put(s);
}

void
steme_frames_fini(struct steme_frames *f)
{
	let_go(f);
}

static struct steme_slab *
get_slab(struct steme_frames *f, size_t cap)
{
	struct steme_slab *s = *f->spare;

	if (cap > STEME_SLAB_SIZE || s == NULL)
		return new_slab(STEME_MAX(cap, STEME_SLAB_SIZE));
	*f->spare = NULL;
	return s;
}

uint8_t *
steme_frames_space(struct steme_frames *f, size_t *n)
{
	size_t have = f->len - f->pos, need = STEME_FRAME_HDR;
	struct steme_slab *s = f->slab;
	struct steme_frame h;

	/* The length was found within the limit before more is asked for. */
	if (have >= STEME_FRAME_HDR &&
	    steme_frame_decode(&h, s->data + f->pos) == STEME_OK)
		need += h.len;
	if (s == NULL || s->cap - f->pos < need || f->len == s->cap) {
		if ((s = get_slab(f, need)) == NULL)
			return NULL;
		if (have > 0)
			memcpy(s->data, f->slab->data + f->pos, have);
		let_go(f);
		f->slab = s;
		f->len = have;
	}
	*n = s->cap - f->len;
	return s->data + f->len;
}

void
steme_frames_got(struct steme_frames *f, size_t n)
{
	f->len += n;
}

int
steme_frames_next(struct steme_frames *f, struct steme_frame *h,
    const uint8_t **payload)
{
	size_t have = f->len - f->pos;
	int err;

	if (have < STEME_FRAME_HDR) {
		if (have == 0)
			let_go(f);
		return STEME_EAGAIN;
	}
	if ((err = steme_frame_decode(h, f->slab->data + f->pos)) != STEME_OK)
		return err;
	if (h->flags != 0)
		return STEME_EPROTO;	/* flags are for answers */
	if (have - STEME_FRAME_HDR < h->len)
		return STEME_EAGAIN;
	*payload = f->slab->data + f->pos + STEME_FRAME_HDR;
	f->pos += STEME_FRAME_HDR + h->len;
	return STEME_OK;
}
