#!/usr/bin/env bash
# The operators' runbooks, command by command, as they stand there: same paths, same ports.
#
# Everything happens in namespaces of its own (mounts, network, processes) over a copy of
# the file tree that is thrown away, so /etc, /var, /mnt and ports 18180 and 18181 are the
# test's.  systemctl, sudo and ssh are played by shims over `steme`; journalctl is the
# wrapper that is installed; watch and what follows a log end after a moment.  Nodes'
# names mean this one.
#
# run N <<'C' ... C      runs command N of the list in this shell (cd and export last)
# prints / prints_not REGEX, empty, exits N, json FILTER, that SENTENCE COMMAND...
#                        what the runbook promises of it
# RUNBOOKS_LOAD_SECONDS: how long hey loads (the runbook's 60; 3 unless given)
# shellcheck disable=SC2016,SC2048,SC2086
set -u

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "runbooks are run by root, and so is this test"; exit 1; }
	BUILD=$(cd "${STEME_BUILD:-.}" && pwd)
	TOP=$(cd "${srcdir:-.}" && pwd)
	T=$(mktemp -d "${TMPDIR:-/tmp}/steme-runbooks.XXXXXX") || exit 99
	trap 'rm -rf -- "$T"' EXIT
	make -s -C "$BUILD" install DESTDIR="$T/inst" >"$T/install.log" 2>&1 ||
	    { tail "$T/install.log"; exit 1; }
	mkdir "$T/ns"
	export BUILD TOP T
	# shellcheck disable=SC2016
	unshare -mnp --fork --kill-child --mount-proc bash -c '
	    mount --make-rprivate / && mount -t tmpfs tmpfs "$T/ns" && ip link set lo up || exit 99
	    R=$T/ns/root; mkdir "$R" "$T/ns/upper" "$T/ns/work"
	    mount -t overlay overlay -o "lowerdir=/,upperdir=$T/ns/upper,workdir=$T/ns/work" "$R" || exit 99
	    for d in dev proc sys; do mount --rbind "/$d" "$R/$d" || exit 99; done
	    for d in "$T" "$TOP" "$BUILD"; do mkdir -p "$R$d" && mount --bind "$d" "$R$d" || exit 99; done
	    exec chroot "$R" bash "$TOP/tests/runbooks.sh" inside' </dev/null
	exit
fi

# ---- within

S=$T/shims
passed=0 failed=0 current='' why='' shims='' ran='' OUT='' ERR='' RC=0
BIN=$(dirname "$(find "$T/inst" -name steme -type f -perm -1 | head -1)")
SBIN=$(dirname "$(find "$T/inst" -name stemedb-api -type f | head -1)")
WRAP=$(dirname "$(find "$T/inst" -path '*libexec/stemedb/bin/journalctl' | head -1)")
NAME=$(hostname)

