/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apikey.h - API keys: what callers of the sidecar from elsewhere prove themselves with.
 *
 * A token is `steme_`, 16 hex digits that name the key, `_`, 64 hex digits of secret (256
 * random bits).  It is shown once and kept nowhere: the store has its BLAKE2b-256 hash, in
 * the text of `_steme/apikeys/ID` `key`, a JSON object.  What a caller hands in without a
 * signature is signed by D/keys/apikey-ID.pem.
 *
 * The sidecar and the `steme` command make keys, and both read them.  Any thread.
 */
#ifndef STEME_APIKEY_H
#define STEME_APIKEY_H

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/path.h"
#include "core/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define STEME_APIKEY_ID		16
#define STEME_APIKEY_TOKEN	(6 + STEME_APIKEY_ID + 1 + 64)
#define STEME_APIKEY_CONCEPT	"_steme/apikeys"
#define STEME_APIKEY_PREDICATE	"key"
#define STEME_APIKEY_SIGNER	"apikey-"	/* then the id: a name in the keyring */
#define STEME_APIKEY_NEVER	INT64_C(253402300799)	/* the year 9999 ends */

struct steme_apikey {
	char id[STEME_APIKEY_ID + 1];
	char name[STEME_NAME_MAX + 1];	/* what people call it; UTF-8 */
	struct steme_id hash;		/* of the token */
	enum steme_role role;		/* reader, writer, admin */
	struct steme_id agent;		/* whose key signs for it */
	bool enabled;
	int64_t expires_at, created_at;	/* Unix seconds */
};

/* A new token; k->id and k->hash are set to it.  Wipe the token after use. */
void steme_apikey_make(struct steme_apikey *k, char token[STEME_APIKEY_TOKEN + 1]);
/* The id in what may be a token; false: it is none (n bytes of any kind). */
bool steme_apikey_id(char id[STEME_APIKEY_ID + 1], const char *token, size_t n);
/* Is it k's token?  Takes as long whatever differs. */
bool steme_apikey_matches(const struct steme_apikey *k, const char *token, size_t n);

/* "reader", "writer", "admin" to a role; ROLE_NONE: another word. */
enum steme_role steme_apikey_role(const char *word);
/* STEME_EINVAL with the rule, unless name is 1 to 128 bytes of UTF-8 without controls. */
int steme_apikey_check_name(struct steme_str name, struct steme_why *why);

/* The text kept in the store (k->id is the concept's). */
void steme_apikey_write(struct steme_buf *b, const struct steme_apikey *k);
/* From that text; k->id is left as it is.  STEME_EINVAL: it is not as above. */
int steme_apikey_read(struct steme_apikey *k, struct steme_str text);
/* A JSON object for people and programs: no hash.  Appended to b. */
void steme_apikey_show(struct steme_buf *b, const struct steme_apikey *k);

#endif
