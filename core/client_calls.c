/* SPDX-License-Identifier: Apache-2.0 */
/* client_calls.c - the blocking client's calls, one a message. */
#include "config.h"
#include "core/client.h"

#include <string.h>

/* Sends the payload in b (and frees it); the answer's bytes go to out. */
static int
ask(struct steme_client *c, enum steme_msg type, struct steme_buf *b,
    struct steme_buf *out, struct steme_why *why)
{
	int err = steme_buf_err(b);

	if (err == STEME_OK)
		err = steme_client_ask(c, type, b->data, b->len, out, why);
	else
		steme_fail(why, err, "out of memory");
	steme_buf_fini(b);
	return err;
}

/* ---- writes ---- */

int
steme_client_results(const void *data, size_t len, steme_client_result *result,
    void *arg)
{
	struct steme_rd r = steme_rd_from(data, len);
	struct steme_msg_put_result m;

	for (size_t i = 0; r.n > 0; i++) {
		int err = steme_msg_next_result(&r, &m);

		if (err == STEME_OK && result != NULL)
			err = result(arg, i, &m);
		if (err != STEME_OK)
			return err;
	}
	return STEME_OK;
}

/* ask() for an answer of one result; *m has no sentence, why has it. */
static int
ask_one(struct steme_client *c, enum steme_msg type, struct steme_buf *b,
    struct steme_msg_put_result *m, struct steme_why *why)
{
	struct steme_buf answer = {0};
	struct steme_rd r;
	int err = ask(c, type, b, &answer, why);

	if (err == STEME_OK) {
		r = steme_rd_from(answer.data, answer.len);
		err = steme_msg_next_result(&r, m);
		if (err != STEME_OK)
			steme_fail(why, err, "the daemon sent a malformed answer");
		else if ((err = m->err) != STEME_OK)
			steme_fail(why, err, "%.*s", STEME_STR(m->why));
	}
	m->why = STEME_LIT("");		/* it lies in answer */
	steme_buf_fini(&answer);
	return err;
}

int
steme_client_put(struct steme_client *c, struct steme_str bytes,
    const struct steme_sig *sig, struct steme_msg_put_result *out,
    struct steme_why *why)
{
	struct steme_msg_put_result m = {0};
	struct steme_buf b = {0};
	int err;

	steme_msg_put_puts(&b, 1);
	steme_msg_put_item(&b, bytes, sig);
	err = ask_one(c, STEME_MSG_PUT, &b, &m, why);
	if (out != NULL)
		*out = m;
	return err;
}

int
steme_client_set(struct steme_client *c, struct steme_str concept,
    struct steme_str predicate, struct steme_str value, struct steme_why *why)
{
	struct steme_msg_set m = { concept, predicate, value };
	struct steme_msg_put_result r = {0};
	struct steme_buf b = {0};

	steme_msg_put_set(&b, &m);
	return ask_one(c, STEME_MSG_SET, &b, &r, why);
}

int
steme_client_assert(struct steme_client *c, uint32_t uid, enum steme_kind kind,
    const struct steme_str *json, size_t n, steme_client_result *result, void *arg,
    struct steme_why *why)
{
	struct steme_buf b = {0}, answer = {0};
	int err;

	if (n == 0 || n > STEME_BATCH_MAX)
		return steme_fail(why, STEME_EINVAL, "1 to %d claims a request",
		    STEME_BATCH_MAX);
	steme_msg_put_assert(&b, uid, (uint8_t)kind, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		steme_wr_bytes(&b, 4, json[i].p, json[i].n);
	err = ask(c, STEME_MSG_ASSERT, &b, &answer, why);
	if (err == STEME_OK) {
		err = steme_client_results(answer.data, answer.len, result, arg);
		if (err == STEME_EPROTO)
			steme_fail(why, err, "the daemon sent a malformed answer");
	}
	steme_buf_fini(&answer);
	return err;
}

/* ---- questions ---- */

int
steme_client_query(struct steme_client *c, const struct steme_query *q,
    struct steme_buf *out, struct steme_why *why)
{
	struct steme_buf b = {0};

	steme_msg_put_query(&b, q);
	return ask(c, STEME_MSG_QUERY, &b, out, why);
}

int
steme_client_history(struct steme_client *c, const struct steme_query *q,
    struct steme_buf *out, struct steme_why *why)
{
	struct steme_buf b = {0};

