/* SPDX-License-Identifier: Apache-2.0 */
/* intake.c - what is checked before a write is queued, in the writer's own thread. */
#include "config.h"
#include "core/store_impl.h"
#include "core/merkle.h"
#include "core/sign.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Is s `_steme` or below it? */
static bool
is_system(struct steme_str s)
{
	return s.p != NULL && s.n >= 6 && memcmp(s.p, "_steme", 6) == 0 &&
	    (s.n == 6 || s.p[6] == '/');
}

/* The limits for what a client hands in; objects from peers are stored regardless. */
static int
check_hand_in(const struct steme_store *s, const struct steme_write *w,
    struct steme_put *p)
{
	const struct steme_object *o = &p->o;
	int64_t ahead;

	if (o->kind == STEME_OPAQUE)
		return steme_fail(&p->why, STEME_EVERSION,
		    "this kind or version of object is not known here; update this "
		    "node before writing it");
	if (o->value.n > s->value_max)
		return steme_fail(&p->why, STEME_ETOOBIG,
		    "the value has %zu bytes, the limit here is %" PRIu32,
		    o->value.n, s->value_max);
	ahead = o->time_us - steme_wall_us(s->clock);
	if (ahead > STEME_SKEW_US)
		return steme_fail(&p->why, STEME_ESKEW,
		    "its time is %" PRId64 " seconds ahead of this node's clock; at "
		    "most 300 are accepted: check both clocks", ahead / 1000000);
	if (!w->system && !steme_id_eq(&o->agent, &s->genesis.operator_) &&
	    (is_system(o->concept) || is_system(o->from) || is_system(o->to)))
		return steme_fail(&p->why, STEME_EPERM,
		    "only the store's operator key may write below _steme/");
	return STEME_OK;
}

/*
 * A repeated hand-in of what is stored and visible, with the very signature stored: it
 * was verified when it came first.
 */
static bool
is_replay(struct steme_store *s, struct steme_put *p)
{
	struct steme_gen *g = steme_gen_get(s);
	uint64_t visible = atomic_load(&s->lsn);
	struct steme_record r;
	uint8_t *backing;
	bool same = false;
	int err;

	err = steme_index_record(g->ix, &p->id, &r, &backing, NULL);
	if (err == STEME_OK && r.lsn <= visible && r.sigkind == STEME_SIG_OWN &&
	    memcmp(r.sig.b, p->sig.b, sizeof(r.sig.b)) == 0) {
		same = true;
		p->lsn = r.lsn;
		p->status = STEME_EXISTS;
	}
	free(backing);
	steme_gen_put(g);
	return same;
}

static int
check_signature(struct steme_put *p)
{
	if (p->o.kind == STEME_OPAQUE || p->verified)
		return STEME_OK;
	if (steme_verify(&p->sig, &p->o.agent, p->bytes.p, p->bytes.n) != STEME_OK)
		return steme_fail(&p->why, STEME_ESIG,
		    "signature verification failed: it is not this agent's over "
		    "exactly these bytes");
	return STEME_OK;
}

