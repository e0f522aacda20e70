/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - what the kernel knows by number: node ids, names and lookup counts.
 *
 * A directory keeps its id as long as the kernel knows it.  A file's id stands for
 * one version of it: when the content changes, the name gets a new node and the
 * old one keeps its bytes, so everything about an id may be cached without limit.
 * Ids come from a counter and are never used again.
 *
 * Threads: any.  The table's lock is a leaf; nothing is called while it is held.
 * A node pointer is valid from fs_nodes_get()/fs_nodes_enter() until fs_nodes_put().
 */
#ifndef STEME_FS_NODE_H
#define STEME_FS_NODE_H

#include "core/err.h"
#include "core/hash.h"
#include "core/lens_names.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum fs_kind {
	FS_UNKNOWN,		/* entered, not resolved yet */
	FS_CONCEPT,		/* the root and concepts; directories */
	FS_LENS,		/* @recency and so on; directory */
	FS_HISTORY,		/* @history; directory */
	FS_ASSERT,		/* @assert; directory */
	FS_OBJECTS,		/* @object; directory */
	FS_AT,			/* @at; directory */
	FS_VIEW,		/* @LENS/PREDICATE */
	FS_VIEW_JSON,		/* @LENS.json */
	FS_HISTORY_FILE,	/* @history/PREDICATE */
	FS_OBJECT,		/* @object/ID, ID.sig, ID.proof */
	FS_CHANGES,		/* @changes */
	FS_TEXT,		/* @status, @metrics: bytes made at lookup */
	FS_CLAIM		/* @assert/PREDICATE, opened for one write */
};

static inline bool
fs_kind_is_dir(enum fs_kind k)
{
	return k >= FS_CONCEPT && k <= FS_AT;
}

struct fs_node {
	/* constant once entered */
	uint64_t id;			/* the kernel's number */
	uint64_t ino;			/* st_ino: from the path, stable over mounts */
	struct fs_node *parent;		/* counted; NULL for the root */
	/* set once by fs_nodes_settle(), before the kernel is told */
	enum fs_kind kind;
	enum steme_lens lens;		/* LENS, VIEW, VIEW_JSON */
	int64_t as_of_us;		/* INT64_MAX outside @at */
	char *concept;			/* CONCEPT: its path, "" the root; else NULL */
	uint64_t version;		/* files: lsn the bytes are of */
	uint64_t len;			/* files: bytes */
	uint64_t check;			/* files: of the bytes, see fs_check() */
	int64_t mtime_us;		/* files */
	uint8_t *data;			/* TEXT, OBJECT: the bytes; owned */
	uid_t uid;			/* CLAIM: who opened it */
	_Atomic bool pending_dir;	/* CONCEPT made by mkdir, without assertions yet */
	bool written;			/* CLAIM: the one write has come (table's lock) */
	int refused;			/* CLAIM: its errno, 0 if it was taken (table's lock) */
	/* (table's lock) */
	uint64_t nlookup;		/* what the kernel holds */
	unsigned refs;			/* children, and users within the daemon */
	bool stale;			/* its name was invalidated */
	bool named;			/* (parent, name) leads here */
	bool listed;			/* directories: the kernel may keep a listing */
	struct fs_node *id_next, *name_next;	/* hash chains */
	struct fs_node *child, *sib_next, *sib_prev;	/* of the parent */
	struct fs_node *lru_next, *lru_prev;	/* files, oldest first; until told to go */
	size_t nname;
	char name[];			/* NUL-terminated */
};

struct fs_nodes;

/*
 * What the kernel should forget: a name in a directory, or (name empty) the
 * directory's listing and attributes.
 */
struct fs_inval {
	uint64_t dir;
	char name[256];
	uint32_t nname;
};

/* max_files: of more file nodes, the kernel is asked to forget the oldest. */
int fs_nodes_new(struct fs_nodes **out, size_t max_files);
void fs_nodes_free(struct fs_nodes *t);
/* Node 1. */
struct fs_node *fs_nodes_root(struct fs_nodes *t);

