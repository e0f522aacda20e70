/* SPDX-License-Identifier: Apache-2.0 */
/* store_util.h - stores to play with, and signed objects to put into them. */
#ifndef STEME_STORE_UTIL_H
#define STEME_STORE_UTIL_H

#include "core/check.h"
#include "core/log.h"
#include "core/merkle.h"
#include "core/segments.h"
#include "core/sign.h"
#include "core/store.h"
#include "tests/faultio.h"
#include "tests/remove_tree.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0	INT64_C(1790000000000000)	/* 2026-09-21 */

/* ---- a clock that stands still unless told ---- */

struct test_clock {
	struct steme_clock base;
	int64_t wall, mono;
};

static int64_t
test_wall(const struct steme_clock *c)
{
	return __atomic_load_n(&((const struct test_clock *)c)->wall,
	    __ATOMIC_RELAXED);
}

static int64_t
test_mono(const struct steme_clock *c)
{
	return __atomic_load_n(&((const struct test_clock *)c)->mono,
	    __ATOMIC_RELAXED);
}

/* ---- a folder with a store ---- */

struct place {
	char dir[64], wal[80], kv[80];
	struct faultio *fio;		/* NULL: the real file system */
	struct steme_index *mem;	/* NULL: LevelDB in kv */
	struct test_clock clock;
	struct steme_key op;
	struct steme_store_opts o;
};

static inline void
key_of(struct steme_key *k, uint8_t n)
{
	uint8_t seed[32];

	memset(seed, n, sizeof(seed));
	steme_key_from_seed(k, seed);
}

/* mem: index in memory; fault: the log in a file system that can fail. */
static inline void
place_make(struct place *p, bool mem, bool fault)
{
	const char *tmp = getenv("TMPDIR");

	memset(p, 0, sizeof(*p));
	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	steme_log_set_level(getenv("V") != NULL ? STEME_DEBUG : STEME_ERROR + 1);
	snprintf(p->dir, sizeof(p->dir), "%.40s/steme-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(p->dir));
	snprintf(p->wal, sizeof(p->wal), "%s/wal", fault ? "" : p->dir);
	snprintf(p->kv, sizeof(p->kv), "%s/kv", p->dir);
	if (fault)
		p->fio = faultio_new();
	if (mem)
		ck_assert_int_eq(steme_index_mem(&p->mem), STEME_OK);
	p->clock.base = (struct steme_clock){ test_wall, test_mono };
	p->clock.wall = T0;
	key_of(&p->op, 250);
	p->o.wal_dir = p->wal;
	p->o.kv_dir = mem ? NULL : p->kv;
	p->o.index = p->mem;
	p->o.io = fault ? faultio_io(p->fio) : NULL;
	p->o.clock = &p->clock.base;
	p->o.operator_ = p->op.agent;
	p->o.write_buffer = 1 << 20;
	p->o.block_cache = 1 << 20;
}

static inline void
place_remove(struct place *p)
{
	if (p->mem != NULL)
		p->mem->ops->close(p->mem);
	if (p->fio != NULL)
		faultio_free(p->fio);
	remove_tree(p->dir);
}

static inline struct steme_store *
place_open(struct place *p)
{
	struct steme_why why = { "" };
	struct steme_store *s;
	int err = steme_store_open(&s, &p->o, &why);

	ck_assert_msg(err == STEME_OK, "open: %s: %s", steme_errname(err), why.text);
	return s;
}

/* ---- objects ---- */

struct made {
	uint8_t *bytes;
	size_t n;
	struct steme_id id;
	struct steme_sig sig;
};

static inline void
made_free(struct made *m)
{
	free(m->bytes);
	memset(m, 0, sizeof(*m));
}

/* The canonical bytes of o by k, signed. */
static inline struct made
make(struct steme_object *o, const struct steme_key *k)
{
	struct steme_buf b = {0};
	struct steme_why why = { "" };
	struct made m;

	o->agent = k->agent;
	ck_assert_msg(steme_object_write(o, &b, &why) == STEME_OK, "%s", why.text);
	ck_assert_int_eq(steme_buf_take(&b, &m.bytes, &m.n), STEME_OK);
	m.id = steme_hash(m.bytes, m.n);
	steme_sign(&m.sig, k, m.bytes, m.n);
	return m;
}

static inline struct steme_object
claim(const char *concept, const char *predicate, const char *value, int64_t time_us)
{
	return (struct steme_object){
		.kind = STEME_ASSERTION,
		.concept = steme_str_from(concept),
		.predicate = steme_str_from(predicate),
		.type = STEME_TEXT,
		.confidence = 9000,
		.class_ = STEME_EXPERT,
		.value = steme_str_from(value),
		.time_us = time_us,
	};
}

static inline struct made
make_claim(const struct steme_key *k, const char *concept, const char *predicate,
    const char *value, int64_t time_us)
{
	struct steme_object o = claim(concept, predicate, value, time_us);

	return make(&o, k);
}

static inline struct made
make_vote(const struct steme_key *k, const char *concept, const struct steme_id *on,
    int32_t weight, int64_t time_us)
{
	struct steme_object o = { .kind = STEME_VOTE,
		.concept = steme_str_from(concept), .has_assertion = true,
		.assertion = *on, .weight = weight, .time_us = time_us,
		.value = STEME_LIT("") };

	return make(&o, k);
}

static inline struct made
make_retraction(const struct steme_key *k, const char *concept,
    const struct steme_id *of, int64_t time_us)
{
	struct steme_object o = { .kind = STEME_RETRACTION,
		.concept = steme_str_from(concept), .has_assertion = true,
		.assertion = *of, .time_us = time_us, .value = STEME_LIT("") };

	return make(&o, k);
}

static inline struct made
make_alias(const struct steme_key *k, const char *from, const char *to,
    int64_t time_us)
{
	struct steme_object o = { .kind = STEME_ALIAS, .from = steme_str_from(from),
		.to = steme_str_from(to), .time_us = time_us,
		.value = STEME_LIT("") };

	return make(&o, k);
}

static inline struct steme_put
put_of(const struct made *m)
{
	return (struct steme_put){ .bytes = { (const char *)m->bytes, m->n },
	    .sigkind = STEME_SIG_OWN, .sig = m->sig };
}

static inline void
done_nothing(struct steme_write *w)
{
	(void)w;
}

/* Writes one object; its err, or that of the write. */
static inline int
write_one(struct steme_store *s, const struct made *m, struct steme_put *out)
{
	struct steme_put p = put_of(m);
	struct steme_write w = { .puts = &p, .n = 1, .hand_in = true };

	steme_store_write_wait(s, &w);
	if (out != NULL)
		*out = p;
	return w.err != STEME_OK ? w.err : p.err;
}

/* Writes one claim, which must be new. */
static inline struct steme_id
must_claim(struct steme_store *s, const struct steme_key *k, const char *concept,
    const char *predicate, const char *value, int64_t time_us)
{
	struct made m = make_claim(k, concept, predicate, value, time_us);
	struct steme_id id = m.id;
	struct steme_put p;
	int err = write_one(s, &m, &p);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), p.why.text);
	ck_assert_int_eq(p.status, STEME_CREATED);
	made_free(&m);
	return id;
}

