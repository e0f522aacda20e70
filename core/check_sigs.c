/* SPDX-License-Identifier: Apache-2.0 */
/* check_sigs.c - signatures and batch proofs, on several threads. */
#include "config.h"
#include "core/check_impl.h"
#include "core/merkle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JOB_BYTES	(128u << 10)
#define JOBS_WAITING	16

/* One signature within a job's bytes: this, then the object. */
struct one {
	uint64_t lsn;
	struct steme_id id, agent;
	struct steme_sig sig;
	size_t n;
};

struct job {
	struct job *next;
	struct steme_buf b;
};

struct bad {
	struct bad *next;
	uint64_t lsn;
	struct steme_id id;
};

struct steme_sigpool {
	pthread_t *threads;
	unsigned n;
	struct job *filling;		/* of the adding thread */
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t more, room;
	struct job *head, **tail;	/* (mu) */
	unsigned waiting;		/* (mu) */
	bool stop;			/* (mu) */
	uint64_t verified;		/* (mu) */
	struct bad *bad;		/* (mu) */
	bool forgot;			/* (mu) out of memory for a bad one */
};

static void
note_bad(struct steme_sigpool *p, const struct one *o)
{
	struct bad *b = calloc(1, sizeof(*b));

	pthread_mutex_lock(&p->mu);
	if (b == NULL) {
		p->forgot = true;
	} else {
		b->lsn = o->lsn;
		b->id = o->id;
		b->next = p->bad;
		p->bad = b;
	}
	pthread_mutex_unlock(&p->mu);
}

static uint64_t
run_job(struct steme_sigpool *p, const struct job *j)
{
	uint64_t done = 0;
	struct one o;

	for (size_t at = 0; at < j->b.len; at += sizeof(o) + o.n, done++) {
		memcpy(&o, j->b.data + at, sizeof(o));
		if (steme_verify(&o.sig, &o.agent, j->b.data + at + sizeof(o),
		    o.n) != STEME_OK)
			note_bad(p, &o);
	}
	return done;
}

static void *
worker(void *arg)
{
	struct steme_sigpool *p = arg;
	uint64_t done;
	struct job *j;

	pthread_mutex_lock(&p->mu);
	for (;;) {
		while (p->head == NULL && !p->stop)
			pthread_cond_wait(&p->more, &p->mu);
		if ((j = p->head) == NULL)
			break;
		p->head = j->next;
		if (p->head == NULL)
			p->tail = &p->head;
		p->waiting--;
		pthread_cond_signal(&p->room);
		pthread_mutex_unlock(&p->mu);
		done = run_job(p, j);
		steme_buf_fini(&j->b);
		free(j);
		pthread_mutex_lock(&p->mu);
		p->verified += done;
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

int
steme_sigpool_new(struct steme_sigpool **out, unsigned threads)
{
	struct steme_sigpool *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (p == NULL)
		return STEME_ENOMEM;
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->room, NULL);
	p->tail = &p->head;
	p->threads = calloc(threads, sizeof(*p->threads));
	while (p->threads != NULL && p->n < threads &&
	    pthread_create(&p->threads[p->n], NULL, worker, p) == 0)
		p->n++;
	if (p->n == 0) {
		steme_sigpool_finish(p, NULL, NULL, NULL);
		return STEME_ENOMEM;
	}
	*out = p;
	return STEME_OK;
}

static void
push(struct steme_sigpool *p)
{
	struct job *j = p->filling;

	p->filling = NULL;
	if (j == NULL)
		return;
	pthread_mutex_lock(&p->mu);
	while (p->waiting >= JOBS_WAITING)
		pthread_cond_wait(&p->room, &p->mu);
	*p->tail = j;
	p->tail = &j->next;
	p->waiting++;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->mu);
}

int
steme_sigpool_add(struct steme_sigpool *p, uint64_t lsn, const struct steme_id *id,
    const struct steme_id *agent, const struct steme_sig *sig, struct steme_str bytes)
{
	struct one o;

	if (p->filling == NULL &&
	    (p->filling = calloc(1, sizeof(*p->filling))) == NULL)
		return STEME_ENOMEM;
	memset(&o, 0, sizeof(o));
	o.lsn = lsn;
	o.id = *id;
	o.agent = *agent;
	o.sig = *sig;
	o.n = bytes.n;
	steme_buf_put(&p->filling->b, &o, sizeof(o));
	steme_buf_put(&p->filling->b, bytes.p, bytes.n);
	if (steme_buf_err(&p->filling->b) != STEME_OK)
		return STEME_ENOMEM;
	if (p->filling->b.len >= JOB_BYTES)
		push(p);
	return STEME_OK;
}

