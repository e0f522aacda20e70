/* SPDX-License-Identifier: Apache-2.0 */
/* check_store.c - writing, and who is told of it; on both kinds of index (_i: 1 memory). */
#include "config.h"
#include "core/store_impl.h"
#include "tests/store_fixture.h"

#include <sched.h>

/* ---- writing ---- */

START_TEST(an_object_is_created_once_and_exists_ever_after)
{
	struct steme_store *s = fresh(_i);
	struct made m = make_claim(&ann, "a/b", "p", "v", T0);
	struct steme_store_stats st;
	struct steme_put p[3] = { put_of(&m), put_of(&m), put_of(&m) };
	struct steme_write w = { .puts = p, .n = 3, .hand_in = true };

	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(p[0].status, STEME_CREATED);
	for (int i = 1; i < 3; i++) {
		ck_assert_int_eq(p[i].status, STEME_EXISTS);
		ck_assert_uint_eq(p[i].lsn, p[0].lsn);
	}
	ck_assert_int_eq(write_one(s, &m, &p[1]), STEME_OK);
	ck_assert_int_eq(p[1].status, STEME_EXISTS);
	p[1] = put_of(&m);
	p[1].verified = true;	/* not answered by the fast path */
	w.puts = &p[1];
	w.n = 1;
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(p[1].status, STEME_EXISTS);
	ck_assert_uint_eq(p[1].lsn, p[0].lsn);
	s = reopen(s);
	ck_assert_int_eq(write_one(s, &m, &p[1]), STEME_OK);
	ck_assert_int_eq(p[1].status, STEME_EXISTS);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.counts.objects, 1);
	ck_assert_uint_eq(st.lsn, p[0].lsn);
	made_free(&m);
	done_with(s);
}
END_TEST

static void
refused(struct steme_store *s, const struct made *m, int want)
{
	struct steme_put p;

	ck_assert_int_eq(write_one(s, m, &p), want);
	ck_assert_str_ne(p.why.text, "");
	ck_assert(!has(s, &m->id));
}

START_TEST(what_breaks_a_rule_is_refused_with_a_reason)
{
	struct steme_store *s = fresh(_i);
	struct made m = make_claim(&ann, "a", "p", "v", T0), t;
	struct steme_object o = claim("a", "p", "v", T0);
	struct steme_put p;
	char *big = malloc((64 << 10) + 1);

	m.sig.b[3] ^= 1;
	refused(s, &m, STEME_ESIG);
	made_free(&m);
	/* a signature moved to another object */
	m = make_claim(&ann, "a", "p", "v", T0);
	t = make_claim(&ann, "a", "p", "w", T0);
	t.sig = m.sig;
	refused(s, &t, STEME_ESIG);
	made_free(&t);
	/* a replay with a wrong signature is no replay */
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_OK);
	m.sig.b[0] ^= 1;
	ck_assert_int_eq(write_one(s, &m, &p), STEME_ESIG);
	ck_assert_ptr_nonnull(strstr(p.why.text, "signature verification failed"));
	made_free(&m);

	m = make_claim(&ann, "a", "p", "v", T0 + 301 * INT64_C(1000000));
	ck_assert_int_eq(write_one(s, &m, &p), STEME_ESKEW);
	ck_assert_ptr_nonnull(strstr(p.why.text, "301 seconds"));
	made_free(&m);
	m = make_claim(&ann, "a", "p", "v", T0 + 300 * INT64_C(1000000));
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_OK);
	made_free(&m);

	memset(big, 'x', (64 << 10) + 1);
	o.value = (struct steme_str){ big, (64 << 10) + 1 };
	m = make(&o, &ann);
	refused(s, &m, STEME_ETOOBIG);
	made_free(&m);
	o.value.n--;
	m = make(&o, &ann);
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_OK);
	made_free(&m);
	free(big);

	m = make_claim(&ann, "_steme/lens", "p", "v", T0);
	refused(s, &m, STEME_EPERM);
	made_free(&m);
	m = make_claim(&ann, "_stemex", "p", "v", T0);
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_OK);
	made_free(&m);
	m = make_claim(&P.op, "_steme/lens", "p", "v", T0);
	ck_assert_int_eq(write_one(s, &m, NULL), STEME_OK);
	made_free(&m);

	m = make_claim(&ann, "a", "p", "bytes", T0);
	m.bytes[0] = 'S';
	refused(s, &m, STEME_EINVAL);
	made_free(&m);
	done_with(s);
}
END_TEST

