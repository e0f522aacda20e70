/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - /v1/admin/{node,indexes,storage}, /cluster, and what their handlers share.
 *
 * Threads: handlers run in their listener's thread.
 */
#ifndef STEME_API_ADMIN_H
#define STEME_API_ADMIN_H

#include "api/api.h"
#include "core/jsonin.h"

#include <json-c/json.h>

/* A member of a JSON body. */
struct api_member {
	const char *name;
	enum json_type type;
	bool required;
	struct json_object *v;		/* NULL: not given; lives as long as j */
};
/*
 * Reads r's body, whatever its Content-Type: an object with some of these members, or
 * nothing where none is required.  STEME_OK: steme_json_fini(j) afterwards.
 * STEME_EINVAL, why names the member.
 */
int api_take_body(const struct api_request *r, struct steme_json *j,
    struct api_member *m, size_t n, struct steme_why *why);
/* The text of a member; absent if it was not given. */
struct steme_str api_member_text(const struct api_member *m);

/* ---- handlers: h_admin.c ---- */
void api_drain(struct api_request *r);
void api_undrain(struct api_request *r);
void api_index_rebuild(struct api_request *r);
void api_index_status(struct api_request *r);
void api_storage_compact(struct api_request *r);
void api_storage_stats(struct api_request *r);

/* ---- h_cluster.c ---- */
void api_cluster_members(struct api_request *r);
void api_cluster_health(struct api_request *r);
void api_cluster_status(struct api_request *r);
void api_cluster_sync_status(struct api_request *r);
void api_cluster_sync(struct api_request *r);
void api_cluster_shards(struct api_request *r);
void api_cluster_shard(struct api_request *r);
void api_shards_rebalance(struct api_request *r);
/* Families that a cluster has; a single node is never behind itself.  Needs a->metrics. */
void api_cluster_metrics(struct api *a);

#endif
