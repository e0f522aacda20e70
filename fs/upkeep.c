/* SPDX-License-Identifier: Apache-2.0 */
/* upkeep.c - the thread that does the store's housekeeping. */
#include "config.h"
#include "fs/upkeep.h"
#include "core/cond.h"
#include "core/util.h"

#include <pthread.h>
#include <stdlib.h>

#define PERIOD_US	1000000

struct fs_upkeep {
	struct steme_store *s;
	pthread_t thread;
	pthread_mutex_t mu;		/* leaf */
	pthread_cond_t cond;		/* stop was set */
	bool stop;			/* (mu) */
};

static void *
run(void *arg)
{
	struct fs_upkeep *u = arg;

	MUST(pthread_mutex_lock(&u->mu));
	while (!u->stop) {
		MUST(pthread_mutex_unlock(&u->mu));
		steme_store_tick(u->s);
		MUST(pthread_mutex_lock(&u->mu));
		if (!u->stop)
			steme_cond_wait_us(&u->cond, &u->mu, PERIOD_US);
	}
	MUST(pthread_mutex_unlock(&u->mu));
	return NULL;
}

int
fs_upkeep_start(struct fs_upkeep **out, struct steme_store *s)
{
	struct fs_upkeep *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (u == NULL)
		return STEME_ENOMEM;
	u->s = s;
	MUST(pthread_mutex_init(&u->mu, NULL));
	steme_cond_init(&u->cond);
	if (pthread_create(&u->thread, NULL, run, u) != 0) {
		pthread_cond_destroy(&u->cond);
		MUST(pthread_mutex_destroy(&u->mu));
		free(u);
		return STEME_EAGAIN;
	}
	*out = u;
	return STEME_OK;
}

void
fs_upkeep_stop(struct fs_upkeep *u)
{
	if (u == NULL)
		return;
	MUST(pthread_mutex_lock(&u->mu));
	u->stop = true;
	pthread_cond_signal(&u->cond);
	MUST(pthread_mutex_unlock(&u->mu));
	MUST(pthread_join(u->thread, NULL));
	pthread_cond_destroy(&u->cond);
	MUST(pthread_mutex_destroy(&u->mu));
	free(u);
}
