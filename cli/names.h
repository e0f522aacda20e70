/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - local names of agents ("cia", "operator"), asked of the daemon at once. */
#ifndef STEME_CLI_NAMES_H
#define STEME_CLI_NAMES_H

#include "cli/cli.h"

#define NAMES_MAX	512	/* agents asked about; others show as hex */

struct name {
	struct steme_id id;
	char text[64];			/* "" until asked */
};
struct names {
	unsigned n;
	struct name v[NAMES_MAX];
};

struct names *names_new(void);		/* NULL: no memory; names_of() bears that */
void names_free(struct names *s);
/* Notes an agent to be asked about. */
void names_add(struct names *s, const struct steme_id *agent);
/* Asks; where that fails, agents show as hex. */
void names_ask(struct names *s, struct cli *c);
/* The agent's name, or its first 12 digits; into out (64 bytes).  Returns out. */
const char *names_of(const struct names *s, const struct steme_id *agent,
    char out[64]);

#endif
