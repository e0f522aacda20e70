/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_conns.c - many connections that do little.
 *
 *   bench_conns idle N PORT URI     each asks once, has its answer, and then is silent
 *   bench_conns slow N PORT URI     each sends its headers at a byte a second
 *
 * Prints "open N" once all are there (idle: answered), and holds them until standard input
 * ends; a slow one that is cut off comes back.  At the end: how often that was, and how many
 * are open.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS	20		/* of a second: each connection is visited once in it */

struct conn {
	int fd;
	size_t sent;
};

static struct conn *conns;
static unsigned n;
static char request[4096];
static struct sockaddr_in server = { .sin_family = AF_INET };
static unsigned long cut;

static void
fatal(const char *what)
{
	fprintf(stderr, "bench_conns: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void
open_conn(struct conn *k)
{
	k->sent = 0;
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		fatal("socket");
	if (connect(k->fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		fatal("connect");
}

/* Reads one answer: its headers, and as much body as they announce. */
static void
take_answer(struct conn *k)
{
	static char buf[1 << 20];
	size_t have = 0, want = 0;
	const char *end, *length;
	ssize_t got;

	while (want == 0 || have < want) {
		got = recv(k->fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (got <= 0)
			fatal("no answer");
		have += (size_t)got;
		buf[have] = '\0';
		if (want == 0 && (end = strstr(buf, "\r\n\r\n")) != NULL &&
		    (length = strstr(buf, "Content-Length: ")) != NULL)
			want = (size_t)(end + 4 - buf) + strtoul(length + 16, NULL, 10);
	}
	if (strncmp(buf, "HTTP/1.1 200", 12) != 0)
		fatal("not answered with 200");
}

static void
slow_byte(struct conn *k)
{
	char c;

	if (recv(k->fd, &c, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN &&
	    errno != EINTR) || send(k->fd, request + k->sent, 1, MSG_NOSIGNAL) < 0) {
		close(k->fd);
		cut++;
		open_conn(k);
		return;
	}
	/* never whole: the last header goes on and on */
	if (request[k->sent + 1] != '\0')
		k->sent++;
}

/* Until standard input ends. */
static void
hold(bool slow)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned step = 0;

	while (poll(&in, 1, 1000 / STEPS) == 0) {
		for (unsigned i = step; slow && i < n; i += STEPS) {
			errno = EAGAIN;
			slow_byte(&conns[i]);
		}
		step = (step + 1) % STEPS;
	}
}

int
main(int argc, char **argv)
{
	bool slow = argc == 5 && strcmp(argv[1], "slow") == 0;
	struct rlimit rl;

	if (argc != 5 || (!slow && strcmp(argv[1], "idle") != 0)) {
		fprintf(stderr, "usage: bench_conns idle|slow N PORT URI\n");
		return EXIT_FAILURE;
	}
	n = (unsigned)strtoul(argv[2], NULL, 10);
	server.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n%s",
	    argv[4], argv[3], slow ? "X-Slow: x" : "\r\n");
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((conns = calloc(n, sizeof(*conns))) == NULL)
		fatal("memory");
	for (unsigned i = 0; i < n; i++) {
		open_conn(&conns[i]);
		if (!slow && send(conns[i].fd, request, strlen(request), 0) < 0)
			fatal("send");
		if (!slow)
			take_answer(&conns[i]);
	}
	printf("open %u\n", n);
	fflush(stdout);
	hold(slow);
	printf("cut %lu\n", cut);
	for (unsigned i = 0; i < n; i++)
		close(conns[i].fd);
	free(conns);
	return EXIT_SUCCESS;
}
