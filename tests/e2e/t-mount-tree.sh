#!/usr/bin/env bash
# The tree of the mount: what is where, what it says, and what it refuses.
. "${srcdir:-.}/tests/e2e/lib.sh"

up || { echo "cannot start"; exit 1; }
A=$M/drug/semaglutide/@assert

is "a fresh store lists its three special files and its own settings" '@changes
@metrics
@status
_steme' ls "$M"
ok "mkdir makes a concept" mkdir -p "$M/drug/semaglutide"
is "a fresh concept lists only @assert" '@assert' ls "$M/drug/semaglutide"
ok "one write is one claim" bash -c "echo '2.4 mg' > $A/max_weekly_dose"
is "and can be read at once" '2.4 mg' cat "$M/drug/semaglutide/@recency/max_weekly_dose"
ok "a number stays as written" bash -c "echo 10.0 > $A/number"
is "also when shown" '10.0' cat "$M/drug/semaglutide/@recency/number"
is "a value ends in exactly one newline" 7 bash -c "wc -c < $M/drug/semaglutide/@recency/max_weekly_dose"
is "its size is true" 7 stat -c %s "$M/drug/semaglutide/@recency/max_weekly_dose"
is "every lens and its JSON twin is listed" "$(printf '%s\n' @assert @authority @authority.json \
	@confidence @confidence.json @consensus @consensus.json @constraints @constraints.json @history \
	@layered @layered.json @recency @recency.json @skeptic @skeptic.json @votes @votes.json)" \
	bash -c "LC_ALL=C ls $M/drug/semaglutide"
is "a lens lists the predicates that have a winner" 'max_weekly_dose
number' ls "$M/drug/semaglutide/@recency"
is "no vote, no winner" '' ls "$M/drug/semaglutide/@votes"
not_ok "a predicate without a winner is not there" cat "$M/drug/semaglutide/@votes/number"
is "skeptic shows shares" $'1\t1\t"2.4 mg"' cat "$M/drug/semaglutide/@skeptic/max_weekly_dose"
is "layered shows tiers" $'5\tanecdotal\t"2.4 mg"' cat "$M/drug/semaglutide/@layered/max_weekly_dose"
like "@LENS.json is a query's answer" '"lens":"recency","results":\[' cat "$M/drug/semaglutide/@recency.json"
is "@history has a JSON object a line" max_weekly_dose bash -c "jq -r .predicate $M/drug/semaglutide/@history/max_weekly_dose"
echo '{"concept_path":"drug/semaglutide","predicate":"rule","object":"x","confidence":0.5}' > "$A/rule.json"
is "@assert takes JSON" x cat "$M/drug/semaglutide/@recency/rule"
is "with its confidence" 0.5 getfattr --absolute-names --only-values -n user.steme.confidence "$M/drug/semaglutide/@recency/rule"

id=$(getfattr --absolute-names --only-values -n user.steme.id "$M/drug/semaglutide/@recency/max_weekly_dose")
is "an object's bytes hash to its id" "$id" bash -c "b2sum -l 256 < $M/@object/$id | cut -d' ' -f1"
is "its signature has 64 bytes" 64 stat -c %s "$M/@object/$id.sig"
agent=$(getfattr --absolute-names --only-values -n user.steme.agent "$M/drug/semaglutide/@recency/max_weekly_dose")
(printf '302a300506032b6570032100%s' "$agent" | xxd -r -p) > "$T/pub.der"
cp "$M/@object/$id" "$T/obj"; cp "$M/@object/$id.sig" "$T/sig"
ok "openssl verifies the signature" openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$T/pub.der" -in "$T/obj" -sigfile "$T/sig"
not_ok "a singly signed object has no proof" cat "$M/@object/$id.proof"

