/* SPDX-License-Identifier: Apache-2.0 */
/* check_claim.c - claims from JSON and TSV, completed and signed. */
#include "config.h"
#include "core/claim.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW	INT64_C(1767225600000000)	/* 2026-01-01T00:00:00Z */
#define A64	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SIG	A64 A64
#define CPO	"\"concept_path\":\"a/b\",\"predicate\":\"p\",\"object\":1"

static struct steme_key key;
static char agent[STEME_ID_HEX + 1];
static struct steme_claim c;
static struct steme_why why;

static void
set_up(void)
{
	uint8_t seed[32] = { 7 };

	ck_assert_int_eq(steme_sign_init(), STEME_OK);
	steme_key_from_seed(&key, seed);
	steme_id_hex(agent, &key.agent);
	steme_claim_init(&c);
	memset(&why, 0, sizeof(why));
}

static void
tear_down(void)
{
	steme_claim_fini(&c);
}

/* Parses from a copy that ends exactly where the text does. */
static int
from_json_n(const char *json, size_t len, enum steme_kind expect)
{
	char *copy = malloc(len == 0 ? 1 : len);
	int err;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, json, len);
	why.text[0] = '\0';
	err = steme_claim_from_json(&c, copy, len, expect, &why);
	/* Nothing may point into the caller's text any more. */
	memset(copy, '#', len);
	free(copy);
	return err;
}

static int
from_json(const char *json)
{
	return from_json_n(json, strlen(json), 0);
}

static void
good(const char *json)
{
	int err = from_json(json);

	ck_assert_msg(err == STEME_OK, "%s\n%s", json, why.text);
}

/* json is refused with err and a sentence that holds the word. */
static void
bad_as(const char *json, int want, const char *word)
{
	int err = from_json(json);

	if (err == STEME_OK)
		err = steme_claim_complete(&c, &key.agent, NULL, NOW, &why);
	ck_assert_msg(err == want, "%s\n%s instead of %s: %s", json,
	    steme_errname(err), steme_errname(want), why.text);
	ck_assert_msg(strstr(why.text, word) != NULL, "%s\n'%s' is not in: %s",
	    json, word, why.text);
}

static void
bad(const char *json, const char *word)
{
	bad_as(json, STEME_EINVAL, word);
}

/* Completes what was parsed and wants these bytes. */
static void
makes(const char *text)
{
	int err = steme_claim_complete(&c, &key.agent, NULL, NOW, &why);

	ck_assert_msg(err == STEME_OK, "%s", why.text);
	ck_assert_str_eq((char *)c.bytes.data, text);
	ck_assert(c.o.bytes.p == (char *)c.bytes.data);
}

static const char *
with_agent(const char *head, const char *value)
{
	static char text[4096];

	snprintf(text, sizeof(text), "%sagent %s\n\n%s", head, agent, value);
	return text;
}

START_TEST(the_least_assertion_gets_the_defaults)
{
	good("{" CPO "}");
	ck_assert(!c.has_time && !c.has_agent && !c.has_confidence);
	makes(with_agent("steme assertion 1\nconcept a/b\npredicate p\n"
	    "type number\nconfidence 1\nclass anecdotal\n"
	    "time 2026-01-01T00:00:00.000000Z\n", "1"));
	ck_assert(c.has_time && c.has_agent && c.has_confidence);
}
END_TEST

