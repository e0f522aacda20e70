/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - admission: what a route asks of its caller, and who that is. */
#include "config.h"
#include "api/auth.h"
#include "api/api.h"
#include "api/settings.h"
#include "core/clock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int
api_may_admin(struct api_request *r, struct steme_why *why)
{
	struct api_caller *k = &r->caller;

	if (k->kind != API_KEY && !api_is_local(r))
		switch (k->far) {
		case API_FAR_HEADER:
			return steme_fail(why, STEME_EPERM, "the header %s shows that "
			    "this does not come straight from a program on this "
			    "machine: send an API key with the role admin "
			    "(Authorization: Bearer TOKEN)", k->spoilt);
		case API_FAR_CLOSED:
			return steme_fail(why, STEME_EPERM, "the other end of the "
			    "connection is closed, so it is not known which user "
			    "asks: keep it open until the answer");
		default:
			return steme_fail(why, STEME_EAUTH, "administration is for "
			    "callers on this machine, and for those who send an API "
			    "key with the role admin (Authorization: Bearer TOKEN)");
		}
	if (k->role == STEME_ROLE_ADMIN ||
	    (k->kind == API_LOCAL && strcmp(r->api->conf.admin, "open") == 0))
		return STEME_OK;
	if (k->kind == API_KEY)
		return steme_fail(why, STEME_EPERM, "the API key %s has the role %s; "
		    "this needs the role admin", k->key_id,
		    steme_role_name(k->role));
	return steme_fail(why, STEME_EPERM, "your user may not administer: root, the "
	    "daemon's user, the owner of a private --dir and members of the group "
	    "stemedb may");
}

int
api_signer(struct api_request *r, struct api_signer *s, struct steme_why *why)
{
	struct api_caller *k = &r->caller;

	memset(s, 0, sizeof(*s));
	if (k->kind == API_KEY) {
		if (k->role < STEME_ROLE_WRITER)
			return steme_fail(why, STEME_EPERM, "the API key %s has the "
			    "role %s; what comes without a signature needs a key "
			    "with the role writer, or send a signed object",
			    k->key_id, steme_role_name(k->role));
		s->uid = STEME_UID_NAMED;
		snprintf(s->key, sizeof(s->key), STEME_APIKEY_SIGNER "%s", k->key_id);
		return STEME_OK;
	}
	if (!api_is_local(r))
		switch (k->far) {
		case API_FAR_HEADER:
			return steme_fail(why, STEME_EPERM, "the header %s shows that "
			    "this does not come straight from a program on this "
			    "machine, so it is not signed here: send a signed object",
			    k->spoilt);
		case API_FAR_CLOSED:
			return steme_fail(why, STEME_EPERM, "the other end of the "
			    "connection is closed, so it is not known whose key "
			    "should sign this: keep it open until the answer, or send "
			    "a signed object");
		default:
			return steme_fail(why, STEME_EAUTH, "an unsigned write is taken "
			    "from a caller on this machine, or with an API key: sign "
			    "the object (members agent_id, time, signature), or send "
			    "a key with the role writer (Authorization: Bearer "
			    "TOKEN)");
		}
	if (k->role < STEME_ROLE_WRITER)
		return steme_fail(why, STEME_EPERM, "your user may not write: root, "
		    "the daemon's user, the owner of a private --dir and members of "
		    "the group stemedb may");
	s->uid = (uint32_t)k->uid;
	return STEME_OK;
}

void
api_put_assert(struct steme_buf *b, const struct api_signer *s, uint8_t kind,
    uint32_t n)
{
	if (s->uid == STEME_UID_NAMED)
		steme_msg_put_assert_key(b, steme_str_from(s->key), kind, n);
	else
		steme_msg_put_assert(b, s->uid, kind, n);
}

/* ---- admission ---- */

/* The API key that came with r; absent: none.  Other schemes than Bearer are not ours. */
static struct steme_str
token_of(const struct api_request *r)
{
	const char *v = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Authorization");
	size_t n;

	/* blanks at the end are gone: of `Bearer` and an empty variable the word is left */
	if (v != NULL && strncasecmp(v, "Bearer", 6) == 0 &&
	    (v[6] == ' ' || v[6] == '\0'))
		v += 6 + strspn(v + 6, " ");
	else
		v = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, "X-API-Key");
	if (v == NULL)
		return (struct steme_str){ 0 };
	for (n = strlen(v); n > 0 && v[n - 1] == ' '; n--)
		continue;
	return (struct steme_str){ v, n };
}

/* Whose key is it?  What is said of a key is said only to those who have its secret. */
static int
take_key(struct api_request *r, struct steme_str token, struct steme_why *why)
{
	struct api_caller *c = &r->caller;
	char id[STEME_APIKEY_ID + 1];
	struct steme_apikey k;
	int64_t now = steme_wall_us(&steme_clock_system) / 1000000;

	if (api_settings_version(r->api->settings) == 0)
		return steme_fail(why, STEME_ECONN, "the API key cannot be checked "
		    "while the daemon (stemefs) does not answer; start it with "
		    "`steme up`, then try again");
	if (!steme_apikey_id(id, token.p, token.n) ||
	    !api_settings_key(r->api->settings, id, &k) ||
	    !steme_apikey_matches(&k, token.p, token.n))
		return steme_fail(why, STEME_EAUTH, "the API key is not known here: "
		    "it is wrong, or was removed; `steme apikey add` makes one");
	if (!k.enabled)
		return steme_fail(why, STEME_EAUTH, "the API key %s is disabled; "
		    "`steme apikey enable %s` allows it again", k.id, k.id);
	if (k.expires_at <= now)
		return steme_fail(why, STEME_EAUTH, "the API key %s has expired; "
		    "`steme apikey add` makes another", k.id);
	c->kind = API_KEY;
	c->role = k.role;
	strcpy(c->key_id, k.id);
	steme_id_hex(c->agent, &k.agent);
	return STEME_OK;
}

/*
 * Settings that nobody has read yet are waited for; else only a caller's key is, as it may
 * just have been disabled.  All others see a change a moment after it.
 */
static bool
must_wait(struct api_request *r, bool has_key)
{
	struct api_settings *s = r->api->settings;

	if (api_settings_fresh(s) || !steme_aclient_up(r->api->client))
		return false;
	if (r->asked_settings || (!has_key && api_settings_version(s) > 0)) {
		api_settings_load(s);
		return false;
	}
	r->asked_settings = true;
	return true;
}

static int
decide(struct api_request *r, struct steme_str token, struct steme_why *why)
{
	int err;

	if (!api_host_ok(r))
		return steme_fail(why, STEME_EPERM, "the header Host does not name "
		    "this machine: use localhost or 127.0.0.1, or add the name to "
		    "[api] hosts");
	if (token.p != NULL && (err = take_key(r, token, why)) != STEME_OK)
		return err;
	return r->route->access == API_ADMIN ? api_may_admin(r, why) : STEME_OK;
}

bool
api_admit(struct api_request *r)
{
	struct steme_str token = { 0 };
	struct steme_why why = { "" };
	bool open = r->route == NULL || r->route->access == API_HEALTH;

	if (!open)
		token = token_of(r);
	else if (!api_settings_fresh(r->api->settings))
		api_settings_load(r->api->settings);
	if (!open && must_wait(r, token.p != NULL) &&
	    api_settings_wait(r->api->settings, r))
		return false;
	r->admitted = true;
	r->caller.role = STEME_ROLE_READER;
	if (!open)
		r->denied = decide(r, token, &why);
	snprintf(r->why, sizeof(r->why), "%s", why.text);
	return true;
}
