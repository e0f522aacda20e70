/* SPDX-License-Identifier: Apache-2.0 */
/*
 * down.c - steme down: the sidecar, then the daemon, then what a killed one left: a dead
 * mount, a socket nobody answers, pid files.
 */
#include "config.h"
#include "cli/up.h"
#include "cli/mounts.h"
#include "cli/out.h"
#include "cli/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The sidecar answers what is in hand; the daemon writes a checkpoint. */
#define SIDECAR_MS	15000
#define DAEMON_MS	60000

static int
stop_one(struct cli *c, const char *name, int term_ms, bool *was)
{
	struct steme_pid p;
	bool killed;
	int err;

	if (steme_pid_read(&c->in, name, &p) != STEME_OK) {
		if (p.pid != 0)
			steme_pid_remove(&c->in, name);
		return STEME_OK;
	}
	*was = true;
	err = proc_stop(&p, term_ms, &killed);
	if (err == STEME_EPERM)
		return steme_fail(&c->why, err, "%s (pid %d) runs as another user, "
		    "who alone (or root) may end it", name, (int)p.pid);
	if (err != STEME_OK)
		return steme_fail(&c->why, err, "%s (pid %d) does not end, not even "
		    "by SIGKILL: it hangs in the kernel (a dead disk?)", name,
		    (int)p.pid);
	if (killed)
		cli_note(c, "%s (pid %d) did not end within %d s and was killed; "
		    "the next start replays what is durable", name, (int)p.pid,
		    term_ms / 1000);
	steme_pid_remove(&c->in, name);
	return STEME_OK;
}

/* The daemon has ended: what is mounted there and answers is not ours. */
static int
clean_mount(struct cli *c, const char *mount)
{
	enum mount_state m;

	if (mount[0] == '\0')
		return STEME_OK;
	m = mount_look(mount, 2000, NULL);
	if (m != MOUNT_DEAD && m != MOUNT_SLOW)
		return STEME_OK;
	cli_note(c, "unmounting %s, which a daemon left behind", mount);
	return mount_detach(mount, &c->why);
}

static void
clean_socket(struct cli *c)
{
	struct steme_client *client;
	struct stat st;

	if (lstat(c->in.socket, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	if (steme_client_open_within(&client, c->in.socket, STEME_ROLE_READER,
	    CLI_LOOK_MS, NULL) == STEME_OK)
		steme_client_close(client);	/* one that up did not start */
	else
		unlink(c->in.socket);
}

static int
bring_down(struct cli *c, const char *mount, bool *was)
{
	static const struct site_options nothing = { NULL, false, UINT64_MAX,
	    UINT64_MAX };
	struct site s;
	int err;

	if ((err = stop_one(c, SIDECAR, SIDECAR_MS, was)) != STEME_OK ||
	    (err = stop_one(c, DAEMON, DAEMON_MS, was)) != STEME_OK)
		return err;
	/* a configuration that cannot be read is no reason not to end */
	if (mount == NULL && site_find(&s, &c->in, &nothing, NULL) == STEME_OK &&
	    s.recorded)
		mount = s.mount;
	if (mount != NULL && (err = clean_mount(c, mount)) != STEME_OK)
		return err;
	clean_socket(c);
	return STEME_OK;
}

int
down_run(struct cli *c, const char *mount, bool *was)
{
	int err;

	*was = false;
	err = bring_down(c, mount, was);
	return err == STEME_OK ? EX_OK : cli_fail(c, err);
}

int
cmd_down(struct cli *c, int argc, char **argv)
{
	const char *mount = NULL;
	const struct cli_opt opts[] = {
		{ "mount", OPT_TEXT, &mount, "M",
		    "where it was mounted, if that is not recorded" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	bool was;
	int status;

	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0 ||
	    (status = down_run(c, mount, &was)) != EX_OK)
		return status;
	if (c->json)
		printf("{\"stopped\":%s}\n", was ? "true" : "false");
	else
		printf("%s: data %s\n", was ? "stopped" : "not running", c->in.dir);
	return EX_OK;
}
