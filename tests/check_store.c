/* SPDX-License-Identifier: Apache-2.0 */
/* check_store.c - writing and reading; every test on both kinds of index (_i: 1 memory). */
#include "config.h"
#include "core/store_impl.h"
#include "tests/store_util.h"

#include <sys/stat.h>

#include <sched.h>

static struct place P;
static struct steme_key ann, bob;

static struct steme_store *
fresh(int mem)
{
	place_make(&P, mem == 1, false);
	key_of(&ann, 1);
	key_of(&bob, 2);
	return place_open(&P);
}

static void
done_with(struct steme_store *s)
{
	must_verify(s);
	steme_store_close(s);
	place_remove(&P);
}

static struct steme_store *
reopen(struct steme_store *s)
{
	steme_store_close(s);
	return place_open(&P);
}

/* ---- reading back ---- */

static int
collect_child(void *arg, struct steme_str child, uint64_t lsn, bool has)
{
	char *out = arg;

	sprintf(out + strlen(out), "%.*s@%" PRIu64 "%s ", STEME_STR(child), lsn,
	    has ? "+" : "");
	return 0;
}

static int
collect_concept(void *arg, struct steme_str c)
{
	char *out = arg;

	sprintf(out + strlen(out), "%.*s ", STEME_STR(c));
	return 0;
}

static int
collect_lsn(void *arg, uint64_t lsn, bool is_assertion)
{
	char *out = arg;

	sprintf(out + strlen(out), "%" PRIu64 "%s ", lsn, is_assertion ? "" : "!");
	return 0;
}

static int
collect_record(void *arg, const struct steme_record *r)
{
	return collect_lsn(arg, r->lsn, true);
}

START_TEST(a_new_store_has_a_genesis_and_nothing_else)
{
	struct steme_store *s = fresh(_i);
	struct steme_store_stats st;
	char out[256] = "";

	steme_store_stats(s, &st);
	ck_assert_uint_eq(st.lsn, 1);
	ck_assert_uint_eq(st.counts.objects, 0);
	ck_assert(steme_id_eq(&steme_store_genesis(s)->operator_, &P.op.agent));
	ck_assert_uint_ne(steme_store_node(s), 0);
	ck_assert_int_eq(steme_store_log(s, 0, UINT64_MAX, collect_record, out), 0);
	ck_assert_str_eq(out, "");
	done_with(s);
}
END_TEST

