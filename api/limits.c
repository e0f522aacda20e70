/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c - token buckets in tables of fixed size. */
#include "config.h"
#include "api/limits.h"
#include "core/util.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES	65536
#define AGENTS		16384
#define WAYS		8
#define KEY_BYTES	16
#define PUNISHMENT	10
#define SECOND_US	INT64_C(1000000)
#define MINUTE_US	(60 * SECOND_US)
#define DAY_US		(24 * 60 * MINUTE_US)

/* n a period of per_us. */
struct rate {
	uint64_t n;
	int64_t per_us;
};

struct entry {
	uint8_t key[KEY_BYTES];		/* all zero: free */
	int64_t at;			/* bucket: full again then, ns; quota: the day */
	uint64_t used;			/* quota */
};

struct table {
	struct entry *v;
	size_t n;			/* a power of two, times WAYS */
};

struct api_limits {
	struct rate class_[API_LIMIT_CLASSES], address, agent;
	uint64_t quota;
	unsigned char key[crypto_generichash_KEYBYTES];
	pthread_mutex_t mu;		/* leaf; guards all below */
	int64_t class_at[API_LIMIT_CLASSES];
	struct table addresses, agents, quotas;
	struct api_agent_limit *own;
	size_t nown;
};

/* ---- one bucket ---- */

/* The time that one request takes up: a nanosecond at least, whatever a setting says. */
static int64_t
step_ns(struct rate r)
{
	int64_t whole = r.per_us * 1000;

	return r.n == 0 ? whole : STEME_MAX((int64_t)((uint64_t)whole / r.n), 1);
}

static bool
has_room(int64_t at_ns, struct rate r, int64_t now_us, struct api_room *room)
{
	int64_t now = now_us * 1000, step = step_ns(r), whole = r.per_us * 1000;
	int64_t used = at_ns > now ? at_ns - now : 0;
	bool fits = r.n > 0 && used + step <= whole;

	room->limit = r.n;
	room->remaining = r.n == 0 || used >= whole ? 0 :
	    (uint64_t)((whole - used) / step);
	room->reset_us = used / 1000;
	room->wait_us = fits ? 0 : r.n == 0 ? r.per_us :
	    (used + step - whole) / 1000 + 1;
	return fits;
}

/* Also into debt, of a period at most. */
static int64_t
taken(int64_t at_ns, struct rate r, uint64_t cost, int64_t now_us)
{
	int64_t now = now_us * 1000, whole = r.per_us * 1000;
	int64_t at = STEME_MAX(at_ns, now) + step_ns(r) * (int64_t)cost;

	return STEME_MIN(at, now + 2 * whole);
}

/* ---- tables ---- */

static bool
table_make(struct table *t, size_t n)
{
	t->n = n;
	t->v = calloc(n, sizeof(*t->v));
	return t->v != NULL;
}

static bool
is_free(const struct entry *e)
{
	static const uint8_t none[KEY_BYTES];

	return memcmp(e->key, none, KEY_BYTES) == 0;
}

/* The entry of a key; absent: the one it takes (make), or NULL. */
static struct entry *
find_locked(struct api_limits *l, struct table *t, const void *data, size_t n,
    bool make)
{
	struct entry *set, *oldest;
	uint8_t key[KEY_BYTES];
	size_t at;

	crypto_generichash(key, sizeof(key), data, n, l->key, sizeof(l->key));
	memcpy(&at, key, sizeof(at));
	set = oldest = &t->v[at % (t->n / WAYS) * WAYS];
	for (size_t i = 0; i < WAYS; i++) {
		if (memcmp(set[i].key, key, KEY_BYTES) == 0)
			return &set[i];
		if (!is_free(oldest) && (is_free(&set[i]) || set[i].at < oldest->at))
			oldest = &set[i];
	}
	if (!make)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->key, key, KEY_BYTES);
	return oldest;
}

static int64_t
at_of(const struct entry *e)
{
	return e == NULL ? 0 : e->at;
}

/* ---- all together ---- */

struct api_limits *
api_limits_new(const struct steme_conf *c)
{
	struct api_limits *l = calloc(1, sizeof(*l));
	const int64_t n[API_LIMIT_CLASSES] = { c->query_per_sec, c->write_per_sec,
	    c->admin_per_sec };

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->mu, NULL);
	randombytes_buf(l->key, sizeof(l->key));
	for (int i = 0; i < API_LIMIT_CLASSES; i++)
		l->class_[i] = (struct rate){ (uint64_t)n[i], SECOND_US };
	l->address = (struct rate){ (uint64_t)c->per_address_per_sec, SECOND_US };
	l->agent = (struct rate){ (uint64_t)c->per_agent_per_min, MINUTE_US };
	l->quota = (uint64_t)c->quota_assertions_per_day;
	/* untouched pages cost nothing */
	if (!table_make(&l->addresses, ADDRESSES) || !table_make(&l->agents, AGENTS) ||
	    !table_make(&l->quotas, AGENTS)) {
		api_limits_free(l);
		return NULL;
	}
	return l;
}

void
api_limits_free(struct api_limits *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->mu);
	free(l->addresses.v);
	free(l->agents.v);
	free(l->quotas.v);
	free(l->own);
	free(l);
}

static size_t
address_bytes(size_t n)
{
	return n == 16 ? 8 : n;
}

