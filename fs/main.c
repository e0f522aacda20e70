/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - stemefs: the daemon.  Sole owner of the log and the index; serves the mount
 * and the control socket.  Runs in the foreground; `steme up` detaches it.
 *
 * Order of starting: options, folders, watchdog (the last fork), keys, store, views,
 * service, mount, socket, upkeep.  Stopping goes the other way.
 */
#include "fs/fs.h"
#include "core/conf.h"
#include "core/instance.h"
#include "core/log.h"
#include "core/service.h"
#include "fs/ctl.h"
#include "fs/failures.h"
#include "fs/memory.h"
#include "fs/mount.h"
#include "fs/seed.h"
#include "fs/upkeep.h"
#include "fs/watchdog.h"

#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

#define NAME	"stemefs"
#define BEATS_TICK	10
#define BEATS_MEMORY	50

struct daemon {
	struct steme_instance in;
	struct steme_conf conf;
	const char *mountpoint;		/* NULL: no mount */
	char mount_path[PATH_MAX];
	struct fs_watchdog *watchdog;
	struct steme_keyring *keyring;
	struct steme_metrics *metrics;
	struct steme_series *fsync, *fsyncs, *timed[STEME_NTIMED];
	struct steme_store *store;
	struct steme_views *views;
	struct steme_service *service;
	struct steme_ctl *ctl;
	struct fs_upkeep *upkeep;
	pthread_rwlock_t fs_lock;	/* over fs and service: on_commit reads them */
	struct steme_fs *fs;		/* (fs_lock) */
	struct steme_service *kick;	/* (fs_lock) */
	_Atomic bool stop;
};

static void
on_commit(void *arg, const struct steme_commit_item *items, size_t n)
{
	struct daemon *d = arg;

	pthread_rwlock_rdlock(&d->fs_lock);
	if (d->fs != NULL)
		fs_on_commit(d->fs, items, n);
	if (d->kick != NULL)
		steme_service_kick(d->kick);
	pthread_rwlock_unlock(&d->fs_lock);
}

static void
set_fs(struct daemon *d, struct steme_fs *fs)
{
	pthread_rwlock_wrlock(&d->fs_lock);
	d->fs = fs;
	pthread_rwlock_unlock(&d->fs_lock);
}

static void
set_kick(struct daemon *d, struct steme_service *s)
{
	pthread_rwlock_wrlock(&d->fs_lock);
	d->kick = s;
	pthread_rwlock_unlock(&d->fs_lock);
}

static void
on_progress(void *arg, const char *what, unsigned permille)
{
	(void)arg;
	steme_log(STEME_INFO, "%s: %u.%u %%", what, permille / 10, permille % 10);
#ifdef HAVE_LIBSYSTEMD
	sd_notifyf(0, "STATUS=%s %u %%\nEXTEND_TIMEOUT_USEC=60000000", what,
	    permille / 10);
#endif
}

static void
mount_status(void *arg, struct steme_buf *b)
{
	struct daemon *d = arg;

	steme_buf_printf(b, ",\"mount\":{\"mounted\":%s,\"writable\":%s}",
	    d->mountpoint != NULL ? "true" : "false",
	    d->conf.mount_writable ? "true" : "false");
}

static void
file_status(void *arg, struct steme_buf *b)
{
	struct daemon *d = arg;

	steme_service_status(d->service, b);
}

static void
request_stop(void *arg)
{
	struct daemon *d = arg;

	atomic_store(&d->stop, true);
	kill(getpid(), SIGTERM);
}

static void
on_time(void *arg, enum steme_timed what, int64_t us)
{
	struct daemon *d = arg;

	steme_observe(d->timed[what], (double)us / 1e6);
	if (what != STEME_TIMED_SYNC)
		return;
	steme_add(d->fsyncs, 1);
	steme_observe(d->fsync, (double)us / 1e6);
}

/* ---- starting ---- */