	steme_msg_put_query(&b, q);
	return ask(c, STEME_MSG_HISTORY, &b, out, why);
}

int
steme_client_diff(struct steme_client *c, const struct steme_query *q1,
    const struct steme_query *q2, struct steme_buf *out, struct steme_why *why)
{
	struct steme_buf b = {0};

	steme_msg_put_diff(&b, q1, q2);
	return ask(c, STEME_MSG_DIFF, &b, out, why);
}

int
steme_client_object(struct steme_client *c, enum steme_object_want want,
    const struct steme_id *id, struct steme_buf *out, struct steme_why *why)
{
	struct steme_buf b = {0};

	steme_msg_put_object(&b, want, id);
	return ask(c, STEME_MSG_OBJECT, &b, out, why);
}

static int
list(struct steme_client *c, enum steme_msg type, const struct steme_msg_list *m,
    struct steme_buf *out, struct steme_why *why)
{
	struct steme_buf b = {0};

	steme_msg_put_list(&b, m);
	return ask(c, type, &b, out, why);
}

int
steme_client_children(struct steme_client *c, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_buf *out, struct steme_why *why)
{
	struct steme_msg_list m = { .after_lsn = after_lsn, .limit = limit,
	    .text = parent };

	return list(c, STEME_MSG_CHILDREN, &m, out, why);
}

int
steme_client_concepts(struct steme_client *c, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *out,
    struct steme_why *why)
{
	struct steme_msg_list m = { .limit = limit, .text = prefix, .after = after };

	return list(c, STEME_MSG_CONCEPTS, &m, out, why);
}

int
steme_client_neighbours(struct steme_client *c, struct steme_str concept,
    uint32_t limit, struct steme_buf *out, struct steme_why *why)
{
	struct steme_msg_list m = { .limit = limit, .text = concept };

	return list(c, STEME_MSG_NEIGHBOURS, &m, out, why);
}

int
steme_client_keys(struct steme_client *c, const struct steme_id *agents,
    uint32_t n, struct steme_buf *out, struct steme_why *why)
{
	return steme_client_ask(c, STEME_MSG_KEYS, agents, (size_t)n * STEME_ID_LEN,
	    out, why);
}

int
steme_client_storage(struct steme_client *c, struct steme_buf *out,
    struct steme_why *why)
{
	return steme_client_ask(c, STEME_MSG_STORAGE, NULL, 0, out, why);
}

int
steme_client_index(struct steme_client *c, struct steme_buf *out,
    struct steme_why *why)
{
	return steme_client_ask(c, STEME_MSG_INDEX, NULL, 0, out, why);
}

/* ---- records ---- */

struct walk {
	steme_client_record *visit;
	void *arg;
};

static int
walk_frame(void *arg, const uint8_t *data, size_t len)
{
	const struct walk *w = arg;
	struct steme_rd r = steme_rd_from(data, len);
	struct steme_record rec;

	while (r.n > 0) {
		int err = steme_msg_next_record(&r, &rec);

		if (err == STEME_OK)
			err = w->visit(w->arg, &rec);
		if (err != STEME_OK)
			return err;
	}
	return STEME_OK;
}

static int
records(struct steme_client *c, enum steme_msg type, const struct steme_msg_log *m,
    struct walk *w, struct steme_why *why)
{
	struct steme_buf b = {0};
	int err;

	steme_msg_put_log(&b, m);
	if ((err = steme_buf_err(&b)) == STEME_OK)
		err = steme_client_call(c, type, b.data, b.len, walk_frame, w, why);
	steme_buf_fini(&b);
	return err;
}

int
steme_client_log(struct steme_client *c, const struct steme_msg_log *m,
    steme_client_record *visit, void *arg, struct steme_why *why)
{
	struct walk w = { visit, arg };

	return records(c, STEME_MSG_LOG, m, &w, why);
}

int
steme_client_watch(struct steme_client *c, uint64_t from_lsn,
    steme_client_record *visit, void *arg, struct steme_why *why)
{
	struct steme_msg_log m = { from_lsn, UINT64_MAX, 0 };
	struct walk w = { visit, arg };

	return records(c, STEME_MSG_WATCH, &m, &w, why);
}
