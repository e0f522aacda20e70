/* SPDX-License-Identifier: Apache-2.0 */
/* failures.c - failures.h. */
#include "config.h"

#include "fs/failures.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
failures_path(char *path, size_t size, const struct steme_instance *in)
{
	snprintf(path, size, "%s/wal-failures", in->run);
}

uint64_t
fs_failures_before(const struct steme_instance *in)
{
	char path[PATH_MAX + 16];
	struct stat st;

	failures_path(path, sizeof(path), in);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void
fs_failures_add(const struct steme_instance *in, uint64_t n)
{
	char path[PATH_MAX + 16];
	int fd;

	failures_path(path, sizeof(path), in);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	while (fd >= 0 && n > 0 && write(fd, "!", 1) == 1)
		n--;
	if (n > 0)
		steme_log(STEME_WARN, "%s: cannot write: %s; the failure is missing in "
		    "stemedb_wal_fsync_errors_total", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}
