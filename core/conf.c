/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c - the table of configuration keys. */
#include "config.h"
#include "core/conf.h"
#include "core/buf.h"
#include "core/instance.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_FILE_MAX	(1 << 20)
#define KiB		INT64_C(1024)
#define MiB		(1024 * KiB)
#define RATE_MAX	1000000000

enum kind { STR, INT, BOOL, LIST, DEC };	/* DEC: a decimal, kept as text */

struct key {
	const char *table, *name;
	enum kind kind;
	size_t off, size;		/* in struct steme_conf */
	const char *def;		/* as text; LIST: comma-separated */
	int64_t min, max;		/* INT */
	const char *env;		/* environment variable, or NULL */
};

#define F(f)	offsetof(struct steme_conf, f), \
		sizeof(((struct steme_conf *)0)->f)

static const struct key keys[] = {
	{ "node", "name", STR, F(node_name), "", 0, 0, "STEMEDB_NODE_NAME" },
	{ "storage", "wal_path", STR, F(wal_path), "", 0, 0, "STEMEDB_WAL_PATH" },
	{ "storage", "kv_path", STR, F(kv_path), "", 0, 0, "STEMEDB_KV_PATH" },
	{ "storage", "cache_size_mb", INT, F(cache_size_mb), "1024", 0,
	    1 << 20, "STEMEDB_CACHE_SIZE_MB" },
	{ "storage", "value_max_bytes", INT, F(value_max_bytes), "65536", 1,
	    1 << 20, NULL },
	{ "storage", "lock_timeout_ms", INT, F(lock_timeout_ms), "5000", 1,
	    3600000, NULL },
	{ "storage", "enable_auto_compaction", BOOL, F(auto_compaction), "true", 0,
	    0, NULL },
	{ "storage", "compaction_trigger_mb", INT, F(compaction_trigger_mb),
	    "1024", 1, 1 << 20, NULL },
	{ "wal", "group_commit_max_wait_ms", INT, F(group_commit_max_wait_ms),
	    "0", 0, 1000, NULL },
	{ "wal", "group_commit_max_bytes", INT, F(group_commit_max_bytes),
	    "1048576", 4096, 64 * MiB, NULL },
	{ "wal", "segment_mb", INT, F(segment_mb), "64", 1, 4096, NULL },
	{ "api", "bind", LIST, F(bind), "127.0.0.1,::1", 0, 0, "STEMEDB_BIND" },
	{ "api", "port", INT, F(port), "18180", 1, 65535, "STEMEDB_PORT" },
	{ "api", "cluster_port", INT, F(cluster_port), "0", 0, 65535,
	    "STEMEDB_CLUSTER_PORT" },
	{ "api", "request_timeout_seconds", INT, F(request_timeout_seconds),
	    "30", 1, 3600, NULL },
	{ "api", "max_connections", INT, F(max_connections), "20000", 8,
	    1000000, NULL },
	{ "api", "max_body_bytes", INT, F(max_body_bytes), "4194304", 1024,
	    1024 * MiB, NULL },
	{ "api", "hosts", LIST, F(hosts), "", 0, 0, NULL },
	{ "api", "trust_loopback", BOOL, F(trust_loopback), "true", 0, 0, NULL },
	{ "api", "admin", STR, F(admin), "loopback", 0, 0, NULL },
	{ "api", "cert", STR, F(tls_cert), "", 0, 0, "STEMEDB_TLS_CERT" },
	{ "api", "key", STR, F(tls_key), "", 0, 0, "STEMEDB_TLS_KEY" },
	{ "api", "slow_query_ms", INT, F(slow_query_ms), "500", 0, 3600000, NULL },
	{ "api", "max_feeds", INT, F(max_feeds), "1000", 0, 1000000, NULL },
	{ "api", "max_bulk_uploads", INT, F(max_bulk_uploads), "64", 1, 10000,
	    NULL },
	{ "api", "audit_entries", INT, F(audit_entries), "10000", 0, 1000000,
	    NULL },
	{ "rate_limit", "query_per_sec", INT, F(query_per_sec), "0", 0,
	    RATE_MAX, NULL },
	{ "rate_limit", "write_per_sec", INT, F(write_per_sec), "0", 0,
	    RATE_MAX, NULL },
	{ "rate_limit", "admin_per_sec", INT, F(admin_per_sec), "0", 0,
	    RATE_MAX, NULL },
	{ "rate_limit", "per_address_per_sec", INT, F(per_address_per_sec), "0",
	    0, RATE_MAX, NULL },
	{ "rate_limit", "per_agent_per_min", INT, F(per_agent_per_min), "0", 0,
	    RATE_MAX, NULL },
	{ "rate_limit", "quota_assertions_per_day", INT,
	    F(quota_assertions_per_day), "0", 0, INT64_C(1) << 50, NULL },
	{ "resilience", "enable_circuit_breaker", BOOL, F(circuit_breaker), "true",
	    0, 0, NULL },
	{ "resilience", "failure_threshold", INT, F(failure_threshold), "5", 1,
	    1000000, NULL },
	{ "resilience", "timeout_ms", INT, F(guard_timeout_ms), "5000", 1, 3600000,
	    NULL },
	{ "resilience", "reset_timeout_ms", INT, F(reset_timeout_ms), "30000", 1,
	    86400000, NULL },
	{ "fallback", "enable_cache_fallback", BOOL, F(cache_fallback), "true", 0,
	    0, NULL },
	{ "fallback", "max_stale_seconds", INT, F(max_stale_seconds), "300", 1,
	    31536000, NULL },
	{ "cluster", "rpc_timeout_ms", INT, F(rpc_timeout_ms), "5000", 1, 3600000,
	    NULL },
	{ "cluster", "max_replication_lag_seconds", INT,
	    F(max_replication_lag_seconds), "0", 0, 31536000, NULL },
	{ "slo", "target_availability", DEC, F(target_availability), "0.999", 0, 0,
	    NULL },
	{ "slo", "error_budget_burn_rate_alert", DEC, F(burn_rate_alert), "0.1", 0,
	    0, NULL },
	{ "mount", "path", STR, F(mount_path), "", 0, 0, "STEMEDB_MOUNT" },
	{ "mount", "writable", BOOL, F(mount_writable), "true", 0, 0, NULL },
	{ "mount", "max_inodes", INT, F(max_inodes), "1000000", 1000,
	    100000000, NULL },
	{ "logging", "level", STR, F(log_level), "info", 0, 0,
	    "STEMEDB_LOG_LEVEL" },
	{ "lens", "unknown_trust", DEC, F(unknown_trust), "0.1", 0, 0, NULL },
	{ "lens", "stewards", LIST, F(stewards), "", 0, 0, NULL },
	{ "lens", "roots", LIST, F(roots), "", 0, 0, NULL },
};

