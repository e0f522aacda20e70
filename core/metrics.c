/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - the registry: families, series, and what is counted in them. */
#include "config.h"
#include "core/metrics.h"
#include "core/metrics_impl.h"
#include "core/util.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const double default_buckets[] = {
	.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10
};

static void *
must_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (p == NULL)
		abort();
	return p;
}

static char *
must_strdup(const char *s)
{
	char *p = strdup(s);

	if (p == NULL)
		abort();
	return p;
}

int
steme_metrics_new(struct steme_metrics **out)
{
	struct steme_metrics *m = calloc(1, sizeof(*m));

	*out = m;
	if (m == NULL)
		return STEME_ENOMEM;
	pthread_mutex_init(&m->mu, NULL);
	pthread_mutex_init(&m->hooks_mu, NULL);
	return STEME_OK;
}

static void
series_free(struct steme_series *s)
{
	free(s->labels);
	free(s->bucket);
	free(s->window);
	free(s);
}

void
steme_family_reset(struct steme_family *f)
{
	struct steme_series *s, *next;

	pthread_mutex_lock(&f->m->mu);
	for (s = f->first; s != NULL; s = next) {
		next = s->next;
		series_free(s);
	}
	f->first = f->last = f->other = NULL;
	f->nseries = 0;
	memset(f->hash, 0, sizeof(f->hash));
	pthread_mutex_unlock(&f->m->mu);
}

void
steme_metrics_free(struct steme_metrics *m)
{
	struct steme_family *f, *next;

	if (m == NULL)
		return;
	for (f = m->first; f != NULL; f = next) {
		next = f->next;
		steme_family_reset(f);
		free(f->name);
		free(f->help);
		free(f->le);
		free(f);
	}
	free(m->process);
	pthread_mutex_destroy(&m->mu);
	pthread_mutex_destroy(&m->hooks_mu);
	free(m);
}

struct steme_family *
steme_family(struct steme_metrics *m, enum steme_metric_type type,
    const char *name, const char *help, const char *labels)
{
	struct steme_family *f = must_alloc(sizeof(*f)), *o;
	char *copy, *save = NULL;

	f->m = m;
	f->type = type;
	f->name = must_strdup(name);
	f->name_len = strlen(name);
	f->help = must_strdup(help);
	f->cap = 1000;
	if (type == STEME_HISTOGRAM)
		steme_family_buckets(f, default_buckets,
		    STEME_NELEM(default_buckets));
	if (labels != NULL) {
		copy = must_strdup(labels);
		for (char *t = strtok_r(copy, ",", &save); t != NULL;
		    t = strtok_r(NULL, ",", &save)) {
			if (f->nlabels == STEME_LABELS_MAX)
				abort();
			snprintf(f->label[f->nlabels++], sizeof(f->label[0]),
			    "%s", t);
		}
		free(copy);
	}
	pthread_mutex_lock(&m->mu);
	for (o = m->first; o != NULL; o = o->next)
		if (strcmp(o->name, name) == 0)
			abort();
	if (m->last != NULL)
		m->last->next = f;
	else
		m->first = f;
	m->last = f;
	pthread_mutex_unlock(&m->mu);
	return f;
}

void
steme_family_cap(struct steme_family *f, unsigned cap)
{
	f->cap = cap;
}

void
steme_family_buckets(struct steme_family *f, const double *bounds, unsigned n)
{
	if (n > STEME_BUCKETS_MAX)
		abort();
	f->nbounds = n;
	memcpy(f->bounds, bounds, n * sizeof(*bounds));
	free(f->le);
	f->le = must_alloc((n + 1) * sizeof(*f->le));
	for (unsigned i = 0; i < n; i++)
		snprintf(f->le[i], sizeof(f->le[i]), "le=\"%.10g\"", bounds[i]);
}

static struct steme_series *
series_new_locked(struct steme_family *f, const char *labels)
{
	struct steme_series *s = must_alloc(sizeof(*s));

	s->family = f;
	s->labels = must_strdup(labels);
	s->labels_len = strlen(labels);
	if (f->type == STEME_HISTOGRAM)
		s->bucket = must_alloc((f->nbounds + 1) * sizeof(*s->bucket));
	if (f->type == STEME_SUMMARY)
		s->window = must_alloc(STEME_WINDOWS * sizeof(*s->window));
	if (f->last != NULL)
		f->last->next = s;
	else
		f->first = s;
	f->last = s;
	f->nseries++;
	return s;
}

static unsigned
hash_text(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h % STEME_SERIES_HASH;
}

