/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - what a name of the tree leads to, and the bytes of its files. */
#include "fs/fs.h"
#include "core/path.h"
#include "core/timefmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fs_what_fini(struct fs_what *w)
{
	free(w->concept);
	free(w->data);
	w->concept = NULL;
	w->data = NULL;
}

struct steme_str
fs_concept_of(const struct fs_node *n)
{
	while (n->concept == NULL && n->parent != NULL)
		n = n->parent;
	return steme_str_from(n->concept);
}

bool
fs_has_assertions(struct steme_fs *fs, struct steme_str concept)
{
	const struct steme_world *w;
	const struct steme_str *names = NULL;
	struct steme_bounds b;
	struct steme_name name;
	size_t n = 0;
	bool has = false;

	if (concept.n == 0)
		return false;
	if (steme_store_name(fs->o.store, concept, UINT64_MAX, &name) ==
	    STEME_OK && name.has_assertions)
		return true;
	steme_bounds_init(&b);
	if ((w = steme_store_world(fs->o.store, &b)) == NULL)
		return false;
	steme_world_aliases(w, concept, &names, &n);
	for (size_t i = 0; i < n && !has; i++)
		has = steme_store_name(fs->o.store, names[i], UINT64_MAX,
		    &name) == STEME_OK && name.has_assertions;
	steme_world_put(w);
	return has;
}

void
fs_query(struct steme_query *q, const struct fs_node *dir,
    struct steme_str predicate)
{
	steme_query_init(q);
	q->concept = fs_concept_of(dir);
	q->lens = dir->lens;
	q->as_of_us = dir->as_of_us;
	q->predicate = predicate;
	q->limit = 10000;
}

static int
view_of(struct steme_fs *fs, enum fs_kind kind, struct steme_query *q,
    const struct steme_view **out)
{
	switch (kind) {
	case FS_VIEW:
		return steme_view_file(fs->o.views, q, out);
	case FS_VIEW_JSON:
		return steme_view_json_file(fs->o.views, q, out);
	default:
		return steme_view_history_file(fs->o.views, q, out);
	}
}

/* Fills w from the view the name shows now. */
static int
resolve_view(struct steme_fs *fs, struct steme_query *q, struct fs_what *w)
{
	const struct steme_view *v;
	int err = view_of(fs, w->kind, q, &v);

	if (err != STEME_OK)
		return err;
	w->version = v->version;
	w->len = v->len;
	w->mtime_us = v->mtime_us;
	w->check = fs_check(v->data, v->len);
	steme_view_put(v);
	return STEME_OK;
}

int
fs_render(struct steme_fs *fs, const struct fs_node *n,
    const struct steme_view **out)
{
	struct steme_str name = { n->name, n->nname };
	const struct steme_view *v = NULL;
	struct steme_query q;
	int err;

	fs_query(&q, n->parent, n->kind == FS_VIEW_JSON ?
	    (struct steme_str){ 0 } : name);
	q.lens = n->lens;
	if ((err = view_of(fs, n->kind, &q, &v)) == STEME_OK &&
	    v->version == n->version && v->len == n->len) {
		*out = v;
		return STEME_OK;
	}
	if (err == STEME_OK)
		steme_view_put(v);
	/* the view has moved on: make this version again from lsn <= its own */
	q.max_lsn = n->version;
	if ((err = view_of(fs, n->kind, &q, &v)) != STEME_OK)
		return err == STEME_ENOTFOUND ? STEME_ESTALE : err;
	if (v->len != n->len || fs_check(v->data, v->len) != n->check) {
		steme_view_put(v);
		return STEME_ESTALE;
	}
	*out = v;
	return STEME_OK;
}

/* Commit time of record lsn; 0 if it cannot be read. */
static int64_t
lsn_time(struct steme_fs *fs, uint64_t lsn)
{
	struct steme_record r;
	uint8_t *backing = NULL;
	int64_t us = 0;

	if (steme_store_get_lsn(fs->o.store, lsn, &r, &backing) == STEME_OK)
		us = steme_hlc_us(r.hlc);
	free(backing);
	return us;
}

