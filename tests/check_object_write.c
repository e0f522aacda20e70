/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_object_write.c - the writer: random objects come back as they were, and
 * what breaks a rule is refused and leaves no trace.
 */
#include "config.h"
#include "core/object.h"
#include "core/path.h"
#include "core/util.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define LAST_US	INT64_C(253402300799999999)

static char pool[1 << 16];	/* backing of the random strings */
static size_t used;

static unsigned
below(unsigned n)
{
	return (unsigned)random() % n;
}

/* A string of 1..max bytes after the text rule. */
static struct steme_str
text(size_t max, bool segment)
{
	static const char *const chars[] = { "a", "b", "Z", "0", ".", "-", "@",
	    ":", "\u00e9", "\u6771", "\U0001f600", " ", "\u00a0", "~", "\u202f" };
	size_t want = 1 + below((unsigned)STEME_MIN(max, below(8) ? 20 : max));
	char *p = pool + used;
	size_t n = 0, k;
	const char *c;

	while (n < want) {
		c = chars[below(STEME_NELEM(chars))];
		k = strlen(c);
		if (n + k > want)
			break;
		if (*c == ' ' && (n == 0 || n + 2 > want))
			continue;
		if (segment && n == 0 && (*c == '@' || *c == '.'))
			continue;
		memcpy(p + n, c, k);
		n += k;
	}
	if (n == 0 || p[n - 1] == ' ')
		p[n++] = 'x';
	used += n;
	return (struct steme_str){ p, n };
}

static struct steme_str
concept(void)
{
	char *p = pool + used;
	unsigned segments = 1 + below(below(4) ? 3 : 32);
	size_t n = 0;

	/* 31 bytes and a slash at most, so 1,024 bytes suffice. */
	for (unsigned i = 0; i < segments; i++) {
		if (i > 0) {
			pool[used++] = '/';
			n++;
		}
		n += text(30, true).n;
	}
	return (struct steme_str){ p, n };
}

static struct steme_id
id(void)
{
	struct steme_id x;

	for (size_t i = 0; i < sizeof(x.b); i++)
		x.b[i] = (uint8_t)random();
	return x;
}

static int64_t
when(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return LAST_US;
	default:
		return ((int64_t)random() << 31 | random()) % (LAST_US + 1);
	}
}

static struct steme_str
value(enum steme_type t)
{
	static const char *const numbers[] = { "0", "-0", "1.50", "1e999",
	    "123456789012345678901234567890" };
	size_t n = below(below(8) ? 40 : 9000);
	char *p = pool + used;

	if (t == STEME_NUMBER)
		return steme_str_from(numbers[below(STEME_NELEM(numbers))]);
	if (t == STEME_BOOLEAN)
		return steme_str_from(below(2) ? "true" : "false");
	if (t == STEME_REFERENCE)
		return concept();
	for (size_t i = 0; i < n; i++)
		p[i] = (char)below(128);
	used += n;
	return (struct steme_str){ p, n };
}

static void
random_assertion(struct steme_object *o)
{
	o->concept = concept();
	o->predicate = text(255, true);
	o->type = (enum steme_type)(1 + below(4));
	o->confidence = (int32_t)below(STEME_ONE + 1);
	o->class_ = (enum steme_class)below(STEME_NCLASS);
	if (below(2))
		o->source = text(1024, false);
	if (below(4) == 0)
		o->source_hash = STEME_LIT("sha256:0123456789abcdef01234567"
		    "89abcdef0123456789abcdef0123456789abcdef");
	o->lifecycle = (enum steme_lifecycle)below(5);
	if (below(4) == 0)
		o->epoch = text(255, true);
	o->has_parent = below(4) == 0;
	if (o->has_parent)
		o->parent = id();
	o->nsupersedes = below(3) ? 0 : below(STEME_LIST_MAX + 1);
	for (unsigned i = 0; i < o->nsupersedes; i++)
		o->supersedes[i] = id();
	o->nmeta = below(3) ? 0 : below(STEME_LIST_MAX + 1);
	for (unsigned i = 0; i < o->nmeta; i++) {
		int n = snprintf(pool + used, 16, "k-%u-%u", below(10), i);

		o->meta[i].key = (struct steme_str){ pool + used, (size_t)n };
		used += (size_t)n;
		o->meta[i].value = text(900, false);
	}
}

