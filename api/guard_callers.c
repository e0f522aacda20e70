/* SPDX-License-Identifier: Apache-2.0 */
/* guard_callers.c - limits and breakers of those who call, and of authors. */
#include "config.h"
#include "api/guard.h"
#include "api/settings.h"
#include "core/clock.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdatomic.h>
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

static const void *
address_of(const struct api_request *r, size_t *n)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(r->c,
	    MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (i != NULL && i->client_addr != NULL &&
	    i->client_addr->sa_family == AF_INET) {
		*n = 4;
		return &((const struct sockaddr_in *)i->client_addr)->sin_addr;
	}
	if (i != NULL && i->client_addr != NULL &&
	    i->client_addr->sa_family == AF_INET6) {
		*n = 16;
		return &((const struct sockaddr_in6 *)i->client_addr)->sin6_addr;
	}
	*n = 0;
	return "";
}

unsigned
api_seconds_up(int64_t us)
{
	return us <= 0 ? 1 : (unsigned)STEME_MIN((us + 999999) / 1000000, 86400);
}

static void
refuse(struct api_request *r, unsigned status, const char *kind, const char *scope,
    int64_t wait_us)
{
	struct api_note *n = &r->note;

	n->refused = status;
	n->kind = kind;
	n->retry_s = api_seconds_up(wait_us);
	steme_add(steme_series(r->api->guard->limited, scope), 1);
}

static void
refuse_limit(struct api_request *r, const char *scope, const struct api_room *room)
{
	struct api_note *n = &r->note;

	refuse(r, 429, "rate-limited", scope, room->wait_us);
	n->has_limit = true;
	n->limit = room->limit;
	n->remaining = room->remaining;
	n->reset_s = api_seconds_up(room->reset_us);
}

/* ---- settings ---- */

/* What is being copied out of the settings. */
struct copying {
	struct api_agent_limit *limits;
	struct api_trip *trips;
	size_t n, cap;
	bool failed;			/* no memory */
};

static void
copy_limit(void *arg, const struct api_agent_setting *a)
{
	struct copying *c = arg;
	struct api_agent_limit *more;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 16 : c->cap * 2;
		more = realloc(c->limits, c->cap * sizeof(*more));
		if (more == NULL) {
			c->failed = true;
			return;
		}
		c->limits = more;
	}
	snprintf(c->limits[c->n].agent, sizeof(c->limits[0].agent), "%s", a->agent);
	c->limits[c->n++].per_min = (uint64_t)STEME_MAX(a->per_min, 0);
}

static void
copy_trip(void *arg, const struct api_agent_setting *a)
{
	struct copying *c = arg;
	struct api_trip *more, *t;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 16 : c->cap * 2;
		more = realloc(c->trips, c->cap * sizeof(*more));
		if (more == NULL) {
			c->failed = true;
			return;
		}
		c->trips = more;
	}
	t = &c->trips[c->n++];
	snprintf(t->agent, sizeof(t->agent), "%s", a->agent);
	snprintf(t->reason, sizeof(t->reason), "%s", a->reason);
	if (steme_time_parse(steme_str_from(a->since), &t->since_us) != STEME_OK)
		t->since_us = 0;
}

static void
take_over(struct api_guard *g, uint64_t version)
{
	struct copying limits = { 0 }, trips = { 0 };

	api_settings_each_limit(g->api->settings, copy_limit, &limits);
	api_settings_each_trip(g->api->settings, copy_trip, &trips);
	if (limits.failed || trips.failed) {
		/* those before go on; the next request tries again */
		free(limits.limits);
		free(trips.trips);
		return;
	}
	api_limits_set_agents(g->limits, limits.limits, limits.n);
	api_breakers_set_trips(g->breakers, trips.trips, trips.n);
	atomic_store(&g->settings, version);
}

void
api_guard_settings(struct api_guard *g)
{
	uint64_t now = api_settings_version(g->api->settings);

	if (now == atomic_load(&g->settings))
		return;
	pthread_mutex_lock(&g->settings_mu);
	/* asked before copying: a newer copy in between is taken over next time */
	now = api_settings_version(g->api->settings);
	if (now != atomic_load(&g->settings))
		take_over(g, now);
	pthread_mutex_unlock(&g->settings_mu);
}

/* ---- callers ---- */

