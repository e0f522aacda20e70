/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - the main() of a check_<module> program.  Define
 * `static Suite *suite(void)` first, then include this file.
 * Run with CK_FORK=no under sanitizers and valgrind.
 */
#ifndef STEME_RUNNER_H
#define STEME_RUNNER_H

#include <check.h>
#include <stdlib.h>

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