START_TEST(an_acknowledged_claim_is_read_by_every_door)
{
	struct steme_store *s = fresh(_i);
	struct steme_object o = claim("drug/sema", "dose", "2.4 mg", T0 - 5);
	struct steme_record r;
	struct steme_cands c;
	struct steme_name n;
	struct steme_put p;
	struct made m;
	uint8_t *backing;
	char out[256] = "";

	o.source = STEME_LIT("https://example.org/label");
	m = make(&o, &ann);
	ck_assert_int_eq(write_one(s, &m, &p), STEME_OK);
	ck_assert_int_eq(p.status, STEME_CREATED);
	ck_assert_uint_eq(p.lsn, 2);
	ck_assert_int_eq(steme_store_get(s, &m.id, &r, &backing), STEME_OK);
	ck_assert_uint_eq(r.lsn, 2);
	ck_assert_uint_eq(r.node, steme_store_node(s));
	ck_assert_uint_eq(r.bytes.n, m.n);
	ck_assert_mem_eq(r.bytes.p, m.bytes, m.n);
	ck_assert_mem_eq(r.sig.b, m.sig.b, sizeof(m.sig.b));
	free(backing);
	ck_assert_int_eq(steme_store_get_lsn(s, 2, &r, &backing), STEME_OK);
	ck_assert(steme_id_eq(&r.id, &m.id));
	free(backing);
	ck_assert_int_eq(steme_store_get_lsn(s, 1, &r, &backing), STEME_ENOTFOUND);
	ck_assert_int_eq(steme_store_get_lsn(s, 3, &r, &backing), STEME_ENOTFOUND);
	c = collect(s, "drug/sema", "dose");
	ck_assert_uint_eq(c.ngroups, 1);
	ck_assert_uint_eq(c.groups[0].counting, 1);
	ck_assert_uint_eq(c.groups[0].version, 2);
	ck_assert_uint_eq(c.groups[0].version_hlc, r.hlc);
	ck_assert(steme_str_eq(c.groups[0].c[0].o.value, STEME_LIT("2.4 mg")));
	steme_cands_fini(&c);
	c = collect(s, "drug/sema", NULL);
	ck_assert_uint_eq(c.ngroups, 1);
	ck_assert(steme_str_eq(c.groups[0].predicate, STEME_LIT("dose")));
	steme_cands_fini(&c);
	c = collect(s, "drug", NULL);
	ck_assert_uint_eq(c.ngroups, 0);
	steme_cands_fini(&c);
	ck_assert_int_eq(steme_store_name(s, STEME_LIT("drug/sema"), UINT64_MAX, &n),
	    STEME_OK);
	ck_assert(n.has_assertions && n.first_lsn == 2);
	ck_assert_int_eq(steme_store_name(s, STEME_LIT("drug"), UINT64_MAX, &n),
	    STEME_OK);
	ck_assert(!n.has_assertions && n.first_lsn == 2);
	ck_assert_int_eq(steme_store_name(s, STEME_LIT("drug"), 1, &n),
	    STEME_ENOTFOUND);
	ck_assert_int_eq(steme_store_name(s, STEME_LIT("dru"), UINT64_MAX, &n),
	    STEME_ENOTFOUND);
	steme_store_children(s, STEME_LIT(""), 0, UINT64_MAX, collect_child, out);
	steme_store_children(s, STEME_LIT("drug"), 0, UINT64_MAX, collect_child, out);
	steme_store_concepts(s, STEME_LIT(""), STEME_LIT(""), UINT64_MAX,
	    collect_concept, out);
	steme_store_log(s, 0, UINT64_MAX, collect_record, out);
	steme_store_by_agent(s, &ann.agent, 0, collect_lsn, out);
	steme_store_by_source(s, o.source, 0, collect_lsn, out);
	ck_assert_str_eq(out, "drug@2 sema@2+ drug/sema 2 2 2 ");
	made_free(&m);
	done_with(s);
}
END_TEST

START_TEST(folders_and_names_come_in_their_order_and_in_pages)
{
	struct steme_store *s = fresh(_i);
	char out[512] = "";

	must_claim(s, &ann, "b/x", "p", "1", T0);	/* lsn 2 */
	must_claim(s, &ann, "a/y", "p", "1", T0);	/* 3 */
	must_claim(s, &ann, "a", "p", "1", T0);		/* 4: a exists since 3 */
	must_claim(s, &ann, "a-b", "p", "1", T0);	/* 5 */
	must_claim(s, &ann, "a/x/z", "p", "1", T0);	/* 6 */
	steme_store_children(s, STEME_LIT(""), 0, UINT64_MAX, collect_child, out);
	ck_assert_str_eq(out, "b@2 a@3+ a-b@5+ ");
	out[0] = '\0';
	steme_store_children(s, STEME_LIT(""), 2, 4, collect_child, out);
	ck_assert_str_eq(out, "a@3+ ");
	out[0] = '\0';
	steme_store_children(s, STEME_LIT("a"), 0, UINT64_MAX, collect_child, out);
	ck_assert_str_eq(out, "y@3+ x@6 ");
	out[0] = '\0';
	steme_store_concepts(s, STEME_LIT(""), STEME_LIT(""), UINT64_MAX,
	    collect_concept, out);
	ck_assert_str_eq(out, "a a-b a/x/z a/y b/x ");
	out[0] = '\0';
	steme_store_concepts(s, STEME_LIT("a"), STEME_LIT(""), UINT64_MAX,
	    collect_concept, out);
	ck_assert_str_eq(out, "a a/x/z a/y ");
	out[0] = '\0';
	steme_store_concepts(s, STEME_LIT("a"), STEME_LIT("a"), UINT64_MAX,
	    collect_concept, out);
	steme_store_concepts(s, STEME_LIT("a"), STEME_LIT("a/x/z"), 5,
	    collect_concept, out);
	ck_assert_str_eq(out, "a/x/z a/y a/y ");
	done_with(s);
}
END_TEST

