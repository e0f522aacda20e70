/* SPDX-License-Identifier: Apache-2.0 */
/* wal_type.h - types of log records; in libsteme_base, for record.h decodes them. */
#ifndef STEME_WAL_TYPE_H
#define STEME_WAL_TYPE_H

/* Numbers are stored: never change them. */
enum steme_wal_type {
	STEME_WAL_GENESIS = 1,	/* the store's identity; the first record of a log */
	STEME_WAL_OBJECT = 2,	/* an object with its own signature */
	STEME_WAL_MEMBER = 3,	/* an object covered by a batch */
	STEME_WAL_BATCH = 4,	/* a batch object, its signature and its id list */
	STEME_WAL_ENVELOPE = 5,	/* a lower (hlc, node) for an object known already */
	STEME_WAL_LOST = 6	/* empty: a repair found nothing else for this lsn */
};

#endif
