/* SPDX-License-Identifier: Apache-2.0 */
/* jv.c - JSON as slices. */
#include "config.h"
#include "cli/jv.h"

#include <string.h>

static const struct steme_str absent = { NULL, 0 };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_blanks(struct steme_str *s)
{
	while (s->n > 0 && is_blank(s->p[0])) {
		s->p++;
		s->n--;
	}
}

static void
drop(struct steme_str *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* Bytes of the string at the beginning of s, with its quotes; 0: it has no end. */
static size_t
string_len(struct steme_str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\')
			i++;
	}
	return 0;
}

/* Bytes of the value at the beginning of s; 0: none, or it has no end. */
static size_t
value_len(struct steme_str s)
{
	size_t i = 0, n, depth = 0;
	char c;

	if (s.n == 0)
		return 0;
	if (s.p[0] == '"')
		return string_len(s);
	if (s.p[0] != '{' && s.p[0] != '[') {
		while (i < s.n && !is_blank(s.p[i]) &&
		    memchr(",:]}[{\"", s.p[i], 7) == NULL)
			i++;
		return i;
	}
	while (i < s.n) {
		c = s.p[i];
		if (c == '"') {
			n = string_len((struct steme_str){ s.p + i, s.n - i });
			if (n == 0)
				return 0;
			i += n;
			continue;
		}
		i++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return i;
	}
	return 0;
}

/* Takes the value at the beginning of *s off; absent if there is none. */
static struct steme_str
take_value(struct steme_str *s)
{
	struct steme_str v;
	size_t n;

	skip_blanks(s);
	if ((n = value_len(*s)) == 0)
		return absent;
	v = (struct steme_str){ s->p, n };
	drop(s, n);
	skip_blanks(s);
	return v;
}

struct steme_str
jv_root(const void *text, size_t n)
{
	struct steme_str s = { text, n };

	return n == 0 ? absent : take_value(&s);
}

/* The inside of {...} or [...]; absent if v is not that. */
static struct steme_str
inside(struct steme_str v, char open)
{
	if (v.p == NULL || v.n < 2 || v.p[0] != open)
		return absent;
	return (struct steme_str){ v.p + 1, v.n - 2 };
}

bool
jv_each(struct steme_str array, struct steme_str *at, struct steme_str *item)
{
	if (at->p == NULL)
		*at = inside(array, '[');
	if (at->p == NULL)
		return false;
	*item = take_value(at);
	if (at->n > 0 && at->p[0] == ',')
		drop(at, 1);
	else
		at->n = 0;
	return item->p != NULL;
}

bool
jv_members(struct steme_str object, struct steme_str *at, struct steme_str *name,
    struct steme_str *value)
{
	if (at->p == NULL)
		*at = inside(object, '{');
	if (at->p == NULL)
		return false;
	*name = take_value(at);
	if (!jv_is_string(*name) || at->n == 0 || at->p[0] != ':')
		return false;
	drop(at, 1);
	*value = take_value(at);
	*name = (struct steme_str){ name->p + 1, name->n - 2 };
	if (at->n > 0 && at->p[0] == ',')
		drop(at, 1);
	else
		at->n = 0;
	return value->p != NULL;
}

struct steme_str
jv_get(struct steme_str object, const char *name)
{
	struct steme_str at = absent, key, v;

	while (jv_members(object, &at, &key, &v))
		if (steme_str_eq(key, steme_str_from(name)))
			return v;
	return absent;
}

