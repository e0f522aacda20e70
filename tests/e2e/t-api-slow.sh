#!/usr/bin/env bash
# Slow clients: none holds a place for long, none stops the others.
. "${srcdir:-.}/tests/e2e/lib.sh"
. "${srcdir:-.}/tests/e2e/http.sh"

up_bare || { echo "cannot start"; exit 1; }
ulimit -n 8192 2>/dev/null
# about 9 MB in one answer
long=$(head -c 60000 /dev/zero | tr '\0' 'v')
for i in $(seq 150); do echo "{\"concept_path\":\"slow/big\",\"predicate\":\"p$i\",\"object\":\"$long\"}"; done |
	curl -sS --data-binary @- "$U/v1/assertions" >/dev/null
cat >"$T/slow.py" <<'EOP'
import http.client, socket, sys, threading, time
port = int(sys.argv[1])
BIG = b"GET /v1/query?concept_path=slow/big&limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
results, lock = [], threading.Lock()

def say(ok, text):
    with lock:
        results.append((ok, text))

def connect(rcvbuf=0):
    s = socket.socket()
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(30)
    s.connect(("127.0.0.1", port))
    return s

def ended(s):
    s.setblocking(False)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        s.setblocking(True)

def drip(name, head, byte, every, low, high, after=b""):
    s, start = connect(), time.monotonic()
    s.sendall(head)
    while time.monotonic() - start < 40:
        time.sleep(every)
        try:
            s.sendall(byte)
        except OSError:
            break
        if ended(s):
            break
    took = time.monotonic() - start
    say(low <= took <= high, "%s: ended after %.1f s" % (name, took))

def unread():
    s, start = connect(4096), time.monotonic()
    s.sendall(BIG)
    time.sleep(0.5)
    left = None
    while time.monotonic() - start < 40:
        time.sleep(0.5)
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        c.request("GET", "/metrics")
        m = c.getresponse().read().decode()
        c.close()
        left = [l for l in m.splitlines() if l.startswith("stemedb_http_slow_connections_total ")]
        try:
            s.send(b"")
            err = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError:
            err = 1
        if err:
            break
    took = time.monotonic() - start
    say(8 <= took <= 28, "an answer that nobody reads: dropped after %.1f s" % took)

def reads_slowly():
    s, got, start = connect(16384), 0, time.monotonic()
    s.sendall(BIG)
    while time.monotonic() - start < 16:
        b = s.recv(8192)
        if not b:
            break
        got += len(b)
        time.sleep(0.2)
    while True:
        b = s.recv(1 << 20)
        got += len(b)
        if not b or got > 9000000:
            break
    say(got > 9000000, "an answer read at 40 kB/s is not cut: %d bytes" % got)

def sends_slowly():
    s, start = connect(), time.monotonic()
    n = 20
    s.sendall(b"POST /v1/assertions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (n * 1500))
    for i in range(n):
        line = b'{"concept_path":"slow/up","predicate":"p%d","object":"' % i
        s.sendall(line + b"u" * (1500 - len(line) - 3) + b'"}\n')
        time.sleep(0.75)
    s.settimeout(20)
    got = b""
    while got.count(b"created") < n:
        b = s.recv(65536)
        if not b:
            break
        got += b
    say(got.count(b"created") == n, "a body that comes at 2 kB/s is taken: %d lines" % got.count(b"created"))

def crowd():
    slow = []
    for _ in range(1000):
        s = connect()
        s.sendall(b"GET /v1/query HTTP/1.1\r\nHo")
        slow.append(s)
    idle = []
    for _ in range(2000):
        s = connect()
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle.append(s)
    ok = sum(s.recv(4096).startswith(b"HTTP/1.1 200") for s in idle)
    say(ok == 2000, "2,000 keep-alive connections are served: %d" % ok)
    worst = 0
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for i in range(200):
        t = time.monotonic()
        c.request("GET", "/v1/query?concept_path=none/%d" % i)
        if c.getresponse().read().count(b'"results":[]') != 1:
            say(False, "a wrong answer beside the crowd")
        worst = max(worst, time.monotonic() - t)
    say(worst < 2, "beside them and 1,000 slow ones a query takes at most %.0f ms" % (worst * 1000))
    time.sleep(13)
    gone = sum(ended(s) for s in slow)
    say(gone == 1000, "the slow ones are gone: %d" % gone)
    gone = sum(ended(s) for s in idle)
    say(gone == 0, "the idle ones are not: %d gone" % gone)
    c = connect()
    c.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    say(c.recv(4096).startswith(b"HTTP/1.1 200"), "new ones are served")

jobs = [
    threading.Thread(target=drip, args=("headers, a byte a second", b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a", 1, 9, 14)),
    threading.Thread(target=drip, args=("a request line, a byte a second", b"GET /", b"a", 1, 9, 14)),
    threading.Thread(target=drip, args=("a body, 100 bytes a second",
        b"POST /v1/assert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n", b"x" * 50, 0.5, 9, 23)),
    threading.Thread(target=drip, args=("a fast body that turns slow",
        b"POST /v1/assertions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" + b"[]\n" * 100000, b"x", 0.5, 9, 34)),
    threading.Thread(target=unread), threading.Thread(target=reads_slowly),
    threading.Thread(target=sends_slowly), threading.Thread(target=crowd),
]
for j in jobs:
    j.start()
for j in jobs:
    j.join()
for ok, text in results:
    print("ok" if ok else "no", text)
EOP
python3 "$T/slow.py" "$P" >"$T/slow.out" 2>&1
while read -r verdict text; do
	if [ "$verdict" = ok ]; then pass "$text"; else fail "$verdict $text"; fi
done <"$T/slow.out"
is "all of it was tried" 12 bash -c "wc -l <'$T/slow.out'"
answers "and it goes on" 200 "$U/readyz"
done_testing
