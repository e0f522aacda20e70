/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c - joins metrics, log, limits, breakers and trails to requests. */
#include "config.h"
#include "api/guard.h"
#include "core/clock.h"
#include "core/util.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

static int64_t
wall(void)
{
	return steme_wall_us(&steme_clock_system);
}

enum api_class
api_class_of(const struct api_route *route)
{
	if (route == NULL || route->access == API_HEALTH)
		return API_CLASS_FREE;
	if (strncmp(route->label, "/v1/admin", 9) == 0 ||
	    strncmp(route->label, "/admin/", 7) == 0 ||
	    strcmp(route->label, "/v1/audit") == 0)
		return API_CLASS_ADMIN;
	if (route->is_query)
		return API_CLASS_QUERY;
	if (strcmp(route->method, "GET") != 0)
		return strncmp(route->label, "/cluster/", 9) == 0 ?
		    API_CLASS_ADMIN : API_CLASS_WRITE;
	return strncmp(route->label, "/v1/", 4) == 0 ? API_CLASS_QUERY :
	    API_CLASS_FREE;
}

static const char *const scopes[] = {
	"address", "query", "write", "admin", "agent", "quota", "breaker"
};

/* Values that are read rather than counted. */
static void
before_exposition(void *arg)
{
	struct api_guard *g = arg;
	unsigned open;
	uint64_t trips;

	pthread_mutex_lock(&g->mu);
	steme_set(g->storage_state, g->storage.state);
	steme_set(g->storage_trips, (double)g->storage.trips);
	pthread_mutex_unlock(&g->mu);
	api_breakers_count(g->breakers, &open, &trips);
	steme_set(g->agents_open, open);
	steme_set(g->agents_trips, (double)trips);
}

static void
make_metrics(struct api_guard *g)
{
	struct steme_metrics *m = g->api->metrics;
	struct steme_family *f;

	g->limited = steme_family(m, STEME_COUNTER, "stemedb_rate_limited_total",
	    "Requests and lines refused by a limit or a breaker, by what refused.",
	    "scope");
	for (size_t i = 0; i < STEME_NELEM(scopes); i++)
		steme_series(g->limited, scopes[i]);
	g->storage_state = steme_series(steme_family(m, STEME_GAUGE,
	    "stemedb_circuit_breaker_state",
	    "0 closed, 1 open, 2 half-open.", "breaker"), "storage");
	g->agents_open = steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_circuit_breaker_tripped_agents",
	    "Agents whose breaker is not closed, or was tripped by hand.", NULL));
	f = steme_family(m, STEME_COUNTER, "stemedb_circuit_breaker_trips_total",
	    "How often a breaker opened by itself.", "breaker");
	g->storage_trips = steme_series(f, "storage");
	g->agents_trips = steme_series(f, "agent");
	steme_metrics_hook(m, before_exposition, g);
}

struct api_guard *
api_guard_new(struct api *a)
{
	struct api_guard *g = calloc(1, sizeof(*g));
	char path[PATH_MAX + 16];

	if (g == NULL)
		return NULL;
	g->api = a;
	pthread_mutex_init(&g->mu, NULL);
	pthread_mutex_init(&g->settings_mu, NULL);
	g->rule.threshold = a->conf.circuit_breaker ?
	    (unsigned)a->conf.failure_threshold : 0;
	g->rule.reset_us = a->conf.reset_timeout_ms * 1000;
	snprintf(path, sizeof(path), "%s/audit.log", a->in.log);
	g->meter = api_meter_new(a->metrics, a->conf.node_name,
	    (unsigned)api_nroutes);
	g->limits = api_limits_new(&a->conf);
	g->breakers = api_breakers_new(&g->rule);
	g->slow = api_slowlog_new(a->conf.slow_query_ms * 1000);
	g->audit = api_audit_new((unsigned)a->conf.audit_entries, path);
	if (g->meter == NULL || g->limits == NULL || g->breakers == NULL ||
	    g->slow == NULL || g->audit == NULL) {
		api_guard_free(g);
		return NULL;
	}
	make_metrics(g);
	return g;
}

