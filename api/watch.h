/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - the one stream of new records from the daemon (WATCH), as events for however
 * many feeds.
 *
 * An event is made once, as the text that goes out, and kept in a ring; each feed has only
 * its place, the lsn it wants next.  What a feed wants from before the ring is read from
 * the daemon's log (LOG).  So a feed costs a few hundred bytes and no thread, and goes on
 * without gap or repeat after any loss: of the client, of the daemon, of this program.
 *
 * Threads: any.  One lock (w->mu): under it feeds are resumed, so it comes before
 * libmicrohttpd's own; nothing else is taken under it.
 */
#ifndef STEME_API_WATCH_H
#define STEME_API_WATCH_H

#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct api_watch;
struct api_feed;
struct MHD_Connection;

/* NULL: no memory. */
struct api_watch *api_watch_new(struct api *a, unsigned max_feeds);
/* The daemon is there (again); lsn: what is visible. */
void api_watch_up(struct api_watch *w, uint64_t lsn);
/*
 * Every feed gets its last event, and none is suspended from now on.  Before the listeners
 * are stopped.
 */
void api_watch_stop(struct api_watch *w);
/* After the client and the listeners have ended. */
void api_watch_free(struct api_watch *w);
unsigned api_watch_feeds(struct api_watch *w);

/*
 * A feed of what comes after lsn `after`, of concepts at or below prefix ("": of all
 * objects).  visible: the daemon's lsn as it just said.  STEME_EBUSY: as many as there
 * may be; STEME_ECANCELED: ending; STEME_ENOMEM.
 */
int api_feed_open(struct api_feed **out, struct api_watch *w, struct MHD_Connection *c,
    uint64_t after, uint64_t visible, struct steme_str prefix);
void api_feed_close(struct api_feed *f);
/*
 * The next bytes, at most max.  0: there are none, and the connection was suspended; it
 * is resumed when there are.  API_FEED_ENDED: it has had its last event.  In its
 * listener's thread.
 */
#define API_FEED_ENDED	(-1)
long api_feed_read(struct api_feed *f, char *out, size_t max);

#endif
