/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key.h - the layout of index keys: one builder and one parser per family, all
 * here; doc/index-keys.md has them byte by byte.  Numbers in keys are big-endian, so
 * that order by bytes is order by number.  Concepts and names hold no byte below
 * 0x20, so NUL ends them and 0x01 sorts before every predicate.
 *
 *   'R' id                                  record by id: either the record itself, or
 *                                           the key of the 'C' entry that holds it
 *   'C' concept 00 predicate 00 ~time id    an assertion: the whole record; newest
 *                                           first within a predicate (~time is
 *                                           INT64_MAX - time_us)
 *   'C' concept 00 01 'r' assertion id      a retraction of that assertion: record
 *   'C' concept 00 01 'v' assertion agent ~time id   a vote: record
 *   'N' concept                             a concept that exists: first lsn, flags
 *   'H' parent 00 lsn                       its child: the child's last segment
 *                                           (parent "" is the root)
 *   'L' lsn                                 ids of the records lsn, lsn+1, ...: n * 32
 *   'A' agent lsn                           lsns (8 bytes LE each) of objects by agent;
 *                                           STEME_LISTED_OTHER: it is no assertion
 *   'S' H(source)[0..15] lsn                lsns of assertions citing the source
 *   's' source                              a source that is cited: H(source)[0..15]
 *   'G' kind lsn id                         a global object: empty ('R' id has it)
 *   'Z' segment                             first lsn in that log segment
 *   'W' k                                   applied/<k>: see struct steme_applied
 *   'M' name                                meta: "format", "checkpoint", "genesis",
 *                                           "created", "rebuilt"
 *   'T' ...                                 kept for the reconciliation tree
 *
 * Builders: slices must have passed the object parser (they fit, hold no byte below 0x20).
 * Parsers: STEME_OK, or STEME_ECORRUPT on any flaw, then the results are not touched.
 * Pure functions, any thread.
 */
#ifndef STEME_KEY_H
#define STEME_KEY_H

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/object.h"

/* Longest key: 'C', concept, NUL, predicate, NUL, time, id. */
#define STEME_KEY_MAX	(1 + STEME_CONCEPT_MAX + 1 + STEME_SEGMENT_MAX + 1 + 8 + 32)

struct steme_keybuf {
	uint8_t b[STEME_KEY_MAX + 40];
	size_t n;
};

#define STEME_INDEX_FORMAT	2

void steme_key_record(struct steme_keybuf *k, const struct steme_id *id);
void steme_key_assertion(struct steme_keybuf *k, struct steme_str concept,
    struct steme_str predicate, int64_t time_us, const struct steme_id *id);
void steme_key_retraction(struct steme_keybuf *k, struct steme_str concept,
    const struct steme_id *assertion, const struct steme_id *id);
void steme_key_vote(struct steme_keybuf *k, struct steme_str concept,
    const struct steme_id *assertion, const struct steme_id *agent,
    int64_t time_us, const struct steme_id *id);
/* The key an object lives under ('C' families), or n == 0 for kinds without concept. */
void steme_key_home(struct steme_keybuf *k, const struct steme_object *o,
    const struct steme_id *id);

/* Ranges: from (inclusive) and to (exclusive). */
void steme_key_range_predicate(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept, struct steme_str predicate);
/* Retractions and votes of a concept ... */
void steme_key_range_marks(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept);
/* Retractions ('r') or votes ('v') of one assertion ... */
void steme_key_range_marks_on(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept, const struct steme_id *assertion, char kind);
/* ... or all of a concept: marks first, then its predicates in byte order. */
void steme_key_range_concept(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept);
/* Every 'C' entry of every concept below a path prefix ("a/b" means a/b and a/b/...
 * in two ranges; this is the one of a/b/...). */
void steme_key_range_below(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str concept);

/* What a 'C' key says.  STEME_ECORRUPT on any flaw.  Slices borrow from key. */
struct steme_ckey {
	struct steme_str concept;
	char mark;			/* 0 (assertion), 'r' or 'v' */
	struct steme_str predicate;	/* assertion */
	int64_t time_us;		/* assertion, vote */
	struct steme_id id;
	struct steme_id assertion;	/* marks */
	struct steme_id agent;		/* vote */
};
int steme_key_parse_c(struct steme_ckey *out, const uint8_t *key, size_t n);

