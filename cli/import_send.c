/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_send.c - the second thread of steme import: signs loads, sends them as frames,
 * several in flight, and counts what the daemon answers.
 *
 * The daemon works on one frame while the next is signed here and the one after is
 * parsed by the main thread.  mu guards the lists; no lock is held while signing,
 * sending or complaining (complaints have a lock of their own, a leaf).
 */
#include "config.h"
#include "cli/import.h"
#include "cli/out.h"
#include "core/clock.h"
#include "core/merkle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The daemon says nothing for so long: it hangs. */
#define SILENCE_US	INT64_C(120000000)
/* While the next load may come, answers are waited for in steps of: */
#define STEP_MS		2
/* A cap of the node is used up: try again after so long. */
#define CAP_WAIT_US	INT64_C(250000)

struct flight {
	uint64_t req;
	struct load *load;		/* NULL: free */
};

struct sender {
	struct import_opts o;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t more, room;
	struct load *queue, **tail;	/* (mu) filled, in order */
	unsigned queued;		/* (mu) */
	struct load *spare;		/* (mu) */
	unsigned loads;			/* (mu) made so far */
	bool end;			/* (mu) nothing more will be given */
	_Atomic int err;		/* first fatal error; ... */
	struct steme_why why;		/* ... written before it, by the thread */
	pthread_mutex_t say_mu;		/* leaf: complaints */
	uint64_t said;			/* (say_mu) */
	/* of the thread alone */
	int64_t heard_us;		/* monotonic: of the last answer */
	struct flight flight[FLIGHTS];
	unsigned inflight;
	struct load *held;		/* refused by a cap: to be sent again */
	int64_t again_us;		/* monotonic: not before it */
	bool told_cap;
	struct steme_buf frame, object;
	struct steme_id *sorted;
};

/* ---- complaints ---- */

static void
say(struct sender *s, const char *file, uint64_t line, const char *text)
{
	struct steme_buf b = { 0 };

	pthread_mutex_lock(&s->say_mu);
	s->said++;
	if (s->said <= s->o.max_errors) {
		if (s->o.c->json) {
			steme_buf_puts(&b, "{\"file\":");
			out_json_str(&b, steme_str_from(file));
			steme_buf_printf(&b, ",\"line\":%llu,\"error\":",
			    (unsigned long long)line);
			out_json_str(&b, steme_str_from(text));
			steme_buf_puts(&b, "}\n");
		} else {
			out_clean(&b, steme_str_from(file));
			steme_buf_printf(&b, ":%llu: ", (unsigned long long)line);
			out_clean(&b, steme_str_from(text));
			steme_buf_putc(&b, '\n');
		}
		if (steme_buf_err(&b) == STEME_OK)
			fprintf(stderr, "%s%.*s", s->o.c->err_tty ? "\r\033[K" : "",
			    (int)b.len, (char *)b.data);
	} else if (s->said == s->o.max_errors + 1) {
		cli_note(s->o.c, "more lines are refused; they are counted, but no "
		    "longer named (--max-errors N)");
	}
	steme_buf_fini(&b);
	pthread_mutex_unlock(&s->say_mu);
}

void
sender_refuse(struct sender *s, const char *file, uint64_t line, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->o.counts->refused++;
	say(s, file, line, text);
}

bool
sender_failed(struct sender *s)
{
	return s->err != STEME_OK;
}

static void
fail(struct sender *s, int err, const struct steme_why *why)
{
	if (s->err != STEME_OK)
		return;
	if (why != NULL && why->text[0] != '\0')
		s->why = *why;
	else if (err == STEME_ECONN || err == STEME_ETIMEOUT)
		steme_fail(&s->why, err, "the daemon at %s %s; what is wrong says: "
		    "steme status --dir %s", s->o.c->in.socket, err == STEME_ECONN ?
		    "went away" : "does not answer", s->o.c->in.dir);
	else
		steme_fail(&s->why, err, "%s", steme_strerror(err));
	s->err = err;
	pthread_mutex_lock(&s->mu);
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->mu);
}

