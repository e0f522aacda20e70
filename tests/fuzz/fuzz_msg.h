/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_msg.h - every decoder of payloads, with its round trip. */
#ifndef STEME_FUZZ_MSG_H
#define STEME_FUZZ_MSG_H

#include "core/msg.h"

#include <stdlib.h>
#include <string.h>

/* Decoders that no request type stands for. */
enum { FUZZ_WELCOME = 100, FUZZ_RESULT, FUZZ_RECORD, FUZZ_WORK, FUZZ_ERROR };

static inline void
same(struct steme_buf *b, const uint8_t *p, size_t n)
{
	if (b->err != STEME_OK || b->len != n || (n > 0 && memcmp(b->data, p, n) != 0))
		abort();
	steme_buf_fini(b);
}

static inline void
fuzz_puts(const uint8_t *p, size_t n)
{
	struct steme_msg_put_item it;
	struct steme_buf b = {0};
	struct steme_rd r;
	uint32_t count;

	if (steme_msg_get_puts(&r, p, n, &count) != STEME_OK)
		return;
	steme_msg_put_puts(&b, count);
	while (count-- > 0) {
		if (steme_msg_next_put(&r, &it) != STEME_OK)
			abort();
		steme_msg_put_item(&b, it.bytes, &it.sig);
	}
	same(&b, p, n);
}

static inline void
fuzz_batch(const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};
	struct steme_msg_batch m;
	struct steme_str s;

	if (steme_msg_get_batch(&m, p, n) != STEME_OK)
		return;
	steme_msg_put_batch(&b, m.bytes, &m.sig, (const struct steme_id *)m.ids,
	    m.nids, m.nmembers);
	for (uint32_t i = 0; i < m.nmembers; i++) {
		if (steme_msg_next_member(&m.members, &s) != STEME_OK)
			abort();
		steme_wr_bytes(&b, 4, s.p, s.n);
	}
	same(&b, p, n);
}

static inline void
fuzz_assert(const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};
	struct steme_msg_assert m;
	struct steme_str s;

	if (steme_msg_get_assert(&m, p, n) != STEME_OK)
		return;
	if (m.uid == STEME_UID_NAMED)
		steme_msg_put_assert_key(&b, m.key, m.kind, m.n);
	else
		steme_msg_put_assert(&b, m.uid, m.kind, m.n);
	for (uint32_t i = 0; i < m.n; i++) {
		if (steme_msg_next_member(&m.items, &s) != STEME_OK)
			abort();
		steme_wr_bytes(&b, 4, s.p, s.n);
	}
	same(&b, p, n);
}

static inline void
fuzz_query(const uint8_t *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_buf b = {0};
	struct steme_query q;

	if (steme_msg_get_query(&q, &r) != STEME_OK)
		return;
	steme_msg_put_query(&b, &q);
	same(&b, p, n - r.n);
}

static inline void
fuzz_run_of_results(const uint8_t *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_msg_put_result m;
	struct steme_buf b = {0};

	while (r.n > 0 && steme_msg_next_result(&r, &m) == STEME_OK) {
		steme_msg_put_result(&b, &m);
		/* An error number of a newer daemon is read as another. */
		if (m.err == STEME_EIO)
			break;
	}
	if (steme_rd_ok(&r) && m.err != STEME_EIO && n > 0)
		same(&b, p, n);
	steme_buf_fini(&b);
}

static inline void
fuzz_run_of_records(const uint8_t *p, size_t n)
{
	struct steme_rd r = steme_rd_from(p, n);
	struct steme_buf b = {0};
	struct steme_record rec;

	while (r.n > 0 && steme_msg_next_record(&r, &rec) == STEME_OK)
		steme_msg_put_record(&b, &rec);
	if (steme_rd_ok(&r))
		same(&b, p, n);
	steme_buf_fini(&b);
}

