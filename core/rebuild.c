/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild.c - the whole index again from the log, with nobody running.  rebuild_online.c
 * does it beside the one that goes on serving.
 */
#include "config.h"
#include "core/check.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/wr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
steme_log_tables(struct steme_store *s, struct steme_segments ***out, size_t *n,
    struct steme_why *why)
{
	size_t want = 1;
	struct steme_segments **t;
	const char *dir;
	int err;

	*out = NULL;
	*n = 0;
	while (s->more_wal_dirs != NULL && s->more_wal_dirs[want - 1] != NULL)
		want++;
	if ((t = calloc(want, sizeof(*t))) == NULL)
		return steme_fail(why, STEME_ENOMEM, "out of memory");
	for (size_t i = 0; i < want; i++) {
		dir = i == 0 ? s->wal_dir : s->more_wal_dirs[i - 1];
		err = steme_segments_local(&t[i], s->io, dir, false, why);
		if (err != STEME_OK) {
			steme_log_tables_close(t, i);
			return err;
		}
	}
	*out = t;
	*n = want;
	return STEME_OK;
}

void
steme_log_tables_close(struct steme_segments **t, size_t n)
{
	for (size_t i = 0; t != NULL && i < n; i++)
		steme_segments_close(t[i]);
	free(t);
}

bool
steme_rebuild_extent(struct steme_segments *const *t, size_t n, uint64_t *first,
    uint64_t *last)
{
	struct steme_segment_info *list;
	size_t len;

	*first = UINT64_MAX;
	*last = 0;
	for (size_t i = 0; i < n; i++) {
		list = NULL;
		len = 0;
		if (t[i]->ops->list(t[i], &list, &len) == STEME_OK && len > 0) {
			if (list[0].number < *first)
				*first = list[0].number;
			if (list[len - 1].number > *last)
				*last = list[len - 1].number;
		}
		free(list);
	}
	return *last != 0;
}

/*
 * What an earlier process wrote may be in the page cache only.  What is read here should
 * be on disk; that it is cannot be known, so the last group is left to the next
 * start (fill()), and a failure here is none.
 */
static void
sync_newest(struct steme_store *s, uint64_t number)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/segment.%03" PRIu64 ".wal", s->wal_dir,
	    number);
	fd = s->io->ops->open(s->io, path, O_RDONLY, 0);
	if (fd < 0)
		return;
	s->io->ops->datasync(s->io, fd);
	s->io->ops->close(s->io, fd);
}

int
steme_rebuild_scan(struct steme_segments *const *t, size_t n, struct steme_feed *f,
    struct steme_wal_pos from, struct steme_why *why)
{
	int err = steme_wal_scan(t, n, from, steme_feed_visit, steme_feed_trouble, f,
	    why);

	if (err == STEME_FEED_STOP)
		return STEME_OK;
	if (err != STEME_OK && f->why.text[0] != '\0')
		steme_fail(why, err, "%s", f->why.text);
	return err;
}

/* ---- offline ---- */

/*
 * The next start reads the log from `at` on, in its own folder, and puts up with nothing.
 * What it would refuse is refused here, while the old index, which may have what the log
 * lacks, is in its place.
 */
static int
check_next_start(struct steme_segments *log, const struct steme_applied *at,
    struct steme_why *why)
{
	struct steme_wal_pos from = { at->segment, at->offset, at->next_lsn };
	struct steme_why what = { "" };
	int err = steme_wal_scan(&log, 1, from, NULL, NULL, NULL, &what);

	return err == STEME_OK ? err : steme_fail(why, err, "no index was made, for the "
	    "next start would refuse this log: %s", what.text[0] != '\0' ? what.text :
	    steme_strerror(err));
}

/* Feeds all that the folders have, as far as that is accepted. */
static int
feed_all(struct steme_store *s, struct steme_feed *f, struct steme_applied *at,
    struct steme_why *why)
{
	struct steme_segments **t = NULL;
	uint64_t first, last;
	size_t n = 0;
	int err;

	if ((err = steme_log_tables(s, &t, &n, why)) != STEME_OK)
		return err;
	if (!steme_rebuild_extent(t, n, &first, &last))
		goto out;
	sync_newest(s, last);
	f->first_segment = first;
	f->last_segment = last;
	f->accept_gaps = s->accept_gaps;
	f->progress = s->progress;
	f->arg = s->arg;
	err = steme_rebuild_scan(t, n, f, (struct steme_wal_pos){ 0, 0, 0 }, why);
	if (err != STEME_OK)
		goto out;
	if (f->records > 0) {
		*at = f->at_group;
		at->next_lsn = f->group.lsn;	/* what is missing before it is accepted */
		at->segment = f->group.segment;
		at->offset = f->group.offset;
	}
	err = check_next_start(t[0], at, why);
out:
	steme_log_tables_close(t, n);
	return err;
}

