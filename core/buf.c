/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - a byte buffer that grows. */
#include "config.h"
#include "core/buf.h"
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
steme_buf_init(struct steme_buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
steme_buf_fini(struct steme_buf *b)
{
	free(b->data);
	steme_buf_init(b, b->max);
}

void
steme_buf_clear(struct steme_buf *b)
{
	b->len = 0;
	b->err = STEME_OK;
	if (b->data != NULL)
		b->data[0] = '\0';
}

int
steme_buf_err(const struct steme_buf *b)
{
	return b->err;
}

uint8_t *
steme_buf_reserve(struct steme_buf *b, size_t n)
{
	size_t need, cap;
	uint8_t *p;

	if (b->err != STEME_OK)
		return NULL;
	if (n > SIZE_MAX / 2 - b->len ||
	    (b->max != 0 && b->len + n > b->max)) {
		b->err = STEME_ETOOBIG;
		return NULL;
	}
	need = b->len + n + 1;
	if (need > b->cap) {
		/* what comes first is often all there will be */
		cap = b->cap != 0 ? b->cap : need < 128 ? 128 : need;
		while (cap < need)
			cap += cap / 2 + 64;
		if ((p = realloc(b->data, cap)) == NULL) {
			b->err = STEME_ENOMEM;
			return NULL;
		}
		b->data = p;
		b->cap = cap;
	}
	return b->data + b->len;
}

void
steme_buf_put(struct steme_buf *b, const void *data, size_t n)
{
	uint8_t *p = steme_buf_reserve(b, n);

	if (p == NULL)
		return;
	if (n > 0)
		memcpy(p, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
steme_buf_putc(struct steme_buf *b, uint8_t c)
{
	steme_buf_put(b, &c, 1);
}

void
steme_buf_puts(struct steme_buf *b, const char *s)
{
	steme_buf_put(b, s, strlen(s));
}

void
steme_buf_printf(struct steme_buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		if (b->err == STEME_OK)
			b->err = STEME_EINVAL;
		return;
	}
	if ((p = steme_buf_reserve(b, (size_t)n)) == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

int
steme_buf_take(struct steme_buf *b, uint8_t **data, size_t *len)
{
	int err = b->err;

	*data = NULL;
	*len = 0;
	if (err == STEME_OK && b->data == NULL) {
		steme_buf_put(b, "", 0);
		err = b->err;
	}
	if (err != STEME_OK)
		return err;
	*data = b->data;
	*len = b->len;
	b->data = NULL;
	b->len = b->cap = 0;
	return STEME_OK;
}
