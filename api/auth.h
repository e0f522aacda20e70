/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - who calls, and what they may.  doc/api.md, "Access".
 *
 * Every request is admitted once its headers are there, before its body is looked at: the
 * Host rule, the API key if there is one, what the route asks for.  After that
 * r->caller stands, but for the question whether a caller without a key is local,
 * which costs a question to the kernel and so is asked when it matters: api_is_local().
 *
 * All of it runs in the listener's thread.
 */
#ifndef STEME_API_AUTH_H
#define STEME_API_AUTH_H

#include "core/apikey.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct api_request;
struct steme_buf;

enum api_caller_kind {
	API_ANON,	/* nothing is known of them (yet) */
	API_LOCAL,	/* a user of this machine */
	API_KEY		/* has an API key that holds */
};

/* Why somebody is not local. */
enum api_far {
	API_FAR_UNASKED,	/* nobody asked yet; or they are local */
	API_FAR_ADDRESS,	/* another machine, or trust_loopback is off */
	API_FAR_HEADER,		/* the header `spoilt` shows it */
	API_FAR_CLOSED		/* their end is closed, so nobody knows whose it was */
};

struct api_caller {
	enum api_caller_kind kind;
	uid_t uid;			/* LOCAL */
	enum steme_role role;		/* READER if ANON */
	char key_id[STEME_APIKEY_ID + 1];	/* KEY; "" else */
	char agent[STEME_ID_HEX + 1];	/* KEY: the agent bound to it; "" else */
	enum api_far far;
	char spoilt[64];
};

/*
 * Decides on r.  False: r is suspended until it can be decided; ask again when it is
 * awake.  Then r->denied is STEME_OK, or the error to answer with and r->why the
 * sentence: STEME_EAUTH (401), STEME_EPERM (403), STEME_ECONN (503).
 */
bool api_admit(struct api_request *r);

/* Is the caller a user of this machine?  Asked once; fills r->caller.  A key's is not. */
bool api_is_local(struct api_request *r);

/* May the caller administer?  STEME_OK, STEME_EAUTH or STEME_EPERM with the reason. */
int api_may_admin(struct api_request *r, struct steme_why *why);

/* Whose key signs what came without a signature. */
struct api_signer {
	uint32_t uid;			/* STEME_UID_NAMED: key says which */
	char key[sizeof(STEME_APIKEY_SIGNER) + STEME_APIKEY_ID];
};
/* STEME_OK, STEME_EAUTH (nobody is known to sign for) or STEME_EPERM, with the reason. */
int api_signer(struct api_request *r, struct api_signer *s, struct steme_why *why);
/* The head of an ASSERT by that signer (msg.h). */
void api_put_assert(struct steme_buf *b, const struct api_signer *s, uint8_t kind,
    uint32_t n);

#endif