START_TEST(every_member_lands_in_its_header)
{
	good("{\"kind\":\"assertion\",\"concept_path\":\"drug/x\","
	    "\"predicate\":\"dose\",\"object\":{\"type\":\"text\","
	    "\"value\":\"2.4 mg\\n\\u00e9\\ud83d\\ude00\\u0000!\"},"
	    "\"confidence\":0.9500,\"source_class\":\"clinical\","
	    "\"source\":\"https://e.org/\",\"source_hash\":\"sha256:" A64 "\","
	    "\"lifecycle\":\"proposed\",\"epoch\":\"2026\","
	    "\"parent\":\"" A64 "\",\"supersedes\":[\"" B64 "\",\"" A64 "\"],"
	    "\"meta\":{\"z\":\"last\",\"a\":\"first\"},"
	    "\"time\":\"2026-02-03\",\"agent\":\"alice\"}");
	ck_assert_str_eq(c.agent_name, "alice");
	ck_assert(c.has_time && c.has_confidence && c.has_class &&
	    c.has_source && !c.has_agent && !c.is_signed);
	ck_assert_uint_eq(c.o.value.n, 15);
	ck_assert_int_eq(c.o.value.p[13], '\0');
	makes(with_agent("steme assertion 1\nconcept drug/x\npredicate dose\n"
	    "type text\nconfidence 0.95\nclass clinical\n"
	    "source https://e.org/\nsource-hash sha256:" A64 "\n"
	    "lifecycle proposed\nepoch 2026\nparent " A64 "\n"
	    "supersedes " A64 "\nsupersedes " B64 "\n"
	    "meta-a first\nmeta-z last\ntime 2026-02-03T00:00:00.000000Z\n",
	    "2.4 mg\n\u00e9\U0001F600"));
	ck_assert_int_eq(c.bytes.data[c.bytes.len - 1], '!');
}
END_TEST

START_TEST(other_kinds_use_the_names_of_their_headers)
{
	const char *at = "time 2026-01-01T00:00:00.000000Z\n";
	char want[1024];

	good("{\"kind\":\"vote\",\"concept\":\"a\",\"assertion\":\"" A64 "\","
	    "\"weight\":-0.5,\"reason\":\"no\"}");
	snprintf(want, sizeof(want), "steme vote 1\nconcept a\nassertion " A64
	    "\nweight -0.5\n%s", at);
	makes(with_agent(want, "no"));
	good("{\"kind\":\"retraction\",\"concept_path\":\"a\","
	    "\"assertion_id\":\"" A64 "\"}");
	snprintf(want, sizeof(want), "steme retraction 1\nconcept a\n"
	    "assertion " A64 "\n%s", at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"retraction\",\"source\":\"s\","
	    "\"state\":\"reinstated\"}");
	snprintf(want, sizeof(want), "steme retraction 1\nsource s\n"
	    "state reinstated\n%s", at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"epoch\",\"name\":\"n\",\"supersedes\":\"m\"}");
	snprintf(want, sizeof(want), "steme epoch 1\nname n\nsupersedes m\n%s",
	    at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"alias\",\"from\":\"a\",\"to\":\"wiki://b\"}");
	snprintf(want, sizeof(want), "steme alias 1\nfrom a\nto wiki/b\n%s",
	    at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"trust\",\"of\":\"" A64 "\",\"weight\":1.0,"
	    "\"class\":\"expert\",\"prefix\":\"a\"}");
	snprintf(want, sizeof(want), "steme trust 1\nof " A64 "\nweight 1\n"
	    "class expert\nprefix a\n%s", at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"revocation\",\"of\":\"" A64 "\","
	    "\"since\":\"2025-01-01T10:00:00.5Z\"}");
	snprintf(want, sizeof(want), "steme revocation 1\nof " A64 "\n"
	    "since 2025-01-01T10:00:00.500000Z\n%s", at);
	makes(with_agent(want, ""));
	good("{\"kind\":\"batch\",\"count\":4096,\"root\":\"" A64 "\"}");
	snprintf(want, sizeof(want), "steme batch 1\ncount 4096\nroot " A64
	    "\n%s", at);
	makes(with_agent(want, ""));
}
END_TEST

