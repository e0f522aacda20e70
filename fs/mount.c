/* SPDX-License-Identifier: Apache-2.0 */
/* mount.c - mounting, serving, unmounting. */
#include "fs/fs.h"
#include "fs/mount.h"
#include "core/log.h"
#include "core/mountinfo.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_MAX	8

void
fs_write_begin(struct steme_fs *fs)
{
	pthread_mutex_lock(&fs->mu);
	fs->writes++;
	pthread_mutex_unlock(&fs->mu);
}

void
fs_write_end(struct steme_fs *fs)
{
	pthread_mutex_lock(&fs->mu);
	if (--fs->writes == 0)
		pthread_cond_broadcast(&fs->idle);
	pthread_mutex_unlock(&fs->mu);
}

/* Makes the folder and its parents. */
static int
make_folder(const char *path)
{
	char p[PATH_MAX];

	snprintf(p, sizeof(p), "%s", path);
	for (char *s = p + 1; ; s++) {
		if (*s != '/' && *s != '\0')
			continue;
		char c = *s;

		*s = '\0';
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return steme_err_from_errno(errno);
		*s = c;
		if (c == '\0')
			return STEME_OK;
	}
}

/* A mount whose daemon died answers ENOTCONN: take it away. */
static int
prepare_place(const char *path, struct steme_why *why)
{
	struct stat st;
	char cmd[PATH_MAX + 64];
	int err;

	for (int i = 0; i < 8 && stat(path, &st) < 0 && errno == ENOTCONN; i++) {
		steme_log(STEME_WARN, "taking away the dead mount at %s", path);
		if (umount2(path, MNT_DETACH) == 0)
			continue;
		snprintf(cmd, sizeof(cmd), "umount -l %s", path);
		if (geteuid() == 0)
			return steme_fail(why, STEME_EBUSY, "cannot take away the "
			    "dead mount at %s: %s; try: %s", path,
			    strerror(errno), cmd);
		break;
	}
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? STEME_OK : steme_fail(why,
		    STEME_EINVAL, "the mount point %s is not a folder", path);
	if (errno == ENOTCONN)
		return steme_fail(why, STEME_EBUSY, "a dead mount is in the way at "
		    "%s: run: fusermount3 -uz %s", path, path);
	if ((err = make_folder(path)) != STEME_OK)
		return steme_fail(why, err, "cannot make the mount point %s: %s",
		    path, steme_strerror(err));
	return STEME_OK;
}

static void
ignore_signal(int sig)
{
	(void)sig;
}

static void *
serve(void *arg)
{
	struct steme_fs *fs = arg;
	struct fuse_loop_config *cfg = fuse_loop_cfg_create();

	if (cfg != NULL) {
		fuse_loop_cfg_set_clone_fd(cfg, 1);
		fuse_loop_cfg_set_max_threads(cfg, THREADS_MAX);
		fuse_loop_cfg_set_idle_threads(cfg, THREADS_MAX);
		fuse_session_loop_mt(fs->se, cfg);
		fuse_loop_cfg_destroy(cfg);
	} else {
		fuse_session_loop(fs->se);
	}
	atomic_store(&fs->ended, true);
	return NULL;
}

static void
metrics_hook(void *arg)
{
	struct steme_fs *fs = arg;
	struct fs_nodes_stats ns;

	fs_nodes_stats(fs->nodes, &ns);
	steme_set(fs->inodes, (double)ns.nodes);
	steme_set(fs->inodes_dropped, (double)ns.dropped);
	if (fs->notify != NULL) {
		struct fs_notify_stats st;

		fs_notify_stats(fs->notify, &st);
		steme_set(fs->sent, (double)st.sent);
		steme_set(fs->late, (double)st.late);
	}
}

static void
make_metrics(struct steme_fs *fs)
{
	struct steme_metrics *m = fs->o.metrics;

	fs->requests = steme_family(m, STEME_COUNTER,
	    "stemedb_fuse_requests_total", "Requests from the kernel by operation.",
	    "op");
	fs->inodes = steme_series0(steme_family(m, STEME_GAUGE,
	    "stemedb_fuse_inodes", "Nodes the kernel knows by number.", NULL));
	fs->inodes_dropped = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_fuse_inodes_dropped_total",
	    "Files the kernel was asked to forget because of max_inodes.", NULL));
	fs->sent = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_fuse_notifications_total",
	    "Names and directories the kernel was told to forget.", NULL));
	fs->late = steme_series0(steme_family(m, STEME_COUNTER,
	    "stemedb_fuse_notifications_late_total",
	    "Writes acknowledged before their notifications were sent.", NULL));
	steme_metrics_hook(m, metrics_hook, fs);
}

