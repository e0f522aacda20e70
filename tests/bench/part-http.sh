# shellcheck shell=bash
# part-http.sh - the sidecar: queries beside bare libmicrohttpd and PostgreSQL, loading
# beside steme import, latency, and many connections.

BARE_PORT='' HELPER=''
http_one () { wrk_rate "http://127.0.0.1:$PORT/v1/query?concept_path=$CONCEPT"; }
http_bare () { wrk_rate "http://127.0.0.1:$BARE_PORT/v1/query?concept_path=$CONCEPT"; }
http_all () { wrk_rate -s "$DATA/lua" "http://127.0.0.1:$PORT"; }
wrk_rate () {
	wrk -t1 -c32 -d3s "$@" >"$T/out" 2>&1 || { cat "$T/out" >&2; die "wrk failed"; }
	! grep -q Non-2xx "$T/out" || die "$(grep Non-2xx "$T/out")"
	sed -n 's/^Requests.sec: *//p' "$T/out"
}

# helper_up NAME WORD COMMAND...: one that ends with its standard input (descriptor 7),
# ready once it said WORD.
helper_up () {
	local i
	rm -f "$T/hold"
	mkfifo "$T/hold"
	"${@:3}" <"$T/hold" >"$T/$1.out" 2>&1 &
	HELPER=$!
	exec 7>"$T/hold"
	for i in $(seq 600); do
		[ -n "$2" ] || return 0
		grep -q "$2" "$T/$1.out" && return
		kill -0 "$HELPER" 2>/dev/null || break
		sleep 0.1
	done
	cat "$T/$1.out" >&2
	die "$1 does not start"
}
helpers_down () {
	[ -n "$HELPER" ] || return 0
	exec 7>&-
	wait "$HELPER"
	HELPER=
}

sidecar_pid () { cut -d ' ' -f 1 "$D/run/stemedb-api.pid"; }
sidecar_mb () { awk '/^RssAnon/ { print $2 / 1000 }' "/proc/$(sidecar_pid)/status"; }

# ---- loading ----

# Several batches under way, as import has; the answers are thrown away, failures are not.
batches_run () {
	local s
	store_fresh --no-mount
	s=$(seconds curl -sSf -Z --parallel-max 4 -K "$T/batches.curl") || exit 1
	calc "$NCLAIMS / $s"
}
signed_import () {
	local s
	store_fresh --no-mount
	s=$(seconds "$STEME" import --dir "$D" "$DATA/signed.ndjson") || exit 1
	calc "$NSINGLE / $s"
}
signed_http () {
	local s
	store_fresh --no-mount
	s=$(seconds curl -sSf -T "$DATA/signed.ndjson" -X POST -H 'Expect:' -o "$T/results" \
	    "http://127.0.0.1:$PORT/v1/assertions") || exit 1
	[ "$(grep -c '"status":"created"' "$T/results")" = "$NSINGLE" ] || die "not all lines were stored"
	calc "$NSINGLE / $s"
}
part_httpload () {
	mkdir -p "$T/batches"
	split -l 1 -a 4 "$DATA/batches" "$T/batches/"
	for f in "$T"/batches/*; do
		printf 'url = "http://127.0.0.1:%s/v1/batch"\ndata-binary = "@%s"\noutput = /dev/null\nnext\n' "$PORT" "$f"
	done | sed '$d' >"$T/batches.curl"
	in_turn "$ROUNDS" batches_run import_batch
	row "POST /v1/batch, 1,500 claims each; import --batch" claims/s "$ours" "$peer" ">= 0.8" \
	    "curl -Z --parallel-max 4 .../v1/batch ($(wc -l <"$DATA/batches") bodies, signed before)" "steme import --batch mdn.ndjson"
	rm -rf "$T/batches"
	in_turn "$ROUNDS" signed_http signed_import
	row "POST /v1/assertions, claims signed before; import" claims/s "$ours" "$peer" ">= 0.8" \
	    "curl -T signed.ndjson .../v1/assertions" "steme import signed.ndjson ($NSINGLE claims)"
	rm -f "$D/bench-loaded"
}

# ---- latency and connections ----

http_latency () {
	hey -z "${BENCH_HEY:-20s}" -c 100 -q 50 "http://127.0.0.1:$PORT/v1/query?concept_path=$CONCEPT" >"$T/hey" 2>&1
	grep -q '^ *\[2[0-9][0-9]\]' "$T/hey" || { cat "$T/hey" >&2; die "hey failed"; }
	! grep -E '^ *\[[13-9][0-9][0-9]\]|Error distribution' "$T/hey" >&2 || die "not every answer was a 2xx"
	row "p99 at 5,000 queries a second, 100 connections" ms \
	    "$(calc "1000 * $(sed -n 's/^ *99%* in \([0-9.]*\) secs.*/\1/p' "$T/hey")")" - "<= 20" \
	    "hey -z 20s -c 100 -q 50 http://127.0.0.1:P/v1/query?concept_path=$CONCEPT (every status 2xx)" -
}

