// The key encoding of DESIGN.md ("Keys"), written a second time and on purpose in another way: it builds text, not bytes.
// It imports nothing of what it judges; the hash of bytes is given.
const utf8 = (text) => Buffer.from(text, 'utf8');
const byBytes = (a, b) => Buffer.compare(utf8(a), utf8(b));

function latin1(value) {
  if (value === null) return 'n';
  if (value === true) return 't';
  if (value === false) return 'f';
  if (typeof value === 'string') return `s${utf8(value).length}:${utf8(value).toString('latin1')}`;
  if (typeof value === 'number' && Number.isInteger(value)) {
    const digits = (value || 0).toString();
    return `i${digits.length}:${digits}`;
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return `d${bytes.toString('latin1')}`;
  }
  if (Array.isArray(value)) return `l${value.length}:${value.map(latin1).join('')}`;
  const names = Object.keys(value).sort(byBytes);
  return `m${names.length}:${names.map((name) => latin1(name) + latin1(value[name])).join('')}`;
}

export function oracleKey(components, digest) {
  const node = (domain, value) => digest(Buffer.from(latin1([`stepaside/key/1/${domain}`, value]), 'latin1'));
  const groups = {};
  for (const { group, name, value } of components) {
    groups[group] ??= [];
    groups[group].push([name ?? null, node('leaf', value)]);
  }
  const root = Object.keys(groups)
    .sort(byBytes)
    .map((group) => {
      const own = groups[group].filter(([name]) => name === null);
      const named = groups[group].filter(([name]) => name !== null).sort(([a], [b]) => byBytes(a, b));
      return [group, node('group', [...own, ...named])];
    });
  return node('root', root);
}
