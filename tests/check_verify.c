/* SPDX-License-Identifier: Apache-2.0 */
/* check_verify.c - damage in the log and in the index is found, and named. */
#include "config.h"
#include "core/key.h"
#include "core/wr.h"
#include "tests/store_util.h"

static struct place P;
static struct steme_key ann, bob;
static struct steme_store *S;
static struct steme_id A, V, B_MEMBER, B_OBJECT;
static struct steme_object A_OBJECT;
static struct made A_MADE;

/* A store with one object of each kind of entry. */
static void
setup(void)
{
	struct made *m = calloc(2, sizeof(*m));
	struct steme_write w;
	struct batch b;

	place_make(&P, true, true);
	key_of(&ann, 1);
	key_of(&bob, 2);
	S = place_open(&P);
	A_OBJECT = claim("drug/sema", "dose", "2.4 mg", T0);
	A_OBJECT.source = STEME_LIT("https://example.org/label");
	A_MADE = make(&A_OBJECT, &ann);
	A = A_MADE.id;
	ck_assert_int_eq(write_one(S, &A_MADE, NULL), STEME_OK);
	{
		struct made v = make_vote(&bob, "drug/sema", &A, 100, T0);

		V = v.id;
		must_write(S, v);
	}
	must_write(S, make_alias(&P.op, "x", "y", T0));
	m[0] = make_claim(&bob, "other", "p", "1", T0);
	m[1] = make_claim(&bob, "other", "p", "2", T0);
	b = make_batch(&bob, m, 2, T0);
	B_MEMBER = m[0].id;
	B_OBJECT = b.object.id;
	w = batch_write(&b);
	ck_assert_int_eq(steme_store_write_wait(S, &w), STEME_OK);
	free(w.puts);
	batch_free(&b);
}

static void
teardown(void)
{
	steme_store_close(S);
	made_free(&A_MADE);
	place_remove(&P);
}

struct found {
	unsigned n;
	struct steme_finding first;
	char all[8192];
};

static void
note(void *arg, const struct steme_finding *f)
{
	struct found *t = arg;

	if (t->n++ == 0)
		t->first = *f;
	if (strlen(t->all) + strlen(f->text) + 2 < sizeof(t->all)) {
		strcat(t->all, f->text);
		strcat(t->all, "\n");
	}
}

static int
verify(struct found *t, struct steme_check_report *rep)
{
	struct steme_check_opts o = { .finding = note, .arg = t, .threads = 2 };
	struct steme_check_report local;
	struct steme_why why = { "" };

	memset(t, 0, sizeof(*t));
	return steme_store_verify(S, &o, rep != NULL ? rep : &local, &why);
}

START_TEST(a_good_store_has_nothing_to_report_and_is_counted)
{
	struct steme_check_report rep;
	struct found t;

	ck_assert_int_eq(verify(&t, &rep), STEME_OK);
	ck_assert_uint_eq(t.n, 0);
	ck_assert_uint_eq(rep.records, 7);	/* genesis, 3, batch and 2 */
	ck_assert_uint_eq(rep.objects, 6);
	ck_assert_uint_eq(rep.signatures, 4);	/* 2 by batch */
	ck_assert_uint_eq(rep.batches, 1);
	ck_assert_uint_eq(rep.segments, 1);
	ck_assert_uint_eq(rep.lost_segment_records, 0);
}
END_TEST

/* ---- the index ---- */

static void
put(const struct steme_keybuf *k, const void *val, size_t n)
{
	struct steme_batch *b = steme_batch_new();

	steme_batch_put(b, k->b, k->n, val, n);
	ck_assert_int_eq(P.mem->ops->write(P.mem, b, false), STEME_OK);
	steme_batch_free(b);
}

static void
del(const struct steme_keybuf *k)
{
	struct steme_batch *b = steme_batch_new();

	steme_batch_del(b, k->b, k->n);
	ck_assert_int_eq(P.mem->ops->write(P.mem, b, false), STEME_OK);
	steme_batch_free(b);
}

