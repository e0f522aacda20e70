/* SPDX-License-Identifier: Apache-2.0 */
/* render_jo.c - json-c objects with their failures noted. */
#include "config.h"
#include "core/render.h"

#include "core/timefmt.h"

#include <stdlib.h>

#define ADD_FLAGS	(JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_KEY_IS_CONSTANT)
#define TEXT_FLAGS	(JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

void
steme_jo_init(struct steme_jo *j)
{
	j->o = json_object_new_object();
	j->bad = j->o == NULL;
}

void
steme_jo_drop(struct steme_jo *j)
{
	json_object_put(j->o);
	j->o = NULL;
}

void
steme_jo_add(struct steme_jo *j, const char *key, struct json_object *val)
{
	/* json-c would silently take NULL for null */
	if (val == NULL || j->bad) {
		json_object_put(val);
		j->bad = true;
		return;
	}
	if (json_object_object_add_ex(j->o, key, val, ADD_FLAGS) != 0) {
		json_object_put(val);
		j->bad = true;
	}
}

void
steme_jo_null(struct steme_jo *j, const char *key)
{
	if (!j->bad)
		j->bad = json_object_object_add_ex(j->o, key, NULL,
		    ADD_FLAGS) != 0;
}

void
steme_jo_str(struct steme_jo *j, const char *key, struct steme_str s)
{
	steme_jo_add(j, key, json_object_new_string_len(s.n == 0 ? "" : s.p,
	    (int)s.n));
}

void
steme_jo_opt(struct steme_jo *j, const char *key, struct steme_str s)
{
	if (s.p == NULL)
		steme_jo_null(j, key);
	else
		steme_jo_str(j, key, s);
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

	/* the text is what is shown; the double beside it is never read */
	steme_jo_add(j, key, json_object_new_double_s(0,
	    steme_dec4_format(t, v)));
}

void
steme_jo_uint(struct steme_jo *j, const char *key, uint64_t v)
{
	steme_jo_add(j, key, json_object_new_uint64(v));
}

void
steme_jo_bool(struct steme_jo *j, const char *key, bool v)
{
	steme_jo_add(j, key, json_object_new_boolean(v));
}

void
steme_jo_id(struct steme_jo *j, const char *key, const struct steme_id *id)
{
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, id);
	steme_jo_add(j, key, json_object_new_string_len(hex, STEME_ID_HEX));
}

void
steme_jo_time(struct steme_jo *j, const char *key, int64_t us)
{
	char t[STEME_TIME_LEN + 1];

	steme_time_format(t, us);
	steme_jo_add(j, key, json_object_new_string_len(t, STEME_TIME_LEN));
}

/* A number as its author spelled it; zeros before an exponent may make it long. */
static struct json_object *
new_number(struct steme_str v)
{
	struct json_object *o = NULL;
	char t[128], *p = t;

	if (v.n >= sizeof(t) && (p = malloc(v.n + 1)) == NULL)
		return NULL;
	if (v.n > 0)
		memcpy(p, v.p, v.n);
	p[v.n] = '\0';
	o = json_object_new_double_s(0, p);
	if (p != t)
		free(p);
	return o;
}

static struct json_object *
new_value(const struct steme_object *o)
{
	struct steme_str v = o->value;

	switch (o->type) {
	case STEME_NUMBER:
		return new_number(v);
	case STEME_BOOLEAN:
		return json_object_new_boolean(steme_str_eq(v,
		    STEME_LIT("true")));
	case STEME_TEXT:
	case STEME_REFERENCE:
	case STEME_SEALED:
		break;
	}
	return json_object_new_string_len(v.n == 0 ? "" : v.p, (int)v.n);
}

void
steme_jo_value(struct steme_jo *j, const char *key, const struct steme_object *o)
{
	struct steme_jo v;

	steme_jo_init(&v);
	steme_jo_cstr(&v, "type", steme_type_name(o->type));
	steme_jo_add(&v, "value", new_value(o));
	if (v.bad) {
		steme_jo_drop(&v);
		j->bad = true;
		return;
	}
	steme_jo_add(j, key, v.o);
}

static void
put_text(struct json_object *o, struct steme_buf *b)
{
	const char *text;
	size_t len;

	if (o == NULL ||
	    (text = json_object_to_json_string_length(o, TEXT_FLAGS, &len)) == NULL) {
		if (b->err == STEME_OK)
			b->err = STEME_ENOMEM;
		return;
	}
	steme_buf_put(b, text, len);
}

void
steme_jo_put(struct steme_jo *j, struct steme_buf *b)
{
	put_text(j->bad ? NULL : j->o, b);
	steme_jo_drop(j);
}

bool
steme_ja_add(struct json_object *a, struct steme_jo *j)
{
	if (j->bad || json_object_array_add(a, j->o) != 0) {
		steme_jo_drop(j);
		return false;
	}
	j->o = NULL;
	return true;
}

void
steme_json_value(struct steme_buf *b, const struct steme_object *o)
{
	struct json_object *v = new_value(o);

	put_text(v, b);
	json_object_put(v);
}

void
steme_json_str(struct steme_buf *b, struct steme_str s)
{
	struct json_object *v;

	if (s.p == NULL) {
		steme_buf_puts(b, "null");
		return;
	}
	v = json_object_new_string_len(s.p, (int)s.n);
	put_text(v, b);
	json_object_put(v);
}
