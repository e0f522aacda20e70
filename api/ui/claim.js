/* SPDX-License-Identifier: Apache-2.0 */
/* claim.js - where a claim is from, and whether that is true: checked here and by the server. */
import { h, table } from "./dom.js";
import { getBytes, getJSON } from "./api.js";
import { to } from "./links.js";
import { agent, claim, concept, count, crumbs, decimal, facts, time, value, visible } from "./show.js";
import { batchChecks, hashCheck, ownCheck } from "./verify.js";

const BYTES_SHOWN = 4096;

/* Null where the server has no such thing. */
const maybe = (p) => p.catch((e) => {
	if (e.status === 404)
		return null;
	throw e;
});

function mark(c)
{
	return h("li", { "data-ok": String(c.ok) },
	    h("b.mark", null, c.ok === true ? "✓ holds" : c.ok === false ? "✗ fails" : "– not checked"),
	    h("span", null, h("strong", null, c.name), " ", c.detail));
}

/* Here: with nothing but the bytes. */
async function checkHere(id, o, signal)
{
	const bytes = await getBytes(`/v1/objects/${id}`, null, signal);
	const checks = [hashCheck(id, bytes)];

	if (o.signature !== null)
		checks.push(await ownCheck(bytes, await getBytes(`/v1/objects/${id}.sig`, null, signal)));
	else
		checks.push(...await batchChecks(id, bytes, await getJSON(`/v1/objects/${id}.proof`, null, signal)));
	return { bytes, checks };
}

function checkThere(p)
{
	if (p === null)
		return h("p.dim", null, "The server says nothing of its own about this object.");
	return h("ul.checks", null, [
		{ name: "Hash", ok: p.hash_valid, detail: "of the stored bytes" },
		{ name: "Signature", ok: p.signature_valid, detail: p.batch ? "of its batch, and its place in it" : "of its author" },
	].map(mark));
}

const ids = (list) => list.map((x) => claim(x.id ?? x)).flatMap((e, i) => i === 0 ? [e] : [", ", e]);

function statement(o)
{
	if (o.kind === "assertion")
		return h("h1.statement", null, h("span", null, h("bdi", null, visible(o.predicate)), " of ", concept(o.concept_path)),
		    h("span.said", null, value(o.object)));
	return h("h1.statement", null, h("span", null, o.kind), h("span.said", null, h("bdi", null, visible(
	    String(o.name ?? o.source ?? o.concept_path ?? o.from ?? o.of ?? o.root ?? "")))));
}

/* What only kinds besides assertions say. */
function others(o)
{
	return [
		o.to ? ["is one with", concept(o.to)] : null,
		o.class ? ["for the class", o.class] : null,
		o.prefix ? ["at and below", concept(o.prefix)] : null,
		o.since ? ["not believed since", time(o.since)] : null,
		o.source_state ? ["makes the source", o.source_state] : null,
		o.kind === "batch" ? ["signs", `${count(o.count)} objects`] : null,
	];
}

function origin(o, p)
{
	return facts([
		["author", agent(o.agent_id)],
		o.kind === "assertion" ? ["class", o.source_class] : null,
		o.kind === "assertion" ? ["confidence", decimal(o.confidence)] : null,
		o.kind === "assertion" ? ["source", o.source === null ? "none named" :
		    h("a.source", { href: to.source(o.source) }, h("bdi", null, visible(o.source)))] : null,
		o.source_hash ? ["hash of the source", h("code", null, o.source_hash)] : null,
		["said at", time(o.time)],
		["recorded at", [time(o.recorded_at), ` as number ${count(o.lsn)}`]],
		["recorded by", h("code", null, o.node)],
		o.state ? ["state", h("span.state", { "data-state": o.state }, o.state.replace("_", " "))] : null,
		o.kind === "assertion" && o.lifecycle !== "approved" ? ["lifecycle", o.lifecycle] : null,
		o.epoch ? ["epoch", h("bdi", null, visible(o.epoch))] : null,
		o.parent ? ["derived from", claim(o.parent)] : null,
		o.supersedes?.length > 0 ? ["supersedes", Array.isArray(o.supersedes) ? ids(o.supersedes) :
		    h("bdi", null, visible(o.supersedes))] : null,
		...others(o),
		o.assertion ? ["about the claim", claim(o.assertion)] : null,
		o.weight !== undefined ? ["weight", decimal(o.weight)] : null,
		o.reason ? ["reason", h("bdi", null, visible(o.reason))] : null,
		o.batch ? ["signed in the batch", claim(o.batch)] : null,
		p?.superseded_by?.length > 0 ? ["superseded by", ids(p.superseded_by)] : null,
		p?.retracted_by?.length > 0 ? ["retracted by", ids(p.retracted_by)] : null,
		p !== null && o.kind === "assertion" ? ["votes", count(p.votes)] : null,
		...Object.entries(o.meta ?? {}).map(([k, v]) => [k, h("bdi", null, visible(v))]),
	]);
}

