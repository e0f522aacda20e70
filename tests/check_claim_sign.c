/* SPDX-License-Identifier: Apache-2.0 */
/* check_claim_sign.c - claims signed elsewhere, completed and signed here, and from TSV. */
#include "config.h"
#include "tests/claim_util.h"

/* The JSON string of the bytes in c, with its signature, as text form. */
static void
as_text(struct steme_buf *b, const char *extra)
{
	char hex[STEME_SIG_HEX + 1];

	steme_buf_clear(b);
	steme_buf_puts(b, "{\"text\":\"");
	for (size_t i = 0; i < c.bytes.len; i++)
		if (c.bytes.data[i] == '\n')
			steme_buf_puts(b, "\\n");
		else
			steme_buf_putc(b, c.bytes.data[i]);
	steme_hex(hex, c.sig.b, STEME_SIG_LEN);
	steme_buf_printf(b, "\",\"signature\":\"%s\"%s}", hex, extra);
}

START_TEST(a_signed_text_is_taken_to_the_byte)
{
	struct steme_buf text = { 0 }, bytes = { 0 };

	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_sign(&c, &key, NULL, NOW, &why), STEME_OK);
	ck_assert(c.is_signed);
	steme_buf_put(&bytes, c.bytes.data, c.bytes.len);
	as_text(&text, "");
	good((char *)text.data);
	ck_assert(c.is_signed && c.has_agent && c.has_time);
	ck_assert_uint_eq(c.bytes.len, bytes.len);
	ck_assert_mem_eq(c.bytes.data, bytes.data, bytes.len);
	ck_assert_int_eq(steme_verify(&c.sig, &c.o.agent, c.bytes.data,
	    c.bytes.len), STEME_OK);
	ck_assert_int_eq(from_json_n((char *)text.data, text.len, STEME_VOTE),
	    STEME_EINVAL);
	good((char *)text.data);
	as_text(&text, ",\"agent_id\":\"" A64 "\"");
	bad((char *)text.data, "agent_id");
	bad("{\"text\":\"steme\"}", "signature is missing");
	bad("{\"text\":1,\"signature\":\"" SIG "\"}", "string");
	bad("{\"text\":\"steme\",\"signature\":1}", "signature");
	bad("{\"text\":\"hello\",\"signature\":\"" SIG "\"}", "line 1");
	bad_as("{\"text\":\"steme wish 1\\n\\n\",\"signature\":\"" SIG "\"}",
	    STEME_EVERSION, "not known");
	steme_buf_fini(&text);
	steme_buf_fini(&bytes);
}
END_TEST

START_TEST(signed_fields_give_the_bytes_that_were_signed)
{
	static const char *const parts[] = { "\"confidence\":0.90",
	    "\"source_class\":\"expert\"", "\"time\":\"2026-01-01T00:00:00Z\"",
	    "\"agent_id\":\"%s\"" };
	static const char *const named[] = { "confidence", "source_class",
	    "time", "agent_id" };
	char json[1024], hex[STEME_SIG_HEX + 1], part[256];
	struct steme_sig sig;
	size_t n;

	good("{" CPO ",\"confidence\":0.9,\"source_class\":\"expert\"}");
	ck_assert_int_eq(steme_claim_sign(&c, &key, NULL, NOW, &why), STEME_OK);
	sig = c.sig;
	steme_hex(hex, sig.b, STEME_SIG_LEN);
	/* All four, then each of them left out. */
	for (int skip = -1; skip < 4; skip++) {
		n = (size_t)snprintf(json, sizeof(json), "{" CPO);
		for (int i = 0; i < 4; i++) {
			snprintf(part, sizeof(part), parts[i], agent);
			if (i != skip)
				n += (size_t)snprintf(json + n,
				    sizeof(json) - n, ",%s", part);
		}
		snprintf(json + n, sizeof(json) - n, ",\"signature\":\"%s\"}",
		    hex);
		if (skip >= 0) {
			bad(json, named[skip]);
			continue;
		}
		good(json);
		ck_assert(c.is_signed);
		ck_assert_int_eq(steme_verify(&c.sig, &key.agent, c.bytes.data,
		    c.bytes.len), STEME_OK);
	}
}
END_TEST

