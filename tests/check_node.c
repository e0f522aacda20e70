/* SPDX-License-Identifier: Apache-2.0 */
/* check_node.c - the table of nodes behind the mount. */
#include "config.h"
#include "fs/node.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fs_nodes *t;
/* What the last look() of this thread was told to drop, if so. */
static _Thread_local struct fs_inval oldest;
static _Thread_local bool told;

static void
setup(void)
{
	ck_assert_int_eq(fs_nodes_new(&t, 1000), STEME_OK);
}

static void
teardown(void)
{
	fs_nodes_free(t);
}

static struct steme_str
S(const char *s)
{
	return steme_str_from(s);
}

/* Looks a name up as the daemon does; the node stays counted by the kernel only. */
static uint64_t
look(uint64_t parent, const char *name, struct fs_what w)
{
	struct fs_node *p = fs_nodes_get(t, parent), *n;
	uint64_t id;

	ck_assert_ptr_nonnull(p);
	n = fs_nodes_enter(t, p, S(name));
	while (!fs_nodes_settle(t, n, &w))
		n = fs_nodes_renew(t, n);
	free(w.concept);
	free(w.data);
	told = fs_nodes_looked_up(t, n, &oldest);
	id = n->id;
	fs_nodes_put(t, n);
	fs_nodes_put(t, p);
	return id;
}

static struct fs_what
concept(const char *path)
{
	return (struct fs_what){ .kind = FS_CONCEPT, .as_of_us = INT64_MAX,
	    .concept = strdup(path) };
}

static struct fs_what
lens(enum steme_lens l)
{
	return (struct fs_what){ .kind = FS_LENS, .lens = l,
	    .as_of_us = INT64_MAX };
}

static struct fs_what
view(enum steme_lens l, uint64_t version)
{
	return (struct fs_what){ .kind = FS_VIEW, .lens = l,
	    .as_of_us = INT64_MAX, .version = version, .len = 7 };
}

static size_t
count(void)
{
	struct fs_nodes_stats s;

	fs_nodes_stats(t, &s);
	return s.nodes;
}

/* The notification (dir, name) is in l. */
static bool
has(const struct fs_invals *l, uint64_t dir, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].dir == dir && strcmp(l->v[i].name, name) == 0)
			return true;
	return false;
}

START_TEST(a_forgotten_node_and_its_parents_are_freed)
{
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));
	uint64_t p = look(r, "p", view(STEME_LENS_RECENCY, 5));

	ck_assert_uint_eq(count(), 4);
	fs_nodes_forget(t, a, 1);
	fs_nodes_forget(t, r, 1);
	ck_assert_uint_eq(count(), 4);	/* p still needs them */
	fs_nodes_forget(t, p, 1);
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(a_lookup_of_the_same_version_gives_the_same_node)
{
	uint64_t r = look(1, "@recency", lens(STEME_LENS_RECENCY));
	uint64_t p = look(r, "p", view(STEME_LENS_RECENCY, 5));

	ck_assert_uint_eq(look(r, "p", view(STEME_LENS_RECENCY, 5)), p);
	fs_nodes_forget(t, p, 1);
	ck_assert_uint_eq(count(), 3);
	fs_nodes_forget(t, p, 1);
	ck_assert_uint_eq(count(), 2);
}
END_TEST

START_TEST(a_new_version_gets_a_new_node_and_the_old_one_stays)
{
	uint64_t r = look(1, "@recency", lens(STEME_LENS_RECENCY));
	uint64_t p = look(r, "p", view(STEME_LENS_RECENCY, 5));
	uint64_t q = look(r, "p", view(STEME_LENS_RECENCY, 6));
	struct fs_node *old = fs_nodes_get(t, p), *dir = fs_nodes_get(t, r), *n;

	ck_assert_uint_ne(p, q);
	ck_assert_ptr_nonnull(old);
	ck_assert_uint_eq(old->version, 5);
	ck_assert_uint_eq(old->ino, fs_ino(dir->ino, S("p")));
	n = fs_nodes_find(t, dir, S("p"));
	ck_assert_uint_eq(n->id, q);
	ck_assert_uint_eq(n->ino, old->ino);	/* st_ino goes by the path */
	fs_nodes_put(t, n);
	fs_nodes_put(t, old);
	fs_nodes_put(t, dir);
}
END_TEST

