/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jo.h - JSON written straight into a buffer, whose sticky failure is the only one: an
 * object (jo) or array (ja) that is open there.  One open thing at a time is written to;
 * what is opened within must be ended first.  Keys are literals that need no escapes.
 *
 * Any thread; a buffer belongs to one.
 */
#ifndef STEME_JO_H
#define STEME_JO_H

#include "core/buf.h"
#include "core/object.h"

struct steme_jo {
	struct steme_buf *b;
	bool more;			/* a member was written: a comma is next */
};
void steme_jo_begin(struct steme_jo *j, struct steme_buf *b);
void steme_jo_end(struct steme_jo *j);
void steme_ja_begin(struct steme_jo *a, struct steme_buf *b);
/* Before each element, which then is written into the buffer. */
void steme_ja_next(struct steme_jo *a);
void steme_ja_end(struct steme_jo *a);
/* A member's key; its value then is written into the buffer. */
void steme_jo_key(struct steme_jo *j, const char *key);
/* The same for a key that is data; escaped. */
void steme_jo_str_key(struct steme_jo *j, struct steme_str key);
void steme_jo_null(struct steme_jo *j, const char *key);
void steme_jo_str(struct steme_jo *j, const char *key, struct steme_str s);
/* null if absent */
void steme_jo_opt(struct steme_jo *j, const char *key, struct steme_str s);
void steme_jo_cstr(struct steme_jo *j, const char *key, const char *s);
void steme_jo_dec4(struct steme_jo *j, const char *key, int32_t v);
void steme_jo_uint(struct steme_jo *j, const char *key, uint64_t v);
void steme_jo_bool(struct steme_jo *j, const char *key, bool v);
void steme_jo_id(struct steme_jo *j, const char *key, const struct steme_id *id);
/* An array of ids. */
void steme_jo_ids(struct steme_jo *j, const char *key, const struct steme_id *ids,
    size_t n);
void steme_jo_time(struct steme_jo *j, const char *key, int64_t us);
/* {"type","value"} of an assertion */
void steme_jo_value(struct steme_jo *j, const char *key, const struct steme_object *o);
/* Into b: an assertion's value alone, a string (null if absent), an id. */
void steme_json_value(struct steme_buf *b, const struct steme_object *o);
void steme_json_str(struct steme_buf *b, struct steme_str s);
void steme_json_id(struct steme_buf *b, const struct steme_id *id);

#endif