START_TEST(completing_and_signing_keep_their_contract)
{
	struct steme_profile p = { STEME_EXPERT, 8000, "my notes" };
	struct steme_key other;
	struct steme_buf first = { 0 };

	steme_key_generate(&other);
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why),
	    STEME_OK);
	ck_assert_int_eq(c.o.class_, STEME_EXPERT);
	ck_assert_int_eq(c.o.confidence, 8000);
	ck_assert(steme_str_eq(c.o.source, STEME_LIT("my notes")));
	steme_buf_put(&first, c.bytes.data, c.bytes.len);
	/* A second time, later: nothing changes. */
	ck_assert_int_eq(steme_claim_sign(&c, &key, NULL, NOW + 1, &why),
	    STEME_OK);
	ck_assert_uint_eq(c.bytes.len, first.len);
	ck_assert_mem_eq(c.bytes.data, first.data, first.len);
	ck_assert_int_eq(steme_claim_sign(&c, &key, NULL, NOW, &why),
	    STEME_EINVAL);
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why),
	    STEME_OK);
	ck_assert_int_eq(steme_claim_sign(&c, &other, NULL, NOW, &why),
	    STEME_EPERM);
	good("{" CPO ",\"agent_id\":\"" A64 "\"}");
	ck_assert_int_eq(steme_claim_sign(&c, &key, NULL, NOW, &why),
	    STEME_EPERM);
	ck_assert(!c.is_signed);
	/* Defaults are an assertion's only; what it says itself stands. */
	good("{\"kind\":\"epoch\",\"name\":\"n\"}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why),
	    STEME_OK);
	ck_assert_ptr_null(c.o.source.p);
	good("{" CPO ",\"confidence\":0,\"source\":\"s\","
	    "\"source_class\":\"regulatory\"}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why),
	    STEME_OK);
	ck_assert_int_eq(c.o.confidence, 0);
	ck_assert_int_eq(c.o.class_, STEME_REGULATORY);
	ck_assert(steme_str_eq(c.o.source, STEME_LIT("s")));
	/* A clock outside of the format's years is told, and harms nothing. */
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, NULL, -1, &why),
	    STEME_EINVAL);
	makes(with_agent("steme assertion 1\nconcept a/b\npredicate p\n"
	    "type number\nconfidence 1\nclass anecdotal\n"
	    "time 2026-01-01T00:00:00.000000Z\n", "1"));
	steme_buf_fini(&first);
}
END_TEST

START_TEST(what_is_written_only_is_completed_later)
{
	struct steme_profile p = { STEME_EXPERT, 8000, "my notes" };
	struct steme_buf first = { 0 };

	/* the lists are sorted on their way into the bytes */
	good("{" CPO ",\"meta\":{\"z\":\"1\",\"b\":\"2\"},\"supersedes\":[\"" B64
	    "\",\"" A64 "\"]}");
	ck_assert_int_eq(steme_claim_write(&c, &key.agent, &p, NOW, &why), STEME_OK);
	ck_assert(steme_id_eq(&c.o.agent, &key.agent));
	ck_assert_int_eq(c.o.time_us, NOW);
	steme_buf_put(&first, c.bytes.data, c.bytes.len);
	/* again, later, and all of it: the bytes stay */
	ck_assert_int_eq(steme_claim_write(&c, &key.agent, NULL, NOW + 1, &why), STEME_OK);
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, NULL, NOW + 1, &why),
	    STEME_OK);
	ck_assert_uint_eq(c.bytes.len, first.len);
	ck_assert_mem_eq(c.bytes.data, first.data, first.len);
	ck_assert_ptr_eq(c.o.bytes.p, c.bytes.data);
	ck_assert(steme_str_eq(c.o.source, STEME_LIT("my notes")));
	ck_assert_uint_eq(c.o.nmeta, 2);
	ck_assert(steme_str_eq(c.o.meta[0].key, STEME_LIT("b")));
	ck_assert_uint_eq(c.o.nsupersedes, 2);
	ck_assert(steme_id_cmp(&c.o.supersedes[0], &c.o.supersedes[1]) < 0);
	steme_buf_clear(&first);
	/* and they are those that completing gives at once */
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_write(&c, &key.agent, &p, NOW, &why), STEME_OK);
	steme_buf_put(&first, c.bytes.data, c.bytes.len);
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why), STEME_OK);
	ck_assert_uint_eq(c.bytes.len, first.len);
	ck_assert_mem_eq(c.bytes.data, first.data, first.len);
	/* what fails leaves nothing behind */
	good("{" CPO "}");
	ck_assert_int_eq(steme_claim_write(&c, &key.agent, NULL, -1, &why), STEME_EINVAL);
	ck_assert_uint_eq(c.bytes.len, 0);
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW, &why), STEME_OK);
	ck_assert_mem_eq(c.bytes.data, first.data, first.len);
	steme_buf_fini(&first);
}
END_TEST

START_TEST(large_claims_meet_the_limits)
{
	struct steme_buf b = { 0 };

	steme_buf_puts(&b, "{\"concept\":\"a\",\"predicate\":\"p\",\"object\":\"");
	for (int i = 0; i < (1 << 20) - 300; i++)
		steme_buf_putc(&b, 'x');
	steme_buf_puts(&b, "\"}");
	good((char *)b.data);
	ck_assert_int_eq(steme_claim_complete(&c, &key.agent, NULL, NOW, &why),
	    STEME_OK);
	b.len -= 2;
	for (int i = 0; i < 300; i++)
		steme_buf_putc(&b, 'x');
	steme_buf_puts(&b, "\"}");
	bad_as((char *)b.data, STEME_ETOOBIG, "1048576");
	b.len -= 2;
	for (int i = 0; i < 1 << 20; i++)
		steme_buf_putc(&b, 'x');
	steme_buf_puts(&b, "\"}");
	ck_assert_int_eq(from_json_n((char *)b.data, b.len, 0), STEME_ETOOBIG);
	steme_buf_fini(&b);
}
END_TEST

