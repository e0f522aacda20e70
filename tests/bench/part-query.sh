# shellcheck shell=bash
# part-query.sh - the newest claim of each predicate of a concept.

socket_one () { "$BUILD/bench_query" -s 2 -d 32 "$SOCK" "$CONCEPT" | cut -d ' ' -f 1; }
socket_all () { "$BUILD/bench_query" -s 2 -d 32 -f "$DATA/concepts" "$SOCK" | cut -d ' ' -f 1; }
socket_lone () { "$BUILD/bench_query" -s 1 -d 1 "$SOCK" "$CONCEPT" | cut -d ' ' -f 2; }
pg_one () { pgbench_tps -M prepared -c 32 -j 1 -T 3 -f "$T/one.pgbench"; }
pg_all () { pgbench_tps -M prepared -c 32 -j 1 -T 3 -f "$T/all.pgbench"; }
pg_lone () { calc "1e6 / $(pgbench_tps -M prepared -c 1 -j 1 -T 2 -f "$T/one.pgbench")"; }

# pg_questions: the same question to PostgreSQL, about one concept and about any; sets $n
# (concepts) and $what.
pg_questions () {
	what='SELECT DISTINCT ON (predicate) ... ORDER BY predicate, time DESC'
	pg_with_claims
	n=$(wc -l <"$DATA/concepts")
	echo "SELECT DISTINCT ON (predicate) * FROM claims WHERE concept = '$CONCEPT' ORDER BY predicate, time DESC;" >"$T/one.pgbench"
	sql -c 'CREATE TABLE IF NOT EXISTS names (n int PRIMARY KEY, concept text)' -c 'TRUNCATE names'
	awk '{ print NR "\t" $0 }' "$DATA/concepts" >"$T/names"
	sql -c "\\copy names from '$T/names'" -c 'VACUUM ANALYZE names'
	{
		echo "\\set n random(1, $n)"
		echo "SELECT DISTINCT ON (predicate) * FROM claims WHERE concept = (SELECT concept FROM names WHERE n = :n) ORDER BY predicate, time DESC;"
	} >"$T/all.pgbench"
}

part_query () {
	local n what	# pg_questions sets both
	store_with_claims --no-mount
	pg_questions
	in_turn "$ROUNDS" socket_one pg_one
	row "recency of one concept, socket, 32 in flight; pgbench" answers/s "$ours" "$peer" "" \
	    "bench_query -d 32 D/run/control.sock $CONCEPT" "as above"
	in_turn "$ROUNDS" socket_all pg_all
	row "recency of $n concepts, socket, 32 in flight; pgbench" answers/s "$ours" "$peer" "" \
	    "bench_query -d 32 -f concepts D/run/control.sock" "as above"
	in_turn "$ROUNDS" socket_lone pg_lone
	row "recency, one question at a time, socket; pgbench -c 1" us "$ours" "$peer" "" \
	    "bench_query -d 1 D/run/control.sock $CONCEPT" "pgbench -n -M prepared -c 1 -T 2"
}
