#!/usr/bin/env bash
# The daemon dies, hangs and comes back; answers are never older than a write that was told.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

mkdir -p "$D"
printf '[api]\nrequest_timeout_seconds = 2\n' >"$D/api.toml"
up || { echo "cannot start"; exit 1; }
# As the sources have it: HELLO, then ASSERT frames (doc/wire-protocol.md).
cat >"$T/fresh.py" <<'EOP'
import http.client, json, os, socket, struct, subprocess, sys, threading, time, signal
d, m, port, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])

class Door:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(d + "/run/control.sock")
        self.ask(1, struct.pack("<HHQB", 1, 1, 0, 0) + b"\x04test")
    def read(self, n):
        b = b""
        while len(b) < n:
            part = self.s.recv(n - len(b))
            if not part:
                raise ConnectionError
            b += part
        return b
    def ask(self, type_, p):
        self.s.sendall(struct.pack("<IHHQ", len(p), type_, 0, 1) + p)
        n, _, flags, _ = struct.unpack("<IHHQ", self.read(16))
        p = self.read(n)
        if flags & 4:
            raise RuntimeError(p)
        return p
    def claim(self, concept, value):
        j = json.dumps({"concept_path": concept, "predicate": "n", "object": value}).encode()
        p = self.ask(5, struct.pack("<IBI", 0xffffffff, 0, 1) + struct.pack("<I", len(j)) + j)
        if struct.unpack("<i", p[:4])[0]:
            raise RuntimeError(p)

class Reader:
    def __init__(self):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    def value(self, concept):
        self.c.request("GET", "/v1/query?concept_path=" + concept)
        r = self.c.getresponse()
        b = r.read()
        if r.status != 200:
            return None
        rs = json.loads(b)["results"]
        return rs[0]["object"]["value"] if rs else 0

stale = 0
if mode == "doors":
    door, r, stop = Door(), Reader(), False
    def noise():
        n = Reader()
        while not stop:
            n.value("fresh/c")
    threads = [threading.Thread(target=noise) for _ in range(2)]
    for t in threads:
        t.start()
    os.makedirs(m + "/fresh/c", exist_ok=True)
    for i in range(1, count + 1):
        if i % 2:
            door.claim("fresh/c", i)
        else:
            with open(m + "/fresh/c/@assert/n", "w") as f:
                f.write("%d\n" % i)
        for _ in range(2):
            stale += r.value("fresh/c") != i
    stop = True
    for t in threads:
        t.join()
else:
    r, build = Reader(), os.environ["STEME_BUILD"]
    daemon = None
    for i in range(1, count + 1):
        if daemon:
            daemon.kill()
            daemon.wait()
        log = open(d + "/log/restarts.log", "ab")
        daemon = subprocess.Popen([build + "/stemefs", "--dir", d, "--no-mount"], stderr=log)
        while True:
            try:
                door = Door()
                door.claim("killed/c", i)
                break
            except (OSError, ConnectionError):
                time.sleep(0.005)
        v = r.value("killed/c")
        while v is None:                    # 503: not connected yet, which is no lie
            time.sleep(0.01)
            v = r.value("killed/c")
        stale += v != i
        for _ in range(20):
            stale += (r.value("killed/c") or i) != i
    daemon.terminate()
    daemon.wait()
print(stale)
EOP
is "2,000 writes by socket and mount, each then read twice over HTTP: none stale" 0 \
    python3 "$T/fresh.py" "$D" "$M" "$P" doors "${STEME_FRESH_WRITES:-2000}"
hits=$(get /metrics | awk '$1 == "stemedb_http_hot_hits_total" { print $2 }')
ok "while kept answers were given ($hits times)" test "$hits" -gt 1000

# --- killed
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
sleep 0.2
answers "without the daemon /healthz lives" 200 "$U/healthz"
for p in /readyz /v1/health '/v1/query?concept_path=fresh/c' '/v1/history?concept_path=fresh/c' \
    "/v1/objects/$(printf '%064d' 1)"; do
	answers "$p is 503" 503 "$U$p"
	ok "with Retry-After" has_header 'Retry-After: 1'
done
like "and says what to do" 'steme up' body
answers "a write is 503" 503 -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assert"
answers "in bulk, too" 503 -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assertions"
answers "/metrics answers" 200 "$U/metrics"
ok "that it is down" grep -qx 'stemedb_up 0' "$T/body"
answers "bad input is bad input all the same" 400 "$U/v1/query?lens=x"
ok "steme up brings it back" up
answers "ready again" 200 "$U/readyz"
ok "and up" bash -c "curl -s '$U/metrics' | grep -qx 'stemedb_up 1'"
is "with what was acknowledged" "${STEME_FRESH_WRITES:-2000}" bash -c \
    "curl -s '$U/v1/query?concept_path=fresh/c' | jq '.results[0].object.value'"

# --- hung
pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
get '/v1/query?concept_path=fresh/c' >/dev/null
kill -STOP "$pid"
sleep 1.3
start=$(date +%s%N)
answers "a daemon that hangs is 504, also for a kept answer" 504 "$U/v1/query?concept_path=fresh/c"
ms=$(( ($(date +%s%N) - start) / 1000000 ))
ok "after the timeout ($ms ms)" test "$ms" -ge 1900 -a "$ms" -lt 5000
answers "not ready" 503 "$U/readyz"
kill -CONT "$pid"
answers "and then it goes on" 200 "$U/v1/query?concept_path=fresh/c"
like "the timeout was counted" '^stemedb_query_timeout_total [1-9]' get /metrics

# --- killed and at once back, again and again, with what is kept
"$STEME" down --dir "$D" >/dev/null
up_bare || fail "it starts without a mount" "$(cat "$T/up.out")"
kill -9 "$(cut -d' ' -f1 "$D/run/stemefs.pid")"
is "ten times killed, started, written, read: none stale" 0 \
    env STEME_BUILD="$STEME_BUILD" python3 "$T/fresh.py" "$D" "$M" "$P" kills 10

# --- the sidecar ends with requests under way
up_bare || fail "it starts again" "$(cat "$T/up.out")"
pid=$(cut -d' ' -f1 "$D/run/stemefs.pid")
side=$(cut -d' ' -f1 "$D/run/stemedb-api.pid")
kill -STOP "$pid"
sleep 1.2
for i in 1 2 3 4 5 6 7 8; do
	curl -s -m 20 -o /dev/null -w '%{http_code}\n' "$U/v1/query?concept_path=x$i" >>"$T/codes" &
done
curl -s -m 20 -o /dev/null -d '{"concept_path":"a","predicate":"p","object":1}' "$U/v1/assertions" &
sleep 0.4
kill "$side"
for i in $(seq 100); do kill -0 "$side" 2>/dev/null || break; sleep 0.1; done
not_ok "the sidecar ends while eight requests hang" kill -0 "$side"
kill -CONT "$pid"
wait
is "each of which was answered" 8 bash -c "grep -c '^50[34]' '$T/codes'"
not_ok "nothing in its log is about a crash" grep -Ei 'sanitizer|panic|abort' "$D/log/stemedb-api.log"
like "it ended in order" 'stemedb-api ended' tail -1 "$D/log/stemedb-api.log"
done_testing
