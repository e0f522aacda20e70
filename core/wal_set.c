/* SPDX-License-Identifier: Apache-2.0 */
/* wal_set.c - which segments make up the log: the walk back from the newest. */
#include "config.h"
#include "core/wal_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A segment in one of the tables. */
struct entry {
	struct steme_segments *table;
	size_t order;			/* of the table */
	struct steme_segment_info info;
};

struct entries {
	struct entry *v;		/* by number, then table */
	size_t n;
};

static int
by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->info.number != y->info.number)
		return x->info.number < y->info.number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int
list_all(struct entries *e, struct steme_segments *const *tables,
    size_t ntables, struct steme_why *why)
{
	struct steme_segment_info *info;
	struct entry *v;
	size_t n;
	int err;

	for (size_t t = 0; t < ntables; t++) {
		err = tables[t]->ops->list(tables[t], &info, &n);
		if (err != STEME_OK)
			return steme_fail(why, err,
			    "cannot list the log's segments: %s",
			    steme_strerror(err));
		if (n == 0) {
			free(info);
			continue;
		}
		v = realloc(e->v, (e->n + n) * sizeof(*v));
		if (v == NULL) {
			free(info);
			return STEME_ENOMEM;
		}
		e->v = v;
		for (size_t i = 0; i < n; i++)
			v[e->n++] = (struct entry){ tables[t], t, info[i] };
		free(info);
	}
	if (e->n > 0)
		qsort(e->v, e->n, sizeof(e->v[0]), by_number);
	return STEME_OK;
}

