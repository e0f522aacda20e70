/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed.c - the operator's first assertions, in one group: a start that was cut short has
 * left all of them, or none, and then the next one writes them.
 */
#include "config.h"
#include "fs/seed.h"
#include "core/log.h"
#include "core/setting.h"

#include <string.h>

/* The operator, both lists, and one number. */
struct seeds {
	struct steme_setting_of v[2 * STEME_CONF_LIST + 2];
	size_t n;
};

static void
add(struct seeds *sd, const char *concept, const char *predicate, enum steme_type type,
    const char *value)
{
	sd->v[sd->n++] = (struct steme_setting_of){ steme_str_from(concept),
	    steme_str_from(predicate), { type, steme_str_from(value) } };
}

static int
add_agents(struct seeds *sd, const char *concept, const struct steme_conf_list *agents,
    struct steme_why *why)
{
	struct steme_id id;

	for (unsigned i = 0; i < agents->n; i++) {
		if (steme_id_parse(&id, agents->v[i], strlen(agents->v[i])) !=
		    STEME_OK)
			return steme_fail(why, STEME_EINVAL, "[lens]: '%s' is "
			    "not an agent: 64 lower-case hex digits are needed",
			    agents->v[i]);
		add(sd, concept, agents->v[i], STEME_BOOLEAN, "true");
	}
	return STEME_OK;
}

int
fs_seed(struct steme_store *s, const struct steme_key *op,
    const struct steme_conf *conf, struct steme_why *why)
{
	struct seeds sd = { .n = 0 };
	char hex[STEME_ID_HEX + 1];
	int err;

	if (!steme_id_eq(&op->agent, &steme_store_genesis(s)->operator_)) {
		steme_id_hex(hex, &steme_store_genesis(s)->operator_);
		steme_log(STEME_WARN, "keys/operator.pem is not the key of this store's "
		    "operator (%s): caps, drain, API keys and other settings cannot be "
		    "changed until the store's own is put back, and the daemon started "
		    "again", hex);
	}
	if (steme_store_lsn(s) > 1)
		return STEME_OK;
	steme_id_hex(hex, &op->agent);
	add(&sd, "_steme/stewards", hex, STEME_BOOLEAN, "true");
	if ((err = add_agents(&sd, "_steme/stewards", &conf->stewards, why)) !=
	    STEME_OK || (err = add_agents(&sd, "_steme/roots", &conf->roots, why)) !=
	    STEME_OK)
		return err;
	add(&sd, "_steme/lens", "unknown_trust", STEME_NUMBER, conf->unknown_trust);
	return steme_setting_put_first(s, op, steme_wall_us(&steme_clock_system), sd.v,
	    sd.n, why);
}
