/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_impl.h - the registry's insides; private to core/metrics*.c. */
#ifndef STEME_METRICS_IMPL_H
#define STEME_METRICS_IMPL_H

#include "core/clock.h"
#include "core/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define STEME_BUCKETS_MAX	32
#define STEME_WINDOWS		5	/* of STEME_WINDOW_US each: five minutes */
#define STEME_WINDOW_US		INT64_C(60000000)
#define STEME_OCTAVES		32	/* from 2^-20 s (about 1 us) on */
#define STEME_PER_OCTAVE	16
#define STEME_CELLS		(STEME_OCTAVES * STEME_PER_OCTAVE)
#define STEME_SERIES_HASH	1024

/* One window of a summary: a histogram with buckets 1/16 octave wide. */
struct steme_window {
	_Atomic int64_t epoch;		/* time / STEME_WINDOW_US it counts for */
	_Atomic uint32_t cell[STEME_CELLS];
};

struct steme_series {
	struct steme_family *family;
	struct steme_series *next;	/* all of the family, in order made */
	struct steme_series *hash_next;
	char *labels;			/* rendered: a="x",b="y"; "" if none */
	size_t labels_len;
	_Atomic uint64_t count;		/* counter; histogram, summary: observations */
	_Atomic uint64_t bits;		/* gauge: the double; others: sum */
	_Atomic uint64_t *bucket;	/* histogram: not cumulative */
	struct steme_window *window;	/* summary: STEME_WINDOWS of them */
	_Atomic bool is_float;		/* a counter set from elsewhere */
};

struct steme_family {
	struct steme_metrics *m;
	struct steme_family *next;
	enum steme_metric_type type;
	char *name, *help;
	size_t name_len;
	unsigned nlabels;
	char label[STEME_LABELS_MAX][48];
	unsigned cap;
	double bounds[STEME_BUCKETS_MAX];
	unsigned nbounds;
	char (*le)[24];			/* histogram: the bounds as labels */
	/* (m->mu) */
	unsigned nseries;
	struct steme_series *first, *last, *other;
	struct steme_series *hash[STEME_SERIES_HASH];
};

struct steme_hook {
	void (*fn)(void *arg);
	void *arg;
};

struct steme_metrics {
	pthread_mutex_t mu;		/* leaf: families, series lists */
	struct steme_family *first, *last;
	pthread_mutex_t hooks_mu;	/* above mu; held while hooks run and all is written */
	struct steme_hook hooks[8];	/* (hooks_mu) */
	unsigned nhooks;		/* (hooks_mu) */
	void *process;			/* of metrics_process.c; freed with us */
};

/* The number of the window that time is in. */
static inline int64_t
steme_metrics_epoch(void)
{
	return steme_mono_coarse_us() / STEME_WINDOW_US;
}

static inline double
steme_metrics_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

#endif
