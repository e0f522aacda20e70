'use strict';
// What the two loaders of browser support share: the names of browsers and
// paths, and a writer for very many lines.

const PREDICATE = /^[^\u0000-\u001f\u007f-\u009f]+$/u;

// caniuse's names of browsers, and MDN's for the same ones.
const BROWSERS = {
  and_chr: 'chrome_android', and_ff: 'firefox_android', and_qq: 'qq_android', and_uc: 'uc_android',
  android: 'android_browser', baidu: 'baidu', bb: 'blackberry', chrome: 'chrome', edge: 'edge',
  firefox: 'firefox', ie: 'ie', ie_mob: 'ie_mobile', ios_saf: 'safari_ios', kaios: 'kaios',
  op_mini: 'opera_mini', op_mob: 'opera_android', opera: 'opera', safari: 'safari',
  samsung: 'samsunginternet_android',
};

// A path segment may not begin with @: @@iterator is Symbol.iterator.
function segment(s) {
  const name = s.startsWith('@@') ? `Symbol.${s.slice(2)}` : s;
  if (name.startsWith('@') || name === '.' || name === '..' || name.includes('/') ||
      name !== name.trim() || Buffer.byteLength(name) > 255 || !PREDICATE.test(name)) {
    throw new Error(`"${s}" cannot be a path segment; the package has changed its form`);
  }
  return name;
}

function concept(parts) {
  const path = ['web', ...parts.map(segment)].join('/');
  if (parts.length > 31 || Buffer.byteLength(path) > 1024) throw new Error(`the path ${path} is too long`);
  return path;
}

// 5.0 and 5 are one version: trailing zero parts are dropped. Of a range
// such as 15.2-15.3 the first counts.
function version(v) {
  return String(v).split('-')[0].replace(/(\.0+)+$/, '');
}

// Writes lines in large pieces and waits for a slow reader. Stops quietly
// when the reader goes away or the limit is reached.
async function print(claims, limit) {
  process.stdout.on('error', (e) => process.exit(e.code === 'EPIPE' ? 0 : 1));
  let piece = [];
  let size = 0;
  let n = 0;
  const flush = async () => {
    const more = process.stdout.write(piece.join(''));
    piece = [];
    size = 0;
    if (!more) await new Promise((done) => { process.stdout.once('drain', done); });
  };
  for (const c of claims) {
    if (n === limit) break;
    const line = `${JSON.stringify(c)}\n`;
    piece.push(line);
    size += line.length;
    n += 1;
    if (size > 1 << 18) await flush();
  }
  await flush();
  return n;
}

module.exports = { BROWSERS, concept, print, segment, version };