/* Label values as they stand between the braces: \ " and newline escaped. */
static void
render_label(struct steme_buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		steme_buf_putc(b, ',');
	steme_buf_printf(b, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			steme_buf_puts(b, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			steme_buf_putc(b, '\\');
		steme_buf_putc(b, (uint8_t)*value);
	}
	steme_buf_putc(b, '"');
}

static struct steme_series *
find_locked(struct steme_family *f, const char *labels)
{
	struct steme_series *s = f->hash[hash_text(labels)];

	while (s != NULL && strcmp(s->labels, labels) != 0)
		s = s->hash_next;
	return s;
}

static struct steme_series *
find_or_make(struct steme_family *f, const char *labels)
{
	struct steme_buf b = {0};
	struct steme_series *s;
	unsigned h;

	pthread_mutex_lock(&f->m->mu);
	s = find_locked(f, labels);
	if (s == NULL && f->nseries >= f->cap && f->nlabels > 0) {
		if (f->other == NULL) {
			for (unsigned i = 0; i < f->nlabels; i++)
				render_label(&b, f->label[i], "other");
			if (steme_buf_err(&b) != STEME_OK)
				abort();
			f->other = series_new_locked(f, (const char *)b.data);
			steme_buf_fini(&b);
		}
		s = f->other;
	} else if (s == NULL) {
		s = series_new_locked(f, labels);
		h = hash_text(labels);
		s->hash_next = f->hash[h];
		f->hash[h] = s;
	}
	pthread_mutex_unlock(&f->m->mu);
	return s;
}

struct steme_series *
steme_series(struct steme_family *f, ...)
{
	struct steme_buf b = {0};
	struct steme_series *s;
	va_list ap;

	va_start(ap, f);
	for (unsigned i = 0; i < f->nlabels; i++)
		render_label(&b, f->label[i], va_arg(ap, const char *));
	va_end(ap);
	if (steme_buf_err(&b) != STEME_OK)
		abort();
	s = find_or_make(f, b.data == NULL ? "" : (const char *)b.data);
	steme_buf_fini(&b);
	return s;
}

struct steme_series *
steme_series0(struct steme_family *f)
{
	return find_or_make(f, "");
}

static uint64_t
to_bits(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return u;
}

static void
add_double(_Atomic uint64_t *bits, double v)
{
	uint64_t old = atomic_load_explicit(bits, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(bits, &old,
	    to_bits(steme_metrics_double(old) + v), memory_order_relaxed,
	    memory_order_relaxed))
		;
}

void
steme_add(struct steme_series *s, uint64_t n)
{
	atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed);
}

void
steme_set(struct steme_series *s, double v)
{
	if (s->family->type == STEME_COUNTER)
		atomic_store(&s->is_float, true);
	atomic_store_explicit(&s->bits, to_bits(v), memory_order_relaxed);
}

double
steme_value(const struct steme_series *s)
{
	if (s->family->type == STEME_COUNTER && !atomic_load(&s->is_float))
		return (double)atomic_load(&s->count);
	return steme_metrics_double(atomic_load(&s->bits));
}

static unsigned
cell_of(double v)
{
	double l = v <= 0x1p-20 ? 0 : (log2(v) + 20) * STEME_PER_OCTAVE;

	return l >= STEME_CELLS - 1 ? STEME_CELLS - 1 : (unsigned)l;
}

static void
observe_window(struct steme_series *s, double v)
{
	int64_t now = steme_metrics_epoch();
	struct steme_window *w = &s->window[now % STEME_WINDOWS];
	int64_t old = atomic_load(&w->epoch);

	/* the first observation of a minute clears what its slot held before */
	if (old != now && atomic_compare_exchange_strong(&w->epoch, &old, now))
		for (unsigned i = 0; i < STEME_CELLS; i++)
			atomic_store_explicit(&w->cell[i], 0,
			    memory_order_relaxed);
	atomic_fetch_add_explicit(&w->cell[cell_of(v)], 1, memory_order_relaxed);
}

void
steme_observe(struct steme_series *s, double v)
{
	const struct steme_family *f = s->family;
	unsigned i = 0;

	atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
	add_double(&s->bits, v);
	if (s->window != NULL)
		observe_window(s, v);
	if (s->bucket == NULL)
		return;
	while (i < f->nbounds && v > f->bounds[i])
		i++;
	atomic_fetch_add_explicit(&s->bucket[i], 1, memory_order_relaxed);
}

void
steme_metrics_hook(struct steme_metrics *m, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&m->hooks_mu);
	if (m->nhooks == STEME_NELEM(m->hooks))
		abort();
	m->hooks[m->nhooks++] = (struct steme_hook){ fn, arg };
	pthread_mutex_unlock(&m->hooks_mu);
}

void
steme_metrics_unhook(struct steme_metrics *m, void (*fn)(void *arg), void *arg)
{
	unsigned n = 0;

	pthread_mutex_lock(&m->hooks_mu);
	for (unsigned i = 0; i < m->nhooks; i++)
		if (m->hooks[i].fn != fn || m->hooks[i].arg != arg)
			m->hooks[n++] = m->hooks[i];
	m->nhooks = n;
	pthread_mutex_unlock(&m->hooks_mu);
}

void
steme_label_encode(char *out, size_t outlen, const char *s, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];
		bool plain = c > 0x20 && c < 0x7f && c != '"' && c != '\\' &&
		    c != '%' && c != ',' && c != '{' && c != '}';

		if (o + (plain ? 1 : 3) >= outlen)
			break;
		if (plain) {
			out[o++] = (char)c;
		} else {
			out[o++] = '%';
			out[o++] = hex[c >> 4];
			out[o++] = hex[c & 15];
		}
	}
	if (outlen > 0)
		out[o] = '\0';
}
