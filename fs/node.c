/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - the table of nodes the kernel knows. */
#include "config.h"
#include "fs/node_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t
hash_name(uint64_t seed, struct steme_str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ mix(seed);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
	return mix(h);
}

uint64_t
fs_ino(uint64_t dir, struct steme_str name)
{
	uint64_t h = hash_name(dir, name);

	return h <= 1 ? h + 2 : h;	/* 0 is no inode, 1 the root */
}

uint64_t
fs_check(const void *data, size_t len)
{
	struct steme_id h = steme_hash(data, len);
	uint64_t v;

	memcpy(&v, h.b, sizeof(v));
	return v;
}

static struct fs_node **
id_chain(struct fs_nodes *t, uint64_t id)
{
	return &t->ids[mix(id) & (t->size - 1)];
}

static struct fs_node **
name_chain(struct fs_nodes *t, const struct fs_node *parent, struct steme_str name)
{
	return &t->names[hash_name(parent->id, name) & (t->size - 1)];
}

static void
grow_locked(struct fs_nodes *t)
{
	struct fs_node **ids, **names, **oi = t->ids, **on = t->names, *n, *next;
	size_t old = t->size;

	ids = calloc(old * 2, sizeof(*ids));
	names = calloc(old * 2, sizeof(*names));
	if (ids == NULL || names == NULL) {
		free(ids);	/* longer chains are slower, not wrong */
		free(names);
		return;
	}
	t->ids = ids;
	t->names = names;
	t->size = old * 2;
	for (size_t i = 0; i < old; i++) {
		for (n = oi[i]; n != NULL; n = next) {
			next = n->id_next;
			n->id_next = *id_chain(t, n->id);
			*id_chain(t, n->id) = n;
		}
		for (n = on[i]; n != NULL; n = next) {
			next = n->name_next;
			n->name_next = *name_chain(t, n->parent, fs_node_name(n));
			*name_chain(t, n->parent, fs_node_name(n)) = n;
		}
	}
	free(oi);
	free(on);
}

static void
unname_locked(struct fs_nodes *t, struct fs_node *n)
{
	struct fs_node **p;

	if (!n->named)
		return;
	for (p = name_chain(t, n->parent, fs_node_name(n)); *p != n;
	    p = &(*p)->name_next)
		;
	*p = n->name_next;
	n->named = false;
}

static bool
in_lru(const struct fs_nodes *t, const struct fs_node *n)
{
	return n->lru_prev != NULL || t->lru_first == n;
}

static void
lru_remove_locked(struct fs_nodes *t, struct fs_node *n)
{
	if (!in_lru(t, n))
		return;
	if (n->lru_prev != NULL)
		n->lru_prev->lru_next = n->lru_next;
	else
		t->lru_first = n->lru_next;
	if (n->lru_next != NULL)
		n->lru_next->lru_prev = n->lru_prev;
	else
		t->lru_last = n->lru_prev;
	n->lru_prev = n->lru_next = NULL;
	t->nfiles--;
}

static void
lru_append_locked(struct fs_nodes *t, struct fs_node *n)
{
	n->lru_prev = t->lru_last;
	if (t->lru_last != NULL)
		t->lru_last->lru_next = n;
	else
		t->lru_first = n;
	t->lru_last = n;
	t->nfiles++;
}

static void
unlink_locked(struct fs_nodes *t, struct fs_node *n)
{
	struct fs_node **p;

	unname_locked(t, n);
	lru_remove_locked(t, n);
	for (p = id_chain(t, n->id); *p != n; p = &(*p)->id_next)
		;
	*p = n->id_next;
	if (n->sib_prev != NULL)
		n->sib_prev->sib_next = n->sib_next;
	else
		n->parent->child = n->sib_next;
	if (n->sib_next != NULL)
		n->sib_next->sib_prev = n->sib_prev;
	t->count--;
}

/* Frees n if nobody holds it, then its parents likewise. */
static void
reap_locked(struct fs_nodes *t, struct fs_node *n)
{
	struct fs_node *parent;

	while (n != t->root && n->nlookup == 0 && n->refs == 0) {
		parent = n->parent;
		unlink_locked(t, n);
		free(n->concept);
		free(n->data);
		free(n);
		parent->refs--;
		n = parent;
	}
}

