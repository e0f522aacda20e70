/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - keys the store's own machine holds: D/keys/operator.pem,
 * uid-UID.pem (made at that uid's first write), agent-NAME.pem (import), each with an
 * optional profile NAME.json {"class","confidence","source"} beside it.
 *
 * Loaded keys are kept in memory.  Threads: any.
 */
#ifndef STEME_KEYRING_H
#define STEME_KEYRING_H

#include "core/claim.h"
#include "core/sign.h"

#include <sys/types.h>

struct steme_keyring;

/* dir is made 0700 if absent. */
int steme_keyring_open(struct steme_keyring **out, const char *dir,
    struct steme_why *why);
void steme_keyring_close(struct steme_keyring *k);

/*
 * The key called name ("operator", "uid-1000", "agent-cia"): [A-Za-z0-9._-]{1,128}.
 * create: made and saved if absent.  key and profile are copied out; profile may be NULL.
 */
int steme_keyring_get(struct steme_keyring *k, const char *name, bool create,
    struct steme_key *key, struct steme_profile *profile, struct steme_why *why);
int steme_keyring_uid(struct steme_keyring *k, uid_t uid, struct steme_key *key,
    struct steme_profile *profile, struct steme_why *why);
/* Writes the profile of name (atomically). */
int steme_keyring_set_profile(struct steme_keyring *k, const char *name,
    const struct steme_profile *p, struct steme_why *why);
/* The local name of an agent's key, or NULL; valid until close. */
const char *steme_keyring_name_of(struct steme_keyring *k, const struct steme_id *agent);

#endif