void
steme_sigpool_finish(struct steme_sigpool *p, uint64_t *verified,
    void (*bad)(void *arg, uint64_t lsn, const struct steme_id *id), void *arg)
{
	static const struct steme_id none;
	struct bad *b, *next;

	if (p == NULL)
		return;
	push(p);
	pthread_mutex_lock(&p->mu);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->mu);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	for (b = p->bad; b != NULL; b = next) {
		next = b->next;
		if (bad != NULL)
			bad(arg, b->lsn, &b->id);
		free(b);
	}
	if (p->forgot && bad != NULL)
		bad(arg, 0, &none);
	if (verified != NULL)
		*verified += p->verified;
	pthread_cond_destroy(&p->more);
	pthread_cond_destroy(&p->room);
	pthread_mutex_destroy(&p->mu);
	free(p->threads);
	free(p);
}

/* ---- how a record is signed ---- */

static int
id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, STEME_ID_LEN);
}

/* Keeps the list of a batch for its members, which follow it. */
static int
keep_batch(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_id *agent)
{
	uint8_t *copy = malloc((size_t)r->nids * STEME_ID_LEN + 1);

	if (copy == NULL)
		return STEME_ENOMEM;
	memcpy(copy, r->ids, (size_t)r->nids * STEME_ID_LEN);
	free(c->batch_ids);
	c->batch_ids = copy;
	c->nbatch_ids = r->nids;
	c->batch = r->id;
	c->batch_agent = *agent;
	return STEME_OK;
}

bool
steme_check_batch_ids(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_id *ids = malloc((size_t)r->nids * sizeof(*ids) + 1);
	struct steme_id root;
	bool same;

	if (ids == NULL) {
		c->err = STEME_ENOMEM;
		return true;
	}
	if (r->nids > 0)
		memcpy(ids, r->ids, (size_t)r->nids * sizeof(*ids));
	same = r->nids == o->count &&
	    steme_merkle_root(ids, r->nids, &root) == STEME_OK &&
	    steme_id_eq(&root, &o->root);
	free(ids);
	return same;
}

static void
check_batch(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o)
{
	int err;

	c->rep->batches++;
	if (!steme_check_batch_ids(c, r, o))
		steme_check_tell(c, STEME_ESIG, r->lsn, &r->id, "the id list of the "
		    "batch does not give the root that it signs");
	if ((err = keep_batch(c, r, &o->agent)) != STEME_OK)
		c->err = err;
}

/* Makes r->batch the batch at hand; it may be older than the members told now. */
static int
fetch_batch(struct steme_checkrun *c, const struct steme_record *r)
{
	struct steme_record b;
	struct steme_object o;
	uint8_t *backing;
	int err;

	if (c->batch_ids != NULL && steme_id_eq(&c->batch, &r->batch))
		return STEME_OK;
	err = steme_store_get(c->s, &r->batch, &b, &backing);
	if (err == STEME_OK)
		err = steme_object_of(&o, &b, NULL);
	if (err == STEME_OK && (o.kind != STEME_BATCH || b.ids == NULL))
		err = STEME_ECORRUPT;
	if (err == STEME_OK)
		err = keep_batch(c, &b, &o.agent);
	free(backing);
	return err;
}

void
steme_check_signed(struct steme_checkrun *c, const struct steme_record *r,
    const struct steme_object *o)
{
	char hex[STEME_ID_HEX + 1];
	int err;

	if (o->kind == STEME_OPAQUE)
		return;
	if (o->kind == STEME_BATCH)
		check_batch(c, r, o);
	if (r->sigkind == STEME_SIG_OWN) {
		if (c->pool != NULL && (err = steme_sigpool_add(c->pool, r->lsn,
		    &r->id, &o->agent, &r->sig, r->bytes)) != STEME_OK)
			c->err = err;
		return;
	}
	if (fetch_batch(c, r) != STEME_OK) {
		steme_id_hex(hex, &r->batch);
		steme_check_tell(c, STEME_ESIG, r->lsn, &r->id,
		    "its batch %s is not in the store", hex);
		return;
	}
	if (bsearch(r->id.b, c->batch_ids, c->nbatch_ids, STEME_ID_LEN,
	    id_cmp) == NULL)
		steme_check_tell(c, STEME_ESIG, r->lsn, &r->id,
		    "signature verification failed: its batch does not list it");
	else if (!steme_id_eq(&o->agent, &c->batch_agent))
		steme_check_tell(c, STEME_ESIG, r->lsn, &r->id,
		    "signature verification failed: its batch is another agent's");
}
