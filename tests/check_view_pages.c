/* SPDX-License-Identifier: Apache-2.0 */
/* check_view_pages.c - which names there are, and answers a page at a time. */
#include "config.h"
#include "tests/view_util.h"

#include <json-c/json.h>

/* ---- names ---- */

static char names[65536];

static int
add_name(void *arg, struct steme_str name)
{
	(void)arg;
	snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ",
	    STEME_STR(name));
	return 0;
}

static int
stop_at_second(void *arg, struct steme_str name)
{
	int *n = arg;

	(void)name;
	return ++*n == 2 ? 77 : 0;
}

static const char *
list(enum steme_lens lens, const char *concept, bool history)
{
	struct steme_query q = fix_query(lens, concept, NULL);

	names[0] = '\0';
	ck_assert_int_eq(steme_view_names(fix.v, &q, history, add_name, NULL),
	    STEME_OK);
	return names;
}

START_TEST(names_are_those_with_a_winner_in_byte_order)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	struct steme_object o;
	struct steme_id id;
	int n = 0;

	fix_assert(1, "c", "b", STEME_TEXT, "v", T1);
	id = fix_assert(1, "c", "a", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "Z", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "must_use", STEME_TEXT, "v", T1);
	o = fix_claim(1, "c", "dead", STEME_TEXT, "v", T1);
	o.lifecycle = STEME_REJECTED;
	fix_put(&o, 1);
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "c", false), "Z a b must_use ");
	ck_assert_str_eq(list(STEME_LENS_SKEPTIC, "c", false), "Z a b must_use ");
	ck_assert_str_eq(list(STEME_LENS_VOTES, "c", false), "");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c", false), "must_use ");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c/below", false), "must_use ");
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "c", true), "Z a b dead must_use ");
	ck_assert_str_eq(list(STEME_LENS_CONSTRAINTS, "c", true),
	    "Z a b dead must_use ");
	ck_assert_str_eq(list(STEME_LENS_RECENCY, "none", false), "");
	/* a predicate in the question does not matter */
	q.predicate = STEME_LIT("a");
	names[0] = '\0';
	ck_assert_int_eq(steme_view_names(fix.v, &q, false, add_name, NULL), STEME_OK);
	ck_assert_str_eq(names, "Z a b must_use ");
	memset(&o, 0, sizeof(o));
	o.kind = STEME_VOTE;
	o.concept = STEME_LIT("c");
	o.value = STEME_LIT("");
	o.has_assertion = true;
	o.assertion = id;
	o.weight = 1;
	o.time_us = FIX_NOW_US;
	o.agent = fix.agent[2].agent;
	fix_put(&o, 2);
	ck_assert_str_eq(list(STEME_LENS_VOTES, "c", false), "a ");
	ck_assert_int_eq(steme_view_names(fix.v, &q, false, stop_at_second, &n), 77);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(every_name_has_a_file_and_no_other_has)
{
	static const char *const concepts[] = { "v", "v/w", "v/x", "z" };
	static const char *const predicates[] = { "p", "q", "must_use" };
	const struct steme_view *view;
	struct steme_query q;
	char one[32];
	int err;

	for (int i = 0; i < 150; i++) {
		put_any();
		for (int lens = 0; lens < STEME_NLENS; lens++)
			for (int k = 0; k < 12; k++) {
				list((enum steme_lens)lens, concepts[k % 4], false);
				q = fix_query((enum steme_lens)lens,
				    concepts[k % 4], predicates[k / 4]);
				err = steme_view_file(fix.v, &q, &view);
				snprintf(one, sizeof(one), "%s ",
				    predicates[k / 4]);
				ck_assert_int_eq(err == STEME_OK,
				    strstr(names, one) != NULL);
				if (err == STEME_OK)
					steme_view_put(view);
			}
	}
}
END_TEST

START_TEST(names_no_object_can_have_are_not_there)
{
	static const char *const bad[] = { "", "a//b", "a\nb", "@x", ".", "\xff" };
	const struct steme_view *view;
	struct steme_query q;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		q = fix_query(STEME_LENS_RECENCY, "c", bad[i]);
		ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
		q = fix_query(STEME_LENS_RECENCY, bad[i], "p");
		ck_assert_int_eq(steme_view_file(fix.v, &q, &view), STEME_ENOTFOUND);
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
	}
	q = fix_query(STEME_LENS_RECENCY, "c", "p");
	q.concept = (struct steme_str){ "a\0b", 3 };
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
	q = fix_query(STEME_LENS_RECENCY, "c", "p");
	q.limit = 10001;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

