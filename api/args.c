/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - parameters in the query string of routes that are no queries. */
#include "config.h"
#include "api/browse.h"
#include "core/util.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_DEFAULT	100
#define LIMIT_MAX	10000

struct reading {
	struct api_arg *args;
	size_t n;
	struct steme_why *why;
	int err;
};

/* All names, for whoever has misspelled one. */
static void
name_all(const struct reading *rd, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < rd->n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
		    i > 0 ? ", " : "", rd->args[i].name);
}

static enum MHD_Result
on_arg(void *cls, enum MHD_ValueKind kind, const char *key, size_t nkey,
    const char *value, size_t nvalue)
{
	struct reading *rd = cls;
	char all[256];

	(void)kind;
	for (size_t i = 0; i < rd->n; i++) {
		struct api_arg *a = &rd->args[i];

		if (!steme_str_eq((struct steme_str){ key, nkey },
		    steme_str_from(a->name)))
			continue;
		if (a->value.p != NULL) {
			rd->err = steme_fail(rd->why, STEME_EINVAL, "parameter %s is "
			    "given twice", a->name);
			return MHD_NO;
		}
		a->value = (struct steme_str){ value == NULL ? "" : value, nvalue };
		return MHD_YES;
	}
	name_all(rd, all, sizeof(all));
	rd->err = steme_fail(rd->why, STEME_EINVAL, "unknown parameter '%.*s': there "
	    "are %s", (int)STEME_MIN(nkey, 64), key, all);
	return MHD_NO;
}

int
api_args(struct api_request *r, struct api_arg *args, size_t n, struct steme_why *why)
{
	struct reading rd = { args, n, why, STEME_OK };

	MHD_get_connection_values_n(r->c, MHD_GET_ARGUMENT_KIND, on_arg, &rd);
	return rd.err;
}

int
api_arg_text(const struct api_arg *arg, size_t max, struct steme_str *out,
    struct steme_why *why)
{
	if (arg->value.n > max)
		return steme_fail(why, STEME_EINVAL, "parameter %s has %zu bytes: at "
		    "most %zu are taken", arg->name, arg->value.n, max);
	*out = arg->value;
	return STEME_OK;
}

int
api_arg_u64(const struct api_arg *arg, uint64_t *out, struct steme_why *why)
{
	uint64_t v = 0;

	if (arg->value.p == NULL)
		return STEME_OK;
	for (size_t i = 0; i < arg->value.n; i++) {
		unsigned d = (unsigned)(arg->value.p[i] - '0');

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			goto bad;
		v = v * 10 + d;
	}
	if (arg->value.n > 0) {
		*out = v;
		return STEME_OK;
	}
bad:
	return steme_fail(why, STEME_EINVAL, "parameter %s: '%.*s' is not a whole "
	    "number", arg->name, (int)STEME_MIN(arg->value.n, 64), arg->value.p);
}

int
api_arg_limit(const struct api_arg *arg, uint32_t *out, struct steme_why *why)
{
	uint64_t v = LIMIT_DEFAULT;
	int err = api_arg_u64(arg, &v, why);

	if (err == STEME_OK && (v == 0 || v > LIMIT_MAX))
		err = steme_fail(why, STEME_EINVAL, "parameter %s: '%.*s' is not a "
		    "number from 1 to %d", arg->name,
		    (int)STEME_MIN(arg->value.n, 64), arg->value.p, LIMIT_MAX);
	*out = (uint32_t)v;
	return err;
}