void
api_guard_free(struct api_guard *g)
{
	if (g == NULL)
		return;
	steme_metrics_unhook(g->api->metrics, before_exposition, g);
	api_meter_free(g->meter);
	api_limits_free(g->limits);
	api_breakers_free(g->breakers);
	api_slowlog_free(g->slow);
	api_audit_free(g->audit);
	pthread_mutex_destroy(&g->mu);
	pthread_mutex_destroy(&g->settings_mu);
	free(g);
}

/* ---- the daemon's breaker ---- */

bool
api_guard_ask(struct api_request *r)
{
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;
	enum api_class class = api_class_of(r->route);
	enum api_verdict v;
	int64_t wait;

	n->asked_us = mono();
	if (!n->running.listed && class != API_CLASS_FREE) {
		n->running.method = r->method;
		n->running.path = r->route->label;
		n->running.start_us = r->start_us;
		n->running.who = n->who[0] == '\0' ? "" : n->who;
		api_slowlog_begin(g->slow, &n->running);
	}
	if (class != API_CLASS_QUERY && class != API_CLASS_WRITE)
		return true;
	pthread_mutex_lock(&g->mu);
	v = api_breaker_ask(&g->storage, &g->rule, n->asked_us, &wait);
	pthread_mutex_unlock(&g->mu);
	n->trial_storage = v == API_TRIAL;
	n->asked = v != API_STOP;
	if (n->asked)
		return true;
	n->retry_s = api_seconds_up(wait);
	steme_add(steme_series(g->limited, "breaker"), 1);
	r->err = STEME_EBUSY;
	snprintf(r->why, sizeof(r->why), "the store failed or was late %u times in a row "
	    "([resilience] failure_threshold), so it is left alone for a while: try "
	    "again in %u s", g->rule.threshold, n->retry_s);
	return false;
}

void
api_guard_store(struct api_guard *g, bool trial, int err, bool late)
{
	enum api_outcome how = API_SUCCESS;
	int64_t wait;

	if (err == STEME_EIO || err == STEME_ECORRUPT || err == STEME_ETIMEOUT || late)
		how = API_FAILURE;
	else if (err == STEME_ECONN || err == STEME_EAGAIN || err == STEME_ECANCELED ||
	    err == STEME_EBUSY)
		how = API_NO_VERDICT;
	pthread_mutex_lock(&g->mu);
	/* what comes when a trial is due (of an upload) is as good as one */
	trial = trial || api_breaker_ask(&g->storage, &g->rule, mono(), &wait) ==
	    API_TRIAL;
	api_breaker_tell(&g->storage, &g->rule, trial, how, mono(), wall());
	pthread_mutex_unlock(&g->mu);
}

void
api_guard_answered(struct api_request *r, int err)
{
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;

	if (!n->asked)
		return;
	n->asked = false;
	api_guard_store(g, n->trial_storage, err,
	    mono() - n->asked_us > g->api->conf.guard_timeout_ms * 1000);
}

void
api_guard_daemon_up(struct api_guard *g)
{
	pthread_mutex_lock(&g->mu);
	g->storage.state = API_BREAKER_CLOSED;
	g->storage.failures = 0;
	pthread_mutex_unlock(&g->mu);
}

/* ---- what requests are about ---- */

void
api_guard_about(struct api_request *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str lens)
{
	if (!r->note.running.listed)
		api_running_about(&r->note.running, concept, predicate, lens);
}

void
api_guard_concept(struct api_request *r, struct steme_str concept)
{
	if (r->route->is_query && concept.p != NULL)
		r->note.shard = api_meter_concept(r->api->guard->meter, concept);
}

