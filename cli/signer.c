/* SPDX-License-Identifier: Apache-2.0 */
/* signer.c - finds the key to sign with. */
#include "config.h"
#include "cli/signer.h"
#include "core/keyring.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
signer_default_path(char out[PATH_MAX])
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct passwd *pw;
	int n;

	if (xdg != NULL && xdg[0] == '/') {
		n = snprintf(out, PATH_MAX, "%s/steme/key.pem", xdg);
		return n > 0 && n < PATH_MAX;
	}
	if ((home == NULL || home[0] != '/') && (pw = getpwuid(getuid())) != NULL)
		home = pw->pw_dir;
	if (home == NULL)
		return false;
	n = snprintf(out, PATH_MAX, "%s/.config/steme/key.pem", home);
	return n > 0 && n < PATH_MAX;
}

void
signer_wipe(struct signer *s)
{
	if (!s->remote)
		steme_key_wipe(&s->key);
}

/* A key of the machine's own ring, by its name or an agent's. */
static int
from_ring(struct cli *c, const char *name, struct signer *s)
{
	struct steme_keyring *ring = NULL;
	char agent[300];
	int err;

	if (access(c->in.keys, R_OK | X_OK) < 0)
		return cli_failf(c, STEME_EPERM, "the keys in %s cannot be read: %s "
		    "(only the daemon's user and root may)", c->in.keys,
		    strerror(errno));
	if ((err = steme_keyring_open(&ring, c->in.keys, &c->why)) != STEME_OK)
		return cli_fail(c, err);
	snprintf(agent, sizeof(agent), "agent-%.250s", name);
	err = steme_keyring_get(ring, agent, false, &s->key, &s->profile, &c->why);
	if (err == STEME_ENOTFOUND || err == STEME_EINVAL)
		err = steme_keyring_get(ring, name, false, &s->key, &s->profile,
		    &c->why);
	steme_keyring_close(ring);
	snprintf(s->what, sizeof(s->what), "the key %.200s", name);
	if (err == STEME_ENOTFOUND)
		return cli_missing(c, "there is no key '%s' in %s; steme keys lists "
		    "them", name, c->in.keys);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

int
signer_find(struct cli *c, const char *key, const char *as, struct signer *s)
{
	char path[PATH_MAX];
	int err;

	memset(s, 0, sizeof(*s));
	steme_profile_default(&s->profile);
	if (steme_sign_init() != STEME_OK)
		return cli_failf(c, STEME_EIO, "libsodium cannot be initialised");
	if (key != NULL && as != NULL)
		return cli_usage(c, "--key and --as exclude each other");
	if (as != NULL && strcmp(as, "me") != 0)
		return from_ring(c, as, s);
	if (key == NULL && (as != NULL || !signer_default_path(path) ||
	    access(path, F_OK) < 0)) {
		s->remote = true;
		snprintf(s->what, sizeof(s->what), "the key of your user, kept by "
		    "the daemon");
		return EX_OK;
	}
	if (key == NULL)
		key = path;
	snprintf(s->what, sizeof(s->what), "the key %s", key);
	if ((err = steme_key_load(&s->key, key, &c->why)) == STEME_ENOTFOUND)
		return cli_missing(c, "there is no key file %s; steme keygen --key %s "
		    "makes one", key, key);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}
