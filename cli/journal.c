/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - steme journal: what daemon and sidecar say, asked for as from journalctl.
 *
 * A store that systemd runs has its lines in the journal, and journalctl is run for them;
 * one started by `steme up` has them below D/log.  Either way `--output=json` has
 * timestamp, level and message of each line as members, which journalctl itself leaves
 * within MESSAGE.  What is asked of others (-k, -u nginx) goes to journalctl unchanged.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/journal.h"
#include "cli/up.h"
#include "core/clock.h"
#include "core/util.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX	128
#define LINES_MAX	1000000
#define JOURNALCTL	"/usr/bin/journalctl"
#define LINE_MAX_BYTES	(16 << 20)

/* journalctl's options of one letter that have a meaning here. */
static const struct { char c; bool value; const char *name; } letters[] = {
	{ 'u', true, "unit" }, { 'n', true, "lines" }, { 'f', false, "follow" },
	{ 'S', true, "since" }, { 'U', true, "until" }, { 'o', true, "output" },
	{ 'p', true, "priority" }, { 'r', false, "reverse" },
	{ 'k', false, "dmesg" }, { 'e', false, "pager-end" },
	{ 'a', false, "all" }, { 'q', false, "quiet" }, { 'l', false, "full" },
};

/* The command line, letters spelled out. */
struct words {
	char *v[WORDS_MAX + 1];		/* owned; NULL-ended */
	int n;
	bool bad;			/* too many, or no memory */
};

/* What it is about. */
struct about {
	bool ours, others, kernel, json, help;
};

/* ---- the command line ---- */

static void
add_word(struct words *w, const char *a, const char *b, const char *c)
{
	if (w->n == WORDS_MAX ||
	    asprintf(&w->v[w->n], "%s%s%s", a, b, c) < 0) {
		w->v[w->n] = NULL;
		w->bad = true;
		return;
	}
	w->v[++w->n] = NULL;
}

static void
free_words(struct words *w)
{
	for (int i = 0; i < w->n; i++)
		free(w->v[i]);
}

static bool
is_count(const char *s)
{
	return s != NULL && (strcmp(s, "all") == 0 || isdigit((unsigned char)s[0]));
}

/* "-fu stemedb-api" as "--follow --unit=stemedb-api". */
static void
spell_out(struct words *w, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
		const char letter[2] = { *p, '\0' }, *value = p + 1;
		size_t k = 0;

		while (k < STEME_NELEM(letters) && letters[k].c != *p)
			k++;
		if (k == STEME_NELEM(letters)) {
			add_word(w, "-", letter, "");
			continue;
		}
		if (!letters[k].value) {
			add_word(w, "--", letters[k].name, "");
			continue;
		}
		/* only -n may stand without one */
		if (*value == '\0')
			value = *p == 'n' && !is_count(argv[*i + 1]) ? "10" :
			    argv[*i + 1] == NULL ? "" : argv[++*i];
		add_word(w, "--", letters[k].name, "=");
		if (!w->bad) {
			char *name = w->v[--w->n];

			add_word(w, name, value, "");
			free(name);
		}
		return;
	}
}

/* The value of option `name` at w->v[i]; NULL: it is another word. */
static const char *
value_at(const struct words *w, int i, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(w->v[i], "--", 2) != 0 || strncmp(w->v[i] + 2, name, n) != 0)
		return NULL;
	if (w->v[i][2 + n] == '=')
		return w->v[i] + 3 + n;
	return w->v[i][2 + n] == '\0' && i + 1 < w->n ? w->v[i + 1] : NULL;
}

static bool
is_ours(const char *unit)
{
	return strcmp(unit, JOURNAL_UNIT) == 0 ||
	    strcmp(unit, JOURNAL_UNIT ".service") == 0;
}

