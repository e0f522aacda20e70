/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_wal.c - what the log costs on this disk: a lone commit of 600 bytes against a bare
 * append and fdatasync of the same bytes, groups of 1 MiB against the same, and a
 * scan.  Argument: a folder to work in (default: the current one).
 */
#include "config.h"
#include "core/clock.h"
#include "core/segments.h"
#include "core/wal.h"
#include "core/walrec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONE		2000		/* commits */
#define ROUND		100		/* of each kind in turn: the disk's mood changes */
#define LONE_BYTES	600
#define GROUPS		256
#define GROUP_RECS	1500

static struct steme_wal *wal;
static char dir[256];
static uint8_t payload[LONE_BYTES];
static uint64_t lsn = 1;

static void
must(int err, const struct steme_why *why, const char *what)
{
	if (err == STEME_OK)
		return;
	fprintf(stderr, "bench_wal: %s: %s\n", what,
	    why != NULL && why->text[0] != '\0' ? why->text :
	    steme_strerror(err));
	exit(EXIT_FAILURE);
}

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(const char *what, int64_t *us, size_t n)
{
	qsort(us, n, sizeof(us[0]), by_time);
	printf("%-44s p50 %6ld us   p90 %6ld us   p99 %6ld us\n", what,
	    (long)us[n / 2], (long)us[n * 9 / 10], (long)us[n * 99 / 100]);
}

static struct steme_segments *
folder(void)
{
	struct steme_segments *s;
	struct steme_why why = { "" };

	must(steme_segments_local(&s, &steme_io_posix, dir, true, &why), &why,
	    "folder");
	return s;
}

static void
commit(size_t n)
{
	static struct steme_wal_rec recs[GROUP_RECS];
	struct steme_why why = { "" };

	for (size_t i = 0; i < n; i++)
		recs[i] = (struct steme_wal_rec){ STEME_WAL_OBJECT, lsn++, lsn,
		    payload, sizeof(payload) };
	must(steme_wal_commit(wal, recs, n, NULL, &why), &why, "commit");
}

static int
plain_file(const char *name, bool room)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd < 0 ? STEME_EIO : STEME_OK, NULL, path);
	if (room && fallocate(fd, 0, 0, 64 << 20) != 0)
		must(STEME_EIO, NULL, "fallocate");
	return fd;
}

/* n bytes at the end of what was written before, and a sync. */
static void
plain(int fd, off_t *end, const void *data, size_t n)
{
	if (pwrite(fd, data, n, *end) != (ssize_t)n || fdatasync(fd) != 0)
		must(STEME_EIO, NULL, "plain append");
	*end += (off_t)n;
}

static void
bench_lone(void)
{
	static int64_t log[LONE], bare[LONE], roomy[LONE];
	int fd[2] = { plain_file("bare", false), plain_file("roomy", true) };
	off_t end[2] = { 0, 0 };

	for (int i = 0; i < LONE; i++) {
		int64_t t;

		t = now_us();
		commit(1);
		log[i] = now_us() - t;
		if ((i + 1) % ROUND != 0)
			continue;
		for (int k = i + 1 - ROUND; k <= i; k++) {
			t = now_us();
			plain(fd[0], &end[0], payload, sizeof(payload));
			bare[k] = now_us() - t;
		}
		for (int k = i + 1 - ROUND; k <= i; k++) {
			t = now_us();
			plain(fd[1], &end[1], payload, sizeof(payload));
			roomy[k] = now_us() - t;
		}
	}
	report("commit of one record of 600 bytes", log, LONE);
	report("bare append of 600 bytes + fdatasync", bare, LONE);
	report("the same into 64 MiB allocated before", roomy, LONE);
	printf("%-44s %.2f (against allocated: %.2f)\n", "ratio of medians",
	    (double)log[LONE / 2] / (double)bare[LONE / 2],
	    (double)log[LONE / 2] / (double)roomy[LONE / 2]);
	close(fd[0]);
	close(fd[1]);
}

static void
bench_groups(void)
{
	size_t n = steme_walrec_size((LONE_BYTES + STEME_WAL_REC_EXTRA) *
	    GROUP_RECS);
	uint8_t *data = malloc(n);
	int fd = plain_file("groups", false);
	int64_t ours = 0, bare = 0, t;
	off_t end = 0;

	if (data == NULL)
		must(STEME_ENOMEM, NULL, "memory");
	memset(data, 'x', n);
	for (int i = 0; i < GROUPS; i++) {
		t = now_us();
		commit(GROUP_RECS);
		ours += now_us() - t;
		t = now_us();
		plain(fd, &end, data, n);
		bare += now_us() - t;
	}
	printf("%-44s %7.1f MB/s, %.0f records/s\n",
	    "groups of 1,500 records (0.94 MB)", (double)n * GROUPS /
	    (double)ours, (double)GROUP_RECS * GROUPS * 1e6 / (double)ours);
	printf("%-44s %7.1f MB/s\n", "bare append + fdatasync of the same",
	    (double)n * GROUPS / (double)bare);
	close(fd);
	free(data);
}

static int
count(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	uint64_t *n = arg;

	(void)rec;
	(void)pos;
	(*n)++;
	return STEME_OK;
}

static void
bench_scan(void)
{
	struct steme_why why = { "" };
	struct steme_segments *s = folder();
	struct steme_segment_info *v;
	uint64_t bytes = 0, n = 0;
	size_t segments;
	int64_t best = INT64_MAX, t;

	must(s->ops->list(s, &v, &segments), NULL, "list");
	for (size_t i = 0; i < segments; i++)
		bytes += v[i].bytes;
	free(v);
	for (int i = 0; i < 3; i++) {
		n = 0;
		t = now_us();
		must(steme_wal_scan(&s, 1, (struct steme_wal_pos){ 0 }, count,
		    NULL, &n, &why), &why, "scan");
		t = now_us() - t;
		best = t < best ? t : best;
	}
	printf("%-44s %7.2f GB/s, %.1f M records/s (%lu records, %.0f MB)\n",
	    "scan, in the page cache", (double)bytes / 1e3 / (double)best,
	    (double)n / (double)best, (unsigned long)n, (double)bytes / 1e6);
	steme_segments_close(s);
}

static void
clean_up(void)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "bench_wal: %s is left behind\n", dir);
}

int
main(int argc, char **argv)
{
	struct steme_wal_opts o = { .node = 1 };
	struct steme_why why = { "" };

	snprintf(dir, sizeof(dir), "%.200s/bench-wal-XXXXXX",
	    argc > 1 ? argv[1] : ".");
	if (mkdtemp(dir) == NULL)
		must(STEME_EIO, NULL, dir);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + 1);
	o.segments = folder();
	must(steme_wal_open(&wal, &o, &why), &why, "open");
	bench_lone();
	bench_groups();
	steme_wal_close(wal);
	bench_scan();
	clean_up();
	return EXIT_SUCCESS;
}
