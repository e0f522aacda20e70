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
#include "api/api.h"
#include "core/claim.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

#define GROUP_LINES	512
#define GROUP_BYTES	(768 << 10)	/* below a frame */
#define GROUPS_MAX	4		/* in flight */
#define LINE_MAX_	(2 << 20)
#define MEMORY_MAX	(4 << 20)	/* of results; then a file */

/* One line's fate until the daemon answers: a local refusal, or the next result. */
struct line {
	char *refusal;			/* JSON line, or NULL */
};

struct group {
	struct group *next;
	struct bulk *bulk;
	enum steme_msg type;		/* PUT or ASSERT; 0: only refusals so far */
	struct line lines[GROUP_LINES];
	unsigned n, asked;		/* lines; those of them sent */
	struct steme_buf payload;	/* items, without the message's head */
	struct steme_buf answer;
	int err;
	char why[512];
	bool done;
};

struct bulk {
	struct api_request *r;
	pthread_mutex_t mu;		/* above api.mu: done, inflight, waiting */
	struct group *first, *last;	/* in order of lines; first: oldest unspooled */
	struct group *open;		/* being filled */
	unsigned inflight;		/* (mu) */
	bool waiting;			/* (mu) the request is suspended */
	bool finished;			/* the body has ended */
	int local;			/* -1 unknown, 0 refused, 1 may sign */
	uid_t uid;
	struct steme_buf line;		/* a line not yet whole */
	bool line_too_long;
	struct steme_buf out;
	int spool;			/* file of results, or -1 */
	uint64_t spooled;
	bool gzip, gzip_bad, failed;
	z_stream z;
};

static void
group_free(struct group *g)
{
	for (unsigned i = 0; i < g->n; i++)
		free(g->lines[i].refusal);
	steme_buf_fini(&g->payload);
	steme_buf_fini(&g->answer);
	free(g);
}

static void
bulk_free(void *p)
{
	struct bulk *k = p;
	struct group *g, *next;

	for (g = k->first; g != NULL; g = next) {
		next = g->next;
		group_free(g);
	}
	if (k->gzip)
		inflateEnd(&k->z);
	if (k->spool >= 0)
		close(k->spool);
	steme_buf_fini(&k->line);
	steme_buf_fini(&k->out);
	pthread_mutex_destroy(&k->mu);
	free(k);
}

/* ---- results ---- */

static char *
refusal(int err, const char *why)
{
	struct json_object *o = json_object_new_object();
	char *s;

	json_object_object_add(o, "error", json_object_new_string(why));
	json_object_object_add(o, "type",
	    json_object_new_string(api_kind_of(err)));
	s = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return s;
}

static void
put_result(struct bulk *k, const struct steme_msg_put_result *m)
{
	char id[STEME_ID_HEX + 1], why[512], *s;

	if (m->err == STEME_OK) {
		steme_id_hex(id, &m->id);
		steme_buf_printf(&k->out, "{\"id\":\"%s\",\"status\":\"%s\"}\n", id,
		    m->status == 1 ? "created" : "exists");
		return;
	}
	snprintf(why, sizeof(why), "%.*s", STEME_STR(m->why));
	s = refusal(m->err, why[0] != '\0' ? why : steme_strerror(m->err));
	steme_buf_puts(&k->out, s == NULL ? "{\"error\":\"no memory\"}" : s);
	steme_buf_putc(&k->out, '\n');
	free(s);
}

static void
spool_group(struct bulk *k, struct group *g)
{
	struct steme_rd rd = steme_rd_from(g->answer.data, g->answer.len);
	struct steme_msg_put_result m;

	for (unsigned i = 0; i < g->n; i++) {
		if (g->lines[i].refusal != NULL) {
			steme_buf_puts(&k->out, g->lines[i].refusal);
			steme_buf_putc(&k->out, '\n');
			continue;
		}
		memset(&m, 0, sizeof(m));
		if (g->err != STEME_OK ||
		    steme_msg_next_result(&rd, &m) != STEME_OK) {
			m.err = g->err != STEME_OK ? g->err : STEME_EPROTO;
			m.why = steme_str_from(g->why);
		}
		put_result(k, &m);
	}
}

/* Memory that has grown too much goes to a file without a name. */
static void
spool_rest(struct bulk *k)
{
	if (k->spool < 0)
		k->spool = open(k->r->api->in.run, O_TMPFILE | O_RDWR | O_CLOEXEC,
		    0600);
	for (size_t off = 0; off < k->out.len; ) {
		ssize_t n = write(k->spool, k->out.data + off, k->out.len - off);

		if (n <= 0) {
			k->failed = true;
			break;
		}
		off += (size_t)n;
		k->spooled += (uint64_t)n;
	}
	steme_buf_clear(&k->out);
}

