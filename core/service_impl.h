/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_impl.h - the inside of the service: service.c takes requests in and runs the
 * workers; the other service_*.c files do them.
 */
#ifndef STEME_SERVICE_IMPL_H
#define STEME_SERVICE_IMPL_H

#include "core/service.h"

#include <pthread.h>
#include <semaphore.h>

#define ANSWER_MAX	(64u << 20)
#define FRAME_CUT	(256u << 10)	/* answers of items are cut about here */
#define WORKERS_MAX	8
#define STREAMS_MAX	256

struct stream;
struct steme_svc_metrics;

struct steme_service {
	struct steme_service_opts o;
	int64_t started_us;		/* monotonic */
	pthread_mutex_t mu;		/* leaf: nothing is called while it is held */
	pthread_mutex_t set_mu;		/* one SET at a time; held while it commits */
	pthread_cond_t jobs_cv;		/* a job came, or stopping */
	sem_t none_pending;		/* posted once: pending became 0 */
	struct steme_request *jobs, **jobs_end;	/* (mu) */
	pthread_t workers[WORKERS_MAX];
	unsigned nworkers;
	atomic_bool stopping;
	atomic_uint pending;		/* requests not ended, and 1 until free */
	bool busy[STEME_NMSG];		/* (mu) VERIFY, REBUILD, COMPACT under way */
	struct steme_series *requests[STEME_NMSG], *errors[STEME_NMSG];
	struct steme_svc_metrics *metrics;	/* service_metrics.c; NULL: none */

	/* the feeder (service_feed.c) */
	pthread_t feeder;
	bool feeder_started;
	pthread_mutex_t feed_mu;	/* leaf */
	pthread_cond_t feed_cv;		/* new stream, kick, or stopping */
	struct stream *incoming;	/* (feed_mu) */
	uint64_t kicks;			/* (feed_mu) */
	atomic_uint nstreams;
};

/* The end of a request: exactly one of these, once. */
void steme_svc_error(struct steme_service *s, struct steme_request *r, int err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void steme_svc_why(struct steme_service *s, struct steme_request *r, int err,
    const struct steme_why *why);
void steme_svc_end(struct steme_service *s, struct steme_request *r, const void *p,
    size_t n);
/* Takes the bytes over; a failure noted in b becomes an error. */
void steme_svc_end_buf(struct steme_service *s, struct steme_request *r,
    struct steme_buf *b);

/* inline_: in the asker's thread, so be quick; else in a worker's. */
void steme_svc_write(struct steme_service *s, struct steme_request *r, bool inline_);
void steme_svc_profile(struct steme_service *s, struct steme_request *r);
void steme_svc_keys(struct steme_service *s, struct steme_request *r);
void steme_svc_set(struct steme_service *s, struct steme_request *r);
void steme_svc_read(struct steme_service *s, struct steme_request *r);
void steme_svc_work(struct steme_service *s, struct steme_request *r);
void steme_svc_stream(struct steme_service *s, struct steme_request *r);
/* What steme_svc_read() asks for (service_status.c): the answer, or STEME_EPROTO. */
int steme_svc_status(struct steme_service *s, struct steme_request *r,
    struct steme_buf *b);
int steme_svc_storage(struct steme_service *s, struct steme_request *r,
    struct steme_buf *b);
int steme_svc_index(struct steme_service *s, struct steme_request *r,
    struct steme_buf *b);
/* Bytes that LevelDB has written for each byte put into the index; 0 before the first. */
double steme_svc_write_amplification(const struct steme_store_stats *st);
/* Is this too much for the asker's thread? */
bool steme_svc_write_is_long(const struct steme_request *r);
bool steme_svc_read_is_long(const struct steme_request *r);

/* May this thread run a commit at the end of its turn, or has it readers to serve? */
bool steme_svc_may_lead(void);
/* This thread's turn has queued a write. */
void steme_svc_queued(void);

int steme_svc_metrics_new(struct steme_svc_metrics **out, struct steme_service *s);
void steme_svc_metrics_free(struct steme_svc_metrics *m);

int steme_svc_feed_start(struct steme_service *s);
void steme_svc_feed_stop(struct steme_service *s);

#endif
