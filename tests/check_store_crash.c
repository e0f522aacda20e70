/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_store_crash.c - the store on a log that fails or is cut at every step, and an
 * index that loses what was not durable: what was acknowledged is there, what was served
 * stays, and verify finds nothing.
 */
#include "config.h"
#include "tests/lossy.h"
#include "tests/store_util.h"

#define IDS_MAX	4096

/* What happened to the store so far, over all its crashes. */
struct history {
	struct place p;
	struct lossy *ix;
	struct steme_key ann, bob;
	struct steme_id acked[IDS_MAX];
	size_t nacked;
	unsigned made;			/* objects ever made: each is another */
	unsigned seed;
};

static unsigned
dice(struct history *h, unsigned n)
{
	h->seed = h->seed * 1103515245u + 12345u;
	return (h->seed >> 16) % n;
}

static struct history *
history_new(unsigned seed)
{
	struct history *h = calloc(1, sizeof(*h));

	place_make(&h->p, false, true);
	h->ix = lossy_new();
	h->p.o.kv_dir = NULL;
	h->p.o.index = &h->ix->base;
	h->p.o.segment_bytes = 8 << 10;
	key_of(&h->ann, 1);
	key_of(&h->bob, 2);
	h->seed = seed;
	return h;
}

static void
history_free(struct history *h)
{
	h->ix->base.ops->close(&h->ix->base);
	place_remove(&h->p);
	free(h);
}

static void
ack(struct history *h, const struct steme_put *p)
{
	ck_assert_uint_lt(h->nacked, IDS_MAX);
	if (p->err == STEME_OK)
		h->acked[h->nacked++] = p->id;
}

static struct made
next_made(struct history *h)
{
	unsigned i = h->made++;
	char concept[64], value[64];

	snprintf(concept, sizeof(concept), "c%u/d%u", i % 3, i % 7);
	snprintf(value, sizeof(value), "value %u", i);
	if (h->nacked > 0 && i % 5 == 4)
		return make_vote(&h->bob, concept, &h->acked[i % h->nacked],
		    (int32_t)(i % 10000), T0);
	if (h->nacked > 0 && i % 11 == 10)
		return make_retraction(&h->ann, concept, &h->acked[i % h->nacked], T0);
	if (i % 13 == 12)
		return make_alias(&h->p.op, concept, value, T0);
	return make_claim(&h->ann, concept, i % 2 ? "p" : "q", value, T0);
}

/* One write of n singles.  Its error. */
static int
write_some(struct history *h, struct steme_store *s, size_t n)
{
	struct made m[8];
	struct steme_put p[8];
	struct steme_write w = { .puts = p, .n = n, .hand_in = true };

	for (size_t i = 0; i < n; i++) {
		m[i] = next_made(h);
		p[i] = put_of(&m[i]);
		p[i].verified = true;	/* signing is slow enough */
	}
	steme_store_write_wait(s, &w);
	for (size_t i = 0; i < n; i++) {
		if (w.err == STEME_OK)
			ack(h, &p[i]);
		else
			ck_assert_int_ne(p[i].err, STEME_OK);
		made_free(&m[i]);
	}
	return w.err;
}

static int
write_batch(struct history *h, struct steme_store *s, size_t n)
{
	struct made *m = calloc(n, sizeof(*m));
	struct steme_write w;
	struct batch b;

	for (size_t i = 0; i < n; i++) {
		char value[64];

		snprintf(value, sizeof(value), "batch %u", h->made++);
		m[i] = make_claim(&h->ann, "b/c", "p", value, T0);
	}
	b = make_batch(&h->ann, m, n, T0 + h->made);
	w = batch_write(&b);
	steme_store_write_wait(s, &w);
	if (w.err == STEME_OK) {
		ack(h, &w.batch);
		for (size_t i = 0; i < n; i++)
			ack(h, &w.puts[i]);
	}
	free(w.puts);
	batch_free(&b);
	return w.err;
}

/* All that a store does, in a row; stops where the store stops. */
static void
work(struct history *h)
{
	struct steme_why why;
	struct steme_store *s;

	if (steme_store_open(&s, &h->p.o, &why) != STEME_OK)
		return;
	for (unsigned i = 0; i < 12; i++) {
		if (write_some(h, s, 1 + i % 3) != STEME_OK)
			break;
		if (i == 3 && write_batch(h, s, 6) != STEME_OK)
			break;
		if (i == 5)
			steme_store_checkpoint(s);
		if (i == 8)
			steme_store_tick(s);
		if (i == 9)
			steme_store_rebuild_online(s, NULL);
	}
	steme_store_close(s);
}