function lineage(p)
{
	if (!(p?.parents?.length > 0))
		return null;
	return h("section", null, h("h2", null, "Derived from"), table("What this claim was derived from",
	    ["claim", "here", "statement", "author"], p.parents.map((x) => [claim(x.id), x.found ? "yes" : "not in this store",
		x.concept_path ? [concept(x.concept_path), " ", h("bdi", null, visible(x.predicate ?? ""))] : "–",
		x.agent_id ? agent(x.agent_id) : "–"]), { class: "cards" }));
}

function raw(bytes)
{
	const text = (n) => visible(new TextDecoder().decode(bytes.subarray(0, n)));
	const pre = h("pre.raw", { tabindex: 0, "aria-label": "The signed bytes" }, text(BYTES_SHOWN));
	const all = bytes.length <= BYTES_SHOWN ? null : h("button.link", { type: "button", on: { click() {
		pre.replaceChildren(...text(bytes.length));
		all.remove();
	} } }, `show all ${count(bytes.length)} bytes`);

	return [pre, all];
}

function yourself(id, o)
{
	const base = location.origin + "/v1/objects/" + id;

	return h("details", null, h("summary", null, "Check it yourself"), h("pre", { tabindex: 0 }, o.signature === null ?
	    `curl -s ${base} | b2sum -l 256\ncurl -s ${base}.proof\n# the loop that checks a proof: doc/object-format.md, "Batches"` :
	    `curl -s ${base} >object; curl -s ${base}.sig >object.sig\nb2sum -l 256 object\n` +
	    `{ echo 302a300506032b6570032100${o.agent_id} | tr a-f A-F | basenc --base16 -d; } >agent.der\n` +
	    "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey agent.der -in object -sigfile object.sig"));
}

export async function show({ arg: id, signal, title })
{
	if (!/^[0-9a-f]{64}$/.test(id))
		return [h("h1", null, "No such claim"), h("p", null, "A claim's name has 64 digits, 0 to 9 and a to f.")];
	const o = await getJSON(`/v1/objects/${id}.json`, null, signal);
	const [here, there] = await Promise.all([checkHere(id, o, signal), maybe(getJSON(`/v1/proof/${id}`, null, signal))]);

	title(`${o.kind} ${id.slice(0, 8)}`);
	return [o.kind === "assertion" ? crumbs(o.concept_path, o.predicate) : null, statement(o),
		o.kind === "assertion" ? h("p.dim", null, h("a", { href: to.predicate(o.concept_path, o.predicate) }, "what others say of it")) : null,
		h("div.columns", null,
		    h("section", null, h("h2", null, "Where it is from"), origin(o, there)),
		    h("section", null, h("h2", null, "Is that so?"),
			h("h3", null, "Checked in this browser"), h("ul.checks", null, here.checks.map(mark)),
			h("h3", null, "Checked by the server"), checkThere(there))),
		lineage(there),
		h("section", null, h("h2", null, "What was signed"), h("p.id", null, h("code", null, id)), raw(here.bytes), yourself(id, o))];
}
