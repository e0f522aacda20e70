/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens_case.h - one case for the lenses, as JSON: the objects of a store, a question,
 * and the answer.  The head of vectors/lenses.json says how cases are written.
 */
#ifndef STEME_TESTS_LENS_CASE_H
#define STEME_TESTS_LENS_CASE_H

#include <json-c/json.h>
#include <stdint.h>

/*
 * Answers c.  shuffle: the order in which objects arrive and candidates and marks are
 * listed, 0: as written.  The result is the caller's.  Aborts on a malformed case.
 */
struct json_object *lens_case_eval(struct json_object *c, uint64_t shuffle);

/* 0 if got has all that want has; else what differs stands in text. */
int lens_case_compare(struct json_object *want, struct json_object *got,
    char *text, size_t size);

#endif
