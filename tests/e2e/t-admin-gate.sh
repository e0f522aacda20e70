#!/bin/bash
# Caps on the whole node and drain: every door obeys them, they survive a restart.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

rc () { "$@" >/dev/null 2>&1; echo $?; }
set_ () { python3 "$TOP/tests/e2e/wire.py" "$D" set "$@"; }
say () { "$STEME" assert "$1" p "$2"; }
http () {	# status and headers of a claim by HTTP
	curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' -d "{\"concept_path\":\"gate/h\",\"predicate\":\"p\",\"object\":$RANDOM$RANDOM}" \
	    "http://127.0.0.1:$P/v1/assert"
}
by_mount () { (echo "$1" >"$M/gate/m/@assert/p") 2>&1; }
node=n1
mkdir -p "$D"
printf '[node]\nname = "%s"\n' "$node" >"$D/api.toml"
up || { fail "up"; done_testing; }
mkdir -p "$M/gate/m"

# the cap: a second's worth, then refused, with the reason
is "a cap is a setting" created set_ _steme/limits max_writes_per_sec 1
is "which the mount shows" 1 cat "$M/_steme/limits/@recency/max_writes_per_sec"
say gate/a 1 >/dev/null 2>&1
like "the command: refused with cap, value and when" 'max_writes_per_sec = 1 .*try again in [0-9]+ ms' say gate/a 2
is "its exit status is 75" 75 rc say gate/a 3
is "HTTP: 429" 429 http
like "with Retry-After" '^Retry-After: [0-9]' tr -d '\r' <"$T/head"
is "the problem has a type" urn:stemedb:problem:rate-limited jq -r .type "$T/body"
like "the mount: EAGAIN" 'Resource temporarily unavailable' by_mount x
is "another setting passes" created set_ _steme/breakers/x tripped '"abuse"'
like "status tells the cap" '^cap +max_writes_per_sec = 1 ' "$STEME" status
like "also as JSON" '"max_writes_per_sec":1[,}]' "$STEME" status --json

# an import waits
set_ _steme/limits max_writes_per_sec 400 >/dev/null
seq 1 1000 | sed 's|.*|{"concept_path":"gate/i&","predicate":"n","object":&,"agent":"anna","time":"2026-01-01"}|' >"$T/i.ndjson"
is "an import waits and goes on" "1000 created, 0 already there, 0 refused" sh -c \
    "'$STEME' import --dir '$D' '$T/i.ndjson' 2>'$T/err' | tail -n 1"
set_ _steme/limits max_assertions_per_sec 50 >/dev/null
set_ _steme/limits max_writes_per_sec >/dev/null
is "a cleared cap is none" null sh -c "'$STEME' status --json | jq .daemon.writes.max_writes_per_sec"
is "clearing once more is no error" exists set_ _steme/limits max_writes_per_sec
like "a cap of 0 is refused" 'whole number from 1' set_ _steme/limits max_writes_per_sec 0

# a group beyond the cap is paid for later, and HTTP says when
set_ _steme/limits max_assertions_per_sec >/dev/null
set_ _steme/limits max_assertions_per_sec 1 >/dev/null
seq 1 60 | sed 's|.*|{"concept_path":"gate/g&","predicate":"n","object":&}|' >"$T/group"
is "a group larger than the cap passes" 60 sh -c "curl -sS --data-binary @'$T/group' 'http://127.0.0.1:$P/v1/assertions' | grep -c created"
is "the next is refused" 429 http
like "with as many seconds as are owed" '^Retry-After: ([2-9]|[1-5][0-9]|60)$' tr -d '\r' <"$T/head"
set_ _steme/limits max_assertions_per_sec 50 >/dev/null

# drain
is "drain" created set_ "_steme/nodes/$node" drained true
like "the command says so" 'node is draining' say gate/a 4
like "and so does status" '^writes +refused: the node is drained' "$STEME" status
like "and doctor" 'the node is drained' "$STEME" doctor
is "HTTP: 503" 503 http
is "readyz: 503" 503 curl -s -o "$T/body" -w '%{http_code}' "http://127.0.0.1:$P/readyz"
is "and why" urn:stemedb:problem:draining jq -r .type "$T/body"
is "healthz: 200" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/healthz"
is "reads go on" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/v1/query?concept_path=gate/a"
like "the mount: read-only" 'Read-only file system' by_mount x
is "and readable" 1 cat "$M/gate/a/@recency/p"
down >/dev/null
up || fail "up again"
like "drained after a restart, too" 'node is draining' say gate/a 5
is "the cap as well" 50 sh -c "'$STEME' status --json | jq .daemon.writes.max_assertions_per_sec"
is "undrain" created set_ "_steme/nodes/$node" drained
is "readyz: 200" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/readyz"
is "writes are taken" 0 rc say gate/a 6
ok "both are logged" sh -c "grep -q 'node is draining' '$D/log/stemefs.log' && grep -q 'node is undrained' '$D/log/stemefs.log'"

# a queue that is longer than writes may wait: what was refused is sent again
set_ _steme/limits max_assertions_per_sec >/dev/null
down >/dev/null
printf '[storage]\nlock_timeout_ms = 1\n' >>"$D/api.toml"
up || fail "up with a short lock timeout"
seq 1 40000 | sed 's|.*|{"concept_path":"gate/q&","predicate":"n","object":&,"agent":"anna","time":"2026-01-01"}|' >"$T/q.ndjson"
is "an import waits for its turn" "40000 created, 0 already there, 0 refused" sh -c \
    "'$STEME' import --dir '$D' --batch '$T/q.ndjson' 2>'$T/err' | tail -n 1"
like "after it was refused some" 'lock timeout' cat "$T/err"
ok "verify" "$STEME" verify
done_testing
