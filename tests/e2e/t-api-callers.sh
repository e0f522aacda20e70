#!/usr/bin/env bash
# Who may write without a signature: only a caller who is local in every respect.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

[ "$(id -u)" = 0 ] || { echo "needs root to be two users"; exit 1; }
chmod 755 "$T"
up || { echo "cannot start"; exit 1; }
make_key
n=0
claim () { n=$((n + 1)); echo "{\"concept_path\":\"callers/c\",\"predicate\":\"p$n\",\"object\":$n}"; }
refused () {	# header
	answers "$1 shows a caller from elsewhere" "${2:-403}" -H "$1" -d "$(claim)" "$U/v1/assert"
	[ "${2:-403}" = 201 ] || like "and is named" "${1%%:*}" body
}
answers "root may" 201 -d "$(claim)" "$U/v1/assert"
answers "by localhost" 201 -H "Host: localhost:$P" -d "$(claim)" "$U/v1/assert"
answers "by LOCALHOST" 201 -H "Host: LOCALHOST" -d "$(claim)" "$U/v1/assert"
answers "by [::1]" 201 -d "$(claim)" "http://[::1]:$P/v1/assert"
answers "a page of this very site may" 201 -H "Origin: $U" -H 'Sec-Fetch-Site: same-origin' -d "$(claim)" "$U/v1/assert"
answers "typed into the address line" 201 -H 'Sec-Fetch-Site: none' -d "$(claim)" "$U/v1/assert"
for h in 'Origin: http://evil.example' 'Origin: null' "Origin: http://127.0.0.1" 'Origin: http://127.0.0.1.evil.example' \
    'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-site' 'Forwarded: for=1.2.3.4' 'X-Forwarded-For: 127.0.0.1' \
    'X-Forwarded-Host: localhost' 'X-Forwarded-Anything: x' 'x-real-ip: 127.0.0.1' 'Via: 1.1 proxy'; do
	refused "$h"
done
for h in evil.example "evil.example:$P" localhost.evil.example 127.0.0.1.nip.io 'localhost:80x' "[::1]:$P.evil"; do
	answers "by the name $h nobody writes" 403 -H "Host: $h" -d "$(claim)" "$U/v1/assert"
	answers "or reads, from loopback" 403 -H "Host: $h" "$U/v1/query?concept_path=callers/c"
	answers "but probes may ask" 200 -H "Host: $h" "$U/healthz"
done
object callers/c signed x 2026-01-01T00:00:00.000000Z >"$T/o"
answers "a signed object comes through a proxy" 201 -H 'Via: 1.1 proxy' -d "$(enveloped "$T/o")" "$U/v1/assert"
answers "in bulk" 200 -H 'X-Forwarded-For: 1.2.3.4' --data-binary "$(claim)
$(enveloped "$T/o")" "$U/v1/assertions"
is "only the unsigned line is refused" 'forbidden exists' bash -c "jq -r '.type // .status' '$T/body' | xargs"
like "naming the header" 'X-Forwarded-For' head -1 "$T/body"

# --- other users.  Python, for a shell's path may be closed to them
cat >"$T/as.py" <<'EOP'
import os, socket, sys
uid, port, mode, body = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].encode()
s = socket.socket()
if uid:
    s.close()
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    s = socket.socket()
s.connect(("127.0.0.1", port))
s.sendall(b"POST /v1/assert HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
if mode == "leave":
    s.close()
    sys.exit()
got = b""
while True:
    b = s.recv(65536)
    if not b:
        break
    got += b
print(got.split()[1].decode())
EOP
as () { python3 "$T/as.py" "$@"; }
before=$(get '/v1/history?concept_path=callers/c' | jq '.results | length')
is "another user may not" 403 as 4001 "$P" stay "$(claim)"
is "nobody may not" 403 as 65534 "$P" stay "$(claim)"
pid=$(cut -d' ' -f1 "$D/run/stemedb-api.pid")
kill -STOP "$pid"
as 4001 "$P" leave "$(claim)"
as 0 "$P" leave "$(claim)"
sleep 0.2
kill -CONT "$pid"
sleep 0.5
is "not by leaving before the answer, either" "$before" bash -c "curl -s '$U/v1/history?concept_path=callers/c' | jq '.results | length'"
object callers/c signed y 2026-01-01T00:00:00.000000Z >"$T/o"
is "but anybody hands in what is signed" 201 as 4001 "$P" stay "$(enveloped "$T/o")"
is "the other user may read" 200 bash -c "curl -s -o /dev/null -w '%{http_code}' '$U/v1/query?concept_path=callers/c'"
down >/dev/null

# --- a folder of that user's
mkdir -p "$T/own"
chown 4001 "$T/own"
own=$(free_port)
"$STEME" up --dir "$T/own" --no-mount --port "$own" >"$T/own.out" 2>&1 || fail "a private folder starts" "$(cat "$T/own.out")"
is "the owner of a private folder may" 201 as 4001 "$own" stay "$(claim)"
is "others may not" 403 as 4002 "$own" stay "$(claim)"
"$STEME" down --dir "$T/own" >/dev/null
printf '[api]\ntrust_loopback = false\nhosts = ["claims.example"]\n' >"$T/own/api.toml"
"$STEME" up --dir "$T/own" --no-mount --port "$own" >"$T/own.out" 2>&1 || fail "it starts again" "$(cat "$T/own.out")"
answers "without trust_loopback nobody is local" 401 -d "$(claim)" "http://127.0.0.1:$own/v1/assert"
ok "and is told how to prove himself" has_header 'WWW-Authenticate:'
claim | answers "nor in bulk" 200 --data-binary @- "http://127.0.0.1:$own/v1/assertions"
is "where the line says so" not-authenticated jq -r .type "$T/body"
is "and counts as the request did" 2 bash -c "curl -s 'http://127.0.0.1:$own/metrics' |
  sed -n 's/^stemedb_error_count_by_type{error_type=\"AuthenticationError\"} //p'"
answers "a host of [api] hosts may be asked" 200 -H "Host: claims.example:$own" "http://127.0.0.1:$own/v1/query"
answers "the daemon's other door still stands" 201 -d "$(enveloped "$T/o")" "http://127.0.0.1:$own/v1/assert"
"$STEME" down --dir "$T/own" >/dev/null

# --- from another machine
if another_machine; then
	printf '[api]\nbind = ["127.0.0.1", "%s"]\n' "$addr" >"$T/own/api.toml"
	"$STEME" up --dir "$T/own" --no-mount --port "$own" >"$T/own.out" 2>&1 || fail "it binds an address" "$(cat "$T/own.out")"
	is "from elsewhere an unsigned write is refused" 401 far -d "$(claim)" "http://$addr:$own/v1/assert"
	is "whatever Host says" 401 far -H 'Host: localhost' -d "$(claim)" "http://$addr:$own/v1/assert"
	object callers/c signed z 2026-01-01T00:00:00.000000Z >"$T/o"
	is "a signed one is taken" 201 far -d "$(enveloped "$T/o")" "http://$addr:$own/v1/assert"
	is "reading is open, by any name" 200 far -H 'Host: claims.example' "http://$addr:$own/v1/query?concept_path=callers/c"
	"$STEME" down --dir "$T/own" >/dev/null
fi
done_testing