static int
set_string(const struct key *k, char *dst, const char *text,
    struct steme_why *why)
{
	size_t room = k->kind == LIST ? sizeof(((struct steme_conf_list *)0)->v[0])
	    : k->size;

	if (strlen(text) >= room)
		return steme_fail(why, STEME_EINVAL, "%s.%s: at most %zu bytes",
		    k->table, k->name, room - 1);
	strcpy(dst, text);
	return STEME_OK;
}

static int
add_item(const struct key *k, struct steme_conf_list *l, const char *text,
    struct steme_why *why)
{
	if (l->n == STEME_CONF_LIST)
		return steme_fail(why, STEME_EINVAL, "%s.%s: at most %d items",
		    k->table, k->name, STEME_CONF_LIST);
	return set_string(k, l->v[l->n++], text, why);
}

static int
set_int(const struct key *k, int64_t *dst, int64_t v, struct steme_why *why)
{
	if (v < k->min || v > k->max)
		return steme_fail(why, STEME_EINVAL,
		    "%s.%s: %lld is not within %lld..%lld", k->table, k->name,
		    (long long)v, (long long)k->min, (long long)k->max);
	*dst = v;
	return STEME_OK;
}

static int
set_list_text(const struct key *k, struct steme_conf_list *l, const char *text,
    struct steme_why *why)
{
	char *copy = strdup(text), *save = NULL, *t;
	int err = STEME_OK;

	if (copy == NULL)
		return STEME_ENOMEM;
	l->n = 0;
	for (t = strtok_r(copy, ",", &save); t != NULL && err == STEME_OK;
	    t = strtok_r(NULL, ",", &save))
		err = add_item(k, l, t, why);
	free(copy);
	return err;
}

/* From text: defaults and the environment. */
static int
set_text(const struct key *k, struct steme_conf *c, const char *text,
    struct steme_why *why)
{
	void *p = (char *)c + k->off;
	char *end;
	long long v;