START_TEST(numbers_keep_the_spelling_of_their_author)
{
	static const char *const numbers[] = { "1", "-0", "0.10", "1.0", "1E+2",
	    "1e-999", "123456789012345678901234567890", "-0.0", "0e0",
	    "9007199254740993", "18446744073709551616",
	    "0.1234567890123456789012345678901234567890", "1.50e003" };
	char json[512];

	for (size_t i = 0; i < STEME_NELEM(numbers); i++) {
		/* Other numbers before and after must not be mixed up. */
		snprintf(json, sizeof(json), "{\"confidence\":0.5,"
		    "\"object\":{\"value\":%s,\"type\":\"number\"},"
		    "\"predicate\":\"p\",\"concept\":\"a\"}", numbers[i]);
		good(json);
		ck_assert(steme_str_eq(c.o.value, steme_str_from(numbers[i])));
		ck_assert_int_eq(c.o.type, STEME_NUMBER);
		ck_assert_int_eq(c.o.confidence, 5000);
		snprintf(json, sizeof(json), "{\"object\": %s ,\"concept\":"
		    "\"a\",\"predicate\":\"p\",\"confidence\":1e-4}",
		    numbers[i]);
		good(json);
		ck_assert(steme_str_eq(c.o.value, steme_str_from(numbers[i])));
		ck_assert_int_eq(c.o.confidence, 1);
	}
}
END_TEST

START_TEST(objects_may_be_bare_or_typed)
{
#define OBJ(x)	"{\"concept\":\"a\",\"predicate\":\"p\",\"object\":" x "}"
	good(OBJ("true"));
	ck_assert_int_eq(c.o.type, STEME_BOOLEAN);
	ck_assert(steme_str_eq(c.o.value, STEME_LIT("true")));
	good(OBJ("\"10\""));
	ck_assert_int_eq(c.o.type, STEME_TEXT);
	good(OBJ("\"\""));
	ck_assert_uint_eq(c.o.value.n, 0);
	good(OBJ("{\"type\":\"number\",\"value\":\"1.10\"}"));
	ck_assert_int_eq(c.o.type, STEME_NUMBER);
	ck_assert(steme_str_eq(c.o.value, STEME_LIT("1.10")));
	good(OBJ("{\"type\":\"boolean\",\"value\":false}"));
	ck_assert(steme_str_eq(c.o.value, STEME_LIT("false")));
	good(OBJ("{\"type\":\"reference\",\"value\":\"x/y\"}"));
	ck_assert_int_eq(c.o.type, STEME_REFERENCE);

	bad(OBJ("null"), "object");
	bad(OBJ("[]"), "object");
	bad(OBJ("{}"), "type and value");
	bad(OBJ("{\"type\":\"text\"}"), "type and value");
	bad(OBJ("{\"value\":1}"), "type and value");
	bad(OBJ("{\"type\":\"text\",\"value\":1}"), "type text");
	bad(OBJ("{\"type\":\"number\",\"value\":true}"), "type number");
	bad(OBJ("{\"type\":\"number\",\"value\":\"ten\"}"), "no number");
	bad(OBJ("{\"type\":\"boolean\",\"value\":\"yes\"}"), "boolean");
	bad(OBJ("{\"type\":\"reference\",\"value\":\"@x\"}"), "reference");
	bad(OBJ("{\"type\":\"sealed\",\"value\":\"x\"}"), "sealed");
	bad(OBJ("{\"type\":\"float\",\"value\":1}"), "type");
	bad(OBJ("{\"type\":\"text\",\"value\":null}"), "value");
	bad(OBJ("{\"type\":\"text\",\"value\":\"x\",\"unit\":\"mg\"}"), "unit");
	bad(OBJ("1e1000"), "exponent");
}
END_TEST

