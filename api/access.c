/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - who is a local caller.  doc/api.md, "Local callers".
 *
 * Loopback alone proves nothing: a web page in the user's browser, a proxy and a
 * stray local user all come from there.  So Host, Origin, Sec-Fetch-Site and the
 * forwarding headers are looked at, and the kernel is asked which uid owns the other end.
 */
#include "config.h"
#include "api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OVERFLOW_UID	65534
#define TCP_ESTABLISHED_	1

static const char *
header(const struct api_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name);
}

static bool
peer_is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr)
		    >> 24 == 127;
	return sa->sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

static const struct sockaddr *
peer_of(const struct api_request *r)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(r->c,
	    MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return i == NULL ? NULL : i->client_addr;
}

/* The host part of "host", "host:port" or "[v6]:port" is one of ours. */
static bool
host_is_ours(const struct api_request *r, const char *host)
{
	static const char *const ours[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
	size_t n = end == NULL ? strlen(host) : (size_t)(end - host) +
	    (host[0] == '[');

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strlen(ours[i]) == n && strncasecmp(ours[i], host, n) == 0)
			return true;
	for (unsigned i = 0; i < r->api->conf.hosts.n; i++) {
		const char *h = r->api->conf.hosts.v[i];

		if (strlen(h) == n && strncasecmp(h, host, n) == 0)
			return true;
	}
	return false;
}

bool
api_host_ok(struct api_request *r)
{
	const struct sockaddr *sa = peer_of(r);
	const char *host = header(r, "Host");

	if (sa == NULL || !peer_is_loopback(sa) || host == NULL ||
	    host_is_ours(r, host))
		return true;
	api_problem(r, 403, "forbidden", "the header Host does not name this machine: "
	    "use localhost or 127.0.0.1, or add the name to [api] hosts");
	return false;
}

/* Origin must be absent or http(s)://HOST as in Host. */
static bool
origin_ok(const struct api_request *r)
{
	const char *o = header(r, "Origin"), *h = header(r, "Host");

	if (o == NULL)
		return true;
	if (h == NULL || strncmp(o, "http", 4) != 0)
		return false;
	o += o[4] == 's' ? 5 : 4;
	return strncmp(o, "://", 3) == 0 && strcasecmp(o + 3, h) == 0;
}

/* The header that shows that the caller is not local; NULL if none does. */
static const char *
foreign_header(const struct api_request *r)
{
	static const char *const proxies[] = { "Forwarded", "X-Forwarded-For",
	    "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
	    "X-Forwarded-Server", "X-Real-IP", "Via" };
	const char *host = header(r, "Host"), *s = header(r, "Sec-Fetch-Site");

	if (host == NULL || !host_is_ours(r, host))
		return "Host";
	if (!origin_ok(r))
		return "Origin";
	if (s != NULL && strcmp(s, "same-origin") != 0 && strcmp(s, "none") != 0)
		return "Sec-Fetch-Site";
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		if (header(r, proxies[i]) != NULL)
			return proxies[i];
	return NULL;
}

/* Fills the id of the peer's socket as the kernel knows it: its side is the source. */
static bool
diag_id(struct inet_diag_sockid *id, const struct sockaddr *peer, int fd)
{
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);

	memset(id, 0, sizeof(*id));
	if (getsockname(fd, (struct sockaddr *)&own, &n) != 0)
		return false;
	if (peer->sa_family == AF_INET) {
		const struct sockaddr_in *p = (const void *)peer;
		const struct sockaddr_in *o = (const void *)&own;

		id->idiag_sport = p->sin_port;
		id->idiag_dport = o->sin_port;
		id->idiag_src[0] = p->sin_addr.s_addr;
		id->idiag_dst[0] = o->sin_addr.s_addr;
	} else {
		const struct sockaddr_in6 *p = (const void *)peer;
		const struct sockaddr_in6 *o = (const void *)&own;

		id->idiag_sport = p->sin6_port;
		id->idiag_dport = o->sin6_port;
		memcpy(id->idiag_src, &p->sin6_addr, 16);
		memcpy(id->idiag_dst, &o->sin6_addr, 16);
	}
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return true;
}