static bool
keep_all(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return true;
}

static bool
keep_none(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return false;
}

static bool
keep_some(void *arg, size_t i)
{
	(void)i;
	return dice(arg, 3) > 0;
}

static void
crash(struct history *h, enum faultio_crash how)
{
	faultio_crash(h->p.fio, how, dice(h, 1000));
	lossy_crash(h->ix, how == FIO_KILLED ? keep_all : how == FIO_LOSE ?
	    keep_none : keep_some, h);
}

/* Opens, looks at everything, and leaves the store open. */
static struct steme_store *
come_back(struct history *h)
{
	struct steme_store *s = place_open(&h->p);

	for (size_t i = 0; i < h->nacked; i++)
		ck_assert_msg(has(s, &h->acked[i]), "acknowledged object %zu of %zu is "
		    "gone", i, h->nacked);
	must_verify(s);
	return s;
}

static int
note_served(void *arg, const struct steme_record *r)
{
	struct history *h = arg;

	for (size_t i = 0; i < h->nacked; i++)
		if (steme_id_eq(&h->acked[i], &r->id))
			return 0;
	ck_assert_uint_lt(h->nacked, IDS_MAX);
	h->acked[h->nacked++] = r->id;
	return 0;
}

/* Once more, after everything that is visible now counts as promised. */
static void
come_back_again(struct history *h)
{
	struct steme_store *s = come_back(h);

	steme_store_log(s, 0, UINT64_MAX, note_served, h);
	steme_store_close(s);
	crash(h, FIO_LOSE);
	s = come_back(h);
	ck_assert_int_eq(write_some(h, s, 2), STEME_OK);
	steme_store_close(s);
	crash(h, FIO_LOSE);
	s = come_back(h);
	steme_store_close(s);
}

static const enum faultio_crash hows[] = { FIO_KILLED, FIO_LOSE, FIO_SOME };

/* A fault at each step of the work in turn, of which there are at least so many. */
static void
fault_at_each_step(unsigned mask, bool stop, enum faultio_crash how, unsigned least)
{
	bool reached = true;

	for (unsigned n = 1; reached; n++) {
		struct history *h = history_new(n);

		faultio_fail(h->p.fio, mask, n, STEME_EIO, stop ? n * 97 % 1500 : 0,
		    stop);
		work(h);
		reached = faultio_failed(h->p.fio);
		crash(h, how);
		come_back_again(h);
		history_free(h);
		ck_assert(reached || n > least);
	}
}

START_TEST(a_cut_at_any_step_loses_nothing_acknowledged)
{
	fault_at_each_step(FIO_CHANGES, true, hows[_i], 60);
}
END_TEST

START_TEST(a_failed_sync_is_never_acknowledged_nor_forgotten)
{
	fault_at_each_step(FIO_DATASYNC | FIO_SYNC | FIO_SYNCDIR, false, hows[_i], 20);
}
END_TEST

START_TEST(a_store_survives_one_crash_after_the_other)
{
	struct history *h = history_new((unsigned)_i + 77);
	struct steme_store *s;

	for (unsigned round = 0; round < 40; round++) {
		faultio_fail(h->p.fio, FIO_CHANGES, 1 + dice(h, 150), STEME_EIO,
		    dice(h, 3000), true);
		work(h);
		crash(h, hows[dice(h, 3)]);
		s = come_back(h);
		if (dice(h, 2) == 0)
			crash(h, FIO_SOME);	/* the process is gone without a close */
		else
			steme_store_close(s);
		if (h->nacked > IDS_MAX / 2)
			break;
	}
	come_back_again(h);
	history_free(h);
}
END_TEST

