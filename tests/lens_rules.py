# SPDX-License-Identifier: Apache-2.0
"""Lenses a second time, slowly, from the rules in doc/lenses.md: exact fractions, no
tables, no shared code.  answer(case) answers a case as vectors/lenses.json has them."""
import datetime
import hashlib
from decimal import Decimal, getcontext
from fractions import Fraction
from functools import lru_cache

getcontext().prec = 60
US = 1000000
DAY = 86400 * US
SKEW = 300 * US
CLASSES = ['regulatory', 'clinical', 'observational', 'expert', 'community',
           'anecdotal']
HALF_LIVES = [None, 730, 365, 180, 90, 30]
OPERATOR = 'operator'
FOREVER = 1 << 63


def hex_of(name):
    return hashlib.blake2b(name.encode(), digest_size=32).hexdigest()


def us(text):
    if len(text) == 10:
        text += 'T00:00:00Z'
    whole, _, frac = text.rstrip('Z').partition('.')
    t = datetime.datetime.strptime(whole, '%Y-%m-%dT%H:%M:%S')
    s = (t - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    return s * US + int((frac + '000000')[:6])


def floor(x):
    return x.numerator // x.denominator if isinstance(x, Fraction) else int(x // 1)


def half_up(x):
    """x in units of 1/10,000, as text."""
    n = floor(x + Fraction(1, 2))
    text = '%d.%04d' % divmod(n, 10000)
    return text.rstrip('0').rstrip('.')


class Obj:
    def __init__(self, j, lsn):
        self.j = j
        self.lsn = lsn
        self.kind = j.get('kind', 'assertion')
        self.id = j['id'].ljust(64, '0')
        self.agent = j.get('agent', OPERATOR)
        self.time = us(j['time'])
        self.known_ms = us(j.get('known', j['time'])) // 1000
        self.concept = j.get('concept')
        p = j.get('predicate')
        self.predicate = hex_of(p[1:]) if p and p[0] == '@' else p
        self.source = j.get('source')
        self.epoch = j.get('epoch')
        self.lifecycle = j.get('lifecycle', 'approved')
        self.klass = j.get('class', 'anecdotal')
        self.conf = Fraction(str(j.get('confidence', 1))) * 10000
        self.weight = Fraction(str(j.get('weight', 1))) * 10000
        self.supersedes = [x.ljust(64, '0') for x in j.get('supersedes', [])]
        self.target = j['assertion'].ljust(64, '0') if 'assertion' in j else None
        self.value = self.meaning(j.get('value', ''))

    @staticmethod
    def meaning(v):
        if isinstance(v, bool):
            return ('boolean', v)
        if isinstance(v, (int, Decimal)):
            return ('number', Fraction(v))
        if isinstance(v, dict):
            if 'number' in v:
                return ('number', Fraction(Decimal(v['number'])))
            return ('reference', v['reference'])
        return ('text', v)

    @property
    def known(self):
        return self.known_ms * 1000


class Store:
    """The objects within the bounds of a question."""

    def __init__(self, case):
        q = self.q = case['query']
        self.as_of = us(q['as_of']) if 'as_of' in q else None
        known_at = us(q['known_at']) // 1000 if 'known_at' in q else FOREVER
        max_lsn = q.get('max_lsn', FOREVER)
        self.all = [Obj(j, i + 1) for i, j in enumerate(case['objects'])]
        self.within = [o for o in self.all
                       if (self.as_of is None or o.time <= self.as_of) and
                       o.known_ms <= known_at and o.lsn <= max_lsn]
        self.settings()
        self.revoked = self.revocations()

    def of(self, kind):
        return [o for o in self.within if o.kind == kind]

    def rank(self, o):
        return o.time if self.as_of is not None else min(o.time, o.known + SKEW)

    def newest(self, objects):
        return min(objects, key=lambda o: (-self.rank(o), o.id))

    def newest_by(self, objects, key):
        """Of each key the newest."""
        groups = {}
        for o in objects:
            groups.setdefault(key(o), []).append(o)
        return {k: self.newest(v) for k, v in groups.items()}

    # -- what the operator says

    def settings(self):
        gone = {o.target for o in self.of('retraction')
                if o.agent == OPERATOR and o.concept and
                o.concept.split('/')[0] == '_steme'}
        said = [o for o in self.of('assertion')
                if o.agent == OPERATOR and o.concept.split('/')[0] == '_steme' and
                o.id not in gone and o.lifecycle not in ('deprecated', 'rejected') and
                self.well_formed(o)]
        now = self.newest_by(said, lambda o: (o.concept, o.predicate))

        def get(concept, predicate, default):
            o = now.get(('_steme/' + concept, predicate))
            return default if o is None else o.value[1]

        names = {hex_of(n): n for n in
                 {o.agent for o in self.all} |
                 {o.j[k] for o in self.all for k in ('of',) if k in o.j} |
                 {o.j['predicate'][1:] for o in self.all
                  if o.j.get('predicate', '').startswith('@')} | {OPERATOR}}
        self.stewards = {n for h, n in names.items()
                         if get('stewards', h, n == OPERATOR)}
        self.roots = {n for h, n in names.items() if get('roots', h, False)}
        self.unknown = floor(get('lens', 'unknown_trust', Fraction(1, 10)) * 10**9)
        self.default = floor(get('lens', 'default_trust', Fraction(1, 2)) * 10**9)
        self.half = []
        for c, d in zip(CLASSES, HALF_LIVES):
            v = get('half_life', c, d)
            self.half.append(None if v == 'never' else v)

    @staticmethod
    def well_formed(o):
        kind, v = o.value
        c = o.concept[7:]
        if c in ('stewards', 'roots'):
            return kind == 'boolean' and len(o.predicate) == 64
        if c == 'lens':
            return (o.predicate in ('unknown_trust', 'default_trust') and
                    kind == 'number' and 0 <= v <= 1 and
                    (v * 10000).denominator == 1)
        if c == 'half_life':
            return o.predicate in CLASSES and (
                v == 'never' and kind == 'text' or
                kind == 'number' and v.denominator == 1 and 1 <= v <= 1000000)
        return False

    def revocations(self):
        """agent -> since; of itself and of the operator first, then of stewards."""
        def gather(objects):
            out = {}
            for o in objects:
                since = us(o.j['since'])
                out[o.j['of']] = min(since, out.get(o.j['of'], since))
            return out

        def is_first(o):
            return o.agent == o.j['of'] or (o.agent == OPERATOR and
                                            OPERATOR in self.stewards)

        rs = self.of('revocation')
        first = gather(o for o in rs if is_first(o))
        return gather(o for o in rs if is_first(o) or
                      o.agent in self.stewards and
                      not o.known > first.get(o.agent, FOREVER))

    def stands(self, o):
        return not o.known > self.revoked.get(o.agent, FOREVER)

    def of_stewards(self, kind):
        return [o for o in self.of(kind) if o.agent in self.stewards and
                self.stands(o)]

    # -- names

    def alias_class(self, concept):
        names = {concept}
        while True:
            more = {n for o in self.of_stewards('alias')
                    for n in (o.j['from'], o.j['to'])
                    if {o.j['from'], o.j['to']} & names}
            if more <= names:
                return names
            names |= more

    @lru_cache(None)
    def old_epochs(self):
        edges = {(o.j['name'], o.j['superseded']) for o in self.of_stewards('epoch')
                 if 'superseded' in o.j}

        def reach(a):
            seen, todo = set(), [a]
            while todo:
                x = todo.pop()
                for y, z in edges:
                    if y == x and z not in seen:
                        seen.add(z)
                        todo.append(z)
            return seen

        return {y for _, y in edges if y not in reach(y)}

    @lru_cache(None)
    def bad_sources(self):
        newest = self.newest_by([o for o in self.of_stewards('retraction')
                                 if o.target is None], lambda o: o.source)
        return {s for s, o in newest.items() if o.j['state'] == 'retracted'}

    # -- trust

    @lru_cache(None)
    def endorsements(self):
        """(author, of, class, prefix) -> weight: of each the newest."""
        newest = self.newest_by(
            [o for o in self.of('trust') if self.stands(o) and o.agent != o.j['of']],
            lambda o: (o.agent, o.j['of'], o.j.get('class'), o.j.get('prefix')))
        return {k: o.weight for k, o in newest.items()}

    @lru_cache(None)
    def products(self):
        """agent -> every product of a chain of at most 8 from a root."""
        out = {}
        layer = {(r, 10**9) for r in self.roots}
        edges = self.endorsements()
        for _ in range(8):
            layer = {(of, floor(t * w / 10000)) for a, t in layer if t > 0
                     for (by, of, _, _), w in edges.items() if by == a}
            for a, t in layer:
                out.setdefault(a, set()).add(t)
        return out

    @lru_cache(None)
    def trust(self, agent):
        if not self.roots:
            return self.default
        if agent in self.roots:
            return 10**9
        p = self.products().get(agent)
        return max(p) if p else self.unknown

    @lru_cache(None)
    def accredited(self, agent, klass, concept):
        have = set(self.roots)
        for _ in range(8):
            have |= {of for (by, of, c, prefix), w in self.endorsements().items()
                     if by in have and self.trust(by) > 0 and c == klass and w > 0 and
                     (prefix is None or concept == prefix or
                      concept.startswith(prefix + '/'))}
        return agent in have

    def tier(self, o):
        if self.roots and not self.accredited(o.agent, o.klass, o.concept):
            return 5
        return CLASSES.index(o.klass)

    # -- candidates

    def candidates(self, concepts, predicates):
        q = self.q
        inside = set(map(id, self.within))
        old, bad = self.old_epochs(), self.bad_sources()
        cands = [o for o in self.all if o.kind == 'assertion' and
                 o.concept in concepts and o.predicate in predicates]
        by_id = {o.id: o for o in cands}
        for o in cands:
            o.inside = id(o) in inside
            o.why = set()
            if not self.stands(o) or o.source in bad:
                o.why.add('retracted')
            if o.lifecycle in ('deprecated', 'rejected'):
                o.why.add(o.lifecycle)
            if o.epoch in old:
                o.why.add('old_epochs')
        for r in self.of('retraction'):
            o = by_id.get(r.target)
            if o is not None and r.agent == o.agent and r.concept == o.concept and \
                    self.stands(r):
                o.why.add('retracted')
        for s in cands:
            if not s.inside or 'retracted' in s.why or \
                    s.lifecycle in ('proposed', 'under_review'):
                continue
            for t in (by_id.get(x) for x in s.supersedes):
                if t is not None and (t.concept, t.predicate) == \
                        (s.concept, s.predicate) and \
                        (t.agent == s.agent or s.agent in self.stewards):
                    t.why.add('superseded')
        for o in cands:
            self.settle(o)
        include = set(q.get('include', []))
        if q.get('lifecycle') in ('deprecated', 'rejected'):
            include.add(q['lifecycle'])
        if 'epoch' in q:
            include.add('old_epochs')
        since = us(q['since']) // 1000 if 'since' in q else -1
        return cands, [o for o in cands if o.inside and o.why <= include and
                       q.get('lifecycle', o.lifecycle) == o.lifecycle and
                       q.get('epoch', o.epoch) == o.epoch and o.known_ms > since]

    def settle(self, o):
        order = ['retracted', 'superseded', 'deprecated', 'rejected', 'old_epochs']
        o.state = 'current'
        for w in reversed(order):
            if w in o.why:
                o.state = w
        if o.state == 'old_epochs':
            o.state = 'old_epoch'
        if not o.inside:
            o.state = 'future'
        votes = self.newest_by([v for v in self.of('vote') if v.target == o.id and
                                v.concept == o.concept and self.stands(v)],
                               lambda v: v.agent)
        o.votes = sum(v.weight for v in votes.values()) if o.inside else Fraction(0)
        o.r = self.rank(o)
        o.c = o.conf
        if self.q.get('decay'):
            o.c = self.decayed(o)

    def decayed(self, o):
        now = self.as_of if self.as_of is not None else us(self.q['now'])
        days = self.half[self.tier(o)]
        age = now - o.time
        if days is None or age <= 0:
            return o.conf
        f = Decimal(2) ** (-Decimal(age) / (Decimal(int(days)) * DAY))
        return Fraction(floor(Fraction(Decimal(int(o.conf)) * f) + Fraction(1, 2)))


# -- lenses

def newest_id(o):
    return (-o.r, o.id)


def voices(cands):
    by = {}
    for o in cands:
        by.setdefault(o.agent, []).append(o)
    return [min(v, key=newest_id) for v in by.values()]


def values(cands):
    groups = {}
    for o in voices(cands):
        groups.setdefault(o.value, []).append(o)
    return list(groups.values())


def entropy(weights):
    k = len(weights)
    if k < 2:
        return Fraction(0)
    total = sum(weights)
    shares = [Fraction(1, k) if total == 0 else w / total for w in weights]
    h = sum(-(Decimal(p.numerator) / p.denominator) *
            (Decimal(p.numerator) / p.denominator).ln() for p in shares if p)
    return Fraction(h / Decimal(k).ln() * 10000)


def conflict(cands):
    return entropy([sum(o.c for o in g) for g in values(cands)])


def short(ident):
    while len(ident) > 2 and ident.endswith('00'):
        ident = ident[:-2]
    return ident


def result(cands, winner, confidence):
    return {'candidates': len(cands), 'winner': winner and short(winner.id),
            'confidence': half_up(confidence), 'conflict': half_up(conflict(cands))}


def recency(s, cands):
    w = min(cands, key=lambda o: (-o.r, -o.c, o.id))
    return result(cands, w, w.c)


def confidence(s, cands):
    w = min(cands, key=lambda o: (-o.c, -o.r, o.id))
    return result(cands, w, w.c)


def consensus(s, cands):
    best = min(values(cands), key=lambda g: (
        -len(g), -sum(o.c for o in g), newest_id(min(g, key=newest_id))))
    return result(cands, min(best, key=newest_id),
                  Fraction(len(best) * 10000, len(voices(cands))))


def votes(s, cands):
    w = min(cands, key=lambda o: (-o.votes, -o.r, o.id))
    if w.votes <= 0:
        return result(cands, None, Fraction(0))
    return result(cands, w, Fraction(w.votes * 10000,
                                     sum(o.votes for o in cands if o.votes > 0)))


def product(s, o):
    return o.c * Fraction(s.trust(o.agent), 10**9)


def best_of(s, cands):
    return min(cands, key=lambda o: (-product(s, o), -o.r, o.id))


def authority(s, cands):
    low = min(s.tier(o) for o in cands)
    w = best_of(s, [o for o in cands if s.tier(o) == low])
    return result(cands, w, product(s, w))


def layered(s, cands):
    out = authority(s, cands)
    out['tiers'] = []
    groups = {}
    for t in range(6):
        here = [o for o in cands if s.tier(o) == t]
        if not here:
            continue
        w = best_of(s, here)
        groups[w.value] = groups.get(w.value, Fraction(0)) + w.c
        out['tiers'].append({
            'class': CLASSES[t], 'winner': short(w.id),
            'confidence': half_up(product(s, w)),
            'conflict': half_up(conflict(here)), 'candidates': len(here)})
    out['cross_tier_conflict'] = half_up(entropy(list(groups.values())))
    return out


def skeptic(s, cands):
    groups = [sorted(g, key=lambda o: o.id) for g in values(cands)]
    groups.sort(key=lambda g: (-sum(o.c for o in g), g[0].id))
    total = sum(o.c for g in groups for o in g)
    out = result(cands, None, Fraction(0))
    out['values'] = [{
        'share': half_up(sum(o.c for o in g) / total * 10000 if total else
                         Fraction(10000, len(groups))),
        'agents': len(g), 'first': short(g[0].id),
        'ids': [short(o.id) for o in g]} for g in groups]
    if cands:
        out['status'] = 'unanimous' if len(groups) == 1 else \
            'agreed' if Fraction(out['conflict']) < Fraction(1, 2) else 'contested'
    return out


def empty(s, cands):
    return {'candidates': 0, 'winner': None, 'confidence': '0', 'conflict': '0'}


LENSES = {'recency': recency, 'confidence': confidence, 'consensus': consensus,
          'votes': votes, 'authority': authority, 'layered': layered,
          'skeptic': skeptic}


def resolve(name, s, cands):
    if cands:
        return LENSES[name](s, cands)
    out = empty(s, cands)
    if name == 'skeptic':
        out['values'] = []
    if name == 'layered':
        out.update(tiers=[], cross_tier_conflict='0')
    return out


def rules(counting, levels):
    """By predicate, nearest concept first, then as recency."""
    def distance(o):
        return [o.concept in names for names in levels].index(True)
    counting.sort(key=lambda o: (o.predicate, distance(o), -o.r, -o.c, o.id))
    return [{'id': short(o.id), 'reason': o.j.get('reason', '')} for o in counting]


def answer(case):
    s = Store(case)
    q = case['query']
    out = {}
    if 'world' in q:
        t = {a: '%d.%09d' % divmod(s.trust(a), 10**9) for a in
             q['world'].get('trust', [])}
        out['world'] = {
            'trust': {a: '1' if v == '1.000000000' else v for a, v in t.items()},
            'class': [c if not s.roots or s.accredited(a, c, x) else 'anecdotal'
                      for a, c, x in q['world'].get('class', [])]}
    if 'concept' not in q:
        return out
    lens = q.get('lens')
    if lens == 'constraints':
        parts = q['concept'].split('/')
        levels = [s.alias_class('/'.join(parts[:i])) for i in range(len(parts), 0, -1)]
        cands, counting = s.candidates(set().union(*levels), {'must_use', 'forbidden'})
    else:
        cands, counting = s.candidates(s.alias_class(q['concept']), {q['predicate']})
    out['states'] = {short(o.id): o.state for o in cands}
    out['vote_sums'] = {short(o.id): int(o.votes) for o in cands}
    if lens == 'constraints':
        out['rules'] = rules(counting, levels)
    elif lens:
        out.update(resolve(lens, s, counting))
    else:
        for name in LENSES:
            out[name] = resolve(name, s, counting)
    return out