/* Asks the kernel (NETLINK_SOCK_DIAG) who owns the other end of a loopback connection. */
static bool
peer_uid(const struct sockaddr *peer, int fd, uid_t *uid)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 q;
	} req = { 0 };
	union {
		struct nlmsghdr h;
		char bytes[4096];
	} ans;
	const struct inet_diag_msg *m;
	struct timeval tv = { 1, 0 };
	bool found = false;
	ssize_t n;
	int s;

	req.h.nlmsg_len = sizeof(req);
	req.h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	req.h.nlmsg_flags = NLM_F_REQUEST;
	req.q.sdiag_family = (uint8_t)peer->sa_family;
	req.q.sdiag_protocol = IPPROTO_TCP;
	req.q.idiag_states = 1u << TCP_ESTABLISHED_;
	if (!diag_id(&req.q.id, peer, fd))
		return false;
	s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (s < 0)
		return false;
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (send(s, &req, sizeof(req), 0) == (ssize_t)sizeof(req) &&
	    (n = recv(s, &ans, sizeof(ans), 0)) > 0 &&
	    NLMSG_OK(&ans.h, (size_t)n) &&
	    ans.h.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	    ans.h.nlmsg_len >= NLMSG_LENGTH(sizeof(*m))) {
		m = NLMSG_DATA(&ans.h);
		*uid = m->idiag_uid;
		found = true;
	}
	close(s);
	return found;
}

static bool
in_group(uid_t uid, const char *name)
{
	struct group *gr = getgrnam(name);
	struct passwd *pw = getpwuid(uid);
	gid_t list[256];
	int n = 256;

	if (gr == NULL || pw == NULL ||
	    getgrouplist(pw->pw_name, pw->pw_gid, list, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (list[i] == gr->gr_gid)
			return true;
	return false;
}

/* The role that the control socket would give (doc/wire-protocol.md, "Roles"). */
static bool
may_write(const struct api *a, uid_t uid)
{
	struct stat st;

	if (uid == OVERFLOW_UID)
		return false;
	if (uid == 0 || uid == geteuid())
		return true;
	if (!a->in.is_default && stat(a->in.dir, &st) == 0 && st.st_uid == uid)
		return true;
	return in_group(uid, "stemedb");
}

/* How far a caller is from local; *name: the header that shows it (FOREIGN). */
enum locality { LOCAL, REMOTE, FOREIGN, NO_RIGHT };

static enum locality
locality(struct api_request *r, uid_t *uid, const char **name)
{
	const struct sockaddr *sa = peer_of(r);
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(r->c,
	    MHD_CONNECTION_INFO_CONNECTION_FD);

	if (sa == NULL || fd == NULL || !peer_is_loopback(sa) ||
	    !r->api->conf.trust_loopback)
		return REMOTE;
	if ((*name = foreign_header(r)) != NULL)
		return FOREIGN;
	if (!peer_uid(sa, fd->connect_fd, uid) || !may_write(r->api, *uid))
		return NO_RIGHT;
	return LOCAL;
}

bool
api_local_uid(struct api_request *r, uid_t *uid)
{
	const char *name;

	return locality(r, uid, &name) == LOCAL;
}

bool
api_local_writer(struct api_request *r, uid_t *uid)
{
	const char *name = NULL;

	switch (locality(r, uid, &name)) {
	case LOCAL:
		return true;
	case REMOTE:
		api_problem(r, 401, "not-authenticated", "an unsigned write is taken "
		    "from a caller on this machine only: sign the object (members "
		    "agent_id, time, signature), or write through the mount");
		return false;
	case FOREIGN:
		api_problem(r, 403, "forbidden", "the header %s shows that this does "
		    "not come straight from a program on this machine, so it is not "
		    "signed here: send a signed object", name);
		return false;
	case NO_RIGHT:
		break;
	}
	api_problem(r, 403, "forbidden", "your user may not write: root, the "
	    "daemon's user, and members of the group stemedb may");
	return false;
}
