/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.c - steme import: many claims from files or stdin.
 *
 * Run again, it does no harm: the same lines give the same objects, which are there
 * already.  For that a line without a time takes its file's (mtime), or --time; and a
 * batch takes the newest of its members'.
 */
#include "config.h"
#include "cli/import.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"
#include "core/wr.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PENDING_MAX	(64u << 20)	/* bytes in batches not yet full */

enum format { FORMAT_GUESS, FORMAT_NDJSON, FORMAT_TSV };

struct import {
	struct cli *c;
	/* options */
	const char *agent, *time, *format_name;
	bool batch, dry;
	uint64_t max_errors;
	/* state */
	enum format format;		/* of the file at hand */
	int64_t time_us;		/* for lines that have none */
	bool time_given;
	struct agents agents;
	struct sender *sender;
	struct load *singles;		/* being filled */
	size_t pending;
	struct import_counts counts;
	struct steme_claim claim;
	struct out_bar bar;
	uint64_t done_bytes, total_bytes, untimed;
	int64_t start_us;		/* monotonic */
	int64_t now_us;			/* wall, when last looked at */
	int status;			/* of what ends it all */
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* ---- loads ---- */

static void
give(struct import *m, struct load **l)
{
	if (*l == NULL)
		return;
	m->pending -= (*l)->members.len;
	sender_give(m->sender, *l);
	*l = NULL;
}

static void
give_all(struct import *m)
{
	give(m, &m->singles);
	for (unsigned i = 0; i < AGENT_BUCKETS; i++)
		for (struct agent *a = m->agents.bucket[i]; a != NULL; a = a->next)
			give(m, &a->open);
	if (m->agents.self != NULL)
		give(m, &m->agents.self->open);
}

static void
put_member(struct import *m, struct load *l, uint64_t line)
{
	const struct steme_claim *c = &m->claim;

	l->line[l->n] = line;
	steme_wr_bytes(&l->members, 4, c->bytes.data, c->bytes.len);
	m->pending += c->bytes.len + 4;
	l->n++;
}

/* A load like *l with room for this claim.  NULL: the sender failed. */
static struct load *
room_in(struct import *m, struct load **l, struct agent *a, const char *file,
    uint32_t max, size_t each)
{
	size_t need = m->claim.bytes.len + 4;

	if (*l != NULL && ((*l)->n == max || (*l)->file != file ||
	    (*l)->members.len + need + ((*l)->n + 1) * each > LOAD_BYTES))
		give(m, l);
	if (*l == NULL)
		*l = sender_take(m->sender, a, file);
	return *l;
}

/* True if id is there already; notes it otherwise. */
static bool
is_dup(struct load *l, const struct steme_id *id)
{
	uint32_t h;

	memcpy(&h, id->b, sizeof(h));
	for (h %= DEDUPE_SLOTS; l->slot[h] != 0; h = (h + 1) % DEDUPE_SLOTS)
		if (steme_id_eq(&l->ids[l->slot[h] - 1], id))
			return true;
	l->slot[h] = (uint16_t)(l->n + 1);
	return false;
}

static void
add_to_batch(struct import *m, struct agent *a, const struct lines *in)
{
	struct steme_id id = steme_hash(m->claim.bytes.data, m->claim.bytes.len);
	struct load *l = room_in(m, &a->open, a, in->name, STEME_BATCH_MAX,
	    STEME_ID_LEN);

	if (l == NULL)
		return;
	if (is_dup(l, &id)) {
		l->dups++;
		return;
	}
	l->ids[l->n] = id;
	l->time_us = STEME_MAX(l->time_us, m->claim.o.time_us);
	put_member(m, l, in->number);
	if (m->pending > PENDING_MAX)
		give_all(m);
}

static void
add_single(struct import *m, struct agent *a, const struct lines *in)
{
	struct load *l = room_in(m, &m->singles, NULL, in->name, LOAD_SINGLES,
	    STEME_SIG_LEN);

	if (l == NULL)
		return;
	l->need_sig[l->n] = a != NULL;
	l->by[l->n] = a;
	if (a == NULL)
		l->sig[l->n] = m->claim.sig;
	put_member(m, l, in->number);
}

/*
 * A batch is no older than its members: one that is too far in the future would have the
 * daemon refuse them all.
 */
static bool
is_ahead(struct import *m, const struct lines *in)
{
	int64_t ahead = m->claim.o.time_us - m->now_us;

	if (ahead <= STEME_SKEW_US)
		return false;
	m->now_us = steme_wall_us(&steme_clock_system);
	if ((ahead = m->claim.o.time_us - m->now_us) <= STEME_SKEW_US)
		return false;
	sender_refuse(m->sender, in->name, in->number, "the time is %lld s ahead of "
	    "this machine's clock; at most 300 are allowed",
	    (long long)(ahead / 1000000));
	return true;
}

/* ---- one line ---- */

/* False: the import cannot go on (m->status). */
static bool
take_claim(struct import *m, const struct lines *in)
{
	struct steme_claim *c = &m->claim;
	struct agent *a;
	struct steme_why why;

	if (c->is_signed) {
		add_single(m, NULL, in);
		return true;
	}
	if (c->agent_name[0] != '\0' || m->agent != NULL)
		a = agents_find(&m->agents, c->agent_name[0] != '\0' ?
		    c->agent_name : m->agent,
		    c->has_class ? c->o.class_ : STEME_CLASS_NONE, &why);
	else
		a = agents_self(&m->agents);
	if (m->agents.status != EX_OK) {
		m->status = m->agents.status;
		return false;
	}
	if (a == NULL) {
		sender_refuse(m->sender, in->name, in->number, "%s", why.text);
		return true;
	}
	m->untimed += !c->has_time;
	if (steme_claim_write(c, &a->key.agent, &a->profile, m->time_us, &why) !=
	    STEME_OK) {
		sender_refuse(m->sender, in->name, in->number, "%s", why.text);
		return true;
	}
	if (m->batch && is_ahead(m, in))
		return true;
	if (m->batch && (c->o.kind == STEME_ASSERTION || c->o.kind == STEME_VOTE))
		add_to_batch(m, a, in);
	else
		add_single(m, a, in);
	return true;
}

static bool
is_head(struct steme_str s)
{
	static const struct steme_str heads[] = {
		{ "concept\tpredicate\t", 18 }, { "concept_path\tpredicate\t", 23 }
	};

	for (size_t i = 0; i < STEME_NELEM(heads); i++)
		if (s.n >= heads[i].n && memcmp(s.p, heads[i].p, heads[i].n) == 0)
			return true;
	return false;
}

static bool
is_blank(struct steme_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	return true;
}

static void
guess_format(struct import *m, const char *name, struct steme_str line)
{
	const char *dot = strrchr(name, '.');
	size_t i = 0;

	if (dot != NULL && (strcmp(dot, ".tsv") == 0 || strcmp(dot, ".tab") == 0)) {
		m->format = FORMAT_TSV;
		return;
	}
	if (dot != NULL && (strcmp(dot, ".ndjson") == 0 || strcmp(dot, ".jsonl") == 0)) {
		m->format = FORMAT_NDJSON;
		return;
	}
	while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	m->format = i < line.n && line.p[i] == '{' ? FORMAT_NDJSON : FORMAT_TSV;
}

static bool
take_line(struct import *m, const struct lines *in, struct steme_str line)
{
	struct steme_why why;
	int err;

	/* a byte order mark, as some editors leave it */
	if (in->number == 1 && line.n >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0)
		line = (struct steme_str){ line.p + 3, line.n - 3 };
	if (is_blank(line))
		return true;
	if (m->format == FORMAT_GUESS)
		guess_format(m, in->name, line);
	if (m->format == FORMAT_TSV && in->number == 1 && is_head(line))
		return true;
	err = m->format == FORMAT_TSV ?
	    steme_claim_from_tsv(&m->claim, line.p, line.n, &why) :
	    steme_claim_from_json(&m->claim, line.p, line.n, 0, &why);
	if (err == STEME_OK)
		return take_claim(m, in);
	sender_refuse(m->sender, in->name, in->number, "%s", why.text);
	return true;
}

/* ---- files ---- */

static void
draw(struct import *m, const struct lines *in)
{
	uint64_t n = m->counts.created + m->counts.exists;
	int64_t us = steme_mono_us(&steme_clock_system) - m->start_us;
	uint64_t at = m->done_bytes + in->bytes;
	char more[80];

	snprintf(more, sizeof(more), "%llu claims, %llu/s", (unsigned long long)n,
	    (unsigned long long)(us > 0 ? n * 1000000 / (uint64_t)us : 0));
	out_bar_set(&m->bar, m->total_bytes == 0 ? 1001 :
	    (unsigned)(STEME_MIN(at, m->total_bytes) * 1000 / m->total_bytes), more);
}

/* False: the import cannot go on. */
static bool
take_file(struct import *m, const char *name)
{
	struct steme_str line;
	struct lines in;
	bool ok = true;
	int r;

	if ((r = lines_open(&in, name, &m->c->why)) != STEME_OK) {
		m->status = EX_NOINPUT;
		out_error(m->c->json, steme_errname(r), m->status, m->c->why.text);
		return false;
	}
	m->format = m->format_name == NULL ? FORMAT_GUESS :
	    strcmp(m->format_name, "tsv") == 0 ? FORMAT_TSV : FORMAT_NDJSON;
	if (!m->time_given)
		m->time_us = in.mtime_us;
	while (ok && !interrupted && !sender_failed(m->sender) &&
	    (r = lines_next(&in, &interrupted, &line)) != 0) {
		if (r == STEME_ETOOBIG) {
			sender_refuse(m->sender, name, in.number, "the line is longer "
			    "than %d bytes", LINE_MAX_BYTES);
			continue;
		}
		if (r == STEME_ECANCELED)
			break;
		if (r < 0) {
			m->status = cli_failf(m->c, r, "%s: cannot be read: %s", name,
			    steme_strerror(r));
			ok = false;
			break;
		}
		ok = take_line(m, &in, line);
		if (m->bar.f != NULL && in.number % 256 == 0)
			draw(m, &in);
	}
	give_all(m);
	m->done_bytes += in.bytes;
	lines_close(&in);
	return ok && !interrupted && !sender_failed(m->sender);
}

static void
add_sizes(struct import *m, int n, char **files)
{
	struct stat st;

	for (int i = 0; i < n; i++) {
		if (strcmp(files[i], "-") == 0 || stat(files[i], &st) < 0 ||
		    !S_ISREG(st.st_mode)) {
			m->total_bytes = 0;
			return;
		}
		m->total_bytes += (uint64_t)st.st_size;
	}
}

static void
catch_signals(void)
{
	/* without SA_RESTART: a read of stdin ends.  The second one ends the import, also
	 * while a daemon that hangs is waited for. */
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	interrupted = 0;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* ---- the end ---- */

static void
print_summary(struct import *m)
{
	struct import_counts *k = &m->counts;
	int64_t us = steme_mono_us(&steme_clock_system) - m->start_us;
	unsigned long long created = k->created, exists = k->exists;
	unsigned long long refused = k->refused;

	if (m->c->json)
		printf("{\"created\":%llu,\"exists\":%llu,\"refused\":%llu,"
		    "\"dry_run\":%s,\"us\":%lld}\n", created, exists, refused,
		    m->dry ? "true" : "false", (long long)us);
	else if (m->dry)
		printf("%llu would be sent, %llu stand there twice, %llu refused\n",
		    created, exists, refused);
	else
		printf("%llu created, %llu already there, %llu refused\n", created,
		    exists, refused);
}

static int
conclude(struct import *m, int err)
{
	char t[STEME_TIME_LEN + 1];

	out_bar_clear(&m->bar);
	if (m->untimed > 0 && !m->time_given && !m->dry && (interrupted || err != 0) &&
	    m->time_us != 0) {
		steme_time_format(t, m->time_us);
		cli_note(m->c, "lines without a time got %s: run again with --time %s "
		    "where the input is no file", t, t);
	}
	if (err != STEME_OK)
		m->status = cli_fail(m->c, err);
	else if (interrupted)
		cli_note(m->c, "interrupted");
	if (err != STEME_OK || interrupted)
		cli_note(m->c, "run the same command again to go on: what is stored "
		    "is not stored twice");
	print_summary(m);
	if (m->status != EX_OK)
		return m->status;
	if (interrupted)
		return 130;
	return m->counts.refused > 0 ? EX_DATAERR : EX_OK;
}

static int
run(struct import *m)
{
	struct import_opts o = { m->c, m->dry, m->max_errors, &m->counts };
	static char *const standard_input[] = { (char *)"-" };
	char *const *files = m->c->nargs == 0 ? standard_input : m->c->args;
	int n = STEME_MAX(m->c->nargs, 1), err, status;

	if (!m->dry && (status = cli_connect(m->c)) != EX_OK)
		return status;
	if ((err = sender_new(&m->sender, &o)) != STEME_OK)
		return cli_fail(m->c, err);
	steme_claim_init(&m->claim);
	m->start_us = steme_mono_us(&steme_clock_system);
	out_bar_init(&m->bar, m->c->err_tty && !m->c->json, m->c->width, "importing");
	add_sizes(m, n, (char **)files);
	catch_signals();
	for (int i = 0; i < n && take_file(m, files[i]); i++)
		;
	m->c->why.text[0] = '\0';
	err = sender_finish(m->sender, &m->c->why);
	status = conclude(m, err);
	steme_claim_fini(&m->claim);
	agents_fini(&m->agents);
	return status;
}

int
cmd_import(struct cli *c, int argc, char **argv)
{
	static struct import m;
	const struct cli_opt opts[] = {
		{ "batch", OPT_FLAG, &m.batch, NULL, "one signature for up to 4,096 "
		    "claims: many times faster" },
		{ "format", OPT_TEXT, &m.format_name, "F",
		    "ndjson or tsv (default: by the file's name or first byte)" },
		{ "agent", OPT_TEXT, &m.agent, "NAME", "lines without an agent are "
		    "signed by this agent of D/keys, made at its first use" },
		{ "key", OPT_TEXT, &m.agents.key, "F", "... or by this key" },
		{ "as", OPT_TEXT, &m.agents.as, "NAME", "... or by this key of D/keys" },
		{ "time", OPT_TEXT, &m.time, "T",
		    "for lines without a time (default: the file's)" },
		{ "dry-run", OPT_FLAG, &m.dry, NULL, "check all lines, store nothing" },
		{ "max-errors", OPT_UINT, &m.max_errors, "N",
		    "name at most N refused lines (100)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	int status;

	memset(&m, 0, sizeof(m));
	m.c = m.agents.c = c;
	m.max_errors = 100;
	if ((status = cli_parse(c, argc, argv, opts, 0, -1)) >= 0)
		return status;
	if (m.format_name != NULL && strcmp(m.format_name, "ndjson") != 0 &&
	    strcmp(m.format_name, "tsv") != 0)
		return cli_usage(c, "--format takes ndjson or tsv");
	if (m.agent != NULL && (m.agents.key != NULL || m.agents.as != NULL))
		return cli_usage(c, "--agent, --key and --as exclude each other");
	if (m.time != NULL) {
		if (steme_time_parse_loose(steme_str_from(m.time), &m.time_us) !=
		    STEME_OK)
			return cli_usage(c, "--time takes a date or a time like "
			    "2026-11-21T02:00:00Z");
		m.time_given = true;
	}
	if (steme_sign_init() != STEME_OK)
		return cli_failf(c, STEME_EIO, "libsodium cannot be initialised");
	m.agents.dry = m.dry;
	return run(&m);
}
