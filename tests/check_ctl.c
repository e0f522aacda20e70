/* SPDX-License-Identifier: Apache-2.0 */
/* check_ctl.c - the control socket: its path, who may what, and bad frames. */
#include "config.h"
#include "fs/ctl_frames.h"
#include "fs/ctl_path.h"
#include "fs/ctl_peer.h"
#include "tests/ctl_util.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/un.h>

/* ---- the path ---- */

START_TEST(a_second_daemon_is_refused_and_the_first_goes_on)
{
	struct steme_ctl_opts o = { .service = D.g.svc, .path = D.path,
	    .owner = (uid_t)-1 };
	struct steme_ctl *second;
	struct steme_why why = { "" };
	char lock[128];

	ck_assert_int_eq(steme_ctl_open(&second, &o, &why), STEME_EBUSY);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(why.text, D.path));
	/* Even if somebody removed the lock file. */
	snprintf(lock, sizeof(lock), "%s.lock", D.path);
	ck_assert_int_eq(unlink(lock), 0);
	ck_assert_int_eq(steme_ctl_open(&second, &o, &why), STEME_EBUSY);
	still_serves();
}
END_TEST

START_TEST(a_socket_left_by_a_dead_daemon_is_replaced)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	steme_ctl_close(D.ctl);
	ck_assert_int_lt(lstat(D.path, &st), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sa.sun_path, D.path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	ck_assert_int_eq(lstat(D.path, &st), 0);
	serve_at(&D, NULL);
	ck_assert_int_eq(lstat(D.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0666);
	still_serves();
}
END_TEST

START_TEST(a_file_in_the_way_is_not_removed)
{
	struct steme_ctl_opts o = { .service = D.g.svc, .path = D.path,
	    .owner = (uid_t)-1 };
	struct steme_why why;
	struct stat st;

	stop_serving();
	close(open(D.path, O_CREAT | O_WRONLY, 0644));
	ck_assert_int_eq(steme_ctl_open(&D.ctl, &o, &why), STEME_EEXIST);
	ck_assert_int_eq(lstat(D.path, &st), 0);
	unlink(D.path);
}
END_TEST

START_TEST(a_socket_that_is_not_ours_any_more_stays)
{
	struct stat st;

	ck_assert_int_eq(unlink(D.path), 0);
	close(open(D.path, O_CREAT | O_WRONLY, 0644));
	stop_serving();
	ck_assert_int_eq(lstat(D.path, &st), 0);
}
END_TEST

START_TEST(a_path_over_107_bytes_is_refused)
{
	char longer[110];
	struct steme_ctl_opts o = { .service = D.g.svc, .path = longer,
	    .owner = (uid_t)-1 };
	struct steme_ctl *ctl;
	struct steme_why why;

	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[108] = '\0';
	ck_assert_int_eq(steme_ctl_open(&ctl, &o, &why), STEME_ETOOBIG);
	ck_assert_ptr_nonnull(strstr(why.text, "--dir"));
}
END_TEST

/* ---- roles ---- */

START_TEST(roles_follow_user_and_groups)
{
	struct steme_peers p;
	gid_t groups[3] = { 7, 70, 700 };

	steme_peers_init(&p, 1001, "");
	p.self = 1002;
	ck_assert_int_eq(steme_peer_role(&p, 0, 0, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_peer_role(&p, 1001, 5, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_peer_role(&p, 1002, 5, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_peer_role(&p, 1003, 5, groups, 3), STEME_ROLE_READER);
	p.has_gid = true;
	p.gid = 700;
	ck_assert_int_eq(steme_peer_role(&p, 1003, 5, groups, 3), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_peer_role(&p, 1003, 700, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(steme_peer_role(&p, 1003, 5, groups, 2), STEME_ROLE_READER);
	/* Nobody gives the overflow user more, whoever it seems to be. */
	p.self = p.owner = 65534;
	ck_assert_int_eq(steme_peer_role(&p, 65534, 700, groups, 3),
	    STEME_ROLE_READER);
	p.overflow = 4242;
	ck_assert_int_eq(steme_peer_role(&p, 4242, 700, groups, 3),
	    STEME_ROLE_READER);
}
END_TEST

START_TEST(the_kernel_says_who_calls)
{
	struct steme_ctl_opts o = { .owner = 12345, .group = "daemon" };
	struct group *g = getgrnam("daemon");
	gid_t many[100];

	if (getuid() != 0) {
		/* Without root there is one user to be: the daemon's own. */
		struct steme_client *c = client(&D, STEME_ROLE_NONE);

		ck_assert_int_eq(steme_client_welcome(c)->role, STEME_ROLE_ADMIN);
		steme_client_close(c);
		return;
	}
	ck_assert_ptr_nonnull(g);
	again(&o);
	for (gid_t i = 0; i < 100; i++)
		many[i] = 20000 + i;
	ck_assert_int_eq(role_of(&D, 0, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(role_of(&D, 12345, NULL, 0), STEME_ROLE_ADMIN);
	ck_assert_int_eq(role_of(&D, 23456, NULL, 0), STEME_ROLE_READER);
	ck_assert_int_eq(role_of(&D, 65534, &g->gr_gid, 1), STEME_ROLE_READER);
	ck_assert_int_eq(role_of(&D, 23456, &g->gr_gid, 1), STEME_ROLE_ADMIN);
	ck_assert_int_eq(role_of(&D, 23456, many, 100), STEME_ROLE_READER);
	many[99] = g->gr_gid;
	ck_assert_int_eq(role_of(&D, 23456, many, 100), STEME_ROLE_ADMIN);
}
END_TEST

START_TEST(who_asked_for_less_gets_less)
{
	struct steme_client *c = client(&D, STEME_ROLE_READER);
	struct steme_why why = { "" };

	ck_assert_int_eq(steme_client_welcome(c)->role, STEME_ROLE_READER);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_STOP, "", 0, NULL, &why),
	    STEME_EPERM);
	ck_assert_int_eq(atomic_load(&D.g.stops), 0);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, &why),
	    STEME_OK);
	steme_client_close(c);
}
END_TEST

/* ---- frames ---- */

START_TEST(the_first_message_must_be_hello)
{
	int fd = raw_connect(&D);
	struct steme_frame f;

	raw_frame(fd, STEME_MSG_PING, 0, 9, "x", 1);
	ck_assert_int_eq(raw_error(fd, &f), STEME_EPROTO);
	ck_assert_uint_eq(f.req, 9);
	raw_is_closed(fd);
	still_serves();
}
END_TEST

START_TEST(a_version_we_do_not_speak_is_named)
{
	struct steme_msg_hello m = { 7, 9, 0, STEME_ROLE_NONE, STEME_LIT("x") };
	int fd = raw_connect(&D);
	struct steme_buf b = {0};
	struct steme_frame f;

	steme_msg_put_hello(&b, &m);
	raw_frame(fd, STEME_MSG_HELLO, 0, 0, b.data, b.len);
	ck_assert_int_eq(raw_error(fd, &f), STEME_EVERSION);
	raw_is_closed(fd);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_bad_frame_ends_its_connection_only)
{
	struct steme_client *other = client(&D, STEME_ROLE_NONE);
	struct steme_why why = { "" };
	struct steme_frame f;
	uint8_t h[STEME_FRAME_HDR];
	int fd = raw_connect(&D);

	raw_greet(fd);
	raw_frame(fd, STEME_MSG_PING, 0x8000, 77, "", 0);
	ck_assert_int_eq(raw_error(fd, &f), STEME_EPROTO);
	ck_assert_uint_eq(f.req, 77);
	raw_is_closed(fd);
	/* Flags of answers are not for clients. */
	fd = raw_connect(&D);
	raw_greet(fd);
	raw_frame(fd, STEME_MSG_PING, STEME_F_REPLY, 78, "", 0);
	ck_assert_int_eq(raw_error(fd, &f), STEME_EPROTO);
	raw_is_closed(fd);
	/* Too long: refused before its bytes are there. */
	fd = raw_connect(&D);
	raw_greet(fd);
	f = (struct steme_frame){ STEME_FRAME_MAX + 1, STEME_MSG_PING, 0, 79 };
	steme_frame_encode(h, &f);
	raw_send(fd, h, sizeof(h));
	ck_assert_int_eq(raw_error(fd, &f), STEME_ETOOBIG);
	ck_assert_uint_eq(f.req, 79);
	raw_is_closed(fd);
	ck_assert_int_eq(steme_client_ask(other, STEME_MSG_PING, "", 0, NULL, &why),
	    STEME_OK);
	ck_assert_uint_eq(stats().bad_frames, 3);
	steme_client_close(other);
}
END_TEST

START_TEST(noise_never_hurts_the_daemon)
{
	uint8_t noise[4096];
	unsigned seed = 7;

	for (int i = 0; i < 200; i++) {
		int fd = raw_connect(&D);

		if (i % 2)
			raw_greet(fd);
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)(rand_r(&seed) >> 3);
		if (i % 4 > 1)	/* a frame whose length is sane */
			memset(noise + 2, 0, 2), memset(noise + 6, 0, 2);
		raw_send(fd, noise, sizeof(noise));
		close(fd);
	}
	still_serves();
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
	int fd = raw_connect(&D);
	struct steme_frame f = { 2, STEME_MSG_PING, 0, 5 };
	struct steme_buf b = {0};
	uint8_t bytes[18];

	raw_greet(fd);
	steme_frame_encode(bytes, &f);
	bytes[16] = 'h';
	bytes[17] = 'i';
	for (size_t i = 0; i < sizeof(bytes); i++) {
		raw_send(fd, bytes + i, 1);
		usleep(500);
	}
	ck_assert(raw_answer(fd, &f, &b));
	ck_assert_uint_eq(f.req, 5);
	ck_assert_uint_eq(b.len, 2);
	ck_assert_mem_eq(b.data, "hi", 2);
	steme_buf_fini(&b);
	close(fd);
}
END_TEST

START_TEST(the_longest_frame_is_taken)
{
	struct steme_client *c = client(&D, STEME_ROLE_NONE);
	struct steme_why why = { "" };
	uint8_t *p = calloc(1, STEME_FRAME_MAX + 1);

	/* A PING so long is malformed, but it gets there and is answered. */
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, p, STEME_FRAME_MAX, NULL,
	    &why), STEME_EPROTO);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, p, STEME_FRAME_MAX + 1,
	    NULL, &why), STEME_ETOOBIG);
	ck_assert_int_eq(steme_client_ask(c, STEME_MSG_PING, "", 0, NULL, &why), 0);
	free(p);
	steme_client_close(c);
}
END_TEST

