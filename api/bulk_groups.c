/* SPDX-License-Identifier: Apache-2.0 */
/* bulk_groups.c - groups of lines on their way to the daemon, and their results. */
#include "config.h"
#include "api/bulk.h"
#include "api/guard.h"
#include "core/path.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP_BYTES	(768 << 10)	/* below a frame */
#define MEMORY_MAX	(1 << 20)	/* of results; then a file */
#define SPOOL_MAX	(UINT64_C(1) << 30)	/* of that file: ten million lines */
#define SPOOL_ALL	(2 * SPOOL_MAX)		/* of all such files: it is the store's disk */

static void
group_free(struct group *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		free(g->lines[i].refusal);
		free(g->lines[i].agent);
	}
	steme_buf_fini(&g->payload);
	steme_buf_fini(&g->answer);
	free(g);
}

/* The file of results goes, and its room is free; a response that has it closes it itself. */
static void
drop_spool(struct bulk *k)
{
	if (k->spool >= 0)
		close(k->spool);
	k->spool = -1;
	atomic_fetch_sub(&k->api->spooled, k->spooled);
	k->spooled = 0;
}

static void
destroy(struct bulk *k)
{
	struct group *g, *next;

	for (g = k->first; g != NULL; g = next) {
		next = g->next;
		group_free(g);
	}
	if (k->gzip)
		inflateEnd(&k->z);
	drop_spool(k);
	if (k->counted)
		atomic_fetch_sub(&k->api->bulk_uploads, 1);
	steme_buf_fini(&k->line);
	steme_buf_fini(&k->out);
	pthread_mutex_destroy(&k->mu);
	free(k);
}

void
api_bulk_free(void *p)
{
	struct bulk *k = p;
	bool last;

	pthread_mutex_lock(&k->mu);
	k->gone = true;
	last = k->inflight == 0;
	pthread_mutex_unlock(&k->mu);
	if (last)
		destroy(k);
}

void
api_bulk_fail(struct bulk *k, unsigned status, const char *kind, const char *why)
{
	if (k->failed != 0)
		return;
	k->failed = status;
	k->failed_kind = kind;
	k->failed_why = why;
}

void
api_bulk_no_memory(struct bulk *k)
{
	api_bulk_fail(k, 503, "busy", "out of memory: some lines may be stored; send them again, "
	    "what is there already answers `exists`");
}

/* ---- results ---- */

static char *
refusal(int err, const char *why)
{
	struct json_object *o = json_object_new_object();
	char text[512], *s;

	snprintf(text, sizeof(text), "%s", why);
	steme_utf8_mend(text, strlen(text));
	json_object_object_add(o, "error", json_object_new_string(text));
	json_object_object_add(o, "type",
	    json_object_new_string(api_kind_of(err)));
	s = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return s;
}

static void
put_result(struct bulk *k, const struct line *line,
    const struct steme_msg_put_result *m)
{
	char id[STEME_ID_HEX + 1], why[512], *s;

	if (m->err == STEME_OK) {
		if (k->counts)
			api_guard_line_stored(k->r, line->agent, m->status == 1);
		steme_id_hex(id, &m->id);
		steme_buf_printf(&k->out, "{\"id\":\"%s\",\"status\":\"%s\"}\n", id,
		    m->status == 1 ? "created" : "exists");
		return;
	}
	snprintf(why, sizeof(why), "%.*s", STEME_STR(m->why));
	api_guard_line_failed(k->r, m->err, why);
	if (k->counts)
		api_guard_line_unspent(k->r, line->agent);
	s = refusal(m->err, why[0] != '\0' ? why : steme_strerror(m->err));
	steme_buf_puts(&k->out, s == NULL ? "{\"error\":\"no memory\"}" : s);
	steme_buf_putc(&k->out, '\n');
	free(s);
}

static void
spool_group(struct bulk *k, struct group *g)
{
	struct steme_rd rd = steme_rd_from(g->answer.data, g->answer.len);
	struct steme_msg_put_result m;

	for (unsigned i = 0; i < g->n; i++) {
		if (g->lines[i].refusal != NULL) {
			steme_buf_puts(&k->out, g->lines[i].refusal);
			steme_buf_putc(&k->out, '\n');
			continue;
		}
		memset(&m, 0, sizeof(m));
		if (g->err != STEME_OK ||
		    steme_msg_next_result(&rd, &m) != STEME_OK) {
			m.err = g->err != STEME_OK ? g->err : STEME_EPROTO;
			m.why = steme_str_from(g->why);
		}
		put_result(k, &g->lines[i], &m);
	}
}

/* A file without a name; not every file system has O_TMPFILE. */
static int
open_spool(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	if (snprintf(path, sizeof(path), "%s/results.XXXXXX", dir) >= PATH_MAX)
		return -1;
	if ((fd = mkostemp(path, O_CLOEXEC)) >= 0)
		unlink(path);
	return fd;
}

void
api_bulk_spool(struct bulk *k)
{
	uint64_t all = 0;

	if (k->spool < 0)
		k->spool = open_spool(k->r->api->in.run);
	if (steme_buf_err(&k->out) != STEME_OK)
		api_bulk_no_memory(k);
	for (size_t off = 0; off < k->out.len && k->failed == 0; ) {
		ssize_t n = write(k->spool, k->out.data + off, k->out.len - off);

		if (n <= 0) {
			api_bulk_fail(k, 503, "disk-full", "no room to keep the results: some "
			    "lines may be stored; send them again, what is there "
			    "already answers `exists`");
			break;
		}
		off += (size_t)n;
		k->spooled += (uint64_t)n;
		all = atomic_fetch_add(&k->api->spooled, (uint64_t)n) + (uint64_t)n;
	}
	steme_buf_clear(&k->out);
	if (k->spooled > SPOOL_MAX)
		api_bulk_fail(k, 413, "too-large", "the results are over 1 GiB: send the lines "
		    "in several requests; what is stored already answers `exists`");
	else if (all > SPOOL_ALL)
		api_bulk_fail(k, 503, "busy", "the results of all uploads under way are over "
		    "2 GiB: some lines may be stored; send them again later, what is "
		    "there already answers `exists`");
	if (k->failed != 0)
		drop_spool(k);
}

