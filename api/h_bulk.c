/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_bulk.c - POST /v1/assertions: NDJSON in, a result line each out.
 *
 * Lines are gathered into groups of one kind (signed: PUT; to be signed here: ASSERT),
 * sent while the upload goes on, a few groups in flight; beyond that the upload waits.
 * Results are spooled in order, because libmicrohttpd cannot answer while a body comes in;
 * a line is answered only when it is durable.
 */
#include "config.h"
#include "api/bulk.h"
#include "api/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_	(2 << 20)
#define INFLATE_TURN	(32 << 10)	/* bytes inflated before others have a turn */

/* Asked once a request; a refusal is a line's, not the request's. */
static bool
may_sign(struct bulk *k)
{
	if (k->local > 0)
		k->local = api_signer(k->r, &k->signer, &k->local_why);
	if (k->local == STEME_OK && !api_guard_caller(k->r)) {
		k->local = k->r->note.refused == 403 ? STEME_EPERM : STEME_ELIMIT;
		steme_fail(&k->local_why, k->local, "%s", k->r->note.detail);
		k->r->note.refused = 0;	/* of these lines, not of those that are signed */
	}
	return k->local == STEME_OK;
}

/* May this signed line be sent?  STEME_OK, or why not. */
static int
may_send(struct bulk *k, const struct steme_claim *c, struct steme_why *why)
{
	/* a quota is charged now: nobody uses up another's by a forged line */
	if (api_guard_has_quota(k->r) && steme_verify(&c->sig, &c->o.agent,
	    c->bytes.data, c->bytes.len) != STEME_OK)
		return steme_fail(why, STEME_ESIG, "signature verification failed: it is "
		    "not this agent's over these bytes");
	return api_guard_line(k->r, &c->o.agent, why);
}

static void
take_line(struct bulk *k, const char *s, size_t n)
{
	struct steme_why why = { { 0 } };
	struct steme_claim c;
	int err;

	while (n > 0 && (s[n - 1] == '\r' || s[n - 1] == ' '))
		n--;
	if (k->line_too_long) {
		k->line_too_long = false;
		api_bulk_refuse(k, STEME_ETOOBIG, "the line is over 2 MiB");
		return;
	}
	if (n == 0) {
		api_bulk_refuse(k, STEME_EINVAL, "the line is empty");
		return;
	}
	steme_claim_init(&c);
	err = steme_claim_from_json(&c, s, n, 0, &why);
	if (err != STEME_OK)
		api_bulk_refuse(k, err, why.text);
	else if (c.is_signed && k->counts &&
	    (err = may_send(k, &c, &why)) != STEME_OK)
		api_bulk_refuse(k, err, why.text);
	else if (c.is_signed)
		api_bulk_add(k, STEME_MSG_PUT, &c, NULL, 0);
	else if (may_sign(k) && k->counts && (err = api_guard_line(k->r, NULL,
	    &why)) != STEME_OK)
		api_bulk_refuse(k, err, why.text);
	else if (k->local == STEME_OK)
		api_bulk_add(k, STEME_MSG_ASSERT, &c, s, n);
	else
		api_bulk_refuse(k, k->local, k->local_why.text);
	steme_claim_fini(&c);
}

static void
take_bytes(struct bulk *k, const char *data, size_t n)
{
	const char *nl;

	while (n > 0 && (nl = memchr(data, '\n', n)) != NULL) {
		size_t len = (size_t)(nl - data);

		if (k->line.len == 0 && !k->line_too_long) {
			take_line(k, data, len);
		} else {
			steme_buf_put(&k->line, data, len);
			k->line_too_long |= steme_buf_err(&k->line) != STEME_OK;
			take_line(k, (const char *)k->line.data, k->line.len);
			steme_buf_clear(&k->line);
		}
		data += len + 1;
		n -= len + 1;
	}
	if (n > 0) {
		steme_buf_put(&k->line, data, n);
		k->line_too_long |= steme_buf_err(&k->line) != STEME_OK;
	}
}

