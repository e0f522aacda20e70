/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c - steme assert, vote, retract, epoch, alias, trust, revoke: one object each.
 *
 * Each command makes the JSON that POST /v1/... takes; so the rules, and what is said
 * when one is broken, are those of every other door.  The object is then signed here,
 * or, without a key of one's own, by the daemon.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/nfc.h"
#include "cli/out.h"
#include "cli/signer.h"
#include "core/clock.h"
#include "core/path.h"
#include "core/timefmt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STDIN_MAX	(1 << 20)

/* What every writing command takes. */
struct writing {
	struct cli *c;
	const char *key, *as, *time, *reason;
	bool dry;
	struct steme_buf json;
	unsigned members;
	bool uncertain;			/* a text may not be NFC */
	const char *broken;		/* the member whose text is not UTF-8 */
	struct steme_id agent;		/* who signed; zero: the daemon's key */
};

#define WRITE_OPTS	4
static void
options(struct writing *w, struct cli *c, struct cli_opt *opts)
{
	const struct cli_opt o[WRITE_OPTS + 1] = {
		{ "key", OPT_TEXT, &w->key, "F",
		    "sign with this key file (default ~/.config/steme/key.pem)" },
		{ "as", OPT_TEXT, &w->as, "NAME", "sign with a key of this machine: "
		    "operator, an agent's name, or me" },
		{ "time", OPT_TEXT, &w->time, "T", "when it was said (default: now)" },
		{ "dry-run", OPT_FLAG, &w->dry, NULL,
		    "print the object and its id, send nothing" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};

	memset(w, 0, sizeof(*w));
	w->c = c;
	memcpy(opts, o, sizeof(o));
}

/* ---- JSON ---- */

static void
begin_member(struct writing *w, const char *name)
{
	steme_buf_printf(&w->json, "%s\"%s\":", w->members++ == 0 ? "{" : ",", name);
}

/* A string of the member called name.  What is no UTF-8 would be signed as something
 * else than was typed: finish() refuses it. */
static void
put_str(struct writing *w, const char *name, struct steme_str text)
{
	if (!steme_utf8_valid(text))
		w->broken = name;
	else if (!nfc_is_certain(text))
		w->uncertain = true;
	out_json_str(&w->json, text);
}

static void
add_text(struct writing *w, const char *name, const char *text)
{
	if (text == NULL)
		return;
	begin_member(w, name);
	put_str(w, name, steme_str_from(text));
}

/* A number as it is spelled; another word goes as text, so that the rule is told. */
static void
add_number(struct writing *w, const char *name, const char *text)
{
	if (text == NULL)
		return;
	if (!steme_number_valid(steme_str_from(text))) {
		add_text(w, name, text);
		return;
	}
	begin_member(w, name);
	steme_buf_puts(&w->json, text);
}

static void
add_list(struct writing *w, const char *name, const struct cli_list *l)
{
	if (l->n == 0)
		return;
	begin_member(w, name);
	for (unsigned i = 0; i < l->n; i++) {
		steme_buf_putc(&w->json, i == 0 ? '[' : ',');
		put_str(w, name, steme_str_from(l->v[i]));
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
	begin_member(w, "meta");
	for (unsigned i = 0; i < l->n; i++) {
		if ((eq = strchr(l->v[i], '=')) == NULL) {
			*status = cli_usage(w->c, "--meta takes KEY=VALUE, not '%s'",
			    l->v[i]);
			return false;
		}
		steme_buf_putc(&w->json, i == 0 ? '{' : ',');
		put_str(w, "meta", (struct steme_str){ l->v[i],
		    (size_t)(eq - l->v[i]) });
		steme_buf_putc(&w->json, ':');
		put_str(w, "meta", steme_str_from(eq + 1));
	}
	steme_buf_putc(&w->json, '}');
	return true;
}

/* ---- sending ---- */

static int
tell(struct writing *w, const struct steme_msg_put_result *r)
{
	struct cli *c = w->c;
	char hex[STEME_ID_HEX + 1];
	const char *word = r->status == 2 ? "exists" : "created";

	if (r->err != STEME_OK)
		return cli_failf(c, r->err, "%.*s", STEME_STR(r->why));
	steme_id_hex(hex, &r->id);
	if (c->json)
		printf("{\"id\":\"%s\",\"status\":\"%s\",\"lsn\":%llu}\n", hex, word,
		    (unsigned long long)r->lsn);
	else
		printf("%s %s\n", word, hex);
	return EX_OK;
}

static int
on_result(void *arg, size_t index, const struct steme_msg_put_result *r)
{
	struct writing *w = arg;
	int status = tell(w, r);

	(void)index;
	return status == EX_OK ? 0 : status;
}

/* The daemon signs with the key of this user. */
static int
send_remote(struct writing *w, enum steme_kind kind)
{
	struct steme_str json = { (char *)w->json.data, w->json.len };
	int err;

	if (w->dry)
		return cli_failf(w->c, STEME_EINVAL, "--dry-run needs a key of your "
		    "own (steme keygen), or --as NAME: the daemon's is not shown");
	err = steme_client_assert(w->c->client, UINT32_MAX, kind, &json, 1, on_result,
	    w, &w->c->why);
	return err < 0 ? cli_fail(w->c, err) : err;
}

static int
show_dry(struct writing *w, const struct steme_claim *cl)
{
	struct steme_id id = steme_hash(cl->bytes.data, cl->bytes.len);
	char hex[STEME_ID_HEX + 1], sig[STEME_SIG_HEX + 1];
	struct steme_buf b = { 0 };
	int status;

	steme_id_hex(hex, &id);
	steme_hex(sig, cl->sig.b, STEME_SIG_LEN);
	if (w->c->json) {
		steme_buf_printf(&b, "{\"id\":\"%s\",\"signature\":\"%s\",\"text\":",
		    hex, sig);
		out_json_str(&b, (struct steme_str){ (char *)cl->bytes.data,
		    cl->bytes.len });
		steme_buf_puts(&b, "}\n");
	} else {
		steme_buf_put(&b, cl->bytes.data, cl->bytes.len);
		cli_note(w->c, "id %s (not sent)", hex);
	}
	status = cli_print(w->c, &b);
	steme_buf_fini(&b);
	return status;
}

static int
send_signed(struct writing *w, enum steme_kind kind, const struct signer *s)
{
	struct steme_msg_put_result r;
	struct steme_claim cl;
	int err, status;

	steme_claim_init(&cl);
	if ((err = steme_claim_from_json(&cl, (char *)w->json.data, w->json.len, kind,
	    &w->c->why)) != STEME_OK ||
	    (err = steme_claim_sign(&cl, &s->key, &s->profile,
	    steme_wall_us(&steme_clock_system), &w->c->why)) != STEME_OK) {
		status = cli_fail(w->c, err);
		goto out;
	}
	w->agent = s->key.agent;
	if (w->dry) {
		status = show_dry(w, &cl);
		goto out;
	}
	memset(&r, 0, sizeof(r));
	err = steme_client_put(w->c->client, (struct steme_str){
	    (char *)cl.bytes.data, cl.bytes.len }, &cl.sig, &r, &w->c->why);
	if (err != STEME_OK)
		status = cli_fail(w->c, err);
	else
		status = tell(w, &r);
out:
	steme_claim_fini(&cl);
	return status;
}

/* Finds the key, sends, prints what came of it. */
static int
finish(struct writing *w, enum steme_kind kind)
{
	struct signer s;
	int status;

	if (kind != STEME_ASSERTION)
		add_text(w, "reason", w->reason);
	add_text(w, "time", w->time);
	steme_buf_puts(&w->json, w->members == 0 ? "{}" : "}");
	if (steme_buf_err(&w->json) != STEME_OK)
		return cli_fail(w->c, steme_buf_err(&w->json));
	if (w->broken != NULL)
		return cli_failf(w->c, STEME_EINVAL, "member %s is not valid UTF-8: "
		    "convert it first (iconv -t UTF-8)", w->broken);
	if ((status = signer_find(w->c, w->key, w->as, &s)) != EX_OK)
		return status;
	if (w->uncertain)
		cli_note(w->c, "warning: a text here may not be in Unicode form NFC: it "
		    "may look like another, but has other bytes, so it is another");
	if (!w->dry && (status = cli_connect(w->c)) != EX_OK)
		goto out;
	status = s.remote ? send_remote(w, kind) : send_signed(w, kind, &s);
out:
	signer_wipe(&s);
	return status;
}

static int
done(struct writing *w, int status)
{
	steme_buf_fini(&w->json);
	return status;
}

/* ---- stewards ---- */

/* Who is "me"?  The daemon knows the key of this uid. */
static void
find_agent(struct writing *w)
{
	struct steme_msg_profile m = { .uid = UINT32_MAX }, got;
	struct steme_buf ask = { 0 }, b = { 0 };

	if (!steme_id_is_zero(&w->agent))
		return;
	m.source = STEME_LIT("");
	m.class_ = STEME_CLASS_NONE;
	steme_msg_put_profile(&ask, &m);
	if (steme_client_ask(w->c->client, STEME_MSG_PROFILE, ask.data, ask.len, &b,
	    NULL) == STEME_OK &&
	    steme_msg_get_profile(&got, b.data, b.len) == STEME_OK)
		w->agent = got.agent;
	steme_buf_fini(&ask);
	steme_buf_fini(&b);
}

/* Stewards are named below _steme/stewards; the operator is the first. */
static bool
is_steward(struct writing *w)
{
	char hex[STEME_ID_HEX + 1];
	struct steme_str at = { 0 }, item;
	struct steme_buf b = { 0 };
	struct steme_query q;
	bool yes = false;

	find_agent(w);
	steme_id_hex(hex, &w->agent);
	steme_query_init(&q);
	q.concept = STEME_LIT("_steme/stewards");
	q.predicate = steme_str_from(hex);
	if (steme_client_query(w->c->client, &q, &b, NULL) != STEME_OK)
		yes = true;			/* unknown: say nothing */
	else if (jv_each(jv_get(jv_root(b.data, b.len), "results"), &at, &item))
		yes = jv_true(jv_at(item, "object.value"));
	steme_buf_fini(&b);
	return yes;
}

/* What only stewards may do is stored, and waits for nobody. */
static void
warn_steward(struct writing *w, const char *what)
{
	if (!w->dry && !is_steward(w))
		cli_note(w->c, "stored, but without effect: %s counts only from a "
		    "steward (try --as operator)", what);
}

/* ---- commands ---- */

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
		begin_member(w, "object");
		steme_buf_puts(&w->json, "{\"type\":");
		put_str(w, "object", steme_str_from(type));
		steme_buf_puts(&w->json, ",\"value\":");
		put_str(w, "object", steme_str_from(value));
		steme_buf_putc(&w->json, '}');
	} else if (t == STEME_TEXT) {
		add_text(w, "object", value);
	} else {
		begin_member(w, "object");
		steme_buf_puts(&w->json, value);
	}
}

