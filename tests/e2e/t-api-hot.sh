#!/usr/bin/env bash
# Kept answers: one table for all listeners, the least recently used goes first.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

# a quarter of it is for kept answers: 256 KiB, some 90 of them
export STEMEDB_CACHE_SIZE_MB=1
up_bare || { echo "cannot start"; exit 1; }
hits () { get /metrics | awk '$1 == "stemedb_http_hot_hits_total" { print $2 }'; }
misses () { get /metrics | awk '$1 == "stemedb_http_hot_misses_total" { print $2 }'; }
ask () { get "/v1/query?concept_path=$1" >/dev/null; }
# Asks for hot/FROM..hot/TO, one connection.
ask_many () { curl -sS --max-time 60 -o /dev/null "$U/v1/query?concept_path=hot/[$1-$2]"; }
# grew NAME BY COMMAND...: the counter grows by that while the command runs.
grew () {
	local name=$1 by=$2 before
	shift 2
	before=$("$name")
	"$@"
	[ "$(($("$name") - before))" = "$by" ] || { echo "$name grew by $(($("$name") - before))"; return 1; }
}

ok "a claim" "$STEME" assert --dir "$D" hot/1 n 1
ask hot/1
ok "the second time an answer is a kept one" grew hits 1 ask hot/1
ask_many 2 50
ok "fifty answers are kept side by side" grew hits 49 ask_many 2 50
churn () {
	local i
	for i in 51 151 251 351; do
		ask_many "$i" "$((i + 59))"
		ask hot/1
	done
}
ok "what is used stays while hundreds come and go" grew misses 240 churn
ok "and what was not used for long is gone" grew misses 49 ask_many 2 50
ok "a write makes the kept answer old" "$STEME" assert --dir "$D" hot/1 n 2
is "the new value is told" 2 bash -c "curl -sS '$U/v1/query?concept_path=hot/1' | jq .results[0].object.value"
ok "and then kept" grew hits 1 ask hot/1
if curl -sS -g "http://[::1]:$P/healthz" >/dev/null 2>&1; then
	ok "the other listener gives the same answers" grew hits 1 \
	    curl -sS -g -o /dev/null "http://[::1]:$P/v1/query?concept_path=hot/1"
fi
done_testing
