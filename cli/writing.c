/* SPDX-License-Identifier: Apache-2.0 */
/* writing.c - what the writing commands share: options, the JSON, the signature. */
#include "config.h"
#include "cli/writing.h"
#include "cli/jv.h"
#include "cli/nfc.h"
#include "cli/out.h"
#include "cli/signer.h"
#include "core/clock.h"
#include "core/path.h"
#include "core/util.h"

#include <stdio.h>
#include <string.h>

#define OWN_MAX		11	/* options of one command's own */

int
writing_parse(struct writing *w, int argc, char **argv, const struct cli_opt *own,
    int min, int max)
{
	const struct cli_opt common[] = {
		{ "key", OPT_TEXT, &w->key, "F",
		    "sign with this key file (default ~/.config/steme/key.pem)" },
		{ "as", OPT_TEXT, &w->as, "NAME", "sign with a key of this machine: "
		    "operator, an agent's name, or me" },
		{ "time", OPT_TEXT, &w->time, "T", "when it was said (default: now)" },
		{ "dry-run", OPT_FLAG, &w->dry, NULL,
		    "print the object and its id, send nothing" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	struct cli_opt all[OWN_MAX + STEME_NELEM(common)];
	size_t n = 0;

	while (own[n].name != NULL)
		n++;
	MUST(n > OWN_MAX);
	memcpy(all, own, n * sizeof(*own));
	memcpy(all + n, common, sizeof(common));
	return cli_parse(w->c, argc, argv, all, min, max);
}

/* ---- JSON ---- */

void
writing_member(struct writing *w, const char *name)
{
	steme_buf_printf(&w->json, "%s\"%s\":", w->members++ == 0 ? "{" : ",", name);
}

void
writing_str(struct writing *w, const char *name, struct steme_str text)
{
	if (!steme_utf8_valid(text))
		w->broken = name;
	else if (!nfc_is_certain(text))
		w->uncertain = true;
	out_json_str(&w->json, text);
}

void
writing_text(struct writing *w, const char *name, const char *text)
{
	if (text == NULL)
		return;
	writing_member(w, name);
	writing_str(w, name, steme_str_from(text));
}

void
writing_concept(struct writing *w, const char *name, const char *text)
{
	if (text == NULL)
		return;
	writing_member(w, name);
	writing_str(w, name, cli_path(text));
}

void
writing_number(struct writing *w, const char *name, const char *text)
{
	if (text == NULL)
		return;
	if (!steme_number_valid(steme_str_from(text))) {
		writing_text(w, name, text);
		return;
	}
	writing_member(w, name);
	steme_buf_puts(&w->json, text);
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

int
writing_send(struct writing *w, enum steme_kind kind)
{
	struct signer s;
	int status;

	if (kind != STEME_ASSERTION)
		writing_text(w, "reason", w->reason);
	writing_text(w, "time", w->time);
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

int
writing_done(struct writing *w, int status)
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

bool
writing_is_by(struct writing *w, const struct steme_id *agent)
{
	find_agent(w);
	return steme_id_is_zero(&w->agent) || steme_id_eq(&w->agent, agent);
}

void
writing_warn_steward(struct writing *w, const char *what)
{
	bool operator_ = w->as != NULL && strcmp(w->as, "operator") == 0;

	if (!w->dry && !is_steward(w))
		cli_note(w->c, "stored, but without effect: %s counts only from a "
		    "steward (%s)", what, operator_ ? "the operator's key here is not "
		    "the one that this store began with: put that back" :
		    "try --as operator");
}