bool
api_limits_request(struct api_limits *l, unsigned class, const void *address,
    size_t n, int64_t now_us, struct api_room *room, const char **scope)
{
	static const char *const names[API_LIMIT_CLASSES] = { "query", "write",
	    "admin" };
	struct entry *e = NULL;
	bool ok = true;

	/* none configured: nothing to lock */
	if (l->address.n == 0 && l->class_[class].n == 0)
		return true;
	pthread_mutex_lock(&l->mu);
	if (l->address.n > 0) {
		*scope = "address";
		e = find_locked(l, &l->addresses, address, address_bytes(n), true);
		ok = has_room(e->at, l->address, now_us, room);
	}
	if (ok && l->class_[class].n > 0) {
		*scope = names[class];
		ok = has_room(l->class_at[class], l->class_[class], now_us, room);
	}
	if (ok && e != NULL)
		e->at = taken(e->at, l->address, 1, now_us);
	if (ok && l->class_[class].n > 0)
		l->class_at[class] = taken(l->class_at[class], l->class_[class], 1,
		    now_us);
	pthread_mutex_unlock(&l->mu);
	return ok;
}

void
api_limits_punish(struct api_limits *l, const void *address, size_t n, int64_t now_us)
{
	struct entry *e;

	if (l->address.n == 0)
		return;
	pthread_mutex_lock(&l->mu);
	e = find_locked(l, &l->addresses, address, address_bytes(n), true);
	e->at = taken(e->at, l->address, PUNISHMENT, now_us);
	pthread_mutex_unlock(&l->mu);
}

/* ---- agents ---- */

static int
by_agent(const void *a, const void *b)
{
	return strcmp(((const struct api_agent_limit *)a)->agent,
	    ((const struct api_agent_limit *)b)->agent);
}

void
api_limits_set_agents(struct api_limits *l, struct api_agent_limit *v, size_t n)
{
	struct api_agent_limit *old;

	if (n > 0)
		qsort(v, n, sizeof(*v), by_agent);
	pthread_mutex_lock(&l->mu);
	old = l->own;
	l->own = v;
	l->nown = n;
	pthread_mutex_unlock(&l->mu);
	free(old);
}

/* False: this agent has no limit. */
static bool
rate_of_locked(const struct api_limits *l, const char *agent, struct rate *r)
{
	size_t lo = 0, hi = l->nown;

	*r = l->agent;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(agent, l->own[mid].agent);

		if (c == 0) {
			r->n = l->own[mid].per_min;
			return true;
		}
		*(c < 0 ? &hi : &lo) = c < 0 ? mid : mid + 1;
	}
	return r->n > 0;
}

bool
api_limits_agent_room(struct api_limits *l, const char *agent, int64_t now_us,
    struct api_room *room)
{
	struct rate r;
	bool ok = true;

	pthread_mutex_lock(&l->mu);
	if (rate_of_locked(l, agent, &r))
		ok = has_room(at_of(find_locked(l, &l->agents, agent, strlen(agent),
		    false)), r, now_us, room);
	pthread_mutex_unlock(&l->mu);
	return ok;
}

void
api_limits_agent_take(struct api_limits *l, const char *agent, int64_t now_us)
{
	struct entry *e;
	struct rate r;

	pthread_mutex_lock(&l->mu);
	if (rate_of_locked(l, agent, &r)) {
		e = find_locked(l, &l->agents, agent, strlen(agent), true);
		e->at = taken(e->at, r, 1, now_us);
	}
	pthread_mutex_unlock(&l->mu);
}

bool
api_limits_has_quota(const struct api_limits *l)
{
	return l->quota > 0;
}

static void
quota_room(const struct api_limits *l, uint64_t used, int64_t wall_us,
    struct api_room *room)
{
	room->limit = l->quota;
	room->remaining = used >= l->quota ? 0 : l->quota - used;
	room->reset_us = DAY_US - wall_us % DAY_US;
	room->wait_us = room->remaining > 0 ? 0 : room->reset_us;
}

bool
api_limits_quota_room(struct api_limits *l, const char *agent, int64_t wall_us,
    struct api_room *room)
{
	const struct entry *e;
	uint64_t used = 0;

	if (l->quota == 0)
		return true;
	pthread_mutex_lock(&l->mu);
	e = find_locked(l, &l->quotas, agent, strlen(agent), false);
	if (e != NULL && e->at == wall_us / DAY_US)
		used = e->used;
	pthread_mutex_unlock(&l->mu);
	quota_room(l, used, wall_us, room);
	return room->remaining > 0;
}

/* Today's entry. */
static struct entry *
quota_locked(struct api_limits *l, const char *agent, int64_t wall_us)
{
	struct entry *e = find_locked(l, &l->quotas, agent, strlen(agent), true);

	if (e->at != wall_us / DAY_US) {
		e->at = wall_us / DAY_US;
		e->used = 0;
	}
	return e;
}

void
api_limits_quota_take(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us)
{
	if (l->quota == 0)
		return;
	pthread_mutex_lock(&l->mu);
	quota_locked(l, agent, wall_us)->used += n;
	pthread_mutex_unlock(&l->mu);
}

bool
api_limits_quota_reserve(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us, struct api_room *room)
{
	struct entry *e;
	bool ok;

	if (l->quota == 0)
		return true;
	pthread_mutex_lock(&l->mu);
	e = quota_locked(l, agent, wall_us);
	quota_room(l, e->used, wall_us, room);
	ok = n <= room->remaining;
	e->used += ok ? n : 0;
	pthread_mutex_unlock(&l->mu);
	return ok;
}

void
api_limits_quota_give(struct api_limits *l, const char *agent, uint64_t n,
    int64_t wall_us)
{
	struct entry *e;

	if (l->quota == 0)
		return;
	pthread_mutex_lock(&l->mu);
	e = quota_locked(l, agent, wall_us);
	e->used -= STEME_MIN(e->used, n);
	pthread_mutex_unlock(&l->mu);
}

bool
api_limits_active(struct api_limits *l)
{
	bool own;

	pthread_mutex_lock(&l->mu);
	own = l->nown > 0;
	pthread_mutex_unlock(&l->mu);
	return own || l->agent.n > 0 || l->quota > 0;
}
