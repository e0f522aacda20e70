/* SPDX-License-Identifier: Apache-2.0 */
/* gzread.c - a seekable view of a gzip file, by zlib. */
#include "config.h"
#include "core/gzread.h"

#include "core/util.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define IN_BYTES	65536u

struct steme_gzread {
	struct steme_io *io;
	int fd;
	z_stream z;
	bool z_ready;
	bool end;		/* the last member is read */
	uint64_t pos;		/* uncompressed bytes given so far */
	off_t in_off;		/* next compressed byte to read */
	uint8_t in[IN_BYTES];
	uint8_t skip[IN_BYTES];
};

/* 15 window bits, and 16 for a gzip header: what gzip(1) writes. */
#define GZIP_WINDOW	(15 + 16)

static int
restart(struct steme_gzread *g)
{
	if (g->z_ready)
		inflateEnd(&g->z);
	memset(&g->z, 0, sizeof(g->z));
	g->z_ready = false;
	if (inflateInit2(&g->z, GZIP_WINDOW) != Z_OK)
		return STEME_ENOMEM;
	g->z_ready = true;
	g->end = false;
	g->pos = 0;
	g->in_off = 0;
	return STEME_OK;
}

int
steme_gzread_open(struct steme_gzread **out, struct steme_io *io,
    const char *path)
{
	struct steme_gzread *g = malloc(sizeof(*g));
	int err = STEME_ENOMEM;

	*out = NULL;
	if (g == NULL)
		goto out;
	g->io = io;
	g->z_ready = false;
	g->fd = io->ops->open(io, path, O_RDONLY, 0);
	if (g->fd < 0) {
		err = g->fd;
		goto out;
	}
	if ((err = restart(g)) != STEME_OK)
		goto out;
	*out = g;
	g = NULL;
out:
	steme_gzread_close(g);
	return err;
}

void
steme_gzread_close(struct steme_gzread *g)
{
	if (g == NULL)
		return;
	if (g->z_ready)
		inflateEnd(&g->z);
	if (g->fd >= 0)
		(void)g->io->ops->close(g->io, g->fd);	/* was only read */
	free(g);
}

/* More compressed bytes; none left is STEME_ENOTFOUND. */
static int
refill(struct steme_gzread *g)
{
	ssize_t r;

	if (g->z.avail_in > 0)
		return STEME_OK;
	r = g->io->ops->pread(g->io, g->fd, g->in, sizeof(g->in), g->in_off);
	if (r < 0)
		return (int)r;
	if (r == 0)
		return STEME_ENOTFOUND;
	g->in_off += r;
	g->z.next_in = g->in;
	g->z.avail_in = (uInt)r;
	return STEME_OK;
}

/* After a member: another one, the end, or zeros (tape blocks) up to the end. */
static int
next_member(struct steme_gzread *g)
{
	int err;

	while ((err = refill(g)) == STEME_OK && *g->z.next_in == 0) {
		g->z.next_in++;
		g->z.avail_in--;
	}
	if (err == STEME_ENOTFOUND) {
		g->end = true;
		return STEME_OK;
	}
	if (err != STEME_OK)
		return err;
	return inflateReset2(&g->z, GZIP_WINDOW) == Z_OK ? STEME_OK :
	    STEME_ECORRUPT;
}

/*
 * The next bytes in order; the count, 0 at the end.  *bad is set if something is wrong
 * behind them.
 */
static size_t
inflate_some(struct steme_gzread *g, uint8_t *buf, size_t n, int *bad)
{
	int err = STEME_OK, zerr;

	g->z.next_out = buf;
	g->z.avail_out = (uInt)STEME_MIN(n, (size_t)INT_MAX);
	n = g->z.avail_out;
	while (err == STEME_OK && g->z.avail_out > 0 && !g->end) {
		if ((err = refill(g)) == STEME_ENOTFOUND)
			err = STEME_ECORRUPT;	/* cut short */
		if (err != STEME_OK)
			break;
		zerr = inflate(&g->z, Z_NO_FLUSH);
		if (zerr == Z_STREAM_END)
			err = next_member(g);
		else if (zerr == Z_MEM_ERROR)
			err = STEME_ENOMEM;
		else if (zerr != Z_OK)
			err = STEME_ECORRUPT;
	}
	*bad = err;
	g->pos += n - g->z.avail_out;
	return n - g->z.avail_out;
}

ssize_t
steme_gzread_at(struct steme_gzread *g, void *buf, size_t n, uint64_t off)
{
	size_t done = 0, r = 1;
	int err = STEME_OK, bad = STEME_OK;

	if (off < g->pos && (err = restart(g)) != STEME_OK)
		return err;
	while (g->pos < off && r > 0 && bad == STEME_OK)
		r = inflate_some(g, g->skip,
		    (size_t)STEME_MIN(off - g->pos, sizeof(g->skip)), &bad);
	while (done < n && r > 0 && bad == STEME_OK) {
		r = inflate_some(g, (uint8_t *)buf + done, n - done, &bad);
		done += r;
	}
	/* the stream's state is unknown: the next call begins anew */
	if (bad != STEME_OK && (err = restart(g)) != STEME_OK)
		return err;
	return done > 0 || bad == STEME_OK ? (ssize_t)done : bad;
}
