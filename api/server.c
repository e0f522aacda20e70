/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - listeners, connections and the life of a request.
 *
 * A request: the URI is seen (on_uri) -> headers complete (first call of on_request:
 * never answered there, or libmicrohttpd closes the connection) -> body in pieces ->
 * dispatched once -> answered, or suspended until the daemon's answer is there.
 *
 * libmicrohttpd aborts the process when it is stopped with a suspended request, so all
 * are resumed first; and it only limits inactivity, so a sweeper ends connections
 * that take too long for a step.
 */
#include "config.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_US		INT64_C(10000000)	/* for headers, for 10 KiB of body or answer */
#define IDLE_US		INT64_C(60000000)	/* between requests */
#define RATE		1024			/* bytes a second a body must keep up */

enum step { WAITING_FIRST, WAITING_NEXT, HEADERS, BODY, WORKING, ANSWERING };

struct api_conn {
	struct api_conn *next, *prev;
	int fd;
	/* (api.mu) */
	enum step step;
	int64_t since_us;		/* start of the step */
	uint64_t bytes;			/* of the body or answer in this step */
};

unsigned
api_deadline_ms(const struct api *a)
{
	return (unsigned)a->conf.request_timeout_seconds * 1000;
}

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
set_step(struct api_request *r, enum step step, uint64_t bytes)
{
	if (r->conn == NULL)
		return;
	pthread_mutex_lock(&r->api->mu);
	r->conn->step = step;
	r->conn->since_us = mono();
	r->conn->bytes = bytes;
	pthread_mutex_unlock(&r->api->mu);
}

static void
count_bytes(struct api_request *r, size_t n)
{
	if (r->conn == NULL)
		return;
	pthread_mutex_lock(&r->api->mu);
	r->conn->bytes += n;
	pthread_mutex_unlock(&r->api->mu);
}

/* ---- connections ---- */

static void
on_connection(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_ConnectionNotificationCode code)
{
	struct api_listener *l = cls;
	struct api *a = l->api;
	struct api_conn *k = *ctx;

	pthread_mutex_lock(&a->mu);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(c,
		    MHD_CONNECTION_INFO_CONNECTION_FD);

		k = calloc(1, sizeof(*k));
		*ctx = k;
		if (k != NULL) {
			k->fd = info == NULL ? -1 : info->connect_fd;
			k->since_us = mono();
			k->next = a->conns;
			if (a->conns != NULL)
				a->conns->prev = k;
			a->conns = k;
			a->nconns++;
		}
	} else if (k != NULL) {
		if (k->prev != NULL)
			k->prev->next = k->next;
		else
			a->conns = k->next;
		if (k->next != NULL)
			k->next->prev = k->prev;
		a->nconns--;
		free(k);
		*ctx = NULL;
	}
	pthread_mutex_unlock(&a->mu);
}

static bool
too_slow(const struct api_conn *k, int64_t now)
{
	int64_t age = now - k->since_us;

	switch (k->step) {
	case WAITING_FIRST:
	case HEADERS:
		return age > STEP_US;
	case WAITING_NEXT:
		return age > IDLE_US;
	case BODY:
	case ANSWERING:
		/* ten seconds, and then the rate must be kept up */
		return age > STEP_US &&
		    (int64_t)(k->bytes / RATE) * 1000000 < age - STEP_US;
	case WORKING:
		break;		/* the request's own deadline counts */
	}
	return false;
}

/* The descriptor is open while the connection is listed: shutdown() hits no other. */
static void *
sweep(void *arg)
{
	struct api *a = arg;
	bool stop = false;

	while (!stop) {
		usleep(500000);
		int64_t now = mono();

		pthread_mutex_lock(&a->mu);
		for (struct api_conn *k = a->conns; k != NULL; k = k->next)
			if (k->fd >= 0 && too_slow(k, now)) {
				shutdown(k->fd, SHUT_RDWR);
				k->fd = -1;
			}
		stop = a->stopping;
		pthread_mutex_unlock(&a->mu);
	}
	return NULL;
}

/* ---- asking the daemon ---- */

void
api_suspend(struct api_request *r)
{
	pthread_mutex_lock(&r->api->mu);
	r->api->suspended++;
	pthread_mutex_unlock(&r->api->mu);
	MHD_suspend_connection(r->c);
}

void
api_wake(struct api_request *r)
{
	struct api *a = r->api;

	MHD_resume_connection(r->c);
	/* r may be gone from here on */
	pthread_mutex_lock(&a->mu);
	if (--a->suspended == 0)
		pthread_cond_broadcast(&a->idle);
	pthread_mutex_unlock(&a->mu);
}

static void
on_answer(void *arg, const struct steme_reply *rep)
{
	struct api_request *r = arg;

	r->err = rep->err;
	if (rep->err != STEME_OK)
		snprintf(r->why, sizeof(r->why), "%s", rep->why);
	else
		steme_buf_put(&r->answer, rep->data, rep->len);
	r->ready = true;
	api_wake(r);
}

