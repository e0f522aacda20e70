/* SPDX-License-Identifier: Apache-2.0 */
/* journal_files.c - the logs of daemon and sidecar below D/log, as one. */
#include "config.h"
#include "cli/journal.h"
#include "cli/out.h"
#include "core/util.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS		200

/* One file, and the line at its head. */
struct source {
	const char *program;
	char path[PATH_MAX + 64];
	FILE *f;			/* NULL: not there (yet) */
	char *text;			/* of getline() */
	size_t cap;
	bool has;			/* line is to be shown */
	struct journal_line line;
};

/* The last lines, while only some are wanted. */
struct ring {
	struct steme_buf *v;
	uint64_t cap, n;		/* n: lines seen in all */
};

struct show {
	const struct journal_query *q;
	struct source src[2];
	char host[256];
	struct ring ring;
	bool keep;			/* lines go into the ring, not to stdout */
};

static void
rewind_if_cut(struct source *s)
{
	struct stat at, now;

	if (s->f == NULL || fstat(fileno(s->f), &now) < 0)
		return;
	/* cut off by copytruncate, or another file under the same name */
	if (now.st_size < ftello(s->f))
		rewind(s->f);
	else if (stat(s->path, &at) == 0 && (at.st_ino != now.st_ino ||
	    at.st_dev != now.st_dev)) {
		fclose(s->f);
		s->f = NULL;
	}
}

/* Reads the next line that is wanted to the head.  False: there is none now. */
static bool
advance(struct source *s, const struct journal_query *q)
{
	off_t from;
	ssize_t n;

	s->has = false;
	if (s->f == NULL && (s->f = fopen(s->path, "re")) == NULL)
		return false;
	for (;;) {
		from = ftello(s->f);
		if ((n = getline(&s->text, &s->cap, s->f)) <= 0)
			break;
		if (s->text[n - 1] != '\n' && q->follow) {
			fseeko(s->f, from, SEEK_SET);	/* its end is to come */
			return false;
		}
		if (s->text[n - 1] == '\n')
			n--;
		journal_read(&s->line, (struct steme_str){ s->text, (size_t)n });
		if (s->line.us >= q->since && s->line.us <= q->until &&
		    s->line.priority <= q->priority)
			return s->has = true;
	}
	clearerr(s->f);
	return false;
}

static struct source *
earliest(struct show *w)
{
	struct source *best = NULL;

	for (size_t i = 0; i < STEME_NELEM(w->src); i++)
		if (w->src[i].has && (best == NULL ||
		    w->src[i].line.us < best->line.us))
			best = &w->src[i];
	return best;
}

/* Takes b over. */
static void
keep_line(struct ring *r, struct steme_buf *b)
{
	struct steme_buf *at = &r->v[r->n++ % r->cap];

	steme_buf_fini(at);
	*at = *b;
	memset(b, 0, sizeof(*b));
}

static int
print_line(const struct steme_buf *b)
{
	return fwrite(b->data, 1, b->len, stdout) == b->len ? STEME_OK : STEME_EIO;
}

static int
show_line(struct show *w, const struct source *s)
{
	struct steme_buf b = { 0 };
	int err;

	journal_show(&b, &s->line, w->q->format, s->program, w->host, w->q->clean);
	err = steme_buf_err(&b);
	if (err == STEME_OK && w->keep)
		keep_line(&w->ring, &b);
	else if (err == STEME_OK)
		err = print_line(&b);
	steme_buf_fini(&b);
	return err;
}

/* Everything that is there now. */
static int
show_all(struct show *w)
{
	struct source *s;
	int err;

	for (size_t i = 0; i < STEME_NELEM(w->src); i++)
		if (!w->src[i].has)
			advance(&w->src[i], w->q);
	while ((s = earliest(w)) != NULL) {
		if ((err = show_line(w, s)) != STEME_OK)
			return err;
		advance(s, w->q);
	}
	return STEME_OK;
}

static int
flush_ring(struct show *w)
{
	struct ring *r = &w->ring;
	uint64_t held = STEME_MIN(r->n, r->cap), k;

	for (uint64_t i = 0; i < held; i++) {
		k = w->q->reverse ? r->n - 1 - i : r->n - held + i;
		if (print_line(&r->v[k % r->cap]) != STEME_OK)
			return STEME_EIO;
	}
	return STEME_OK;
}

/* Lines of the past: the last some, or all; newest first needs them all kept. */
static int
show_past(struct show *w)
{
	const struct journal_query *q = w->q;
	int err;

	w->ring.cap = q->lines;
	w->keep = q->lines != UINT64_MAX;
	if (w->keep && q->lines > 0) {
		w->ring.v = calloc(q->lines, sizeof(*w->ring.v));
		if (w->ring.v == NULL)
			return STEME_ENOMEM;
	}
	if (w->keep && q->lines == 0) {
		for (size_t i = 0; i < STEME_NELEM(w->src); i++) {
			struct source *s = &w->src[i];

			if (s->f != NULL || (s->f = fopen(s->path, "re")) != NULL)
				fseeko(s->f, 0, SEEK_END);
		}
		err = STEME_OK;
	} else if ((err = show_all(w)) == STEME_OK && w->keep) {
		err = flush_ring(w);
	}
	w->keep = false;
	return err;
}

/* False once nobody reads stdout any more. */
static bool
wait_more(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, POLL_MS) <= 0 ||
	    (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static int
follow(struct show *w)
{
	int err;

	for (;;) {
		if (fflush(stdout) != 0)
			return STEME_EIO;
		if (!wait_more())
			return STEME_OK;
		if ((err = show_all(w)) != STEME_OK)
			return err;
		for (size_t i = 0; i < STEME_NELEM(w->src); i++)
			rewind_if_cut(&w->src[i]);
	}
}

/* The logs must be there, or to be made: a mistyped folder is told. */
static int
check_sources(const struct show *w, const struct steme_instance *in,
    struct steme_why *why)
{
	bool some = w->q->follow && access(in->log, R_OK | X_OK) == 0;

	for (size_t i = 0; i < STEME_NELEM(w->src); i++) {
		if (access(w->src[i].path, R_OK) == 0)
			some = true;
		else if (errno != ENOENT)
			return steme_fail(why, steme_err_from_errno(errno),
			    "cannot read %s: %s", w->src[i].path, strerror(errno));
	}
	return some ? STEME_OK : steme_fail(why, STEME_ENOTFOUND, "there is no log "
	    "below %s: was this store started by steme up?  Another one: --dir D",
	    in->log);
}

int
journal_files(const struct steme_instance *in, const struct journal_query *q,
    struct steme_why *why)
{
	static const char *const programs[2] = { "stemefs", "stemedb-api" };
	struct show w = { .q = q };
	int err;

	for (size_t i = 0; i < STEME_NELEM(w.src); i++) {
		w.src[i].program = programs[i];
		snprintf(w.src[i].path, sizeof(w.src[i].path), "%s/%s.log", in->log,
		    programs[i]);
	}
	if (gethostname(w.host, sizeof(w.host) - 1) < 0)
		strcpy(w.host, "localhost");
	if ((err = check_sources(&w, in, why)) != STEME_OK)
		goto out;
	if ((err = show_past(&w)) == STEME_OK && q->follow)
		err = follow(&w);
out:
	for (size_t i = 0; i < STEME_NELEM(w.src); i++) {
		if (w.src[i].f != NULL)
			fclose(w.src[i].f);
		free(w.src[i].text);
	}
	for (uint64_t i = 0; w.ring.v != NULL && i < w.ring.cap; i++)
		steme_buf_fini(&w.ring.v[i]);
	free(w.ring.v);
	return err;
}
