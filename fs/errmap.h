/* SPDX-License-Identifier: Apache-2.0 */
/* errmap.h - the only place where an error of ours becomes an errno. */
#ifndef STEME_FS_ERRMAP_H
#define STEME_FS_ERRMAP_H

/* A positive errno for a negative enum steme_err; 0 for STEME_OK. */
int fs_errno(int err);

#endif
