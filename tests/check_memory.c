/* SPDX-License-Identifier: Apache-2.0 */
/* check_memory.c - what malloc() holds without need goes back to the kernel. */
#include "config.h"
#include "fs/memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS	4096
#define BLOCK	(32u << 10)	/* below what malloc() maps singly: 128 MiB in all */

static char *blocks[BLOCKS];

static long
resident_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "re");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* The last block stays, so that what is below it is no end that free() cuts off. */
static void
burst(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		ck_assert_ptr_nonnull(blocks[i] = malloc(BLOCK));
		memset(blocks[i], 1, BLOCK);
	}
	for (size_t i = 0; i < BLOCKS - 1; i++)
		free(blocks[i]);
}

START_TEST(what_a_burst_left_goes_back_and_what_is_used_stays)
{
	long before;

	fs_memory_init();
	burst();
	before = resident_kb();
#ifndef __SANITIZE_ADDRESS__	/* there, another malloc() holds what was freed */
	ck_assert(fs_memory_give_back());
	ck_assert_int_lt(resident_kb(), before - 100 * 1024);
	ck_assert(!fs_memory_give_back());
#endif
	ck_assert_int_gt(before, 0);
	for (size_t i = 0; i < BLOCK; i++)
		ck_assert_int_eq(blocks[BLOCKS - 1][i], 1);
	free(blocks[BLOCKS - 1]);
}
END_TEST

START_TEST(memory_in_use_is_no_reason_to_give_back)
{
	fs_memory_give_back();
	for (size_t i = 0; i < BLOCKS; i++) {
		ck_assert_ptr_nonnull(blocks[i] = malloc(BLOCK));
		memset(blocks[i], 1, BLOCK);
	}
#ifndef __SANITIZE_ADDRESS__
	ck_assert(!fs_memory_give_back());
#endif
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_add_test(t, what_a_burst_left_goes_back_and_what_is_used_stays);
	tcase_add_test(t, memory_in_use_is_no_reason_to_give_back);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