/* What begins so, after `after`, as "NAME ...". */
static const char *
begin_with(struct steme_store *s, const char *begins, const char *after, uint64_t max_lsn)
{
	static char out[512];

	out[0] = '\0';
	ck_assert_int_eq(steme_store_concepts_from(s, steme_str_from(begins),
	    steme_str_from(after), max_lsn, collect_concept, out), STEME_OK);
	return out;
}

static int
take_one(void *arg, struct steme_str concept)
{
	collect_concept(arg, concept);
	return 7;
}

START_TEST(names_are_found_by_how_they_begin_in_the_middle_of_a_segment)
{
	struct steme_store *s = fresh(_i);
	const uint64_t all = UINT64_MAX;
	char out[64] = "";

	must_claim(s, &ann, "w/bur", "p", "1", T0);		/* lsn 2 */
	must_claim(s, &ann, "w/bul/x", "p", "1", T0);		/* 3: w/bul has none */
	must_claim(s, &ann, "w/bt", "p", "1", T0);		/* 4 */
	must_claim(s, &ann, "w/bv", "p", "1", T0);		/* 5 */
	must_claim(s, &ann, "w/b\xc3\xa4", "p", "1", T0);	/* 6 */
	must_claim(s, &ann, "wb", "p", "1", T0);		/* 7 */
	must_claim(s, &ann, "w", "p", "1", T0);			/* 8 */
	must_claim(s, &ann, "w/Bu", "p", "1", T0);		/* 9 */
	must_claim(s, &ann, "w/bul-1", "p", "1", T0);		/* 10 */
	ck_assert_str_eq(begin_with(s, "w/bu", "", all), "w/bul-1 w/bul/x w/bur ");
	ck_assert_str_eq(begin_with(s, "w/bul", "", all), "w/bul-1 w/bul/x ");
	ck_assert_str_eq(begin_with(s, "w/bul/", "", all), "w/bul/x ");
	ck_assert_str_eq(begin_with(s, "w/bur", "", all), "w/bur ");
	ck_assert_str_eq(begin_with(s, "w/bury", "", all), "");
	ck_assert_str_eq(begin_with(s, "w/b\xc3", "", all), "w/b\xc3\xa4 ");
	ck_assert_str_eq(begin_with(s, "w/", "", all), "w/Bu w/bt w/bul-1 w/bul/x w/bur "
	    "w/bv w/b\xc3\xa4 ");
	ck_assert_str_eq(begin_with(s, "w", "w/bv", all), "w/b\xc3\xa4 wb ");
	ck_assert_str_eq(begin_with(s, "", "w/bv", all), "w/b\xc3\xa4 wb ");
	/* w was there by then, if without claims */
	ck_assert_str_eq(begin_with(s, "", "", 3), "w w/bul/x w/bur ");
	/* pages: exclusive, also of what is not there, before, or behind */
	ck_assert_str_eq(begin_with(s, "w/bu", "w/bul-1", all), "w/bul/x w/bur ");
	ck_assert_str_eq(begin_with(s, "w/bu", "w/bum", all), "w/bur ");
	ck_assert_str_eq(begin_with(s, "w/bu", "a", all), "w/bul-1 w/bul/x w/bur ");
	ck_assert_str_eq(begin_with(s, "w/bu", "w/bur", all), "");
	ck_assert_str_eq(begin_with(s, "w/bu", "w/bv", all), "");
	ck_assert_str_eq(begin_with(s, "w/bu", "z", all), "");
	ck_assert_int_eq(steme_store_concepts_from(s, STEME_LIT("w/bu"), STEME_LIT(""),
	    all, take_one, out), 7);
	ck_assert_str_eq(out, "w/bul-1 ");
	done_with(s);
}
END_TEST

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

/* ---- collecting ---- */

