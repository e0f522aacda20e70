/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - stemedb-api: the HTTP sidecar.  A client of the daemon's control socket; it
 * owns no data.  Runs in the foreground; `steme up` detaches it.
 */
#include "config.h"
#include "api/api.h"
#include "api/watch.h"
#include "api/admin.h"
#include "api/guard.h"
#include "api/settings.h"
#include "api/tls.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/sign.h"

#include <getopt.h>
#include <malloc.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define NAME	"stemedb-api"
#define HEAP_LONGEST	(1 << 20)	/* bytes of a block that is taken from the heap */
#define HEAP_IDLE	(2 << 20)	/* free bytes at its end that are kept */

struct options {
	const char *dir, *config, *port, *cluster_port, *wal_path, *kv_path;
	bool check_config, rebuild;
};

/* Method and pattern of every route, for tests and for people. */
static int
print_routes(void)
{
	for (size_t i = 0; i < api_nroutes; i++)
		printf("%s %s\n", api_routes[i].method, api_routes[i].pattern);
	return 0;
}

/* Mappings of daemons that have ended: other threads may still look at them. */
static struct steme_changes *retired[64];
static unsigned nretired;

static void
on_state(void *arg, const struct steme_msg_welcome *w)
{
	struct api *a = arg;
	struct steme_changes *c = NULL, *old;
	char path[PATH_MAX];

	steme_set(a->up, w != NULL ? 1 : 0);
	if (w == NULL) {
		if (!atomic_load(&a->ending))
			steme_log(STEME_WARN, "lost the daemon on %s",
			    a->in.socket);
		return;
	}
	api_guard_daemon_up(a->guard);
	steme_log(STEME_INFO, "connected to the daemon on %s", a->in.socket);
	atomic_store(&a->node, w->node);
	snprintf(path, sizeof(path), "%.*s", STEME_STR(w->changes_path));
	if (steme_changes_open(&c, path) != STEME_OK)
		c = NULL;
	/* of another start of the daemon: nothing may be kept by its counters */
	if (c != NULL && steme_changes_stamp_any(c).boot != w->boot) {
		steme_changes_close(c);
		c = NULL;
	}
	api_watch_up(a->watch, w->lsn);
	old = atomic_exchange(&a->changes, c);
	if (old != NULL) {
		steme_changes_close(retired[nretired % 64]);
		retired[nretired++ % 64] = old;
	}
}

static void
count_connections(void *arg)
{
	struct api *a = arg;
	unsigned n;

	pthread_mutex_lock(&a->mu);
	n = a->nconns;
	pthread_mutex_unlock(&a->mu);
	steme_set(a->connections, n);
	steme_set(a->feeds, api_watch_feeds(a->watch));
}

/* [slo], for the alerts that are measured by it. */
static void
make_slo_metrics(struct api *a)
{
	struct steme_metrics *m = a->metrics;

	steme_set(steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_slo_target_availability", "Share of requests to be answered "
	    "without a 5xx ([slo] target_availability).", NULL)),
	    strtod(a->conf.target_availability, NULL));
	steme_set(steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_slo_error_budget_burn_rate_alert", "Share of a month's error "
	    "budget that a day may use ([slo] error_budget_burn_rate_alert).", NULL)),
	    strtod(a->conf.burn_rate_alert, NULL));
}

static void
make_metrics(struct api *a)
{
	struct steme_metrics *m = a->metrics;

	steme_process_metrics(m, NULL);
	a->up = steme_series0(steme_family(m, STEME_GAUGE, "stemedb_up",
	    "1 while the daemon answers.", NULL));
	steme_set(steme_series(steme_family(m, STEME_GAUGE, "stemedb_build_info",
	    "Always 1; the version is the label.", "version"), PACKAGE_VERSION), 1);
	make_slo_metrics(a);
	a->hot_hits = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_http_hot_hits_total",
	    "Answers given again without asking the daemon.", NULL));
	a->slow_cut = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_http_slow_connections_total",
	    "Connections ended because a step took too long.", NULL));
	a->connections = steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_http_connections", "Open HTTP connections.", NULL));
	a->feeds = steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_http_feeds", "Open feeds (GET /v1/feed).", NULL));
	steme_metrics_hook(m, count_connections, a);
	a->hot_misses = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_http_hot_misses_total",
	    "Queries for which no answer was kept.", NULL));
}

