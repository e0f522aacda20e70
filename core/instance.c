/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c - paths below one folder, and pid files. */
#include "config.h"
#include "core/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX ? STEME_OK : STEME_ETOOBIG;
}

static int
make_absolute(char out[PATH_MAX], const char *dir)
{
	char cwd[PATH_MAX];
	size_t n;

	if (dir[0] == '/') {
		if (snprintf(out, PATH_MAX, "%s", dir) >= PATH_MAX)
			return STEME_ETOOBIG;
	} else {
		if (getcwd(cwd, sizeof(cwd)) == NULL)
			return steme_err_from_errno(errno);
		if (join(out, cwd, dir) != STEME_OK)
			return STEME_ETOOBIG;
	}
	n = strlen(out);
	while (n > 1 && out[n - 1] == '/')
		out[--n] = '\0';
	return STEME_OK;
}

int
steme_instance_init(struct steme_instance *in, const char *dir,
    struct steme_why *why)
{
	int err = STEME_ETOOBIG;

	memset(in, 0, sizeof(*in));
	if (dir != NULL && dir[0] == '\0')
		return steme_fail(why, STEME_EINVAL, "--dir is empty: name a data folder, "
		    "or leave it out for the default");
	if (dir == NULL)
		dir = getenv("STEME_DIR");
	if (dir == NULL || dir[0] == '\0')
		dir = STEME_DEFAULT_DIR;
	if ((err = make_absolute(in->dir, dir)) != STEME_OK)
		return steme_fail(why, err, "the data folder %s: %s", dir,
		    steme_strerror(err));
	in->is_default = strcmp(in->dir, STEME_DEFAULT_DIR) == 0;
	if (join(in->wal, in->dir, "wal") != 0 ||
	    join(in->kv, in->dir, "kv") != 0 ||
	    join(in->keys, in->dir, "keys") != 0 ||
	    join(in->run, in->dir, "run") != 0 ||
	    join(in->log, in->dir, "log") != 0 ||
	    join(in->socket, in->dir, "run/control.sock") != 0 ||
	    join(in->changes, in->dir, "run/changes") != 0 ||
	    join(in->conf, in->dir, "api.toml") != 0)
		return steme_fail(why, STEME_ETOOBIG,
		    "the data folder's path %s is too long", in->dir);
	if (in->is_default)
		strcpy(in->conf, STEME_DEFAULT_CONF);
	if (strlen(in->socket) > STEME_SOCKET_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the control socket's path "
		    "%s has %zu bytes, and the kernel takes at most %d: use a "
		    "shorter --dir", in->socket, strlen(in->socket),
		    STEME_SOCKET_MAX);
	return STEME_OK;
}

/* Is path dir, or below it? */
static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int
steme_instance_mount(const struct steme_instance *in, const char *mount,
    struct steme_why *why)
{
	const char *const own[] = { in->wal, in->kv, in->keys, in->run, in->log };

	if (is_below(in->dir, mount))
		return steme_fail(why, STEME_EINVAL, "the mount point %s would "
		    "hide the data folder %s: choose another --mount", mount,
		    in->dir);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (is_below(mount, own[i]))
			return steme_fail(why, STEME_EINVAL, "the mount point %s lies "
			    "in %s, where the daemon keeps files of its own: choose "
			    "another --mount", mount, own[i]);
	return STEME_OK;
}

