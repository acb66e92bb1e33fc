import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { maxAge } from '../core/freshness.js';
import { isTree, parseLocation } from '../core/location.js';
import { OUR_MARKER } from '../core/marker.js';
import type { Output } from '../core/step.js';
import type { Outcome } from '../engine/events.js';
import type { Seen, Subject } from '../engine/situation.js';
import type { OpenEngine } from '../open-engine.js';
import { diskPath } from '../preset.js';
import type { Asked, Grounds } from '../quick/leave-hint.js';
import { CONFIG_NAME, findConfig } from '../spec/find-config.js';
import type { Terminal } from './terminal.js';

export function askingOf({ cwd, env }: Terminal): Asked {
  return { argv: process.argv.slice(2), cwd, env };
}

/**
 * Watches a run and gathers what its answers hang on, as far as all of it lies on disks of this machine: then the next
 * one who asks the same need not load any of this. Whatever is out of the ordinary makes it give up.
 */
export class HintNotes {
  readonly #epoch: { readonly path: string; readonly text: string } | undefined;
  readonly #begun = Date.now();
  readonly #engine: OpenEngine;
  readonly #inputs = new Map<string, string>();
  readonly #files = new Set<string>();
  readonly #trees = new Set<string>();
  readonly #searched = new Map<string, boolean>();
  #until = Number.POSITIVE_INFINITY;
  #sure = true;

  constructor(engine: OpenEngine) {
    this.#engine = engine;
    this.#epoch = engine.epochFile === undefined ? undefined : epochAt(engine.epochFile);
    if (!this.#epoch) this.#sure = false;
  }

  /** A step ended: what did that hang on? */
  see({ workflow, instance }: Subject, seen: Seen, outcome: Outcome): void {
    if (!this.#sure) return;
    const { step, resolved } = instance;
    const sure =
      // A hint holds the words and texts that were given, and no secret may stand in it.
      Object.values(workflow.params).every(({ secret }) => !secret) &&
      outcome.status === 'avoided' &&
      outcome.verdict.reason === 'parts-match' &&
      resolved.when === undefined &&
      resolved.inputs.paths.length === 0 &&
      workflow.policies[step.policy]!.withRecord === 'parts' &&
      this.#seeInputs(workflow.folder, resolved.inputs.files, seen) &&
      resolved.outputs.every((output) => this.#seeOutput(output));
    if (!sure) this.#sure = false;
    const { maxAgeMs, maxStalenessMs } = step.memoize;
    const limit = maxAge({
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      ...(maxStalenessMs === undefined ? {} : { maxStalenessMs }),
      limits: this.#engine.limits,
    });
    // Whichever record it was: none is older than the oldest.
    if (limit !== undefined)
      for (const { producedAt } of seen.stored) this.#until = Math.min(this.#until, producedAt + limit);
  }

  grounds(folder: string, texts: readonly string[], absent: readonly string[] = []): Grounds | undefined {
    if (!this.#sure || !this.#epoch) return undefined;
    const config = findConfig(folder);
    return {
      epoch: this.#epoch,
      begun: this.#begun,
      texts: [...texts, ...(config === undefined ? [] : [config])],
      absent: [...absent, ...configsBefore(config, folder)],
      inputs: this.#inputs,
      files: [...this.#files],
      trees: [...this.#trees],
      searched: this.#searched,
      until: Number.isFinite(this.#until) ? this.#until : undefined,
    };
  }

  /** Names were looked for in this folder, and in those below it. */
  search(folder: string, below: boolean): void {
    this.#searched.set(folder, below || this.#searched.get(folder) === true);
  }

  #seeInputs(folder: string, patterns: readonly string[], { keyed }: Seen): boolean {
    for (const { group, name, value } of keyed.components)
      if (group === 'files') this.#inputs.set(resolve(folder, name!), String(value));
    // A pattern's answer hangs on which names there are, in every folder it goes through.
    for (const pattern of patterns) {
      if (pattern.startsWith('!') || !MAGIC.test(pattern)) continue;
      const base = pattern.split('/').slice(0, -1);
      const magic = base.findIndex((segment) => MAGIC.test(segment));
      this.search(resolve(folder, ...(magic < 0 ? base : base.slice(0, magic))), magic >= 0);
    }
    return true;
  }

  #seeOutput({ path, probe, marker, match }: Output): boolean {
    if (path === undefined || probe !== undefined) return false;
    const at = this.#onDisk(path);
    if (at === undefined) return false;
    if (isTree(parseLocation(path))) this.#trees.add(at);
    else this.#files.add(at);
    const name = marker ?? (match === undefined ? undefined : OUR_MARKER);
    if (name === undefined) return true;
    const marked = this.#onDisk(name.includes('://') || name.startsWith('/') ? name : join(path, name));
    if (marked === undefined) return false;
    this.#files.add(marked);
    return true;
  }

  /** Where it really is, if that is a disk of this machine. */
  #onDisk(text: string): string | undefined {
    const location = parseLocation(text);
    const { stores, folder } = this.#engine.naming;
    if (location.kind === 's3' || this.#engine.places.at(location).store.traits.remote) return undefined;
    return diskPath(location, { folder, config: { stores } });
  }
}

/** What makes a name a pattern; an escaped one is taken for a pattern, which is only slower. */
const MAGIC = /[*?[\]{}()!+@|\\]/;

/** Where a config would be found before this one, and is none. */
function configsBefore(found: string | undefined, folder: string): readonly string[] {
  const none: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, CONFIG_NAME);
    if (file === found) return none;
    none.push(file);
    if (dirname(at) === at) return none;
  }
}

function epochAt(path: string): { readonly path: string; readonly text: string } | undefined {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch {
    try {
      // A cache that has none yet: it gets one before anything is looked at.
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${Date.now()} ${process.pid}\n`, { flag: 'wx' });
      return { path, text: readFileSync(path, 'utf8') };
    } catch {
      return undefined;
    }
  }
}
