#!/bin/bash
# keygen, assert and the other writing commands; query, history, diff, log, show, watch.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

rc () { "$@" >/dev/null 2>&1; echo $?; }
id_of () { "$@" --json 2>/dev/null | jq -r .id; }

up || { fail "up"; done_testing; }

is "an empty store says how to load the sample" 1 rc "$STEME" query world/france
like "and how" 'source tree: steme import.*countries.ndjson' "$STEME" query world/france

# keys
ok "keygen" sh -c "'$STEME' keygen >'$T/agent'"
agent=$(cat "$T/agent")
is "keygen prints 64 hex digits" 64 sh -c "tr -d '\n' <'$T/agent' | wc -c"
is "keygen overwrites nothing" 73 rc "$STEME" keygen
is "the key is the owner's alone" 600 stat -c %a "$HOME/.config/steme/key.pem"
ok "openssl reads the key" openssl pkey -in "$HOME/.config/steme/key.pem" -noout
is "a key of one's own that cannot be used is told" '77 1' \
    sh -c "cp -r '$HOME' '$T/h2'; chmod 644 '$T'/h2/.config/steme/key.pem; HOME='$T/h2' '$STEME' keys >/dev/null 2>'$T/h2.err'; echo \$? \$(grep -c 'mode 0644' '$T/h2.err')"
is "keys, as JSON too, is an answer" 0 rc "$STEME" keys --json
like "and has the key" "$agent" "$STEME" keys --json
ok "a second key" "$STEME" keygen --key "$T/k2/key.pem"