void
api_ask(struct api_request *r, enum steme_msg type, const void *payload,
    size_t len, void (*then)(struct api_request *r))
{
	int err;

	r->then = then;
	r->ready = false;
	r->why[0] = '\0';
	steme_buf_clear(&r->answer);
	api_suspend(r);
	err = steme_aclient_submit(r->api->client, type, payload, len, 0,
	    api_deadline_ms(r->api), on_answer, r, NULL);
	if (err == STEME_OK)
		return;
	r->err = err;
	snprintf(r->why, sizeof(r->why), "%s", err == STEME_ECONN ?
	    "the daemon (stemefs) does not answer on its socket; start it with "
	    "`steme up`, then try again" : steme_strerror(err));
	r->ready = true;
	api_wake(r);
}

/* ---- requests ---- */

static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct api_request *r = calloc(1, sizeof(*r));
	const char *q;

	(void)cls;
	if (r == NULL || (r->uri = strdup(uri)) == NULL) {
		free(r);
		return NULL;
	}
	r->c = c;
	q = strchr(r->uri, '?');
	r->path = (struct steme_str){ r->uri, q == NULL ? strlen(r->uri) :
	    (size_t)(q - r->uri) };
	r->start_us = mono();
	steme_buf_init(&r->answer, 0);
	return r;
}

static void
request_free(struct api_request *r)
{
	if (r == NULL)
		return;
	if (r->free_state != NULL)
		r->free_state(r->state);
	steme_buf_fini(&r->body);
	steme_buf_fini(&r->answer);
	free(r->uri);
	free(r);
}

static void
measure(struct api_request *r)
{
	struct api *a = r->api;
	char status[8], path[80];

	snprintf(status, sizeof(status), "%u", r->status);
	steme_label_encode(path, sizeof(path), r->route == NULL ? "other" :
	    r->route->label, strlen(r->route == NULL ? "other" :
	    r->route->label));
	steme_add(steme_series(a->http_requests, status, path, "-"), 1);
	steme_observe(steme_series(a->http_duration, path),
	    (double)(mono() - r->start_us) / 1e6);
}

static void
on_completed(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_RequestTerminationCode code)
{
	struct api_request *r = *ctx;

	(void)cls;
	(void)c;
	(void)code;
	if (r == NULL)
		return;
	if (r->api != NULL) {
		if (r->queued)
			measure(r);
		set_step(r, WAITING_NEXT, 0);
	}
	request_free(r);
	*ctx = NULL;
}

/* The first call: headers are complete. */
static void
begin(struct api_request *r, struct api_listener *l, const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->c,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	char allow[64];

	r->listener = l;
	r->api = l->api;
	r->conn = info == NULL ? NULL : info->socket_context;
	snprintf(r->method, sizeof(r->method), "%s", method);
	steme_buf_init(&r->body, (size_t)l->api->conf.max_body_bytes);
	r->route = api_route_find(r, allow);
	set_step(r, BODY, 0);
}

static void
dispatch(struct api_request *r)
{
	static _Thread_local char allow[64];

	r->dispatched = true;
	set_step(r, WORKING, 0);
	if (r->route == NULL) {
		r->allow = allow;
		if (api_route_find(r, allow) == NULL && allow[0] != '\0')
			api_problem(r, 405, "method-not-allowed",
			    "%.*s takes %s, not %s", STEME_STR(r->path), allow,
			    r->method);
		else
			api_problem(r, 404, "no-such-route", "there is no %.*s "
			    "here; doc/api.md lists what there is",
			    (int)STEME_MIN(r->path.n, 200), r->path.p);
	} else if (r->too_large) {
		api_problem(r, 413, "too-large", "the body is over %lld bytes "
		    "([api] max_body_bytes); send many claims to "
		    "/v1/assertions, which has no such limit",
		    (long long)r->api->conf.max_body_bytes);
	} else if (r->route->access == API_HEALTH || api_host_ok(r)) {
		r->route->handler(r);
	}
}

static size_t
take_body(struct api_request *r, const char *data, size_t n)
{
	count_bytes(r, n);
	if (r->route != NULL && r->route->upload != NULL)
		return r->route->upload(r, data, n);
	if (!r->too_large && r->route != NULL) {
		steme_buf_put(&r->body, data, n);
		r->too_large = steme_buf_err(&r->body) != STEME_OK;
	}
	return n;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **ctx)
{
	struct api_request *r = *ctx;

	(void)c;
	(void)url;
	(void)version;
	if (r == NULL)
		return MHD_NO;
	if (r->api == NULL) {
		begin(r, cls, method);
		return MHD_YES;
	}
	if (*size > 0) {
		*size -= take_body(r, data, *size);
		return MHD_YES;
	}
	if (!r->dispatched)
		dispatch(r);
	else if (r->ready && !r->queued) {
		r->ready = false;
		r->then(r);
	}
	if (r->queued)
		set_step(r, ANSWERING, 0);
	return MHD_YES;
}

