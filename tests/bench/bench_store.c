/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_store.c - the store by itself: bulk import by batches, lone durable writes against
 * a bare append, 32 writers, collecting, offline rebuild, verify.
 *
 *	bench_store [-n CLAIMS] [-d DIR] [-k]
 *	bench_store -r DIR	only the offline rebuild of a folder that -k kept
 */
#include "config.h"
#include "core/check.h"
#include "core/log.h"
#include "core/merkle.h"
#include "core/sign.h"
#include "core/store.h"
#include "tests/remove_tree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH	1000
#define LONE	2000
#define WRITERS	32

static char dir[256], wal[300], kv[300];
static struct steme_key key;
static int64_t t0;

static double
seconds(void)
{
	return (double)steme_mono_us(&steme_clock_system) / 1e6;
}

/* CPU time of all threads: what a busy machine does not change. */
static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
check(int err, const char *what, const struct steme_why *why)
{
	if (err == STEME_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, steme_strerror(err),
	    why == NULL ? "" : why->text);
	exit(1);
}

struct made {
	uint8_t *bytes;
	size_t n;
	struct steme_id id;
	struct steme_sig sig;
};

static struct made
make(size_t i, const char *tag, bool sign)
{
	char concept[128], predicate[32], value[128];
	struct steme_object o = { .kind = STEME_ASSERTION, .type = STEME_TEXT,
	    .confidence = 9500, .class_ = STEME_EXPERT };
	struct steme_buf b = {0};
	struct made m;

	snprintf(concept, sizeof(concept), "browser/%s/api/Interface%zu/member%zu", tag,
	    i / 64, i / 8 % 8);
	snprintf(predicate, sizeof(predicate), "support-%zu", i % 8);
	snprintf(value, sizeof(value), "version_added %zu, flags none", i);
	o.concept = steme_str_from(concept);
	o.predicate = steme_str_from(predicate);
	o.value = steme_str_from(value);
	o.source = STEME_LIT("https://example.org/browser-compat-data");
	o.time_us = t0;
	o.agent = key.agent;
	check(steme_object_write(&o, &b, NULL), "object", NULL);
	check(steme_buf_take(&b, &m.bytes, &m.n), "object", NULL);
	if (sign)
		steme_sign(&m.sig, &key, m.bytes, m.n);
	m.id = steme_hash(m.bytes, m.n);
	return m;
}

static int
id_cmp(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

static void
done(struct steme_write *w)
{
	(void)w;
}

/* ---- bulk ---- */

static double
import(struct steme_store *s, size_t n)
{
	struct made *m = calloc(n, sizeof(*m));
	struct steme_put *puts = calloc(BATCH, sizeof(*puts));
	struct steme_id *ids = calloc(BATCH, sizeof(*ids));
	double start, took = 0, c, used = 0;

	for (size_t i = 0; i < n; i++)
		m[i] = make(i, "bulk", false);
	for (size_t at = 0; at < n; at += BATCH) {
		size_t k = n - at < BATCH ? n - at : BATCH;
		struct steme_object o = { .kind = STEME_BATCH,
		    .count = (uint32_t)k, .time_us = t0, .agent = key.agent,
		    .value = STEME_LIT("") };
		struct steme_write w = { .puts = puts, .n = k, .has_batch = true,
		    .batch_ids = ids, .nbatch_ids = k, .hand_in = true };
		struct steme_buf b = {0};

		for (size_t i = 0; i < k; i++) {
			ids[i] = m[at + i].id;
			puts[i] = (struct steme_put){ .bytes = {
			    (char *)m[at + i].bytes, m[at + i].n },
			    .sigkind = STEME_SIG_BATCH };
		}
		qsort(ids, k, sizeof(*ids), id_cmp);
		check(steme_merkle_root(ids, k, &o.root), "root", NULL);
		check(steme_object_write(&o, &b, NULL), "batch", NULL);
		w.batch = (struct steme_put){ .bytes = { (char *)b.data, b.len },
		    .sigkind = STEME_SIG_OWN };
		steme_sign(&w.batch.sig, &key, b.data, b.len);
		start = seconds();
		c = cpu();
		check(steme_store_write_wait(s, &w), "write", &w.why);
		took += seconds() - start;
		used += cpu() - c;
		check(w.batch.err, "batch", &w.batch.why);
		check(puts[0].err, "put", &puts[0].why);
		steme_buf_fini(&b);
	}
	for (size_t i = 0; i < n; i++)
		free(m[i].bytes);
	free(m);
	free(puts);
	free(ids);
	printf("%-34s %8.2f us CPU a claim\n", "import by batches of 1000",
	    used / (double)n * 1e6);
	return took;
}

/* ---- single writes ---- */

static int
double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print_latency(const char *what, double *t, size_t n)
{
	qsort(t, n, sizeof(*t), double_cmp);
	printf("%-34s p50 %8.1f us   p99 %8.1f us\n", what, t[n / 2] * 1e6,
	    t[n * 99 / 100] * 1e6);
}

static void
lone(struct steme_store *s)
{
	double *a = calloc(LONE, sizeof(*a)), *b = calloc(LONE, sizeof(*b));
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/append", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	for (size_t i = 0; i < LONE; i++) {
		struct made m = make(i, "lone", true);
		struct steme_put p = { .bytes = { (char *)m.bytes, m.n },
		    .sigkind = STEME_SIG_OWN, .sig = m.sig, .verified = true };
		struct steme_write w = { .puts = &p, .n = 1, .hand_in = true };
		double start = seconds();

		/* turn by turn, so that both meet the same disk */
		if (write(fd, m.bytes, m.n) != (ssize_t)m.n || fdatasync(fd) != 0)
			exit(1);
		a[i] = seconds() - start;
		start = seconds();
		steme_store_write_wait(s, &w);
		b[i] = seconds() - start;
		check(p.err, "write", &p.why);
		free(m.bytes);
	}
	close(fd);
	print_latency("append + fdatasync", a, LONE);
	print_latency("lone write, verified before", b, LONE);
	free(a);
	free(b);
}

