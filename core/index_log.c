/* SPDX-License-Identifier: Apache-2.0 */
/* index_log.c - compactions, as LevelDB's own LOG has them. */
#include "config.h"
#include "core/index_log.h"
#include "core/index_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "2026/11/21-07:49:17.411169 140225015686848 TEXT": the text, or NULL. */
static const char *
parse_head(const char *line, int64_t *us)
{
	struct tm tm = {0};
	long micros;
	int at = 0;

	if (sscanf(line, "%4d/%2d/%2d-%2d:%2d:%2d.%6ld %*[0-9a-f] %n", &tm.tm_year,
	    &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micros,
	    &at) != 7 || at == 0)
		return NULL;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	/* local time; only differences are used */
	*us = (int64_t)timegm(&tm) * 1000000 + micros;
	return line + at;
}

/* The error's words, or NULL.  Of a memtable that cannot be written only its table's line tells. */
static const char *
failure(const char *text)
{
	static const char error[] = "Compaction error: ";
	int at = 0;

	if (strncmp(text, error, sizeof(error) - 1) == 0)
		return text + sizeof(error) - 1;
	if (sscanf(text, "Level-0 table #%*u: %*d bytes %n", &at) == 0 && at > 0 &&
	    strcmp(text + at, "OK") != 0)
		return text + at;
	return NULL;
}

void
steme_index_log_line(struct steme_index_log *log, const char *line,
    steme_index_tell *tell, void *arg)
{
	struct steme_index_event e = {0};
	const char *text;
	int64_t us;

	if ((text = parse_head(line, &us)) == NULL)
		return;
	if (strncmp(text, "Compacting ", 11) == 0) {
		log->began_us = us;
		return;
	}
	e.text = failure(text);
	e.err = steme_index_err(e.text);
	if (e.text == NULL && sscanf(text, "Compacted %*d@%*d + %*d@%*d files => %" SCNu64,
	    &e.bytes) != 1)
		return;
	if (log->began_us != 0 && us > log->began_us)
		e.us = us - log->began_us;
	log->began_us = 0;
	e.text = e.text != NULL ? e.text : text;
	tell(arg, &e);
}

static void
take(struct steme_index_log *log, const char *p, size_t n, steme_index_tell *tell,
    void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			log->line[log->n] = '\0';
			if (!log->skip)
				steme_index_log_line(log, log->line, tell, arg);
			log->n = 0;
			log->skip = false;
		} else if (log->n < sizeof(log->line) - 1) {
			log->line[log->n++] = p[i];
		} else {
			log->skip = true;
		}
	}
}

static bool
open_log(struct steme_index_log *log, const char *path)
{
	struct stat st;

	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0)
		return false;
	if (fstat(log->fd, &st) != 0) {
		close(log->fd);
		return false;
	}
	log->ino = st.st_ino;
	log->n = 0;
	log->skip = false;
	return log->open = true;
}

/* To the end of what is open now. */
static void
drain(struct steme_index_log *log, steme_index_tell *tell, void *arg)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(log->fd, buf, sizeof(buf))) > 0)
		take(log, buf, (size_t)n, tell, arg);
}

void
steme_index_log_follow(struct steme_index_log *log, const char *dir,
    steme_index_tell *tell, void *arg)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/LOG", dir) >= PATH_MAX)
		return;
	if (!log->open && !open_log(log, path))
		return;
	drain(log, tell, arg);
	if (stat(path, &st) == 0 && st.st_ino == log->ino)
		return;
	/* the database was opened anew, and the file with it */
	steme_index_log_close(log);
	if (open_log(log, path))
		drain(log, tell, arg);
}

void
steme_index_log_close(struct steme_index_log *log)
{
	if (log->open)
		close(log->fd);
	log->open = false;
}
