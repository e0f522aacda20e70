/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_write.c - durable writes, one claim each, signed before the clock starts.
 *
 *   bench_write socket PATH [-c CLIENTS] [-n CLAIMS]  over the control socket
 *   bench_write append FILE [-n CLAIMS]              write + fdatasync, growing file
 *   bench_write overwrite FILE [-n CLAIMS]           the same into a file filled before
 *
 * Each client has one claim in flight.  append and overwrite write the very bytes that
 * a socket write carries: object and signature.  Prints: writes a second, then the
 * median, 99th percentile and slowest of a write in microseconds.
 */
#include "config.h"
#include "core/client.h"
#include "core/clock.h"
#include "core/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX	256

struct writer {
	struct steme_client *c;
	int64_t sent_us;
};

static unsigned nclients = 1, nclaims = 2000;
static struct steme_buf bytes;		/* all PUT payloads, one after the other */
static size_t *place;			/* nclaims + 1 places in bytes */
static uint32_t *took_us;
static unsigned ntook;

static void
fatal(const char *what, const char *why)
{
	fprintf(stderr, "bench_write: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
make_claim(unsigned i, const struct steme_key *key)
{
	char concept[64], value[32];
	struct steme_object o = { .kind = STEME_ASSERTION, .type = STEME_TEXT,
		.confidence = 9500, .class_ = STEME_EXPERT,
		.predicate = STEME_LIT("max_weekly_dose"),
		.source = STEME_LIT("https://example.org/label.pdf") };
	struct steme_buf b = { 0 };
	struct steme_why why;
	struct steme_sig sig;

	snprintf(concept, sizeof(concept), "bench/write/c%u", i % 1000);
	snprintf(value, sizeof(value), "%u.%u mg", i, i % 10);
	o.concept = steme_str_from(concept);
	o.value = steme_str_from(value);
	o.time_us = steme_wall_us(&steme_clock_system);
	o.agent = key->agent;
	if (steme_object_write(&o, &b, &why) != STEME_OK)
		fatal("making a claim", why.text);
	steme_sign(&sig, key, b.data, b.len);
	place[i] = bytes.len;
	steme_msg_put_puts(&bytes, 1);
	steme_msg_put_item(&bytes, (struct steme_str){ (char *)b.data, b.len }, &sig);
	place[i + 1] = bytes.len;
	steme_buf_fini(&b);
}

static void
make_claims(void)
{
	struct steme_key key;

	MUST(steme_sign_init());
	steme_key_generate(&key);
	place = calloc(nclaims + 1, sizeof(*place));
	took_us = calloc(nclaims, sizeof(*took_us));
	if (place == NULL || took_us == NULL)
		fatal("claims", "out of memory");
	for (unsigned i = 0; i < nclaims; i++)
		make_claim(i, &key);
	if (steme_buf_err(&bytes) != STEME_OK)
		fatal("claims", "out of memory");
}

/* ---- over the socket ---- */

static int
on_result(void *arg, size_t index, const struct steme_msg_put_result *r)
{
	(void)arg;
	(void)index;
	if (r->err != STEME_OK || r->status != 1)
		fatal("a claim was not stored", r->err == STEME_OK ?
		    "it was there already" : r->why.p);
	return 0;
}

static void
send_one(struct writer *w, unsigned i)
{
	uint64_t req;

	w->sent_us = now_us();
	if (steme_client_submit(w->c, STEME_MSG_PUT, bytes.data + place[i],
	    place[i + 1] - place[i], &req) != STEME_OK ||
	    steme_client_flush(w->c) != STEME_OK)
		fatal("sending", "the connection failed");
}

/* True if an answer was there. */
static bool
receive(struct writer *w, int timeout_ms)
{
	struct steme_answer a;
	int err = steme_client_next(w->c, timeout_ms, &a);

	if (err == STEME_ETIMEOUT && timeout_ms == 0)
		return false;
	if (err != STEME_OK)
		fatal("receiving", steme_strerror(err));
	if (a.err != STEME_OK)
		fatal("a write", a.why.text);
	MUST(steme_client_results(a.data, a.len, on_result, NULL));
	took_us[ntook++] = (uint32_t)(now_us() - w->sent_us);
	return true;
}

static void
run_many(struct writer *w)
{
	struct pollfd fds[CLIENTS_MAX];
	unsigned next = 0;

	for (unsigned i = 0; i < nclients; i++) {
		fds[i] = (struct pollfd){ .fd = steme_client_fd(w[i].c), .events = POLLIN };
		send_one(&w[i], next++);
	}
	while (ntook < nclaims) {
		if (poll(fds, nclients, -1) < 0)
			fatal("poll", "failed");
		for (unsigned i = 0; i < nclients; i++) {
			if (fds[i].revents == 0 || !receive(&w[i], 0))
				continue;
			if (next < nclaims)
				send_one(&w[i], next++);
		}
	}
}

static void
run_socket(const char *path)
{
	struct writer w[CLIENTS_MAX];
	struct steme_why why;

	for (unsigned i = 0; i < nclients; i++)
		if (steme_client_open(&w[i].c, path, STEME_ROLE_WRITER, &why) != STEME_OK)
			fatal(path, why.text);
	if (nclients > 1) {
		run_many(w);
	} else {
		for (unsigned i = 0; i < nclaims; i++) {
			send_one(&w[0], i);
			receive(&w[0], -1);
		}
	}
	for (unsigned i = 0; i < nclients; i++)
		steme_client_close(w[i].c);
}

/* ---- without a store ---- */

static void
run_file(const char *path, bool fill)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		fatal(path, "cannot be opened");
	if (fill && (pwrite(fd, bytes.data, bytes.len, 0) != (ssize_t)bytes.len ||
	    fsync(fd) < 0))
		fatal(path, "cannot be filled");
	for (unsigned i = 0; i < nclaims; i++) {
		size_t n = place[i + 1] - place[i];
		int64_t t0 = now_us();

		if (pwrite(fd, bytes.data + place[i], n, (off_t)place[i]) !=
		    (ssize_t)n || fdatasync(fd) < 0)
			fatal(path, "cannot be written");
		took_us[ntook++] = (uint32_t)(now_us() - t0);
	}
	close(fd);
	unlink(path);
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int64_t t0, us;
	int opt;

	while ((opt = getopt(argc, argv, "c:n:")) != -1) {
		if (opt == 'c')
			nclients = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'n')
			nclaims = (unsigned)strtoul(optarg, NULL, 10);
		else
			return EXIT_FAILURE;
	}
	if (argc - optind != 2 || nclients == 0 || nclients > CLIENTS_MAX ||
	    nclaims < nclients) {
		fprintf(stderr, "usage: bench_write [-c CLIENTS] [-n CLAIMS] "
		    "socket|append|overwrite PATH\n");
		return EXIT_FAILURE;
	}
	make_claims();
	t0 = now_us();
	if (strcmp(argv[optind], "socket") == 0)
		run_socket(argv[optind + 1]);
	else
		run_file(argv[optind + 1], strcmp(argv[optind], "overwrite") == 0);
	us = now_us() - t0;
	qsort(took_us, ntook, sizeof(*took_us), by_size);
	printf("%.0f %u %u %u\n", (double)nclaims * 1e6 / (double)us,
	    took_us[ntook / 2], took_us[ntook * 99ull / 100], took_us[ntook - 1]);
	return EXIT_SUCCESS;
}
