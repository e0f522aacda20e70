# shellcheck shell=bash
# http.sh - for tests of the sidecar, sourced after lib.sh.
#
#   answers "a sentence" STATUS CURL-ARGUMENTS...   body in $T/body, headers in $T/head;
#                                        an error must be problem+json
#   get PATH-AND-QUERY                   prints the body
#   sign_object FILE                     prints 128 hex digits, made by openssl alone
#   object CONCEPT PREDICATE VALUE TIME  prints an object signed for $AGENT's key
#   enveloped FILE                       prints {"text","signature"} for an object
#   another_machine                      fails where there are no network namespaces; else
#                                        this machine is $addr to far CURL-ARGUMENTS...,
#                                        which prints the status, body in $T/body
U=http://127.0.0.1:$P
# Without a mount.
up_bare () { "$STEME" up --dir "$D" --no-mount --port "$P" >"$T/up.out" 2>&1 || { cat "$T/up.out"; return 1; }; }
export no_proxy='*'

problem_ok () {
	jq -e --argjson s "$1" '.status == $s and (.type | startswith("urn:stemedb:problem:"))
	    and (.title | length > 0) and (.detail | length > 0)' "$T/body" >/dev/null &&
	    grep -qi '^content-type: application/problem+json' "$T/head"
}

answers () {
	local name=$1 want=$2 got
	shift 2
	: >"$T/body"
	got=$(curl -sS -o "$T/body" -D "$T/head" -w '%{http_code}' --max-time 30 "$@" 2>"$T/curl")
	if [ "$got" != "$want" ]; then
		fail "$name" "curl $*" "wanted: $want" "got:    $got" "$(head -c 400 "$T/body" "$T/curl")"
	elif [ "$got" -ge 400 ] && [ -s "$T/body" ] && ! problem_ok "$got"; then
		fail "$name" "curl $*" "no problem+json: $(cat "$T/head" "$T/body")"
	else
		pass "$name"
	fi
}

body () { cat "$T/body"; }
get () { curl -sS --max-time 30 "$U$1"; }
has_header () { grep -Eiq "^$1" "$T/head"; }

hex () { od -An -v -tx1 | tr -d ' \n'; }
make_key () {
	openssl genpkey -algorithm ed25519 -out "$T/key.pem" 2>/dev/null
	AGENT=$(openssl pkey -in "$T/key.pem" -pubout -outform DER | tail -c 32 | hex)
}
sign_object () { openssl pkeyutl -sign -rawin -inkey "$T/key.pem" -in "$1" | hex; }
object () {
	printf 'steme assertion 1\nconcept %s\npredicate %s\ntype text\nconfidence 0.9\nclass expert\ntime %s\nagent %s\n\n%s' \
	    "$1" "$2" "$4" "$AGENT" "$3"
}
enveloped () { jq -nc --rawfile t "$1" --arg s "$(sign_object "$1")" '{text: $t, signature: $s}'; }
id_of () { b2sum -l 256 "$1" | cut -d' ' -f1; }

netns=steme-e2e-$$ addr=10.$((200 + $$ / 250 % 50)).$(($$ % 250)).1
another_machine () {
	if ! ip netns add "$netns" 2>/dev/null; then
		echo "note: no network namespaces here: callers from other machines are not tried"
		return 1
	fi
	trap 'machine_gone; cleanup' EXIT
	ip link add "se$$" type veth peer name e0 netns "$netns"
	ip addr add "$addr/30" dev "se$$"
	ip link set "se$$" up
	ip -n "$netns" addr add "${addr%1}2/30" dev e0
	ip -n "$netns" link set e0 up
}
machine_gone () {	# keeps the status for cleanup
	local status=$?
	ip link del "se$$"
	ip netns del "$netns"
	return $status
}
far () { ip netns exec "$netns" curl -s -m 10 -o "$T/body" -w '%{http_code}' "$@"; }