/* May this agent, key or user go on?  False: r->note has the refusal. */
static bool
may(struct api_request *r, const char *who, bool *trial)
{
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;
	struct api_room room;
	char reason[256];
	int64_t now = mono(), wait;
	bool trip;
	enum api_verdict v = api_breakers_ask(g->breakers, who, now, &wait, &trip,
	    reason);

	if (v == API_STOP && trip) {
		refuse(r, 403, "agent-blocked", "breaker", wait);
		snprintf(n->detail, sizeof(n->detail), "%.70s was blocked by an "
		    "operator%s%.100s; it stays so until POST "
		    "/v1/admin/circuit-breaker/reset", who,
		    reason[0] != '\0' ? ": " : "", reason);
		return false;
	}
	if (v == API_STOP) {
		refuse(r, 429, "circuit-open", "breaker", wait);
		snprintf(n->detail, sizeof(n->detail), "%u requests of %.70s failed one "
		    "after the other ([resilience] failure_threshold): try again in "
		    "%u s", g->rule.threshold, who, n->retry_s);
		return false;
	}
	*trial |= v == API_TRIAL;
	if (!api_limits_agent_room(g->limits, who, now, &room)) {
		refuse_limit(r, "agent", &room);
		snprintf(n->detail, sizeof(n->detail), "%.70s may make %" PRIu64
		    " requests a minute: try again in %u s", who, room.limit,
		    n->retry_s);
		return false;
	}
	return true;
}

static bool
refuse_today(struct api_request *r, const char *who, const struct api_room *room)
{
	refuse_limit(r, "quota", room);
	snprintf(r->note.detail, sizeof(r->note.detail), "%.70s has stored its %" PRIu64
	    " assertions of today ([rate_limit] quota_assertions_per_day); the next "
	    "day begins in %u s (UTC)", who, room->limit, r->note.retry_s);
	return false;
}

static bool
may_write_today(struct api_request *r, const char *who)
{
	struct api_room room;

	return api_limits_quota_room(r->api->guard->limits, who, wall(), &room) ||
	    refuse_today(r, who, &room);
}

/* The same for one of many under way, which is charged now. */
static bool
reserve_today(struct api_request *r, const char *who)
{
	struct api_room room;

	return api_limits_quota_reserve(r->api->guard->limits, who, 1, wall(), &room) ||
	    refuse_today(r, who, &room);
}

bool
api_guard_caller(struct api_request *r)
{
	const struct api_caller *c = &r->caller;
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;
	enum api_class class = api_class_of(r->route);

	if (n->who[0] != '\0' || c->kind == API_ANON || class == API_CLASS_FREE)
		return n->refused == 0;
	if (c->kind == API_LOCAL)
		snprintf(n->who, sizeof(n->who), "uid-%u", (unsigned)c->uid);
	else
		snprintf(n->who, sizeof(n->who), "%s", c->agent[0] != '\0' ? c->agent :
		    c->key_id);
	if (c->agent[0] != '\0')
		snprintf(n->also, sizeof(n->also), "%s", c->key_id);
	/* whoever is blocked and may administer can undo it */
	if (class == API_CLASS_ADMIN)
		return true;
	if (!may(r, n->who, &n->trial_who) ||
	    (n->also[0] != '\0' && !may(r, n->also, &n->trial_who)) ||
	    (class == API_CLASS_WRITE && !may_write_today(r, n->who)))
		return false;
	api_limits_agent_take(g->limits, n->who, mono());
	if (n->also[0] != '\0')
		api_limits_agent_take(g->limits, n->also, mono());
	return true;
}

void
api_guard_admit(struct api_request *r)
{
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;
	enum api_class class = api_class_of(r->route);
	const char *scope = "";
	struct api_room room;
	const void *address;
	size_t len;

	n->admitted = true;
	if (class == API_CLASS_FREE)
		return;
	address = address_of(r, &len);
	if (r->denied == STEME_EAUTH)
		api_limits_punish(g->limits, address, len, mono());
	if (!api_limits_request(g->limits, class, address, len, mono(), &room, &scope)) {
		refuse_limit(r, scope, &room);
		snprintf(n->detail, sizeof(n->detail), "more than %" PRIu64 " requests a "
		    "second%s%s ([rate_limit]): try again in %u s", room.limit,
		    strcmp(scope, "address") == 0 ? " from one " : " of the class ",
		    scope, n->retry_s);
	} else if (r->denied == STEME_OK) {
		api_guard_settings(g);
		api_guard_caller(r);
	}
}

void
api_guard_refuse(struct api_request *r)
{
	r->note.err = r->note.refused == 403 ? STEME_EPERM : STEME_ELIMIT;
	api_problem(r, r->note.refused, r->note.kind, "%s", r->note.detail);
}

void
api_guard_headers(const struct api_request *r, struct MHD_Response *resp,
    unsigned status)
{
	const struct api_note *n = &r->note;
	char text[32];

	if (status == 503 || status == 429 || n->retry_s > 0) {
		snprintf(text, sizeof(text), "%u", n->retry_s > 0 ? n->retry_s : 1);
		MHD_add_response_header(resp, "Retry-After", text);
	}
	if (!n->has_limit || status != 429)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, n->limit);
	MHD_add_response_header(resp, "RateLimit-Limit", text);
	snprintf(text, sizeof(text), "%" PRIu64, n->remaining);
	MHD_add_response_header(resp, "RateLimit-Remaining", text);
	snprintf(text, sizeof(text), "%u", n->reset_s);
	MHD_add_response_header(resp, "RateLimit-Reset", text);
}