/*
 * Everything that the log's folders still have into ix, which is empty, but for the last
 * group: that may not be on disk yet, the next start decides, and adds it.  *end: with it.
 */
static int
fill(struct steme_store *s, struct steme_index *ix, struct steme_applied *end,
    struct steme_why *why)
{
	struct steme_applied at = { .next_lsn = 1 }, written;
	struct steme_feed f;
	int err = steme_feed_init(&f, ix, &at, STEME_KNOWN_REBUILD);

	if (err != STEME_OK || (err = feed_all(s, &f, &at, why)) != STEME_OK)
		goto out;
	*end = f.apply.at;
	if ((err = steme_feed_leave_last(&f)) == STEME_OK)
		err = steme_feed_end(&f, &written);
	if (err == STEME_OK)
		err = ix->ops->checkpoint(ix);
	if (err == STEME_OK && f.records > 0) {
		at.number = written.number;
		err = steme_checkpoint_put(ix, &at, true);
	}
	if (err != STEME_OK) {
		steme_fail(why, err, "the new index could not be written: %s",
		    steme_strerror(err));
		goto out;
	}
	if (f.has_genesis)
		s->genesis = f.genesis;
	s->has_genesis |= f.has_genesis;
	s->replayed_records = f.records;
out:
	steme_feed_fini(&f);
	return err;
}

static int
check_empty(const char *dir, struct steme_why *why)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int err = STEME_OK;

	if (d == NULL && errno == ENOENT)
		return STEME_OK;
	if (d == NULL)
		return steme_fail(why, steme_err_from_errno(errno),
		    "%s cannot be read: %s", dir, strerror(errno));
	while (err == STEME_OK && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, "lost+found") != 0)
			err = steme_fail(why, STEME_EEXIST, "%s is not empty (%s): "
			    "move it away first, as in mv %s %s.old", dir,
			    e->d_name, dir, dir);
	closedir(d);
	return err;
}

