/* SPDX-License-Identifier: Apache-2.0 */
/* wal_window.c - a buffer that slides forward over one segment. */
#include "config.h"
#include "core/wal_read.h"

#include "core/util.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK	((size_t)1 << 20)	/* one read */

void
steme_walwin_set(struct steme_walwin *w, struct steme_segments *table,
    uint64_t number)
{
	if (w->table == table && w->number == number)
		return;
	w->table = table;
	w->number = number;
	w->len = 0;
	w->base = 0;
}

void
steme_walwin_fini(struct steme_walwin *w)
{
	free(w->buf);
	memset(w, 0, sizeof(*w));
}

/* Room for n bytes from off on, keeping what is there of them. */
static int
slide(struct steme_walwin *w, uint64_t off, size_t n)
{
	size_t cap = (n + CHUNK - 1) / CHUNK * CHUNK;
	size_t keep = 0;
	uint8_t *buf;

	if (off >= w->base && off < w->base + w->len) {
		keep = (size_t)(w->base + w->len - off);
		memmove(w->buf, w->buf + (off - w->base), keep);
	}
	w->base = off;
	w->len = keep;
	if (cap <= w->cap)
		return STEME_OK;
	if ((buf = realloc(w->buf, cap)) == NULL)
		return STEME_ENOMEM;
	w->buf = buf;
	w->cap = cap;
	return STEME_OK;
}

int
steme_walwin_peek(struct steme_walwin *w, uint64_t off, size_t n,
    const uint8_t **p, size_t *got)
{
	size_t have;
	ssize_t r;
	int err;

	if (off < w->base || off + n > w->base + w->len) {
		if ((err = slide(w, off, n)) != STEME_OK)
			return err;
		/* a short read may be the end, or stand before what is unreadable */
		do {
			r = w->table->ops->read(w->table, w->number,
			    w->buf + w->len, w->cap - w->len, off + w->len);
			if (r < 0)
				return (int)r;
			w->len += (size_t)r;
		} while (r > 0 && w->len < n);
	}
	have = (size_t)STEME_MIN(w->base + w->len - off, (uint64_t)n);
	*p = w->buf + (off - w->base);
	/* only ever behind what was read, so nothing kept is lost */
	if (have < n)
		memset(w->buf + (off - w->base) + have, 0, n - have);
	if (got != NULL)
		*got = have;
	return STEME_OK;
}

int
steme_walwin_ahead(struct steme_walwin *w, uint64_t off, uint64_t limit,
    uint32_t seed, struct steme_wal_ahead *a)
{
	uint64_t at = off;
	const uint8_t *p;
	size_t got = CHUNK;
	int err;

	a->later = false;
	a->used = off;
	while (got == CHUNK && at < limit) {
		err = steme_walwin_peek(w, at, CHUNK, &p, &got);
		if (err != STEME_OK)
			return err;
		if (steme_walrec_is_zero(p, got)) {
			at += got;
			continue;
		}
		for (size_t i = 0; i < got && at < limit;
		    i += STEME_WAL_SECTOR, at += STEME_WAL_SECTOR) {
			size_t n = STEME_MIN(got - i, STEME_WAL_SECTOR);

			if (steme_walrec_is_zero(p + i, n))
				continue;
			if (at > off && steme_walrec_get_group(&a->g, p + i, n,
			    at, seed) == STEME_OK) {
				a->later = true;
				return STEME_OK;
			}
			a->used = at + STEME_WAL_SECTOR;
		}
	}
	return STEME_OK;
}
