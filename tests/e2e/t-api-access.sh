#!/usr/bin/env bash
# Who may administer, and what API keys give: nobody borrows loopback, keys end when they
# should, signatures cannot be forged or moved, and no secret shows anywhere.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

[ "$(id -u)" = 0 ] || { echo "needs root to be two users"; exit 1; }
chmod 755 "$T"
up_bare || { echo "cannot start"; exit 1; }
make_key
K=$U/v1/admin/api-keys
keys () { get /v1/admin/api-keys | jq '.keys | length'; }
new_key () {	# NAME ROLE [MORE]: sets token and id
	token=$("$STEME" apikey add "$@" 2>"$T/note") || fail "a key for $1" "$(cat "$T/note")"
	id=${token:6:16}
}
n=0
claim () { n=$((n + 1)); echo "{\"concept_path\":\"access/c\",\"predicate\":\"p$n\",\"object\":$n}"; }

# --- what a browser or a proxy sends on somebody's behalf
form='name=evil&role=admin'
foreign () {	# HEADER: a form-encoded body and a JSON one, by the simplest of requests
	for body in "$form" '{"name":"evil","role":"admin"}'; do
		answers "$1 administers nothing" 403 -H "$1" -H 'Content-Type: application/x-www-form-urlencoded' -d "$body" "$K"
		like "and is named" "header ${1%%:*}" body
	done
	answers "$1 lists nothing" 403 -H "$1" "$K"
}
for h in 'Origin: http://evil.example' 'Origin: null' 'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-site' \
    'Host: evil.example' "Host: rebound.example:$P" 'X-Forwarded-For: 127.0.0.1' 'Forwarded: for=127.0.0.1' 'X-Real-IP: 127.0.0.1' \
    'Via: 1.1 proxy'; do
	foreign "$h"
done
is "none of them made a key" 0 keys
answers "curl does, whatever the Content-Type" 201 -H 'Content-Type: text/plain' -d '{"name":"mine"}' "$K"
mine=$(jq -r .id "$T/body")
is "and sees it" 1 keys

# --- a real browser: a page of another origin, and one of a name that means this machine
refusals () { get /metrics | grep 'requests_total{' | grep 'path="/v1/admin/api-keys"' | grep 'status="403"' | awk '{ s += $NF } END { print s + 0 }'; }
if command -v chromium >/dev/null; then
	mkdir -p "$T/www"
	cat >"$T/www/index.html" <<-EOP
		<!doctype html><title>evil</title><form id="f" method="post" action="$K"><input name="name" value="evil"></form>
		<script>
		fetch("$K", { method: "POST", mode: "no-cors", body: '{"name":"evil","role":"admin"}' })
		  .catch(() => 0).then(() => document.getElementById("f").submit())
		</script>
	EOP
	www=$(free_port)
	python3 -m http.server -d "$T/www" --bind 127.0.0.1 "$www" >/dev/null 2>&1 &
	server=$!
	browse () {
		TMPDIR=$T timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/chromium" --no-first-run \
		    --host-resolver-rules='MAP *.example 127.0.0.1' --virtual-time-budget=5000 --dump-dom "$1" >"$T/dom" 2>/dev/null
	}
	for _ in $(seq 50); do curl -s -o "$T/body" "http://127.0.0.1:$www/" && break; sleep 0.1; done
	before=$(refusals)
	browse "http://127.0.0.1:$www/"
	ok "a page of another origin was refused, by fetch and by form" test "$(refusals)" -ge $((before + 2))
	before=$(refusals)
	browse "http://rebound.example:$P/v1/admin/api-keys"
	ok "a name that was bound to this machine is refused" test "$(refusals)" -gt "$before"
	like "though the browser holds it for the same origin" 'header Host' cat "$T/dom"
	kill "$server"
	wait "$server" 2>/dev/null
	is "no key came of it" 1 keys
else
	echo "note: no chromium here: the headers it sends are tried by hand only"
fi

