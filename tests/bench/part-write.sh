# shellcheck shell=bash
# part-write.sh - loading in bulk, and durable writes one at a time.

# in_turn N OURS PEER: both N times, by turns, as functions that print one figure; the
# medians are in $ours and $peer then.
in_turn () {
	local i
	: >"$T/ours"
	: >"$T/peer"
	for i in $(seq "$1"); do
		"$2" >>"$T/ours"
		"$3" >>"$T/peer"
	done
	ours=$(median <"$T/ours")
	peer=$(median <"$T/peer")
	[ -n "$ours" ] && [ -n "$peer" ] || die "no figure: $2, $3"
}

import_run () {		# FILE OPTION...
	local s
	store_fresh --no-mount
	s=$(seconds "$STEME" import --dir "$D" "${@:2}" "$1") || exit 1
	calc "$(wc -l <"$1") / $s"
}
import_batch () { import_run "$DATA/mdn.ndjson" --batch; }
import_tsv () { import_run "$DATA/mdn.tsv" --batch --agent mdn; }
import_single () { import_run "$DATA/single.ndjson"; }
copy_run () {
	local s
	pg_table >/dev/null
	s=$(seconds sql -c "\\copy claims from '$DATA/mdn.copy'") || exit 1
	calc "$NCLAIMS / $s"
}
insert_run () {
	local s
	pg_table >/dev/null
	s=$(seconds sql -f "$DATA/single.sql") || exit 1
	calc "$NSINGLE / $s"
}

part_import () {
	pg_up
	in_turn "$ROUNDS" import_batch copy_run
	row "import --batch, NDJSON; COPY" claims/s "$ours" "$peer" ">= 1" \
	    "steme import --batch mdn.ndjson" "psql -c '\\copy claims from mdn.copy'"
	in_turn "$ROUNDS" import_tsv copy_run
	row "import --batch, TSV; COPY" claims/s "$ours" "$peer" ">= 1" \
	    "steme import --batch --agent mdn mdn.tsv" "psql -c '\\copy claims from mdn.copy'"
	in_turn "$ROUNDS" import_single insert_run
	row "import, each signed; INSERT of 1,000 rows" claims/s "$ours" "$peer" "" \
	    "steme import single.ndjson ($NSINGLE claims)" "psql -f single.sql (1,000 rows a statement, a commit each)"
	rm -f "$D/bench-loaded"
}

lone_ours () { "$BUILD/bench_write" -n 1000 socket "$SOCK" | cut -d ' ' -f 2; }
lone_peer () { "$BUILD/bench_write" -n 1000 append "$T/append" | cut -d ' ' -f 2; }
lone_filled () { "$BUILD/bench_write" -n 1000 overwrite "$T/append" | cut -d ' ' -f 2; }

part_write () {
	store_fresh --no-mount
	in_turn 5 lone_ours lone_peer
	row "one writer, signed before; append + fdatasync" us "$ours" "$peer" "<= 1.5" \
	    "bench_write -n 1000 socket D/run/control.sock (median of a write)" "bench_write -n 1000 append FILE"
	in_turn 3 lone_ours lone_filled
	row "one writer; overwrite + fdatasync, file filled before" us "$ours" "$peer" "" \
	    "the same" "bench_write -n 1000 overwrite FILE"
}

many_ours () { "$BUILD/bench_write" -c 32 -n 10000 socket "$SOCK" | cut -d ' ' -f 1; }
many_peer () { pgbench_tps -M prepared -c 32 -j 1 -T 3 -f "$HERE/insert.pgbench"; }

part_write32 () {
	pg_up
	pg_table
	store_fresh --no-mount
	in_turn "$ROUNDS" many_ours many_peer
	row "32 writers, signed before; pgbench -c 32" writes/s "$ours" "$peer" ">= 1" \
	    "bench_write -c 32 -n 10000 socket D/run/control.sock" "pgbench -n -M prepared -c 32 -j 1 -T 3 -f insert.pgbench"
}
