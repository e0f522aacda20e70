/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - steme verify, rebuild and repair: the daemon does it if it runs, else (the
 * last never) steme-offline, which alone links the store.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/out.h"
#include "cli/proc.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MORE_MAX	(2 * CLI_LIST_MAX + 1)	/* words after the data folder */

struct work {
	struct cli *c;
	struct out_bar bar;
	struct report rep;
	bool reported;
	int err;			/* of the report */
};

static int
on_frame(void *arg, const uint8_t *data, size_t len)
{
	struct work *w = arg;
	struct steme_msg_work m;

	if (len == 0)
		return STEME_OK;
	if (steme_msg_get_work(&m, data, len) != STEME_OK)
		return STEME_EPROTO;
	switch (m.tag) {
	case STEME_WORK_PROGRESS:
		out_bar_set(&w->bar, m.permille, "");
		break;
	case STEME_WORK_FINDING:
		out_bar_clear(&w->bar);
		report_finding(&w->rep, m.err, m.lsn, &m.id, m.text);
		break;
	case STEME_WORK_REPORT:
		w->reported = true;
		w->err = m.err;
		memcpy(w->rep.n, m.n, sizeof(w->rep.n));
		if (m.err != STEME_OK)
			steme_fail(&w->c->why, m.err, "%.*s", STEME_STR(m.text));
		break;
	}
	return STEME_OK;
}

/* Sends type, follows the work; the exit status of a failure, or EX_OK. */
static int
ask_daemon(struct cli *c, struct work *w, enum steme_msg type,
    const struct steme_buf *payload)
{
	int err;

	steme_client_set_timeout(c->client, -1);
	err = steme_client_call(c->client, type, payload->data, payload->len,
	    on_frame, w, &c->why);
	out_bar_clear(&w->bar);
	if (err != STEME_OK)
		return cli_fail(c, err);
	if (!w->reported)
		return cli_failf(c, STEME_EPROTO, "the daemon's answer has no report");
	return EX_OK;
}

/* Becomes steme-offline.  Returns only if that fails. */
static int
go_offline(struct cli *c, const char *what, const char *const *more, int nmore)
{
	char path[PATH_MAX];
	const char *argv[3 * CLI_LIST_MAX];
	int n = 0, err;

	if ((err = proc_find(path, "steme-offline", &c->why)) != STEME_OK)
		goto missing;
	argv[n++] = path;
	argv[n++] = what;
	argv[n++] = "--dir";
	argv[n++] = c->in.dir;
	if (c->json)
		argv[n++] = "--json";
	for (int i = 0; i < nmore && n + 1 < (int)(sizeof(argv) / sizeof(*argv)); i++)
		argv[n++] = more[i];
	argv[n] = NULL;
	fflush(NULL);
	execv(path, (char *const *)argv);
	return cli_failf(c, steme_err_from_errno(errno), "cannot run %s: %s", path,
	    strerror(errno));
missing:
	out_error(c->json, steme_errname(err), EX_UNAVAILABLE, c->why.text);
	return EX_UNAVAILABLE;
}

/* Does a daemon own this folder?  It may be one that is still starting. */
static bool
daemon_lives(struct cli *c)
{
	struct steme_pid p;

	return steme_pid_read(&c->in, "stemefs", &p) == STEME_OK ||
	    cli_try(c) == STEME_OK;
}

int
cmd_verify(struct cli *c, int argc, char **argv)
{
	bool quick = false;
	const struct cli_opt opts[] = {
		{ "skip-signatures", OPT_FLAG, &quick, NULL,
		    "hashes, chain and index only: many times faster" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	static const char *const skip[] = { "--skip-signatures" };
	struct steme_buf b = { 0 };
	struct work w = { .c = c };
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0)
		return status;
	if (!daemon_lives(c))
		return go_offline(c, "verify", skip, quick ? 1 : 0);
	if ((status = cli_connect(c)) != EX_OK)
		return status;
	out_bar_init(&w.bar, c->err_tty, c->width, "verifying");
	report_init(&w.rep, c->json);
	steme_msg_put_flag(&b, quick);
	if ((status = ask_daemon(c, &w, STEME_MSG_VERIFY, &b)) == EX_OK) {
		if (w.err != STEME_OK && w.err != STEME_ECORRUPT)
			status = cli_fail(c, w.err);
		else
			status = report_verify(&w.rep);
	}
	steme_buf_fini(&b);
	return status;
}

/* Options of steme-offline for these; how many words. */
static int
offline_options(const char *more[MORE_MAX], bool gaps, const struct cli_list *wal)
{
	int n = 0;

	if (gaps)
		more[n++] = "--accept-gaps";
	for (unsigned i = 0; i < wal->n; i++) {
		more[n++] = "--more-wal-path";
		more[n++] = wal->v[i];
	}
	return n;
}

int
cmd_rebuild(struct cli *c, int argc, char **argv)
{
	bool gaps = false;
	struct cli_list wal = { 0 };
	const struct cli_opt opts[] = {
		{ "accept-gaps", OPT_FLAG, &gaps, NULL,
		    "go on though parts of the log are missing (daemon down)" },
		{ "wal-path", OPT_LIST, &wal, "W",
		    "a further folder with segments (daemon down; repeatable)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	const char *more[MORE_MAX];
	struct steme_buf none = { 0 };
	struct work w = { .c = c };
	int status, n;

	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0)
		return status;
	n = offline_options(more, gaps, &wal);
	if (!daemon_lives(c))
		return go_offline(c, "rebuild", more, n);
	if (n > 0)
		return cli_failf(c, STEME_EBUSY, "--accept-gaps and --wal-path need "
		    "the daemon down: steme down --dir %s", c->in.dir);
	if ((status = cli_connect(c)) != EX_OK)
		return status;
	out_bar_init(&w.bar, c->err_tty, c->width, "rebuilding");
	report_init(&w.rep, c->json);
	status = ask_daemon(c, &w, STEME_MSG_REBUILD, &none);
	if (status == EX_OK)
		status = w.err != STEME_OK ? cli_fail(c, w.err) :
		    report_rebuild(&w.rep);
	return status;
}

int
cmd_repair(struct cli *c, int argc, char **argv)
{
	bool gaps = false;
	struct cli_list wal = { 0 };
	const struct cli_opt opts[] = {
		{ "accept-gaps", OPT_FLAG, &gaps, NULL,
		    "go on without records that nobody has" },
		{ "wal-path", OPT_LIST, &wal, "W",
		    "a further folder with segments, to read from (repeatable)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	const char *more[MORE_MAX];
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0)
		return status;
	if (daemon_lives(c))
		return cli_failf(c, STEME_EBUSY, "the log is repaired with the daemon "
		    "down: steme down --dir %s", c->in.dir);
	return go_offline(c, "repair", more, offline_options(more, gaps, &wal));
}