START_TEST(a_change_reaches_the_known_views_of_its_predicate_only)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));
	uint64_t c = look(a, "@consensus", lens(STEME_LENS_CONSENSUS));

	look(r, "p", view(STEME_LENS_RECENCY, 5));
	look(r, "q", view(STEME_LENS_RECENCY, 5));
	look(c, "p", view(STEME_LENS_CONSENSUS, 5));
	look(a, "@recency.json", (struct fs_what){ .kind = FS_VIEW_JSON,
	    .as_of_us = INT64_MAX, .version = 5 });
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert_uint_eq(l.n, 3);
	ck_assert(has(&l, r, "p") && has(&l, c, "p") &&
	    has(&l, a, "@recency.json"));
	/* once told, there is nothing new to tell until it is looked up again */
	l.n = 0;
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert_uint_eq(l.n, 0);
	look(r, "p", view(STEME_LENS_RECENCY, 6));
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert_uint_eq(l.n, 1);
	/* other concepts, deeper or shallower, are none of its business */
	l.n = 0;
	fs_nodes_changed(t, S("a/b"), S("q"), false, false, &l);
	fs_nodes_changed(t, S("b"), S("q"), false, false, &l);
	ck_assert_uint_eq(l.n, 0);
	free(l.v);
}
END_TEST

START_TEST(a_name_being_resolved_is_seen_by_a_change)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));
	struct fs_node *dir = fs_nodes_get(t, r);
	struct fs_node *n = fs_nodes_enter(t, dir, S("p"));

	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert(has(&l, r, "p"));
	fs_nodes_put(t, n);
	fs_nodes_put(t, dir);
	free(l.v);
}
END_TEST

START_TEST(a_new_name_invalidates_the_listing_too)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));

	fs_nodes_changed(t, S("a"), S("new"), true, false, &l);
	ck_assert(has(&l, r, ""));
	l.n = 0;
	fs_nodes_child_added(t, S("a"), &l);
	ck_assert(has(&l, a, ""));
	l.n = 0;
	fs_nodes_child_added(t, S(""), &l);
	ck_assert(has(&l, 1, ""));
	free(l.v);
}
END_TEST

/* Takes a listing as the daemon does. */
static void
list(uint64_t dir)
{
	struct fs_node *n = fs_nodes_get(t, dir);

	fs_nodes_listed(t, n);
	fs_nodes_put(t, n);
}

START_TEST(a_listing_is_told_of_once_when_a_winner_may_come_or_go)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));

	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert_uint_eq(l.n, 0);
	list(r);
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert(has(&l, r, ""));
	l.n = 0;
	l.pending = false;
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert_uint_eq(l.n, 0);
	ck_assert(l.pending);	/* the notification may not have been sent yet */
	free(l.v);
}
END_TEST

START_TEST(a_concept_is_listed_anew_when_its_lenses_may_appear)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));

	list(a);
	fs_nodes_changed(t, S("a"), S("first"), true, false, &l);
	ck_assert(has(&l, a, ""));
	list(a);
	l.n = 0;
	fs_nodes_all_changed(t, &l);	/* an alias, say */
	ck_assert(has(&l, a, ""));
	free(l.v);
}
END_TEST

START_TEST(a_constraint_reaches_the_concepts_below)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t b = look(a, "b", concept("a/b"));
	uint64_t c = look(b, "@constraints", lens(STEME_LENS_CONSTRAINTS));
	uint64_t r = look(b, "@recency", lens(STEME_LENS_RECENCY));

	look(c, "must_use", view(STEME_LENS_CONSTRAINTS, 5));
	look(r, "must_use", view(STEME_LENS_RECENCY, 5));
	fs_nodes_changed(t, S("a"), S("must_use"), false, true, &l);
	ck_assert(has(&l, c, "must_use"));
	ck_assert(!has(&l, r, "must_use"));
	free(l.v);
}
END_TEST

START_TEST(a_change_reaches_the_trees_of_other_times)
{
	struct fs_invals l = { 0 };
	struct fs_what w = { .kind = FS_AT, .as_of_us = INT64_MAX };
	uint64_t at = look(1, "@at", w), then, a, r;
	struct fs_what tw = concept("");

	tw.as_of_us = 1000;
	then = look(at, "1970-01-01", tw);
	tw = concept("a");
	tw.as_of_us = 1000;
	a = look(then, "a", tw);
	w = lens(STEME_LENS_RECENCY);
	w.as_of_us = 1000;
	r = look(a, "@recency", w);
	w = view(STEME_LENS_RECENCY, 5);
	w.as_of_us = 1000;
	look(r, "p", w);
	fs_nodes_changed(t, S("a"), S("p"), false, false, &l);
	ck_assert(has(&l, r, "p"));
	free(l.v);
}
END_TEST

START_TEST(a_global_change_reaches_every_view)
{
	struct fs_invals l = { 0 };
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));

	look(r, "p", view(STEME_LENS_RECENCY, 5));
	look(r, "q", view(STEME_LENS_RECENCY, 5));
	fs_nodes_all_changed(t, &l);
	ck_assert(has(&l, r, "p") && has(&l, r, "q") && has(&l, r, ""));
	free(l.v);
}
END_TEST

