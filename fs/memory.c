/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - few arenas, and pages that nobody needs go back. */
#include "config.h"
#include "fs/memory.h"
#include "core/util.h"

#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define ARENAS_MIN	2
#define ARENAS_MAX	4
#define IDLE_BYTES	(24u << 20)	/* resident and unused: worth giving back */

void
fs_memory_init(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	/* one for each processor: more only spread what is free; one alone is a queue */
	mallopt(M_ARENA_MAX, (int)STEME_MAX(ARENAS_MIN, STEME_MIN(n, ARENAS_MAX)));
}

/* Bytes of memory of our own that are resident; 0 if the kernel does not say. */
static size_t
resident(void)
{
	unsigned long pages, shared;
	char text[128];
	ssize_t n;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %lu %lu", &pages, &shared) != 2 || shared > pages)
		return 0;
	return (pages - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

bool
fs_memory_give_back(void)
{
	struct mallinfo2 m = mallinfo2();

	if (resident() < m.uordblks + m.hblkhd + IDLE_BYTES)
		return false;
	malloc_trim(0);
	return true;
}
