/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed.c - log records into an index: replay after a stop, and rebuilds.  Once a batch is
 * full a second thread writes it while this one reads, checks and builds the next.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct steme_pipe {
	struct steme_index *ix;
	pthread_t thread;
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t cond;		/* any change below */
	struct steme_batch *full;	/* (mu) to be written; NULL: none */
	struct steme_batch *spare;	/* (mu) empty, for the feeder; NULL: in use */
	bool stop;			/* (mu) */
	int err;			/* (mu) the first failure */
};

static void *
pipe_run(void *arg)
{
	struct steme_pipe *p = arg;
	struct steme_batch *b;
	int err;

	pthread_mutex_lock(&p->mu);
	for (;;) {
		while (p->full == NULL && !p->stop)
			pthread_cond_wait(&p->cond, &p->mu);
		if ((b = p->full) == NULL)
			break;
		pthread_mutex_unlock(&p->mu);
		err = p->ix->ops->write(p->ix, b, false);
		pthread_mutex_lock(&p->mu);
		if (p->err == STEME_OK)
			p->err = err;
		p->full = NULL;
		p->spare = b;
		pthread_cond_signal(&p->cond);
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

static int
pipe_open(struct steme_pipe **out, struct steme_index *ix)
{
	struct steme_pipe *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (p == NULL)
		return STEME_ENOMEM;
	p->ix = ix;
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->cond, NULL);
	p->spare = steme_batch_new();
	if (p->spare == NULL ||
	    pthread_create(&p->thread, NULL, pipe_run, p) != 0) {
		steme_batch_free(p->spare);
		free(p);
		return STEME_ENOMEM;
	}
	*out = p;
	return STEME_OK;
}

/* Hands *b over and takes an empty one for it. */
static int
pipe_swap(struct steme_pipe *p, struct steme_batch **b)
{
	int err;

	pthread_mutex_lock(&p->mu);
	while (p->spare == NULL)
		pthread_cond_wait(&p->cond, &p->mu);
	p->full = *b;
	*b = p->spare;
	p->spare = NULL;
	err = p->err;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mu);
	return err;
}

static int
pipe_drain(struct steme_pipe *p)
{
	int err;

	pthread_mutex_lock(&p->mu);
	while (p->spare == NULL)
		pthread_cond_wait(&p->cond, &p->mu);
	err = p->err;
	pthread_mutex_unlock(&p->mu);
	return err;
}

static void
pipe_close(struct steme_pipe *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mu);
	pthread_join(p->thread, NULL);
	steme_batch_free(p->spare);
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

int
steme_feed_init(struct steme_feed *f, struct steme_index *ix,
    const struct steme_applied *at, size_t known_slots)
{
	memset(f, 0, sizeof(*f));
	f->known = steme_known_new(known_slots);
	if (f->known == NULL)
		return STEME_ENOMEM;
	return steme_apply_init(&f->apply, ix, f->known, at);
}

void
steme_feed_fini(struct steme_feed *f)
{
	pipe_close(f->pipe);
	f->pipe = NULL;
	steme_apply_fini(&f->apply);
	steme_known_free(f->known);
	f->known = NULL;
}

/* Writes what is in the batch, or has it written. */
static int
flush(struct steme_feed *f, bool wait)
{
	struct steme_apply *a = &f->apply;
	int err = STEME_OK;

	if (steme_batch_count(a->batch) > 0) {
		if (f->pipe == NULL && !wait &&
		    (err = pipe_open(&f->pipe, a->ix)) != STEME_OK)
			return err;
		if (f->pipe == NULL)
			err = steme_apply_write(a);
		else if ((err = steme_apply_seal(a)) == STEME_OK)
			err = pipe_swap(f->pipe, &a->batch);
	}
	if (err != STEME_OK)
		return err;
	/* what is known of unwritten batches must not be forgotten before they are written */
	if (f->pipe != NULL && (wait || steme_known_full(f->known)))
		err = pipe_drain(f->pipe);
	if (err == STEME_OK && steme_known_full(f->known) &&
	    !steme_known_trim(f->known))
		steme_known_clear(f->known);
	return err;
}

static void
tell(struct steme_feed *f)
{
	uint64_t span = f->last_segment - f->first_segment + 1;
	unsigned permille;

	if (f->last_segment == 0 || f->group.segment < f->first_segment)
		return;
	permille = (unsigned)((f->group.segment - f->first_segment) * 1000 / span);
	if (permille > 999)
		permille = 999;
	if (f->permille != NULL)
		atomic_store(f->permille, permille);
	if (f->progress != NULL)
		f->progress(f->arg, "index rebuild", permille);
}

/*
 * Batches are written only here, so never with a group that may be the log's last: the
 * log tells that before it knows that it is on disk.
 */
static int
end_group(struct steme_feed *f)
{
	int err;

	if (!f->in_group)
		return STEME_OK;
	f->in_group = false;
	err = steme_apply_end_group(&f->apply, f->group_first_lsn, &f->group);
	if (err == STEME_OK && f->apply.bytes >= STEME_REPLAY_BATCH) {
		err = flush(f, false);
		tell(f);
	}
	return err;
}

static int
object(struct steme_feed *f, struct steme_record *r)
{
	struct steme_object o;
	struct steme_why why = { "" };
	int err;

