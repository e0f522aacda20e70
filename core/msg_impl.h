/* SPDX-License-Identifier: Apache-2.0 */
/* msg_impl.h - what msg.c and msg_read.c share.  Failures stick in the cursor. */
#ifndef STEME_MSG_IMPL_H
#define STEME_MSG_IMPL_H

#include "core/msg.h"

/* Counted bytes, at most max of them. */
struct steme_str steme_rd_str(struct steme_rd *r, unsigned lbytes, size_t max);
/* Cut to what the length can say. */
void steme_wr_str(struct steme_buf *b, unsigned lbytes, struct steme_str s);
void steme_rd_id(struct steme_rd *r, struct steme_id *id);
void steme_rd_sig(struct steme_rd *r, struct steme_sig *sig);
/* STEME_EPROTO unless n ids are ascending and distinct. */
int steme_rd_ids(const uint8_t *ids, size_t n);
/* 0 or a negative error number known here (unknown ones: STEME_EIO). */
int steme_rd_err(struct steme_rd *r);

#endif
