#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of GET /v1/feed for t-api-feed.sh, of sockets alone."""
import json
import os
import selectors
import signal
import socket
import sys
import time
import urllib.request


class Feed:
    """One feed; lines come out of the chunks as they arrive."""

    def __init__(self, port, path, last=None, rcvbuf=None):
        self.s = socket.socket()
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.connect(("127.0.0.1", port))
        self.s.settimeout(60)
        extra = "Last-Event-ID: %s\r\n" % last if last is not None else ""
        self.s.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path, extra)).encode())
        self.buf = b""
        self.body = b""
        self.head = None
        self.ended = False

    def take(self, data):
        """Adds bytes of the connection; chunk frames go."""
        if not data:
            self.ended = True
        self.buf += data
        if self.head is None:
            if b"\r\n\r\n" not in self.buf:
                return
            self.head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        while b"\r\n" in self.buf:
            size, rest = self.buf.split(b"\r\n", 1)
            n = int(size, 16)
            if n == 0:
                self.ended = True
                return
            if len(rest) < n + 2:
                return
            self.body += rest[:n]
            self.buf = rest[n + 2:]

    def read(self):
        try:
            self.take(self.s.recv(65536))
        except ConnectionError:
            self.ended = True

    def status(self):
        while self.head is None and not self.ended:
            self.read()
        return int(self.head.split()[1]) if self.head else 0

    def begun(self):
        while b"begins here" not in self.body and not self.ended:
            self.read()

    def blocks(self):
        """Whole events that are there: dicts of their fields."""
        while b"\n\n" in self.body:
            text, self.body = self.body.split(b"\n\n", 1)
            fields = {}
            for line in text.decode().split("\n"):
                if not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
            yield fields

    def events(self):
        """All until it ends."""
        while True:
            yield from self.blocks()
            if self.ended:
                return
            self.read()


def write(port, concept, n=1):
    lines = "\n".join(json.dumps({"concept_path": concept, "predicate": "p%d" % (i % 100),
                                  "object": "%d at %f" % (i, time.time())}) for i in range(n))
    r = urllib.request.Request("http://127.0.0.1:%d/v1/assertions" % port, lines.encode())
    with urllib.request.urlopen(r, timeout=120) as a:
        a.read()


def take(port, n, path, last=None):
    n = int(n)
    for e in Feed(port, path, last).events():
        if "data" in e:
            print(e["data"])
            n -= 1
            if n == 0:
                return


def live(port, concept):
    f = Feed(port, "/v1/feed")
    f.begun()
    write(port, concept)
    print(next(e["data"] for e in f.events() if "data" in e))


def many(port, n, concept):
    n = int(n)
    feeds = []
    while len(feeds) < n:
        f = Feed(port, "/v1/feed?prefix=many")
        if f.status() == 200:       # 503 until those of clients that left are forgotten
            feeds.append(f)
    for f in feeds:
        f.begun()
    write(port, concept)
    sel = selectors.DefaultSelector()
    for f in feeds:
        sel.register(f.s, selectors.EVENT_READ, f)
    told, until = 0, time.time() + 30
    while told < n and time.time() < until:
        for key, _ in sel.select(1):
            key.data.read()
            if any("data" in e for e in key.data.blocks()):
                told += 1
                sel.unregister(key.data.s)
    print("%d of %d" % (told, n))


def steady(port, last, n):
    """Comes back whenever it is cut off, as a browser does; lsns of steady/."""
    told = 0
    while told < int(n) + 50:
        try:
            f = Feed(port, "/v1/feed?prefix=steady", last)
            if f.status() != 200:
                raise ConnectionError
            for e in f.events():
                if e.get("event") == "end":
                    break
                last = e.get("id", last)
                if "data" in e:
                    print(json.loads(e["data"])["lsn"], flush=True)
                    told += 1
        except OSError:
            pass
        time.sleep(0.05)


def slow(port, n):
    """Reads nothing while n claims come in; then what its last event says."""
    f = Feed(port, "/v1/feed", rcvbuf=4096)
    f.begun()
    write(port, "slow/" + "/".join(["x" * 200] * 4), int(n))
    last, end = None, None
    seen = []
    for e in f.events():
        if e.get("event") == "end":
            end = json.loads(e["data"])
        elif "data" in e:
            seen.append(int(e["id"]))
    last = seen[-1]
    if seen != sorted(set(seen)):
        print("out of order")
    elif end is None:
        print("no last event")
    elif end["resume_after"] != last:
        print("goes on at %s after %s" % (end["resume_after"], last))
    else:
        g = Feed(port, "/v1/feed", str(last))
        nxt = next(e for e in g.events() if "data" in e)
        print(end["reason"] if int(nxt["id"]) == last + 1 else "a gap: %s" % nxt["id"])


def closing(port, pid):
    f = Feed(port, "/v1/feed")
    f.begun()
    os.kill(int(pid), signal.SIGTERM)
    print("; ".join(json.loads(e["data"])["reason"] for e in f.events() if "data" in e))


def open_feeds(port, ca=None):
    import ssl
    c = ssl.create_default_context(cafile=ca) if ca else None
    url = "http%s://localhost:%d/metrics" % ("s" if ca else "", port)
    with urllib.request.urlopen(url, timeout=30, context=c) as a:
        return next(int(l.split()[1]) for l in a.read().decode().split("\n") if l.startswith("stemedb_http_feeds "))


def all_forgotten(port, ca):
    until = time.time() + 10
    while time.time() < until:
        if open_feeds(port, ca) == 0:
            return True
        time.sleep(0.1)
    return False


def leaving(port, how, ca=None):
    """A client that leaves, one way or another: is its feed forgotten?"""
    import ssl
    import struct
    if not all_forgotten(port, ca):     # whoever was there before
        print("another is still there")
        return
    s = socket.create_connection(("127.0.0.1", port))
    if ca:
        s = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname="localhost")
    s.sendall(b"GET /v1/feed HTTP/1.1\r\nHost: localhost\r\n\r\n")
    got = b""
    while b"begins here" not in got:
        got += s.recv(4096)
    if open_feeds(port, ca) != 1:
        print("it was not there")
        return
    if how == "asking":             # the next request is sent, and never read
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if how == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif ca:
        s.settimeout(0.2)
        try:
            s.unwrap()              # says good-bye first
        except OSError:
            pass
    s.close()
    print("forgotten" if all_forgotten(port, ca) else "still there after 10 s")


def statuses(port, n):
    feeds = [Feed(port, "/v1/feed") for _ in range(int(n))]
    print(" ".join(sorted(str(f.status()) for f in feeds)))


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