void steme_key_name(struct steme_keybuf *k, struct steme_str concept);
/* 'N' of the concepts deeper than path `prefix` ("": all), in byte order; not its own. */
void steme_key_range_names(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str prefix);
/* 'N' of the concepts whose path begins with these bytes ("": all), in byte order. */
void steme_key_range_names_from(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str begins);
int steme_key_parse_name(struct steme_str *concept, const uint8_t *key, size_t n);
void steme_key_child(struct steme_keybuf *k, struct steme_str parent, uint64_t lsn);
/* Children whose first lsn is above after_lsn (0: all), oldest first. */
void steme_key_range_children(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str parent, uint64_t after_lsn);
int steme_key_parse_child(uint64_t *lsn, const uint8_t *key, size_t n);
void steme_key_log(struct steme_keybuf *k, uint64_t lsn);
int steme_key_parse_log(uint64_t *lsn, const uint8_t *key, size_t n);
void steme_key_agent(struct steme_keybuf *k, const struct steme_id *agent, uint64_t lsn);
int steme_key_parse_agent(struct steme_id *agent, uint64_t *lsn, const uint8_t *key,
    size_t n);
int steme_key_parse_record(struct steme_id *id, const uint8_t *key, size_t n);
/* h: from steme_source_hash16(). */
void steme_key_source(struct steme_keybuf *k, const uint8_t h[16], uint64_t lsn);
/* In values of 'A', beside the lsn. */
#define STEME_LISTED_OTHER	(UINT64_C(1) << 63)
void steme_key_source_text(struct steme_keybuf *k, struct steme_str source);
/* 's' of the sources that begin with prefix ("": all), in byte order. */
void steme_key_range_sources(struct steme_keybuf *from, struct steme_keybuf *to,
    struct steme_str prefix);
int steme_key_parse_source(uint8_t h[16], uint64_t *lsn, const uint8_t *key, size_t n);
int steme_key_parse_source_text(struct steme_str *source, const uint8_t *key, size_t n);
void steme_source_hash16(uint8_t h[16], struct steme_str source);
void steme_key_global(struct steme_keybuf *k, enum steme_kind kind, uint64_t lsn,
    const struct steme_id *id);
int steme_key_parse_global(struct steme_id *id, const uint8_t *key, size_t n);
void steme_key_segment(struct steme_keybuf *k, uint64_t segment);
int steme_key_parse_segment(uint64_t *segment, const uint8_t *key, size_t n);
void steme_key_applied(struct steme_keybuf *k, uint64_t number);
int steme_key_parse_applied(uint64_t *number, const uint8_t *key, size_t n);
void steme_key_meta(struct steme_keybuf *k, const char *name);
int steme_key_parse_meta(struct steme_str *name, const uint8_t *key, size_t n);
/* All keys of one family: [c, c+1). */
void steme_key_range_family(struct steme_keybuf *from, struct steme_keybuf *to, char c);

/*
 * The value of 'R': a record's own bytes after 0x00, or the home key after 0x01.
 */
enum { STEME_R_INLINE = 0, STEME_R_POINTER = 1 };

/* Values of 'N'. */
struct steme_name {
	uint64_t first_lsn;
	bool has_assertions;	/* false: only an inner folder so far */
};
void steme_name_encode(uint8_t out[9], const struct steme_name *n);
int steme_name_decode(struct steme_name *n, const uint8_t *val, size_t len);

/*
 * The value of applied/<k>: where the log stood after batch k, with the absolute sums.
 * The checkpoint meta holds one too: everything up to it is known durable.
 */
struct steme_counts {
	uint64_t objects;
	uint64_t assertions;
	uint64_t concepts;		/* 'N' entries */
	uint64_t predicates;		/* distinct (concept, predicate) pairs */
	uint64_t votes, retractions, globals, batches;
	uint64_t value_bytes;
};
struct steme_applied {
	uint64_t number;		/* k */
	uint64_t next_lsn;		/* first lsn not applied */
	uint64_t segment, offset;	/* log position of next_lsn's group or after */
	uint64_t hlc;			/* greatest so far */
	struct steme_counts counts;
};
void steme_applied_encode(struct steme_buf *b, const struct steme_applied *a);
int steme_applied_decode(struct steme_applied *a, const uint8_t *val, size_t len);

#endif
