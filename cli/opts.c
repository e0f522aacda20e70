/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opts.c - options of the subcommands.  Not getopt: a word that begins with a dash and a
 * digit is an argument (`steme vote ID -1`), options may stand anywhere, and
 * a mistyped one is told which was meant.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "core/spelling.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parse {
	struct cli *c;
	const struct cli_opt *opts;
	bool help, words;
};

static void
globals(struct parse *p, struct cli_opt out[5])
{
	const struct cli_opt g[5] = {
		{ "dir", OPT_TEXT, &p->c->dir, "D",
		    "data folder (default: $STEME_DIR, else " STEME_DEFAULT_DIR ")" },
		{ "json", OPT_FLAG, &p->c->json, NULL, "print JSON" },
		{ "help", OPT_FLAG, &p->help, NULL, "print this" },
		{ "words", OPT_FLAG, &p->words, NULL, NULL },	/* for completion */
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};

	memcpy(out, g, sizeof(g));
}

static const struct cli_opt *
find(const struct cli_opt *opts, const char *name, size_t n)
{
	for (; opts != NULL && opts->name != NULL; opts++)
		if (strlen(opts->name) == n && memcmp(opts->name, name, n) == 0)
			return opts;
	return NULL;
}

static int
unknown(struct parse *p, const struct cli_opt *more, const char *word, size_t n)
{
	const struct cli_opt *tables[] = { p->opts, more };
	const char *best = NULL;
	char name[64];
	unsigned d, least = 3;

	snprintf(name, sizeof(name), "%.*s", (int)n, word);
	for (size_t i = 0; i < 2; i++)
		for (const struct cli_opt *o = tables[i];
		    o != NULL && o->name != NULL; o++)
			if (o->help != NULL &&
			    (d = steme_spelling_distance(steme_str_from(name),
			    steme_str_from(o->name), least)) < least) {
				least = d;
				best = o->name;
			}
	if (best != NULL)
		return cli_usage(p->c, "unknown option --%s; did you mean --%s?",
		    name, best);
	return cli_usage(p->c, "unknown option --%s", name);
}

static int
set(struct parse *p, const struct cli_opt *o, const char *value)
{
	struct cli_list *l;
	char *end;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		break;
	case OPT_TEXT:
		*(const char **)o->to = value;
		break;
	case OPT_UINT:
		errno = 0;
		*(uint64_t *)o->to = strtoull(value, &end, 10);
		if (errno != 0 || end == value || *end != '\0' || value[0] == '-')
			return cli_usage(p->c, "--%s takes a number, not '%s'",
			    o->name, value);
		break;
	case OPT_LIST:
		l = o->to;
		if (l->n == CLI_LIST_MAX)
			return cli_usage(p->c, "--%s may be given %d times",
			    o->name, CLI_LIST_MAX);
		l->v[l->n++] = value;
		break;
	}
	return -1;
}

/* The option at argv[*i], with its value. */
static int
take(struct parse *p, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2, *eq = strchr(word, '=');
	size_t n = eq == NULL ? strlen(word) : (size_t)(eq - word);
	struct cli_opt more[5];
	const struct cli_opt *o;

	globals(p, more);
	if ((o = find(p->opts, word, n)) == NULL &&
	    (o = find(more, word, n)) == NULL)
		return unknown(p, more, word, n);
	if (o->kind == OPT_FLAG)
		return eq == NULL ? set(p, o, NULL) :
		    cli_usage(p->c, "--%s takes no value", o->name);
	if (eq != NULL)
		return set(p, o, eq + 1);
	if (*i + 1 >= argc)
		return cli_usage(p->c, "--%s needs a value: --%s %s", o->name,
		    o->name, o->arg);
	return set(p, o, argv[++*i]);
}

static void
print_opts(const struct cli_opt *o)
{
	char left[40];

	for (; o != NULL && o->name != NULL; o++) {
		if (o->help == NULL)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", o->name,
		    o->arg == NULL ? "" : " ", o->arg == NULL ? "" : o->arg);
		printf("  %-22s %s\n", left, o->help);
	}
}

static void
print_help(struct parse *p)
{
	const struct cli_cmd *cmd = p->c->cmd;
	struct cli_opt more[5];

	globals(p, more);
	printf("usage: steme %s%s%s%s\n\n%s\n", cmd->name,
	    cmd->args[0] == '\0' ? "" : " ", cmd->args,
	    p->opts != NULL && p->opts->name != NULL ? " [OPTION...]" : "",
	    cmd->brief);
	if (cmd->about != NULL)
		printf("\n%s\n", cmd->about);
	printf("\noptions:\n");
	print_opts(p->opts);
	print_opts(more);
	printf("\nexample: %s\n", cmd->example);
}

static void
print_words(struct parse *p)
{
	const struct cli_opt *tables[2] = { p->opts, NULL };
	struct cli_opt more[5];

	globals(p, more);
	tables[1] = more;
	for (size_t i = 0; i < 2; i++)
		for (const struct cli_opt *o = tables[i];
		    o != NULL && o->name != NULL; o++)
			if (o->help != NULL)
				printf("--%s%s\n", o->name,
				    o->kind == OPT_FLAG ? "" : "=");
}

/* True for an option: "-" is stdin, and "-1" a number. */
static bool
is_option(const char *w)
{
	return w[0] == '-' && w[1] != '\0' && !(w[1] >= '0' && w[1] <= '9') &&
	    w[1] != '.';
}

static int
take_all(struct parse *p, int argc, char **argv)
{
	struct cli *c = p->c;
	bool rest = false;
	int status;

	c->args = argv;
	c->nargs = 0;
	for (int i = 1; i < argc; i++) {
		if (rest || !is_option(argv[i])) {
			argv[c->nargs++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			rest = true;
		} else if (strcmp(argv[i], "-h") == 0) {
			p->help = true;
		} else if (argv[i][1] != '-') {
			return cli_usage(c, "unknown option %s", argv[i]);
		} else if ((status = take(p, argc, argv, &i)) >= 0) {
			return status;
		}
	}
	argv[c->nargs] = NULL;
	return -1;
}

int
cli_parse(struct cli *c, int argc, char **argv, const struct cli_opt *opts,
    int min, int max)
{
	struct parse p = { c, opts, false, false };
	int status, err;

	if ((status = take_all(&p, argc, argv)) >= 0)
		return status;
	if (p.help || p.words) {
		if (p.help)
			print_help(&p);
		else
			print_words(&p);
		return EX_OK;
	}
	if (c->nargs < min)
		return cli_usage(c, "something is missing: steme %s %s",
		    c->cmd->name, c->cmd->args);
	if (max >= 0 && c->nargs > max)
		return cli_usage(c, "unexpected argument: %s", c->args[max]);
	if ((err = steme_instance_init(&c->in, c->dir, &c->why)) != STEME_OK)
		return cli_fail(c, err);
	return -1;
}

int
cli_usage(struct cli *c, const char *fmt, ...)
{
	struct steme_why why;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	out_error(c->json, "EUSAGE", EX_USAGE, why.text);
	if (!c->json && c->cmd != NULL)
		fprintf(stderr, "usage: steme %s %s   (steme %s --help says more)\n"
		    "example: %s\n", c->cmd->name, c->cmd->args, c->cmd->name,
		    c->cmd->example);
	return EX_USAGE;
}
