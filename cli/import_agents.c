/* SPDX-License-Identifier: Apache-2.0 */
/* import_agents.c - the keys that an import signs with, found once and kept. */
#include "config.h"
#include "cli/import.h"
#include "cli/signer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned
bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h % AGENT_BUCKETS;
}

/* New files in D/keys belong to whom the folder belongs, also when root imports. */
static void
give_to_owner(struct agents *m, const char *name)
{
	static const char *const suffix[] = { "pem", "json" };
	char path[PATH_MAX + 320];
	struct stat st;

	if (geteuid() != 0 || stat(m->c->in.keys, &st) < 0 || st.st_uid == 0)
		return;
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", m->c->in.keys, name,
		    suffix[i]);
		if (lchown(path, st.st_uid, st.st_gid) < 0 && errno != ENOENT)
			cli_note(m->c, "%s: %s", path, strerror(errno));
	}
}

/* Without the ring no line with an agent can be signed: that ends the import. */
static int
open_ring(struct agents *m)
{
	int err = STEME_OK;

	if (access(m->c->in.keys, F_OK) == 0 &&
	    access(m->c->in.keys, R_OK | X_OK) < 0)
		err = steme_fail(&m->c->why, STEME_EPERM, "lines name an agent, and the "
		    "keys in %s cannot be read: %s; import as the daemon's user or "
		    "root, or sign with a key of your own (--key F, and no member "
		    "agent)", m->c->in.keys, strerror(errno));
	else
		err = steme_keyring_open(&m->ring, m->c->in.keys, &m->c->why);
	if (err != STEME_OK)
		m->status = cli_fail(m->c, err);
	return err;
}

/* A key of this name; made at its first use, with the class that the claim has. */
static int
load_key(struct agents *m, struct agent *a, enum steme_class class_,
    struct steme_why *why)
{
	char name[300];
	int err;

	snprintf(name, sizeof(name), "agent-%s", a->name);
	if (m->ring == NULL && m->dry && access(m->c->in.keys, F_OK) < 0)
		err = STEME_ENOTFOUND;
	else if (m->ring == NULL && (err = open_ring(m)) != STEME_OK)
		return err;
	else
		err = steme_keyring_get(m->ring, name, false, &a->key, &a->profile,
		    why);
	if (err != STEME_ENOTFOUND)
		return err;
	if (m->dry) {			/* nothing is to be left behind */
		steme_profile_default(&a->profile);
		steme_key_generate(&a->key);
		return STEME_OK;
	}
	err = steme_keyring_get(m->ring, name, true, &a->key, &a->profile, why);
	if (err != STEME_OK)
		return err;
	a->profile.class_ = class_;
	err = steme_keyring_set_profile(m->ring, name, &a->profile, why);
	give_to_owner(m, name);
	return err;
}

struct agent *
agents_find(struct agents *m, const char *name, enum steme_class class_,
    struct steme_why *why)
{
	struct agent **b, *a = m->last;

	if (a != NULL && strcmp(a->name, name) == 0)
		return a;
	b = &m->bucket[bucket_of(name)];
	for (a = *b; a != NULL; a = a->next)
		if (strcmp(a->name, name) == 0)
			return m->last = a;
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		steme_fail(why, STEME_ENOMEM, "out of memory");
		return NULL;
	}
	snprintf(a->name, sizeof(a->name), "%s", name);
	if (load_key(m, a, class_, why) != STEME_OK) {
		free(a);
		return NULL;
	}
	a->next = *b;
	*b = a;
	return m->last = a;
}

struct agent *
agents_self(struct agents *m)
{
	struct signer s;

	if (m->self != NULL)
		return m->self;
	if ((m->status = signer_find(m->c, m->key, m->as, &s)) != EX_OK)
		return NULL;
	if (s.remote) {
		m->status = cli_missing(m->c, "there are lines without an agent, and "
		    "no key to sign them: make one with steme keygen, or name an "
		    "agent of this machine with --agent NAME, or a key with --key F");
		return NULL;
	}
	if ((m->self = calloc(1, sizeof(*m->self))) == NULL) {
		m->status = cli_fail(m->c, STEME_ENOMEM);
		return NULL;
	}
	m->self->key = s.key;
	m->self->profile = s.profile;
	signer_wipe(&s);
	return m->self;
}

void
agents_fini(struct agents *m)
{
	struct agent *next;

	for (unsigned i = 0; i < AGENT_BUCKETS; i++)
		for (struct agent *a = m->bucket[i]; a != NULL; a = next) {
			next = a->next;
			steme_key_wipe(&a->key);
			free(a);
		}
	if (m->self != NULL)
		steme_key_wipe(&m->self->key);
	free(m->self);
	steme_keyring_close(m->ring);
}