static void
must_find(const char *what)
{
	struct found t;

	ck_assert_int_eq(verify(&t, NULL), STEME_ECORRUPT);
	ck_assert_uint_gt(t.n, 0);
	ck_assert_msg(strstr(t.all, what) != NULL, "\"%s\" is not in:\n%s", what,
	    t.all);
}

/* Deletes or damages every entry in turn; each time something is found. */
START_TEST(any_entry_that_is_missing_or_changed_is_found)
{
	struct { struct steme_keybuf k; uint8_t val[1024]; size_t n; } e[64];
	struct steme_iter it;
	struct found t;
	size_t n = 0;

	ck_assert_int_eq(P.mem->ops->iter_open(P.mem, NULL, "", 0, NULL, 0, false,
	    &it), STEME_OK);
	while (P.mem->ops->iter_next(P.mem, &it) == STEME_OK) {
		/* meta, segments and applied numbers are not about records */
		if (strchr("MZW", it.key[0]) != NULL)
			continue;
		ck_assert_uint_lt(n, 64);
		ck_assert_uint_le(it.vlen, sizeof(e[n].val));
		memcpy(e[n].k.b, it.key, it.klen);
		e[n].k.n = it.klen;
		memcpy(e[n].val, it.val, it.vlen);
		e[n].n = it.vlen;
		n++;
	}
	P.mem->ops->iter_close(P.mem, &it);
	ck_assert_uint_gt(n, 20);
	for (size_t i = 0; i < n; i++) {
		char key[64];

		snprintf(key, sizeof(key), "%c entry %zu", e[i].k.b[0], i);
		/* a source's text is told by nothing but itself */
		if (e[i].k.b[0] != 's') {
			del(&e[i].k);
			ck_assert_msg(verify(&t, NULL) == STEME_ECORRUPT,
			    "%s missing, and nobody saw it", key);
		}
		for (size_t at = 0; at < e[i].n; at += 1 + e[i].n / 9) {
			uint8_t bad[1024];

			memcpy(bad, e[i].val, e[i].n);
			bad[at] ^= 0x40;
			put(&e[i].k, bad, e[i].n);
			ck_assert_msg(verify(&t, NULL) == STEME_ECORRUPT,
			    "%s changed at %zu of %zu, and nobody saw it", key, at,
			    e[i].n);
			ck_assert_str_ne(t.first.text, "");
		}
		put(&e[i].k, e[i].val, e[i].n);
		ck_assert_msg(verify(&t, NULL) == STEME_OK, "%s put back: %s", key,
		    t.all);
	}
}
END_TEST

START_TEST(findings_name_the_record_and_the_object)
{
	struct steme_keybuf k;
	char hex[STEME_ID_HEX + 1];
	struct found t;

	steme_id_hex(hex, &A);
	steme_key_record(&k, &A);
	del(&k);
	ck_assert_int_eq(verify(&t, NULL), STEME_ECORRUPT);
	ck_assert_uint_eq(t.first.lsn, 2);
	ck_assert(steme_id_eq(&t.first.id, &A));
	ck_assert_ptr_nonnull(strstr(t.first.text, hex));
	ck_assert_ptr_nonnull(strstr(t.first.text, "record 2"));
}
END_TEST

START_TEST(entries_that_the_log_does_not_know_are_found)
{
	struct made ghost = make_claim(&ann, "gh/ost", "p", "boo", T0);
	struct steme_object o;
	struct steme_record r = { .lsn = 3, .hlc = 5, .node = 9,
	    .sigkind = STEME_SIG_OWN, .sig = ghost.sig, .id = ghost.id,
	    .bytes = { (char *)ghost.bytes, ghost.n } };
	struct steme_buf v = {0};
	struct steme_keybuf k;

	ck_assert_int_eq(steme_object_parse(&o, ghost.bytes, ghost.n, NULL), STEME_OK);
	steme_record_encode_value(&v, &r);
	steme_key_home(&k, &o, &ghost.id);
	put(&k, v.data, v.len);
	must_find("the log has another or none");
	del(&k);
	k.n = 0;
	k.b[k.n++] = 'Q';
	put(&k, "x", 1);
	must_find("no family has such keys");
	del(&k);
	steme_key_child(&k, STEME_LIT("drug"), 3);
	put(&k, "ghost", 5);
	must_find("the folders of the index");
	steme_buf_fini(&v);
	made_free(&ghost);
}
END_TEST

