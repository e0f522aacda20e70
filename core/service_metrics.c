/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_metrics.c - metrics that are read off the store and the cache when somebody asks,
 * rather than counted.
 */
#include "config.h"
#include "core/service_impl.h"
#include "core/util.h"

#include <stdlib.h>

/* What the numbers are taken from. */
struct numbers {
	struct steme_store_stats st;
	struct steme_views_stats views;
};

static const struct {
	enum steme_metric_type type;
	const char *name, *help;
	size_t off;			/* of a uint64_t in struct numbers */
} plain[] = {
#define ROW(type, name, help, field) \
	{ type, "stemedb_" name, help, offsetof(struct numbers, field) }
	ROW(STEME_COUNTER, "assertions_indexed_total",
	    "Assertions in the index; the same after a restart or a rebuild.",
	    st.counts.assertions),
	ROW(STEME_GAUGE, "lsn", "Number of the newest record of the log.", st.lsn),
	ROW(STEME_GAUGE, "wal_segments", "Segments of the log.", st.wal.segments),
	ROW(STEME_GAUGE, "wal_bytes", "Bytes of the log's segments.", st.wal.bytes),
	ROW(STEME_COUNTER, "wal_fsync_errors_total",
	    "Syncs of the log that failed.", st.wal.sync_errors),
	ROW(STEME_COUNTER, "wal_groups_total",
	    "Groups committed: one write and one sync each.", st.wal.groups),
	ROW(STEME_COUNTER, "wal_records_total", "Records committed.",
	    st.wal.records),
	ROW(STEME_GAUGE, "index_files", "Table files of the index.",
	    st.index.files),
	ROW(STEME_GAUGE, "index_bytes", "Bytes of the index on disk.",
	    st.index.bytes),
	ROW(STEME_GAUGE, "lsm_pending_compaction_bytes",
	    "Bytes of the index that wait to be compacted.",
	    st.index.pending_compaction_bytes),
	ROW(STEME_GAUGE, "index_lost_segment_records",
	    "Records whose segment of the log is gone.", st.lost_segment_records),
	ROW(STEME_GAUGE, "cache_size_bytes",
	    "Limit of the cache of rendered views (STEMEDB_CACHE_SIZE_MB).",
	    views.limit),
	ROW(STEME_GAUGE, "cache_used_bytes", "Bytes in the cache of rendered views.",
	    views.bytes),
	ROW(STEME_COUNTER, "cache_hits_total", "Views given out of the cache.",
	    views.hits),
	ROW(STEME_COUNTER, "cache_misses_total", "Views that had to be rendered.",
	    views.misses),
	ROW(STEME_COUNTER, "cache_evictions_total",
	    "Views dropped to keep the cache within its limit.", views.evictions),
#undef ROW
};

static const struct {
	const char *index;
	size_t off;			/* in struct steme_counts */
} entries[] = {
	{ "objects", offsetof(struct steme_counts, objects) },
	{ "assertions", offsetof(struct steme_counts, assertions) },
	{ "concepts", offsetof(struct steme_counts, concepts) },
	{ "predicates", offsetof(struct steme_counts, predicates) },
	{ "votes", offsetof(struct steme_counts, votes) },
	{ "retractions", offsetof(struct steme_counts, retractions) },
	{ "globals", offsetof(struct steme_counts, globals) },
	{ "batches", offsetof(struct steme_counts, batches) },
};

struct steme_svc_metrics {
	struct steme_service *s;
	struct steme_series *plain[STEME_NELEM(plain)];
	struct steme_series *entries[STEME_NELEM(entries)];
	struct steme_series *stopped, *rebuilding;
};

static double
at(const void *p, size_t off)
{
	uint64_t v;

	memcpy(&v, (const char *)p + off, sizeof(v));
	return (double)v;
}

double
steme_svc_write_amplification(const struct steme_store_stats *st)
{
	double put = (double)st->index.put_bytes;

	/* LevelDB's own log is one of the times */
	return put == 0 ? 0 : 1 + (double)st->index.compaction_written_bytes / put;
}

/* Before each exposition. */
static void
refresh(void *arg)
{
	struct steme_svc_metrics *m = arg;
	struct numbers n = { 0 };

	steme_store_stats(m->s->o.store, &n.st);
	steme_views_stats(m->s->o.views, &n.views);
	for (size_t i = 0; i < STEME_NELEM(plain); i++)
		steme_set(m->plain[i], at(&n, plain[i].off));
	for (size_t i = 0; i < STEME_NELEM(entries); i++)
		steme_set(m->entries[i], at(&n.st.counts, entries[i].off));
	steme_set(m->stopped, n.st.writes != STEME_WRITES_OK);
	steme_set(m->rebuilding, n.st.rebuilding);
}

int
steme_svc_metrics_new(struct steme_svc_metrics **out, struct steme_service *s)
{
	struct steme_metrics *reg = s->o.metrics;
	struct steme_svc_metrics *m;
	struct steme_family *f;

	*out = NULL;
	if (reg == NULL)
		return STEME_OK;
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return STEME_ENOMEM;
	m->s = s;
	for (size_t i = 0; i < STEME_NELEM(plain); i++)
		m->plain[i] = steme_series0(steme_family(reg, plain[i].type,
		    plain[i].name, plain[i].help, NULL));
	f = steme_family(reg, STEME_GAUGE, "stemedb_index_entries",
	    "What the index holds, by kind.", "index");
	for (size_t i = 0; i < STEME_NELEM(entries); i++)
		m->entries[i] = steme_series(f, entries[i].index);
	m->stopped = steme_series0(steme_family(reg, STEME_GAUGE,
	    "stemedb_writes_stopped", "1 while no writes are taken (disk full, log "
	    "failed).", NULL));
	m->rebuilding = steme_series0(steme_family(reg, STEME_GAUGE,
	    "stemedb_index_rebuilding", "1 while the index is made anew.", NULL));
	steme_metrics_hook(reg, refresh, m);
	*out = m;
	return STEME_OK;
}

/* The families stay; other doors may still write them out. */
void
steme_svc_metrics_free(struct steme_svc_metrics *m)
{
	if (m == NULL)
		return;
	steme_metrics_unhook(m->s->o.metrics, refresh, m);
	free(m);
}
