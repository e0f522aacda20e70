#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# etc/monitoring without a server: rules and their alerts, dashboards, examples, and
# the counter of disk errors on a made-up /sys.  Needs promtool (package prometheus),
# python3 with yaml.
set -u
top=$(cd "${srcdir:-.}" && pwd)
here=$top/tests/monitoring mon=$top/etc/monitoring
T=$(mktemp -d) || exit 99
trap 'rm -rf -- "$T"' EXIT
passed=0 failed=0
export PYTHONDONTWRITEBYTECODE=1

ok () {		# ok "a sentence" COMMAND...
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1)); echo "ok   $name"
	else
		failed=$((failed + 1)); echo "FAIL $name"; echo "$out" | head -n 40
	fi
}
fails () { ! "$@"; }
not_ok () { local name=$1; shift; ok "$name" fails "$@"; }
is () {		# is "a sentence" WANTED COMMAND...
	local name=$1 want=$2 got
	shift 2
	got=$("$@" 2>&1)
	ok "$name" test "$got" = "$want"
	[ "$got" = "$want" ] || printf 'wanted: %s\ngot:    %s\n' "$want" "$got"
}

for need in promtool python3; do
	command -v $need >/dev/null || { echo "$need is missing: apt-get install prometheus python3 python3-yaml"; exit 1; }
done

# --- rules
ok "promtool takes the rules" promtool check rules "$mon"/rules/*.yml
ok "and the example configuration with them" promtool check config "$mon/prometheus.yml"
ok "every alert has a test, a severity, and a page" \
    python3 "$here/alerts.py" "$mon/rules" "$top/doc/monitoring.md" "$T/tests.json"
ok "every alert fires when it should, not earlier, and not otherwise" promtool test rules "$T/tests.json"
# these tests can fail: one threshold, one duration
cp -R "$mon/rules" "$T/broken"
sed -i 's/> 0\.05$/> 0.2/' "$T/broken/api.yml"
sed -i 's/for: 15m/for: 1m/' "$T/broken/storage.yml"
python3 "$here/alerts.py" "$T/broken" "$top/doc/monitoring.md" "$T/broken.json" >"$T/broken.out" 2>&1
promtool test rules "$T/broken.json" >"$T/broken.found" 2>&1
ok "a wrong threshold is noticed" grep -q HighAPIErrorRate "$T/broken.found"
ok "a wrong duration is noticed" grep -q "LSMCompactionLag: for is .1m." "$T/broken.out"

# --- dashboards
ok "dashboards are what Grafana expects" python3 "$here/dashboards.py" "$mon/dashboards" "$T/dashboards.json"
ok "promtool parses all their expressions" promtool check rules "$T/dashboards.json"
if command -v amtool >/dev/null; then
	ok "amtool takes the alert manager's example" amtool check-config "$mon/alertmanager.yml"
fi
ok "the alert manager's example names alerts there are" python3 - "$mon" <<'END'
import re, sys, yaml
sys.path.insert(0, sys.argv[1] + "/../../tests/monitoring")
from exprs import rules
known = {n for n, r in rules(sys.argv[1] + "/rules") if "alert" in r}
am = yaml.safe_load(open(sys.argv[1] + "/alertmanager.yml"))
named = re.findall(r"\w+", " ".join(m.split("=", 1)[1] for r in am["inhibit_rules"]
    for m in r["source_matchers"] + r["target_matchers"]).replace("~", ""))
sys.exit(", ".join(sorted(set(named) - known)) or (0 if named else "none"))
END

# --- the counter of disk errors
S=$T/sys B=$T/bin P=$T/disk.prom
mkdir -p "$S"/block/{sda,sdb,vda,nvme0n1,loop0,dm-0,md0,zram0}/device "$B"
echo 0x1f >"$S/block/sda/device/ioerr_cnt"
echo nonsense >"$S/block/sdb/device/ioerr_cnt"
cat >"$B/smartctl" <<'END'
#!/bin/sh
case "$*" in
(*/dev/sda) cat <<'EOF'
ID# ATTRIBUTE_NAME          FLAG     VALUE WORST THRESH TYPE      UPDATED  WHEN_FAILED RAW_VALUE
  5 Reallocated_Sector_Ct   0x0033   100   100   010    Pre-fail  Always       -       0
