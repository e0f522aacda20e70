/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - the queue of writes and its leader: log group, sync, index, globals,
 * publish, change counters, on_commit, done.
 *
 * Publishing comes before the counters are bumped: a reader takes the counters, then
 * reads.  Were the bump first, a reader between the two would keep an old answer with
 * the new counters for ever.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Free space is looked at after so many bytes put into the index. */
#define SPACE_EVERY	(4u << 20)

/* A record of the group that is being committed. */
struct staged {
	struct steme_put *put;
	struct steme_record r;
	size_t payload;			/* its place in group.payloads */
};

struct steme_group {
	struct staged *staged;
	struct steme_wal_rec *recs;
	struct steme_commit_item *items;
	size_t n, cap;
	struct steme_buf payloads;
	uint32_t *slots;		/* staged index + 1, hashed by id; 0: empty */
	size_t nslots;			/* a power of two */
	uint64_t exists;
	bool bump_global;
};

int
steme_group_new(struct steme_group **out)
{
	struct steme_group *g = calloc(1, sizeof(*g));

	*out = g;
	return g == NULL ? STEME_ENOMEM : STEME_OK;
}

void
steme_group_free(struct steme_group *g)
{
	if (g == NULL)
		return;
	free(g->staged);
	free(g->recs);
	free(g->items);
	free(g->slots);
	steme_buf_fini(&g->payloads);
	free(g);
}

static void
group_clear(struct steme_group *g)
{
	memset(g->slots, 0, g->nslots * sizeof(*g->slots));
	g->n = 0;
	g->exists = 0;
	g->bump_global = false;
	/* one large write must not hold its memory for ever */
	if (g->payloads.cap > (8u << 20))
		steme_buf_fini(&g->payloads);
	steme_buf_clear(&g->payloads);
}

/* Room for n records; their places may move. */
static int
group_reserve(struct steme_group *g, size_t n)
{
	size_t cap = g->cap == 0 ? 64 : g->cap;
	void *p;

	if (n <= g->cap)
		return STEME_OK;
	while (cap < n)
		cap *= 2;
	if ((p = realloc(g->staged, cap * sizeof(*g->staged))) == NULL)
		return STEME_ENOMEM;
	g->staged = p;
	if ((p = realloc(g->recs, cap * sizeof(*g->recs))) == NULL)
		return STEME_ENOMEM;
	g->recs = p;
	if ((p = realloc(g->items, cap * sizeof(*g->items))) == NULL)
		return STEME_ENOMEM;
	g->items = p;
	if ((p = calloc(cap * 2, sizeof(*g->slots))) == NULL)
		return STEME_ENOMEM;
	free(g->slots);
	g->slots = p;
	g->nslots = cap * 2;
	g->cap = cap;
	return STEME_OK;
}

/* The slot of id: empty, or that of the staged record with this id. */
static uint32_t *
group_slot(struct steme_group *g, const struct steme_id *id)
{
	size_t i;

	memcpy(&i, id->b, sizeof(i));
	for (i &= g->nslots - 1; g->slots[i] != 0; i = (i + 1) & (g->nslots - 1))
		if (steme_id_eq(&g->staged[g->slots[i] - 1].r.id, id))
			break;
	return &g->slots[i];
}

static void
refuse_put(struct steme_put *p, int err, const char *why)
{
	if (p->err != STEME_OK)
		return;
	p->status = 0;
	p->err = steme_fail(&p->why, err, "%s", why);
}

/* The whole write fails; what was refused for its own sake keeps its reason. */
static void
refuse(struct steme_write *w, int err, const char *why)
{
	w->err = steme_fail(&w->why, err, "%s", why);
	if (w->has_batch)
		refuse_put(&w->batch, err, why);
	for (size_t i = 0; i < w->n; i++)
		refuse_put(&w->puts[i], err, why);
}

/* ---- staging: (lead) ---- */