int64_t
fs_dir_mtime(struct steme_fs *fs, const struct fs_node *n)
{
	struct steme_str concept = fs_concept_of(n);
	struct steme_lens_ctx ctx = { .lifecycle = -1 };
	struct steme_cands set;
	uint64_t newest_child = 0;
	int64_t us = 0;

	if (n->kind == FS_ASSERT || n->kind == FS_OBJECTS || n->kind == FS_AT)
		return fs->start_us;
	if (n->kind == FS_CONCEPT && steme_store_newest_child(fs->o.store, concept,
	    &newest_child) == STEME_OK && newest_child != 0)
		us = lsn_time(fs, newest_child);
	if (concept.n > 0 && fs_has_assertions(fs, concept)) {
		steme_bounds_init(&ctx.bounds);
		ctx.world = steme_store_world(fs->o.store, &ctx.bounds);
		if (ctx.world != NULL && steme_store_collect(fs->o.store, &ctx,
		    concept, (struct steme_str){ 0 }, false, &set) == STEME_OK) {
			for (size_t i = 0; i < set.ngroups; i++) {
				int64_t t = steme_hlc_us(set.groups[i].version_hlc);

				us = t > us ? t : us;
			}
			steme_cands_fini(&set);
		}
		if (ctx.world != NULL)
			steme_world_put(ctx.world);
	}
	return us > 0 ? us : fs->start_us;
}

static int
resolve_text(struct steme_fs *fs, struct steme_str name, struct fs_what *w)
{
	struct steme_buf b = { 0 };
	size_t len;
	int err;

	w->kind = FS_TEXT;
	if (steme_str_eq(name, STEME_LIT("@metrics")))
		steme_metrics_write(fs->o.metrics, &b);
	else
		fs->o.status(fs->o.arg, &b);
	if (b.len == 0 || b.data[b.len - 1] != '\n')
		steme_buf_putc(&b, '\n');
	err = steme_buf_take(&b, &w->data, &len);
	w->len = len;
	w->mtime_us = steme_wall_us(fs->o.clock);
	steme_buf_fini(&b);
	return err;
}

/* Names of the root that are not concepts. */
static int
resolve_root(struct steme_fs *fs, struct steme_str name, struct fs_what *w)
{
	w->mtime_us = fs->start_us;
	if (steme_str_eq(name, STEME_LIT("@object"))) {
		w->kind = FS_OBJECTS;
		return STEME_OK;
	}
	if (steme_str_eq(name, STEME_LIT("@at"))) {
		w->kind = FS_AT;
		return STEME_OK;
	}
	if (steme_str_eq(name, STEME_LIT("@changes"))) {
		w->kind = FS_CHANGES;
		return STEME_OK;
	}
	if (steme_str_eq(name, STEME_LIT("@status")) ||
	    steme_str_eq(name, STEME_LIT("@metrics")))
		return resolve_text(fs, name, w);
	return STEME_ENOTFOUND;
}

/* @LENS, @LENS.json, @history, @assert in a concept. */
static int
resolve_special(struct steme_fs *fs, const struct fs_node *parent,
    struct steme_str name, struct fs_what *w)
{
	struct steme_str concept = fs_concept_of(parent), lens;
	struct steme_query q;

	if (steme_str_eq(name, STEME_LIT("@assert"))) {
		w->kind = FS_ASSERT;
		return fs->o.writable && parent->as_of_us == INT64_MAX ?
		    STEME_OK : STEME_ENOTFOUND;
	}
	if (!fs_has_assertions(fs, concept))
		return STEME_ENOTFOUND;
	if (steme_str_eq(name, STEME_LIT("@history"))) {
		w->kind = FS_HISTORY;
		return STEME_OK;
	}
	lens = (struct steme_str){ name.p + 1, name.n - 1 };
	w->kind = FS_LENS;
	if (lens.n > 5 && memcmp(lens.p + lens.n - 5, ".json", 5) == 0) {
		lens.n -= 5;
		w->kind = FS_VIEW_JSON;
	}
	if (steme_lens_parse(lens, &w->lens, NULL) != STEME_OK)
		return STEME_ENOTFOUND;
	if (w->kind == FS_LENS)
		return STEME_OK;
	fs_query(&q, parent, (struct steme_str){ 0 });
	q.lens = w->lens;
	return resolve_view(fs, &q, w);
}

static int
resolve_child(struct steme_fs *fs, const struct fs_node *parent,
    struct steme_str name, struct fs_what *w)
{
	struct steme_str up = fs_concept_of(parent), path;
	struct steme_name found;
	struct steme_why why;
	size_t n = up.n + (up.n > 0) + name.n;
	int err;