int
steme_give_to_owner(const char *wal_dir, const char *kv_dir, struct steme_why *why)
{
	struct stat st;
	const struct dirent *e;
	DIR *d = NULL;
	int bad;

	if (stat(wal_dir, &st) != 0 || (d = opendir(kv_dir)) == NULL)
		return steme_fail(why, steme_err_from_errno(errno),
		    "%s: %s", d == NULL ? kv_dir : wal_dir, strerror(errno));
	bad = fchown(dirfd(d), st.st_uid, st.st_gid);
	while (bad == 0 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			bad = fchownat(dirfd(d), e->d_name, st.st_uid, st.st_gid,
			    AT_SYMLINK_NOFOLLOW);
	closedir(d);
	return bad == 0 ? STEME_OK : steme_fail(why, steme_err_from_errno(errno),
	    "the files in %s cannot be given to the owner of %s: %s", kv_dir,
	    wal_dir, strerror(errno));
}

int
steme_rebuild_meta(struct steme_store *s, struct steme_index *ix, bool told, int64_t us,
    uint64_t assertions)
{
	struct steme_batch *b = steme_batch_new();
	struct steme_meta_rebuilt m;
	struct steme_buf g = {0};
	uint8_t v[25];
	int err = STEME_ENOMEM;

	if (b == NULL)
		return err;
	steme_put_le(v, STEME_INDEX_FORMAT, 4);
	steme_meta_put(b, "format", v, 4);
	steme_put_le(v, (uint64_t)steme_wall_us(s->clock), 8);
	steme_meta_put(b, "created", v, 8);
	m = (struct steme_meta_rebuilt){ steme_wall_us(s->clock), assertions,
	    (uint64_t)us / 1000, told };
	steme_rebuilt_encode(v, &m);
	steme_meta_put(b, "rebuilt", v, sizeof(v));
	steme_genesis_encode(&g, &s->genesis);
	steme_meta_put(b, "genesis", g.data, g.len);
	if ((err = steme_buf_err(&g)) == STEME_OK &&
	    (err = steme_batch_err(b)) == STEME_OK)
		err = ix->ops->write(ix, b, true);
	if (err == STEME_OK) {
		pthread_mutex_lock(&s->mu);
		s->rebuilt = m;
		pthread_mutex_unlock(&s->mu);
	}
	steme_buf_fini(&g);
	steme_batch_free(b);
	return err;
}

/* The lock of the log, held while the rebuild runs; *out is closed by the caller. */
static int
lock_log(struct steme_store *s, struct steme_segments **out, struct steme_why *why)
{
	uint64_t first, last;
	int err = steme_segments_local(out, s->io, s->wal_dir, false, why);

	if (err != STEME_OK)
		return err;
	if ((err = (*out)->ops->lock(*out, why)) != STEME_OK)
		return err;
	if (!steme_rebuild_extent(out, 1, &first, &last) && s->more_wal_dirs == NULL)
		return steme_fail(why, STEME_ENOTFOUND,
		    "there is no log in %s", s->wal_dir);
	return STEME_OK;
}

int
steme_rebuild_less(const struct steme_counts *now, const struct steme_counts *before,
    struct steme_why *why)
{
	return steme_fail(why, STEME_EGAP, "the log gives %" PRIu64 " objects, the index "
	    "holds %" PRIu64 ": part of the log is missing; the index stays as it is",
	    now->objects, before->objects);
}

/* The index in dir, or the borrowed one, from the log. */
static int
rebuild_into(struct steme_store *s, const struct steme_store_opts *o,
    const char *dir, struct steme_applied *result, uint64_t *us,
    struct steme_why *why)
{
	int64_t start = steme_mono_us(s->clock);
	struct steme_index *ix;
	int err;

	err = o->index != NULL ? steme_gen_borrow(&s->gen, o->index) :
	    steme_gen_open(&s->gen, s, dir, why);
	if (err != STEME_OK)
		return err;
	ix = s->gen->ix;
	steme_log_index_start(true, "asked for", 1);
	if ((err = fill(s, ix, result, why)) != STEME_OK)
		return err;
	*us = (uint64_t)(steme_mono_us(s->clock) - start);
	if (!s->has_genesis)
		steme_new_genesis(s, &o->operator_, 0);
	err = steme_rebuild_meta(s, ix, false, (int64_t)*us, result->counts.assertions);
	if (err != STEME_OK)
		return steme_fail(why, err, "the new index could not be written: %s",
		    steme_strerror(err));
	steme_log_index_done(&result->counts, true, s->replayed_records,
	    (int64_t)*us);
	return STEME_OK;
}

/*
 * Beside the index in kv_dir.  That one is only asked what it holds and closed again: open,
 * LevelDB would go on merging it in the one thread that the new one needs.
 */
static int
rebuild_beside(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_applied *result, uint64_t *us, struct steme_why *why)
{
	struct steme_applied old;
	char fresh[PATH_MAX];
	int err;

	steme_kv_new_path(s, fresh);
	if ((err = steme_standing_of_old(s, &old, why)) != STEME_OK ||
	    (err = steme_kv_remove(fresh, why)) != STEME_OK)
		return err;
	err = rebuild_into(s, o, fresh, result, us, why);
	if (err == STEME_OK && !s->accept_gaps &&
	    (result->counts.objects < old.counts.objects ||
	    result->next_lsn < old.next_lsn))
		err = steme_rebuild_less(&result->counts, &old.counts, why);
	/* closed, so that its files are complete and can be given away */
	if (s->gen != NULL)
		steme_gen_put(s->gen);
	s->gen = NULL;
	if (err == STEME_OK)
		err = steme_give_to_owner(s->wal_dir, fresh, why);
	/* crash until here: the old index is in its place, and right */
	if (err == STEME_OK)
		return steme_kv_swap(s, NULL, why);
	steme_kv_remove(fresh, NULL);
	return err;
}

static int
rebuild_alone(struct steme_store *s, const struct steme_store_opts *o,
    struct steme_applied *result, uint64_t *us, struct steme_why *why)
{
	int err = rebuild_into(s, o, s->kv_dir, result, us, why);

	if (s->gen != NULL)
		steme_gen_put(s->gen);
	s->gen = NULL;
	if (o->index != NULL)
		return err;
	/* half an index must not be taken for one */
	if (err != STEME_OK)
		steme_kv_remove(s->kv_dir, NULL);
	return err != STEME_OK ? err : steme_give_to_owner(s->wal_dir, s->kv_dir, why);
}

int
steme_rebuild_offline(const struct steme_store_opts *o, bool replace,
    struct steme_applied *result, uint64_t *us, struct steme_why *why)
{
	struct steme_segments *locked = NULL;
	struct steme_store *s = NULL;
	int err;

	memset(result, 0, sizeof(*result));
	*us = 0;
	if ((err = steme_store_new(&s, o)) != STEME_OK)
		return steme_fail(why, err, "out of memory");
	if ((err = lock_log(s, &locked, why)) != STEME_OK)
		goto out;
	if (o->index == NULL) {
		steme_kv_heal(s);
		err = check_empty(s->kv_dir, why);
	}
	if (err == STEME_OK)
		err = rebuild_alone(s, o, result, us, why);
	else if (err == STEME_EEXIST && replace)
		err = rebuild_beside(s, o, result, us, why);
out:
	steme_segments_close(locked);
	steme_store_free(s);
	return err;
}