/* Is p stored already, or earlier in this group?  Then it is answered with that. */
static int
is_stored(struct steme_store *s, struct steme_group *g, struct steme_put *p,
    bool *stored)
{
	uint32_t *slot = group_slot(g, &p->id);
	struct steme_index *ix = s->gen->ix;
	struct steme_record r;
	uint8_t *backing;
	int err;

	*stored = true;
	if (*slot != 0) {
		p->lsn = g->staged[*slot - 1].r.lsn;
		p->status = STEME_EXISTS;
		g->exists++;
		return STEME_OK;
	}
	err = steme_index_record(ix, &p->id, &r, &backing, NULL);
	free(backing);
	if (err == STEME_OK) {
		p->lsn = r.lsn;
		p->status = STEME_EXISTS;
		g->exists++;
		return STEME_OK;
	}
	*stored = false;
	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	steme_store_index_error(s, err, "looking up an object's id");
	return steme_fail(&p->why, err, "the index could not be read");
}

static uint64_t
next_hlc(struct steme_store *s, const struct steme_object *o, int64_t now_us)
{
	s->hlc_last = steme_hlc_next(s->hlc_last, now_us);
	if (o->kind == STEME_OPAQUE)
		return s->hlc_last;
	return STEME_MAX(s->hlc_last, steme_hlc_floor(o));
}

static enum steme_wal_type
wal_type(const struct steme_object *o, enum steme_sigkind k)
{
	if (o->kind == STEME_BATCH)
		return STEME_WAL_BATCH;
	return k == STEME_SIG_BATCH ? STEME_WAL_MEMBER : STEME_WAL_OBJECT;
}

/* Adds p to the group unless it was refused or is stored already. */
static void
stage(struct steme_store *s, struct steme_group *g, struct steme_write *w,
    struct steme_put *p, int64_t now_us)
{
	struct staged *t = &g->staged[g->n];
	bool stored;

	if (p->err != STEME_OK || p->status == STEME_EXISTS) {
		g->exists += p->err == STEME_OK;
		return;
	}
	if ((p->err = is_stored(s, g, p, &stored)) != STEME_OK || stored)
		return;
	memset(t, 0, sizeof(*t));
	t->put = p;
	t->r.lsn = s->apply.at.next_lsn + g->n;
	t->r.hlc = next_hlc(s, &p->o, now_us);
	t->r.node = s->node;
	t->r.sigkind = p->sigkind;
	t->r.sig = p->sig;
	if (p->sigkind == STEME_SIG_BATCH)
		t->r.batch = w->batch.id;
	t->r.id = p->id;
	t->r.bytes = p->bytes;
	if (p->o.kind == STEME_BATCH) {
		t->r.ids = w->batch_ids->b;
		t->r.nids = (uint32_t)w->nbatch_ids;
	}
	t->payload = g->payloads.len;
	steme_record_encode(&g->payloads, &t->r);
	g->recs[g->n] = (struct steme_wal_rec){
		wal_type(&p->o, p->sigkind), t->r.lsn, t->r.hlc, NULL,
		g->payloads.len - t->payload
	};
	*group_slot(g, &p->id) = (uint32_t)g->n + 1;
	p->lsn = t->r.lsn;
	p->status = STEME_CREATED;
	g->n++;
}

/* Fills the group from the list.  STEME_ENOMEM: nothing can be committed. */
static int
stage_all(struct steme_store *s, struct steme_group *g, struct steme_write *list)
{
	int64_t now_us = steme_wall_us(s->clock);
	size_t n = 0;

	for (struct steme_write *w = list; w != NULL; w = w->next)
		n += w->n + w->has_batch;
	if (group_reserve(g, n) != STEME_OK)
		return STEME_ENOMEM;
	group_clear(g);
	for (struct steme_write *w = list; w != NULL; w = w->next) {
		if (w->has_batch)
			stage(s, g, w, &w->batch, now_us);
		/* a batch that could not be staged takes its members with it */
		for (size_t i = 0; i < w->n; i++) {
			struct steme_put *p = &w->puts[i];

			if (p->sigkind == STEME_SIG_BATCH && w->batch.err != STEME_OK)
				refuse_put(p, w->batch.err, w->batch.why.text);
			stage(s, g, w, p, now_us);
		}
	}
	if (steme_buf_err(&g->payloads) != STEME_OK)
		return STEME_ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		g->recs[i].payload = g->payloads.data + g->staged[i].payload;
	return STEME_OK;
}

