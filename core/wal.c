/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal.c - writing the log: commits, rotation, closing.  wal_open.c opens it.
 * Labels in brackets are those of doc/wal-format.md.
 */
#include "config.h"
#include "core/wal.h"

#include "core/util.h"
#include "core/wal_impl.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define AGE_US		(INT64_C(7) * 86400 * 1000000)

/* ---- state ---- */

static int
fail(struct steme_wal *w, int err, struct steme_why *why)
{
	MUST(pthread_mutex_lock(&w->mu));
	w->st.failed = true;
	w->st.sync_errors++;
	MUST(pthread_mutex_unlock(&w->mu));
	w->why = *why;
	if (w->why.text[0] == '\0')
		steme_fail(&w->why, err, "%s", steme_strerror(err));
	return err;
}

static void
set_full(struct steme_wal *w, bool full)
{
	if (full)
		w->segs->ops->reserve(w->segs, false);
	MUST(pthread_mutex_lock(&w->mu));
	w->st.full = full;
	MUST(pthread_mutex_unlock(&w->mu));
}

/*
 * The result of an operation on the segments: a full disk is survived, what cannot
 * be known (any other error) is not.
 */
static int
judge(struct steme_wal *w, int err, struct steme_why *why)
{
	if (err == STEME_ENOSPC)
		set_full(w, true);
	else if (err != STEME_OK)
		fail(w, err, why);
	return err;
}

static int
room_for(struct steme_wal *w, size_t n)
{
	uint8_t *buf;
	size_t cap = STEME_MAX(n, w->cap * 2);

	if (n <= w->cap)
		return STEME_OK;
	if ((buf = realloc(w->buf, cap)) == NULL)
		return STEME_ENOMEM;
	w->buf = buf;
	w->cap = cap;
	return STEME_OK;
}

/* ---- segments ---- */

/* The next number that is free. */
static int
next_number(struct steme_wal *w, uint64_t *number)
{
	struct steme_segment_info *info;
	size_t n;
	int err = w->segs->ops->list(w->segs, &info, &n);

	if (err != STEME_OK)
		return err;
	if (n > 0 && info[n - 1].number > w->highest)
		w->highest = info[n - 1].number;
	free(info);
	*number = w->highest + 1;
	return STEME_OK;
}

static int
fill_header(struct steme_wal *w, struct steme_wal_seghdr *h, uint64_t prev,
    uint64_t offset, uint32_t chain)
{
	*h = (struct steme_wal_seghdr){
		.version = STEME_WAL_VERSION,
		.node = w->node,
		.first_lsn = w->lsn,
		.first_group = w->group,
		.hlc = w->hlc,
		.prev_segment = prev,
		.prev_offset = offset,
		.prev_chain = chain,
		.created_us = (uint64_t)steme_wall_us(w->clock),
	};
	if (getrandom(&h->salt, sizeof(h->salt), 0) != sizeof(h->salt))
		return STEME_EIO;
	return next_number(w, &h->number);
}

int
steme_wal_start_segment(struct steme_wal *w, struct steme_wal_pos prev,
    uint32_t chain, uint8_t *buf, size_t n, uint64_t from, uint32_t seed,
    size_t need, struct steme_why *why)
{
	uint64_t room = STEME_MAX(w->segment_bytes,
	    (uint64_t)n + need + STEME_WAL_SECTOR);
	struct steme_wal_group last;
	struct steme_wal_seghdr h;
	int err = fill_header(w, &h, prev.segment, prev.offset, chain);

	if (err != STEME_OK)
		return steme_fail(why, err, "cannot begin a new log segment: "
		    "%s", steme_strerror(err));
	err = steme_walrec_rechain(buf, n, from, seed, &h, &chain, &last);
	if (err != STEME_OK)
		return steme_fail(why, err, "groups of segment %" PRIu64
		    " of the log changed while they were copied: is the "
		    "memory or the disk damaged?", w->h.number);
	err = w->segs->ops->create(w->segs, h.number, room, buf, n, why);
	if (err == STEME_ENOSPC && n > STEME_WAL_HEADER) {
		/* acknowledged records: they come first, room can wait */
		w->segs->ops->reserve(w->segs, false);
		room = n;
		err = w->segs->ops->create(w->segs, h.number, room, buf, n,
		    why);
	}
	if (err != STEME_OK)
		return err;
	w->h = h;
	w->highest = h.number;
	w->open = true;
	w->clean = false;
	w->stale = false;
	w->room = room;
	w->offset = n;
	w->chain = chain;
	return STEME_OK;
}

