/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_index.c - bulk load of the LevelDB index with entries as claims make them:
 * a 'C' entry of about 450 bytes and an 'R' entry of about 60 a claim, in batches.
 *
 * bench_index [-n claims] [-d dir] [-w MiB] [-f MiB] [-b KiB] [-c MiB] [-usk] [-m]
 *   -w write buffer, -f table size, -b block size, -c block cache, -u uncompressed,
 *   -s claims in random order of concepts, -k keeps the folder, -m all settings worth
 *   comparing.
 * A row: puts/s and MB/s of the load, CPU time of the writer per put, seconds until compaction was done with what
 * it left, a checkpoint in the middle, reads, size, files, memory.
 */
#include "config.h"
#include "core/clock.h"
#include "core/index.h"
#include "core/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	1000	/* claims: 2,000 puts */
#define PREDS	6	/* predicates a concept */

struct settings {
	const char *dir;
	unsigned claims;
	size_t write_buffer, max_file, block, cache;
	bool plain, shuffled, keep;
};

static struct settings set = { .dir = "/tmp/bench-index", .claims = 300000,
	.write_buffer = 32 << 20, .max_file = 32 << 20, .block = 4096,
	.cache = 16 << 20 };
static struct steme_index *ix;
static uint64_t peak_kib;
static int64_t writing_cpu_us;

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

static double
since(int64_t t0)
{
	return (double)(now_us() - t0) / 1e6;
}

/* CPU time of this thread: what a busy machine does not change. */
static int64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Anonymous memory of this process in KiB. */
static uint64_t
rss_anon(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v = 0;
	char line[128];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %llu", &v) == 1)
			break;
	if (f != NULL)
		fclose(f);
	if (v > peak_kib)
		peak_kib = v;
	return v;
}

/* ---- entries ---- */

static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static void
id_of(struct steme_id *id, uint64_t i)
{
	for (unsigned k = 0; k < 4; k++) {
		uint64_t v = mix(i * 4 + k);

		memcpy(id->b + k * 8, &v, 8);
	}
}

struct claim {
	struct steme_id id;
	struct steme_keybuf home;
	uint8_t val[1024];
	size_t n;
};

/* The record of claim i: head and signature are random bytes, the object is text. */
static void
make_claim(struct claim *c, unsigned i)
{
	static const char *const preds[PREDS] = { "support_chrome", "support_edge",
	    "support_firefox", "support_safari", "deprecated", "spec_url" };
	unsigned concept = set.shuffled ?
	    (unsigned)(mix(i) % (set.claims / PREDS + 1)) : i / PREDS;
	char path[64];
	const char *pred = preds[i % PREDS];
	int64_t time_us = 1795226400000000 + i;
	struct steme_id sig[3];

	snprintf(path, sizeof(path), "web/api/Interface%04u/member_%06u",
	    concept / 40, concept);
	id_of(&c->id, i);
	for (unsigned k = 0; k < 3; k++)
		id_of(&sig[k], (uint64_t)i << 8 | (k + 1));
	steme_key_assertion(&c->home, steme_str_from(path), steme_str_from(pred),
	    time_us, &c->id);
	memcpy(c->val, sig, sizeof(sig));
	c->n = sizeof(sig) + (size_t)snprintf((char *)c->val + sizeof(sig),
	    sizeof(c->val) - sizeof(sig),
	    "steme assertion 1\nconcept %s\npredicate %s\ntype text\n"
	    "confidence 0.95\nclass expert\nsource npm:@mdn/browser-compat-data@5."
	    "6.0#%s\ntime 2026-11-21T02:%02u:%02u.%06uZ\nagent 3b6a27bcceb6a42d62a"
	    "3a8d02a6f0d73653215771de243a63ac048a18b59da29\n\nversion added %llu",
	    path, pred, path, i / 60 % 60, i % 60, i % 1000000,
	    (unsigned long long)(mix(i) % 130));
}

static void
put_claim(struct steme_batch *b, const struct claim *c)
{
	struct steme_keybuf k;
	uint8_t ptr[1 + STEME_KEY_MAX];

	steme_batch_put(b, c->home.b, c->home.n, c->val, c->n);
	steme_key_record(&k, &c->id);
	ptr[0] = STEME_R_POINTER;
	memcpy(ptr + 1, c->home.b, c->home.n);
	steme_batch_put(b, k.b, k.n, ptr, 1 + c->home.n);
}

