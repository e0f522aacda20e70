/* SPDX-License-Identifier: Apache-2.0 */
/*
 * predicate.js - one predicate: its claims in time, how they contradict each other, what
 * every lens makes of them, tier by tier.  The slider asks all lenses again.
 */
import { h, replace, say, table } from "./dom.js";
import { getJSON } from "./api.js";
import { to } from "./links.js";
import { LENSES, TIERS, agent, bar, claim, concept, count, crumbs, decimal, letter, micros, percent, plain, time,
	value, visible } from "./show.js";
import { Values } from "./values.js";
import { timeline } from "./timeline.js";

const CLAIMS = 1000, AGENTS = 6, MANY = 40;	/* values: without gaps between */
const MEANS = {
	recency: "who spoke last", confidence: "who is surest", consensus: "what most say",
	votes: "what was voted for", authority: "whom stewards trust",
};

async function views(path, predicate, as_of, signal)
{
	const ask = async (lens) => {
		const a = await getJSON("/v1/query", { concept_path: path, predicate, lens, as_of }, signal);
		return { item: a.results[0] ?? null, stale: a.stale };
	};
	const [skeptic, layered, ...winners] = await Promise.all(["skeptic", "layered", ...LENSES].map(ask));

	return { skeptic: skeptic.item, layered: layered.item, winners: winners.map((w) => w.item),
		stale: [skeptic, layered, ...winners].some((w) => w.stale) };
}

/* ---- parts; each takes what views() found ---- */

function shares(s, values, claims)
{
	if (s === null)
		return h("p", null, "Nothing had been claimed by then that still counts.");
	const who = new Map(claims.map((c) => [c.assertion_id, c]));
	const voices = s.candidates === 1 ? "1 claim" : `${count(s.candidates)} claims`;

	return [h("p.verdict", { "data-hot": s.status === "contested" }, h("strong", null, s.status),
		h("span", null, s.values.length === 1 ? `1 value, ${voices}` : `${count(s.values.length)} values, ${voices}`),
		s.conflict_score > 0 ? h("span", null, `conflict ${decimal(s.conflict_score)}`) : null),
	    h("div.stack", { "aria-hidden": "true", "data-many": s.values.length > MANY }, s.values.map((v) => h("i", {
		"data-rank": Math.min(values.rank(v.object), 4), style: { "flex-grow": v.share } }))),
	    h("ol.shares", null, s.values.map((v) => {
		    const i = values.rank(v.object);
		    return h("li", null, letter(i), h("div.what", null, value(v.object)),
			h("div.share", null, bar(v.share, i), h("b.num", null, percent(v.share))),
			h("div.who", null, h("span", null, v.agents === 1 ? "1 agent" : `${count(v.agents)} agents`),
			    v.assertion_ids.slice(0, AGENTS).map((id) => h("a.claim", { href: to.claim(id), title: `claim ${id}` },
				who.has(id) ? [agent(who.get(id).agent_id), " ", h("span.dim", null, who.get(id).source_class)] :
				h("code", null, id.slice(0, 8)))),
			    v.assertion_ids.length > AGENTS ? h("span.dim", null, `and ${count(v.assertion_ids.length - AGENTS)} more`) : null));
	    }))];
}

function lenses(winners, values)
{
	return table("What each lens chooses", ["lens", "value", ["confidence", "num"], "agent", "class", "time", "claim"],
	    LENSES.map((l, i) => {
		    const w = winners[i];
		    const name = h("span.lens", null, h("b", null, l), h("small", null, MEANS[l]));

		    return w === null ? [name, h("span.dim", null, "no winner"), "–", "–", "–", "–", "–"] :
			[name, h("span.chosen", null, letter(values.rank(w.object)), value(w.object)), decimal(w.confidence),
			    agent(w.agent_id), w.source_class, time(w.time), claim(w.assertion_id)];
	    }), { class: "cards lenses" });
}

