/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slowlog.h - the last 1,000 requests that took longer than a threshold, and those that
 * run now.
 *
 * Threads: any.  Times are passed in, monotonic; wall times are made from the difference.
 */
#ifndef STEME_API_SLOWLOG_H
#define STEME_API_SLOWLOG_H

#include "api/note.h"
#include "core/buf.h"

#include <stdint.h>

#define API_SLOW_KEPT	1000

struct api_slowlog;

/* NULL: no memory. */
struct api_slowlog *api_slowlog_new(int64_t threshold_us);
void api_slowlog_free(struct api_slowlog *l);

/* Sets what r is about: any may be absent.  Copies; false: no memory, it has no subject. */
bool api_running_about(struct api_running *r, struct steme_str concept,
    struct steme_str predicate, struct steme_str lens);
/* r runs from now on; r->method, path, who, start_us, about are set, and stand until... */
void api_slowlog_begin(struct api_slowlog *l, struct api_running *r);
/*
 * ...here.  Kept if it took too long, by the name it has by now.  Nothing happens if it was not
 * begun.
 */
void api_slowlog_end(struct api_slowlog *l, struct api_running *r, const char *who,
    int64_t now_us);

/*
 * {"queries":[...]}, running ones first, then by end, latest first.  subject and predicate
 * are percent-encoded and never empty: without a concept the subject is the path, `*` stands
 * for no predicate; concept_path and lens are null then.  Of those that run only the ones
 * about something are told, and POSTs: an upload may be what others wait for.
 */
void api_slowlog_write(struct api_slowlog *l, int64_t now_us, int64_t wall_us,
    struct steme_buf *b);

#endif
