/* SPDX-License-Identifier: Apache-2.0 */
/* check_guard_trail.c - slow requests, the audit trail, hot concepts. */
#include "config.h"
#include "api/audit.h"
#include "api/hotpaths.h"
#include "api/slowlog.h"
#include "core/util.h"

#include <check.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define S	INT64_C(1000000)
#define DAY	(86400 * S)

/* ---- slow requests ---- */

static struct json_object *
slow_json(struct api_slowlog *l, int64_t now)
{
	struct steme_buf b = { 0 };
	struct json_object *o;

	api_slowlog_write(l, now, now, &b);
	steme_buf_putc(&b, '\0');
	o = json_tokener_parse((const char *)b.data);
	steme_buf_fini(&b);
	ck_assert_ptr_nonnull(o);
	return o;
}

static const char *
text(struct json_object *o, size_t i, const char *key)
{
	struct json_object *v = json_object_object_get(json_object_array_get_idx(
	    json_object_object_get(o, "queries"), i), key);

	return v == NULL ? "(none)" : json_object_get_string(v);
}

START_TEST(what_runs_is_listed_and_what_was_slow_stays)
{
	struct api_slowlog *l = api_slowlog_new(500000);
	struct api_running a = { .method = "GET", .path = "/v1/query", .who = "",
	    .start_us = S };
	struct api_running b = a, quick = a, other = a, upload = a;
	struct json_object *o;

	api_running_about(&a, STEME_LIT("c d/e"), STEME_LIT(""), STEME_LIT("recency"));
	api_running_about(&b, STEME_LIT("b"), STEME_LIT("p"), STEME_LIT(""));
	api_running_about(&quick, STEME_LIT(""), STEME_LIT(""), STEME_LIT(""));
	api_slowlog_begin(l, &a);
	api_slowlog_begin(l, &b);
	api_slowlog_begin(l, &quick);
	api_slowlog_begin(l, &other);
	/* one about nothing is not told, be its subject empty or none */
	o = slow_json(l, S);
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "queries")), 2);
	json_object_put(o);
	/* unless it may be what others wait for */
	upload.method = "POST";
	upload.path = "/v1/assertions";
	api_slowlog_begin(l, &upload);
	o = slow_json(l, S);
	ck_assert_str_eq(text(o, 0, "subject"), "/v1/assertions");
	ck_assert_str_eq(text(o, 0, "running"), "true");
	json_object_put(o);
	api_slowlog_end(l, &upload, "", S + 1);
	api_slowlog_end(l, &quick, "", S + 500000);
	o = slow_json(l, 3 * S);
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "queries")), 2);
	/* no predicate is a star, blanks are encoded: the runbook counts fields */
	ck_assert_str_eq(text(o, 0, "subject"), "b");
	ck_assert_str_eq(text(o, 0, "predicate"), "p");
	ck_assert_str_eq(text(o, 0, "lens"), "(none)");
	ck_assert_str_eq(text(o, 1, "subject"), "c%20d/e");
	ck_assert_str_eq(text(o, 1, "predicate"), "*");
	ck_assert_str_eq(text(o, 1, "concept_path"), "c d/e");
	ck_assert_str_eq(text(o, 1, "duration_ms"), "2000");
	ck_assert_str_eq(text(o, 1, "running"), "true");
	ck_assert_str_eq(text(o, 1, "lens"), "recency");
	json_object_put(o);
	api_slowlog_end(l, &a, "me", S + 500001);
	api_slowlog_end(l, &a, "me", 9 * S);
	api_slowlog_end(l, &b, "", S + 1);
	o = slow_json(l, 3 * S);
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "queries")), 1);
	ck_assert_str_eq(text(o, 0, "agent_id"), "me");
	ck_assert_str_eq(text(o, 0, "running"), "false");
	ck_assert_str_eq(text(o, 0, "at"), "1970-01-01T00:00:01.000000Z");
	json_object_put(o);
	/* what was slow is kept, and never without a subject */
	api_slowlog_end(l, &other, "", 9 * S);
	o = slow_json(l, 9 * S);
	ck_assert_str_eq(text(o, 0, "subject"), "/v1/query");
	ck_assert_str_eq(text(o, 0, "predicate"), "*");
	ck_assert_str_eq(text(o, 0, "concept_path"), "(none)");
	ck_assert_str_eq(text(o, 0, "lens"), "(none)");
	json_object_put(o);
	free(a.about);
	free(b.about);
	free(quick.about);
	api_slowlog_free(l);
}
END_TEST