START_TEST(beyond_the_limit_the_kernel_is_asked_to_forget_the_oldest_file)
{
	struct fs_nodes *small;
	struct fs_nodes_stats s;
	uint64_t r, first;
	char name[16];

	fs_nodes_free(t);
	ck_assert_int_eq(fs_nodes_new(&small, 10), STEME_OK);
	t = small;
	r = look(1, "@recency", lens(STEME_LENS_RECENCY));
	first = look(r, "p0", view(STEME_LENS_RECENCY, 5));
	for (int i = 1; i <= 10; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		ck_assert(!told);
		look(r, name, view(STEME_LENS_RECENCY, 5));
	}
	ck_assert(told);
	ck_assert_uint_eq(oldest.dir, r);
	ck_assert_str_eq(oldest.name, "p0");
	fs_nodes_stats(t, &s);
	ck_assert_uint_eq(s.files, 10);
	ck_assert_uint_eq(s.dropped, 1);
	/* it may be open: it stays until the kernel forgets it */
	fs_nodes_put(t, fs_nodes_get(t, first));
	fs_nodes_forget(t, first, 1);
	ck_assert_ptr_null(fs_nodes_get(t, first));
}
END_TEST

START_TEST(a_claim_takes_one_write)
{
	struct fs_node *n = fs_nodes_anonymous(t, fs_nodes_root(t), S("p"));

	ck_assert_int_eq(fs_nodes_take_write(t, n, 0), 0);
	ck_assert_int_eq(fs_nodes_take_write(t, n, 0), EINVAL);
	fs_nodes_put(t, n);
	ck_assert_uint_eq(count(), 1);
}
END_TEST

START_TEST(a_claim_whose_write_was_refused_takes_no_other)
{
	struct fs_node *n = fs_nodes_anonymous(t, fs_nodes_root(t), S("p"));

	ck_assert_int_eq(fs_nodes_take_write(t, n, EFBIG), EFBIG);
	ck_assert_int_eq(fs_nodes_take_write(t, n, 0), EFBIG);
	fs_nodes_put(t, n);
}
END_TEST

START_TEST(thousands_of_names_are_found_again)
{
	uint64_t r = look(1, "@recency", lens(STEME_LENS_RECENCY));
	struct fs_node *dir = fs_nodes_get(t, r), *n;
	char name[16];

	fs_nodes_put(t, dir);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		look(1, name, concept(name));
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		n = fs_nodes_find(t, fs_nodes_root(t), S(name));
		ck_assert_ptr_nonnull(n);
		ck_assert_str_eq(n->concept, name);
		fs_nodes_put(t, n);
	}
}
END_TEST

static void *
churn(void *arg)
{
	uint64_t r = *(uint64_t *)arg;
	struct fs_invals l = { 0 };
	char name[8];

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "p%d", i % 7);
		uint64_t id = look(r, name, view(STEME_LENS_RECENCY,
		    (uint64_t)i / 100));

		l.n = 0;
		fs_nodes_changed(t, S("a"), S(name), false, false, &l);
		fs_nodes_forget(t, id, 1);
	}
	free(l.v);
	return NULL;
}

START_TEST(threads_that_look_up_change_and_forget_leave_nothing_behind)
{
	uint64_t a = look(1, "a", concept("a"));
	uint64_t r = look(a, "@recency", lens(STEME_LENS_RECENCY));
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&th[i], NULL, churn, &r), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	ck_assert_uint_eq(count(), 3);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("node");
	TCase *c = tcase_create("node");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_forgotten_node_and_its_parents_are_freed);
	tcase_add_test(c, a_lookup_of_the_same_version_gives_the_same_node);
	tcase_add_test(c, a_new_version_gets_a_new_node_and_the_old_one_stays);
	tcase_add_test(c, a_change_reaches_the_known_views_of_its_predicate_only);
	tcase_add_test(c, a_name_being_resolved_is_seen_by_a_change);
	tcase_add_test(c, a_new_name_invalidates_the_listing_too);
	tcase_add_test(c, a_listing_is_told_of_once_when_a_winner_may_come_or_go);
	tcase_add_test(c, a_concept_is_listed_anew_when_its_lenses_may_appear);
	tcase_add_test(c, a_constraint_reaches_the_concepts_below);
	tcase_add_test(c, a_change_reaches_the_trees_of_other_times);
	tcase_add_test(c, a_global_change_reaches_every_view);
	tcase_add_test(c, beyond_the_limit_the_kernel_is_asked_to_forget_the_oldest_file);
	tcase_add_test(c, a_claim_takes_one_write);
	tcase_add_test(c, a_claim_whose_write_was_refused_takes_no_other);
	tcase_add_test(c, thousands_of_names_are_found_again);
	tcase_add_test(c, threads_that_look_up_change_and_forget_leave_nothing_behind);
	suite_add_tcase(s, c);
	return s;
}

#include "tests/runner.h"
