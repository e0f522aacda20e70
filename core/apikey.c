/* SPDX-License-Identifier: Apache-2.0 */
/* apikey.c - tokens, and the text that the store keeps of a key. */
#include "config.h"
#include "core/apikey.h"

#include "core/jsonin.h"
#include "core/timefmt.h"

#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HEAD	"steme_"

void
steme_apikey_make(struct steme_apikey *k, char token[STEME_APIKEY_TOKEN + 1])
{
	uint8_t id[STEME_APIKEY_ID / 2], secret[32];

	randombytes_buf(id, sizeof(id));
	randombytes_buf(secret, sizeof(secret));
	steme_hex(k->id, id, sizeof(id));
	memcpy(token, HEAD, 6);
	memcpy(token + 6, k->id, STEME_APIKEY_ID);
	token[6 + STEME_APIKEY_ID] = '_';
	steme_hex(token + 7 + STEME_APIKEY_ID, secret, sizeof(secret));
	k->hash = steme_hash(token, STEME_APIKEY_TOKEN);
	sodium_memzero(secret, sizeof(secret));
}

bool
steme_apikey_id(char id[STEME_APIKEY_ID + 1], const char *token, size_t n)
{
	uint8_t bytes[STEME_APIKEY_ID / 2];

	if (n != STEME_APIKEY_TOKEN || memcmp(token, HEAD, 6) != 0 ||
	    token[6 + STEME_APIKEY_ID] != '_' ||
	    steme_unhex(bytes, sizeof(bytes), token + 6, STEME_APIKEY_ID) !=
	    STEME_OK)
		return false;
	memcpy(id, token + 6, STEME_APIKEY_ID);
	id[STEME_APIKEY_ID] = '\0';
	return true;
}

bool
steme_apikey_matches(const struct steme_apikey *k, const char *token, size_t n)
{
	struct steme_id h = steme_hash(token, n);

	return sodium_memcmp(h.b, k->hash.b, STEME_ID_LEN) == 0;
}

enum steme_role
steme_apikey_role(const char *word)
{
	static const enum steme_role roles[] = { STEME_ROLE_READER,
	    STEME_ROLE_WRITER, STEME_ROLE_ADMIN };

	for (size_t i = 0; i < 3; i++)
		if (strcmp(word, steme_role_name(roles[i])) == 0)
			return roles[i];
	return STEME_ROLE_NONE;
}

int
steme_apikey_check_name(struct steme_str name, struct steme_why *why)
{
	bool ok = name.n >= 1 && name.n <= STEME_NAME_MAX && steme_utf8_valid(name);

	for (size_t i = 0; ok && i < name.n; i++)
		ok = (unsigned char)name.p[i] >= 0x20 && name.p[i] != 0x7f;
	return ok ? STEME_OK : steme_fail(why, STEME_EINVAL, "the name of an API key "
	    "has 1 to %d bytes of UTF-8, without control characters",
	    STEME_NAME_MAX);
}

/* ---- as text ---- */

static void
add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, json_object_new_string(text));
}

static void
put_object(struct steme_buf *b, struct json_object *o)
{
	steme_buf_puts(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void
steme_apikey_write(struct steme_buf *b, const struct steme_apikey *k)
{
	struct json_object *o = json_object_new_object();
	char hex[STEME_ID_HEX + 1];

	add_text(o, "name", k->name);
	steme_id_hex(hex, &k->hash);
	add_text(o, "hash", hex);
	add_text(o, "role", steme_role_name(k->role));
	steme_id_hex(hex, &k->agent);
	add_text(o, "agent", hex);
	json_object_object_add(o, "enabled", json_object_new_boolean(k->enabled));
	json_object_object_add(o, "expires_at", json_object_new_int64(k->expires_at));
	json_object_object_add(o, "created_at", json_object_new_int64(k->created_at));
	put_object(b, o);
}

void
steme_apikey_show(struct steme_buf *b, const struct steme_apikey *k)
{
	struct json_object *o = json_object_new_object();
	char hex[STEME_ID_HEX + 1], iso[STEME_TIME_LEN + 1];

	add_text(o, "id", k->id);
	add_text(o, "name", k->name);
	add_text(o, "role", steme_role_name(k->role));
	json_object_object_add(o, "enabled", json_object_new_boolean(k->enabled));
	json_object_object_add(o, "expires_at", json_object_new_int64(k->expires_at));
	steme_time_format(iso, k->expires_at * 1000000);
	strcpy(iso + 19, "Z");		/* whole seconds */
	add_text(o, "expires_at_iso", iso);
	json_object_object_add(o, "created_at", json_object_new_int64(k->created_at));
	steme_id_hex(hex, &k->agent);
	add_text(o, "agent_id", hex);
	put_object(b, o);
}

static bool
get_text(struct json_object *o, const char *name, const char **out)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_string))
		return false;
	*out = json_object_get_string(v);
	return strlen(*out) == (size_t)json_object_get_string_len(v);
}

static bool
get_seconds(struct json_object *o, const char *name, int64_t *out)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) ||
	    !json_object_is_type(v, json_type_int))
		return false;
	*out = json_object_get_int64(v);
	return *out >= 0 && *out <= STEME_APIKEY_NEVER;
}

static bool
take(struct steme_apikey *k, struct json_object *o)
{
	const char *name, *hash, *role, *agent;
	struct json_object *enabled;

	if (!get_text(o, "name", &name) || !get_text(o, "hash", &hash) ||
	    !get_text(o, "role", &role) || !get_text(o, "agent", &agent) ||
	    !json_object_object_get_ex(o, "enabled", &enabled) ||
	    !json_object_is_type(enabled, json_type_boolean) ||
	    !get_seconds(o, "expires_at", &k->expires_at) ||
	    !get_seconds(o, "created_at", &k->created_at) ||
	    steme_apikey_check_name(steme_str_from(name), NULL) != STEME_OK ||
	    steme_id_parse(&k->hash, hash, strlen(hash)) != STEME_OK ||
	    steme_id_parse(&k->agent, agent, strlen(agent)) != STEME_OK)
		return false;
	strcpy(k->name, name);
	k->role = steme_apikey_role(role);
	k->enabled = json_object_get_boolean(enabled);
	return k->role != STEME_ROLE_NONE;
}

int
steme_apikey_read(struct steme_apikey *k, struct steme_str text)
{
	struct steme_json j;
	struct steme_apikey t;
	bool ok;

	if (text.p == NULL || steme_json_parse(&j, text.p, text.n, 2, NULL) != STEME_OK)
		return STEME_EINVAL;
	memset(&t, 0, sizeof(t));
	memcpy(t.id, k->id, sizeof(t.id));
	ok = json_object_is_type(j.root, json_type_object) && take(&t, j.root);
	steme_json_fini(&j);
	if (ok)
		*k = t;
	return ok ? STEME_OK : STEME_EINVAL;
}
