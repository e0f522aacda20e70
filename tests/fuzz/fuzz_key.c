/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_key.c - keys and small values of the index.  Whatever a parser accepts must come
 * out of its builder as the same bytes: so nothing has two spellings, and
 * nothing is read past the end.
 */
#include "config.h"
#include "core/key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
same(const struct steme_keybuf *k, const uint8_t *data, size_t n)
{
	if (k->n != n || memcmp(k->b, data, n) != 0)
		abort();
}

static void
try_c(const uint8_t *data, size_t n)
{
	struct steme_keybuf k;
	struct steme_ckey c;

	if (steme_key_parse_c(&c, data, n) != STEME_OK)
		return;
	if (c.mark == 'v')
		steme_key_vote(&k, c.concept, &c.assertion, &c.agent, c.time_us,
		    &c.id);
	else if (c.mark == 'r')
		steme_key_retraction(&k, c.concept, &c.assertion, &c.id);
	else
		steme_key_assertion(&k, c.concept, c.predicate, c.time_us, &c.id);
	same(&k, data, n);
}

static void
try_numbers(const uint8_t *data, size_t n)
{
	struct steme_keybuf k;
	struct steme_id id;
	struct steme_str s;
	uint8_t h[16];
	uint64_t v;

	if (steme_key_parse_log(&v, data, n) == STEME_OK) {
		steme_key_log(&k, v);
		same(&k, data, n);
	}
	if (steme_key_parse_segment(&v, data, n) == STEME_OK) {
		steme_key_segment(&k, v);
		same(&k, data, n);
	}
	if (steme_key_parse_applied(&v, data, n) == STEME_OK) {
		steme_key_applied(&k, v);
		same(&k, data, n);
	}
	if (steme_key_parse_agent(&id, &v, data, n) == STEME_OK) {
		steme_key_agent(&k, &id, v);
		same(&k, data, n);
	}
	if (steme_key_parse_source(h, &v, data, n) == STEME_OK) {
		steme_key_source(&k, h, v);
		same(&k, data, n);
	}
	if (steme_key_parse_source_text(&s, data, n) == STEME_OK) {
		steme_key_source_text(&k, s);
		same(&k, data, n);
	}
	if (steme_key_parse_record(&id, data, n) == STEME_OK) {
		steme_key_record(&k, &id);
		same(&k, data, n);
	}
}

static void
try_names(const uint8_t *data, size_t n)
{
	struct steme_keybuf k;
	struct steme_str s;
	struct steme_id id;
	uint64_t v;

	if (steme_key_parse_name(&s, data, n) == STEME_OK) {
		steme_key_name(&k, s);
		same(&k, data, n);
	}
	if (steme_key_parse_meta(&s, data, n) == STEME_OK &&
	    (s.n > STEME_SEGMENT_MAX || s.n != n - 1))
		abort();
	if (steme_key_parse_child(&v, data, n) == STEME_OK) {
		steme_key_child(&k, (struct steme_str){ (const char *)data + 1,
		    n - 10 }, v);
		same(&k, data, n);
	}
	if (steme_key_parse_global(&id, data, n) == STEME_OK && n != 42)
		abort();
}

static void
try_values(const uint8_t *data, size_t n)
{
	struct steme_applied a;
	struct steme_name name;
	uint8_t enc[9];
	struct steme_buf b = { 0 };

	if (steme_name_decode(&name, data, n) == STEME_OK) {
		steme_name_encode(enc, &name);
		if (n != sizeof(enc) || memcmp(enc, data, n) != 0)
			abort();
	}
	if (steme_applied_decode(&a, data, n) == STEME_OK) {
		steme_applied_encode(&b, &a);
		if (b.len != n || memcmp(b.data, data, n) != 0)
			abort();
	}
	steme_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	try_c(data, n);
	try_numbers(data, n);
	try_names(data, n);
	try_values(data, n);
	return 0;
}