/* ---- the log ---- */

START_TEST(any_changed_byte_of_the_log_is_found_and_its_place_named)
{
	size_t len, end = 0;
	uint8_t *log = faultio_get(P.fio, "/wal/segment.001.wal", &len);
	struct found t;

	for (size_t i = 0; i < len; i++)
		if (log[i] != 0)
			end = i + 1;
	free(log);
	ck_assert_uint_gt(end, 2000);
	for (size_t at = 0; at < end; at += 37) {
		faultio_flip(P.fio, "/wal/segment.001.wal", at, 0x10);
		ck_assert_msg(verify(&t, NULL) == STEME_ECORRUPT ||
		    /* the last group without a successor reads as torn: then its
		     * records are in the index only */
		    t.n > 0, "byte %zu changed, and nobody saw it", at);
		ck_assert_msg(strstr(t.all, "segment.001.wal") != NULL ||
		    strstr(t.all, "record ") != NULL, "%s", t.all);
		faultio_flip(P.fio, "/wal/segment.001.wal", at, 0x10);
	}
	ck_assert_int_eq(verify(&t, NULL), STEME_OK);
}
END_TEST

START_TEST(a_signature_that_does_not_verify_is_found)
{
	struct made m = make_claim(&ann, "f", "p", "forged", T0);
	struct steme_put p = put_of(&m);
	struct steme_write w = { .puts = &p, .n = 1 };
	struct found t;

	/* somebody with access to the store says that it was verified */
	p.sig.b[5] ^= 1;
	p.verified = true;
	ck_assert_int_eq(steme_store_write_wait(S, &w), STEME_OK);
	ck_assert_int_eq(verify(&t, NULL), STEME_ECORRUPT);
	ck_assert_uint_eq(t.n, 1);
	ck_assert_int_eq(t.first.err, STEME_ESIG);
	ck_assert(steme_id_eq(&t.first.id, &m.id));
	ck_assert_ptr_nonnull(strstr(t.first.text, "signature verification failed"));
	made_free(&m);
}
END_TEST

START_TEST(a_store_whose_old_segments_are_gone_is_good_but_counted)
{
	struct steme_check_report rep;
	struct steme_store_stats st;
	struct found t;
	uint64_t lost;

	steme_store_close(S);
	P.o.segment_bytes = 8 << 10;
	S = place_open(&P);
	for (int i = 0; i < 40; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%d", i);
		must_claim(S, &ann, "more", "p", v, T0);
	}
	steme_store_stats(S, &st);
	ck_assert_uint_ge(st.wal.segments, 3);
	faultio_remove(P.fio, "/wal/segment.001.wal");
	ck_assert_int_eq(verify(&t, &rep), STEME_OK);
	lost = rep.lost_segment_records;
	ck_assert_uint_gt(lost, 5);
	P.clock.mono += 60000000;
	steme_store_tick(S);
	steme_store_stats(S, &st);
	/* what the report counts are objects, the other all records */
	ck_assert_uint_eq(st.lost_segment_records, lost + 1);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("verify");
	TCase *t = tcase_create("verify");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_good_store_has_nothing_to_report_and_is_counted);
	tcase_add_test(t, any_entry_that_is_missing_or_changed_is_found);
	tcase_add_test(t, findings_name_the_record_and_the_object);
	tcase_add_test(t, entries_that_the_log_does_not_know_are_found);
	tcase_add_test(t, any_changed_byte_of_the_log_is_found_and_its_place_named);
	tcase_add_test(t, a_signature_that_does_not_verify_is_found);
	tcase_add_test(t, a_store_whose_old_segments_are_gone_is_good_but_counted);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
