/* SPDX-License-Identifier: Apache-2.0 */
/* claim_util.h - a claim from text, as it must be or as it is refused. */
#ifndef STEME_CLAIM_UTIL_H
#define STEME_CLAIM_UTIL_H

#include "core/claim.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW	INT64_C(1767225600000000)	/* 2026-01-01T00:00:00Z */
#define A64	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SIG	A64 A64
#define CPO	"\"concept_path\":\"a/b\",\"predicate\":\"p\",\"object\":1"

static struct steme_key key;
static char agent[STEME_ID_HEX + 1];
static struct steme_claim c;
static struct steme_why why;

static inline void
set_up(void)
{
	uint8_t seed[32] = { 7 };

	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	steme_key_from_seed(&key, seed);
	steme_id_hex(agent, &key.agent);
	steme_claim_init(&c);
	memset(&why, 0, sizeof(why));
}

static inline void
tear_down(void)
{
	steme_claim_fini(&c);
}

/* Parses from a copy that ends exactly where the text does. */
static inline int
from_json_n(const char *json, size_t len, enum steme_kind expect)
{
	char *copy = malloc(len == 0 ? 1 : len);
	int err;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, json, len);
	why.text[0] = '\0';
	err = steme_claim_from_json(&c, copy, len, expect, &why);
	/* Nothing may point into the caller's text any more. */
	memset(copy, '#', len);
	free(copy);
	return err;
}

static inline int
from_json(const char *json)
{
	return from_json_n(json, strlen(json), 0);
}

static inline void
good(const char *json)
{
	int err = from_json(json);

	ck_assert_msg(err == STEME_OK, "%s\n%s", json, why.text);
}

/* json is refused with err and a sentence that holds the word. */
static inline void
bad_as(const char *json, int want, const char *word)
{
	int err = from_json(json);

	if (err == STEME_OK)
		err = steme_claim_complete(&c, &key.agent, NULL, NOW, &why);
	ck_assert_msg(err == want, "%s\n%s instead of %s: %s", json,
	    steme_errname(err), steme_errname(want), why.text);
	ck_assert_msg(strstr(why.text, word) != NULL, "%s\n'%s' is not in: %s",
	    json, word, why.text);
}

static inline void
bad(const char *json, const char *word)
{
	bad_as(json, STEME_EINVAL, word);
}

/* Completes what was parsed and wants these bytes. */
static inline void
makes(const char *text)
{
	int err = steme_claim_complete(&c, &key.agent, NULL, NOW, &why);

	ck_assert_msg(err == STEME_OK, "%s", why.text);
	ck_assert_str_eq((char *)c.bytes.data, text);
	ck_assert(c.o.bytes.p == (char *)c.bytes.data);
}

static inline const char *
with_agent(const char *head, const char *value)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%sagent %s\n\n%s", head, agent, value);
	return text;
}

#endif
