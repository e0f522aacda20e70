/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - steme status: daemon, mount and sidecar at a glance. */
#include "config.h"
#include "cli/up.h"
#include "cli/http.h"
#include "cli/jv.h"
#include "cli/mounts.h"
#include "cli/out.h"
#include "core/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS	CLI_LOOK_MS

struct state {
	struct site site;
	struct steme_buf daemon;	/* STATUS; empty: nobody answers */
	struct steme_pid sidecar;
	bool sidecar_lives;
	int http;			/* of /healthz; or an error */
	enum mount_state mount;
};

static void
gather(struct cli *c, struct state *s)
{
	static const struct site_options nothing = { NULL, false, UINT64_MAX,
	    UINT64_MAX };
	struct steme_why why;

	memset(s, 0, sizeof(*s));
	s->http = STEME_ECONN;
	if (cli_try(c) == STEME_OK) {
		steme_client_set_timeout(c->client, LOOK_MS);
		if (steme_client_ask(c->client, STEME_MSG_STATUS, NULL, 0,
		    &s->daemon, &c->why) != STEME_OK)
			steme_buf_clear(&s->daemon);
	}
	s->sidecar_lives = steme_pid_read(&c->in, SIDECAR, &s->sidecar) == STEME_OK;
	if (site_find(&s->site, &c->in, &nothing, &why) != STEME_OK ||
	    !s->site.recorded)
		return;
	if (s->site.mount[0] != '\0')
		s->mount = mount_look(s->site.mount, LOOK_MS, NULL);
	if (s->sidecar_lives)
		s->http = http_get_status(s->site.host, (uint16_t)s->site.port,
		    s->site.tls, "/readyz", LOOK_MS);
}

static const char *
http_name(const struct state *s)
{
	if (!s->sidecar_lives)
		return "not running";
	return s->http == 200 ? "ready" : s->http > 0 ? "not ready" :
	    "not answering";
}

static int
print_json(struct cli *c, const struct state *s)
{
	struct steme_str d = jv_root(s->daemon.data, s->daemon.len);
	struct steme_buf b = { 0 };
	int status;

	steme_buf_puts(&b, "{\"dir\":");
	out_json_str(&b, steme_str_from(c->in.dir));
	steme_buf_puts(&b, ",\"daemon\":");
	if (d.p == NULL)
		steme_buf_puts(&b, "null");
	else
		steme_buf_put(&b, d.p, d.n);
	steme_buf_puts(&b, ",\"mount\":");
	if (s->site.mount[0] == '\0') {
		steme_buf_puts(&b, "null");
	} else {
		steme_buf_puts(&b, "{\"path\":");
		out_json_str(&b, steme_str_from(s->site.mount));
		steme_buf_printf(&b, ",\"state\":\"%s\"}",
		    mount_state_name(s->mount));
	}
	steme_buf_printf(&b, ",\"http\":{\"port\":%u,\"cluster_port\":%u,\"state\":"
	    "\"%s\"", (unsigned)s->site.port, (unsigned)s->site.cluster_port,
	    http_name(s));
	if (s->sidecar_lives)
		steme_buf_printf(&b, ",\"pid\":%d", (int)s->sidecar.pid);
	steme_buf_puts(&b, "}}\n");
	status = cli_print(c, &b);
	steme_buf_fini(&b);
	return status;
}

static void
line(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
line(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-10s ", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static unsigned long long
num(struct steme_str d, const char *path)
{
	return (unsigned long long)jv_uint(jv_at(d, path));
}

/* Why a write may be refused just now. */
static void
print_writes(struct steme_str writes)
{
	static const char *const caps[] = { "max_writes_per_sec",
	    "max_assertions_per_sec" };
	char state[64], reason[300];

	jv_copy(state, sizeof(state), jv_get(writes, "state"));
	if (strcmp(state, "ok") != 0)
		line("writes", "stopped (%s): %s", state, jv_copy(reason,
		    sizeof(reason), jv_get(writes, "reason")));
	if (jv_true(jv_get(writes, "drained")))
		line("writes", "refused: the node is drained, until POST "
		    "/v1/admin/node/undrain");
	for (size_t i = 0; i < STEME_NELEM(caps); i++)
		if (!jv_none(jv_get(writes, caps[i])))
			line("cap", "%s = %llu (GET /v1/admin/rate-limit)", caps[i],
			    num(writes, caps[i]));
}

static void
print_daemon(const struct state *s)
{
	struct steme_str d = jv_root(s->daemon.data, s->daemon.len);
	char a[64], b[32], size[16];

	line("daemon", "running, pid %llu, %s, version %s", num(d, "pid"),
	    out_seconds(b, jv_uint(jv_at(d, "uptime_seconds"))),
	    jv_copy(a, sizeof(a), jv_at(d, "version")));
	line("node", "%s", jv_copy(a, sizeof(a), jv_at(d, "node.name")));
	line("holds", "%llu assertions about %llu concepts; %llu votes, "
	    "%llu retractions, %llu batches", num(d, "counts.assertions"),
	    num(d, "counts.concepts"), num(d, "counts.votes"),
	    num(d, "counts.retractions"), num(d, "counts.batches"));
	line("log", "%s in %llu segments, lsn %llu", out_bytes(size,
	    jv_uint(jv_at(d, "wal.bytes"))), num(d, "wal.segments"), num(d, "lsn"));
	line("index", "%s in %llu files%s", out_bytes(size,
	    jv_uint(jv_at(d, "index.bytes"))), num(d, "index.files"),
	    jv_true(jv_at(d, "index.rebuilding")) ? ", rebuilding" : "");
	if (jv_true(jv_at(d, "index.damaged")))
		line("warning", "the index cannot be read in full: steme rebuild makes "
		    "it anew from the log");
	if (num(d, "index.lost_segment_records") > 0)
		line("warning", "%llu records are in the index only: their segments "
		    "are gone", num(d, "index.lost_segment_records"));
	print_writes(jv_get(d, "writes"));
}

int
cmd_status(struct cli *c, int argc, char **argv)
{
	struct state s;
	int status;

	if ((status = cli_parse(c, argc, argv, NULL, 0, 0)) >= 0)
		return status;
	gather(c, &s);
	status = s.daemon.len > 0 ? EX_OK : EX_UNAVAILABLE;
	if (c->json) {
		if (print_json(c, &s) != EX_OK)
			status = EX_IOERR;
		goto out;
	}
	line("data", "%s", c->in.dir);
	if (s.daemon.len > 0)
		print_daemon(&s);
	else
		line("daemon", "%s", c->why.text);
	if (s.site.recorded && s.site.mount[0] != '\0')
		line("mount", "%s: %s", s.site.mount, mount_state_name(s.mount));
	else if (s.site.recorded)
		line("mount", "none");
	if (s.site.recorded)
		line("http", "%s, port %u", http_name(&s), (unsigned)s.site.port);
out:
	steme_buf_fini(&s.daemon);
	return status;
}
