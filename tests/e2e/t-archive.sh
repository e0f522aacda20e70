#!/bin/bash
# Backup and compression of the log, by the scripts that the timers run; restoring.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

BACKUP=$TOP/etc/archive/stemedb-backup ARCHIVER=$TOP/etc/archive/stemedb-log-archiver
B=$T/backups
export PATH="$STEME_BUILD:$PATH"
W=$D/wal
until_ok () { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
load () {	# FROM: 600 claims of about 4 kB
	python3 -c '
import json, sys
for i in range(600):
    print(json.dumps({"concept_path": "load/c%d" % (i % 10), "predicate": "p%d" % (int(sys.argv[1]) + i), "object": "x" * 4000}))
' "$1" | curl -sS --data-binary @- "http://127.0.0.1:$P/v1/assertions" >"$T/load.$1"
}
ids () {	# DIR: how many claims it has, and which
	"$STEME" query --prefix load --limit 10000 --json --dir "$1" |
	    grep -oE '"(assertion_)?id": ?"[0-9a-f]{64}"' | sort -u >"$T/ids"
	echo "$(wc -l <"$T/ids") $(sha256sum <"$T/ids")"
}
count () { find "$1" -maxdepth 1 -regextype posix-extended -regex ".*/$2" | wc -l; }
plain () { count "$W" 'segment\.[0-9]{3,}\.wal'; }
packed () { count "$W" 'segment\.[0-9]{3,}\.wal\.gz'; }
backups () { count "$B" 'stemedb-[0-9T]+Z'; }
newest () { find "$B" -maxdepth 1 -name 'stemedb-2*' | sort | tail -1; }
second () { local s; s=$(date +%s); until_ok eval "[ \$(date +%s) != $s ]"; }

mkdir "$D"
chmod 700 "$D"
printf '[wal]\nsegment_mb = 1\n' >"$D/api.toml"
up || exit 1
load 0

# ---- backup
like "help names the options" 'usage.*--keep' "$BACKUP" --help
like "a folder without a log is no data folder" 'nowhere/wal is no folder.*--dir' "$BACKUP" --dir "$T/nowhere"
like "the log's own folder takes no backups" 'lies within the log' "$BACKUP" --dir "$D" --to "$W/x"
not_ok "and nothing is made there" test -e "$W/x"
like "nor can none be kept" 'keep 0: must be a whole number' "$BACKUP" --dir "$D" --keep 0
ok "a backup is made while the daemon runs" "$BACKUP" --dir "$D" --to "$B"
first=$(newest)
is "of each segment" "$(plain)" sh -c "ls '$first/wal' | wc -l"
is "the keys are the owner's alone" "600 700" \
    sh -c "echo \$(stat -c %a '$first'/keys/*.pem | sort -u) \$(stat -c %a '$first/keys')"
ok "with the configuration" cmp "$D/api.toml" "$first/api.toml"
before=$(ids "$D")
like "the store has 600 claims" '^600 ' echo "$before"
second
load 600 &
loading=$!
like "the next, while claims are written, links what is closed" ' [1-9][0-9]* of them linked' "$BACKUP" --dir "$D" --to "$B"
wait "$loading"
ok "which is the same file" [ "$first/wal/segment.001.wal" -ef "$(newest)/wal/segment.001.wal" ]
not_ok "and not that of the store" [ "$first/wal/segment.001.wal" -ef "$W/segment.001.wal" ]
like "a second one at the same time is refused" 'another backup' flock "$B" "$BACKUP" --dir "$D" --to "$B"

# restoring, into a folder of its own
restore () {	# BACKUP
	rm -rf "$T/r" && mkdir "$T/r" && cp -a "$1/." "$T/r/" && chmod 700 "$T/r" && mkdir -p "$T/rm" &&
	    "$STEME" up --dir "$T/r" --mount "$T/rm" --port "$(free_port)"
}
ok "what was copied first can be restored and started" restore "$first"
ok "and verified" "$STEME" verify --dir "$T/r"
is "it has the same ids" "$before" ids "$T/r"
"$STEME" down --dir "$T/r" >/dev/null
ok "so can what was copied under load" restore "$(newest)"
ok "and verified, too" "$STEME" verify --dir "$T/r"
"$STEME" down --dir "$T/r" >/dev/null

# the newest segment grows between two reads of the copying: a hole, and groups behind it
mkdir "$T/bin"
cat >"$T/bin/cp" <<END
#!/bin/bash
/usr/bin/cp "\$@" || exit
case "\$*" in
(*--sparse=always*) for last; do :; done
	f=\$last
	end=\$(python3 -c 'import sys; print(len(open(sys.argv[1], "rb").read().rstrip(b"\\0")) // 512 * 512)' "\$f")
	dd if=/dev/zero of="\$f" bs=512 seek=\$((end / 512 - 12)) count=4 conv=notrunc status=none ;;
esac
END
chmod +x "$T/bin/cp"
for i in 1 2 3 4 5 6 7 8 9 10; do "$STEME" assert single p$i "$i" >/dev/null; done	# a group each
second
ok "a copy with a hole is made whole" env PATH="$T/bin:$PATH" "$BACKUP" --dir "$D" --to "$B"
rm "$T/bin/cp"
ok "by ending before it: it can be started" restore "$(newest)"
ok "and verified as well" "$STEME" verify --dir "$T/r"
"$STEME" down --dir "$T/r" >/dev/null
rm -rf "$T/r"

# stopped half-way, as systemd does it: a signal to all of its processes
had=$(backups)
printf '#!/bin/sh\n[ ! -e %s ] || { touch %s; exec sleep 600; }\nexec /usr/bin/cp "$@"\n' "$B/.p" "$T/half" >"$T/bin/cp"
chmod +x "$T/bin/cp"
second
touch "$B/.p"
PATH="$T/bin:$PATH" setsid "$BACKUP" --dir "$D" --to "$B" >"$T/half.out" 2>&1 &
half=$!
ok "a backup is under way" until_ok test -e "$T/half"
ok "under another name" sh -c "ls -d '$B'/.partial-stemedb-*"
kill -TERM -- "-$half"
wait "$half"
is "stopped, it ends by the signal" 143 echo $?
like "says so" 'nothing of it is left' cat "$T/half.out"
is "leaves nothing" "" find "$B" -name '.partial*'
is "under no name" "$had" backups
rm "$T/bin/cp" "$B/.p"
mkdir "$B/.partial-stemedb-20200101T000000Z" "$B/mine"
touch "$B/stemedb-notes"
ok "the next one is whole" "$BACKUP" --dir "$D" --to "$B" --keep 2
is "what a power cut left is gone" "" find "$B" -name '.partial*'
is "as many stay as are to be kept" 2 sh -c "ls -d '$B'/stemedb-2* | wc -l"
ok "and what is no backup" test -d "$B/mine" -a -e "$B/stemedb-notes"

# ---- compression
like "help names the variable that deletes" STEMEDB_DELETE_GZ_DAYS "$ARCHIVER" --help
like "days are a number" 'days x: must be' "$ARCHIVER" --dir "$D" --days x
like "deleting at once is refused" 'DELETE_GZ_DAYS=0: must be' env STEMEDB_DELETE_GZ_DAYS=0 "$ARCHIVER" --dir "$D"
like "young segments stay as they are" ': 0 segments compressed, 0 deleted' "$ARCHIVER" --dir "$D"
before=$(ids "$D")
n=$(plain)
open=$(ls "$W"/segment.*.wal | tail -1)
echo mine >"$W/notes.wal"
touch "$W/segment.1.wal"
find "$W" -name '*.wal' -exec touch -d '40 days ago' {} +
chmod 640 "$W/segment.001.wal"
was=$(stat -c '%Y %a %U' "$W/segment.001.wal")
like "a second one at the same time is refused" 'another one' flock "$W" "$ARCHIVER" --dir "$D"
like "old ones are compressed" ": $((n - 1)) segments compressed, 0 deleted" "$ARCHIVER" --dir "$D"
is "all but the open one" "$open" sh -c "ls '$W'/segment.[0-9][0-9]*.wal | grep -v 'segment.1.wal'"
is "they keep time, mode and owner" "$was" stat -c '%Y %a %U' "$W/segment.001.wal.gz"
is "what is no segment is left alone" "mine 0" sh -c "echo \$(cat '$W/notes.wal') \$(stat -c %s '$W/segment.1.wal')"
is "the store has what it had" "$before" ids "$D"
ok "and verifies" "$STEME" verify
rm "$W/segment.1.wal"

second
ok "a backup takes compressed segments" "$BACKUP" --dir "$D" --to "$B"
ok "and is restored" restore "$(newest)"
is "with the same ids" "$before" ids "$T/r"
"$STEME" down --dir "$T/r" >/dev/null

gunzip -k "$W/segment.001.wal.gz"
touch -d '40 days ago' "$W/segment.001.wal"
like "one that was ended before it removed the segment is finished" ': 1 segments compressed' "$ARCHIVER" --dir "$D"
gunzip -k "$W/segment.001.wal.gz"
touch -d '40 days ago' "$W/segment.001.wal"
cp -p "$W/segment.001.wal.gz" "$T/good.gz"
gzip -c /dev/null >"$W/segment.001.wal.gz"
like "a .gz that holds something else is told" 'holds something else' "$ARCHIVER" --dir "$D"
ok "and the segment stays" test -s "$W/segment.001.wal"
cp -p "$T/good.gz" "$W/segment.001.wal.gz"
rm "$W/segment.001.wal"

# deleting: only on demand, only while the daemon runs
n=$(packed)
is "nothing is deleted unasked, however old" "$n" sh -c "find '$W' -name '*.gz' -exec touch -d '400 days ago' {} +; '$ARCHIVER' --dir '$D' >/dev/null; ls '$W'/*.gz | wc -l"
down >/dev/null
like "nor while the daemon does not run" 'does not run.*nothing is deleted' env STEMEDB_DELETE_GZ_DAYS=90 "$ARCHIVER" --dir "$D"
is "really" "$n" packed
up
rm "$W/segment.001.wal.gz"	# as an operator would have
like "on demand old ones go, the newest closed one stays" ": 0 segments compressed, $((n - 2)) deleted" \
    env STEMEDB_DELETE_GZ_DAYS=90 "$ARCHIVER" --dir "$D"
is "one is left" 1 packed
is "the index still has everything" "$before" ids "$D"

# a nearly full disk: the small one fits first and makes room for the large one
full () {
	mount -t tmpfs -o size=3m tmpfs "$T/small" && mkdir "$T/small/wal" && cd "$T/small/wal" || return 99
	head -c 700k /dev/urandom >segment.001.wal
	head -c 1500k /dev/zero >segment.002.wal
	: >segment.003.wal
	head -c 600k /dev/zero >filler
	touch -d '40 days ago' ./*
	"$ARCHIVER" --dir "$T/small" || return
	ls
}
export -f full
export ARCHIVER T
mkdir "$T/small"
is "on a nearly full disk one makes room for the next" "filler segment.001.wal.gz segment.002.wal.gz segment.003.wal" \
    bash -c "unshare -rm bash -c full 2>'$T/full.err' | grep -v compressed | xargs"
like "what did not fit at first was told" 'segment.001.wal could not be compressed: it stays' cat "$T/full.err"

# ---- the units
U=$T/units
mkdir "$U"
for u in "$TOP"/etc/systemd/stemedb-{backup,log-archiver}.*; do
	f=${u##*/}
	sed "s#@bindir@#$STEME_BUILD#; s#@pkglibexecdir@#$TOP/etc/archive#" "$u" >"$U/${f%.in}"
done
for f in stemedb-backup stemedb-log-archiver; do
	for k in service timer; do
		is "$f.$k passes systemd-analyze" "" systemd-analyze verify --man=no "$U/$f.$k"
	done
done
R=$T/root
mkdir -p "$R/etc/systemd/system" "$R/usr/lib/systemd"
cp -r "$U" "$R/usr/lib/systemd/system"
ok "enabled they have the short names" systemctl --root="$R" enable stemedb-backup.service stemedb-backup.timer \
    stemedb-log-archiver.service stemedb-log-archiver.timer
for f in backup.service backup.timer log-archiver.service log-archiver.timer; do
	is "$f is that of stemedb" "stemedb-$f" sh -c "basename \"\$(readlink '$R/etc/systemd/system/$f')\""
done
done_testing
