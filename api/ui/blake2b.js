/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blake2b.js - BLAKE2b with 32 bytes of output, no key (RFC 7693): browsers have none.
 * A 64-bit word is two of 32 bits, low half first.
 */

const IV = Uint32Array.of(
    0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
    0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19);

const SIGMA = [
	[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
	[14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
	[11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
	[7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
	[9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
	[2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
	[12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
	[13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
	[6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
	[10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/* The words that a step mixes: columns, then diagonals. */
const MIXED = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
	[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

/* v[a] += v[b] + (x1:x0) */
function plus(v, a, b, x0, x1)
{
	const low = v[2 * a] + v[2 * b] + x0;

	v[2 * a + 1] = v[2 * a + 1] + v[2 * b + 1] + x1 + Math.floor(low / 4294967296);
	v[2 * a] = low;
}

/* v[d] = (v[d] ^ v[a]) rotated right by n */
function turn(v, d, a, n)
{
	const low = v[2 * d] ^ v[2 * a], high = v[2 * d + 1] ^ v[2 * a + 1];

	if (n === 32) {
		v[2 * d] = high;
		v[2 * d + 1] = low;
	} else if (n === 63) {
		v[2 * d] = (low << 1) | (high >>> 31);
		v[2 * d + 1] = (high << 1) | (low >>> 31);
	} else {
		v[2 * d] = (low >>> n) | (high << (32 - n));
		v[2 * d + 1] = (high >>> n) | (low << (32 - n));
	}
}

function compress(state, block, total, last)
{
	const v = new Uint32Array(32), m = new Uint32Array(32);
	const view = new DataView(block.buffer, block.byteOffset, 128);

	v.set(state);
	v.set(IV, 16);
	v[24] ^= total;
	v[25] ^= Math.floor(total / 4294967296);
	if (last) {
		v[28] = ~v[28];
		v[29] = ~v[29];
	}
	for (let i = 0; i < 32; i++)
		m[i] = view.getUint32(4 * i, true);
	for (let round = 0; round < 12; round++)
		for (let i = 0; i < 8; i++) {
			const [a, b, c, d] = MIXED[i];
			const x = 2 * SIGMA[round % 10][2 * i], y = 2 * SIGMA[round % 10][2 * i + 1];

			plus(v, a, b, m[x], m[x + 1]);
			turn(v, d, a, 32);
			plus(v, c, d, 0, 0);
			turn(v, b, c, 24);
			plus(v, a, b, m[y], m[y + 1]);
			turn(v, d, a, 16);
			plus(v, c, d, 0, 0);
			turn(v, b, c, 63);
		}
	for (let i = 0; i < 16; i++)
		state[i] ^= v[i] ^ v[i + 16];
}

export function blake2b256(data)
{
	const state = IV.slice();
	const block = new Uint8Array(128);

	state[0] ^= 0x01010020;
	for (let at = 0;;) {
		const n = Math.min(128, data.length - at);

		block.fill(0);
		block.set(data.subarray(at, at + n));
		at += n;
		compress(state, block, at, at >= data.length);
		if (at >= data.length)
			return new Uint8Array(state.buffer, 0, 32);
	}
}
