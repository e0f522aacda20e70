/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - the registry and its text form. */
#include "config.h"
#include "core/metrics.h"
#include "core/clock.h"
#include "core/util.h"

#include <dirent.h>
#include <math.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BUCKETS_MAX	32
#define WINDOWS		5		/* of WINDOW_US each: five minutes */
#define WINDOW_US	INT64_C(60000000)
#define OCTAVES		32		/* from 2^-20 s (about 1 us) on */
#define PER_OCTAVE	16
#define CELLS		(OCTAVES * PER_OCTAVE)
#define HASH		1024

static const double default_buckets[] = {
	.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10
};
static const double quantiles[] = { 0.5, 0.9, 0.99 };

/* One window of a summary: a histogram with buckets 1/16 octave wide. */
struct window {
	_Atomic int64_t epoch;		/* time / WINDOW_US it counts for */
	_Atomic uint32_t cell[CELLS];
};

struct steme_series {
	struct steme_family *family;
	struct steme_series *next;	/* all of the family, in order made */
	struct steme_series *hash_next;
	char *labels;			/* rendered: a="x",b="y"; "" if none */
	_Atomic uint64_t count;		/* counter; histogram, summary: observations */
	_Atomic uint64_t bits;		/* gauge: the double; others: sum */
	_Atomic uint64_t *bucket;	/* histogram: not cumulative */
	struct window *window;		/* summary: WINDOWS of them */
	_Atomic bool is_float;		/* a counter set from elsewhere */
};

struct steme_family {
	struct steme_metrics *m;
	struct steme_family *next;
	enum steme_metric_type type;
	char *name, *help;
	unsigned nlabels;
	char label[STEME_LABELS_MAX][48];
	unsigned cap;
	double bounds[BUCKETS_MAX];
	unsigned nbounds;
	/* (m->mu) */
	unsigned nseries;
	struct steme_series *first, *last, *other;
	struct steme_series *hash[HASH];
};

struct process;

struct hook {
	void (*fn)(void *arg);
	void *arg;
};

struct steme_metrics {
	pthread_mutex_t mu;		/* leaf: families, series lists */
	struct steme_family *first, *last;
	pthread_mutex_t hooks_mu;	/* above mu; held while hooks run and all is written */
	struct hook hooks[8];		/* (hooks_mu) */
	unsigned nhooks;		/* (hooks_mu) */
	struct process *process;	/* of steme_process_metrics(); may be NULL */
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
	f->help = must_strdup(help);
	f->cap = 1000;
	f->nbounds = STEME_NELEM(default_buckets);
	memcpy(f->bounds, default_buckets, sizeof(default_buckets));
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
	if (n > BUCKETS_MAX)
		abort();
	f->nbounds = n;
	memcpy(f->bounds, bounds, n * sizeof(*bounds));
}

