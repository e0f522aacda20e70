/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object_write.c - the writer of objects: the one spelling that the parser takes.
 */
#include "config.h"
#include "core/object.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#define TIME_MAX_US	INT64_C(253402300799999999)

static void
put_str(struct steme_buf *b, struct steme_str s)
{
	steme_buf_put(b, s.p, s.n);
}

static void
put_line(struct steme_buf *b, const struct field *f, const char *s, size_t n)
{
	steme_buf_put(b, f->key, f->keylen);
	steme_buf_putc(b, ' ');
	steme_buf_put(b, s, n);
	steme_buf_putc(b, '\n');
}

static void
put_id(struct steme_buf *b, const struct field *f, const struct steme_id *id)
{
	char hex[STEME_ID_HEX + 1];

	steme_id_hex(hex, id);
	put_line(b, f, hex, STEME_ID_HEX);
}

static int
bad(const struct field *f, const char *rule, struct steme_why *why)
{
	return steme_fail(why, STEME_EINVAL, "%s %s", f->key, rule);
}

static int
write_text(struct steme_buf *b, const struct field *f, struct steme_str s,
    struct steme_why *why)
{
	struct steme_why sub;
	int err;

	if (s.p == NULL && f->optional)
		return STEME_OK;
	if (s.p == NULL)
		return bad(f, "is missing", why);
	if (f->type == F_CONCEPT)
		err = steme_concept_check(s, &sub);
	else if (f->type == F_SEGMENT)
		err = steme_segment_check(s, &sub);
	else if (f->type == F_SOURCE)
		err = steme_source_check(s, &sub);
	else
		err = steme_source_hash_check(s, &sub);
	if (err != STEME_OK)
		return steme_fail(why, err, "%s %s", f->key, sub.text);
	put_line(b, f, s.p, s.n);
	return STEME_OK;
}

/* f of o, one of the headers that name a choice. */
static int
write_name(struct steme_buf *b, const struct field *f,
    const struct steme_object *o, struct steme_why *why)
{
	const char *name = NULL;

	if (f->type == F_TYPE && o->type >= STEME_TEXT &&
	    o->type <= STEME_SEALED)
		name = steme_type_name(o->type);
	else if (f->type == F_CLASS && o->class_ < STEME_NCLASS)
		name = steme_class_name(o->class_);
	else if (f->type == F_LIFECYCLE && o->lifecycle <= STEME_REJECTED)
		name = steme_lifecycle_name(o->lifecycle);
	else if (f->type == F_STATE && o->state >= STEME_STATE_RETRACTED &&
	    o->state <= STEME_STATE_REINSTATED)
		name = steme_source_state_name(o->state);
	if (f->type == F_CLASS && f->optional &&
	    o->class_ == STEME_CLASS_NONE)
		return STEME_OK;
	if (f->type == F_LIFECYCLE && o->lifecycle == STEME_APPROVED)
		return STEME_OK;
	if (name == NULL)
		return bad(f, "is missing or unknown", why);
	put_line(b, f, name, strlen(name));
	return STEME_OK;
}

static int
write_decimal(struct steme_buf *b, const struct field *f, int32_t v,
    struct steme_why *why)
{
	char text[8];

	if (v > STEME_ONE || v < (f->type == F_WEIGHT ? -STEME_ONE : 0))
		return bad(f, f->type == F_WEIGHT ? "must lie within -1..1" :
		    "must lie within 0..1", why);
	steme_dec4_format(text, v);
	put_line(b, f, text, strlen(text));
	return STEME_OK;
}

static int
write_time(struct steme_buf *b, const struct field *f, int64_t us,
    struct steme_why *why)
{
	char text[STEME_TIME_LEN + 1];

	if (us < 0 || us > TIME_MAX_US)
		return bad(f, "must lie in the years 1970 to 9999", why);
	steme_time_format(text, us);
	put_line(b, f, text, STEME_TIME_LEN);
	return STEME_OK;
}

static int
write_count(struct steme_buf *b, const struct field *f, uint32_t v,
    struct steme_why *why)
{
	char text[4];
	size_t n = sizeof(text);

	if (v < 1 || v > STEME_BATCH_MAX)
		return bad(f, "must be a number from 1 to 4096", why);
	for (; v > 0; v /= 10)
		text[--n] = (char)('0' + v % 10);
	put_line(b, f, text + n, sizeof(text) - n);
	return STEME_OK;
}

static int
write_ids(struct steme_buf *b, const struct field *f,
    const struct steme_object *o, struct steme_why *why)
{
	const struct steme_id *order[STEME_LIST_MAX];
	unsigned n = o->nsupersedes, j;

	if (n > STEME_LIST_MAX)
		return steme_fail(why, STEME_ETOOBIG, "more than %d supersedes",
		    STEME_LIST_MAX);
	for (unsigned i = 0; i < n; i++) {
		for (j = i; j > 0 && steme_id_cmp(order[j - 1],
		    &o->supersedes[i]) > 0; j--)
			order[j] = order[j - 1];
		order[j] = &o->supersedes[i];
	}
	for (unsigned i = 0; i < n; i++) {
		if (i > 0 && steme_id_eq(order[i - 1], order[i]))
			return bad(f, "names the same id twice", why);
		put_id(b, f, order[i]);
	}
	return STEME_OK;
}

