/* SPDX-License-Identifier: Apache-2.0 */
/* h_feed.c - GET /v1/feed: new objects as they come, as server-sent events. */
#include "config.h"
#include "api/browse.h"
#include "api/watch.h"
#include "core/path.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK	(16u << 10)	/* bytes handed to libmicrohttpd at a time */

/* What was asked, until the daemon has said where it stands; then what is said. */
struct asked {
	char prefix[STEME_CONCEPT_MAX + 1];
	uint64_t after;
	bool resumes;
};

struct saying {
	struct api_feed *feed;
	struct api_conn *conn;
};

static ssize_t
on_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct saying *s = cls;
	long n = api_feed_read(s->feed, buf, max);

	(void)pos;
	if (n == API_FEED_ENDED)
		return MHD_CONTENT_READER_END_OF_STREAM;
	api_conn_step(s->conn, n > 0 ? API_FEEDING : API_WORKING);
	return n;
}

static void
on_free(void *cls)
{
	struct saying *s = cls;

	api_feed_close(s->feed);
	free(s);
}

static bool
lsn_of(const struct api_request *r, uint64_t *lsn)
{
	struct json_object *o, *v = NULL;
	bool found;

	o = json_tokener_parse(r->answer.data == NULL ? "" :
	    (const char *)r->answer.data);
	if ((found = json_object_object_get_ex(o, "lsn", &v)))
		*lsn = json_object_get_uint64(v);
	json_object_put(o);
	return found;
}

static void
say(struct api_request *r, struct api_feed *f)
{
	struct saying *s = malloc(sizeof(*s));
	struct MHD_Response *resp = NULL;

	if (s != NULL) {
		s->feed = f;
		s->conn = r->conn;
		resp = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
		    on_read, s, on_free);
	}
	if (resp == NULL) {
		free(s);
		api_feed_close(f);
		api_problem_err(r, STEME_ENOMEM, "");
		return;
	}
	MHD_add_response_header(resp, "Content-Type", "text/event-stream");
	MHD_add_response_header(resp, "Cache-Control", "no-store");
	MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(resp, "X-Accel-Buffering", "no");
	api_queue(r, 200, resp);
}

static void
begin(struct api_request *r)
{
	struct asked *q = r->state;
	struct api_feed *f;
	uint64_t lsn;
	int err;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (!lsn_of(r, &lsn)) {
		api_problem(r, 500, "internal", "the daemon's status is malformed");
		return;
	}
	if (q->resumes && q->after > lsn) {
		api_problem(r, 400, "invalid-input", "the store stands at lsn %llu, so "
		    "nothing can be told after %llu: ask without Last-Event-ID",
		    (unsigned long long)lsn, (unsigned long long)q->after);
		return;
	}
	err = api_feed_open(&f, r->api->watch, r->c, q->resumes ? q->after : lsn, lsn,
	    steme_str_from(q->prefix));
	if (err == STEME_EBUSY)
		api_problem(r, 503, "busy", "there are %lld feeds, as many as [api] "
		    "max_feeds allows; try again later",
		    (long long)r->api->conf.max_feeds);
	else if (err != STEME_OK)
		api_problem_err(r, err, "");
	else
		say(r, f);
}

static int
take_prefix(struct asked *q, struct steme_str s, struct steme_why *why)
{
	bool scheme = memmem(s.p, s.n, "://", 3) != NULL;
	struct steme_why w = { "" };
	enum steme_class class_;

	if ((scheme ? steme_concept_from_scheme(s, q->prefix, &class_, &w) :
	    steme_concept_check(s, &w)) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "prefix: %s", w.text);
	if (!scheme)
		memcpy(q->prefix, s.p, s.n);
	return STEME_OK;
}

void
api_feed(struct api_request *r)
{
	struct api_arg a[] = { { .name = "after" }, { .name = "prefix" },
	    { .name = "Last-Event-ID" } };
	struct steme_why why = { "" };
	struct asked *q = calloc(1, sizeof(*q));
	const char *last = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "Last-Event-ID");
	int err;

	if (q == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return;
	}
	r->state = q;
	r->free_state = free;
	err = api_args(r, a, 2, &why);
	if (err == STEME_OK && a[1].value.n > 0)
		err = take_prefix(q, a[1].value, &why);
	/* a client that comes back has both: where it stopped is what counts */
	if (last != NULL && *last != '\0')
		a[2].value = steme_str_from(last);
	else
		a[2] = a[0];
	q->resumes = a[2].value.p != NULL;
	if (err == STEME_OK)
		err = api_arg_u64(&a[2], &q->after, &why);
	if (err != STEME_OK)
		api_problem_err(r, err, why.text);
	else
		api_ask(r, STEME_MSG_STATUS, NULL, 0, begin);
}
