/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens_eval.c - answers cases: one JSON object a line on stdin, its answer on
 * stdout.  lens_reference.py compares those with its own.
 */
#include "config.h"
#include "tests/lens_case.h"

#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;
	uint64_t seed = 0;

	while (getline(&line, &cap, stdin) > 0) {
		struct json_object *c = json_tokener_parse(line), *out;

		if (c == NULL) {
			fprintf(stderr, "lens_eval: not JSON: %s\n", line);
			return EXIT_FAILURE;
		}
		out = lens_case_eval(c, seed++);
		puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
		json_object_put(out);
		json_object_put(c);
	}
	free(line);
	return EXIT_SUCCESS;
}
