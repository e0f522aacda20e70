#!/usr/bin/env bash
# Rate limits: from the configuration, at run time, per address, agent and day; slow queries;
# the audit trail.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

mkdir -p "$D"
printf '[api]\nslow_query_ms = 300\nrequest_timeout_seconds = 5\n[resilience]\nfailure_threshold = 50\n' >"$D/api.toml"
up_bare || { echo "cannot start"; exit 1; }
R=$U/v1/admin/rate-limit
make_key
claim () { object "$1" p v "2026-01-01T00:00:00.00000$2Z" >"$T/o$1$2" && enveloped "$T/o$1$2"; }

# --- the runbook's four forms, its content types
answers "nothing is limited at first" 200 "$R"
is "and it says so" '{"max_assertions_per_sec":null,"max_writes_per_sec":null,"agents":[]}' body
answers "form A, as JSON" 200 -H 'Content-Type: application/json' -d '{"max_assertions_per_sec": 1000}' "$R"
for rate in 100 500 1000 2000; do
	answers "form B, $rate, as curl sends it" 200 -d "{\"max_assertions_per_sec\": $rate}" "$R"
done
answers "form C" 200 -d '{"max_writes_per_sec": 500}' "$R"
answers "form D" 200 -d '{"agent_id": "<agent_id>", "max_requests_per_min": 100}' "$R"
is "fields are independent, the last value of each counts" \
    '{"max_assertions_per_sec":2000,"max_writes_per_sec":500,"agents":[{"agent_id":"<agent_id>","max_requests_per_min":100}]}' body
answers "null clears one" 200 -d '{"max_writes_per_sec": null}' "$R"
is "and only that" '[2000,null,1]' jq -c '[.max_assertions_per_sec, .max_writes_per_sec, (.agents | length)]' "$T/body"
answers "clearing it again is no error" 200 -d '{"max_writes_per_sec": null}' "$R"
for b in '' '[]' '{}' '{"max_writes_per_sec": 0}' '{"max_writes_per_sec": "5"}' '{"max_writes_per_sec": 1.5}' \
    '{"max_assertions_per_sec": -1}' '{"max_assertions_per_sec": 1e400}' '{"agent_id": "x"}' '{"max_requests_per_min": 5}' \
    '{"agent_id": "", "max_requests_per_min": 5}' '{"agent_id": 5, "max_requests_per_min": 5}' '{"rate": 5}' \
    "{\"agent_id\": \"$(printf 'a%.0s' {1..129})\", \"max_requests_per_min\": 5}" '{"agent_id": "a\u0000b", "max_requests_per_min": 5}'; do
	answers "400 for '${b:0:60}'" 400 -X POST -d "$b" "$R"
done
is "none of which changed anything" 2000 bash -c "curl -s '$R' | jq .max_assertions_per_sec"
"$STEME" restart --dir "$D" >/dev/null 2>&1 || { "$STEME" down --dir "$D" >/dev/null; up_bare; }
is "limits survive a restart" '[2000,"<agent_id>"]' bash -c "curl -s '$R' | jq -c '[.max_assertions_per_sec, .agents[0].agent_id]'"
answers "DELETE clears all" 200 -X DELETE "$R"
is "all" '{"max_assertions_per_sec":null,"max_writes_per_sec":null,"agents":[]}' body

# --- a limited agent
answers "a claim" 201 -d "$(claim a 1)" "$U/v1/assert"
answers "its agent is limited to two a minute" 200 -d "{\"agent_id\":\"$AGENT\",\"max_requests_per_min\":2}" "$R"
# nobody can use up another's: forged claims are not charged
for i in 1 2 3 4; do
	object forged p v "2026-01-01T00:00:00.00000${i}Z" >"$T/f"
	curl -sS -o /dev/null -d "$(jq -nc --rawfile t "$T/f" --arg s "$(printf '00%.0s' {1..64})" '{text: $t, signature: $s}')" "$U/v1/assert"
