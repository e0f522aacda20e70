/* SPDX-License-Identifier: Apache-2.0 */
/* check_store_reopen.c - closing, reopening, rebuilding; both kinds of index (_i: 1 memory). */
#include "config.h"
#include "core/store_impl.h"
#include "tests/store_fixture.h"

#include <sys/stat.h>

/* ---- reopening and rebuilding ---- */

static void
fill(struct steme_store *s, unsigned n, const char *tag)
{
	struct steme_key k[3];
	struct steme_id last = {{0}};

	for (int i = 0; i < 3; i++)
		key_of(&k[i], (uint8_t)(10 + i));
	for (unsigned i = 0; i < n; i++) {
		char concept[64], value[64];
		struct steme_object o;

		snprintf(concept, sizeof(concept), "%s/c%u/%u", tag, i % 5, i % 11);
		snprintf(value, sizeof(value), "%s %u", tag, i);
		if (i % 10 == 9) {
			must_write(s, make_vote(&k[i % 3], concept, &last,
			    (int32_t)i, T0));
		} else if (i % 13 == 12) {
			must_write(s, make_retraction(&k[i % 3], concept, &last,
			    T0));
		} else if (i % 17 == 16) {
			must_write(s, make_alias(&P.op, concept, value, T0));
		} else {
			o = claim(concept, i % 2 ? "p" : "q", value, T0);
			if (i % 3 == 0)
				o.source = STEME_LIT("https://example.org/");
			must_write(s, make(&o, &k[i % 3]));
			last = must_claim(s, &k[i % 3], concept, "r", value, T0);
		}
	}
}

START_TEST(a_store_is_the_same_after_it_was_closed)
{
	struct steme_store *s = fresh(_i);
	struct steme_store_stats a, b;
	struct steme_genesis g;

	fill(s, 60, "one");
	g = *steme_store_genesis(s);
	steme_store_stats(s, &a);
	s = reopen(s);
	steme_store_stats(s, &b);
	ck_assert_uint_eq(b.lsn, a.lsn);
	ck_assert_uint_eq(b.hlc, a.hlc);
	ck_assert_mem_eq(&b.counts, &a.counts, sizeof(a.counts));
	ck_assert_uint_eq(b.replayed_records, 0);
	ck_assert_mem_eq(&g, steme_store_genesis(s), sizeof(g));
	fill(s, 20, "two");
	s = reopen(s);
	done_with(s);
}
END_TEST

START_TEST(an_index_that_is_gone_is_built_again)
{
	struct steme_store *s = fresh(0);
	struct steme_store_stats a, b;
	char old[128];

	fill(s, 60, "one");
	steme_store_stats(s, &a);
	steme_store_close(s);
	snprintf(old, sizeof(old), "%s.away", P.kv);
	ck_assert_int_eq(rename(P.kv, old), 0);
	s = place_open(&P);
	steme_store_stats(s, &b);
	ck_assert_uint_eq(b.lsn, a.lsn);
	ck_assert_mem_eq(&b.counts, &a.counts, sizeof(a.counts));
	ck_assert_uint_eq(b.replayed_records, a.lsn);
	must_verify(s);
	/* one that asks for it, too, and the old one is gone afterwards */
	steme_store_close(s);
	snprintf(old, sizeof(old), "%s/REBUILD", P.kv);
	fclose(fopen(old, "w"));
	s = place_open(&P);
	steme_store_stats(s, &b);
	ck_assert_uint_eq(b.replayed_records, a.lsn);
	ck_assert_int_ne(access(old, F_OK), 0);
	snprintf(old, sizeof(old), "%s.new", P.kv);
	ck_assert_int_ne(access(old, F_OK), 0);
	done_with(s);
}
END_TEST

START_TEST(a_swap_of_folders_that_was_cut_in_two_is_healed)
{
	struct steme_store *s = fresh(0);
	struct steme_store_stats st;
	char old[128], new[128];

	fill(s, 30, "one");
	steme_store_close(s);
	/* between the two renames of a file system that cannot exchange */
	snprintf(old, sizeof(old), "%s.old", P.kv);
	snprintf(new, sizeof(new), "%s.new", P.kv);
	ck_assert_int_eq(rename(P.kv, old), 0);
	ck_assert_int_eq(mkdir(new, 0750), 0);
	s = place_open(&P);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.replayed_records, 0);
	ck_assert_int_eq(access(P.kv, F_OK), 0);
	ck_assert_int_ne(access(old, F_OK), 0);
	ck_assert_int_eq(steme_store_rebuild_online(s, NULL), STEME_OK);
	done_with(s);
}
END_TEST

