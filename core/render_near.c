/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_near.c - "did you mean": concepts spelled like one that does not exist.
 *
 * The deepest part of the path that exists is taken as meant; the segment after it
 * is compared with its children.  At most LOOK_MAX children are looked at.
 */
#include "config.h"
#include "core/render.h"

#include "core/path.h"
#include "core/spelling.h"
#include "core/util.h"

#define LOOK_MAX	10000
#define NEAR_MAX	16	/* answers kept */
#define FAR		4	/* one more than the greatest distance that counts */

struct near {
	struct steme_str want;		/* the segment that is not there */
	unsigned bound;			/* distance below which a child counts */
	size_t looked, n, max;
	struct {
		unsigned distance;
		size_t len;
		char name[STEME_SEGMENT_MAX];
	} best[NEAR_MAX];		/* by distance, then first come */
};

static int
look(void *arg, struct steme_str child, uint64_t first_lsn, bool has_assertions)
{
	struct near *w = arg;
	unsigned d;
	size_t i;

	(void)first_lsn;
	(void)has_assertions;
	if (++w->looked > LOOK_MAX)
		return 1;
	if (child.n == 0 || child.n > STEME_SEGMENT_MAX)
		return STEME_OK;
	if ((d = steme_spelling_distance(w->want, child, w->bound)) >= w->bound)
		return STEME_OK;
	for (i = 0; i < w->n && w->best[i].distance <= d; i++)
		;
	if (i == w->max)
		return STEME_OK;
	w->n = STEME_MIN(w->n + 1, w->max);
	memmove(&w->best[i + 1], &w->best[i],
	    (w->n - i - 1) * sizeof(w->best[0]));
	w->best[i].distance = d;
	w->best[i].len = child.n;
	memcpy(w->best[i].name, child.p, child.n);
	return STEME_OK;
}

/* How much of concept exists: *parent, and the segment after it; STEME_EEXIST: all. */
static int
split(struct steme_store *s, struct steme_str concept, struct steme_str *parent,
    struct steme_str *want, struct steme_str *rest)
{
	struct steme_name name;
	const char *slash;
	size_t at = 0, end;
	int err;

	for (;;) {
		slash = memchr(concept.p + at, '/', concept.n - at);
		end = slash == NULL ? concept.n : (size_t)(slash - concept.p);
		err = steme_store_name(s, (struct steme_str){ concept.p, end },
		    UINT64_MAX, &name);
		if (err == STEME_ENOTFOUND)
			break;
		if (err != STEME_OK)
			return err;
		if (end == concept.n)
			return STEME_EEXIST;
		at = end + 1;
	}
	*parent = (struct steme_str){ concept.p, at == 0 ? 0 : at - 1 };
	*want = (struct steme_str){ concept.p + at, end - at };
	*rest = (struct steme_str){ concept.p + end, concept.n - end };
	return STEME_OK;
}

/* The path of best[i]: with the rest of what was asked, if that exists. */
static int
put_near(struct steme_store *s, struct steme_buf *b, struct steme_str parent,
    const char *name, size_t len, struct steme_str rest)
{
	char path[2 * STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	struct steme_name found;
	size_t n = 0;
	int err;

	memcpy(path, parent.p, parent.n);
	n = parent.n;
	if (n > 0)
		path[n++] = '/';
	memcpy(path + n, name, len);
	n += len;
	if (rest.n > 0) {
		memcpy(path + n, rest.p, rest.n);
		err = n + rest.n > STEME_CONCEPT_MAX ? STEME_ENOTFOUND :
		    steme_store_name(s, (struct steme_str){ path, n + rest.n },
		    UINT64_MAX, &found);
		if (err == STEME_OK)
			n += rest.n;
		else if (err != STEME_ENOTFOUND)
			return err;
	}
	steme_json_str(b, (struct steme_str){ path, n });
	return STEME_OK;
}

int
steme_json_neighbours(struct steme_store *s, struct steme_str concept, uint32_t n,
    struct steme_buf *b)
{
	struct steme_str parent = { "", 0 }, rest = { "", 0 };
	struct near w;
	int err;

	memset(&w, 0, sizeof(w));
	if (concept.p == NULL || steme_concept_check(concept, NULL) != STEME_OK) {
		/* such a concept cannot be, so nothing is spelled like it */
		steme_buf_puts(b, "[]\n");
		return steme_buf_err(b);
	}
	err = split(s, concept, &parent, &w.want, &rest);
	if (err != STEME_OK && err != STEME_EEXIST)
		return err;
	w.max = STEME_MIN(n, NEAR_MAX);
	/* short names: one slip; long ones: up to three */
	w.bound = STEME_MIN((unsigned)w.want.n / 4 + 2, FAR);
	if (err == STEME_OK && w.max > 0 && w.want.n > 0 &&
	    w.want.n <= STEME_SEGMENT_MAX) {
		err = steme_store_children(s, parent, 0, UINT64_MAX, look, &w);
		if (err < 0 && err != STEME_ENOTFOUND)
			return err;
	}
	steme_buf_putc(b, '[');
	for (size_t i = 0; i < w.n; i++) {
		if (i > 0)
			steme_buf_putc(b, ',');
		if ((err = put_near(s, b, parent, w.best[i].name, w.best[i].len,
		    rest)) != STEME_OK)
			return err;
	}
	steme_buf_puts(b, "]\n");
	return steme_buf_err(b);
}