static void
make_metrics(struct daemon *d)
{
	static const struct { const char *name, *help; } timed[STEME_NTIMED] = {
		[STEME_TIMED_SYNC] = { "stemedb_wal_sync_seconds",
		    "Time a sync of the log took." },
		[STEME_TIMED_PUT] = { "stemedb_storage_put_duration_seconds",
		    "Time a group of writes took, from the log to being visible." },
		[STEME_TIMED_LOCK] = { "stemedb_lock_wait_duration_seconds",
		    "Time a write waited until its turn to be written came." },
		[STEME_TIMED_COMPACTION] = { "stemedb_lsm_compaction_duration_seconds",
		    "Time a compaction of the index took." },
	};
	struct steme_metrics *m = d->metrics;

	steme_process_metrics(m, NAME);
	d->fsync = steme_series0(steme_family(m, STEME_SUMMARY,
	    "stemedb_wal_fsync_duration_seconds",
	    "Time a sync of the log took; quantiles over five minutes.", NULL));
	for (int i = 0; i < STEME_NTIMED; i++)
		d->timed[i] = steme_series0(steme_family(m, STEME_HISTOGRAM,
		    timed[i].name, timed[i].help, NULL));
	d->fsyncs = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_wal_fsync_total", "Syncs of the log.", NULL));
}

/* What an unclean stop left, and what opening the log did about it. */
static void
log_recovery(struct steme_store *s)
{
	struct steme_store_stats st;

	steme_store_stats(s, &st);
	if (st.wal.torn_bytes_cut > 0)
		steme_log(STEME_WARN | STEME_LOG_STORAGE, "storage: the log ended in a "
		    "torn group that nobody was told of: %llu bytes were cut",
		    (unsigned long long)st.wal.torn_bytes_cut);
	if (st.wal.recovered_records > 0)
		steme_log(STEME_INFO | STEME_LOG_STORAGE, "storage: the log was not "
		    "closed: its last %llu records were written again and synced",
		    (unsigned long long)st.wal.recovered_records);
	else if (st.wal.unclean)
		steme_log(STEME_INFO | STEME_LOG_STORAGE, "storage: the log was not "
		    "closed: all of its %llu records are known to be on disk",
		    (unsigned long long)st.lsn);
}

/* Of the cache, in bytes: claims of predicates that have many; the rest is for views. */
static size_t
kept_claims(const struct daemon *d)
{
	return ((size_t)d->conf.cache_size_mb << 20) / 8;
}

static int
open_store(struct daemon *d, struct steme_why *why)
{
	struct steme_store_opts o = {
		.wal_dir = d->in.wal, .kv_dir = d->in.kv,
		.changes_path = d->in.changes,
		.node_name = d->conf.node_name,
		.lock_timeout_ms = (uint32_t)d->conf.lock_timeout_ms,
		.compact_trigger = d->conf.auto_compaction ?
		    (uint64_t)d->conf.compaction_trigger_mb << 20 : 0,
		.segment_bytes = (uint64_t)d->conf.segment_mb << 20,
		.group_max_wait_ms = (uint32_t)d->conf.group_commit_max_wait_ms,
		.group_max_bytes = (uint32_t)d->conf.group_commit_max_bytes,
		.value_max = (uint32_t)d->conf.value_max_bytes,
		.kept_claims = kept_claims(d),
		.progress = on_progress, .on_commit = on_commit, .on_time = on_time, .arg = d,
	};
	struct steme_key op;
	int err;

	if (d->conf.wal_path[0] != '\0')
		o.wal_dir = d->conf.wal_path;
	if (d->conf.kv_path[0] != '\0')
		o.kv_dir = d->conf.kv_path;
	if ((err = steme_keyring_open(&d->keyring, d->in.keys, why)) != STEME_OK ||
	    (err = steme_keyring_get(d->keyring, "operator", true, &op, NULL,
	    why)) != STEME_OK)
		return err;
	o.operator_ = op.agent;
	if ((err = steme_store_open(&d->store, &o, why)) == STEME_OK) {
		log_recovery(d->store);
		err = fs_seed(d->store, &op, &d->conf, why);
	}
	steme_key_wipe(&op);
	return err;
}