# --- other users of this machine; Python, for a shell's path may be closed to them
cat >"$T/as.py" <<'EOP'
import encodings.idna, os, socket, sys
uid, port, request = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if uid:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
def whole(s):
    got = b""
    while True:
        b = s.recv(65536)
        if not b:
            return got
        got += b
if request == "relay":      # a proxy that adds no header: LISTEN-PORT follows
    l = socket.socket()
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(("127.0.0.1", int(sys.argv[4])))
    l.listen()
    print("ready", flush=True)
    while True:
        c, _ = l.accept()
        u = socket.create_connection(("127.0.0.1", port))
        u.sendall(c.recv(65536))
        c.sendall(u.recv(65536))
        c.close()
        u.close()
method, path, body = request.split(" ", 2)
s = socket.create_connection(("127.0.0.1", port))
s.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" %
    (method, path, len(body), body)).encode())
print(whole(s).split()[1].decode())
EOP
as () { python3 "$T/as.py" "$@"; }
is "root administers" 200 as 0 "$P" 'GET /v1/admin/api-keys '
for u in 4001 65534; do
	is "user $u lists no keys" 403 as $u "$P" 'GET /v1/admin/api-keys '
	is "user $u makes none" 403 as $u "$P" 'POST /v1/admin/api-keys {"name":"evil"}'
	is "user $u removes none" 403 as $u "$P" "DELETE /v1/admin/api-keys/$mine "
	is "user $u may read" 200 as $u "$P" 'GET /v1/query?concept_path=access/c '
done
relay=$(free_port)
python3 "$T/as.py" 4001 "$P" relay "$relay" >"$T/relay" 2>&1 &
relay_pid=$!
for _ in $(seq 50); do grep -q ready "$T/relay" && break; sleep 0.1; done
answers "a proxy of another user's, without a header, borrows nothing" 403 -H 'Host: 127.0.0.1' -d '{"name":"evil"}' \
    "http://127.0.0.1:$relay/v1/admin/api-keys"
like "for it is that user's" 'your user may not administer' body
kill "$relay_pid"
wait "$relay_pid" 2>/dev/null
is "still the one key" 1 keys

# --- keys
bearer () { answers "$1" "$2" -H "Authorization: Bearer $3" "${@:4}"; }
new_key writer --role writer; writer=$token writer_id=$id
new_key reader; reader=$token
new_key admin --role admin; admin=$token admin_id=$id
like "a key has at least 128 random bits" '^steme_[0-9a-f]{16}_[0-9a-f]{64}$' echo "$writer"
bearer "a reader reads" 200 "$reader" "$U/v1/query?concept_path=access/c"
bearer "a reader does not write" 403 "$reader" -d "$(claim)" "$U/v1/assert"
bearer "though it comes from root's own shell" 403 "$reader" "$K"
bearer "a writer writes" 201 "$writer" -d "$(claim)" "$U/v1/assert"
bearer "in bulk" 200 "$writer" --data-binary "$(claim)" "$U/v1/assertions"
is "each line is stored" created jq -r .status "$T/body"
bearer "through a proxy" 201 "$writer" -H 'Via: 1.1 proxy' -d "$(claim)" "$U/v1/assert"
agent=$("$STEME" apikey list --json | jq -r ".keys[] | select(.id == \"$writer_id\").agent_id")
is "by an agent of its own" "$agent" jq -r '[.results[].agent_id] | unique[]' <(get '/v1/query?concept_path=access/c')
bearer "a writer does not administer" 403 "$writer" "$K"
like "and is told why" 'role writer' body
bearer "an admin does" 200 "$admin" "$K"
answers "X-API-Key is as good" 200 -H "X-API-Key: $admin" -H 'Via: 1.1 proxy' "$K"
for wrong in "${writer%?}g" "${writer%?}" steme_0000000000000000_"${writer: -64}" x "$(printf 'a%.0s' $(seq 4000))"; do
	bearer "a wrong key is refused" 401 "$wrong" "$U/v1/query?concept_path=access/c"
	like "without a word about keys there are" 'not known here' body
