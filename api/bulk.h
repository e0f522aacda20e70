/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk.h - what the two files of POST /v1/assertions share: h_bulk.c takes bytes apart
 * into lines and answers; bulk_groups.c sends lines in groups and keeps the results.
 *
 * All of it runs in the listener's thread, but for the answer of a group.
 */
#ifndef STEME_API_BULK_H
#define STEME_API_BULK_H

#include "api/api.h"
#include "core/claim.h"

#include <zlib.h>

#define GROUP_LINES	512
#define GROUPS_MAX	4		/* in flight; then the upload waits */
#define GROUPS_KEPT	32		/* with those of refused lines, which are done but
					   have to wait for their turn in the answer */

/* One line's fate until the daemon answers: a local refusal, or the next result. */
struct line {
	char *refusal;			/* JSON line, or NULL */
	struct steme_id *agent;		/* malloc()ed, if it counts; NULL: the caller's */
};

struct group {
	struct group *next;
	struct bulk *bulk;
	enum steme_msg type;		/* PUT or ASSERT; 0: only refusals so far */
	struct line lines[GROUP_LINES];
	unsigned n, asked;		/* lines; those of them sent */
	struct steme_buf payload;	/* items, without the message's head */
	struct steme_buf answer;
	int err;
	char why[512];
	bool done;
};

/*
 * Belongs to the request, and to the groups in flight: when the client goes away, its
 * request ends at once, but answers still come.  The last one frees.
 */
struct bulk {
	struct api_request *r;
	struct api_guard *guard;
	struct api *api;		/* outlives the request */
	bool counted;			/* among api->bulk_uploads */
	char busy_why[160];
	pthread_mutex_t mu;		/* above api.mu */
	unsigned inflight;		/* (mu) groups */
	unsigned wake_at;		/* (mu) */
	bool waiting;			/* (mu) suspended until inflight <= wake_at */
	bool gone;			/* (mu) the request has ended */
	struct group *first, *last;	/* in order of lines; first: oldest unspooled */
	struct group *open;		/* being filled */
	unsigned kept;			/* groups from first to last */
	int local;			/* may this caller have lines signed here: 1
					   not asked yet, else STEME_OK or why not */
	struct steme_why local_why;
	struct api_signer signer;
	struct steme_buf line;		/* a line not yet whole */
	bool line_too_long;
	bool counts;			/* it matters whose a line is */
	struct steme_buf out;
	int spool;			/* file of results, or -1 */
	uint64_t spooled;
	unsigned failed;		/* 0, or the status of the problem below */
	const char *failed_kind, *failed_why;
	bool gzip, z_ended, z_more;	/* at a member's end; output is pending */
	z_stream z;
};

/* The request ends; freed now, or with the last answer under way. */
void api_bulk_free(void *bulk);
/* The whole request fails, and the rest of the body is drained.  The first reason counts. */
void api_bulk_fail(struct bulk *k, unsigned status, const char *kind, const char *why);
void api_bulk_no_memory(struct bulk *k);
/* The next line: refused here, or to be sent as PUT (c) or ASSERT (json). */
void api_bulk_refuse(struct bulk *k, int err, const char *why);
void api_bulk_add(struct bulk *k, enum steme_msg type, const struct steme_claim *c,
    const char *json, size_t n);
/* Sends the group being filled. */
void api_bulk_send(struct bulk *k);
/* Keeps the results of groups that are done, oldest first. */
void api_bulk_collect(struct bulk *k);
/* Puts the results in memory into the file of results. */
void api_bulk_spool(struct bulk *k);

#endif
