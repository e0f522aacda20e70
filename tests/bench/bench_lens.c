/* SPDX-License-Identifier: Apache-2.0 */
/* bench_lens.c - what a view costs apart from storage: filter, lenses, worlds. */
#include "config.h"
#include "core/lens.h"

#include "core/clock.h"
#include "core/fixed.h"

#include <stdio.h>
#include <stdlib.h>

static struct steme_id
id_of(const char *what, unsigned i)
{
	char text[64];

	return steme_hash(text, (size_t)snprintf(text, sizeof(text), "%s %u", what, i));
}

static int64_t
now_us(void)
{
	return steme_mono_us(&steme_clock_system);
}

static void
say(const char *what, int64_t us, unsigned times)
{
	printf("%-44s %12.3f us\n", what, (double)us / times);
}

static struct steme_cand *
make(unsigned n, unsigned agents, unsigned values, char (**text)[16],
    struct steme_object **objects)
{
	struct steme_cand *c = calloc(n, sizeof(*c));
	struct steme_object *o = *objects = calloc(n, sizeof(*o));

	*text = calloc(n, sizeof(**text));
	if (c == NULL || o == NULL || *text == NULL)
		exit(EXIT_FAILURE);
	for (unsigned i = 0; i < n; i++) {
		c[i].id = id_of("claim", i);
		c[i].lsn = i + 1;
		c[i].o = &o[i];
		o[i].agent = id_of("agent", i % agents);
		o[i].concept = STEME_LIT("a/b");
		o[i].predicate = STEME_LIT("p");
		o[i].type = STEME_TEXT;
		o[i].class_ = (enum steme_class)(i % STEME_NCLASS);
		o[i].value.p = (*text)[i];
		o[i].value.n = (size_t)snprintf((*text)[i], sizeof((*text)[i]), "%u",
		    i * 7 % values);
		o[i].confidence = (int32_t)(i * 37 % 10001);
		o[i].time_us = i * INT64_C(1000000);
		c[i].hlc = steme_hlc_from_us(o[i].time_us);
	}
	return c;
}

static void
run(struct steme_lens_ctx *ctx, unsigned n, unsigned times)
{
	char (*text)[16], name[64];
	struct steme_object *o;
	struct steme_cand *c = make(n, n, n / 2 + 1, &text, &o);
	struct steme_result r;
	size_t k = 0;
	int64_t t = now_us();

	for (unsigned i = 0; i < times; i++)
		k = steme_lens_filter(ctx, c, n, NULL, 0, NULL, 0);
	snprintf(name, sizeof(name), "filter, %u candidates", n);
	say(name, now_us() - t, times);
	for (int l = 0; l < STEME_LENS_CONSTRAINTS; l++) {
		t = now_us();
		for (unsigned i = 0; i < times; i++) {
			MUST(steme_lens_resolve((enum steme_lens)l, ctx, c, k, &r));
			steme_result_fini(&r);
		}
		snprintf(name, sizeof(name), "%s, %u candidates",
		    steme_lens_name((enum steme_lens)l), n);
		say(name, now_us() - t, times);
	}
	free(c);
	free(o);
	free(text);
}

static void
add(struct steme_globals *g, unsigned n, struct steme_object *o)
{
	struct steme_record r = { .lsn = n, .id = id_of("object", n) };

	MUST(steme_globals_add(g, &r, o));
}

static void
worlds(struct steme_globals *g)
{
	const unsigned n = 100000, times = 1000000;
	struct steme_object o = { .kind = STEME_ASSERTION };
	char hex[STEME_ID_HEX + 1];
	struct steme_id id = id_of("agent", 0);
	const struct steme_world *w;
	struct steme_bounds b;
	uint64_t sum = 0;
	int64_t t;

	steme_id_hex(hex, &id);
	o.agent = id_of("operator", 0);
	o.concept = STEME_LIT("_steme/roots");
	o.predicate = steme_str_from(hex);
	o.type = STEME_BOOLEAN;
	o.value = STEME_LIT("true");
	add(g, 1, &o);
	t = now_us();
	for (unsigned i = 0; i < n; i++) {
		o = (struct steme_object){ .kind = STEME_TRUST, .weight = 9000,
		    .class_ = i % 2 == 0 ? STEME_EXPERT : STEME_CLASS_NONE };
		o.agent = id_of("agent", i / 10);
		o.of = id_of("agent", i + 1);
		add(g, i + 2, &o);
	}
	say("add one of 100,000 trust objects", now_us() - t, n);
	steme_bounds_init(&b);
	t = now_us();
	w = steme_world_at(g, &b);
	say("world of 100,000 trust objects, made", now_us() - t, 1);
	t = now_us();
	for (unsigned i = 0; i < times; i++)
		steme_world_put(steme_world_at(g, &b));
	say("world, kept", now_us() - t, times);
	id = id_of("agent", 4321);
	t = now_us();
	for (unsigned i = 0; i < times; i++)
		sum += steme_world_trust(w, &id);
	say("trust of an agent", now_us() - t, times);
	t = now_us();
	for (unsigned i = 0; i < times; i++)
		sum += steme_world_class(w, &id, STEME_EXPERT, STEME_LIT("a/b/c"));
	say("class of an agent", now_us() - t, times);
	t = now_us();
	for (unsigned i = 0; i < times; i++)
		sum += steme_fixed_decay((int64_t)i * 1000003, 30);
	say("decay", now_us() - t, times);
	t = now_us();
	for (unsigned i = 0; i < times; i++)
		sum += steme_fixed_log2(i + 20000, i + 1);
	say("log2", now_us() - t, times);
	if (sum == 0)
		puts("");
	steme_world_put(w);
}

int
main(void)
{
	struct steme_id op = id_of("operator", 0);
	struct steme_globals *g = steme_globals_new(&op);
	struct steme_lens_ctx ctx = { .lifecycle = -1 };

	if (g == NULL)
		return EXIT_FAILURE;
	steme_bounds_init(&ctx.bounds);
	ctx.world = steme_world_at(g, &ctx.bounds);
	run(&ctx, 2, 1000000);
	run(&ctx, 10, 200000);
	run(&ctx, 16, 100000);
	run(&ctx, 17, 100000);
	run(&ctx, 1000, 200);
	run(&ctx, 100000, 3);
	steme_world_put(ctx.world);
	worlds(g);
	steme_globals_free(g);
	return EXIT_SUCCESS;
}
