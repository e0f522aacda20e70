/* SPDX-License-Identifier: Apache-2.0 */
/* http.c - one GET, with a deadline. */
#include "config.h"
#include "cli/http.h"
#include "cli/proc.h"
#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};

static bool
parse_addr(struct addr *a, const char *host, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->u.in.sin_addr) == 1) {
		a->u.in.sin_family = AF_INET;
		a->u.in.sin_port = htons(port);
		a->len = sizeof(a->u.in);
		return true;
	}
	if (inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) != 1)
		return false;
	a->u.in6.sin6_family = AF_INET6;
	a->u.in6.sin6_port = htons(port);
	a->len = sizeof(a->u.in6);
	return true;
}

/* Waits for fd within the deadline. */
static bool
ready(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = (until - steme_mono_us(&steme_clock_system)) / 1000;

	return left > 0 && poll(&p, 1, (int)left) > 0;
}

static int
talk(int fd, const struct addr *a, const char *request, int64_t until)
{
	char answer[64];
	size_t got = 0;
	socklen_t len = sizeof(int);
	ssize_t n;
	int e = 0;

	if (connect(fd, &a->u.sa, a->len) < 0 && errno != EINPROGRESS)
		return STEME_ECONN;
	if (!ready(fd, POLLOUT, until))
		return STEME_ETIMEOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 || e != 0)
		return STEME_ECONN;
	/* a few bytes into an empty buffer: they fit */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return STEME_ECONN;
	while (got < 12) {
		if (!ready(fd, POLLIN, until))
			return STEME_ETIMEOUT;
		n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);
		if (n <= 0)
			return n == 0 || errno != ECONNRESET ? STEME_EPROTO :
			    STEME_ECONN;
		got += (size_t)n;
	}
	answer[got] = '\0';
	if (strncmp(answer, "HTTP/1.", 7) != 0 || answer[8] != ' ')
		return STEME_EPROTO;
	return atoi(answer + 9) >= 100 ? atoi(answer + 9) : STEME_EPROTO;
}

/* curl's exit statuses: 7 nobody listens, 28 too late; another one: no TLS, no HTTP. */
static int
get_by_curl(const char *url, int timeout_ms)
{
	char limit[24], out[64];
	const char *const argv[] = { "curl", "-k", "-s", "-o", "/dev/null", "-w",
	    "%{http_code}", "--noproxy", "*", "--max-time", limit, url, NULL };
	int r;

	snprintf(limit, sizeof(limit), "%d.%03d", timeout_ms / 1000,
	    timeout_ms % 1000);
	r = proc_run(argv, out, sizeof(out));
	if (r < 0)
		return r;
	if (r == 0)
		return atoi(out) >= 100 ? atoi(out) : STEME_EPROTO;
	return r == 7 ? STEME_ECONN : r == 28 ? STEME_ETIMEOUT : STEME_EPROTO;
}

int
http_get_status(const char *host, uint16_t port, bool tls, const char *path,
    int timeout_ms)
{
	int64_t until = steme_mono_us(&steme_clock_system) +
	    (int64_t)timeout_ms * 1000;
	char request[256], authority[80];
	struct addr a;
	int fd, r;

	if (!parse_addr(&a, host, port))
		return STEME_EINVAL;
	snprintf(authority, sizeof(authority), a.u.sa.sa_family == AF_INET6 ?
	    "[%s]:%u" : "%s:%u", host, (unsigned)port);
	if (tls) {
		snprintf(request, sizeof(request), "https://%s%s", authority, path);
		return get_by_curl(request, timeout_ms);
	}
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n", path, authority);
	fd = socket(a.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return STEME_ECONN;
	r = talk(fd, &a, request, until);
	close(fd);
	return r;
}
