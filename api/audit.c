/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - the trail of requests. */
#include "config.h"
#include "api/audit.h"
#include "core/log.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX	(16 << 20)
#define FILES		4
#define CHEAP_PER_SEC	200	/* queries, and what nobody known was refused */
#define RETRY_US	INT64_C(60000000)
#define REQUEST_MAX	224
#define COPY_AT_ONCE	16u	/* entries told of under one hold of the lock */
#define LOOK_AT_ONCE	1024u	/* of which at most so many are looked at */

struct kept {
	uint64_t number;		/* 0: free */
	int64_t at_us, took_us, uid;
	uint16_t status;
	uint8_t kind;
	char method[12], path[48], address[48], who[72];
	char request[REQUEST_MAX];
};

struct api_audit {
	char path[PATH_MAX];		/* "": no file */
	pthread_mutex_t mu;		/* leaf; guards all below */
	struct kept *ring;
	unsigned n;
	uint64_t last;			/* number of the newest */
	int fd;
	int64_t retry_us, second;
	off_t size;
	unsigned cheap, left_out;	/* in that second */
};

static const char *const kinds[] = { "query", "write", "admin" };

bool
api_audit_kind_parse(enum api_audit_kind *kind, const char *name)
{
	for (size_t i = 0; i < STEME_NELEM(kinds); i++)
		if (strcmp(kinds[i], name) == 0) {
			*kind = (enum api_audit_kind)i;
			return true;
		}
	return false;
}

struct api_audit *
api_audit_new(unsigned entries, const char *path)
{
	struct api_audit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->fd = -1;
	a->n = entries;
	pthread_mutex_init(&a->mu, NULL);
	if (path != NULL)
		snprintf(a->path, sizeof(a->path), "%s", path);
	if (entries > 0 && (a->ring = calloc(entries, sizeof(*a->ring))) == NULL) {
		api_audit_free(a);
		return NULL;
	}
	return a;
}

void
api_audit_free(struct api_audit *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	pthread_mutex_destroy(&a->mu);
	free(a->ring);
	free(a);
}

/* ---- what is kept of a request ---- */

static bool
says(const char *s, size_t n, const char *word)
{
	size_t k = strlen(word);

	/* the first letter alone, in either case, before a call */
	for (size_t i = 0; i + k <= n; i++)
		if ((s[i] | 0x20) == word[0] && strncasecmp(s + i, word, k) == 0)
			return true;
	return false;
}

/* May this be a secret, by what it is called? */
static bool
seems_secret(const char *s, size_t n)
{
	static const char *const words[] = {
		"key", "token", "secret", "passw", "auth", "signature", "bearer"
	};

	for (size_t i = 0; i < STEME_NELEM(words); i++)
		if (says(s, n, words[i]))
			return true;
	return false;
}

/* Copies a URI; values of parameters with a suspicious name become "...". */
static size_t
put_uri(char *out, size_t room, struct steme_str uri)
{
	const char *p = uri.p, *end = p + uri.n;
	const char *q = uri.n == 0 ? NULL : memchr(p, '?', uri.n);
	size_t o = STEME_MIN(q == NULL ? uri.n : (size_t)(q - p) + 1, room);

	memcpy(out, p, o);
	for (p = q == NULL ? end : q + 1; p < end && o < room; ) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		const char *stop = amp == NULL ? end : amp + 1;
		const char *eq = memchr(p, '=', (size_t)(stop - p));
		size_t n = (size_t)(stop - p);

		if (eq != NULL && seems_secret(p, (size_t)(eq - p))) {
			n = STEME_MIN((size_t)(eq - p) + 1, room - o);
			memcpy(out + o, p, n);
			o += n;
			n = STEME_MIN(amp == NULL ? 3u : 4u, room - o);
			memcpy(out + o, "...&", n);
		} else {
			n = STEME_MIN(n, room - o);
			memcpy(out + o, p, n);
		}
		o += n;
		p = stop;
	}
	return o;
}