done
answers "a first claim" 201 -d "$(claim b 1)" "$U/v1/assert"
answers "a second" 201 -d "$(claim b 2)" "$U/v1/assert"
answers "the third is one too many, in spite of four forged ones before" 429 -d "$(claim b 3)" "$U/v1/assert"
ok "with Retry-After" has_header 'Retry-After: [1-9]'
ok "and RateLimit-Limit" has_header 'RateLimit-Limit: 2'
ok "and RateLimit-Remaining" has_header 'RateLimit-Remaining: 0'
ok "and RateLimit-Reset" has_header 'RateLimit-Reset: [1-9]'
like "it says who and what to do" "$AGENT may make 2 requests a minute: try again" jq -r .detail "$T/body"
claim b 4 | answers "in bulk the line is refused" 200 --data-binary @- "$U/v1/assertions"
like "as rate-limited" 'rate-limited' jq -r .type "$T/body"
answers "an unsigned one of another goes through" 201 -d '{"concept_path":"x","predicate":"p","object":1}' "$U/v1/assert"
answers "the limit is lifted" 200 -d "{\"agent_id\":\"$AGENT\",\"max_requests_per_min\":null}" "$R"
answers "and the claim goes through" 201 -d "$(claim b 3)" "$U/v1/assert"
for i in 5 6 7 8; do claim b $i; done | curl -sS --data-binary @- "$U/v1/assertions" >"$T/bulk"
is "a bulk upload without limits" 4 grep -c created "$T/bulk"
answers "0 lets nobody in" 200 -d "{\"agent_id\":\"$AGENT\",\"max_requests_per_min\":0}" "$R"
answers "nobody" 429 -d "$(claim b 9)" "$U/v1/assert"
answers "uid-$(id -u) is limited by name" 200 -d "{\"agent_id\":\"uid-$(id -u)\",\"max_requests_per_min\":1}" "$R"
answers "once" 201 -d '{"concept_path":"x","predicate":"p","object":2}' "$U/v1/assert"
answers "twice is too much" 429 -d '{"concept_path":"x","predicate":"p","object":3}' "$U/v1/assert"
answers "but administer it may" 200 -X DELETE "$R"
limited () { get /metrics | awk -v k="stemedb_rate_limited_total{scope=\"$1\"}" '$1 == k { print $2 }'; }
ok "refusals are counted" test "$(limited agent)" -ge 4

# --- slow queries, and those under way
is "at first none is slow" 0 bash -c "curl -s '$U/v1/admin/slow-queries' | jq '[.queries[] | select(.running | not)] | length'"
pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
kill -STOP "$pid"
curl -sS -m 10 -o /dev/null "$U/v1/query?concept_path=a%20b/c&predicate=slow%20one&lens=consensus" &
for i in $(seq 50); do
	get /v1/admin/slow-queries >"$T/slow"
	[ "$(jq '[.queries[] | select(.predicate == "slow%20one")] | length' "$T/slow")" = 1 ] && break
	sleep 0.1
done
is "a query under way is listed" true jq '.queries[] | select(.predicate == "slow%20one") | .running' "$T/slow"
# what strangers ask about may be no text: what is told of it is
curl -sS -m 10 -o /dev/null "$U/v1/concepts?parent=a%ff%00b" &
for i in $(seq 50); do
	get /v1/admin/slow-queries >"$T/odd"
	grep -q '"path":"/v1/concepts"' "$T/odd" && break
	sleep 0.1
done
is "bytes that are no text are told as question marks" 'a?? null' bash -c "iconv -f UTF-8 -t UTF-8 '$T/odd' |
  jq -r '.queries[] | select(.path == \"/v1/concepts\") | \"\(.concept_path[:3]) \(.lens)\"'"