int
cmd_assert(struct cli *c, int argc, char **argv)
{
	const char *type = NULL, *conf = NULL, *class_ = NULL, *source = NULL;
	const char *hash = NULL, *life = NULL, *epoch = NULL, *parent = NULL;
	struct cli_list sup = { 0 }, meta = { 0 };
	struct cli_opt opts[WRITE_OPTS + 11] = {
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
	};
	char *text = NULL;
	struct writing w;
	int status;

	options(&w, c, opts + 10);
	if ((status = cli_parse(c, argc, argv, opts, 3, 3)) >= 0)
		return status;
	if (strcmp(c->args[2], "-") == 0 &&
	    (text = read_stdin(c, &status)) == NULL)
		return status;
	add_text(&w, "concept_path", c->args[0]);
	add_text(&w, "predicate", c->args[1]);
	add_object(&w, type, text != NULL ? text : c->args[2]);
	add_number(&w, "confidence", conf);
	add_text(&w, "source_class", class_);
	add_text(&w, "source", source);
	add_text(&w, "source_hash", hash);
	add_text(&w, "lifecycle", life);
	add_text(&w, "epoch", epoch);
	add_text(&w, "parent", parent);
	add_list(&w, "supersedes", &sup);
	if (add_meta(&w, &meta, &status))
		status = finish(&w, STEME_ASSERTION);
	free(text);
	return done(&w, status);
}

