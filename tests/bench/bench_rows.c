/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_rows.c - claims as rows for PostgreSQL, with the ids and signatures that the
 * store would have.
 *
 *   bench_rows copy|insert|tsv|signed|agents|batch < CLAIMS.ndjson
 *
 * copy: text for COPY; insert: INSERT statements of 1,000 rows; tsv: lines for
 * steme import, which has no need of ids and signatures; signed: NDJSON of exact objects with
 * signatures; agents: the same, each by an agent of its own; batch: bodies of POST /v1/batch,
 * one a line.
 */
#include "config.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/merkle.h"
#include "core/render.h"
#include "core/timefmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS	1000	/* of a statement */
#define MEMBERS	1500	/* of a batch: a frame of the daemon's socket or less */

static struct steme_key key;

static void
put_hex(const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", b[i]);
}

/* For COPY and steme import: tab, newline and backslash are escaped. */
static void
put_escaped(struct steme_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\t')
			fputs("\\t", stdout);
		else if (s.p[i] == '\n')
			fputs("\\n", stdout);
		else if (s.p[i] == '\\')
			fputs("\\\\", stdout);
		else
			putchar_unlocked(s.p[i]);
	}
}

static void
put_quoted(struct steme_str s)
{
	putchar_unlocked('\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\'')
			putchar_unlocked('\'');
		putchar_unlocked(s.p[i]);
	}
	putchar_unlocked('\'');
}

static void
put_text(struct steme_str s, bool quoted)
{
	if (quoted)
		put_quoted(s);
	else
		put_escaped(s);
}

static void
put_bytes(const uint8_t *b, size_t n, bool quoted)
{
	fputs(quoted ? "'\\x" : "\\\\x", stdout);
	put_hex(b, n);
	if (quoted)
		putchar_unlocked('\'');
}

static void
put_row(const struct steme_claim *c, bool quoted)
{
	const struct steme_object *o = &c->o;
	struct steme_id id = steme_hash(c->bytes.data, c->bytes.len);
	const char *sep = quoted ? "," : "\t";
	char time[STEME_TIME_LEN + 1];

	steme_time_format(time, o->time_us);
	put_bytes(id.b, sizeof(id.b), quoted);
	fputs(sep, stdout);
	put_text(o->concept, quoted);
	fputs(sep, stdout);
	put_text(o->predicate, quoted);
	fputs(sep, stdout);
	put_text(steme_str_from(steme_type_name(o->type)), quoted);
	fputs(sep, stdout);
	put_text(o->value, quoted);
	printf("%s%d.%04d%s", sep, o->confidence / 10000, o->confidence % 10000, sep);
	put_text(steme_str_from(steme_class_name(o->class_)), quoted);
	fputs(sep, stdout);
	if (o->source.p == NULL)
		fputs(quoted ? "NULL" : "\\N", stdout);
	else
		put_text(o->source, quoted);
	fputs(sep, stdout);
	put_text(steme_str_from(time), quoted);
	fputs(sep, stdout);
	put_bytes(o->agent.b, sizeof(o->agent.b), quoted);
	fputs(sep, stdout);
	put_bytes(c->sig.b, sizeof(c->sig.b), quoted);
}

static void
put_tsv(const struct steme_claim *c)
{
	const struct steme_object *o = &c->o;
	char time[STEME_TIME_LEN + 1];

	steme_time_format(time, o->time_us);
	put_escaped(o->concept);
	putchar_unlocked('\t');
	put_escaped(o->predicate);
	putchar_unlocked('\t');
	put_escaped(o->value);
	printf("\t%d.%04d\t%s\t", o->confidence / 10000, o->confidence % 10000,
	    steme_class_name(o->class_));
	put_escaped(o->source.p == NULL ? STEME_LIT("") : o->source);
	printf("\t%s\n", time);
}

/* A JSON string. */
static void
put_string(const void *p, size_t n)
{
	struct steme_buf b = { 0 };

	steme_json_str(&b, (struct steme_str){ p, n });
	fwrite(b.data, 1, b.len, stdout);
	steme_buf_fini(&b);
}

static void
put_signed(const void *bytes, size_t n, const struct steme_sig *sig)
{
	fputs("{\"text\":", stdout);
	put_string(bytes, n);
	fputs(",\"signature\":\"", stdout);
	put_hex(sig->b, sizeof(sig->b));
	putchar_unlocked('"');
}

