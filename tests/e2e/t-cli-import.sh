#!/bin/bash
# steme import: NDJSON and TSV, batches, bad lines, interruption and going on.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

rc () { "$@" >/dev/null 2>&1; echo $?; }
import () { "$STEME" import --dir "$D" "$@" 2>"$T/err" | tail -n 1; }
count () { "$STEME" status --json | jq ".daemon.counts.$1"; }
claims () {	# claims FROM TO AGENT
	seq "$1" "$2" | sed "s|.*|{\"concept_path\":\"load/c&\",\"predicate\":\"n\",\"object\":&,\"agent\":\"$3\",\"source_class\":\"expert\",\"time\":\"2026-01-01\"}|"
}

claims 1 3000 anna >"$T/a.ndjson"
is "a dry run needs no daemon" "3000 would be sent, 0 stand there twice, 0 refused" import --dry-run "$T/a.ndjson"
is "and leaves nothing" 1 rc test -e "$D/keys/agent-anna.pem"
is "without a daemon it is 69" 69 rc "$STEME" import "$T/a.ndjson"

up || { fail "up"; done_testing; }

# singly signed, keys made at first use
is "3,000 claims" "3000 created, 0 already there, 0 refused" import "$T/a.ndjson"
is "again: nothing new" "0 created, 3000 already there, 0 refused" import "$T/a.ndjson"
is "the agent's key is 0600" 600 stat -c %a "$D/keys/agent-anna.pem"
is "its profile has the class of its claims" expert jq -r .class "$D/keys/agent-anna.json"
is "the claims are the agent's" anna sh -c "'$STEME' query load/c17 | awk 'NR == 2 { print \$6 }'"
id=$("$STEME" query load/c17 --json | jq -r '.results[0].assertion_id')
is "each has a signature" 64 sh -c "'$STEME' show --sig $id | wc -c"

# batches
claims 3001 13000 anna >"$T/b.ndjson"
claims 1 20 berta >>"$T/b.ndjson"
claims 1 20 berta >>"$T/b.ndjson"
is "a batch import; what stands there twice counts once" \
    "10020 created, 20 already there, 0 refused" import --batch "$T/b.ndjson"
batches=$(count batches)
is "again: nothing new" "0 created, 10040 already there, 0 refused" import --batch "$T/b.ndjson"
is "nor a new batch" "$batches" count batches
id=$("$STEME" query load/c3017 --json | jq -r '.results[0].assertion_id')
is "a member has a proof" "$id" sh -c "'$STEME' show --proof $id | jq -r .id"
is "and no signature of its own" 1 rc "$STEME" show --sig "$id"
ok "verify" "$STEME" verify

