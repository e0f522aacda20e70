/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.js - checks an object here, in the browser, without trusting the server that
 * sent it: its hash is its name, its author's key signed it (doc/object-format.md).
 * Each check is {name, ok: true | false | null, detail}; null: could not be done here.
 */
import { blake2b256 } from "./blake2b.js";

export const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");

export function unhex(s)
{
	return Uint8Array.from(s.match(/../g) ?? [], (x) => parseInt(x, 16));
}

const node = (prefix, ...hashes) =>
    hex(blake2b256(Uint8Array.from([prefix, ...hashes.flatMap((x) => [...unhex(x)])])));

/* The root that a path leads to from a leaf; null if it is too short or too long. */
export function merkleRoot(id, index, n, path)
{
	const rest = [...path];
	let hash = node(0, id);

	if (!(index >= 0 && index < n))
		return null;
	for (let last = n - 1; last > 0; last >>= 1, index >>= 1) {
		if (index % 2 === 0 && index === last)
			continue;	/* the last of an odd row moves up as it is */
		if (rest.length === 0)
			return null;
		const sibling = rest.shift();
		hash = index % 2 === 1 ? node(1, sibling, hash) : node(1, hash, sibling);
	}
	return rest.length === 0 ? hash : null;
}

/* The author as the signed bytes have it, not as an answer of the server has it. */
export function headersOf(bytes)
{
	const text = new TextDecoder().decode(bytes);
	const end = text.indexOf("\n\n");

	return new Map(text.slice(0, end < 0 ? text.length : end).split("\n").slice(1).map((l) => {
		const at = l.indexOf(" ");
		return [l.slice(0, at), l.slice(at + 1)];
	}));
}

async function signed(what, bytes, agent, signature)
{
	const name = `Signature ${what}`;

	if (crypto.subtle === undefined)
		return { name, ok: null, detail: "browsers check signatures on https and localhost pages only" };
	try {
		const key = await crypto.subtle.importKey("raw", unhex(agent), "Ed25519", false, ["verify"]);
		const ok = await crypto.subtle.verify("Ed25519", key, signature, bytes);

		return { name, ok, detail: ok ? `Ed25519, by the key ${agent.slice(0, 8)}…` :
		    "it is not this key's signature of these bytes" };
	} catch (e) {
		if (e.name === "NotSupportedError")
			return { name, ok: null, detail: "this browser does not have Ed25519" };
		return { name, ok: false, detail: `the key or signature is malformed (${e.message})` };
	}
}

export function hashCheck(id, bytes)
{
	const sum = hex(blake2b256(bytes));

	return { name: "Hash", ok: sum === id, detail: sum === id ?
	    `BLAKE2b-256 of the ${bytes.length} bytes is the claim's name` :
	    `BLAKE2b-256 of the bytes is ${sum.slice(0, 8)}…, not the claim's name` };
}

export const ownCheck = (bytes, signature) =>
    signed("of the object", bytes, headersOf(bytes).get("agent") ?? "", signature);

/* proof: what /v1/objects/ID.proof answers. */
export async function batchChecks(id, bytes, proof)
{
	const batch = new TextEncoder().encode(proof.batch_object);
	const says = headersOf(batch);
	const root = merkleRoot(id, Number(proof.index), Number(says.get("count")), proof.path);
	const own = says.get("agent") === headersOf(bytes).get("agent");

	return [
		{ name: "Place in the batch", ok: root !== null && root === says.get("root") && own,
		    detail: !own ? "the batch is another agent's" : root === says.get("root") ?
		    `number ${Number(proof.index) + 1} of ${says.get("count")}: the path leads to the batch's root` :
		    "the path does not lead to the batch's root" },
		await signed("of the batch", batch, says.get("agent") ?? "", unhex(proof.signature)),
	];
}