START_TEST(a_half_frame_ends_its_connection_in_time)
{
	struct steme_ctl_opts o = { .owner = (uid_t)-1, .half_frame_ms = 200 };
	int silent, half, good;

	again(&o);
	silent = raw_connect(&D);	/* no HELLO at all */
	half = raw_connect(&D);
	good = raw_connect(&D);
	raw_greet(half);
	raw_greet(good);
	raw_send(half, "\2\0\0\0\2", 5);
	raw_is_closed(silent);
	raw_is_closed(half);
	/* Idle is no offence. */
	raw_frame(good, STEME_MSG_PING, 0, 1, "", 0);
	ck_assert_int_eq(raw_error(good, &(struct steme_frame){ 0 }), STEME_OK);
	close(good);
	ck_assert_uint_eq(stats().timeouts, 2);
}
END_TEST

/* ---- the frame reader by itself ---- */

START_TEST(frames_come_out_however_the_bytes_are_cut)
{
	struct steme_slab *spare = NULL;
	struct steme_frames fr;
	struct steme_buf in = {0};
	unsigned seed = (unsigned)_i;
	size_t at = 0;
	unsigned next = 0, wrong = 0;

	for (unsigned i = 0; i < 300; i++) {
		size_t n = (size_t)rand_r(&seed) % (i % 50 == 0 ? 200000 : 500);

		steme_sock_header(&in, n, i, i);
		ck_assert_ptr_nonnull(steme_buf_reserve(&in, n));
		for (size_t k = 0; k < n; k++)
			in.data[in.len++] = (uint8_t)(i + k);
	}
	steme_frames_init(&fr, &spare);
	while (at < in.len) {
		struct steme_frame f;
		const uint8_t *p;
		size_t n, take = 1 + (size_t)rand_r(&seed) % (_i == 0 ? 3 : 70000);
		uint8_t *to = steme_frames_space(&fr, &n);

		ck_assert_uint_gt(n, 0);
		n = n < take ? n : take;
		n = n < in.len - at ? n : in.len - at;
		memcpy(to, in.data + at, n);
		at += n;
		steme_frames_got(&fr, n);
		while (steme_frames_next(&fr, &f, &p) == STEME_OK) {
			ck_assert_uint_eq(f.req, next);
			for (size_t k = 0; k < f.len; k++)
				wrong += p[k] != (uint8_t)(next + k);
			ck_assert_uint_eq(wrong, 0);
			next++;
			/* As a request would that outlives the next read. */
			if (next % 7 == 0) {
				steme_slab_hold(fr.slab);
				steme_slab_put(fr.slab);
			}
		}
	}
	ck_assert_uint_eq(next, 300);
	ck_assert_uint_eq(steme_frames_pending(&fr), 0);
	steme_frames_fini(&fr);
	steme_slab_put(spare);
	steme_buf_fini(&in);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ctl");
	TCase *t = tcase_create("path and peers");

	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_second_daemon_is_refused_and_the_first_goes_on);
	tcase_add_test(t, a_socket_left_by_a_dead_daemon_is_replaced);
	tcase_add_test(t, a_file_in_the_way_is_not_removed);
	tcase_add_test(t, a_socket_that_is_not_ours_any_more_stays);
	tcase_add_test(t, a_path_over_107_bytes_is_refused);
	tcase_add_test(t, roles_follow_user_and_groups);
	tcase_add_test(t, the_kernel_says_who_calls);
	tcase_add_test(t, who_asked_for_less_gets_less);
	suite_add_tcase(s, t);
	t = tcase_create("frames");
	tcase_add_checked_fixture(t, up, down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_first_message_must_be_hello);
	tcase_add_test(t, a_version_we_do_not_speak_is_named);
	tcase_add_test(t, a_bad_frame_ends_its_connection_only);
	tcase_add_test(t, noise_never_hurts_the_daemon);
	tcase_add_test(t, a_frame_may_come_byte_by_byte);
	tcase_add_test(t, the_longest_frame_is_taken);
	tcase_add_test(t, a_half_frame_ends_its_connection_in_time);
	suite_add_tcase(s, t);
	t = tcase_create("reader");
	tcase_add_loop_test(t, frames_come_out_however_the_bytes_are_cut, 0, 6);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
