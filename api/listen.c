/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.c - listening sockets, their connections, and how long these may take.
 *
 * libmicrohttpd only limits inactivity, so one byte a second would hold a connection for
 * ever: each connection says which step it is at, and a sweeper ends those that take too
 * long for it.  libmicrohttpd aborts the process when it is stopped with a suspended
 * request, so api_server_stop() sees to it that there is none.
 */
#include "config.h"
#include "api/api.h"
#include "api/watch.h"
#include "api/tls.h"
#include "core/clock.h"
#include "core/cond.h"
#include "core/log.h"
#include "core/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_US		INT64_C(10000000)	/* for headers; window of a body or answer */
#define STEP_BYTES	10240			/* that a body or answer moves in a window */
#define IDLE_US		INT64_C(60000000)	/* between requests */
#define FEED_US		INT64_C(60000000)	/* for an event to be taken */
#define SWEEP_MS	500
#define DRAIN_MS	5000			/* for answers under way at the end */
#define SEND_MS		2000			/* for the clients to take them */
/*
 * Of a connection, for headers both ways and what is read at once.  libmicrohttpd clears all
 * of it after each request, so a silent connection keeps all of it, too.
 */
#define CONN_BYTES	(16 << 10)
#define HOT_SHIFT	2			/* kept answers: a quarter of the cache */

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

/* ---- connections ---- */

void
api_conn_step(struct api_conn *k, enum api_step step)
{
	if (k == NULL)
		return;
	atomic_store_explicit(&k->since_us, steme_mono_coarse_us(),
	    memory_order_relaxed);
	atomic_store_explicit(&k->bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&k->step, step, memory_order_release);
}

/* A body may come in many small pieces: no clock is read here. */
void
api_conn_moved(struct api_conn *k, size_t n)
{
	if (k != NULL)
		atomic_fetch_add_explicit(&k->bytes, n, memory_order_relaxed);
}

/* Once a connection: every request is noted with it. */
static void
note_address(struct api_conn *k, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c,
	    MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (i == NULL || i->client_addr == NULL ||
	    getnameinfo(i->client_addr, i->client_addr->sa_family == AF_INET ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), k->address,
	    sizeof(k->address), NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(k->address, sizeof(k->address), "unknown");
}

static void
conn_add_locked(struct api *a, struct api_conn *k, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c,
	    MHD_CONNECTION_INFO_CONNECTION_FD);

	k->fd = info == NULL ? -1 : info->connect_fd;
	k->next = a->conns;
	if (a->conns != NULL)
		a->conns->prev = k;
	a->conns = k;
	a->nconns++;
}

static void
conn_remove_locked(struct api *a, struct api_conn *k)
{
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		a->conns = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	a->nconns--;
}

static void
on_connection(void *cls, struct MHD_Connection *c, void **ctx,
    enum MHD_ConnectionNotificationCode code)
{
	struct api_listener *l = cls;
	struct api *a = l->api;
	struct api_conn *k = *ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*ctx = k = calloc(1, sizeof(*k));
		if (k == NULL)
			return;
		api_conn_step(k, API_WAITING_FIRST);
		note_address(k, c);
		pthread_mutex_lock(&a->mu);
		conn_add_locked(a, k, c);
		pthread_mutex_unlock(&a->mu);
		if (a->tls != NULL)
			api_tls_connection(a->tls, c);
	} else if (k != NULL) {
		pthread_mutex_lock(&a->mu);
		conn_remove_locked(a, k);
		pthread_mutex_unlock(&a->mu);
		api_request_free(k->pending);
		free(k);
		*ctx = NULL;
	}
}

/* Bytes of answers that the client's side has taken since the connection began. */
static uint64_t
bytes_taken(int fd)
{
	struct tcp_info ti;
	socklen_t n = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &n) != 0)
		return 0;
	return ti.tcpi_bytes_acked;
}

/*
 * Has a window gone by in which too little moved?  Otherwise, at the end of one, the
 * next begins: what was sent fast at first buys no time later.
 */
