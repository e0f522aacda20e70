/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_wire.c - the control socket of a running daemon, against the same bytes
 * appended and synced by hand.
 *
 * bench_wire SOCKET [-s seconds] [-d dir]
 *   -s for each row (default 2), -d where the plain append goes (default: beside the
 *   socket, so that it is the daemon's disk).
 * Lone rows give the median; the others what got through in all.
 */
#include "config.h"
#include "core/client.h"
#include "core/client_async.h"
#include "core/clock.h"
#include "core/timefmt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS		32
#define SAMPLES		200000

static const char *path, *dir;
static int64_t row_us = 2000000;
static struct steme_key key;
static atomic_uint serial;

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_wire: %s: %s\n", what, why);
	exit(1);
}

static struct steme_client *
connect_or_die(void)
{
	struct steme_client *c;
	struct steme_why why;

	if (steme_client_open(&c, path, STEME_ROLE_NONE, &why) != STEME_OK)
		die("connect", why.text);
	return c;
}

/* A signed claim nobody made before, as the payload of a PUT. */
static void
fresh_put(struct steme_buf *b, struct steme_str *bytes)
{
	static const char value[] = "a value of a usual length, some forty bytes";
	unsigned n = atomic_fetch_add(&serial, 1);
	char concept[64];
	struct steme_object o = { .kind = STEME_ASSERTION,
		.predicate = STEME_LIT("value"), .type = STEME_TEXT,
		.confidence = 9000, .class_ = STEME_COMMUNITY,
		.source = STEME_LIT("https://example.org/bench"),
		.value = { value, sizeof(value) - 1 }, .agent = key.agent };
	struct steme_buf text = {0};
	struct steme_sig sig;
	struct steme_why why;

	snprintf(concept, sizeof(concept), "bench/%d/%u", (int)getpid(), n % 1000);
	o.concept = steme_str_from(concept);
	o.time_us = steme_wall_us(&steme_clock_system) - 1000000 + n % 1000000;
	if (steme_object_write(&o, &text, &why) != STEME_OK)
		die("object", why.text);
	steme_sign(&sig, &key, text.data, text.len);
	steme_buf_clear(b);
	steme_msg_put_puts(b, 1);
	steme_msg_put_item(b, (struct steme_str){ (char *)text.data, text.len }, &sig);
	if (bytes != NULL)
		*bytes = (struct steme_str){ NULL, text.len };
	steme_buf_fini(&text);
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
row(const char *name, int64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), by_value);
	printf("%-44s %10.1f us median %10.1f us p99  (%zu)\n", name,
	    (double)us[n / 2] / 1000, (double)us[n * 99 / 100] / 1000, n);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- one at a time ---- */

static void
lone(const char *name, enum steme_msg type, const struct steme_buf *payload)
{
	static int64_t us[SAMPLES];
	struct steme_client *c = connect_or_die();
	int64_t end = now_us() + row_us;
	struct steme_buf put = {0};
	struct steme_why why;
	size_t n = 0;

	while (n < SAMPLES && now_us() < end) {
		const struct steme_buf *p = payload;
		int64_t from;

		if (type == STEME_MSG_PUT) {
			fresh_put(&put, NULL);
			p = &put;
		}
		from = now_ns();
		if (steme_client_ask(c, type, p->data, p->len, NULL, &why) != STEME_OK)
			die(name, why.text);
		us[n++] = now_ns() - from;
	}
	row(name, us, n);
	steme_buf_fini(&put);
	steme_client_close(c);
}

static void
plain_append(void)
{
	static int64_t us[SAMPLES];
	int64_t end = now_us() + row_us;
	struct steme_str bytes;
	struct steme_buf b = {0};
	char file[4096];
	size_t n = 0;
	int fd;

	snprintf(file, sizeof(file), "%s/bench-append.%d", dir, (int)getpid());
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
	if (fd < 0)
		die(file, "cannot be made");
	unlink(file);
	fresh_put(&b, &bytes);
	while (n < SAMPLES && now_us() < end) {
		int64_t from = now_ns();

		if (write(fd, b.data, bytes.n + 64) < 0 || fdatasync(fd) < 0)
			die(file, "cannot be written");
		us[n++] = now_ns() - from;
	}
	row("plain append + fdatasync, the same bytes", us, n);
	close(fd);
	steme_buf_fini(&b);
}

/* ---- many writers ---- */

struct writer {
	pthread_t t;
	int64_t end;
	uint64_t n;
	struct steme_buf *ready;	/* signed before the clock starts */
	size_t nready;
};

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	struct steme_client *c = connect_or_die();
	struct steme_why why;

	while (w->n < w->nready && now_us() < w->end) {
		struct steme_buf *b = &w->ready[w->n];

		if (steme_client_ask(c, STEME_MSG_PUT, b->data, b->len, NULL, &why) !=
		    STEME_OK)
			die("write", why.text);
		w->n++;
	}
	steme_client_close(c);
	return NULL;
}

