/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_cluster.c - members, shards, synchronisation, as they are for a node by itself: one
 * member, which is primary of every shard and never behind itself.
 *
 * Nodes go by id or by name, wherever one is asked for.
 */
#include "config.h"
#include "api/admin.h"
#include "api/guard.h"
#include "core/log.h"
#include "core/path.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS	3000
/* Of a node that does not answer: more than any that is asked for. */
#define LAG_UNKNOWN	1000000000

/* This node, as a member. */
struct member {
	char id[17], name[256], address[80];
	const char *status;		/* UP, DRAINING, DOWN */
	bool healthy;			/* answers, and takes writes */
	bool answers;
	uint64_t lsn;
};

/* ---- this node ---- */

static void
put_string(struct steme_buf *b, const char *s)
{
	struct json_object *o = json_object_new_string(s);

	steme_buf_puts(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* Where others would reach it: the first address it listens on. */
static void
take_address(struct member *m, const struct api *a)
{
	const struct api_listener *l = &a->listeners[0];
	bool v6 = strchr(l->address, ':') != NULL;

	snprintf(m->address, sizeof(m->address), "%s%s%s:%u", v6 ? "[" : "",
	    l->address, v6 ? "]" : "", l->port);
}

static void
take_status(struct member *m, struct json_object *o)
{
	struct json_object *node = NULL, *writes = NULL, *v = NULL;
	bool drained, ok;

	if (json_object_object_get_ex(o, "node", &node) &&
	    json_object_object_get_ex(node, "name", &v))
		snprintf(m->name, sizeof(m->name), "%s", json_object_get_string(v));
	if (json_object_object_get_ex(o, "lsn", &v))
		m->lsn = json_object_get_uint64(v);
	json_object_object_get_ex(o, "writes", &writes);
	drained = json_object_object_get_ex(writes, "drained", &v) &&
	    json_object_get_boolean(v);
	ok = json_object_object_get_ex(writes, "state", &v) &&
	    strcmp(json_object_get_string(v), "ok") == 0;
	m->status = drained ? "DRAINING" : "UP";
	m->healthy = ok && !drained;
}

/*
 * Out of the daemon's STATUS.  A daemon that does not answer is DOWN, and keeps its id.
 * False: it was never seen, so there is nothing to tell; a problem was queued.
 */
static bool
look(struct api_request *r, struct member *m)
{
	uint64_t id = atomic_load(&r->api->node);
	struct json_object *o;

	*m = (struct member){ .status = "DOWN", .answers = r->err == STEME_OK };
	if (id == 0) {
		api_problem_err(r, r->err != STEME_OK ? r->err : STEME_ECONN, r->why);
		return false;
	}
	snprintf(m->id, sizeof(m->id), "%016" PRIx64, id);
	snprintf(m->name, sizeof(m->name), "%s", r->api->conf.node_name);
	take_address(m, r->api);
	if (m->answers) {
		o = json_tokener_parse(r->answer.data == NULL ? "" :
		    (const char *)r->answer.data);
		take_status(m, o);
		json_object_put(o);
	}
	return true;
}

/* Is it this node?  If not, a problem was queued. */
static bool
is_it(struct api_request *r, const struct member *m, struct steme_str node)
{
	if (steme_str_eq(node, steme_str_from(m->id)) ||
	    steme_str_eq(node, steme_str_from(m->name)))
		return true;
	api_problem(r, 404, "no-such-node", "there is no node '%s' in this cluster; its "
	    "nodes: %s (id %s)", steme_quote(node).s, m->name, m->id);
	return false;
}

static void
ask(struct api_request *r, void (*then)(struct api_request *r))
{
	r->patience_ms = PATIENCE_MS;
	api_ask(r, STEME_MSG_STATUS, NULL, 0, then);
}

static void
reply(struct api_request *r, struct steme_buf *b)
{
	api_reply_buf(r, 200, API_JSON, b);
	steme_buf_fini(b);
}

/* ---- members, health ---- */

static void
put_member(struct steme_buf *b, const struct member *m)
{
	steme_buf_printf(b, "{\"id\":\"%s\",\"name\":", m->id);
	put_string(b, m->name);
	steme_buf_printf(b, ",\"status\":\"%s\",\"role\":\"primary\","
	    "\"replication_lag\":%d,\"address\":", m->status,
	    m->answers ? 0 : LAG_UNKNOWN);
	put_string(b, m->address);
	steme_buf_putc(b, '}');
}

static void
put_health(struct steme_buf *b, const struct member *m)
{
	steme_buf_printf(b, "{\"status\":\"%s\",\"healthy_nodes\":%d,"
	    "\"total_nodes\":1}", m->healthy ? "ok" : m->answers ? "degraded" :
	    "down", m->healthy);
}

static void
reply_members(struct api_request *r)
{
	struct steme_buf b = { 0 };
	struct member m;

	if (!look(r, &m))
		return;
	steme_buf_puts(&b, "{\"members\":[");
	put_member(&b, &m);
	steme_buf_puts(&b, "]}");
	reply(r, &b);
}

void
api_cluster_members(struct api_request *r)
{
	ask(r, reply_members);
}

static void
reply_health(struct api_request *r)
{
	struct steme_buf b = { 0 };
	struct member m;

	if (!look(r, &m))
		return;
	put_health(&b, &m);
	reply(r, &b);
}

void
api_cluster_health(struct api_request *r)
{
	ask(r, reply_health);
}

static void
reply_status(struct api_request *r)
{
	struct steme_buf b = { 0 };
	struct member m;

	if (!look(r, &m))
		return;
	steme_buf_puts(&b, "{\"health\":");
	put_health(&b, &m);
	steme_buf_printf(&b, ",\"node\":\"%s\",\"members\":[", m.id);
	put_member(&b, &m);
	steme_buf_printf(&b, "],\"shards\":%d}", API_SHARDS);
	reply(r, &b);
}

void
api_cluster_status(struct api_request *r)
{
	ask(r, reply_status);
}

/* ---- synchronisation ---- */

static void
reply_sync_status(struct api_request *r)
{
	struct steme_buf b = { 0 };
	struct member m;

	if (!look(r, &m))
		return;
	steme_buf_printf(&b, "{\"status\":\"%s\",\"node\":\"%s\",\"lsn\":%" PRIu64
	    ",\"running\":false,\"progress\":%d,\"peers\":[]}",
	    m.answers ? "in_sync" : "down", m.id, m.lsn, m.answers);
	reply(r, &b);
}

void
api_cluster_sync_status(struct api_request *r)
{
	ask(r, reply_sync_status);
}

/* Both runbooks' names of the target; false: a problem was queued. */
static bool
take_target(struct api_request *r, struct steme_json *j, struct steme_str *target)
{
	struct api_member m[] = {
		{ "target_node", json_type_string, false, NULL },
		{ "replica_id", json_type_string, false, NULL },
		{ "force", json_type_boolean, false, NULL },
	};
	struct steme_why why = { "" };
	struct steme_str other;
	int err = api_take_body(r, j, m, STEME_NELEM(m), &why);

	if (err != STEME_OK) {
		api_problem_err(r, err, why.text);
		return false;
	}
	*target = api_member_text(&m[0]);
	other = api_member_text(&m[1]);
	if ((target->p == NULL) == (other.p == NULL)) {
		steme_json_fini(j);
		api_problem(r, 400, "invalid-input", "one of target_node and "
		    "replica_id is needed: the node to bring in step");
		return false;
	}
	if (target->p == NULL)
		*target = other;
	return true;
}

static void
sync_known(struct api_request *r)
{
	struct steme_str target;
	struct steme_buf b = { 0 };
	struct steme_json j;
	struct member m;

	if (!look(r, &m) || !take_target(r, &j, &target))
		return;
	if (!is_it(r, &m, target)) {
		steme_log(STEME_WARN, "Merkle sync error: there is no node '%s'",
		    steme_quote(target).s);
	} else if (!m.answers) {
		api_problem_err(r, r->err, r->why);
	} else {
		steme_log(STEME_INFO, "Merkle sync with %s: in step, it is this node",
		    m.name);
		steme_buf_printf(&b, "{\"status\":\"in_sync\",\"target_node\":\"%s\","
		    "\"progress\":1}", m.id);
		reply(r, &b);
	}
	steme_json_fini(&j);
}

void
api_cluster_sync(struct api_request *r)
{
	ask(r, sync_known);
}

/* ---- shards ---- */

static void
put_shard(struct steme_buf *b, const struct member *m, unsigned n, double rate)
{
	steme_buf_printf(b, "{\"shard_id\":\"%u\",\"primary\":\"%s\",\"replicas\":[],"
	    "\"query_rate\":%.3f,\"rebalance_status\":\"COMPLETE\"}", n, m->id,
	    rate);
}

/* A shard's number; -1: a problem was queued. */
static int
shard_named(struct api_request *r, struct steme_str s)
{
	char name[12];

	for (int i = 0; i < API_SHARDS; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (steme_str_eq(s, steme_str_from(name)))
			return i;
	}
	api_problem(r, 404, "no-such-shard", "there is no shard '%s'; the shards are 0 "
	    "to %d", steme_quote(s).s, API_SHARDS - 1);
	return -1;
}

static void
reply_shards(struct api_request *r)
{
	double rates[API_SHARDS];
	struct steme_buf b = { 0 };
	struct member m;

	if (!look(r, &m))
		return;
	api_meter_shard_rates(r->api->guard->meter, rates);
	/* the status of the latest move, for who asks without naming a shard */
	steme_buf_puts(&b, "{\"rebalance_status\":\"COMPLETE\",\"shards\":[");
	for (unsigned i = 0; i < API_SHARDS; i++) {
		if (i > 0)
			steme_buf_putc(&b, ',');
		put_shard(&b, &m, i, rates[i]);
	}
	steme_buf_puts(&b, "]}");
	reply(r, &b);
}

void
api_cluster_shards(struct api_request *r)
{
	ask(r, reply_shards);
}

static void
reply_shard(struct api_request *r)
{
	double rates[API_SHARDS];
	struct steme_buf b = { 0 };
	struct member m;
	int n;

	if (!look(r, &m) || (n = shard_named(r, r->arg)) < 0)
		return;
	api_meter_shard_rates(r->api->guard->meter, rates);
	put_shard(&b, &m, (unsigned)n, rates[n]);
	reply(r, &b);
}

void
api_cluster_shard(struct api_request *r)
{
	ask(r, reply_shard);
}

static void
rebalance(struct api_request *r, const struct member *m, struct steme_str shard,
    struct steme_str target)
{
	struct steme_buf b = { 0 };
	int n = shard_named(r, shard);

	if (n < 0 || !is_it(r, m, target))
		return;
	steme_buf_printf(&b, "{\"shard_id\":\"%d\",\"target_node\":\"%s\","
	    "\"rebalance_status\":\"COMPLETE\"}", n, m->id);
	reply(r, &b);
}

static void
rebalance_known(struct api_request *r)
{
	struct api_member f[] = {
		{ "shard_id", json_type_string, true, NULL },
		{ "target_node", json_type_string, true, NULL },
		{ "reason", json_type_string, false, NULL },
	};
	struct steme_why why = { "" };
	struct steme_json j;
	struct member m;
	int err;

	if (!look(r, &m))
		return;
	err = api_take_body(r, &j, f, STEME_NELEM(f), &why);
	if (err != STEME_OK) {
		api_problem_err(r, err, why.text);
		return;
	}
	rebalance(r, &m, api_member_text(&f[0]), api_member_text(&f[1]));
	steme_json_fini(&j);
}

void
api_shards_rebalance(struct api_request *r)
{
	ask(r, rebalance_known);
}

/* ---- metrics ---- */

/* While the daemon answers, this one is a member that is up. */
static void
before_exposition(void *arg)
{
	struct api *a = arg;

	steme_set(a->members_up, steme_value(a->up));
}

static struct steme_series *
gauge(struct steme_metrics *m, const char *name, const char *help)
{
	return steme_series0(steme_family(m, STEME_GAUGE, name, help, NULL));
}

void
api_cluster_metrics(struct api *a)
{
	struct steme_metrics *m = a->metrics;
	char node[512];

	steme_label_encode(node, sizeof(node), a->conf.node_name,
	    strlen(a->conf.node_name));
	steme_set(steme_series(steme_family(m, STEME_GAUGE, "replication_lag_seconds",
	    "How far a node is behind; each node tells it of every member.", "node"),
	    node), 0);
	steme_set(steme_series(steme_family(m, STEME_GAUGE,
	    "stemedb_replication_lag_seconds", "The same, by replica.", "replica"),
	    node), 0);
	gauge(m, "stemedb_merkle_sync_progress_ratio", "Of the Merkle sync under way, 0 "
	    "to 1; 0 while there is none.");
	steme_series0(steme_family(m, STEME_COUNTER, "stemedb_merkle_sync_errors_total",
	    "Merkle syncs that failed.", NULL));
	steme_series0(steme_family(m, STEME_HISTOGRAM,
	    "stemedb_merkle_sync_duration_seconds", "Time of Merkle syncs.", NULL));
	steme_series0(steme_family(m, STEME_COUNTER, "stemedb_network_bytes_sent_total",
	    "Bytes sent to other nodes.", NULL));
	steme_set(gauge(m, "stemedb_cluster_members", "Nodes of the cluster."), 1);
	a->members_up = gauge(m, "stemedb_cluster_members_up",
	    "Nodes of the cluster that answer.");
	steme_set(gauge(m, "stemedb_cluster_shards", "Shards of the cluster."),
	    API_SHARDS);
	steme_metrics_hook(m, before_exposition, a);
}