/* What zlib makes of n bytes, at most INFLATE_TURN; returns the bytes it has read. */
static size_t
inflate_some(struct bulk *k, const char *data, size_t n)
{
	static _Thread_local uint8_t out[INFLATE_TURN];
	size_t made = 0;
	int rc = Z_OK;

	k->z.next_in = (Bytef *)(uintptr_t)data;
	k->z.avail_in = (unsigned)n;
	while ((k->z.avail_in > 0 || k->z_more) && made < INFLATE_TURN) {
		/* what follows a member is another one (gzip a b | cat) */
		if (k->z_ended && inflateReset(&k->z) != Z_OK)
			break;
		k->z_ended = false;
		k->z.next_out = out;
		k->z.avail_out = sizeof(out);
		rc = inflate(&k->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			break;
		k->z_ended = rc == Z_STREAM_END;
		k->z_more = k->z.avail_out == 0 && !k->z_ended;
		made += sizeof(out) - k->z.avail_out;
		take_bytes(k, (const char *)out, sizeof(out) - k->z.avail_out);
	}
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		api_bulk_fail(k, 400, "invalid-input", "the body is not gzip, or damaged: lines "
		    "before the damage may be stored; send them again, what is there "
		    "already answers `exists`");
	return n - k->z.avail_in;
}

/* Takes one of the places there are, until all groups are answered. */
static void
count(struct bulk *k)
{
	unsigned most = (unsigned)k->api->conf.max_bulk_uploads;

	k->counted = true;
	if (atomic_fetch_add(&k->api->bulk_uploads, 1) < most)
		return;
	k->counted = false;
	atomic_fetch_sub(&k->api->bulk_uploads, 1);
	snprintf(k->busy_why, sizeof(k->busy_why), "%u uploads are under way, as many as "
	    "[api] max_bulk_uploads allows; nothing was stored, send it again later",
	    most);
	api_bulk_fail(k, 503, "busy", k->busy_why);
}

static struct bulk *
bulk_of(struct api_request *r)
{
	struct bulk *k = r->state;
	const char *enc;

	if (k != NULL || (k = calloc(1, sizeof(*k))) == NULL)
		return k;
	k->r = r;
	k->guard = r->api->guard;
	k->api = r->api;
	k->spool = -1;
	k->local = 1;
	k->z_ended = true;
	k->counts = api_guard_counts_lines(r);
	pthread_mutex_init(&k->mu, NULL);
	steme_buf_init(&k->line, LINE_MAX_);
	enc = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Content-Encoding");
	r->state = k;
	r->free_state = api_bulk_free;
	if (!api_guard_ask(r))
		api_bulk_fail(k, 503, "busy", r->why);
	api_guard_answered(r, STEME_EAGAIN);	/* its groups tell how it goes */
	if (!steme_aclient_up(r->api->client))
		api_bulk_fail(k, 503, "daemon-unreachable", api_why_of(STEME_ECONN));
	else
		count(k);
	if (enc == NULL || strcasecmp(enc, "identity") == 0)
		return k;
	if (strcasecmp(enc, "gzip") != 0 && strcasecmp(enc, "x-gzip") != 0)
		api_bulk_fail(k, 415, "unsupported-encoding", "the only Content-Encoding taken "
		    "is gzip");
	else if (!(k->gzip = inflateInit2(&k->z, 15 + 16) == Z_OK))
		api_bulk_no_memory(k);
	return k;
}

/*
 * Suspends the request while more than `most` groups are in flight.  Under the lock:
 * on_group() must not wake what does not sleep yet.
 */
static bool
sleeps(struct bulk *k, unsigned most)
{
	bool wait, asleep;

	pthread_mutex_lock(&k->mu);
	wait = k->inflight > most;
	asleep = wait && api_suspend(k->r);
	k->waiting = asleep;
	k->wake_at = most;
	pthread_mutex_unlock(&k->mu);
	if (wait && !asleep)
		api_bulk_fail(k, 503, "busy", "the sidecar is ending: some lines may be stored; "
		    "send them again, what is there already answers `exists`");
	return asleep;
}

size_t
api_bulk_upload(struct api_request *r, const char *data, size_t n)
{
	struct bulk *k = bulk_of(r);
	size_t taken;

	if (k != NULL && k->failed == 0) {
		api_bulk_collect(k);
		/* what is kept goes when nothing that came before is under way */
		if (sleeps(k, k->kept > GROUPS_KEPT ? 0 : GROUPS_MAX - 1))
			return 0;
	}
	if (k == NULL || k->failed != 0) {
		r->drained += n;	/* the answer will say why */
		return n;
	}
	if (!k->gzip) {
		take_bytes(k, data, n);
		return n;
	}
	taken = inflate_some(k, data, n);
	/* the rest after others had a turn: libmicrohttpd only calls again after sleep */
	if (taken < n && k->failed == 0 && api_suspend(r)) {
		api_wake(r);
		return taken;
	}
	return n;
}

static void
answer(struct api_request *r)
{
	struct bulk *k = r->state;
	struct MHD_Response *resp;

	api_bulk_collect(k);
	if (k->spool >= 0 && k->failed == 0)
		api_bulk_spool(k);
	if (k->failed != 0) {
		api_problem(r, k->failed, k->failed_kind, "%s", k->failed_why);
		return;
	}
	if (k->spool < 0) {
		api_reply_buf(r, 200, API_NDJSON, &k->out);
		return;
	}
	resp = MHD_create_response_from_fd64(k->spooled, k->spool);
	if (resp != NULL) {
		k->spool = -1;		/* the response closes it */
		MHD_add_response_header(resp, "Content-Type", API_NDJSON);
		MHD_add_response_header(resp, "Cache-Control", "no-store");
		MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
	}
	api_queue(r, 200, resp);
}

/* The body has ended: the last line, the last group, then all answers. */
void
api_bulk(struct api_request *r)
{
	struct bulk *k = bulk_of(r);

	if (k == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return;
	}
	while (k->gzip && k->z_more && k->failed == 0)
		inflate_some(k, "", 0);
	if (k->gzip && !k->z_ended)
		api_bulk_fail(k, 400, "invalid-input", "the gzip stream is cut short: lines "
		    "before the cut may be stored; send them again, what is there "
		    "already answers `exists`");
	if (k->failed == 0 && (k->line.len > 0 || k->line_too_long))
		take_line(k, (const char *)k->line.data, k->line.len);
	steme_buf_clear(&k->line);
	api_bulk_send(k);
	r->then = answer;
	r->ready = true;
	if (!sleeps(k, 0)) {
		r->ready = false;
		answer(r);
	}
}
