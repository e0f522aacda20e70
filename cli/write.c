/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - steme assert, vote, retract, epoch, alias, trust, revoke: one object each. */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/writing.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/timefmt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STDIN_MAX	(1 << 20)

#define NO_MORE_OPTS	{ NULL, OPT_FLAG, NULL, NULL, NULL }
/* Of every command but assert. */
#define REASON(w)	{ "reason", OPT_TEXT, &(w).reason, "TEXT", "why" }

/* The value of `-`: stdin, one newline at its end cut off. */
static char *
read_stdin(struct cli *c, int *status)
{
	char *p = malloc(STDIN_MAX + 1);
	size_t n = 0;
	ssize_t got = 1;

	while (p != NULL && n < STDIN_MAX && (got = read(0, p + n, STDIN_MAX - n)) != 0)
		if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			break;
	if (p == NULL || got != 0 || memchr(p, '\0', n) != NULL) {
		*status = cli_failf(c, p == NULL ? STEME_ENOMEM : got < 0 ?
		    STEME_EIO : STEME_EINVAL, p == NULL ? "out of memory" : got < 0 ?
		    "cannot read stdin" : got > 0 ? "stdin has more than 1 MiB" :
		    "stdin holds NUL; send such a value over HTTP");
		free(p);
		return NULL;
	}
	if (n > 0 && p[n - 1] == '\n')
		n--;
	p[n] = '\0';
	return p;
}

static void
add_object(struct writing *w, const char *type, const char *value)
{
	enum steme_type t = steme_value_guess(steme_str_from(value));

	if (type != NULL) {
		writing_member(w, "object");
		steme_buf_puts(&w->json, "{\"type\":");
		writing_str(w, "object", steme_str_from(type));
		steme_buf_puts(&w->json, ",\"value\":");
		writing_str(w, "object", steme_str_from(value));
		steme_buf_putc(&w->json, '}');
	} else if (t == STEME_TEXT) {
		writing_text(w, "object", value);
	} else {
		writing_member(w, "object");
		steme_buf_puts(&w->json, value);
	}
}

static void
add_list(struct writing *w, const char *name, const struct cli_list *l)
{
	if (l->n == 0)
		return;
	writing_member(w, name);
	for (unsigned i = 0; i < l->n; i++) {
		steme_buf_putc(&w->json, i == 0 ? '[' : ',');
		writing_str(w, name, steme_str_from(l->v[i]));
	}
	steme_buf_putc(&w->json, ']');
}

/* --meta KEY=VALUE; false after a complaint. */
static bool
add_meta(struct writing *w, const struct cli_list *l, int *status)
{
	const char *eq;

	if (l->n == 0)
		return true;
	writing_member(w, "meta");
	for (unsigned i = 0; i < l->n; i++) {
		if ((eq = strchr(l->v[i], '=')) == NULL) {
			*status = cli_usage(w->c, "--meta takes KEY=VALUE, not '%s'",
			    l->v[i]);
			return false;
		}
		steme_buf_putc(&w->json, i == 0 ? '{' : ',');
		writing_str(w, "meta", (struct steme_str){ l->v[i],
		    (size_t)(eq - l->v[i]) });
		steme_buf_putc(&w->json, ':');
		writing_str(w, "meta", steme_str_from(eq + 1));
	}
	steme_buf_putc(&w->json, '}');
	return true;
}

