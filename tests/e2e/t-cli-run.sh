#!/bin/bash
# steme up, down, restart, status, doctor: also after a kill, twice, and at once.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99

rc () { "$@" >/dev/null 2>&1; echo $?; }
pid_of () { cut -d' ' -f1 "$D/run/$1.pid"; }
alive () { kill -0 "$1" 2>/dev/null; }

is "status without a daemon is 69" 69 rc "$STEME" status
like "cannot connect names the socket and the cure" \
    "$D/run/control.sock.*steme up" "$STEME" query a/b
is "query without a daemon is 69" 69 rc "$STEME" query a/b
is "down of what never ran is 0" 0 rc "$STEME" down
ok "doctor finds nothing wrong before the first start" "$STEME" doctor --dir "$D"

ok "up" up
api=$(pid_of stemedb-api) fs=$(pid_of stemefs)
like "up a second time says so" 'already running' "$STEME" up
is "and returns 0" 0 rc "$STEME" up
is "up with another mount is refused" 75 rc "$STEME" up --mount "$T/other"
is "up with another port is refused" 75 rc "$STEME" up --port "$((P + 1))"
is "the mount answers" 0 rc test -f "$M/@status"
is "HTTP answers" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/healthz"

# nothing of the caller is held: a pipe that `up` got is closed when `up` ends
"$STEME" down >/dev/null
is "up holds no descriptor of its caller" done \
    timeout 20 sh -c "exec 7>'$T/held'; '$STEME' up --dir '$D' | cat >/dev/null; echo done"
fs=$(pid_of stemefs)
is "the daemon has only its own descriptors" 0 \
    sh -c "ls -l /proc/$fs/fd /proc/$(pid_of stemedb-api)/fd | grep -c '$T/held\|/dev/pts' || true"
is "it leads a session of its own" "$fs" sh -c "ps -o sid= -p $fs | tr -d ' '"
is "its folder is /" / readlink "/proc/$fs/cwd"

kill -9 "$fs"
sleep 0.2
is "a killed daemon: status is 69" 69 rc "$STEME" status
ok "up recovers a killed daemon" "$STEME" up
is "and the mount" 0 rc test -f "$M/@status"
api=$(pid_of stemedb-api)
kill -9 "$api"
ok "up recovers a killed sidecar" "$STEME" up
is "HTTP answers again" 200 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$P/healthz"

umount -l "$M" 2>/dev/null || fusermount3 -uz "$M"
sleep 1.5
ok "up recovers a lost mount" "$STEME" up
is "which answers" 0 rc test -f "$M/@status"

# a daemon that hangs hangs nobody else
fs=$(pid_of stemefs)
kill -STOP "$fs"
is "a daemon that hangs: status is 69 within 20 s" 69 rc timeout 20 "$STEME" status
is "up gives up" 75 rc timeout 40 "$STEME" up --wait 1
is "doctor says no" 1 rc timeout 40 "$STEME" doctor
kill -CONT "$fs"
ok "and restart begins anew" "$STEME" restart

# up meets a daemon that is about to end; without a mount, whose death would tell it
export STEME_DIR="$T/met"
P2=$(STEME_TEST_PORT=$((P + 1)) free_port)
"$STEME" up --no-mount --port "$P2" >/dev/null
read -r fs _ <"$T/met/run/stemefs.pid"
kill -STOP "$fs"
timeout 40 "$STEME" up >"$T/met.out" 2>&1 &
waiting=$!
sleep 6			# it looks whether all is well for 2 s, then waits for an answer
kill -9 "$fs"
wait "$waiting"
is "up starts another when the one it waits for ends" "0 running" echo "$? $(tail -n 1 "$T/met.out" | cut -d: -f1)"
"$STEME" down >/dev/null
export STEME_DIR="$D"

# a stale pid file whose number now belongs to somebody else
sleep 100 &
other=$!
"$STEME" down >/dev/null
echo "$other 12345" >"$D/run/stemefs.pid"
ok "down with a stale pid file" "$STEME" down
ok "a process that only has the number is left alone" alive "$other"
kill "$other"

ready=$(grep -c 'is ready' "$D/log/stemefs.log")
ok "several up at once agree" sh -c "for i in 1 2 3 4; do '$STEME' up --dir '$D' & done; wait"
is "one daemon was started" "$((ready + 1))" grep -c 'is ready' "$D/log/stemefs.log"

"$STEME" restart >"$T/restart.out" 2>&1
is "restart keeps mount and port" "running: data $D, mounted at $M, http://127.0.0.1:$P" \
    cat "$T/restart.out"
# what could not be started is refused before anything is ended
fs=$(pid_of stemefs)
is "restart refuses a port that is none" 65 rc "$STEME" restart --port 70000
is "a mount that is a file" 65 rc "$STEME" restart --mount "$T/restart.out"
is "both --mount and --no-mount" 64 rc "$STEME" restart --mount "$M" --no-mount
python3 -m http.server --bind 127.0.0.1 "$((P + 1))" >/dev/null 2>&1 &
web=$!
for _ in $(seq 50); do curl -s "http://127.0.0.1:$((P + 1))" >/dev/null && break; sleep 0.1; done
is "a port of somebody else" 75 rc "$STEME" restart --port "$((P + 1))"
kill "$web"
echo 'x = [' >"$D/api.toml"
is "and a configuration that cannot be read" 65 rc "$STEME" restart
rm "$D/api.toml"
ok "the same daemon runs after all that" alive "$fs"
ok "and answers" "$STEME" status