/* [COMMIT-1] Goes on in a new, empty segment with room for a group of `need`. */
static int
rotate(struct steme_wal *w, size_t need, struct steme_why *why)
{
	struct steme_wal_pos end = { w->h.number, w->offset, w->lsn };
	uint8_t buf[STEME_WAL_HEADER];
	bool first = w->h.number == 0;
	int err;

	if (first)
		end.offset = 0;
	err = steme_wal_start_segment(w, end, first ? 0 : w->chain, buf,
	    sizeof(buf), 0, 0, need, why);
	if (err != STEME_OK || first)
		return err;
	MUST(pthread_mutex_lock(&w->mu));
	w->st.rotations++;
	MUST(pthread_mutex_unlock(&w->mu));
	/* crash here: the old segment has bytes that nobody reads */
	return w->segs->ops->cut(w->segs, end.segment, end.offset, why);
}

/*
 * Section 9: the open segment lost its name.  All that is acknowledged of it goes to
 * a new one, which takes its place.
 */
static int
relocate(struct steme_wal *w, struct steme_why *why)
{
	struct steme_wal_pos prev = { w->h.prev_segment, w->h.prev_offset, 0 };
	size_t n = (size_t)w->offset;
	uint8_t *buf = malloc(n);
	ssize_t got;
	int err = STEME_ENOMEM;

	w->stale = true;
	if (buf == NULL) {
		steme_fail(why, err, "no memory to copy segment %" PRIu64
		    " of the log, which lost its name", w->h.number);
		goto out;
	}
	got = w->segs->ops->read(w->segs, w->h.number, buf, n, 0);
	if (got != (ssize_t)n) {
		err = steme_fail(why, got < 0 ? (int)got : STEME_EIO,
		    "cannot read back segment %" PRIu64 " of the log, which "
		    "lost its name", w->h.number);
		goto out;
	}
	err = steme_wal_start_segment(w, prev, w->h.prev_chain, buf, n,
	    STEME_WAL_HEADER, w->h.crc, 0, why);
	if (err != STEME_OK)
		goto out;
	MUST(pthread_mutex_lock(&w->mu));
	w->st.relocations++;
	MUST(pthread_mutex_unlock(&w->mu));
out:
	free(buf);
	return err;
}

/* One write and one sync at the end; `after` is where the end then lies. */
static int
append(struct steme_wal *w, const void *data, size_t n, int64_t *sync_us,
    struct steme_why *why)
{
	int err = w->segs->ops->append(w->segs, data, n, w->offset, sync_us,
	    why);

	MUST(pthread_mutex_lock(&w->mu));
	w->st.syncs += err == STEME_OK || err == STEME_ESTALE;
	w->st.bytes_written += err == STEME_OK || err == STEME_ESTALE ? n : 0;
	MUST(pthread_mutex_unlock(&w->mu));
	return err;
}

/* [COMMIT-1], [COMMIT-2]: an open segment with room for n bytes at its bare end. */
static int
prepare(struct steme_wal *w, size_t n, struct steme_why *why)
{
	static const uint8_t zeros[STEME_WAL_SECTOR];
	int64_t age = steme_wall_us(w->clock) - (int64_t)w->h.created_us;
	bool empty = w->offset == STEME_WAL_HEADER;
	int err;

	if (w->stale && (err = relocate(w, why)) != STEME_OK)
		return err;
	if (!w->open || w->offset + n + STEME_WAL_SECTOR > w->room ||
	    (age > AGE_US && !empty))
		return rotate(w, n, why);
	if (!w->clean)
		return STEME_OK;
	err = append(w, zeros, sizeof(zeros), NULL, why);
	/* crash here: an unclean stop without a tail */
	if (err == STEME_OK || err == STEME_ESTALE || err == STEME_ENOSPC)
		w->clean = false;
	return err == STEME_ESTALE ? relocate(w, why) : err;
}

/* ---- commit ---- */

