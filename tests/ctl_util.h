/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_util.h - a daemon's socket side in this process: service and ctl on a real path. */
#ifndef STEME_CTL_UTIL_H
#define STEME_CTL_UTIL_H

#include "core/client.h"
#include "core/client_sock.h"
#include "fs/ctl.h"
#include "tests/service_util.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct served {
	struct rig g;
	struct steme_ctl *ctl;
	char path[108];
};

static inline void
serve_at(struct served *d, const struct steme_ctl_opts *like)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1 };
	struct steme_why why = { "" };
	int err;

	if (like != NULL)
		o = *like;
	o.service = d->g.svc;
	o.path = d->path;
	err = steme_ctl_open(&d->ctl, &o, &why);
	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
}

static inline struct steme_client *
client(const struct served *d, enum steme_role role)
{
	struct steme_why why = { "" };
	struct steme_client *c;
	int err = steme_client_open(&c, d->path, role, &why);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), why.text);
	return c;
}

/* A child as uid with these groups asks for a role; its exit status is the role. */
static inline int
role_of(const struct served *d, uid_t uid, const gid_t *groups, size_t n)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct steme_client *c;

		if (setgroups(n, groups) != 0 || setgid(uid) != 0 || setuid(uid) != 0 ||
		    steme_client_open(&c, d->path, STEME_ROLE_NONE, NULL) != STEME_OK)
			_exit(99);
		_exit((int)steme_client_welcome(c)->role);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* ---- the daemon of the running test ---- */

/* Its socket is run/control.sock in the folder of its store. */
static struct served D;

static inline void
up(void)
{
	char run[96];

	D.ctl = NULL;
	rig_open(&D.g);
	ck_assert_int_eq(chmod(D.g.p.dir, 0755), 0);
	snprintf(run, sizeof(run), "%s/run", D.g.p.dir);
	ck_assert_int_eq(mkdir(run, 0755), 0);
	snprintf(D.path, sizeof(D.path), "%.80s/control.sock", run);
	serve_at(&D, NULL);
}

static inline void
stop_serving(void)
{
	steme_ctl_close(D.ctl);
	D.ctl = NULL;
}

static inline void
down(void)
{
	stop_serving();
	rig_close(&D.g);
}

/* The same store, served with other options. */
static inline void
again(const struct steme_ctl_opts *o)
{
	stop_serving();
	serve_at(&D, o);
}

static inline struct steme_ctl_stats
stats(void)
{
	struct steme_ctl_stats st;

	steme_ctl_stats(D.ctl, &st);
	return st;
}

static inline void
still_serves(void)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_why why = { "" };

	ck_assert_msg(steme_client_ask(c, STEME_MSG_PING, "x", 1, NULL, &why) == 0,
	    "%s", why.text);
	steme_client_close(c);
}

/* ---- bytes by hand ---- */

static inline int
raw_connect(const struct served *d)
{
	int fd, sys;

	ck_assert_int_eq(steme_sock_connect(&fd, d->path, &sys), STEME_OK);
	return fd;
}

static inline void
raw_send(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		struct pollfd pf = { fd, POLLOUT, 0 };
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k < 0 && errno == EAGAIN) {
			poll(&pf, 1, 5000);
			continue;
		}
		if (k <= 0)
			return;
		at += k;
		n -= (size_t)k;
	}
}

static inline void
raw_frame(int fd, unsigned type, unsigned flags, uint64_t req, const void *p, size_t n)
{
	struct steme_frame f = { (uint32_t)n, (uint16_t)type, (uint16_t)flags, req };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	raw_send(fd, h, sizeof(h));
	raw_send(fd, p, n);
}

static inline void
raw_hello(int fd)
{
	struct steme_buf b = {0};

	steme_sock_hello(&b, STEME_ROLE_NONE, "raw 1");
	raw_send(fd, b.data, b.len);
	steme_buf_fini(&b);
}

/* Exactly n bytes within 5 s; false at the end of the connection. */
static inline bool
raw_read(int fd, void *out, size_t n)
{
	uint8_t *at = out;

	while (n > 0) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t k;

		ck_assert_msg(poll(&p, 1, 5000) > 0, "nothing to read in 5 s");
		k = recv(fd, at, n, MSG_DONTWAIT);
		if (k <= 0)
			return false;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

/* The next frame; its payload appended to b.  False: the connection ended. */
static inline bool
raw_answer(int fd, struct steme_frame *f, struct steme_buf *b)
{
	uint8_t h[STEME_FRAME_HDR], *p;

	if (!raw_read(fd, h, sizeof(h)))
		return false;
	ck_assert_int_eq(steme_frame_decode(f, h), STEME_OK);
	ck_assert(f->flags & STEME_F_REPLY);
	ck_assert_ptr_nonnull(p = steme_buf_reserve(b, f->len));
	if (!raw_read(fd, p, f->len))
		return false;
	b->len += f->len;
	return true;
}

static inline int
raw_error(int fd, struct steme_frame *f)
{
	struct steme_buf b = {0};
	struct steme_why why;
	int err = STEME_ECONN;

	if (raw_answer(fd, f, &b))
		err = f->flags & STEME_F_ERROR ?
		    steme_msg_get_error(&why, b.data, b.len) : STEME_OK;
	steme_buf_fini(&b);
	return err;
}

static inline void
raw_greet(int fd)
{
	struct steme_frame f;

	raw_hello(fd);
	ck_assert_int_eq(raw_error(fd, &f), STEME_OK);
	ck_assert_uint_eq(f.type, STEME_MSG_HELLO);
}

/* The other end has closed, within 5 s. */
static inline void
raw_is_closed(int fd)
{
	char c;

	ck_assert(!raw_read(fd, &c, 1));
	close(fd);
}

/* n claims with values of len bytes, stored beside the socket. */
static inline void
fill(int n, size_t len)
{
	char *v = malloc(len + 1);

	memset(v, 'x', len);
	v[len] = '\0';
	for (int i = 0; i < n; i++)
		must_claim(D.g.s, &D.g.ann, "fill/a", "p", v, T0 - i);
	free(v);
}

#endif