/* A new folder's entry is durable with its parent: what is acknowledged below it lasts. */
static int
sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char up[PATH_MAX];
	int fd, err;

	snprintf(up, sizeof(up), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if ((fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	err = fsync(fd);
	close(fd);
	return err;
}

static int
make_dir(const char *path, mode_t mode, struct steme_why *why)
{
	if (mkdir(path, mode) == 0 ? sync_parent(path) < 0 : errno != EEXIST)
		return steme_fail(why, steme_err_from_errno(errno),
		    "cannot make the folder %s: %s", path, strerror(errno));
	return STEME_OK;
}

static int
make_dirs(const char *path, mode_t mode, struct steme_why *why)
{
	char p[PATH_MAX];
	int err = STEME_OK;

	snprintf(p, sizeof(p), "%s", path);
	for (char *s = p + 1; *s != '\0' && err == STEME_OK; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		err = make_dir(p, 0755, why);
		*s = '/';
	}
	return err == STEME_OK ? make_dir(p, mode, why) : err;
}

int
steme_instance_make(const struct steme_instance *in, struct steme_why *why)
{
	const struct { const char *path; mode_t mode; } dirs[] = {
		{ in->dir, 0755 }, { in->wal, 0750 }, { in->kv, 0750 },
		{ in->keys, 0700 }, { in->run, 0755 }, { in->log, 0750 },
	};
	int err;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if ((err = make_dirs(dirs[i].path, dirs[i].mode, why)) != STEME_OK)
			return err;
	return STEME_OK;
}

struct proc_stat {
	uint64_t start;
	char state;
	unsigned threads;
};

/* false: there is no such process.  See proc_pid_stat(5). */
static bool
proc_stat(pid_t pid, struct proc_stat *st)
{
	char path[64], text[1024], *p;
	unsigned long long v;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* the name may hold blanks and ')': fields count from the last ')' */
	if ((p = strrchr(text, ')')) == NULL || sscanf(p + 1,
	    " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
	    "%*d %u %*d %llu", &st->state, &st->threads, &v) != 3)
		return false;
	st->start = v;
	return true;
}

static int
pid_path(char out[PATH_MAX], const struct steme_instance *in, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s/%s.pid", in->run, name);

	return n > 0 && n < PATH_MAX ? STEME_OK : STEME_ETOOBIG;
}

int
steme_pid_write(const struct steme_instance *in, const char *name,
    struct steme_why *why)
{
	char path[PATH_MAX], tmp[PATH_MAX + 8], line[64];
	struct proc_stat st;
	int fd, n, err;

	if ((err = pid_path(path, in, name)) != STEME_OK || !proc_stat(getpid(), &st))
		return steme_fail(why, STEME_EIO, "cannot record the process %s",
		    name);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	n = snprintf(line, sizeof(line), "%d %llu\n", (int)getpid(),
	    (unsigned long long)st.start);
	if ((fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
		return steme_fail(why, steme_err_from_errno(errno),
		    "cannot write %s: %s", tmp, strerror(errno));
	err = write(fd, line, (size_t)n) == n ? STEME_OK : STEME_EIO;
	close(fd);
	if (err != STEME_OK || rename(tmp, path) < 0) {
		unlink(tmp);
		return steme_fail(why, STEME_EIO, "cannot write %s", path);
	}
	return STEME_OK;
}

int
steme_pid_read(const struct steme_instance *in, const char *name,
    struct steme_pid *p)
{
	char path[PATH_MAX], text[64];
	unsigned long long start;
	int pid, fd;
	ssize_t n;

	memset(p, 0, sizeof(*p));
	if (pid_path(path, in, name) != STEME_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return STEME_ENOTFOUND;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return STEME_ENOTFOUND;
	text[n] = '\0';
	if (sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 1)
		return STEME_ENOTFOUND;
	p->pid = pid;
	p->start = start;
	return steme_pid_alive(p) ? STEME_OK : STEME_ENOTFOUND;
}

bool
steme_pid_alive(const struct steme_pid *p)
{
	struct proc_stat st;

	if (p->pid <= 1 || !proc_stat(p->pid, &st) || st.start != p->start)
		return false;
	/* the first thread ends before others that still hold files and their locks */
	return st.state == 'Z' ? st.threads > 1 : st.state != 'X';
}

void
steme_pid_remove(const struct steme_instance *in, const char *name)
{
	char path[PATH_MAX];

	if (pid_path(path, in, name) == STEME_OK)
		unlink(path);
}
