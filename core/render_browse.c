/* SPDX-License-Identifier: Apache-2.0 */
/* render_browse.c - concepts below a parent or a prefix. */
#include "config.h"
#include "core/render.h"

#include "core/path.h"

#include <inttypes.h>
#include <stdio.h>

struct listing {
	struct steme_buf *b;
	struct steme_str parent;
	uint32_t limit, n;
	bool more;
	uint64_t last_lsn;
	char last[STEME_CONCEPT_MAX + 1];
	size_t last_n;
};

static int
put_child(void *arg, struct steme_str child, uint64_t first_lsn, bool has_assertions)
{
	struct listing *l = arg;
	char path[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	struct steme_jo j;
	int n;

	if (l->n == l->limit) {
		l->more = true;
		return 1;
	}
	n = snprintf(path, sizeof(path), "%.*s%s%.*s", STEME_STR(l->parent),
	    l->parent.n > 0 ? "/" : "", STEME_STR(child));
	if (n < 0 || (size_t)n >= sizeof(path))
		return STEME_ECORRUPT;
	if (l->n++ > 0)
		steme_buf_putc(l->b, ',');
	steme_jo_begin(&j, l->b);
	steme_jo_str(&j, "name", child);
	steme_jo_str(&j, "concept_path", (struct steme_str){ path, (size_t)n });
	steme_jo_bool(&j, "has_assertions", has_assertions);
	steme_jo_uint(&j, "first_lsn", first_lsn);
	steme_jo_end(&j);
	l->last_lsn = first_lsn;
	return steme_buf_err(l->b);
}

int
steme_render_limit(uint32_t *limit, struct steme_why *why)
{
	if (*limit == 0)
		*limit = STEME_LIMIT_DEFAULT;
	if (*limit > STEME_LIMIT_MAX)
		return steme_fail(why, STEME_EINVAL, "limit is %u: at most %d",
		    *limit, STEME_LIMIT_MAX);
	return STEME_OK;
}

int
steme_json_children(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .b = b, .parent = parent };
	int err;

	if ((err = steme_render_limit(&limit, why)) != STEME_OK ||
	    (parent.n > 0 && (err = steme_concept_check(parent, why)) != STEME_OK))
		return err;
	l.limit = limit;
	steme_buf_puts(b, "{\"parent\":");
	steme_json_str(b, parent.p == NULL ? STEME_LIT("") : parent);
	steme_buf_puts(b, ",\"children\":[");
	err = steme_store_children(s, parent.p == NULL ? STEME_LIT("") : parent,
	    after_lsn, steme_store_lsn(s), put_child, &l);
	if (err < 0 && err != STEME_ENOTFOUND)
		return err;
	steme_buf_puts(b, "],\"next_cursor\":");
	if (l.more)
		steme_buf_printf(b, "\"%" PRIu64 "\"}\n", l.last_lsn);
	else
		steme_buf_puts(b, "null}\n");
	return steme_buf_err(b);
}

static int
put_concept(void *arg, struct steme_str concept)
{
	struct listing *l = arg;

	if (l->n == l->limit) {
		l->more = true;
		return 1;
	}
	if (concept.n > STEME_CONCEPT_MAX)
		return STEME_ECORRUPT;
	if (l->n++ > 0)
		steme_buf_putc(l->b, ',');
	steme_json_str(l->b, concept);
	memcpy(l->last, concept.p, concept.n);
	l->last_n = concept.n;
	return steme_buf_err(l->b);
}

int
steme_json_concepts(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .b = b };
	int err;

	if ((err = steme_render_limit(&limit, why)) != STEME_OK ||
	    (err = steme_prefix_check(prefix, why)) != STEME_OK ||
	    (after.n > 0 && (err = steme_concept_check(after, why)) != STEME_OK))
		return err;
	l.limit = limit;
	steme_buf_puts(b, "{\"prefix\":");
	steme_json_str(b, prefix.p == NULL ? STEME_LIT("") : prefix);
	steme_buf_puts(b, ",\"concepts\":[");
	err = steme_store_concepts_from(s, prefix.p == NULL ? STEME_LIT("") : prefix,
	    after, steme_store_lsn(s), put_concept, &l);
	if (err < 0 && err != STEME_ENOTFOUND)
		return err;
	steme_buf_puts(b, "],\"next_cursor\":");
	if (l.more)
		steme_json_str(b, (struct steme_str){ l.last, l.last_n });
	else
		steme_buf_puts(b, "null");
	steme_buf_puts(b, "}\n");
	return steme_buf_err(b);
}
