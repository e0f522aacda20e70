/* SPDX-License-Identifier: Apache-2.0 */
/* service_util.h - a service over a store of its own, and requests without a socket. */
#ifndef STEME_SERVICE_UTIL_H
#define STEME_SERVICE_UTIL_H

#include "core/service.h"
#include "tests/store_util.h"

#include <errno.h>
#include <json-c/json.h>
#include <sys/stat.h>

/* Define as true for a log in memory, too. */
#ifndef RIG_IN_MEMORY
#define RIG_IN_MEMORY	false
#endif

struct rig {
	struct place p;
	struct steme_store *s;
	struct steme_views *v;
	struct steme_keyring *k;
	struct steme_metrics *m;
	struct steme_service *svc;
	struct steme_key ann, bob;
	atomic_int stops;
	atomic_uint commit_us;		/* a commit takes at least this long */
	char keys[96];
};

static inline void
rig_status(void *arg, struct steme_buf *b)
{
	(void)arg;
	steme_buf_puts(b, ",\"mount\":{\"path\":\"/x\"}");
}

static inline void
rig_stop(void *arg)
{
	struct rig *r = arg;

	atomic_fetch_add(&r->stops, 1);
}

static inline void
rig_commit(void *arg, const struct steme_commit_item *items, size_t n)
{
	struct rig *r = arg;
	struct steme_service *svc = __atomic_load_n(&r->svc, __ATOMIC_ACQUIRE);

	usleep(atomic_load(&r->commit_us));
	(void)items;
	(void)n;
	if (svc != NULL)
		steme_service_kick(svc);
}

