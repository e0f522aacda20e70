#!/usr/bin/env bash
# Kills the daemon with SIGKILL at random moments under load, KILL_ROUNDS times
# (10 in CI, 200 in `make campaign`).  After each: it starts again by itself, and every
# acknowledged claim is there, hashed and signed.  At the end `steme verify`.
srcdir=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$srcdir/tests/e2e/lib.sh"

rounds=${KILL_ROUNDS:-10}
RANDOM=${KILL_SEED:-$$}
echo "seed ${KILL_SEED:-$$}"
acks=$T/acks
: > "$acks"
up || { echo "cannot start"; exit 1; }
for round in $(seq "$rounds"); do
	"$STEME_BUILD/hammer" write "$D/run/control.sock" "$acks" "$round" 4 > "$T/hammer.out" 2>&1 &
	hammer=$!
	sleep "$(awk -v r=$RANDOM 'BEGIN { print 0.05 + r / 32768 * 1.2 }')"
	pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
	kill -9 "$pid"
	wait "$hammer"
	if ! up; then
		fail "round $round: starts again" "$(cat "$T/up.out")"
		break
	fi
	if out=$("$STEME_BUILD/hammer" check "$D/run/control.sock" "$acks"); then
		pass "round $round: $(tail -n 1 "$T/hammer.out"); $(tail -n 1 <<<"$out")"
	else
		fail "round $round: an acknowledged claim is lost" "$(tail -n 5 <<<"$out")"
		cp -a "$D" "$T.failed" 2>/dev/null && echo "kept: $T.failed"
	fi
done
ok "after all rounds verify finds nothing wrong" "$STEME" verify --dir "$D"
done_testing
