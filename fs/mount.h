/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount.h - the mount's life: recovering a dead one, mounting, serving, unmounting.
 */
#ifndef STEME_FS_MOUNT_H
#define STEME_FS_MOUNT_H

#include "core/store.h"

struct steme_fs;
struct fs_opts;

/*
 * Mounts and serves from threads of its own.  A dead mount at the place is taken
 * away first; a missing folder is made.  *connection: N of
 * /sys/fs/fuse/connections/N, 0 if unknown.
 * STEME_EBUSY: something else is mounted there; STEME_EPERM and others: why says
 * what to do.
 */
int fs_mount(struct steme_fs **out, const struct fs_opts *o,
    unsigned *connection, struct steme_why *why);
/*
 * Ends the threads that serve the kernel and waits until claims under way are
 * answered.  The store must still be open, and on_commit still reach fs.  NULL is allowed.
 */
void fs_stop_serving(struct steme_fs *fs);
/* Unmounts and frees, after fs_stop_serving() and when on_commit no longer reaches
 * fs.  NULL is allowed. */
void fs_unmount(struct steme_fs *fs);
/* Has somebody unmounted it from outside (umount, fusermount3 -u)? */
bool fs_mount_ended(struct steme_fs *fs);
/* For steme_store_opts.on_commit. */
void fs_on_commit(struct steme_fs *fs, const struct steme_commit_item *items,
    size_t n);

#endif
