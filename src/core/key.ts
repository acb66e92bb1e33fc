import type { Digest, WorkKey } from './brand.js';
import { encode, type Json } from './encoding.js';
import { IntegrityError } from './error.js';
import type { Hash } from './hash.js';
import { compareUtf8 } from './utf8.js';

/** What a key is made of. The order is the one in which differences are told: the likeliest cause first. */
export const GROUPS = [
  'format',
  'scope',
  'key',
  'command',
  'script',
  'image',
  'params',
  'each',
  'values',
  'files',
  'paths',
  'upstream',
  'env',
  'seed',
] as const;
export type Group = (typeof GROUPS)[number];

/** One named leaf: `params` + `date`, or a group that is a leaf itself (`command`). */
export interface Component {
  readonly group: Group;
  readonly name?: string;
  readonly value: Json;
}

/** Goes into every key: a change here moves all work to other keys. */
export const KEY_FORMAT = 1;

/** Domains keep a leaf from ever being read as a group, and ours from anybody else's hashes. */
const DOMAIN = { leaf: 'stepaside/key/1/leaf', group: 'stepaside/key/1/group', root: 'stepaside/key/1/root' } as const;

/**
 * The digest of a three-level Merkle tree: leaves, groups, root. A group's node lists (name, leaf digest), the root lists
 * (group, group digest), both in UTF-8 order and in the canonical encoding, so the order of `components` is of no account.
 */
export function workKey(components: readonly Component[], hash: Hash): WorkKey {
  const groups = new Map<Group, [name: string | null, leaf: Digest][]>();
  for (const { group, name, value } of components) {
    const entries = groups.get(group) ?? [];
    if (entries.length === 0) groups.set(group, entries);
    entries.push([name ?? null, node(hash, DOMAIN.leaf, value)]);
  }
  const root = [...groups]
    .sort(([a], [b]) => compareUtf8(a, b))
    .map(([group, entries]) => [group, node(hash, DOMAIN.group, inOrder(group, entries))]);
  return node(hash, DOMAIN.root, root) as string as WorkKey;
}

function node(hash: Hash, domain: string, value: Json): Digest {
  return hash.digest(encode([domain, value]));
}

function inOrder(group: Group, entries: [string | null, Digest][]): [string | null, Digest][] {
  // null, a group's own leaf, is not the empty name: it sorts first and is encoded differently.
  entries.sort(([a], [b]) => (a === null ? (b === null ? 0 : -1) : b === null ? 1 : compareUtf8(a, b)));
  for (let i = 1; i < entries.length; i++) {
    const name = entries[i]![0];
    if (name === entries[i - 1]![0]) {
      throw new IntegrityError(
        'integrity/encoding',
        `two components are named ${nameOf({ group, ...(name === null ? {} : { name }) })}`,
      );
    }
  }
  return entries;
}

/** As people read it: `params.date`, `command`. */
export function nameOf(component: Pick<Component, 'group' | 'name'>): string {
  return component.name === undefined ? component.group : `${component.group}.${component.name}`;
}

export interface Difference {
  readonly name: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** The leaves that differ, likeliest cause first; a leaf on one side only has no `before` or no `after`. */
export function differences(before: readonly Component[], after: readonly Component[]): readonly Difference[] {
  const old = new Map(before.map((c) => [nameOf(c), c]));
  const now = new Map(after.map((c) => [nameOf(c), c]));
  const changed = [...new Map([...old, ...now]).values()]
    .filter((c) => !sameLeaf(old.get(nameOf(c)), now.get(nameOf(c))))
    .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || compareUtf8(nameOf(a), nameOf(b)));
  return changed.map((c) => {
    const name = nameOf(c);
    const [was, is] = [old.get(name), now.get(name)];
    return { name, ...(was ? { before: was.value } : {}), ...(is ? { after: is.value } : {}) };
  });
}

function sameLeaf(a: Component | undefined, b: Component | undefined): boolean {
  if (!a || !b) return a === b;
  const [x, y] = [encode(a.value), encode(b.value)];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
