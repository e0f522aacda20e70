#!/usr/bin/env bash
# Hostile requests to every route (tests/hostile/run.py): each is refused or answered; none gives a 5xx, a hang, a write, a crash,
# or memory or a descriptor that is not given back.  With a build under AddressSanitizer its complaints count, too.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

rounds=${HOSTILE_ROUNDS:-5}
export ASAN_OPTIONS="log_path=$T/sanitizer:exitcode=0:${ASAN_OPTIONS:-}" UBSAN_OPTIONS="log_path=$T/sanitizer:print_stacktrace=1"
mkdir -p "$D"
# whoever sends only nonsense would be stopped by a breaker
printf '[resilience]\nenable_circuit_breaker = false\n' >"$D/api.toml"
up_bare || { echo "cannot start"; exit 1; }
curl -sS -d '{"concept_path":"a/b","predicate":"p","object":1}' "$U/v1/assert" >"$T/body"
sidecar=$(cut -d' ' -f1 "$D/run/stemedb-api.pid")
daemon=$(cut -d' ' -f1 "$D/run/stemefs.pid")
"$STEME_BUILD/stemedb-api" --routes >"$T/routes" || exit 1
node=$(get /v1/health | jq -r .node)
state () { get /v1/health | jq -c '[.assertions_count, .lsn]'; }
before=$(state)
settings () { for r in rate-limit api-keys circuit-breakers/tripped; do get "/v1/admin/$r"; done; }
settings >"$T/settings"
fds () { find "/proc/$1/fd" -mindepth 1 | wc -l; }
anon () { awk '/^RssAnon/ { print $2 }' "/proc/$1/status"; }
# Connections that were cut off are noticed a moment later.
settled () {
	for _ in $(seq 50); do
		[ "$(fds "$sidecar")" -le "$1" ] && return
		sleep 0.1
	done
	return 1
}
round () {
	python3 "$TOP/tests/hostile/run.py" "$P" "$node" "$T/routes" >"$T/out" 2>&1 || fail "round $1 ends well" "$(tail -n 5 "$T/out")"
	grep -v '^ok ' "$T/out" >"$T/wrong"
	[ "$1" = 1 ] && while read -r verdict text; do
		if [ "$verdict" = ok ]; then pass "$text"; else fail "$verdict $text"; fi
	done <"$T/out"
	is "round $1 is as it should be" "" head -c 2000 "$T/wrong"
}

first=$(fds "$sidecar")
round 1
ok "a thousand and more were tried" test "$(wc -l <"$T/out")" -ge 1000
ok "descriptors are given back" settled "$((first + 2))"
sidecar_kb=$(anon "$sidecar") daemon_kb=$(anon "$daemon") daemon_fds=$(fds "$daemon")
for n in $(seq 2 "$rounds"); do round "$n"; done
ok "and after all rounds" settled "$((first + 2))"
ok "the daemon's, too" test "$(fds "$daemon")" -le "$((daemon_fds + 2))"
echo "RssAnon after round 1 and $rounds: sidecar $sidecar_kb, $(anon "$sidecar") KiB; daemon $daemon_kb, $(anon "$daemon") KiB"
if ! grep -q libasan "/proc/$sidecar/maps"; then	# which keeps what was freed
	ok "the sidecar's memory stays" test "$(anon "$sidecar")" -le "$((sidecar_kb + 8192))"
	ok "the daemon's, too" test "$(anon "$daemon")" -le "$((daemon_kb + 8192))"
fi
is "nothing was written" "$before" state
is "no setting was changed" "" bash -c "$(declare -f get settings); U=$U; settings | diff '$T/settings' -"
answers "the store answers" 200 "$U/readyz"
is "what was there is there" 1 jq -r '.results[0].object.value' <(get '/v1/query?concept_path=a/b')
ok "the sidecar is the same" kill -0 "$sidecar"
ok "and the daemon" kill -0 "$daemon"
down >/dev/null
is "no sanitizer complains" "" bash -c "cat '$T'/sanitizer* 2>/dev/null | head -n 60"
done_testing
