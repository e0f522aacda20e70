/* SPDX-License-Identifier: Apache-2.0 */
/* service_set.c - SET: settings by the operator's key. */
#include "config.h"
#include "core/gate.h"
#include "core/jsonin.h"
#include "core/service_impl.h"
#include "core/setting.h"

#include <json-c/json.h>
#include <string.h>

/* A JSON scalar as a value; slices point into j. */
static int
scalar(struct steme_json *j, struct steme_str text, struct steme_setting *v,
    struct steme_why *why)
{
	int err = steme_json_parse(j, text.p, text.n, 1, why);

	if (err != STEME_OK)
		return err;
	switch (json_object_get_type(j->root)) {
	case json_type_boolean:
		v->type = STEME_BOOLEAN;
		v->value = json_object_get_boolean(j->root) ? STEME_LIT("true") :
		    STEME_LIT("false");
		return STEME_OK;
	case json_type_string:
		v->type = STEME_TEXT;
		v->value.p = json_object_get_string(j->root);
		v->value.n = (size_t)json_object_get_string_len(j->root);
		return STEME_OK;
	case json_type_int:
	case json_type_double:
		v->type = STEME_NUMBER;
		v->value = j->number[0];
		return STEME_OK;
	default:
		return steme_fail(why, STEME_EINVAL, "a setting is a string, a number, "
		    "true or false");
	}
}

static int
set_value(struct steme_service *s, const struct steme_msg_set *m,
    const struct steme_setting *v, struct steme_put *out, struct steme_why *why)
{
	struct steme_key op;
	int err = steme_keyring_get(s->o.keyring, "operator", false, &op, NULL, why);

	if (err != STEME_OK)
		return err;
	/* one at a time: each takes back what it found */
	MUST(pthread_mutex_lock(&s->set_mu));
	err = steme_setting_put(s->o.store, &op, steme_wall_us(s->o.clock), m->concept,
	    m->predicate, v, out, why);
	MUST(pthread_mutex_unlock(&s->set_mu));
	steme_key_wipe(&op);
	return err;
}

static int
set(struct steme_service *s, struct steme_request *r, struct steme_put *out,
    struct steme_why *why)
{
	const size_t n = strlen(STEME_SYSTEM_PREFIX);
	struct steme_json j = {0};
	struct steme_setting v;
	struct steme_msg_set m;
	int err = STEME_OK;

	if (steme_msg_get_set(&m, r->payload, r->len) != STEME_OK)
		return steme_fail(why, STEME_EPROTO, "malformed SET");
	if (m.concept.n <= n || memcmp(m.concept.p, STEME_SYSTEM_PREFIX, n) != 0)
		return steme_fail(why, STEME_EINVAL, "settings lie below "
		    STEME_SYSTEM_PREFIX "; claims go by PUT or ASSERT");
	if (s->o.keyring == NULL)
		return steme_fail(why, STEME_EAUTH, "this daemon keeps no keys: the "
		    "operator has to sign the setting");
	if (m.value.n > 0) {
		err = scalar(&j, m.value, &v, why);
		if (err == STEME_OK)
			err = steme_gate_check(m.concept, m.predicate, v.type, v.value,
			    why);
	}
	if (err == STEME_OK)
		err = set_value(s, &m, m.value.n > 0 ? &v : NULL, out, why);
	steme_json_fini(&j);
	return err;
}

void
steme_svc_set(struct steme_service *s, struct steme_request *r)
{
	struct steme_msg_put_result m = { .why = STEME_LIT("") };
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	struct steme_put put;
	int err = set(s, r, &put, &why);

	if (err != STEME_OK) {
		steme_svc_why(s, r, err, &why);
		return;
	}
	m.status = (uint8_t)put.status;
	m.lsn = put.lsn;
	m.id = put.id;
	steme_msg_put_result(&b, &m);
	steme_svc_end_buf(s, r, &b);
}
