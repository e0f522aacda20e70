/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_hot.c - one predicate with many claims: what the first look costs after each lone
 * write to it, and of that the collecting.
 *
 *	bench_hot [-n] [CLAIMS...]
 *	-n	no claims are kept
 */
#include "config.h"
#include "core/log.h"
#include "core/sign.h"
#include "core/view.h"
#include "tests/remove_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS	101

static char dir[256], wal[300], kv[300];
static int64_t t0;
static size_t kept = 64 << 20;

static void
check(int err, const char *what, const struct steme_why *why)
{
	if (err == STEME_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, steme_strerror(err),
	    why == NULL ? "" : why->text);
	exit(1);
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(double *t)
{
	qsort(t, ROUNDS, sizeof(*t), by_size);
	return t[ROUNDS / 2];
}

/* Claims as people write them: a source, a sentence, twenty authors. */
static void
write_claim(struct steme_store *s, int i)
{
	struct steme_buf b = {0};
	struct steme_put p = { .sigkind = STEME_SIG_OWN };
	struct steme_write w = { .puts = &p, .n = 1, .hand_in = true };
	uint8_t seed[32] = { (uint8_t)(1 + i % 20) };
	struct steme_key key;
	char value[64];
	struct steme_object o = { .kind = STEME_ASSERTION, .type = STEME_TEXT,
	    .concept = STEME_LIT("drug/semaglutide"),
	    .predicate = STEME_LIT("max_weekly_dose"), .confidence = 9000,
	    .class_ = STEME_EXPERT, .time_us = t0 + i,
	    .source = STEME_LIT("https://example.org/label/semaglutide.pdf") };

	snprintf(value, sizeof(value), "%d.%d mg a week, as the label says", i % 7, i);
	o.value = steme_str_from(value);
	steme_key_from_seed(&key, seed);
	o.agent = key.agent;
	check(steme_object_write(&o, &b, NULL), "object", NULL);
	p.bytes = (struct steme_str){ (char *)b.data, b.len };
	steme_sign(&p.sig, &key, b.data, b.len);
	check(steme_store_write_wait(s, &w), "write", &w.why);
	check(p.err, "write", &p.why);
	steme_buf_fini(&b);
}

/* As everything that renders collects. */
static void
collect(struct steme_store *s, const struct steme_query *q)
{
	struct steme_lens_ctx ctx = { .lifecycle = -1, .now_us = t0 };
	struct steme_cands c;

	steme_bounds_init(&ctx.bounds);
	ctx.world = steme_store_world(s, &ctx.bounds);
	check(steme_store_collect(s, &ctx, q->concept, q->predicate, false, &c),
	    "collect", NULL);
	steme_world_put(ctx.world);
	steme_cands_fini(&c);
}

static void
run(int n)
{
	struct steme_store_opts o = { .wal_dir = wal, .kv_dir = kv,
	    .kept_claims = kept };
	double wrote[ROUNDS], looked[ROUNDS], collected[ROUNDS], at;
	struct steme_why why = { "" };
	const struct steme_view *view;
	struct steme_query q;
	struct steme_views *v;
	struct steme_store *s;

	snprintf(dir, sizeof(dir), "bench-hot-XXXXXX");
	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(wal, sizeof(wal), "%s/wal", dir);
	snprintf(kv, sizeof(kv), "%s/kv", dir);
	check(steme_store_open(&s, &o, &why), "open", &why);
	check(steme_views_new(&v, s, 64 << 20), "views", NULL);
	t0 = steme_wall_us(&steme_clock_system);
	for (int i = 0; i < n; i++)
		write_claim(s, i);
	steme_query_init(&q);
	q.lens = STEME_LENS_CONSENSUS;
	q.concept = STEME_LIT("drug/semaglutide");
	q.predicate = STEME_LIT("max_weekly_dose");
	for (int i = 0; i < ROUNDS; i++) {
		at = now_us();
		write_claim(s, n + i);
		wrote[i] = now_us() - at;
		at = now_us();
		check(steme_view_file(v, &q, &view), "look", NULL);
		steme_view_put(view);
		looked[i] = now_us() - at;
		at = now_us();
		collect(s, &q);
		collected[i] = now_us() - at;
	}
	printf("%6d claims: a write %6.0f us, a look after it %6.0f us, collecting "
	    "alone %6.0f us\n", n, median(wrote), median(looked), median(collected));
	steme_views_free(v);
	steme_store_close(s);
	remove_tree(dir);
}

int
main(int argc, char **argv)
{
	static const int usual[] = { 5, 100, 1000, 10000 };

	check(steme_sign_init(), "libsodium", NULL);
	steme_log_set_level(STEME_WARN);
	if (argc > 1 && strcmp(argv[1], "-n") == 0) {
		kept = 0;
		argc--;
		argv++;
	}
	for (int i = 1; i < argc; i++)
		run(atoi(argv[i]));
	for (size_t i = 0; argc == 1 && i < sizeof(usual) / sizeof(usual[0]); i++)
		run(usual[i]);
	return 0;
}
