/* SPDX-License-Identifier: Apache-2.0 */
/* slowlog.c - requests that take long. */
#include "config.h"
#include "api/slowlog.h"
#include "core/metrics.h"
#include "core/path.h"
#include "core/timefmt.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX	512	/* of an encoded subject */

/* One that has ended. */
struct kept {
	char method[12], path[64], who[API_WHO_MAX + 1];
	char *about;		/* as in struct api_running; owned */
	int64_t start_us, took_us;
};

struct api_slowlog {
	int64_t threshold_us;
	pthread_mutex_t mu;	/* leaf; guards all below */
	struct api_running *first;
	struct kept kept[API_SLOW_KEPT];
	unsigned n, next;	/* in use; where the next goes */
};

struct api_slowlog *
api_slowlog_new(int64_t threshold_us)
{
	struct api_slowlog *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->threshold_us = threshold_us;
	pthread_mutex_init(&l->mu, NULL);
	return l;
}

void
api_slowlog_free(struct api_slowlog *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < l->n; i++)
		free(l->kept[i].about);
	pthread_mutex_destroy(&l->mu);
	free(l);
}

static char *
put_part(char *at, struct steme_str s)
{
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	/* it may be wrong, and is told all the same */
	steme_utf8_mend(at, s.n);
	at[s.n] = '\0';
	return at + s.n + 1;
}

bool
api_running_about(struct api_running *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str lens)
{
	char *text = malloc(concept.n + predicate.n + lens.n + 3);

	free(r->about);
	r->about = text;
	if (text == NULL)
		return false;
	put_part(put_part(put_part(text, concept), predicate), lens);
	return true;
}

void
api_slowlog_begin(struct api_slowlog *l, struct api_running *r)
{
	pthread_mutex_lock(&l->mu);
	r->prev = NULL;
	r->next = l->first;
	if (l->first != NULL)
		l->first->prev = r;
	l->first = r;
	r->listed = true;
	pthread_mutex_unlock(&l->mu);
}

/* NULL for NULL, or without memory: then it has no subject. */
static char *
copy_about(const char *about)
{
	size_t n = 0;
	char *copy;

	for (int i = 0; i < 3 && about != NULL; i++)
		n += strlen(about + n) + 1;
	if (n == 0 || (copy = malloc(n)) == NULL)
		return NULL;
	return memcpy(copy, about, n);
}

static void
keep_locked(struct api_slowlog *l, struct api_running *r, const char *who,
    int64_t took_us)
{
	struct kept *k = &l->kept[l->next];

	if (l->n == API_SLOW_KEPT)
		free(k->about);
	else
		l->n++;
	l->next = (l->next + 1) % API_SLOW_KEPT;
	snprintf(k->method, sizeof(k->method), "%s", r->method);
	snprintf(k->path, sizeof(k->path), "%s", r->path);
	snprintf(k->who, sizeof(k->who), "%s", who);
	k->start_us = r->start_us;
	k->took_us = took_us;
	k->about = copy_about(r->about);
}

void
api_slowlog_end(struct api_slowlog *l, struct api_running *r, const char *who,
    int64_t now_us)
{
	if (!r->listed)
		return;
	pthread_mutex_lock(&l->mu);
	r->listed = false;
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		l->first = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	if (now_us - r->start_us > l->threshold_us)
		keep_locked(l, r, who, now_us - r->start_us);
	pthread_mutex_unlock(&l->mu);
}

/* ---- writing ---- */

static void
add(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void
add_or_null(struct json_object *o, const char *key, const char *text)
{
	if (text[0] != '\0')
		add(o, key, text);
	else
		json_object_object_add(o, key, NULL);
}

static void
add_label(struct json_object *o, const char *key, const char *text, const char *none)
{
	char label[LABEL_MAX];

	if (text[0] == '\0')
		text = none;
	steme_label_encode(label, sizeof(label), text, strlen(text));
	add(o, key, label);
}

static struct json_object *
item(const char *about, const char *method, const char *path, const char *who,
    int64_t took_us, int64_t at_us, bool running)
{
	struct json_object *o = json_object_new_object();
	const char *concept = about == NULL ? "\0\0" : about;
	const char *predicate = concept + strlen(concept) + 1;
	char at[STEME_TIME_LEN + 1];

	add_or_null(o, "concept_path", concept);
	add_label(o, "subject", concept, path);
	add_label(o, "predicate", predicate, "*");
	add_or_null(o, "lens", predicate + strlen(predicate) + 1);
	json_object_object_add(o, "duration_ms",
	    json_object_new_int64((took_us + 500) / 1000));
	json_object_object_add(o, "running", json_object_new_boolean(running));
	steme_time_format(at, at_us);
	add(o, "at", at);
	add(o, "method", method);
	add(o, "path", path);
	add(o, "agent_id", who[0] == '\0' ? "-" : who);
	return o;
}

void
api_slowlog_write(struct api_slowlog *l, int64_t now_us, int64_t wall_us,
    struct steme_buf *b)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, "queries", list);
	pthread_mutex_lock(&l->mu);
	for (const struct api_running *r = l->first; r != NULL; r = r->next)
		if ((r->about != NULL && r->about[0] != '\0') ||
		    strcmp(r->method, "POST") == 0)
			json_object_array_add(list, item(r->about, r->method, r->path,
			    r->who, now_us - r->start_us,
			    wall_us - now_us + r->start_us, true));
	for (unsigned i = 0; i < l->n; i++) {
		const struct kept *k = &l->kept[(l->next + API_SLOW_KEPT - 1 - i) %
		    API_SLOW_KEPT];

		json_object_array_add(list, item(k->about, k->method, k->path, k->who,
		    k->took_us, wall_us - now_us + k->start_us, false));
	}
	pthread_mutex_unlock(&l->mu);
	steme_buf_puts(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
