/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.js - claims in time, a lane for each value, and a slider for as_of.  The
 * slider moves freely with the mouse; keys move it from claim to claim.
 */
import { h } from "./dom.js";
import { to } from "./links.js";
import { count, letter, micros, plain, shortTime, value } from "./show.js";

const STEPS = 1000, EDGE = 30, LANES = 8, PAUSE_MS = 90;

/* The time that micros() read; the store knows none before 1970. */
function iso(us)
{
	const t = Math.max(0, Math.round(us));

	return new Date(Math.floor(t / 1000)).toISOString().replace("Z", String(t % 1000).padStart(3, "0") + "Z");
}

/*
 * claims: of /v1/history, newest first; more: there are older ones.  change(as_of): a time,
 * or null for now.
 */
export function timeline(claims, values, as_of, more, change)
{
	const moments = [...new Set(claims.map((c) => c.time))].sort();
	const t0 = micros(moments[0]), t1 = micros(moments.at(-1));
	const all = (more ? "the newest " : "") + count(claims.length);
	const place = (t) => t1 === t0 ? STEPS / 2 :
	    EDGE + (STEPS - 2 * EDGE) * (micros(t) - t0) / (t1 - t0);
	const before = iso(t0 - 1e6);
	const timeAt = (x) => t1 === t0 ? (x < STEPS / 2 ? before : iso(t0)) :
	    iso(t0 + (t1 - t0) * (x - EDGE) / (STEPS - 2 * EDGE));
	const percent = (x) => `${x / STEPS * 100}%`;
	const said = h("output.as-of", { for: "as-of" });
	const line = h("div.cursor", { "aria-hidden": "true" });
	const slider = h("input", { type: "range", id: "as-of", min: 0, max: STEPS, step: 1,
		"aria-label": "As of: what had been said by then", on: { input: dragged, keydown: key } });
	const dots = [];
	let now = as_of, pause = 0;

	function lane(object, i)
	{
		const mine = claims.filter((c) => values.rank(c.object) === i);

		return h("div.lane", null, h("div.lane-name", null, letter(i), " ", h("span", { title: plain(object) }, value(object))),
		    h("div.track", null, mine.map((c) => {
			    const dot = h("a.dot", { href: to.claim(c.assertion_id), tabindex: -1, "aria-hidden": "true",
				"data-rank": Math.min(i, 4), "data-state": c.state, title: `${shortTime(c.time)} · ${plain(c.object)} · ${c.state}`,
				style: { left: percent(place(c.time)) } });
			    dots.push([c.time, dot]);
			    return dot;
		    })));
	}

	function tell()
	{
		const x = now === null ? STEPS : Math.max(0, Math.min(STEPS, place(now)));
		const n = now === null ? claims.length : claims.filter((c) => micros(c.time) <= micros(now)).length;
		const words = now === null ? "now" : `as of ${shortTime(now)}`;

		line.style.setProperty("left", percent(x));
		slider.setAttribute("aria-valuetext", `${words}, ${n} of ${all} claims`);
		said.replaceChildren(h("b", null, words), ` · ${count(n)} of ${all} claims`);
		for (const [t, dot] of dots)
			dot.toggleAttribute("data-later", now !== null && micros(t) > micros(now));
	}

	function settle(t)
	{
		now = t;
		tell();
		clearTimeout(pause);
		pause = setTimeout(() => change(now), PAUSE_MS);
	}

	function dragged()
	{
		const x = Number(slider.value);

		/* near a claim it is that claim's time, to the microsecond */
		const near = moments.find((t) => Math.abs(place(t) - x) <= 6);
		settle(x >= STEPS - 4 ? null : near ?? timeAt(x));
	}

	function key(e)
	{
		const at = now === null ? moments.length : moments.filter((t) => micros(t) <= micros(now)).length - 1;
		const between = now !== null && !moments.includes(now);
		const target = { ArrowLeft: between ? at : at - 1, ArrowDown: between ? at : at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
			PageDown: at - 5, PageUp: at + 5, Home: -1, End: moments.length }[e.key];

		if (target === undefined)
			return;
		e.preventDefault();
		const i = Math.max(-1, Math.min(moments.length, target));
		const t = i >= moments.length ? null : i < 0 ? before : moments[i];

		slider.value = t === null ? STEPS : place(t);
		settle(t);
	}

	const lanes = values.objects.slice(0, LANES).map(lane);
	const rest = values.objects.length - lanes.length;
	slider.value = now === null ? STEPS : place(now);
	tell();
	return h("section.timeline", { "aria-label": "Claims in time" },
	    h("div.timeline-head", null, h("h2", null, "In time"), said,
		h("button.link", { type: "button", on: { click: () => { slider.value = STEPS; settle(null); } } }, "now")),
	    h("div.lanes", null, lanes, h("div.over", { "aria-hidden": "true" }, line)),
	    rest > 0 ? h("p.dim", null, `${count(rest)} more values in the table below`) : null,
	    h("div.lane", null, h("div.lane-name.dim", null, "as of"), h("div.track.slider", null, slider)),
	    h("div.lane.ends", { "aria-hidden": "true" }, h("div.lane-name"), h("div.track", null,
		h("span", null, shortTime(moments[0]).slice(0, 10)), h("span", null, shortTime(moments.at(-1)).slice(0, 10)))));
}
