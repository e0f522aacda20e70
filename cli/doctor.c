/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - steme doctor: looks at what a machine needs, and says the cure of what is
 * wrong.  Changes nothing.
 */
#include "config.h"
#include "cli/up.h"
#include "cli/http.h"
#include "cli/jv.h"
#include "cli/mounts.h"
#include "cli/out.h"
#include "cli/proc.h"
#include "core/clock.h"
#include "core/sign.h"
#include "core/timefmt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_BAD	(UINT64_C(64) << 20)	/* less than a segment */
#define DISK_LOW	(UINT64_C(1) << 30)
#define INODES_LOW	1000

enum verdict { GOOD, LOW, BAD };

struct doctor {
	struct cli *c;
	struct site site;
	bool site_ok;
	unsigned bad, low, n;
	struct steme_buf json;
};

static void
say(struct doctor *d, enum verdict v, const char *what, const char *cure,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* One finding; cure: what to do (NULL if it is good). */
static void
say(struct doctor *d, enum verdict v, const char *what, const char *cure,
    const char *fmt, ...)
{
	static const char *const word[] = { "ok  ", "warn", "BAD " };
	static const char *const name[] = { "ok", "warning", "bad" };
	static const char *const color[] = { "\033[32m", "\033[33m", "\033[31m" };
	char text[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->bad += v == BAD;
	d->low += v == LOW;
	if (d->c->json) {
		steme_buf_printf(&d->json, "%s{\"check\":\"%s\",\"verdict\":\"%s\","
		    "\"text\":", d->n++ > 0 ? "," : "", what, name[v]);
		out_json_str(&d->json, steme_str_from(text));
		steme_buf_puts(&d->json, ",\"cure\":");
		if (cure == NULL)
			steme_buf_puts(&d->json, "null");
		else
			out_json_str(&d->json, steme_str_from(cure));
		steme_buf_putc(&d->json, '}');
		return;
	}
	printf("%s%s%s  %-9s %s\n", d->c->color ? color[v] : "", word[v],
	    d->c->color ? "\033[0m" : "", what, text);
	if (cure != NULL)
		printf("                cure: %s\n", cure);
}

static void
check_programs(struct doctor *d)
{
	static const char *const names[] = { DAEMON, SIDECAR, "steme-offline" };
	char path[PATH_MAX];
	struct steme_why why;

	for (size_t i = 0; i < 3; i++)
		if (proc_find(path, names[i], &why) != STEME_OK)
			say(d, BAD, "programs", "install all of StemeDB: make install",
			    "%s", why.text);
		else
			say(d, GOOD, "programs", NULL, "%s", path);
}

static void
check_fuse(struct doctor *d)
{
	int fd;

	if (d->site_ok && d->site.mount[0] == '\0') {
		say(d, GOOD, "fuse", NULL, "not needed: no mount is wanted");
		return;
	}
	if (access("/dev/fuse", F_OK) < 0) {
		say(d, BAD, "fuse", "as root: modprobe fuse; in a container give it "
		    "the device (docker run --device /dev/fuse --cap-add SYS_ADMIN), "
		    "or use steme up --no-mount", "/dev/fuse is missing");
		return;
	}
	if ((fd = open("/dev/fuse", O_RDWR | O_CLOEXEC)) >= 0) {
		close(fd);
		say(d, GOOD, "fuse", NULL, "/dev/fuse can be opened");
	} else {
		say(d, BAD, "fuse", "as root: chmod 666 /dev/fuse; in a container "
		    "allow the device; or use steme up --no-mount",
		    "/dev/fuse cannot be opened: %s", strerror(errno));
	}
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0)
		say(d, BAD, "fuse", "docker run --device /dev/fuse --cap-add SYS_ADMIN, or "
		    "steme up --no-mount", "this container may not mount");
	if (geteuid() != 0 && access("/usr/bin/fusermount3", X_OK) < 0 &&
	    access("/bin/fusermount3", X_OK) < 0)
		say(d, BAD, "fuse", "apt-get install fuse3", "fusermount3 is missing; "
		    "only root can mount without it");
}

static void
check_mount(struct doctor *d)
{
	struct steme_pid p;
	char type[64];
	bool lives = steme_pid_read(&d->c->in, DAEMON, &p) == STEME_OK;

	if (!d->site_ok || d->site.mount[0] == '\0')
		return;
	switch (mount_look(d->site.mount, 2000, type)) {
	case MOUNT_NONE:
		say(d, lives ? BAD : GOOD, "mount", lives ? "steme restart" : NULL,
		    "nothing is mounted at %s%s", d->site.mount,
		    lives ? ", though the daemon runs" : " (the daemon is down)");
		break;
	case MOUNT_LIVE:
		say(d, GOOD, "mount", NULL, "%s answers", d->site.mount);
		break;
	case MOUNT_DEAD:
	case MOUNT_SLOW:
		say(d, BAD, "mount", lives ? "steme restart" :
		    "steme up (it cleans up by itself), or steme down",
		    "%s does not answer%s", d->site.mount,
		    lives ? "" : ": its daemon is gone");
		break;
	case MOUNT_FOREIGN:
		say(d, BAD, "mount", "choose another --mount", "something else (%s) "
		    "is mounted at %s", type, d->site.mount);
	}
}

static void
check_port(struct doctor *d, uint64_t port, bool ours)
{
	int r;

	if (port == 0)
		return;
	r = http_get_status(d->site.host, (uint16_t)port, d->site.tls,
	    "/healthz", 2000);
	if (ours && r == 200)
		say(d, GOOD, "port", NULL, "%u: the sidecar answers", (unsigned)port);
	else if (ours)
		say(d, BAD, "port", "steme restart", "%u: the sidecar runs, but %s",
		    (unsigned)port, r == STEME_ECONN ? "nobody listens there" :
		    "does not answer as it should");
	else if (r == STEME_ECONN)
		say(d, GOOD, "port", NULL, "%u is free", (unsigned)port);
	else
		say(d, BAD, "port", "ss -ltnp shows which; or choose another --port",
		    "%u is in use by another program", (unsigned)port);
}

static void
check_ports(struct doctor *d)
{
	struct steme_pid p;
	bool ours = steme_pid_read(&d->c->in, SIDECAR, &p) == STEME_OK;

	if (!d->site_ok)
		return;
	check_port(d, d->site.port, ours);
	check_port(d, d->site.cluster_port, ours);
}

/* The sidecar itself says what it thinks of its configuration: files of TLS, bind. */
static void
check_config(struct doctor *d)
{
	char path[PATH_MAX], out[4096], text[512], *line;
	const char *const argv[] = { path, "--check-config", "--dir", d->c->in.dir,
	    NULL };
	int r;

	if (proc_find(path, SIDECAR, NULL) != STEME_OK)
		return;			/* check_programs() has said so */
	if ((r = proc_run(argv, out, sizeof(out))) == 0) {
		say(d, GOOD, "config", NULL, access(d->c->in.conf, F_OK) < 0 ?
		    "there is no %s: the defaults hold%s" :
		    "%s is taken by the sidecar%s", d->c->in.conf,
		    d->site_ok && d->site.tls ? ", with TLS" : "");
		return;
	}
	/* its complaint is a log line, the last one */
	while ((line = strrchr(out, '\n')) != NULL && line[1] == '\0')
		*line = '\0';
	line = line == NULL ? out : line + 1;
	jv_copy(text, sizeof(text), jv_get(jv_root(line, strlen(line)), "message"));
	say(d, BAD, "config", "correct what it names, then steme restart", "%s",
	    r < 0 ? steme_strerror(r) : text[0] != '\0' ? text : line);
}

/* The wall clock against the year this was written, files here, and itself. */
static void
check_clock(struct doctor *d)
{
	const struct steme_clock *k = &steme_clock_system;
	int64_t wall = steme_wall_us(k), mono = steme_mono_us(k), drift;
	char t[STEME_TIME_LEN + 1];
	struct stat st;

	steme_time_format(t, wall < 0 ? 0 : wall);
	proc_sleep_ms(200);
	drift = (steme_wall_us(k) - wall) - (steme_mono_us(k) - mono);
	if (wall < INT64_C(1735689600000000))
		say(d, BAD, "clock", "set the clock: timedatectl set-ntp true, or "
		    "chronyc makestep", "the clock says %s, which is long past", t);
	else if (stat(d->c->in.wal, &st) == 0 &&
	    (int64_t)st.st_mtime * 1000000 > wall + STEME_SKEW_US)
		say(d, BAD, "clock", "set the clock: timedatectl set-ntp true, or "
		    "chronyc makestep", "the clock says %s, but %s was changed "
		    "later than that", t, d->c->in.wal);
	else if (drift > 50000 || drift < -50000)
		say(d, LOW, "clock", "see that only one time service runs (chronyc "
		    "tracking)", "the clock jumped by %lld ms just now",
		    (long long)(drift / 1000));
	else
		say(d, GOOD, "clock", NULL, "%s", t);
}

/* The nearest folder that exists at or above path. */
static void
existing(char out[PATH_MAX], const char *path)
{
	char *slash;

	snprintf(out, PATH_MAX, "%s", path);
	while (access(out, F_OK) < 0 && (slash = strrchr(out, '/')) != NULL)
		slash[slash == out] = '\0';
}

static void
check_disk(struct doctor *d)
{
	char path[PATH_MAX], a[16], b[16];
	struct statvfs v;
	uint64_t room;

	existing(path, d->c->in.wal);
	if (statvfs(path, &v) < 0) {
		say(d, BAD, "disk", "check the file system below it", "%s: %s", path,
		    strerror(errno));
		return;
	}
	room = (uint64_t)v.f_bavail * v.f_frsize;
	say(d, room < DISK_BAD ? BAD : room < DISK_LOW ? LOW : GOOD, "disk",
	    room < DISK_LOW ? "make room, or move the data folder to a larger disk; "
	    "closed segments may be gzipped" : NULL, "%s free of %s at %s",
	    out_bytes(a, room), out_bytes(b, (uint64_t)v.f_blocks * v.f_frsize),
	    path);
	/* file systems without a table of inodes say 0 */
	if (v.f_files > 0 && v.f_favail < INODES_LOW)
		say(d, BAD, "disk", "remove files on that file system", "only %llu "
		    "inodes are free at %s", (unsigned long long)v.f_favail, path);
	if ((v.f_flag & ST_RDONLY) != 0)
		say(d, BAD, "disk", "mount it read-write: mount -o remount,rw",
		    "%s is on a read-only file system", path);
}

static void
check_socket(struct doctor *d)
{
	struct steme_pid p;
	bool lives = steme_pid_read(&d->c->in, DAEMON, &p) == STEME_OK;
	const struct steme_msg_welcome *w;
	struct steme_buf b = { 0 };
	char version[64] = "";
	int err = cli_try(d->c);

	say(d, GOOD, "socket", NULL, "%s has %zu of %d bytes", d->c->in.socket,
	    strlen(d->c->in.socket), STEME_SOCKET_MAX);
	if (err != STEME_OK) {
		say(d, lives ? BAD : GOOD, "daemon", lives ? "steme restart" : NULL,
		    "%s", lives ? d->c->why.text : "not running");
		return;
	}
	w = steme_client_welcome(d->c->client);
	if (steme_client_ask(d->c->client, STEME_MSG_STATUS, NULL, 0, &b,
	    &d->c->why) == STEME_OK)
		jv_copy(version, sizeof(version), jv_get(jv_root(b.data, b.len),
		    "version"));
	if (strcmp(version, PACKAGE_VERSION) != 0)
		say(d, LOW, "daemon", "steme restart", "it runs version %s, this is "
		    "%s", version, PACKAGE_VERSION);
	else
		say(d, GOOD, "daemon", NULL, "version %s, you have role %s", version,
		    steme_role_name(w->role));
	jv_copy(version, sizeof(version), jv_at(jv_root(b.data, b.len),
	    "writes.state"));
	if (version[0] != '\0' && strcmp(version, "ok") != 0)
		say(d, BAD, "writes", "steme status has the reason", "writes are "
		    "stopped (%s)", version);
	if (jv_true(jv_at(jv_root(b.data, b.len), "writes.drained")))
		say(d, LOW, "writes", "POST /v1/admin/node/undrain when it shall take "
		    "writes again", "the node is drained: it takes none");
	if (jv_true(jv_at(jv_root(b.data, b.len), "index.damaged")))
		say(d, BAD, "index", "look at its disk, then steme rebuild: the log has "
		    "everything", "the index cannot be read in full");
	if (jv_uint(jv_at(jv_root(b.data, b.len), "index.lost_segment_records")) > 0)
		say(d, LOW, "log", "put the segments back from a backup, then steme "
		    "rebuild", "segments are gone whose records only the index has");
	steme_buf_fini(&b);
}

static void
check_key_file(struct doctor *d, const char *dir, const char *name)
{
	char path[PATH_MAX + 260], cure[PATH_MAX + 300];
	struct steme_why why;
	struct steme_key k;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (steme_key_load(&k, path, &why) != STEME_OK) {
		snprintf(cure, sizeof(cure), "chmod 600 %s, or put the right file "
		    "there", path);
		say(d, BAD, "keys", cure, "%s", why.text);
	}
	steme_key_wipe(&k);
}

static void
check_keys(struct doctor *d)
{
	const char *path = d->c->in.keys;
	char cure[2 * PATH_MAX + 64];
	struct stat st, data;
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			say(d, BAD, "keys", "run this as root", "%s: %s", path,
			    strerror(errno));
		return;
	}
	if ((st.st_mode & 022) != 0) {
		snprintf(cure, sizeof(cure), "chmod 700 %s", path);
		say(d, BAD, "keys", cure, "others may write to %s", path);
	}
	if (stat(d->c->in.wal, &data) == 0 && data.st_uid != st.st_uid) {
		snprintf(cure, sizeof(cure), "chown -R --reference=%s %s",
		    d->c->in.wal, path);
		say(d, BAD, "keys", cure, "%s and %s belong to different users", path,
		    d->c->in.wal);
	}
	if ((dir = opendir(path)) == NULL) {
		say(d, LOW, "keys", "run this as root to have the keys checked",
		    "%s: %s", path, strerror(errno));
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot != NULL && strcmp(dot, ".pem") == 0) {
			check_key_file(d, path, e->d_name);
			n++;
		}
	}
	closedir(dir);
	say(d, GOOD, "keys", NULL, "%u key files in %s", n, path);
}

