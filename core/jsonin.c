/* SPDX-License-Identifier: Apache-2.0 */
/* jsonin.c - a strict reader of JSON around json-c. */
#include "config.h"
#include "core/jsonin.h"
#include "core/number.h"
#include "core/util.h"

#include <json-c/json.h>
#include <limits.h>

struct scan {
	const char *p;
	size_t n;
	size_t i;
	size_t members;		/* colons outside of strings */
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The value of the 4 hex digits at s->i, or -1. */
static int
hex4(const struct scan *s)
{
	int v = 0;

	if (s->n - s->i < 4)
		return -1;
	for (size_t k = s->i; k < s->i + 4; k++) {
		char c = s->p[k];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* Behind a backslash.  Sets *nul if the escape stands for U+0000. */
static int
scan_escape(struct scan *s, bool *nul, struct steme_why *why)
{
	size_t at = s->i;
	int v, low = -1;

	if (s->i < s->n && s->p[s->i] != 'u') {
		/* json-c refuses unknown ones. */
		s->i++;
		return STEME_OK;
	}
	s->i++;
	if ((v = s->i > s->n ? -1 : hex4(s)) < 0)
		return steme_fail(why, STEME_EINVAL,
		    "an escape is malformed at byte %zu", at);
	s->i += 4;
	*nul |= v == 0;
	if (v < 0xD800 || v > 0xDFFF)
		return STEME_OK;
	if (v < 0xDC00 && s->n - s->i >= 6 && s->p[s->i] == '\\' &&
	    s->p[s->i + 1] == 'u') {
		s->i += 2;
		low = hex4(s);
		s->i += 4;
	}
	if (low < 0xDC00 || low > 0xDFFF)
		return steme_fail(why, STEME_EINVAL,
		    "a lone surrogate is escaped at byte %zu: it stands for no "
		    "character", at);
	return STEME_OK;
}

/* From an opening quote to behind the closing one. */
static int
scan_string(struct scan *s, struct steme_why *why)
{
	size_t start = s->i++;
	bool nul = false;
	int err;

	for (;;) {
		while (s->i < s->n && s->p[s->i] != '"' &&
		    s->p[s->i] != '\\' && (unsigned char)s->p[s->i] >= 0x20)
			s->i++;
		if (s->i == s->n)
			return steme_fail(why, STEME_EINVAL, "the string at "
			    "byte %zu has no end", start + 1);
		if (s->p[s->i] == '"')
			break;
		if (s->p[s->i] != '\\')
			return steme_fail(why, STEME_EINVAL, "a control "
			    "character stands in a string at byte %zu; escape "
			    "it", s->i + 1);
		s->i++;
		if ((err = scan_escape(s, &nul, why)) != STEME_OK)
			return err;
	}
	s->i++;
	for (size_t k = s->i; nul && k < s->n; k++) {
		if (s->p[k] == ':')
			return steme_fail(why, STEME_EINVAL, "the member name "
			    "at byte %zu holds NUL", start + 1);
		if (!is_space(s->p[k]))
			break;
	}
	return STEME_OK;
}

static int
scan_number(struct scan *s, struct steme_json *j, struct steme_why *why)
{
	struct steme_str t = { s->p + s->i, 0 };

	while (s->i + t.n < s->n && t.p[t.n] != '\0' &&
	    strchr("0123456789+-.eE", t.p[t.n]) != NULL)
		t.n++;
	if (!steme_number_valid(t))
		return steme_fail(why, STEME_EINVAL, "the number at byte %zu "
		    "is malformed, or has more than 64 digits or an exponent "
		    "beyond 999", s->i + 1);
	if (j->nnumbers < STEME_JSON_NUMBERS)
		j->number[j->nnumbers] = t;
	j->nnumbers++;
	s->i += t.n;
	return STEME_OK;
}

static bool
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if (s->n - s->i < n || memcmp(s->p + s->i, word, n) != 0)
		return false;
	s->i += n;
	return true;
}

/* Everything json-c would let pass; its syntax errors are left to it. */
static int
scan_all(struct scan *s, struct steme_json *j, struct steme_why *why)
{
	int err = STEME_OK;

	while (err == STEME_OK && s->i < s->n) {
		char c = s->p[s->i];

		if (c == '"') {
			err = scan_string(s, why);
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			err = scan_number(s, j, why);
		} else if (is_space(c) || c == ',' || c == ':' || c == '{' ||
		    c == '}' || c == '[' || c == ']') {
			s->members += c == ':';
			s->i++;
		} else if (!scan_word(s, "true") && !scan_word(s, "false") &&
		    !scan_word(s, "null")) {
			err = steme_fail(why, STEME_EINVAL, "JSON has no "
			    "place for the character at byte %zu", s->i + 1);
		}
	}
	return err;
}

static size_t
count_members(struct json_object *o)
{
	size_t n = 0;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, v) {
			(void)key;
			n += 1 + count_members(v);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	}
	return n;
}

static int
bad_syntax(enum json_tokener_error e, size_t at, int depth,
    struct steme_why *why)
{
	if (e == json_tokener_continue || e == json_tokener_error_parse_eof)
		return steme_fail(why, STEME_EINVAL,
		    "the JSON ends before it is complete");
	if (e == json_tokener_error_parse_utf8_string)
		return steme_fail(why, STEME_EUTF8,
		    "a string is not valid UTF-8 at byte %zu", at + 1);
	if (e == json_tokener_error_depth)
		return steme_fail(why, STEME_EINVAL,
		    "nested deeper than %d levels", depth);
	return steme_fail(why, STEME_EINVAL, "malformed JSON at byte %zu: %s",
	    at + 1, json_tokener_error_desc(e));
}

/* The tree of text by json-c; *root is NULL for the value null. */
static int
build(struct json_object **root, const char *text, size_t len, int depth,
    struct steme_why *why)
{
	struct json_tokener *t = json_tokener_new_ex(depth);
	enum json_tokener_error e;
	size_t at;

