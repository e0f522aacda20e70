/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timefmt.c - RFC 3339 UTC times, by arithmetic on the calendar: gmtime() and
 * timegm() read the time zone and know leap-second tables; objects know neither.
 */
#include "config.h"
#include "core/timefmt.h"
#include "core/util.h"

#define US_PER_S	INT64_C(1000000)
#define S_PER_DAY	INT64_C(86400)
/* 9999-12-31T23:59:59.999999Z */
#define US_MAX		INT64_C(253402300799999999)

/*
 * Days since 1970-01-01 of a Gregorian date.  The year starts in March here, so
 * that the leap day comes last and months need no table: day of year =
 * (153 m + 2) / 5, eras of 400 years have 146,097 days, and 1970-01-01 is day
 * 719,468 of that count.
 */
static int64_t
days_from_date(int y, int m, int d)
{
	int yy = m <= 2 ? y - 1 : y;
	int era = yy / 400, yoe = yy % 400;
	int doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * 146097 + doe - 719468;
}

/* The reverse, for days >= 0. */
static void
date_from_days(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468;
	int era = (int)(z / 146097), doe = (int)(z % 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = era * 400 + yoe + (*m <= 2);
}

static void
put_digits(char *out, int64_t v, int n)
{
	while (n-- > 0) {
		out[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

void
steme_time_format(char out[STEME_TIME_LEN + 1], int64_t us)
{
	int64_t s;
	int y, m, d;

	/* A caller outside of the contract still gets 27 bytes. */
	us = STEME_MAX(0, STEME_MIN(us, US_MAX));
	s = us / US_PER_S;
	date_from_days(s / S_PER_DAY, &y, &m, &d);
	memcpy(out, "0000-00-00T00:00:00.000000Z", STEME_TIME_LEN + 1);
	put_digits(out, y, 4);
	put_digits(out + 5, m, 2);
	put_digits(out + 8, d, 2);
	put_digits(out + 11, s % S_PER_DAY / 3600, 2);
	put_digits(out + 14, s % 3600 / 60, 2);
	put_digits(out + 17, s % 60, 2);
	put_digits(out + 20, us % US_PER_S, 6);
}

/* n digits at p, or -1. */
static int
digits(const char *p, int n)
{
	int v = 0;

	for (; n > 0; n--, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		v = v * 10 + (*p - '0');
	}
	return v;
}

/* YYYY-MM-DD at p (10 bytes) as days since 1970, or -1. */
static int64_t
parse_date(const char *p)
{
	static const int last[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
	    30, 31 };
	int y = digits(p, 4), m = digits(p + 5, 2), d = digits(p + 8, 2);
	bool leap;

	if (p[4] != '-' || p[7] != '-')
		return -1;
	if (y < 1970 || m < 1 || m > 12 || d < 1)
		return -1;
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > last[m - 1] + (m == 2 && leap))
		return -1;
	return days_from_date(y, m, d);
}

/* hh:mm:ss at p (8 bytes) as seconds, or -1.  There is no second 60. */
static int
parse_clock(const char *p)
{
	int h = digits(p, 2), m = digits(p + 3, 2), s = digits(p + 6, 2);

	if (p[2] != ':' || p[5] != ':')
		return -1;
	if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59)
		return -1;
	return h * 3600 + m * 60 + s;
}

/* A time with exactly `frac` decimals (0: no point). */
static int
parse_full(struct steme_str s, unsigned frac, int64_t *us)
{
	static const int scale[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
	int64_t day;
	int sec, f = 0;

	if (s.n != 20 + (frac > 0 ? frac + 1 : 0) || s.p[10] != 'T' ||
	    s.p[s.n - 1] != 'Z')
		return STEME_EINVAL;
	if (frac > 0 && (s.p[19] != '.' ||
	    (f = digits(s.p + 20, (int)frac)) < 0))
		return STEME_EINVAL;
	day = parse_date(s.p);
	sec = parse_clock(s.p + 11);
	if (day < 0 || sec < 0)
		return STEME_EINVAL;
	*us = (day * S_PER_DAY + sec) * US_PER_S + (int64_t)f * scale[frac];
	return STEME_OK;
}

int
steme_time_parse(struct steme_str s, int64_t *us)
{
	return parse_full(s, 6, us);
}

int
steme_time_parse_loose(struct steme_str s, int64_t *us)
{
	int64_t day;

	if (s.n == 10) {
		if ((day = parse_date(s.p)) < 0)
			return STEME_EINVAL;
		*us = day * S_PER_DAY * US_PER_S;
		return STEME_OK;
	}
	if (s.n == 20)
		return parse_full(s, 0, us);
	if (s.n < 22 || s.n > STEME_TIME_LEN)
		return STEME_EINVAL;
	return parse_full(s, (unsigned)s.n - 21, us);
}
