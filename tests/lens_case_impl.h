/* SPDX-License-Identifier: Apache-2.0 */
/* lens_case_impl.h - what lens_case.c and lens_case_read.c share. */
#ifndef STEME_TESTS_LENS_CASE_IMPL_H
#define STEME_TESTS_LENS_CASE_IMPL_H

#include "core/lens.h"
#include "tests/lens_case.h"

struct item {
	struct steme_record r;
	struct steme_object o;
};

struct run {
	struct item *items;
	size_t n;
	char (*names)[STEME_ID_HEX + 1];	/* "@name" spelled out */
	size_t nnames;
	uint64_t random;
	struct steme_lens_ctx ctx;
	struct steme_globals *g;
	struct steme_cand *c;
	size_t nc, counting;
};

/* The case is malformed: says what and where, and aborts. */
void lens_die(const char *what, const char *where) __attribute__((noreturn));
/* A member of o; NULL, or no text, if there is none.  Valid as long as o. */
struct json_object *lens_get(struct json_object *o, const char *name);
const char *lens_text(struct json_object *o, const char *name);
struct steme_str lens_str(struct json_object *o, const char *name);
/* An agent's key is the hash of its name. */
struct steme_id lens_agent_id(const char *name);
/* run's items and names, which the caller frees; shuffle as in lens_case_eval(). */
void lens_read_items(struct run *run, struct json_object *objects, uint64_t shuffle);
/* All of ctx but the world. */
void lens_read_ctx(struct steme_lens_ctx *ctx, struct json_object *q);

#endif
