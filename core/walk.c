/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c - walks over ranges of the store's index. */
#include "config.h"
#include "core/store_impl.h"

#include <string.h>

void
steme_walk_begin(struct steme_walk *w, struct steme_store *s,
    const struct steme_keybuf *from, const struct steme_keybuf *to)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->g = steme_gen_get(s);
	w->err = w->g->ix->ops->iter_open(w->g->ix, NULL, from->b, from->n, to->b,
	    to->n, false, &w->it);
}

bool
steme_walk_next(struct steme_walk *w)
{
	if (w->err == STEME_OK && w->stopped == 0)
		w->err = w->g->ix->ops->iter_next(w->g->ix, &w->it);
	return w->err == STEME_OK && w->stopped == 0;
}

int
steme_walk_end(struct steme_walk *w, const char *what)
{
	w->g->ix->ops->iter_close(w->g->ix, &w->it);
	steme_gen_put(w->g);
	if (w->stopped != 0)
		return w->stopped;
	/* behind the last entry */
	if (w->err == STEME_ENOTFOUND)
		return STEME_OK;
	return steme_store_index_error(w->s, w->err, what);
}
