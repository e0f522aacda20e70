/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_impl.h - the inside of the control socket's server: ctl.c accepts and runs the
 * threads, ctl_conn.c reads a connection and closes it, ctl_out.c writes answers,
 * ctl_end.c sees to the end.
 */
#ifndef STEME_CTL_IMPL_H
#define STEME_CTL_IMPL_H

#include "fs/ctl.h"
#include "fs/ctl_frames.h"
#include "fs/ctl_path.h"
#include "fs/ctl_peer.h"

#include <pthread.h>

#define CTL_THREADS_MAX	16
#define CTL_HIGH	(1u << 20)	/* unread bytes at which reading pauses */
#define CTL_HELD	(8u << 20)	/* bytes of requests in hand at which it pauses, too */
#define CTL_STREAM_HIGH	(512u << 10)	/* and at which streams wait */
#define CTL_STALL_MS	60000
#define CTL_SMALL	1024		/* payloads copied into their request */

struct ctl_conn;

/* Requests that end by themselves; these the end of the server waits for. */
static inline bool
steme_ctl_waits_for(unsigned type)
{
	return type != STEME_MSG_WATCH && type != STEME_MSG_LOG &&
	    type != STEME_MSG_VERIFY && type != STEME_MSG_REBUILD &&
	    type != STEME_MSG_COMPACT;
}

/* A request in hand.  Its payload lies in slab, or behind it if small. */
struct ctl_req {
	struct steme_request r;		/* first: the service's pointer is ours */
	struct ctl_conn *c;
	struct ctl_req *prev, *next;	/* (c->mu) requests of c in hand */
	struct steme_slab *slab;	/* held; NULL: small */
	uint8_t small[];
};

/* A long answer, cut into frames when there is room. */
struct ctl_body {
	struct ctl_body *next;
	uint64_t req;
	uint16_t type;
	struct steme_buf b;
	size_t off;
};

/*
 * mu is a leaf.  send(2) is made without it, by whoever has set `flushing`.
 */
struct ctl_conn {
	struct ctl_thread *t;		/* the owner: alone reads and closes */
	atomic_uint refs;		/* the owner, requests, lists */
	struct steme_caller caller;	/* role: granted, once greeted */
	enum steme_role max_role;

	/* the owner's */
	struct ctl_conn *prev, *next;	/* of t->conns */
	struct steme_frames frames;
	bool fresh;			/* not taken on by the owner yet */
	bool listed;			/* is in t->conns */
	bool readable;			/* the socket may have more */
	bool queued;			/* is in t->ready */
	struct ctl_conn *next_ready;
	bool greeted;
	int64_t since_ms;		/* of the accept, or of a frame not whole yet; 0 */

	pthread_mutex_t mu;
	int fd;				/* (mu) */
	bool dead;			/* (mu) closed, or about to be: output is dropped */
	bool ending;			/* (mu) close when all is written */
	bool eof;			/* (mu) it sends no more: end when all is answered */
	bool flushing;			/* (mu) */
	bool blocked, writable;		/* (mu) the socket took no more; takes again */
	bool dirty;			/* (mu) is in a list to be flushed */
	bool remote;			/* (t->mu) is in t->remote */
	bool paused;			/* (mu) not read until answers are taken */
	bool starved;			/* (mu) a stream waits for room */
	struct ctl_req *reqs;		/* (mu) */
	unsigned nreqs;			/* (mu) */
	size_t held;			/* (mu) bytes of their payloads */
	struct steme_buf out;		/* (mu) frames to send */
	struct steme_buf tx;		/* of the flusher */
	size_t tx_sent;			/* (mu) of tx */
	struct ctl_body *bodies, **bodies_end;	/* (mu) */
	int64_t progress_ms;		/* (mu) something was written */
	pthread_cond_t idle;		/* flushing became false */
	struct ctl_conn *next_remote;	/* (t->mu) */
};

