/* SPDX-License-Identifier: Apache-2.0 */
/* service.c - requests in: rights, who does what, workers, greeting, end. */
#include "config.h"
#include "core/service_impl.h"
#include "core/cond.h"
#include "core/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_MAX	4096
/* A thread that answered a read within this time does not run commits itself. */
#define READ_MEMORY_MS	100

/* What this thread's turn has done (steme_service_turn). */
static _Thread_local struct {
	bool queued;			/* writes wait for a leader */
	int64_t read_ms;		/* when it last answered a read */
} turn;

/* ---- ends ---- */

/* The last one to go (free counts, too) says so, and touches nothing after that. */
static void
ended(struct steme_service *s)
{
	if (atomic_fetch_sub(&s->pending, 1) == 1)
		MUST(sem_post(&s->none_pending));
}

static void
reply_error(struct steme_service *s, struct steme_request *r, int err,
    const char *text)
{
	struct steme_buf b = {0};

	if (r->type < STEME_NMSG && s->errors[r->type] != NULL)
		steme_add(s->errors[r->type], 1);
	steme_msg_put_error(&b, err, text);
	r->ops->reply(r, STEME_F_ERROR, b.data, b.len);
	steme_buf_fini(&b);
	ended(s);
}

void
steme_svc_error(struct steme_service *s, struct steme_request *r, int err,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_error(s, r, err, text);
}

void
steme_svc_why(struct steme_service *s, struct steme_request *r, int err,
    const struct steme_why *why)
{
	reply_error(s, r, err, why->text[0] == '\0' ? steme_strerror(err) :
	    why->text);
}

void
steme_svc_end(struct steme_service *s, struct steme_request *r, const void *p,
    size_t n)
{
	r->ops->reply(r, 0, p, n);
	ended(s);
}

void
steme_svc_end_buf(struct steme_service *s, struct steme_request *r,
    struct steme_buf *b)
{
	int err = steme_buf_err(b);

	if (err != STEME_OK) {
		steme_buf_fini(b);
		steme_svc_error(s, r, err, err == STEME_ETOOBIG ? "the answer is "
		    "over %u MiB: use limit and cursor" : "out of memory",
		    ANSWER_MAX >> 20);
		return;
	}
	r->ops->reply_buf(r, b);
	ended(s);
}

/* ---- workers ---- */

static void
run(struct steme_service *s, struct steme_request *r, bool inline_)
{
	switch (r->type) {
	case STEME_MSG_PUT:
	case STEME_MSG_BATCH:
	case STEME_MSG_ASSERT:
		steme_svc_write(s, r, inline_);
		break;
	case STEME_MSG_PROFILE:
		steme_svc_profile(s, r);
		break;
	case STEME_MSG_KEYS:
		steme_svc_keys(s, r);
		break;
	case STEME_MSG_SET:
		steme_svc_set(s, r);
		break;
	default:
		steme_svc_read(s, r);
		break;
	}
}

static void *
worker(void *arg)
{
	struct steme_service *s = arg;
	struct steme_request *r;

	for (;;) {
		MUST(pthread_mutex_lock(&s->mu));
		while (s->jobs == NULL && !atomic_load(&s->stopping))
			MUST(pthread_cond_wait(&s->jobs_cv, &s->mu));
		if ((r = s->jobs) != NULL && (s->jobs = r->next) == NULL)
			s->jobs_end = &s->jobs;
		MUST(pthread_mutex_unlock(&s->mu));
		if (r == NULL)
			return NULL;
		if (atomic_load(&r->gone))
			steme_svc_error(s, r, STEME_ECANCELED, "cancelled");
		else
			run(s, r, false);
	}
}

static void
enqueue(struct steme_service *s, struct steme_request *r)
{
	bool late;

	r->next = NULL;
	MUST(pthread_mutex_lock(&s->mu));
	late = atomic_load(&s->stopping);
	if (!late) {
		*s->jobs_end = r;
		s->jobs_end = &r->next;
		MUST(pthread_cond_signal(&s->jobs_cv));
	}
	MUST(pthread_mutex_unlock(&s->mu));
	if (late)
		steme_svc_error(s, r, STEME_EBUSY, "the daemon is stopping");
}

/* ---- requests ---- */