/* The concept of a stored assertion: votes and retractions must name it. */
static bool
concept_of(struct cli *c, const char *text, char out[STEME_CONCEPT_MAX + 1],
    int *status)
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
	char concept[STEME_CONCEPT_MAX + 1];
	struct cli_opt opts[WRITE_OPTS + 2];
	struct writing w;
	int status;

	options(&w, c, opts + 1);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	if ((status = cli_parse(c, argc, argv, opts, 2, 2)) >= 0)
		return status;
	if (!concept_of(c, c->args[0], concept, &status))
		return status;
	add_text(&w, "concept_path", concept);
	add_text(&w, "assertion", c->args[0]);
	add_number(&w, "weight", c->args[1]);
	return done(&w, finish(&w, STEME_VOTE));
}

int
cmd_retract(struct cli *c, int argc, char **argv)
{
	char concept[STEME_CONCEPT_MAX + 1];
	struct cli_opt opts[WRITE_OPTS + 4];
	const char *source = NULL;
	bool reinstate = false;
	struct writing w;
	int status;

	options(&w, c, opts + 3);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	opts[1] = (struct cli_opt){ "source", OPT_TEXT, &source, "URL",
	    "instead of ID: all that cites this source (stewards)" };
	opts[2] = (struct cli_opt){ "reinstate", OPT_FLAG, &reinstate, NULL,
	    "take the retraction of a source back" };
	if ((status = cli_parse(c, argc, argv, opts, 0, 1)) >= 0)
		return status;
	if ((c->nargs == 1) == (source != NULL))
		return cli_usage(c, "either ID or --source is needed");
	if (reinstate && source == NULL)
		return cli_usage(c, "--reinstate goes with --source; an assertion that "
		    "was retracted is asserted anew");
	if (source != NULL) {
		add_text(&w, "source", source);
		add_text(&w, "state", reinstate ? "reinstated" : "retracted");
	} else if (!concept_of(c, c->args[0], concept, &status)) {
		return status;
	} else {
		add_text(&w, "concept_path", concept);
		add_text(&w, "assertion", c->args[0]);
	}
	status = finish(&w, STEME_RETRACTION);
	if (status == EX_OK && source != NULL)
		warn_steward(&w, "the retraction of a source");
	return done(&w, status);
}