# claims
a=$(id_of "$STEME" assert drug/x dose '2.4 mg' --confidence 0.95 --class clinical --source https://example.org/1)
is "the id is the hash of what show prints" "$a" \
    sh -c "'$STEME' show --raw $a | b2sum -l 256 | cut -d' ' -f1"
"$STEME" show --raw "$a" >"$T/object"
"$STEME" show --sig "$a" >"$T/sig"
openssl pkey -in "$HOME/.config/steme/key.pem" -pubout -out "$T/pub.pem" 2>/dev/null
ok "openssl verifies the signature" openssl pkeyutl -verify -rawin -pubin -inkey "$T/pub.pem" -in "$T/object" -sigfile "$T/sig"
is "a number is a number" number sh -c "'$STEME' assert drug/x age 12 --dry-run --json 2>/dev/null | jq -r .text | sed -n 's/^type //p'"
is "a word is text" text sh -c "'$STEME' assert drug/x age x12 --dry-run --json 2>/dev/null | jq -r .text | sed -n 's/^type //p'"
is "unless it is said otherwise" text sh -c "'$STEME' assert drug/x age 12 --type text --dry-run --json | jq -r .text | sed -n 's/^type //p'"
ok "a value from stdin" sh -c "printf 'two\nlines\n' | '$STEME' assert drug/x note - --json"
is "has its newline inside" 'two
lines' sh -c "'$STEME' query drug/x note --json | jq -r '.results[0].object.value'"
t=2026-01-02T03:04:05.000000Z
b=$(id_of "$STEME" assert drug/x dose '3 mg' --time $t --key "$T/k2/key.pem")
is "the same claim again exists" exists sh -c "'$STEME' assert drug/x dose '3 mg' --time $t --key '$T/k2/key.pem' --json | jq -r .status"
is "a slash at the end, as completion leaves it, is none" slash/a \
    sh -c "'$STEME' assert slash/a/ p 1 >/dev/null; '$STEME' query --prefix slash/ --json | jq -r '.results[].concept_path'"
is "of an alias, too" 'slash/a slash/b' sh -c "'$STEME' alias slash/a/ slash/b/ --dry-run --key '$T/k2/key.pem' 2>/dev/null | sed -n 's/^\(from\|to\) //p' | xargs"
is "a key that is missing is 66" 66 rc "$STEME" assert a b c --key "$T/nokey"
is "which its JSON says, too" 66 sh -c "'$STEME' assert a b c --key '$T/nokey' --json 2>&1 | jq .exit"

# standard descriptors that are closed or full
printf 'cl/a\tp\ncl/b\tp\t1\n' >"$T/closed.tsv"
is "complaints without stderr do not go to the daemon" '65 {"created":1,"exists":0,"refused":1}' \
    sh -c "o=\$('$STEME' import --agent c --json '$T/closed.tsv' 2>&-); echo \$? \$(echo \"\$o\" | jq -c '{created,exists,refused}')"
is "a stdin that is closed is no input" 74 sh -c "'$STEME' import <&- >/dev/null 2>&1; echo \$?"
is "an answer that cannot be written is 74" 74 sh -c "'$STEME' query slash/a >/dev/full 2>/dev/null; echo \$?"
is "also one that says no" 74 sh -c "'$STEME' diff slash/a recency recency@2020-01-01 >/dev/full 2>/dev/null; echo \$?"

is "without a key the daemon signs" created sh -c "HOME=/nonexistent '$STEME' assert drug/x seen true --json | jq -r .status"
is "for the user's own key" "uid-$(id -u)" sh -c "'$STEME' query drug/x seen | awk 'NR == 2 { print \$6 }'"
like "text that is not NFC gets a warning" 'NFC' "$STEME" assert drug/x name "$(printf 'e\xcc\x81')"
is "bad confidence is 65" 65 rc "$STEME" assert drug/x dose 1 --confidence 1.5
is "a bad concept is 65" 65 rc "$STEME" assert a//b dose 1
is "a future time is 65" 65 rc "$STEME" assert drug/x dose 1 --time 2100-01-01
is "a missing key file is 66" 66 rc "$STEME" assert a b c --key "$T/none.pem"
is "a missing argument is 64" 64 rc "$STEME" assert a b
newest () { "$STEME" status --json | jq .daemon.lsn; }
before=$(newest) ff=$'\xff'
like "a value that is not UTF-8 is refused, not replaced" 'object is not valid UTF-8' "$STEME" assert a b "$ff"
like "nor a value of a type that is said" 'object is not valid UTF-8' "$STEME" assert a b "$ff" --type reference
like "nor a predicate" 'predicate is not valid UTF-8' "$STEME" assert a "b$ff" x
like "nor a source" 'source is not valid UTF-8' "$STEME" assert a b x --source "$ff"
like "nor a note" 'meta is not valid UTF-8' "$STEME" assert a b x --meta "k=$ff"
is "nor stdin" 65 sh -c "printf '\\377' | '$STEME' assert a b - >/dev/null 2>&1; echo \$?"
is "and nothing of it is stored" "$before" newest
like "who is no agent cannot be trusted, and how agents look is said" "'x' is no agent.*64" "$STEME" trust x 1
like "nor revoked" "'x' is no agent.*64" "$STEME" revoke x
is "an empty --dir does not mean the default" 65 rc "$STEME" status --dir ''

# the other kinds
# How many objects were created, if that is all that was said.
just_created () { "$@" 2>&1 | awk '/^created [0-9a-f]+$/ { n++; next } { more = ", and more was said" } END { print n more }'; }
ok "a vote for" "$STEME" vote "$a" 1
ok "a vote against, by another" "$STEME" vote "$b" -0.5 --key "$T/k2/key.pem" --reason 'too old'
is "votes decide" "$a" sh -c "'$STEME' query drug/x dose --lens votes --json | jq -r '.results[0].assertion_id'"
is "a vote on what is not there is 1" 1 rc "$STEME" vote "${a//[0-9]/0}" 1
like "a retraction by another says that it has no effect" "without effect.*$(openssl pkey -in "$T/k2/key.pem" -pubout -outform DER 2>/dev/null | tail -c 32 | od -An -tx1 | tr -d ' \n')" "$STEME" retract "$b"
is "and has none" current sh -c "'$STEME' history drug/x dose --json | jq -r '.results[] | select(.assertion_id == \"$b\") | .state'"
is "one's own does not" 1 just_created "$STEME" retract "$b" --key "$T/k2/key.pem" --reason misprint
is "is in the history" retracted sh -c "'$STEME' history drug/x dose --json | jq -r '.results[] | select(.assertion_id == \"$b\") | .state'"
like "an alias by no steward says so" 'without effect' "$STEME" alias drug/x drug/y
is "and has none" '[]' sh -c "'$STEME' query drug/y --json 2>/dev/null | jq -c .results"
is "an alias by the operator does not" 1 just_created "$STEME" alias drug/x drug/y --as operator
is "and counts" '2.4 mg' sh -c "'$STEME' query drug/y dose --json | jq -r '.results[0].object.value'"
like "an epoch by no steward says so" 'without effect' "$STEME" epoch 2026
ok "an epoch by the operator" "$STEME" epoch 2027 --supersedes 2026 --as operator
ok "trust" "$STEME" trust "$agent" 0.9 --class clinical --prefix drug --as operator
ok "retract a source" "$STEME" retract --source https://example.org/1 --as operator
is "and its claims are gone" 1 rc "$STEME" query drug/x dose
ok "reinstate it" "$STEME" retract --source https://example.org/1 --reinstate --as operator
is "and they are back" 0 rc "$STEME" query drug/x dose
k2=$(openssl pkey -in "$T/k2/key.pem" -pubout -outform DER 2>/dev/null | tail -c 32 | od -An -tx1 | tr -d ' \n')
is "one may revoke oneself" 1 just_created "$STEME" revoke "$k2" --key "$T/k2/key.pem"
like "but not others" 'without effect' "$STEME" revoke "$agent" --key "$T/k2/key.pem"
uid=$(HOME=/nonexistent "$STEME" assert revoked/x p 1 --json | jq -r .id | xargs "$STEME" show --json | jq -r .agent_id)
is "the key that the daemon keeps may be revoked by itself" 1 \
    just_created env HOME=/nonexistent "$STEME" revoke "$uid" --since 9999-01-01

# reading
"$STEME" assert lens/x size 10 --confidence 0.9 --class regulatory --time 2026-01-01 >/dev/null
"$STEME" assert lens/x size 11 --confidence 0.5 --time 2026-02-01 >/dev/null
is "diff of two lenses that differ is 1" 1 rc "$STEME" diff lens/x recency authority
is "diff of a lens with itself is 0" 0 rc "$STEME" diff lens/x recency recency
is "diff of two times" '10 11' sh -c "'$STEME' diff lens/x recency@2026-01-15 recency --json | jq -r '.differences[0] | \"\(.a.object.value) \(.b.object.value)\"'"
like "a mistyped concept gets a guess" 'did you mean lens/x' "$STEME" query lens/xx
is "diff of a concept that is not there is 1" 1 rc "$STEME" diff lens/xx recency authority
like "and gets a guess, too" 'did you mean lens/x' "$STEME" diff lens/xx recency authority
like "and so does log" 'did you mean lens/x' "$STEME" log lens/xx
like "log from beyond the newest record says which that is" "the newest record is $(newest)$" "$STEME" log --from 99999
like "an id that is not there is named" 'no object 0{64} is stored here' "$STEME" show "$(printf '0%.0s' {1..64})"
like "ls of a concept without others below it says what there is" 'lens/x has claims, but.*steme query lens/x' "$STEME" ls lens/x
like "and guesses at a mistyped one" 'did you mean lens/x' "$STEME" ls lens/xx
like "an inner folder says what it holds" 'holds 1 concept' "$STEME" query lens
is "ls" x "$STEME" ls lens
is "an unknown lens is 64" 64 rc "$STEME" query lens/x --lens nonsense
for lens in recency confidence consensus votes authority layered skeptic constraints; do
	is "query --lens $lens prints valid JSON" "$lens" \
	    sh -c "'$STEME' query lens/x --lens $lens --json 2>/dev/null | jq -r .lens"
done
like "skeptic shows both values" 'size +11 ' "$STEME" query lens/x --lens skeptic
like "a prefix query names the concept" '^lens/x +size +11 ' "$STEME" query --prefix lens
is "log --json is one JSON a line" true sh -c "'$STEME' log --json --from 1 | jq -s 'length > 15 and all(.[]; .id)'"
is "log shows the newest first" 11 sh -c "'$STEME' log --limit 2 | awk 'NR == 2 { print \$NF }'"
is "show --json" assertion sh -c "'$STEME' show $a --json | jq -r .kind"
is "show of an unknown id is 1" 1 rc "$STEME" show "$(printf '0%.0s' $(seq 64))"
is "show of no id is 65" 65 rc "$STEME" show 1234
ok "keys --json" sh -c "'$STEME' keys --json | jq -es 'any(.[]; .name == \"operator\")'"
ok "history --json" sh -c "'$STEME' history lens/x --json | jq -e '.results | length == 2'"

# a cursor may be longer than any other note
x255=$(printf 'x%.0s' {1..255})
for n in 1 2; do
	"$STEME" assert "long/$x255/$x255/$x255/$n" "$x255" 1 >/dev/null
done
cursor=$("$STEME" query --prefix long --limit 1 --json | jq -r .next_cursor)
like "a cursor is told whole, however long the names" "--cursor $cursor\$" "$STEME" query --prefix long --limit 1
is "and goes on" 1 sh -c "'$STEME' query --prefix long --cursor '$cursor' --json | jq '.results | length'"

# a value cannot move the cursor
"$STEME" assert trick/x v "$(printf 'a\033[2Jb')" >/dev/null
is "controls are spelled out" 0 sh -c "'$STEME' query trick/x v | grep -c \$'\033' || true"
like "as text" 'a\\x1b\[2Jb' "$STEME" query trick/x v

# watch
timeout 20 "$STEME" watch watched --json --limit 2 >"$T/watch" &
w=$!
for i in $(seq 100); do
	"$STEME" assert watched/x n "$i" >/dev/null
	"$STEME" assert other/x n "$i" >/dev/null
	kill -0 "$w" 2>/dev/null || break
done
wait "$w"
is "watch ends after its limit" 0 echo $?
is "and saw only its concepts" '["watched/x","watched/x"]' sh -c "jq -sc 'map(.concept_path)' '$T/watch'"

# a watch outlives the daemon, whether that is ended or killed
from=$("$STEME" log --json --limit 1 | jq .lsn)
timeout 300 "$STEME" watch again --json --from "$((from + 1))" --limit 9 >"$T/again" 2>"$T/again.err" &
w=$!
n=0
say () {	# three more claims, and waits until they are told
	local i
	for i in 1 2 3; do "$STEME" assert again/x n "$((n += 1))" >/dev/null; done
	while kill -0 "$w" 2>/dev/null && [ "$(grep -c . "$T/again")" -lt "$n" ]; do sleep 0.1; done
}
say
"$STEME" restart >/dev/null
say
like "it says that it waits" 'waiting for it' cat "$T/again.err"
like "and that it goes on" 'connected again' cat "$T/again.err"
read -r pid _ <"$D/run/stemefs.pid"
kill -9 "$pid"
up || fail "up after a kill"
like "the start says that the log was not closed" 'the log was not closed' cat "$D/log/storage.log"
say
wait "$w"
is "every claim is told once, in order" '1 2 3 4 5 6 7 8 9' sh -c "jq -r .object.value '$T/again' | xargs"

ok "verify" "$STEME" verify
is "verify --json" 0 sh -c "'$STEME' verify --json | tail -n 1 | jq .problems"
"$STEME" down >/dev/null
ok "verify with the daemon down" "$STEME" verify
ok "rebuild with the daemon down" "$STEME" rebuild
up || fail "up after rebuild"
is "everything is there after the rebuild" '2.4 mg' sh -c "'$STEME' query drug/y dose --json | jq -r '.results[0].object.value'"
ok "rebuild online" "$STEME" rebuild
ok "verify after it" "$STEME" verify

# damage: found with the daemon up and down, named, and never made worse
"$STEME" import --agent z <(seq 300 | sed 's|.*|z/c&\tn\t&|') --time 2026-01-01 >/dev/null
"$STEME" assert z/behind n 1 >/dev/null	# what is damaged is not the log's end
segment=$(ls "$D"/wal/segment.*.wal)
at=$(grep -abo 'concept z/c150$' "$segment" | head -n 1 | cut -d: -f1)
printf 'X' | dd of="$segment" bs=1 seek="$((at + 9))" conv=notrunc status=none
is "verify finds a flipped byte" 1 rc "$STEME" verify
like "and names the place" "$segment, offset [0-9]+" "$STEME" verify
ok "as JSON, too" sh -c "'$STEME' verify --json | jq -es 'any(.[]; .finding) and (.[-1].problems > 0)'"
"$STEME" down >/dev/null
is "with the daemon down, too" 1 rc "$STEME" verify
is "rebuild refuses to build less" 1 rc "$STEME" rebuild
is "and leaves the index" 150 sh -c "'$STEME' up >/dev/null; '$STEME' query z/c150 --json | jq -r '.results[0].object.value'; '$STEME' down >/dev/null"
ok "unless it is told to" "$STEME" rebuild --accept-gaps
up || fail "up after the rebuild"
is "what is damaged is gone" 1 rc "$STEME" query z/c150
is "the rest is there" 151 sh -c "'$STEME' query z/c151 --json | jq -r '.results[0].object.value'"
is "without a log there is nothing to verify" 66 rc "$STEME" verify --dir "$T/none"

# another key under the operator's name is no steward's
mv "$D/keys/operator.pem" "$T/operator.pem"
"$STEME" restart >/dev/null
like "who has lost the operator's key is told" 'not the one that this store began with' "$STEME" epoch e9 --as operator
mv "$T/operator.pem" "$D/keys/operator.pem"
is "and has it back with the file" "" sh -c "'$STEME' epoch e8 --as operator 2>&1 >/dev/null"
done_testing