sleep 0.5
kill -CONT "$pid"
wait
get /v1/admin/slow-queries >"$T/slow"
is "and stays when it was slow" '["a%20b/c","slow%20one","consensus",false,"a b/c","number"]' jq -c \
    '.queries[] | select(.predicate == "slow%20one") | [.subject, .predicate, .lens, .running, .concept_path, (.duration_ms | type)]' "$T/slow"
like "the runbook's line has three fields" '^a%20b/c slow%20one [0-9]+ms$' bash -c "curl -s '$U/v1/admin/slow-queries' | jq -r \
  '.queries[] | \"\\(.subject) \\(.predicate) \\(.duration_ms)ms\"' | sort -k3 -rn | head -10"
is "none is without a subject, and what is not known is null" '[]' jq -c \
    '[.queries[] | select(.subject == "" or .predicate == "" or .concept_path == "" or .lens == "")]' "$T/slow"
is "nothing that runs is about nothing" '[]' jq -c '[.queries[] | select(.running and .concept_path == null)]' "$T/slow"
ok "the runbook's selection runs" bash -c "curl -s '$U/v1/admin/slow-queries' | jq '.queries[] | select(.duration_ms > 1000)'"

# --- the audit trail
answers "who did what" 200 "$U/v1/audit?limit=5"
is "newest first, five" 5 jq '.entries | length' "$T/body"
cursor=$(jq -r .next_cursor "$T/body")
answers "the next page" 200 "$U/v1/audit?limit=5&cursor=$cursor"
answers "writes by an agent" 200 "$U/v1/audit?kind=write&agent_id=$AGENT"
is "are that agent's" "write $AGENT" jq -r '[.entries[] | "\(.kind) \(.agent_id)"] | unique | .[]' "$T/body"
answers "administration" 200 "$U/v1/audit?kind=admin&path=/v1/admin/rate-limit"
ok "with what was set, and by whom" jq -e --argjson u "$(id -u)" \
    '[.entries[] | select(.method == "POST" and .uid == $u and (.request | contains("max_requests_per_min")))] | length > 3' "$T/body"
for q in 'limit=0' 'limit=10001' 'limit=x' 'kind=other' 'cursor=-1' 'nosuch=1'; do
	answers "400 for $q" 400 "$U/v1/audit?$q"
done
answers "a query with a stray secret" 400 "$U/v1/query?concept_path=a&api_key=hunter2"
not_ok "leaves none, in the trail" bash -c "curl -s '$U/v1/audit?limit=10000' | grep hunter2"
not_ok "nor in a file" grep -r hunter2 "$D/log"
ok "the file has writes" grep -q '"kind":"write"' "$D/log/audit.log"
is "and is private" 600 stat -c %a "$D/log/audit.log"
answers "the trail is for administrators" 403 -H 'X-Forwarded-For: 1.2.3.4' "$U/v1/audit"
answers "so are limits" 403 -H 'Origin: http://evil.example' -d '{"max_writes_per_sec": 1}' "$R"
answers "and slow queries" 403 -H 'Sec-Fetch-Site: cross-site' "$U/v1/admin/slow-queries"

# --- from the configuration
"$STEME" down --dir "$D" >/dev/null
cat >"$D/api.toml" <<'EOC'
[rate_limit]
query_per_sec = 20
write_per_sec = 1000
per_address_per_sec = 40
quota_assertions_per_day = 3
EOC
up_bare || fail "it starts with limits" "$(cat "$T/up.out")"
codes () { for _ in $(seq "$1"); do echo "url = \"$2\""; echo 'output = /dev/null'; done >"$T/urls"
	curl -sS -K "$T/urls" -w '%{http_code}\n' | sort | uniq -c | tr -s ' ' | tr '\n' ';'; }