sleep 1.1; T1=$(date -u +%Y-%m-%dT%H:%M:%SZ); sleep 1.1
echo '2.0 mg' > "$A/max_weekly_dose"
is "@at shows the tree as of then" '2.4 mg' cat "$M/@at/$T1/drug/semaglutide/@recency/max_weekly_dose"
is "and now is now" '2.0 mg' cat "$M/drug/semaglutide/@recency/max_weekly_dose"
not_ok "the future is not there" ls "$M/@at/2999-01-01T00:00:00Z"
not_ok "nor is a strange spelling" ls "$M/@at/yesterday"
is "@at is not listed" '@changes
@metrics
@status
_steme
drug' ls "$M"

# a listing taken before an acknowledged write is not seen after it
say () { echo "{\"concept_path\":\"list/in\",\"predicate\":\"$1\",\"object\":\"x\"$2}" > "$M/list/in/@assert/$1.json"; }
mkdir -p "$M/list/in/deep" "$M/list/other"
echo x > "$M/list/in/deep/@assert/p"
ls "$M/list/in" >/dev/null; ls "$M/list/in" >/dev/null
say q ''
is "a first claim shows the lenses of a concept that had only children" 1 bash -c "ls $M/list/in | grep -c '^@recency\$'"
say p ',"lifecycle":"rejected"'
ls "$M/list/in/@recency" >/dev/null; ls "$M/list/in/@recency" >/dev/null
say p ''
is "a winner where there was none is listed" 'p
q' ls "$M/list/in/@recency"
echo x > "$M/list/other/@assert/p"
mkdir "$M/list/none"; mkdir "$M/list/none/deep"; echo x > "$M/list/none/deep/@assert/p"
ls "$M/list/none" >/dev/null; ls "$M/list/none" >/dev/null
"$STEME" alias list/none list/other --as operator >/dev/null
is "an alias of a concept with claims lists lenses at once" 1 bash -c "ls $M/list/none | grep -c '^@recency\$'"

# refusals
errno_is () { is "$1" "$2" bash -c "{ $3 ; } 2>&1 | grep -oE '(Operation not permitted|Permission denied|Invalid argument|File too large|No such file or directory|Invalid or incomplete multibyte or wide character|Read-only file system|Directory not empty)' | head -1"; }
errno_is "rm is refused" "Operation not permitted" "rm $M/drug/semaglutide/@recency/number"
errno_is "mv is refused" "Operation not permitted" "mv $M/drug/semaglutide/@recency/number $M/drug/semaglutide/@recency/n2"
errno_is "overwriting is refused" "Operation not permitted" "echo 1 > $M/drug/semaglutide/@recency/number"
errno_is "so is appending" "Operation not permitted" "echo 1 >> $M/drug/semaglutide/@recency/number"
errno_is "so is truncating" "Operation not permitted" ": > $M/drug/semaglutide/@recency/number"
errno_is "rmdir of a concept with claims is refused" "Operation not permitted" "rmdir $M/drug/semaglutide"
errno_is "a link is refused" "Operation not permitted" "ln $M/drug/semaglutide/@recency/number $M/x"
errno_is "a write without a newline is refused" "Invalid argument" "printf abc > $A/x"
errno_is "a long write is refused" "File too large" "head -c 5000 /dev/zero | tr '\\0' a | dd of=$A/x bs=8192 iflag=fullblock"
errno_is "a write in pieces is refused" "Invalid argument" "printf 'abcdef\n' | dd of=$A/x bs=4"
errno_is "what is not UTF-8 is refused" "Invalid or incomplete multibyte or wide character" "printf '\\377\\n' > $A/x"
errno_is "a line too long for one write is refused" "File too large" "echo \$(head -c 10000 /dev/zero | tr '\\0' a) > $A/x"
is "so is what comes after a refused write" 2 bash -c "{ printf abc; echo def; } 2>&1 > $A/x | grep -c 'Invalid argument'"
not_ok "and nothing of them was stored" cat "$M/drug/semaglutide/@recency/x"
ok "an empty mkdir can go again" bash -c "mkdir $M/drug/tmp && rmdir $M/drug/tmp"
is "nor can a folder of views" 'Operation not permitted' bash -c "rmdir $M/drug/semaglutide/@recency 2>&1 | sed 's/.*: //'"
is "a name of 256 bytes is too long" 'File name too long' bash -c "mkdir $M/drug/$(printf 'x%.0s' $(seq 256)) 2>&1 | sed 's/.*: //'"
echo copied > "$T/v"
ok "cp -p makes a claim and does not complain" cp -p "$T/v" "$A/copied"
is "which is there" copied cat "$M/drug/semaglutide/@recency/copied"
is "nor does mv" '' bash -c "mv $T/v $A/moved 2>&1"
is "folders taken away while they are listed are all taken away" "['@assert']" python3 -c '
import os, sys
d = sys.argv[1] + "/e"
os.makedirs(d)
for i in range(900): os.mkdir("%s/%0100d" % (d, i))
for e in os.scandir(d):
    if not e.name.startswith("@"): os.rmdir(e.path)
