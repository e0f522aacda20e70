/* SPDX-License-Identifier: Apache-2.0 */
/* check_object.c - the object format against vectors/objects.json. */
#include "config.h"
#include "core/object.h"
#include "core/sign.h"
#include "core/util.h"

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#define VECTORS	SRCDIR "/tests/vectors/objects.json"

static struct json_object *vectors;

static void
load(void)
{
	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	vectors = json_object_from_file(VECTORS);
	ck_assert_ptr_nonnull(vectors);
}

static void
unload(void)
{
	json_object_put(vectors);
}

static struct json_object *
member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	ck_assert_msg(json_object_object_get_ex(o, name, &v), "no member %s",
	    name);
	return v;
}

static struct steme_str
string(struct json_object *o, const char *name)
{
	struct json_object *v = member(o, name);

	return (struct steme_str){ json_object_get_string(v),
	    (size_t)json_object_get_string_len(v) };
}

static struct steme_id
id_of(struct json_object *o, const char *name)
{
	struct steme_str s = string(o, name);
	struct steme_id id;

	ck_assert_int_eq(steme_id_parse(&id, s.p, s.n), STEME_OK);
	return id;
}

/* The bytes of an invalid vector: text, hex, or [text, times] parts. */
static void
bytes_of(struct json_object *v, struct steme_buf *b)
{
	struct json_object *parts, *part;
	struct steme_str s;

	steme_buf_clear(b);
	if (json_object_object_get_ex(v, "text", NULL)) {
		s = string(v, "text");
		steme_buf_put(b, s.p, s.n);
	} else if (json_object_object_get_ex(v, "hex", NULL)) {
		s = string(v, "hex");
		ck_assert_ptr_nonnull(steme_buf_reserve(b, s.n / 2));
		ck_assert_int_eq(steme_unhex(b->data, s.n / 2, s.p, s.n), 0);
		b->len = s.n / 2;
	} else {
		parts = member(v, "parts");
		for (size_t i = 0; i < json_object_array_length(parts); i++) {
			part = json_object_array_get_idx(parts, i);
			for (int64_t n = json_object_get_int64(
			    json_object_array_get_idx(part, 1)); n > 0; n--)
				steme_buf_puts(b, json_object_get_string(
				    json_object_array_get_idx(part, 0)));
		}
	}
	ck_assert_int_eq(steme_buf_err(b), STEME_OK);
}

/* A copy of exactly n bytes, so that ASan sees a read beyond them. */
static char *
tight(const void *p, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	ck_assert_ptr_nonnull(copy);
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* Writes o and wants exactly its own bytes back. */
static void
check_rewrite(const struct steme_object *o, const char *what)
{
	struct steme_buf b = { 0 };
	struct steme_why why = { "" };

	ck_assert_msg(steme_object_write(o, &b, &why) == STEME_OK, "%s: %s",
	    what, why.text);
	ck_assert_msg(b.len == o->bytes.n &&
	    memcmp(b.data, o->bytes.p, b.len) == 0, "%s: written as\n%s", what,
	    b.data);
	steme_buf_fini(&b);
}

START_TEST(every_valid_vector_parses_and_is_written_as_it_was)
{
	struct json_object *list = member(vectors, "valid"), *v;
	size_t n = json_object_array_length(list);
	struct steme_object o;
	struct steme_why why;
	struct steme_str s;
	char *copy;
	int err;

	ck_assert_uint_gt(n, 60);
	for (size_t i = 0; i < n; i++) {
		v = json_object_array_get_idx(list, i);
		s = string(v, "text");
		copy = tight(s.p, s.n);
		memset(why.text, 0, sizeof(why.text));
		err = steme_object_parse(&o, copy, s.n, &why);
		ck_assert_msg(err == STEME_OK, "%s: %s",
		    string(v, "what").p, why.text);
		ck_assert_str_eq(steme_kind_name(o.kind), string(v, "kind").p);
		check_rewrite(&o, string(v, "what").p);
		free(copy);
	}
}
END_TEST

START_TEST(every_valid_vector_has_the_id_and_a_true_signature)
{
	struct json_object *list = member(vectors, "valid"), *v;
	struct steme_id id, want, agent;
	struct steme_object o;
	struct steme_sig sig;
	struct steme_str s, h;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		v = json_object_array_get_idx(list, i);
		s = string(v, "text");
		h = string(v, "signature");
		want = id_of(v, "id");
		agent = id_of(v, "agent");
		id = steme_hash(s.p, s.n);
		ck_assert(steme_id_eq(&id, &want));
		ck_assert_int_eq(steme_unhex(sig.b, 64, h.p, h.n), STEME_OK);
		ck_assert_int_eq(steme_verify(&sig, &agent, s.p, s.n), 0);
		ck_assert_int_eq(steme_object_parse(&o, s.p, s.n, NULL), 0);
		ck_assert(steme_id_eq(&o.agent, &agent));
		ck_assert_int_eq(steme_verify(&sig, &agent, s.p, s.n - 1),
		    STEME_ESIG);
		sig.b[7] ^= 1;
		ck_assert_int_eq(steme_verify(&sig, &agent, s.p, s.n),
		    STEME_ESIG);
	}
}
END_TEST

