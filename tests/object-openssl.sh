#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ids, signatures and keys against b2sum and openssl, which know nothing of us:
# on the vectors, and both ways on fresh keys.  Prints "N passed, N failed".
set -u
top=$(cd "${srcdir:-.}" && pwd)
tool=${STEME_BUILD:-$(pwd)}/object_tool
vectors=$top/tests/vectors/objects.json
T=$(mktemp -d "${TMPDIR:-/tmp}/object-openssl.XXXXXX") || exit 99
trap 'rm -rf -- "$T"' EXIT
passed=0 failed=0

for need in jq openssl b2sum; do
	command -v "$need" >/dev/null || { echo "$need is needed"; exit 1; }
done
[ -x "$tool" ] || { echo "$tool is missing: make object_tool"; exit 1; }

ok () {		# ok SENTENCE COMMAND...
	local what=$1
	shift
	if "$@" >"$T/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what"
		tail -n 5 "$T/out"
	fi
}
no () {		# no SENTENCE COMMAND...: it must fail
	local what=$1
	shift
	if "$@" >"$T/refusal" 2>&1; then
		failed=$((failed + 1))
		echo "FAIL $what: accepted"
	else
		passed=$((passed + 1))
	fi
}
hex_to_bytes () {	# stdin hex
	sed 's/../\\x&/g' | { read -r x; printf '%b' "$x"; }
}
# A public key from hex: 12 fixed bytes of DER, then the key (RFC 8410).
agent_der () {
	echo "302a300506032b6570032100$1" | hex_to_bytes
}
b2 () { b2sum -l 256 <"$1" | cut -d ' ' -f 1; }
openssl_verify () {	# AGENT SIGFILE FILE
	agent_der "$1" >"$T/pub.der" &&
	    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$T/pub.der" \
	    -sigfile "$2" -in "$3"
}

# 1. Every valid vector and batch: id by b2sum, signature by openssl and by us.
n=0
for list in valid batches; do
	count=$(jq ".$list|length" "$vectors")
	for ((i = 0; i < count; i++)); do
		jq -j ".$list[$i].text" "$vectors" >"$T/object"
		{
			read -r id
			read -r agent
			read -r sig
		} < <(jq -r ".$list[$i]|.id,.agent,.signature" "$vectors")
		echo "$sig" | hex_to_bytes >"$T/sig"
		ok "$list $i: b2sum prints the id" [ "$(b2 "$T/object")" = "$id" ]
		ok "$list $i: we print the id" [ "$("$tool" id "$T/object")" = "$id" ]
		ok "$list $i: openssl verifies" openssl_verify "$agent" "$T/sig" "$T/object"
		ok "$list $i: we verify" "$tool" verify "$agent" "$T/sig" "$T/object"
		n=$((n + 1))
	done
done
ok "there were vectors to try" [ "$n" -gt 60 ]

# 2. The last object with one more byte: nobody takes the signature.
printf x >>"$T/object"
no "openssl refuses a changed object" openssl_verify "$agent" "$T/sig" "$T/object"
no "we refuse a changed object" "$tool" verify "$agent" "$T/sig" "$T/object"

# 3. Our key, openssl's tools.
jq -j '.valid[0].text' "$vectors" >"$T/object"
ok "we make a key" "$tool" keygen "$T/ours.pem"
ok "it has mode 0600" [ "$(stat -c %a "$T/ours.pem")" = 600 ]
no "a second time it is not overwritten" "$tool" keygen "$T/ours.pem"
openssl pkey -in "$T/ours.pem" -pubout -out "$T/ours.pub" 2>"$T/err"
"$tool" pub "$T/ours.pem" >"$T/ours.pub2"
ok "openssl pkey -pubout prints our public key" cmp "$T/ours.pub" "$T/ours.pub2"
openssl pkey -in "$T/ours.pem" -out "$T/again.pem"
ok "openssl writes our key file byte for byte" cmp "$T/ours.pem" "$T/again.pem"
openssl pkeyutl -sign -rawin -inkey "$T/ours.pem" -in "$T/object" -out "$T/sig1"
"$tool" sign "$T/ours.pem" "$T/object" >"$T/sig2"
ok "openssl and we sign alike with it" cmp "$T/sig1" "$T/sig2"
ok "openssl verifies ours" openssl pkeyutl -verify -rawin -pubin -inkey "$T/ours.pub" \
    -sigfile "$T/sig2" -in "$T/object"
