/* SPDX-License-Identifier: Apache-2.0 */
/* render_page.c - one page of a list, and where the next begins. */
#include "config.h"
#include "core/render.h"

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
steme_page_begin(struct steme_page *p, uint32_t limit, struct steme_buf *b,
    struct steme_why *why)
{
	p->n = 0;
	p->more = false;
	p->limit = limit;
	steme_jo_begin(&p->body, b);
	return steme_render_limit(&p->limit, why);
}

void
steme_page_list(struct steme_page *p, const char *key)
{
	steme_jo_key(&p->body, key);
	steme_ja_begin(&p->items, p->body.b);
}

bool
steme_page_is_full(struct steme_page *p)
{
	if (p->n == p->limit)
		p->more = true;
	return p->more;
}

void
steme_page_next(struct steme_page *p)
{
	steme_ja_next(&p->items);
	p->n++;
}

void
steme_page_item(struct steme_page *p, struct steme_jo *j)
{
	steme_page_next(p);
	steme_jo_begin(j, p->body.b);
}

int
steme_page_end(struct steme_page *p, struct steme_str cursor)
{
	steme_ja_end(&p->items);
	if (p->more)
		steme_jo_str(&p->body, "next_cursor", cursor);
	else
		steme_jo_null(&p->body, "next_cursor");
	steme_jo_end(&p->body);
	steme_buf_putc(p->body.b, '\n');
	return steme_buf_err(p->body.b);
}
