/* SPDX-License-Identifier: Apache-2.0 */
/* check_msg_write.c - payloads of writes, records, work and errors: round trips, and every flaw. */
#include "config.h"
#include "tests/msg_util.h"

/* ---- writes ---- */

static int
d_puts(const void *p, size_t len)
{
	struct steme_msg_put_item it;
	struct steme_rd r;
	uint32_t n;
	int err = steme_msg_get_puts(&r, p, len, &n);

	for (uint32_t i = 0; err == STEME_OK && i < n; i++)
		err = steme_msg_next_put(&r, &it);
	return err;
}

START_TEST(puts_come_back_in_order)
{
	struct steme_sig s1 = sig_of(0x11), s2 = sig_of(0x22);
	struct steme_msg_put_item it;
	struct steme_buf b = {0};
	struct steme_rd r;
	uint32_t n;

	steme_msg_put_puts(&b, 2);
	steme_msg_put_item(&b, STEME_LIT("abc"), &s1);
	steme_msg_put_item(&b, STEME_LIT("defg"), &s2);
	ck_assert_int_eq(steme_msg_get_puts(&r, b.data, b.len, &n), STEME_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(steme_msg_next_put(&r, &it), STEME_OK);
	ck_assert(steme_str_eq(it.bytes, STEME_LIT("abc")));
	ck_assert_int_eq(steme_msg_next_put(&r, &it), STEME_OK);
	ck_assert(steme_str_eq(it.bytes, STEME_LIT("defg")));
	ck_assert_mem_eq(it.sig.b, s2.b, 64);
	ck_assert_int_eq(steme_msg_next_put(&r, &it), STEME_EPROTO);
	no_prefix_is_good(&b, d_puts);
	byte_is_bad(&b, 0, 0, d_puts);
	byte_is_bad(&b, 1, 0x11, d_puts);	/* 4,354 */
	byte_is_bad(&b, 7, 0xff, d_puts);	/* longer than an object may be */
	steme_buf_fini(&b);
}
END_TEST

static int
d_batch(const void *p, size_t n)
{
	struct steme_msg_batch m;
	struct steme_str s;
	int err = steme_msg_get_batch(&m, p, n);

	for (uint32_t i = 0; err == STEME_OK && i < m.nmembers; i++)
		err = steme_msg_next_member(&m.members, &s);
	return err;
}

START_TEST(a_batch_comes_back_with_some_of_its_members)
{
	struct steme_id ids[3] = { id_of(1), id_of(2), id_of(3) };
	struct steme_sig sig = sig_of(9);
	struct steme_msg_batch m;
	struct steme_buf b = {0};
	struct steme_str s;

	steme_msg_put_batch(&b, STEME_LIT("batch!"), &sig, ids, 3, 2);
	steme_wr_bytes(&b, 4, "m1", 2);
	steme_wr_bytes(&b, 4, "m22", 3);
	ck_assert_int_eq(steme_msg_get_batch(&m, b.data, b.len), STEME_OK);
	ck_assert(steme_str_eq(m.bytes, STEME_LIT("batch!")));
	ck_assert_uint_eq(m.nids, 3);
	ck_assert_mem_eq(m.ids, ids, sizeof(ids));
	ck_assert_uint_eq(m.nmembers, 2);
	ck_assert_int_eq(steme_msg_next_member(&m.members, &s), STEME_OK);
	ck_assert_int_eq(steme_msg_next_member(&m.members, &s), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("m22")));
	no_prefix_is_good(&b, d_batch);
	byte_is_bad(&b, 4 + 6 + 64 + 4, 3, d_batch);	/* ids not ascending */
	byte_is_bad(&b, 4 + 6 + 64 + 4 + 96, 4, d_batch);	/* more members than ids */
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_batch_with_an_id_twice_is_refused)
{
	struct steme_id ids[2] = { id_of(1), id_of(1) };
	struct steme_sig sig = sig_of(9);
	struct steme_buf b = {0};

	steme_msg_put_batch(&b, STEME_LIT("x"), &sig, ids, 2, 0);
	ck_assert_int_eq(d_batch(b.data, b.len), STEME_EPROTO);
	steme_buf_fini(&b);
}
END_TEST

static int
d_assert(const void *p, size_t n)
{
	struct steme_msg_assert m;
	struct steme_str s;
	int err = steme_msg_get_assert(&m, p, n);

	for (uint32_t i = 0; err == STEME_OK && i < m.n; i++)
		err = steme_msg_next_member(&m.items, &s);
	return err;
}

