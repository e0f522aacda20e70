#!/bin/bash
# steme run: both daemons in the foreground as one service; and the units that run it.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

until_ok () { for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
ready () { curl -sf "http://127.0.0.1:$P/readyz" && test -f "$M/@status"; }
start () { "$STEME" run --mount "$M" --port "$P" >"$T/log" 2>&1 & service=$!; }
gone () { ! kill -0 "$1"; }
pid_of () { cut -d' ' -f1 "$D/run/$1.pid"; }
# Its exit status, once it has ended.  (wait: not from the subshell of a check.)
end () { wait "$service"; status=$?; }

# a socket like systemd's for what services tell
cat >"$T/notified.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    for line in s.recv(4096).decode().split("\n"):
        print(line, flush=True)
END
python3 "$T/notified.py" "$T/notify" >"$T/notified" &
listener=$!
until_ok test -S "$T/notify"

export NOTIFY_SOCKET=$T/notify LOGS_DIRECTORY=$T/logs
mkdir "$T/logs"
start
unset NOTIFY_SOCKET LOGS_DIRECTORY
ok "it starts both, which answer" until_ok ready
ok "systemd is told that it is ready" until_ok grep -qx READY=1 "$T/notified"
is "once, by the daemon" 1 grep -cx READY=1 "$T/notified"
ok "a claim is kept" "$STEME" assert a/b c d
is "both log to stderr" "stemedb-api stemefs" \
    sh -c "grep -oE '\"(stemefs|stemedb-api) [0-9.]+ is ready' '$T/log' | grep -oE 'stemefs|stemedb-api' | sort | tr '\n' ' ' | sed 's/ \$//'"
ok "each line is JSON with level, timestamp and message" \
    jq -e -s 'length > 3 and all(.level and .timestamp and .message)' "$T/log"
ok "storage.log lies where the unit has its logs" test -s "$T/logs/storage.log"
like "status knows them" '^daemon +running' "$STEME" status
is "a second one is refused" 75 sh -c "'$STEME' run --mount '$M' --port '$P' >/dev/null 2>&1; echo \$?"
like "and told how to end the first" 'served already.*steme down' "$STEME" run
like "up finds it running" 'already running' "$STEME" up
kill "$service"
end
is "SIGTERM ends it well" 0 echo "$status"
is "with what it started" "" pgrep -f "$STEME_BUILD/(stemefs|stemedb-api) --dir $D"
not_ok "and the mount" mountpoint -q "$M"

start
ok "it starts again" until_ok ready
is "and has the claim" d sh -c "'$STEME' query a/b c --json | jq -r '.results[0].object.value // .results[0].object'"
kill -9 "$(pid_of stemedb-api)"
end
is "a sidecar that is killed is a failure of the service" 70 echo "$status"
like "and said" 'stemedb-api was ended by signal 9' cat "$T/log"
is "the daemon was ended with it" "" pgrep -f "$STEME_BUILD/stemefs --dir $D"

start
ok "it starts after that" until_ok ready
fs=$(pid_of stemefs) api=$(pid_of stemedb-api)
kill -9 "$service"
end 2>/dev/null
ok "when it is killed itself the sidecar ends" until_ok gone "$api"
ok "and the daemon" until_ok gone "$fs"

start
ok "once more" until_ok ready
ok "steme down ends it, too" "$STEME" down
end
is "which is no failure" 0 echo "$status"
printf '[api]\nport = "x"\n' >"$D/api.toml"
start
end
like "a bad configuration is a failure at once" '^[1-9]' echo "$status"
like "and said" 'api.port: must be a whole number' cat "$T/log"
rm "$D/api.toml"
kill "$listener"
wait "$listener" 2>/dev/null

# the units, with the programs of this build
unit () { sed "s#@bindir@#$STEME_BUILD#; s#^ExecStart=steme#ExecStart=$STEME#" "$1" >"$T/stemedb-api.service"; }
if command -v systemd-analyze >/dev/null; then
	unit "$TOP/etc/systemd/stemedb-api.service.in"
	is "the unit passes systemd-analyze" "" systemd-analyze verify --man=no "$T/stemedb-api.service"
	unit "$TOP/etc/examples/laptop/stemedb-api.service"
	is "that of one person, too" "" systemd-analyze verify --man=no "$T/stemedb-api.service"
	cp "$T/stemedb-api.service" "$T/was" && sed -i 's/^Restart=.*/Restart=perhaps/' "$T/stemedb-api.service"
	like "which would have told of a mistake" perhaps systemd-analyze verify --man=no "$T/stemedb-api.service"
else
	fail "systemd-analyze is here (package systemd)"
fi
for line in 'RequiresMountsFor=/var/lib/stemedb /var/lib/stemedb/wal' LogRateLimitIntervalSec=0 LogsDirectory=stemedb; do
	ok "the unit has $line" grep -qxF "$line" "$TOP/etc/systemd/stemedb-api.service.in"
done
is "and nothing that hides the mount" "" grep -E '^(Protect|Private|ReadOnly|ReadWrite|Inaccessible|Bind|TemporaryFile)' \
    "$TOP/etc/systemd/stemedb-api.service.in"
done_testing
