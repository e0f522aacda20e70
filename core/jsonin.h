/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonin.h - JSON from outside, read strictly (RFC 8259) and without loss.
 *
 * json-c builds the tree.  What it lets pass or changes without a word is caught
 * in a scan before: numbers beyond 64 bits (it saturates), -0 (it loses the
 * sign), lone surrogates (it puts U+FFFD there), control characters in strings,
 * member names with NUL (it cuts them), NaN and Infinity, numbers like 1. or -01;
 * and members that stand there twice (it keeps the last) after it.
 *
 * Any thread; one struct belongs to one thread.
 */
#ifndef STEME_JSONIN_H
#define STEME_JSONIN_H

#include "core/err.h"
#include "core/str.h"

struct json_object;

#define STEME_JSON_NUMBERS	16	/* numbers whose spelling is kept */

struct steme_json {
	struct json_object *root;	/* owned; NULL for the value null */
	/*
	 * The spelling of every number in the order of the text, which is that
	 * of a walk over the tree.  Slices of the text that was parsed.
	 */
	struct steme_str number[STEME_JSON_NUMBERS];
	unsigned nnumbers;		/* in the text; may exceed what is kept */
};

/*
 * Parses one JSON value of any type, nested at most depth levels; white space
 * around it is allowed.  text must outlive *j.  On failure *j holds nothing.
 * STEME_OK; STEME_EUTF8; STEME_EINVAL (why names the rule and the byte, from 1);
 * STEME_ENOMEM.
 */
int steme_json_parse(struct steme_json *j, const char *text, size_t len,
    int depth, struct steme_why *why);
/* Frees the tree.  j may be all zero. */
void steme_json_fini(struct steme_json *j);

#endif
