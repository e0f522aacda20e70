/* SPDX-License-Identifier: Apache-2.0 */
/* trouble.c - storage errors as operators look for them in the journal. */
#include "config.h"
#include "core/store_impl.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

/* A standing error is told again after so long: whoever looks at the last lines finds it. */
#define AGAIN_US	(INT64_C(60) * 1000000)
#define LEVEL		(STEME_ERROR | STEME_LOG_STORAGE)

/* What the index itself last said, in its own words. */
static void
own_words(struct steme_store *s, char out[200])
{
	struct steme_index_stats st = {0};
	struct steme_gen *g = steme_gen_get(s);

	g->ix->ops->stats(g->ix, &st);
	steme_gen_put(g);
	memcpy(out, st.error, sizeof(st.error));
}

/* LevelDB's words for damage, or the nearest of the two that runbooks name. */
static const char *
damage(const char *said)
{
	if (strstr(said, "magic") != NULL || strstr(said, "sstable") != NULL ||
	    strstr(said, "footer") != NULL)
		return "invalid SST file header";
	return "block checksum mismatch";
}

/* The second line: the error as the storage layer names it. */
static void
log_raw(struct steme_store *s, int err)
{
	char said[200] = "";

	switch (err) {
	case STEME_ENOSPC:
		steme_log(LEVEL, "Error: Custom { kind: Other, error: \"IO error: No "
		    "space left on device\" }");
		break;
	case STEME_ECORRUPT:
		own_words(s, said);
		steme_log(LEVEL, "Error: Corruption: %s%s%s", damage(said),
		    said[0] != '\0' ? "; storage layer: " : "", said);
		break;
	case STEME_ETIMEOUT:
		steme_log(LEVEL, "Error: Failed to acquire write lock within timeout");
		break;
	default:
		steme_log(LEVEL, "Error: Custom { kind: Other, error: \"Input/output "
		    "error\" }");
		break;
	}
}

void
steme_trouble(struct steme_store *s, int err, const char *what, const char *detail)
{
	steme_log(LEVEL, "Error: %s: storage error: %s: %s", err == STEME_ETIMEOUT ?
	    "TimeoutError" : "StorageError", what, detail);
	log_raw(s, err);
}

int
steme_store_index_error(struct steme_store *s, int err, const char *what)
{
	atomic_fetch_add_explicit(&s->gets, 1, memory_order_relaxed);
	if (err == STEME_OK || err == STEME_ENOTFOUND || err == STEME_ENOMEM)
		return err;
	atomic_fetch_add_explicit(&s->get_errors, 1, memory_order_relaxed);
	if (atomic_exchange(&s->index_error, true))
		return err;
	steme_log(LEVEL, "Error: StorageError: storage: index error: %s while %s; "
	    "rebuild the index (`steme rebuild`), the log has everything",
	    err == STEME_ECORRUPT ? "index checksum mismatch" :
	    "predicate index lookup failed", what);
	log_raw(s, err);
	if (err == STEME_ECORRUPT)
		steme_mark_rebuild(s, true);
	return err;
}

void
steme_trouble_again(struct steme_store *s, int64_t now)
{
	if (!atomic_load(&s->index_error)) {
		s->trouble_told_us = now;
		return;
	}
	if (now - s->trouble_told_us < AGAIN_US)
		return;
	s->trouble_told_us = now;
	steme_log(LEVEL, "Error: StorageError: storage: index error: the index still cannot "
	    "be read in full: rebuild it (`steme rebuild`), the log has everything");
}
