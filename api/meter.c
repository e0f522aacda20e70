/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c - counting requests with few instructions and few labels. */
#include "config.h"
#include "api/meter.h"
#include "api/hotpaths.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/htab.h"
#include "core/util.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENTS_MAX	1000
#define AGENT_SERIES	6000	/* of agents with their paths and statuses */
#define CONCEPTS	512	/* counted */
#define CONCEPTS_SHOWN	50
#define TOP		5
#define SHARD_TAU_US	60e6

static const unsigned statuses[] = {
	200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 406, 409, 411,
	412, 413, 414, 415, 422, 429, 431, 500, 501, 503, 504, 0 /* others */
};
#define NSTATUS		STEME_NELEM(statuses)

static const char *const methods[] = {
	"GET", "POST", "HEAD", "DELETE", "PUT", "OPTIONS", "other"
};
#define NMETHODS	STEME_NELEM(methods)

static const char *const error_types[] = {
	"StorageError", "TimeoutError", "SerializationError", "NetworkError",
	"AuthenticationError"
};
#define NERRORS		STEME_NELEM(error_types)

/* Series of one route, found without a lock; NULL: not made yet. */
struct route_series {
	struct steme_series *_Atomic count[NMETHODS][NSTATUS];	/* agent="-" */
	struct steme_series *_Atomic duration, *_Atomic latency;
};

/* Fading count of a shard's queries. */
struct fading {
	double n;
	int64_t at_us;
};

struct api_meter {
	struct steme_metrics *m;
	struct steme_family *requests, *duration, *latency, *shard_latency;
	struct steme_family *concept_rate, *errors_family;
	struct steme_series *query_total, *query_latency, *query_duration;
	struct steme_series *query_timeouts, *write_latency;
	struct steme_series *errors[NERRORS];
	_Atomic uint64_t nerrors[NERRORS];
	struct steme_series *_Atomic shard[API_SHARDS];
	unsigned nroutes;
	struct route_series *routes;		/* nroutes + 1 */
	pthread_mutex_t mu;	/* above the registry's; guards all below */
	struct api_hotpaths *hot;
	struct fading rates[API_SHARDS];
	struct steme_htab agent_tab, series_tab;
	unsigned nagents, nseries;
	char (*agents)[200];			/* encoded labels */
	struct agent_series {
		uint32_t key;
		struct steme_series *s;
	} *series;
};

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

/* ---- errors ---- */

static int
error_index(int err)
{
	switch (err) {
	case STEME_EIO:
	case STEME_ENOSPC:
	case STEME_EREADONLY:
	case STEME_EGAP:
		return 0;
	case STEME_ETIMEOUT:
		return 1;
	case STEME_ECORRUPT:
	case STEME_EPROTO:
	case STEME_EVERSION:
		return 2;
	case STEME_ECONN:
		return 3;
	case STEME_ESIG:
	case STEME_EAUTH:
		return 4;
	default:
		return -1;
	}
}

const char *
api_error_type(int err)
{
	int i = error_index(err);

	return i < 0 ? NULL : error_types[i];
}

void
api_meter_error(struct api_meter *t, int err)
{
	int i = error_index(err);

	if (i >= 0)
		atomic_fetch_add(&t->nerrors[i], 1);
}

/* ---- making ---- */

/* Values that are read rather than counted. */
static void
before_exposition(void *arg)
{
	struct api_meter *t = arg;
	struct api_hotpath top[CONCEPTS_SHOWN];
	char name[2100];
	double rest;
	unsigned n;

	for (size_t i = 0; i < NERRORS; i++)
		steme_set(t->errors[i], (double)atomic_load(&t->nerrors[i]));
	steme_family_reset(t->concept_rate);
	pthread_mutex_lock(&t->mu);
	n = api_hotpaths_top(t->hot, mono(), top, CONCEPTS_SHOWN);
	rest = api_hotpaths_total(t->hot, mono());
	for (unsigned i = 0; i < n && top[i].rate >= 0.001; i++) {
		steme_label_encode(name, sizeof(name), top[i].name.p, top[i].name.n);
		steme_set(steme_series(t->concept_rate, name),
		    round(top[i].rate * 1000) / 1000);
		rest -= top[i].rate;
	}
	pthread_mutex_unlock(&t->mu);
	steme_set(steme_series(t->concept_rate, "other"),
	    round(STEME_MAX(rest, 0) * 1000) / 1000);
}

