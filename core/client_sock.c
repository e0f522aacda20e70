/* SPDX-License-Identifier: Apache-2.0 */
/* client_sock.c - connecting to the control socket, and why that failed. */
#include "config.h"
#include "core/client_sock.h"
#include "core/client.h"
#include "core/instance.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A full backlog answers EAGAIN: the daemon lives and is busy, so try for a while. */
#define BACKLOG_TRIES	100
#define BACKLOG_WAIT_MS	10

int
steme_sock_connect(int *out, const char *path, int *sys)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd, err = STEME_ECONN;

	*out = -1;
	*sys = 0;
	if (n == 0 || n > STEME_SOCKET_MAX)
		return STEME_ETOOBIG;
	memcpy(sa.sun_path, path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		*sys = errno;
		goto out;
	}
	for (int i = 0; connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0; i++) {
		*sys = errno;
		if (*sys == EINTR)
			continue;
		if (*sys != EAGAIN || i >= BACKLOG_TRIES)
			goto out;
		poll(NULL, 0, BACKLOG_WAIT_MS);
	}
	*sys = 0;
	*out = fd;
	fd = -1;
	err = STEME_OK;
out:
	if (fd >= 0)
		close(fd);
	return err;
}

void
steme_sock_header(struct steme_buf *b, size_t len, unsigned type, uint64_t req)
{
	struct steme_frame f = { (uint32_t)len, (uint16_t)type, 0, req };
	uint8_t h[STEME_FRAME_HDR];

	steme_frame_encode(h, &f);
	steme_buf_put(b, h, sizeof(h));
}

void
steme_sock_hello(struct steme_buf *b, enum steme_role role, const char *program)
{
	struct steme_msg_hello m = { .min_version = STEME_WIRE_VERSION,
	    .max_version = STEME_WIRE_VERSION, .role = role };
	struct steme_buf p = {0};
	char self[128];

	if (program == NULL) {
		snprintf(self, sizeof(self), "%s %s", program_invocation_short_name,
		    PACKAGE_VERSION);
		program = self;
	}
	m.program = steme_str_from(program);
	steme_msg_put_hello(&p, &m);
	steme_sock_header(b, p.len, STEME_MSG_HELLO, 0);
	steme_buf_put(b, p.data, p.len);
	steme_buf_fini(&p);
}

/* The folder D of D/run/control.sock, or false. */
static bool
folder_of(const char *path, struct steme_instance *in)
{
	static const char tail[] = "/run/control.sock";
	size_t n = strlen(path), t = sizeof(tail) - 1;
	char dir[PATH_MAX];

	if (n <= t || n - t >= sizeof(dir) || strcmp(path + n - t, tail) != 0)
		return false;
	memcpy(dir, path, n - t);
	dir[n - t] = '\0';
	return steme_instance_init(in, dir, NULL) == STEME_OK;
}

int
steme_client_explain(const char *path, int sys, struct steme_why *why)
{
	struct steme_instance in;
	struct steme_pid pid = {0};
	char up[PATH_MAX + 32] = "steme up";
	int found;

	if (strlen(path) > STEME_SOCKET_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the control socket's path %s "
		    "has %zu bytes, and the kernel takes at most %d: use a shorter "
		    "--dir", path, strlen(path), STEME_SOCKET_MAX);
	if (!folder_of(path, &in))
		return steme_fail(why, STEME_ECONN, "cannot connect to %s: %s; is "
		    "the daemon running?  Start it: %s", path, strerror(sys), up);
	if (!in.is_default)
		snprintf(up, sizeof(up), "steme up --dir %s", in.dir);
	found = steme_pid_read(&in, "stemefs", &pid);
	if (sys == EACCES || sys == EPERM)
		return steme_fail(why, STEME_ECONN, "cannot connect to %s: this user "
		    "may not open it; ask who runs the daemon of %s", path, in.dir);
	if (found == STEME_OK)
		return steme_fail(why, STEME_ECONN, "cannot connect to %s: the daemon "
		    "(pid %ld) runs but does not answer there; it may still be "
		    "starting (see %s/stemefs.log), else: steme restart%s%s", path,
		    (long)pid.pid, in.log, in.is_default ? "" : " --dir ",
		    in.is_default ? "" : in.dir);
	if (pid.pid > 0)
		return steme_fail(why, STEME_ECONN, "cannot connect to %s: the daemon "
		    "(pid %ld) has ended without cleaning up.  Start it again: %s",
		    path, (long)pid.pid, up);
	return steme_fail(why, STEME_ECONN, "cannot connect to %s: no daemon runs for "
	    "%s.  Start it: %s", path, in.dir, up);
}
