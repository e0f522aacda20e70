/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repair.c - the log and the index together give a whole log again: what to take from the
 * index, and how the new segments take the place of the old ones.
 */
#include "config.h"
#include "core/repair.h"

#include "core/rd.h"
#include "core/store_impl.h"
#include "core/util.h"
#include "core/wal_repair.h"
#include "core/wr.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct repair {
	struct steme_store *s;
	const struct steme_store_opts *o;
	struct steme_segments **tables;
	size_t ntables;
	struct steme_index *ix;		/* NULL: none that can be read */
	struct steme_wal_repair wal;
	bool writing;			/* the look is over: nothing is told twice */
	struct steme_buf rec;		/* the record filled in last */
	struct steme_batch *patch;	/* what the index must be told */
	char fresh[PATH_MAX];		/* folder of the new segments */
	void (*finding)(void *arg, const struct steme_finding *f);
	void *arg;
	struct steme_repair_report *rep;
};

static void
tell(const struct repair *p, const struct steme_finding *f)
{
	if (p->finding != NULL && !p->writing)
		p->finding(p->arg, f);
}

static void
on_trouble(void *arg, const struct steme_wal_trouble *t)
{
	struct steme_finding f = { .err = t->err, .lsn = t->first_lsn };

	snprintf(f.text, sizeof(f.text), "%.*s", (int)sizeof(f.text) - 1, t->text);
	tell(arg, &f);
}

/* ---- records from the index ---- */

/* Who the store is: kept by the index, too; else the store gets a new name. */
static int
fill_genesis(struct repair *p, struct steme_wal_rec *rec)
{
	struct steme_genesis g;
	uint8_t *val = NULL;
	size_t len = 0;
	int err = STEME_ENOTFOUND;

	if (p->ix != NULL)
		err = steme_meta_get(p->ix, "genesis", &val, &len);
	if (err == STEME_OK)
		err = steme_genesis_decode(&g, val, len);
	free(val);
	if (err != STEME_OK && !p->writing)
		return STEME_ENOTFOUND;
	if (err != STEME_OK) {
		steme_new_genesis(p->s, &p->o->operator_, p->wal.node);
		g = p->s->genesis;
	}
	steme_genesis_encode(&p->rec, &g);
	if (p->writing)
		steme_meta_put(p->patch, "genesis", p->rec.data, p->rec.len);
	rec->type = STEME_WAL_GENESIS;
	rec->hlc = steme_hlc_from_us(g.time_us);
	return steme_buf_err(&p->rec);
}

static int
fill_object(struct repair *p, uint64_t lsn, struct steme_wal_rec *rec)
{
	struct steme_record r;
	uint8_t *backing = NULL;
	int err = STEME_ENOTFOUND;

	if (p->ix != NULL)
		err = steme_index_record_at(p->ix, lsn, &r, &backing);
	/* an index that is damaged, too, has it no more than one that lacks it */
	if (err == STEME_OK && (r.lsn != lsn ||
	    steme_record_check_id(&r) != STEME_OK))
		err = STEME_ENOTFOUND;
	if (err == STEME_OK) {
		steme_record_encode(&p->rec, &r);
		rec->type = (enum steme_wal_type)steme_record_wal_type(&r);
		rec->hlc = r.hlc;
		err = steme_buf_err(&p->rec);
	}
	free(backing);
	return err == STEME_ENOMEM || err == STEME_OK ? err : STEME_ENOTFOUND;
}