/* The node with this id, counted; NULL if it is unknown. */
struct fs_node *fs_nodes_get(struct fs_nodes *t, uint64_t id);
void fs_nodes_put(struct fs_nodes *t, struct fs_node *n);
/* The current node of (parent, name), counted; NULL if none. */
struct fs_node *fs_nodes_find(struct fs_nodes *t, struct fs_node *parent,
    struct steme_str name);

/*
 * Before a name is resolved: the current node of (parent, name), or a new one of kind
 * FS_UNKNOWN, counted.  From now on a commit that changes the name sees it, so
 * that no notification is missed between rendering and the reply.  NULL: no memory.
 */
struct fs_node *fs_nodes_enter(struct fs_nodes *t, struct fs_node *parent,
    struct steme_str name);
/*
 * A fresh node under the same (parent, name) as old, which loses the name; counted.
 * old's count is given up.
 */
struct fs_node *fs_nodes_renew(struct fs_nodes *t, struct fs_node *old);
/* Before a listing is taken: from now on a change that it may not show is told. */
void fs_nodes_listed(struct fs_nodes *t, struct fs_node *dir);
/* What a name leads to, as the resolver found it. */
struct fs_what {
	enum fs_kind kind;
	enum steme_lens lens;
	int64_t as_of_us;
	char *concept;			/* CONCEPT: malloc()ed; else NULL */
	uint64_t version, len, check;
	int64_t mtime_us;
	uint8_t *data;			/* TEXT, OBJECT: malloc()ed; else NULL */
	uid_t uid;
	bool pending_dir;
};
/*
 * Makes n what w says, if n is FS_UNKNOWN (concept and data move into n and are
 * NULL in w), or already is just that.  False: n is something else (an older
 * version): renew it.
 */
bool fs_nodes_settle(struct fs_nodes *t, struct fs_node *n, struct fs_what *w);

/* A node that no name leads to (FS_CLAIM), counted. */
struct fs_node *fs_nodes_anonymous(struct fs_nodes *t, struct fs_node *parent,
    struct steme_str name);
/*
 * The kernel is about to be told of n: one lookup more, and not stale.  True: there are
 * too many files, and the kernel should forget *oldest (it does not if that is open).
 */
bool fs_nodes_looked_up(struct fs_nodes *t, struct fs_node *n,
    struct fs_inval *oldest);
void fs_nodes_forget(struct fs_nodes *t, uint64_t id, uint64_t count);
/*
 * Takes the one write of a claim node, or refuses it with rc (an errno): rc for the first
 * caller.  Every later one is refused: with the errno of the first, else EINVAL.
 */
int fs_nodes_take_write(struct fs_nodes *t, struct fs_node *n, int rc);

/* What the kernel should forget. */
struct fs_invals {
	struct fs_inval *v;
	size_t n, cap;
	bool all;		/* out of memory: forget everything */
	bool pending;		/* a name or listing met had been told of before, and was not
				   looked at since: that notification may be on its way */
};
void fs_invals_add(struct fs_invals *l, uint64_t dir, struct steme_str name);

/*
 * Collects what a change of (concept, predicate) makes stale, in the live tree and in
 * every @at tree that is known.  predicate absent: every view of the concept.
 * listing: names appear in its lens directories, perhaps these in the concept; without
 * it, a winner may come or go.  below: the concept's descendants' @constraints too.
 */
void fs_nodes_changed(struct fs_nodes *t, struct steme_str concept,
    struct steme_str predicate, bool listing, bool below, struct fs_invals *out);
/* A child appeared in parent (a concept path, "" the root). */
void fs_nodes_child_added(struct fs_nodes *t, struct steme_str parent,
    struct fs_invals *out);
/* Every view that is known. */
void fs_nodes_all_changed(struct fs_nodes *t, struct fs_invals *out);

struct fs_nodes_stats {
	size_t nodes, files, dropped;	/* files: not told to go; dropped: told */
};
void fs_nodes_stats(struct fs_nodes *t, struct fs_nodes_stats *out);

/* The check of a rendering: 64 bits of its hash. */
uint64_t fs_check(const void *data, size_t len);
/* st_ino of name in a directory with st_ino dir. */
uint64_t fs_ino(uint64_t dir, struct steme_str name);

#endif
