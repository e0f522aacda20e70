/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cond.h - condition variables whose waits end by the machine's monotonic clock, which
 * nobody sets.
 */
#ifndef STEME_COND_H
#define STEME_COND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void steme_cond_init(pthread_cond_t *c);
/*
 * Waits for c (of steme_cond_init()), mu being held, until until_us by
 * steme_mono_us(&steme_clock_system).  False: it is that late; true: woken, perhaps
 * for nothing.
 */
bool steme_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *mu, int64_t until_us);
/* The same for so long from now on. */
bool steme_cond_wait_us(pthread_cond_t *c, pthread_mutex_t *mu, int64_t us);

#endif