/* ---- authors of signed objects ---- */

bool
api_guard_author(struct api_request *r, const struct steme_id *agent)
{
	struct api_note *n = &r->note;

	steme_id_hex(n->claimed, agent);
	return may(r, n->claimed, &n->trial_claimed) && may_write_today(r, n->claimed);
}

void
api_guard_verified(struct api_request *r, bool created)
{
	struct api_guard *g = r->api->guard;
	struct api_note *n = &r->note;
	bool same = strcmp(n->who, n->claimed) == 0;

	if (n->claimed[0] == '\0') {
		if (created && n->who[0] != '\0')
			api_limits_quota_take(g->limits, n->who, 1, wall());
		return;
	}
	if (!same)
		api_limits_agent_take(g->limits, n->claimed, mono());
	memcpy(n->charged, n->claimed, sizeof(n->charged));
	if (created)
		api_limits_quota_take(g->limits, n->claimed, 1, wall());
	if (n->who[0] == '\0') {
		memcpy(n->who, n->claimed, sizeof(n->claimed));
		n->trial_who = n->trial_claimed;
		n->claimed[0] = '\0';
	}
}

void
api_guard_forged(struct api_request *r)
{
	size_t n;
	const void *address = address_of(r, &n);

	api_limits_punish(r->api->guard->limits, address, n, mono());
}

bool
api_guard_counts_lines(const struct api_request *r)
{
	const struct api_guard *g = r->api->guard;

	return api_limits_active(g->limits) || api_breakers_active(g->breakers);
}

int
api_guard_line(struct api_request *r, const struct steme_id *agent,
    struct steme_why *why)
{
	struct api_note *n = &r->note;
	char hex[STEME_ID_HEX + 1];
	bool trial = false, ok = true;
	unsigned status;

	if (agent == NULL) {
		ok = reserve_today(r, n->who);
	} else {
		steme_id_hex(hex, agent);
		/* one run of lines by an agent is one request of theirs */
		if (strcmp(hex, n->claimed) != 0)
			ok = may(r, hex, &trial);
		if (ok)
			memcpy(n->claimed, hex, sizeof(hex));
		ok = ok && reserve_today(r, hex);
	}
	/* the refusal is the line's, not the request's */
	status = n->refused;
	n->refused = 0;
	n->has_limit = false;
	n->retry_s = 0;
	if (ok)
		return STEME_OK;
	return steme_fail(why, status == 403 ? STEME_EPERM : STEME_ELIMIT, "%s",
	    n->detail);
}

void
api_guard_line_stored(struct api_request *r, const struct steme_id *agent, bool created)
{
	struct api_guard *g = r->api->guard;
	char hex[STEME_ID_HEX + 1] = "";

	if (agent != NULL) {
		steme_id_hex(hex, agent);
		if (strcmp(hex, r->note.charged) != 0) {
			memcpy(r->note.charged, hex, sizeof(hex));
			api_limits_agent_take(g->limits, hex, mono());
			api_breakers_tell(g->breakers, hex, true, API_SUCCESS, mono(),
			    wall());
		}
	}
	if (!created)
		api_guard_line_unspent(r, agent);
}

void
api_guard_line_unspent(struct api_request *r, const struct steme_id *agent)
{
	char hex[STEME_ID_HEX + 1];

	if (agent != NULL)
		steme_id_hex(hex, agent);
	api_limits_quota_give(r->api->guard->limits, agent != NULL ? hex : r->note.who,
	    1, wall());
}

bool
api_guard_has_quota(const struct api_request *r)
{
	return api_limits_has_quota(r->api->guard->limits);
}

bool
api_guard_members(struct api_request *r, const struct steme_id *agent, uint64_t n)
{
	struct api_room room;
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, agent);
	if (api_limits_quota_reserve(r->api->guard->limits, hex, n, wall(), &room))
		return true;
	refuse_limit(r, "quota", &room);
	r->note.retry_s = api_seconds_up(room.reset_us);
	snprintf(r->note.detail, sizeof(r->note.detail), "%.70s may store %" PRIu64
	    " more assertions today ([rate_limit] quota_assertions_per_day), and "
	    "these are %" PRIu64 " members: send fewer of them", hex, room.remaining,
	    n);
	return false;
}

void
api_guard_members_unspent(struct api_guard *g, const struct steme_id *agent, uint64_t n)
{
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, agent);
	api_limits_quota_give(g->limits, hex, n, wall());
}

void
api_guard_line_failed(struct api_request *r, int err, const char *why)
{
	api_meter_error(r->api->guard->meter, err);
	api_reqlog_error(err, why);
	if (err == STEME_ESIG)
		api_guard_forged(r);
}

