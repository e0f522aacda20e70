/* SPDX-License-Identifier: Apache-2.0 */
/* check_store_read.c - what is read back and collected; on both kinds of index (_i: 1 memory). */
#include "config.h"
#include "tests/store_fixture.h"

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
	ck_assert(steme_str_eq(c.groups[0].c[0].o->value, STEME_LIT("2.4 mg")));
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
	uint64_t newest;

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
	ck_assert_int_eq(steme_store_newest_child(s, STEME_LIT("a"), &newest), STEME_OK);
	ck_assert_uint_eq(newest, 6);
	ck_assert_int_eq(steme_store_newest_child(s, STEME_LIT(""), &newest), STEME_OK);
	ck_assert_uint_eq(newest, 5);
	ck_assert_int_eq(steme_store_newest_child(s, STEME_LIT("a/y"), &newest),
	    STEME_OK);
	ck_assert_uint_eq(newest, 0);
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
	ck_assert(steme_str_eq(c.groups[0].c[0].o->value, STEME_LIT("3")));
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

/* The one group of rules of a predicate on code/c/kernel; none if name is NULL. */
static struct steme_cands
rules_of(struct steme_store *s, const char *predicate, const char *name)
{
	struct steme_lens_ctx ctx;
	struct steme_cands c;

	ctx_open(s, &ctx);
	ck_assert_int_eq(steme_store_collect(s, &ctx, STEME_LIT("code/c/kernel"),
	    steme_str_from(predicate), true, &c), STEME_OK);
	steme_world_put(ctx.world);
	ck_assert_uint_eq(c.ngroups, name != NULL);
	if (name != NULL)
		ck_assert(steme_str_eq(c.groups[0].predicate, steme_str_from(name)));
	return c;
}

START_TEST(a_predicate_narrows_constraints)
{
	struct steme_store *s = fresh(_i);
	struct steme_cands c;

	must_claim(s, &ann, "code", "forbidden", "goto", T0);
	must_claim(s, &ann, "code/c", "must_use", "tabs", T0);
	must_claim(s, &ann, "code/c/kernel", "colour", "blue", T0);
	c = rules_of(s, "forbidden", "forbidden");
	ck_assert_uint_eq(c.groups[0].c[0].above, 2);
	steme_cands_fini(&c);
	c = rules_of(s, "must_use", "must_use");
	ck_assert_uint_eq(c.groups[0].c[0].above, 1);
	steme_cands_fini(&c);
	c = rules_of(s, "colour", NULL);
	steme_cands_fini(&c);
	done_with(s);
}
END_TEST

START_TEST(rules_of_an_alias_are_as_near_as_what_it_is_an_alias_of)
{
	struct steme_store *s = fresh(_i);
	struct steme_cands c;
	struct steme_str most = { NULL, 0 };

	must_claim(s, &ann, "code/c/kernel", "must_use", "kfree", T0);
	must_claim(s, &ann, "programming/of/all/kinds", "must_use", "brains", T0);
	must_write(s, make_alias(&P.op, "programming/of/all/kinds", "code", T0));
	c = rules_of(s, "must_use", "must_use");
	ck_assert_uint_eq(c.groups[0].counting, 2);
	for (size_t i = 0; i < 2; i++)
		if (c.groups[0].c[i].above == 2)
			most = c.groups[0].c[i].o->concept;
		else
			ck_assert_uint_eq(c.groups[0].c[i].above, 0);
	ck_assert(steme_str_eq(most, STEME_LIT("programming/of/all/kinds")));
	steme_cands_fini(&c);
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
	Suite *s = suite_create("store_read");
	TCase *t = tcase_create("both");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_new_store_has_a_genesis_and_nothing_else, 0, 2);
	tcase_add_loop_test(t, an_acknowledged_claim_is_read_by_every_door, 0, 2);
	tcase_add_loop_test(t, folders_and_names_come_in_their_order_and_in_pages, 0, 2);
	tcase_add_loop_test(t, names_are_found_by_how_they_begin_in_the_middle_of_a_segment, 0, 2);
	tcase_add_loop_test(t, retractions_votes_and_supersessions_are_settled, 0, 2);
	tcase_add_loop_test(t, a_concept_with_a_great_many_votes_is_collected_alike, 0, 2);
	tcase_add_loop_test(t, a_view_has_the_version_of_what_it_depends_on, 0, 2);
	tcase_add_loop_test(t, an_old_version_is_collected_again_as_it_was, 0, 2);
	tcase_add_loop_test(t, aliases_show_the_union_and_marks_stay_with_their_concept,
	    0, 2);
	tcase_add_loop_test(t, constraints_come_from_the_concept_and_its_ancestors, 0, 2);
	tcase_add_loop_test(t, a_predicate_narrows_constraints, 0, 2);
	tcase_add_loop_test(t, rules_of_an_alias_are_as_near_as_what_it_is_an_alias_of, 0, 2);
	tcase_add_loop_test(t, order_of_arrival_never_changes_what_is_collected, 0, 20);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
