/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.h - steme import, in three steps:
 *
 *   lines (import_lines.c)  ->  loads (import.c: parse, complete, hash)
 *                           ->  frames (import_send.c: sort, sign, send, count)
 *
 * A load is what one frame carries: the members of one batch, or objects with a signature
 * each.  The first two steps run in the main thread, the third in a second one; a
 * load belongs to one of them at a time and goes over by the queue in import_send.c.
 */
#ifndef STEME_CLI_IMPORT_H
#define STEME_CLI_IMPORT_H

#include "cli/cli.h"
#include "core/claim.h"
#include "core/keyring.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* ---- lines ---- */

#define LINE_MAX_BYTES	(2 * STEME_OBJECT_MAX)

struct lines {
	int fd;
	const char *name;		/* as people gave it; "-" is stdin */
	uint8_t *buf;
	size_t cap, start, end;
	bool eof;
	uint64_t number;		/* of the line last given, from 1 */
	uint64_t bytes;			/* given so far */
	uint64_t total;			/* of the file; 0: unknown */
	int64_t mtime_us;		/* of the file; stdin: when it was opened */
};

/* STEME_ENOTFOUND, STEME_EPERM, ...: why names the file. */
int lines_open(struct lines *l, const char *name, struct steme_why *why);
void lines_close(struct lines *l);
/*
 * The next line without its newline, valid until the next call.  1: there is one; 0: the
 * end; STEME_ETOOBIG: it was too long, and was skipped; STEME_EIO, STEME_ECANCELED (a
 * signal came, and *stop is set).
 */
int lines_next(struct lines *l, const volatile sig_atomic_t *stop,
    struct steme_str *line);

/* ---- agents ---- */

struct load;
struct agent {
	struct agent *next;
	char name[256];			/* member agent; "" for the default key */
	struct steme_key key;
	struct steme_profile profile;
	struct load *open;		/* the batch being filled */
};

#define AGENT_BUCKETS	256
struct agents {
	struct cli *c;
	const char *key, *as;		/* options: the default key */
	bool dry;			/* make no key */
	struct steme_keyring *ring;
	struct agent *bucket[AGENT_BUCKETS];
	struct agent *last;		/* most lines follow their own */
	struct agent *self;		/* the default key's */
	int status;			/* not 0: an end to it all, complained of */
};
/*
 * The agent called name; its key is made at its first use, with class_ in its profile.
 * NULL: why says what is wrong with that name, or status is set.
 */
struct agent *agents_find(struct agents *m, const char *name, enum steme_class class_,
    struct steme_why *why);
/* The default key, for lines without an agent.  NULL: status is set. */
struct agent *agents_self(struct agents *m);
void agents_fini(struct agents *m);

/* ---- loads ---- */

#define LOAD_SINGLES	1024		/* objects of one PUT */
#define LOAD_BYTES	(STEME_FRAME_MAX - 4096)	/* of one frame */
#define DEDUPE_SLOTS	8192		/* a power of two, twice STEME_BATCH_MAX */

struct load {
	struct load *next;
	struct agent *agent;		/* of a batch; NULL: objects signed singly */
	const char *file;
	uint32_t n;
	uint32_t dups;			/* lines that repeat another of this load */
	struct steme_buf members;	/* u32 length, bytes */
	struct steme_id ids[STEME_BATCH_MAX];
	uint64_t line[STEME_BATCH_MAX];
	int64_t time_us;		/* the newest member's */
	struct steme_sig sig[LOAD_SINGLES];	/* singly signed */
	bool need_sig[LOAD_SINGLES];	/* signed by the second thread ... */
	struct agent *by[LOAD_SINGLES];	/* ... with this key */
	uint16_t slot[DEDUPE_SLOTS];	/* of a batch: 1 + index, by id */
};

/* ---- sending ---- */

#define FLIGHTS		8		/* frames not yet answered */
#define QUEUE_MAX	4		/* loads waiting for the sender */

struct sender;
struct import_counts {
	_Atomic uint64_t created, exists, refused;
};

struct import_opts {
	struct cli *c;			/* its client belongs to the sender */
	bool dry;			/* hash and count, send nothing */
	uint64_t max_errors;		/* lines complained about; more are counted */
	struct import_counts *counts;
};
int sender_new(struct sender **out, const struct import_opts *o);
/* Waits for what is queued, then frees.  The first fatal error, with why. */
int sender_finish(struct sender *s, struct steme_why *why);
/* An empty load; waits for one.  NULL: the sender failed. */
struct load *sender_take(struct sender *s, struct agent *agent, const char *file);
/* Hands a filled one over. */
void sender_give(struct sender *s, struct load *l);
/* Complains about a line (any thread). */
void sender_refuse(struct sender *s, const char *file, uint64_t line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool sender_failed(struct sender *s);

#endif
