/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_scan.c - reading the log in order: groups, the chain, what is wrong and what
 * a reader may still have of it.  doc/wal-format.md, sections 8 and 10.
 */
#include "config.h"
#include "core/wal_read.h"

#include "core/crc.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- telling trouble ---- */

int
steme_walread_trouble(struct steme_walread *r, int err,
    const struct steme_wal_trouble *t)
{
	int verdict = err;

	if (r->trouble != NULL)
		verdict = r->trouble(r->arg, t);
	if (verdict != 0)
		steme_fail(r->why, verdict, "%s", t->text);
	return verdict;
}

/* "records 7 to 9", "record 7", or that they are not known. */
static void
print_records(char *buf, size_t size, uint64_t first, uint64_t last)
{
	if (first == 0)
		snprintf(buf, size, "its records");
	else if (last == first)
		snprintf(buf, size, "record %" PRIu64, first);
	else if (last == 0)
		snprintf(buf, size, "records from %" PRIu64 " on", first);
	else if (last < first)
		snprintf(buf, size, "no records");
	else
		snprintf(buf, size, "records %" PRIu64 " to %" PRIu64, first,
		    last);
}

int
steme_walread_damage(struct steme_walread *r, struct steme_segments *table,
    uint64_t number, uint64_t off, uint64_t first, uint64_t last,
    const char *what)
{
	struct steme_wal_trouble t = { .err = STEME_ECORRUPT,
	    .segment = number, .offset = off, .first_lsn = first,
	    .last_lsn = last };
	char name[240], records[64];

	table->ops->name(table, number, name, sizeof(name));
	print_records(records, sizeof(records), first, last);
	snprintf(t.text, sizeof(t.text), "%s, offset %" PRIu64 ": %s; affected: "
	    "%s. Restore this file from a backup or a peer, or, with the "
	    "daemon down, run `steme repair` to set it aside and go on", name,
	    off, what, records);
	return steme_walread_trouble(r, STEME_ECORRUPT, &t);
}

/* Records r->next_lsn to last are in no segment. */
static int
gap(struct steme_walread *r, uint64_t segment, uint64_t last)
{
	struct steme_wal_trouble t = { .err = STEME_EGAP, .segment = segment,
	    .first_lsn = r->next_lsn, .last_lsn = last };
	char records[64];

	print_records(records, sizeof(records), t.first_lsn, last);
	/* a repair leaves alone what was moved away in front */
	snprintf(t.text, sizeof(t.text), "the log lacks %s: segment %" PRIu64
	    " (segment.%03" PRIu64 ".wal) or one near it was moved away or "
	    "deleted. Bring it back, or, with the daemon down, run `steme "
	    "%s` (--wal-path names another folder to look in) to go on",
	    records, segment, segment, t.first_lsn == 1 ?
	    "rebuild --accept-gaps" : "repair");
	return steme_walread_trouble(r, STEME_EGAP, &t);
}

/* ---- records of a group ---- */

static int
tell(struct steme_walread *r, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	int err;

	if (rec->lsn < r->next_lsn)
		return STEME_OK;
	if (rec->type > STEME_WAL_LOST)
		return steme_fail(r->why, STEME_EVERSION, "record %" PRIu64
		    " of the log has type %d, which this program does not "
		    "know: use a newer one", rec->lsn, (int)rec->type);
	r->next_lsn = rec->lsn + 1;
	if (r->visit == NULL)
		return STEME_OK;
	err = r->visit(r->arg, rec, pos);
	return err;
}

static int
tell_group(struct steme_walread *r, const struct steme_walseg *s,
    const struct steme_wal_group *g, const uint8_t *p)
{
	struct steme_wal_pos pos = { s->number, g->offset, g->first_lsn };
	struct steme_rd rd = steme_walrec_records(g, p);
	struct steme_wal_rec rec;
	int err;

	if (g->hlc > r->hlc)
		r->hlc = g->hlc;
	if (g->first_lsn + g->count <= r->next_lsn)
		return STEME_OK;
	while (steme_walrec_next(&rd, &rec) == STEME_OK)
		if ((err = tell(r, &rec, &pos)) != STEME_OK)
			return err;
	return STEME_OK;
}