/* The oldest file, which leaves the list; its name in *out. */
static bool
take_oldest_locked(struct fs_nodes *t, struct fs_inval *out)
{
	struct fs_node *n = t->lru_first;

	while (n != NULL && n->kind == FS_CLAIM)	/* no name leads to it */
		n = n->lru_next;
	if (n == NULL)
		return false;
	lru_remove_locked(t, n);
	t->dropped++;
	out->dir = n->parent->id;
	out->nname = (uint32_t)n->nname;
	memcpy(out->name, n->name, n->nname + 1);
	return true;
}

static struct fs_node *
node_new_locked(struct fs_nodes *t, struct fs_node *parent, struct steme_str name,
    bool named)
{
	struct fs_node *n = calloc(1, sizeof(*n) + name.n + 1);

	if (n == NULL)
		return NULL;
	if (t->count >= t->size)
		grow_locked(t);
	n->id = t->next_id++;
	n->parent = parent;
	n->refs = 1;
	n->nname = name.n;
	memcpy(n->name, name.p, name.n);
	n->ino = fs_ino(parent->ino, name);
	n->as_of_us = INT64_MAX;
	n->id_next = *id_chain(t, n->id);
	*id_chain(t, n->id) = n;
	if (named) {
		n->name_next = *name_chain(t, parent, name);
		*name_chain(t, parent, name) = n;
		n->named = true;
	}
	n->sib_next = parent->child;
	if (parent->child != NULL)
		parent->child->sib_prev = n;
	parent->child = n;
	parent->refs++;
	t->count++;
	return n;
}

struct fs_node *
fs_nodes_find_locked(struct fs_nodes *t, const struct fs_node *parent,
    struct steme_str name)
{
	struct fs_node *n;

	for (n = *name_chain(t, parent, name); n != NULL; n = n->name_next)
		if (n->parent == parent && steme_str_eq(fs_node_name(n), name))
			return n;
	return NULL;
}

int
fs_nodes_new(struct fs_nodes **out, size_t max_files)
{
	struct fs_nodes *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (t == NULL)
		return STEME_ENOMEM;
	t->size = 4096;
	t->max_files = max_files;
	t->next_id = 2;
	t->ids = calloc(t->size, sizeof(*t->ids));
	t->names = calloc(t->size, sizeof(*t->names));
	t->root = calloc(1, sizeof(*t->root) + 1);
	pthread_mutex_init(&t->mu, NULL);
	if (t->ids == NULL || t->names == NULL || t->root == NULL ||
	    (t->root->concept = strdup("")) == NULL) {
		fs_nodes_free(t);
		return STEME_ENOMEM;
	}
	t->root->id = t->root->ino = 1;
	t->root->kind = FS_CONCEPT;
	t->root->as_of_us = INT64_MAX;
	t->root->refs = 1;
	*id_chain(t, 1) = t->root;
	t->count = 1;
	*out = t;
	return STEME_OK;
}

void
fs_nodes_free(struct fs_nodes *t)
{
	struct fs_node *n, *next;

	if (t == NULL)
		return;
	for (size_t i = 0; t->ids != NULL && i < t->size; i++)
		for (n = t->ids[i]; n != NULL; n = next) {
			next = n->id_next;
			if (n == t->root)
				continue;
			free(n->concept);
			free(n->data);
			free(n);
		}
	if (t->root != NULL)
		free(t->root->concept);
	free(t->root);
	free(t->ids);
	free(t->names);
	pthread_mutex_destroy(&t->mu);
	free(t);
}

struct fs_node *
fs_nodes_root(struct fs_nodes *t)
{
	return t->root;
}

struct fs_node *
fs_nodes_get(struct fs_nodes *t, uint64_t id)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	for (n = *id_chain(t, id); n != NULL && n->id != id; n = n->id_next)
		;
	if (n != NULL)
		n->refs++;
	pthread_mutex_unlock(&t->mu);
	return n;
}

void
fs_nodes_put(struct fs_nodes *t, struct fs_node *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&t->mu);
	n->refs--;
	reap_locked(t, n);
	pthread_mutex_unlock(&t->mu);
}

struct fs_node *
fs_nodes_find(struct fs_nodes *t, struct fs_node *parent, struct steme_str name)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	if ((n = fs_nodes_find_locked(t, parent, name)) != NULL)
		n->refs++;
	pthread_mutex_unlock(&t->mu);
	return n;
}