static void
put_request(char out[REQUEST_MAX], const struct api_audit_entry *e)
{
	const size_t room = REQUEST_MAX - 1;
	size_t o = put_uri(out, room, e->request), n;

	if (e->about.n > 0 && o + 2 < room) {
		out[o++] = ' ';
		n = STEME_MIN(e->about.n, room - o);
		memcpy(out + o, e->about.p, n);
		o += n;
	}
	if (e->body.n > 0 && o + 2 < room) {
		out[o++] = ' ';
		if (seems_secret(e->body.p, e->body.n)) {
			n = STEME_MIN(sizeof("(body not kept)") - 1, room - o);
			memcpy(out + o, "(body not kept)", n);
		} else {
			n = STEME_MIN(e->body.n, room - o);
			memcpy(out + o, e->body.p, n);
		}
		o += n;
	}
	out[o] = '\0';
	/* a character that was cut, bytes that are none */
	steme_utf8_mend(out, o);
}

static void
copy(char *out, size_t room, const char *s)
{
	size_t n = strnlen(s, room - 1);

	memcpy(out, s, n);
	out[n] = '\0';
}

static void
fill(struct kept *k, const struct api_audit_entry *e, uint64_t number)
{
	k->number = number;
	k->at_us = e->at_us;
	k->took_us = e->took_us;
	k->uid = e->uid;
	k->status = (uint16_t)e->status;
	k->kind = (uint8_t)e->kind;
	copy(k->method, sizeof(k->method), e->method);
	copy(k->path, sizeof(k->path), e->path);
	copy(k->address, sizeof(k->address), e->address);
	copy(k->who, sizeof(k->who), e->who);
	put_request(k->request, e);
}

static void
add(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, text[0] == '\0' ? NULL :
	    json_object_new_string(text));
}

static struct json_object *
to_json(const struct kept *k)
{
	struct json_object *o = json_object_new_object();
	char at[STEME_TIME_LEN + 1];

	steme_time_format(at, k->at_us);
	add(o, "at", at);
	add(o, "kind", kinds[k->kind]);
	add(o, "method", k->method);
	add(o, "path", k->path);
	json_object_object_add(o, "status", json_object_new_int(k->status));
	json_object_object_add(o, "duration_ms",
	    json_object_new_int64((k->took_us + 500) / 1000));
	add(o, "address", k->address);
	add(o, "agent_id", k->who);
	json_object_object_add(o, "uid", k->uid < 0 ? NULL :
	    json_object_new_int64(k->uid));
	add(o, "request", k->request);
	return o;
}

/* ---- the file ---- */

static void
open_file_locked(struct api_audit *a, int64_t now_us)
{
	struct stat st;

	if (a->fd >= 0 || a->path[0] == '\0' || now_us < a->retry_us)
		return;
	a->retry_us = now_us + RETRY_US;
	a->fd = open(a->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (a->fd < 0)
		steme_log(STEME_WARN, "the audit trail cannot be written to %s: %s; it "
		    "goes on in memory", a->path, strerror(errno));
	a->size = a->fd >= 0 && fstat(a->fd, &st) == 0 ? st.st_size : 0;
}

static void
rotate_locked(struct api_audit *a, int64_t now_us)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];

	if (a->size < FILE_MAX)
		return;
	for (int i = FILES; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%d", a->path, i);
		if (i == 1)
			snprintf(from, sizeof(from), "%s", a->path);
		else
			snprintf(from, sizeof(from), "%s.%d", a->path, i - 1);
		/* the first times some are not there yet */
		if (rename(from, to) < 0 && errno != ENOENT)
			steme_log(STEME_WARN, "cannot rename %s: %s", from,
			    strerror(errno));
	}
	close(a->fd);
	a->fd = -1;
	a->retry_us = 0;
	open_file_locked(a, now_us);
}

