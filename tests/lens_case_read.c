/* SPDX-License-Identifier: Apache-2.0 */
/* lens_case_read.c - a case's objects and question, from JSON. */
#include "config.h"
#include "tests/lens_case_impl.h"
#include "tests/random.h"

#include "core/clock.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_NAMES	4096

void
lens_die(const char *what, const char *where)
{
	fprintf(stderr, "malformed case: %s: %s\n", what, where);
	abort();
}

struct json_object *
lens_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (o != NULL)
		json_object_object_get_ex(o, name, &v);
	return v;
}

const char *
lens_text(struct json_object *o, const char *name)
{
	struct json_object *v = lens_get(o, name);

	return v == NULL ? NULL : json_object_get_string(v);
}

struct steme_str
lens_str(struct json_object *o, const char *name)
{
	struct json_object *v = lens_get(o, name);

	if (v == NULL)
		return (struct steme_str){0};
	return (struct steme_str){ json_object_get_string(v),
	    strlen(json_object_get_string(v)) };
}

struct steme_id
lens_agent_id(const char *name)
{
	return steme_hash(name, strlen(name));
}

/* An id is written as its first hex digits; zeros follow. */
static struct steme_id
object_id(const char *hex)
{
	char full[STEME_ID_HEX + 1];
	struct steme_id id;

	memset(full, '0', STEME_ID_HEX);
	full[STEME_ID_HEX] = '\0';
	memcpy(full, hex, STEME_MIN(strlen(hex), (size_t)STEME_ID_HEX));
	if (steme_id_parse(&id, full, STEME_ID_HEX) != STEME_OK)
		lens_die("id", hex);
	return id;
}

static int64_t
time_of(const char *s)
{
	int64_t us;

	if (steme_time_parse_loose(steme_str_from(s), &us) != STEME_OK)
		lens_die("time", s);
	return us;
}

static int32_t
dec(struct json_object *o, const char *name, int32_t dflt)
{
	struct steme_str s = lens_str(o, name);
	int32_t v = dflt;

	if (s.p != NULL && steme_dec4_parse_loose(s, &v) != STEME_OK)
		lens_die("decimal", s.p);
	return v;
}

/* "@name" is the name's key in hex: a predicate of _steme/stewards. */
static struct steme_str
predicate(struct run *run, struct json_object *o)
{
	struct steme_str s = lens_str(o, "predicate");
	struct steme_id id;

	if (s.p == NULL || s.p[0] != '@')
		return s;
	id = lens_agent_id(s.p + 1);
	if (run->nnames == MAX_NAMES)
		lens_die("too many names", s.p);
	steme_id_hex(run->names[run->nnames], &id);
	return steme_str_from(run->names[run->nnames++]);
}

static void
read_value(struct steme_object *o, struct json_object *v)
{
	static const struct {
		const char *member;
		enum steme_type type;
	} types[] = { { "number", STEME_NUMBER }, { "reference", STEME_REFERENCE } };

	if (v == NULL) {
		o->type = STEME_TEXT;
		o->value = STEME_LIT("");
		return;
	}
	o->value = steme_str_from(json_object_get_string(v));
	switch (json_object_get_type(v)) {
	case json_type_string:
		o->type = STEME_TEXT;
		return;
	case json_type_boolean:
		o->type = STEME_BOOLEAN;
		return;
	case json_type_int:
	case json_type_double:
		o->type = STEME_NUMBER;
		return;
	default:
		break;
	}
	for (size_t i = 0; i < STEME_NELEM(types); i++)
		if (lens_get(v, types[i].member) != NULL) {
			o->type = types[i].type;
			o->value = lens_str(v, types[i].member);
			return;
		}
	lens_die("value", json_object_get_string(v));
}

static void
read_assertion(struct run *run, struct steme_object *o, struct json_object *j)
{
	struct json_object *list = lens_get(j, "supersedes");

	o->predicate = predicate(run, j);
	read_value(o, lens_get(j, "value"));
	o->confidence = dec(j, "confidence", STEME_ONE);
	if (o->class_ == STEME_CLASS_NONE)
		o->class_ = STEME_ANECDOTAL;
	o->source = lens_str(j, "source");
	o->epoch = lens_str(j, "epoch");
	if (lens_text(j, "lifecycle") != NULL &&
	    steme_lifecycle_parse(lens_str(j, "lifecycle"), &o->lifecycle) != STEME_OK)
		lens_die("lifecycle", lens_text(j, "lifecycle"));
	if (lens_text(j, "reason") != NULL) {
		o->meta[0] = (struct steme_meta){ STEME_LIT("reason"),
		    lens_str(j, "reason") };
		o->nmeta = 1;
	}
	if (list == NULL)
		return;
	o->nsupersedes = (unsigned)json_object_array_length(list);
	if (o->nsupersedes > STEME_LIST_MAX)
		lens_die("supersedes", "too many");
	for (unsigned i = 0; i < o->nsupersedes; i++)
		o->supersedes[i] = object_id(json_object_get_string(
		    json_object_array_get_idx(list, i)));
}

