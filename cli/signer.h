/* SPDX-License-Identifier: Apache-2.0 */
/* signer.h - with which key a command signs. */
#ifndef STEME_CLI_SIGNER_H
#define STEME_CLI_SIGNER_H

#include "cli/cli.h"
#include "core/claim.h"

struct signer {
	bool remote;			/* the daemon signs, with the caller's uid key */
	struct steme_key key;		/* else; wipe with signer_wipe() */
	struct steme_profile profile;
	char what[PATH_MAX + 32];	/* "the key FILE", for messages */
};

/*
 * --key F; --as NAME (a key in D/keys: operator, an agent's name, uid-N; "me": the daemon signs
 * with the caller's uid key); neither: ~/.config/steme/key.pem, and where there is none,
 * as "me".  0, or the exit status after a complaint.
 */
int signer_find(struct cli *c, const char *key, const char *as, struct signer *s);
void signer_wipe(struct signer *s);
/* The default key's path; false: no home. */
bool signer_default_path(char out[PATH_MAX]);

#endif