/* Writes one object, which may exist; its id. */
static inline struct steme_id
must_write(struct steme_store *s, struct made m)
{
	struct steme_id id = m.id;
	struct steme_put p;
	int err = write_one(s, &m, &p);

	ck_assert_msg(err == STEME_OK, "%s: %s", steme_errname(err), p.why.text);
	made_free(&m);
	return id;
}

/* ---- batches ---- */

struct batch {
	struct made *members;
	struct steme_id *ids;
	size_t n;
	struct made object;
};

static inline int
test_id_cmp(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

/* A batch object of k over the members, which become its own. */
static inline struct batch
make_batch(const struct steme_key *k, struct made *members, size_t n, int64_t time_us)
{
	struct batch b = { members, calloc(n, sizeof(*b.ids)), n, { 0 } };
	struct steme_object o = { .kind = STEME_BATCH, .count = (uint32_t)n,
		.time_us = time_us, .value = STEME_LIT("") };

	for (size_t i = 0; i < n; i++)
		b.ids[i] = members[i].id;
	qsort(b.ids, n, sizeof(*b.ids), test_id_cmp);
	ck_assert_int_eq(steme_merkle_root(b.ids, n, &o.root), STEME_OK);
	b.object = make(&o, k);
	return b;
}

static inline void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		made_free(&b->members[i]);
	free(b->members);
	free(b->ids);
	made_free(&b->object);
}

/* The write of a whole batch; free puts. */
static inline struct steme_write
batch_write(const struct batch *b)
{
	struct steme_write w = { .n = b->n, .has_batch = true,
		.batch = put_of(&b->object), .batch_ids = b->ids,
		.nbatch_ids = b->n, .hand_in = true };

	w.puts = calloc(b->n, sizeof(*w.puts));
	for (size_t i = 0; i < b->n; i++) {
		w.puts[i] = put_of(&b->members[i]);
		w.puts[i].sigkind = STEME_SIG_BATCH;
	}
	return w;
}

/* ---- reading ---- */

static inline void
ctx_open(struct steme_store *s, struct steme_lens_ctx *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
	steme_bounds_init(&ctx->bounds);
	ctx->now_us = T0;
	ctx->lifecycle = -1;
	ctx->world = steme_store_world(s, &ctx->bounds);
	ck_assert_ptr_nonnull(ctx->world);
}

static inline struct steme_cands
collect(struct steme_store *s, const char *concept, const char *predicate)
{
	struct steme_lens_ctx ctx;
	struct steme_cands c;

	ctx_open(s, &ctx);
	ck_assert_int_eq(steme_store_collect(s, &ctx, steme_str_from(concept),
	    steme_str_from(predicate), false, &c), STEME_OK);
	steme_world_put(ctx.world);
	return c;
}

/* How many claims of (concept, predicate) count. */
static inline size_t
counting(struct steme_store *s, const char *concept, const char *predicate)
{
	struct steme_cands c = collect(s, concept, predicate);
	size_t n = c.ngroups == 0 ? 0 : c.groups[0].counting;

	steme_cands_fini(&c);
	return n;
}

static inline bool
has(struct steme_store *s, const struct steme_id *id)
{
	struct steme_record r;
	uint8_t *backing;
	int err = steme_store_get(s, id, &r, &backing);

	ck_assert(err == STEME_OK || err == STEME_ENOTFOUND);
	if (err == STEME_OK)
		ck_assert_int_eq(steme_record_check_id(&r), STEME_OK);
	free(backing);
	return err == STEME_OK;
}

static inline void
tell_finding(void *arg, const struct steme_finding *f)
{
	(void)arg;
	fprintf(stderr, "finding: %s: %s\n", steme_errname(f->err), f->text);
}

/* Verify finds nothing. */
static inline void
must_verify(struct steme_store *s)
{
	struct steme_check_opts o = { .finding = tell_finding, .threads = 2 };
	struct steme_check_report rep;
	struct steme_why why = { "" };
	int err = steme_store_verify(s, &o, &rep, &why);

	ck_assert_msg(err == STEME_OK, "verify: %s: %s", steme_errname(err),
	    why.text);
	ck_assert_uint_eq(rep.problems, 0);
}

#endif
