/* SPDX-License-Identifier: Apache-2.0 */
/* wal_repair.c - reading a damaged log for all it has, and writing a whole one. */
#include "config.h"
#include "core/wal_repair.h"

#include "core/buf.h"
#include "core/util.h"
#include "core/wal_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A group written here; those of the log were within these bounds. */
#define GROUP_RECORDS	8192
#define GROUP_BYTES	((size_t)60 << 20)
/* More records missing in one place than any log lost: a header that lies. */
#define HOLE_MAX	((uint64_t)1 << 32)

struct run {
	struct steme_wal_repair *p;
	struct steme_walread r;
	struct steme_why *why;
	bool looking;			/* for trouble, not for records */
	struct steme_wal *w;		/* written to; NULL: only counting */
	uint64_t next;			/* lsn that comes next */
	struct steme_wal_pos group;	/* the one being read */
	struct steme_wal_rec *recs;	/* of the group being made */
	size_t n, cap;
	struct steme_buf bytes;		/* their payloads, one after the other */
	uint64_t upto;			/* the first segment to write anew has at
					   most this number */
};

/* ---- groups ---- */

static int
flush(struct run *u)
{
	const uint8_t *p = u->bytes.data;
	int err;

	if (u->n == 0)
		return STEME_OK;
	for (size_t i = 0; i < u->n; i++) {
		u->recs[i].payload = p;
		p += u->recs[i].len;
	}
	err = steme_wal_commit(u->w, u->recs, u->n, NULL, u->why);
	steme_buf_clear(&u->bytes);
	u->n = 0;
	return err;
}

static int
put(struct run *u, const struct steme_wal_rec *rec)
{
	int err;

	u->next = rec->lsn + 1;
	if (u->w == NULL)
		return STEME_OK;
	if ((u->n == GROUP_RECORDS || u->bytes.len + rec->len > GROUP_BYTES) &&
	    (err = flush(u)) != STEME_OK)
		return err;
	if (u->n == u->cap) {
		size_t cap = u->cap == 0 ? 256 : u->cap * 2;
		struct steme_wal_rec *v = realloc(u->recs, cap * sizeof(*v));

		if (v == NULL)
			return STEME_ENOMEM;
		u->recs = v;
		u->cap = cap;
	}
	u->recs[u->n++] = *rec;
	steme_buf_put(&u->bytes, rec->payload, rec->len);
	return steme_buf_err(&u->bytes);
}

/* ---- what is missing ---- */

static int
hole(struct run *u, uint64_t lsn, const struct steme_wal_rec *doubtful)
{
	struct steme_wal_rec rec = { .lsn = lsn };
	int err = u->p->fill(u->p->arg, lsn, doubtful, &rec);

	if (err == STEME_ENOTFOUND) {
		u->p->lost++;
		rec = (struct steme_wal_rec){ .type = STEME_WAL_LOST,
		    .lsn = lsn };
	} else if (err == STEME_OK) {
		u->p->filled++;
	} else {
		return steme_fail(u->why, err, "record %" PRIu64 " cannot be "
		    "looked for elsewhere: %s", lsn, steme_strerror(err));
	}
	return put(u, &rec);
}

/* All from u->next to below lsn. */
static int
holes(struct run *u, uint64_t lsn)
{
	int err = STEME_OK;

	if (lsn > u->next && lsn - u->next > HOLE_MAX)
		return steme_fail(u->why, STEME_ECORRUPT, "the log goes from record "
		    "%" PRIu64 " to record %" PRIu64 ": a segment of another log "
		    "must be among its own", u->next - 1, lsn);
	while (u->next < lsn && err == STEME_OK)
		err = hole(u, u->next, NULL);
	return err;
}

/* ---- what is there ---- */

/* What was missing before a group is a group of its own. */
static int
enter(struct run *u, const struct steme_wal_pos *pos)
{
	int err;

	if (pos->segment == u->group.segment && pos->offset == u->group.offset)
		return STEME_OK;
	u->group = *pos;
	err = flush(u);
	if (err == STEME_OK)
		err = holes(u, pos->lsn);
	return err == STEME_OK ? flush(u) : err;
}

static int
on_record(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct run *u = arg;
	int err = enter(u, pos);

	if (err == STEME_OK)
		err = holes(u, rec->lsn);
	return err == STEME_OK ? put(u, rec) : err;
}

static int
on_doubtful(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct run *u = arg;
	int err = enter(u, pos);

	if (err == STEME_OK)
		err = holes(u, rec->lsn);
	if (err != STEME_OK || rec->lsn < u->next)
		return err;
	return hole(u, rec->lsn, rec);
}

/* Header damage and gaps belong to the segment before: that is written anew, too. */
static int
on_trouble(void *arg, const struct steme_wal_trouble *t)
{
	struct run *u = arg;
	bool in_groups = t->err == STEME_EGAP || t->offset >= STEME_WAL_HEADER;

	if (!u->looking)
		return STEME_OK;
	u->upto = STEME_MIN(u->upto, in_groups ? t->segment : t->segment - 1);
	u->p->troubles++;
	u->p->trouble(u->p->arg, t);
	return STEME_OK;
}

/* ---- reading ---- */

static void
begin(struct run *u, struct steme_wal_repair *p, struct steme_why *why)
{
	memset(u, 0, sizeof(*u));
	u->p = p;
	u->why = why;
	u->upto = UINT64_MAX;
	u->r = (struct steme_walread){ .trouble = on_trouble, .arg = u,
	    .why = why };
}

