/* SPDX-License-Identifier: Apache-2.0 */
/* node_impl.h - the inside of the table of nodes; for fs/node*.c only. */
#ifndef STEME_FS_NODE_IMPL_H
#define STEME_FS_NODE_IMPL_H

#include "fs/node.h"

#include <pthread.h>

/*
 * Invariants (table's lock):
 *   a node is in ids[] from birth to death; in names[] exactly while `named`
 *   a node lives while nlookup > 0 or refs > 0; the root lives for ever
 *   a child counts one ref of its parent and stands in the parent's child list
 *   files stand in the LRU list, oldest first, but for those that the kernel was asked
 *   to forget
 */
struct fs_nodes {
	pthread_mutex_t mu;		/* leaf */
	struct fs_node **ids, **names;	/* hash tables of `size` chains each */
	size_t size, count, nfiles, max_files, dropped;
	uint64_t next_id;
	struct fs_node *root;
	struct fs_node *lru_first, *lru_last;
};

static inline struct steme_str
fs_node_name(const struct fs_node *n)
{
	return (struct steme_str){ n->name, n->nname };
}

/* fs_nodes_find(), with the table's lock held, and not counted. */
struct fs_node *fs_nodes_find_locked(struct fs_nodes *t, const struct fs_node *parent,
    struct steme_str name);

#endif