static void
read_words(struct words *w, struct about *a, int argc, char **argv)
{
	const char *v;

	memset(w, 0, sizeof(*w));
	memset(a, 0, sizeof(*a));
	for (int i = 0; i < argc; i++)
		if (i > 0 && argv[i][0] == '-' && isalpha((unsigned char)argv[i][1]) &&
		    strcmp(argv[i], "-h") != 0)
			spell_out(w, argv, &i);
		else
			add_word(w, argv[i], "", "");
	for (int i = 1; i < w->n; i++) {
		if ((v = value_at(w, i, "unit")) != NULL)
			*(is_ours(v) ? &a->ours : &a->others) = true;
		if ((v = value_at(w, i, "output")) != NULL)
			a->json = strcmp(v, "json") == 0;
		a->json |= strcmp(w->v[i], "--json") == 0;
		a->kernel |= strcmp(w->v[i], "--dmesg") == 0;
		a->help |= strcmp(w->v[i], "--help") == 0 ||
		    strcmp(w->v[i], "-h") == 0 || strcmp(w->v[i], "--words") == 0;
	}
}

/* ---- systemd's journal ---- */

/* Does this process belong to the unit? */
static bool
of_unit(const struct steme_instance *in, const char *name, bool *lives)
{
	char path[64], text[4096];
	struct steme_pid p;
	size_t n;
	FILE *f;

	if (steme_pid_read(in, name, &p) != STEME_OK)
		return false;
	*lives = true;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)p.pid);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return strstr(text, "/" JOURNAL_UNIT ".service") != NULL;
}

/* Are the lines of this store in the journal, rather than below D/log? */
static bool
in_journal(const struct steme_instance *in)
{
	static const char *const units[] = {
		"/etc/systemd/system/" JOURNAL_UNIT ".service",
		"/usr/local/lib/systemd/system/" JOURNAL_UNIT ".service",
		"/usr/lib/systemd/system/" JOURNAL_UNIT ".service",
		"/lib/systemd/system/" JOURNAL_UNIT ".service",
	};
	bool lives = false;

	if (of_unit(in, DAEMON, &lives) || of_unit(in, SIDECAR, &lives))
		return true;
	if (lives || !in->is_default || access("/run/systemd/system", F_OK) != 0)
		return false;
	for (size_t i = 0; i < STEME_NELEM(units); i++)
		if (access(units[i], F_OK) == 0)
			return true;
	return false;
}

/* The words for journalctl: without those that only this command has. */
static void
journalctl_words(const struct words *w, const char *program, const char **out)
{
	int n = 0;

	out[n++] = program;
	for (int i = 1; i < w->n; i++) {
		if (strcmp(w->v[i], "--dir") == 0)
			i++;
		else if (strcmp(w->v[i], "--json") == 0)
			out[n++] = "--output=json";
		else if (strncmp(w->v[i], "--dir=", 6) != 0)
			out[n++] = w->v[i];
	}
	out[n] = NULL;
}

static int
no_journalctl(struct cli *c, const char *program)
{
	return cli_missing(c, "cannot run %s: %s.  Lines of this store alone: steme "
	    "journal -u " JOURNAL_UNIT "; the kernel's: dmesg",
	    program[0] == '\0' ? "journalctl" : program, strerror(errno));
}

/* Lifts the whole lines of b, and keeps the rest. */
static int
lift_lines(struct steme_buf *b)
{
	struct steme_buf out = { 0 };
	size_t from = 0;
	uint8_t *end;
	int err;

	while (b->len > from && (end = memchr(b->data + from, '\n', b->len - from))
	    != NULL) {
		size_t n = (size_t)(end - b->data) - from;

		journal_lift(&out, (struct steme_str){ (char *)b->data + from, n });
		steme_buf_putc(&out, '\n');
		from += n + 1;
	}
	err = steme_buf_err(&out);
	if (err == STEME_OK && out.len > 0 &&
	    (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0))
		err = STEME_EIO;
	steme_buf_fini(&out);
	if (from > 0) {
		memmove(b->data, b->data + from, b->len - from);
		b->len -= from;
	}
	return err;
}