static int
open_service(struct daemon *d, struct steme_why *why)
{
	struct steme_service_opts so = { 0 };
	int err;

	err = steme_views_new(&d->views, d->store,
	    ((size_t)d->conf.cache_size_mb << 20) - kept_claims(d));
	if (err != STEME_OK)
		return steme_fail(why, err, "cannot make the cache");
	if (d->conf.cache_fallback)
		steme_views_fallback(d->views, (uint32_t)d->conf.max_stale_seconds);
	so.store = d->store;
	so.views = d->views;
	so.keyring = d->keyring;
	so.metrics = d->metrics;
	so.node_name = d->conf.node_name;
	so.changes_path = d->in.changes;
	so.version = PACKAGE_VERSION;
	so.wal_failures_before = fs_failures_before(&d->in);
	so.status = mount_status;
	so.stop = request_stop;
	so.arg = d;
	err = steme_service_new(&d->service, &so);
	if (err != STEME_OK)
		return steme_fail(why, err, "cannot start the service");
	set_kick(d, d->service);
	return STEME_OK;
}

static int
open_mount(struct daemon *d, struct steme_why *why)
{
	struct fs_opts o = {
		.store = d->store, .views = d->views, .keyring = d->keyring,
		.metrics = d->metrics, .clock = &steme_clock_system,
		.mountpoint = d->mountpoint,
		.writable = d->conf.mount_writable,
		.max_inodes = (size_t)d->conf.max_inodes,
		.status = file_status, .arg = d,
	};
	unsigned connection = 0;
	struct steme_fs *fs;
	int err;

	if (d->mountpoint == NULL)
		return STEME_OK;
	if ((err = fs_mount(&fs, &o, &connection, why)) != STEME_OK)
		return err;
	set_fs(d, fs);
	fs_watchdog_mounted(d->watchdog, connection, d->mountpoint);
	return STEME_OK;
}

static int
open_socket(struct daemon *d, struct steme_why *why)
{
	struct steme_ctl_opts o = {
		.service = d->service, .path = d->in.socket,
		.owner = (uid_t)-1, .metrics = d->metrics,
	};
	struct stat st;

	if (!d->in.is_default && stat(d->in.dir, &st) == 0)
		o.owner = st.st_uid;
	return steme_ctl_open(&d->ctl, &o, why);
}

static int
start(struct daemon *d, struct steme_why *why)
{
	/* of a systemd unit with LogsDirectory= */
	const char *logs = getenv("LOGS_DIRECTORY");
	char path[PATH_MAX + 32];
	struct steme_pid other;
	int err;

	if (steme_pid_read(&d->in, NAME, &other) == STEME_OK)
		return steme_fail(why, STEME_EBUSY, "a stemefs runs on %s already "
		    "(pid %d)", d->in.dir, (int)other.pid);
	if ((err = steme_instance_make(&d->in, why)) != STEME_OK)
		return err;
	if (d->mountpoint != NULL)
		d->watchdog = fs_watchdog_start(FS_HANG_MS);
	snprintf(path, sizeof(path), "%s/storage.log", logs != NULL &&
	    strlen(logs) < PATH_MAX && logs[0] == '/' ? logs : d->in.log);
	if ((err = steme_log_storage_open(path)) != STEME_OK)
		return steme_fail(why, err, "cannot write %s: %s", path,
		    steme_strerror(err));
	if ((err = steme_sign_init()) != STEME_OK ||
	    (err = steme_metrics_new(&d->metrics)) != STEME_OK)
		return err;
	make_metrics(d);
	/* before a replay that may be long, so that `steme down` finds us meanwhile */
	if ((err = steme_pid_write(&d->in, NAME, why)) != STEME_OK ||
	    (err = open_store(d, why)) != STEME_OK ||
	    (err = open_service(d, why)) != STEME_OK ||
	    (err = open_mount(d, why)) != STEME_OK ||
	    (err = open_socket(d, why)) != STEME_OK)
		return err;
	return fs_upkeep_start(&d->upkeep, d->store);
}

