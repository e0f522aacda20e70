/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_merkle.c - batch trees against a plain reading of RFC 6962 and against
 * the proofs in vectors/objects.json.
 */
#include "config.h"
#include "core/merkle.h"
#include "core/object.h"
#include "core/sign.h"

#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>

static struct steme_id ids[STEME_BATCH_MAX + 1];

static void
set_up(void)
{
	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	for (unsigned i = 0; i <= STEME_BATCH_MAX; i++) {
		ids[i].b[0] = (uint8_t)(i >> 8);
		ids[i].b[1] = (uint8_t)i;
		ids[i].b[31] = 7;
	}
}

/* The definition, word for word. */
static struct steme_id
slow_root(const struct steme_id *d, size_t n)
{
	struct steme_id l, r;
	size_t k = 1;

	if (n == 1)
		return steme_hash_node(0, d, NULL);
	while (2 * k < n)
		k *= 2;
	l = slow_root(d, k);
	r = slow_root(d + k, n - k);
	return steme_hash_node(1, &l, &r);
}

START_TEST(roots_are_those_of_the_definition)
{
	struct steme_id root, want;

	for (size_t n = 1; n <= STEME_BATCH_MAX; n += n < 300 ? 1 : 97) {
		ck_assert_int_eq(steme_merkle_root(ids, n, &root), STEME_OK);
		want = slow_root(ids, n);
		ck_assert(steme_id_eq(&root, &want));
	}
	ck_assert_int_eq(steme_merkle_root(ids, STEME_BATCH_MAX, &root), 0);
	want = slow_root(ids, STEME_BATCH_MAX);
	ck_assert(steme_id_eq(&root, &want));
}
END_TEST

START_TEST(lists_that_are_no_batch_are_refused)
{
	struct steme_id list[3] = { ids[1], ids[2], ids[3] }, root;
	struct steme_proof proof;

	ck_assert_int_eq(steme_merkle_root(ids, 0, &root), STEME_EINVAL);
	ck_assert_int_eq(steme_merkle_root(ids, STEME_BATCH_MAX + 1, &root),
	    STEME_EINVAL);
	ck_assert_int_eq(steme_merkle_prove(list, 3, 3, &proof), STEME_EINVAL);
	list[1] = list[0];
	ck_assert_int_eq(steme_merkle_root(list, 3, &root), STEME_EINVAL);
	list[1] = ids[9];
	ck_assert_int_eq(steme_merkle_root(list, 3, &root), STEME_EINVAL);
	ck_assert_int_eq(steme_merkle_prove(list, 3, 0, &proof), STEME_EINVAL);
}
END_TEST

START_TEST(every_leaf_has_a_proof_and_only_at_its_place)
{
	struct steme_proof proof, other;
	struct steme_id root;

	for (size_t n = 1; n <= 70; n++) {
		ck_assert_int_eq(steme_merkle_root(ids, n, &root), STEME_OK);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(steme_merkle_prove(ids, n, i, &proof),
			    STEME_OK);
			ck_assert_int_eq(steme_merkle_check(&proof, &ids[i],
			    &root), STEME_OK);
			ck_assert_int_eq(steme_merkle_check(&proof,
			    &ids[n], &root), STEME_ESIG);
			for (uint32_t at = 0; at < n + 3; at++) {
				other = proof;
				other.index = at;
				ck_assert_int_eq(steme_merkle_check(&other,
				    &ids[i], &root), at == i ? STEME_OK :
				    STEME_ESIG);
			}
		}
	}
}
END_TEST

