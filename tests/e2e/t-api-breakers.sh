#!/usr/bin/env bash
# Circuit breakers: of agents, by failures and by hand; around the store.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

mkdir -p "$D"
printf '[api]\nrequest_timeout_seconds = 1\n[resilience]\nfailure_threshold = 5\nreset_timeout_ms = 2000\n' >"$D/api.toml"
up_bare || { echo "cannot start"; exit 1; }
A=$U/v1/admin/circuit-breaker
make_key
claim () { object "$1" p v "2026-01-01T00:00:00.00000$2Z" >"$T/o" && enveloped "$T/o"; }
value () { get /metrics | awk -v k="$1" 'index($0, k " ") == 1 { print $NF }'; }

answers "none is tripped" 200 "${A}s/tripped"
is "and that is a list" '{"tripped":[]}' body

# --- by hand
answers "a claim" 201 -d "$(claim a 1)" "$U/v1/assert"
answers "trip, as the runbook's curl sends it" 200 -d "{\"agent_id\": \"$AGENT\"}" "$A/trip"
is "answers the state" "{\"agent_id\":\"$AGENT\",\"state\":\"open\"}" body
answers "its writes are 403" 403 -d "$(claim a 2)" "$U/v1/assert"
ok "with Retry-After" has_header 'Retry-After: [1-9]'
is "as a problem of its own" urn:stemedb:problem:agent-blocked jq -r .type "$T/body"
claim a 2 | answers "its lines in bulk" 200 --data-binary @- "$U/v1/assertions"
is "are refused, too" forbidden jq -r .type "$T/body"
answers "the plural spelling lists it" 200 "${A}s/tripped"
is "with agent, state and reason" "$AGENT open tripped by hand true" jq -r \
    '.tripped[] | "\(.agent_id) \(.state) \(.reason) \(.manual)"' "$T/body"
like "and since when" '^20' jq -r '.tripped[0].since' "$T/body"
answers "the singular, too" 200 "$A/tripped"
is "it shows in the store" 'tripped by hand' bash -c \
    "curl -s '$U/v1/query?prefix=_steme/breakers' | jq -r '.results[0].object.value'"
"$STEME" down --dir "$D" >/dev/null
up_bare || fail "it starts again" "$(cat "$T/up.out")"
answers "it outlives a restart" 403 -d "$(claim a 2)" "$U/v1/assert"
answers "reset, plural" 200 -H 'Content-Type: application/json' -d "{\"agent_id\": \"$AGENT\"}" "${A}s/reset"
answers "the claim goes through" 201 -d "$(claim a 2)" "$U/v1/assert"
is "nothing is tripped" '{"tripped":[]}' get /v1/admin/circuit-breakers/tripped
answers "reset of an unknown agent" 200 -d '{"agent_id": "<replica_agent_id>"}' "$A/reset"
answers "trip with a reason, any name" 200 -d '{"agent_id":"some / one%","reason":"\"loud\""}' "$A/trip"
is "which is told" 'some / one% "loud"' bash -c "curl -s '$A/tripped' | jq -r '.tripped[] | \"\\(.agent_id) \\(.reason)\"'"
answers "and reset" 200 -d '{"agent_id":"some / one%"}' "$A/reset"
for b in '' '{}' '[]' '{"agent_id":""}' '{"agent_id":7}' '{"agent":"x"}' "{\"agent_id\":\"x\",\"reason\":\"$(printf 'r%.0s' {1..201})\"}"; do
	answers "400 for '${b:0:40}'" 400 -X POST -d "$b" "$A/trip"
done
answers "a web page may not trip" 403 -H 'Origin: http://evil.example' -d '{"agent_id":"x"}' "$A/trip"

# --- by failures: only those of verified agents
forged () { object f p v "2026-01-01T00:00:00.00000$1Z" >"$T/f"
	jq -nc --rawfile t "$T/f" --arg s "$(printf '00%.0s' {1..64})" '{text: $t, signature: $s}'; }