static void
lose(struct repair *p, uint64_t lsn, const struct steme_wal_rec *doubtful)
{
	static const struct steme_id none;
	struct steme_finding f = { .err = STEME_EGAP, .lsn = lsn };
	struct steme_keybuf k;
	struct steme_record r;

	if (p->writing) {
		/* as the log will say: it is no object */
		steme_key_log(&k, lsn);
		steme_batch_put(p->patch, k.b, k.n, none.b, sizeof(none.b));
		return;
	}
	snprintf(f.text, sizeof(f.text), "record %" PRIu64 " is lost", lsn);
	if (lsn == 1)
		snprintf(f.text, sizeof(f.text), "record 1, which says whose store "
		    "this is, is lost: it gets a new identity");
	else if (doubtful != NULL && steme_record_decode(&r, doubtful->type,
	    doubtful->payload, doubtful->len) == STEME_OK) {
		f.id = r.id;
		snprintf(f.text, sizeof(f.text), "record %" PRIu64 " is lost; as "
		    "far as it is legible it was", lsn);
	}
	tell(p, &f);
}

static int
fill(void *arg, uint64_t lsn, const struct steme_wal_rec *doubtful,
    struct steme_wal_rec *rec)
{
	struct repair *p = arg;
	int err;

	steme_buf_clear(&p->rec);
	err = lsn == 1 ? fill_genesis(p, rec) : fill_object(p, lsn, rec);
	if (err == STEME_ENOTFOUND)
		lose(p, lsn, doubtful);
	rec->payload = p->rec.data;
	rec->len = p->rec.len;
	return err;
}

/* The node that wrote the log, should no segment say so. */
static uint64_t
index_node(struct steme_index *ix)
{
	struct steme_genesis g = { .node = 0 };
	uint8_t *val = NULL;
	size_t len;

	if (steme_meta_get(ix, "genesis", &val, &len) == STEME_OK)
		(void)steme_genesis_decode(&g, val, len);
	free(val);
	return g.node;
}

/* Behind the last record that the index lists: what it has was durable in the log. */
static uint64_t
index_end(struct steme_index *ix)
{
	struct steme_keybuf from, to;
	struct steme_iter it;
	uint64_t first, lsn = 0;

	steme_key_range_family(&from, &to, 'L');
	if (ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, true, &it) !=
	    STEME_OK)
		return 0;
	if (ix->ops->iter_next(ix, &it) == STEME_OK &&
	    steme_key_parse_log(&first, it.key, it.klen) == STEME_OK)
		lsn = first + it.vlen / STEME_ID_LEN;
	ix->ops->iter_close(ix, &it);
	return lsn;
}

/* One that cannot be opened is no hindrance: the next start makes it anew. */
static int
open_index(struct repair *p, struct steme_why *why)
{
	struct steme_store *s = p->s;
	char path[PATH_MAX];
	struct stat st;
	uint8_t *val = NULL;
	size_t len;
	int err;

	if (p->o->index != NULL) {
		err = steme_gen_borrow(&s->gen, p->o->index);
	} else {
		steme_kv_heal(s);
		snprintf(path, sizeof(path), "%s/CURRENT", s->kv_dir);
		if (stat(path, &st) != 0)
			return STEME_OK;
		err = steme_gen_open(&s->gen, s, s->kv_dir, why);
	}
	if (err == STEME_EBUSY || err == STEME_ENOMEM)
		return err;
	if (err != STEME_OK)
		return STEME_OK;
	if (steme_meta_get(s->gen->ix, "format", &val, &len) == STEME_OK &&
	    len == 4 && val[0] == STEME_INDEX_FORMAT)
		p->ix = s->gen->ix;
	free(val);
	return STEME_OK;
}

/* ---- the new segments ---- */

static int
unlink_one(void *arg, const char *name)
{
	const struct repair *p = arg;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", p->fresh, name) >=
	    (int)sizeof(path))
		return STEME_EINVAL;
	return p->s->io->ops->unlink(p->s->io, path);
}

/* The folder of new segments goes, with what an interrupted repair left there. */
static int
clear_fresh(struct repair *p, struct steme_why *why)
{
	struct steme_io *io = p->s->io;
	int err = io->ops->readdir(io, p->fresh, unlink_one, p);

	if (err != STEME_OK && err != STEME_ENOTFOUND)
		return steme_fail(why, err, "%s cannot be emptied: %s", p->fresh,
		    steme_strerror(err));
	if (io == &steme_io_posix)
		(void)rmdir(p->fresh);
	return STEME_OK;
}