START_TEST(a_scheme_form_gives_path_and_class)
{
	static const struct { const char *in, *path; enum steme_class c; } t[] =
	{
		{ "rfc://9110/x", "rfc/9110/x", STEME_REGULATORY },
		{ "fda://a/b", "fda/a/b", STEME_REGULATORY },
		{ "ietf://a", "ietf/a", STEME_REGULATORY },
		{ "peer://a", "peer/a", STEME_CLINICAL },
		{ "pubmed://1", "pubmed/1", STEME_CLINICAL },
		{ "code://a", "code/a", STEME_EXPERT },
		{ "wiki://a", "wiki/a", STEME_EXPERT },
		{ "community://a", "community/a", STEME_COMMUNITY },
		{ "blog://a", "blog/a", STEME_ANECDOTAL },
		{ "anon://a", "anon/a", STEME_ANECDOTAL },
	};
	struct steme_profile p = { STEME_CLINICAL, 5000, "" };
	char json[256];

	for (size_t i = 0; i < STEME_NELEM(t); i++) {
		snprintf(json, sizeof(json), "{\"concept_path\":\"%s\","
		    "\"predicate\":\"p\",\"object\":1}", t[i].in);
		good(json);
		ck_assert(steme_str_eq(c.o.concept, steme_str_from(t[i].path)));
		/* The scheme stands above the profile. */
		ck_assert_int_eq(steme_claim_complete(&c, &key.agent, &p, NOW,
		    &why), STEME_OK);
		ck_assert_int_eq(c.o.class_, t[i].c);
		ck_assert_int_eq(c.o.confidence, 5000);
	}
	good("{\"concept_path\":\"fda://a\",\"source_class\":\"expert\","
	    "\"predicate\":\"p\",\"object\":1}");
	ck_assert_int_eq(c.o.class_, STEME_EXPERT);
	good("{\"source_class\":\"expert\",\"concept_path\":\"fda://a\","
	    "\"predicate\":\"p\",\"object\":1}");
	ck_assert_int_eq(c.o.class_, STEME_EXPERT);
	bad("{\"concept_path\":\"http://a\",\"predicate\":\"p\",\"object\":1}",
	    "unknown scheme");
	bad("{\"concept_path\":\"fda://\",\"predicate\":\"p\",\"object\":1}",
	    "empty segment");
}
END_TEST

START_TEST(json_that_would_be_changed_without_a_word_is_refused)
{
	bad("", "no JSON value");
	bad(" \n", "no JSON value");
	bad("{", "ends before");
	bad("[" CPO "]", "malformed");
	bad("[1]", "JSON object");
	bad("7", "JSON object");
	bad("null", "JSON object");
	bad("{" CPO "} x", "place");
	bad("{" CPO "} {}", "malformed");
	bad("{" CPO ",}", "malformed");
	bad("{" CPO ",\"predicate\":\"q\"}", "twice");
	bad("{" CPO ",\"meta\":{\"a\":\"x\",\"a\":\"y\"}}", "twice");
	bad("{" CPO ",\"source\":\"\\ud800\"}", "surrogate");
	bad("{" CPO ",\"source\":\"\\ud800\\u0041\"}", "surrogate");
	bad("{" CPO ",\"source\":\"\\udc00\"}", "surrogate");
	bad("{" CPO ",\"source\":\"\\ud800", "surrogate");
	bad("{" CPO ",\"source\":\"\\u12", "escape");
	bad("{" CPO ",\"source\":\"\\", "escape");
	bad("{" CPO ",\"source\":\"\\q\"}", "malformed");
	bad("{" CPO ",\"source\":\"a\tb\"}", "control character");
	bad("{" CPO ",\"source\":\"a", "no end");
	bad("{" CPO ",\"source\\u0000x\":\"a\"}", "NUL");
	bad("{" CPO ",\"confidence\":NaN}", "place");
	bad("{" CPO ",\"confidence\":-Infinity}", "number");
	bad("{" CPO ",\"confidence\":1.}", "number");
	bad("{" CPO ",\"confidence\":-01}", "number");
	bad("{" CPO ",\"confidence\":.5}", "place");
	bad("{" CPO ",\"confidence\":0x1}", "place");
	bad("{" CPO ", /* c */ \"confidence\":1}", "place");
	bad("{'concept_path':\"a\"}", "place");
	bad("{" CPO ",\"source\":True}", "place");
	bad_as("{" CPO ",\"source\":\"\xff\"}", STEME_EUTF8, "UTF-8");
	bad_as("{" CPO ",\"source\":\"\xed\xa0\x80\"}", STEME_EUTF8, "UTF-8");
	bad("{" CPO ",\"meta\":[[[[[[[[[[1]]]]]]]]]]}", "deeper than 8");
	good(" \t\r\n{" CPO "}\r\n ");
	ck_assert_int_lt(from_json_n("{" CPO "}\0", sizeof("{" CPO "}"), 0), 0);
}
END_TEST

