#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares lens_eval with lens_rules.py, which was written from doc/lenses.md alone, on
random stores and questions.

usage: lens_reference.py LENS_EVAL [CASES [SEED]]
       lens_reference.py --vectors FILE      (answers a table of vectors only here)
       lens_reference.py --doc DOC FILE LENS_EVAL    (answers in DOC are those of both)
"""
import json
import subprocess
import sys
from decimal import Decimal

sys.dont_write_bytecode = True    # of the modules beside this one
from lens_cases import Maker
from lens_rules import answer


def load(text):
    return json.loads(text, parse_float=Decimal)


def check_random(program, n, seed):
    # fed from a file: a pipe in both directions would fill up
    cases = [json.dumps(Maker('%d/%d' % (seed, i)).case()) for i in range(n)]
    done = subprocess.run([program], input='\n'.join(cases) + '\n', text=True,
                          stdout=subprocess.PIPE, check=True)
    lines = done.stdout.splitlines()
    if len(lines) != n:
        sys.exit('lens_eval answered %d of %d cases' % (len(lines), n))
    counts = {}
    for i, (case, line) in enumerate(zip(cases, lines)):
        want, got = answer(load(case)), json.loads(line)
        if want != got:
            print('case %d of seed %d differs\n%s' % (i, seed, case))
            for k in sorted(set(want) | set(got)):
                if want.get(k) != got.get(k):
                    print('%s: reference %s\n%s  lens_eval %s' % (
                        k, json.dumps(want.get(k)), ' ' * len(k),
                        json.dumps(got.get(k))))
            sys.exit(1)
        for state in want['states'].values():
            counts[state] = counts.get(state, 0) + 1
    print('%d random cases agree; assertions by state: %s' % (
        n, ', '.join('%s %d' % kv for kv in sorted(counts.items()))))


def includes(want, got):
    if isinstance(want, dict):
        return isinstance(got, dict) and all(includes(v, got.get(k))
                                             for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and \
            all(map(includes, want, got))
    return want == got


def check_vectors(path):
    with open(path, encoding='utf-8') as f:
        table = load(f.read())
    bad = 0
    for case in table['cases']:
        got = answer(case)
        if not includes(case['expect'], got):
            bad += 1
            print('%s\n  want %s\n  got  %s' % (
                case['name'], json.dumps(case['expect']), json.dumps(got)))
    if bad:
        sys.exit('%d of %d vectors differ' % (bad, len(table['cases'])))
    print('%d vectors agree' % len(table['cases']))


def check_doc(doc, path, program):
    """Lines `vector "NAME": {answer}` of a document."""
    with open(path, encoding='utf-8') as f:
        text = f.read()
    cases = {c['name']: c for c in load(text)['cases']}
    plain = {c['name']: c for c in json.loads(text)['cases']}
    with open(doc, encoding='utf-8') as f:
        lines = [x.strip()[7:] for x in f if x.startswith('    vector ')]
    for line in lines:
        name, end = json.JSONDecoder().raw_decode(line)
        want = json.loads(line[end:].lstrip(': '))
        if name not in cases:
            sys.exit('%s: there is no vector "%s"' % (doc, name))
        done = subprocess.run([program], input=json.dumps(plain[name]) + '\n',
                              text=True, stdout=subprocess.PIPE, check=True)
        for got in answer(cases[name]), json.loads(done.stdout):
            if not includes(want, got):
                sys.exit('%s says of "%s"\n  %s\nbut it is\n  %s' % (
                    doc, name, json.dumps(want), json.dumps(got)))
    if len(lines) < 20:
        sys.exit('%s has only %d examples' % (doc, len(lines)))
    print('%d examples of the document agree' % len(lines))


if __name__ == '__main__':
    if len(sys.argv) == 5 and sys.argv[1] == '--doc':
        check_doc(*sys.argv[2:])
        sys.exit(0)
    if len(sys.argv) == 3 and sys.argv[1] == '--vectors':
        check_vectors(sys.argv[2])
    elif len(sys.argv) in (2, 3, 4):
        check_random(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000,
                     int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    else:
        sys.exit(__doc__)