struct writer {
	pthread_t t;
	struct steme_store *s;
	struct made *m;
	size_t n;
};

static void *
run_writer(void *arg)
{
	struct writer *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		struct steme_put p = { .bytes = { (char *)w->m[i].bytes, w->m[i].n },
		    .sigkind = STEME_SIG_OWN, .sig = w->m[i].sig };
		struct steme_write wr = { .puts = &p, .n = 1, .hand_in = true,
		    .done = done };

		steme_store_write_wait(w->s, &wr);
		check(p.err, "write", &p.why);
	}
	return NULL;
}

static void
many(struct steme_store *s)
{
	struct writer w[WRITERS];
	struct steme_store_stats a, b;
	size_t each = 300;
	double start;

	for (size_t i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ .s = s, .n = each,
		    .m = calloc(each, sizeof(struct made)) };
		for (size_t j = 0; j < each; j++)
			w[i].m[j] = make(i * each + j, "many", true);
	}
	steme_store_stats(s, &a);
	start = seconds();
	for (size_t i = 0; i < WRITERS; i++)
		pthread_create(&w[i].t, NULL, run_writer, &w[i]);
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(w[i].t, NULL);
	start = seconds() - start;
	steme_store_stats(s, &b);
	printf("%-34s %8.0f writes/s, %.1f a sync\n", "32 writers, verified here",
	    WRITERS * each / start, (double)(b.commit_records - a.commit_records) /
	    (double)(b.sync_count - a.sync_count));
	for (size_t i = 0; i < WRITERS; i++) {
		for (size_t j = 0; j < each; j++)
			free(w[i].m[j].bytes);
		free(w[i].m);
	}
}

/* ---- reading ---- */