static void
many_writers(void)
{
	static struct writer w[WRITERS];
	int64_t from;
	uint64_t n = 0;

	for (int i = 0; i < WRITERS; i++) {
		w[i].nready = (size_t)(row_us / 500);
		w[i].ready = calloc(w[i].nready, sizeof(*w[i].ready));
		for (size_t k = 0; k < w[i].nready; k++)
			fresh_put(&w[i].ready[k], NULL);
	}
	from = now_us();
	for (int i = 0; i < WRITERS; i++) {
		w[i].end = from + row_us;
		pthread_create(&w[i].t, NULL, writer_main, &w[i]);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(w[i].t, NULL);
		n += w[i].n;
	}
	printf("%-44s %10.0f writes/s\n", "32 durable writers, 32 connections",
	    (double)n * 1e6 / (double)(now_us() - from));
	for (int i = 0; i < WRITERS; i++) {
		for (size_t k = 0; k < w[i].nready; k++)
			steme_buf_fini(&w[i].ready[k]);
		free(w[i].ready);
	}
}

/* ---- pipelined ---- */

struct flow {
	struct steme_aclient *c;
	enum steme_msg type;
	const struct steme_buf *payload;
	int64_t end;
	atomic_uint out;
	atomic_uint_fast64_t done;
};

static void flow_next(struct flow *f);

static void
flow_done(void *arg, const struct steme_reply *r)
{
	struct flow *f = arg;

	if (r->err != STEME_OK)
		die("pipelined", r->why);
	atomic_fetch_add(&f->done, 1);
	if (now_us() < f->end)
		flow_next(f);
	else
		atomic_fetch_sub(&f->out, 1);
}

static void
flow_next(struct flow *f)
{
	if (steme_aclient_submit(f->c, f->type, f->payload->data, f->payload->len, 0,
	    0, flow_done, f, NULL) != STEME_OK)
		die("pipelined", "submit failed");
}

static void
pipelined(const char *name, enum steme_msg type, const struct steme_buf *payload,
    unsigned depth)
{
	struct steme_aclient_opts o = { .path = path, .program = "bench" };
	struct steme_aclient_stats st;
	struct steme_why why;
	struct flow f = { .type = type, .payload = payload };
	int64_t from;

	if (steme_aclient_new(&f.c, &o, &why) != STEME_OK ||
	    steme_aclient_wait_up(f.c, 5000, &why) != STEME_OK)
		die(name, why.text);
	from = now_us();
	f.end = from + row_us;
	atomic_store(&f.out, depth);
	for (unsigned i = 0; i < depth; i++)
		flow_next(&f);
	while (atomic_load(&f.out) > 0)
		usleep(1000);
	steme_aclient_stats(f.c, &st);
	printf("%-44s %10.0f /s  %6.2f us each  (%.2f writes, %.2f reads each)\n",
	    name, (double)f.done * 1e6 / (double)(now_us() - from),
	    (double)(now_us() - from) / (double)f.done,
	    (double)st.writes / (double)f.done, (double)st.reads / (double)f.done);
	steme_aclient_free(f.c);
}

int
main(int argc, char **argv)
{
	struct steme_buf empty = {0}, query = {0}, put = {0};
	struct steme_client *c;
	char beside[4096], concept[64];
	struct steme_query q;
	char *slash;
	int opt;

	while ((opt = getopt(argc, argv, "s:d:")) != -1) {
		if (opt == 's')
			row_us = (int64_t)(atof(optarg) * 1e6);
		else if (opt == 'd')
			dir = optarg;
		else
			return 2;
	}
	if (optind != argc - 1 || row_us <= 0) {
		fprintf(stderr, "usage: bench_wire [-s seconds] [-d dir] SOCKET\n");
		return 2;
	}
	path = argv[optind];
	snprintf(beside, sizeof(beside), "%s", path);
	if ((slash = strrchr(beside, '/')) != NULL)
		*slash = '\0';
	if (dir == NULL)
		dir = slash == NULL ? "." : beside;
	if (steme_sign_init() != STEME_OK)
		die("libsodium", "does not start");
	steme_key_generate(&key);
	c = connect_or_die();
	fresh_put(&put, NULL);
	if (steme_client_ask(c, STEME_MSG_PUT, put.data, put.len, NULL, NULL) != 0)
		die("first write", "refused");
	steme_client_close(c);
	snprintf(concept, sizeof(concept), "bench/%d/0", (int)getpid());
	steme_query_init(&q);
	q.concept = steme_str_from(concept);
	steme_msg_put_query(&query, &q);
	lone("ping, one at a time", STEME_MSG_PING, &empty);
	lone("recency query of a concept, one at a time", STEME_MSG_QUERY, &query);
	pipelined("ping, 64 in flight", STEME_MSG_PING, &empty, 64);
	pipelined("recency query, 64 in flight", STEME_MSG_QUERY, &query, 64);
	pipelined("recency query, 8 in flight", STEME_MSG_QUERY, &query, 8);
	plain_append();
	lone("durable write, pre-signed, one at a time", STEME_MSG_PUT, NULL);
	many_writers();
	steme_buf_fini(&query);
	steme_buf_fini(&put);
	return 0;
}
