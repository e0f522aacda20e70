/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.h - what the files of the mount share.  doc/mount.md describes the tree.
 *
 * Threads: FUSE threads run the operations; they never wait for the disk of a write.
 * The notifier thread tells the kernel what to forget.  The committer calls
 * fs_on_commit().  No lock is held across a call into the kernel or the store.
 */
#ifndef STEME_FS_FS_H
#define STEME_FS_FS_H

#include "config.h"

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "core/keyring.h"
#include "core/metrics.h"
#include "core/view.h"
#include "fs/node.h"
#include "fs/notify.h"

#include <pthread.h>

#define FS_VIEW_TIMEOUT		1.0		/* s: names of views */
#define FS_DIR_TIMEOUT		60.0		/* s: names and attributes of directories */
#define FS_FOREVER		(365 * 86400.0)	/* attributes of files */
#define FS_ASSERT_MAX		4095		/* bytes of an @assert write */
#define FS_CHANGE_WIDTH		118		/* bytes of a line of @changes */
#define FS_PLUS_MAX		1000		/* entries up to which readdir brings attributes */
#define FS_PENDING_MAX		1000		/* mkdirs a uid may have pending */

struct fs_pending;			/* mkdir'ed concepts without assertions */

struct fs_opts {
	struct steme_store *store;
	struct steme_views *views;
	struct steme_keyring *keyring;
	struct steme_metrics *metrics;
	const struct steme_clock *clock;
	const char *mountpoint;
	bool writable;
	size_t max_inodes;
	/* Bytes of @status and @metrics. */
	void (*status)(void *arg, struct steme_buf *b);
	void *arg;
};

struct steme_fs {
	struct fs_opts o;
	struct fuse_session *se;
	struct fs_nodes *nodes;
	struct fs_notify *notify;
	struct fs_pending *pending;
	uint64_t changes_base;		/* @changes shows the records after this lsn */
	uid_t uid;			/* owner of everything: the daemon's */
	gid_t gid;			/* of concepts: group stemedb, or the daemon's */
	int64_t start_us;
	struct steme_family *requests;	/* stemedb_fuse_requests_total{op} */
	struct steme_series *inodes, *inodes_dropped, *sent, *late;
	pthread_t loop;
	_Atomic bool ended;		/* the loop has returned */
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t idle;
	unsigned writes;		/* (mu) claims handed to the store, unanswered */
};

static inline struct steme_fs *
fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* ---- resolve.c: names to things ---- */

/*
 * What `name` in parent is now.  STEME_ENOTFOUND and others.  On success the
 * caller owns w->concept and w->data until fs_nodes_settle() takes them.
 */
int fs_resolve(struct steme_fs *fs, const struct fs_node *parent,
    struct steme_str name, struct fs_what *w);
void fs_what_fini(struct fs_what *w);
/* The concept a directory belongs to (its own, or its parent's). */
struct steme_str fs_concept_of(const struct fs_node *n);
/* Has the concept (or one of its aliases) assertions? */
bool fs_has_assertions(struct steme_fs *fs, struct steme_str concept);
/* Commit time of the record that last changed a directory. */
int64_t fs_dir_mtime(struct steme_fs *fs, const struct fs_node *n);
/* A file's bytes as of its version.  STEME_ESTALE if they cannot be made again. */
int fs_render(struct steme_fs *fs, const struct fs_node *n,
    const struct steme_view **out);
/* A query about dir's concept with its lens and time. */
void fs_query(struct steme_query *q, const struct fs_node *dir,
    struct steme_str predicate);

/* ---- attr.c ---- */

void fs_attr(struct steme_fs *fs, const struct fs_node *n, struct stat *st);
/* Finds and enters (parent, name), and fills the reply; the kernel's count is taken. */
int fs_lookup(struct steme_fs *fs, struct fs_node *parent, struct steme_str name,
    struct fuse_entry_param *e);
/* Gives back what fs_lookup() took, when the kernel was not told. */
void fs_unlookup(struct steme_fs *fs, const struct fuse_entry_param *e);

/* ---- dir.c, assert.c: operations ---- */

void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi);
void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi);
void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi);
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t off, struct fuse_file_info *fi);
void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/* A claim goes to the store; it was answered. */
void fs_write_begin(struct steme_fs *fs);
void fs_write_end(struct steme_fs *fs);

/* mkdir'ed concepts (assert.c). */
int fs_pending_new(struct fs_pending **out);
void fs_pending_free(struct fs_pending *p);
bool fs_pending_has(struct fs_pending *p, struct steme_str concept);
/* The next pending child of parent; the number to go on after, 0 past the end. */
uint64_t fs_pending_child(struct fs_pending *p, struct steme_str parent,
    uint64_t after, char name[STEME_SEGMENT_MAX + 1]);

/* ---- ops.c ---- */

extern const struct fuse_lowlevel_ops fs_ops;
/* Counts a request by operation. */
void fs_count(fuse_req_t req, const char *op);

#endif