# two that start at once, with different wishes: the second sees what the first did
export STEME_DIR="$T/two"
mkdir -p "$STEME_DIR/run"
P3=$(STEME_TEST_PORT=$((P2 + 1)) free_port)
exec 9>"$STEME_DIR/run/up.lock"
flock 9
for p in "$P2" "$P3"; do
	( exec 9>&-; "$STEME" up --no-mount --port "$p" --wait 5 >"$T/two.$p" 2>&1; echo $? >>"$T/two.$p" ) &
done
sleep 1			# both have looked, and wait for the lock
exec 9>&-
until [ "$(cat "$T/two.$P2" "$T/two.$P3" | grep -cx '[0-9]*')" = 2 ]; do sleep 0.1; done
is "one starts, the other is told" "0 75" sh -c "tail -qn 1 '$T/two.$P2' '$T/two.$P3' | sort -n | xargs"
like "where it runs" 'it runs on port' cat "$T/two.$P2" "$T/two.$P3"
ok "which is what is recorded" "$STEME" up
"$STEME" down >/dev/null
export STEME_DIR="$D"

ok "status prints valid JSON" sh -c "'$STEME' status --json | jq -e '.daemon.lsn >= 1 and .mount.state == \"mounted\"'"
ok "doctor prints valid JSON" sh -c "'$STEME' doctor --json | jq -e '.bad == 0'"
is "doctor: 0 when all is well" 0 rc "$STEME" doctor

ok "down" "$STEME" down
ok "down again" "$STEME" down
is "nothing is mounted" 1 rc grep -q " $M " /proc/self/mountinfo
is "no socket is left" 1 rc test -e "$D/run/control.sock"

# failing starts say why, on the last line
python3 -m http.server --bind 127.0.0.1 "$((P + 1))" >/dev/null 2>&1 &
web=$!
for _ in $(seq 50); do curl -s "http://127.0.0.1:$((P + 1))" >/dev/null && break; sleep 0.1; done
like "a port in use is named" "port $((P + 1)).*in use" "$STEME" up --port "$((P + 1))"
kill "$web"
is "a wait beyond all measure is 64" 64 rc "$STEME" up --wait 18446744073709551615
is "a folder that cannot be made is 66" 66 rc "$STEME" up --dir /proc/none --no-mount
is "up with the old port goes on" 0 rc "$STEME" up
"$STEME" down >/dev/null
like "a mount that would hide the data" 'would hide' "$STEME" up --mount "$T"
if [ "$(id -u)" = 0 ]; then
	like "up says what a container needs that may not mount" 'cap-add SYS_ADMIN' \
		setpriv --bounding-set -sys_admin "$STEME" up --port "$P"
	like "so does doctor" 'BAD +fuse +this container may not mount' \
		setpriv --bounding-set -sys_admin "$STEME" doctor
fi
like "or everything" 'would hide' "$STEME" up --mount /
like "a mount among the daemon's own files" 'lies in .*/wal, where' "$STEME" up --mount "$D/wal/mnt"
like "a bad configuration is named" "api.toml" \
    sh -c "echo 'x = [' >'$D/api.toml'; '$STEME' up --dir '$D' 2>&1 | tail -n 1"
rm "$D/api.toml"
long=$T/$(printf 'x%.0s' $(seq 120))
like "a socket path that is too long" "at most 107" "$STEME" up --dir "$long"
is "is a data error" 65 rc "$STEME" status --dir "$long"

ok "without a mount" "$STEME" up --no-mount
is "nothing is mounted then" 1 rc grep -q " $M " /proc/self/mountinfo
ok "doctor agrees" "$STEME" doctor

# usage
is "a mistyped command is 64" 64 rc "$STEME" stauts
like "and the right one is guessed" "did you mean 'status'" "$STEME" stauts
like "so is an option" "did you mean --lens" "$STEME" query a --lense x
is "a mistyped option is 64" 64 rc "$STEME" query a --lense x
like "--version has the formats" 'object format 1' "$STEME" --version
is "no command is 64" 64 rc "$STEME"
for words in "bogus --json" "query --bogus --json" "query --json --bogus"; do
	# shellcheck disable=SC2086
	is "the complaint of $words is JSON" 64 sh -c "'$STEME' $words 2>&1 | jq .exit"
done
is "behind -- it is no option" 64 rc "$STEME" query a b -- --json
is "--json after --version" 1 sh -c "'$STEME' --version --json | jq .object_format"
# a limit on the size of files is an error like others, not the end by a signal
like "a file over its limit is told" 'cannot allocate a new log segment' \
    sh -c "ulimit -f 4096; '$STEME' up --dir '$T/limited' --no-mount --port $((P + 1))"
for cmd in $("$STEME" help --names); do
	like "$cmd --help has an example" '^example: steme ' "$STEME" "$cmd" --help
done
done_testing
