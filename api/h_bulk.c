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
#include <limits.h>
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
#define MEMORY_MAX	(1 << 20)	/* of results; then a file */
#define SPOOL_MAX	(UINT64_C(1) << 30)	/* of that file: ten million lines */
#define INFLATE_TURN	(256 << 10)	/* bytes inflated before others have a turn */

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

/*
 * Belongs to the request, and to the groups in flight: when the client goes away, its
 * request ends at once, but answers still come.  The last one frees.
 */
struct bulk {
	struct api_request *r;
	pthread_mutex_t mu;		/* above api.mu */
	unsigned inflight;		/* (mu) groups */
	unsigned wake_at;		/* (mu) */
	bool waiting;			/* (mu) suspended until inflight <= wake_at */
	bool gone;			/* (mu) the request has ended */
	struct group *first, *last;	/* in order of lines; first: oldest unspooled */
	struct group *open;		/* being filled */
	int local;			/* may this caller have lines signed here: 1
					   not asked yet, else STEME_OK or why not */
	struct steme_why local_why;
	uid_t uid;
	struct steme_buf line;		/* a line not yet whole */
	bool line_too_long;
	struct steme_buf out;
	int spool;			/* file of results, or -1 */
	uint64_t spooled;
	unsigned failed;		/* 0, or the status of the problem below */
	const char *failed_kind, *failed_why;
	bool gzip, z_ended, z_more;	/* at a member's end; output is pending */
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
destroy(struct bulk *k)
{
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

/* The request ends. */
static void
bulk_free(void *p)
{
	struct bulk *k = p;
	bool last;

	pthread_mutex_lock(&k->mu);
	k->gone = true;
	last = k->inflight == 0;
	pthread_mutex_unlock(&k->mu);
	if (last)
		destroy(k);
}

/* The first reason counts.  The rest of the body is drained. */
static void
fail(struct bulk *k, unsigned status, const char *kind, const char *why)
{
	if (k->failed != 0)
		return;
	k->failed = status;
	k->failed_kind = kind;
	k->failed_why = why;
}

static void
no_memory(struct bulk *k)
{
	fail(k, 503, "busy", "out of memory: some lines may be stored; send them again, "
	    "what is there already answers `exists`");
}

/* ---- results ---- */

static char *
refusal(int err, const char *why)
{
	struct json_object *o = json_object_new_object();
	char text[512], *s;

	snprintf(text, sizeof(text), "%s", why);
	api_make_utf8(text);
	json_object_object_add(o, "error", json_object_new_string(text));
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

/* A file without a name; not every file system has O_TMPFILE. */
static int
open_spool(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (snprintf(path, sizeof(path), "%s/results.XXXXXX", dir) >= PATH_MAX)
		return -1;
	if ((fd = mkostemp(path, O_CLOEXEC)) >= 0)
		unlink(path);
	return fd;
}

/* What has gathered in memory goes to the file. */
static void
spool_rest(struct bulk *k)
{
	if (k->spool < 0)
		k->spool = open_spool(k->r->api->in.run);
	if (steme_buf_err(&k->out) != STEME_OK)
		no_memory(k);
	for (size_t off = 0; off < k->out.len && k->failed == 0; ) {
		ssize_t n = write(k->spool, k->out.data + off, k->out.len - off);

		if (n <= 0) {
			fail(k, 503, "disk-full", "no room to keep the results: some "
			    "lines may be stored; send them again, what is there "
			    "already answers `exists`");
			break;
		}
		off += (size_t)n;
		k->spooled += (uint64_t)n;
	}
	steme_buf_clear(&k->out);
	if (k->spooled > SPOOL_MAX)
		fail(k, 413, "too-large", "the results are over 1 GiB: send the lines "
		    "in several requests; what is stored already answers `exists`");
}

static void
spool_out(struct bulk *k)
{
	if (k->out.len >= MEMORY_MAX && k->failed == 0)
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
	bool wake, last;

	g->err = rep->err;
	if (rep->err == STEME_OK) {
		steme_buf_put(&g->answer, rep->data, rep->len);
		g->err = steme_buf_err(&g->answer);
	} else {
		snprintf(g->why, sizeof(g->why), "%s", rep->why);
	}
	pthread_mutex_lock(&k->mu);
	g->done = true;
	k->inflight--;
	wake = k->waiting && k->inflight <= k->wake_at;
	if (wake)
		k->waiting = false;
	last = k->gone && k->inflight == 0;
	pthread_mutex_unlock(&k->mu);
	if (last)
		destroy(k);
	else if (wake)
		api_wake(k->r);
}

static void
fail_group(struct bulk *k, struct group *g, int err)
{
	g->err = err;
	snprintf(g->why, sizeof(g->why), "%s", api_why_of(err));
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
		steme_msg_put_assert(&b, k->uid, 0, g->asked);
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

	char *text = g == NULL ? NULL : refusal(err, why);

	if (text != NULL)
		g->lines[g->n++].refusal = text;
	else
		no_memory(k);
}

static void
add_item(struct bulk *k, enum steme_msg type, const struct steme_claim *c,
    const char *json, size_t n)
{
	size_t bytes = (type == STEME_MSG_PUT ? c->bytes.len : n) + 80;
	struct group *g = group_for(k, type, bytes);

	if (g == NULL) {
		no_memory(k);
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

/* Asked once a request; a refusal is a line's, not the request's. */
static bool
may_sign(struct bulk *k)
{
	if (k->local > 0)
		k->local = api_local_writer(k->r, &k->uid, &k->local_why);
	return k->local == STEME_OK;
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
		refuse_line(k, k->local, k->local_why.text);
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
	static _Thread_local uint8_t out[64 << 10];
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
		fail(k, 400, "invalid-input", "the body is not gzip, or damaged: lines "
		    "before the damage may be stored; send them again, what is there "
		    "already answers `exists`");
	return n - k->z.avail_in;
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
	k->local = 1;
	k->z_ended = true;
	pthread_mutex_init(&k->mu, NULL);
	steme_buf_init(&k->line, LINE_MAX_);
	enc = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Content-Encoding");
	r->state = k;
	r->free_state = bulk_free;
	if (!steme_aclient_up(r->api->client))
		fail(k, 503, "daemon-unreachable", api_why_of(STEME_ECONN));
	if (enc == NULL || strcasecmp(enc, "identity") == 0)
		return k;
	if (strcasecmp(enc, "gzip") != 0 && strcasecmp(enc, "x-gzip") != 0)
		fail(k, 415, "unsupported-encoding", "the only Content-Encoding taken "
		    "is gzip");
	else if (!(k->gzip = inflateInit2(&k->z, 15 + 16) == Z_OK))
		no_memory(k);
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
		fail(k, 503, "busy", "the sidecar is ending: some lines may be stored; "
		    "send them again, what is there already answers `exists`");
	return asleep;
}

size_t
api_bulk_upload(struct api_request *r, const char *data, size_t n)
{
	struct bulk *k = bulk_of(r);
	size_t taken;

	if (k != NULL && k->failed == 0) {
		collect(k);
		if (sleeps(k, GROUPS_MAX - 1))
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

	collect(k);
	if (k->spool >= 0 && k->failed == 0)
		spool_rest(k);
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
		fail(k, 400, "invalid-input", "the gzip stream is cut short: lines "
		    "before the cut may be stored; send them again, what is there "
		    "already answers `exists`");
	if (k->failed == 0 && (k->line.len > 0 || k->line_too_long))
		take_line(k, (const char *)k->line.data, k->line.len);
	steme_buf_clear(&k->line);
	send_open(k);
	r->then = answer;
	r->ready = true;
	if (!sleeps(k, 0)) {
		r->ready = false;
		answer(r);
	}
}
