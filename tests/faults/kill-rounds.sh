#!/usr/bin/env bash
# Kills the daemon with SIGKILL at random moments under load, KILL_ROUNDS times
# (10 in CI, 200 in `make campaign`).  After each: it starts again by itself, and every
# acknowledged claim of its store is there, hashed and signed.  Every 20 rounds `steme verify`
# and a fresh store.
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$srcdir/tests/e2e/lib.sh"

rounds=${KILL_ROUNDS:-10}
per_store=20	# rounds with one store: all its claims are read after each
RANDOM=${KILL_SEED:-$$}
echo "seed ${KILL_SEED:-$$}"
acks=$T/acks

# One round; its number is the load's seed.
one_round () {
	local out pid hammer
	"$STEME_BUILD/hammer" write "$D/run/control.sock" "$acks" "$1" 4 > "$T/hammer.out" 2>&1 &
	hammer=$!
	sleep "$(awk -v r=$RANDOM 'BEGIN { print 0.05 + r / 32768 * 1.2 }')"
	pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
	kill -9 "$pid"
	wait "$hammer"
	up || { fail "round $1: starts again" "$(cat "$T/up.out")"; return 1; }
	if out=$("$STEME_BUILD/hammer" check "$D/run/control.sock" "$acks"); then
		pass "round $1: $(tail -n 1 "$T/hammer.out"); $(tail -n 1 <<<"$out")"
	else
		fail "round $1: an acknowledged claim is lost" "$(tail -n 5 <<<"$out")"
		cp -a "$D" "$T.failed" 2>/dev/null && echo "kept: $T.failed"
	fi
}

for first in $(seq 1 "$per_store" "$rounds"); do
	last=$((first + per_store - 1))
	[ "$last" -le "$rounds" ] || last=$rounds
	: > "$acks"
	up || { fail "starts" "$(cat "$T/up.out")"; break; }
	for round in $(seq "$first" "$last"); do
		one_round "$round" || break 2
	done
	ok "after round $last verify finds nothing wrong" "$STEME" verify --dir "$D"
	down >/dev/null
	rm -rf -- "$D"
done
done_testing
