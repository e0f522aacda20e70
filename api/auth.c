/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c - admission: what a route asks of its caller, and who that is. */
#include "config.h"
#include "api/auth.h"
#include "api/api.h"

#include <stdio.h>
#include <string.h>

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
			    "from a caller on this machine only: sign the object "
			    "(members agent_id, time, signature), or write through "
			    "the mount");
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
	steme_msg_put_assert(b, s->uid, kind, n);
}

bool
api_admit(struct api_request *r)
{
	struct steme_why why = { "" };

	r->admitted = true;
	r->denied = STEME_OK;
	r->caller.role = STEME_ROLE_READER;
	if (r->route == NULL || r->route->access == API_HEALTH)
		return true;
	if (!api_host_ok(r))
		r->denied = steme_fail(&why, STEME_EPERM, "the header Host does not "
		    "name this machine: use localhost or 127.0.0.1, or add the name "
		    "to [api] hosts");
	else if (r->route->access == API_ADMIN)
		r->denied = api_may_admin(r, &why);
	snprintf(r->why, sizeof(r->why), "%s", why.text);
	return true;
}
