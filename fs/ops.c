/* SPDX-License-Identifier: Apache-2.0 */
/* ops.c - the FUSE operations on names, attributes and bytes. */
#include "fs/fs.h"
#include "core/timefmt.h"
#include "core/util.h"
#include "fs/errmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

void
fs_count(fuse_req_t req, const char *op)
{
	steme_add(steme_series(fs_of(req)->requests, op), 1);
}

/* The node a request is about, counted; answers ESTALE itself if it is unknown. */
static struct fs_node *
node_of(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_node *n = fs_nodes_get(fs_of(req)->nodes, ino);

	if (n == NULL)
		fuse_reply_err(req, ESTALE);
	return n;
}

static void
op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* open(2) with O_TRUNC must come as SETATTR, or `: > view` succeeds */
	conn->want &= ~(unsigned)FUSE_CAP_ATOMIC_O_TRUNC;
	/* @changes grows: its pages are dropped when its size has changed */
	if (conn->capable & FUSE_CAP_AUTO_INVAL_DATA)
		conn->want |= FUSE_CAP_AUTO_INVAL_DATA;
	conn->want &= ~(unsigned)(FUSE_CAP_EXPLICIT_INVAL_DATA |
	    FUSE_CAP_WRITEBACK_CACHE);
	if (conn->capable & FUSE_CAP_READDIRPLUS)
		conn->want |= FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO;
	if (conn->capable & FUSE_CAP_PARALLEL_DIROPS)
		conn->want |= FUSE_CAP_PARALLEL_DIROPS;
	conn->max_readahead = 128 * 1024;
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	struct fs_node *dir;
	int err;

	fs_count(req, "lookup");
	if ((dir = node_of(req, parent)) == NULL)
		return;
	err = fs_lookup(fs_of(req), dir, steme_str_from(name), &e);
	fs_nodes_put(fs_of(req)->nodes, dir);
	if (err != STEME_OK)
		fuse_reply_err(req, fs_errno(err));
	else if (fuse_reply_entry(req, &e) != 0)
		fs_unlookup(fs_of(req), &e);
}

static void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	fs_nodes_forget(fs_of(req)->nodes, ino, nlookup);
	fuse_reply_none(req);
}

static void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	for (size_t i = 0; i < count; i++)
		fs_nodes_forget(fs_of(req)->nodes, f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *n;
	struct stat st;
	double timeout;

	(void)fi;
	fs_count(req, "getattr");
	if ((n = node_of(req, ino)) == NULL)
		return;
	fs_attr(fs, n, &st);
	timeout = n->kind == FS_CHANGES ? 0 : FS_FOREVER;
	if (fs_kind_is_dir(n->kind))
		timeout = n->pending_dir ? 0 : FS_DIR_TIMEOUT;
	fuse_reply_attr(req, &st, timeout);
	fs_nodes_put(fs->nodes, n);
}

/* Nothing here can be changed; but a fresh claim may be touched. */
static void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
    struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	struct fs_node *n;
	struct stat st;

	(void)attr;
	(void)to_set;
	(void)fi;
	fs_count(req, "setattr");
	if ((n = node_of(req, ino)) == NULL)
		return;
	if (n->kind == FS_CLAIM) {
		fs_attr(fs, n, &st);
		fuse_reply_attr(req, &st, FS_FOREVER);
	} else {
		fuse_reply_err(req, EPERM);
	}
	fs_nodes_put(fs->nodes, n);
}

/* Answered once: the kernel then opens files without asking. */
static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fs_count(req, "open");
	fuse_reply_err(req, ENOSYS);
}

struct lines {
	struct steme_buf b;
	uint64_t last;
};

static int
add_line(void *arg, const struct steme_record *r)
{
	struct lines *l = arg;
	struct steme_object o;
	char id[STEME_ID_HEX + 1];

	if (r->lsn > l->last)
		return STEME_ECANCELED;
	if (steme_object_parse(&o, r->bytes.p, r->bytes.n, NULL) != STEME_OK)
		o.kind = STEME_OPAQUE;
	steme_id_hex(id, &r->id);
	steme_buf_printf(&l->b, "%020llu %020llu %-10s %s\n",
	    (unsigned long long)r->lsn, (unsigned long long)r->hlc,
	    steme_kind_name(o.kind), id);
	return STEME_OK;
}

