/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what the subcommands of `steme` share: the table of commands, options,
 * the connection, exit codes.
 *
 * One thread, but for the import (import.h).  A command returns the exit status:
 * sysexits.h, and 1 for an answer in the negative (nothing found, damage found, a diff
 * that is not empty).
 */
#ifndef STEME_CLI_CLI_H
#define STEME_CLI_CLI_H

#include "core/buf.h"
#include "core/client.h"
#include "core/err.h"
#include "core/instance.h"
#include "core/str.h"

#include <stdbool.h>
#include <sysexits.h>

#define CLI_NO		1	/* the answer is no */

struct cli_cmd;

struct cli {
	const struct cli_cmd *cmd;
	const char *dir;		/* --dir; NULL: STEME_DIR or the default */
	bool json;			/* --json */
	bool tty, err_tty;		/* is stdout, stderr a terminal? */
	bool color;			/* on stdout */
	unsigned width;			/* of the terminal; 0: no limit */
	struct steme_instance in;
	char **args;			/* what is left beside the options */
	int nargs;
	struct steme_client *client;	/* cli_connect() */
	struct steme_why why;
};

struct cli_cmd {
	const char *name;
	const char *group;		/* heading in the overview */
	const char *args;		/* "CONCEPT [PREDICATE]" */
	const char *brief;		/* one line */
	const char *example;
	const char *about;		/* more for --help, or NULL */
	int (*run)(struct cli *c, int argc, char **argv);
};

/* All commands, in the order of the overview; ended by an empty name. */
extern const struct cli_cmd cli_cmds[];
/* By name; NULL: there is none. */
const struct cli_cmd *cli_find(const char *name);
/* The nearest of the commands, for "did you mean"; NULL: none is near. */
const char *cli_nearest(const char *name);

/* ---- options (opts.c) ---- */

enum cli_opt_kind {
	OPT_FLAG,	/* bool */
	OPT_TEXT,	/* const char * */
	OPT_UINT,	/* uint64_t */
	OPT_LIST	/* struct cli_list: may be given again */
};

#define CLI_LIST_MAX	64
struct cli_list {
	unsigned n;
	const char *v[CLI_LIST_MAX];
};

struct cli_opt {
	const char *name;		/* without the dashes; NULL ends a table */
	enum cli_opt_kind kind;
	void *to;
	const char *arg;		/* "FILE"; NULL for a flag */
	const char *help;
};

/*
 * Takes the options of argv (argv[0] is the command's name) out: those of opts (may be
 * NULL), and --dir, --json, --help, which every command has.  Then c->args are the rest,
 * between min and max of them (max -1: any number), and c->in is set.
 * -1: go on; otherwise the exit status (help was printed, or the usage was wrong).
 */
int cli_parse(struct cli *c, int argc, char **argv, const struct cli_opt *opts,
    int min, int max);
/* Prints a complaint and how the command is used.  Returns EX_USAGE. */
int cli_usage(struct cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- failing (conn.c) ---- */

/* The exit status that err stands for. */
int cli_status(int err);
/* Prints c->why (or, where it is empty, what err means); returns cli_status(err). */
int cli_fail(struct cli *c, int err);
/* The same with a sentence of its own. */
int cli_failf(struct cli *c, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A file or key that was named, or is needed, is missing.  Returns EX_NOINPUT. */
int cli_missing(struct cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line on stderr that is no failure. */
void cli_note(const struct cli *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- the daemon (conn.c) ---- */

/* Connects if that is not done yet.  0, or the exit status after a complaint. */
int cli_connect(struct cli *c);
/* Does a daemon answer soon?  Connects quietly; STEME_OK, or the error with c->why. */
#define CLI_LOOK_MS	3000
int cli_try(struct cli *c);
void cli_disconnect(struct cli *c);
/* Prints a body that is JSON, as it is.  Returns 0, or EX_IOERR. */
int cli_print(struct cli *c, const struct steme_buf *b);

/* A concept as typed, without the slash that a shell's completion ends it with. */
struct steme_str cli_path(const char *text);
/* Concept path or scheme form from the command line, as a path; false after a
 * complaint (*status is the exit status). */
bool cli_concept(struct cli *c, const char *text, char out[STEME_CONCEPT_MAX + 1],
    int *status);
/* An id of 64 hex digits; false after a complaint. */
bool cli_id(struct cli *c, const char *text, struct steme_id *id, int *status);
/* The same of an agent. */
bool cli_agent(struct cli *c, const char *text, struct steme_id *agent, int *status);

/* ---- commands ---- */

int cmd_up(struct cli *c, int argc, char **argv);
int cmd_down(struct cli *c, int argc, char **argv);
int cmd_run(struct cli *c, int argc, char **argv);
int cmd_restart(struct cli *c, int argc, char **argv);
int cmd_status(struct cli *c, int argc, char **argv);
int cmd_doctor(struct cli *c, int argc, char **argv);
int cmd_journal(struct cli *c, int argc, char **argv);
int cmd_verify(struct cli *c, int argc, char **argv);
int cmd_rebuild(struct cli *c, int argc, char **argv);
int cmd_repair(struct cli *c, int argc, char **argv);
int cmd_query(struct cli *c, int argc, char **argv);
int cmd_history(struct cli *c, int argc, char **argv);
int cmd_diff(struct cli *c, int argc, char **argv);
int cmd_ls(struct cli *c, int argc, char **argv);
int cmd_show(struct cli *c, int argc, char **argv);
int cmd_log(struct cli *c, int argc, char **argv);
int cmd_watch(struct cli *c, int argc, char **argv);
int cmd_keygen(struct cli *c, int argc, char **argv);
int cmd_apikey(struct cli *c, int argc, char **argv);
int cmd_keys(struct cli *c, int argc, char **argv);
int cmd_assert(struct cli *c, int argc, char **argv);
int cmd_vote(struct cli *c, int argc, char **argv);
int cmd_retract(struct cli *c, int argc, char **argv);
int cmd_epoch(struct cli *c, int argc, char **argv);
int cmd_alias(struct cli *c, int argc, char **argv);
int cmd_trust(struct cli *c, int argc, char **argv);
int cmd_revoke(struct cli *c, int argc, char **argv);
int cmd_import(struct cli *c, int argc, char **argv);
int cmd_help(struct cli *c, int argc, char **argv);

#endif