START_TEST(the_last_thousand_are_kept_latest_first)
{
	struct api_slowlog *l = api_slowlog_new(0);
	struct json_object *o;
	char name[32];

	for (int i = 0; i < 2500; i++) {
		struct api_running r = { .method = "GET", .path = "/", .who = "" };

		snprintf(name, sizeof(name), "n%d", i);
		api_running_about(&r, steme_str_from(name), STEME_LIT("p"),
		    STEME_LIT(""));
		api_slowlog_begin(l, &r);
		api_slowlog_end(l, &r, "", 1);
		free(r.about);
	}
	o = slow_json(l, S);
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "queries")), API_SLOW_KEPT);
	ck_assert_str_eq(text(o, 0, "subject"), "n2499");
	ck_assert_str_eq(text(o, 999, "subject"), "n1500");
	json_object_put(o);
	api_slowlog_free(l);
}
END_TEST

/* ---- the audit trail ---- */

static struct steme_buf page;

static struct json_object *
audit_json(struct api_audit *a, struct api_audit_filter f)
{
	steme_buf_clear(&page);
	api_audit_write(a, &f, &page);
	steme_buf_putc(&page, '\0');
	return json_tokener_parse((const char *)page.data);
}

static void
audit_add(struct api_audit *a, enum api_audit_kind kind, int64_t at, const char *uri,
    const char *body)
{
	api_audit_add(a, &(struct api_audit_entry){ .kind = kind, .at_us = at,
	    .status = 200, .method = "GET", .path = "/v1/query",
	    .address = "127.0.0.1", .who = kind == API_AUDIT_WRITE ? "me" : "",
	    .uid = -1, .request = steme_str_from(uri), .body = steme_str_from(body) });
}

START_TEST(pages_of_the_trail_fit_together_and_it_is_bounded)
{
	struct api_audit *a = api_audit_new(10, NULL);
	struct api_audit_filter f = { .kind = -1, .limit = 4 };
	struct json_object *o, *c;
	unsigned seen = 0, pages = 0;
	char uri[32];

	for (int i = 0; i < 25; i++) {
		snprintf(uri, sizeof(uri), "/%d", i);
		audit_add(a, i % 5 == 0 ? API_AUDIT_WRITE : API_AUDIT_QUERY, S * i, uri, "");
	}
	do {
		o = audit_json(a, f);
		seen += (unsigned)json_object_array_length(
		    json_object_object_get(o, "entries"));
		c = json_object_object_get(o, "next_cursor");
		f.before = c == NULL ? 0 : strtoull(json_object_get_string(c), NULL, 10);
		json_object_put(o);
		pages++;
	} while (f.before != 0);
	ck_assert_uint_eq(seen, 10);
	ck_assert_uint_eq(pages, 3);
	o = audit_json(a, (struct api_audit_filter){ .kind = API_AUDIT_WRITE,
	    .who = "me", .limit = 100 });
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "entries")), 2);
	ck_assert_ptr_nonnull(strstr((char *)page.data, "\"/20\""));
	json_object_put(o);
	o = audit_json(a, (struct api_audit_filter){ .kind = -1, .path = "/v1/other",
	    .limit = 100 });
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "entries")), 0);
	json_object_put(o);
	api_audit_free(a);
	steme_buf_fini(&page);
}
END_TEST

