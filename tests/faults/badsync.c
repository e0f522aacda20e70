/* SPDX-License-Identifier: Apache-2.0 */
/*
 * badsync.c - LD_PRELOAD: disks that fail or are slow, each while the file named by an
 * environment variable is there.
 *
 *   BADSYNC    fdatasync() of segments of the log fails with EIO
 *   SLOWSYNC   it takes as many milliseconds longer as the file says
 *   BADWRITE   write() to files of the index fails with the error number in the file
 *   BADOPEN    open() of tables of the index fails with it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The number in the file; -1: there is none. */
static int
flag(const char *name)
{
	const char *path = getenv(name);
	char text[16] = "";
	long fd;

	if (path == NULL || access(path, F_OK) != 0)
		return -1;
	/* not open(), which is ours */
	if ((fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY)) < 0)
		return -1;
	if (read((int)fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close((int)fd);
	return atoi(text);
}

static int
is_in(int fd, const char *part)
{
	char link[64], name[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = '\0';
	return strstr(name, part) != NULL;
}

int
fdatasync(int fd)
{
	int (*next)(int);
	int bad = flag("BADSYNC"), ms = flag("SLOWSYNC");

	if (ms > 0 && is_in(fd, "/wal/segment"))
		usleep((unsigned)ms * 1000);
	if (bad >= 0 && is_in(fd, "/wal/segment")) {
		errno = EIO;
		return -1;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
	return next(fd);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	int bad = flag("BADWRITE");

	if (bad > 0 && is_in(fd, "/kv/")) {
		errno = bad;
		return -1;
	}
	return syscall(SYS_write, fd, p, n);
}

int
open(const char *path, int flags, ...)
{
	int bad = flag("BADOPEN");
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (bad > 0 && strstr(path, ".ldb") != NULL) {
		errno = bad;
		return -1;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
