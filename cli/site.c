/* SPDX-License-Identifier: Apache-2.0 */
/* site.c - D/run/instance.json. */
#include "config.h"
#include "cli/site.h"
#include "cli/jv.h"
#include "cli/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX	(64 << 10)

static void
path_of(char out[PATH_MAX + 32], const struct steme_instance *in)
{
	snprintf(out, PATH_MAX + 32, "%s/instance.json", in->run);
}

static bool
is_given(struct steme_str root, const char *name)
{
	struct steme_str list = jv_get(root, "given"), at = { 0 }, v;
	char text[32];

	while (jv_each(list, &at, &v))
		if (strcmp(jv_copy(text, sizeof(text), v), name) == 0)
			return true;
	return false;
}

static void
load(struct site *s, const struct steme_instance *in)
{
	char path[PATH_MAX + 32], text[FILE_MAX];
	struct steme_str root;
	ssize_t n;
	int fd;

	path_of(path, in);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return;
	root = jv_root(text, (size_t)n);
	if (jv_uint(jv_get(root, "port")) == 0)
		return;
	s->recorded = true;
	jv_copy(s->mount, sizeof(s->mount), jv_get(root, "mount"));
	s->port = jv_uint(jv_get(root, "port"));
	s->cluster_port = jv_uint(jv_get(root, "cluster_port"));
	s->mount_given = is_given(root, "mount");
	s->port_given = is_given(root, "port");
	s->cluster_given = is_given(root, "cluster_port");
}

static void
ignore_warning(void *arg, const char *text)
{
	(void)arg;
	(void)text;		/* the daemon logs it */
}

/* Where to reach a listener bound to address. */
static void
find_host(struct site *s, const struct steme_conf_list *bind)
{
	const char *b = bind->n > 0 ? bind->v[0] : "127.0.0.1";

	for (unsigned i = 0; i < bind->n; i++)
		if (strcmp(bind->v[i], "127.0.0.1") == 0)
			b = bind->v[i];
	if (strcmp(b, "0.0.0.0") == 0 || strcmp(b, "localhost") == 0)
		b = "127.0.0.1";
	else if (strcmp(b, "::") == 0)
		b = "::1";
	snprintf(s->host, sizeof(s->host), "%s", b);
}

