/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir.c - listings.
 *
 * A concept lists @assert, its lenses, their .json twins and @history first, then
 * its children by the lsn they first came with: that number is the cookie, so a
 * listing goes on correctly while children are added.  A lens directory lists what has
 * a winner when it was opened, in byte order.
 */
#include "fs/fs.h"
#include "core/path.h"
#include "fs/errmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cookies: "." 1, ".." 2, specials 3.., children SPECIALS_END + lsn, mkdirs above. */
#define SPECIALS_END	64
#define PENDING_BASE	(INT64_C(1) << 62)
#define NAME_BASE	3

struct listing {
	struct fs_node *node;		/* counted */
	char **names;			/* LENS, HISTORY: taken at opendir */
	size_t n, cap;
	size_t children;		/* seen so far: above FS_PLUS_MAX no attributes */
};

static const char *const root_specials[] = { "@changes", "@status", "@metrics" };
#define NROOT	(sizeof(root_specials) / sizeof(root_specials[0]))

static int
add_name(void *arg, struct steme_str name)
{
	struct listing *l = arg;

	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 32 : l->cap * 2;
		char **v = realloc(l->names, cap * sizeof(*v));

		if (v == NULL)
			return STEME_ENOMEM;
		l->names = v;
		l->cap = cap;
	}
	l->names[l->n] = strndup(name.p, name.n);
	return l->names[l->n] == NULL ? STEME_ENOMEM : (l->n++, STEME_OK);
}

static void
listing_free(struct steme_fs *fs, struct listing *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	fs_nodes_put(fs->nodes, l->node);
	free(l);
}

void
fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	struct listing *l = calloc(1, sizeof(*l));
	struct steme_query q;
	int err = STEME_OK;

	fs_count(req, "opendir");
	if (l == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if ((l->node = fs_nodes_get(fs->nodes, ino)) == NULL) {
		free(l);
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (!fs_kind_is_dir(l->node->kind)) {
		listing_free(fs, l);
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	fs_nodes_listed(fs->nodes, l->node);
	if (l->node->kind == FS_LENS || l->node->kind == FS_HISTORY) {
		fs_query(&q, l->node, (struct steme_str){ 0 });
		err = steme_view_names(fs->o.views, &q,
		    l->node->kind == FS_HISTORY, add_name, l);
	}
	if (err != STEME_OK) {
		listing_free(fs, l);
		fuse_reply_err(req, fs_errno(err));
		return;
	}
	fi->fh = (uintptr_t)l;
	/* kept by the kernel until a notification says that a name was added */
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) != 0)
		listing_free(fs, l);
}

void
fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	listing_free(fs_of(req), (struct listing *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/* A reply being filled. */
struct page {
	fuse_req_t req;
	struct steme_fs *fs;
	struct listing *l;
	char *buf;
	size_t size, used;
	bool plus;
};

static bool
is_dir_name(const struct page *p, struct steme_str name)
{
	if (p->l->node->kind == FS_LENS || p->l->node->kind == FS_HISTORY)
		return false;
	if (name.p[0] != '@')
		return true;
	return !(name.n > 5 && memcmp(name.p + name.n - 5, ".json", 5) == 0) &&
	    p->l->node->parent != NULL;
}

/* STEME_ECANCELED: the reply is full. */
static int
add_plus(struct page *p, const char *name, off_t cookie)
{
	struct fuse_entry_param e;
	struct steme_str s = steme_str_from(name);
	size_t n;

	memset(&e, 0, sizeof(e));
	e.attr.st_ino = fs_ino(p->l->node->ino, s);
	e.attr.st_mode = is_dir_name(p, s) ? S_IFDIR : S_IFREG;
	/* space first: a lookup that is not told must not count */
	n = fuse_add_direntry_plus(p->req, NULL, 0, name, &e, cookie);
	if (n > p->size - p->used)
		return STEME_ECANCELED;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	    p->l->children <= FS_PLUS_MAX && p->l->n <= FS_PLUS_MAX) {
		struct fuse_entry_param found;

		if (fs_lookup(p->fs, p->l->node, s, &found) == STEME_OK)
			e = found;
	}
	p->used += fuse_add_direntry_plus(p->req, p->buf + p->used,
	    p->size - p->used, name, &e, cookie);
	return STEME_OK;
}

static int
add_entry(struct page *p, const char *name, off_t cookie)
{
	struct steme_str s = steme_str_from(name);
	struct stat st;
	size_t n;

	if (p->plus)
		return add_plus(p, name, cookie);
	memset(&st, 0, sizeof(st));
	st.st_ino = fs_ino(p->l->node->ino, s);
	st.st_mode = is_dir_name(p, s) ? S_IFDIR : S_IFREG;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		st.st_ino = name[1] == '\0' || p->l->node->parent == NULL ?
		    p->l->node->ino : p->l->node->parent->ino;
		st.st_mode = S_IFDIR;
	}
	n = fuse_add_direntry(p->req, p->buf + p->used, p->size - p->used, name,
	    &st, cookie);
	if (n > p->size - p->used)
		return STEME_ECANCELED;
	p->used += n;
	return STEME_OK;
}

