/* SPDX-License-Identifier: Apache-2.0 */
/* route.c - the table of routes.  Every route is served on every listener. */
#include "config.h"
#include "api/api.h"
#include "api/admin.h"
#include "api/browse.h"
#include "api/files.h"
#include "api/guard.h"
#include "core/util.h"

#include <stdio.h>
#include <string.h>

const struct api_route api_routes[] = {
	{ "GET", "/v1/query", API_OPEN, api_query, NULL, "/v1/query", true },
	{ "POST", "/v1/query", API_OPEN, api_query, NULL, "/v1/query", true },
	{ "GET", "/v1/history", API_OPEN, api_history, NULL, "/v1/history", false },
	{ "GET", "/v1/objects/*", API_OPEN, api_object, NULL, "/v1/objects",
	    false },
	{ "POST", "/v1/assert", API_WRITE, api_assert, NULL, "/v1/assert", false },
	{ "POST", "/v1/assertions", API_WRITE, api_bulk, api_bulk_upload,
	    "/v1/assertions", false },
	{ "GET", "/v1/skeptic", API_OPEN, api_skeptic, NULL, "/v1/skeptic",
	    true },
	{ "GET", "/v1/layered", API_OPEN, api_layered, NULL, "/v1/layered",
	    true },
	{ "GET", "/v1/constraints", API_OPEN, api_constraints, NULL, "/v1/constraints",
	    true },
	{ "GET", "/v1/diff", API_OPEN, api_diff, NULL, "/v1/diff",
	    true },
	{ "GET", "/v1/proof/*", API_OPEN, api_origin, NULL, "/v1/proof",
	    false },
	{ "GET", "/v1/concepts", API_OPEN, api_concepts, NULL, "/v1/concepts",
	    false },
	{ "GET", "/v1/agents", API_OPEN, api_agents, NULL, "/v1/agents",
	    false },
	{ "GET", "/v1/sources", API_OPEN, api_sources, NULL, "/v1/sources",
	    false },
	{ "GET", "/v1/sources/impact", API_OPEN, api_impact, NULL, "/v1/sources/impact",
	    false },
	{ "GET", "/v1/feed", API_OPEN, api_feed, NULL, "/v1/feed",
	    false },
	{ "POST", "/v1/vote", API_WRITE, api_kind, NULL, "/v1/vote", false },
	{ "POST", "/v1/retract", API_WRITE, api_kind, NULL, "/v1/retract", false },
	{ "POST", "/v1/epoch", API_WRITE, api_kind, NULL, "/v1/epoch", false },
	{ "POST", "/v1/alias", API_WRITE, api_kind, NULL, "/v1/alias", false },
	{ "POST", "/v1/trust", API_WRITE, api_kind, NULL, "/v1/trust", false },
	{ "POST", "/v1/revoke", API_WRITE, api_kind, NULL, "/v1/revoke", false },
	{ "POST", "/v1/batch", API_WRITE, api_batch, NULL, "/v1/batch", false },
	{ "GET", "/v1/health", API_HEALTH, api_health, NULL, "/v1/health",
	    false },
	{ "GET", "/healthz", API_HEALTH, api_healthz, NULL, "/healthz", false },
	{ "GET", "/readyz", API_HEALTH, api_readyz, NULL, "/readyz", false },
	{ "GET", "/metrics", API_HEALTH, api_metrics, NULL, "/metrics", false },
	{ "GET", "/v1/admin/api-keys", API_ADMIN, api_keys_list, NULL,
	    "/v1/admin/api-keys", false },
	{ "POST", "/v1/admin/api-keys", API_ADMIN, api_keys_add, NULL,
	    "/v1/admin/api-keys", false },
	{ "POST", "/v1/admin/api-keys/*", API_ADMIN, api_keys_change, NULL,
	    "/v1/admin/api-keys/ID", false },
	{ "DELETE", "/v1/admin/api-keys/*", API_ADMIN, api_keys_remove, NULL,
	    "/v1/admin/api-keys/ID", false },
	{ "GET", "/v1/admin/rate-limit", API_ADMIN, api_rate_limit_get, NULL,
	    "/v1/admin/rate-limit", false },
	{ "POST", "/v1/admin/rate-limit", API_ADMIN, api_rate_limit_post, NULL,
	    "/v1/admin/rate-limit", false },
	{ "DELETE", "/v1/admin/rate-limit", API_ADMIN, api_rate_limit_delete, NULL,
	    "/v1/admin/rate-limit", false },
	{ "GET", "/v1/admin/circuit-breakers", API_ADMIN, api_breakers_get, NULL,
	    "/v1/admin/circuit-breakers", false },
	{ "GET", "/v1/admin/circuit-breakers/tripped", API_ADMIN, api_tripped_get, NULL,
	    "/v1/admin/circuit-breakers/tripped", false },
	{ "POST", "/v1/admin/circuit-breakers/trip", API_ADMIN, api_trip_post, NULL,
	    "/v1/admin/circuit-breakers/trip", false },
	{ "POST", "/v1/admin/circuit-breakers/reset", API_ADMIN, api_reset_post, NULL,
	    "/v1/admin/circuit-breakers/reset", false },
	{ "GET", "/v1/admin/circuit-breaker", API_ADMIN, api_breakers_get, NULL,
	    "/v1/admin/circuit-breakers", false },
	{ "GET", "/v1/admin/circuit-breaker/tripped", API_ADMIN, api_tripped_get, NULL,
	    "/v1/admin/circuit-breakers/tripped", false },
	{ "POST", "/v1/admin/circuit-breaker/trip", API_ADMIN, api_trip_post, NULL,
	    "/v1/admin/circuit-breakers/trip", false },
	{ "POST", "/v1/admin/circuit-breaker/reset", API_ADMIN, api_reset_post, NULL,
	    "/v1/admin/circuit-breakers/reset", false },
	{ "GET", "/v1/admin/slow-queries", API_ADMIN, api_slow_queries_get, NULL,
	    "/v1/admin/slow-queries", false },
	{ "GET", "/v1/audit", API_ADMIN, api_audit_get, NULL,
	    "/v1/audit", false },
	/* a node by itself, and what operators do to it */
	{ "POST", "/v1/admin/node/drain", API_ADMIN, api_drain, NULL,
	    "/v1/admin/node/drain", false },
	{ "POST", "/v1/admin/node/undrain", API_ADMIN, api_undrain, NULL,
	    "/v1/admin/node/undrain", false },
	{ "POST", "/v1/admin/indexes/rebuild", API_ADMIN, api_index_rebuild, NULL,
	    "/v1/admin/indexes/rebuild", false },
	{ "GET", "/v1/admin/indexes/status", API_ADMIN, api_index_status, NULL,
	    "/v1/admin/indexes/status", false },
	{ "POST", "/v1/admin/storage/compact", API_ADMIN, api_storage_compact, NULL,
	    "/v1/admin/storage/compact", false },
	{ "GET", "/v1/admin/storage/stats", API_ADMIN, api_storage_stats, NULL,
	    "/v1/admin/storage/stats", false },
	{ "GET", "/cluster/members", API_OPEN, api_cluster_members, NULL,
	    "/cluster/members", false },
	{ "GET", "/cluster/health", API_OPEN, api_cluster_health, NULL,
	    "/cluster/health", false },
	{ "GET", "/cluster/sync_status", API_OPEN, api_cluster_sync_status, NULL,
	    "/cluster/sync_status", false },
	{ "POST", "/cluster/sync", API_ADMIN, api_cluster_sync, NULL,
	    "/cluster/sync", false },
	{ "GET", "/cluster/shards", API_OPEN, api_cluster_shards, NULL,
	    "/cluster/shards", false },
	{ "GET", "/cluster/shards/", API_OPEN, api_cluster_shards, NULL,
	    "/cluster/shards", false },
	{ "GET", "/cluster/shards/*", API_OPEN, api_cluster_shard, NULL,
	    "/cluster/shards/ID", false },
	{ "GET", "/v1/admin/cluster/status", API_ADMIN, api_cluster_status, NULL,
	    "/v1/admin/cluster/status", false },
	{ "GET", "/v1/admin/cluster/members", API_ADMIN, api_cluster_members, NULL,
	    "/v1/admin/cluster/members", false },
	{ "GET", "/v1/admin/cluster/sync_status", API_ADMIN, api_cluster_sync_status, NULL,
	    "/v1/admin/cluster/sync_status", false },
	{ "POST", "/v1/admin/cluster/sync", API_ADMIN, api_cluster_sync, NULL,
	    "/v1/admin/cluster/sync", false },
	{ "GET", "/v1/admin/cluster/shards", API_ADMIN, api_cluster_shards, NULL,
	    "/v1/admin/cluster/shards", false },
	{ "GET", "/v1/admin/cluster/shards/", API_ADMIN, api_cluster_shards, NULL,
	    "/v1/admin/cluster/shards", false },
	{ "GET", "/v1/admin/cluster/shards/*", API_ADMIN, api_cluster_shard, NULL,
	    "/v1/admin/cluster/shards/ID", false },
	{ "POST", "/admin/shards/rebalance", API_ADMIN, api_shards_rebalance, NULL,
	    "/admin/shards/rebalance", false },
	{ "POST", "/v1/admin/shards/rebalance", API_ADMIN, api_shards_rebalance, NULL,
	    "/v1/admin/shards/rebalance", false },
	{ "GET", "/openapi.json", API_OPEN, api_send_file, NULL, "/openapi.json",
	    false },
	{ "GET", "/", API_OPEN, api_send_file, NULL, "/", false },
	{ "GET", "/ui/*", API_OPEN, api_send_file, NULL, "/ui", false },
};
const size_t api_nroutes = STEME_NELEM(api_routes);

