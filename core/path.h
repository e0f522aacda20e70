/* SPDX-License-Identifier: Apache-2.0 */
/* path.h - concept paths and text rules of headers.  Pure functions, any thread. */
#ifndef STEME_PATH_H
#define STEME_PATH_H

#include "core/err.h"
#include "core/object.h"
#include "core/str.h"

/* True if s is valid UTF-8: no overlongs, no surrogates, at most U+10FFFF. */
bool steme_utf8_valid(struct steme_str s);
/*
 * For what quotes strangers: bytes that are not UTF-8 (a character that was cut, too) and NUL
 * become '?'.
 */
void steme_utf8_mend(char *s, size_t n);
/*
 * The rule of header values: valid UTF-8, 1 byte or more, no leading or trailing
 * blank, none of C0, DEL, C1, U+2028/9, U+FEFF, U+202A-E, U+2066-9.
 * STEME_OK, STEME_EUTF8 or STEME_EINVAL; why names the rule.
 */
int steme_text_check(struct steme_str s, struct steme_why *why);
/* One segment: text rule, at most 255 bytes, no '/', no leading '@', not . or .. */
int steme_segment_check(struct steme_str s, struct steme_why *why);
/* 1 to 32 segments joined by '/', at most 1,024 bytes. */
int steme_concept_check(struct steme_str s, struct steme_why *why);
/*
 * May a concept begin so?  Whole characters, but the last segment may stop anywhere: "a/",
 * "a/b c", "a/b " can go on.  Empty: every one does.
 */
int steme_prefix_check(struct steme_str s, struct steme_why *why);

/*
 * Any 1 to 128 bytes as one segment, and back: for names that others choose and that become
 * part of a concept (`_steme/limits/agents/NAME`).  Blanks, `"`, `\`, `/`, `%`, controls and a
 * leading `@` or `.` become %XX, and so does every byte over 0x7e unless s is text that a
 * segment may hold.  The same name always has the same segment, and only one.
 * STEME_OK; STEME_EINVAL (empty or too long; not what the encoder makes), STEME_ETOOBIG: over
 * STEME_SEGMENT_MAX as a segment.  out is NUL-terminated.
 */
#define STEME_NAME_MAX	128
int steme_segment_encode(char out[STEME_SEGMENT_MAX + 1], struct steme_str s);
int steme_segment_decode(char out[STEME_NAME_MAX + 1], size_t *n, struct steme_str s);

/* The first segment; *rest is what follows its '/', or absent at the end. */
struct steme_str steme_concept_first(struct steme_str s, struct steme_str *rest);
/* The parent ("a/b" of "a/b/c"); the empty string for a single segment. */
struct steme_str steme_concept_parent(struct steme_str s);
/* The last segment. */
struct steme_str steme_concept_leaf(struct steme_str s);

/*
 * s for an error message: at most 60 of its bytes, cut at a character ("..."
 * follows), what must not be printed replaced by '?'.  Always valid UTF-8.
 */
struct steme_quoted {
	char s[68];
};
struct steme_quoted steme_quote(struct steme_str s);

/*
 * Scheme forms: "fda://a/b" is path "fda/a/b" with class regulatory, and so on
 * (rfc fda ietf: regulatory; peer pubmed: clinical; code wiki: expert; community:
 * community; blog anon: anecdotal).  Writes the path into out (at most
 * STEME_CONCEPT_MAX + 1 bytes, NUL-terminated); *c is the class, or STEME_CLASS_NONE
 * when in has no scheme.  An unknown scheme is STEME_EINVAL.
 */
int steme_concept_from_scheme(struct steme_str in, char out[STEME_CONCEPT_MAX + 1],
    enum steme_class *c, struct steme_why *why);
/* The same of what concepts begin with: "fda://" is "fda/". */
int steme_prefix_from_scheme(struct steme_str in, char out[STEME_CONCEPT_MAX + 1],
    struct steme_why *why);

#endif