START_TEST(members_are_checked_and_named)
{
	bad("{}", "concept_path is missing");
	bad("{\"concept_path\":\"a\"}", "predicate is missing");
	bad("{\"concept_path\":\"a\",\"predicate\":\"p\"}",
	    "object is missing");
	bad("{" CPO ",\"colour\":1}", "unknown member 'colour'");
	bad("{" CPO ",\"weight\":1}", "'weight' does not belong");
	bad("{" CPO ",\"reason\":\"x\"}", "'reason' does not belong");
	bad("{" CPO ",\"concept\":\"a\"}", "concept_path and concept");
	bad("{\"concept_path\":1,\"predicate\":\"p\",\"object\":1}", "string");
	bad("{\"concept_path\":\"a//b\",\"predicate\":\"p\",\"object\":1}",
	    "empty segment");
	bad("{\"concept_path\":\"a\",\"predicate\":\"p/q\",\"object\":1}",
	    "predicate");
	bad("{" CPO ",\"confidence\":1.5}", "confidence");
	bad("{" CPO ",\"confidence\":-0.5}", "confidence");
	bad("{" CPO ",\"confidence\":0.12345}", "confidence");
	bad("{" CPO ",\"confidence\":\"1\"}", "must be a number");
	bad("{" CPO ",\"source_class\":\"peer\"}", "source_class");
	bad("{" CPO ",\"source_class\":1}", "source_class");
	bad("{" CPO ",\"lifecycle\":\"draft\"}", "lifecycle");
	bad("{" CPO ",\"source\":\"\"}", "source");
	bad("{" CPO ",\"source\":\"a\\nlifecycle proposed\"}", "source");
	bad("{" CPO ",\"source_hash\":\"md5:1\"}", "source_hash");
	bad("{" CPO ",\"epoch\":\"a/b\"}", "epoch");
	bad("{" CPO ",\"parent\":\"x\"}", "parent");
	bad("{" CPO ",\"supersedes\":\"" A64 "\"}", "supersedes");
	bad("{" CPO ",\"supersedes\":[1]}", "supersedes");
	bad("{" CPO ",\"supersedes\":[\"" A64 "\",\"" A64 "\"]}", "twice");
	bad("{" CPO ",\"meta\":{\"A\":\"x\"}}", "key A");
	bad("{" CPO ",\"meta\":{\"a\":1}}", "meta");
	bad("{" CPO ",\"meta\":\"a\"}", "meta");
	bad("{" CPO ",\"time\":\"yesterday\"}", "time");
	bad("{" CPO ",\"time\":1767225600}", "time");
	bad("{" CPO ",\"agent_id\":\"me\"}", "agent_id");
	bad("{" CPO ",\"agent\":\"../key\"}", "agent");
	bad("{" CPO ",\"agent\":7}", "agent");
	bad("{" CPO ",\"signature\":\"00\"}", "signature");
	bad("{" CPO ",\"kind\":\"wish\"}", "kind");
	bad("{" CPO ",\"kind\":1}", "kind");
	bad("{\"kind\":\"batch\",\"count\":0,\"root\":\"" A64 "\"}", "count");
	bad("{\"kind\":\"batch\",\"count\":1.0,\"root\":\"" A64 "\"}", "whole");
	bad("{\"kind\":\"retraction\"}", "either");
	bad("{\"kind\":\"retraction\",\"concept\":\"a\"}", "either");
	bad("{\"kind\":\"retraction\",\"source\":\"a\"}", "either");
	bad("{\"kind\":\"retraction\",\"source\":\"a\",\"state\":\"retracted\","
	    "\"assertion\":\"" A64 "\"}", "either");
	bad("{\"kind\":\"retraction\",\"concept\":\"a\",\"assertion\":\"" A64
	    "\",\"state\":\"retracted\"}", "either");
	bad("{\"kind\":\"trust\",\"of\":\"" A64 "\",\"weight\":-1}", "weight");
	bad("{\"kind\":\"retraction\",\"source\":\"a\",\"state\":\"gone\"}",
	    "state");
	/* null is as good as absent; approved is the unwritten default. */
	good("{" CPO ",\"source\":null,\"confidence\":null,"
	    "\"lifecycle\":\"approved\",\"time\":null}");
	ck_assert(!c.has_confidence && !c.has_source && !c.has_time);
	bad("{\"concept_path\":\"a\",\"predicate\":null,\"object\":1}",
	    "predicate is missing");
}
END_TEST

