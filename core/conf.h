/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - configuration: one TOML file (doc: etc/api.toml, man api.toml(5)), the
 * environment over the file, command line over both.
 *
 * The table in conf.c names every key once: its place here, its type, default,
 * bounds and environment variable.  conf_toml.cc reads the file with toml++.
 */
#ifndef STEME_CONF_H
#define STEME_CONF_H

#include "core/err.h"
#include "core/log.h"

#include <stdbool.h>
#include <stdint.h>

#define STEME_CONF_STR	512
#define STEME_CONF_LIST	32

struct steme_conf_list {
	unsigned n;
	char v[STEME_CONF_LIST][256];
};

struct steme_conf {
	char node_name[256];			/* [node] name; default: host name */
	/* [storage] */
	char wal_path[STEME_CONF_STR], kv_path[STEME_CONF_STR];	/* "": below D */
	int64_t cache_size_mb;			/* STEMEDB_CACHE_SIZE_MB */
	int64_t value_max_bytes;
	int64_t lock_timeout_ms;		/* a write waits so long for its turn */
	bool auto_compaction;
	int64_t compaction_trigger_mb;
	/* [wal] */
	int64_t group_commit_max_wait_ms, group_commit_max_bytes, segment_mb;
	/* [api] */
	struct steme_conf_list bind;		/* addresses */
	int64_t port, cluster_port;		/* cluster_port 0: none */
	int64_t request_timeout_seconds, max_connections, max_body_bytes;
	struct steme_conf_list hosts;
	bool trust_loopback;
	char admin[32];				/* "loopback" or "open" */
	char tls_cert[STEME_CONF_STR], tls_key[STEME_CONF_STR];	/* PEM; "": no TLS */
	int64_t slow_query_ms, max_feeds, max_bulk_uploads, audit_entries;
	/* [rate_limit]: 0 is none */
	int64_t query_per_sec, write_per_sec, admin_per_sec, per_address_per_sec;
	int64_t per_agent_per_min, quota_assertions_per_day;
	/* [resilience]: circuit breakers */
	bool circuit_breaker;
	int64_t failure_threshold;		/* consecutive failures that open one */
	int64_t guard_timeout_ms;		/* a slower call is a failure */
	int64_t reset_timeout_ms;		/* open so long, then a trial */
	/* [fallback]: old views while the store fails */
	bool cache_fallback;
	int64_t max_stale_seconds;
	/* [cluster] */
	int64_t rpc_timeout_ms, max_replication_lag_seconds;	/* lag 0: no limit */
	/* [slo]: decimals, as text */
	char target_availability[32], burn_rate_alert[32];
	/* [mount] */
	char mount_path[STEME_CONF_STR];
	bool mount_writable;
	int64_t max_inodes;
	/* [logging] */
	char log_level[16];
	/* [lens]: seeds a fresh store only */
	char unknown_trust[16];
	struct steme_conf_list stewards, roots;
};

void steme_conf_defaults(struct steme_conf *c);
/*
 * Reads path (absent and !required: defaults), then the environment.  warn is
 * called for each unknown key, with its line.
 * STEME_EINVAL: syntax (a table given twice is that), type or bounds; why has file (or
 * the environment's variable), line, key and rule.
 */
int steme_conf_load(struct steme_conf *c, const char *path, bool required,
    void (*warn)(void *arg, const char *text), void *arg, struct steme_why *why);
/* Every key with its value, as TOML (--check-config prints it); to stdout. */
void steme_conf_print(const struct steme_conf *c);

/* ---- between conf.c and conf_toml.cc ---- */

enum steme_conf_type {
	STEME_CONF_STRING, STEME_CONF_INT, STEME_CONF_BOOL, STEME_CONF_FLOAT,
	STEME_CONF_ARRAY, STEME_CONF_OTHER
};
/* One value of the file; list and text live during the call. */
struct steme_conf_value {
	const char *table, *key;
	unsigned line;
	enum steme_conf_type type;
	const char *text;		/* STRING; FLOAT as written by %.10g */
	int64_t number;			/* INT, BOOL */
	const char *const *list;	/* ARRAY of strings, NULL-ended; NULL: other */
};
typedef int steme_conf_visit(void *arg, const struct steme_conf_value *v);
/* Parses text and tells every value; STEME_EINVAL with line and reason in why. */
int steme_toml_each(const char *path, const char *text, size_t len,
    steme_conf_visit *visit, void *arg, struct steme_why *why);

#endif
