#!/bin/bash
# steme journal: the logs of a store asked for as from journalctl, and the wrapper of that
# name.  What systemd's journal holds is played by a program that prints what it would.
. "${srcdir:-.}/tests/e2e/lib.sh" || exit 99
rc () { "$@" >/dev/null 2>&1; echo $?; }
j () { "$STEME" journal "$@"; }

is "without a log it says so" 66 rc j
like "and what to do" 'started by steme up' j
up || { fail "up"; done_testing; }

# known lines beside those of the start
old='{"timestamp":"2020-01-02T03:04:05.000000Z","level":"INFO","message":"old"}'
mv "$D/log/stemefs.log" "$T/was"
{ printf '%s\n' "$old"; cat "$T/was"; } >"$D/log/stemefs.log"
stamp () { date -u +%Y-%m-%dT%H:%M:%S.%6NZ; }
say () {	# say FILE LEVEL MESSAGE
	printf '{"timestamp":"%s","level":"%s","message":"%s"}\n' "$(stamp)" "$2" "$3" >>"$D/log/$1.log"
}
say stemefs ERROR 'Error: StorageError: first'
say stemedb-api WARN 'HTTP 500 POST /v1/assert agent_id=abc in 3.0 ms'
say stemefs ERROR 'Error: TimeoutError: third'
printf 'not JSON\n' >>"$D/log/stemefs.log"

is "both logs come in order of time" "StorageError HTTP TimeoutError not" \
    sh -c "'$STEME' journal -u stemedb-api -n 4 -o cat | grep -oE 'StorageError|HTTP|TimeoutError|^not' | tr '\n' ' ' | sed 's/ \$//'"
like "a line looks like one of journalctl" \
    "^[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} $(hostname) stemedb-api: .*HTTP 500" j -u stemedb-api -n 4
is "error types are found by the operators' pipeline" "StorageError TimeoutError" \
    sh -c "'$STEME' journal -u stemedb-api --since '5 min ago' | grep -i error |
        grep -oP 'Error: \K[^:]+' | sort | tr '\n' ' ' | sed 's/ \$//'"
is "and agents" abc sh -c "'$STEME' journal -u stemedb-api --since '5 min ago' |
    grep 'HTTP.*500' | grep -oP 'agent_id=\K[^ ]+'"
is "since leaves out what is older" 0 sh -c "'$STEME' journal --since '1 hour ago' | grep -c '\"old\"'"
is "until leaves out what is newer" "$old" j --until 2020-12-31 -o cat
is "level, timestamp and message are members" "Error: TimeoutError: third" \
    sh -c "'$STEME' journal -u stemedb-api --output=json |
        jq -r 'select(.level==\"ERROR\") | {time: .timestamp, error: .message} | .error' | tail -n 1"
ok "also of a line that is not JSON" sh -c "'$STEME' journal -o json -n 1 |
    jq -e '.message == \"not JSON\" and .level == \"INFO\" and (.timestamp | length) == 27'"
is "the newest first" third sh -c "'$STEME' journal -r -p err -o cat | head -n 1 | grep -o third"
is "by priority" 2 sh -c "'$STEME' journal -p err | wc -l"
is "letters in a row" 1 sh -c "'$STEME' journal -qrn1 | wc -l"
is "none" "" j -n 0
is "an unknown option is refused" 64 rc j --unti 5
is "a time that is none is refused" 64 rc j --since soon
is "a format that is not there is refused" 64 rc j -o verbose
is "another folder has no log" 66 rc j --dir "$T/none"

# following: new lines of both, a log that was cut off, and the end of the reader
mkfifo "$T/pipe"
timeout 60 "$STEME" journal -u stemedb-api -f -n 0 -o cat >"$T/followed" 2>&1 &
follower=$!
until_has () { for _ in $(seq 300); do grep -q "$1" "$T/followed" && return 0; "${@:2}"; sleep 0.1; done; return 1; }
ok "a follower gets what is written later" until_has MARK1 say stemefs INFO MARK1
ok "of both" until_has MARK2 say stemedb-api INFO MARK2
is "and nothing of before" 0 grep -c StorageError "$T/followed"
printf '{"timestamp":"%s","level":"INFO","mess' "$(stamp)" >>"$D/log/stemefs.log"
sleep 0.5
printf 'age":"MARK3"}\n' >>"$D/log/stemefs.log"
ok "a line that comes in two pieces" until_has '"message":"MARK3"'
cp "$D/log/stemefs.log" "$T/copy"
: >"$D/log/stemefs.log"
sleep 0.5
ok "goes on after the log was cut off" until_has MARK4 say stemefs INFO MARK4
kill "$follower"
wait "$follower" 2>/dev/null
ok "following ends with its reader" timeout 20 sh -c "'$STEME' journal -f | head -n 1"

# the journal of systemd, as far as this machine can have one
fake=$T/fake/journalctl
mkdir "$T/fake"
cat >"$fake" <<'END'
#!/bin/sh
echo "$*" >"$(dirname "$0")/asked"
case $* in
(*--output=json*) printf '%s\n' '{"MESSAGE":"{\"timestamp\":\"2026-11-21T08:00:00.000000Z\",\"level\":\"ERROR\",\"message\":\"from the journal\"}","PRIORITY":"3"}' \
    '{"MESSAGE":"Started stemedb-api.","PRIORITY":"6","__REALTIME_TIMESTAMP":"1000000"}' ;;
(*) echo "as it is" ;;
esac
exit 3
END
chmod +x "$fake"
export STEME_JOURNALCTL=$fake
is "members are lifted out of the journal, too" "from the journal" \
    sh -c "'$STEME' journal -u stemedb-api -f --output=json | jq -r 'select(.level==\"ERROR\") | .message'"
is "journalctl gets the words" "--unit=stemedb-api --follow --output=json" cat "$T/fake/asked"
is "and its status is passed on" 3 rc j -u stemedb-api -o json
is "without JSON its lines are as they are" "as it is" j -u stemedb-api -n 100
is "a number for -n is one word" "--unit=stemedb-api --lines=100" cat "$T/fake/asked"
is "what is about others is not touched" "as it is" j -k
export STEME_JOURNALCTL=/nonexistent/journalctl
is "no journalctl is said" 66 rc j -k
like "with what helps" dmesg j -k
unset STEME_JOURNALCTL

# the wrapper
wrapped () { PATH=$TOP/cli:$STEME_BUILD:$PATH "$@"; }
is "the literal command works with the wrapper in PATH" "Error: TimeoutError: third" \
    wrapped bash -c "cp '$T/copy' '$D/log/stemefs.log'
        journalctl -u stemedb-api --output=json | jq -r 'select(.level==\"ERROR\") | .message' | tail -n 1"
ok "and the kernel's log is left to journalctl" wrapped bash -c \
    "STEME_JOURNALCTL=$fake journalctl -k | grep -q 'as it is'"
done_testing