static void
make_query_families(struct api_meter *t, const char *node)
{
	struct steme_metrics *m = t->m;

	t->query_total = steme_series(steme_family(m, STEME_COUNTER,
	    "stemedb_query_total",
	    "Queries answered by this node, whatever their status.", "node"), node);
	t->query_latency = steme_series0(steme_family(m, STEME_SUMMARY,
	    "stemedb_query_latency_seconds",
	    "Time to answer a query; quantiles over five minutes.", NULL));
	t->query_duration = steme_series0(steme_family(m, STEME_HISTOGRAM,
	    "stemedb_query_duration_seconds", "Time to answer a query.", NULL));
	t->query_timeouts = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_query_timeout_total",
	    "Queries that passed request_timeout_seconds.", NULL));
	t->shard_latency = steme_family(m, STEME_SUMMARY,
	    "stemedb_shard_query_latency_seconds",
	    "Time to answer a query about one concept, by the concept's shard.",
	    "shard");
	atomic_store(&t->shard[0], steme_series(t->shard_latency, "0"));
	t->concept_rate = steme_family(m, STEME_GAUGE,
	    "stemedb_concept_path_query_rate",
	    "Queries a second about a concept, over about a minute; the hottest.",
	    "concept_path");
	steme_family_cap(t->concept_rate, CONCEPTS_SHOWN + 1);
	t->write_latency = steme_series0(steme_family(m, STEME_SUMMARY,
	    "stemedb_write_latency_seconds",
	    "Time to answer a write; quantiles over five minutes.", NULL));
}

static void
make_http_families(struct api_meter *t)
{
	struct steme_metrics *m = t->m;

	t->requests = steme_family(m, STEME_COUNTER, "stemedb_http_requests_total",
	    "HTTP requests answered.", "method,path,status,agent");
	/* what is bounded here already is never made `other` there */
	steme_family_cap(t->requests, 100000);
	steme_series(t->requests, "GET", "/v1/query", "200", "-");
	steme_series(t->requests, "GET", "/v1/query", "500", "-");
	t->duration = steme_family(m, STEME_HISTOGRAM,
	    "stemedb_http_request_duration_seconds", "Time to answer a request.",
	    "path");
	steme_series(t->duration, "/v1/query");
	t->latency = steme_family(m, STEME_SUMMARY,
	    "stemedb_http_request_latency_seconds",
	    "Time to answer a request; quantiles over five minutes.", "path");
	steme_series(t->latency, "/v1/query");
	t->errors_family = steme_family(m, STEME_GAUGE, "stemedb_error_count_by_type",
	    "Failures since the start, by type.", "error_type");
	for (size_t i = 0; i < NERRORS; i++)
		t->errors[i] = steme_series(t->errors_family, error_types[i]);
}

struct api_meter *
api_meter_new(struct steme_metrics *m, const char *node, unsigned nroutes)
{
	struct api_meter *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->m = m;
	t->nroutes = nroutes;
	pthread_mutex_init(&t->mu, NULL);
	t->routes = calloc(nroutes + 1, sizeof(*t->routes));
	t->agents = calloc(AGENTS_MAX, sizeof(*t->agents));
	t->series = calloc(AGENT_SERIES, sizeof(*t->series));
	t->hot = api_hotpaths_new(CONCEPTS, mono());
	if (t->routes == NULL || t->agents == NULL || t->series == NULL ||
	    t->hot == NULL) {
		api_meter_free(t);
		return NULL;
	}
	make_query_families(t, node);
	make_http_families(t);
	steme_metrics_hook(m, before_exposition, t);
	return t;
}

void
api_meter_free(struct api_meter *t)
{
	if (t == NULL)
		return;
	steme_metrics_unhook(t->m, before_exposition, t);
	api_hotpaths_free(t->hot);
	steme_htab_fini(&t->agent_tab);
	steme_htab_fini(&t->series_tab);
	pthread_mutex_destroy(&t->mu);
	free(t->routes);
	free(t->agents);
	free(t->series);
	free(t);
}

/* ---- requests ---- */

static unsigned
status_index(unsigned status)
{
	unsigned i = 0;

	while (statuses[i] != status && i < NSTATUS - 1)
		i++;
	return i;
}

static unsigned
method_index(const char *method)
{
	unsigned i = 0;

	while (i < NMETHODS - 1 && strcmp(methods[i], method) != 0)
		i++;
	return i;
}

static struct steme_series *
make_count(struct api_meter *t, unsigned method, const char *path, unsigned status,
    const char *agent)
{
	char text[8];

	snprintf(text, sizeof(text), "%03u", statuses[status] % 1000);
	return steme_series(t->requests, methods[method], path,
	    statuses[status] == 0 ? "other" : text, agent);
}

/* The place of an agent's label, or AGENTS_MAX. */
static unsigned
agent_locked(struct api_meter *t, const char *who)
{
	uint32_t hash, i, at;
	char label[200];

	steme_label_encode(label, sizeof(label), who, strlen(who));
	i = hash = steme_hash_str(steme_str_from(label));
	while ((at = steme_htab_next(&t->agent_tab, hash, &i)) != STEME_HTAB_NONE)
		if (strcmp(t->agents[at], label) == 0)
			return at;
	if (t->nagents == AGENTS_MAX ||
	    steme_htab_add(&t->agent_tab, hash, t->nagents) != STEME_OK)
		return AGENTS_MAX;
	snprintf(t->agents[t->nagents], sizeof(*t->agents), "%s", label);
	return t->nagents++;
}