	switch (k->kind) {
	case STR:
	case DEC:
		return set_string(k, p, text, why);
	case INT:
		errno = 0;
		v = strtoll(text, &end, 10);
		if (errno != 0 || end == text || *end != '\0')
			return steme_fail(why, STEME_EINVAL,
			    "%s.%s: '%s' is not a whole number", k->table,
			    k->name, text);
		return set_int(k, p, v, why);
	case BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return steme_fail(why, STEME_EINVAL,
			    "%s.%s: '%s' is neither true nor false", k->table,
			    k->name, text);
		*(bool *)p = text[0] == 't';
		return STEME_OK;
	case LIST:
		return set_list_text(k, p, text, why);
	}
	return STEME_EINVAL;
}

void
steme_conf_defaults(struct steme_conf *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < STEME_NELEM(keys); i++)
		MUST(set_text(&keys[i], c, keys[i].def, NULL));
	if (gethostname(c->node_name, sizeof(c->node_name) - 1) != 0)
		strcpy(c->node_name, "localhost");
}

static int
set_value(const struct key *k, struct steme_conf *c,
    const struct steme_conf_value *v, struct steme_why *why)
{
	void *p = (char *)c + k->off;
	struct steme_conf_list *l = p;
	char whole[24];
	int err = STEME_OK;

	if (k->kind == STR && v->type == STEME_CONF_STRING)
		return set_string(k, p, v->text, why);
	if (k->kind == DEC && (v->type == STEME_CONF_FLOAT ||
	    v->type == STEME_CONF_STRING))
		return set_string(k, p, v->text, why);
	if (k->kind == DEC && v->type == STEME_CONF_INT) {
		snprintf(whole, sizeof(whole), "%lld", (long long)v->number);
		return set_string(k, p, whole, why);
	}
	if (k->kind == INT && v->type == STEME_CONF_INT)
		return set_int(k, p, v->number, why);
	if (k->kind == BOOL && v->type == STEME_CONF_BOOL) {
		*(bool *)p = v->number != 0;
		return STEME_OK;
	}
	if (k->kind == LIST && v->type == STEME_CONF_STRING)
		return set_list_text(k, p, v->text, why);
	if (k->kind == LIST && v->type == STEME_CONF_ARRAY && v->list != NULL) {
		l->n = 0;
		for (size_t i = 0; v->list[i] != NULL && err == STEME_OK; i++)
			err = add_item(k, l, v->list[i], why);
		return err;
	}
	return steme_fail(why, STEME_EINVAL, "%s.%s: must be %s", k->table,
	    k->name, k->kind == STR ? "a string" : k->kind == INT ?
	    "a whole number" : k->kind == BOOL ? "true or false" :
	    k->kind == DEC ? "a number" : "a list of strings");
}

struct load {
	struct steme_conf *c;
	const char *path;
	void (*warn)(void *arg, const char *text);
	void *arg;
	struct steme_why *why;
};

static int
on_value(void *arg, const struct steme_conf_value *v)
{
	struct load *l = arg;
	struct steme_why why = {{0}};
	char text[600];
	int err;

	for (size_t i = 0; i < STEME_NELEM(keys); i++) {
		if (strcmp(keys[i].table, v->table) != 0 ||
		    strcmp(keys[i].name, v->key) != 0)
			continue;
		err = set_value(&keys[i], l->c, v, &why);
		if (err != STEME_OK)
			return steme_fail(l->why, err, "%s, line %u: %s",
			    l->path, v->line, why.text);
		return STEME_OK;
	}
	if (l->warn != NULL) {
		snprintf(text, sizeof(text), "%s, line %u: unknown key %s%s%s "
		    "is ignored", l->path, v->line, v->table,
		    v->table[0] != '\0' ? "." : "", v->key);
		l->warn(l->arg, text);
	}
	return STEME_OK;
}

