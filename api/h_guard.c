/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_guard.c - /v1/admin/rate-limit, /v1/admin/circuit-breaker..., /v1/admin/slow-queries,
 * /v1/audit.
 *
 * What is set here is a setting of the store (settings.h): it survives restarts, and other
 * programs see it.  A request may change several, one after the other.
 */
#include "config.h"
#include "api/browse.h"
#include "api/guard.h"
#include "api/settings.h"
#include "core/clock.h"
#include "core/jsonin.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMITS		"_steme/limits"
#define AGENT_LIMITS	"_steme/limits/agents/"
#define TRIPS		"_steme/breakers/"
#define PER_MIN		"max_requests_per_min"
#define RATE_MAX	1000000000
#define REASON_MAX	200

/* Settings to be changed, one after the other. */
struct change {
	char concept[sizeof(AGENT_LIMITS) + STEME_SEGMENT_MAX];
	const char *predicate;
	char *value;			/* JSON scalar; "" clears; malloc()ed */
};
struct plan {
	struct change *v;
	size_t n, cap, at;
	void (*done)(struct api_request *r);
	char agent[STEME_NAME_MAX + 1];
	bool tripped;
};

static void
plan_free(void *state)
{
	struct plan *p = state;

	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].value);
	free(p->v);
	free(p);
}

static struct plan *
plan_new(struct api_request *r, void (*done)(struct api_request *r))
{
	struct plan *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return NULL;
	}
	p->done = done;
	r->state = p;
	r->free_state = plan_free;
	return p;
}

/* agent: NULL, or the name that ends the concept. */
static int
plan_add(struct plan *p, const char *concept, const char *agent, const char *predicate,
    const char *value, struct steme_why *why)
{
	char segment[STEME_SEGMENT_MAX + 1] = "";
	struct change *more;

	if (agent != NULL && steme_segment_encode(segment,
	    steme_str_from(agent)) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "agent_id: 1 to %d bytes are "
		    "needed", STEME_NAME_MAX);
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 4 : p->cap * 2;
		if ((more = realloc(p->v, p->cap * sizeof(*more))) == NULL)
			return steme_fail(why, STEME_ENOMEM, "out of memory");
		p->v = more;
	}
	if ((p->v[p->n].value = strdup(value)) == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	snprintf(p->v[p->n].concept, sizeof(p->v[0].concept), "%s%s", concept, segment);
	p->v[p->n++].predicate = predicate;
	return STEME_OK;
}

static void
plan_go_on(struct api_request *r)
{
	struct plan *p = r->state;
	const struct change *c;

	/* to clear what is not set is done already */
	if (r->err == STEME_ENOTFOUND && p->at > 0 && p->v[p->at - 1].value[0] == '\0')
		r->err = STEME_OK;
	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
	} else if (p->at == p->n) {
		api_guard_settings(r->api->guard);
		p->done(r);
	} else {
		c = &p->v[p->at++];
		api_set(r, steme_str_from(c->concept), steme_str_from(c->predicate),
		    steme_str_from(c->value), plan_go_on);
	}
}

static void
plan_start(struct api_request *r, int err, const struct steme_why *why)
{
	if (err != STEME_OK) {
		api_problem_err(r, err, why->text);
		return;
	}
	r->err = STEME_OK;
	plan_go_on(r);
}

/* The body's object, whatever its Content-Type. */
static int
body_object(struct api_request *r, struct steme_json *j, struct steme_why *why)
{
	int err;

	memset(j, 0, sizeof(*j));
	if (r->body.len == 0)
		return steme_fail(why, STEME_EINVAL, "the body is empty: a JSON object "
		    "is needed");
	err = steme_json_parse(j, (const char *)r->body.data, r->body.len, 3, why);
	if (err == STEME_OK && !json_object_is_type(j->root, json_type_object))
		err = steme_fail(why, STEME_EINVAL, "the body must be a JSON object");
	return err;
}

static int
take_agent(char agent[STEME_NAME_MAX + 1], struct json_object *v, struct steme_why *why)
{
	size_t n = json_object_is_type(v, json_type_string) ?
	    (size_t)json_object_get_string_len(v) : 0;

	if (n < 1 || n > STEME_NAME_MAX || strlen(json_object_get_string(v)) != n)
		return steme_fail(why, STEME_EINVAL, "agent_id must be a string of 1 to "
		    "%d bytes", STEME_NAME_MAX);
	memcpy(agent, json_object_get_string(v), n + 1);
	return STEME_OK;
}

