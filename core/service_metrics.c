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
	    "Syncs of the log that failed, those before a restart, too.",
	    st.wal.sync_errors),
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
	ROW(STEME_COUNTER, "lock_timeouts_total", "Writes refused because they waited "
	    "longer than lock_timeout_ms.", st.lock_timeouts),
	ROW(STEME_COUNTER, "lsm_compactions_total", "Compactions of the index.",
	    st.compactions),
	ROW(STEME_COUNTER, "lsm_compaction_errors_total",
	    "Compactions of the index that failed.", st.compaction_errors),
	ROW(STEME_GAUGE, "lsm_level0_files", "Tables of the index's level 0: writes are "
	    "slowed at 8, stopped at 12.", st.index.level0_files),
	ROW(STEME_GAUGE, "storage_disk_free_bytes", "Room on the disk with the index.",
	    st.disk_free),
	ROW(STEME_GAUGE, "storage_disk_total_bytes", "Size of the disk with the index.",
	    st.disk_total),
#undef ROW
};

/* Families with a label: its value, and where the number is. */
static const struct {
	const char *label;
	size_t off;			/* in struct steme_store_stats */
} operations[] = {
	{ "put", offsetof(struct steme_store_stats, puts) },
	{ "get", offsetof(struct steme_store_stats, gets) },
}, failures[] = {
	{ "put", offsetof(struct steme_store_stats, put_errors) },
	{ "get", offsetof(struct steme_store_stats, get_errors) },
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
	struct steme_series *operations[STEME_NELEM(operations)];
	struct steme_series *failures[STEME_NELEM(failures)];
	struct steme_series *refused[STEME_NCAPS], *caps[STEME_NCAPS];
	struct steme_series *stopped, *rebuilding, *drained, *amplification;
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
	n.st.wal.sync_errors += m->s->o.wal_failures_before;
	steme_views_stats(m->s->o.views, &n.views);
	for (size_t i = 0; i < STEME_NELEM(plain); i++)
		steme_set(m->plain[i], at(&n, plain[i].off));
	for (size_t i = 0; i < STEME_NELEM(entries); i++)
		steme_set(m->entries[i], at(&n.st.counts, entries[i].off));
	for (size_t i = 0; i < STEME_NELEM(operations); i++) {
		steme_set(m->operations[i], at(&n.st, operations[i].off));
		steme_set(m->failures[i], at(&n.st, failures[i].off));
	}
	for (int c = 0; c < STEME_NCAPS; c++) {
		steme_set(m->refused[c], (double)n.st.gate.refused[c]);
		steme_set(m->caps[c], (double)n.st.gate.cap[c]);
	}
	steme_set(m->drained, n.st.gate.drained);
	steme_set(m->amplification, steme_svc_write_amplification(&n.st));
	steme_set(m->stopped, n.st.writes != STEME_WRITES_OK);
	steme_set(m->rebuilding, n.st.rebuilding);
}

static void
make_labelled(struct steme_svc_metrics *m, struct steme_metrics *reg)
{
	struct steme_family *ops, *bad, *refused, *caps;

	ops = steme_family(reg, STEME_COUNTER, "stemedb_storage_operations_total",
	    "Operations of the storage layer: groups written, reads.", "operation");
	bad = steme_family(reg, STEME_COUNTER, "stemedb_storage_operation_errors_total",
	    "Operations of the storage layer that failed.", "operation");
	for (size_t i = 0; i < STEME_NELEM(operations); i++) {
		m->operations[i] = steme_series(ops, operations[i].label);
		m->failures[i] = steme_series(bad, failures[i].label);
	}
	refused = steme_family(reg, STEME_COUNTER, "stemedb_writes_capped_total",
	    "Writes refused because a cap of the node was used up.", "cap");
	caps = steme_family(reg, STEME_GAUGE, "stemedb_writes_cap",
	    "Caps of the node, a second; 0: none.", "cap");
	for (int c = 0; c < STEME_NCAPS; c++) {
		m->refused[c] = steme_series(refused, steme_cap_name((enum steme_cap)c));
		m->caps[c] = steme_series(caps, steme_cap_name((enum steme_cap)c));
	}
	m->drained = steme_series0(steme_family(reg, STEME_GAUGE,
	    "stemedb_node_drained", "1 while the node takes no writes because it is "
	    "drained.", NULL));
	m->amplification = steme_series0(steme_family(reg, STEME_GAUGE,
	    "stemedb_storage_write_amplification", "Bytes the index has written for "
	    "each byte put, since the start.", NULL));
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
	make_labelled(m, reg);
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
