/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - steme log and steme watch: records in the order they were committed. */
#include "config.h"
#include "cli/cli.h"
#include "cli/names.h"
#include "cli/out.h"
#include "cli/query.h"
#include "core/clock.h"
#include "core/timefmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHOWN		20	/* records of `steme log` by default */
#define SHOWN_MAX	100000

struct entry {
	uint64_t lsn, hlc;
	struct steme_id id, agent;
	enum steme_kind kind;
	struct steme_buf what;
};

struct feed {
	struct cli *c;
	struct steme_str prefix;	/* concepts at or below; absent: all */
	uint64_t limit, seen;
	uint64_t next;			/* watch: lsn to go on with */
	struct entry *list;		/* log: kept for the table */
	size_t n, room;
	int err;
};

/* The concept an object speaks about; absent: none. */
static struct steme_str
about(const struct steme_object *o)
{
	return o->kind == STEME_ALIAS ? o->from : o->concept;
}

static bool
is_wanted(const struct feed *f, const struct steme_object *o)
{
	struct steme_str s = about(o);

	if (f->prefix.p == NULL)
		return true;
	return s.p != NULL && s.n >= f->prefix.n &&
	    memcmp(s.p, f->prefix.p, f->prefix.n) == 0 &&
	    (s.n == f->prefix.n || s.p[f->prefix.n] == '/');
}

static void
put_weight(struct steme_buf *b, const char *word, int32_t weight)
{
	char t[8];

	steme_buf_printf(b, "%s %s", word, steme_dec4_format(t, weight));
}

/* One line that says what an object says. */
static void
describe(struct steme_buf *b, const struct steme_object *o)
{
	char hex[STEME_ID_HEX + 1];

	switch (o->kind) {
	case STEME_ASSERTION:
		steme_buf_printf(b, "%.*s %.*s = ", STEME_STR(o->concept),
		    STEME_STR(o->predicate));
		steme_buf_put(b, o->value.p, o->value.n);
		return;
	case STEME_VOTE:
		put_weight(b, "vote", o->weight);
		steme_buf_printf(b, " on %.*s %s", STEME_STR(o->concept),
		    out_short(hex, &o->assertion));
		break;
	case STEME_RETRACTION:
		if (o->has_assertion)
			steme_buf_printf(b, "%.*s %s", STEME_STR(o->concept),
			    out_short(hex, &o->assertion));
		else
			steme_buf_printf(b, "source %.*s %s", STEME_STR(o->source),
			    o->state == STEME_STATE_RETRACTED ? "retracted" :
			    "reinstated");
		break;
	case STEME_EPOCH:
		steme_buf_printf(b, "%.*s%s%.*s", STEME_STR(o->name),
		    o->superseded.p == NULL ? "" : " supersedes ",
		    STEME_STR(o->superseded));
		break;
	case STEME_ALIAS:
		steme_buf_printf(b, "%.*s is %.*s", STEME_STR(o->from),
		    STEME_STR(o->to));
		break;
	case STEME_TRUST:
		steme_buf_printf(b, "%s ", out_short(hex, &o->of));
		put_weight(b, "weight", o->weight);
		break;
	case STEME_REVOCATION:
		steme_buf_puts(b, out_short(hex, &o->of));
		break;
	case STEME_BATCH:
		steme_buf_printf(b, "%u objects", o->count);
		break;
	case STEME_OPAQUE:
		steme_buf_puts(b, "(of a kind this version does not know)");
		break;
	}
	if (o->value.n > 0) {
		steme_buf_puts(b, ": ");
		steme_buf_put(b, o->value.p, o->value.n);
	}
}

static void
put_json(struct steme_buf *b, const struct steme_record *r,
    const struct steme_object *o)
{
	char hex[STEME_ID_HEX + 1], t[STEME_TIME_LEN + 1];

	steme_id_hex(hex, &r->id);
	steme_time_format(t, steme_hlc_us(r->hlc));
	steme_buf_printf(b, "{\"lsn\":%" PRIu64 ",\"hlc\":\"%" PRIu64 "\","
	    "\"recorded_at\":\"%s\",\"id\":\"%s\",\"kind\":\"%s\"", r->lsn, r->hlc,
	    t, hex, steme_kind_name(o->kind));
	if (o->kind != STEME_OPAQUE) {
		steme_id_hex(hex, &o->agent);
		steme_time_format(t, o->time_us);
		steme_buf_printf(b, ",\"agent_id\":\"%s\",\"time\":\"%s\"", hex, t);
	}
	if (o->concept.p != NULL) {
		steme_buf_puts(b, ",\"concept_path\":");
		out_json_str(b, o->concept);
	}
	if (o->kind == STEME_ASSERTION) {
		steme_buf_puts(b, ",\"predicate\":");
		out_json_str(b, o->predicate);
		steme_buf_printf(b, ",\"object\":{\"type\":\"%s\",\"value\":",
		    steme_type_name(o->type));
		if (o->type == STEME_NUMBER || o->type == STEME_BOOLEAN)
			steme_buf_put(b, o->value.p, o->value.n);
		else
			out_json_str(b, o->value);
		steme_buf_putc(b, '}');
	} else if (o->value.n > 0) {
		steme_buf_puts(b, ",\"reason\":");
		out_json_str(b, o->value);
	}
	steme_buf_puts(b, "}\n");
}