static void
finish(struct daemon *d)
{
	struct steme_fs *fs;

	fs_upkeep_stop(d->upkeep);
	steme_ctl_close(d->ctl);
	pthread_rwlock_wrlock(&d->fs_lock);
	fs = d->fs;
	d->kick = NULL;
	pthread_rwlock_unlock(&d->fs_lock);
	steme_service_free(d->service);
	/* claims under way are answered first, so notifications still work */
	fs_stop_serving(fs);
	set_fs(d, NULL);
	fs_unmount(fs);
	/* the last checkpoint may take long, and the connection's number is another's by then */
	fs_watchdog_stop(d->watchdog);
	steme_views_free(d->views);
	steme_store_close(d->store);
	steme_keyring_close(d->keyring);
	steme_metrics_free(d->metrics);
}

/* ---- running ---- */

/*
 * Once a second.  True while nothing asks the daemon to end.  Nothing in here waits for the
 * disk: that would pass for a hang, and the watchdog would take a mount away that answers.
 */
static bool
tick(struct daemon *d, int *status)
{
	struct steme_store_stats st;

	steme_store_stats(d->store, &st);
	if (st.writes == STEME_WRITES_FAILED) {
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "the log failed (%s): ending, the next start replays what is "
		    "durable", st.reason);
		fs_failures_add(&d->in, st.wal.sync_errors);
		*status = 75;
		return false;
	}
	if (d->fs != NULL && fs_mount_ended(d->fs)) {
		steme_log(STEME_WARN, "unmounted from outside: %s; ending",
		    d->mountpoint);
		return false;
	}
	fs_watchdog_beat(d->watchdog);
	return !atomic_load(&d->stop);
}

static int
run(struct daemon *d, const sigset_t *set)
{
	const struct timespec beat = { 0, 100000000 };	/* changes.h: every 100 ms */
	int status = 0, sig;
	unsigned beats = 0;

#ifdef HAVE_LIBSYSTEMD
	sd_notify(0, "READY=1");
#endif
	steme_log(STEME_INFO, "stemefs %s is ready: data %s%s%s, socket %s",
	    PACKAGE_VERSION, d->in.dir, d->mountpoint != NULL ? ", mount " : "",
	    d->mountpoint != NULL ? d->mountpoint : "", d->in.socket);
	for (;;) {
		steme_changes_heartbeat(steme_store_changes(d->store),
		    steme_mono_us(&steme_clock_system));
		if (beats % BEATS_TICK == 0 && !tick(d, &status))
			break;
		if (++beats % BEATS_MEMORY == 0)
			fs_memory_give_back();
		sig = sigtimedwait(set, NULL, &beat);
		if (sig == SIGTERM || sig == SIGINT || atomic_load(&d->stop))
			break;
	}
#ifdef HAVE_LIBSYSTEMD
	sd_notify(0, "STOPPING=1");
#endif
	return status;
}

static void
on_conf_warning(void *arg, const char *text)
{
	(void)arg;
	steme_log(STEME_WARN, "%s", text);
}

static void
usage(FILE *f)
{
	fputs("usage: stemefs [--dir D] [--mount M | --no-mount] [--config F]\n"
	    "               [--check-config] [--version] [--help]\n\n"
	    "The StemeDB daemon: owns the log and the index below D (default "
	    STEME_DEFAULT_DIR "),\n"
	    "serves the mount at M (default " STEME_DEFAULT_MOUNT ") and the control "
	    "socket D/run/control.sock.\n"
	    "Runs in the foreground; `steme up` starts it detached.\n\n"
	    "example: stemefs --dir /srv/steme --mount /srv/steme/mnt\n", f);
}

struct options {
	const char *dir, *mount, *config;
	bool no_mount, check_config;
};

