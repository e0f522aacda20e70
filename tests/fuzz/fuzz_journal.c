/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_journal.c - lines of logs, objects of journalctl, times.  A line shown as JSON must
 * be JSON whatever it is.
 */
#include "config.h"
#include "cli/journal.h"
#include "core/jsonin.h"
#include "core/util.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_str s = { (const char *)data, size };
	struct journal_line l = { .us = 1 };
	struct steme_buf b = { 0 };
	struct steme_json j;
	char *text;
	int64_t us;

	journal_read(&l, s);
	journal_show(&b, &l, JOURNAL_JSON, "p", "h", false);
	if (steme_buf_err(&b) == STEME_OK) {
		MUST(steme_json_parse(&j, (const char *)b.data, b.len - 1, 9, NULL));
		steme_json_fini(&j);
	}
	steme_buf_clear(&b);
	journal_show(&b, &l, JOURNAL_SHORT, "p", "h", true);
	steme_buf_clear(&b);
	journal_lift(&b, s);
	steme_buf_fini(&b);
	if (size < 200 && (text = strndup((const char *)data, size)) != NULL) {
		journal_time(text, 1795248000000000, &us);
		free(text);
	}
	return 0;
}