static bool
stalled(struct api_conn *k, enum api_step step, int64_t now)
{
	uint64_t taken, moved;

	if (step == API_BODY) {
		moved = atomic_exchange(&k->bytes, 0);
	} else {
		taken = bytes_taken(k->fd);
		/* what was taken before the answer began is not counted in the first
		   window: then taken_before is that of an earlier answer, or 0 */
		moved = taken - k->taken_before;
		k->taken_before = taken;
	}
	atomic_store_explicit(&k->since_us, now, memory_order_relaxed);
	return moved < STEP_BYTES;
}

static bool
too_slow(struct api_conn *k, int64_t now)
{
	enum api_step step = atomic_load_explicit(&k->step, memory_order_acquire);
	int64_t age = now - atomic_load_explicit(&k->since_us, memory_order_relaxed);

	switch (step) {
	case API_WAITING_FIRST:
	case API_HEADERS:
		return age > STEP_US;
	case API_WAITING_NEXT:
		return age > IDLE_US;
	case API_BODY:
	case API_ANSWERING:
		return age > STEP_US && stalled(k, step, now);
	case API_FEEDING:
		return age > FEED_US;
	case API_WORKING:
		break;		/* the request's own deadline counts */
	}
	return false;
}

/*
 * Ends the connection: its thread sees a hang-up.  An answer that nobody reads is dropped
 * with it (the kernel would keep it for minutes); between requests what was sent is
 * still delivered.
 */
static void
cut(struct api_conn *k)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (atomic_load(&k->step) == API_ANSWERING ||
	    atomic_load(&k->step) == API_FEEDING)
		setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	shutdown(k->fd, SHUT_RDWR);
	k->fd = -1;
}

/* The descriptor is open while the connection is listed: cut() hits no other. */
static void *
sweep(void *arg)
{
	struct api *a = arg;

	pthread_mutex_lock(&a->mu);
	while (!a->stopping) {
		steme_cond_wait_us(&a->changed, &a->mu, SWEEP_MS * 1000);
		int64_t now = mono();

		for (struct api_conn *k = a->conns; k != NULL; k = k->next)
			if (k->fd >= 0 && too_slow(k, now)) {
				cut(k);
				steme_add(a->slow_cut, 1);
			}
	}
	pthread_mutex_unlock(&a->mu);
	return NULL;
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

int
api_check_bind(const struct steme_conf *c, struct steme_why *why)
{
	struct in6_addr a6;
	struct in_addr a4;

	for (unsigned i = 0; i < c->bind.n; i++) {
		const char *address = c->bind.v[i];
		bool loopback = false;

		if (inet_pton(AF_INET, address, &a4) == 1)
			loopback = (ntohl(a4.s_addr) >> 24) == 127;
		else if (inet_pton(AF_INET6, address, &a6) == 1)
			loopback = IN6_IS_ADDR_LOOPBACK(&a6);
		else
			return steme_fail(why, STEME_EINVAL, "[api] bind: '%s' is not "
			    "an address", address);
		if (!loopback && strcmp(c->admin, "open") == 0)
			return steme_fail(why, STEME_EPERM, "[api] admin = \"open\" is "
			    "for loopback only, and bind has %s: set admin = "
			    "\"loopback\", and use API keys with the role admin from "
			    "elsewhere", address);
	}
	return STEME_OK;
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

static const struct MHD_OptionItem no_options[] = { { MHD_OPTION_END, 0, NULL } };

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
	l->mhd = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD |
	    MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
	    (a->tls != NULL ? MHD_USE_TLS : 0), 0, NULL, NULL,
	    api_on_request, l,
	    MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_URI_LOG_CALLBACK, api_on_uri, l,
	    MHD_OPTION_NOTIFY_COMPLETED, api_on_completed, l,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)a->conf.max_connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, 120u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONN_BYTES,
	    MHD_OPTION_ARRAY, a->tls != NULL ? api_tls_options(a->tls) : no_options,
	    MHD_OPTION_END);
	if (l->mhd == NULL) {
		close(fd);
		return steme_fail(why, STEME_EIO, "cannot start HTTP on %s port %u",
		    address, port);
	}
	a->nlisteners++;
	steme_log(STEME_INFO, "listening on %s port %u%s", address, port,
	    a->tls != NULL ? " (TLS)" : "");
	return STEME_OK;
}

