/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.c - exact decimals: header decimals in units of 1/10,000, and number
 * values as digits and an exponent of ten.  No double anywhere: it would show
 * another number than the author wrote, and compare unlike ones as equal.
 */
#include "config.h"
#include "core/number.h"

#include <stdio.h>

#define DIGITS_MAX	64
#define EXP_MAX		999

/* value = (neg ? -1 : 1) * 0.d[0]d[1]...d[n-1] * 10^exp; zero is n == 0. */
struct decimal {
	bool neg;
	unsigned n;		/* digits left: none of the outer zeros */
	int exp;
	uint8_t d[DIGITS_MAX];	/* 0..9 */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The exponent part at s.p[i]; false if malformed or beyond the limit. */
static bool
parse_exp(struct steme_str s, size_t i, int *exp)
{
	bool neg = false;
	int v = 0;

	if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
		neg = s.p[i++] == '-';
	if (i == s.n)
		return false;
	for (; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		v = v * 10 + (s.p[i] - '0');
		if (v > EXP_MAX)
			return false;
	}
	*exp = neg ? -v : v;
	return true;
}

/*
 * A run of digits at s.p[*i] onto all[*n..]; false if there is none or if the
 * number gets more than DIGITS_MAX of them.
 */
static bool
parse_run(struct steme_str s, size_t *i, uint8_t all[DIGITS_MAX], unsigned *n)
{
	size_t start = *i;

	for (; *i < s.n && is_digit(s.p[*i]); (*i)++) {
		if (*n == DIGITS_MAX)
			return false;
		all[(*n)++] = (uint8_t)(s.p[*i] - '0');
	}
	return *i > start;
}

/* The grammar of RFC 8259 section 6 within our limits. */
static bool
parse(struct steme_str s, struct decimal *d)
{
	unsigned n = 0, whole, lead = 0;
	size_t i = 0;
	int exp = 0;

	d->neg = s.n > 0 && s.p[0] == '-';
	i += d->neg;
	if (!parse_run(s, &i, d->d, &n))
		return false;
	whole = n;
	if (whole > 1 && d->d[0] == 0)
		return false;
	if (i < s.n && s.p[i] == '.') {
		i++;
		if (!parse_run(s, &i, d->d, &n))
			return false;
	}
	if (i < s.n) {
		if (s.p[i] != 'e' && s.p[i] != 'E')
			return false;
		if (!parse_exp(s, i + 1, &exp))
			return false;
	}
	while (n > 0 && d->d[n - 1] == 0)
		n--;
	while (lead < n && d->d[lead] == 0)
		lead++;
	d->n = n - lead;
	d->exp = exp + (int)whole - (int)lead;
	if (lead > 0)
		memmove(d->d, d->d + lead, d->n);
	if (d->n == 0) {
		d->neg = false;
		d->exp = 0;
	}
	return true;
}

bool
steme_number_valid(struct steme_str s)
{
	struct decimal d;

	return parse(s, &d);
}

/* Order of magnitudes, both not zero. */
static int
cmp_abs(const struct decimal *a, const struct decimal *b)
{
	unsigned n = a->n < b->n ? a->n : b->n;
	int c;

	if (a->exp != b->exp)
		return a->exp < b->exp ? -1 : 1;
	c = memcmp(a->d, b->d, n);
	/* No trailing zeros: the longer one has more behind the point. */
	return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}

int
steme_number_cmp(struct steme_str a, struct steme_str b)
{
	struct decimal x, y;
	int sx, sy, c;

	/* Out of contract: an order all the same, by bytes. */
	if (!parse(a, &x) || !parse(b, &y))
		return steme_str_cmp(a, b);
	sx = x.n == 0 ? 0 : x.neg ? -1 : 1;
	sy = y.n == 0 ? 0 : y.neg ? -1 : 1;
	if (sx != sy)
		return sx < sy ? -1 : 1;
	if (sx == 0)
		return 0;
	c = cmp_abs(&x, &y);
	return sx < 0 ? -c : c;
}

size_t
steme_number_key(struct steme_str s, char out[STEME_NUMBER_KEY])
{
	struct decimal d;
	size_t n = 0;

	if (!parse(s, &d) || d.n == 0) {
		memcpy(out, "0", 2);
		return 1;
	}
	if (d.neg)
		out[n++] = '-';
	for (unsigned i = 0; i < d.n; i++)
		out[n++] = (char)('0' + d.d[i]);
	n += (size_t)snprintf(out + n, STEME_NUMBER_KEY - n, "e%d",
	    d.exp - (int)d.n);
	return n;
}

int
steme_dec4_parse(struct steme_str s, bool allow_minus, int32_t *out)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	int32_t v = 0;
	size_t i;

	if (neg) {
		if (!allow_minus)
			return STEME_EINVAL;
		s.p++;
		s.n--;
	}
	if (s.n == 1 && (s.p[0] == '1' || (s.p[0] == '0' && !neg))) {
		*out = s.p[0] == '0' ? 0 : neg ? -STEME_ONE : STEME_ONE;
		return STEME_OK;
	}
	if (s.n < 3 || s.n > 6 || s.p[0] != '0' || s.p[1] != '.' ||
	    s.p[s.n - 1] == '0')
		return STEME_EINVAL;
	for (i = 2; i < 6; i++) {
		if (i < s.n && !is_digit(s.p[i]))
			return STEME_EINVAL;
		v = v * 10 + (i < s.n ? s.p[i] - '0' : 0);
	}
	*out = neg ? -v : v;
	return STEME_OK;
}

char *
steme_dec4_format(char out[8], int32_t v)
{
	uint32_t u = v < 0 ? (uint32_t)-(int64_t)v : (uint32_t)v;
	char *p = out;
	int n = 4;

	if (v < 0)
		*p++ = '-';
	/* Beyond +-1 the caller broke the contract: the nearest bound. */
	if (u >= STEME_ONE || u == 0) {
		*p++ = u == 0 ? '0' : '1';
		*p = '\0';
		return out;
	}
	*p++ = '0';
	*p++ = '.';
	for (; u % 10 == 0; u /= 10)
		n--;
	p[n] = '\0';
	while (n-- > 0) {
		p[n] = (char)('0' + u % 10);
		u /= 10;
	}
	return out;
}

int
steme_dec4_parse_loose(struct steme_str s, int32_t *out)
{
	struct decimal d;
	int32_t v = 0;

	if (!parse(s, &d))
		return STEME_EINVAL;
	/*
	 * 0.ddd * 10^exp: at most 1 means exp <= 0, or exactly 1 (one digit,
	 * exp 1); a multiple of 1/10,000 means no digit behind the fourth.
	 */
	if (d.n > 0 && (d.exp > 1 || (int)d.n - d.exp > 4))
		return STEME_EINVAL;
	for (unsigned i = 0; i < d.n; i++)
		v = v * 10 + d.d[i];
	for (int i = (int)d.n - d.exp; d.n > 0 && i < 4; i++)
		v *= 10;
	if (v > STEME_ONE)
		return STEME_EINVAL;
	*out = d.neg ? -v : v;
	return STEME_OK;
}
