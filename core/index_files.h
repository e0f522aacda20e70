/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_files.h - the folder of a LevelDB index from outside: its lock, its files,
 * the texts LevelDB reports.  For core/index_*.c only; knows no LevelDB call.
 */
#ifndef STEME_INDEX_FILES_H
#define STEME_INDEX_FILES_H

#include "core/err.h"
#include "core/index.h"

#include <stdbool.h>
#include <stdint.h>

enum steme_index_file {
	STEME_FILE_FOREIGN,	/* not LevelDB's */
	STEME_FILE_TABLE,	/* N.ldb, N.sst */
	STEME_FILE_LOG,		/* N.log: LevelDB's own log of its memtable */
	STEME_FILE_CURRENT,
	STEME_FILE_OTHER	/* MANIFEST-N, N.dbtmp, LOCK, LOG, LOG.old */
};
enum steme_index_file steme_index_file_kind(const char *name);

/*
 * Takes the folder for this process: a flock(2) on the folder itself, which unlike
 * LevelDB's own lock also holds against a second open in the same process.  *fd keeps it
 * (close-on-exec); closing releases.  STEME_EBUSY: why names the process that has it.
 */
int steme_index_lock(int *fd, const char *dir, struct steme_why *why);

/* True if dir holds an index (it has a CURRENT). */
bool steme_index_present(const char *dir);

/* What lies in dir, by names and sizes alone. */
struct steme_index_measure {
	uint64_t tables;		/* files, also those only old readers need */
	uint64_t bytes;			/* of all LevelDB files */
	uint64_t log_bytes;
	uint64_t oldest_log;		/* UINT64_MAX: none */
	uint64_t newest_log;		/* 0: none */
};
int steme_index_measure(const char *dir, struct steme_index_measure *m);

/*
 * Could a file of so many bytes be written in dir?  Tries it, because free blocks say
 * nothing of quotas and limits.
 */
int steme_index_try_room(const char *dir, uint64_t bytes);

/* The error that LevelDB's text speaks of; text NULL is STEME_OK. */
int steme_index_err(const char *text);

/*
 * Reads the properties leveldb.sstables and leveldb.stats (either may be NULL)
 * into level0_files, pending_compaction_bytes and compaction_written_bytes.
 */
void steme_index_parse_stats(struct steme_index_stats *out, const char *sstables,
    const char *stats);

#endif