/* The series of a request by somebody: `other` once there are too many. */
static struct steme_series *
agent_count_locked(struct api_meter *t, const struct api_seen *s, unsigned method,
    unsigned status)
{
	unsigned agent = agent_locked(t, s->who);
	uint32_t key, hash, i, at;

	/* 10 bits of agent, 5 of status, 3 of method, the rest of route */
	key = agent | status << 10 | method << 15 | s->route << 18;
	i = hash = steme_hash_bytes(&key, sizeof(key));
	while ((at = steme_htab_next(&t->series_tab, hash, &i)) != STEME_HTAB_NONE)
		if (t->series[at].key == key)
			return t->series[at].s;
	if (agent == AGENTS_MAX || t->nseries == AGENT_SERIES ||
	    steme_htab_add(&t->series_tab, hash, t->nseries) != STEME_OK)
		return make_count(t, method, s->path, status, "other");
	t->series[t->nseries].key = key;
	t->series[t->nseries].s = make_count(t, method, s->path, status,
	    t->agents[agent]);
	return t->series[t->nseries++].s;
}

static void
count_request(struct api_meter *t, const struct api_seen *s)
{
	unsigned method = method_index(s->method), status = status_index(s->status);
	struct steme_series *_Atomic *at = &t->routes[s->route].count[method][status];
	struct steme_series *c;

	if (s->who[0] != '\0') {
		pthread_mutex_lock(&t->mu);
		c = agent_count_locked(t, s, method, status);
		pthread_mutex_unlock(&t->mu);
	} else if ((c = atomic_load(at)) == NULL) {
		c = make_count(t, method, s->path, status, "-");
		atomic_store(at, c);
	}
	steme_add(c, 1);
}

static struct steme_series *
made(struct steme_series *_Atomic *at, struct steme_family *f, const char *label)
{
	struct steme_series *s = atomic_load(at);

	if (s == NULL) {
		s = steme_series(f, label);
		atomic_store(at, s);
	}
	return s;
}

static void
observe_shard(struct api_meter *t, int shard, double s)
{
	char name[16] = "";

	if (atomic_load(&t->shard[shard]) == NULL)
		snprintf(name, sizeof(name), "%d", shard);
	steme_observe(made(&t->shard[shard], t->shard_latency, name), s);
}

void
api_meter_seen(struct api_meter *t, const struct api_seen *s)
{
	struct route_series *rs = &t->routes[s->route];
	double secs = (double)s->us / 1e6;

	count_request(t, s);
	steme_observe(made(&rs->duration, t->duration, s->path), secs);
	steme_observe(made(&rs->latency, t->latency, s->path), secs);
	if (s->is_write)
		steme_observe(t->write_latency, secs);
	if (!s->is_query)
		return;
	steme_add(t->query_total, 1);
	steme_observe(t->query_latency, secs);
	steme_observe(t->query_duration, secs);
	if (s->status == 504)
		steme_add(t->query_timeouts, 1);
	if (s->shard >= 0)
		observe_shard(t, s->shard, secs);
}

/* ---- concepts and shards ---- */

int
api_shard_of(struct steme_str concept)
{
	struct steme_id h = steme_hash(concept.p, concept.n);

	return h.b[0] % API_SHARDS;
}

static double
faded(const struct fading *f, int64_t now_us)
{
	return f->n * exp(-(double)(now_us - f->at_us) / SHARD_TAU_US);
}

int
api_meter_concept(struct api_meter *t, struct steme_str concept)
{
	int64_t now = mono();
	struct fading *f;
	int shard;

	pthread_mutex_lock(&t->mu);
	shard = api_hotpaths_note(t->hot, concept, now, api_shard_of);
	f = &t->rates[shard];
	f->n = faded(f, now) + 1;
	f->at_us = now;
	pthread_mutex_unlock(&t->mu);
	return shard;
}

void
api_meter_shard_rates(struct api_meter *t, double rates[API_SHARDS])
{
	int64_t now = mono();

	pthread_mutex_lock(&t->mu);
	for (unsigned i = 0; i < API_SHARDS; i++)
		rates[i] = faded(&t->rates[i], now) * 1e6 / SHARD_TAU_US;
	pthread_mutex_unlock(&t->mu);
}

void
api_meter_comments(struct api_meter *t, struct steme_buf *b)
{
	struct api_hotpath top[TOP];
	char name[2100];
	unsigned n;

	pthread_mutex_lock(&t->mu);
	n = api_hotpaths_top(t->hot, mono(), top, TOP);
	for (unsigned i = 0; i < n && top[i].rate >= 0.001; i++) {
		steme_label_encode(name, sizeof(name), top[i].name.p, top[i].name.n);
		steme_buf_printf(b, "# concept_path_query_rate top=%.3f concept_path "
		    "%s\n", top[i].rate, name);
	}
	pthread_mutex_unlock(&t->mu);
}
