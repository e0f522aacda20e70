/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_kinds.h - what the tests of the index share: a private folder, an index of
 * each kind, short calls.  Loop tests run with _i 0 = memory, 1 = LevelDB.
 */
#ifndef STEME_INDEX_KINDS_H
#define STEME_INDEX_KINDS_H

#include "core/index.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KINDS	2
#define MEM	0
#define LEVELDB	1

static char dir[256];
static char kv[300];
static struct steme_index *ix;

static inline void
setup(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/steme-index-XXXXXX",
	    base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(kv, sizeof(kv), "%s/kv", dir);
	ix = NULL;
}

static inline void
remove_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
	ck_assert_int_eq(rmdir(path), 0);
}

static inline void
shut(void)
{
	if (ix != NULL)
		ix->ops->close(ix);
	ix = NULL;
}

static inline void
teardown(void)
{
	shut();
	remove_files(kv);
	remove_files(dir);
}

static inline void
open_opts(int kind, const struct steme_index_opts *o)
{
	struct steme_why why = { "" };
	int err = kind == MEM ? steme_index_mem(&ix) :
	    steme_index_leveldb(&ix, kv, o, &why);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
	ck_assert_ptr_nonnull(ix);
}

static inline void
open_kind(int kind)
{
	open_opts(kind, NULL);
}

/* Closes and opens again; memory forgets, so only for LevelDB. */
static inline void
reopen(void)
{
	shut();
	open_kind(LEVELDB);
}

static inline int
put(const char *key, const char *val)
{
	struct steme_batch *b = steme_batch_new();
	int err;

	steme_batch_put(b, key, strlen(key), val, strlen(val));
	err = ix->ops->write(ix, b, false);
	steme_batch_free(b);
	return err;
}

static inline int
del(const char *key)
{
	struct steme_batch *b = steme_batch_new();
	int err;

	steme_batch_del(b, key, strlen(key));
	err = ix->ops->write(ix, b, false);
	steme_batch_free(b);
	return err;
}

/* The value as a string in a buffer of this function; NULL: not found. */
static inline const char *
get_at(const struct steme_snapshot *snap, const char *key)
{
	static char out[4096];
	uint8_t *val;
	size_t n;
	int err = ix->ops->get(ix, snap, key, strlen(key), &val, &n);

	if (err == STEME_ENOTFOUND) {
		ck_assert_ptr_null(val);
		return NULL;
	}
	ck_assert_int_eq(err, STEME_OK);
	ck_assert_uint_lt(n, sizeof(out));
	memcpy(out, val, n);
	out[n] = '\0';
	free(val);
	return out;
}

static inline const char *
get(const char *key)
{
	return get_at(NULL, key);
}

/* "k=v k=v" of what an iterator still has to give. */
static inline const char *
drain(struct steme_iter *it)
{
	static char out[65536];
	size_t n = 0;
	int err;

	out[0] = '\0';
	while ((err = ix->ops->iter_next(ix, it)) == STEME_OK)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s=%.*s",
		    n > 0 ? " " : "", (int)it->klen, (const char *)it->key,
		    (int)it->vlen, (const char *)it->val);
	ck_assert_int_eq(err, STEME_ENOTFOUND);
	ck_assert_int_eq(ix->ops->iter_next(ix, it), STEME_ENOTFOUND);
	return out;
}

static inline const char *
range_at(const struct steme_snapshot *snap, const char *from, const char *to,
    bool backwards)
{
	struct steme_iter it;
	const char *s;

	ck_assert_int_eq(ix->ops->iter_open(ix, snap, from,
	    from == NULL ? 0 : strlen(from), to, to == NULL ? 0 : strlen(to),
	    backwards, &it), STEME_OK);
	s = drain(&it);
	ix->ops->iter_close(ix, &it);
	return s;
}

static inline const char *
range(const char *from, const char *to, bool backwards)
{
	return range_at(NULL, from, to, backwards);
}

#endif
