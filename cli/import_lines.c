/* SPDX-License-Identifier: Apache-2.0 */
/* import_lines.c - lines of a file or of stdin, in place in a buffer. */
#include "config.h"
#include "cli/import.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES	(1u << 20)

int
lines_open(struct lines *l, const char *name, struct steme_why *why)
{
	struct stat st;

	memset(l, 0, sizeof(*l));
	l->name = name;
	l->fd = strcmp(name, "-") == 0 ? dup(0) :
	    open(name, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0)
		return steme_fail(why, steme_err_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	l->mtime_us = steme_wall_us(&steme_clock_system);
	if (fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		l->total = (uint64_t)st.st_size;
		l->mtime_us = (int64_t)st.st_mtim.tv_sec * 1000000 +
		    st.st_mtim.tv_nsec / 1000;
	} else if (S_ISDIR(st.st_mode)) {
		lines_close(l);
		return steme_fail(why, STEME_EINVAL, "%s is a folder", name);
	}
	l->cap = 2 * READ_BYTES;
	if ((l->buf = malloc(l->cap)) == NULL) {
		lines_close(l);
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	}
	return STEME_OK;
}

void
lines_close(struct lines *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	free(l->buf);
	l->buf = NULL;
}

/* More bytes behind what is there. */
static int
fill(struct lines *l, const volatile sig_atomic_t *stop)
{
	ssize_t n;
	uint8_t *more;

	if (l->start > 0) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	if (l->cap - l->end < READ_BYTES) {
		if ((more = realloc(l->buf, l->cap * 2)) == NULL)
			return STEME_ENOMEM;
		l->buf = more;
		l->cap *= 2;
	}
	while ((n = read(l->fd, l->buf + l->end, l->cap - l->end)) < 0) {
		if (errno != EINTR)
			return steme_err_from_errno(errno);
		if (*stop)
			return STEME_ECANCELED;
	}
	l->eof = n == 0;
	l->end += (size_t)n;
	return STEME_OK;
}

/* Behind a line that passed the limit. */
static int
skip_long(struct lines *l, const volatile sig_atomic_t *stop)
{
	const uint8_t *nl;
	int err;

	for (;;) {
		nl = memchr(l->buf + l->start, '\n', l->end - l->start);
		if (nl != NULL || l->eof)
			break;
		l->bytes += l->end - l->start;
		l->start = l->end;
		if ((err = fill(l, stop)) != STEME_OK)
			return err;
	}
	if (nl == NULL)
		nl = l->buf + l->end - 1;
	l->bytes += (size_t)(nl + 1 - (l->buf + l->start));
	l->start = (size_t)(nl + 1 - l->buf);
	return STEME_ETOOBIG;
}

int
lines_next(struct lines *l, const volatile sig_atomic_t *stop,
    struct steme_str *line)
{
	size_t looked = 0, n;
	const uint8_t *nl;
	int err;

	for (;;) {
		nl = l->end == l->start + looked ? NULL :
		    memchr(l->buf + l->start + looked, '\n',
		    l->end - l->start - looked);
		if (nl != NULL || l->eof)
			break;
		looked = l->end - l->start;
		if (looked > LINE_MAX_BYTES) {
			l->number++;
			return skip_long(l, stop);
		}
		if ((err = fill(l, stop)) != STEME_OK)
			return err;
	}
	if (nl == NULL && l->start == l->end)
		return 0;
	n = (nl == NULL ? l->buf + l->end : nl) - (l->buf + l->start);
	*line = (struct steme_str){ (char *)l->buf + l->start, n };
	l->start += n + (nl != NULL);
	l->bytes += n + (nl != NULL);
	l->number++;
	return n > LINE_MAX_BYTES ? STEME_ETOOBIG : 1;
}
