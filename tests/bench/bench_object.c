/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_object.c - what one core does with objects of about 350 bytes: parse,
 * write, hash, sign, verify, and the JSON and TSV doors.  No arguments.
 */
#include "config.h"
#include "core/claim.h"
#include "core/clock.h"
#include "core/merkle.h"

#include <stdio.h>
#include <stdlib.h>

#define RUN_US	500000	/* per line of the table */

static struct steme_key key;
static struct steme_claim claim;
static struct steme_buf json, tsv, out;
static struct steme_sig sig;
static struct steme_id ids[STEME_BATCH_MAX];
static volatile uint8_t sink;

static void
fatal(const char *what, const struct steme_why *why)
{
	fprintf(stderr, "bench_object: %s: %s\n", what, why->text);
	exit(EXIT_FAILURE);
}

static void
run_parse(void)
{
	struct steme_object o;

	MUST(steme_object_parse(&o, claim.bytes.data, claim.bytes.len, NULL));
	sink = (uint8_t)o.time_us;
}

static void
run_write(void)
{
	steme_buf_clear(&out);
	MUST(steme_object_write(&claim.o, &out, NULL));
}

static void
run_hash(void)
{
	sink = steme_hash(claim.bytes.data, claim.bytes.len).b[0];
}

static void
run_sign(void)
{
	steme_sign(&sig, &key, claim.bytes.data, claim.bytes.len);
}

static void
run_verify(void)
{
	MUST(steme_verify(&sig, &key.agent, claim.bytes.data,
	    claim.bytes.len));
}

static void
run_json(void)
{
	static struct steme_claim c;

	MUST(steme_claim_from_json(&c, (char *)json.data, json.len, 0, NULL));
	MUST(steme_claim_complete(&c, &key.agent, NULL, 1, NULL));
}

static void
run_tsv(void)
{
	static struct steme_claim c;

	MUST(steme_claim_from_tsv(&c, (char *)tsv.data, tsv.len, NULL));
	MUST(steme_claim_complete(&c, &key.agent, NULL, 1, NULL));
}

static void
run_root(void)
{
	struct steme_id root;

	MUST(steme_merkle_root(ids, STEME_BATCH_MAX, &root));
}

static void
measure(const char *what, void (*fn)(void))
{
	const struct steme_clock *c = &steme_clock_system;
	int64_t start = steme_mono_us(c), t;
	unsigned long n = 0;

	do {
		for (int i = 0; i < 16; i++)
			fn();
		n += 16;
		t = steme_mono_us(c) - start;
	} while (t < RUN_US);
	printf("%-28s %10.0f /s %10.3f us\n", what, (double)n / (double)t * 1e6,
	    (double)t / (double)n);
}

static void
prepare(void)
{
	struct steme_why why = { "" };
	uint8_t seed[32] = { 1 };

	MUST(steme_sign_init());
	steme_key_from_seed(&key, seed);
	steme_buf_puts(&json, "{\"concept_path\":\"country/germany\","
	    "\"predicate\":\"population\","
	    "\"object\":{\"type\":\"number\",\"value\":83240525},"
	    "\"confidence\":0.95,\"source_class\":\"observational\","
	    "\"source\":\"https://example.org/data/2026/countries.json\","
	    "\"meta\":{\"unit\":\"people\",\"note\":\"estimate at mid-year\"},"
	    "\"time\":\"2026-01-02T03:04:05.000000Z\"}");
	steme_buf_puts(&tsv, "country/germany\tpopulation\t83240525\t0.95\t"
	    "observational\thttps://example.org/data/2026/countries.json\t"
	    "2026-01-02T03:04:05.000000Z");
	steme_claim_init(&claim);
	if (steme_claim_from_json(&claim, (char *)json.data, json.len, 0,
	    &why) != STEME_OK ||
	    steme_claim_sign(&claim, &key, NULL, 1, &why) != STEME_OK)
		fatal("prepare", &why);
	for (unsigned i = 0; i < STEME_BATCH_MAX; i++) {
		ids[i].b[0] = (uint8_t)(i >> 8);
		ids[i].b[1] = (uint8_t)i;
	}
	printf("object of %zu bytes, JSON of %zu, TSV of %zu\n",
	    claim.bytes.len, json.len, tsv.len);
}

int
main(void)
{
	prepare();
	measure("parse", run_parse);
	measure("write", run_write);
	measure("hash", run_hash);
	measure("sign", run_sign);
	measure("verify", run_verify);
	measure("JSON to object", run_json);
	measure("TSV to object", run_tsv);
	measure("Merkle root of 4,096", run_root);
	return 0;
}
