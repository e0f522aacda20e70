/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reqlog.c - log lines of requests.
 *
 * Operators search them: a line with a status from 500 on begins with `HTTP STATUS`, has
 * `agent_id=VALUE` with words after it, and no duration follows the status in lines of
 * other statuses.  A line `Error: TYPE: reason` goes with each failure.
 */
#include "config.h"
#include "api/guard.h"
#include "core/clock.h"
#include "core/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LINES_PER_SEC	100

/* Failures can come by the thousand a second; the log must not fill the disk. */
static struct {
	pthread_mutex_t mu;		/* leaf */
	int64_t second;			/* (mu) */
	unsigned lines, left_out;	/* (mu) in it; since the last line */
} throttle = { .mu = PTHREAD_MUTEX_INITIALIZER };

/* May n more lines be written?  *missed: how many were not, since it last could. */
static bool
may_log(unsigned n, unsigned *missed)
{
	int64_t now = steme_mono_us(&steme_clock_system) / 1000000;
	bool may;

	pthread_mutex_lock(&throttle.mu);
	if (throttle.second != now) {
		throttle.second = now;
		throttle.lines = 0;
	}
	may = throttle.lines + n <= LINES_PER_SEC;
	*missed = 0;
	if (may) {
		throttle.lines += n;
		*missed = throttle.left_out;
		throttle.left_out = 0;
	} else {
		throttle.left_out += n;
	}
	pthread_mutex_unlock(&throttle.mu);
	return may;
}

/* True: go on. */
static bool
begin(unsigned n)
{
	unsigned missed;

	if (!may_log(n, &missed))
		return false;
	if (missed > 0)
		steme_log(STEME_WARN, "%u lines about failed requests were left out: "
		    "more than %d a second", missed, LINES_PER_SEC);
	return true;
}

static void
error_line(int err, const char *why)
{
	const char *type = api_error_type(err);

	if (type == NULL)
		return;
	steme_log(err == STEME_EAUTH || err == STEME_ESIG ? STEME_WARN : STEME_ERROR,
	    "Error: %s: %s%s", type, err != STEME_ESIG ||
	    strstr(why, "signature verification failed") != NULL ? "" :
	    "signature verification failed: ", why);
}

void
api_reqlog_error(int err, const char *why)
{
	if (api_error_type(err) != NULL && begin(1))
		error_line(err, why);
}

void
api_reqlog(const struct api_request *r, int64_t us)
{
	const char *path = r->route == NULL ? "other" : r->route->label;
	const char *who = r->note.who, *why = r->note.why;
	const char *address = r->conn->address;
	bool health = r->route != NULL && r->route->access == API_HEALTH;
	bool failed = r->status >= 500 && !health;

	if (!failed && !steme_log_wants(STEME_DEBUG) &&
	    (health || why == NULL || r->status < 400))
		return;
	if (who[0] == '\0')
		who = address;
	if (failed && begin(2))
		steme_log(STEME_ERROR, "HTTP %u %s %s agent_id=%s from %s after %.1f ms: "
		    "%s", r->status, r->method, path, who, address,
		    (double)us / 1e3, why == NULL ? "no reason known" : why);
	else if (failed)
		return;
	else
		steme_log(STEME_DEBUG, "%s %s agent_id=%s from %s after %.1f ms: "
		    "HTTP %u", r->method, path, who, address, (double)us / 1e3,
		    r->status);
	if (r->status >= 400 && why != NULL && !health && (failed || begin(1)))
		error_line(r->note.err, why);
}
