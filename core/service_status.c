/* SPDX-License-Identifier: Apache-2.0 */
/* service_status.c - what the daemon says of itself: STATUS, STORAGE, INDEX. */
#include "config.h"
#include "core/service_impl.h"
#include "core/jo.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An id of 64 bits: text, because most JSON readers' numbers cannot hold it. */
static void
put_hex(struct steme_jo *j, const char *key, uint64_t v)
{
	char t[17];

	snprintf(t, sizeof(t), "%016" PRIx64, v);
	steme_jo_cstr(j, key, t);
}

/* "key":{ : out is open then. */
static void
open_member(struct steme_jo *in, const char *key, struct steme_jo *out)
{
	steme_jo_key(in, key);
	steme_jo_begin(out, in->b);
}

/* ---- STATUS ---- */

static void
put_who(struct steme_service *s, struct steme_jo *j)
{
	const struct steme_genesis *g = steme_store_genesis(s->o.store);
	struct steme_changes *changes = steme_store_changes(s->o.store);
	struct steme_jo node;
	char store[33];

	steme_hex(store, g->store, sizeof(g->store));
	steme_jo_cstr(j, "version", s->o.version);
	steme_jo_uint(j, "wire_version", STEME_WIRE_VERSION);
	steme_jo_uint(j, "pid", (uint64_t)getpid());
	put_hex(j, "boot", steme_changes_stamp_any(changes).boot);
	steme_jo_uint(j, "uptime_seconds",
	    (uint64_t)(steme_mono_us(s->o.clock) - s->started_us) / 1000000);
	open_member(j, "node", &node);
	put_hex(&node, "id", steme_store_node(s->o.store));
	steme_jo_cstr(&node, "name", s->o.node_name);
	steme_jo_end(&node);
	steme_jo_cstr(j, "store", store);
	steme_jo_id(j, "operator", &g->operator_);
}

/* A cap that is none is null. */
static void
put_writes(struct steme_jo *j, const struct steme_store_stats *st)
{
	static const char *const states[] = { "ok", "full", "failed" };
	struct steme_jo o;

	open_member(j, "writes", &o);
	steme_jo_cstr(&o, "state", (unsigned)st->writes < STEME_NELEM(states) ?
	    states[st->writes] : "failed");
	steme_jo_cstr(&o, "reason", st->reason);
	steme_jo_bool(&o, "drained", st->gate.drained);
	for (int c = 0; c < STEME_NCAPS; c++)
		if (st->gate.cap[c] != 0)
			steme_jo_uint(&o, steme_cap_name((enum steme_cap)c),
			    st->gate.cap[c]);
		else
			steme_jo_null(&o, steme_cap_name((enum steme_cap)c));
	steme_jo_end(&o);
}

static void
put_counts(struct steme_jo *j, const struct steme_counts *c)
{
	struct steme_jo o;

	open_member(j, "counts", &o);
	steme_jo_uint(&o, "objects", c->objects);
	steme_jo_uint(&o, "assertions", c->assertions);
	steme_jo_uint(&o, "concepts", c->concepts);
	steme_jo_uint(&o, "predicates", c->predicates);
	steme_jo_uint(&o, "votes", c->votes);
	steme_jo_uint(&o, "retractions", c->retractions);
	steme_jo_uint(&o, "globals", c->globals);
	steme_jo_uint(&o, "batches", c->batches);
	steme_jo_uint(&o, "value_bytes", c->value_bytes);
	steme_jo_end(&o);
}

static void
put_wal(struct steme_jo *j, const struct steme_wal_stats *w)
{
	struct steme_jo o;

	open_member(j, "wal", &o);
	steme_jo_uint(&o, "segments", w->segments);
	steme_jo_uint(&o, "bytes", w->bytes);
	steme_jo_uint(&o, "open_segment", w->open_segment);
	steme_jo_uint(&o, "first_segment", w->first_segment);
	steme_jo_uint(&o, "groups", w->groups);
	steme_jo_uint(&o, "records", w->records);
	steme_jo_uint(&o, "syncs", w->syncs);
	steme_jo_uint(&o, "rotations", w->rotations);
	steme_jo_uint(&o, "torn_bytes_cut", w->torn_bytes_cut);
	steme_jo_uint(&o, "recovered_records", w->recovered_records);
	steme_jo_uint(&o, "relocations", w->relocations);
	steme_jo_uint(&o, "sync_errors", w->sync_errors);
	steme_jo_end(&o);
}

static void
put_index(struct steme_jo *j, const struct steme_store_stats *st)
{
	struct steme_jo o;

	open_member(j, "index", &o);
	steme_jo_uint(&o, "files", st->index.files);
	steme_jo_uint(&o, "bytes", st->index.bytes);
	steme_jo_uint(&o, "memory", st->index.memory);
	steme_jo_time(&o, "created", st->index_created_us);
	steme_jo_time(&o, "last_rebuild", st->last_rebuild_us);
	steme_jo_bool(&o, "rebuilding", st->rebuilding);
	steme_jo_uint(&o, "rebuild_permille", st->rebuild_permille);
	steme_jo_bool(&o, "damaged", st->index_error);
	steme_jo_uint(&o, "lost_segment_records", st->lost_segment_records);
	steme_jo_uint(&o, "replayed_records", st->replayed_records);
	steme_jo_uint(&o, "applied_gaps", st->applied_gaps);
	steme_jo_end(&o);
}

