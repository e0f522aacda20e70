/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_process.c - process_*: what every Prometheus client tells of its process. */
#include "config.h"
#include "core/metrics.h"
#include "core/metrics_impl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct process {
	struct steme_series *cpu, *rss, *vsz, *fds, *maxfds, *start;
};

static double
start_seconds(void)
{
	unsigned long long ticks = 0, boot = 0;
	char line[1024], *p;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f != NULL) {
		if (fgets(line, sizeof(line), f) != NULL &&
		    (p = strrchr(line, ')')) != NULL &&
		    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		    "%*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
			ticks = 0;
		fclose(f);
	}
	if ((f = fopen("/proc/stat", "re")) != NULL) {
		while (fgets(line, sizeof(line), f) != NULL)
			if (sscanf(line, "btime %llu", &boot) == 1)
				break;
		fclose(f);
	}
	return (double)boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void
process_hook(void *arg)
{
	struct process *p = arg;
	unsigned long vsz = 0, rss = 0;
	struct rusage ru;
	struct rlimit rl;
	struct dirent *e;
	double n = 0;
	FILE *f;
	DIR *d;

	getrusage(RUSAGE_SELF, &ru);
	steme_set(p->cpu, (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	if ((f = fopen("/proc/self/statm", "re")) != NULL) {
		if (fscanf(f, "%lu %lu", &vsz, &rss) != 2)
			vsz = rss = 0;
		fclose(f);
	}
	steme_set(p->vsz, (double)vsz * (double)sysconf(_SC_PAGESIZE));
	steme_set(p->rss, (double)rss * (double)sysconf(_SC_PAGESIZE));
	if ((d = opendir("/proc/self/fd")) != NULL) {
		while ((e = readdir(d)) != NULL)
			n += e->d_name[0] != '.';
		closedir(d);
	}
	steme_set(p->fds, n);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0)
		steme_set(p->maxfds, (double)rl.rlim_cur);
}

void
steme_process_metrics(struct steme_metrics *m, const char *name)
{
	struct process *p = calloc(1, sizeof(*p));
	const char *l = name == NULL ? NULL : "process";

	if (p == NULL)
		abort();		/* as for every metric: a start without memory */

#define ONE(type, metric, help) \
	steme_series(steme_family(m, type, metric, help, l), name)
	p->cpu = ONE(STEME_COUNTER, "process_cpu_seconds_total",
	    "Total user and system CPU time spent in seconds.");
	p->rss = ONE(STEME_GAUGE, "process_resident_memory_bytes",
	    "Resident memory size in bytes.");
	p->vsz = ONE(STEME_GAUGE, "process_virtual_memory_bytes",
	    "Virtual memory size in bytes.");
	p->fds = ONE(STEME_GAUGE, "process_open_fds",
	    "Number of open file descriptors.");
	p->maxfds = ONE(STEME_GAUGE, "process_max_fds",
	    "Maximum number of open file descriptors.");
	p->start = ONE(STEME_GAUGE, "process_start_time_seconds",
	    "Start time of the process since unix epoch in seconds.");
#undef ONE
	steme_set(p->start, start_seconds());
	m->process = p;
	steme_metrics_hook(m, process_hook, p);
}
