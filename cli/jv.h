/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jv.h - looks into JSON without a tree: a value is the slice of text it stands in, so
 * numbers keep their spelling however long they are.  Any bytes are safe; what is
 * malformed reads as absent.
 */
#ifndef STEME_CLI_JV_H
#define STEME_CLI_JV_H

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of text: blanks around it cut off; absent if text does not begin with one. */
struct steme_str jv_root(const void *text, size_t n);
/* The member called name (without escapes) of an object; absent if there is none. */
struct steme_str jv_get(struct steme_str object, const char *name);
/* jv_get() along members with dots between: "wal.bytes". */
struct steme_str jv_at(struct steme_str object, const char *path);
/*
 * Walks an array: *at is absent at first.  False at the end.
 *	struct steme_str at = { 0 }, item;
 *	while (jv_each(array, &at, &item)) ...
 */
bool jv_each(struct steme_str array, struct steme_str *at, struct steme_str *item);
/* The same over an object's members; name without its quotes, escapes as they stand. */
bool jv_members(struct steme_str object, struct steme_str *at, struct steme_str *name,
    struct steme_str *value);
size_t jv_count(struct steme_str array);

/* Absent, or the word null? */
bool jv_none(struct steme_str v);
bool jv_is_string(struct steme_str v);
bool jv_true(struct steme_str v);
/* A whole number; 0 if it is none, or too large. */
uint64_t jv_uint(struct steme_str v);
/* Appends the text of v: a string decoded, nothing for null, all else as it stands. */
void jv_text(struct steme_buf *b, struct steme_str v);
/* The same into out (n bytes with the NUL), cut where it does not fit.  Returns out. */
char *jv_copy(char *out, size_t n, struct steme_str v);
/* An id in hex; false if v is none. */
bool jv_id(struct steme_str v, struct steme_id *id);

#endif