static int
from_tsv(const char *line)
{
	size_t len = strlen(line);
	char *copy = malloc(len + 1);
	int err;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, line, len);
	why.text[0] = '\0';
	err = steme_claim_from_tsv(&c, copy, len, &why);
	memset(copy, '#', len);
	free(copy);
	return err;
}

static void
bad_tsv(const char *line, const char *word)
{
	ck_assert_msg(from_tsv(line) < 0, "accepted: %s", line);
	ck_assert_msg(strstr(why.text, word) != NULL, "%s\n'%s' not in: %s",
	    line, word, why.text);
}

START_TEST(a_tsv_line_is_a_claim)
{
	ck_assert_int_eq(from_tsv("a/b\tp\t10.0"), STEME_OK);
	ck_assert_int_eq(c.o.type, STEME_NUMBER);
	ck_assert(!c.has_confidence && !c.has_class && !c.has_source);
	ck_assert_int_eq(from_tsv("a\tp\ttrue\n"), STEME_OK);
	ck_assert_int_eq(c.o.type, STEME_BOOLEAN);
	ck_assert_int_eq(from_tsv("a\tp\t"), STEME_OK);
	ck_assert_int_eq(c.o.type, STEME_TEXT);
	ck_assert_int_eq(from_tsv("a\tp\tx\\ty\\nz\\\\n\t0.5\texpert\tsrc\t"
	    "2026-01-02\n"), STEME_OK);
	ck_assert(steme_str_eq(c.o.value, STEME_LIT("x\ty\nz\\n")));
	makes(with_agent("steme assertion 1\nconcept a\npredicate p\n"
	    "type text\nconfidence 0.5\nclass expert\nsource src\n"
	    "time 2026-01-02T00:00:00.000000Z\n", "x\ty\nz\\n"));
	ck_assert_int_eq(from_tsv("a\tp\t1\t\t\t\t2026-01-02"), STEME_OK);
	ck_assert(c.has_time && !c.has_confidence && !c.has_source);
	ck_assert_int_eq(from_tsv("fda://x\tp\t1"), STEME_OK);
	ck_assert_int_eq(c.o.class_, STEME_REGULATORY);
	ck_assert_int_eq(from_tsv("fda://x\tp\t1\t\texpert"), STEME_OK);
	ck_assert_int_eq(c.o.class_, STEME_EXPERT);

	bad_tsv("", "3 to 7");
	bad_tsv("a\tp", "3 to 7");
	bad_tsv("a\tp\t1\t1\texpert\ts\t2026-01-01\tx", "more");
	bad_tsv("a\tp\t1\r\n", "CR LF");
	bad_tsv("a\tp\tx\\q", "value");
	bad_tsv("a\tp\tx\\", "value");
	bad_tsv("@a\tp\t1", "concept");
	bad_tsv("a\tp/q\t1", "predicate");
	bad_tsv("a\t\t1", "predicate");
	bad_tsv("a\tp\t1\t2", "confidence");
	bad_tsv("a\tp\t1\t-1", "confidence");
	bad_tsv("a\tp\t1\tx", "confidence");
	bad_tsv("a\tp\t1\t1\tpeer", "class");
	bad_tsv("a\tp\t1\t1\texpert\t x", "source");
	bad_tsv("a\tp\t1\t1\texpert\ts\tnow", "time");
	bad_tsv("a\tp\tx\xff", "UTF-8");
}
END_TEST

START_TEST(values_are_guessed_as_the_rule_says)
{
	static const struct { const char *s; enum steme_type t; } t[] = {
		{ "1", STEME_NUMBER }, { "-1.5e3", STEME_NUMBER },
		{ "true", STEME_BOOLEAN }, { "false", STEME_BOOLEAN },
		{ "True", STEME_TEXT }, { "", STEME_TEXT }, { "+1", STEME_TEXT },
		{ " 1", STEME_TEXT }, { "01", STEME_TEXT }, { "1.", STEME_TEXT },
		{ "2.4 mg", STEME_TEXT }, { "null", STEME_TEXT },
		{ "1e1000", STEME_TEXT },
	};

	for (size_t i = 0; i < STEME_NELEM(t); i++)
		ck_assert_int_eq(steme_value_guess(steme_str_from(t[i].s)),
		    t[i].t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("claim_sign");
	TCase *t = tcase_create("json");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_signed_text_is_taken_to_the_byte);
	tcase_add_test(t, signed_fields_give_the_bytes_that_were_signed);
	tcase_add_test(t, completing_and_signing_keep_their_contract);
	tcase_add_test(t, what_is_written_only_is_completed_later);
	tcase_add_test(t, large_claims_meet_the_limits);
	suite_add_tcase(s, t);
	t = tcase_create("tsv");
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_tsv_line_is_a_claim);
	tcase_add_test(t, values_are_guessed_as_the_rule_says);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