/* ---- listeners ---- */

static void
on_mhd_log(void *cls, const char *fmt, va_list ap)
{
	char text[512];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	steme_log(STEME_DEBUG, "http: %s", text);
}

static int
listen_on(const char *address, uint16_t port, bool *loopback,
    struct steme_why *why)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct sockaddr *sa = (struct sockaddr *)&a4;
	socklen_t n = sizeof(a4);
	int fd, on = 1, e;

	if (inet_pton(AF_INET, address, &a4.sin_addr) == 1) {
		*loopback = (ntohl(a4.sin_addr.s_addr) >> 24) == 127;
	} else if (inet_pton(AF_INET6, address, &a6.sin6_addr) == 1) {
		*loopback = IN6_IS_ADDR_LOOPBACK(&a6.sin6_addr);
		sa = (struct sockaddr *)&a6;
		n = sizeof(a6);
	} else {
		return steme_fail(why, STEME_EINVAL,
		    "[api] bind: '%s' is not an address", address);
	}
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return steme_fail(why, steme_err_from_errno(errno), "socket: %s",
		    strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, sa, n) == 0 && listen(fd, 1024) == 0)
		return fd;
	e = errno;
	close(fd);
	if (sa->sa_family == AF_INET6 && (e == EADDRNOTAVAIL || e == EAFNOSUPPORT))
		return steme_fail(why, STEME_ENOTFOUND, "no IPv6 here");
	return steme_fail(why, e == EADDRINUSE ? STEME_EBUSY :
	    steme_err_from_errno(e), "cannot listen on %s port %u: %s%s", address,
	    port, strerror(e), e == EADDRINUSE ?
	    ": another program has it; use another --port" : "");
}

static int
add_listener(struct api *a, const char *address, uint16_t port,
    struct steme_why *why)
{
	struct api_listener *l = &a->listeners[a->nlisteners];
	bool loopback = false;
	int fd = listen_on(address, port, &loopback, why);

	if (fd == STEME_ENOTFOUND) {
		steme_log(STEME_WARN, "not listening on %s: %s", address,
		    why->text);
		return STEME_OK;
	}
	if (fd < 0)
		return fd;
	l->api = a;
	l->port = port;
	l->loopback = loopback;
	snprintf(l->address, sizeof(l->address), "%s", address);
	l->hot = api_hot_new();
	l->mhd = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    on_request, l,
	    MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_URI_LOG_CALLBACK, on_uri, l,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)a->conf.max_connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, 120u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 << 10,
	    MHD_OPTION_END);
	if (l->mhd == NULL) {
		close(fd);
		api_hot_free(l->hot);
		return steme_fail(why, STEME_EIO, "cannot start HTTP on %s port %u",
		    address, port);
	}
	a->nlisteners++;
	steme_log(STEME_INFO, "listening on %s port %u", address, port);
	return STEME_OK;
}

int
api_server_start(struct api *a, struct steme_why *why)
{
	const uint16_t ports[2] = { (uint16_t)a->conf.port,
	    (uint16_t)a->conf.cluster_port };
	int err = STEME_OK;

	pthread_mutex_init(&a->mu, NULL);
	pthread_cond_init(&a->idle, NULL);
	a->listeners = calloc(2 * STEME_CONF_LIST, sizeof(*a->listeners));
	if (a->listeners == NULL)
		return STEME_ENOMEM;
	for (int p = 0; p < 2 && err == STEME_OK; p++)
		for (unsigned i = 0; i < a->conf.bind.n && ports[p] != 0 &&
		    err == STEME_OK; i++)
			err = add_listener(a, a->conf.bind.v[i], ports[p], why);
	if (err == STEME_OK && a->nlisteners == 0)
		err = steme_fail(why, STEME_EINVAL, "[api] bind is empty");
	if (err == STEME_OK && pthread_create(&a->sweeper, NULL, sweep, a) != 0)
		err = STEME_EAGAIN;
	return err;
}

/* The client must be freed first: that completes, and so resumes, what is suspended. */
void
api_server_stop(struct api *a)
{
	for (unsigned i = 0; i < a->nlisteners; i++) {
		MHD_socket fd = MHD_quiesce_daemon(a->listeners[i].mhd);

		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	pthread_mutex_lock(&a->mu);
	while (a->suspended > 0)
		pthread_cond_wait(&a->idle, &a->mu);
	a->stopping = true;
	pthread_mutex_unlock(&a->mu);
	if (a->sweeper != 0)
		pthread_join(a->sweeper, NULL);
	for (unsigned i = 0; i < a->nlisteners; i++) {
		MHD_stop_daemon(a->listeners[i].mhd);
		api_hot_free(a->listeners[i].hot);
	}
	free(a->listeners);
}
