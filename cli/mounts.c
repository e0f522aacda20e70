/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - mount points. */
#include "config.h"
#include "cli/mounts.h"
#include "cli/proc.h"
#include "core/clock.h"

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

/* Blanks and the like stand as \040 in mountinfo. */
static void
unescape(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* The type of what is mounted last at path; false: nothing. */
static bool
find(const char *path, char type[64])
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *point, *dash;
	size_t room = 0;
	bool found = false;
	int i;

	while (f != NULL && getline(&line, &room, f) > 0) {
		/* id parent maj:min root POINT options [tags] - TYPE source ... */
		point = line;
		for (i = 0; i < 4 && point != NULL; i++)
			if ((point = strchr(point, ' ')) != NULL)
				point++;
		if (point == NULL || (dash = strstr(point, " - ")) == NULL)
			continue;
		*strchr(point, ' ') = '\0';
		unescape(point);
		if (strcmp(point, path) != 0)
			continue;
		snprintf(type, 64, "%.*s", (int)strcspn(dash + 3, " "), dash + 3);
		found = true;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return found;
}

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
	if (pid == 0)
		_exit(stat(file, &st) == 0 ? 0 : errno == ENOTCONN ||
		    errno == ECONNABORTED || errno == EIO ? 1 : 2);
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
	char buf[64], real[PATH_MAX], parent[PATH_MAX], *slash;
	enum mount_state state;

	/* links on the way are the kernel's business; the last part may be dead */
	snprintf(parent, sizeof(parent), "%s", path);
	if ((slash = strrchr(parent, '/')) != NULL && slash != parent) {
		*slash = '\0';
		if (realpath(parent, real) != NULL &&
		    strlen(real) + strlen(slash + 1) + 1 < sizeof(real)) {
			if (real[1] != '\0')
				strcat(real, "/");
			strcat(real, slash + 1);
			path = real;
		}
	}
	if (type == NULL)
		type = buf;
	type[0] = '\0';
	if (!find(path, type))
		return MOUNT_NONE;
	if (strcmp(type, "fuse.stemefs") != 0)
		return MOUNT_FOREIGN;
	state = probe(path, wait_ms);
	/* its watchdog may have unmounted it while it was looked at */
	if (state == MOUNT_FOREIGN && !find(path, type))
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