static void
random_object(struct steme_object *o)
{
	memset(o, 0, sizeof(*o));
	used = 0;
	o->kind = (enum steme_kind)(1 + below(8));
	o->class_ = STEME_CLASS_NONE;
	o->time_us = when();
	o->agent = id();
	if (o->kind == STEME_ASSERTION)
		random_assertion(o);
	if (o->kind == STEME_VOTE || (o->kind == STEME_RETRACTION &&
	    below(2))) {
		o->concept = concept();
		o->has_assertion = true;
		o->assertion = id();
	} else if (o->kind == STEME_RETRACTION) {
		o->source = text(1024, false);
		o->state = below(2) ? STEME_STATE_RETRACTED :
		    STEME_STATE_REINSTATED;
	}
	if (o->kind == STEME_VOTE)
		o->weight = (int32_t)below(2 * STEME_ONE + 1) - STEME_ONE;
	if (o->kind == STEME_EPOCH) {
		o->name = text(255, true);
		if (below(2))
			o->superseded = text(255, true);
	}
	if (o->kind == STEME_ALIAS) {
		o->from = concept();
		o->to = concept();
	}
	if (o->kind == STEME_TRUST) {
		o->weight = (int32_t)below(STEME_ONE + 1);
		if (below(2))
			o->class_ = (enum steme_class)below(STEME_NCLASS);
		if (below(2))
			o->prefix = concept();
	}
	if (o->kind == STEME_TRUST || o->kind == STEME_REVOCATION)
		o->of = id();
	if (o->kind == STEME_REVOCATION)
		o->since_us = when();
	if (o->kind == STEME_BATCH) {
		o->count = 1 + below(STEME_BATCH_MAX);
		o->root = id();
	}
	o->value = value(o->kind == STEME_ASSERTION ? o->type : STEME_TEXT);
}

static void
same_str(struct steme_str a, struct steme_str b)
{
	ck_assert_int_eq(a.p == NULL, b.p == NULL);
	ck_assert(steme_str_eq(a, b));
}