START_TEST(an_assert_comes_back)
{
	struct steme_msg_assert m;
	struct steme_buf b = {0};
	struct steme_str s;

	steme_msg_put_assert(&b, 1000, STEME_VOTE, 1);
	steme_wr_bytes(&b, 4, "{}", 2);
	ck_assert_int_eq(steme_msg_get_assert(&m, b.data, b.len), STEME_OK);
	ck_assert_uint_eq(m.uid, 1000);
	ck_assert_uint_eq(m.kind, STEME_VOTE);
	ck_assert_uint_eq(m.n, 1);
	ck_assert_int_eq(steme_msg_next_member(&m.items, &s), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("{}")));
	no_prefix_is_good(&b, d_assert);
	byte_is_bad(&b, 4, 9, d_assert);	/* no such kind */
	steme_buf_fini(&b);
}
END_TEST

static int
d_profile(const void *p, size_t n)
{
	struct steme_msg_profile m;

	return steme_msg_get_profile(&m, p, n);
}

START_TEST(a_key_meant_by_name_comes_back)
{
	struct steme_msg_profile p = { .uid = STEME_UID_NAMED, .set = true,
	    .class_ = STEME_EXPERT, .confidence = 1, .source = STEME_LIT(""),
	    .key = STEME_LIT("apikey-1") }, got;
	struct steme_msg_assert m;
	struct steme_buf b = {0};
	struct steme_str s;

	steme_msg_put_assert_key(&b, STEME_LIT("apikey-1"), 0, 1);
	steme_wr_bytes(&b, 4, "{}", 2);
	ck_assert_int_eq(steme_msg_get_assert(&m, b.data, b.len), STEME_OK);
	ck_assert_uint_eq(m.uid, STEME_UID_NAMED);
	ck_assert(steme_str_eq(m.key, STEME_LIT("apikey-1")));
	ck_assert_int_eq(steme_msg_next_member(&m.items, &s), STEME_OK);
	ck_assert(steme_str_eq(s, STEME_LIT("{}")));
	no_prefix_is_good(&b, d_assert);
	byte_is_bad(&b, 9, 200, d_assert);	/* the name is not that long */
	steme_buf_clear(&b);
	steme_msg_put_profile(&b, &p);
	ck_assert_int_eq(steme_msg_get_profile(&got, b.data, b.len), STEME_OK);
	ck_assert(steme_str_eq(got.key, p.key));
	no_prefix_is_good(&b, d_profile);
	byte_is_bad(&b, 0, 1, d_profile);	/* of a uid: then no name follows */
	steme_buf_fini(&b);
}
END_TEST

static int
d_result(const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_put_result m;
	int err = steme_msg_next_result(&r, &m);

	return err != STEME_OK || steme_rd_done(&r) ? err : STEME_EPROTO;
}

START_TEST(results_come_back)
{
	struct steme_msg_put_result ok = { STEME_OK, STEME_EXISTS, 42, id_of(7),
	    STEME_LIT("") }, no = { STEME_ESIG, 0, 0, id_of(8),
	    STEME_LIT("signature does not verify") }, g;
	struct steme_buf b = {0};
	struct steme_rd r;

	steme_msg_put_result(&b, &ok);
	no_prefix_is_good(&b, d_result);
	byte_is_bad(&b, 0, 1, d_result);	/* a positive error */
	byte_is_bad(&b, 4, 0, d_result);	/* no error and no status */
	byte_is_bad(&b, 4, 3, d_result);	/* no such status */
	steme_msg_put_result(&b, &no);
	r = steme_rd_from(b.data, b.len);
	ck_assert_int_eq(steme_msg_next_result(&r, &g), STEME_OK);
	ck_assert_int_eq(g.status, STEME_EXISTS);
	ck_assert_uint_eq(g.lsn, 42);
	ck_assert_int_eq(steme_msg_next_result(&r, &g), STEME_OK);
	ck_assert_int_eq(g.err, STEME_ESIG);
	ck_assert(steme_id_eq(&g.id, &no.id));
	ck_assert(steme_str_eq(g.why, no.why));
	ck_assert(steme_rd_done(&r));
	steme_buf_fini(&b);
}
END_TEST

/* ---- records, work, profile, cancel, error ---- */

static int
d_log(const void *p, size_t n)
{
	struct steme_msg_log m;

	return steme_msg_get_log(&m, p, n);
}

static int
d_record(const void *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_record rec;
	int err = steme_msg_next_record(&r, &rec);

	return err != STEME_OK || steme_rd_done(&r) ? err : STEME_EPROTO;
}

