/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - local names of agents. */
#include "config.h"
#include "cli/names.h"
#include "cli/jv.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct names *
names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void
names_free(struct names *s)
{
	free(s);
}

static struct name *
find(const struct names *s, const struct steme_id *agent)
{
	for (unsigned i = 0; s != NULL && i < s->n; i++)
		if (steme_id_eq(&s->v[i].id, agent))
			return (struct name *)&s->v[i];
	return NULL;
}

void
names_add(struct names *s, const struct steme_id *agent)
{
	if (s == NULL || s->n == NAMES_MAX || find(s, agent) != NULL)
		return;
	s->v[s->n++].id = *agent;
}

void
names_ask(struct names *s, struct cli *c)
{
	struct steme_str at = { 0 }, item, name;
	struct steme_id *ids, id;
	struct steme_buf b = { 0 };
	struct steme_why why;
	struct name *v;

	if (s == NULL || s->n == 0 || c->client == NULL ||
	    (ids = calloc(s->n, sizeof(*ids))) == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		ids[i] = s->v[i].id;
	if (steme_client_keys(c->client, ids, s->n, &b, &why) == STEME_OK) {
		struct steme_str keys = jv_get(jv_root(b.data, b.len), "keys");

		while (jv_each(keys, &at, &item)) {
			name = jv_get(item, "name");
			if (jv_id(jv_get(item, "agent"), &id) &&
			    (v = find(s, &id)) != NULL)
				jv_copy(v->text, sizeof(v->text), name);
		}
	}
	steme_buf_fini(&b);
	free(ids);
}

const char *
names_of(const struct names *s, const struct steme_id *agent, char out[64])
{
	const struct name *v = find(s, agent);

	if (v == NULL || v->text[0] == '\0')
		return out_short(out, agent);
	/* keys made by import are called agent-NAME; the claims say NAME */
	snprintf(out, 64, "%s", strncmp(v->text, "agent-", 6) == 0 ? v->text + 6 :
	    v->text);
	return out;
}
