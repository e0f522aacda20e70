#!/usr/bin/env bash
# Standard tools on the mount, with the sample data.
. "${srcdir:-.}/tests/e2e/lib.sh"

up || { echo "cannot start"; exit 1; }
ok "the sample loads" "$STEME" import --dir "$D" "$TOP/etc/sample/countries.ndjson"
W=$M/world

is "ls counts the countries" 250 bash -c "ls $W | grep -vc ^@"
is "the listing is in the same order each time" "$(ls -U "$W" | sha256sum)" bash -c "ls -U $W | sha256sum"
is "cat reads a value" 'Paris' cat "$W/france/@consensus/capital"
like "grep -r prints a table" '@recency/capital:Paris$' grep -r . "$W/france/@recency"
ok "grep -r over many concepts" bash -c "test \$(grep -rl . $W/*/@consensus | wc -l) -gt 1500"
not_ok "diff -r sees where lenses disagree" diff -r "$W/bulgaria/@recency" "$W/bulgaria/@authority"
like "and prints how" '^[<>] (EUR|BGN)$' diff -r "$W/bulgaria/@recency" "$W/bulgaria/@authority"
ok "diff -r of a view with itself is silent" diff -r "$W/france/@recency" "$W/france/@recency"
is "wc -c agrees with stat" "$(stat -c %s "$W/france/@recency.json")" bash -c "wc -c < $W/france/@recency.json"
ok "cp -a copies" cp -a "$W/france/@recency" "$T/copy"
ok "and the copy is the same" diff -r "$W/france/@recency" "$T/copy"
is "with the same times" "$(stat -c %Y "$W/france/@recency/capital")" stat -c %Y "$T/copy/capital"
ok "rsync copies" rsync -a "$W/france/@recency/" "$T/rsynced/"
is "a second rsync transfers nothing" '' bash -c "rsync -ai --out-format=%n $W/france/@recency/ $T/rsynced/ | grep -v '/\$'"
ok "tar packs and unpacks" bash -c "tar -C $W/france -cf $T/t.tar @recency && mkdir $T/untar && tar -C $T/untar -xf $T/t.tar && diff -r $W/france/@recency $T/untar/@recency"
like "getfattr shows who says it" 'user.steme.class="' getfattr -d "$W/france/@authority/capital"
is "eight attributes" 8 bash -c "getfattr --absolute-names -d $W/france/@authority/capital | grep -c user.steme."
ok "python reads and maps" python3 - "$W/france/@recency/capital" <<'P'
import mmap, sys
with open(sys.argv[1], "rb") as f:
    a = f.read()
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    assert m[:] == a and a.endswith(b"\n") and a.count(b"\n") == 1
P
touch "$T/mark"; sleep 1.1
echo 'a claim' > "$W/france/@assert/note"
is "find -newer finds what a new claim changed" "$W/france/@recency/note" bash -c "find $W/france/@recency -type f -newer $T/mark"
is "d_type agrees with stat" '' bash -c "cd $W/france && for f in *; do [ -d \$f ] && t=d || t=f; find . -maxdepth 1 -name \$f ! -type \$t; done"
is "inode numbers in listing and stat agree" "$(ls -i "$W/france/@recency" | awk '{print $1}')" bash -c "cd $W/france/@recency && stat -c %i *"

# @changes grows
tail -n 0 -f -s 0.2 "$M/@changes" > "$T/tail" & tailpid=$!
sleep 0.7
echo 'another' > "$W/france/@assert/note"
for _ in $(seq 30); do [ -s "$T/tail" ] && break; sleep 0.1; done
kill "$tailpid"; wait "$tailpid" 2>/dev/null
like "tail -f follows @changes" '^[0-9]{20} [0-9]{20} assertion  [0-9a-f]{64}$' cat "$T/tail"
is "its lines have one width" 1 bash -c "awk '{print length}' $M/@changes | sort -u | wc -l"
is "its size is count times width" 0 bash -c "echo \$(( \$(stat -c %s $M/@changes) % \$(head -1 $M/@changes | wc -c) ))"
like "@status is JSON" '"lsn"' bash -c "jq -c . $M/@status"
like "@metrics is in Prometheus' format" '^# TYPE ' cat "$M/@metrics"
ok "df says what is left on the data's disk" python3 -c '
import os, sys
m, d = os.statvfs(sys.argv[1]), os.statvfs(sys.argv[2])
left = d.f_bavail * d.f_frsize
assert abs(m.f_bavail * m.f_frsize - left) <= left / 10, (m, d)
assert m.f_blocks > m.f_bfree > 0 and m.f_files == m.f_ffree, m' "$M" "$D"

# many readers while one view changes: each read is one whole value
python3 - "$W/france" <<'P' && pass "300 parallel readers never see a mix" || fail "300 parallel readers never see a mix"
import os, sys, threading, time
d = sys.argv[1]
vals = ["a" * 3000, "b" * 17, "c" * 1200]
stop = False
bad = []
def write():
    i = 0
    while not stop:
        with open(d + "/@assert/mix", "w") as f:
            f.write(vals[i % 3] + "\n")
        i += 1
def read():
    while not stop:
        try:
            with open(d + "/@recency/mix", "rb") as f:
                s = f.read().decode()
        except FileNotFoundError:
            continue
        if s[:-1] not in vals or not s.endswith("\n"):
            bad.append(s[:40])
with open(d + "/@assert/mix", "w") as f:
    f.write(vals[0] + "\n")
ts = [threading.Thread(target=read) for _ in range(300)] + [threading.Thread(target=write)]
for t in ts: t.start()
time.sleep(5)
stop = True
for t in ts: t.join()
print("bad:", bad[:3])
sys.exit(1 if bad else 0)
P

# a read after an acknowledged write is never stale, with readers keeping caches warm;
# as many rounds as a slow disk allows in three minutes
python3 - "$W/france" "${FRESH_ROUNDS:-10000}" > "$T/fresh" <<'P'
import multiprocessing, sys, time
d, rounds = sys.argv[1], int(sys.argv[2])
cur = multiprocessing.Value("i", 0)   # a new predicate every 500 rounds: a view costs what its claims cost
def read():
    while cur.value >= 0:
        try: open(d + "/@recency/fresh%d" % cur.value).read()
        except FileNotFoundError: pass
ps = [multiprocessing.Process(target=read) for _ in range(4)]
for p in ps: p.start()
stale = 0
end = time.monotonic() + 180
for i in range(rounds):
    if time.monotonic() > end: break
    cur.value = i // 500
    with open(d + "/@assert/fresh%d" % (i // 500), "w") as f: f.write("v%d\n" % i)
    with open(d + "/@recency/fresh%d" % (i // 500)) as f:
        if f.read() != "v%d\n" % i: stale += 1
cur.value = -1
for p in ps: p.join()
print("%d stale of %s" % (stale, "10,000" if i == 9999 else "%d rounds" % (i + 1)))
P
like "echo then cat: $(cat "$T/fresh")" '^0 stale' cat "$T/fresh"
stale=0
for i in $(seq 300); do
	echo "s$i" > "$W/france/@assert/shell"
	[ "$(cat "$W/france/@recency/shell")" = "s$i" ] || stale=$((stale + 1))
done
is "the same from a shell" 0 echo "$stale"
done_testing