START_TEST(a_scheme_form_names_the_same_concept)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "fda://a/b", NULL);
	char first[1024];

	fix_assert(1, "fda/a/b", "p", STEME_TEXT, "v", T1);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	snprintf(first, sizeof(first), "%s", (char *)body.data);
	ck_assert_ptr_nonnull(strstr(first, "{\"concept_path\":\"fda/a/b\","));
	q.concept = STEME_LIT("fda/a/b");
	steme_buf_clear(&body);
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	ck_assert_str_eq((char *)body.data, first);
	ck_assert_uint_eq(hits(), 1);
	q.concept = STEME_LIT("nobody://a/b");
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

/* ---- pages ---- */

/* Follows q to its end; the predicates (and concepts) go to names. */
static unsigned
walk(struct steme_query q, bool history, int (*between)(unsigned page))
{
	struct json_object *o, *list_, *it;
	char cursor[2100] = "";
	const char *next;
	unsigned pages = 0;

	names[0] = '\0';
	do {
		steme_buf_clear(&body);
		if (cursor[0] != '\0')
			q.cursor = steme_str_from(cursor);
		ck_assert_msg((history ? steme_json_history(fix.v, &q, &body, &why) :
		    steme_json_query(fix.v, &q, &body, &why)) == STEME_OK, "%s",
		    why.text);
		o = json_tokener_parse((char *)body.data);
		ck_assert_ptr_nonnull(o);
		list_ = json_object_object_get(o, "results");
		for (size_t i = 0; i < json_object_array_length(list_); i++) {
			it = json_object_array_get_idx(list_, i);
			snprintf(names + strlen(names), sizeof(names) -
			    strlen(names), "%s:%s=%s ", json_object_get_string(
			    json_object_object_get(it, "concept_path")),
			    json_object_get_string(json_object_object_get(it,
			    "predicate")), json_object_get_string(
			    json_object_object_get(json_object_object_get(it,
			    "object"), "value")));
		}
		next = json_object_get_string(json_object_object_get(o,
		    "next_cursor"));
		snprintf(cursor, sizeof(cursor), "%s", next == NULL ? "" : next);
		json_object_put(o);
		if (between != NULL)
			between(pages);
		ck_assert_uint_lt(++pages, 100);
	} while (cursor[0] != '\0');
	return pages;
}

static int
write_between(unsigned page)
{
	char name[16];

	/* before, at and after wherever the page ended */
	snprintf(name, sizeof(name), "a%u", page);
	fix_assert(1, "c", name, STEME_TEXT, "late", T2);
	snprintf(name, sizeof(name), "qq%u", page);
	fix_assert(1, "c", name, STEME_TEXT, "late", T2);
	fix_assert(1, "b/d", name, STEME_TEXT, "late", T2);
	fix_assert(1, "b", "late", STEME_TEXT, "late", T2);
	for (char p = 'k'; p < 'r'; p++) {
		name[0] = p;
		name[1] = '\0';
		fix_assert(1, "c", name, STEME_TEXT, "late", T2);
		fix_assert(1, "b/d", name, STEME_TEXT, "late", T2);
	}
	return 0;
}

START_TEST(pages_fit_together_whatever_is_written_meanwhile)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	static char all[sizeof(names)];

	for (char p = 'k'; p < 'r'; p++) {
		char name[2] = { p, 0 };

		fix_assert(1, "c", name, STEME_TEXT, name, T1);
		fix_assert(1, "b/d", name, STEME_TEXT, name, T1);
	}
	fix_assert(1, "bb", "n", STEME_TEXT, "not below b", T1);
	ck_assert_uint_eq(walk(q, false, NULL), 1);
	strcpy(all, names);
	for (uint32_t limit = 1; limit < 9; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, false, NULL), (7 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
	q.limit = 2;
	walk(q, false, write_between);
	ck_assert_str_eq(names, all);
	/* a prefix query, over concepts */
	q = fix_query(STEME_LENS_RECENCY, NULL, NULL);
	q.prefix = STEME_LIT("b");
	walk(q, false, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "b:late=late b/d:k=late b/d:l=late "));
	ck_assert_ptr_null(strstr(all, "bb:"));
	for (uint32_t limit = 1; limit < 9; limit++) {
		q.limit = 0;
		walk(q, false, NULL);
		strcpy(all, names);
		q.limit = limit;
		walk(q, false, write_between);
		ck_assert_str_eq(names, all);
	}
}
END_TEST

