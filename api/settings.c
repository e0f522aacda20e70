/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - loading the copy: three prefix queries in a row, page by page, by the
 * client's thread; then it takes the old one's place and those who waited go on.
 */
#include "config.h"
#include "api/settings.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		10000		/* items asked for at once */
#define ENTRIES_MAX	100000		/* of a part: then the rest is passed over */
#define LOAD_MS		10000

enum part { KEYS, LIMITS, TRIPS, NPARTS };

static const struct {
	const char *prefix, *predicate;
} parts[NPARTS] = {
	[KEYS] = { STEME_APIKEY_CONCEPT, STEME_APIKEY_PREDICATE },
	[LIMITS] = { "_steme/limits/agents", "max_requests_per_min" },
	[TRIPS] = { "_steme/breakers", "tripped" }
};

struct copy {
	struct steme_apikey *keys;
	struct api_agent_setting *agents[NPARTS];	/* LIMITS, TRIPS */
	size_t n[NPARTS], cap[NPARTS];
};

/* A load under way; one at a time. */
struct load {
	struct api_settings *s;
	struct copy *copy;
	struct steme_stamp stamp;	/* taken before the first question */
	bool stamped;
	int part;
	char cursor[STEME_CURSOR_MAX + 1];
};

struct api_settings {
	struct api *a;
	pthread_mutex_t mu;		/* leaf */
	struct copy *copy;		/* (mu) NULL until the first load */
	bool loading;			/* (mu) */
	uint64_t begun;			/* (mu) loads begun; the one under way is this one */
	struct api_request *waiting;	/* (mu) */
	_Atomic uint64_t version, boot, global;
	_Atomic bool stamped;
};

static void begin(struct api_settings *s);

static int64_t
mono(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
copy_free(struct copy *c)
{
	if (c == NULL)
		return;
	free(c->keys);
	for (int i = 0; i < NPARTS; i++)
		free(c->agents[i]);
	free(c);
}

/* ---- what the daemon says ---- */

/* Room for one more of a part, or NULL. */
static void *
more(struct copy *c, int part)
{
	void **v = part == KEYS ? (void **)&c->keys : (void **)&c->agents[part];
	size_t size = part == KEYS ? sizeof(*c->keys) : sizeof(*c->agents[0]), cap;
	void *p;

	if (c->n[part] >= ENTRIES_MAX)
		return NULL;
	if (c->n[part] == c->cap[part]) {
		cap = STEME_MAX(16, 2 * c->cap[part]);
		if ((p = reallocarray(*v, cap, size)) == NULL)
			return NULL;
		*v = p;
		c->cap[part] = cap;
	}
	p = (char *)*v + c->n[part]++ * size;
	memset(p, 0, size);
	return p;
}

static const char *
text_of(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) &&
	    json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) : "";
}

static bool
take_key(struct copy *c, const char *id, struct json_object *value)
{
	struct steme_apikey k = { 0 }, *to;

	if (strlen(id) != STEME_APIKEY_ID)
		return false;
	strcpy(k.id, id);
	if (steme_apikey_read(&k, (struct steme_str){ json_object_get_string(value),
	    (size_t)json_object_get_string_len(value) }) != STEME_OK ||
	    (to = more(c, KEYS)) == NULL)
		return false;
	*to = k;
	return true;
}

static bool
take_agent(struct copy *c, int part, const char *agent, struct json_object *value,
    const char *time)
{
	struct api_agent_setting *e = more(c, part);

	if (e == NULL)
		return false;
	snprintf(e->agent, sizeof(e->agent), "%s", agent);
	snprintf(e->since, sizeof(e->since), "%s", time);
	if (part == LIMITS)
		e->per_min = json_object_get_int64(value);
	else
		snprintf(e->reason, sizeof(e->reason), "%s",
		    json_object_get_string(value));
	return true;
}