/* The error that a kind of problem stands for, where it was not told. */
static int
err_of_kind(const char *kind)
{
	static const struct {
		const char *kind;
		int err;
	} kinds[] = {
		{ "internal", STEME_EIO }, { "timeout", STEME_ETIMEOUT },
		{ "not-authenticated", STEME_EAUTH }, { "bad-signature", STEME_ESIG },
		{ "daemon-unreachable", STEME_ECONN }, { "disk-full", STEME_ENOSPC },
	};

	for (size_t i = 0; i < STEME_NELEM(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].err;
	return STEME_OK;
}

void
api_guard_problem(struct api_request *r, unsigned status, const char *kind,
    const char *detail)
{
	struct api_note *n = &r->note;

	if (n->err == STEME_OK)
		n->err = err_of_kind(kind);
	free(n->why);
	n->why = NULL;
	/* only what will be logged with a reason */
	if (status >= 500 || api_error_type(n->err) != NULL)
		n->why = strdup(detail);
}

static void
measure(struct api_request *r, int64_t us)
{
	enum api_class class = api_class_of(r->route);
	struct api_guard *g = r->api->guard;
	struct api_seen s = {
		.route = r->route == NULL ? (unsigned)api_nroutes :
		    (unsigned)(r->route - api_routes),
		.path = r->route == NULL ? "other" : r->route->label,
		.method = r->method, .status = r->status, .who = r->note.who,
		.us = us, .is_query = r->route != NULL && r->route->is_query,
		.is_write = class == API_CLASS_WRITE, .shard = r->note.shard,
	};

	api_meter_seen(g->meter, &s);
	/* a prober that is told "not ready" has had its answer */
	if (r->status >= 400 && (r->route == NULL || r->route->access != API_HEALTH))
		api_meter_error(g->meter, r->note.err);
}

static void
audit(struct api_request *r, enum api_class class, int64_t us)
{
	const struct api_note *n = &r->note;
	struct api_audit_entry e = {
		.kind = class == API_CLASS_ADMIN ? API_AUDIT_ADMIN :
		    class == API_CLASS_WRITE ? API_AUDIT_WRITE : API_AUDIT_QUERY,
		.at_us = wall(), .took_us = us, .status = r->status,
		.method = r->method, .path = r->route->label,
		.address = r->conn->address,
		.who = n->who,
		.uid = r->caller.kind == API_LOCAL ? (int64_t)r->caller.uid : -1,
		.request = steme_str_from(r->uri),
	};

	if (class == API_CLASS_ADMIN)
		e.body = (struct steme_str){ (const char *)r->body.data, r->body.len };
	else if (n->running.about != NULL && r->method[0] == 'P')
		e.about = steme_str_from(n->running.about);
	api_audit_add(r->api->guard->audit, &e);
}

/* What the status says about the caller, not about us. */
static enum api_outcome
outcome_of(unsigned status)
{
	switch (status) {
	case 400: case 409: case 413: case 415: case 422: case 500: case 504:
		return API_FAILURE;
	case 401: case 403: case 404: case 405: case 429: case 503:
		return API_NO_VERDICT;
	default:
		return API_SUCCESS;
	}
}

static void
tell_breakers(struct api_request *r, enum api_class class)
{
	struct api_breakers *b = r->api->guard->breakers;
	const struct api_note *n = &r->note;
	enum api_outcome how = r->queued && n->refused == 0 ? outcome_of(r->status) :
	    API_NO_VERDICT;

	if (class != API_CLASS_QUERY && class != API_CLASS_WRITE)
		return;
	if (n->who[0] != '\0')
		api_breakers_tell(b, n->who, n->trial_who, how, mono(), wall());
	if (n->also[0] != '\0')
		api_breakers_tell(b, n->also, n->trial_who, how, mono(), wall());
	if (n->claimed[0] != '\0' && n->trial_claimed)
		api_breakers_tell(b, n->claimed, true, API_NO_VERDICT, mono(), wall());
}

void
api_guard_queued(struct api_request *r)
{
	api_slowlog_end(r->api->guard->slow, &r->note.running, r->note.who,
	    r->queued_us);
}

void
api_guard_done(struct api_request *r)
{
	int64_t us = r->queued_us - r->start_us;
	enum api_class class = api_class_of(r->route);

	tell_breakers(r, class);
	if (r->queued) {
		measure(r, us);
		api_reqlog(r, us);
		if (class != API_CLASS_FREE)
			audit(r, class, us);
	}
	/* one that was never answered */
	api_slowlog_end(r->api->guard->slow, &r->note.running, r->note.who, mono());
}
