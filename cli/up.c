/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up.c - steme up and restart: the daemon, its mount, the sidecar; each is waited for
 * until it answers, and each wait has an end.
 *
 * Two calls at once are kept apart by a lock on D/run/up.lock.
 */
#include "config.h"
#include "cli/up.h"
#include "cli/http.h"
#include "cli/jv.h"
#include "cli/mounts.h"
#include "cli/out.h"
#include "cli/proc.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S		60	/* for an answer, while the log stands still */
#define WAIT_MAX_S	1000000
#define MOUNT_WAIT_MS	5000
#define HTTP_WAIT_MS	2000
#define ANSWER_MS	2000

/* One daemon on its way up. */
struct start {
	struct cli *c;
	const struct site *site;
	const char *name;
	char log[PATH_MAX + 64];
	int64_t log_from;
	int64_t until, limit_us;
	int64_t log_seen;
	pid_t pid;			/* our child; 0: it ran already */
};

void
up_options(struct up_args *a, struct cli_opt opts[UP_OPTS])
{
	const struct cli_opt o[UP_OPTS] = {
		{ "mount", OPT_TEXT, &a->o.mount, "M",
		    "where to mount (default: as before, else " STEME_DEFAULT_MOUNT ")" },
		{ "no-mount", OPT_FLAG, &a->o.no_mount, NULL,
		    "no mount: only socket and HTTP" },
		{ "port", OPT_UINT, &a->o.port, "P",
		    "HTTP port (default: as before, else 18180)" },
		{ "cluster-port", OPT_UINT, &a->o.cluster_port, "Q",
		    "second HTTP port (default: 18181 if P is 18180, else none)" },
		{ "wait", OPT_UINT, &a->wait_s, "S",
		    "give up after S seconds without progress (60)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};

	memset(a, 0, sizeof(*a));
	a->o.port = a->o.cluster_port = UINT64_MAX;
	a->wait_s = WAIT_S;
	memcpy(opts, o, sizeof(o));
}

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

/* Another `up` may be at work; it is waited for.  The lock ends with the descriptor. */
static int
take_lock(struct cli *c, int *fd, uint64_t wait_s)
{
	char path[PATH_MAX + 32];
	int64_t until = now_us() + (int64_t)wait_s * 1000000;

	snprintf(path, sizeof(path), "%s/up.lock", c->in.run);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return steme_fail(&c->why, steme_err_from_errno(errno),
		    "cannot write %s: %s", path, strerror(errno));
	while (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
		if (now_us() > until)
			return steme_fail(&c->why, STEME_EBUSY, "another steme up "
			    "or down on %s does not end", c->in.dir);
		proc_sleep_ms(50);
	}
	return STEME_OK;
}

/* ---- waiting ---- */

/* The cause of a failed start: what the daemon logged last. */
static int
died(struct start *s, int status)
{
	char message[400];

	if (!proc_last_message(s->log, s->log_from, message, sizeof(message)))
		snprintf(message, sizeof(message), WIFSIGNALED(status) ?
		    "signal %d ended it" : "it ended with status %d",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return steme_fail(&s->c->why, STEME_ECONN, "%s did not start: %s", s->name,
	    message);
}

static int
too_long(struct start *s)
{
	char message[300];

	if (!proc_last_message(s->log, s->log_from, message, sizeof(message)))
		strcpy(message, "(nothing)");
	return steme_fail(&s->c->why, STEME_ETIMEOUT, "%s runs, but has not answered "
	    "for %lld s; it said last: %s (log: %.100s).  If it hangs: steme restart",
	    s->name, (long long)(s->limit_us / 1000000), message, s->log);
}

static bool
alive(const struct steme_instance *in, const char *name)
{
	struct steme_pid p;

	return steme_pid_read(in, name, &p) == STEME_OK;
}

/*
 * Between two attempts.  A long replay says how far it is: while the log grows, the
 * clock starts anew.  STEME_ESTALE: what was waited for is another's, and has ended.
 */
static int
pause_start(struct start *s, unsigned *ms)
{
	int64_t size = proc_size(s->log);
	int status;

	if (s->pid > 0 && proc_ended(s->pid, &status))
		return died(s, status);
	if (s->pid == 0 && !alive(&s->c->in, s->name))
		return steme_fail(&s->c->why, STEME_ESTALE, "%s ended while it was "
		    "waited for", s->name);
	if (size > s->log_seen) {
		s->log_seen = size;
		s->until = now_us() + s->limit_us;
	}
	if (now_us() > s->until)
		return too_long(s);
	proc_sleep_ms(*ms);
	*ms = *ms < 50 ? *ms * 2 : 50;
	return STEME_OK;
}

static void
begin_wait(struct start *s, uint64_t wait_s)
{
	s->limit_us = (int64_t)wait_s * 1000000;
	s->until = now_us() + s->limit_us;
	s->log_seen = proc_size(s->log);
}

static int
wait_socket(struct start *s)
{
	struct steme_client *client;
	struct steme_why why;
	unsigned ms = 2;
	int err;

	for (;;) {
		if (steme_client_open_within(&client, s->c->in.socket,
		    STEME_ROLE_NONE, ANSWER_MS, &why) == STEME_OK) {
			steme_client_close(client);
			return STEME_OK;
		}
		if ((err = pause_start(s, &ms)) != STEME_OK)
			return err;
	}
}

static int
wait_mount(struct start *s)
{
	enum mount_state m = MOUNT_LIVE;
	unsigned ms = 2;
	int err;

	while (s->site->mount[0] != '\0' && (m = mount_look(s->site->mount,
	    MOUNT_WAIT_MS, NULL)) != MOUNT_LIVE) {
		if (m == MOUNT_SLOW || m == MOUNT_DEAD)
			return steme_fail(&s->c->why, STEME_ETIMEOUT, "the mount at "
			    "%s is there, but does not answer; steme restart "
			    "starts it anew", s->site->mount);
		if ((err = pause_start(s, &ms)) != STEME_OK)
			return err;
	}
	return STEME_OK;
}

static int
wait_http(struct start *s)
{
	uint16_t port = (uint16_t)s->site->port;
	/* with time to wait: until data is served, by a sidecar that saw the daemon die */
	const char *path = s->limit_us > 0 ? "/v1/health" : "/healthz";
	struct steme_pid p;
	unsigned ms = 2;
	int err;

	for (;;) {
		/* recorded: so what answers is ours, not a stranger on that port */
		if (steme_pid_read(&s->c->in, SIDECAR, &p) == STEME_OK &&
		    (s->pid == 0 || p.pid == s->pid) &&
		    http_get_status(s->site->host, port, s->site->tls, path,
		    HTTP_WAIT_MS) == 200)
			return STEME_OK;
		if ((err = pause_start(s, &ms)) != STEME_OK)
			return err;
	}
}

/* ---- starting ---- */

static void
begin(struct start *s, struct cli *c, const struct site *site, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->c = c;
	s->site = site;
	s->name = name;
	snprintf(s->log, sizeof(s->log), "%s/%s.log", c->in.log, name);
	s->log_from = proc_size(s->log);
}

int
up_clear_mount(struct cli *c, const struct site *site)
{
	char type[64];

	switch (mount_look(site->mount, MOUNT_WAIT_MS, type)) {
	case MOUNT_NONE:
		break;
	case MOUNT_FOREIGN:
		return steme_fail(&c->why, STEME_EBUSY, "something else (%s) is "
		    "mounted at %s: choose another --mount", type, site->mount);
	case MOUNT_LIVE:
		/* our daemon does not run, so it is another instance's */
		return steme_fail(&c->why, STEME_EBUSY, "another StemeDB is mounted "
		    "at %s: choose another --mount, or end that one", site->mount);
	case MOUNT_DEAD:
	case MOUNT_SLOW:
		cli_note(c, "unmounting %s, which a daemon left behind",
		    site->mount);
		if (mount_detach(site->mount, &c->why) != STEME_OK)
			return STEME_EPERM;
	}
	return mount_prepare(site->mount, &c->why);
}

static int
start_daemon(struct start *s)
{
	char path[PATH_MAX];
	const char *argv[8] = { path, "--dir", s->c->in.dir };
	int n = 3, err;

	if (s->site->mount[0] != '\0') {
		if ((err = up_clear_mount(s->c, s->site)) != STEME_OK)
			return err;
		argv[n++] = "--mount";
		argv[n++] = s->site->mount;
	} else {
		argv[n++] = "--no-mount";
	}
	if ((err = proc_find(path, DAEMON, &s->c->why)) != STEME_OK)
		return err;
	return proc_start(&s->pid, argv, s->log, &s->log_from, &s->c->why);
}

static int
start_sidecar(struct start *s)
{
	char path[PATH_MAX], port[16], cluster[16];
	const char *argv[8] = { path, "--dir", s->c->in.dir, "--port", port };
	int err;

	snprintf(port, sizeof(port), "%u", (unsigned)s->site->port);
	snprintf(cluster, sizeof(cluster), "%u", (unsigned)s->site->cluster_port);
	if (s->site->cluster_port != 0) {
		argv[5] = "--cluster-port";
		argv[6] = cluster;
	}
	if ((err = proc_find(path, SIDECAR, &s->c->why)) != STEME_OK)
		return err;
	return proc_start(&s->pid, argv, s->log, &s->log_from, &s->c->why);
}

/* Of a sidecar to be started: are its ports free, but those of ours (NULL: none)? */
static int
check_ports(struct cli *c, const struct site *s, const struct site *ours)
{
	const uint64_t port[2] = { s->port, s->cluster_port };

	for (int i = 0; i < 2; i++)
		if (port[i] != 0 && (ours == NULL || (port[i] != ours->port &&
		    port[i] != ours->cluster_port)) && http_get_status(s->host, (uint16_t)port[i],
		    s->tls, "/healthz", HTTP_WAIT_MS) != STEME_ECONN)
			return steme_fail(&c->why, STEME_EBUSY, "port %u of %s is in "
			    "use by another program: choose another %s (ss -ltnp "
			    "shows whose it is)", (unsigned)port[i], s->host,
			    i == 0 ? "--port" : "--cluster-port");
	return STEME_OK;
}

/* Is what runs what is wanted, and can what does not run be started? */
static int
check_wish(struct cli *c, const struct site *now, const struct site *want)
{
	bool sidecar = alive(&c->in, SIDECAR);

	if (now->recorded && alive(&c->in, DAEMON) &&
	    strcmp(now->mount, want->mount) != 0)
		return steme_fail(&c->why, STEME_EBUSY, "it runs %s%s already; steme "
		    "restart --dir %s %s%s moves it", now->mount[0] == '\0' ?
		    "without a mount" : "with the mount ", now->mount, c->in.dir,
		    want->mount[0] == '\0' ? "--no-mount" : "--mount ",
		    want->mount);
	if (now->recorded && sidecar && (now->port != want->port ||
	    now->cluster_port != want->cluster_port))
		return steme_fail(&c->why, STEME_EBUSY, "it runs on port %u%s already; "
		    "steme restart --dir %s --port %u moves it",
		    (unsigned)now->port, now->port == want->port ?
		    " with another --cluster-port" : "", c->in.dir,
		    (unsigned)want->port);
	return sidecar ? STEME_OK : check_ports(c, want, NULL);
}

static int
try_daemon(struct cli *c, const struct site *site, uint64_t wait_s, bool *started)
{
	struct steme_pid p;
	struct start s;
	int err;

	begin(&s, c, site, DAEMON);
	if (steme_pid_read(&c->in, DAEMON, &p) != STEME_OK) {
		if ((err = start_daemon(&s)) != STEME_OK)
			return err;
		*started = true;
	} else if (site->mount[0] != '\0' && mount_look(site->mount, MOUNT_WAIT_MS,
	    NULL) == MOUNT_DEAD) {
		bool killed;

		/* it lives, but lost its mount (an abort, umount -l): begin anew */
		cli_note(c, "the mount at %s is dead: restarting the daemon",
		    site->mount);
		if ((err = proc_stop(&p, 30000, &killed)) != STEME_OK)
			return steme_fail(&c->why, err, "the daemon (pid %d) does "
			    "not end", (int)p.pid);
		steme_pid_remove(&c->in, DAEMON);
		if ((err = start_daemon(&s)) != STEME_OK)
			return err;
		*started = true;
	}
	begin_wait(&s, wait_s);
	if ((err = wait_socket(&s)) != STEME_OK)
		return err;
	return wait_mount(&s);
}

static int
try_sidecar(struct cli *c, const struct site *site, uint64_t wait_s, bool *started)
{
	struct steme_pid p;
	struct start s;
	int err;

	begin(&s, c, site, SIDECAR);
	if (steme_pid_read(&c->in, SIDECAR, &p) != STEME_OK) {
		if ((err = start_sidecar(&s)) != STEME_OK)
			return err;
		*started = true;
	}
	begin_wait(&s, wait_s);
	return wait_http(&s);
}

/* What is met while it ends is waited for in vain: then there is room for one of ours. */
static int
bring(int (*try)(struct cli *, const struct site *, uint64_t, bool *), struct cli *c,
    const struct site *site, uint64_t wait_s, bool *started)
{
	int err = try(c, site, wait_s, started);

	return err == STEME_ESTALE ? try(c, site, wait_s, started) : err;
}

/* All that is wanted runs and answers: then nothing is touched, and anybody may ask. */
static bool
is_well(struct cli *c, const struct site *now, const struct site *want)
{
	struct start d, api;

	if (!now->recorded || !alive(&c->in, DAEMON) || !alive(&c->in, SIDECAR) ||
	    check_wish(c, now, want) != STEME_OK)
		return false;
	begin(&d, c, want, DAEMON);
	begin(&api, c, want, SIDECAR);
	/* no time to wait: one attempt each */
	return wait_socket(&d) == STEME_OK && wait_mount(&d) == STEME_OK &&
	    wait_http(&api) == STEME_OK;
}

/* What is wanted, and what is recorded. */
static int
find_sites(struct cli *c, const struct up_args *a, struct site *want, struct site *now)
{
	static const struct site_options nothing = { NULL, false, UINT64_MAX,
	    UINT64_MAX };
	int err = site_find(want, &c->in, &a->o, &c->why);

	return err != STEME_OK ? err : site_find(now, &c->in, &nothing, &c->why);
}

static int
bring_up(struct cli *c, const struct up_args *a, bool *started, struct site *s)
{
	struct site now;
	int fd = -1, err;

	if ((err = find_sites(c, a, s, &now)) != STEME_OK)
		return err;
	if (is_well(c, &now, s))
		return STEME_OK;
	c->why.text[0] = '\0';
	if ((err = steme_instance_make(&c->in, &c->why)) != STEME_OK ||
	    (err = take_lock(c, &fd, a->wait_s)) != STEME_OK)
		goto out;
	/* once more: whoever had the lock may have started something else */
	if ((err = find_sites(c, a, s, &now)) != STEME_OK ||
	    (err = check_wish(c, &now, s)) != STEME_OK ||
	    (err = site_save(s, &c->in, &c->why)) != STEME_OK ||
	    (err = bring(try_daemon, c, s, a->wait_s, started)) != STEME_OK)
		goto out;
	err = bring(try_sidecar, c, s, a->wait_s, started);
out:
	if (fd >= 0)
		close(fd);
	return err;
}

/* -1: go on; or the exit status after a complaint. */
static int
check_args(struct cli *c, const struct up_args *a)
{
	if (a->o.no_mount && a->o.mount != NULL)
		return cli_usage(c, "--mount and --no-mount exclude each other");
	if (a->wait_s > WAIT_MAX_S)
		return cli_usage(c, "--wait takes at most %d", WAIT_MAX_S);
	return -1;
}

int
up_fail(struct cli *c, int err)
{
	struct steme_why why = c->why;

	return err == STEME_OK ? EX_OK : err == STEME_ENOTFOUND ?
	    cli_missing(c, "%s", why.text) : cli_fail(c, err);
}

int
up_run(struct cli *c, const struct up_args *a, bool *started, struct site *s)
{
	int status;

	*started = false;
	if ((status = check_args(c, a)) >= 0)
		return status;
	return up_fail(c, bring_up(c, a, started, s));
}

/* Before anything is ended: what could not be started afterwards is refused. */
static int
check_restart(struct cli *c, const struct up_args *a)
{
	struct site now, want;
	int status, err;

	if ((status = check_args(c, a)) >= 0)
		return status;
	if ((err = find_sites(c, a, &want, &now)) == STEME_OK &&
	    want.mount[0] != '\0' && strcmp(want.mount, now.mount) != 0)
		err = up_clear_mount(c, &want);
	if (err == STEME_OK)
		err = check_ports(c, &want, alive(&c->in, SIDECAR) ? &now : NULL);
	return up_fail(c, err);
}

/* ---- the commands ---- */

static void
tell(struct cli *c, const struct site *s, bool started)
{
	struct steme_buf b = { 0 };

	if (!c->json) {
		printf("%s: data %s, %s%s, http%s://%s%s%s:%u\n", started ? "running" :
		    "already running", c->in.dir, s->mount[0] == '\0' ?
		    "no mount" : "mounted at ", s->mount, s->tls ? "s" : "",
		    strchr(s->host, ':') != NULL ? "[" : "", s->host,
		    strchr(s->host, ':') != NULL ? "]" : "", (unsigned)s->port);
		return;
	}
	steme_buf_printf(&b, "{\"started\":%s,\"dir\":", started ? "true" : "false");
	out_json_str(&b, steme_str_from(c->in.dir));
	steme_buf_puts(&b, ",\"mount\":");
	if (s->mount[0] == '\0')
		steme_buf_puts(&b, "null");
	else
		out_json_str(&b, steme_str_from(s->mount));
	steme_buf_printf(&b, ",\"port\":%u,\"cluster_port\":%u}\n",
	    (unsigned)s->port, (unsigned)s->cluster_port);
	cli_print(c, &b);
	steme_buf_fini(&b);
}

int
cmd_up(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[UP_OPTS];
	struct up_args a;
	struct site s;
	bool started;
	int status;

	up_options(&a, opts);
	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0 ||
	    (status = up_run(c, &a, &started, &s)) != EX_OK)
		return status;
	tell(c, &s, started);
	return EX_OK;
}

int
cmd_restart(struct cli *c, int argc, char **argv)
{
	struct cli_opt opts[UP_OPTS];
	struct up_args a;
	struct site s;
	bool started, was;
	int status;

	up_options(&a, opts);
	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0 ||
	    (status = check_restart(c, &a)) != EX_OK ||
	    (status = down_run(c, NULL, &was)) != EX_OK ||
	    (status = up_run(c, &a, &started, &s)) != EX_OK)
		return status;
	tell(c, &s, true);
	return EX_OK;
}