struct steme_str
jv_at(struct steme_str object, const char *path)
{
	char name[64];
	size_t n;

	while (object.p != NULL) {
		n = strcspn(path, ".");
		if (n >= sizeof(name))
			return absent;
		memcpy(name, path, n);
		name[n] = '\0';
		object = jv_get(object, name);
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return object;
}

size_t
jv_count(struct steme_str array)
{
	struct steme_str at = absent, item;
	size_t n = 0;

	while (jv_each(array, &at, &item))
		n++;
	return n;
}

bool
jv_none(struct steme_str v)
{
	return v.p == NULL || steme_str_eq(v, STEME_LIT("null"));
}

bool
jv_is_string(struct steme_str v)
{
	return v.p != NULL && v.n >= 2 && v.p[0] == '"';
}

bool
jv_true(struct steme_str v)
{
	return v.p != NULL && steme_str_eq(v, STEME_LIT("true"));
}

uint64_t
jv_uint(struct steme_str v)
{
	uint64_t n = 0;

	if (jv_is_string(v))
		v = (struct steme_str){ v.p + 1, v.n - 2 };
	if (v.p == NULL || v.n == 0 || v.n > 19)
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	return n;
}

static void
put_utf8(struct steme_buf *b, uint32_t v)
{
	if (v < 0x80) {
		steme_buf_putc(b, (uint8_t)v);
		return;
	}
	if (v < 0x800) {
		steme_buf_putc(b, (uint8_t)(0xc0 | v >> 6));
	} else {
		if (v < 0x10000) {
			steme_buf_putc(b, (uint8_t)(0xe0 | v >> 12));
		} else {
			steme_buf_putc(b, (uint8_t)(0xf0 | v >> 18));
			steme_buf_putc(b, (uint8_t)(0x80 | (v >> 12 & 0x3f)));
		}
		steme_buf_putc(b, (uint8_t)(0x80 | (v >> 6 & 0x3f)));
	}
	steme_buf_putc(b, (uint8_t)(0x80 | (v & 0x3f)));
}

static bool
hex4(struct steme_str s, size_t i, uint32_t *v)
{
	*v = 0;
	if (s.n < 4 || i > s.n - 4)
		return false;
	for (size_t k = i; k < i + 4; k++) {
		char c = s.p[k];

		if (c >= '0' && c <= '9')
			*v = *v << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*v = *v << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Behind "\u": returns how many bytes it took; U+FFFD for what is no character. */
static size_t
put_escape(struct steme_buf *b, struct steme_str s, size_t i)
{
	uint32_t v, low;

	if (!hex4(s, i, &v)) {
		put_utf8(b, 0xfffd);
		return 0;
	}
	if (v < 0xd800 || v > 0xdfff) {
		put_utf8(b, v);
		return 4;
	}
	if (v < 0xdc00 && s.n - i >= 10 && s.p[i + 4] == '\\' &&
	    s.p[i + 5] == 'u' && hex4(s, i + 6, &low) && low >= 0xdc00 &&
	    low <= 0xdfff) {
		put_utf8(b, 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00));
		return 10;
	}
	put_utf8(b, 0xfffd);
	return 4;
}

static void
put_string(struct steme_buf *b, struct steme_str s)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\\' || i + 1 == s.n) {
			steme_buf_putc(b, (uint8_t)s.p[i]);
		} else if (s.p[++i] == 'u') {
			i += put_escape(b, s, i + 1);
		} else {
			at = memchr(from, s.p[i], sizeof(from) - 1);
			steme_buf_putc(b, (uint8_t)(at == NULL ? s.p[i] :
			    to[at - from]));
		}
	}
}

void
jv_text(struct steme_buf *b, struct steme_str v)
{
	if (jv_none(v))
		return;
	if (jv_is_string(v))
		put_string(b, (struct steme_str){ v.p + 1, v.n - 2 });
	else
		steme_buf_put(b, v.p, v.n);
}

char *
jv_copy(char *out, size_t n, struct steme_str v)
{
	struct steme_buf b = { 0 };
	size_t len;

	jv_text(&b, v);
	len = b.len < n ? b.len : n - 1;
	if (len > 0)
		memcpy(out, b.data, len);
	out[len] = '\0';
	steme_buf_fini(&b);
	return out;
}

bool
jv_id(struct steme_str v, struct steme_id *id)
{
	return jv_is_string(v) &&
	    steme_id_parse(id, v.p + 1, v.n - 2) == STEME_OK;
}
