/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - the life of a request.
 *
 * The URI is seen (api_on_uri) -> headers complete (first call of api_on_request: not
 * answered there unless the connection is to end, for libmicrohttpd then closes it) ->
 * admitted (auth.h) -> body in pieces -> dispatched once -> answered, or suspended until the daemon's
 * answer is there.
 */
#include "config.h"
#include "api/api.h"
#include "api/guard.h"
#include "core/clock.h"
#include "core/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URI_MAX_	8192
#define HEADERS_BYTES	8192
#define HEADERS_MAX	100
#define DRAIN_BYTES	(16 << 20)	/* of a body that is refused anyway */

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

unsigned
api_deadline_ms(const struct api *a)
{
	return (unsigned)a->conf.request_timeout_seconds * 1000;
}

/* ---- asking the daemon ---- */

/*
 * Counted before libmicrohttpd is told, and never once stopping: so when api_server_stop()
 * has seen 0, nothing is suspended any more.
 */
bool
api_suspend(struct api_request *r)
{
	struct api *a = r->api;
	bool may;

	pthread_mutex_lock(&a->mu);
	may = !a->stopping;
	a->suspended += may;
	pthread_mutex_unlock(&a->mu);
	if (!may)
		return false;
	api_conn_step(r->conn, API_WORKING);
	MHD_suspend_connection(r->c);
	return true;
}

void
api_wake(struct api_request *r)
{
	struct api *a = r->api;

	MHD_resume_connection(r->c);
	/* r may be gone from here on */
	pthread_mutex_lock(&a->mu);
	if (--a->suspended == 0)
		pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->mu);
}

static void
on_answer(void *arg, const struct steme_reply *rep)
{
	struct api_request *r = arg;

	r->err = rep->err;
	api_guard_answered(r, rep->err);
	if (rep->err == STEME_OK) {
		steme_buf_put(&r->answer, rep->data, rep->len);
		r->err = steme_buf_err(&r->answer);
	} else if (rep->late) {
		snprintf(r->why, sizeof(r->why), "the daemon did not answer in time "
		    "([api] request_timeout_seconds); asking again is safe, also "
		    "for writes");
	} else {
		snprintf(r->why, sizeof(r->why), "%s", rep->why);
	}
	r->ready = true;
	api_wake(r);
}

void
api_ask(struct api_request *r, enum steme_msg type, const void *payload,
    size_t len, void (*then)(struct api_request *r))
{
	unsigned ms = api_deadline_ms(r->api);
	int err;

	r->then = then;
	r->ready = false;
	r->why[0] = '\0';
	steme_buf_clear(&r->answer);
	if (!api_guard_ask(r)) {
		then(r);
		return;
	}
	if (!api_suspend(r)) {
		api_guard_answered(r, STEME_ECANCELED);
		r->err = STEME_EBUSY;
		snprintf(r->why, sizeof(r->why), "the sidecar is ending; try again");
		then(r);
		return;
	}
	if (r->patience_ms != 0)
		ms = STEME_MIN(ms, r->patience_ms);
	err = steme_aclient_submit(r->api->client, type, payload, len, 0, ms,
	    on_answer, r, NULL);
	if (err == STEME_OK)
		return;
	api_guard_answered(r, err);
	r->err = err;
	snprintf(r->why, sizeof(r->why), "%s", api_why_of(err));
	r->ready = true;
	api_wake(r);
}

void
api_ask_buf(struct api_request *r, enum steme_msg type, struct steme_buf *b,
    void (*then)(struct api_request *r))
{
	int err = steme_buf_err(b);

	if (err == STEME_OK) {
		api_ask(r, type, b->data, b->len, then);
	} else {
		r->err = err;
		r->why[0] = '\0';
		then(r);
	}
	steme_buf_fini(b);
}

/* ---- requests ---- */

void
api_request_free(struct api_request *r)
{
	if (r == NULL)
		return;
	if (r->free_state != NULL)
		r->free_state(r->state);
	steme_buf_fini(&r->body);
	steme_buf_fini(&r->answer);
	free(r->note.why);
	free(r->note.running.about);
	free(r->uri);
	free(r);
}