START_TEST(every_invalid_vector_is_refused_for_its_reason)
{
	struct json_object *list = member(vectors, "invalid"), *v;
	size_t n = json_object_array_length(list);
	struct steme_object o;
	struct steme_why why;
	struct steme_buf b = { 0 };
	char *copy;
	int err;

	ck_assert_uint_gt(n, 300);
	for (size_t i = 0; i < n; i++) {
		v = json_object_array_get_idx(list, i);
		bytes_of(v, &b);
		copy = tight(b.data, b.len);
		o.kind = 77;
		why.text[0] = '\0';
		err = steme_object_parse(&o, copy, b.len, &why);
		ck_assert_msg(strcmp(steme_errname(err),
		    string(v, "error").p) == 0, "%s: %s instead of %s (%s)",
		    string(v, "rule").p, steme_errname(err),
		    string(v, "error").p, why.text);
		ck_assert_uint_gt(strlen(why.text), 10);
		ck_assert_int_eq(o.kind,
		    err == STEME_EVERSION ? STEME_OPAQUE : 77);
		if (getenv("SHOW_WHY") != NULL)
			printf("%-40s %s\n", string(v, "rule").p, why.text);
		free(copy);
	}
	steme_buf_fini(&b);
}
END_TEST

START_TEST(fields_are_what_the_headers_say)
{
	static const char text[] =
	    "steme assertion 1\n"
	    "concept drug/semaglutide\n"
	    "predicate dose\n"
	    "type number\n"
	    "confidence 0.95\n"
	    "class clinical\n"
	    "source https://example.org/x\n"
	    "source-hash sha256:"
	    "0000000000000000000000000000000000000000000000000000000000000000\n"
	    "lifecycle rejected\n"
	    "epoch 2026\n"
	    "parent "
	    "0100000000000000000000000000000000000000000000000000000000000000\n"
	    "supersedes "
	    "0200000000000000000000000000000000000000000000000000000000000000\n"
	    "supersedes "
	    "0300000000000000000000000000000000000000000000000000000000000000\n"
	    "meta-page 12\n"
	    "meta-unit mg\n"
	    "time 1970-01-01T00:00:01.500000Z\n"
	    "agent "
	    "0400000000000000000000000000000000000000000000000000000000000000\n"
	    "\n2.40";
	struct steme_object o;

	ck_assert_int_eq(steme_object_parse(&o, text, sizeof(text) - 1, NULL),
	    STEME_OK);
	ck_assert_int_eq(o.kind, STEME_ASSERTION);
	ck_assert(steme_str_eq(o.concept, STEME_LIT("drug/semaglutide")));
	ck_assert(steme_str_eq(o.predicate, STEME_LIT("dose")));
	ck_assert_int_eq(o.type, STEME_NUMBER);
	ck_assert_int_eq(o.confidence, 9500);
	ck_assert_int_eq(o.class_, STEME_CLINICAL);
	ck_assert(steme_str_eq(o.source, STEME_LIT("https://example.org/x")));
	ck_assert_uint_eq(o.source_hash.n, 71);
	ck_assert_int_eq(o.lifecycle, STEME_REJECTED);
	ck_assert(steme_str_eq(o.epoch, STEME_LIT("2026")));
	ck_assert(o.has_parent);
	ck_assert_int_eq(o.parent.b[0], 1);
	ck_assert_uint_eq(o.nsupersedes, 2);
	ck_assert_int_eq(o.supersedes[1].b[0], 3);
	ck_assert_uint_eq(o.nmeta, 2);
	ck_assert(steme_str_eq(o.meta[1].key, STEME_LIT("unit")));
	ck_assert(steme_str_eq(o.meta[1].value, STEME_LIT("mg")));
	ck_assert_int_eq(o.time_us, 1500000);
	ck_assert_int_eq(o.agent.b[0], 4);
	ck_assert(steme_str_eq(o.value, STEME_LIT("2.40")));
	ck_assert(!steme_object_is_global(&o));
}
END_TEST

