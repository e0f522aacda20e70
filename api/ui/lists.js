/* SPDX-License-Identifier: Apache-2.0 */
/* lists.js - who speaks, what is cited, and what would change without a source. */
import { h, add, row, table } from "./dom.js";
import { getJSON } from "./api.js";
import { to } from "./links.js";
import { agent, claim, concept, count, decimal, letter, time, value, visible } from "./show.js";

const PAGE = 200;

/* A table that grows page by page.  null: there is nothing. */
export async function growing(path, params, member, caption, head, cells, signal)
{
	const ask = (cursor) => getJSON(path, { ...params, limit: PAGE, cursor }, signal);
	const a = await ask(null);
	let cursor = a.next_cursor;

	if (a[member].length === 0)
		return null;
	const t = table(caption, head, a[member].map(cells), { class: "cards" });
	const why = h("p.why", { role: "status" });
	const more = h("button", { type: "button", hidden: cursor === null, on: { click: async () => {
		more.disabled = true;
		try {
			const b = await ask(cursor);
			cursor = b.next_cursor;
			add(t.querySelector("tbody"), b[member].map((x) => row(head, cells(x))));
			more.hidden = cursor === null;
			why.textContent = "";
		} catch (e) {
			why.textContent = e.message;
		} finally {
			more.disabled = false;
		}
	} } }, "More");
	return h("div", null, t, more, why);
}

export async function agents({ signal, title })
{
	const t = await growing("/v1/agents", {}, "agents", "Agents", ["agent", "name", ["claims", "num"], ["trust", "num"], "standing"],
	    (a) => [h("span", { title: a.agent_id }, agent(a.agent_id)), a.name === null ? "–" : h("bdi", null, visible(a.name)), count(a.assertions),
		decimal(a.trust), a.revoked_since ? ["revoked since ", time(a.revoked_since)] : a.steward ? "steward" : "–"], signal);

	title("Agents");
	return [h("h1", null, "Agents"),
		h("p.lead", null, "An agent is a public key. What it signed is its own; how far it is trusted is the stewards' word."),
		t ?? h("p", null, "Nobody has claimed anything yet.")];
}

export async function sources(place)
{
	const { params, signal, title } = place;

	if (params.source !== undefined)
		return source(place);
	const prefix = params.prefix ?? "";
	const t = await growing("/v1/sources", { prefix }, "sources", "Sources", ["source", ["claims", "num"], "state"],
	    (s) => [h("a.source", { href: to.source(s.source) }, h("bdi", null, visible(s.source))), count(s.assertions),
		h("span.state", { "data-state": s.state === "active" ? "current" : s.state }, s.state)], signal);
	const input = h("input", { type: "text", id: "prefix", value: prefix, placeholder: "https://…", spellcheck: "false" });

	title("Sources");
	return [h("h1", null, "Sources"),
		h("p.lead", null, "What claims cite. A steward can take a source back, and with it everything that rests on it."),
		h("form.inline", { on: { submit: (e) => {
			e.preventDefault();
			location.hash = "#/sources" + (input.value ? "?prefix=" + encodeURIComponent(input.value) : "");
		} } }, h("label", { for: "prefix" }, "begins with"), input, h("button", { type: "submit" }, "Show")),
		t ?? h("p", null, prefix ? "No source begins so." : "No claim cites a source yet.")];
}

const side = (x, rank) => x === null ? h("span.dim", null, "no winner") :
    h("span.chosen", null, letter(rank), value(x.value ?? x.object), " ", x.assertion_id ? claim(x.assertion_id) : null);

async function source({ params, signal, title })
{
	const a = await getJSON("/v1/sources/impact", { source: params.source }, signal);
	const back = a.state === "retracted";

	title(`Source ${params.source}`);
	return [h("nav.crumbs", { "aria-label": "Where you are" }, h("ol", null,
	    h("li", null, h("a", { href: "#/sources" }, "sources")), h("li", null, h("span", { "aria-current": "page" }, "impact")))),
		h("h1", null, h("bdi", null, visible(params.source))),
		h("p.lead", null, `${count(a.assertions)} claims about ${count(a.concepts)} concepts cite it. It is ${a.state}.`),
		h("section", null, h("h2", null, back ? "What would change with it again" : "What would change without it"),
		    a.changes.length === 0 ? h("p", null, "Nothing: other claims say the same, or newer ones stand.") :
		    table("Changes", ["concept", "predicate", "now", "then"], a.changes.map((c) => [concept(c.concept_path),
			h("a", { href: to.predicate(c.concept_path, c.predicate) }, h("bdi", null, visible(c.predicate))),
			side(c.before, 0), side(c.after, 1)]), { class: "cards" }),
		    a.truncated ? h("p.dim", null, `The first ${count(a.changes.length)} are shown.`) : null)];
}
