/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - frames of the control socket.  doc/wire-protocol.md is the contract.
 *
 * A frame: length of the payload u32, type u16, flags u16, request id u64
 * (little-endian, 16 bytes), then the payload (at most 1 MiB + 64 KiB).
 */
#ifndef STEME_WIRE_H
#define STEME_WIRE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/rd.h"
#include "core/wr.h"

#define STEME_FRAME_HDR		16
#define STEME_FRAME_MAX		((1u << 20) + (64u << 10))
#define STEME_WIRE_VERSION	1

enum {
	STEME_F_REPLY = 1,
	STEME_F_MORE = 2,	/* further frames of this answer follow */
	STEME_F_ERROR = 4,	/* payload: error number i32, sentence */
	STEME_F_KNOWN = 7
};

/* Message types are never reused.  Roles: the least that may ask. */
enum steme_msg {
	STEME_MSG_HELLO = 1,
	STEME_MSG_PING = 2,
	STEME_MSG_PUT = 3,		/* writer: signed objects */
	STEME_MSG_BATCH = 4,		/* writer: a batch and its members */
	STEME_MSG_ASSERT = 5,		/* writer: JSON to be signed by the caller's key */
	STEME_MSG_QUERY = 6,		/* reader, and all below unless said */
	STEME_MSG_HISTORY = 7,
	STEME_MSG_DIFF = 8,
	STEME_MSG_OBJECT = 9,		/* bytes, signature, proof or JSON by id */
	STEME_MSG_CHILDREN = 10,
	STEME_MSG_CONCEPTS = 11,
	STEME_MSG_LOG = 12,		/* records from an lsn on */
	STEME_MSG_WATCH = 13,		/* the same, then as they are committed */
	STEME_MSG_STATUS = 14,		/* JSON */
	STEME_MSG_METRICS = 15,		/* Prometheus text */
	STEME_MSG_VERIFY = 16,		/* admin; progress in MORE frames */
	STEME_MSG_REBUILD = 17,		/* admin */
	STEME_MSG_COMPACT = 18,		/* admin */
	STEME_MSG_PROFILE = 19,		/* writer: profile of the caller's own key */
	STEME_MSG_KEYS = 20,		/* reader: local names of agents, JSON */
	STEME_MSG_STOP = 21,		/* admin: end the daemon cleanly */
	STEME_MSG_NEIGHBOURS = 22,	/* concepts spelled alike, JSON */
	STEME_MSG_CANCEL = 23,		/* end another request of this connection */
	STEME_MSG_SET = 24,		/* admin: a setting below _steme/, by the operator's key */
	STEME_MSG_STORAGE = 25,		/* JSON: files, bytes, compaction */
	STEME_MSG_INDEX = 26,		/* JSON: is the index being made anew? */
	STEME_MSG_SOURCES = 27,		/* JSON: sources that are cited */
	STEME_MSG_IMPACT = 28,		/* JSON: what retracting a source would change */
	STEME_MSG_AGENTS = 29,		/* JSON: who signed something */
	STEME_NMSG
};

enum steme_role {
	STEME_ROLE_NONE,
	STEME_ROLE_READER,
	STEME_ROLE_WRITER,
	STEME_ROLE_REPLICA,
	STEME_ROLE_ADMIN
};

struct steme_frame {
	uint32_t len;
	uint16_t type, flags;
	uint64_t req;
};

void steme_frame_encode(uint8_t out[STEME_FRAME_HDR], const struct steme_frame *f);
/* STEME_ETOOBIG: length over the limit; STEME_EPROTO: unknown flags. */
int steme_frame_decode(struct steme_frame *f, const uint8_t in[STEME_FRAME_HDR]);
/*
 * The reply that begins at *pos of in: f and its payload, *data; *pos moves behind it.
 * STEME_EAGAIN: it is not whole yet; STEME_EPROTO: it is no reply.
 */
int steme_frame_next_reply(const struct steme_buf *in, size_t *pos,
    struct steme_frame *f, const uint8_t **data);
/* "PUT" and so on; NULL: no such type. */
const char *steme_msg_name(unsigned type);
/* The least role that may send type; STEME_ROLE_NONE: no such message. */
enum steme_role steme_msg_role(unsigned type);
const char *steme_role_name(enum steme_role r);

#endif