static inline void
fuzz_small(unsigned kind, const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};
	union {
		struct steme_msg_hello hello;
		struct steme_msg_welcome welcome;
		struct steme_msg_log log;
		struct steme_msg_work work;
		struct steme_msg_profile profile;
		struct steme_msg_set set;
		struct steme_why why;
		struct steme_id id;
		uint64_t req;
	} u;
	enum steme_object_want want;
	bool skip;

	if (kind == STEME_MSG_HELLO && steme_msg_get_hello(&u.hello, p, n) == 0)
		steme_msg_put_hello(&b, &u.hello);
	else if (kind == FUZZ_WELCOME && steme_msg_get_welcome(&u.welcome, p, n) == 0)
		steme_msg_put_welcome(&b, &u.welcome);
	else if (kind == STEME_MSG_LOG && steme_msg_get_log(&u.log, p, n) == 0)
		steme_msg_put_log(&b, &u.log);
	else if (kind == FUZZ_WORK && steme_msg_get_work(&u.work, p, n) == 0 &&
	    u.work.err != STEME_EIO)
		steme_msg_put_work(&b, &u.work);
	else if (kind == STEME_MSG_PROFILE &&
	    steme_msg_get_profile(&u.profile, p, n) == 0)
		steme_msg_put_profile(&b, &u.profile);
	else if (kind == STEME_MSG_SET && steme_msg_get_set(&u.set, p, n) == 0)
		steme_msg_put_set(&b, &u.set);
	else if (kind == STEME_MSG_OBJECT &&
	    steme_msg_get_object(&want, &u.id, p, n) == 0)
		steme_msg_put_object(&b, want, &u.id);
	else if (kind == STEME_MSG_VERIFY && steme_msg_get_flag(&skip, p, n) == 0)
		steme_msg_put_flag(&b, skip);
	else if (kind == STEME_MSG_CANCEL && steme_msg_get_cancel(&u.req, p, n) == 0)
		steme_msg_put_cancel(&b, u.req);
	else if (kind == FUZZ_ERROR && steme_msg_get_error(&u.why, p, n) == 0)
		abort();		/* an error is never success */
	if (b.len > 0)
		same(&b, p, n);
	steme_buf_fini(&b);
}

static inline void
fuzz_list(const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};
	struct steme_msg_list m;

	/* A limit of 0 is read as its meaning, so only others come back alike. */
	if (steme_msg_get_list(&m, p, n) != STEME_OK || memcmp(p + 8, "\0\0\0", 4) == 0)
		return;
	steme_msg_put_list(&b, &m);
	same(&b, p, n);
}

static inline void
fuzz_impact(const uint8_t *p, size_t n)
{
	struct steme_buf b = {0};
	struct steme_msg_impact m;

	if (steme_msg_get_impact(&m, p, n) != STEME_OK || memcmp(p + 1, "\0\0\0", 4) == 0)
		return;
	steme_msg_put_impact(&b, &m);
	same(&b, p, n);
}

static inline void
fuzz_diff(const uint8_t *p, size_t n)
{
	struct steme_query q1, q2;
	struct steme_buf b = {0};

	if (steme_msg_get_diff(&q1, &q2, p, n) != STEME_OK)
		return;
	steme_msg_put_diff(&b, &q1, &q2);
	same(&b, p, n);
}

static inline void
fuzz_payload(unsigned kind, const uint8_t *p, size_t n)
{
	const uint8_t *ids;
	uint32_t nids;

	switch (kind) {
	case STEME_MSG_PUT:
		fuzz_puts(p, n);
		break;
	case STEME_MSG_BATCH:
		fuzz_batch(p, n);
		break;
	case STEME_MSG_ASSERT:
		fuzz_assert(p, n);
		break;
	case STEME_MSG_QUERY:
	case STEME_MSG_HISTORY:
		fuzz_query(p, n);
		break;
	case STEME_MSG_DIFF:
		fuzz_diff(p, n);
		break;
	case STEME_MSG_CHILDREN:
	case STEME_MSG_CONCEPTS:
	case STEME_MSG_NEIGHBOURS:
	case STEME_MSG_SOURCES:
	case STEME_MSG_AGENTS:
		fuzz_list(p, n);
		break;
	case STEME_MSG_IMPACT:
		fuzz_impact(p, n);
		break;
	case STEME_MSG_KEYS:
		(void)steme_msg_get_ids(&ids, &nids, p, n);
		break;
	case FUZZ_RESULT:
		fuzz_run_of_results(p, n);
		break;
	case FUZZ_RECORD:
		fuzz_run_of_records(p, n);
		break;
	default:
		fuzz_small(kind, p, n);
		break;
	}
}

#endif
