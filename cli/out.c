/* SPDX-License-Identifier: Apache-2.0 */
/* out.c - text for people. */
#include "config.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/rd.h"
#include "core/util.h"
#include "core/wr.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define NARROW_MIN	12

/*
 * The code point at s[*i], and *i moves behind it; what is no UTF-8 is one byte, and
 * gives UINT32_MAX.
 */
static uint32_t
next_char(struct steme_str s, size_t *i)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char c = p[*i];
	unsigned more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	uint32_t v = more == 0 ? c : c & (0x3fu >> more);
	size_t at = ++*i;

	if (c < 0x80)
		return c;
	if (c < 0xc2 || c > 0xf4 || s.n - at < more)
		return UINT32_MAX;
	for (unsigned k = 0; k < more; k++) {
		if ((p[at + k] & 0xc0) != 0x80)
			return UINT32_MAX;
		v = v << 6 | (p[at + k] & 0x3fu);
	}
	if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return UINT32_MAX;
	*i = at + more;
	return v;
}

/* May v change how other text is shown? */
static bool
plays_tricks(uint32_t v)
{
	return v < 0x20 || (v >= 0x7f && v <= 0x9f) || v == 0x061c ||
	    (v >= 0x200b && v <= 0x200f) || (v >= 0x2028 && v <= 0x202e) ||
	    (v >= 0x2060 && v <= 0x2069) || v == 0xfeff ||
	    (v >= 0xfff9 && v <= 0xfffb) || (v >= 0xe0000 && v <= 0xe007f);
}

void
out_clean(struct steme_buf *b, struct steme_str s)
{
	size_t i = 0, start;
	uint32_t v;

	while (i < s.n) {
		start = i;
		v = next_char(s, &i);
		if (v == '\n')
			steme_buf_puts(b, "\\n");
		else if (v == '\t')
			steme_buf_puts(b, "\\t");
		else if (v == UINT32_MAX || (v < 0x100 && plays_tricks(v)))
			steme_buf_printf(b, "\\x%02x",
			    v == UINT32_MAX ? (unsigned char)s.p[start] : v);
		else if (plays_tricks(v))
			steme_buf_printf(b, "\\u{%x}", v);
		else
			steme_buf_put(b, s.p + start, i - start);
	}
}

static unsigned
char_width(uint32_t v)
{
	int w = v == UINT32_MAX ? 1 : wcwidth((wchar_t)v);

	return w < 0 ? 1 : (unsigned)w;
}

size_t
out_width(struct steme_str s)
{
	size_t w = 0, i = 0;

	while (i < s.n)
		w += char_width(next_char(s, &i));
	return w;
}

void
out_cut(struct steme_buf *b, struct steme_str s, size_t width)
{
	size_t w = 0, i = 0, next;
	unsigned cw;

	if (out_width(s) <= width) {
		steme_buf_put(b, s.p, s.n);
		return;
	}
	while (i < s.n) {
		next = i;
		cw = char_width(next_char(s, &next));
		if (w + cw + 1 > width)
			break;
		w += cw;
		i = next;
	}
	steme_buf_put(b, s.p, i);
	steme_buf_puts(b, "\xe2\x80\xa6");
}

void
out_json_str(struct steme_buf *b, struct steme_str s)
{
	size_t i = 0, start;
	uint32_t v;

	steme_buf_putc(b, '"');
	while (i < s.n) {
		start = i;
		v = next_char(s, &i);
		if (v == '"' || v == '\\')
			steme_buf_printf(b, "\\%c", (char)v);
		else if (v < 0x20)
			steme_buf_printf(b, "\\u%04x", v);
		else if (v == UINT32_MAX)
			steme_buf_puts(b, "\xef\xbf\xbd");
		else
			steme_buf_put(b, s.p + start, i - start);
	}
	steme_buf_putc(b, '"');
}

void
out_error(bool json, const char *name, int status, const char *text)
{
	struct steme_buf b = { 0 };

	if (json) {
		steme_buf_puts(&b, "{\"error\":");
		out_json_str(&b, steme_str_from(name));
		steme_buf_printf(&b, ",\"exit\":%d,\"message\":", status);
		out_json_str(&b, steme_str_from(text));
		steme_buf_putc(&b, '}');
	} else {
		steme_buf_puts(&b, "steme: ");
		out_clean(&b, steme_str_from(text));
	}
	steme_buf_putc(&b, '\n');
	if (steme_buf_err(&b) == STEME_OK)
		fwrite(b.data, 1, b.len, stderr);
	steme_buf_fini(&b);
}

char *
out_bytes(char out[16], uint64_t n)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB",
	    "PiB", "EiB" };
	uint64_t tenths = n * 10;
	unsigned u = 0;

	if (n < 1024) {
		snprintf(out, 16, "%u B", (unsigned)n);
		return out;
	}
	if (n > UINT64_MAX / 10)
		tenths = n / 1024 * 10, u = 1;
	for (; tenths >= 10240 && u + 1 < STEME_NELEM(unit); u++)
		tenths /= 1024;
	snprintf(out, 16, "%u.%u %s", (unsigned)(tenths / 10),
	    (unsigned)(tenths % 10), unit[u]);
	return out;
}