START_TEST(a_full_disk_refuses_writes_until_there_is_room)
{
	struct history *h = history_new(5);
	struct steme_store *s = place_open(&h->p);
	struct steme_store_stats st;
	struct steme_put p;
	struct made m;
	int err = STEME_OK;
	uint64_t lsn;

	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	steme_store_tick(s);
	faultio_space(h->p.fio, faultio_used(h->p.fio) + 6000);
	for (int i = 0; i < 200 && err == STEME_OK; i++)
		err = write_some(h, s, 2);
	ck_assert_int_eq(err, STEME_ENOSPC);
	steme_store_stats(s, &st);
	ck_assert_int_eq(st.writes, STEME_WRITES_FULL);
	ck_assert_str_ne(st.reason, "");
	lsn = st.lsn;
	/* what is there is read, also by a repeated write */
	ck_assert(has(s, &h->acked[0]));
	m = make_claim(&h->ann, "x", "p", "no room", T0);
	ck_assert_int_eq(write_one(s, &m, &p), STEME_ENOSPC);
	ck_assert_ptr_nonnull(strstr(p.why.text, "free some space"));
	ck_assert_uint_eq(steme_store_lsn(s), lsn);
	/* it goes on by itself */
	faultio_space(h->p.fio, 0);
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_ENOSPC);
	h->p.clock.mono += 1100000;
	ck_assert_int_eq(write_one(s, &m, &p), STEME_OK);
	ack(h, &p);
	made_free(&m);
	steme_store_stats(s, &st);
	ck_assert_int_eq(st.writes, STEME_WRITES_OK);
	ck_assert_str_eq(st.reason, "");
	must_verify(s);
	steme_store_close(s);
	crash(h, FIO_LOSE);
	come_back_again(h);
	history_free(h);
}
END_TEST

START_TEST(a_failed_log_stops_all_writes_and_says_why)
{
	struct history *h = history_new(5);
	struct steme_store *s = place_open(&h->p);
	struct steme_store_stats st;

	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	faultio_fail(h->p.fio, FIO_DATASYNC, 1, STEME_EIO, 0, false);
	ck_assert_int_ne(write_some(h, s, 1), STEME_OK);
	ck_assert_int_eq(write_some(h, s, 1), STEME_EREADONLY);
	steme_store_tick(s);
	steme_store_stats(s, &st);
	ck_assert_int_eq(st.writes, STEME_WRITES_FAILED);
	ck_assert_str_ne(st.reason, "");
	ck_assert_int_eq(steme_store_checkpoint(s), STEME_EREADONLY);
	steme_store_close(s);
	crash(h, FIO_KILLED);
	come_back_again(h);
	history_free(h);
}
END_TEST

START_TEST(an_index_that_cannot_be_written_stops_writes_until_a_restart)
{
	struct history *h = history_new(5);
	struct steme_store *s = place_open(&h->p);
	struct made m = make_claim(&h->ann, "a", "p", "1", T0);
	struct made n = make_claim(&h->ann, "a", "p", "2", T0);
	struct steme_put p = put_of(&m), q = put_of(&n);
	struct steme_write w = { .puts = &p, .n = 1, .hand_in = true };
	struct steme_write v = { .puts = &q, .n = 1, .hand_in = true };
	struct steme_store_stats st;
	uint64_t lsn;

	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	lsn = steme_store_lsn(s);
	h->ix->fail = STEME_EIO;
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_EIO);
	ck_assert_ptr_nonnull(strstr(w.why.text, "the log has the record"));
	/* but not that of whoever comes after it */
	ck_assert_int_eq(steme_store_write_wait(s, &v), STEME_EREADONLY);
	ck_assert_ptr_nonnull(strstr(v.why.text, "nothing was stored"));
	ck_assert_ptr_null(strstr(v.why.text, "the log has"));
	ck_assert_uint_eq(steme_store_lsn(s), lsn);
	steme_store_close(s);
	h->ix->fail = 0;
	/* it is in the log, so the next start has it */
	s = come_back(h);
	ck_assert_uint_eq(steme_store_lsn(s), lsn + 1);
	ck_assert(has(s, &m.id) && !has(s, &n.id));
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.replayed_records, 1);
	steme_store_close(s);
	come_back_again(h);
	made_free(&m);
	made_free(&n);
	history_free(h);
}
END_TEST

struct seen {
	unsigned items;
};

static void
see(void *arg, const struct steme_commit_item *items, size_t n)
{
	struct seen *t = arg;

	(void)items;
	t->items += (unsigned)n;
}

