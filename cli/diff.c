/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c - steme diff (two lenses or two times) and steme ls (browsing). */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/out.h"
#include "cli/query.h"
#include "core/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a side answers, in words: its value, or those of the skeptic. */
static void
cell_side(struct out_table *t, struct steme_str side)
{
	struct steme_str at = { 0 }, v;
	struct steme_buf b = { 0 };

	if (jv_none(side)) {
		out_cell(t, STEME_LIT("-"));
		return;
	}
	if (jv_get(side, "values").p == NULL)
		jv_text(&b, jv_at(side, "object.value"));
	while (jv_each(jv_get(side, "values"), &at, &v)) {
		steme_buf_puts(&b, b.len > 0 ? " | " : "");
		jv_text(&b, jv_at(v, "object.value"));
	}
	out_cell(t, (struct steme_str){ b.data == NULL ? "" : (char *)b.data,
	    b.len });
	steme_buf_fini(&b);
}

/* "recency", or "recency 2026-01-01". */
static void
head_of(char out[80], struct steme_str side)
{
	char lens[20], at[40];

	jv_copy(lens, sizeof(lens), jv_get(side, "lens"));
	time_text(at, jv_get(side, "as_of"));
	snprintf(out, 80, "%s%s%s", lens, at[0] == '\0' ? "" : " ", at);
}

static void
print_diff(struct cli *c, struct steme_str root)
{
	struct steme_str at = { 0 }, item, predicate;
	struct steme_buf b = { 0 };
	char a_head[80], b_head[80];
	const char *heads[3] = { "PREDICATE", a_head, b_head };
	struct out_table t;

	head_of(a_head, jv_get(root, "a"));
	head_of(b_head, jv_get(root, "b"));
	out_table_init(&t, heads, 3);
	t.narrow = 1;
	while (jv_each(jv_get(root, "differences"), &at, &item)) {
		predicate = jv_get(item, "predicate");
		steme_buf_clear(&b);
		jv_text(&b, predicate);
		out_cell(&t, (struct steme_str){ (char *)b.data, b.len });
		cell_side(&t, jv_get(item, "a"));
		cell_side(&t, jv_get(item, "b"));
	}
	out_table_print(&t, stdout, c->width, c->color);
	out_table_fini(&t);
	steme_buf_fini(&b);
}


/* The two sides from A and B: each a lens, a time, or both as LENS@TIME. */
static bool
split_side(struct cli *c, const char *text, char lens[32], const char **time,
    int *status)
{
	const char *at = strchr(text, '@');
	size_t n = at == NULL ? strlen(text) : (size_t)(at - text);
	enum steme_lens l;

	if (n >= 32) {
		*status = cli_usage(c, "'%s' is no lens", text);
		return false;
	}
	memcpy(lens, text, n);
	lens[n] = '\0';
	*time = at == NULL ? NULL : at + 1;
	if (n > 0 && at == NULL && lens[0] >= '0' && lens[0] <= '9') {
		*time = text;			/* a bare time */
		lens[0] = '\0';
	}
	if (lens[0] != '\0' && steme_lens_parse(steme_str_from(lens), &l,
	    &c->why) != STEME_OK) {
		struct steme_why why = c->why;

		*status = cli_usage(c, "%s", why.text);
		return false;
	}
	return true;
}

static bool
fill_side(struct cli *c, const char *text, struct ask *a, struct steme_query *q,
    char lens[32], int *status)
{
	const char *time;

	if (!split_side(c, text, lens, &time, status))
		return false;
	if (lens[0] != '\0')
		a->lens = lens;
	if (time != NULL)
		a->as_of = time;
	return ask_fill(c, a, q, status);
}

/* Is there anything to compare?  (True where that cannot be found out.) */
static bool
answers(struct cli *c, const struct steme_query *q)
{
	struct steme_buf b = { 0 };
	bool yes = true;

	if (steme_client_query(c->client, q, &b, NULL) == STEME_OK)
		yes = jv_count(jv_get(jv_root(b.data, b.len), "results")) > 0;
	steme_buf_fini(&b);
	return yes;
}

