/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_open.c - opening the log for writing.  Labels in brackets are those of
 * doc/wal-format.md, section 8.
 */
#include "config.h"
#include "core/wal.h"

#include "core/util.h"
#include "core/wal_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#define LEAST_BYTES	((uint64_t)4096)

/* [OPEN-1] */
static int
check_version(struct steme_segments *s, struct steme_why *why)
{
	struct steme_walread r = { .next_lsn = UINT64_MAX, .why = why };
	struct steme_walset set;
	int err = steme_walset_load(&set, &r, &s, 1);

	free(set.v);
	/* what else is wrong is found, and told, once the log is locked */
	return err == STEME_EVERSION ? err : STEME_OK;
}

/* [OPEN-6a], [OPEN-6b] */
static int
recover(struct steme_wal *w, const struct steme_walend *end,
    struct steme_why *why)
{
	struct steme_wal_pos prev = { end->seg.number, end->durable, 0 };
	size_t tail = (size_t)(end->offset - end->durable);
	uint8_t *buf = malloc(STEME_WAL_HEADER + tail);
	uint32_t chain = end->chain;
	struct steme_wal_group g;
	ssize_t got = 0;
	int err = STEME_ENOMEM;

	if (buf == NULL)
		goto out;
	if (tail > 0)
		got = w->segs->ops->read(w->segs, end->seg.number,
		    buf + STEME_WAL_HEADER, tail, end->durable);
	err = got < 0 ? (int)got : STEME_ECORRUPT;
	if (got != (ssize_t)tail)
		goto out;
	if (tail > 0) {
		err = steme_walrec_get_group(&g, buf + STEME_WAL_HEADER, tail,
		    end->durable, end->seg.h.crc);
		if (err != STEME_OK)
			goto out;
		chain = g.chain;
		w->st.recovered_records = end->lsn - g.first_lsn;
	}
	err = steme_wal_start_segment(w, prev, chain, buf, STEME_WAL_HEADER + tail,
	    end->durable, end->seg.h.crc, 0, why);
	if (err != STEME_OK)
		goto out;
	w->st.torn_bytes_cut = end->torn_bytes;
	err = w->segs->ops->cut(w->segs, end->seg.number, end->durable, why);
out:
	free(buf);
	if (err != STEME_OK && why->text[0] == '\0')
		steme_fail(why, err, "cannot write the end of the log again "
		    "(segment %" PRIu64 ", from offset %" PRIu64 "): %s",
		    end->seg.number, end->durable, steme_strerror(err));
	return err;
}

/* [OPEN-6], [OPEN-7] */
static int
take_up(struct steme_wal *w, const struct steme_walset *set,
    const struct steme_walend *end, struct steme_why *why)
{
	const struct steme_walseg *before;
	int err = STEME_OK;

	w->highest = set->highest;
	w->offset = end->offset;
	w->chain = end->chain;
	w->group = end->group;
	w->lsn = end->lsn;
	w->room = w->segment_bytes;
	w->h = end->seg.h;
	w->clean = end->clean;
	if (end->empty)
		return STEME_OK;
	w->st.unclean = !end->clean;
	if (end->durable < end->offset || end->torn)
		err = recover(w, end, why);
	else if (!end->seg.compressed) {
		err = w->segs->ops->reopen(w->segs, end->seg.number, w->room,
		    why);
		w->open = err == STEME_OK;
		if (err == STEME_ENOTFOUND)	/* gzip was quicker */
			err = STEME_OK;
	}
	if (err == STEME_OK)
		err = w->segs->ops->settle(w->segs, why);
	if (err != STEME_OK || set->n < 2)
		return err;
	/* the process before may have died between a new segment and its [CUT] */
	before = &set->v[set->n - 2];
	if (!before->compressed && before->limit != STEME_WAL_NO_LIMIT &&
	    before->bytes > before->limit)
		err = w->segs->ops->cut(w->segs, before->number, before->limit,
		    why);
	return err;
}

static int
read_log(struct steme_wal *w, const struct steme_wal_opts *o,
    struct steme_why *why)
{
	struct steme_walread r = { .visit = o->visit, .arg = o->arg,
	    .why = why, .from = o->from };
	struct steme_walset set = { 0 };
	struct steme_walend end;
	int err;

	if (r.from.lsn == 0)
		r.from.lsn = 1;
	r.next_lsn = r.from.lsn;
	err = steme_walset_load(&set, &r, &w->segs, 1);
	if (err == STEME_OK)
		err = steme_walread_all(&r, &set, &end);
	if (err != STEME_OK)
		goto out;
	if (!end.empty && w->node != 0 && w->node != end.seg.h.node) {
		err = steme_fail(why, STEME_EINVAL, "the log belongs to node "
		    "%016" PRIx64 ", not to node %016" PRIx64,
		    end.seg.h.node, w->node);
		goto out;
	}
	if (!end.empty)
		w->node = end.seg.h.node;
	w->hlc = r.hlc;
	err = take_up(w, &set, &end, why);
out:
	free(set.v);
	steme_walread_fini(&r);
	return err;
}

int
steme_wal_open(struct steme_wal **out, const struct steme_wal_opts *o,
    struct steme_why *why)
{
	struct steme_why own = { "" };
	struct steme_wal *w = NULL;
	int err;

	*out = NULL;
	if ((err = check_version(o->segments, &own)) != STEME_OK)
		goto out;
	own.text[0] = '\0';
	if ((err = o->segments->ops->lock(o->segments, &own)) != STEME_OK)
		goto out;
	err = STEME_ENOMEM;
	if ((w = calloc(1, sizeof(*w))) == NULL)
		goto out;
	MUST(pthread_mutex_init(&w->mu, NULL));
	w->segs = o->segments;
	w->clock = o->clock != NULL ? o->clock : &steme_clock_system;
	w->segment_bytes = o->segment_bytes == 0 ?
	    STEME_WAL_SEGMENT_BYTES :
	    STEME_MAX(o->segment_bytes, LEAST_BYTES);
	w->node = o->node;
	if ((err = read_log(w, o, &own)) != STEME_OK)
		goto out;
	w->segs->ops->reserve(w->segs, true);
	*out = w;
	w = NULL;
out:
	if (w != NULL)
		steme_wal_free(w);
	if (err != STEME_OK)
		steme_fail(why, err, "%s", own.text[0] != '\0' ? own.text :
		    steme_strerror(err));
	return err;
}
