/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.h - what the guards (guard.h) note of a request while it is under way.
 *
 * Belongs to the request's listener thread; the list of running requests is the slow
 * log's.
 */
#ifndef STEME_API_NOTE_H
#define STEME_API_NOTE_H

#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define API_WHO_MAX	128	/* bytes of an agent's, key's or user's name */

/* What a slow request was about; part of a list while it runs (slowlog.c). */
struct api_running {
	struct api_running *next, *prev;	/* (slowlog's mu) */
	bool listed;
	const char *method, *path;		/* static, or the request's */
	int64_t start_us;			/* monotonic */
	char *about;			/* concept NUL predicate NUL lens NUL; or NULL */
	const char *who;			/* when it began */
};

struct api_note {
	/* Who it verifiably is: an agent's hex, an API key's id, "uid-N"; "": nobody. */
	char who[API_WHO_MAX + 1];
	char also[24];			/* the API key's id beside its agent */
	char claimed[72];		/* the author of a signed object, as it says */
	char charged[72];		/* of a bulk upload: who was charged last */
	struct api_running running;
	int err;			/* why it failed, enum steme_err; 0 */
	char *why;			/* the same for people; malloc()ed, or NULL */
	int shard;			/* of the concept asked about; -1 */
	/* limits and breakers */
	bool admitted;			/* looked at */
	bool trial_who, trial_claimed;	/* it is a half-open breaker's trial */
	bool trial_storage, asked;	/* asks the daemon since asked_us */
	int64_t asked_us;
	unsigned refused;		/* status, or 0 */
	const char *kind;		/* of the refusal */
	char detail[256];
	unsigned retry_s;		/* Retry-After; 0: one second */
	uint64_t limit, remaining;	/* RateLimit-*, if has_limit */
	unsigned reset_s;
	bool has_limit;
};

#endif