static int
id_cmp(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

static int
check_member(const struct steme_write *w, struct steme_put *p)
{
	const struct steme_object *o = &p->o;

	if (!w->has_batch)
		return steme_fail(&p->why, STEME_EINVAL,
		    "a member of a batch came without its batch object");
	if (w->batch.err != STEME_OK)
		return steme_fail(&p->why, w->batch.err, "its batch was refused: %s",
		    w->batch.why.text);
	if (bsearch(&p->id, w->batch_ids, w->nbatch_ids, sizeof(*w->batch_ids),
	    id_cmp) == NULL)
		return steme_fail(&p->why, STEME_ESIG,
		    "signature verification failed: the batch does not list this id");
	if (o->kind == STEME_OPAQUE)
		return STEME_OK;
	if (o->kind != STEME_ASSERTION && o->kind != STEME_VOTE)
		return steme_fail(&p->why, STEME_EINVAL,
		    "a %s cannot be a member of a batch; only assertions and votes can",
		    steme_kind_name(o->kind));
	if (!steme_id_eq(&o->agent, &w->batch.o.agent))
		return steme_fail(&p->why, STEME_ESIG,
		    "signature verification failed: the batch is another agent's");
	return STEME_OK;
}

/* What holds for every object: it parses, it is within the limits. */
static int
check_object(struct steme_store *s, const struct steme_write *w, struct steme_put *p)
{
	int err;

	p->status = 0;
	p->lsn = 0;
	p->why.text[0] = '\0';
	p->id = steme_hash(p->bytes.p, p->bytes.n);
	err = steme_object_parse(&p->o, p->bytes.p, p->bytes.n, &p->why);
	if (err == STEME_EVERSION) {
		p->why.text[0] = '\0';
		err = STEME_OK;
	}
	if (err == STEME_OK && w->hand_in)
		err = check_hand_in(s, w, p);
	return err;
}

static int
check_put(struct steme_store *s, const struct steme_write *w, struct steme_put *p)
{
	int err = check_object(s, w, p);

	if (err != STEME_OK)
		return err;
	if (p->o.kind == STEME_BATCH)
		return steme_fail(&p->why, STEME_EINVAL,
		    "a batch object goes in with its list of ids");
	if (p->sigkind == STEME_SIG_BATCH)
		return check_member(w, p);
	if (p->sigkind != STEME_SIG_OWN)
		return steme_fail(&p->why, STEME_EINVAL, "no kind of signature is given");
	if (!p->verified && is_replay(s, p))
		return STEME_OK;
	return check_signature(p);
}

static int
check_batch(struct steme_store *s, struct steme_write *w)
{
	struct steme_put *p = &w->batch;
	struct steme_id root;
	int err = check_object(s, w, p);

	if (err != STEME_OK)
		return err;
	if (p->o.kind != STEME_BATCH || p->sigkind != STEME_SIG_OWN)
		return steme_fail(&p->why, STEME_EINVAL,
		    "what is given as the batch is no singly signed batch object");
	if (w->nbatch_ids != p->o.count)
		return steme_fail(&p->why, STEME_EINVAL,
		    "the batch says %" PRIu32 " members, its list has %zu",
		    p->o.count, w->nbatch_ids);
	if (steme_merkle_root(w->batch_ids, w->nbatch_ids, &root) != STEME_OK)
		return steme_fail(&p->why, STEME_EINVAL,
		    "the ids of a batch must be ascending and distinct");
	if (!steme_id_eq(&root, &p->o.root))
		return steme_fail(&p->why, STEME_ESIG,
		    "signature verification failed: the list of ids does not give "
		    "the root that the batch signs");
	if (!p->verified && is_replay(s, p))
		return STEME_OK;
	return check_signature(p);
}

/* Room that a record takes in the log, about: 256 is more than what is added. */
static uint64_t
cost(const struct steme_put *p)
{
	return p->err != STEME_OK || p->status == STEME_EXISTS ? 0 :
	    p->bytes.n + 256;
}

static void
count(uint64_t n[STEME_NCAPS], const struct steme_put *p)
{
	n[STEME_CAP_WRITES] += cost(p) > 0;
	n[STEME_CAP_ASSERTIONS] += cost(p) > 0 && p->o.kind == STEME_ASSERTION;
}

bool
steme_intake(struct steme_store *s, struct steme_write *w)
{
	bool gated = w->hand_in && !w->system, left = false;
	uint64_t bytes = 0, n[STEME_NCAPS] = {0};

	w->err = STEME_OK;
	w->why.text[0] = '\0';
	w->next = NULL;
	if (gated && (w->err = steme_gate_open(s->gate, &w->why)) != STEME_OK)
		return false;
	if (w->n + w->has_batch > STEME_GROUP_RECORDS) {
		w->err = steme_fail(&w->why, STEME_ETOOBIG,
		    "%zu objects in one write; at most %d go together", w->n,
		    STEME_GROUP_RECORDS - 1);
		return false;
	}
	if (w->has_batch) {
		w->batch.err = check_batch(s, w);
		left = cost(&w->batch) > 0;
		count(n, &w->batch);
		bytes = cost(&w->batch) + (left ? w->nbatch_ids * STEME_ID_LEN : 0);
	}
	for (size_t i = 0; i < w->n; i++) {
		w->puts[i].err = check_put(s, w, &w->puts[i]);
		left |= cost(&w->puts[i]) > 0;
		count(n, &w->puts[i]);
		bytes += cost(&w->puts[i]);
	}
	w->private_[0] = bytes;
	if (bytes > STEME_WRITE_BYTES) {
		w->err = steme_fail(&w->why, STEME_ETOOBIG,
		    "%" PRIu64 " MiB of objects in one write; at most %u go "
		    "together", bytes >> 20, STEME_WRITE_BYTES >> 20);
		return false;
	}
	if (gated && left && (w->err = steme_gate_admit(s->gate, n, &w->why)) != STEME_OK)
		return false;
	return left;
}
