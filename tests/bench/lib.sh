# shellcheck shell=bash
# lib.sh - what the parts of the benchmark share: figures, medians, the table; stores
# and a PostgreSQL cluster of our own, in $T, ended when the script ends.

# ---- figures ----

# note TEXT...: progress, on stderr.
note () { printf '%s\n' "$*" >&2; }
die () { printf 'bench: %s\n' "$*" >&2; exit 1; }

# median: of the numbers on stdin.
median () { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

# calc EXPRESSION: with awk.
calc () { awk "BEGIN { printf \"%.6g\\n\", $1 }"; }

# seconds COMMAND...: wall seconds; the output goes to $T/out, a failure ends all.
seconds () {
	local t0=$EPOCHREALTIME
	"$@" >"$T/out" 2>&1 || { tail -n 5 "$T/out" >&2; die "failed: $*"; }
	calc "$EPOCHREALTIME - $t0"
}

# row WHAT UNIT OURS PEER TARGET COMMAND PEER-COMMAND
# PEER may be "-".  TARGET: "" or "<= X" or ">= X", of the ratio ours/peer, or of ours
# alone where PEER is "-".
row () {
	local ratio=- met=- of=$3
	[ "$4" = - ] || { ratio=$(calc "$3 / $4"); of=$ratio; }
	[ -z "$5" ] || { met=no; awk "BEGIN { exit !($of $5) }" && met=yes; }
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$part" "$1" "$2" "$3" "$4" \
	    "$ratio" "${5:--}" "$met" "$6" "$7" >>"$OUT/bench.tsv"
}

# table: bench.tsv for people.
table () {
	awk -F '\t' '
	function num(x) {
		if (x == "-") return x
		if (x >= 1000) return sprintf("%.0f", x)
		return sprintf("%.3g", x)
	}
	BEGIN { printf "%-8s %-52s %-9s %10s %10s %7s %10s %s\n", "part", "what", "unit",
	    "StemeDB", "peer", "ratio", "target", "met" }
	NR > 1 { printf "%-8s %-52s %-9s %10s %10s %7s %10s %s\n", $1, $2, $3, num($4),
	    num($5), $6 == "-" ? "-" : sprintf("%.2f", $6), $7, $8 }
	' "$OUT/bench.tsv"
	echo
	echo "ratio: StemeDB/peer.  Commands are in $OUT/bench.tsv."
}

# ---- a store of our own ----

D=$T/store M=$T/mnt SOCK=$T/store/run/control.sock

free_port () {
	local p
	for p in $(seq $((10000 + RANDOM % 20000)) 32767); do	# below those of connections
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
	done
}

# store_up [--no-mount]: a fresh store unless $D is there.
store_up () {
	store_down
	mkdir -p "$D" "$M"
	[ $# = 1 ] || set -- --mount "$M"
	"$STEME" up --dir "$D" --port "$PORT" "$@" >"$T/out" 2>&1 ||
	    { cat "$T/out" >&2; die "steme up failed"; }
}
store_down () { [ ! -d "$D" ] || "$STEME" down --dir "$D" >/dev/null 2>&1; }
store_fresh () { store_down; rm -rf -- "$D"; store_up "$@"; }
daemon_pid () { "$STEME" status --dir "$D" --json | sed -n 's/.*"pid":\([0-9]*\),"boot".*/\1/p'; }

# A store with the claims of $DATA/mdn.ndjson; kept from part to part.
store_with_claims () {
	if [ -e "$D/bench-loaded" ]; then
		store_up "$@"
		return
	fi
	store_fresh "$@"
	"$STEME" import --batch --dir "$D" "$DATA/mdn.ndjson" >"$T/out" 2>&1 ||
	    { cat "$T/out" >&2; die "steme import failed"; }
	touch "$D/bench-loaded"
}

# A million claims: those of MDN under four roots.  On a slow disk the daemon may give up a
# write after [storage] lock_timeout_ms: what is stored then is not stored twice.
import_million () {
	local i try
	for try in 1 2 3; do
		for i in 1 2 3 4; do
			sed "s,\"concept_path\":\",&root$i/," "$DATA/mdn.ndjson"
		done | awk 'NR <= 1000000' | "$STEME" import --batch --dir "$D" - >"$T/out" 2>&1 && return
		note "bench: import, attempt $try: $(tail -n 1 "$T/out")"
	done
	cat "$T/out" >&2
	die "import failed"
}

# ---- PostgreSQL ----

PGDIR=$T/pg
pg_bin=
pg_user () {
	if [ "$(id -u)" = 0 ]; then
		(cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
	else
		"$@"
	fi
}
pg_find () {
	for pg_bin in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null)"; do
		[ -x "$pg_bin/initdb" ] && return
	done
	die "PostgreSQL is missing: apt-get install postgresql"
}
pg_up () {
	[ -z "${PGPORT:-}" ] || return 0
	pg_find
	mkdir -p "$PGDIR"
	[ "$(id -u)" != 0 ] || chown postgres "$PGDIR"
	PGPORT=$(free_port)
	export PGPORT PGHOST=$PGDIR PGUSER=postgres PGDATABASE=postgres PGOPTIONS='-c client_min_messages=warning'
	pg_user "$pg_bin/initdb" -D "$PGDIR/data" -A trust -U postgres --locale=C.UTF-8 >"$T/out" 2>&1 &&
	    pg_user "$pg_bin/pg_ctl" -D "$PGDIR/data" -w -l "$PGDIR/log" -o "-k $PGDIR -p $PGPORT -c listen_addresses=''" start >"$T/out" 2>&1 ||
	    { cat "$T/out" >&2; die "PostgreSQL does not start"; }
}
pg_down () {
	[ ! -e "$PGDIR/data/postmaster.pid" ] || pg_user "$pg_bin/pg_ctl" -D "$PGDIR/data" -m fast -w stop >/dev/null 2>&1
}
sql () { "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 "$@"; }
# Checkpoint first: what an earlier run left must not slow this one.
pg_table () {
	sql -f "$HERE/claims.sql" && sql -c CHECKPOINT
}
pg_with_claims () {
	pg_up
	[ "$(sql -At -c "select to_regclass('claims') is not null and (select count(*) from pg_stat_user_tables where relname = 'loaded') = 1")" = t ] && return
	pg_table
	sql -c "\\copy claims from '$DATA/mdn.copy'" -c 'CREATE TABLE loaded ()' -c 'VACUUM ANALYZE claims' -c CHECKPOINT
}
# pgbench_tps OPTION...: transactions a second.
pgbench_tps () {
	"$pg_bin/pgbench" -n "$@" >"$T/out" 2>&1 || { cat "$T/out" >&2; die "pgbench failed"; }
	sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$T/out"
}
