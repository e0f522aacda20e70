/* SPDX-License-Identifier: Apache-2.0 */
/* node_stale.c - which names and listings that the kernel knows a change makes stale. */
#include "config.h"
#include "fs/node_impl.h"

#include "core/path.h"

#include <stdlib.h>
#include <string.h>

void
fs_invals_add(struct fs_invals *l, uint64_t dir, struct steme_str name)
{
	struct fs_inval *v;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 16 : l->cap * 2;

		if ((v = realloc(l->v, cap * sizeof(*v))) == NULL) {
			l->all = true;
			return;
		}
		l->v = v;
		l->cap = cap;
	}
	v = &l->v[l->n++];
	v->dir = dir;
	v->nname = (uint32_t)(name.n < sizeof(v->name) ? name.n : 0);
	memcpy(v->name, name.p == NULL ? "" : name.p, v->nname);
	v->name[v->nname] = '\0';
}

static bool
is_view(const struct fs_node *n)
{
	return n->kind == FS_VIEW || n->kind == FS_VIEW_JSON ||
	    n->kind == FS_HISTORY_FILE || n->kind == FS_UNKNOWN;
}

static void
stale_locked(struct fs_node *n, struct fs_invals *out)
{
	if (!n->named || !is_view(n))
		return;
	if (n->stale) {
		out->pending = true;
		return;
	}
	n->stale = true;
	fs_invals_add(out, n->parent->id, fs_node_name(n));
}

/* What dir lists may have changed; if not surely, only a listing taken since matters. */
static void
listing_locked(struct fs_node *dir, bool surely, struct fs_invals *out)
{
	if (!surely && !dir->listed) {
		out->pending = true;
		return;
	}
	dir->listed = false;
	fs_invals_add(out, dir->id, STEME_LIT(""));
}

/* The views below one lens or history directory. */
static void
dir_changed_locked(struct fs_nodes *t, struct fs_node *dir,
    struct steme_str predicate, bool listing, struct fs_invals *out)
{
	struct fs_node *n;

	listing_locked(dir, listing || predicate.p == NULL, out);
	if (predicate.p != NULL) {
		if ((n = fs_nodes_find_locked(t, dir, predicate)) != NULL)
			stale_locked(n, out);
		return;
	}
	for (n = dir->child; n != NULL; n = n->sib_next)
		stale_locked(n, out);
}

static void
concept_changed_locked(struct fs_nodes *t, struct fs_node *c,
    struct steme_str predicate, bool listing, bool constraints_only,
    struct fs_invals *out)
{
	if (listing)
		listing_locked(c, false, out);
	for (struct fs_node *n = c->child; n != NULL; n = n->sib_next) {
		if (constraints_only && n->lens != STEME_LENS_CONSTRAINTS &&
		    n->kind != FS_UNKNOWN)
			continue;
		if (n->kind == FS_LENS || n->kind == FS_HISTORY)
			dir_changed_locked(t, n, predicate, listing, out);
		else
			stale_locked(n, out);
	}
}

/* The known node of a concept path below base (the root, or a time in @at). */
static struct fs_node *
walk_locked(struct fs_nodes *t, struct fs_node *base, struct steme_str concept)
{
	struct steme_str rest = concept, seg;

	while (base != NULL && rest.p != NULL && rest.n > 0) {
		seg = steme_concept_first(rest, &rest);
		base = fs_nodes_find_locked(t, base, seg);
	}
	return base;
}

static void
below_changed_locked(struct fs_nodes *t, struct fs_node *c, struct fs_invals *out)
{
	for (struct fs_node *n = c->child; n != NULL; n = n->sib_next)
		if (n->kind == FS_CONCEPT) {
			concept_changed_locked(t, n, (struct steme_str){ 0 },
			    false, true, out);
			below_changed_locked(t, n, out);
		}
}

/* The root and every known time below @at. */
static struct fs_node *
first_base_locked(struct fs_nodes *t, struct fs_node **times)
{
	struct fs_node *at = fs_nodes_find_locked(t, t->root, STEME_LIT("@at"));

	*times = at == NULL ? NULL : at->child;
	return t->root;
}

void
fs_nodes_changed(struct fs_nodes *t, struct steme_str concept,
    struct steme_str predicate, bool listing, bool below, struct fs_invals *out)
{
	struct fs_node *base, *c, *times;

	pthread_mutex_lock(&t->mu);
	for (base = first_base_locked(t, &times); base != NULL; ) {
		if ((c = walk_locked(t, base, concept)) != NULL) {
			concept_changed_locked(t, c, predicate, listing, false,
			    out);
			if (below)
				below_changed_locked(t, c, out);
		}
		base = times;
		if (times != NULL)
			times = times->sib_next;
	}
	pthread_mutex_unlock(&t->mu);
}

void
fs_nodes_child_added(struct fs_nodes *t, struct steme_str parent,
    struct fs_invals *out)
{
	struct fs_node *base, *c, *times;

	pthread_mutex_lock(&t->mu);
	for (base = first_base_locked(t, &times); base != NULL; ) {
		if ((c = walk_locked(t, base, parent)) != NULL)
			fs_invals_add(out, c->id, STEME_LIT(""));
		base = times;
		if (times != NULL)
			times = times->sib_next;
	}
	pthread_mutex_unlock(&t->mu);
}

void
fs_nodes_all_changed(struct fs_nodes *t, struct fs_invals *out)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	for (size_t i = 0; i < t->size; i++)
		for (n = t->ids[i]; n != NULL; n = n->id_next) {
			if (n->kind == FS_LENS || n->kind == FS_HISTORY)
				listing_locked(n, true, out);
			else if (n->kind == FS_CONCEPT)	/* an alias may have claims */
				listing_locked(n, false, out);
			else
				stale_locked(n, out);
		}
	pthread_mutex_unlock(&t->mu);
}