http_idle () {
	local before after
	store_down
	store_up --no-mount
	http_one >/dev/null
	before=$(sidecar_mb)
	helper_up conns '^open' "$BUILD/bench_conns" idle 1000 "$PORT" "/v1/query?concept_path=$CONCEPT"
	after=$(sidecar_mb)
	helpers_down
	row "1,000 idle connections that had an answer, RssAnon" MB "$(calc "$after - $before")" - "<= 20" \
	    "bench_conns idle 1000 P URI; /proc/PID/status before and with them" -
}

# wrk_ms PERCENTILE PATH: milliseconds of one client that asks again and again.
wrk_ms () {
	wrk -t1 -c1 -d5s --latency "http://127.0.0.1:$PORT$2" >"$T/out" 2>&1
	! grep -q 'Non-2xx\|Socket errors' "$T/out" || die "$(cat "$T/out")"
	sed -n "s/^ *$1% *//p" "$T/out" | awk '/us$/ { print $1 / 1000 } /[0-9]ms$/ { print $1 + 0 } /[0-9]s$/ && !/[mu]s$/ { print $1 * 1000 }'
}
http_slow () {
	local alone beside
	[ "$(ulimit -n)" -ge 10100 ] || ulimit -n 10100 || die "10,000 connections need ulimit -n 10100"
	alone=$(wrk_ms 99 "/v1/query?concept_path=$CONCEPT")
	helper_up conns '^open' "$BUILD/bench_conns" slow 10000 "$PORT" "/v1/query?concept_path=$CONCEPT"
	beside=$(wrk_ms 99 "/v1/query?concept_path=$CONCEPT")
	helpers_down
	row "p99 of a query beside 10,000 slow connections; alone" ms "$beside" "$alone" "" \
	    "bench_conns slow 10000 P URI; wrk -t1 -c1 -d5s --latency" "wrk -t1 -c1 -d5s --latency"
	row "the same, against what a person would notice" ms "$beside" - "<= 20" "as above" -
}

# ---- /metrics ----

part_metrics () {
	store_fresh --no-mount
	import_million
	make_posts "$DATA/agents.ndjson" >"$T/posts.lua"
	wrk -t1 -c8 -d"${BENCH_POSTS:-10s}" -s "$T/posts.lua" "http://127.0.0.1:$PORT" >"$T/out" 2>&1
	grep -q '^agents 10000' "$T/out" || { cat "$T/out" >&2; die "not all 10,000 agents wrote"; }
	wrk_rate -s "$DATA/lua" "http://127.0.0.1:$PORT" >/dev/null
	curl -sSf -o "$T/metrics" "http://127.0.0.1:$PORT/metrics" || die "no /metrics"
	rm -f "$D/bench-loaded"
	row "/metrics, a million claims, 10,000 agents ($(wc -l <"$T/metrics") lines)" ms \
	    "$(wrk_ms 50 /metrics)" - "<= 5" "wrk -t1 -c1 -d5s --latency http://127.0.0.1:P/metrics, median" -
}
# For wrk: each line of the file posted once, by turns.
make_posts () {
	cat <<-END
	local bodies = {}
	for line in io.lines("$1") do bodies[#bodies + 1] = line end
	local i, thread = 0, nil
	asked = 0
	setup = function (t) thread = t end
	request = function ()
		i = i % #bodies + 1
		asked = math.max(asked, i)
		return wrk.format("POST", "/v1/assert", {}, bodies[i])
	end
	done = function () print("agents " .. thread:get("asked")) end
	END
}

part_http () {
	local n what
	command -v wrk >/dev/null || die "wrk is missing: apt-get install wrk"
	command -v hey >/dev/null || die "hey is missing: apt-get install hey"
	store_with_claims --no-mount
	pg_questions
	curl -sSf "http://127.0.0.1:$PORT/v1/query?concept_path=$CONCEPT" >"$T/body" || die "no answer"
	BARE_PORT=$(free_port)
	helper_up bare '' "$BUILD/bench_bare_http" "$BARE_PORT" "$T/body"
	in_turn "$ROUNDS" http_one http_bare
	row "one concept; libmicrohttpd with the same bytes" answers/s "$ours" "$peer" ">= 0.5" \
	    "wrk -t1 -c32 -d3s http://127.0.0.1:P/v1/query?concept_path=$CONCEPT" "wrk -t1 -c32 -d3s at bench_bare_http"
	helpers_down
	in_turn "$ROUNDS" http_one pg_one
	row "recency of one concept over HTTP; pgbench -c 32" answers/s "$ours" "$peer" ">= 1.5" \
	    "wrk -t1 -c32 -d3s http://127.0.0.1:P/v1/query?concept_path=$CONCEPT" "pgbench -n -M prepared -c 32 -j 1 -T 3: $what"
	in_turn 1 http_all pg_all
	row "recency of $n concepts in turn, none kept yet; pgbench" answers/s "$ours" "$peer" "" \
	    "wrk -t1 -c32 -d3s -s concepts.lua" "the same, concept = (SELECT concept FROM names WHERE n = random)"
	in_turn "$ROUNDS" http_all pg_all
	row "the same once the sidecar has answered each; pgbench" answers/s "$ours" "$peer" ">= 1.5" \
	    "the same again" "as above"
	http_latency
	http_idle
	http_slow
}
