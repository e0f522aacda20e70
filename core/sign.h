/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - Ed25519 keys and signatures (RFC 8032, pure: over the exact bytes),
 * with key files that openssl reads and writes: PKCS#8 PEM (RFC 8410), 0600.
 * Any thread.  steme_sign_init() once before the first use.
 */
#ifndef STEME_SIGN_H
#define STEME_SIGN_H

#include "core/err.h"
#include "core/hash.h"

#define STEME_SIG_LEN	64
#define STEME_SIG_HEX	128

struct steme_sig {
	uint8_t b[STEME_SIG_LEN];
};

/* A private key; wipe with steme_key_wipe(). */
struct steme_key {
	uint8_t seed[32];
	uint8_t secret[64];	/* libsodium's form: seed, then public key */
	struct steme_id agent;	/* the public key: the author's name */
};

/* Prepares libsodium.  STEME_OK or STEME_EIO.  May be called again. */
int steme_sign_init(void);
void steme_key_generate(struct steme_key *k);
void steme_key_from_seed(struct steme_key *k, const uint8_t seed[32]);
void steme_key_wipe(struct steme_key *k);

/*
 * Writes k to path: mode 0600, made with O_EXCL in a temporary file beside it,
 * synced, then linked into place.  STEME_EEXIST if path exists (never overwritten).
 */
int steme_key_save(const struct steme_key *k, const char *path,
    struct steme_why *why);
/*
 * Reads a key file.  Refuses one that group or others may read (STEME_EPERM),
 * and anything but one unencrypted Ed25519 PKCS#8 key (STEME_EINVAL, why says what
 * was found).  STEME_ENOTFOUND if there is none.
 */
int steme_key_load(struct steme_key *k, const char *path, struct steme_why *why);
/*
 * The same from the text of a key file: one block PRIVATE KEY; text outside of
 * the block is passed over, as openssl does.  STEME_OK or STEME_EINVAL (why is a
 * predicate: "is encrypted; ..."); then *k is not touched.
 */
int steme_key_parse(struct steme_key *k, const char *pem, size_t len,
    struct steme_why *why);
/* The text of k's file, NUL-terminated.  Wipe it (it holds the secret). */
#define STEME_KEY_PEM_MAX	128
void steme_key_pem(char out[STEME_KEY_PEM_MAX], const struct steme_key *k);
/* The PEM text of the public key (SubjectPublicKeyInfo), as openssl -pubin reads it. */
void steme_agent_pem(char out[128], const struct steme_id *agent);

void steme_sign(struct steme_sig *sig, const struct steme_key *k,
    const void *data, size_t len);
/* STEME_OK or STEME_ESIG. */
int steme_verify(const struct steme_sig *sig, const struct steme_id *agent,
    const void *data, size_t len);

#endif
