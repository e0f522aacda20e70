/* SPDX-License-Identifier: Apache-2.0 */
/* service_work.c - VERIFY, REBUILD, COMPACT: a thread each, one of a kind at a time. */
#include "config.h"
#include "core/check.h"
#include "core/service_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FINDINGS_MAX	10000		/* sent; all are counted */
#define ROOM_WAIT_MS	5

struct work {
	struct steme_service *s;
	struct steme_request *r;
	bool flag;			/* VERIFY: without signatures; COMPACT: forced */
	pthread_mutex_t mu;		/* leaf: findings come from several threads */
	unsigned permille;		/* (mu) last told */
	uint64_t findings;		/* (mu) */
};

static bool
unwanted(void *arg)
{
	const struct work *w = arg;

	return atomic_load(&w->r->gone) || atomic_load(&w->s->stopping);
}

static void
send_item(struct work *w, const struct steme_msg_work *m, bool last)
{
	struct steme_buf b = {0};

	steme_msg_put_work(&b, m);
	if (last)
		steme_svc_end_buf(w->s, w->r, &b);
	else if (steme_buf_err(&b) == STEME_OK && !unwanted(w))
		w->r->ops->reply(w->r, STEME_F_MORE, b.data, b.len);
	steme_buf_fini(&b);
}

/* Work is slow, and so may its reader be: waits until the asker takes more. */
static void
wait_for_room(struct work *w)
{
	const struct timespec ts = { 0, ROOM_WAIT_MS * 1000000 };

	while (!unwanted(w) && w->r->ops->room(w->r) == 0)
		nanosleep(&ts, NULL);
}

static void
on_progress(void *arg, unsigned permille)
{
	struct work *w = arg;
	struct steme_msg_work m = { .tag = STEME_WORK_PROGRESS, .permille = permille };
	bool tell;

	MUST(pthread_mutex_lock(&w->mu));
	tell = permille > w->permille && permille <= 1000;
	if (tell)
		w->permille = permille;
	MUST(pthread_mutex_unlock(&w->mu));
	/* Told if there is room: the next one says more anyway. */
	if (tell && w->r->ops->room(w->r) > 0)
		send_item(w, &m, false);
}

static void
on_finding(void *arg, const struct steme_finding *f)
{
	struct work *w = arg;
	struct steme_msg_work m = { .tag = STEME_WORK_FINDING, .err = f->err,
	    .lsn = f->lsn, .id = f->id, .text = steme_str_from(f->text) };
	bool tell;

	MUST(pthread_mutex_lock(&w->mu));
	tell = ++w->findings <= FINDINGS_MAX;
	MUST(pthread_mutex_unlock(&w->mu));
	if (tell) {
		wait_for_room(w);
		send_item(w, &m, false);
	}
}

static void
report(struct work *w, int err, const uint64_t n[STEME_WORK_NUMBERS],
    const struct steme_why *why)
{
	struct steme_msg_work m = { .tag = STEME_WORK_REPORT, .err = err,
	    .text = STEME_LIT("") };

	memcpy(m.n, n, sizeof(m.n));
	if (err != STEME_OK)
		m.text = steme_str_from(why->text[0] == '\0' ? steme_strerror(err) :
		    why->text);
	send_item(w, &m, true);
}

static int
verify(struct work *w, uint64_t n[STEME_WORK_NUMBERS], struct steme_why *why)
{
	struct steme_check_opts o = { .skip_signatures = w->flag,
	    .finding = on_finding, .progress = on_progress,
	    .stop = unwanted, .arg = w };
	struct steme_check_report rep = {0};
	int err = steme_store_verify(w->s->o.store, &o, &rep, why);

	n[0] = rep.records;
	n[1] = rep.objects;
	n[2] = rep.signatures;
	n[3] = rep.batches;
	n[4] = rep.segments;
	n[5] = rep.index_entries;
	n[6] = rep.lost_segment_records;
	n[7] = rep.problems;
	n[8] = rep.us;
	return err;
}

static bool
go_on(void *arg, unsigned permille)
{
	on_progress(arg, permille);
	return !unwanted(arg);
}

static int
rebuild(struct work *w, uint64_t n[STEME_WORK_NUMBERS], struct steme_why *why)
{
	struct steme_store *store = w->s->o.store;
	int64_t from = steme_mono_us(w->s->o.clock);
	struct steme_store_stats st;
	int err;

	if (w->r->type == STEME_MSG_REBUILD)
		err = steme_store_rebuild_online(store, why);
	else
		err = steme_store_compact(store, w->flag, go_on, w, why);
	steme_store_stats(store, &st);
	n[0] = st.counts.objects;
	n[1] = (uint64_t)(steme_mono_us(w->s->o.clock) - from);
	return err;
}

static void
set_busy(struct steme_service *s, unsigned type, bool busy)
{
	MUST(pthread_mutex_lock(&s->mu));
	s->busy[type] = busy;
	MUST(pthread_mutex_unlock(&s->mu));
}

static void *
work_thread(void *arg)
{
	uint64_t n[STEME_WORK_NUMBERS] = {0};
	struct steme_why why = { "" };
	struct work *w = arg;
	unsigned type = w->r->type;
	struct steme_service *s = w->s;
	int err;

	err = type == STEME_MSG_VERIFY ? verify(w, n, &why) : rebuild(w, n, &why);
	/* Free for the next one before its asker can know. */
	set_busy(s, type, false);
	MUST(pthread_mutex_destroy(&w->mu));
	report(w, err, n, &why);
	free(w);
	return NULL;
}

static bool
start(struct work *w)
{
	pthread_attr_t a;
	pthread_t t;
	int e;

	MUST(pthread_attr_init(&a));
	MUST(pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED));
	e = pthread_create(&t, &a, work_thread, w);
	MUST(pthread_attr_destroy(&a));
	return e == 0;
}

void
steme_svc_work(struct steme_service *s, struct steme_request *r)
{
	unsigned type = r->type;
	bool flag = false, busy;
	struct work *w;

	if (type == STEME_MSG_REBUILD || (type == STEME_MSG_COMPACT && r->len == 0) ?
	    r->len != 0 :
	    steme_msg_get_flag(&flag, r->payload, r->len) != STEME_OK) {
		steme_svc_error(s, r, STEME_EPROTO, "malformed %s",
		    steme_msg_name(type));
		return;
	}
	MUST(pthread_mutex_lock(&s->mu));
	busy = s->busy[type];
	s->busy[type] = true;
	MUST(pthread_mutex_unlock(&s->mu));
	if (busy) {
		steme_svc_error(s, r, STEME_EBUSY, "%s is running already: wait until "
		    "it ends", steme_msg_name(type));
		return;
	}
	if ((w = calloc(1, sizeof(*w))) != NULL) {
		w->s = s;
		w->r = r;
		w->flag = flag;
		MUST(pthread_mutex_init(&w->mu, NULL));
		if (start(w))
			return;
		MUST(pthread_mutex_destroy(&w->mu));
		free(w);
	}
	set_busy(s, type, false);
	steme_svc_error(s, r, STEME_EAGAIN, "cannot start a thread");
}
