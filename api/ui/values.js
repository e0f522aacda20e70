/* SPDX-License-Identifier: Apache-2.0 */
/* values.js - which values are equal (doc/lenses.md), and their letters. */

/* The exact decimal that a number says: equal numbers give equal text. */
export function decimalKey(s)
{
	const [, sign, whole, fraction = "", e = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(s) ?? [];

	if (whole === undefined)
		return s;
	const digits = (whole + fraction).replace(/^0+/, "");
	const kept = digits.replace(/0+$/, "");

	return kept === "" ? "0" : `${sign}${kept}e${Number(e) - fraction.length + digits.length - kept.length}`;
}

export function keyOf(object)
{
	const v = String(object.value);

	return `${object.type}:${object.type === "number" ? decimalKey(v) : v}`;
}

/* Values in the order in which they were first asked for. */
export class Values {
	constructor() { this.ranks = new Map(); this.objects = []; }
	rank(object)
	{
		const k = keyOf(object);

		if (!this.ranks.has(k)) {
			this.ranks.set(k, this.objects.length);
			this.objects.push(object);
		}
		return this.ranks.get(k);
	}
}