START_TEST(a_page_that_ends_early_has_the_same_bytes_when_rendered_again)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL);
	const struct steme_view *a, *b;
	struct steme_views *fresh;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "q", STEME_TEXT, "v", T1);
	fix_assert(1, "d", "q", STEME_TEXT, "v", T1);
	q.limit = 1;
	ck_assert_int_eq(steme_view_json_file(fix.v, &q, &a), STEME_OK);
	ck_assert_ptr_null(memmem(a->data, a->len, "\"next_cursor\":null", 18));
	ck_assert_uint_lt(a->version, steme_store_lsn(fix.s));
	fix_assert(1, "c", "r", STEME_TEXT, "v", T1);
	ck_assert_int_eq(steme_views_new(&fresh, fix.s, 0), STEME_OK);
	q.max_lsn = a->version;
	ck_assert_int_eq(steme_view_json_file(fresh, &q, &b), STEME_OK);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert_mem_eq(a->data, b->data, a->len);
	steme_view_put(a);
	steme_view_put(b);
	steme_views_free(fresh);
}
END_TEST

START_TEST(history_and_rules_are_paged_within_a_predicate)
{
	struct steme_query q = fix_query(STEME_LENS_CONSTRAINTS, "c/d", NULL);
	static char all[sizeof(names)];
	char day[32], value[16];

	for (int i = 0; i < 7; i++) {
		snprintf(day, sizeof(day), "2026-01-%02d", i + 1);
		snprintf(value, sizeof(value), "%d", i);
		fix_assert(1 + i % 3, i % 2 ? "c" : "c/d", "must_use", STEME_TEXT,
		    value, day);
		fix_assert(1, "c/d", "forbidden", STEME_TEXT, value, day);
	}
	walk(q, false, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "must_use=6 "));
	for (uint32_t limit = 1; limit < 16; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, false, NULL), (14 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
	q = fix_query(STEME_LENS_RECENCY, "c/d", NULL);
	walk(q, true, NULL);
	strcpy(all, names);
	ck_assert_ptr_nonnull(strstr(all, "forbidden=6 c/d:forbidden=5 "));
	for (uint32_t limit = 1; limit < 13; limit++) {
		q.limit = limit;
		ck_assert_uint_eq(walk(q, true, NULL), (11 + limit - 1) / limit);
		ck_assert_str_eq(names, all);
	}
}
END_TEST

START_TEST(a_cursor_is_good_for_its_question_only)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "c", NULL), other;
	struct json_object *o;
	char cursor[2100], bad[2100];
	size_t n;

	fix_assert(1, "c", "p", STEME_TEXT, "v", T1);
	fix_assert(1, "c", "q", STEME_TEXT, "v", T1);
	q.limit = 1;
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	o = json_tokener_parse((char *)body.data);
	snprintf(cursor, sizeof(cursor), "%s", json_object_get_string(
	    json_object_object_get(o, "next_cursor")));
	json_object_put(o);
	n = strlen(cursor);
	q.cursor = (struct steme_str){ cursor, n };
	q.limit = 50;		/* the limit may change */
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_OK);
	other = q;
	other.lens = STEME_LENS_CONFIDENCE;
	ck_assert_int_eq(steme_json_query(fix.v, &other, &body, &why), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "cursor"));
	other = q;
	other.concept = STEME_LIT("d");
	ck_assert_int_eq(steme_json_query(fix.v, &other, &body, &why), STEME_EINVAL);
	ck_assert_int_eq(steme_json_history(fix.v, &q, &body, &why), STEME_EINVAL);
	/* no character may change, none may be missing */
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, cursor, n);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		q.cursor = (struct steme_str){ bad, n };
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
		q.cursor = (struct steme_str){ cursor, i };
		ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why),
		    STEME_EINVAL);
	}
	memset(bad, 'A', sizeof(bad));
	q.cursor = (struct steme_str){ bad, sizeof(bad) };
	ck_assert_int_eq(steme_json_query(fix.v, &q, &body, &why), STEME_EINVAL);
}
END_TEST

START_TEST(concepts_of_the_store_itself_are_concepts_like_any)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "_steme/lens", "roots");
	const struct steme_view *view;
	struct steme_object o = fix_claim(0, "_steme/lens", "roots", STEME_TEXT,
	    "none", T1);

	fix_put(&o, 0);
	view = file(&q);
	ck_assert_int_eq(memcmp(view->data, "none\n", 5), 0);
	steme_view_put(view);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("view_pages");
	TCase *t = tcase_create("pages");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, names_are_those_with_a_winner_in_byte_order);
	tcase_add_test(t, every_name_has_a_file_and_no_other_has);
	tcase_add_test(t, names_no_object_can_have_are_not_there);
	tcase_add_test(t, a_scheme_form_names_the_same_concept);
	tcase_add_test(t, pages_fit_together_whatever_is_written_meanwhile);
	tcase_add_test(t, a_page_that_ends_early_has_the_same_bytes_when_rendered_again);
	tcase_add_test(t, history_and_rules_are_paged_within_a_predicate);
	tcase_add_test(t, a_cursor_is_good_for_its_question_only);
	tcase_add_test(t, concepts_of_the_store_itself_are_concepts_like_any);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