/* ---- phases ---- */

static void
check(int err, const char *what)
{
	struct steme_index_stats st;

	if (err == STEME_OK)
		return;
	fprintf(stderr, "bench_index: %s: %s", what, steme_strerror(err));
	if (ix != NULL && ix->ops->stats(ix, &st) == STEME_OK)
		fprintf(stderr, " (%s)", st.error);
	fprintf(stderr, "\n");
	exit(EXIT_FAILURE);
}

/* Loads all claims; *making: seconds spent on making them, *mid: on a checkpoint. */
static double
load(double *making, double *mid, double *worst)
{
	struct steme_batch *b = steme_batch_new();
	static struct claim c[BATCH];
	int64_t t0 = now_us(), t, cpu;
	double s;

	*making = *mid = *worst = 0;
	for (unsigned i = 0; i < set.claims; i += BATCH) {
		t = now_us();
		for (unsigned k = 0; k < BATCH; k++)
			make_claim(&c[k], i + k);
		*making += since(t);
		t = now_us();
		cpu = cpu_us();
		for (unsigned k = 0; k < BATCH; k++)
			put_claim(b, &c[k]);
		check(ix->ops->write(ix, b, false), "write");
		writing_cpu_us += cpu_us() - cpu;
		s = since(t);
		if (s > *worst)
			*worst = s;
		if (i / BATCH == set.claims / BATCH / 2) {
			t = now_us();
			check(ix->ops->checkpoint(ix), "checkpoint");
			*mid = since(t);
		}
		rss_anon();
	}
	steme_batch_free(b);
	return since(t0) - *making - *mid;
}

/* Seconds until LevelDB has nothing left to compact by its own rules. */
static double
settle(void)
{
	struct steme_index_stats st = { 0 };
	int64_t t0 = now_us(), quiet = t0;
	uint64_t written = 0;

	while (now_us() - quiet < 300000) {
		usleep(20000);
		rss_anon();
		check(ix->ops->stats(ix, &st), "stats");
		if (st.compaction_written_bytes != written ||
		    st.pending_compaction_bytes > 0)
			quiet = now_us();
		written = st.compaction_written_bytes;
		if (now_us() - t0 > 60000000)
			break;
	}
	return (double)(quiet - t0) / 1e6;
}

/* Microseconds for a get of 'R' and of what it names; for an entry of a scan. */
static void
reads(double *get_us, double *scan_us)
{
	struct steme_keybuf k, from, to;
	struct steme_id id;
	struct steme_iter it;
	unsigned n = 20000, got = 0;
	uint8_t *home, *val;
	size_t hn, vn;
	int64_t t0 = now_us();

	for (unsigned i = 0; i < n; i++) {
		id_of(&id, mix(i) % set.claims);
		steme_key_record(&k, &id);
		check(ix->ops->get(ix, NULL, k.b, k.n, &home, &hn), "get");
		check(ix->ops->get(ix, NULL, home + 1, hn - 1, &val, &vn), "get");
		free(home);
		free(val);
	}
	*get_us = since(t0) * 1e6 / n;
	steme_key_range_family(&from, &to, 'C');
	t0 = now_us();
	check(ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, false, &it),
	    "iterator");
	while (ix->ops->iter_next(ix, &it) == STEME_OK)
		got++;
	ix->ops->iter_close(ix, &it);
	*scan_us = since(t0) * 1e6 / (got > 0 ? got : 1);
	if (got != set.claims) {
		fprintf(stderr, "bench_index: %u of %u claims found\n", got,
		    set.claims);
		exit(EXIT_FAILURE);
	}
}

static void
head(void)
{
	printf("%-26s %8s %6s %7s %6s %6s %6s %7s %7s %6s %6s %5s %5s %6s %6s\n",
	    "buffer/file/block", "puts/s", "MB/s", "cpu us", "stall", "settle", "chkpt",
	    "get us", "scan us", "MB", "files", "wamp", "peak", "end", "reopen");
}

