/* SPDX-License-Identifier: Apache-2.0 */
/* attr.c - attributes, and entering what a lookup finds. */
#include "fs/fs.h"

#include <string.h>

void
fs_attr(struct steme_fs *fs, const struct fs_node *n, struct stat *st)
{
	int64_t us = fs_kind_is_dir(n->kind) ? fs_dir_mtime(fs, n) : n->mtime_us;

	memset(st, 0, sizeof(*st));
	st->st_ino = n->ino;
	st->st_nlink = 1;
	st->st_uid = fs->uid;
	st->st_gid = fs->gid;
	st->st_blksize = 4096;
	st->st_size = (off_t)n->len;
	switch (n->kind) {
	case FS_CONCEPT:
		st->st_mode = S_IFDIR | 0775;
		break;
	case FS_ASSERT:
		st->st_mode = S_IFDIR | 01777;
		break;
	case FS_LENS:
	case FS_HISTORY:
	case FS_OBJECTS:
	case FS_AT:
		st->st_mode = S_IFDIR | 0555;
		break;
	case FS_CLAIM:
		st->st_mode = S_IFREG | 0200;
		st->st_uid = n->uid;
		break;
	case FS_CHANGES:
		st->st_size = (off_t)((steme_store_lsn(fs->o.store) -
		    fs->changes_base) * FS_CHANGE_WIDTH);
		us = steme_wall_us(fs->o.clock);
		/* FALLTHROUGH */
	default:
		st->st_mode = S_IFREG | 0444;
		break;
	}
	st->st_blocks = (st->st_size + 511) / 512;
	st->st_mtim.tv_sec = us / 1000000;
	st->st_mtim.tv_nsec = us % 1000000 * 1000;
	st->st_ctim = st->st_atim = st->st_mtim;
}

static void
fill(struct steme_fs *fs, const struct fs_node *n, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = n->id;
	e->generation = 1;
	fs_attr(fs, n, &e->attr);
	if (fs_kind_is_dir(n->kind)) {
		e->entry_timeout = e->attr_timeout = n->pending_dir ? 0 :
		    FS_DIR_TIMEOUT;
		return;
	}
	e->attr_timeout = FS_FOREVER;
	switch (n->kind) {
	case FS_TEXT:
		e->entry_timeout = 0;
		break;
	case FS_CHANGES:
		e->entry_timeout = FS_FOREVER;
		e->attr_timeout = 0;
		break;
	case FS_OBJECT:
		e->entry_timeout = FS_FOREVER;
		break;
	default:
		e->entry_timeout = FS_VIEW_TIMEOUT;
		break;
	}
}

int
fs_lookup(struct steme_fs *fs, struct fs_node *parent, struct steme_str name,
    struct fuse_entry_param *e)
{
	struct fs_node *n = fs_nodes_enter(fs->nodes, parent, name);
	struct fs_inval oldest;
	struct fs_what w;
	int err;

	if (n == NULL)
		return STEME_ENOMEM;
	if ((err = fs_resolve(fs, parent, name, &w)) != STEME_OK) {
		fs_what_fini(&w);
		fs_nodes_put(fs->nodes, n);
		return err;
	}
	while (!fs_nodes_settle(fs->nodes, n, &w))
		if ((n = fs_nodes_renew(fs->nodes, n)) == NULL) {
			fs_what_fini(&w);
			return STEME_ENOMEM;
		}
	fs_what_fini(&w);
	if (fs_nodes_looked_up(fs->nodes, n, &oldest))
		fs_notify_forget(fs->notify, &oldest);
	fill(fs, n, e);
	fs_nodes_put(fs->nodes, n);
	return STEME_OK;
}

void
fs_unlookup(struct steme_fs *fs, const struct fuse_entry_param *e)
{
	if (e->ino != 0)
		fs_nodes_forget(fs->nodes, e->ino, 1);
}
