/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index_log.h - what LevelDB writes into its file LOG about compactions: the only place
 * where it tells of them one by one.  For core/index_leveldb.c; one thread.
 */
#ifndef STEME_INDEX_LOG_H
#define STEME_INDEX_LOG_H

#include "core/index.h"

#include <sys/types.h>

/* All zero: nothing read yet. */
struct steme_index_log {
	bool open;
	int fd;
	ino_t ino;
	int64_t began_us;		/* of the compaction under way; 0: none */
	size_t n;
	bool skip;			/* the rest of a line that is too long */
	char line[512];			/* the part of one that is there */
};

/* Tells the compactions that ended since the last call.  A LOG made anew is found. */
void steme_index_log_follow(struct steme_index_log *log, const char *dir,
    steme_index_tell *tell, void *arg);
void steme_index_log_close(struct steme_index_log *log);
/* One line without its newline. */
void steme_index_log_line(struct steme_index_log *log, const char *line,
    steme_index_tell *tell, void *arg);

#endif