/* Replication writes these: an object that another node recorded earlier. */
static void
log_envelope(const struct steme_id *id, uint64_t hlc, uint64_t node)
{
	struct steme_wal_opts o = {0};
	struct steme_record r = { .hlc = hlc, .node = node,
	    .sigkind = STEME_SIG_OWN, .id = *id };
	struct steme_wal_rec rec = { .type = STEME_WAL_ENVELOPE, .hlc = hlc };
	struct steme_why why = { "" };
	struct steme_buf b = {0};
	struct steme_wal *w;

	ck_assert_int_eq(steme_segments_local(&o.segments, &steme_io_posix, P.wal, false,
	    &why), STEME_OK);
	ck_assert_msg(steme_wal_open(&w, &o, &why) == STEME_OK, "%s", why.text);
	steme_record_encode(&b, &r);
	rec.lsn = steme_wal_next_lsn(w);
	rec.payload = b.data;
	rec.len = b.len;
	ck_assert_int_eq(steme_wal_commit(w, &rec, 1, NULL, &why), STEME_OK);
	steme_wal_close(w);
	steme_buf_fini(&b);
}

static void
check_envelope(struct steme_store *s, const struct steme_id *id, uint64_t hlc,
    uint64_t node, uint64_t lsn)
{
	struct steme_record r;
	uint8_t *backing;

	ck_assert_int_eq(steme_store_get(s, id, &r, &backing), STEME_OK);
	ck_assert_uint_eq(r.hlc, hlc);
	ck_assert_uint_eq(r.node, node);
	ck_assert_uint_eq(r.lsn, lsn);
	free(backing);
}

START_TEST(a_lower_envelope_is_taken_and_a_higher_one_is_not)
{
	struct steme_store *s = fresh(0);
	struct steme_id a = must_claim(s, &ann, "c", "p", "1", T0);
	struct made al = make_alias(&P.op, "x", "y", T0);
	uint64_t low = steme_hlc_from_us(T0 - 1000000);
	struct steme_id alias = al.id;
	struct steme_store_stats st;

	must_write(s, al);
	steme_store_close(s);
	log_envelope(&a, low, 77);
	log_envelope(&a, low + 1, 76);
	log_envelope(&alias, low, 78);
	s = place_open(&P);
	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.replayed_records, 3);
	ck_assert_uint_eq(st.lsn, 6);
	ck_assert_uint_eq(st.counts.objects, 2);
	check_envelope(s, &a, low, 77, 2);
	check_envelope(s, &alias, low, 78, 3);
	must_verify(s);
	ck_assert_int_eq(steme_store_rebuild_online(s, NULL), STEME_OK);
	check_envelope(s, &a, low, 77, 2);
	check_envelope(s, &alias, low, 78, 3);
	must_claim(s, &ann, "c", "p", "2", T0);
	s = reopen(s);
	done_with(s);
}
END_TEST

START_TEST(an_online_rebuild_gives_the_same_index)
{
	struct steme_store *s = fresh(_i);
	struct steme_why why = { "" };
	struct steme_store_stats a, b;
	char path[128];

	P.o.segment_bytes = 64 << 10;
	s = reopen(s);
	fill(s, 200, "one");
	steme_store_stats(s, &a);
	ck_assert_msg(steme_store_rebuild_online(s, &why) == STEME_OK, "%s",
	    why.text);
	steme_store_stats(s, &b);
	ck_assert_mem_eq(&b.counts, &a.counts, sizeof(a.counts));
	ck_assert_uint_eq(b.lsn, a.lsn);
	must_verify(s);
	fill(s, 20, "two");
	snprintf(path, sizeof(path), "%s.new", P.kv);
	ck_assert_int_ne(access(path, F_OK), 0);
	if (_i == 0)
		s = reopen(s);
	done_with(s);
}
END_TEST

