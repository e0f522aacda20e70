/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - telling the kernel what to forget, from a thread of its own.
 *
 * The rules of libfuse: never from a request's thread, never while holding a lock that a
 * request needs, and only after the new state can be seen.
 */
#ifndef STEME_FS_NOTIFY_H
#define STEME_FS_NOTIFY_H

#include "core/store.h"
#include "fs/node.h"

struct fs_notify;
struct fuse_session;

int fs_notify_start(struct fs_notify **out, struct fuse_session *se,
    struct fs_nodes *nodes, struct steme_store *store);
/* Ends the thread; what is queued is dropped.  Before the session is unmounted. */
void fs_notify_stop(struct fs_notify *n);

/*
 * For steme_store_opts.on_commit: works out what the commit changed, queues it, and waits until
 * the kernel was told, at most 1 s: then names have expired by themselves.
 */
void fs_notify_commit(struct fs_notify *n, const struct steme_commit_item *items,
    size_t count);

/* Queues one name, and waits for nothing. */
void fs_notify_forget(struct fs_notify *n, const struct fs_inval *v);

struct fs_notify_stats {
	uint64_t sent, late;		/* late: the wait was given up */
};
void fs_notify_stats(struct fs_notify *n, struct fs_notify_stats *out);

#endif
