/* SPDX-License-Identifier: Apache-2.0 */
/* search.js - the box in the header: concepts by how their path begins. */
import { h, replace, say } from "./dom.js";
import { getJSON } from "./api.js";
import { to } from "./links.js";
import { count, visible } from "./show.js";

const SHOWN = 12, PAUSE_MS = 80, CHILDREN = 10000, FRESH_MS = 5000;
let kept = { parent: null, at: 0, concepts: [] };

/*
 * {concepts, all}: those one level below the last slash whose names begin like the rest;
 * case does not count.  all is false if there are more children than were looked at.
 */
export async function beginning(text, signal)
{
	text = text.replace(/^\/+/, "");
	const slash = text.lastIndexOf("/");
	const parent = slash < 0 ? "" : text.slice(0, slash);
	const rest = text.slice(slash + 1).toLowerCase();

	if (kept.parent !== parent || Date.now() - kept.at > FRESH_MS) {
		const a = await getJSON("/v1/concepts", { parent, limit: CHILDREN }, signal);
		kept = { parent, at: Date.now(), concepts: a.concepts, all: a.next_cursor === null };
	}
	return { concepts: kept.concepts.filter((c) => c.name.toLowerCase().startsWith(rest)), all: kept.all };
}

export function search(form)
{
	const input = form.querySelector("input"), box = form.querySelector("ul");
	let paths = [], chosen = -1, pause = 0, asking = null;

	function close()
	{
		clearTimeout(pause);
		asking?.abort();
		box.hidden = true;
		chosen = -1;
		input.setAttribute("aria-expanded", "false");
		input.removeAttribute("aria-activedescendant");
	}

	function choose(i)
	{
		if (paths.length === 0)
			return;
		chosen = (i + paths.length) % paths.length;
		for (const [k, e] of [...box.querySelectorAll("[role=option]")].entries()) {
			e.setAttribute("aria-selected", String(k === chosen));
			if (k === chosen)
				e.scrollIntoView({ block: "nearest" });
		}
		input.setAttribute("aria-activedescendant", `found-${chosen}`);
	}

	function open(href)
	{
		close();
		input.value = "";
		input.blur();		/* the focus goes to what opens */
		location.hash = href;
	}

	async function find()
	{
		asking?.abort();
		asking = new AbortController();
		try {
			const { concepts, all } = await beginning(input.value, asking.signal);
			paths = concepts.slice(0, SHOWN).map((c) => c.concept_path);
			replace(box, paths.map((p, i) => h("li", { role: "option", id: `found-${i}`, "aria-selected": "false",
			    on: { mousedown: (e) => { e.preventDefault(); open(to.concept(p)); } } }, h("bdi", null, visible(p)))),
			    paths.length === 0 ? h("li.none", { role: "presentation" }, all ? "No concept begins so." :
				`None of the first ${count(CHILDREN)} begins so.`) : null,
			    concepts.length > SHOWN ? h("li.none", { role: "presentation" },
				`and ${count(concepts.length - SHOWN)}${all ? "" : " or"} more: Enter lists them`) : null);
			say(paths.length === 0 ? "No concept begins so." : `${count(concepts.length)} concepts`);
		} catch (e) {
			if (e.name === "AbortError")
				return;
			paths = [];
			replace(box, h("li.none", { role: "presentation" }, e.message));
			say(e.message);
		}
		chosen = -1;
		box.hidden = false;
		input.setAttribute("aria-expanded", "true");
		input.removeAttribute("aria-activedescendant");
	}

	input.addEventListener("input", () => {
		clearTimeout(pause);
		if (input.value === "")
			close();
		else
			pause = setTimeout(find, PAUSE_MS);
	});
	input.addEventListener("keydown", (e) => {
		if (e.key === "Escape") {
			input.value = "";
			close();
		} else if ((e.key === "ArrowDown" || e.key === "ArrowUp") && !box.hidden) {
			choose(chosen + (e.key === "ArrowDown" ? 1 : chosen < 0 ? 0 : -1));
		} else if (e.key === "Enter") {
			if (chosen >= 0)
				open(to.concept(paths[chosen]));
			else if (input.value !== "")
				open(to.search(input.value));
		} else {
			return;
		}
		e.preventDefault();
	});
	input.addEventListener("blur", close);
	form.addEventListener("submit", (e) => e.preventDefault());
	document.addEventListener("keydown", (e) => {
		if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey &&
		    !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) {
			e.preventDefault();
			input.focus();
		}
	});
}