static int
by_id(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

static int
by_key(const void *a, const void *b)
{
	return steme_str_cmp(((const struct steme_meta *)a)->key,
	    ((const struct steme_meta *)b)->key);
}

static void
same(struct steme_object *a, const struct steme_object *b)
{
	qsort(a->supersedes, a->nsupersedes, sizeof(a->supersedes[0]), by_id);
	qsort(a->meta, a->nmeta, sizeof(a->meta[0]), by_key);
	ck_assert_int_eq(a->kind, b->kind);
	same_str(a->value, b->value);
	same_str(a->concept, b->concept);
	same_str(a->predicate, b->predicate);
	ck_assert_int_eq(a->type, b->type);
	ck_assert_int_eq(a->confidence, b->confidence);
	ck_assert_int_eq(a->weight, b->weight);
	ck_assert_int_eq(a->class_, b->class_);
	same_str(a->source, b->source);
	same_str(a->source_hash, b->source_hash);
	ck_assert_int_eq(a->lifecycle, b->lifecycle);
	same_str(a->epoch, b->epoch);
	ck_assert_int_eq(a->has_parent, b->has_parent);
	ck_assert(steme_id_eq(&a->parent, &b->parent));
	ck_assert_uint_eq(a->nsupersedes, b->nsupersedes);
	ck_assert_int_eq(memcmp(a->supersedes, b->supersedes,
	    a->nsupersedes * sizeof(struct steme_id)), 0);
	ck_assert_uint_eq(a->nmeta, b->nmeta);
	for (unsigned i = 0; i < a->nmeta; i++) {
		same_str(a->meta[i].key, b->meta[i].key);
		same_str(a->meta[i].value, b->meta[i].value);
	}
	ck_assert_int_eq(a->has_assertion, b->has_assertion);
	ck_assert(steme_id_eq(&a->assertion, &b->assertion));
	ck_assert_int_eq(a->state, b->state);
	same_str(a->name, b->name);
	same_str(a->superseded, b->superseded);
	same_str(a->from, b->from);
	same_str(a->to, b->to);
	ck_assert(steme_id_eq(&a->of, &b->of));
	same_str(a->prefix, b->prefix);
	ck_assert_int_eq(a->since_us, b->since_us);
	ck_assert_uint_eq(a->count, b->count);
	ck_assert(steme_id_eq(&a->root, &b->root));
	ck_assert_int_eq(a->time_us, b->time_us);
	ck_assert(steme_id_eq(&a->agent, &b->agent));
}

START_TEST(a_random_object_comes_back_as_it_was)
{
	unsigned long written = 0, too_big = 0;
	struct steme_buf b = { 0 };
	struct steme_object o, back;
	struct steme_why why;
	int err;

	srandom(20261121);
	for (int i = 0; i < 30000; i++) {
		random_object(&o);
		steme_buf_clear(&b);
		err = steme_object_write(&o, &b, &why);
		if (err == STEME_ETOOBIG) {
			/* Long meta values together pass 16 KiB. */
			ck_assert_uint_eq(b.len, 0);
			too_big++;
			continue;
		}
		ck_assert_msg(err == STEME_OK, "%s", why.text);
		err = steme_object_parse(&back, b.data, b.len, &why);
		ck_assert_msg(err == STEME_OK, "%s\n%s", why.text, b.data);
		same(&o, &back);
		written++;
	}
	ck_assert_uint_gt(written, 29000);
	ck_assert_uint_lt(too_big, 200);
	steme_buf_fini(&b);
}
END_TEST

static struct steme_object
plain(void)
{
	return (struct steme_object){
		.kind = STEME_ASSERTION,
		.concept = STEME_LIT("a"),
		.predicate = STEME_LIT("p"),
		.type = STEME_TEXT,
		.confidence = STEME_ONE,
		.class_ = STEME_EXPERT,
		.value = STEME_LIT("v"),
	};
}

/* o is refused with err and a sentence that holds word; b is left alone. */
static void
refused(const struct steme_object *o, int err, const char *word)
{
	struct steme_buf b = { 0 };
	struct steme_why why = { "" };

	steme_buf_puts(&b, "before");
	ck_assert_int_eq(steme_object_write(o, &b, &why), err);
	ck_assert_msg(strstr(why.text, word) != NULL, "'%s' is not in: %s",
	    word, why.text);
	ck_assert_uint_eq(b.len, 6);
	ck_assert_str_eq((char *)b.data, "before");
	ck_assert_int_eq(steme_buf_err(&b), STEME_OK);
	steme_buf_fini(&b);
}

#define REFUSED(change, err, word) do { \
	struct steme_object o = plain(); \
	change; \
	refused(&o, err, word); \
} while (0)