for i in 1 2 3 4 5 6 7; do curl -sS -o /dev/null -d "$(forged "$i")" "$U/v1/assert"; done
answers "nobody trips another's breaker by forging" 201 -d "$(claim b 1)" "$U/v1/assert"
future () { object "$1" p v "2999-01-01T00:00:00.00000${2}Z" >"$T/o" && enveloped "$T/o"; }
for i in 1 2 3 4; do answers "a claim of the year 2999" 422 -d "$(future c $i)" "$U/v1/assert"; done
answers "a good one between" 201 -d "$(claim b 2)" "$U/v1/assert"
for i in 1 2 3 4 5; do answers "bad again ($i)" 422 -d "$(future c $i)" "$U/v1/assert"; done
answers "five in a row: it is open" 429 -d "$(claim b 3)" "$U/v1/assert"
ok "with Retry-After" has_header 'Retry-After: [12]'
is "as a problem of its own" urn:stemedb:problem:circuit-open jq -r .type "$T/body"
is "it is listed" "$AGENT open false 5" bash -c "curl -s '$A/tripped' | jq -r '.tripped[] | \"\\(.agent_id) \\(.state) \\(.manual) \\(.failures)\"'"
is "and counted" 1 value 'stemedb_circuit_breaker_trips_total{breaker="agent"}'
is "as tripped" 1 value stemedb_circuit_breaker_tripped_agents
sleep 2.1
answers "after the time a trial that fails" 422 -d "$(future c 6)" "$U/v1/assert"
answers "opens it again" 429 -d "$(claim b 3)" "$U/v1/assert"
sleep 2.1
answers "a trial that succeeds" 201 -d "$(claim b 3)" "$U/v1/assert"
answers "closes it" 201 -d "$(claim b 4)" "$U/v1/assert"
is "none is tripped" 0 value stemedb_circuit_breaker_tripped_agents
for i in 1 2 3 4 5; do curl -sS -o /dev/null -d "$(future c $i)" "$U/v1/assert"; done
answers "reset" 200 -d "{\"agent_id\":\"$AGENT\"}" "$A/reset"
answers "closes at once what failures opened" 201 -d "$(claim b 5)" "$U/v1/assert"

# --- around the store
is "it is closed" 0 value 'stemedb_circuit_breaker_state{breaker="storage"}'
pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
kill -STOP "$pid"
for i in 1 2 3 4 5; do
	answers "a store that hangs is 504 ($i)" 504 "$U/v1/query?concept_path=h$i"
done
start=$(date +%s%N)
answers "then 503 at once" 503 "$U/v1/query?concept_path=h6"
ok "without waiting ($(( ($(date +%s%N) - start) / 1000000 )) ms)" test $(( ($(date +%s%N) - start) / 1000000 )) -lt 900
ok "with Retry-After" has_header 'Retry-After: [12]'
is "told as open" 1 value 'stemedb_circuit_breaker_state{breaker="storage"}'
is "by the list, too" open bash -c "curl -s -m 20 '${A}s' | jq -r .storage.state"
answers "uploads, too" 503 -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assertions"
is "timeouts were counted" 5 value stemedb_query_timeout_total
is "by type" 5 value 'stemedb_error_count_by_type{error_type="TimeoutError"}'
kill -CONT "$pid"
sleep 2.1
answers "after the time an upload goes through" 200 -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assertions"
is "and closes it" 0 value 'stemedb_circuit_breaker_state{breaker="storage"}'
kill -STOP "$pid"
for i in 1 2 3 4 5; do curl -sS -o /dev/null "$U/v1/query?concept_path=i$i"; done
kill -CONT "$pid"
is "it opens again" 1 value 'stemedb_circuit_breaker_state{breaker="storage"}'
sleep 2.1
answers "after the time it is tried again" 200 "$U/v1/query?concept_path=h7"
is "and closed" 0 value 'stemedb_circuit_breaker_state{breaker="storage"}'
is "it opened twice" 2 value 'stemedb_circuit_breaker_trips_total{breaker="storage"}'
done_testing