START_TEST(a_long_trail_is_told_whole_and_in_order)
{
	struct api_audit *a = api_audit_new(4000, NULL);
	struct json_object *o, *list;
	char uri[32];
	size_t n;

	for (int i = 0; i < 5000; i++) {
		snprintf(uri, sizeof(uri), "/%d", i);
		audit_add(a, i % 1500 == 0 ? API_AUDIT_WRITE : API_AUDIT_QUERY, S * i,
		    uri, "");
	}
	o = audit_json(a, (struct api_audit_filter){ .kind = -1, .limit = 10000 });
	list = json_object_object_get(o, "entries");
	ck_assert_uint_eq(n = json_object_array_length(list), 4000);
	ck_assert_ptr_null(json_object_object_get(o, "next_cursor"));
	for (size_t i = 0; i < n; i++) {
		snprintf(uri, sizeof(uri), "/%zu", 4999 - i);
		ck_assert_str_eq(json_object_get_string(json_object_object_get(
		    json_object_array_get_idx(list, i), "request")), uri);
	}
	json_object_put(o);
	/* far apart: 1,500 others between two of them */
	o = audit_json(a, (struct api_audit_filter){ .kind = API_AUDIT_WRITE,
	    .limit = 10000 });
	ck_assert_uint_eq(json_object_array_length(json_object_object_get(o,
	    "entries")), 3);
	json_object_put(o);
	api_audit_free(a);
	steme_buf_fini(&page);
}
END_TEST

START_TEST(nothing_that_seems_secret_is_kept)
{
	struct api_audit *a = api_audit_new(10, NULL);

	audit_add(a, API_AUDIT_ADMIN, 0, "/a?lens=x&api_key=hunter2&y=1&Token=hunter2",
	    "");
	audit_add(a, API_AUDIT_ADMIN, 0, "/b", "{\"password\":\"hunter2\"}");
	audit_add(a, API_AUDIT_ADMIN, 0, "/c\xff", "{\"agent_id\":\"x\"}");
	json_object_put(audit_json(a, (struct api_audit_filter){ .kind = -1,
	    .limit = 10 }));
	ck_assert_ptr_null(strstr((char *)page.data, "hunter2"));
	ck_assert_ptr_nonnull(strstr((char *)page.data,
	    "\"/a?lens=x&api_key=...&y=1&Token=...\""));
	ck_assert_ptr_nonnull(strstr((char *)page.data, "\"/b (body not kept)\""));
	ck_assert_ptr_nonnull(strstr((char *)page.data, "\"/c? {\\\"agent_id\\\":"));
	api_audit_free(a);
	steme_buf_fini(&page);
}
END_TEST

