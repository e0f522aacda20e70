/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h - the daemons as processes: where they lie, starting, watching, ending. */
#ifndef STEME_CLI_PROC_H
#define STEME_CLI_PROC_H

#include "core/instance.h"

/*
 * The path of one of our programs: beside the running one, else in the prefix's folder
 * relative to it (../sbin, ../bin, ../libexec/stemedb), else where configure put it.
 * STEME_ENOTFOUND: why names the places.
 */
int proc_find(char out[PATH_MAX], const char *name, struct steme_why *why);

/*
 * Starts argv[0] (an absolute path) as a session of its own: stdin is /dev/null, stdout and
 * stderr append to log, no other descriptor, default signals, folder /, umask 022.
 * *log_from: where the log ended before.  Returns once exec succeeded.
 */
int proc_start(pid_t *pid, const char *const argv[], const char *log, int64_t *log_from,
    struct steme_why *why);
/* True if our child pid has ended; its wait status in *status. */
bool proc_ended(pid_t pid, int *status);
/*
 * The message of the last log line at or after byte `from` (of level ERROR if there is one);
 * false: none.
 */
bool proc_last_message(const char *log, int64_t from, char *out, size_t n);
/* Bytes of a file; 0 if it is not there. */
int64_t proc_size(const char *path);

/*
 * Runs argv (argv[0]: looked for in PATH) to its end with stdin /dev/null, and keeps the last n - 1 bytes
 * that it wrote to stdout and stderr.  Its exit status, 128 and more if a signal ended
 * it; STEME_ENOTFOUND: there is no such program.
 */
int proc_run(const char *const argv[], char *out, size_t n);

/*
 * Ends exactly the process p: SIGTERM, at most term_ms, then SIGKILL, at most 5 s.
 * *killed: it took SIGKILL.  STEME_EPERM: it is not ours to end.
 * STEME_ETIMEOUT: it lives on (in an uninterruptible call).
 */
int proc_stop(const struct steme_pid *p, int term_ms, bool *killed);

void proc_sleep_ms(unsigned ms);

#endif