START_TEST(retractions_votes_and_supersessions_are_settled)
{
	struct steme_store *s = fresh(_i);
	struct steme_id a = must_claim(s, &ann, "c", "p", "1", T0 - 30);
	struct steme_id b = must_claim(s, &bob, "c", "p", "2", T0 - 20);
	struct steme_object o = claim("c", "p", "3", T0 - 10);
	struct steme_cands c;

	must_write(s, make_vote(&bob, "c", &a, 5000, T0));
	must_write(s, make_vote(&ann, "c", &a, 2500, T0));
	c = collect(s, "c", "p");
	ck_assert_uint_eq(c.groups[0].counting, 2);
	for (size_t i = 0; i < 2; i++)
		if (steme_id_eq(&c.groups[0].c[i].id, &a))
			ck_assert_int_eq(c.groups[0].c[i].votes, 7500);
	ck_assert_uint_eq(c.groups[0].version, 5);
	steme_cands_fini(&c);
	/* somebody else's retraction counts for nothing, the author's does */
	must_write(s, make_retraction(&ann, "c", &b, T0));
	ck_assert_uint_eq(counting(s, "c", "p"), 2);
	must_write(s, make_retraction(&bob, "c", &b, T0));
	ck_assert_uint_eq(counting(s, "c", "p"), 1);
	/* a vote that names another concept counts for nothing */
	must_write(s, make_vote(&bob, "other", &a, 10000, T0 + 1));
	o.nsupersedes = 1;
	o.supersedes[0] = a;
	must_write(s, make(&o, &ann));
	c = collect(s, "c", "p");
	ck_assert_uint_eq(c.groups[0].n, 3);
	ck_assert_uint_eq(c.groups[0].counting, 1);
	ck_assert(steme_str_eq(c.groups[0].c[0].o.value, STEME_LIT("3")));
	steme_cands_fini(&c);
	done_with(s);
}
END_TEST

START_TEST(a_concept_with_a_great_many_votes_is_collected_alike)
{
	struct steme_store *s = fresh(_i);
	struct steme_id a = must_claim(s, &ann, "c", "p", "1", T0 - 30);
	struct steme_id b = must_claim(s, &ann, "c", "q", "2", T0 - 20);
	struct steme_cands c, all;
	struct steme_key k;
	int64_t sum = 0;

	must_write(s, make_retraction(&ann, "c", &b, T0));
	for (int i = 0; i < 300; i++) {
		key_of(&k, (uint8_t)(i % 200));
		must_write(s, make_vote(&k, "c", i % 3 ? &b : &a, 1 + i, T0 + i));
	}
	c = collect(s, "c", "p");
	all = collect(s, "c", NULL);
	for (size_t i = 0; i < 2; i++)
		sum += all.groups[i].c[0].votes;
	ck_assert_int_gt(sum, 1000);
	ck_assert_uint_eq(c.groups[0].version, all.groups[0].version);
	ck_assert_int_eq(c.groups[0].c[0].votes, all.groups[0].c[0].votes);
	steme_cands_fini(&c);
	c = collect(s, "c", "q");
	ck_assert_uint_eq(c.groups[0].counting, 0);
	ck_assert_uint_eq(c.groups[0].version, all.groups[1].version);
	ck_assert_int_eq(c.groups[0].c[0].votes, all.groups[1].c[0].votes);
	steme_cands_fini(&c);
	steme_cands_fini(&all);
	done_with(s);
}
END_TEST

START_TEST(a_view_has_the_version_of_what_it_depends_on)
{
	struct steme_store *s = fresh(_i);
	struct steme_id a = must_claim(s, &ann, "c", "p", "1", T0);	/* 2 */
	struct steme_cands c;

	must_claim(s, &ann, "c", "q", "1", T0);				/* 3 */
	must_claim(s, &ann, "d", "p", "1", T0);				/* 4 */
	c = collect(s, "c", NULL);
	ck_assert_uint_eq(c.ngroups, 2);
	ck_assert_uint_eq(c.groups[0].version, 2);
	ck_assert_uint_eq(c.groups[1].version, 3);
	steme_cands_fini(&c);
	must_write(s, make_vote(&bob, "c", &a, 100, T0));		/* 5 */
	c = collect(s, "c", NULL);
	ck_assert_uint_eq(c.groups[0].version, 5);
	ck_assert_uint_eq(c.groups[1].version, 3);
	steme_cands_fini(&c);
	/* a global object may change any view */
	must_write(s, make_alias(&P.op, "x", "y", T0));			/* 6 */
	c = collect(s, "c", NULL);
	ck_assert_uint_eq(c.groups[0].version, 6);
	ck_assert_uint_eq(c.groups[1].version, 6);
	ck_assert_uint_ne(c.groups[1].version_hlc, 0);
	steme_cands_fini(&c);
	done_with(s);
}
END_TEST