	*root = NULL;
	if (t == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT |
	    JSON_TOKENER_VALIDATE_UTF8);
	*root = json_tokener_parse_ex(t, text, (int)len);
	e = json_tokener_get_error(t);
	if (e == json_tokener_continue) {
		/* A number or word at the very end: NUL says that it is over. */
		*root = json_tokener_parse_ex(t, "", 1);
		e = json_tokener_get_error(t);
		at = len;
	} else {
		at = json_tokener_get_parse_end(t);
	}
	json_tokener_free(t);
	if (e == json_tokener_success && at == len)
		return STEME_OK;
	json_object_put(*root);
	*root = NULL;
	if (e == json_tokener_success)
		return steme_fail(why, STEME_EINVAL,
		    "something follows the JSON value at byte %zu", at + 1);
	return bad_syntax(e, at, depth, why);
}

int
steme_json_parse(struct steme_json *j, const char *text, size_t len, int depth,
    struct steme_why *why)
{
	struct scan s = { text, len, 0, 0 };
	int err;

	memset(j, 0, sizeof(*j));
	while (s.n > 0 && is_space(text[s.n - 1]))
		s.n--;
	if (s.n == 0)
		return steme_fail(why, STEME_EINVAL, "there is no JSON value");
	if (s.n > INT_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "the JSON has more than %d bytes", INT_MAX);
	if ((err = scan_all(&s, j, why)) != STEME_OK)
		return err;
	if ((err = build(&j->root, text, s.n, depth, why)) != STEME_OK)
		return err;
	if (count_members(j->root) == s.members)
		return STEME_OK;
	steme_json_fini(j);
	return steme_fail(why, STEME_EINVAL,
	    "an object has the same member twice");
}

void
steme_json_fini(struct steme_json *j)
{
	json_object_put(j->root);
	j->root = NULL;
}
