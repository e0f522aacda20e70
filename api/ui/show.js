/* SPDX-License-Identifier: Apache-2.0 */
/* show.js - how values, times, agents, ids and numbers look everywhere on the page. */
import { h } from "./dom.js";
import { Spelled } from "./api.js";
import { to } from "./links.js";

export const LENSES = ["recency", "confidence", "consensus", "votes", "authority"];
export const TIERS = ["regulatory", "clinical", "observational", "expert", "community", "anecdotal"];
const LONG = 280;

/* Characters that show nothing, or that change how others stand. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/;
const spelled = (c) => "U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");

/* Text with what cannot be seen spelled out; a list of nodes and strings. */
export function visible(s)
{
	const out = [];
	let from = 0;

	for (let i = 0; i < s.length; i++) {
		if (!UNSEEN.test(s[i]))
			continue;
		if (i > from)
			out.push(s.slice(from, i));
		out.push(h("span.unseen", null, spelled(s[i])));
		from = i + 1;
	}
	out.push(s.slice(from));
	return out;
}

/* Cuts between characters. */
function cut(s, n)
{
	const c = s.charCodeAt(n - 1);

	return s.slice(0, c >= 0xd800 && c < 0xdc00 ? n - 1 : n);
}

/* One value as {type, value}, or a bare one. */
export function value(object)
{
	const v = object?.value ?? object;
	const type = object?.type ?? (v instanceof Spelled ? "number" : typeof v === "boolean" ? "boolean" : "text");
	const s = String(v);

	if (type === "number" || type === "boolean")
		return h("bdi.value." + type, null, s);
	if (type === "reference")
		return h("a.value.reference", { href: to.concept(s) }, h("bdi", null, "→ ", visible(s)));
	if (s === "")
		return h("span.value.empty", null, "empty text");
	if (s.length <= LONG)
		return h("bdi.value.text", { dir: "auto" }, visible(s));
	return longText(s);
}

function longText(s)
{
	const text = h("bdi", { dir: "auto" }, visible(cut(s, LONG)), "…");
	const more = h("button.link", { type: "button", "aria-expanded": "false", on: { click() {
		const open = more.getAttribute("aria-expanded") === "true";

		text.replaceChildren(...visible(open ? cut(s, LONG) : s), open ? "…" : "");
		more.setAttribute("aria-expanded", String(!open));
		more.textContent = open ? `all ${count(s.length)} characters` : "less";
	} } }, `all ${count(s.length)} characters`);

	return h("span.value.text.long", null, text, " ", more);
}

/* The same in a line of plain text, for labels. */
export const plain = (object) => cut(String(object?.value ?? object ?? ""), 80).replace(new RegExp(UNSEEN, "g"), spelled);

export const count = (n) => Number(n).toLocaleString("en-US");

export function bytes(n)
{
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;

	for (n = Number(n); n >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return `${i === 0 ? n : n.toFixed(1)} ${units[i]}`;
}

export const percent = (x) => `${(100 * x).toFixed(x > 0 && x < 0.1 ? 1 : 0)} %`;
export const decimal = (x) => x === null || x === undefined ? "–" : Number(x).toFixed(2);

/* A time, to the second; the whole of it when pointed at. */
export function time(t)
{
	if (t === null || t === undefined)
		return "–";
	return h("time", { datetime: t, title: t }, shortTime(t));
}

/* Microseconds since 1970: claims are apart by less than a Date tells. */
export const micros = (t) => 1000 * Date.parse(t) + Number(/\.\d{3}(\d{1,3})/.exec(t)?.[1].padEnd(3, "0") ?? 0);
export const shortTime = (t) => /T00:00:00(\.0+)?Z$/.test(t) ? t.slice(0, 10) :
    t.slice(0, 10) + " " + t.slice(11, 19);

/* Ids and agents: the first eight digits, all of them when pointed at or copied. */
export function agent(id)
{
	if (id === null || id === undefined)
		return "–";
	const [a, b] = hue(id);
	return h("span.agent", { title: id },
	    h("i", { "aria-hidden": "true", style: { "--a": a, "--b": b } }), h("code", null, id.slice(0, 8)));
}

/* Two shades that make agents tell apart at a glance; never the only sign. */
function hue(id)
{
	return [parseInt(id.slice(0, 2), 16) / 255, parseInt(id.slice(2, 4), 16) / 255];
}

export function claim(id)
{
	return h("a.claim", { href: to.claim(id), title: id }, h("code", null, id.slice(0, 8)));
}

export function concept(path)
{
	return h("a", { href: to.concept(path) }, h("bdi", null, visible(path)));
}

/* A letter for each distinct value, the same in every part of a view. */
export function letter(i)
{
	const name = i < 0 ? "–" : i < 26 ? String.fromCharCode(65 + i) : "Z" + (i - 24);

	return h("span.letter", { "data-rank": Math.min(i, 4), "aria-label": `value ${name}` }, name);
}

/* A share from 0 to 1 as a bar; its text stands beside it. */
export function bar(share, rank)
{
	return h("span.bar", { "aria-hidden": "true" },
	    h("i", { "data-rank": Math.min(rank ?? 0, 4), style: { width: `${100 * share}%` } }));
}

/* How much claims contradict each other, in words and as a bar. */
export function conflict(score, candidates)
{
	const words = candidates <= 1 ? "one voice" : score === 0 ? "no conflict" :
	    score < 0.5 ? "some conflict" : "contested";

	return h("span.conflict", { "data-hot": score >= 0.5 }, bar(score, 0),
	    h("span", null, words, score > 0 ? h("b", null, " " + decimal(score)) : null));
}

export function facts(pairs)
{
	return h("dl.facts", null, pairs.filter((p) => p).map(([k, v]) =>
	    h("div", null, h("dt", null, k), h("dd", null, v ?? "–"))));
}

/* The way from the top; leaf is what stands below the concept. */
export function crumbs(path, leaf)
{
	const parts = path === "" ? [] : path.split("/");
	const upTo = (i) => parts.slice(0, i + 1).join("/");

	return h("nav.crumbs", { "aria-label": "Where you are" }, h("ol", null,
	    h("li", null, h("a", { href: to.root() }, "all")),
	    parts.map((p, i) => h("li", null, i === parts.length - 1 && !leaf ?
		h("span", { "aria-current": "page" }, h("bdi", null, visible(p))) :
		h("a", { href: to.concept(upTo(i)) }, h("bdi", null, visible(p))))),
	    leaf ? h("li", null, h("span", { "aria-current": "page" }, h("bdi", null, visible(leaf)))) : null));
}