START_TEST(replication_is_not_held_to_the_limits_of_clients)
{
	struct steme_store *s = fresh(_i);
	static const char opaque[] = "steme dream 7\nwhat ever\n\nunknown";
	struct made m = make_claim(&ann, "_steme/x", "p", "v",
	    T0 + INT64_C(1000) * 1000000);
	struct made q = { (uint8_t *)strdup(opaque), sizeof(opaque) - 1, {{0}}, {{0}} };
	struct steme_put p[2] = { put_of(&m), put_of(&q) };
	struct steme_write w = { .puts = p, .n = 2 };
	struct steme_record r;
	uint8_t *backing;
	struct steme_put out;

	ck_assert_int_eq(write_one(s, &q, &out), STEME_EVERSION);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(p[0].err, STEME_OK);
	ck_assert_int_eq(p[1].err, STEME_OK);
	/* its envelope is raised to its time - 300 s, our clock is not */
	ck_assert_int_eq(steme_store_get(s, &m.id, &r, &backing), STEME_OK);
	ck_assert_int_eq(steme_hlc_us(r.hlc), T0 + INT64_C(700) * 1000000);
	free(backing);
	ck_assert_int_eq(steme_store_get(s, &p[1].id, &r, &backing), STEME_OK);
	ck_assert_int_eq(steme_hlc_us(r.hlc), T0);
	free(backing);
	s = reopen(s);
	must_claim(s, &ann, "a", "p", "after", T0);
	ck_assert_int_eq(steme_store_get_lsn(s, 4, &r, &backing), STEME_OK);
	ck_assert_int_eq(steme_hlc_us(r.hlc), T0);
	free(backing);
	made_free(&m);
	made_free(&q);
	done_with(s);
}
END_TEST

START_TEST(one_refused_object_does_not_stop_the_others)
{
	struct steme_store *s = fresh(_i);
	struct made m[3];
	struct steme_put p[3];
	struct steme_write w = { .puts = p, .n = 3, .hand_in = true };

	for (int i = 0; i < 3; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		m[i] = make_claim(&ann, "a", "p", v, T0);
		p[i] = put_of(&m[i]);
	}
	p[1].sig.b[9] ^= 4;
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(p[0].status, STEME_CREATED);
	ck_assert_int_eq(p[1].err, STEME_ESIG);
	ck_assert_int_eq(p[2].status, STEME_CREATED);
	ck_assert_uint_eq(p[2].lsn, p[0].lsn + 1);
	for (int i = 0; i < 3; i++)
		made_free(&m[i]);
	done_with(s);
}
END_TEST

/* ---- batches ---- */

static struct batch
some_batch(const struct steme_key *k, size_t n, const char *tag)
{
	struct made *m = calloc(n, sizeof(*m));
	char concept[64], value[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(concept, sizeof(concept), "%s/c%zu/d%zu", tag, i % 7, i % 50);
		snprintf(value, sizeof(value), "%s %zu", tag, i);
		m[i] = make_claim(k, concept, i % 3 == 0 ? "p" : "q", value, T0);
	}
	return make_batch(k, m, n, T0);
}

START_TEST(one_signature_carries_a_whole_batch)
{
	struct steme_store *s = fresh(_i);
	struct batch b = some_batch(&ann, 1000, "bulk");
	struct steme_write w = batch_write(&b);
	struct steme_store_stats st;
	struct steme_record r;
	uint8_t *backing;

	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.batch.status, STEME_CREATED);
	for (size_t i = 0; i < w.n; i++)
		ck_assert_int_eq(w.puts[i].status, STEME_CREATED);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.counts.assertions, 1000);
	ck_assert_uint_eq(st.counts.batches, 1);
	ck_assert_uint_eq(st.commits, 1);
	ck_assert_int_eq(steme_store_get(s, &b.members[7].id, &r, &backing), STEME_OK);
	ck_assert_int_eq(r.sigkind, STEME_SIG_BATCH);
	ck_assert(steme_id_eq(&r.batch, &b.object.id));
	free(backing);
	ck_assert_int_eq(steme_store_get(s, &b.object.id, &r, &backing), STEME_OK);
	ck_assert_uint_eq(r.nids, 1000);
	ck_assert_mem_eq(r.ids, b.ids, 1000 * 32);
	free(backing);
	free(w.puts);
	/* again, as when an import is resumed */
	w = batch_write(&b);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.batch.status, STEME_EXISTS);
	for (size_t i = 0; i < w.n; i++)
		ck_assert_int_eq(w.puts[i].status, STEME_EXISTS);
	free(w.puts);
	batch_free(&b);
	s = reopen(s);
	done_with(s);
}
END_TEST