/* ---- loads ---- */

struct load *
sender_take(struct sender *s, struct agent *agent, const char *file)
{
	struct load *l = NULL;

	pthread_mutex_lock(&s->mu);
	while (s->spare == NULL && s->queued >= QUEUE_MAX && s->err == STEME_OK)
		pthread_cond_wait(&s->room, &s->mu);
	if (s->err == STEME_OK && (l = s->spare) != NULL)
		s->spare = l->next;
	pthread_mutex_unlock(&s->mu);
	if (l == NULL && s->err == STEME_OK &&
	    (l = calloc(1, sizeof(*l))) == NULL)
		fail(s, STEME_ENOMEM, NULL);
	if (l == NULL)
		return NULL;
	l->agent = agent;
	l->file = file;
	l->n = l->dups = 0;
	l->time_us = 0;
	steme_buf_clear(&l->members);
	if (agent != NULL)
		memset(l->slot, 0, sizeof(l->slot));
	return l;
}

static void
put_back(struct sender *s, struct load *l)
{
	pthread_mutex_lock(&s->mu);
	l->next = s->spare;
	s->spare = l;
	pthread_cond_signal(&s->room);
	pthread_mutex_unlock(&s->mu);
}

void
sender_give(struct sender *s, struct load *l)
{
	l->next = NULL;
	pthread_mutex_lock(&s->mu);
	while (s->queued >= QUEUE_MAX && s->err == STEME_OK)
		pthread_cond_wait(&s->room, &s->mu);
	*s->tail = l;
	s->tail = &l->next;
	s->queued++;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->mu);
}

/* The next filled load; NULL: none is there (wait: none will ever be). */
static struct load *
next_load(struct sender *s, bool wait)
{
	struct load *l;

	pthread_mutex_lock(&s->mu);
	while (wait && s->queue == NULL && !s->end)
		pthread_cond_wait(&s->more, &s->mu);
	if ((l = s->queue) != NULL) {
		if ((s->queue = l->next) == NULL)
			s->tail = &s->queue;
		s->queued--;
		pthread_cond_broadcast(&s->room);
	}
	pthread_mutex_unlock(&s->mu);
	return l;
}

/* ---- frames ---- */

static int
id_order(const void *a, const void *b)
{
	return memcmp(a, b, STEME_ID_LEN);
}

static int
frame_batch(struct sender *s, struct load *l)
{
	struct steme_object o = { .kind = STEME_BATCH,
	    .class_ = STEME_CLASS_NONE, .count = l->n, .time_us = l->time_us,
	    .agent = l->agent->key.agent, .value = STEME_LIT("") };
	struct steme_sig sig;
	int err;

	memcpy(s->sorted, l->ids, l->n * sizeof(*l->ids));
	qsort(s->sorted, l->n, sizeof(*l->ids), id_order);
	if ((err = steme_merkle_root(s->sorted, l->n, &o.root)) != STEME_OK)
		return err;
	steme_buf_clear(&s->object);
	if ((err = steme_object_write(&o, &s->object, &s->why)) != STEME_OK)
		return err;
	steme_sign(&sig, &l->agent->key, s->object.data, s->object.len);
	steme_msg_put_batch(&s->frame, (struct steme_str){
	    (char *)s->object.data, s->object.len }, &sig, s->sorted, l->n, l->n);
	steme_buf_put(&s->frame, l->members.data, l->members.len);
	return steme_buf_err(&s->frame);
}

static int
frame_singles(struct sender *s, struct load *l)
{
	struct steme_rd r = steme_rd_from(l->members.data, l->members.len);
	struct steme_str bytes;
	size_t n;

	steme_msg_put_puts(&s->frame, l->n);
	for (uint32_t i = 0; i < l->n; i++) {
		bytes.p = (const char *)steme_rd_bytes(&r, 4, &n);
		bytes.n = n;
		if (l->need_sig[i])
			steme_sign(&l->sig[i], &l->by[i]->key, bytes.p, bytes.n);
		steme_msg_put_item(&s->frame, bytes, &l->sig[i]);
	}
	return steme_buf_err(&s->frame);
}