q=$(codes 200 "$U/v1/query?concept_path=a")
like "queries over the class's rate are 429, the others answered: $q" '200;.* 429;' echo "$q"
answers "health is not limited" 200 "$U/healthz"
answers "nor are metrics" 200 "$U/metrics"
ok "it was the class" test "$(limited query)" -ge 1
sleep 1.2
for i in 1 2 3; do claim quota $i; done | curl -sS --data-binary @- "$U/v1/assertions" >"$T/bulk"
is "three claims are within the day's quota" 3 grep -c created "$T/bulk"
answers "the fourth is not" 429 -d "$(claim quota 4)" "$U/v1/assert"
like "it says so" 'quota_assertions_per_day' jq -r .detail "$T/body"
claim quota 4 | answers "nor in bulk" 200 --data-binary @- "$U/v1/assertions"
like "there, too" 'rate-limited' jq -r .type "$T/body"
answers "others have their own quota" 201 -d '{"concept_path":"x","predicate":"p","object":4}' "$U/v1/assert"
# what is under way counts, too, in one upload and in one batch; what was not stored does not
sleep 1.2	# forged ones cost the address, which has a rate
make_key
upload () { curl -sS --data-binary @- "$U/v1/assertions" | jq -r '.status // .type' | xargs; }
{
	for i in 1 2; do object forged p v "2026-01-01T00:00:00.00000${i}Z" >"$T/f"; jq -nc --rawfile t "$T/f" --arg s "$(printf '00%.0s' {1..64})" '{text: $t, signature: $s}'; done
	object _steme/not p v 2026-01-01T00:00:00.000000Z >"$T/f"
	enveloped "$T/f"
} | upload >"$T/bulk"
is "refused lines of a new agent" "bad-signature bad-signature forbidden" cat "$T/bulk"
for i in 1 1 2 3 4 5 6; do claim many $i; done | upload >"$T/bulk"
is "leave its quota as it was, of which one upload takes no more than there is" \
    "created exists created rate-limited rate-limited rate-limited rate-limited" cat "$T/bulk"
for i in 3 4; do claim many $i; done | upload >"$T/bulk"
is "what existed is given back" "created rate-limited" cat "$T/bulk"
sleep 1.2
make_key
for i in 1 2 3 4; do object batch p v "2026-01-01T00:00:00.00000${i}Z" >"$T/m$i"; done
python3 - "$T" "$AGENT" 3 4 <<'P'
import hashlib, sys
t, agent, *counts = sys.argv[1:]
h = lambda b: hashlib.blake2b(b, digest_size=32).digest()
for n in map(int, counts):
    v = [h(b"\0" + i) for i in sorted(h(open(t + "/m%d" % i, "rb").read()) for i in range(1, n + 1))]
    root = h(b"\1" + h(b"\1" + v[0] + v[1]) + (v[2] if n == 3 else h(b"\1" + v[2] + v[3])))
    open(t + "/batch%d" % n, "w").write("steme batch 1\ncount %d\nroot %s\ntime 2026-01-01T00:00:00.000000Z\nagent %s\n\n" % (n, root.hex(), agent))
P
batch () { for i in $(seq "$1"); do jq -Rs . "$T/m$i"; done | jq -sc --rawfile t "$T/batch$1" --arg s "$(sign_object "$T/batch$1")" '{text: $t, signature: $s, members: .}'; }
answers "a batch of more members than the quota has is refused" 429 -d "$(batch 4)" "$U/v1/batch"
like "it says how many fit" 'may store 3 more assertions today .* 4 members' jq -r .detail "$T/body"
answers "a forged one is no better" 422 -d "$(batch 3 | jq -c '.signature |= (explode | reverse | implode)')" "$U/v1/batch"
answers "one that fits is taken" 201 -d "$(batch 3)" "$U/v1/batch"
is "with all members" '["created","created","created"]' jq -c '[.members[].status]' "$T/body"
answers "then the quota is used up" 429 -d "$(claim batch 5)" "$U/v1/assert"
a=$(codes 300 "$U/v1/history?concept_path=a")
ok "an address has a rate of its own: $a" test "$(limited address)" -ge 1 -o "$(limited query)" -ge 1
done_testing
