/* SPDX-License-Identifier: Apache-2.0 */
/* segments_move.c - segments between folders, and out of the log's way. */
#include "config.h"
#include "core/segments_local.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASIDE	".replaced"

/* The file of segment number, .wal or .wal.gz.  STEME_ENOTFOUND: there is none. */
static int
file_of(struct steme_seglocal *l, uint64_t number, bool *gz, char out[PATH_MAX])
{
	struct stat st;
	int err = STEME_ENOTFOUND;

	for (int i = 0; i < 2 && err == STEME_ENOTFOUND; i++) {
		*gz = i == 1;
		steme_seglocal_segment(l, out, number, *gz);
		err = l->io->ops->stat(l->io, out, &st);
	}
	return err;
}

static int
take_one(struct steme_seglocal *l, struct steme_seglocal *from, uint64_t number,
    struct steme_why *why)
{
	char old[PATH_MAX], new[PATH_MAX];
	bool gz;
	int err = file_of(from, number, &gz, old);

	if (err == STEME_OK) {
		steme_seglocal_segment(l, new, number, gz);
		err = l->io->ops->rename(l->io, old, new);
	}
	if (err != STEME_OK)
		steme_fail(why, err, "cannot move segment %" PRIu64 " from %s to "
		    "%s: %s", number, from->dir, l->dir, steme_strerror(err));
	return err;
}

int
steme_seglocal_take(struct steme_segments *s, struct steme_segments *other,
    struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	struct steme_seglocal *from = (struct steme_seglocal *)other;
	struct steme_segment_info *list;
	size_t n;
	int err = other->ops->list(other, &list, &n);

	if (err != STEME_OK)
		return steme_fail(why, err, "cannot list %s: %s", from->dir,
		    steme_strerror(err));
	for (size_t i = n; i > 0 && err == STEME_OK; i--) {
		err = take_one(l, from, list[i - 1].number, why);
		/* crash here: the highest alone names one before it that is not there */
		if (err == STEME_OK && (i == n || i == 1) &&
		    (err = steme_seglocal_settle(s, why)) == STEME_OK)
			err = steme_seglocal_settle(other, why);
	}
	free(list);
	return err;
}

int
steme_seglocal_set_aside(struct steme_segments *s, uint64_t number,
    struct steme_why *why)
{
	struct steme_seglocal *l = (struct steme_seglocal *)s;
	char old[PATH_MAX], new[PATH_MAX + sizeof(ASIDE)];
	bool gz;
	int err;

	while ((err = file_of(l, number, &gz, old)) == STEME_OK) {
		strcpy(new, old);
		strcat(new, ASIDE);
		if ((err = l->io->ops->rename(l->io, old, new)) != STEME_OK)
			break;
	}
	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	return steme_fail(why, err, "cannot rename %s: %s", old,
	    steme_strerror(err));
}