/* ---- answers ---- */

struct tally {
	struct sender *s;
	struct load *l;
};

static void
count_one(struct tally *t, uint32_t i, const struct steme_msg_put_result *r)
{
	struct import_counts *k = t->s->o.counts;

	if (r->err == STEME_OK && r->status == 1)
		k->created++;
	else if (r->err == STEME_OK)
		k->exists++;
	else
		sender_refuse(t->s, t->l->file, t->l->line[i], "%.*s",
		    STEME_STR(r->why));
}

static int
on_result(void *arg, size_t index, const struct steme_msg_put_result *r)
{
	struct tally *t = arg;
	struct load *l = t->l;

	if (l->agent == NULL) {
		if (index >= l->n)
			return STEME_EPROTO;
		count_one(t, (uint32_t)index, r);
		return STEME_OK;
	}
	if (index > l->n)
		return STEME_EPROTO;
	if (index > 0) {
		count_one(t, (uint32_t)index - 1, r);
	} else if (r->err != STEME_OK) {
		/* refused as a whole: one complaint, not one a member */
		t->s->o.counts->refused += l->n + l->dups;
		pthread_mutex_lock(&t->s->say_mu);
		cli_note(t->s->o.c, "%s: lines %llu to %llu: the batch of %u claims "
		    "is refused: %.*s", l->file, (unsigned long long)l->line[0],
		    (unsigned long long)l->line[l->n - 1], l->n,
		    STEME_STR(r->why));
		pthread_mutex_unlock(&t->s->say_mu);
		return 1;
	} else {
		t->s->o.counts->exists += l->dups;
	}
	return STEME_OK;
}

/* The node's cap is used up, or its queue was too long: the load waits, and all behind it. */
static void
hold(struct sender *s, struct flight *f, const char *why)
{
	if (!s->told_cap)
		cli_note(s->o.c, "waiting as often as needed: %s", why);
	s->told_cap = true;
	f->load->next = s->held;
	s->held = f->load;
	f->load = NULL;
	s->inflight--;
	s->again_us = s->heard_us + CAP_WAIT_US;
}

/* Takes one answer in, if one comes within timeout_ms. */
static void
land(struct sender *s, int timeout_ms)
{
	int64_t now;
	struct steme_answer a;
	struct tally t = { s, NULL };
	struct flight *f = NULL;
	int err;

	err = steme_client_next(s->o.c->client, timeout_ms, &a);
	now = steme_mono_us(&steme_clock_system);
	if (err == STEME_ETIMEOUT && now - s->heard_us < SILENCE_US)
		return;
	if (err != STEME_OK) {
		fail(s, err, NULL);
		return;
	}
	s->heard_us = now;
	for (unsigned i = 0; i < FLIGHTS; i++)
		if (s->flight[i].load != NULL && s->flight[i].req == a.req)
			f = &s->flight[i];
	if (f == NULL)
		return;
	/* of a write, the daemon's ETIMEOUT says that nothing was stored */
	if (a.err == STEME_ELIMIT || a.err == STEME_ETIMEOUT) {
		hold(s, f, a.why.text);
		return;
	}
	if (a.err != STEME_OK) {
		fail(s, a.err, &a.why);
		return;
	}
	t.l = f->load;
	if ((err = steme_client_results(a.data, a.len, on_result, &t)) < 0)
		fail(s, err, NULL);
	if (a.more)
		return;
	put_back(s, f->load);
	f->load = NULL;
	s->inflight--;
}

