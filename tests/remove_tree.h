/* SPDX-License-Identifier: Apache-2.0 */
/* remove_tree.h - a folder with all that is in it goes; links are not followed. */
#ifndef STEME_TESTS_REMOVE_TREE_H
#define STEME_TESTS_REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>

static inline int
remove_tree_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

/* A folder that is not there is none to remove. */
static inline void
remove_tree(const char *dir)
{
	nftw(dir, remove_tree_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