print(os.listdir(d))' "$M/quota"
is "folders that got a claim leave room for more" '' python3 -c '
import os, sys
for i in range(1100):
    d = "%s/c%d" % (sys.argv[1], i)
    os.mkdir(d)
    with open(d + "/@assert/p", "w") as f: f.write("1\n")' "$M/quota"
not_ok "a name with a leading @ is no concept" mkdir "$M/drug/@x"
is "a 4,095 byte write is taken" 4095 bash -c "(head -c 4094 /dev/zero | tr '\\0' a; echo) > $T/v; dd if=$T/v of=$A/long bs=8192 status=none; wc -c < $M/drug/semaglutide/@recency/long"
is "every other xattr answers ENODATA" 'No data available' bash -c "python3 -c 'import os,sys
try: os.getxattr(sys.argv[1],\"user.other\")
except OSError as e: print(os.strerror(e.errno))' $M/drug/semaglutide/@recency/number"

# unclean stops
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
for _ in $(seq 50); do mountpoint -q "$M" || break; sleep 0.1; done
not_ok "the watchdog takes a dead mount away" mountpoint -q "$M"
ok "up recovers a killed daemon" up
is "with all that was acknowledged" '2.0 mg' cat "$M/drug/semaglutide/@recency/max_weekly_dose"
ok "down unmounts" down
not_ok "and nothing is mounted" mountpoint -q "$M"
ok "down again is fine" down

printf '[mount]\nmax_inodes = 1000\n' > "$D/api.toml"
ok "a mount point may have blanks" "$STEME" up --dir "$D" --mount "$T/a mount" --port "$P"
is "and is there" '2.0 mg' cat "$T/a mount/drug/semaglutide/@recency/max_weekly_dose"
like "another daemon does not mount over it" 'is a FUSE mount already' \
	timeout 20 "$STEME_BUILD/stemefs" --dir "$T/second" --mount "$T/a mount"
exec 7< "$T/a mount/drug/semaglutide/@recency/max_weekly_dose"
ok "a walk meets more files than max_inodes" bash -c "test \$(find '$T/a mount/quota' -type f | wc -l) -gt 1000"
is "and takes no open file away" '2.0 mg' bash -c 'cat <&7'
exec 7<&-
ln -s . "$T/link"
like "nor by another path" 'is a FUSE mount already' \
	timeout 20 "$STEME_BUILD/stemefs" --dir "$T/second" --mount "$T/link/a mount"
ok "and down takes it away" down
ln -s "a mount" "$T/named"
ok "a mount point may be a link" "$STEME" up --dir "$D" --mount "$T/named" --port "$P"
is "to where the mount then is" '2.0 mg' cat "$T/a mount/drug/semaglutide/@recency/max_weekly_dose"
ok "and down takes that away, too" down
not_ok "as the kernel says" mountpoint -q "$T/a mount"
done_testing
