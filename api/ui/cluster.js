/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.js - nodes, how far behind each is, and who keeps which shard. */
import { h, table } from "./dom.js";
import { getJSON } from "./api.js";
import { count, facts, visible } from "./show.js";
import { card } from "./store.js";

function members(a)
{
	return table("Nodes", ["name", "status", "role", ["lag", "num"], "address", "id"], a.members.map((m) => [
		h("bdi", null, visible(m.name ?? m.id)), h("span.state", { "data-state": m.status === "UP" ? "current" : "superseded" }, m.status),
		m.role, m.status === "DOWN" ? "–" : `${m.replication_lag} s`, h("bdi", null, visible(m.address ?? "–")), h("code", null, m.id)]), { class: "cards" });
}

/* An object of plain members. */
function plainFacts(a)
{
	return facts(Object.entries(a).filter(([, v]) => v === null || typeof v !== "object")
	    .map(([k, v]) => [k.replaceAll("_", " "), v === null ? "–" : visible(String(v))]));
}

function shards(a)
{
	const nodes = [...new Set(a.shards.map((s) => s.primary))];
	const busiest = Math.max(1, ...a.shards.map((s) => s.query_rate));

	return [h("p", null, `${count(a.shards.length)} shards on ${nodes.length === 1 ? "one node" : `${count(nodes.length)} nodes`}. `,
	    h("span.dim", null, "The darker, the more queries a second.")),
	h("ol.shards", null, a.shards.map((s) => h("li", { style: { "--rate": s.query_rate / busiest },
	    title: `shard ${s.shard_id} on ${s.primary}: ${s.query_rate} queries/s, ${s.rebalance_status}` }, s.shard_id,
	    h("span.hidden", null, ` on ${s.primary}, ${s.query_rate} queries a second, ${s.rebalance_status}`))))];
}

export function show({ signal, title })
{
	const part = (name, path, render) => card(name, () => getJSON(path, null, signal), render, signal);

	title("Cluster");
	return [h("h1", null, "Cluster"), h("div.cards-grid", null,
	    part("Nodes", "/cluster/members", members), part("Health", "/cluster/health", plainFacts),
	    part("Synchronisation", "/cluster/sync_status", plainFacts), part("Shards", "/cluster/shards", shards))];
}
