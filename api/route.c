/* SPDX-License-Identifier: Apache-2.0 */
/* route.c - the table of routes.  Every route is served on every listener. */
#include "config.h"
#include "api/api.h"
#include "api/files.h"
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
