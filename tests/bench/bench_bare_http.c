/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_bare_http.c - libmicrohttpd with nothing behind it: the same bytes to everybody.
 *
 *   bench_bare_http PORT FILE
 *
 * Answers every request on 127.0.0.1 with FILE and the headers of the sidecar's answers, in
 * the way the sidecar does (one epoll thread, answered when the request is whole), until
 * standard input ends.
 */
#include "config.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX	(1 << 20)

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **ctx)
{
	static char seen;

	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*ctx == NULL) {
		*ctx = &seen;
		return MHD_YES;
	}
	if (*size > 0) {
		*size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(c, 200, cls);
}

static void
fatal(const char *what)
{
	fprintf(stderr, "bench_bare_http: %s\n", what);
	exit(EXIT_FAILURE);
}

static struct MHD_Response *
response_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char *body = malloc(BODY_MAX);
	struct MHD_Response *resp;
	size_t n;

	if (f == NULL || body == NULL)
		fatal("the file cannot be read");
	n = fread(body, 1, BODY_MAX, f);
	fclose(f);
	resp = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_FREE);
	if (resp == NULL ||
	    MHD_add_response_header(resp, "Content-Type", "application/json") != MHD_YES ||
	    MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff") != MHD_YES ||
	    MHD_add_response_header(resp, "Cache-Control", "no-store") != MHD_YES)
		fatal("out of memory");
	return resp;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct MHD_Response *resp;
	struct MHD_Daemon *d;
	char c;

	if (argc != 3)
		fatal("usage: bench_bare_http PORT FILE");
	resp = response_of(argv[2]);
	a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request,
	    resp, MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_END);
	if (d == NULL)
		fatal("the port cannot be listened on");
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	MHD_stop_daemon(d);
	MHD_destroy_response(resp);
	return EXIT_SUCCESS;
}
