/* SPDX-License-Identifier: Apache-2.0 */
/* render_agents.c - who signed something, and what is known of them. */
#include "config.h"
#include "core/render.h"

#include <stdio.h>

struct agents {
	struct steme_page page;
	struct steme_store *s;
	const struct steme_world *world;
	steme_agent_name *name;
	void *arg;
	struct steme_id last;
};

struct sums {
	uint64_t assertions, all;
};

static int
add_up(void *arg, uint64_t lsn, bool is_assertion)
{
	struct sums *c = arg;

	(void)lsn;
	c->all++;
	c->assertions += is_assertion;
	return 0;
}

/* In 1/1,000,000,000, without the zeros at the end. */
static void
put_trust(struct steme_jo *j, uint32_t trust)
{
	char t[24];
	int n = snprintf(t, sizeof(t), "%u.%09u", trust / 1000000000,
	    trust % 1000000000);

	while (t[n - 1] == '0')
		n--;
	if (t[n - 1] == '.')
		n--;
	steme_jo_key(j, "trust");
	steme_buf_put(j->b, t, (size_t)n);
}

static int
put_agent(void *arg, const struct steme_id *agent)
{
	struct agents *p = arg;
	struct sums c = { 0, 0 };
	struct steme_jo j;
	const char *name;
	int64_t since;
	int err;

	err = steme_store_by_agent(p->s, agent, 0, add_up, &c);
	if (err != STEME_OK || c.all == 0)	/* none is visible yet */
		return err;
	if (steme_page_is_full(&p->page))
		return 1;
	steme_page_item(&p->page, &j);
	steme_jo_id(&j, "agent_id", agent);
	steme_jo_uint(&j, "assertions", c.assertions);
	name = p->name == NULL ? NULL : p->name(p->arg, agent);
	steme_jo_opt(&j, "name", name == NULL ? (struct steme_str){ NULL, 0 } :
	    steme_str_from(name));
	put_trust(&j, steme_world_trust(p->world, agent));
	steme_jo_bool(&j, "steward", steme_world_is_steward(p->world, agent));
	if (steme_world_revoked(p->world, agent, &since))
		steme_jo_time(&j, "revoked_since", since);
	else
		steme_jo_null(&j, "revoked_since");
	steme_jo_end(&j);
	p->last = *agent;
	return steme_buf_err(j.b);
}

int
steme_json_agents(struct steme_store *s, steme_agent_name *name, void *arg,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct agents p = { .s = s, .name = name, .arg = arg };
	char last[STEME_ID_HEX + 1];
	struct steme_bounds now;
	struct steme_id from;
	int err;

	if ((err = steme_page_begin(&p.page, limit, b, why)) != STEME_OK)
		return err;
	if (after.n > 0 && steme_id_parse(&from, after.p, after.n) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "cursor: '%.*s' is none that was "
		    "given out here", (int)(after.n < 80 ? after.n : 80), after.p);
	steme_bounds_init(&now);
	if ((p.world = steme_store_world(s, &now)) == NULL)
		return STEME_ENOMEM;
	steme_page_list(&p.page, "agents");
	err = steme_store_agents(s, after.n > 0 ? &from : NULL, put_agent, &p);
	steme_world_put(p.world);
	if (err < 0)
		return err;
	steme_id_hex(last, &p.last);
	return steme_page_end(&p.page, steme_str_from(last));
}
