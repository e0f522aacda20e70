/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - frame headers and the names of messages and roles. */
#include "config.h"
#include "core/wire.h"

static const struct {
	const char *name;
	enum steme_role role;
} messages[STEME_NMSG] = {
	[STEME_MSG_HELLO] = { "HELLO", STEME_ROLE_READER },
	[STEME_MSG_PING] = { "PING", STEME_ROLE_READER },
	[STEME_MSG_PUT] = { "PUT", STEME_ROLE_WRITER },
	[STEME_MSG_BATCH] = { "BATCH", STEME_ROLE_WRITER },
	[STEME_MSG_ASSERT] = { "ASSERT", STEME_ROLE_WRITER },
	[STEME_MSG_QUERY] = { "QUERY", STEME_ROLE_READER },
	[STEME_MSG_HISTORY] = { "HISTORY", STEME_ROLE_READER },
	[STEME_MSG_DIFF] = { "DIFF", STEME_ROLE_READER },
	[STEME_MSG_OBJECT] = { "OBJECT", STEME_ROLE_READER },
	[STEME_MSG_CHILDREN] = { "CHILDREN", STEME_ROLE_READER },
	[STEME_MSG_CONCEPTS] = { "CONCEPTS", STEME_ROLE_READER },
	[STEME_MSG_LOG] = { "LOG", STEME_ROLE_READER },
	[STEME_MSG_WATCH] = { "WATCH", STEME_ROLE_READER },
	[STEME_MSG_STATUS] = { "STATUS", STEME_ROLE_READER },
	[STEME_MSG_METRICS] = { "METRICS", STEME_ROLE_READER },
	[STEME_MSG_VERIFY] = { "VERIFY", STEME_ROLE_ADMIN },
	[STEME_MSG_REBUILD] = { "REBUILD", STEME_ROLE_ADMIN },
	[STEME_MSG_COMPACT] = { "COMPACT", STEME_ROLE_ADMIN },
	[STEME_MSG_PROFILE] = { "PROFILE", STEME_ROLE_WRITER },
	[STEME_MSG_KEYS] = { "KEYS", STEME_ROLE_READER },
	[STEME_MSG_STOP] = { "STOP", STEME_ROLE_ADMIN },
	[STEME_MSG_NEIGHBOURS] = { "NEIGHBOURS", STEME_ROLE_READER },
	[STEME_MSG_CANCEL] = { "CANCEL", STEME_ROLE_READER },
	[STEME_MSG_SET] = { "SET", STEME_ROLE_ADMIN },
	[STEME_MSG_STORAGE] = { "STORAGE", STEME_ROLE_READER },
	[STEME_MSG_INDEX] = { "INDEX", STEME_ROLE_READER },
	[STEME_MSG_SOURCES] = { "SOURCES", STEME_ROLE_READER },
	[STEME_MSG_IMPACT] = { "IMPACT", STEME_ROLE_READER },
	[STEME_MSG_AGENTS] = { "AGENTS", STEME_ROLE_READER },
};

static const char *const roles[] = {
	[STEME_ROLE_NONE] = "none",
	[STEME_ROLE_READER] = "reader",
	[STEME_ROLE_WRITER] = "writer",
	[STEME_ROLE_REPLICA] = "replica",
	[STEME_ROLE_ADMIN] = "admin",
};

void
steme_frame_encode(uint8_t out[STEME_FRAME_HDR], const struct steme_frame *f)
{
	steme_put_le(out, f->len, 4);
	steme_put_le(out + 4, f->type, 2);
	steme_put_le(out + 6, f->flags, 2);
	steme_put_le(out + 8, f->req, 8);
}

int
steme_frame_decode(struct steme_frame *f, const uint8_t in[STEME_FRAME_HDR])
{
	struct steme_rd r = steme_rd_from(in, STEME_FRAME_HDR);

	f->len = (uint32_t)steme_rd_le(&r, 4);
	f->type = (uint16_t)steme_rd_le(&r, 2);
	f->flags = (uint16_t)steme_rd_le(&r, 2);
	f->req = steme_rd_le(&r, 8);
	if (f->flags & ~STEME_F_KNOWN)
		return STEME_EPROTO;
	return f->len > STEME_FRAME_MAX ? STEME_ETOOBIG : STEME_OK;
}

int
steme_frame_next_reply(const struct steme_buf *in, size_t *pos, struct steme_frame *f,
    const uint8_t **data)
{
	size_t have = in->len - *pos;

	*data = NULL;
	if (have < STEME_FRAME_HDR)
		return STEME_EAGAIN;
	if (steme_frame_decode(f, in->data + *pos) != STEME_OK ||
	    !(f->flags & STEME_F_REPLY))
		return STEME_EPROTO;
	if (have - STEME_FRAME_HDR < f->len)
		return STEME_EAGAIN;
	*data = in->data + *pos + STEME_FRAME_HDR;
	*pos += STEME_FRAME_HDR + f->len;
	return STEME_OK;
}

const char *
steme_msg_name(unsigned type)
{
	return type < STEME_NMSG ? messages[type].name : NULL;
}

enum steme_role
steme_msg_role(unsigned type)
{
	return type < STEME_NMSG ? messages[type].role : STEME_ROLE_NONE;
}

const char *
steme_role_name(enum steme_role r)
{
	return (unsigned)r <= STEME_ROLE_ADMIN ? roles[r] : "unknown";
}