int
cmd_epoch(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[WRITE_OPTS + 3];
	const char *old = NULL;
	struct writing w;
	int status;

	options(&w, c, opts + 2);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	opts[1] = (struct cli_opt){ "supersedes", OPT_TEXT, &old, "NAME",
	    "the epoch whose claims no longer count" };
	if ((status = cli_parse(c, argc, argv, opts, 1, 1)) >= 0)
		return status;
	add_text(&w, "name", c->args[0]);
	add_text(&w, "supersedes", old);
	if ((status = finish(&w, STEME_EPOCH)) == EX_OK)
		warn_steward(&w, "an epoch");
	return done(&w, status);
}

int
cmd_alias(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[WRITE_OPTS + 2];
	struct writing w;
	int status;

	options(&w, c, opts + 1);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	if ((status = cli_parse(c, argc, argv, opts, 2, 2)) >= 0)
		return status;
	add_text(&w, "from", c->args[0]);
	add_text(&w, "to", c->args[1]);
	if ((status = finish(&w, STEME_ALIAS)) == EX_OK)
		warn_steward(&w, "an alias");
	return done(&w, status);
}

int
cmd_trust(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[WRITE_OPTS + 4];
	const char *class_ = NULL, *prefix = NULL;
	struct steme_id of;
	struct writing w;
	int status;

	options(&w, c, opts + 3);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	opts[1] = (struct cli_opt){ "class", OPT_TEXT, &class_, "C",
	    "accredits the agent for this class" };
	opts[2] = (struct cli_opt){ "prefix", OPT_TEXT, &prefix, "P",
	    "only at or below this concept" };
	if ((status = cli_parse(c, argc, argv, opts, 2, 2)) >= 0)
		return status;
	if (!cli_agent(c, c->args[0], &of, &status))
		return status;
	add_text(&w, "of", c->args[0]);
	add_number(&w, "weight", c->args[1]);
	add_text(&w, "class", class_);
	add_text(&w, "prefix", prefix);
	return done(&w, finish(&w, STEME_TRUST));
}

int
cmd_revoke(struct cli *c, int argc, char **argv)
{
	char now[STEME_TIME_LEN + 1];
	struct cli_opt opts[WRITE_OPTS + 3];
	const char *since = NULL;
	struct steme_id of;
	struct writing w;
	int status;

	options(&w, c, opts + 2);
	opts[0] = (struct cli_opt){ "reason", OPT_TEXT, &w.reason, "TEXT", "why" };
	opts[1] = (struct cli_opt){ "since", OPT_TEXT, &since, "T",
	    "what was first recorded after no longer counts (default: now)" };
	if ((status = cli_parse(c, argc, argv, opts, 1, 1)) >= 0)
		return status;
	if (!cli_agent(c, c->args[0], &of, &status))
		return status;
	steme_time_format(now, steme_wall_us(&steme_clock_system));
	add_text(&w, "of", c->args[0]);
	add_text(&w, "since", since != NULL ? since : now);
	status = finish(&w, STEME_REVOCATION);
	if (status == EX_OK && !steme_id_eq(&w.agent, &of))
		warn_steward(&w, "the revocation of another's key");
	return done(&w, status);
}
