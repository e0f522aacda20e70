/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - steme run: daemon and sidecar in the foreground as one service.  Both log to
 * stderr; when one ends, the other is ended; SIGTERM and SIGINT end both, the sidecar
 * first.  The daemon tells systemd when it is ready; the sidecar waits for it by itself.
 */
#include "config.h"
#include "cli/up.h"
#include "cli/proc.h"
#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDECAR_MS	15000
#define DAEMON_MS	60000

struct child {
	const char *name;
	pid_t pid;			/* 0: none (any more) */
	int status;			/* of wait(), once it has ended */
	bool wanted;			/* we ended it */
};

enum { FS, API, NCHILDREN };

struct service {
	struct child child[NCHILDREN];
	sigset_t set;
	bool stop;
};

/* ---- starting ---- */

static void
become(const char *const argv[], pid_t parent, bool notify)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* nothing is left behind if this process is killed */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(127);
	if (!notify)
		unsetenv("NOTIFY_SOCKET");
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int
spawn(struct child *p, const char *name, const char *const argv[], bool notify,
    struct steme_why *why)
{
	pid_t parent = getpid();

	p->name = name;
	if ((p->pid = fork()) < 0) {
		p->pid = 0;
		return steme_fail(why, steme_err_from_errno(errno),
		    "cannot start %s: %s", name, strerror(errno));
	}
	if (p->pid == 0)
		become(argv, parent, notify);
	return STEME_OK;
}

static int
start_daemon(struct cli *c, const struct site *site, struct child *p)
{
	char path[PATH_MAX];
	const char *argv[8] = { path, "--dir", c->in.dir };
	int n = 3, err;

	if (site->mount[0] == '\0') {
		argv[n++] = "--no-mount";
	} else {
		if ((err = up_clear_mount(c, site)) != STEME_OK)
			return err;
		argv[n++] = "--mount";
		argv[n++] = site->mount;
	}
	if ((err = proc_find(path, DAEMON, &c->why)) != STEME_OK)
		return err;
	return spawn(p, DAEMON, argv, true, &c->why);
}

static int
start_sidecar(struct cli *c, const struct site *site, struct child *p)
{
	char path[PATH_MAX], port[24], cluster[24];
	const char *argv[8] = { path, "--dir", c->in.dir, "--port", port };
	int err;

	snprintf(port, sizeof(port), "%u", (unsigned)site->port);
	snprintf(cluster, sizeof(cluster), "%u", (unsigned)site->cluster_port);
	if (site->cluster_port != 0) {
		argv[5] = "--cluster-port";
		argv[6] = cluster;
	}
	if ((err = proc_find(path, SIDECAR, &c->why)) != STEME_OK)
		return err;
	return spawn(p, SIDECAR, argv, false, &c->why);
}

static int
start(struct cli *c, const struct up_args *a, struct service *s)
{
	struct site site;
	struct steme_pid p;
	int err;

	if ((err = site_find(&site, &c->in, &a->o, &c->why)) != STEME_OK ||
	    (err = steme_instance_make(&c->in, &c->why)) != STEME_OK)
		return err;
	if (steme_pid_read(&c->in, DAEMON, &p) == STEME_OK ||
	    steme_pid_read(&c->in, SIDECAR, &p) == STEME_OK)
		return steme_fail(&c->why, STEME_EBUSY, "%s is served already, by "
		    "process %d; steme down --dir %s ends it", c->in.dir, (int)p.pid,
		    c->in.dir);
	if ((err = site_save(&site, &c->in, &c->why)) != STEME_OK ||
	    (err = start_daemon(c, &site, &s->child[FS])) != STEME_OK)
		return err;
	return start_sidecar(c, &site, &s->child[API]);
}

/* ---- watching ---- */

static void
tell(const struct child *p)
{
	if (p->wanted)
		return;
	if (WIFSIGNALED(p->status))
		steme_log(STEME_ERROR, "%s was ended by signal %d", p->name,
		    WTERMSIG(p->status));
	else if (WEXITSTATUS(p->status) != 0)
		steme_log(STEME_ERROR, "%s ended with status %d", p->name,
		    WEXITSTATUS(p->status));
	else
		steme_log(STEME_WARN, "%s ended; so does the service", p->name);
}

/* Takes note of children that have ended. */
static void
reap(struct service *s)
{
	for (int i = 0; i < NCHILDREN; i++) {
		struct child *p = &s->child[i];

		if (p->pid == 0 || waitpid(p->pid, &p->status, WNOHANG) != p->pid)
			continue;
		p->pid = 0;
		tell(p);
		s->stop = true;
	}
}

static void
watch(struct service *s)
{
	int sig;

	while (!s->stop) {
		if (sigwait(&s->set, &sig) != 0)
			continue;
		if (sig == SIGCHLD)
			reap(s);
		else
			s->stop = true;
	}
}

/* ---- ending ---- */

static void
end(struct service *s, struct child *p, int ms)
{
	int64_t until = steme_mono_us(&steme_clock_system) + (int64_t)ms * 1000;

	if (p->pid == 0)
		return;
	p->wanted = true;
	kill(p->pid, SIGTERM);
	while (p->pid != 0 && steme_mono_us(&steme_clock_system) < until) {
		proc_sleep_ms(10);
		reap(s);
	}
	if (p->pid == 0)
		return;
	steme_log(STEME_ERROR, "%s does not end: killed; the next start replays what "
	    "is durable", p->name);
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

/* What a child that ended by itself, or was killed, leaves for whoever started us. */
static int
outcome(const struct service *s)
{
	for (int i = 0; i < NCHILDREN; i++) {
		const struct child *p = &s->child[i];

		if (p->name == NULL || (WIFEXITED(p->status) &&
		    WEXITSTATUS(p->status) == 0))
			continue;
		return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : EX_SOFTWARE;
	}
	return EX_OK;
}

int
cmd_run(struct cli *c, int argc, char **argv)
{
	struct service s = { 0 };
	struct cli_opt opts[UP_OPTS];
	struct up_args a;
	int status, err;

	up_options(&a, opts);
	opts[UP_OPTS - 2].help = NULL;	/* --wait is of those who wait */
	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0)
		return status;
	if (a.o.no_mount && a.o.mount != NULL)
		return cli_usage(c, "--mount and --no-mount exclude each other");
	steme_log_set_level(STEME_INFO);
	sigemptyset(&s.set);
	sigaddset(&s.set, SIGCHLD);
	sigaddset(&s.set, SIGTERM);
	sigaddset(&s.set, SIGINT);
	sigprocmask(SIG_BLOCK, &s.set, NULL);
	if ((err = start(c, &a, &s)) == STEME_OK)
		watch(&s);
	end(&s, &s.child[API], SIDECAR_MS);
	end(&s, &s.child[FS], DAEMON_MS);
	return err == STEME_OK ? outcome(&s) : up_fail(c, err);
}