/*
 * Tells the records of a damaged group that are right by themselves: each checksum
 * goes on from the one stored before it, so one bad record does not
 * condemn the next.  With `count` only finds the first and last bad lsn.
 */
static int
salvage(struct steme_walread *r, const struct steme_walseg *s,
    const struct steme_wal_group *g, const uint8_t *p, bool count,
    uint64_t *first, uint64_t *last)
{
	struct steme_wal_pos pos = { s->number, g->offset, g->first_lsn };
	struct steme_rd rd = steme_walrec_records(g, p);
	struct steme_wal_rec rec;
	uint32_t chain = g->crc;
	int err;

	*first = *last = 0;
	for (uint32_t i = 0; i < g->count; i++) {
		const uint8_t *at = rd.p;
		struct steme_rd tail;
		uint32_t crc, stored;

		if (steme_walrec_next(&rd, &rec) != STEME_OK) {
			*first = *first == 0 ? g->first_lsn + i : *first;
			*last = g->first_lsn + g->count - 1;
			break;
		}
		crc = steme_crc32c(chain, at, STEME_WAL_REC_HEAD + rec.len);
		tail = steme_rd_from(at + STEME_WAL_REC_HEAD + rec.len, 4);
		stored = (uint32_t)steme_rd_le(&tail, 4);
		chain = stored;
		if (crc != stored || rec.lsn != g->first_lsn + i ||
		    rec.type == 0) {
			*first = *first == 0 ? g->first_lsn + i : *first;
			*last = g->first_lsn + i;
			rec.lsn = g->first_lsn + i;
			err = count || r->doubtful == NULL ? STEME_OK :
			    r->doubtful(r->arg, &rec, &pos);
		} else {
			err = count ? STEME_OK : tell(r, &rec, &pos);
		}
		if (err != STEME_OK)
			return err;
	}
	return STEME_OK;
}

/* ---- one group ---- */

/* A group that was found, or what is wrong at its place. */
struct found {
	struct steme_wal_group g;
	const uint8_t *p;		/* the whole group */
	bool header;			/* g is valid */
	bool strange;			/* valid, but does not continue the log */
	bool none;			/* the segment has no byte here */
	struct steme_wal_bad bad;
};

/* Is the valid header the one that comes next? */
static bool
continues(const struct steme_walread *r, const struct steme_wal_group *g)
{
	if (g->first_lsn != r->lsn)
		return false;
	return !r->chained || (g->chain == r->chain && g->group == r->group);
}

/* Bytes of the group at off; of a damaged .gz there may be none. */
static int
peek(struct steme_walread *r, uint64_t off, size_t n, struct found *f, size_t *got)
{
	int err = steme_walwin_peek(&r->win, off, n, &f->p, got);

	if (err == STEME_ECORRUPT) {
		f->header = false;
		f->bad.what = "the compressed file cannot be read on from here";
	}
	return err;
}

/* STEME_ECORRUPT: f says what is wrong. */
static int
look(struct steme_walread *r, const struct steme_walseg *s, uint64_t off,
    struct found *f)
{
	uint32_t chain;
	size_t size, got;
	int err;

	memset(f, 0, sizeof(*f));
	f->bad = (struct steme_wal_bad){ 0, STEME_WAL_GROUP, r->lsn,
	    "there is no valid group header" };
	if ((err = peek(r, off, STEME_WAL_SECTOR, f, &got)) != STEME_OK)
		return err;
	f->none = got == 0;
	if (steme_walrec_get_group(&f->g, f->p, STEME_WAL_SECTOR, off,
	    s->h.crc) != STEME_OK)
		return STEME_ECORRUPT;
	f->header = true;
	size = steme_walrec_size(f->g.length);
	if (s->limit != STEME_WAL_NO_LIMIT && off + size > s->limit) {
		f->bad.what = "the group reaches beyond the end that the next "
		    "segment names";
		f->header = false;
		return STEME_ECORRUPT;
	}
	if (f->g.flags == STEME_WAL_CLEAN && off < s->h.born) {
		f->bad.what = "a clean mark lies where records must be";
		return STEME_ECORRUPT;
	}
	if (!continues(r, &f->g)) {
		f->bad.what = "the group does not continue the one before it";
		f->strange = true;
		return STEME_ECORRUPT;
	}
	if ((err = peek(r, off, size, f, NULL)) != STEME_OK)
		return err;
	if ((err = steme_walrec_check(&f->g, f->p, &chain, &f->bad)) !=
	    STEME_OK)
		return err;
	if (f->g.flags == 0) {
		r->chained = true;
		r->chain = chain;
		r->group = f->g.group + 1;
		r->lsn = f->g.first_lsn + f->g.count;
	}
	return STEME_OK;
}

