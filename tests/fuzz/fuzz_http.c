/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http.c - requests to every route of the sidecar, through its own handlers: query
 * strings, headers, JSON bodies, lines and gzip.  The input: a byte (how the daemon
 * answers), a byte (bytes of body at a time), then
 *
 *	METHOD URI\nName: value\n...\n\nBODY
 *
 * What must hold: every request is answered; what goes to the daemon is what it can read;
 * an error has a problem document that is JSON; nothing is a 5xx unless the daemon failed.
 */
#include "config.h"
#include "api/admin.h"
#include "api/guard.h"
#include "api/settings.h"
#include "api/watch.h"
#include "core/log.h"
#include "core/sign.h"
#include "core/util.h"
#include "tests/fuzz/fake_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX	200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool __real_api_is_local(struct api_request *r);
bool __wrap_api_is_local(struct api_request *r);

static struct api A;
static struct api_listener L = { .api = &A, .loopback = true };

/* The kernel knows nothing of these connections: whose headers are those of a user is one. */
bool
__wrap_api_is_local(struct api_request *r)
{
	if (!__real_api_is_local(r) && r->caller.far == API_FAR_CLOSED) {
		r->caller.kind = API_LOCAL;
		r->caller.role = STEME_ROLE_ADMIN;
		r->caller.far = API_FAR_UNASKED;
	}
	return r->caller.kind == API_LOCAL;
}

static struct steme_series *
series(const char *name)
{
	return steme_series0(steme_family(A.metrics, STEME_GAUGE, name, "help", NULL));
}

static void
start(void)
{
	if (A.metrics != NULL)
		return;
	steme_log_set_level(STEME_ERROR);
	steme_conf_defaults(&A.conf);
	A.conf.audit_entries = 4;
	A.conf.circuit_breaker = false;
	snprintf(A.in.log, sizeof(A.in.log), "/nonexistent");
	snprintf(A.in.run, sizeof(A.in.run), "/tmp");
	MUST(steme_sign_init());
	MUST(steme_metrics_new(&A.metrics));
	A.up = series("up");
	A.hot_hits = series("hits");
	A.hot_misses = series("misses");
	api_cluster_metrics(&A);
	MUST(pthread_mutex_init(&A.mu, NULL));
	MUST(pthread_cond_init(&A.changed, NULL));
	MUST((A.watch = api_watch_new(&A, 4)) == NULL);
	MUST((A.guard = api_guard_new(&A)) == NULL);
	MUST(api_settings_new(&A.settings, &A));
	MUST((A.hot = api_hot_new(1 << 16)) == NULL);
}

/* ---- what is asked of the daemon ---- */

static int
read_list(const struct fake_question *q)
{
	struct steme_msg_list m;

	return steme_msg_get_list(&m, q->payload, q->len);
}

static int
read_query(const struct fake_question *q)
{
	struct steme_rd rd = steme_rd_from(q->payload, q->len);
	struct steme_query m;

	return steme_msg_get_query(&m, &rd);
}

/* Can the daemon read it?  Other types: it is asked in other tests. */
static int
read_question(const struct fake_question *q)
{
	struct steme_query q1, q2;
	struct steme_msg_impact impact;
	struct steme_msg_assert claims;
	struct steme_msg_batch batch;
	struct steme_msg_log log;
	struct steme_msg_set set;
	struct steme_msg_profile profile;
	enum steme_object_want want;
	struct steme_rd items;
	struct steme_id id;
	uint32_t n;

	switch (q->type) {
	case STEME_MSG_QUERY:
	case STEME_MSG_HISTORY:
		return read_query(q);
	case STEME_MSG_DIFF:
		return steme_msg_get_diff(&q1, &q2, q->payload, q->len);
	case STEME_MSG_CONCEPTS:
	case STEME_MSG_CHILDREN:
	case STEME_MSG_SOURCES:
	case STEME_MSG_AGENTS:
		return read_list(q);
	case STEME_MSG_IMPACT:
		return steme_msg_get_impact(&impact, q->payload, q->len);
	case STEME_MSG_OBJECT:
		return steme_msg_get_object(&want, &id, q->payload, q->len);
	case STEME_MSG_PUT:
		return steme_msg_get_puts(&items, q->payload, q->len, &n);
	case STEME_MSG_ASSERT:
		return steme_msg_get_assert(&claims, q->payload, q->len);
	case STEME_MSG_BATCH:
		return steme_msg_get_batch(&batch, q->payload, q->len);
	case STEME_MSG_LOG:
	case STEME_MSG_WATCH:
		return steme_msg_get_log(&log, q->payload, q->len);
	case STEME_MSG_SET:
		return steme_msg_get_set(&set, q->payload, q->len);
	case STEME_MSG_PROFILE:
		return steme_msg_get_profile(&profile, q->payload, q->len);
	default:
		return STEME_OK;
	}
}