static int
open_session(struct steme_fs *fs, struct steme_why *why)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	bool root = geteuid() == 0;
	char opts[256];
	int err = STEME_ENOMEM;

	snprintf(opts, sizeof(opts), "-odefault_permissions,fsname=stemedb,"
	    "subtype=stemefs%s%s", root ? ",allow_other" : "",
	    fs->o.writable ? "" : ",ro");
	if (fuse_opt_add_arg(&args, "stemefs") == 0 &&
	    fuse_opt_add_arg(&args, opts) == 0)
		fs->se = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), fs);
	fuse_opt_free_args(&args);
	if (fs->se == NULL)
		return steme_fail(why, err, "cannot make a FUSE session");
	if (fuse_session_mount(fs->se, fs->o.mountpoint) != 0) {
		fuse_session_destroy(fs->se);
		fs->se = NULL;
		return steme_fail(why, STEME_EPERM, "cannot mount at %s (why stands "
		    "in the log before this): check that /dev/fuse exists%s, or "
		    "start with --no-mount", fs->o.mountpoint, root ?
		    " and that you may mount (a container needs --device /dev/fuse "
		    "--cap-add SYS_ADMIN)" :
		    " and that fusermount3 (package fuse3) is installed");
	}
	return STEME_OK;
}

int
fs_mount(struct steme_fs **out, const struct fs_opts *o, unsigned *connection,
    struct steme_why *why)
{
	struct steme_fs *fs = calloc(1, sizeof(*fs));
	struct group *gr = getgrnam("stemedb");
	struct sigaction sa = { .sa_handler = ignore_signal };
	struct steme_mountinfo m;
	int err;

	*out = NULL;
	if (fs == NULL)
		return STEME_ENOMEM;
	fs->o = *o;
	fs->uid = geteuid();
	fs->gid = gr != NULL && fs->uid == 0 ? gr->gr_gid : getegid();
	fs->start_us = steme_wall_us(o->clock);
	fs->changes_base = steme_store_lsn(o->store);
	pthread_mutex_init(&fs->mu, NULL);
	pthread_cond_init(&fs->idle, NULL);
	if ((err = prepare_place(o->mountpoint, why)) != STEME_OK)
		goto out;
	err = STEME_EBUSY;
	if (steme_mountinfo_find(o->mountpoint, &m) &&
	    strncmp(m.type, "fuse", 4) == 0) {
		steme_fail(why, err, "%s is a FUSE mount already: unmount it "
		    "(umount %s), or use another --mount", o->mountpoint,
		    o->mountpoint);
		goto out;
	}
	if ((err = fs_nodes_new(&fs->nodes, o->max_inodes)) != STEME_OK ||
	    (err = fs_pending_new(&fs->pending)) != STEME_OK ||
	    (err = open_session(fs, why)) != STEME_OK)
		goto out;
	if ((err = fs_notify_start(&fs->notify, fs->se, fs->nodes,
	    o->store)) != STEME_OK)
		goto out;
	make_metrics(fs);
	sigaction(SIGUSR1, &sa, NULL);
	err = STEME_EAGAIN;
	if (pthread_create(&fs->loop, NULL, serve, fs) != 0)
		goto out;
	*connection = steme_mountinfo_find(o->mountpoint, &m) ? m.minor : 0;
	*out = fs;
	return STEME_OK;
out:
	fs_notify_stop(fs->notify);
	if (fs->se != NULL) {
		fuse_session_unmount(fs->se);
		fuse_session_destroy(fs->se);
	}
	fs_pending_free(fs->pending);
	fs_nodes_free(fs->nodes);
	free(fs);
	return err;
}

bool
fs_mount_ended(struct steme_fs *fs)
{
	return atomic_load(&fs->ended);
}

void
fs_on_commit(struct steme_fs *fs, const struct steme_commit_item *items, size_t n)
{
	fs_notify_commit(fs->notify, items, n);
}

void
fs_stop_serving(struct steme_fs *fs)
{
	if (fs == NULL)
		return;
	/* the loop waits on a semaphore: the signal makes it look */
	while (!atomic_load(&fs->ended)) {
		fuse_session_exit(fs->se);
		pthread_kill(fs->loop, SIGUSR1);
		usleep(1000);
	}
	pthread_join(fs->loop, NULL);
	pthread_mutex_lock(&fs->mu);
	while (fs->writes > 0)
		pthread_cond_wait(&fs->idle, &fs->mu);
	pthread_mutex_unlock(&fs->mu);
}

void
fs_unmount(struct steme_fs *fs)
{
	if (fs == NULL)
		return;
	fuse_session_unmount(fs->se);
	fs_notify_stop(fs->notify);
	fuse_session_destroy(fs->se);
	fs_pending_free(fs->pending);
	fs_nodes_free(fs->nodes);
	pthread_cond_destroy(&fs->idle);
	pthread_mutex_destroy(&fs->mu);
	free(fs);
}