static void
collecting(struct steme_store *s, size_t n)
{
	size_t rounds = 20000;
	double *t = calloc(rounds, sizeof(*t));
	char concept[128], predicate[32];

	for (size_t i = 0; i < rounds; i++) {
		struct steme_lens_ctx ctx = { .lifecycle = -1, .now_us = t0 };
		struct steme_cands c;
		size_t k = (size_t)random() % n;
		double start;

		snprintf(concept, sizeof(concept),
		    "browser/bulk/api/Interface%zu/member%zu", k / 64, k / 8 % 8);
		snprintf(predicate, sizeof(predicate), "support-%zu", k % 8);
		start = seconds();
		steme_bounds_init(&ctx.bounds);
		ctx.world = steme_store_world(s, &ctx.bounds);
		check(steme_store_collect(s, &ctx, steme_str_from(concept),
		    steme_str_from(predicate), false, &c), "collect", NULL);
		steme_world_put(ctx.world);
		if (c.ngroups != 1)
			exit(1);
		steme_cands_fini(&c);
		t[i] = seconds() - start;
	}
	print_latency("collect, 1 candidate, anywhere", t, rounds);
	for (size_t j = 0; j < 5; j++) {
		struct steme_object o;
		struct made m = make(0, "bulk", false);
		struct steme_buf b = {0};
		struct steme_put p = { .sigkind = STEME_SIG_OWN };
		struct steme_write w = { .puts = &p, .n = 1 };

		steme_object_parse(&o, m.bytes, m.n, NULL);
		o.concept = STEME_LIT("hot/concept");
		o.time_us = t0 + (int64_t)j;
		check(steme_object_write(&o, &b, NULL), "object", NULL);
		p.bytes = (struct steme_str){ (char *)b.data, b.len };
		steme_sign(&p.sig, &key, b.data, b.len);
		steme_store_write_wait(s, &w);
		check(p.err, "write", &p.why);
		steme_buf_fini(&b);
		free(m.bytes);
	}
	for (size_t i = 0; i < rounds; i++) {
		struct steme_lens_ctx ctx = { .lifecycle = -1, .now_us = t0 };
		struct steme_cands c;
		double start = seconds();

		steme_bounds_init(&ctx.bounds);
		ctx.world = steme_store_world(s, &ctx.bounds);
		check(steme_store_collect(s, &ctx, STEME_LIT("hot/concept"),
		    STEME_LIT("support-0"), false, &c), "collect", NULL);
		steme_world_put(ctx.world);
		if (c.groups[0].counting != 5)
			exit(1);
		steme_cands_fini(&c);
		t[i] = seconds() - start;
	}
	print_latency("collect, 5 candidates, hot", t, rounds);
	free(t);
}

static void
rebuild(const struct steme_store_opts *o, double puts_each)
{
	struct steme_applied at;
	struct steme_why why = { "" };
	double took, used = cpu();
	uint64_t us;

	remove_tree(kv);
	took = seconds();
	check(steme_rebuild_offline(o, false, &at, &us, &why), "rebuild", &why);
	took = seconds() - took;
	used = cpu() - used;
	printf("%-34s %8.0f puts/s, %.0f records/s (%.2f s; CPU %.2f s)\n",
	    "offline rebuild", (double)at.counts.objects * puts_each / took,
	    (double)at.counts.objects / took, took, used);
}

int
main(int argc, char **argv)
{
	struct steme_store_opts o = { .wal_dir = wal, .kv_dir = kv };
	struct steme_check_opts co = { .skip_signatures = true };
	struct steme_check_report rep;
	struct steme_store_stats st;
	struct steme_store *s;
	struct steme_why why = { "" };
	const char *base = "/tmp";
	size_t n = 286000;
	const char *only = NULL;
	bool keep = false;
	double took;
	int c;

	while ((c = getopt(argc, argv, "n:d:kr:")) != -1) {
		if (c == 'n')
			n = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			base = optarg;
		else if (c == 'k')
			keep = true;
		else if (c == 'r')
			only = optarg;
		else
			return 2;
	}
	snprintf(dir, sizeof(dir), "%s/steme-bench-XXXXXX", base);
	if (only != NULL)
		snprintf(dir, sizeof(dir), "%s", only);
	else if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(wal, sizeof(wal), "%s/wal", dir);
	snprintf(kv, sizeof(kv), "%s/kv", dir);
	steme_log_set_level(STEME_ERROR);
	check(steme_sign_init(), "sodium", NULL);
	steme_key_generate(&key);
	o.operator_ = key.agent;
	if (only != NULL) {
		rebuild(&o, 2.3);
		return 0;
	}
	t0 = steme_wall_us(&steme_clock_system);
	check(steme_store_open(&s, &o, &why), "open", &why);
	took = import(s, n);
	steme_store_stats(s, &st);
	printf("%-34s %8.0f claims/s  (%zu in %.2f s, %.2f puts a claim)\n",
	    "import by batches of 1000", (double)n / took, n, took,
	    (double)st.index.puts / (double)n);
	lone(s);
	many(s);
	collecting(s, n);
	took = seconds();
	check(steme_store_verify(s, &co, &rep, &why), "verify", &why);
	took = seconds() - took;
	printf("%-34s %8.0f records/s\n", "verify without signatures",
	    (double)rep.records / took);
	took = seconds();
	check(steme_store_rebuild_online(s, &why), "rebuild", &why);
	took = seconds() - took;
	printf("%-34s %8.0f claims/s\n", "online rebuild", (double)n / took);
	steme_store_close(s);
	rebuild(&o, (double)st.index.puts / (double)n);
	took = seconds();
	check(steme_store_open(&s, &o, &why), "open", &why);
	printf("%-34s %8.1f ms\n", "open after that", (seconds() - took) * 1e3);
	steme_store_close(s);
	if (!keep)
		remove_tree(dir);
	return 0;
}