static void
check_owner(struct doctor *d)
{
	const char *const dirs[] = { d->c->in.wal, d->c->in.kv, d->c->in.run,
	    d->c->in.log };
	char cure[2 * PATH_MAX + 64];
	struct stat st, top;

	if (stat(d->c->in.dir, &top) < 0) {
		say(d, GOOD, "files", NULL, "%s is not there yet: steme up makes it",
		    d->c->in.dir);
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		if (stat(dirs[i], &st) < 0 || st.st_uid == top.st_uid)
			continue;
		snprintf(cure, sizeof(cure), "chown -R --reference=%s %s",
		    d->c->in.dir, dirs[i]);
		say(d, BAD, "files", cure, "%s belongs to another user than %s",
		    dirs[i], d->c->in.dir);
	}
	if (geteuid() != 0 && top.st_uid != geteuid())
		say(d, LOW, "files", "run steme up as that user, or use a --dir of "
		    "your own", "%s belongs to another user: you can read, but not "
		    "start it", d->c->in.dir);
}

int
cmd_doctor(struct cli *c, int argc, char **argv)
{
	static const struct site_options nothing = { NULL, false, UINT64_MAX,
	    UINT64_MAX };
	struct doctor d = { .c = c };
	struct steme_why why;
	int status;

	if ((status = cli_parse(c, argc, argv, NULL, 0, 0)) >= 0)
		return status;
	d.site_ok = site_find(&d.site, &c->in, &nothing, &why) == STEME_OK;
	if (!d.site_ok)
		say(&d, BAD, "config", "correct that file", "%s", why.text);
	check_programs(&d);
	check_config(&d);
	check_fuse(&d);
	check_mount(&d);
	check_ports(&d);
	check_clock(&d);
	check_disk(&d);
	check_owner(&d);
	check_keys(&d);
	check_socket(&d);
	if (c->json)
		printf("{\"bad\":%u,\"warnings\":%u,\"checks\":[%.*s]}\n", d.bad,
		    d.low, (int)d.json.len, d.json.data == NULL ? "" :
		    (char *)d.json.data);
	else if (d.bad == 0)
		printf("\nnothing is wrong%s\n", d.low > 0 ? "; see the warnings" : "");
	else
		printf("\n%u %s wrong\n", d.bad, d.bad == 1 ? "thing is" :
		    "things are");
	steme_buf_fini(&d.json);
	return d.bad > 0 ? CLI_NO : EX_OK;
}
