'use strict';
// Turns what the pinned packages say about the world's countries into claims,
// one JSON object a line. Called by ./regenerate:
//   node countries.js sources.tsv folders.tsv OUT [--stats]

const fs = require('fs');
const readers = require('./readers.js');

// One claim: a reader calls put(alpha2, predicate, value); no value, no claim.
function collector(source, context, claims) {
  return (alpha2, predicate, value) => {
    const slug = context.slugs.get(alpha2);
    if (!slug || value === undefined || value === null || value === '') return;
    if (predicate === 'capital') {
      for (const v of value.split(', ')) context.spellings.set(text(v).toLowerCase(), text(v));
    }
    claims.push({
      concept_path: `world/${slug}`,
      predicate,
      object: typeof value === 'string' ? text(value) : value,
      confidence: source.confidence,
      source_class: source.class,
      source: `${source.kind === 'deb' ? 'debian' : 'npm'}:${source.package}@${source.version}`,
      time: source.time,
      agent: source.agent,
    });
  };
}

// One spelling of what looks the same: composed letters, one kind of
// apostrophe, single blanks.
function text(s) {
  return s.normalize('NFC').replace(/[\u2018\u2019\u02bc]/g, "'").replace(/\s+/g, ' ').trim();
}

function readTable(file) {
  return fs.readFileSync(file, 'utf8').split('\n')
    .filter((l) => l && !l.startsWith('#')).map((l) => l.split('\t'));
}

function readSources(table, folders) {
  const where = new Map(readTable(folders).map(([p, v, dir]) => [`${p}@${v}`, dir]));
  return readTable(table).map(([agent, cls, confidence, time, kind, pkg, version]) => ({
    agent, class: cls, confidence: Number(confidence), time, kind, package: pkg, version,
    dir: where.get(`${pkg}@${version}`),
  }));
}

// A later release of a source repeats most of the one before. Of an older
// release only those claims are kept whose value the source has changed since.
function dropRepeats(claims) {
  const newest = new Map();
  const key = (c) => [c.agent, c.concept_path, c.predicate].join('\0');
  for (const c of claims) {
    const other = newest.get(key(c));
    if (!other || other.time < c.time) newest.set(key(c), c);
  }
  return claims.filter((c) => {
    const n = newest.get(key(c));
    return n === c || n.object !== c.object;
  });
}

function order(a, b) {
  for (const k of ['concept_path', 'predicate', 'time', 'agent']) {
    if (a[k] !== b[k]) return a[k] < b[k] ? -1 : 1;
  }
  return 0;
}

// Folding away case, marks and punctuation leaves only differences of fact.
function fold(v) {
  return String(v).normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/&/g, 'and')
    .replace(/\bsaint\b/g, 'st').replace(/[^a-z0-9]+/g, '');
}

function stats(claims) {
  const now = new Map();
  for (const c of claims) {
    const pair = `${c.predicate}\0${c.concept_path}`;
    if (!now.has(pair)) now.set(pair, new Map());
    now.get(pair).set(c.agent, c.object); // in order of time: the newest stays
  }
  const rows = new Map();
  for (const [pair, said] of now) {
    const predicate = pair.split('\0')[0];
    const r = rows.get(predicate) || [0, 0, 0, 0];
    rows.set(predicate, r);
    r[0] += 1;
    if (said.size < 2) continue;
    r[1] += 1;
    if (new Set(said.values()).size > 1) r[2] += 1;
    if (new Set([...said.values()].map(fold)).size > 1) r[3] += 1;
  }
  console.log('predicate\tcountries\twith 2+ agents\tdisagree\tbeyond spelling');
  const sum = [0, 0, 0, 0];
  for (const [p, r] of [...rows].sort()) {
    console.log([p, ...r].join('\t'));
    r.forEach((n, i) => { sum[i] += n; });
  }
  console.log(['all', ...sum].join('\t'));
  const per = new Map();
  for (const c of claims) {
    const k = `${c.agent}\t${c.source}`;
    per.set(k, (per.get(k) || 0) + 1);
  }
  for (const [k, n] of [...per].sort()) console.log(`${k}\t${n}`);
}

function main([table, folders, out, flag]) {
  const sources = readSources(table, folders);
  const context = readers.context(sources);
  const claims = [];
  for (const s of sources) {
    const read = readers.of[s.package];
    if (!read) throw new Error(`no reader for package ${s.package}`);
    read(s, collector(s, context, claims), context);
  }
  const kept = dropRepeats(claims).sort(order);
  fs.writeFileSync(out, kept.map((c) => `${JSON.stringify(c)}\n`).join(''));
  if (flag === '--stats') stats(kept);
}

main(process.argv.slice(2));
