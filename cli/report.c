/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what verify, rebuild and repair print. */
#include "config.h"
#include "cli/report.h"
#include "cli/out.h"
#include "core/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

void
report_init(struct report *r, bool json)
{
	memset(r, 0, sizeof(*r));
	r->json = json;
}

void
report_finding(struct report *r, int err, uint64_t lsn, const struct steme_id *id,
    struct steme_str text)
{
	char hex[STEME_ID_HEX + 1] = "";
	struct steme_buf b = { 0 };

	r->found++;
	if (!steme_id_is_zero(id))
		steme_id_hex(hex, id);
	if (r->json) {
		steme_buf_printf(&b, "{\"finding\":\"%s\",\"lsn\":%" PRIu64
		    ",\"id\":\"%s\",\"text\":", steme_errname(err), lsn, hex);
		out_json_str(&b, text);
		steme_buf_putc(&b, '}');
	} else {
		steme_buf_puts(&b, "problem: ");
		out_clean(&b, text);
		if (lsn != 0)
			steme_buf_printf(&b, " (lsn %" PRIu64 ")", lsn);
		if (hex[0] != '\0')
			steme_buf_printf(&b, " %s", hex);
	}
	if (steme_buf_err(&b) == STEME_OK)
		printf("%.*s\n", (int)b.len, (char *)b.data);
	steme_buf_fini(&b);
}

int
report_verify(const struct report *r)
{
	const uint64_t *n = r->n;

	if (r->json) {
		printf("{\"records\":%" PRIu64 ",\"objects\":%" PRIu64
		    ",\"signatures\":%" PRIu64 ",\"batches\":%" PRIu64
		    ",\"segments\":%" PRIu64 ",\"index_entries\":%" PRIu64
		    ",\"lost_segment_records\":%" PRIu64 ",\"problems\":%" PRIu64
		    ",\"us\":%" PRIu64 "}\n", n[REP_RECORDS], n[REP_OBJECTS],
		    n[REP_SIGNATURES], n[REP_BATCHES], n[REP_SEGMENTS],
		    n[REP_ENTRIES], n[REP_LOST], n[REP_PROBLEMS], n[REP_US]);
		return n[REP_PROBLEMS] == 0 ? EX_OK : 1;
	}
	printf("checked %" PRIu64 " objects, %" PRIu64 " signatures, %" PRIu64
	    " batches, %" PRIu64 " segments, %" PRIu64 " index entries in %"
	    PRIu64 ".%" PRIu64 " s\n", n[REP_OBJECTS], n[REP_SIGNATURES],
	    n[REP_BATCHES], n[REP_SEGMENTS], n[REP_ENTRIES], n[REP_US] / 1000000,
	    n[REP_US] / 100000 % 10);
	if (n[REP_LOST] > 0)
		printf("%" PRIu64 " records are in the index only: their segments are "
		    "gone (put them back from a backup)\n", n[REP_LOST]);
	if (n[REP_PROBLEMS] == 0) {
		printf("all good\n");
		return EX_OK;
	}
	printf("%" PRIu64 " problem%s found%s\n", n[REP_PROBLEMS],
	    n[REP_PROBLEMS] == 1 ? "" : "s", n[REP_PROBLEMS] > r->found ?
	    " (not all are listed)" : "");
	return 1;
}

int
report_rebuild(const struct report *r)
{
	const uint64_t *n = r->n;

	if (r->json)
		printf("{\"objects\":%" PRIu64 ",\"us\":%" PRIu64 "}\n",
		    n[REP_REBUILT], n[REP_REBUILD_US]);
	else
		printf("rebuilt the index: %" PRIu64 " objects in %" PRIu64 ".%"
		    PRIu64 " s\n", n[REP_REBUILT], n[REP_REBUILD_US] / 1000000,
		    n[REP_REBUILD_US] / 100000 % 10);
	return EX_OK;
}

int
report_repair(const struct report *r)
{
	const uint64_t *n = r->n;

	if (r->json)
		printf("{\"troubles\":%" PRIu64 ",\"refilled\":%" PRIu64 ",\"lost\":%"
		    PRIu64 ",\"written\":%" PRIu64 ",\"set_aside\":%" PRIu64 "}\n",
		    n[REP_TROUBLES], n[REP_REFILLED], n[REP_GONE], n[REP_WRITTEN],
		    n[REP_ASIDE]);
	else if (n[REP_TROUBLES] == 0)
		printf("the log is whole: there is nothing to repair\n");
	else
		printf("repaired the log: %" PRIu64 " segments written anew, %" PRIu64
		    " kept as *.replaced; %" PRIu64 " records came from the index, %"
		    PRIu64 " are lost\n", n[REP_WRITTEN], n[REP_ASIDE],
		    n[REP_REFILLED], n[REP_GONE]);
	return EX_OK;
}