static void
put_rest(struct steme_jo *j, const struct steme_views_stats *v,
    const struct steme_store_stats *st)
{
	struct steme_jo o;

	open_member(j, "cache", &o);
	steme_jo_uint(&o, "hits", v->hits);
	steme_jo_uint(&o, "misses", v->misses);
	steme_jo_uint(&o, "evictions", v->evictions);
	steme_jo_uint(&o, "bytes", v->bytes);
	steme_jo_uint(&o, "limit", v->limit);
	steme_jo_uint(&o, "entries", v->entries);
	steme_jo_end(&o);
	open_member(j, "commits", &o);
	steme_jo_uint(&o, "groups", st->commits);
	steme_jo_uint(&o, "records", st->commit_records);
	steme_jo_uint(&o, "exists", st->exists);
	steme_jo_uint(&o, "sync_us_sum", (uint64_t)st->sync_us_sum);
	steme_jo_uint(&o, "sync_count", st->sync_count);
	steme_jo_end(&o);
}

int
steme_service_status(struct steme_service *s, struct steme_buf *b)
{
	struct steme_store_stats st;
	struct steme_views_stats views;
	struct steme_jo j;

	steme_store_stats(s->o.store, &st);
	steme_views_stats(s->o.views, &views);
	steme_jo_begin(&j, b);
	put_who(s, &j);
	steme_jo_uint(&j, "lsn", st.lsn);
	steme_jo_uint(&j, "hlc", st.hlc);
	put_writes(&j, &st);
	put_counts(&j, &st.counts);
	put_wal(&j, &st.wal);
	put_index(&j, &st);
	put_rest(&j, &views, &st);
	if (s->o.status != NULL)
		s->o.status(s->o.arg, b);
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	return steme_buf_err(b);
}

int
steme_svc_status(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	return r->len != 0 ? STEME_EPROTO : steme_service_status(s, b);
}

/* ---- STORAGE, INDEX ---- */

/* With three decimals. */
static void
put_ratio(struct steme_jo *j, const char *key, double v)
{
	steme_jo_key(j, key);
	steme_buf_printf(j->b, "%.3f", v);
}

int
steme_svc_storage(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	struct steme_store_stats st;
	struct steme_views_stats views;
	struct steme_jo j;

	if (r->len != 0)
		return STEME_EPROTO;
	steme_store_stats(s->o.store, &st);
	steme_views_stats(s->o.views, &views);
	steme_jo_begin(&j, b);
	steme_jo_uint(&j, "sst_file_count", st.index.files);
	steme_jo_uint(&j, "total_bytes", st.index.bytes + st.wal.bytes);
	steme_jo_uint(&j, "index_bytes", st.index.bytes);
	steme_jo_uint(&j, "pending_compaction_bytes", st.index.pending_compaction_bytes);
	steme_jo_uint(&j, "wal_bytes", st.wal.bytes);
	steme_jo_uint(&j, "wal_segments", st.wal.segments);
	steme_jo_uint(&j, "wal_missing_segment_records", st.lost_segment_records);
	steme_jo_uint(&j, "memory_bytes", st.index.memory);
	steme_jo_uint(&j, "cache_bytes", views.bytes);
	steme_jo_uint(&j, "cache_limit_bytes", views.limit);
	steme_jo_uint(&j, "disk_free_bytes", st.disk_free);
	steme_jo_uint(&j, "disk_total_bytes", st.disk_total);
	put_ratio(&j, "write_amplification", steme_svc_write_amplification(&st));
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	return STEME_OK;
}

static void
put_entries(struct steme_jo *j, const struct steme_counts *c)
{
	struct steme_jo o;

	open_member(j, "entries", &o);
	steme_jo_uint(&o, "predicate", c->predicates);
	steme_jo_uint(&o, "concept", c->concepts);
	steme_jo_uint(&o, "object", c->objects);
	steme_jo_uint(&o, "assertion", c->assertions);
	steme_jo_uint(&o, "vote", c->votes);
	steme_jo_uint(&o, "retraction", c->retractions);
	steme_jo_uint(&o, "global", c->globals);
	steme_jo_uint(&o, "batch", c->batches);
	steme_jo_end(&o);
}

int
steme_svc_index(struct steme_service *s, struct steme_request *r, struct steme_buf *b)
{
	char t[STEME_TIME_LEN + 1];
	struct steme_store_stats st;
	struct steme_jo j;

	if (r->len != 0)
		return STEME_EPROTO;
	steme_store_stats(s->o.store, &st);
	steme_jo_begin(&j, b);
	steme_jo_cstr(&j, "status", st.rebuilding ? "rebuilding" : st.index_error ?
	    "error" : "ready");
	/* whole seconds: "2026-11-21T02:00:00Z" and no more of it */
	steme_time_format(t, st.last_rebuild_us);
	memcpy(t + 19, "Z", 2);
	steme_jo_cstr(&j, "last_rebuild", t);
	put_ratio(&j, "progress", st.rebuilding ? st.rebuild_permille / 1000.0 : 1.0);
	put_entries(&j, &st.counts);
	steme_jo_bool(&j, "full_rebuild", st.full_rebuild);
	if (st.index_error)
		steme_jo_cstr(&j, "error", "index error: part of it cannot be read; "
		    "rebuild it");
	else if (st.rebuild_error[0] != '\0')
		steme_jo_cstr(&j, "error", st.rebuild_error);
	else
		steme_jo_null(&j, "error");
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	return STEME_OK;
}
