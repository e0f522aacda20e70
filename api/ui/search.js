/* SPDX-License-Identifier: Apache-2.0 */
/* search.js - the box in the header: concepts by how their path begins. */
import { h, replace, say } from "./dom.js";
import { getJSON } from "./api.js";
import { to } from "./links.js";
import { count, visible } from "./show.js";

const SHOWN = 12, PAUSE_MS = 80;

/*
 * A page of the concepts whose path begins with text, as it is typed but for slashes before
 * it: {concepts, next_cursor}.
 */
export const beginning = (text, limit, signal, cursor = null) =>
    getJSON("/v1/concepts", { prefix: text.replace(/^\/+/, ""), limit, cursor }, signal);

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
			const { concepts, next_cursor } = await beginning(input.value, SHOWN, asking.signal);
			paths = concepts.map((c) => c.concept_path);
			replace(box, paths.map((p, i) => h("li", { role: "option", id: `found-${i}`, "aria-selected": "false",
			    on: { mousedown: (e) => { e.preventDefault(); open(to.concept(p)); } } }, h("bdi", null, visible(p)))),
			    paths.length === 0 ? h("li.none", { role: "presentation" }, "No concept begins so.") : null,
			    next_cursor !== null ? h("li.none", { role: "presentation" }, "and more: Enter lists them") : null);
			say(paths.length === 0 ? "No concept begins so." :
			    `${next_cursor !== null ? "more than " : ""}${count(paths.length)} concepts`);
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
