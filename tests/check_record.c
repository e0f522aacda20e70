/* SPDX-License-Identifier: Apache-2.0 */
/* check_record.c - stored records there and back, and every way to be damaged. */
#include "config.h"
#include "core/record.h"
#include "core/wal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char object[] = "steme epoch 1\nname x\n";

static struct steme_record
sample(enum steme_sigkind kind, uint8_t *ids, uint32_t nids)
{
	struct steme_record r;

	memset(&r, 0, sizeof(r));
	r.lsn = 0x0102030405060708;
	r.hlc = 0x1112131415161718;
	r.node = 0x2122232425262728;
	r.sigkind = kind;
	if (kind == STEME_SIG_OWN)
		memset(&r.sig, 0x5a, sizeof(r.sig));
	else
		memset(&r.batch, 0xb5, sizeof(r.batch));
	r.bytes = (struct steme_str){ object, sizeof(object) - 1 };
	r.id = steme_hash(object, sizeof(object) - 1);
	for (uint32_t i = 0; i < nids * STEME_ID_LEN; i++)
		ids[i] = (uint8_t)(i % STEME_ID_LEN == 0 ? i / STEME_ID_LEN : i);
	r.ids = nids == 0 ? NULL : ids;
	r.nids = nids;
	return r;
}

static void
assert_same(const struct steme_record *a, const struct steme_record *b)
{
	ck_assert_uint_eq(a->node, b->node);
	ck_assert_int_eq(a->sigkind, b->sigkind);
	ck_assert_mem_eq(&a->sig, &b->sig, sizeof(a->sig));
	ck_assert_mem_eq(&a->batch, &b->batch, sizeof(a->batch));
	ck_assert(steme_id_eq(&a->id, &b->id));
	ck_assert(steme_str_eq(a->bytes, b->bytes));
	ck_assert_uint_eq(a->nids, b->nids);
	if (a->nids > 0)
		ck_assert_mem_eq(a->ids, b->ids, a->nids * STEME_ID_LEN);
}

static const struct {
	enum steme_sigkind kind;
	uint32_t nids;
	int type;
} kinds[] = {
	{ STEME_SIG_OWN, 0, STEME_WAL_OBJECT },
	{ STEME_SIG_BATCH, 0, STEME_WAL_MEMBER },
	{ STEME_SIG_OWN, 3, STEME_WAL_BATCH },
};

