#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes objects.json: test vectors for implementations of the object format.

Shares no code with core/: ids come from Python's hashlib, keys and signatures
from openssl.  Both are deterministic, so running this again gives the same file:

    tests/vectors/make-objects.py > tests/vectors/objects.json
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

TIME = "2026-11-21T02:00:00.000000Z"
DER_HEAD = bytes.fromhex("302e020100300506032b657004220420")


class Key:
    """A key whose seed is the SHA-256 of its name."""

    def __init__(self, name):
        self.seed = hashlib.sha256(name.encode()).digest()
        self.path = os.path.join(tmp, name + ".der")
        with open(self.path, "wb") as f:
            f.write(DER_HEAD + self.seed)
        pub = self.openssl("pkey", "-in", self.path, "-inform", "DER",
                           "-pubout", "-outform", "DER")
        self.agent = pub[-32:].hex()

    @staticmethod
    def openssl(*args):
        return subprocess.run(["openssl", *args], check=True,
                              stdout=subprocess.PIPE).stdout

    def sign(self, data):
        path = os.path.join(tmp, "data")
        with open(path, "wb") as f:
            f.write(data)
        return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                            "-keyform", "DER", "-in", path).hex()


def blake(data):
    return hashlib.blake2b(data, digest_size=32)


def assertion(value="2.4 mg", **change):
    """Bytes of an assertion; a header set to None is left out."""
    h = {"concept": "drug/semaglutide", "predicate": "max_weekly_dose",
         "type": "text", "confidence": "0.95", "class": "regulatory",
         "source": None, "source-hash": None, "lifecycle": None,
         "epoch": None, "parent": None, "supersedes": None, "meta": None,
         "time": TIME, "agent": alice.agent}
    first = change.pop("first", "steme assertion 1")
    for k, v in change.items():
        h[k.replace("_", "-")] = v
    lines = [first]
    for k, v in h.items():
        if v is None:
            continue
        if k == "supersedes" and isinstance(v, list):
            lines += ["supersedes " + x for x in v]
        elif k == "meta":
            lines += ["meta-%s %s" % x for x in v]
        else:
            lines.append(k + " " + v)
    return ("\n".join(lines) + "\n\n" + value).encode()


def other(kind, headers, reason=""):
    lines = ["steme %s 1" % kind] + ["%s %s" % h for h in headers]
    lines += ["time " + TIME, "agent " + alice.agent]
    return ("\n".join(lines) + "\n\n" + reason).encode()


def hexid(i):
    return blake(b"id %d" % i).hexdigest()


def root_of(ids):
    """RFC 6962 over leaves H(0x00 || id), nodes H(0x01 || l || r)."""
    if len(ids) == 1:
        return blake(b"\0" + ids[0]).digest()
    k = 1
    while 2 * k < len(ids):
        k *= 2
    return blake(b"\1" + root_of(ids[:k]) + root_of(ids[k:])).digest()


def path_of(ids, i):
    if len(ids) == 1:
        return []
    k = 1
    while 2 * k < len(ids):
        k *= 2
    if i < k:
        return path_of(ids[:k], i) + [root_of(ids[k:])]
    return path_of(ids[k:], i - k) + [root_of(ids[:k])]


valid, invalid, batches = [], [], []


def good(what, data, kind="assertion"):
    valid.append({"what": what, "kind": kind, "text": data.decode(),
                  "id": blake(data).hexdigest(), "agent": alice.agent,
                  "signature": alice.sign(data)})


def bad(rule, data, error="EINVAL"):
    """data: bytes, or a list of [bytes, times] for long ones."""
    v = {"rule": rule, "error": error}
    if isinstance(data, list):
        v["parts"] = [[p.decode(), n] for p, n in data]
    else:
        try:
            v["text"] = data.decode()
        except UnicodeDecodeError:
            v["hex"] = data.hex()
    invalid.append(v)


def raw(where, insert):
    """An assertion with bytes (perhaps no UTF-8) put in place of a word."""
    return assertion().replace(where, insert, 1)