static struct steme_series *
series_new_locked(struct steme_family *f, const char *labels)
{
	struct steme_series *s = must_alloc(sizeof(*s));

	s->family = f;
	s->labels = must_strdup(labels);
	if (f->type == STEME_HISTOGRAM)
		s->bucket = must_alloc((f->nbounds + 1) * sizeof(*s->bucket));
	if (f->type == STEME_SUMMARY)
		s->window = must_alloc(WINDOWS * sizeof(*s->window));
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
	return h % HASH;
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

static double
from_bits(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
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
	    to_bits(from_bits(old) + v), memory_order_relaxed,
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
	return from_bits(atomic_load(&s->bits));
}

static unsigned
cell_of(double v)
{
	double l = v <= 0x1p-20 ? 0 : (log2(v) + 20) * PER_OCTAVE;

	return l >= CELLS - 1 ? CELLS - 1 : (unsigned)l;
}

static int64_t
epoch_now(void)
{
	return steme_mono_us(&steme_clock_system) / WINDOW_US;
}

static void
observe_window(struct steme_series *s, double v)
{
	int64_t now = epoch_now();
	struct window *w = &s->window[now % WINDOWS];
	int64_t old = atomic_load(&w->epoch);

	/* the first observation of a minute clears what its slot held before */
	if (old != now && atomic_compare_exchange_strong(&w->epoch, &old, now))
		for (unsigned i = 0; i < CELLS; i++)
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
	m->hooks[m->nhooks++] = (struct hook){ fn, arg };
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

static void
sample(struct steme_buf *b, const struct steme_series *s, const char *suffix,
    const char *extra, double v)
{
	const char *comma = s->labels[0] != '\0' && extra != NULL ? "," : "";

	steme_buf_printf(b, "%s%s", s->family->name, suffix);
	if (s->labels[0] != '\0' || extra != NULL)
		steme_buf_printf(b, "{%s%s%s}", s->labels, comma,
		    extra == NULL ? "" : extra);
	if (isnan(v))
		steme_buf_puts(b, " NaN\n");
	else if (v == floor(v) && fabs(v) < 1e15)
		steme_buf_printf(b, " %" PRId64 "\n", (int64_t)v);
	else
		steme_buf_printf(b, " %.12g\n", v);
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
	sample(b, s, "_sum", NULL, from_bits(atomic_load(&s->bits)));
	sample(b, s, "_count", NULL, (double)sum);
}

/* The value below which the share q of the window's observations lies; 0 if none. */
static double
window_quantile(const struct steme_series *s, double q)
{
	int64_t now = epoch_now();
	uint64_t total = 0, want, seen = 0;
	uint64_t cell[CELLS] = {0};

	for (unsigned w = 0; w < WINDOWS; w++) {
		if (now - atomic_load(&s->window[w].epoch) >= WINDOWS)
			continue;
		for (unsigned i = 0; i < CELLS; i++) {
			cell[i] += atomic_load_explicit(&s->window[w].cell[i],
			    memory_order_relaxed);
		}
	}
	for (unsigned i = 0; i < CELLS; i++)
		total += cell[i];
	if (total == 0)
		return 0;
	want = (uint64_t)ceil(q * (double)total);
	for (unsigned i = 0; i < CELLS; i++) {
		seen += cell[i];
		if (seen >= want)
			return exp2((double)(i + 1) / PER_OCTAVE - 20);
	}
	return exp2((double)OCTAVES - 20);
}

static void
write_summary(struct steme_buf *b, const struct steme_series *s)
{
	char q[64];

	for (unsigned i = 0; i < STEME_NELEM(quantiles); i++) {
		snprintf(q, sizeof(q), "quantile=\"%.10g\"", quantiles[i]);
		sample(b, s, "", q, window_quantile(s, quantiles[i]));
	}
	sample(b, s, "_sum", NULL, from_bits(atomic_load(&s->bits)));
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

/* ---- process_* ---- */

struct process {
	struct steme_series *cpu, *rss, *vsz, *fds, *maxfds, *start;
};

static double
start_seconds(void)
{
	unsigned long long ticks = 0, boot = 0;
	char line[1024], *p;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f != NULL) {
		if (fgets(line, sizeof(line), f) != NULL &&
		    (p = strrchr(line, ')')) != NULL &&
		    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		    "%*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
			ticks = 0;
		fclose(f);
	}
	if ((f = fopen("/proc/stat", "re")) != NULL) {
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "btime %llu", &boot) == 1)
				break;
		fclose(f);
	}
	return (double)boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void
process_hook(void *arg)
{
	struct process *p = arg;
	unsigned long vsz = 0, rss = 0;
	struct rusage ru;
	struct rlimit rl;
	struct dirent *e;
	double n = 0;
	FILE *f;
	DIR *d;

	getrusage(RUSAGE_SELF, &ru);
	steme_set(p->cpu, (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	if ((f = fopen("/proc/self/statm", "re")) != NULL) {
		if (fscanf(f, "%lu %lu", &vsz, &rss) != 2)
			vsz = rss = 0;
		fclose(f);
	}
	steme_set(p->vsz, (double)vsz * (double)sysconf(_SC_PAGESIZE));
	steme_set(p->rss, (double)rss * (double)sysconf(_SC_PAGESIZE));
	if ((d = opendir("/proc/self/fd")) != NULL) {
		while ((e = readdir(d)) != NULL)
			n += e->d_name[0] != '.';
		closedir(d);
	}
	steme_set(p->fds, n);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		steme_set(p->maxfds, (double)rl.rlim_cur);
}

void
steme_process_metrics(struct steme_metrics *m, const char *name)
{
	struct process *p = must_alloc(sizeof(*p));
	const char *l = name == NULL ? NULL : "process";

#define ONE(type, metric, help) \
	steme_series(steme_family(m, type, metric, help, l), name)
	p->cpu = ONE(STEME_COUNTER, "process_cpu_seconds_total",
	    "Total user and system CPU time spent in seconds.");
	p->rss = ONE(STEME_GAUGE, "process_resident_memory_bytes",
	    "Resident memory size in bytes.");
	p->vsz = ONE(STEME_GAUGE, "process_virtual_memory_bytes",
	    "Virtual memory size in bytes.");
	p->fds = ONE(STEME_GAUGE, "process_open_fds",
	    "Number of open file descriptors.");
	p->maxfds = ONE(STEME_GAUGE, "process_max_fds",
	    "Maximum number of open file descriptors.");
	p->start = ONE(STEME_GAUGE, "process_start_time_seconds",
	    "Start time of the process since unix epoch in seconds.");
#undef ONE
	steme_set(p->start, start_seconds());
	m->process = p;
	steme_metrics_hook(m, process_hook, p);
}
