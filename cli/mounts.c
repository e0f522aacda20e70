/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - mount points. */
#include "config.h"
#include "cli/mounts.h"
#include "cli/proc.h"
#include "core/clock.h"
#include "core/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child asks for a file of ours.  It may hang for ever; we do not. */
static enum mount_state
probe(const char *path, int wait_ms)
{
	int64_t until = steme_mono_us(&steme_clock_system) + (int64_t)wait_ms * 1000;
	char file[PATH_MAX + 16];
	struct stat st;
	pid_t pid;
	int status;

	snprintf(file, sizeof(file), "%s/@status", path);
	if ((pid = fork()) < 0)
		return MOUNT_SLOW;
	/* a plain user's mount lets nobody else look, not even root: it is there */
	if (pid == 0)
		_exit(stat(file, &st) == 0 || errno == EACCES ? 0 :
		    errno == ENOTCONN || errno == ECONNABORTED ||
		    errno == EIO ? 1 : 2);
	for (unsigned ms = 1; waitpid(pid, &status, WNOHANG) == 0; ) {
		if (steme_mono_us(&steme_clock_system) > until) {
			kill(pid, SIGKILL);
			/* perhaps it cannot die yet: init will wait for it */
			waitpid(pid, &status, WNOHANG);
			return MOUNT_SLOW;
		}
		proc_sleep_ms(ms);
		ms = ms < 50 ? ms * 2 : 50;
	}
	if (!WIFEXITED(status))
		return MOUNT_SLOW;
	return WEXITSTATUS(status) == 0 ? MOUNT_LIVE :
	    WEXITSTATUS(status) == 1 ? MOUNT_DEAD : MOUNT_FOREIGN;
}

enum mount_state
mount_look(const char *path, int wait_ms, char *type)
{
	struct steme_mountinfo m;
	enum mount_state state;

	if (type != NULL)
		type[0] = '\0';
	if (!steme_mountinfo_find(path, &m))
		return MOUNT_NONE;
	if (type != NULL)
		memcpy(type, m.type, sizeof(m.type));
	if (strcmp(m.type, "fuse.stemefs") != 0)
		return MOUNT_FOREIGN;
	state = probe(path, wait_ms);
	/* its watchdog may have unmounted it while it was looked at */
	if (state == MOUNT_FOREIGN && !steme_mountinfo_find(path, &m))
		return MOUNT_NONE;
	return state;
}

/* fusermount3 has the right where we have not.  True if it succeeded. */
static bool
fusermount(const char *path)
{
	pid_t pid = fork();
	int status = 1, null;

	if (pid < 0)
		return false;
	if (pid == 0) {
		if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0) {
			dup2(null, 1);
			dup2(null, 2);
		}
		execlp("fusermount3", "fusermount3", "-uz", "--", path,
		    (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
mount_detach(const char *path, struct steme_why *why)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ||
	    (errno == EPERM && fusermount(path)))
		return STEME_OK;
	if (errno == EINVAL || errno == ENOENT)
		return STEME_OK;		/* nothing is mounted there any more */
	return steme_fail(why, errno == EPERM ? STEME_EPERM :
	    steme_err_from_errno(errno), "cannot unmount %s: %s; as root: umount -l "
	    "%s", path, strerror(errno), path);
}

int
mount_prepare(const char *path, struct steme_why *why)
{
	char p[PATH_MAX];
	struct stat st;

	snprintf(p, sizeof(p), "%s", path);
	for (char *s = p + 1; ; s++) {
		if (*s != '/' && *s != '\0')
			continue;
		char keep = *s;

		*s = '\0';
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return steme_fail(why, steme_err_from_errno(errno),
			    "cannot make the mount point %s: %s", p,
			    strerror(errno));
		if ((*s = keep) == '\0')
			break;
	}
	if (stat(path, &st) < 0)
		return steme_fail(why, steme_err_from_errno(errno),
		    "cannot look at the mount point %s: %s", path,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return steme_fail(why, STEME_EINVAL, "the mount point %s is no "
		    "folder: choose another --mount", path);
	return STEME_OK;
}

const char *
mount_state_name(enum mount_state s)
{
	static const char *const names[] = { "none", "mounted", "dead",
	    "not answering", "foreign" };

	return names[s];
}
