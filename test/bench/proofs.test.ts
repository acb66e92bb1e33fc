import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { folderWith } from '../rig/cli.js';

/** A contestant, as contestants.mjs tells of it. */
interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly outputs: readonly string[];
  readonly missing?: string;
  prepare?(): readonly string[] | undefined;
  reset(): void;
  clear?(): void;
  proof(text: string): boolean;
}
type Group = (about: object) => readonly Contestant[] | Promise<readonly Contestant[]>;

const here = import.meta.dirname;
const load = async (name: string) => (await import(/* @vite-ignore */ resolve(here, name))) as Record<string, unknown>;
let groups: Readonly<Record<string, Group>>;

beforeAll(async () => {
  const [local, disk, s3] = await Promise.all(['contestants.mjs', 'artifacts.mjs', 'artifacts-s3.mjs'].map(load));
  groups = Object.assign({}, local!['LOCAL_GROUPS'], disk!['DISK_GROUPS'], s3!['S3_GROUPS']);
});

// Peers of this machine would only be asked for their versions.
beforeEach(() => {
  const nowhere = folderWith();
  for (const name of ['HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, nowhere);
  return () => void vi.unstubAllEnvs();
});

/** A small form of what run.mjs knows. On the PATH is Node, and no peer. */
function about(more: object = {}) {
  const work = folderWith();
  symlinkSync(process.execPath, join(work, 'node'));
  const missing = 'not for this';
  return {
    work,
    memory: { missing },
    env: { PATH: work, HOME: work },
    ids: [0, 1, 2],
    sizes: { file: 9 * 2 ** 20, tree: 120, object: 9 * 2 ** 20, objects: 120 },
    command: resolve(here, '../../dist/stepaside.cjs'),
    version: '0',
    peers: { turbo: { missing }, wireit: { missing }, nx: { missing }, cacache: { missing } },
    ...more,
  };
}

async function ours(id: string, given: object): Promise<Contestant> {
  const [own] = await groups[id]!(given);
  expect(own!.name).toMatch(/^stepaside/);
  return own!;
}

/** As it is sampled. */
function run({ command, cwd }: Pick<Contestant, 'command' | 'cwd'>): string {
  const env = { PATH: process.env['PATH'], HOME: cwd };
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command], { cwd, env, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout + stderr;
}

/** Whether the proof holds; one that throws does not. */
function proves(one: Contestant, text: string): boolean {
  try {
    return one.proof(text);
  } catch {
    return false;
  }
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** One byte of one file whose path has `part` in it, and nothing else. */
function flip(folder: string, part: string): () => void {
  const file = filesBelow(folder).find((path) => path.includes(part))!;
  const bytes = readFileSync(file);
  const at = bytes.byteLength >> 1;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(file, bytes);
  return () => {
    bytes[at] = bytes[at]! ^ 1;
    writeFileSync(file, bytes);
  };
}

// Seconds each, of which three are a pause; on a machine that has much else to do, minutes.
describe('proofs of what was done', { timeout: 600_000 }, () => {
  it.each([
    ['P8', '/chunks/'],
    ['P11', '/packs/'],
  ])('%s: a put has stored all bytes under their digests', async (id, part) => {
    const one = await ours(id, about());
    one.reset();
    const text = run(one);
    expect(proves(one, text)).toBe(true);
    expect(proves(one, text.replace('blake3-', 'blake3 '))).toBe(false);
    const mend = flip(one.cwd, part);
    expect(proves(one, text)).toBe(false);
    mend();
    expect(proves(one, text)).toBe(true);
    rmSync(filesBelow(one.cwd).find((path) => path.includes(part))!);
    expect(proves(one, text)).toBe(false);
    one.reset();
    expect(filesBelow(one.cwd)).toEqual([]);
    one.clear!();
  });

  it.each(['P9', 'P12'])('%s: the second put stored nothing', async (id) => {
    const all = (await groups[id]!(about())).filter(({ name }) => name.startsWith('stepaside'));
    expect(all.map(({ name }) => name)).toEqual(['stepaside', 'stepaside --strict']);
    for (const one of all) {
      expect(one.command.includes('--strict')).toBe(one.name.endsWith('--strict'));
      one.prepare!();
      expect(proves(one, run(one))).toBe(true);
      rmSync(join(one.cwd, '.stepaside'), { recursive: true });
      expect(proves(one, run(one))).toBe(false);
    }
  });

  it.each(['P10', 'P13'])('%s: a restore has all paths and all bytes', async (id) => {
    const one = await ours(id, about());
    one.prepare!();
    one.reset();
    const text = run(one);
    const out = `${one.cwd}-out`;
    expect(proves(one, text)).toBe(true);
    const mend = flip(out, out);
    expect(proves(one, text)).toBe(false);
    mend();
    expect(proves(one, text)).toBe(true);
    writeFileSync(join(out, 'more'), '');
    expect(proves(one, text)).toBe(false);
    one.reset();
    expect(proves(one, text)).toBe(false);
  });

  it('P7: outputs that were deleted are there again', async () => {
    const one = await ours('P7', about());
    run({ command: [one.command[0]!, ...one.prepare!()!.slice(1)], cwd: one.cwd });
    one.reset();
    const text = run(one);
    expect(proves(one, text)).toBe(true);
    writeFileSync(one.outputs[1]!, 'other\n');
    expect(proves(one, text)).toBe(false);
    rmSync(one.outputs[1]!);
    expect(proves(one, text)).toBe(false);
    // Made again by its command is not restored.
    rmSync(join(one.cwd, '.stepaside'), { recursive: true });
    expect(proves(one, run(one))).toBe(false);
  });

  it('P14 and P16: what the server has is looked at, not what a client said', async () => {
    for (const id of ['P14', 'P16']) {
      const data = folderWith();
      const server = { data, own: { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' } };
      const all = await groups[id]!(about({ s3: async () => server }));
      const [own] = all;
      const folder = join(data, 'bench', id, 'stepaside');
      // As if it had gone through the server.
      mkdirSync(own!.cwd, { recursive: true });
      const command = own!.command.map((word) => (word.startsWith('s3://') ? folder : word));
      const text = run({ command, cwd: own!.cwd });
      expect(proves(own!, text)).toBe(true);
      flip(folder, id === 'P14' ? '/chunks/' : '/packs/');
      expect(proves(own!, text)).toBe(false);

      const sdk = all.find(({ name }) => name === 'SDK')!;
      expect(proves(sdk, '')).toBe(false);
      const source = join(own!.cwd, '..', 'source');
      cpSync(source, join(data, 'bench', id, 'SDK'), { recursive: true });
      expect(proves(sdk, '')).toBe(true);
      flip(join(data, 'bench', id, 'SDK'), 'SDK');
      expect(proves(sdk, '')).toBe(false);
    }
  });

  it('P18: another digest is no sample', () => {
    const dist = folderWith();
    mkdirSync(join(dist, 'chunk'));
    writeFileSync(join(dist, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(dist, 'index.js'), "export const blake3 = () => ({ digest: () => 'right' });");
    writeFileSync(join(dist, 'chunk', 'blobs-AAAAAAAA.js'), 'export const Blobs = { open: async (store) => store };');
    const measure = (digest: string) => {
      const put = `export const putStream = async (store, [all]) => {
        await store.write('v1/chunks/x', all);
        return { root: { content: { digest: '${digest}', size: all.byteLength } } };
      };`;
      writeFileSync(join(dist, 'chunk', 'put-AAAAAAAA.js'), put);
      return spawnSync(process.execPath, [join(here, 'chunking-client.mjs'), dist, '1000', '2'], { encoding: 'utf8' });
    };
    expect(JSON.parse(measure('right').stdout).samples.fixed).toHaveLength(2);
    expect(measure('wrong').status).toBe(1);
  });
});