START_TEST(records_come_back)
{
	struct steme_id ids[2] = { id_of(4), id_of(5) };
	struct steme_record own = { .lsn = 1, .hlc = 2, .node = 3,
	    .sigkind = STEME_SIG_OWN, .sig = sig_of(6), .id = id_of(7),
	    .bytes = STEME_LIT("object"), .ids = ids[0].b, .nids = 2 },
	    member = { .lsn = 9, .sigkind = STEME_SIG_BATCH, .batch = id_of(8),
	    .id = id_of(9), .bytes = STEME_LIT("m") }, g;
	struct steme_msg_log m = { 3, UINT64_MAX, 10 }, n;
	struct steme_buf b = {0};
	struct steme_rd r;

	steme_msg_put_log(&b, &m);
	ck_assert_int_eq(steme_msg_get_log(&n, b.data, b.len), STEME_OK);
	ck_assert(n.from_lsn == 3 && n.max_lsn == UINT64_MAX && n.limit == 10);
	no_prefix_is_good(&b, d_log);
	steme_buf_clear(&b);
	steme_msg_put_record(&b, &own);
	no_prefix_is_good(&b, d_record);
	byte_is_bad(&b, 56, 3, d_record);	/* how signed */
	byte_is_bad(&b, 57 + 64, 1, d_record);	/* fewer ids: bytes left over */
	byte_is_bad(&b, 57 + 64 + 4, 9, d_record);	/* ids not ascending */
	steme_msg_put_record(&b, &member);
	r = steme_rd_from(b.data, b.len);
	ck_assert_int_eq(steme_msg_next_record(&r, &g), STEME_OK);
	ck_assert(g.lsn == 1 && g.hlc == 2 && g.node == 3 && g.nids == 2);
	ck_assert_mem_eq(g.ids, ids, 64);
	ck_assert(steme_str_eq(g.bytes, own.bytes));
	ck_assert_int_eq(steme_msg_next_record(&r, &g), STEME_OK);
	ck_assert(steme_id_eq(&g.batch, &member.batch));
	ck_assert(g.ids == NULL && steme_rd_done(&r));
	steme_buf_fini(&b);
}
END_TEST

static int
d_work(const void *p, size_t n)
{
	struct steme_msg_work m;

	return steme_msg_get_work(&m, p, n);
}