START_TEST(an_old_version_is_collected_again_as_it_was)
{
	struct steme_store *s = fresh(_i);
	struct steme_lens_ctx ctx;
	struct steme_cands c;

	must_claim(s, &ann, "c", "p", "1", T0);				/* 2 */
	must_claim(s, &bob, "c", "p", "2", T0);				/* 3 */
	must_write(s, make_alias(&P.op, "c", "d", T0));			/* 4 */
	must_claim(s, &bob, "d", "p", "3", T0);				/* 5 */
	for (uint64_t lsn = 1; lsn <= 5; lsn++) {
		static const size_t want[] = { 0, 0, 1, 2, 2, 3 };

		memset(&ctx, 0, sizeof(ctx));
		steme_bounds_init(&ctx.bounds);
		ctx.bounds.max_lsn = lsn;
		ctx.lifecycle = -1;
		ctx.world = steme_store_world(s, &ctx.bounds);
		ck_assert_int_eq(steme_store_collect(s, &ctx, STEME_LIT("c"),
		    STEME_LIT("p"), false, &c), STEME_OK);
		ck_assert_uint_eq(c.ngroups == 0 ? 0 : c.groups[0].n, want[lsn]);
		if (c.ngroups > 0)
			ck_assert_uint_eq(c.groups[0].version, lsn);
		steme_cands_fini(&c);
		steme_world_put(ctx.world);
	}
	done_with(s);
}
END_TEST

START_TEST(aliases_show_the_union_and_marks_stay_with_their_concept)
{
	struct steme_store *s = fresh(_i);
	struct steme_id a = must_claim(s, &ann, "x", "p", "1", T0 - 9);
	struct steme_cands c;

	must_claim(s, &bob, "y", "p", "2", T0 - 8);
	must_write(s, make_alias(&ann, "x", "y", T0));	/* no steward: no effect */
	ck_assert_uint_eq(counting(s, "x", "p"), 1);
	must_write(s, make_alias(&P.op, "x", "y", T0));
	ck_assert_uint_eq(counting(s, "x", "p"), 2);
	ck_assert_uint_eq(counting(s, "y", "p"), 2);
	/* the right concept for the vote is x, though y is its alias */
	must_write(s, make_vote(&bob, "y", &a, 10000, T0));
	must_write(s, make_vote(&bob, "x", &a, 100, T0 - 1));
	c = collect(s, "y", "p");
	for (size_t i = 0; i < c.groups[0].n; i++)
		ck_assert_int_eq(c.groups[0].c[i].votes,
		    steme_id_eq(&c.groups[0].c[i].id, &a) ? 100 : 0);
	steme_cands_fini(&c);
	done_with(s);
}
END_TEST

