/* SPDX-License-Identifier: Apache-2.0 */
/* index_files.c - lock, files and error texts of a LevelDB folder. */
#include "config.h"
#include "core/index_files.h"
#include "core/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- names ---- */

enum steme_index_file
steme_index_file_kind(const char *name)
{
	size_t digits;

	if (strcmp(name, "CURRENT") == 0)
		return STEME_FILE_CURRENT;
	if (strcmp(name, "LOCK") == 0 || strcmp(name, "LOG") == 0 ||
	    strcmp(name, "LOG.old") == 0)
		return STEME_FILE_OTHER;
	if (strncmp(name, "MANIFEST-", 9) == 0) {
		digits = strspn(name + 9, "0123456789");
		return digits > 0 && name[9 + digits] == '\0' ?
		    STEME_FILE_OTHER : STEME_FILE_FOREIGN;
	}
	digits = strspn(name, "0123456789");
	if (digits == 0)
		return STEME_FILE_FOREIGN;
	name += digits;
	if (strcmp(name, ".ldb") == 0 || strcmp(name, ".sst") == 0)
		return STEME_FILE_TABLE;
	if (strcmp(name, ".log") == 0)
		return STEME_FILE_LOG;
	return strcmp(name, ".dbtmp") == 0 ? STEME_FILE_OTHER : STEME_FILE_FOREIGN;
}

bool
steme_index_present(const char *dir)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/CURRENT", dir);

	return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

int
steme_index_measure(const char *dir, struct steme_index_measure *m)
{
	enum steme_index_file kind;
	struct dirent *e;
	struct stat st;
	uint64_t n;
	DIR *d = opendir(dir);

	*m = (struct steme_index_measure){ .oldest_log = UINT64_MAX };
	if (d == NULL)
		return steme_err_from_errno(errno);
	while ((e = readdir(d)) != NULL) {
		kind = steme_index_file_kind(e->d_name);
		if (kind == STEME_FILE_FOREIGN)
			continue;
		/* one that vanishes meanwhile was compacted away */
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		m->bytes += (uint64_t)st.st_size;
		m->tables += kind == STEME_FILE_TABLE;
		if (kind == STEME_FILE_LOG) {
			n = strtoull(e->d_name, NULL, 10);
			m->log_bytes += (uint64_t)st.st_size;
			m->oldest_log = STEME_MIN(m->oldest_log, n);
			m->newest_log = STEME_MAX(m->newest_log, n);
		}
	}
	closedir(d);
	return STEME_OK;
}

int
steme_index_try_room(const char *dir, uint64_t bytes)
{
	/* the name of a temporary file of LevelDB, which would clear it away */
	static const char name[] = "0.dbtmp";
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, e;

	if (d < 0)
		return steme_err_from_errno(errno);
	fd = openat(d, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0) {
		e = errno;
	} else {
		e = posix_fallocate(fd, 0, (off_t)bytes);
		close(fd);
		unlinkat(d, name, 0);
	}
	close(d);
	return e == EFBIG ? STEME_ENOSPC : steme_err_from_errno(e);
}

/* ---- lock ---- */

/*
 * The process that holds the flock on fd's file, from /proc/locks; 0 if unknown.
 * Asking LevelDB's LOCK file with fcntl() instead would be a trap: closing it
 * again drops the lock of our own process.
 */
static long
lock_holder(int fd)
{
	FILE *f = fopen("/proc/locks", "re");
	unsigned maj, min;
	uint64_t ino;
	char line[256];
	struct stat st;
	long pid, found = 0;

	if (f == NULL)
		return 0;
	if (fstat(fd, &st) != 0)
		st.st_ino = 0;
	while (found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%" SCNu64, &pid,
		    &maj, &min, &ino) == 4 && ino == st.st_ino &&
		    makedev(maj, min) == st.st_dev)
			found = pid;
	fclose(f);
	return found;
}

int
steme_index_lock(int *fd, const char *dir, struct steme_why *why)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e;
	long pid;

	*fd = -1;
	if (d < 0) {
		e = errno;
		return steme_fail(why, steme_err_from_errno(e),
		    "cannot open the index folder %s: %s", dir, strerror(e));
	}
	if (flock(d, LOCK_EX | LOCK_NB) == 0) {
		*fd = d;
		return STEME_OK;
	}
	if (errno != EWOULDBLOCK) {
		/* file systems without it: LevelDB's own lock decides alone */
		*fd = d;
		return STEME_OK;
	}
	pid = lock_holder(d);
	close(d);
	if (pid == 0)
		return steme_fail(why, STEME_EBUSY,
		    "the index in %s is already held by another process", dir);
	return steme_fail(why, STEME_EBUSY,
	    "the index in %s is already held by process %ld", dir, pid);
}

/* ---- error texts ---- */

static bool
says(const char *text, int e)
{
	/* LevelDB ends its texts with strerror(errno), in whatever language */
	return strstr(text, strerror(e)) != NULL;
}