static int
make_absolute(char out[PATH_MAX], const char *path, struct steme_why *why)
{
	char cwd[PATH_MAX];
	int n;
	size_t len;

	if (path[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", path);
	else if (getcwd(cwd, sizeof(cwd)) == NULL)
		return steme_fail(why, steme_err_from_errno(errno),
		    "cannot find the current folder: %s", strerror(errno));
	else
		n = snprintf(out, PATH_MAX, "%s/%s", cwd, path);
	if (n < 0 || n >= PATH_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the path is too long: %s",
		    path);
	for (len = strlen(out); len > 1 && out[len - 1] == '/'; )
		out[--len] = '\0';
	return STEME_OK;
}

static int
take_mount(struct site *s, const struct steme_instance *in,
    const struct site_options *o, const struct steme_conf *conf,
    struct steme_why *why)
{
	const char *m = o->mount;
	char real[PATH_MAX];

	if (o->no_mount || o->mount != NULL) {
		s->mount_given = true;
		s->mount[0] = '\0';
	} else if (s->mount_given) {
		return STEME_OK;
	} else {
		m = conf->mount_path[0] != '\0' ? conf->mount_path :
		    STEME_DEFAULT_MOUNT;
	}
	if (o->no_mount)
		return STEME_OK;
	if (m[0] == '\0')
		return steme_fail(why, STEME_EINVAL, "--mount needs a folder");
	if (make_absolute(s->mount, m, why) != STEME_OK)
		return STEME_ETOOBIG;
	/* as the kernel will call it; what is mounted there is not asked */
	if (realpath(s->mount, real) != NULL)
		snprintf(s->mount, sizeof(s->mount), "%s", real);
	return steme_instance_mount(in, s->mount, why);
}

static int
take_ports(struct site *s, const struct site_options *o,
    const struct steme_conf *conf, struct steme_why *why)
{
	if (o->port != UINT64_MAX) {
		s->port = o->port;
		s->port_given = true;
		/* a listener that belonged to another port does not stay */
		if (o->cluster_port == UINT64_MAX)
			s->cluster_given = false;
	} else if (!s->port_given) {
		s->port = (uint64_t)conf->port;
	}
	if (o->cluster_port != UINT64_MAX) {
		s->cluster_port = o->cluster_port;
		s->cluster_given = true;
	} else if (!s->cluster_given) {
		s->cluster_port = conf->cluster_port != 0 ?
		    (uint64_t)conf->cluster_port :
		    s->port == STEME_DEFAULT_PORT ? STEME_DEFAULT_CLUSTER_PORT : 0;
	}
	if (s->port < 1 || s->port > 65535)
		return steme_fail(why, STEME_EINVAL, "--port takes 1 to 65535");
	if (s->cluster_port > 65535)
		return steme_fail(why, STEME_EINVAL,
		    "--cluster-port takes 1 to 65535, or 0 for none");
	if (s->cluster_port == s->port)
		return steme_fail(why, STEME_EINVAL, "--port and --cluster-port "
		    "are both %u: they must differ", (unsigned)s->port);
	return STEME_OK;
}

int
site_find(struct site *s, const struct steme_instance *in,
    const struct site_options *o, struct steme_why *why)
{
	struct steme_conf *conf;
	int err = STEME_ENOMEM;

	memset(s, 0, sizeof(*s));
	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		return STEME_ENOMEM;
	load(s, in);
	if ((err = steme_conf_load(conf, in->conf, false, ignore_warning, NULL,
	    why)) != STEME_OK)
		goto out;
	find_host(s, &conf->bind);
	s->tls = conf->tls_cert[0] != '\0';
	if ((err = take_mount(s, in, o, conf, why)) != STEME_OK)
		goto out;
	err = take_ports(s, o, conf, why);
out:
	free(conf);
	return err;
}

static void
format(struct steme_buf *b, const struct site *s)
{
	const char *sep = "";

	steme_buf_puts(b, "{\"mount\":");
	if (s->mount[0] == '\0')
		steme_buf_puts(b, "null");
	else
		out_json_str(b, steme_str_from(s->mount));
	steme_buf_printf(b, ",\"port\":%u,\"cluster_port\":%u,\"given\":[",
	    (unsigned)s->port, (unsigned)s->cluster_port);
	if (s->mount_given) {
		steme_buf_puts(b, "\"mount\"");
		sep = ",";
	}
	if (s->port_given) {
		steme_buf_printf(b, "%s\"port\"", sep);
		sep = ",";
	}
	if (s->cluster_given)
		steme_buf_printf(b, "%s\"cluster_port\"", sep);
	steme_buf_puts(b, "]}\n");
}

int
site_save(const struct site *s, const struct steme_instance *in,
    struct steme_why *why)
{
	char path[PATH_MAX + 32], tmp[PATH_MAX + 40];
	struct steme_buf b = { 0 };
	int fd, err;

	path_of(path, in);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	format(&b, s);
	if ((err = steme_buf_err(&b)) != STEME_OK)
		goto out;
	err = STEME_EIO;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		err = steme_fail(why, steme_err_from_errno(errno),
		    "cannot write %s: %s", tmp, strerror(errno));
		goto out;
	}
	if (write(fd, b.data, b.len) == (ssize_t)b.len)
		err = STEME_OK;
	close(fd);
	if (err != STEME_OK || rename(tmp, path) < 0) {
		err = steme_fail(why, STEME_EIO, "cannot write %s: %s", path,
		    strerror(errno));
		unlink(tmp);
	}
out:
	steme_buf_fini(&b);
	return err;
}