char *
out_seconds(char out[32], uint64_t s)
{
	if (s < 60)
		snprintf(out, 32, "%u s", (unsigned)s);
	else if (s < 3600)
		snprintf(out, 32, "%u min %u s", (unsigned)(s / 60),
		    (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(out, 32, "%u h %u min", (unsigned)(s / 3600),
		    (unsigned)(s / 60 % 60));
	else
		snprintf(out, 32, "%llu d %u h", (unsigned long long)(s / 86400),
		    (unsigned)(s / 3600 % 24));
	return out;
}

char *
out_short(char out[13], const struct steme_id *id)
{
	steme_hex(out, id->b, 6);
	return out;
}

/* ---- tables ---- */

void
out_table_init(struct out_table *t, const char *const *heads, unsigned ncols)
{
	memset(t, 0, sizeof(*t));
	MUST(ncols == 0 || ncols > OUT_COLUMNS);
	t->ncols = ncols;
	memcpy(t->head, heads, ncols * sizeof(*heads));
}

void
out_table_fini(struct out_table *t)
{
	steme_buf_fini(&t->bytes);
	steme_buf_fini(&t->ends);
}

void
out_cell(struct out_table *t, struct steme_str s)
{
	out_clean(&t->bytes, s);
	steme_wr_le(&t->ends, t->bytes.len, 4);
	t->ncells++;
}

void
out_cellf(struct out_table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_cell(t, steme_str_from(text));
}

static struct steme_str
cell(const struct out_table *t, size_t i)
{
	struct steme_rd r = steme_rd_from(t->ends.data, t->ends.len);
	size_t from = 0, to;

	if (i > 0) {
		steme_rd_take(&r, (i - 1) * 4);
		from = (size_t)steme_rd_le(&r, 4);
	}
	to = (size_t)steme_rd_le(&r, 4);
	return (struct steme_str){ (char *)t->bytes.data + from, to - from };
}

static void
measure(const struct out_table *t, size_t w[OUT_COLUMNS], unsigned width)
{
	size_t sum = 0, least = NARROW_MIN;

	for (unsigned k = 0; k < t->ncols; k++)
		w[k] = strlen(t->head[k]) - (t->head[k][0] == '>');
	for (size_t i = 0; i < t->ncells; i++)
		w[i % t->ncols] = STEME_MAX(w[i % t->ncols], out_width(cell(t, i)));
	for (unsigned k = 0; k < t->ncols; k++)
		sum += w[k] + 2;
	sum -= 2;
	if (width > 0 && sum > width && t->narrow < t->ncols &&
	    w[t->narrow] > least)
		w[t->narrow] = w[t->narrow] > sum - width + least ?
		    w[t->narrow] - (sum - width) : least;
}

static void
put_cell(struct steme_buf *b, struct steme_str s, size_t width, bool right, bool last)
{
	struct steme_buf cut = { 0 };
	size_t w;

	out_cut(&cut, s, width);
	w = out_width((struct steme_str){ (char *)cut.data, cut.len });
	if (right)
		steme_buf_printf(b, "%*s", (int)(width - w), "");
	steme_buf_put(b, cut.data, cut.len);
	if (!last)
		steme_buf_printf(b, "%*s", (int)(right ? 2 : width - w + 2), "");
	steme_buf_fini(&cut);
}

void
out_table_print(const struct out_table *t, FILE *f, unsigned width, bool color)
{
	struct steme_buf b = { 0 };
	size_t w[OUT_COLUMNS];
	bool right, last;
	const char *h;

	if (t->ncells == 0)
		return;
	measure(t, w, width);
	steme_buf_puts(&b, color ? "\033[1m" : "");
	for (unsigned k = 0; k < t->ncols; k++) {
		right = t->head[k][0] == '>';
		h = t->head[k] + right;
		put_cell(&b, steme_str_from(h), w[k], right, k + 1 == t->ncols);
	}
	steme_buf_puts(&b, color ? "\033[0m\n" : "\n");
	for (size_t i = 0; i < t->ncells; i++) {
		last = (i + 1) % t->ncols == 0;
		put_cell(&b, cell(t, i), w[i % t->ncols],
		    t->head[i % t->ncols][0] == '>', last);
		if (!last)
			continue;
		while (b.len > 0 && b.data[b.len - 1] == ' ')
			b.len--;
		steme_buf_putc(&b, '\n');
	}
	if (steme_buf_err(&b) == STEME_OK)
		fwrite(b.data, 1, b.len, f);
	steme_buf_fini(&b);
}

/* ---- progress ---- */

void
out_bar_init(struct out_bar *b, bool tty, unsigned width, const char *what)
{
	memset(b, 0, sizeof(*b));
	b->f = tty ? stderr : NULL;
	b->what = what;
	b->width = width == 0 ? 80 : width;
}

void
out_bar_set(struct out_bar *b, unsigned permille, const char *more)
{
	char bar[41], line[256];
	unsigned full, cells = 30;
	int64_t now;

	if (b->f == NULL)
		return;
	now = steme_mono_us(&steme_clock_system);
	if (now < b->next_us)
		return;
	b->next_us = now + 100000;
	if (b->width < 70)
		cells = 10;
	if (permille > 1000) {
		snprintf(line, sizeof(line), "%s  %s", b->what, more);
	} else {
		full = permille * cells / 1000;
		memset(bar, '.', cells);
		memset(bar, '#', full);
		bar[cells] = '\0';
		snprintf(line, sizeof(line), "%s [%s] %3u %%  %s", b->what, bar,
		    permille / 10, more);
	}
	fprintf(b->f, "\r\033[K%.*s", (int)b->width - 1, line);
	fflush(b->f);
	b->drawn = true;
}

void
out_bar_clear(struct out_bar *b)
{
	if (b->f != NULL && b->drawn) {
		fputs("\r\033[K", b->f);
		fflush(b->f);
	}
	b->drawn = false;
}
