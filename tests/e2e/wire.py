#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""wire.py - one message to the daemon (doc/wire-protocol.md), for tests.

wire.py D set CONCEPT PREDICATE [JSON]    SET; prints created, exists or the error
wire.py D TYPE [HEX]                      any request; prints the answer
"""
import socket
import struct
import sys


def frame(kind, req, payload):
    return struct.pack("<IHHQ", len(payload), kind, 0, req) + payload


def get(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            sys.exit("the daemon hung up")
        data += part
    return data


def answer(sock):
    body, flags = b"", 2
    while flags & 2:
        n, _, flags, _ = struct.unpack("<IHHQ", get(sock, 16))
        body += get(sock, n)
    if flags & 4:
        sys.exit("%d %s" % (struct.unpack("<i", body[:4])[0], body[6:].decode()))
    return body


sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1] + "/run/control.sock")
sock.sendall(frame(1, 1, struct.pack("<HHQB", 1, 1, 0, 0) + b"\x01t"))
answer(sock)
if sys.argv[2] == "set":
    args = [a.encode() for a in sys.argv[3:]] + [b""]
    sock.sendall(frame(24, 2, b"".join(
        struct.pack(f, len(a)) + a for f, a in zip(("<H", "<B", "<I"), args))))
    print(("refused", "created", "exists")[answer(sock)[4]])
else:
    sock.sendall(frame(int(sys.argv[2]), 2, bytes.fromhex("".join(sys.argv[3:]))))
    sys.stdout.buffer.write(answer(sock))