static void
spool_out(struct bulk *k)
{
	if (k->out.len >= MEMORY_MAX && !k->failed)
		spool_rest(k);
}

/* Spools groups that are done, oldest first. */
static void
collect(struct bulk *k)
{
	struct group *g;
	bool done;

	for (;;) {
		pthread_mutex_lock(&k->mu);
		g = k->first;
		done = g != NULL && g->done;
		pthread_mutex_unlock(&k->mu);
		if (!done)
			return;
		spool_group(k, g);
		spool_out(k);
		k->first = g->next;
		if (k->last == g)
			k->last = NULL;
		group_free(g);
	}
}

/* ---- sending ---- */

static void
on_group(void *arg, const struct steme_reply *rep)
{
	struct group *g = arg;
	struct bulk *k = g->bulk;
	struct api_request *r = k->r;
	bool wake;

	g->err = rep->err;
	if (rep->err == STEME_OK)
		steme_buf_put(&g->answer, rep->data, rep->len);
	else
		snprintf(g->why, sizeof(g->why), "%s", rep->why);
	pthread_mutex_lock(&k->mu);
	g->done = true;
	k->inflight--;
	wake = k->waiting && (!k->finished || k->inflight == 0);
	if (wake)
		k->waiting = false;
	pthread_mutex_unlock(&k->mu);
	if (wake)
		api_wake(r);
}

static void
fail_group(struct bulk *k, struct group *g, int err)
{
	g->err = err;
	snprintf(g->why, sizeof(g->why), "%s", err == STEME_ECONN ?
	    "the daemon (stemefs) does not answer" : steme_strerror(err));
	pthread_mutex_lock(&k->mu);
	g->done = true;
	k->inflight--;
	pthread_mutex_unlock(&k->mu);
}

static void
send_open(struct bulk *k)
{
	struct steme_buf b = { 0 };
	struct group *g = k->open;
	int err = STEME_OK;

	k->open = NULL;
	if (g == NULL)
		return;
	pthread_mutex_lock(&k->mu);
	if (g->asked == 0)
		g->done = true;
	else
		k->inflight++;
	pthread_mutex_unlock(&k->mu);
	if (g->asked == 0)
		return;
	if (g->type == STEME_MSG_PUT)
		steme_msg_put_puts(&b, g->asked);
	else
		steme_msg_put_assert(&b, k->uid, STEME_ASSERTION, g->asked);
	steme_buf_put(&b, g->payload.data, g->payload.len);
	steme_buf_fini(&g->payload);
	if ((err = steme_buf_err(&b)) == STEME_OK)
		err = steme_aclient_submit(k->r->api->client, g->type, b.data,
		    b.len, 0, api_deadline_ms(k->r->api), on_group, g, NULL);
	if (err != STEME_OK)
		fail_group(k, g, err);
	steme_buf_fini(&b);
}

static struct group *
group_for(struct bulk *k, enum steme_msg type, size_t bytes)
{
	struct group *g = k->open;

	if (g != NULL && (g->n == GROUP_LINES ||
	    (bytes > 0 && g->payload.len + bytes > GROUP_BYTES) ||
	    (type != 0 && g->type != 0 && g->type != type)))
		send_open(k);
	if (k->open == NULL) {
		if ((g = calloc(1, sizeof(*g))) == NULL)
			return NULL;
		g->bulk = k;
		pthread_mutex_lock(&k->mu);
		if (k->last != NULL)
			k->last->next = g;
		if (k->first == NULL)
			k->first = g;
		k->last = g;
		pthread_mutex_unlock(&k->mu);
		k->open = g;
	}
	if (type != 0)
		k->open->type = type;
	return k->open;
}

static void
refuse_line(struct bulk *k, int err, const char *why)
{
	struct group *g = group_for(k, 0, 0);

	if (g != NULL)
		g->lines[g->n++].refusal = refusal(err, why);
	else
		k->failed = true;
}

static void
add_item(struct bulk *k, enum steme_msg type, const struct steme_claim *c,
    const char *json, size_t n)
{
	size_t bytes = (type == STEME_MSG_PUT ? c->bytes.len : n) + 80;
	struct group *g = group_for(k, type, bytes);

	if (g == NULL) {
		k->failed = true;
		return;
	}
	if (type == STEME_MSG_PUT)
		steme_msg_put_item(&g->payload, (struct steme_str){
		    (const char *)c->bytes.data, c->bytes.len }, &c->sig);
	else
		steme_wr_bytes(&g->payload, 4, json, n);
	g->lines[g->n++].refusal = NULL;
	g->asked++;
}