/* ---- batches ---- */

static struct {
	unsigned n;
	int64_t time_us;
	struct steme_id ids[MEMBERS];
	struct steme_buf texts;		/* JSON strings with commas */
} batch;

static int
id_order(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

static void
put_batch(void)
{
	struct steme_object o = { .kind = STEME_BATCH, .class_ = STEME_CLASS_NONE,
	    .count = batch.n, .time_us = batch.time_us, .agent = key.agent,
	    .value = STEME_LIT("") };
	struct steme_buf b = { 0 };
	struct steme_why why;
	struct steme_sig sig;

	if (batch.n == 0)
		return;
	qsort(batch.ids, batch.n, sizeof(batch.ids[0]), id_order);
	MUST(steme_merkle_root(batch.ids, batch.n, &o.root));
	MUST(steme_object_write(&o, &b, &why));
	steme_sign(&sig, &key, b.data, b.len);
	put_signed(b.data, b.len, &sig);
	fputs(",\"members\":[", stdout);
	fwrite(batch.texts.data, 1, batch.texts.len, stdout);
	fputs("]}\n", stdout);
	steme_buf_fini(&b);
	steme_buf_clear(&batch.texts);
	batch.n = 0;
	batch.time_us = 0;
}

static void
add_to_batch(const struct steme_claim *c)
{
	struct steme_id id = steme_hash(c->bytes.data, c->bytes.len);

	for (unsigned i = 0; i < batch.n; i++)
		if (steme_id_eq(&batch.ids[i], &id))
			return;
	if (batch.n > 0)
		steme_buf_putc(&batch.texts, ',');
	steme_json_str(&batch.texts, (struct steme_str){
	    (const char *)c->bytes.data, c->bytes.len });
	batch.ids[batch.n++] = id;
	if (c->o.time_us > batch.time_us)
		batch.time_us = c->o.time_us;
	if (batch.n == MEMBERS)
		put_batch();
}

static void
put_claim(const struct steme_claim *c, char mode, unsigned long n)
{
	if (mode == 't') {
		put_tsv(c);
	} else if (mode == 'c') {
		put_row(c, false);
		putchar_unlocked('\n');
	} else if (mode == 's' || mode == 'a') {
		put_signed(c->bytes.data, c->bytes.len, &c->sig);
		fputs("}\n", stdout);
	} else if (mode == 'b') {
		add_to_batch(c);
	} else {
		fputs(n % ROWS == 0 ? "INSERT INTO claims VALUES\n(" : ",\n(", stdout);
		put_row(c, true);
		fputs(n % ROWS == ROWS - 1 ? ");\n" : ")", stdout);
	}
}

int
main(int argc, char **argv)
{
	struct steme_claim c;
	struct steme_why why;
	char *line = NULL;
	size_t cap = 0;
	unsigned long n = 0;
	ssize_t len;
	char mode = argc == 2 ? argv[1][0] : '?';

	if (strchr("citsab", mode) == NULL) {
		fprintf(stderr, "usage: bench_rows copy|insert|tsv|signed|agents|batch "
		    "< CLAIMS.ndjson\n");
		return EXIT_FAILURE;
	}
	MUST(steme_sign_init());
	steme_key_generate(&key);
	steme_claim_init(&c);
	for (; (len = getline(&line, &cap, stdin)) > 0; n++) {
		size_t used = (size_t)len - (line[len - 1] == '\n');

		if (mode == 'a')
			steme_key_generate(&key);
		if (steme_claim_from_json(&c, line, used, 0, &why) != STEME_OK ||
		    (mode == 't' || mode == 'b' ? steme_claim_complete(&c, &key.agent, NULL,
		    steme_wall_us(&steme_clock_system), &why) :
		    steme_claim_sign(&c, &key, NULL,
		    steme_wall_us(&steme_clock_system), &why)) != STEME_OK) {
			fprintf(stderr, "bench_rows: line %lu: %s\n", n + 1, why.text);
			return EXIT_FAILURE;
		}
		put_claim(&c, mode, n);
	}
	if (mode == 'i' && n % ROWS != 0)
		fputs(";\n", stdout);
	if (mode == 'b')
		put_batch();
	steme_buf_fini(&batch.texts);
	free(line);
	steme_claim_fini(&c);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
