/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeline.js - claims in time, a lane for each value, and a slider for as_of.  The
 * slider moves freely with the mouse; keys move it from claim to claim.
 */
import { h } from "./dom.js";
import { to } from "./links.js";
import { count, letter, plain, shortTime, value } from "./show.js";

const STEPS = 1000, EDGE = 30, LANES = 8, PAUSE_MS = 90;

/* claims: of /v1/history, newest first.  change(as_of): a time, or null for now. */
export function timeline(claims, values, as_of, change)
{
	const moments = [...new Set(claims.map((c) => c.time))].sort();
	const ms = (t) => Date.parse(t);
	const t0 = ms(moments[0]), t1 = ms(moments.at(-1));
	const place = (t) => t1 === t0 ? STEPS / 2 :
	    EDGE + (STEPS - 2 * EDGE) * (ms(t) - t0) / (t1 - t0);
	const timeAt = (x) => t1 === t0 ? (x < STEPS / 2 ? new Date(t0 - 1000) : new Date(t0)).toISOString() :
	    new Date(t0 + (t1 - t0) * (x - EDGE) / (STEPS - 2 * EDGE)).toISOString();
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
		const n = now === null ? claims.length : claims.filter((c) => ms(c.time) <= ms(now)).length;
		const words = now === null ? "now" : `as of ${shortTime(now)}`;

		line.style.setProperty("left", percent(x));
		slider.setAttribute("aria-valuetext", `${words}, ${n} of ${claims.length} claims`);
		said.replaceChildren(h("b", null, words), ` · ${count(n)} of ${count(claims.length)} claims`);
		for (const [t, dot] of dots)
			dot.toggleAttribute("data-later", now !== null && ms(t) > ms(now));
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
		const at = now === null ? moments.length : moments.filter((t) => ms(t) <= ms(now)).length - 1;
		const between = now !== null && !moments.includes(now);
		const target = { ArrowLeft: between ? at : at - 1, ArrowDown: between ? at : at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
			PageDown: at - 5, PageUp: at + 5, Home: -1, End: moments.length }[e.key];

		if (target === undefined)
			return;
		e.preventDefault();
		const i = Math.max(-1, Math.min(moments.length, target));
		const t = i >= moments.length ? null : i < 0 ? new Date(t0 - 1000).toISOString() : moments[i];

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