void *
api_on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct api_request *r = calloc(1, sizeof(*r));
	const char *q;

	(void)cls;
	if (r != NULL && info != NULL)
		r->conn = info->socket_context;
	if (r == NULL || r->conn == NULL || (r->uri = strdup(uri)) == NULL) {
		free(r);
		return NULL;
	}
	/* if its headers turn out to be malformed, perhaps nobody tells of its end */
	api_request_free(r->conn->pending);
	r->conn->pending = r;
	r->c = c;
	q = strchr(r->uri, '?');
	r->path = (struct steme_str){ r->uri, q == NULL ? strlen(r->uri) :
	    (size_t)(q - r->uri) };
	steme_buf_init(&r->answer, 0);
	/* the first request's time runs from the connection's begin */
	if (atomic_load(&r->conn->step) == API_WAITING_NEXT)
		api_conn_step(r->conn, API_HEADERS);
	return r;
}

void
api_on_completed(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_RequestTerminationCode code)
{
	struct api_request *r = *ctx;

	(void)cls;
	(void)c;
	(void)code;
	if (r == NULL)
		return;
	/* only now, so that a request which was never answered counts for nothing */
	if (r->api != NULL)
		api_guard_done(r);
	api_conn_step(r->conn, API_WAITING_NEXT);
	if (r->conn->pending == r)
		r->conn->pending = NULL;
	api_request_free(r);
	*ctx = NULL;
}

/* ---- headers ---- */

/* What the headers say about the message itself. */
struct framing {
	unsigned count, hosts, lengths, encodings;
	size_t bytes;
	bool chunked, expects, odd;
	const char *length;
};

/*
 * A name with a blank before the colon is another header to whoever takes the blank off; a
 * control character in a value may end it for somebody.
 */
