/* SPDX-License-Identifier: Apache-2.0 */
/* keyring_profile.c - key profiles as JSON. */
#include "config.h"
#include "core/keyring.h"

#include "core/path.h"

#include <json-c/json.h>
#include <stdlib.h>

void
steme_profile_default(struct steme_profile *p)
{
	memset(p, 0, sizeof(*p));
	p->class_ = STEME_CLASS_NONE;
	p->confidence = STEME_ONE;
}

static struct steme_str
text_of(struct json_object *v)
{
	return (struct steme_str){ json_object_get_string(v),
	    (size_t)json_object_get_string_len(v) };
}

static int
set_class(struct steme_profile *p, struct json_object *v, struct steme_why *why)
{
	if (v == NULL) {
		p->class_ = STEME_CLASS_NONE;
		return STEME_OK;
	}
	if (!json_object_is_type(v, json_type_string) ||
	    steme_class_parse(text_of(v), &p->class_) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "class must be regulatory, "
		    "clinical, observational, expert, community or anecdotal");
	return STEME_OK;
}

static int
set_confidence(struct steme_profile *p, struct json_object *v, struct steme_why *why)
{
	int32_t c;

	/* json-c keeps the spelling of a parsed number: no rounding on the way */
	if ((!json_object_is_type(v, json_type_double) &&
	    !json_object_is_type(v, json_type_int)) ||
	    steme_dec4_parse_loose(steme_str_from(json_object_get_string(v)),
	    &c) != STEME_OK || c < 0)
		return steme_fail(why, STEME_EINVAL, "confidence must be a number "
		    "from 0 to 1 with at most 4 decimals");
	p->confidence = c;
	return STEME_OK;
}

static int
set_source(struct steme_profile *p, struct json_object *v, struct steme_why *why)
{
	struct steme_why rule = { "" };
	struct steme_str s;

	p->source[0] = '\0';
	if (v == NULL)
		return STEME_OK;
	if (!json_object_is_type(v, json_type_string))
		return steme_fail(why, STEME_EINVAL, "source must be text");
	s = text_of(v);
	if (s.n > STEME_SOURCE_MAX)
		return steme_fail(why, STEME_ETOOBIG, "source is %zu bytes long: at "
		    "most %d are allowed", s.n, STEME_SOURCE_MAX);
	if (steme_text_check(s, &rule) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "source: %.400s", rule.text);
	memcpy(p->source, s.p, s.n);
	p->source[s.n] = '\0';
	return STEME_OK;
}

static int
set_member(struct steme_profile *p, const char *key, struct json_object *v,
    struct steme_why *why)
{
	if (strcmp(key, "class") == 0)
		return set_class(p, v, why);
	if (strcmp(key, "confidence") == 0)
		return set_confidence(p, v, why);
	if (strcmp(key, "source") == 0)
		return set_source(p, v, why);
	return steme_fail(why, STEME_EINVAL, "unknown member '%.64s': class, "
	    "confidence and source are known", key);
}

int
steme_profile_parse(struct steme_profile *p, const char *json, size_t len,
    struct steme_why *why)
{
	struct json_object *o = NULL;
	struct json_tokener *tok;
	struct steme_profile got;
	int err;

	if (len > STEME_PROFILE_MAX)
		return steme_fail(why, STEME_ETOOBIG, "a profile has at most %d "
		    "bytes", STEME_PROFILE_MAX);
	/* a NUL would end the text for some readers and not for others */
	if (memchr(json, '\0', len) != NULL)
		return steme_fail(why, STEME_EINVAL, "a profile holds no NUL");
	if ((tok = json_tokener_new_ex(4)) == NULL)
		return STEME_ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
	    JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, json, (int)len);
	err = steme_fail(why, STEME_EINVAL, "not one JSON object: %s",
	    json_tokener_get_error(tok) == json_tokener_success ?
	    "it is of another type, or something follows it" :
	    json_tokener_error_desc(json_tokener_get_error(tok)));
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(o, json_type_object))
		goto out;
	for (size_t i = json_tokener_get_parse_end(tok); i < len; i++)
		if (strchr(" \t\r\n", json[i]) == NULL)
			goto out;
	err = STEME_OK;
	steme_profile_default(&got);
	json_object_object_foreach(o, key, val)
		if (err == STEME_OK)
			err = set_member(&got, key, val, why);
	if (err == STEME_OK)
		*p = got;
out:
	json_object_put(o);
	json_tokener_free(tok);
	return err;
}

static struct json_object *
new_profile(const struct steme_profile *p)
{
	struct json_object *o = json_object_new_object();
	struct json_object *c = NULL, *n, *s = NULL;
	bool bad = o == NULL;
	char t[8];

	if (bad)
		return NULL;
	if (p->class_ != STEME_CLASS_NONE) {
		c = json_object_new_string(steme_class_name(p->class_));
		bad = c == NULL || json_object_object_add(o, "class", c) != 0;
	}
	n = json_object_new_double_s(0, steme_dec4_format(t, p->confidence));
	bad = bad || n == NULL || json_object_object_add(o, "confidence", n) != 0;
	if (p->source[0] != '\0') {
		s = json_object_new_string(p->source);
		bad = bad || s == NULL || json_object_object_add(o, "source", s) != 0;
	}
	if (bad) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

int
steme_profile_format(struct steme_buf *b, const struct steme_profile *p,
    struct steme_why *why)
{
	struct steme_str source = { p->source, strnlen(p->source,
	    sizeof(p->source)) };
	struct json_object *o;
	struct steme_why rule = { "" };
	const char *text;

	if (p->class_ != STEME_CLASS_NONE && (unsigned)p->class_ >= STEME_NCLASS)
		return steme_fail(why, STEME_EINVAL, "no such class");
	if (p->confidence < 0 || p->confidence > STEME_ONE)
		return steme_fail(why, STEME_EINVAL, "confidence must be from 0 to 1");
	if (source.n > STEME_SOURCE_MAX)
		return steme_fail(why, STEME_EINVAL, "source is too long");
	if (source.n > 0 && steme_text_check(source, &rule) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "source: %.400s", rule.text);
	if ((o = new_profile(p)) == NULL ||
	    (text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE)) == NULL) {
		json_object_put(o);
		return STEME_ENOMEM;
	}
	steme_buf_puts(b, text);
	steme_buf_putc(b, '\n');
	json_object_put(o);
	return steme_buf_err(b);
}
