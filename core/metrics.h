/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - Prometheus metrics: counters, gauges, histograms, and summaries with
 * quantiles over a sliding window of five minutes.
 *
 * A family is made once, at start; its series are found or made by label values and
 * held by pointer on hot paths (an update is a few atomic instructions).  Each
 * family has at most `cap` series: label values beyond that share one series whose
 * labels are all "other".
 *
 * Threads: any.  Series live as long as the registry.
 */
#ifndef STEME_METRICS_H
#define STEME_METRICS_H

#include "core/buf.h"
#include "core/err.h"

#include <stdint.h>

struct steme_metrics;		/* a registry */
struct steme_family;
struct steme_series;

enum steme_metric_type {
	STEME_COUNTER, STEME_GAUGE, STEME_HISTOGRAM, STEME_SUMMARY
};

#define STEME_LABELS_MAX	4

int steme_metrics_new(struct steme_metrics **out);
void steme_metrics_free(struct steme_metrics *m);

/*
 * Makes a family.  labels: names separated by commas, or NULL.  The process ends if
 * memory is out or the name is taken: families are made at start only.
 */
struct steme_family *steme_family(struct steme_metrics *m, enum steme_metric_type type,
    const char *name, const char *help, const char *labels);
/* At most cap series (default 1,000). */
void steme_family_cap(struct steme_family *f, unsigned cap);
/* Upper bounds of a histogram's buckets, ascending; default 0.5 ms .. 10 s. */
void steme_family_buckets(struct steme_family *f, const double *bounds, unsigned n);

/* The series with these label values (as many as the family has labels). */
struct steme_series *steme_series(struct steme_family *f, ...);
/* Its only series, for families without labels. */
struct steme_series *steme_series0(struct steme_family *f);
/* Drops all series of a family (gauges whose label sets come and go). */
void steme_family_reset(struct steme_family *f);

void steme_add(struct steme_series *s, uint64_t n);		/* counter */
void steme_set(struct steme_series *s, double v);		/* gauge; counter read elsewhere */
void steme_observe(struct steme_series *s, double v);	/* histogram, summary */
double steme_value(const struct steme_series *s);		/* counter, gauge */

/*
 * Called before each exposition, to set values that are read rather than counted.
 * At most 8.
 */
void steme_metrics_hook(struct steme_metrics *m, void (*fn)(void *arg), void *arg);
/* No longer; once it returns, fn is not running. */
void steme_metrics_unhook(struct steme_metrics *m, void (*fn)(void *arg), void *arg);

/* The text exposition format 0.0.4, appended to b. */
void steme_metrics_write(struct steme_metrics *m, struct steme_buf *b);

/*
 * Makes a label value safe for line-oriented tools: percent-encodes blanks, quotes,
 * backslashes, controls and bytes over 0x7e; cuts at out's end.
 */
void steme_label_encode(char *out, size_t outlen, const char *s, size_t n);

/* process_* of this process, with label process="name" (no label if NULL). */
void steme_process_metrics(struct steme_metrics *m, const char *name);

#endif