int
cmd_assert(struct cli *c, int argc, char **argv)
{
	const char *type = NULL, *conf = NULL, *class_ = NULL, *source = NULL;
	const char *hash = NULL, *life = NULL, *epoch = NULL, *parent = NULL;
	struct cli_list sup = { 0 }, meta = { 0 };
	const struct cli_opt opts[] = {
		{ "type", OPT_TEXT, &type, "T", "text, number, boolean, reference "
		    "(default: by the value's look)" },
		{ "confidence", OPT_TEXT, &conf, "X", "0 to 1, at most 4 decimals" },
		{ "class", OPT_TEXT, &class_, "C", "regulatory, clinical, "
		    "observational, expert, community, anecdotal" },
		{ "source", OPT_TEXT, &source, "URL", "where it comes from" },
		{ "source-hash", OPT_TEXT, &hash, "H", "blake2b-256:HEX or sha256:HEX" },
		{ "lifecycle", OPT_TEXT, &life, "S",
		    "proposed, under_review, deprecated, rejected" },
		{ "epoch", OPT_TEXT, &epoch, "E", "the epoch it belongs to" },
		{ "parent", OPT_TEXT, &parent, "ID", "the object it derives from" },
		{ "supersedes", OPT_LIST, &sup, "ID",
		    "an assertion that this replaces; repeatable" },
		{ "meta", OPT_LIST, &meta, "K=V", "a note; repeatable" },
		NO_MORE_OPTS
	};
	struct writing w = { .c = c };
	char *text = NULL;
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 3, 3)) >= 0)
		return status;
	if (strcmp(c->args[2], "-") == 0 &&
	    (text = read_stdin(c, &status)) == NULL)
		return status;
	writing_concept(&w, "concept_path", c->args[0]);
	writing_text(&w, "predicate", c->args[1]);
	add_object(&w, type, text != NULL ? text : c->args[2]);
	writing_number(&w, "confidence", conf);
	writing_text(&w, "source_class", class_);
	writing_text(&w, "source", source);
	writing_text(&w, "source_hash", hash);
	writing_text(&w, "lifecycle", life);
	writing_text(&w, "epoch", epoch);
	writing_text(&w, "parent", parent);
	add_list(&w, "supersedes", &sup);
	if (add_meta(&w, &meta, &status))
		status = writing_send(&w, STEME_ASSERTION);
	free(text);
	return writing_done(&w, status);
}

/* The concept of a stored assertion (votes and retractions must name it), and its author. */
static bool
concept_of(struct cli *c, const char *text, char out[STEME_CONCEPT_MAX + 1],
    struct steme_id *author, int *status)
{
	struct steme_buf b = { 0 };
	struct steme_str root;
	struct steme_id id;
	char kind[32];
	int err;

	if (!cli_id(c, text, &id, status) || (*status = cli_connect(c)) != EX_OK)
		return false;
	err = steme_client_object(c->client, STEME_WANT_JSON, &id, &b, &c->why);
	if (err != STEME_OK) {
		*status = cli_fail(c, err);
		return false;
	}
	root = jv_root(b.data, b.len);
	jv_copy(out, STEME_CONCEPT_MAX + 1, jv_get(root, "concept_path"));
	jv_copy(kind, sizeof(kind), jv_get(root, "kind"));
	jv_id(jv_get(root, "agent_id"), author);
	steme_buf_fini(&b);
	if (strcmp(kind, "assertion") == 0)
		return true;
	*status = cli_failf(c, STEME_EINVAL, "%s is no assertion but of kind %s", text,
	    kind);
	return false;
}

int
cmd_vote(struct cli *c, int argc, char **argv)
{
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		NO_MORE_OPTS
	};
	char concept[STEME_CONCEPT_MAX + 1];
	struct steme_id author = { 0 };
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 2, 2)) >= 0)
		return status;
	if (!concept_of(c, c->args[0], concept, &author, &status))
		return status;
	writing_text(&w, "concept_path", concept);
	writing_text(&w, "assertion", c->args[0]);
	writing_number(&w, "weight", c->args[1]);
	return writing_done(&w, writing_send(&w, STEME_VOTE));
}