START_TEST(the_file_has_writes_all_and_queries_some_and_is_rotated)
{
	char dir[] = "/tmp/steme-guard.XXXXXX", path[64], old[80], cmd[96];
	struct api_audit *a;
	struct stat st;
	char uri[300], line[1024];
	unsigned queries = 0, writes = 0, left = 0;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/audit.log", dir);
	a = api_audit_new(0, path);
	for (int i = 0; i < 1000; i++)
		audit_add(a, i % 2 == 0 ? API_AUDIT_QUERY : API_AUDIT_WRITE, S, "/x", "");
	audit_add(a, API_AUDIT_WRITE, 2 * S, "/x", "");
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		queries += strstr(line, "\"query\"") != NULL;
		writes += strstr(line, "\"write\"") != NULL;
		left += strcmp(line, "{\"left_out\":300}\n") == 0;
	}
	fclose(f);
	ck_assert_uint_eq(queries, 200);
	ck_assert_uint_eq(writes, 501);
	ck_assert_uint_eq(left, 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	memset(uri, 'u', sizeof(uri));
	uri[0] = '/';
	uri[299] = '\0';
	for (int i = 0; i < 50000; i++)
		audit_add(a, API_AUDIT_WRITE, 3 * S, uri, "");
	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(stat(old, &st), 0);
	ck_assert_int_ge(st.st_size, 16 << 20);
	ck_assert_int_lt(st.st_size, 17 << 20);
	api_audit_free(a);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static unsigned
lines_with(const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	char line[1024];
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

START_TEST(strangers_who_are_refused_do_not_fill_the_file)
{
	static const struct {
		const char *who;
		int64_t uid;
		unsigned status, kept;
	} cases[] = {
		{ "", -1, 400, 200 }, { "", -1, 401, 200 }, { "", -1, 201, 300 },
		{ "", 1000, 400, 300 }, { "me", -1, 403, 300 },
	};
	char dir[] = "/tmp/steme-guard.XXXXXX", path[64], uri[16], cmd[96];
	struct api_audit *a;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/audit.log", dir);
	a = api_audit_new(0, path);
	for (unsigned c = 0; c < STEME_NELEM(cases); c++) {
		snprintf(uri, sizeof(uri), "/case-%u", c);
		for (int i = 0; i < 300; i++)
			api_audit_add(a, &(struct api_audit_entry){
			    .kind = i % 2 == 0 ? API_AUDIT_WRITE : API_AUDIT_ADMIN,
			    .at_us = (1 + c) * S, .status = cases[c].status,
			    .method = "POST", .path = "/x", .address = "::1",
			    .who = cases[c].who, .uid = cases[c].uid,
			    .request = steme_str_from(uri) });
		ck_assert_uint_eq(lines_with(path, uri), cases[c].kept);
	}
	ck_assert_uint_eq(lines_with(path, "{\"left_out\":100}"), 2);
	api_audit_free(a);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

/* ---- hot concepts ---- */

static int
no_tag(struct steme_str name)
{
	return (int)name.n;
}

START_TEST(the_hottest_are_found_among_many_and_rates_are_true)
{
	struct api_hotpaths *h = api_hotpaths_new(64, 0);
	struct api_hotpath top[3];
	char name[32];
	int64_t t = 0;
	int n = 0;

	/* ten minutes at 1,000 a second: 300 hot/a, 100 hot/b, the rest each another */
	for (int i = 0; i < 600000; i++, t += 1000) {
		int k = i % 10;

		if (k < 3)
			snprintf(name, sizeof(name), "hot/a");
		else if (k == 3)
			snprintf(name, sizeof(name), "hot/b");
		else
			snprintf(name, sizeof(name), "cold/%d", n++);
		ck_assert_int_eq(api_hotpaths_note(h, steme_str_from(name), t, no_tag),
		    (int)strlen(name));
	}
	ck_assert_uint_eq(api_hotpaths_top(h, t, top, 3), 3);
	ck_assert(steme_str_eq(top[0].name, STEME_LIT("hot/a")));
	ck_assert(steme_str_eq(top[1].name, STEME_LIT("hot/b")));
	ck_assert(top[0].rate > 285 && top[0].rate < 301);
	/* never overstated, though pushed about by the cold ones */
	ck_assert(top[1].rate > 80 && top[1].rate < 101);
	ck_assert(top[2].rate < 1);
	ck_assert(fabs(api_hotpaths_total(h, t) - 1000) < 5);
	/* five minutes later it is over; a week later still well */
	api_hotpaths_top(h, t + 300 * S, top, 1);
	ck_assert(top[0].rate < 3);
	t += 7 * DAY;
	api_hotpaths_note(h, STEME_LIT("new"), t, no_tag);
	ck_assert_uint_eq(api_hotpaths_top(h, t, top, 1), 1);
	ck_assert(steme_str_eq(top[0].name, STEME_LIT("new")));
	ck_assert(top[0].rate > 0.016 && top[0].rate < 0.017);
	api_hotpaths_free(h);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("guard_trail");
	TCase *t = tcase_create("trail");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_runs_is_listed_and_what_was_slow_stays);
	tcase_add_test(t, the_last_thousand_are_kept_latest_first);
	tcase_add_test(t, pages_of_the_trail_fit_together_and_it_is_bounded);
	tcase_add_test(t, a_long_trail_is_told_whole_and_in_order);
	tcase_add_test(t, nothing_that_seems_secret_is_kept);
	tcase_add_test(t, the_file_has_writes_all_and_queries_some_and_is_rotated);
	tcase_add_test(t, strangers_who_are_refused_do_not_fill_the_file);
	tcase_add_test(t, the_hottest_are_found_among_many_and_rates_are_true);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
