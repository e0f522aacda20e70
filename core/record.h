/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - a stored record: an object, how it is signed, and its envelope.
 * The bytes are the payload of log records and the values of the index:
 * doc/wal-format.md ("Payloads") and doc/index-keys.md.
 */
#ifndef STEME_RECORD_H
#define STEME_RECORD_H

#include "core/object.h"
#include "core/sign.h"

/* Stored: never change the numbers. */
enum steme_sigkind {
	STEME_SIG_OWN = 1,	/* sig holds the signature over the object */
	STEME_SIG_BATCH = 2	/* covered by batch (an id in its list) */
};

/* What became of a put; on the wire: never change the numbers. */
enum steme_put_status { STEME_CREATED = 1, STEME_EXISTS = 2 };

struct steme_record {
	uint64_t lsn;		/* local, never renumbered */
	uint64_t hlc;
	uint64_t node;		/* that first recorded it */
	enum steme_sigkind sigkind;
	struct steme_sig sig;		/* STEME_SIG_OWN */
	struct steme_id batch;		/* STEME_SIG_BATCH */
	struct steme_id id;
	struct steme_str bytes;		/* the object */
	/* a batch object only: its members' ids, ascending, count * 32 bytes */
	const uint8_t *ids;
	uint32_t nids;
};

/*
 * The type of log record that holds r: STEME_WAL_BATCH if it has an id list,
 * STEME_WAL_MEMBER if a batch covers it, STEME_WAL_ENVELOPE if bytes is absent (id, hlc
 * and node are all that counts), else STEME_WAL_OBJECT.
 */
int steme_record_wal_type(const struct steme_record *r);
/* Appends the log payload: node, id, signature part, id list, object. */
void steme_record_encode(struct steme_buf *b, const struct steme_record *r);
/*
 * Decodes a log payload; slices borrow from data.  lsn and hlc are the caller's
 * (0 here).  Does not hash: steme_record_check_id() does.  STEME_ECORRUPT on any
 * flaw; then *r is not touched.
 */
int steme_record_decode(struct steme_record *r, int wal_type, const uint8_t *data,
    size_t len);
/* Is id the hash of the bytes?  STEME_OK or STEME_ECORRUPT. */
int steme_record_check_id(const struct steme_record *r);

/* Index value: type, lsn and hlc, then the payload.  Not for envelopes. */
void steme_record_encode_value(struct steme_buf *b, const struct steme_record *r);
int steme_record_decode_value(struct steme_record *r, const uint8_t *data,
    size_t len);

/* The first record of a log: who the store is. */
struct steme_genesis {
	uint8_t store[16];		/* random id of the store */
	uint64_t node;			/* random id of the node that made it */
	struct steme_id operator_;	/* first operator key */
	int64_t time_us;
};
void steme_genesis_encode(struct steme_buf *b, const struct steme_genesis *g);
int steme_genesis_decode(struct steme_genesis *g, const uint8_t *data, size_t len);

#endif
