/* SPDX-License-Identifier: Apache-2.0 */
/* fake_daemon.h - a daemon by hand: accepts, greets, and then does what a test says. */
#ifndef STEME_FAKE_DAEMON_H
#define STEME_FAKE_DAEMON_H

#include "tests/ctl_util.h"

#include <sys/un.h>

struct fake {
	int listens;
	pthread_t plays;
};

static inline void
fake_listen(struct fake *f, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	strcpy(sa.sun_path, path);
	unlink(path);
	f->listens = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(f->listens, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(f->listens, 16), 0);
}

/* Ends the daemon; a thread of play(f) takes its place until fake_end(). */
static inline void
fake_stands_in(struct fake *f, void *(*play)(void *))
{
	stop_serving();
	fake_listen(f, D.path);
	ck_assert_int_eq(pthread_create(&f->plays, NULL, play, f), 0);
}

/* Waits until play() has returned. */
static inline void
fake_end(struct fake *f)
{
	pthread_join(f->plays, NULL);
	close(f->listens);
}

static inline void
fake_reply(int fd, const struct steme_frame *f, unsigned flags, const void *p, size_t n)
{
	raw_frame(fd, f->type, flags | STEME_F_REPLY, f->req, p, n);
}

/* The next request on fd; false at its end. */
static inline bool
fake_request(int fd, struct steme_frame *f)
{
	uint8_t h[STEME_FRAME_HDR], *p;
	bool ok;

	if (!raw_read(fd, h, sizeof(h)))
		return false;
	ck_assert_int_eq(steme_frame_decode(f, h), STEME_OK);
	p = malloc(f->len + 1);
	ok = raw_read(fd, p, f->len);
	free(p);
	return ok;
}

/* Accepts, and greets. */
static inline int
fake_accept(struct fake *f)
{
	struct steme_msg_welcome w = { .version = 1, .role = STEME_ROLE_ADMIN,
	    .boot = 99, .max_frame = STEME_FRAME_MAX, .node_name = STEME_LIT("fake"),
	    .changes_path = STEME_LIT("") };
	int fd = accept(f->listens, NULL, NULL);
	struct steme_buf b = {0};
	struct steme_frame h;

	ck_assert_int_ge(fd, 0);
	ck_assert(fake_request(fd, &h));
	ck_assert_uint_eq(h.type, STEME_MSG_HELLO);
	steme_msg_put_welcome(&b, &w);
	fake_reply(fd, &h, 0, b.data, b.len);
	steme_buf_fini(&b);
	return fd;
}

#endif
