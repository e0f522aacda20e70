/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_claim_json.c - claims from hostile JSON. */
#include "config.h"
#include "core/claim_impl.h"
#include "tests/fuzz/fuzz_claim.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The short way of plain claims ends where the long one does. */
static void
check_flat(const char *json, size_t n)
{
	static const struct steme_id agent = { { 1, 2, 3 } };
	struct steme_claim flat, tree;
	struct steme_why why;
	int a, b;

	steme_claim_init(&flat);
	steme_claim_init(&tree);
	if (claim_take_flat(&flat, json, n)) {
		MUST(claim_from_tree(&tree, json, n, 0, &why));
		MUST(strcmp(flat.agent_name, tree.agent_name));
		MUST(flat.has_time != tree.has_time);
		a = steme_claim_complete(&flat, &agent, NULL, 0, &why);
		b = steme_claim_complete(&tree, &agent, NULL, 0, &why);
		MUST(a != b || flat.bytes.len != tree.bytes.len);
		MUST(a == STEME_OK && memcmp(flat.bytes.data, tree.bytes.data,
		    flat.bytes.len) != 0);
	}
	steme_claim_fini(&flat);
	steme_claim_fini(&tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct steme_claim c;
	struct steme_why why;

	steme_claim_init(&c);
	if (steme_claim_from_json(&c, (const char *)data, size, 0,
	    &why) == STEME_OK)
		check_claim(&c);
	steme_claim_fini(&c);
	check_flat(size == 0 ? "" : (const char *)data, size);
	return 0;
}
