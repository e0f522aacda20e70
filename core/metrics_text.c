/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.c - the registry as Prometheus text. */
#include "config.h"
#include "core/metrics.h"
#include "core/metrics_impl.h"
#include "core/util.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double quantiles[] = { 0.5, 0.9, 0.99 };

/* Without printf: there are thousands of these in an exposition. */
static void
put_integer(struct steme_buf *b, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--p = '-';
	steme_buf_put(b, p, (size_t)(text + sizeof(text) - p));
}

static void
sample(struct steme_buf *b, const struct steme_series *s, const char *suffix,
    const char *extra, double v)
{
	steme_buf_puts(b, s->family->name);
	steme_buf_puts(b, suffix);
	if (s->labels[0] != '\0' || extra != NULL) {
		steme_buf_putc(b, '{');
		steme_buf_puts(b, s->labels);
		if (s->labels[0] != '\0' && extra != NULL)
			steme_buf_putc(b, ',');
		steme_buf_puts(b, extra == NULL ? "" : extra);
		steme_buf_putc(b, '}');
	}
	steme_buf_putc(b, ' ');
	if (isnan(v))
		steme_buf_puts(b, "NaN");
	else if (v == floor(v) && fabs(v) < 1e15)
		put_integer(b, (int64_t)v);
	else
		steme_buf_printf(b, "%.12g", v);
	steme_buf_putc(b, '\n');
}

static void
write_histogram(struct steme_buf *b, const struct steme_series *s)
{
	const struct steme_family *f = s->family;
	uint64_t sum = 0;
	char le[64];

	for (unsigned i = 0; i < f->nbounds; i++) {
		sum += atomic_load(&s->bucket[i]);
		snprintf(le, sizeof(le), "le=\"%.10g\"", f->bounds[i]);
		sample(b, s, "_bucket", le, (double)sum);
	}
	sum += atomic_load(&s->bucket[f->nbounds]);
	sample(b, s, "_bucket", "le=\"+Inf\"", (double)sum);
	sample(b, s, "_sum", NULL, steme_metrics_double(atomic_load(&s->bits)));
	sample(b, s, "_count", NULL, (double)sum);
}

/* The observations of all windows that still count; returns their number. */
static uint64_t
add_windows(const struct steme_series *s, uint64_t cell[STEME_CELLS])
{
	int64_t now = steme_metrics_epoch();
	uint64_t total = 0;

	memset(cell, 0, STEME_CELLS * sizeof(*cell));
	for (unsigned w = 0; w < STEME_WINDOWS; w++) {
		if (now - atomic_load(&s->window[w].epoch) >= STEME_WINDOWS)
			continue;
		for (unsigned i = 0; i < STEME_CELLS; i++)
			cell[i] += atomic_load_explicit(&s->window[w].cell[i],
			    memory_order_relaxed);
	}
	for (unsigned i = 0; i < STEME_CELLS; i++)
		total += cell[i];
	return total;
}

/* The value below which the share q of the observations lies; 0 if there are none. */
static double
quantile(const uint64_t cell[STEME_CELLS], uint64_t total, double q)
{
	uint64_t want = (uint64_t)ceil(q * (double)total), seen = 0;

	if (total == 0)
		return 0;
	for (unsigned i = 0; i < STEME_CELLS; i++) {
		seen += cell[i];
		if (seen >= want)
			return exp2((double)(i + 1) / STEME_PER_OCTAVE - 20);
	}
	return exp2((double)STEME_OCTAVES - 20);
}

static void
write_summary(struct steme_buf *b, const struct steme_series *s)
{
	uint64_t cell[STEME_CELLS], total = add_windows(s, cell);
	char q[64];

	for (unsigned i = 0; i < STEME_NELEM(quantiles); i++) {
		snprintf(q, sizeof(q), "quantile=\"%.10g\"", quantiles[i]);
		sample(b, s, "", q, quantile(cell, total, quantiles[i]));
	}
	sample(b, s, "_sum", NULL, steme_metrics_double(atomic_load(&s->bits)));
	sample(b, s, "_count", NULL, (double)atomic_load(&s->count));
}

static void
write_family_locked(struct steme_buf *b, const struct steme_family *f)
{
	static const char *const types[] = {
		"counter", "gauge", "histogram", "summary"
	};

	if (f->first == NULL)
		return;
	steme_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help,
	    f->name, types[f->type]);
	for (const struct steme_series *s = f->first; s != NULL; s = s->next) {
		if (f->type == STEME_HISTOGRAM)
			write_histogram(b, s);
		else if (f->type == STEME_SUMMARY)
			write_summary(b, s);
		else
			sample(b, s, "", NULL, steme_value(s));
	}
}

void
steme_metrics_write(struct steme_metrics *m, struct steme_buf *b)
{
	pthread_mutex_lock(&m->hooks_mu);
	for (unsigned i = 0; i < m->nhooks; i++)
		m->hooks[i].fn(m->hooks[i].arg);
	pthread_mutex_lock(&m->mu);
	for (const struct steme_family *f = m->first; f != NULL; f = f->next)
		write_family_locked(b, f);
	pthread_mutex_unlock(&m->mu);
	/* held until here: what hooks set anew is written before another's hooks run */
	pthread_mutex_unlock(&m->hooks_mu);
}
