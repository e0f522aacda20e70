/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_fixture.h - a store in a folder of its own with the index in memory, agents with
 * fixed keys and a clock that stands still: every id, time and hlc is the same in
 * every run.
 */
#ifndef STEME_VIEW_FIXTURE_H
#define STEME_VIEW_FIXTURE_H

#include "core/index.h"
#include "core/log.h"
#include "core/store.h"
#include "core/timefmt.h"
#include "core/view.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* 2026-11-21T02:00:00Z */
#define FIX_NOW_US	INT64_C(1795226400000000)
#define NAGENTS		6	/* 0 is the operator */

struct fix_clock {
	struct steme_clock base;
	_Atomic int64_t us;
};

struct fix {
	char dir[200];
	struct fix_clock clock;
	struct steme_index *ix;
	struct steme_store *s;
	struct steme_views *v;
	struct steme_key agent[NAGENTS];
	size_t cache;
};

static struct fix fix;

/* Not Check's own: benchmarks use this file, too. */
static void
fix_must(bool ok, const char *what, const char *why)
{
	if (ok)
		return;
	fprintf(stderr, "fixture: %s: %s\n", what, why);
	abort();
}

static int64_t
fix_clock_us(const struct steme_clock *c)
{
	const struct fix_clock *f = (const struct fix_clock *)c;

	return atomic_load(&f->us);
}

static void
fix_open(size_t cache)
{
	const char *tmp = getenv("TMPDIR");
	struct steme_store_opts o;
	char wal[256], kv[256];
	struct steme_why why = { "" };
	uint8_t seed[32];

	memset(&fix, 0, sizeof(fix));
	steme_log_set_level(STEME_ERROR);
	fix_must(steme_sign_init() == STEME_OK, "sodium", "");
	for (int i = 0; i < NAGENTS; i++) {
		memset(seed, i + 1, sizeof(seed));
		steme_key_from_seed(&fix.agent[i], seed);
	}
	snprintf(fix.dir, sizeof(fix.dir), "%.150s/view.XXXXXX", tmp ? tmp : "/tmp");
	fix_must(mkdtemp(fix.dir) != NULL, "mkdtemp", fix.dir);
	snprintf(wal, sizeof(wal), "%s/wal", fix.dir);
	snprintf(kv, sizeof(kv), "%s/kv", fix.dir);
	fix.clock.base.wall_us = fix_clock_us;
	fix.clock.base.mono_us = fix_clock_us;
	atomic_store(&fix.clock.us, FIX_NOW_US);
	fix_must(steme_index_mem(&fix.ix) == STEME_OK, "index", "");
	memset(&o, 0, sizeof(o));
	o.wal_dir = wal;
	o.kv_dir = kv;
	o.index = fix.ix;
	o.clock = &fix.clock.base;
	o.operator_ = fix.agent[0].agent;
	o.segment_bytes = 4 << 20;
	fix_must(steme_store_open(&fix.s, &o, &why) == STEME_OK, "open", why.text);
	fix_must(steme_views_new(&fix.v, fix.s, cache) == STEME_OK, "views", "");
	fix.cache = cache;
}

static void
fix_close(void)
{
	char cmd[300];

	steme_views_free(fix.v);
	steme_store_close(fix.s);
	fix.ix->ops->close(fix.ix);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", fix.dir);
	fix_must(system(cmd) == 0, "cannot remove", fix.dir);
}

/* An assertion with the usual fields; change o before fix_put(). */
static struct steme_object
fix_claim(int agent, const char *concept, const char *predicate,
    enum steme_type type, const char *value, const char *time)
{
	struct steme_object o;

	memset(&o, 0, sizeof(o));
	o.kind = STEME_ASSERTION;
	o.concept = steme_str_from(concept);
	o.predicate = steme_str_from(predicate);
	o.type = type;
	o.value = steme_str_from(value);
	o.confidence = STEME_ONE;
	o.class_ = STEME_EXPERT;
	o.agent = fix.agent[agent].agent;
	fix_must(steme_time_parse_loose(steme_str_from(time), &o.time_us) == STEME_OK,
	    "time", time);
	return o;
}

static struct steme_id
fix_put(const struct steme_object *o, int agent)
{
	struct steme_buf b = { 0 };
	struct steme_write w;
	struct steme_why why = { "" };
	struct steme_put p;

	memset(&w, 0, sizeof(w));
	memset(&p, 0, sizeof(p));
	fix_must(steme_object_write(o, &b, &why) == STEME_OK, "object", why.text);
	p.bytes = (struct steme_str){ (char *)b.data, b.len };
	p.sigkind = STEME_SIG_OWN;
	steme_sign(&p.sig, &fix.agent[agent], b.data, b.len);
	p.verified = true;
	w.puts = &p;
	w.n = 1;
	fix_must(steme_store_write_wait(fix.s, &w) == STEME_OK, "write", w.why.text);
	fix_must(p.err == STEME_OK, "put", p.why.text);
	steme_buf_fini(&b);
	return p.id;
}

/* The usual assertion, put; returns its id. */
static struct steme_id
fix_assert(int agent, const char *concept, const char *predicate,
    enum steme_type type, const char *value, const char *time)
{
	struct steme_object o = fix_claim(agent, concept, predicate, type, value,
	    time);

	return fix_put(&o, agent);
}

static inline struct steme_query
fix_query(enum steme_lens lens, const char *concept, const char *predicate)
{
	struct steme_query q;

	steme_query_init(&q);
	q.lens = lens;
	if (concept != NULL)
		q.concept = steme_str_from(concept);
	if (predicate != NULL)
		q.predicate = steme_str_from(predicate);
	return q;
}

/* The ids of objects and agents in what is expected. */
static inline const char *
hex(const struct steme_id *id)
{
	static char t[16][STEME_ID_HEX + 1];
	static unsigned turn;

	turn = (turn + 1) % 16;
	steme_id_hex(t[turn], id);
	return t[turn];
}

#endif
