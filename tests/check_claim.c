/* SPDX-License-Identifier: Apache-2.0 */
/* check_claim.c - claims from JSON. */
#include "config.h"
#include "tests/claim_util.h"

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
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