START_TEST(an_offline_rebuild_gives_the_same_index)
{
	struct steme_store *s = fresh(0);
	struct steme_store_stats a, b;
	struct steme_why why = { "" };
	struct steme_applied at;
	char old[128];
	uint64_t us;

	P.o.segment_bytes = 64 << 10;
	s = reopen(s);
	fill(s, 200, "one");
	steme_store_stats(s, &a);
	ck_assert_int_eq(steme_rebuild_offline(&P.o, false, &at, &us, &why), STEME_EBUSY);
	ck_assert_str_ne(why.text, "");
	steme_store_close(s);
	ck_assert_int_eq(steme_rebuild_offline(&P.o, false, &at, &us, &why), STEME_EEXIST);
	snprintf(old, sizeof(old), "%s.away", P.kv);
	ck_assert_int_eq(rename(P.kv, old), 0);
	ck_assert_msg(steme_rebuild_offline(&P.o, false, &at, &us, &why) == STEME_OK, "%s",
	    why.text);
	ck_assert_uint_eq(at.next_lsn, a.lsn + 1);
	ck_assert_mem_eq(&at.counts, &a.counts, sizeof(a.counts));
	s = place_open(&P);
	steme_store_stats(s, &b);
	ck_assert_mem_eq(&b.counts, &a.counts, sizeof(a.counts));
	ck_assert_uint_eq(b.lsn, a.lsn);
	ck_assert_uint_le(b.replayed_records, 1);
	done_with(s);
}
END_TEST

START_TEST(less_than_the_index_held_is_not_built_silently)
{
	struct steme_store *s = fresh(0);
	struct steme_why why = { "" };
	struct steme_applied at;
	struct steme_store_stats a, b;
	char path[128], away[128], old[128];
	uint64_t us;

	P.o.segment_bytes = 64 << 10;
	s = reopen(s);
	fill(s, 200, "one");
	steme_store_stats(s, &a);
	ck_assert_uint_ge(a.wal.segments, 2);
	snprintf(path, sizeof(path), "%s/segment.001.wal", P.wal);
	snprintf(away, sizeof(away), "%s/away", P.dir);
	ck_assert_int_eq(rename(path, away), 0);
	/* online: the index stays as it is, and the loss is counted */
	ck_assert_int_eq(steme_store_rebuild_online(s, &why), STEME_EGAP);
	steme_store_tick(s);
	P.clock.mono += 60000000;
	steme_store_tick(s);
	steme_store_stats(s, &b);
	ck_assert_uint_gt(b.lost_segment_records, 0);
	ck_assert_mem_eq(&b.counts, &a.counts, sizeof(a.counts));
	/* it starts from its index all the same */
	s = reopen(s);
	must_verify(s);
	steme_store_close(s);
	/* offline */
	snprintf(old, sizeof(old), "%s.away", P.kv);
	ck_assert_int_eq(rename(P.kv, old), 0);
	ck_assert_int_eq(steme_rebuild_offline(&P.o, false, &at, &us, &why), STEME_EGAP);
	ck_assert_int_eq(steme_store_open(&s, &P.o, &why), STEME_EGAP);
	ck_assert_str_ne(why.text, "");
	P.o.accept_gaps = true;
	rmdir(P.kv);
	ck_assert_msg(steme_rebuild_offline(&P.o, false, &at, &us, &why) == STEME_OK, "%s",
	    why.text);
	ck_assert_uint_lt(at.counts.objects, a.counts.objects);
	P.o.accept_gaps = false;
	s = place_open(&P);
	steme_store_stats(s, &b);
	ck_assert_uint_eq(b.lsn, a.lsn);
	ck_assert_uint_eq(b.counts.objects, at.counts.objects);
	must_claim(s, &ann, "after/the", "gap", "1", T0);
	done_with(s);
}
END_TEST

START_TEST(what_cannot_be_made_at_a_start_is_named)
{
	struct steme_store *s = fresh(0);
	struct steme_why why = { "" };

	steme_store_close(s);
	P.o.changes_path = "/dev/null/changes";
	ck_assert_int_ne(steme_store_open(&s, &P.o, &why), STEME_OK);
	ck_assert_ptr_nonnull(strstr(why.text, "/dev/null/changes"));
	P.o.changes_path = NULL;
	done_with(place_open(&P));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store_reopen");
	TCase *t = tcase_create("both");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_store_is_the_same_after_it_was_closed, 0, 2);
	tcase_add_test(t, an_index_that_is_gone_is_built_again);
	tcase_add_test(t, a_swap_of_folders_that_was_cut_in_two_is_healed);
	tcase_add_test(t, a_lower_envelope_is_taken_and_a_higher_one_is_not);
	tcase_add_loop_test(t, an_online_rebuild_gives_the_same_index, 0, 2);
	tcase_add_test(t, an_offline_rebuild_gives_the_same_index);
	tcase_add_test(t, less_than_the_index_held_is_not_built_silently);
	tcase_add_test(t, what_cannot_be_made_at_a_start_is_named);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