static bool
matches(const char *pattern, struct steme_str path, struct steme_str *arg)
{
	size_t n = strlen(pattern);

	*arg = (struct steme_str){ 0 };
	if (n > 0 && pattern[n - 1] == '*') {
		if (path.n <= n - 1 || memcmp(path.p, pattern, n - 1) != 0)
			return false;
		*arg = (struct steme_str){ path.p + n - 1, path.n - n + 1 };
		return true;
	}
	return path.n == n && memcmp(path.p, pattern, n) == 0;
}

const struct api_route *
api_route_find(struct api_request *r, char allow[64])
{
	const char *method = strcmp(r->method, "HEAD") == 0 ? "GET" : r->method;
	struct steme_str arg;
	size_t used = 0;

	allow[0] = '\0';
	for (size_t i = 0; i < api_nroutes; i++) {
		const struct api_route *t = &api_routes[i];

		if (!matches(t->pattern, r->path, &arg))
			continue;
		if (strcmp(t->method, method) == 0) {
			r->arg = arg;
			return t;
		}
		used += (size_t)snprintf(allow + used, 64 - used, "%s%s%s",
		    used > 0 ? ", " : "", t->method,
		    strcmp(t->method, "GET") == 0 ? ", HEAD" : "");
	}
	return NULL;
}