static void
launch(struct sender *s, struct load *l)
{
	struct flight *f = NULL;
	int err;

	steme_buf_clear(&s->frame);
	err = l->agent != NULL ? frame_batch(s, l) : frame_singles(s, l);
	if (err == STEME_OK && s->o.dry) {
		s->o.counts->created += l->n;
		s->o.counts->exists += l->dups;
		put_back(s, l);
		return;
	}
	while (err == STEME_OK && s->inflight == FLIGHTS && s->err == STEME_OK)
		land(s, 1000);
	for (unsigned i = 0; i < FLIGHTS; i++)
		if (s->flight[i].load == NULL)
			f = &s->flight[i];
	if (err == STEME_OK && s->err == STEME_OK && f != NULL) {
		err = steme_client_submit(s->o.c->client, l->agent != NULL ?
		    STEME_MSG_BATCH : STEME_MSG_PUT, s->frame.data, s->frame.len,
		    &f->req);
		if (err == STEME_OK)
			err = steme_client_flush(s->o.c->client);
	}
	if (err != STEME_OK)
		fail(s, err, NULL);
	if (s->err != STEME_OK || f == NULL) {
		put_back(s, l);
		return;
	}
	if (s->inflight++ == 0)
		s->heard_us = steme_mono_us(&steme_clock_system);
	f->load = l;
}

/* The load to send again, once it is time; meanwhile answers are taken in. */
static struct load *
held_load(struct sender *s)
{
	const struct timespec step = { 0, 10000000 };
	struct load *l;

	while (s->err == STEME_OK &&
	    steme_mono_us(&steme_clock_system) < s->again_us) {
		if (s->inflight > 0)
			land(s, 10);
		else
			nanosleep(&step, NULL);
	}
	l = s->held;			/* what came meanwhile, perhaps: any will do */
	s->held = l->next;
	return l;
}

static void *
run(void *arg)
{
	struct sender *s = arg;
	struct load *l;

	for (;;) {
		l = s->held != NULL ? held_load(s) : next_load(s, s->inflight == 0);
		if (l == NULL && s->inflight == 0)
			break;
		if (s->err != STEME_OK) {
			if (l == NULL)
				break;
			put_back(s, l);
			continue;
		}
		if (l != NULL)
			launch(s, l);
		else
			land(s, STEP_MS);
	}
	return NULL;
}

/* ---- life ---- */

int
sender_new(struct sender **out, const struct import_opts *o)
{
	struct sender *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (s == NULL || (s->sorted = calloc(STEME_BATCH_MAX,
	    sizeof(*s->sorted))) == NULL) {
		free(s);
		return STEME_ENOMEM;
	}
	s->o = *o;
	s->tail = &s->queue;
	MUST(pthread_mutex_init(&s->mu, NULL));
	MUST(pthread_mutex_init(&s->say_mu, NULL));
	MUST(pthread_cond_init(&s->more, NULL));
	MUST(pthread_cond_init(&s->room, NULL));
	if (pthread_create(&s->thread, NULL, run, s) != 0) {
		free(s->sorted);
		free(s);
		return STEME_EAGAIN;
	}
	*out = s;
	return STEME_OK;
}

static void
free_loads(struct load *l)
{
	struct load *next;

	for (; l != NULL; l = next) {
		next = l->next;
		steme_buf_fini(&l->members);
		free(l);
	}
}

int
sender_finish(struct sender *s, struct steme_why *why)
{
	int err;

	pthread_mutex_lock(&s->mu);
	s->end = true;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->mu);
	pthread_join(s->thread, NULL);
	if ((err = s->err) != STEME_OK)
		*why = s->why;
	free_loads(s->queue);
	free_loads(s->spare);
	free_loads(s->held);
	for (unsigned i = 0; i < FLIGHTS; i++)
		if (s->flight[i].load != NULL) {
			s->flight[i].load->next = NULL;
			free_loads(s->flight[i].load);
		}
	steme_buf_fini(&s->frame);
	steme_buf_fini(&s->object);
	free(s->sorted);
	free(s);
	return err;
}
