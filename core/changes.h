/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.h - the page set of change counters: one writer (the daemon), many
 * readers (the daemon's own cache; the sidecar through a read-only mapping of
 * D/run/changes).
 *
 * Layout (little-endian u64, doc/wire-protocol.md "Change counters"): [0] magic, [1] boot id,
 * [2] heartbeat (CLOCK_MONOTONIC us, every 100 ms), [3] global: kinds that may change
 * any answer, [4] any: every write, [5] slots, then `slots` counters hashed per concept.
 * Order of a write: index visible -> bump (release) -> acknowledge.  A reader
 * takes the counters (acquire) BEFORE it reads or asks, keeps them with the
 * answer, and may use the answer while they are unchanged and the heartbeat is
 * younger than 1 s.
 */
#ifndef STEME_CHANGES_H
#define STEME_CHANGES_H

#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

#define STEME_CHANGES_SLOTS	65536

struct steme_changes;

/* Writer: makes path (replacing it) and maps it; path NULL: private memory. */
int steme_changes_create(struct steme_changes **out, const char *path);
/* Reader: maps path read-only.  STEME_ENOTFOUND, STEME_EVERSION. */
int steme_changes_open(struct steme_changes **out, const char *path);
void steme_changes_close(struct steme_changes *c);

/* What an answer about one concept depends on; three loads. */
struct steme_stamp {
	uint64_t boot, global, slot;
};
struct steme_stamp steme_changes_stamp(const struct steme_changes *c,
    struct steme_str concept);
/* For answers over many concepts: slot is the `any` counter. */
struct steme_stamp steme_changes_stamp_any(const struct steme_changes *c);
static inline bool
steme_stamp_eq(const struct steme_stamp *a, const struct steme_stamp *b)
{
	return a->boot == b->boot && a->global == b->global && a->slot == b->slot;
}
/* Reader: is the daemon alive (heartbeat younger than 1 s)? */
bool steme_changes_fresh(const struct steme_changes *c, int64_t now_mono_us);

/* Writer only. */
void steme_changes_bump(struct steme_changes *c, struct steme_str concept);
void steme_changes_bump_any(struct steme_changes *c);
void steme_changes_bump_global(struct steme_changes *c);
void steme_changes_heartbeat(struct steme_changes *c, int64_t now_mono_us);

#endif
