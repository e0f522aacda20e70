/* SPDX-License-Identifier: Apache-2.0 */
/* journal_time.c - times as journalctl takes them. */
#include "config.h"
#include "cli/journal.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND	INT64_C(1000000)
#define SPAN_MAX (INT64_C(200) * 31557600 * SECOND)	/* 200 years */

static const struct { const char *name; int64_t us; } units[] = {
	{ "us", 1 }, { "usec", 1 },
	{ "ms", 1000 }, { "msec", 1000 },
	{ "s", SECOND }, { "sec", SECOND }, { "second", SECOND },
	{ "seconds", SECOND },
	{ "m", 60 * SECOND }, { "min", 60 * SECOND }, { "minute", 60 * SECOND },
	{ "minutes", 60 * SECOND },
	{ "h", 3600 * SECOND }, { "hr", 3600 * SECOND }, { "hour", 3600 * SECOND },
	{ "hours", 3600 * SECOND },
	{ "d", 86400 * SECOND }, { "day", 86400 * SECOND },
	{ "days", 86400 * SECOND },
	{ "w", 604800 * SECOND }, { "week", 604800 * SECOND },
	{ "weeks", 604800 * SECOND },
	{ "M", 2629800 * SECOND }, { "month", 2629800 * SECOND },
	{ "months", 2629800 * SECOND },
	{ "y", 31557600 * SECOND }, { "year", 31557600 * SECOND },
	{ "years", 31557600 * SECOND },
};

static int64_t
unit_of(const char *name, size_t n)
{
	if (n == 0)
		return SECOND;
	for (size_t i = 0; i < STEME_NELEM(units); i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0)
			return units[i].us;
	return 0;
}

/* "1h 30 min": numbers with units; *end: behind the last. */
static int
read_span(const char *s, int64_t *span, const char **end)
{
	long long v;
	int64_t unit;
	size_t n;
	char *e;

	*span = 0;
	for (*end = s; isdigit((unsigned char)*s); *end = s) {
		v = strtoll(s, &e, 10);
		for (s = e; *s == ' '; s++)
			;
		for (n = 0; isalpha((unsigned char)s[n]); n++)
			;
		if (n == 3 && memcmp(s, "ago", 3) == 0)
			n = 0;
		if ((unit = unit_of(s, n)) == 0 || v > (SPAN_MAX - *span) / unit)
			return STEME_EINVAL;
		*span += v * unit;
		for (s += n; *s == ' '; s++)
			;
	}
	return *end == s ? STEME_OK : STEME_EINVAL;
}

/* "5 min ago", "-1h", "+10 s". */
static int
relative(const char *text, int64_t now_us, int64_t *us)
{
	bool minus = text[0] == '-', plus = text[0] == '+';
	const char *end;
	int64_t span;

	if (minus || plus)
		text++;
	if (!isdigit((unsigned char)text[0]) ||
	    read_span(text, &span, &end) != STEME_OK)
		return STEME_EINVAL;
	if (!minus && !plus && strcmp(end, "ago") == 0)
		minus = true;
	else if ((!minus && !plus) || *end != '\0')
		return STEME_EINVAL;
	*us = minus ? now_us - span : now_us + span;
	return STEME_OK;
}

static int
local(const char *text, int64_t now_us, int64_t *us)
{
	static const char *const forms[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M"
	};
	time_t now = (time_t)(now_us / SECOND), t;
	struct tm today, tm;
	const char *end;

	localtime_r(&now, &today);
	for (size_t i = 0; i < STEME_NELEM(forms); i++) {
		tm = today;
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		if ((end = strptime(text, forms[i], &tm)) == NULL || *end != '\0')
			continue;
		tm.tm_isdst = -1;
		if ((t = mktime(&tm)) == (time_t)-1)
			return STEME_EINVAL;
		*us = (int64_t)t * SECOND;
		return STEME_OK;
	}
	return STEME_EINVAL;
}

int
journal_time(const char *text, int64_t now_us, int64_t *us)
{
	int64_t day;
	char *end;
	long long s;

	if (strcmp(text, "now") == 0) {
		*us = now_us;
		return STEME_OK;
	}
	if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
		day = text[0] == 'y' ? 86400 * SECOND : 0;
		if (local("00:00", now_us - day, us) != STEME_OK)
			return STEME_EINVAL;
		return STEME_OK;
	}
	if (text[0] == '@') {
		s = strtoll(text + 1, &end, 10);
		if (end == text + 1 || *end != '\0' || s < 0 || s > SPAN_MAX / SECOND)
			return STEME_EINVAL;
		*us = s * SECOND;
		return STEME_OK;
	}
	if (relative(text, now_us, us) == STEME_OK ||
	    local(text, now_us, us) == STEME_OK)
		return STEME_OK;
	return strchr(text, 'T') == NULL ? STEME_EINVAL :
	    steme_time_parse_loose(steme_str_from(text), us);
}
