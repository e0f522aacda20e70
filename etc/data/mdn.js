'use strict';
// Prints MDN's browser compatibility data as claims, one for each feature and
// browser. Called by ./load-mdn: node mdn.js PACKAGE-FOLDER VERSION LIMIT

const fs = require('fs');
const path = require('path');
const { concept, print, version } = require('./web.js');

// All features of the tree in its own order, each with its keys from the root.
function* features(node, keys) {
  if (node.__compat) yield [keys, node.__compat];
  for (const [key, child] of Object.entries(node)) {
    if (key !== '__compat' && child && typeof child === 'object') yield* features(child, [...keys, key]);
  }
}

function when(v) {
  if (v === 'preview') return v;
  return v.startsWith('≤') ? `≤${version(v.slice(1))}` : version(v);
}

// One statement in the words of etc/data/README.md.
function statement(s) {
  if (s.version_added === false) return 'no';
  const since = when(s.version_added);
  const how = s.flags ? 'flag ' : s.prefix || s.alternative_name ? 'prefix '
    : s.partial_implementation ? 'partial ' : '';
  return s.version_removed ? `${how}${since} until ${when(s.version_removed)}` : how + since;
}

// A browser may have several statements, the most telling one first; plain
// support counts before partial, prefixed and flagged.
function value(support) {
  const all = [].concat(support);
  const rank = (s) => (s.version_removed ? 8 : 0) + (s.flags ? 4 : 0) +
    (s.prefix || s.alternative_name ? 2 : 0) + (s.partial_implementation ? 1 : 0);
  let best = all[0];
  for (const s of all) if (rank(s) < rank(best)) best = s;
  return statement(best);
}

function* claims(data, release) {
  const time = data.__meta.timestamp.replace(/\.\d+Z$/, 'Z');
  for (const [group, tree] of Object.entries(data)) {
    if (group === 'browsers' || group === '__meta') continue;
    for (const [keys, compat] of features(tree, [group])) {
      const place = concept(keys);
      const source = compat.mdn_url || `https://github.com/mdn/browser-compat-data/blob/v${release}/${compat.source_file}`;
      for (const [browser, support] of Object.entries(compat.support)) {
        const said = value(support);
        yield {
          concept_path: place,
          predicate: browser,
          object: said,
          confidence: said.includes('≤') ? 0.7 : 0.95,
          source_class: 'expert',
          source,
          time,
          agent: 'mdn',
        };
      }
    }
  }
}

async function main([folder, release, limit]) {
  const data = JSON.parse(fs.readFileSync(path.join(folder, 'data.json'), 'utf8'));
  const n = await print(claims(data, release), limit === '' ? -1 : Number(limit));
  process.stderr.write(`load-mdn: ${n} claims\n`);
}

main(process.argv.slice(2)).catch((e) => {
  process.stderr.write(`load-mdn: ${e.message}\n`);
  process.exitCode = 1;
});
