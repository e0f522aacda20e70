/* SPDX-License-Identifier: Apache-2.0 */
/* store.js - how the store is: storage, log, index, limits, keys, what was asked. */
import { h, replace, table } from "./dom.js";
import { Refused, apiKey, getJSON, getText } from "./api.js";
import { bar, bytes, count, facts, shortTime, time, visible } from "./show.js";

const AGAIN_MS = 20000;	/* asking is audited: not too often */

/* A part that loads, fails and is asked again alone. */
export function card(name, ask, render, signal, { again = true } = {})
{
	const body = h("div.card-body", null, h("p.loading", null, "Loading…"));
	let last = "";

	async function load()
	{
		let nodes, key;

		try {
			const a = await ask();
			key = JSON.stringify(a);
			nodes = key === last ? null : render(a);
		} catch (e) {
			if (signal.aborted)
				return;
			key = "";
			nodes = [h("p.why", null, h("strong", null, e.needsAdmin ? "Needs admin. " : e.status === 404 ? "Not offered. " :
			    "Not to be had now. "), e.message)];
			if (!(e instanceof Refused))
				console.error(e);
		}
		if (nodes !== null)
			replace(body, nodes);
		last = key;
		if (again && !signal.aborted)
			setTimeout(later, AGAIN_MS);
	}
	function later()
	{
		if (signal.aborted)
			return;
		if (document.hidden)
			document.addEventListener("visibilitychange", later, { once: true, signal });
		else
			load();
	}

	load();
	return h("section.card", { "aria-label": name }, h("h2", null, name), body);
}

/* The samples of a metric: [{labels, value}]; an empty list if there is none. */
export function samples(text, name)
{
	return text.split("\n").filter((l) => l.startsWith(name + " ") || l.startsWith(name + "{")).map((l) => ({
		labels: Object.fromEntries([...l.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1], m[2]])),
		value: Number(l.slice(l.lastIndexOf(" ") + 1)) }));
}

function meter(name, used, total, text)
{
	return h("p.meter", null, h("span", null, name), bar(total > 0 ? used / total : 0, 0), h("b", null, text));
}

function storage(s)
{
	const used = s.disk_total_bytes - s.disk_free_bytes;

	return [s.disk_total_bytes > 0 ? meter("disk", used, s.disk_total_bytes,
	    `${bytes(s.disk_free_bytes)} free of ${bytes(s.disk_total_bytes)}`) : null,
		s.cache_limit_bytes > 0 ? meter("cache", s.cache_bytes, s.cache_limit_bytes,
		    `${bytes(s.cache_bytes)} of ${bytes(s.cache_limit_bytes)}`) : null,
		facts([["index on disk", `${bytes(s.index_bytes ?? s.total_bytes)} in ${count(s.sst_file_count)} ${s.sst_file_count === 1 ? "file" : "files"}`],
			s.wal_bytes === undefined ? null : ["log on disk", `${bytes(s.wal_bytes)} in ${count(s.wal_segments)} ${s.wal_segments === 1 ? "segment" : "segments"}`],
			["waits for compaction", bytes(s.pending_compaction_bytes)],
			s.memory_bytes === undefined ? null : ["memory", bytes(s.memory_bytes)],
			s.write_amplification === undefined ? null : ["written for each byte", Number(s.write_amplification).toFixed(2)]])];
}

function log(text)
{
	const one = (name) => samples(text, name)[0]?.value;
	const p99 = samples(text, "stemedb_wal_fsync_duration_seconds").find((x) => x.labels.quantile === "0.99")?.value;
	const fact = (name, x, show) => x === undefined || Number.isNaN(x) ? null : [name, show(x)];

	return facts([fact("records", one("stemedb_wal_records_total"), count), fact("groups", one("stemedb_wal_groups_total"), count),
		fact("syncs", one("stemedb_wal_fsync_total"), count), fact("slowest syncs", p99, (x) => `${(1000 * x).toFixed(2)} ms (99 of 100 took less)`),
		fact("failed syncs", one("stemedb_wal_fsync_errors_total"), count)]);
}

/* The state from the API, the entries from the metrics. */
async function askIndex(signal)
{
	const [state, text] = await Promise.all([getJSON("/v1/admin/indexes/status", null, signal), getText("/metrics", null, signal)]);

	return { ...state, entries: Object.fromEntries(samples(text, "stemedb_index_entries").map((x) => [x.labels.index, x.value])) };
}