def valid_assertions():
    good("the smallest set of headers", assertion())
    good("every header", assertion(
        source="https://example.org/label.pdf",
        source_hash="blake2b-256:" + "ab" * 32, lifecycle="under_review",
        epoch="2026 edition", parent=hexid(1),
        supersedes=sorted(hexid(i) for i in range(3)),
        meta=[("page", "12"), ("reason", "weekly dose, not daily")]))
    good("16 supersedes and 16 meta", assertion(
        supersedes=sorted(hexid(i) for i in range(16)),
        meta=[("k%02d" % i, "v") for i in range(16)]))
    for life in ("proposed", "deprecated", "rejected"):
        good("lifecycle " + life, assertion(lifecycle=life))
    for c in ("clinical", "observational", "expert", "community",
              "anecdotal"):
        good("class " + c, assertion(**{"class": c}))
    for c in ("0", "1", "0.5", "0.25", "0.125", "0.0001", "0.9999"):
        good("confidence " + c, assertion(confidence=c))
    good("a source-hash by SHA-256", assertion(
        source_hash="sha256:" + "0f" * 32))
    good("an empty text", assertion(""))
    good("a text with NUL, CR, LF and a byte order mark",
         assertion("\ufeffa\0b\r\nc\n\n"))
    good("a text that looks like headers", assertion(
        "time 1970\n\nsteme vote 1\n"))
    good("text in several scripts, not normalised",
         assertion("e\u0301 \u00e9 \u6771\u4eac \U0001f600"))
    good("concept of 32 segments", assertion(concept="/".join("a" * 32)))
    good("concept of 1,024 bytes", assertion(
        concept="/".join(["x" * 204] * 5)))
    good("segments of 255 bytes", assertion(
        concept="a/" + "x" * 255, predicate="p" * 255, epoch="e" * 255))
    good("segments with inner blanks, dots, '@' and '...'",
         assertion(concept="a b/.x/x@y/..."))
    good("source and meta of 1,024 bytes", assertion(
        source="s" * 1024, meta=[("a" * 64, "v" * 1024)]))
    for t in ("1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
              "2024-02-29T12:00:00.000001Z", "2000-02-29T00:00:00.000000Z"):
        good("time " + t, assertion(time=t))
    for n in ("0", "-0", "10", "10.0", "-1.5e-3", "1E+2", "0.000",
              "9" * 64, "1e999", "1e-999", "0." + "1" * 63):
        good("number " + n, assertion(n, type="number"))
    for b in ("true", "false"):
        good("boolean " + b, assertion(b, type="boolean"))
    good("reference", assertion("country/france", type="reference"))


def valid_others():
    c, i = "drug/semaglutide", hexid(1)
    for w in ("1", "-1", "0", "0.5", "-0.0001"):
        good("vote of weight " + w, other("vote", [
            ("concept", c), ("assertion", i), ("weight", w)], "because"),
            "vote")
    good("retraction of an assertion", other("retraction", [
        ("concept", c), ("assertion", i)], "typing error"), "retraction")
    for s in ("retracted", "reinstated"):
        good("source " + s, other("retraction", [
            ("source", "https://example.org/label.pdf"), ("state", s)]),
            "retraction")
    good("epoch", other("epoch", [("name", "2026")]), "epoch")
    good("epoch that supersedes another", other("epoch", [
        ("name", "2027"), ("supersedes", "2026")], "new edition\n"), "epoch")
    good("alias", other("alias", [("from", "drug/ozempic"), ("to", c)]),
         "alias")
    for extra in ([], [("class", "clinical")], [("prefix", "drug")],
                  [("class", "expert"), ("prefix", "drug/x")]):
        good("trust" + "".join(", " + k for k, _ in extra), other(
            "trust", [("of", bob.agent), ("weight", "0.8")] + extra), "trust")
    good("revocation", other("revocation", [
        ("of", alice.agent), ("since", "2026-01-01T00:00:00.000000Z")],
        "key lost"), "revocation")
    for n in (1, 4096):
        good("batch of %d" % n, other("batch", [
            ("count", str(n)), ("root", i)]), "batch")