START_TEST(what_breaks_a_rule_is_not_written)
{
	static char big[STEME_OBJECT_MAX];
	struct steme_str lines = STEME_LIT("x\nlifecycle proposed");

	memset(big, 'x', sizeof(big));
	/* A newline would smuggle in a header. */
	REFUSED(o.source = lines, STEME_EINVAL, "source");
	REFUSED(o.concept = lines, STEME_EINVAL, "concept");
	REFUSED(o.predicate = lines, STEME_EINVAL, "predicate");
	REFUSED(o.epoch = lines, STEME_EINVAL, "epoch");
	REFUSED(o.nmeta = 1; o.meta[0].key = STEME_LIT("a");
	    o.meta[0].value = lines, STEME_EINVAL, "meta-a");
	REFUSED(o.nmeta = 1; o.meta[0].key = STEME_LIT("a b");
	    o.meta[0].value = STEME_LIT("v"), STEME_EINVAL, "meta-a b");
	REFUSED(o.concept = STEME_LIT(""), STEME_EINVAL, "concept");
	REFUSED(o.concept.p = NULL, STEME_EINVAL, "concept is missing");
	REFUSED(o.predicate.p = NULL, STEME_EINVAL, "predicate is missing");
	REFUSED(o.predicate = STEME_LIT("\xff"), STEME_EUTF8, "predicate");
	REFUSED(o.source = STEME_LIT(""), STEME_EINVAL, "source");
	REFUSED(o.source_hash = STEME_LIT("md5:00"), STEME_EINVAL,
	    "source-hash");
	REFUSED(o.type = 0, STEME_EINVAL, "type");
	REFUSED(o.type = 9, STEME_EINVAL, "type");
	REFUSED(o.type = STEME_SEALED, STEME_EINVAL, "sealed");
	REFUSED(o.type = STEME_NUMBER, STEME_EINVAL, "number");
	REFUSED(o.type = STEME_BOOLEAN, STEME_EINVAL, "boolean");
	REFUSED(o.type = STEME_REFERENCE; o.value = lines, STEME_EINVAL,
	    "reference");
	REFUSED(o.confidence = STEME_ONE + 1, STEME_EINVAL, "confidence");
	REFUSED(o.confidence = -1, STEME_EINVAL, "confidence");
	REFUSED(o.class_ = STEME_CLASS_NONE, STEME_EINVAL, "class");
	REFUSED(o.class_ = STEME_NCLASS, STEME_EINVAL, "class");
	REFUSED(o.lifecycle = 9, STEME_EINVAL, "lifecycle");
	REFUSED(o.time_us = -1, STEME_EINVAL, "time");
	REFUSED(o.time_us = LAST_US + 1, STEME_EINVAL, "time");
	REFUSED(o.nsupersedes = 17, STEME_ETOOBIG, "supersedes");
	REFUSED(o.nsupersedes = 2, STEME_EINVAL, "same id twice");
	REFUSED(o.nmeta = 17, STEME_ETOOBIG, "meta");
	REFUSED(o.nmeta = 2; o.meta[0].key = o.meta[1].key = STEME_LIT("k");
	    o.meta[0].value = o.meta[1].value = STEME_LIT("v"), STEME_EINVAL,
	    "twice");
	REFUSED(o.value = STEME_LIT("\xc0\x80"), STEME_EUTF8, "value");
	REFUSED(o.value = ((struct steme_str){ big, sizeof(big) }),
	    STEME_ETOOBIG, "1048576");
	REFUSED(o.kind = 0, STEME_EINVAL, "unknown kind");
	REFUSED(o.kind = STEME_OPAQUE, STEME_EINVAL, "unknown kind");
	REFUSED(o.kind = STEME_VOTE, STEME_EINVAL, "assertion is missing");
	REFUSED(o.kind = STEME_VOTE; o.has_assertion = true;
	    o.weight = -STEME_ONE - 1, STEME_EINVAL, "weight");
	REFUSED(o.kind = STEME_RETRACTION, STEME_EINVAL, "source is missing");
	REFUSED(o.kind = STEME_RETRACTION; o.source = STEME_LIT("s"),
	    STEME_EINVAL, "state");
	REFUSED(o.kind = STEME_TRUST; o.weight = -1, STEME_EINVAL, "weight");
	REFUSED(o.kind = STEME_EPOCH, STEME_EINVAL, "name is missing");
	REFUSED(o.kind = STEME_ALIAS, STEME_EINVAL, "from is missing");
	REFUSED(o.kind = STEME_REVOCATION; o.since_us = -1, STEME_EINVAL,
	    "since");
	REFUSED(o.kind = STEME_BATCH, STEME_EINVAL, "count");
	REFUSED(o.kind = STEME_BATCH; o.count = 4097, STEME_EINVAL, "count");
}
END_TEST