START_TEST(every_prefix_is_refused_or_a_shorter_value)
{
	struct json_object *list = member(vectors, "valid"), *v;
	struct steme_object whole, o;
	struct steme_why why;
	struct steme_str s;
	size_t headers;
	char *copy;
	int err;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		v = json_object_array_get_idx(list, i);
		s = string(v, "text");
		ck_assert_int_eq(steme_object_parse(&whole, s.p, s.n, &why), 0);
		headers = s.n - whole.value.n;
		for (size_t n = 0; n < s.n; n++) {
			copy = tight(s.p, n);
			err = steme_object_parse(&o, copy, n, &why);
			if (n < headers)
				ck_assert_int_lt(err, STEME_OK);
			if (err == STEME_OK)
				ck_assert_uint_eq(o.value.n, n - headers);
			free(copy);
		}
	}
}
END_TEST

/*
 * Tries every other byte at every place of the headers of one object: refused, or
 * another object in its one spelling.
 */
static void
mutate(struct steme_str s, const char *what, unsigned long count[2])
{
	struct steme_object o;
	size_t headers;
	char *copy;
	int err;

	ck_assert_int_eq(steme_object_parse(&o, s.p, s.n, NULL), STEME_OK);
	headers = s.n - o.value.n;
	copy = tight(s.p, s.n);
	for (size_t at = 0; at < headers; at++) {
		for (int with = 0; with < 256; with++) {
			copy[at] = (char)with;
			err = steme_object_parse(&o, copy, s.n, NULL);
			if (err == STEME_OK)
				check_rewrite(&o, what);
			count[err == STEME_OK]++;
		}
		copy[at] = s.p[at];
	}
	free(copy);
}

START_TEST(every_header_mutation_is_refused_or_canonical)
{
	struct json_object *list = member(vectors, "valid"), *v;
	unsigned long count[2] = { 0, 0 };
	struct steme_str s;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		v = json_object_array_get_idx(list, i);
		s = string(v, "text");
		/* The long ones only repeat what the short ones show. */
		if (s.n < 1000)
			mutate(s, string(v, "what").p, count);
	}
	ck_assert_uint_gt(count[1], 100000);
	ck_assert_uint_gt(count[0], count[1]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("object");
	TCase *t = tcase_create("format");

	tcase_add_unchecked_fixture(t, load, unload);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, fields_are_what_the_headers_say);
	tcase_add_test(t,
	    every_valid_vector_parses_and_is_written_as_it_was);
	tcase_add_test(t, every_valid_vector_has_the_id_and_a_true_signature);
	tcase_add_test(t, every_invalid_vector_is_refused_for_its_reason);
	tcase_add_test(t, every_prefix_is_refused_or_a_shorter_value);
	tcase_add_test(t, every_header_mutation_is_refused_or_canonical);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
