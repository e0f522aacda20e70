/* SPDX-License-Identifier: Apache-2.0 */
/* app.js - which view stands there, what happens while it loads or cannot, the banner. */
import { h, replace, say } from "./dom.js";
import { Refused, getJSON, outages } from "./api.js";
import { parse } from "./links.js";
import { count } from "./show.js";
import { search } from "./search.js";
import * as concept from "./concept.js";
import * as claim from "./claim.js";
import * as feed from "./feed.js";
import * as lists from "./lists.js";
import * as store from "./store.js";
import * as cluster from "./cluster.js";

const VIEWS = {
	browse: concept.browse, concept: concept.show, search: concept.prefix, claim: claim.show,
	feed: feed.show, agents: lists.agents, sources: lists.sources,
	store: store.show, cluster: cluster.show,
};
const TABS = { concept: "browse", search: "browse", claim: "browse" };
const PATIENCE_MS = 150, RETRY_MS = 2000;

const main = document.getElementById("main");
const banner = document.getElementById("banner");
let current = null;		/* AbortController of the view that stands there */
let retry = 0, missed = false;	/* missed: something was not to be had */

function unknown(place)
{
	place.title("No such view");
	return [h("h1", null, "No such view"),
		h("p", null, "The link is not one of this page. ", h("a", { href: "#/" }, "Browse from the top"), ".")];
}

function problem(e)
{
	const text = e instanceof Refused ? e.message : `This page failed: ${e.message}`;

	return h("section.problem", { role: "alert" },
	    h("h1", null, e instanceof Refused && e.status === 404 ? "Not found" :
		e.away ? "Nothing to show for now" : e.needsAdmin ? "Not for everyone" : "This did not work"),
	    h("p", null, text),
	    h("p", null, h("button", { type: "button", on: { click: () => go(false) } }, "Try again")));
}

/*
 * A view is a function of its place: {arg, params, signal, title(), put()}.  It returns
 * nodes, or puts them there itself, earlier.
 */
async function go(moveFocus)
{
	const hash = location.hash;
	const { view, arg, params } = parse(hash);
	const mine = new AbortController();
	const busy = setTimeout(() => {
		main.setAttribute("aria-busy", "true");
		replace(main, h("p.loading", null, "Loading…"));
	}, PATIENCE_MS);
	const put = (...nodes) => {
		if (mine.signal.aborted)
			return;
		clearTimeout(busy);
		main.removeAttribute("aria-busy");
		replace(main, ...nodes);
		main.dataset.shows = hash;
		main.querySelector("h1")?.setAttribute("tabindex", "-1");
		if (moveFocus && !document.activeElement?.matches("input"))	/* who types meanwhile goes on */
			(main.querySelector("h1") ?? main).focus({ preventScroll: true });
		moveFocus = false;
	};
	const title = (t) => {
		if (!mine.signal.aborted)
			document.title = t ? `${t} · StemeDB` : "StemeDB";
	};

	current?.abort();
	current = mine;
	mark(TABS[view] ?? view);
	if (moveFocus)
		window.scrollTo(0, 0);
	try {
		const nodes = await (VIEWS[view] ?? unknown)({ arg, params, signal: mine.signal, title, put });
		if (nodes !== undefined)
			put(nodes);
	} catch (e) {
		if (mine.signal.aborted)
			return;
		title("A problem");
		put(problem(e));
		if (!(e instanceof Refused))
			console.error(e);
	} finally {
		clearTimeout(busy);
	}
	foot();
}

function mark(view)
{
	for (const a of document.querySelectorAll("#nav a"))
		if (a.dataset.view === view)
			a.setAttribute("aria-current", "page");
		else
			a.removeAttribute("aria-current");
}

async function foot()
{
	const health = await getJSON("/v1/health").catch(() => null);

	if (health !== null)
		replace(document.getElementById("foot"),
		    h("span", null, `${count(health.assertions_count)} assertions`),
		    h("span", null, "node ", h("bdi", null, health.node)),
		    h("span", null, `position ${count(health.lsn)}`),
		    h("span", null, `version ${health.version}`));
}

/* ---- the server is away ---- */

function away(e)
{
	missed = true;
	if (!banner.hidden)
		return;
	replace(banner, h("strong", null, e.status === 0 ? "The server is away." : "The store does not answer."), " ",
	    h("span", null, e.status === 0 ? "Is stemedb-api running? `steme up` starts it." : e.message), " ",
	    h("span", null, "This page tries again by itself."), " ",
	    h("button", { type: "button", on: { click: check } }, "Try now"));
	banner.hidden = false;
	retry = setTimeout(check, RETRY_MS);
}

/*
 * Asks for the view again once there is an answer at all.  The banner goes when nothing of
 * the view was missing: one part that answers while another does not is no end of it.
 */
async function check()
{
	clearTimeout(retry);
	missed = false;
	try {
		await getJSON("/v1/health", null, AbortSignal.timeout(5000));
		await go(false);
	} catch {
		missed = true;
	}
	clearTimeout(retry);
	if (missed) {
		retry = setTimeout(check, RETRY_MS);
		return;
	}
	banner.hidden = true;
	say("The server answers again.");
}

outages.addEventListener("away", (e) => away(e.detail));
window.addEventListener("hashchange", () => go(true));
document.getElementById("skip").addEventListener("click", (e) => {
	e.preventDefault();	/* the hash is the view's */
	main.focus();
});
search(document.getElementById("search"));
go(false);
