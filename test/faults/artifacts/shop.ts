import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { S3Facts } from '../../rig/s3-server.js';
import { Witness } from '../../rig/sdk.js';
import { type Injection, type Ran, runUnder } from '../run-under.js';
import { blake3, brokenIn, contentsOf, misnamed, type Objects } from './oracle.js';

export interface Tools {
  readonly cli: string;
  readonly strace: string;
  readonly server: S3Facts;
  readonly bucket: string;
}

/** A folder with a store of artifacts in it or on S3, where the real command works while it is killed. */
export class Shop {
  readonly id = randomBytes(5).toString('hex');
  readonly folder = mkdtempSync(join(tmpdir(), 'stepaside-artifacts-'));
  readonly onS3: boolean;
  readonly #tools: Tools;
  readonly witness: Witness;
  /** Objects as they were read last: what is the same file or has the same tag need not be read and hashed again. */
  readonly #seen = new Map<string, { readonly tag: string; readonly bytes: Buffer }>();
  /** What somebody was told is stored, by digest. */
  readonly promised = new Map<string, readonly string[]>();
  suffered = 0;

  constructor(tools: Tools, onS3: boolean) {
    this.#tools = tools;
    this.onS3 = onS3;
    this.witness = new Witness(tools.server, tools.bucket);
  }

  close(): void {
    this.witness.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(files: Readonly<Record<string, Buffer | string>>): void {
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(dirname(this.at(name)), { recursive: true });
      writeFileSync(this.at(name), bytes);
    }
  }

  run(
    words: readonly string[],
    more: { readonly inject?: Injection; readonly watch?: string; readonly ready?: boolean } = {},
  ): Promise<Ran> {
    const { cli, strace, server, bucket } = this.#tools;
    if (more.inject) this.suffered += 1;
    const deadlineMs = more.watch === undefined && !more.ready ? undefined : 600_000;
    return runUnder([process.execPath, cli, ...words], {
      ...{ strace, folder: this.folder, inject: more.inject, watch: more.watch, deadlineMs },
      env: {
        ...{ AWS_ACCESS_KEY_ID: server.credentials.accessKeyId, AWS_REGION: server.region },
        ...{ AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey, AWS_ENDPOINT_URL_S3: server.endpoint },
        STEPASIDE_CACHE: this.onS3 ? `s3://${bucket}/${this.id}/` : this.at('cache/'),
      },
    });
  }

  /** What a put that was told to have ended well has stored. */
  note({ stdout }: Ran, ...trees: readonly string[]): readonly string[] {
    const digests = stdout.split('\n').flatMap((line) => /^(blake3-[0-9a-f]{64}) /.exec(line)?.[1] ?? []);
    for (const [at, digest] of digests.entries()) this.promised.set(digest, treeAt(this.at(trees[at]!)));
    return digests;
  }

  async objects(): Promise<Objects> {
    const found = new Map<string, Buffer>();
    const take = async (key: string, tag: string, read: () => Promise<Buffer> | Buffer) => {
      let seen = this.#seen.get(key);
      if (seen?.tag !== tag) seen = { tag, bytes: await read() };
      this.#seen.set(key, seen);
      found.set(key, seen.bytes);
    };
    if (this.onS3) {
      const listed = await this.witness.list(`${this.id}/`);
      for (const { key, etag } of listed)
        await take(key.slice(this.id.length + 1), etag, async () =>
          Buffer.from((await this.witness.get(key))?.body ?? []),
        );
    } else
      for (const path of filesBelow(this.at('cache'))) {
        const { ino, mtimeMs, size } = statSync(this.at('cache', path));
        if (!/(^|\/)\.stepaside-tmp-/.test(path))
          await take(path, `${ino} ${mtimeMs} ${size}`, () => readFileSync(this.at('cache', path)));
      }
    return found;
  }

  /** What is there against what was promised. */
  async wrongs(): Promise<readonly string[]> {
    const objects = await this.objects();
    const wrong = [...misnamed(objects), ...brokenIn(objects)];
    for (const [digest, expected] of this.promised) {
      const found = contentsOf(objects, digest);
      if ('missing' in found) wrong.push(`lost: ${digest} was promised, and ${found.missing} is missing`);
      else if (found.join('\n') !== expected.join('\n')) wrong.push(`${digest} holds ${found.join(' ')}`);
    }
    return wrong;
  }

  /** Temporary names anywhere: a killed process leaves one or two. */
  litter(): number {
    return filesBelow(this.folder, true).filter((path) => /(^|\/)\.stepaside-tmp-[^/]*$/.test(path)).length;
  }

  /** The store as it is, to begin from again. */
  async save(): Promise<() => Promise<void>> {
    if (!this.onS3) {
      cpSync(this.at('cache'), this.at('saved'), { recursive: true, preserveTimestamps: true });
      return async () => {
        rmSync(this.at('cache'), { recursive: true, force: true });
        cpSync(this.at('saved'), this.at('cache'), { recursive: true, preserveTimestamps: true });
      };
    }
    const saved = await this.objects();
    return async () => {
      const there = new Set((await this.witness.list(`${this.id}/`)).map(({ key }) => key.slice(this.id.length + 1)));
      for (const key of there) if (!saved.has(key)) await this.witness.remove(`${this.id}/${key}`);
      for (const [key, bytes] of saved) if (!there.has(key)) await this.witness.put(`${this.id}/${key}`, bytes);
    };
  }
}

/** `path mode digest` of each file, and `path/` of empty folders, in the order of bytes. */
export function treeAt(folder: string): readonly string[] {
  const rows: { readonly order: string; readonly row: string }[] = [];
  const walk = (below: string) => {
    const entries = readdirSync(join(folder, below), { withFileTypes: true });
    if (entries.length === 0 && below !== '') rows.push({ order: below, row: below });
    for (const entry of entries) {
      const path = `${below}${entry.name}`;
      if (entry.isDirectory()) walk(`${path}/`);
      else {
        const mode = statSync(join(folder, path)).mode & 0o777;
        rows.push({ order: path, row: `${path} ${mode} ${blake3(readFileSync(join(folder, path)))}` });
      }
    }
  };
  walk('');
  return rows.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ row }) => row);
}

function filesBelow(folder: string, folders = false): readonly string[] {
  const found: string[] = [];
  const walk = (below: string) => {
    let entries: ReturnType<typeof entriesIn>;
    try {
      entries = entriesIn(join(folder, below));
    } catch {
      return;
    }
    for (const entry of entries) {
      if (folders || entry.isFile()) found.push(`${below}${entry.name}`);
      if (entry.isDirectory()) walk(`${below}${entry.name}/`);
    }
  };
  walk('');
  return found;
}

function entriesIn(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}
