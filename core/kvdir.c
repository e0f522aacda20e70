/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvdir.c - the folder of the LevelDB index: kv, a new one being built in kv.new, and how
 * that takes its place.  LevelDB's own files do not go through io, so these do not either.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An empty file that asks the next start to rebuild; beside LevelDB's, not one of them. */
static void
mark_path(const struct steme_store *s, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/REBUILD", s->kv_dir);
}

void
steme_mark_rebuild(struct steme_store *s, bool on)
{
	char path[PATH_MAX];
	int fd;

	if (s->kv_dir == NULL)
		return;
	mark_path(s, path);
	if (!on) {
		unlink(path);
		return;
	}
	/* Not being able to leave the mark is no further harm: damage is found again. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd >= 0)
		close(fd);
}

static bool
exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

bool
steme_marked_rebuild(const struct steme_store *s)
{
	char path[PATH_MAX];

	mark_path(s, path);
	return exists(path);
}

/* A swap of folders that was cut between its two renames is completed backwards. */
void
steme_kv_heal(const struct steme_store *s)
{
	char old[PATH_MAX];

	snprintf(old, sizeof(old), "%s.old", s->kv_dir);
	if (!exists(s->kv_dir) && exists(old))
		(void)rename(old, s->kv_dir);
}

void
steme_kv_new_path(const struct steme_store *s, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s.new", s->kv_dir);
}

int
steme_kv_remove(const char *dir, struct steme_why *why)
{
	char mark[PATH_MAX];
	int err;

	if (!exists(dir))
		return STEME_OK;
	snprintf(mark, sizeof(mark), "%s/REBUILD", dir);
	unlink(mark);
	if ((err = steme_index_leveldb_destroy(dir, why)) != STEME_OK)
		return err;
	if (rmdir(dir) != 0 && errno != ENOENT && errno != ENOTEMPTY)
		return steme_fail(why, steme_err_from_errno(errno),
		    "%s cannot be removed: %s", dir, strerror(errno));
	return STEME_OK;
}

void
steme_kv_tidy(const struct steme_store *s)
{
	static const char *const suffix[] = { "new", "old" };
	struct steme_why why = { "" };
	char path[PATH_MAX];

	for (size_t i = 0; i < STEME_NELEM(suffix); i++) {
		snprintf(path, sizeof(path), "%s.%s", s->kv_dir, suffix[i]);
		if (steme_kv_remove(path, &why) != STEME_OK)
			steme_log(STEME_WARN | STEME_LOG_STORAGE, "index: %s is left of an "
			    "earlier rebuild and cannot be removed: %s", path, why.text);
	}
}

/* The new folder takes the name of the old one, which goes once nobody reads it. */
int
steme_kv_swap(struct steme_store *s, struct steme_gen *old, struct steme_why *why)
{
	char fresh[PATH_MAX], aside[PATH_MAX], parent[PATH_MAX], *slash;
	int err = STEME_OK;

	steme_kv_new_path(s, fresh);
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, s->kv_dir, RENAME_EXCHANGE) == 0) {
		snprintf(aside, sizeof(aside), "%s", fresh);
	} else {
		/* no exchange on this file system: crash between these: steme_kv_heal() */
		snprintf(aside, sizeof(aside), "%s.old", s->kv_dir);
		/* one that a crash after the second rename left behind */
		if (exists(s->kv_dir) && (err = steme_kv_remove(aside, why)) != STEME_OK)
			return err;
		if ((exists(s->kv_dir) && rename(s->kv_dir, aside) != 0) ||
		    rename(fresh, s->kv_dir) != 0)
			err = steme_err_from_errno(errno);
	}
	if (err != STEME_OK)
		return steme_fail(why, err, "%s cannot take the place of %s: %s",
		    fresh, s->kv_dir, steme_strerror(err));
	snprintf(parent, sizeof(parent), "%s", s->kv_dir);
	slash = strrchr(parent, '/');
	if (slash != NULL && slash != parent)
		*slash = '\0';
	err = steme_io_posix.ops->syncdir(&steme_io_posix,
	    slash == NULL ? "." : parent);
	if (err != STEME_OK) {
		/* the names have changed; but a crash may bring the old ones back */
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "index: %s cannot be synced: %s; "
		    "the index before stays in %s until the next start or rebuild",
		    parent, steme_strerror(err), aside);
		return STEME_OK;
	}
	if (old == NULL)
		return steme_kv_remove(aside, why);
	snprintf(old->destroy, sizeof(old->destroy), "%s", aside);
	return STEME_OK;
}