	if ((err = steme_record_check_id(r)) != STEME_OK)
		return err;
	if ((err = steme_object_of(&o, r, &why)) != STEME_OK)
		return err;
	return steme_apply_record(&f->apply, r, &o, NULL);
}

static int
genesis(struct steme_feed *f, const struct steme_wal_rec *rec)
{
	int err = steme_genesis_decode(&f->genesis, rec->payload, rec->len);

	if (err != STEME_OK)
		return err;
	f->has_genesis = true;
	return steme_apply_genesis(&f->apply, rec->lsn, rec->hlc, rec->payload,
	    rec->len);
}

/*
 * An envelope changes an entry, so what is still in batches must be in the index first.
 * It goes there without its 'W', in the middle of a group, hence with a sync: what has
 * no number cannot be missed.
 */
static int
envelope(struct steme_feed *f, struct steme_record *r)
{
	struct steme_apply *a = &f->apply;
	int err = STEME_OK;

	if (f->pipe != NULL)
		err = pipe_drain(f->pipe);
	if (err == STEME_OK && (err = steme_batch_err(a->batch)) == STEME_OK)
		err = a->ix->ops->write(a->ix, a->batch, true);
	f->mark = steme_batch_mark(a->batch);
	return err != STEME_OK ? err : steme_apply_envelope(a, r);
}

static int
one_record(struct steme_feed *f, const struct steme_wal_rec *rec)
{
	struct steme_record r;
	int err;

	if (rec->type == STEME_WAL_GENESIS)
		return genesis(f, rec);
	if (rec->type == STEME_WAL_LOST)
		return steme_apply_lost(&f->apply, rec->lsn);
	err = steme_record_decode(&r, rec->type, rec->payload, rec->len);
	if (err != STEME_OK)
		return err;
	r.lsn = rec->lsn;
	r.hlc = rec->hlc;
	if (rec->type == STEME_WAL_ENVELOPE)
		return envelope(f, &r);
	return object(f, &r);
}

int
steme_feed_visit(void *feed, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos)
{
	struct steme_feed *f = feed;
	int err = STEME_OK;

	if (f->stop_lsn != 0 && rec->lsn >= f->stop_lsn)
		return STEME_FEED_STOP;
	if (pos->segment != f->group.segment || pos->offset != f->group.offset)
		err = end_group(f);
	if (!f->in_group) {
		f->in_group = true;
		f->group = *pos;
		f->group_first_lsn = rec->lsn;
		f->at_group = f->apply.at;
		f->mark = steme_batch_mark(f->apply.batch);
	}
	if (f->records++ == 0)
		f->first_lsn = rec->lsn;
	if (err == STEME_OK)
		err = one_record(f, rec);
	if (err != STEME_OK)
		return steme_fail(&f->why, err, "record lsn %" PRIu64 " (segment %"
		    PRIu64 ", group at offset %" PRIu64 ") cannot be indexed: %s",
		    rec->lsn, pos->segment, pos->offset, steme_strerror(err));
	return STEME_OK;
}

int
steme_feed_trouble(void *feed, const struct steme_wal_trouble *t)
{
	struct steme_feed *f = feed;

	if (!f->accept_gaps)
		return t->err;
	f->troubles++;
	steme_log(STEME_WARN | STEME_LOG_STORAGE, "index rebuild: storage: %s; the gap "
	    "is accepted", t->text);
	return STEME_OK;
}

int
steme_feed_leave_last(struct steme_feed *f)
{
	struct steme_apply *a = &f->apply;

	if (!f->in_group)
		return STEME_OK;
	f->in_group = false;
	steme_batch_rewind(a->batch, f->mark);
	steme_buf_clear(&a->log_ids);
	a->agents.n = a->sources.n = 0;
	a->at = f->at_group;
	/* who goes on from its place takes its segment for known */
	return steme_apply_end_group(a, f->group_first_lsn, &f->group);
}

int
steme_feed_end(struct steme_feed *f, struct steme_applied *at)
{
	int err = end_group(f);

	if (err == STEME_OK)
		err = flush(f, true);
	*at = f->apply.at;
	return err;
}

/* ---- the lines that operators look for ---- */

void
steme_log_index_start(bool full, const char *cause, uint64_t from_lsn)
{
	if (full)
		steme_log(STEME_INFO | STEME_LOG_STORAGE, "Starting index rebuild "
		    "from WAL (full: %s)", cause);
	else
		steme_log(STEME_INFO | STEME_LOG_STORAGE, "Starting index rebuild "
		    "from WAL (from the index's last batch, lsn %" PRIu64 ")",
		    from_lsn);
}

void
steme_log_index_done(const struct steme_counts *c, bool full, uint64_t records,
    int64_t us)
{
	const int level = STEME_INFO | STEME_LOG_STORAGE;

	steme_log(level, "Index rebuild: Rebuilt predicate index: %" PRIu64 " entries",
	    c->predicates);
	steme_log(level, "Index rebuild: Rebuilt concept index: %" PRIu64 " entries",
	    c->concepts);
	steme_log(level, "Index rebuild complete in %" PRId64 "ms (%s, %" PRIu64
	    " records read, %" PRIu64 " assertions)", us / 1000,
	    full ? "full" : "partial", records, c->assertions);
}
