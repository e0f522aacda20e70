/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - log lines: one JSON object a line on stderr, with the members
 * timestamp (RFC 3339 UTC), level (DEBUG, INFO, WARN, ERROR), message, then
 * any fields.  storage.log (see steme_log_storage_open) gets a copy of the
 * lines of kind STEME_LOG_STORAGE.
 *
 * Never log a secret: no key, no token, no signature input.
 * Threads: every function may be called from any thread; a line is written
 * with one write(2).
 */
#ifndef STEME_LOG_H
#define STEME_LOG_H

#include "core/err.h"

#include <stdbool.h>

enum steme_log_level {
	STEME_DEBUG,
	STEME_INFO,
	STEME_WARN,
	STEME_ERROR
};

/* Or this into the level: the line also goes to storage.log. */
#define STEME_LOG_STORAGE	0x100

/* Lines below level are dropped.  Default STEME_INFO. */
void steme_log_set_level(enum steme_log_level level);
/* "debug", "info", "warn", "error" (any case) to a level; STEME_EINVAL otherwise. */
int steme_log_parse_level(const char *name, enum steme_log_level *level);
/*
 * Opens path for appending; storage lines go there too from now on.  Rotates
 * it to path.1 when it passes 16 MiB.  Errors as from open(2).
 */
int steme_log_storage_open(const char *path);

/* Would a line of this level be written? */
bool steme_log_wants(enum steme_log_level level);

/*
 * Logs one line; fmt makes the message, of which 2,047 bytes are kept.  Where it is not
 * UTF-8 every byte above 7f becomes a '?'.
 */
void steme_log(int level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