# bad lines: named, and the others stored
cat >"$T/bad.ndjson" <<'END'
{"concept_path":"bad/a","predicate":"p","object":1,"agent":"anna"}
{"concept_path":"bad/a","predicate":"p","object":
{"concept_path":"bad//a","predicate":"p","object":1,"agent":"anna"}

{"concept_path":"bad/a","predicate":"p","object":2,"agent":"anna","colour":"red"}
{"concept_path":"bad/a","predicate":"p","object":3,"agent":"../evil"}
{"concept_path":"bad/a","predicate":"p","object":4,"agent":"anna","time":"2100-01-01"}
{"concept_path":"bad/b","predicate":"p","object":5,"agent":"anna"}
END
touch -d 2026-03-01T00:00:00Z "$T/bad.ndjson"
is "bad lines: the others are stored" "2 created, 0 already there, 5 refused" import "$T/bad.ndjson"
is "exit status 65" 65 rc "$STEME" import "$T/bad.ndjson"
for line in 2 3 5 6 7; do
	ok "line $line is named" grep -q "^$T/bad.ndjson:$line: " "$T/err"
done
like "with its reason" ':5: .*colour' cat "$T/err"
is "no key file outside of keys" 1 rc test -e "$D/evil.pem"
is "a line without a time has its file's" 2026-03-01T00:00:00.000000Z \
    sh -c "'$STEME' query bad/a --json | jq -r '.results[0].time'"
import --max-errors 2 "$T/bad.ndjson" >/dev/null
is "--max-errors" 2 grep -c "^$T/bad.ndjson:" "$T/err"
is "a batch with a bad line" "0 created, 2 already there, 5 refused" import --batch "$T/bad.ndjson"
ok "with --json complaints are JSON" sh -c "'$STEME' import --json '$T/bad.ndjson' 2>&1 >/dev/null | jq -es 'length == 5'"
is "and so is the summary" 5 sh -c "'$STEME' import --json '$T/bad.ndjson' 2>/dev/null | jq .refused"

# TSV
printf 'concept\tpredicate\tvalue\tconfidence\tclass\tsource\ttime\n' >"$T/t.tsv"
printf 'tsv/a\tname\tone\\ttwo\\\\\t0.5\tcommunity\thttps://example.org\t2026-02-03\n' >>"$T/t.tsv"
printf 'tsv/a\tn\t12.50\r\n' >>"$T/t.tsv"
printf 'tsv/b\tok\ttrue' >>"$T/t.tsv"
is "TSV, with a head and without a last newline" "2 created, 0 already there, 1 refused" import --agent tess "$T/t.tsv"
like "a CR is named" ':3: .*CR' cat "$T/err"
is "escapes" "$(printf 'one\ttwo\\')" sh -c "'$STEME' query tsv/a name --json | jq -r '.results[0].object.value'"
is "columns" '0.5 community https://example.org 2026-02-03T00:00:00.000000Z' \
    sh -c "'$STEME' query tsv/a name --json | jq -r '.results[0] | \"\(.confidence) \(.source_class) \(.source) \(.time)\"'"
like "a file that is not there is told with the status that follows" '"exit":66' "$STEME" import --json "$T/none"
printf 'no JSON\n' >"$T/x.ndjson"
like "a file called .ndjson is not taken for TSV" 'x.ndjson:1: .*JSON' "$STEME" import "$T/x.ndjson"
is "a word that is true" boolean sh -c "'$STEME' query tsv/b ok --json | jq -r '.results[0].object.type'"

# stdin, keys, forms
is "stdin without a key is 66" 66 sh -c "printf 'x/y\tp\t1\n' | '$STEME' import >/dev/null 2>&1; echo \$?"
like "stdin without a key says what to do" keygen sh -c "printf 'x/y\tp\t1\n' | '$STEME' import"
"$STEME" keygen >/dev/null 2>&1
is "stdin with a key" "1 created, 0 already there, 0 refused" sh -c "printf 'x/y\tp\t1\n' | '$STEME' import --time 2026-01-01"
is "the same again" "0 created, 1 already there, 0 refused" sh -c "printf 'x/y\tp\t1\n' | '$STEME' import - --time 2026-01-01"
"$STEME" assert x/z p 'signed elsewhere' --dry-run --json 2>/dev/null | jq -c '{text, signature}' >"$T/signed.ndjson"
is "a signed line" "1 created, 0 already there, 0 refused" import "$T/signed.ndjson"
sed 's/elsewhere/somewhere/' "$T/signed.ndjson" >"$T/forged.ndjson"
is "a forged one" "0 created, 0 already there, 1 refused" import "$T/forged.ndjson"
printf '\xef\xbb\xbf{"concept_path":"x/bom","predicate":"p","object":1}\r\n' >"$T/bom.ndjson"
is "a byte order mark and CR LF" "1 created, 0 already there, 0 refused" import "$T/bom.ndjson"
{ printf '{"concept_path":"x/long","predicate":"p","object":"'; head -c 3000000 /dev/zero | tr '\0' x; printf '"}\n'; head -n 1 "$T/a.ndjson"; } >"$T/long.ndjson"
is "a line beyond all limits is skipped" "0 created, 1 already there, 1 refused" import "$T/long.ndjson"
printf '{"kind":"vote","concept_path":"load/c17","assertion":"%s","weight":1,"agent":"anna","time":"2026-01-01"}\n{"kind":"epoch","name":"e1","agent":"anna","time":"2026-01-01"}\n' "$id" >"$T/kinds.ndjson"
is "votes and epochs" "2 created, 0 already there, 0 refused" import --batch "$T/kinds.ndjson"
is "a missing file is 66" 66 rc "$STEME" import "$T/none.ndjson"
is "two files" "0 created, 3001 already there, 0 refused" import "$T/a.ndjson" "$T/signed.ndjson"

# interrupted: killed, stopped, and the daemon gone; each time it goes on
claims 20001 60000 carl >"$T/c.ndjson"
mkfifo "$T/fifo"
for how in KILL INT; do
	"$STEME" import --format ndjson "$T/fifo" >"$T/cut.out" 2>&1 &
	i=$!
	exec 9>"$T/fifo"
	head -n 5000 "$T/c.ndjson" >&9
	sleep 0.5
	kill -s "$how" "$i"
	{ wait "$i"; } 2>/dev/null
	status=$?
	exec 9>&-
	[ "$how" = INT ] && is "SIGINT ends it with 130" 130 echo "$status"
done
like "and says how to go on" 'run the same command again' cat "$T/cut.out"
like "what was acknowledged is counted" '[0-9]+ created, [0-9]+ already there, 0 refused' tail -n 1 "$T/cut.out"
ok "what was cut off is whole" "$STEME" verify

# a daemon that hangs is waited for, until the second interrupt
read -r fs _ <"$D/run/stemefs.pid"
"$STEME" import --format ndjson "$T/fifo" >"$T/cut.out" 2>&1 &
i=$!
exec 9>"$T/fifo"	# the import has connected, and opens it
kill -STOP "$fs"
head -n 3000 "$T/c.ndjson" >&9
exec 9>&-
sleep 0.5
kill -INT "$i"
sleep 0.5
is "the first interrupt waits for what was sent" 0 rc kill -0 "$i"
kill -INT "$i"
{ wait "$i"; } 2>/dev/null
status=$?		# 75, if it went on waiting until it was tired of it
kill -CONT "$fs"
is "the second one ends it" 130 echo "$status"
ok "nothing is half done" "$STEME" verify

"$STEME" import --format ndjson "$T/fifo" >"$T/cut.out" 2>&1 &
i=$!
exec 9>"$T/fifo"
kill -9 "$fs"
head -n 10 "$T/c.ndjson" >&9
exec 9>&-
{ wait "$i"; } 2>/dev/null
is "a daemon that went away is 69" 69 echo "$?"
like "and said, with what to look at" "$D/run/control.sock went away.*steme status" cat "$T/cut.out"
ok "up after that" "$STEME" up

"$STEME" import --batch "$T/c.ndjson" >"$T/cut.out" 2>&1 &
i=$!
for _ in $(seq 200); do
	[ "$(count assertions)" -gt 25000 ] 2>/dev/null && break
	sleep 0.01
done
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
{ wait "$i"; } 2>/dev/null
status=$?
is "a daemon that goes away is 69, or it was done before" yes sh -c "case $status in 69|0) echo yes ;; *) echo $status ;; esac"
ok "up again" "$STEME" up
"$STEME" import --batch "$T/c.ndjson" >"$T/cut.out" 2>&1
is "the same command again: no line is lost" 40000 sh -c "tail -n 1 '$T/cut.out' | awk '{ print \$1 + \$3 }'"
is "each claim is there once" 40000 sh -c "'$STEME' log --json --from 1 load | jq -r 'select(.kind == \"assertion\") | .concept_path' | sort -u | sed 's|load/c||' | awk '\$1 > 20000' | wc -l"
ok "verify after it all" "$STEME" verify

# more concepts than a page looks at: the answer is on a later one
awk 'BEGIN { for (i = 0; i < 25000; i++) printf "many/c%05d\tp\t1\n", i; print "many/d\trare\t1" }' >"$T/many.tsv"
is "many concepts" "25001 created, 0 already there, 0 refused" import --batch "$T/many.tsv"
is "what a first page does not reach is found" many/d \
    sh -c "'$STEME' query --prefix many rare | awk 'NR == 2 { print \$1 }'"
is "what is not there is not" 1 rc "$STEME" query --prefix many rarer
done_testing