/* ---- the log: (lead) ---- */

static void
note_sync(struct steme_store *s, int64_t us)
{
	pthread_mutex_lock(&s->mu);
	s->sync_samples[s->sync_count % STEME_SYNC_SAMPLES] =
	    (uint32_t)STEME_MIN(us, (int64_t)UINT32_MAX);
	s->sync_count++;
	s->sync_us_sum += us;
	pthread_mutex_unlock(&s->mu);
}

static void
set_state(struct steme_store *s, enum steme_write_state st, const char *reason)
{
	bool was_full;

	pthread_mutex_lock(&s->mu);
	was_full = s->writes == STEME_WRITES_FULL;
	if (s->writes != STEME_WRITES_FAILED) {
		s->writes = st;
		snprintf(s->reason, sizeof(s->reason), "%s", reason);
	}
	pthread_mutex_unlock(&s->mu);
	if (st == STEME_WRITES_OK && was_full)
		steme_log(STEME_INFO | STEME_LOG_STORAGE,
		    "storage: there is room again; writes go on");
	if (st == STEME_WRITES_FULL && !was_full)
		steme_log(STEME_ERROR | STEME_LOG_STORAGE,
		    "Error: StorageError: writes are refused: %s", reason);
}

static void
now_full(struct steme_store *s, const struct steme_why *why)
{
	s->full_until_us = steme_mono_us(s->clock) + 1000000;
	set_state(s, STEME_WRITES_FULL, why->text);
}

/* May a commit be tried now?  If not, why says what is wrong. */
static int
may_commit(struct steme_store *s, struct steme_why *why)
{
	enum steme_write_state st;
	char reason[256];

	pthread_mutex_lock(&s->mu);
	st = s->writes;
	memcpy(reason, s->reason, sizeof(reason));
	pthread_mutex_unlock(&s->mu);
	if (st == STEME_WRITES_FAILED)
		return steme_fail(why, STEME_EREADONLY, "%s", reason);
	/* a try costs a write and a sync: at most one a second while the disk is full */
	if (st == STEME_WRITES_FULL &&
	    steme_mono_us(s->clock) < s->full_until_us)
		return steme_fail(why, STEME_ENOSPC, "%s", reason);
	/* LevelDB cannot go on after a full disk: stop before it comes to that */
	if (st == STEME_WRITES_OK &&
	    s->apply.put_bytes - s->space_put_bytes < SPACE_EVERY)
		return STEME_OK;
	s->space_put_bytes = s->apply.put_bytes;
	if (!steme_store_space_low(s, why))
		return STEME_OK;
	now_full(s, why);
	return STEME_ENOSPC;
}

static int
log_group(struct steme_store *s, struct steme_group *g, struct steme_why *why)
{
	int64_t us = 0;
	int err;

	err = steme_wal_commit(s->wal, g->recs, g->n, &us, why);
	if (err == STEME_OK) {
		note_sync(s, us);
		set_state(s, STEME_WRITES_OK, "");
		return STEME_OK;
	}
	if (err == STEME_ENOSPC) {
		steme_fail(why, err, "the disk that holds the log is full; nothing "
		    "was stored: free some space and writes go on by themselves");
		now_full(s, why);
		return err;
	}
	/* these leave the log as it was */
	if (err != STEME_EINVAL && err != STEME_ETOOBIG)
		steme_store_failed(s, why->text);
	return err;
}

/* ---- index and readers: (lead) ---- */