/* The same, in whichever copy has it; the window stays on the last one tried. */
static int
look_everywhere(struct steme_walread *r, const struct steme_walseg *s,
    uint64_t off, struct found *f)
{
	struct steme_segments *had = r->win.table;
	int err = look(r, s, off, f);

	if (s->ncopies < 2 || err != STEME_ECORRUPT)
		return err;
	for (unsigned i = 0; i < s->ncopies; i++) {
		if (s->copy[i] == had)
			continue;
		steme_walwin_set(&r->win, s->copy[i], s->number);
		err = look(r, s, off, f);
		if (err == STEME_OK)
			return err;
	}
	steme_walwin_set(&r->win, had, s->number);
	return look(r, s, off, f);
}

/* ---- where reading fails ---- */

enum verdict { V_END, V_TORN, V_DAMAGED };

/* Is p (a sector) a clean mark that was partly overwritten with zeros? */
static bool
wiped_mark(const struct steme_walread *r, const struct steme_walseg *s,
    uint64_t off, const uint8_t *p)
{
	struct steme_wal_group g = { .flags = STEME_WAL_CLEAN,
	    .group = r->group, .offset = off, .durable = off,
	    .first_lsn = r->lsn, .hlc = r->hlc, .chain = r->chain };
	uint8_t mark[STEME_WAL_SECTOR];
	size_t n = 0;

	(void)steme_walrec_put_group(mark, &g, s->h.crc, NULL, 0);
	while (n < sizeof(mark) && p[n] == 0)
		n++;
	return memcmp(p + n, mark + n, sizeof(mark) - n) == 0;
}

/*
 * Section 10 of the document.  *a tells where to go on.  Only a segment without
 * a successor may end by itself or be torn.
 */
static int
judge(struct steme_walread *r, const struct steme_walseg *s, uint64_t off,
    const struct found *f, struct steme_wal_ahead *a, enum verdict *v)
{
	size_t n = f->header ? steme_walrec_size(f->g.length) :
	    STEME_WAL_SECTOR;
	const uint8_t *p;
	int err;

	*v = V_DAMAGED;
	err = steme_walwin_ahead(&r->win, off, s->limit, s->h.crc, a);
	if (err != STEME_OK)
		return err == STEME_ECORRUPT ? STEME_OK : err;
	/* what it was born with was synced before it got its name */
	if (a->later || s->limit != STEME_WAL_NO_LIMIT || f->strange ||
	    off < s->h.born)
		return STEME_OK;
	if (a->used == off) {
		*v = V_END;
		return STEME_OK;
	}
	if ((err = steme_walwin_peek(&r->win, off, n, &p, NULL)) != STEME_OK)
		return err;
	if (steme_walrec_torn(p, n, f->bad.from, f->bad.to) ||
	    (a->used == off + STEME_WAL_SECTOR && wiped_mark(r, s, off, p)))
		*v = V_TORN;
	return STEME_OK;
}

/* First lsn behind the damage at off: that of the next group, or segment; 0 unknown. */
static uint64_t
lsn_behind(const struct steme_walseg *s, const struct found *f,
    const struct steme_wal_ahead *a)
{
	if (f->header && !f->strange)
		return f->g.first_lsn + f->g.count;
	if (f->strange)
		return f->g.first_lsn;
	if (a->later)
		return a->g.first_lsn;
	return s->limit != STEME_WAL_NO_LIMIT ? s[1].h.first_lsn : 0;
}

/*
 * Reports damage and, if that is accepted, tells what can be had and moves *off
 * to where reading goes on (the limit: nowhere in this segment).
 */