def invalid_frame():
    bad("an empty object", b"")
    bad("a byte order mark first", b"\xef\xbb\xbf" + assertion())
    bad("another first word", assertion(first="stema assertion 1"))
    bad("no version", assertion(first="steme assertion"))
    bad("two blanks in the first line", assertion(first="steme assertion  1"))
    bad("a blank at the end of the first line",
        assertion(first="steme assertion 1 "))
    bad("a version with a leading zero", assertion(first="steme assertion 01"))
    bad("version 0", assertion(first="steme assertion 0"))
    bad("a version of ten digits", assertion(
        first="steme assertion 1000000000"))
    bad("an upper-case kind", assertion(first="steme Assertion 1"))
    bad("a kind of 33 letters", assertion(first="steme " + "a" * 33 + " 1"))
    bad("an unknown kind is kept opaque", assertion(first="steme wish 1"),
        "EVERSION")
    bad("an unknown version is kept opaque",
        assertion(first="steme assertion 2"), "EVERSION")
    bad("CR LF line ends", assertion().replace(b"\n", b"\r\n"))
    bad("only CR line ends", assertion().replace(b"\n", b"\r"))
    bad("the blank line is missing at the end", assertion("").rstrip(b"\n"))
    bad("the blank line is missing before the value",
        assertion().replace(b"\n\n", b"\n"))
    bad("a blank line within the headers",
        assertion().replace(b"\nclass", b"\n\nclass"))
    bad("a blank line that holds a blank",
        assertion().replace(b"\n\n", b"\n \n"))
    bad("a continuation line", assertion(source="a\n b"))
    bad("no blank after the key",
        assertion().replace(b"concept drug", b"conceptdrug"))
    bad("two blanks after the key",
        assertion().replace(b"concept drug", b"concept  drug"))
    bad("a tab after the key",
        assertion().replace(b"concept drug", b"concept\tdrug"))
    bad("an upper-case key", assertion().replace(b"concept", b"Concept"))
    bad("a blank before the key", assertion().replace(b"\ntype", b"\n type"))
    bad("an object of more than 1 MiB",
        [[assertion(""), 1], [b"v", (1 << 20)]], "ETOOBIG")
    head, tail = assertion(meta=[("a", "@@")]).split(b"meta-a @@\n")
    many = [[head, 1]]
    for i in range(16):
        many.append([b"meta-%02d " % i, 1])
        many += [[b"v", 1020], [b"\n", 1]]
    bad("headers of more than 16 KiB", many + [[tail, 1]], "ETOOBIG")
    bad("a first line without end", [[b"steme assertion 1", 1],
                                     [b"1", 20000]], "ETOOBIG")


def invalid_order():
    for h in ("concept", "predicate", "type", "confidence", "class", "time",
              "agent"):
        bad("%s is missing" % h, assertion(**{h: None}))
        line = next(x for x in assertion().split(b"\n")
                    if x.startswith(h.encode() + b" "))
        bad("%s twice" % h, assertion().replace(
            line + b"\n", line + b"\n" + line + b"\n", 1))
        bad("%s without value" % h, assertion().replace(
            line, h.encode() + b" "))
        bad("%s without value and blank" % h, assertion().replace(
            line, h.encode()))
    bad("two headers in the wrong order", assertion().replace(
        b"confidence 0.95\nclass regulatory", b"class regulatory\n"
        b"confidence 0.95"))
    bad("agent before time", assertion(time="@@").replace(
        b"time @@\n", b"").replace(
        b"\n\n", b"\ntime " + TIME.encode() + b"\n\n"))
    bad("lifecycle before source", assertion(
        lifecycle="proposed", time="@@").replace(
        b"time @@", b"source x\ntime " + TIME.encode()))
    bad("an unknown header", assertion(source="a\nlicence b"))
    bad("a header of another kind", assertion(source="a\nweight 1"))
    bad("source twice", assertion(source="a\nsource b"))
    bad("source before concept", assertion().replace(
        b"concept", b"source x\nconcept", 1))


