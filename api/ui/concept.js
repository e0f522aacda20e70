/* SPDX-License-Identifier: Apache-2.0 */
/* concept.js - browsing: concepts below a concept, and what is claimed of one. */
import { h, table } from "./dom.js";
import { getJSON } from "./api.js";
import { list } from "./list.js";
import { growing } from "./lists.js";
import { beginning } from "./search.js";
import { to } from "./links.js";
import { LENSES, agent, claim, concept, conflict, count, crumbs, time, value, visible } from "./show.js";
import * as predicate from "./predicate.js";

const CHILDREN = 10000, FOUND = 1000;

const byName = new Intl.Collator(undefined, { numeric: true });
const settings = (s) => s.startsWith("_");	/* the store's own: after what it is for */

/* A list of found concepts, by their member `name`; more() gets the next page of them, {concepts, last}. */
function section(found, label, last, more, name = "name")
{
	const head = h("h2", null);
	const named = () => head.replaceChildren(`${count(length)}${last ? "" : "+"} ${label}`);
	let length = found.length;
	const l = list({ label, name: (c) => c[name],
		row: (c) => ({ href: to.concept(c.concept_path), nodes: [
			h("bdi.name", null, visible(c[name])),
			h("span.dim", null, c.assertions > 0 ? count(c.assertions) + (c.assertions_more ? "+" : "") : "",
			    h("span.more", { "aria-hidden": "true" }, c.children ? "›" : "")),
			h("span.hidden", null, c.assertions > 0 ? " claims" : "", c.children ? ", has concepts below" : "")] }),
		more: async () => {
			const next = await more().catch(() => null);
			if (next === null)
				return false;	/* the banner says it */
			length += next.concepts.length;
			last = next.last;
			named();
			l.append(next.concepts, last);
			return true;
		} });

	named();
	queueMicrotask(() => l.append(found, last));
	return h("section.children", null, head, l.element);
}

const inOrder = (concepts) => concepts.sort((x, y) => settings(x.name) - settings(y.name) || byName.compare(x.name, y.name));

/*
 * What is below parent, a page at a time.  A whole answer stands in the order of names; of
 * one with more pages, names come in the order in which they came to be.  null: there is
 * none that counts.
 */
async function below(parent, label, signal, counts = () => true)
{
	let cursor = null;
	const ask = async () => {
		const a = await getJSON("/v1/concepts", { parent, limit: CHILDREN, cursor }, signal);

		cursor = a.next_cursor;
		return { concepts: a.concepts, last: cursor === null };
	};
	const { concepts, last } = await ask();

	if (!concepts.some(counts))
		return null;
	return section(last ? inOrder(concepts) : concepts, label, last, ask);
}

function emptyStore()
{
	return h("section.empty", null, h("h1", null, "Nothing is claimed yet"),
	    h("p", null, "StemeDB keeps signed claims, also those that contradict each other. Load the sample, facts about " +
		"countries from sources that disagree:"),
	    h("pre", null, "steme import etc/sample/countries.ndjson"),
	    h("p", null, "or make a claim of your own:"),
	    h("pre", null, "steme assert drug/semaglutide max_weekly_dose '2.4 mg'"),
	    h("p.dim", null, "Then reload this page."));
}

export async function browse({ signal, title })
{
	const l = await below(null, "concepts", signal, (c) => !settings(c.name));

	title("");
	if (l === null)
		return emptyStore();
	return [h("h1", null, "All concepts"),
		h("p.lead", null, "What is claimed, by whom, and where claims contradict each other. ",
		    h("span.dim", null, "Press ", h("kbd", null, "/"), " to find a concept.")),
		l];
}

export async function prefix({ params, signal, title })
{
	const p = params.prefix ?? "";
	let cursor = null;
	const ask = async () => {
		const a = await beginning(p, FOUND, signal, cursor);

		cursor = a.next_cursor;
		return { concepts: a.concepts, last: cursor === null };
	};
	const { concepts, last } = await ask();

	title(`Search: ${p}`);
	return [h("h1", null, "Concepts that begin with ", h("bdi.quoted", null, visible(p))),
		concepts.length > 0 ? section(concepts, "concepts", last, ask, "concept_path") :
		    h("p", null, "There is none. A path begins at the top, and case counts: ", h("code", null, "world/france"),
			", not ", h("code", null, "france"), " or ", h("code", null, "World/France"), ".")];
}

function lensChoice(path, lens)
{
	return h("nav.choice", { "aria-label": "Lens" }, h("span", null, "seen by"), LENSES.map((l) =>
	    h("a", { href: to.concept(path, { lens: l === "recency" ? null : l }),
		"aria-current": l === lens ? "true" : null }, l)));
}

const HEAD = ["predicate", "value", ["conflict", "c-conflict"], ["claims", "num"], "agent", "class", "time"];

function cells(path, r)
{
	return [h("a.predicate", { href: to.predicate(path, r.predicate) }, h("bdi", null, visible(r.predicate))),
		value(r.object), conflict(r.conflict_score, r.candidates), count(r.candidates),
		agent(r.agent_id), r.source_class, time(r.time)];
}

async function predicates(path, lens, signal)
{
	const t = await growing("/v1/query", { concept_path: path, lens }, "results", `Predicates of ${path} seen by ${lens}`, HEAD,
	    (r) => cells(path, r), signal);

	return t === null ? null : h("section", null, lensChoice(path, lens), t);
}

function rules(results)
{
	if (results.length === 0)
		return null;
	return h("section", null, h("h2", null, "Rules that hold here"),
	    table("Rules", ["rule", "value", "reason", "declared at", "claim"], results.map((r) => [
		    h("bdi", null, visible(r.predicate)), value(r.object), r.reason ? h("bdi", null, visible(r.reason)) : "–",
		    concept(r.declared_at), claim(r.assertion_id)]), { class: "cards" }));
}

export async function show(place)
{
	const { arg: path, params, signal, title } = place;

	if (path === "")
		return browse(place);
	if (params.predicate)
		return predicate.show(place);
	const lens = LENSES.includes(params.lens) ? params.lens : "recency";
	const [said, children, constraints] = await Promise.all([
		predicates(path, lens, signal),
		below(path, "below", signal),
		getJSON("/v1/query", { concept_path: path, lens: "constraints" }, signal)]);

	title(path);
	return [crumbs(path), h("h1", null, h("bdi", null, visible(path.split("/").pop()))),
		h("div.split", { "data-both": said !== null && children !== null }, children,
		    h("div.grow", null, said, rules(constraints.results))),
		said === null && children === null ? h("p", null, "Nothing is claimed of ", h("bdi.quoted", null, visible(path)),
		    ". ", h("a", { href: to.search(path.slice(0, -1) || path) }, "see what begins alike"), ".") : null];
}