/* ---- rate limits ---- */

static void
add_limit(void *arg, const struct api_agent_setting *a)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "agent_id", json_object_new_string(a->agent));
	json_object_object_add(o, PER_MIN, json_object_new_int64(a->per_min));
	json_object_array_add(arg, o);
}

static void
reply_object(struct api_request *r, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE);

	api_reply(r, 200, API_JSON, text, strlen(text));
	json_object_put(o);
}

/* The daemon tells its caps; the agents' limits are in the settings. */
static void
reply_limits(struct api_request *r)
{
	static const char *const caps[] = {
		"max_assertions_per_sec", "max_writes_per_sec"
	};
	struct json_object *status, *writes = NULL, *v, *o, *agents;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	steme_buf_putc(&r->answer, '\0');
	status = json_tokener_parse((const char *)r->answer.data);
	json_object_object_get_ex(status, "writes", &writes);
	o = json_object_new_object();
	for (size_t i = 0; i < STEME_NELEM(caps); i++) {
		v = NULL;
		json_object_object_get_ex(writes, caps[i], &v);
		json_object_object_add(o, caps[i], json_object_get(v));
	}
	agents = json_object_new_array();
	api_settings_each_limit(r->api->settings, add_limit, agents);
	json_object_object_add(o, "agents", agents);
	json_object_put(status);
	reply_object(r, o);
}

static void
ask_limits(struct api_request *r)
{
	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_ask(r, STEME_MSG_STATUS, NULL, 0, reply_limits);
}

void
api_rate_limit_get(struct api_request *r)
{
	api_settings_sync(r, ask_limits);
}

/* A whole number from low on as JSON text, or "" for null. */
static int
take_rate(char out[24], const char *key, struct json_object *v, int64_t low,
    struct steme_why *why)
{
	out[0] = '\0';
	if (v == NULL)
		return STEME_OK;
	if (!json_object_is_type(v, json_type_int) ||
	    json_object_get_int64(v) < low || json_object_get_int64(v) > RATE_MAX)
		return steme_fail(why, STEME_EINVAL, "%s must be a whole number from "
		    "%" PRId64 " to %d, or null to clear it", key, low, RATE_MAX);
	snprintf(out, 24, "%" PRId64, json_object_get_int64(v));
	return STEME_OK;
}

/* Only the fields that are there change anything. */
static int
plan_limits(struct plan *p, struct json_object *o, struct steme_why *why)
{
	bool has_rate = false, has_agent = false;
	char value[24], rate[24] = "";
	int err = STEME_OK;

	json_object_object_foreach(o, key, v) {
		if (strcmp(key, "agent_id") == 0) {
			has_agent = true;
			err = take_agent(p->agent, v, why);
		} else if (strcmp(key, PER_MIN) == 0) {
			has_rate = true;
			err = take_rate(rate, key, v, 0, why);
		} else if (strcmp(key, "max_assertions_per_sec") == 0 ||
		    strcmp(key, "max_writes_per_sec") == 0) {
			err = take_rate(value, key, v, 1, why);
			if (err == STEME_OK)
				err = plan_add(p, LIMITS, NULL, key[4] == 'a' ?
				    "max_assertions_per_sec" : "max_writes_per_sec",
				    value, why);
		} else {
			err = steme_fail(why, STEME_EINVAL, "unknown member '%.64s': "
			    "there are max_assertions_per_sec, max_writes_per_sec, "
			    "agent_id with " PER_MIN, key);
		}
		if (err != STEME_OK)
			return err;
	}
	if (has_agent != has_rate)
		return steme_fail(why, STEME_EINVAL, "agent_id and " PER_MIN " go "
		    "together: %s is missing", has_agent ? PER_MIN : "agent_id");
	if (has_agent)
		return plan_add(p, AGENT_LIMITS, p->agent, PER_MIN, rate, why);
	return p->n > 0 ? STEME_OK : steme_fail(why, STEME_EINVAL, "nothing to set: "
	    "give max_assertions_per_sec, max_writes_per_sec, or agent_id with "
	    PER_MIN);
}

void
api_rate_limit_post(struct api_request *r)
{
	struct plan *p = plan_new(r, ask_limits);
	struct steme_why why = { "" };
	struct steme_json j;
	int err;

	if (p == NULL)
		return;
	if ((err = body_object(r, &j, &why)) == STEME_OK)
		err = plan_limits(p, j.root, &why);
	steme_json_fini(&j);
	plan_start(r, err, &why);
}

