/* SPDX-License-Identifier: Apache-2.0 */
/* h_assert.c - POST of one object of a route's kind: signed, or signed here. */
#include "config.h"
#include "api/browse.h"
#include "api/guard.h"
#include "core/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The daemon looks at more than the signature, and at some of it before.  A refusal counts
 * against the author only if the author wrote this.
 */
static void
blame(struct api_request *r, int err)
{
	const char *json = (const char *)r->body.data;
	struct steme_claim c;

	if (err == STEME_ESIG)
		api_guard_forged(r);
	if (err != STEME_EPERM && err != STEME_ESKEW && err != STEME_ETOOBIG &&
	    err != STEME_EVERSION)
		return;
	steme_claim_init(&c);
	if (steme_claim_from_json(&c, json, r->body.len, 0, NULL) == STEME_OK &&
	    c.is_signed && steme_verify(&c.sig, &c.o.agent, c.bytes.data,
	    c.bytes.len) == STEME_OK)
		api_guard_verified(r, false);
	steme_claim_fini(&c);
}

static void
reply_result(struct api_request *r)
{
	struct steme_msg_put_result res;
	struct steme_rd rd = steme_rd_from(r->answer.data, r->answer.len);
	char body[STEME_ID_HEX + 64], id[STEME_ID_HEX + 1], why[512];
	int n;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (steme_msg_next_result(&rd, &res) != STEME_OK) {
		api_problem(r, 500, "internal", "the daemon's answer is malformed");
		return;
	}
	if (res.err != STEME_OK) {
		snprintf(why, sizeof(why), "%.*s", STEME_STR(res.why));
		blame(r, res.err);
		api_problem_err(r, res.err, why);
		return;
	}
	api_guard_verified(r, res.status == 1);
	steme_id_hex(id, &res.id);
	n = snprintf(body, sizeof(body), "{\"id\":\"%s\",\"status\":\"%s\"}", id,
	    res.status == 1 ? "created" : "exists");
	api_reply(r, res.status == 1 ? 201 : 200, API_JSON, body, (size_t)n);
}

static void
take_one(struct api_request *r, enum steme_kind kind)
{
	struct steme_buf b = { 0 };
	struct steme_why why = { { 0 } };
	struct steme_claim c;
	const char *json = r->body.data == NULL ? "" : (const char *)r->body.data;
	struct api_signer signer;
	int err;

	steme_claim_init(&c);
	err = steme_claim_from_json(&c, json, r->body.len, kind, &why);
	if (err == STEME_OK)
		api_guard_about(r, c.o.concept, c.o.predicate, STEME_LIT(""));
	if (err != STEME_OK) {
		api_problem_err(r, err, why.text);
	} else if (c.is_signed && !api_guard_author(r, &c.o.agent)) {
		api_guard_refuse(r);
	} else if (c.is_signed) {
		steme_msg_put_puts(&b, 1);
		steme_msg_put_item(&b, (struct steme_str){
		    (const char *)c.bytes.data, c.bytes.len }, &c.sig);
		api_ask_buf(r, STEME_MSG_PUT, &b, reply_result);
	} else if ((err = api_signer(r, &signer, &why)) != STEME_OK) {
		api_problem_err(r, err, why.text);
	} else if (!api_guard_caller(r)) {
		api_guard_refuse(r);
	} else {
		api_put_assert(&b, &signer, kind, 1);
		steme_wr_bytes(&b, 4, json, r->body.len);
		api_ask_buf(r, STEME_MSG_ASSERT, &b, reply_result);
	}
	steme_claim_fini(&c);
}

void
api_assert(struct api_request *r)
{
	take_one(r, STEME_ASSERTION);
}

void
api_kind(struct api_request *r)
{
	static const struct {
		const char *path;
		enum steme_kind kind;
	} kinds[] = {
		{ "/v1/vote", STEME_VOTE }, { "/v1/retract", STEME_RETRACTION },
		{ "/v1/epoch", STEME_EPOCH }, { "/v1/alias", STEME_ALIAS },
		{ "/v1/trust", STEME_TRUST }, { "/v1/revoke", STEME_REVOCATION },
	};
	size_t i = 0;

	while (strcmp(kinds[i].path, r->route->pattern) != 0)
		i++;
	take_one(r, kinds[i].kind);
}
