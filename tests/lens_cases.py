# SPDX-License-Identifier: Apache-2.0
"""Random stores and questions: Maker(seed).case() is the same for the same seed."""
import random
from fractions import Fraction

from lens_rules import CLASSES, OPERATOR, half_up


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        r = self.r
        self.agents = ['a%d' % i for i in range(r.choice([1, 2, 3, 5, 9]))]
        self.agents.append(OPERATOR)
        self.concepts = ['x/y', 'x', 'x/z', 'w']
        self.days = r.choice([2, 5, 28])
        self.confs = r.choice([['0', '0.5', '1'], ['0'], None, ['0.3', '0.3001']])
        self.many = r.random() < 0.15
        self.objects = []
        self.ids = set()

    def time(self):
        r = self.r
        t = '2026-01-%02d' % r.randint(1, self.days)
        if r.random() < 0.2:
            t += 'T%02d:00:00.%06dZ' % (r.randint(0, 23), r.choice([0, 1, 999]))
        return t

    def known(self):
        r = self.r
        return '2026-01-%02dT%02d:%02d:00.%03dZ' % (
            r.randint(1, 28), r.randint(0, 1), r.choice([0, 4, 5, 6]), r.choice([0, 1]))

    def add(self, **fields):
        r = self.r
        while True:
            ident = '%04x' % r.randrange(1, 1 << 16)
            if ident not in self.ids:
                break
        self.ids.add(ident)
        j = dict(id=ident, time=self.time(), agent=r.choice(self.agents))
        if r.random() < 0.3:
            j['known'] = self.known()
        j.update(fields)
        self.objects.append(j)
        return j

    def value(self):
        r = self.r
        return r.choice([
            True, False, 10, {'number': '10.0'}, {'number': '1e1'}, {'number': '-0'},
            0, '10', 'true', 'a', 'b', '', {'reference': 'a'}, 'c%d' % r.randint(0, 9)])

    def assertion(self):
        r = self.r
        j = self.add(
            concept=r.choice(self.concepts[:2] if r.random() < .8 else self.concepts),
            predicate=r.choice(['p', 'p', 'p', 'must_use', 'forbidden']),
            value=self.value())
        j['class'] = r.choice(CLASSES)
        if r.random() < 0.9:
            j['confidence'] = r.choice(self.confs) if self.confs else \
                half_up(Fraction(r.randint(0, 10000)))
        if r.random() < 0.2:
            j['source'] = r.choice(['s1', 's2'])
        if r.random() < 0.2:
            j['epoch'] = r.choice(['e1', 'e2', 'e3', 'e4'])
        if r.random() < 0.2:
            j['lifecycle'] = r.choice(['proposed', 'under_review', 'deprecated',
                                       'rejected'])
        if j['predicate'] != 'p' and r.random() < 0.5:
            j['reason'] = 'because %d' % r.randint(0, 9)

    def marks(self):
        r = self.r
        claims = [o for o in self.objects if 'value' in o]
        for o in claims:
            if r.random() < 0.2:
                for t in r.sample(claims, min(len(claims), r.randint(1, 3))):
                    o.setdefault('supersedes', []).append(t['id'])
                    if r.random() < 0.7:
                        t.update(agent=o['agent'], concept=o['concept'],
                                 predicate=o['predicate'])
        if self.many:       # long chains
            for a, b in zip(claims, claims[1:]):
                if r.random() < 0.5 and len(b.get('supersedes', [])) < 16:
                    b.setdefault('supersedes', []).append(a['id'])
        for _ in range(r.randint(0, len(claims))):
            o = r.choice(claims)
            concept = o['concept'] if r.random() < 0.9 else r.choice(self.concepts)
            if r.random() < 0.25:
                j = self.add(kind='retraction', concept=concept, assertion=o['id'])
                if r.random() < 0.7:
                    j['agent'] = o['agent']
            else:
                for _ in range(r.randint(1, 4)):
                    self.add(kind='vote', concept=concept, assertion=o['id'],
                             weight=r.choice(['-1', '-0.5', '0', '0.25', '1']))

    def setting(self, concept, predicate, value, **more):
        self.add(**dict(dict(concept='_steme/' + concept, predicate=predicate,
                             value=value, agent=OPERATOR), **more))

    def settings(self):
        r = self.r
        for a in self.agents:
            if r.random() < 0.25:
                self.setting('stewards', '@' + a, r.random() < 0.8)
        if r.random() < 0.6:
            for a in self.agents:
                if r.random() < 0.3:
                    self.setting('roots', '@' + a, r.random() < 0.8)
        for _ in range(r.randint(0, 3)):
            self.setting('lens', r.choice(['unknown_trust', 'default_trust', 'other']),
                         r.choice([0, 1, {'number': '0.25'}, {'number': '0.12345'},
                                   'x', {'number': '-0.5'}]),
                         agent=r.choice([OPERATOR, r.choice(self.agents)]),
                         lifecycle=r.choice(['approved', 'rejected', 'proposed']))
        for _ in range(r.randint(0, 3)):
            self.setting('half_life', r.choice(CLASSES),
                         r.choice([7, 'never', {'number': '1e1'}, {'number': '2.50e1'},
                                   {'number': '0.5'}, 0, 1000001, 'often']))
        said = [o for o in self.objects if o['concept'].startswith('_steme')]
        if said and r.random() < 0.3:
            self.add(kind='retraction', concept='_steme/lens',
                     assertion=r.choice(said)['id'],
                     agent=r.choice([OPERATOR, r.choice(self.agents)]))

    def steward(self):
        """As a rule somebody whose word counts."""
        return OPERATOR if self.r.random() < 0.6 else self.r.choice(self.agents)

    def globals(self):
        r = self.r
        for _ in range(r.choice([0, 0, 1, 4])):
            self.add(kind='alias', agent=self.steward(), **{'from': r.choice(self.concepts),
                                      'to': r.choice(self.concepts)})
        for _ in range(r.choice([0, 0, 2, 5])):
            j = self.add(kind='epoch', agent=self.steward(), name=r.choice(['e1', 'e2', 'e3', 'e4']))
            if r.random() < 0.8:
                j['superseded'] = r.choice(['e1', 'e2', 'e3', 'e4'])
        for _ in range(r.choice([0, 0, 2])):
            self.add(kind='retraction', agent=self.steward(),
                     source=r.choice(['s1', 's2']),
                     state=r.choice(['retracted', 'retracted', 'reinstated']))
        for _ in range(r.choice([0, 0, 0, 1, 3])):
            j = self.add(kind='revocation', of=r.choice(self.agents),
                         since=self.time())
            if r.random() < 0.4:
                j['agent'] = j['of']
        for _ in range(r.choice([0, 3, 12, 30])):
            j = self.add(kind='trust', of=r.choice(self.agents),
                         weight=r.choice(['0', '0.0001', '0.3333', '0.5', '0.9', '1']))
            if r.random() < 0.7:
                j['class'] = r.choice(CLASSES[:2] if r.random() < 0.8 else CLASSES)
            if r.random() < 0.3:
                j['prefix'] = r.choice(['x', 'x/y', 'w', 'x/y/z'])

    def case(self):
        r = self.r
        for _ in range(r.randint(20, 60) if self.many else r.randint(0, 12)):
            self.assertion()
        self.settings()
        self.marks()
        self.globals()
        r.shuffle(self.objects)
        q = dict(now='2026-03-%02d' % r.randint(1, 28))
        if r.random() < 0.3:
            q['as_of'] = self.time()
        if r.random() < 0.2:
            q['known_at'] = self.known()
        if r.random() < 0.1 and self.objects:
            q['max_lsn'] = r.randint(0, len(self.objects))
        if r.random() < 0.3:
            q['decay'] = True
        if r.random() < 0.3:
            q['include'] = r.sample(['retracted', 'superseded', 'deprecated',
                                     'rejected', 'old_epochs'], r.randint(1, 5))
        if r.random() < 0.1:
            q['lifecycle'] = r.choice(['approved', 'proposed', 'deprecated',
                                       'rejected'])
        if r.random() < 0.1:
            q['epoch'] = r.choice(['e1', 'e2'])
        if r.random() < 0.1:
            q['since'] = self.time()
        q['world'] = {
            'trust': self.agents + ['stranger'],
            'class': [[a, c, x] for a in self.agents[:4] for c in CLASSES[:2]
                      for x in ('x/y', 'xy', 'w')]}
        q.update(concept=r.choice(self.concepts), predicate='p')
        if r.random() < 0.15:
            q['lens'] = 'constraints'
        return {'objects': self.objects, 'query': q}
