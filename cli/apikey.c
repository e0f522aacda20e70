/* SPDX-License-Identifier: Apache-2.0 */
/* apikey.c - steme apikey: what callers of the HTTP sidecar prove themselves with. */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/out.h"
#include "core/apikey.h"
#include "core/clock.h"
#include "core/sign.h"
#include "core/timefmt.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY	86400
#define UNSET	UINT64_MAX	/* no --days */

static int
concept_of(char out[64], const char *id)
{
	return snprintf(out, 64, STEME_APIKEY_CONCEPT "/%s", id);
}

/* ---- reading ---- */

/* Called for each key of the store; false ends the walk. */
typedef bool key_fn(struct cli *c, const struct steme_apikey *k, void *arg);

static bool
take_item(struct cli *c, struct steme_str item, key_fn *fn, void *arg)
{
	struct steme_apikey k = { 0 };
	struct steme_buf text = { 0 };
	char path[sizeof(STEME_APIKEY_CONCEPT) + STEME_APIKEY_ID + 2];
	bool go = true;

	jv_copy(path, sizeof(path), jv_get(item, "concept_path"));
	if (strlen(path) != sizeof(STEME_APIKEY_CONCEPT) + STEME_APIKEY_ID)
		return true;
	strcpy(k.id, path + sizeof(STEME_APIKEY_CONCEPT));
	jv_text(&text, jv_at(item, "object.value"));
	if (steme_apikey_read(&k, (struct steme_str){ (const char *)text.data,
	    text.len }) == STEME_OK)
		go = fn(c, &k, arg);
	steme_buf_fini(&text);
	return go;
}