struct fs_node *
fs_nodes_enter(struct fs_nodes *t, struct fs_node *parent, struct steme_str name)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	if ((n = fs_nodes_find_locked(t, parent, name)) != NULL)
		n->refs++;
	else
		n = node_new_locked(t, parent, name, true);
	if (n != NULL)
		n->stale = false;
	pthread_mutex_unlock(&t->mu);
	return n;
}

struct fs_node *
fs_nodes_renew(struct fs_nodes *t, struct fs_node *old)
{
	struct fs_node *n, *now;
	struct steme_str name = fs_node_name(old);

	pthread_mutex_lock(&t->mu);
	/* another thread may have renewed it: then that one is current */
	now = fs_nodes_find_locked(t, old->parent, name);
	if (now != NULL && now != old) {
		now->refs++;
		n = now;
	} else {
		if (now != NULL)
			unname_locked(t, now);
		n = node_new_locked(t, old->parent, name, true);
	}
	old->refs--;
	reap_locked(t, old);
	pthread_mutex_unlock(&t->mu);
	return n;
}

void
fs_nodes_listed(struct fs_nodes *t, struct fs_node *dir)
{
	pthread_mutex_lock(&t->mu);
	dir->listed = true;
	pthread_mutex_unlock(&t->mu);
}

struct fs_node *
fs_nodes_anonymous(struct fs_nodes *t, struct fs_node *parent, struct steme_str name)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	n = node_new_locked(t, parent, name, false);
	pthread_mutex_unlock(&t->mu);
	return n;
}

static bool
same_locked(const struct fs_node *n, const struct fs_what *w)
{
	if (n->kind != w->kind || n->lens != w->lens ||
	    n->as_of_us != w->as_of_us)
		return false;
	if (fs_kind_is_dir(n->kind))
		return true;
	if (n->kind == FS_CHANGES || n->kind == FS_OBJECT)
		return true;
	return n->kind != FS_TEXT && n->kind != FS_CLAIM &&
	    n->version == w->version && n->len == w->len &&
	    n->check == w->check;
}

bool
fs_nodes_settle(struct fs_nodes *t, struct fs_node *n, struct fs_what *w)
{
	bool ok = true;

	pthread_mutex_lock(&t->mu);
	if (n->kind == FS_UNKNOWN) {
		n->lens = w->lens;
		n->as_of_us = w->as_of_us;
		n->concept = w->concept;
		n->version = w->version;
		n->len = w->len;
		n->check = w->check;
		n->mtime_us = w->mtime_us;
		n->data = w->data;
		n->uid = w->uid;
		n->pending_dir = w->pending_dir;
		n->kind = w->kind;
		w->concept = NULL;
		w->data = NULL;
	} else if ((ok = same_locked(n, w))) {
		n->pending_dir = w->pending_dir;
	}
	pthread_mutex_unlock(&t->mu);
	return ok;
}

bool
fs_nodes_looked_up(struct fs_nodes *t, struct fs_node *n, struct fs_inval *oldest)
{
	bool over = false;

	pthread_mutex_lock(&t->mu);
	n->nlookup++;
	if (!fs_kind_is_dir(n->kind)) {
		lru_remove_locked(t, n);
		lru_append_locked(t, n);
		over = t->nfiles > t->max_files && take_oldest_locked(t, oldest);
	}
	pthread_mutex_unlock(&t->mu);
	return over;
}

void
fs_nodes_forget(struct fs_nodes *t, uint64_t id, uint64_t count)
{
	struct fs_node *n;

	pthread_mutex_lock(&t->mu);
	for (n = *id_chain(t, id); n != NULL && n->id != id; n = n->id_next)
		;
	if (n != NULL) {
		n->nlookup -= count < n->nlookup ? count : n->nlookup;
		reap_locked(t, n);
	}
	pthread_mutex_unlock(&t->mu);
}

int
fs_nodes_take_write(struct fs_nodes *t, struct fs_node *n, int rc)
{
	pthread_mutex_lock(&t->mu);
	if (n->written)
		rc = n->refused != 0 ? n->refused : EINVAL;
	else
		n->refused = rc;
	n->written = true;
	pthread_mutex_unlock(&t->mu);
	return rc;
}

void
fs_nodes_stats(struct fs_nodes *t, struct fs_nodes_stats *out)
{
	pthread_mutex_lock(&t->mu);
	out->nodes = t->count;
	out->files = t->nfiles;
	out->dropped = t->dropped;
	pthread_mutex_unlock(&t->mu);
}
