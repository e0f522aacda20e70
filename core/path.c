/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - UTF-8, the text rule of headers, segments and concept paths. */
#include "config.h"
#include "core/path.h"
#include "core/util.h"

#define ONES	UINT64_C(0x0101010101010101)
#define HIGHS	UINT64_C(0x8080808080808080)

static uint64_t
load8(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

/*
 * The character at p (n > 0 bytes left): its length, 0 if it is not UTF-8.
 * The bounds per lead byte leave out overlongs, surrogates and what lies above
 * U+10FFFF (Unicode table 3-7).
 */
static size_t
utf8_char(const uint8_t *p, size_t n, uint32_t *cp)
{
	uint8_t lo = 0x80, hi = 0xBF;
	size_t len;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (n < len)
		return 0;
	if (p[0] == 0xE0)
		lo = 0xA0;
	else if (p[0] == 0xED)
		hi = 0x9F;
	else if (p[0] == 0xF0)
		lo = 0x90;
	else if (p[0] == 0xF4)
		hi = 0x8F;
	if (p[1] < lo || p[1] > hi)
		return 0;
	*cp = p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3F);
	}
	return len;
}

bool
steme_utf8_valid(struct steme_str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t i = 0, len;
	uint32_t cp;

	while (i < s.n) {
		while (s.n - i >= 8 && (load8(p + i) & HIGHS) == 0)
			i += 8;
		if (i == s.n)
			break;
		if ((len = utf8_char(p + i, s.n - i, &cp)) == 0)
			return false;
		i += len;
	}
	return true;
}

void
steme_utf8_mend(char *s, size_t n)
{
	size_t len;
	uint32_t cp;

	for (size_t i = 0; i < n; i += len)
		if ((len = utf8_char((const uint8_t *)s + i, n - i, &cp)) == 0 || cp == 0) {
			s[i] = '?';
			len = 1;
		}
}

/* The name of the rule that cp breaks in a header value, or NULL. */
static const char *
forbidden(uint32_t cp)
{
	if (cp < 0x20)
		return "a control character (C0: tab, newline, ...)";
	if (cp == 0x7F)
		return "the control character DEL";
	if (cp >= 0x80 && cp <= 0x9F)
		return "a control character (C1)";
	if (cp == 0x2028 || cp == 0x2029)
		return "a line or paragraph separator (U+2028, U+2029)";
	if (cp == 0xFEFF)
		return "a byte order mark (U+FEFF)";
	if ((cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069))
		return "a bidirectional control (U+202A-E, U+2066-9)";
	return NULL;
}

/* True if none of the 8 bytes is outside of 0x20..0x7E: the common case. */
static bool
all_printable(uint64_t x)
{
	uint64_t below = (x - ONES * 0x20) & ~x;
	uint64_t del = x ^ ONES * 0x7F;

	del = (del - ONES) & ~del;
	return ((x | below | del) & HIGHS) == 0;
}

int
steme_text_check(struct steme_str s, struct steme_why *why)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t i = 0, len;
	const char *rule;
	uint32_t cp;

	if (s.n == 0)
		return steme_fail(why, STEME_EINVAL, "must not be empty");
	while (i < s.n) {
		while (s.n - i >= 8 && all_printable(load8(p + i)))
			i += 8;
		if (i == s.n)
			break;
		if ((len = utf8_char(p + i, s.n - i, &cp)) == 0)
			return steme_fail(why, STEME_EUTF8,
			    "is not valid UTF-8 at byte %zu", i + 1);
		if ((rule = forbidden(cp)) != NULL)
			return steme_fail(why, STEME_EINVAL,
			    "holds %s at byte %zu", rule, i + 1);
		i += len;
	}
	if (p[0] == ' ' || p[s.n - 1] == ' ')
		return steme_fail(why, STEME_EINVAL,
		    "has a leading or trailing blank");
	return STEME_OK;
}