197 Current_Pending_Sector  0x0032   100   100   000    Old_age   Always       -       8
EOF
	exit 4 ;;
(*/dev/nvme0n1) printf 'Percentage Used:                    3%%\nMedia and Data Integrity Errors:    1,204\n' ;;
(*) echo "Smartctl open device failed" >&2; exit 2 ;;
esac
END
chmod +x "$B/smartctl"
echo boot-1 >"$T/boot"
cat >"$T/kmsg" <<'END'
6,1,100,-;vda: vda1
3,2,200,-;I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2
 SUBSYSTEM=block
 DEVICE=b254:0
3,3,300,c;blk_update_request: critical medium error, dev vda, sector 4096 op 0x1:(WRITE)
3,4,400,-;Buffer I/O error on dev vda, logical block 512, async page read
3,5,500,-;operation not supported error, dev nvme0n1, sector 0 op 0x9:(WRITE_ZEROES)
3,6,600,-;I/O error, dev sda, sector 1
END
disk () { PATH=$B:$PATH "$mon/stemedb-disk-metrics" --sysfs "$S" --kmsg "$T/kmsg" --boot-id "$T/boot" "${1:-$P}"; }
errors () { sed -n "s/^node_disk_io_errors_total{device=\"$1\"} //p" "$P"; }
counted () { sed -n 's/^node_disk_io_errors_total{device="\(.*\)".*/\1/p' "$P" | sort | paste -sd' '; }
lint () { promtool check metrics <"$P"; }
beside () { find "$T" -maxdepth 1 -name 'disk.prom?*'; }
ok "it counts" disk
ok "its output is well-formed" lint
is "SCSI counts by itself, in hexadecimal" 31 errors sda
is "other disks' errors are what the kernel told of, once each" 2 errors vda
is "what was not supported is no error" 0 errors nvme0n1
is "nonsense is none either" 0 errors sdb
is "only disks are counted" "nvme0n1 sda sdb vda" counted
ok "sectors the disk waits to replace" grep -qx 'node_disk_pending_sectors{device="sda"} 8' "$P"
is "of no other disk" 1 grep -c '^node_disk_pending_sectors{' "$P"
ok "damage an NVMe disk found" grep -qx 'node_disk_media_errors_total{device="nvme0n1"} 1204' "$P"
ok "it counts again" disk
is "the same messages count once" 2 errors vda
echo '3,7,700,-;I/O error, dev vda, sector 9' >>"$T/kmsg"
ok "after another error" disk
is "it is added" 3 errors vda
echo boot-2 >"$T/boot"
echo '3,1,100,-;I/O error, dev vda, sector 9' >"$T/kmsg"
ok "after another boot, whose messages are numbered anew" disk
is "counting goes on" 4 errors vda
is "everybody may read it" 644 stat -c %a "$P"
is "nothing else stays there" "" beside
printf '\000\377{\n# kmsg\n' >"$P"
ok "a spoiled old output is replaced" disk
is "and counted from what the kernel still tells" 1 errors vda
rm "$T/kmsg" "$B/smartctl"
ok "without smartctl and the kernel's messages it still works" disk
is "and keeps what was counted" 1 errors vda
not_ok "a name node_exporter would not read is refused" disk "$T/disk.txt"
not_ok "so is a folder that is missing" disk "$T/none/disk.prom"
if command -v systemd-analyze >/dev/null; then
	sed "s|/usr/libexec/stemedb/|$mon/|" "$mon/stemedb-disk-metrics.service" >"$T/stemedb-disk-metrics.service"
	cp "$mon/stemedb-disk-metrics.timer" "$T"
	is "systemd takes the units" "" systemd-analyze verify "$T/stemedb-disk-metrics.timer"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