START_TEST(work_comes_back)
{
	struct steme_msg_work p = { .tag = STEME_WORK_PROGRESS, .permille = 1000 },
	    f = { .tag = STEME_WORK_FINDING, .err = STEME_ECORRUPT, .lsn = 4,
	    .id = id_of(1), .text = STEME_LIT("segment 3") },
	    r = { .tag = STEME_WORK_REPORT, .n = { 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	    .text = STEME_LIT("") }, g;
	struct steme_buf b = {0};

	steme_msg_put_work(&b, &p);
	no_prefix_is_good(&b, d_work);
	byte_is_bad(&b, 2, 0xff, d_work);
	byte_is_bad(&b, 0, 4, d_work);
	steme_buf_clear(&b);
	steme_msg_put_work(&b, &f);
	ck_assert_int_eq(steme_msg_get_work(&g, b.data, b.len), STEME_OK);
	ck_assert(g.err == STEME_ECORRUPT && g.lsn == 4);
	ck_assert(steme_str_eq(g.text, f.text));
	no_prefix_is_good(&b, d_work);
	steme_buf_clear(&b);
	steme_msg_put_work(&b, &r);
	ck_assert_int_eq(steme_msg_get_work(&g, b.data, b.len), STEME_OK);
	ck_assert(g.n[0] == 1 && g.n[8] == 9);
	no_prefix_is_good(&b, d_work);
	steme_buf_fini(&b);
}
END_TEST

static int
d_set(const void *p, size_t n)
{
	struct steme_msg_set m;

	return steme_msg_get_set(&m, p, n);
}

START_TEST(a_setting_comes_back_and_empty_means_clear)
{
	struct steme_msg_set m = { STEME_LIT("_steme/limits"),
	    STEME_LIT("max_writes_per_sec"), STEME_LIT("100") }, g;
	struct steme_buf b = {0};

	steme_msg_put_set(&b, &m);
	ck_assert_int_eq(steme_msg_get_set(&g, b.data, b.len), STEME_OK);
	ck_assert(steme_str_eq(g.concept, m.concept));
	ck_assert(steme_str_eq(g.predicate, m.predicate));
	ck_assert(steme_str_eq(g.value, m.value));
	no_prefix_is_good(&b, d_set);
	steme_buf_clear(&b);
	m.value = STEME_LIT("");
	steme_msg_put_set(&b, &m);
	ck_assert_int_eq(steme_msg_get_set(&g, b.data, b.len), STEME_OK);
	ck_assert_uint_eq(g.value.n, 0);
	steme_buf_clear(&b);
	m.predicate = STEME_LIT("");
	steme_msg_put_set(&b, &m);
	ck_assert_int_eq(d_set(b.data, b.len), STEME_EPROTO);
	steme_buf_fini(&b);
}
END_TEST

static int
d_verify(const void *p, size_t n)
{
	bool skip;

	return steme_msg_get_flag(&skip, p, n);
}

static int
d_cancel(const void *p, size_t n)
{
	uint64_t req;

	return steme_msg_get_cancel(&req, p, n);
}

START_TEST(profile_verify_and_cancel_come_back)
{
	struct steme_msg_profile m = { 7, true, STEME_EXPERT, 9500,
	    STEME_LIT("https://x"), id_of(2), { 0 } }, g;
	struct steme_buf b = {0};
	uint64_t req = 0;
	bool skip = false;

	steme_msg_put_profile(&b, &m);
	ck_assert_int_eq(steme_msg_get_profile(&g, b.data, b.len), STEME_OK);
	ck_assert(g.uid == 7 && g.set && g.class_ == STEME_EXPERT &&
	    g.confidence == 9500 && steme_str_eq(g.source, m.source));
	no_prefix_is_good(&b, d_profile);
	byte_is_bad(&b, 4, 2, d_profile);	/* set */
	byte_is_bad(&b, 5, 6, d_profile);	/* class */
	byte_is_bad(&b, 7, 0x30, d_profile);	/* confidence over 1 */
	byte_is_bad(&b, 9, 0xff, d_profile);	/* confidence below 0 */
	steme_buf_clear(&b);
	steme_msg_put_flag(&b, true);
	ck_assert_int_eq(steme_msg_get_flag(&skip, b.data, b.len), STEME_OK);
	ck_assert(skip);
	no_prefix_is_good(&b, d_verify);
	byte_is_bad(&b, 0, 2, d_verify);
	steme_buf_clear(&b);
	steme_msg_put_cancel(&b, UINT64_MAX - 1);
	ck_assert_int_eq(steme_msg_get_cancel(&req, b.data, b.len), STEME_OK);
	ck_assert(req == UINT64_MAX - 1);
	no_prefix_is_good(&b, d_cancel);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(an_error_comes_back_with_its_sentence)
{
	struct steme_buf b = {0};
	struct steme_why why;
	char longer[2000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	steme_msg_put_error(&b, STEME_ENOTFOUND, "no such object");
	ck_assert_uint_eq(b.len, 20);
	ck_assert_mem_eq(b.data, "\xfe\xff\xff\xff\x0e\0no such object", 20);
	ck_assert_int_eq(steme_msg_get_error(&why, b.data, b.len), STEME_ENOTFOUND);
	ck_assert_str_eq(why.text, "no such object");
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(steme_msg_get_error(&why, b.data, n),
		    STEME_EPROTO);
	b.data[0] = b.data[1] = b.data[2] = b.data[3] = 0;
	ck_assert_int_eq(steme_msg_get_error(&why, b.data, b.len), STEME_EPROTO);
	/* A number of a newer daemon, and a sentence longer than we keep. */
	steme_buf_clear(&b);
	steme_msg_put_error(&b, STEME_ERR_MIN - 1, longer);
	ck_assert_int_eq(steme_msg_get_error(&why, b.data, b.len), STEME_EIO);
	ck_assert_uint_eq(strlen(why.text), sizeof(why.text) - 1);
	steme_buf_fini(&b);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("msg_write");
	TCase *t = tcase_create("msg_write");

	tcase_add_test(t, puts_come_back_in_order);
	tcase_add_test(t, a_batch_comes_back_with_some_of_its_members);
	tcase_add_test(t, a_batch_with_an_id_twice_is_refused);
	tcase_add_test(t, an_assert_comes_back);
	tcase_add_test(t, a_key_meant_by_name_comes_back);
	tcase_add_test(t, results_come_back);
	tcase_add_test(t, records_come_back);
	tcase_add_test(t, work_comes_back);
	tcase_add_test(t, profile_verify_and_cancel_come_back);
	tcase_add_test(t, a_setting_comes_back_and_empty_means_clear);
	tcase_add_test(t, an_error_comes_back_with_its_sentence);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
