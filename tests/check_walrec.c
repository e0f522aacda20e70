/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_walrec.c - CRC-32C and the log's bytes; the worked example of doc/wal-format.md
 * is made here and compared with the document.
 */
#include "config.h"
#include "core/crc.h"
#include "core/util.h"
#include "core/walrec.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- CRC ---- */

/* Bit by bit, from the polynomial alone. */
static uint32_t
crc_slow(uint32_t seed, const uint8_t *p, size_t n)
{
	uint32_t c = ~seed;

	while (n-- > 0) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
	}
	return ~c;
}

START_TEST(crc_agrees_with_published_values)
{
	uint8_t b[32];

	ck_assert_uint_eq(steme_crc32c(0, "123456789", 9), 0xe3069283u);
	ck_assert_uint_eq(steme_crc32c_portable(0, "123456789", 9),
	    0xe3069283u);
	ck_assert_uint_eq(steme_crc32c(0, NULL, 0), 0);
	/* RFC 3720, B.4 */
	memset(b, 0, sizeof(b));
	ck_assert_uint_eq(steme_crc32c(0, b, 32), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	ck_assert_uint_eq(steme_crc32c(0, b, 32), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	ck_assert_uint_eq(steme_crc32c(0, b, 32), 0x46dd794eu);
}
END_TEST

START_TEST(both_crcs_agree_at_any_length_alignment_and_cut)
{
	uint8_t b[300];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n + from <= sizeof(b); n++) {
			uint32_t want = crc_slow(77, b + from, n);
			size_t cut = n / 3;

			ck_assert_uint_eq(steme_crc32c(77, b + from, n), want);
			ck_assert_uint_eq(steme_crc32c_portable(77, b + from,
			    n), want);
			ck_assert_uint_eq(steme_crc32c(steme_crc32c(77,
			    b + from, cut), b + from + cut, n - cut), want);
		}
}
END_TEST

/* ---- segment headers ---- */

static struct steme_wal_seghdr
header(void)
{
	return (struct steme_wal_seghdr){ .version = 1,
	    .node = UINT64_C(0x1122334455667788), .number = 7,
	    .first_lsn = 48211, .first_group = 301,
	    .hlc = UINT64_C(0x19a3b5c7d9eb0004), .prev_segment = 6,
	    .prev_offset = 81920, .prev_chain = 0xcafef00d, .born = 512,
	    .created_us = UINT64_C(1795226400000000),
	    .salt = UINT64_C(0x0102030405060708) };
}

START_TEST(a_segment_header_reads_back_and_any_changed_bit_is_noticed)
{
	struct steme_wal_seghdr h = header(), back;
	uint8_t b[STEME_WAL_HEADER], again[STEME_WAL_HEADER];

	steme_walrec_put_segment(b, &h);
	ck_assert_int_eq(steme_walrec_get_segment(&back, b, sizeof(b)),
	    STEME_OK);
	steme_walrec_put_segment(again, &back);
	ck_assert_mem_eq(again, b, sizeof(b));
	ck_assert_uint_eq(back.salt, h.salt);
	ck_assert_uint_eq(back.prev_chain, h.prev_chain);
	for (size_t n = 0; n < sizeof(b); n++)
		ck_assert_int_eq(steme_walrec_get_segment(&back, b, n),
		    STEME_ECORRUPT);
	for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(steme_walrec_get_segment(&back, b, sizeof(b)),
		    STEME_ECORRUPT);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(headers_that_contradict_themselves_are_damage)
{
	struct steme_wal_seghdr back;
	uint8_t b[STEME_WAL_HEADER];

	for (int i = 0; i < 10; i++) {
		struct steme_wal_seghdr h = header();

		switch (i) {
		case 0: h.node = 0; break;
		case 1: h.number = 0; break;
		case 2: h.first_lsn = 0; break;
		case 3: h.first_group = 0; break;
		case 4: h.born = 0; break;
		case 5: h.born = 513; break;
		case 6: h.prev_segment = 7; break;
		case 7: h.prev_offset = 100; break;
		case 8: h.prev_segment = h.prev_offset = 0; break;
		case 9: h.version = 0; break;
		}
		steme_walrec_put_segment(b, &h);
		ck_assert_int_eq(steme_walrec_get_segment(&back, b, sizeof(b)),
		    STEME_ECORRUPT);
	}
}
END_TEST

START_TEST(a_newer_version_is_told_from_damage)
{
	struct steme_wal_seghdr h = header(), back;
	uint8_t b[STEME_WAL_HEADER];

	h.version = 2;
	steme_walrec_put_segment(b, &h);
	ck_assert_int_eq(steme_walrec_get_segment(&back, b, sizeof(b)),
	    STEME_EVERSION);
	ck_assert_uint_eq(back.version, 2);
	b[200] ^= 1;
	ck_assert_int_eq(steme_walrec_get_segment(&back, b, sizeof(b)),
	    STEME_ECORRUPT);
}
END_TEST

/* ---- groups ---- */

#define SEED	0x12345678u

static size_t
put(uint8_t *b, struct steme_wal_group *g, size_t n, size_t len)
{
	static uint8_t payload[2000];
	struct steme_wal_rec recs[8];

	memset(payload, 'p', sizeof(payload));
	for (size_t i = 0; i < n; i++)
		recs[i] = (struct steme_wal_rec){ STEME_WAL_OBJECT, 10 + i, 5,
		    payload, len };
	*g = (struct steme_wal_group){ .group = 3, .offset = 1024,
	    .durable = 512, .first_lsn = 10, .hlc = 5, .chain = 99 };
	(void)steme_walrec_put_group(b, g, SEED, recs, n);
	return steme_walrec_size(g->length);
}

START_TEST(a_group_reads_back_and_any_changed_bit_is_noticed)
{
	static uint8_t b[4096];
	struct steme_wal_group g, back;
	struct steme_wal_bad bad;
	uint32_t chain;
	size_t size = put(b, &g, 3, 300);

	ck_assert_uint_eq(size % STEME_WAL_SECTOR, 0);
	ck_assert_uint_eq(b[size - 1], 0xff);
	ck_assert_int_eq(steme_walrec_get_group(&back, b, size, 1024, SEED),
	    STEME_OK);
	ck_assert_uint_eq(back.group, 3);
	ck_assert_uint_eq(back.durable, 512);
	ck_assert_uint_eq(back.first_lsn, 10);
	ck_assert_uint_eq(back.hlc, 5);
	ck_assert_uint_eq(back.chain, 99);
	ck_assert_uint_eq(back.count, 3);
	ck_assert_uint_eq(back.length, g.length);
	ck_assert_int_eq(steme_walrec_check(&back, b, &chain, &bad), STEME_OK);
	for (size_t bit = 0; bit < size * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (steme_walrec_get_group(&back, b, size, 1024, SEED) ==
		    STEME_OK) {
			ck_assert_uint_ge(bit / 8, STEME_WAL_GROUP);
			ck_assert_int_eq(steme_walrec_check(&back, b, &chain,
			    &bad), STEME_ECORRUPT);
			ck_assert_uint_le(bad.from, bit / 8);
			ck_assert_uint_le(bad.to, size);
		} else {
			ck_assert_uint_lt(bit / 8, STEME_WAL_GROUP);
		}
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(a_group_is_valid_only_in_its_place_and_its_segment)
{
	static uint8_t b[4096];
	struct steme_wal_group g, back;
	size_t size = put(b, &g, 1, 10);

	ck_assert_int_eq(steme_walrec_get_group(&back, b, size, 1536, SEED),
	    STEME_ECORRUPT);
	ck_assert_int_eq(steme_walrec_get_group(&back, b, size, 1024,
	    SEED + 1), STEME_ECORRUPT);
	for (size_t n = 0; n < STEME_WAL_GROUP; n++)
		ck_assert_int_eq(steme_walrec_get_group(&back, b, n, 1024,
		    SEED), STEME_ECORRUPT);
}
END_TEST

START_TEST(a_group_always_ends_in_padding)
{
	/* around the lengths where the records end at a sector's end */
	for (size_t len = 400; len < 450; len++) {
		static uint8_t b[4096];
		struct steme_wal_group g;
		size_t size = put(b, &g, 1, len);

		ck_assert_uint_gt(size, STEME_WAL_GROUP + g.length);
		ck_assert_uint_le(size, STEME_WAL_GROUP + g.length +
		    STEME_WAL_SECTOR);
		ck_assert_uint_eq(b[size - 1], 0xff);
	}
}
END_TEST

START_TEST(groups_over_the_limits_have_no_length)
{
	struct steme_wal_rec r[40];

	for (size_t i = 0; i < 40; i++)
		r[i] = (struct steme_wal_rec){ STEME_WAL_OBJECT, i + 1, 0, NULL,
		    STEME_WAL_PAYLOAD_MAX };
	ck_assert_uint_eq(steme_walrec_length(r, 31),
	    31 * (STEME_WAL_PAYLOAD_MAX + STEME_WAL_REC_EXTRA));
	ck_assert_uint_eq(steme_walrec_length(r, 32), 0);
	r[0].len++;
	ck_assert_uint_eq(steme_walrec_length(r, 1), 0);
}
END_TEST

/* ---- the rule of a torn group ---- */

START_TEST(zeros_explain_damage_only_from_the_bad_part_to_a_sectors_end)
{
	uint8_t b[2048];

	memset(b, 'x', sizeof(b));
	ck_assert(!steme_walrec_torn(b, sizeof(b), 100, 700));
	memset(b + 512, 0, 512);	/* a sector that was not written */
	ck_assert(steme_walrec_torn(b, sizeof(b), 100, 700));
	ck_assert(!steme_walrec_torn(b, sizeof(b), 100, 512));
	ck_assert(!steme_walrec_torn(b, sizeof(b), 1100, 1300));
	memset(b, 'x', sizeof(b));
	memset(b + 460, 0, 63);		/* covers an end, but is short */
	ck_assert(!steme_walrec_torn(b, sizeof(b), 100, 700));
	b[523] = 0;
	ck_assert(steme_walrec_torn(b, sizeof(b), 100, 700));
	memset(b, 'x', sizeof(b));
	memset(b + 600, 0, 200);	/* covers no end */
	ck_assert(!steme_walrec_torn(b, sizeof(b), 100, 900));
	memset(b, 'x', sizeof(b));
	b[2047] = 0;			/* the group's own end */
	ck_assert(steme_walrec_torn(b, sizeof(b), 2000, 2048));
}
END_TEST

/* ---- the document ---- */

/* The lines of hexdump -C, without the text column. */
static void
dump(char **out, size_t *len, const uint8_t *b, size_t n)
{
	FILE *f = open_memstream(out, len);
	bool starred = false;

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < n; i += 16) {
		if (i > 0 && memcmp(b + i, b + i - 16, 16) == 0) {
			if (!starred)
				fprintf(f, "*\n");
			starred = true;
			continue;
		}
		starred = false;
		fprintf(f, "%04zx ", i);
		for (size_t k = 0; k < 16; k++)
			fprintf(f, " %02x", b[i + k]);
		fprintf(f, "\n");
	}
	fprintf(f, "%04zx\n", n);
	fclose(f);
}

START_TEST(the_document_shows_the_bytes_that_are_written)
{
	struct steme_wal_seghdr h = { .version = 1,
	    .node = UINT64_C(0x0123456789abcdef), .number = 1, .first_lsn = 1,
	    .first_group = 1, .born = 512,
	    .created_us = UINT64_C(1795226400000000),
	    .salt = UINT64_C(0x7788990011223344) };
	struct steme_wal_rec recs[] = {
	    { STEME_WAL_GENESIS, 1, UINT64_C(0x01a1fbd4f5000000),
	    (const uint8_t *)"hello", 5 },
	    { STEME_WAL_OBJECT, 2, UINT64_C(0x01a1fbd4f5000001),
	    (const uint8_t *)"log", 3 } };
	struct steme_wal_group g = { .group = 1, .offset = 512, .durable = 512,
	    .first_lsn = 1, .hlc = UINT64_C(0x01a1fbd4f5000001) };
	uint8_t b[1536];
	char *want, *have, line[512];
	size_t n, m, at = 0;
	FILE *f, *doc;
	bool inside = false;

	steme_walrec_put_segment(b, &h);
	g.chain = h.crc;
	g = (struct steme_wal_group){ .flags = STEME_WAL_CLEAN, .group = 2,
	    .offset = 1024, .durable = 1024, .first_lsn = 3, .hlc = g.hlc,
	    .chain = steme_walrec_put_group(b + 512, &g, h.crc, recs, 2) };
	(void)steme_walrec_put_group(b + 1024, &g, h.crc, NULL, 0);
	dump(&want, &n, b, sizeof(b));
	f = open_memstream(&have, &m);
	doc = fopen(SRCDIR "/doc/wal-format.md", "r");
	ck_assert_ptr_nonnull(doc);
	while (fgets(line, sizeof(line), doc) != NULL) {
		size_t skip = 4;

		if (strncmp(line, "    0000  53 54", 15) == 0)
			inside = true;
		if (!inside || strncmp(line, "    ", 4) != 0) {
			inside = false;
			continue;
		}
		fputs(line + skip, f);
	}
	fclose(doc);
	fclose(f);
	while (want[at] != '\0' && want[at] == have[at])
		at++;
	if (getenv("STEME_SHOW") != NULL)
		fputs(want, stdout);
	ck_assert_msg(strcmp(want, have) == 0, "doc/wal-format.md differs at "
	    "byte %zu of the example; it should be\n%s", at, want);
	free(want);
	free(have);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("walrec");
	TCase *tc = tcase_create("walrec");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, crc_agrees_with_published_values);
	tcase_add_test(tc, both_crcs_agree_at_any_length_alignment_and_cut);
	tcase_add_test(tc,
	    a_segment_header_reads_back_and_any_changed_bit_is_noticed);
	tcase_add_test(tc, headers_that_contradict_themselves_are_damage);
	tcase_add_test(tc, a_newer_version_is_told_from_damage);
	tcase_add_test(tc, a_group_reads_back_and_any_changed_bit_is_noticed);
	tcase_add_test(tc, a_group_is_valid_only_in_its_place_and_its_segment);
	tcase_add_test(tc, a_group_always_ends_in_padding);
	tcase_add_test(tc, groups_over_the_limits_have_no_length);
	tcase_add_test(tc,
	    zeros_explain_damage_only_from_the_bad_part_to_a_sectors_end);
	tcase_add_test(tc, the_document_shows_the_bytes_that_are_written);
	suite_add_tcase(s, tc);
	return s;
}

#include "tests/runner.h"
