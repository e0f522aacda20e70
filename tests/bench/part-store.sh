# shellcheck shell=bash
# part-store.sh - the index made anew, and memory.

rebuild_beside () { seconds "$STEME" rebuild --dir "$D"; }
rebuild_lost () { rm -rf -- "$D/kv"; seconds "$STEME" rebuild --dir "$D"; }

part_rebuild () {
	local claims
	store_with_claims --no-mount
	claims=$("$STEME" status --dir "$D" --json | sed -n 's/.*"assertions":\([0-9]*\).*/\1/p')
	store_down
	in_turn "$ROUNDS" rebuild_lost rebuild_beside
	# 644,411 entries for 286,348 claims: 355,000 entries a second
	row "rebuild (CRC, chain, hash), the index is lost" claims/s "$(calc "$claims / $ours")" - ">= 158000" "rm -r D/kv; steme rebuild (daemon down, $claims claims)" -
	row "rebuild beside an old index" claims/s "$(calc "$claims / $peer")" - ">= 158000" "steme rebuild" -
}

part_memory () {
	local pid kb claims
	export STEMEDB_CACHE_SIZE_MB=64
	store_fresh
	import_million
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