/* One item of a page; others below the prefix are none of ours. */
static void
take_item(struct load *l, struct json_object *item)
{
	const char *path = text_of(item, "concept_path");
	const char *prefix = parts[l->part].prefix;
	size_t n = strlen(prefix), len;
	struct json_object *object, *value;
	char name[STEME_NAME_MAX + 1];
	bool ok;

	if (strncmp(path, prefix, n) != 0 || path[n] != '/' ||
	    strcmp(text_of(item, "predicate"), parts[l->part].predicate) != 0 ||
	    !json_object_object_get_ex(item, "object", &object) ||
	    !json_object_object_get_ex(object, "value", &value))
		return;
	ok = steme_segment_decode(name, &len, steme_str_from(path + n + 1)) ==
	    STEME_OK && strlen(name) == len;
	if (ok && l->part == KEYS)
		ok = take_key(l->copy, name, value);
	else if (ok)
		ok = take_agent(l->copy, l->part, name, value,
		    text_of(item, "time"));
	if (!ok)
		steme_log(STEME_WARN, "the setting %s is passed over: it is not as "
		    "doc/api.md says", path);
}

/* ---- loading ---- */

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct steme_apikey *)a)->id,
	    ((const struct steme_apikey *)b)->id);
}

static int
by_agent(const void *a, const void *b)
{
	return strcmp(((const struct api_agent_setting *)a)->agent,
	    ((const struct api_agent_setting *)b)->agent);
}

static void
sort(struct copy *c)
{
	if (c->n[KEYS] > 0)
		qsort(c->keys, c->n[KEYS], sizeof(*c->keys), by_id);
	for (int i = LIMITS; i < NPARTS; i++)
		if (c->n[i] > 0)
			qsort(c->agents[i], c->n[i], sizeof(*c->agents[i]),
			    by_agent);
}

/* Those who need no later load than the one that has ended. */
static struct api_request *
take_waiting_locked(struct api_settings *s)
{
	struct api_request **p = &s->waiting, *r, *out = NULL;

	while ((r = *p) != NULL) {
		if (r->needs_load > s->begun) {
			p = &r->next_waiting;
			continue;
		}
		*p = r->next_waiting;
		r->next_waiting = out;
		out = r;
	}
	return out;
}

static void
wake_all(struct api_request *list, int err)
{
	struct api_request *r;

	while ((r = list) != NULL) {
		list = r->next_waiting;
		r->err = err;
		if (err != STEME_OK)
			snprintf(r->why, sizeof(r->why), "%s", api_why_of(err));
		api_wake(r);
	}
}

static void
end(struct load *l, int err)
{
	struct api_settings *s = l->s;
	struct copy *old = l->copy;
	struct api_request *ready;
	bool again;

	if (err == STEME_OK)
		sort(l->copy);
	else if (err != STEME_ECONN)
		steme_log(STEME_WARN, "the settings below _steme/ cannot be read: "
		    "%s; those read before stand", steme_strerror(err));
	pthread_mutex_lock(&s->mu);
	if (err == STEME_OK) {
		old = s->copy;
		s->copy = l->copy;
		atomic_store(&s->stamped, false);
		atomic_store(&s->boot, l->stamp.boot);
		atomic_store(&s->global, l->stamp.global);
		atomic_store(&s->stamped, l->stamped);
		atomic_fetch_add(&s->version, 1);
	}
	ready = take_waiting_locked(s);
	s->loading = again = s->waiting != NULL;
	pthread_mutex_unlock(&s->mu);
	wake_all(ready, err);
	copy_free(old);
	free(l);
	if (again)
		begin(s);
}

static void ask(struct load *l);

