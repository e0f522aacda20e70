/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - who asked and wrote what: the last `entries` requests in memory, and a file.
 *
 * The file (JSON lines) gets every write and every administrative request but those that were
 * refused to somebody unknown; of these and of queries up to 200 a second, and a line says how
 * many were left out.  At 16 MiB it becomes PATH.1, and so on to PATH.4.  Requests are kept
 * without anything that could be a secret: a parameter or body that seems to have one is not
 * shown.
 *
 * Threads: any.
 */
#ifndef STEME_API_AUDIT_H
#define STEME_API_AUDIT_H

#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

struct api_audit;

enum api_audit_kind { API_AUDIT_QUERY, API_AUDIT_WRITE, API_AUDIT_ADMIN };
/* "query", "write", "admin" to a kind; false: none of them. */
bool api_audit_kind_parse(enum api_audit_kind *kind, const char *name);

struct api_audit_entry {
	enum api_audit_kind kind;
	int64_t at_us;			/* wall */
	int64_t took_us;
	unsigned status;
	const char *method, *path;	/* path: the route's label */
	const char *address, *who;	/* who: "" nobody verified */
	int64_t uid;			/* -1: not a local user */
	struct steme_str request;	/* URI; cut at 224 bytes */
	struct steme_str about;		/* concept, as it was asked for; may be empty */
	struct steme_str body;		/* may be empty; not shown if it seems secret */
};

/*
 * entries 0: only the file.  path NULL: only memory; a file that cannot be opened is
 * reported in the log and tried again at times.  NULL: no memory.
 */
struct api_audit *api_audit_new(unsigned entries, const char *path);
void api_audit_free(struct api_audit *a);
void api_audit_add(struct api_audit *a, const struct api_audit_entry *e);

struct api_audit_filter {
	const char *who, *path;		/* NULL: any */
	int kind;			/* -1: any */
	uint64_t before;		/* number of an entry, exclusive; 0: from the newest */
	unsigned limit;
};
/* {"entries":[...],"next_cursor":"N"|null}, newest first. */
void api_audit_write(struct api_audit *a, const struct api_audit_filter *f,
    struct steme_buf *b);

#endif
