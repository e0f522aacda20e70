/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - time.  Wall time is int64_t microseconds since 1970-01-01 UTC
 * (unit suffix _us); durations come from the monotonic clock.
 *
 * An hlc (hybrid logical clock value) is uint64_t: milliseconds since 1970 in
 * the upper 48 bits, a counter in the lower 16.
 */
#ifndef STEME_CLOCK_H
#define STEME_CLOCK_H

#include <stdint.h>

/* The seam for tests: both functions may be called from any thread. */
struct steme_clock {
	int64_t (*wall_us)(const struct steme_clock *c);
	int64_t (*mono_us)(const struct steme_clock *c);
};

/* The machine's clocks. */
extern const struct steme_clock steme_clock_system;

static inline int64_t
steme_wall_us(const struct steme_clock *c)
{
	return c->wall_us(c);
}

static inline int64_t
steme_mono_us(const struct steme_clock *c)
{
	return c->mono_us(c);
}

/* The machine's monotonic clock in milliseconds. */
static inline int64_t
steme_mono_ms(void)
{
	return steme_mono_us(&steme_clock_system) / 1000;
}

/*
 * The machine's monotonic clock as of the last tick of its timer, so up to 10 ms late, for a
 * fifth of the time it takes to read the exact one.
 */
int64_t steme_mono_coarse_us(void);

#define STEME_SKEW_US	INT64_C(300000000)	/* tolerated clock skew: 300 s */

static inline uint64_t
steme_hlc_from_us(int64_t us)
{
	return us <= 0 ? 0 : (uint64_t)(us / 1000) << 16;
}

/* Wall microseconds of an hlc (its counter is dropped). */
static inline int64_t
steme_hlc_us(uint64_t hlc)
{
	return (int64_t)(hlc >> 16) * 1000;
}

/* The next hlc after last at wall time now_us: max(physical, last + 1). */
uint64_t steme_hlc_next(uint64_t last, int64_t now_us);

#endif
