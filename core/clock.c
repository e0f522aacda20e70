/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the machine's clocks and the hybrid logical clock. */
#include "config.h"
#include "core/clock.h"

#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t
system_wall_us(const struct steme_clock *c)
{
	(void)c;
	return read_us(CLOCK_REALTIME);
}

static int64_t
system_mono_us(const struct steme_clock *c)
{
	(void)c;
	return read_us(CLOCK_MONOTONIC);
}

int64_t
steme_mono_coarse_us(void)
{
	return read_us(CLOCK_MONOTONIC_COARSE);
}

const struct steme_clock steme_clock_system = {
	system_wall_us, system_mono_us
};

uint64_t
steme_hlc_next(uint64_t last, int64_t now_us)
{
	uint64_t physical = steme_hlc_from_us(now_us);

	return physical > last ? physical : last + 1;
}