START_TEST(a_batch_carries_only_its_own_members)
{
	struct steme_store *s = fresh(_i);
	struct batch b = some_batch(&ann, 4, "own");
	struct made other = make_claim(&ann, "o", "p", "not listed", T0);
	struct made bobs = make_claim(&bob, "o", "p", "bob's", T0);
	struct made retr = make_retraction(&ann, "o", &other.id, T0);
	struct steme_write w;

	made_free(&b.members[0]);
	b.members[0] = other;
	w = batch_write(&b);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.puts[0].err, STEME_ESIG);
	ck_assert_int_eq(w.puts[1].err, STEME_OK);
	free(w.puts);
	batch_free(&b);

	/* a batch of ann's that lists an object of bob's, and a retraction */
	b.members = calloc(2, sizeof(*b.members));
	b.members[0] = bobs;
	b.members[1] = retr;
	b = make_batch(&ann, b.members, 2, T0);
	w = batch_write(&b);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.puts[0].err, STEME_ESIG);
	ck_assert_int_eq(w.puts[1].err, STEME_EINVAL);
	free(w.puts);
	batch_free(&b);
	done_with(s);
}
END_TEST

START_TEST(a_refused_batch_takes_its_members_with_it)
{
	struct steme_store *s = fresh(_i);
	struct batch b = some_batch(&ann, 4, "own");
	struct made single = make_claim(&ann, "own", "p", "signed singly", T0);
	struct steme_write w = batch_write(&b);
	struct steme_put puts[5];
	struct steme_store_stats st;

	memcpy(puts, w.puts, 4 * sizeof(*puts));
	puts[4] = put_of(&single);
	free(w.puts);
	w.puts = puts;
	w.n = 5;
	w.batch.sig.b[0] ^= 1;
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.batch.err, STEME_ESIG);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(puts[i].err, STEME_ESIG);
	ck_assert_int_eq(puts[4].err, STEME_OK);
	/* a list that does not give the root */
	b.ids[2].b[31] ^= 1;
	w = batch_write(&b);
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_lt(w.batch.err, 0);
	free(w.puts);
	/* members without a batch, and a batch without its list */
	w = batch_write(&b);
	w.has_batch = false;
	ck_assert_int_eq(steme_store_write_wait(s, &w), STEME_OK);
	ck_assert_int_eq(w.puts[0].err, STEME_EINVAL);
	free(w.puts);
	ck_assert_int_eq(write_one(s, &b.object, NULL), STEME_EINVAL);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.counts.objects, 1);
	batch_free(&b);
	made_free(&single);
	done_with(s);
}
END_TEST

/* ---- change counters ---- */

static bool
changed(struct steme_store *s, struct steme_stamp *old, const char *concept)
{
	struct steme_stamp now = steme_changes_stamp(steme_store_changes(s),
	    steme_str_from(concept));
	bool is = !steme_stamp_eq(old, &now);

	*old = now;
	return is;
}

START_TEST(what_a_write_may_change_is_told)
{
	struct steme_store *s = fresh(_i);
	struct steme_stamp x = {0}, y = {0}, z = {0};
	struct steme_id rule;

	must_claim(s, &ann, "x", "p", "1", T0);
	must_claim(s, &ann, "y", "p", "1", T0);
	changed(s, &x, "x");
	changed(s, &y, "y");
	changed(s, &z, "z");
	must_claim(s, &ann, "x", "p", "2", T0);
	ck_assert(changed(s, &x, "x"));
	ck_assert(!changed(s, &y, "y") && !changed(s, &z, "z"));
	must_write(s, make_alias(&P.op, "x", "y", T0));
	ck_assert(changed(s, &x, "x") && changed(s, &y, "y") && changed(s, &z, "z"));
	must_claim(s, &ann, "x", "p", "3", T0);
	ck_assert(changed(s, &x, "x") && changed(s, &y, "y"));
	ck_assert(!changed(s, &z, "z"));
	/* a rule holds for all below; so does its retraction */
	rule = must_claim(s, &ann, "x", "must_use", "3", T0);
	ck_assert(changed(s, &z, "z"));
	must_write(s, make_retraction(&ann, "x", &rule, T0));
	ck_assert(changed(s, &z, "z"));
	must_write(s, make_vote(&ann, "x", &rule, 1, T0));
	ck_assert(!changed(s, &z, "z"));
	done_with(s);
}
END_TEST

