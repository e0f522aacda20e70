/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text.c - the registry as Prometheus text. */
#include "config.h"
#include "core/metrics.h"
#include "core/metrics_impl.h"
#include "core/util.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Quantiles are borders of cells: their texts, made once (by make_borders). */
static char borders[STEME_CELLS][24];
static pthread_once_t borders_made = PTHREAD_ONCE_INIT;

static void
make_borders(void)
{
	for (unsigned i = 0; i < STEME_CELLS; i++)
		snprintf(borders[i], sizeof(borders[i]), "%.12g",
		    exp2((double)(i + 1) / STEME_PER_OCTAVE - 20));
}

/* The digits of v before end; returns where they begin. */
static char *
digits_before(char *end, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do
		*--end = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (v < 0)
		*--end = '-';
	return end;
}

static char *
put(char *at, const char *s, size_t n)
{
	memcpy(at, s, n);
	return at + n;
}

/* One sample, its value as text. */
static void
sample_text(struct steme_buf *b, const struct steme_series *s, const char *suffix,
    const char *extra, const char *value, size_t nvalue)
{
	size_t name = s->family->name_len, nsuffix = strlen(suffix);
	size_t nextra = extra == NULL ? 0 : strlen(extra);
	char *p = (char *)steme_buf_reserve(b, name + nsuffix + s->labels_len +
	    nextra + nvalue + 5), *at = p;

	if (p == NULL)
		return;
	at = put(at, s->family->name, name);
	at = put(at, suffix, nsuffix);
	if (s->labels_len + nextra > 0) {
		*at++ = '{';
		at = put(at, s->labels, s->labels_len);
		if (s->labels_len > 0 && nextra > 0)
			*at++ = ',';
		at = put(at, extra == NULL ? "" : extra, nextra);
		*at++ = '}';
	}
	*at++ = ' ';
	at = put(at, value, nvalue);
	*at++ = '\n';
	*at = '\0';
	b->len += (size_t)(at - p);
}

/* Whole numbers without printf: there are thousands of these in an exposition. */
static void
sample(struct steme_buf *b, const struct steme_series *s, const char *suffix,
    const char *extra, double v)
{
	char text[40], *end = text + sizeof(text), *from = text;

	if (v == floor(v) && fabs(v) < 1e15)
		from = digits_before(end, (int64_t)v);
	else
		end = text + snprintf(text, sizeof(text), isnan(v) ? "NaN" :
		    "%.12g", v);
	sample_text(b, s, suffix, extra, from, (size_t)(end - from));
}

static void
write_histogram(struct steme_buf *b, const struct steme_series *s)
{
	const struct steme_family *f = s->family;
	uint64_t sum = 0;

	for (unsigned i = 0; i < f->nbounds; i++) {
		sum += atomic_load(&s->bucket[i]);
		sample(b, s, "_bucket", f->le[i], (double)sum);
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
static const char *
quantile(const uint64_t cell[STEME_CELLS], uint64_t total, double q)
{
	uint64_t want = (uint64_t)ceil(q * (double)total), seen = 0;
	unsigned i = 0;

	if (total == 0)
		return "0";
	while (i < STEME_CELLS - 1 && (seen += cell[i]) < want)
		i++;
	return borders[i];
}

static void
write_summary(struct steme_buf *b, const struct steme_series *s)
{
	static const struct {
		double q;
		const char *label;
	} quantiles[] = {
		{ 0.5, "quantile=\"0.5\"" }, { 0.9, "quantile=\"0.9\"" },
		{ 0.99, "quantile=\"0.99\"" },
	};
	uint64_t cell[STEME_CELLS], total = add_windows(s, cell);

	for (unsigned i = 0; i < STEME_NELEM(quantiles); i++) {
		const char *v = quantile(cell, total, quantiles[i].q);

		sample_text(b, s, "", quantiles[i].label, v, strlen(v));
	}
	sample(b, s, "_sum", NULL, steme_metrics_double(atomic_load(&s->bits)));
	sample(b, s, "_count", NULL, (double)atomic_load(&s->count));
}

static void
write_head(struct steme_buf *b, const struct steme_family *f)
{
	static const char *const types[] = {
		"counter", "gauge", "histogram", "summary"
	};

	steme_buf_puts(b, "# HELP ");
	steme_buf_puts(b, f->name);
	steme_buf_putc(b, ' ');
	steme_buf_puts(b, f->help);
	steme_buf_puts(b, "\n# TYPE ");
	steme_buf_puts(b, f->name);
	steme_buf_putc(b, ' ');
	steme_buf_puts(b, types[f->type]);
	steme_buf_putc(b, '\n');
}

static void
write_family_locked(struct steme_buf *b, const struct steme_family *f)
{
	if (f->first == NULL)
		return;
	write_head(b, f);
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
	MUST(pthread_once(&borders_made, make_borders));
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