START_TEST(constraints_come_from_the_concept_and_its_ancestors)
{
	struct steme_store *s = fresh(_i);
	struct steme_lens_ctx ctx;
	struct steme_cands c;

	must_claim(s, &ann, "code", "forbidden", "goto", T0);
	must_claim(s, &ann, "code/c", "must_use", "tabs", T0);
	must_claim(s, &ann, "code/c", "colour", "blue", T0);
	must_claim(s, &ann, "code/c/kernel", "must_use", "kfree", T0);
	must_claim(s, &ann, "code/c/other", "must_use", "free", T0);
	ctx_open(s, &ctx);
	ck_assert_int_eq(steme_store_collect(s, &ctx, STEME_LIT("code/c/kernel"),
	    (struct steme_str){ NULL, 0 }, true, &c), STEME_OK);
	steme_world_put(ctx.world);
	ck_assert_uint_eq(c.ngroups, 2);
	ck_assert(steme_str_eq(c.groups[0].predicate, STEME_LIT("forbidden")));
	ck_assert_uint_eq(c.groups[0].counting, 1);
	ck_assert(steme_str_eq(c.groups[1].predicate, STEME_LIT("must_use")));
	ck_assert_uint_eq(c.groups[1].counting, 2);
	steme_cands_fini(&c);
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

/* ---- the order of arrival ---- */

#define RANDOM_N	120

static unsigned rnd;

static unsigned
dice(unsigned n)
{
	rnd = rnd * 1103515245u + 12345u;
	return (rnd >> 16) % n;
}

/* A random object about a few concepts; earlier ones may be named, whenever they come. */
static struct made
random_object(const struct made *earlier, unsigned n)
{
	static const char *concepts[] = { "a", "a/b", "a/c", "d" };
	static const char *predicates[] = { "p", "q", "must_use" };
	const char *c = concepts[dice(4)];
	struct steme_key k[4];
	struct steme_object o;
	char value[32];
	int64_t t = T0 - (int64_t)dice(1000) * 1000000;

	for (unsigned i = 0; i < 3; i++)
		key_of(&k[i], (uint8_t)(20 + i));
	k[3] = P.op;
	snprintf(value, sizeof(value), "%u", dice(4));
	switch (dice(n < 5 ? 1 : 12)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		o = claim(c, predicates[dice(3)], value, t);
		o.confidence = (int32_t)dice(10001);
		o.class_ = (enum steme_class)dice(6);
		if (dice(4) == 0)
			o.lifecycle = (enum steme_lifecycle)(1 + dice(4));
		if (dice(4) == 0)
			o.epoch = STEME_LIT("e1");
		if (dice(3) == 0)
			o.source = STEME_LIT("src");
		if (n > 0 && dice(3) == 0) {
			o.nsupersedes = 1;
			o.supersedes[0] = earlier[dice(n)].id;
		}
		return make(&o, &k[dice(4)]);
	case 6: case 7:
		return make_vote(&k[dice(4)], c, &earlier[dice(n)].id,
		    (int32_t)dice(20001) - 10000, t);
	case 8:
		return make_retraction(&k[dice(4)], c, &earlier[dice(n)].id, t);
	case 9:
		return make_alias(&k[dice(4)], c, concepts[dice(4)], t);
	case 10:
		o = (struct steme_object){ .kind = STEME_RETRACTION,
		    .source = STEME_LIT("src"), .state = dice(2) ?
		    STEME_STATE_RETRACTED : STEME_STATE_REINSTATED,
		    .time_us = t, .value = STEME_LIT("") };
		return make(&o, &k[dice(4)]);
	default:
		o = (struct steme_object){ .kind = STEME_EPOCH,
		    .name = STEME_LIT("e2"), .superseded = STEME_LIT("e1"),
		    .time_us = t, .value = STEME_LIT("") };
		return make(&o, &k[dice(4)]);
	}
}

static int
cand_by_id(const void *a, const void *b)
{
	return steme_id_cmp(&((const struct steme_cand *)a)->id,
	    &((const struct steme_cand *)b)->id);
}

/* All that is collected about a concept, without what depends on the order of arrival. */
static void
print_collected(struct steme_store *s, const char *concept, bool constraints,
    struct steme_buf *out)
{
	struct steme_lens_ctx ctx;
	struct steme_cands c;
	char hex[STEME_ID_HEX + 1];

	ctx_open(s, &ctx);
	ck_assert_int_eq(steme_store_collect(s, &ctx, steme_str_from(concept),
	    (struct steme_str){ NULL, 0 }, constraints, &c), STEME_OK);
	steme_world_put(ctx.world);
	for (size_t g = 0; g < c.ngroups; g++) {
		struct steme_cand_group *G = &c.groups[g];

		for (size_t i = 0; i < G->n; i++)
			ck_assert_int_eq(i < G->counting,
			    G->c[i].state == STEME_CURRENT);
		qsort(G->c, G->n, sizeof(*G->c), cand_by_id);
		steme_buf_printf(out, "%s %.*s %zu/%zu\n", concept,
		    STEME_STR(G->predicate), G->counting, G->n);
		for (size_t i = 0; i < G->n; i++) {
			steme_id_hex(hex, &G->c[i].id);
			steme_buf_printf(out, "  %s %s %" PRId64 " %d %" PRId64 "\n",
			    hex, steme_state_name(G->c[i].state), G->c[i].votes,
			    G->c[i].confidence, G->c[i].rank_us);
		}
	}
	steme_cands_fini(&c);
}

START_TEST(order_of_arrival_never_changes_what_is_collected)
{
	struct made m[RANDOM_N];
	struct steme_buf out[3] = {{0}, {0}, {0}};
	unsigned order[RANDOM_N];

	rnd = (unsigned)_i + 1;
	place_make(&P, true, false);
	for (unsigned i = 0; i < RANDOM_N; i++) {
		m[i] = random_object(m, i);
		order[i] = i;
	}
	place_remove(&P);
	for (int round = 0; round < 3; round++) {
		struct steme_store *s;

		place_make(&P, round != 1, false);
		s = place_open(&P);
		for (unsigned i = RANDOM_N - 1; i > 0 && round > 0; i--) {
			unsigned j = dice(i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		for (unsigned i = 0; i < RANDOM_N; i++) {
			ck_assert_int_eq(write_one(s, &m[order[i]], NULL), STEME_OK);
			if (round == 2 && i == RANDOM_N / 2)
				s = reopen(s);
		}
		print_collected(s, "a", false, &out[round]);
		print_collected(s, "a/b", false, &out[round]);
		print_collected(s, "a/c", false, &out[round]);
		print_collected(s, "d", false, &out[round]);
		print_collected(s, "a/b", true, &out[round]);
		done_with(s);
		ck_assert_str_eq((char *)out[round].data, (char *)out[0].data);
	}
	for (int i = 0; i < 3; i++)
		steme_buf_fini(&out[i]);
	for (unsigned i = 0; i < RANDOM_N; i++)
		made_free(&m[i]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("both");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_new_store_has_a_genesis_and_nothing_else, 0, 2);
	tcase_add_loop_test(t, an_acknowledged_claim_is_read_by_every_door, 0, 2);
	tcase_add_loop_test(t, folders_and_names_come_in_their_order_and_in_pages, 0, 2);
	tcase_add_loop_test(t, names_are_found_by_how_they_begin_in_the_middle_of_a_segment, 0, 2);
	tcase_add_loop_test(t, an_object_is_created_once_and_exists_ever_after, 0, 2);
	tcase_add_loop_test(t, what_breaks_a_rule_is_refused_with_a_reason, 0, 2);
	tcase_add_loop_test(t, replication_is_not_held_to_the_limits_of_clients, 0, 2);
	tcase_add_loop_test(t, one_refused_object_does_not_stop_the_others, 0, 2);
	tcase_add_loop_test(t, one_signature_carries_a_whole_batch, 0, 2);
	tcase_add_loop_test(t, a_batch_carries_only_its_own_members, 0, 2);
	tcase_add_loop_test(t, a_refused_batch_takes_its_members_with_it, 0, 2);
	tcase_add_loop_test(t, retractions_votes_and_supersessions_are_settled, 0, 2);
	tcase_add_loop_test(t, a_concept_with_a_great_many_votes_is_collected_alike, 0, 2);
	tcase_add_loop_test(t, a_view_has_the_version_of_what_it_depends_on, 0, 2);
	tcase_add_loop_test(t, an_old_version_is_collected_again_as_it_was, 0, 2);
	tcase_add_loop_test(t, aliases_show_the_union_and_marks_stay_with_their_concept,
	    0, 2);
	tcase_add_loop_test(t, constraints_come_from_the_concept_and_its_ancestors, 0, 2);
	tcase_add_loop_test(t, what_a_write_may_change_is_told, 0, 2);
	tcase_add_loop_test(t, watchers_are_told_in_order_of_what_is_visible_and_new,
	    0, 2);
	tcase_add_loop_test(t, queued_writes_share_one_sync, 0, 2);
	tcase_add_loop_test(t, a_store_is_the_same_after_it_was_closed, 0, 2);
	tcase_add_test(t, an_index_that_is_gone_is_built_again);
	tcase_add_test(t, a_swap_of_folders_that_was_cut_in_two_is_healed);
	tcase_add_test(t, a_lower_envelope_is_taken_and_a_higher_one_is_not);
	tcase_add_loop_test(t, an_online_rebuild_gives_the_same_index, 0, 2);
	tcase_add_test(t, an_offline_rebuild_gives_the_same_index);
	tcase_add_test(t, less_than_the_index_held_is_not_built_silently);
	tcase_add_loop_test(t, order_of_arrival_never_changes_what_is_collected, 0, 20);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