static int
parse(struct steme_object *o, const struct steme_record *r)
{
	int err;

	memset(o, 0, sizeof(*o));
	err = steme_object_parse(o, r->bytes.p, r->bytes.n, NULL);
	return err == STEME_EVERSION ? STEME_OK : err;
}

static int
print_json_line(struct feed *f, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_buf b = { 0 };
	int err;

	put_json(&b, r, o);
	err = steme_buf_err(&b);
	if (err == STEME_OK && (fwrite(b.data, 1, b.len, stdout) != b.len))
		err = STEME_EIO;
	steme_buf_fini(&b);
	(void)f;
	return err;
}

/* ---- log ---- */

static int
keep(struct feed *f, const struct steme_record *r, const struct steme_object *o)
{
	struct entry *e;

	if (f->n == f->room) {
		size_t room = f->room == 0 ? 64 : f->room * 2;

		if ((e = realloc(f->list, room * sizeof(*e))) == NULL)
			return STEME_ENOMEM;
		f->list = e;
		f->room = room;
	}
	e = &f->list[f->n++];
	memset(e, 0, sizeof(*e));
	e->lsn = r->lsn;
	e->hlc = r->hlc;
	e->id = r->id;
	e->agent = o->agent;
	e->kind = o->kind;
	describe(&e->what, o);
	return steme_buf_err(&e->what);
}

static int
on_log(void *arg, const struct steme_record *r)
{
	struct feed *f = arg;
	struct steme_object o;
	int err;

	if ((err = parse(&o, r)) != STEME_OK)
		return err;
	if (!is_wanted(f, &o))
		return STEME_OK;
	f->seen++;
	err = f->c->json ? print_json_line(f, r, &o) : keep(f, r, &o);
	return err != STEME_OK ? err : f->limit > 0 && f->seen >= f->limit ? 1 : 0;
}

static void
print_log(struct feed *f, bool newest_first)
{
	static const char *const heads[] = { ">LSN", "RECORDED", "KIND", "AGENT", "ID",
	    "WHAT" };
	struct names *names = names_new();
	char text[64], t[STEME_TIME_LEN + 1];
	struct out_table table;

	out_table_init(&table, heads, 6);
	table.narrow = 5;
	for (size_t i = 0; i < f->n; i++)
		if (f->list[i].kind != STEME_OPAQUE)
			names_add(names, &f->list[i].agent);
	names_ask(names, f->c);
	for (size_t i = 0; i < f->n; i++) {
		struct entry *e = &f->list[newest_first ? f->n - 1 - i : i];

		out_cellf(&table, "%" PRIu64, e->lsn);
		steme_time_format(t, steme_hlc_us(e->hlc));
		out_cellf(&table, "%.19sZ", t);
		out_cell(&table, steme_str_from(steme_kind_name(e->kind)));
		out_cell(&table, steme_str_from(names_of(names, &e->agent, text)));
		out_cell(&table, steme_str_from(out_short(text, &e->id)));
		out_cell(&table, (struct steme_str){ (char *)e->what.data,
		    e->what.len });
	}
	out_table_print(&table, stdout, f->c->width, f->c->color);
	out_table_fini(&table);
	names_free(names);
}

static void
free_feed(struct feed *f)
{
	for (size_t i = 0; i < f->n; i++)
		steme_buf_fini(&f->list[i].what);
	free(f->list);
}

/* A table is held in memory; a stream of JSON is not. */
static bool
check_limit(struct cli *c, uint64_t limit, int *status)
{
	if (c->json || (limit >= 1 && limit <= SHOWN_MAX))
		return true;
	*status = cli_usage(c, "--limit takes 1 to %d (--json has no limit)",
	    SHOWN_MAX);
	return false;
}

static int
nothing(const struct feed *f, uint64_t from, uint64_t newest)
{
	if (from > newest)
		cli_note(f->c, "the newest record is %" PRIu64, newest);
	else
		say_nothing(f->c, f->prefix);
	return CLI_NO;
}

