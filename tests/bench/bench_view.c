/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_view.c - what a look costs: from the cache, and rendered anew with five
 * candidates, the index in memory.
 */
#include "config.h"
#include "tests/view_fixture.h"

#include "core/render.h"
#include "core/view_cache.h"

#include <time.h>

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
bench(const char *what, struct steme_views *v, const struct steme_query *q, int kind,
    int n)
{
	struct steme_buf b = { 0 };
	const struct steme_view *view;
	double t = now_ns();

	for (int i = 0; i < n; i++) {
		if (kind == 1) {
			steme_buf_clear(&b);
			MUST(steme_json_query(v, q, &b, NULL));
		} else {
			MUST(steme_view_file(v, q, &view));
			steme_view_put(view);
		}
	}
	printf("%-44s %9.0f ns\n", what, (now_ns() - t) / n);
	steme_buf_fini(&b);
}

/* One winner's item: collecting, choosing, writing. */
static void
bench_item(int n)
{
	struct steme_query q = fix_query(STEME_LENS_RECENCY, "drug/sema", "dose");
	struct steme_buf b = { 0 };
	struct steme_render r;
	struct steme_cands cands;
	struct steme_result res;
	double t;

	MUST(steme_render_begin(&r, fix.s, &q));
	t = now_ns();
	for (int i = 0; i < n; i++) {
		MUST(steme_render_collect(&r, q.concept, q.predicate, &cands));
		steme_cands_fini(&cands);
	}
	printf("%-44s %9.0f ns\n", "  of it: collect and filter", (now_ns() - t) / n);
	MUST(steme_render_collect(&r, q.concept, q.predicate, &cands));
	t = now_ns();
	for (int i = 0; i < n; i++) {
		MUST(steme_lens_resolve(q.lens, &r.ctx, cands.groups[0].c,
		    cands.groups[0].counting, &res));
		steme_result_fini(&res);
	}
	printf("%-44s %9.0f ns\n", "  of it: the lens", (now_ns() - t) / n);
	MUST(steme_lens_resolve(q.lens, &r.ctx, cands.groups[0].c,
	    cands.groups[0].counting, &res));
	t = now_ns();
	for (int i = 0; i < n; i++) {
		steme_buf_clear(&b);
		steme_item_winner(&b, q.concept, &cands.groups[0], &res);
	}
	printf("%-44s %9.0f ns\n", "  of it: writing one item", (now_ns() - t) / n);
	steme_result_fini(&res);
	steme_cands_fini(&cands);
	steme_render_end(&r);
	steme_buf_fini(&b);
}

int
main(void)
{
	static const char *const value[] = { "2.4 mg", "2.0 mg", "2.4 mg", "1 mg",
	    "2.4 mg" };
	struct steme_query q, c;
	struct steme_views *cold;

	fix_open(64 << 20);
	MUST(steme_views_new(&cold, fix.s, 0));
	for (int i = 0; i < 5; i++)
		fix_assert(1 + i % 5, "drug/sema", "dose", STEME_TEXT, value[i],
		    "2026-01-01");
	q = fix_query(STEME_LENS_RECENCY, "drug/sema", "dose");
	c = fix_query(STEME_LENS_CONSTRAINTS, "drug/sema/a/b", NULL);
	bench("warm value file", fix.v, &q, 0, 2000000);
	bench("warm /v1/query", fix.v, &q, 1, 2000000);
	bench("warm constraints, 4 levels", fix.v, &c, 1, 2000000);
	bench("cold value file, 5 candidates", cold, &q, 0, 100000);
	bench("cold /v1/query, 5 candidates", cold, &q, 1, 100000);
	bench_item(200000);
	q.lens = STEME_LENS_CONSENSUS;
	bench("cold /v1/query consensus", cold, &q, 1, 100000);
	q.lens = STEME_LENS_SKEPTIC;
	bench("cold /v1/query skeptic", cold, &q, 1, 100000);
	steme_views_free(cold);
	fix_close();
	return 0;
}
