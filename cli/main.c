/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - steme: the command people type.  One table of subcommands; each file of this
 * folder has some of them.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "core/spelling.h"
#include "core/log.h"
#include "core/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RUN	"Running it"
#define READ	"Asking"
#define WRITE	"Claiming"
#define KEEP	"Keeping it well"

const struct cli_cmd cli_cmds[] = {
	{ "up", RUN, "", "start daemon and sidecar, and wait until they answer",
	    "steme up --dir /srv/steme --mount /srv/steme/mnt --port 28180",
	    "Returns 0 when socket, mount and HTTP answer, also if they did already.\n"
	    "Cleans up after a killed daemon by itself.", cmd_up },
	{ "down", RUN, "", "end both; does nothing if they do not run",
	    "steme down --dir /srv/steme", NULL, cmd_down },
	{ "run", RUN, "", "both in the foreground, as one: for systemd and containers",
	    "steme run --dir /srv/steme --mount /srv/steme/mnt",
	    "They log to stderr.  When one ends the other is ended; SIGTERM ends both.",
	    cmd_run },
	{ "restart", RUN, "", "end both and start them as before",
	    "steme restart --dir /srv/steme --port 28181", NULL, cmd_restart },
	{ "status", RUN, "", "show what runs and what it holds",
	    "steme status --json | jq .daemon.counts",
	    "Exit status 69 if no daemon answers.", cmd_status },
	{ "doctor", RUN, "", "look for what is wrong on this machine, with its cure",
	    "steme doctor", "Exit status 1 if anything is wrong.", cmd_doctor },
	{ "journal", RUN, "[JOURNALCTL-OPTION...]", "what daemon and sidecar say, as from journalctl",
	    "steme journal -u stemedb-api -f -o json | jq 'select(.level==\"ERROR\")'",
	    "From systemd's journal if that runs the store, else from D/log.  JSON has the\n"
	    "members of each line, so .level, .timestamp and .message are there.\n"
	    "With " STEME_LIBEXECDIR "/stemedb/bin first in PATH, journalctl is this.", cmd_journal },
	{ "query", READ, "CONCEPT [PREDICATE]", "what a lens chooses among the claims",
	    "steme query world/france capital --lens authority",
	    "Exit status 1 if nothing answers.", cmd_query },
	{ "history", READ, "CONCEPT [PREDICATE]",
	    "every claim about a concept, newest first",
	    "steme history world/france population", NULL, cmd_history },
	{ "diff", READ, "CONCEPT A B", "where two lenses, or two times, disagree",
	    "steme diff world/france recency authority@2026-01-01",
	    "A and B: a lens, a time, or LENS@TIME.  Exit status 1 if they differ.",
	    cmd_diff },
	{ "ls", READ, "[CONCEPT]", "the concepts below one, or the first of all",
	    "steme ls world", NULL, cmd_ls },
	{ "show", READ, "ID", "one object, as it was signed",
	    "steme show --raw ID | b2sum -l 256", NULL, cmd_show },
	{ "log", READ, "[CONCEPT]", "the newest records (or those at or below CONCEPT)",
	    "steme log --limit 5", NULL, cmd_log },
	{ "watch", READ, "[CONCEPT]", "records as they are committed",
	    "steme watch world --json", NULL, cmd_watch },
	{ "assert", WRITE, "CONCEPT PREDICATE VALUE",
	    "claim a value; VALUE - reads stdin",
	    "steme assert world/france motto 'Liberte, egalite, fraternite' "
	    "--source https://example.org",
	    "Signed by --key, --as, or ~/.config/steme/key.pem; without any, by the\n"
	    "key that the daemon keeps for your user.", cmd_assert },
	{ "import", WRITE, "[FILE...]", "claims from NDJSON or TSV; - or nothing: stdin",
	    "steme import --batch claims.ndjson",
	    "NDJSON: the JSON of POST /v1/assert, a line each; its member \"agent\" "
	    "names a\nkey of D/keys, made at its first use.  TSV: concept, predicate, "
	    "value, and as you\nlike confidence, class, source, time.\n"
	    "Run again it goes on where it was interrupted.  Exit status 65 if a line "
	    "was\nrefused.", cmd_import },
	{ "vote", WRITE, "ID WEIGHT", "vote for (to 1) or against (to -1) an assertion",
	    "steme vote ID -0.5 --reason 'measured in another year'", NULL, cmd_vote },
	{ "retract", WRITE, "[ID]", "take back an assertion of yours, or a source",
	    "steme retract ID --reason 'a misprint'", NULL, cmd_retract },
	{ "epoch", WRITE, "NAME", "declare an epoch (stewards)",
	    "steme epoch 2027 --supersedes 2026 --as operator", NULL, cmd_epoch },
	{ "alias", WRITE, "FROM TO", "two concepts are one (stewards)",
	    "steme alias world/holland world/netherlands --as operator", NULL,
	    cmd_alias },
	{ "trust", WRITE, "AGENT WEIGHT", "endorse an agent, 0 to 1",
	    "steme trust AGENT 0.9 --class clinical --prefix drug", NULL, cmd_trust },
	{ "revoke", WRITE, "AGENT", "a key is no longer to be believed",
	    "steme revoke AGENT --since 2026-11-01 --as operator", NULL, cmd_revoke },
	{ "keygen", KEEP, "", "make a key of your own, and print its agent",
	    "steme keygen", "A key is never overwritten.", cmd_keygen },
	{ "keys", KEEP, "", "keys of this machine: yours, and those in D/keys",
	    "steme keys", NULL, cmd_keys },
	{ "apikey", KEEP, "VERB [NAME|ID]", "API keys for HTTP: add, list, disable, ...",
	    "steme apikey add reporting --role writer --days 365",
	    "add NAME, list, disable ID, enable ID, remove ID.  add prints the key, "
	    "once; the\nstore keeps only its hash.  Send it as Authorization: Bearer "
	    "TOKEN or X-API-Key.", cmd_apikey },
	{ "verify", KEEP, "", "check every hash, signature, chain and index entry",
	    "steme verify && echo all good",
	    "With the daemon up or down.  Exit status 1 if there is damage.",
	    cmd_verify },
	{ "rebuild", KEEP, "", "make the index anew from the log",
	    "steme rebuild --accept-gaps --wal-path /backup/wal",
	    "With the daemon up it goes on serving the old one until the new is done.",
	    cmd_rebuild },
	{ "repair", KEEP, "", "make a damaged log whole again (daemon down)",
	    "steme repair --wal-path /backup/wal",
	    "What the log cannot give is taken from the index, or from further folders.\n"
	    "Nothing is deleted: replaced segments are kept as *.replaced.", cmd_repair },
	{ "help", KEEP, "[COMMAND]", "this, or more about a command",
	    "steme help import", NULL, cmd_help },
	{ NULL, NULL, NULL, NULL, NULL, NULL, NULL }
};

