/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_files.c - what one access to a file costs.
 *
 *   bench_files cat|stat [-r ROUNDS] [-w MILLISECONDS] [-e EVERY] < LIST
 *
 * cat: open, read to the end, close; stat: lstat.  LIST has a path a line.  Goes
 * through it ROUNDS times, waits -w before each but the first.  A line for each round:
 * mean and median of an access in microseconds, files, bytes.  With -e N only each N-th
 * access counts (-e 2: the second of each pair; the first makes its folder warm).
 */
#include "config.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char **paths;
static size_t npaths;

static void
fatal(const char *what)
{
	fprintf(stderr, "bench_files: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void
read_list(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if ((npaths & (npaths + 1)) == 0 && (paths = realloc(paths,
		    (2 * npaths + 2) * sizeof(*paths))) == NULL)
			fatal("list");
		if ((paths[npaths++] = strdup(line)) == NULL)
			fatal("list");
	}
	free(line);
	if (npaths == 0) {
		errno = EINVAL;
		fatal("no paths on stdin");
	}
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t
cat(const char *path)
{
	static char buf[1 << 16];
	size_t bytes = 0;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		fatal(path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		bytes += (size_t)n;
	if (n < 0)
		fatal(path);
	close(fd);
	return bytes;
}

static size_t
look(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		fatal(path);
	return (size_t)st.st_size;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
round_of(size_t (*access_one)(const char *), size_t every, uint32_t *took)
{
	size_t bytes = 0, n = 0;
	int64_t t0, sum = 0;

	for (size_t i = 0; i < npaths; i++) {
		t0 = now_ns();
		bytes += access_one(paths[i]);
		if ((i + 1) % every != 0)
			continue;
		took[n] = (uint32_t)(now_ns() - t0);
		sum += took[n++];
	}
	qsort(took, n, sizeof(*took), by_size);
	printf("%.2f %.2f %zu %zu\n", (double)sum / (double)n / 1e3,
	    took[n / 2] / 1e3, n, bytes);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	unsigned rounds = 1, wait_ms = 0;
	size_t every = 1;
	uint32_t *took;
	bool reading;
	int opt;

	while ((opt = getopt(argc, argv, "r:w:e:")) != -1) {
		if (opt == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'w')
			wait_ms = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'e')
			every = strtoul(optarg, NULL, 10);
		else
			return EXIT_FAILURE;
	}
	if (optind != argc - 1 || every == 0) {
		fprintf(stderr, "usage: bench_files [-r ROUNDS] [-w MILLISECONDS] "
		    "[-e EVERY] cat|stat < LIST\n");
		return EXIT_FAILURE;
	}
	reading = strcmp(argv[optind], "cat") == 0;
	read_list();
	if (npaths < every || (took = calloc(npaths, sizeof(*took))) == NULL)
		fatal("list");
	for (unsigned r = 0; r < rounds; r++) {
		if (r > 0 && wait_ms > 0)
			usleep(wait_ms * 1000);
		round_of(reading ? cat : look, every, took);
	}
	free(took);
	return EXIT_SUCCESS;
}