int
cmd_log(struct cli *c, int argc, char **argv)
{
	uint64_t from = 0, limit = 0, visible;
	const struct cli_opt opts[] = {
		{ "limit", OPT_UINT, &limit, "N", "at most N records (20)" },
		{ "from", OPT_UINT, &from, "LSN", "from this record on, oldest first" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	char concept[STEME_CONCEPT_MAX + 1];
	struct steme_msg_log m = { 0, UINT64_MAX, 0 };
	struct feed f = { .c = c };
	int status, err;

	if ((status = cli_parse(c, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if (limit == 0 && !(c->json && from > 0))
		limit = SHOWN;
	if (!check_limit(c, limit, &status) || (c->nargs == 1 &&
	    !cli_concept(c, c->args[0], concept, &status)) ||
	    (status = cli_connect(c)) != EX_OK)
		return status;
	visible = steme_client_welcome(c->client)->lsn;
	m.from_lsn = from > 0 ? from : visible >= limit ? visible - limit + 1 : 1;
	if (c->nargs == 1) {
		/* the newest that match may lie far back: oldest first then */
		f.prefix = steme_str_from(concept);
		m.from_lsn = from > 0 ? from : 1;
	}
	f.limit = limit;
	err = steme_client_log(c->client, &m, on_log, &f, &c->why);
	if (err < 0)
		status = cli_fail(c, err);
	else if (f.seen == 0)
		status = nothing(&f, from, visible);
	else if (!c->json)
		print_log(&f, from == 0 && c->nargs == 0);
	free_feed(&f);
	return status;
}

/* ---- watch ---- */

#define AGAIN_MS	200		/* between tries to reach a daemon that went away */

static int
on_watch(void *arg, const struct steme_record *r)
{
	struct feed *f = arg;
	struct steme_buf what = { 0 }, clean = { 0 };
	char t[STEME_TIME_LEN + 1], id[13];
	struct steme_object o;
	int err;

	f->next = r->lsn + 1;
	if ((err = parse(&o, r)) != STEME_OK)
		return err;
	if (!is_wanted(f, &o))
		return STEME_OK;
	f->seen++;
	if (f->c->json) {
		err = print_json_line(f, r, &o);
	} else {
		describe(&what, &o);
		out_clean(&clean, (struct steme_str){ (char *)what.data, what.len });
		steme_time_format(t, steme_hlc_us(r->hlc));
		printf("%8" PRIu64 "  %.19sZ  %-10s  %s  %.*s\n", r->lsn, t,
		    steme_kind_name(o.kind), out_short(id, &r->id),
		    (int)clean.len, (char *)clean.data);
		steme_buf_fini(&what);
		steme_buf_fini(&clean);
	}
	if (fflush(stdout) != 0)
		err = STEME_EIO;
	return err != STEME_OK ? err : f->limit > 0 && f->seen >= f->limit ? 1 : 0;
}

/*
 * The daemon went away: waits for it, as long as it takes.  What is committed meanwhile is
 * told then, from where the watch stopped.  The exit status, or EX_OK: connected.
 */
static int
reach_again(struct feed *f)
{
	struct steme_msg_welcome was = *steme_client_welcome(f->c->client);
	const struct timespec nap = { 0, AGAIN_MS * 1000000L };
	const struct steme_msg_welcome *now;
	int err;

	cli_note(f->c, "%s; waiting for it to come back", f->c->why.text);
	cli_disconnect(f->c);
	while ((err = cli_try(f->c)) == STEME_ECONN || err == STEME_ETIMEOUT)
		nanosleep(&nap, NULL);
	if (err != STEME_OK)
		return cli_fail(f->c, err);
	now = steme_client_welcome(f->c->client);
	if (memcmp(now->store, was.store, sizeof(was.store)) != 0)
		return cli_failf(f->c, STEME_EINVAL, "another store is in %s now: "
		    "start the watch anew", f->c->in.dir);
	if (now->lsn + 1 < f->next)
		return cli_failf(f->c, STEME_EGAP, "the store went back to record %"
		    PRIu64 ", %" PRIu64 " was seen already (an older copy?): start "
		    "the watch anew", now->lsn, f->next - 1);
	cli_note(f->c, "connected again; going on with record %" PRIu64, f->next);
	return EX_OK;
}

int
cmd_watch(struct cli *c, int argc, char **argv)
{
	uint64_t from = 0, limit = 0;
	const struct cli_opt opts[] = {
		{ "limit", OPT_UINT, &limit, "N", "end after N records" },
		{ "from", OPT_UINT, &from, "LSN",
		    "from this record on (default: what is committed from now on)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	char concept[STEME_CONCEPT_MAX + 1];
	struct feed f = { .c = c };
	int status, err;

	if ((status = cli_parse(c, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if ((c->nargs == 1 && !cli_concept(c, c->args[0], concept, &status)) ||
	    (status = cli_connect(c)) != EX_OK)
		return status;
	if (c->nargs == 1)
		f.prefix = steme_str_from(concept);
	f.limit = limit;
	f.next = from > 0 ? from : steme_client_welcome(c->client)->lsn + 1;
	do {
		steme_client_set_timeout(c->client, -1);
		err = steme_client_watch(c->client, f.next, on_watch, &f, &c->why);
		if (err != STEME_ECONN && err != STEME_ECANCELED)
			return err < 0 ? cli_fail(c, err) : EX_OK;
	} while ((status = reach_again(&f)) == EX_OK);
	return status;
}