int
api_server_start(struct api *a, struct steme_why *why)
{
	const uint16_t ports[2] = { (uint16_t)a->conf.port,
	    (uint16_t)a->conf.cluster_port };
	int err = STEME_OK;

	pthread_mutex_init(&a->mu, NULL);
	steme_cond_init(&a->changed);
	a->listeners = calloc(2 * STEME_CONF_LIST, sizeof(*a->listeners));
	a->hot = api_hot_new((size_t)a->conf.cache_size_mb << 20 >> HOT_SHIFT);
	if (a->listeners == NULL || a->hot == NULL)
		return STEME_ENOMEM;
	for (int p = 0; p < 2 && err == STEME_OK; p++)
		for (unsigned i = 0; i < a->conf.bind.n && ports[p] != 0 &&
		    err == STEME_OK; i++)
			err = add_listener(a, a->conf.bind.v[i], ports[p], why);
	if (err == STEME_OK && a->nlisteners == 0)
		err = steme_fail(why, STEME_EINVAL, "[api] bind is empty");
	if (err == STEME_OK && pthread_create(&a->sweeper, NULL, sweep, a) != 0)
		err = steme_fail(why, STEME_EAGAIN, "cannot start a thread");
	a->sweeping = err == STEME_OK;
	return err;
}

/* ---- the end ---- */

/* Waits until nothing is suspended, at most ms.  True: nothing is. */
static bool
wait_answers(struct api *a, int ms)
{
	int64_t until = mono() + ms * INT64_C(1000);
	bool none;

	pthread_mutex_lock(&a->mu);
	while (a->suspended > 0 &&
	    steme_cond_wait_until(&a->changed, &a->mu, until))
		;
	none = a->suspended == 0;
	pthread_mutex_unlock(&a->mu);
	return none;
}

/* Is an answer being made or sent? */
static bool
answering(struct api *a)
{
	bool any = false;

	pthread_mutex_lock(&a->mu);
	for (const struct api_conn *k = a->conns; k != NULL && !any; k = k->next) {
		enum api_step s = atomic_load(&k->step);

		any = k->fd >= 0 && (s == API_WORKING || s == API_ANSWERING ||
		    s == API_FEEDING);
	}
	pthread_mutex_unlock(&a->mu);
	return any;
}

/*
 * No new connections, no new questions to the daemon; then answers under way have some
 * seconds; then all questions fail, which resumes the last suspended request, and
 * their clients have some seconds to take the answers.
 */
void
api_server_stop(struct api *a)
{
	for (unsigned i = 0; i < a->nlisteners; i++) {
		MHD_socket fd = MHD_quiesce_daemon(a->listeners[i].mhd);

		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	pthread_mutex_lock(&a->mu);
	a->stopping = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->mu);
	if (a->sweeping)
		pthread_join(a->sweeper, NULL);
	api_watch_stop(a->watch);
	if (!wait_answers(a, DRAIN_MS)) {
		steme_aclient_stop(a->client);
		while (!wait_answers(a, DRAIN_MS))
			continue;
	}
	for (int ms = 0; ms < SEND_MS && answering(a); ms += 10)
		usleep(10000);
	for (unsigned i = 0; i < a->nlisteners; i++)
		MHD_stop_daemon(a->listeners[i].mhd);
	api_hot_free(a->hot);
	/* bulk uploads whose clients went away may still have claims under way */
	steme_aclient_stop(a->client);
	free(a->listeners);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->mu);
}