static int
check_records(const struct steme_wal *w, const struct steme_wal_rec *recs,
    size_t n, struct steme_why *why)
{
	if (n == 0 || n > UINT32_MAX || w->node == 0)
		return steme_fail(why, STEME_EINVAL, "a commit of %zu records "
		    "to a log of node %" PRIx64 " makes no sense", n, w->node);
	for (size_t i = 0; i < n; i++)
		if (recs[i].lsn != w->lsn + i || (int)recs[i].type < 1 ||
		    recs[i].type > STEME_WAL_LOST)
			return steme_fail(why, STEME_EINVAL, "record %" PRIu64
			    " of type %d cannot be number %" PRIu64
			    " of the log", recs[i].lsn, (int)recs[i].type,
			    w->lsn + i);
	if (steme_walrec_length(recs, n) == 0)
		return steme_fail(why, STEME_ETOOBIG, "the records are too "
		    "large for the log (2 MiB each, 64 MiB together)");
	return STEME_OK;
}

/* Where the log ends, so that a commit can be taken back. */
struct place {
	uint64_t offset, group, lsn, hlc;
	uint32_t chain;
};

/* The group is durable in a segment that lost its name: only a copy counts. */
static int
commit_elsewhere(struct steme_wal *w, const struct place *before,
    struct steme_why *why)
{
	uint64_t number = w->h.number;
	int err = relocate(w, why);
	int cerr;

	if (err != STEME_ENOSPC)
		return err;
	w->offset = before->offset;
	w->chain = before->chain;
	w->group = before->group;
	w->lsn = before->lsn;
	w->hlc = before->hlc;
	cerr = w->segs->ops->cut(w->segs, number, w->offset, why);
	return cerr != STEME_OK ? cerr : err;
}

static int
commit(struct steme_wal *w, const struct steme_wal_rec *recs, size_t n,
    int64_t *fsync_us, struct steme_why *why)
{
	size_t size = steme_walrec_size(steme_walrec_length(recs, n));
	struct place before;
	struct steme_wal_group g;
	uint64_t hlc = w->hlc;
	uint32_t chain;
	int err;

	w->need = size;
	if ((err = room_for(w, size)) != STEME_OK)
		return steme_fail(why, err, "no memory for a group of %zu "
		    "bytes", size);
	if ((err = judge(w, prepare(w, size, why), why)) != STEME_OK)
		return err;
	for (size_t i = 0; i < n; i++)
		hlc = STEME_MAX(hlc, recs[i].hlc);
	g = (struct steme_wal_group){ .group = w->group, .offset = w->offset,
	    .durable = w->offset, .first_lsn = w->lsn, .hlc = hlc,
	    .chain = w->chain };
	chain = steme_walrec_put_group(w->buf, &g, w->h.crc, recs, n);
	/* [COMMIT-3] to [COMMIT-5] */
	err = append(w, w->buf, size, fsync_us, why);
	before = (struct place){ w->offset, w->group, w->lsn, w->hlc,
	    w->chain };
	if (err == STEME_OK || err == STEME_ESTALE) {
		w->offset += size;
		w->chain = chain;
		w->group++;
		w->lsn += n;
		w->hlc = hlc;
	}
	if (err == STEME_ESTALE)
		err = commit_elsewhere(w, &before, why);
	return judge(w, err, why);
}

int
steme_wal_commit(struct steme_wal *w, const struct steme_wal_rec *recs, size_t n,
    int64_t *fsync_us, struct steme_why *why)
{
	struct steme_why own = { "" };
	int err;

	if (fsync_us != NULL)
		*fsync_us = 0;
	if (w->why.text[0] != '\0')
		return steme_fail(why, STEME_EREADONLY, "the log stopped "
		    "writing: %s", w->why.text);
	if ((err = check_records(w, recs, n, why)) != STEME_OK)
		return err;
	err = commit(w, recs, n, fsync_us, &own);
	if (err != STEME_OK)
		return steme_fail(why, err, "%s", own.text);
	MUST(pthread_mutex_lock(&w->mu));
	w->st.full = false;
	w->st.groups++;
	w->st.records += n;
	MUST(pthread_mutex_unlock(&w->mu));
	return STEME_OK;
}

int
steme_wal_rotate(struct steme_wal *w, struct steme_why *why)
{
	struct steme_why own = { "" };
	int err;

	if (w->why.text[0] != '\0')
		return steme_fail(why, STEME_EREADONLY, "the log stopped "
		    "writing: %s", w->why.text);
	if (w->h.number == 0 || w->offset == STEME_WAL_HEADER)
		return STEME_OK;
	err = STEME_OK;
	if (w->stale)
		err = relocate(w, &own);
	if (err == STEME_OK)
		err = rotate(w, 0, &own);
	err = judge(w, err, &own);
	return err == STEME_OK ? err : steme_fail(why, err, "%s", own.text);
}