struct clearing {
	struct plan *p;
	int err;
	struct steme_why why;
};

static void
clear_limit(void *arg, const struct api_agent_setting *a)
{
	struct clearing *c = arg;

	if (c->err == STEME_OK)
		c->err = plan_add(c->p, AGENT_LIMITS, a->agent, PER_MIN, "", &c->why);
}

static void
clear_all(struct api_request *r)
{
	struct clearing c = { .p = r->state };

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	c.err = plan_add(c.p, LIMITS, NULL, "max_assertions_per_sec", "", &c.why);
	if (c.err == STEME_OK)
		c.err = plan_add(c.p, LIMITS, NULL, "max_writes_per_sec", "", &c.why);
	api_settings_each_limit(r->api->settings, clear_limit, &c);
	plan_start(r, c.err, &c.why);
}

void
api_rate_limit_delete(struct api_request *r)
{
	if (plan_new(r, ask_limits) != NULL)
		api_settings_sync(r, clear_all);
}

/* ---- circuit breakers ---- */

struct listing {
	struct json_object *list;
	bool all;			/* also closed ones */
};

static void
add_breaker(void *arg, const struct api_breaker_info *i)
{
	struct listing *l = arg;
	struct json_object *o;
	char since[STEME_TIME_LEN + 1];

	if (!l->all && i->state == API_BREAKER_CLOSED)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "agent_id", json_object_new_string(i->agent));
	json_object_object_add(o, "state",
	    json_object_new_string(api_breaker_name(i->state)));
	steme_time_format(since, i->since_us);
	json_object_object_add(o, "since", i->since_us == 0 ? NULL :
	    json_object_new_string(since));
	json_object_object_add(o, "reason", i->state == API_BREAKER_CLOSED ? NULL :
	    json_object_new_string(i->reason));
	json_object_object_add(o, "manual", json_object_new_boolean(i->by_hand));
	json_object_object_add(o, "failures", json_object_new_int64(i->failures));
	json_object_array_add(l->list, o);
}

/* These do not ask the daemon: they must answer while it fails. */
void
api_tripped_get(struct api_request *r)
{
	struct listing l = { json_object_new_array(), false };
	struct json_object *o = json_object_new_object();

	api_guard_settings(r->api->guard);
	api_breakers_each(r->api->guard->breakers, add_breaker, &l);
	json_object_object_add(o, "tripped", l.list);
	reply_object(r, o);
}

void
api_breakers_get(struct api_request *r)
{
	struct api_guard *g = r->api->guard;
	struct listing l = { json_object_new_array(), true };
	struct json_object *o = json_object_new_object(), *s = json_object_new_object();
	struct api_breaker b;

	api_guard_settings(g);
	api_breakers_each(g->breakers, add_breaker, &l);
	json_object_object_add(o, "breakers", l.list);
	pthread_mutex_lock(&g->mu);
	b = g->storage;
	pthread_mutex_unlock(&g->mu);
	json_object_object_add(s, "state",
	    json_object_new_string(api_breaker_name(b.state)));
	json_object_object_add(s, "failures", json_object_new_int64(b.failures));
	json_object_object_add(s, "trips", json_object_new_int64((int64_t)b.trips));
	json_object_object_add(o, "storage", s);
	reply_object(r, o);
}

static void
reply_breaker(struct api_request *r)
{
	const struct plan *p = r->state;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "agent_id", json_object_new_string(p->agent));
	json_object_object_add(o, "state", json_object_new_string(
	    api_breaker_name(p->tripped ? API_BREAKER_OPEN : API_BREAKER_CLOSED)));
	reply_object(r, o);
}

static int
take_reason(char reason[REASON_MAX + 1], struct json_object *v, struct steme_why *why)
{
	const char *s = json_object_get_string(v);
	size_t n = json_object_is_type(v, json_type_string) ?
	    (size_t)json_object_get_string_len(v) : SIZE_MAX;

	if (n > REASON_MAX || strlen(s) != n)
		return steme_fail(why, STEME_EINVAL, "reason must be a string of at most "
		    "%d bytes, without NUL", REASON_MAX);
	memcpy(reason, s, n + 1);
	return STEME_OK;
}

