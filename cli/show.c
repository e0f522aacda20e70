/* SPDX-License-Identifier: Apache-2.0 */
/* show.c - steme show: one object, its signature, its proof. */
#include "config.h"
#include "cli/cli.h"
#include "cli/jv.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

/* The object's text, a clean line each; then what is known about it. */
static int
print_object(struct cli *c, const struct steme_buf *bytes, const struct steme_buf *json)
{
	struct steme_str root = jv_root(json->data, json->len), rest, line;
	struct steme_buf b = { 0 };
	const char *nl;
	char a[140];

	rest = (struct steme_str){ (char *)bytes->data, bytes->len };
	while (rest.n > 0) {
		nl = memchr(rest.p, '\n', rest.n);
		line = (struct steme_str){ rest.p, nl == NULL ? rest.n :
		    (size_t)(nl - rest.p) };
		out_clean(&b, line);
		steme_buf_putc(&b, '\n');
		rest.p += line.n + (nl != NULL);
		rest.n -= line.n + (nl != NULL);
	}
	steme_buf_puts(&b, c->color ? "\n\033[2m" : "\n");
	if (!jv_none(jv_get(root, "state")))
		steme_buf_printf(&b, "state     %s\n", jv_copy(a, sizeof(a),
		    jv_get(root, "state")));
	steme_buf_printf(&b, "recorded  %s", jv_copy(a, sizeof(a),
	    jv_get(root, "recorded_at")));
	steme_buf_printf(&b, ", lsn %s", jv_copy(a, sizeof(a), jv_get(root, "lsn")));
	steme_buf_printf(&b, ", node %s\n", jv_copy(a, sizeof(a),
	    jv_get(root, "node")));
	if (jv_none(jv_get(root, "signature")))
		steme_buf_printf(&b, "batch     %s\n", jv_copy(a, sizeof(a),
		    jv_get(root, "batch")));
	else
		steme_buf_printf(&b, "signature %s\n", jv_copy(a, sizeof(a),
		    jv_get(root, "signature")));
	steme_buf_puts(&b, c->color ? "\033[0m" : "");
	if (steme_buf_err(&b) == STEME_OK)
		fwrite(b.data, 1, b.len, stdout);
	steme_buf_fini(&b);
	return EX_OK;
}

/* The bytes of one of the forms, as they are. */
static int
print_form(struct cli *c, enum steme_object_want want, const struct steme_id *id)
{
	struct steme_buf b = { 0 };
	int err = steme_client_object(c->client, want, id, &b, &c->why), status;

	if (err != STEME_OK)
		status = cli_fail(c, err);
	else if (fwrite(b.data, 1, b.len, stdout) == b.len)
		status = EX_OK;
	else
		status = cli_failf(c, STEME_EIO, "cannot write to stdout");
	steme_buf_fini(&b);
	return status;
}

int
cmd_show(struct cli *c, int argc, char **argv)
{
	bool raw = false, sig = false, proof = false;
	const struct cli_opt opts[] = {
		{ "raw", OPT_FLAG, &raw, NULL,
		    "the signed bytes and nothing else: | b2sum -l 256 prints ID" },
		{ "sig", OPT_FLAG, &sig, NULL, "the signature's 64 bytes" },
		{ "proof", OPT_FLAG, &proof, NULL,
		    "the inclusion proof of a batch's member, JSON" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	struct steme_buf bytes = { 0 }, json = { 0 };
	struct steme_id id;
	int status, err;

	if ((status = cli_parse(c, argc, argv, opts, 1, 1)) >= 0)
		return status;
	if (raw + sig + proof + c->json > 1)
		return cli_usage(c, "--raw, --sig, --proof and --json exclude each "
		    "other");
	if (!cli_id(c, c->args[0], &id, &status) || (status = cli_connect(c)) != EX_OK)
		return status;
	if (raw || sig || proof || c->json)
		return print_form(c, raw ? STEME_WANT_BYTES : sig ? STEME_WANT_SIG :
		    proof ? STEME_WANT_PROOF : STEME_WANT_JSON, &id);
	if ((err = steme_client_object(c->client, STEME_WANT_BYTES, &id, &bytes,
	    &c->why)) != STEME_OK ||
	    (err = steme_client_object(c->client, STEME_WANT_JSON, &id, &json,
	    &c->why)) != STEME_OK)
		status = cli_fail(c, err);
	else
		status = print_object(c, &bytes, &json);
	steme_buf_fini(&bytes);
	steme_buf_fini(&json);
	return status;
}
