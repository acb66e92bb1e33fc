import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Digest } from '../core/brand.js';
import type { Hash } from '../core/hash.js';
import type { Part } from '../core/parts.js';
import { RACY_MS } from '../core/racy.js';

/** A file on a disk of this machine, at the moment when somebody looked. */
export interface FileVersion {
  readonly size: number;
  readonly file: NonNullable<Part['file']>;
}

/** Smaller files are read as soon as one could look up what was in them. */
const LARGE = 256 * 1024;
const MOST = 20_000;

type Row = readonly [name: string, version: string, digest: Digest];

/**
 * What was in large inputs when they were last read: who has not changed since then in size, times and inode is not read
 * again. A hint beside the workflow, for this boot; whatever is wrong with it, everything is read. `--rehash` asks nothing.
 */
export class KnownDigests {
  readonly #path: string;
  readonly #hash: Hash;
  readonly #boot: string;
  readonly #believed: boolean;
  #known: Map<string, readonly [version: string, digest: Digest]> | undefined;
  #isNew = false;

  /** Something is to be saved. */
  get isNew(): boolean {
    return this.#isNew;
  }

  constructor(path: string, { hash, boot, believed }: { hash: Hash; boot: string; believed: boolean }) {
    this.#path = path;
    this.#hash = hash;
    this.#boot = boot;
    this.#believed = believed;
  }

  /** Of this very version of a file. */
  find(name: string, at: FileVersion): Digest | undefined {
    if (at.size < LARGE || !this.#believed) return undefined;
    this.#known ??= this.#read();
    const [version, digest] = this.#known.get(name) ?? [];
    return version === textOf(at) ? digest : undefined;
  }

  /** It was read after `begun`, and was this version before and after. */
  keep(name: string, at: FileVersion, digest: Digest, begun: number): void {
    if (at.size < LARGE || this.#boot === '?') return;
    const { mtimeNs, ctimeNs } = at.file;
    const changed = Math.max(Number(BigInt(mtimeNs) / 1_000_000n), Number(BigInt(ctimeNs) / 1_000_000n));
    if (changed >= begun - RACY_MS) return;
    this.#known ??= this.#read();
    // The latest last: who is asked about no more is dropped first.
    this.#known.delete(name);
    this.#known.set(name, [textOf(at), digest]);
    this.#isNew = true;
  }

  /** Best effort: who cannot write here reads again next time. */
  save(): void {
    if (!this.#isNew || this.#known === undefined) return;
    const rows: Row[] = [...this.#known].slice(-MOST).map(([name, [version, digest]]) => [name, version, digest]);
    const line = JSON.stringify({ boot: this.#boot, files: rows });
    const own = `${this.#path}.${process.pid}`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(own, `${line}\n${this.#sum(line)}\n`);
      renameSync(own, this.#path);
    } catch {}
  }

  #read(): Map<string, readonly [string, Digest]> {
    try {
      const [line = '', sum] = readFileSync(this.#path, 'utf8').split('\n');
      if (sum !== this.#sum(line)) return new Map();
      const { boot, files } = JSON.parse(line) as { readonly boot: string; readonly files: readonly Row[] };
      return new Map(boot === this.#boot ? files.map(([name, version, digest]) => [name, [version, digest]]) : []);
    } catch {
      return new Map();
    }
  }

  #sum(line: string): Digest {
    return this.#hash.digest(new TextEncoder().encode(line));
  }
}

function textOf({ size, file: { mtimeNs, ctimeNs, inode } }: FileVersion): string {
  if (__SABOTAGE__ === 'ctime-forgotten') return `${size} ${mtimeNs} ${inode}`;
  return `${size} ${mtimeNs} ${ctimeNs} ${inode}`;
}
