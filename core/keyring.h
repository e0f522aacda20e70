/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - keys the store's own machine holds: D/keys/operator.pem,
 * uid-UID.pem (made at that uid's first write), agent-NAME.pem (import), each with an
 * optional profile NAME.json {"class","confidence","source"} beside it.
 *
 * Loaded keys are kept in memory and wiped at close; a file that was replaced or removed
 * counts at once.  Symbolic links are not followed.  Secrets are never logged.
 * Threads: any.  The lock (rank: leaf) is not held while files are read or written.
 */
#ifndef STEME_KEYRING_H
#define STEME_KEYRING_H

#include "core/buf.h"
#include "core/claim.h"
#include "core/sign.h"

#include <sys/types.h>

struct steme_keyring;

/*
 * dir is made 0700 if absent.  STEME_EPERM: others may write to it (why has the cure);
 * STEME_EINVAL: it is no directory, or a symbolic link.
 */
int steme_keyring_open(struct steme_keyring **out, const char *dir,
    struct steme_why *why);
void steme_keyring_close(struct steme_keyring *k);

/*
 * The key called name ("operator", "uid-1000", "agent-cia"): [A-Za-z0-9._-]{1,128}, no
 * leading dot.  create: made and saved if absent.  key and profile are copied out (wipe the
 * key); profile may be NULL.  Without a profile file: no class, confidence 1, no source.
 * STEME_ENOTFOUND: no such key; STEME_EPERM: others may read its file;
 * STEME_EINVAL: a bad name, or a file that is no key or no profile (why says which).
 */
int steme_keyring_get(struct steme_keyring *k, const char *name, bool create,
    struct steme_key *key, struct steme_profile *profile, struct steme_why *why);
int steme_keyring_uid(struct steme_keyring *k, uid_t uid, struct steme_key *key,
    struct steme_profile *profile, struct steme_why *why);
/* Writes the profile of name (atomically, durable when it returns). */
int steme_keyring_set_profile(struct steme_keyring *k, const char *name,
    const struct steme_profile *p, struct steme_why *why);
/*
 * The local name of an agent's key, or NULL; valid until close.  Looks through dir for
 * keys that were not loaded yet, whenever dir has changed.
 */
const char *steme_keyring_name_of(struct steme_keyring *k, const struct steme_id *agent);

/* ---- profiles as text (keyring_profile.c); pure ---- */

#define STEME_PROFILE_MAX	8192	/* bytes of a profile file */
/* No class, confidence 1, no source. */
void steme_profile_default(struct steme_profile *p);
/*
 * {"class": NAME|null, "confidence": 0..1, "source": TEXT|null}: every member is
 * optional, an unknown one refused.  STEME_EINVAL or STEME_ETOOBIG, why names member and rule;
 * then *p is not touched.
 */
int steme_profile_parse(struct steme_profile *p, const char *json, size_t len,
    struct steme_why *why);
/* The same as text, one line; STEME_EINVAL if p breaks a rule. */
int steme_profile_format(struct steme_buf *b, const struct steme_profile *p,
    struct steme_why *why);

#endif