static int
take_breaker(struct api_request *r, struct plan *p, char reason[REASON_MAX + 1],
    struct steme_why *why)
{
	struct steme_json j;
	int err = body_object(r, &j, why);

	if (err == STEME_OK) {
		json_object_object_foreach(j.root, key, v) {
			if (strcmp(key, "agent_id") == 0)
				err = take_agent(p->agent, v, why);
			else if (strcmp(key, "reason") != 0 || !p->tripped)
				err = steme_fail(why, STEME_EINVAL, "unknown member "
				    "'%.64s': agent_id%s", key, p->tripped ?
				    " and reason are taken" : " is taken");
			else
				err = take_reason(reason, v, why);
			if (err != STEME_OK)
				break;
		}
	}
	if (err == STEME_OK && p->agent[0] == '\0')
		err = steme_fail(why, STEME_EINVAL, "agent_id is needed: a string of 1 "
		    "to %d bytes", STEME_NAME_MAX);
	steme_json_fini(&j);
	return err;
}

static void
set_breaker(struct api_request *r, bool tripped)
{
	struct plan *p = plan_new(r, reply_breaker);
	char reason[REASON_MAX + 1] = "tripped by hand";
	struct steme_why why = { "" };
	struct json_object *v;
	int err;

	if (p == NULL)
		return;
	p->tripped = tripped;
	if ((err = take_breaker(r, p, reason, &why)) == STEME_OK) {
		v = json_object_new_string(reason);
		err = plan_add(p, TRIPS, p->agent, "tripped", tripped ?
		    json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN) : "",
		    &why);
		json_object_put(v);
	}
	if (err == STEME_OK && !tripped)
		api_breakers_reset(r->api->guard->breakers, p->agent);
	plan_start(r, err, &why);
}

void
api_trip_post(struct api_request *r)
{
	set_breaker(r, true);
}

void
api_reset_post(struct api_request *r)
{
	set_breaker(r, false);
}

/* ---- slow requests, the audit trail ---- */

void
api_slow_queries_get(struct api_request *r)
{
	struct steme_buf b = { 0 };

	api_slowlog_write(r->api->guard->slow, steme_mono_us(&steme_clock_system),
	    steme_wall_us(&steme_clock_system), &b);
	api_reply_buf(r, 200, API_JSON, &b);
	steme_buf_fini(&b);
}

/* NULL: not given. */
static int
filter_text(const struct api_arg *a, const char **out, struct steme_why *why)
{
	*out = a->value.p;
	if (a->value.p != NULL && strlen(a->value.p) != a->value.n)
		return steme_fail(why, STEME_EINVAL, "parameter %s holds NUL", a->name);
	return STEME_OK;
}

static int
take_filter(struct api_audit_filter *f, struct api_request *r, struct steme_why *why)
{
	enum { LIMIT, CURSOR, AGENT, PATH, KIND, N };
	struct api_arg a[N] = { [LIMIT] = { .name = "limit" },
	    [CURSOR] = { .name = "cursor" }, [AGENT] = { .name = "agent_id" },
	    [PATH] = { .name = "path" }, [KIND] = { .name = "kind" } };
	enum api_audit_kind k;
	const char *kind;
	int err = api_args(r, a, N, why);

	if (err == STEME_OK)
		err = api_arg_limit(&a[LIMIT], &f->limit, why);
	if (err == STEME_OK)
		err = api_arg_u64(&a[CURSOR], &f->before, why);
	if (err == STEME_OK)
		err = filter_text(&a[AGENT], &f->who, why);
	if (err == STEME_OK)
		err = filter_text(&a[PATH], &f->path, why);
	if (err == STEME_OK)
		err = filter_text(&a[KIND], &kind, why);
	if (err != STEME_OK || kind == NULL)
		return err;
	if (!api_audit_kind_parse(&k, kind))
		return steme_fail(why, STEME_EINVAL, "parameter kind: must be query, "
		    "write or admin");
	f->kind = (int)k;
	return STEME_OK;
}

void
api_audit_get(struct api_request *r)
{
	struct api_audit_filter f = { .kind = -1 };
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	int err;

	if ((err = take_filter(&f, r, &why)) != STEME_OK) {
		api_problem_err(r, err, why.text);
		return;
	}
	api_audit_write(r->api->guard->audit, &f, &b);
	api_reply_buf(r, 200, API_JSON, &b);
	steme_buf_fini(&b);
}
