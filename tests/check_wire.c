/* SPDX-License-Identifier: Apache-2.0 */
/* check_wire.c - frame headers, names of messages, parameters of a question. */
#include "config.h"
#include "core/view_query.h"
#include "core/wire.h"

#include <check.h>
#include <string.h>

START_TEST(a_frame_header_comes_back_as_it_was)
{
	struct steme_frame f = { STEME_FRAME_MAX, STEME_MSG_QUERY,
	    STEME_F_REPLY | STEME_F_MORE, 0x1122334455667788 }, g;
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	ck_assert_int_eq(steme_frame_decode(&g, h), STEME_OK);
	ck_assert_uint_eq(g.len, f.len);
	ck_assert_uint_eq(g.type, f.type);
	ck_assert_uint_eq(g.flags, f.flags);
	ck_assert_uint_eq(g.req, f.req);
}
END_TEST

START_TEST(a_frame_header_is_little_endian_as_documented)
{
	static const uint8_t want[16] = { 2, 0, 0, 0, 2, 0, 1, 0,
	    7, 0, 0, 0, 0, 0, 0, 0 };
	struct steme_frame f = { 2, STEME_MSG_PING, STEME_F_REPLY, 7 };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	ck_assert_mem_eq(h, want, 16);
}
END_TEST

START_TEST(a_payload_over_the_limit_is_too_big)
{
	struct steme_frame f = { STEME_FRAME_MAX + 1, 2, 0, 1 };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	ck_assert_int_eq(steme_frame_decode(&f, h), STEME_ETOOBIG);
}
END_TEST

START_TEST(an_unknown_flag_breaks_the_protocol)
{
	struct steme_frame f = { 0, 2, (uint16_t)(1 << _i), 1 };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	ck_assert_int_eq(steme_frame_decode(&f, h),
	    _i < 3 ? STEME_OK : STEME_EPROTO);
}
END_TEST

static void
put_frame(struct steme_buf *b, uint16_t flags, const char *payload)
{
	struct steme_frame f = { (uint32_t)strlen(payload), STEME_MSG_PING, flags, 7 };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	steme_buf_put(b, h, sizeof(h));
	steme_buf_puts(b, payload);
}

START_TEST(replies_are_taken_one_by_one_once_they_are_whole)
{
	struct steme_buf b = { 0 };
	const uint8_t *data;
	struct steme_frame f;
	size_t pos, end;

	put_frame(&b, STEME_F_REPLY, "one");
	put_frame(&b, STEME_F_REPLY, "");
	end = b.len;
	for (b.len = 0; b.len < STEME_FRAME_HDR + 3; b.len++) {
		pos = 0;
		ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data),
		    STEME_EAGAIN);
		ck_assert_uint_eq(pos, 0);
	}
	b.len = end;
	ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data), STEME_OK);
	ck_assert_uint_eq(f.len, 3);
	ck_assert_mem_eq(data, "one", 3);
	ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data), STEME_OK);
	ck_assert_uint_eq(f.len, 0);
	ck_assert_uint_eq(pos, end);
	ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data), STEME_EAGAIN);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(what_is_no_reply_breaks_the_protocol)
{
	struct steme_buf b = { 0 };
	const uint8_t *data;
	struct steme_frame f;
	size_t pos = 0;

	put_frame(&b, 0, "a request");
	ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data), STEME_EPROTO);
	steme_buf_clear(&b);
	put_frame(&b, STEME_F_REPLY | 8, "");
	ck_assert_int_eq(steme_frame_next_reply(&b, &pos, &f, &data), STEME_EPROTO);
	ck_assert_uint_eq(pos, 0);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(every_message_has_a_name_and_a_least_role)
{
	for (unsigned t = 1; t < STEME_NMSG; t++) {
		ck_assert_ptr_nonnull(steme_msg_name(t));
		ck_assert_int_ne(steme_msg_role(t), STEME_ROLE_NONE);
	}
	ck_assert_ptr_null(steme_msg_name(0));
	ck_assert_ptr_null(steme_msg_name(STEME_NMSG));
	ck_assert_int_eq(steme_msg_role(STEME_NMSG), STEME_ROLE_NONE);
	ck_assert_int_eq(steme_msg_role(STEME_MSG_PUT), STEME_ROLE_WRITER);
	ck_assert_int_eq(steme_msg_role(STEME_MSG_STOP), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_msg_role(STEME_MSG_QUERY), STEME_ROLE_READER);
	ck_assert_str_eq(steme_role_name(STEME_ROLE_ADMIN), "admin");
}
END_TEST

/* ---- parameters ---- */

static int
set(struct steme_query *q, const char *name, const char *value,
    struct steme_why *why)
{
	return steme_query_set(q, steme_str_from(name), steme_str_from(value), why);
}