static bool
is_odd(const char *name, size_t nname, const char *value, size_t nvalue)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	bool odd = nname == 0;

	for (size_t i = 0; i < nname; i++)
		odd |= !((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z') &&
		    !(name[i] >= '0' && name[i] <= '9') &&
		    memchr(marks, name[i], sizeof(marks) - 1) == NULL;
	for (size_t i = 0; i < nvalue; i++)
		odd |= ((unsigned char)value[i] < 0x20 && value[i] != '\t') ||
		    value[i] == 0x7f;
	return odd;
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t nkey,
    const char *value, size_t nvalue)
{
	struct framing *f = cls;

	(void)kind;
	f->count++;
	f->bytes += nkey + nvalue + 4;
	f->odd |= is_odd(key, nkey, value, nvalue);
	if (value == NULL)
		return MHD_YES;
	if (strcasecmp(key, "Host") == 0) {
		f->hosts++;
	} else if (strcasecmp(key, "Content-Length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(key, "Transfer-Encoding") == 0) {
		f->encodings++;
		f->chunked = strcasecmp(value, "chunked") == 0;
	} else if (strcasecmp(key, "Expect") == 0) {
		f->expects = true;
	}
	return MHD_YES;
}

/* Is the announced body over what this route takes? */
static bool
announced_too_large(const struct api_request *r, const struct framing *f)
{
	return f->length != NULL && r->route != NULL && r->route->upload == NULL &&
	    strtoull(f->length, NULL, 10) >
	    (unsigned long long)r->api->conf.max_body_bytes;
}

/*
 * Two readers (a proxy and we) must not differ on where a message ends or whom it is for,
 * so what is ambiguous is refused and the connection ends, as it does after every answer
 * queued here.  Also refused: what waits for leave to send a body that is not wanted.
 */
static void
check_headers(struct api_request *r, const char *version)
{
	struct framing f = { 0 };

	MHD_get_connection_values_n(r->c, MHD_HEADER_KIND, on_header, &f);
	if (strlen(r->uri) > URI_MAX_)
		api_problem(r, 414, "too-large", "the URI has %zu bytes; at most %d "
		    "are taken: POST long queries as JSON", strlen(r->uri),
		    URI_MAX_);
	else if (f.count > HEADERS_MAX || f.bytes > HEADERS_BYTES)
		api_problem(r, 431, "too-large", "at most %d headers and %d bytes of "
		    "them are taken", HEADERS_MAX, HEADERS_BYTES);
	else if (f.odd)
		api_problem(r, 400, "invalid-input", "a header has a blank before its "
		    "colon, a name of other characters than names have, or a control "
		    "character in its value");
	else if (f.hosts > 1 || (f.hosts == 0 && strcmp(version, "HTTP/1.1") == 0))
		api_problem(r, 400, "invalid-input", "exactly one header Host is "
		    "needed");
	else if (f.lengths > 1 || f.encodings > 1 ||
	    (f.lengths > 0 && f.encodings > 0))
		api_problem(r, 400, "invalid-input", "the length of the body is given "
		    "twice: send one Content-Length, or Transfer-Encoding: chunked");
	else if (f.encodings > 0 && !f.chunked)
		api_problem(r, 400, "invalid-input", "the only Transfer-Encoding taken "
		    "is chunked");
	else if (f.expects && announced_too_large(r, &f))
		api_too_large(r);
}

/* The first call: headers are complete. */
static void
begin(struct api_request *r, struct api_listener *l, const char *method,
    const char *version)
{
	char allow[64];

	r->conn->pending = NULL;
	r->listener = l;
	r->api = l->api;
	r->start_us = mono();
	r->note.shard = -1;
	snprintf(r->method, sizeof(r->method), "%s", method);
	steme_buf_init(&r->body, (size_t)l->api->conf.max_body_bytes);
	r->route = api_route_find(r, allow);
	api_conn_step(r->conn, API_BODY);
	check_headers(r, version);
	r->dispatched = r->queued;
}

/* ---- bodies, dispatch ---- */

void
api_too_large(struct api_request *r)
{
	api_problem(r, 413, "too-large", "the body is over %lld bytes ([api] "
	    "max_body_bytes); send many claims to /v1/assertions, which has no such "
	    "limit", (long long)r->api->conf.max_body_bytes);
}

/* Is the body as it is?  /v1/assertions also takes gzip, and looks for itself. */
static bool
encoding_ok(struct api_request *r)
{
	const char *e = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Content-Encoding");

	if (e == NULL || strcasecmp(e, "identity") == 0 || r->route->upload != NULL)
		return true;
	api_problem(r, 415, "unsupported-encoding", "the only Content-Encoding taken "
	    "is gzip, and that by /v1/assertions");
	return false;
}

static void
dispatch(struct api_request *r)
{
	static _Thread_local char allow[64];

	r->dispatched = true;
	r->start_us = mono();
	api_conn_step(r->conn, API_WORKING);
	if (r->route == NULL) {
		r->allow = allow;
		if (api_route_find(r, allow) == NULL && allow[0] != '\0')
			api_problem(r, 405, "method-not-allowed",
			    "%.*s takes %s, not %s", STEME_STR(r->path), allow,
			    r->method);
		else
			api_problem(r, 404, "no-such-route", "there is no %.*s "
			    "here; doc/api.md lists what there is",
			    (int)STEME_MIN(r->path.n, 200), r->path.p);
	} else if (r->too_large) {
		api_too_large(r);
	} else if (r->note.refused != 0) {
		api_guard_refuse(r);
	} else if (r->denied != STEME_OK) {
		api_problem_err(r, r->denied, r->why);
	} else if (encoding_ok(r)) {
		r->route->handler(r);
	}
}

static size_t
take_body(struct api_request *r, const char *data, size_t n)
{
	api_conn_moved(r->conn, n);
	if (r->route != NULL && r->route->upload != NULL && r->denied == STEME_OK &&
	    r->note.refused == 0)
		return r->route->upload(r, data, n);
	if (!r->too_large && r->route != NULL) {
		steme_buf_put(&r->body, data, n);
		r->too_large = steme_buf_err(&r->body) != STEME_OK;
	}
	r->drained += n;
	return n;
}

enum MHD_Result
api_on_request(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **ctx)
{
	struct api_request *r = *ctx;

	(void)c;
	(void)url;
	if (r == NULL)
		return MHD_NO;
	if (r->api == NULL) {
		begin(r, cls, method, version);
		return MHD_YES;
	}
	if (!r->admitted && !r->queued && !api_admit(r))
		return MHD_YES;		/* suspended; called again with the same */
	if (!r->note.admitted && !r->queued)
		api_guard_admit(r);
	if (*size > 0) {
		if (atomic_load(&r->conn->step) == API_WORKING)
			api_conn_step(r->conn, API_BODY);	/* awake again */
		*size -= take_body(r, data, *size);
		return r->drained > (uint64_t)r->api->conf.max_body_bytes +
		    DRAIN_BYTES ? MHD_NO : MHD_YES;
	}
	if (!r->dispatched)
		dispatch(r);
	else if (r->ready && !r->queued) {
		r->ready = false;
		r->then(r);
	}
	return MHD_YES;
}