static void
usage(FILE *f)
{
	fputs("usage: stemedb-api [--dir D] [--port P] [--cluster-port Q] [--config F]\n"
	    "                   [--check-config] [--routes] [--version] [--help]\n"
	    "       stemedb-api --rebuild-from-wal [--wal-path W] [--kv-path K]\n\n"
	    "The HTTP sidecar of StemeDB: REST, health and metrics on port P (default\n"
	    "18180), a client of the daemon's socket below D. Runs in the foreground;\n"
	    "`steme up` starts it detached. With --rebuild-from-wal it makes the index\n"
	    "K anew from the log W with no daemon running, and ends.\n\n"
	    "example: stemedb-api --dir /srv/steme --port 18180\n", f);
}

/* -1: go on; otherwise the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "port", required_argument, NULL, 'p' },
		{ "cluster-port", required_argument, NULL, 'q' },
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "rebuild-from-wal", no_argument, NULL, 'R' },
		{ "wal-path", required_argument, NULL, 'w' },
		{ "kv-path", required_argument, NULL, 'k' },
		{ "routes", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'd': o->dir = optarg; break;
		case 'p': o->port = optarg; break;
		case 'q': o->cluster_port = optarg; break;
		case 'c': o->config = optarg; break;
		case 'C': o->check_config = true; break;
		case 'R': o->rebuild = true; break;
		case 'w': o->wal_path = optarg; break;
		case 'k': o->kv_path = optarg; break;
		case 'r':
			return print_routes();
		case 'V':
			printf("stemedb-api %s (protocol %d)\n", PACKAGE_VERSION,
			    STEME_WIRE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 64;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "stemedb-api: unexpected argument: %s\n",
		    argv[optind]);
		return 64;
	}
	return -1;
}

static int
port_option(const char *text, int64_t *port, const char *name,
    struct steme_why *why)
{
	char *end;
	long v;

	if (text == NULL)
		return STEME_OK;
	v = strtol(text, &end, 10);
	if (*end != '\0' || end == text || v < 1 || v > 65535)
		return steme_fail(why, STEME_EINVAL,
		    "%s: '%s' is not a port number (1 to 65535)", name, text);
	*port = v;
	return STEME_OK;
}

static void
on_conf_warning(void *arg, const char *text)
{
	(void)arg;
	steme_log(STEME_WARN, "%s", text);
}

static int
prepare(struct api *a, const struct options *o, struct steme_why *why)
{
	enum steme_log_level level;
	int64_t given;
	int err;

	if ((err = steme_instance_init(&a->in, o->dir, why)) != STEME_OK)
		return err;
	err = steme_conf_load(&a->conf, o->config != NULL ? o->config :
	    a->in.conf, o->config != NULL, on_conf_warning, NULL, why);
	if (err != STEME_OK)
		return err;
	given = a->conf.cluster_port;
	if ((err = port_option(o->port, &a->conf.port, "--port", why)) != 0 ||
	    (err = port_option(o->cluster_port, &a->conf.cluster_port,
	    "--cluster-port", why)) != 0)
		return err;
	/* the second listener goes with the default port, unless asked for */
	if (given == 0 && o->cluster_port == NULL &&
	    a->conf.port == STEME_DEFAULT_PORT)
		a->conf.cluster_port = STEME_DEFAULT_CLUSTER_PORT;
	if (a->conf.cluster_port == a->conf.port)
		return steme_fail(why, STEME_EINVAL,
		    "--cluster-port and --port must differ");
	if ((err = api_check_bind(&a->conf, why)) != STEME_OK ||
	    (api_tls_wanted(&a->conf) &&
	    (err = api_tls_new(&a->tls, &a->conf, why)) != STEME_OK))
		return err;
	if (steme_log_parse_level(a->conf.log_level, &level) == STEME_OK)
		steme_log_set_level(level);
	return STEME_OK;
}

