/* SPDX-License-Identifier: Apache-2.0 */
/* gen.c - generations of the index: who reads one keeps it until the last lets go. */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
steme_gen_borrow(struct steme_gen **out, struct steme_index *ix)
{
	struct steme_gen *g = calloc(1, sizeof(*g));

	*out = g;
	if (g == NULL)
		return STEME_ENOMEM;
	g->ix = ix;
	g->dirfd = -1;
	atomic_init(&g->refs, 1);
	return STEME_OK;
}

/* What LevelDB says of path is about dir: people know it by that. */
static void
name_it(struct steme_why *why, const char *path, const char *dir)
{
	char text[sizeof(why->text)];
	size_t n = 0, len = strlen(path);

	if (why == NULL)
		return;
	for (const char *p = why->text; *p != '\0' && n + 1 < sizeof(text);) {
		if (strncmp(p, path, len) == 0) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", dir);
			p += len;
		} else {
			text[n++] = *p++;
		}
	}
	text[STEME_MIN(n, sizeof(text) - 1)] = '\0';
	memcpy(why->text, text, sizeof(text));
}

/*
 * LevelDB is told a name that goes by descriptor, because it opens files as it needs
 * them, and an online rebuild renames the folder under it.
 */
int
steme_gen_open(struct steme_gen **out, const struct steme_store *s, const char *dir,
    struct steme_why *why)
{
	struct steme_index_opts o = { .write_buffer = s->write_buffer,
	    .block_cache = s->block_cache, .paranoid = true };
	struct steme_gen *g = NULL;
	char path[64];
	int err;

	*out = NULL;
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return steme_fail(why, steme_err_from_errno(errno),
		    "%s cannot be made: %s", dir, strerror(errno));
	if ((err = steme_gen_borrow(&g, NULL)) != STEME_OK)
		return steme_fail(why, err, "out of memory");
	g->owned = true;
	g->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->dirfd < 0) {
		err = steme_fail(why, steme_err_from_errno(errno),
		    "%s cannot be opened: %s", dir, strerror(errno));
		goto out;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->dirfd);
	err = steme_index_leveldb(&g->ix, path, &o, why);
	if (err != STEME_OK) {
		name_it(why, path, dir);
		goto out;
	}
	*out = g;
	g = NULL;
out:
	if (g != NULL)
		steme_gen_put(g);
	return err;
}

struct steme_gen *
steme_gen_get(struct steme_store *s)
{
	struct steme_gen *g;

	pthread_mutex_lock(&s->gen_mu);
	g = s->gen;
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&s->gen_mu);
	return g;
}

void
steme_gen_put(struct steme_gen *g)
{
	struct steme_why why = { "" };

	if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (g->owned && g->ix != NULL)
		g->ix->ops->close(g->ix);
	if (g->dirfd >= 0)
		close(g->dirfd);
	if (g->destroy[0] != '\0' &&
	    steme_kv_remove(g->destroy, &why) != STEME_OK)
		steme_log(STEME_WARN | STEME_LOG_STORAGE,
		    "index: the old one is left behind: %s", why.text);
	if (g->retired != NULL)
		atomic_fetch_sub(g->retired, 1);
	free(g);
}