static int
index_group(struct steme_store *s, struct steme_group *g)
{
	struct steme_wal_pos end = steme_wal_end(s->wal);
	struct steme_apply *a = &s->apply;
	int err = STEME_OK;

	for (size_t i = 0; i < g->n && err == STEME_OK; i++) {
		const struct staged *t = &g->staged[i];
		struct steme_commit_item *it = &g->items[i];
		unsigned news = 0;

		err = steme_apply_record(a, &t->r, &t->put->o, &news);
		it->r = &t->r;
		it->o = &t->put->o;
		it->new_concept = news & STEME_NEW_CONCEPT;
		it->new_predicate = news & STEME_NEW_PREDICATE;
	}
	if (err == STEME_OK)
		err = steme_apply_end_group(a, g->staged[0].r.lsn, &end);
	if (err == STEME_OK)
		err = steme_apply_write(a);
	for (size_t i = 0; i < g->n && err == STEME_OK; i++)
		if (steme_globals_wants(g->items[i].o))
			err = steme_globals_add(s->globals, g->items[i].r,
			    g->items[i].o);
	if (err == STEME_OK && steme_known_full(s->known))
		steme_known_clear(s->known);
	return err;
}

static bool
is_constraint(struct steme_str predicate)
{
	return steme_str_eq(predicate, STEME_LIT("must_use")) ||
	    steme_str_eq(predicate, STEME_LIT("forbidden"));
}

/*
 * Can o change answers about other concepts than its own?  Global kinds can, and
 * constraints: they hold for everything below their concept.
 */
static bool
changes_all(struct steme_store *s, const struct steme_object *o)
{
	struct steme_record r;
	struct steme_object target;
	uint8_t *backing;
	bool all = false;

	if (o->kind == STEME_BATCH)
		return false;
	if (steme_object_is_global(o) || steme_globals_wants(o))
		return true;
	if (o->kind == STEME_ASSERTION)
		return is_constraint(o->predicate);
	if (o->kind != STEME_RETRACTION)
		return false;
	if (steme_index_record(s->gen->ix, &o->assertion, &r, &backing,
	    NULL) == STEME_OK)
		all = steme_object_of(&target, &r, NULL) == STEME_OK &&
		    is_constraint(target.predicate);
	free(backing);
	return all;
}

static void
bump_concept(struct steme_store *s, const struct steme_world *w,
    struct steme_str concept)
{
	const struct steme_str *names = NULL;
	size_t n = 0;

	if (w != NULL)
		steme_world_aliases(w, concept, &names, &n);
	if (n == 0)
		steme_changes_bump(s->changes, concept);
	for (size_t i = 0; i < n; i++)
		steme_changes_bump(s->changes, names[i]);
}

/* Readers see the group, and know that what they kept is old. */
static void
publish(struct steme_store *s, struct steme_group *g)
{
	const struct steme_world *w;
	struct steme_bounds all;
	bool global = false;

	pthread_mutex_lock(&s->mu);
	s->counts = s->apply.at.counts;
	s->hlc = s->apply.at.hlc;
	s->commits++;
	s->commit_records += g->n;
	s->exists += g->exists;
	pthread_mutex_unlock(&s->mu);
	atomic_store_explicit(&s->lsn, s->apply.at.next_lsn - 1,
	    memory_order_release);

	steme_bounds_init(&all);
	w = steme_world_at(s->globals, &all);
	/* without a world the alias classes are not known: everything may have changed */
	global = w == NULL;
	for (size_t i = 0; i < g->n; i++) {
		const struct steme_object *o = g->items[i].o;

		if (!steme_object_is_global(o))
			bump_concept(s, w, o->concept);
		global |= changes_all(s, o);
	}
	if (w != NULL)
		steme_world_put(w);
	if (global)
		steme_changes_bump_global(s->changes);
	steme_changes_bump_any(s->changes);
	if (s->on_commit != NULL)
		s->on_commit(s->arg, g->items, g->n);
}