/* The i-th special name of a concept; NULL past the end, "" if it does not show. */
static const char *
special(struct page *p, size_t i, bool has, char out[64])
{
	struct fs_node *n = p->l->node;

	if (n->parent == NULL)
		return i < NROOT ? root_specials[i] : NULL;
	if (n->concept[0] == '\0')
		return NULL;		/* a time below @at */
	if (i == 0)
		return p->fs->o.writable && n->as_of_us == INT64_MAX ?
		    "@assert" : "";
	if (!has || i > 2 * STEME_NLENS + 1)
		return NULL;
	if (i == 1)
		return "@history";
	i -= 2;
	snprintf(out, 64, "@%s%s", steme_lens_name((enum steme_lens)(i / 2)),
	    i % 2 == 1 ? ".json" : "");
	return out;
}

static int
list_specials(struct page *p, off_t off)
{
	bool has = fs_has_assertions(p->fs, fs_concept_of(p->l->node));
	char text[64];
	const char *s;
	int err = STEME_OK;

	for (size_t i = off < NAME_BASE ? 0 : (size_t)(off - NAME_BASE + 1);
	    err == STEME_OK; i++) {
		if ((s = special(p, i, has, text)) == NULL)
			break;
		if (s[0] != '\0')
			err = add_entry(p, s, (off_t)(NAME_BASE + i));
	}
	return err;
}

static int
on_child(void *arg, struct steme_str child, uint64_t first_lsn, bool has)
{
	struct page *p = arg;
	char name[STEME_SEGMENT_MAX + 1];

	(void)has;
	snprintf(name, sizeof(name), "%.*s", STEME_STR(child));
	p->l->children++;
	return add_entry(p, name, (off_t)(SPECIALS_END + first_lsn));
}

static int
list_pending(struct page *p, off_t off)
{
	struct steme_str up = fs_concept_of(p->l->node);
	char name[STEME_SEGMENT_MAX + 1], path[STEME_CONCEPT_MAX + 2];
	uint64_t nr = off > PENDING_BASE ? (uint64_t)(off - PENDING_BASE) : 0;
	struct steme_name found;
	int err = STEME_OK;

	while (err == STEME_OK &&
	    (nr = fs_pending_child(p->fs->pending, up, nr, name)) != 0) {
		snprintf(path, sizeof(path), "%.*s%s%s", STEME_STR(up),
		    up.n > 0 ? "/" : "", name);
		/* it has assertions by now: it was listed above */
		if (steme_store_name(p->fs->o.store, steme_str_from(path),
		    UINT64_MAX, &found) == STEME_OK)
			continue;
		err = add_entry(p, name, (off_t)(PENDING_BASE + (int64_t)nr));
	}
	return err;
}

static int
list_concept(struct page *p, off_t off)
{
	int err = STEME_OK;

	if (off < SPECIALS_END)
		err = list_specials(p, off);
	if (err == STEME_OK && off < PENDING_BASE)
		err = steme_store_children(p->fs->o.store,
		    fs_concept_of(p->l->node),
		    off > SPECIALS_END ? (uint64_t)(off - SPECIALS_END) : 0,
		    UINT64_MAX, on_child, p);
	if (err == STEME_OK && p->l->node->as_of_us == INT64_MAX)
		err = list_pending(p, off);
	return err;
}

static int
list(struct page *p, off_t off)
{
	struct listing *l = p->l;
	int err = STEME_OK;

	if (off < 1)
		err = add_entry(p, ".", 1);
	if (err == STEME_OK && off < 2)
		err = add_entry(p, "..", 2);
	if (err != STEME_OK)
		return err;
	if (l->node->kind == FS_CONCEPT)
		return list_concept(p, off);
	for (size_t i = off < NAME_BASE ? 0 : (size_t)(off - NAME_BASE + 1);
	    i < l->n && err == STEME_OK; i++)
		err = add_entry(p, l->names[i], (off_t)(NAME_BASE + i));
	return err;
}

static void
reply_listing(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi,
    bool plus)
{
	struct page p = {
		.req = req, .fs = fs_of(req), .plus = plus, .size = size,
		.l = (struct listing *)(uintptr_t)fi->fh,
	};
	int err;

	if ((p.buf = malloc(size)) == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	err = list(&p, off);
	if (err != STEME_OK && err != STEME_ECANCELED && p.used == 0)
		fuse_reply_err(req, fs_errno(err));
	else
		fuse_reply_buf(req, p.buf, p.used);
	free(p.buf);
}

void
fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)ino;
	fs_count(req, "readdir");
	reply_listing(req, size, off, fi, false);
}

void
fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)ino;
	fs_count(req, "readdirplus");
	reply_listing(req, size, off, fi, true);
}
