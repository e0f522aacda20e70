#!/usr/bin/env bash
# Disk full and back on a small ext4, two daemons on one folder, a rebuild that loses nothing,
# damage that is named.
. "${srcdir:-.}/tests/e2e/lib.sh"

[ "$(id -u)" = 0 ] || { echo "needs root for a loop device"; exit 1; }
img=$T/img
truncate -s 120M "$img" && mkfs.ext4 -q -F -m 0 "$img" && mkdir "$D" && mount -o loop "$img" "$D" ||
    { echo "cannot make a loop ext4"; exit 1; }
trap 'cleanup; umount -l "$D" 2>/dev/null; rm -rf -- "$T"' EXIT
KEEP=1
printf '[wal]\nsegment_mb = 2\n' > "$D/api.toml"
up || { echo "cannot start"; cat "$T/up.out"; exit 1; }
mkdir -p "$M/a/b"
A=$M/a/b/@assert

# --- two daemons
like "a second daemon on the folder is refused" 'runs on .* already' \
	bash -c "timeout 10 $STEME_BUILD/stemefs --dir $D --no-mount"

# --- disk full and back
ok "writes work" bash -c "echo before > $A/p"
dd if=/dev/zero of="$D/filler" bs=1M status=none 2>/dev/null
written=0 refused=
for i in $(seq 4000); do
	if ! (head -c 3000 /dev/urandom | base64 -w0; echo) > "$T/v" || ! dd if="$T/v" of="$A/big" bs=8192 status=none 2> "$T/err"; then
		refused=$(cat "$T/err")
		break
	fi
	written=$i
done
like "a full disk is said to be full" 'No space left on device' echo "$refused"
is "reads go on" before cat "$M/a/b/@recency/p"
is "and over HTTP" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/v1/query?concept_path=a/b&predicate=p"
is "a write over HTTP is 503 with a reason" 503 curl -s -o "$T/body" -w '%{http_code}' "http://127.0.0.1:$P/v1/assert" -d '{"concept_path":"a/b","predicate":"q","object":"x"}'
like "which names the disk" 'disk' cat "$T/body"
like "the status says so" 'full' bash -c "$STEME status --dir $D --json | jq -r .daemon.writes.state,.writes.state,.status.writes.state"
rm "$D/filler"
resumed=
for _ in $(seq 50); do
	(echo after > "$A/p") 2>/dev/null && { resumed=yes; break; }
	sleep 0.2
done
is "writes go on by themselves when there is room" yes echo "$resumed"
is "and are read" after cat "$M/a/b/@recency/p"
echo "     ($written claims of 4,000 bytes were taken before it was full)"

# --- others fill the disk, and nobody writes: it is noticed, and the reserve is for the cure
soon () { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
state () { [ "$("$STEME" status --dir "$D" --json | jq -r .daemon.writes.state)" = "$1" ]; }
held () { [ -e "$D/wal/reserve" ]; }
gone () { ! held; }
ok "there is a reserve" soon held
dd if=/dev/zero of="$D/filler" bs=1M status=none 2>/dev/null
ok "a disk that others filled is noticed without a write" soon state full
ok "the reserve is given back" soon gone
ok "so that gzip has room" gzip -k "$(ls "$D"/wal/segment.*.wal | head -n 1)"
curl -s -o /dev/null "http://127.0.0.1:$P/v1/admin/storage/compact" -d '{"force": true}'
ok "so has compaction" soon grep -q 'compaction complete' "$D/log/storage.log"
rm "$D/filler" "$D"/wal/*.gz
ok "and when there is room writes go on" soon state ok
ok "and the reserve is taken again" soon held
ok "the sample loads into several segments" "$STEME" import --dir "$D" "$TOP/etc/sample/countries.ndjson"
ok "nothing acknowledged is lost: verify" "$STEME" verify --dir "$D"

# --- the index is disposable
n=$(curl -s "http://127.0.0.1:$P/v1/health" | jq .assertions_count)
ok "down" down
rm -rf "$D/kv"
ok "up without an index builds it from the log" up
is "with the same number of assertions" "$n" bash -c "curl -s http://127.0.0.1:$P/v1/health | jq .assertions_count"
ok "rebuild beside a running daemon" "$STEME" rebuild --dir "$D"
is "loses nothing either" "$n" bash -c "curl -s http://127.0.0.1:$P/v1/health | jq .assertions_count"
down >/dev/null
mv "$D/kv" "$T/kv.corrupted"
ok "the runbook's offline rebuild works" "$STEME_BUILD/stemedb-api" --rebuild-from-wal --wal-path "$D/wal" --kv-path "$D/kv"
not_ok "it refuses a folder that is not empty" "$STEME_BUILD/stemedb-api" --rebuild-from-wal --wal-path "$D/wal" --kv-path "$D/kv"
ok "verify without a daemon" "$STEME" verify --dir "$D"
ok "up with what it built" up
is "which holds the same" "$n" bash -c "curl -s http://127.0.0.1:$P/v1/health | jq .assertions_count"
down >/dev/null

# --- gzipped and moved segments
closed=$(ls "$D"/wal/segment.*.wal | sort | head -n 1)
gzip "$closed"
ok "verify reads a gzipped segment" "$STEME" verify --dir "$D"
rm -rf "$D/kv"
ok "so does a rebuild" "$STEME" rebuild --dir "$D"

# --- damage is named
second=$(ls "$D"/wal/segment.*.wal | sort | head -n 1)
cp "$second" "$T/keep"
printf '\377' | dd of="$second" bs=1 seek=3000 conv=notrunc status=none
not_ok "verify sees a flipped byte" "$STEME" verify --dir "$D"
like "and names the file" "$(basename "$second" .wal | sed 's/segment\.0*//')" "$STEME" verify --dir "$D"
cp "$T/keep" "$second"
ok "and is content again when it is mended" "$STEME" verify --dir "$D"
done_testing
