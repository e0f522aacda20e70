/* SPDX-License-Identifier: Apache-2.0 */
/* feed.js - what is recorded, as it is. */
import { h, say } from "./dom.js";
import { refusal } from "./api.js";
import { to } from "./links.js";
import { agent, claim, concept, count, time, visible } from "./show.js";

const KINDS = ["assertion", "vote", "retraction", "epoch", "alias", "trust", "revocation", "batch"];
const ROWS = 300, SAY_MS = 5000, AGAIN_MS = 3000, LOOK_MS = 2000;

function entry(e)
{
	return h("li", null, h("span.num.dim", null, count(e.lsn)), h("span.kind", null, e.kind), time(e.time),
	    h("span.grow", null, e.concept_path ? [concept(e.concept_path), e.predicate ?
		[" ", h("a", { href: to.predicate(e.concept_path, e.predicate) }, h("bdi", null, visible(e.predicate)))] : null] : null),
	    e.agent_id ? agent(e.agent_id) : null, claim(e.id));
}

export function show({ params, signal, title })
{
	const prefix = params.prefix ?? "";
	const rows = h("ol.feed", { "aria-label": "Records, newest first" });
	const state = h("span.live", null, "connecting…");
	const total = h("span.dim", null, "");
	const button = h("button", { type: "button", "aria-pressed": "false", on: { click: pause } }, "Pause");
	const below = h("input", { type: "text", id: "below", value: prefix, placeholder: "any", spellcheck: "false" });
	const waiting = [];
	let n = 0, told = 0, paused = false, source = null, frame = 0, last = "";

	function draw()
	{
		frame = 0;
		if (paused)
			return;
		/* the newest stand; of a flood only those that would */
		const fresh = waiting.splice(0).slice(-ROWS);
		rows.prepend(...fresh.reverse().map(entry));
		while (rows.children.length > ROWS)
			rows.lastElementChild.remove();
	}

	function counted()
	{
		total.textContent = n === 0 ? "nothing yet" : `${count(n)} since this page opened` +
		    (paused ? `, ${count(waiting.length)} waiting` : "");
	}

	function take(e)
	{
		last = e.lastEventId;
		waiting.push(JSON.parse(e.data));
		if (waiting.length > 4 * ROWS)
			waiting.splice(0, waiting.length - ROWS);
		n++;
		counted();
		if (Date.now() - told > SAY_MS) {
			told = Date.now();
			say(`${count(n)} records`);
		}
		frame ||= requestAnimationFrame(draw);
	}

	function pause()
	{
		paused = !paused;
		button.setAttribute("aria-pressed", String(paused));
		button.textContent = paused ? "Go on" : "Pause";
		counted();
		draw();
	}

	function status(text, live)
	{
		state.textContent = text;
		state.toggleAttribute("data-live", live);
	}

	/* Behind the last record that came: an EventSource knows it, a new one is told. */
	function connect()
	{
		const q = new URLSearchParams();

		if (prefix !== "")
			q.set("prefix", prefix);
		if (last !== "")
			q.set("after", last);
		source = new EventSource("/v1/feed" + (q.size > 0 ? "?" + q : ""));
		source.addEventListener("open", () => status("live", true));
		source.addEventListener("error", () => {
			status("interrupted, connecting again…", false);
			if (source.readyState === EventSource.CLOSED)
				refused();
		});
		for (const k of KINDS)
			source.addEventListener(k, take);
	}

	/* An answer that is no feed ends an EventSource, and it does not say why. */
	async function refused()
	{
		const why = signal.aborted ? null : await refusal("/v1/feed", { prefix, after: last });

		if (signal.aborted)
			return;
		if (why?.status === 400 && last !== "")
			last = "";		/* the store is an earlier one */
		else if (why?.status === 400)
			return status(why.message, false);
		else if (why !== null)
			status(`${why.message}; connecting again…`, false);
		setTimeout(() => signal.aborted || connect(), AGAIN_MS);
	}

	/* Without the daemon the stream stays open and is silent. */
	async function look()
	{
		const open = () => !signal.aborted && source.readyState === EventSource.OPEN;
		const why = open() && !document.hidden ? await refusal("/v1/health") : undefined;

		if (why !== undefined && open())
			why === null ? status("live", true) : status(`${why.message}; waiting…`, false);
	}

	const looks = setInterval(look, LOOK_MS);

	title("Feed");
	connect();
	signal.addEventListener("abort", () => { source.close(); clearInterval(looks); cancelAnimationFrame(frame); });
	counted();
	return [h("h1", null, "Feed"),
		h("div.toolbar", null, state, total, h("span.grow"),
		    h("form.inline", { on: { submit: (e) => { e.preventDefault(); location.hash = to.feed(below.value); } } },
			h("label", { for: "below" }, "below"), below), button),
		rows];
}
