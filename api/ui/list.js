/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.js - a list of links of any length: only the rows in sight are there.  One stop
 * for Tab; arrows, Page keys, Home and End move; a letter goes to the next that begins so.
 */
import { h } from "./dom.js";

const ROW = 30;		/* px, as in style.css */
const AROUND = 12;	/* rows kept beyond what is in sight */
const MIDDLE = 400;	/* rows: at most the height that CSS allows are in sight */

/*
 * list({label, row, name}): row(item) makes the content of a link {href, nodes}, name(item)
 * is its text.  Returns {element, append(items, isLast)}; more() is asked for what follows
 * when the end comes into sight, and again if it says false: that was not to be had.
 */
export function list({ label, row, name, more })
{
	const items = [];
	const size = h("div.list-size");
	const box = h("div.list", { role: "list", "aria-label": label, on: { scroll: draw, keydown: key } }, size);
	let back = history.state?.at ?? 0;	/* where it was left */
	let at = 0, complete = false, asked = false, typed = "", typedAt = 0;

	function make(i)
	{
		const { href, nodes } = row(items[i]);

		return h("div.list-row", { role: "listitem", "data-i": i, style: { top: `${i * ROW}px` },
		    "aria-setsize": complete ? items.length : -1, "aria-posinset": i + 1 },
		    h("a", { href, tabindex: i === at ? 0 : -1, on: { focus: () => point(i),
			click: () => history.replaceState({ at: i }, "") } }, nodes));	/* for who comes back */
	}

	function draw()
	{
		const first = Math.max(0, Math.floor(box.scrollTop / ROW) - AROUND);
		const seen = Math.min(MIDDLE, Math.ceil(box.clientHeight / ROW));
		const last = Math.min(items.length, first + seen + 2 * AROUND);
		const there = new Map([...size.children].map((e) => [Number(e.dataset.i), e]));

		for (const [i, e] of there)
			if ((i < first || i >= last) && !e.contains(document.activeElement))
				e.remove();
		for (let i = first; i < last; i++)
			if (!there.has(i)) {
				const next = [...size.children].find((e) => Number(e.dataset.i) > i);
				size.insertBefore(make(i), next ?? null);
			}
		if (items.length > 0 && size.querySelector('a[tabindex="0"]') === null)
			point(Math.floor(box.scrollTop / ROW));	/* Tab leads to what is in sight */
		if (last >= items.length - AROUND)
			ask();
	}

	async function ask()
	{
		if (asked || complete || more === undefined)
			return;
		asked = true;
		if (await more() === false)
			asked = false;
	}

	function point(i)
	{
		for (const e of size.querySelectorAll('a[tabindex="0"]'))
			e.tabIndex = -1;
		at = i;
		const e = size.querySelector(`[data-i="${i}"] a`);
		if (e !== null)
			e.tabIndex = 0;
	}

	function move(i)
	{
		i = Math.max(0, Math.min(items.length - 1, i));
		const top = i * ROW;

		if (top < box.scrollTop)
			box.scrollTop = top;
		else if (top + ROW > box.scrollTop + box.clientHeight)
			box.scrollTop = top + ROW - box.clientHeight;
		draw();
		point(i);
		size.querySelector(`[data-i="${i}"] a`)?.focus({ preventScroll: true });
	}

	function letter(c)
	{
		const now = performance.now();

		typed = (now - typedAt < 700 ? typed : "") + c.toLowerCase();
		typedAt = now;
		for (let k = typed.length > 1 ? 0 : 1; k <= items.length; k++) {
			const i = (at + k) % items.length;
			if (name(items[i]).toLowerCase().startsWith(typed))
				return move(i);
		}
	}

	function key(e)
	{
		const page = Math.max(1, Math.floor(box.clientHeight / ROW) - 1);
		const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page,
			Home: 0, End: items.length - 1 };

		if (e.ctrlKey || e.metaKey || e.altKey)
			return;
		if (e.key in steps)
			move(steps[e.key]);
		else if (e.key.length === 1 && e.key !== " " && e.key !== "/")
			letter(e.key);
		else
			return;
		e.preventDefault();
	}

	/* once it has a height */
	new ResizeObserver(() => {
		const i = Math.min(back, items.length - 1);

		if (i > 0)
			box.scrollTop = i * ROW - box.clientHeight / 2;
		draw();
		if (i > 0)
			point(i);
		back = 0;
	}).observe(box);
	return {
		element: box,
		append(new_items, isLast) {
			items.push(...new_items);
			asked = false;
			complete = isLast;
			size.style.setProperty("height", `${items.length * ROW}px`);
			box.dataset.length = items.length;

			const here = size.contains(document.activeElement);

			size.replaceChildren();
			draw();
			if (here)
				size.querySelector(`[data-i="${at}"] a`)?.focus({ preventScroll: true });
		},
	};
}
