/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot.c - answers kept by their URI, used while the daemon's change counters stand
 * (changes.h): a hot query costs no round trip and is never stale.
 *
 * One table a listener thread, so there is no lock; a slot holds one answer and
 * gives way to the next with the same hash.
 */
#include "config.h"
#include "api/api.h"
#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS		4096
#define ANSWER_MAX	(64 << 10)	/* bytes of an answer worth keeping */
#define KEPT_MAX	(32 << 20)	/* bytes of all, with what goes with them */
#define OVERHEAD	512		/* of a response and its headers, about */

struct slot {
	char *uri;
	size_t nuri;
	struct MHD_Response *resp;
	char *concept;			/* NULL: depends on the `any` counter */
	size_t nconcept, size;
	struct steme_stamp stamp;
};

struct api_hot {
	size_t size;			/* of all slots */
	unsigned hand;			/* where room is made next */
	struct slot slots[SLOTS];
};

struct api_hot *
api_hot_new(void)
{
	return calloc(1, sizeof(struct api_hot));
}

static void
clear(struct api_hot *h, struct slot *s)
{
	h->size -= s->size;
	if (s->resp != NULL)
		MHD_destroy_response(s->resp);
	free(s->uri);
	free(s->concept);
	memset(s, 0, sizeof(*s));
}

void
api_hot_free(struct api_hot *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		clear(h, &h->slots[i]);
	free(h);
}

static struct slot *
slot_of(struct api_hot *h, const char *uri, size_t n)
{
	uint64_t x = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		x = (x ^ (uint8_t)uri[i]) * UINT64_C(0x100000001b3);
	return &h->slots[(x ^ x >> 29) % SLOTS];
}

static struct steme_stamp
stamp_now(const struct steme_changes *c, const char *concept, size_t n)
{
	if (concept == NULL)
		return steme_changes_stamp_any(c);
	return steme_changes_stamp(c, (struct steme_str){ concept, n });
}

bool
api_hot_reply(struct api_request *r)
{
	const struct steme_changes *c = atomic_load(&r->api->changes);
	struct api_hot *h = r->listener->hot;
	size_t n = strlen(r->uri);
	struct steme_stamp now;
	struct slot *s;

	if (c == NULL || h == NULL)
		return false;
	s = slot_of(h, r->uri, n);
	if (s->resp == NULL || s->nuri != n || memcmp(s->uri, r->uri, n) != 0)
		return false;
	now = stamp_now(c, s->concept, s->nconcept);
	if (!steme_stamp_eq(&now, &s->stamp) ||
	    !steme_changes_fresh(c, steme_mono_us(&steme_clock_system)) ||
	    !steme_aclient_up(r->api->client)) {
		clear(h, s);
		return false;
	}
	api_queue_kept(r, s->resp);
	return true;
}

bool
api_hot_keep(struct api_request *r, struct MHD_Response *resp, size_t len)
{
	struct api_hot *h = r->listener->hot;
	size_t n = strlen(r->uri);
	struct slot *s;

	if (len > ANSWER_MAX || h == NULL)
		return false;
	s = slot_of(h, r->uri, n);
	clear(h, s);
	if ((s->uri = strdup(r->uri)) == NULL)
		return false;
	s->nuri = n;
	if (!r->hot_any) {
		s->concept = strndup(r->hot_concept.p, r->hot_concept.n);
		s->nconcept = r->hot_concept.n;
		if (s->concept == NULL) {
			clear(h, s);
			return false;
		}
	}
	s->stamp = r->stamp;
	s->resp = resp;
	s->size = len + n + s->nconcept + OVERHEAD;
	h->size += s->size;
	for (; h->size > KEPT_MAX; h->hand = (h->hand + 1) % SLOTS)
		if (&h->slots[h->hand] != s)
			clear(h, &h->slots[h->hand]);
	return true;
}