mkdir -p "$S"
shim () { { echo '#!/bin/bash'; cat; } >"$S/$1" && chmod +x "$S/$1"; }
shim sudo <<<'exec "$@"'
shim ssh <<<'shift; exec bash -c "$*"'
shim sleep <<<'exec /usr/bin/sleep "$(awk -v n="$1" "BEGIN { print n > 1 ? 0.05 : n }")"'
shim watch <<<'TERM=xterm exec timeout 2 /usr/bin/watch "$@"'
shim hey <<<'set -- "${@/60s/${RUNBOOKS_LOAD_SECONDS:-3}s}"; exec /usr/bin/hey "$@"'
shim journalctl <<END
case " \$* " in
(*" -f "*) exec timeout 3 "$WRAP/journalctl" "\$@" ;;
(*) exec "$WRAP/journalctl" "\$@" ;;
esac
END
# the unit, with its drop-in
shim systemctl <<END
dropin=/etc/systemd/system/stemedb-api.service.d/override.conf
[ -f "\$dropin" ] && eval "\$(sed -n 's/^Environment=/export /p' "\$dropin")"
case \$1.\$2 in
(daemon-reload.) exit 0 ;;
(edit.stemedb-api) mkdir -p "\${dropin%/*}" && exec "\$EDITOR" "\$dropin" ;;
(start.stemedb-api) exec "$BIN/steme" up ;;
(stop.stemedb-api) exec "$BIN/steme" down ;;
(restart.stemedb-api) exec "$BIN/steme" restart ;;
(start.*.service|start.*.timer|stop.*.service|stop.*.timer|is-active.*) exec archive-unit "\$1" "\$2" ;;
esac
echo "Failed to \$1 \$2: Unit \$2 not loaded." >&2
exit 5
END
# The units of backup and compression, as they are installed: by their names or aliases; a
# service is its ExecStart in a group of processes that a stop ends, a timer a file.
shim archive-unit <<END
units=$(dirname "$(find "$T/inst" -name stemedb-backup.timer)") state=$T/units
mkdir -p "\$state"
unit=\$(cd "\$units" && { [ -f "\$2" ] && echo "\$2" || grep -lx "Alias=\$2" -- *; } 2>/dev/null)
[ -n "\$unit" ] || { echo "Failed to \$1 \$2: Unit \$2 not loaded." >&2; exit 5; }
alive () { [ -f "\$state/\$unit" ] && { [ "\${unit##*.}" = timer ] || kill -0 -- "-\$(cat "\$state/\$unit")" 2>/dev/null; }; }
case \$1.\${unit##*.} in
(is-active.*) if alive; then echo active; else echo inactive; exit 3; fi ;;
(start.timer) : >"\$state/\$unit" ;;
(start.service)
	start=\$(sed -n 's/^ExecStart=//p' "\$units/\$unit")
	setsid "$T/inst\$start" >"\$state/\$unit.out" 2>&1 &
	echo \$! >"\$state/\$unit" ;;
(stop.timer) rm -f "\$state/\$unit" ;;
(stop.service)
	if alive; then
		kill -TERM -- "-\$(cat "\$state/\$unit")"
		for i in \$(seq 600); do alive || break; /usr/bin/sleep 0.1; done
	fi
	! alive ;;
esac
exit
END
shim editor <<'END'
printf '[Service]\nEnvironment="STEMEDB_CACHE_SIZE_MB=2048"\n' >"$1"
END
export EDITOR=editor PATH="$S:$BIN:$SBIN:$PATH" COLUMNS=512 HOME=/root LC_ALL=C.UTF-8
unset STEME_DIR XDG_CONFIG_HOME http_proxy https_proxy

verdict () {	# of the command so far
	[ -n "$current" ] || return 0
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "ok   $current${shims:+ (by shim)}"
	else
		failed=$((failed + 1))
		printf 'FAIL %s: %s\n' "$current" "$why"
		printf '%s\n' "exit status $RC" "${OUT:0:1500}" "${ERR:0:500}" | sed 's/^/     /'
	fi
}
run () {
	verdict
	current=$1 why='' shims='' ran="$ran $1"
	local cmd
	cmd=$(cat)
	case $cmd in (*systemctl*|*ssh\ *|*journalctl*) shims=1 ;; esac
	set +u		# as in an operator's shell
	eval "$cmd" >"$T/out" 2>"$T/err" </dev/null
	RC=$?
	set -u
	OUT=$(tr -d '\0' <"$T/out") ERR=$(tr -d '\0' <"$T/err")
}
bad () { why=${why:-$*}; }
prints () { grep -Eq -- "$1" <<<"$OUT" || bad "does not print $1"; }
prints_not () { ! grep -Eq -- "$1" <<<"$OUT" || bad "prints $1"; }
empty () { [ -z "$OUT" ] || bad "prints something"; }
exits () { [ "$RC" = "$1" ] || bad "exits with $RC, not $1"; }
json () { jq -e "$1" <<<"$OUT" >/dev/null || bad "its answer is not $1"; }
that () { local s=$1; shift; "$@" >/dev/null 2>&1 || bad "$s"; }

U=http://localhost:18180
metric () { curl -s $U/metrics | sed -n "s/^$1 //p"; }
eventually () { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; /usr/bin/sleep 0.1; done; return 1; }
ready () { curl -sf $U/readyz; }
index_ready () { curl -sf $U/v1/admin/indexes/status | jq -e '.status == "ready"'; }

# ---- the node

mkdir -p /etc/stemedb /backup
cat >/etc/hosts <<'END'
127.0.0.1 localhost node1 node2 node3 healthy-node lagging-node replica
END
sed -e 's/^# hosts = .*/hosts = ["node1", "node2", "node3", "healthy-node", "lagging-node", "replica"]/' \
    -e 's/^# segment_mb = .*/segment_mb = 1/' "$TOP/etc/api.toml" >/etc/stemedb/api.toml
systemctl start stemedb-api >"$T/up" 2>&1 || { cat "$T/up"; exit 1; }
python3 -c '
import json
for i in range(7000):
    print(json.dumps({"concept_path": "load/c%d" % (i % 100), "predicate": "p%d" % i, "object": "x" * 4000}))
' | curl -sS --data-binary @- $U/v1/assertions >"$T/load" || exit 1
for i in $(seq 30); do
	curl -s "$U/v1/query?concept_path=load/c$((i % 3))" >/dev/null
done
# a request that fails, one whose credentials fail, one that needs the daemon and has none
curl -s -H 'X-API-Key: wrong' $U/v1/admin/api-keys >/dev/null
curl -s -d '{"text":"steme vote 1\nconcept a\nassertion '"$(printf '%064d' 1)"'\nweight 1\ntime 2026-01-01T00:00:00.000000Z\nagent '"$(printf '%064d' 2)"'\n\n","signature":"'"$(printf '%0128d' 3)"'"}' $U/v1/vote >/dev/null
curl -s -X POST $U/v1/admin/node/drain >/dev/null
curl -s -d '{"concept_path":"a","predicate":"p","object":1}' $U/v1/assert >/dev/null
curl -s -X POST $U/v1/admin/node/undrain >/dev/null
. "$TOP/tests/runbooks-list.sh"
verdict
steme down >/dev/null 2>&1

# each command of the list was run, unless it is known to be missing
expand () { for r in $*; do seq "${r%-*}" "${r#*-}"; done; }
for n in $(expand "$PRODUCT"); do
	case " $MISSING $ran " in (*" $n "*) ;; (*) failed=$((failed + 1)); echo "FAIL $n: was not run" ;; esac
done
echo "$passed passed, $failed failed; missing: $MISSING"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
