/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what verify, rebuild and repair print, the same online and offline. */
#ifndef STEME_CLI_REPORT_H
#define STEME_CLI_REPORT_H

#include "core/hash.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	REP_RECORDS, REP_OBJECTS, REP_SIGNATURES, REP_BATCHES, REP_SEGMENTS,
	REP_ENTRIES, REP_LOST, REP_PROBLEMS, REP_US,
	REP_NUMBERS,
	/* of a rebuild */
	REP_REBUILT = 0, REP_REBUILD_US = 1,
	/* of a repair */
	REP_TROUBLES = 0, REP_REFILLED, REP_GONE, REP_WRITTEN, REP_ASIDE
};

struct report {
	bool json;
	uint64_t n[REP_NUMBERS];
	uint64_t found;			/* findings printed */
};

void report_init(struct report *r, bool json);
/* One line on stdout. */
void report_finding(struct report *r, int err, uint64_t lsn, const struct steme_id *id,
    struct steme_str text);
/* The totals; returns the exit status: 0 all good, 1 problems. */
int report_verify(const struct report *r);
int report_rebuild(const struct report *r);
int report_repair(const struct report *r);

#endif
