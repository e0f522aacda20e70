/* SPDX-License-Identifier: Apache-2.0 */
/* up.h - what up, down, restart, status and doctor share. */
#ifndef STEME_CLI_UP_H
#define STEME_CLI_UP_H

#include "cli/cli.h"
#include "cli/site.h"

#define DAEMON	"stemefs"
#define SIDECAR	"stemedb-api"

/* The options --mount, --no-mount, --port, --cluster-port, --wait; ended by an empty one. */
#define UP_OPTS	6
struct up_args {
	struct site_options o;
	uint64_t wait_s;
};
void up_options(struct up_args *a, struct cli_opt opts[UP_OPTS]);

/* Frees the mount point of what a killed daemon left there, and makes it. */
int up_clear_mount(struct cli *c, const struct site *site);
/* Brings both daemons up; *started: one of them was started. */
int up_run(struct cli *c, const struct up_args *a, bool *started, struct site *s);
/* The exit status of err (STEME_OK, too), after a complaint: c->why. */
int up_fail(struct cli *c, int err);
/* Ends both; *was: one of them ran.  mount: where, if that is not recorded; or NULL. */
int down_run(struct cli *c, const char *mount, bool *was);

#endif