START_TEST(every_parameter_of_a_question_is_taken)
{
	struct steme_query q;
	struct steme_why why;

	steme_query_init(&q);
	ck_assert_int_eq(q.lifecycle, -1);
	ck_assert(q.as_of_us == INT64_MAX && q.max_lsn == UINT64_MAX);
	ck_assert_int_eq(set(&q, "lens", "skeptic", &why), 0);
	ck_assert_int_eq(set(&q, "concept_path", "drug/x", &why), 0);
	ck_assert_int_eq(set(&q, "predicate", "dose", &why), 0);
	ck_assert_int_eq(set(&q, "as_of", "1970-01-01T00:00:01Z", &why), 0);
	ck_assert_int_eq(set(&q, "known_at", "77", &why), 0);
	ck_assert_int_eq(set(&q, "since", "18446744073709551615", &why), 0);
	ck_assert_int_eq(set(&q, "lifecycle", "under_review", &why), 0);
	ck_assert_int_eq(set(&q, "epoch", "e1", &why), 0);
	ck_assert_int_eq(set(&q, "include", "retracted,old_epochs", &why), 0);
	ck_assert_int_eq(set(&q, "decay", "on", &why), 0);
	ck_assert_int_eq(set(&q, "limit", "10000", &why), 0);
	ck_assert_int_eq(set(&q, "cursor", "abc", &why), 0);
	ck_assert_int_eq(q.lens, STEME_LENS_SKEPTIC);
	ck_assert(steme_str_eq(q.concept, STEME_LIT("drug/x")));
	ck_assert_int_eq(q.as_of_us, 1000000);
	ck_assert_uint_eq(q.known_at, 77);
	ck_assert(q.since_hlc == UINT64_MAX);
	ck_assert_int_eq(q.lifecycle, STEME_UNDER_REVIEW);
	ck_assert_uint_eq(q.include, STEME_INC_RETRACTED | STEME_INC_OLD_EPOCHS);
	ck_assert(q.decay);
	ck_assert_uint_eq(q.limit, 10000);
	ck_assert_int_eq(set(&q, "known_at", "1970-01-01T00:00:01Z", &why), 0);
	ck_assert_uint_eq(q.known_at, 1000ull << 16 | 0xffff);
	ck_assert_int_eq(set(&q, "prefix", "", &why), 0);
	ck_assert_ptr_nonnull(q.prefix.p);
	ck_assert_int_eq(set(&q, "concept_path", "fda://a/b", &why), 0);
}
END_TEST

static const struct { const char *name, *value; } bad[] = {
	{ "lens", "nope" }, { "lens", "" }, { "concept_path", "" },
	{ "concept_path", "/a" }, { "concept_path", "a//b" },
	{ "concept_path", "nosuch://a" }, { "predicate", "a/b" },
	{ "predicate", "" }, { "as_of", "yesterday" }, { "as_of", "" },
	{ "known_at", "-1" }, { "since", "18446744073709551616" },
	{ "since", "" }, { "since", "1x" }, { "lifecycle", "old" },
	{ "include", "retracted,,rejected" }, { "include", "all" },
	{ "decay", "maybe" }, { "limit", "0" }, { "limit", "10001" },
	{ "limit", "-1" }, { "cursor", "" }, { "epoch", "@x" },
	{ "prefix", "a/" },
};

START_TEST(a_bad_parameter_is_refused_by_name)
{
	struct steme_query q, before;
	struct steme_why why = { "" };

	steme_query_init(&q);
	before = q;
	ck_assert_int_eq(set(&q, bad[_i].name, bad[_i].value, &why), STEME_EINVAL);
	ck_assert_msg(strstr(why.text, bad[_i].name) != NULL, "%s", why.text);
	ck_assert_uint_eq(q.limit, before.limit);
	ck_assert_ptr_null(q.concept.p);
}
END_TEST

START_TEST(an_unknown_parameter_is_not_found)
{
	struct steme_query q;
	struct steme_why why;

	steme_query_init(&q);
	ck_assert_int_eq(set(&q, "colour", "red", &why), STEME_ENOTFOUND);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("frames");

	tcase_add_test(t, a_frame_header_comes_back_as_it_was);
	tcase_add_test(t, a_frame_header_is_little_endian_as_documented);
	tcase_add_test(t, a_payload_over_the_limit_is_too_big);
	tcase_add_loop_test(t, an_unknown_flag_breaks_the_protocol, 0, 16);
	tcase_add_test(t, replies_are_taken_one_by_one_once_they_are_whole);
	tcase_add_test(t, what_is_no_reply_breaks_the_protocol);
	tcase_add_test(t, every_message_has_a_name_and_a_least_role);
	suite_add_tcase(s, t);
	t = tcase_create("parameters");
	tcase_add_test(t, every_parameter_of_a_question_is_taken);
	tcase_add_loop_test(t, a_bad_parameter_is_refused_by_name, 0,
	    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(t, an_unknown_parameter_is_not_found);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