/* 'Z' says which segment has which records. */
static int
patch_segments(struct repair *p, struct steme_segments *fresh)
{
	uint8_t head[STEME_WAL_HEADER], lsn[8];
	struct steme_segment_info *list = NULL;
	struct steme_wal_seghdr h;
	struct steme_keybuf from, to;
	struct steme_iter it;
	ssize_t n;
	size_t nlist = 0;
	int err;

	steme_key_range_family(&from, &to, 'Z');
	steme_key_segment(&from, p->wal.start.number);
	err = p->ix->ops->iter_open(p->ix, NULL, from.b, from.n, to.b, to.n, false,
	    &it);
	if (err != STEME_OK)
		return err;
	while ((err = p->ix->ops->iter_next(p->ix, &it)) == STEME_OK)
		steme_batch_del(p->patch, it.key, it.klen);
	p->ix->ops->iter_close(p->ix, &it);
	if (err == STEME_ENOTFOUND)
		err = fresh->ops->list(fresh, &list, &nlist);
	for (size_t i = 0; i < nlist && err == STEME_OK; i++) {
		n = fresh->ops->read(fresh, list[i].number, head, sizeof(head), 0);
		err = n < 0 ? (int)n : steme_walrec_get_segment(&h, head,
		    (size_t)n);
		steme_key_segment(&from, list[i].number);
		steme_put_le(lsn, err == STEME_OK ? h.first_lsn : 0, 8);
		steme_batch_put(p->patch, from.b, from.n, lsn, sizeof(lsn));
	}
	free(list);
	return err != STEME_OK ? err : steme_batch_err(p->patch);
}

/* Before the segments move, so that whoever is interrupted here does it all again. */
static int
patch_index(struct repair *p, struct steme_segments *fresh, struct steme_why *why)
{
	int err;

	if (p->ix == NULL)
		return STEME_OK;
	err = patch_segments(p, fresh);
	if (err == STEME_OK)
		err = p->ix->ops->write(p->ix, p->patch, true);
	if (err == STEME_OK && p->o->index == NULL && p->s->io == &steme_io_posix)
		err = steme_give_to_owner(p->s->wal_dir, p->s->kv_dir, why);
	if (err != STEME_OK)
		steme_fail(why, err, "the index in %s cannot be changed (%s): move "
		    "it away, and what only it has is lost; or make room",
		    p->s->kv_dir, steme_strerror(err));
	return err;
}

static int
set_aside(struct repair *p, struct steme_why *why)
{
	struct steme_segments *log = p->tables[0];
	struct steme_segment_info *list;
	size_t n;
	int err = log->ops->list(log, &list, &n);

	for (size_t i = 0; i < n && err == STEME_OK; i++) {
		if (list[i].number < p->wal.start.number ||
		    list[i].number > p->wal.highest)
			continue;
		err = log->ops->set_aside(log, list[i].number, why);
		p->rep->aside += err == STEME_OK;
	}
	free(list);
	return err == STEME_OK ? log->ops->settle(log, why) : err;
}

/* Does the log keep segments that are older than what is replaced? */
static bool
keeps_some(struct repair *p)
{
	struct steme_segment_info *list = NULL;
	size_t n = 0;
	bool keeps = p->tables[0]->ops->list(p->tables[0], &list, &n) == STEME_OK &&
	    n > 0 && list[0].number < p->wal.start.number;

	free(list);
	return keeps;
}