const struct cli_cmd *
cli_find(const char *name)
{
	for (const struct cli_cmd *m = cli_cmds; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

const char *
cli_nearest(const char *name)
{
	const char *best = NULL;
	unsigned d, least = 3;

	for (const struct cli_cmd *m = cli_cmds; m->name != NULL; m++) {
		d = steme_spelling_distance(steme_str_from(name),
		    steme_str_from(m->name), least);
		/* of a short word not everything may be wrong */
		if (d < least && d < strlen(m->name)) {
			least = d;
			best = m->name;
		}
	}
	return best;
}

static void
overview(FILE *f)
{
	const char *group = "";

	fputs("usage: steme COMMAND [ARGUMENT...] [--dir D] [--json]\n\n"
	    "StemeDB keeps claims, not facts: signed, named by their hash, never "
	    "changed.\n", f);
	for (const struct cli_cmd *m = cli_cmds; m->name != NULL; m++) {
		if (strcmp(group, m->group) != 0)
			fprintf(f, "\n%s\n", group = m->group);
		fprintf(f, "  %-9s %-24s %s\n", m->name, m->args, m->brief);
	}
	fputs("\nsteme COMMAND --help has options and an example.\n"
	    "--dir D (or STEME_DIR) names the data folder, default " STEME_DEFAULT_DIR ".\n\n"
	    "exit status: 0 well; 1 the answer is no (nothing found, damage, a "
	    "difference);\n64 usage, 65 bad data, 66 no such file or key, 69 no daemon, "
	    "70 a bug,\n71 no memory, 73 exists already, 74 I/O error, 75 try again, 76 "
	    "versions differ,\n77 no permission, 130 interrupted\n\n"
	    "example: steme query world/france capital --lens authority\n", f);
}

int
cmd_help(struct cli *c, int argc, char **argv)
{
	char *ask[] = { (char *)"help", (char *)"--help", NULL };
	bool names = false;
	const struct cli_opt opts[] = {
		{ "names", OPT_FLAG, &names, NULL, NULL },	/* for completion */
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	const struct cli_cmd *m;
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if (names) {
		for (m = cli_cmds; m->name != NULL; m++)
			printf("%s\n", m->name);
		return EX_OK;
	}
	if (c->nargs == 0) {
		overview(stdout);
		return EX_OK;
	}
	if ((m = cli_find(c->args[0])) == NULL)
		return cli_usage(c, "there is no command '%s'", c->args[0]);
	c->cmd = m;
	ask[0] = (char *)m->name;
	return m->run(c, 2, ask);
}

static int
version(const struct cli *c)
{
	if (c->json)
		printf("{\"version\":\"%s\",\"object_format\":1,\"protocol\":%d}\n",
		    PACKAGE_VERSION, STEME_WIRE_VERSION);
	else
		printf("steme %s (object format 1, protocol %d)\n", PACKAGE_VERSION,
		    STEME_WIRE_VERSION);
	return EX_OK;
}

static void
look_at_terminal(struct cli *c)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize w;

	c->tty = isatty(STDOUT_FILENO);
	c->err_tty = isatty(STDERR_FILENO);
	c->color = c->tty && (no == NULL || no[0] == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
	if (c->tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		c->width = w.ws_col;
}

/* Options before the command: those that every command has. */
static int
take_globals(struct cli *c, int argc, char **argv, int *at)
{
	for (*at = 1; *at < argc && argv[*at][0] == '-'; ++*at) {
		const char *a = argv[*at];

		if (strcmp(a, "--json") == 0)
			c->json = true;
		else if (strcmp(a, "--dir") == 0 && *at + 1 < argc)
			c->dir = argv[++*at];
		else if (strncmp(a, "--dir=", 6) == 0)
			c->dir = a + 6;
		else if (strcmp(a, "--version") == 0 || strcmp(a, "-V") == 0)
			return version(c);
		else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
			overview(stdout);
			return EX_OK;
		} else {
			return cli_usage(c, "unknown option %s; steme --help lists "
			    "the commands", a);
		}
	}
	return -1;
}

static int
run(struct cli *c, int argc, char **argv)
{
	const char *near;
	int status, at;

	if ((status = take_globals(c, argc, argv, &at)) >= 0)
		return status;
	if (at >= argc) {
		overview(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[at], "version") == 0)
		return version(c);
	if ((c->cmd = cli_find(argv[at])) == NULL) {
		near = cli_nearest(argv[at]);
		return near != NULL ?
		    cli_usage(c, "there is no command '%s'; did you mean '%s'?",
		    argv[at], near) :
		    cli_usage(c, "there is no command '%s'; steme --help lists them",
		    argv[at]);
	}
	return c->cmd->run(c, argc - at, argv + at);
}

/*
 * A standard descriptor that is closed would be given to the next file or socket, and what
 * is printed, or read as input, with it.  Something on which that fails stands in.
 */
static void
hold_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY :
			    O_RDONLY);
}

/* --json may stand behind the word that is complained of. */
static bool
wants_json(char **argv)
{
	for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--json") == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	struct cli c;
	int status;

	hold_descriptors();
	memset(&c, 0, sizeof(c));
	c.json = wants_json(argv);
	/* widths of characters; the output is UTF-8 whatever the locale says */
	setlocale(LC_CTYPE, "C.UTF-8");
	look_at_terminal(&c);
	/* libraries log for daemons; what matters here is in the answers */
	steme_log_set_level(STEME_ERROR);
	status = run(&c, argc, argv);
	cli_disconnect(&c);
	/* an answer that did not get out is none, also one that says no */
	if ((fflush(stdout) != 0 || ferror(stdout)) &&
	    (status == EX_OK || status == CLI_NO))
		status = cli_failf(&c, STEME_EIO, "cannot write to stdout");
	return status;
}
