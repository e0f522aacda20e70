#!/usr/bin/env bash
# /metrics: well-formed, one family each, counters that count.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up || { echo "cannot start"; exit 1; }
cat >"$T/lint.py" <<'EOP'
import re, sys
families, seen, current, problems = {}, set(), None, []
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
line_re = re.compile(r"^(" + name + r")(\{(?:[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\n]|\\[\\n\"])*\",?)*\})? (\S+)$")
helped = set()
for l in sys.stdin.read().split("\n")[:-1]:
    if l.startswith("# HELP "):
        current = l.split(" ")[2]
        if current in helped:
            problems.append("HELP twice: " + current)
        if len(l.split(" ", 3)) < 4 or not l.split(" ", 3)[3]:
            problems.append("no help: " + current)
        helped.add(current)
        continue
    if l.startswith("# TYPE "):
        _, _, n, t = l.split(" ")
        if n in families:
            problems.append("TYPE twice: " + n)
        if n != current:
            problems.append("TYPE apart from HELP: " + n)
        if (t == "counter") != n.endswith("_total"):
            problems.append("%s is a %s" % (n, t))
        families[n] = t
        continue
    if l.startswith("# "):
        continue
    m = line_re.match(l)
    if not m:
        problems.append("malformed: " + l)
        continue
    base = m.group(1)
    if base != current and re.sub(r"_(bucket|sum|count)$", "", base) != current:
        problems.append("sample apart from its family: " + l)
    if base != current and families.get(current) not in ("histogram", "summary"):
        problems.append("suffix: " + l)
    if re.search(r'=\"[^\"]* ', m.group(2) or ""):
        problems.append("a blank in a label: " + l)
    float(m.group(3))
    if (base, m.group(2)) in seen:
        problems.append("twice: " + l)
    seen.add((base, m.group(2)))
for n in families:
    if not any(b.startswith(n) for b, _ in seen):
        problems.append("no samples: " + n)
print("\n".join(problems) if problems else "%s" % ("well" if len(families) > 20 else "too few"))
EOP
lint () { get /metrics | python3 "$T/lint.py"; }
is "the exposition is well-formed" well lint
get '/v1/query?concept_path=a' >/dev/null
get '/v1/query?lens=nope' >/dev/null
get '/no"such\path' >/dev/null
curl -sS -d '{"concept_path":"m/a","predicate":"p","object":1}' "$U/v1/assert" >/dev/null
cat "$M/m/a/@recency/p" >/dev/null
is "also after some use" well lint
if command -v promtool >/dev/null; then
	ok "promtool has nothing to say" bash -c "curl -s '$U/metrics' | promtool check metrics"
fi
get /metrics >"$T/m"
value () { awk -v k="$1" 'index($0, k " ") == 1 { print $NF }' "$T/m"; }
is "queries are counted, whatever their status" 2 value "stemedb_query_total{node=\"$(hostname)\"}"
is "and timed" 2 value stemedb_query_latency_seconds_count
for q in 0.5 0.9 0.99; do
	ok "quantile $q is the only label" grep -q "^stemedb_query_latency_seconds{quantile=\"$q\"} " "$T/m"
	ok "also of syncs" grep -q "^stemedb_wal_fsync_duration_seconds{quantile=\"$q\"} " "$T/m"
done
is "requests by status, path and agent" 1 value 'stemedb_http_requests_total{method="GET",path="/v1/query",status="400",agent="-"}'
is "what has no route is other" 1 value 'stemedb_http_requests_total{method="GET",path="other",status="404",agent="-"}'
is "a claim is in the index" "$(get /v1/health | jq .assertions_count)" value stemedb_assertions_indexed_total
ok "syncs are counted" test "$(value stemedb_wal_fsync_total)" -ge 1
is "none failed" 0 value stemedb_wal_fsync_errors_total
is "the cache's limit is told" 1073741824 value stemedb_cache_size_bytes
is "up" 1 value stemedb_up
ok "both processes are told apart" test "$(grep -c '^process_resident_memory_bytes' "$T/m")" = 2
ok "the daemon by a label" grep -q '^process_resident_memory_bytes{process="stemefs"} [1-9]' "$T/m"
ok "the sidecar without" grep -q '^process_resident_memory_bytes [1-9]' "$T/m"
for t in StorageError TimeoutError SerializationError NetworkError AuthenticationError; do
	is "$t is there from the start" 0 value "stemedb_error_count_by_type{error_type=\"$t\"}"
done
is "and the status 500 of a query" 0 value 'stemedb_http_requests_total{method="GET",path="/v1/query",status="500",agent="-"}'
ok "shards have their quantiles apart" grep -q '^stemedb_shard_query_latency_seconds{shard="[0-9]*",quantile="0.99"} ' "$T/m"
for i in $(seq 30); do get '/v1/query?concept_path=hot/one' >/dev/null; done
for i in $(seq 20); do get '/v1/query?concept_path=a%20b/two' >/dev/null; done
for i in $(seq 10); do get '/v1/query?concept_path=hot/three' >/dev/null; done
# as the runbook has it
hottest () { get /metrics | grep concept_path_query_rate | sort -t'=' -k2 -nr | head -5; }
is "the hottest concepts come first in the runbook's own words" 'hot/one a%20b/two hot/three' \
    bash -c "$(declare -f get hottest); U=$U; hottest | awk '\$5 ~ /hot|a%20b/ { print \$5 }' | head -3 | tr '\n' ' ' | sed 's/ \$//'"
ok "and as a gauge" bash -c "curl -s '$U/metrics' | grep -q '^stemedb_concept_path_query_rate{concept_path=\"hot/one\"} [0-9]'"

# --- the request log
answers "a forged claim" 422 -d "$(jq -nc --arg a "$(printf 'ab%.0s' {1..32})" --arg s "$(printf '00%.0s' {1..64})" \
    '{concept_path:"x",predicate:"p",object:1,confidence:1,source_class:"expert",time:"2026-01-01T00:00:00.000000Z",agent_id:$a,signature:$s}')" "$U/v1/assert"
ok "is in the log in the words that are searched for" grep -q 'signature verification failed' "$D/log/stemedb-api.log"
is "with its type" AuthenticationError bash -c "grep -i error '$D/log/stemedb-api.log' | grep -oP 'Error: \K[^:]+' | sort -u"
is "and counted" 1 bash -c "curl -s '$U/metrics' | awk '/error_type=\"AuthenticationError\"/ { print \$NF }'"
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
sleep 0.3
is "without the daemon it is well-formed, too" 'stemedb_up 0' bash -c "curl -s '$U/metrics' | grep -x 'stemedb_up 0'"
answers "a query without the daemon" 503 "$U/v1/query?concept_path=q"
is "its log line names status, then the caller" 127.0.0.1 bash -c "grep 'HTTP.*50[0-9]' '$D/log/stemedb-api.log' | grep -oP 'agent_id=\K[^ ]+' | sort -u"
ok "and the type of the error" grep -q '"level":"ERROR","message":"Error: NetworkError: ' "$D/log/stemedb-api.log"
up || fail "it comes back" "$(cat "$T/up.out")"
get /metrics >"$T/m"
is "the count of assertions is the same" "$(get /v1/health | jq .assertions_count)" value stemedb_assertions_indexed_total
done_testing