	if (n > STEME_CONCEPT_MAX ||
	    steme_segment_check(name, &why) != STEME_OK)
		return STEME_ENOTFOUND;
	w->kind = FS_CONCEPT;
	if ((w->concept = malloc(n + 1)) == NULL)
		return STEME_ENOMEM;
	snprintf(w->concept, n + 1, "%.*s%s%.*s", STEME_STR(up),
	    up.n > 0 ? "/" : "", STEME_STR(name));
	path = (struct steme_str){ w->concept, n };
	err = steme_store_name(fs->o.store, path, UINT64_MAX, &found);
	if (err == STEME_ENOTFOUND && fs_has_assertions(fs, path))
		err = STEME_OK;		/* an alias of a concept that has some */
	if (err == STEME_ENOTFOUND && parent->as_of_us == INT64_MAX &&
	    fs_pending_has(fs->pending, path)) {
		w->pending_dir = true;
		err = STEME_OK;
	}
	return err;
}

/* @at/TIME: the canonical or a loose spelling, not later than now. */
static int
resolve_time(struct steme_fs *fs, struct steme_str name, struct fs_what *w)
{
	w->kind = FS_CONCEPT;
	if (steme_time_parse_loose(name, &w->as_of_us) != STEME_OK ||
	    w->as_of_us > steme_wall_us(fs->o.clock))
		return STEME_ENOTFOUND;
	w->concept = strdup("");
	return w->concept == NULL ? STEME_ENOMEM : STEME_OK;
}

static int
object_proof(struct steme_fs *fs, const struct steme_id *id, struct steme_buf *b)
{
	int err = steme_json_proof(fs->o.store, id, b, NULL);

	if (err == STEME_OK)
		steme_buf_putc(b, '\n');
	return err;
}

/* @object/ID, ID.sig (own signature), ID.proof (member of a batch). */
static int
resolve_object(struct steme_fs *fs, struct steme_str name, struct fs_what *w)
{
	struct steme_str ext = { name.p + STEME_ID_HEX, 0 };
	struct steme_buf b = { 0 };
	struct steme_record r;
	struct steme_id id;
	uint8_t *backing = NULL;
	size_t len;
	int err;

	if (name.n < STEME_ID_HEX ||
	    steme_id_parse(&id, name.p, STEME_ID_HEX) != STEME_OK)
		return STEME_ENOTFOUND;
	ext.n = name.n - STEME_ID_HEX;
	if ((err = steme_store_get(fs->o.store, &id, &r, &backing)) != STEME_OK)
		return err;
	err = STEME_ENOTFOUND;
	if (ext.n == 0) {
		steme_buf_put(&b, r.bytes.p, r.bytes.n);
		err = STEME_OK;
	} else if (steme_str_eq(ext, STEME_LIT(".sig")) &&
	    r.sigkind == STEME_SIG_OWN) {
		steme_buf_put(&b, r.sig.b, STEME_SIG_LEN);
		err = STEME_OK;
	} else if (steme_str_eq(ext, STEME_LIT(".proof")) &&
	    r.sigkind == STEME_SIG_BATCH) {
		err = object_proof(fs, &id, &b);
	}
	w->kind = FS_OBJECT;
	w->version = r.lsn;
	w->mtime_us = steme_hlc_us(r.hlc);
	free(backing);
	if (err == STEME_OK)
		err = steme_buf_take(&b, &w->data, &len);
	if (err == STEME_OK)
		w->len = len;
	steme_buf_fini(&b);
	return err;
}

int
fs_resolve(struct steme_fs *fs, const struct fs_node *parent,
    struct steme_str name, struct fs_what *w)
{
	struct steme_query q;

	memset(w, 0, sizeof(*w));
	w->as_of_us = parent->as_of_us;
	w->lens = parent->lens;
	if (name.n == 0 || name.n > STEME_SEGMENT_MAX)
		return STEME_ENOTFOUND;
	switch (parent->kind) {
	case FS_CONCEPT:
		if (name.p[0] != '@')
			return resolve_child(fs, parent, name, w);
		if (parent->parent == NULL)
			return resolve_root(fs, name, w);
		return resolve_special(fs, parent, name, w);
	case FS_LENS:
	case FS_HISTORY:
		w->kind = parent->kind == FS_LENS ? FS_VIEW : FS_HISTORY_FILE;
		fs_query(&q, parent, name);
		return resolve_view(fs, &q, w);
	case FS_OBJECTS:
		return resolve_object(fs, name, w);
	case FS_AT:
		return resolve_time(fs, name, w);
	default:
		return STEME_ENOTFOUND;	/* @assert: never found, so CREATE comes */
	}
}
