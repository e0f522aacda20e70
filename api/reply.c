/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c - answers: bodies, problems, statuses of our errors. */
#include "config.h"
#include "api/api.h"
#include "api/guard.h"
#include "core/clock.h"
#include "core/path.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned
api_status_of(int err)
{
	switch (err) {
	case STEME_OK:
		return 200;
	case STEME_EINVAL:
	case STEME_EUTF8:
	case STEME_EPROTO:
		return 400;
	case STEME_EAUTH:
		return 401;
	case STEME_EPERM:
		return 403;
	case STEME_ENOTFOUND:
		return 404;
	case STEME_EEXIST:
		return 409;
	case STEME_ETOOBIG:
		return 413;
	case STEME_ESIG:
	case STEME_ESKEW:
	case STEME_EVERSION:
		return 422;
	case STEME_ELIMIT:
		return 429;
	case STEME_ETIMEOUT:
		return 504;
	case STEME_ENOSPC:
	case STEME_ENOMEM:
	case STEME_EBUSY:
	case STEME_EAGAIN:
	case STEME_ECANCELED:
	case STEME_ECONN:
	case STEME_EREADONLY:
	case STEME_EDRAINED:
		return 503;
	default:
		return 500;
	}
}

const char *
api_kind_of(int err)
{
	switch (err) {
	case STEME_EINVAL:
	case STEME_EPROTO:
		return "invalid-input";
	case STEME_EUTF8:
		return "not-utf-8";
	case STEME_EAUTH:
		return "not-authenticated";
	case STEME_EPERM:
		return "forbidden";
	case STEME_ENOTFOUND:
		return "not-found";
	case STEME_EEXIST:
		return "conflict";
	case STEME_ETOOBIG:
		return "too-large";
	case STEME_ESIG:
		return "bad-signature";
	case STEME_ESKEW:
		return "clock-skew";
	case STEME_EVERSION:
		return "unknown-version";
	case STEME_ELIMIT:
		return "rate-limited";
	case STEME_ETIMEOUT:
		return "timeout";
	case STEME_ENOSPC:
		return "disk-full";
	case STEME_EREADONLY:
		return "writes-stopped";
	case STEME_EDRAINED:
		return "draining";
	case STEME_EBUSY:
	case STEME_EAGAIN:
	case STEME_ENOMEM:
	case STEME_ECANCELED:
		return "busy";
	case STEME_ECONN:
		return "daemon-unreachable";
	default:
		return "internal";
	}
}

static const char *
title_of(unsigned status)
{
	switch (status) {
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 409: return "Conflict";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 422: return "Unprocessable Content";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	default: return "Internal Server Error";
	}
}

const char *
api_why_of(int err)
{
	switch (err) {
	case STEME_ECONN:
		return "the daemon (stemefs) does not answer on its socket; start it "
		    "with `steme up`, then try again";
	case STEME_EAGAIN:
		return "too many requests are under way; try again";
	case STEME_ETOOBIG:
		return "the request is too long for the daemon: an object has at most "
		    "1 MiB";
	default:
		return steme_strerror(err);
	}
}

/* Queues resp, whose reference stays with the caller. */
static void
queue(struct api_request *r, unsigned status, struct MHD_Response *resp)
{
	r->status = status;
	r->queued = true;
	r->queued_us = steme_mono_us(&steme_clock_system);
	api_conn_step(r->conn, API_ANSWERING);
	if (resp == NULL || MHD_queue_response(r->c, status, resp) != MHD_YES)
		r->status = 500;
	api_guard_queued(r);
}

void
api_queue(struct api_request *r, unsigned status, struct MHD_Response *resp)
{
	queue(r, status, resp);
	if (resp != NULL)
		MHD_destroy_response(resp);
}

void
api_queue_kept(struct api_request *r, struct MHD_Response *resp)
{
	queue(r, 200, resp);
}

struct MHD_Response *
api_response(const char *type, void *data, size_t len)
{
	struct MHD_Response *resp = MHD_create_response_from_buffer(
	    data == NULL ? 0 : len,
	    data == NULL ? (void *)(uintptr_t)"" : data,
	    data == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);

	if (resp == NULL) {
		free(data);
		return NULL;
	}
	MHD_add_response_header(resp, "Content-Type", type);
	MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
	return resp;
}