/* ---- the leader ---- */

static void
commit_list(struct steme_store *s, struct steme_write *list)
{
	struct steme_group *g = s->group;
	struct steme_why why = { "" };
	int err = STEME_OK;

	if ((err = may_commit(s, &why)) == STEME_OK &&
	    (err = stage_all(s, g, list)) != STEME_OK)
		steme_fail(&why, err, "out of memory; nothing was stored");
	if (err == STEME_OK && g->n == 0) {
		pthread_mutex_lock(&s->mu);
		s->exists += g->exists;
		pthread_mutex_unlock(&s->mu);
		return;
	}
	if (err == STEME_OK)
		err = log_group(s, g, &why);
	if (err == STEME_OK && (err = index_group(s, g)) != STEME_OK) {
		char text[200];

		snprintf(text, sizeof(text), "the index could not be written (%s); "
		    "the log has the record, a restart replays it",
		    steme_strerror(err));
		steme_store_failed(s, text);
		steme_fail(&why, err, "%s", text);
	}
	if (err == STEME_OK) {
		publish(s, g);
		return;
	}
	for (struct steme_write *w = list; w != NULL; w = w->next)
		refuse(w, err, why.text);
}

static struct steme_write *
take_locked(struct steme_store *s)
{
	struct steme_write *list = s->head, *w, **end = &s->head;
	size_t bytes = 0, records = 0;

	while ((w = *end) != NULL) {
		bytes += w->private_[0];
		records += w->n + w->has_batch;
		if (end != &s->head && (bytes > s->group_max_bytes ||
		    records > STEME_GROUP_RECORDS))
			break;
		s->queued_bytes -= w->private_[0];
		end = &w->next;
	}
	s->head = *end;
	*end = NULL;
	if (s->head == NULL)
		s->tail = &s->head;
	return list;
}

/* group_max_wait_ms: company for the first write, if it comes soon. */
static void
wait_locked(struct steme_store *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += s->group_max_wait_ms / 1000;
	until.tv_nsec += (long)(s->group_max_wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!s->stop && s->queued_bytes < s->group_max_bytes)
		if (pthread_cond_timedwait(&s->more, &s->mu, &until) != 0)
			break;
}

static void
release_locked(struct steme_store *s)
{
	s->leading = false;
	if (s->lead_waiters > 0)
		pthread_cond_broadcast(&s->lead_free);
	else if (s->head != NULL)
		pthread_cond_signal(&s->work);
}

static bool
may_lead_locked(const struct steme_store *s)
{
	return !s->leading && s->lead_waiters == 0 && s->head != NULL;
}

/* One commit of what is queued, then done() for each.  mu is held, but not on return. */
static void
lead_and_unlock(struct steme_store *s)
{
	struct steme_write *list, *next;

	s->leading = true;
	if (s->group_max_wait_ms > 0)
		wait_locked(s);
	list = take_locked(s);
	pthread_mutex_unlock(&s->mu);
	commit_list(s, list);
	pthread_mutex_lock(&s->mu);
	release_locked(s);
	pthread_mutex_unlock(&s->mu);
	for (struct steme_write *w = list; w != NULL; w = next) {
		next = w->next;
		w->done(w);
	}
}

