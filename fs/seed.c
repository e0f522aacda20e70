/* SPDX-License-Identifier: Apache-2.0 */
/* seed.c - the operator's first assertions. */
#include "config.h"
#include "fs/seed.h"
#include "core/setting.h"

#include <string.h>

struct seeding {
	struct steme_store *s;
	const struct steme_key *op;
	int64_t now_us;
	struct steme_why *why;
};

static int
say(struct seeding *sd, const char *concept, const char *predicate,
    enum steme_type type, const char *value)
{
	struct steme_setting v = { type, steme_str_from(value) };
	struct steme_put put;

	return steme_setting_put(sd->s, sd->op, sd->now_us, steme_str_from(concept),
	    steme_str_from(predicate), &v, &put, sd->why);
}

static int
say_agents(struct seeding *sd, const char *concept,
    const struct steme_conf_list *agents)
{
	struct steme_id id;
	int err = STEME_OK;

	for (unsigned i = 0; i < agents->n && err == STEME_OK; i++) {
		if (steme_id_parse(&id, agents->v[i], strlen(agents->v[i])) !=
		    STEME_OK)
			return steme_fail(sd->why, STEME_EINVAL, "[lens]: '%s' is "
			    "not an agent: 64 lower-case hex digits are needed",
			    agents->v[i]);
		err = say(sd, concept, agents->v[i], STEME_BOOLEAN, "true");
	}
	return err;
}

int
fs_seed(struct steme_store *s, const struct steme_key *op,
    const struct steme_conf *conf, struct steme_why *why)
{
	struct seeding sd = { s, op, steme_wall_us(&steme_clock_system), why };
	char hex[STEME_ID_HEX + 1];
	int err;

	if (steme_store_lsn(s) > 1)
		return STEME_OK;
	steme_id_hex(hex, &op->agent);
	if ((err = say(&sd, "_steme/stewards", hex, STEME_BOOLEAN, "true")) != 0 ||
	    (err = say_agents(&sd, "_steme/stewards", &conf->stewards)) != 0 ||
	    (err = say_agents(&sd, "_steme/roots", &conf->roots)) != 0)
		return err;
	return say(&sd, "_steme/lens", "unknown_trust", STEME_NUMBER,
	    conf->unknown_trust);
}