done
ok "with the scheme that is wanted" has_header 'WWW-Authenticate: Bearer'
bearer "also where all may read, in bulk" 401 "${writer%?}g" --data-binary "$(claim)" "$U/v1/assertions"
answers "probes ask no key" 200 -H 'Authorization: Bearer wrong' "$U/healthz"
answers "other schemes are for others" 200 -H 'Authorization: Basic eDp5' "$U/v1/query?concept_path=access/c"
"$STEME" apikey disable "$writer_id" >/dev/null
bearer "a disabled key is refused at once" 401 "$writer" -d "$(claim)" "$U/v1/assert"
like "as disabled" "$writer_id is disabled" body
answers "it is told to admins" 200 "$K"
is "as the runbook asks" "$writer_id" jq -r '.keys[] | select(.enabled==false or .expires_at < now) | .id' "$T/body"
answers "and enabled over HTTP" 200 -X POST "$K/$writer_id/enable"
bearer "it is as before" 201 "$writer" -d "$(claim)" "$U/v1/assert"
is "a key for no day is none for ever" 64 sh -c "'$STEME' apikey add x --days 0 >/dev/null 2>&1; echo \$?"
like "a term that is past is warned of" 'warning.*2020-01-01 is past' "$STEME" apikey add past --expires 2020-01-01
new_key brief --role writer --expires 2020-01-01; brief=$token
bearer "an expired key is refused" 401 "$brief" "$U/v1/query?concept_path=access/c"
like "as expired" 'has expired' body
answers "a term in the past over HTTP, too" 201 -d '{"name":"old","expires_at":1577836800}' "$K"
bearer "is one" 401 "$(jq -r .token "$T/body")" "$U/v1/query?concept_path=access/c"
"$STEME" apikey remove "$admin_id" >/dev/null
bearer "a removed key is unknown" 401 "$admin" "$K"
for body in '' '[]' '{}' '{"name":""}' '{"name":"x","role":"root"}' '{"name":"x","expires_at":"tomorrow"}' '{"name":"x","expires_at":-1}' \
    '{"name":"x","token":"mine"}' '{"name":7}' '{"name":"x","name":"y"}' '{"name":"a\nb"}' '{'; do
	answers "no key of $body" 400 -d "$body" "$K"
done
answers "no such key" 404 -X POST "$K/0123456789abcdef/disable"
answers "no such verb" 404 -X POST "$K/$writer_id/explode"
answers "a key is not GETtable" 405 "$K/$writer_id"
is "names of any kind come back" 'ü "q" \ /' jq -r .name <(curl -s -d '{"name":"ü \"q\" \\ /"}' "$K")
"$STEME" restart --dir "$D" >"$T/up.out" 2>&1 || fail "it starts again" "$(cat "$T/up.out")"
bearer "keys survive a restart" 201 "$writer" -d "$(claim)" "$U/v1/assert"
bearer "those that ended, too" 401 "$brief" "$U/v1/query?concept_path=access/c"

# --- _steme/ is the operator's
answers "nobody else writes below _steme/" 403 -d '{"concept_path":"_steme/apikeys/0123456789abcdef","predicate":"key","object":"{}"}' "$U/v1/assert"
bearer "nor by a key" 403 "$writer" -d '{"concept_path":"_steme/limits","predicate":"max_writes_per_sec","object":1}' "$U/v1/assert"
object _steme/stewards "$AGENT" true 2026-01-01T00:00:00.000000Z >"$T/o"
answers "nor what is signed" 403 -d "$(enveloped "$T/o")" "$U/v1/assert"

# --- signatures
object access/signed p first 2026-01-01T00:00:00.000000Z >"$T/o1"
object access/signed p second 2026-01-01T00:00:00.000000Z >"$T/o2"
sig1=$(sign_object "$T/o1")
answers "a signed object is taken from anybody" 201 -H 'Via: 1.1 proxy' -d "$(enveloped "$T/o1")" "$U/v1/assert"
answers "a replay" 200 -H 'Via: 1.1 proxy' -d "$(enveloped "$T/o1")" "$U/v1/assert"
is "changes nothing" exists jq -r .status "$T/body"
answers "a signature moved to another object" 422 -d "$(jq -nc --rawfile t "$T/o2" --arg s "$sig1" '{text: $t, signature: $s}')" "$U/v1/assert"
flip=$([ "${sig1:0:1}" = 0 ] && echo 1 || echo 0)
answers "a forged one" 422 -d "$(jq -nc --rawfile t "$T/o2" --arg s "$flip${sig1:1}" '{text: $t, signature: $s}')" "$U/v1/assert"
answers "one of zeros, with a writer's key" 422 -H "X-API-Key: $writer" \
    -d "$(jq -nc --rawfile t "$T/o2" --arg s "$(printf '0%.0s' $(seq 128))" '{text: $t, signature: $s}')" "$U/v1/assert"