static void
put_line_locked(struct api_audit *a, const char *line)
{
	struct steme_buf b = { 0 };
	ssize_t n;

	steme_buf_puts(&b, line);
	steme_buf_putc(&b, '\n');
	/* a full disk must not stop requests: memory has it */
	if (steme_buf_err(&b) == STEME_OK && a->fd >= 0 &&
	    (n = write(a->fd, b.data, b.len)) > 0)
		a->size += n;
	steme_buf_fini(&b);
}

/* What anybody can do without end: such lines must not push the others out of the files. */
static bool
is_cheap(const struct kept *k)
{
	return k->kind == API_AUDIT_QUERY ||
	    (k->status >= 400 && k->who[0] == '\0' && k->uid < 0);
}

/* May a line be written in this second? */
static bool
may_write_locked(struct api_audit *a, const struct kept *k)
{
	char line[64];

	if (a->second != k->at_us / 1000000) {
		if (a->left_out > 0) {
			snprintf(line, sizeof(line), "{\"left_out\":%u}", a->left_out);
			put_line_locked(a, line);
		}
		a->second = k->at_us / 1000000;
		a->cheap = a->left_out = 0;
	}
	if (!is_cheap(k) || a->cheap++ < CHEAP_PER_SEC)
		return true;
	a->left_out++;
	return false;
}

static void
to_file_locked(struct api_audit *a, const struct kept *k)
{
	struct json_object *o;

	open_file_locked(a, k->at_us);
	if (a->fd < 0 || !may_write_locked(a, k))
		return;
	rotate_locked(a, k->at_us);
	o = to_json(k);
	put_line_locked(a, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void
api_audit_add(struct api_audit *a, const struct api_audit_entry *e)
{
	struct kept k;

	fill(&k, e, 0);
	pthread_mutex_lock(&a->mu);
	k.number = ++a->last;
	if (a->n > 0)
		a->ring[a->last % a->n] = k;
	to_file_locked(a, &k);
	pthread_mutex_unlock(&a->mu);
}

/* ---- asking ---- */

static bool
fits(const struct kept *k, const struct api_audit_filter *f)
{
	return (f->who == NULL || strcmp(f->who, k->who) == 0) &&
	    (f->path == NULL || strcmp(f->path, k->path) == 0) &&
	    (f->kind < 0 || f->kind == k->kind);
}

/*
 * Copies up to most entries that fit, from number *at downwards; *at moves on.  Only a short
 * part of the ring is looked through at a time: requests wait for the lock.  False: the end.
 */
static bool
copy_some(struct api_audit *a, const struct api_audit_filter *f, uint64_t *at,
    struct kept *out, unsigned most, unsigned *n)
{
	uint64_t low, stop;

	*n = 0;
	pthread_mutex_lock(&a->mu);
	low = a->last > a->n ? a->last - a->n : 0;
	*at = STEME_MIN(*at, a->last);
	stop = *at > low + LOOK_AT_ONCE ? *at - LOOK_AT_ONCE : low;
	for (; *at > stop && *n < most; --*at)
		if (fits(&a->ring[*at % a->n], f))
			out[(*n)++] = a->ring[*at % a->n];
	pthread_mutex_unlock(&a->mu);
	return *at > low;
}

void
api_audit_write(struct api_audit *a, const struct api_audit_filter *f,
    struct steme_buf *b)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	uint64_t at = f->before == 0 ? UINT64_MAX : f->before - 1;
	struct kept some[COPY_AT_ONCE];
	unsigned n = 0, got;
	char cursor[32];
	bool more = true;

	while (more && n < f->limit) {
		more = copy_some(a, f, &at, some, STEME_MIN(COPY_AT_ONCE, f->limit - n),
		    &got);
		for (unsigned i = 0; i < got; i++)
			json_object_array_add(list, to_json(&some[i]));
		n += got;
	}
	snprintf(cursor, sizeof(cursor), "%" PRIu64, at + 1);
	json_object_object_add(o, "entries", list);
	json_object_object_add(o, "next_cursor", more ?
	    json_object_new_string(cursor) : NULL);
	steme_buf_puts(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
