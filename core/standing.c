/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing.c - how far the index is, and whether it can be used.
 *
 * LevelDB is written without sync, so after a power cut some of its batches may be gone,
 * in the middle, too.  Batch k holds the entry 'W' k: from the checkpoint on these must
 * be contiguous.  Where the first is missing, the log is replayed from the one before.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"

#include <stdlib.h>
#include <string.h>

static void
standing_none(struct steme_standing *st, const char *rebuild)
{
	memset(st, 0, sizeof(*st));
	st->at.next_lsn = 1;
	st->rebuild = rebuild;
}

/* Follows 'W' from the checkpoint; what lies beyond a gap is forgotten, durably. */
static int
read_applied(struct steme_index *ix, struct steme_standing *st)
{
	struct steme_batch *beyond = steme_batch_new();
	struct steme_keybuf from, to;
	struct steme_iter it;
	struct steme_applied a;
	uint64_t number;
	int err;

	if (beyond == NULL)
		return STEME_ENOMEM;
	steme_key_range_family(&from, &to, 'W');
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it);
	if (err != STEME_OK)
		goto out;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_key_parse_applied(&number, it.key, it.klen);
		if (err == STEME_OK)
			err = steme_applied_decode(&a, it.val, it.vlen);
		if (err == STEME_OK && a.number != number)
			err = STEME_ECORRUPT;
		if (err != STEME_OK)
			break;
		if (number <= st->at.number)
			continue;
		if (number == st->at.number + 1 && !st->gap) {
			st->at = a;
			continue;
		}
		st->gap = true;
		steme_batch_del(beyond, it.key, it.klen);
	}
	ix->ops->iter_close(ix, &it);
	if (err != STEME_ENOTFOUND)
		goto out;
	/*
	 * The replay numbers its batches from here again.  Were the old ones there
	 * still, the next start could take them for its continuation.
	 */
	err = st->gap ? ix->ops->write(ix, beyond, true) : STEME_OK;
out:
	steme_batch_free(beyond);
	return err;
}

/* Does the index hold anything at all? */
static int
is_empty(struct steme_index *ix, bool *empty)
{
	struct steme_iter it;
	int err = ix->ops->iter_open(ix, NULL, "", 0, NULL, 0, false, &it);

	if (err != STEME_OK)
		return err;
	err = ix->ops->iter_next(ix, &it);
	ix->ops->iter_close(ix, &it);
	*empty = err == STEME_ENOTFOUND;
	return *empty ? STEME_OK : err;
}

int
steme_standing_read(struct steme_index *ix, struct steme_standing *st)
{
	uint64_t format;
	uint8_t *val = NULL;
	size_t len;
	int err;

	standing_none(st, NULL);
	if ((err = is_empty(ix, &st->empty)) != STEME_OK)
		return err;
	if (st->empty) {
		st->rebuild = "there is none";
		return STEME_OK;
	}
	err = steme_meta_number(ix, "format", 4, &format);
	if (err == STEME_ENOTFOUND || (err == STEME_OK &&
	    format != STEME_INDEX_FORMAT)) {
		st->rebuild = "it has another format version";
		return STEME_OK;
	}
	if (err != STEME_OK)
		return err;
	err = steme_meta_get(ix, "checkpoint", &val, &len);
	if (err == STEME_OK)
		err = steme_applied_decode(&st->at, val, len);
	else if (err == STEME_ENOTFOUND)
		err = STEME_OK;
	free(val);
	st->checkpoint = st->at;
	return err != STEME_OK ? err : read_applied(ix, st);
}

/* Another process has the index; the log's lock knows which. */
static int
busy(struct steme_store *s, const struct steme_why *what, struct steme_why *why)
{
	struct steme_segments *segs = NULL;
	int err = steme_segments_local(&segs, s->io, s->wal_dir, false, NULL);

	if (err == STEME_OK)
		err = segs->ops->lock(segs, why);
	steme_segments_close(segs);
	if (err != STEME_EBUSY)
		steme_fail(why, STEME_EBUSY, "%s", what->text);
	return STEME_EBUSY;
}

/* What the index itself says of an error, if nobody else has. */
static void
own_words(struct steme_gen *g, int err, struct steme_why *what)
{
	struct steme_index_stats st = {0};

	if (g != NULL && what->text[0] == '\0')
		g->ix->ops->stats(g->ix, &st);
	if (st.error[0] != '\0')
		steme_fail(what, err, "%s", st.error);
}

int
steme_standing_open(struct steme_store *s, bool locked, struct steme_standing *st,
    struct steme_gen **out, struct steme_why *why)
{
	struct steme_why what = { "" };
	struct steme_gen *g = NULL;
	int err;

	*out = NULL;
	if (steme_marked_rebuild(s)) {
		standing_none(st, "it was marked by an index error");
		st->damaged = true;
		return STEME_OK;
	}
	err = steme_gen_open(&g, s, s->kv_dir, &what);
	if (err == STEME_OK)
		err = steme_standing_read(g->ix, st);
	if (err == STEME_OK && (st->rebuild == NULL || st->empty)) {
		*out = g;
		return STEME_OK;
	}
	own_words(g, err, &what);
	if (g != NULL)
		steme_gen_put(g);
	if (err == STEME_ECORRUPT) {
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "index error: %s is damaged: %s", s->kv_dir,
		    what.text[0] != '\0' ? what.text :
		    "its records of itself cannot be read");
		standing_none(st, "it is damaged");
		st->damaged = true;
		return STEME_OK;
	}
	if (err == STEME_EBUSY && !locked)
		return busy(s, &what, why);
	if (err != STEME_OK)
		return steme_fail(why, err, "the index in %s cannot be opened: %s%s",
		    s->kv_dir, what.text[0] ? what.text : steme_strerror(err),
		    err == STEME_EIO ? "; look at its disk, then make it again from "
		    "the log with `steme rebuild`" : "");
	return STEME_OK;
}

int
steme_standing_of_old(struct steme_store *s, struct steme_applied *at,
    struct steme_why *why)
{
	struct steme_gen *g = NULL;
	struct steme_standing st;
	int err;

	memset(at, 0, sizeof(*at));
	err = steme_standing_open(s, true, &st, &g, why);
	if (err == STEME_EIO) {
		steme_log(STEME_ERROR | STEME_LOG_STORAGE, "Error: StorageError: "
		    "index error: what %s holds cannot be known: input/output error",
		    s->kv_dir);
		return STEME_OK;
	}
	if (err != STEME_OK || g == NULL)
		return err;
	*at = st.at;
	s->has_genesis = steme_kept_genesis(s, g->ix) == STEME_OK;
	steme_gen_put(g);
	return STEME_OK;
}
