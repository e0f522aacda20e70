/* SPDX-License-Identifier: Apache-2.0 */
/* faultio_impl.h - what faultio.c and faultio_disk.c share. */
#ifndef STEME_FAULTIO_IMPL_H
#define STEME_FAULTIO_IMPL_H

#include "tests/faultio.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#define SECTOR	512u
#define FDS	256
#define FD_BASE	1000	/* unlike any real descriptor of a test */

struct inode {
	bool dir;
	ino_t number;
	uint8_t *data, *disk;	/* cap bytes each; zero behind their length */
	uint8_t *dirty;		/* a byte per sector */
	size_t cap, len, disk_len;
	bool locked;
	unsigned fds;
};

struct name {
	char *path;
	struct inode *now, *disk;	/* NULL: not there */
};

/* A change of names not yet on disk: at most two at once (rename). */
struct change {
	struct name *n[2];
	struct inode *to[2];
};

struct faultio {
	struct steme_io io;	/* first */
	pthread_mutex_t mu;
	struct inode **inodes;
	size_t ninodes;
	struct name **names;
	size_t nnames;
	struct change *changes;
	size_t nchanges;
	struct inode *fd[FDS];
	bool fd_lock[FDS];
	unsigned long calls[16];
	unsigned mask, delay_mask, delay_us;
	unsigned long left;	/* matching calls until the fault; 0: none */
	int err;
	size_t cut;
	bool stop, failed;
	uint64_t space;
};

/* p, which may not be NULL. */
void *fio_must(void *p);

/* Names and files as programs see them.  All under the lock, f->mu. */
struct inode *fio_new_inode(struct faultio *f, bool dir);
/* The name of path, made if nobody spoke of it yet; its inode may be NULL. */
struct name *fio_name(struct faultio *f, const char *path);
/* a, and b unless it is NULL, are now these inodes: at once, as a rename. */
void fio_change(struct faultio *f, struct name *a, struct inode *to_a, struct name *b,
    struct inode *to_b);
/* A change gets to the disk. */
void fio_apply(const struct change *c);
/* Room for growing to len; less than that if the disk is full. */
size_t fio_grant(struct faultio *f, const struct inode *i, size_t len);

/* Memory for the first len bytes; what was never written takes none. */
void fio_back(struct inode *i, size_t len);
void fio_grow(struct inode *i, size_t len);
void fio_dirty(struct inode *i, size_t from, size_t to);
void fio_set_len(struct inode *i, size_t len);
void fio_copy_out(const struct inode *i, void *buf, size_t at, size_t n);
/* What changed is clean; really: and on disk. */
void fio_settle(struct inode *i, bool really);

#endif