/* -1: go on; otherwise the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	enum { O_DIR = 256, O_MOUNT, O_NO_MOUNT, O_CONFIG, O_CHECK, O_VERSION,
	    O_HELP };
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, O_DIR },
		{ "mount", required_argument, NULL, O_MOUNT },
		{ "no-mount", no_argument, NULL, O_NO_MOUNT },
		{ "config", required_argument, NULL, O_CONFIG },
		{ "check-config", no_argument, NULL, O_CHECK },
		{ "version", no_argument, NULL, O_VERSION },
		{ "help", no_argument, NULL, O_HELP },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case O_DIR:
			o->dir = optarg;
			break;
		case O_MOUNT:
			o->mount = optarg;
			break;
		case O_NO_MOUNT:
			o->no_mount = true;
			break;
		case O_CONFIG:
			o->config = optarg;
			break;
		case O_CHECK:
			o->check_config = true;
			break;
		case O_VERSION:
			printf("stemefs %s (object format 1, index format %d, "
			    "protocol %d)\n", PACKAGE_VERSION,
			    STEME_INDEX_FORMAT, STEME_WIRE_VERSION);
			return 0;
		case O_HELP:
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 64;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "stemefs: unexpected argument: %s\n", argv[optind]);
		return 64;
	}
	return -1;
}

static int
prepare(struct daemon *d, const struct options *o, struct steme_why *why)
{
	enum steme_log_level level;
	const char *m;
	int err;

	if ((err = steme_instance_init(&d->in, o->dir, why)) != STEME_OK)
		return err;
	err = steme_conf_load(&d->conf, o->config != NULL ? o->config :
	    d->in.conf, o->config != NULL, on_conf_warning, NULL, why);
	if (err != STEME_OK)
		return err;
	if (steme_log_parse_level(d->conf.log_level, &level) == STEME_OK)
		steme_log_set_level(level);
	if (o->no_mount)
		return STEME_OK;
	m = o->mount != NULL ? o->mount : d->conf.mount_path[0] != '\0' ?
	    d->conf.mount_path : STEME_DEFAULT_MOUNT;
	if (m[0] == '/')
		snprintf(d->mount_path, sizeof(d->mount_path), "%s", m);
	else
		return steme_fail(why, STEME_EINVAL, "the mount point %s is not an "
		    "absolute path", m);
	for (size_t n = strlen(d->mount_path); n > 1 &&
	    d->mount_path[n - 1] == '/'; )
		d->mount_path[--n] = '\0';
	d->mountpoint = d->mount_path;
	return steme_instance_mount(&d->in, d->mountpoint, why);
}

static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a file over its limit: EFBIG, which is told */
}

/* Many connections and tables: as many descriptors as we may have. */
static void
raise_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* Takes our own record away, not that of a daemon that was faster. */
static void
forget_pid(const struct steme_instance *in)
{
	struct steme_pid p;

	if (steme_pid_read(in, NAME, &p) == STEME_OK && p.pid == getpid())
		steme_pid_remove(in, NAME);
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	struct options o = { 0 };
	struct steme_why why = { { 0 } };
	sigset_t set;
	int status, err;

	umask(022);
	if ((status = parse_options(argc, argv, &o)) >= 0)
		return status;
	pthread_rwlock_init(&d.fs_lock, NULL);
	if ((err = prepare(&d, &o, &why)) == STEME_OK && o.check_config) {
		steme_conf_print(&d.conf);
		return 0;
	}
	block_signals(&set);
	raise_limits();
	fs_memory_init();
	if (err == STEME_OK)
		err = start(&d, &why);
	if (err == STEME_OK) {
		status = run(&d, &set);
		finish(&d);
		steme_pid_remove(&d.in, NAME);
		steme_log(STEME_INFO, "stemefs ended");
		return status;
	}
	steme_log(STEME_ERROR, "cannot start: %s", why.text[0] != '\0' ?
	    why.text : steme_strerror(err));
	finish(&d);
	forget_pid(&d.in);
	return 1;
}