int
cmd_diff(struct cli *c, int argc, char **argv)
{
	char concept[STEME_CONCEPT_MAX + 1], lens[2][32];
	const char *predicate = NULL;
	const struct cli_opt opts[] = {
		{ "predicate", OPT_TEXT, &predicate, "P", "only this predicate" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	struct steme_buf b = { 0 };
	struct steme_query q[2];
	struct ask a[2];
	struct steme_str root;
	int status, err;

	if ((status = cli_parse(c, argc, argv, opts, 3, 3)) >= 0)
		return status;
	if (!cli_concept(c, c->args[0], concept, &status))
		return status;
	memset(a, 0, sizeof(a));
	for (int i = 0; i < 2; i++) {
		steme_query_init(&q[i]);
		if (!fill_side(c, c->args[1 + i], &a[i], &q[i], lens[i], &status))
			return status;
		q[i].concept = steme_str_from(concept);
		q[i].predicate = steme_str_from(predicate);
	}
	if ((status = cli_connect(c)) != EX_OK)
		return status;
	err = steme_client_diff(c->client, &q[0], &q[1], &b, &c->why);
	if (err != STEME_OK) {
		status = cli_fail(c, err);
		goto out;
	}
	root = jv_root(b.data, b.len);
	status = jv_count(jv_get(root, "differences")) > 0 ? CLI_NO : EX_OK;
	if (c->json)
		status = cli_print(c, &b) != EX_OK ? EX_IOERR : status;
	else
		print_diff(c, root);
	if (status == EX_OK && !answers(c, &q[0]) && !answers(c, &q[1])) {
		say_nothing(c, q[0].concept);
		status = CLI_NO;
	}
out:
	steme_buf_fini(&b);
	return status;
}

/* ---- ls ---- */

static void
print_child(struct cli *c, struct steme_str item, bool names)
{
	struct steme_buf raw = { 0 }, b = { 0 };

	jv_text(&raw, jv_get(item, names ? "concept_path" : "name"));
	out_clean(&b, (struct steme_str){ (char *)raw.data, raw.len });
	if (!names && c->color && jv_true(jv_get(item, "has_assertions")))
		printf("\033[1m%.*s\033[0m\n", (int)b.len, (char *)b.data);
	else
		printf("%.*s%s\n", (int)b.len, (char *)b.data, names ? "/" : "");
	steme_buf_fini(&raw);
	steme_buf_fini(&b);
}

/* One page; *after moves on, 0 at the end. */
static int
list_page(struct cli *c, struct steme_str parent, uint64_t *after, bool names,
    size_t *n)
{
	struct steme_str at = { 0 }, item, root;
	struct steme_buf b = { 0 };
	int err, status = EX_OK;

	err = steme_client_children(c->client, parent, *after, 10000, &b, &c->why);
	if (err != STEME_OK) {
		status = cli_fail(c, err);
		goto out;
	}
	root = jv_root(b.data, b.len);
	while (jv_each(jv_get(root, "children"), &at, &item)) {
		++*n;
		if (c->json)
			printf("%.*s\n", STEME_STR(item));
		else
			print_child(c, item, names);
	}
	*after = jv_uint(jv_get(root, "next_cursor"));
out:
	steme_buf_fini(&b);
	return status;
}

int
cmd_ls(struct cli *c, int argc, char **argv)
{
	bool names = false;
	const struct cli_opt opts[] = {
		{ "paths", OPT_FLAG, &names, NULL, "whole paths, each with a slash" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	char concept[STEME_CONCEPT_MAX + 1] = "";
	struct steme_query q;
	struct steme_str parent;
	uint64_t after = 0;
	size_t n = 0;
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if (c->nargs == 1 && strcmp(c->args[0], "/") != 0 &&
	    !cli_concept(c, c->args[0], concept, &status))
		return status;
	if ((status = cli_connect(c)) != EX_OK)
		return status;
	parent = steme_str_from(concept);
	do {
		status = list_page(c, parent, &after, names, &n);
	} while (status == EX_OK && after != 0);
	if (status != EX_OK || n > 0)
		return status;
	if (parent.n == 0)
		parent.p = NULL;
	steme_query_init(&q);
	q.concept = parent;
	if (parent.p != NULL && answers(c, &q))
		cli_note(c, "%s has claims, but no concepts below it: steme query %s",
		    concept, concept);
	else
		say_nothing(c, parent);
	return CLI_NO;
}