static void
read_changes(fuse_req_t req, size_t size, off_t off)
{
	struct steme_fs *fs = fs_of(req);
	uint64_t lines = steme_store_lsn(fs->o.store) - fs->changes_base;
	uint64_t first = (uint64_t)off / FS_CHANGE_WIDTH;
	size_t skip = (size_t)((uint64_t)off % FS_CHANGE_WIDTH);
	struct lines l = { .last = fs->changes_base + STEME_MIN(lines,
	    first + size / FS_CHANGE_WIDTH + 2) };
	int err = STEME_OK;

	if (first < lines)
		err = steme_store_log(fs->o.store, fs->changes_base + first + 1,
		    l.last, add_line, &l);
	if (err == STEME_OK || err == STEME_ECANCELED)
		err = steme_buf_err(&l.b);
	if (err != STEME_OK)
		fuse_reply_err(req, fs_errno(err));
	else if (l.b.len <= skip)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, (char *)l.b.data + skip,
		    STEME_MIN(size, l.b.len - skip));
	steme_buf_fini(&l.b);
}

static void
reply_slice(fuse_req_t req, const uint8_t *data, size_t len, size_t size, off_t off)
{
	if ((uint64_t)off >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, (const char *)data + off,
		    STEME_MIN(size, len - (size_t)off));
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct steme_fs *fs = fs_of(req);
	const struct steme_view *v;
	struct fs_node *n;
	int err;

	(void)fi;
	fs_count(req, "read");
	if ((n = node_of(req, ino)) == NULL)
		return;
	switch (n->kind) {
	case FS_VIEW:
	case FS_VIEW_JSON:
	case FS_HISTORY_FILE:
		if ((err = fs_render(fs, n, &v)) != STEME_OK) {
			fuse_reply_err(req, fs_errno(err));
			break;
		}
		reply_slice(req, v->data, v->len, size, off);
		steme_view_put(v);
		break;
	case FS_OBJECT:
	case FS_TEXT:
		reply_slice(req, n->data, n->len, size, off);
		break;
	case FS_CHANGES:
		read_changes(req, size, off);
		break;
	default:
		fuse_reply_err(req, n->kind == FS_CLAIM ? EACCES : EISDIR);
		break;
	}
	fs_nodes_put(fs->nodes, n);
}

/* One extended attribute as text; false if there is none of that name. */
static bool
xattr_text(const struct steme_view *v, const char *name, struct steme_buf *b)
{
	char hex[STEME_ID_HEX + 1], dec[8], t[STEME_TIME_LEN + 1];

	if (strcmp(name, "id") == 0) {
		steme_id_hex(hex, &v->id);
		steme_buf_puts(b, hex);
	} else if (strcmp(name, "agent") == 0) {
		steme_id_hex(hex, &v->agent);
		steme_buf_puts(b, hex);
	} else if (strcmp(name, "confidence") == 0) {
		steme_buf_puts(b, steme_dec4_format(dec, v->confidence));
	} else if (strcmp(name, "class") == 0) {
		steme_buf_puts(b, steme_class_name(v->class_));
	} else if (strcmp(name, "source") == 0) {
		steme_buf_puts(b, v->source);
	} else if (strcmp(name, "time") == 0) {
		steme_time_format(t, v->time_us);
		steme_buf_puts(b, t);
	} else if (strcmp(name, "conflict") == 0) {
		steme_buf_puts(b, steme_dec4_format(dec, v->conflict));
	} else if (strcmp(name, "candidates") == 0) {
		steme_buf_printf(b, "%u", v->candidates);
	} else {
		return false;
	}
	return true;
}

#define XATTR_PREFIX	"user.steme."

static const char *const xattr_names[] = {
	"id", "agent", "confidence", "class", "source", "time", "conflict",
	"candidates"
};

