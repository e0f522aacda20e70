/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom.js - making elements.  What comes from the store only ever becomes text: nothing
 * here, or anywhere on this page, parses markup.
 */

/* h("a.name", {href, on: {click}}, child, [children], "text", null) */
export function h(what, attrs, ...children)
{
	const [tag, ...classes] = what.split(".");
	const e = document.createElement(tag || "div");

	if (classes.length > 0)
		e.className = classes.join(" ");
	set(e, attrs);
	add(e, children);
	return e;
}

export function svg(tag, attrs, ...children)
{
	const e = document.createElementNS("http://www.w3.org/2000/svg", tag);

	set(e, attrs);
	add(e, children);
	return e;
}

function set(e, attrs)
{
	for (const [k, v] of Object.entries(attrs ?? {})) {
		if (v === null || v === undefined || v === false)
			continue;
		if (k === "on")
			for (const [event, f] of Object.entries(v))
				e.addEventListener(event, f);
		else if (k === "style")		/* by CSSOM: the policy allows no attribute */
			for (const [name, value] of Object.entries(v))
				e.style.setProperty(name, value);
		else
			e.setAttribute(k, v === true ? "" : String(v));
	}
}

export function add(e, children)
{
	for (const c of [children].flat(Infinity))
		if (c !== null && c !== undefined && c !== false)
			e.append(c instanceof Node ? c : document.createTextNode(String(c)));
	return e;
}

export function replace(e, ...children)
{
	e.replaceChildren();
	return add(e, children);
}

/* Says something to screen readers, politely. */
export function say(text)
{
	document.getElementById("status").textContent = text;
}

/* A table: head is a list of names (or [name, class]), rows lists of cells. */
export function table(caption, head, rows, attrs)
{
	return h("div.scroll", null, h("table", attrs,
	    h("caption.hidden", null, caption),
	    h("thead", null, h("tr", null, head.map((x) => {
		    const [name, cls] = [x].flat();
		    return h("th", { scope: "col", class: cls }, name);
	    }))),
	    h("tbody", null, rows.map((cells) => row(head, cells)))));
}

export function row(head, cells)
{
	return h("tr", null, cells.map((c, i) =>
	    h("td", { class: [head[i]].flat()[1], "data-label": [head[i]].flat()[0] }, c)));
}