def invalid_text():
    forbidden = [("NUL", "\0"), ("tab", "\t"), ("CR", "\r"),
                 ("unit separator", "\x1f"), ("DEL", "\x7f"),
                 ("C1 first", "\x80"), ("next line U+0085", "\x85"),
                 ("C1 last", "\x9f"), ("U+2028", "\u2028"),
                 ("U+2029", "\u2029"), ("U+FEFF", "\ufeff")]
    forbidden += [("U+%04X" % c, chr(c)) for c in
                  [*range(0x202a, 0x202f), *range(0x2066, 0x206a)]]
    for name, ch in forbidden:
        bad(name + " in a concept", assertion(concept="a/b%sc" % ch))
    for name, ch in forbidden[:3] + forbidden[6:9] + forbidden[-1:]:
        bad(name + " in a predicate", assertion(predicate="b%sc" % ch))
        bad(name + " in a source", assertion(source="long enough: %s!" % ch))
        bad(name + " in a meta value", assertion(meta=[("a", "x%sy" % ch)]))
        bad(name + " in an epoch", assertion(epoch="x%sy" % ch))
    for h in ("concept", "predicate", "source", "epoch"):
        bad("leading blank in " + h, assertion(**{h: " x"}))
        bad("trailing blank in " + h, assertion(**{h: "x "}))
    utf8 = [("a lone continuation byte", b"\x80"),
            ("an overlong of two bytes", b"\xc0\xaf"),
            ("an overlong of three bytes", b"\xe0\x80\xaf"),
            ("an overlong of four bytes", b"\xf0\x80\x80\xaf"),
            ("a surrogate", b"\xed\xa0\x80"),
            ("a surrogate pair (CESU-8)", b"\xed\xa0\xbd\xed\xb8\x80"),
            ("above U+10FFFF", b"\xf4\x90\x80\x80"),
            ("the byte 0xFF", b"\xff"), ("a cut character", b"\xe6\x9d")]
    for name, b in utf8:
        bad(name + " in a concept", raw(b"semaglutide", b"x" + b + b"y"),
            "EUTF8")
        bad(name + " in the value", raw(b"2.4 mg", b"x" + b), "EUTF8")
    bad("no UTF-8 in a source", assertion(source="@@").replace(
        b"@@", b"\xff"), "EUTF8")
    bad("no UTF-8 in a reason", other("epoch", [("name", "x")], "@@").replace(
        b"@@", b"\xff"), "EUTF8")


def invalid_paths():
    for name, c in [("an empty first segment", "/a"),
                    ("an empty last segment", "a/"),
                    ("an empty segment", "a//b"), ("only a slash", "/"),
                    ("a scheme form", "fda://a/b"),
                    ("a segment '.'", "a/./b"), ("a segment '..'", "a/../b"),
                    ("only '..'", ".."), ("a leading '@'", "@a"),
                    ("a leading '@' later", "a/@b"),
                    ("a blank after a slash", "a/ b"),
                    ("a blank before a slash", "a /b")]:
        bad("concept: " + name, assertion(concept=c))
        if "/" not in c:
            bad("predicate: " + name, assertion(predicate=c))
            bad("epoch: " + name, assertion(epoch=c))
    bad("concept of 33 segments", assertion(concept="/".join("a" * 33)),
        "ETOOBIG")
    bad("concept with a segment of 256 bytes",
        assertion(concept="a/" + "x" * 256), "ETOOBIG")
    bad("concept of 1,025 bytes", assertion(
        concept="/".join(["x" * 204] * 5) + "y"), "ETOOBIG")
    bad("predicate of 256 bytes", assertion(predicate="x" * 256), "ETOOBIG")
    bad("predicate with a slash", assertion(predicate="a/b"))
    bad("epoch with a slash", assertion(epoch="a/b"))
    bad("epoch of 256 bytes", assertion(epoch="x" * 256), "ETOOBIG")
    bad("source of 1,025 bytes", assertion(source="s" * 1025), "ETOOBIG")
    bad("meta value of 1,025 bytes", assertion(
        meta=[("a", "v" * 1025)]), "ETOOBIG")