/* What a segment must be beyond the text rule (which the caller checked). */
static int
segment_rules(struct steme_str s, struct steme_why *why)
{
	if (s.n == 0)
		return steme_fail(why, STEME_EINVAL, "has an empty segment");
	if (s.n > STEME_SEGMENT_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "has a segment of %zu bytes; at most %d are allowed", s.n,
		    STEME_SEGMENT_MAX);
	if (s.p[0] == '@')
		return steme_fail(why, STEME_EINVAL,
		    "has a segment that starts with '@'");
	if (s.p[0] == '.' && (s.n == 1 || (s.n == 2 && s.p[1] == '.')))
		return steme_fail(why, STEME_EINVAL,
		    "has a segment '.' or '..'");
	if (s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return steme_fail(why, STEME_EINVAL,
		    "has a segment with a leading or trailing blank");
	return STEME_OK;
}

int
steme_segment_check(struct steme_str s, struct steme_why *why)
{
	int err;

	if ((err = steme_text_check(s, why)) != STEME_OK)
		return err;
	if (memchr(s.p, '/', s.n) != NULL)
		return steme_fail(why, STEME_EINVAL,
		    "holds '/'; it must be one segment");
	return segment_rules(s, why);
}

int
steme_concept_check(struct steme_str s, struct steme_why *why)
{
	struct steme_str rest = s, seg;
	unsigned n = 0;
	int err;

	if (s.n > STEME_CONCEPT_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "has %zu bytes; at most %d are allowed", s.n,
		    STEME_CONCEPT_MAX);
	if ((err = steme_text_check(s, why)) != STEME_OK)
		return err;
	while (rest.p != NULL) {
		seg = steme_concept_first(rest, &rest);
		if (++n > STEME_SEGMENTS_MAX)
			return steme_fail(why, STEME_ETOOBIG,
			    "has more than %d segments", STEME_SEGMENTS_MAX);
		if ((err = segment_rules(seg, why)) != STEME_OK)
			return err;
	}
	return STEME_OK;
}

int
steme_prefix_check(struct steme_str s, struct steme_why *why)
{
	char more[STEME_CONCEPT_MAX + 2];

	if (s.n == 0)
		return STEME_OK;
	/* what is no concept because of how it ends may be one when it goes on */
	if (s.n >= STEME_CONCEPT_MAX || steme_concept_check(s, NULL) == STEME_OK ||
	    memchr("/ .", s.p[s.n - 1], 3) == NULL)
		return steme_concept_check(s, why);
	memcpy(more, s.p, s.n);
	more[s.n] = 'x';
	return steme_concept_check((struct steme_str){ more, s.n + 1 }, why);
}

/* ---- names as segments ---- */

static bool
segment_plain(uint8_t c, size_t at, bool text)
{
	if (c <= 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '/' || c == '%')
		return false;
	if (at == 0 && (c == '@' || c == '.'))
		return false;
	return c < 0x7f || text;
}

int
steme_segment_encode(char out[STEME_SEGMENT_MAX + 1], struct steme_str s)
{
	static const char hex[] = "0123456789ABCDEF";
	bool text = steme_text_check(s, NULL) == STEME_OK;
	size_t n = 0;

	out[0] = '\0';
	if (s.n == 0 || s.n > STEME_NAME_MAX)
		return STEME_EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		bool plain = segment_plain(c, i, text);

		if (n + (plain ? 1 : 3) > STEME_SEGMENT_MAX) {
			out[0] = '\0';
			return STEME_ETOOBIG;
		}
		if (plain) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return STEME_OK;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ?
	    c - 'A' + 10 : -1;
}

int
steme_segment_decode(char out[STEME_NAME_MAX + 1], size_t *n, struct steme_str s)
{
	char again[STEME_SEGMENT_MAX + 1];
	struct steme_str name = { out, 0 };

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			int hi = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
			int lo = s.n - i > 2 ? hex_digit(s.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return STEME_EINVAL;
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (name.n == STEME_NAME_MAX)
			return STEME_EINVAL;
		out[name.n++] = c;
	}
	out[name.n] = '\0';
	*n = name.n;
	/* one spelling only: what else decodes to the same name is somebody's trick */
	return steme_segment_encode(again, name) == STEME_OK &&
	    steme_str_eq(steme_str_from(again), s) ? STEME_OK : STEME_EINVAL;
}

struct steme_str
steme_concept_first(struct steme_str s, struct steme_str *rest)
{
	const char *slash = s.n == 0 ? NULL : memchr(s.p, '/', s.n);
	struct steme_str first = s;

	*rest = (struct steme_str){ NULL, 0 };
	if (slash != NULL) {
		first.n = (size_t)(slash - s.p);
		*rest = (struct steme_str){ slash + 1, s.n - first.n - 1 };
	}
	return first;
}

/* The last '/' of s, or NULL. */
static const char *
last_slash(struct steme_str s)
{
	return s.n == 0 ? NULL : memrchr(s.p, '/', s.n);
}

struct steme_str
steme_concept_parent(struct steme_str s)
{
	const char *slash = last_slash(s);

	return slash == NULL ? STEME_LIT("") :
	    (struct steme_str){ s.p, (size_t)(slash - s.p) };
}

struct steme_str
steme_concept_leaf(struct steme_str s)
{
	const char *slash = last_slash(s);

	return slash == NULL ? s : (struct steme_str){ slash + 1,
	    s.n - (size_t)(slash - s.p) - 1 };
}

struct steme_quoted
steme_quote(struct steme_str s)
{
	struct steme_quoted q;
	size_t i = 0, n = 0, len;
	uint32_t cp;

	while (i < s.n) {
		len = utf8_char((const uint8_t *)s.p + i, s.n - i, &cp);
		if (n + STEME_MAX(len, 1) > 60)
			break;
		if (len == 0 || forbidden(cp) != NULL) {
			q.s[n++] = '?';
			i += STEME_MAX(len, 1);
			continue;
		}
		memcpy(q.s + n, s.p + i, len);
		n += len;
		i += len;
	}
	memcpy(q.s + n, i < s.n ? "..." : "", i < s.n ? 4 : 1);
	return q;
}

static const struct {
	const char *name;
	enum steme_class class_;
} schemes[] = {
	{ "rfc", STEME_REGULATORY },
	{ "fda", STEME_REGULATORY },
	{ "ietf", STEME_REGULATORY },
	{ "peer", STEME_CLINICAL },
	{ "pubmed", STEME_CLINICAL },
	{ "code", STEME_EXPERT },
	{ "wiki", STEME_EXPERT },
	{ "community", STEME_COMMUNITY },
	{ "blog", STEME_ANECDOTAL },
	{ "anon", STEME_ANECDOTAL },
};

/* The path of a scheme form, unchecked but for its length. */
static int
from_scheme(struct steme_str in, char out[STEME_CONCEPT_MAX + 1], size_t *len,
    enum steme_class *c, struct steme_why *why)
{
	const char *sep = in.n == 0 ? NULL : memmem(in.p, in.n, "://", 3);
	struct steme_str scheme = in, rest = in;
	enum steme_class found = STEME_CLASS_NONE;
	size_t n = 0;

	if (sep != NULL) {
		scheme.n = (size_t)(sep - in.p);
		for (size_t i = 0; i < STEME_NELEM(schemes); i++)
			if (steme_str_eq(scheme, steme_str_from(schemes[i].name)))
				found = schemes[i].class_;
		if (found == STEME_CLASS_NONE)
			return steme_fail(why, STEME_EINVAL,
			    "has the unknown scheme '%s'; known are rfc, fda, ietf, "
			    "peer, pubmed, code, wiki, community, blog, anon",
			    steme_quote(scheme).s);
		rest = (struct steme_str){ sep + 3, in.n - scheme.n - 3 };
		n = scheme.n + 1;
	}
	if (n + rest.n > STEME_CONCEPT_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "has %zu bytes; at most %d are allowed", n + rest.n,
		    STEME_CONCEPT_MAX);
	if (sep != NULL) {
		memcpy(out, scheme.p, scheme.n);
		out[scheme.n] = '/';
	}
	if (rest.n > 0)
		memcpy(out + n, rest.p, rest.n);
	*len = n + rest.n;
	out[*len] = '\0';
	*c = found;
	return STEME_OK;
}

int
steme_concept_from_scheme(struct steme_str in, char out[STEME_CONCEPT_MAX + 1],
    enum steme_class *c, struct steme_why *why)
{
	enum steme_class found;
	size_t n;
	int err = from_scheme(in, out, &n, &found, why);

	if (err == STEME_OK)
		err = steme_concept_check((struct steme_str){ out, n }, why);
	if (err == STEME_OK)
		*c = found;
	return err;
}

int
steme_prefix_from_scheme(struct steme_str in, char out[STEME_CONCEPT_MAX + 1],
    struct steme_why *why)
{
	enum steme_class c;
	size_t n;
	int err = from_scheme(in, out, &n, &c, why);

	return err != STEME_OK ? err :
	    steme_prefix_check((struct steme_str){ out, n }, why);
}