function tiers(l, values)
{
	const of = (n) => l?.tiers.find((t) => t.tier === n) ?? null;

	return h("ol.tiers", { start: 0 }, TIERS.map((name, n) => {
		const t = of(n);

		return h("li", { "data-none": t === null }, h("span.tier", null, n), h("span.class", null, name),
		    t === null ? h("span.dim", null, "nobody") : [
			h("span.chosen", null, letter(values.rank(t.object)), value(t.object)),
			h("span.dim.num", null, t.candidates === 1 ? "1 claim" : `${count(t.candidates)} claims`),
			t.conflict_score > 0 ? h("span.within.dim", null, `conflict within ${decimal(t.conflict_score)}`) : null]);
	}));
}

function history(claims, values)
{
	return table("All claims, newest first", ["time", "value", "agent", "class", ["confidence", "num"], "source", "state", "claim"],
	    claims.map((c) => [time(c.time), h("span.chosen", null, letter(values.rank(c.object)), value(c.object)), agent(c.agent_id),
		c.source_class, decimal(c.confidence),
		c.source === null ? "–" : h("a.source", { href: to.source(c.source) }, h("bdi", null, visible(c.source))),
		h("span.state", { "data-state": c.state }, c.state.replace("_", " ")), claim(c.assertion_id)]), { class: "cards" });
}

/* ---- the view ---- */

function summary(v)
{
	if (v.skeptic === null)
		return "No claim counts.";
	return `${v.skeptic.status}, ${v.skeptic.values.length} values. ` +
	    LENSES.map((l, i) => `${l}: ${v.winners[i] === null ? "none" : plain(v.winners[i].object)}`).join("; ");
}

export async function show({ arg: path, params, signal, title })
{
	const predicate = params.predicate;
	let as_of = params.as_of ?? null;
	if (as_of !== null && Number.isNaN(Date.parse(as_of)))
		as_of = null;
	const [told, first] = await Promise.all([
		getJSON("/v1/history", { concept_path: path, predicate, limit: CLAIMS }, signal),
		views(path, predicate, as_of, signal)]);
	const claims = told.results;
	const values = new Values();
	const conflictPart = h("div"), lensPart = h("div"), tierPart = h("div"), stale = h("p.stale", { role: "status" });
	let asking = null;

	/* letters by today's shares, then by newest */
	first.skeptic?.values.forEach((v) => values.rank(v.object));
	claims.forEach((c) => values.rank(c.object));

	const rows = history(claims, values);

	function draw(v, t)
	{
		[...rows.querySelectorAll("tbody tr")].forEach((e, i) =>
		    e.toggleAttribute("data-later", t !== null && micros(claims[i].time) > micros(t)));
		replace(conflictPart, shares(v.skeptic, values, claims));
		replace(lensPart, lenses(v.winners, values));
		replace(tierPart, tiers(v.layered, values));
		stale.textContent = v.stale ? "These answers may be out of date: the storage does not answer now." : "";
	}

	async function change(t)
	{
		if (signal.aborted)
			return;		/* the link is another view's by now */
		asking?.abort();
		asking = new AbortController();
		signal.addEventListener("abort", () => asking.abort(), { once: true });
		/* the link follows the slider, without a step back for each move */
		window.history.replaceState(null, "", to.predicate(path, predicate, t));
		try {
			const v = await views(path, predicate, t, asking.signal);
			draw(v, t);
			say(summary(v));
		} catch (e) {
			if (e.name !== "AbortError")
				replace(conflictPart, h("p.problem", { role: "alert" }, e.message));
		}
	}

	title(`${predicate} of ${path}`);
	draw(first, as_of);
	return [crumbs(path, predicate),
		h("h1", null, h("bdi", null, visible(predicate)), h("small", null, "of ", concept(path))),
		stale,
		claims.length === 0 ? h("p", null, "Nobody has claimed this. ", h("a", { href: to.concept(path) }, "See what is claimed of it"), ".") : [
			timeline(claims, values, as_of, told.next_cursor !== null, change),
			h("div.columns", null,
			    h("section.conflicts", null, h("h2", null, "Who says what"), conflictPart),
			    h("section.by-tier", null, h("h2", null, "Tier by tier"), tierPart)),
			h("section", null, h("h2", null, "Under every lens"), lensPart),
			h("section", null, h("h2", null, "Every claim"), told.next_cursor === null ? null :
			    h("p.dim", null, `The newest ${count(claims.length)} are shown.`), rows)]];
}