/* 0, or the exit status after a complaint. */
static int
each_key(struct cli *c, key_fn *fn, void *arg)
{
	struct steme_buf q = { 0 }, answer = { 0 };
	char cursor[STEME_CURSOR_MAX + 1] = "";
	struct steme_query m;
	int err, status;
	bool go = true;

	if ((status = cli_connect(c)) != 0)
		return status;
	do {
		struct steme_str at = { 0 }, item, root;

		steme_query_init(&m);
		m.prefix = STEME_LIT(STEME_APIKEY_CONCEPT);
		m.predicate = STEME_LIT(STEME_APIKEY_PREDICATE);
		m.limit = 1000;
		if (cursor[0] != '\0')
			m.cursor = steme_str_from(cursor);
		steme_buf_clear(&q);
		steme_buf_clear(&answer);
		steme_msg_put_query(&q, &m);
		err = steme_client_ask(c->client, STEME_MSG_QUERY, q.data, q.len,
		    &answer, &c->why);
		root = jv_root(answer.data, answer.len);
		while (err == STEME_OK && go &&
		    jv_each(jv_get(root, "results"), &at, &item))
			go = take_item(c, item, fn, arg);
		cursor[0] = '\0';
		if (!jv_none(jv_get(root, "next_cursor")))
			jv_copy(cursor, sizeof(cursor), jv_get(root, "next_cursor"));
	} while (err == STEME_OK && go && cursor[0] != '\0');
	steme_buf_fini(&q);
	steme_buf_fini(&answer);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

struct wanted {
	const char *id;
	struct steme_apikey key;
	bool found;
};

static bool
is_wanted(struct cli *c, const struct steme_apikey *k, void *arg)
{
	struct wanted *w = arg;

	(void)c;
	if (strcmp(k->id, w->id) != 0)
		return true;
	w->key = *k;
	w->found = true;
	return false;
}

static int
find(struct cli *c, const char *id, struct steme_apikey *k)
{
	struct wanted w = { .id = id };
	int status = each_key(c, is_wanted, &w);

	*k = w.key;
	return status != EX_OK || w.found ? status : cli_failf(c, STEME_ENOTFOUND,
	    "there is no API key %s; steme apikey list shows them", id);
}

/* ---- list ---- */

struct listing {
	struct out_table t;
	struct steme_buf json;
	int64_t now;
	unsigned n;
};

static bool
add_row(struct cli *c, const struct steme_apikey *k, void *arg)
{
	struct listing *l = arg;
	char time[STEME_TIME_LEN + 1];

	if (c->json) {
		if (l->n++ > 0)
			steme_buf_putc(&l->json, ',');
		steme_apikey_show(&l->json, k);
		return true;
	}
	l->n++;
	out_cellf(&l->t, "%s", k->id);
	out_cell(&l->t, steme_str_from(k->name));
	out_cellf(&l->t, "%s", steme_role_name(k->role));
	out_cellf(&l->t, "%s", !k->enabled ? "disabled" :
	    k->expires_at <= l->now ? "expired" : "enabled");
	if (k->expires_at == STEME_APIKEY_NEVER) {
		out_cellf(&l->t, "never");
	} else {
		steme_time_format(time, k->expires_at * 1000000);
		out_cellf(&l->t, "%.10s", time);
	}
	return true;
}

static int
list(struct cli *c)
{
	static const char *const heads[] = { "ID", "NAME", "ROLE", "STATE",
	    "EXPIRES" };
	struct listing l = { .now = steme_wall_us(&steme_clock_system) / 1000000 };
	int status;

	out_table_init(&l.t, heads, 5);
	l.t.narrow = 1;
	steme_buf_puts(&l.json, "{\"keys\":[");
	status = each_key(c, add_row, &l);
	steme_buf_puts(&l.json, "]}\n");
	if (status == EX_OK && c->json)
		status = cli_print(c, &l.json);
	else if (status == EX_OK && l.n == 0)
		cli_note(c, "no API keys yet: steme apikey add NAME makes one");
	else if (status == EX_OK)
		out_table_print(&l.t, stdout, c->width, c->color);
	out_table_fini(&l.t);
	steme_buf_fini(&l.json);
	return status;
}

/* ---- changing ---- */

static int
save(struct cli *c, const struct steme_apikey *k)
{
	struct steme_buf text = { 0 }, json = { 0 };
	char concept[64];
	int err;

	concept_of(concept, k->id);
	steme_apikey_write(&text, k);
	out_json_str(&json, (struct steme_str){ (const char *)text.data, text.len });
	err = steme_client_set(c->client, steme_str_from(concept),
	    STEME_LIT(STEME_APIKEY_PREDICATE),
	    (struct steme_str){ (const char *)json.data, json.len }, &c->why);
	steme_buf_fini(&text);
	steme_buf_fini(&json);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

/* The agent that signs for the key: the daemon makes it. */
static int
make_agent(struct cli *c, struct steme_apikey *k)
{
	struct steme_msg_profile m = { .uid = STEME_UID_NAMED,
	    .source = STEME_LIT("") };
	struct steme_buf b = { 0 }, answer = { 0 };
	char signer[sizeof(STEME_APIKEY_SIGNER) + STEME_APIKEY_ID];
	int err;

	snprintf(signer, sizeof(signer), STEME_APIKEY_SIGNER "%s", k->id);
	m.key = steme_str_from(signer);
	steme_msg_put_profile(&b, &m);
	err = steme_client_ask(c->client, STEME_MSG_PROFILE, b.data, b.len, &answer,
	    &c->why);
	if (err == STEME_OK)
		err = steme_msg_get_profile(&m, answer.data, answer.len);
	k->agent = m.agent;
	steme_buf_fini(&b);
	steme_buf_fini(&answer);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

/* On stdout the token alone, for scripts; what it is, on stderr. */
static int
print_new(struct cli *c, const struct steme_apikey *k, const char *token)
{
	struct steme_buf b = { 0 };
	int status;

	if (c->json) {
		steme_apikey_show(&b, k);
		b.len -= b.len > 0;
		steme_buf_printf(&b, ",\"token\":\"%s\"}\n", token);
	} else {
		steme_buf_printf(&b, "%s\n", token);
		cli_note(c, "API key %s, role %s. This is the only time it is shown: "
		    "keep it, and send it as Authorization: Bearer TOKEN", k->id,
		    steme_role_name(k->role));
	}
	status = cli_print(c, &b);
	if (b.data != NULL)
		sodium_memzero(b.data, b.len);
	steme_buf_fini(&b);
	return status;
}

static int
add(struct cli *c, const char *name, const char *role, const char *expires,
    uint64_t days)
{
	struct steme_apikey k = { .enabled = true,
	    .expires_at = STEME_APIKEY_NEVER };
	char token[STEME_APIKEY_TOKEN + 1];
	int64_t us;
	int status;

	k.created_at = steme_wall_us(&steme_clock_system) / 1000000;
	if (steme_apikey_check_name(steme_str_from(name), &c->why) != STEME_OK)
		return cli_fail(c, STEME_EINVAL);
	strcpy(k.name, name);
	if ((k.role = steme_apikey_role(role)) == STEME_ROLE_NONE)
		return cli_usage(c, "--role is reader, writer or admin, not '%s'",
		    role);
	if (expires != NULL && days != UNSET)
		return cli_usage(c, "--expires or --days, not both");
	if (expires != NULL) {
		if (steme_time_parse_loose(steme_str_from(expires), &us) != STEME_OK)
			return cli_usage(c, "--expires '%s' is no time: 2027-01-31 or "
			    "2027-01-31T12:00:00Z", expires);
		k.expires_at = us / 1000000;
	}
	if (days == 0)
		return cli_usage(c, "--days takes 1 or more; without it a key never ends");
	if (days != UNSET) {
		if (days > (uint64_t)(STEME_APIKEY_NEVER - k.created_at) / DAY)
			return cli_usage(c, "--days %llu is beyond the year 9999",
			    (unsigned long long)days);
		k.expires_at = k.created_at + (int64_t)days * DAY;
	}
	if (k.expires_at <= k.created_at)
		cli_note(c, "warning: --expires %s is past: this key holds nowhere",
		    expires);
	if (steme_sign_init() != STEME_OK)
		return cli_failf(c, STEME_EIO, "libsodium cannot be initialised");
	if ((status = cli_connect(c)) != 0)
		return status;
	steme_apikey_make(&k, token);
	if ((status = make_agent(c, &k)) == EX_OK && (status = save(c, &k)) == EX_OK)
		status = print_new(c, &k, token);
	sodium_memzero(token, sizeof(token));
	return status;
}

static int
print_key(struct cli *c, const struct steme_apikey *k)
{
	struct steme_buf b = { 0 };
	int status;

	if (c->json) {
		steme_apikey_show(&b, k);
		steme_buf_putc(&b, '\n');
	} else {
		steme_buf_printf(&b, "API key %s (%s) is %s\n", k->id, k->name,
		    k->enabled ? "enabled" : "disabled");
	}
	status = cli_print(c, &b);
	steme_buf_fini(&b);
	return status;
}

static int
enable(struct cli *c, const char *id, bool on)
{
	struct steme_apikey k;
	int status = find(c, id, &k);

	if (status != EX_OK)
		return status;
	k.enabled = on;
	status = save(c, &k);
	return status == EX_OK ? print_key(c, &k) : status;
}

static int
remove_key(struct cli *c, const char *id)
{
	struct steme_apikey k;
	char concept[64];
	int status = find(c, id, &k), err;

	if (status != EX_OK)
		return status;
	concept_of(concept, k.id);
	err = steme_client_set(c->client, steme_str_from(concept),
	    STEME_LIT(STEME_APIKEY_PREDICATE), STEME_LIT(""), &c->why);
	if (err != STEME_OK)
		return cli_fail(c, err);
	printf(c->json ? "{\"id\":\"%s\",\"status\":\"removed\"}\n" :
	    "API key %s is removed\n", k.id);
	return EX_OK;
}

int
cmd_apikey(struct cli *c, int argc, char **argv)
{
	const char *role = NULL, *expires = NULL, *verb, *what;
	uint64_t days = UNSET;
	const struct cli_opt opts[] = {
		{ "role", OPT_TEXT, &role, "ROLE",
		    "of a new key: reader (default), writer or admin" },
		{ "expires", OPT_TEXT, &expires, "TIME",
		    "a new key ends then (a date, or RFC 3339)" },
		{ "days", OPT_UINT, &days, "N", "a new key ends after N days" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 1, 2)) >= 0)
		return status;
	verb = c->args[0];
	what = c->nargs > 1 ? c->args[1] : NULL;
	if (strcmp(verb, "add") != 0 && (role != NULL || expires != NULL ||
	    days != UNSET))
		return cli_usage(c, "--role, --expires and --days go with add");
	if (strcmp(verb, "list") == 0 && what == NULL)
		return list(c);
	if (strcmp(verb, "list") == 0)
		return cli_usage(c, "list takes nothing more");
	if (strcmp(verb, "add") != 0 && strcmp(verb, "enable") != 0 &&
	    strcmp(verb, "disable") != 0 && strcmp(verb, "remove") != 0)
		return cli_usage(c, "'%s' is not add, list, disable, enable or remove",
		    verb);
	if (what == NULL)
		return cli_usage(c, "%s needs %s", verb, strcmp(verb, "add") == 0 ?
		    "a NAME" : "the ID of a key");
	if (strcmp(verb, "add") == 0)
		return add(c, what, role == NULL ? "reader" : role, expires, days);
	if (strcmp(verb, "remove") == 0)
		return remove_key(c, what);
	return enable(c, what, verb[0] == 'e');
}