int
steme_index_err(const char *text)
{
	if (text == NULL)
		return STEME_OK;
	if (says(text, ENOSPC) || says(text, EDQUOT) || says(text, EFBIG))
		return STEME_ENOSPC;
	if (strstr(text, "already held by process") != NULL ||
	    (strncmp(text, "IO error: lock ", 15) == 0))
		return STEME_EBUSY;
	if (strncmp(text, "Corruption:", 11) == 0)
		return STEME_ECORRUPT;
	/* a table or log that its manifest names is gone; or another engine's files */
	if (says(text, ENOENT) || strncmp(text, "Invalid argument:", 17) == 0 ||
	    strncmp(text, "Not implemented:", 16) == 0)
		return STEME_ECORRUPT;
	if (says(text, EACCES) || says(text, EPERM))
		return STEME_EPERM;
	return STEME_EIO;
}

/* ---- removing ---- */

/* Removes the files of dir for which want() holds, and makes that durable. */
static int
remove_kind(DIR *d, bool (*want)(enum steme_index_file), const char *dir,
    struct steme_why *why)
{
	struct dirent *e;
	int err;

	rewinddir(d);
	while ((e = readdir(d)) != NULL) {
		if (!want(steme_index_file_kind(e->d_name)))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) != 0 && errno != ENOENT) {
			err = errno;
			return steme_fail(why, steme_err_from_errno(err),
			    "cannot remove %s/%s: %s", dir, e->d_name,
			    strerror(err));
		}
	}
	if (fsync(dirfd(d)) != 0) {
		err = errno;
		return steme_fail(why, steme_err_from_errno(err),
		    "cannot sync the index folder %s: %s", dir, strerror(err));
	}
	return STEME_OK;
}

static bool
is_log(enum steme_index_file k)
{
	return k == STEME_FILE_LOG;
}

static bool
is_current(enum steme_index_file k)
{
	return k == STEME_FILE_CURRENT;
}

static bool
is_ours(enum steme_index_file k)
{
	return k != STEME_FILE_FOREIGN;
}

int
steme_index_leveldb_destroy(const char *dir, struct steme_why *why)
{
	int fd = -1, err;
	DIR *d = NULL;

	if (access(dir, F_OK) != 0 && errno == ENOENT)
		return STEME_OK;
	if ((err = steme_index_lock(&fd, dir, why)) != STEME_OK)
		return err;
	if ((d = opendir(dir)) == NULL) {
		err = errno;
		err = steme_fail(why, steme_err_from_errno(err),
		    "cannot read the index folder %s: %s", dir, strerror(err));
		goto out;
	}
	/*
	 * LevelDB replays any log it finds when CURRENT is missing, so logs go first.
	 * crash here: the state of the last checkpoint, or part of the logs
	 */
	if ((err = remove_kind(d, is_log, dir, why)) != STEME_OK)
		goto out;
	/* crash here: the state of the last checkpoint */
	if ((err = remove_kind(d, is_current, dir, why)) != STEME_OK)
		goto out;
	/* crash here: no index; opening makes a new one and clears the rest */
	err = remove_kind(d, is_ours, dir, why);
out:
	if (d != NULL)
		closedir(d);
	if (fd >= 0)
		close(fd);
	return err;
}

/* ---- properties ---- */

#define LEVELS	7

/* LevelDB's own limits: level 0 by files, level n by 10^n MiB. */
static uint64_t
pending_bytes(unsigned level, uint64_t files, uint64_t bytes)
{
	uint64_t limit = 1 << 20;

	if (level == 0)
		return files >= 4 ? bytes : 0;
	while (level-- > 0)
		limit *= 10;
	return bytes > limit ? bytes - limit : 0;
}

/* The start of the line after s, or NULL. */
static const char *
next_line(const char *s)
{
	s = strchr(s, '\n');
	return s == NULL ? NULL : s + 1;
}

/*
 * "--- level N ---" lines, each followed by a line " number:bytes[...]" per table;
 * keys there are escaped, so lines are lines.
 */
static void
parse_sstables(struct steme_index_stats *out, const char *s)
{
	uint64_t files[LEVELS] = { 0 }, bytes[LEVELS] = { 0 }, b;
	unsigned long level = 0;
	char *end;

	for (; s != NULL; s = next_line(s)) {
		if (strncmp(s, "--- level ", 10) == 0) {
			level = strtoul(s + 10, NULL, 10);
			continue;
		}
		if (level >= LEVELS || *s != ' ')
			continue;
		strtoull(s, &end, 10);
		if (*end != ':')
			continue;
		b = strtoull(end + 1, &end, 10);
		if (*end != '[')
			continue;
		files[level]++;
		bytes[level] += b;
	}
	out->level0_files = files[0];
	out->pending_compaction_bytes = 0;
	for (unsigned i = 0; i < LEVELS; i++)
		out->pending_compaction_bytes +=
		    pending_bytes(i, files[i], bytes[i]);
}

/* Lines of "level files size(MB) time(s) read(MB) write(MB)" after a head. */
static void
parse_compactions(struct steme_index_stats *out, const char *s)
{
	uint64_t mib, sum = 0;
	unsigned level;

	for (; s != NULL; s = next_line(s))
		if (sscanf(s, " %u %*s %*s %*s %*s %" SCNu64, &level, &mib) == 2)
			sum += mib;
	out->compaction_written_bytes = sum << 20;
}

void
steme_index_parse_stats(struct steme_index_stats *out, const char *sstables,
    const char *stats)
{
	parse_sstables(out, sstables);
	parse_compactions(out, stats);
}
