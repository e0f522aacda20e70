/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - the control socket's server: takes the path, accepts, settles who may
 * what, reads frames, hands them to the service, writes answers.
 * doc/wire-protocol.md has the protocol, its limits and roles.
 *
 * Threads: one accepts; each of `threads` workers owns its connections and an epoll.
 * Answers may come from any thread; those of one turn go out with one write.
 */
#ifndef STEME_CTL_H
#define STEME_CTL_H

#include "core/service.h"

struct steme_ctl;

struct steme_ctl_opts {
	struct steme_service *service;	/* borrowed */
	const char *path;		/* of the socket; at most 107 bytes */
	uid_t owner;			/* of a private --dir: writer and admin, too;
					   (uid_t)-1: nobody */
	const char *group;		/* NULL: "stemedb"; "": none */
	struct steme_metrics *metrics;	/* NULL: none */
	unsigned threads;		/* 0: 2 */
	/* Limits; 0: the default. */
	unsigned max_connections;	/* 1,024; a quarter is kept for writers */
	unsigned max_inflight;		/* 256 requests a connection, then it waits */
	size_t max_unread;		/* 8 MiB of unread answers end a connection */
	unsigned half_frame_ms;		/* 30,000: for the rest of a frame, and HELLO */
};

/*
 * Takes over the path and starts serving.  STEME_ETOOBIG: path too long, why says
 * what to do.  STEME_EBUSY: another daemon answers there.  STEME_EPERM, STEME_EIO, ...:
 * why names path and step.
 */
int steme_ctl_open(struct steme_ctl **out, const struct steme_ctl_opts *o,
    struct steme_why *why);
/*
 * Accepts and reads no more; answers what is in hand, as long as no three seconds go by
 * without an answer; gives clients the same, and five seconds at most, to read; ends all
 * connections; removes the socket if it is still ours.  Before steme_service_free().
 * NULL is allowed.
 */
void steme_ctl_close(struct steme_ctl *c);

struct steme_ctl_stats {
	uint64_t accepted, refused, requests, bad_frames, timeouts, overflows;
	uint64_t turns, writes;
	unsigned connections;		/* now */
};
void steme_ctl_stats(struct steme_ctl *c, struct steme_ctl_stats *out);

#endif