/* The new segments are whole, in a folder of their own: they take their place. */
static int
exchange(struct repair *p, struct steme_why *why)
{
	struct steme_segment_info *list = NULL;
	struct steme_segments *fresh = NULL;
	size_t n = 0;
	int err = steme_segments_local(&fresh, p->s->io, p->fresh, false, why);

	if (err == STEME_OK)
		err = fresh->ops->list(fresh, &list, &n);
	p->rep->written = n;
	/* without any segment the next start would found another store */
	if (err == STEME_OK && n == 0 && !keeps_some(p))
		err = steme_fail(why, STEME_ECORRUPT, "no record is legible and there "
		    "is no index: nothing of this log can be had; restore it from a "
		    "backup");
	if (err == STEME_OK && p->s->io == &steme_io_posix)
		err = steme_give_to_owner(p->s->wal_dir, p->fresh, why);
	if (err == STEME_OK)
		err = patch_index(p, fresh, why);
	/* crash here: the log is as it was */
	if (err == STEME_OK)
		err = p->tables[0]->ops->take(p->tables[0], fresh, why);
	/* crash here: the log is whole; the old segments are not part of it */
	if (err == STEME_OK)
		err = set_aside(p, why);
	free(list);
	steme_segments_close(fresh);
	return err;
}

static int
repair(struct repair *p, struct steme_why *why)
{
	struct steme_segments *fresh;
	int err = steme_wal_repair_look(&p->wal, why);

	p->rep->troubles = p->wal.troubles;
	p->rep->refilled = p->wal.filled;
	p->rep->lost = p->wal.lost;
	if (err != STEME_OK || p->wal.troubles == 0)
		return err;
	if (p->wal.lost > 0 && !p->s->accept_gaps)
		return steme_fail(why, STEME_EGAP, "%" PRIu64 " records are neither "
		    "in the log nor in the index; nothing was changed. Restore the "
		    "files named above from a backup, or go on without these "
		    "records: steme repair --accept-gaps", p->wal.lost);
	p->writing = true;
	if ((p->patch = steme_batch_new()) == NULL)
		return STEME_ENOMEM;
	err = steme_segments_local(&fresh, p->s->io, p->fresh, true, why);
	if (err == STEME_OK)
		err = steme_wal_repair_write(&p->wal, fresh, why);
	return err == STEME_OK ? exchange(p, why) : err;
}

int
steme_repair(const struct steme_store_opts *o,
    void (*finding)(void *arg, const struct steme_finding *f), void *arg,
    struct steme_repair_report *rep, struct steme_why *why)
{
	struct repair p = { .o = o, .finding = finding, .arg = arg, .rep = rep };
	struct steme_why local = { "" };
	int err;

	if (why == NULL)
		why = &local;
	why->text[0] = '\0';
	memset(rep, 0, sizeof(*rep));
	if ((err = steme_store_new(&p.s, o)) != STEME_OK)
		goto out;
	err = steme_log_tables(p.s, &p.tables, &p.ntables, why);
	if (err == STEME_OK)
		err = p.tables[0]->ops->lock(p.tables[0], why);
	snprintf(p.fresh, sizeof(p.fresh), "%.*s/repair", PATH_MAX - 16,
	    p.s->wal_dir);
	if (err == STEME_OK)
		err = clear_fresh(&p, why);
	if (err == STEME_OK)
		err = open_index(&p, why);
	if (err != STEME_OK)
		goto out;
	p.wal = (struct steme_wal_repair){ .tables = p.tables,
	    .ntables = p.ntables, .clock = p.s->clock,
	    .segment_bytes = p.s->segment_bytes, .fill = fill,
	    .trouble = on_trouble, .arg = &p,
	    .node = p.ix != NULL ? index_node(p.ix) : 0,
	    .end_lsn = p.ix != NULL ? index_end(p.ix) : 0 };
	why->text[0] = '\0';
	err = repair(&p, why);
	if (p.writing)
		(void)clear_fresh(&p, NULL);
out:
	steme_log_tables_close(p.tables, p.ntables);
	steme_batch_free(p.patch);
	steme_buf_fini(&p.rec);
	if (p.s != NULL)
		steme_store_free(p.s);
	return err == STEME_OK || why->text[0] != '\0' ? err :
	    steme_fail(why, err, "the log could not be repaired: %s",
	    steme_strerror(err));
}
