/* SPDX-License-Identifier: Apache-2.0 */
/* store_fixture.h - a store in P on either kind of index, and two who write to it. */
#ifndef STEME_STORE_FIXTURE_H
#define STEME_STORE_FIXTURE_H

#include "tests/store_util.h"

static struct place P;
static struct steme_key ann, bob;

static inline struct steme_store *
fresh(int mem)
{
	place_make(&P, mem == 1, false);
	key_of(&ann, 1);
	key_of(&bob, 2);
	return place_open(&P);
}

static inline void
done_with(struct steme_store *s)
{
	must_verify(s);
	steme_store_close(s);
	place_remove(&P);
}

static inline struct steme_store *
reopen(struct steme_store *s)
{
	steme_store_close(s);
	return place_open(&P);
}

#endif