def invalid_codes():
    for c in ("0.950", "0.0", "1.0", "00", "01", "+1", "-1", "-0", ".5",
              "0.", "2", "1.5", "0.12345", "1e0", "0,5", "0.5x", "NaN",
              "0.00001", "0.5 "):
        bad("confidence " + c, assertion(confidence=c))
    for t in ("Text", "string", "null", "object", "sealed"):
        bad("type " + t, assertion(type=t))
    for c in ("Regulatory", "peer", "none", "0"):
        bad("class " + c, assertion(**{"class": c}))
    for x in ("approved", "Proposed", "under-review", "draft"):
        bad("lifecycle " + x, assertion(lifecycle=x))
    h = "ab" * 32
    for name, x in [("upper-case hex", h.upper()), ("63 digits", h[1:]),
                    ("65 digits", h + "a"), ("a letter g", "g" + h[1:]),
                    ("0x", "0x" + h[2:])]:
        bad("agent: " + name, assertion(agent=x))
        bad("parent: " + name, assertion(parent=x))
        bad("supersedes: " + name, assertion(supersedes=[x]))
        bad("source-hash: " + name,
            assertion(source_hash="blake2b-256:" + x))
    for x in (h, "md5:" + h, "SHA256:" + h, "sha256 " + h, "sha256:",
              "blake2b:" + h):
        bad("source-hash " + x[:12], assertion(source_hash=x))
    bad("parent twice", assertion(parent=h + "\nparent " + h))
    ids = sorted(hexid(i) for i in range(17))
    bad("supersedes not ascending", assertion(supersedes=[ids[1], ids[0]]))
    bad("supersedes the same twice", assertion(supersedes=[ids[0]] * 2))
    bad("17 supersedes", assertion(supersedes=ids), "ETOOBIG")
    bad("two ids on a supersedes line",
        assertion(supersedes=[ids[0] + " " + ids[1]]))
    bad("meta not ascending", assertion(meta=[("b", "x"), ("a", "x")]))
    bad("meta the same twice", assertion(meta=[("a", "x"), ("a", "y")]))
    bad("17 meta", assertion(
        meta=[("k%02d" % i, "v") for i in range(17)]), "ETOOBIG")
    for name, k in [("an upper-case letter", "A"), ("'_'", "a_b"),
                    ("nothing", ""), ("65 characters", "a" * 65),
                    ("a letter beyond ASCII", "\u00e9")]:
        bad("meta key with " + name, assertion(meta=[(k, "x")]))
    bad("meta without value", assertion(meta=[("a", "")]))
    bad("meta with a leading blank", assertion(meta=[("a", " x")]))
    for t in ("2026-11-21T02:00:00Z", "2026-11-21T02:00:00.000Z",
              "2026-11-21T02:00:00.0000000Z", "2026-11-21 02:00:00.000000Z",
              "2026-11-21t02:00:00.000000z", "2026-11-21T02:00:00.000000",
              "2026-11-21T02:00:00.000000+00:00",
              "2026-11-21T02:00:60.000000Z", "2016-12-31T23:59:60.000000Z",
              "2026-11-21T24:00:00.000000Z", "2026-11-21T02:60:00.000000Z",
              "2026-02-29T00:00:00.000000Z", "2100-02-29T00:00:00.000000Z",
              "2026-04-31T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z",
              "2026-00-01T00:00:00.000000Z", "2026-01-00T00:00:00.000000Z",
              "1969-12-31T23:59:59.999999Z", "0000-01-01T00:00:00.000000Z",
              "10000-01-01T00:00:00.000000Z", "-026-01-01T00:00:00.000000Z",
              "2026-1-01T00:00:00.000000Z", "2026-01-01T00:00:00,000000Z",
              "2026-01-01T00:00:00.00000 Z", "2026-01-01"):
        bad("time " + t, assertion(time=t))


def invalid_values():
    for n in ("", "+1", "01", "-01", ".5", "1.", "1e", "1e+", "0x10", "1_0",
              "1,5", "NaN", "Infinity", "-Infinity", "-", " 1", "1 ", "1\n",
              "--1", "1.2.3", "1e5.0", "\u0661", "true"):
        bad("number " + json.dumps(n), assertion(n, type="number"))
    bad("number of 65 digits", assertion("9" * 65, type="number"))
    bad("number of 65 digits, most behind the point",
        assertion("0." + "0" * 63 + "1", type="number"))
    bad("number with exponent 1000", assertion("1e1000", type="number"))
    bad("number with exponent -1000", assertion("1e-1000", type="number"))
    for b in ("", "True", "TRUE", "1", "yes", "true\n", " true"):
        bad("boolean " + json.dumps(b), assertion(b, type="boolean"))
    for r in ("", "a//b", "@a", "a\n", "https://example.org/"):
        bad("reference " + json.dumps(r), assertion(r, type="reference"))
    bad("a value of type sealed", assertion("x", type="sealed"))


