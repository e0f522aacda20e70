/* SPDX-License-Identifier: Apache-2.0 */
/* seed.h - what a fresh store begins with, signed by its operator, below _steme/. */
#ifndef STEME_FS_SEED_H
#define STEME_FS_SEED_H

#include "core/conf.h"
#include "core/sign.h"
#include "core/store.h"

/*
 * Writes the operator as first steward and [lens] of the configuration, unless the
 * store has records beyond its genesis.  Idempotent.  Warns if op is not its operator.
 */
int fs_seed(struct steme_store *s, const struct steme_key *op,
    const struct steme_conf *conf, struct steme_why *why);

#endif