static const char status_json[] = "{\"lsn\":7,\"node\":\"0000000000000007\","
    "\"assertions\":1,\"writable\":true,\"draining\":false}";

static void
answer(unsigned how, const uint8_t *data, size_t size)
{
	static const int errs[] = { STEME_ECONN, STEME_ETIMEOUT, STEME_ENOTFOUND,
	    STEME_ESIG, STEME_EINVAL, STEME_ELIMIT };
	struct steme_reply rep = { .why = "" };

	MUST(read_question(fake_questions) != STEME_OK);
	if (how < STEME_NELEM(errs)) {
		rep.err = errs[how];
		rep.why = "the daemon says no";
	} else if (how & 1) {
		rep.data = (const uint8_t *)status_json;
		rep.len = sizeof(status_json) - 1;
	} else {
		rep.data = data;
		rep.len = size;
	}
	/* streams end */
	if (fake_questions->type == STEME_MSG_WATCH || fake_questions->type == STEME_MSG_LOG)
		rep = (struct steme_reply){ .err = STEME_ECONN, .why = "gone" };
	fake_answer(&rep);
}

/* ---- what is answered ---- */

static void
check_answer(const struct MHD_Connection *c, unsigned how)
{
	const char *type = fake_response_header(c->response, "Content-Type"), *body;
	struct json_object *o, *v = NULL;
	struct steme_json j;
	size_t n;

	/* what the daemon sends may be anything here: its faults are ours then */
	MUST(c->status >= 500 && c->status != 503 && how >= 2 && how <= 5);
	if (c->status < 400)
		return;
	MUST(type == NULL || strcmp(type, "application/problem+json") != 0);
	body = fake_body(c->response, &n);
	MUST(steme_json_parse(&j, body, n, 2, NULL));
	o = j.root;
	MUST(!json_object_object_get_ex(o, "status", &v) ||
	    json_object_get_int(v) != (int)c->status);
	MUST(!json_object_object_get_ex(o, "detail", &v) ||
	    json_object_get_string_len(v) == 0);
	steme_json_fini(&j);
}

/* ---- a request ---- */

static void
run(struct MHD_Connection *c, void **ctx, const char *method, const uint8_t *body, size_t n,
    size_t piece, unsigned how)
{
	size_t at = 0, left, steps = 0;

	MUST(api_on_request(&L, c, "", method, "HTTP/1.1", NULL, &(size_t){ 0 },
	    ctx) != MHD_YES);
	while (c->status == 0) {
		MUST(++steps > STEPS_MAX);
		if (c->suspended) {
			MUST(fake_questions == NULL);	/* nobody would wake it */
			answer(how, body, n);
			continue;
		}
		left = STEME_MIN(piece, n - at);
		at += left;
		if (api_on_request(&L, c, "", method, "HTTP/1.1",
		    (const char *)body + at - left, &left, ctx) != MHD_YES)
			return;
		at -= left;
	}
	check_answer(c, how);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct MHD_Connection *c;
	char *text, *uri, *headers, *body, *query;
	void *ctx;

	if (size < 3 || (text = malloc(size + 1)) == NULL)
		return 0;
	start();
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	body = memmem(text, size - 2, "\n\n", 2);
	headers = body == NULL ? NULL : memchr(text, '\n', size - 2);
	uri = headers == NULL ? NULL : memchr(text, ' ', (size_t)(headers - text));
	if (uri == NULL || (c = calloc(1, sizeof(*c))) == NULL) {
		free(text);
		return 0;
	}
	*uri++ = *headers++ = *body = '\0';
	body += 2;
	if (headers < body)
		fake_headers(c, headers);
	ctx = api_on_uri(&L, uri, c);
	if ((query = strchr(uri, '?')) != NULL)
		fake_args(c, query + 1);
	run(c, &ctx, text, (uint8_t *)body, size - 2 - (size_t)(body - text),
	    1u + data[1] * 16u, data[0] % 16);
	api_on_completed(&L, c, &ctx, MHD_REQUEST_TERMINATED_COMPLETED_OK);
	fake_end(c);
	while (fake_questions != NULL)
		answer(0, NULL, 0);
	free(c);
	free(text);
	return 0;
}