START_TEST(an_object_may_have_1_mib_and_no_byte_more)
{
	static char big[STEME_OBJECT_MAX + 1];
	struct steme_object o = plain(), back;
	struct steme_buf b = { 0 };
	size_t headers;

	memset(big, 'x', sizeof(big));
	o.value = STEME_LIT("");
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_OK);
	headers = b.len;
	steme_buf_clear(&b);
	o.value = (struct steme_str){ big, STEME_OBJECT_MAX - headers };
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_OK);
	ck_assert_uint_eq(b.len, STEME_OBJECT_MAX);
	ck_assert_int_eq(steme_object_parse(&back, b.data, b.len, NULL), 0);
	steme_buf_putc(&b, 'x');
	ck_assert_int_eq(steme_object_parse(&back, b.data, b.len, NULL),
	    STEME_ETOOBIG);
	o.value.n++;
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_ETOOBIG);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(headers_may_have_16_kib_and_no_byte_more)
{
	static char big[STEME_META_MAX];
	char keys[STEME_LIST_MAX];
	struct steme_object o = plain(), back;
	struct steme_buf b = { 0 };
	size_t over;

	memset(big, 'x', sizeof(big));
	o.nmeta = STEME_LIST_MAX;
	for (unsigned i = 0; i < o.nmeta; i++) {
		keys[i] = (char)('a' + i);
		o.meta[i].key = (struct steme_str){ keys + i, 1 };
		o.meta[i].value = (struct steme_str){ big, 1000 };
	}
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_OK);
	over = STEME_HEADERS_MAX - (b.len - o.value.n);
	for (unsigned i = 0; over > 0; i++) {
		size_t more = STEME_MIN(over, (size_t)24);

		o.meta[i].value.n += more;
		over -= more;
	}
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_OK);
	ck_assert_uint_eq(b.len - o.value.n, STEME_HEADERS_MAX);
	ck_assert_int_eq(steme_object_parse(&back, b.data, b.len, NULL), 0);
	o.meta[15].value.n++;
	steme_buf_clear(&b);
	ck_assert_int_eq(steme_object_write(&o, &b, NULL), STEME_ETOOBIG);
	steme_buf_fini(&b);
}
END_TEST

START_TEST(a_full_buffer_is_an_error_and_left_as_it_was)
{
	struct steme_object o = plain();
	struct steme_buf b;
	struct steme_why why;

	steme_buf_init(&b, 100);
	steme_buf_puts(&b, "before");
	ck_assert_int_eq(steme_object_write(&o, &b, &why), STEME_ETOOBIG);
	ck_assert_str_eq((char *)b.data, "before");
	steme_buf_fini(&b);
}
END_TEST

START_TEST(names_are_read_as_they_are_written)
{
	enum steme_kind k;
	enum steme_type t;
	enum steme_class c;
	enum steme_lifecycle l;

	for (int i = STEME_ASSERTION; i <= STEME_BATCH; i++) {
		ck_assert_int_eq(steme_kind_parse(steme_str_from(
		    steme_kind_name((enum steme_kind)i)), &k), STEME_OK);
		ck_assert_int_eq(k, i);
	}
	for (int i = STEME_TEXT; i <= STEME_SEALED; i++) {
		ck_assert_int_eq(steme_type_parse(steme_str_from(
		    steme_type_name((enum steme_type)i)), &t), STEME_OK);
		ck_assert_int_eq(t, i);
	}
	for (int i = 0; i < STEME_NCLASS; i++) {
		ck_assert_int_eq(steme_class_parse(steme_str_from(
		    steme_class_name((enum steme_class)i)), &c), STEME_OK);
		ck_assert_int_eq(c, i);
	}
	for (int i = 0; i <= STEME_REJECTED; i++) {
		ck_assert_int_eq(steme_lifecycle_parse(steme_str_from(
		    steme_lifecycle_name((enum steme_lifecycle)i)), &l), 0);
		ck_assert_int_eq(l, i);
	}
	ck_assert_str_eq(steme_kind_name(STEME_OPAQUE), "opaque");
	ck_assert_str_eq(steme_kind_name(77), "unknown");
	ck_assert_int_eq(steme_kind_parse(STEME_LIT("opaque"), &k),
	    STEME_EINVAL);
	ck_assert_int_eq(steme_class_parse(STEME_LIT(""), &c), STEME_EINVAL);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("object_write");
	TCase *t = tcase_create("writer");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_random_object_comes_back_as_it_was);
	tcase_add_test(t, what_breaks_a_rule_is_not_written);
	tcase_add_test(t, an_object_may_have_1_mib_and_no_byte_more);
	tcase_add_test(t, headers_may_have_16_kib_and_no_byte_more);
	tcase_add_test(t, a_full_buffer_is_an_error_and_left_as_it_was);
	tcase_add_test(t, names_are_read_as_they_are_written);
	suite_add_tcase(s, t);
	return s;
}

#include "tests/runner.h"