static int
damaged(struct steme_walread *r, const struct steme_walseg *s, uint64_t *off,
    struct found *f, const struct steme_wal_ahead *a)
{
	struct steme_segments *table = r->win.table;
	uint64_t behind = lsn_behind(s, f, a);
	uint64_t first = r->lsn, last = behind == 0 ? 0 : behind - 1;
	uint64_t place = *off + f->bad.from, x, y;
	bool whole = f->header && !f->strange;
	size_t size = whole ? steme_walrec_size(f->g.length) : 0;
	int err;

	if (whole) {
		/* reading on may have moved the window */
		err = steme_walwin_peek(&r->win, *off, size, &f->p, NULL);
		if (err == STEME_OK)
			err = salvage(r, s, &f->g, f->p, true, &first, &last);
		if (err != STEME_OK)
			return err;
		if (first == 0) {	/* only the padding is bad */
			first = r->lsn;
			last = first - 1;
		}
	}
	err = steme_walread_damage(r, table, s->number, place, first, last,
	    f->bad.what);
	if (err != STEME_OK)
		return err;
	if (whole && (err = salvage(r, s, &f->g, f->p, false, &x, &y)) !=
	    STEME_OK)
		return err;
	r->chained = false;
	if (behind > r->next_lsn)
		r->next_lsn = behind;	/* told as damage, not again as a gap */
	if (behind != 0)
		r->lsn = behind;
	if (f->strange)
		return STEME_OK;	/* once more, without the chain */
	if (whole && (!a->later || a->g.offset >= *off + size))
		*off += size;
	else if (a->later)
		*off = a->g.offset;
	else
		*off = s->limit;
	if (a->later && *off == a->g.offset)
		r->lsn = a->g.first_lsn;
	return STEME_OK;
}

/* ---- a segment ---- */

/* Sets the place to start in the first segment; true if the hint was good. */
static bool
take_hint(struct steme_walread *r, const struct steme_walseg *s, uint64_t *off)
{
	uint64_t at = r->from.offset;
	struct steme_wal_group g;
	const uint8_t *p;

	if (s->number != r->from.segment || at <= STEME_WAL_HEADER ||
	    at % STEME_WAL_SECTOR != 0 || at >= s->limit ||
	    steme_walwin_peek(&r->win, at, STEME_WAL_SECTOR, &p, NULL) !=
	    STEME_OK || steme_walrec_get_group(&g, p, STEME_WAL_SECTOR, at,
	    s->h.crc) != STEME_OK || g.first_lsn != r->from.lsn)
		return false;
	*off = at;
	r->chained = true;
	r->chain = g.chain;
	r->group = g.group;
	r->lsn = g.first_lsn;
	return true;
}

/* Enters a segment: does it continue what was read? */
static int
enter(struct steme_walread *r, const struct steme_walset *set, size_t i)
{
	const struct steme_walseg *s = &set->v[i];
	bool follows = i > 0 && r->chained &&
	    set->v[i - 1].number == s->h.prev_segment &&
	    set->v[i - 1].limit != STEME_WAL_NO_LIMIT;
	int err = STEME_OK;

	if (follows && (r->chain != s->h.prev_chain ||
	    r->lsn != s->h.first_lsn || r->group != s->h.first_group))
		err = steme_walread_damage(r, s->copy[0], s->number, 0,
		    s->h.first_lsn, 0,
		    "the segment does not continue the one before it");
	if (err == STEME_OK && s->h.first_lsn > r->next_lsn) {
		err = gap(r, s->h.prev_segment, s->h.first_lsn - 1);
		r->next_lsn = s->h.first_lsn;
	}
	r->chained = true;
	r->chain = s->h.crc;
	r->group = s->h.first_group;
	r->lsn = s->h.first_lsn;
	if (s->h.hlc > r->hlc)
		r->hlc = s->h.hlc;
	return err;
}

/* Reading cannot go on at *off: ends the segment (*done), or skips, or fails. */
static int
stopped(struct steme_walread *r, const struct steme_walseg *s, uint64_t *off,
    struct found *f, bool *done)
{
	struct steme_wal_ahead a;
	enum verdict v;
	int err = judge(r, s, *off, f, &a, &v);