START_TEST(an_index_without_room_gets_the_group_later)
{
	struct history *h = history_new(5);
	struct seen seen = { 0 };
	struct steme_store *s;
	struct steme_store_stats st;
	struct made m, alias, other;
	struct steme_put p[2], q;
	struct steme_write w = { .puts = p, .n = 2, .hand_in = true };
	struct steme_write v = { .puts = &q, .n = 1, .hand_in = true };

	h->p.o.on_commit = see;
	h->p.o.arg = &seen;
	s = place_open(&h->p);
	m = make_claim(&h->ann, "late", "p", "1", T0);
	alias = make_alias(&h->p.op, "late", "later", T0);
	other = make_claim(&h->ann, "late", "q", "1", T0);
	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	ck_assert_uint_eq(seen.items, 3);
	h->ix->fail = STEME_ENOSPC;
	p[0] = put_of(&m);
	p[1] = put_of(&alias);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_ENOSPC);
	ck_assert_int_eq(p[0].err, STEME_ENOSPC);
	ck_assert(!has(s, &m.id));
	ck_assert_ptr_nonnull(strstr(w.why.text, "is in the log and appears"));
	/* whoever comes now is not in the log, and is told so */
	q = put_of(&other);
	ck_assert_int_eq(steme_store_write_wait(s, &v), STEME_ENOSPC);
	ck_assert_ptr_nonnull(strstr(v.why.text, "nothing was stored"));
	ck_assert_ptr_null(strstr(q.why.text, "is in the log"));
	ck_assert_int_eq(steme_store_checkpoint(s), STEME_EREADONLY);
	steme_store_tick(s);
	ck_assert(!has(s, &m.id));
	/* room again: the tick brings it, and whoever watches is told */
	h->ix->fail = 0;
	h->p.clock.mono += 1100000;
	steme_store_tick(s);
	ck_assert(has(s, &m.id));
	ck_assert(!has(s, &other.id));
	ck_assert_uint_eq(seen.items, 5);
	ck_assert_uint_eq(counting(s, "later", "p"), 1);
	p[0] = put_of(&m);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(p[0].status, STEME_EXISTS);
	ack(h, &p[0]);
	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	steme_store_stats(s, &st);
	ck_assert_int_eq(st.writes, STEME_WRITES_OK);
	must_verify(s);
	/* and the same, cut off before there was room */
	h->ix->fail = STEME_ENOSPC;
	ck_assert_int_eq(write_some(h, s, 1), STEME_ENOSPC);
	steme_store_close(s);
	h->ix->fail = 0;
	s = come_back(h);
	steme_store_close(s);
	made_free(&m);
	made_free(&alias);
	made_free(&other);
	history_free(h);
}
END_TEST

START_TEST(lost_batches_in_the_middle_are_noticed_and_replayed)
{
	struct history *h = history_new((unsigned)_i);
	struct steme_store_stats before, after;
	struct steme_store *s = place_open(&h->p);

	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	ck_assert_int_eq(write_batch(h, s, 300), STEME_OK);
	steme_store_checkpoint(s);
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(i % 7 == 3 ? write_batch(h, s, 20) :
		    write_some(h, s, 1 + (size_t)i % 4), STEME_OK);
	steme_store_stats(s, &before);
	/* the process ends without a close; some of the index's batches are gone */
	h->ix->fail = STEME_EIO;
	steme_store_close(s);
	faultio_crash(h->p.fio, FIO_KILLED, 0);
	lossy_crash(h->ix, keep_some, h);
	s = come_back(h);
	steme_store_stats(s, &after);
	ck_assert_uint_eq(after.lsn, before.lsn);
	ck_assert_uint_eq(after.applied_gaps, 1);
	ck_assert_uint_gt(after.replayed_records, 0);
	ck_assert_mem_eq(&after.counts, &before.counts, sizeof(after.counts));
	ck_assert_int_eq(write_some(h, s, 3), STEME_OK);
	steme_store_close(s);
	come_back_again(h);
	history_free(h);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store, faults");
	TCase *t = tcase_create("faults");

	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, a_cut_at_any_step_loses_nothing_acknowledged, 0, 3);
	tcase_add_loop_test(t, a_failed_sync_is_never_acknowledged_nor_forgotten, 0, 3);
	tcase_add_loop_test(t, a_store_survives_one_crash_after_the_other, 0, 4);
	tcase_add_test(t, a_full_disk_refuses_writes_until_there_is_room);
	tcase_add_test(t, a_failed_log_stops_all_writes_and_says_why);
	tcase_add_test(t, an_index_that_cannot_be_written_stops_writes_until_a_restart);
	tcase_add_test(t, an_index_without_room_gets_the_group_later);
	tcase_add_loop_test(t, lost_batches_in_the_middle_are_noticed_and_replayed, 0, 5);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
