# shellcheck shell=bash
# part-store.sh - the index made anew, and memory.

rebuild_run () { seconds "$STEME" rebuild --dir "$D"; }

part_rebuild () {
	local i s puts claims
	store_with_claims --no-mount
	claims=$("$STEME" status --dir "$D" --json | sed -n 's/.*"assertions":\([0-9]*\).*/\1/p')
	store_down
	: >"$T/ours"
	for i in $(seq "$ROUNDS"); do
		rebuild_run >>"$T/ours" || exit 1
	done
	s=$(median <"$T/ours")
	puts=$(sed -n 's/.* \([0-9]*\) puts.*/\1/p' "$T/out")
	row "rebuild (CRC, chain, hash)" claims/s "$(calc "$claims / $s")" - "" "steme rebuild (daemon down, $claims claims)" -
	[ -z "$puts" ] || row "rebuild (CRC, chain, hash)" puts/s "$(calc "$puts / $s")" - ">= 355000" "the same, $puts puts" -
}

# A million claims: those of MDN under four roots.
part_memory () {
	local i pid kb claims
	export STEMEDB_CACHE_SIZE_MB=64
	store_fresh
	for i in 1 2 3 4; do
		sed "s,\"concept_path\":\",&root$i/," "$DATA/mdn.ndjson"
	done | awk 'NR <= 1000000' | "$STEME" import --batch --dir "$D" - >"$T/out" 2>&1 || { cat "$T/out" >&2; die "import failed"; }
	pid=$(daemon_pid)
	kb=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	claims=$("$STEME" status --dir "$D" --json | sed -n 's/.*"assertions":\([0-9]*\).*/\1/p')
	row "RssAnon after importing $claims claims, cache 64 MB" MB "$(calc "$kb / 1000")" - "<= 214" \
	    "STEMEDB_CACHE_SIZE_MB=64 steme up; steme import --batch; /proc/PID/status" -
	sed 's,^,root1/,' "$DATA/concepts" >"$T/asked"
	"$BUILD/bench_query" -s 5 -d 32 -f "$T/asked" "$SOCK" >/dev/null
	find "$M/root1/web/html" -path '*/@recency/*' -type f -exec cat {} + >/dev/null 2>&1
	kb=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	row "RssAnon after 5 s of queries and reading 12,000 files" MB "$(calc "$kb / 1000")" - "<= 214" \
	    "bench_query -s 5 -f concepts; cat of M/root1/web/html/**/@recency" -
	store_down
	unset STEMEDB_CACHE_SIZE_MB
}
