/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - steme query, history, diff and ls: what the store says. */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/names.h"
#include "cli/out.h"
#include "cli/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ---- */

void
ask_options(struct ask *a, struct cli_opt opts[ASK_OPTS])
{
	const struct cli_opt o[ASK_OPTS] = {
		{ "lens", OPT_TEXT, &a->lens, "L", "recency (default), confidence, "
		    "consensus, votes, authority, layered, skeptic, constraints" },
		{ "as-of", OPT_TEXT, &a->as_of, "T",
		    "as of a date or time: 2026-01-31, 2026-01-31T12:00:00Z" },
		{ "known-at", OPT_TEXT, &a->known_at, "T",
		    "only what the store knew then: a time, or an hlc (steme log --json)" },
		{ "since", OPT_TEXT, &a->since, "HLC",
		    "only what was recorded after this hlc" },
		{ "lifecycle", OPT_TEXT, &a->lifecycle, "S", "approved, proposed, "
		    "under_review, deprecated or rejected only" },
		{ "epoch", OPT_TEXT, &a->epoch, "E", "claims of this epoch only" },
		{ "include", OPT_TEXT, &a->include, "LIST", "ask back in, comma-"
		    "separated: retracted,superseded,deprecated,rejected,old_epochs" },
		{ "decay", OPT_FLAG, &a->decay, NULL,
		    "old claims lose confidence by their class's half-life" },
		{ "limit", OPT_TEXT, &a->limit, "N", "at most N results (100)" },
		{ "cursor", OPT_TEXT, &a->cursor, "C",
		    "go on where a page with next_cursor ended" },
		{ "prefix", OPT_TEXT, &a->prefix, "P",
		    "every concept at or below P, instead of CONCEPT" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};

	memset(a, 0, sizeof(*a));
	memcpy(opts, o, sizeof(o));
}

static bool
set_str(struct cli *c, struct steme_query *q, const char *name, struct steme_str value,
    int *status)
{
	struct steme_why why;
	int err;

	if (value.p == NULL)
		return true;
	err = steme_query_set(q, steme_str_from(name), value, &c->why);
	if (err == STEME_OK)
		return true;
	why = c->why;
	*status = cli_usage(c, "%s", why.text);
	return false;
}

static bool
set(struct cli *c, struct steme_query *q, const char *name, const char *value,
    int *status)
{
	return set_str(c, q, name, steme_str_from(value), status);
}

bool
ask_fill(struct cli *c, const struct ask *a, struct steme_query *q, int *status)
{
	return set(c, q, "lens", a->lens, status) &&
	    set(c, q, "as_of", a->as_of, status) &&
	    set(c, q, "known_at", a->known_at, status) &&
	    set(c, q, "since", a->since, status) &&
	    set(c, q, "lifecycle", a->lifecycle, status) &&
	    set(c, q, "epoch", a->epoch, status) &&
	    set(c, q, "include", a->include, status) &&
	    set(c, q, "decay", a->decay ? "on" : NULL, status) &&
	    set(c, q, "limit", a->limit, status) &&
	    set(c, q, "cursor", a->cursor, status) &&
	    set_str(c, q, "prefix", cli_path(a->prefix), status);
}

/* CONCEPT and PREDICATE from the command line. */
static bool
take_args(struct cli *c, struct steme_query *q, char concept[STEME_CONCEPT_MAX + 1],
    int *status)
{
	if (q->prefix.p != NULL) {
		if (c->nargs > 1) {
			*status = cli_usage(c, "--prefix stands instead of CONCEPT");
			return false;
		}
		return c->nargs == 0 || set(c, q, "predicate", c->args[0], status);
	}
	if (c->nargs == 0) {
		*status = cli_usage(c, "a CONCEPT (or --prefix P) is missing");
		return false;
	}
	if (!cli_concept(c, c->args[0], concept, status))
		return false;
	q->concept = steme_str_from(concept);
	return c->nargs < 2 || set(c, q, "predicate", c->args[1], status);
}

/* ---- nothing found ---- */

/* Nothing but what the store says about itself, below _steme. */
static bool
is_empty_store(struct cli *c)
{
	struct steme_str at = { 0 }, item, children;
	struct steme_buf b = { 0 };
	bool empty = false;
	char name[16];

	if (steme_client_children(c->client, STEME_LIT(""), 0, 2, &b, NULL) ==
	    STEME_OK) {
		children = jv_get(jv_root(b.data, b.len), "children");
		empty = children.p != NULL;
		while (jv_each(children, &at, &item))
			empty &= strcmp(jv_copy(name, sizeof(name),
			    jv_get(item, "name")), "_steme") == 0;
	}
	steme_buf_fini(&b);
	return empty;
}

/* "did you mean": up to three neighbours. */
static bool
suggest(struct cli *c, struct steme_str concept)
{
	struct steme_str at = { 0 }, item, list;
	struct steme_buf b = { 0 }, text = { 0 };
	struct steme_why why;
	unsigned n = 0;

	if (steme_client_neighbours(c->client, concept, 3, &b, &why) == STEME_OK) {
		list = jv_root(b.data, b.len);
		while (jv_each(list, &at, &item)) {
			steme_buf_puts(&text, n++ > 0 ? ", " : "");
			jv_text(&text, item);
		}
	}
	if (n > 0)
		cli_note(c, "nothing about %.*s; did you mean %.*s?",
		    STEME_STR(concept), (int)text.len, (char *)text.data);
	steme_buf_fini(&b);
	steme_buf_fini(&text);
	return n > 0;
}

static size_t
count_children(struct cli *c, struct steme_str concept)
{
	struct steme_buf b = { 0 };
	struct steme_why why;
	size_t n = 0;

	if (steme_client_children(c->client, concept, 0, 100, &b, &why) == STEME_OK)
		n = jv_count(jv_get(jv_root(b.data, b.len), "children"));
	steme_buf_fini(&b);
	return n;
}

void
say_nothing(struct cli *c, struct steme_str concept)
{
	size_t n;

	if (is_empty_store(c))
		cli_note(c, "the store is empty.  Load the sample (facts about "
		    "countries) from the source tree: steme import --dir %s "
		    "etc/sample/countries.ndjson", c->in.dir);
	else if (concept.p == NULL)
		cli_note(c, "nothing there");
	else if ((n = count_children(c, concept)) > 0)
		cli_note(c, "%.*s has no claims that answer this; it holds %zu%s "
		    "concepts: steme ls %.*s", STEME_STR(concept), n,
		    n == 100 ? " or more" : "", STEME_STR(concept));
	else if (!suggest(c, concept))
		cli_note(c, "nothing about %.*s answers this", STEME_STR(concept));
}

/* ---- tables ---- */

static void
add_agents(struct names *names, struct steme_str results)
{
	struct steme_str at = { 0 }, item;
	struct steme_id id;

	while (jv_each(results, &at, &item))
		if (jv_id(jv_get(item, "agent_id"), &id))
			names_add(names, &id);
}

/* Cells from members of an item. */
static void
cell_of(struct out_table *t, struct steme_str item, const char *path)
{
	struct steme_buf b = { 0 };

	jv_text(&b, jv_at(item, path));
	out_cell(t, (struct steme_str){ b.data == NULL ? "" : (char *)b.data,
	    b.len });
	steme_buf_fini(&b);
}

void
cell_agent(struct out_table *t, const struct names *names, struct steme_str item)
{
	char text[64];
	struct steme_id id;

	if (jv_id(jv_get(item, "agent_id"), &id))
		out_cell(t, steme_str_from(names_of(names, &id, text)));
	else
		out_cell(t, STEME_LIT("-"));
}

char *
time_text(char s[40], struct steme_str v)
{
	jv_copy(s, 40, v);
	if (strcmp(s + STEME_MIN(strlen(s), 10), "T00:00:00.000000Z") == 0)
		s[10] = '\0';
	else if (strlen(s) == 27 && strcmp(s + 19, ".000000Z") == 0)
		strcpy(s + 19, "Z");
	return s;
}

void
cell_time(struct out_table *t, struct steme_str v)
{
	char s[40];

	out_cell(t, steme_str_from(time_text(s, v)));
}

static void
row_winner(struct out_table *t, const struct names *names, struct steme_str item)
{
	cell_of(t, item, "object.value");
	cell_of(t, item, "confidence");
	cell_of(t, item, "conflict_score");
	cell_of(t, item, "source_class");
	cell_agent(t, names, item);
	cell_time(t, jv_get(item, "time"));
}

static void
rows_layered(struct out_table *t, const struct names *names, struct steme_str item,
    bool prefix)
{
	struct steme_str at = { 0 }, tier;

	while (jv_each(jv_get(item, "tiers"), &at, &tier)) {
		if (prefix)
			cell_of(t, item, "concept_path");
		cell_of(t, item, "predicate");
		row_winner(t, names, tier);
	}
}

static void
rows_skeptic(struct out_table *t, struct steme_str item, bool prefix)
{
	struct steme_str at = { 0 }, v;

	while (jv_each(jv_get(item, "values"), &at, &v)) {
		if (prefix)
			cell_of(t, item, "concept_path");
		cell_of(t, item, "predicate");
		cell_of(t, v, "object.value");
		cell_of(t, v, "share");
		cell_of(t, v, "agents");
		cell_of(t, item, "status");
		cell_of(t, item, "conflict_score");
	}
}

static void
row_rule(struct out_table *t, const struct names *names, struct steme_str item)
{
	cell_of(t, item, "predicate");
	cell_of(t, item, "object.value");
	cell_of(t, item, "reason");
	cell_of(t, item, "declared_at");
	cell_agent(t, names, item);
	cell_time(t, jv_get(item, "time"));
}

static void
init_table(struct out_table *t, enum steme_lens lens, bool prefix)
{
	static const char *const winner[] = { "CONCEPT", "PREDICATE", "VALUE",
	    ">CONF", ">CONFLICT", "CLASS", "AGENT", "TIME" };
	static const char *const skeptic[] = { "CONCEPT", "PREDICATE", "VALUE",
	    ">SHARE", ">AGENTS", "STATUS", ">CONFLICT" };
	static const char *const rules[] = { "RULE", "VALUE", "REASON", "DECLARED AT",
	    "AGENT", "TIME" };
	unsigned skip = prefix ? 0 : 1;

	if (lens == STEME_LENS_CONSTRAINTS) {
		out_table_init(t, rules, 6);
		t->narrow = 2;
	} else if (lens == STEME_LENS_SKEPTIC) {
		out_table_init(t, skeptic + skip, 7 - skip);
		t->narrow = 2 - skip;
	} else {
		out_table_init(t, winner + skip, 8 - skip);
		t->narrow = 2 - skip;
	}
}

static void
print_query(struct cli *c, const struct steme_query *q, struct steme_str results)
{
	bool prefix = q->prefix.p != NULL;
	struct names *names = names_new();
	struct steme_str at = { 0 }, item;
	struct out_table t;

	init_table(&t, q->lens, prefix);
	add_agents(names, results);
	if (q->lens == STEME_LENS_LAYERED)
		while (jv_each(results, &at, &item))
			add_agents(names, jv_get(item, "tiers"));
	names_ask(names, c);
	at = (struct steme_str){ 0 };
	while (jv_each(results, &at, &item)) {
		if (q->lens == STEME_LENS_SKEPTIC) {
			rows_skeptic(&t, item, prefix);
		} else if (q->lens == STEME_LENS_LAYERED) {
			rows_layered(&t, names, item, prefix);
		} else if (q->lens == STEME_LENS_CONSTRAINTS) {
			row_rule(&t, names, item);
		} else {
			if (prefix)
				cell_of(&t, item, "concept_path");
			cell_of(&t, item, "predicate");
			row_winner(&t, names, item);
		}
	}
	out_table_print(&t, stdout, c->width, c->color);
	out_table_fini(&t);
	names_free(names);
}

static void
tell_more(struct cli *c, struct steme_str root)
{
	char cursor[STEME_CURSOR_MAX + 1];

	if (jv_none(jv_get(root, "next_cursor")))
		return;
	jv_copy(cursor, sizeof(cursor), jv_get(root, "next_cursor"));
	cli_note(c, "there is more: --limit N, or --cursor %s", cursor);
}

/* What a question is asked with, and how its answer is shown. */
typedef int ask_call(struct steme_client *client, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why);
typedef void show_results(struct cli *c, const struct steme_query *q,
    struct steme_str results);

/* A page may end with what it looked at before it has anything: then on with the next. */
static int
ask_on(struct cli *c, struct steme_query *q, ask_call *call,
    char cursor[STEME_CURSOR_MAX + 1], struct steme_buf *b)
{
	struct steme_str root, next;
	int err;

	for (;;) {
		steme_buf_clear(b);
		if ((err = call(c->client, q, b, &c->why)) != STEME_OK)
			return err;
		root = jv_root(b->data, b->len);
		next = jv_get(root, "next_cursor");
		if (jv_count(jv_get(root, "results")) > 0 || jv_none(next))
			return STEME_OK;
		jv_copy(cursor, STEME_CURSOR_MAX + 1, next);
		q->cursor = steme_str_from(cursor);
	}
}

static int
answer(struct cli *c, const struct ask *a, ask_call *call, show_results *show)
{
	char concept[STEME_CONCEPT_MAX + 1], cursor[STEME_CURSOR_MAX + 1];
	struct steme_buf b = { 0 };
	struct steme_str root;
	struct steme_query q;
	int status, err;

	steme_query_init(&q);
	if (!ask_fill(c, a, &q, &status) || !take_args(c, &q, concept, &status) ||
	    (status = cli_connect(c)) != EX_OK)
		return status;
	if ((err = ask_on(c, &q, call, cursor, &b)) != STEME_OK) {
		status = cli_fail(c, err);
		goto out;
	}
	root = jv_root(b.data, b.len);
	status = jv_count(jv_get(root, "results")) > 0 ? EX_OK : CLI_NO;
	if (c->json)
		status = cli_print(c, &b) != EX_OK ? EX_IOERR : status;
	else if (status == EX_OK)
		show(c, &q, jv_get(root, "results"));
	if (status == CLI_NO)
		say_nothing(c, q.concept);
	else if (!c->json)
		tell_more(c, root);
out:
	steme_buf_fini(&b);
	return status;
}

int
cmd_query(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[ASK_OPTS];
	struct ask a;
	int status;

	ask_options(&a, opts);
	if ((status = cli_parse(c, argc, argv, opts, 0, 2)) >= 0)
		return status;
	return answer(c, &a, steme_client_query, print_query);
}

/* ---- history ---- */

static void
print_history(struct cli *c, const struct steme_query *q, struct steme_str results)
{
	static const char *const heads[] = { "PREDICATE", "TIME", "STATE", "VALUE",
	    ">CONF", "CLASS", "AGENT", "SOURCE", "ID" };
	unsigned skip = q->predicate.p != NULL;
	struct names *names = names_new();
	struct steme_str at = { 0 }, item;
	struct out_table t;
	char id[65];

	out_table_init(&t, heads + skip, 9 - skip);
	t.narrow = 3 - skip;
	add_agents(names, results);
	names_ask(names, c);
	while (jv_each(results, &at, &item)) {
		if (!skip)
			cell_of(&t, item, "predicate");
		cell_time(&t, jv_get(item, "time"));
		cell_of(&t, item, "state");
		cell_of(&t, item, "object.value");
		cell_of(&t, item, "confidence");
		cell_of(&t, item, "source_class");
		cell_agent(&t, names, item);
		cell_of(&t, item, "source");
		/* whole, to be copied: cut to a terminal it would be of no use */
		jv_copy(id, sizeof(id), jv_get(item, "assertion_id"));
		out_cell(&t, steme_str_from(id));
	}
	out_table_print(&t, stdout, c->width, c->color);
	out_table_fini(&t);
	names_free(names);
}

int
cmd_history(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[ASK_OPTS];
	struct ask a;
	int status;

	ask_options(&a, opts);
	/* no lens, no prefix: history is what was said, of one concept */
	opts[ASK_OPTS - 2] = opts[ASK_OPTS - 1];
	if ((status = cli_parse(c, argc, argv, opts + 1, 1, 2)) >= 0)
		return status;
	return answer(c, &a, steme_client_history, print_history);
}
