/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - JSON log lines. */
#include "config.h"
#include "core/log.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/jo.h"
#include "core/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORAGE_LOG_MAX	(16 << 20)

static _Atomic int min_level = STEME_INFO;
static pthread_mutex_t storage_mu = PTHREAD_MUTEX_INITIALIZER;	/* leaf */
static int storage_fd = -1;			/* (storage_mu) */
static char storage_path[PATH_MAX];		/* (storage_mu) */

static const char *const level_names[] = { "DEBUG", "INFO", "WARN", "ERROR" };

void
steme_log_set_level(enum steme_log_level level)
{
	atomic_store(&min_level, (int)level);
}

bool
steme_log_wants(enum steme_log_level level)
{
	return (int)level >= atomic_load(&min_level);
}

int
steme_log_parse_level(const char *name, enum steme_log_level *level)
{
	for (int i = 0; i < 4; i++)
		if (strcasecmp(name, level_names[i]) == 0) {
			*level = (enum steme_log_level)i;
			return STEME_OK;
		}
	if (strcasecmp(name, "warning") == 0) {
		*level = STEME_WARN;
		return STEME_OK;
	}
	return STEME_EINVAL;
}

int
steme_log_storage_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		return steme_err_from_errno(errno);
	pthread_mutex_lock(&storage_mu);
	if (storage_fd >= 0)
		close(storage_fd);
	storage_fd = fd;
	snprintf(storage_path, sizeof(storage_path), "%s", path);
	pthread_mutex_unlock(&storage_mu);
	return STEME_OK;
}

static void
storage_rotate_locked(void)
{
	struct stat st;
	char old[PATH_MAX + 2];
	int fd;

	if (fstat(storage_fd, &st) < 0 || st.st_size < STORAGE_LOG_MAX)
		return;
	snprintf(old, sizeof(old), "%s.1", storage_path);
	if (rename(storage_path, old) < 0)
		return;
	fd = open(storage_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	close(storage_fd);
	storage_fd = fd;
}

/* A full disk or a closed stderr must not stop the daemon: results dropped on purpose. */
static void
write_line(int fd, const struct steme_buf *b)
{
	ssize_t n = write(fd, b->data, b->len);

	(void)n;
}

static void
put_timestamp(struct steme_buf *b)
{
	int64_t us = steme_wall_us(&steme_clock_system);
	time_t s = (time_t)(us / 1000000);
	struct tm tm;
	char t[64];

	gmtime_r(&s, &tm);
	strftime(t, sizeof(t), "%Y-%m-%dT%H:%M:%S", &tm);
	steme_buf_printf(b, "{\"timestamp\":\"%s.%06dZ\"", t,
	    (int)(us % 1000000));
}

void
steme_log(int level, const char *fmt, ...)
{
	struct steme_buf b = {0};
	int lv = level & 0xff, saved = errno;
	char text[2048];
	va_list ap;

	if (lv < atomic_load(&min_level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_timestamp(&b);
	steme_buf_printf(&b, ",\"level\":\"%s\",\"message\":", level_names[lv]);
	/* paths and headers of strangers may be any bytes, a character may be cut */
	steme_utf8_mend(text, strlen(text));
	steme_json_str(&b, steme_str_from(text));
	steme_buf_puts(&b, "}\n");
	if (steme_buf_err(&b) == STEME_OK) {
		write_line(STDERR_FILENO, &b);
		if (level & STEME_LOG_STORAGE) {
			pthread_mutex_lock(&storage_mu);
			if (storage_fd >= 0) {
				storage_rotate_locked();
				write_line(storage_fd, &b);
			}
			pthread_mutex_unlock(&storage_mu);
		}
	}
	steme_buf_fini(&b);
	errno = saved;
}
