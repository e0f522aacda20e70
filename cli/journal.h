/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - what steme journal (journal.c) is made of: lines as journalctl shows them
 * (journal_line.c), times as it takes them (journal_time.c), and the files below D/log
 * read together (journal_files.c).
 */
#ifndef STEME_CLI_JOURNAL_H
#define STEME_CLI_JOURNAL_H

#include "core/buf.h"
#include "core/err.h"
#include "core/instance.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_UNIT	"stemedb-api"

/* ---- lines ---- */

enum journal_format { JOURNAL_SHORT, JOURNAL_ISO, JOURNAL_CAT, JOURNAL_JSON };

/* A line of a log, without its end. */
struct journal_line {
	struct steme_str text;
	int64_t us;		/* its timestamp; of a line without one: what the caller
				   knows (the line before it) */
	int priority;		/* syslog's: 3 error, 4 warning, 6 info, 7 debug */
};

/*
 * Reads timestamp and level of a line that is one of ours; one that is not (of a library,
 * of the kernel) keeps l->us and counts as information.
 */
void journal_read(struct journal_line *l, struct steme_str text);
/*
 * Appends the line as journalctl would show it, with its end.  program: who wrote it.
 * JSON has journalctl's members and, before them, those of the line itself.
 * clean: for a terminal.
 */
void journal_show(struct steme_buf *b, const struct journal_line *l,
    enum journal_format f, const char *program, const char *host, bool clean);
/*
 * One object of `journalctl --output=json`: appended with the members of its MESSAGE, if
 * that is a JSON object, put first; otherwise with a level, timestamp and message made
 * from PRIORITY, __REALTIME_TIMESTAMP and MESSAGE.  What is no object passes unchanged.
 */
void journal_lift(struct steme_buf *b, struct steme_str object);

/* ---- times ---- */

/*
 * A time as journalctl's --since takes it: "2026-11-21 08:00[:00]", "2026-11-21",
 * "08:00[:00]" (today), all in local time; "2026-11-21T08:00:00Z"; "now", "today",
 * "yesterday", "@SECONDS"; "5 min ago", "-1h30m".
 */
int journal_time(const char *text, int64_t now_us, int64_t *us);

/* ---- files ---- */

struct journal_query {
	int64_t since, until;		/* us; INT64_MIN, INT64_MAX: no limit */
	uint64_t lines;			/* the last so many; UINT64_MAX: all */
	int priority;			/* at most this; 7: all */
	bool follow, reverse;
	enum journal_format format;
	bool clean;
};
/*
 * Prints what daemon and sidecar wrote below D/log, in order of time; with follow until
 * nobody reads stdout any more, or SIGINT.
 */
int journal_files(const struct steme_instance *in, const struct journal_query *q,
    struct steme_why *why);

#endif
