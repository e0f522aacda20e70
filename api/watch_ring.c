/* SPDX-License-Identifier: Apache-2.0 */
/* watch_ring.c - events as text, and the ring of the newest. */
#include "config.h"
#include "api/watch_impl.h"
#include "core/jo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

void
watch_put_event(struct steme_buf *b, const struct steme_record *r,
    const struct steme_object *o)
{
	const char *kind = o->kind == STEME_OPAQUE ? "opaque" : steme_kind_name(o->kind);
	struct steme_jo j;
	char hlc[24];

	snprintf(hlc, sizeof(hlc), "%" PRIu64, r->hlc);
	steme_buf_printf(b, "id: %" PRIu64 "\nevent: %s\ndata: ", r->lsn, kind);
	steme_jo_begin(&j, b);
	steme_jo_uint(&j, "lsn", r->lsn);
	steme_jo_cstr(&j, "hlc", hlc);
	steme_jo_cstr(&j, "kind", kind);
	steme_jo_id(&j, "id", &r->id);
	steme_jo_opt(&j, "concept_path", o->concept);
	steme_jo_opt(&j, "predicate", o->predicate);
	if (o->kind == STEME_OPAQUE) {
		steme_jo_null(&j, "agent_id");
		steme_jo_null(&j, "time");
	} else {
		steme_jo_id(&j, "agent_id", &o->agent);
		steme_jo_time(&j, "time", o->time_us);
	}
	steme_jo_end(&j);
	steme_buf_puts(b, "\n\n");
}

int
watch_object_of(struct steme_object *o, const struct steme_record *r)
{
	int err;

	memset(o, 0, sizeof(*o));
	err = steme_object_parse(o, r->bytes.p, r->bytes.n, NULL);
	return err == STEME_EVERSION ? STEME_OK : err;
}

/* ---- the ring ---- */

struct event *
watch_ring_at(struct watch_ring *g, size_t i)
{
	return &g->event[(g->first + i) % RING_EVENTS];
}

static void
drop(struct watch_ring *g)
{
	struct event *e = watch_ring_at(g, 0);

	g->lo = e->lsn + 1;
	g->bytes -= e->len + e->nconcept;
	free(e->text);
	g->first = (g->first + 1) % RING_EVENTS;
	g->n--;
}

void
watch_ring_clear(struct watch_ring *g)
{
	while (g->n > 0)
		drop(g);
	g->lo = g->hi + 1;
}

int
watch_ring_add(struct watch_ring *g, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_buf b = { 0 };
	struct event e = { .lsn = r->lsn };
	uint8_t *data;
	size_t len;
	int err;

	watch_put_event(&b, r, o);
	e.len = e.concept = (uint32_t)b.len;
	e.nconcept = (uint32_t)o->concept.n;
	steme_buf_put(&b, o->concept.p, o->concept.n);
	if ((err = steme_buf_take(&b, &data, &len)) != STEME_OK)
		return err;
	e.text = (char *)data;
	while (g->n == RING_EVENTS || (g->n > 0 && g->bytes + len > RING_BYTES))
		drop(g);
	*watch_ring_at(g, g->n++) = e;
	g->bytes += len;
	return STEME_OK;
}

size_t
watch_ring_find(struct watch_ring *g, uint64_t lsn)
{
	size_t lo = 0, hi = g->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (watch_ring_at(g, mid)->lsn < lsn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
