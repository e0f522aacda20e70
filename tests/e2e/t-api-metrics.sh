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
is "requests by status, path and agent" 1 value 'stemedb_http_requests_total{status="400",path="/v1/query",agent="-"}'
is "what has no route is other" 1 value 'stemedb_http_requests_total{status="404",path="other",agent="-"}'
is "a claim is in the index" "$(get /v1/health | jq .assertions_count)" value stemedb_assertions_indexed_total
ok "syncs are counted" test "$(value stemedb_wal_fsync_total)" -ge 1
is "none failed" 0 value stemedb_wal_fsync_errors_total
is "the cache's limit is told" 1073741824 value stemedb_cache_size_bytes
is "up" 1 value stemedb_up
ok "both processes are told apart" test "$(grep -c '^process_resident_memory_bytes' "$T/m")" = 2
ok "the daemon by a label" grep -q '^process_resident_memory_bytes{process="stemefs"} [1-9]' "$T/m"
ok "the sidecar without" grep -q '^process_resident_memory_bytes [1-9]' "$T/m"
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
sleep 0.3
is "without the daemon it is well-formed, too" 'stemedb_up 0' bash -c "curl -s '$U/metrics' | grep -x 'stemedb_up 0'"
up || fail "it comes back" "$(cat "$T/up.out")"
get /metrics >"$T/m"
is "the count of assertions is the same" "$(get /v1/health | jq .assertions_count)" value stemedb_assertions_indexed_total
done_testing