static int
take_page(struct load *l, const struct steme_reply *rep)
{
	struct json_object *o, *list, *item;
	struct json_tokener *t;
	const char *next;

	if (rep->err != STEME_OK)
		return rep->err;
	if (rep->len == 0)
		return STEME_EPROTO;
	if ((t = json_tokener_new()) == NULL)
		return STEME_ENOMEM;
	o = json_tokener_parse_ex(t, (const char *)rep->data, (int)rep->len);
	json_tokener_free(t);
	if (!json_object_object_get_ex(o, "results", &list) ||
	    !json_object_is_type(list, json_type_array)) {
		json_object_put(o);
		return STEME_EPROTO;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if ((item = json_object_array_get_idx(list, i)) != NULL)
			take_item(l, item);
	next = text_of(o, "next_cursor");
	snprintf(l->cursor, sizeof(l->cursor), "%s", next);
	json_object_put(o);
	return STEME_OK;
}

static void
on_page(void *arg, const struct steme_reply *rep)
{
	struct load *l = arg;
	int err = take_page(l, rep);

	if (err == STEME_OK && l->cursor[0] == '\0')
		l->part++;
	if (err != STEME_OK || l->part == NPARTS)
		end(l, err);
	else
		ask(l);
}

static void
ask(struct load *l)
{
	struct steme_buf b = { 0 };
	struct steme_query q;
	int err;

	steme_query_init(&q);
	q.prefix = steme_str_from(parts[l->part].prefix);
	q.predicate = steme_str_from(parts[l->part].predicate);
	q.limit = PAGE;
	if (l->cursor[0] != '\0')
		q.cursor = steme_str_from(l->cursor);
	steme_msg_put_query(&b, &q);
	if ((err = steme_buf_err(&b)) == STEME_OK)
		err = steme_aclient_submit(l->s->a->client, STEME_MSG_QUERY, b.data,
		    b.len, 0, LOAD_MS, on_page, l, NULL);
	steme_buf_fini(&b);
	if (err != STEME_OK)
		end(l, err);
}

/* What `global` is now, if the daemon tells. */
static bool
stamp_now(const struct api *a, struct steme_stamp *st)
{
	const struct steme_changes *c = atomic_load(&((struct api *)(uintptr_t)a)->
	    changes);

	if (c == NULL || !steme_changes_fresh(c, mono()))
		return false;
	*st = steme_changes_stamp_any(c);
	return true;
}

/* s->loading was set by the caller: nobody else begins one. */
static void
begin(struct api_settings *s)
{
	struct load *l = calloc(1, sizeof(*l));
	struct api_request *ready;

	pthread_mutex_lock(&s->mu);
	s->begun++;
	pthread_mutex_unlock(&s->mu);
	if (l != NULL && (l->copy = calloc(1, sizeof(*l->copy))) != NULL) {
		l->s = s;
		l->stamped = stamp_now(s->a, &l->stamp);
		ask(l);
		return;
	}
	free(l);
	pthread_mutex_lock(&s->mu);
	ready = s->waiting;
	s->waiting = NULL;
	s->loading = false;
	pthread_mutex_unlock(&s->mu);
	wake_all(ready, STEME_ENOMEM);
}

void
api_settings_load(struct api_settings *s)
{
	bool mine;

	if (!steme_aclient_up(s->a->client))
		return;
	pthread_mutex_lock(&s->mu);
	mine = !s->loading;
	s->loading = true;
	pthread_mutex_unlock(&s->mu);
	if (mine)
		begin(s);
}

bool
api_settings_wait(struct api_settings *s, struct api_request *r)
{
	bool mine;

	r->why[0] = '\0';
	if (!api_suspend(r))
		return false;
	pthread_mutex_lock(&s->mu);
	mine = !s->loading;
	s->loading = true;
	/* one under way may have looked before what r depends on was written */
	r->needs_load = s->begun + 1;
	r->next_waiting = s->waiting;
	s->waiting = r;
	pthread_mutex_unlock(&s->mu);
	if (mine)
		begin(s);
	return true;
}

bool
api_settings_fresh(const struct api_settings *cs)
{
	struct api_settings *s = (struct api_settings *)(uintptr_t)cs;
	struct steme_stamp now;

	return atomic_load(&s->stamped) && stamp_now(s->a, &now) &&
	    now.boot == atomic_load(&s->boot) &&
	    now.global == atomic_load(&s->global);
}

/* ---- looking up ---- */

int
api_settings_new(struct api_settings **out, struct api *a)
{
	struct api_settings *s = calloc(1, sizeof(*s));

	if ((*out = s) == NULL)
		return STEME_ENOMEM;
	s->a = a;
	MUST(pthread_mutex_init(&s->mu, NULL));
	return STEME_OK;
}

void
api_settings_free(struct api_settings *s)
{
	if (s == NULL)
		return;
	copy_free(s->copy);
	MUST(pthread_mutex_destroy(&s->mu));
	free(s);
}

uint64_t
api_settings_version(const struct api_settings *s)
{
	return atomic_load(&((struct api_settings *)(uintptr_t)s)->version);
}

bool
api_settings_key(struct api_settings *s, const char *id, struct steme_apikey *out)
{
	const struct steme_apikey *k = NULL;

	if (strlen(id) != STEME_APIKEY_ID)
		return false;
	strcpy(out->id, id);
	pthread_mutex_lock(&s->mu);
	if (s->copy != NULL && s->copy->n[KEYS] > 0)
		k = bsearch(out, s->copy->keys, s->copy->n[KEYS],
		    sizeof(*s->copy->keys), by_id);
	if (k != NULL)
		*out = *k;
	pthread_mutex_unlock(&s->mu);
	return k != NULL;
}

static bool
find_agent(struct api_settings *s, int part, const char *agent,
    struct api_agent_setting *out)
{
	const struct api_agent_setting *e = NULL;

	if (strlen(agent) > STEME_NAME_MAX)
		return false;
	strcpy(out->agent, agent);
	pthread_mutex_lock(&s->mu);
	if (s->copy != NULL && s->copy->n[part] > 0)
		e = bsearch(out, s->copy->agents[part], s->copy->n[part],
		    sizeof(*e), by_agent);
	if (e != NULL)
		*out = *e;
	pthread_mutex_unlock(&s->mu);
	return e != NULL;
}

bool
api_settings_limit(struct api_settings *s, const char *agent,
    struct api_agent_setting *out)
{
	return find_agent(s, LIMITS, agent, out);
}

bool
api_settings_trip(struct api_settings *s, const char *agent,
    struct api_agent_setting *out)
{
	return find_agent(s, TRIPS, agent, out);
}

void
api_settings_each_key(struct api_settings *s,
    void (*fn)(void *arg, const struct steme_apikey *k), void *arg)
{
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; s->copy != NULL && i < s->copy->n[KEYS]; i++)
		fn(arg, &s->copy->keys[i]);
	pthread_mutex_unlock(&s->mu);
}

