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
#include "api/auth.h"
#include "core/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OVERFLOW_UID	65534
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

bool
api_from_loopback(const struct api_request *r)
{
	const struct sockaddr *sa = peer_of(r);

	return sa != NULL && peer_is_loopback(sa);
}

/* Is host "NAME" or "NAME:PORT", of NAME's n bytes? */
static bool
names(const char *host, const char *name)
{
	size_t n = strlen(name), digits;

	if (strncasecmp(host, name, n) != 0)
		return false;
	if (host[n] == '\0')
		return true;
	digits = strspn(host + n + 1, "0123456789");
	return host[n] == ':' && digits > 0 && host[n + 1 + digits] == '\0';
}

static bool
host_is_ours(const struct api_request *r, const char *host)
{
	static const char *const ours[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < STEME_NELEM(ours); i++)
		if (names(host, ours[i]))
			return true;
	for (unsigned i = 0; i < r->api->conf.hosts.n; i++)
		if (names(host, r->api->conf.hosts.v[i]))
			return true;
	return false;
}

bool
api_host_ok(const struct api_request *r)
{
	const struct sockaddr *sa = peer_of(r);
	const char *host = header(r, "Host");

	/* without Host: HTTP/1.0, and so no browser */
	return sa == NULL || !peer_is_loopback(sa) || host == NULL ||
	    host_is_ours(r, host);
}

/* http(s)://HOST as in the header Host. */
static bool
origin_ok(const char *o, const char *host)
{
	if (strncmp(o, "http", 4) != 0)
		return false;
	o += o[4] == 's' ? 5 : 4;
	return strncmp(o, "://", 3) == 0 && strcasecmp(o + 3, host) == 0;
}

/* The first header that shows that the caller is not local. */
struct foreign {
	const char *host;
	char *name;
	size_t size;
};

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct foreign *f = cls;
	bool bad = false;

	(void)kind;
	if (value == NULL)
		value = "";
	if (strcasecmp(key, "Origin") == 0)
		bad = !origin_ok(value, f->host);
	else if (strcasecmp(key, "Sec-Fetch-Site") == 0)
		bad = strcmp(value, "same-origin") != 0 && strcmp(value, "none") != 0;
	else
		bad = strcasecmp(key, "Forwarded") == 0 ||
		    strncasecmp(key, "X-Forwarded", 11) == 0 ||
		    strcasecmp(key, "X-Real-IP") == 0 || strcasecmp(key, "Via") == 0;
	if (!bad)
		return MHD_YES;
	snprintf(f->name, f->size, "%s", key);
	return MHD_NO;
}

/* False: name is that of a header that shows it. */
static bool
headers_are_local(const struct api_request *r, char *name, size_t size)
{
	struct foreign f = { header(r, "Host"), name, size };

	name[0] = '\0';
	if (f.host == NULL || !host_is_ours(r, f.host))
		snprintf(name, size, "Host");
	else
		MHD_get_connection_values(r->c, MHD_HEADER_KIND, on_header, &f);
	return name[0] == '\0';
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

/*
 * Is this the socket asked for, and does a process hold it?  Of a socket that was closed
 * but still has to send or to wait, the kernel says that uid 0 owns it: whoever sends
 * a request and closes at once would be root.  Such a socket has no inode.
 */
static bool
is_held(const struct inet_diag_msg *m, const struct inet_diag_sockid *id)
{
	return m->idiag_inode != 0 && m->id.idiag_sport == id->idiag_sport &&
	    m->id.idiag_dport == id->idiag_dport &&
	    /* open, or shut for writing after its request */
	    (m->idiag_state == TCP_ESTABLISHED ||
	    m->idiag_state == TCP_FIN_WAIT1 || m->idiag_state == TCP_FIN_WAIT2);
}

/*
 * Had the peer aborted, its port could be somebody else's by the time the kernel was
 * asked; but then our end would be dead, too.
 */
static bool
still_connected(int fd)
{
	struct tcp_info ti;
	socklen_t n = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &n) == 0 &&
	    (ti.tcpi_state == TCP_ESTABLISHED || ti.tcpi_state == TCP_CLOSE_WAIT);
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
	req.q.idiag_states = 1u << TCP_ESTABLISHED | 1u << TCP_FIN_WAIT1 |
	    1u << TCP_FIN_WAIT2;
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
		found = is_held(m, &req.q.id);
	}
	close(s);
	return found && still_connected(fd);
}

/* Listeners are threads of their own: no getgrnam(), whose answer is shared. */
static bool
in_group(uid_t uid, const char *name)
{
	char gbuf[16384], pbuf[4096];
	struct group gr, *g = NULL;
	struct passwd pw, *p = NULL;
	gid_t list[256];
	int n = 256;

	if (getgrnam_r(name, &gr, gbuf, sizeof(gbuf), &g) != 0 || g == NULL ||
	    getpwuid_r(uid, &pw, pbuf, sizeof(pbuf), &p) != 0 || p == NULL ||
	    getgrouplist(p->pw_name, p->pw_gid, list, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (list[i] == g->gr_gid)
			return true;
	return false;
}

/* The role that the control socket would give (doc/wire-protocol.md, "Roles"). */
static enum steme_role
role_of(const struct api *a, uid_t uid)
{
	struct stat st;

	if (uid == OVERFLOW_UID)
		return STEME_ROLE_READER;
	if (uid == 0 || uid == geteuid() ||
	    (!a->in.is_default && stat(a->in.dir, &st) == 0 && st.st_uid == uid) ||
	    in_group(uid, "stemedb"))
		return STEME_ROLE_ADMIN;
	return STEME_ROLE_READER;
}

bool
api_is_local(struct api_request *r)
{
	const struct sockaddr *sa = peer_of(r);
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(r->c,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	struct api_caller *k = &r->caller;

	if (k->kind != API_ANON || k->far != API_FAR_UNASKED)
		return k->kind == API_LOCAL;
	if (sa == NULL || fd == NULL || !peer_is_loopback(sa) ||
	    !r->api->conf.trust_loopback)
		k->far = API_FAR_ADDRESS;
	else if (!headers_are_local(r, k->spoilt, sizeof(k->spoilt)))
		k->far = API_FAR_HEADER;
	else if (!peer_uid(sa, fd->connect_fd, &k->uid))
		k->far = API_FAR_CLOSED;
	else {
		k->kind = API_LOCAL;
		k->role = role_of(r->api, k->uid);
	}
	return k->kind == API_LOCAL;
}
