/* SPDX-License-Identifier: Apache-2.0 */
/* cond.c - condition variables by the monotonic clock. */
#include "config.h"
#include "core/cond.h"

#include "core/clock.h"
#include "core/err.h"

#include <errno.h>
#include <time.h>

void
steme_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	MUST(pthread_condattr_init(&a));
	MUST(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
	MUST(pthread_cond_init(c, &a));
	MUST(pthread_condattr_destroy(&a));
}

bool
steme_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *mu, int64_t until_us)
{
	struct timespec ts = { until_us / 1000000, until_us % 1000000 * 1000 };
	int rc = pthread_cond_timedwait(c, mu, &ts);

	MUST(rc != 0 && rc != ETIMEDOUT);
	return rc == 0;
}

bool
steme_cond_wait_us(pthread_cond_t *c, pthread_mutex_t *mu, int64_t us)
{
	return steme_cond_wait_until(c, mu, steme_mono_us(&steme_clock_system) + us);
}