struct told {
	size_t items, calls;
	uint64_t last_lsn;
	unsigned concepts, predicates;
	bool in_order, visible;
	struct steme_store *s;
};

static void
on_commit(void *arg, const struct steme_commit_item *items, size_t n)
{
	struct told *t = arg;

	t->calls++;
	for (size_t i = 0; i < n; i++) {
		t->items++;
		t->concepts += items[i].new_concept;
		t->predicates += items[i].new_predicate;
		if (items[i].r->lsn <= t->last_lsn)
			t->in_order = false;
		t->last_lsn = items[i].r->lsn;
		if (t->s != NULL && steme_store_lsn(t->s) < items[i].r->lsn)
			t->visible = false;
	}
}

START_TEST(watchers_are_told_in_order_of_what_is_visible_and_new)
{
	struct told t = { .in_order = true, .visible = true };
	struct steme_store *s;

	place_make(&P, _i == 1, false);
	key_of(&ann, 1);
	P.o.on_commit = on_commit;
	P.o.arg = &t;
	t.s = s = place_open(&P);
	must_claim(s, &ann, "a/b", "p", "1", T0);	/* new, new */
	must_claim(s, &ann, "a/b", "p", "2", T0);
	must_claim(s, &ann, "a/b", "q", "1", T0);	/* new predicate */
	must_claim(s, &ann, "a", "p", "1", T0);		/* was a folder: new predicate */
	must_claim(s, &ann, "a/c", "p", "1", T0);	/* new, new */
	t.s = NULL;
	s = reopen(s);
	t.s = s;
	must_claim(s, &ann, "a/b", "q", "2", T0);
	must_claim(s, &ann, "a/b", "r", "2", T0);	/* new predicate */
	ck_assert_uint_eq(t.items, 7);
	ck_assert_uint_eq(t.concepts, 2);
	ck_assert_uint_eq(t.predicates, 5);
	ck_assert(t.in_order && t.visible);
	t.s = NULL;
	done_with(s);
}
END_TEST

/* ---- one sync for many ---- */

static void
count_done(struct steme_write *w)
{
	(*(_Atomic int *)w->arg)++;
}

START_TEST(queued_writes_share_one_sync)
{
	struct steme_store *s = fresh(_i);
	struct steme_put p[10];
	struct steme_write w[10];
	struct made m[10];
	struct steme_store_stats st;
	_Atomic int done = 0;

	/* nobody leads meanwhile, not even a committer that has only just started */
	steme_lead_acquire(s);
	for (int i = 0; i < 10; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		m[i] = make_claim(&ann, "a", "p", v, T0);
		p[i] = put_of(&m[i]);
		w[i] = (struct steme_write){ .puts = &p[i], .n = 1, .hand_in = true,
		    .done = count_done, .arg = &done };
		steme_store_queue(s, &w[i]);
	}
	ck_assert_int_eq(done, 0);
	steme_lead_release(s);
	steme_store_lead(s);
	while (done < 10)
		sched_yield();
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.commits, 1);
	ck_assert_uint_eq(st.commit_records, 10);
	ck_assert_uint_eq(st.sync_count, 1);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(p[i].status, STEME_CREATED);
		made_free(&m[i]);
	}
	done_with(s);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("both");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, an_object_is_created_once_and_exists_ever_after, 0, 2);
	tcase_add_loop_test(t, what_breaks_a_rule_is_refused_with_a_reason, 0, 2);
	tcase_add_loop_test(t, replication_is_not_held_to_the_limits_of_clients, 0, 2);
	tcase_add_loop_test(t, one_refused_object_does_not_stop_the_others, 0, 2);
	tcase_add_loop_test(t, one_signature_carries_a_whole_batch, 0, 2);
	tcase_add_loop_test(t, a_batch_carries_only_its_own_members, 0, 2);
	tcase_add_loop_test(t, a_refused_batch_takes_its_members_with_it, 0, 2);
	tcase_add_loop_test(t, what_a_write_may_change_is_told, 0, 2);
	tcase_add_loop_test(t, watchers_are_told_in_order_of_what_is_visible_and_new,
	    0, 2);
	tcase_add_loop_test(t, queued_writes_share_one_sync, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