static void
end(struct run *u)
{
	steme_walread_fini(&u->r);
	steme_buf_fini(&u->bytes);
	free(u->recs);
}

/* Segments of one node only: others would be read as if they were the log's. */
static int
check_nodes(const struct steme_walset *set, struct steme_why *why)
{
	for (size_t i = 1; i < set->n; i++)
		if (set->v[i].h.node != set->v[0].h.node)
			return steme_fail(why, STEME_ECORRUPT, "segments %" PRIu64
			    " and %" PRIu64 " of the log are of two nodes: move "
			    "the one that does not belong here away first",
			    set->v[0].number, set->v[i].number);
	return STEME_OK;
}

/* All that the tables have from p->start_lsn on, and what must be there behind it. */
static int
gather(struct steme_wal_repair *p, struct steme_wal *w, struct steme_why *why)
{
	struct steme_walset set;
	struct steme_walend e;
	struct run u;
	int err;

	begin(&u, p, why);
	u.w = w;
	u.r.visit = on_record;
	u.r.doubtful = on_doubtful;
	u.next = u.r.next_lsn = u.r.from.lsn = p->start_lsn;
	p->filled = p->lost = 0;
	err = steme_walset_load(&set, &u.r, p->tables, p->ntables);
	if (err == STEME_OK)
		err = check_nodes(&set, why);
	if (err != STEME_OK)
		goto out;
	p->highest = STEME_MAX(p->highest, set.highest);
	if (set.n > 0)
		p->node = set.v[0].h.node;
	err = steme_walread_all(&u.r, &set, &e);
	if (err == STEME_OK)
		err = flush(&u);
	if (err == STEME_OK)
		err = holes(&u, STEME_MAX(e.lsn, p->end_lsn));
	if (err == STEME_OK)
		err = flush(&u);
out:
	free(set.v);
	end(&u);
	return err;
}

/* What is wrong with the log itself, whatever copies there are elsewhere. */
static int
look(struct run *u, struct steme_walset *set)
{
	struct steme_wal_repair *p = u->p;
	struct steme_walend e;
	int err;

	u->looking = true;
	u->r.next_lsn = u->r.from.lsn = 1;
	err = steme_walset_load(set, &u->r, p->tables, 1);
	if (err != STEME_OK)
		return err;
	p->highest = set->highest;
	if (set->highest == 0)
		return steme_fail(u->why, STEME_ENOTFOUND, "there is no segment of "
		    "a log to repair");
	/* what is not there in front was moved away */
	if (set->n > 0 && u->upto >= set->v[0].number)
		u->r.next_lsn = u->r.from.lsn = set->v[0].h.first_lsn;
	p->start_lsn = u->r.from.lsn;
	err = steme_walread_all(&u->r, set, &e);
	if (err == STEME_OK && e.lsn < p->end_lsn) {
		struct steme_wal_trouble t = { .err = STEME_EGAP,
		    .segment = set->highest, .first_lsn = e.lsn,
		    .last_lsn = p->end_lsn - 1 };

		snprintf(t.text, sizeof(t.text), "the log ends before record %"
		    PRIu64 ", the index has up to record %" PRIu64, t.first_lsn,
		    t.last_lsn);
		err = on_trouble(u, &t);
	}
	return err;
}

int
steme_wal_repair_look(struct steme_wal_repair *p, struct steme_why *why)
{
	struct steme_walset set;
	struct run u;
	int err;

	begin(&u, p, why);
	p->troubles = p->filled = p->lost = 0;
	memset(&p->start, 0, sizeof(p->start));
	if ((err = look(&u, &set)) != STEME_OK)
		goto out;
	for (size_t i = 0; i < set.n && set.v[i].number <= u.upto; i++)
		p->start = set.v[i].h;
	if (p->start.number != 0)
		p->start_lsn = p->start.first_lsn;
	if (p->troubles > 0)
		err = gather(p, NULL, why);
out:
	free(set.v);
	end(&u);
	return err;
}

/* ---- writing ---- */

/* A log that ends where p->start began, open for appending to a new segment. */
static struct steme_wal *
open_end(const struct steme_wal_repair *p, struct steme_segments *fresh)
{
	struct steme_wal *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	MUST(pthread_mutex_init(&w->mu, NULL));
	w->segs = fresh;
	w->clock = p->clock;
	w->segment_bytes = p->segment_bytes != 0 ? p->segment_bytes :
	    STEME_WAL_SEGMENT_BYTES;
	w->node = p->node;
	w->highest = p->highest;
	w->h.number = p->start.prev_segment;
	w->offset = p->start.prev_offset;
	w->chain = p->start.prev_chain;
	w->hlc = p->start.hlc;
	w->lsn = p->start_lsn;
	w->group = p->start.number != 0 ? p->start.first_group : 1;
	return w;
}

int
steme_wal_repair_write(struct steme_wal_repair *p,
    struct steme_segments *fresh, struct steme_why *why)
{
	struct steme_wal *w;
	int err;

	if (p->node == 0) {
		steme_segments_close(fresh);
		return steme_fail(why, STEME_ECORRUPT, "no segment header is "
		    "legible and there is no index: nothing of this log can be "
		    "had; restore it from a backup");
	}
	w = open_end(p, fresh);
	if (w == NULL) {
		steme_segments_close(fresh);
		return steme_fail(why, STEME_ENOMEM, "no memory to repair the log");
	}
	err = gather(p, w, why);
	steme_wal_close(w);
	return err;
}
