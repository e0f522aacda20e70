/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c - joins metrics, log, limits, breakers and trails to requests. */
#include "config.h"
#include "api/guard.h"

#include <stdlib.h>
#include <string.h>

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

struct api_guard *
api_guard_new(struct api *a)
{
	struct api_guard *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->meter = api_meter_new(a->metrics, a->conf.node_name,
	    (unsigned)api_nroutes);
	if (g->meter == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

void
api_guard_free(struct api_guard *g)
{
	if (g == NULL)
		return;
	api_meter_free(g->meter);
	free(g);
}

void
api_guard_concept(struct api_request *r, struct steme_str concept)
{
	if (r->route->is_query && concept.p != NULL)
		r->note.shard = api_meter_concept(r->api->guard->meter, concept);
}

void
api_guard_line_failed(struct api_request *r, int err, const char *why)
{
	api_meter_error(r->api->guard->meter, err);
	api_reqlog_error(err, why);
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

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
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

void
api_guard_done(struct api_request *r)
{
	int64_t us = r->queued_us - r->start_us;

	if (!r->queued)
		return;
	measure(r, us);
	api_reqlog(r, us);
}