static void
stop(struct steme_service *s, struct steme_request *r)
{
	if (r->len != 0) {
		steme_svc_error(s, r, STEME_EPROTO, "malformed STOP");
		return;
	}
	steme_svc_end(s, r, NULL, 0);
	if (s->o.stop != NULL)
		s->o.stop(s->o.arg);
}

static bool
may(struct steme_service *s, struct steme_request *r)
{
	enum steme_role need = steme_msg_role(r->type);

	if (need == STEME_ROLE_NONE || r->type == STEME_MSG_HELLO ||
	    r->type == STEME_MSG_CANCEL) {
		steme_svc_error(s, r, STEME_EINVAL, need == STEME_ROLE_NONE ?
		    "this daemon knows no message of type %u" :
		    "message %u out of place", r->type);
		return false;
	}
	if (r->caller.role >= need)
		return true;
	steme_svc_error(s, r, STEME_EPERM, "%s needs the role %s, and user %u has %s "
	    "here: be root, the daemon's user, or a member of group stemedb",
	    steme_msg_name(r->type), steme_role_name(need), (unsigned)r->caller.uid,
	    steme_role_name(r->caller.role));
	return false;
}

static void
dispatch(struct steme_service *s, struct steme_request *r)
{
	switch (r->type) {
	case STEME_MSG_PING:
		if (r->len > PING_MAX)
			steme_svc_error(s, r, STEME_EPROTO, "malformed PING");
		else
			steme_svc_end(s, r, r->payload, r->len);
		break;
	case STEME_MSG_PUT:
	case STEME_MSG_BATCH:
	case STEME_MSG_ASSERT:
		if (steme_svc_write_is_long(r))
			enqueue(s, r);
		else
			run(s, r, true);
		break;
	case STEME_MSG_LOG:
	case STEME_MSG_WATCH:
		steme_svc_stream(s, r);
		break;
	case STEME_MSG_VERIFY:
	case STEME_MSG_REBUILD:
	case STEME_MSG_COMPACT:
		steme_svc_work(s, r);
		break;
	case STEME_MSG_STOP:
		stop(s, r);
		break;
	default:
		if (steme_svc_read_is_long(r)) {
			enqueue(s, r);
		} else {
			turn.read_ms = steme_mono_coarse_us() / 1000;
			run(s, r, true);
		}
		break;
	}
}

void
steme_service_handle(struct steme_service *s, struct steme_request *r)
{
	atomic_fetch_add(&s->pending, 1);
	if (r->type < STEME_NMSG && s->requests[r->type] != NULL)
		steme_add(s->requests[r->type], 1);
	if (atomic_load(&s->stopping))
		steme_svc_error(s, r, STEME_EBUSY, "the daemon is stopping");
	else if (may(s, r))
		dispatch(s, r);
}

bool
steme_svc_may_lead(void)
{
	return turn.read_ms == 0 || steme_mono_coarse_us() / 1000 - turn.read_ms > READ_MEMORY_MS;
}

void
steme_svc_queued(void)
{
	turn.queued = true;
}

void
steme_service_turn(struct steme_service *s)
{
	if (turn.queued) {
		turn.queued = false;
		steme_store_lead(s->o.store);
	}
}

/* ---- greeting ---- */

int
steme_service_hello(struct steme_service *s, const void *payload, size_t len,
    enum steme_role max_role, enum steme_role *granted, struct steme_buf *b)
{
	const struct steme_genesis *g = steme_store_genesis(s->o.store);
	struct steme_changes *changes = steme_store_changes(s->o.store);
	struct steme_msg_welcome w = { .version = STEME_WIRE_VERSION };
	struct steme_msg_hello m;
	char text[160];