function index(s)
{
	return [s.status === "rebuilding" && s.progress !== undefined ? meter("rebuilding", s.progress, 1,
	    `${Math.round(100 * s.progress)} %`) : null,
		facts([["status", s.status], ["last rebuilt", time(s.last_rebuild)], s.error ? ["error", s.error] : null,
			...Object.entries(s.entries).filter(([, n]) => n > 0).map(([k, n]) => [k, count(n)])])];
}

function limits(l)
{
	const each = (n) => n === null || n === undefined ? "none" : `${count(n)} a second`;

	return [facts([["claims", each(l.max_assertions_per_sec)], ["writes", each(l.max_writes_per_sec)]]),
		l.agents?.length > 0 ? table("Limits of agents", ["agent", ["a minute", "num"]],
		    l.agents.map((a) => [h("bdi", null, visible(a.agent_id)), count(a.max_requests_per_min)])) :
		    h("p.dim", null, "No agent has a limit of its own.")];
}

function tripped(b)
{
	return b.tripped.length === 0 ? h("p.dim", null, "None is tripped.") :
	    table("Tripped circuit breakers", ["agent", "state", "since", "reason"], b.tripped.map((x) => [h("bdi", null, visible(x.agent_id)),
		x.state, time(x.since), h("bdi", null, visible(x.reason ?? "–"))]), { class: "cards" });
}

function slow(q)
{
	return q.queries.length === 0 ? h("p.dim", null, "None was slow.") :
	    table("Slow queries", [["ms", "num"], "question", "predicate", "lens", "when"], q.queries.slice(0, 10).map((x) => [count(Math.round(x.duration_ms)),
		h("bdi", null, visible(x.concept_path || `${x.method ?? ""} ${x.path ?? "–"}`)), h("bdi", null, visible(x.predicate === "*" ? "–" : x.predicate)), x.lens || "–",
		x.running ? "running" : time(x.at ?? null)]), { class: "cards" });
}

function keys(k)
{
	return k.keys.length === 0 ? h("p.dim", null, "There is none. ", h("code", null, "steme apikey add"), " makes one.") :
	    table("API keys", ["name", "role", "state", "expires"], k.keys.map((x) => [h("bdi", null, visible(x.name)), x.role,
		x.enabled ? "enabled" : "disabled", x.expires_at >= 253402300799 ? "never" : shortTime(new Date(1000 * x.expires_at).toISOString())]),
	    { class: "cards" });
}

function audit(a)
{
	return a.entries.length === 0 ? h("p.dim", null, "Nothing yet.") :
	    table("Who asked what", ["at", "kind", "request", ["status", "num"], ["ms", "num"], "from"], a.entries.map((e) => [time(e.at), e.kind,
		h("bdi", null, `${e.method} `, visible(e.path)), e.status, Number(e.duration_ms).toFixed(1), h("bdi", null, visible(e.address ?? "–"))]), { class: "cards" });
}

function keyForm()
{
	const input = h("input", { type: "password", id: "key", value: apiKey.get(), autocomplete: "off", spellcheck: "false" });

	return h("form.inline", { on: { submit: (e) => {
		e.preventDefault();
		apiKey.set(input.value.trim());
		window.dispatchEvent(new HashChangeEvent("hashchange"));
	} } }, h("label", { for: "key" }, "API key"), input, h("button", { type: "submit" }, "Use"),
	h("span.dim", null, "kept in this tab only; without one you are who runs this browser, if that is on this machine"));
}

export function show({ signal, title })
{
	const part = (name, path, render, params, more) => card(name, () => getJSON(path, params, signal), render, signal, more);

	title("Store");
	return [h("h1", null, "Store"), keyForm(), h("div.cards-grid", null,
	    part("Storage", "/v1/admin/storage/stats", storage),
	    card("Log since the daemon began", () => getText("/metrics", null, signal), log, signal),
	    card("Index", () => askIndex(signal), index, signal),
	    part("Limits", "/v1/admin/rate-limit", limits),
	    part("Circuit breakers", "/v1/admin/circuit-breakers/tripped", tripped),
	    part("Slow queries", "/v1/admin/slow-queries", slow),
	    part("API keys", "/v1/admin/api-keys", keys, null, { again: false }),
	    part("Lately", "/v1/audit", audit, { limit: 12 }, { again: false }))];
}