is "none was stored" 1 jq '.results | length' <(get '/v1/history?concept_path=access/signed')

# --- from another machine
if another_machine; then
	printf '[api]\nbind = ["127.0.0.1", "%s"]\n' "$addr" >"$D/api.toml"
	"$STEME" restart --dir "$D" >"$T/up.out" 2>&1 || fail "it binds an address" "$(cat "$T/up.out")"
	is "the page is there" 200 far -D "$T/head" "http://$addr:$P/"
	ok "with its policy" has_header 'Content-Security-Policy: '
	not_ok "and without a header that browsers complain of there" has_header 'Cross-Origin-Opener-Policy'
	new_key far --role admin
	is "from elsewhere nobody administers" 401 far "http://$addr:$P/v1/admin/api-keys"
	is "whatever Host says" 401 far -H 'Host: localhost' -d '{"name":"evil"}' "http://$addr:$P/v1/admin/api-keys"
	is "but with an admin's key" 200 far -H "X-API-Key: $token" "http://$addr:$P/v1/admin/api-keys"
	is "a writer's writes" 201 far -H "X-API-Key: $writer" -d "$(claim)" "http://$addr:$P/v1/assert"
	is "a reader's does not" 403 far -H "X-API-Key: $reader" -d "$(claim)" "http://$addr:$P/v1/assert"
	printf '[api]\nbind = ["127.0.0.1", "%s"]\nadmin = "open"\n' "$addr" >"$D/api.toml"
	not_ok "admin = open on such an address does not start" "$STEME" restart --dir "$D"
	like "and says why" 'admin = \\"open\\" is for loopback only' tail -n 3 "$D/log/stemedb-api.log"
	like "as the doctor does" 'for loopback only' "$STEME" doctor --dir "$D"
fi
printf '[api]\nbind = ["0.0.0.0"]\nadmin = "open"\n' >"$D/api.toml"
not_ok "nor on all of them" "$STEME_BUILD/stemedb-api" --dir "$D" --check-config
printf '[api]\nadmin = "open"\n' >"$D/api.toml"
"$STEME" up --dir "$D" >"$T/up.out" 2>&1 || fail "on loopback it does" "$(cat "$T/up.out")"
is "then any local user administers" 200 as 4001 "$P" 'GET /v1/admin/api-keys '
answers "but no page, still" 403 -H 'Origin: http://evil.example' "$K"

# --- no secret shows: what a bundle for support would hold
get /metrics >"$T/metrics"
tar -C "$T" -cf "$T/bundle.tar" metrics d/api.toml d/log
ok "the bundle has the logs" grep -q stemedb-api.log "$T/bundle.tar"
for f in "$D"/keys/*.pem; do sed -n 2p "$f"; done >"$T/secrets"
printf '%s\n' "$writer" "${writer: -64}" "$reader" "$admin" "$brief" >>"$T/secrets"
ok "there are secrets to look for" test "$(wc -l <"$T/secrets")" -gt 8
not_ok "no token, no private key in logs, metrics, configuration" grep -aFf "$T/secrets" "$T/bundle.tar"
not_ok "nor in the store's log and index" grep -raFf "$T/secrets" "$D/wal" "$D/kv"
not_ok "nor in what is listed" grep -Ff "$T/secrets" <(get /v1/admin/api-keys; get '/v1/query?prefix=_steme')
not_ok "the list has no hashes, either" grep -q hash <(get /v1/admin/api-keys)
done_testing
