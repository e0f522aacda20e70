/* SPDX-License-Identifier: Apache-2.0 */
/* links.js - every view has a link: #/VIEW/ARGUMENT?PARAMETERS. */

const path = (p) => p.split("/").map(encodeURIComponent).join("/");

function link(view, arg, params)
{
	const q = new URLSearchParams();

	for (const [k, v] of Object.entries(params ?? {}))
		if (v !== null && v !== undefined && v !== "")
			q.set(k, v);
	return "#/" + view + (arg ? "/" + path(arg) : "") + (q.size > 0 ? "?" + q : "");
}

export const to = {
	root: () => "#/",
	concept: (c, params) => link("concept", c, params),
	predicate: (c, predicate, as_of) => link("concept", c, { predicate, as_of }),
	claim: (id) => link("claim", id),
	search: (prefix) => link("search", "", { prefix }),
	source: (source) => link("sources", "", { source }),
	feed: (prefix) => link("feed", "", { prefix }),
};

/* {view, arg, params} of a location's hash; what is malformed is the view "". */
export function parse(hash)
{
	const s = hash.replace(/^#\/?/, "");
	const [before, query] = s.split(/\?(.*)/s);
	const [view, ...rest] = before.split("/");

	try {
		return { view: view || "browse", arg: rest.map(decodeURIComponent).join("/"),
		    params: Object.fromEntries(new URLSearchParams(query ?? "")) };
	} catch {
		return { view: "", arg: "", params: {} };
	}
}