void *
steme_committer(void *store)
{
	struct steme_store *s = store;

	for (;;) {
		pthread_mutex_lock(&s->mu);
		while (!may_lead_locked(s) && !(s->stop && s->head == NULL))
			pthread_cond_wait(&s->work, &s->mu);
		if (s->head == NULL)
			break;
		lead_and_unlock(s);
	}
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

void
steme_lead_acquire(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	s->lead_waiters++;
	while (s->leading)
		pthread_cond_wait(&s->lead_free, &s->mu);
	s->lead_waiters--;
	s->leading = true;
	pthread_mutex_unlock(&s->mu);
}

void
steme_lead_release(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	release_locked(s);
	pthread_mutex_unlock(&s->mu);
}

/* ---- the doors ---- */

static void
count_exists(struct steme_store *s, const struct steme_write *w)
{
	uint64_t n = w->has_batch && w->batch.status == STEME_EXISTS;

	for (size_t i = 0; i < w->n; i++)
		n += w->puts[i].err == STEME_OK;
	if (n == 0)
		return;
	pthread_mutex_lock(&s->mu);
	s->exists += n;
	pthread_mutex_unlock(&s->mu);
}

/* Checks, then queues.  False: w was answered already. */
static bool
enqueue(struct steme_store *s, struct steme_write *w, bool wake, bool lead)
{
	if (!steme_intake(s, w)) {
		if (w->err != STEME_OK)
			refuse(w, w->err, w->why.text);
		else
			count_exists(s, w);
		w->done(w);
		return false;
	}
	pthread_mutex_lock(&s->mu);
	*s->tail = w;
	s->tail = &w->next;
	s->queued_bytes += w->private_[0];
	if (s->group_max_wait_ms > 0)
		pthread_cond_signal(&s->more);
	if (lead && may_lead_locked(s)) {
		lead_and_unlock(s);
		return true;
	}
	if (wake && may_lead_locked(s))
		pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->mu);
	return true;
}

void
steme_store_write(struct steme_store *s, struct steme_write *w, bool may_lead)
{
	enqueue(s, w, true, may_lead);
}

void
steme_store_queue(struct steme_store *s, struct steme_write *w)
{
	enqueue(s, w, false, false);
}

void
steme_store_lead(struct steme_store *s)
{
	pthread_mutex_lock(&s->mu);
	if (may_lead_locked(s))
		lead_and_unlock(s);
	else
		pthread_mutex_unlock(&s->mu);
}

struct waiter {
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t cond;
	bool done;
};

static void
wake_waiter(struct steme_write *w)
{
	struct waiter *t = w->arg;

	pthread_mutex_lock(&t->mu);
	t->done = true;
	pthread_cond_signal(&t->cond);
	pthread_mutex_unlock(&t->mu);
}

int
steme_store_write_wait(struct steme_store *s, struct steme_write *w)
{
	struct waiter t = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
	    false };
	void (*done)(struct steme_write *) = w->done;
	void *arg = w->arg;

	w->done = wake_waiter;
	w->arg = &t;
	enqueue(s, w, true, true);
	pthread_mutex_lock(&t.mu);
	while (!t.done)
		pthread_cond_wait(&t.cond, &t.mu);
	pthread_mutex_unlock(&t.mu);
	pthread_cond_destroy(&t.cond);
	pthread_mutex_destroy(&t.mu);
	w->done = done;
	w->arg = arg;
	return w->err;
}

int
steme_commit_genesis(struct steme_store *s, struct steme_why *why)
{
	struct steme_buf b = {0};
	struct steme_wal_rec rec = { STEME_WAL_GENESIS, 1, 0, NULL, 0 };
	struct steme_wal_pos end;
	int err;

	s->hlc_last = steme_hlc_next(s->hlc_last, s->genesis.time_us);
	rec.hlc = s->hlc_last;
	steme_genesis_encode(&b, &s->genesis);
	if ((err = steme_buf_err(&b)) != STEME_OK)
		goto out;
	rec.payload = b.data;
	rec.len = b.len;
	err = steme_wal_commit(s->wal, &rec, 1, NULL, why);
	if (err != STEME_OK)
		goto out;
	end = steme_wal_end(s->wal);
	err = steme_apply_genesis(&s->apply, 1, rec.hlc, b.data, b.len);
	if (err == STEME_OK)
		err = steme_apply_end_group(&s->apply, 1, &end);
	if (err == STEME_OK)
		err = steme_apply_write(&s->apply);
	if (err != STEME_OK)
		steme_fail(why, err, "the index of the new store could not be "
		    "written: %s", steme_strerror(err));
out:
	steme_buf_fini(&b);
	return err;
}
