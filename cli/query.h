/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - parameters and tables that query, history, diff and ls share. */
#ifndef STEME_CLI_QUERY_H
#define STEME_CLI_QUERY_H

#include "cli/cli.h"
#include "cli/names.h"
#include "cli/out.h"
#include "core/util.h"
#include "core/view_query.h"

/* Options of a question; the last but one is --prefix, the first --lens. */
#define ASK_OPTS	12
struct ask {
	const char *lens, *as_of, *known_at, *since, *lifecycle, *epoch, *include;
	const char *limit, *cursor, *prefix;
	bool decay;
};
void ask_options(struct ask *a, struct cli_opt opts[ASK_OPTS]);
/* Puts them into q; false after a complaint. */
bool ask_fill(struct cli *c, const struct ask *a, struct steme_query *q, int *status);
/* Nothing was found: says why that may be, and what to do. */
void say_nothing(struct cli *c, struct steme_str concept);
void cell_agent(struct out_table *t, const struct names *names, struct steme_str item);
/* A time without what is zero: a date where it is one.  Returns s. */
char *time_text(char s[40], struct steme_str v);
void cell_time(struct out_table *t, struct steme_str v);

#endif