START_TEST(a_payload_comes_back)		/* loop: kinds */
{
	uint8_t ids[3 * STEME_ID_LEN];
	struct steme_record r = sample(kinds[_i].kind, ids, kinds[_i].nids), back;
	struct steme_buf b = {0};

	ck_assert_int_eq(steme_record_wal_type(&r), kinds[_i].type);
	steme_record_encode(&b, &r);
	ck_assert_int_eq(steme_buf_err(&b), STEME_OK);
	ck_assert_int_eq(steme_record_decode(&back, kinds[_i].type, b.data, b.len),
	    STEME_OK);
	assert_same(&r, &back);
	ck_assert_uint_eq(back.lsn, 0);
	ck_assert_int_eq(steme_record_check_id(&back), STEME_OK);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(an_index_value_comes_back)		/* loop: kinds */
{
	uint8_t ids[3 * STEME_ID_LEN];
	struct steme_record r = sample(kinds[_i].kind, ids, kinds[_i].nids), back;
	struct steme_buf b = {0};

	steme_record_encode_value(&b, &r);
	ck_assert_int_eq(steme_record_decode_value(&back, b.data, b.len), STEME_OK);
	assert_same(&r, &back);
	ck_assert_uint_eq(back.lsn, r.lsn);
	ck_assert_uint_eq(back.hlc, r.hlc);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_cut_record_is_corrupt_and_leaves_the_output_alone)	/* loop: kinds */
{
	uint8_t ids[3 * STEME_ID_LEN];
	struct steme_record r = sample(kinds[_i].kind, ids, kinds[_i].nids), back;
	struct steme_buf b = {0};
	size_t header;

	steme_record_encode(&b, &r);
	header = b.len - r.bytes.n;
	memset(&back, 0xee, sizeof(back));
	/* a cut inside of the object is for its hash to find */
	for (size_t n = 0; n <= header; n++)
		ck_assert_int_eq(steme_record_decode(&back, kinds[_i].type, b.data, n),
		    STEME_ECORRUPT);
	ck_assert_uint_eq(back.lsn, 0xeeeeeeeeeeeeeeee);
	ck_assert_int_eq(steme_record_decode(&back, kinds[_i].type, b.data, b.len - 1),
	    STEME_OK);
	ck_assert_int_eq(steme_record_check_id(&back), STEME_ECORRUPT);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(an_envelope_is_node_and_id_and_no_more)
{
	struct steme_record r = sample(STEME_SIG_OWN, NULL, 0), back;
	struct steme_buf b = {0};

	r.bytes = (struct steme_str){0};
	ck_assert_int_eq(steme_record_wal_type(&r), STEME_WAL_ENVELOPE);
	steme_record_encode(&b, &r);
	ck_assert_uint_eq(b.len, 40);
	ck_assert_int_eq(steme_record_decode(&back, STEME_WAL_ENVELOPE, b.data, b.len),
	    STEME_OK);
	ck_assert_uint_eq(back.node, r.node);
	ck_assert(steme_id_eq(&back.id, &r.id));
	ck_assert_ptr_null(back.bytes.p);
	steme_buf_putc(&b, 0);
	ck_assert_int_eq(steme_record_decode(&back, STEME_WAL_ENVELOPE, b.data, b.len),
	    STEME_ECORRUPT);
	/* and no value of the index */
	steme_buf_clear(&b);
	steme_record_encode_value(&b, &r);
	ck_assert_int_eq(steme_record_decode_value(&back, b.data, b.len),
	    STEME_ECORRUPT);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(ids_of_a_batch_must_ascend_and_be_few_enough)
{
	uint8_t ids[3 * STEME_ID_LEN];
	struct steme_record r = sample(STEME_SIG_OWN, ids, 3), back;
	struct steme_buf b = {0};
	const size_t count_at = 8 + 32 + 64;

	memcpy(ids + STEME_ID_LEN, ids, STEME_ID_LEN);
	steme_record_encode(&b, &r);
	ck_assert_int_eq(steme_record_decode(&back, STEME_WAL_BATCH, b.data, b.len),
	    STEME_ECORRUPT);
	b.data[count_at] = 0;
	ck_assert_int_eq(steme_record_decode(&back, STEME_WAL_BATCH, b.data, b.len),
	    STEME_ECORRUPT);
	b.data[count_at + 3] = 0xff;
	ck_assert_int_eq(steme_record_decode(&back, STEME_WAL_BATCH, b.data, b.len),
	    STEME_ECORRUPT);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(an_object_over_the_limit_is_corrupt)
{
	size_t n = 40 + 64 + STEME_OBJECT_MAX + 1;
	uint8_t *big = calloc(1, n);
	struct steme_record r;

	ck_assert_ptr_nonnull(big);
	ck_assert_int_eq(steme_record_decode(&r, STEME_WAL_OBJECT, big, n),
	    STEME_ECORRUPT);
	ck_assert_int_eq(steme_record_decode(&r, STEME_WAL_OBJECT, big, n - 1),
	    STEME_OK);
	ck_assert_int_eq(steme_record_decode(&r, STEME_WAL_GENESIS, big, n - 1),
	    STEME_ECORRUPT);
	ck_assert_int_eq(steme_record_decode(&r, 77, big, n - 1), STEME_ECORRUPT);
	free(big);
}
END_TEST

START_TEST(a_genesis_comes_back_and_has_one_length)
{
	struct steme_genesis g = { .node = 7, .time_us = 1234567890123456 }, back;
	struct steme_buf b = {0};

	memset(g.store, 0xa1, sizeof(g.store));
	memset(&g.operator_, 0xc3, sizeof(g.operator_));
	steme_genesis_encode(&b, &g);
	ck_assert_uint_eq(b.len, 64);
	ck_assert_int_eq(steme_genesis_decode(&back, b.data, b.len), STEME_OK);
	ck_assert_mem_eq(back.store, g.store, sizeof(g.store));
	ck_assert_uint_eq(back.node, g.node);
	ck_assert(steme_id_eq(&back.operator_, &g.operator_));
	ck_assert_int_eq(back.time_us, g.time_us);
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(steme_genesis_decode(&back, b.data, n),
		    STEME_ECORRUPT);
	steme_buf_putc(&b, 0);
	ck_assert_int_eq(steme_genesis_decode(&back, b.data, b.len), STEME_ECORRUPT);
	steme_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_add_loop_test(t, a_payload_comes_back, 0, 3);
	tcase_add_loop_test(t, an_index_value_comes_back, 0, 3);
	tcase_add_loop_test(t, a_cut_record_is_corrupt_and_leaves_the_output_alone, 0, 3);
	tcase_add_test(t, an_envelope_is_node_and_id_and_no_more);
	tcase_add_test(t, ids_of_a_batch_must_ascend_and_be_few_enough);
	tcase_add_test(t, an_object_over_the_limit_is_corrupt);
	tcase_add_test(t, a_genesis_comes_back_and_has_one_length);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
