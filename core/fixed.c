/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fixed.c - decay and entropy in integers.
 *
 * Bounds, in units of 2^-32: decay differs from the true value by less than
 * 0.501, log2 by less than 0.501 (0.5 is the rounding).  Powers of two are exact, and
 * log2 depends on the quotient only: log2(k*w, w) == log2(k, 1), so that k equal
 * weights have an entropy of exactly 1.
 */
#include "config.h"
#include "core/fixed.h"

#include "core/number.h"
#include "core/util.h"

#define DAY_US		UINT64_C(86400000000)
#define FRACTION_BITS	48

typedef unsigned __int128 u128;

/* roots[i] is 2^(-2^-(i+1)) in 1/2^64, to nearest. */
static const uint64_t roots[FRACTION_BITS] = {
	UINT64_C(0xb504f333f9de6484), UINT64_C(0xd744fccad69d6af4),
	UINT64_C(0xeac0c6e7dd24392f), UINT64_C(0xf5257d152486cc2c),
	UINT64_C(0xfa83b2db722a033a), UINT64_C(0xfd3e0c0cf486c175),
	UINT64_C(0xfe9e115c7b8f884c), UINT64_C(0xff4ecb59511ec8a5),
	UINT64_C(0xffa756521c8daed2), UINT64_C(0xffd3a751c0f7e10c),
	UINT64_C(0xffe9d2b2f7db2756), UINT64_C(0xfff4e91bff1b8c3e),
	UINT64_C(0xfffa747ea0040664), UINT64_C(0xfffd3a3b7814eb54),
	UINT64_C(0xfffe9d1cc60ddab1), UINT64_C(0xffff4e8e25879bfa),
	UINT64_C(0xffffa7470363f451), UINT64_C(0xffffd3a37dda0313),
	UINT64_C(0xffffe9d1bdf703af), UINT64_C(0xfffff4e8debe025e),
	UINT64_C(0xfffffa746f4fa150), UINT64_C(0xfffffd3a37a3f8b0),
	UINT64_C(0xfffffe9d1bd1065a), UINT64_C(0xffffff4e8de845ae),
	UINT64_C(0xffffffa746f41377), UINT64_C(0xffffffd3a37a05e4),
	UINT64_C(0xffffffe9d1bd01fc), UINT64_C(0xfffffff4e8de80c0),
	UINT64_C(0xfffffffa746f4051), UINT64_C(0xfffffffd3a37a025),
	UINT64_C(0xfffffffe9d1bd011), UINT64_C(0xffffffff4e8de808),
	UINT64_C(0xffffffffa746f404), UINT64_C(0xffffffffd3a37a02),
	UINT64_C(0xffffffffe9d1bd01), UINT64_C(0xfffffffff4e8de81),
	UINT64_C(0xfffffffffa746f40), UINT64_C(0xfffffffffd3a37a0),
	UINT64_C(0xfffffffffe9d1bd0), UINT64_C(0xffffffffff4e8de8),
	UINT64_C(0xffffffffffa746f4), UINT64_C(0xffffffffffd3a37a),
	UINT64_C(0xffffffffffe9d1bd), UINT64_C(0xfffffffffff4e8df),
	UINT64_C(0xfffffffffffa746f), UINT64_C(0xfffffffffffd3a38),
	UINT64_C(0xfffffffffffe9d1c), UINT64_C(0xffffffffffff4e8e),
};

uint64_t
steme_fixed_decay(int64_t age_us, uint32_t half_life_days)
{
	uint64_t halvings, f, v = UINT64_MAX;
	u128 period = (u128)half_life_days * DAY_US;

	if (age_us <= 0 || half_life_days == 0)
		return UINT64_C(1) << 32;
	halvings = (uint64_t)((u128)age_us / period);
	f = (uint64_t)(((u128)age_us % period << FRACTION_BITS) / period);
	if (halvings > 33)
		return 0;
	if (f == 0)		/* exact: 2^32 >> halvings, half up */
		return ((UINT64_C(1) << 33 >> halvings) + 1) >> 1;
	for (unsigned i = 0; f != 0; i++, f = f << 1 & ((UINT64_C(1) << FRACTION_BITS) - 1))
		if (f >> (FRACTION_BITS - 1) & 1)
			v = (uint64_t)((u128)v * roots[i] >> 64);
	/* v in 1/2^64; 1/2^32 is 32 further down, and one for each halving */
	return (uint64_t)((((u128)v >> (halvings + 31)) + 1) >> 1);
}

int32_t
steme_fixed_decayed(int32_t v, int64_t age_us, uint32_t half_life_days)
{
	/* half up also below zero: floor(x + 1/2) */
	__int128 t = (__int128)v * (int64_t)steme_fixed_decay(age_us, half_life_days) +
	    (INT64_C(1) << 31);
	__int128 one = (__int128)1 << 32;

	return (int32_t)(t >= 0 ? t / one : -((-t + one - 1) / one));
}

uint64_t
steme_fixed_log2(uint64_t num, uint64_t den)
{
	unsigned e = (unsigned)(__builtin_clzll(den) - __builtin_clzll(num));
	uint64_t m, bits = 0;

	if (num < den << e)
		e--;
	/* num / (den * 2^e), 1 <= m < 2, in 1/2^63 */
	m = (uint64_t)(((u128)num << 63) / ((u128)den << e));
	if (m == UINT64_C(1) << 63)
		return (uint64_t)e << 32;
	/* Each squaring doubles the logarithm: its whole part is the next bit. */
	for (unsigned i = 0; i < 33; i++) {
		u128 sq = (u128)m * m;
		unsigned bit = (unsigned)(sq >> 127);

		bits = bits << 1 | bit;
		m = (uint64_t)(sq >> (63 + bit));
	}
	return ((uint64_t)e << 32) + ((bits + 1) >> 1);
}

int32_t
steme_fixed_conflict(const int64_t *w, uint32_t k)
{
	uint64_t sum = 0, one_of_k;
	u128 h = 0, whole;

	if (k < 2)
		return 0;
	for (uint32_t i = 0; i < k; i++)
		sum += (uint64_t)w[i];
	if (sum == 0)
		return STEME_ONE;
	one_of_k = steme_fixed_log2(k, 1);
	for (uint32_t i = 0; i < k; i++)
		if (w[i] > 0)
			h += (u128)(uint64_t)w[i] *
			    steme_fixed_log2(sum, (uint64_t)w[i]);
	/* h / sum is H, in 1/2^32; h < 2^64 * 2^38 leaves room for the factors */
	whole = (u128)sum * one_of_k;
	h = (2 * h * STEME_ONE + whole) / (2 * whole);
	return h > STEME_ONE ? STEME_ONE : (int32_t)h;
}