static int
write_meta(struct steme_buf *b, const struct field *f,
    const struct steme_object *o, struct steme_why *why)
{
	const struct steme_meta *order[STEME_LIST_MAX];
	unsigned n = o->nmeta, j;
	struct steme_why sub;
	int err;

	if (n > STEME_LIST_MAX)
		return steme_fail(why, STEME_ETOOBIG,
		    "more than %d meta headers", STEME_LIST_MAX);
	for (unsigned i = 0; i < n; i++) {
		if ((err = steme_meta_check(&o->meta[i], &sub)) != STEME_OK)
			return steme_fail(why, err, "meta-%s %s",
			    steme_quote(o->meta[i].key).s, sub.text);
		for (j = i; j > 0 && steme_str_cmp(order[j - 1]->key,
		    o->meta[i].key) > 0; j--)
			order[j] = order[j - 1];
		order[j] = &o->meta[i];
	}
	for (unsigned i = 0; i < n; i++) {
		if (i > 0 && steme_str_eq(order[i - 1]->key, order[i]->key))
			return steme_fail(why, STEME_EINVAL,
			    "meta-%s stands there twice",
			    steme_quote(order[i]->key).s);
		steme_buf_put(b, f->key, f->keylen);
		put_str(b, order[i]->key);
		steme_buf_putc(b, ' ');
		put_str(b, order[i]->value);
		steme_buf_putc(b, '\n');
	}
	return STEME_OK;
}

static int
write_id(struct steme_buf *b, const struct field *f,
    const struct steme_object *o, struct steme_why *why)
{
	if (f->has != 0 && !*(const bool *)((const char *)o + f->has))
		return f->optional ? STEME_OK : bad(f, "is missing", why);
	put_id(b, f, (const void *)((const char *)o + f->off));
	return STEME_OK;
}

static int
write_field(struct steme_buf *b, const struct field *f,
    const struct steme_object *o, struct steme_why *why)
{
	const void *p = (const char *)o + f->off;

	switch (f->type) {
	case F_CONCEPT:
	case F_SEGMENT:
	case F_SOURCE:
	case F_SOURCE_HASH:
		return write_text(b, f, *(const struct steme_str *)p, why);
	case F_UNIT:
	case F_WEIGHT:
		return write_decimal(b, f, *(const int32_t *)p, why);
	case F_ID:
		return write_id(b, f, o, why);
	case F_IDS:
		return write_ids(b, f, o, why);
	case F_META:
		return write_meta(b, f, o, why);
	case F_TIME:
		return write_time(b, f, *(const int64_t *)p, why);
	case F_COUNT:
		return write_count(b, f, *(const uint32_t *)p, why);
	default:
		return write_name(b, f, o, why);
	}
}

static int
write_object(struct steme_buf *b, const struct steme_object *o,
    struct steme_why *why)
{
	const struct field *f;
	size_t start = b->len;
	unsigned n;
	int err;

	f = steme_object_fields(o->kind, !o->has_assertion, &n);
	steme_buf_puts(b, "steme ");
	steme_buf_puts(b, steme_kind_name(o->kind));
	steme_buf_puts(b, " 1\n");
	for (; n > 0; n--, f++)
		if ((err = write_field(b, f, o, why)) != STEME_OK)
			return err;
	steme_buf_putc(b, '\n');
	if (b->len - start > STEME_HEADERS_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the headers have %zu "
		    "bytes; at most %d are allowed", b->len - start,
		    STEME_HEADERS_MAX);
	if ((err = steme_object_check_value(o, why)) != STEME_OK)
		return err;
	if (b->len - start + o->value.n > STEME_OBJECT_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the object has %zu "
		    "bytes; at most %d are allowed",
		    b->len - start + o->value.n, STEME_OBJECT_MAX);
	put_str(b, o->value);
	if ((err = steme_buf_err(b)) != STEME_OK)
		return steme_fail(why, err, "cannot build the object: %s",
		    steme_strerror(err));
	return STEME_OK;
}

int
steme_object_write(const struct steme_object *o, struct steme_buf *b,
    struct steme_why *why)
{
	size_t start = b->len;
	int err;

	if (o->kind < STEME_ASSERTION || o->kind > STEME_BATCH)
		return steme_fail(why, STEME_EINVAL,
		    "an object of unknown kind cannot be written");
	err = write_object(b, o, why);
	if (err != STEME_OK && b->data != NULL) {
		b->len = start;
		b->data[start] = '\0';
	}
	return err;
}
