/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_async_impl.h - the inside of the asynchronous client: client_async.c has
 * what callers' threads do, client_async_io.c the client's own thread.
 */
#ifndef STEME_CLIENT_ASYNC_IMPL_H
#define STEME_CLIENT_ASYNC_IMPL_H

#include "core/client_async.h"

#include <pthread.h>
#include <stdatomic.h>

#define ACONNS_MAX	8
#define SLOTS_MAX	65536		/* of one connection: 16 bits of a request id */
#define CANCEL_REQ	UINT64_MAX	/* id of CANCELs, whose answers nobody wants */

enum aconn_state { ACONN_DOWN, ACONN_HELLO, ACONN_UP };

/* One request in flight.  Its id is gen << 16 | index. */
struct aslot {
	uint64_t gen;
	bool active;
	uint8_t flags;
	int64_t deadline_ms;		/* 0: none */
	steme_aclient_done *done;
	void *arg;
	struct steme_buf joined;
	uint32_t next_free;
};

/*
 * mu is a leaf: nothing is called while it is held but send(2) is made without it, by
 * whoever has set `sending`.
 */
struct aconn {
	struct steme_aclient *c;
	pthread_mutex_t mu;
	pthread_cond_t idle;		/* sending became false */
	enum aconn_state state;		/* (mu) */
	int fd;				/* (mu); closed by the thread when !sending */
	bool sending;			/* (mu) owner of tx */
	bool blocked;			/* (mu) the socket took no more */
	bool writable;			/* (mu) epoll said so since the last send */
	struct steme_buf out;		/* (mu) gathered frames */
	struct steme_buf tx;		/* of the sender */
	size_t tx_sent;			/* of the sender */
	struct aslot *slots;		/* (mu) */
	uint32_t nslots, free;		/* (mu) free: first free slot, nslots: none */
	unsigned inflight;		/* (mu); read without it as a hint */
	atomic_uint hint;		/* copy of inflight */
	/* the thread's own */
	struct steme_buf in;
	size_t pos;
	int64_t tried_at_ms, retry_at_ms, hello_by_ms;
	unsigned backoff_ms;
	bool was_up;
};

struct steme_aclient {
	struct steme_aclient_opts o;	/* path and program are copies */
	unsigned nconns;
	struct aconn conns[ACONNS_MAX];
	int ep, wake;			/* epoll, eventfd */
	pthread_t thread;
	bool started;
	int64_t next_ms;		/* the thread's: when upkeep is due */
	atomic_bool asleep;		/* the thread is in, or about to enter, epoll_wait */
	atomic_bool stop;
	atomic_bool wanted;		/* a submit found no connection */
	atomic_uint up;			/* connections up */
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t came_up;
	struct steme_why why;		/* (mu) of the last failed attempt */
	atomic_uint_fast64_t submitted, completed, failed, timeouts, reconnects;
	atomic_uint_fast64_t writes, reads, wakeups;
};

/* Sends what is gathered, unless somebody does so already.  Called with cn->mu held. */
void steme_aconn_send_locked(struct aconn *cn);
/* Takes a slot out of use.  Called with cn->mu held. */
void steme_aconn_release_locked(struct aconn *cn, struct aslot *s);
void *steme_aclient_thread(void *arg);

#endif
