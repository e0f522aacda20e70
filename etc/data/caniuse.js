'use strict';
// Prints caniuse's data as claims: one for each feature, browser and version,
// and one that sums up each feature and browser, comparable with MDN's. Called
// by ./load-caniuse: node caniuse.js PACKAGE-FOLDER MAP LIMIT

const fs = require('fs');
const path = require('path');
const { BROWSERS, concept, print, segment, version } = require('./web.js');

const WORDS = { y: 'yes', a: 'partial', n: 'no', p: 'polyfill', u: 'unknown' };

// Releases that follow a number which never was released.
const NO_GAP = new Set([
  'chrome 83', 'edge 79', 'edge 83', 'opera 15', 'safari 26.0', 'safari_ios 26.0',
]);

// "a x #2" and the like: the letter, then x (prefix), d (behind a flag), notes.
function parse(stat) {
  const parts = stat.split(' ').filter((p) => !p.startsWith('#'));
  return { letter: parts[0], prefix: parts.includes('x'), flag: parts.includes('d') };
}

function words(stat) {
  const s = parse(stat);
  return [WORDS[s.letter], s.prefix && 'prefix', s.flag && 'flag'].filter(Boolean).join(' ');
}

// One version in the words of etc/data/README.md, without the number.
function kind(stat) {
  const s = parse(stat);
  if (s.letter === 'u') return 'unknown';
  if (s.flag) return 'flag';
  if (s.letter === 'n' || s.letter === 'p') return 'no';
  if (s.prefix) return 'prefix';
  return s.letter === 'a' ? 'partial' : '';
}

// The last run of versions of one kind, and since when it holds. Where the
// version before is unknown or not on caniuse's list: since then or earlier (≤).
function summary(browser, versions, stats) {
  const kinds = versions.map((v) => kind(stats[v]));
  const last = kinds.length - 1;
  let first = last;
  while (first > 0 && kinds[first - 1] === kinds[last]) first -= 1;
  if (kinds[last] === 'unknown') return null;
  const number = (i) => since(browser, versions, kinds, i);
  if (kinds[last] !== 'no') {
    const n = number(first);
    if (n.startsWith('≤') && first === last && versions[last] !== 'TP') return null; // says nothing
    return (kinds[last] ? `${kinds[last]} ` : '') + n;
  }
  if (first === 0) return 'no';
  if (kinds[first - 1] === 'unknown') return 'no';
  let from = first - 1;
  while (from > 0 && kinds[from - 1] === kinds[first - 1]) from -= 1;
  return `${kinds[first - 1] ? `${kinds[first - 1]} ` : ''}${number(from)} until ${version(versions[first])}`;
}

function since(browser, versions, kinds, i) {
  const v = versions[i];
  if (v === 'TP') return 'preview';
  if (i === 0 || kinds[i - 1] === 'unknown') return `≤${version(v)}`;
  const gap = parseInt(v, 10) - parseInt(versions[i - 1].split('-').pop(), 10) > 1;
  return gap && !NO_GAP.has(`${browser} ${v}`) ? `≤${version(v)}` : version(v);
}

function* claims(data, map) {
  const time = new Date(data.updated * 1000).toISOString().replace('.000Z', 'Z');
  for (const [id, feature] of Object.entries(data.data)) {
    const keys = map.get(id) || ['features', id];
    const common = { source_class: 'community', source: `https://caniuse.com/${id}`, time, agent: 'caniuse' };
    for (const [short, stats] of Object.entries(feature.stats)) {
      const browser = BROWSERS[short];
      if (!browser) throw new Error(`unknown browser ${short}; add it to web.js`);
      const place = concept([...keys, browser]);
      const versions = data.agents[short].version_list.map((v) => v.version).filter((v) => v in stats);
      if (versions.length !== Object.keys(stats).length) throw new Error(`${id}: versions of ${short} are not listed`);
      for (const v of versions) {
        const said = words(stats[v]);
        yield {
          concept_path: place, predicate: segment(v), object: said,
          confidence: said.startsWith('unknown') ? 0.1 : 0.9, ...common,
        };
      }
      const sum = summary(browser, versions, stats);
      if (sum) {
        yield {
          concept_path: concept(keys), predicate: browser, object: sum,
          confidence: sum.includes('≤') ? 0.7 : 0.9, ...common,
        };
      }
    }
  }
}

function readMap(file) {
  return new Map(fs.readFileSync(file, 'utf8').split('\n').filter((l) => l && !l.startsWith('#'))
    .map((l) => l.split('\t')).map(([id, place]) => [id, place.split('/')]));
}

async function main([folder, map, limit]) {
  const file = path.join(folder, 'fulldata-json', 'data-2.0.json');
  const data = JSON.parse(fs.readFileSync(file, 'utf8'));
  const n = await print(claims(data, readMap(map)), limit === '' ? -1 : Number(limit));
  process.stderr.write(`load-caniuse: ${n} claims\n`);
}

main(process.argv.slice(2)).catch((e) => {
  process.stderr.write(`load-caniuse: ${e.message}\n`);
  process.exitCode = 1;
});
