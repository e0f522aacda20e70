/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_query.c - recency queries over the control socket.
 *
 *   bench_query SOCKET [-d DEPTH] [-s SECONDS] CONCEPT...     or  -f FILE of concepts
 *
 * Keeps DEPTH requests in flight on one connection (1: a lone round trip), concepts in
 * turn, and prints: answers a second, microseconds an answer, bytes of the last one.
 */
#include "config.h"
#include "core/client.h"
#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **concepts;
static size_t nconcepts;

static void
fatal(const char *what, const char *why)
{
	fprintf(stderr, "bench_query: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static void
add_concept(const char *s)
{
	if ((nconcepts & (nconcepts + 1)) == 0 && (concepts = realloc(concepts,
	    (2 * nconcepts + 2) * sizeof(*concepts))) == NULL)
		fatal(s, "out of memory");
	if ((concepts[nconcepts++] = strdup(s)) == NULL)
		fatal(s, "out of memory");
}

static void
read_concepts(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[2048];

	if (f == NULL)
		fatal(path, "cannot be opened");
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		add_concept(line);
	}
	fclose(f);
}

static void
ask(struct steme_client *c, size_t i)
{
	struct steme_buf b = { 0 };
	struct steme_query q;
	uint64_t req;

	steme_query_init(&q);
	q.lens = STEME_LENS_RECENCY;
	q.concept = steme_str_from(concepts[i % nconcepts]);
	steme_msg_put_query(&b, &q);
	if (steme_buf_err(&b) != STEME_OK ||
	    steme_client_submit(c, STEME_MSG_QUERY, b.data, b.len, &req) != STEME_OK)
		fatal("sending", "the connection failed");
	steme_buf_fini(&b);
}

int
main(int argc, char **argv)
{
	unsigned depth = 32, seconds = 3;
	struct steme_client *c;
	struct steme_answer a;
	struct steme_why why;
	size_t sent = 0, got = 0, len = 0;
	int64_t t0, us;
	int opt, err;

	while ((opt = getopt(argc, argv, "d:s:f:")) != -1) {
		if (opt == 'd')
			depth = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 's')
			seconds = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'f')
			read_concepts(optarg);
		else
			return EXIT_FAILURE;
	}
	for (int i = optind + 1; i < argc; i++)
		add_concept(argv[i]);
	if (optind >= argc || nconcepts == 0 || depth == 0)
		fatal("usage", "bench_query [-d DEPTH] [-s SECONDS] [-f FILE] "
		    "SOCKET [CONCEPT...]");
	if (steme_client_open(&c, argv[optind], STEME_ROLE_READER, &why) != STEME_OK)
		fatal(argv[optind], why.text);
	t0 = steme_mono_us(&steme_clock_system);
	while (sent < depth)
		ask(c, sent++);
	for (us = 0; got < sent;) {
		if ((err = steme_client_next(c, -1, &a)) != STEME_OK)
			fatal("receiving", steme_strerror(err));
		if (a.err != STEME_OK)
			fatal("a query", a.why.text);
		len = a.len;
		if (a.more)
			continue;
		got++;
		if (got % 16 == 0 || depth == 1)
			us = steme_mono_us(&steme_clock_system) - t0;
		if (us < (int64_t)seconds * 1000000)
			ask(c, sent++);
	}
	us = steme_mono_us(&steme_clock_system) - t0;
	steme_client_close(c);
	printf("%.0f %.2f %zu\n", (double)got * 1e6 / (double)us,
	    (double)us / (double)got, len);
	return EXIT_SUCCESS;
}
