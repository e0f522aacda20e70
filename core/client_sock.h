/* SPDX-License-Identifier: Apache-2.0 */
/* client_sock.h - what both clients share: connecting.  Any thread. */
#ifndef STEME_CLIENT_SOCK_H
#define STEME_CLIENT_SOCK_H

#include "core/msg.h"

/*
 * A connected, non-blocking descriptor in *fd.  STEME_ETOOBIG: path over 107 bytes;
 * STEME_ECONN: *sys is the errno of connect(2).
 */
int steme_sock_connect(int *fd, const char *path, int *sys);
/* Appends a frame header with flags 0. */
void steme_sock_header(struct steme_buf *b, size_t len, unsigned type, uint64_t req);
/* Appends a HELLO with request id 0.  program NULL: this process. */
void steme_sock_hello(struct steme_buf *b, enum steme_role role, const char *program);

#endif