/* The store's operator key, where the daemon keeps it. */
static inline void
rig_operator(struct rig *r)
{
	char path[128], pem[STEME_KEY_PEM_MAX];
	mode_t mask;
	FILE *f;

	ck_assert(mkdir(r->keys, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/operator.pem", r->keys);
	mask = umask(077);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	umask(mask);
	steme_key_pem(pem, &r->p.op);
	ck_assert_int_ge(fputs(pem, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void
rig_open(struct rig *r)
{
	struct steme_why why = { "" };
	struct steme_service_opts o = { .node_name = "n1", .version = "0.1.0",
	    .status = rig_status, .stop = rig_stop, .arg = r };
	struct steme_service *svc;

	memset(r, 0, sizeof(*r));
	place_make(&r->p, true, RIG_IN_MEMORY);
	key_of(&r->ann, 1);
	key_of(&r->bob, 2);
	r->p.o.node_name = "n1";
	r->p.o.on_commit = rig_commit;
	r->p.o.arg = r;
	r->s = place_open(&r->p);
	snprintf(r->keys, sizeof(r->keys), "%s/keys", r->p.dir);
	rig_operator(r);
	ck_assert_int_eq(steme_keyring_open(&r->k, r->keys, &why), STEME_OK);
	ck_assert_int_eq(steme_views_new(&r->v, r->s, 1 << 20), STEME_OK);
	ck_assert_int_eq(steme_metrics_new(&r->m), STEME_OK);
	o.store = r->s;
	o.views = r->v;
	o.keyring = r->k;
	o.metrics = r->m;
	o.clock = &r->p.clock.base;
	ck_assert_int_eq(steme_service_new(&svc, &o), STEME_OK);
	__atomic_store_n(&r->svc, svc, __ATOMIC_RELEASE);
}

static inline void
rig_close(struct rig *r)
{
	steme_service_free(r->svc);
	__atomic_store_n(&r->svc, NULL, __ATOMIC_RELEASE);
	steme_views_free(r->v);
	steme_store_close(r->s);
	steme_keyring_close(r->k);
	steme_metrics_free(r->m);
	place_remove(&r->p);
}

/* ---- one request, with its frames kept ---- */

struct ask {
	struct steme_request r;		/* first */
	pthread_mutex_t mu;
	pthread_cond_t cv;
	struct steme_buf all;		/* payloads joined */
	unsigned frames;		/* so far */
	unsigned flags;			/* of the last frame */
	bool done;
	size_t room;			/* what room() says */
	uint8_t *payload;
};

static inline void
ask_reply(struct steme_request *r, unsigned flags, const void *p, size_t n)
{
	struct ask *a = (struct ask *)r;

	pthread_mutex_lock(&a->mu);
	ck_assert(!a->done);
	ck_assert_uint_le(n, STEME_FRAME_MAX);
	steme_buf_put(&a->all, p, n);
	a->frames++;
	a->flags = flags;
	a->done = !(flags & STEME_F_MORE);
	pthread_cond_broadcast(&a->cv);
	pthread_mutex_unlock(&a->mu);
}

static inline void
ask_reply_buf(struct steme_request *r, struct steme_buf *b)
{
	ask_reply(r, 0, b->data, STEME_FRAME_MAX < b->len ? STEME_FRAME_MAX : b->len);
	steme_buf_fini(b);
}

static inline size_t
ask_room(struct steme_request *r)
{
	struct ask *a = (struct ask *)r;
	size_t n;

	pthread_mutex_lock(&a->mu);
	n = a->room;
	pthread_mutex_unlock(&a->mu);
	return n;
}

static const struct steme_request_ops ask_ops = { ask_reply, ask_reply_buf, ask_room };

static inline void
ask_init(struct ask *a, enum steme_role role, unsigned type, const void *p, size_t n)
{
	memset(a, 0, sizeof(*a));
	pthread_mutex_init(&a->mu, NULL);
	pthread_cond_init(&a->cv, NULL);
	a->room = 1 << 20;
	/* Memory of its own, so that a read past the end is found. */
	a->payload = malloc(n + (n == 0));
	memcpy(a->payload, n == 0 ? "" : p, n);
	a->r.ops = &ask_ops;
	a->r.caller = (struct steme_caller){ 1000, 1, role };
	a->r.type = (uint16_t)type;
	a->r.id = 1;
	a->r.payload = a->payload;
	a->r.len = n;
}

static inline void
ask_fini(struct ask *a)
{
	steme_buf_fini(&a->all);
	free(a->payload);
	pthread_mutex_destroy(&a->mu);
	pthread_cond_destroy(&a->cv);
}

static inline void
ask_wait(struct ask *a)
{
	pthread_mutex_lock(&a->mu);
	while (!a->done)
		pthread_cond_wait(&a->cv, &a->mu);
	pthread_mutex_unlock(&a->mu);
}

/* Asks and waits; the error of the answer (its sentence in why), or STEME_OK. */
static inline int
ask(struct rig *g, struct ask *a, enum steme_role role, unsigned type, const void *p,
    size_t n, struct steme_why *why)
{
	struct steme_why w;
	int err = STEME_OK;

	ask_init(a, role, type, p, n);
	steme_service_handle(g->svc, &a->r);
	steme_service_turn(g->svc);
	ask_wait(a);
	if (a->flags & STEME_F_ERROR)
		err = steme_msg_get_error(why == NULL ? &w : why, a->all.data,
		    a->all.len);
	return err;
}

/* The same with a payload in b, which is emptied; the answer's text must hold want. */
static inline void
ask_text(struct rig *g, unsigned type, struct steme_buf *b, const char *want)
{
	struct steme_why why = { "" };
	struct ask a;
	int err = ask(g, &a, STEME_ROLE_READER, type, b->data, b->len, &why);

	ck_assert_msg(err == STEME_OK, "%s: %s: %s", steme_msg_name(type),
	    steme_errname(err), why.text);
	ck_assert_msg(a.all.data != NULL &&
	    strstr((const char *)a.all.data, want) != NULL, "%s: no %s in %s",
	    steme_msg_name(type), want, a.all.data == NULL ? "" :
	    (const char *)a.all.data);
	ask_fini(&a);
	steme_buf_clear(b);
}

/* The i-th result of a write's answer. */
static inline struct steme_msg_put_result
result_at(const struct ask *a, size_t i)
{
	struct steme_rd r = steme_rd_from(a->all.data, a->all.len);
	struct steme_msg_put_result m;

	do
		ck_assert_int_eq(steme_msg_next_result(&r, &m), STEME_OK);
	while (i-- > 0);
	return m;
}

static inline void
put_made(struct steme_buf *b, const struct made *m)
{
	steme_msg_put_item(b, (struct steme_str){ (const char *)m->bytes, m->n },
	    &m->sig);
}

/* ---- the service of the running test ---- */

static struct rig G;

static inline void
open_rig(void)
{
	rig_open(&G);
}

static inline void
close_rig(void)
{
	rig_close(&G);
}

/* Asks it with the payload in b, which is emptied. */
static inline int
ask_as(struct ask *a, enum steme_role role, unsigned type, struct steme_buf *b,
    struct steme_why *why)
{
	int err = ask(&G, a, role, type, b->data, b->len, why);

	steme_buf_clear(b);
	return err;
}

#endif