START_TEST(lists_have_their_limits)
{
	char json[8192];
	size_t n;

	for (int list = 0; list < 2; list++)
		for (unsigned max = 16; max <= 17; max++) {
			n = (size_t)snprintf(json, sizeof(json), "{" CPO
			    ",\"%s\":%c", list ? "supersedes" : "meta",
			    list ? '[' : '{');
			for (unsigned i = 0; i < max; i++)
				n += (size_t)snprintf(json + n,
				    sizeof(json) - n, list ?
				    "%s\"%064x\"" : "%s\"k%u\":\"v\"",
				    i ? "," : "", i);
			snprintf(json + n, sizeof(json) - n, "%c}",
			    list ? ']' : '}');
			if (max == 16)
				good(json);
			else
				bad_as(json, STEME_ETOOBIG, "16");
		}
}
END_TEST

START_TEST(an_endpoint_takes_its_kind_only)
{
	const char *a = "{" CPO "}", *v = "{\"concept\":\"a\",\"weight\":1,"
	    "\"assertion\":\"" A64 "\"}";

	ck_assert_int_eq(from_json_n(a, strlen(a), STEME_ASSERTION), STEME_OK);
	ck_assert_int_eq(from_json_n(v, strlen(v), STEME_VOTE), STEME_OK);
	ck_assert_int_eq(c.o.kind, STEME_VOTE);
	ck_assert_int_eq(from_json_n(a, strlen(a), STEME_VOTE), STEME_EINVAL);
	a = "{" CPO ",\"kind\":\"assertion\"}";
	ck_assert_int_eq(from_json_n(a, strlen(a), STEME_VOTE), STEME_EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "a vote is expected"));
}
END_TEST

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
	Suite *s = suite_create("claim");
	TCase *t = tcase_create("json");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, the_least_assertion_gets_the_defaults);
	tcase_add_test(t, every_member_lands_in_its_header);
	tcase_add_test(t, other_kinds_use_the_names_of_their_headers);
	tcase_add_test(t, numbers_keep_the_spelling_of_their_author);
	tcase_add_test(t, objects_may_be_bare_or_typed);
	tcase_add_test(t, a_scheme_form_gives_path_and_class);
	tcase_add_test(t,
	    json_that_would_be_changed_without_a_word_is_refused);
	tcase_add_test(t, members_are_checked_and_named);
	tcase_add_test(t, lists_have_their_limits);
	tcase_add_test(t, an_endpoint_takes_its_kind_only);
	tcase_add_test(t, a_signed_text_is_taken_to_the_byte);
	tcase_add_test(t, signed_fields_give_the_bytes_that_were_signed);
	tcase_add_test(t, completing_and_signing_keep_their_contract);
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