static int
read_file(const char *path, struct steme_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *p;
	ssize_t n;

	if (fd < 0)
		return steme_err_from_errno(errno);
	do {
		if ((p = steme_buf_reserve(b, 64 * KiB)) == NULL)
			break;
		if ((n = read(fd, p, 64 * KiB)) < 0) {
			b->err = steme_err_from_errno(errno);
			break;
		}
		b->len += (size_t)n;
	} while (n > 0);
	close(fd);
	return steme_buf_err(b);
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A decimal from 0 to 1, as TOML has it (strtod() also takes hex, nan, ".5" and "1."). */
static bool
is_share(const char *text)
{
	const char *point = strchr(text, '.');
	char *end;
	double v = strtod(text, &end);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && v >= 0 && v <= 1 &&
	    text[strspn(text, "0123456789.eE+-")] == '\0' &&
	    (point == NULL || (point[1] >= '0' && point[1] <= '9'));
}

static int
check_rules(const struct steme_conf *c, struct steme_why *why)
{
	enum steme_log_level lv;

	if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0'))
		return steme_fail(why, STEME_EINVAL, "api.cert and api.key go "
		    "together: %s is missing", c->tls_cert[0] == '\0' ? "api.cert" :
		    "api.key");
	if (!is_share(c->target_availability))
		return steme_fail(why, STEME_EINVAL, "slo.target_availability: '%s' "
		    "is not a share from 0 to 1", c->target_availability);
	if (!is_share(c->burn_rate_alert))
		return steme_fail(why, STEME_EINVAL, "slo.error_budget_burn_rate_alert: "
		    "'%s' is not a share from 0 to 1", c->burn_rate_alert);
	if (!is_share(c->unknown_trust))
		return steme_fail(why, STEME_EINVAL, "lens.unknown_trust: '%s' is not "
		    "a number from 0 to 1", c->unknown_trust);
	if (steme_log_parse_level(c->log_level, &lv) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "logging.level: '%s' is none "
		    "of debug, info, warn, error", c->log_level);
	if (strcmp(c->admin, "loopback") != 0 && strcmp(c->admin, "open") != 0)
		return steme_fail(why, STEME_EINVAL,
		    "api.admin: '%s' is neither loopback nor open", c->admin);
	return STEME_OK;
}

int
steme_conf_load(struct steme_conf *c, const char *path, bool required,
    void (*warn)(void *arg, const char *text), void *arg, struct steme_why *why)
{
	struct load l = { c, path, warn, arg, why };
	struct steme_why bad = {{0}};
	struct steme_buf b;
	const char *e;
	int err;

	steme_conf_defaults(c);
	steme_buf_init(&b, CONF_FILE_MAX);
	err = read_file(path, &b);
	if (err == STEME_ENOTFOUND && !required)
		err = STEME_OK;
	else if (err != STEME_OK)
		err = steme_fail(why, err, "cannot read %s: %s", path,
		    is_folder(path) ? "it is a folder" : steme_strerror(err));
	else
		err = steme_toml_each(path, b.data == NULL ? "" :
		    (const char *)b.data, b.len, on_value, &l, why);
	steme_buf_fini(&b);
	for (size_t i = 0; i < STEME_NELEM(keys) && err == STEME_OK; i++)
		if (keys[i].env != NULL && (e = getenv(keys[i].env)) != NULL &&
		    (err = set_text(&keys[i], c, e, &bad)) != STEME_OK)
			steme_fail(why, err, "the environment's %s: %s", keys[i].env,
			    bad.text);
	return err == STEME_OK ? check_rules(c, why) : err;
}

static void
print_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			printf("\\u%04x", (unsigned)(unsigned char)*s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

void
steme_conf_print(const struct steme_conf *c)
{
	const struct steme_conf_list *l;
	const char *table = "";

	for (size_t i = 0; i < STEME_NELEM(keys); i++) {
		const struct key *k = &keys[i];
		const void *p = (const char *)c + k->off;

		if (strcmp(table, k->table) != 0)
			printf("%s[%s]\n", table[0] != '\0' ? "\n" : "", k->table);
		table = k->table;
		printf("%s = ", k->name);
		switch (k->kind) {
		case STR:
			print_string(p);
			break;
		case DEC:
			fputs(p, stdout);
			break;
		case INT:
			printf("%lld", (long long)*(const int64_t *)p);
			break;
		case BOOL:
			fputs(*(const bool *)p ? "true" : "false", stdout);
			break;
		case LIST:
			l = p;
			putchar('[');
			for (unsigned j = 0; j < l->n; j++) {
				if (j > 0)
					fputs(", ", stdout);
				print_string(l->v[j]);
			}
			putchar(']');
			break;
		}
		putchar('\n');
	}
}
