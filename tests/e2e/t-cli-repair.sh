#!/bin/bash
# A damaged log: the daemon refuses it and names the command that makes it whole again.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

rc () { "$@" >/dev/null 2>&1; echo $?; }
newest () { ls "$D"/wal/segment.*.wal | tail -n 1; }
# The daemon dies at once, and its index with the last word of the log, if asked to.
kill_daemon () {
	local pid
	read -r pid _ <"$D/run/stemefs.pid"
	kill -9 "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
# Changes a byte of the last place where TEXT is in FILE.
damage () {
	local at
	at=$(grep -abo -- "$2" "$1" | tail -n 1 | cut -d: -f1)
	printf 'X' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

up || { fail "up"; done_testing; }
for i in 1 2 3 4 5; do "$STEME" assert "r/c$i" n "value number $i" >/dev/null; done
is "repair wants the daemon down" 75 rc "$STEME" repair
like "and says so" 'steme down' "$STEME" repair
"$STEME" down >/dev/null
like "a whole log is left alone" 'nothing to repair' "$STEME" repair

# the last group is damaged and the daemon was killed; the index is still there
up || fail "up again"
"$STEME" assert r/last n "the last value" >/dev/null
id=$("$STEME" query r/last n --json | jq -r '.results[0].assertion_id')
kill_daemon
segment=$(newest)
cp "$segment" "$T/whole"
damage "$segment" 'the last value'
cp "$segment" "$T/damaged"
mv "$D/kv" "$T/kv"
not_ok "without its index the daemon does not start" up
like "it names the file and the command" "$segment, offset [0-9]+.*steme repair" cat "$D/log/stemefs.log" "$T/up.out"
not_ok "rebuild makes no index that the daemon could not start with" "$STEME" rebuild --accept-gaps
like "and names the command that helps" 'next start would refuse.*steme repair' "$STEME" rebuild --accept-gaps
ok "there is no index then" test ! -e "$D/kv/CURRENT"
is "without the index the last record is lost: repair refuses" 1 rc "$STEME" repair
ok "and changes nothing" cmp "$segment" "$T/damaged"
like "it names the place" "$segment, offset [0-9]+" "$STEME" repair
like "and the object" "$id" "$STEME" repair
like "and what to add" 'repair --accept-gaps' "$STEME" repair
rm -rf "$D/kv"
mv "$T/kv" "$D/kv"
like "with the index nothing is lost" '1 records came from the index, 0 are lost' "$STEME" repair
ok "the damaged segment is kept" cmp "$segment.replaced" "$T/damaged"
up || { fail "up after the repair"; cat "$T/up.out"; }
is "the last claim is there" "the last value" sh -c "'$STEME' query r/last n --json | jq -r '.results[0].object.value'"
ok "verify" "$STEME" verify
ok "a write after it" "$STEME" assert r/after n 1
ok "the index can be made anew from the log" "$STEME" rebuild
ok "verify after that" "$STEME" verify
"$STEME" down >/dev/null

# a folder that may be changed and not read cannot be synced
programs_for_all
chown -R nobody "$D"
chmod 0300 "$D"
ok "an index is made anew where its folder cannot be synced" bash -c "setpriv --reuid=nobody --clear-groups '$T/bin/steme' rebuild >'$T/unsynced' 2>&1"
like "which is said" "$D cannot be synced: .*the index before stays in $D/kv.new until the next start" cat "$T/unsynced"
chmod 0755 "$D"
chown -R root "$D"
ok "the index before is kept" test -f "$D/kv.new/CURRENT"
ok "and all is there" "$STEME" verify
ok "the next rebuild needs no help" "$STEME" rebuild
not_ok "and leaves nothing" test -e "$D/kv.new"

# a check of an index that cannot even be opened does not end well
echo damaged >"$D/kv/CURRENT"
is "a damaged index is damage" "1 ECORRUPT 1" sh -c "'$STEME' verify --json 2>/dev/null >'$T/found'; echo \$? \$(jq -r '.finding // .problems' '$T/found')"
like "it is named, and what became of it" "the index in $D/kv was damaged; it was made anew" cat "$T/found"
ok "and then all is well" "$STEME" verify

# the disk does not give the index: the log has everything
table=$(ls "$D"/kv/*.ldb | head -n 1)
ln -sf "${table##*/}" "$table"
not_ok "an index that cannot be read is not started with" up
like "the file and the cure are named" "${table##*/}.*steme rebuild" cat "$T/up.out"
ok "the cure" "$STEME" rebuild
up || { fail "up after the cure"; cat "$T/up.out"; }
is "the last claim is still there" "the last value" sh -c "'$STEME' query r/last n --json | jq -r '.results[0].object.value'"
"$STEME" down >/dev/null

# nobody has it: only when that is accepted
up && "$STEME" assert r/gone n "gone for ever" >/dev/null
"$STEME" down >/dev/null
damage "$(newest)" 'gone for ever'
rm -rf "$D/kv"
not_ok "the daemon does not start" up
is "as JSON, too" '1 1' sh -c "'$STEME' repair --accept-gaps --json | tail -n 1 | jq -r '\"\(.troubles) \(.lost)\"'"
up || { fail "up after the second repair"; cat "$T/up.out"; }
is "what nobody has is gone" 1 rc "$STEME" query r/gone
is "the rest is there" "value number 3" sh -c "'$STEME' query r/c3 n --json | jq -r '.results[0].object.value'"
ok "verify again" "$STEME" verify
"$STEME" down >/dev/null

# from a backup, named with --wal-path
damage "$(newest)" 'value number 3'
mkdir "$T/backup"
rm -rf "$D/kv"
is "lost without the backup" 1 rc "$STEME" repair
cp "$(newest)" "$T/backup/"
printf 'v' | dd of="$T/backup/$(basename "$(newest)")" bs=1 conv=notrunc status=none \
    seek="$(grep -abo 'Xalue number 3' "$(newest)" | tail -n 1 | cut -d: -f1)"
like "the backup is asked" '0 records came from the index, 0 are lost' "$STEME" repair --wal-path "$T/backup"
like "and the log is whole without it" 'nothing to repair' "$STEME" repair
up || { fail "up after the third repair"; cat "$T/up.out"; }
is "its record is there" "value number 3" sh -c "'$STEME' query r/c3 n --json | jq -r '.results[0].object.value'"

# a closed segment, compressed, that gzip cannot read to its end
"$STEME" down >/dev/null
printf '[wal]\nsegment_mb = 1\n' >"$D/api.toml"
up && seq 6000 | awk '{ print "r/bulk/" $1 "\tn\t" $1 }' |
    "$STEME" import --batch --agent bulk --format tsv >/dev/null
"$STEME" down >/dev/null
gz=$(find "$D/wal" -name 'segment.*.wal' | sort | tail -n 2 | head -n 1)
gzip "$gz"
gz=$gz.gz
truncate -s 9000 "$gz"
is "a cut .gz is no good log" 1 rc "$STEME" verify
like "it is named" "$gz, offset [0-9]+" "$STEME" verify
up && is "with the daemon up, too" 1 rc "$STEME" verify
"$STEME" down >/dev/null
like "its records come from the index" '[1-9][0-9]* records came from the index, 0 are lost' "$STEME" repair
ok "verify after the fourth repair" "$STEME" verify

# the oldest segment is gone, and the index: the command that is named helps
rm -r "$D/kv" "$(find "$D/wal" -name 'segment.*.wal' | sort | head -n 1)"
like "the daemon names what to do" 'lacks records 1 to [0-9]+.*steme rebuild --accept-gaps' up
ok "which does it" "$STEME" rebuild --accept-gaps
ok "then it starts" up

# a lost operator key is made anew, which makes it nobody's
"$STEME" down >/dev/null
mv "$D/keys/operator.pem" "$T/operator.pem"
up || { fail "up without the operator's key"; cat "$T/up.out"; }
like "the log says what that means" "operator.pem is not the key of this store's operator \\([0-9a-f]{64}\\)" cat "$D/log/stemefs.log"
"$STEME" down >/dev/null
mv "$T/operator.pem" "$D/keys/operator.pem"
: >"$D/log/stemefs.log"
up || { fail "up with the key put back"; cat "$T/up.out"; }
is "nothing is said of the right one" 0 sh -c "grep -c 'operator.pem' '$D/log/stemefs.log'"
done_testing
