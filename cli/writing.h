/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writing.h - one object on its way into the store, for the commands that write one.
 *
 * Each makes the JSON that POST /v1/... takes; so the rules, and what is said when one is
 * broken, are those of every other door.  The object is then signed here, or, without a
 * key of one's own, by the daemon.
 */
#ifndef STEME_CLI_WRITING_H
#define STEME_CLI_WRITING_H

#include "cli/cli.h"
#include "core/object.h"

/* All zero but c: nothing was said yet.  writing_done() frees. */
struct writing {
	struct cli *c;
	const char *key, *as, *time, *reason;	/* options */
	bool dry;			/* --dry-run */
	struct steme_buf json;
	unsigned members;
	bool uncertain;			/* a text may not be NFC */
	const char *broken;		/* the member whose text is not UTF-8 */
	struct steme_id agent;		/* who signed; zero: the daemon's key */
};

/* cli_parse() with what every writing command takes behind its own options. */
int writing_parse(struct writing *w, int argc, char **argv, const struct cli_opt *own,
    int min, int max);

/* A member's key; its value then is written into w->json. */
void writing_member(struct writing *w, const char *name);
/*
 * A string of the member called name.  What is no UTF-8 would be signed as something else
 * than was typed: writing_send() refuses it.
 */
void writing_str(struct writing *w, const char *name, struct steme_str text);
/* A member that is a string; nothing if text is NULL. */
void writing_text(struct writing *w, const char *name, const char *text);
/* The same of a concept, as completion leaves it: without the slash at its end. */
void writing_concept(struct writing *w, const char *name, const char *text);
/* A number as it is spelled; another word goes as text, so that the rule is told. */
void writing_number(struct writing *w, const char *name, const char *text);

/* Finds the key, sends, prints what came of it: the exit status. */
int writing_send(struct writing *w, enum steme_kind kind);
/* After sending: is it signed by agent?  True where that cannot be found out. */
bool writing_is_by(struct writing *w, const struct steme_id *agent);
/* What only stewards may do is stored from anybody, but waits for nobody: says so. */
void writing_warn_steward(struct writing *w, const char *what);
/* Frees; returns status. */
int writing_done(struct writing *w, int status);

#endif
