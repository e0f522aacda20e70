/* SPDX-License-Identifier: Apache-2.0 */
/* render_browse.c - concepts below a parent or a prefix, also with what each holds. */
#include "config.h"
#include "core/render.h"

#include "core/path.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>

struct listing {
	struct steme_page page;
	struct steme_store *s;
	const struct steme_count_bounds *most;	/* NULL: without counts */
	uint64_t read;			/* assertions, of most->page */
	struct steme_str parent;
	uint64_t max_lsn, last_lsn;
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

static bool
is_full(struct listing *l)
{
	if (l->most != NULL && l->read >= l->most->page)
		l->page.more = true;
	return steme_page_is_full(&l->page);
}

static int
put_counted(struct listing *l, struct steme_str path, bool has_assertions)
{
	bool children = false;
	struct steme_jo j;
	uint64_t n = 0;
	int err;

	/* one more than is shown tells whether there are more */
	if (has_assertions && (err = steme_store_count(l->s, path, l->max_lsn,
	    l->most->each + 1, &n)) != STEME_OK)
		return err;
	l->read += n;
	err = steme_store_children(l->s, path, 0, l->max_lsn, any_child, &children);
	if (err < 0)
		return err;
	steme_page_item(&l->page, &j);
	steme_jo_str(&j, "concept_path", path);
	steme_jo_str(&j, "name", steme_concept_leaf(path));
	steme_jo_uint(&j, "assertions", STEME_MIN(n, l->most->each));
	if (n > l->most->each)
		steme_jo_bool(&j, "assertions_more", true);
	steme_jo_bool(&j, "children", children);
	steme_jo_end(&j);
	return steme_buf_err(j.b);
}

static int
put_child(void *arg, struct steme_str child, uint64_t first_lsn, bool has_assertions)
{
	char buf[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX + 2];
	struct listing *l = arg;
	struct steme_str path;
	struct steme_jo j;
	int n;

	if (is_full(l))
		return 1;
	n = snprintf(buf, sizeof(buf), "%.*s%s%.*s", STEME_STR(l->parent),
	    l->parent.n > 0 ? "/" : "", STEME_STR(child));
	if (n < 0 || n > STEME_CONCEPT_MAX)
		return STEME_ECORRUPT;
	path = (struct steme_str){ buf, (size_t)n };
	l->last_lsn = first_lsn;
	if (l->most != NULL)
		return put_counted(l, path, has_assertions);
	steme_page_item(&l->page, &j);
	steme_jo_str(&j, "name", child);
	steme_jo_str(&j, "concept_path", path);
	steme_jo_bool(&j, "has_assertions", has_assertions);
	steme_jo_uint(&j, "first_lsn", first_lsn);
	steme_jo_end(&j);
	return steme_buf_err(j.b);
}

static int
put_concept(void *arg, struct steme_str concept)
{
	struct listing *l = arg;
	struct steme_buf *b = l->page.body.b;

	if (is_full(l))
		return 1;
	if (concept.n > STEME_CONCEPT_MAX)
		return STEME_ECORRUPT;
	memcpy(l->last, concept.p, concept.n);
	l->last_n = concept.n;
	if (l->most != NULL)
		return put_counted(l, concept, true);
	steme_page_next(&l->page);
	steme_json_str(b, concept);
	return steme_buf_err(b);
}

/* s by one of path.h's rules; the parameter's name begins the sentence.  "": nothing to check. */
static int
check_param(int (*rule)(struct steme_str, struct steme_why *), const char *name,
    struct steme_str s, struct steme_why *why)
{
	struct steme_why w = { "" };

	if (s.n == 0 || rule(s, &w) == STEME_OK)
		return STEME_OK;
	return steme_fail(why, STEME_EINVAL, "%s: %s", name, w.text);
}

static int
list_children(struct listing *l, struct steme_str parent, uint64_t after_lsn,
    uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	char lsn[24];
	int err;

	if ((err = steme_page_begin(&l->page, limit, b, why)) != STEME_OK ||
	    (err = check_param(steme_concept_check, "parent", parent, why)) != STEME_OK)
		return err;
	l->max_lsn = steme_store_lsn(l->s);
	l->parent = parent.p == NULL ? STEME_LIT("") : parent;
	/* with numbers, the root is no concept */
	if (l->most != NULL && parent.n == 0)
		steme_jo_null(&l->page.body, "parent");
	else
		steme_jo_str(&l->page.body, "parent", l->parent);
	steme_page_list(&l->page, l->most != NULL ? "concepts" : "children");
	err = steme_store_children(l->s, l->parent, after_lsn, l->max_lsn, put_child, l);
	if (err < 0)
		return err;
	snprintf(lsn, sizeof(lsn), "%" PRIu64, l->last_lsn);
	return steme_page_end(&l->page, steme_str_from(lsn));
}

static int
list_concepts(struct listing *l, struct steme_str prefix, struct steme_str after,
    uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	int err;

	if ((err = steme_page_begin(&l->page, limit, b, why)) != STEME_OK ||
	    (err = check_param(steme_prefix_check, "prefix", prefix, why)) != STEME_OK ||
	    (err = check_param(steme_concept_check, "cursor", after, why)) != STEME_OK)
		return err;
	l->max_lsn = steme_store_lsn(l->s);
	steme_jo_str(&l->page.body, "prefix", prefix);
	steme_page_list(&l->page, "concepts");
	err = steme_store_concepts_from(l->s, prefix.p == NULL ? STEME_LIT("") : prefix,
	    after, l->max_lsn, put_concept, l);
	if (err < 0)
		return err;
	return steme_page_end(&l->page, (struct steme_str){ l->last, l->last_n });
}

int
steme_json_children(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .s = s };

	return list_children(&l, parent, after_lsn, limit, b, why);
}

int
steme_json_children_counted(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .s = s, .most = &most };

	return list_children(&l, parent, after_lsn, limit, b, why);
}

int
steme_json_concepts(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .s = s };

	return list_concepts(&l, prefix, after, limit, b, why);
}

int
steme_json_concepts_counted(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why)
{
	struct listing l = { .s = s, .most = &most };

	return list_concepts(&l, prefix, after, limit, b, why);
}