static void
read_others(struct steme_object *o, struct json_object *j)
{
	if (lens_text(j, "assertion") != NULL) {
		o->assertion = object_id(lens_text(j, "assertion"));
		o->has_assertion = true;
	}
	o->weight = dec(j, "weight", STEME_ONE);
	o->source = lens_str(j, "source");
	o->name = lens_str(j, "name");
	o->superseded = lens_str(j, "superseded");
	o->from = lens_str(j, "from");
	o->to = lens_str(j, "to");
	o->prefix = lens_str(j, "prefix");
	if (lens_text(j, "of") != NULL)
		o->of = lens_agent_id(lens_text(j, "of"));
	if (lens_text(j, "since") != NULL)
		o->since_us = time_of(lens_text(j, "since"));
	if (lens_text(j, "state") != NULL)
		o->state = strcmp(lens_text(j, "state"), "retracted") == 0 ?
		    STEME_STATE_RETRACTED : STEME_STATE_REINSTATED;
}

/*
 * kind defaults to assertion, agent to "operator", hlc to the time; lsn is the place
 * in the case.
 */
static void
read_item(struct run *run, struct item *it, struct json_object *j, size_t place)
{
	struct steme_object *o = &it->o;
	const char *known = lens_text(j, "known");

	memset(it, 0, sizeof(*it));
	o->kind = STEME_ASSERTION;
	if (lens_text(j, "kind") != NULL && steme_kind_parse(lens_str(j, "kind"), &o->kind) !=
	    STEME_OK)
		lens_die("kind", lens_text(j, "kind"));
	o->class_ = STEME_CLASS_NONE;
	if (lens_text(j, "class") != NULL &&
	    steme_class_parse(lens_str(j, "class"), &o->class_) != STEME_OK)
		lens_die("class", lens_text(j, "class"));
	o->concept = lens_str(j, "concept");
	o->agent = lens_agent_id(lens_text(j, "agent") == NULL ? "operator" : lens_text(j, "agent"));
	if (lens_text(j, "time") == NULL || lens_text(j, "id") == NULL)
		lens_die("an object needs id and time", json_object_get_string(j));
	o->time_us = time_of(lens_text(j, "time"));
	if (o->kind == STEME_ASSERTION)
		read_assertion(run, o, j);
	else
		read_others(o, j);
	it->r.id = object_id(lens_text(j, "id"));
	it->r.hlc = steme_hlc_from_us(known == NULL ? o->time_us : time_of(known));
	it->r.lsn = place + 1;
	it->r.node = 1;
}

static void
shuffle_items(struct run *run)
{
	struct item t;

	for (size_t i = run->n; i-- > 1;) {
		size_t j = random_next(&run->random) % (i + 1);

		t = run->items[i];
		run->items[i] = run->items[j];
		run->items[j] = t;
	}
}

void
lens_read_items(struct run *run, struct json_object *objects, uint64_t shuffle)
{
	run->random = shuffle;
	run->n = objects == NULL ? 0 : json_object_array_length(objects);
	run->items = calloc(run->n + 1, sizeof(*run->items));
	run->names = calloc(MAX_NAMES, sizeof(*run->names));
	if (run->items == NULL || run->names == NULL)
		abort();
	for (size_t i = 0; i < run->n; i++)
		read_item(run, &run->items[i], json_object_array_get_idx(objects, i), i);
	if (shuffle != 0)
		shuffle_items(run);
}

static unsigned
include_of(struct json_object *list)
{
	static const char *const names[] = { "retracted", "superseded", "deprecated",
	    "rejected", "old_epochs" };
	unsigned bits = 0;

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		const char *s = json_object_get_string(
		    json_object_array_get_idx(list, i));
		size_t k = 0;

		while (k < STEME_NELEM(names) && strcmp(s, names[k]) != 0)
			k++;
		if (k == STEME_NELEM(names))
			lens_die("include", s);
		bits |= 1u << k;
	}
	return bits;
}

void
lens_read_ctx(struct steme_lens_ctx *ctx, struct json_object *q)
{
	enum steme_lifecycle l;

	memset(ctx, 0, sizeof(*ctx));
	steme_bounds_init(&ctx->bounds);
	if (lens_text(q, "as_of") != NULL)
		ctx->bounds.as_of_us = time_of(lens_text(q, "as_of"));
	if (lens_text(q, "known_at") != NULL)
		ctx->bounds.known_at = steme_hlc_from_us(time_of(lens_text(q, "known_at"))) |
		    0xffff;
	if (lens_get(q, "max_lsn") != NULL)
		ctx->bounds.max_lsn = (uint64_t)json_object_get_int64(lens_get(q, "max_lsn"));
	if (lens_text(q, "now") != NULL)
		ctx->now_us = time_of(lens_text(q, "now"));
	ctx->decay = json_object_get_boolean(lens_get(q, "decay"));
	ctx->include = include_of(lens_get(q, "include"));
	ctx->lifecycle = -1;
	if (lens_text(q, "lifecycle") != NULL) {
		if (steme_lifecycle_parse(lens_str(q, "lifecycle"), &l) != STEME_OK)
			lens_die("lifecycle", lens_text(q, "lifecycle"));
		ctx->lifecycle = (int)l;
	}
	ctx->epoch = lens_str(q, "epoch");
	if (lens_text(q, "since") != NULL)
		ctx->since_hlc = steme_hlc_from_us(time_of(lens_text(q, "since"))) | 0xffff;
}