void
api_reply(struct api_request *r, unsigned status, const char *type,
    const void *body, size_t len)
{
	struct steme_buf b = { 0 };

	steme_buf_put(&b, body, len);
	api_reply_buf(r, status, type, &b);
}

void
api_reply_buf(struct api_request *r, unsigned status, const char *type,
    struct steme_buf *b)
{
	struct MHD_Response *resp;
	uint8_t *data, *fit;
	bool keep;
	size_t len;
	int err = steme_buf_take(b, &data, &len);

	if (err != STEME_OK) {
		api_problem_err(r, err, "");
		return;
	}
	keep = status == 200 && api_hot_may_keep(r, data, len);
	/* what is kept is counted by its length: no room to grow goes with it */
	if (keep && len > 0 && (fit = realloc(data, len)) != NULL)
		data = fit;
	resp = api_response(type, data, len);
	if (resp != NULL && status == 200)
		MHD_add_response_header(resp, "Cache-Control", "no-store");
	if (resp == NULL || !keep || !api_hot_keep(r, resp, len))
		api_queue(r, status, resp);
}

void
api_reply_tagged(struct api_request *r, const char *type, const char *name,
    struct steme_buf *b)
{
	char etag[STEME_ID_HEX + 16], hash[STEME_ID_HEX + 1];
	struct MHD_Response *resp;
	struct steme_id sum;
	uint8_t *data;
	size_t len;
	bool same;
	int err = steme_buf_take(b, &data, &len);

	if (err != STEME_OK) {
		api_problem_err(r, err, "");
		return;
	}
	if (name == NULL) {
		sum = steme_hash(data, len);
		steme_id_hex(hash, &sum);
	}
	snprintf(etag, sizeof(etag), "\"%s\"", name == NULL ? hash : name);
	if ((same = api_etag_matches(r, etag))) {
		free(data);
		data = NULL;
		len = 0;
	}
	resp = api_response(type, data, len);
	if (resp != NULL) {
		MHD_add_response_header(resp, "ETag", etag);
		MHD_add_response_header(resp, "Cache-Control", name == NULL ?
		    "no-cache" : "public, max-age=31536000, immutable");
	}
	api_queue(r, same ? 304 : 200, resp);
}

bool
api_etag_matches(const struct api_request *r, const char *etag)
{
	const char *m = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "If-None-Match");
	size_t n = strlen(etag);

	for (; m != NULL && *m != '\0'; m++) {
		m += strspn(m, " \t,");
		if (*m == '*')
			return true;
		if (strncmp(m, "W/", 2) == 0)
			m += 2;
		if (strncmp(m, etag, n) == 0)
			return true;
		if (*m != '"' || (m = strchr(m + 1, '"')) == NULL)
			return false;
	}
	return false;
}

void
api_problem(struct api_request *r, unsigned status, const char *kind,
    const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	struct MHD_Response *resp;
	char detail[768], type[96];
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	steme_utf8_mend(detail, strlen(detail));
	api_guard_problem(r, status, kind, detail);
	snprintf(type, sizeof(type), "urn:stemedb:problem:%s", kind);
	json_object_object_add(o, "type", json_object_new_string(type));
	json_object_object_add(o, "title", json_object_new_string(title_of(status)));
	json_object_object_add(o, "status", json_object_new_int((int)status));
	json_object_object_add(o, "detail", json_object_new_string(detail));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE);
	resp = text == NULL ? NULL : api_response("application/problem+json",
	    strdup(text), strlen(text));
	if (resp != NULL)
		api_guard_headers(r, resp, status);
	if (resp != NULL && status == 401)
		MHD_add_response_header(resp, "WWW-Authenticate", "Bearer");
	if (resp != NULL && status == 405)
		MHD_add_response_header(resp, "Allow", r->allow);
	api_queue(r, status, resp);
	json_object_put(o);
}

void
api_problem_err(struct api_request *r, int err, const char *why)
{
	r->note.err = err;
	/* the daemon's caps tell when they are paid for */
	if (err == STEME_ELIMIT && why != NULL)
		r->note.retry_s = api_seconds_up(steme_again_ms(why) * 1000);
	api_problem(r, api_status_of(err), api_kind_of(err), "%s",
	    why != NULL && why[0] != '\0' ? why : steme_strerror(err));
}

void
api_reply_answer(struct api_request *r)
{
	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_reply_buf(r, 200, API_JSON, &r->answer);
}
