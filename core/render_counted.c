/* SPDX-License-Identifier: Apache-2.0 */
/* render_counted.c - concepts below a parent or a prefix, each with what it holds. */
#include "config.h"
#include "core/render.h"

#include "core/path.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>

struct page {
	struct steme_store *s;
	struct steme_jo items;
	struct steme_str parent;
	uint64_t max_lsn, last_lsn;
	uint32_t limit, n;
	struct steme_count_bounds most;
	uint64_t read;			/* assertions, of most.page */
	bool more;
	char last[STEME_CONCEPT_MAX + 1];
	size_t last_n;
};

static int
any_child(void *arg, struct steme_str child, uint64_t first_lsn, bool has_assertions)
{
	(void)child;
	(void)first_lsn;
	(void)has_assertions;
	*(bool *)arg = true;
	return 1;
}

static int
put_item(struct page *p, struct steme_str path, bool has_assertions)
{
	bool children = false;
	struct steme_jo j;
	uint64_t n = 0;
	int err;

	/* one more than is shown tells whether there are more */
	if (has_assertions && (err = steme_store_count(p->s, path, p->max_lsn,
	    p->most.each + 1, &n)) != STEME_OK)
		return err;
	p->read += n;
	err = steme_store_children(p->s, path, 0, p->max_lsn, any_child, &children);
	if (err < 0)
		return err;
	steme_ja_next(&p->items);
	steme_jo_begin(&j, p->items.b);
	steme_jo_str(&j, "concept_path", path);
	steme_jo_str(&j, "name", steme_concept_leaf(path));
	steme_jo_uint(&j, "assertions", STEME_MIN(n, p->most.each));
	if (n > p->most.each)
		steme_jo_bool(&j, "assertions_more", true);
	steme_jo_bool(&j, "children", children);
	steme_jo_end(&j);
	p->n++;
	return steme_buf_err(p->items.b);
}

static bool
is_full(const struct page *p)
{
	return p->n == p->limit || p->read >= p->most.page;
}

static int
put_child(void *arg, struct steme_str child, uint64_t first_lsn, bool has_assertions)
{
	struct page *p = arg;
	char path[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	int n;

	if (is_full(p)) {
		p->more = true;
		return 1;
	}
	n = snprintf(path, sizeof(path), "%.*s%s%.*s", STEME_STR(p->parent),
	    p->parent.n > 0 ? "/" : "", STEME_STR(child));
	if (n < 0 || n > STEME_CONCEPT_MAX)
		return STEME_ECORRUPT;
	p->last_lsn = first_lsn;
	return put_item(p, (struct steme_str){ path, (size_t)n }, has_assertions);
}

static int
put_concept(void *arg, struct steme_str concept)
{
	struct page *p = arg;

	if (is_full(p)) {
		p->more = true;
		return 1;
	}
	if (concept.n > STEME_CONCEPT_MAX)
		return STEME_ECORRUPT;
	memcpy(p->last, concept.p, concept.n);
	p->last_n = concept.n;
	return put_item(p, concept, true);
}

/* {"parent" or "prefix":...,"concepts":[ : the page is open then. */
static void
begin(struct page *p, struct steme_jo *j, const char *key, struct steme_str text,
    struct steme_buf *b)
{
	steme_jo_begin(j, b);
	if (text.n > 0 || strcmp(key, "prefix") == 0)
		steme_jo_str(j, key, text.p == NULL ? STEME_LIT("") : text);
	else
		steme_jo_null(j, key);
	steme_jo_key(j, "concepts");
	steme_ja_begin(&p->items, b);
}

static int
end(struct steme_jo *j, struct page *p, struct steme_str cursor)
{
	steme_ja_end(&p->items);
	if (p->more)
		steme_jo_str(j, "next_cursor", cursor);
	else
		steme_jo_null(j, "next_cursor");
	steme_jo_end(j);
	steme_buf_putc(j->b, '\n');
	return steme_buf_err(j->b);
}

int
steme_json_children_counted(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why)
{
	struct page p = { .s = s, .parent = parent, .max_lsn = steme_store_lsn(s),
	    .most = most };
	struct steme_jo j;
	char lsn[24];
	int err = steme_render_limit(&limit, why);

	if (err == STEME_OK && parent.n > 0)
		err = steme_concept_check(parent, why);
	if (err != STEME_OK)
		return err;
	p.limit = limit;
	if (p.parent.p == NULL)
		p.parent = STEME_LIT("");
	begin(&p, &j, "parent", p.parent, b);
	err = steme_store_children(s, p.parent, after_lsn, p.max_lsn, put_child, &p);
	if (err < 0)
		return err;
	snprintf(lsn, sizeof(lsn), "%" PRIu64, p.last_lsn);
	return end(&j, &p, steme_str_from(lsn));
}

int
steme_json_concepts_counted(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why)
{
	struct page p = { .s = s, .max_lsn = steme_store_lsn(s), .most = most };
	struct steme_jo j;
	int err = steme_render_limit(&limit, why);

	if (err == STEME_OK)
		err = steme_prefix_check(prefix, why);
	if (err == STEME_OK && after.n > 0)
		err = steme_concept_check(after, why);
	if (err != STEME_OK)
		return err;
	p.limit = limit;
	begin(&p, &j, "prefix", prefix, b);
	err = steme_store_concepts_from(s, prefix.p == NULL ? STEME_LIT("") : prefix, after,
	    p.max_lsn, put_concept, &p);
	if (err < 0)
		return err;
	return end(&j, &p, (struct steme_str){ p.last, p.last_n });
}
