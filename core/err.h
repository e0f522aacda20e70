/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - the one error type of StemeDB.
 *
 * Functions return 0 (STEME_OK) or one of these negative numbers.  The numbers
 * travel on the wire (doc/wire-protocol.md) and never change their meaning.
 * errno ends where a system call is made: steme_err_from_errno().
 *
 * Where one number is not enough to tell a user what was wrong, the function
 * also takes a struct steme_why, which receives one English sentence.
 */
#ifndef STEME_ERR_H
#define STEME_ERR_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

enum steme_err {
	STEME_OK = 0,
	STEME_EINVAL = -1,	/* bad input: arguments or data break a rule */
	STEME_ENOTFOUND = -2,	/* no such thing */
	STEME_EEXIST = -3,	/* it is there already */
	STEME_ENOMEM = -4,	/* out of memory */
	STEME_EIO = -5,		/* the operating system reported an I/O error */
	STEME_ENOSPC = -6,	/* disk full */
	STEME_EPERM = -7,	/* the caller has not the right */
	STEME_ETOOBIG = -8,	/* over a limit */
	STEME_ECORRUPT = -9,	/* stored bytes are damaged */
	STEME_ESIG = -10,	/* a signature does not verify */
	STEME_ESKEW = -11,	/* time too far in the future */
	STEME_EPROTO = -12,	/* malformed frame or message */
	STEME_EBUSY = -13,	/* locked by another process, or ending */
	STEME_EAGAIN = -14,	/* try again later */
	STEME_ETIMEOUT = -15,	/* a deadline passed */
	STEME_ECONN = -16,	/* cannot connect, or connection lost */
	STEME_EVERSION = -17,	/* format or protocol version not supported */
	STEME_EGAP = -18,	/* part of the log is missing */
	STEME_EREADONLY = -19,	/* writes are stopped (disk full, log failed) */
	STEME_ELIMIT = -20,	/* rate limit or quota used up */
	STEME_EAUTH = -21,	/* no valid credentials */
	STEME_ESTALE = -22,	/* the version asked for can no longer be made */
	STEME_EUTF8 = -23,	/* not UTF-8 where UTF-8 is needed */
	STEME_ECANCELED = -24,	/* stopped before it finished */
	STEME_EDRAINED = -25,	/* this node is draining: it takes no writes */
	STEME_ERR_MIN = -25
};

/* A sentence for people: what was wrong, where, what to do. */
struct steme_why {
	char text[512];
};

/* Static English text of err, without a trailing stop.  Never NULL. */
const char *steme_strerror(int err);

/* Static short name of err ("EINVAL", "OK").  Never NULL. */
const char *steme_errname(int err);

/* The error for errno value e; 0 gives STEME_OK, an unknown one STEME_EIO. */
int steme_err_from_errno(int e);

/*
 * Formats into why (which may be NULL: then only err is returned).
 * Returns err, so that `return steme_fail(why, STEME_EINVAL, ...)` reads well.
 */
int steme_fail(struct steme_why *why, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * How a sentence ends that knows when another try may succeed, with an int64_t; and the
 * number in one that crossed the socket.  0: it does not end so.
 */
#define STEME_AGAIN_MS	"try again in %" PRId64 " ms"
int64_t steme_again_ms(const char *why);

/* For calls that fail only if the program is wrong.  Runs in every build. */
#define MUST(call)	do { if ((call) != 0) __builtin_trap(); } while (0)

#endif