struct ctl_thread {
	struct steme_ctl *ctl;
	pthread_t thread;
	bool started;
	int ep, wake;
	atomic_bool asleep;
	atomic_bool quiet;		/* the end: it reads no more */
	struct ctl_conn *conns;
	struct ctl_conn *ready, **ready_end;
	struct steme_slab *spare;
	pthread_mutex_t mu;		/* leaf */
	struct ctl_conn *remote;	/* (mu) to be looked after; referenced */
	bool stopped;			/* (mu) nobody looks any more */
	atomic_uint nconns;
	/* connections with output, made in this turn; referenced */
	struct ctl_conn **dirty;
	size_t ndirty, dirty_cap;
};

struct steme_ctl {
	atomic_uint refs;		/* until closed, and one a connection */
	struct steme_ctl_opts o;	/* limits filled in */
	struct steme_ctl_path path;
	struct steme_peers peers;
	struct ctl_thread threads[CTL_THREADS_MAX];
	unsigned nthreads;
	pthread_t acceptor;
	bool accepting;
	int stop_fd;			/* eventfd of the acceptor */
	atomic_bool draining, stop;
	atomic_uint nconns;
	atomic_uint inhand;		/* requests, streams left out */
	struct steme_series *m_connections, *m_accepted, *m_refused;
	atomic_uint_fast64_t accepted, refused, requests, bad_frames, timeouts,
	    overflows, turns, writes;
};

/* The thread of the server this is, or NULL. */
extern _Thread_local struct ctl_thread *steme_ctl_self;

int64_t steme_ctl_now_ms(void);
void steme_ctl_put(struct steme_ctl *ctl);
void steme_ctl_poke(int fd);
/* Sends all that this turn has made, one write a connection. */
void steme_ctl_flush_dirty(struct ctl_thread *t);
void steme_conn_hold(struct ctl_conn *c);
void steme_conn_put(struct ctl_conn *c);
/* The owner looks after c soon: reads on, flushes, closes.  Any thread. */
void steme_conn_call_owner(struct ctl_conn *c);
/* c has output: it goes out at the end of this turn.  Any thread. */
void steme_conn_mark_dirty(struct ctl_conn *c);

/* ctl_end.c */
/* How long the end waits: as long as there is less left each time it looks. */
struct ctl_patience {
	uint64_t left;			/* when it last changed */
	int64_t since_ms;		/* that */
};
#define CTL_PATIENT	((struct ctl_patience){ UINT64_MAX, 0 })
#define CTL_QUIET_MS	3000		/* so long without a change is enough */
/* Nothing is left, or that has not changed for CTL_QUIET_MS. */
bool steme_ctl_waited(struct ctl_patience *p, uint64_t left, int64_t now_ms);
/* Of a thread: what is to be sent goes out, then its connections are closed. */
void steme_ctl_leave(struct ctl_thread *t);
/* No more is read, what is in hand is answered, the threads end. */
void steme_ctl_end_threads(struct steme_ctl *ctl);

/* ctl_out.c */
extern const struct steme_request_ops steme_conn_ops;
/* Writes what the socket takes.  Any thread. */
void steme_conn_flush(struct ctl_conn *c);
/* A frame that answers no request in hand (HELLO, CANCEL, a bad frame). */
void steme_conn_answer(struct ctl_conn *c, const struct steme_frame *f, unsigned flags,
    const void *p, size_t n);
/* May more be read?  c->mu is held. */
bool steme_conn_may_read_locked(const struct ctl_conn *c);
/* Bytes that wait to be read by the client.  c->mu is held. */
size_t steme_conn_unread_locked(const struct ctl_conn *c);
/* The same with long answers that are still to be cut into frames. */
size_t steme_conn_owed_locked(const struct ctl_conn *c);

/* ctl_conn.c: the owner only */
struct ctl_conn *steme_conn_new(struct ctl_thread *t, int fd,
    const struct steme_caller *who);
/* Reads and handles for a while. */
void steme_conn_read(struct ctl_conn *c);
/* After any event: closes it if it is to be closed.  False: it is gone. */
bool steme_conn_settle(struct ctl_conn *c);
void steme_conn_close(struct ctl_conn *c);
/* May it be read now? */
bool steme_conn_wants(struct ctl_conn *c);
/* Deadlines. */
void steme_conn_tick(struct ctl_conn *c, int64_t now_ms);

#endif