	if (steme_msg_get_hello(&m, payload, len) != STEME_OK) {
		steme_msg_put_error(b, STEME_EPROTO, "malformed HELLO");
		return STEME_EPROTO;
	}
	if (m.min_version > STEME_WIRE_VERSION || m.max_version < STEME_WIRE_VERSION) {
		snprintf(text, sizeof(text), "the daemon speaks version %u of the "
		    "protocol, the client %u to %u: use programs of the same "
		    "release", STEME_WIRE_VERSION, m.min_version, m.max_version);
		steme_msg_put_error(b, STEME_EVERSION, text);
		return STEME_EVERSION;
	}
	w.role = m.role == STEME_ROLE_NONE ? max_role : STEME_MIN(m.role, max_role);
	memcpy(w.store, g->store, sizeof(w.store));
	w.node = steme_store_node(s->o.store);
	w.boot = steme_changes_stamp_any(changes).boot;
	w.lsn = steme_store_lsn(s->o.store);
	w.max_frame = STEME_FRAME_MAX;
	w.node_name = steme_str_from(s->o.node_name);
	w.changes_path = steme_str_from(s->o.changes_path);
	steme_msg_put_welcome(b, &w);
	*granted = w.role;
	return steme_buf_err(b);
}

/* ---- life ---- */

static void
make_metrics(struct steme_service *s)
{
	struct steme_family *req, *err;

	if (s->o.metrics == NULL)
		return;
	req = steme_family(s->o.metrics, STEME_COUNTER,
	    "stemedb_control_requests_total",
	    "Requests on the control socket by message", "message");
	err = steme_family(s->o.metrics, STEME_COUNTER,
	    "stemedb_control_errors_total",
	    "Requests on the control socket answered with an error", "message");
	for (unsigned t = 1; t < STEME_NMSG; t++) {
		s->requests[t] = steme_series(req, steme_msg_name(t));
		s->errors[t] = steme_series(err, steme_msg_name(t));
	}
}

int
steme_service_new(struct steme_service **out, const struct steme_service_opts *o)
{
	struct steme_service *s = calloc(1, sizeof(*s));
	unsigned n = o->workers == 0 ? 2 : STEME_MIN(o->workers, WORKERS_MAX);
	int err = STEME_ENOMEM;

	*out = NULL;
	if (s == NULL)
		return err;
	s->o = *o;
	if (s->o.clock == NULL)
		s->o.clock = &steme_clock_system;
	if (s->o.node_name == NULL)
		s->o.node_name = "";
	if (s->o.changes_path == NULL)
		s->o.changes_path = "";
	if (s->o.version == NULL)
		s->o.version = PACKAGE_VERSION;
	s->jobs_end = &s->jobs;
	s->started_us = steme_mono_us(s->o.clock);
	MUST(pthread_mutex_init(&s->mu, NULL));
	MUST(pthread_mutex_init(&s->set_mu, NULL));
	MUST(pthread_cond_init(&s->jobs_cv, NULL));
	MUST(sem_init(&s->none_pending, 0, 0));
	atomic_store(&s->pending, 1);	/* until free */
	MUST(pthread_mutex_init(&s->feed_mu, NULL));
	steme_cond_init(&s->feed_cv);
	make_metrics(s);
	if ((err = steme_svc_metrics_new(&s->metrics, s)) != STEME_OK)
		goto out;
	err = STEME_EAGAIN;
	for (; s->nworkers < n; s->nworkers++)
		if (pthread_create(&s->workers[s->nworkers], NULL, worker, s) != 0)
			goto out;
	if ((err = steme_svc_feed_start(s)) != STEME_OK)
		goto out;
	*out = s;
	s = NULL;
out:
	steme_service_free(s);
	return err;
}

void
steme_service_free(struct steme_service *s)
{
	if (s == NULL)
		return;
	MUST(pthread_mutex_lock(&s->mu));
	atomic_store(&s->stopping, true);
	MUST(pthread_cond_broadcast(&s->jobs_cv));
	MUST(pthread_mutex_unlock(&s->mu));
	/* Workers empty the queue before they go. */
	for (unsigned i = 0; i < s->nworkers; i++)
		MUST(pthread_join(s->workers[i], NULL));
	steme_svc_feed_stop(s);
	steme_svc_metrics_free(s->metrics);
	if (atomic_fetch_sub(&s->pending, 1) != 1)
		while (sem_wait(&s->none_pending) != 0)
			;
	MUST(sem_destroy(&s->none_pending));
	MUST(pthread_mutex_destroy(&s->mu));
	MUST(pthread_mutex_destroy(&s->set_mu));
	MUST(pthread_cond_destroy(&s->jobs_cv));
	MUST(pthread_mutex_destroy(&s->feed_mu));
	MUST(pthread_cond_destroy(&s->feed_cv));
	free(s);
}