static int
start(struct api *a, struct steme_why *why)
{
	struct steme_aclient_opts co = {
		.path = a->in.socket, .role = STEME_ROLE_NONE,
		.program = NAME " " PACKAGE_VERSION, .state = on_state, .arg = a,
	};
	int err;

	a->start_us = steme_mono_us(&steme_clock_system);
	if ((err = steme_sign_init()) != STEME_OK ||
	    (err = steme_metrics_new(&a->metrics)) != STEME_OK)
		return err;
	make_metrics(a);
	api_cluster_metrics(a);
	a->watch = api_watch_new(a, (unsigned)a->conf.max_feeds);
	if (a->watch == NULL || (a->guard = api_guard_new(a)) == NULL)
		return STEME_ENOMEM;
	if ((err = api_settings_new(&a->settings, a)) != STEME_OK ||
	    (err = steme_instance_make(&a->in, why)) != STEME_OK ||
	    (err = steme_aclient_new(&a->client, &co, why)) != STEME_OK ||
	    (err = api_server_start(a, why)) != STEME_OK)
		return err;
	return steme_pid_write(&a->in, NAME, why);
}

/* The offline rebuild is steme-offline's: this program does not link the store. */
static int
exec_rebuild(const struct options *o)
{
	const char *argv[10] = { "steme-offline", "rebuild" };
	char self[PATH_MAX], path[PATH_MAX + 64], *slash;
	int n = 2;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (o->dir != NULL) {
		argv[n++] = "--dir";
		argv[n++] = o->dir;
	}
	if (o->wal_path != NULL) {
		argv[n++] = "--wal-path";
		argv[n++] = o->wal_path;
	}
	if (o->kv_path != NULL) {
		argv[n++] = "--kv-path";
		argv[n++] = o->kv_path;
	}
	self[len < 0 ? 0 : len] = '\0';
	if ((slash = strrchr(self, '/')) != NULL)
		*slash = '\0';
	for (size_t i = 0; i < 2; i++) {
		if (i == 0)
			snprintf(path, sizeof(path), "%s/steme-offline", self);
		else
			snprintf(path, sizeof(path),
			    "%s/../libexec/stemedb/steme-offline", self);
		execv(path, (char *const *)(uintptr_t)argv);
	}
	execv(STEME_LIBEXECDIR "/stemedb/steme-offline",
	    (char *const *)(uintptr_t)argv);
	fprintf(stderr, "stemedb-api: steme-offline is not where it was installed "
	    "(beside this program, or " STEME_LIBEXECDIR "/stemedb)\n");
	return 69;
}

/*
 * Answers that are kept make the heap grow.  The first arena grows in strides, others by
 * a system call for each answer; and few threads allocate here.  Long bodies stay out of
 * it: left to itself malloc learns from the first one freed to take the next from the
 * heap, where one small piece above a hole of 16 MiB keeps it.
 */
static void
bound_heap(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, HEAP_LONGEST);
	mallopt(M_TRIM_THRESHOLD, HEAP_IDLE);
}

int
main(int argc, char **argv)
{
	static struct api a;
	struct options o = { 0 };
	struct steme_why why = { { 0 } };
	struct rlimit rl;
	sigset_t set;
	int status, err, sig;

	if ((status = parse_options(argc, argv, &o)) >= 0)
		return status;
	if (o.rebuild)
		return exec_rebuild(&o);
	if ((err = prepare(&a, &o, &why)) == STEME_OK && o.check_config) {
		steme_conf_print(&a.conf);
		return 0;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file over its limit: EFBIG, which is told */
	bound_heap();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (err == STEME_OK)
		err = start(&a, &why);
	if (err != STEME_OK) {
		steme_log(STEME_ERROR, "cannot start: %s", why.text[0] != '\0' ?
		    why.text : steme_strerror(err));
		return 1;
	}
#ifdef HAVE_LIBSYSTEMD
	sd_notify(0, "READY=1");
#endif
	steme_log(STEME_INFO, "stemedb-api %s is ready on port %lld",
	    PACKAGE_VERSION, (long long)a.conf.port);
	sigwait(&set, &sig);
	steme_log(STEME_INFO, "stemedb-api is ending");
	atomic_store(&a.ending, true);
	api_server_stop(&a);
	steme_aclient_free(a.client);
	api_settings_free(a.settings);
	api_watch_free(a.watch);
	api_tls_free(a.tls);
	steme_changes_close(atomic_load(&a.changes));
	for (unsigned i = 0; i < 64; i++)
		steme_changes_close(retired[i]);
	api_guard_free(a.guard);
	steme_metrics_free(a.metrics);
	steme_pid_remove(&a.in, NAME);
	steme_log(STEME_INFO, "stemedb-api ended");
	return 0;
}
