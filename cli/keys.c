/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - steme keygen and steme keys. */
#include "config.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/signer.h"
#include "core/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folders above a key file: for its owner alone. */
static int
make_folder(struct cli *c, const char *file)
{
	char p[PATH_MAX];

	snprintf(p, sizeof(p), "%s", file);
	for (char *s = strchr(p + 1, '/'); s != NULL; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdir(p, 0700) < 0 && errno != EEXIST)
			return cli_failf(c, steme_err_from_errno(errno),
			    "cannot make the folder %s: %s", p, strerror(errno));
		*s = '/';
	}
	return EX_OK;
}

int
cmd_keygen(struct cli *c, int argc, char **argv)
{
	const char *key = NULL;
	const struct cli_opt opts[] = {
		{ "key", OPT_TEXT, &key, "F",
		    "the file to write (default ~/.config/steme/key.pem)" },
		{ NULL, OPT_FLAG, NULL, NULL, NULL }
	};
	char path[PATH_MAX], hex[STEME_ID_HEX + 1];
	struct steme_buf b = { 0 };
	struct steme_key k;
	int status, err;

	if ((status = cli_parse(c, argc, argv, opts, 0, 0)) >= 0)
		return status;
	if (key == NULL && !signer_default_path(path))
		return cli_usage(c, "there is no home folder: name a file with --key");
	if (key != NULL)
		snprintf(path, sizeof(path), "%s", key);
	if (steme_sign_init() != STEME_OK)
		return cli_failf(c, STEME_EIO, "libsodium cannot be initialised");
	if ((status = make_folder(c, path)) != EX_OK)
		return status;
	steme_key_generate(&k);
	err = steme_key_save(&k, path, &c->why);
	steme_id_hex(hex, &k.agent);
	steme_key_wipe(&k);
	if (err == STEME_EEXIST)
		return cli_failf(c, err, "%s is there already; a key is never "
		    "overwritten: choose another file with --key", path);
	if (err != STEME_OK)
		return cli_fail(c, err);
	if (!c->json) {
		printf("%s\n", hex);
		cli_note(c, "written to %s; keep a copy in a safe place: whoever has "
		    "it speaks as this agent, and nobody can make it again", path);
		return EX_OK;
	}
	steme_buf_printf(&b, "{\"agent_id\":\"%s\",\"file\":", hex);
	out_json_str(&b, steme_str_from(path));
	steme_buf_puts(&b, "}\n");
	status = cli_print(c, &b);
	steme_buf_fini(&b);
	return status;
}

/* ---- keys ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the key files in dir, sorted; NULL: none, or no memory. */
static char **
list_names(const char *dir, size_t *n)
{
	char **list = NULL, **more;
	struct dirent *e;
	size_t room = 0, len;
	DIR *d = opendir(dir);

	*n = 0;
	while (d != NULL && (e = readdir(d)) != NULL) {
		len = strlen(e->d_name);
		if (len <= 4 || e->d_name[0] == '.' ||
		    strcmp(e->d_name + len - 4, ".pem") != 0)
			continue;
		if (*n == room) {
			room = room == 0 ? 32 : room * 2;
			if ((more = realloc(list, room * sizeof(*list))) == NULL)
				break;
			list = more;
		}
		if ((list[*n] = strndup(e->d_name, len - 4)) == NULL)
			break;
		++*n;
	}
	if (d != NULL)
		closedir(d);
	if (*n > 0)
		qsort(list, *n, sizeof(*list), by_name);
	return list;
}

struct rows {
	struct out_table t;
	size_t n;
};

static void
add_row(struct cli *c, struct rows *r, const char *name,
    const struct steme_id *agent, const struct steme_profile *p)
{
	char hex[STEME_ID_HEX + 1], conf[8];
	struct steme_buf b = { 0 };

	r->n++;
	steme_id_hex(hex, agent);
	steme_dec4_format(conf, p->confidence);
	if (!c->json) {
		out_cell(&r->t, steme_str_from(name));
		out_cell(&r->t, steme_str_from(hex));
		out_cell(&r->t, steme_str_from(p->class_ == STEME_CLASS_NONE ? "-" :
		    steme_class_name(p->class_)));
		out_cell(&r->t, steme_str_from(conf));
		out_cell(&r->t, steme_str_from(p->source));
		return;
	}
	steme_buf_puts(&b, "{\"name\":");
	out_json_str(&b, steme_str_from(name));
	steme_buf_printf(&b, ",\"agent_id\":\"%s\",\"class\":", hex);
	if (p->class_ == STEME_CLASS_NONE)
		steme_buf_puts(&b, "null");
	else
		steme_buf_printf(&b, "\"%s\"", steme_class_name(p->class_));
	steme_buf_printf(&b, ",\"confidence\":%s,\"source\":", conf);
	if (p->source[0] == '\0')
		steme_buf_puts(&b, "null");
	else
		out_json_str(&b, steme_str_from(p->source));
	steme_buf_puts(&b, "}\n");
	cli_print(c, &b);
	steme_buf_fini(&b);
}

static int
list_ring(struct cli *c, struct rows *r)
{
	struct steme_keyring *ring;
	struct steme_profile p;
	struct steme_key k;
	char **names;
	size_t n;
	int err, status = EX_OK;

	if ((err = steme_keyring_open(&ring, c->in.keys, &c->why)) != STEME_OK)
		return cli_fail(c, err);
	names = list_names(c->in.keys, &n);
	for (size_t i = 0; i < n; i++) {
		err = steme_keyring_get(ring, names[i], false, &k, &p, &c->why);
		if (err == STEME_OK)
			add_row(c, r, names[i], &k.agent, &p);
		else
			status = cli_fail(c, err);
		steme_key_wipe(&k);
		free(names[i]);
	}
	free(names);
	steme_keyring_close(ring);
	return status;
}

int
cmd_keys(struct cli *c, int argc, char **argv)
{
	static const char *const heads[] = { "NAME", "AGENT", "CLASS", ">CONF",
	    "SOURCE" };
	char path[PATH_MAX];
	struct steme_profile p;
	struct rows r = { .n = 0 };
	struct steme_key k;
	int status, own = STEME_ENOTFOUND;

	if ((status = cli_parse(c, argc, argv, NULL, 0, 0)) >= 0)
		return status;
	if (steme_sign_init() != STEME_OK)
		return cli_failf(c, STEME_EIO, "libsodium cannot be initialised");
	out_table_init(&r.t, heads, 5);
	steme_profile_default(&p);
	if (signer_default_path(path) &&
	    (own = steme_key_load(&k, path, &c->why)) == STEME_OK) {
		add_row(c, &r, "(yours)", &k.agent, &p);
		steme_key_wipe(&k);
	}
	own = own == STEME_OK || own == STEME_ENOTFOUND ? EX_OK : cli_fail(c, own);
	if (access(c->in.keys, R_OK | X_OK) == 0)
		status = list_ring(c, &r);
	else if (errno == ENOENT)
		status = EX_OK;
	else
		status = cli_failf(c, STEME_EPERM, "the keys in %s cannot be read: "
		    "%s (only the daemon's user and root may)", c->in.keys,
		    strerror(errno));
	if (status == EX_OK)
		status = own;
	if (r.n == 0 && status == EX_OK) {
		cli_note(c, "no keys yet: steme keygen makes yours, steme up the "
		    "operator's");
		status = CLI_NO;
	}
	out_table_print(&r.t, stdout, c->width, c->color);
	out_table_fini(&r.t);
	return status;
}