static void
each_agent(struct api_settings *s, int part,
    void (*fn)(void *arg, const struct api_agent_setting *a), void *arg)
{
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; s->copy != NULL && i < s->copy->n[part]; i++)
		fn(arg, &s->copy->agents[part][i]);
	pthread_mutex_unlock(&s->mu);
}

void
api_settings_each_limit(struct api_settings *s,
    void (*fn)(void *arg, const struct api_agent_setting *a), void *arg)
{
	each_agent(s, LIMITS, fn, arg);
}

void
api_settings_each_trip(struct api_settings *s,
    void (*fn)(void *arg, const struct api_agent_setting *a), void *arg)
{
	each_agent(s, TRIPS, fn, arg);
}

/* ---- changing ---- */

void
api_settings_sync(struct api_request *r, void (*then)(struct api_request *r))
{
	r->err = STEME_OK;
	if (!api_settings_fresh(r->api->settings)) {
		r->then = then;
		r->ready = true;
		if (api_settings_wait(r->api->settings, r))
			return;
		r->ready = false;
		r->err = STEME_EBUSY;
		snprintf(r->why, sizeof(r->why), "the sidecar is ending; try again");
	}
	then(r);
}

static void
after_set(struct api_request *r)
{
	struct steme_rd rd = steme_rd_from(r->answer.data, r->answer.len);
	struct steme_msg_put_result res;

	if (r->err == STEME_OK &&
	    (r->err = steme_msg_next_result(&rd, &res)) == STEME_OK &&
	    res.err != STEME_OK) {
		r->err = res.err;
		snprintf(r->why, sizeof(r->why), "%.*s", STEME_STR(res.why));
	}
	if (r->err == STEME_OK)
		api_settings_sync(r, r->after_set);
	else
		r->after_set(r);
}

void
api_set(struct api_request *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str value,
    void (*then)(struct api_request *r))
{
	const struct steme_msg_set m = { concept, predicate, value };
	struct steme_buf b = { 0 };

	r->after_set = then;
	steme_msg_put_set(&b, &m);
	api_ask_buf(r, STEME_MSG_SET, &b, after_set);
}
