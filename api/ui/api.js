/* SPDX-License-Identifier: Apache-2.0 */
/* api.js - asking the server, and noticing that it is away. */

/* An answer that is no 2xx, or none (status 0).  message says what was wrong. */
export class Refused extends Error {
	constructor(status, message)
	{
		super(message);
		this.status = status;
	}
	get away() { return this.status === 0 || this.status === 503 || this.status === 504; }
	get needsAdmin() { return this.status === 401 || this.status === 403; }
}

/* A number as its author spelled it, where the browser tells (else as it reads it). */
export class Spelled {
	constructor(text) { this.text = text; }
	toString() { return this.text; }
}

function exact(key, value, context)
{
	if (key === "value" && typeof value === "number")
		return new Spelled(context?.source ?? String(value));
	return value;
}

const KEY = "steme-api-key";

/* An API key for this tab: kept until it closes, sent to this server only. */
export const apiKey = {
	get() { return sessionStorage.getItem(KEY) ?? ""; },
	set(key) { key === "" ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, key); },
};

/* "away", with what was refused: app.js shows the banner */
export const outages = new EventTarget();

async function ask(path, params, signal)
{
	const q = new URLSearchParams();
	const headers = {};
	let res;

	for (const [k, v] of Object.entries(params ?? {}))
		if (v !== null && v !== undefined && v !== "")
			q.set(k, v);
	if (apiKey.get() !== "")
		headers.Authorization = "Bearer " + apiKey.get();
	try {
		res = await fetch(path + (q.size > 0 ? "?" + q : ""), { headers, signal, cache: "no-cache" });
	} catch (e) {
		if (e.name === "AbortError")
			throw e;
		throw new Refused(0, "The server does not answer.");
	}
	if (!res.ok) {
		const problem = await res.json().catch(() => ({}));
		throw new Refused(res.status, problem.detail ?? `The server answered with status ${res.status}.`);
	}
	return res;
}

async function noticed(path, params, signal, read)
{
	try {
		return await read(await ask(path, params, signal));
	} catch (e) {
		if (e instanceof Refused && e.away)
			outages.dispatchEvent(new CustomEvent("away", { detail: e }));
		throw e;
	}
}

export const getJSON = (path, params, signal) =>
    noticed(path, params, signal, async (r) => JSON.parse(await r.text(), exact));
export const getText = (path, params, signal) =>
    noticed(path, params, signal, (r) => r.text());
export const getBytes = (path, params, signal) =>
    noticed(path, params, signal, async (r) => new Uint8Array(await r.arrayBuffer()));

/* Why path is refused; null if it is not.  For what cannot tell itself: an EventSource. */
export async function refusal(path, params)
{
	const mine = new AbortController();

	try {
		await ask(path, params, mine.signal);
		return null;
	} catch (e) {
		return e;
	} finally {
		mine.abort();
	}
}