START_TEST(a_changed_proof_fails)
{
	struct steme_proof proof, p;
	struct steme_id root, bad;

	ck_assert_int_eq(steme_merkle_root(ids, STEME_BATCH_MAX, &root), 0);
	ck_assert_int_eq(steme_merkle_prove(ids, STEME_BATCH_MAX, 4095,
	    &proof), STEME_OK);
	ck_assert_uint_eq(proof.n, 12);
	ck_assert_int_eq(steme_merkle_check(&proof, &ids[4095], &root), 0);
	for (unsigned i = 0; i < proof.n * 32; i++) {
		p = proof;
		p.path[i / 32].b[i % 32] ^= 0x40;
		ck_assert_int_eq(steme_merkle_check(&p, &ids[4095], &root),
		    STEME_ESIG);
	}
	p = proof;
	p.n--;
	ck_assert_int_eq(steme_merkle_check(&p, &ids[4095], &root),
	    STEME_ESIG);
	p.n = 13;
	ck_assert_int_eq(steme_merkle_check(&p, &ids[4095], &root),
	    STEME_ESIG);
	p = proof;
	p.count = 0;
	ck_assert_int_eq(steme_merkle_check(&p, &ids[4095], &root),
	    STEME_ESIG);
	p.count = STEME_BATCH_MAX + 1;
	ck_assert_int_eq(steme_merkle_check(&p, &ids[4095], &root),
	    STEME_ESIG);
	bad = root;
	bad.b[0] ^= 1;
	ck_assert_int_eq(steme_merkle_check(&proof, &ids[4095], &bad),
	    STEME_ESIG);
	/* A single leaf takes no path at all. */
	ck_assert_int_eq(steme_merkle_root(ids, 1, &root), STEME_OK);
	ck_assert_int_eq(steme_merkle_prove(ids, 1, 0, &p), STEME_OK);
	ck_assert_uint_eq(p.n, 0);
	p.n = 1;
	ck_assert_int_eq(steme_merkle_check(&p, &ids[0], &root), STEME_ESIG);
	/* An inner node is no leaf: the prefixes differ. */
	ck_assert_int_eq(steme_merkle_root(ids, 2, &root), STEME_OK);
	memset(&p, 0, sizeof(p));
	p.count = 1;
	ck_assert_int_eq(steme_merkle_check(&p, &root, &root), STEME_ESIG);
}
END_TEST

static struct json_object *
member(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	ck_assert(json_object_object_get_ex(o, name, &v));
	return v;
}

static struct steme_id
id_of(struct json_object *v)
{
	struct steme_id id;

	ck_assert_int_eq(steme_id_parse(&id, json_object_get_string(v),
	    (size_t)json_object_get_string_len(v)), STEME_OK);
	return id;
}

static void
check_proofs(struct json_object *list, const struct steme_id *leaves, size_t n,
    const struct steme_id *root)
{
	struct steme_proof proof;
	struct json_object *p, *path;
	struct steme_id want;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		p = json_object_array_get_idx(list, i);
		path = member(p, "path");
		ck_assert_int_eq(steme_merkle_prove(leaves, n, (size_t)
		    json_object_get_int64(member(p, "index")), &proof), 0);
		ck_assert_uint_eq(proof.n, json_object_array_length(path));
		for (unsigned k = 0; k < proof.n; k++) {
			want = id_of(json_object_array_get_idx(path, k));
			ck_assert(steme_id_eq(&proof.path[k], &want));
		}
		ck_assert_int_eq(steme_merkle_check(&proof,
		    &leaves[proof.index], root), STEME_OK);
	}
}

START_TEST(the_batches_in_the_vectors_hold)
{
	struct json_object *all, *list, *b, *list_ids;
	struct steme_id leaves[128], root;
	struct steme_object o;
	size_t n;

	all = json_object_from_file(SRCDIR "/tests/vectors/objects.json");
	ck_assert_ptr_nonnull(all);
	list = member(all, "batches");
	ck_assert_uint_ge(json_object_array_length(list), 9);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		b = json_object_array_get_idx(list, i);
		ck_assert_int_eq(steme_object_parse(&o,
		    json_object_get_string(member(b, "text")), (size_t)
		    json_object_get_string_len(member(b, "text")), NULL), 0);
		list_ids = member(b, "ids");
		n = json_object_array_length(list_ids);
		ck_assert_uint_eq(n, o.count);
		ck_assert_uint_le(n, 128);
		for (size_t k = 0; k < n; k++)
			leaves[k] = id_of(json_object_array_get_idx(list_ids,
			    k));
		ck_assert_int_eq(steme_merkle_root(leaves, n, &root), 0);
		ck_assert(steme_id_eq(&root, &o.root));
		check_proofs(member(b, "proofs"), leaves, n, &root);
	}
	json_object_put(all);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("merkle");
	TCase *t = tcase_create("batch");

	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, roots_are_those_of_the_definition);
	tcase_add_test(t, lists_that_are_no_batch_are_refused);
	tcase_add_test(t, every_leaf_has_a_proof_and_only_at_its_place);
	tcase_add_test(t, a_changed_proof_fails);
	tcase_add_test(t, the_batches_in_the_vectors_hold);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