/* Until fd ends, or nobody reads stdout any more. */
static int
lift_all(int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
	    { .fd = STDOUT_FILENO } };
	struct steme_buf b;
	int err = STEME_OK;
	uint8_t *at;
	ssize_t n;

	steme_buf_init(&b, LINE_MAX_BYTES);
	while (err == STEME_OK) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if ((p[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			break;
		if ((at = steme_buf_reserve(&b, 65536)) == NULL) {
			err = steme_buf_err(&b);
			break;
		}
		if ((n = read(fd, at, 65536)) <= 0)
			break;
		b.len += (size_t)n;
		err = lift_lines(&b);
	}
	steme_buf_fini(&b);
	return err;
}

/* journalctl with its JSON lifted. */
static int
run_lifted(struct cli *c, const char *program, const char **argv)
{
	int pipes[2], status = 0, err;
	pid_t pid;

	if (pipe(pipes) < 0 || (pid = fork()) < 0)
		return cli_failf(c, STEME_EIO, "cannot run %s: %s", program,
		    strerror(errno));
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(no_journalctl(c, program));
	}
	close(pipes[1]);
	err = lift_all(pipes[0]);
	close(pipes[0]);		/* one that still follows ends by that */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (err != STEME_OK)
		return cli_failf(c, err, "cannot pass on what %s says: %s", program,
		    steme_strerror(err));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_OK;
}

static int
run_journalctl(struct cli *c, const struct words *w, bool lift)
{
	const char *program = getenv("STEME_JOURNALCTL"), *argv[WORDS_MAX + 2];

	if (program == NULL)
		program = JOURNALCTL;
	journalctl_words(w, program, argv);
	if (lift)
		return run_lifted(c, program, argv);
	execv(program, (char *const *)(uintptr_t)argv);
	return no_journalctl(c, program);
}

/* ---- the files ---- */

static int
read_priority(const char *name, int *priority)
{
	static const char *const names[8] = {
		"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"
	};

	for (int i = 0; i < 8; i++)
		if (strcmp(name, names[i]) == 0 || (name[0] == '0' + i &&
		    name[1] == '\0')) {
			*priority = i;
			return STEME_OK;
		}
	return STEME_EINVAL;
}

static int
read_format(const char *name, enum journal_format *f)
{
	static const char *const names[4] = { "short", "short-iso", "cat", "json" };

	for (int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0) {
			*f = (enum journal_format)i;
			return STEME_OK;
		}
	return STEME_EINVAL;
}

static int
read_lines(const char *text, uint64_t *lines)
{
	char *end;

	*lines = UINT64_MAX;
	if (strcmp(text, "all") == 0)
		return STEME_OK;
	if (!isdigit((unsigned char)text[0]))
		return STEME_EINVAL;
	*lines = strtoull(text, &end, 10);
	return *end == '\0' && *lines <= LINES_MAX ? STEME_OK : STEME_EINVAL;
}

struct texts {
	const char *lines, *since, *until, *priority, *output;
};

/* -1: go on; otherwise the exit status. */
static int
read_query(struct cli *c, const struct texts *t, struct journal_query *q)
{
	int64_t now = steme_wall_us(&steme_clock_system);

	q->since = INT64_MIN;
	q->until = INT64_MAX;
	q->priority = 7;
	q->lines = q->follow ? 10 : q->reverse ? LINES_MAX : UINT64_MAX;
	if (t->lines != NULL && read_lines(t->lines, &q->lines) != STEME_OK)
		return cli_usage(c, "--lines takes a number up to %d, or all, not '%s'",
		    LINES_MAX, t->lines);
	if (t->since != NULL && journal_time(t->since, now, &q->since) != STEME_OK)
		return cli_usage(c, "--since '%s' is no time; such are '5 min ago', "
		    "'2026-11-21 08:00', 'today'", t->since);
	if (t->until != NULL && journal_time(t->until, now, &q->until) != STEME_OK)
		return cli_usage(c, "--until '%s' is no time; such are '5 min ago', "
		    "'2026-11-21 08:00', 'today'", t->until);
	if (t->priority != NULL && read_priority(t->priority, &q->priority) != STEME_OK)
		return cli_usage(c, "--priority takes err, warning, info, debug or 0 "
		    "to 7, not '%s'", t->priority);
	if (t->output != NULL && read_format(t->output, &q->format) != STEME_OK)
		return cli_usage(c, "--output takes short, short-iso, cat or json, "
		    "not '%s'", t->output);
	if (c->json)
		q->format = JOURNAL_JSON;
	if (q->follow && q->reverse)
		return cli_usage(c, "--follow and --reverse exclude each other");
	if (q->reverse && q->lines == UINT64_MAX)
		q->lines = LINES_MAX;
	q->clean = c->tty;
	return -1;
}

