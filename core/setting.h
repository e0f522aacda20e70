/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setting.h - what the operator decides while the store runs: assertions below `_steme/`,
 * signed by the store's operator key, one current value per concept and predicate.
 * So settings have a history, survive restarts and are seen in the mount.
 *
 * Threads: any, but two that change the same setting at once may leave both values
 * current (the later one counts): callers that change settings take turns.
 */
#ifndef STEME_SETTING_H
#define STEME_SETTING_H

#include "core/sign.h"
#include "core/store.h"

#define STEME_SYSTEM_PREFIX	"_steme/"

struct steme_setting {
	enum steme_type type;
	struct steme_str value;		/* as in an object: `true`, `100` */
};

/* A value with its place. */
struct steme_setting_of {
	struct steme_str concept, predicate;
	struct steme_setting v;
};

/*
 * The value that counts now: the newest current assertion of the operator.  *has is false if
 * there is none.  out.value is cut to buf (NUL-terminated).
 */
int steme_setting_get(struct steme_store *s, struct steme_str concept,
    struct steme_str predicate, char *buf, size_t buflen, struct steme_setting *out,
    bool *has);
/*
 * Makes v the value, or with v NULL takes it back: the operator's current assertions are
 * retracted in the same group, so readers never see two, or none.  op must be the store's
 * operator (STEME_EPERM else).  *out has err, status, id and lsn; with nothing to take back
 * it is STEME_EXISTS with an id of zeros.  Returns out->err or that of the commit; why says
 * what is wrong.
 */
int steme_setting_put(struct steme_store *s, const struct steme_key *op, int64_t now_us,
    struct steme_str concept, struct steme_str predicate, const struct steme_setting *v,
    struct steme_put *out, struct steme_why *why);
/*
 * The first values of n settings that a new store has none of, in one group: after a crash
 * all are there, or none.  op as above; n at least 1.
 */
int steme_setting_put_first(struct steme_store *s, const struct steme_key *op,
    int64_t now_us, const struct steme_setting_of *v, size_t n, struct steme_why *why);

#endif