int
steme_wal_tick(struct steme_wal *w, struct steme_why *why)
{
	struct steme_why own = { "" };
	bool full = w->st.full;		/* written by this thread only */
	int err = STEME_OK;

	if (w->why.text[0] != '\0')
		return steme_fail(why, STEME_EREADONLY, "the log stopped "
		    "writing: %s", w->why.text);
	if (w->open && !w->stale)
		err = w->segs->ops->check(w->segs, &own);
	if (err == STEME_ESTALE || (err == STEME_OK && w->stale))
		err = relocate(w, &own);
	if (err == STEME_OK && full) {
		/* is there room again? */
		err = prepare(w, w->need, &own);
		if (err == STEME_OK)
			err = w->segs->ops->extend(w->segs, &own);
		if (err == STEME_OK)
			set_full(w, false);
	} else if (err == STEME_OK) {
		if (w->open && w->offset > STEME_WAL_HEADER &&
		    steme_wall_us(w->clock) - (int64_t)w->h.created_us > AGE_US)
			err = rotate(w, 0, &own);
		if (err == STEME_OK && !atomic_load(&w->lean))
			w->segs->ops->reserve(w->segs, true);
	}
	err = judge(w, err, &own);
	return err == STEME_OK ? err : steme_fail(why, err, "%s", own.text);
}

void
steme_wal_reserve(struct steme_wal *w, bool hold)
{
	atomic_store(&w->lean, !hold);
	if (!hold)
		w->segs->ops->reserve(w->segs, false);
}

/* ---- closing ---- */

void
steme_wal_free(struct steme_wal *w)
{
	pthread_mutex_destroy(&w->mu);
	free(w->buf);
	free(w);
}

/* Section 4.  A failure leaves an unclean stop, which is no loss. */
static void
mark_clean(struct steme_wal *w)
{
	uint8_t mark[STEME_WAL_SECTOR];
	struct steme_wal_group g;
	struct steme_why why;
	int err = STEME_ESTALE;

	if (w->why.text[0] != '\0' || !w->open || w->clean)
		return;
	if (w->stale && relocate(w, &why) != STEME_OK)
		return;
	for (int i = 0; i < 2 && err == STEME_ESTALE; i++) {
		g = (struct steme_wal_group){ .flags = STEME_WAL_CLEAN,
		    .group = w->group, .offset = w->offset,
		    .durable = w->offset, .first_lsn = w->lsn, .hlc = w->hlc,
		    .chain = w->chain };
		(void)steme_walrec_put_group(mark, &g, w->h.crc, NULL, 0);
		err = append(w, mark, sizeof(mark), NULL, &why);
		if (err == STEME_ESTALE && relocate(w, &why) != STEME_OK)
			return;
	}
}

void
steme_wal_close(struct steme_wal *w)
{
	if (w == NULL)
		return;
	mark_clean(w);
	steme_segments_close(w->segs);
	steme_wal_free(w);
}

/* ---- facts ---- */

uint64_t
steme_wal_next_lsn(const struct steme_wal *w)
{
	return w->lsn;
}

uint64_t
steme_wal_last_hlc(const struct steme_wal *w)
{
	return w->hlc;
}

uint64_t
steme_wal_node(const struct steme_wal *w)
{
	return w->node;
}

struct steme_wal_pos
steme_wal_end(const struct steme_wal *w)
{
	return (struct steme_wal_pos){ w->h.number, w->offset, w->lsn };
}

void
steme_wal_stats(struct steme_wal *w, struct steme_wal_stats *out)
{
	struct steme_segment_info *info;
	size_t n;

	MUST(pthread_mutex_lock(&w->mu));
	*out = w->st;
	MUST(pthread_mutex_unlock(&w->mu));
	if (w->segs->ops->list(w->segs, &info, &n) != STEME_OK)
		return;
	out->segments = n;
	if (n > 0) {
		out->first_segment = info[0].number;
		out->open_segment = info[n - 1].number;
	}
	for (size_t i = 0; i < n; i++)
		out->bytes += info[i].bytes;
	free(info);
}
