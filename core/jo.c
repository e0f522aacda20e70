/* SPDX-License-Identifier: Apache-2.0 */
/* jo.c - JSON written straight into a buffer. */
#include "config.h"
#include "core/jo.h"

#include "core/number.h"
#include "core/timefmt.h"

void
steme_jo_begin(struct steme_jo *j, struct steme_buf *b)
{
	j->b = b;
	j->more = false;
	steme_buf_putc(b, '{');
}

void
steme_jo_end(struct steme_jo *j)
{
	steme_buf_putc(j->b, '}');
}

void
steme_ja_begin(struct steme_jo *a, struct steme_buf *b)
{
	a->b = b;
	a->more = false;
	steme_buf_putc(b, '[');
}

void
steme_ja_next(struct steme_jo *a)
{
	if (a->more)
		steme_buf_putc(a->b, ',');
	a->more = true;
}

void
steme_ja_end(struct steme_jo *a)
{
	steme_buf_putc(a->b, ']');
}

/* ,"key": with one reservation; keys are short and need no escapes. */
void
steme_jo_key(struct steme_jo *j, const char *key)
{
	size_t n = strlen(key);
	uint8_t *p = steme_buf_reserve(j->b, n + 4), *at = p;

	if (p == NULL)
		return;
	if (j->more)
		*at++ = ',';
	j->more = true;
	*at++ = '"';
	memcpy(at, key, n);
	at += n;
	*at++ = '"';
	*at++ = ':';
	*at = '\0';
	j->b->len += (size_t)(at - p);
}

void
steme_jo_str_key(struct steme_jo *j, struct steme_str key)
{
	steme_ja_next(j);
	steme_json_str(j->b, key);
	steme_buf_putc(j->b, ':');
}

void
steme_jo_null(struct steme_jo *j, const char *key)
{
	steme_jo_key(j, key);
	steme_buf_puts(j->b, "null");
}

void
steme_jo_str(struct steme_jo *j, const char *key, struct steme_str s)
{
	steme_jo_key(j, key);
	steme_json_str(j->b, s.p == NULL ? STEME_LIT("") : s);
}

void
steme_jo_opt(struct steme_jo *j, const char *key, struct steme_str s)
{
	steme_jo_key(j, key);
	steme_json_str(j->b, s);
}

void
steme_jo_cstr(struct steme_jo *j, const char *key, const char *s)
{
	steme_jo_str(j, key, steme_str_from(s));
}

void
steme_jo_dec4(struct steme_jo *j, const char *key, int32_t v)
{
	char t[8];

	steme_jo_key(j, key);
	steme_buf_puts(j->b, steme_dec4_format(t, v));
}

void
steme_jo_uint(struct steme_jo *j, const char *key, uint64_t v)
{
	char t[24], *end = t + sizeof(t), *at = end;

	do
		*--at = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	steme_jo_key(j, key);
	steme_buf_put(j->b, at, (size_t)(end - at));
}

void
steme_jo_bool(struct steme_jo *j, const char *key, bool v)
{
	steme_jo_key(j, key);
	steme_buf_puts(j->b, v ? "true" : "false");
}

void
steme_json_id(struct steme_buf *b, const struct steme_id *id)
{
	uint8_t *p = steme_buf_reserve(b, STEME_ID_HEX + 2);

	if (p == NULL)
		return;
	p[0] = '"';
	steme_id_hex((char *)p + 1, id);
	p[STEME_ID_HEX + 1] = '"';
	p[STEME_ID_HEX + 2] = '\0';
	b->len += STEME_ID_HEX + 2;
}

void
steme_jo_id(struct steme_jo *j, const char *key, const struct steme_id *id)
{
	steme_jo_key(j, key);
	steme_json_id(j->b, id);
}

void
steme_jo_ids(struct steme_jo *j, const char *key, const struct steme_id *ids, size_t n)
{
	struct steme_jo a;

	steme_jo_key(j, key);
	steme_ja_begin(&a, j->b);
	for (size_t i = 0; i < n; i++) {
		steme_ja_next(&a);
		steme_json_id(j->b, &ids[i]);
	}
	steme_ja_end(&a);
}

void
steme_jo_time(struct steme_jo *j, const char *key, int64_t us)
{
	char t[STEME_TIME_LEN + 1];

	steme_time_format(t, us);
	steme_jo_cstr(j, key, t);
}

void
steme_jo_value(struct steme_jo *j, const char *key, const struct steme_object *o)
{
	struct steme_jo v;

	steme_jo_key(j, key);
	steme_jo_begin(&v, j->b);
	steme_jo_cstr(&v, "type", steme_type_name(o->type));
	steme_jo_key(&v, "value");
	steme_json_value(j->b, o);
	steme_jo_end(&v);
}

void
steme_json_value(struct steme_buf *b, const struct steme_object *o)
{
	struct steme_str v = o->value;

	switch (o->type) {
	case STEME_NUMBER:	/* as its author spelled it */
		steme_buf_put(b, v.p, v.n);
		return;
	case STEME_BOOLEAN:
		steme_buf_puts(b, steme_str_eq(v, STEME_LIT("true")) ? "true" :
		    "false");
		return;
	case STEME_TEXT:
	case STEME_REFERENCE:
	case STEME_SEALED:
		break;
	}
	steme_json_str(b, v.p == NULL ? STEME_LIT("") : v);
}

/* The character after the backslash; 'u': as \u00xx. 0: written as it is. */
static char
escape_of(uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return c < ' ' ? 'u' : 0;
	}
}

#define EACH(c)		(UINT64_C(0x0101010101010101) * (c))
/* Is one of the eight bytes of x below c (at most 128)? */
#define ANY_BELOW(x, c)	((((x) - EACH(c)) & ~(x) & EACH(0x80)) != 0)

/* Bytes at the front of p that are written as they are. */
static size_t
plain(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t x;

	for (; n - i >= sizeof(x); i += sizeof(x)) {
		memcpy(&x, p + i, sizeof(x));
		if (ANY_BELOW(x, 0x20) || ANY_BELOW(x ^ EACH('"'), 1) ||
		    ANY_BELOW(x ^ EACH('\\'), 1))
			break;
	}
	while (i < n && escape_of((uint8_t)p[i]) == 0)
		i++;
	return i;
}

void
steme_json_str(struct steme_buf *b, struct steme_str s)
{
	uint8_t *at;
	size_t n;
	char e;

	if (s.p == NULL) {
		steme_buf_puts(b, "null");
		return;
	}
	if ((at = steme_buf_reserve(b, s.n + 2)) == NULL)
		return;		/* not even without escapes */
	*at = '"';
	b->len++;
	while ((n = plain(s.p, s.n)) < s.n) {
		steme_buf_put(b, s.p, n);
		e = escape_of((uint8_t)s.p[n]);
		if (e == 'u')
			steme_buf_printf(b, "\\u%04x", (unsigned)(uint8_t)s.p[n]);
		else
			steme_buf_put(b, (char[2]){ '\\', e }, 2);
		s.p += n + 1;
		s.n -= n + 1;
	}
	if ((at = steme_buf_reserve(b, n + 1)) == NULL)
		return;
	memcpy(at, s.p, n);
	memcpy(at + n, "\"", 2);
	b->len += n + 1;
}