/*
 * Parses words as a command line of ours; *q is what of it concerns files.  -1: go on;
 * otherwise the exit status.
 */
static int
parse(struct cli *c, struct words *w, struct journal_query *q)
{
	struct texts t = { 0 };
	struct cli_list units = { 0 };
	bool ignored = false;
	const struct cli_opt opts[] = {
		{ "unit", OPT_LIST, &units, "UNIT",
		    "only " JOURNAL_UNIT " is here; -u" },
		{ "lines", OPT_TEXT, &t.lines, "N", "the last N, or all; -n" },
		{ "follow", OPT_FLAG, &q->follow, NULL, "go on with new ones; -f" },
		{ "since", OPT_TEXT, &t.since, "T", "'5 min ago', '2026-11-21 08:00'; -S" },
		{ "until", OPT_TEXT, &t.until, "T", "the same; -U" },
		{ "priority", OPT_TEXT, &t.priority, "P",
		    "err, warning, info, debug, and what is graver; -p" },
		{ "output", OPT_TEXT, &t.output, "F",
		    "short (the default), short-iso, cat, json; -o" },
		{ "reverse", OPT_FLAG, &q->reverse, NULL, "the newest first; -r" },
		/* journalctl's, without a meaning for files */
		{ "no-pager", OPT_FLAG, &ignored, NULL, NULL },
		{ "pager-end", OPT_FLAG, &ignored, NULL, NULL },
		{ "all", OPT_FLAG, &ignored, NULL, NULL },
		{ "quiet", OPT_FLAG, &ignored, NULL, NULL },
		{ "full", OPT_FLAG, &ignored, NULL, NULL },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	char *argv[WORDS_MAX + 1];
	int status;

	/* it moves words about, which are still to be freed */
	memcpy(argv, w->v, sizeof(argv));
	memset(q, 0, sizeof(*q));
	if ((status = cli_parse(c, w->n, argv, opts, 0, 0)) >= 0)
		return status;
	return read_query(c, &t, q);
}

/* The data folder, before the options are known to be ours. */
static int
find_instance(struct cli *c, const struct words *w)
{
	const char *dir = c->dir, *v;
	int err;

	for (int i = 1; i < w->n; i++)
		if ((v = value_at(w, i, "dir")) != NULL)
			dir = v;
	err = steme_instance_init(&c->in, dir, &c->why);
	return err == STEME_OK ? -1 : cli_fail(c, err);
}

static int
run(struct cli *c, struct words *w, const struct about *a)
{
	const char *forced = getenv("STEME_JOURNALCTL");
	struct steme_why why = { "" };
	struct journal_query q;
	bool journal;
	int status, err;

	if (a->help)
		return parse(c, w, &q);
	if (w->bad)
		return cli_usage(c, "too many words: at most %d", WORDS_MAX);
	if ((status = find_instance(c, w)) >= 0)
		return status;
	journal = forced != NULL ? forced[0] != '\0' : in_journal(&c->in);
	if (a->kernel || (a->others && !a->ours) || journal)
		return run_journalctl(c, w, a->ours && (a->json || c->json));
	if ((status = parse(c, w, &q)) >= 0)
		return status;
	err = journal_files(&c->in, &q, &why);
	if (err == STEME_ENOTFOUND)
		return cli_missing(c, "%s", why.text);
	c->why = why;
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

int
cmd_journal(struct cli *c, int argc, char **argv)
{
	struct words w;
	struct about a;
	int status;

	read_words(&w, &a, argc, argv);
	status = run(c, &w, &a);
	free_words(&w);
	return status;
}