/* Index of the last entry with a number of at most `number`; e->n if none. */
static size_t
find(const struct entries *e, uint64_t number)
{
	size_t lo = 0, hi = e->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (e->v[mid].info.number <= number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? e->n : lo - 1;
}

/* Says what is wrong with the header of the only or last copy. */
static int
bad_header(struct steme_walread *r, const struct entry *e,
    const struct steme_wal_seghdr *h, int err)
{
	char name[256], what[128];

	if (err == STEME_EVERSION) {
		e->table->ops->name(e->table, e->info.number, name,
		    sizeof(name));
		return steme_fail(r->why, err, "%s has log format version %"
		    PRIu32 "; this program reads up to version %u: use the "
		    "program that wrote it, or a newer one", name, h->version,
		    STEME_WAL_VERSION);
	}
	if (h->version != 0 && h->number != 0 && h->number != e->info.number)
		return steme_walread_damage(r, e->table, e->info.number, 0, 0,
		    0, "the header names another segment");
	/* damage, but whoever changed the version by hand shall read this too */
	if (h->version > STEME_WAL_VERSION) {
		snprintf(what, sizeof(what), "the segment header says version "
		    "%" PRIu32 " (this program reads up to version %u) but is "
		    "damaged", h->version, STEME_WAL_VERSION);
		return steme_walread_damage(r, e->table, e->info.number, 0, 0,
		    0, what);
	}
	return steme_walread_damage(r, e->table, e->info.number, 0, 0, 0,
	    "the segment header is damaged or missing");
}

/* Adds the copy if its header is that of the others. */
static int
add_copy(struct steme_walread *r, struct steme_walseg *s,
    const struct entry *e, const struct steme_wal_seghdr *h)
{
	char a[200], b[200];

	if (s->ncopies == 0) {
		s->h = *h;
		s->bytes = e->info.bytes;
		s->compressed = e->info.compressed;
	} else if (s->h.crc != h->crc || s->h.salt != h->salt) {
		s->copy[0]->ops->name(s->copy[0], s->number, a, sizeof(a));
		e->table->ops->name(e->table, s->number, b, sizeof(b));
		return steme_fail(r->why, STEME_ECORRUPT,
		    "%s and %s have one number but come from different "
		    "histories: leave out one of the folders", a, b);
	}
	if (s->ncopies < STEME_WAL_COPIES)
		s->copy[s->ncopies++] = e->table;
	return STEME_OK;
}

/*
 * Loads the header of the segment at v[last] from all its copies.
 * STEME_ENOTFOUND: gone meanwhile, or damaged and that was accepted.
 */
static int
load(struct steme_walread *r, const struct entries *e, size_t last,
    struct steme_walseg *s)
{
	uint64_t number = e->v[last].info.number;
	const struct entry *worst = NULL;
	struct steme_wal_seghdr h, wh = { 0 };
	uint8_t buf[STEME_WAL_HEADER];
	size_t first = last;
	int werr = STEME_OK, err;

	memset(s, 0, sizeof(*s));
	s->number = number;
	while (first > 0 && e->v[first - 1].info.number == number)
		first--;
	for (size_t i = first; i <= last; i++) {
		struct steme_segments *t = e->v[i].table;
		ssize_t n = t->ops->read(t, number, buf, sizeof(buf), 0);

		if (n == STEME_ENOTFOUND)
			continue;
		if (n < 0 && n != STEME_ECORRUPT)
			return steme_fail(r->why, (int)n,
			    "cannot read segment %" PRIu64 " of the log: %s",
			    number, steme_strerror((int)n));
		err = steme_walrec_get_segment(&h, buf, n < 0 ? 0 : (size_t)n);
		if (err == STEME_OK && h.number != number)
			err = STEME_ECORRUPT;
		if (err == STEME_OK)
			err = add_copy(r, s, &e->v[i], &h);
		else {
			worst = &e->v[i];
			wh = h;
			werr = err;
			if (err == STEME_EVERSION)
				break;
			continue;
		}
		if (err != STEME_OK)
			return err;
	}
	if (werr == STEME_EVERSION || (s->ncopies == 0 && worst != NULL)) {
		err = bad_header(r, worst, &wh, werr);
		return err != STEME_OK ? err : STEME_ENOTFOUND;
	}
	return s->ncopies > 0 ? STEME_OK : STEME_ENOTFOUND;
}

static int
push(struct steme_walset *set, size_t *cap, const struct steme_walseg *s)
{
	if (set->n == *cap) {
		size_t more = *cap == 0 ? 16 : *cap * 2;
		struct steme_walseg *v = realloc(set->v, more * sizeof(*v));

		if (v == NULL)
			return STEME_ENOMEM;
		set->v = v;
		*cap = more;
	}
	set->v[set->n++] = *s;
	return STEME_OK;
}

static void
reverse(struct steme_walset *set)
{
	for (size_t i = 0; i < set->n / 2; i++) {
		struct steme_walseg t = set->v[i];

		set->v[i] = set->v[set->n - 1 - i];
		set->v[set->n - 1 - i] = t;
	}
}

/* All nodes of one log are one node: another is a file from elsewhere. */
static int
check_node(struct steme_walread *r, const struct steme_walset *set,
    const struct steme_walseg *s)
{
	char what[128];

	if (set->n == 0 || set->v[0].h.node == s->h.node)
		return STEME_OK;
	snprintf(what, sizeof(what), "the segment is of node %016" PRIx64
	    ", the newest one of node %016" PRIx64, s->h.node,
	    set->v[0].h.node);
	return steme_walread_damage(r, s->copy[0], s->number, 0,
	    s->h.first_lsn, 0, what);
}

int
steme_walset_load(struct steme_walset *set, struct steme_walread *r,
    struct steme_segments *const *tables, size_t ntables)
{
	struct entries e = { 0 };
	struct steme_walseg s;
	uint64_t limit = STEME_WAL_NO_LIMIT;
	uint64_t number = UINT64_MAX;	/* the walk looks for at most this */
	size_t cap = 0, i;
	int err;

	memset(set, 0, sizeof(*set));
	if ((err = list_all(&e, tables, ntables, r->why)) != STEME_OK)
		goto out;
	if (e.n > 0)
		set->highest = e.v[e.n - 1].info.number;
	while (number > 0 && (i = find(&e, number)) < e.n) {
		if (e.v[i].info.number != number)
			limit = STEME_WAL_NO_LIMIT;	/* others are missing */
		err = load(r, &e, i, &s);
		if (err == STEME_ENOTFOUND) {
			number = e.v[i].info.number - 1;
			limit = STEME_WAL_NO_LIMIT;
			continue;
		}
		if (err != STEME_OK ||
		    (err = check_node(r, set, &s)) != STEME_OK)
			goto out;
		s.limit = limit;
		s.newest = set->n == 0;
		if ((err = push(set, &cap, &s)) != STEME_OK)
			goto out;
		if (s.h.first_lsn <= r->next_lsn)
			break;
		number = s.h.prev_segment;
		limit = s.h.prev_offset;
	}
	reverse(set);
	err = STEME_OK;
out:
	free(e.v);
	return err;
}