static void
run(void)
{
	const struct steme_index_opts o = { .write_buffer = set.write_buffer,
	    .block_cache = set.cache, .paranoid = true, .max_file = set.max_file,
	    .block_size = set.block, .no_compression = set.plain };
	double making, mid, worst, took, settled, get_us, scan_us, reopen;
	struct steme_index_stats st;
	struct steme_why why = { "" };
	char name[64];
	uint64_t end;
	int64_t t0;

	check(steme_index_leveldb_destroy(set.dir, &why), why.text);
	check(steme_index_leveldb(&ix, set.dir, &o, &why), why.text);
	took = load(&making, &mid, &worst);
	settled = settle();
	reads(&get_us, &scan_us);
	end = rss_anon();
	check(ix->ops->stats(ix, &st), "stats");
	snprintf(name, sizeof(name), "%zu/%zu/%zu%s%s", set.write_buffer >> 20,
	    set.max_file >> 20, set.block >> 10, set.plain ? " plain" : "",
	    set.shuffled ? " shuffled" : "");
	ix->ops->close(ix);
	t0 = now_us();
	check(steme_index_leveldb(&ix, set.dir, &o, &why), why.text);
	reopen = since(t0);
	printf("%-26s %8.0f %6.1f %7.2f %6.2f %6.1f %6.2f %7.1f %7.2f %6.0f %6llu %5.1f "
	    "%5llu %6llu %6.2f\n", name, (double)st.puts / took,
	    (double)st.put_bytes / took / 1e6,
	    (double)writing_cpu_us / (double)st.puts, worst, settled, mid, get_us, scan_us,
	    (double)st.bytes / 1e6, (unsigned long long)st.files,
	    (double)st.compaction_written_bytes / (double)st.put_bytes,
	    (unsigned long long)peak_kib >> 10, (unsigned long long)end >> 10,
	    reopen);
	fflush(stdout);
	ix->ops->close(ix);
	ix = NULL;
	if (!set.keep)
		check(steme_index_leveldb_destroy(set.dir, &why), why.text);
}

/* In a process of its own: memory is measured from nothing. */
static void
run_apart(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		run();
		exit(EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		exit(EXIT_FAILURE);
}

static void
matrix(void)
{
	static const unsigned buffers[] = { 16, 32, 64, 128, 256 };
	static const unsigned files[] = { 8, 16, 64 };
	static const unsigned blocks[] = { 8, 16, 32 };
	const struct settings base = set;

	for (int plain = 0; plain < 2; plain++)
		for (size_t i = 0; i < 5; i++) {
			set = base;
			set.plain = plain;
			set.write_buffer = (size_t)buffers[i] << 20;
			run_apart();
		}
	for (size_t i = 0; i < 3; i++) {
		set = base;
		set.max_file = (size_t)files[i] << 20;
		run_apart();
	}
	for (size_t i = 0; i < 3; i++) {
		set = base;
		set.block = (size_t)blocks[i] << 10;
		run_apart();
	}
	set = base;
	set.shuffled = true;
	run_apart();
}

int
main(int argc, char **argv)
{
	bool all = false;
	int c;

	while ((c = getopt(argc, argv, "n:d:w:f:b:c:uskm")) != -1)
		switch (c) {
		case 'n':
			set.claims = ((unsigned)strtoul(optarg, NULL, 10) +
			    BATCH - 1) / BATCH * BATCH;
			break;
		case 'd':
			set.dir = optarg;
			break;
		case 'w':
			set.write_buffer = strtoul(optarg, NULL, 10) << 20;
			break;
		case 'f':
			set.max_file = strtoul(optarg, NULL, 10) << 20;
			break;
		case 'b':
			set.block = strtoul(optarg, NULL, 10) << 10;
			break;
		case 'c':
			set.cache = strtoul(optarg, NULL, 10) << 20;
			break;
		case 'u':
			set.plain = true;
			break;
		case 's':
			set.shuffled = true;
			break;
		case 'k':
			set.keep = true;
			break;
		case 'm':
			all = true;
			break;
		default:
			fprintf(stderr, "usage: bench_index [-n claims] [-d dir] "
			    "[-w MiB] [-f MiB] [-b KiB] [-c MiB] [-u] [-s] [-k] "
			    "[-m]\n");
			return EXIT_FAILURE;
		}
	printf("%u claims, 2 puts each, batches of %u puts\n", set.claims,
	    2 * BATCH);
	head();
	fflush(stdout);
	if (all)
		matrix();
	else
		run_apart();
	return EXIT_SUCCESS;
}