ok "we verify openssl's" "$tool" verify "$("$tool" agent "$T/ours.pem")" "$T/sig1" "$T/object"

# 4. openssl's key, ours.
(umask 077; openssl genpkey -algorithm ed25519 -out "$T/theirs.pem")
openssl pkey -in "$T/theirs.pem" -pubout -out "$T/theirs.pub"
"$tool" pub "$T/theirs.pem" >"$T/theirs.pub2"
ok "we read openssl's key" cmp "$T/theirs.pub" "$T/theirs.pub2"
"$tool" sign "$T/theirs.pem" "$T/object" >"$T/sig3"
ok "openssl verifies what we sign with it" openssl pkeyutl -verify -rawin -pubin \
    -inkey "$T/theirs.pub" -sigfile "$T/sig3" -in "$T/object"
chmod 644 "$T/theirs.pem"
no "not while others may read it" "$tool" agent "$T/theirs.pem"

# 5. Keys that are none of ours are refused.
(
	umask 077
	openssl genpkey -algorithm x25519 -out "$T/x25519.pem"
	openssl genpkey -algorithm ed448 -out "$T/ed448.pem"
	openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa.pem"
	openssl ecparam -name prime256v1 -genkey -noout -out "$T/ec.pem"
	openssl pkey -in "$T/ours.pem" -aes256 -passout pass:secret -out "$T/locked.pem"
	cp "$T/ours.pub" "$T/public.pem"
) 2>"$T/err"
for kind in x25519 ed448 rsa ec locked public; do
	no "a key file of kind $kind is refused" "$tool" agent "$T/$kind.pem"
	ok "with a reason ($kind)" grep -q "the key file $T/$kind.pem " "$T/refusal"
done

# 6. Proofs of a batch, checked by the loop of doc/object-format.md.
sed -n '/^```sh proof-loop$/,/^```$/p' "$top/doc/object-format.md" | sed '1d;$d' >"$T/loop.sh"
ok "the document has the loop" [ -s "$T/loop.sh" ]
# shellcheck source=/dev/null
. "$T/loop.sh"
count=$(jq '.batches|length' "$vectors")
for ((i = 0; i < count; i++)); do
	jq -r ".batches[$i].ids[]" "$vectors" >"$T/ids"
	root=$(jq -r ".batches[$i].text" "$vectors" | sed -n 's/^root //p')
	size=$(wc -l <"$T/ids")
	while read -r k; do
		id=$(sed -n "$((k + 1))p" "$T/ids")
		"$tool" prove "$k" "$T/ids" >"$T/proof"
		jq -c ".batches[$i].proofs[]|select(.index==$k)|.path" "$vectors" >"$T/want"
		jq -c .path "$T/proof" >"$T/path"
		ok "batch of $size, leaf $k: our proof is the vectors'" cmp "$T/path" "$T/want"
		mapfile -t path < <(jq -r '.path[]' "$T/proof")
		ok "batch of $size, leaf $k: b2sum finds the root" \
		    [ "$(steme_proof_root "$id" "$k" "$size" "${path[@]}")" = "$root" ]
		no "batch of $size, leaf $k: not from another id" \
		    [ "$(steme_proof_root "$root" "$k" "$size" "${path[@]}")" = "$root" ]
	done < <(jq ".batches[$i].proofs[].index" "$vectors")
done

# 7. The worked example of the document is true.
sed -n '/^```object$/,/^```$/p' "$top/doc/object-format.md" | sed '1d;$d' |
    head -c -1 >"$T/example"
ok "the document has an example" [ -s "$T/example" ]
id=$(sed -n 's/^id  *//p' "$top/doc/object-format.md" | head -n 1)
agent=$(sed -n 's/^agent //p' "$T/example")
sed -n 's/^signature  *//p' "$top/doc/object-format.md" | head -n 1 | hex_to_bytes >"$T/sig"
ok "its id is what b2sum prints" [ "$(b2 "$T/example")" = "$id" ]
ok "its signature verifies with openssl" openssl_verify "$agent" "$T/sig" "$T/example"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
