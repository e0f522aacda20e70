/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - what people see: tables, colours, values that cannot play tricks on a
 * terminal.  Claims are written by strangers: no byte of theirs goes to a terminal
 * that could move its cursor or turn its text around.
 */
#ifndef STEME_CLI_OUT_H
#define STEME_CLI_OUT_H

#include "core/buf.h"
#include "core/hash.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One complaint on stderr: "steme: text", or {"error",...} with json. */
void out_error(bool json, const char *name, int status, const char *text);

/*
 * Appends s so that every terminal shows it as it is: controls, marks without a width or
 * that turn text around, and what is not UTF-8 are spelled \n, \t, \xNN, \u{NNNN}.
 */
void out_clean(struct steme_buf *b, struct steme_str s);
/* Columns that s takes on a terminal (it is valid UTF-8 without controls). */
size_t out_width(struct steme_str s);
/* Cuts s to at most `width` columns, the last of them an ellipsis. */
void out_cut(struct steme_buf *b, struct steme_str s, size_t width);
/* Appends s as a JSON string with its quotes; s is UTF-8 (what is not becomes U+FFFD). */
void out_json_str(struct steme_buf *b, struct steme_str s);

/* "1.4 MiB"; out has 16 bytes.  Returns out. */
char *out_bytes(char out[16], uint64_t n);
/* "3 d 4 h", "12 s"; out has 32 bytes.  Returns out. */
char *out_seconds(char out[32], uint64_t s);
/* The first 12 digits of an id; out has 13 bytes.  Returns out. */
char *out_short(char out[13], const struct steme_id *id);

/* ---- tables ---- */

#define OUT_COLUMNS	12

struct out_table {
	unsigned ncols;
	const char *head[OUT_COLUMNS];	/* a leading '>' aligns right */
	struct steme_buf bytes;		/* cells, cleaned, one after the other */
	struct steme_buf ends;		/* u32 end of each */
	size_t ncells;
	unsigned narrow;		/* column to cut first; 0: none */
};

void out_table_init(struct out_table *t, const char *const *heads, unsigned ncols);
void out_table_fini(struct out_table *t);
/* The next cell of the row, left to right. */
void out_cell(struct out_table *t, struct steme_str s);
void out_cellf(struct out_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Prints all rows.  width 0: nothing is cut; otherwise the column `narrow` is cut so that
 * lines fit, but not below 12.  color: the head in bold.
 */
void out_table_print(const struct out_table *t, FILE *f, unsigned width, bool color);

/* ---- progress ---- */

struct out_bar {
	FILE *f;			/* NULL: silent */
	const char *what;
	int64_t next_us;		/* monotonic: when to draw again */
	unsigned width;
	bool drawn;
};

/* Silent unless stderr is a terminal. */
void out_bar_init(struct out_bar *b, bool tty, unsigned width, const char *what);
/* permille above 1,000: unknown; draws at most ten times a second. */
void out_bar_set(struct out_bar *b, unsigned permille, const char *more);
/* Wipes the line. */
void out_bar_clear(struct out_bar *b);

#endif