	if (err != STEME_OK)
		return err;
	if (v == V_DAMAGED && s->newest && *off != r->again) {
		/* a writer beside us may have been between our reads: look anew */
		r->again = *off;
		r->win.len = 0;
		return STEME_OK;
	}
	if (v == V_DAMAGED) {
		if (f->none)
			f->bad.what = "the segment ends before the place "
			    "where the next one continues it";
		err = damaged(r, s, off, f, &a);
		*done = *off == STEME_WAL_NO_LIMIT;
		return err;
	}
	*done = true;
	if (v == V_TORN && s->newest) {
		r->end->torn = true;
		r->end->torn_bytes = a.used - *off;
	}
	return STEME_OK;
}

static int
read_segment(struct steme_walread *r, const struct steme_walset *set, size_t i)
{
	const struct steme_walseg *s = &set->v[i];
	struct steme_walend *e = r->end;
	uint64_t off = STEME_WAL_HEADER;
	bool done = false;
	struct found f;
	int err;

	steme_walwin_set(&r->win, s->copy[0], s->number);
	if ((err = enter(r, set, i)) != STEME_OK)
		return err;
	if (i == 0)
		(void)take_hint(r, s, &off);
	e->durable = s->h.born;
	while (!done && off < s->limit) {
		if (s->number == r->from.segment && off == r->from.offset &&
		    r->from.lsn == r->lsn && off > e->durable)
			e->durable = off;
		err = look_everywhere(r, s, off, &f);
		if (err == STEME_OK && f.g.flags == STEME_WAL_CLEAN &&
		    !s->newest)
			done = true;	/* its successor is missing */
		else if (err == STEME_OK && f.g.flags == STEME_WAL_CLEAN) {
			done = e->clean = true;
			/* a start at the mark has seen no other group */
			r->hlc = STEME_MAX(r->hlc, f.g.hlc);
		} else if (err == STEME_OK) {
			err = tell_group(r, s, &f.g, f.p);
			e->durable = STEME_MAX(e->durable, f.g.durable);
			off += steme_walrec_size(f.g.length);
		} else if (err == STEME_ECORRUPT)
			err = stopped(r, s, &off, &f, &done);
		else
			steme_fail(r->why, err, "cannot read segment %" PRIu64
			    " of the log at %" PRIu64 ": %s", s->number, off,
			    steme_strerror(err));
		if (err != STEME_OK)
			return err;
	}
	e->seg = *s;
	e->offset = off;
	return STEME_OK;
}

int
steme_walread_all(struct steme_walread *r, const struct steme_walset *set,
    struct steme_walend *end)
{
	int err;

	memset(end, 0, sizeof(*end));
	r->end = end;
	r->lsn = 1;
	r->group = 1;
	for (size_t i = 0; i < set->n; i++)
		if ((err = read_segment(r, set, i)) != STEME_OK)
			return err;
	end->empty = set->n == 0;
	end->chain = r->chain;
	end->group = r->group;
	end->lsn = r->lsn;
	if (end->clean)
		end->durable = end->offset;
	if (r->lsn < r->from.lsn) {
		uint64_t segment = r->from.segment;

		r->next_lsn = r->lsn;
		return gap(r, segment, r->from.lsn - 1);
	}
	return STEME_OK;
}

void
steme_walread_fini(struct steme_walread *r)
{
	steme_walwin_fini(&r->win);
}

int
steme_wal_scan(struct steme_segments *const *tables, size_t ntables,
    struct steme_wal_pos from, steme_wal_visit *visit,
    steme_wal_on_trouble *trouble, void *arg, struct steme_why *why)
{
	struct steme_walread r = { .visit = visit, .trouble = trouble,
	    .arg = arg, .why = why, .from = from };
	struct steme_walset set;
	struct steme_walend end;
	int err;

	if (r.from.lsn == 0)
		r.from.lsn = 1;
	r.next_lsn = r.from.lsn;
	err = steme_walset_load(&set, &r, tables, ntables);
	if (err == STEME_OK)
		err = steme_walread_all(&r, &set, &end);
	free(set.v);
	steme_walread_fini(&r);
	return err;
}