static void
spool_out(struct bulk *k)
{
	if (k->out.len >= MEMORY_MAX && k->failed == 0)
		api_bulk_spool(k);
}

void
api_bulk_collect(struct bulk *k)
{
	struct group *g;
	bool done;

	for (;;) {
		pthread_mutex_lock(&k->mu);
		g = k->first;
		done = g != NULL && g->done;
		pthread_mutex_unlock(&k->mu);
		if (!done)
			return;
		spool_group(k, g);
		spool_out(k);
		k->first = g->next;
		k->kept--;
		if (k->last == g)
			k->last = NULL;
		group_free(g);
	}
}

/* ---- sending ---- */

static void
on_group(void *arg, const struct steme_reply *rep)
{
	struct group *g = arg;
	struct bulk *k = g->bulk;
	bool wake, last;

	g->err = rep->err;
	api_guard_store(k->guard, false, rep->err, false);
	if (rep->err == STEME_OK) {
		steme_buf_put(&g->answer, rep->data, rep->len);
		g->err = steme_buf_err(&g->answer);
	} else {
		snprintf(g->why, sizeof(g->why), "%s", rep->why);
	}
	pthread_mutex_lock(&k->mu);
	g->done = true;
	k->inflight--;
	wake = k->waiting && k->inflight <= k->wake_at;
	if (wake)
		k->waiting = false;
	last = k->gone && k->inflight == 0;
	pthread_mutex_unlock(&k->mu);
	if (last)
		destroy(k);
	else if (wake)
		api_wake(k->r);
}

static void
fail_group(struct bulk *k, struct group *g, int err)
{
	g->err = err;
	snprintf(g->why, sizeof(g->why), "%s", api_why_of(err));
	pthread_mutex_lock(&k->mu);
	g->done = true;
	k->inflight--;
	pthread_mutex_unlock(&k->mu);
}

void
api_bulk_send(struct bulk *k)
{
	struct steme_buf b = { 0 };
	struct group *g = k->open;
	int err = STEME_OK;

	k->open = NULL;
	if (g == NULL)
		return;
	pthread_mutex_lock(&k->mu);
	if (g->asked == 0)
		g->done = true;
	else
		k->inflight++;
	pthread_mutex_unlock(&k->mu);
	if (g->asked == 0)
		return;
	if (g->type == STEME_MSG_PUT)
		steme_msg_put_puts(&b, g->asked);
	else
		api_put_assert(&b, &k->signer, 0, g->asked);
	steme_buf_put(&b, g->payload.data, g->payload.len);
	steme_buf_fini(&g->payload);
	if ((err = steme_buf_err(&b)) == STEME_OK)
		err = steme_aclient_submit(k->r->api->client, g->type, b.data,
		    b.len, 0, api_deadline_ms(k->r->api), on_group, g, NULL);
	if (err != STEME_OK)
		fail_group(k, g, err);
	steme_buf_fini(&b);
}

static struct group *
group_for(struct bulk *k, enum steme_msg type, size_t bytes)
{
	struct group *g = k->open;

	if (g != NULL && (g->n == GROUP_LINES ||
	    (bytes > 0 && g->payload.len + bytes > GROUP_BYTES) ||
	    (type != 0 && g->type != 0 && g->type != type)))
		api_bulk_send(k);
	if (k->open == NULL) {
		if ((g = calloc(1, sizeof(*g))) == NULL)
			return NULL;
		g->bulk = k;
		pthread_mutex_lock(&k->mu);
		if (k->last != NULL)
			k->last->next = g;
		if (k->first == NULL)
			k->first = g;
		k->last = g;
		pthread_mutex_unlock(&k->mu);
		k->open = g;
		k->kept++;
	}
	if (type != 0)
		k->open->type = type;
	return k->open;
}

void
api_bulk_refuse(struct bulk *k, int err, const char *why)
{
	struct group *g = group_for(k, 0, 0);
	char *text = g == NULL ? NULL : refusal(err, why);

	api_guard_line_failed(k->r, err, why);

	if (text != NULL) {
		g->lines[g->n].agent = NULL;
		g->lines[g->n++].refusal = text;
	} else {
		api_bulk_no_memory(k);
	}
}

void
api_bulk_add(struct bulk *k, enum steme_msg type, const struct steme_claim *c,
    const char *json, size_t n)
{
	size_t bytes = (type == STEME_MSG_PUT ? c->bytes.len : n) + 80;
	struct group *g = group_for(k, type, bytes);

	if (g == NULL) {
		api_bulk_no_memory(k);
		return;
	}
	if (type == STEME_MSG_PUT)
		steme_msg_put_item(&g->payload, (struct steme_str){
		    (const char *)c->bytes.data, c->bytes.len }, &c->sig);
	else
		steme_wr_bytes(&g->payload, 4, json, n);
	g->lines[g->n].refusal = NULL;
	g->lines[g->n].agent = NULL;
	if (k->counts && type == STEME_MSG_PUT &&
	    (g->lines[g->n].agent = malloc(sizeof(struct steme_id))) != NULL)
		*g->lines[g->n].agent = c->o.agent;
	g->n++;
	g->asked++;
}