def invalid_others():
    c, i = ("concept", "drug/x"), ("assertion", hexid(1))
    w = ("weight", "1")
    for x in ("-0", "1.0", "-1.0", "2", "-2", "+1", "-0.10", "0.00001",
              "--1", "-"):
        bad("vote of weight " + x, other("vote", [c, i, ("weight", x)]))
    bad("vote without concept", other("vote", [i, w]))
    bad("vote without assertion", other("vote", [c, w]))
    bad("vote without weight", other("vote", [c, i]))
    bad("vote in another order", other("vote", [i, c, w]))
    bad("retraction without anything", other("retraction", []))
    bad("retraction of a concept only", other("retraction", [c]))
    bad("retraction of a source without state", other("retraction", [
        ("source", "x")]))
    bad("retraction of both", other("retraction", [
        c, i, ("source", "x"), ("state", "retracted")]))
    bad("retraction with unknown state", other("retraction", [
        ("source", "x"), ("state", "withdrawn")]))
    bad("epoch without name", other("epoch", []))
    bad("epoch name of two segments", other("epoch", [("name", "a/b")]))
    bad("epoch that supersedes twice", other("epoch", [
        ("name", "c"), ("supersedes", "a"), ("supersedes", "b")]))
    bad("alias without to", other("alias", [("from", "a")]))
    bad("alias with a bad concept", other("alias", [
        ("from", "a"), ("to", "@b")]))
    of = ("of", bob.agent)
    bad("trust of weight -0.5", other("trust", [of, ("weight", "-0.5")]))
    bad("trust of weight -1", other("trust", [of, ("weight", "-1")]))
    bad("trust without of", other("trust", [w]))
    bad("trust with prefix before class", other("trust", [
        of, w, ("prefix", "a"), ("class", "expert")]))
    bad("trust with a bad prefix", other("trust", [of, w, ("prefix", "a/")]))
    bad("revocation without since", other("revocation", [of]))
    bad("revocation since a bare date", other("revocation", [
        of, ("since", "2026-01-01")]))
    for n in ("0", "4097", "01", "-1", "+1", "1.0", "65536", "1e3",
              "4294967297"):
        bad("batch of " + n, other("batch", [("count", n), (
            "root", hexid(1))]))
    bad("batch without root", other("batch", [("count", "1")]))
    bad("a vote without the blank line", other("vote", [c, i, w])[:-1])


def make_batches():
    for n in (1, 2, 3, 4, 5, 7, 8, 11, 100):
        ids = sorted(blake(b"leaf %d" % i).digest() for i in range(n))
        root = root_of(ids)
        text = other("batch", [("count", str(n)), ("root", root.hex())])
        picks = range(n) if n < 12 else (0, 63, 64, 98, 99)
        batches.append({
            "text": text.decode(), "id": blake(text).hexdigest(),
            "agent": alice.agent, "signature": alice.sign(text),
            "ids": [i.hex() for i in ids],
            "proofs": [{"index": i, "path": [
                p.hex() for p in path_of(ids, i)]} for i in picks]})


with tempfile.TemporaryDirectory() as tmp:
    alice, bob = Key("alice"), Key("bob")
    valid_assertions()
    valid_others()
    for part in (invalid_frame, invalid_order, invalid_text, invalid_paths,
                 invalid_codes, invalid_values, invalid_others):
        part()
    make_batches()
    keys = [{"name": n, "seed": k.seed.hex(), "agent": k.agent}
            for n, k in (("alice", alice), ("bob", bob))]

rows = {"keys": keys, "valid": valid, "invalid": invalid, "batches": batches}
out = ['{"format":1']
for name, items in rows.items():
    lines = [json.dumps(x, ensure_ascii=True, separators=(",", ":"))
             for x in items]
    out.append(',\n"%s":[\n%s]' % (name, ",\n".join(lines)))
sys.stdout.write("".join(out) + "}\n")