/* May this caller have lines signed here?  Asked once; a refusal is a line's, not the request's. */
static bool
may_sign(struct bulk *k)
{
	if (k->local < 0)
		k->local = api_local_uid(k->r, &k->uid) ? 1 : 0;
	return k->local == 1;
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
		refuse_line(k, STEME_ETOOBIG, "the line is over 2 MiB");
		return;
	}
	if (n == 0) {
		refuse_line(k, STEME_EINVAL, "the line is empty");
		return;
	}
	steme_claim_init(&c);
	err = steme_claim_from_json(&c, s, n, 0, &why);
	if (err != STEME_OK)
		refuse_line(k, err, why.text);
	else if (c.is_signed)
		add_item(k, STEME_MSG_PUT, &c, NULL, 0);
	else if (may_sign(k))
		add_item(k, STEME_MSG_ASSERT, &c, s, n);
	else
		refuse_line(k, STEME_EAUTH, "the line is not signed, and only "
		    "callers on this machine who may write have lines signed here");
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

static void
inflate_bytes(struct bulk *k, const char *data, size_t n)
{
	static _Thread_local uint8_t out[64 << 10];
	int rc = Z_OK;

	k->z.next_in = (Bytef *)(uintptr_t)data;
	k->z.avail_in = (unsigned)n;
	while (k->z.avail_in > 0 && rc == Z_OK) {
		k->z.next_out = out;
		k->z.avail_out = sizeof(out);
		rc = inflate(&k->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			break;
		take_bytes(k, (const char *)out, sizeof(out) - k->z.avail_out);
	}
	if (rc != Z_OK && rc != Z_STREAM_END)
		k->gzip_bad = true;
}

static struct bulk *
bulk_of(struct api_request *r)
{
	struct bulk *k = r->state;
	const char *enc;

	if (k != NULL || (k = calloc(1, sizeof(*k))) == NULL)
		return k;
	k->r = r;
	k->spool = -1;
	k->local = -1;
	pthread_mutex_init(&k->mu, NULL);
	steme_buf_init(&k->line, LINE_MAX_);
	enc = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Content-Encoding");
	if (enc != NULL && strcasecmp(enc, "gzip") == 0)
		k->gzip = inflateInit2(&k->z, 15 + 16) == Z_OK;
	r->state = k;
	r->free_state = bulk_free;
	return k;
}

size_t
api_bulk_upload(struct api_request *r, const char *data, size_t n)
{
	struct bulk *k = bulk_of(r);
	bool wait;

	if (k == NULL || k->failed || k->gzip_bad)
		return n;		/* drained; the answer says why */
	collect(k);
	pthread_mutex_lock(&k->mu);
	wait = k->inflight >= GROUPS_MAX;
	if (wait) {
		/* under the lock: on_group() must not wake what does not sleep yet */
		k->waiting = true;
		api_suspend(r);
	}
	pthread_mutex_unlock(&k->mu);
	if (wait)
		return 0;
	if (n > 64 << 10)
		n = 64 << 10;
	if (k->gzip)
		inflate_bytes(k, data, n);
	else
		take_bytes(k, data, n);
	return n;
}

static void
answer(struct api_request *r)
{
	struct bulk *k = r->state;
	struct MHD_Response *resp;

	collect(k);
	if (k->failed) {
		api_problem(r, 503, "busy", "no room to keep the results: some lines "
		    "may be stored; send them again, what is there already answers "
		    "`exists`");
		return;
	}
	if (k->gzip_bad) {
		api_problem(r, 400, "invalid-input", "the body is not gzip: lines "
		    "before the damage may be stored; send them again");
		return;
	}
	if (k->spool < 0) {
		api_reply_buf(r, 200, API_NDJSON, &k->out);
		return;
	}
	spool_rest(k);
	if (k->failed) {
		api_problem(r, 503, "disk-full", "no room to keep the results");
		return;
	}
	resp = MHD_create_response_from_fd64(k->spooled, k->spool);
	if (resp != NULL) {
		k->spool = -1;		/* the response closes it */
		MHD_add_response_header(resp, "Content-Type", API_NDJSON);
	}
	api_queue(r, 200, resp);
}

void
api_bulk(struct api_request *r)
{
	struct bulk *k = bulk_of(r);
	bool wait;

	if (k == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return;
	}
	if (k->line.len > 0 || k->line_too_long)
		take_line(k, (const char *)k->line.data, k->line.len);
	steme_buf_clear(&k->line);
	send_open(k);
	r->then = answer;
	pthread_mutex_lock(&k->mu);
	k->finished = true;
	wait = k->inflight > 0;
	k->waiting = wait;
	r->ready = wait;
	if (wait)
		api_suspend(r);
	pthread_mutex_unlock(&k->mu);
	if (!wait)
		answer(r);
}