static void
reply_xattr(fuse_req_t req, const struct steme_buf *b, size_t size)
{
	if (steme_buf_err(b) != STEME_OK)
		fuse_reply_err(req, ENOMEM);
	else if (size == 0)
		fuse_reply_xattr(req, b->len);
	else if (size < b->len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)b->data, b->len);
}

/* The view of a node that can have attributes; STEME_ENOTFOUND otherwise. */
static int
xattr_view(struct steme_fs *fs, fuse_ino_t ino, const struct steme_view **v)
{
	struct fs_node *n = fs_nodes_get(fs->nodes, ino);
	int err = STEME_ENOTFOUND;

	*v = NULL;
	if (n != NULL && n->kind == FS_VIEW)
		err = fs_render(fs, n, v);
	fs_nodes_put(fs->nodes, n);
	if (err == STEME_OK && !(*v)->has_winner) {
		steme_view_put(*v);
		*v = NULL;
		err = STEME_ENOTFOUND;
	}
	return err;
}

static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const size_t n = sizeof(XATTR_PREFIX) - 1;
	const struct steme_view *v;
	struct steme_buf b = { 0 };
	int err;

	/* the kernel asks for security.capability before each write: say no first */
	if (strncmp(name, XATTR_PREFIX, n) != 0) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	fs_count(req, "getxattr");
	if ((err = xattr_view(fs_of(req), ino, &v)) != STEME_OK) {
		fuse_reply_err(req, err == STEME_ENOTFOUND ? ENODATA :
		    fs_errno(err));
		return;
	}
	if (xattr_text(v, name + n, &b))
		reply_xattr(req, &b, size);
	else
		fuse_reply_err(req, ENODATA);
	steme_view_put(v);
	steme_buf_fini(&b);
}

static void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct steme_view *v;
	struct steme_buf b = { 0 };

	fs_count(req, "listxattr");
	steme_buf_put(&b, "", 0);
	if (xattr_view(fs_of(req), ino, &v) == STEME_OK) {
		for (size_t i = 0; i < sizeof(xattr_names) /
		    sizeof(xattr_names[0]); i++) {
			steme_buf_puts(&b, XATTR_PREFIX);
			steme_buf_put(&b, xattr_names[i],
			    strlen(xattr_names[i]) + 1);
		}
		steme_view_put(v);
	}
	reply_xattr(req, &b, size);
	steme_buf_fini(&b);
}

static void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs sv = { 0 };
	struct steme_store_stats st;

	(void)ino;
	fs_count(req, "statfs");
	steme_store_stats(fs_of(req)->o.store, &st);
	sv.f_bsize = sv.f_frsize = 4096;
	/* what the store has, and what its disk has left; inodes do not run out */
	sv.f_bfree = sv.f_bavail = st.disk_free / 4096;
	sv.f_blocks = (st.wal.bytes + st.index.bytes) / 4096 + sv.f_bfree;
	sv.f_namemax = STEME_SEGMENT_MAX;
	fuse_reply_statfs(req, &sv);
}

static void
op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);		/* a claim is durable when its write returns */
}

/* What is said is never unsaid: names are not removed, moved or linked. */
static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fs_count(req, "unlink");
	fuse_reply_err(req, EPERM);
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	(void)parent;
	(void)name;
	(void)newparent;
	(void)newname;
	(void)flags;
	fs_count(req, "rename");
	fuse_reply_err(req, EPERM);
}

static void
op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

static void
op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	(void)ino;
	(void)newparent;
	(void)newname;
	fuse_reply_err(req, EPERM);
}

static void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)dev;
	fuse_reply_err(req, EPERM);
}

static void
op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
    size_t size, int flags)
{
	(void)ino;
	(void)value;
	(void)size;
	(void)flags;
	/* there are no ACLs: cp -p and mv then set the mode, which a claim takes */
	fuse_reply_err(req, strncmp(name, "system.", 7) == 0 ? ENOTSUP : EPERM);
}

static void
op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	(void)name;
	fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = fs_mkdir,
	.unlink = op_unlink,
	.rmdir = fs_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = fs_write,
	.fsync = op_fsync,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.create = fs_create,
	.readdirplus = fs_readdirplus,
};