int
cmd_retract(struct cli *c, int argc, char **argv)
{
	const char *source = NULL;
	bool reinstate = false;
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		{ "source", OPT_TEXT, &source, "URL",
		    "instead of ID: all that cites this source (stewards)" },
		{ "reinstate", OPT_FLAG, &reinstate, NULL,
		    "take the retraction of a source back" },
		NO_MORE_OPTS
	};
	char concept[STEME_CONCEPT_MAX + 1], hex[STEME_ID_HEX + 1];
	struct steme_id author = { 0 };
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if ((c->nargs == 1) == (source != NULL))
		return cli_usage(c, "either ID or --source is needed");
	if (reinstate && source == NULL)
		return cli_usage(c, "--reinstate goes with --source; an assertion that "
		    "was retracted is asserted anew");
	if (source != NULL) {
		writing_text(&w, "source", source);
		writing_text(&w, "state", reinstate ? "reinstated" : "retracted");
	} else if (!concept_of(c, c->args[0], concept, &author, &status)) {
		return status;
	} else {
		writing_text(&w, "concept_path", concept);
		writing_text(&w, "assertion", c->args[0]);
	}
	status = writing_send(&w, STEME_RETRACTION);
	if (status == EX_OK && source != NULL)
		writing_warn_steward(&w, "the retraction of a source");
	if (status == EX_OK && source == NULL && !w.dry && !writing_is_by(&w, &author)) {
		steme_id_hex(hex, &author);
		cli_note(c, "stored, but without effect: only its author can take an "
		    "assertion back, %s (--key, --as)", hex);
	}
	return writing_done(&w, status);
}

int
cmd_epoch(struct cli *c, int argc, char **argv)
{
	const char *old = NULL;
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		{ "supersedes", OPT_TEXT, &old, "NAME",
		    "the epoch whose claims no longer count" },
		NO_MORE_OPTS
	};
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 1, 1)) >= 0)
		return status;
	writing_text(&w, "name", c->args[0]);
	writing_text(&w, "supersedes", old);
	if ((status = writing_send(&w, STEME_EPOCH)) == EX_OK)
		writing_warn_steward(&w, "an epoch");
	return writing_done(&w, status);
}

int
cmd_alias(struct cli *c, int argc, char **argv)
{
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		NO_MORE_OPTS
	};
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 2, 2)) >= 0)
		return status;
	writing_concept(&w, "from", c->args[0]);
	writing_concept(&w, "to", c->args[1]);
	if ((status = writing_send(&w, STEME_ALIAS)) == EX_OK)
		writing_warn_steward(&w, "an alias");
	return writing_done(&w, status);
}

int
cmd_trust(struct cli *c, int argc, char **argv)
{
	const char *class_ = NULL, *prefix = NULL;
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		{ "class", OPT_TEXT, &class_, "C",
		    "accredits the agent for this class" },
		{ "prefix", OPT_TEXT, &prefix, "P",
		    "only at or below this concept" },
		NO_MORE_OPTS
	};
	struct steme_id of;
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 2, 2)) >= 0)
		return status;
	if (!cli_agent(c, c->args[0], &of, &status))
		return status;
	writing_text(&w, "of", c->args[0]);
	writing_number(&w, "weight", c->args[1]);
	writing_text(&w, "class", class_);
	writing_concept(&w, "prefix", prefix);
	return writing_done(&w, writing_send(&w, STEME_TRUST));
}

int
cmd_revoke(struct cli *c, int argc, char **argv)
{
	const char *since = NULL;
	struct writing w = { .c = c };
	const struct cli_opt opts[] = {
		REASON(w),
		{ "since", OPT_TEXT, &since, "T",
		    "what was first recorded after no longer counts (default: now)" },
		NO_MORE_OPTS
	};
	char now[STEME_TIME_LEN + 1];
	struct steme_id of;
	int status;

	if ((status = writing_parse(&w, argc, argv, opts, 1, 1)) >= 0)
		return status;
	if (!cli_agent(c, c->args[0], &of, &status))
		return status;
	steme_time_format(now, steme_wall_us(&steme_clock_system));
	writing_text(&w, "of", c->args[0]);
	writing_text(&w, "since", since != NULL ? since : now);
	status = writing_send(&w, STEME_REVOCATION);
	if (status == EX_OK && !w.dry && !writing_is_by(&w, &of))
		writing_warn_steward(&w, "the revocation of another's key");
	return writing_done(&w, status);
}
