/* SPDX-License-Identifier: Apache-2.0 */
/*
 * badsync.c - LD_PRELOAD: fdatasync() of segments of the log fails with EIO while the
 * file named by BADSYNC is there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
fdatasync(int fd)
{
	int (*next)(int);
	char link[64], name[4096];
	const char *flag = getenv("BADSYNC");
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	name[n > 0 ? n : 0] = '\0';
	if (flag != NULL && access(flag, F_OK) == 0 && strstr(name, "/wal/segment") != NULL) {
		errno = EIO;
		return -1;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
	return next(fd);
}
